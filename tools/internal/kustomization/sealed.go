package kustomization

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Generators that decrypt files. They are programs, and kgate runs none: what they make has the structure of the files, which is
// plain, and the encrypted values in place of those that only the owner of a key can read.
var sealedKinds = map[resid.Gvk]reflect.Type{
	resid.NewGvk("viaduct.ai", "v1", "ksops"):                     reflect.TypeFor[ksops](),
	resid.NewGvk("goabout.com", "v1beta1", "SopsSecretGenerator"): reflect.TypeFor[sopsSecret](),
	resid.NewGvk("goabout.com", "v1beta1", "SopsSecret"):          reflect.TypeFor[sopsSecret](),
}

// ksops is the configuration of https://github.com/viaduct-ai/kustomize-sops.
type ksops struct {
	types.TypeMeta   `json:",inline"`
	types.ObjectMeta `json:"metadata"`

	Files      []string `json:"files"`
	SecretFrom []struct {
		Metadata    types.ObjectMeta `json:"metadata"`
		Type        string           `json:"type"`
		Files       []string         `json:"files"`
		BinaryFiles []string         `json:"binaryFiles"`
		Envs        []string         `json:"envs"`
		Literals    []string         `json:"literals"`
	} `json:"secretFrom"`
}

// sopsSecret is the configuration of https://github.com/goabout/kustomize-sopssecretgenerator.
type sopsSecret struct {
	types.TypeMeta   `json:",inline"`
	types.ObjectMeta `json:"metadata"`

	Envs                  []string `json:"envs"`
	Files                 []string `json:"files"`
	Objects               []string `json:"objects"`
	Behavior              string   `json:"behavior"`
	DisableNameSuffixHash bool     `json:"disableNameSuffixHash"`
	Type                  string   `json:"type"`
}

// decrypts reports a configuration of a generator that decrypts files.
func decrypts(d *manifest.Document) bool {
	return sealedKinds[gvk(manifest.Text(d.Node, "apiVersion"), manifest.Text(d.Node, "kind"))] != nil
}

// sealedGenerator stands where a generator that decrypts files would run.
type sealedGenerator struct {
	kind     resid.Gvk
	files    *Files
	dir      string
	document *manifest.Document // the configuration

	loader  layerLoader
	factory *resmap.Factory
	ksops   ksops
	secret  sopsSecret
	written map[*resource.Resource]*Trace // of files that hold objects
}

func (g *sealedGenerator) Config(h *resmap.PluginHelpers, text []byte) error {
	g.factory, g.written = h.ResmapFactory(), map[*resource.Resource]*Trace{}
	into := any(&g.ksops)
	if sealedKinds[g.kind] == reflect.TypeFor[sopsSecret]() {
		into = &g.secret
	}
	if err := k8syaml.UnmarshalStrict(text, into); err != nil {
		_, why, _ := strings.Cut(err.Error(), "json: ")
		return fail(g.at(""), "kgate cannot tell what %s makes of this (%s): render its output into the repository", g.kind.Kind, why)
	}
	return nil
}

// Generate makes the objects, as the generator and then Kustomize would.
func (g *sealedGenerator) Generate() (resmap.ResMap, error) {
	made := resmap.New()
	objects := slices.Concat(g.ksops.Files, g.secret.Objects)
	for _, name := range objects {
		if err := g.objects(made, name); err != nil {
			return nil, err
		}
	}
	for _, from := range g.ksops.SecretFrom {
		s := secretOf(from.Metadata, from.Type, nil)
		if err := g.fill(s, "stringData", from.Files, from.Envs, from.Literals); err != nil {
			return nil, err
		}
		if err := g.fill(s, "data", from.BinaryFiles, nil, nil); err != nil {
			return nil, err
		}
		if err := g.add(made, s); err != nil {
			return nil, err
		}
	}
	if sealedKinds[g.kind] == reflect.TypeFor[sopsSecret]() && len(g.secret.Envs)+len(g.secret.Files) > 0 {
		annotations := map[string]string{}
		if !g.secret.DisableNameSuffixHash {
			annotations[hashAnnotation] = "true"
		}
		if g.secret.Behavior != "" {
			annotations[behaviorAnnotation] = g.secret.Behavior
		}
		s := secretOf(g.secret.ObjectMeta, g.secret.Type, annotations)
		if err := g.fill(s, "data", g.secret.Files, g.secret.Envs, nil); err != nil {
			return nil, err
		}
		if err := g.add(made, s); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// What a generator that runs says of its objects, and Kustomize takes away.
const (
	hashAnnotation     = "kustomize.config.k8s.io/needs-hash"
	behaviorAnnotation = "kustomize.config.k8s.io/behavior"
)

// settled takes from an object what its generator says to Kustomize.
func settled(r *resource.Resource) error {
	annotations := r.GetAnnotations()
	behavior, hash := annotations[behaviorAnnotation], annotations[hashAnnotation]
	delete(annotations, behaviorAnnotation)
	delete(annotations, hashAnnotation)
	if err := r.SetAnnotations(annotations); err != nil {
		return err
	}
	r.SetBehavior(types.NewGenerationBehavior(behavior))
	if hash == "" {
		return nil
	}
	wanted, err := strconv.ParseBool(hash)
	if err != nil {
		return fmt.Errorf("the annotation %s is %q: it is true or false", hashAnnotation, hash)
	}
	if wanted {
		r.EnableHashSuffix()
	}
	return nil
}

// read is the text of an encrypted file, as encrypted tells.
func (g *sealedGenerator) read(name string, encrypted func(text string) bool) ([]byte, error) {
	text, err := g.loader.Load(name)
	if err != nil {
		return nil, fail(g.at(name), "%s", err)
	}
	if !encrypted(string(text)) {
		why := "it is not encrypted"
		if manifest.HasSealed(string(text)) {
			why = "not all of it is encrypted that its rules say"
		}
		return nil, fail(manifest.Position{File: path.Join(g.dir, name)}, "%s decrypts this file, and %s: `sops encrypt --in-place` does that", g.kind.Kind, why)
	}
	return text, nil
}

// at is where the configuration names a file.
func (g *sealedGenerator) at(name string) manifest.Position {
	if g.document == nil {
		return manifest.Position{}
	}
	found := g.document.Node
	var look func(node *yaml.Node)
	look = func(node *yaml.Node) {
		if node.Kind == yaml.ScalarNode && (node.Value == name || strings.HasSuffix(node.Value, "="+name)) {
			found = node
		}
		for _, child := range node.Content {
			look(child)
		}
	}
	look(manifest.Plain(g.document.Node))
	return g.document.Position(nil, found)
}

// objects adds the objects of an encrypted file.
func (g *sealedGenerator) objects(made resmap.ResMap, name string) error {
	text, err := g.read(name, manifest.HasSealed) // each object of it is judged, with what it has in plain
	if err != nil {
		return err
	}
	file := path.Join(g.dir, name)
	documents, err := g.files.Documents(file)
	if err != nil {
		return err
	}
	for _, d := range documents {
		if err := isObject(d); err != nil {
			return err
		}
	}
	resources, err := g.factory.NewResMapFromBytes(text)
	if err != nil {
		return fail(manifest.Position{File: file}, "%s", err)
	}
	for _, r := range resources.Resources() {
		if err := settled(r); err != nil {
			return fail(manifest.Position{File: file}, "%s", err)
		}
	}
	maps.Copy(g.written, tracesIn(resources, documents))
	return made.AppendAll(resources)
}

func secretOf(meta types.ObjectMeta, typ string, annotations map[string]string) map[string]any {
	all := maps.Clone(meta.Annotations)
	for _, own := range append(slices.Clone(functionAnnotations), "config.kubernetes.io/local-config") {
		delete(all, own)
	}
	if len(all)+len(annotations) > 0 {
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, annotations)
	}
	metadata := map[string]any{"name": meta.Name}
	for key, text := range map[string]map[string]string{"labels": meta.Labels, "annotations": all} {
		if len(text) > 0 {
			metadata[key] = text
		}
	}
	if meta.Namespace != "" {
		metadata["namespace"] = meta.Namespace
	}
	secret := map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
	if typ != "" {
		secret["type"] = typ
	}
	return secret
}

// fill adds what encrypted files hold to a Secret, and what SOPS says of them, by which the values are known as encrypted.
func (g *sealedGenerator) fill(secret map[string]any, field string, files, envs, literals []string) error {
	data, _ := secret[field].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	put := func(key, value string) {
		if field == "data" {
			value = base64.StdEncoding.EncodeToString([]byte(value))
		}
		data[key] = value
	}
	for _, name := range files {
		key, file, named := strings.Cut(name, "=")
		if !named {
			key, file = path.Base(name), name
		}
		text, err := g.read(file, manifest.IsSealedFile)
		if err != nil {
			return err
		}
		put(key, string(text))
	}
	for _, name := range envs {
		text, err := g.read(name, manifest.IsSealedFile)
		if err != nil {
			return err
		}
		values, notes, err := manifest.SealedValues(path.Join(g.dir, name), text)
		if err != nil {
			return err
		}
		for key, value := range values {
			put(key, value)
		}
		secret["sops"] = notes
	}
	for _, literal := range literals {
		key, value, ok := strings.Cut(literal, "=")
		if !ok {
			return fail(g.at(literal), "the literal %q has no value: write it as key=value", literal)
		}
		put(key, value)
	}
	if len(data) > 0 {
		secret[field] = data
	}
	return nil
}

func (g *sealedGenerator) add(made resmap.ResMap, secret map[string]any) error {
	text, err := k8syaml.Marshal(secret)
	if err != nil {
		return err
	}
	resources, err := g.factory.NewResMapFromBytes(text)
	if err != nil {
		return err
	}
	for _, r := range resources.Resources() {
		if err := settled(r); err != nil {
			return err
		}
	}
	return made.AppendAll(resources)
}

// place gives the objects of encrypted files the lines at which these hold them.
func (g *sealedGenerator) place(a *accumulation) {
	for r, written := range g.written {
		if t := a.traces[r]; t != nil && t.Document == nil {
			t.Source, t.Document, t.ids = written.Source, written.Document, written.ids
		}
	}
}

// builtinPlugin reports a plugin of Kustomize that runs no program.
func builtinPlugin(id resid.Gvk) bool {
	return id.Group == "" && id.Version == konfig.BuiltinPluginApiVersion && builtinPlugins[id.Kind] != nil
}
