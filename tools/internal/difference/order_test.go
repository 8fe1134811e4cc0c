package difference

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestOrders holds that each entry of orders is of a list that its kinds have.
func TestOrders(t *testing.T) {
	server := admission.New(definition.New())
	apiVersions := map[string][]string{ // by group/Kind
		"security.istio.io/AuthorizationPolicy": {"security.istio.io/v1"},
		"monitoring.coreos.com/ServiceMonitor":  {"monitoring.coreos.com/v1"},
		"monitoring.coreos.com/PodMonitor":      {"monitoring.coreos.com/v1"},
	}
	for _, kind := range builtin.New().Kinds() {
		key := kind.Group + "/" + kind.Kind
		apiVersions[key] = append(apiVersions[key], kind.GroupVersion().String())
	}
	apiVersions["apiextensions.k8s.io/CustomResourceDefinition"] = []string{"apiextensions.k8s.io/v1"}
	lists := map[string][][]string{} // by group/Kind
	for key, versions := range apiVersions {
		_, kind, _ := strings.Cut(key, "/")
		for _, version := range versions {
			o, err := manifest.Encode(map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "a"}})
			if err != nil {
				t.Fatal(err)
			}
			stored, err := server.Stored(context.Background(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			eachList(stored.Type, nil, func(names []string) { lists[key] = append(lists[key], names) })
		}
	}
	for _, o := range orders {
		if o.why == "" {
			t.Errorf("%s: no reason", o.field)
		}
		kinds := o.of
		if kinds == nil {
			kinds = slices.Collect(maps.Keys(lists))
		}
		if !slices.ContainsFunc(kinds, func(key string) bool {
			return slices.ContainsFunc(lists[key], func(names []string) bool { return ends(names, o.field) })
		}) {
			t.Errorf("%s is no list of %s", o.field, cmp.Or(strings.Join(o.of, ", "), "any kind"))
		}
		for _, key := range o.of {
			if lists[key] == nil {
				t.Errorf("%s: nobody knows %s", o.field, key)
			}
		}
	}
}

// eachList visits the lists of a type.
func eachList(t admission.Type, at []string, visit func([]string)) {
	if t.IsList() {
		visit(at)
		eachList(t.Item(), at, visit)
	}
	for _, name := range t.Names() {
		if name != "managedFields" && !slices.Contains(at, name) { // a schema may hold itself
			eachList(t.Field(name), append(at[:len(at):len(at)], name), visit)
		}
	}
}
