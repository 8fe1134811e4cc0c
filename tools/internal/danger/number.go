package danger

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// count is a whole number that a field holds; false where it holds none.
func count(o *manifest.Object, path manifest.Path) (int64, bool) {
	switch v := manifest.At(o.Value, path...).(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == float64(int64(v))
	}
	return 0, false
}

// quantity is one that a field holds; false where it holds none.
func quantity(o *manifest.Object, path manifest.Path) (resource.Quantity, bool) {
	value := manifest.At(o.Value, path...)
	if value == nil {
		return resource.Quantity{}, false
	}
	q, err := manifest.ParseQuantity(fmt.Sprint(value))
	return q, err == nil
}
