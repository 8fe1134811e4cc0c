package admission

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// phrases are what follows a field in a sentence, by what the server finds wrong with it. Of a value that is required more is said.
var phrases = []struct {
	of   field.ErrorType
	says string
}{
	{field.ErrorTypeDuplicate, " is a duplicate"},
	{field.ErrorTypeForbidden, " is forbidden"},
	{field.ErrorTypeInvalid, " is invalid"}, // and of another type
	{field.ErrorTypeNotFound, " is not found"},
	{field.ErrorTypeTooFew, " are too few"},
	{field.ErrorTypeTooLong, " is too long"},
	{field.ErrorTypeTooMany, " are too many"},
	{field.ErrorTypeTooShort, " is too short"},
	{field.ErrorTypeNotSupported, " is not supported"},
}

// simple is a value that a message begins with, and what follows it.
var simple = regexp.MustCompile(`(?s)^: ("(?:[^"\\]|\\.)*"|-?[0-9.]+|true|false)(|: .*)$`)

// worded is what the server says of a field, beginning with the field and the value that it has: the server's own words say
// nothing without these.
func worded(object *manifest.Object, path manifest.Path, f fault.Fault) string {
	if len(path) == 0 {
		return f.Message
	}
	if detail, ok := strings.CutPrefix(f.Message, field.ErrorTypeRequired.String()); ok {
		return path.Tail().String() + lacks(object, path, detail)
	}
	for _, j := range phrases {
		rest, ok := strings.CutPrefix(f.Message, j.of.String())
		if !ok {
			continue
		}
		value, detail := "", rest
		if cut, ok := strings.CutSuffix(rest, ": "+f.Detail); ok && f.Detail != "" {
			value, detail = cut, ": "+f.Detail
		} else if m := simple.FindStringSubmatch(rest); m != nil {
			value, detail = m[1], m[2]
		}
		return path.Tail().String() + shown(path, f, strings.TrimPrefix(value, ": ")) + saysOf(path, j.says) + detail
	}
	return f.Message
}

// shown is the value of a field as a sentence has it: none of an object or a list, nor what the path says already.
func shown(path manifest.Path, f fault.Fault, value string) string {
	switch {
	case value == "", value == "null", len(value) > 80, strings.ContainsAny(value[:1], "{["), value == strconv.Quote(fmt.Sprint(path[len(path)-1])):
		return ""
	case f.Type == string(field.ErrorTypeTypeInvalid): // the name of the type
		return ""
	}
	return " " + value
}

// saysOf is what is wrong, in the field's own words where it has some.
func saysOf(path manifest.Path, says string) string {
	if n := len(path); says == " is not found" && n > 2 && (path[n-3] == "volumeMounts" || path[n-3] == "volumeDevices") {
		return " is no volume of the pod"
	}
	return says
}

// lacks is what is wrong with a field that needs a value, or another one.
func lacks(object *manifest.Object, path manifest.Path, detail string) string {
	value, _ := path.Lookup(object.Value)
	switch v := value.(type) {
	case nil:
		return " is missing" + detail
	case map[string]any:
		if len(v) > 0 && detail != "" {
			return detail
		}
	case []any:
		if len(v) > 0 && detail != "" {
			return detail
		}
	default:
		switch text := short(object, path, value); {
		case v == "" || detail == "":
		case text != "":
			return " " + text + detail
		default:
			return detail // it is secret, or long
		}
	}
	return " is empty" + detail
}

// mismatch is a template whose labels are not what the selector of its workload asks for.
type mismatch struct {
	path    manifest.Path // the label, or the labels
	with    manifest.Path // what the selector says of it
	message string
	mend    *check.Mend
}

// mismatchOf looks for one where the server refuses the labels of a template; nil for anything else.
func mismatchOf(object map[string]any, path manifest.Path) *mismatch {
	at := manifest.Path{"spec", "template", "metadata", "labels"}
	asks := manifest.Path{"spec", "selector", "matchLabels"}
	if path.String() != at.String() {
		return nil
	}
	wanted, _ := manifest.At(object, asks...).(map[string]any)
	labels, _ := manifest.At(object, at...).(map[string]any)
	meant := maps.Clone(labels)
	if meant == nil {
		meant = map[string]any{}
	}
	var differ []string
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		if label, ok := labels[key]; !ok || label != wanted[key] {
			differ = append(differ, key)
			meant[key] = wanted[key]
		}
	}
	if len(differ) == 0 {
		return nil
	}
	m := &mismatch{path: at, with: asks, mend: &check.Mend{Path: at, Set: meant}}
	var said []string
	for _, key := range differ {
		has := "none"
		if label, ok := labels[key]; ok {
			has = fmt.Sprintf("%q", fmt.Sprint(label))
		}
		said = append(said, fmt.Sprintf("it asks for %s %q, and they have %s", key, fmt.Sprint(wanted[key]), has))
	}
	if len(differ) == 1 {
		m.with = append(slices.Clip(asks), differ[0])
		if _, ok := labels[differ[0]]; ok {
			m.path = append(slices.Clip(at), differ[0])
		}
	}
	m.message = "`selector` does not match template `labels`: " + strings.Join(said, "; ")
	return m
}
