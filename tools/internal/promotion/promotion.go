// Package promotion is what runs where: the services of a repository against its environments, each value with the scalar of
// the file that says it, and since when.
package promotion

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Table is services against environments.
type Table struct {
	Environments []Environment // in the order in which versions travel
	Services     []Service     // by name
	Shared       []Workload    // whose images only files say that all environments read: they are not promoted
}

// Environment is one of kgate.yaml that targets of the run are of.
type Environment struct {
	Name      string
	Promotion repo.Promotion // as kgate.yaml has it, or nothing
	Targets   []string
	Workloads []Running // all that has pods, whatever service it is of
}

// Running is a workload of an environment with the images of its containers.
type Running struct {
	Object *manifest.Object
	Images []Image
}

// Image is that of a container; false where there is none of that name.
func (r Running) Image(container string) (Image, bool) {
	i := slices.IndexFunc(r.Images, func(image Image) bool { return image.Container == container })
	if i < 0 {
		return Image{}, false
	}
	return r.Images[i], true
}

// Service is what is promoted as one: workloads of a version, or the release of a Helm chart.
type Service struct {
	Name   string
	Places []Place // one an environment, in the order of the table
}

// Place is a service in an environment. Its zero value, but for the name, is that of a service that is not there.
type Place struct {
	Environment string
	Stable      Track
	Canary      Track // without workloads where there is none
	Weights     []Weight
	Replicas    []Replicas // of each workload whose number somebody chooses, the stable ones first
	Sampling    []Rate
	Rollout     *Rollout           // how a controller moves traffic by itself; nil where none does
	Objects     []*manifest.Object // what makes up the service, workloads and what hangs on them

	target   func(*manifest.Object) *check.Target
	declared func(manifest.Position) bool // it is in an environment object
}

// Exists reports whether the service is in the environment.
func (p Place) Exists() bool { return len(p.Stable.Workloads) > 0 || p.Stable.Chart != nil }

// Own reports whether the version of a track is the environment's own to say: a scalar says it that not every environment
// reads.
func (t Track) Own() bool { return t.own }

// Says reports whether a scalar at a position says a version or a share of traffic of the place.
func (p Place) Says(at manifest.Position) bool {
	if at.Line == 0 {
		return false
	}
	for _, t := range []Track{p.Stable, p.Canary} {
		for _, image := range append([]Image{t.Image}, t.Others...) {
			if image.Said.Tag.Position == at || image.Said.Digest.Position == at || image.Said.Entry == at {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.Weights, func(w Weight) bool {
		return w.Canary.Scalar.Position == at || slices.ContainsFunc(w.Stable, func(v Value) bool { return v.Scalar.Position == at })
	})
}

// Locate finds the line to edit for a field of one of the objects.
func (p Place) Locate(object *manifest.Object, path manifest.Path) manifest.Origin {
	return p.target(object).Origin(object, path)
}

// Target is the path of the target that renders an object of the place, or has its chart; "" where it is of none.
func (p Place) Target(object *manifest.Object) string {
	if p.target == nil || p.target(object) == nil {
		return ""
	}
	return p.target(object).Path
}

// Track is the workloads of a service that run one version.
type Track struct {
	Workloads []*manifest.Object
	Image     Image   // that tells the version
	Others    []Image // of further containers, whose versions are said in places of their own
	Chart     *Chart  // whose release it is; nil for workloads

	own bool
}

// Workload is one by its service and how many environments run it.
type Workload struct {
	Service      string
	Object       manifest.ID // as the first environment has it
	Images       []string
	Environments []string
	Chart        bool // a release of a Helm chart
	Unsaid       bool // nothing in git says its version, as of a release that takes the newest
}

// Value is what a field holds, and the scalar that says it; the scalar is zero where nobody can tell.
type Value struct {
	Text   string
	Object *manifest.Object
	Path   manifest.Path
	Scalar Scalar
}

// Of makes the table of rendered targets. documents reads a file of the repository.
func Of(targets []*check.Target, config repo.Config, documents func(file string) ([]manifest.Document, error)) Table {
	b := &builder{documents: documents, readersOf: map[string][]string{}}
	for _, e := range config.Stages() {
		environment := Environment{Name: e.Name}
		if e.Promotion != nil {
			environment.Promotion = *e.Promotion
		}
		in := &stage{targets: map[*manifest.Object]*check.Target{}}
		seen := map[manifest.ID]bool{}
		var of []*check.Target
		for _, t := range targets {
			if t.Environment == nil || t.Environment.Name != e.Name {
				continue
			}
			environment.Targets = append(environment.Targets, t.Path)
			of = append(of, t)
			for _, file := range t.Reading.Files {
				if !slices.Contains(b.readersOf[file], e.Name) {
					b.readersOf[file] = append(b.readersOf[file], e.Name)
				}
			}
			for _, o := range t.Applied() {
				if !seen[o.ID] { // a target that another one lists has the same objects
					seen[o.ID] = true
					in.objects = append(in.objects, o)
					in.targets[o] = t
				}
			}
		}
		if len(environment.Targets) > 0 {
			b.table.Environments = append(b.table.Environments, environment)
			in.of = of
			b.stages = append(b.stages, in)
		}
	}
	b.gather()
	b.services()
	b.releases()
	return b.table
}

// builder makes a table.
type builder struct {
	table     Table
	stages    []*stage // by environment
	documents func(file string) ([]manifest.Document, error)
	readersOf map[string][]string // environments, by file
}

// declared reports a place in an object that is local to the configuration, as one that says what makes an environment this one:
// replacements read it, and no cluster gets it.
func (b *builder) declared(at manifest.Position) bool {
	const localConfig = "config.kubernetes.io/local-config"
	documents, err := b.documents(at.File)
	if err != nil {
		return false
	}
	for i, d := range documents {
		if at.Line >= d.Line && (i+1 == len(documents) || at.Line < documents[i+1].Line) {
			return manifest.Lookup(d.Node, "metadata", "annotations", localConfig) != nil
		}
	}
	return false
}

// readers are the environments whose targets read a file.
func (b *builder) readers(file string) []string { return b.readersOf[file] }

// stage is an environment while the table is made.
type stage struct {
	objects   []*manifest.Object
	targets   map[*manifest.Object]*check.Target
	of        []*check.Target
	workloads []*workload
	charts    []release
	graph     *graph.Graph // once somebody asks
}

// workload is an object that has pods, while the table is made.
type workload struct {
	object *manifest.Object
	name   string // that of the service, as its labels say
	called string // its own, without that of the environment and what makes it a canary
	canary bool
	labels []labels // of its pods
	images []Image  // the one that tells the version first
}

type labels map[string]string

func (b *builder) gather() {
	for i, in := range b.stages {
		environment := b.table.Environments[i].Name
		subsets := canarySubsets(in.objects)
		in.charts = b.charts(in, environment, in.of)
		for _, o := range in.objects {
			path, ok := relation.Known().Templates.Of(o.Group(), o.Kind)
			if !ok || len(path) == 0 {
				continue // a pod by itself is nobody's service
			}
			template := manifest.At(o.Value, steps(path)...)
			w := &workload{object: o, labels: podLabels(o, template)}
			w.name, w.called = serviceName(o, template), affixless(o.Name, environment)
			stem, suffixed := canaryStem(w.called)
			w.canary = suffixed || canaryLabelled(template) || slices.ContainsFunc(subsets, func(s subset) bool { return s.namespace == o.Namespace && s.selects(w.labels) })
			w.called = stem
			if w.name == "" {
				w.name = stem
			}
			w.images = b.images(in, w, path)
			if len(w.images) > 0 {
				in.workloads = append(in.workloads, w)
			}
		}
		for _, w := range in.workloads {
			// A canary is one beside something that is none.
			if w.canary && !slices.ContainsFunc(in.workloads, func(other *workload) bool {
				return !other.canary && other.name == w.name && other.object.Namespace == w.object.Namespace
			}) {
				w.canary = false
			}
			b.table.Environments[i].Workloads = append(b.table.Environments[i].Workloads, Running{w.object, w.images})
		}
	}
}

// images are those of the containers of a workload: the one that tells the version first.
func (b *builder) images(in *stage, w *workload, template []string) []Image {
	o := w.object
	pod := manifest.At(o.Value, steps(template)...)
	var images []Image
	for _, list := range []string{"containers", "initContainers"} {
		for i, c := range manifest.ListAt(pod, "spec", list) {
			text := manifest.TextAt(c, "image")
			path := append(slices.Clone(manifest.Path(steps(template))), "spec", list, i, "image")
			if text == "" || o.Hides(path) {
				continue
			}
			image := Image{Object: o, Path: path, Container: manifest.TextAt(c, "name"), Text: text, Reference: ParseReference(text)}
			image.Said = b.said(image, in.targets[o].Origin(o, path))
			images = append(images, image)
		}
	}
	main := manifest.TextAt(pod, "metadata", "annotations", "kubectl.kubernetes.io/default-container")
	rank := func(i Image) int {
		switch {
		case i.Container == main && main != "":
			return 0
		case !b.table.Own(i.Said.Version()):
			return 4
		case i.Path[len(i.Path)-3] == "initContainers":
			return 3
		case i.Said.Entry == (manifest.Position{}): // no `images` of a kustomization
			return 2
		}
		return 1
	}
	slices.SortStableFunc(images, func(a, b Image) int { return rank(a) - rank(b) })
	return images
}

// services puts the workloads of all environments together by what they have in common.
func (b *builder) services() {
	for _, rename := range []func(*workload) string{
		func(w *workload) string { return w.called },
		func(w *workload) string { return strings.TrimPrefix(w.object.Namespace+"/"+w.called, "/") },
	} {
		for _, name := range b.ambiguous() {
			for _, in := range b.stages {
				for _, w := range in.workloads {
					if w.name == name {
						w.name = rename(w)
					}
				}
			}
		}
	}
	names := map[string]bool{}
	for _, in := range b.stages {
		for _, w := range in.workloads {
			names[w.name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s := Service{Name: name}
		owned := false
		for i, in := range b.stages {
			p := b.place(in, name)
			p.Environment = b.table.Environments[i].Name
			owned = owned || p.Stable.own || p.Canary.own
			s.Places = append(s.Places, p)
		}
		if owned {
			b.table.Services = append(b.table.Services, s)
		} else {
			b.table.Shared = append(b.table.Shared, s.shared(b.ofChart)...)
		}
	}
	for i := range b.table.Services {
		for at := range b.table.Services[i].Places {
			b.complete(b.stages[at], &b.table.Services[i].Places[at])
		}
	}
}

// ambiguous are the names that stand for workloads of several versions in an environment.
func (b *builder) ambiguous() []string {
	names := map[string]bool{}
	for _, in := range b.stages {
		said := map[string]manifest.Position{}
		for _, w := range in.workloads {
			if w.canary {
				continue
			}
			at := w.images[0].Said.Version().Position
			if before, ok := said[w.name]; ok && (before != at || at.IsZero()) {
				names[w.name] = true
			}
			said[w.name] = at
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// place puts the workloads of one name in an environment together.
func (b *builder) place(in *stage, name string) Place {
	p := Place{target: func(o *manifest.Object) *check.Target { return in.targets[o] }, declared: b.declared}
	for _, w := range in.workloads {
		if w.name != name {
			continue
		}
		t := &p.Stable
		if w.canary {
			t = &p.Canary
		}
		if len(t.Workloads) == 0 {
			t.Image = w.images[0]
			t.own = b.table.Own(t.Image.Said.Version())
		}
		t.Workloads = append(t.Workloads, w.object)
		for _, image := range w.images {
			at := image.Said.Version()
			if at.Position != t.Image.Said.Version().Position && b.table.Own(at) && !slices.ContainsFunc(t.Others, func(o Image) bool { return o.Said.Version().Position == at.Position }) {
				t.Others = append(t.Others, image)
			}
		}
	}
	return p
}

// shared are the workloads of a service that is not promoted, but for those of charts, whose versions the charts tell.
func (s Service) shared(ofChart func(*manifest.Object) bool) []Workload {
	var out []Workload
	for _, p := range s.Places {
		for _, o := range slices.Concat(p.Stable.Workloads, p.Canary.Workloads) {
			if ofChart(o) {
				continue
			}
			at := slices.IndexFunc(out, func(w Workload) bool { return w.Object.Kind == o.Kind && w.Object.Name == o.Name })
			if at < 0 {
				at = len(out)
				w := Workload{Service: s.Name, Object: o.ID}
				path, _ := relation.Known().Templates.Of(o.Group(), o.Kind)
				for _, c := range manifest.ListAt(o.Value, append(steps(path), "spec", "containers")...) {
					w.Images = append(w.Images, manifest.TextAt(c, "image"))
				}
				out = append(out, w)
			}
			if !slices.Contains(out[at].Environments, p.Environment) {
				out[at].Environments = append(out[at].Environments, p.Environment)
			}
		}
	}
	return out
}

// Owner is the environment that a file is of: the one whose target is the file, or its closest directory with a target; "" for none, or
// where two have that target.
func (t Table) Owner(file string) string {
	owner, closest := "", -1
	for _, e := range t.Environments {
		for _, target := range e.Targets {
			if target != file && target != "." && !strings.HasPrefix(file, target+"/") {
				continue
			}
			switch {
			case len(target) > closest:
				owner, closest = e.Name, len(target)
			case len(target) == closest && owner != e.Name:
				owner = ""
			}
		}
	}
	return owner
}

// Service finds a service by its name.
func (t Table) Service(name string) (Service, bool) {
	i := slices.IndexFunc(t.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return t.Services[i], true
}

// Environment finds an environment by its name.
func (t Table) Environment(name string) (Environment, bool) {
	i := slices.IndexFunc(t.Environments, func(e Environment) bool { return e.Name == name })
	if i < 0 {
		return Environment{}, false
	}
	return t.Environments[i], true
}

// Place is a service in an environment; false where the table has no such environment.
func (s Service) Place(environment string) (Place, bool) {
	i := slices.IndexFunc(s.Places, func(p Place) bool { return p.Environment == environment })
	if i < 0 {
		return Place{}, false
	}
	return s.Places[i], true
}

func steps(path []string) []any {
	out := make([]any, len(path))
	for i, s := range path {
		out[i] = s
	}
	return out
}

const nameLabel = "app.kubernetes.io/name"

// serviceName is what the labels of a workload call the service, or "".
func serviceName(o *manifest.Object, template any) string {
	return cmp.Or(manifest.TextAt(o.Value, "metadata", "labels", nameLabel), manifest.TextAt(template, "metadata", "labels", nameLabel))
}

// affixless is a name without that of the environment before or behind it.
func affixless(name, environment string) string {
	return strings.TrimPrefix(strings.TrimSuffix(name, "-"+environment), environment+"-")
}

// podLabels are the sets of labels that the pods of a workload have.
func podLabels(o *manifest.Object, template any) []labels {
	of := labels{}
	written, _ := manifest.At(template, "metadata", "labels").(map[string]any)
	for key, value := range written {
		of[key], _ = value.(string)
	}
	added, _ := relation.Known().Added.Of(o.Group(), o.Kind)
	maps.Copy(of, added.For(o.Namespace, o.Name))
	return []labels{of}
}

// Own reports whether a scalar is one that not every environment reads: an edit of it promotes something.
func (t Table) Own(s Scalar) bool {
	return !s.IsZero() && (len(t.Environments) < 2 || len(s.Environments) < len(t.Environments))
}
