package coverage

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// forgotten reports manifests below the kustomizations of a target that nothing names.
func forgotten(r *repo.Repo) *check.Check {
	checked := *manifestNamed
	search := &search{repository: r}
	checked.Run = func(ctx context.Context, pass *check.Pass) error {
		// A run judges target by target: what no kustomization of theirs lies above is not walked for each.
		t := newTree(r)
		for _, target := range pass.Targets {
			for _, dir := range target.Reading.Layers {
				if err := t.walk(ctx, dir); err != nil {
					return fmt.Errorf("look for what no kustomization names: %w", err)
				}
			}
		}
		read := read(pass.Targets)
		read.files[r.Config.Clusters.Path] = true
		if given, err := r.DefinitionFiles(nil); err == nil { // a run that cannot list them has not begun
			for _, file := range given {
				read.files[file.Name] = true
			}
		}
		by := map[string]*check.Target{} // the first target that a kustomization is of
		for _, target := range pass.Targets {
			for _, dir := range target.Reading.Layers {
				if by[dir] == nil {
					by[dir] = target
				}
			}
		}
		var candidates []string
		of, owner := map[string]*check.Target{}, map[string]string{} // by file
		for dir, files := range t.manifests {
			target := by[t.owner(dir)]
			for _, file := range files {
				left := func(u repo.Unread) bool { return u.Covers(file) }
				if target != nil && !read.files[file] && !slices.ContainsFunc(r.Config.Unread, left) && t.holdsObjects(file, groups(target)) {
					candidates = append(candidates, file)
					of[file], owner[file] = target, t.owner(dir)
				}
			}
		}
		if len(candidates) == 0 {
			return nil
		}
		slices.Sort(candidates)
		named, err := search.named(ctx, candidates, owner)
		if err != nil {
			return err
		}
		for _, file := range candidates {
			if !named[file] {
				at := t.begin(file)
				pass.ReportTarget(of[file], at, fmt.Sprintf("%s holds an object, and no kustomization and no other file of the repository names it", file))
			}
		}
		return nil
	}
	return &checked
}

// owner is the closest directory with a kustomization at or above one; empty where there is none, or a chart in between.
func (t *tree) owner(dir string) string {
	for ; ; dir = path.Dir(dir) {
		switch {
		case t.charts[dir]:
			return ""
		case t.roots[dir] != "":
			return dir
		case dir == ".":
			return ""
		}
	}
}

// groups are the API groups of a target's objects.
func groups(target *check.Target) map[string]bool {
	found := map[string]bool{}
	for _, o := range target.Objects {
		found[o.Group()] = true
	}
	return found
}

// holdsObjects reports whether every document of a file is an object for a cluster: of Kubernetes' own groups, or of one that
// the target has objects of. Files of many tools have an apiVersion and a kind.
func (t *tree) holdsObjects(file string, groups map[string]bool) bool {
	documents, err := t.files.Documents(file)
	if err != nil || len(documents) == 0 {
		return false
	}
	return !slices.ContainsFunc(documents, func(d manifest.Document) bool {
		group, _, _ := strings.Cut(manifest.Text(d.Node, "apiVersion"), "/")
		if group == manifest.Text(d.Node, "apiVersion") {
			group = ""
		}
		known := groups[group] || slices.Contains([]string{"", "apps", "batch", "autoscaling", "policy"}, group) ||
			slices.Contains([]string{"networking", "rbac.authorization", "storage", "scheduling", "admissionregistration", "apiextensions"}, strings.TrimSuffix(group, ".k8s.io"))
		return d.Node.Kind != yaml.MappingNode || !known || manifest.Text(d.Node, "apiVersion") == "" || manifest.Text(d.Node, "kind") == "" ||
			manifest.Text(d.Node, "metadata", "name") == "" || manifest.Lookup(d.Node, "metadata", "annotations", konfig.IgnoredByKustomizeAnnotation) != nil
	})
}

// Limits of the search for names. A larger file has been generated, and says nothing of who uses what.
const (
	mostSearched = 20_000
	largestFile  = 1 << 20
)

// refers reports whether a file of this name makes use of others. Prose that speaks of a file does not.
func refers(name string) bool {
	switch base, _, _ := strings.Cut(name, "."); base {
	case "Makefile", "makefile", "GNUmakefile", "Justfile", "justfile", "Taskfile", "Tiltfile", "Dockerfile", "Containerfile", "Jenkinsfile", "Earthfile":
		return true
	}
	return slices.Contains([]string{
		".yaml", ".yml", ".json", ".jsonnet", ".libsonnet", ".toml", ".mk", ".sh", ".bash", ".ps1", ".go", ".py", ".js", ".ts", ".rb", ".tf", ".hcl",
		".star", ".cue", ".nix", ".tpl", ".tmpl", ".j2", ".xml", ".groovy", ".conf", ".cfg", ".ini", ".env",
	}, path.Ext(name))
}

// remark is a line of YAML that is a comment, and no entry of a list that somebody has taken out.
var remark = regexp.MustCompile(`(?m)^[ \t]*#+(?:[ \t]*[^-#\s].*)?$`)

// withoutProse is YAML without comments that speak of files. Those of a kustomization stay: who writes there of a file has not
// forgotten it.
func withoutProse(name string, text []byte) []byte {
	if repo.IsKustomizationFile(name) {
		return text
	}
	return remark.ReplaceAll(text, nil)
}

// search looks for the names of files in a repository. What it found is good for a few seconds: the many targets of one run
// ask for the same files, and a watch has to see what has changed since.
type search struct {
	repository *repo.Repo

	mu    sync.Mutex
	found map[string]bool
	began time.Time
}

const searchedFor = 5 * time.Second

// named reports the files that others name. owner is the directory whose kustomization a file lies below.
func (s *search) named(ctx context.Context, files []string, owner map[string]string) (map[string]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.began) > searchedFor {
		s.found, s.began = map[string]bool{}, time.Now()
	}
	missing := slices.DeleteFunc(slices.Clone(files), func(file string) bool { _, ok := s.found[file]; return ok })
	if len(missing) > 0 {
		found, err := mentioned(ctx, s.repository, missing, owner)
		if err != nil {
			return nil, err
		}
		for _, file := range missing {
			s.found[file] = found[file]
		}
	}
	return maps.Clone(s.found), nil
}

// mentioned searches the repository for the names of files: in kustomizations, scripts and workflows. owner is the directory
// whose kustomization a file lies below. Where the search ends before the repository does, every file counts as named.
func mentioned(ctx context.Context, r *repo.Repo, files []string, owner map[string]string) (map[string]bool, error) {
	named := map[string]bool{}
	searched := 0
	err := repo.Walk(ctx, r.FS, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules" || r.HoldsCopies(p)):
			return fs.SkipDir
		case !entry.Type().IsRegular() || !refers(entry.Name()) || p == repo.ConfigFile || p == repo.BaselineFile || p == vendored.LockFile:
			return nil // what is written for kgate says which files there are, and uses none
		}
		if searched++; searched > mostSearched {
			for _, file := range files {
				named[file] = true
			}
			return fs.SkipAll
		}
		info, err := entry.Info()
		if err != nil || info.Size() > largestFile {
			return nil // gone, or generated
		}
		text, err := fs.ReadFile(r.FS, p)
		if err != nil {
			return nil // who may not read it cannot be told what it names
		}
		if ext := path.Ext(p); ext == ".yaml" || ext == ".yml" {
			text = withoutProse(entry.Name(), text)
		}
		for _, file := range files {
			if p == file || named[file] {
				continue
			}
			// What applies a folder names the folder. One with a kustomization is applied with it, and its other files are not.
			dir := path.Dir(file)
			named[file] = bytes.Contains(text, []byte(path.Base(file))) || dir != owner[file] && bytes.Contains(text, []byte(dir))
		}
		return nil
	})
	return named, err
}
