package provenance

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// replay repeats what the layers did to an object, step by step and with Kustomize's own functions, on a tree whose
// nodes know where they come from.
type replay struct {
	*marked
	sharing *Sharing // nil for none
	read    func(name string) ([]byte, error)
	done    map[moment]*yaml.Node
	kept    map[moment]bool // those that a replacement takes from; any other goes when the next is done
}

func newReplay(sharing *Sharing) *replay {
	return &replay{sharing: sharing, marked: &marked{deleted: map[deletion]mark{}}, done: map[moment]*yaml.Node{}}
}

// render has Kustomize render sources to an object, which must not be changed.
func (r *replay) render(of sources) (*yaml.Node, error) {
	if r.sharing == nil {
		return of.render()
	}
	return r.sharing.rendering(of)
}

// moment is an object after some of its steps.
type moment struct {
	trace *kustomization.Trace
	steps int
}

// tree is an object after some of its steps; nil when it is gone by then, or was never understood. It must not be
// changed.
func (r *replay) tree(trace *kustomization.Trace, steps int) *yaml.Node {
	at := moment{trace, steps}
	if tree, ok := r.done[at]; ok {
		return tree
	}
	r.done[at] = nil // a replacement that takes a value from itself
	var tree *yaml.Node
	if base := r.base(trace, steps); base != nil {
		tree = r.graft(base)
	} else if steps == 0 {
		tree = r.begin(trace)
	} else if before := r.tree(trace, steps-1); before != nil {
		var err error
		if tree, err = r.apply(before, trace, trace.Steps[steps-1]); err != nil {
			tree = before // what rendered cannot fail here; if it does, the other steps still count
		}
	}
	r.done[at] = tree
	if before := (moment{trace, steps - 1}); steps > 0 && !r.kept[before] {
		delete(r.done, before) // a thousand patches must not be a thousand trees
	}
	return tree
}

// base is the object in the base that several targets share, where that is what it is after so many steps.
func (r *replay) base(trace *kustomization.Trace, steps int) *grown {
	if r.sharing == nil {
		return nil
	}
	below, n := trace.Below()
	if below == nil || n != steps {
		return nil
	}
	base, err := r.sharing.base(below, r.read)
	if err != nil {
		return nil // step by step it may still be found
	}
	return base
}

func (r *replay) begin(trace *kustomization.Trace) *yaml.Node {
	switch {
	case trace.Document != nil:
		return r.plant(trace.Document, nil, trace.Document.Node)
	case trace.Generator != nil:
		tree, err := r.generate(trace.Generator)
		if err == nil {
			return tree
		}
	}
	return nil
}

// apply is a tree after one more step. Kustomize panics on some input.
func (r *replay) apply(before *yaml.Node, trace *kustomization.Trace, step kustomization.Step) (tree *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("replay: %v", p)
		}
	}()
	if step.Transform != nil {
		return r.transform(before, step)
	}
	tree = yaml.CopyYNode(before)
	switch {
	case step.Patch != nil && step.Patch.Documents[0].Node.Kind == yaml.SequenceNode:
		return r.jsonPatch(tree, &step.Patch.Documents[0]), nil
	case step.Patch != nil:
		return r.merge(tree, step.Patch)
	case step.Replacement != nil:
		return r.replace(tree, step.Replacement, trace)
	case step.Generator != nil:
		return tree, r.combine(tree, step.Generator)
	}
	return tree, nil
}

// merge applies a strategic merge patch, as Kustomize's resource does: whatever the patch says, the object keeps its
// namespace, and its name and kind unless the patch may change them.
func (r *replay) merge(tree *yaml.Node, patch *kustomization.Patch) (*yaml.Node, error) {
	document := &patch.Documents[0]
	before := yaml.CopyYNode(tree)
	fresh := r.next()
	planted := r.plant(document, nil, document.Node)
	if patch.Target != nil {
		for _, field := range []string{"apiVersion", "kind"} {
			if node, is := manifest.Lookup(planted, field), manifest.Lookup(tree, field); node != nil && is != nil {
				node.Value = is.Value // an openAPI schema is looked up by them
			}
		}
	}
	if patch.Texts {
		for _, field := range []string{"labels", "annotations"} {
			asTexts(manifest.Lookup(planted, "metadata"), field)
		}
	}
	merged, err := merge2.Merge(yaml.NewRNode(planted), yaml.NewRNode(tree),
		yaml.MergeOptions{ListIncreaseDirection: yaml.MergeOptionsListPrepend})
	if err != nil || merged == nil {
		return nil, err
	}
	after := merged.YNode()
	keep(before, after, "apiVersion")
	keep(before, after, "metadata", "namespace")
	if !patch.Renames {
		keep(before, after, "metadata", "name")
	}
	if !patch.Rekinds {
		keep(before, after, "kind")
	}
	s := settle{r.marked, fresh, mark{at: place{document: document, value: document.Node}}}
	s.node(before, after)
	s.removed(before, after, nil, func(path manifest.Path) place { return said(document, path, before) })
	var value any
	_ = document.Node.Decode(&value) // only helps to find items by name
	r.nothing(document, after, nil, document.Node, nil, value)
	return after, nil
}

// asTexts does to the labels or annotations of a patch what Kustomize does when the patch has a target: it reads them as texts,
// null as well, and writes them again.
func asTexts(metadata *yaml.Node, field string) {
	pairs := manifest.Lookup(metadata, field)
	switch {
	case pairs == nil:
	case pairs.Kind != yaml.MappingNode || len(pairs.Content) == 0:
		i := slices.Index(metadata.Content, pairs)
		metadata.Content = slices.Delete(slices.Clone(metadata.Content), i-1, i+1)
	default:
		for i := 1; i < len(pairs.Content); i += 2 {
			if value := pairs.Content[i]; value.Kind == yaml.ScalarNode && value.ShortTag() != yaml.NodeTagString {
				value.Tag, value.Style = yaml.NodeTagString, 0
			}
		}
	}
}

// nothing notes the fields that a patch sets to null and that were not there: who misses one is to look there.
func (r *replay) nothing(document *manifest.Document, after, key, node *yaml.Node, path manifest.Path, value any) {
	if node.Kind == yaml.ScalarNode && node.ShortTag() == yaml.NodeTagNull && key != nil {
		parent := manifest.Find(after, path[:len(path)-1], value)
		if parent != nil && parent.Kind == yaml.MappingNode && manifest.Lookup(parent, key.Value) == nil {
			at := deletion{parent.Line, key.Value}
			if _, ok := r.deleted[at]; !ok {
				r.deleted[at] = mark{at: place{document: document, key: key, value: node}}
			}
		}
	}
	for i, child := range node.Content {
		switch {
		case node.Kind == yaml.SequenceNode:
			r.nothing(document, after, nil, child, append(slices.Clip(path), i), value)
		case node.Kind == yaml.MappingNode && i%2 == 1:
			r.nothing(document, after, node.Content[i-1], child, append(slices.Clip(path), node.Content[i-1].Value), value)
		}
	}
}

// said is the place in a patch that speaks of a field, or of the closest of its parents.
func said(document *manifest.Document, path manifest.Path, of *yaml.Node) place {
	var value any
	_ = of.Decode(&value) // only helps to find items by name
	for length := len(path); length > 0; length-- {
		if key, node := document.Find(path[:length], value); node != nil {
			return place{document: document, key: key, value: node}
		}
	}
	return place{document: document, value: document.Node}
}

// keep gives a field the value that it had before, or takes it away again.
func keep(before, after *yaml.Node, path ...any) {
	was, now := manifest.Lookup(before, path...), manifest.Lookup(after, path...)
	last := path[len(path)-1].(string)
	parent := manifest.Lookup(after, path[:len(path)-1]...)
	switch {
	case parent == nil || parent.Kind != yaml.MappingNode:
	case was == nil && now != nil:
		for i := 0; i+1 < len(parent.Content); i += 2 {
			if parent.Content[i].Value == last {
				parent.Content = append(parent.Content[:i:i], parent.Content[i+2:]...)
				return
			}
		}
	case was != nil && now == nil:
		put(parent, last, yaml.CopyYNode(was))
	case was != nil:
		*now = *yaml.CopyYNode(was)
	}
}
