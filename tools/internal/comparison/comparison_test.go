package comparison

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func column(t testing.TB, name, text string) Column {
	t.Helper()
	documents, err := manifest.ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := Column{Name: name}
	for _, d := range documents {
		objects, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		c.Objects = append(c.Objects, objects...)
	}
	return c
}

// said is a difference as a line: "Replicas: spec.replicas of Deployment ns/app: 1 | - | 3".
func said(d Difference) string {
	var values, objects []string
	for _, v := range d.Values {
		if v.Set {
			values = append(values, v.Text)
		} else {
			values = append(values, "-")
		}
	}
	for _, o := range d.Objects {
		objects = append(objects, o.String())
	}
	s := fmt.Sprintf("%s: %s of %s: %s", d.Topic, d.Field, strings.Join(objects, ", "), strings.Join(values, " | "))
	if d.Same {
		s += " (same)"
	}
	return s
}

func TestOf(t *testing.T) {
	const head = "apiVersion: v1\nkind: Thing\nmetadata: {name: a, namespace: ns}\n"
	for _, test := range []struct {
		name      string
		dev, prod string
		want      []string
	}{
		{"nothing", head + "spec: {a: 1}", head + "spec: {a: 1}", nil},
		{"the most asked-for first", head + "spec: {z: 1, image: i:1, replicas: 1, weight: 5, sampling: 1.0, storage: {size: 1Gi}, environment: dev}",
			head + "spec: {z: 2, image: i:2, replicas: 2, weight: 6, sampling: 0.5, storage: {size: 2Gi}, environment: prod}", []string{
				"Versions: spec.image of Thing ns/a: i:1 | i:2",
				"Replicas: spec.replicas of Thing ns/a: 1 | 2",
				"Traffic: spec.weight of Thing ns/a: 5 | 6",
				"Sampling: spec.sampling of Thing ns/a: 1 | 0.5",
				"Resources and storage: spec.storage.size of Thing ns/a: 1Gi | 2Gi",
				"Settings: spec.z of Thing ns/a: 1 | 2",
				"The name of the environment: spec.environment of Thing ns/a: dev | prod",
			}},
		{"images that are the same are told", head + "spec: {c: [{name: x, image: i:1}], d: [{image: i:2}]}", head + "spec: {c: [{name: x, image: i:1}], d: [{image: i:3}]}", []string{
			"Versions: spec.d[0].image of Thing ns/a: i:2 | i:3",
			"Versions: spec.c[x].image of Thing ns/a: i:1 | i:1 (same)",
		}},
		{"what one has not", head + "spec: {a: {b: 1, c: [x]}}", head + "spec: {}", []string{"Settings: spec.a of Thing ns/a: {b: 1, c: [x]} | -"}},
		{"null is a value", head + "spec: {a: null}", head + "spec: {}", []string{"Settings: spec.a of Thing ns/a: null | -"}},
		{"items by name, in any order", head + "spec: {env: [{name: A, value: x}, {name: B, value: w}]}", head + "spec: {env: [{name: B, value: z}, {name: A, value: x}, {name: C}]}", []string{
			"Settings: spec.env[B].value of Thing ns/a: w | z",
			"Settings: spec.env[C] of Thing ns/a: - | {name: C}",
		}},
		{"items by number, where they have no name", head + "spec: {l: [{a: 1}, {a: 2}]}", head + "spec: {l: [{a: 1}, {a: 3}]}", []string{"Settings: spec.l[1].a of Thing ns/a: 2 | 3"}},
		{"names that repeat are none", head + "spec: {l: [{name: x, a: 1}, {name: x, a: 2}]}", head + "spec: {l: [{name: x, a: 1}, {name: x, a: 3}]}", []string{"Settings: spec.l[1].a of Thing ns/a: 2 | 3"}},
		{"lists of another length, and empty ones", head + "spec: {l: [a, b], m: []}", head + "spec: {l: [a], m: [{name: x}]}", []string{
			"Settings: spec.l of Thing ns/a: [a, b] | [a]",
			"Settings: spec.m[x] of Thing ns/a: - | {name: x}",
		}},
		{"another type", head + "spec: {a: 1, b: \"1\", c: {d: 1}}", head + "spec: {a: \"1\", b: 1, c: [1]}", []string{
			`Settings: spec.a of Thing ns/a: 1 | "1"`, `Settings: spec.b of Thing ns/a: "1" | 1`, "Settings: spec.c of Thing ns/a: {d: 1} | [1]",
		}},
		{"keys that are no words", head + "spec: {hard: {limits.cpu: 1}}", head + "spec: {hard: {limits.cpu: 2}}", []string{"Resources and storage: spec.hard[limits.cpu] of Thing ns/a: 1 | 2"}},
		{"several objects that say the same", head + "spec: {a: 1}\n---\n" + strings.Replace(head, "name: a", "name: b", 1) + "spec: {a: 1}", head + "spec: {a: 2}\n---\n" + strings.Replace(head, "name: a", "name: b", 1) + "spec: {a: 2}",
			[]string{"Settings: spec.a of Thing ns/a, Thing ns/b: 1 | 2"}},
		{"a generated name", `
{apiVersion: v1, kind: ConfigMap, metadata: {name: c-2456789bcd}, data: {a: "1"}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {volumes: [{name: v, configMap: {name: c-2456789bcd}}]}}
`, `
{apiVersion: v1, kind: ConfigMap, metadata: {name: c-bcdfghkmt2}, data: {a: "2"}}
---
{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {volumes: [{name: v, configMap: {name: c-bcdfghkmt2}}]}}
`, []string{"Settings: data.a of ConfigMap c-2456789bcd: 1 | 2"}},
		{"a file of settings", head + "data: {app.yaml: \"log:\\n  level: debug\\n  sampling: 1\\n\"}", head + "data: {app.yaml: \"log:\\n  level: info\\n  sampling: 1\\n\"}",
			[]string{"Settings: data[app.yaml].log.level of Thing ns/a: debug | info"}},
		{"a file of lines", head + "data: {f: \"same\\n[x\\nold\\n\"}", head + "data: {f: \"same\\n[x\\nnew\\n\"}", []string{"Settings: data.f of Thing ns/a: old | new"}},
		{"the same lines in another order", head + "data: {f: \"[a\\nb\\n\"}", head + "data: {f: \"b\\n[a\\n\"}", []string{"Settings: data.f of Thing ns/a: [a\nb\n | b\n[a\n"}},
		{"only comments differ", head + "data: {f: \"# a\\nx: 1\\n\"}", head + "data: {f: \"# b\\nx: 1\\n\"}", []string{"Settings: data.f of Thing ns/a: # a | # b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			differences, only := Of([]Column{column(t, "dev", test.dev), column(t, "prod", test.prod)})
			var got []string
			for _, d := range differences {
				got = append(got, said(d))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
			if only != nil {
				t.Errorf("not in all of them: %v", only)
			}
		})
	}
}

func TestOnly(t *testing.T) {
	_, only := Of([]Column{
		column(t, "dev", "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: ns}}"),
		column(t, "staging", "{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: ns}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}}"),
		column(t, "prod", "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns}}"),
	})
	pod := func(name string) manifest.ID {
		return manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: "ns", Name: name}
	}
	if want := []Only{{pod("a"), []bool{false, true, true}}, {pod("b"), []bool{true, true, false}}}; !reflect.DeepEqual(only, want) {
		t.Errorf("got %v, want %v", only, want)
	}
}

// Another version of a kind is another way to write the same object.
func TestVersionsOfAKind(t *testing.T) {
	differences, only := Of([]Column{
		column(t, "dev", "{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: a}}"),
		column(t, "prod", "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}}"),
	})
	if len(only) > 0 || len(differences) != 1 || said(differences[0]) != "Versions: apiVersion of HorizontalPodAutoscaler a: autoscaling/v1 | autoscaling/v2" {
		t.Errorf("got %v, %v", differences, only)
	}
}

func TestPathsLeadToTheValues(t *testing.T) {
	const text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [%s], rest: {f: \"x: %s\\ny: 1\\n\"}}}"
	dev := column(t, "dev", fmt.Sprintf(text, "{name: x, v: 1}, {name: w, v: 1}", "1"))
	prod := column(t, "prod", fmt.Sprintf(text, "{name: w, v: 2}, {name: x, v: 1}", "2"))
	differences, _ := Of([]Column{dev, prod})
	var got []string
	for _, d := range differences {
		for _, v := range d.Values {
			value, ok := v.Path.Lookup(v.Object.Value)
			got = append(got, fmt.Sprintf("%s=%q %v", v.Path, fmt.Sprint(value), ok))
		}
	}
	want := []string{
		`spec.containers[1].v="1" true`, `spec.containers[0].v="2" true`,
		`spec.rest.f="x: 1\ny: 1\n" true`, `spec.rest.f="x: 2\ny: 1\n" true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	const text = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {v: %s}}"
	differences, _ := Of([]Column{column(t, "dev", fmt.Sprintf(text, strings.Repeat("ä", longest))), column(t, "prod", fmt.Sprintf(text, strings.Repeat("ä", longest+1)))})
	if len(differences) != 1 || differences[0].Values[0].Text != strings.Repeat("ä", longest) || differences[0].Values[1].Text != strings.Repeat("ä", longest)+"… (401 characters)" {
		t.Errorf("got %v", differences)
	}
}

// Whatever two environments hold: what is equal does not differ, and what differs is said.
func FuzzOf(f *testing.F) {
	f.Add([]byte("a: 1"), []byte("a: [1, {name: x}]"))
	f.Add([]byte("a: \"x: 1\\ny: 2\\n\""), []byte("a: \"x: 1\\n\\n\""))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var columns []Column
		for i, text := range [][]byte{a, b} {
			documents, err := manifest.ParseDocuments("f.yaml", text)
			if err != nil || len(documents) != 1 {
				t.Skip()
			}
			objects, err := documents[0].Objects()
			if err != nil || len(objects) != 1 {
				t.Skip()
			}
			o := objects[0]
			o.ID = manifest.ID{APIVersion: "v1", Kind: "Pod", Name: "a"}
			columns = append(columns, Column{Name: fmt.Sprint(i), Objects: []*manifest.Object{o}})
		}
		differences, only := Of(columns)
		differ := slices.ContainsFunc(differences, func(d Difference) bool { return !d.Same })
		if equal := reflect.DeepEqual(columns[0].Objects[0].Value, columns[1].Objects[0].Value); equal == differ || only != nil {
			t.Errorf("equal is %v, and %v is said", equal, differences)
		}
	})
}
