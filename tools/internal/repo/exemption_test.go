package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestCheckExemptions(t *testing.T) {
	at := func(line int) manifest.Position { return manifest.Position{File: ConfigFile, Line: line} }
	err := CheckExemptions([]check.Exemption{{Check: "a/b", Source: at(3)}, {Check: "a/c", Source: at(9)}, {Check: "a/d", Source: at(12)}},
		[]*check.Check{{Name: "a/b", Central: true}, {Name: "a/d", Locked: true}})
	want := "kgate.yaml:9: no check is called \"a/c\": `kgate checks` lists them; did you mean `a/b`?\n" +
		"kgate.yaml:12: a/d is locked: no exemption lets its findings pass; `kgate explain a/d` says how to satisfy it"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// carried reads a manifest as a run does, in two targets.
func carried(t *testing.T, text string, readable bool) ([]string, []string) {
	t.Helper()
	documents, err := manifest.ParseDocuments("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[manifest.Position]manifest.Document{}
	var objects []*manifest.Object
	for _, d := range documents {
		found, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, found...)
		nodes[found[0].Source] = d
	}
	locate := func(object *manifest.Object, path manifest.Path) manifest.Origin {
		document := nodes[object.Source]
		at, _ := document.Locate(path, nil)
		return manifest.Origin{Position: at}
	}
	var annotations []Annotation
	for _, path := range []string{"x", "y"} {
		annotations = append(annotations, Annotations(&check.Target{Path: path, Objects: objects, Locate: locate})...)
	}
	checks := []*check.Check{{Name: "a/b"}, {Name: "a/c"}, {Name: "a/locked", Locked: true}, {Name: "a/central", Central: true}}
	exemptions, failures := Carried(annotations, checks, func(string) ([]byte, error) {
		if !readable {
			return nil, fs.ErrNotExist
		}
		return []byte(text), nil
	})
	var got, failed []string
	for _, e := range exemptions {
		var holders []string
		for _, h := range e.Holders {
			holders = append(holders, h.Target+" "+h.Object.Name)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s: %s", e.Source, e.Check, e.Path, e.Expires.Format("2006-01-02"), strings.Join(holders, ", ")))
	}
	for _, f := range failures {
		failed = append(failed, f.Target+" "+f.Err.Error())
	}
	return got, failed
}

func TestCarried(t *testing.T) {
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n"
	rest := "reason: r, owner: o, expires: 2027-01-31"
	block := object + "  annotations:\n    kgate.dev/exempt: |\n      # why it is so\n      - check: a/b\n        path: data.a\n        reason: r\n        owner: o\n        expires: 2027-01-31\n"
	for _, test := range []struct {
		name, text string
		unreadable bool
		want       []string
		failed     []string
	}{
		{"none", object, false, nil, nil},
		{"a block", block, false, []string{"a.yaml:8 a/b data.a 2027-01-31: x one, y one"}, nil},
		{"a block of the standard input", block, true, []string{"a.yaml:8 a/b data.a 2027-01-31: x one, y one"}, nil},
		{"two", block + "      - {check: a/c, " + rest + "}\n", false,
			[]string{"a.yaml:8 a/b data.a 2027-01-31: x one, y one", "a.yaml:13 a/c  2027-01-31: x one, y one"}, nil},
		{"on one line", object + "  annotations: {kgate.dev/exempt: '[{check: a/b, " + rest + "}]'}\n", false, []string{"a.yaml:5 a/b  2027-01-31: x one, y one"}, nil},
		{"in quotes", object + "  annotations:\n    kgate.dev/exempt: \"- check: a/b\\n  reason: r\\n  owner: o\\n  expires: 2027-01-31\\n\"\n", false,
			[]string{"a.yaml:6 a/b  2027-01-31: x one, y one"}, nil},
		{"the second of two objects", strings.Replace(block, "one", "zero", 1) + "---\n" + block, false,
			[]string{"a.yaml:8 a/b data.a 2027-01-31: x zero, y zero", "a.yaml:21 a/b data.a 2027-01-31: x one, y one"}, nil},
		{"no text", object + "  annotations:\n    kgate.dev/exempt: [{check: a/b}]\n", false, nil,
			[]string{"x a.yaml:6: the annotation kgate.dev/exempt is no text: write a list behind `kgate.dev/exempt: |`"}},
		{"empty", object + "  annotations:\n    kgate.dev/exempt: \"\"\n\n", false, nil,
			[]string{"x a.yaml:6: the annotation kgate.dev/exempt holds 0 documents; it is one list of exemptions"}},
		{"empty list", object + "  annotations:\n    kgate.dev/exempt: \"[]\"\n", false, nil, []string{"x a.yaml:6: the annotation kgate.dev/exempt is empty"}},
		{"a mapping", object + "  annotations:\n    kgate.dev/exempt: |\n      check: a/b\n", false, nil, []string{"x a.yaml:7: the annotation kgate.dev/exempt must be a list"}},
		{"no YAML", object + "  annotations:\n    kgate.dev/exempt: |\n      - check: a/b\n      - reason: [r\n", false, nil,
			[]string{"x a.yaml:8: the annotation kgate.dev/exempt: invalid YAML: did not find expected ',' or ']'"}},
		{"keys", block + "      - {check: a/c, object: {name: two}, target: x, reason: r, expires: soon}\n", false, nil, []string{
			`x a.yaml:13: an exemption of the object itself has no key "object"; it has check, expires, owner, path, reason` + "\n" +
				`a.yaml:13: an exemption of the object itself has no key "target"; it has check, expires, owner, path, reason` + "\n" +
				`a.yaml:13: expires: "soon" is not a day like 2027-03-31` + "\n" +
				`a.yaml:13: an exemption of the object itself needs the key "owner"`}},
		{"what may not be", block + "      - {check: a/locked, " + rest + "}\n      - {check: a/d, " + rest + "}\n      - {check: a/central, " + rest + "}\n", false,
			[]string{"a.yaml:8 a/b data.a 2027-01-31: x one, y one"}, []string{
				"x a.yaml:13: a/locked is locked: no exemption lets its findings pass; `kgate explain a/locked` says how to satisfy it\n" +
					"a.yaml:14: no check is called \"a/d\": `kgate checks` lists them; did you mean `a/b`?\n" +
					"a.yaml:15: no object exempts itself from a/central: write the exemption to kgate.yaml, whose owners decide"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, failed := carried(t, test.text, !test.unreadable)
			if !slices.Equal(got, test.want) || !slices.Equal(failed, test.failed) {
				t.Errorf("got  %q\nand  %q\nwant %q\nand  %q", got, failed, test.want, test.failed)
			}
		})
	}
}

func FuzzCarried(f *testing.F) {
	for _, text := range []string{"- {check: a/b, reason: r, owner: o, expires: 2027-01-31}\n", "[]", "- check: [", "---\n---\n", "- &a [*a]\n", "- {<<: {check: a/b}}", "a: 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		exemptions, err := parseCarried(text, func(line int) manifest.Position { return manifest.Position{File: "a.yaml", Line: line} })
		if err != nil && exemptions != nil {
			t.Error("what cannot be read exempts something")
		}
		if syntax := (*manifest.SyntaxError)(nil); err != nil && !errors.As(err, &syntax) {
			t.Errorf("%v has no place", err)
		}
		for _, e := range exemptions {
			if e.Check == "" || e.Reason == "" || e.Owner == "" || e.Expires.IsZero() || e.Source.Line < 1 || e.Source.Line > lines {
				t.Errorf("%q is read as %+v", text, e)
			}
		}
	})
}
