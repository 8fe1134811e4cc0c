// Package render turns a target into objects: a Kustomize root in process and offline, or plain manifests as
// they stand. It keeps every file read, and for every object the trace of where it was written and what in
// which layer touched it.
package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Stdin is the target that reads manifests from standard input.
const Stdin = "-"

// Result is a rendered target.
type Result struct {
	Path    string
	Objects []*manifest.Object
	Faults  []Fault
	Read    []string // every file that took part, sorted
	Root    *Layer   // nil for plain manifests

	files   *Files // nil for standard input
	yaml    func() ([]byte, error)
	traces  map[*manifest.Object]*Trace
	openapi bool // the target sets its own OpenAPI schema
}

// DependsOn reports whether a change of what stands at a path, a file, a directory or a link, can change the result:
// also a path at which there was nothing, such as a second kustomization file, and a new file of a directory of manifests.
func (r *Result) DependsOn(path string) bool { return r.files != nil && r.files.dependsOn(path) }

// Trace tells where an object of the result comes from; nil when that is not known.
func (r *Result) Trace(object *manifest.Object) *Trace { return r.traces[object] }

// Replay runs a function that does again what rendering did: with the schema that Kustomize had, and able to read what
// Kustomize read.
func (r *Result) Replay(do func(read func(name string) ([]byte, error))) {
	if !r.openapi {
		openAPI.RLock()
		defer openAPI.RUnlock()
	} else {
		openAPI.Lock()
		defer openAPI.Unlock()
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
		if _, err := Kustomize(r.files, r.Root.Dir); err != nil {
			return // it has run before: there is nothing to tell
		}
	}
	do(r.files.ReadFile)
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
		text, err := k8syaml.JSONToYAML(object.JSON)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", object.ID, err)
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// Renderer renders the targets of one repository. It is safe for concurrent use.
type Renderer struct {
	store *Store
	stdin func() ([]byte, error) // read once and kept, so that a report can quote it
}

// stdinName is the file that positions in the standard input name.
const stdinName = "<stdin>"

// New returns a renderer of the tree below root. stdin is read when the target is Stdin.
func New(root fs.FS, stdin io.Reader) *Renderer {
	return &Renderer{store: NewStore(root), stdin: sync.OnceValues(func() ([]byte, error) {
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

// Render renders a target: a path below the root, or Stdin.
func (r *Renderer) Render(target string) (*Result, error) {
	files := NewFiles(r.store)
	result, err := r.render(files, target)
	if err == nil && len(result.Objects) == 0 {
		err = errors.New("it renders no object: an empty target would pass every check")
	}
	if err != nil {
		return nil, &Error{target, err, files}
	}
	return result, nil
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

func (r *Renderer) render(files *Files, target string) (*Result, error) {
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
	w := &layers{files: files}
	if _, err := w.find(target, manifest.Position{}); err != nil {
		names, listErr := manifestFiles(files, target)
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
		for _, name := range names {
			more, err := files.Documents(name)
			if err != nil {
				return nil, err
			}
			documents = append(documents, more...)
		}
		return withRead(plain(target, documents))(files)
	}
	root, err := w.load(target, manifest.Position{}, nil)
	if err != nil {
		return nil, err
	}
	return kustomize(files, w, root)
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
	openAPI.RLock() // an identity asks the schema whether its kind is namespaced
	defer openAPI.RUnlock()
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

func manifestFiles(files *Files, dir string) ([]string, error) {
	var names []string
	err := files.Walk(dir, func(p string, info fs.FileInfo, err error) error {
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
			if strings.HasPrefix(info.Name(), ".") && clean(p) != clean(dir) {
				return fs.SkipDir
			}
			return nil
		}
		if slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(p)) {
			names = append(names, clean(p))
		}
		return nil
	})
	return names, err
}

// openAPI guards Kustomize's one global schema: renders share it, and a render whose tree sets `openapi:` has it
// alone, because it would leak its schema into the others.
var openAPI sync.RWMutex

func kustomize(files *Files, w *layers, root *Layer) (*Result, error) {
	if w.openapi {
		openAPI.Lock()
		openapi.ResetOpenAPI()
		defer openAPI.Unlock()
		defer openapi.ResetOpenAPI()
	} else {
		openAPI.RLock()
		defer openAPI.RUnlock()
	}
	t := &tracer{files: files}
	traces, err := t.trace(root, nil, &configured{})
	if err != nil {
		return nil, err
	}
	faults := append(t.faults, unusedImages(root)...)
	rendered, err := Kustomize(files, root.Dir)
	if err != nil {
		if strings.Contains(err.Error(), "already registered id") {
			t = &tracer{files: files, repeats: true}
			if _, traceErr := t.trace(root, nil, &configured{}); traceErr != nil {
				return nil, traceErr
			}
			faults = append(t.faults, faults...)
		}
		return nil, t.explain(err, root, faults)
	}
	result := &Result{
		Path: root.Dir, Root: root, Faults: faults, files: files, openapi: w.openapi,
		traces: map[*manifest.Object]*Trace{},
	}
	for _, r := range rendered.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			return nil, encodeError(r, traces, err)
		}
		object, err := manifest.Decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.CurId(), err)
		}
		object.Source = manifest.Position{File: root.File}
		result.Objects = append(result.Objects, object)
	}
	link(result, traces)
	result.Read = files.Read()
	result.yaml = rendered.AsYaml
	return result, nil
}

// Kustomize is Kustomize itself, as `kustomize build` runs it. Bad input makes it panic in places.
func Kustomize(files filesys.FileSystem, dir string) (rendered resmap.ResMap, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it crashed on this input: %v", p)
		}
	}()
	return krusty.MakeKustomizer(&krusty.Options{
		Reorder:          krusty.ReorderOptionUnspecified,
		LoadRestrictions: types.LoadRestrictionsRootOnly,
		PluginConfig:     types.DisabledPluginConfig(),
	}).Run(files, path.Join("/", dir))
}

var (
	accumulation = regexp.MustCompile(`accumulation err='accumulating resources from '[^']*': .*?': |accumulating (resources|components): |accumulateDirectory: `)
	recursed     = regexp.MustCompile(`recursed (accumulation of|merging from) path '/([^']*)': `)
	quoted       = regexp.MustCompile("[\"'`]([^\"'`]+)[\"'`]")
)

// encodeError says which field keeps an object from being written, where its document has that field: a replacement has
// put a text where the document has a number.
func encodeError(r *resource.Resource, traces []*Trace, err error) error {
	path := unreadable(r.YNode(), nil)
	value := manifest.Text(r.YNode(), path...)
	for _, t := range traces {
		if id := t.current(); path != nil && t.Document != nil && id.Kind == r.GetKind() && id.Name == r.GetName() && id.Namespace == r.GetNamespace() {
			target, _ := t.Document.Locate(path, nil)
			if at := t.replacedBy(value); !at.IsZero() {
				return fail(at, "Kustomize: a replacement makes %s of the %s %s this, which is of another type than what stands at %s", path, id.Kind, id.Name, target)
			}
			return fail(target, "Kustomize: a replacement makes %s %q, which is of another type than what stands here", path, value)
		}
	}
	return fmt.Errorf("encode %s: %w", r.CurId(), err)
}

// replacedBy is the place of the last value that a replacement put into an object and that is as given; a mapping is given
// as an empty text.
func (t *Trace) replacedBy(value string) manifest.Position {
	for _, step := range slices.Backward(t.Steps) {
		r := step.Replacement
		if r == nil || r.From == nil || r.From.Document == nil {
			continue
		}
		path := fieldPath(manifest.Text(r.Entry, "source", "fieldPath"))
		if node := manifest.Lookup(r.From.Document.Node, path...); node != nil && node.Value == value {
			at, _ := r.From.Document.Locate(path, nil)
			return at
		}
	}
	return manifest.Position{}
}

// fieldPath is the path of a field that a replacement takes its value from.
func fieldPath(text string) manifest.Path {
	if text == "" {
		text = types.DefaultReplacementFieldPath
	}
	var path manifest.Path
	for _, step := range utils.SmarterPathSplitter(text, ".") {
		path = append(path, step)
	}
	return path
}

// unreadable finds a scalar that is not of the type that its tag says.
func unreadable(node *yaml.Node, path manifest.Path) manifest.Path {
	if node.Kind == yaml.ScalarNode {
		if err := node.Decode(new(any)); err != nil {
			return path
		}
	}
	for i, child := range node.Content {
		step := any(i)
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			step = node.Content[i-1].Value
		}
		if found := unreadable(child, append(slices.Clip(path), step)); found != nil {
			return found
		}
	}
	return nil
}

// explain makes messages of Kustomize's error: its innermost cause with the place that it arose at, as near as the error
// tells, and the faults that tracing found, one of which is mostly the reason.
func (t *tracer) explain(err error, root *Layer, faults []Fault) error {
	var errs []error
	for _, f := range faults {
		errs = append(errs, &manifest.SyntaxError{Position: f.Source, Message: f.Message})
	}
	message := strings.ReplaceAll(err.Error(), `\"`, `"`)
	layer := root
	if inner := recursed.FindAllStringSubmatch(message, -1); inner != nil {
		if found := root.find(inner[len(inner)-1][2]); found != nil {
			layer = found
		}
	}
	message = strings.Trim(recursed.ReplaceAllString(accumulation.ReplaceAllString(message, ""), ""), "\" \n")
	if strings.Count(message, `"`)%2 == 1 {
		message += `"`
	}
	if match := absent.FindStringSubmatch(message); match != nil {
		if missing := t.absent(match[1]); missing != nil {
			return errors.Join(append(errs, missing)...)
		}
	}
	if strings.Contains(message, "unable to parse SM or JSON patch") {
		if nameless := root.nameless(); nameless != nil {
			return errors.Join(append(errs, nameless)...)
		}
	}
	at := manifest.Position{File: layer.File}
	for _, match := range quoted.FindAllStringSubmatch(message, -1) {
		if found := layer.saying(match[1]); !found.IsZero() {
			at = found
		}
	}
	if match := contents.FindStringSubmatch(message); match != nil {
		if found := root.unique(strings.TrimSpace(match[1])); !found.IsZero() {
			at = found
		}
	}
	return errors.Join(append(errs, &manifest.SyntaxError{Position: at, Message: "Kustomize: " + message})...)
}

var (
	absent   = regexp.MustCompile("fieldPath `([^`]+)` is missing for replacement source")
	contents = regexp.MustCompile(`(?s)wrong node kind: expected \w+ but got \w+: node contents:\n(.*)$`)
)

// absent names the object that a replacement takes a field from and that does not have it, where the field belongs.
func (t *tracer) absent(field string) error {
	for _, s := range t.sources {
		path := fieldPath(s.field)
		if s.field != field || s.from.has(path) {
			continue
		}
		at, _ := s.from.Document.Locate(path, nil)
		var instead string
		if misspelt := misspelt(s.from.Document.Node, path); misspelt != nil {
			at, _ = s.from.Document.Locate(misspelt, nil)
			instead = fmt.Sprintf("; here it has %s", misspelt)
		}
		return fail(at, "the %s %s has no %s, which the replacement at %s takes from it%s", s.from.current().Kind, s.from.current().Name, path, s.at, instead)
	}
	return nil
}

// misspelt is the path of a field that a tree has and whose name is nearly that of the first one of a path that it does
// not have.
func misspelt(node *yaml.Node, path manifest.Path) manifest.Path {
	for i := range path {
		if manifest.Lookup(node, path[:i+1]...) != nil {
			continue
		}
		parent := manifest.Lookup(node, path[:i]...)
		if parent.Kind != yaml.MappingNode {
			return nil
		}
		known := map[string]bool{}
		for k := 0; k+1 < len(parent.Content); k += 2 {
			known[parent.Content[k].Value] = true
		}
		if near := closest(fmt.Sprint(path[i]), known); near != "" {
			return append(slices.Clone(path[:i]), near)
		}
		return nil
	}
	return nil
}

// has reports whether a field may be there: the document or a patch has it, or nobody knows.
func (t *Trace) has(path manifest.Path) bool {
	return t.Document == nil || manifest.Lookup(t.Document.Node, path...) != nil || slices.ContainsFunc(t.Steps, func(s Step) bool {
		return s.Patch != nil && slices.ContainsFunc(s.Patch.Documents, func(d manifest.Document) bool {
			return d.Node.Kind == yaml.SequenceNode || manifest.Lookup(d.Node, path...) != nil
		})
	})
}

// nameless finds a patch that Kustomize cannot read because it does not say what it patches.
func (l *Layer) nameless() error {
	for _, p := range l.Patches {
		for i := range p.Documents {
			d := &p.Documents[i]
			for _, path := range []manifest.Path{{"kind"}, {"metadata", "name"}} {
				if d.Node.Kind == yaml.MappingNode && manifest.Text(d.Node, path...) == "" {
					at, _ := d.Locate(path, nil)
					return fail(at, "the patch has no %s; Kustomize wants one, also where a target says which objects are meant", path)
				}
			}
		}
	}
	for _, below := range l.below() {
		if err := below.nameless(); err != nil {
			return err
		}
	}
	return nil
}

// saying is the last place in a layer, its patches and its replacements that consists of a text.
func (l *Layer) saying(text string) (at manifest.Position) {
	if node := scalar(l.Node, text); node != nil {
		at = l.at(node)
	}
	documents := l.replacements
	for _, p := range l.Patches {
		documents = append(slices.Clip(documents), p.Documents...)
	}
	for _, d := range documents {
		if node := scalar(d.Node, text); node != nil {
			at = d.Position(nil, node)
		}
	}
	return at
}

// unique is the place of the one value of the whole tree that is written as a text; zero when there are none or several.
func (l *Layer) unique(text string) manifest.Position {
	found := map[manifest.Position]bool{}
	l.walk(func(d *manifest.Document) {
		var look func(node *yaml.Node)
		look = func(node *yaml.Node) {
			if written, err := yaml.String(node); err == nil && strings.TrimSpace(written) == text {
				found[d.Position(nil, node)] = true
				return
			}
			for _, child := range node.Content {
				look(child)
			}
		}
		look(d.Node)
	})
	for at := range found {
		if len(found) == 1 {
			return at
		}
	}
	return manifest.Position{}
}

// walk visits every document of a layer and of those below.
func (l *Layer) walk(visit func(*manifest.Document)) {
	for _, r := range l.Resources {
		for i := range r.Documents {
			visit(&r.Documents[i])
		}
	}
	for _, p := range l.Patches {
		for i := range p.Documents {
			visit(&p.Documents[i])
		}
	}
	for _, below := range l.below() {
		below.walk(visit)
	}
}

// below are the layers that a layer is built on.
func (l *Layer) below() []*Layer {
	below := slices.Clone(l.Components)
	for _, r := range l.Resources {
		if r.Layer != nil {
			below = append(below, r.Layer)
		}
	}
	return below
}

// scalar finds the first scalar of a tree with a value.
func scalar(node *yaml.Node, value string) *yaml.Node {
	if node.Kind == yaml.ScalarNode && node.Value == value {
		return node
	}
	for _, child := range node.Content {
		if found := scalar(child, value); found != nil {
			return found
		}
	}
	return nil
}

// find looks a layer up by its directory.
func (l *Layer) find(dir string) *Layer {
	if l.Dir == dir {
		return l
	}
	for _, b := range l.below() {
		if found := b.find(dir); found != nil {
			return found
		}
	}
	return nil
}

// link finds the trace of every rendered object: by its final name, then by the name that a generator's hash
// was added to, then as the only one of its kind.
func link(result *Result, traces []*Trace) {
	taken := map[*Trace]bool{}
	assign := func(fits func(*Trace, manifest.ID) bool) {
		for _, object := range result.Objects {
			if result.traces[object] != nil {
				continue
			}
			var found []*Trace
			for _, t := range traces {
				if id := t.current(); !taken[t] && id.Kind == object.Kind && id.Group == object.Group() && fits(t, object.ID) {
					found = append(found, t)
				}
			}
			if len(found) == 1 {
				taken[found[0]] = true
				result.traces[object] = found[0]
				object.Source = found[0].Source
			}
		}
	}
	assign(func(t *Trace, id manifest.ID) bool {
		return !t.hashed && t.current().Name == id.Name && t.current().Namespace == id.Namespace
	})
	assign(func(t *Trace, id manifest.ID) bool {
		return t.hashed && strings.HasPrefix(id.Name, t.current().Name+"-") && t.current().Namespace == id.Namespace
	})
	assign(func(t *Trace, id manifest.ID) bool { return t.current().Name == id.Name })
	assign(func(*Trace, manifest.ID) bool { return true })
}
