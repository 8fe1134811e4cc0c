package kustomization

import (
	"encoding/json"
	"regexp"
	"slices"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// cases are replacements that stand side by side, each a constant for one value of an annotation or a label: a table that
// a value is looked up in. One of them applies where the others do not, so they are an entry together.
type cases struct {
	first  manifest.Position
	number int
	target *types.Selector // without the value that tells them apart
}

// equality is a selector that asks one key for one value.
var equality = regexp.MustCompile(`^\s*([^\s=!,()]+)\s*==?\s*[^\s=!,()]+\s*$`)

// casesOf is the table that a replacement is part of; nil for one that stands for itself.
func (t *tracer) casesOf(document *manifest.Document, entry *yaml.Node) *cases {
	if t.cases == nil {
		t.cases = map[manifest.Position]*cases{}
	}
	at := document.Position(nil, entry)
	if found, known := t.cases[at]; known {
		return found
	}
	list := document.Node
	if list.Kind != yaml.SequenceNode {
		list = manifest.Lookup(document.Node, "replacements")
	}
	if list == nil || list.Kind != yaml.SequenceNode {
		list = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{entry}}
	}
	tables := map[string]*cases{}
	for _, item := range list.Content {
		here := document.Position(nil, item)
		t.cases[here] = nil
		key, target := caseOf(item)
		if key == "" {
			continue
		}
		if tables[key] == nil {
			tables[key] = &cases{first: here, target: target}
		}
		tables[key].number++
		t.cases[here] = tables[key]
	}
	for at, table := range t.cases {
		if table != nil && table.number < 2 {
			t.cases[at] = nil
		}
	}
	return t.cases[at]
}

// caseOf is what a replacement has in common with the others of its table, and what it selects but for the value; none
// where it is no case of one.
func caseOf(item *yaml.Node) (string, *types.Selector) {
	var r types.Replacement
	if err := item.Decode(&r); err != nil || r.SourceValue == nil || len(r.Targets) != 1 || r.Targets[0].Select == nil {
		return "", nil
	}
	target := *r.Targets[0].Select
	told := false
	for _, s := range []*string{&target.AnnotationSelector, &target.LabelSelector} {
		if key := equality.FindStringSubmatch(*s); key != nil {
			*s, told = key[1], true
		}
	}
	r.SourceValue, r.Targets[0].Select = nil, &target
	common, err := json.Marshal(r)
	if !told || err != nil {
		return "", nil
	}
	return string(common), &target
}

// applied notes that a case of a table does something, which is all that is asked of the table.
func (t *tracer) applied(name string, table *cases) {
	t.did(name, table.first)
	t.faults = slices.DeleteFunc(t.faults, func(f check.Fault) bool { return f.Check == name && f.Entry == table.first })
}
