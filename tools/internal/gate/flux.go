package gate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/substitution"
)

// flux is what Flux does to targets once they are rendered. Who deploys what is looked for when the first target has a
// variable in it.
type flux struct {
	gate     *Gate
	renderer *kustomization.Renderer

	builds    cache.Cache[struct{}, map[string][]build] // by directory; under noDirectory what nobody here deploys
	found     cache.Cache[struct{}, []coverage.Deployer]
	rendered  cache.Cache[string, *check.Target] // as Kustomize renders them
	telling   cache.Cache[struct{}, []string]    // targets that are looked through
	labelling cache.Cache[struct{}, bool]        // whether something may set metadata of all that it applies
	kept      func(path string) *Target          // what a watch has rendered; nil for nothing

	mu     sync.Mutex
	looked map[string]*rendered // what was looked into, for a watch
}

// build is what one deployer makes of a directory.
type build struct {
	by    string // as messages name it
	plain bool   // it fills nothing in
	// undecrypted says that it decrypts nothing.
	undecrypted bool
	variables   substitution.Variables
	metadata    map[metadatum]substitution.Value // that everything gets which it applies
}

// metadatum is a label or an annotation: "labels" or "annotations", and its key.
type metadatum struct{ field, key string }

func (g *Gate) newFlux(renderer *kustomization.Renderer, kept func(path string) *Target) *flux {
	return &flux{gate: g, renderer: renderer, kept: kept, looked: map[string]*rendered{}}
}

// fill puts values in place of the variables of a target, as far as they are known.
func (f *flux) fill(ctx context.Context, t *Target) error {
	if !f.sets(ctx) && !slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool { return substitution.Mentions(o) || o.IsSealed() }) {
		return nil
	}
	all, err := f.builds.Get(struct{}{}, func() (map[string][]build, error) { return f.find(ctx) })
	if err != nil {
		return err
	}
	builds := of(all, t.Path)
	if f.kept != nil {
		t.filling = fingerprint(builds)
	}
	if err := f.leave(t, builds); err != nil {
		return err
	}
	by, variables := together(builds)
	t.variables = variables
	t.Objects, t.StandIns = slices.Clone(t.Objects), check.StandIns{}
	for i, object := range t.Objects {
		filled, err := variables.Fill(object, t.Path)
		if err != nil {
			return err
		}
		for _, fault := range filled.Faults {
			id := filled.Object.ID
			id.Namespace, id.Name = check.StandIns(filled.StandIns).Written(id.Namespace), check.StandIns(filled.StandIns).Written(id.Name)
			t.Faults = append(t.Faults, check.Fault{
				Check: substitution.CheckName, Source: t.Origin(object, fault.Path).Position, Message: by + ": " + fault.Message,
				In: &check.Place{Target: t.Path, Object: &id, Path: fault.Path},
			})
		}
		maps.Copy(t.StandIns, filled.StandIns)
		if filled.Object != object {
			t.Objects[i], t.was[filled.Object] = filled.Object, cmp.Or(t.was[object], object)
		}
	}
	return t.mark(common(builds))
}

// sets reports whether a Flux Kustomization of the repository may set metadata of everything that it applies.
func (f *flux) sets(ctx context.Context) bool {
	sets, _ := f.labelling.Get(struct{}{}, func() (bool, error) {
		return slices.ContainsFunc(f.targets(ctx), func(target string) bool {
			return f.renderer.Mentions(target, coverage.FluxGroup, "commonMetadata")
		}), nil
	})
	return sets
}

// common is the metadata that a directory's objects get, whoever of its deployers applies them.
func common(builds []build) map[metadatum]substitution.Value {
	agreed := map[metadatum]substitution.Value{}
	if len(builds) == 0 {
		return agreed
	}
	for of, value := range builds[0].metadata {
		if !slices.ContainsFunc(builds, func(b build) bool { return b.metadata[of].Text != value.Text || b.metadata[of].Source == nil }) {
			agreed[of] = value
		}
	}
	return agreed
}

// mark gives every object labels and annotations, in place of those that it has, as SetCommonMetadata of fluxcd/pkg/ssa does for
// spec.commonMetadata: the last that is done before objects are applied.
func (t *Target) mark(metadata map[metadatum]substitution.Value) error {
	t.metadata = metadata
	if len(metadata) == 0 {
		return nil
	}
	for i, object := range t.Objects {
		marked, err := object.With(func(value map[string]any) {
			was, _ := value["metadata"].(map[string]any)
			meta := maps.Clone(was)
			if meta == nil {
				meta = map[string]any{}
			}
			for _, field := range []string{"labels", "annotations"} {
				entries, isMap := meta[field].(map[string]any)
				if meta[field] != nil && !isMap {
					continue // Flux fails on it, and so does the API server
				}
				entries = maps.Clone(entries)
				for of, entry := range metadata {
					if of.field == field {
						if entries == nil {
							entries = map[string]any{}
						}
						entries[of.key] = entry.Text
					}
				}
				if entries != nil {
					meta[field] = entries
				}
			}
			value["metadata"] = meta
		})
		if err != nil {
			return err
		}
		t.Objects[i], t.was[marked] = marked, cmp.Or(t.was[object], object)
	}
	return nil
}

// of are the builds of a directory.
func of(all map[string][]build, dir string) []build {
	if builds, deployed := all[dir]; deployed {
		return builds
	}
	return all[noDirectory]
}

// filling tells what the variables of a target come to now; "" where that cannot be told.
func (f *flux) filling(ctx context.Context, path string) string {
	all, err := f.builds.Get(struct{}{}, func() (map[string][]build, error) { return f.find(ctx) })
	if err != nil {
		return ""
	}
	return fingerprint(of(all, path))
}

// locate finds the lines of all values now: files change as long as a watch keeps what they gave.
func (b *build) locate() {
	locate(b.variables.Values)
	locate(b.metadata)
}

func locate[K comparable](values map[K]substitution.Value) {
	for name, value := range values {
		if value.Source != nil {
			at := value.Source()
			value.Source = func() manifest.Position { return at }
			values[name] = value
		}
	}
}

// fingerprint is the same for builds that make the same of a target, of which a finding names the same lines.
func fingerprint(builds []build) string {
	sum := sha256.New()
	for _, b := range builds {
		fmt.Fprintf(sum, "%q %t %t %t %t %t\n", b.by, b.plain, b.undecrypted, b.variables.Open, b.variables.Always, b.variables.Maybe)
		for _, name := range slices.Sorted(maps.Keys(b.variables.Values)) {
			value, at := b.variables.Values[name], manifest.Position{}
			if value.Source != nil {
				at = value.Source()
			}
			fmt.Fprintf(sum, "%q %q %t %+v\n", name, value.Text, value.Unknown, at)
		}
		for _, of := range slices.SortedFunc(maps.Keys(b.metadata), func(a, b metadatum) int {
			return cmp.Or(cmp.Compare(a.field, b.field), cmp.Compare(a.key, b.key))
		}) {
			fmt.Fprintf(sum, "%+v %q %+v\n", of, b.metadata[of].Text, b.metadata[of].Source())
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// anyText is a pattern of what a text may be.
func anyText(standIns check.StandIns, text string) string {
	for standIn := range standIns {
		text = strings.ReplaceAll(text, standIn, "*")
	}
	return text
}

// together are the variables of a directory that several deployers may build: what is said of it has to hold for each.
func together(builds []build) (by string, variables substitution.Variables) {
	if len(builds) == 0 {
		return "", substitution.Variables{Maybe: true} // nobody here deploys it
	}
	plain := 0
	for _, b := range builds {
		if b.plain {
			plain++
		}
	}
	switch {
	case plain == len(builds):
		return "", substitution.Variables{}
	case plain > 0:
		return "", substitution.Variables{Maybe: true}
	case len(builds) == 1:
		return builds[0].by, builds[0].variables
	}
	var names []string
	variables = substitution.Variables{Values: map[string]substitution.Value{}}
	never := 0
	for _, b := range builds {
		names = append(names, b.by)
		variables.Open = variables.Open || b.variables.Open
		variables.Always = variables.Always || b.variables.Always
		if len(b.variables.Values) == 0 && !b.variables.Open && !b.variables.Always {
			never++
		}
		for name := range b.variables.Values {
			variables.Values[name] = agreed(builds, name)
		}
	}
	if never == len(builds) {
		return "", substitution.Variables{}
	}
	if never > 0 {
		return "", substitution.Variables{Maybe: true}
	}
	return strings.Join(names, " and "), variables
}

// agreed is the value of a variable where all have the same.
func agreed(builds []build, name string) substitution.Value {
	first, ok := builds[0].variables.Values[name]
	for _, b := range builds {
		value, has := b.variables.Values[name]
		if !ok || !has || value.Unknown || value.Text != first.Text {
			return substitution.Value{Unknown: true}
		}
	}
	return first
}

// deployers are what deploys directories of the repository, as Kustomize renders it.
func (f *flux) deployers(ctx context.Context) ([]coverage.Deployer, error) {
	return f.found.Get(struct{}{}, func() ([]coverage.Deployer, error) {
		var telling []*check.Target
		for _, path := range f.targets(ctx) {
			if !f.renderer.Mentions(path, coverage.FluxGroup) {
				continue
			}
			if t := f.render(ctx, path); t != nil {
				telling = append(telling, t)
			}
		}
		return coverage.Deployers(ctx, f.gate.repository, f.renderer.Files(), telling)
	})
}

// find looks for what deploys directories of the repository.
func (f *flux) find(ctx context.Context) (map[string][]build, error) {
	deployers, err := f.deployers(ctx)
	if err != nil {
		return nil, err
	}
	// What a Kustomization deploys it may patch, other Kustomizations too.
	patched := slices.ContainsFunc(deployers, func(d coverage.Deployer) bool {
		return d.Object.Group() == coverage.FluxGroup && strings.Contains(fmt.Sprint(manifest.At(d.Object.Value, "spec", "patches")), "postBuild")
	})
	decrypting := f.decryptionPatched(ctx, deployers)
	builds := map[string][]build{}
	for _, d := range deployers {
		if d.Dir == noDirectory {
			continue
		}
		made := build{plain: true}
		switch {
		case d.Object.Group() == coverage.FluxGroup:
			if made, err = f.build(ctx, d, patched); err != nil {
				return nil, err
			}
		case isPlugged(d.Object):
			made = plugged
		}
		if f.kept != nil {
			made.locate()
		}
		made.undecrypted = undecrypted(d, decrypting)
		builds[d.Dir] = append(builds[d.Dir], made)
	}
	// Where Argo CD deploys without a plugin, and Flux nothing, a text with ${ in it is what it says, also in a part that somebody lists.
	if len(deployers) > 0 && !slices.ContainsFunc(deployers, func(d coverage.Deployer) bool { return d.Object.Group() == coverage.FluxGroup }) {
		kept := !slices.ContainsFunc(deployers, func(d coverage.Deployer) bool { return !undecrypted(d, decrypting) })
		only := build{plain: true}
		if slices.ContainsFunc(deployers, func(d coverage.Deployer) bool { return isPlugged(d.Object) }) {
			only = plugged
		}
		only.undecrypted = kept
		builds[noDirectory] = []build{only}
	}
	return builds, ctx.Err()
}

// plugged is what a plugin of Argo CD makes of a directory: it may fill in what looks like a variable, as those with envsubst do.
// https://argo-cd.readthedocs.io/en/stable/operator-manual/config-management-plugins/
var plugged = build{variables: substitution.Variables{Maybe: true}}

// isPlugged reports an Application, or what makes some, of which a plugin renders a source.
func isPlugged(o *manifest.Object) bool {
	spec := manifest.Path{"spec"}
	if o.Kind == "ApplicationSet" {
		spec = manifest.Path{"spec", "template", "spec"}
	}
	of := manifest.At(o.Value, spec...)
	sources := append(slices.Clone(manifest.ListAt(of, "sources")), manifest.At(of, "source"), manifest.At(of, "sourceHydrator", "drySource"))
	return slices.ContainsFunc(sources, func(source any) bool { return manifest.At(source, "plugin") != nil })
}

// noDirectory is no directory of a repository.
const noDirectory = ""

// targets are those that may render a Flux Kustomization, or what it takes values from.
func (f *flux) targets(ctx context.Context) []string {
	all, _ := f.telling.Get(struct{}{}, func() ([]string, error) {
		if len(f.gate.all) > 0 {
			return f.gate.renderable(), nil
		}
		selection, _, err := coverage.Select(ctx, f.gate.repository)
		if err != nil {
			return f.gate.renderable(), nil // there may be others, of which nobody says anything
		}
		return slices.Concat(selection.Targets, without(f.gate.renderable(), selection.Targets)), nil
	})
	return all
}

// render is a target as Kustomize renders it; nil where it cannot: where it is judged itself, that says why.
func (f *flux) render(ctx context.Context, path string) *check.Target {
	t, _ := f.rendered.Get(path, func() (*check.Target, error) {
		result, err := f.result(ctx, path)
		if err != nil {
			return nil, err
		}
		t := &check.Target{
			Path: result.Path, Environment: f.gate.repository.Config.Environment(result.Path), Objects: result.Objects,
			Locate: provenance.New(result, nil).Locate, Reading: check.Reading{Files: result.Read},
		}
		return t, nil
	})
	return t
}

// result is what a target renders to, of a watch what it has rendered already.
func (f *flux) result(ctx context.Context, path string) (*kustomization.Result, error) {
	if f.kept == nil {
		return f.renderer.Render(ctx, path)
	}
	r := &rendered{path: path, target: f.kept(path)}
	if r.target == nil {
		result, err := f.renderer.Render(ctx, path)
		r.target, r.err = &Target{Result: result}, err
	}
	f.mu.Lock()
	f.looked[path] = r
	f.mu.Unlock()
	return r.target.Result, r.err
}

// build is what a Flux Kustomization makes of its directory. Patched says that another one may write to it.
func (f *flux) build(ctx context.Context, d coverage.Deployer, patched bool) (build, error) {
	made := build{by: fmt.Sprintf("Flux Kustomization %q", d.Object.Name), metadata: commonMetadata(d)}
	post, ok := manifest.At(d.Object.Value, "spec", "postBuild").(map[string]any)
	if !ok && patched {
		made.variables.Maybe = true
		made.variables.Open = true
		return made, nil
	}
	if !ok || d.Object.Hides(manifest.Path{"spec", "postBuild"}) {
		made.plain = true
		return made, nil
	}
	v := &made.variables
	// Its own patches come before the values, and may keep objects from being filled in.
	patched = patched || strings.Contains(fmt.Sprint(manifest.At(d.Object.Value, "spec", "patches")), substitution.Key)
	v.Values, v.Open, v.Always = map[string]substitution.Value{}, patched, manifest.TextAt(post, "substituteStrategy") == "Always"
	for _, item := range manifest.ListAt(post, "substituteFrom") {
		values, found, err := f.source(ctx, d, manifest.TextAt(item, "kind"), manifest.TextAt(item, "name"))
		if err != nil {
			return build{}, err
		}
		if !found {
			v.Open = true
			for name, value := range v.Values { // it may have another value for each
				value.Unknown = true
				v.Values[name] = value
			}
			continue
		}
		maps.Copy(v.Values, values)
	}
	named, _ := post["substitute"].(map[string]any)
	for name, value := range named {
		path := manifest.Path{"spec", "postBuild", "substitute", name}
		text := fmt.Sprint(value)
		v.Values[name] = substitution.Value{Text: text, Unknown: uncertain(text) || d.Object.Hides(path), Source: func() manifest.Position { return d.Locate(path) }}
	}
	return made, nil
}

// commonMetadata is what a Flux Kustomization sets of everything that it applies, but for what is filled in there.
func commonMetadata(d coverage.Deployer) map[metadatum]substitution.Value {
	metadata := map[metadatum]substitution.Value{}
	for _, field := range []string{"labels", "annotations"} {
		entries, _ := manifest.At(d.Object.Value, "spec", "commonMetadata", field).(map[string]any)
		for key, value := range entries {
			path := manifest.Path{"spec", "commonMetadata", field, key}
			text, ok := value.(string)
			if !ok || uncertain(text) || d.Object.Hides(path) {
				continue
			}
			metadata[metadatum{field, key}] = substitution.Value{Text: text, Source: func() manifest.Position { return d.Locate(path) }}
		}
	}
	return metadata
}

// uncertain reports a value that is filled in itself.
func uncertain(text string) bool { return strings.Contains(text, "$") }

// source is what a ConfigMap or a Secret gives the variables of a Kustomization, and whether a target renders it. Where several
// do, for several clusters, it is what they agree on.
func (f *flux) source(ctx context.Context, d coverage.Deployer, kind, name string) (values map[string]substitution.Value, found bool, err error) {
	if name == "" || uncertain(name) {
		return nil, false, nil
	}
	var sources []map[string]substitution.Value
	take := func(t *check.Target) (any bool) {
		for _, object := range t.Objects {
			if object.APIVersion != "v1" || object.Kind != kind || object.Name != name || !object.Applied() ||
				object.Namespace != "" && d.Object.Namespace != "" && object.Namespace != d.Object.Namespace {
				continue
			}
			any = true
			sources = append(sources, contents(t, object))
		}
		return any
	}
	if d.Target != nil && take(d.Target) {
		return sources[0], true, nil
	}
	own := f.gate.repository.Config.Environment(d.Dir)
	for _, path := range f.targets(ctx) {
		other := f.gate.repository.Config.Environment(path)
		if path == kustomization.Stdin || own != nil && other != nil && own.Name != other.Name || !f.renderer.Mentions(path, name) {
			continue
		}
		if t := f.render(ctx, path); t != nil {
			take(t)
		}
	}
	if len(sources) == 0 {
		return nil, false, ctx.Err()
	}
	values = maps.Clone(sources[0])
	for _, other := range sources[1:] {
		for _, key := range slices.Concat(slices.Collect(maps.Keys(values)), slices.Collect(maps.Keys(other))) {
			if a, b := values[key], other[key]; a.Source == nil || b.Source == nil || a.Unknown || b.Unknown || a.Text != b.Text {
				values[key] = substitution.Value{Unknown: true}
			}
		}
	}
	return values, true, nil
}

// contents are the values of a ConfigMap or a Secret.
func contents(t *check.Target, object *manifest.Object) map[string]substitution.Value {
	values := map[string]substitution.Value{}
	for _, field := range []string{"data", "stringData"} {
		if field == "stringData" && object.Kind != "Secret" {
			continue
		}
		data, _ := object.Value[field].(map[string]any)
		for key, value := range data {
			path := manifest.Path{field, key}
			text := fmt.Sprint(value)
			unknown := object.Hides(path)
			if field == "data" && object.Kind == "Secret" {
				decoded, err := base64.StdEncoding.DecodeString(text)
				text, unknown = string(decoded), unknown || err != nil
			}
			values[key] = substitution.Value{Text: text, Unknown: unknown || uncertain(text), Source: func() manifest.Position { return t.Origin(object, path).Position }}
		}
	}
	return values
}
