package kustomization

import (
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// rewritten says of the dates that are written without quotes to an object that YAML's resolver made them points in time, and
// that the object has them as such: 2026-01-01 is 2026-01-01T00:00:00Z then.
func (t *tracer) rewritten(object *manifest.Object, trace *Trace) {
	documents := []*manifest.Document{}
	if trace.Document != nil {
		documents = append(documents, trace.Document)
	}
	for _, step := range trace.Steps {
		if step.Patch != nil {
			for i := range step.Patch.Documents {
				documents = append(documents, &step.Patch.Documents[i])
			}
		}
	}
	for _, d := range documents {
		dates(d.Node, func(date *yaml.Node) {
			var at time.Time
			if date.Decode(&at) != nil {
				return
			}
			if now := at.Format(time.RFC3339Nano); now != date.Value && holds(object.Value, now) {
				t.fault(rewritten, d.Position(nil, date), "the date %s becomes the text %q: quote it", date.Value, now)
			}
		})
	}
}

// dates visits the scalars of a tree that YAML takes for points in time.
func dates(node *yaml.Node, visit func(*yaml.Node)) {
	if node == nil {
		return
	}
	if node.Kind == yaml.ScalarNode {
		if node.Style == 0 && len(node.Value) > 7 && node.Value[4] == '-' && node.ShortTag() == "!!timestamp" {
			visit(node)
		}
		return
	}
	for i, child := range node.Content {
		if node.Kind != yaml.MappingNode || i%2 == 1 {
			dates(child, visit)
		}
	}
}

// holds reports whether a text is a value somewhere in decoded content.
func holds(value any, text string) bool {
	switch value := value.(type) {
	case string:
		return value == text
	case map[string]any:
		for _, field := range value {
			if holds(field, text) {
				return true
			}
		}
	case []any:
		for _, item := range value {
			if holds(item, text) {
				return true
			}
		}
	}
	return false
}
