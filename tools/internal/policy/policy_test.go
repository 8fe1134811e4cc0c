package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func meta(scope string) string {
	return "# METADATA\n# scope: package\n# title: T\n# description: D\n# related_resources:\n#   - ref: https://example.com/a\n" +
		"# custom: {severity: warning, scope: " + scope + ", fix: F}\n"
}

const good = "package policies.team.one_rule\n\ndeny contains {\"msg\": \"m\", \"path\": [\"kind\"]} if input.kind == \"Bad\"\n"

func source(text string) Source {
	return Source{Name: "rules", FS: fstest.MapFS{"team/one_rule/one_rule.rego": {Data: []byte(text)}}}
}

func TestLoad(t *testing.T) {
	library, err := Load(t.Context(), Source{Name: "rules", FS: fstest.MapFS{
		"team/one_rule/one_rule.rego":      {Data: []byte(meta("object") + good)},
		"team/one_rule/one_rule_test.rego": {Data: []byte("this is not read")},
		"lib/facts/facts.rego":             {Data: []byte("package policies.lib.facts\n\na := 1\n")},
		"README.md":                        {Data: []byte("nor this")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(library.Rules) != 1 {
		t.Fatalf("%d rules", len(library.Rules))
	}
	r := library.Rules[0]
	if r.Name != "team/one-rule" || r.Title != "T" || r.Doc != "D" || r.Fix != "F" || r.Severity != check.Warning ||
		r.Scope != check.Object || r.Origin != "policy" || len(r.References) != 1 || r.Package != "policies.team.one_rule" {
		t.Errorf("got %+v", r)
	}
	if err := check.Verify(library.Checks(Facts{})); err != nil {
		t.Error(err)
	}
	if r.Bad != "" || r.Good != "" || r.Locked {
		t.Errorf("without examples, got %q, %q, %t", r.Bad, r.Good, r.Locked)
	}
	text := strings.Replace(meta("object"), "# custom: {severity: warning, scope: object, fix: F}\n",
		"# custom:\n#   severity: error\n#   scope: object\n#   fix: F\n#   locked: true\n#   bad: |\n#     kind: Bad # this\n#\n#     ---\n#     kind: Other\n#   good: |\n#     kind: Good\n", 1)
	if library, err = Load(t.Context(), source(text+good)); err != nil {
		t.Fatal(err)
	}
	if r := library.Rules[0]; r.Bad != "kind: Bad # this\n\n---\nkind: Other" || r.Good != "kind: Good" || !r.Locked {
		t.Errorf("got %q, %q, %t", r.Bad, r.Good, r.Locked)
	}
	for locked, want := range map[string][2]bool{"true": {true, false}, "self": {false, true}, "false": {false, false}} {
		if library, err = Load(t.Context(), source(strings.Replace(text, "locked: true", "locked: "+locked, 1)+good)); err != nil {
			t.Fatal(err)
		}
		if r := library.Rules[0]; r.Locked != want[0] || r.Central != want[1] {
			t.Errorf("locked: %s is %t, %t", locked, r.Locked, r.Central)
		}
	}
}

// Examples are files beside a rule. What else lies there is not read.
func TestLoadExamples(t *testing.T) {
	const rule = "team/one_rule/one_rule.rego"
	load := func(text string, files map[string]string) (*Rule, error) {
		all := fstest.MapFS{rule: {Data: []byte(text)}}
		for name, text := range files {
			all[name] = &fstest.MapFile{Data: []byte(text)}
		}
		library, err := Load(t.Context(), Source{Name: "rules", FS: all})
		if err != nil {
			return nil, err
		}
		return library.Rules[0], nil
	}
	text := meta("object") + good
	r, err := load(text, map[string]string{
		"team/one_rule/bad.yaml": "\n  kind: Bad # this\n\n---\nkind: Other\n", "team/one_rule/good.yaml": "kind: Good\r\n",
		"team/one_rule/more.yaml": "{", "bad.yaml": "{", "team/bad.yaml": "{", "team/one_rule/deeper/bad.yaml": "{", "other/place/bad.yaml": "{",
		"lib/facts/bad.yaml": "{",
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Bad != "  kind: Bad # this\n\n---\nkind: Other" || r.Good != "kind: Good" {
		t.Errorf("got %q, %q", r.Bad, r.Good)
	}
	inside := strings.Replace(text, "fix: F", `fix: F, bad: "kind: Bad", good: "kind: Good"`, 1)
	for _, test := range []struct {
		text  string
		files map[string]string
		want  string
	}{
		{text, map[string]string{"team/one_rule/bad.yaml": "a"}, "rules/team/one_rule/bad.yaml: an example that the rule denies is shown with the same put right: write good.yaml beside it"},
		{text, map[string]string{"team/one_rule/good.yaml": "a"}, "rules/team/one_rule/good.yaml: an example is shown with what the rule denies: write bad.yaml beside it"},
		{text, map[string]string{"team/one_rule/bad.yaml": "a", "team/one_rule/good.yaml": " \n"}, "rules/team/one_rule/good.yaml: the example is empty"},
		{inside, map[string]string{"team/one_rule/bad.yaml": "a", "team/one_rule/good.yaml": "a"}, "rules/team/one_rule/one_rule.rego:8: METADATA: the rule has examples in custom.bad and custom.good and in files beside it"},
		{text, map[string]string{"team/one_rule/bad.yaml": strings.Repeat("# x\n", 100_000)}, "rules/team/one_rule/bad.yaml: the file has 391 kB; the limit is 256 kB"},
	} {
		if _, err := load(test.text, test.files); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if _, err := Load(t.Context(), Source{Name: "rules", FS: fstest.MapFS{"team/one_rule/bad.yaml": {}}}); err == nil || !strings.Contains(err.Error(), "no .rego file in it") {
		t.Errorf("examples alone: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	file := "rules/team/one_rule/one_rule.rego"
	all := meta("object") + good
	for _, test := range []struct{ name, text, want string }{
		{"syntax", strings.Replace(all, "if input", "if if", 1), file + ":10: "},
		{"not Rego v1", meta("object") + "package policies.team.one_rule\n\ndeny[x] { x := 1 }\n", file + ":10: "},
		{"empty", "", file},
		{"no METADATA", good, file + ":1: the rule has no METADATA of scope package above its package line"},
		{"METADATA of another scope", strings.Replace(all, "# scope: package", "# scope: rule", 1), file + ":"},
		{"no title", strings.Replace(all, "# title: T\n", "", 1), file + ":1: METADATA: title and description must say what holds and why"},
		{"no description", strings.Replace(all, "# description: D\n", "", 1), file + ":1: METADATA: title and description"},
		{"no fix", strings.Replace(all, ", fix: F", "", 1), file + ":1: METADATA: custom.fix must say what to do about a finding"},
		{"severity", strings.Replace(all, "warning", "info", 1), file + `:1: METADATA: custom.severity is "info"; it is error or warning`},
		{"scope", strings.Replace(all, "scope: object", "scope: cluster", 1), file + `:1: METADATA: custom.scope is "cluster"; it is object, overlay or repository`},
		{"unknown key", strings.Replace(all, "fix: F", "fix: F, lock: true", 1), file + `:1: METADATA: custom has no key "lock"; it has bad, fix, good, locked, scope, sees, severity, standard, states`},
		{"standard", strings.Replace(all, "fix: F", "fix: F, states: fact, standard: error", 1), file + `:1: METADATA: custom.standard is "error"; it is error, of a convention that is no warning with the profile standard either`},
		{"states", strings.Replace(all, "fix: F", "fix: F, states: style", 1), file + `:1: METADATA: custom.states is "style"; it is fact, or convention for what a team agrees on`},
		{"locked is a text", strings.Replace(all, "fix: F", `fix: F, locked: "yes"`, 1), file + ":1: METADATA: custom.locked is yes; it is true, self or false"},
		{"bad is a document", strings.Replace(all, "fix: F", "fix: F, bad: {kind: Bad}, good: x", 1), file + ":1: METADATA: custom.bad is map[kind:Bad]; it must be a text"},
		{"bad alone", strings.Replace(all, "fix: F", "fix: F, bad: x", 1), file + ":1: METADATA: custom.bad and custom.good belong together"},
		{"good alone", strings.Replace(all, "fix: F", "fix: F, good: x", 1), file + ":1: METADATA: custom.bad and custom.good belong together"},
		{"no custom", strings.Replace(all, "# custom: {severity: warning, scope: object, fix: F}\n", "", 1), file + ":1: METADATA: "},
		{"broken METADATA", strings.Replace(all, "# title: T", "# title: [T", 1), file + ":"},
		{"wrong package", strings.Replace(all, "team.one_rule", "team.one", 1), file + ":8: the package is policies.team.one; in this directory it must be policies.team.one_rule"},
		{"no deny", meta("object") + "package policies.team.one_rule\n\nallow := true\n", file + ":8: the rule has no `deny contains …`: it could find nothing"},
		{"deny is no set", meta("object") + "package policies.team.one_rule\n\ndeny := true\n", file + ":8: the rule has no `deny contains …`"},
		{"deny is an object", meta("object") + "package policies.team.one_rule\n\ndeny[x] := 1 if some x in [1]\n", file + ":8: the rule has no `deny contains …`"},
		{"network", strings.Replace(all, `input.kind == "Bad"`, `http.send({"url": input.kind}).body`, 1), file + ":10: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			library, err := Load(t.Context(), source(test.text))
			if err == nil {
				err = library.Prepare(context.Background())
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	for _, test := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"no rule at all", fstest.MapFS{"README.md": {}}, "read policies rules: no .rego file in it: a run without rules would pass everything"},
		{"not in a group", fstest.MapFS{"one/one.rego": {Data: []byte(meta("object") + "package policies.one\n")}}, "rules/one/one.rego: a rule lies in <group>/<rule>/"},
		{"too deep", fstest.MapFS{"a/b/c/c.rego": {Data: []byte(meta("object") + "package policies.a.b.c\n")}}, "a rule lies in <group>/<rule>/"},
		{"two files of a rule", fstest.MapFS{"team/one_rule/a.rego": {Data: []byte(meta("object") + good)}, "team/one_rule/b.rego": {Data: []byte(meta("object") + good)}}, "rules/team/one_rule/b.rego: the rule policies.team.one_rule is defined twice"},
		{"every fault at once", fstest.MapFS{"team/a/a.rego": {Data: []byte("package x\n")}, "team/b/b.rego": {Data: []byte("package x\n")}}, "rules/team/b/b.rego:1: "},
	} {
		if _, err := Load(t.Context(), Source{Name: "rules", FS: test.files}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
	one, two := source(meta("object")+good), source(meta("object")+good)
	two.Name = "more"
	if _, err := Load(t.Context(), one, two); err == nil || !strings.Contains(err.Error(), "more/team/one_rule/one_rule.rego:8: the package policies.team.one_rule is that of rules/team/one_rule/one_rule.rego") {
		t.Errorf("two sources with one rule: %v", err)
	}
}

// TestSandbox holds that a rule's verdict depends on its input alone.
func TestSandbox(t *testing.T) {
	for _, builtin := range []string{
		`http.send({"method": "GET", "url": "https://example.com"})`, `opa.runtime()`, `time.now_ns()`, `rand.intn("a", 3)`,
		`net.lookup_ip_addr("example.com")`, `uuid.rfc4122("a")`,
	} {
		text := meta("object") + "package policies.team.one_rule\n\ndeny contains {\"msg\": \"m\", \"path\": []} if {\n\tx := " + builtin + "\n\tx != 1\n}\n"
		library, err := Load(t.Context(), source(text))
		if err == nil {
			err = library.Prepare(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), "undefined function") || !strings.Contains(err.Error(), "one_rule.rego:11") {
			t.Errorf("%s: got %v", builtin, err)
		}
	}
}

// TestCompile holds that what parses and does not compile stops a run in its file and line.
func TestCompile(t *testing.T) {
	for _, test := range []struct{ body, want string }{
		{"x == 1", "one_rule.rego:11: var x is unsafe"},
		{"y := 1", "one_rule.rego:11: assigned var y unused"},
		{"data.policies.lib.nothing.good(input)", "one_rule.rego:11: undefined function data.policies.lib.nothing.good"},
		{"count(input, 1, 2) == 1", "one_rule.rego:11: "},
	} {
		library, err := Load(t.Context(), source(meta("object")+"package policies.team.one_rule\n\ndeny contains {\"msg\": \"m\", \"path\": []} if {\n\t"+test.body+"\n}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if err := library.Prepare(context.Background()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.body, err, test.want)
		}
	}
}

func targets() []*check.Target {
	object := func(kind, name string) *manifest.Object {
		o, err := manifest.Decode([]byte(fmt.Sprintf(`{"kind": %q, "metadata": {"name": %q}, "replicas": 2}`, kind, name)))
		if err != nil {
			panic(err)
		}
		return o
	}
	locate := func(o *manifest.Object, path manifest.Path) manifest.Origin {
		return manifest.Origin{Position: manifest.Position{File: o.Name, Line: 1 + len(path)}}
	}
	return []*check.Target{
		{Path: "x", Locate: locate, Objects: []*manifest.Object{object("Good", "a"), object("Bad", "b")},
			Environment: &check.Environment{Name: "prod", Sampling: &check.Bounds{Min: 0.1, Max: 0.5}}},
		{Path: "y", Locate: locate, Objects: []*manifest.Object{object("Bad", "c")}},
	}
}

// judge runs one rule on both targets.
func judge(t *testing.T, scope, deny string) (check.Result, []check.Failure) {
	t.Helper()
	library, err := Load(t.Context(), source(meta(scope)+"package policies.team.one_rule\n\n"+deny+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return check.Run(context.Background(), check.Plan{
		Checks:  library.Checks(Facts{Roots: []string{"base", "x"}, External: []check.External{{Kind: "Service", Namespace: "n", Name: "s", Provider: "p", Ports: []int{80}}}}),
		Targets: targets(), All: []string{"x", "y"},
	})
}

func TestScopes(t *testing.T) {
	for _, test := range []struct{ name, scope, deny, want string }{
		{"object", "object", `deny contains {"msg": input.metadata.name, "path": ["metadata", "name"]} if input.kind == "Bad"`,
			"x/b metadata.name b, y/c metadata.name c"},
		{"object, no fault", "object", `deny contains {"msg": "m", "path": []} if input.kind == "None"`, ""},
		{"integers stay integers", "object", `deny contains {"msg": sprintf("%v", [input.replicas]), "path": ["list", 3]} if input.kind == "Good"`, "x/a list[3] 2"},
		{"overlay", "overlay", `deny contains {"msg": sprintf("%s %v", [input.target.path, count(input.objects)]), "path": ["objects", 0, "kind"]} if true`,
			"x/a kind x 2, y/c kind y 1"},
		{"a field beside it", "object", `deny contains {"msg": "m", "path": ["a"], "with": [["a", "b"], ["c"]]} if input.kind == "Good"`,
			"x/a a m (with a a.b in a:3)"}, // c is in the line of a
		{"a field of another object", "overlay", `deny contains {"msg": "m", "path": ["objects", 0], "with": {["objects", i, "kind"] | some i, _ in input.objects}} if count(input.objects) > 1`,
			"x/a  m (with a kind in a:2) (with b kind in b:2)"},
		{"a field of another target", "repository", `deny contains {"msg": "m", "path": ["targets", 0, "objects", 0], "with": {["targets", 1, "objects", 0, "kind"]}} if true`,
			"x/a  m (with c kind in c:2)"},
		{"environment", "overlay", `deny contains {"msg": input.target.environment.name, "path": ["objects", 1]} if input.target.environment.sampling.max < 0.6`,
			"x/b  prod"},
		{"no environment", "overlay", `deny contains {"msg": "m", "path": ["objects", 0]} if input.target.environment == null`, "y/c  m"},
		{"external", "overlay", `deny contains {"msg": sprintf("%s/%s %v", [e.namespace, e.name, e.ports]), "path": ["objects", 0]} if some e in input.external`,
			"x/a  n/s [80], y/c  n/s [80]"},
		{"directories", "repository", `deny contains {"msg": json.marshal(input.directories), "path": ["targets", 0, "objects", 0]} if true`, "x/a  []"},
		{"repository", "repository", `deny contains {"msg": concat(" ", input.roots), "path": ["targets", i, "objects", j, "kind"]} if input.targets[i].objects[j].kind == "Bad"`,
			"x/b kind base x, y/c kind base x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, failures := judge(t, test.scope, test.deny)
			if failures != nil {
				t.Fatal(failures)
			}
			var got []string
			for _, f := range result.Findings {
				said := f.Target + "/" + f.Object.Name + " " + f.Path.String() + " " + f.Message
				for _, w := range f.With {
					said += fmt.Sprintf(" (with %s %s in %s)", w.Object.Name, w.Path, w.Source)
				}
				got = append(got, said)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), test.want)
			}
		})
	}
}

// TestDirectories holds which paths of Applications a repository has.
func TestDirectories(t *testing.T) {
	library, err := Load(t.Context(), source(meta("repository")+"package policies.team.one_rule\n\n"+
		`deny contains {"msg": json.marshal(input.directories), "path": ["targets", 0, "objects", 0]} if true`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"charts/web/Chart.yaml": {}, "charts/web/templates/cm.yaml": {}, "plain/np.yaml": {}}
	application := func(spec map[string]any) *manifest.Object {
		kind := "Application"
		if spec["template"] != nil {
			kind = "ApplicationSet"
		}
		return &manifest.Object{ID: manifest.ID{APIVersion: "argoproj.io/v1alpha1", Kind: kind}, Value: map[string]any{"spec": spec}}
	}
	at := func(path any) map[string]any { return map[string]any{"path": path} }
	for _, test := range []struct {
		name string
		spec map[string]any
		want string
	}{
		{"a chart, as it is spelt", map[string]any{"source": at("./charts/web/")}, `["./charts/web/"]`},
		{"several", map[string]any{"sources": []any{at("plain"), at("nowhere"), at("charts/web"), at("plain")}}, `["charts/web","plain"]`},
		{"of an ApplicationSet", map[string]any{"template": map[string]any{"spec": map[string]any{"source": at("plain")}}}, `["plain"]`},
		{"an ApplicationSet without a template", map[string]any{"template": "plain", "source": at("plain")}, `[]`},
		{"folders of folders", map[string]any{"source": at("charts")}, `[]`},
		{"what is below them", map[string]any{"source": map[string]any{"path": "charts", "directory": map[string]any{"recurse": true}}}, `["charts"]`},
		{"a file", map[string]any{"source": at("plain/np.yaml")}, `[]`},
		{"outside", map[string]any{"sources": []any{at("../plain"), at("/plain")}}, `[]`},
		{"wrong shapes", map[string]any{"source": "plain", "sources": []any{"plain", at(1), nil}}, `[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := []*check.Target{{Path: "x", Objects: []*manifest.Object{application(test.spec)}}}
			result, failures := check.Run(t.Context(), check.Plan{Checks: library.Checks(Facts{Files: files}), Targets: all, All: []string{"x"}})
			if failures != nil || len(result.Findings) != 1 || result.Findings[0].Message != test.want {
				t.Errorf("%v %v, want %q", result.Findings, failures, test.want)
			}
		})
	}
}

// TestSkipped holds that rules of an overlay do not see a hook that is skipped, that their paths lead to the objects that
// they see, and that other rules see it.
func TestSkipped(t *testing.T) {
	for _, test := range []struct{ scope, deny, want string }{
		{"object", `deny contains {"msg": "m", "path": ["metadata"]} if input.metadata.name == "a"`, "a"},
		{"overlay", `deny contains {"msg": "m", "path": ["objects", 0, "kind"]} if input.objects[0].metadata.name == "b"`, "b"},
		{"repository", `deny contains {"msg": "m", "path": ["targets", 0, "objects", 0, "kind"]} if input.targets[0].objects[0].metadata.name == "a"`, "a"},
	} {
		library, err := Load(t.Context(), source(meta(test.scope)+"package policies.team.one_rule\n\n"+test.deny+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		all := targets()
		first := &manifest.Object{ID: all[0].Objects[0].ID, Value: maps.Clone(all[0].Objects[0].Value), JSON: all[0].Objects[0].JSON}
		first.Value["metadata"] = map[string]any{"name": "a", "annotations": map[string]any{"argocd.argoproj.io/hook": "Skip"}}
		all[0].Objects = append([]*manifest.Object{first}, all[0].Objects[1:]...)
		result, failures := check.Run(t.Context(), check.Plan{Checks: library.Checks(Facts{}), Targets: all, All: []string{"x", "y"}})
		if failures != nil {
			t.Fatal(failures)
		}
		if len(result.Findings) != 1 || result.Findings[0].Object.Name != test.want {
			t.Errorf("%s: %v", test.scope, result.Findings)
		}
	}
}

// TestFailures holds that what a rule makes of its input is read strictly: never as "nothing found".
func TestFailures(t *testing.T) {
	for _, test := range []struct{ name, scope, deny, want string }{
		{"text", "object", `deny contains "bad"`, "each element is an object with msg and path"},
		{"no path", "object", `deny contains {"msg": "m"}`, "the keys msg; they are msg and path"},
		{"more keys", "object", `deny contains {"msg": "m", "path": [], "severity": "info"}`, "the keys msg, path, severity"},
		{"with is a text", "object", `deny contains {"msg": "m", "path": [], "with": "kind"}`, "with is kind; it must be a set or an array"},
		{"with holds a text", "object", `deny contains {"msg": "m", "path": [], "with": ["kind"]}`, "with is kind; it must be an array of keys and indexes"},
		{"overlay: with names no object", "overlay", `deny contains {"msg": "m", "path": ["objects", 0], "with": {["kind"]}}`, "which names no object: it must begin with objects, an index"},
		{"empty msg", "object", `deny contains {"msg": "", "path": []}`, "it must be a text"},
		{"missing is a text", "object", `deny contains {"msg": "m", "path": [], "missing": "Secret a"}`, "missing is Secret a; it is an object with kind, namespace and name"},
		{"missing has no name", "object", `deny contains {"msg": "m", "path": [], "missing": {"kind": "Secret", "namespace": "", "nam": "a"}}`, "missing has no name; it is an object with kind, namespace and name"},
		{"fact is a number", "object", `deny contains {"msg": "m", "path": [], "fact": 1}`, "fact is 1; it must be a text"},
		{"line is a text", "object", `deny contains {"msg": "m", "path": [], "line": "1"}`, "line is 1; it is a line of the text at path, from 1"},
		{"line is none", "object", `deny contains {"msg": "m", "path": [], "line": 0}`, "line is 0; it is a line of the text at path, from 1"},
		{"line is beside others", "object", `deny contains {"msg": "m", "path": [], "line": 1, "with": []}`, "stands beside msg and path alone"},
		{"msg is a number", "object", `deny contains {"msg": 1, "path": []}`, "it must be a text"},
		{"path is a text", "object", `deny contains {"msg": "m", "path": "kind"}`, "it must be an array of keys and indexes"},
		{"path holds null", "object", `deny contains {"msg": "m", "path": [null]}`, "it must hold keys and indexes"},
		{"path holds a fraction", "object", `deny contains {"msg": "m", "path": [1.5]}`, "path holds 1.5, which is no index"},
		{"path holds a negative index", "object", `deny contains {"msg": "m", "path": [-1]}`, "path holds -1, which is no index"},
		{"builtin fails", "object", `deny contains {"msg": "m", "path": []} if to_number(input.kind) > 1`, "one_rule.rego:10: "},
		{"units.parse fails", "object", `deny contains {"msg": "m", "path": []} if units.parse(input.kind) > 1`, "one_rule.rego:10: "},
		{"conflict", "object", "deny contains {\"msg\": a, \"path\": []}\n\na := \"x\"\n\na := \"y\"", "one_rule.rego:14: the rule team/one-rule fails: eval_conflict_error: rule data.policies.team.one_rule.a produced conflicting values: "},
		{"overlay: path names no object", "overlay", `deny contains {"msg": "m", "path": ["kind"]}`, "which names no object"},
		{"overlay: index beyond", "overlay", `deny contains {"msg": "m", "path": ["objects", 9]}`, "which names no object"},
		{"overlay: key for an index", "overlay", `deny contains {"msg": "m", "path": ["objects", "0"]}`, "which names no object"},
		{"repository: no target", "repository", `deny contains {"msg": "m", "path": ["objects", 0]}`, "it must begin with targets, an index, objects, an index"},
		{"repository: target beyond", "repository", `deny contains {"msg": "m", "path": ["targets", 5, "objects", 0]}`, "it must begin with targets, an index, objects, an index"},
		{"repository: no object", "repository", `deny contains {"msg": "m", "path": ["targets", 0]}`, "which names no object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, failures := judge(t, test.scope, test.deny)
			if len(failures) == 0 || !strings.Contains(failures[0].Err.Error(), test.want) {
				t.Errorf("got %v and %d findings, want %s", failures, len(result.Findings), test.want)
			}
		})
	}
}

func TestRestrict(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"good", "broken"} {
		condition := map[string]string{"good": `input.kind == "Bad"`, "broken": "to_number(input.kind) > 1"}[name]
		files["team/"+name+"/"+name+".rego"] = &fstest.MapFile{Data: []byte(meta("object") +
			"package policies.team." + name + "\n\ndeny contains {\"msg\": \"m\", \"path\": []} if " + condition + "\n")}
	}
	library, err := Load(t.Context(), Source{Name: "rules", FS: files})
	if err != nil {
		t.Fatal(err)
	}
	checks, err := check.Select(library.Checks(Facts{}), []string{"team/good"})
	if err != nil {
		t.Fatal(err)
	}
	library.Restrict(func(name string) bool { return name == "team/good" })
	result, failures := check.Run(context.Background(), check.Plan{Checks: checks, Targets: targets()})
	if failures != nil || len(result.Findings) != 2 {
		t.Errorf("got %v and %d findings, want 2 of the rule that is kept", failures, len(result.Findings))
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{`[{"msg": "m", "path": ["a", 1]}]`, `[{"msg": "m", "path": [1e400]}]`, `[{"msg": "m", "path": [-1]}]`, `[[]]`, `{}`, `[{"msg": null, "path": null}]`, `null`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		decoder := json.NewDecoder(strings.NewReader(string(data)))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil {
			return
		}
		term, err := ast.InterfaceToValue(value)
		if err != nil {
			return
		}
		found, err := read(term, maxDenials)
		if err != nil {
			return
		}
		if list, ok := value.([]any); !ok || len(list) != len(found) {
			t.Fatalf("%s is read as %d denials", data, len(found))
		}
		for _, d := range found {
			if d.Message == "" {
				t.Errorf("%s is read without a message", data)
			}
			for _, step := range d.Path {
				if i, ok := step.(int); ok && i < 0 {
					t.Errorf("%s is read with the index %d", data, i)
				}
			}
		}
	})
}
