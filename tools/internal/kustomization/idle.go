package kustomization

import (
	"fmt"
	"slices"

	//lint:ignore SA1019 Kustomize's transformers are nowhere else
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Fields that write to every object are watched where a look at the objects does not show already that they do something:
// a copy of all of them costs as much as a base.

func everything(a *accumulation) []*resource.Resource { return a.resources.Resources() }

// unless watches all objects but where one of them shows that the entry changes it.
func unless(changed func(*resource.Resource) bool) func(*accumulation) []*resource.Resource {
	return func(a *accumulation) []*resource.Resource {
		if slices.ContainsFunc(a.resources.Resources(), changed) {
			return nil
		}
		return a.resources.Resources()
	}
}

// idleField makes an operation tell that it changes nothing, unless a look at one of the objects shows that it does.
func (e *engine) idleField(o *operation, changed func(*resource.Resource) bool, format string, args ...any) {
	e.idleWhere(o, changed, func(*accumulation) string { return fmt.Sprintf(format, args...) })
}

// idleWhere is idleField with a message that goes by the objects; none is no fault.
func (e *engine) idleWhere(o *operation, changed func(*resource.Resource) bool, message func(*accumulation) string) {
	at := o.at
	o.watches = unless(changed)
	o.judge = func(a *accumulation, effects []effect) {
		if a.resources.Size() > 0 && len(effects) == 0 || !none(effects) {
			e.effective(noEffect, at)
			return
		}
		if len(effects) == 0 {
			return
		}
		if why := message(a); why != "" {
			e.idle(at, newFault(noEffect, at, "%s", why))
		}
	}
}

// namespaceEffect tells that a namespace is for none of the objects. One that they have already is written for those that
// will come.
func (e *engine) namespaceEffect(o *operation, plugin *builtins.NamespaceTransformerPlugin) {
	e.idleWhere(o, func(r *resource.Resource) bool { return !r.CurId().IsClusterScoped() }, func(a *accumulation) string {
		probe := a.resources.DeepCopy()
		effects := watch(probe.Resources())
		other := *plugin
		other.Namespace = "kgate-probe"
		if err := other.Transform(probe); err != nil || !none(effects) {
			return ""
		}
		return "the namespace changes nothing: every object here is of the cluster"
	})
}

// unrenamed are the kinds that Kustomize gives neither a prefix nor a suffix.
var unrenamed = []string{"CustomResourceDefinition", "APIService", "Namespace"}

func renamed(r *resource.Resource) bool { return !slices.Contains(unrenamed, r.GetKind()) }

const renamesNothing = "the %s changes nothing: every object here is a CustomResourceDefinition, an APIService or a Namespace, which Kustomize does not rename"

// lacks reports whether one of the pairs is not among what an object has.
func lacks(has, pairs map[string]string) bool {
	for key, value := range pairs {
		if found, ok := has[key]; !ok || found != value {
			return true
		}
	}
	return false
}

// mergeEffect tells that a generator changes nothing of the object that it merges into.
func (e *engine) mergeEffect(at manifest.Position, before, after *resource.Resource) {
	if !same(before.YNode(), after.YNode()) || before.NeedHashSuffix() != after.NeedHashSuffix() {
		e.effective(noEffect, at)
		return
	}
	id := before.CurId()
	e.idle(at, newFault(noEffect, at, "the generator changes nothing: the %s %s has all of it already", id.Kind, id.Name))
}

// pluginEffect tells that a plugin changes nothing, or which of its field specs do not.
func (e *engine) pluginEffect(o *operation, document *manifest.Document, t resmap.Transformer) {
	e.pluginChange(o, t)
	specs := manifest.Lookup(manifest.Plain(document.Node), "fieldSpecs")
	if specs == nil {
		return
	}
	of, whole, watches := pluginFields[manifest.Text(document.Node, "kind")], o.judge, o.watches
	if watches == nil {
		o.watches = func(*accumulation) []*resource.Resource { return nil }
	}
	o.judge = func(a *accumulation, effects []effect) {
		if idle := e.idleFields(document, specs, of, a); whole != nil && !(idle && len(effects) > 0 && none(effects)) {
			whole(a, effects)
		}
	}
}

// pluginFields are the fields of a file of `configurations` that say the same as `fieldSpecs` of a plugin.
var pluginFields = map[string]string{
	"AnnotationsTransformer": "commonAnnotations", "ImageTagTransformer": "images", "LabelTransformer": "labels",
	"NamespaceTransformer": "namespace", "PrefixTransformer": "namePrefix", "PrefixSuffixTransformer": "namePrefix",
	"SuffixTransformer": "nameSuffix", "ReplicaCountTransformer": "replicas",
}

// pluginChange tells that a plugin changes nothing.
func (e *engine) pluginChange(o *operation, t resmap.Transformer) {
	const message = "the transformer changes nothing: every object here is the same without it"
	switch plugin := t.(type) {
	case *builtins.NamespaceTransformerPlugin:
		e.namespaceEffect(o, plugin)
	case *builtins.ImageTagTransformerPlugin:
		at := o.at
		o.watches = everything
		o.judge = func(a *accumulation, effects []effect) {
			e.imageEffect(at, at, plugin.ImageTag, plugin.FieldSpecs, a, effects)
		}
	default:
		e.idleField(o, func(*resource.Resource) bool { return false }, message)
	}
}
