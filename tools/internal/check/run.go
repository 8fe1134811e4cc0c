package check

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

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
		group.Go(func() { errs[i] = pass.Check.Run(ctx, pass) })
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
	exemptions := slices.DeleteFunc(slices.Clone(plan.Exemptions), func(e Exemption) bool { return e.Expired(plan.Now) })
	result.Findings, result.Exempted = exempt(findings, exemptions)
	var failures []Failure
	for i, err := range errs {
		// Engines that judge for many checks at once fail for each of them.
		if err != nil && !slices.ContainsFunc(failures, func(f Failure) bool {
			return f.Target == passes[i].Targets[0].Path && f.Err.Error() == err.Error()
		}) {
			failures = append(failures, Failure{passes[i].Targets[0].Path, err})
		}
	}
	result.Findings = append(result.Findings, audit(plan, result, len(failures) > 0)...)
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
