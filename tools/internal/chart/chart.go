// Package chart renders Helm charts with Helm's own packages, in process and offline: it prints what `helm template` prints,
// starts no program, asks no cluster and reads no file but those that it is given. What a hostile chart could do without an
// end is bounded: loops, templates and values that hold themselves, and the texts that the functions of limits.go make.
package chart

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	v2util "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/ignore"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"helm.sh/helm/v4/pkg/strvals"
	"k8s.io/apimachinery/pkg/runtime"
	k8syaml "sigs.k8s.io/yaml"
)

// HelmRelease is the release of Helm whose packages render, and KubeVersion the version of Kubernetes that it tells a chart
// where nobody names another: that of the client-go that the release is built with. A test compares both with go.mod.
const (
	HelmRelease = "v4.3.1"
	KubeVersion = "v1.37.0"
)

// File is a file of a chart, by its path from the chart's directory.
type File struct {
	Name string
	Info fs.FileInfo // nil where it does not matter to .helmignore
	Data []byte
}

// Chart is what a chart is made of. It never changes.
type Chart struct {
	files  []File
	digest [sha256.Size]byte
}

// File is the content of a file of the chart; nil for none.
func (c *Chart) File(name string) []byte {
	for _, f := range c.files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

// Digest tells charts apart.
func (c *Chart) Digest() [sha256.Size]byte { return c.digest }

// Load takes the files of a chart's directory, in the order of their paths, less what its .helmignore leaves out.
func Load(files []File) (*Chart, error) {
	rules := ignore.Empty()
	for _, f := range files {
		if f.Name == ignore.HelmIgnore {
			var err error
			if rules, err = ignore.Parse(bytes.NewReader(f.Data)); err != nil {
				return nil, fmt.Errorf("%s: %w", ignore.HelmIgnore, err)
			}
		}
	}
	rules.AddDefaults()
	c := &Chart{}
	digest := sha256.New()
	for _, f := range files {
		if !ignored(rules, f) {
			c.files = append(c.files, f)
			fmt.Fprintf(digest, "%q %d\n", f.Name, len(f.Data))
			digest.Write(f.Data)
		}
	}
	digest.Sum(c.digest[:0])
	return c, nil
}

// ignored reports a file that Helm leaves out: by a rule for itself, or for a directory that it is in.
func ignored(rules *ignore.Rules, f File) bool {
	for i, c := range f.Name {
		if c == '/' && rules.Ignore(f.Name[:i], directory(path.Base(f.Name[:i]))) {
			return true
		}
	}
	info := f.Info
	if info == nil {
		info = regular(path.Base(f.Name))
	}
	return rules.Ignore(f.Name, info)
}

type directory string

func (d directory) Name() string     { return string(d) }
func (directory) Size() int64        { return 0 }
func (directory) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (directory) ModTime() time.Time { return time.Time{} }
func (directory) IsDir() bool        { return true }
func (directory) Sys() any           { return nil }

type regular string

func (r regular) Name() string     { return string(r) }
func (regular) Size() int64        { return 0 }
func (regular) Mode() fs.FileMode  { return 0o644 }
func (regular) ModTime() time.Time { return time.Time{} }
func (regular) IsDir() bool        { return false }
func (regular) Sys() any           { return nil }

// Release is what `helm template` is told.
type Release struct {
	Name         string // without one, Helm calls it release-name
	NameTemplate string
	Namespace    string // without one, default
	Values       []Values
	Sets         []Set // over the values
	APIVersions  []string
	KubeVersion  string
	IncludeCRDs  bool
	SkipHooks    bool
	SkipTests    bool
	SkipSchema   bool // values.schema.json is not asked

	// Given, where it is not nil, takes the place of Values and Sets.
	Given map[string]any `json:"-"`
}

// Set is a single value, as Helm's flags --set, --set-string and --set-file take it.
type Set struct {
	Kind  SetKind
	Name  string // with dots and indices
	Value string // of SetFile the content of the file
}

// SetKind is what becomes of the text of a Set.
type SetKind string

// The kinds of Sets. Whatever their order, those of a later kind go over those of an earlier one.
const (
	SetValue  SetKind = "set"        // numbers, booleans and lists in braces are such
	SetString SetKind = "set-string" // a text
	SetFile   SetKind = "set-file"   // a text, in which a comma is one
)

// Into sets the value in a mapping.
func (s Set) Into(values map[string]any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	switch s.Kind {
	case SetString:
		return strvals.ParseIntoString(s.Name+"="+s.Value, values)
	case SetFile:
		return strvals.ParseIntoFile(s.Name+"=file", values, func([]rune) (any, error) { return s.Value, nil })
	}
	return strvals.ParseInto(s.Name+"="+s.Value, values)
}

// Merged are the values of the release as Helm puts them together, without those of the chart.
func (r Release) Merged() (map[string]any, error) {
	if r.Given != nil {
		return runtime.DeepCopyJSON(r.Given), nil // Helm changes what it is given
	}
	values := map[string]any{}
	for _, v := range r.Values {
		more, err := loader.LoadValues(bytes.NewReader(v.Text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Name, err)
		}
		values = Merge(values, more)
	}
	for _, kind := range []SetKind{SetValue, SetString, SetFile} {
		for _, s := range r.Sets {
			if s.Kind != kind {
				continue
			}
			if err := s.Into(values); err != nil {
				return nil, fmt.Errorf("the parameter %s: %w", s.Name, err)
			}
		}
	}
	return values, nil
}

// Values are a file of values, for the errors by its name.
type Values struct {
	Name string
	Text []byte
}

// Document is one document of what is printed.
type Document struct {
	Source string // the template's name, from the name of the chart
	File   string // of the chart, by its path from the chart's directory; empty where it is in an archive
	Text   string

	whole bool // it is the file, and no template
}

// Rendered is what a chart comes to.
type Rendered struct {
	Text      []byte // as `helm template` prints it
	Documents []Document
}

// Error says why a chart cannot be rendered, and where.
type Error struct {
	File    string // of the chart, as in Document; empty where no file is to blame
	Line    int    // 0 where it is not known
	Message string
}

func (e *Error) Error() string { return e.Message }

// Render renders a release of the chart. It gives up once the context ends, and after mostTime.
func (c *Chart) Render(ctx context.Context, r Release) (*Rendered, error) {
	return c.render(ctx, r, nil)
}

// render has further functions for the templates, in place of those of the same names.
func (c *Chart) render(ctx context.Context, r Release, functions template.FuncMap) (*Rendered, error) {
	written, err := c.execute(ctx, r, functions)
	if err != nil {
		return nil, err
	}
	return c.print(ctx, written, r)
}

// execute is template apart, so that it can be left alone where it does not come to an end.
func (c *Chart) execute(ctx context.Context, r Release, functions template.FuncMap) (*output, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, mostTime, errTime)
	defer cancel()
	type outcome struct {
		written *output
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.written, o.err = nil, &Error{Message: fmt.Sprintf("Helm crashes on this chart: %v", p)}
			}
			done <- o
		}()
		o.written, o.err = c.template(ctx, r, functions)
	}()
	select {
	case o := <-done:
		return o.written, o.err
	case <-ctx.Done():
		// Nothing ends a template from outside but the functions that it calls.
		if errors.Is(context.Cause(ctx), errTime) {
			return nil, &Error{Message: errTime.Error()}
		}
		return nil, ctx.Err()
	}
}

// load makes Helm's chart anew: rendering changes it.
func (c *Chart) load() (*v2.Chart, error) {
	buffered := make([]*archive.BufferedFile, len(c.files))
	for i, f := range c.files {
		buffered[i] = &archive.BufferedFile{Name: f.Name, Data: bytes.TrimPrefix(f.Data, []byte("\ufeff"))}
	}
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, c.describeLoad(err)
	}
	sortDependencies(loaded)
	return loaded, nil
}

// sortDependencies orders what Helm keeps in the order of a map: only the place of the definitions of charts below depends on it.
func sortDependencies(c *v2.Chart) {
	below := slices.SortedStableFunc(slices.Values(c.Dependencies()), func(a, b *v2.Chart) int {
		return cmp.Or(strings.Compare(a.Name(), b.Name()), strings.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	for _, d := range below {
		sortDependencies(d)
	}
	c.SetDependencies(below...)
}

// name is that of the release.
func (r Release) name() (string, error) {
	name := r.Name
	switch {
	case r.Name != "" && r.NameTemplate != "":
		return "", errors.New("releaseName and nameTemplate exclude each other: Helm takes one of them")
	case r.NameTemplate != "":
		functions := sprig.TxtFuncMap()
		delete(functions, "env")
		delete(functions, "expandenv")
		functions["getHostByName"] = func(string) string { return "" }
		t, err := template.New("nameTemplate").Funcs(functions).Funcs(bounds()).Parse(r.NameTemplate)
		if err != nil {
			return "", fmt.Errorf("nameTemplate: %w", err)
		}
		var out bytes.Buffer
		if err := t.Execute(&out, nil); err != nil {
			return "", fmt.Errorf("nameTemplate: %w", err)
		}
		name = out.String()
	case name == "":
		name = "release-name"
	}
	if err := v2util.ValidateReleaseName(name); err != nil {
		return "", fmt.Errorf("the release name %q: %w", name, err)
	}
	return name, nil
}

// output is what the templates of a chart write, before it is put in order.
type output struct {
	chart *v2.Chart
	files map[string]string // by the names of the templates
}

// Merge lays values over others, as Helm does.
func Merge(under, over map[string]any) map[string]any { return loader.MergeMaps(under, over) }

// template does what `helm template` does, in its order.
func (c *Chart) template(ctx context.Context, r Release, functions template.FuncMap) (*output, error) {
	name, err := r.name()
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	version := common.KubeVersion{}
	if v, err := common.ParseKubeVersion(cmp.Or(r.KubeVersion, KubeVersion)); err != nil {
		return nil, &Error{Message: fmt.Sprintf("kubeVersion %q: %s", r.KubeVersion, err)}
	} else {
		version = *v
	}
	values, err := r.Merged()
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	if version := loaded.Metadata.APIVersion; version != v2.APIVersionV1 && version != v2.APIVersionV2 {
		return nil, &Error{File: "Chart.yaml", Line: c.line("Chart.yaml", `^apiVersion:`),
			Message: fmt.Sprintf("the chart's apiVersion is %s; Helm %s renders charts of v1 and v2", version, HelmRelease)}
	}
	if kind := loaded.Metadata.Type; kind != "" && kind != "application" {
		return nil, &Error{File: "Chart.yaml", Line: c.line("Chart.yaml", `^type:`),
			Message: fmt.Sprintf("the chart's type is %s: it is for other charts to depend on, and renders nothing itself", kind)}
	}
	if err := c.fulfilled(loaded); err != nil {
		return nil, err
	}
	if err := v2util.ProcessDependencies(loaded, values); err != nil {
		return nil, &Error{File: "Chart.yaml", Message: err.Error()}
	}
	capabilities := common.DefaultCapabilities.Copy()
	capabilities.KubeVersion = version
	capabilities.APIVersions = append(slices.Clip(capabilities.APIVersions), r.apiVersions()...)
	capabilities.HelmVersion.Version, capabilities.HelmVersion.KubeClientVersion = HelmRelease, strings.TrimSuffix(KubeVersion, ".0")
	capabilities.HelmVersion.GitTreeState = "clean"
	given, err := util.ToRenderValuesWithSchemaValidation(loaded, values,
		common.ReleaseOptions{Name: name, Namespace: cmp.Or(r.Namespace, "default"), Revision: 1, IsInstall: true}, capabilities, true)
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	if coalesced, ok := given["Values"].(common.Values); ok && !r.SkipSchema {
		if err := valid(loaded, coalesced); err != nil {
			return nil, err
		}
	}
	if wants := loaded.Metadata.KubeVersion; wants != "" && !v2util.IsCompatibleRange(wants, version.String()) {
		return nil, &Error{File: "Chart.yaml", Line: c.line("Chart.yaml", `^kubeVersion:`), Message: fmt.Sprintf(
			"the chart wants Kubernetes %s, and Helm is told %s: set `kubeVersion` in the entry of `helmCharts`, or in `helm` of the Application's source", wants, version.Version)}
	}
	limited := bounds()
	maps.Copy(limited, watched(ctx, limited))
	maps.Copy(limited, functions)
	files, err := engine.Engine{CustomTemplateFuncs: limited}.RenderWithContext(ctx, loaded, given)
	if err != nil {
		return nil, c.describe(loaded, err)
	}
	size := 0
	for name, text := range files {
		if size += len(text); size > mostText {
			return nil, &Error{Message: errText.Error()}
		}
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	return &output{loaded, files}, nil
}

// apiVersions are those of the release, several of which may stand in one entry, as in Helm's flag.
func (r Release) apiVersions() []string {
	var all []string
	for _, entry := range r.APIVersions {
		all = append(all, strings.Split(entry, ",")...)
	}
	return all
}

// print puts the documents together as `helm template` does.
func (c *Chart) print(ctx context.Context, written *output, r Release) (*Rendered, error) {
	from := c.sources(written.chart)
	hooks, manifests, err := releaseutil.SortManifests(written.files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, c.unparsable(ctx, r, written.files, from, err)
	}
	rendered := &Rendered{}
	if r.IncludeCRDs {
		for _, crd := range written.chart.CRDObjects() {
			rendered.Documents = append(rendered.Documents, Document{Source: crd.Filename, File: from[crd.Filename], Text: string(crd.File.Data), whole: true})
		}
	}
	for _, m := range manifests {
		rendered.Documents = append(rendered.Documents, Document{Source: m.Name, File: from[m.Name], Text: m.Content})
	}
	var text strings.Builder
	for _, d := range rendered.Documents {
		fmt.Fprintf(&text, "---\n# Source: %s\n%s\n", d.Source, d.Text)
	}
	rendered.Text = append([]byte(strings.TrimSpace(text.String())), '\n')
	if r.SkipHooks {
		return rendered, nil
	}
	for _, h := range hooks {
		if r.SkipTests && slices.Contains(h.Events, release.HookTest) {
			continue
		}
		rendered.Documents = append(rendered.Documents, Document{Source: h.Path, File: from[h.Path], Text: h.Manifest})
		rendered.Text = fmt.Appendf(rendered.Text, "---\n# Source: %s\n%s\n", h.Path, h.Manifest)
	}
	return rendered, nil
}

// sources are the files of the chart that templates and definitions are, by the names that Helm gives them. What an archive
// within the chart brings is not among them.
func (c *Chart) sources(loaded *v2.Chart) map[string]string {
	byData := map[*byte]string{}
	for _, f := range c.files {
		if data := bytes.TrimPrefix(f.Data, []byte("\ufeff")); len(data) > 0 {
			byData[&data[0]] = f.Name
		}
	}
	found := map[string]string{}
	var walk func(*v2.Chart)
	walk = func(chart *v2.Chart) {
		for _, list := range [][]*common.File{chart.Templates, chart.Files} {
			for _, f := range list {
				if len(f.Data) > 0 {
					if name := byData[&f.Data[0]]; name != "" {
						found[path.Join(chart.ChartFullPath(), f.Name)] = name
					}
				}
			}
		}
		for _, d := range chart.Dependencies() {
			walk(d)
		}
	}
	walk(loaded)
	return found
}

// Dependency is a chart that another one depends on.
type Dependency struct {
	Name       string
	Repository string // a URL, file:// and a path from the chart, or "" for one that has to lie in charts/
	Version    string // as Chart.lock has it, else as the chart asks for it: exact or a range
	Line       int    // of Chart.yaml, or of requirements.yaml
}

// Missing are the charts that the chart depends on and that do not lie in its charts/.
func (c *Chart) Missing() ([]Dependency, error) {
	loaded, err := c.load()
	if err != nil {
		return nil, err
	}
	var all []Dependency
	for _, wanted := range loaded.Metadata.Dependencies {
		if slices.ContainsFunc(loaded.Dependencies(), func(d *v2.Chart) bool { return d.Name() == wanted.Name }) {
			continue
		}
		d := Dependency{Name: wanted.Name, Repository: wanted.Repository, Version: wanted.Version}
		if loaded.Lock != nil {
			for _, locked := range loaded.Lock.Dependencies {
				if locked.Name == wanted.Name && locked.Repository == wanted.Repository {
					d.Version = locked.Version
				}
			}
		}
		pattern := `^\s*(-\s+)?name:\s*["']?` + regexp.QuoteMeta(wanted.Name) + `["']?\s*$`
		d.Line = cmp.Or(c.line("Chart.yaml", pattern), c.line("requirements.yaml", pattern))
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all, nil
}

// With is the chart with others below it, by their directories in it.
func (c *Chart) With(others map[string]*Chart) (*Chart, error) {
	files := slices.Clone(c.files)
	for _, dir := range slices.Sorted(maps.Keys(others)) {
		for _, f := range others[dir].files {
			f.Name = path.Join(dir, f.Name)
			files = append(files, f)
		}
	}
	return Load(files)
}

// Templates are the files that the chart writes objects in, and those of the charts below that are no archives.
func (c *Chart) Templates() []string {
	var all []string
	for _, f := range c.files {
		for _, dir := range []string{"templates/", "crds/"} {
			if strings.HasPrefix(f.Name, dir) || strings.Contains(f.Name, "/"+dir) {
				all = append(all, f.Name)
				break
			}
		}
	}
	return all
}

// fulfilled refuses a chart that depends on others that are not in it.
func (c *Chart) fulfilled(loaded *v2.Chart) error {
	for _, wanted := range loaded.Metadata.Dependencies {
		if !slices.ContainsFunc(loaded.Dependencies(), func(d *v2.Chart) bool { return d.Name() == wanted.Name }) {
			return &Error{File: "Chart.yaml", Line: c.line("Chart.yaml", `^\s*(-\s+)?name:\s*["']?`+regexp.QuoteMeta(wanted.Name)+`["']?\s*$`), Message: fmt.Sprintf(
				"the chart depends on %s, which is not in its charts/: run `helm dependency build` and commit what it fetches", wanted.Name)}
		}
	}
	return nil
}

// line is the first line of a file of the chart that a pattern fits; 0 for none.
func (c *Chart) line(name, pattern string) int {
	fits := regexp.MustCompile(pattern)
	for _, f := range c.files {
		if f.Name != name {
			continue
		}
		for i, text := range strings.Split(string(f.Data), "\n") {
			if fits.MatchString(text) {
				return i + 1
			}
		}
	}
	return 0
}

// parses reads of a document what Helm reads before it prints it.
func parses(text string) error {
	var head releaseutil.SimpleHead
	return k8syaml.Unmarshal([]byte(text), &head)
}
