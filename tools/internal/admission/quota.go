package admission

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	apiserverquota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// counted is an object that a quota may count.
type counted struct {
	object   *manifest.Object // nil for what every namespace has
	path     manifest.Path    // what of it is counted
	resource schema.GroupVersionResource
	value    runtime.Object
	count    int64
}

// everywhere is what the control plane puts into every namespace.
func everywhere() []counted {
	return []counted{
		{resource: corev1.SchemeGroupVersion.WithResource("configmaps"), value: named("kube-root-ca.crt", ""), count: 1},
		{resource: corev1.SchemeGroupVersion.WithResource("serviceaccounts"), value: named("default", ""), count: 1},
	}
}

func named(name, namespace string) runtime.Object {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
}

// counted returns what of a namespace quotas count besides pods, in the order of the target.
func (c *contents) counted(ctx context.Context, namespace string) ([]counted, error) {
	rendered, all := everywhere(), []counted(nil)
	claims := map[*manifest.Object][]claim{}
	for _, claim := range c.claims[namespace] {
		claims[claim.object] = append(claims[claim.object], claim)
	}
	for _, object := range c.applied {
		if object.Namespace != namespace {
			continue
		}
		resource, namespaced, err := c.resource(ctx, object)
		if err != nil {
			return nil, err
		}
		if !namespaced || resource.Resource == "pods" && resource.Group == "" || resource.Resource == "events" {
			continue
		}
		value := c.values[object]
		switch {
		case value != nil: // it is of a kind of which more is counted than the number
		case c.server.decodes(kindOf(object)):
			continue // it cannot be decoded, and is not created
		default:
			value = named(object.Name, namespaceOf(object))
		}
		if object.Kind != "PersistentVolumeClaim" || resource.Group != "" {
			all = append(all, counted{object, nil, resource, value, 1})
		}
		for _, claim := range claims[object] {
			all = append(all, counted{object, claim.spec, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), claim.claim, claim.count})
		}
		for i, one := range rendered {
			if one.resource == resource && one.value.(metav1.Object).GetName() == object.Name {
				rendered = append(rendered[:i], rendered[i+1:]...)
				break
			}
		}
	}
	return append(rendered, all...), nil
}

// fit passes objects by the quotas of their namespace, one after the other, as if they were created in that order.
func (c *contents) fit(ctx context.Context, pass *check.Pass, namespace string, quotas []*corev1.ResourceQuota, objects []counted) error {
	state := make([]corev1.ResourceQuota, 0, len(quotas))
	for _, q := range quotas {
		q = q.DeepCopy()
		q.Status.Used = corev1.ResourceList{}
		for name, hard := range q.Status.Hard {
			q.Status.Used[name] = resource.Quantity{Format: hard.Format}
		}
		state = append(state, *q)
	}
	registry, err := evaluators()
	if err != nil {
		return err
	}
	charges, err := c.charges(ctx, namespace, objects)
	if err != nil {
		return err
	}
	for _, o := range charges {
		evaluator := registry.Get(o.resource.GroupResource())
		if evaluator == nil {
			evaluator = generic.NewObjectCountEvaluator(o.resource.GroupResource(), nil, "")
			registry.Add(evaluator)
		}
		operation, options := admission.Create, runtime.Object(&metav1.CreateOptions{})
		if o.old != nil {
			operation, options = admission.Update, &metav1.UpdateOptions{}
		}
		attributes := admission.NewAttributesRecord(o.value, o.old, schema.GroupVersionKind{}, cmp.Or(namespace, metav1.NamespaceDefault), "", o.resource, "", operation, options, false, nil)
		for range o.count {
			after, err := resourcequota.CheckRequest(state, attributes, evaluator, nil)
			if err == nil {
				state = after
				continue
			}
			if o.object == nil {
				break // it is there before the quota is
			}
			_, message, ok := strings.Cut(err.Error(), "is forbidden: ")
			if !ok {
				return fmt.Errorf("%s: %w", o.object.ID, err)
			}
			var with []check.Field
			for _, q := range quotas {
				if strings.HasPrefix(message, "exceeded quota: "+q.Name+",") {
					with = c.hard(q)
				}
			}
			pass.Report(c.target, o.object, o.path, message, with...)
			break
		}
	}
	return nil
}

// charge is what a quota counts at once: an object that is created, or one that takes the place of another.
type charge struct {
	counted
	old runtime.Object // nil of one that is created
}

// charges are objects in the order in which a quota comes to count them. Where a change is judged, the cluster has the old ones
// first, whatever stands before them now, and of what the change edits the server counts how much more it is.
func (c *contents) charges(ctx context.Context, namespace string, objects []counted) ([]charge, error) {
	var there, edited, added []charge
	stood, err := c.stood(ctx, namespace)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o.object == nil {
			there = append(there, charge{counted: o})
			continue
		}
		i := slices.IndexFunc(stood, func(was counted) bool {
			return was.object == o.object && was.resource == o.resource && slices.Equal(was.path, o.path)
		})
		if i < 0 {
			added = append(added, charge{counted: o})
			continue
		}
		was, more := stood[i], o
		was.count, more.count = min(was.count, o.count), max(o.count-was.count, 0)
		there = append(there, charge{counted: was})
		if was.value != o.value {
			old := was.value.DeepCopyObject()
			accessor, err := meta.Accessor(old)
			if err != nil {
				return nil, err
			}
			accessor.SetResourceVersion("1") // of an object without one the server does not know that it is there
			o.count = was.count
			edited = append(edited, charge{counted: o, old: old})
		}
		if more.count > 0 {
			edited = append(edited, charge{counted: more})
		}
	}
	return slices.Concat(there, edited, added), nil
}

// stood are the objects of a namespace that a quota counted before the change, each with the object that takes its place.
func (c *contents) stood(ctx context.Context, namespace string) ([]counted, error) {
	if c.target.Before == nil {
		return nil, nil
	}
	before, err := c.server.contents(ctx, c.target.Before.Target)
	if err != nil {
		return nil, err
	}
	all, err := before.counted(ctx, namespace)
	if err != nil {
		return nil, err
	}
	now := c.now()
	for i := range all {
		if all[i].object != nil {
			all[i].object = now[all[i].object]
		}
	}
	return slices.DeleteFunc(all, func(o counted) bool { return o.object == nil }), nil
}

// now are the objects that take the place of those before the change.
func (c *contents) now() map[*manifest.Object]*manifest.Object {
	now := map[*manifest.Object]*manifest.Object{}
	for _, pair := range c.target.Before.Pairs {
		if pair.Old != nil && pair.New != nil {
			now[pair.Old] = pair.New
		}
	}
	return now
}

// evaluators are the server's, without those of pods and of device claims: these ask a cluster.
func evaluators() (apiserverquota.Registry, error) {
	all, err := core.NewEvaluators(nil, nil, func(resource schema.GroupVersionResource) bool {
		return resource.Group == "" && resource.Resource != "pods"
	})
	if err != nil {
		return nil, fmt.Errorf("make the evaluators of quotas: %w", err)
	}
	return generic.NewRegistry(all), nil
}
