package coverage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/applicationset"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Application is one of Argo CD's that stands in the repository, or that an ApplicationSet here makes.
type Application struct {
	Object  *manifest.Object                            // as the API server gets it
	Set     *manifest.Object                            // the ApplicationSet that makes it; nil for none
	Target  *check.Target                               // that renders it, or its ApplicationSet; nil where no target does
	File    string                                      // that it is written in, where no target renders it
	Locate  func(field manifest.Path) manifest.Position // of the fields of Object, or of what makes them
	Of      func(field manifest.Path) manifest.Path     // the field of Set that makes one of Object; nil where there is no set
	Sources []ApplicationSource                         // as Argo CD takes them
	Also    []Rendering                                 // by other targets, of the very same
}

// Rendering is a target that renders an Application, or what makes it.
type Rendering struct {
	Target *check.Target
	Set    *manifest.Object // of the target; nil for an Application that nothing makes
}

// RenderedBy is how a target renders an Application; false where it does not.
func (a Application) RenderedBy(t *check.Target) (Rendering, bool) {
	if a.Target == t {
		return Rendering{a.Target, a.Set}, t != nil
	}
	if i := slices.IndexFunc(a.Also, func(r Rendering) bool { return r.Target == t }); i >= 0 {
		return a.Also[i], true
	}
	return Rendering{}, false
}

// Renderings are the targets that render an Application.
func (a Application) Renderings() []Rendering {
	if a.Target == nil {
		return a.Also
	}
	return append([]Rendering{{a.Target, a.Set}}, a.Also...)
}

// ApplicationSource is where an Application takes objects from.
type ApplicationSource struct {
	Field     manifest.Path  // of the Application
	Value     map[string]any // what it says, with what files in the directory say over it
	Type      string         // kustomize, helm, directory or plugin; "" where nobody here can tell
	Dir       string         // the directory of this repository that it is; "" for another repository, and where it is not here
	Elsewhere string         // why it is not of this repository, or not to be found in it
	Chart     vendored.Chart // the chart of a repository of charts that it is; the zero value for none
	Own       bool           // its URL is that of this repository, as far as the paths of Applications tell

	// Locate is where a field of Value is written: in the Application, or in a file that goes over it.
	Locate func(field manifest.Path) manifest.Position
}

// Unresolved is an Application, or an ApplicationSet, of which nobody here can tell all, and why.
type Unresolved struct {
	Object   *manifest.Object
	Target   *check.Target // that renders it; nil where no target does
	Position manifest.Position
	Reason   string
}

// Applications are those of the objects of targets, and of files that these do not read and `unread` does not name. The second
// value is what nobody here can tell: what ApplicationSets make of what only the outside knows.
func Applications(ctx context.Context, r *repo.Repo, files *kustomization.Files, targets []*check.Target) ([]Application, []Unresolved, error) {
	t := newTree(r)
	t.files = files
	if err := t.walk(ctx, "."); err != nil {
		return nil, nil, fmt.Errorf("look for Applications: %w", err)
	}
	t.deployments(targets, read(targets).files)
	f := &finding{tree: t, own: t.ownRepositories(t.claims)}
	listed := sync.OnceValues(func() ([]string, error) { return t.listFiles(ctx) })
	var err error
	if f.clusters, err = Clusters(r); err != nil {
		return nil, nil, err
	}
	for _, one := range t.telling {
		left := func(u repo.Unread) bool { return one.target == nil && u.Covers(one.file) }
		if one.object.Group() != "argoproj.io" || slices.ContainsFunc(r.Config.Unread, left) {
			continue
		}
		if one.object.Kind == "Application" {
			f.add(Application{Object: one.object, Target: one.target, File: one.file, Locate: one.locate})
			continue
		}
		made, unresolved := f.generate(ctx, one.object, listed)
		for _, u := range unresolved {
			f.unresolved = append(f.unresolved, Unresolved{one.object, one.target, one.locate(u.Path), u.Reason})
		}
		for _, a := range made {
			object, err := manifest.Encode(a.Value)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", one.object.ID, err)
			}
			f.add(Application{
				Object: object, Set: one.object, Target: one.target, File: one.file,
				Locate: func(field manifest.Path) manifest.Position { return one.locate(a.Field(field)) }, Of: a.Field,
			})
		}
	}
	return f.all, f.unresolved, ctx.Err()
}

// finding is a search for Applications.
type finding struct {
	tree       *tree
	own        map[string]bool // URLs of this repository
	clusters   []applicationset.Cluster
	all        []Application
	unresolved []Unresolved
	reads      map[string]bool // files that generators have read
}

// generate makes the Applications of an ApplicationSet.
func (f *finding) generate(ctx context.Context, set *manifest.Object, listed func() ([]string, error)) ([]applicationset.Application, []*applicationset.Unresolved) {
	return applicationset.Generate(ctx, set.Value, applicationset.Surroundings{
		Own: f.isOwn, Files: listed, Clusters: f.clusters,
		Read: func(name string) ([]byte, error) {
			if f.reads != nil {
				f.reads[name] = true
			}
			return f.tree.files.ReadFile(name)
		},
	})
}

// add notes an Application, once. Where each environment has an Argo CD of its own, one base makes several of a name.
func (f *finding) add(a Application) {
	if i := slices.IndexFunc(f.all, func(b Application) bool {
		return b.Object.ID == a.Object.ID && b.Object.Digest() == a.Object.Digest() && b.Locate(nil) == a.Locate(nil)
	}); i >= 0 {
		if a.Target != nil {
			f.all[i].Also = append(f.all[i].Also, Rendering{a.Target, a.Set})
		}
		return
	}
	for _, field := range sourceFields(a.Object.Value) {
		a.Sources = append(a.Sources, f.source(a, field))
	}
	f.all = append(f.all, a)
}

// sourceFields are the fields of the sources that Argo CD takes: `source` counts where there are no `sources`.
func sourceFields(value any) []manifest.Path {
	if manifest.At(value, "spec", "sourceHydrator", "drySource") != nil {
		return []manifest.Path{{"spec", "sourceHydrator", "drySource"}}
	}
	var fields []manifest.Path
	for i := range manifest.ListAt(value, "spec", "sources") {
		fields = append(fields, manifest.Path{"spec", "sources", i})
	}
	if len(fields) == 0 && manifest.At(value, "spec", "source") != nil {
		fields = []manifest.Path{{"spec", "source"}}
	}
	return fields
}

// source finds what a source of an Application is.
func (f *finding) source(a Application, field manifest.Path) ApplicationSource {
	value, _ := manifest.At(a.Object.Value, field...).(map[string]any)
	s := ApplicationSource{Field: field, Value: value}
	s.Locate = func(below manifest.Path) manifest.Position { return a.Locate(slices.Concat(field, below)) }
	text := func(name string) string { return manifest.TextAt(value, name) }
	dir, isPath := clean(text("path"))
	here, found := f.tree.real(dir)
	own := f.own[revision.Origin(text("repoURL"))]
	s.Own = own
	switch {
	case text("chart") != "":
		s.Type, s.Elsewhere = "helm", fmt.Sprintf("it is the chart %s of a repository of charts", text("chart"))
		s.Chart = chartOf(text("repoURL"), text("chart"), text("targetRevision"))
	case text("path") == "" && text("ref") != "": // others take files from it
	case text("path") == "":
		s.Elsewhere = "it has no path"
	case strings.Contains(text("path")+text("repoURL"), "{{"):
		s.Elsewhere = "it has a parameter that nobody filled in"
	case !isPath:
		s.Elsewhere = fmt.Sprintf("the path %s leads out of the repository", text("path"))
	case !own && (!found || dir == "." || f.tree.isForeign(text("repoURL"))):
		s.Elsewhere = fmt.Sprintf("it is of %s, which is not this repository, as far as the paths of Applications tell", text("repoURL"))
	case !found:
		s.Elsewhere = fmt.Sprintf("there is no directory %s in this repository", dir)
	default:
		s.Dir = here
		f.override(a, &s)
		s.Type = f.typeOf(s)
	}
	return s
}

// chartOf is a chart as helmCharts of a kustomization would name it: Argo CD takes a URL without a scheme for a registry.
func chartOf(repository, name, version string) vendored.Chart {
	if !strings.Contains(repository, "://") {
		repository = "oci://" + repository
	}
	return vendored.Chart{Repository: repository, Name: name, Version: version}
}

// override puts what files in the directory say over a source. Argo CD Image Updater, for one, writes images there.
func (f *finding) override(a Application, s *ApplicationSource) {
	name := a.Object.Name
	for _, file := range []string{".argocd-source.yaml", ".argocd-source-" + name + ".yaml"} {
		file = path.Join(s.Dir, file)
		documents, err := f.tree.files.Documents(file)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(documents) == 0 {
			continue
		}
		data, readErr := f.tree.files.ReadFile(file)
		var change map[string]any
		if err = errors.Join(err, readErr); err == nil {
			err = k8syaml.Unmarshal(data, &change)
		}
		if err != nil {
			s.Elsewhere = err.Error()
			return
		}
		for _, kept := range []string{"chart", "path", "repoURL", "targetRevision"} {
			delete(change, kept)
		}
		merged, _ := applicationset.Merge(s.Value, change).(map[string]any)
		s.Value = merged
		document, under := documents[0], s.Locate
		s.Locate = func(below manifest.Path) manifest.Position {
			for length := len(below); length > 0; length-- {
				if at, exact := document.Locate(below[:length], nil); exact && (length == len(below) || manifest.At(change, below[:length]...) != nil && length > 1) {
					return at
				}
			}
			return under(below)
		}
	}
}

// typeOf is ExplicitType, and what Argo CD takes a directory for where a source does not say.
func (f *finding) typeOf(s ApplicationSource) string {
	for _, name := range []string{"kustomize", "helm", "directory", "plugin"} {
		if s.Value[name] != nil {
			return name
		}
	}
	switch {
	case f.tree.files.Exists(path.Join(s.Dir, "Chart.yaml")):
		return "helm"
	case f.tree.files.Kustomization(s.Dir) != "":
		return "kustomize"
	}
	return "directory"
}

// fixed is a revision that is beyond doubt not that of a branch: a commit, or a release.
var fixed = regexp.MustCompile(`^([0-9a-f]{7,40}|refs/tags/.*|v?[0-9]+\.[0-9]+.*)$`)

// IsFixed reports a revision that files of a branch do not change, whatever is committed: a commit, a release or a range of releases.
func IsFixed(revision string) bool {
	return fixed.MatchString(revision) || strings.ContainsAny(revision, "*^~<>=")
}

// isOwn says why a repository at a revision is not what is here.
func (f *finding) isOwn(repository, branch string) error {
	switch {
	case strings.Contains(repository+branch, "{{"):
		return errors.New("its repository has a parameter that nobody filled in")
	case !f.own[revision.Origin(repository)]:
		return fmt.Errorf("%s is not this repository, as far as the paths of Applications tell", repository)
	case IsFixed(branch):
		return fmt.Errorf("it reads the revision %s, and not what is here", branch)
	}
	return nil
}

// listFiles lists the files of the repository, sorted.
func (t *tree) listFiles(ctx context.Context) ([]string, error) {
	const most = 500_000
	var files []string
	err := repo.Walk(ctx, t.fs, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.EqualFold(entry.Name(), ".git") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir():
			if files = append(files, p); len(files) > most {
				return fmt.Errorf("the repository has more than %d files", most)
			}
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// Clusters are those that a file of the repository says Argo CD knows, as kgate.yaml names it; nil where it names none.
func Clusters(r *repo.Repo) ([]applicationset.Cluster, error) {
	given := r.Config.Clusters
	if given.Path == "" {
		return nil, nil
	}
	data, err := r.ReadFile(given.Path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("there is no file %s", given.Path)
	}
	if err == nil {
		var clusters []applicationset.Cluster
		if clusters, err = applicationset.ParseClusters(given.Path, data); err == nil {
			return clusters, nil
		}
		if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
			return nil, err
		}
	}
	return nil, &manifest.SyntaxError{Position: given.Source, Message: fmt.Sprintf("clusters: %s", err)}
}
