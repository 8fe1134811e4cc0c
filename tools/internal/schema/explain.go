package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"github.com/yannh/kubeconform/pkg/validator"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// A detail is a schema in the hands of the library beneath kubeconform.
// kubeconform gives the verdict, but of a fault that lies deeper than the first
// reference it reports neither place nor cause; for those the object is
// validated a second time, and only where it failed.
type detail struct {
	schema   *jsonschema.Schema
	document any // the schema itself, decoded
}

func newDetail(text []byte) (*detail, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	const location = "file:///schema.json"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	compiler.RegisterFormat(&jsonschema.Format{Name: "duration", Validate: duration})
	if err := compiler.AddResource(location, document); err != nil {
		return nil, err
	}
	schema, err := compiler.Compile(location)
	if err != nil {
		return nil, err
	}
	return &detail{schema, document}, nil
}

// duration refuses what neither Go nor ISO 8601 can mean. Of the latter
// kubeconform decides.
func duration(v any) error {
	s, ok := v.(string)
	if !ok || strings.HasPrefix(s, "P") {
		return nil
	}
	_, err := time.ParseDuration(s)
	return err
}

// explain finds the places and causes of a failed validation.
func (c *compiled) explain(doc []byte, result validator.Result) ([]Violation, error) {
	d, err := c.detail()
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := yaml.Unmarshal(doc, &object); err != nil {
		return nil, err
	}
	e := explainer{object: object, schema: d.document}
	// The values of a Secret must not get into a report.
	e.hideValues = object["kind"] == "Secret"
	var failed *jsonschema.ValidationError
	if err := d.schema.Validate(object); errors.As(err, &failed) {
		e.visit(failed)
	}
	if len(e.found) > 0 {
		return e.found, nil
	}
	for _, v := range result.ValidationErrors {
		e.add(strings.FieldsFunc(v.Path, func(r rune) bool { return r == '/' }), "%s", v.Msg)
	}
	if len(e.found) == 0 {
		e.add(nil, "does not match its schema")
	}
	return e.found, nil
}

type explainer struct {
	object     any
	schema     any
	hideValues bool
	found      []Violation
}

func (e *explainer) add(location []string, format string, args ...any) {
	path, _ := manifest.Follow(e.object, location)
	e.found = append(e.found, Violation{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (e *explainer) at(location []string) any {
	_, found := manifest.Follow(e.object, location)
	return found
}

// show writes a value as JSON, shortened.
func (e *explainer) show(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case nil:
		return "null"
	default:
		if f, isNumber := v.(float64); e.hideValues || isNumber && !isExact(f) {
			return "the value"
		}
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(v); err != nil {
			return fmt.Sprint(v)
		}
		shown := []rune(strings.TrimSuffix(text.String(), "\n"))
		if len(shown) > 80 {
			return string(shown[:77]) + "..."
		}
		return string(shown)
	}
}

func (e *explainer) visit(failed *jsonschema.ValidationError) {
	at := failed.InstanceLocation
	switch k := failed.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, field := range k.Properties {
			e.add(append(slices.Clone(at), field), "unknown field %q", field)
			e.found[len(e.found)-1].holder = failed.SchemaURL
		}
	case *kind.Required:
		for _, field := range k.Missing {
			path, _ := manifest.Follow(e.object, append(slices.Clone(at), field))
			e.add(append(slices.Clone(at), field), "%s", missing(path))
		}
	case *kind.Type:
		e.add(at, "%s, must be %s%s", e.is(at), allowed(k.Want), e.unquoted(at, k.Want))
	case *kind.Enum:
		var want []string
		for _, w := range k.Want {
			if w != nil {
				want = append(want, (&explainer{}).show(w))
			}
		}
		e.add(at, "%s must be %s", e.show(e.at(at)), either(want))
	case *kind.Pattern:
		switch k.Want {
		case quantityPattern, crdQuantityPattern:
			e.add(at, "%s is not a quantity such as 500m, 2 or 1Gi", e.show(e.at(at)))
		case base64Pattern:
			e.add(at, "the value is not base64")
		default:
			e.add(at, "%s must match %s", e.show(e.at(at)), k.Want)
		}
	case *kind.Minimum:
		want, _ := k.Want.Float64()
		e.add(at, "%s is less than %s, the least allowed", e.show(e.at(at)), number(want))
	case *kind.Maximum:
		want, _ := k.Want.Float64()
		e.add(at, "%s is more than %s, the most allowed", e.show(e.at(at)), number(want))
	case *kind.MinLength:
		e.add(at, "%s has %d characters, at least %d are needed", e.show(e.at(at)), k.Got, k.Want)
	case *kind.MaxLength:
		e.add(at, "%s has %d characters, at most %d are allowed", e.show(e.at(at)), k.Got, k.Want)
	case *kind.MinItems:
		e.add(at, "the list has %d items, at least %d are needed", k.Got, k.Want)
	case *kind.MaxItems:
		e.add(at, "the list has %d items, at most %d are allowed", k.Got, k.Want)
	case *kind.Format:
		e.add(at, "%s is not a %s", e.show(e.at(at)), k.Want)
	case *kind.OneOf:
		if fields := e.setTogether(failed, k.Subschemas); len(fields) > 1 {
			e.add(at, "%s are set together, only one of them is allowed", strings.Join(fields, " and "))
			return
		}
		e.branches(failed, len(k.Subschemas) > 1)
	case *kind.AnyOf:
		e.branches(failed, false)
	default:
		if len(failed.Causes) == 0 {
			e.add(at, "%s", strings.ToLower(failed.ErrorKind.LocalizedString(message.NewPrinter(language.English))))
			return
		}
		for _, cause := range failed.Causes {
			e.visit(cause)
		}
	}
}

// branches explains alternatives of which none fits, or more than one.
func (e *explainer) branches(failed *jsonschema.ValidationError, several bool) {
	at := failed.InstanceLocation
	if several {
		e.add(at, "%s fits more than one of the alternatives of which one is allowed", e.show(e.at(at)))
		return
	}
	// "or null" is an alternative that nobody meant.
	causes := slices.DeleteFunc(slices.Clone(failed.Causes), func(cause *jsonschema.ValidationError) bool {
		t, ok := cause.ErrorKind.(*kind.Type)
		return ok && slices.Equal(t.Want, []string{"null"}) && len(cause.InstanceLocation) == len(at)
	})
	if len(causes) == 1 {
		e.visit(causes[0])
		return
	}
	var reasons []string
	for _, cause := range causes {
		branch := explainer{object: e.object, schema: e.schema, hideValues: e.hideValues}
		branch.visit(cause)
		for _, v := range branch.found {
			reasons = append(reasons, v.Message)
		}
	}
	slices.Sort(reasons)
	e.add(at, "%s fits none of the alternatives: %s", e.show(e.at(at)), strings.Join(slices.Compact(reasons), "; "))
}

// setTogether names the fields that alternatives which both fit ask for.
func (e *explainer) setTogether(failed *jsonschema.ValidationError, alternatives []int) []string {
	_, pointer, ok := strings.Cut(failed.SchemaURL, "#")
	if !ok {
		return nil
	}
	_, at := manifest.Follow(e.schema, manifest.Pointer(pointer)[1:])
	holder, _ := at.(map[string]any)
	branches, _ := holder["oneOf"].([]any)
	var fields []string
	for _, i := range alternatives {
		if i >= len(branches) {
			return nil
		}
		branch, _ := branches[i].(map[string]any)
		required, _ := branch["required"].([]any)
		if len(required) != 1 {
			return nil
		}
		fields = append(fields, fmt.Sprintf("%q", required[0]))
	}
	return fields
}

// missing says that a field is not there: of an item, which one it is of.
func missing(path manifest.Path) string {
	if tail := path.Tail(); slices.ContainsFunc(tail, func(step any) bool { _, is := step.(int); return is }) {
		return fmt.Sprintf("required field %s is missing", tail)
	}
	return fmt.Sprintf("required field %q is missing", fmt.Sprint(path[len(path)-1]))
}

// wanted are the types of a schema by what server-side apply calls them.
var wanted = map[string]string{"string": "string", "numeric (int or float)": "number", "boolean": "boolean", "list": "array", "map": "object"}

// mistyped is what server-side apply says of a value of another type, in the words of the other schemas; false for anything else.
func mistyped(object map[string]any, path manifest.Path, message string) (string, bool) {
	said, ok := strings.CutPrefix(message, "expected ")
	name, _, _ := strings.Cut(said, ", got ")
	want := wanted[name]
	value, found := path.Lookup(object)
	if !ok || want == "" || !found {
		return "", false
	}
	if n, ok := value.(int64); ok {
		value = float64(n)
	}
	e := explainer{object: value, hideValues: object["kind"] == "Secret"}
	return fmt.Sprintf("%s, must be %s%s", e.is(nil), allowed([]string{want}), e.unquoted(nil, []string{want})), true
}

// is says what kind of value stands somewhere: `"ten" is a string`.
func (e *explainer) is(location []string) string {
	v := e.at(location)
	switch v.(type) {
	case string:
		return e.show(v) + " is a string"
	case bool:
		return e.show(v) + " is a boolean"
	case float64:
		return e.show(v) + " is a number"
	default:
		return "is " + e.show(v)
	}
}

// unquoted says what to do about a text that YAML took for something else.
func (e *explainer) unquoted(location, want []string) string {
	switch e.at(location).(type) {
	case bool, float64:
		if !slices.ContainsFunc(want, func(t string) bool { return t != "string" && t != "null" }) {
			return ": quote it"
		}
	}
	return ""
}

var articles = map[string]string{
	"string": "a string", "integer": "an integer", "number": "a number",
	"boolean": "a boolean", "object": "an object", "array": "a list",
}

func allowed(types []string) string {
	var names []string
	for _, t := range types {
		if t != "null" || len(types) == 1 {
			names = append(names, articles[t])
		}
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}

func either(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return "one of " + strings.Join(values, ", ")
}

// isExact reports a number that is the one which somebody wrote: beyond, a float64 is rounded.
func isExact(f float64) bool { return math.Abs(f) <= 1<<53-1 || f != math.Trunc(f) }

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// The patterns of values that have a name. The first and the last are written
// by tools/schemas, the other by the generator of CRDs.
const (
	quantityPattern    = `^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?\s*$`
	crdQuantityPattern = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`
	base64Pattern      = `^[\r\n]*(([A-Za-z0-9+/][\r\n]*){4})*(([A-Za-z0-9+/][\r\n]*){2}(=[\r\n]*){2}|([A-Za-z0-9+/][\r\n]*){3}=[\r\n]*)?$`
)
