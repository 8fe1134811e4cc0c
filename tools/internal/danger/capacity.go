package danger

import (
	"fmt"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

var capacityCut = &check.Check{
	Name:  "danger/capacity-cut",
	Title: "No workload has less room than before",
	Doc: "Fewer replicas, a lower maximum of an autoscaler or a lower limit take effect at once, whatever the load is. A maximum below what the minimum was takes pods " +
		"away for certain, memory below what a process has ends it, and no replicas are no service. Replicas of a workload that an autoscaler scales are its own.",
	Fix:      "Look at what the workload uses, lower it in steps, and exempt what is meant.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
		"https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
	},
	Was: capacityCutWas, Bad: capacityCutBad, Good: capacityCutGood,
	Run: each(lookForCapacity),
}

// scaler is a kind that scales others: where it has its bounds and what it is for.
type scaler struct {
	group, kind string
	min, max    manifest.Path
	target      manifest.Path
}

func scalers() []scaler {
	return []scaler{
		{"autoscaling", "HorizontalPodAutoscaler", fields("spec", "minReplicas"), fields("spec", "maxReplicas"), fields("spec", "scaleTargetRef")},
		{"keda.sh", "ScaledObject", fields("spec", "minReplicaCount"), fields("spec", "maxReplicaCount"), fields("spec", "scaleTargetRef")},
	}
}

func scalerOf(o *manifest.Object) (scaler, bool) {
	all := scalers()
	i := slices.IndexFunc(all, func(one scaler) bool { return is(o, one.group, one.kind) })
	if i < 0 {
		return scaler{}, false
	}
	return all[i], true
}

// scales is the autoscaler of a workload among objects; nil for none.
func scales(objects []*manifest.Object, workload *manifest.Object) *manifest.Object {
	for _, o := range objects {
		of, ok := scalerOf(o)
		if !ok || o.Namespace != workload.Namespace || manifest.TextAt(o.Value, below(of.target, "name")...) != workload.Name {
			continue
		}
		if kind := manifest.TextAt(o.Value, below(of.target, "kind")...); kind == workload.Kind || kind == "" && workload.Kind == "Deployment" {
			return o
		}
	}
	return nil
}

// numbered are fields with the number of pods of kinds that no relation lists.
func numbered(o *manifest.Object) (manifest.Path, bool) {
	switch {
	case slices.Contains(relation.Known().Scaled[o.Group()], o.Kind):
		return fields("spec", "replicas"), true
	case is(o, "postgresql.cnpg.io", "Cluster"), is(o, "postgresql.cnpg.io", "Pooler"):
		return fields("spec", "instances"), true
	case is(o, "monitoring.coreos.com", "Prometheus"), is(o, "monitoring.coreos.com", "Alertmanager"), is(o, "opentelemetry.io", "OpenTelemetryCollector"),
		is(o, "rabbitmq.com", "RabbitmqCluster"), is(o, "kafka.strimzi.io", "KafkaNodePool"):
		return fields("spec", "replicas"), true
	}
	return nil, false
}

func lookForCapacity(s *scene) {
	for _, p := range s.changed() {
		s.fewer(p)
		s.bound(p)
		containers(p, func(old, new part, had bool) {
			if had {
				s.limits(p, old, new)
			}
		})
	}
	for _, o := range s.removed() {
		of, ok := scalerOf(o)
		if !ok {
			continue
		}
		max, _ := count(o, of.max)
		for _, w := range s.news() {
			old := find(s.olds(), w)
			if path, ok := numbered(w); ok && old != nil && scales([]*manifest.Object{o}, old) != nil && scales(s.news(), w) == nil && max > 1 {
				now, set := count(w, path)
				if !set {
					now = 1
				}
				if now < max {
					s.gone(check.Warning, o, nil, "capacity cut: %s is removed: %s has up to %d pods → %d", title(o), title(w), max, now)
				}
			}
		}
	}
}

func (s *scene) fewer(p check.Pair) {
	path, ok := numbered(p.New)
	if !ok || !known(p, path, path) || scales(s.news(), p.New) != nil || scales(s.olds(), p.Old) != nil {
		return
	}
	old, had := count(p.Old, path)
	new, has := count(p.New, path)
	if !had {
		old = 1
	}
	if !has {
		new = 1
		if had && !slices.Contains([]string{"", "apps"}, p.New.Group()) && !is(p.New, "argoproj.io", "Rollout") {
			return // what an operator takes for it nobody knows
		}
	}
	switch {
	case new >= old:
	case !has: // whoever applies it takes the number away, and the API server fills in 1
		s.at(p.New, path, "capacity cut: %s has %s: %d → not set, which is 1", title(p.New), path, old)
	case new == 0:
		s.at(p.New, path, "capacity cut: %s runs no longer: %s: %d → 0", title(p.New), path, old)
	default:
		s.at(p.New, path, "capacity cut: %s has %s: %d → %d", title(p.New), path, old, new)
	}
}

func (s *scene) bound(p check.Pair) {
	of, ok := scalerOf(p.New)
	if !ok || !known(p, fields("spec"), fields("spec")) {
		return
	}
	least := func(o *manifest.Object) int64 {
		if n, set := count(o, of.min); set {
			return n
		}
		if of.kind == "ScaledObject" {
			return 0
		}
		return 1
	}
	oldMin, newMin := least(p.Old), least(p.New)
	oldMax, had := count(p.Old, of.max)
	newMax, has := count(p.New, of.max)
	who := title(p.New)
	if had && has && newMax < oldMax {
		if newMax < oldMin {
			s.at(p.New, of.max, "capacity cut: %s has %s: %d → %d, fewer than the %d that run at least now", who, of.max, oldMax, newMax, oldMin)
		} else {
			s.at(p.New, of.max, "capacity cut: %s has %s: %d → %d", who, of.max, oldMax, newMax)
		}
	}
	if newMin < oldMin {
		s.at(p.New, of.min, "capacity cut: %s has %s: %d → %d", who, of.min, oldMin, newMin)
	}
}

func (s *scene) limits(p check.Pair, old, new part) {
	for _, name := range []string{"cpu", "memory", "ephemeral-storage"} {
		from, to := below(old.path, "resources", "limits", name), below(new.path, "resources", "limits", name)
		was, had := quantity(p.Old, from)
		is, has := quantity(p.New, to)
		if had && has && known(p, from, to) && is.Cmp(was) < 0 {
			s.at(p.New, to, "capacity cut: container %q of %s has a limit of %s: %s → %s", new.name, title(p.New), name, fmt.Sprint(manifest.At(p.Old.Value, from...)), fmt.Sprint(manifest.At(p.New.Value, to...)))
		}
	}
}
