package check

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Result is what a run found. Its order does not depend on timing.
type Result struct {
	Findings []Finding // not exempted, in the order of targets, then objects
	Exempted []Exempted
	Omitted  []string // checks of repository scope that a partial run could not make
}

// Plan says what to run.
type Plan struct {
	Checks     []*Check
	Targets    []*Target
	All        []string // the paths of every target that the repository has
	Exemptions []Exemption
	Now        time.Time // the day that exemptions are held against
}

// complete reports whether nothing that the repository has is left out.
func (p Plan) complete() bool {
	for _, path := range p.All {
		if !slices.ContainsFunc(p.Targets, func(t *Target) bool { return t.Path == path }) {
			return false
		}
	}
	return len(p.All) > 0
}

// Failure is a check that could not be made of a target.
type Failure struct {
	Target string
	Err    error
}

// Run applies every check of the plan to every target. A check that could not be made does not keep the others
// from running: the findings come back together with what failed, each failure once.
func Run(ctx context.Context, plan Plan) (Result, []Failure) {
	var result Result
	var passes []*Pass
	complete := plan.complete()
	for _, c := range plan.Checks {
		if c.Scope == Itself {
			continue
		}
		if c.Scope != Repository {
			for _, t := range plan.Targets {
				passes = append(passes, &Pass{Check: c, Targets: []*Target{t}})
			}
			continue
		}
		if !complete {
			result.Omitted = append(result.Omitted, c.Name)
			continue
		}
		passes = append(passes, &Pass{Check: c, Targets: plan.Targets})
	}
	// Passes of one engine wait for each other's results, so their number is not limited: a slot that only waits
	// would keep another engine from running.
	errs := make([]error, len(passes))
	var group sync.WaitGroup
	for i, pass := range passes {
		group.Go(func() { errs[i] = crash.Catch(func() error { return pass.Check.Run(ctx, pass) }) })
	}
	group.Wait()
	order := map[string]int{}
	for i, t := range plan.Targets {
		order[t.Path] = i
	}
	var findings []Finding
	for _, pass := range passes {
		findings = append(findings, pass.findings...)
	}
	findings = yield(unique(findings, order), plan.Checks)
	var used []bool
	result.Findings, result.Exempted, used = exempt(findings, plan.Exemptions, plan.Now)
	var failures []Failure
	for i, err := range errs {
		// Engines that judge for many checks at once fail for each of them.
		if err != nil && !slices.ContainsFunc(failures, func(f Failure) bool {
			return f.Target == passes[i].Targets[0].Path && f.Err.Error() == err.Error()
		}) {
			failures = append(failures, Failure{passes[i].Targets[0].Path, err})
		}
	}
	result.Findings = append(merge(result.Findings), audit(plan, used, result.Omitted, len(failures) > 0)...)
	return result, failures
}

func unique(findings []Finding, order map[string]int) []Finding {
	compare := func(a, b Finding) int {
		if c := cmp.Compare(order[a.Target], order[b.Target]); c != 0 {
			return c
		}
		if (a.Object == nil) != (b.Object == nil) {
			if a.Object == nil {
				return -1
			}
			return 1
		}
		if a.Object != nil {
			if c := a.Object.Compare(*b.Object); c != 0 {
				return c
			}
		}
		return cmp.Or(
			cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Line, b.Source.Line),
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.Path.String(), b.Path.String()), cmp.Compare(a.Message, b.Message))
	}
	slices.SortStableFunc(findings, compare)
	return slices.CompactFunc(findings, func(a, b Finding) bool { return compare(a, b) == 0 })
}

// merge makes one finding of those that one line causes in several targets or objects: there is one thing to mend.
// The first says where; findings without a line stay as they are.
func merge(findings []Finding) []Finding {
	type fault struct {
		check, message string
		source         manifest.Position
	}
	first := map[fault][]int{} // in merged: more than one where an object has the fault twice
	var merged []Finding
	for _, f := range findings {
		if f.Source.Line == 0 {
			merged = append(merged, f)
			continue
		}
		free := func(i int) bool {
			return !slices.ContainsFunc(merged[i].Places(), func(p Place) bool {
				return p.Target == f.Target && (p.Object == nil) == (f.Object == nil) && (p.Object == nil || *p.Object == *f.Object)
			})
		}
		said := []fault{{f.Check, f.Message, f.Source}, {f.Check, impersonal(f), f.Source}}
		candidates := append(slices.Clone(first[said[0]]), first[said[1]]...)
		same := slices.IndexFunc(candidates, free)
		if same < 0 {
			for _, s := range slices.Compact(said) {
				first[s] = append(first[s], len(merged))
			}
			merged = append(merged, f)
			continue
		}
		into := &merged[candidates[same]]
		into.Also = append(into.Also, f.Place)
		for _, r := range f.Related {
			if !slices.Contains(into.Related, r) {
				into.Related = append(into.Related, r)
			}
		}
		for _, w := range f.With {
			into.weigh(w)
		}
	}
	return merged
}

// impersonal is a finding's message without what a layer may have made of the object's name.
func impersonal(f Finding) string {
	if f.Object == nil {
		return f.Message
	}
	message := f.Message
	for _, name := range []string{f.Object.Namespace, f.Object.Name} {
		if name != "" {
			message = strings.ReplaceAll(message, name, "\x00")
		}
	}
	return message
}

// yield leaves out what other checks have said of the same field.
func yield(findings []Finding, checks []*Check) []Finding {
	yields := map[string][]string{}
	for _, c := range checks {
		if len(c.Yields) > 0 {
			yields[c.Name] = c.Yields
		}
	}
	type place struct {
		target string
		object manifest.ID
	}
	said := map[place][]Finding{}
	for _, f := range findings {
		if f.Object != nil {
			said[place{f.Target, *f.Object}] = append(said[place{f.Target, *f.Object}], f)
		}
	}
	return slices.DeleteFunc(findings, func(f Finding) bool {
		return f.Object != nil && len(yields[f.Check]) > 0 && slices.ContainsFunc(said[place{f.Target, *f.Object}], func(other Finding) bool {
			return slices.Contains(yields[f.Check], other.Check) && (f.Path.HasPrefix(other.Path) || other.Path.HasPrefix(f.Path))
		})
	})
}
