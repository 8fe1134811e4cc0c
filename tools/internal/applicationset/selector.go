package applicationset

import (
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// selector is a label selector whose values may be any text.
type selector []requirement

type requirement struct {
	key, operator string
	values        []string
}

// selectorOf reads a selector; nil where there is none.
func selectorOf(value any) (*selector, error) {
	if value == nil {
		return nil, nil
	}
	var all selector
	labels, _ := manifest.At(value, "matchLabels").(map[string]any)
	for key, v := range labels {
		text, _ := v.(string)
		all = append(all, requirement{key, "In", []string{text}})
	}
	for _, item := range manifest.ListAt(value, "matchExpressions") {
		r := requirement{key: manifest.TextAt(item, "key"), operator: manifest.TextAt(item, "operator")}
		for _, v := range manifest.ListAt(item, "values") {
			text, _ := v.(string)
			r.values = append(r.values, text)
		}
		switch r.operator {
		case "In", "NotIn":
			if len(r.values) == 0 {
				return nil, fmt.Errorf("%s of a selector has no values for %s", r.key, r.operator)
			}
		case "Exists", "DoesNotExist":
			if len(r.values) > 0 {
				return nil, fmt.Errorf("%s of a selector has values for %s", r.key, r.operator)
			}
		default:
			return nil, fmt.Errorf("%q is no operator of a selector", r.operator)
		}
		all = append(all, r)
	}
	for _, r := range all {
		if faults := validation.IsQualifiedName(r.key); len(faults) > 0 {
			return nil, fmt.Errorf("the key %q of a selector: %s", r.key, faults[0])
		}
	}
	return &all, nil
}

func (s *selector) matches(labels map[string]string) bool {
	for _, r := range *s {
		value, has := labels[r.key]
		in := has && slices.Contains(r.values, value)
		switch r.operator {
		case "In":
			if !in {
				return false
			}
		case "NotIn":
			if in {
				return false
			}
		case "Exists":
			if !has {
				return false
			}
		case "DoesNotExist":
			if has {
				return false
			}
		}
	}
	return true
}

// flatten gives each value that holds no other one the names that lead to it, with dots between.
func flatten(params map[string]any) map[string]string {
	flat := map[string]string{}
	var add func(key string, value any)
	add = func(key string, value any) {
		below := func(name string) string {
			if key == "" {
				return name
			}
			return key + "." + name
		}
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				add(below(name), inner)
			}
		case map[string]string:
			for name, inner := range v {
				add(below(name), inner)
			}
		case []any:
			for i, inner := range v {
				add(below(strconv.Itoa(i)), inner)
			}
		default:
			flat[key] = fmt.Sprint(value)
		}
	}
	add("", params)
	return flat
}
