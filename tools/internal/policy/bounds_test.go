package policy

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const denies = "deny contains {\"msg\": \"m\", \"path\": [\"kind\"]} if input.kind == \"Bad\"\n"

// builtin stands for the built-in rules.
func builtin() Source {
	return Source{Name: "policies", FS: fstest.MapFS{
		"pod/probes/probes.rego":        {Data: []byte(meta("object") + "package policies.pod.probes\n\nimport data.policies.lib.facts\n\n" + strings.Replace(denies, `"Bad"`, "facts.bad", 1))},
		"pod/other/other.rego":          {Data: []byte(meta("object") + "package policies.pod.other\n\n" + denies)},
		"lib/facts/facts.rego":          {Data: []byte("package policies.lib.facts\n\nbad := \"Bad\"\n\n_hidden(_) if false\n")},
		"lib/facts/facts_test.rego":     {Data: []byte("package policies.lib.facts_test\n\nimport data.policies.lib.facts\n\ntest_bad if facts.bad == \"Bad\"\n")},
		"pod/probes/probes_test.rego":   {Data: []byte("package policies.pod.probes_test\n\nimport data.policies.pod.probes\n\ntest_denies if probes.deny with input as {\"kind\": \"Bad\"}\n")},
		"lib/wide/wide.rego":            {Data: []byte("package policies.lib.wide\n\ntable[key] := 1 if some key in [\"a\"]\n")},
		"lib/fixture/fixture_test.rego": {Data: []byte("package policies.lib.fixture_test\n\nobject := {\"kind\": \"Bad\"}\n")},
	}}
}

func own(files map[string]string) Source {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return Source{Name: "rules", FS: m}
}

// TestPackagesBelongToTheFirst holds that nothing of one's own changes what a built-in rule says.
func TestPackagesBelongToTheFirst(t *testing.T) {
	rule := func(pkg string) string { return meta("object") + "package " + pkg + "\n\n" + denies }
	for _, test := range []struct{ name, file, text, want string }{
		{"a function of a built-in lib", "lib/facts/x.rego", "package policies.lib.facts\n\n_hidden(_) if true\n", "rules/lib/facts/x.rego:1: the package policies.lib.facts is that of policies/lib/facts/facts.rego"},
		{"under the same name", "lib/facts/facts.rego", "package policies.lib.facts\n", "rules/lib/facts/facts.rego:1: the package policies.lib.facts is that of"},
		{"in quotes", "lib/facts/x.rego", "package policies[\"lib\"].facts\n", "is that of policies/lib/facts/facts.rego"},
		{"a head that reaches in from above", "lib/x.rego", "package policies.lib\n\nfacts._hidden(_) if true\n", "rules/lib/x.rego:1: the package policies.lib holds that of policies/lib/facts/facts.rego"},
		{"a package within one", "lib/facts/more/more.rego", "package policies.lib.facts.more\n", "rules/lib/facts/more/more.rego:1: the package policies.lib.facts.more lies in that of"},
		{"a key of a table", "lib/wide/table/x.rego", "package policies.lib.wide.table\n\nb := 1\n", "lies in that of policies/lib/wide/wide.rego"},
		{"another file of a rule", "pod/probes/more.rego", rule("policies.pod.probes"), "is that of policies/pod/probes/probes.rego"},
		{"a default", "pod/probes/more.rego", meta("object") + "package policies.pod.probes\n\ndefault deny := set()\n", "is that of policies/pod/probes/probes.rego"},
		{"the root", "x.rego", "package policies\n\npod.probes.deny contains 1\n", "rules/x.rego:1: the package policies holds that of"},
		{"a group", "pod/x.rego", "package policies.pod\n\nprobes := {}\n", "holds that of policies/pod/"},
		{"kgate's own query", "kgate/entry/entry.rego", "package kgate.entry\n", "the package is kgate.entry; in this directory it must be policies.kgate.entry"},
		{"system", "system/main/main.rego", "package system.main\n", "the package is system.main"},
		{"a name with a dot", "lib.facts/x/x.rego", "package policies.lib.facts.x\n", `rules/lib.facts/x/x.rego: the directory is called "lib.facts"`},
		{"another case", "Pod/probes/probes.rego", rule("policies.Pod.probes"), `the directory is called "Pod"`},
		{"a letter that looks like one", "pоd/probes/probes.rego", rule("policies.pod.probes"), `the directory is called "pоd"`},
		{"METADATA twice", "team/a/a.rego", meta("object") + "\n" + meta("overlay") + "package policies.team.a\n\n" + denies, "rules/team/a/a.rego:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Load(t.Context(), builtin(), own(map[string]string{test.file: test.text})); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	// What is new is allowed: a rule in a built-in group, a lib, a name that begins as another.
	library, err := Load(t.Context(), builtin(), own(map[string]string{
		"pod/mine/mine.rego": meta("object") + "package policies.pod.mine\n\nimport data.policies.lib.facts\nimport data.policies.lib.facts_of_ours\n\n" +
			"deny contains {\"msg\": facts_of_ours.said, \"path\": []} if input.kind == facts.bad\n",
		"lib/facts_of_ours/facts_of_ours.rego": "package policies.lib.facts_of_ours\n\nsaid := \"ours\"\n",
		"pod/data.json":                        `{"policies": {"lib": {"facts": {"bad": "None"}}}}`,
		"data.yaml":                            "policies: {lib: {facts: {bad: None}}}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	result, failures := check.Run(context.Background(), check.Plan{Checks: library.Checks(Facts{}), Targets: targets()})
	if failures != nil || len(result.Findings) != 6 {
		t.Errorf("got %v and %d findings, want 6: two objects, three rules", failures, len(result.Findings))
	}
}

func TestOwnTestsAddNothingEither(t *testing.T) {
	files := map[string]string{"team/a/a.rego": meta("object") + "package policies.team.a\n\n" + denies}
	good := "package policies.team.a_test\n\nimport data.policies.team.a\n\ntest_denies if a.deny with input as {\"kind\": \"Bad\"}\n"
	for _, test := range []struct{ pkg, want string }{
		{"policies.lib.facts", "the package policies.lib.facts is that of policies/lib/facts/facts.rego"},
		{"policies.lib.fixture_test", "the package policies.lib.fixture_test is that of policies/lib/fixture/fixture_test.rego"},
		{"policies", "the package policies holds that of policies/"},
		{"policies.pod.probes.x", "the package policies.pod.probes.x lies in that of"},
		{"policies.team.a_test", ""},
		{"policies.team.a", ""},
	} {
		files["team/a/a_test.rego"] = strings.Replace(good, "policies.team.a_test", test.pkg, 1)
		_, err := LoadSuite(context.Background(), builtin(), own(files))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.pkg, err, test.want)
		}
	}
}

// hostile is a rule of one's own beside a good one and the built-in ones.
func hostile(t *testing.T, text string, patience time.Duration) (check.Result, []check.Failure) {
	t.Helper()
	library, err := Load(t.Context(), builtin(), own(map[string]string{
		"team/bad/bad.rego":   meta("object") + "package policies.team.bad\n\n" + text + "\n",
		"team/good/good.rego": meta("object") + "package policies.team.good\n\n" + denies,
	}))
	if err != nil {
		t.Fatal(err)
	}
	library.patience = patience
	return check.Run(context.Background(), check.Plan{Checks: library.Checks(Facts{}), Targets: targets()})
}

// TestOneBadRule holds that a rule that fails is named with its line, and that the others have their say.
func TestOneBadRule(t *testing.T) {
	deny := func(condition string) string { return `deny contains {"msg": "m", "path": []} if ` + condition }
	const here = "rules/team/bad/bad.rego:10: the rule team/bad fails: "
	for _, test := range []struct{ name, text, want string }{
		{"a complete rule with two values", deny("a") + "\n\na := 1\n\na := 2", "rules/team/bad/bad.rego:14: the rule team/bad fails: eval_conflict_error: "},
		{"a function with two values", deny("f(1)") + "\n\nf(_) := 1\n\nf(_) := 2", "rules/team/bad/bad.rego:14: the rule team/bad fails: eval_conflict_error: "},
		{"a key with two values", deny("a.x") + "\n\na[k] := v if some [k, v] in [[\"x\", 1], [\"x\", 2]]", "rules/team/bad/bad.rego:12: the rule team/bad fails: eval_conflict_error: "},
		{"a comprehension's key with two values", deny("count({k: v | some [k, v] in [[\"x\", 1], [\"x\", 2]]}) > 0"), here + "eval_conflict_error: "},
		{"a type", deny("count(input.replicas) > 1"), here + "eval_type_error: "},
		{"a division by zero", deny("1 / (input.replicas - input.replicas) > 1"), here + "eval_builtin_error: div: divide by zero"},
		{"a number that is none", deny("to_number(input.kind) > 1"), here + "eval_builtin_error: "},
		{"a pattern that is none", deny("regex.match(concat(\"\", [\"(\", input.kind]), input.kind)"), here + "eval_builtin_error: "},
		{"more denials than anyone reads", "deny contains {\"msg\": \"m\", \"path\": [n]} if some n in numbers.range(0, 20000)", "rules/team/bad/bad.rego:8: the rule team/bad fails: deny holds 20001 elements; it may hold 10000"},
		{"a path without end", "deny contains {\"msg\": \"m\", \"path\": numbers.range(0, 2000)}", "path has 2001 steps; it may have 1000"},
		{"a value that holds itself", "deny contains {\"msg\": \"m\", \"path\": [\"a\"], \"with\": {numbers.range(0, 2000)}}", "with has 2001 steps; it may have 1000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, failures := hostile(t, test.text, longest)
			if len(failures) != 2 || !strings.Contains(failures[0].Err.Error(), test.want) || !strings.Contains(failures[0].Err.Error(), "Good a") {
				t.Errorf("got %v, want one for each target with %s", failures, test.want)
			}
			if len(result.Findings) != 6 {
				t.Errorf("%d findings, want 6: of two objects and the three other rules", len(result.Findings))
			}
		})
	}
}

// TestBuiltinRuleFails holds the same of built-in rules, which are evaluated together.
func TestBuiltinRuleFails(t *testing.T) {
	source := builtin()
	source.FS.(fstest.MapFS)["pod/fails/fails.rego"] = &fstest.MapFile{Data: []byte(meta("object") + "package policies.pod.fails\n\ndeny contains {\"msg\": \"m\", \"path\": []} if to_number(input.metadata.name) > 1\n")}
	library, err := Load(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	result, failures := check.Run(context.Background(), check.Plan{Checks: library.Checks(Facts{}), Targets: targets()})
	if len(failures) != 2 || !strings.Contains(failures[0].Err.Error(), "policies/pod/fails/fails.rego:10: the rule pod/fails fails: eval_builtin_error") || len(result.Findings) != 4 {
		t.Errorf("got %v and %d findings, want two failures of pod/fails and 4 findings of the others", failures, len(result.Findings))
	}
}

// TestRuleWithoutEnd holds that what a rule of one's own takes is bounded.
func TestRuleWithoutEnd(t *testing.T) {
	deny := func(condition string) string { return `deny contains {"msg": "m", "path": []} if ` + condition }
	doubling := func(first, next string, n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "\n\nx0 := %s\n", first)
		for i := range n {
			fmt.Fprintf(&b, "\nx%d := %s\n", i+1, strings.ReplaceAll(next, "X", fmt.Sprintf("x%d", i)))
		}
		return b.String()
	}
	const long, large = "it takes longer than 500ms", "it takes more than 1024 MB of memory"
	for _, test := range []struct {
		name, text string
		want       []string // either
	}{
		{"a range", deny("count(numbers.range(1, 1000000000)) == 0"), []string{long, large}},
		{"a product", deny("count([1 | some a in r; some b in r; some c in r; a + b == c + 0.5]) > 1") + "\n\nr := numbers.range(1, 3000)", []string{long}},
		{"a product that is kept", deny("count([[a, b] | some a in r; some b in r]) == 0") + "\n\nr := numbers.range(1, 100000)", []string{long, large}},
		{"an every", deny("every a in r { every b in r { a + b > 0 } }") + "\n\nr := numbers.range(1, 100000)", []string{long}},
		{"a text that doubles", deny("count(x60) == 0") + doubling(`"aaaaaaaaaaaaaaaa"`, `concat("", [X, X])`, 60), []string{long, large}},
		{"a text that doubles by replacing", deny("count(x60) == 0") + doubling(`"aa"`, `replace(X, "a", X)`, 60), []string{long, large}},
		{"a text that doubles by a pattern", deny("count(x60) == 0") + doubling(`"aa"`, `regex.replace(X, "a", X)`, 60), []string{long, large}},
		{"a list that doubles", deny("count(x60) == 0") + doubling(`[1, 2]`, `array.concat(X, X)`, 60), []string{long, large}},
		{"a value that holds itself twice", "deny contains {\"msg\": \"m\", \"path\": x60}" + doubling(`[1]`, `[X, X]`, 60), []string{"path holds an array"}},
		{"a number that is squared", deny("x60 == 0") + doubling(`7`, `X * X`, 60), []string{long, large}},
		{"addresses", deny("count(net.cidr_expand(\"::/64\")) == 0"), []string{long, large}},
		{"a walk", deny("count([1 | walk(x30, [p, _]); count(p) > 99]) > 1") + doubling(`[1]`, `[X, X]`, 30), []string{long, large}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, failures := hostile(t, test.text, 500*time.Millisecond)
			if len(failures) != 2 {
				t.Fatalf("got %v, want one for each target", failures)
			}
			for _, f := range failures {
				ok := false
				for _, want := range test.want {
					ok = ok || strings.Contains(f.Err.Error(), "the rule team/bad fails: "+want)
				}
				if !ok {
					t.Errorf("got %v, want %q", f.Err, test.want)
				}
			}
			if len(result.Findings) != 6 {
				t.Errorf("%d findings, want 6: of two objects and the three other rules", len(result.Findings))
			}
		})
	}
}

// TestRelationsAreBuiltIn holds that rules of one's own read what is known of kinds and change nothing of it for others.
func TestRelationsAreBuiltIn(t *testing.T) {
	const reads = "deny contains {\"msg\": \"m\", \"path\": []} if data.relations.templates.batch.CronJob[0] == \"spec\"\n"
	builtin := Source{Name: "policies", FS: fstest.MapFS{
		"pod/a/a.rego": {Data: []byte(meta("object") + "package policies.pod.a\n\n" + reads)},
	}}
	library, err := Load(t.Context(), builtin, own(map[string]string{
		"team/a/a.rego": meta("object") + "package policies.team.a\n\n_mine := false if data.policies.pod.a.deny == set() with data.relations as {}\n\n" +
			"deny contains {\"msg\": \"n\", \"path\": []} if _mine == false\n\n" + reads,
		"relations.yaml": "relations: {templates: {}}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	object, err := manifest.Decode([]byte(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}`))
	if err != nil {
		t.Fatal(err)
	}
	result, failures := check.Run(context.Background(), check.Plan{Checks: library.Checks(Facts{}), Targets: []*check.Target{{Path: "a", Objects: []*manifest.Object{object}}}})
	var got []string
	for _, f := range result.Findings {
		got = append(got, f.Check+" "+f.Message)
	}
	slices.Sort(got)
	if want := []string{"pod/a m", "team/a m", "team/a n"}; len(failures) > 0 || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, failures, want)
	}
	for _, name := range []string{"relations", "relations.templates", "policies"} {
		_, err := Load(t.Context(), builtin, own(map[string]string{"team/a/a.rego": meta("object") + "package " + name + "\n\ndeny contains {} if true\n"}))
		if err == nil || !strings.Contains(err.Error(), "in this directory it must be policies.team.a") {
			t.Errorf("package %s: %v", name, err)
		}
	}
}

func TestFilesAreBounded(t *testing.T) {
	file := func(text string) Source {
		return own(map[string]string{"team/a/a.rego": meta("object") + "package policies.team.a\n\n" + denies + "\n" + text + "\n"})
	}
	for _, test := range []struct{ name, text, want string }{
		{"a large file", strings.Repeat("# x\n", 100_000), "rules/team/a/a.rego: the file has 391 kB; the limit is 256 kB: split it"},
		{"brackets", "x := " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "rules/team/a/a.rego:12: "},
		{"brackets that the parser takes", "x := " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "rules/team/a/a.rego:12: x is nested too deep"},
		{"a sum", "x := 1" + strings.Repeat(" + 1", 10_000), "rules/team/a/a.rego:12: x is nested too deep"},
		{"a union", "x := {1}" + strings.Repeat(" | {1}", 10_000), "rules/team/a/a.rego:12: x is nested too deep"},
		{"branches", "x := 1 if input.a\n" + strings.Repeat("else := 1 if input.a\n", 5_000), "rules/team/a/a.rego:12: x is nested too deep"},
		{"comparisons", "x if { 1" + strings.Repeat(" == 1", 10_000) + " }", "rules/team/a/a.rego:12: x is nested too deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Load(t.Context(), builtin(), file(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("lib/l%d/l.rego", i)] = fmt.Sprintf("package policies.lib.l%d\n", i) + strings.Repeat("# x\n", 60_000)
	}
	if _, err := Load(t.Context(), builtin(), own(files)); err == nil || !strings.Contains(err.Error(), "read policies rules: the rules and their examples have more than 4 MB together") {
		t.Errorf("many files: %v", err)
	}
	pipe := fstest.MapFS{"team/a/a.rego": {Mode: fs.ModeNamedPipe}}
	if _, err := Load(t.Context(), builtin(), Source{Name: "rules", FS: pipe}); err == nil || !strings.Contains(err.Error(), "this is not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
}

// TestCompilingIsBounded holds that rules cannot keep the compiler busy for ever.
func TestCompilingIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("package policies.lib.deep\n\nx0 := {\"a\": input.a}\n")
	for i := range 200 {
		fmt.Fprintf(&b, "\nx%d := {\"a\": x%d, \"b\": x%d, \"c\": [x%d]}\n", i+1, i, i, i)
	}
	var calls strings.Builder
	calls.WriteString("package policies.lib.calls\n\nf0(x) := x\n")
	for i := range 5000 {
		fmt.Fprintf(&calls, "\nf%d(x) := f%d(x)\n", i+1, i)
	}
	for name, text := range map[string]string{"deep": b.String(), "calls": calls.String()} {
		t.Run(name, func(t *testing.T) {
			library, err := Load(t.Context(), builtin(), own(map[string]string{"lib/" + name + "/x.rego": text}))
			if err != nil {
				t.Fatal(err)
			}
			library.patience = time.Second
			begun := time.Now()
			err = library.Prepare(context.Background())
			if err != nil && !strings.Contains(err.Error(), "compile the rules: it takes longer than 1s") {
				t.Error(err)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestWithheld holds which builtins rules have not, though their results depend on their arguments alone.
func TestWithheld(t *testing.T) {
	library, err := Load(t.Context(), builtin())
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, b := range library.capabilities().Builtins {
		has[b.Name] = true
	}
	for _, name := range []string{
		"http.send", "net.lookup_ip_addr", "opa.runtime", "time.now_ns", "rand.intn", "uuid.rfc4122", "json.match_schema", "json.verify_schema",
		"bits.lsh", "strings.render_template", "regex.globs_match", "graph.reachable_paths", "graphql.parse", "rego.parse_module",
		"crypto.x509.parse_and_verify_certificates", "crypto.parse_private_keys", "io.jwt.decode_verify", "io.jwt.encode_sign", "providers.aws.sign_req",
	} {
		if has[name] {
			t.Errorf("rules have %s", name)
		}
	}
	for _, name := range []string{"sprintf", "crypto.sha256", "json.patch", "yaml.unmarshal", "semver.compare", "units.parse", "glob.match", "time.parse_rfc3339_ns"} {
		if !has[name] {
			t.Errorf("rules have no %s", name)
		}
	}
}

func TestPanicIsAnError(t *testing.T) {
	_, err := recovered(func() (int, error) {
		var broken map[string]int
		//lint:ignore SA5000 it has to panic
		broken["a"] = 1
		return 0, nil
	})
	if err == nil || !strings.Contains(err.Error(), "a fault of the Rego engine: assignment to entry in nil map, in ") || !strings.Contains(err.Error(), "TestPanicIsAnError") {
		t.Errorf("got %v", err)
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("a", maxMessage-1) + "\u00e9\u00e9"
	if got := cut(long); got != long[:maxMessage-1]+"\u2026 (4099 bytes in all)" {
		t.Errorf("got the end %q", got[maxMessage-2:])
	}
	if got := cut("short"); got != "short" {
		t.Errorf("got %q", got)
	}
	result, failures := hostile(t, `deny contains {"msg": concat("", ["a" | some _ in numbers.range(1, 10000)]), "path": []}`, longest)
	if failures != nil {
		t.Fatal(failures)
	}
	for _, f := range result.Findings {
		if len(f.Message) > maxMessage+40 {
			t.Errorf("%s has a message of %d bytes", f.Check, len(f.Message))
		}
	}
}
