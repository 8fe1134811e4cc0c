package danger

import (
	"maps"
	"net/netip"
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

// conditions are one way to meet a rule of an AuthorizationPolicy: the values that each attribute has to have, by the field that says so,
// or by one that begins with not the values that it must not have. What every request of the mesh meets is left out.
type conditions map[string][]any

// conditionsOf are the ways to meet a rule.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
func conditionsOf(rule any) []conditions {
	ways := []conditions{{}}
	for _, part := range [][2]string{{"from", "source"}, {"to", "operation"}} {
		entries := manifest.ListAt(rule, part[0])
		var each []conditions
		for _, way := range ways {
			for _, entry := range entries {
				with := maps.Clone(way)
				content, _ := manifest.At(entry, part[1]).(map[string]any)
				for field := range content {
					with.ask(field, manifest.ListAt(content, field))
				}
				each = append(each, with)
			}
		}
		if len(entries) > 0 {
			ways = each
		}
	}
	for _, when := range manifest.ListAt(rule, "when") {
		field := manifest.TextAt(when, "key")
		switch field { // what a source or an operation asks as well
		case "source.principal":
			field = "principals"
		case "source.namespace":
			field = "namespaces"
		case "source.ip":
			field = "ipBlocks"
		case "remote.ip":
			field = "remoteIpBlocks"
		case "request.auth.principal":
			field = "requestPrincipals"
		case "destination.port":
			field = "ports"
		}
		for _, way := range ways {
			way.ask(field, manifest.ListAt(when, "values"))
			way.ask("not"+field, manifest.ListAt(when, "notValues"))
		}
	}
	return ways
}

// ask adds what is asked of an attribute.
func (c conditions) ask(field string, values []any) {
	all := slices.Contains(values, any("*"))
	switch field {
	case "principals", "namespaces", "hosts", "methods", "paths":
	case "ipBlocks", "remoteIpBlocks":
		var blocks []netip.Prefix
		for _, value := range values {
			text, _ := value.(string)
			if block, err := netip.ParsePrefix(text); err == nil {
				blocks = append(blocks, block.Masked())
			}
		}
		all = coverAll(blocks)
	default:
		all = false
	}
	if len(values) > 0 && !all {
		c[field] = values
	}
}

// isOfOperation reports a field that is asked of what is requested, and not of who requests it.
func isOfOperation(field string) bool {
	name := strings.ToLower(strings.TrimPrefix(field, "not"))
	return slices.Contains([]string{"hosts", "ports", "methods", "paths"}, name)
}

// breadth is what a rule of a policy that allows lets through: 0 for some callers' requests, 1 for some of every caller, 2 for all.
func breadth(rule any) int {
	widest := 0
	for _, way := range conditionsOf(rule) {
		fields := slices.Collect(maps.Keys(way))
		switch {
		case len(fields) == 0:
			return 2
		case !slices.ContainsFunc(fields, func(field string) bool { return !isOfOperation(field) }):
			widest = 1
		}
	}
	return widest
}

// letThrough is the widest of the rules by which policies let requests through.
func letThrough(all []policy) int {
	widest, some := 0, false
	for _, p := range all {
		for _, rule := range rulesOf(p) {
			if allows(p) {
				widest = max(widest, breadth(rule))
			}
		}
		some = some || allows(p)
	}
	if !some {
		return 2
	}
	return widest
}

// sweeps reports a policy that refuses all requests but for those that it excludes, so that nobody here knows what is left.
func sweeps(p policy) bool {
	return refuses(p) && slices.ContainsFunc(rulesOf(p), func(rule any) bool {
		return slices.ContainsFunc(conditionsOf(rule), func(way conditions) bool {
			for field := range way {
				if !strings.HasPrefix(field, "not") {
					return false
				}
			}
			return true
		})
	})
}

// mostWays is up to how many ways to meet conditions are looked at one by one.
const mostWays = 1024

// singly are conditions of one value for each attribute, which together are met by what meets these. Of too many these are looked at as they
// are: what meets a part of them then counts for all.
func (c conditions) singly() []conditions {
	ways := 1
	for field, values := range c {
		if !strings.HasPrefix(field, "not") {
			ways *= len(values)
		}
		if ways > mostWays {
			return []conditions{c}
		}
	}
	all := []conditions{{}}
	for field, values := range c {
		var each []conditions
		for _, way := range all {
			if strings.HasPrefix(field, "not") {
				way[field] = values
				each = append(each, way)
				continue
			}
			for _, value := range values {
				with := maps.Clone(way)
				with[field] = []any{value}
				each = append(each, with)
			}
		}
		all = each
	}
	return all
}

// attribute is what a field asks about. Who sends has several names, and nobody knows here which are of one.
func attribute(field string) string {
	if !isOfOperation(field) {
		return "caller"
	}
	return strings.ToLower(strings.TrimPrefix(field, "not"))
}

// isPlain reports a field whose values are met by texts that overlap with them alone: no block of addresses, and no template of a path.
func isPlain(field string, values []any) bool {
	if strings.HasPrefix(field, "not") || slices.Contains([]string{"ipBlocks", "remoteIpBlocks", "destination.ip"}, field) {
		return false
	}
	return !slices.ContainsFunc(values, func(value any) bool { return strings.Contains(shown(value), "{") })
}

// fitsAll reports whether each of other values is met by one of these.
func fitsAll(values, others []any) bool {
	return !slices.ContainsFunc(others, func(other any) bool {
		return !slices.ContainsFunc(values, func(value any) bool { return fits(value, other) })
	})
}

// overlap reports whether values that a field must have are met by one and the same.
func overlap(values, others []any) bool {
	return slices.ContainsFunc(values, func(value any) bool {
		return slices.ContainsFunc(others, func(other any) bool { return fits(value, other) || fits(other, value) })
	})
}

// mayCover reports whether, for all that is known, what meets others meets these conditions too.
func (c conditions) mayCover(others conditions) bool {
	for field, values := range c {
		of := func(other string) bool { return attribute(other) == attribute(field) }
		if !slices.ContainsFunc(slices.Collect(maps.Keys(others)), of) {
			return false
		}
		if other, both := others[field]; both && isPlain(field, values) && !fitsAll(values, other) {
			return false
		}
	}
	return true
}

// meets reports whether requests are known to be possible that meet both conditions.
func (c conditions) meets(others conditions) bool {
	for field, values := range c {
		for other, have := range others {
			if attribute(field) == attribute(other) && (field != other || strings.HasPrefix(field, "not") || !overlap(values, have)) {
				return false
			}
		}
	}
	return true
}

// fits reports whether a value, which may begin or end with *, is met by another one.
func fits(pattern, value any) bool {
	of, _ := pattern.(string)
	text, _ := value.(string)
	if end, wild := strings.CutPrefix(of, "*"); wild {
		return strings.HasSuffix(text, end)
	}
	if begin, wild := strings.CutSuffix(of, "*"); wild {
		return strings.HasPrefix(text, begin)
	}
	return of == text
}

// authorizations are the AuthorizationPolicies of a side. One that is for a gateway or a Service selects by a label that no pod here has, and
// that its stand-in gets.
func authorizations(objects []*manifest.Object) []policy {
	all := meshPolicies(objects, isAuthorization, fields("spec"))
	for i, p := range all {
		for _, field := range []string{"targetRef", "targetRefs"} {
			if target := manifest.At(p.object.Value, "spec", field); target != nil {
				all[i].selector = labels.Set{field: shown(target)}.AsSelector()
			}
		}
	}
	return all
}

// authorization looks for requests that pods take and did not take, by all policies of the mesh that are over them before and after.
func (s *scene) authorization() {
	before, after := authorizations(s.olds()), authorizations(s.news())
	let := map[*manifest.Object][]*manifest.Object{}     // workloads that no policy allows any more, by the first that did
	refused := map[*manifest.Object][]*manifest.Object{} // those that take what a policy refused
	narrowest := map[*manifest.Object]int{}              // what was let through to those that a policy is over
	for _, w := range append(s.staying(), s.standIns(before, after)...) {
		was, now := over(before, w.Old), over(after, w.New)
		if slices.ContainsFunc(now, sweeps) || slices.ContainsFunc(was, isHidden) || slices.ContainsFunc(now, isHidden) {
			continue
		}
		for _, p := range was {
			stands := slices.ContainsFunc(now, func(n policy) bool {
				return action(n.object) == action(p.object) && equal(rulesOf(n), rulesOf(p))
			})
			if refuses(p) && !stands && isLetThrough(p, now) {
				refused[p.object] = append(refused[p.object], w.New)
			}
		}
		had := letThrough(was)
		if had < 2 && !slices.ContainsFunc(now, allows) {
			first := was[slices.IndexFunc(was, allows)].object
			let[first] = append(let[first], w.New)
		}
		for _, p := range now {
			if least, some := narrowest[p.object]; !some || had < least {
				narrowest[p.object] = had
			}
		}
	}
	for _, p := range s.pairs {
		if had, some := narrowest[p.New]; some {
			s.widened(p, had)
		}
		if p.Old != nil {
			s.unguarded(p, let[p.Old], "no policy allows, so that every request is let through to")
			s.unguarded(p, refused[p.Old], "some of what it refused ("+action(p.Old)+") is let through to")
		}
	}
}

// isLetThrough reports whether something that a policy refused is let through by those that are there.
func isLetThrough(was policy, now []policy) bool {
	meet := func(among func(policy) bool, is func(conditions) bool) bool {
		return slices.ContainsFunc(now, func(p policy) bool {
			return among(p) && slices.ContainsFunc(rulesOf(p), func(rule any) bool { return slices.ContainsFunc(conditionsOf(rule), is) })
		})
	}
	refusesAsMuch := func(p policy) bool { return action(p.object) == "DENY" || action(p.object) == action(was.object) }
	free := !slices.ContainsFunc(now, allows)
	for _, rule := range rulesOf(was) {
		for _, way := range conditionsOf(rule) {
			for _, one := range way.singly() {
				if !meet(refusesAsMuch, func(c conditions) bool { return c.mayCover(one) }) && (free || meet(allows, one.meets)) {
					return true
				}
			}
		}
	}
	return false
}

// widened looks for rules of a policy that is new or another one that let more through than had been.
func (s *scene) widened(p check.Pair, had int) {
	if action(p.New) != "ALLOW" || p.Old != nil && action(p.Old) == "ALLOW" && equal(manifest.At(p.Old.Value, "spec"), manifest.At(p.New.Value, "spec")) {
		return
	}
	list := fields("spec", "rules")
	for i, rule := range manifest.ListAt(p.New.Value, list...) {
		wide := breadth(rule)
		if wide <= had {
			continue
		}
		what := "asks nothing of its caller"
		switch {
		case len(manifest.ListAt(rule, "from")) > 0:
			what = "takes every caller of the mesh"
		case wide == 2:
			what = "allows every request"
		}
		s.at(p.New, below(list, i), "protection lost: rule %d of %s %s", i+1, title(p.New), what)
	}
}

// unguarded reports pods that a policy guarded. what ends before those that it is about.
func (s *scene) unguarded(p check.Pair, pods []*manifest.Object, what string) {
	if len(pods) == 0 {
		return
	}
	selector, rules := fields("spec", "selector"), fields("spec", "rules")
	whom := "what it selects"
	if pods[0].Name != "" {
		whom = "the pods of " + titles(pods)
	}
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
