package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// delivered is what a sync looks at of a target.
type delivered struct {
	in    []deliveredIn // each place that either side brings it to, the one that is told first
	known bool          // both sides were rendered
	named bool          // the side before had it too, and its kgate.yaml did not name it: who deployed it has it in the cluster
	parts []string      // directories whose objects either side of the target has as they are rendered alone
}

// deliveredIn is the same in one place.
type deliveredIn struct {
	was, is string // the namespaces that its objects are put in
	objects []argocd.Object
	changed bool
	dirs    map[*manifest.Object][]string // of kustomizations that each came through; nil where that is not known
}

// deliveredOf keeps of a target that was compared what a sync of it rests on: what changes, and of the rest the outlines.
func (c *comparing) deliveredOf(p inPlace, compared change.Rendered) deliveredIn {
	d, new := deliveredIn{was: p.first, is: p.later, dirs: map[*manifest.Object][]string{}}, p.new
	for _, t := range []*Target{p.old, p.new} {
		if !d.through(t) {
			d.dirs = nil
			break
		}
	}
	changed := map[*manifest.Object]bool{}
	note := func(o argocd.Object) {
		o.Changed, d.changed = true, true
		if o.New != nil {
			o.Source = o.New.Source
		} else if o.Source = o.Old.Source; o.Source.File != "" {
			o.Source.File += "@" + c.before.Name
		}
		d.objects = append(d.objects, o)
	}
	for _, o := range compared.Objects {
		var fields []argocd.Field
		for _, f := range o.Changes {
			if f.Equal == "" || f.Equal == difference.Suffix {
				field := argocd.Field{Old: f.OldPath, New: f.Path}
				if f.Removed {
					field.New = nil
				}
				fields = append(fields, field)
			}
		}
		apart := o.Old != nil && o.New != nil && (o.Old.Kind != o.New.Kind || o.Old.Group() != o.New.Group() || o.Old.Namespace != o.New.Namespace || o.Old.Name != o.New.Name)
		switch {
		case o.Kind == change.Changed && len(fields) == 0 && !apart:
			continue
		case apart: // a cluster knows two objects
			note(argocd.Object{New: o.New})
			note(argocd.Object{Old: o.Old, Succeeded: o.Kind == change.Changed})
		default:
			note(argocd.Object{Old: o.Old, New: o.New, Fields: fields})
		}
		changed[o.Old], changed[o.New] = true, true
	}
	if new == nil {
		return d
	}
	for _, o := range new.Objects {
		if !changed[o] {
			same := argocd.Outline(o)
			d.objects = append(d.objects, argocd.Object{Old: same, New: same, Source: o.Source})
			if d.dirs != nil {
				d.dirs[same] = d.dirs[o]
			}
		}
	}
	return d
}

// through notes the directories that the objects of a target came through; false where that is not known. Nothing that is done to
// objects once they are rendered changes how many there are, or their order.
func (d *deliveredIn) through(t *Target) bool {
	if t == nil {
		return true
	}
	if t.Result.Root == nil || t.Result.OwnSchema() || len(t.Result.Objects) != len(t.Objects) {
		return false
	}
	for i, o := range t.Objects {
		dirs, known := t.Result.Through(t.Result.Objects[i])
		if !known {
			return false
		}
		d.dirs[o] = dirs
	}
	return true
}

// syncs are what Argo CD does with the change, by Application. refused are the objects whose update the server refuses, as
// findings say.
func (c *comparing) syncs(ctx context.Context, differs []change.Rendered, refused func(target string, id manifest.ID) bool) ([]argocd.Sync, error) {
	touches := slices.ContainsFunc(differs, func(t change.Rendered) bool { return t.Kind != change.Equal && len(t.Objects) > 0 })
	if c.options.Alone || !touches && !c.hasSets() {
		return nil, nil
	}
	defer activity.Begin(ctx, "looking for what Argo CD syncs")()
	var sides [2][]application
	var projects argocd.Projects
	for i, g := range []*Gate{c.was, c.is} {
		if g == nil {
			continue
		}
		// What cannot be rendered says so where it is compared.
		found, _ := g.Applications(ctx, false)
		if g == c.is {
			projects = found.Projects
		}
		sides[i] = eachOf(found.All)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	// One that no target renders any more, and whose file is still there, is gone as well.
	sides[1] = slices.DeleteFunc(sides[1], func(a application) bool {
		return a.in == nil && slices.ContainsFunc(sides[0], func(b application) bool { return b.in != nil && sameApplication(a, b) })
	})
	apart := c.argoCDs(ctx)
	several := func(a *application) bool {
		return slices.ContainsFunc(sides[:], func(side []application) bool {
			count := 0
			for i := range side {
				if sameApplication(side[i], *a) {
					count++
				}
			}
			return count > 1
		})
	}
	var all []argocd.Sync
	for _, pair := range c.paired(sides[0], sides[1]) {
		old, new := pair[0], pair[1]
		stays := c.stays(ctx, old, new)
		if stays != "" && new != nil {
			same := *new
			same.Object, same.Sources = old.Object, old.Sources
			new = &same
		}
		if stays != "" && new == nil {
			kept := argocd.Deployed{Old: old.Object, New: old.Object, Source: old.Locate(nil), Holds: []string{stays}}
			kept.Source.File += "@" + c.before.Name
			s, _ := kept.Plan()
			all = append(all, s)
			continue
		}
		d, ok, err := c.deployedBy(ctx, old, new, sides[0], apart, refused)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		of := new
		if new != nil {
			d.Project = projects.Named(cmp.Or(manifest.TextAt(new.Object.Value, "spec", "project"), "default"), new.tree())
		} else {
			of = old
			if heir := twin(c.was, old, c.is, sides[1], apart); heir != nil {
				d.Heir = heir.Object.Name
			}
		}
		s, does := d.Plan()
		if !does {
			continue
		}
		if several(of) {
			s.In = []string{of.tree()}
		}
		// What several Argo CDs do alike is one.
		if i := slices.IndexFunc(all, func(other argocd.Sync) bool {
			other.In = s.In
			return reflect.DeepEqual(other, s)
		}); i >= 0 && s.In != nil {
			all[i].In = append(all[i].In, s.In...)
			continue
		}
		all = append(all, s)
	}
	return all, nil
}

// stays says why an Application of an ApplicationSet stays as it was; "" where it is as it was, and where it does not stay.
func (c *comparing) stays(ctx context.Context, old, new *application) string {
	if c.is == nil || old == nil || old.Set == nil || new != nil && (new.Set == nil || new.Object.Digest() == old.Object.Digest()) {
		return ""
	}
	deployers, err := c.is.placing.deployers(ctx)
	if err != nil {
		return "" // which says so where a target is placed
	}
	return deployers.Stays(old.Set.ID, new != nil)
}

// hasSets reports whether there may be ApplicationSets: what they make follows files that no target is made of.
func (c *comparing) hasSets() bool {
	return slices.ContainsFunc([]*Gate{c.was, c.is}, func(g *Gate) bool {
		return g != nil && slices.ContainsFunc(g.renderable(), func(target string) bool { return g.renderer.Mentions(target, argoSign, "ApplicationSet") })
	})
}

// application is an Application as a target renders it. Where each cluster has an Argo CD of its own, several targets render
// different ones of a name.
type application struct {
	coverage.Application
	in *check.Target // nil for one of a file that no target reads
}

// tree is the target that renders the Application, or the file of no target that holds it.
func (a application) tree() string {
	if a.in == nil {
		return a.File
	}
	return a.in.Path
}

// eachOf are the Applications, once for each target that renders them. One of a target that another one builds upon is not there:
// who renders it last deploys it. Nor is one of a directory of manifests that a target above it takes in.
func eachOf(found []coverage.Application) []application {
	var all []application
	for _, a := range found {
		if a.Target == nil {
			all = append(all, application{Application: a})
		}
		for _, r := range a.Renderings() {
			one := application{Application: a, in: r.Target}
			one.Target, one.Set = r.Target, r.Set
			all = append(all, one)
		}
	}
	takesIn := func(above, dir *check.Target) bool {
		within := above.Path == "." || strings.HasPrefix(dir.Path, above.Path+"/")
		return above != dir && (slices.Contains(above.Reading.Layers, dir.Path) || within && len(above.Reading.Layers)+len(dir.Reading.Layers) == 0)
	}
	return slices.DeleteFunc(slices.Clone(all), func(a application) bool {
		return slices.ContainsFunc(all, func(b application) bool {
			return sameApplication(a, b) && b.in != nil && (a.in == nil || takesIn(b.in, a.in))
		})
	})
}

// paired are the Applications of both sides, those that are one and the same together, in the order of the side after: of one
// name, and of the same target, or else the ones that are left of the name.
func (c *comparing) paired(before, after []application) [][2]*application {
	taken := map[int]bool{}
	of := make([]int, len(after))
	take := func(fits func(old, new application) bool) {
		for i := range after {
			if of[i] >= 0 {
				continue
			}
			for j := range before {
				if !taken[j] && sameApplication(before[j], after[i]) && fits(before[j], after[i]) {
					of[i], taken[j] = j, true
					break
				}
			}
		}
	}
	for i := range of {
		of[i] = -1
	}
	take(func(old, new application) bool { return old.tree() == c.then(new.tree()) })
	take(func(old, new application) bool {
		was, _ := c.was.dirs(&old)
		now, _ := c.is.dirs(&new)
		return len(now) > 0 && slices.Equal(was, now) && sameDestination(old, new)
	})
	take(func(application, application) bool { return true })
	var all [][2]*application
	for i := range after {
		pair := [2]*application{nil, &after[i]}
		if of[i] >= 0 {
			pair[0] = &before[of[i]]
		}
		all = append(all, pair)
	}
	for j := range before {
		if !taken[j] {
			all = append(all, [2]*application{&before[j], nil})
		}
	}
	return all
}

// argoCDs tells of two Applications whether different Argo CDs have them. What tells is found when somebody asks.
func (c *comparing) argoCDs(ctx context.Context) func(a, b *application) bool {
	environment := c.driver().repository.Config.Environment
	return func(a, b *application) bool {
		left, right := a.tree(), b.tree()
		if left == right {
			return false
		}
		if of, with := environment(left), environment(right); of != nil && with != nil {
			return of.Name != with.Name
		}
		return slices.ContainsFunc([]*Gate{c.was, c.is}, func(g *Gate) bool {
			if g == nil {
				return false
			}
			d, err := g.placing.deployers(ctx)
			return err == nil && d.Rivals(left, right)
		})
	}
}

// of finds the target that renders a directory that an Application deploys, as itself or as a part.
func (c *comparing) of(dir string, then bool) (at int, found bool) {
	for i, path := range c.paths {
		if then && c.then(path) == dir || !then && path == dir {
			return i, true
		}
	}
	for i := range c.paths {
		if slices.Contains(c.delivered[i].parts, dir) {
			return i, true
		}
	}
	return 0, false
}

// part are those of the objects of a target that a directory has which the target reads, or all of the target's own.
func (c *comparing) part(ctx context.Context, at int, in deliveredIn, dir string) ([]argocd.Object, error) {
	if path := c.paths[at]; dir == path || dir == c.then(path) {
		return in.objects, nil
	}
	if dirs := in.dirs; dirs != nil {
		return slices.DeleteFunc(slices.Clone(in.objects), func(o argocd.Object) bool {
			return !slices.Contains(dirs[o.Old], dir) && !slices.Contains(dirs[o.New], dir)
		}), nil
	}
	type name struct{ group, kind, name string }
	sides := [2]map[name][]string{{}, {}} // the namespaces
	for i, g := range []*Gate{c.was, c.is} {
		if g == nil {
			continue
		}
		result, err := g.renderer.Render(ctx, dir)
		if err != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			continue // the side does not have it
		}
		for _, o := range result.Objects {
			is := name{o.Group(), o.Kind, o.Name}
			sides[i][is] = append(sides[i][is], o.Namespace)
		}
	}
	has := func(side map[name][]string, o *manifest.Object) bool {
		return o != nil && slices.ContainsFunc(side[name{o.Group(), o.Kind, o.Name}], func(namespace string) bool { return namespace == "" || namespace == o.Namespace })
	}
	return slices.DeleteFunc(slices.Clone(in.objects), func(o argocd.Object) bool { return !has(sides[0], o.Old) && !has(sides[1], o.New) }), nil
}

func sameApplication(a, b application) bool {
	return a.Object.Name == b.Object.Name && a.Object.Namespace == b.Object.Namespace
}

func sameDestination(a, b application) bool {
	of := func(a application) any { return manifest.At(a.Object.Value, "spec", "destination") }
	return reflect.DeepEqual(of(a), of(b))
}

// dirs are the directories of this repository that an Application deploys and kgate renders, its charts as the target that they are,
// and whether it deploys something else besides.
func (g *Gate) dirs(a *application) (here []string, elsewhere bool) {
	if a == nil || g == nil {
		return nil, false
	}
	charts := g.charts.of(a.Application)
	for _, s := range a.Sources {
		switch {
		case charts != nil && s.Type == "helm":
			if !slices.Contains(here, charts.path) {
				here = append(here, charts.path)
			}
		case s.Dir != "" && (s.Type == "kustomize" || s.Type == "directory"):
			here = append(here, s.Dir)
		case manifest.TextAt(s.Value, "ref") != "" && manifest.TextAt(s.Value, "path") == "" && manifest.TextAt(s.Value, "chart") == "":
		default:
			elsewhere = true
		}
	}
	return here, elsewhere
}

// deployedBy puts together what an Application deploys on both sides; false where that does not change.
func (c *comparing) deployedBy(ctx context.Context, old, new *application, before []application, apart func(a, b *application) bool, refused func(string, manifest.ID) bool) (d argocd.Deployed, touched bool, err error) {
	if old != nil {
		d.Old, d.Source = old.Object, old.Locate(nil)
		if d.Source.File != "" {
			d.Source.File += "@" + c.before.Name
		}
	}
	if new == nil {
		was, elsewhere := c.was.dirs(old)
		d.Missing = c.missing(old)
		for _, dir := range was {
			at, found := c.of(dir, true)
			if !found || !c.delivered[at].known {
				elsewhere = true
				continue
			}
			from := old.goesTo(dir)
			objects, err := c.part(ctx, at, c.delivered[at].of(&from, nil), dir)
			if err != nil {
				return d, false, err
			}
			d.Targets = append(d.Targets, c.paths[at])
			d.Objects = append(d.Objects, objects...)
		}
		if elsewhere {
			d.Objects = nil // nobody here knows how many there are
		}
		return d, true, nil
	}
	d.New, d.Source = new.Object, new.Locate(nil)
	now, elsewhere := c.is.dirs(new)
	was, _ := c.was.dirs(old)
	if old != nil && len(was) == 1 && len(now) == 1 && !elsewhere && was[0] != c.then(now[0]) {
		return c.redirected(ctx, d, old, new, was[0], now[0])
	}
	moved := false
	for i, dir := range now {
		at, found := c.of(dir, false)
		if !found {
			elsewhere = true
			continue
		}
		if !c.delivered[at].known {
			if !c.equal[c.paths[at]] {
				return d, false, nil // what is not compared is told
			}
			if old == nil {
				d.Targets, elsewhere = append(d.Targets, c.paths[at]), true // nobody here knows what there is in it
			}
			continue
		}
		if c.delivered[at].named && old != nil {
			return d, false, nil
		}
		moved = moved || old != nil && (len(was) != len(now) || was[i] != c.then(dir))
		if !slices.Contains(d.Targets, c.paths[at]) {
			d.Targets = append(d.Targets, c.paths[at])
		}
		to, from := new.goesTo(dir), (*string)(nil)
		if old != nil {
			text := old.goesTo(c.then(dir))
			from = &text
		}
		in := c.delivered[at].of(from, &to)
		if !in.changed && old != nil && len(now) == 1 && !moved {
			return d, false, nil
		}
		objects, err := c.part(ctx, at, in, dir)
		if err != nil {
			return d, false, err
		}
		for _, o := range objects {
			touched = touched || o.Changed
			o.Refused = o.Old != nil && o.New != nil && o.Changed && refused(c.paths[at], o.New.ID)
			d.Objects = append(d.Objects, c.placed(o, in.is, to))
		}
	}
	moved = moved || old != nil && len(was) != len(now)
	if len(now) > 1 && !moved {
		d.Objects = united(d.Objects)
		touched = touched && slices.ContainsFunc(d.Objects, func(o argocd.Object) bool { return o.Changed })
	}
	switch {
	case len(d.Targets) == 0:
		return d, false, nil
	case moved:
		d.Objects = nil
		d.Holds = append(d.Holds, fmt.Sprintf("it deploys %s instead of %s: what was deployed and is not there any more is pruned, or stays", strings.Join(now, ", "), strings.Join(was, ", ")))
		return d, true, nil
	case old == nil:
		c.begins(&d, new, before, apart)
		touched = true
	}
	d.Holds = append(d.Holds, held(old, new)...)
	if len(d.Holds) > 0 {
		d.Objects = nil
	}
	if elsewhere {
		d.Notes = append(d.Notes, "it has sources besides that kgate does not render, with steps of their own")
	}
	if why := c.is.editing.why(now); why != "" {
		d.Notes = append(d.Notes, why)
	}
	return d, touched, nil
}

// united are the objects of several sources of one Application, which Argo CD compares as one list: what one of them has no longer and
// another has from now on is where it was.
func united(objects []argocd.Object) []argocd.Object {
	added := map[manifest.ID]int{}
	for i, o := range objects {
		if o.Old == nil {
			added[o.New.ID] = i
		}
	}
	gone := map[int]bool{}
	for i, o := range objects {
		if o.New != nil {
			continue
		}
		if at, ok := added[o.Old.ID]; ok {
			objects[at].Old, objects[at].Changed = o.Old, !reflect.DeepEqual(o.Old.Value, objects[at].New.Value)
			gone[i] = true
		}
	}
	var all []argocd.Object
	for i, o := range objects {
		if !gone[i] {
			all = append(all, o)
		}
	}
	return all
}

// redirected puts together what an Application deploys that has another directory than it had: what both have by the same name is one
// object in the cluster.
func (c *comparing) redirected(ctx context.Context, d argocd.Deployed, old, new *application, was, now string) (argocd.Deployed, bool, error) {
	instead := fmt.Sprintf("it deploys %s instead of %s", now, was)
	d.Targets = []string{now}
	if at, found := c.of(now, false); found {
		d.Targets = []string{c.paths[at]}
	}
	then, err := c.was.Render(ctx, was)
	var is *Target
	if err == nil {
		is, err = c.is.Render(ctx, now)
	}
	if held := held(old, new); err != nil || len(held) > 0 {
		d.Holds = append([]string{instead + ": what was deployed and is not there any more is pruned, or stays"}, held...)
		return d, true, ctx.Err()
	}
	from, to := old.goesTo(was), new.goesTo(now)
	p := inPlace{old: then.to(from), new: is.to(to), wasIn: true, isIn: true, first: from, later: to}
	compared, err := c.differ(ctx, now, p.old, p.new, p.new)
	if err != nil {
		return d, false, err
	}
	d.Objects = c.deliveredOf(p, compared).objects
	d.Notes = append(d.Notes, instead)
	if why := c.is.editing.why([]string{now}); why != "" {
		d.Notes = append(d.Notes, why)
	}
	return d, true, nil
}

// missing are the directories that an Application takes from a branch and that the side after has no more.
func (c *comparing) missing(a *application) []string {
	var gone []string
	for _, s := range a.Sources {
		if s.Dir == "" || coverage.IsFixed(manifest.TextAt(s.Value, "targetRevision")) {
			continue
		}
		if _, err := fs.Stat(c.after.FS, s.Dir); errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, s.Dir)
		}
	}
	return gone
}

// twin is the one of others that deploys the same directories to the same place as an Application; nil for none.
func twin(of *Gate, a *application, with *Gate, others []application, apart func(a, b *application) bool) *application {
	here, elsewhere := of.dirs(a)
	if len(here) == 0 || elsewhere {
		return nil
	}
	for i := range others {
		there, elsewhere := with.dirs(&others[i])
		if !elsewhere && sameDestination(others[i], *a) && slices.Equal(there, here) && !apart(&others[i], a) {
			return &others[i]
		}
	}
	return nil
}

// begins is for an Application that is new: nothing of it is in the cluster, unless another one deployed the same there.
func (c *comparing) begins(d *argocd.Deployed, new *application, before []application, apart func(a, b *application) bool) {
	if was := twin(c.is, new, c.was, before, apart); was != nil {
		d.Notes = append(d.Notes, fmt.Sprintf("Application %s deployed the same to the same cluster", was.Object.Name))
		return
	}
	for i := range d.Objects {
		d.Objects[i].Old, d.Objects[i].Changed, d.Objects[i].Refused = nil, true, false
	}
	d.Objects = slices.DeleteFunc(d.Objects, func(o argocd.Object) bool { return o.New == nil })
}

// placed is an object in the namespace that an Application brings it to, where the target is known in another one alone.
func (c *comparing) placed(o argocd.Object, in, to string) argocd.Object {
	move := func(object *manifest.Object) *manifest.Object {
		if object == nil || in == "" || object.Namespace != in || to == "" || to == in {
			return object
		}
		moved := object.Again()
		moved.Namespace = to
		return moved
	}
	o.Old, o.New = move(o.Old), move(o.New)
	return o
}

// held says why a change of this repository's files does not reach an Application, or another one does.
func held(old, new *application) []string {
	var all []string
	revision := func(a *application, i int) string {
		if a == nil || i >= len(a.Sources) || a.Sources[i].Dir == "" {
			return ""
		}
		return manifest.TextAt(a.Sources[i].Value, "targetRevision")
	}
	for i := range new.Sources {
		is, was := revision(new, i), revision(old, i)
		switch {
		case old != nil && was != is && new.Sources[i].Dir != "" && (coverage.IsFixed(is) || coverage.IsFixed(was)):
			all = append(all, fmt.Sprintf("targetRevision %s → %s: it gets what that revision has", shownRevision(was), shownRevision(is)))
		case coverage.IsFixed(is):
			all = append(all, fmt.Sprintf("it stays at targetRevision %s: the change to the files does not reach it", is))
		}
	}
	if manifest.At(new.Object.Value, "spec", "sourceHydrator") != nil {
		all = append(all, "what it syncs is written by the source hydrator first, to "+path.Join(
			manifest.TextAt(new.Object.Value, "spec", "sourceHydrator", "syncSource", "targetBranch"), manifest.TextAt(new.Object.Value, "spec", "sourceHydrator", "syncSource", "path")))
	}
	return all
}

func shownRevision(name string) string {
	if name == "" {
		return "HEAD"
	}
	return name
}

// refusals tells of objects of targets whether a finding says that the API server, or an operator's webhook, refuses their update.
func refusals(out report.Report) func(target string, id manifest.ID) bool {
	type object struct {
		target string
		id     manifest.ID
	}
	all := map[object]bool{}
	note := func(f check.Finding) {
		if strings.HasPrefix(f.Check, "admission/update") && f.Severity == check.Error {
			for _, p := range f.Places() {
				if p.Object != nil {
					all[object{p.Target, *p.Object}] = true
				}
			}
		}
	}
	for _, f := range slices.Concat(out.Findings, out.Passed) {
		note(f)
		for _, follows := range f.Follows {
			note(follows)
		}
	}
	for _, e := range out.Exempted {
		note(e.Finding)
	}
	return func(target string, id manifest.ID) bool { return all[object{target, id}] }
}
