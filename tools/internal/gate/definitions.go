package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// definitions are the CustomResourceDefinitions of a run that stand outside of the target that asks for them.
type definitions struct {
	gate     *Gate
	renderer *kustomization.Renderer
	given    *given

	rendered cache.Cache[string, *Target] // by path, of those that may have a definition that somebody asked for
	kept     func(path string) *Target    // what a watch has rendered; nil for nothing
	asked    atomic.Bool                  // whether a target has asked

	mu   sync.Mutex
	told map[[2]string]distance // what targets were told, by their paths and those of others
}

// newDefinitions are those of a run.
func (g *Gate) newDefinitions(renderer *kustomization.Renderer, kept func(path string) *Target) *definitions {
	return &definitions{gate: g, renderer: renderer, given: g.given, kept: kept, told: map[[2]string]distance{}}
}

// Elsewhere are definitions that other targets of the same cluster render. Those that no file of a target mentions are not looked
// for: what is rendered twice, for its definitions and to be judged, is what may have one.
func (d *definitions) Elsewhere(ctx context.Context, target *check.Target, group, kind string) ([]*manifest.Object, error) {
	return d.of(ctx, target, group, kind, sameCluster)
}

// Foreign are definitions that targets of another environment render, where nothing says that its cluster is another one.
func (d *definitions) Foreign(ctx context.Context, target *check.Target, group, kind string) ([]*manifest.Object, error) {
	return d.of(ctx, target, group, kind, otherEnvironment)
}

// Apart are definitions that targets of other clusters render.
func (d *definitions) Apart(ctx context.Context, target *check.Target, group, kind string) ([]*manifest.Object, error) {
	return d.of(ctx, target, group, kind, otherCluster)
}

// distance is how far from a target another one is.
type distance int

const (
	sameCluster      distance = iota // in the same cluster, or nobody says otherwise
	otherEnvironment                 // in another environment, of the same cluster for all that is known
	otherCluster                     // in another cluster
)

func (d *definitions) of(ctx context.Context, target *check.Target, group, kind string, away distance) ([]*manifest.Object, error) {
	d.asked.Store(true)
	var all []*manifest.Object
	for _, other := range d.gate.renderable() {
		if other == target.Path || !d.renderer.Mentions(other, definition.Kind.Kind, group, kind) {
			continue
		}
		t, err := d.rendered.Get(other, func() (*Target, error) { return d.render(ctx, other) })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue // where it is judged itself, that says why
		}
		var found []*manifest.Object
		for _, object := range t.Objects {
			if definition.Defines(object) == (schema.GroupKind{Group: group, Kind: kind}) {
				found = append(found, object)
			}
		}
		if found == nil {
			continue // who deploys what is not asked for nothing
		}
		is, err := d.distance(ctx, target.Path, other)
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		d.told[[2]string{target.Path, other}] = is
		d.mu.Unlock()
		if is == away {
			all = append(all, found...)
		}
	}
	return all, nil
}

// render keeps of a target its definitions. Those of one that cannot be rendered are as its files have them: a patch may come upon
// them, which rarely matters, and without them every object of their kinds would be of an unknown one.
func (d *definitions) render(ctx context.Context, path string) (*Target, error) {
	var t *Target
	if d.kept != nil {
		t = d.kept(path)
	}
	if t == nil {
		var err error
		t, err = d.gate.render(ctx, d.renderer, path)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			t = &Target{Target: check.Target{Path: path, Objects: inFiles(d.renderer, path, definition.Kind.Kind)}}
		}
	}
	of := &Target{Target: check.Target{Path: t.Path}}
	for _, object := range t.Objects {
		if definition.Defines(object).Kind != "" && object.Applied() {
			of.Objects = append(of.Objects, object)
		}
	}
	return of, nil
}

// inFiles are the objects in those files of a target that mention a word, as they are written.
func inFiles(renderer *kustomization.Renderer, target, word string) []*manifest.Object {
	var all []*manifest.Object
	for _, file := range renderer.Sources(target) {
		text, err := renderer.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte(word)) {
			continue
		}
		documents, err := manifest.ParseDocuments(file, text)
		if err != nil {
			continue // where it is rendered, that says why
		}
		for _, document := range documents {
			if objects, err := document.Objects(); err == nil {
				all = append(all, objects...)
			}
		}
	}
	return all
}

// reads reports whether a file was searched for definitions and held one.
func (d *definitions) reads(file string) bool {
	return slices.ContainsFunc(d.gate.renderable(), func(path string) bool { return d.renderer.Searched(path, definition.Kind.Kind, file) })
}

// distance is how far another target is, as what deploys both and kgate.yaml tell.
func (d *definitions) distance(ctx context.Context, target, other string) (distance, error) {
	deployers, err := d.gate.placing.deployers(ctx)
	if err != nil {
		return sameCluster, err
	}
	if is, told := deployers.Apart(target, other); is && told {
		return otherCluster, nil
	}
	config := d.gate.repository.Config
	if of, with := config.Environment(target), config.Environment(other); of != nil && with != nil && of.Name != with.Name {
		return otherEnvironment, nil
	}
	return sameCluster, nil
}

// follow takes over what the definitions of the run before told, and reports whether that holds no longer. What is known of a
// target that a watch keeps rests on it.
func (d *definitions) follow(ctx context.Context, before *definitions) (changed bool, err error) {
	d.asked.Store(before.asked.Load())
	for pair, was := range before.told {
		is, err := d.distance(ctx, pair[0], pair[1])
		if err != nil {
			return false, err
		}
		d.told[pair], changed = is, changed || is != was
	}
	return changed, nil
}

// Given are definitions that kgate.yaml and --crds name.
func (d *definitions) Given(group, kind string) ([]*manifest.Object, error) {
	return d.given.find(d.gate.engines.kinds, group, kind), nil
}

// Release is what kgate.yaml says of an operator.
func (d *definitions) Release(module string) string {
	return d.gate.repository.Config.Releases[module].Text
}

// renderable are the targets of the run and the others of the repository, in order.
func (g *Gate) renderable() []string {
	all := slices.Concat(g.all, without(g.paths, g.all))
	return slices.DeleteFunc(all, func(path string) bool { return path == kustomization.Stdin })
}

// given are files of definitions. Those that may define a kind that is met are parsed, the others looked at.
type given struct {
	files []repo.DefinitionFile
	texts func() [][]byte
	docs  cache.Cache[string, []*manifest.Object] // by name of the file

	mu     sync.Mutex
	faults []error
}

func newGiven(files []repo.DefinitionFile) *given {
	g := &given{files: files}
	g.texts = sync.OnceValue(func() [][]byte {
		texts := make([][]byte, len(files))
		for i, file := range files {
			text, err := manifest.ReadFile(file.FS, file.Path, file.Name, manifest.MaxFileSize)
			if err == nil && !strings.Contains(string(text), definition.Kind.Kind) {
				err = g.refuse(file, 1, "it holds no %s", definition.Kind.Kind)
			}
			if err != nil {
				g.fault(err)
				continue
			}
			texts[i] = text
		}
		return texts
	})
	return g
}

// changed reports whether other files are given than these, or one of these is among those that changed.
func (g *given) changed(repository *repo.Repo, paths, changed []string) bool {
	if len(paths) == 0 && len(repository.Config.CRDs) == 0 {
		return false
	}
	files, err := repository.DefinitionFiles(paths)
	if err != nil || len(files) != len(g.files) {
		return true
	}
	for i, file := range files {
		if file.Name != g.files[i].Name || slices.Contains(changed, file.Name) {
			return true
		}
	}
	return false
}

func (g *given) refuse(file repo.DefinitionFile, line int, format string, args ...any) error {
	return &manifest.SyntaxError{
		Position: manifest.Position{File: file.Name, Line: line},
		Message:  fmt.Sprintf(format, args...) + fmt.Sprintf(": %s names the file, and takes definitions and nothing else", file.By),
	}
}

func (g *given) fault(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, err)
}

// failed are what is wrong with the files, as far as they were looked at.
func (g *given) failed() error {
	g.texts()
	g.mu.Lock()
	defer g.mu.Unlock()
	// Targets come upon them in any order.
	slices.SortFunc(g.faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(g.faults...)
}

// find parses the files that may define a kind. Where none does, one of them may have been meant to: all are parsed.
func (g *given) find(kinds *definition.Kinds, group, kind string) []*manifest.Object {
	var found []*manifest.Object
	for i, text := range g.texts() {
		if !strings.Contains(string(text), group) || !strings.Contains(string(text), kind) {
			continue
		}
		for _, object := range g.parse(kinds, i) {
			if definition.Defines(object) == (schema.GroupKind{Group: group, Kind: kind}) {
				found = append(found, object)
			}
		}
	}
	if len(found) == 0 {
		for i := range g.files {
			g.parse(kinds, i)
		}
	}
	return found
}

// parse is the definitions of a file. What is wrong with one is told once.
func (g *given) parse(kinds *definition.Kinds, i int) []*manifest.Object {
	file, text := g.files[i], g.texts()[i]
	if text == nil {
		return nil
	}
	found, _ := g.docs.Get(file.Name, func() ([]*manifest.Object, error) {
		documents, err := manifest.ParseDocuments(file.Name, text)
		if err != nil {
			g.fault(err)
			return nil, nil
		}
		var found []*manifest.Object
		for _, document := range documents {
			objects, err := document.Objects()
			if err != nil {
				g.fault(err)
				continue
			}
			for _, object := range objects {
				if err := g.accept(kinds, file, object); err != nil {
					g.fault(err)
					continue
				}
				found = append(found, object)
			}
		}
		return found, nil
	})
	return found
}

// accept says why an object defines nothing.
func (g *given) accept(kinds *definition.Kinds, file repo.DefinitionFile, object *manifest.Object) error {
	line := object.Source.Line
	switch of := definition.KindOf(object); {
	case of.GroupKind() != definition.Kind:
		return g.refuse(file, line, "%s is no %s", object.ID, definition.Kind.Kind)
	case of.Version != "v1":
		return g.refuse(file, line, "%s is of %s, which Kubernetes 1.22 removed: write it in %s/v1", object.ID, object.APIVersion, of.Group)
	}
	faults, err := kinds.Faults(object)
	if err != nil {
		return &manifest.SyntaxError{Position: object.Source, Message: err.Error()}
	}
	if len(faults) > 0 {
		return g.refuse(file, line, "an API server refuses %s: %s: %s", object.ID, manifest.Path(faults[0].Path), faults[0].Message)
	}
	return nil
}

// Defined is a definition of a kind that a run would go by, or would ask where the ones before it have none.
type Defined struct {
	Group    string           `json:"group"`
	Kind     string           `json:"kind"`
	Versions []DefinedVersion `json:"versions"`
	Source   string           `json:"source"` // rendered, given or catalogue
	Target   string           `json:"target,omitempty"`
	At       string           `json:"at,omitempty"`      // file:line, of one that is rendered or given
	Release  string           `json:"release,omitempty"` // module@version, of one of the catalogue
	Pinned   bool             `json:"pinned,omitempty"`  // kgate.yaml names the release
}

// DefinedVersion is a version that a definition serves.
type DefinedVersion struct {
	Name       string `json:"name"`
	Deprecated bool   `json:"deprecated,omitempty"`
}

// Defined are the definitions that the gate knows, in order of group and kind, and those of a kind in the order in which they
// are asked. The error has what could not be read; what could is there.
func (g *Gate) Defined(ctx context.Context) ([]Defined, error) {
	var all []Defined
	var errs []error
	take := func(object *manifest.Object, source, target string) {
		d := g.engines.kinds.Define(object)
		var of *Defined
		for _, kind := range d.Serves() {
			if of == nil {
				of = &Defined{Group: kind.Group, Kind: kind.Kind, Source: source, Target: target, At: object.Source.String()}
			}
			of.Versions = append(of.Versions, DefinedVersion{kind.Version, d.Deprecates(kind.Version)})
		}
		if of != nil {
			all = append(all, *of)
		}
	}
	for _, path := range g.renderable() {
		if !g.renderer.Mentions(path, definition.Kind.Kind) {
			continue
		}
		t, err := g.outside.rendered.Get(path, func() (*Target, error) { return g.outside.render(ctx, path) })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
			continue
		}
		for _, object := range t.Objects {
			take(object, "rendered", path)
		}
	}
	for i := range g.given.files {
		for _, object := range g.given.parse(g.engines.kinds, i) {
			take(object, "given", "")
		}
	}
	errs = append(errs, g.given.failed())
	embedded, err := custom.Embedded()
	if err != nil {
		return nil, err
	}
	for _, of := range embedded.Pinned(g.outside.Release).List() {
		if g.outside.Release(module(of.Release)) != "" && !of.Holds {
			continue
		}
		d := Defined{Group: of.Kind.Group, Kind: of.Kind.Kind, Source: "catalogue", Release: of.Release, Pinned: g.outside.Release(module(of.Release)) != ""}
		for _, v := range of.Versions {
			d.Versions = append(d.Versions, DefinedVersion{v.Name, v.Deprecated})
		}
		all = append(all, d)
	}
	slices.SortStableFunc(all, func(a, b Defined) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Kind, b.Kind))
	})
	return all, errors.Join(errs...)
}

func module(release string) string {
	of, _, _ := strings.Cut(release, "@")
	return of
}
