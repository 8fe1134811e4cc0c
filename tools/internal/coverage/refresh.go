package coverage

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// generatePathsKey is the annotation by which Argo CD knows which files of a repository an Application is made of.
const generatePathsKey = "argocd.argoproj.io/manifest-generate-paths"

var generatePaths = &check.Check{
	Name:  "gitops/generate-paths",
	Title: "manifest-generate-paths names all that a source reads",
	Doc: "With the annotation " + generatePathsKey + " Argo CD looks at an Application again only where a commit changes one of the files that it names. " +
		"A base, a component or a file of a generator outside of them changes, and Argo CD goes on with the manifests that it has: what was merged " +
		"is in no cluster, and the Application is Synced. The paths are separated by semicolons; one that begins with a slash is of the repository, any " +
		"other of the source's path. It is a file, a directory with all that is below, or a glob of a whole path, of which a * ends at a slash.",
	Fix:      "Add the directory that the message names to the annotation, or delete the annotation.",
	Severity: check.Error, Scope: check.Repository, Origin: "kgate",
	References: []string{
		"https://argo-cd.readthedocs.io/en/stable/operator-manual/high_availability/#manifest-paths-annotation",
		"https://github.com/argoproj/argo-cd/blob/v3.6.1/util/app/path/path.go",
	},
	Sees: func(o *manifest.Object) bool {
		return o.Group() == "argoproj.io" && (o.Kind == "Application" || o.Kind == "ApplicationSet")
	},
	Bad: generatePathsExample("."), Good: generatePathsExample(".;/base"),
}

// refreshed is the check of a repository.
func refreshed(r *repo.Repo) *check.Check {
	checked := *generatePaths
	checked.Run = func(ctx context.Context, pass *check.Pass) error {
		asks := func(t *check.Target) bool {
			return slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool {
				return checked.Sees(o) && cmp.Or(generatePathsOf(o.Value), generatePathsOf(manifest.At(o.Value, "spec", "template"))) != ""
			})
		}
		if !slices.ContainsFunc(pass.Targets, asks) {
			return nil
		}
		renderer := kustomization.New(r.FS, strings.NewReader(""))
		all, _, err := Applications(ctx, r, renderer.Files(), pass.Targets)
		if err != nil {
			return err
		}
		said := map[string]bool{} // of an ApplicationSet whose Applications all say the same
		for _, a := range all {
			annotation := generatePathsOf(a.Object.Value)
			if a.Target == nil || annotation == "" {
				continue
			}
			for _, s := range a.Sources {
				if s.Dir == "" || s.Type != "kustomize" && s.Type != "directory" {
					continue
				}
				missed, err := notRefreshed(ctx, r, renderer, s, annotation)
				if err != nil {
					return err
				}
				if len(missed) == 0 {
					continue
				}
				object, field := a.Object, manifest.Path{"metadata", "annotations", generatePathsKey}
				if a.Set != nil {
					object, field = a.Set, slices.Concat(manifest.Path{"spec", "template"}, field)
				}
				message := fmt.Sprintf("%s is made of %s, which manifest-generate-paths %q leaves out: a change of nothing else does not have Argo CD look at the Application again%s",
					named(s.Dir), filesSaid(missed), annotation, meantFromTop(r, s, annotation))
				if !said[message] {
					said[message] = true
					pass.Report(a.Target, object, field, message)
				}
			}
		}
		return ctx.Err()
	}
	return &checked
}

func generatePathsOf(value any) string {
	return strings.TrimSpace(manifest.TextAt(value, "metadata", "annotations", generatePathsKey))
}

// refreshPaths are the paths of an annotation, for a source: GetSourceRefreshPaths in util/app/path/path.go.
func refreshPaths(annotation, source string) []string {
	var all []string
	for item := range strings.SplitSeq(annotation, ";") {
		switch item = strings.TrimSpace(item); {
		case item == "":
		case path.IsAbs(item):
			all = append(all, item)
		default:
			all = append(all, "/"+path.Clean(path.Join(source, item)))
		}
	}
	return all
}

// refreshes reports whether a change of a file has Argo CD look again: AppFilesHaveChanged there. It is one of the paths, below one
// of them, or fits it as a glob.
func refreshes(paths []string, file string) bool {
	if len(paths) == 0 {
		return true
	}
	file = "/" + file
	return slices.ContainsFunc(paths, func(item string) bool {
		if file == item {
			return true
		}
		dir := path.Clean(item)
		if dir == "/" || path.Dir(file) == dir || strings.HasPrefix(path.Dir(file), dir+"/") {
			return true
		}
		fits, err := path.Match(item, file)
		return err == nil && fits
	})
}

// notRefreshed are the files that a source is made of and that the annotation does not name.
func notRefreshed(ctx context.Context, r *repo.Repo, renderer *kustomization.Renderer, s ApplicationSource, annotation string) ([]string, error) {
	paths := refreshPaths(annotation, manifest.TextAt(s.Value, "path"))
	files, err := renderer.Needs(ctx, s.Dir)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, nil //nolint:nilerr // where it is rendered, that says what is wrong
	}
	if s.Type == "directory" {
		entries, err := fs.ReadDir(r.FS, s.Dir)
		if err != nil {
			return nil, nil //nolint:nilerr // likewise
		}
		files = nil
		for _, entry := range entries {
			if !entry.IsDir() && repo.IsManifestFile(entry.Name()) {
				files = append(files, path.Join(s.Dir, entry.Name()))
			}
		}
	}
	return slices.DeleteFunc(files, func(file string) bool {
		info, err := fs.Lstat(r.FS, file)
		return err != nil || info.IsDir() || copied(r, file) || refreshes(paths, file)
	}), nil
}

// copied reports a file of a copy: Argo CD reads what it is a copy of, from elsewhere.
func copied(r *repo.Repo, file string) bool {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if r.HoldsCopies(dir) {
			return true
		}
	}
	return false
}

// filesSaid names files by the first of them and the directories that they are in.
func filesSaid(files []string) string {
	if len(files) == 1 {
		return files[0]
	}
	slices.Sort(files)
	var dirs []string
	for _, file := range files {
		dir := path.Dir(file)
		if !slices.ContainsFunc(dirs, func(above string) bool { return above == dir || below(above, dir) }) {
			dirs = append(slices.DeleteFunc(dirs, func(within string) bool { return below(dir, within) }), dir)
		}
	}
	slices.Sort(dirs)
	const most = 4
	more := ""
	if n := len(dirs) - most; n > 1 {
		dirs, more = dirs[:most], fmt.Sprintf(" and %d more directories", n)
	}
	for i := range dirs {
		dirs[i] = "/" + strings.TrimPrefix(dirs[i], ".")
	}
	return fmt.Sprintf("%d files in %s%s", len(files), strings.Join(dirs, ", "), more)
}

// meantFromTop asks whether a path that is nowhere was meant to begin at the top of the repository.
func meantFromTop(r *repo.Repo, s ApplicationSource, annotation string) string {
	exists := func(name string) bool {
		_, err := fs.Stat(r.FS, cmp.Or(strings.TrimPrefix(path.Clean(name), "/"), "."))
		return err == nil
	}
	for item := range strings.SplitSeq(annotation, ";") {
		if item = strings.TrimSpace(item); item == "" || path.IsAbs(item) || strings.ContainsAny(item, "*?[") || strings.HasPrefix(item, ".") {
			continue
		}
		if source := manifest.TextAt(s.Value, "path"); !exists(path.Join("/", source, item)) && exists(path.Join("/", item)) {
			return fmt.Sprintf("; %s is below %s, where there is none: did you mean `/%s`?", item, source, item)
		}
	}
	return ""
}

func generatePathsExample(paths string) string {
	return `# file: base/kustomization.yaml
resources: [config-map.yaml]
---
# file: base/config-map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: app
  namespace: go-otlp-app
---
# file: overlays/prod/kustomization.yaml
resources: [../../base]
---
# file: argocd/kustomization.yaml
resources: [prod.yaml]
---
# file: argocd/prod.yaml
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: prod
  namespace: argocd
  annotations:
    argocd.argoproj.io/manifest-generate-paths: ` + paths + `
spec:
  project: go-otlp-app
  source: {repoURL: https://github.com/kgate-dev/gitops, path: overlays/prod}
` + destination
}
