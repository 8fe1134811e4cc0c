package danger

import (
	"maps"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var trafficMoved = &check.Check{
	Name:  "danger/traffic-moved",
	Title: "No Service turns away from pods that go on running",
	Doc: "A Service whose selector changes, or pods whose labels do, moves all requests at once, without a step that anybody could stop at, and the pods that it served run on " +
		"for nobody. Stated where the Service selected pods of a workload before, the workload is still there, and the Service selects others " +
		"in its place. So it is with the labels of a subset of a DestinationRule, which moves the subset's share of each route; not where no route here that is for the host sends these pods another share. A Service that selects nothing any more is service/selects-pods'.",
	Fix:      "Keep the labels that the Service selects, or move the traffic by weights. Exempt a switch that is meant, such as that from blue to green.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{"https://kubernetes.io/docs/concepts/services-networking/service/"},
	Was:        trafficMovedWas, Bad: trafficMovedBad, Good: trafficMovedGood,
	Run: each(lookForTraffic),
}

func lookForTraffic(s *scene) {
	before, after := workloads(s.olds()), workloads(s.news())
	path := fields("spec", "selector")
	split := s.splitting()
	for _, p := range s.changed() {
		s.subsets(p, before, after, split)
		if !is(p.New, "", "Service") || !known(p, path, path) {
			continue
		}
		old, new := textMap(p.Old, path), textMap(p.New, path)
		if len(old) == 0 || len(new) == 0 {
			continue
		}
		had := selected(before, p.Old.Namespace, labels.Set(old).AsSelector())
		has := selected(after, p.New.Namespace, labels.Set(new).AsSelector())
		var left []*manifest.Object // that run on without the Service
		for _, w := range had {
			if now := find(after, w); now != nil && find(has, w) == nil {
				left = append(left, now)
			}
		}
		if len(left) == 0 || len(has) == 0 {
			continue
		}
		if !maps.Equal(old, new) {
			s.at(p.New, path, "traffic moved: %s sends to %s → %s", title(p.New), titles(had), titles(has))
			continue
		}
		for _, w := range left {
			if at, ok := s.labelsOf(w); ok {
				s.at(w, at, "traffic moved: the pods of %s have no longer the labels that %s selects: it sends to %s → %s", title(w), title(p.New), titles(had), titles(has))
			}
		}
	}
}

// subsets looks for subsets of a DestinationRule that mean the pods of other workloads than before, while those run on.
func (s *scene) subsets(p check.Pair, before, after []*manifest.Object, split splitting) {
	list := fields("spec", "subsets")
	if !is(p.New, "networking.istio.io", "DestinationRule") || !known(p, list, list) {
		return
	}
	for _, now := range parts(p.New, list) {
		was, there := counterpart(p.Old, list, now.name)
		old, new := textMap(p.Old, below(was.path, "labels")), textMap(p.New, below(now.path, "labels"))
		if !there || len(old) == 0 || len(new) == 0 || maps.Equal(old, new) {
			continue
		}
		if !split.movesShare(p, now.name) {
			continue
		}
		had, has := selected(before, p.Old.Namespace, labels.Set(old).AsSelector()), selected(after, p.New.Namespace, labels.Set(new).AsSelector())
		if len(has) > 0 && slices.ContainsFunc(had, func(w *manifest.Object) bool { return find(after, w) != nil && find(has, w) == nil }) {
			s.at(p.New, below(now.path, "labels"), "traffic moved: subset %q of %s is %s → %s", now.name, title(p.New), titles(had), titles(has))
			continue
		}
		// Whose pods they are, somebody else may render: where two subsets change places, they move whatever runs.
		for _, other := range parts(p.Old, list) {
			if len(had)+len(has) == 0 && other.name != now.name && maps.Equal(textMap(p.Old, below(other.path, "labels")), new) {
				s.at(p.New, below(now.path, "labels"), "traffic moved: subset %q of %s has the labels that %q had", now.name, title(p.New), other.name)
			}
		}
	}
}

// splitting is how routes split requests among subsets, on both sides.
type splitting struct {
	before, after subsets
	routes        [][2]split
}

func (s *scene) splitting() splitting {
	all := splitting{before: subsetsOf(s.olds()), after: subsetsOf(s.news())}
	for _, p := range s.changed() {
		all.routes = append(all.routes, routePairs(p)...)
	}
	return all
}

// movesShare reports whether routes send the pods of a subset another share than before, though the subset had one; also where no route here
// is for its host.
func (s splitting) movesShare(rule check.Pair, subset string) bool {
	host := hostName(manifest.TextAt(rule.New.Value, "spec", "host"), rule.New.Namespace)
	of := func(one share) bool { return one.host == host && one.subset == subset }
	routed := false
	for _, r := range s.routes {
		was, now := r[0], r[1]
		routed = routed || slices.ContainsFunc(now.shares, func(one share) bool { return one.host == host })
		for _, one := range now.shares {
			pods := s.after.pods(one)
			if !of(one) || pods == "" || one.percent == 0 || was.percent(of) == 0 {
				continue
			}
			had, has := was.percent(func(old share) bool { return s.before.pods(old) == pods }), now.percent(func(n share) bool { return s.after.pods(n) == pods })
			if math.Abs(has-had) > 0.5 {
				return true
			}
		}
	}
	return !routed
}

// labelsOf is where a workload has the labels of its pods; false where they, or what they were, are not known.
func (s *scene) labelsOf(w *manifest.Object) (manifest.Path, bool) {
	spec, ok := podPath(w)
	if !ok {
		return nil, true
	}
	path := below(spec[:len(spec)-1], "metadata", "labels")
	was := find(s.olds(), w)
	return path, !w.Hides(path) && (was == nil || !was.Hides(path))
}

// textMap is a mapping of texts; entries of another type are left out.
func textMap(o *manifest.Object, path manifest.Path) map[string]string {
	texts := map[string]string{}
	content, _ := manifest.At(o.Value, path...).(map[string]any)
	for key, value := range content {
		if text, ok := value.(string); ok {
			texts[key] = text
		}
	}
	return texts
}
