package manifest

import (
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestPosition marks fields of every style of YAML: columns count characters, not bytes.
func TestPosition(t *testing.T) {
	text := `# a comment
--- # the second document
plain: a value # with a comment
"quoted": "a \"b\" c" # x
'single': 'it''s'
ünïcode: "größe"
anchored: &anchor 5
alias: *anchor # x
tagged: !!str 5
block: | # text
  one
folded: >-
  one
several: one
  two # end
nothing:
flow: {a: [1, {b: "c, d"}], e: {}} # x
open: [one,
  two]
list:
  - name: first # x
    value: 1
  - {name: second, value: 2}
  - scalar
  - &item third
  - [a, b]
  - - nested
`
	documents, err := ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		path Path
		want string
	}{
		{nil, `plain: a value`},
		{Path{"plain"}, `plain: a value`},
		{Path{"quoted"}, `"quoted": "a \"b\" c"`},
		{Path{"single"}, `'single': 'it''s'`},
		{Path{"ünïcode"}, `ünïcode: "größe"`},
		{Path{"anchored"}, `anchored: &anchor 5`},
		{Path{"alias"}, `alias: *anchor`},
		{Path{"tagged"}, `tagged: !!str 5`},
		{Path{"block"}, `block: |`},
		{Path{"folded"}, `folded: >-`},
		{Path{"several"}, `several: one`},
		{Path{"nothing"}, `nothing`},
		{Path{"flow"}, `flow: {a: [1, {b: "c, d"}], e: {}}`},
		{Path{"flow", "a"}, `a: [1, {b: "c, d"}]`},
		{Path{"flow", "a", 0}, `1`},
		{Path{"flow", "a", 1}, `{b: "c, d"}`},
		{Path{"flow", "e"}, `e: {}`},
		{Path{"open"}, `open: [one`},
		{Path{"open", 0}, `one`},
		{Path{"open", 1}, `two`},
		{Path{"list"}, `list`},
		{Path{"list", 0}, `name: first`},
		{Path{"list", 0, "value"}, `value: 1`},
		{Path{"list", 1}, `{name: second, value: 2}`},
		{Path{"list", 1, "value"}, `value: 2`},
		{Path{"list", 2}, `scalar`},
		{Path{"list", 3}, `&item third`},
		{Path{"list", 4}, `[a, b]`},
		{Path{"list", 5}, `- nested`},
	} {
		at, exact := documents[0].Locate(test.path, nil)
		if got := cut(t, text, at); got != test.want || !exact {
			t.Errorf("%s marks %q of line %d, want %q", test.path, got, at.Line, test.want)
		}
	}
	if at, exact := documents[0].Locate(Path{"flow", "a", 1, "missing"}, nil); exact || cut(t, text, at) != `{b: "c, d"}` {
		t.Errorf("a missing field is placed at %+v", at)
	}
}

// cut is what a position marks of a text.
func cut(t *testing.T, text string, at Position) string {
	t.Helper()
	line := []rune(strings.Split(text, "\n")[at.Line-1])
	if at.Column < 1 || at.EndColumn <= at.Column || at.EndColumn > len(line)+1 {
		t.Fatalf("%+v is not in %q", at, string(line))
	}
	return string(line[at.Column-1 : at.EndColumn-1])
}

// TestParseInline marks fields of YAML that is written inside YAML.
func TestParseInline(t *testing.T) {
	text := `literal: |
    # a comment
    a: 1
    b:
      c: 2
indented: |2
    a: 1
kept: |-

  a: 1
folded: >-
  a: 1

  b: 2
single: 'a: 1'
double: "a: 1"
escaped: "a: \"x\""
again: &again |
  a: 1
alias: *again
`
	documents, err := ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	expanded := Expand(documents[0].Node)
	for _, test := range []struct {
		field string
		path  Path
		line  int
		want  string // "" where only the line is known
	}{
		{"literal", Path{"a"}, 3, "a: 1"},
		{"literal", Path{"b", "c"}, 5, "c: 2"},
		{"indented", Path{"a"}, 7, "a: 1"},
		{"kept", Path{"a"}, 10, "a: 1"},
		{"folded", Path{"a"}, 12, ""},
		{"single", Path{"a"}, 15, "a: 1"},
		{"double", Path{"a"}, 16, "a: 1"},
		{"escaped", Path{"a"}, 17, ""},
		{"alias", Path{"a"}, 19, "a: 1"},
	} {
		t.Run(test.field, func(t *testing.T) {
			inner, err := documents[0].ParseInline(Lookup(expanded, test.field))
			if err != nil || len(inner) != 1 {
				t.Fatalf("%d documents, %v", len(inner), err)
			}
			at, exact := inner[0].Locate(test.path, nil)
			if !exact || at.Line != test.line || at.File != "f.yaml" {
				t.Fatalf("%s is placed at %+v, want line %d", test.path, at, test.line)
			}
			if test.want == "" {
				if at.Column != 0 {
					t.Errorf("%+v claims a column", at)
				}
			} else if got := cut(t, text, at); got != test.want {
				t.Errorf("%s marks %q, want %q", test.path, got, test.want)
			}
		})
	}
}

// FuzzPosition marks every node of whatever text: inside its line, or not at all.
func FuzzPosition(f *testing.F) {
	for _, seed := range []string{
		"a: b\n", "a: &x [1, {b: *x}]\n", "- \"a\\\"b\"\n", "? [a, b]\n: c\n", "a:\r\n  - 'b''c'\r\n", "--- {a: |\n x\n}\n", "\ufeffa: b",
		"a: !!str\n  b\n", "ü: {ß: [ö,\n ä]}\n", "a: |+1\n  b\n", "{\"a\": [\"\\ud83d\\ude00\"]}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		documents, err := ParseDocuments("f.yaml", []byte(text))
		if err != nil {
			return
		}
		lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
		for i := range documents {
			d := &documents[i]
			check := func(key, value *yaml.Node) {
				at := d.Position(key, value)
				if at.Column == 0 {
					return
				}
				if at.Line < 1 || at.Line > len(lines) || at.EndColumn <= at.Column || at.EndColumn > len([]rune(lines[at.Line-1]))+1 {
					t.Errorf("%+v is not in the text", at)
				}
			}
			var walk func(*yaml.Node)
			walk = func(node *yaml.Node) {
				check(nil, node)
				for i, child := range node.Content {
					if node.Kind == yaml.MappingNode && i%2 == 1 {
						check(node.Content[i-1], child)
					}
					walk(child)
				}
				if node.Kind == yaml.ScalarNode {
					inner, err := d.ParseInline(node)
					for j := range inner {
						if at := inner[j].Position(nil, inner[j].Node); err == nil && at.Line < 1 {
							t.Errorf("%+v has no line", at)
						}
					}
				}
			}
			walk(d.Node)
		}
	})
}
