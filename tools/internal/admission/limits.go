package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	apiserverquota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
	"k8s.io/utils/clock"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// namespaces are the checks of what a namespace allows.
type namespaces struct{ server *Server }

// limitRanges lets the LimitRanger plugin at the pods and claims of a target: minima, maxima and ratios, after the
// defaults that it gives a pod when it is created.
func (n *namespaces) limitRanges(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		c, err := n.server.contents(ctx, target)
		if err != nil {
			return err
		}
		for namespace, ranges := range c.limitRanges {
			for _, r := range ranges {
				with := check.Field{Target: target, Object: c.written[r], Path: manifest.Path{"spec", "limits"}}
				for _, w := range c.workloads[namespace] {
					if c.mutating.refusesPods(w) {
						continue
					}
					err := limitranger.PodValidateLimitFunc(r, w.pod)
					if err == nil {
						continue
					}
					message := fmt.Sprintf("LimitRange %s: %s", r.Name, sentence(err))
					if w.author != nil && limitranger.PodValidateLimitFunc(r, w.author) == nil {
						c.blame(pass, w, nil, message, with)
						continue
					}
					pass.Report(target, w.object, w.spec, message, with)
				}
				for _, claim := range c.claims[namespace] {
					if err := limitranger.PersistentVolumeClaimValidateLimitFunc(r, claim.claim); err != nil {
						pass.Report(target, claim.object, append(slices.Clone(claim.spec), "resources"), fmt.Sprintf("LimitRange %s: %s", r.Name, sentence(err)), with)
					}
				}
			}
		}
	}
	return ctx.Err()
}

// quotas holds a target to its ResourceQuotas as that plugin does: the pods of a namespace together, which count as
// often as they run at most, and every other object.
func (n *namespaces) quotas(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		c, err := n.server.contents(ctx, target)
		if err != nil {
			return err
		}
		for namespace, quotas := range c.quotas {
			for _, q := range quotas {
				if err := c.fitPods(ctx, pass, q, namespace); err != nil {
					return err
				}
			}
			objects, err := c.counted(ctx, namespace)
			if err != nil {
				return err
			}
			if err := c.fit(ctx, pass, namespace, quotas, objects); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// fitPods holds pods to a quota: one that does not say what the quota counts is refused, and they have to fit together.
func (c *contents) fitPods(ctx context.Context, pass *check.Pass, q *corev1.ResourceQuota, namespace string) error {
	evaluator := core.NewPodEvaluator(nil, clock.RealClock{})
	hard := apiserverquota.ResourceNames(q.Spec.Hard)
	usage := func(w workload) (corev1.ResourceList, error) {
		pod, err := w.external()
		if err != nil {
			return nil, err
		}
		one, err := evaluator.Usage(pod)
		return times(apiserverquota.Mask(one, hard), w.count), err
	}
	workloads, err := c.arriving(ctx, namespace, usage)
	if err != nil {
		return fmt.Errorf("ResourceQuota %s: %w", q.Name, err)
	}
	used := corev1.ResourceList{}
	for _, w := range workloads {
		if c.mutating.refusesPods(w) {
			continue
		}
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
			pass.Report(c.target, w.object, w.spec, fmt.Sprintf("failed quota: %s: %s", q.Name, err), c.hard(q)...)
			continue
		}
		one, err := evaluator.Usage(pod)
		if err != nil {
			return fmt.Errorf("%s: ResourceQuota %s: %w", w.object.ID, q.Name, err)
		}
		requested := times(apiserverquota.Mask(one, hard), w.count)
		total := apiserverquota.Add(used, requested)
		if fits, exceeded := apiserverquota.LessThanOrEqual(apiserverquota.Mask(total, apiserverquota.ResourceNames(requested)), q.Spec.Hard); !fits {
			pass.Report(c.target, w.object, w.spec, fmt.Sprintf("exceeded quota: %s, requested: %s for %d pods, used by others: %s, limited: %s", q.Name,
				list(apiserverquota.Mask(requested, exceeded)), w.count, list(apiserverquota.Mask(apiserverquota.Add(times(requested, 0), used), exceeded)), list(apiserverquota.Mask(q.Spec.Hard, exceeded))), slices.Concat(w.counted(c.target), c.hard(q, exceeded...), c.changing(w))...)
		}
		used = total
	}
	return nil
}

// arriving are the workloads of a namespace in the order in which a cluster comes to have their pods. Where a change is judged, those
// that it does not make ask for more have theirs, whatever stands before them now; then come those that do, and those that it adds.
func (c *contents) arriving(ctx context.Context, namespace string, usage func(workload) (corev1.ResourceList, error)) ([]workload, error) {
	if c.target.Before == nil {
		return c.workloads[namespace], nil
	}
	before, err := c.server.contents(ctx, c.target.Before.Target)
	if err != nil {
		return nil, err
	}
	was, now := map[*manifest.Object]workload{}, c.now()
	for _, w := range before.workloads[namespace] {
		was[now[w.object]] = w
	}
	var there, grown, added []workload
	for _, w := range c.workloads[namespace] {
		old, ok := was[w.object]
		if !ok {
			added = append(added, w)
			continue
		}
		less, err := usage(old)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.object.ID, err)
		}
		more, err := usage(w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.object.ID, err)
		}
		if fits, _ := apiserverquota.LessThanOrEqual(more, less); fits {
			there = append(there, w)
		} else {
			grown = append(grown, w)
		}
	}
	return slices.Concat(there, grown, added), nil
}

// hard are the fields in which a quota says how much there may be of resources, or the one that holds them all.
func (c *contents) hard(q *corev1.ResourceQuota, resources ...corev1.ResourceName) []check.Field {
	field := check.Field{Target: c.target, Object: c.written[q], Path: manifest.Path{"spec", "hard"}}
	if len(resources) == 0 {
		return []check.Field{field}
	}
	var fields []check.Field
	for _, name := range slices.Sorted(slices.Values(resources)) {
		one := field
		one.Path = append(slices.Clone(field.Path), string(name))
		fields = append(fields, one)
	}
	return fields
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
