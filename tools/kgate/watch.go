package main

import (
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
	"time"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/render"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/watch"
)

// watchTargets validates, and validates again whatever changes touch, until the context ends. It returns what the last
// report says.
func watchTargets(ctx context.Context, args []string, flags validateFlags, w *writer) error {
	if slices.Contains(args, render.Stdin) {
		return errors.New("--watch: standard input does not change: name files or directories")
	}
	// What changes while the first run reads is told afterwards.
	repository, _, err := locate(args)
	if err != nil {
		return err
	}
	dirs := []string{repository.Dir}
	for _, dir := range flags.policies {
		absolute, err := resolved(dir)
		if err != nil {
			return fmt.Errorf("--policies: %w", err)
		}
		dirs = append(dirs, absolute)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches, err := watch.Directories(ctx, dirs, func(name string) bool { return name == ".git" || name == "node_modules" })
	if err != nil {
		return err
	}
	return revalidate(ctx, args, flags, w, batches)
}

// resolved is an absolute path without symbolic links.
func resolved(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// revalidate is watchTargets for changes from anywhere.
func revalidate(ctx context.Context, args []string, flags validateFlags, w *writer, batches <-chan watch.Batch) error {
	var s *session
	err := flags.bounds.within(ctx, func(ctx context.Context) (err error) {
		s, err = open(ctx, args, flags)
		return err
	})
	if err != nil {
		return err
	}
	l := &lasting{session: s, args: args, flags: flags}
	defer func() { l.close() }()
	if err := keepWithin(w.outputs, s.repository.Dir); err != nil {
		return err
	}
	began := time.Now()
	verdict := errReported // an interrupted first run has checked nothing
	var out report.Report
	err = flags.bounds.within(ctx, func(ctx context.Context) (err error) {
		out, err = l.first(ctx, w)
		return err
	})
	for {
		if ctx.Err() != nil {
			return verdict
		}
		if err != nil {
			return err
		}
		w.stdout.Clear()
		verdict = flags.bounds.within(ctx, func(ctx context.Context) error { return w.write(ctx, out, l.now()) })
		if verdict != nil && !errors.Is(verdict, errFindings) && !errors.Is(verdict, errReported) {
			return verdict // the report cannot be written
		}
		l.note(w, time.Since(began))
		for again := false; !again; {
			batch, open := <-batches
			if !open {
				return verdict
			}
			if batch.Err != nil {
				return batch.Err
			}
			began = time.Now()
			if err = flags.bounds.within(ctx, func(ctx context.Context) (err error) {
				out, again, err = l.next(ctx, batch, w)
				return err
			}); err != nil {
				break
			}
		}
	}
}

// lasting is a session that goes from run to run. What a change does not touch is kept: rendered targets, the verdicts
// on objects that are the same text, compiled schemas and rules.
type lasting struct {
	*session
	args  []string
	flags validateFlags
	kept  map[string]*rendered // by path of the target
	stale error                // why the session does not go with what is on the disk
	again []string             // targets that the last run rendered
}

func (l *lasting) first(ctx context.Context, w *writer) (report.Report, error) {
	l.kept = map[string]*rendered{}
	return l.run(ctx, w)
}

// next runs again if a batch touches what a verdict depends on, and reports whether it does.
func (l *lasting) next(ctx context.Context, batch watch.Batch, w *writer) (report.Report, bool, error) {
	batch.Paths = slices.DeleteFunc(slices.Clone(batch.Paths), func(path string) bool {
		return slices.ContainsFunc(w.outputs, func(o output) bool { return o.writes(path) })
	})
	if len(batch.Paths) == 0 && !batch.All {
		return report.Report{}, false, nil
	}
	changed := l.inside(batch.Paths)
	if !l.touched(batch, changed) {
		return report.Report{}, false, nil
	}
	// Editors that read the output take these two notes for the beginning and the end of a run.
	_, _ = fmt.Fprintf(w.stderr, "kgate: %s\n", terminal.Line(describeChange(l.repository.Dir, batch)))
	if l.stale = l.refresh(ctx, batch, changed); l.stale != nil {
		l.again = nil
		// The report is of the run as a whole, so that no reader takes the one before for the present state.
		return report.Report{
			Version: versionName(), Checks: l.checks, Errors: failures("", l.stale), ReadFile: l.repository.ReadFile,
		}, true, nil
	}
	out, err := l.run(ctx, w)
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
func (l *lasting) touched(batch watch.Batch, changed []string) bool {
	touched := batch.All || l.stale != nil || slices.Contains(changed, repo.ConfigFile) || l.rulesChanged(batch) || l.rootsChanged(changed) || l.unreadChanged(changed)
	for name, r := range l.kept {
		if batch.All || slices.ContainsFunc(changed, r.dependsOn) {
			delete(l.kept, name)
			touched = true
		}
	}
	return touched
}

// dependsOn reports whether the target may render to something else once something else stands at a path.
func (r *rendered) dependsOn(path string) bool {
	if failed := (*render.Error)(nil); errors.As(r.err, &failed) {
		return failed.DependsOn(path)
	}
	return r.err != nil || r.result.DependsOn(path)
}

// rulesChanged reports whether a directory of --policies looks different.
func (l *lasting) rulesChanged(batch watch.Batch) bool {
	return len(l.flags.policies) > 0 && (batch.All || slices.ContainsFunc(l.flags.policies, func(dir string) bool {
		at, err := resolved(dir)
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
func (l *lasting) unreadChanged(changed []string) bool {
	if len(l.args) > 0 || !slices.ContainsFunc(changed, l.isUnread) {
		return false
	}
	if slices.ContainsFunc(l.checks, func(c *check.Check) bool { return c.Group() == coverage.Group }) {
		return true
	}
	selection, err := l.repository.Select()
	return err != nil || !slices.Equal(selection.Targets, l.all)
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
	s, repository := *l.session, *l.repository
	s.repository = &repository
	if whole || slices.Contains(changed, repo.ConfigFile) {
		if repository.Config, err = repo.LoadConfig(repository.FS); err != nil {
			return err
		}
	}
	if err := s.survey(len(l.args) == 0); err != nil {
		return err
	}
	if whole || l.rootsChanged(changed) {
		if s.facts.Roots, err = repository.Roots(); err != nil {
			return err
		}
	}
	if l.rulesChanged(batch) || l.stale != nil && len(l.flags.policies) > 0 {
		if s.library, err = loadPolicies(l.flags.policies); err != nil {
			return err
		}
	}
	if s.minors, err = versions(l.flags.versions, repository.Config.KubernetesVersions); err != nil {
		return err
	}
	if !slices.Equal(s.minors, l.minors) {
		if s.validator, err = schema.New(s.minors); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				s.close()
			}
		}()
	}
	if s.library != l.library || s.validator != l.validator || !reflect.DeepEqual(s.facts, l.facts) ||
		!reflect.DeepEqual(repository.Config, l.repository.Config) {
		s.known = nil
	}
	if err := s.choose(l.flags); err != nil {
		return err
	}
	if err := s.library.Prepare(ctx); err != nil {
		return err
	}
	if s.validator != l.validator {
		l.close()
	}
	l.session = &s
	return nil
}

// run renders what is not kept and judges everything. What has not changed costs a look into a cache.
func (l *lasting) run(ctx context.Context, w *writer) (report.Report, error) {
	l.again = slices.DeleteFunc(slices.Clone(l.paths), func(path string) bool { return l.kept[path] != nil })
	progress := newProgress(w.stderr, len(l.again))
	defer progress.clear()
	renderer := render.New(l.repository.FS, strings.NewReader(""))
	fresh, err := l.render(ctx, renderer, l.again, progress)
	if err != nil {
		return report.Report{}, err
	}
	for _, r := range fresh {
		l.kept[r.path] = r
	}
	var all []*rendered
	for _, path := range l.paths {
		r := l.kept[path]
		if r.err == nil {
			if environment := l.repository.Config.Environment(path); !reflect.DeepEqual(environment, r.target.Environment) {
				target := *r.target
				target.Environment = environment
				r.target = &target // another target, about which nothing is known
			}
		}
		all = append(all, r)
	}
	maps.DeleteFunc(l.kept, func(path string, _ *rendered) bool { return !slices.Contains(l.paths, path) })
	progress.checking()
	out, err := l.judge(ctx, all, renderer.ReadFile)
	l.validator.Sweep()
	l.server.Sweep()
	l.library.Sweep()
	return out, err
}

// note says on standard error what the run did.
func (l *lasting) note(w *writer, took time.Duration) {
	_, _ = fmt.Fprintf(w.stderr, "kgate: %d of %d targets rendered, %d ms; watching for changes\n", len(l.again), len(l.paths), took.Milliseconds())
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
