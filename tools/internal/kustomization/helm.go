package kustomization

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/ifc"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/kio"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// HelmRelease is the release of Helm that charts are rendered as.
const HelmRelease = chart.HelmRelease

const inflator = "HelmChartInflationGenerator"

// inflation is a chart to be rendered: an entry of `helmCharts`, or a configuration of the generator. Its JSON is what
// Kustomize decodes either to.
type inflation struct {
	types.HelmGlobals
	types.HelmChart

	layer    *Layer
	document *manifest.Document // that the entry is written in; nil where it is not known
	entry    *kyaml.Node
}

// at is the position of a field of the entry, or of the entry.
func (h *inflation) at(field string) manifest.Position {
	if h.document == nil {
		return h.layer.field("generators")
	}
	entry := h.document.Item(h.entry)
	for _, name := range []string{field, "name", "chartName"} {
		if at, exact := entry.Locate(manifest.Path{name}, nil); exact {
			return at
		}
	}
	return h.document.Position(nil, h.entry)
}

// oldFields are those of the older `helmChartInflationGenerator`, by those of `helmCharts`.
var oldFields = map[string]string{
	"name": "chartName", "version": "chartVersion", "repo": "chartRepoUrl", "valuesFile": "values", "valuesInline": "valuesLocal",
}

// field is a field of the entry in whichever spelling it has.
func (h *inflation) field(name string) manifest.Position {
	if old := oldFields[name]; old != "" && manifest.Lookup(h.entry, name) == nil && manifest.Lookup(h.entry, old) != nil {
		name = old
	}
	return h.at(name)
}

// inflations are the charts that a layer names in its fields.
func (l *Layer) inflations(config *types.Kustomization) []*inflation {
	var all []*inflation
	for i, c := range config.HelmCharts {
		h := &inflation{HelmChart: c, layer: l, document: l.Document}
		if config.HelmGlobals != nil {
			h.HelmGlobals = *config.HelmGlobals
		}
		// Kustomize hands the namespace of the layer to Helm, or that of the closest layer above that has one.
		h.Namespace = cmp.Or(h.Namespace, config.Namespace, l.inherited)
		name := "helmCharts"
		if own := len(l.Config.HelmCharts); i >= own {
			name, i = "helmChartInflationGenerator", i-own
		}
		if h.entry = manifest.Lookup(l.Node, name, i); h.entry == nil {
			h.entry = l.Node
		}
		all = append(all, h)
	}
	return all
}

// charts refuses charts that are not there and values that cannot be read, with their lines, and records what rendering
// them reads.
func (w *layers) charts(layer *Layer) error {
	config, err := layer.config()
	if err != nil {
		return nil // said when the layer is accumulated
	}
	for _, h := range layer.inflations(config) {
		if err := w.chart(h); err != nil {
			return err
		}
	}
	return nil
}

// chart is charts for one of them. A chart that is not where Kustomize would put it is looked for among the copies.
func (w *layers) chart(h *inflation) error {
	w.charted++
	if node := h.valuesNode(); node != nil && vendored.IsFile(node.Value) {
		if _, err := w.fetchedFile(h.layer, node, node.Value, nil); err != nil {
			return err
		}
	}
	if home := h.home(); h.Repo != "" && h.Name != "" && !path.IsAbs(home) && !w.files.IsDir(path.Join(h.layer.Dir, home, h.Name)) {
		wanted := h.wanted()
		w.files.look(vendored.LockFile)
		tree, err := w.source.Chart(w.ctx, wanted)
		w.dependOn(tree.Root)
		if err != nil {
			return unfetched(h.field("repo"), "the chart "+wanted.String(), err)
		}
		w.bring(h.layer, h.at(""), tree.Root)
		if h.layer.charts == nil {
			h.layer.charts = map[vendored.Chart]string{}
		}
		h.layer.charts[wanted] = tree.Dir
	}
	_, err := w.files.source(h)
	return err
}

// configured is charts for a configuration of the generator, as it is written: a layer may change it before it is used.
func (w *layers) configured(layer *Layer, d manifest.Document) error {
	h := &inflation{layer: layer, document: &d, entry: d.Node}
	text, err := manifest.PlainJSON(manifest.Plain(d.Node), manifest.YAML12)
	if err != nil {
		return fail(d.Position(nil, d.Node), "%s", err)
	}
	both := struct {
		types.HelmGlobals
		types.HelmChart
	}{}
	if err := json.Unmarshal(text, &both); err != nil {
		for _, typ := range pluginTypes(inflator) {
			if better := misfit(&d, manifest.Plain(d.Node), "the configuration", typ, false); better != nil {
				return better
			}
		}
		return fail(d.Position(nil, d.Node), "%s", mistypedField(err))
	}
	h.HelmGlobals, h.HelmChart = both.HelmGlobals, both.HelmChart
	return w.chart(h)
}

// valuesNode is the field that names the file of values.
func (h *inflation) valuesNode() *kyaml.Node {
	if node := manifest.Lookup(h.entry, "valuesFile"); node != nil {
		return node
	}
	if h.document == h.layer.Document {
		return manifest.Lookup(h.entry, "values")
	}
	return nil
}

// home is the directory that has the chart's, from the layer's.
func (h *inflation) home() string {
	home := cmp.Or(h.ChartHome, types.HelmDefaultHome)
	if h.Version != "" && h.Repo != "" {
		return path.Join(home, h.Name+"-"+h.Version) // where Kustomize puts what it fetches
	}
	return home
}

// wanted is the chart by the names under which there may be a copy.
func (h *inflation) wanted() vendored.Chart {
	return vendored.Chart{Repository: h.Repo, Name: h.Name, Version: h.Version}
}

// source is what an inflation renders.
type source struct {
	chart  *chart.Chart
	dir    string         // of the chart
	values []chart.Values // the first one is merged with valuesInline
	files  []string       // of the values, from the repository's top

	brought map[string]string // directories below the chart's to which others are brought, with these
	copies  []string          // directories of copies among all these
}

// file is a file of the chart as the repository calls it.
func (s *source) file(name string) string {
	for below, dir := range s.brought {
		if rest, is := strings.CutPrefix(name, below+"/"); is {
			return path.Join(dir, rest)
		}
	}
	return path.Join(s.dir, name)
}

// loader reads for Kustomize's plugins in the inflation's layer.
func (f *Files) loader(h *inflation) ifc.Loader { return layerLoader{f, h.layer} }

// source finds the chart of an inflation and its values.
func (f *Files) source(h *inflation) (*source, error) {
	switch {
	case h.Name == "":
		return nil, fail(h.at(""), "the entry names no chart: it needs `name`")
	case strings.HasPrefix(h.Name, "-"):
		return nil, fail(h.field("name"), "a chart's name does not begin with -: %s", h.Name)
	case strings.HasPrefix(h.ReleaseName, "-"):
		return nil, fail(h.field("releaseName"), "a release's name does not begin with -: %s", h.ReleaseName)
	case !slices.Contains([]string{"", "merge", "override", "replace"}, h.ValuesMerge):
		return nil, fail(h.field("valuesMerge"), "valuesMerge is %s; it is merge, override or replace", h.ValuesMerge)
	}
	home := h.home()
	homeAt := h.field("name")
	if at, exact := h.layer.locate("helmGlobals", "chartHome"); exact {
		homeAt = at
	}
	if path.IsAbs(home) {
		return nil, fail(homeAt, "chartHome %s is absolute: write it relative to this file", home)
	}
	s := &source{}
	copied := false
	if s.dir, copied = h.layer.charts[h.wanted()]; !copied {
		var err error
		if s.dir, err = f.chartDir(h, path.Join(h.layer.Dir, home, h.Name), homeAt); err != nil {
			return nil, err
		}
	}
	files, err := f.chartFiles(s.dir)
	if err != nil {
		return nil, fail(h.field("name"), "the chart %s: %s", h.Name, err)
	}
	if s.chart, err = chart.Load(files); err != nil {
		return nil, fail(h.field("name"), "the chart %s: %s", h.Name, err)
	}
	values := cmp.Or(h.ValuesFile, path.Join(home, h.Name, "values.yaml"))
	for i, name := range append([]string{values}, h.AdditionalValuesFiles...) {
		at, what := h.field("valuesFile"), name
		if i > 0 {
			at = h.at("additionalValuesFiles")
			if list := manifest.Lookup(h.entry, "additionalValuesFiles", i-1); list != nil && h.document != nil {
				at = h.document.Position(nil, list)
			}
		}
		if copied && i == 0 && h.ValuesFile == "" {
			s.values, s.files = append(s.values, chart.Values{Name: what, Text: s.chart.File("values.yaml")}), append(s.files, path.Join(s.dir, "values.yaml"))
			continue
		}
		text, err := f.loader(h).Load(name)
		switch {
		case err != nil && i == 0 && h.ValuesFile == "" && f.Exists(path.Join(h.layer.Dir, name)):
			return nil, fail(h.field("name"), "%s: Kustomize reads the values of a chart at or below the kustomization alone: name a `valuesFile` there", err)
		case err != nil && i == 0 && h.ValuesFile == "":
			return nil, fail(h.field("name"), "the chart %s has no values.yaml, and Kustomize wants one: add an empty one, or name a `valuesFile`", h.Name)
		case err != nil:
			return nil, fail(at, "%s", err)
		}
		file, err := f.resolve(h.layer.Path(name))
		if err != nil {
			return nil, fail(at, "%s", err)
		}
		s.values, s.files = append(s.values, chart.Values{Name: what, Text: text}), append(s.files, file)
	}
	return s, nil
}

// chartDir is the directory of a chart.
func (f *Files) chartDir(h *inflation, dir string, homeAt manifest.Position) (string, error) {
	if dir == ".." || strings.HasPrefix(dir, "../") {
		return "", fail(homeAt, "the chart would be at %s, out of the repository: name a `chartHome` within it", dir)
	}
	found, err := f.resolve(dir)
	switch {
	case err == nil && !h.layer.holds(found):
		return "", fail(h.field("name"), "%s leads out of %s, the copy of a repository", dir, h.layer.copied.Root)
	case err == nil && f.IsDir(found):
		return found, nil
	case err == nil:
		return "", fail(h.field("name"), "%s is no directory: Kustomize takes a chart as one", dir)
	case f.lexists(dir), errors.Is(err, errGit):
		return "", fail(h.field("name"), "the chart %s: %s", h.Name, err)
	}
	return "", fail(h.field("name"), "no chart %s at %s, and no `repo` to fetch it from", h.Name, dir)
}

// most files of a chart, and levels of directories below it.
const (
	mostChartFiles = 5000
	mostChartDepth = 30
)

// chartFiles reads a chart as Helm does: every file below it, through links that stay in the repository.
func (f *Files) chartFiles(dir string) ([]chart.File, error) {
	var files []chart.File
	entries := 0
	var walk func(at, below string, depth int) error
	walk = func(at, below string, depth int) error {
		if depth > mostChartDepth {
			return fmt.Errorf("%s: directories nested more than %d deep", at, mostChartDepth)
		}
		names, err := f.ReadDir(at)
		if err != nil {
			return err
		}
		for _, name := range names {
			full, relative := path.Join(at, name), path.Join(below, name)
			if entries++; entries > mostChartFiles {
				return fmt.Errorf("it has more than %d files", mostChartFiles)
			}
			info, err := f.stat(full)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", full, err)
			case info.IsDir():
				if err := walk(full, relative, depth+1); err != nil {
					return err
				}
				continue
			case !info.Mode().IsRegular():
				return fmt.Errorf("%s is no regular file", full)
			}
			text, err := f.ReadFile(full)
			if err != nil {
				return err
			}
			files = append(files, chart.File{Name: relative, Info: info, Data: text})
		}
		return nil
	}
	return files, walk(dir, "", 0)
}

// inflate is an inflation that Kustomize's driver would run as a plugin.
type inflate struct {
	inflation
	engine  *engine
	helpers *resmap.PluginHelpers
}

// Config configures the plugin the way Kustomize does: by text.
func (p *inflate) Config(h *resmap.PluginHelpers, text []byte) error {
	p.helpers = h
	both := struct {
		types.HelmGlobals
		types.HelmChart
	}{}
	if err := k8syaml.Unmarshal(text, &both); err != nil {
		return err
	}
	p.HelmGlobals, p.HelmChart = both.HelmGlobals, both.HelmChart
	return nil
}

// helm runs the entries of `helmCharts`.
func (e *engine) helm(layer *Layer, config *types.Kustomization, a *accumulation, origin *resource.Origin) error {
	for _, h := range layer.inflations(config) {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		p := &inflate{inflation: *h, engine: e}
		if err := e.configure(layer, p, struct {
			types.HelmGlobals
			types.HelmChart
		}{h.HelmGlobals, h.HelmChart}); err != nil {
			return place(layer, h.at(""), err)
		}
		if err := e.inflated(layer, p, layer.configuredBy(origin, inflator), a); err != nil {
			return err
		}
	}
	return nil
}

// inflated adds what a chart renders to.
func (e *engine) inflated(layer *Layer, p *inflate, origin *resource.Origin, a *accumulation) error {
	generated, traces, err := p.generate()
	if err != nil {
		return place(layer, p.at(""), err)
	}
	return e.absorb(layer, p.at(""), generated, origin, a, nil, traces)
}

// merged are the values of the first file and of valuesInline together, as Kustomize hands them to Helm.
func (h *inflation) merged(first []byte) ([]byte, error) {
	if len(h.ValuesInline) == 0 {
		return first, nil
	}
	all := h.ValuesInline
	if h.ValuesMerge != "replace" {
		file, err := kyaml.Parse(string(first))
		if err != nil {
			return nil, fmt.Errorf("could not parse values file into rnode: %w", err)
		}
		inline, err := kyaml.FromMap(h.ValuesInline)
		if err != nil {
			return nil, fmt.Errorf("could not parse values inline into rnode: %w", err)
		}
		from, into := inline, file
		if h.ValuesMerge == "merge" {
			from, into = file, inline
		}
		out, err := merge2.Merge(from, into, kyaml.MergeOptions{})
		if err != nil {
			return nil, fmt.Errorf("could not merge values: %w", err)
		}
		if all, err = out.Map(); err != nil {
			return nil, fmt.Errorf("could not parse merged values into map: %w", err)
		}
	}
	return k8syaml.Marshal(all)
}

// release is what Kustomize has Helm render.
func (h *inflation) release(s *source) (chart.Release, error) {
	r := chart.Release{
		Name: h.ReleaseName, NameTemplate: h.NameTemplate, Namespace: h.Namespace, APIVersions: h.ApiVersions, KubeVersion: h.KubeVersion,
		IncludeCRDs: h.IncludeCRDs, SkipHooks: h.SkipHooks, SkipTests: h.SkipTests,
	}
	first, err := h.merged(s.values[0].Text)
	if err != nil {
		return r, err
	}
	r.Values = append([]chart.Values{{Name: s.values[0].Name, Text: first}}, s.values[1:]...)
	return r, nil
}

// mostReleases are bytes of rendered releases that are kept for the next target.
const mostReleases = 64 << 20

// released is what a release came to.
type released struct {
	rendered *chart.Rendered
	varies   *chart.Variation
	lines    func() [][]chart.Place // of the documents, found when first asked for
	err      error
}

// releases keeps what charts have been rendered to, by all that goes into it.
type releases = cache.Bounded[[sha256.Size]byte, released]

// render renders a release, once for all targets that have it.
func (f *Files) render(ctx context.Context, s *source, r chart.Release) released {
	render := func() released {
		var made released
		if made.rendered, made.err = s.chart.Render(ctx, r); made.err == nil {
			made.varies, made.err = s.chart.Variation(ctx, r, made.rendered)
		}
		// Of no run: who asks first may end before others ask.
		made.lines = sync.OnceValue(func() [][]chart.Place { return s.chart.Lines(context.Background(), r, made.rendered) })
		return made
	}
	text, err := json.Marshal(r)
	if err != nil {
		return render()
	}
	digest := s.chart.Digest()
	made, err := f.store.releases.Get(sha256.Sum256(append(digest[:], text...)), func() (released, int, error) {
		made := render()
		size := 0
		if made.rendered != nil {
			size = 3 * len(made.rendered.Text) // with the documents, and the lines of these
		}
		return made, size, nil
	})
	switch {
	case err != nil:
		return released{err: err}
	case made.err != nil && ctx.Err() == nil && (errors.Is(made.err, context.Canceled) || errors.Is(made.err, context.DeadlineExceeded)):
		return render() // who made it had no time left
	}
	return made
}

// generate renders the chart, as Kustomize's plugin does with the program.
func (p *inflate) generate() (resmap.ResMap, map[*resource.Resource]*Trace, error) {
	s, err := p.engine.files.source(&p.inflation)
	if err != nil {
		return nil, nil, err
	}
	release, err := p.release(s)
	if err != nil {
		return nil, nil, fail(p.field("valuesInline"), "%s", err)
	}
	made := p.engine.files.render(p.engine.ctx, s, release)
	who := p.charted(s)
	if made.err != nil {
		return nil, nil, who.failure(s, made.err)
	}
	if fault := who.varies(s, made); fault != nil {
		p.engine.note(*fault)
	}
	documents, err := who.documents(s, release, made)
	if err != nil {
		return nil, nil, err
	}
	resources, err := resourcesIn(p.helpers.ResmapFactory(), made.rendered.Text)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range resources.Resources() {
		if err := r.PipeE(kyaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, nil, err
		}
	}
	return resources, tracesIn(resources, documents), nil
}

// Generate is for who takes the plugin for one of Kustomize's.
func (p *inflate) Generate() (resmap.ResMap, error) {
	resources, _, err := p.generate()
	return resources, err
}

// resourcesIn reads what Helm prints. Kustomize reads it in another way where the first does not work.
func resourcesIn(factory *resmap.Factory, text []byte) (resmap.ResMap, error) {
	resources, err := factory.NewResMapFromBytes(text)
	if err == nil {
		return resources, nil
	}
	nodes, readErr := (&kio.ByteReader{Reader: bytes.NewReader(text), OmitReaderAnnotations: true}).Read()
	switch {
	case readErr != nil:
		return nil, fmt.Errorf("error reading helm output: %w", readErr)
	case len(nodes) == 0:
		return nil, fmt.Errorf("could not parse bytes into resource map: %w", err)
	}
	return factory.NewResMapFromRNodeSlice(nodes)
}

// failure says why a chart cannot be rendered, where that is.
func (c charted) failure(s *source, err error) error {
	wrong, invalid := (*chart.Error)(nil), (*chart.Invalid)(nil)
	by := fmt.Sprintf("the chart %s, of %s", c.name, c.at)
	switch {
	case errors.As(err, &wrong) && wrong.File != "":
		return fail(manifest.Position{File: s.file(wrong.File), Line: wrong.Line}, "%s: %s", by, wrong.Message)
	case errors.As(err, &wrong):
		return fail(c.at, "the chart %s cannot be rendered: %s", c.name, wrong.Message)
	case errors.As(err, &invalid):
		var errs []error
		for _, f := range invalid.Faults {
			way := make([]any, len(f.Path))
			for i, step := range f.Path {
				way[i] = step
				if n, err := strconv.Atoi(step); err == nil {
					way[i] = n
				}
			}
			at, _ := c.value(way)
			what := "the values do"
			if len(f.Path) > 0 {
				what = "the value " + strings.Join(f.Path, ".") + " does"
			}
			errs = append(errs, fail(at, "%s not fit values.schema.json of the chart %s: %s", what, invalid.Chart, f.Message))
		}
		return errors.Join(errs...)
	}
	return err
}

// varies is the fault of a chart that renders to something else each time; nil for none.
func (c charted) varies(s *source, made released) *check.Fault {
	if made.varies == nil {
		return nil
	}
	at := c.at
	if d := made.varies.Document; d < len(made.rendered.Documents) {
		if file := made.rendered.Documents[d].File; file != "" {
			at = manifest.Position{File: s.file(file), Line: made.varies.Line}
		}
	}
	fault := newFault(chartVaries, at, "the chart %s renders to something else every time, by %s: Argo CD and Flux would apply it again and again",
		c.name, strings.Join(made.varies.Functions, ", "))
	fault.Of = c.at
	return &fault
}
