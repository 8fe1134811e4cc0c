package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDepth is how deep a body may nest. The deepest that the API defines is four.
const maxDepth = 16

// decodeBody reads the whole body of r, at most limit bytes, into v, which points to a struct.
// Errors are *problem, ready to be answered.
func decodeBody(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	data, err := readBody(w, r, limit)
	if err != nil {
		return err
	}
	return decode(data, v)
}

// readBody reads the whole body of r, at most limit bytes, where it is JSON in UTF-8, or of a further media type.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, further ...string) ([]byte, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !slices.Contains(further, media) {
		return nil, newProblem(http.StatusUnsupportedMediaType, "the body must be application/json").
			with("Accept", "application/json")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return nil, newProblem(http.StatusUnsupportedMediaType, "the body must be UTF-8, which JSON is without a charset too")
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, newProblem(http.StatusUnsupportedMediaType, "a compressed body is not read: send it without Content-Encoding").
			with("Accept-Encoding", "identity")
	}
	return readAll(w, r, limit)
}

// readAll reads the whole body of r, at most limit bytes.
func readAll(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", limit))
		}
		if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() {
			return nil, newProblem(http.StatusRequestTimeout, "the body did not arrive in time")
		}
		return nil, newProblem(http.StatusBadRequest, "the body did not arrive whole")
	}
	return data, nil
}

// decode reads one JSON value into v, a pointer to a struct, more strictly than encoding/json does: names match
// to the letter, occur once and are known; nothing follows the value; text is valid Unicode. All faults of a body
// are reported together, each with its JSON Pointer. An optional field may be null, which is as good as absent.
func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return newProblem(http.StatusBadRequest, "the body is not UTF-8")
	}
	d := &decoder{json: json.NewDecoder(bytes.NewReader(data))}
	d.json.UseNumber()
	err := d.value("", reflect.TypeOf(v).Elem(), 0)
	if err == nil {
		if _, end := d.json.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows the JSON value")
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends too early")
		}
		return newProblem(http.StatusBadRequest, "the body is not one JSON value: "+sayUnreadable(err))
	}
	if len(d.faults) > 0 {
		return invalid(d.faults...)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return newProblem(http.StatusBadRequest, "the body cannot be read: "+sayUnreadable(err))
	}
	return nil
}

// decoder walks a JSON value beside the type that it is meant for.
type decoder struct {
	json   *json.Decoder
	faults []fault
}

func (d *decoder) fault(pointer, format string, args ...any) {
	d.faults = append(d.faults, fault{Pointer: "#" + pointer, Detail: fmt.Sprintf(format, args...)})
}

// sayUnreadable says what is wrong with JSON in the terms of who sent it, and not in those of Go.
func sayUnreadable(err error) string {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return strings.TrimPrefix(e.Error(), "json: ") + " at byte " + strconv.FormatInt(e.Offset, 10)
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		at := "the whole"
		if e.Field != "" {
			at = e.Field
		}
		return at + " must not be a JSON " + e.Value
	}
	if e, ok := errors.AsType[*time.ParseError](err); ok {
		return fmt.Sprintf("%q is no time of RFC 3339", strings.Trim(e.Value, `"`))
	}
	if strings.HasPrefix(err.Error(), "Time.") {
		return "a time must be a JSON string"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// timeForm is the form of RFC 3339, section 5.6, with the letters T and Z as capitals, as it allows to ask.
var timeForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])$`)

// parseTime reads a time of RFC 3339 and nothing that time.Parse takes besides, such as a comma before the fraction, an hour
// of one digit or an offset of 24 hours. A leap second is none.
func parseTime(s string) (time.Time, error) {
	if !timeForm.MatchString(s) {
		return time.Time{}, fmt.Errorf("%q is no time of RFC 3339", s)
	}
	return time.Parse(time.RFC3339, s)
}

var timeType = reflect.TypeFor[time.Time]()

// value reads one value at pointer. A nil type accepts anything: it stands for what has been refused already.
func (d *decoder) value(pointer string, t reflect.Type, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("it nests deeper than %d", maxDepth)
	}
	token, err := d.json.Token()
	if err != nil {
		return err
	}
	if t != nil && t.Kind() == reflect.Pointer {
		if token == nil {
			return nil
		}
		t = t.Elem()
	}
	want := ""
	if t != nil {
		switch {
		case t == timeType:
			want = "a time of RFC 3339"
		case t.Kind() == reflect.String:
			want = "a string"
		case t.Kind() == reflect.Slice:
			want = "an array"
		case t.Kind() == reflect.Struct:
			want = "an object"
		default:
			return fmt.Errorf("the service cannot read a %s", t)
		}
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			if want != "" && want != "an object" {
				d.fault(pointer, "must be %s", want)
				t = nil
			}
			return d.object(pointer, t, depth)
		}
		if want != "" && want != "an array" {
			d.fault(pointer, "must be %s", want)
			t = nil
		}
		return d.array(pointer, t, depth)
	case string:
		if strings.ContainsRune(token, utf8.RuneError) {
			// What encoding/json makes of half a surrogate pair, and what others make of bytes they lost.
			d.fault(pointer, "has a character that is not valid Unicode")
		}
		if want == "a time of RFC 3339" {
			if _, err := parseTime(token); err == nil {
				return nil
			}
		} else if want == "" || want == "a string" {
			return nil
		}
	default:
		if want == "" {
			return nil
		}
	}
	d.fault(pointer, "must be %s", want)
	return nil
}

func (d *decoder) object(pointer string, t reflect.Type, depth int) error {
	seen := map[string]bool{}
	for d.json.More() {
		token, err := d.json.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return errors.New("a name of an object is not a string")
		}
		at := pointer + "/" + escape(name)
		var field reflect.Type
		if t != nil {
			if field = fieldType(t, name); field == nil {
				d.fault(at, "is not a field that this request has")
			}
		}
		if seen[name] {
			d.fault(at, "occurs more than once")
		}
		seen[name] = true
		if err := d.value(at, field, depth+1); err != nil {
			return err
		}
	}
	_, err := d.json.Token()
	return err
}

// escape writes a name as a part of a JSON Pointer.
func escape(name string) string {
	// Names that are known need none, and a Replacer costs more than all the rest of a field.
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

func (d *decoder) array(pointer string, t reflect.Type, depth int) error {
	var element reflect.Type
	if t != nil {
		element = t.Elem()
	}
	for i := 0; d.json.More(); i++ {
		if err := d.value(pointer+"/"+strconv.Itoa(i), element, depth+1); err != nil {
			return err
		}
	}
	_, err := d.json.Token()
	return err
}

// fieldType is the type of the field that has this JSON name to the letter, or nil.
func fieldType(t reflect.Type, name string) reflect.Type {
	for field := range t.Fields() {
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name && tag != "-" {
			return field.Type
		}
	}
	return nil
}
