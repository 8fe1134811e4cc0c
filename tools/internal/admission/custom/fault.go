package custom

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Types of faults that are no field.Error of the server.
const (
	typeStrict = "StrictDecodingError" // a field that the server does not know
	typeDecode = "DecodingError"       // a value of another type than the field's
	typeApply  = "ApplyError"          // what server-side apply refuses before validation
)

// undeclared is what the field manager says of a field that the schema does not have.
const undeclared = "field not declared in schema"

// Undeclared reports a field that the schema does not have.
func (f Fault) Undeclared() bool { return f.Type == typeApply && f.Message == undeclared }

// numberedType is how the server's CEL compiler calls the type of self: with a random number, and a report must not
// change from run to run.
var numberedType = regexp.MustCompile(`selfType[0-9]+`)

func fieldFaults(content map[string]any, errs field.ErrorList) []Fault {
	var faults []Fault
	for _, e := range errs {
		faults = append(faults, Fault{Path: resolve(content, e.Field), Message: numberedType.ReplaceAllString(e.ErrorBody(), "selfType"), Type: string(e.Type)})
	}
	return sorted(faults)
}

// sorted puts faults in the order of their paths, those of the whole object last, and drops repetitions: the
// server goes through maps, so that its own order changes from run to run.
func sorted(faults []Fault) []Fault {
	key := func(f Fault) string {
		var b strings.Builder
		for _, step := range f.Path {
			switch step := step.(type) {
			case int:
				fmt.Fprintf(&b, "\x00%09d", step)
			default:
				fmt.Fprintf(&b, "\x00%v", step)
			}
		}
		return b.String()
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		if (len(a.Path) == 0) != (len(b.Path) == 0) {
			return len(b.Path) - len(a.Path)
		}
		return cmp.Or(strings.Compare(key(a), key(b)), strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(faults, func(a, b Fault) bool {
		return a.Message == b.Message && a.Type == b.Type && slices.Equal(a.Path, b.Path)
	})
}

// resolve turns a path as the server writes it (spec.list[2].map[a.b/c].field) into steps. Keys can hold dots and
// brackets, so that the text alone is ambiguous: content decides. What content does not have, a missing field, is
// read as plain names.
func resolve(content any, text string) []any {
	var path []any
	rest := strings.TrimPrefix(text, ".")
	if rest == "<nil>" {
		return nil
	}
	for rest != "" {
		var step any
		var after string
		switch c := content.(type) {
		case map[string]any:
			step, after = longestKey(c, rest)
		case []any:
			if i, tail, ok := index(rest); ok && i < len(c) {
				step, after = i, tail
			}
		}
		if step == nil {
			return append(path, plainSteps(rest)...)
		}
		path = append(path, step)
		switch step := step.(type) {
		case string:
			content = content.(map[string]any)[step]
		case int:
			content = content.([]any)[step]
		}
		rest = strings.TrimPrefix(after, ".")
	}
	return path
}

// longestKey returns the longest key of m that text begins with, and what follows it.
func longestKey(m map[string]any, text string) (step any, after string) {
	best := -1
	for key := range m {
		if len(key) <= best {
			continue
		}
		if tail, ok := strings.CutPrefix(text, "["+key+"]"); ok && ended(tail) {
			step, after, best = key, tail, len(key)
		} else if tail, ok := strings.CutPrefix(text, key); ok && ended(tail) {
			step, after, best = key, tail, len(key)
		}
	}
	return step, after
}

func ended(tail string) bool { return tail == "" || tail[0] == '.' || tail[0] == '[' }

// index reads "[2]" at the start of text.
func index(text string) (i int, after string, ok bool) {
	digits, after, found := strings.Cut(strings.TrimPrefix(text, "["), "]")
	if !found || text[0] != '[' {
		return 0, "", false
	}
	i, err := strconv.Atoi(digits)
	return i, after, err == nil && i >= 0
}

func plainSteps(text string) []any {
	var path []any
	for text != "" {
		if i, after, ok := index(text); ok {
			path, text = append(path, i), strings.TrimPrefix(after, ".")
			continue
		}
		if inner, after, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); ok && text[0] == '[' {
			path, text = append(path, inner), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(text[1:], ".[") + 1
		if end == 0 {
			return append(path, text)
		}
		path, text = append(path, text[:end]), strings.TrimPrefix(text[end:], ".")
	}
	return path
}
