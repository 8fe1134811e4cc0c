package kustomization

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	//lint:ignore SA1019 the types of its plugins are nowhere else, and Kustomize decodes into these
	"sigs.k8s.io/kustomize/api/builtins"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// What is checked has to be what Kustomize is given. kgate walks the nodes of one YAML library, which have lines;
// Kustomize decodes the same text with others, which take any letter case for a key and have rules of their own for
// merge keys and tags. A file that both read the same is let through; any other is refused.

// decode reads a kustomization in both ways. text is the whole file, as Kustomize reads it.
func (l *Layer) decode(text []byte) error {
	if err := untagged(l.Document, l.Node); err != nil {
		return err
	}
	if err := unknownField(l.Document, l.Node, "a kustomization", kustomizationType); err != nil {
		return err
	}
	if err := l.Config.Unmarshal(text); err != nil {
		if better := misfit(l.Document, l.Node, "a kustomization", kustomizationType, false); better != nil {
			return better
		}
		return fail(l.mistyped(err), "%s", mistypedField(err))
	}
	var checked types.Kustomization
	own, err := manifest.PlainJSON(l.Node, manifest.YAML11)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(own))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&checked)
	}
	if err == nil && reflect.DeepEqual(checked, l.Config) {
		return nil
	}
	at, what := l.at(l.Node), "this kustomization"
	known := jsonFields(kustomizationType)
	for i := 0; i+1 < len(l.Node.Content) && err == nil; i += 2 {
		key := l.Node.Content[i]
		if _, ok := known[key.Value]; ok && !reflect.DeepEqual(fieldOf(checked, key.Value), fieldOf(l.Config, key.Value)) {
			at, what = l.Document.Position(key, nil), "`"+key.Value+"`"
			break
		}
	}
	return fail(at, "Kustomize reads %s otherwise than it is written here: write it without merge keys (<<), tags and anchors, "+
		"and in one document", what)
}

// untagged refuses a tree with tags that not every tool knows.
func untagged(document *manifest.Document, plain *yaml.Node) error {
	if odd := manifest.OddTag(plain); odd != nil {
		return fail(document.Position(nil, odd), "the tag %s is read differently by different tools: leave it out", odd.Tag)
	}
	return nil
}

// fieldOf is the value that a key of a kustomization has been decoded to.
func fieldOf(config types.Kustomization, key string) any {
	value := reflect.ValueOf(config)
	for i := range value.NumField() {
		if name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ","); name == key {
			return value.Field(i).Interface()
		}
	}
	return config.TypeMeta // apiVersion and kind
}

// agree refuses a file of settings (replacements, configurations, schemas, plugins) that Kustomize reads otherwise than
// kgate. text is what Kustomize decodes.
func agree(documents []manifest.Document, text []byte) error {
	if len(documents) == 0 {
		return nil
	}
	d := &documents[0] // Kustomize decodes the first alone
	plain := manifest.Plain(d.Node)
	if err := untagged(d, plain); err != nil {
		return err
	}
	own, err := manifest.PlainJSON(plain, manifest.YAML11)
	if err != nil {
		return fail(d.Position(nil, d.Node), "%s", err)
	}
	theirs, err := k8syaml.YAMLToJSON(text)
	if err != nil {
		return fail(d.Position(nil, d.Node), "%s", err)
	}
	if !sameJSON(own, theirs) {
		return fail(d.Position(nil, d.Node), "Kustomize reads this otherwise than it is written: write it without merge keys (<<), tags and anchors, "+
			"and in one document")
	}
	return nil
}

func sameJSON(a, b []byte) bool {
	var left, right any
	return json.Unmarshal(a, &left) == nil && json.Unmarshal(b, &right) == nil && reflect.DeepEqual(left, right)
}

// misread finds a key that encoding/json takes for a field of the type although it is written otherwise: in another
// letter case, or with letters that only look the same.
func misread(document *manifest.Document, node *yaml.Node, typ reflect.Type) error {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ.Kind() == reflect.Struct && node.Kind == yaml.MappingNode:
		known := jsonFields(typ)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if field, ok := known[key.Value]; ok {
				if err := misread(document, value, field); err != nil {
					return err
				}
				continue
			}
			for name := range known {
				if strings.EqualFold(name, key.Value) {
					return fail(document.Position(key, nil), "Kustomize takes %q for `%s`: write it so", key.Value, name)
				}
			}
		}
	case typ.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		for _, item := range node.Content {
			if err := misread(document, item, typ.Elem()); err != nil {
				return err
			}
		}
	}
	return nil
}

// pluginTypes are what the configuration of a builtin plugin is decoded to; none for a plugin that kgate does not have.
func pluginTypes(kind string) []reflect.Type {
	switch {
	case kind == "PrefixSuffixTransformer":
		return []reflect.Type{reflect.TypeFor[builtins.PrefixTransformerPlugin](), reflect.TypeFor[builtins.SuffixTransformerPlugin]()}
	case kind == inflator:
		return []reflect.Type{reflect.TypeFor[types.HelmGlobals](), reflect.TypeFor[types.HelmChart]()}
	case builtinPlugins[kind] != nil:
		return []reflect.Type{reflect.TypeOf(builtinPlugins[kind]())}
	}
	return nil
}

// asRead is a resource as Kustomize reads it.
type asRead struct {
	gvk         resid.Gvk
	annotations map[string]string
	json        []byte // nil where it has none
}

// asResources reads text as Kustomize reads resources, inline patches and the configurations of plugins.
func asResources(text []byte) (found []asRead, err error) {
	defer func() {
		if p := recover(); p != nil { // bad input makes it panic in places
			found, err = nil, fail(manifest.Position{}, "Kustomize crashes on it: %v", p)
		}
	}()
	defer openAPI.identify()()
	read, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes(text)
	if err != nil {
		return nil, err
	}
	// Here and not later: what a resource says of itself goes by the global schema, which the lock is for.
	for _, r := range read.Resources() {
		text, err := r.MarshalJSON()
		if err != nil {
			text = nil
		}
		found = append(found, asRead{r.GetGvk(), r.GetAnnotations(), text})
	}
	return found, nil
}

// followed refuses configurations of plugins that kgate does not follow, by what Kustomize makes of their text: it would
// run some of them as programs. documents are the same as kgate reads them.
func followed(field string, documents []manifest.Document, text []byte) error {
	at := documents[0].Position(nil, documents[0].Node)
	found, err := asResources(text)
	if err != nil {
		return fail(at, "%s: Kustomize cannot read this: %s", field, err)
	}
	for i := range documents {
		d := &documents[i]
		plain := manifest.Plain(d.Node)
		if err := untagged(d, plain); err != nil {
			return err
		}
		if typ := sealedKinds[gvk(manifest.Text(plain, "apiVersion"), manifest.Text(plain, "kind"))]; typ != nil {
			if err := misread(d, plain, typ); err != nil {
				return err
			}
		}
		for _, typ := range pluginTypes(manifest.Text(plain, "kind")) {
			if err := misread(d, plain, typ); err != nil {
				return err
			}
		}
		own, err := manifest.PlainJSON(plain, manifest.YAML12)
		if err != nil {
			return fail(d.Position(nil, d.Node), "%s", err)
		}
		if i < len(found) && !sameJSON(own, found[i].json) {
			return fail(d.Position(nil, d.Node), "%s: Kustomize reads this configuration otherwise than it is written: write it without "+
				"merge keys (<<), tags and anchors, one a document", field)
		}
	}
	if len(documents) != len(found) {
		return fail(at, "%s: Kustomize finds %d configurations here, kgate %d: write one a document", field, len(found), len(documents))
	}
	for _, r := range found {
		gvk := r.gvk
		if field == "generators" && sealedKinds[resid.NewGvk(gvk.Group, gvk.Version, gvk.Kind)] != nil {
			continue
		}
		if gvk.Group != "" || gvk.Version != konfig.BuiltinPluginApiVersion || pluginTypes(gvk.Kind) == nil {
			return fail(at, "%s: %s is no builtin plugin of Kustomize that kgate follows: render its output into the repository", field, gvk.Kind)
		}
		for annotation := range r.annotations {
			if slices.Contains(functionAnnotations, annotation) {
				return fail(at, "the annotation %s makes this a plugin that runs a program: kgate runs none; render what it makes into the repository", annotation)
			}
		}
	}
	return nil
}

// functionAnnotations make a configuration a plugin that runs as a program or in a container.
var functionAnnotations = []string{"config.kubernetes.io/function", "config.k8s.io/function"}
