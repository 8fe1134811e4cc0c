package kustomization

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestOneDecoding holds that nothing reaches Kustomize that kgate did not see: every text here has a field that
// Kustomize, or a decoder like its, finds where a look at the YAML as it is written does not.
func TestOneDecoding(t *testing.T) {
	const remote = `["file:///x?ref=--upload-pack=touch+/mark"]`
	nested := func(depth int) string {
		return strings.Repeat("<<: {", depth) + "resources: " + remote + strings.Repeat("}", depth) + "\n"
	}
	const has = "kustomization.yaml:1: "
	for _, test := range []struct{ name, text, want string }{
		{"another letter case", "Resources: " + remote + "\n", has + "a kustomization has no field \"Resources\"; did you mean `resources`?"},
		{"letters that look the same", "reſources: " + remote + "\n", has + "a kustomization has no field"},
		{"the Kelvin sign", "patches: [{options: {allowKindChange: true, allowNameChange: true}, PatchesJson6902: []}]\n", "has no field"},
		{"merged, in another letter case", "<<: {Resources: " + remote + "}\nnamePrefix: p-\n", "a kustomization has no field \"Resources\""},
		{"merged, with letters that look the same", "<<: {reſources: " + remote + "}\nnamePrefix: p-\n", "a kustomization has no field"},
		{"merged from an alias, in another letter case", "labels: [{pairs: &a {Resources: x}}]\n<<: *a\n", "a kustomization has no field \"Resources\""},
		{"merged, as written", "<<: {resources: " + remote + "}\nnamePrefix: p-\n", "is remote"},
		{"merged 2 deep", nested(2), "is remote"},
		{"merged 20 deep", nested(20), "is remote"},
		{"merged 21 deep", nested(21), "merge keys (<<) are nested more than 20 deep"},
		{"merged 24 deep", nested(24), "merge keys (<<) are nested more than 20 deep"},
		{"merged 40 deep through aliases", aliased(40) + "namePrefix: p-\n<<: *m39\n", "merge keys (<<) are nested more than 20 deep"},
		{"a merge behind a key", "resources: [config.yaml]\n<<: {resources: " + remote + "}\n", "Kustomize reads `resources` otherwise than it is written here"},
		{"a merge before a key", "<<: {resources: " + remote + "}\nresources: [config.yaml]\n", ""},
		{"a merge of a list", "<<: [{namePrefix: a-}, {resources: " + remote + "}]\n", "is remote"},
		{"a merge of two that have it", "<<: [{resources: [config.yaml]}, {resources: " + remote + "}]\n", ""},
		{"two merges", "<<: {namePrefix: a-}\n<<: {resources: " + remote + "}\n", "a second merge key (<<) in one mapping"},
		{"a merge by tag", "!!merge resources: " + remote + "\nnamePrefix: p-\n", "the key \"resources\" has the tag !!merge"},
		{"a merge by a tag in full", "!<tag:yaml.org,2002:merge> resources: " + remote + "\nnamePrefix: p-\n", "the key \"resources\" has the tag"},
		{"a merge by tag of <<", "!!merge <<: {Resources: " + remote + "}\n", "the key \"<<\" has the tag !!merge"},
		{"a merge by tag below", "configMapGenerator:\n- name: a\n  !!merge files: ['https://example.com/a']\n", "kustomization.yaml:3: the key \"files\" has the tag !!merge"},
		{"a merge by an alias", "namePrefix: &m <<\n*m : {resources: " + remote + "}\n", "<<"},
		{"a quoted merge key", "\"<<\": {Resources: " + remote + "}\n", "a kustomization has no field \"<<\""},
		{"a key by an alias", "namePrefix: &k resources\n*k : " + remote + "\n", "is remote"},
		{"a key by an alias that repeats one", "namePrefix: &k resources\nresources: [config.yaml]\n*k : " + remote + "\n", "key \"resources\" repeats the one of line 2"},
		{"a key in quotes that repeats one", "resources: [config.yaml]\n\"resources\": " + remote + "\n", "key \"resources\" repeats"},
		{"a key with escapes that repeats one", "resources: [config.yaml]\n\"\\x72esources\": " + remote + "\n", "key \"resources\" repeats"},
		{"a key in base64", "!!binary cmVzb3VyY2Vz: " + remote + "\n", "has the tag !!binary"},
		{"a key tagged as a text", "!!str resources: " + remote + "\n", "has the tag !!str"},
		{"a value in base64", "resources: [!!binary aHR0cHM6Ly9leGFtcGxlLmNvbS9h]\n", "kustomization.yaml:1: "},
		{"a key with a tag of one's own", "!x resources: " + remote + "\n", "has the tag !x"},
		{"a value with a tag of one's own", "resources: !x " + remote + "\n", "the tag !x is read differently"},
		{"a complex key", "? [resources]\n: " + remote + "\n", "kustomization.yaml:1"},
		{"a complex key that is a text", "? resources\n: " + remote + "\n", "is remote"},
		{"a first document that is empty", "---\n# nothing\n---\nresources: [config.yaml]\n", "kustomization.yaml:4: Kustomize reads `resources` otherwise than it is written here"},
		{"a first document that is null", "null\n---\nresources: [config.yaml]\n", "kustomization"},
		{"a second document", "resources: [config.yaml]\n---\nresources: " + remote + "\n", "a kustomization is one YAML document"},
		{"a document behind its end", "resources: [config.yaml]\n...\nresources: " + remote + "\n", "kustomization.yaml:3: "},
		{"a mapping for a list", "resources: {a: " + remote + "}\n", "`resources` must be a list"},
		{"a letter that becomes another", "resources: ['gİthub.com/team/base']\n", "is remote"},
		{"an empty entry", "bases: [~]\n-- ~ --\na: b\n", "kustomization.yaml:1: an entry of `bases` is empty"},
		{"a scheme and no slashes", "resources: ['https:x']\n", "is remote"},
		{"helmCharts in another letter case", "<<: {HelmCharts: [{name: a}]}\n", "a kustomization has no field \"HelmCharts\""},
		{"helmCharts, merged", "<<: {helmCharts: [{name: a}]}\n", "no chart a at charts/a"},
		{"patches in another letter case", "resources: [config.yaml]\n<<: {Patches: [{target: {kind: Deployment, name: gone}, patch: '[{\"op\": \"add\", \"path\": \"/a\", \"value\": \"1\"}]'}]}\n",
			"kustomization.yaml:2: a kustomization has no field \"Patches\""},
		{"a patch's path in another letter case", "resources: [config.yaml]\npatches: [{<<: {Path: x.yaml}, target: {kind: ConfigMap}}]\n", "has no field \"Path\""},
		{"a generator's files, merged twice", "configMapGenerator:\n- {name: a, <<: {literals: [a=b]}, <<: {files: ['https://example.com']}}\n", "a second merge key"},
		{"an anchor and its alias", "namePrefix: &p p-\nnameSuffix: *p\nresources: [config.yaml]\n", ""},
		{"a merge of generators", "configMapGenerator:\n- &g {name: a, literals: [a=b]}\n- {<<: *g, name: b}\n", ""},
		{"words of YAML 1.1", "resources: [config.yaml]\ngeneratorOptions: {disableNameSuffixHash: yes}\n", ""},
		{"a day that is not quoted", "resources: [config.yaml]\ncommonAnnotations: {day: 2026-11-27}\n", ""},
		{"words of YAML 1.1 in a plugin", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: a}\nannotations: {on: yes}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n", ""},
		{"a byte order mark", "\ufeffresources: [config.yaml]\n", ""},
		{"lines of Windows", "resources:\r\n- config.yaml\r\n", ""},

		// What Kustomize decodes beside the kustomization
		{"a plugin's kind by a merge", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\n<<: {apiVersion: builtin, kind: HelmChartInflationGenerator}\nmetadata: {name: a}\n", "t.yaml:1: "},
		{"a plugin's kind by an alias", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nmetadata: {name: a, labels: {x: &k kind}}\n*k : PatchTransformer\npath: p.yaml\n", "t.yaml:4: Kustomize: p.yaml does not exist"},
		{"a plugin's field in another letter case", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: a}\nPrefix: b-\n", "t.yaml:4: Kustomize takes \"Prefix\" for `prefix`: write it so"},
		{"a plugin with a tag", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: !x PrefixTransformer\nmetadata: {name: a}\nprefix: b-\n", "t.yaml:2: "},
		{"a plugin in one line", "resources: [config.yaml]\ntransformers: ['{apiVersion: example.com/v1, kind: T, metadata: {name: a}}']\n-- {apiVersion: example.com/v1, kind: T, metadata: {name: a}} --\napiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: a}\nprefix: b-\n", "example.com/v1 T is a plugin that runs a program"},
		{"a plugin in a list", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: PrefixTransformerList\nmetadata: {name: a}\nitems:\n- {apiVersion: example.com/v1, kind: T, metadata: {name: a}}\n", "t.yaml:1: "},
		{"a function by a merge", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: LabelTransformer\nmetadata:\n  name: a\n  <<: {annotations: {config.kubernetes.io/function: 'exec: {path: ./x}'}}\n", "makes this a plugin that runs a program"},
		{"a function by an alias", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: LabelTransformer\nmetadata:\n  name: &f config.kubernetes.io/function\n  annotations: {*f : 'exec: {path: ./x}'}\n", "makes this a plugin that runs a program"},
		{"an unknown builtin plugin", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\napiVersion: builtin\nkind: ChartTransformer\nmetadata: {name: a}\n", "is no builtin plugin of Kustomize that kgate follows"},
		{"a configuration that is none", "resources: [config.yaml]\ntransformers: [t.yaml]\n-- t.yaml --\n# nothing\n", "kustomization.yaml:2: transformers: this holds no configuration"},
		{"a file of replacements with two documents", "resources: [config.yaml]\nreplacements: [{path: r.yaml}]\n-- r.yaml --\n- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a]}]\n---\n[]\n", "r.yaml:4: Kustomize reads the first document"},
		{"a file of replacements with a field in another letter case", "resources: [config.yaml]\nreplacements: [{path: r.yaml}]\n-- r.yaml --\n- source: {kind: ConfigMap, name: config, FieldPath: data.a}\n  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a]}]\n", "r.yaml:1: `source` has no field \"FieldPath\""},
		{"a file of replacements with two merges", "resources: [config.yaml]\nreplacements: [{path: r.yaml}]\n-- r.yaml --\n- {<<: {source: {kind: ConfigMap}}, <<: {targets: []}}\n", "r.yaml:1: a second merge key"},
		{"a file of replacements with a tag", "resources: [config.yaml]\nreplacements: [{path: r.yaml}]\n-- r.yaml --\n- source: !x {kind: ConfigMap, name: config}\n", "r.yaml:1: the tag !x"},
		{"a configuration with a tag", "resources: [config.yaml]\nconfigurations: [c.yaml]\n-- c.yaml --\nimages: !x [{path: spec/image}]\n", "c.yaml:1: the tag !x"},
		{"an OpenAPI schema with a tag", "resources: [config.yaml]\nopenapi: {path: o.yaml}\n-- o.yaml --\ndefinitions: !x {}\n", "o.yaml:1: the tag !x"},
		{"a component in another letter case", "resources: [config.yaml]\ncomponents: [c]\n-- c/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n<<: {Resources: " + remote + "}\n", "c/kustomization.yaml:3: a kustomization has no field \"Resources\""},
		{"a kind by a merge", "resources: [config.yaml]\ncomponents: [c]\n-- c/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\n<<: {Kind: Component}\nnamePrefix: a-\n", "has no field \"Kind\""},
		{"a base in another letter case", "resources: [base]\n-- base/kustomization.yaml --\n<<: {Resources: " + remote + "}\nnamePrefix: a-\n", "base/kustomization.yaml:1: a kustomization has no field \"Resources\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, rest, _ := strings.Cut(test.text, "-- ")
			if rest != "" {
				rest = "-- " + rest
			}
			files := tree(rest + "\n-- config.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n")
			files["kustomization.yaml"] = &fstest.MapFile{Data: []byte(text)}
			renders(t, files, ".", test.want)
		})
	}
}

// aliased is a chain of anchors, each merging the one before.
func aliased(depth int) string {
	var b strings.Builder
	b.WriteString("commonAnnotations: &m0 {a: b}\nvars:\n")
	for i := 1; i < depth; i++ {
		fmt.Fprintf(&b, "- &m%d {<<: *m%d}\n", i, i-1)
	}
	return b.String()
}

// FuzzDecode compares the two readings of a kustomization: where it is let through, every reference that Kustomize's
// decoder finds stands in the tree that kgate checks, and the other way about.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		"resources: [a.yaml]\n", "<<: {resources: [a]}\nnamePrefix: a\n", "Resources: [a]\n", "<<: {<<: {resources: [a]}}\n",
		"!!merge resources: [a]\n", "a: &a {resources: [b]}\n<<: *a\n", "components: [a]\nbases: [b]\npatches: [{path: a}]\n",
		"configMapGenerator: [{name: a, files: [b, c=d], envs: [e], env: f}]\nopenapi: {path: o}\n", "---\n---\nresources: [a]\n",
		"? resources\n: [a]\n", "resources: &a [x]\n*a : [y]\n", "transformers: [a]\nvalidators: [b]\ngenerators: [c]\n", "helmCharts: [{name: a}]\n",
		"generatorOptions: {disableNameSuffixHash: yes}\n", "labels: [{pairs: {a: 1}}]\n", "configurations: [a]\ncrds: [b]\nreplacements: [{path: c}]\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		documents, err := manifest.ParseDocuments("kustomization.yaml", []byte(text))
		if err != nil || len(documents) != 1 {
			return
		}
		layer := &Layer{File: "kustomization.yaml", Document: &documents[0], Node: manifest.Plain(documents[0].Node)}
		if layer.decode([]byte(text)) != nil {
			return
		}
		var theirs types.Kustomization
		if err := theirs.Unmarshal([]byte(text)); err != nil {
			t.Fatalf("kgate reads what Kustomize does not: %v", err)
		}
		for field, want := range map[string][]string{
			//lint:ignore SA1019 Kustomize still reads the field
			"resources": theirs.Resources, "bases": theirs.Bases, "components": theirs.Components, "crds": theirs.Crds,
			"configurations": theirs.Configurations, "generators": theirs.Generators, "transformers": theirs.Transformers, "validators": theirs.Validators,
		} {
			var got []string
			if list := manifest.Lookup(layer.Node, field); list != nil {
				for _, node := range list.Content {
					got = append(got, node.Value)
				}
			}
			if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: kgate checks %q, Kustomize is given %q", field, got, want)
			}
		}
		for i, p := range theirs.Patches {
			if got := manifest.Text(layer.Node, "patches", i, "path"); got != p.Path {
				t.Errorf("patch %d: kgate checks %q, Kustomize is given %q", i, got, p.Path)
			}
		}
		for i, g := range theirs.ConfigMapGenerator {
			for j, file := range g.FileSources {
				if got := manifest.Text(layer.Node, "configMapGenerator", i, "files", j); got != file {
					t.Errorf("generator %d: kgate checks %q, Kustomize is given %q", i, got, file)
				}
			}
		}
		if path := theirs.OpenAPI["path"]; path != manifest.Text(layer.Node, "openapi", "path") {
			t.Errorf("openapi: kgate checks another than %q", path)
		}
		if (len(theirs.HelmCharts) > 0) != (manifest.Lookup(layer.Node, "helmCharts") != nil && len(manifest.Lookup(layer.Node, "helmCharts").Content) > 0) {
			t.Error("helmCharts are hidden")
		}
	})
}
