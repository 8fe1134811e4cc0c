package danger

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// ladderAnnotation names the shares that a canary is to take one after the other, as 1,5,20,50,100.
const ladderAnnotation = "kgate.dev/canary-steps"

var canaryStep = &check.Check{
	Name:  "danger/canary-step",
	Title: "A canary's share grows step by step",
	Doc: "A canary finds a fault while it hurts few. One that goes from a tenth to everything has found nothing for those in between. " +
		"Compared are the shares of one route, by its name or what it matches: what one destination, or the pods of one subset, gain in one change. Without more, a step is at most half of all requests; with the annotation " +
		"`" + ladderAnnotation + ": \"5,20,50,100\"` on the VirtualService, the route or the canary Ingress of ingress-nginx, it is at most the next of those shares; a list that cannot be read is said so. A canary's share may shrink by as much as it likes: what " +
		"a rollback goes back to is the destination that is called stable or primary, else those beside one that is called canary, else the first of the route, or what has the most of one with the annotation. " +
		"Stated is also that a Rollout waits for nothing any more on the way to its next version.",
	Fix:      "Take the next step, watch it, and then the one after it. Exempt a switch at once that is meant.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{"https://istio.io/latest/docs/tasks/traffic-management/traffic-shifting/"},
	Was:        canaryStepWas, Bad: canaryStepBad, Good: canaryStepGood,
	Run: each(lookForSteps),
}

// longest is the longest step where nobody says which there are, in percent.
const longest = 50

// share is what a destination has of a route, in percent.
type share struct {
	to           string
	host, subset string // of a destination of Istio
	percent      float64
	path         manifest.Path // of its weight
}

// split is a route by what it is called, and by what it is for: its name, or else what it matches.
type split struct {
	route, key string
	shares     []share
}

// splits are the routes of an object.
func splits(o *manifest.Object) []split {
	var all []split
	add := func(list manifest.Path, routes, matches string, to func(entry any) share) {
		for i, rule := range manifest.ListAt(o.Value, list...) {
			name := manifest.TextAt(rule, "name")
			one := split{route: cmp.Or(name, strconv.Itoa(i)), key: fmt.Sprint(list, cmp.Or(name, shown(manifest.At(rule, matches))))}
			at := below(list, i, routes)
			entries := manifest.ListAt(rule, routes)
			total := 0.0
			for j, entry := range entries {
				weight, set := number(manifest.At(entry, "weight"))
				if !set {
					if weight = 0; len(entries) == 1 || routes == "backendRefs" {
						weight = 1
					}
				}
				total += weight
				s := to(entry)
				s.percent, s.path = weight, below(at, j, "weight")
				one.shares = append(one.shares, s)
			}
			for j := range one.shares {
				if total > 0 {
					one.shares[j].percent *= 100 / total
				}
			}
			if total > 0 {
				all = append(all, one)
			}
		}
	}
	switch {
	case is(o, "networking.istio.io", "VirtualService"):
		for _, protocol := range []string{"http", "tcp", "tls"} {
			add(fields("spec", protocol), "route", "match", func(entry any) share {
				host, subset := manifest.TextAt(entry, "destination", "host"), manifest.TextAt(entry, "destination", "subset")
				to := host
				if port := manifest.At(entry, "destination", "port", "number"); subset != "" {
					to += " (" + subset + ")"
				} else if port != nil {
					to += fmt.Sprintf(":%v", port)
				}
				return share{to: to, host: hostName(host, o.Namespace), subset: subset}
			})
		}
	case is(o, "networking.k8s.io", "Ingress"):
		if one, is := nginxSplit(o); is {
			all = append(all, one)
		}
	case o.Group() == "gateway.networking.k8s.io" && strings.HasSuffix(o.Kind, "Route"):
		add(fields("spec", "rules"), "backendRefs", "matches", func(entry any) share {
			return share{to: manifest.TextAt(entry, "name")}
		})
	}
	return all
}

// percent is what the destinations of a route have together that some are.
func (r split) percent(some func(share) bool) float64 {
	percent := 0.0
	for _, one := range r.shares {
		if some(one) {
			percent += one.percent
		}
	}
	return percent
}

// routePairs are the routes of an object that are for the same requests before and after.
func routePairs(p check.Pair) [][2]split {
	var all [][2]split
	before, after := splits(p.Old), splits(p.New)
	for j, now := range after {
		like := func(other split) bool { return other.key == now.key }
		// Of several for the same requests the first one has them all.
		if i := slices.IndexFunc(before, like); i >= 0 && slices.IndexFunc(after, like) == j {
			all = append(all, [2]split{before[i], now})
		}
	}
	return all
}

// hostName is a host of Istio as the whole mesh calls it.
func hostName(host, namespace string) string {
	if host == "" || namespace == "" || strings.Contains(host, ".") { // what deploys an object may say its namespace
		return host
	}
	return host + "." + namespace + ".svc.cluster.local"
}

// subsets are the labels of the pods of subsets, by their host and their name.
type subsets map[[2]string]string

func subsetsOf(objects []*manifest.Object) subsets {
	all := subsets{}
	for _, o := range objects {
		if !is(o, "networking.istio.io", "DestinationRule") {
			continue
		}
		for _, subset := range parts(o, fields("spec", "subsets")) {
			if set := textMap(o, below(subset.path, "labels")); !obscure(o, subset.path) && len(set) > 0 {
				all[[2]string{hostName(manifest.TextAt(o.Value, "spec", "host"), o.Namespace), subset.name}] = labels.Set(set).String()
			}
		}
	}
	return all
}

// pods are those that a destination sends to; "" where nobody here knows them.
func (s subsets) pods(to share) string {
	set, some := s[[2]string{to.host, to.subset}]
	if !some {
		return ""
	}
	return to.host + " " + set
}

const nginx = "nginx.ingress.kubernetes.io/"

// nginxSplit is what an Ingress takes of the routes that another one has, where it is a canary of ingress-nginx.
// https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary
func nginxSplit(o *manifest.Object) (split, bool) {
	const weight = nginx + "canary-weight"
	total, err := strconv.ParseFloat(cmp.Or(annotation(o, nginx+"canary-weight-total"), "100"), 64)
	of, wrong := strconv.ParseFloat(annotation(o, weight), 64)
	if annotation(o, nginx+"canary") != "true" || err != nil || wrong != nil || total <= 0 {
		return split{}, false
	}
	route := "0"
	if rules := manifest.ListAt(o.Value, "spec", "rules"); len(rules) > 0 {
		route = cmp.Or(manifest.TextAt(rules[0], "host"), route)
	}
	percent, path := min(100, 100*of/total), fields("metadata", "annotations", weight)
	return split{route, route, []share{{to: "the stable", percent: 100 - percent, path: path}, {to: "the canary", percent: percent, path: path}}}, true
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// ladder are the shares that an object names, in order; nil for none.
func ladder(o *manifest.Object) []float64 {
	var steps []float64
	for word := range strings.SplitSeq(annotation(o, ladderAnnotation), ",") {
		n, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || n < 0 || n > 100 {
			return nil
		}
		steps = append(steps, n)
	}
	slices.Sort(steps)
	return steps
}

// next is the largest share that a destination may have after one.
func next(steps []float64, was float64) float64 {
	if steps == nil {
		return was + longest
	}
	if i := slices.IndexFunc(steps, func(step float64) bool { return step > was+0.5 }); i >= 0 {
		return steps[i]
	}
	return 100
}

func lookForSteps(s *scene) {
	for _, p := range s.pairs {
		if p.New != nil {
			s.unreadable(p)
		}
	}
	before, after := subsetsOf(s.olds()), subsetsOf(s.news())
	for _, p := range s.changed() {
		s.stepsTaken(p)
		says := p.Old // a change may not bend its own ladder
		if ladder(says) == nil {
			says = p.New
		}
		steps := ladder(says)
		for _, r := range routePairs(p) {
			was, now := r[0], r[1]
			// A destination that is new beside none of the old ones is another name, or another route.
			if !slices.ContainsFunc(was.shares, func(old share) bool {
				return slices.ContainsFunc(now.shares, func(n share) bool { return n.to == old.to })
			}) {
				continue
			}
			for _, one := range now.shares {
				named := func(other share) bool { return other.to == one.to }
				pods := after.pods(one)
				// What its pods had by another name is no step.
				had := max(was.percent(named), was.percent(func(old share) bool { return pods != "" && before.pods(old) == pods }))
				has, limit := now.percent(named), next(steps, had)
				if has <= limit+0.5 || isStable(was.shares, one.to) || steps != nil && hasMost(was.shares, one.to) || !known(p, fields("spec"), one.path) {
					continue
				}
				how := fmt.Sprintf("a step of %.0f points", has-had)
				if steps != nil {
					how = fmt.Sprintf("the next step is %.0f %% (%s)", limit, annotation(says, ladderAnnotation))
				}
				s.at(p.New, one.path, "canary step: %s sends %s %.0f %% → %.0f %% of route %s: %s", title(p.New), one.to, had, has, now.route, how)
			}
		}
	}
}

// unreadable looks for steps that nobody can read, so that nothing holds the canary to them.
func (s *scene) unreadable(p check.Pair) {
	path := fields("metadata", "annotations", ladderAnnotation)
	if manifest.At(p.New.Value, path...) == nil || ladder(p.New) != nil || p.New.Hides(path) || p.Old != nil && equal(p.Old.Value, p.New.Value) {
		return
	}
	s.at(p.New, path, "canary step: %s has steps that cannot be read: %s: %q is no list of percentages such as \"5,20,50,100\"", title(p.New), ladderAnnotation, annotation(p.New, ladderAnnotation))
}

// stepsTaken looks for a Rollout that waited before its next version took everything, and does no longer.
func (s *scene) stepsTaken(p check.Pair) {
	strategy := fields("spec", "strategy")
	if !is(p.New, argoGroup, "Rollout") || !waits(p.Old) || waits(p.New) || obscure(p.Old, strategy) || obscure(p.New, strategy) {
		return
	}
	path := below(strategy, "canary", "steps")
	if manifest.At(p.New.Value, below(strategy, "blueGreen")...) != nil {
		path = below(strategy, "blueGreen", "autoPromotionEnabled")
	}
	s.at(p.New, path, "canary step: %s waits for nothing any more, so that the next version takes everything at once", title(p.New))
}

// waits reports a Rollout that stops on the way to the next version: for a time, a person, or what an analysis finds.
// https://argo-rollouts.readthedocs.io/en/stable/features/specification/
func waits(o *manifest.Object) bool {
	for _, step := range manifest.ListAt(o.Value, "spec", "strategy", "canary", "steps") {
		for _, field := range []string{"pause", "analysis", "experiment", "plugin"} {
			if content, _ := step.(map[string]any); content[field] != nil {
				return true
			}
		}
	}
	promotion, _ := manifest.At(o.Value, "spec", "strategy", "blueGreen").(map[string]any)
	return promotion["autoPromotionEnabled"] == false || promotion["autoPromotionSeconds"] != nil || promotion["prePromotionAnalysis"] != nil
}

// isStable reports whether a destination is what the canaries of a route are for, by what it is called or else by its place:
// what it gains is a rollback.
func isStable(before []share, to string) bool {
	called := func(names ...string) func(share) bool {
		return func(one share) bool {
			words := strings.FieldsFunc(strings.ToLower(one.to), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(names, word) })
		}
	}
	// A word that all have is of their host.
	some := func(is func(share) bool) bool {
		return slices.ContainsFunc(before, is) && slices.ContainsFunc(before, func(one share) bool { return !is(one) })
	}
	stable, canary := called("stable", "primary"), called("canary")
	switch {
	case some(stable):
		return stable(share{to: to})
	case some(canary):
		return !canary(share{to: to})
	}
	return len(before) > 0 && before[0].to == to
}

// hasMost reports whether a destination has half of a route or more.
func hasMost(before []share, to string) bool {
	return slices.ContainsFunc(before, func(one share) bool { return one.to == to && one.percent >= 50 })
}
