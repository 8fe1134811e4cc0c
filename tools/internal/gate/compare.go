package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// Compare renders and judges both sides of a change. Of the options Targets are paths of either side. Each side is judged by
// its own kgate.yaml. A target that the side after cannot render is in the report's errors, unless the side before could not
// either, for the same reason.
func Compare(ctx context.Context, before, after *repo.Side, options Options) (out report.Report, err error) {
	c := &comparing{before: before, after: after}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.open(ctx, options); err != nil {
		return out, err
	}
	return c.run(ctx)
}

// comparing is a comparison at work.
type comparing struct {
	before, after *repo.Side
	engines       []*Engines
	was, is       *Gate
	paths         []string          // of either side, in order
	equal         map[string]bool   // targets that the change does not touch, where nobody asks for their verdict
	untouched     map[string]bool   // targets that read no file which the change touches: both sides render the same of them
	changed       []string          // files that differ; nil where nobody looked
	submodules    bool              // a side has some
	moved         map[string]string // by path after, the path before, of targets that are in another place
	unlisted      []string          // targets that the kgate.yaml of the side after names no more, and that are there
	options       Options
	delivered     []delivered // by path, for what is synced
}

func (c *comparing) close() error {
	var errs []error
	for _, e := range c.engines {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}

func (c *comparing) open(ctx context.Context, options Options) error {
	options.Bare = true
	c.options = options
	for _, target := range options.Targets {
		if !has(c.before, target) && !has(c.after, target) {
			return fmt.Errorf("%s is in neither %s nor %s", target, c.before.Name, c.after.Name)
		}
	}
	var same func(name string) bool
	if c.before.Tree != nil {
		var err error
		if c.changed, err = changedFiles(ctx, c.before, c.after); err != nil {
			return err
		}
		c.submodules = hasSubmodules(c.before) || hasSubmodules(c.after)
		same = sameIn(c.before, c.after, c.changed)
	}
	gate := func(side *repo.Side) (*Gate, error) {
		own, some := options.at(side)
		if !some {
			return nil, nil //nolint:nilnil // nothing of it is there
		}
		if own.Engines = cmp.Or(options.Engines, c.shared(side)); own.Engines == nil {
			engines, err := newEngines(ctx, side.Repo, own)
			if err != nil {
				return nil, err
			}
			c.engines, own.Engines = append(c.engines, engines), engines
		}
		repository := side.Repo.Snapshot()
		if side == c.before && c.is != nil && same != nil {
			repository = side.Repo.Beside(c.is.repository, same)
		}
		g, err := open(ctx, repository, own)
		if err == nil && side == c.before && c.is != nil && same != nil {
			g.sharing = c.is.sharing // what both have of a base is found once
		}
		if err != nil && side.Commit != "" {
			err = fmt.Errorf("%s: %w", side.Name, err)
		}
		return g, err
	}
	var err error
	if c.is, err = gate(c.after); err != nil {
		return err
	}
	if c.was, err = gate(c.before); err != nil {
		return err
	}
	if err := nothing(c.is, c.was); err != nil {
		return err
	}
	c.paths = pathsOf(c.was, c.is)
	c.keep(func(path string) bool { return c.isWhole(ctx, path) })
	if err := c.follow(ctx); err != nil {
		return err
	}
	c.keep(func(path string) bool {
		if c.is.renderer.Files().Kustomization(path) != "" {
			return true
		}
		t, err := c.is.Render(ctx, path)
		return err == nil && len(t.Objects) > 0
	})
	return c.narrow(ctx)
}

// keep has targets that kgate.yaml names no more, and that are where they were, judged once more: what the repository still has is not
// removed, and a change may not take itself out of its own review.
func (c *comparing) keep(is func(path string) bool) {
	if c.was == nil || c.is == nil || c.is.repository.Config.Targets == nil {
		return
	}
	for _, path := range without(c.was.paths, c.is.paths) {
		if slices.Contains(c.paths, path) && is(path) {
			c.unlisted = append(c.unlisted, path)
			c.is.paths = append(slices.Clip(c.is.paths), path)
		}
	}
}

// isWhole reports a target without a kustomization that has all that it had: it has not moved, whatever else reads its manifests now.
func (c *comparing) isWhole(ctx context.Context, path string) bool {
	if c.is.renderer.Files().Kustomization(path) != "" {
		return false
	}
	is, err := c.is.Render(ctx, path)
	if err != nil || len(is.Objects) == 0 {
		return false
	}
	was, err := c.was.Render(ctx, path)
	return err == nil && !slices.ContainsFunc(pairs(was.Objects, is.Objects), func(p check.Pair) bool { return p.New == nil })
}

// unlist says so.
func (c *comparing) unlist() []report.Note {
	if len(c.unlisted) == 0 {
		return nil
	}
	return []report.Note{{
		About: "targets", Message: fmt.Sprintf("kgate.yaml no longer names %s, which the repository still has: compared and judged here, and not after this change", strings.Join(c.unlisted, ", ")),
	}}
}

// narrow finds what the change does not touch: it is left out of what is rendered, or rendered once for both sides, where somebody
// asks for its verdict.
func (c *comparing) narrow(ctx context.Context) error {
	if c.before.Tree == nil {
		return nil // which files differ nobody knows without looking at all of them
	}
	affected, err := affected(ctx, c.before, c.after, [2]*Gate{c.was, c.is}, c.changed)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, a := range affected {
		found[a.Path] = true
	}
	none := map[string]bool{}
	for _, path := range c.paths {
		none[path] = c.moved[path] == "" && !found[path]
	}
	if c.untouched = none; c.options.Unjudged {
		c.equal = none
	}
	return nil
}

// follow finds the targets that the change moves: what is in a new place renders mostly the objects of one that is gone.
func (c *comparing) follow(ctx context.Context) error {
	if c.was == nil || c.is == nil {
		return nil
	}
	gone, come := without(c.was.paths, c.is.paths), without(c.is.paths, c.was.paths)
	const most = 50 // of each: beyond that nobody moves targets one by one
	if len(gone) == 0 || len(come) == 0 || len(gone) > most || len(come) > most {
		return nil
	}
	type key struct{ group, kind, namespace, name string }
	of := func(g *Gate, paths []string) []map[key]bool {
		all := make([]map[key]bool, len(paths))
		for i, path := range paths {
			t, err := g.Render(ctx, path)
			if err != nil {
				continue // where it is compared, that says why
			}
			all[i] = map[key]bool{}
			for _, o := range t.Objects {
				name := o.Name
				if stem := t.Result.Stems[[2]string{o.Kind, o.Name}]; stem != "" {
					name = stem
				}
				all[i][key{o.Group(), o.Kind, o.Namespace, name}] = true
			}
		}
		return all
	}
	were, are := of(c.was, gone), of(c.is, come)
	c.moved = map[string]string{}
	taken := map[int]bool{}
	for i, path := range come {
		best, at := 0.5, -1
		for j := range gone {
			if taken[j] {
				continue
			}
			both := 0
			for k := range are[i] {
				if were[j][k] {
					both++
				}
			}
			if share := float64(both) / float64(len(are[i])+len(were[j])-both); both > 0 && share > best {
				best, at = share, j
			}
		}
		if at >= 0 {
			taken[at] = true
			c.moved[path] = gone[at]
		}
	}
	for _, path := range c.moved {
		c.paths = slices.DeleteFunc(c.paths, func(p string) bool { return p == path })
	}
	return ctx.Err()
}

// then is what the side before calls a target.
func (c *comparing) then(path string) string { return cmp.Or(c.moved[path], path) }

// shared are the engines of the other side, where both sides ask for the same.
func (c *comparing) shared(side *repo.Side) *Engines {
	if c.is == nil {
		return nil
	}
	is, was := c.is.repository.Config, side.Config
	text := func(versions []repo.Version) (all []string) {
		for _, v := range versions {
			all = append(all, v.Text)
		}
		return all
	}
	releases := func(c repo.Config) map[string]string {
		all := map[string]string{}
		for module, v := range c.Releases {
			all[module] = v.Text
		}
		return all
	}
	if len(is.Policies)+len(was.Policies) > 0 || !slices.Equal(text(is.KubernetesVersions), text(was.KubernetesVersions)) || !maps.Equal(releases(is), releases(was)) {
		return nil
	}
	return c.is.engines
}

// attempt is a target of one side, or why it has none.
type attempt struct {
	target *Target // nil for one that the side has not
	err    error
}

func (c *comparing) run(ctx context.Context) (report.Report, error) {
	sides := [2]*running{}
	for i, g := range []*Gate{c.was, c.is} {
		if g != nil {
			sides[i] = g.begin(ctx)
		}
	}
	was, is := sides[0], sides[1]
	differs := make([]change.Rendered, len(c.paths))
	failures := make([][2]error, len(c.paths)) // of both sides
	c.delivered = make([]delivered, len(c.paths))
	index := func(g *Gate, path string) int {
		if g == nil {
			return -1
		}
		return slices.Index(g.paths, path)
	}
	driver := c.driver()
	if driver == nil {
		return report.Report{}, fmt.Errorf("neither %s nor %s has any of the targets %s", c.before.Name, c.after.Name, strings.Join(c.options.Targets, ", "))
	}
	err := driver.each(ctx, c.paths, func(ctx context.Context, at int, path string) error {
		if c.equal[path] {
			differs[at] = change.Rendered{Path: path, Kind: change.Equal}
			if e := driver.repository.Config.Environment(path); e != nil {
				differs[at].Environment = e.Name
			}
			return nil
		}
		then := c.then(path)
		new := c.render(ctx, c.is, path, nil)
		if new.target != nil {
			new.target.Reading.Unlisted = slices.Contains(c.unlisted, path)
		}
		old := c.render(ctx, c.was, then, c.sharedBy(new.target))
		failures[at] = [2]error{old.err, new.err}
		if old.err != nil && was != nil {
			was.failed(index(c.was, then), old.err)
		}
		if new.err != nil && is != nil {
			is.failed(index(c.is, path), new.err)
		}
		known := old.err == nil && new.err == nil
		differs[at] = change.Rendered{Path: path, Unknown: true}
		gone := known && new.target == nil && is != nil
		after := new.target
		if gone {
			after = removed(old.target)
			after.Deployers = c.left(old.target.Path)
		}
		var dropped []*check.Target
		if known {
			inPlaces, err := c.inPlaces(ctx, old.target, new.target)
			if err != nil {
				return err
			}
			if old.target != nil && after != nil {
				if !c.options.Unjudged {
					c.beside(old.target, after, inPlaces)
				}
				if !c.options.Unjudged && new.target != nil {
					if after.Before.Generated, err = c.generatedPairs(ctx, old.target, new.target); err != nil {
						return err
					}
				}
			}
			if dropped, err = c.dropped(ctx, inPlaces, new.target); err != nil {
				return err
			}
			if differs[at], c.delivered[at], err = c.differIn(ctx, path, inPlaces, after); err != nil {
				return err
			}
			if old.target == nil && c.was != nil {
				then, err := c.was.Render(ctx, path)
				c.delivered[at].named = err == nil && len(then.Objects) > 0
			}
			if after != nil && after.Touched != nil {
				after.Touched = touched(&after.Target, differs[at].Objects)
			}
		}
		switch {
		case gone && c.options.Unjudged:
		case gone:
			is.round.Judge(ctx, &after.Target)
			c.is.engines.forget(&after.Target)
		case after != nil:
			is.judge(ctx, index(c.is, path), after)
			for _, t := range dropped {
				if !c.options.Unjudged {
					is.round.Judge(ctx, t)
				}
				c.is.engines.forget(t)
			}
		}
		if old.target != nil {
			was.judge(ctx, index(c.was, then), old.target)
		}
		return nil
	}, func(at int, err error) {
		failures[at][1] = err
		for r, path := range map[*running]string{was: c.then(c.paths[at]), is: c.paths[at]} {
			if r == nil {
				continue
			}
			if i := index(r.gate, path); i >= 0 && r.outcomes[i].path == "" { // it was not judged
				r.failed(i, err)
			}
		}
	})
	if err != nil {
		return report.Report{}, err
	}
	return c.conclude(ctx, was, is, differs, failures)
}

// sharedBy is what the other side renders a target to as well; nil where that may be something else. What a plain directory comes to,
// and what a kustomization may read, what deploys them says too; the files of a submodule are of another repository.
func (c *comparing) sharedBy(t *Target) *kustomization.Result {
	if t == nil || t.edited || !c.untouched[t.Path] || c.submodules || c.was == nil {
		return nil
	}
	was, is := c.was.renderer, c.is.renderer
	if is.Files().Kustomization(t.Path) == "" || was.LoadRestrictionsNone(t.Path) != is.LoadRestrictionsNone(t.Path) {
		return nil
	}
	return t.Result
}

// render renders a target of a side that has it, unless the other side has rendered the same.
func (c *comparing) render(ctx context.Context, g *Gate, path string, rendered *kustomization.Result) (r attempt) {
	if g == nil || !slices.Contains(g.paths, path) {
		return r
	}
	r.target, r.err = g.renderedAs(ctx, path, rendered)
	side := c.after
	if g == c.was {
		side = c.before
	}
	if r.err != nil && side.Tree != nil {
		if submodule := submoduleOf(side, r.err); submodule != "" {
			r.err = &submoduleError{r.err, submodule}
		}
	}
	if r.err != nil && g == c.was {
		r.err = fmt.Errorf("%s: %w", c.before.Name, r.err)
	}
	return r
}

// submoduleError says that a side cannot be rendered from git's objects: nobody knows what the change does.
type submoduleError struct {
	error
	path string
}

func (e *submoduleError) Unwrap() error { return e.error }

// failures says so of the side.
func (e *submoduleError) failures(target string, side *repo.Side) []report.Failure {
	all := Failures(target, e.error)
	for i := range all {
		all[i].Message = fmt.Sprintf("in %s %s is a submodule, whose files are in another repository's objects: compare there, or take a copy with `kgate vendor`; %s", side.Name, e.path, all[i].Message)
	}
	return all
}

// submoduleOf is the submodule that a render which failed wanted to read.
func submoduleOf(side *repo.Side, err error) string {
	var failed *kustomization.Error
	if !errors.As(err, &failed) {
		return ""
	}
	top, topErr := side.Top()
	if topErr != nil {
		return ""
	}
	for _, at := range side.Tree.Submodules() {
		if within, err := filepath.Rel(filepath.FromSlash(top), filepath.FromSlash(at)); err == nil && filepath.IsLocal(within) && failed.DependsOn(filepath.ToSlash(within)) {
			return at
		}
	}
	return ""
}

// removed stands for a target that the side after has no more.
func removed(old *Target) *Target {
	return &Target{Result: &kustomization.Result{Path: old.Path}, Target: check.Target{
		Path: old.Path, Environment: old.Environment, Locate: func(o *manifest.Object, _ manifest.Path) manifest.Origin { return manifest.Origin{Position: o.Source} },
		Definitions: old.Definitions,
	}}
}

// beside puts what a target was beside it, in each namespace that it is brought to.
func (c *comparing) beside(old, new *Target, places []inPlace) {
	for _, t := range append([]*check.Target{&new.Target}, new.Variants...) {
		then := &old.Target
		if len(new.places) == 0 && old.bare != nil && !slices.ContainsFunc(places, func(p inPlace) bool { return p.new != nil && p.isIn }) {
			then = &old.bare.Target // nobody says any more where it goes
		}
		if i := slices.IndexFunc(places, func(p inPlace) bool { return p.isIn && p.new.Namespace == t.Namespace }); i >= 0 {
			then = &places[i].old.Target
		}
		t.Before = &check.Before{Target: then, Revision: c.before.Name, Pairs: pairs(then.Objects, t.Objects), Moved: func(path string) string { return c.moved[path] }}
		t.Touched = touched(t, nil)
	}
}

// pairs are the objects of two renders, those that are one and the same in a cluster together.
func pairs(old, new []*manifest.Object) []check.Pair {
	type key struct{ group, kind, namespace, name string }
	of := func(o *manifest.Object) key { return key{o.Group(), o.Kind, o.Namespace, o.Name} }
	then := map[key]*manifest.Object{}
	for _, o := range old {
		then[of(o)] = o
	}
	var all []check.Pair
	for _, o := range new {
		all = append(all, check.Pair{Old: then[of(o)], New: o})
		delete(then, of(o))
	}
	for _, o := range old {
		if then[of(o)] == o {
			all = append(all, check.Pair{Old: o})
		}
	}
	return all
}

// touched is what a change does to a target; nil where it renders what it rendered. Of objects that were compared it is what the
// server takes for a change, or replaces pods for.
func touched(t *check.Target, compared []change.Object) *check.Touched {
	field := map[*manifest.Object]manifest.Path{} // the first that changes, nil for none that is there
	still := map[*manifest.Object]bool{}
	for _, o := range compared {
		if o.Old == nil || o.New == nil {
			continue
		}
		still[o.New] = true
		for _, d := range o.Changes {
			if d.Equal != "" && d.Equal != difference.Order && d.Equal != difference.Suffix {
				continue
			}
			if still[o.New] = false; field[o.New] == nil && !d.Removed {
				field[o.New] = d.Path
			}
		}
	}
	var all check.Touched
	for _, p := range t.Before.Pairs {
		if p.Old == p.New || p.Old != nil && p.New != nil && (same(p.Old, p.New) || still[p.New]) {
			continue
		}
		if all.Objects++; all.Objects > 1 {
			continue
		}
		if p.New == nil {
			all.First, all.Source = p.Old.ID, t.Before.At(p.Old.Source)
			continue
		}
		all.First, all.Source = p.New.ID, p.New.Source
		if p.Old != nil {
			at := field[p.New]
			if at == nil {
				at = differs(p.Old.Value, p.New.Value, nil)
			}
			all.Source = t.Origin(p.New, at).Position
		}
	}
	if all.Objects == 0 {
		return nil
	}
	return &all
}

// differs is the first field of new that is not what it is in old, or what held one that is gone.
func differs(old, new any, path manifest.Path) manifest.Path {
	switch now := new.(type) {
	case map[string]any:
		was, _ := old.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(now)) {
			if then, had := was[key]; !had || !reflect.DeepEqual(then, now[key]) {
				return differs(then, now[key], append(slices.Clone(path), key))
			}
		}
	case []any:
		was, _ := old.([]any)
		for i := range now {
			if i >= len(was) {
				return append(slices.Clone(path), i)
			}
			if !reflect.DeepEqual(was[i], now[i]) {
				return differs(was[i], now[i], append(slices.Clone(path), i))
			}
		}
	}
	return path
}

// differ compares a target as both sides render it. after is new, or what stands for it where it is gone.
func (c *comparing) differ(ctx context.Context, path string, old, new, after *Target) (change.Rendered, error) {
	defer activity.Begin(ctx, "comparing %s", path)()
	out := change.Rendered{Path: path, Was: c.moved[path], Kind: change.Changed}
	side := func(t *Target) (objects []*manifest.Object, target *check.Target, stems map[[2]string]string) {
		if t == nil {
			return nil, nil, nil
		}
		if t.Environment != nil {
			out.Environment = t.Environment.Name
		}
		return t.Objects, &t.Target, t.Result.Stems
	}
	was, wasTarget, wasStems := side(old)
	is, isTarget, isStems := side(new)
	if new == nil && after != nil {
		isTarget = &after.Target
	}
	switch {
	case old == nil:
		out.Kind = change.Added
	case new == nil:
		out.Kind = change.Removed
	}
	comparer := difference.New(c.driver().engines.server)
	comparer.SameName = func(_ manifest.Path, a, b string) bool {
		return a != b && slices.ContainsFunc([]string{"ConfigMap", "Secret"}, func(kind string) bool {
			stem := wasStems[[2]string{kind, a}]
			return stem != "" && stem == isStems[[2]string{kind, b}]
		})
	}
	locate := func(before, after *manifest.Object) func(difference.Change) (now, then manifest.Position) {
		return func(d difference.Change) (now, then manifest.Position) {
			if after != nil && !d.Removed {
				now = lineOf(isTarget, after, d.Path, d.Lines, func(l difference.Line) (int, bool) { return l.New, l.Old == 0 })
			}
			if before != nil && (d.Path == nil || d.OldPath != nil) {
				then = lineOf(wasTarget, before, d.OldPath, d.Lines, func(l difference.Line) (int, bool) { return l.Old, l.New == 0 })
			}
			return now, then
		}
	}
	both := pairs(was, is)
	// Another definition may have another default.
	redefined := slices.ContainsFunc(both, func(p check.Pair) bool {
		return p.New != nil && p.New.Kind == "CustomResourceDefinition" && (p.Old == nil || !same(p.Old, p.New)) || p.Old != nil && p.New == nil && p.Old.Kind == "CustomResourceDefinition"
	})
	add := func(kind change.Kind, before, after *manifest.Object) error {
		o := change.Object{Kind: kind, Old: before, New: after, Locate: locate(before, after)}
		if before != nil && after != nil {
			if same(before, after) && !redefined {
				return nil
			}
			var err error
			if o.Changes, err = comparer.Of(ctx, isTarget, before, after); err != nil {
				return err
			}
			// What is filled in alike may be written in another way, which counts where nobody fills it in.
			if was, is := written(old, before), written(new, after); len(o.Changes) == 0 && (was != before || is != after) && !same(was, is) {
				if o.Changes, err = comparer.Of(ctx, isTarget, was, is); err != nil {
					return err
				}
				o.Locate = locate(was, is)
			}
		}
		out.Objects = append(out.Objects, o)
		return nil
	}
	var added, gone []*manifest.Object
	for _, p := range both {
		switch {
		case p.Old == nil:
			added = append(added, p.New)
		case p.New == nil:
			gone = append(gone, p.Old)
		default:
			if err := add(change.Changed, p.Old, p.New); err != nil {
				return out, err
			}
		}
	}
	match := func(kind change.Kind, same func(before, after *manifest.Object) bool) error {
		var left []*manifest.Object
		for _, after := range added {
			i := slices.IndexFunc(gone, func(before *manifest.Object) bool { return same(before, after) })
			if i < 0 {
				left = append(left, after)
				continue
			}
			if err := add(kind, gone[i], after); err != nil {
				return err
			}
			gone = slices.Delete(gone, i, i+1)
		}
		added = left
		return nil
	}
	// A generated object is the same by another name.
	if err := match(change.Changed, func(before, after *manifest.Object) bool {
		stem := wasStems[[2]string{before.Kind, before.Name}]
		return stem != "" && before.Kind == after.Kind && before.Namespace == after.Namespace && stem == isStems[[2]string{after.Kind, after.Name}]
	}); err != nil {
		return out, err
	}
	if old != nil && new != nil {
		renames := map[[2]*manifest.Object]bool{}
		for _, r := range difference.Match(gone, added) {
			renames[[2]*manifest.Object{r.Old, r.New}] = true
		}
		if err := match(change.Renamed, func(before, after *manifest.Object) bool { return renames[[2]*manifest.Object{before, after}] }); err != nil {
			return out, err
		}
	}
	for _, o := range added {
		if err := add(change.Added, nil, o); err != nil {
			return out, err
		}
	}
	for _, o := range gone {
		if err := add(change.Removed, o, nil); err != nil {
			return out, err
		}
	}
	return out, nil
}

// same reports whether two objects say the same, what nobody here can read included.
func same(a, b *manifest.Object) bool {
	return a == b || a.Digest() == b.Digest() && bytes.Equal(a.Written(), b.Written())
}

// written is an object of a target as it was rendered, before anything was filled in.
func written(t *Target, o *manifest.Object) *manifest.Object {
	if t == nil {
		return o
	}
	return cmp.Or(t.was[o], o)
}

// lineOf is where a field is set: in a text of several lines, the first that differs.
func lineOf(t *check.Target, object *manifest.Object, path manifest.Path, lines []difference.Line, of func(difference.Line) (int, bool)) manifest.Position {
	for _, l := range lines {
		if n, differs := of(l); differs && n > 0 {
			if at := t.Origin(object, append(slices.Clone(path), manifest.Line(n))); !at.IsZero() {
				return at.Position
			}
			break
		}
	}
	return t.Origin(object, path).Position
}

// driver is the gate of the side after, or else the one that there is.
func (c *comparing) driver() *Gate {
	if c.is != nil {
		return c.is
	}
	return c.was
}

// conclude puts both sides' findings beside each other.
func (c *comparing) conclude(ctx context.Context, was, is *running, differs []change.Rendered, failures [][2]error) (report.Report, error) {
	with := &report.Comparison{Set: change.Of(change.Side{Name: c.before.Name, Commit: c.before.Commit}, change.Side{Name: c.after.Name, Commit: c.after.Commit}, differs, c.options.All)}
	if c.options.Unjudged {
		var err error
		with.Syncs, err = c.syncs(ctx, differs, func(string, manifest.ID) bool { return false })
		return c.unjudged(with, was, is, failures), err
	}
	var stood report.Report
	if was != nil {
		var err error
		if stood, err = c.was.conclude(ctx, was.round, was.outcomes, c.was.renderer); err != nil {
			return stood, err
		}
	}
	if is == nil {
		with.Mended = stood.Findings
		var err error
		if with.Syncs, err = c.syncs(ctx, differs, refusals(stood)); err != nil {
			return stood, err
		}
		return report.Report{
			Version: c.options.Version, Dir: c.after.Dir, Checks: stood.Checks, ReadFile: c.reading(stood.ReadFile), Comparison: with,
			Errors: stood.Errors,
		}, nil
	}
	now := map[string]string{}
	for is, was := range c.moved {
		now[was] = is
	}
	c.is.standing = []check.Recorded{}
	for _, e := range check.Record(slices.Concat(stood.Findings, stood.Passed)) { // what its baseline lets pass stood there too
		for i, target := range e.Targets {
			e.Targets[i] = cmp.Or(now[target], target)
		}
		c.is.standing = append(c.is.standing, e)
	}
	out, err := c.is.conclude(ctx, is.round, is.outcomes, c.is.renderer)
	if err != nil {
		return out, err
	}
	out.Comparison, out.ReadFile = with, c.reading(out.ReadFile)
	with.Standing = c.is.stood.Standing
	settled := map[check.Fingerprint]map[string]bool{}
	for _, m := range c.is.stood.Settled {
		for _, target := range m.In {
			if settled[m.Fingerprint] == nil {
				settled[m.Fingerprint] = map[string]bool{}
			}
			settled[m.Fingerprint][target] = true
		}
	}
	for _, f := range stood.Findings {
		if slices.ContainsFunc(f.Places(), func(p check.Place) bool {
			each := f
			each.Place = p
			return settled[check.FingerprintOf(each)][cmp.Or(now[p.Target], p.Target)]
		}) {
			with.Mended = append(with.Mended, f)
		}
	}
	if with.Syncs, err = c.syncs(ctx, differs, refusals(out)); err != nil {
		return out, err
	}
	out.Notes = append(append(append(out.Notes, c.stands(with)...), c.silenced(with, stood.Passed)...), c.unlist()...)
	for _, e := range stood.Errors {
		if !slices.ContainsFunc(failures, func(failed [2]error) bool { return failed[0] != nil }) || e.Target == "" {
			out.Notes = append(out.Notes, report.Note{About: "against", Message: fmt.Sprintf("not all of %s could be checked, so more may be told as brought than the change brings: %s", with.Before.Shown(), e)})
		}
	}
	c.excuse(&out, failures)
	return out, nil
}

// excuse takes out of a report what could not be rendered before either, for the same reason, and tells what could not be
// rendered before: that is no fault of the change. What nobody can know from git's objects stays one.
func (c *comparing) excuse(out *report.Report, failures [][2]error) {
	for at, failed := range failures {
		path := c.paths[at]
		var unread *submoduleError
		if errors.As(failed[1], &unread) {
			out.Errors = slices.DeleteFunc(out.Errors, func(f report.Failure) bool { return f.Target == path })
			out.Errors = append(out.Errors, unread.failures(path, c.after)...)
		}
		if failed[0] == nil {
			continue
		}
		old := Failures(path, failed[0])
		if errors.As(failed[0], &unread) {
			for _, f := range unread.failures(path, c.before) {
				if f.Source.File != "" {
					f.Source.File += "@" + c.before.Name
				}
				out.Errors = append(out.Errors, f)
			}
			continue
		}
		either := ""
		if failed[1] != nil {
			if !sameFailures(c.before.Name, old, Failures(path, failed[1])) {
				continue
			}
			either = " either"
			out.Errors = slices.DeleteFunc(out.Errors, func(f report.Failure) bool { return f.Target == path })
		}
		for _, f := range old {
			out.Notes = append(out.Notes, report.Note{About: "against", Message: fmt.Sprintf("%s could not be rendered in %s%s, so what changes of it is not known: %s",
				f.Target, out.Comparison.Before.Shown(), either, strings.TrimPrefix(f.Message, c.before.Name+": "))})
		}
	}
}

// unjudged is the report of what changes, and of nothing that is found.
func (c *comparing) unjudged(with *report.Comparison, was, is *running, failures [][2]error) report.Report {
	with.Unjudged = true
	out := report.Report{Version: c.options.Version, Dir: c.after.Dir, Comparison: with, ReadFile: c.reading(c.driver().renderer.ReadFile), Notes: c.unlist()}
	for _, t := range with.Targets {
		out.Asked = append(out.Asked, t.Path)
	}
	side := is
	if side == nil {
		side = was
	}
	for _, o := range side.outcomes {
		if o.err != nil {
			out.Errors = append(out.Errors, Failures(o.path, o.err)...)
		}
	}
	if is != nil {
		c.excuse(&out, failures)
	}
	return out
}

// silenced says what the side before found and the change has an exemption or the baseline let pass: it is there still. passed is
// what the baseline let pass before.
func (c *comparing) silenced(with *report.Comparison, passed []check.Finding) []report.Note {
	before := map[check.Fingerprint]bool{}
	for _, e := range check.Record(passed) {
		before[e.Fingerprint] = true
	}
	var names []string
	for _, e := range check.Record(c.is.stood.Silenced) {
		if name := e.Fingerprint.String(); !before[e.Fingerprint] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil
	}
	said := fmt.Sprintf("what %s found is there still and let pass from now on, by exemptions or the baseline: ", with.Before.Shown())
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return []report.Note{{About: "against", Message: said + strings.Join(names, ", ")}}
}

// stands says what is left out because both sides have it.
func (c *comparing) stands(with *report.Comparison) []report.Note {
	if with.Alone = c.options.Alone; !with.Alone || len(with.Standing) == 0 {
		return nil
	}
	said := fmt.Sprintf("%d findings that %s has as well are left out: a run without --against tells them", len(with.Standing), with.Before.Shown())
	if len(with.Standing) == 1 {
		said = fmt.Sprintf("1 finding that %s has as well is left out: a run without --against tells it", with.Before.Shown())
	}
	return []report.Note{{About: "against", Message: said}}
}

// sameFailures reports whether both sides fail for the same reason, wherever it stands.
func sameFailures(revision string, old, new []report.Failure) bool {
	reasons := func(failures []report.Failure) map[string]bool {
		all := map[string]bool{}
		for _, f := range failures {
			all[f.Source.File+strings.TrimPrefix(f.Message, revision+": ")] = true
		}
		return all
	}
	return reflect.DeepEqual(reasons(old), reasons(new))
}

// reading reads files of the side before as well, by the names that messages give them.
func (c *comparing) reading(now func(file string) ([]byte, error)) func(file string) ([]byte, error) {
	return func(file string) ([]byte, error) {
		if name, ok := strings.CutSuffix(file, "@"+c.before.Name); ok {
			return c.before.ReadFile(name)
		}
		return now(file)
	}
}
