package danger

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// ladderAnnotation names the shares that a canary is to take one after the other, as 1,5,20,50,100.
const ladderAnnotation = "kgate.dev/canary-steps"

var canaryStep = &check.Check{
	Name:  "danger/canary-step",
	Title: "A canary's share grows step by step",
	Doc: "A canary finds a fault while it hurts few. One that goes from a tenth to everything has found nothing for those in between. " +
		"Compared are the shares of one route: what one destination gains in one change. Without more, a step is at most half of all requests; with the annotation " +
		"`" + ladderAnnotation + ": \"5,20,50,100\"` on the VirtualService, the route or the canary Ingress of ingress-nginx, it is at most the next of those shares. A canary's share may shrink by as much as it likes: what " +
		"a rollback goes back to is the destination that is called stable or primary, else those beside one that is called canary, else the first of the route, or what has the most of one with the annotation.",
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
	to      string
	percent float64
	path    manifest.Path // of its weight
}

// split is a route by what it is known by.
type split struct {
	route  string
	shares []share
}

// splits are the routes of an object.
func splits(o *manifest.Object) []split {
	var all []split
	add := func(list manifest.Path, routes, name string, to func(entry any) string) {
		for i, rule := range manifest.ListAt(o.Value, list...) {
			one := split{route: cmp.Or(manifest.TextAt(rule, name), strconv.Itoa(i))}
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
				one.shares = append(one.shares, share{to(entry), weight, below(at, j, "weight")})
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
			add(fields("spec", protocol), "route", "name", func(entry any) string {
				host, subset := manifest.TextAt(entry, "destination", "host"), manifest.TextAt(entry, "destination", "subset")
				if subset != "" {
					return host + " (" + subset + ")"
				}
				if port := manifest.At(entry, "destination", "port", "number"); port != nil {
					return fmt.Sprintf("%s:%v", host, port)
				}
				return host
			})
		}
	case is(o, "networking.k8s.io", "Ingress"):
		if one, is := nginxSplit(o); is {
			all = append(all, one)
		}
	case o.Group() == "gateway.networking.k8s.io" && strings.HasSuffix(o.Kind, "Route"):
		add(fields("spec", "rules"), "backendRefs", "name", func(entry any) string {
			return manifest.TextAt(entry, "name")
		})
	}
	return all
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
	return split{route, []share{{"the stable", 100 - percent, path}, {"the canary", percent, path}}}, true
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
	for _, p := range s.changed() {
		s.stepsTaken(p)
		before := splits(p.Old)
		says := p.Old // a change may not bend its own ladder
		if ladder(says) == nil {
			says = p.New
		}
		steps := ladder(says)
		for _, now := range splits(p.New) {
			i := slices.IndexFunc(before, func(was split) bool { return was.route == now.route })
			if i < 0 {
				continue
			}
			percentOf := func(shares []share, to string) float64 {
				percent := 0.0
				for _, one := range shares {
					if one.to == to {
						percent += one.percent
					}
				}
				return percent
			}
			// A destination that is new beside none of the old ones is another name, or another route.
			if !slices.ContainsFunc(before[i].shares, func(old share) bool {
				return slices.ContainsFunc(now.shares, func(n share) bool { return n.to == old.to })
			}) {
				continue
			}
			for _, one := range now.shares {
				was, is := percentOf(before[i].shares, one.to), percentOf(now.shares, one.to)
				limit := next(steps, was)
				if is <= limit+0.5 || isStable(before[i].shares, one.to) || steps != nil && hasMost(before[i].shares, one.to) || !known(p, fields("spec"), one.path) {
					continue
				}
				how := fmt.Sprintf("a step of %.0f points", is-was)
				if steps != nil {
					how = fmt.Sprintf("the next step is %.0f %% (%s)", limit, annotation(says, ladderAnnotation))
				}
				s.at(p.New, one.path, "canary step: %s sends %s %.0f %% → %.0f %% of route %s: %s", title(p.New), one.to, was, is, now.route, how)
			}
		}
	}
}

// stepsTaken looks for a Rollout that has no steps any more: its next version takes everything at once.
func (s *scene) stepsTaken(p check.Pair) {
	path := fields("spec", "strategy", "canary", "steps")
	if is(p.New, argoGroup, "Rollout") && len(manifest.ListAt(p.Old.Value, path...)) > 0 && len(manifest.ListAt(p.New.Value, path...)) == 0 && known(p, path, path) {
		s.at(p.New, path, "canary step: %s has no steps any more, so that the next version takes everything at once", title(p.New))
	}
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
