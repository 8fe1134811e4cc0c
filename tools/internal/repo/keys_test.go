package repo

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite docs/kgate.schema.json and docs/configuration.md")

// whole is a kgate.yaml with every key.
func whole() string {
	var b strings.Builder
	for _, key := range Keys() {
		b.WriteString(key.Example)
	}
	return b.String()
}

// mappings calls visit with every mapping of a document that the list of keys describes, and fails where a key of the list
// is in none of them.
func mappings(t *testing.T, node *yaml.Node, v Value, where string, visit func(where string, node *yaml.Node, keys []Key)) {
	t.Helper()
	switch {
	case v.Mapping != nil:
		if node.Kind != yaml.MappingNode {
			t.Fatalf("%s is described as a mapping, and its example has none", where)
		}
		visit(where, node, v.Mapping)
		for _, key := range v.Mapping {
			i := slices.IndexFunc(node.Content, func(n *yaml.Node) bool { return n.Value == key.Name })
			if i < 0 || i%2 != 0 {
				t.Errorf("%s%s is in no example", where, key.Name)
				continue
			}
			mappings(t, node.Content[i+1], key.Value, where+key.Name+".", visit)
		}
	case v.List != nil:
		if node.Kind != yaml.SequenceNode || len(node.Content) == 0 {
			t.Fatalf("%s is described as a list, and its example has none", where)
		}
		mappings(t, node.Content[0], *v.List, where, visit)
	}
}

// TestKeysAreThoseOfTheDecoder holds that the list names the keys that the decoder takes, no other, and as required those
// that it asks for.
func TestKeysAreThoseOfTheDecoder(t *testing.T) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(whole()), &root); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		text, err := yaml.Marshal(root.Content[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseConfig(ConfigFile, text); err != nil {
			return err.Error()
		}
		return ""
	}
	if err := said(); err != "" {
		t.Fatalf("the examples together are no kgate.yaml: %s", err)
	}
	mappings(t, root.Content[0], Value{Mapping: Keys()}, "", func(where string, node *yaml.Node, keys []Key) {
		have := node.Content
		defer func() { node.Content = have }()
		var names []string
		for _, key := range keys {
			names = append(names, key.Name)
			if strings.TrimSpace(key.Doc) == "" || !strings.HasSuffix(key.Doc, ".") {
				t.Errorf("%s%s is not described in sentences: %q", where, key.Name, key.Doc)
			}
			if where == "" && !strings.HasPrefix(key.Example, key.Name+":") {
				t.Errorf("%s has no example", key.Name)
			}
			i := slices.IndexFunc(have, func(n *yaml.Node) bool { return n.Value == key.Name })
			if i < 0 {
				continue // said by mappings
			}
			node.Content = slices.Delete(slices.Clone(have), i, i+2)
			if asked := strings.Contains(said(), fmt.Sprintf("needs the key %q", key.Name)); asked != key.Required {
				t.Errorf("%s%s: required is %t, and the decoder asks for it: %t", where, key.Name, key.Required, asked)
			}
		}
		slices.Sort(names)
		node.Content = append(slices.Clone(have), &yaml.Node{Kind: yaml.ScalarNode, Value: "zzzzzzzz"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "1"})
		if want := "it has " + strings.Join(names, ", "); !strings.Contains(said(), want) {
			t.Errorf("the list of keys has in %q: %s\nthe decoder says: %s\nA key of the decoder is described in keys.go", where, want, said())
		}
	})
}

func schemaOfConfig(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := ConfigSchema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(SchemaURL, document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func fits(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	// As YAML 1.2 has it, in which off is a text and a day too.
	text = strings.ReplaceAll(text, ": off\n", ": \"off\"\n")
	data, err := sigsyaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(document)
}

// TestConfigSchema holds the schema to the decoder: what one takes, the other takes.
func TestConfigSchema(t *testing.T) {
	schema := schemaOfConfig(t)
	if err := fits(t, schema, whole()); err != nil {
		t.Errorf("a file with every key: %v", err)
	}
	ours, err := os.ReadFile("../../../" + ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := fits(t, schema, string(ours)); err != nil {
		t.Errorf("the one of this repository: %v", err)
	}
	if !strings.HasPrefix(string(ours), "# yaml-language-server: $schema=") {
		t.Error("the one of this repository does not name its schema")
	}
	for _, wrong := range []string{
		"{}\n", "apiVersion: kgate/v2\n",
		"targets: []\n", "targets: overlays\n", "kubernetesVersions: [new]\n", "kubernetesVersions: []\n", "kustomize: v3.0.0\n", "profile: lax\n",
		"unknownKinds: maybe\n", "objectExemptions: sometimes\n", "longestExemption: 90\n", "tragets: [a]\n",
		"severities: [{check: pod}]\n", "severities: [{check: pod, severity: fatal}]\n",
		"environments: [{name: prod, targets: [a], sampling: {min: 0, max: 2}}]\n", "environments: [{name: prod, targets: []}]\n",
		"external: [{kind: Service, name: a, provider: b, ports: [0]}]\n", "external: [{kind: Service, name: a}]\n",
		"exemptions: [{check: pod/spread, reason: a, owner: b, expires: soon}]\n", "exemptions: [{check: pod/spread, reason: '', owner: b, expires: 2027-10-31}]\n",
	} {
		if !strings.HasPrefix(wrong, "apiVersion") && wrong != "{}\n" {
			wrong = "apiVersion: kgate/v1\n" + wrong
		}
		if fits(t, schema, wrong) == nil {
			t.Errorf("the schema takes %q", wrong)
		}
		if _, err := ParseConfig(ConfigFile, []byte(wrong)); err == nil && !strings.Contains(wrong, "kustomize") && !strings.Contains(wrong, "[new]") { // the gate refuses these
			t.Errorf("the decoder takes %q", wrong)
		}
	}
}

// TestPublished holds that what is published is what the list says: -update, of `make configuration`, writes it anew.
func TestPublished(t *testing.T) {
	schema, err := ConfigSchema()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"kgate.schema.json": string(schema), "configuration.md": ConfigPage()} {
		file := "../../../docs/" + name
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil { //nolint:gosec // it is published
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || string(have) != want {
			t.Errorf("docs/%s is not what the list of keys says: make configuration (%v)", name, err)
		}
	}
}
