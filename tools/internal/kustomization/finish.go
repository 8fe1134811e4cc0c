package kustomization

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	//lint:ignore SA1019 Kustomize's transformers are nowhere else
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/filters/nameref"
	"sigs.k8s.io/kustomize/api/filters/refvar"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// build renders the target. Bad input makes Kustomize's parts panic in places.
func (e *engine) build() (a *accumulation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it crashed on this input: %v", p)
		}
	}()
	limitCopies()
	if err := e.schema(e.root); err != nil {
		return nil, place(e.root, e.root.field("openapi"), err)
	}
	var origin *resource.Origin
	if len(e.root.Config.BuildMetadata) > 0 {
		origin = &resource.Origin{}
	}
	if a, err = e.accumulate(e.root, newAccumulation(), origin); err != nil {
		return nil, err
	}
	for _, step := range []func(*accumulation) error{e.live, e.hash, e.live, e.references, e.idleSpecs, e.outside, e.resolve, e.dropLocal, e.sort, e.metadata} {
		if err := step(a); err != nil {
			return a, place(e.root, manifest.Position{File: e.root.File}, err)
		}
	}
	return a, nil
}

// live is the error of a render that nobody waits for any more.
func (e *engine) live(*accumulation) error { return e.ctx.Err() }

// hash adds the hashes of generated objects to their names.
func (e *engine) hash(a *accumulation) error {
	p := builtins.NewHashTransformerPlugin()
	if err := p.Config(e.helpers(e.root), nil); err != nil {
		return err
	}
	e.hashed = map[*resource.Resource]bool{}
	for _, r := range a.resources.Resources() {
		if r.NeedHashSuffix() {
			e.hashed[r] = true
		}
	}
	err := p.Transform(a.resources)
	for _, t := range a.traces { // a filter that fails empties its object, and annotations go at the end
		t.settle()
	}
	return err
}

// references gives the fields that name an object the name that it has now.
func (e *engine) references(a *accumulation) error {
	resources := a.resources.Resources()
	original := make([]resid.ResId, len(resources))
	for i, r := range resources {
		original[i] = r.OrgId()
	}
	for i, r := range resources {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		var candidates resmap.ResMap
		for _, target := range a.specs.NameReference {
			for _, field := range target.Referrers {
				if !original[i].IsSelected(&field.Gvk) {
					continue
				}
				if candidates == nil {
					var err error
					if candidates, err = a.resources.SubsetThatCouldBeReferencedByResource(r); err != nil {
						return err
					}
				}
				if err := r.ApplyFilter(nameref.Filter{
					Referrer: r, NameFieldToUpdate: field, ReferralTarget: target.Gvk, ReferralCandidates: candidates,
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// resolve replaces vars by their values.
func (e *engine) resolve(a *accumulation) error {
	values := map[string]any{}
	for _, v := range a.vars.AsSlice() {
		at := slices.IndexFunc(a.resources.Resources(), func(r *resource.Resource) bool { return slices.Contains(r.GetRefVarNames(), v.Name) })
		if at < 0 {
			return fmt.Errorf("var '%v' cannot be mapped to a field in the set of known resources", v)
		}
		value, err := a.resources.Resources()[at].GetFieldValue(v.FieldRef.FieldPath)
		if err != nil {
			return fmt.Errorf("field specified in var '%v' not found in corresponding resource", v)
		}
		values[v.Name] = value
	}
	if len(values) == 0 {
		return nil
	}
	replaced := map[string]int{}
	replace := refvar.MakePrimitiveReplacer(replaced, values)
	for _, r := range a.resources.Resources() {
		for _, field := range a.specs.VarReference {
			if err := r.ApplyFilter(refvar.Filter{MappingFunc: replace, FieldSpec: field}); err != nil {
				return err
			}
		}
	}
	e.idleVars(e.root, replaced, a)
	return nil
}

// idleVars says which vars of a layer and of those below stand nowhere in what Kustomize replaces vars in.
func (e *engine) idleVars(l *Layer, replaced map[string]int, a *accumulation) {
	//lint:ignore SA1019 Kustomize still applies the field
	for i, v := range l.Config.Vars {
		at := l.item("vars", i)
		if replaced[v.Name] > 0 {
			e.did(noEffect, at)
			continue
		}
		where, name := "", "$("+v.Name+")"
		for _, r := range a.resources.Resources() {
			if path := mentioning(r.YNode(), name, nil); path != nil && where == "" {
				where = fmt.Sprintf("; it is in %s of the %s %s, where a `varReference` of `configurations` would have to lead", path, r.GetKind(), r.OrgId().Name)
			}
		}
		fault := newFault(noEffect, at, "the var changes nothing: %s is in no field in which Kustomize replaces vars%s", name, where)
		fault.Entry, fault.Shared, fault.Above = at, l.Dir, true
		e.note(fault)
	}
	for _, below := range l.below() {
		e.idleVars(below, replaced, a)
	}
}

// mentioning is the path of the first text of a tree that holds another one.
func mentioning(node *yaml.Node, text string, path manifest.Path) manifest.Path {
	if node.Kind == yaml.ScalarNode && strings.Contains(node.Value, text) {
		return path
	}
	for i, child := range node.Content {
		step := any(i)
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			step = node.Content[i-1].Value
		}
		if found := mentioning(child, text, append(slices.Clip(path), step)); found != nil {
			return found
		}
	}
	return nil
}

// dropLocal drops the objects that are only there for the build.
func (e *engine) dropLocal(a *accumulation) error {
	rest, err := e.factory.RF().DropLocalNodes(a.resources.ToRNodeSlice())
	if err != nil {
		return err
	}
	stay := map[resid.ResId]bool{}
	for _, r := range rest {
		stay[r.CurId()] = true
	}
	for _, id := range a.resources.AllIds() {
		if !stay[id] {
			if err := a.resources.Remove(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// The order of kinds in which Kustomize writes the objects of a target that asks for no other.
var (
	kindsFirst = []string{
		"Namespace", "ResourceQuota", "StorageClass", "CustomResourceDefinition", "ServiceAccount", "PodSecurityPolicy", "Role",
		"ClusterRole", "RoleBinding", "ClusterRoleBinding", "ConfigMap", "Secret", "Endpoints", "Service", "LimitRange",
		"PriorityClass", "PersistentVolume", "PersistentVolumeClaim", "Deployment", "StatefulSet", "CronJob", "PodDisruptionBudget",
	}
	kindsLast = []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
)

// sort orders the objects as `sortOptions` says. Kustomize exports its own sorting to nobody.
func (e *engine) sort(a *accumulation) error {
	order := types.SortOptions{Order: types.LegacySortOrder}
	if own := e.root.Config.SortOptions; own != nil {
		order = *own
	}
	switch {
	case order.Order != types.FIFOSortOrder && order.Order != types.LegacySortOrder:
		return &manifest.SyntaxError{Position: e.root.field("sortOptions"), Message: fmt.Sprintf("sortOptions.order is one of %s and %s", types.FIFOSortOrder, types.LegacySortOrder)}
	case order.Order == types.FIFOSortOrder && order.LegacySortOptions != nil:
		return &manifest.SyntaxError{Position: e.root.field("sortOptions"), Message: "sortOptions.legacySortOptions goes with the order legacy alone"}
	case order.Order == types.FIFOSortOrder:
		return nil
	case order.LegacySortOptions == nil:
		order.LegacySortOptions = &types.LegacySortOptions{OrderFirst: kindsFirst, OrderLast: kindsLast}
	}
	rank := map[string]int{}
	for i, kind := range order.LegacySortOptions.OrderFirst {
		rank[kind] = i - len(order.LegacySortOptions.OrderFirst)
	}
	for i, kind := range order.LegacySortOptions.OrderLast {
		rank[kind] = i + 1
	}
	sorted := &byRank{rank: rank}
	for _, r := range a.resources.Resources() {
		sorted.add(r)
	}
	sort.Sort(sorted) // not stable: as Kustomize's
	a.resources.Clear()
	for _, r := range sorted.resources {
		if err := a.resources.Append(r); err != nil {
			return err
		}
	}
	return nil
}

// byRank sorts objects by the rank of their kinds, then by group, version and kind, then by namespace and name.
type byRank struct {
	rank      map[string]int
	resources []*resource.Resource
	gvks      []resid.Gvk
	kinds     []string
	names     []string
}

func (b *byRank) add(r *resource.Resource) {
	id := r.CurId()
	b.resources = append(b.resources, r)
	b.gvks = append(b.gvks, id.Gvk)
	b.kinds = append(b.kinds, cmp.Or(id.Group, "~G")+"_"+cmp.Or(id.Version, "~V")+"_"+cmp.Or(id.Kind, "~K"))
	b.names = append(b.names, id.Gvk.String()+"|"+cmp.Or(id.Namespace, "~X")+"|"+cmp.Or(id.Name, "~N"))
}

func (b *byRank) Len() int { return len(b.resources) }

func (b *byRank) Swap(i, j int) {
	b.resources[i], b.resources[j] = b.resources[j], b.resources[i]
	b.gvks[i], b.gvks[j] = b.gvks[j], b.gvks[i]
	b.kinds[i], b.kinds[j] = b.kinds[j], b.kinds[i]
	b.names[i], b.names[j] = b.names[j], b.names[i]
}

func (b *byRank) Less(i, j int) bool {
	if b.gvks[i].Equals(b.gvks[j]) {
		return b.names[i] < b.names[j]
	}
	if x, y := b.rank[b.gvks[i].Kind], b.rank[b.gvks[j].Kind]; x != y {
		return x < y
	}
	const own = "Namespace" // the core one stands before those of other groups
	if b.gvks[i].Kind == own && b.gvks[j].Kind == own && (b.gvks[i].Group == "" || b.gvks[j].Group == "") {
		return b.kinds[i] > b.kinds[j]
	}
	return b.kinds[i] < b.kinds[j]
}

// metadata adds what `buildMetadata` asks for, and takes away what Kustomize notes on objects while it builds.
func (e *engine) metadata(a *accumulation) error {
	wants := func(option string) bool { return slices.Contains(e.root.Config.BuildMetadata, option) }
	if wants(types.ManagedByLabelOption) {
		t := builtins.LabelTransformerPlugin{
			Labels:     map[string]string{konfig.ManagedbyLabelKey: "kustomize-" + KustomizeRelease},
			FieldSpecs: []types.FieldSpec{{Path: "metadata/labels", CreateIfNotPresent: true}},
		}
		if err := t.Transform(a.resources); err != nil {
			return err
		}
	}
	a.resources.RemoveBuildAnnotations()
	if !wants(types.OriginAnnotations) {
		if err := a.resources.RemoveOriginAnnotations(); err != nil {
			return err
		}
	}
	if !wants(types.TransformerAnnotations) {
		return a.resources.RemoveTransformerAnnotations()
	}
	return nil
}
