package gate

import (
	"context"
	"errors"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Run renders and judges every target of the gate. A target is forgotten once it is judged, unless the report is to have
// the whole of it: a run takes memory for the targets that are at work, not for all that there are. What could not be
// rendered or checked is in the report's errors; the rest is judged. An error says why there is no report.
func (g *Gate) Run(ctx context.Context) (report.Report, error) {
	r := g.begin(ctx)
	err := g.each(ctx, g.paths, func(ctx context.Context, i int, path string) error {
		t, err := g.Render(ctx, path)
		if err != nil {
			return err
		}
		r.judge(ctx, i, t)
		return nil
	}, r.failed)
	if err != nil {
		return report.Report{}, err
	}
	out, err := g.conclude(ctx, r.round, r.outcomes, g.renderer)
	if err == nil {
		out.Status, err = g.runs(ctx, r.outcomes, g.renderer)
	}
	return out, err
}

// running is a run whose targets are being judged.
type running struct {
	gate     *Gate
	outer    context.Context // lines are looked up after the last target, whose context has ended
	round    *check.Round
	outcomes []outcome // by target
}

func (g *Gate) begin(ctx context.Context) *running {
	r := &running{gate: g, outer: ctx, round: check.Begin(g.checks), outcomes: make([]outcome, len(g.paths))}
	r.round.Forget = g.engines.forget
	return r
}

// judge judges the i-th target where the run judges, and keeps of it what the report is to have.
func (r *running) judge(ctx context.Context, i int, t *Target) {
	g := r.gate
	g.options.Rendered(&t.Target)
	if g.options.Unjudged {
		g.engines.forget(&t.Target)
		return
	}
	r.round.Judge(ctx, &t.Target)
	t.Mentions = g.mentions(&t.Target)
	if g.options.Whole {
		r.outcomes[i] = whole(&t.Target)
		r.outcomes[i].note(t.Result)
		return
	}
	r.outcomes[i] = g.reduced(r.outer, &t.Target, g.renderer)
	r.outcomes[i].note(t.Result)
	g.engines.forget(&t.Target)
}

func (r *running) failed(i int, err error) { r.outcomes[i] = outcome{path: r.gate.paths[i], err: err} }

// atWork is how many targets are worked on at a time: one more than there are processors, because the first wait for the
// rules to be compiled.
func atWork() int { return runtime.GOMAXPROCS(0) + 1 }

// each does something with targets, several at a time, while the rules are prepared. What fails is handed on, and keeps
// the others from nothing. It ends with the context.
func (g *Gate) each(ctx context.Context, paths []string, do func(ctx context.Context, i int, path string) error, failed func(i int, err error)) error {
	group, ctx := errgroup.WithContext(ctx)
	if !g.options.Unjudged {
		g.engines.expect(ctx, g.renderer, paths)
		group.Go(func() error {
			defer activity.Begin(ctx, "compiling the rules")()
			return g.engines.Prepare(ctx)
		})
	}
	var mu sync.Mutex
	next, done := 0, 0
	for range min(atWork(), len(paths)) {
		group.Go(func() error {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(paths) {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err // nobody waits for it any more
				}
				if err := crash.Catch(func() error { return do(ctx, i, paths[i]) }); err != nil {
					failed(i, err)
				}
				mu.Lock()
				done++
				g.options.Progress(paths[i], done)
				mu.Unlock()
			}
		})
	}
	return group.Wait()
}

// elsewhere tells of the directory of a kustomization whether one that no target is made of lists it. Where that cannot be
// told, it may.
func (g *Gate) elsewhere(ctx context.Context, targets []*check.Target) func(dir string, above bool) bool {
	readers := sync.OnceValues(func() (map[string][]string, error) { return coverage.Readers(ctx, g.repository) })
	return func(dir string, above bool) bool {
		all, err := readers()
		if err != nil {
			return true
		}
		seen := map[string]bool{}
		for todo := []string{dir}; len(todo) > 0; todo = todo[1:] {
			for _, reader := range all[todo[0]] {
				if !slices.ContainsFunc(targets, func(t *check.Target) bool { return slices.Contains(t.Reading.Layers, reader) }) {
					return true
				}
				if above && !seen[reader] {
					seen[reader] = true
					todo = append(todo, reader)
				}
			}
		}
		return false
	}
}

// unread tells of what is missing in a target whether files that the run does not read may hold it: those of another
// environment's targets aside. A run of some targets does not know what the others render. So may what is in the files of a target
// that could not be rendered, whoever else reads them.
func (g *Gate) unread(ctx context.Context, renderer *kustomization.Renderer, targets []*check.Target, failed []string) func(target string, missing check.Reference) bool {
	mentioned := sync.OnceValues(func() ([]coverage.Mentions, error) {
		read := map[string]bool{}
		for _, t := range targets {
			for _, file := range t.Reading.Files {
				read[file] = true
			}
		}
		return coverage.Mentioned(ctx, g.repository, func(file string) bool { return read[file] })
	})
	var mu sync.Mutex
	named := map[[2]string][]*manifest.Object{} // by failed target and name
	hold := func(target string, missing check.Reference) bool {
		mu.Lock()
		defer mu.Unlock()
		objects, asked := named[[2]string{target, missing.Name}]
		if !asked {
			objects = inFiles(renderer, target, missing.Name)
			named[[2]string{target, missing.Name}] = objects
		}
		return slices.ContainsFunc(objects, func(o *manifest.Object) bool {
			return o.Kind == missing.Kind && o.Name == missing.Name && (o.Namespace == "" || missing.Namespace == "" || o.Namespace == missing.Namespace)
		})
	}
	return func(target string, missing check.Reference) bool {
		if missing.Name != "" && slices.ContainsFunc(failed, func(other string) bool { return !g.apart(target, other) && hold(other, missing) }) {
			return true
		}
		files, err := mentioned()
		return err != nil || slices.ContainsFunc(files, func(m coverage.Mentions) bool {
			if !m.Has(missing) {
				return false
			}
			for dir := path.Dir(m.File); dir != "."; dir = path.Dir(dir) {
				if g.apart(target, dir) {
					return false
				}
			}
			return true
		})
	}
}

// unseen is what something brings to a cluster that is not here: another repository, an artifact, or a remote base of which there is no
// copy.
type unseen struct {
	gate *Gate
	all  func() ([]coverage.Outside, *coverage.Deliveries)

	mu   sync.Mutex
	held map[int][]string // what would be missing without, by who may bring it
}

func (g *Gate) newUnseen(ctx context.Context, outcomes []outcome) *unseen {
	return &unseen{gate: g, held: map[int][]string{}, all: sync.OnceValues(func() ([]coverage.Outside, *coverage.Deliveries) {
		deliveries, err := g.placing.deployers(ctx)
		if err != nil {
			return nil, nil // which says so where it is asked
		}
		rendered := slices.DeleteFunc(slices.Clone(g.renderable()), func(path string) bool {
			return slices.ContainsFunc(outcomes, func(o outcome) bool { return o.path == path && o.err != nil })
		})
		all := deliveries.Outsides(rendered)
		for _, o := range outcomes {
			if !errors.Is(o.err, vendored.ErrNoCopy) {
				continue
			}
			namespaces := deliveries.Namespaces(o.path)
			if namespaces == nil {
				namespaces = []string{""}
			}
			for _, namespace := range namespaces {
				all = append(all, deliveries.Unrendered(o.path, namespace))
			}
		}
		return all, deliveries
	})}
}

// may reports whether some of it may be what is missing in a target. What is for another environment, or another cluster, is not.
func (u *unseen) may(target string, missing check.Reference) bool {
	all, deliveries := u.all()
	i := slices.IndexFunc(all, func(o coverage.Outside) bool {
		switch {
		case u.gate.apart(target, o.Target) || !deliveries.MayReach(o, target):
			return false
		case missing.Kind == "Namespace":
			// One that Argo CD brings something to it creates where it is told to.
			return !o.Argo && (o.Namespace == "" || o.Namespace == missing.Name)
		}
		return o.Namespace == "" || missing.Namespace == "" || missing.Namespace == o.Namespace
	})
	if i < 0 {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if name := nameOf(missing); !slices.Contains(u.held[i], name) {
		u.held[i] = append(u.held[i], name)
	}
	return true
}

// nameOf is what is missing, as a note lists it.
func nameOf(missing check.Reference) string {
	kind, name := missing.Kind, missing.Name
	switch {
	case kind == check.PodsKind || kind == check.PoliciesKind:
		name = "" // which is a condition
	case name == check.AnyName:
		kind, name = "any "+kind, ""
	case kind == check.AnyKind:
		kind = ""
	}
	if missing.Namespace != "" {
		name += " in namespace " + missing.Namespace
	}
	return strings.TrimSpace(kind + " " + strings.TrimSpace(name))
}

// notes say who brings what nobody here can see, and what is not called missing therefore.
func (u *unseen) notes() []report.Note {
	if len(u.held) == 0 {
		return nil // and nobody has asked who brings what
	}
	all, _ := u.all()
	var notes []report.Note
	for i, o := range all {
		if held := u.held[i]; len(held) > 0 {
			slices.Sort(held)
			notes = append(notes, report.Note{About: "references", Source: o.Source, LeftOut: held, Message: "what " + o.By + " brings is not here to see: what it may bring is not called missing"})
		}
	}
	return notes
}

// unmade tells of what is missing in a target whether a chart of an Application that is not rendered may make it.
func (g *Gate) unmade(target string, missing check.Reference) bool {
	return g.charts != nil && slices.ContainsFunc(g.charts.left, func(l chartLeft) bool {
		return !g.apart(target, repo.TreeOf(l.target)) && slices.ContainsFunc(l.makes, func(made check.Reference) bool { return made.Fits(missing) })
	})
}

// apart reports whether kgate.yaml has two paths in different environments.
func (g *Gate) apart(a, b string) bool {
	one, other := g.repository.Config.Environment(a), g.repository.Config.Environment(b)
	return one != nil && other != nil && one.Name != other.Name
}

// made are the checks that the run makes: those of a change are made where it is compared.
func (g *Gate) made() []*check.Check {
	if g.standing != nil {
		return g.checks
	}
	return slices.DeleteFunc(slices.Clone(g.checks), func(c *check.Check) bool { return c.Scope == check.Update })
}

// conclude makes the report of a round whose targets are judged, of what the renderer reads.
func (g *Gate) conclude(ctx context.Context, round *check.Round, outcomes []outcome, renderer *kustomization.Renderer) (report.Report, error) {
	read := renderer.ReadFile
	config, now := g.repository.Config, g.options.Now()
	out := report.Report{Version: g.options.Version, Checks: g.made(), Asked: g.paths, FailOn: config.FailOn, Dir: g.repository.Dir, ReadFile: g.repository.Base.ReadFile(read)}
	if g.repository.Git != "" {
		if top, err := g.repository.Top(); err == nil && top != "." {
			out.Top = top
		}
	}
	out.Branch, out.Commit = g.repository.Checkout()
	plan := check.Plan{Checks: g.checks, All: g.all, Exemptions: config.Exemptions, Now: now, Latest: config.LatestExpiry(now), Severity: g.severity, External: config.External}
	var exempting []repo.Annotation
	for _, o := range outcomes {
		if o.err != nil {
			out.Errors = append(out.Errors, Failures(o.path, o.err)...)
			plan.Failed = append(plan.Failed, o.path)
			continue
		}
		plan.Targets = append(plan.Targets, o.target)
		out.Targets = append(out.Targets, o.reported)
		exempting = append(exempting, o.exempting...)
	}
	plan.Apart = func(a, b string) (apart, told bool) {
		deployers, err := g.placing.deployers(ctx)
		if err != nil {
			return false, false
		}
		return deployers.Apart(a, b)
	}
	if !g.options.NoBaseline {
		var err error
		if plan.Baseline, err = g.repository.Baseline(now); err != nil {
			out.Errors = append(out.Errors, Failures("", err)...)
		}
	}
	out.Errors = append(out.Errors, g.faultsOfLock(outcomes)...)
	plan.Elsewhere = g.elsewhere(ctx, plan.Targets)
	partial := len(g.options.Targets) > 0 && (len(g.all) == 0 || len(without(g.all, g.paths)) > 0)
	unseen := g.newUnseen(ctx, outcomes)
	plan.Unread = func(target string, missing check.Reference) bool {
		return g.unmade(target, missing) || unseen.may(target, missing)
	}
	// What could not be rendered may hold what others miss.
	if failed := slices.ContainsFunc(outcomes, func(o outcome) bool { return o.err != nil }); partial || failed {
		unread, others := g.unread(ctx, renderer, plan.Targets, plan.Failed), plan.Unread
		plan.Unread = func(target string, missing check.Reference) bool {
			return unread(target, missing) || others(target, missing)
		}
	}
	carried, refused := repo.Carried(exempting, g.known, read)
	carried, out.Notes = g.carry(ctx, carried)
	out.Notes = slices.Concat(g.narrowed(), g.notes(), g.placing.notes(), g.editing.notes(), g.unrendered(), placeholders(outcomes), passedOver(outcomes), left(outcomes), unwritten(outcomes), out.Notes)
	out.Errors = append(out.Errors, g.faultsOfOwn(plan)...)
	if err := g.given.failed(); err != nil {
		out.Errors = append(out.Errors, Failures("", err)...)
	}
	plan.Exemptions = append(slices.Clone(plan.Exemptions), carried...)
	for _, f := range refused {
		out.Errors = append(out.Errors, Failures(f.Target, f.Err)...)
	}
	plan.Standing = g.standing
	untold, err := g.generate(ctx, renderer.Files(), plan.Targets)
	if err != nil {
		return out, err
	}
	out.Notes = append(out.Notes, untold...)
	result, failed := round.End(ctx, plan)
	g.stood = check.Result{Standing: result.Standing, Settled: result.Settled, Silenced: result.Silenced}
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	for _, f := range failed {
		out.Errors = append(out.Errors, Failures(f.Target, f.Err)...)
	}
	out.Findings, out.Exempted, out.Omitted = result.Findings, result.Exempted, result.Omitted
	out.Passed, out.Mended = result.Passed, result.Mended
	out.Notes = slices.Concat(out.Notes, unseen.notes(), g.baselineNotes(plan, len(result.Passed)))
	if slices.Equal(g.paths, g.all) {
		out.Notes = append(out.Notes, g.leftOut(out.Findings)...)
	}
	return out, nil
}
