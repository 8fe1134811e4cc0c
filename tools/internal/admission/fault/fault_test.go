package fault

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/yaml"
)

func TestPath(t *testing.T) {
	content := map[string]any{"spec": map[string]any{
		"a.b": map[string]any{"c": []any{int64(1), map[string]any{"d": int64(2)}}}, "a": map[string]any{"b": map[string]any{}},
		"x[y]": map[string]any{"k/l.m": int64(1)}, "0": "zero",
	}}
	for text, want := range map[string]string{
		"spec":                    "spec",
		".spec.a.b":               `spec["a.b"]`,
		"spec.a.b.c[1].d":         `spec["a.b"].c[1].d`,
		"spec.a.b.c[7].d":         `spec["a.b"].c[7].d`,
		"spec.a[b]":               `spec.a.b`,
		"spec.x[y].k/l.m":         `spec["x[y]"]["k/l.m"]`,
		"spec.x[y][k/l.m]":        `spec["x[y]"]["k/l.m"]`,
		"spec.missing.deeper":     "spec.missing.deeper",
		"spec.missing[key].z":     "spec.missing.key.z",
		"spec.missing[k.l/m]":     `spec.missing["k.l/m"]`,
		"spec.missing[k[l]].m[0]": `spec.missing["k[l]"].m[0]`,
		"spec[0]":                 `spec["0"]`,
		"":                        "",
		"<nil>":                   "",
		"[0].a":                   "[0].a",
		"spec.[":                  "spec[\"[\"]",
	} {
		if got := Path(content, text).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func FuzzPath(f *testing.F) {
	f.Add("spec.a.b[0].c")
	f.Add("[[]].")
	f.Add("..[")
	content := map[string]any{"": map[string]any{"a": []any{1}}, "a.": 1, "[0]": []any{map[string]any{}}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, step := range Path(content, text) {
			switch step.(type) {
			case int, string:
			default:
				t.Fatalf("step %v", step)
			}
		}
		_ = fmt.Sprint(Path([]any{content}, text))
	})
}

// The type of an object with the lists that server-side apply tells apart: by keys with a default, by value, by index.
const types = `types:
- name: object
  map:
    fields:
    - name: ports
      type:
        list:
          elementRelationship: associative
          keys: [port, protocol]
          elementType:
            map:
              fields:
              - {name: port, type: {scalar: numeric}}
              - {name: protocol, type: {scalar: string}, default: TCP}
              - {name: name, type: {scalar: string}}
    - name: finalizers
      type: {list: {elementRelationship: associative, elementType: {scalar: string}}}
    - name: args
      type: {list: {elementRelationship: atomic, elementType: {scalar: string}}}
    - name: labels
      type: {map: {elementType: {scalar: string}}}
`

func TestTyping(t *testing.T) {
	parser, err := typed.NewParser(types)
	if err != nil {
		t.Fatal(err)
	}
	for content, want := range map[string]string{
		`{ports: [{port: 1, protocol: UDP}, {port: 2, name: a}]}`:  "",
		`{ports: [{port: 1}, {port: 2, name: 7}]}`:                 "ports[1].name: expected string, got &value.valueUnstructured{Value:7}",
		`{ports: [{port: 1, protocol: UDP}, {port: 1, name: []}]}`: "ports[1].name",
		`{ports: [{port: 1}, {port: 1, protocol: TCP}]}`:           "ports: duplicate entries for key [port=1,protocol=\"TCP\"]",
		`{finalizers: [a, b, a]}`:                                  "finalizers: duplicate entries for key [=\"a\"]",
		`{args: [a, 2]}`:                                           "args[1]: expected string",
		`{labels: {"a.b/c[0]": 3}}`:                                `labels["a.b/c[0]"]: expected string`,
		`{replica: 1}`:                                             "replica: field not declared in schema",
	} {
		var value map[string]any
		if err := yaml.Unmarshal([]byte(content), &value); err != nil {
			t.Fatal(err)
		}
		of := parser.Type("object")
		faults, err := Typing(of, value)
		if err != nil || (len(faults) == 0) != (want == "") || len(faults) > 1 {
			t.Errorf("%s: got %v, %v, want %s", content, faults, err, want)
			continue
		}
		for _, f := range faults {
			if got := fmt.Sprintf("%s: %s", f.Path, f.Message); !strings.HasPrefix(got, want) {
				t.Errorf("%s: got %s, want %s", content, got, want)
			}
		}
	}
	// The library leaves a map at its first undeclared field, and goes through maps by chance.
	var all map[string]any
	if err := yaml.Unmarshal([]byte("{b: 1, a: 2, ports: [{port: 1, nam: a}], replica: 1, args: [2]}"), &all); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		faults, err := Typing(parser.Type("object"), all)
		var got []string
		for _, f := range faults {
			got = append(got, f.Path.String())
		}
		if want := "a b ports[0].nam replica args[0]"; err != nil || strings.Join(got, " ") != want {
			t.Fatalf("got %v, %v, want %s", got, err, want)
		}
	}
}

func TestWarning(t *testing.T) {
	content := map[string]any{"spec": map[string]any{
		"hard": map[string]any{"requests.cpu": "50", "limits.cpu": "20"}, "ports": []any{map[string]any{"port": int64(1)}}, "externalIPs": []any{},
	}}
	for said, want := range map[string]Fault{
		"spec.ports[0]: duplicate": {Path: Path(content, "spec.ports[0]"), Message: "duplicate"},
		"spec.externalIPs is old":  {Path: Path(content, "spec.externalIPs"), Message: "spec.externalIPs is old"},
		"ResourceQuota requests.cpu (50) should be less than limits.cpu (20)":       {Path: Path(content, "spec.hard[limits.cpu]"), With: Path(content, "spec.hard[requests.cpu]"), Message: "ResourceQuota requests.cpu (50) should be less than limits.cpu (20)"},
		"ResourceQuota requests.memory (5) should be less than limits.memory (2Gi)": {Message: "ResourceQuota requests.memory (5) should be less than limits.memory (2Gi)"},
		"a sentence: of no field": {Message: "a sentence: of no field"},
	} {
		got := Warning(content, said)
		if got.Message != want.Message || got.Path.String() != want.Path.String() || got.With.String() != want.With.String() {
			t.Errorf("%s: got %s %s %q, want %s %s %q", said, got.Path, got.With, got.Message, want.Path, want.With, want.Message)
		}
	}
}
