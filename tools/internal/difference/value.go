package difference

import (
	"encoding/json"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// same reports whether two values are the same to whoever reads JSON: 1 and 1.0 are.
func same(a, b any) bool {
	return equal(a, b, func(a, b any) bool {
		switch a := a.(type) {
		case int64:
			if f, ok := b.(float64); ok {
				return isInteger(f) && int64(f) == a
			}
		case float64:
			if i, ok := b.(int64); ok {
				return isInteger(a) && int64(a) == i
			}
		}
		return a == b
	})
}

// isInteger reports a number that int64 has as it is.
func isInteger(f float64) bool { return f == float64(int64(f)) && f < 1<<53 && f > -1<<53 }

func identical(a, b any) bool { return equal(a, b, func(a, b any) bool { return a == b }) }

// equal compares decoded content.
func equal(a, b any, scalars func(a, b any) bool) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			if other, has := b[name]; !has || !equal(value, other, scalars) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, func(x, y any) bool { return equal(x, y, scalars) })
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return scalars(a, b)
}

// empty reports a value that says nothing where the type of a field leaves out what is empty.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, field := range v {
			if !empty(field) {
				return false
			}
		}
		return true
	}
	return false
}

// areQuantities reports whether two values are the same amount.
func areQuantities(a, b any) bool {
	from, ok := quantityOf(a)
	to, also := quantityOf(b)
	return ok && also && from.Cmp(to) == 0
}

func quantityOf(value any) (resource.Quantity, bool) {
	switch value.(type) {
	case string, int64, float64:
	default:
		return resource.Quantity{}, false
	}
	text, isText := value.(string)
	if !isText {
		written, err := json.Marshal(value)
		if err != nil {
			return resource.Quantity{}, false
		}
		text = string(written)
	}
	q, err := manifest.ParseQuantity(text)
	return q, err == nil
}

// areDurations reports whether two texts are the same time.
func areDurations(a, b any) bool {
	from, ok := a.(string)
	to, also := b.(string)
	if !ok || !also {
		return false
	}
	was, err := time.ParseDuration(from)
	is, otherErr := time.ParseDuration(to)
	return err == nil && otherErr == nil && was == is
}
