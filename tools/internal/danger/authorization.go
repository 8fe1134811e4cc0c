package danger

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// dryRun is the annotation of an AuthorizationPolicy that is logged and not enforced.
// https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/
const dryRun = "istio.io/dry-run"

func isAuthorization(o *manifest.Object) bool {
	return is(o, "security.istio.io", "AuthorizationPolicy")
}

// action is what an AuthorizationPolicy does with what its rules are met by; AUDIT where it does nothing.
func action(o *manifest.Object) string {
	if annotation(o, dryRun) == "true" {
		return "AUDIT"
	}
	if a := manifest.TextAt(o.Value, "spec", "action"); a != "" {
		return a
	}
	return "ALLOW"
}

func allows(p policy) bool  { return action(p.object) == "ALLOW" }
func refuses(p policy) bool { return action(p.object) == "DENY" || action(p.object) == "CUSTOM" }

func rulesOf(p policy) []any { return manifest.ListAt(p.object.Value, "spec", "rules") }

// waysOf are the ways to meet the rules of those policies that some are.
func waysOf(all []policy, among func(policy) bool) []conditions {
	var ways []conditions
	for _, p := range all {
		if among(p) {
			for _, rule := range rulesOf(p) {
				ways = append(ways, conditionsOf(rule, p.object.Namespace)...)
			}
		}
	}
	return ways
}

func isDenial(p policy) bool { return action(p.object) == "DENY" }
func isCustom(p policy) bool { return action(p.object) == "CUSTOM" }

// breadth is how wide a rule lets callers through that it does not name, and for which requests.
type breadth struct{ callers, requests int }

// Who a rule lets through, and what.
const (
	byName = iota
	ofIssuer
	withToken
	allButSome
	ofMesh
	everybody
)

const (
	someRequests = iota
	allButSomeRequests
	everyRequest
)

// everything is every request of everybody.
func everything() breadth { return breadth{everybody, everyRequest} }

// less reports a breadth that is less than another one. To whom a caller is named, each request is as wide.
func (b breadth) less(than breadth) bool {
	if b.callers != than.callers {
		return b.callers < than.callers
	}
	return b.callers != byName && b.requests < than.requests
}

func wider(a, b breadth) breadth {
	if a.less(b) {
		return b
	}
	return a
}

// callers are those that meet a condition.
func (c condition) callers() int {
	switch {
	case c.isAll() && attribute(c.field) == identity:
		return ofMesh
	case c.isAll() && isOfAddress(c.field):
		return everybody
	case c.isAll() && isOfToken(c.field):
		return withToken
	case c.not && (isOptional(c.field) || c.meets(c.other())):
		return allButSome
	case !c.not && c.field == "requestPrincipals" && slices.ContainsFunc(c.values, func(value string) bool { return strings.HasSuffix(value, "/*") }):
		return ofIssuer
	}
	return byName
}

func (c conditions) breadth() breadth {
	b := everything()
	for _, one := range c {
		switch {
		case !isOfOperation(one.field):
			b.callers = min(b.callers, one.callers())
		case one.not:
			b.requests = min(b.requests, allButSomeRequests)
		case !one.isAll():
			b.requests = someRequests
		}
	}
	return b
}

// letThrough is the widest of the rules by which policies let requests through.
func letThrough(all []policy) breadth {
	if !slices.ContainsFunc(all, allows) {
		return everything()
	}
	var widest breadth
	for _, way := range waysOf(all, allows) {
		widest = wider(widest, way.breadth())
	}
	return widest
}

// authorizations are the AuthorizationPolicies of a side. One that is for gateways or Services is there once for each, and selects by a label that
// no pod here has, and that its stand-in gets.
func authorizations(objects []*manifest.Object) []policy {
	var all []policy
	for _, p := range meshPolicies(objects, isAuthorization, fields("spec")) {
		targets := manifest.ListAt(p.object.Value, "spec", "targetRefs")
		if target := manifest.At(p.object.Value, "spec", "targetRef"); target != nil {
			targets = append(slices.Clip(targets), target)
		}
		if len(targets) == 0 {
			all = append(all, p)
		}
		var told []string
		for _, target := range targets {
			if text := targetOf(target, p.object.Namespace); !slices.Contains(told, text) {
				told = append(told, text)
				all = append(all, policy{p.object, labels.Set{"targetRefs": text}.AsSelector(), p.hidden})
			}
		}
	}
	return all
}

// targetOf is what a reference of a policy is to, whichever way it is written.
func targetOf(target any, namespace string) string {
	group := manifest.TextAt(target, "group")
	if group == "core" {
		group = ""
	}
	return strings.Join([]string{group, manifest.TextAt(target, "kind"), cmp.Or(manifest.TextAt(target, "namespace"), namespace), manifest.TextAt(target, "name")}, "/")
}

// guarded are pods that policies of the mesh were over and are, which are the same for all of them.
type guarded struct {
	pods     []*manifest.Object
	was, now []policy
	question question

	allowed, refused []conditions // ways to be let through before, and to be refused now
	custom           []conditions // ways to be asked about, by somebody who is not known here
}

// guardedPods are those of the pods that stay. Pods over which there are the same policies, before and after, are one.
func (s *scene) guardedPods() []*guarded {
	before, after := authorizations(s.olds()), authorizations(s.news())
	mutual := meshPolicies(s.news(), isPeerAuthentication, fields("spec", "mtls", "mode"))
	tries := mostTries
	var all []*guarded
	for _, w := range append(s.staying(), s.standIns(before, after)...) {
		gone := w.New == nil
		if gone {
			w.New = w.Old
		}
		was, now := over(before, w.Old), over(after, w.New)
		if slices.ContainsFunc(was, isHidden) || slices.ContainsFunc(now, isHidden) {
			continue
		}
		mode, by := mutualTLSMode(mutual, w.New)
		hides := func(p policy) bool { return p.hidden && closeness(p, w.New) > 0 }
		plain := mode != "STRICT" || slices.ContainsFunc(mutual, hides) || manifest.At(by.Value, "spec", "portLevelMtls") != nil
		alike := func(a, b []policy) bool {
			return slices.EqualFunc(a, b, func(p, o policy) bool { return p.object == o.object })
		}
		i := slices.IndexFunc(all, func(g *guarded) bool {
			return g.question.plain == plain && g.question.gone == gone && alike(g.was, was) && alike(g.now, now)
		})
		if i < 0 {
			i, all = len(all), append(all, &guarded{
				was: was, now: now, question: question{plain, gone, &tries},
				allowed: waysOf(was, allows), refused: waysOf(now, isDenial), custom: waysOf(now, isCustom),
			})
		}
		all[i].pods = append(all[i].pods, w.New)
	}
	return all
}

// beyond reports whether requests that meet conditions, and none of the ways, are let through now. Those that somebody else is asked about
// may be.
func (g *guarded) beyond(all conditions, ways ...conditions) certainty {
	found := g.question.beyond(all, slices.Concat(ways, g.refused))
	if found == surely && len(g.custom) > 0 {
		found = max(maybe, g.question.beyond(all, slices.Concat(ways, g.refused, g.custom)))
	}
	return found
}

// isRepeated reports whether a policy of others does what one does.
func isRepeated(p policy, others []policy) bool {
	return slices.ContainsFunc(others, func(o policy) bool { return action(o.object) == action(p.object) && equal(rulesOf(o), rulesOf(p)) })
}

// lost is how certain it is that something is let through that a policy refused.
func (g *guarded) lost(p policy) certainty {
	if !refuses(p) || isRepeated(p, g.now) {
		return never
	}
	let := []conditions{nil}
	if slices.ContainsFunc(g.now, allows) {
		let = waysOf(g.now, allows)
	}
	found := never
	for _, way := range waysOf([]policy{p}, refuses) {
		for _, by := range let {
			of := slices.Concat(way, by)
			if isCustom(p) {
				found = max(found, g.question.beyond(of, slices.Concat(g.refused, g.custom)))
			} else {
				found = max(found, g.beyond(of))
			}
			if g.question.isSpent() {
				return max(found, maybe)
			}
			if found == surely {
				return surely
			}
		}
	}
	return found
}

// open is how certain it is that something is let through because no policy allows any more.
func (g *guarded) open() certainty {
	if !slices.ContainsFunc(g.was, allows) || slices.ContainsFunc(g.now, allows) {
		return never
	}
	return g.beyond(nil, g.allowed...)
}

// widened says what a rule of a policy lets through that no policy did, by whom it takes; "" for nothing. Of callers that it names
// nothing is said: they are what a rule is for.
func (g *guarded) widened(rule any, namespace string) string {
	had, wide := letThrough(g.was), breadth{}
	for _, way := range conditionsOf(rule, namespace) {
		if b := way.breadth(); had.less(b) && wide.less(b) && g.beyond(way, g.allowed...) > never {
			wide = b
		}
	}
	switch {
	case !had.less(wide):
		return ""
	case wide.callers == ofIssuer:
		return "takes every caller with a token of its issuer"
	case wide.callers == withToken:
		return "takes every caller with a token"
	case wide.callers == allButSome:
		return "takes every caller but for those that it leaves out"
	case wide.callers == ofMesh:
		return "takes every caller of the mesh"
	case len(manifest.ListAt(rule, "from")) > 0:
		return "takes every caller"
	case wide.requests == everyRequest:
		return "allows every request"
	}
	return "asks nothing of its caller"
}

// included are the values that policies left out of what they allowed and that a rule lets through, which is about the same requests
// besides.
func (g *guarded) included(rule any, namespace string) (words []string) {
	for _, way := range conditionsOf(rule, namespace) {
		for _, had := range g.allowed {
			if g.question.isSpent() {
				return append(words, "more than is looked at")
			}
			if !slices.ContainsFunc(had, func(c condition) bool { return c.not }) || g.question.possible(slices.Concat(had, way)) == never {
				continue
			}
			for i, left := range had {
				if !left.not {
					continue
				}
				rest := slices.Concat(had[:i], had[i+1:], way)
				for _, value := range left.values {
					word := left.String() + " " + value
					if !slices.Contains(words, word) && g.beyond(append(slices.Clip(rest), newCondition(left.field, []string{value}, false)), g.allowed...) > never {
						words = append(words, word)
					}
				}
			}
		}
	}
	return words
}

// authorization looks for requests that pods take and did not take, by all policies of the mesh that are over them before and after.
func (s *scene) authorization() {
	lost := map[*manifest.Object]map[string][]*manifest.Object{} // pods, by the policy that let less through to them, and by what is let through
	add := func(o *manifest.Object, g *guarded, found certainty, what, perhaps string) {
		if found == maybe {
			what = perhaps
		}
		if found > never {
			if lost[o] == nil {
				lost[o] = map[string][]*manifest.Object{}
			}
			lost[o][what] = append(lost[o][what], g.pods...)
		}
	}
	guards := s.guardedPods()
	for _, g := range guards {
		for _, p := range g.was {
			some := "some of what it refused (" + action(p.object) + ")"
			add(p.object, g, g.lost(p), some+" is let through to", some+" may be let through to")
		}
		if found := g.open(); found > never {
			every := "every request is let through to"
			if len(g.refused) > 0 {
				every = "every request that none refuses is let through to"
			}
			first := g.was[slices.IndexFunc(g.was, allows)].object
			add(first, g, found, "no policy allows, so that "+every, "no policy allows, so that requests may be let through to")
		}
	}
	for _, p := range s.pairs {
		s.widened(p, guards)
		for _, what := range slices.Sorted(maps.Keys(lost[p.Old])) {
			s.unguarded(p, lost[p.Old][what], what)
		}
	}
}

// widened looks for rules of a policy that is new or another one that let more through than had been.
func (s *scene) widened(p check.Pair, guards []*guarded) {
	if p.New == nil || !isAuthorization(p.New) || action(p.New) != "ALLOW" || p.Old != nil && action(p.Old) == "ALLOW" && equal(manifest.At(p.Old.Value, "spec"), manifest.At(p.New.Value, "spec")) {
		return
	}
	list := fields("spec", "rules")
	for i, rule := range manifest.ListAt(p.New.Value, list...) {
		var what, left []string
		for _, g := range guards {
			if !slices.ContainsFunc(g.now, func(n policy) bool { return n.object == p.New }) {
				continue
			}
			if more := g.widened(rule, p.New.Namespace); more != "" {
				what = append(what, more)
			}
			left = append(left, g.included(rule, p.New.Namespace)...)
		}
		slices.Sort(left)
		switch {
		case len(what) > 0:
			s.at(p.New, below(list, i), "protection lost: rule %d of %s %s", i+1, title(p.New), what[0])
		case len(left) > 0:
			s.at(p.New, below(list, i), "protection lost: rule %d of %s lets through what was left out: %s", i+1, title(p.New), listed(slices.Compact(left)))
		}
	}
}

// unguarded reports pods that a policy guarded. what ends before those that it is about.
func (s *scene) unguarded(p check.Pair, pods []*manifest.Object, what string) {
	if len(pods) == 0 {
		return
	}
	selector, rules := fields("spec", "selector"), fields("spec", "rules")
	whom := whose(pods)
	switch {
	case p.New == nil || !equal(manifest.At(p.Old.Value, selector...), manifest.At(p.New.Value, selector...)):
		s.lapsed(p, selector, pods, what)
	case annotation(p.Old, dryRun) != annotation(p.New, dryRun):
		path := fields("metadata", "annotations", dryRun)
		s.at(p.New, path, "protection lost: %s is logged and no longer enforced: %s: %s %s", title(p.New), dryRun, what, whom)
	case action(p.Old) != action(p.New):
		s.at(p.New, fields("spec", "action"), "protection lost: %s has spec.action: %s → %s: %s %s", title(p.New), action(p.Old), action(p.New), what, whom)
	case !equal(manifest.At(p.Old.Value, rules...), manifest.At(p.New.Value, rules...)):
		s.at(p.New, rules, "protection lost: %s refuses less: %s %s", title(p.New), what, whom)
	default:
		s.lapsed(p, selector, pods, what)
	}
}
