package admission

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/apis/autoscaling"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1conversion "k8s.io/kubernetes/pkg/apis/core/v1"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// workload is an object and the pod that its controller would create.
type workload struct {
	object *manifest.Object
	spec   manifest.Path // of the pod's spec in the object
	pod    *core.Pod
	count  int64 // pods of it at once, at most; a DaemonSet's are not known and count as one
}

// external is the pod in version v1.
func (w workload) external() (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if err := corev1conversion.Convert_core_Pod_To_v1_Pod(w.pod, pod, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", w.object.ID, err)
	}
	return pod, nil
}

// decoded is the objects of a target that the checks of a namespace need, by namespace. What cannot be decoded is
// left to admission/accepted, which says why.
type decoded struct {
	workloads   map[string][]workload
	limitRanges map[string][]*corev1.LimitRange
	quotas      map[string][]*corev1.ResourceQuota
	claims      map[string][]claim
}

type claim struct {
	object *manifest.Object
	claim  *core.PersistentVolumeClaim
}

func namespaceOf(o *manifest.Object) string {
	if o.Namespace == "" {
		return metav1.NamespaceDefault
	}
	return o.Namespace
}

func (s *Server) decode(target *check.Target) decoded {
	d := decoded{map[string][]workload{}, map[string][]*corev1.LimitRange{}, map[string][]*corev1.ResourceQuota{}, map[string][]claim{}}
	server := s.builtin()
	scaled := map[string]int64{} // the most replicas that an autoscaler allows, by namespace/kind/name
	for _, object := range target.Objects {
		kind := schema.FromAPIVersionAndKind(object.APIVersion, object.Kind)
		if !server.Knows(kind) || !slices.Contains(decodedKinds(), kind.Kind) {
			continue
		}
		value, err := server.Decode(kind, object.JSON)
		if err != nil {
			continue
		}
		namespace := namespaceOf(object)
		switch v := value.(type) {
		case *core.LimitRange:
			out := &corev1.LimitRange{}
			if err := corev1conversion.Convert_core_LimitRange_To_v1_LimitRange(v, out, nil); err == nil {
				d.limitRanges[namespace] = append(d.limitRanges[namespace], out)
			}
		case *core.ResourceQuota:
			out := &corev1.ResourceQuota{}
			if err := corev1conversion.Convert_core_ResourceQuota_To_v1_ResourceQuota(v, out, nil); err == nil {
				out.Status.Hard = out.Spec.Hard // as its controller would write it
				d.quotas[namespace] = append(d.quotas[namespace], out)
			}
		case *core.PersistentVolumeClaim:
			d.claims[namespace] = append(d.claims[namespace], claim{object, v})
		case *autoscaling.HorizontalPodAutoscaler:
			scaled[namespace+"/"+v.Spec.ScaleTargetRef.Kind+"/"+v.Spec.ScaleTargetRef.Name] = int64(v.Spec.MaxReplicas)
		default:
			if w, ok := workloadOf(object, value); ok {
				d.workloads[namespace] = append(d.workloads[namespace], w)
			}
		}
	}
	for namespace, workloads := range d.workloads {
		for i, w := range workloads {
			if most, ok := scaled[namespace+"/"+w.object.Kind+"/"+w.object.Name]; ok {
				workloads[i].count = most
			}
		}
	}
	return d
}

func decodedKinds() []string {
	return []string{"LimitRange", "ResourceQuota", "HorizontalPodAutoscaler", "PersistentVolumeClaim", "Pod", "ReplicationController",
		"ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
}

func workloadOf(object *manifest.Object, value runtime.Object) (workload, bool) {
	template := manifest.Path{"spec", "template", "spec"}
	of := func(path manifest.Path, t *core.PodTemplateSpec, count int64) (workload, bool) {
		if t == nil {
			return workload{}, false
		}
		pod := &core.Pod{ObjectMeta: *t.ObjectMeta.DeepCopy(), Spec: *t.Spec.DeepCopy()}
		pod.Namespace = namespaceOf(object)
		if pod.Name == "" {
			pod.GenerateName = object.Name + "-"
		}
		return workload{object, path, pod, count}, true
	}
	switch v := value.(type) {
	case *core.Pod:
		return workload{object, manifest.Path{"spec"}, v.DeepCopy(), 1}, true
	case *core.ReplicationController:
		return of(template, v.Spec.Template, replicas(v.Spec.Replicas))
	case *apps.ReplicaSet:
		return of(template, &v.Spec.Template, replicas(v.Spec.Replicas))
	case *apps.Deployment:
		return of(template, &v.Spec.Template, int64(v.Spec.Replicas))
	case *apps.StatefulSet:
		return of(template, &v.Spec.Template, int64(v.Spec.Replicas))
	case *apps.DaemonSet:
		return of(template, &v.Spec.Template, 1)
	case *batch.Job:
		return of(template, &v.Spec.Template, replicas(v.Spec.Parallelism))
	case *batch.CronJob:
		return of(manifest.Path{"spec", "jobTemplate", "spec", "template", "spec"}, &v.Spec.JobTemplate.Spec.Template, replicas(v.Spec.JobTemplate.Spec.Parallelism))
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
