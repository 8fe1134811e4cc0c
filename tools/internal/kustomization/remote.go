package kustomization

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// loader reads the layer that an entry names. above are the directories being read.
type loader func(above []string) (*Layer, error)

// entry resolves an entry that names a file of objects or a layer: to the file, or to what reads the layer. Kustomize takes
// a URL for a file where one comes of it that holds objects, and else for a git repository.
func (w *layers) entry(layer *Layer, node *yaml.Node) (name string, load loader, err error) {
	reference := node.Value
	if !isRemote(reference) {
		name, err := w.open(layer, node, reference)
		if err != nil || !w.files.IsDir(name) {
			return name, nil, err
		}
		return name, func(above []string) (*Layer, error) { return w.load(name, layer.at(node), above) }, nil
	}
	if vendored.IsFile(reference) {
		name, err := w.fetchedFile(layer, node, reference, func(content []byte) error {
			_, err := asResources(content)
			return err
		})
		if err == nil || !errors.Is(err, vendored.ErrNoFile) {
			return name, nil, err
		}
		if _, notGit := vendored.ParseGit(reference); vendored.IsNotGit(notGit) {
			return "", nil, err
		}
	}
	load, err = w.repository(layer, node)
	return "", load, err
}

// directory resolves an entry that names a layer and nothing else; nil for what is a file.
func (w *layers) directory(layer *Layer, node *yaml.Node) (loader, error) {
	if isRemote(node.Value) {
		return w.repository(layer, node)
	}
	_, load, err := w.entry(layer, node)
	return load, err
}

// repository resolves an entry that names a directory of a git repository.
func (w *layers) repository(layer *Layer, node *yaml.Node) (loader, error) {
	at, reference := layer.at(node), node.Value
	for _, before := range w.remotes { // as Kustomize compares them: as texts
		if strings.HasPrefix(before, reference) {
			return nil, fail(at, "cycle: %s leads back to %s", before, reference)
		}
	}
	w.files.look(vendored.LockFile)
	tree, err := w.source.Git(w.ctx, reference)
	w.dependOn(tree.Root)
	if err != nil {
		return nil, unfetched(at, reference, err)
	}
	dir, err := w.files.resolve(tree.Dir)
	switch {
	case err != nil:
		return nil, fail(at, "%s: %s", reference, err)
	case !vendored.Within(tree.Root, dir):
		return nil, fail(at, "%s: a symbolic link leads out of the repository", reference)
	case !w.files.IsDir(dir):
		return nil, fail(at, "%s is a file; a directory belongs here", reference)
	}
	return func(above []string) (*Layer, error) {
		remotes, copied, outer := w.remotes, w.copied, w.outer
		defer func() { w.remotes, w.copied, w.outer = remotes, copied, outer }()
		w.remotes, w.copied, w.outer = append(slices.Clip(remotes), reference), tree, len(above)
		w.bring(layer, at, tree.Root)
		below, err := w.load(dir, at, above)
		return below, w.brought.explain(layer, err)
	}, nil
}

// dependOn has everything in a copy matter, also in one that is not taken.
func (w *layers) dependOn(root string) {
	if root != "" && root != "." {
		w.files.depend(root)
	}
}

// fetchedFile is the copy of a file that an entry names by URL.
func (w *layers) fetchedFile(layer *Layer, node *yaml.Node, reference string, accept func([]byte) error) (string, error) {
	at := layer.at(node)
	w.files.look(vendored.LockFile)
	name, err := w.source.File(w.ctx, reference, accept)
	w.dependOn(path.Dir(name))
	if err != nil {
		return "", unfetched(at, reference, err)
	}
	if layer.fetched == nil {
		layer.fetched = map[string]string{}
	}
	layer.fetched[reference] = name
	w.bring(layer, at, path.Dir(name))
	return name, nil
}

// unfetched is the error of an entry without a copy. One of the lock file, which no entry can help, stands at that file.
func unfetched(at manifest.Position, reference string, err error) error {
	if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
		return err
	}
	return &reworded{fail(at, "%s is remote: %s", reference, err), err}
}

// reworded is an error told otherwise, and itself for who can do something about it.
type reworded struct{ as, cause error }

func (r *reworded) Error() string        { return r.as.Error() }
func (r *reworded) Unwrap() error        { return r.as }
func (r *reworded) Is(target error) bool { return errors.Is(r.cause, target) }

// Path is where a reference of the layer to a file leads: to a path below its directory, or to the copy of what it names.
func (l *Layer) Path(reference string) string {
	if at, ok := l.fetched[reference]; ok {
		return at
	}
	return path.Join(l.Dir, reference)
}

// Fetched is the copy of a file that an entry of the layer names by URL; "" for what is none.
func (l *Layer) Fetched(reference string) string { return l.fetched[reference] }

// mayRead reports whether Kustomize lets the layer read a file: one at or below its directory, or of the whole repository
// where it is built so. A layer of another repository has never more than its directory.
func (l *Layer) mayRead(files *Files, name string) bool {
	return vendored.Within(l.Dir, name) || l.copied.Root == "" && files.whole != nil && files.whole()
}

// entryOf says which entry of the repository's own files brought a copy: by the copy's directory.
type entryOf map[string]manifest.Position

// bring notes the entry that a copy is for. Copies that copies name are for the entry that brought these.
func (w *layers) bring(layer *Layer, at manifest.Position, root string) {
	if layer.copied.Root != "" {
		at = w.brought[layer.copied.Root]
	}
	if w.brought == nil {
		w.brought = entryOf{}
	}
	if _, known := w.brought[root]; !known && !at.IsZero() {
		w.brought[root] = at
	}
}

// of is the entry that a file is there for; zero for a file of the repository's own.
func (e entryOf) of(file string) manifest.Position {
	for dir := path.Dir(file); dir != "." && dir != "/" && len(e) > 0; dir = path.Dir(dir) {
		if at, ok := e[dir]; ok {
			return at
		}
	}
	return manifest.Position{}
}

// explain says of an error in a copy which entry brought it: nobody edits a copy.
func (e entryOf) explain(layer *Layer, err error) error {
	syntax := (*manifest.SyntaxError)(nil)
	if layer.copied.Root != "" || !errors.As(err, &syntax) {
		return err
	}
	at := e.of(syntax.File)
	if at.IsZero() {
		return err
	}
	return &reworded{fail(syntax.Position, "%s; the file is part of a copy, which %s brings", syntax.Message, at), err}
}

// BroughtBy is the entry of the repository's own files that brought a file which is part of a copy; zero for a file that is
// none.
func (r *Result) BroughtBy(file string) manifest.Position {
	return r.brought.of(file)
}

// Needs are the paths that a target is read from: files, links, directories, and where one was looked for. It reads the
// layers of a target and renders nothing; a target that is no kustomization needs nothing else than itself. Of one of
// charts these are its charts and values.
func (r *Renderer) Needs(ctx context.Context, target string) ([]string, error) {
	files := NewFiles(r.store)
	files.whole = r.whole(target)
	if r.releases(target) != nil {
		err := r.needs(ctx, files, target)
		names := slices.Sorted(maps.Keys(files.looked))
		if err != nil {
			return names, &Error{target, err, files}
		}
		return names, nil
	}
	if !files.IsDir(target) || files.Kustomization(target) == "" {
		return nil, nil
	}
	w := &layers{ctx: ctx, files: files, source: r.Remote}
	_, err := w.load(target, manifest.Position{}, nil)
	files.mu.Lock()
	defer files.mu.Unlock()
	names := slices.Sorted(maps.Keys(files.looked))
	if err != nil {
		return names, &Error{target, err, files}
	}
	return names, nil
}
