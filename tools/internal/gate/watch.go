package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/watch"
)

// Watch judges a repository of the file system, and judges again whatever changes touch.
type Watch struct {
	Args    []string // what to check, as Locate takes it; none is everything
	Options Options
	Limits  Limits                 // of opening the gate, and of each run
	Ignored func(path string) bool // files whose change is none, such as reports; nil for none
	Changes <-chan watch.Batch     // nil for those of the repository and of Options.Policies
}

// Event is what a watch tells: Opened, Changed or Judged.
type Event interface{ event() }

type (
	// Opened begins a watch.
	Opened struct{ Repository *repo.Repo }
	// Changed is a change that makes another run.
	Changed struct{ What string } // for a reader
	// Judged is a run. It may be of less than it seems: what is kept of the runs before is not rendered again.
	Judged struct {
		Report            report.Report
		Rendered, Targets int
		Began             time.Time
	}
)

func (Opened) event()  {}
func (Changed) event() {}
func (Judged) event()  {}

// Run sends events until the context ends, which is no error, or the handler returns one.
func (w Watch) Run(ctx context.Context, handle func(Event) error) error {
	if slices.Contains(w.Args, kustomization.Stdin) {
		return errors.New("--watch: standard input does not change: name files or directories")
	}
	if w.Ignored == nil {
		w.Ignored = func(string) bool { return false }
	}
	changes := w.Changes
	if changes == nil {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		var err error
		if changes, err = w.changes(ctx); err != nil {
			return err
		}
	}
	var g *Gate
	err := w.Limits.Within(ctx, func(ctx context.Context) (err error) {
		repository, targets, err := Locate(ctx, w.Args, "")
		if err != nil {
			return err
		}
		options := w.Options
		options.Targets = targets
		g, err = open(ctx, repository, options) // its repository changes
		return err
	})
	if err != nil {
		return err
	}
	l := &lasting{Gate: g, ignored: w.Ignored, tell: handle}
	defer func() { _ = l.Close() }() // a temporary folder that cannot be removed changes no verdict
	if err := handle(Opened{g.repository}); err != nil {
		return err
	}
	began := time.Now()
	var out report.Report
	err = w.Limits.Within(ctx, func(ctx context.Context) (err error) {
		out, err = l.first(ctx)
		return err
	})
	for {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := handle(Judged{out, len(l.again), len(l.paths), began}); err != nil {
			return err
		}
		for again := false; !again; {
			batch, open := <-changes
			if !open {
				return nil
			}
			if batch.Err != nil {
				return batch.Err
			}
			began = time.Now()
			if err = w.Limits.Within(ctx, func(ctx context.Context) (err error) {
				out, again, err = l.next(ctx, batch)
				return err
			}); err != nil {
				break
			}
		}
	}
}

// changes are those below the repository and the directories of rules, but in .git and node_modules. What changes while
// the first run reads is told afterwards.
func (w Watch) changes(ctx context.Context) (<-chan watch.Batch, error) {
	repository, _, err := Locate(ctx, w.Args, "")
	if err != nil {
		return nil, err
	}
	dirs := []string{repository.Dir}
	for _, dir := range w.Options.Policies {
		absolute, err := repo.Resolve(dir)
		if err != nil {
			return nil, fmt.Errorf("--policies: %w", err)
		}
		dirs = append(dirs, absolute)
	}
	return watch.Directories(ctx, dirs, func(name string) bool { return name == ".git" || name == "node_modules" })
}

// lasting is a gate that goes from run to run. What a change does not touch is kept: rendered targets, the verdicts
// on objects that are the same text, compiled schemas and rules.
type lasting struct {
	*Gate
	ignored func(path string) bool
	tell    func(Event) error
	kept    map[string]*rendered // by path of the target
	valued  map[string]*rendered // targets that variables were looked up in, by path
	stale   error                // why the gate does not go with what is on the disk
	again   []string             // targets that the last run rendered

	redefined bool // what defines kinds outside of a target may be different from what the run before had
}

// rendered is a target, or why it could not be rendered.
type rendered struct {
	path   string
	target *Target
	err    error

	placed *Target // target where it is brought to
	of     *Target // what placed was made of
}

func (l *lasting) first(ctx context.Context) (report.Report, error) {
	l.kept, l.valued = map[string]*rendered{}, map[string]*rendered{}
	return l.run(ctx)
}

// next runs again if a batch touches what a verdict depends on, and reports whether it does.
func (l *lasting) next(ctx context.Context, batch watch.Batch) (report.Report, bool, error) {
	batch.Paths = slices.DeleteFunc(slices.Clone(batch.Paths), l.ignored)
	if len(batch.Paths) == 0 && !batch.All {
		return report.Report{}, false, nil
	}
	changed := l.inside(batch.Paths)
	if !l.touched(ctx, batch, changed) {
		return report.Report{}, false, nil
	}
	if err := l.tell(Changed{describeChange(l.repository.Dir, batch)}); err != nil {
		return report.Report{}, false, err
	}
	if l.stale = l.refresh(ctx, batch, changed); ctx.Err() != nil {
		return report.Report{}, false, ctx.Err()
	} else if l.stale != nil {
		l.again = nil
		// The report is of the run as a whole, so that no reader takes the one before for the present state.
		return report.Report{
			Version: l.options.Version, Checks: l.checks, Errors: Failures("", l.stale), Dir: l.repository.Dir, ReadFile: l.repository.ReadFile,
		}, true, nil
	}
	out, err := l.run(ctx)
	return out, true, err
}

// inside are the paths as the repository names them, without those that lie elsewhere.
func (l *lasting) inside(paths []string) []string {
	var names []string
	for _, p := range paths {
		if name, err := filepath.Rel(l.repository.Dir, p); err == nil && filepath.IsLocal(name) {
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

// touched reports whether a batch may change a verdict, and drops the targets that it may change.
func (l *lasting) touched(ctx context.Context, batch watch.Batch, changed []string) bool {
	if l.definitionsChanged(batch, changed) {
		l.redefined = true
	}
	touched := l.redefined || batch.All || l.stale != nil || slices.Contains(changed, repo.ConfigFile) || slices.Contains(changed, repo.BaselineFile) || l.rulesChanged(batch) || l.rootsChanged(changed) || l.unreadChanged(ctx, changed)
	for name, r := range l.kept {
		if batch.All || slices.ContainsFunc(changed, r.dependsOn) {
			l.redefined = l.redefined || r.defines()
			delete(l.kept, name)
			touched = true
		}
		// ApplicationSets make Applications of any directory and file.
		touched = touched || r.generates() && slices.ContainsFunc(changed, l.isUnread)
		// What fills a target in may stand in any manifest, or in a file that a manifest is generated from; the run looks whether
		// it has become another.
		touched = touched || r.filled() && slices.ContainsFunc(changed, func(name string) bool { return l.isUnread(name) || l.fills(name) })
	}
	return touched
}

// definitionsChanged reports whether the definitions that kgate.yaml and --crds name, or those of targets that nobody asked to
// watch, may be different.
func (l *lasting) definitionsChanged(batch watch.Batch, changed []string) bool {
	if l.given.changed(l.repository, l.options.CRDs, changed) {
		return true
	}
	return l.outside.asked.Load() && (batch.All || slices.ContainsFunc(changed, func(name string) bool {
		if !repo.IsManifestFile(name) || slices.ContainsFunc(l.paths, func(path string) bool { r := l.kept[path]; return r != nil && r.dependsOn(name) }) {
			return false
		}
		text, err := l.repository.ReadFile(name)
		return l.outside.reads(name) || err == nil && bytes.Contains(text, []byte(definition.Kind.Kind))
	}))
}

// fills reports whether a target that variables were looked up in may be another one once something else stands at a path.
func (l *lasting) fills(name string) bool {
	for _, r := range l.valued {
		if r.dependsOn(name) {
			return true
		}
	}
	return false
}

// filled reports whether variables were looked up for the target.
func (r *rendered) filled() bool { return r.target != nil && r.target.filling != "" }

// generates reports whether the target renders ApplicationSets.
func (r *rendered) generates() bool { return r.target != nil && hasSet(&r.target.Target) }

// defines reports whether the target renders definitions.
func (r *rendered) defines() bool {
	return r.target != nil && slices.ContainsFunc(r.target.Objects, func(o *manifest.Object) bool { return definition.Defines(o).Kind != "" })
}

// dependsOn reports whether the target may render to something else once something else stands at a path.
func (r *rendered) dependsOn(path string) bool {
	if failed := (*kustomization.Error)(nil); errors.As(r.err, &failed) {
		return failed.DependsOn(path)
	}
	return r.err != nil || r.target.Result.DependsOn(path)
}

// ruleDirs are the directories of rules of one's own.
func (l *lasting) ruleDirs() []string {
	dirs := slices.Clone(l.options.Policies)
	for _, entry := range l.repository.Config.Policies {
		dirs = append(dirs, filepath.Join(l.repository.Dir, filepath.FromSlash(entry.Path)))
	}
	return dirs
}

// rulesChanged reports whether a directory of rules looks different.
func (l *lasting) rulesChanged(batch watch.Batch) bool {
	dirs := l.ruleDirs()
	return len(dirs) > 0 && (batch.All || slices.ContainsFunc(dirs, func(dir string) bool {
		at, err := repo.Resolve(dir)
		if err != nil {
			return true
		}
		return slices.ContainsFunc(batch.Paths, func(p string) bool {
			name, err := filepath.Rel(at, p)
			return err == nil && filepath.IsLocal(name) && slices.Contains([]string{".rego", ".yaml", ""}, path.Ext(p))
		})
	}))
}

// rootsChanged reports whether a directory with a kustomization may have come or gone.
func (l *lasting) rootsChanged(changed []string) bool {
	return slices.ContainsFunc(changed, func(name string) bool {
		if slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name)) {
			_, err := os.Lstat(filepath.Join(l.repository.Dir, filepath.FromSlash(name)))
			return (err == nil) != slices.Contains(l.facts.Roots, path.Dir(name))
		}
		return slices.ContainsFunc(l.facts.Roots, func(root string) bool { return root == name || strings.HasPrefix(root, name+"/") })
	})
}

// unreadChanged reports whether what no target reads may be different: which targets there are, and, where that is asked,
// what other manifests deploy and what is there to be deployed.
func (l *lasting) unreadChanged(ctx context.Context, changed []string) bool {
	if len(l.options.Targets) > 0 || !slices.ContainsFunc(changed, l.isUnread) {
		return false
	}
	if slices.ContainsFunc(l.checks, func(c *check.Check) bool { return c.Group() == coverage.Group }) {
		return true
	}
	selection, _, err := coverage.Select(ctx, l.repository, l.charts.further()...)
	return err != nil || !slices.Equal(selection.Targets, without(l.all, l.charts.names()))
}

// isUnread reports whether a path can be that of manifests, or of a directory of some.
func (l *lasting) isUnread(name string) bool {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if repo.PassedOver(dir) {
			return false
		}
	}
	if repo.IsManifestFile(name) || repo.IsKustomizationFile(path.Base(name)) || path.Ext(name) == ".jsonnet" {
		return true
	}
	info, err := os.Stat(filepath.Join(l.repository.Dir, filepath.FromSlash(name)))
	return err == nil && info.IsDir() || err != nil && path.Ext(name) == "" // a directory came, or may have gone
}

// refresh brings the session up to what is on the disk. After an error it is as it was.
func (l *lasting) refresh(ctx context.Context, batch watch.Batch, changed []string) (err error) {
	whole := l.stale != nil || batch.All
	next, repository := *l.Gate, *l.repository
	next.repository = &repository
	engines := *l.engines
	next.engines = &engines
	if whole || slices.Contains(changed, repo.ConfigFile) {
		if repository.Config, err = repo.LoadConfig(repository.FS); err != nil {
			return err
		}
	}
	if err := next.survey(ctx); err != nil {
		return err
	}
	if whole || l.rootsChanged(changed) {
		if next.facts.Roots, err = repository.Roots(ctx); err != nil {
			return err
		}
	}
	if l.rulesChanged(batch) || l.stale != nil && len(l.ruleDirs()) > 0 || !reflect.DeepEqual(repository.Config.Policies, l.repository.Config.Policies) {
		if engines.library, err = loadPoliciesOf(ctx, &repository, l.options.Policies); err != nil {
			return err
		}
	}
	if whole || l.redefined || slices.Contains(changed, repo.ConfigFile) {
		files, err := repository.DefinitionFiles(l.options.CRDs)
		if err != nil {
			return err
		}
		next.given = newGiven(files)
		l.redefined = true
	}
	if err := releases(repository.Config.Releases); err != nil {
		return err
	}
	if engines.minors, err = versions(l.options.Versions, repository.Config.KubernetesVersions); err != nil {
		return err
	}
	if !slices.Equal(engines.minors, l.engines.minors) {
		if engines.validator, err = schema.New(engines.minors); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, engines.Close())
			}
		}()
	}
	if engines.library != l.engines.library || engines.validator != l.engines.validator || !reflect.DeepEqual(next.facts, l.facts) ||
		!reflect.DeepEqual(repository.Config, l.repository.Config) {
		next.known = nil
	}
	if err := next.choose(); err != nil {
		return err
	}
	if err := engines.Prepare(ctx); err != nil {
		return err
	}
	if engines.validator != l.engines.validator {
		_ = l.engines.Close() // a temporary folder that cannot be removed changes no verdict
	}
	l.Gate = &next
	return nil
}

// run renders what is not kept and judges everything. What has not changed costs a look into a cache.
func (l *lasting) run(ctx context.Context) (report.Report, error) {
	renderer := Renderer(ctx, l.repository, strings.NewReader(""), l.options.LoadRestrictionsNone)
	if err := l.chart(ctx, renderer); err != nil {
		return report.Report{}, err
	}
	l.editing = l.newEditing(renderer, l.newFlux(renderer, nil))
	for path, r := range l.kept {
		// What an Application writes into a kustomization stands elsewhere, and nothing tells when it changes.
		if edits, err := l.editing.of(ctx, path); err != nil || edits != nil || r.target != nil && r.target.edited {
			delete(l.kept, path)
		}
	}
	kept := func(path string) *Target {
		if r := l.kept[path]; r != nil {
			return r.target
		}
		return nil
	}
	defined := l.outside
	l.outside, l.placing = l.newDefinitions(renderer, kept), l.newPlacing(renderer, kept)
	l.flux = l.newFlux(renderer, kept)
	for path, r := range l.kept {
		if (r.filled() || r.target != nil && l.flux.sets(ctx)) && l.flux.filling(ctx, path) != r.target.filling {
			l.redefined = l.redefined || r.defines()
			delete(l.kept, path)
		}
	}
	l.again = slices.DeleteFunc(slices.Clone(l.paths), func(path string) bool { return l.kept[path] != nil })
	fresh := make([]*rendered, len(l.again))
	if err := l.each(ctx, l.again, func(ctx context.Context, i int, path string) error {
		target, err := l.render(ctx, renderer, path)
		if err == nil {
			err = l.fit(ctx, target)
		}
		if err != nil {
			return err
		}
		fresh[i] = &rendered{path: path, target: target}
		return nil
	}, func(i int, err error) { fresh[i] = &rendered{path: l.again[i], err: err} }); err != nil {
		return report.Report{}, err
	}
	maps.Copy(l.valued, l.flux.looked)
	for _, r := range fresh {
		l.kept[r.path] = r
		l.redefined = l.redefined || r.defines()
	}
	maps.DeleteFunc(l.kept, func(path string, _ *rendered) bool { return !slices.Contains(l.paths, path) })
	if moved, err := l.outside.follow(ctx, defined); err != nil || moved {
		l.redefined = true // where it cannot be told now, nothing is kept
	}
	round := check.Begin(l.checks)
	round.Forget = l.engines.forget
	outcomes := make([]outcome, len(l.paths))
	var group sync.WaitGroup
	for i, path := range l.paths {
		r := l.kept[path]
		if r.err != nil {
			outcomes[i] = outcome{path: path, err: r.err}
			continue
		}
		if environment := l.repository.Config.Environment(path); !reflect.DeepEqual(environment, r.target.Environment) {
			target := *r.target
			target.Environment = environment
			r.target = &target // another target, about which nothing is known
		}
		r.target.Definitions = l.outside
		if l.redefined {
			l.engines.redefine(&r.target.Target)
		}
		if err := l.settle(ctx, r); err != nil {
			outcomes[i] = outcome{path: path, err: err}
			continue
		}
		r.placed.Mentions = l.mentions(&r.placed.Target)
		outcomes[i] = whole(&r.placed.Target)
		outcomes[i].note(r.target.Result)
		group.Go(func() { round.Judge(ctx, &r.placed.Target) })
	}
	group.Wait()
	out, err := l.conclude(ctx, round, outcomes, renderer)
	if err == nil {
		out.Status, err = l.runs(ctx, outcomes, renderer)
	}
	l.engines.sweep()
	l.redefined = false
	return out, err
}

// settle puts a target where it is brought to. Where that has not changed it is the same target, about which all is known.
func (l *lasting) settle(ctx context.Context, r *rendered) error {
	placed, err := l.placing.place(ctx, r.target)
	if err != nil {
		return err
	}
	if r.placed == nil || r.of != r.target || !slices.Equal(placed.places, r.placed.places) {
		r.placed, r.of = placed, r.target
	}
	for _, t := range append([]*check.Target{&r.placed.Target}, r.placed.Variants...) {
		t.Definitions = l.outside
		if l.redefined {
			l.engines.redefine(t)
		}
	}
	return nil
}

// describeChange names a change.
func describeChange(dir string, batch watch.Batch) string {
	switch {
	case batch.All:
		return "files changed"
	case len(batch.Paths) > 1:
		return fmt.Sprintf("%d files changed", len(batch.Paths))
	}
	name := batch.Paths[0]
	if inside, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(inside) {
		name = inside
	}
	return filepath.ToSlash(name) + " changed"
}
