package kustomization

import (
	"cmp"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// tree makes a file system of txtar text. A file whose content is "-> path" is a symbolic link.
func tree(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, file := range txtar.Parse([]byte(text)).Files {
		if to, ok := strings.CutPrefix(string(file.Data), "-> "); ok {
			files[file.Name] = &fstest.MapFile{Data: []byte(strings.TrimSpace(to)), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		files[file.Name] = &fstest.MapFile{Data: file.Data, Mode: 0o644}
	}
	return files
}

const config = `
-- config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {a: b}
`

const base = `
-- base/kustomization.yaml --
resources: [config.yaml]
-- base/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
`

const component = `
-- component/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  - target: {kind: ConfigMap}
    patch: |
      - {op: add, path: /data, value: {a: c}}
`

// TestRefused renders what must not pass: each input has a message with its file and line.
func TestRefused(t *testing.T) {
	for _, test := range []struct{ name, target, tree, want string }{
		// YAML
		{"broken YAML in a resource", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: [ConfigMap\nmetadata: {}\n", "bad.yaml:"},
		{"broken YAML in the kustomization", "", kustomization("resources: [config.yaml]\npatches: [") + config, "kustomization.yaml:"},
		{"tab for indentation", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nmetadata:\n\tname: a\n", "bad.yaml:3: invalid YAML: a tab stands where only spaces may"},
		{"NUL byte", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: \x00ConfigMap\n", "bad.yaml:"},
		{"duplicate key in a resource", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  name: b\n", `bad.yaml:5: key "name" repeats the one of line 4: only one of them would count`},
		{"duplicate key in the kustomization", "", kustomization("resources: [config.yaml]\nnamePrefix: a\nnamePrefix: b") + config, `kustomization.yaml:3: key "namePrefix" repeats the one of line 2`},
		{"duplicate key in a patch", "", kustomization("resources: [config.yaml]\npatches:\n- path: p.yaml") + config + "-- p.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata:\n  a: x\n  a: y\n", `p.yaml:6: key "a" repeats`},
		{"duplicate key in an inline patch", "", kustomization("resources: [config.yaml]\npatches:\n- patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: config}\n    data:\n      a: x\n      a: y") + config, `kustomization.yaml:9: key "a" repeats the one of line 8`},
		{"field of a kustomization of the wrong type", "", kustomization("resources: [config.yaml]\nlabels:\n- pairs: {a: b}\n- pairs: {a: b}\n  includeTemplates: yes please") + config, "kustomization.yaml:5: "},
		{"apiVersion of a kustomization", "", kustomization("apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\nresources: [config.yaml]") + config, "kustomization.yaml:1: apiVersion is kustomize.config.k8s.io/v1; that of a Kustomization is kustomize.config.k8s.io/v1beta1"},
		{"apiVersion of a component", "overlay", kustomization("resources: [../base]\ncomponents: [../component]", "overlay/") + base + strings.Replace(component, "v1alpha1", "v1beta1", 1), "component/kustomization.yaml:1: apiVersion is kustomize.config.k8s.io/v1beta1; that of a Component is kustomize.config.k8s.io/v1alpha1"},
		{"not UTF-8", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: Config\xffMap\n", "bad.yaml:2: byte 0xff is not UTF-8: save the file as UTF-8"},
		{"UTF-16", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n\xff\xfea\x00:\x00\n", "bad.yaml:1: the text is UTF-16: save the file as UTF-8"},
		{"alias bomb", "", kustomization("resources: [bad.yaml]") + bomb, "bad.yaml:"},
		{"anchor that holds itself", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: &a\n  b: *a\n", "bad.yaml:5: "},
		{"anchor that holds itself, in the kustomization", "", kustomization("resources: [config.yaml]\npatches: &a\n- target: *a\n  path: x") + config, "kustomization.yaml:3: the anchor \"a\" holds itself"},
		{"no JSON number", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: .nan}\n", "bad.yaml:4: .nan is a number that JSON does not have"},
		{"deep nesting", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "\n", "bad.yaml:"},
		{"document end without a separator", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n...\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n", "bad.yaml:"},
		{"too many documents", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n" + strings.Repeat("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", 10000), "bad.yaml:20002: the file has more than 5000 documents: split it"},
		{"too many items of a list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n", 10000), "bad.yaml:5004: the list has more than 5000 items: split it"},

		// What an object is
		{"list document", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n- a\n", "bad.yaml:1: the document is not a mapping: an object has apiVersion, kind and metadata"},
		{"no kind", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n\napiVersion: v1\nmetadata: {name: a}\n", "bad.yaml:2: the object has no kind"},
		{"no apiVersion", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\nkind: ConfigMap\nmetadata: {name: a}\n", "bad.yaml:1: the object has no apiVersion"},
		{"no name", "", kustomization("resources: [bad.yaml]") + config[1:] + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "bad.yaml:3: the ConfigMap has no metadata.name"},
		{"generateName", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n", "bad.yaml"},
		{"no name, in a list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n", "bad.yaml:4: the ConfigMap has no metadata.name"},
		{"no kind, in a list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  metadata: {name: a}\n", "bad.yaml:4: the object has no kind"},
		{"text in a list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: List\nitems:\n- text\n", "bad.yaml:4: "},
		{"number for a name", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: 12}\n", "bad.yaml:3: metadata.name"},
		{"metadata is a list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: [a]\n", "bad.yaml:"},
		{"annotations are a list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: [a]}\n", "bad.yaml:3: metadata.annotations must be a mapping"},
		{"labels are a text", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: a}\n", "bad.yaml:3: metadata.labels must be a mapping"},
		{"the same object twice", "", kustomization("resources: [config.yaml, again.yaml]") + config + "-- again.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n", "again.yaml:1: the ConfigMap config is there already, from config.yaml:1"},
		{"the same base twice", "overlay", kustomization("resources: [../base, ../base]", "overlay/") + base, "overlay/kustomization.yaml:1: the ConfigMap config is there already, from base/config.yaml:1"},

		// The kustomization
		{"unknown field", "", kustomization("resources: [config.yaml]\nnamePrefx: a-") + config, "kustomization.yaml:2: a kustomization has no field \"namePrefx\"; did you mean `namePrefix`?"},
		{"unknown field below", "", kustomization("resources: [config.yaml]\nimages:\n- name: a\n  newTagg: b") + config, "kustomization.yaml:4: an entry of `images` has no field \"newTagg\"; did you mean `newTag`?"},
		{"field of another type", "", kustomization("resources: config.yaml") + config, "kustomization.yaml:1: `resources` must be a list"},
		{"number for a text", "", kustomization("resources: [config.yaml]\nimages:\n- name: a\n  newTag: 1.10") + config, "kustomization.yaml:4: `newTag` must be a text: quote 1.10"},
		{"empty kustomization", "", "-- kustomization.yaml --\n", "kustomization.yaml:1: a kustomization is one YAML document; this file has 0"},
		{"two documents", "", kustomization("resources: [config.yaml]\n---\nnamePrefix: a") + config, "kustomization.yaml:1: a kustomization is one YAML document; this file has 2"},
		{"kustomization of text", "", kustomization("text"), "kustomization.yaml:1: a kustomization must be a mapping"},
		{"another kind", "", kustomization("kind: Kustomisation\nresources: [config.yaml]") + config, "kustomization.yaml:1: kind is Kustomisation; it is Kustomization or Component"},
		{"two kustomization files", "", kustomization("resources: [config.yaml]") + "-- kustomization.yml --\nresources: [config.yaml]\n" + config, "kustomization.yaml: the directory has 2 kustomization files (kustomization.yaml, kustomization.yml): keep one"},
		{"two kustomization files in a base", "overlay", kustomization("\nresources: [../base]", "overlay/") + base + "-- base/Kustomization --\nresources: [config.yaml]\n", "base/kustomization.yaml: the directory has 2 kustomization files"},
		{"null for a list", "", kustomization("resources: null"), "kustomization.yaml is empty"},
		{"null in a list", "", kustomization("resources:\n- config.yaml\n-") + config, "kustomization.yaml:3: "},

		// References
		{"missing base", "", kustomization("\nresources:\n- ../base"), "kustomization.yaml:3: ../base"},
		{"missing directory", "overlay", kustomization("\nresources:\n- ../base", "overlay/"), "overlay/kustomization.yaml:3: ../base does not exist"},
		{"missing file", "", kustomization("resources:\n- config.yaml\n- secret.yaml") + config, "kustomization.yaml:3: secret.yaml does not exist"},
		{"base without a kustomization", "overlay", kustomization("resources: [../base]", "overlay/") + "-- base/config.yaml --\n", "overlay/kustomization.yaml:1: base has no kustomization.yaml"},
		{"missing patch", "", kustomization("resources: [config.yaml]\npatches:\n- path: p.yaml") + config, "kustomization.yaml:3: p.yaml does not exist"},
		{"missing component", "", kustomization("resources: [config.yaml]\ncomponents:\n- c") + config, "kustomization.yaml:3: c does not exist"},
		{"missing generator file", "", kustomization("configMapGenerator:\n- name: a\n  files: [x=a.txt]"), "kustomization.yaml:3: a.txt does not exist"},
		{"missing generator env file", "", kustomization("secretGenerator:\n- name: a\n  envs:\n  - a.env"), "kustomization.yaml:4: a.env does not exist"},
		{"missing replacement file", "", kustomization("resources: [config.yaml]\nreplacements:\n- path: r.yaml") + config, "kustomization.yaml:3: r.yaml does not exist"},
		{"missing configuration", "", kustomization("resources: [config.yaml]\nconfigurations: [c.yaml]") + config, "kustomization.yaml:2: c.yaml does not exist"},
		{"missing openapi", "", kustomization("resources: [config.yaml]\nopenapi: {path: o.json}") + config, "kustomization.yaml:2: o.json does not exist"},
		{"missing crds", "", kustomization("resources: [config.yaml]\ncrds: [c.json]") + config, "kustomization.yaml:2: c.json does not exist"},
		{"component listed as a resource", "overlay", kustomization("resources:\n- ../base\n- ../component", "overlay/") + base + component, "overlay/kustomization.yaml:3: ../component is a Component: list it under `components`"},
		{"base listed as a component", "overlay", kustomization("resources: [../base]\ncomponents:\n- ../base", "overlay/") + base, "overlay/kustomization.yaml:3: ../base is not of kind Component: list it under `resources`"},
		{"file listed as a component", "", kustomization("resources: [config.yaml]\ncomponents: [config.yaml]") + config, "kustomization.yaml:2: config.yaml is a file; a component is a directory"},
		{"cycle with itself", "a", kustomization("resources:\n- ../a", "a/"), "a/kustomization.yaml:2: cycle: a leads back to a"},
		{"cycle of two", "a", kustomization("resources: [../b]", "a/") + kustomization("\nresources: [../a]", "b/"), "b/kustomization.yaml:2: cycle: a → b leads back to a"},
		{"cycle with a parent", "a/b", kustomization("resources: [b]", "a/") + kustomization("resources: [../]", "a/b/"), "a/b/kustomization.yaml:1: cycle: a contains a/b, which refers to it"},
		{"cycle with the root", "a", kustomization("resources: [a]") + kustomization("resources: [..]", "a/"), "a/kustomization.yaml:1: cycle: . contains a, which refers to it"},
		{"cycle of components", "a", kustomization("resources: [../base]\ncomponents: [../c]", "a/") + base + kustomization("kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncomponents: [../c]", "c/"), "c/kustomization.yaml:3: cycle: a → c leads back to c"},
		{"absolute path", "", kustomization("resources: [/etc/passwd]"), "kustomization.yaml:1: /etc/passwd is absolute: write it relative to this file"},
		{"path beyond the repository", "a", kustomization("resources:\n- ../../other", "a/"), "a/kustomization.yaml:2: ../../other leads out of the repository"},
		{"file beyond the directory", "a", kustomization("resources: [../config.yaml]", "a/") + config, "a/kustomization.yaml:1: ../config.yaml is outside this kustomization's directory"},
		{"patch beyond the directory", "a", kustomization("resources: [../base]\npatches: [{path: ../config.yaml}]", "a/") + base + config, "a/kustomization.yaml:2: ../config.yaml is outside this kustomization's directory"},
		{"generator file beyond the directory", "a", kustomization("configMapGenerator: [{name: a, files: [../config.yaml]}]", "a/") + config, "a/kustomization.yaml:1: ../config.yaml is outside this kustomization's directory"},
		{"target beyond the repository", "../other", config, "render ../other: "},

		// Links
		{"absolute link to a file", "", kustomization("resources: [config.yaml]") + "-- config.yaml --\n-> /etc/passwd", "kustomization.yaml:1: config.yaml: the symbolic link config.yaml leads out of the repository, to /etc/passwd"},
		{"relative link to a file", "", kustomization("resources: [config.yaml]") + "-- config.yaml --\n-> ../config.yaml", "kustomization.yaml:1: config.yaml: a symbolic link leads out of the repository"},
		{"absolute link to a directory", "overlay", kustomization("resources: [../base]", "overlay/") + "-- base --\n-> /tmp", "overlay/kustomization.yaml:1: base: the symbolic link base leads out of the repository, to /tmp"},
		{"relative link to a directory", "overlay", kustomization("resources: [base]", "overlay/") + "-- overlay/base --\n-> ../../base", "overlay/kustomization.yaml:1: overlay/base: a symbolic link leads out of the repository"},
		{"link to itself", "", kustomization("resources: [config.yaml]") + "-- config.yaml --\n-> config.yaml", "kustomization.yaml:1: config.yaml: more than 40 symbolic links"},
		{"dangling link", "", kustomization("resources: [config.yaml]") + "-- config.yaml --\n-> nowhere.yaml", "kustomization.yaml:1: config.yaml is a symbolic link that leads nowhere"},
		{"link in a directory of manifests", "plain", "-- plain/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n-- plain/b.yaml --\n-> /etc/passwd", "plain/b.yaml"},
		{"linked directory in a directory of manifests", "plain", "-- plain/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n-- plain/more --\n-> ../base" + base, "plain/more: a symbolic link to a directory: name the directory itself as a target"},
		{"linked kustomization", "", "-- kustomization.yaml --\n-> /etc/kustomization.yaml", "symbolic link"},

		// The network
		{"https base", "", kustomization("resources:\n- https://example.com/base?ref=main"), "kustomization.yaml:2: https://example.com/base?ref=main is remote: kgate renders offline"},
		{"http base in capitals", "", kustomization("resources: [HTTP://example.com/base]"), "is remote"},
		{"git@ base", "", kustomization("resources: ['git@example.com:team/base']"), "is remote"},
		{"ssh base", "", kustomization("resources: ['ssh://git@example.com/team/base']"), "is remote"},
		{"user@ base", "", kustomization("resources: ['me@example.com/team/base.git']"), "is remote"},
		{"github.com base", "", kustomization("resources: [github.com/team/base]"), "is remote"},
		{"git:: base", "", kustomization("resources: ['git::https://example.com/team/base']"), "is remote"},
		{"file:// base", "", kustomization("resources: ['file:///etc']"), "is remote"},
		{"host/team/base base", "", kustomization("resources: [example.com/team/base.git]"), "kustomization.yaml:1: example.com/team/base.git does not exist"},
		{"remote component", "", kustomization("resources: [config.yaml]\ncomponents: ['https://example.com/c']") + config, "kustomization.yaml:2: https://example.com/c is remote"},
		{"remote bases", "", kustomization("bases: ['https://example.com/c']"), "is remote"},
		{"remote generator file", "", kustomization("configMapGenerator:\n- name: a\n  files:\n  - https://example.com/a.txt"), "kustomization.yaml:4: https://example.com/a.txt is remote"},
		{"remote generator file with a key", "", kustomization("configMapGenerator:\n- name: a\n  files:\n  - a=https://example.com/a.txt?b=c"), "kustomization.yaml:4: https://example.com/a.txt?b=c is remote"},
		{"remote generator file with = in it", "", kustomization("configMapGenerator:\n- name: a\n  files:\n  - https://example.com/a.txt?b=config.yaml"), "kustomization.yaml:4: config.yaml does not exist"},
		{"remote env file with = in it", "", kustomization("configMapGenerator:\n- name: a\n  envs: ['https://example.com/a=config.yaml']") + config, "https://example.com/a=config.yaml is remote"},
		{"remote configuration with = in it", "", kustomization("resources: [config.yaml]\nconfigurations: ['https://example.com/a=config.yaml']") + config, "https://example.com/a=config.yaml is remote"},
		{"remote base that is also a directory", "", kustomization("resources: ['me@example.com:base']") + "-- me@example.com:base/kustomization.yaml --\nnamePrefix: a", "me@example.com:base is remote"},
		{"remote env file", "", kustomization("secretGenerator:\n- name: a\n  envs: ['https://example.com/a.env']"), "is remote"},
		{"remote env", "", kustomization("secretGenerator:\n- name: a\n  env: https://example.com/a.env"), "is remote"},
		{"remote patch", "", kustomization("resources: [config.yaml]\npatches:\n- path: https://example.com/p.yaml") + config, "kustomization.yaml:3: https://example.com/p.yaml is remote"},
		{"remote strategic merge patch", "", kustomization("resources: [config.yaml]\npatchesStrategicMerge:\n- https://example.com/p.yaml") + config, "kustomization.yaml:3: https://example.com/p.yaml is remote"},
		{"remote JSON 6902 patch", "", kustomization("resources: [config.yaml]\npatchesJson6902:\n- path: https://example.com/p.yaml\n  target: {kind: ConfigMap, name: config, version: v1}") + config, "is remote"},
		{"remote openapi", "", kustomization("resources: [config.yaml]\nopenapi:\n  path: https://example.com/o.json") + config, "kustomization.yaml:3: https://example.com/o.json is remote"},
		{"remote configuration", "", kustomization("resources: [config.yaml]\nconfigurations:\n- https://example.com/c.yaml") + config, "kustomization.yaml:3: https://example.com/c.yaml is remote"},
		{"remote crds", "", kustomization("resources: [config.yaml]\ncrds:\n- https://example.com/c.json") + config, "kustomization.yaml:3: https://example.com/c.json is remote"},
		{"remote replacement", "", kustomization("resources: [config.yaml]\nreplacements:\n- path: https://example.com/r.yaml") + config, "kustomization.yaml:3: https://example.com/r.yaml is remote"},
		{"remote transformer", "", kustomization("resources: [config.yaml]\ntransformers:\n- https://example.com/t") + config, "kustomization.yaml:3: https://example.com/t is remote"},
		{"remote base behind an alias", "", kustomization("namePrefix: &u https://example.com/base\nresources:\n- *u"), "kustomization.yaml:3: https://example.com/base is remote"},
		{"remote base behind a merge key", "", kustomization("configMapGenerator:\n- &g {name: a, files: ['https://example.com/a']}\n- {<<: *g, name: b}"), "is remote"},
		{"remote base in a base", "overlay", kustomization("resources: [../base]", "overlay/") + kustomization("\nresources: ['https://example.com/base']", "base/"), "base/kustomization.yaml:2: https://example.com/base is remote"},
		{"remote patch in a builtin transformer", "", kustomization("resources: [config.yaml]\ntransformers: [t.yaml]") + config + "-- t.yaml --\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: a}\npath: https://example.com/p.yaml\n", "t.yaml:4: Kustomize: https://example.com/p.yaml is remote: kgate renders offline"},
		{"remote file in a builtin generator", "", kustomization("resources: [config.yaml]\ngenerators: [t.yaml]") + config + "-- t.yaml --\napiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: a}\nfiles:\n- https://example.com/p.yaml\n", "t.yaml:1: Kustomize: loading KV pairs: file sources: [https://example.com/p.yaml]: https://example.com/p.yaml is remote"},
		{"remote replacement in a builtin transformer", "", kustomization("resources: [config.yaml]\ntransformers: [t.yaml]") + config + "-- t.yaml --\napiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: a}\nreplacements:\n- path: https://example.com/p.yaml\n", "t.yaml:5: Kustomize: https://example.com/p.yaml is remote"},

		// Programs
		{"exec plugin", "", kustomization("resources: [config.yaml]\ngenerators: [g.yaml]") + config + "-- g.yaml --\napiVersion: someteam.example.com/v1\nkind: ChartInflator\nmetadata: {name: a}\n", "g.yaml:1: generators: someteam.example.com/v1 ChartInflator is a plugin that runs a program: kgate runs none"},
		{"exec function", "", kustomization("resources: [config.yaml]\ntransformers: [g.yaml]") + config + "-- g.yaml --\napiVersion: builtin\nkind: LabelTransformer\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n", "g.yaml:6: the annotation config.kubernetes.io/function makes this a plugin that runs a program"},
		{"container function", "", kustomization("resources: [config.yaml]\nvalidators: [g.yaml]") + config + "-- g.yaml --\napiVersion: example.com/v1\nkind: Valid\nmetadata:\n  name: a\n  annotations:\n    config.k8s.io/function: |\n      container: {image: example.com/a}\n", "g.yaml:1: validators: example.com/v1 Valid is a plugin that runs a program"},
		{"function as a resource", "", kustomization("resources: [g.yaml]") + "-- g.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    config.kubernetes.io/function: |\n      container: {image: example.com/a}\n", "g.yaml:6: the annotation config.kubernetes.io/function makes this a plugin that runs a program"},
		{"inline plugin", "", kustomization("resources: [config.yaml]\ntransformers:\n- |\n  apiVersion: example.com/v1\n  kind: T\n  metadata: {name: a}") + config, "kustomization.yaml:4: transformers: example.com/v1 T is a plugin that runs a program"},
		{"unknown field of a plugin's replacement", "", kustomization("resources: [config.yaml]\ntransformers: [t.yaml]") + config + "-- t.yaml --\napiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: a}\nreplacements:\n- source: {kind: ConfigMap}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPath: [data.a]\n", "t.yaml:8: an entry of `targets` has no field \"fieldPath\"; did you mean `fieldPaths`?"},
		{"index out of bounds in a plugin's replacement", "", kustomization("resources: [config.yaml]\ntransformers: [t.yaml]") + config + "-- t.yaml --\napiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: a}\nreplacements:\n- source: {kind: ConfigMap, options: {delimiter: '/', index: 5}}\n  targets:\n  - select: {kind: ConfigMap}\n    fieldPaths: [data.a]\n", "t.yaml:5: Kustomize: options.index 5 is out of bounds"},
		{"plugin in a directory", "overlay", kustomization("resources: [../base]\ntransformers: [../t]", "overlay/") + base + kustomization("resources: [t.yaml]", "t/"), "t/kustomization.yaml:1: t.yaml does not exist"},
		{"helmCharts", "", kustomization("resources: [config.yaml]\nhelmCharts:\n- name: a") + config, "kustomization.yaml:3: no chart a at charts/a, and no `repo` to fetch it from"},
		{"helmChartInflationGenerator", "", kustomization("resources: [config.yaml]\nhelmChartInflationGenerator: [{chartName: a}]") + config, "kustomization.yaml:2: no chart a at charts/a, and no `repo` to fetch it from"},
		{"Helm as a builtin generator", "", kustomization("generators: [g.yaml]") + "-- g.yaml --\napiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: a}\n", "g.yaml:1: the entry names no chart: it needs `name`"},

		// Patches and replacements that say nothing
		{"patch with path and patch", "", kustomization("resources: [config.yaml]\npatches:\n- path: config.yaml\n  patch: a") + config, "kustomization.yaml:3: a patch has either `path` or `patch`"},
		{"patch with neither", "", kustomization("resources: [config.yaml]\npatches:\n- target: {kind: ConfigMap}") + config, "kustomization.yaml:3: a patch has either `path` or `patch`"},
		{"invalid regexp in a target", "", kustomization("resources: [config.yaml]\npatches:\n- target: {kind: ConfigMap, name: 'a('}\n  patch: '[{op: remove, path: /data}]'") + config, "kustomization.yaml:3: the patch's target: error parsing regexp: missing closing )"},
		{"invalid label selector", "", kustomization("resources: [config.yaml]\npatches:\n- target: {labelSelector: 'a=b=c'}\n  patch: '[{op: remove, path: /data}]'") + config, "kustomization.yaml:3: the patch's target: "},
		{"JSON patch of a field that is not there", "", kustomization("resources: [config.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: '[{op: replace, path: /spec/a, value: 1}]'") + config, "kustomization.yaml:"},
		{"replacement without a target", "", kustomization("resources: [config.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: config}\n  targets:\n  - fieldPaths: [data.x]") + config, "kustomization.yaml:5: the replacement's target selects nothing: it needs `select`"},
		{"replacement with an unknown field", "", kustomization("resources: [config.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: config, fieldpath: data}") + config, "kustomization.yaml:3: `source` has no field \"fieldpath\"; did you mean `fieldPath`?"},
		{"replacement of text", "", kustomization("resources: [config.yaml]\nreplacements: [a]") + config, "kustomization.yaml:2: an entry of `replacements` must be a mapping"},
		{"generator name missing", "", kustomization("configMapGenerator:\n- literals: [a=b]"), "kustomization.yaml"},
		{"generator with a bad literal", "", kustomization("configMapGenerator:\n- name: a\n  literals: [ab]"), "kustomization.yaml"},
		{"generator merges with nothing", "", kustomization("resources: [config.yaml]\nconfigMapGenerator:\n- name: a\n  behavior: merge\n  literals: [a=b]") + config, "kustomization.yaml"},
		{"generator creates what is there", "", kustomization("resources: [config.yaml]\nconfigMapGenerator:\n- {name: config, behavior: create, literals: [a=b], options: {disableNameSuffixHash: true}}") + config, "kustomization.yaml:3: the ConfigMap config is there already, from config.yaml:1: a generator that changes it says so with `behavior: merge`"},
		{"invalid openapi schema", "", kustomization("resources: [config.yaml]\nopenapi: {path: o.json}") + config + "-- o.json --\n{\n", "o.json:2: invalid YAML"},
		{"openapi version not built in", "", kustomization("resources: [config.yaml]\nopenapi: {version: v1.0.0}") + config, "the specified OpenAPI version is not built in"},

		// Targets
		{"target that is not there", "nowhere", config, "render nowhere: no such file or directory"},
		{"directory without manifests", "docs", "-- docs/README --\ntext\n", "render docs: the directory has neither a kustomization.yaml nor a YAML or JSON file"},
		{"one empty file of a directory", "a", "-- a/a.yaml --\n# nothing\n-- a/b.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", ""},
		{"broken JSON", "a.json", "-- a.json --\n{\"apiVersion\": \"v1\",\n\"kind\": \"ConfigMap\"]\n", "a.json:2: invalid YAML: did not find expected ',' or '}'"},
		{"text that is no YAML", "a.txt", "-- a.txt --\nhello\n", "a.txt:1: the document is not a mapping"},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := test.target
			if target == "" {
				target = "."
			}
			renders(t, tree(test.tree), target, test.want)
		})
	}
}

// TestAwaitsFlux holds that what `flux bootstrap` has yet to fill is a warning, and what it never fills is as any other.
func TestAwaitsFlux(t *testing.T) {
	const patched = "resources: [gotk-components.yaml, gotk-sync.yaml]\npatches: [{target: {kind: Deployment}, patch: '[{\"op\": \"remove\", \"path\": \"/spec/replicas\"}]'}]"
	for _, test := range []struct {
		name, tree string
		warns      bool
	}{
		{"placeholders", kustomization(patched) + "-- gotk-components.yaml --\n# made by flux\n-- gotk-sync.yaml --\n", true},
		{"another empty file", kustomization("resources: [gotk-sync.yaml, own.yaml]") + "-- gotk-sync.yaml --\n-- own.yaml --\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := New(tree(test.tree), strings.NewReader("")).Render(t.Context(), ".")
			if err != nil || result.Faults[len(result.Faults)-1].Warns != test.warns || test.warns && len(result.Faults) > 1 {
				t.Errorf("got %v, %v", result, err)
			}
		})
	}
}

// TestRendersNothing holds that what renders to nothing says so, and prints nothing, as Kustomize does.
func TestRendersNothing(t *testing.T) {
	const one = "-- one/kustomization.yaml --\nresources: [cm.yaml]\n-- one/cm.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	const deleter = "-- deleter/kustomization.yaml --\napiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
	for _, test := range []struct{ name, target, tree string }{
		{"empty file", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n"},
		{"only comments", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n# nothing\n---\n# here\n"},
		{"null", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\n# nothing\n---\nnull\n"},
		{"empty list", "", kustomization("resources: [bad.yaml]") + "-- bad.yaml --\napiVersion: v1\nkind: List\nitems: []\n"},
		{"empty overlay", "", kustomization("namePrefix: a-")},
		{"only local-config", "", kustomization("resources: [local.yaml]") + "-- local.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {config.kubernetes.io/local-config: \"true\"}}\n"},
		{"component as a target", "component", component + base},
		{"file without objects", "a.yaml", "-- a.yaml --\n# nothing\n"},
		{"directory of empty files", "a", "-- a/a.yaml --\n# nothing\n"},
		{"all deleted", "", kustomization("resources: [one]\npatches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, $patch: delete}'}]") + one},
		{"all deleted by a component", "", kustomization("resources: [one]\ncomponents: [deleter]") + one + deleter + "patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, $patch: delete}'}]\n"},
		{"an empty list of resources", "", kustomization("resources: []")},
		{"an empty list, and a base that is empty", "", kustomization("resources: [one]") + "-- one/kustomization.yaml --\nresources: []\n"},
		{"a base of nothing", "", kustomization("resources: [base]") + "-- base/kustomization.yaml --\nresources: []\nnamespace: a\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := tree(test.tree)
			result, err := New(files, strings.NewReader("")).Render(t.Context(), cmp.Or(test.target, "."))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Faults) == 0 {
				t.Fatal("no fault")
			}
			text, err := result.YAML()
			last := result.Faults[len(result.Faults)-1]
			if err != nil || len(text) > 0 || last.Check != rendersObjects || last.Source.File == "" {
				t.Errorf("got %q, %v, %v", text, err, last)
			}
			if last.Warns {
				t.Error("it is a warning")
			}
			if result.Root == nil {
				return
			}
			if theirs, err := Kustomize(NewFiles(NewStore(files)), cmp.Or(test.target, ".")); err != nil || theirs.Size() > 0 {
				t.Errorf("Kustomize renders %v, %v", theirs, err)
			}
		})
	}
}

// renders renders a target, which ends in an error that says what is wanted; with nothing wanted it succeeds.
func renders(t *testing.T, files fstest.MapFS, target, want string) {
	t.Helper()
	result, err := New(files, strings.NewReader("")).Render(t.Context(), target)
	switch {
	case want == "" && err != nil:
		t.Errorf("got error %v", err)
	case want == "":
	case err == nil:
		t.Errorf("rendered %d objects, want an error with %s", len(result.Objects), want)
	case !strings.Contains(err.Error(), want):
		t.Errorf("got  %.600s\nwant %s", err, want)
	case strings.Contains(err.Error(), "crashed"):
		t.Errorf("Kustomize crashed: %.600s", err)
	}
}

func kustomization(text string, dir ...string) string {
	return "\n-- " + strings.Join(dir, "") + "kustomization.yaml --\n" + text + "\n"
}

// TestMany holds that a file of thousands of objects is read whole.
func TestMany(t *testing.T) {
	const many = 4000
	documents := strings.Repeat("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", many)
	list := "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n", many)
	for name, text := range map[string]string{"documents": documents, "list": list} {
		result, err := New(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, strings.NewReader("")).Render(t.Context(), "a.yaml")
		if err != nil || len(result.Objects) != many {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if last := result.Objects[many-1]; last.Source.Line < many {
			t.Errorf("%s: the last object is placed in line %d", name, last.Source.Line)
		}
	}
}

// bomb is ten levels of ten references each.
var bomb = func() string {
	var b strings.Builder
	b.WriteString("-- bad.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}()
