package custom

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	resourceapi "k8s.io/api/resource/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// The time to compile a CEL expression grows with the square of its length, and with more than that of its depth: 85 kB
// of conditions take ten seconds, a list of 200 lists in each other three. The API server has the cost of evaluating
// bounded, not that of compiling. Of the definitions that kgate knows, the longest expression has 182 bytes, and all of
// one kind 4,602.
const (
	longestExpression = 8 << 10   // bytes
	allExpressions    = 128 << 10 // bytes, of one object
	deepestExpression = 32        // brackets in each other
)

// expressionKeys are the fields that hold expressions, of definitions, policies, webhooks and device classes.
func expressionKeys() []string {
	return []string{"rule", "expression", "messageExpression", "valueExpression"}
}

// Excessive returns why the expressions of an object, which may be of any kind, are not compiled. One of its faults is enough
// to refuse it.
func Excessive(value map[string]any) []Fault {
	kind := kindOf(value).GroupKind()
	if kind != definitions && kind.Group != admissionregistration.GroupName && kind.Group != resourceapi.GroupName {
		return immeasurable(value)
	}
	var found []Fault
	fault := func(path []any, format string, args ...any) {
		found = append(found, Fault{Path: slices.Clone(path), Message: fmt.Sprintf(format, args...), Type: typeApply})
	}
	sum := 0
	// The paths of a walk share their memory: a definition has tens of thousands of places.
	var walk func(value any, path []any)
	walk = func(value any, path []any) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				at := append(path, key)
				text, ok := v[key].(string)
				if !ok || !slices.Contains(expressionKeys(), key) {
					walk(v[key], at)
					continue
				}
				sum += len(text)
				if len(text) > longestExpression {
					fault(at, "Too long: kgate compiles expressions of up to %d bytes, and this has %d", longestExpression, len(text))
				} else if n := depth(text); n > deepestExpression {
					fault(at, "Too deep: kgate compiles expressions of up to %d brackets in each other, and this has %d", deepestExpression, n)
				}
			}
		case []any:
			for i, item := range v {
				walk(item, append(path, i))
			}
		}
	}
	walk(value, nil)
	if sum > allExpressions && len(found) == 0 {
		fault(nil, "Too long: kgate compiles up to %d bytes of expressions in one object, and this has %d", allExpressions, sum)
	}
	return found
}

// immeasurable are the quantities of an object with which nothing can count: whoever compares 1e1000000000 with another one writes it
// out. That a field is a quantity is told by its key, or by that of the fields that it is of.
func immeasurable(value map[string]any) []Fault {
	var found []Fault
	var walk func(value any, path []any, of string)
	walk = func(value any, path []any, of string) {
		switch v := value.(type) {
		case map[string]any:
			for key, inner := range v {
				text, isText := inner.(string)
				switch {
				case !isText:
					walk(inner, append(path, key), key)
				case isQuantity(of, key, v) && !manifest.Measurable(text):
					found = append(found, Fault{
						Path: append(slices.Clone(path), key), Type: typeApply,
						Message: fmt.Sprintf("Invalid value: %.30q: a quantity has at most 64 digits, and 4 of an exponent: no server counts with others", text),
					})
				}
			}
		case []any:
			for i, item := range v {
				walk(item, append(path, i), of)
			}
		}
	}
	walk(value, nil, "")
	slices.SortFunc(found, func(a, b Fault) int { return strings.Compare(a.Path.String(), b.Path.String()) })
	return found
}

// isQuantity reports whether a key of fields that are themselves called so is plainly one of a quantity.
func isQuantity(of, key string, fields map[string]any) bool {
	switch of {
	case "requests", "limits", "hard", "capacity", "allocatable", "overhead", "podFixed", "max", "min", "default", "defaultRequest", "maxLimitRequestRatio",
		"minAllowed", "maxAllowed", "used":
		return true
	}
	switch key {
	case "averageValue", "cpu", "divisor", "ephemeral-storage", "memory", "size", "sizeLimit", "storage", "targetAverageValue", "targetValue":
		return true
	case "value":
		return of == "target" || fields["type"] == "Value" || fields["type"] == "AverageValue"
	}
	return false
}

// definitions is the kind that defines others.
var definitions = schema.GroupKind{Group: apiextensionsv1.GroupName, Kind: definitionKind}

// depth is how many brackets stand in each other at most. Those in strings count as well: what is a string is for the
// compiler to say.
func depth(expression string) int {
	deepest, now := 0, 0
	for _, c := range expression {
		switch {
		case strings.ContainsRune("([{", c):
			now++
			deepest = max(deepest, now)
		case strings.ContainsRune(")]}", c):
			now = max(0, now-1)
		}
	}
	return deepest
}
