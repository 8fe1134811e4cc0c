package manifest

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	for _, test := range []struct {
		text string
		path Path
	}{
		{"", nil},
		{"spec", Path{"spec"}},
		{"spec.template", Path{"spec", "template"}},
		{"spec.containers[0].image", Path{"spec", "containers", 0, "image"}},
		{"[1][2]", Path{1, 2}},
		{`metadata.annotations["prometheus.io/port"]`, Path{"metadata", "annotations", "prometheus.io/port"}},
		{`["a b"].c`, Path{"a b", "c"}},
		{`data["quote\"d"]`, Path{"data", `quote"d`}},
		{`data[""]`, Path{"data", ""}},
		{`data["0"]`, Path{"data", "0"}},
		{"data.under_score-dash", Path{"data", "under_score-dash"}},
	} {
		if got := test.path.String(); got != test.text {
			t.Errorf("%#v is written %q, want %q", test.path, got, test.text)
		}
		got, err := ParsePath(test.text)
		if err != nil || !reflect.DeepEqual(got, test.path) {
			t.Errorf("%q is read as %#v, %v; want %#v", test.text, got, err, test.path)
		}
	}
	for _, text := range []string{".", "a.", "a..b", ".a", "a.[0]", "a[", "a[x]", "a[-1]", "a[0", `a["b`, `a["b"`, `a["b"x`, "a b", "a]", "a[0]b", `a["\q"]`, "0", "a[99999999999999999999]"} {
		if path, err := ParsePath(text); err == nil {
			t.Errorf("%q is read as %#v, want an error", text, path)
		}
	}
}

func TestPathLookup(t *testing.T) {
	value := map[string]any{"a": []any{map[string]any{"b": nil}, "x"}}
	for _, test := range []struct {
		path  Path
		want  any
		found bool
	}{
		{nil, value, true},
		{Path{"a", 1}, "x", true},
		{Path{"a", 0, "b"}, nil, true},
		{Path{"a", 0, "c"}, nil, false},
		{Path{"a", 2}, nil, false},
		{Path{"a", -1}, nil, false},
		{Path{"a", "0"}, nil, false},
		{Path{"a", 1, "x"}, nil, false},
		{Path{0}, nil, false},
	} {
		got, found := test.path.Lookup(value)
		if found != test.found || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, %t; want %v, %t", test.path, got, found, test.want, test.found)
		}
	}
	for _, test := range []struct {
		path, prefix Path
		want         bool
	}{
		{Path{"a", 0}, nil, true}, {Path{"a", 0}, Path{"a"}, true}, {Path{"a", 0}, Path{"a", 0}, true},
		{Path{"a", 0}, Path{"a", "0"}, false}, {Path{"a"}, Path{"a", 0}, false}, {Path{"ab"}, Path{"a"}, false},
	} {
		if got := test.path.HasPrefix(test.prefix); got != test.want {
			t.Errorf("%s has prefix %s: %t", test.path, test.prefix, got)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, text := range []string{"", "a.b[0]", `a["b.c"][1].d`, `["\u00e4"]`, "a[00]", `["a"]["b"]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := ParsePath(text)
		if err != nil {
			return
		}
		again, err := ParsePath(path.String())
		if err != nil || !reflect.DeepEqual(again, path) {
			t.Errorf("%q is %#v, written %q, read again as %#v, %v", text, path, path.String(), again, err)
		}
	})
}

func TestFollow(t *testing.T) {
	value := map[string]any{"a/b": []any{map[string]any{"~0": "x", "1": "y"}}, "n": nil}
	for pointer, want := range map[string]string{
		"":               "",
		"/a~1b/0/~00":    `["a/b"][0]["~0"] x`,
		"/a~1b/0/1":      `["a/b"][0]["1"] y`,
		"/a~1b/1/x":      `["a/b"]["1"].x`, // beyond the list
		"/a~1b/-1":       `["a/b"]["-1"]`,
		"/a~1b/0/1/deep": `["a/b"][0]["1"].deep`,
		"/n/x":           "n.x",
		"#/n":            "n", // what is before the first slash is of no account
	} {
		path, found := Follow(value, Pointer(pointer)[1:])
		got := path.String()
		if text, ok := found.(string); ok {
			got += " " + text
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", pointer, got, want)
		}
	}
}

func TestParseDocuments(t *testing.T) {
	type document struct {
		line int
		kind string
	}
	for _, test := range []struct {
		name, text string
		want       []document
		err        string
	}{
		{"one", "kind: A\n", []document{{1, "A"}}, ""},
		{"none", "", nil, ""},
		{"comments", "# a\n---\n# b\n---\n", nil, ""},
		{"separators", "---\nkind: A\n---\n\n# c\nkind: B\n--- # note\nkind: C", []document{{2, "A"}, {6, "B"}, {8, "C"}}, ""},
		{"content beside the separator", "--- {kind: A}\n---\tkind\n", []document{{1, "A"}, {2, ""}}, ""},
		{"dashes in a text", "kind: |\n  ---\n  a\n", []document{{1, "---\na\n"}}, ""},
		{"byte order mark", "\ufeffkind: A\n", []document{{1, "A"}}, ""},
		{"CRLF", "kind: A\r\n---\r\nkind: B\r\n", []document{{1, "A"}, {3, "B"}}, ""},
		{"JSON", "{\n\"kind\": \"A\"}", []document{{1, "A"}}, ""},
		{"end marker", "kind: A\n...\n---\nkind: B\n", []document{{1, "A"}, {4, "B"}}, ""},
		{"end marker and more", "kind: A\n...\nkind: B\n", nil, "f.yaml:3: a second document begins without a `---` line"},
		{"aliases", "kind: &a A\nb: *a\n", []document{{1, "A"}}, ""},
		{"unknown alias", "x: 1\nkind: *a\n", nil, "f.yaml:"},
		{"duplicate", "---\nkind: A\n---\nkind: A\nb:\n- c: 1\n  d: 2\n  c: 3\n", nil, `f.yaml:8: key "c" repeats the one of line 6`},
		{"duplicate of another type", "1: a\n\"1\": b\n", nil, `f.yaml:2: key "1" repeats the one of line 1`},
		{"two merge keys are none", "a: &a {x: 1}\nb: {<<: *a, x: 2}\n", []document{{1, ""}}, ""},
		{"syntax in the second document", "kind: A\n---\nkind: [B\n", nil, "f.yaml:"},
		{"tab", "a:\n\tb: 1\n", nil, "f.yaml:2: invalid YAML: a tab stands where only spaces may"},
		{"tab behind spaces", "a:\n  b: 1\n \tc: 2\n", nil, "f.yaml:3: invalid YAML: a tab stands where only spaces may"},
		{"no tab", "a: b\nc: @d\n", nil, "f.yaml:2: invalid YAML: found character that cannot start any token"},
		{"NUL", "a: \x00\n", nil, "f.yaml:1: invalid YAML: control characters are not allowed"},
		{"NUL, later", "a: 1\nb: \x00\n", nil, "f.yaml:2: invalid YAML: control characters are not allowed"},
		{"not UTF-8", "a: 1\nb: \xe4\n", nil, "f.yaml:2: byte 0xe4 is not UTF-8: save the file as UTF-8"},
		{"UTF-16", "\xfe\xff\x00a", nil, "f.yaml:1: the text is UTF-16: save the file as UTF-8"},
		{"big", strings.Repeat("# 4567890123456\n", 1<<16*11/1), nil, "f.yaml: the file has 11 MB; the limit is 10 MB: split it"},
		{"no JSON number", "a: 1\nb: [.5, -.Inf]\n", nil, "f.yaml:2: -.Inf is a number that JSON does not have"},
		{"a text like it", "a: \".nan\"\nkind: .info\n", []document{{1, ".info"}}, ""},
		{"alias of the document before", "a: &x 1\n---\nb: 2\nc: *x\n", nil, `f.yaml:4: the alias "x" has no anchor in this document: an anchor ends with its document, and that of line 1 is in one before`},
		{"alias of the last of several", "a: &x 1\n---\na: &x 1\nb: &x 2\n---\n---\n- *x\n", nil, `f.yaml:7: the alias "x" has no anchor in this document: an anchor ends with its document, and that of line 4 is in one before`},
		{"alias before its anchor", "# *x\na: '*x'\nb: {c: *x, d: *x}\ne: &x 1\nf: *x\n", nil, `f.yaml:3: the alias "x" stands before its anchor, which is defined in line 4`},
		{"alias without an anchor", "a: &xy 1\n---\nb: *xy-z\n", nil, `f.yaml:3: the alias "xy-z" has no anchor: nothing before it in the document is marked &xy-z`},
		{"alias in a merge", "a: &x {b: 1}\n---\n<<: *x\n", nil, `f.yaml:3: the alias "x" has no anchor in this document: an anchor ends with its document, and that of line 1 is in one before`},
		{"alias as a key", "a: &x b\n---\n\n*x : 1\n", nil, `f.yaml:4: the alias "x" has no anchor in this document: an anchor ends with its document, and that of line 1 is in one before`},
		{"holds itself", "a: &x [*x]\n", nil, `f.yaml:1: the anchor "x" holds itself`},
		{"holds itself as a key", "a: &x\n  ? *x\n  : 1\n", nil, `f.yaml:2: the anchor "x" holds itself`},
	} {
		t.Run(test.name, func(t *testing.T) {
			documents, err := ParseDocuments("f.yaml", []byte(test.text))
			if test.err != "" {
				var syntax *SyntaxError
				if !errors.As(err, &syntax) || !strings.HasPrefix(err.Error(), test.err) {
					t.Fatalf("got %v, want a SyntaxError with %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []document
			for _, d := range documents {
				got = append(got, document{d.Line, Text(d.Node, "kind")})
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	text := `apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: a, namespace: ns}
    spec: {replicas: 3, big: 9007199254740993, share: 0.5}
  # the second
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
`
	documents, err := ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := documents[0].Objects()
	if err != nil || len(objects) != 2 {
		t.Fatalf("got %d objects, %v", len(objects), err)
	}
	a, b := objects[0], objects[1]
	if a.ID != (ID{"apps/v1", "Deployment", "ns", "a"}) || a.Group() != "apps" || a.String() != "Deployment ns/a" {
		t.Errorf("got %#v, group %q, %q", a.ID, a.Group(), a)
	}
	if b.ID != (ID{"v1", "ConfigMap", "", "b"}) || b.Group() != "" || b.String() != "ConfigMap b" {
		t.Errorf("got %#v, group %q, %q", b.ID, b.Group(), b)
	}
	if a.Source != (Position{File: "f.yaml", Line: 4}) || b.Source != (Position{File: "f.yaml", Line: 9}) {
		t.Errorf("sources %s and %s", a.Source, b.Source)
	}
	want := map[string]any{"replicas": int64(3), "big": int64(9007199254740993), "share": 0.5}
	if !reflect.DeepEqual(a.Value["spec"], want) {
		t.Errorf("spec is %#v, want %#v", a.Value["spec"], want)
	}
	again, err := Decode(a.JSON)
	if err != nil || !reflect.DeepEqual(again.Value, a.Value) {
		t.Errorf("decoded again: %v, %v", again, err)
	}
}

func FuzzParseDocuments(f *testing.F) {
	for _, text := range []string{
		"kind: A\n---\nkind: B\n", "a: &a [*a]\n", "a: &a {b: c}\nd: {<<: *a}\n", "--- |\n a\n...\n", "? [a]\n: b\n",
		"%YAML 1.1\n---\na: b\n", "{\"kind\": \"List\", \"items\": [{}, 1]}", "a: !!binary x\n", "\ufeff", "- - -\n", "a: .nan\n", "1: 2\n", "kind: List\nitems: &a\n- *b\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		documents, err := ParseDocuments("f.yaml", data)
		lines := 1 // YAML also ends lines with these
		for _, r := range string(data) {
			if strings.ContainsRune("\n\r\u0085\u2028\u2029", r) {
				lines++
			}
		}
		inside := func(err error) {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%v is no SyntaxError", err)
			}
			if syntax.File != "f.yaml" || syntax.Line < 0 || syntax.Line > lines {
				t.Fatalf("%v is not in a file of %d lines", err, lines)
			}
		}
		if err != nil {
			inside(err)
			return
		}
		for _, d := range documents {
			if d.Line < 1 || d.Line > lines {
				t.Fatalf("a document in line %d of %d", d.Line, lines)
			}
			Expand(d.Node)
			objects, err := d.Objects()
			if err != nil {
				inside(err)
				continue
			}
			for _, o := range objects {
				if _, err := Decode(o.JSON); err != nil {
					t.Errorf("its JSON does not decode: %v", err)
				}
				if at, _ := d.Locate(Path{"metadata", "name"}, o.Value); at.Line < 1 || at.Line > lines || at.EndColumn < at.Column {
					t.Errorf("metadata.name is at %+v of %d lines", at, lines)
				}
			}
		}
	})
}

func TestLocate(t *testing.T) {
	text := `apiVersion: v1
kind: Pod
shared: &shared
  image: x
spec:
  containers:
    - name: a
      image: b
    - name: c
      <<: *shared
      ports:
        - containerPort: 80
        - containerPort: 81
  args: [one,
    two]
  list:
    - a: 1
    - a: 2
`
	documents, err := ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	// The rendered object has its lists in another order, and more in them.
	value := map[string]any{"spec": map[string]any{
		"containers": []any{
			map[string]any{"name": "c", "ports": []any{map[string]any{"containerPort": int64(81)}}},
			map[string]any{"name": "new"},
			map[string]any{"name": "a"},
		},
		"args": []any{"two", "one"},
	}}
	for _, test := range []struct {
		path  Path
		value any
		line  int
		exact bool
	}{
		{nil, nil, 1, true},
		{Path{"kind"}, nil, 2, true},
		{Path{"spec", "containers", 1, "image"}, nil, 4, true}, // through the merge key
		{Path{"spec", "containers", 0, "image"}, nil, 8, true},
		{Path{"spec", "containers", 0, "name"}, value, 9, true},
		{Path{"spec", "containers", 2, "image"}, value, 8, true},
		{Path{"spec", "containers", 1}, value, 6, false}, // not here
		{Path{"spec", "containers", 0, "ports", 0}, value, 13, true},
		{Path{"spec", "containers", 0, "securityContext", "x"}, value, 9, false},
		{Path{"spec", "args", 0}, value, 15, true},
		{Path{"spec", "list", 1, "a"}, nil, 18, true},
		{Path{"spec", "list", 7}, nil, 16, false},
		{Path{"kind", "x"}, nil, 2, false},
		{Path{"metadata", "name"}, nil, 1, false},
		{Path{"spec", "containers", "a"}, nil, 6, false},
	} {
		at, exact := documents[0].Locate(test.path, test.value)
		if at.Line != test.line || exact != test.exact {
			t.Errorf("%s: line %d, %t; want %d, %t", test.path, at.Line, exact, test.line, test.exact)
		}
	}
}

// What is applied in place of an object is not hidden in it.
func TestListsOfAnotherKind(t *testing.T) {
	for text, line := range map[string]int{
		"apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: a}\nitems: [{apiVersion: v1, kind: Secret}]\n": 4,
		"apiVersion: v1\nkind: ConfigMap\nitems: []\n":                                                   3,
		"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: List, items: [{kind: Secret}]}\n":  4,
		"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n": 0,
		"apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: a}\nspec: {items: [a]}\nitems: {a: b}\n":       0,
	} {
		documents, err := ParseDocuments("a.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = documents[0].Objects()
		refused := (*SyntaxError)(nil)
		if line == 0 && err != nil || line > 0 && (!errors.As(err, &refused) || refused.Line != line || !strings.Contains(refused.Message, "has a list of items")) {
			t.Errorf("%s: got %v, want an error in line %d", text, err, line)
		}
	}
	if _, err := Decode([]byte(`{"apiVersion":"x.io/v1","kind":"FooList","items":[]}`)); !errors.As(err, new(*ListError)) {
		t.Errorf("got %v", err)
	}
}
