package overlays

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

// TestCopies holds that overlays hold differences only. What several of them say stands once: in a component below base/
// that they take, or in the base.
func TestCopies(t *testing.T) {
	found, err := copies(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		t.Error(c)
	}
}

// piece is something that an overlay says.
type piece struct {
	overlay string
	file    string
	line    int
	of      string // what it is a piece of, in the words of a message
	what    string // which piece of that; "" where it is one by itself
	content string // equal where two say the same
	values  int
	parent  *piece // the larger piece that this is a part of
	copied  bool
}

// covered reports whether a larger piece that this is a part of has been found to be a copy.
func (p *piece) covered() bool {
	return p.parent != nil && (p.parent.copied || p.parent.covered())
}

// copies names what overlays have in common, the largest pieces first. Comments, order of keys and quotes are no
// difference. These are copies:
//   - a file, or a document of one
//   - an entry of a kustomization or of a list of replacements that holds two values or more, beside the name that it
//     goes by. An `images` entry is none: a version that runs in two environments is the version of either. Nor are
//     references: to a shared folder they are the way out, and files of the overlay are compared by themselves
//   - in patches and resources of one object, two values or more; one, where three overlays have it. One that two have
//     may be chance. An object that is local to the overlay is a list of what may happen to be alike, and is compared as
//     a whole
//
// A text counts as many values as it has lines.
func copies(tree fs.FS) ([]string, error) {
	dirs, err := fs.Glob(tree, "overlays/*")
	if err != nil {
		return nil, err
	}
	var c collection
	for _, dir := range dirs {
		if info, err := fs.Stat(tree, dir); err != nil || !info.IsDir() {
			continue
		}
		if err := c.overlay(tree, dir); err != nil {
			return nil, err
		}
	}
	if len(c.whole) == 0 {
		return nil, errors.New("no overlay below overlays/")
	}
	var found []string
	for _, level := range [][]*piece{c.whole, c.documents, c.entries} {
		for _, same := range alike(level) {
			found = append(found, fmt.Sprintf("%s: the same %s: %s", places(same), same[0].of, wayOut))
		}
	}
	// Values of one object are counted together where the same overlays have them in common.
	sums := map[string][][]*piece{}
	for _, same := range alike(c.values) {
		by := same[0].of
		for _, p := range same {
			by += "\n" + p.file
		}
		sums[by] = append(sums[by], same)
	}
	for _, by := range slices.Sorted(maps.Keys(sums)) {
		var what []string
		values := 0
		for _, same := range sums[by] {
			what = append(what, same[0].what)
			values += same[0].values
		}
		first := sums[by][0]
		if values < 2 && len(first) < 3 {
			continue
		}
		found = append(found, fmt.Sprintf("%s: the %s, the same in %s: %s", places(first), first[0].of, strings.Join(what, ", "), wayOut))
	}
	return found, nil
}

const wayOut = "write it once, in a component below base/ that these overlays take, or in the base"

// alike groups the pieces that two overlays or more have in common, and marks them.
func alike(pieces []*piece) [][]*piece {
	groups := map[string][]*piece{}
	var order []string
	for _, p := range pieces {
		key := p.of + "\n" + p.what + "\n" + p.content
		if groups[key] == nil {
			order = append(order, key)
		}
		if !slices.ContainsFunc(groups[key], func(o *piece) bool { return o.overlay == p.overlay }) {
			groups[key] = append(groups[key], p)
		}
	}
	var found [][]*piece
	for _, key := range order {
		same := groups[key]
		if len(same) < 2 || !slices.ContainsFunc(same, func(p *piece) bool { return !p.covered() }) {
			continue
		}
		for _, p := range same {
			p.copied = true
		}
		found = append(found, same)
	}
	return found
}

func places(pieces []*piece) string {
	var at []string
	for _, p := range pieces {
		at = append(at, fmt.Sprintf("%s:%d", p.file, p.line))
	}
	return strings.Join(at[:len(at)-1], ", ") + " and " + at[len(at)-1]
}

// collection is what the overlays say, by the size of the pieces.
type collection struct {
	whole, documents, entries, values []*piece
}

// use is the part that a file plays in a kustomization.
type use struct {
	patch  bool
	target string // of a patch; "" for the object that the patch names
}

// overlay takes in what one overlay says.
func (c *collection) overlay(tree fs.FS, overlay string) error {
	files := map[string][]*yaml.Node{}
	uses := map[string][]use{}
	err := fs.WalkDir(tree, overlay, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil || len(bytes.TrimSpace(data)) == 0 {
			return err
		}
		if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" && !isKustomization(name) {
			c.whole = append(c.whole, &piece{overlay: overlay, file: name, line: 1, of: "file", content: string(bytes.TrimSpace(data))})
			return nil
		}
		files[name], err = documents(name, data)
		return err
	})
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if isKustomization(name) {
			for _, root := range files[name] {
				if err := c.kustomization(tree, overlay, name, root, uses); err != nil {
					return err
				}
			}
		}
	}
	for _, name := range names {
		if isKustomization(name) || len(files[name]) == 0 {
			continue
		}
		whole := &piece{overlay: overlay, file: name, line: files[name][0].Line, of: "file"}
		for _, root := range files[name] {
			whole.content += canonical(root, nil) + "\n"
		}
		c.whole = append(c.whole, whole)
		for _, root := range files[name] {
			document := &piece{overlay: overlay, file: name, line: root.Line, of: "document", content: canonical(root, nil), parent: whole}
			c.documents = append(c.documents, document)
			for _, u := range append(uses[name], use{})[:max(1, len(uses[name]))] {
				c.document(document, root, u)
			}
		}
	}
	return nil
}

func isKustomization(name string) bool {
	return slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, path.Base(name))
}

func documents(name string, data []byte) ([]*yaml.Node, error) {
	var roots []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return roots, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if root := document.Content[0]; root.ShortTag() != "!!null" {
			roots = append(roots, root)
		}
	}
}

// kustomization takes in the entries of a kustomization, and notes which of its files are patches of what.
func (c *collection) kustomization(tree fs.FS, overlay, name string, root *yaml.Node, uses map[string][]use) error {
	dir := path.Dir(name)
	// A path is what it leads to: two overlays that name a file of their own alike have nothing in common by that.
	resolved := func(text string) string {
		_, file, cut := strings.Cut(text, "=")
		if !cut {
			file = text
		}
		if joined := path.Join(dir, file); fs.ValidPath(joined) && !strings.Contains(text, "\n") {
			if _, err := fs.Stat(tree, joined); err == nil {
				return strings.TrimSuffix(text, file) + joined
			}
		}
		return text
	}
	for _, field := range fields(root) {
		if slices.Contains([]string{"apiVersion", "kind", "images"}, field.key) {
			continue
		}
		items := []*yaml.Node{field.value}
		if field.value.Kind == yaml.SequenceNode {
			items = field.value.Content
		}
		for _, item := range items {
			values := count(item)
			for _, identity := range []string{"name", "path", "target"} {
				if node := lookup(item, identity); node != nil {
					values -= count(node)
				}
			}
			entry := &piece{overlay: overlay, file: name, line: item.Line, of: "entry of " + field.key, content: canonical(item, resolved)}
			if values >= 2 {
				c.entries = append(c.entries, entry)
			}
			if field.key != "patches" {
				continue
			}
			u := use{patch: true}
			for _, selector := range fields(lookup(item, "target")) {
				u.target = strings.TrimSpace(u.target + " " + selector.value.Value)
			}
			if file := lookup(item, "path"); file != nil {
				file := path.Join(dir, file.Value)
				uses[file] = append(uses[file], u)
			}
			if patch := lookup(item, "patch"); patch != nil {
				roots, err := documents(fmt.Sprintf("%s:%d: patch", name, patch.Line), []byte(patch.Value))
				if err != nil {
					return err
				}
				for _, root := range roots {
					c.document(entry, root, u)
				}
			}
		}
	}
	return nil
}

// document takes in what a document says: the entries of a list of replacements, the operations of a JSON patch, the
// values of an object. An inline patch has the line of its entry.
func (c *collection) document(whole *piece, root *yaml.Node, u use) {
	line := func(node *yaml.Node) int {
		if isKustomization(whole.file) {
			return whole.line
		}
		return node.Line
	}
	value := func(of, what string, node *yaml.Node) {
		c.values = append(c.values, &piece{overlay: whole.overlay, file: whole.file, line: line(node), of: of, what: what,
			content: canonical(node, nil), values: count(node), parent: whole})
	}
	role := "resource"
	if u.patch {
		role = "patch of"
	}
	switch {
	case root.Kind == yaml.SequenceNode && u.patch:
		for _, item := range root.Content {
			op, at, to := lookup(item, "op"), lookup(item, "path"), lookup(item, "value")
			if op == nil || at == nil {
				continue // Kustomize refuses it
			}
			if to == nil {
				to = op
			}
			value(role+" "+u.target, op.Value+" "+at.Value, to)
		}
	case root.Kind == yaml.SequenceNode:
		for _, item := range root.Content {
			if count(item) >= 2 {
				c.entries = append(c.entries, &piece{overlay: whole.overlay, file: whole.file, line: line(item), of: "entry",
					content: canonical(item, nil), parent: whole})
			}
		}
	case lookup(root, "metadata", "annotations", "config.kubernetes.io/local-config") != nil:
	default:
		identity := u.target
		if identity == "" {
			for _, at := range [][]string{{"apiVersion"}, {"kind"}, {"metadata", "namespace"}, {"metadata", "name"}} {
				if node := lookup(root, at...); node != nil {
					identity += " " + node.Value
				}
			}
			identity = strings.TrimSpace(identity)
		}
		leaves(root, "", func(at string, node *yaml.Node) {
			if !slices.Contains([]string{"kind", "apiVersion", "metadata.namespace", "metadata.name"}, at) {
				value(role+" "+identity, at, node)
			}
		})
	}
}

// leaves calls a function with every value and its path. An item of a list goes by its name; one that has none is one
// value.
func leaves(node *yaml.Node, at string, leaf func(at string, node *yaml.Node)) {
	switch node = followed(node); {
	case node.Kind == yaml.MappingNode && len(node.Content) > 0:
		for _, field := range fields(node) {
			leaves(field.value, strings.TrimPrefix(at+"."+field.key, "."), leaf)
		}
	case node.Kind == yaml.SequenceNode && len(node.Content) > 0:
		for _, item := range node.Content {
			name := lookup(item, "name")
			if name == nil || len(fields(item)) < 2 {
				leaf(at+"[]", item)
				continue
			}
			for _, field := range fields(item) {
				if field.key != "name" {
					leaves(field.value, at+"["+name.Value+"]."+field.key, leaf)
				}
			}
		}
	default:
		leaf(at, node)
	}
}

// count says how many values a node holds; a text holds as many as it has lines.
func count(node *yaml.Node) int {
	sum := 0
	switch node = followed(node); node.Kind {
	case yaml.MappingNode:
		for _, field := range fields(node) {
			sum += count(field.value)
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			sum += count(item)
		}
	default:
		return max(1, len(strings.Split(strings.TrimSpace(node.Value), "\n")))
	}
	return max(1, sum)
}

// canonical writes a node so that what means the same is the same. A function may have the last word on texts.
func canonical(node *yaml.Node, resolved func(string) string) string {
	switch node = followed(node); node.Kind {
	case yaml.MappingNode:
		var parts []string
		for _, field := range fields(node) {
			parts = append(parts, fmt.Sprintf("%q: %s", field.key, canonical(field.value, resolved)))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		var parts []string
		for _, item := range node.Content {
			parts = append(parts, canonical(item, resolved))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	text := node.Value
	if resolved != nil {
		text = resolved(text)
	}
	return fmt.Sprintf("%s %q", node.ShortTag(), text)
}

type field struct {
	key   string
	value *yaml.Node
}

// fields lists what a mapping holds, with what its merge keys bring.
func fields(node *yaml.Node) []field {
	var own, merged []field
	if node = followed(node); node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.ShortTag() != "!!merge" {
			own = append(own, field{key.Value, value})
			continue
		}
		from := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			from = value.Content
		}
		for _, m := range from {
			merged = append(merged, fields(m)...)
		}
	}
	for _, m := range merged {
		if !slices.ContainsFunc(own, func(f field) bool { return f.key == m.key }) {
			own = append(own, m)
		}
	}
	return own
}

func lookup(node *yaml.Node, at ...string) *yaml.Node {
	for _, key := range at {
		all := fields(node)
		i := slices.IndexFunc(all, func(f field) bool { return f.key == key })
		if i < 0 {
			return nil
		}
		node = all[i].value
	}
	return followed(node)
}

func followed(node *yaml.Node) *yaml.Node {
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

const clean = `
-- overlays/dev/kustomization.yaml --
namespace: app
resources: [../../base, quota.yaml]
components: [../../base/canary]
images:
- {name: app, newName: example.com/app, newTag: 1.0.0}
patches:
- path: size.yaml
  target: {kind: Deployment, name: app}
-- overlays/dev/quota.yaml --
{apiVersion: v1, kind: ResourceQuota, metadata: {name: app}, spec: {hard: {cpu: "1", memory: 1Gi}}}
-- overlays/dev/size.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {replicas: 1, minReadySeconds: 5}
-- overlays/dev/environment.yaml --
{kind: Environment, metadata: {name: app, annotations: {config.kubernetes.io/local-config: "true"}}, spec: {name: dev, min: 1, max: 2}}
-- overlays/prod/kustomization.yaml --
namespace: app
resources: [../../base, quota.yaml]
components: [../../base/canary]
images:
- {name: app, newName: example.com/app, newTag: 1.0.0}
patches:
- path: size.yaml
  target: {kind: Deployment, name: app}
-- overlays/prod/quota.yaml --
{apiVersion: v1, kind: ResourceQuota, metadata: {name: app}, spec: {hard: {cpu: "2", memory: 1Gi}}}
-- overlays/prod/size.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {replicas: 3, minReadySeconds: 5}
-- overlays/prod/environment.yaml --
{kind: Environment, metadata: {name: app, annotations: {config.kubernetes.io/local-config: "true"}}, spec: {name: prod, min: 1, max: 2}}
`

// TestCopiesFound copies something into an overlay that has nothing in common with the other.
func TestCopiesFound(t *testing.T) {
	for _, test := range []struct{ name, files, want string }{
		{"nothing", "", ""},
		{"a file by another name, in other words", `
-- overlays/prod/copy.yaml --
# Another comment.
kind: Deployment
apiVersion: "apps/v1"
metadata:
  name: app
spec:
  minReadySeconds: 5
  replicas: 1
`, "overlays/dev/size.yaml:1 and overlays/prod/copy.yaml:2: the same file"},
		{"a file that is no YAML", `
-- overlays/dev/app.properties --
a=b
-- overlays/prod/app.properties --
a=b
`, "overlays/dev/app.properties:1 and overlays/prod/app.properties:1: the same file"},
		{"a text that is no number", `
-- overlays/dev/extra.yaml --
{kind: A, spec: {a: 1}}
-- overlays/prod/extra.yaml --
{kind: A, spec: {a: "1"}}
`, ""},
		{"a document", `
-- overlays/dev/extra.yaml --
kind: A
---
kind: B
-- overlays/prod/extra.yaml --
kind: B
---
kind: C
`, "overlays/dev/extra.yaml:3 and overlays/prod/extra.yaml:1: the same document"},
		{"values of a patch", `
-- overlays/dev/size.yaml --
spec: {replicas: 1, minReadySeconds: 5, template: {spec: {containers: [{name: app, image: a, env: [{name: A, value: a}]}]}}}
-- overlays/prod/size.yaml --
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: b
        image: b
      - image: a
        name: app
        env:
        - name: A
          value: a
`, "overlays/dev/size.yaml:1 and overlays/prod/size.yaml:8: the patch of Deployment app, the same in spec.template.spec.containers[app].image, spec.template.spec.containers[app].env[A].value"},
		{"values of another object", `
-- overlays/prod/size.yaml --
{apiVersion: apps/v1, kind: Deployment, metadata: {name: app}, spec: {replicas: 1, minReadySeconds: 5, paused: true}}
-- overlays/prod/kustomization.yaml --
patches:
- path: size.yaml
  target: {kind: Deployment, name: other}
`, ""},
		{"one text of many lines", `
-- overlays/dev/extra.yaml --
{kind: ConfigMap, metadata: {name: a}, data: {a: "a\nb", b: b}}
-- overlays/prod/extra.yaml --
{kind: ConfigMap, metadata: {name: a}, data: {a: "a\nb", b: c}}
`, "overlays/dev/extra.yaml:1 and overlays/prod/extra.yaml:1: the resource ConfigMap a, the same in data.a"},
		{"one value in three overlays", `
-- overlays/staging/quota.yaml --
{apiVersion: v1, kind: ResourceQuota, metadata: {name: app}, spec: {hard: {cpu: "3", memory: 1Gi}}}
`, "overlays/dev/quota.yaml:1, overlays/prod/quota.yaml:1 and overlays/staging/quota.yaml:1: the resource v1 ResourceQuota app, the same in spec.hard.memory"},
		{"values behind an alias and a merge key", `
-- overlays/prod/quota.yaml --
x: &x {memory: 1Gi}
apiVersion: v1
kind: ResourceQuota
metadata: {name: app}
spec: {hard: {<<: *x, cpu: "1"}}
`, "overlays/dev/quota.yaml:1 and overlays/prod/quota.yaml:5: the resource v1 ResourceQuota app, the same in spec.hard.cpu, spec.hard.memory"},
		{"operations of JSON patches", `
-- overlays/dev/size.yaml --
- {op: remove, path: /spec/a}
- {op: add, path: /spec/b, value: {c: 1, d: 2}}
- {op: add, path: /spec/e, value: 1}
-- overlays/prod/size.yaml --
- {op: remove, path: /spec/a}
- {op: add, path: /spec/b, value: {d: 2, c: 1}}
- {op: add, path: /spec/e, value: 2}
`, "overlays/dev/size.yaml:1 and overlays/prod/size.yaml:1: the patch of Deployment app, the same in remove /spec/a, add /spec/b"},
		{"an inline patch", `
-- overlays/dev/kustomization.yaml --
patches:
- patch: |-
    - op: add
      path: /spec/b
      value: 1
  target: {kind: Deployment}
-- overlays/prod/kustomization.yaml --
patches:
- target: {kind: Deployment}
  patch: |-
    - op: add
      path: /spec/b
      value: 1
`, "overlays/dev/kustomization.yaml:2 and overlays/prod/kustomization.yaml:2: the same entry of patches"},
		{"values of inline patches", `
-- overlays/dev/kustomization.yaml --
patches:
- patch: '{kind: Job, metadata: {name: a}, spec: {a: 1, b: 2, c: 3}}'
-- overlays/prod/kustomization.yaml --
patches:
- patch: '{kind: Job, metadata: {name: a}, spec: {a: 1, b: 2, c: 4}}'
`, "overlays/dev/kustomization.yaml:2 and overlays/prod/kustomization.yaml:2: the patch of Job a, the same in spec.a, spec.b"},
		{"a replacement", `
-- overlays/dev/version.yaml --
- {source: {kind: A, fieldPath: a}, targets: [{select: {kind: B}, fieldPaths: [b]}]}
-- overlays/prod/version.yaml --
- {source: {kind: A, fieldPath: b}, targets: [{select: {kind: B}, fieldPaths: [b]}]}
- {source: {kind: A, fieldPath: a}, targets: [{select: {kind: B}, fieldPaths: [b]}]}
`, "overlays/dev/version.yaml:1 and overlays/prod/version.yaml:2: the same entry"},
		{"an entry of a generator", `
-- overlays/dev/kustomization.yaml --
configMapGenerator:
- {name: app, literals: [a=b, c=d]}
- {name: one, literals: [a=b]}
- {name: own, files: [app.properties, it=app.properties]}
-- overlays/dev/app.properties --
dev
-- overlays/prod/kustomization.yaml --
configMapGenerator:
- {name: one, literals: [a=b]}
- {name: own, files: [app.properties, it=app.properties]}
- {name: app, literals: [a=b, c=d]}
-- overlays/prod/app.properties --
prod
`, "overlays/dev/kustomization.yaml:2 and overlays/prod/kustomization.yaml:4: the same entry of configMapGenerator"},
		{"a list that is local to the overlay", `
-- overlays/prod/environment.yaml --
{kind: Environment, metadata: {name: app, annotations: {config.kubernetes.io/local-config: "true"}}, spec: {name: dev, min: 1, max: 2}}
`, "overlays/dev/environment.yaml:1 and overlays/prod/environment.yaml:1: the same file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for _, text := range []string{clean, test.files} {
				for _, file := range txtar.Parse([]byte(text)).Files {
					tree[file.Name] = &fstest.MapFile{Data: file.Data}
				}
			}
			found, err := copies(tree)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if test.want != "" {
				want = []string{test.want + ": " + wayOut}
			}
			if !slices.Equal(found, want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(found, "\n\t"), strings.Join(want, "\n\t"))
			}
		})
	}
	for _, broken := range []string{"", "-- overlays/dev/a.yaml --\n{", "-- overlays/dev/kustomization.yaml --\npatches: [{patch: '{'}]"} {
		tree := fstest.MapFS{}
		for _, file := range txtar.Parse([]byte(broken)).Files {
			tree[file.Name] = &fstest.MapFile{Data: file.Data}
		}
		if found, err := copies(tree); err == nil {
			t.Errorf("%q: got %q and no error", broken, found)
		}
	}
}
