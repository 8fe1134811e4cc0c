package report

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const (
	secretKind  = "Secret"
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
)

// ofSecret reports an entry about a Secret, of whatever version it says that it is.
func ofSecret(e change.Entry) bool {
	return slices.ContainsFunc(e.Places, func(p change.Place) bool { return p.ID().Kind == secretKind })
}

// holdsSecret reports a field that is, or is above, what nobody is to read of a Secret: all but what it is called and of what type.
func holdsSecret(object manifest.ID, field manifest.Path) bool {
	if object.Kind != secretKind {
		return false
	}
	if len(field) == 0 {
		return true
	}
	key, _ := field[0].(string)
	if key == "metadata" {
		return len(field) > 2 && field[1] == "annotations" && field[2] == lastApplied
	}
	return !plainOfSecret(key)
}

// plainOfSecret reports a field of a Secret that anybody may read, plainOfGenerator one of what generates a Secret.
func plainOfSecret(key string) bool {
	return slices.Contains([]string{"apiVersion", "kind", "metadata", "type", "immutable"}, key)
}

func plainOfGenerator(key string) bool {
	return slices.Contains([]string{"name", "namespace", "behavior", "type", "options", "files", "envs", "env"}, key)
}

// withDigests are objects with digests for what is in the Secrets among them, and written is the objects of which those are copies.
func withDigests(objects []*manifest.Object, written map[*manifest.Object]*manifest.Object) []*manifest.Object {
	out := slices.Clone(objects)
	for i, o := range objects {
		if o.Kind != secretKind {
			continue
		}
		digests := &manifest.Object{ID: o.ID}
		if shown, err := difference.Shown(o); err == nil {
			digests.Value, _ = texts(shown).(map[string]any)
		}
		out[i], written[digests] = digests, o
	}
	return out
}

// texts is a value with digests as the texts that they are.
func texts(value any) any {
	switch value := value.(type) {
	case difference.Secret:
		return value.String()
	case map[string]any:
		out := map[string]any{}
		for key, below := range value {
			out[key] = texts(below)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, below := range value {
			out[i] = texts(below)
		}
		return out
	}
	return value
}

// withhold takes the lines that say what is in a Secret, wherever they are: in a manifest, a generator, a patch, an env file.
func (s *sources) withhold(r Report) {
	line := func(p manifest.Position) {
		if !p.IsZero() {
			s.secret[manifest.Position{File: p.File, Line: p.Line}] = true
		}
	}
	finding := func(f check.Finding) {
		if slices.ContainsFunc(f.Places(), func(p check.Place) bool { return p.Object != nil && holdsSecret(*p.Object, p.Path) }) {
			line(f.Source)
			for _, p := range f.Related {
				line(p)
			}
		}
		for _, w := range f.With {
			if holdsSecret(w.Object, w.Path) {
				line(w.Source)
			}
		}
	}
	for _, f := range r.all() {
		finding(f)
	}
	for _, e := range r.Errors {
		if !e.Source.IsZero() {
			s.failed[e.Source.File] = append(s.failed[e.Source.File], e.Source.Line)
		}
	}
	if r.Comparison == nil {
		return
	}
	for _, e := range r.Comparison.Entries {
		if !ofSecret(e) {
			continue
		}
		lines := slices.Clone(e.Lines)
		for _, f := range e.Fields {
			lines = append(lines, f.Lines...)
		}
		for _, l := range lines {
			line(l.Source)
			line(l.Was)
		}
	}
}

// withheld reports a line of which only the place is shown.
func (s *sources) withheld(p manifest.Position) bool {
	if s.secret[manifest.Position{File: p.File, Line: p.Line}] {
		return true
	}
	lines, known := s.secrets[p.File]
	if !known {
		lines = secretLines(s.lines(p.File), s.failed[p.File])
		if name, _ := strings.CutSuffix(p.File, s.revision); !written(name) {
			for _, number := range s.failed[p.File] { // it may be what a Secret is generated from
				for n := number - around; n <= number+around; n++ {
					lines[n] = true
				}
			}
		}
		s.secrets[p.File] = lines
	}
	return lines[p.Line]
}

// written reports a file of a language that objects or checks are written in.
func written(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json", ".rego", ".tpl":
		return true
	}
	return path.Base(name) == "Kustomization"
}

var (
	// secretWord finds what may be a Secret in a text, or what generates one.
	secretWord = regexp.MustCompile(`\bSecret\b|\bsecretGenerator\b`)
	// secretText finds what is as good as sure to be one.
	secretText = regexp.MustCompile(`\bkind\b[^\n]*\bSecret\b|\bkind\b["']?\s*:\s*["']?Secret\b`)
	// otherBreak is what ends a line for YAML 1.1 and for nobody else.
	otherBreak = regexp.MustCompile("\r[^\n]|[\u0085\u2028\u2029]")
)

// secretLines are the numbers of the lines of a file of manifests that say what is in a Secret. Of a document that is no YAML they
// are all, and likewise of one with a Secret where one of the failed lines is.
func secretLines(lines []string, failed []int) map[int]bool {
	all := map[int]bool{}
	for begin := 0; begin < len(lines); {
		end := begin + 1
		for end < len(lines) && !documentMark(lines[end]) {
			end++
		}
		text := strings.Join(lines[begin:end], "\n")
		if secretWord.MatchString(text) {
			isFailed := slices.ContainsFunc(failed, func(n int) bool { return n > begin && n <= end })
			w := &secretWalk{first: begin, extents: map[*yaml.Node][2]int{}, lines: all}
			var document yaml.Node
			switch {
			case isFailed && secretText.MatchString(text), otherBreak.MatchString(text), yaml.Unmarshal([]byte(text), &document) != nil:
				w.hide(1, end-begin)
			default:
				for _, node := range document.Content {
					w.walk(node, end-begin, true)
				}
				for _, anchored := range w.aliased {
					extent := w.extents[anchored]
					w.hide(extent[0], extent[1])
				}
			}
		}
		begin = end
	}
	return all
}

func documentMark(line string) bool {
	return line == "---" || strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "---\t") || strings.HasPrefix(line, "---\r")
}

// secretWalk looks for Secrets in a document.
type secretWalk struct {
	first   int // how many lines of the file are before it
	lines   map[int]bool
	extents map[*yaml.Node][2]int // of what has an anchor
	aliased []*yaml.Node          // what a Secret has by its anchor
}

func (w *secretWalk) hide(from, to int) {
	for n := from; n <= to; n++ {
		w.lines[w.first+n] = true
	}
}

// hideValue hides a field with its value, and what that takes from elsewhere.
func (w *secretWalk) hideValue(key, value *yaml.Node, end int) {
	w.hide(min(key.Line, value.Line), end)
	var look func(*yaml.Node)
	look = func(node *yaml.Node) {
		if node.Kind == yaml.AliasNode && !slices.Contains(w.aliased, node.Alias) {
			w.aliased = append(w.aliased, node.Alias)
			node = node.Alias
		}
		for _, below := range node.Content {
			look(below)
		}
	}
	look(value)
}

// walk looks at a node that is over by a line.
func (w *secretWalk) walk(node *yaml.Node, end int, isTop bool) {
	if node.Anchor != "" {
		w.extents[node] = [2]int{node.Line, end}
	}
	until := func(this, next int) int {
		switch {
		case next >= len(node.Content):
			return end
		case node.Style&yaml.FlowStyle != 0:
			return node.Content[next].Line
		}
		return max(node.Content[this].Line, node.Content[next].Line-1)
	}
	switch node.Kind {
	case yaml.ScalarNode:
		if secretText.MatchString(node.Value) { // a patch, or a manifest that another tool takes
			w.hide(node.Line, end)
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			w.walk(item, until(i, i+1), false)
		}
	case yaml.MappingNode:
		isSecret, ofSecret := isSecretNode(node, isTop), targetsSecret(node)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value, last := node.Content[i], node.Content[i+1], until(i+1, i+2)
			switch {
			case isSecret && !plainOfSecret(key.Value), ofSecret && key.Value == "patch", key.Value == lastApplied:
				w.hideValue(key, value, last)
			case key.Value == "secretGenerator":
				w.generators(key, value, last)
			}
			w.walk(value, last, false)
		}
	}
}

// generators hides what generators of Secrets say that one is to hold.
func (w *secretWalk) generators(key, list *yaml.Node, end int) {
	for i, generator := range list.Content {
		last := end
		if i+1 < len(list.Content) {
			last = max(generator.Line, list.Content[i+1].Line)
		}
		for j := 0; generator.Kind == yaml.MappingNode && j+1 < len(generator.Content); j += 2 {
			if plainOfGenerator(generator.Content[j].Value) {
				continue
			}
			to := last
			if j+2 < len(generator.Content) {
				next := generator.Content[j+2].Line
				if to = next; generator.Style&yaml.FlowStyle == 0 {
					to = max(generator.Content[j+1].Line, next-1)
				}
			} else if list.Style&yaml.FlowStyle == 0 && i+1 < len(list.Content) {
				to = max(generator.Content[j+1].Line, last-1)
			}
			w.hideValue(generator.Content[j], generator.Content[j+1], to)
		}
		if generator.Kind != yaml.MappingNode {
			w.hideValue(key, generator, last)
		}
	}
	if list.Kind != yaml.SequenceNode {
		w.hideValue(key, list, end)
	}
}

// isSecretNode reports a Secret: not something that names one, which has nothing of it.
func isSecretNode(node *yaml.Node, isTop bool) bool {
	kind, has := "", isTop
	for i := 0; i+1 < len(node.Content); i += 2 {
		value := node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch node.Content[i].Value {
		case "kind":
			kind = value.Value
		case "<<":
			for _, merged := range append(slices.Clone(value.Content), value) {
				if i := slices.IndexFunc(merged.Content, func(n *yaml.Node) bool { return n.Value == secretKind }); i > 0 && kind == "" {
					kind = secretKind
				}
			}
		case "metadata", "data", "stringData", "binaryData":
			has = true
		}
	}
	return kind == secretKind && has
}

// targetsSecret reports a patch of a kustomization that says that it is for Secrets.
func targetsSecret(node *yaml.Node) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		target := node.Content[i+1]
		if node.Content[i].Value != "target" || target.Kind != yaml.MappingNode {
			continue
		}
		for j := 0; j+1 < len(target.Content); j += 2 {
			if target.Content[j].Value == "kind" && strings.Contains(target.Content[j+1].Value, secretKind) {
				return true
			}
		}
	}
	return false
}
