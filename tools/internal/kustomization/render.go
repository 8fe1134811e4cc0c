// Package kustomization turns a target into objects: a Kustomize root in process and offline, or plain manifests as they
// stand. It keeps every file read, for every object the trace of where it was written and what in which layer touched it,
// and what each entry of each layer did; its checks report what Kustomize accepts in silence.
package kustomization

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Stdin is the target that reads manifests from standard input.
const Stdin = "-"

// Result is a rendered target.
type Result struct {
	Path    string
	Objects []*manifest.Object
	Faults  []check.Fault
	Effects []check.Entry // what does something here and may do nothing in another target
	Read    []string      // every file that took part, sorted
	Root    *Layer        // nil for plain manifests
	// PassedOver are the files of a directory of manifests that hold none, and Left what its deployer does not take of it: files,
	// and directories, whose names end in a slash.
	PassedOver, Left []string

	// Unwritten are the files of a chart that is a target by itself which hold objects that it does not render.
	Unwritten []string
	Hashed    []manifest.ID // objects with a hash in their names that is of encrypted values: in the cluster it is another
	// Stems are the names of objects without the hash of their contents that is behind each, by kind and name.
	Stems map[[2]string]string
	// Charts are the directories of charts that are rendered without a kustomization.
	Charts []string

	files   *Files // nil for standard input
	yaml    func() ([]byte, error)
	traces  map[*manifest.Object]*Trace
	openapi *Layer // the one whose OpenAPI schema Kustomize goes by; nil for its own
	brought entryOf
}

// DependsOn reports whether a change of what stands at a path, a file, a directory or a link, can change the result:
// also a path at which there was nothing, such as a second kustomization file, and a new file of a directory of manifests.
func (r *Result) DependsOn(path string) bool { return r.files != nil && r.files.dependsOn(path) }

// Trace tells where an object of the result comes from; nil when that is not known.
func (r *Result) Trace(object *manifest.Object) *Trace { return r.traces[object] }

// Replay runs a function that does again what rendering did: with the schema that Kustomize had, and able to read what
// Kustomize read.
func (r *Result) Replay(do func(read func(name string) ([]byte, error))) {
	if r.openapi == nil {
		defer openAPI.share()()
	} else {
		defer openAPI.own()()
		if err := r.openapi.setOpenAPI(r.files, true); err != nil {
			return // it has been set before: there is nothing to tell
		}
	}
	do(r.files.ReadFile)
}

// OwnSchema reports whether rendering went by an OpenAPI schema of the layers, and not by Kustomize's own.
func (r *Result) OwnSchema() bool { return r.openapi != nil }

// setOpenAPI makes Kustomize go by the layer's OpenAPI schema, as it does itself when it comes to the layer.
func (l *Layer) setOpenAPI(files *Files, reset bool) error {
	var schema []byte
	if name, ok := l.Config.OpenAPI["path"]; ok {
		var err error
		if schema, err = files.ReadFile(l.Path(name)); err != nil {
			return err
		}
	}
	return openapi.SetSchema(l.Config.OpenAPI, schema, reset)
}

// YAML is the target as one stream: for a Kustomize root, byte for byte what `kustomize build` prints.
func (r *Result) YAML() ([]byte, error) {
	if r.yaml != nil {
		return r.yaml()
	}
	var out bytes.Buffer
	for i, object := range r.Objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := k8syaml.JSONToYAML(object.Written())
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", object.ID, err)
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// Renderer renders the targets of one repository. It is safe for concurrent use.
type Renderer struct {
	// LoadRestrictionsNone reports whether a target is built with the load restrictor of that name: its kustomizations may
	// read files of the whole repository. nil is no target.
	LoadRestrictionsNone func(target string) bool

	// Directory is how the manifests of a directory without a kustomization are taken; nil takes all below it, and passes over
	// what is no manifest.
	Directory func(dir string) Directory

	// Remote has what kustomizations name by URL: the copies of the tree, unless it is replaced.
	Remote vendored.Source

	// Releases are the targets that are charts and nothing else, by names that no path of the tree has. It is set before anything
	// is rendered.
	Releases map[string][]Release

	store *Store
	stdin func() ([]byte, error) // read once and kept, so that a report can quote it

	mentions mentions
}

// stdinName is the file that positions in the standard input name.
const stdinName = "<stdin>"

// New returns a renderer of the tree below root. stdin is read when the target is Stdin.
func New(root fs.FS, stdin io.Reader) *Renderer { return NewOn(NewStore(root), stdin) }

// NewOn is New for a tree that others read as well.
func NewOn(store *Store, stdin io.Reader) *Renderer {
	return &Renderer{store: store, Remote: vendored.Open(store.root), stdin: sync.OnceValues(func() ([]byte, error) {
		return io.ReadAll(io.LimitReader(stdin, manifest.MaxFileSize+1))
	})}
}

// ReadFile is the text that a position of the renderer's results is in: of a file, as it was when it was rendered, or
// of the standard input.
func (r *Renderer) ReadFile(name string) ([]byte, error) {
	if name == stdinName {
		return r.stdin()
	}
	return NewFiles(r.store).ReadFile(name)
}

// Files are those of the repository, as the renderer has read them.
func (r *Renderer) Files() *Files {
	files := NewFiles(r.store)
	files.rendered() // how much one target reads is limited, and this is for none
	return files
}

// whole reports, when it is asked, whether a target is built without load restrictions.
func (r *Renderer) whole(target string) func() bool {
	return func() bool { return r.LoadRestrictionsNone != nil && r.LoadRestrictionsNone(target) }
}

func (r *Renderer) directory(target string) Directory {
	if r.Directory == nil {
		return Directory{}
	}
	return r.Directory(clean(target))
}

// Directory is how a directory of manifests is taken.
type Directory struct {
	Flat       bool                   // without the directories below
	YAML, JSON bool                   // every file of the format is a manifest; else what holds none is passed over
	NoJSON     bool                   // files of JSON are not taken
	Skips      func(path string) bool // directories and files that are not taken; nil for none
	Apart      func(dir string) bool  // directories that are targets of their own; nil for none
	// Templated reports files that may be templates of a Helm chart: what of them is no object nobody can apply, and it is passed
	// over. nil for none.
	Templated func(file string) bool
}

// Render renders a target: a path below the root, or Stdin. It gives up between two entries once the context ends.
func (r *Renderer) Render(ctx context.Context, target string) (*Result, error) {
	if releases := r.releases(target); releases != nil {
		return r.RenderReleases(ctx, target, releases)
	}
	files := NewFiles(r.store)
	files.whole = r.whole(target)
	result, err := r.render(ctx, files, target)
	if err == nil && len(result.Objects) == 0 {
		switch {
		case target == Stdin:
			err = errors.New("it holds no object: nothing would pass every check")
		case result.Root != nil && result.Root.awaitsFlux():
			fault := nothing(result)
			fault.Warns = true
			result.Faults = []check.Fault{fault} // that entries do nothing yet follows
		default:
			result.Faults = append(result.Faults, nothing(result))
		}
	}
	if err != nil {
		return nil, &Error{target, err, files}
	}
	return result, nil
}

// nothing is the fault of a target that renders to no object.
func nothing(r *Result) check.Fault {
	at := manifest.Position{File: r.Path}
	if r.Root != nil {
		at = manifest.Position{File: r.Root.File, Line: 1}
	}
	fault := newFault(rendersObjects, at, "it renders no object: who deploys it deletes everything that it deployed before, or refuses to")
	fault.Bare = r.Root != nil && r.Root.isBare()
	return fault
}

// awaitsFlux reports the kustomization of flux-system before `flux bootstrap` fills the files that it lists.
func (l *Layer) awaitsFlux() bool {
	of := func(r Resource) bool {
		return len(r.Documents) == 0 && (r.Name == "gotk-components.yaml" || r.Name == "gotk-sync.yaml")
	}
	return len(l.Resources) > 0 && l.isBare() && !slices.ContainsFunc(l.Resources, func(r Resource) bool { return !of(r) })
}

// isBare reports a layer to which nothing brings an object that a patch could have deleted.
func (l *Layer) isBare() bool {
	if len(l.plugins) > 0 || l.charted || len(l.Config.ConfigMapGenerator)+len(l.Config.SecretGenerator) > 0 {
		return false
	}
	for _, r := range l.Resources {
		if len(r.Documents) > 0 {
			return false
		}
	}
	return !slices.ContainsFunc(l.below(), func(b *Layer) bool { return !b.isBare() })
}

// Error says why a target cannot be rendered.
type Error struct {
	Target string
	Err    error

	files *Files
}

func (e *Error) Error() string { return "render " + e.Target + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// DependsOn is Result.DependsOn of the attempt.
func (e *Error) DependsOn(path string) bool { return e.files.dependsOn(path) }

func (r *Renderer) render(ctx context.Context, files *Files, target string) (*Result, error) {
	if target == Stdin {
		data, err := r.stdin()
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		documents, err := manifest.ParseDocuments(stdinName, data)
		if err != nil {
			return nil, err
		}
		return plain(target, documents)
	}
	info, err := files.stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("no such file or directory")
	case err != nil:
		return nil, err
	case !info.IsDir():
		documents, err := files.Documents(target)
		if err != nil {
			return nil, err
		}
		return withRead(plain(target, documents))(files)
	}
	w := &layers{ctx: ctx, files: files, source: r.Remote}
	if _, err := w.find(target, manifest.Position{}); err != nil {
		taken := r.directory(target)
		names, left, listErr := manifestFiles(files, target, taken)
		if listErr != nil {
			return nil, listErr
		}
		if len(names) == 0 {
			return nil, errors.New("the directory has neither a kustomization.yaml nor a YAML or JSON file")
		}
		if ambiguous := (*manifest.SyntaxError)(nil); errors.As(err, &ambiguous) && strings.Contains(ambiguous.Message, "kustomization files") {
			return nil, err
		}
		var documents []manifest.Document
		var other []string
		for _, name := range names {
			more, err := files.Documents(name)
			if err == nil && len(more) == 0 {
				continue
			}
			if !taken.isManifest(files, name, more, err) {
				other = append(other, name)
				continue
			}
			if taken.Templated != nil && taken.Templated(name) {
				objects := slices.DeleteFunc(more, func(d manifest.Document) bool { return !isApplicable(d) })
				if err != nil || len(objects) == 0 {
					other = append(other, name)
				}
				more, err = objects, nil
			}
			if err != nil {
				return nil, err
			}
			documents = append(documents, more...)
		}
		result, err := withRead(plain(target, documents))(files)
		if err == nil {
			result.PassedOver, result.Left = other, left
		}
		return result, err
	}
	root, err := w.load(target, manifest.Position{}, nil)
	if err != nil {
		return nil, err
	}
	return kustomize(ctx, files, w, root)
}

func withRead(result *Result, err error) func(*Files) (*Result, error) {
	return func(files *Files) (*Result, error) {
		if err == nil {
			result.Read, result.files = files.Read(), files
		}
		return result, err
	}
}

// plain makes a result of documents as they stand.
func plain(target string, documents []manifest.Document) (*Result, error) {
	defer openAPI.identify()()
	result := &Result{Path: target, traces: map[*manifest.Object]*Trace{}}
	for i := range documents {
		if err := isObject(documents[i]); err != nil {
			return nil, err
		}
		objects, err := documents[i].Objects()
		if err != nil {
			return nil, err
		}
		traces := fromDocument(&documents[i])
		for j, object := range objects {
			if j < len(traces) {
				result.traces[object] = traces[j]
			}
		}
		result.Objects = append(result.Objects, objects...)
	}
	return result, nil
}

// isApplicable reports a document that is an object, or a list of objects.
func isApplicable(d manifest.Document) bool {
	if isObject(d) != nil {
		return false
	}
	_, err := d.Objects()
	return err == nil
}

// holdsManifest reports a file that Argo CD takes for one of manifests, whatever is wrong with them: what it can read has a kind,
// and what it cannot has the words of an object. See getObjsFromYAMLOrJSON in reposerver/repository/repository.go of v3.6.1.
func holdsManifest(text []byte, documents []manifest.Document, err error) bool {
	words := []string{"apiVersion:", "kind:", "metadata:"}
	switch {
	case !slices.ContainsFunc(words, func(word string) bool { return !bytes.Contains(text, []byte(word)) }):
		return true
	case err != nil:
		return kind.Match(text)
	}
	return slices.ContainsFunc(documents, func(d manifest.Document) bool { return manifest.Lookup(d.Node, "kind") != nil })
}

// kind finds a kind in a text that is no YAML: of an object before what is wrong with it.
var kind = regexp.MustCompile(`(?m)^"?kind"? *:`)

// skipMark is in files that Argo CD is told to pass over.
var skipMark = []byte("+argocd:skip-file-rendering")

// isManifest reports whether a file is one of manifests to what deploys its directory.
func (taken Directory) isManifest(files *Files, name string, documents []manifest.Document, err error) bool {
	all := taken.YAML
	if path.Ext(name) == ".json" {
		all = taken.JSON
	}
	text, readErr := files.ReadFile(name)
	switch {
	case readErr != nil || taken.YAML:
		return true
	case bytes.Contains(text, skipMark):
		return false
	}
	return all || holdsManifest(text, documents, err)
}

// configFile is that of kgate, which lies among the manifests of a repository that is one directory of them.
const configFile = "kgate.yaml"

// sopsConfig are the names of the file that says how SOPS encrypts others, which may lie in any directory.
var sopsConfig = []string{".sops.yaml", ".sops.yml"}

// manifestFiles are the files that a directory of manifests consists of, and what it leaves.
func manifestFiles(files *Files, dir string, taken Directory) (names, left []string, err error) {
	asked := func(of func(string) bool, p string) bool { return of != nil && of(clean(p)) }
	err = files.Walk(dir, func(p string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if linked, err := files.stat(p); err != nil {
				return fail(manifest.Position{File: clean(p)}, "%s", err)
			} else if linked.IsDir() {
				return fail(manifest.Position{File: clean(p)}, "a symbolic link to a directory: name the directory itself as a target")
			}
		}
		if info.IsDir() {
			// A root below is no manifest of this directory: it is rendered as a target of its own.
			switch {
			case clean(p) == clean(dir):
			case strings.HasPrefix(info.Name(), "."), files.Kustomization(p) != "", asked(taken.Apart, p):
				return fs.SkipDir
			case taken.Flat, asked(taken.Skips, p):
				left = append(left, clean(p)+"/")
				return fs.SkipDir
			}
			return nil
		}
		if clean(p) == configFile || slices.Contains(sopsConfig, info.Name()) {
			return nil
		}
		if slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(p)) {
			if asked(taken.Skips, p) || taken.NoJSON && path.Ext(p) == ".json" {
				left = append(left, clean(p))
				return nil
			}
			if names = append(names, clean(p)); len(names) > maxFiles {
				return fail(manifest.Position{File: clean(dir)}, "the directory has more than %d manifests: name directories below it as targets", maxFiles)
			}
		}
		return nil
	})
	return names, left, err
}

// openAPI guards Kustomize's one global schema.
var openAPI schemaLock

// schemaLock lets renders share Kustomize's global schema, and gives a render whose tree sets `openapi:` the schema
// alone, because it would leak into the others. Kustomize fills its schema at the first question, and reads it without
// a lock after that: a question of one render would race with the first of another, so nothing but own and the
// filling in share writes it.
type schemaLock struct {
	mu     sync.RWMutex
	filled bool
}

// share takes the schema of Kustomize itself, filled, together with others. The function that it returns gives it back.
func (l *schemaLock) share() (unlock func()) {
	for {
		l.mu.RLock()
		if l.filled {
			return l.mu.RUnlock
		}
		l.mu.RUnlock()
		l.mu.Lock()
		if !l.filled {
			openapi.Schema()
			l.filled = true
		}
		l.mu.Unlock()
	}
}

// identify is share for what asks no more than whether a built-in kind is namespaced, which Kustomize answers without
// filling its schema.
func (l *schemaLock) identify() (unlock func()) {
	l.mu.RLock()
	return l.mu.RUnlock
}

// own takes the schema alone, empty, to be set. The function that it returns empties it and gives it back.
func (l *schemaLock) own() (unlock func()) {
	l.mu.Lock()
	l.filled = false
	openapi.ResetOpenAPI()
	return func() {
		openapi.ResetOpenAPI()
		l.mu.Unlock()
	}
}

func kustomize(ctx context.Context, files *Files, w *layers, root *Layer) (*Result, error) {
	if w.openapi != nil {
		defer openAPI.own()()
	} else {
		defer openAPI.share()()
	}
	e := newEngine(ctx, files, root)
	e.alone = w.openapi != nil
	built, err := e.build()
	files.rendered()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, e.explain(err, built)
	}
	result := &Result{
		Path: root.Dir, Root: root, Effects: slices.Collect(maps.Keys(e.works)), files: files, openapi: w.openapi, brought: w.brought,
		traces: map[*manifest.Object]*Trace{}, Stems: map[[2]string]string{},
	}
	for _, r := range built.resources.Resources() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		trace := built.traces[r]
		object, err := files.store.object(r, trace)
		if err != nil {
			return nil, err
		}
		object.Source = manifest.Position{File: root.File}
		if trace != nil {
			object.Source = trace.Source
			result.traces[object] = trace
			e.withoutImage(root.Dir, object, trace)
			e.rewritten(object, trace)
		}
		if e.hashed[r] {
			result.Stems[[2]string{object.Kind, object.Name}] = object.Name[:strings.LastIndex(object.Name, "-")]
		}
		if e.hashed[r] && len(object.Unknown) > 0 {
			result.Hashed = append(result.Hashed, object.ID)
		}
		result.Objects = append(result.Objects, object)
	}
	result.Faults = e.faults
	result.Read = files.Read()
	result.yaml = built.resources.AsYaml
	return result, nil
}

// encode is a resource as JSON, as its text says it. Its own MarshalJSON writes YAML and reads it again, which comes to the
// same but for texts of several lines, and for dates: what the library makes of some of them is not what was meant, and is what a cluster
// gets.
func encode(r *resource.Resource) ([]byte, error) {
	asItIs := !severalLines(r.YNode())
	dates(r.YNode(), func(*yaml.Node) { asItIs = false }) // is one, or text that looks like one: the library writes it first
	if !asItIs {
		return r.MarshalJSON()
	}
	var value map[string]any
	if err := r.YNode().Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func severalLines(node *yaml.Node) bool {
	return node.Style&yaml.FoldedStyle != 0 || strings.Contains(node.Value, "\n") || slices.ContainsFunc(node.Content, severalLines)
}

// KustomizeRelease is the release of the kustomize command whose api and kyaml go.mod requires: what it prints, kgate
// renders. A test compares it with the release's own go.mod.
const KustomizeRelease = "v5.8.2"

// Kustomize is Kustomize itself, as `kustomize build` runs it. Bad input makes it panic in places.
func Kustomize(files filesys.FileSystem, dir string) (rendered resmap.ResMap, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it crashed on this input: %v", p)
		}
	}()
	limitCopies()
	rendered, err = krusty.MakeKustomizer(&krusty.Options{
		Reorder:          krusty.ReorderOptionUnspecified,
		LoadRestrictions: types.LoadRestrictionsRootOnly,
		PluginConfig:     types.DisabledPluginConfig(),
	}).Run(files, path.Join("/", dir))
	if err != nil {
		return nil, err
	}
	for _, r := range rendered.Resources() {
		labels := r.GetLabels()
		if labels[konfig.ManagedbyLabelKey] == "kustomize-(devel)" { // linked as a library it does not know its release
			labels[konfig.ManagedbyLabelKey] = "kustomize-" + KustomizeRelease
			if err := r.SetLabels(labels); err != nil {
				return nil, err
			}
		}
	}
	return rendered, nil
}
