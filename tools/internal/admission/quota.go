package admission

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
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
func (c *contents) fit(pass *check.Pass, namespace string, quotas []*corev1.ResourceQuota, objects []counted) error {
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
	for _, o := range objects {
		evaluator := registry.Get(o.resource.GroupResource())
		if evaluator == nil {
			evaluator = generic.NewObjectCountEvaluator(o.resource.GroupResource(), nil, "")
			registry.Add(evaluator)
		}
		attributes := admission.NewAttributesRecord(o.value, nil, schema.GroupVersionKind{}, cmp.Or(namespace, metav1.NamespaceDefault), "", o.resource, "", admission.Create,
			&metav1.CreateOptions{}, false, nil)
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
