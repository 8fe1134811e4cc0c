package coverage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Select finds what a run without arguments checks: what kgate.yaml names under `targets`, and where it names nothing, what
// the repository holds to be deployed. Those are the kustomizations that no other one uses, what Argo CD and Flux deploy
// from here, and the directories of manifests that tell them to, or where none does, charts that do. made are further directories
// that Applications deploy which only rendering shows. The second value says what was chosen; it is empty for targets that kgate.yaml
// names.
func Select(ctx context.Context, r *repo.Repo, made ...string) (repo.Selection, string, error) {
	if r.Config.Targets != nil {
		selection, err := r.Select(ctx)
		return selection, "", err
	}
	t, err := look(ctx, r)
	if err != nil {
		return repo.Selection{}, "", err
	}
	var selection repo.Selection
	seen := map[string]bool{}
	choose := func(dir string) int {
		switch {
		case seen[dir] || !t.isRoot(dir) && !t.hasManifests(dir):
			return 0
		case slices.ContainsFunc(r.Config.Unread, func(u repo.Unread) bool { return u.Covers(dir) }):
			seen[dir] = true
			selection.LeftOut = append(selection.LeftOut, dir)
			return 0
		}
		seen[dir] = true
		selection.Targets = append(selection.Targets, dir)
		return 1
	}
	flat := map[string]bool{} // of what is chosen, where what deploys it takes nothing below
	read := func(dir string) bool {
		for ; !seen[dir] || flat[dir]; dir = path.Dir(dir) {
			if dir == "." {
				return false
			}
		}
		return true
	}
	unused, deployed, telling, charts := 0, 0, 0, 0
	for _, dir := range t.unreadRoots(reading{}, func(string) bool { return false }) {
		unused += choose(dir)
	}
	known := map[string]bool{} // directories that something deploys
	for _, d := range t.deployments(nil, nil) {
		known[d.dir] = true
		if !t.walked[d.dir] {
			if err := t.walk(ctx, d.dir); err != nil {
				continue // rendering what deploys it says what is wrong
			}
		}
		if !d.isChart(t) || t.isRoot(d.dir) {
			was := seen[d.dir]
			deployed += choose(d.dir)
			flat[d.dir] = !d.recursive && !t.isRoot(d.dir) && (!was || flat[d.dir])
		}
	}
	for _, file := range t.claiming {
		if dir := path.Dir(file); !seen[dir] && !read(dir) && !t.withinRoot(dir) && !t.ofChart(dir) {
			telling += choose(dir)
		}
	}
	for _, dir := range made {
		known[dir] = true
		deployed += choose(dir)
	}
	bootstraps, idle := t.unknownCharts(known)
	for _, dir := range bootstraps {
		if !seen[dir] {
			seen[dir] = true
			selection.Targets = append(selection.Targets, dir)
			charts++
		}
	}
	if err := ctx.Err(); err != nil {
		return repo.Selection{}, "", err
	}
	slices.Sort(selection.LeftOut)
	slices.SortFunc(selection.Targets, repo.ByPromotion)
	if len(selection.Targets) == 0 {
		if len(selection.LeftOut) > 0 {
			return repo.Selection{}, "", nothingToCheck(repo.ConfigFile + ": `unread` leaves no target to check")
		}
		return repo.Selection{}, "", t.nothing()
	}
	why := repo.ConfigFile + " names no targets"
	if _, err := fs.Lstat(r.FS, repo.ConfigFile); r.Base == nil && errors.Is(err, fs.ErrNotExist) {
		why = "there is no " + repo.ConfigFile
	}
	return selection, why + ", so kgate chose " + says(unused, deployed, telling, charts) + t.besides(seen, idle, r.Config.Unread), nil
}

// ErrNothing is the error of a repository in which there is nothing to choose.
var ErrNothing = errors.New("there is nothing to check")

// nothingToCheck is ErrNothing in the words of one repository.
type nothingToCheck string

func (n nothingToCheck) Error() string { return string(n) }
func (n nothingToCheck) Unwrap() error { return ErrNothing }

// besides tells of manifests that are in none of the chosen directories, and below no kustomization, and of charts that nothing here is
// known to deploy.
func (t *tree) besides(chosen map[string]bool, idle []string, unread []repo.Unread) string {
	const most = 3
	named := map[string]bool{} // by a root, which may lie elsewhere
	for root := range t.roots {
		for _, entry := range t.entries(root) {
			named[entry] = true
		}
	}
	var files, tests []string
	for _, dir := range t.dirs {
		if t.withinAny(dir, t.suites) {
			tests = append(tests, slices.DeleteFunc(slices.Clone(t.manifests[dir]), func(file string) bool { return !t.deploysSomething(file) })...)
		}
		if t.ofTests(dir) || t.withinAny(dir, chosen) || t.withinRoot(dir) || t.ofChart(dir) {
			continue
		}
		for _, file := range t.manifests[dir] {
			if strings.HasPrefix(path.Base(file), ".") || named[file] {
				continue // of a tool, whose format may look like ours; or read
			}
			covered := slices.ContainsFunc(unread, func(u repo.Unread) bool { return u.Covers(file) })
			if data, err := t.files.ReadFile(file); err != nil || covered || !bytes.Contains(data, []byte("apiVersion")) {
				continue
			}
			if documents, err := t.files.Documents(file); err == nil && slices.ContainsFunc(documents, repo.IsObject) {
				files = append(files, file)
			}
		}
	}
	listed := func(names []string, one, several string) string {
		if len(names) == 0 {
			return ""
		}
		said := strings.Join(names[:min(len(names), most)], ", ")
		if more := len(names) - most; more > 0 {
			said += fmt.Sprintf(" and %d more", more)
		}
		if len(names) == 1 {
			return one + said
		}
		return fmt.Sprintf(several, len(names)) + said
	}
	return listed(files, "; a manifest is in none of them: ", "; %d manifests are in none of them: ") +
		listed(tests, "; what a suite of tests deploys is passed over: ", "; %d files of suites of tests that deploy something are passed over: ") +
		listed(idle, "; not chosen by itself: the chart ", "; not chosen by themselves: %d charts: ")
}

// unknownCharts are the charts that nothing here deploys, as far as it is known without rendering: those of Applications, which somebody
// installs by hand, and the others. One that holds other objects too is a directory of manifests, and no less of Applications.
func (t *tree) unknownCharts(deployed map[string]bool) (bootstraps, idle []string) {
	for _, dir := range t.dirs {
		left := func(u repo.Unread) bool { return u.Covers(dir) }
		if !t.charts[dir] || t.ofTests(dir) || t.ofChart(dir) || deployed[dir] || t.withinRoot(dir) || slices.ContainsFunc(t.repository.Config.Unread, left) {
			continue
		}
		ofApplications := slices.ContainsFunc(t.within(path.Join(dir, "templates"), true), func(d string) bool {
			return slices.ContainsFunc(t.manifests[d], t.templatesApplication)
		})
		if ofApplications {
			bootstraps = append(bootstraps, dir)
		} else {
			idle = append(idle, dir)
		}
	}
	return bootstraps, idle
}

// templatesApplication reports a file that says it is an Application of Argo CD, or what makes some.
func (t *tree) templatesApplication(file string) bool {
	data, err := t.files.ReadFile(file)
	return err == nil && isApplication.Match(data) && bytes.Contains(data, []byte("argoproj.io/"))
}

var isApplication = regexp.MustCompile(`(?m)^kind: *["']?Application(Set)?["']? *$`)

func says(unused, deployed, telling, charts int) string {
	var parts []string
	for _, part := range []struct {
		n  int
		is string
	}{
		{unused, "that no other kustomization uses"}, {deployed, "that Argo CD or Flux deploys"}, {telling, "with objects of Argo CD or Flux"},
		{charts, "of a chart of Applications, with its own values"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.is))
		}
	}
	n, targets := unused+deployed+telling+charts, "targets"
	if n == 1 {
		targets = "target"
	}
	return fmt.Sprintf("%d %s: %s", n, targets, strings.Join(parts, ", "))
}

// Plain finds the directories of manifests of a repository in which nothing says who deploys what: those that hold objects, and lie
// in none that does. Named as targets they are read with all that is below them, but for charts, which come second.
func Plain(ctx context.Context, r *repo.Repo) (dirs, charts []string, err error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range t.dirs { // sorted, so that what a directory lies in comes before it
		if t.isChart(dir) {
			charts = append(charts, dir)
		}
		within := slices.ContainsFunc(dirs, func(d string) bool { return d == "." || strings.HasPrefix(dir, d+"/") })
		if !within && !t.ofTests(dir) && !t.ofChart(dir) && slices.ContainsFunc(t.manifests[dir], t.holdsObject) {
			dirs = append(dirs, dir)
		}
	}
	return dirs, charts, ctx.Err()
}

// isChart reports a chart and nothing else, that is no part of another one.
func (t *tree) isChart(dir string) bool {
	return t.charts[dir] && t.files.IsChart(dir) && !t.ofTests(dir) && !t.ofChart(dir)
}

// ofChart reports a directory in which Helm looks for what a chart renders. What else lies below a Chart.yaml is no part of it.
func (t *tree) ofChart(dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if t.charts[path.Dir(dir)] && slices.Contains([]string{"templates", "crds", "charts"}, path.Base(dir)) {
			return true
		}
	}
	return false
}

// nothing is the error of a repository in which there is nothing to choose, with a way out.
func (t *tree) nothing() error {
	const most = 5
	way := fmt.Sprintf("name directories or files on the command line, or in a %s with the lines `apiVersion: %s` and `targets: [DIRECTORY, …]`", repo.ConfigFile, repo.ConfigVersion)
	var dirs []string
	for _, dir := range t.dirs {
		if slices.ContainsFunc(t.manifests[dir], t.holdsObject) {
			dirs = append(dirs, named(dir))
		}
	}
	if len(dirs) > 0 {
		way += "; there are manifests in " + strings.Join(dirs[:min(len(dirs), most)], ", ")
		if more := len(dirs) - most; more > 0 {
			way += fmt.Sprintf(" and %d more", more)
		}
		way += ", which `kgate init` names"
	}
	return nothingToCheck("there is no kustomization here, and nothing that Argo CD or Flux deploys: " + way)
}

func (t *tree) isRoot(dir string) bool { return t.roots[dir] != "" && !t.isComponent(dir) }

// hasManifests reports whether there are objects in a directory, or below it and in none with a kustomization.
func (t *tree) hasManifests(dir string) bool {
	holds := func(file string) bool { return path.Ext(file) != ".jsonnet" && t.holdsObject(file) }
	for _, d := range t.within(dir, true) {
		if !t.rootBetween(dir, d) && slices.ContainsFunc(t.manifests[d], holds) {
			return true
		}
	}
	return false
}

// rootBetween reports whether a directory, or one on the way to it from another one, has a kustomization.
func (t *tree) rootBetween(from, dir string) bool {
	for ; dir != from && dir != "."; dir = path.Dir(dir) {
		if t.roots[dir] != "" {
			return true
		}
	}
	return false
}

// withinRoot reports whether a directory, or one above it, has a kustomization.
func (t *tree) withinRoot(dir string) bool { return t.rootBetween("", dir) || t.roots["."] != "" }

func (t *tree) withinAny(dir string, dirs map[string]bool) bool {
	for ; !dirs[dir]; dir = path.Dir(dir) {
		if dir == "." {
			return false
		}
	}
	return true
}

// Expand is what a directory that somebody names stands for: itself, where it has a kustomization. Else those of the selected
// targets that lie in it, the kustomizations below it that no other one there uses, and itself for the manifests that are
// in none of them. The repository's own directory stands for all that is selected.
func Expand(ctx context.Context, r *repo.Repo, dir string, selected func() []string) ([]string, error) {
	t := newTree(r)
	real, ok := t.real(dir)
	if !ok || t.files.Kustomization(real) != "" {
		return []string{dir}, nil
	}
	chosen := selected()
	if real == "." && len(chosen) > 0 {
		return chosen, nil
	}
	if err := t.walk(ctx, dir); err != nil {
		return nil, fmt.Errorf("look for kustomizations below %s: %w", dir, err)
	}
	targets := t.unreadRoots(reading{}, func(string) bool { return false })
	within := map[string]bool{}
	for _, target := range chosen {
		if within[target] = t.withinAny(target, map[string]bool{real: true}); within[target] && !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	slices.SortFunc(targets, repo.ByPromotion)
	other := func(d string) bool {
		return !t.withinAny(d, within) && slices.ContainsFunc(t.manifests[d], t.holdsObject)
	}
	switch {
	case slices.Contains(targets, real):
		return targets, nil
	case len(targets) == 0 || slices.ContainsFunc(t.within(dir, true), func(d string) bool { return !t.rootBetween(dir, d) && other(d) }):
		return append([]string{dir}, targets...), nil
	}
	return targets, nil
}
