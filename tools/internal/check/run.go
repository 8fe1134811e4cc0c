package check

import (
	"cmp"
	"context"
	"slices"
	"strconv"
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
	Passed   []Finding // those that the baseline lets pass
	Mended   []Mended  // entries of the baseline that hold more than there is
	Standing []Finding // those that were found before the change already
	Settled  []Mended  // those that the change mends
	Silenced []Finding // those that the change has an exemption or the baseline let pass
	Omitted  []string  // checks of repository scope that a partial run could not make
}

// Plan says what to run.
type Plan struct {
	Checks     []*Check
	Targets    []*Target
	All        []string // the paths of every target that the repository has
	Exemptions []Exemption
	Now        time.Time // the day that exemptions are held against
	Latest     time.Time // the last day that an exemption may have; zero for any

	// Severity is what a finding of a check in a target means here; "" leaves it out. nil is what the check says.
	Severity func(c *Check, target string) Severity

	Baseline *Baseline  // nil is none
	Standing []Recorded // what was found before the change that is judged, which is not the change's
	Failed   []string   // targets that could not be rendered: what is not found in them is not mended

	// External are objects that others provide: what one of them is is not missing.
	External []External

	// Unread reports whether what the plan does not read of the repository may hold what is missing in a target. nil is never.
	Unread func(target string, missing Reference) bool

	// Apart reports whether two targets are for different clusters, where what deploys them tells. nil never tells.
	Apart func(a, b string) (apart, told bool)

	// Elsewhere reports whether something that no target of the plan is made of reads a directory of a kustomization, so
	// that nobody knows what its entries do there; with above, also something that reads what reads it. nil is never.
	Elsewhere func(dir string, above bool) bool
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
	round := Begin(plan.Checks)
	var group sync.WaitGroup
	for _, t := range plan.Targets {
		group.Go(func() { round.Judge(ctx, t) })
	}
	group.Wait()
	return round.End(ctx, plan)
}

// Round is a run in parts: each target is judged as it comes, and need not be kept. It is safe for concurrent use.
type Round struct {
	checks []*Check

	mu       sync.Mutex
	findings []Finding
	failed   []failed
	rendered rendered
	effects  map[Entry]bool

	// Forget is told of each target that the round made of another one to see what follows from what, when it is done with
	// it; nil where nothing is kept of targets.
	Forget func(*Target)
}

// failed is a pass that has no verdict.
type failed struct {
	check  int // its index
	target string
	err    error
}

// Begin begins a run of checks.
func Begin(checks []*Check) *Round { return &Round{checks: checks, effects: map[Entry]bool{}} }

// Judge makes the checks that look at one object or at one target.
func (r *Round) Judge(ctx context.Context, target *Target) {
	r.mu.Lock()
	r.rendered.add(target)
	for _, e := range target.Effects {
		r.effects[e] = true
	}
	r.mu.Unlock()
	places := target.places()
	in := map[fault]map[int]bool{} // the places that each fault is found in
	found := make([][]Finding, len(places))
	for i, t := range places {
		findings, failures := r.judge(ctx, []*Target{t}, t.alone)
		if len(failures) == 0 {
			r.attribute(ctx, t, findings)
		}
		r.keep(nil, failures)
		for at := range findings {
			findings[at].brought = i
			of := faultOf(findings[at])
			if in[of] == nil {
				in[of] = map[int]bool{}
			}
			in[of][i] = true
		}
		found[i] = findings
	}
	for i, t := range places {
		for at := range found[i] {
			f := &found[i][at]
			said := f.Object != nil && f.Object.Namespace == t.Namespace || strings.Contains(f.Message, t.Namespace)
			if len(in[faultOf(*f)]) < len(places) && !said {
				f.Message += ", where it is brought to namespace " + t.Namespace
			}
			f.Message += r.andIn(*f, places, in[faultOf(*f)])
		}
		r.keep(found[i], nil)
	}
}

// andIn says in which further namespaces a change does the same. Of several findings once leaves the first: for a line to edit that is
// enough, and not for what a change deletes.
func (r *Round) andIn(f Finding, places []*Target, in map[int]bool) string {
	of := slices.IndexFunc(r.checks, func(c *Check) bool { return c.Name == f.Check })
	if of < 0 || r.checks[of].Scope != Update {
		return ""
	}
	var others []string
	for i, t := range places {
		if in[i] && i < f.brought {
			return "" // once leaves it out
		}
		if in[i] && i > f.brought {
			others = append(others, t.Namespace)
		}
	}
	if len(others) == 0 {
		return ""
	}
	return "; and so in namespace " + strings.Join(others, ", ")
}

// alone reports whether a check is one of those that look at one target.
func (t *Target) alone(c *Check) bool {
	return c.Scope == Object || c.Scope == Overlay || c.Scope == Update && t.Before != nil
}

// places are a target in each namespace that it is known to be brought to. Where it is brought to one that nobody here knows
// as well, nothing is said of that; where none is known, it is the target as it is rendered.
func (t *Target) places() []*Target {
	all := append([]*Target{t}, t.Variants...)
	if known := slices.DeleteFunc(slices.Clone(all), func(t *Target) bool { return t.Namespace == "" }); len(known) > 0 {
		return known
	}
	return all[:1]
}

// fault is what a finding is known by, in whichever namespace its target is brought to.
type fault struct {
	target, check, apiVersion, kind, name, path string
	source                                      manifest.Position
}

func faultOf(f Finding) fault {
	is := fault{target: f.Target, check: f.Check, path: f.Path.String()}
	if f.Object == nil {
		is.source = f.Source
		return is
	}
	is.apiVersion, is.kind, is.name = f.Object.APIVersion, f.Object.Kind, f.Object.Name
	return is
}

// once leaves, of what is found in several of the namespaces that a target is brought to, what is found in the first of them.
func once[T any](all []T, finding func(T) Finding) []T {
	if !slices.ContainsFunc(all, func(one T) bool { return finding(one).brought > 0 }) {
		return all
	}
	first := map[fault]int{}
	for _, one := range all {
		f := finding(one)
		of := faultOf(f)
		if at, known := first[of]; !known || f.brought < at {
			first[of] = f.brought
		}
	}
	return slices.DeleteFunc(all, func(one T) bool { f := finding(one); return f.brought > first[faultOf(f)] })
}

// itself is a finding, for once.
func itself(f Finding) Finding { return f }

// judge makes the checks that are of the kind that is asked for, and keeps nothing of it.
func (r *Round) judge(ctx context.Context, targets []*Target, of func(*Check) bool) ([]Finding, []failed) {
	passes := make([]*Pass, len(r.checks))
	errs := make([]error, len(r.checks))
	// Passes of one engine wait for each other's results, so their number is not limited: a slot that only waits
	// would keep another engine from running.
	var group sync.WaitGroup
	for i, c := range r.checks {
		if !of(c) {
			continue
		}
		pass := &Pass{Check: c, Targets: targets, ended: func() bool { return ctx.Err() != nil }, apart: r.areApart}
		passes[i] = pass
		group.Go(func() { errs[i] = crash.Catch(func() error { return c.Run(ctx, pass) }) })
	}
	group.Wait()
	var findings []Finding
	var failures []failed
	for i, pass := range passes {
		if pass == nil {
			continue
		}
		findings = append(findings, pass.findings...)
		if errs[i] != nil {
			failures = append(failures, failed{i, targets[0].Path, errs[i]})
		}
	}
	return findings, failures
}

// areApart reports whether two targets are for different clusters.
func (r *Round) areApart(a, b string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rendered.areApart(a, b)
}

// keep takes what was found and what failed into the round.
func (r *Round) keep(findings []Finding, failures []failed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = append(r.findings, findings...)
	r.failed = append(r.failed, failures...)
}

// Findings are what was found and what failed so far, before anything is exempt, left out or put together.
func (r *Round) Findings() ([]Finding, []Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return once(r.settled(r.findings, Plan{}), itself), r.failures(nil)
}

// settled leaves out what says that an entry does nothing where it does something in another target, or may do so in one
// that is not of the run. An entry that does nothing anywhere is one finding, whatever each target has in its place.
func (r *Round) settled(findings []Finding, plan Plan) []Finding {
	type place struct {
		dir   string
		above bool
	}
	elsewhere := map[place]bool{}
	first := map[Entry]Finding{}
	var settled []Finding
	for _, f := range findings {
		if f.entry == (Entry{}) {
			settled = append(settled, f)
			continue
		}
		if r.effects[f.entry] {
			continue
		}
		at := place{f.shared, f.above}
		if _, known := elsewhere[at]; !known {
			elsewhere[at] = f.shared != "" && plan.Elsewhere != nil && plan.Elsewhere(f.shared, f.above)
		}
		if elsewhere[at] {
			continue
		}
		if same, found := first[f.entry]; found && f.shared != "" && same.Target != f.Target {
			f.Message, f.Source, f.Related = same.Message, same.Source, same.Related
		} else if !found {
			first[f.entry] = f
		}
		settled = append(settled, f)
	}
	return settled
}

// End makes the checks that look at all targets together, and puts together what the whole run found. The targets of the
// plan are those that were judged, in their order.
func (r *Round) End(ctx context.Context, plan Plan) (Result, []Failure) {
	var result Result
	complete, touched := plan.complete(), touched(plan)
	for _, c := range r.checks {
		if c.Scope == Repository && !complete && (c.Was == "" || touched) {
			result.Omitted = append(result.Omitted, c.Name)
		}
	}
	r.rendered.told = plan.Apart
	if complete {
		r.keep(r.judge(ctx, plan.Targets, func(c *Check) bool { return c.Scope == Repository }))
	}
	order := map[string]int{}
	for i, t := range plan.Targets {
		order[t.Path] = i
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.findings = slices.DeleteFunc(r.findings, plan.provided)
	findings := plan.weigh(yield(r.settled(unique(r.rendered.resolve(r.findings, plan.Unread), order), plan), r.checks), r.checks)
	kept, exempted, used := exempt(findings, plan)
	kept, exempted = once(kept, itself), once(exempted, func(x Exempted) Finding { return x.Finding })
	failures := r.failures(order)
	compared := slices.ContainsFunc(plan.Targets, func(t *Target) bool { return t.Before != nil })
	made := map[string]bool{}
	for _, c := range plan.Checks {
		made[c.Name] = (c.Scope != Repository || complete && (c.Was == "" || touched)) && (c.Scope != Update || compared)
	}
	judged := func(check, target string) bool {
		return made[check] && len(failures) == 0 && (complete || slices.ContainsFunc(plan.Targets, func(t *Target) bool { return t.Path == target }))
	}
	kept, result.Passed, result.Mended = baselined(kept, plan, judged)
	of := append(review(plan, result.Mended), audit(plan, r.rendered.objects, used, unmade(made), len(failures) > 0)...)
	if plan.Standing != nil {
		left := leftOf(plan.Standing)
		var stood []Finding
		kept, result.Standing = left.part(kept)
		of, stood = left.part(of)
		result.Standing, _ = merge(append(result.Standing, stood...))
		// What is let pass is there still: nobody has mended it.
		silenced := slices.Clone(result.Passed)
		for _, x := range exempted {
			silenced = append(silenced, x.Finding)
		}
		_, silenced = left.part(silenced)
		result.Silenced, _ = merge(silenced)
		result.Settled = left.mended(plan.Standing, func(check, target string) bool {
			return made[check] && len(failures) == 0 && !slices.Contains(plan.Failed, target)
		})
	}
	merged, parts := merge(kept)
	result.Exempted = exempted
	result.Findings = append(fold(kept, merged, parts), of...)
	return result, failures
}

// touched reports whether the targets of a plan are compared with what they were, and some differ.
func touched(plan Plan) bool {
	return slices.ContainsFunc(plan.Targets, func(t *Target) bool { return t.Touched != nil })
}

// unmade are the checks that were not made, sorted.
func unmade(made map[string]bool) []string {
	var names []string
	for name, is := range made {
		if !is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// provided reports a finding of what is missing and declared: by a pattern, or where the check did not look at names either.
func (p Plan) provided(f Finding) bool {
	return f.Missing != nil && slices.ContainsFunc(p.External, func(e External) bool { return (e.IsPattern() || f.undeclared) && e.Provides(*f.Missing) })
}

// weigh gives findings the severity that they have here.
func (p Plan) weigh(findings []Finding, checks []*Check) []Finding {
	if p.Severity == nil {
		return findings
	}
	named := map[string]*Check{}
	for _, c := range checks {
		named[c.Name] = c
	}
	for i := range findings {
		c := named[findings[i].Check]
		if c == nil {
			continue
		}
		lighter := findings[i].Severity != c.Severity // than others of the check
		if severity := p.Severity(c, findings[i].Target); severity == "" || !lighter {
			findings[i].Severity = severity
		}
	}
	return slices.DeleteFunc(findings, func(f Finding) bool { return f.Severity == "" })
}

// failures are in the order of checks, then targets. Engines that judge for many checks at once fail for each of them:
// that is one failure.
func (r *Round) failures(order map[string]int) []Failure {
	slices.SortStableFunc(r.failed, func(a, b failed) int {
		return cmp.Or(cmp.Compare(a.check, b.check), cmp.Compare(order[a.target], order[b.target]))
	})
	var failures []Failure
	for _, f := range r.failed {
		if !slices.ContainsFunc(failures, func(known Failure) bool { return known.Target == f.target && known.Err.Error() == f.err.Error() }) {
			failures = append(failures, Failure{f.target, f.err})
		}
	}
	return failures
}

func unique(findings []Finding, order map[string]int) []Finding {
	type keyed struct {
		Finding
		path string // written once, not for each comparison
	}
	all := make([]keyed, len(findings))
	for i, f := range findings {
		all[i] = keyed{f, f.Path.String()}
	}
	compare := func(a, b keyed) int {
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
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.path, b.path), cmp.Compare(a.Message, b.Message))
	}
	slices.SortStableFunc(all, compare)
	all = slices.CompactFunc(all, func(a, b keyed) bool { return compare(a, b) == 0 })
	findings = findings[:0]
	for _, k := range all {
		findings = append(findings, k.Finding)
	}
	return findings
}

// merge makes one finding of those that one line causes in several targets or objects: there is one thing to mend.
// The first says where; findings without a line stay as they are. of tells by index which of merged each is in.
func merge(findings []Finding) (merged []Finding, of []int) {
	type fault struct {
		check, message string
		source         manifest.Position
	}
	type holder struct {
		target string
		object manifest.ID
		is     bool // in an object
	}
	type place struct {
		merged int
		holder
	}
	type cursor struct {
		fault
		holder
	}
	first := map[fault][]int{} // in merged: more than one where an object has the fault twice
	taken := map[place]bool{}  // findings that show in an object already
	passed := map[cursor]int{} // how many of first an object has had
	of = make([]int, len(findings))
	for at, f := range findings {
		of[at] = len(merged)
		if f.Source.Line == 0 {
			merged = append(merged, f)
			continue
		}
		in := holder{target: f.Target}
		if f.Object != nil {
			in.object, in.is = *f.Object, true
		}
		said := []fault{{f.Check, f.Message, f.Source}, {f.Check, impersonal(f), f.Source}, {f.Check, untitled(f), f.Source}}
		same := -1
		for _, s := range said {
			// What was taken stays taken, so that each is looked at once.
			from := cursor{s, in}
			for ; same < 0 && passed[from] < len(first[s]); passed[from]++ {
				if i := first[s][passed[from]]; !taken[place{i, in}] {
					same = i
				}
			}
		}
		if same < 0 {
			for _, s := range slices.Compact(said) {
				first[s] = append(first[s], len(merged))
			}
			taken[place{len(merged), in}] = true
			merged = append(merged, f)
			continue
		}
		taken[place{same, in}] = true
		of[at] = same
		into := &merged[same]
		into.Also = append(into.Also, f.Place)
		if f.Severity == Error {
			into.Severity = Error // the line is at fault for all that it does
		}
		for _, r := range f.Related {
			if !slices.Contains(into.Related, r) {
				into.Related = append(into.Related, r)
			}
		}
		for _, w := range f.With {
			into.weigh(w)
		}
	}
	return merged, of
}

// impersonal is a finding's message without what a layer may have made of the object's name.
func impersonal(f Finding) string {
	if f.Object == nil {
		return f.Message
	}
	message := f.Message
	names := []string{f.Object.Namespace, f.Object.Name}
	if len(names[0]) < len(names[1]) {
		slices.Reverse(names) // the namespace may be a part of the name
	}
	for _, name := range names {
		if name != "" {
			message = strings.ReplaceAll(message, name, "\x00")
		}
	}
	return message
}

// untitled is a finding's message without the object's name as a title has it: of what else begins with the name, all objects
// of a line say the same.
func untitled(f Finding) string {
	if f.Object == nil || f.Object.Name == "" {
		return f.Message
	}
	return strings.ReplaceAll(f.Message, strconv.Quote(f.Object.Name), "\x00")
}

// yield leaves out what other checks have said of the same field. What follows from a finding about a field that it is in, or
// from there being no object at all, is noted to do so.
func yield(findings []Finding, checks []*Check) []Finding {
	yields := map[string][]string{}
	causes := map[string]bool{}
	for _, c := range checks {
		if c.Causes {
			causes[c.Name] = true
		}
		if len(c.Yields) > 0 {
			yields[c.Name] = c.Yields
		}
	}
	type place struct {
		target string
		object manifest.ID
	}
	said := map[place]map[string]fields{} // by check
	stated := map[place][]Finding{}       // those that others follow from
	for _, f := range findings {
		if f.Object == nil {
			continue
		}
		at := place{f.Target, *f.Object}
		if causes[f.Check] {
			stated[at] = append(stated[at], f)
		}
		if said[at] == nil {
			said[at] = map[string]fields{}
		}
		if said[at][f.Check] == nil {
			said[at][f.Check] = fields{}
		}
		said[at][f.Check].add(f.Path)
	}
	findings = slices.DeleteFunc(findings, func(f Finding) bool {
		if f.Object == nil {
			return false
		}
		at := said[place{f.Target, *f.Object}]
		return slices.ContainsFunc(yields[f.Check], func(name string) bool { return at[name].near(f.Path, f.whole) })
	})
	bare := map[string]Finding{}
	for _, f := range findings {
		if f.bare {
			bare[f.Target] = f
		}
	}
	for i := range findings {
		f := &findings[i]
		if cause, found := bare[f.Target]; found && f.entry != (Entry{}) {
			f.rests = append(f.rests, cause.identity())
		}
		if f.Object == nil {
			continue
		}
		for _, cause := range stated[place{f.Target, *f.Object}] {
			if cause.Check != f.Check && f.Path.HasPrefix(cause.Path) {
				f.rests = append(f.rests, cause.identity())
			}
		}
	}
	return findings
}

// fields are paths of an object and all that lead to them; true are those that are meant themselves.
type fields map[string]bool

func (f fields) add(path manifest.Path) {
	for n := range path {
		if above := path[:n].String(); !f[above] {
			f[above] = false
		}
	}
	f[path.String()] = true
}

// near reports whether a path is one of the fields, holds one of them, or is inside of one. What is said of the whole of a field
// is not about what is inside.
func (f fields) near(path manifest.Path, whole bool) bool {
	if len(f) == 0 {
		return false
	}
	if itself, known := f[path.String()]; itself || known && !whole {
		return true
	}
	for n := range path {
		if f[path[:n].String()] {
			return true
		}
	}
	return false
}
