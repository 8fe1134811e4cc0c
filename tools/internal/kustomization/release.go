package kustomization

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"

	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Release is a chart that a deployer has Helm render without a kustomization: Argo CD does so with sources of an Application, by
// `helm template`, as reposerver/repository/repository.go and util/helm/cmd.go of its v3.6.1 say.
type Release struct {
	Dir   string         // of the chart; "" for one of a repository of charts
	Chart vendored.Chart // of which there is a copy; the zero value for one of Dir

	Name, Namespace string
	KubeVersion     string // "" is Helm's own
	APIVersions     []string
	Values          []ReleaseValues // the later over the earlier
	Sets            []ReleaseSet    // over these
	SkipCRDs        bool
	SkipTests       bool
	SkipSchema      bool

	// At is where a field of the source is written; without a path, the source.
	At func(path ...any) manifest.Position
}

// Equal reports whether Helm is told the same of two releases, wherever that is written. What is in the files that they name is not
// asked.
func (r Release) Equal(other Release) bool {
	r.At, other.At = nil, nil
	return reflect.DeepEqual(r, other)
}

// ReleaseValues are values of a release: of a file, or written in its source.
type ReleaseValues struct {
	File    string // of the repository, or a URL that there is a copy of
	InChart bool   // the file is one of the chart's own
	Missing bool   // that it may be
	Text    []byte // where there is no file
	Field   []any  // of the source, that names the file or holds the values
}

// ReleaseSet is a single value of a release.
type ReleaseSet struct {
	chart.Set
	File    string // that holds the value; "" where Set does
	InChart bool   // the file is one of the chart's own
	Field   []any  // of the source
}

// Unavailable says what a release needs and nobody has without a network.
type Unavailable struct {
	Position manifest.Position
	Reason   string
}

func (u *Unavailable) Error() string { return u.Reason }

// Unwrap is that there is no copy, or none that is what it has to be.
func (u *Unavailable) Unwrap() error { return vendored.ErrNoCopy }

// charted are the places of a release.
func (r *Release) charted(f *Files, s *source) charted {
	c := charted{name: r.name(), at: r.At(), defaults: map[string]any{}}
	if s.chart != nil && k8syaml.Unmarshal(s.chart.File("values.yaml"), &c.defaults) != nil {
		c.defaults = nil
	}
	c.value = func(path []any) (manifest.Position, bool) { return r.value(f, s, path) }
	return c
}

func (r *Release) name() string { return cmp.Or(r.Chart.Name, r.Dir) }

// sourceOf finds the chart of a release, and what it depends on and does not have: Argo CD fetches that before it renders.
func (f *Files) sourceOf(ctx context.Context, remote vendored.Source, r *Release) (*source, error) {
	s := &source{brought: map[string]string{}}
	var err error
	if r.Dir == "" {
		s.dir, err = f.copied(ctx, remote, r.Chart)
		s.copies = append(s.copies, s.dir)
	} else if s.dir, err = f.resolve(r.Dir); err == nil && !f.IsDir(s.dir) {
		err = errors.New("it is no directory")
	}
	if err == nil {
		s.chart, err = f.loadChart(s.dir)
	}
	if err != nil {
		what := r.Dir
		if what == "" {
			what = r.Chart.String()
		}
		return nil, r.failed(r.At(), "the chart "+what, err)
	}
	missing, err := s.chart.Missing()
	if err != nil {
		return nil, r.charted(f, s).failure(s, err)
	}
	others := map[string]*chart.Chart{}
	for _, d := range missing {
		at := manifest.Position{File: path.Join(s.dir, "Chart.yaml"), Line: d.Line}
		what := fmt.Sprintf("the chart %s of %s, on which %s depends,", d.Name, d.Repository, r.name())
		local, isLocal := strings.CutPrefix(d.Repository, "file://")
		var dir string
		switch {
		case d.Repository == "":
			continue // which rendering refuses, as Helm does
		case isLocal:
			dir, err = f.resolve(path.Join(s.dir, local))
			if strings.HasPrefix(path.Join(s.dir, local), "../") || path.IsAbs(local) {
				err = errors.New("it leads out of the repository")
			}
		case strings.HasPrefix(d.Repository, "@"), strings.HasPrefix(d.Repository, "alias:"):
			err = vendored.NoCopy("where that alias leads is known to Argo CD alone: run `helm dependency build` and commit what it fetches to charts/")
		default:
			dir, err = f.copied(ctx, remote, vendored.Chart{Repository: d.Repository, Name: d.Name, Version: d.Version})
			s.copies = append(s.copies, dir)
		}
		if err == nil {
			below := path.Join("charts", d.Name)
			s.brought[below] = dir
			others[below], err = f.loadChart(dir)
		}
		if err != nil {
			return nil, r.failed(at, what, err)
		}
	}
	if len(others) > 0 {
		if s.chart, err = s.chart.With(others); err != nil {
			return nil, r.failed(r.At(), fmt.Sprintf("the chart %s", r.name()), err)
		}
	}
	for _, v := range r.Values {
		if v.File == "" {
			s.values, s.files = append(s.values, chart.Values{Name: fmt.Sprint(v.Field[len(v.Field)-1]), Text: v.Text}), append(s.files, "")
			continue
		}
		name, text, err := f.given(ctx, remote, s, v.File, v.InChart)
		switch {
		case err != nil && v.Missing && errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, r.failed(r.At(v.Field...), "the values "+v.File, err)
		default:
			s.values, s.files = append(s.values, chart.Values{Name: v.File, Text: text}), append(s.files, name)
		}
	}
	return s, nil
}

// failed is the error of something that a release needs.
func (r *Release) failed(at manifest.Position, what string, err error) error {
	switch {
	case errors.Is(err, vendored.ErrNoCopy):
		return &Unavailable{at, strings.TrimSuffix(what, ",") + " is remote: " + err.Error()}
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("there is no such file or directory")
	}
	if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
		return err
	}
	return fail(at, "%s: %s", strings.TrimSuffix(what, ","), err)
}

// copied is the directory of the copy of a chart.
func (f *Files) copied(ctx context.Context, remote vendored.Source, wanted vendored.Chart) (string, error) {
	f.look(vendored.LockFile)
	tree, err := remote.Chart(ctx, wanted)
	if tree.Root != "" && tree.Root != "." {
		f.depend(tree.Root)
	}
	return tree.Dir, err
}

func (f *Files) loadChart(dir string) (*chart.Chart, error) {
	files, err := f.chartFiles(dir)
	if err != nil {
		return nil, err
	}
	return chart.Load(files)
}

// given reads a file that a source of an Application names.
func (f *Files) given(ctx context.Context, remote vendored.Source, s *source, name string, inChart bool) (resolved string, text []byte, err error) {
	if inChart {
		at := path.Join(s.dir, name)
		if resolved, err = f.resolve(at); err == nil && !(vendored.Within(s.dir, at) && vendored.Within(s.dir, resolved)) {
			err = errors.New("it leads out of the chart")
		}
		if err != nil {
			return "", nil, err
		}
	} else if vendored.IsFile(name) {
		f.look(vendored.LockFile)
		if resolved, err = remote.File(ctx, name, nil); err != nil {
			return "", nil, err
		}
		f.depend(path.Dir(resolved))
	} else if resolved, err = f.resolve(name); err != nil {
		return "", nil, err
	}
	text, err = f.ReadFile(resolved)
	return resolved, text, err
}

// release is what Argo CD has Helm render.
func (r *Release) release(ctx context.Context, f *Files, remote vendored.Source, s *source) (chart.Release, error) {
	out := chart.Release{
		Name: r.Name, Namespace: r.Namespace, KubeVersion: r.KubeVersion, APIVersions: r.APIVersions, Values: s.values,
		IncludeCRDs: !r.SkipCRDs, SkipTests: r.SkipTests, SkipSchema: r.SkipSchema,
	}
	for _, set := range r.Sets {
		one := set.Set
		if set.File != "" {
			_, text, err := f.given(ctx, remote, s, set.File, set.InChart)
			if err != nil {
				return out, r.failed(r.At(set.Field...), "the file "+set.File, err)
			}
			one.Value = string(text)
		}
		if err := one.Into(map[string]any{}); err != nil {
			return out, fail(r.At(set.Field...), "the parameter %s: %s", one.Name, err)
		}
		out.Sets = append(out.Sets, one)
	}
	return out, nil
}

// prepared is a release with all that it is rendered from.
func (r *Renderer) prepared(ctx context.Context, files *Files, one *Release) (*source, chart.Release, error) {
	s, err := files.sourceOf(ctx, r.Remote, one)
	if err != nil {
		return nil, chart.Release{}, err
	}
	release, err := one.release(ctx, files, r.Remote, s)
	return s, release, err
}

// value is where the values of a release set a path: in the parameter, the text or the last file that does, else in the chart.
// Where none does it is the closest parent, with false.
func (r *Release) value(f *Files, s *source, at []any) (manifest.Position, bool) {
	best, deepest := r.At(), 0
	within := func(value any, locate func(path []any) manifest.Position) {
		for n := len(at); n > deepest; n-- {
			if manifest.At(value, at[:n]...) != nil {
				best, deepest = locate(at[:n]), n
				return
			}
		}
	}
	for _, kind := range []chart.SetKind{chart.SetFile, chart.SetString, chart.SetValue} {
		for _, set := range slices.Backward(r.Sets) {
			values := map[string]any{}
			if set.Kind == kind && set.Into(values) == nil {
				within(values, func([]any) manifest.Position { return r.At(set.Field...) })
			}
		}
	}
	find := func(documents []manifest.Document, locate func(d *manifest.Document, path []any) (manifest.Position, bool)) {
		for i := range slices.Backward(documents) {
			for n := len(at); n > deepest; n-- {
				if found, ok := locate(&documents[i], at[:n]); ok {
					best, deepest = found, n
					break
				}
			}
		}
	}
	inFile := func(name string) {
		documents, err := f.Documents(name)
		if err != nil {
			return
		}
		find(documents, func(d *manifest.Document, path []any) (manifest.Position, bool) {
			key, node := d.Find(path, nil)
			if node == nil {
				return manifest.Position{}, false
			}
			return d.Position(key, node), true
		})
	}
	for i := len(s.values) - 1; i >= 0; i-- {
		if s.files[i] != "" {
			inFile(s.files[i])
			continue
		}
		j := slices.IndexFunc(r.Values, func(v ReleaseValues) bool { return v.File == "" })
		field := r.Values[j].Field
		if field[len(field)-1] == "valuesObject" {
			var values any
			if k8syaml.Unmarshal(s.values[i].Text, &values) == nil {
				within(values, func(path []any) manifest.Position { return r.At(slices.Concat(field, path)...) })
			}
			continue
		}
		documents, err := manifest.ParseDocuments("", s.values[i].Text)
		if err != nil {
			continue
		}
		find(documents, func(d *manifest.Document, path []any) (manifest.Position, bool) {
			key, node := d.Find(path, nil)
			if node == nil {
				return manifest.Position{}, false
			}
			return r.At(slices.Concat(field, []any{manifest.Line(d.Position(key, node).Line)})...), true
		})
	}
	inFile(path.Join(s.dir, "values.yaml"))
	return best, deepest == len(at) && len(at) > 0
}

// Offline reports what keeps releases from being rendered without a network: an Unavailable, or nil. Another error, as of a file
// that is not there, is of the render.
func (r *Renderer) Offline(ctx context.Context, releases []Release) *Unavailable {
	files := NewFiles(r.store)
	for i := range releases {
		_, _, err := r.prepared(ctx, files, &releases[i])
		if missing := (*Unavailable)(nil); errors.As(err, &missing) {
			return missing
		}
	}
	return nil
}

// ReleaseNeeds tells of a path whether what a target of charts renders to rests on what stands there. Nothing is rendered.
func (r *Renderer) ReleaseNeeds(ctx context.Context, target string) func(file string) bool {
	files := NewFiles(r.store)
	_ = r.needs(ctx, files, target) // what it looked for counts, whether it is there or not
	return files.dependsOn
}

// sourcesOf are the files of their charts that write objects, as Sources has them.
func (r *Renderer) sourcesOf(releases []Release) []string {
	files := NewFiles(r.store)
	var all []string
	for i := range releases {
		s, err := files.sourceOf(context.Background(), r.Remote, &releases[i])
		if err != nil {
			continue
		}
		for _, name := range s.chart.Templates() {
			all = append(all, s.file(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// releases are the charts that a target is; nil for one that is none. A chart of the repository which somebody names as a target is
// one with its own values, as `helm template NAME DIR` takes it and Argo CD takes a source that says no more.
func (r *Renderer) releases(target string) []Release {
	if releases := r.Releases[target]; releases != nil || target == Stdin {
		return releases
	}
	dir := clean(target)
	if !r.IsChart(dir) {
		return nil
	}
	name := path.Base(dir)
	if dir == "." {
		name = "chart" // the directory that a checkout lies in has any name
	}
	at := func(...any) manifest.Position { return manifest.Position{File: path.Join(dir, "Chart.yaml"), Line: 1} }
	return []Release{{Dir: dir, Name: name, Namespace: "default", At: at}}
}

// IsChart reports a directory that holds a chart, and that nobody takes for one of manifests.
func (r *Renderer) IsChart(dir string) bool {
	taken := r.directory(dir)
	return !taken.YAML && !taken.JSON && NewFiles(r.store).IsChart(dir)
}

// IsChart reports a directory that holds a chart and nothing else: no kustomization, and no object where Helm looks for none, which
// would be hidden.
func (f *Files) IsChart(dir string) bool {
	if info, err := f.stat(path.Join(dir, "Chart.yaml")); err != nil || info.IsDir() || f.Kustomization(dir) != "" {
		return false
	}
	names, _, err := manifestFiles(f, dir, Directory{Skips: func(name string) bool { return ofChart(dir, name) }})
	return err == nil && !slices.ContainsFunc(names, func(name string) bool {
		documents, err := f.Documents(name)
		if err != nil {
			text, _ := f.ReadFile(name) // which may be an object that cannot be read
			return holdsManifest(text, nil, err)
		}
		return slices.ContainsFunc(documents, isApplicable)
	})
}

// ofChart reports what lies where Helm looks for what a chart renders.
func ofChart(dir, name string) bool {
	return slices.ContainsFunc([]string{"templates", "crds", "charts"}, func(below string) bool { return vendored.Within(path.Join(dir, below), name) })
}

// unwritten are the files of a chart that hold objects as they stand, of which none is rendered: Helm passes over them by their names or
// by .helmignore, takes a template for a comment, or has no use for a chart below. Whoever takes the directory for one of manifests
// applies them.
func (f *Files) unwritten(dir string, wrote map[string]bool) []string {
	names, _, err := manifestFiles(f, dir, Directory{Skips: func(name string) bool { return !ofChart(dir, name) && path.Dir(name) == dir }})
	if err != nil {
		return nil // Helm says what is wrong
	}
	return slices.DeleteFunc(names, func(name string) bool {
		documents, err := f.Documents(name)
		return wrote[name] || !ofChart(dir, name) || err != nil || !slices.ContainsFunc(documents, isApplicable)
	})
}

// needs looks for all that a target of charts is rendered from, as Needs does.
func (r *Renderer) needs(ctx context.Context, files *Files, target string) error {
	var errs []error
	releases := r.releases(target)
	for i := range releases {
		_, _, err := r.prepared(ctx, files, &releases[i])
		errs = append(errs, placedOffline(err))
	}
	return errors.Join(errs...)
}

// placedOffline gives an Unavailable its place.
func placedOffline(err error) error {
	if missing := (*Unavailable)(nil); errors.As(err, &missing) {
		return &reworded{fail(missing.Position, "%s", missing.Reason), vendored.ErrNoCopy}
	}
	return err
}

// RenderReleases renders charts as one target of that name: what `helm template` prints of them, one behind the other.
func (r *Renderer) RenderReleases(ctx context.Context, target string, releases []Release) (*Result, error) {
	files := NewFiles(r.store)
	result, err := r.rendered(ctx, files, target, releases)
	if err != nil {
		return nil, &Error{target, placedOffline(err), files}
	}
	return result, nil
}

func (r *Renderer) rendered(ctx context.Context, files *Files, target string, releases []Release) (*Result, error) {
	var documents []manifest.Document
	var text bytes.Buffer
	result := &Result{brought: entryOf{}}
	var dirs []string
	wrote := map[string]bool{}
	for i := range releases {
		one := &releases[i]
		s, release, err := r.prepared(ctx, files, one)
		if err != nil {
			return nil, err
		}
		who := one.charted(files, s)
		who.writes = func(file string) { wrote[file] = true }
		made := files.render(ctx, s, release)
		if made.err != nil {
			return nil, who.failure(s, made.err)
		}
		if fault := who.varies(s, made); fault != nil {
			result.Faults = append(result.Faults, *fault)
		}
		more, err := who.documents(s, release, made)
		if err != nil {
			return nil, err
		}
		documents = append(documents, more...)
		if text.Len() > 0 && !bytes.HasPrefix(made.rendered.Text, []byte("---\n")) && len(made.rendered.Text) > 1 {
			text.WriteString("---\n")
		}
		text.Write(made.rendered.Text)
		dirs = append(dirs, s.dir)
		for _, dir := range s.copies {
			result.brought[dir] = one.At()
		}
	}
	files.rendered()
	of, err := plain(target, documents)
	if err != nil {
		return nil, err
	}
	result.Path, result.Objects, result.traces = target, of.Objects, of.traces
	result.files, result.Read, result.Charts = files, files.Read(), dirs
	result.yaml = func() ([]byte, error) { return text.Bytes(), nil }
	if r.Releases[target] == nil {
		result.Unwritten = files.unwritten(clean(target), wrote)
	}
	if len(result.Objects) == 0 {
		result.Faults = append(result.Faults, newFault(rendersObjects, releases[0].At(),
			"it renders no object: who deploys it deletes everything that it deployed before, or refuses to"))
	}
	return result, nil
}
