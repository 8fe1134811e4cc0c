package provenance

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/kustomize/api/filters/replacement"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// carrier is the kind of an object that holds the value of a replacement and nothing else.
const carrier = "KgateValue"

// replace applies one target of a replacement. A field that it writes comes from where the value stands; the line of
// the replacement that names the field is next.
func (r *replay) replace(tree *yaml.Node, step *kustomization.Replacement, trace *kustomization.Trace) (*yaml.Node, error) {
	var all types.Replacement
	if err := step.Entry.Decode(&all); err != nil {
		return nil, err
	}
	if step.Target >= len(all.Targets) {
		return nil, errors.New("the replacement has no such target")
	}
	value, err := r.source(tree, step, &all, trace)
	if err != nil {
		return nil, err
	}
	target := all.Targets[step.Target]
	fields := target.FieldPaths
	if len(fields) == 0 {
		fields = []string{types.DefaultReplacementFieldPath}
	}
	for i, field := range fields {
		named := place{document: step.Document, value: manifest.Lookup(step.Entry, "targets", step.Target)}
		if node := manifest.Lookup(step.Entry, "targets", step.Target, "fieldPaths", i); node != nil {
			named.value = node
		}
		only := *target
		only.FieldPaths = []string{field}
		if tree, err = r.replaceField(tree, value, all.Source, &only, named); err != nil {
			return nil, err
		}
	}
	return tree, nil
}

// source is the value that a replacement takes, marked.
func (r *replay) source(tree *yaml.Node, step *kustomization.Replacement, all *types.Replacement, trace *kustomization.Trace) (*yaml.Node, error) {
	if all.SourceValue != nil {
		at, _ := entry(step.Document, step.Entry, "sourceValue")
		value := scalar(*all.SourceValue)
		r.set(value, mark{at: at})
		return value, nil
	}
	if step.From == nil {
		return nil, errors.New("the replacement has no source")
	}
	if step.From != trace {
		tree = r.tree(step.From, step.Steps)
	}
	if tree == nil {
		return nil, errors.New("the source is gone")
	}
	field := all.Source.FieldPath
	if field == "" {
		field = types.DefaultReplacementFieldPath
	}
	found, err := yaml.NewRNode(yaml.CopyYNode(tree)).Pipe(yaml.Lookup(utils.SmarterPathSplitter(field, ".")...))
	if err != nil || found == nil {
		return nil, fmt.Errorf("the source has no %s", field)
	}
	return found.YNode(), nil
}

func (r *replay) replaceField(tree, value *yaml.Node, source *types.SourceSelector, target *types.TargetSelector, named place) (*yaml.Node, error) {
	fresh := r.next()
	value = r.again(value)
	everywhere(value, func(node *yaml.Node) {
		if from, ok := r.of(node); ok {
			from.over = append(from.over, named)
		}
	})
	var options *types.FieldOptions
	if source != nil {
		options = source.Options
	}
	plain, err := replaced(tree, value, options, target)
	if err != nil {
		return nil, err
	}
	other := yaml.CopyYNode(value)
	everywhere(other, func(node *yaml.Node) { alter(node, options) })
	probed, err := replaced(tree, other, options, target)
	if err != nil {
		return nil, err
	}
	// A value put into YAML or JSON text is not all of the field.
	within := target.Options == nil || target.Options.Delimiter == ""
	r.replacedIn(tree, plain, probed, fresh, func(was, now *yaml.Node) mark {
		from, _ := r.of(value)
		if before, ok := r.of(was); ok && within && now.Value != refined(value.Value, options) {
			return mark{at: before.at, over: from.below()}
		}
		return *from
	})
	settle{r.marked, fresh, mark{at: named, made: true}}.node(tree, plain)
	return plain, nil
}

// replacedIn marks the texts that come out differently with another value: they are of the replacement, even if they
// are the same as before. Those marked fresh or above have come along with the value.
func (r *replay) replacedIn(before, plain, probed *yaml.Node, fresh int, from func(was, now *yaml.Node) mark) {
	switch {
	case plain.Kind != probed.Kind || plain.Line >= fresh:
	case plain.Kind == yaml.ScalarNode && plain.Value != probed.Value:
		r.set(plain, from(before, plain))
	default:
		for i := range min(len(plain.Content), len(probed.Content)) {
			var was *yaml.Node
			if before != nil && i < len(before.Content) {
				was = before.Content[i]
			}
			r.replacedIn(was, plain.Content[i], probed.Content[i], fresh, from)
		}
	}
}

// refined is what the options of a source take of its value.
func refined(value string, options *types.FieldOptions) string {
	if options == nil || options.Delimiter == "" {
		return value
	}
	parts := strings.Split(value, options.Delimiter)
	return parts[min(max(options.Index, 0), len(parts)-1)]
}

// alter makes another value of a scalar, and of every part of it that a delimiter makes.
func alter(node *yaml.Node, options *types.FieldOptions) {
	const other = "kgate"
	if node.Kind != yaml.ScalarNode {
		node.Value = other // Kustomize gives a text the value of whatever it is given
		return
	}
	if options != nil && options.Delimiter != "" {
		node.Value = strings.ReplaceAll(node.Value, options.Delimiter, other+options.Delimiter)
	}
	node.Value += other
	node.Tag, node.Style = yaml.NodeTagString, 0
}

// replaced has Kustomize put a value into a field of a tree.
func replaced(tree, value *yaml.Node, options *types.FieldOptions, target *types.TargetSelector) (*yaml.Node, error) {
	holder := &yaml.Node{Kind: yaml.MappingNode}
	put(holder, "apiVersion", scalar("v1"))
	put(holder, "kind", scalar(carrier))
	metadata := &yaml.Node{Kind: yaml.MappingNode}
	put(metadata, "name", scalar("value"))
	put(holder, "metadata", metadata)
	put(holder, "value", yaml.CopyYNode(value))
	only := *target
	only.Reject = nil
	only.Select = &types.Selector{ResId: resid.ResId{Gvk: resid.Gvk{Kind: regexp.QuoteMeta(manifest.Text(tree, "kind"))}}}
	filter := replacement.Filter{Replacements: []types.Replacement{{
		Source: &types.SourceSelector{
			ResId: resid.ResId{Gvk: resid.Gvk{Kind: carrier}}, FieldPath: "value", Options: options,
		},
		Targets: []*types.TargetSelector{&only},
	}}}
	nodes := []*yaml.RNode{yaml.NewRNode(holder), yaml.NewRNode(yaml.CopyYNode(tree))}
	nodes, err := filter.Filter(nodes)
	if err != nil {
		return nil, err
	}
	return nodes[1].YNode(), nil
}
