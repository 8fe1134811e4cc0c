package kustomization

import (
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/utils"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// before is the release whose differences from KustomizeRelease are known: the one that Argo CD and Flux pin.
const before = "v5.8.1"

// Releases are the releases of Kustomize that a deployer may build with: kgate knows where they differ from
// KustomizeRelease, which is the last of them.
func Releases() []string { return []string{before, KustomizeRelease} }

// Differences are the places at which a release of Releases renders the result in another way, or not at all. They are
// what changed in the source of its api and kyaml, https://github.com/kubernetes-sigs/kustomize/releases/tag/kustomize%2Fv5.8.2,
// but for the order of objects, which is the same to a cluster.
func (r *Result) Differences(release string) []check.Fault {
	if release != before || r.Root == nil {
		return nil
	}
	d := &differences{}
	seen := map[*Layer]bool{}
	var visit func(*Layer)
	visit = func(l *Layer) {
		if seen[l] {
			return
		}
		seen[l] = true
		d.layer(l)
		for _, below := range l.below() {
			visit(below)
		}
	}
	visit(r.Root)
	for _, object := range r.Objects {
		if trace := r.Trace(object); trace != nil {
			d.object(object, trace)
		}
	}
	return d.faults
}

type differences struct{ faults []check.Fault }

func (d *differences) add(at manifest.Position, format string, args ...any) {
	fault := newFault(differentRelease, at, "Kustomize "+before+" "+format, args...)
	if !slices.Contains(d.faults, fault) {
		d.faults = append(d.faults, fault)
	}
}

// layer is what an older release does not read.
func (d *differences) layer(l *Layer) {
	for i, label := range l.Config.Labels {
		if label.IncludeVolumeClaimTemplates {
			d.add(l.item("labels", i), "has no `includeVolumeClaimTemplates` and does not build this: list the field under `fields`")
		}
	}
	for i, image := range l.Config.Images {
		if _, err := regexp.Compile(image.Name); err != nil {
			d.add(l.item("images", i), "crashes on the name %q, which is no regular expression: write the name of an image", image.Name)
		}
	}
}

// object is what an older release makes of an object.
func (d *differences) object(o *manifest.Object, trace *Trace) {
	for _, step := range trace.Steps {
		switch {
		case step.Transform != nil && step.Transform.Plugin == nil:
			for _, field := range step.Transform.Fields {
				d.transformed(o, trace, step.Transform.Layer, field)
			}
		case step.Generator != nil && o.Kind == "Secret" && trace.Document != nil:
			g := step.Generator
			generators := g.Layer.Config.SecretGenerator
			if g.Field == "secretGenerator" && g.Index < len(generators) && generators[g.Index].Behavior == "merge" && manifest.Lookup(trace.Document.Node, "stringData") != nil {
				d.add(g.Layer.at(g.Node), "loses the stringData of the Secret %s when it merges this into it: write it as data", o.Name)
			}
		case step.Replacement != nil:
			d.replaced(o, step.Replacement)
		}
	}
}

func (d *differences) transformed(o *manifest.Object, trace *Trace, l *Layer, field string) {
	switch field {
	case "namespace":
		if o.Group() == "admissionregistration.k8s.io" && strings.HasPrefix(o.Kind, "ValidatingAdmissionPolicy") && strings.HasSuffix(o.APIVersion, "/v1") && l.Config.Namespace != "" {
			d.add(l.field("namespace"), "takes the %s %s for namespaced: it gives it the namespace %s", o.Kind, o.Name, l.Config.Namespace)
		}
	case "labels":
		if o.Group() != "apps" || o.Kind != "StatefulSet" || !hasClaims(o) {
			return
		}
		for i, label := range l.Config.Labels {
			if label.IncludeTemplates && !label.IncludeSelectors && !label.IncludeVolumeClaimTemplates && len(label.Pairs) > 0 {
				d.add(l.item("labels", i), "also writes these labels into the volumeClaimTemplates of the StatefulSet %s, which cannot be changed once it runs", o.Name)
			}
		}
	case "images":
		if trace.Document == nil {
			return
		}
		for i, image := range l.Config.Images {
			for _, written := range imagesIn(trace.Document.Node, "image") {
				if m := pattern(image.Name, anyDigest); m != nil && m.MatchString(written) && !pattern(image.Name, sha256Digest).MatchString(written) {
					d.add(l.item("images", i), "leaves the image %s of the %s %s as it is: it knows digests of sha256 alone", written, o.Kind, o.Name)
				}
			}
			if o.Kind != "CronJob" {
				continue
			}
			volumes := manifest.Lookup(trace.Document.Node, "spec", "jobTemplate", "spec", "template", "spec", "volumes")
			for _, written := range imagesIn(volumes, "reference") {
				if m := pattern(image.Name, anyDigest); m != nil && m.MatchString(written) {
					d.add(l.item("images", i), "leaves the image %s of a volume of the CronJob %s as it is", written, o.Name)
				}
			}
		}
	}
}

// replaced is what an older release makes of text in text: of a field of YAML or JSON within a string.
func (d *differences) replaced(o *manifest.Object, r *Replacement) {
	target := manifest.Lookup(r.Entry, "targets", r.Target)
	paths := manifest.Lookup(target, "fieldPaths")
	if paths == nil || manifest.Text(target, "options", "delimiter") == "" {
		return
	}
	object, err := yaml.Parse(string(o.JSON))
	if err != nil {
		return
	}
	for _, path := range paths.Content {
		if withinText(object, utils.SmarterPathSplitter(path.Value, ".")) {
			d.add(r.Document.Position(nil, path), "replaces the whole field in the text of the %s %s: it passes `options.delimiter` over there", o.Kind, o.Name)
		}
	}
}

// withinText reports whether a path goes on below a text that is a mapping or a list itself.
func withinText(object *yaml.RNode, path []string) bool {
	for i := 1; i < len(path); i++ {
		field, err := object.Pipe(yaml.Lookup(path[:i]...))
		if err != nil || field == nil || field.YNode().Kind != yaml.ScalarNode {
			continue
		}
		inner, err := yaml.Parse(field.YNode().Value)
		return err == nil && inner != nil && inner.YNode().Kind != yaml.ScalarNode
	}
	return false
}

func hasClaims(o *manifest.Object) bool {
	spec, _ := o.Value["spec"].(map[string]any)
	claims, _ := spec["volumeClaimTemplates"].([]any)
	return len(claims) > 0
}

// How `images` recognises the images that an entry is for.
const (
	tag          = `(:[a-zA-Z0-9_.{}-]*)?`
	sha256Digest = `(@sha256:[a-zA-Z0-9_.{}-]*)?`
	anyDigest    = `(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?`
)

// pattern is the images that an entry's name is for; nil for a name that is no regular expression.
func pattern(name, digest string) *regexp.Regexp {
	m, err := regexp.Compile("^" + name + tag + digest + "$")
	if err != nil {
		return nil
	}
	return m
}

// imagesIn are the texts below a node that a key holds.
func imagesIn(node *yaml.Node, key string) (found []string) {
	if node == nil {
		return nil
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			if node.Content[i-1].Value == key && child.Kind == yaml.ScalarNode {
				found = append(found, child.Value)
			}
		}
		found = append(found, imagesIn(child, key)...)
	}
	return found
}
