package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	resourceapi "k8s.io/api/resource/v1"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
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

// excessive returns why the expressions of an object are not compiled. One of its faults is enough to refuse it.
func excessive(object *manifest.Object) []fault.Fault {
	if kindOf(object).GroupKind() != definitionKind && object.Group() != admissionregistration.GroupName && object.Group() != resourceapi.GroupName {
		return nil
	}
	var found []fault.Fault
	sum := 0
	var walk func(value any, path manifest.Path)
	walk = func(value any, path manifest.Path) {
		switch v := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				at := append(slices.Clip(path), key)
				text, ok := v[key].(string)
				if !ok || !slices.Contains(expressionKeys(), key) {
					walk(v[key], at)
					continue
				}
				sum += len(text)
				if len(text) > longestExpression {
					found = append(found, fault.Fault{Path: at, Message: fmt.Sprintf("Too long: kgate compiles expressions of up to %d bytes, and this has %d", longestExpression, len(text))})
				} else if n := depth(text); n > deepestExpression {
					found = append(found, fault.Fault{Path: at, Message: fmt.Sprintf("Too deep: kgate compiles expressions of up to %d brackets in each other, and this has %d", deepestExpression, n)})
				}
			}
		case []any:
			for i, item := range v {
				walk(item, append(slices.Clip(path), i))
			}
		}
	}
	walk(object.Value, nil)
	if sum > allExpressions && len(found) == 0 {
		found = append(found, fault.Fault{Message: fmt.Sprintf("Too long: kgate compiles up to %d bytes of expressions in one object, and this has %d", allExpressions, sum)})
	}
	return found
}

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
