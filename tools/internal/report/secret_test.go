package report

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestSecretContents holds that no format shows what is in a Secret, and that all still show what is beside it.
func TestSecretContents(t *testing.T) {
	secret := manifest.ID{APIVersion: "v1", Kind: "Secret", Name: "s"}
	later := manifest.ID{APIVersion: "v2", Kind: "Secret", Name: "s"}
	other := manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Name: "app"}
	found := func(id manifest.ID, line int, path ...any) Report {
		return Report{Findings: []check.Finding{{
			Check: "a/b", Severity: check.Error, Message: "bad", Source: at("f.yaml", line),
			Place: check.Place{Target: "t", Object: &id, Path: path},
		}}}
	}
	failed := func(file string, line int) Report {
		return Report{Errors: []Failure{{Target: "t", Source: at(file, line), Message: "bad"}}}
	}
	const manifests = "kind: Deployment\nspec: seen\n---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: seen\nstringData:\n  p: |\n    HIDDEN\n  q: HIDDEN\ntype: Opaque\n"
	for name, test := range map[string]struct {
		file, text string
		report     Report
		seen       string
	}{
		"contents":        {"f.yaml", manifests, found(secret, 10, "stringData", "p"), ""},
		"above them":      {"f.yaml", manifests, found(secret, 8, "stringData"), ""},
		"as a whole":      {"f.yaml", "apiVersion: v1\nkind: Secret\nvalue: HIDDEN\n", found(secret, 1), ""},
		"another version": {"f.yaml", "# HIDDEN\n", found(later, 1, "data", "p"), ""},
		"an unknown field": {
			"f.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nvalue: HIDDEN\n", found(secret, 4, "value"), "",
		},
		"by its name":    {"f.yaml", manifests, found(secret, 7, "metadata", "name"), "name: seen"},
		"the next one":   {"f.yaml", "kind: Secret\ndata: {p: HIDDEN}\n---\nspec: seen\n---\nkind: Secret\ndata: {p: HIDDEN}\n", found(other, 4, "spec"), "spec: seen"},
		"of a list":      {"f.yaml", "kind: List\nitems:\n- kind: Secret\n  metadata: {name: s}\n  data:\n    p: HIDDEN\n- spec: seen\n", found(other, 7, "spec"), "spec: seen"},
		"on one line":    {"f.yaml", "{kind: Secret, metadata: {name: s}, data: {p: HIDDEN}}\n", found(secret, 1, "metadata", "name"), ""},
		"JSON":           {"f.yaml", "{\n\"kind\": \"Secret\",\n\"metadata\":{\"name\":\"seen\"},\n\"data\": {\n\"p\": \"HIDDEN\"}}\n", found(secret, 3, "metadata", "name"), "seen"},
		"an anchor":      {"f.yaml", "kind: List\nx: &x HIDDEN\nspec: seen\nitems:\n- kind: Secret\n  data: {p: *x}\n", found(other, 3, "spec"), "spec: seen"},
		"another field":  {"f.yaml", "kind: Secret\nmetadata:\n  name: seen\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: HIDDEN\n", found(secret, 3, "metadata", "name"), "name: seen"},
		"a generator":    {"f.yaml", "secretGenerator:\n- name: seen\n  literals:\n  - p=HIDDEN\n- name: t\n  literals: [p=HIDDEN]\nimages: []\n", found(other, 2, "spec"), "name: seen"},
		"below it":       {"f.yaml", "secretGenerator:\n- literals:\n  - p=HIDDEN\n  name: s\nimages: [seen]\n", found(other, 5, "spec"), "images: [seen]"},
		"a patch":        {"f.yaml", "namespace: seen\npatches:\n- patch: |\n    kind: Secret\n    data: {p: HIDDEN}\n", found(other, 1), "namespace: seen"},
		"a JSON patch":   {"f.yaml", "patches:\n- path: seen\n- target: {kind: Secret}\n  patch: |\n    - {op: add, path: /data/p, value: HIDDEN}\n", found(other, 2), "path: seen"},
		"no YAML":        {"f.yaml", "kind: Secret\nmetadata:\n  name: s\ndata:\n  p: HIDDEN\n bad: [HIDDEN\n", found(other, 4), ""},
		"not checked":    {"f.yaml", "kind: Secret\nmetadata:\n  name: HIDDEN\n", failed("f.yaml", 3), ""},
		"an env file":    {"f.env", "P=HIDDEN\n=\nQ=HIDDEN\n", failed("f.env", 2), ""},
		"who names one":  {"f.yaml", "spec:\n  valuesFrom:\n  - kind: Secret\n    name: seen\n", found(other, 4, "spec"), "name: seen"},
		"another kind":   {"f.yaml", "kind: ExternalSecret\nmetadata: {name: s}\ndata: seen\n", failed("f.yaml", 3), "data: seen"},
		"checked beside": {"f.yaml", manifests, failed("f.yaml", 2), "spec: seen"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.report
			r.ReadFile = func(file string) ([]byte, error) {
				if file == test.file {
					return []byte(test.text), nil
				}
				return nil, fs.ErrNotExist
			}
			for format, got := range everyFormat(t, r) {
				if strings.Contains(got, "HIDDEN") {
					t.Errorf("%s has contents of a Secret:\n%s", format, got)
				}
			}
			if got := everyFormat(t, r)["text"]; !strings.Contains(got, test.seen) {
				t.Errorf("the text has no %q:\n%s", test.seen, got)
			}
		})
	}
}

// TestSecretLines holds that the line of a change shows nothing where it, or one beside it, is of a Secret.
func TestSecretLines(t *testing.T) {
	secret := object(t, `{"apiVersion": "v2", "kind": "Secret", "metadata": {"name": "s"}}`)
	app := object(t, `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}}`)
	entry := func(o *manifest.Object, file string) change.Entry {
		field := change.Field{In: []int{0}, Lines: []change.Line{{Source: at(file, 1), In: []int{0}}}}
		field.Path, field.OldPath, field.Old, field.New = manifest.Path{"spec"}, manifest.Path{"spec"}, "w", "x"
		return change.Entry{Kind: change.Changed, Places: []change.Place{{Target: "t", Old: o, New: o}}, Fields: []change.Field{field}}
	}
	r := Report{Comparison: &Comparison{Set: change.Set{
		Targets:  []change.Target{{Path: "t", Kind: change.Changed}},
		Entries:  []change.Entry{entry(secret, "s.env"), entry(app, "s.env"), entry(app, "seen.yaml")},
		Restarts: []change.Restart{{Places: []change.Place{{Target: "t", Old: app, New: app}}, Line: at("s.env", 1), Field: manifest.Path{"spec"}, Name: "spec"}},
	}}}
	r.ReadFile = func(file string) ([]byte, error) {
		if file == "seen.yaml" {
			return []byte("spec: seen\n"), nil
		}
		return []byte("P=HIDDEN\n"), nil
	}
	for format, got := range everyFormat(t, r) {
		if strings.Contains(got, "HIDDEN") {
			t.Errorf("%s has contents of a Secret:\n%s", format, got)
		}
	}
	for _, want := range []string{"s.env:1\n", "seen.yaml:1  spec: seen"} {
		if got := everyFormat(t, r)["text"]; !strings.Contains(got, want) {
			t.Errorf("the text has no %q:\n%s", want, got)
		}
	}
}

// TestSecretsCompared holds that the page compares what is in Secrets of environments by digests, and says where each is set.
func TestSecretsCompared(t *testing.T) {
	target := func(name string) Target {
		secret := object(t, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "HIDDEN `+name+`", "q": "HIDDEN\n`+name+`"}, "value": "HIDDEN `+name+`"}`)
		return Target{Path: name, Environment: name, Objects: []*manifest.Object{secret}, Locate: func(o *manifest.Object, path manifest.Path) manifest.Origin {
			if o != secret {
				t.Errorf("%s is looked for in another object", path)
			}
			return manifest.Origin{}
		}}
	}
	got := compare([]Target{target("dev"), target("prod")})
	if got == nil || got.Fields != 3 {
		t.Fatalf("compared is %+v, want three fields", got)
	}
	said := fmt.Sprintf("%+v", got)
	if strings.Contains(said, "HIDDEN") || strings.Count(said, "sha256:") != 6 {
		t.Errorf("compared is %s", said)
	}
}

// everyFormat is a report in every format.
func everyFormat(t *testing.T, r Report) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, write := range map[string]func(io.Writer, Report, Options) error{
		"text": Text, "html": HTML, "json": JSON, "sarif": SARIF, "junit": JUnit, "github": GitHub, "markdown": Markdown, "yaml": YAML,
	} {
		var out bytes.Buffer
		if err := write(&out, r, Options{Verbose: true}); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", name, err))
		}
		all[name] = out.String()
	}
	return all
}
