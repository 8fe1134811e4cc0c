package coverage

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// tree is what the repository holds that could be deployed.
type tree struct {
	repository *repo.Repo

	fs        fs.FS
	files     *kustomization.Files
	copies    func(dir string) bool
	walked    map[string]bool
	dirs      []string          // every directory, sorted
	roots     map[string]string // kustomization file by directory, also of Components
	manifests map[string][]string
	linked    map[string]bool   // of the manifests, those that are links
	charts    map[string]bool   // directories of Helm charts
	suites    map[string]bool   // directories of suites of tests
	ignores   []string          // files that keep others from Flux
	claims    []claim           // of targets and of files that no target reads
	sources   map[string]bool   // sources of Flux that are this repository, or are made of it; nil until somebody asks
	urls      map[string]string // of the sources of Flux, as claims call them, as far as they are here
	branches  map[string]string // that they are of
	calling   calling
	telling   []teller // what tells Argo CD or Flux what to deploy, from wherever
	claiming  []string // files that no target reads, with objects that deploy something
}

// teller is an object that tells Argo CD or Flux what to deploy.
type teller struct {
	object *manifest.Object
	target *check.Target // that renders it; nil for one of a file which no target reads
	file   string        // that it is written in, where no target reads it
	locate func(manifest.Path) manifest.Position
}

// look walks the repository. What repo.PassedOver names is left out, as it is of roots, until an Application names it.
func look(ctx context.Context, r *repo.Repo) (*tree, error) {
	t := newTree(r)
	if err := t.walk(ctx, "."); err != nil {
		return nil, fmt.Errorf("look for what no target reads: %w", err)
	}
	return t, nil
}

func newTree(r *repo.Repo) *tree {
	return &tree{
		repository: r, fs: r.FS, copies: r.HoldsCopies, files: kustomization.NewFiles(r.Store()), walked: map[string]bool{},
		roots: map[string]string{}, urls: map[string]string{}, branches: map[string]string{}, manifests: map[string][]string{}, linked: map[string]bool{}, charts: map[string]bool{}, suites: map[string]bool{},
	}
}

// walk takes in what is below a directory, once.
func (t *tree) walk(ctx context.Context, from string) error {
	err := repo.Walk(ctx, t.fs, from, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dir := path.Dir(p)
		switch {
		case entry.IsDir():
			if p != from && (repo.PassedOver(p) || t.copies(p)) || t.walked[p] {
				return fs.SkipDir
			}
			t.walked[p] = true
			t.dirs = append(t.dirs, p)
		case repo.IsKustomizationFile(entry.Name()):
			if t.roots[dir] == "" {
				t.roots[dir] = p
			}
		case entry.Name() == ignoreFile:
			t.ignores = append(t.ignores, p)
		case entry.Name() == "Chart.yaml":
			t.charts[dir] = true
			t.manifests[dir] = append(t.manifests[dir], p)
		case repo.IsManifestFile(p) || path.Ext(p) == ".jsonnet":
			t.manifests[dir] = append(t.manifests[dir], p)
			t.linked[p] = entry.Type()&fs.ModeSymlink != 0
			if dir != "." && suiteFile.MatchString(entry.Name()) { // kuttl-test.yaml at the top says where its tests are
				t.suites[dir] = true
			}
		}
		return nil
	})
	slices.Sort(t.dirs)
	return err
}

// real is a path as it is called without links; false when it leads nowhere, or is no directory.
func (t *tree) real(dir string) (string, bool) {
	resolved, file, err := t.files.CleanedAbs(dir)
	if err != nil || file != "" {
		return "", false
	}
	return cmp.Or(strings.TrimPrefix(string(resolved), "/"), "."), true
}

// begin is where a file begins, or the file when it cannot be read.
func (t *tree) begin(file string) manifest.Position {
	documents, err := t.files.Documents(file)
	if err != nil || len(documents) == 0 {
		return manifest.Position{File: file}
	}
	return documents[0].Position(nil, documents[0].Node)
}

// kustomization is the content of a root's file; nil when it cannot be read.
func (t *tree) kustomization(dir string) *yaml.Node {
	documents, err := t.files.Documents(t.roots[dir])
	if err != nil || len(documents) != 1 || documents[0].Node.Kind != yaml.MappingNode {
		return nil
	}
	return documents[0].Node
}

// isComponent reports whether a kustomization is beyond doubt a Component, which is a part of roots and none itself.
func (t *tree) isComponent(dir string) bool {
	node := t.kustomization(dir)
	if node == nil {
		return false
	}
	component := false
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			return false // what decoders make of a merge is not asked
		case key.Value == "kind" && value.Kind == yaml.ScalarNode:
			component = value.Value == types.ComponentKind
		case strings.EqualFold(key.Value, "kind"):
			return false // decoders that pass over the case of letters disagree with those that do not
		}
	}
	return component
}

// below are the roots that a root names.
func (t *tree) below(dir string) []string {
	var roots []string
	for _, to := range t.entries(dir) {
		if real, ok := t.real(to); ok && t.roots[real] != "" && real != dir {
			roots = append(roots, real)
		}
	}
	return roots
}

// entries are the paths that a root names as what it is made of.
func (t *tree) entries(dir string) []string {
	var paths []string
	node := t.kustomization(dir)
	for _, field := range []string{"resources", "bases", "components"} {
		list := manifest.Lookup(node, field)
		if list == nil || list.Kind != yaml.SequenceNode {
			continue
		}
		for _, item := range list.Content {
			if item = manifest.Lookup(item); item == nil || item.Kind != yaml.ScalarNode {
				continue
			}
			to := path.Join(dir, item.Value)
			if to == ".." || strings.HasPrefix(to, "../") || path.IsAbs(item.Value) {
				continue
			}
			paths = append(paths, to)
		}
	}
	return paths
}

// unreadRoots are the roots that neither a target nor another root reads. Of roots that read each other, and that nothing
// else reads, it is the first. What a root that left takes out reads has to be taken out too: a root among the examples
// reads nothing for the others.
func (t *tree) unreadRoots(read reading, left func(dir string) bool) []string {
	var unread []string
	for dir := range t.roots {
		if !read.layers[dir] && !t.isComponent(dir) && !left(dir) {
			unread = append(unread, dir)
		}
	}
	slices.Sort(unread)
	below := map[string][]string{}
	named := map[string]bool{}
	for _, dir := range unread {
		below[dir] = t.below(dir)
		for _, b := range below[dir] {
			named[b] = true
		}
	}
	seen := map[string]bool{}
	var follow func(dir string)
	follow = func(dir string) {
		if !seen[dir] {
			seen[dir] = true
			for _, b := range below[dir] {
				follow(b)
			}
		}
	}
	var first []string
	for _, again := range []bool{false, true} {
		for _, dir := range unread {
			if !seen[dir] && (again || !named[dir]) {
				follow(dir)
				first = append(first, dir)
			}
		}
	}
	slices.Sort(first)
	return first
}

// within are a directory and, recursively, those below it.
func (t *tree) within(dir string, recursively bool) []string {
	dirs := []string{dir}
	if !recursively {
		return dirs
	}
	if dir == "." {
		return t.dirs
	}
	at, _ := slices.BinarySearch(t.dirs, dir+"/")
	for ; at < len(t.dirs) && strings.HasPrefix(t.dirs[at], dir+"/"); at++ {
		dirs = append(dirs, t.dirs[at])
	}
	return dirs
}
