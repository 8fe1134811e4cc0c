package gate

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/substitution"
)

// Target is a rendered target, to be judged.
type Target struct {
	check.Target
	Result *kustomization.Result

	edited    bool             // an Application writes into its kustomization
	places    []coverage.Place // where it is brought to, as far as it was put there
	bare      *Target          // the same before it was put there; nil where it was not
	variables substitution.Variables
	metadata  map[metadatum]substitution.Value      // that its deployer gives to every object
	filling   string                                // of a watch: what tells the variables apart that were asked for; "" for none
	was       map[*manifest.Object]*manifest.Object // of objects of which something is filled in, as they were rendered
}

// locate finds the line to edit for a field: the one that gives a variable its value, where the field holds nothing else.
func (t *Target) locate(rendered func(*manifest.Object, manifest.Path) manifest.Origin, object *manifest.Object, path manifest.Path) manifest.Origin {
	written := t.was[object]
	if written == nil {
		return rendered(object, path)
	}
	origin := rendered(written, path)
	if value, set := t.sets(path); set {
		if manifest.At(written.Value, path...) == nil {
			return manifest.Origin{Position: value.Source()}
		}
		if len(path) == 3 {
			return instead(value.Source(), origin)
		}
	}
	text, _ := manifest.At(written.Value, path...).(string)
	name, _ := substitution.Name(text)
	value := t.variables.Values[name]
	if value.Source == nil || value.Unknown {
		return origin
	}
	return instead(value.Source(), origin)
}

// sets is what the deployer of the target sets a label or an annotation to; of all labels or annotations, the first that it sets.
func (t *Target) sets(path manifest.Path) (first substitution.Value, found bool) {
	if len(path) < 2 || len(path) > 3 || path[0] != "metadata" {
		return first, false
	}
	key := ""
	for of, value := range t.metadata {
		if of.field == path[1] && (len(path) == 2 || of.key == path[2]) && (!found || of.key < key) {
			first, key, found = value, of.key, true
		}
	}
	return first, found
}

// instead is the origin of what is set elsewhere once a target is rendered.
func instead(at manifest.Position, origin manifest.Origin) manifest.Origin {
	if at.IsZero() {
		return origin
	}
	return manifest.Origin{Position: at, Overrode: append([]manifest.Position{origin.Position}, origin.Overrode...)}
}

// Renderer renders the targets of a repository as its kgate.yaml says that they are built, and as what deploys them does.
// Unrestricted lifts the load restrictions of all.
func Renderer(ctx context.Context, repository *repo.Repo, stdin io.Reader, unrestricted bool) *kustomization.Renderer {
	renderer := kustomization.NewOn(repository.Store(), stdin)
	takers := takersOf(ctx, repository)
	renderer.LoadRestrictionsNone = restrictsNothing(repository, takers, unrestricted)
	renderer.Directory = func(dir string) kustomization.Directory { return takers().Directory(dir) }
	return renderer
}

// LoadRestrictionsNone reports which targets are built so that kustomizations may read files of the whole repository: those that
// kgate.yaml names, and those that Flux builds; unrestricted are all.
func LoadRestrictionsNone(ctx context.Context, repository *repo.Repo, unrestricted bool) func(target string) bool {
	return restrictsNothing(repository, takersOf(ctx, repository), unrestricted)
}

func restrictsNothing(repository *repo.Repo, takers func() *coverage.Takers, unrestricted bool) func(target string) bool {
	return func(target string) bool {
		return unrestricted || repository.Config.LoadRestrictionsNone(target) || takers().Flux(target)
	}
}

// takersOf reads who deploys what once somebody asks. Where that cannot be read nobody deploys anything, and checks of the
// repository say what is wrong.
func takersOf(ctx context.Context, repository *repo.Repo) func() *coverage.Takers {
	return sync.OnceValue(func() *coverage.Takers {
		found, _ := coverage.FindTakers(context.WithoutCancel(ctx), repository)
		return found
	})
}

// Render renders a target of the gate's repository.
func (g *Gate) Render(ctx context.Context, path string) (*Target, error) {
	return g.renderedAs(ctx, path, nil)
}

// renderedAs is Render, of what the target is known to render to as it stands; nil where it is not known.
func (g *Gate) renderedAs(ctx context.Context, path string, known *kustomization.Result) (*Target, error) {
	t, err := g.renderOr(ctx, g.renderer, path, known)
	if err != nil {
		return nil, err
	}
	if err := g.fit(ctx, t); err != nil {
		return nil, err
	}
	if t, err = g.placing.place(ctx, t); err != nil {
		return nil, err
	}
	pods, err := g.untold(ctx, t)
	if err != nil {
		return nil, err
	}
	t.Makes = append(slices.Clip(t.Makes), pods...)
	for _, target := range append([]*check.Target{&t.Target}, t.Variants...) {
		target.Deployers = func(ctx context.Context) ([]check.Deployer, error) {
			deployers, err := g.placing.deployers(ctx)
			if err != nil {
				return nil, err
			}
			empty := !slices.ContainsFunc(target.Objects, func(o *manifest.Object) bool { return !o.IsSkipped() })
			return deployers.DeployersIn(path, target.Namespace, empty), nil
		}
		target.Created = func(ctx context.Context) ([]check.CreatedNamespace, error) {
			deployers, err := g.placing.deployers(ctx)
			if err != nil {
				return nil, err
			}
			return deployers.Created(path), nil
		}
	}
	return t, nil
}

// render renders a target and puts values in place of its variables.
func (g *Gate) render(ctx context.Context, renderer *kustomization.Renderer, path string) (*Target, error) {
	return g.renderOr(ctx, renderer, path, nil)
}

// renderOr is render, of what the target is known to render to as it stands; nil where it is not known.
func (g *Gate) renderOr(ctx context.Context, renderer *kustomization.Renderer, path string, known *kustomization.Result) (*Target, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	defer activity.Begin(ctx, "rendering %s", path)()
	edits, err := g.editing.of(ctx, path)
	if err != nil {
		return nil, err
	}
	var result *kustomization.Result
	switch {
	case edits != nil:
		result, err = renderer.RenderEdited(ctx, path, edits)
	case known != nil:
		result = known
	default:
		result, err = renderer.Render(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	rendered := brought(result, provenance.New(result, g.sharing).Locate)
	t := &Target{Result: result, edited: edits != nil || result.Charts != nil, was: map[*manifest.Object]*manifest.Object{}, Target: check.Target{
		Path: result.Path, Environment: g.repository.Config.Environment(result.Path), Objects: result.Objects,
		Faults:      slices.Concat(result.Faults, result.Differences(g.repository.Config.Kustomize.Text)),
		Effects:     result.Effects,
		Definitions: g.outside,
		Reading:     check.Reading{Files: result.Read, Layers: result.Layers(), Unchanged: result.Unchanged(), Charts: result.Charts},
	}}
	t.Locate = func(object *manifest.Object, path manifest.Path) manifest.Origin {
		return t.locate(rendered, object, path)
	}
	for i := range t.Faults {
		if fault := &t.Faults[i]; fault.Of.IsZero() {
			fault.Of = result.BroughtBy(fault.Source.File)
		}
	}
	if err := g.flux.fill(ctx, t); err != nil {
		return nil, err
	}
	t.derive()
	return t, nil
}

// derive notes what other targets take from the objects, as they are now: what is not known of a name is any text.
func (t *Target) derive() {
	t.Makes, t.Pods = made(t.Objects), pods(t.Objects)
	if len(t.StandIns) == 0 {
		return
	}
	for _, object := range t.Objects {
		if t.StandIns.In(object.Name) || t.StandIns.In(object.Namespace) {
			t.Makes = append(t.Makes, check.Reference{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name})
		}
	}
	for i, made := range t.Makes {
		t.Makes[i].Namespace, t.Makes[i].Name = anyText(t.StandIns, made.Namespace), anyText(t.StandIns, made.Name)
	}
	// A value of which nothing is known is a password as well as a name.
	t.Makes = slices.DeleteFunc(t.Makes, func(made check.Reference) bool {
		return made.Kind == check.AnyKind && strings.Trim(made.Name, "*") == ""
	})
	for i, p := range t.Pods {
		labels := make(map[string]string, len(p.Labels))
		for key, value := range p.Labels {
			labels[key] = anyText(t.StandIns, value)
		}
		t.Pods[i] = check.Pods{Namespace: anyText(t.StandIns, p.Namespace), Labels: labels}
	}
}

// brought has what lies in a copy name the entry that brought the copy: that, or a patch, is what there is to edit.
func brought(result *kustomization.Result, locate func(*manifest.Object, manifest.Path) manifest.Origin) func(*manifest.Object, manifest.Path) manifest.Origin {
	return func(object *manifest.Object, path manifest.Path) manifest.Origin {
		origin := locate(object, path)
		if at := result.BroughtBy(origin.File); !at.IsZero() && !slices.Contains(origin.Overrode, at) {
			origin.Overrode = append(slices.Clip(origin.Overrode), at)
		}
		return origin
	}
}

// Judge makes the checks of single objects and of targets, and forgets the target. The findings are those before anybody
// asks what is exempt, and what one line does to several objects is a finding of each.
func (g *Gate) Judge(ctx context.Context, t *Target) ([]check.Finding, []check.Failure) {
	defer g.engines.forget(&t.Target)
	round := check.Begin(g.checks)
	round.Forget = g.engines.forget
	round.Judge(ctx, &t.Target)
	return round.Findings()
}

// Print renders a target of a repository as Kustomize does; unrestricted is as of Renderer.
func Print(ctx context.Context, repository *repo.Repo, target string, stdin io.Reader, unrestricted bool) ([]byte, error) {
	defer activity.Begin(ctx, "rendering %s", target)()
	renderer := Renderer(ctx, repository, stdin, unrestricted)
	if repo.TreeOf(target) != "" {
		g, err := Open(ctx, repository, Options{Targets: []string{target}, LoadRestrictionsNone: unrestricted})
		if err != nil {
			return nil, err
		}
		defer func() { _ = g.Close() }() // it judges nothing
		renderer = g.renderer
	}
	result, err := renderer.Render(ctx, target)
	if err != nil {
		return nil, err
	}
	return result.YAML()
}

// outcome is what is kept of a target once it is judged, or why it could not be rendered.
type outcome struct {
	path      string
	err       error
	target    *check.Target // as far as checks of the repository look at it
	reported  report.Target
	exempting []repo.Annotation
	hashed    []manifest.ID
	other     []string // files of a directory of manifests that hold none
	left      []string // what its deployer does not take of it
	unwritten []string // files of a chart that hold objects which it does not render
}

// note keeps what notes of the run are made of.
func (o *outcome) note(result *kustomization.Result) {
	o.hashed, o.other, o.left, o.unwritten = result.Hashed, result.PassedOver, result.Left, result.Unwritten
}

// whole is the outcome of a target of which everything is kept.
func whole(t *check.Target) outcome {
	o := outcome{
		path: t.Path, target: t, exempting: repo.Annotations(t),
		reported: report.Target{Path: t.Path, Count: len(t.Objects), Objects: t.Objects, Locate: t.Locate},
	}
	if t.Environment != nil {
		o.reported.Environment = t.Environment.Name
	}
	return o
}

// reduced is the outcome of a target that is to be forgotten. The objects that checks of the repository look at stay, and
// of others what tells them apart. Where one of their fields is set is found by rendering the target again: it is asked
// about a finding alone.
func (g *Gate) reduced(ctx context.Context, t *check.Target, renderer *kustomization.Renderer) outcome {
	o := whole(t)
	o.reported.Objects, o.reported.Locate = nil, nil
	o.target = &check.Target{Path: t.Path, Environment: t.Environment, Reading: t.Reading, Mentions: t.Mentions, Touched: t.Touched}
	if !g.acrossTargets() {
		return o
	}
	o.target.Objects = make([]*manifest.Object, len(t.Objects))
	for i, object := range t.Objects {
		if g.sees(object) {
			o.target.Objects[i] = object
		} else {
			o.target.Objects[i] = object.Head()
		}
	}
	for _, variant := range t.Variants {
		for i, object := range variant.Objects {
			if i >= len(t.Objects) || object.Namespace == t.Objects[i].Namespace {
				continue
			}
			if o.target.Lent == nil {
				o.target.Lent = map[*manifest.Object]bool{}
			}
			o.target.Lent[o.target.Objects[i]] = true
		}
	}
	path, kept := t.Path, o.target.Objects
	again := sync.OnceValue(func() *Target {
		t, err := g.render(ctx, renderer, path)
		if err == nil {
			t, err = g.placing.place(ctx, t)
		}
		if err != nil {
			return nil // it was rendered before
		}
		return t
	})
	o.target.Locate = func(object *manifest.Object, path manifest.Path) manifest.Origin {
		t, i := again(), slices.Index(kept, object)
		if t == nil || i < 0 || i >= len(t.Objects) {
			return manifest.Origin{Position: object.Source}
		}
		return t.Locate(t.Objects[i], path)
	}
	return o
}

// acrossTargets reports whether the run makes checks of the repository: it covers every target of it.
func (g *Gate) acrossTargets() bool {
	return len(g.all) > 0 && (slices.Equal(g.all, g.paths) || len(without(g.all, g.paths)) == 0) && slices.ContainsFunc(g.checks, func(c *check.Check) bool { return c.Scope == check.Repository })
}

// sees reports whether a check of the repository looks at the fields of an object.
func (g *Gate) sees(object *manifest.Object) bool {
	return isSet(object) || slices.ContainsFunc(g.checks, func(c *check.Check) bool {
		return c.Scope == check.Repository && (c.Sees == nil || c.Sees(object))
	})
}
