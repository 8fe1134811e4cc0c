package promotion

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Chart is a Helm chart that an environment has a release of. Its version, or the range that git names, is the tag of the track's
// image, and where the chart comes from the name.
type Chart struct {
	Name    string
	Object  *manifest.Object // an Application or a HelmRelease; nil for an entry of helmCharts
	Release manifest.ID      // the object, or the entry as Kustomize's own generator is called
}

// release is a chart in an environment, while the table is made.
type release struct {
	name   string // of the service
	chart  Chart
	image  Image
	target *check.Target
}

// charts are the releases of an environment: those that objects ask Argo CD and Flux for, and those that its kustomizations render.
func (b *builder) charts(in *stage, environment string, targets []*check.Target) []release {
	var all []release
	add := func(r release) {
		if !slices.ContainsFunc(all, func(other release) bool {
			return other.chart.Release == r.chart.Release && other.image.Said.Tag.Position == r.image.Said.Tag.Position && other.chart.Name == r.chart.Name
		}) {
			all = append(all, r)
		}
	}
	for _, o := range in.objects {
		for _, r := range b.asked(in, o, environment) {
			add(r)
		}
	}
	for _, t := range targets {
		for _, file := range t.Reading.Files {
			for _, r := range b.rendered(file, environment) {
				r.target = t
				add(r)
			}
		}
	}
	return all
}

// asked are the charts that an object has a controller fetch.
func (b *builder) asked(in *stage, o *manifest.Object, environment string) []release {
	of := func(called, name, source string, version *manifest.Object, path manifest.Path) release {
		r := release{name: called, chart: Chart{Name: name, Object: o, Release: o.ID}, target: in.targets[o]}
		v := b.value(in, version, path)
		r.image = Image{Object: version, Path: path, Reference: Reference{Name: strings.TrimPrefix(strings.TrimSuffix(source, "/")+"/"+name, "/"), Tag: v.Text}}
		if strings.HasPrefix(v.Text, "sha256:") {
			r.image.Tag, r.image.Digest, r.image.Said.Digest = "", v.Text, v.Scalar
		} else {
			r.image.Said.Tag = v.Scalar
		}
		r.image.Text = r.image.Reference.String()
		return r
	}
	called := affixless(o.Name, environment)
	var all []release
	switch o.Group() + "/" + o.Kind {
	case "argoproj.io/Application":
		sources := []manifest.Path{{"spec", "source"}}
		for i := range manifest.ListAt(o.Value, "spec", "sources") {
			sources = append(sources, manifest.Path{"spec", "sources", i})
		}
		for _, at := range sources {
			source, _ := at.Lookup(o.Value)
			name := manifest.TextAt(source, "chart")
			if name == "" {
				continue
			}
			all = append(all, of(called, name, manifest.TextAt(source, "repoURL"), o, append(at, "targetRevision")))
		}
		for i := range all {
			if len(all) > 1 {
				all[i].name += "/" + all[i].chart.Name
			}
		}
	case "helm.toolkit.fluxcd.io/HelmRelease":
		if spec := manifest.At(o.Value, "spec", "chart", "spec"); spec != nil {
			all = append(all, of(called, manifest.TextAt(spec, "chart"), manifest.TextAt(spec, "sourceRef", "name"), o, manifest.Path{"spec", "chart", "spec", "version"}))
			break
		}
		ref := manifest.At(o.Value, "spec", "chartRef")
		kind, namespace := manifest.TextAt(ref, "kind"), cmp.Or(manifest.TextAt(ref, "namespace"), o.Namespace)
		i := slices.IndexFunc(in.objects, func(other *manifest.Object) bool {
			return other.Group() == "source.toolkit.fluxcd.io" && other.Kind == kind && other.Namespace == namespace && other.Name == manifest.TextAt(ref, "name")
		})
		if i < 0 {
			break
		}
		switch referred := in.objects[i]; kind {
		case "HelmChart":
			chart := manifest.TextAt(referred.Value, "spec", "chart")
			all = append(all, of(called, chart, manifest.TextAt(referred.Value, "spec", "sourceRef", "name"), referred, manifest.Path{"spec", "version"}))
		case "OCIRepository":
			url := strings.TrimPrefix(manifest.TextAt(referred.Value, "spec", "url"), "oci://")
			for _, field := range []string{"digest", "semver", "tag"} { // Flux takes the first that is set
				if manifest.TextAt(referred.Value, "spec", "ref", field) != "" || field == "tag" {
					all = append(all, of(called, path.Base(url), strings.TrimSuffix(path.Dir(url), "."), referred, manifest.Path{"spec", "ref", field}))
					break
				}
			}
		}
	}
	return all
}

// rendered are the charts that a file has Kustomize render.
func (b *builder) rendered(file, environment string) []release {
	generator := func(node *yaml.Node) bool { return manifest.Text(node, "kind") == "HelmChartInflationGenerator" }
	kustomization := slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(file))
	documents, err := b.documents(file)
	if err != nil {
		return nil
	}
	var all []release
	add := func(d *manifest.Document, entry *yaml.Node, name, version, called string) {
		chart := manifest.Text(entry, name)
		if chart == "" {
			return
		}
		r := release{name: affixless(cmp.Or(manifest.Text(entry, called), chart), environment)}
		r.chart = Chart{Name: chart, Release: manifest.ID{APIVersion: "builtin", Kind: "HelmChartInflationGenerator", Name: cmp.Or(manifest.Text(entry, called), chart)}}
		source := cmp.Or(manifest.Text(entry, "repo"), manifest.Text(entry, "chartRepo"))
		tag := manifest.Text(entry, version)
		r.image = Image{Reference: Reference{Name: strings.TrimPrefix(strings.TrimSuffix(source, "/")+"/"+chart, "/"), Tag: tag}}
		r.image.Text = r.image.Reference.String()
		if node := manifest.Lookup(entry, version); node != nil {
			if found, ok := scalarAt(documents, d.Position(nil, node)); ok && found.Text == tag {
				found.Environments = b.readers(file)
				r.image.Said.Tag = found
			}
		}
		all = append(all, r)
	}
	for i := range documents {
		d := &documents[i]
		if generator(d.Node) {
			add(d, manifest.Lookup(d.Node), "name", "version", "releaseName")
		}
		if !kustomization {
			continue
		}
		for _, list := range [][4]string{{"helmCharts", "name", "version", "releaseName"}, {"helmChartInflationGenerator", "chartName", "chartVersion", "releaseName"}} {
			if entries := manifest.Lookup(d.Node, list[0]); entries != nil && entries.Kind == yaml.SequenceNode {
				for _, entry := range entries.Content {
					add(d, resolved(entry), list[1], list[2], list[3])
				}
			}
		}
	}
	return all
}

// ofChart reports an object that a template of a chart is the source of: what runs of it says the chart's version.
func (b *builder) ofChart(o *manifest.Object) bool {
	dir, _, template := strings.Cut(o.Source.File, "/templates/")
	if !template {
		return false
	}
	_, err := b.documents(dir + "/Chart.yaml")
	return err == nil
}

// releases adds the charts of all environments to the table.
func (b *builder) releases() {
	taken := map[string]bool{}
	for _, s := range b.table.Services {
		taken[s.Name] = true
	}
	for _, w := range b.table.Shared {
		taken[w.Service] = true
	}
	several := map[string]bool{}
	for _, in := range b.stages {
		seen := map[string]bool{}
		for _, r := range in.charts {
			several[r.name] = several[r.name] || seen[r.name]
			seen[r.name] = true
		}
	}
	var services []Service
	for i, in := range b.stages {
		for _, r := range in.charts {
			name := r.name
			if several[name] {
				name = strings.TrimPrefix(r.chart.Release.Namespace+"/"+name, "/") + "/" + r.chart.Name
			}
			if taken[name] {
				name = "chart/" + name
			}
			at := slices.IndexFunc(services, func(s Service) bool { return s.Name == name })
			if at < 0 {
				at = len(services)
				s := Service{Name: name}
				for _, e := range b.table.Environments {
					s.Places = append(s.Places, Place{Environment: e.Name})
				}
				services = append(services, s)
			}
			p := &services[at].Places[i]
			if p.Exists() {
				continue // another release that is called the same: the first stands for both
			}
			p.target = func(*manifest.Object) *check.Target { return r.target }
			p.declared = b.declared
			p.Stable = Track{Image: r.image, Chart: &r.chart, own: b.table.Own(r.image.Said.Version())}
			if r.chart.Object != nil {
				p.Objects = []*manifest.Object{r.chart.Object}
			}
		}
	}
	for _, s := range services {
		if slices.ContainsFunc(s.Places, func(p Place) bool { return p.Stable.own }) {
			b.table.Services = append(b.table.Services, s)
			continue
		}
		w := Workload{Chart: true, Unsaid: true}
		for _, p := range s.Places {
			if p.Exists() {
				w.Unsaid = w.Unsaid && p.Stable.Image.Said.Version().IsZero()
				w.Service, w.Environments = s.Name, append(w.Environments, p.Environment)
				if len(w.Images) == 0 {
					w.Object, w.Images = p.Stable.Chart.Release, []string{p.Stable.Image.Reference.String()}
				}
			}
		}
		b.table.Shared = append(b.table.Shared, w)
	}
	slices.SortStableFunc(b.table.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
}
