package admission

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissionpolicy"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// workload is an object and the pod that its controller would create.
type workload struct {
	object *manifest.Object
	spec   manifest.Path // of the pod's spec in the object
	pod    *core.Pod
	count  int64 // pods of it at once, at most; a DaemonSet's are not known and count as one

	scaler *manifest.Object // the autoscaler that says how many, if there is one
	number manifest.Path    // of the field that says it; nil for a pod alone and a DaemonSet's

	author *core.Pod              // the pod without what policies have changed; nil where they change nothing
	steps  []admissionpolicy.Step // what they have
	denied []string               // why they refuse it
	absent []admissionpolicy.Absent
}

// counted is the field that says how many pods there are.
func (w workload) counted(target *check.Target) []check.Field {
	switch {
	case w.scaler != nil:
		return []check.Field{{Target: target, Object: w.scaler, Path: manifest.Path{"spec", "maxReplicas"}}}
	case w.number != nil:
		return []check.Field{{Target: target, Object: w.object, Path: w.number}}
	}
	return nil
}

// external is the pod in version v1.
func (w workload) external() (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if err := corev1conversion.Convert_core_Pod_To_v1_Pod(w.pod, pod, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", w.object.ID, err)
	}
	return pod, nil
}

// contents is what a target renders, decoded once for every check that looks at its objects together. Nothing of it is
// changed after that. What cannot be decoded is left out: admission/accepted says why.
type contents struct {
	target *check.Target
	server *Server

	applied []*manifest.Object // of the target; a hook that is skipped neither gives nor asks anything

	workloads   map[string][]workload // by namespace, as the others; "" is that of objects without one; with the defaults of its LimitRanges
	limitRanges map[string][]*corev1.LimitRange
	quotas      map[string][]*corev1.ResourceQuota
	claims      map[string][]claim
	written     map[any]*manifest.Object            // of a LimitRange or a ResourceQuota
	values      map[*manifest.Object]runtime.Object // of the kinds that are decoded, in the internal version

	judged   cache.Cache[struct{}, []policyVerdict] // what the rendered policies say
	mutating mutating                               // what the rendered policies make of its objects
}

// definitions are what defines a kind for the target.
func (c *contents) definitions(ctx context.Context, kind schema.GroupVersionKind) (definition.Found, error) {
	known, err := c.server.kinds.Of(c.target)
	if err != nil {
		return definition.Found{}, err
	}
	return known.For(ctx, kind.GroupKind())
}

// claim is a claim, or one that a StatefulSet makes for each of its pods.
type claim struct {
	object *manifest.Object
	spec   manifest.Path // of the claim in the object
	claim  *core.PersistentVolumeClaim
	count  int64
}

// namespaceOf is the namespace that an object is judged in. Where it has none, whoever deploys it says which: it is as good
// as any for what is asked of the object alone, and nothing that stands in that namespace is held against it.
func namespaceOf(o *manifest.Object) string {
	if o.Namespace == "" {
		return metav1.NamespaceDefault
	}
	return o.Namespace
}

func kindOf(o *manifest.Object) schema.GroupVersionKind { return definition.KindOf(o) }

func (s *Server) contents(ctx context.Context, target *check.Target) (*contents, error) {
	return s.targets.Get(target, func() (*contents, error) { return s.decode(ctx, target) })
}

func (s *Server) decode(ctx context.Context, target *check.Target) (*contents, error) {
	d := &contents{
		target: target, server: s, applied: target.Applied(),
		workloads: map[string][]workload{}, limitRanges: map[string][]*corev1.LimitRange{}, quotas: map[string][]*corev1.ResourceQuota{},
		claims: map[string][]claim{}, written: map[any]*manifest.Object{}, values: map[*manifest.Object]runtime.Object{},
	}
	if err := d.mutate(ctx); err != nil {
		return nil, err
	}
	type scaler struct {
		object *manifest.Object
		most   int64
	}
	scaled := map[string]scaler{} // by namespace/kind/name
	for _, object := range d.applied {
		kind := kindOf(object)
		if !s.decodes(kind) {
			continue
		}
		if custom.Excessive(d.after(object).Value) != nil {
			continue
		}
		value, err := s.builtin().Decode(kind, d.after(object).JSON)
		if err != nil {
			continue
		}
		d.values[object] = value
		namespace := object.Namespace
		if accessor, err := meta.Accessor(value); err == nil {
			accessor.SetNamespace(namespaceOf(object)) // all of these kinds are in one
		}
		switch v := value.(type) {
		case *core.LimitRange:
			out := &corev1.LimitRange{}
			if err := corev1conversion.Convert_core_LimitRange_To_v1_LimitRange(v, out, nil); err == nil {
				d.limitRanges[namespace] = append(d.limitRanges[namespace], out)
				d.written[out] = object
			}
		case *core.ResourceQuota:
			out := &corev1.ResourceQuota{}
			if err := corev1conversion.Convert_core_ResourceQuota_To_v1_ResourceQuota(v, out, nil); err == nil {
				out.Status.Hard = out.Spec.Hard // as its controller would write it
				d.quotas[namespace] = append(d.quotas[namespace], out)
				d.written[out] = object
			}
		case *core.PersistentVolumeClaim:
			d.claims[namespace] = append(d.claims[namespace], claim{object, manifest.Path{"spec"}, v, 1})
		case *autoscaling.HorizontalPodAutoscaler:
			scaled[namespace+"/"+v.Spec.ScaleTargetRef.Kind+"/"+v.Spec.ScaleTargetRef.Name] = scaler{object, int64(v.Spec.MaxReplicas)}
		default:
			if w, ok := workloadOf(object, value); ok {
				d.workloads[namespace] = append(d.workloads[namespace], w)
			}
		}
	}
	for namespace, workloads := range d.workloads {
		for i := range workloads {
			w := &workloads[i]
			if s, ok := scaled[namespace+"/"+w.object.Kind+"/"+w.object.Name]; ok {
				w.scaler, w.count = s.object, s.most
			}
			d.limited(namespace)(w.pod)
			if err := d.mutatePod(ctx, w); err != nil {
				return nil, err
			}
			if set, ok := d.values[w.object].(*apps.StatefulSet); ok {
				for n := range set.Spec.VolumeClaimTemplates {
					d.claims[namespace] = append(d.claims[namespace], claimOf(set, n, w))
				}
			}
		}
	}
	return d, nil
}

func claimOf(set *apps.StatefulSet, n int, w *workload) claim {
	made := set.Spec.VolumeClaimTemplates[n].DeepCopy()
	made.Namespace = w.pod.Namespace
	return claim{w.object, manifest.Path{"spec", "volumeClaimTemplates", n, "spec"}, made, w.count}
}

// decodes reports whether objects of the kind are decoded. A check of an overlay asks more of them than their number.
func (s *Server) decodes(kind schema.GroupVersionKind) bool {
	return slices.Contains(decodedKinds(), kind.Kind) && s.builtin().Knows(kind)
}

// resource is the resource of an object's kind, and whether it lives in a namespace; it is empty for a kind that nobody
// knows, which schema/known-kind reports.
func (c *contents) resource(ctx context.Context, object *manifest.Object) (resource schema.GroupVersionResource, namespaced bool, err error) {
	kind := kindOf(object)
	switch {
	case kind.GroupKind() == definition.Kind:
		return kind.GroupVersion().WithResource("customresourcedefinitions"), false, nil
	case c.server.builtin().Knows(kind):
		return c.server.builtin().Resource(kind), c.server.builtin().Namespaced(kind), nil
	}
	all, err := c.definitions(ctx, kind)
	if err != nil || !all.Knows(kind) {
		return schema.GroupVersionResource{}, false, err
	}
	resource, err = all.Resource(kind)
	return resource, all.Namespaced(kind), err
}

func decodedKinds() []string {
	return []string{"LimitRange", "ResourceQuota", "HorizontalPodAutoscaler", "PersistentVolumeClaim", "Service", "Pod",
		"ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
}

func workloadOf(object *manifest.Object, value runtime.Object) (workload, bool) {
	template := manifest.Path{"spec", "template", "spec"}
	of := func(path manifest.Path, t *core.PodTemplateSpec, count int64, number ...any) (workload, bool) {
		if t == nil {
			return workload{}, false
		}
		pod := &core.Pod{ObjectMeta: *t.ObjectMeta.DeepCopy(), Spec: *t.Spec.DeepCopy()}
		pod.Namespace = namespaceOf(object)
		if pod.Name == "" {
			pod.GenerateName = object.Name + "-"
		}
		return workload{object: object, spec: path, pod: pod, count: count, number: number}, true
	}
	switch v := value.(type) {
	case *core.Pod:
		return workload{object: object, spec: manifest.Path{"spec"}, pod: v.DeepCopy(), count: 1}, true
	case *core.ReplicationController:
		return of(template, v.Spec.Template, replicas(v.Spec.Replicas), "spec", "replicas")
	case *apps.ReplicaSet:
		return of(template, &v.Spec.Template, replicas(v.Spec.Replicas), "spec", "replicas")
	case *apps.Deployment:
		return of(template, &v.Spec.Template, int64(v.Spec.Replicas), "spec", "replicas")
	case *apps.StatefulSet:
		return of(template, &v.Spec.Template, int64(v.Spec.Replicas), "spec", "replicas")
	case *apps.DaemonSet:
		return of(template, &v.Spec.Template, 1)
	case *batch.Job:
		return of(template, &v.Spec.Template, replicas(v.Spec.Parallelism), "spec", "parallelism")
	case *batch.CronJob:
		return of(manifest.Path{"spec", "jobTemplate", "spec", "template", "spec"}, &v.Spec.JobTemplate.Spec.Template, replicas(v.Spec.JobTemplate.Spec.Parallelism),
			"spec", "jobTemplate", "spec", "parallelism")
	}
	return workload{}, false
}

func replicas(n any) int64 {
	switch v := n.(type) {
	case *int32:
		if v != nil {
			return int64(*v)
		}
	case int32:
		return int64(v)
	}
	return 1
}
