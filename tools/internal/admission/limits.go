package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	apiserverquota "k8s.io/apiserver/pkg/quota/v1"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
	"k8s.io/utils/clock"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// namespaces decodes what the checks of a namespace's limits need, once for each target.
type namespaces struct{ server *Server }

// limitRanges lets the LimitRanger plugin at the pods and claims of a target: defaults first, then minima, maxima and
// ratios, as when the pod is created.
func (n *namespaces) limitRanges(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		d := n.server.decode(target)
		for namespace, ranges := range d.limitRanges {
			for _, w := range d.workloads[namespace] {
				applyDefaults(ranges, w.pod)
				for _, r := range ranges {
					if err := limitranger.PodValidateLimitFunc(r, w.pod); err != nil {
						pass.Report(target, w.object, w.spec, fmt.Sprintf("LimitRange %s: %s", r.Name, sentence(err)))
					}
				}
			}
			for _, c := range d.claims[namespace] {
				for _, r := range ranges {
					if err := limitranger.PersistentVolumeClaimValidateLimitFunc(r, c.claim); err != nil {
						pass.Report(target, c.object, manifest.Path{"spec", "resources"}, fmt.Sprintf("LimitRange %s: %s", r.Name, sentence(err)))
					}
				}
			}
		}
	}
	return ctx.Err()
}

// quotas holds the pods of a target to its ResourceQuotas as that plugin does: a pod that does not say what the quota
// counts is refused, and the pods together have to fit. They count as often as they run at most.
func (n *namespaces) quotas(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		d := n.server.decode(target)
		for namespace, quotas := range d.quotas {
			for _, q := range quotas {
				if err := n.quota(pass, target, q, d.limitRanges[namespace], d.workloads[namespace]); err != nil {
					return err
				}
			}
		}
	}
	return ctx.Err()
}

func (n *namespaces) quota(pass *check.Pass, target *check.Target, q *corev1.ResourceQuota, ranges []*corev1.LimitRange, workloads []workload) error {
	evaluator := core.NewPodEvaluator(nil, clock.RealClock{})
	hard := apiserverquota.ResourceNames(q.Spec.Hard)
	used := corev1.ResourceList{}
	for _, w := range workloads {
		applyDefaults(ranges, w.pod)
		pod, err := w.external()
		if err != nil {
			return err
		}
		if matches, err := evaluator.Matches(q, pod); err != nil {
			return fmt.Errorf("%s: ResourceQuota %s: %w", w.object.ID, q.Name, err)
		} else if !matches {
			continue
		}
		if err := evaluator.Constraints(hard, pod); err != nil {
			pass.Report(target, w.object, w.spec, fmt.Sprintf("failed quota: %s: %s", q.Name, err))
			continue
		}
		one, err := evaluator.Usage(pod)
		if err != nil {
			return fmt.Errorf("%s: ResourceQuota %s: %w", w.object.ID, q.Name, err)
		}
		requested := times(apiserverquota.Mask(one, hard), w.count)
		total := apiserverquota.Add(used, requested)
		if fits, exceeded := apiserverquota.LessThanOrEqual(apiserverquota.Mask(total, apiserverquota.ResourceNames(requested)), q.Spec.Hard); !fits {
			pass.Report(target, w.object, w.spec, fmt.Sprintf("exceeded quota: %s, requested: %s for %d pods, used by others: %s, limited: %s", q.Name,
				list(apiserverquota.Mask(requested, exceeded)), w.count, list(apiserverquota.Mask(apiserverquota.Add(times(requested, 0), used), exceeded)), list(apiserverquota.Mask(q.Spec.Hard, exceeded))))
		}
		used = total
	}
	return nil
}

func applyDefaults(ranges []*corev1.LimitRange, pod *api.Pod) {
	for _, r := range ranges {
		// The function returns an error and never has one.
		_ = limitranger.PodMutateLimitFunc(r, pod)
	}
}

func times(one corev1.ResourceList, count int64) corev1.ResourceList {
	out := corev1.ResourceList{}
	for name, quantity := range one {
		product := resource.NewMilliQuantity(quantity.MilliValue()*count, quantity.Format)
		if quantity.MilliValue()/1000 > 1<<40 { // milli-bytes of a large sum do not fit
			product = resource.NewQuantity(quantity.Value()*count, quantity.Format)
		}
		out[name] = *product
	}
	return out
}

func list(resources corev1.ResourceList) string {
	var parts []string
	for name, quantity := range resources {
		parts = append(parts, string(name)+"="+quantity.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// sentence is the text of an aggregate without its brackets.
func sentence(err error) string {
	return strings.TrimSuffix(strings.TrimPrefix(err.Error(), "["), "]")
}
