package coverage

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// forgotten reports manifests below the kustomizations of a target that nothing names.
func forgotten(r *repo.Repo) *check.Check {
	checked := *manifestNamed
	checked.Run = func(_ context.Context, pass *check.Pass) error {
		t, err := look(r)
		if err != nil {
			return err
		}
		read := read(pass.Targets)
		by := map[string]*check.Target{} // the first target that a kustomization is of
		for _, target := range pass.Targets {
			for _, dir := range target.Reading.Layers {
				if by[dir] == nil {
					by[dir] = target
				}
			}
		}
		var candidates []string
		of := map[string]*check.Target{}
		for dir, files := range t.manifests {
			target := by[t.owner(dir)]
			for _, file := range files {
				if target != nil && !read.files[file] && t.holdsObjects(file) {
					candidates = append(candidates, file)
					of[file] = target
				}
			}
		}
		if len(candidates) == 0 {
			return nil
		}
		slices.Sort(candidates)
		named, err := mentioned(r.FS, candidates)
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

// holdsObjects reports whether every document of a file is an object for a cluster.
func (t *tree) holdsObjects(file string) bool {
	documents, err := t.files.Documents(file)
	if err != nil || len(documents) == 0 {
		return false
	}
	return !slices.ContainsFunc(documents, func(d manifest.Document) bool {
		return d.Node.Kind != yaml.MappingNode || manifest.Text(d.Node, "apiVersion") == "" || manifest.Text(d.Node, "kind") == "" ||
			manifest.Text(d.Node, "metadata", "name") == "" || strings.Contains(manifest.Text(d.Node, "apiVersion"), "kustomize.config.k8s.io") ||
			manifest.Lookup(d.Node, "metadata", "annotations", konfig.IgnoredByKustomizeAnnotation) != nil
	})
}

// Limits of the search for names. What they leave out may name anything.
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

// mentioned searches the repository for the names of files: in kustomizations, scripts and workflows.
// Where the search ends before the repository does, every file counts as named.
func mentioned(root fs.FS, files []string) (map[string]bool, error) {
	named := map[string]bool{}
	searched := 0
	err := fs.WalkDir(root, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.Type().IsRegular() || !refers(entry.Name()):
			return nil
		}
		if searched++; searched > mostSearched {
			for _, file := range files {
				named[file] = true
			}
			return fs.SkipAll
		}
		info, err := entry.Info()
		if err != nil || info.Size() > largestFile {
			return nil // gone, or too large to be written by hand
		}
		text, err := fs.ReadFile(root, p)
		if err != nil {
			return nil // who may not read it cannot be told what it names
		}
		for _, file := range files {
			if p != file && !named[file] && bytes.Contains(text, []byte(path.Base(file))) {
				named[file] = true
			}
		}
		return nil
	})
	return named, err
}
