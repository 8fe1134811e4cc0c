package custom

import (
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// filled are fields that an operator's own mutating webhook writes where whoever applies an object leaves them out, and that rules in
// CEL of its definition ask for as if they were always there: mutating admission comes before validation. Without the value the rule
// itself would fail, of objects that every cluster with the operator takes.
var filled = map[schema.GroupKind][]struct {
	path  []string
	value any
}{
	// https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/api/v1/cluster_defaults.go
	{Group: "postgresql.cnpg.io", Kind: "Cluster"}: {
		{[]string{"spec", "postgresql", "synchronous", "dataDurability"}, "required"},
	},
}

// fill makes what the operator of a kind fills in a default of its schema, where that has the field and no default of its own.
func fill(kind schema.GroupKind, top *structural.Structural) {
	for _, f := range filled[kind] {
		fillAt(top, f.path, f.value)
	}
}

func fillAt(at *structural.Structural, path []string, value any) {
	property, ok := at.Properties[path[0]]
	if !ok {
		return
	}
	if len(path) > 1 {
		fillAt(&property, path[1:], value)
	} else if property.Default.Object == nil {
		property.Default.Object = value
	}
	at.Properties[path[0]] = property
}
