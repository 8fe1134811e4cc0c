package check

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func named(names ...string) []*Check {
	var checks []*Check
	for _, name := range names {
		checks = append(checks, &Check{
			Name: name, Title: "t", Doc: "d", Fix: "f", Origin: "o", Severity: Error, Scope: Overlay,
			Run: func(context.Context, *Pass) error { return nil },
		})
	}
	return checks
}

func names(checks []*Check) string {
	var list []string
	for _, c := range checks {
		list = append(list, c.Name)
	}
	return strings.Join(list, " ")
}

func TestSelect(t *testing.T) {
	checks := named("a/one", "a/two", "b/one", "ab/one")
	for _, test := range []struct{ patterns, want, err string }{
		{"", "a/one a/two b/one ab/one", ""},
		{"a", "a/one a/two", ""},
		{"b/one a/two", "a/two b/one", ""},
		{"!a", "b/one ab/one", ""},
		{"a !a/one", "a/two", ""},
		{"!a/one a", "a/two", ""},
		{"a a/one", "a/one a/two", ""},
		{"c", "", `no check or group is called "c"`},
		{"a !c", "", `no check or group is called "c"`},
		{"a/", "", `no check or group is called "a/"`},
		{"!", "", `no check or group is called ""`},
		{"a !a", "", "--checks a,!a leaves no check to run"},
		{"!a !b !ab", "", "leaves no check to run"},
	} {
		got, err := Select(checks, strings.Fields(test.patterns))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: got %s, %v; want %s", test.patterns, names(got), err, test.err)
			}
			continue
		}
		if err != nil || names(got) != test.want {
			t.Errorf("%q: got %s, %v; want %s", test.patterns, names(got), err, test.want)
		}
	}
}

func TestVerify(t *testing.T) {
	audit := named("a/two")[0]
	audit.Scope, audit.Run, audit.Audit = Itself, nil, func(Use) string { return "" }
	if err := Verify(append(named("a/one"), audit)); err != nil {
		t.Errorf("good checks: %v", err)
	}
	for _, test := range []struct {
		change func(*Check)
		want   string
	}{
		{func(c *Check) { c.Name = "one" }, "the name is not of the form group/rule"},
		{func(c *Check) { c.Name = "A/one" }, "the name is not of the form group/rule"},
		{func(c *Check) { c.Name = "a/two" }, "the name is taken twice"},
		{func(c *Check) { c.Title = "" }, "Title is empty"},
		{func(c *Check) { c.Doc = " " }, "Doc is empty"},
		{func(c *Check) { c.Fix = "" }, "Fix is empty"},
		{func(c *Check) { c.Origin = "" }, "Origin is empty"},
		{func(c *Check) { c.Severity = "info" }, `severity "info" is not error or warning`},
		{func(c *Check) { c.Severity = "" }, `severity "" is not error or warning`},
		{func(c *Check) { c.Scope = "" }, `scope "" is not object, overlay, repository, update or run`},
		{func(c *Check) { c.Run = nil }, "nothing to run"},
		{func(c *Check) { c.Scope = Itself }, "nothing to run"},
		{func(c *Check) { c.Bad = "kind: A" }, "of Bad and Good one is empty"},
		{func(c *Check) { c.Bad, c.Good = "\n", "kind: A" }, "of Bad and Good one is empty"},
	} {
		checks := named("a/two", "a/one")
		test.change(checks[1])
		if err := Verify(checks); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func object(kind, name string) *manifest.Object {
	return &manifest.Object{
		ID:     manifest.ID{APIVersion: "v1", Kind: kind, Namespace: "ns", Name: name},
		Source: manifest.Position{File: name + ".yaml", Line: 1},
	}
}

func target(path string, names ...string) *Target {
	t := &Target{Path: path}
	for _, name := range names {
		t.Objects = append(t.Objects, object("ConfigMap", name))
	}
	return t
}

// everything reports each object of each target.
func everything(name string, scope Scope) *Check {
	c := named(name)[0]
	c.Scope = scope
	c.Run = func(_ context.Context, pass *Pass) error {
		for _, target := range pass.Targets {
			for _, object := range target.Objects {
				pass.Report(target, object, manifest.Path{"data", "a"}, "bad")
			}
		}
		return nil
	}
	return c
}

func lines(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		name := "-"
		if f.Object != nil {
			name = f.Object.Name
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", f.Target, name, f.Check, f.Source))
	}
	return out
}

func TestRunOrder(t *testing.T) {
	want := []string{
		"z - t/whole file.yaml:3",
		"z a a/one a.yaml:1", "z a b/one a.yaml:1", "z b a/one b.yaml:1", "z b b/one b.yaml:1",
		"y c a/one c.yaml:1", "y c b/one c.yaml:1",
	}
	// The others are held back until a/one has begun; it comes first, so that it waits for no free place behind them.
	for _, order := range []string{"a/one b/one t/whole", "a/one t/whole b/one"} {
		var plan Plan
		started := make(chan struct{})
		var once sync.Once
		for _, name := range strings.Fields(order) {
			c := everything(name, Overlay)
			report := c.Run
			if name == "t/whole" {
				report = func(_ context.Context, pass *Pass) error {
					for range 2 { // the same finding twice is one, and so is the same line in two targets
						pass.ReportTarget(pass.Targets[0], manifest.Position{File: "file.yaml", Line: 3}, "bad")
					}
					return nil
				}
			}
			c.Run = func(ctx context.Context, pass *Pass) error {
				if name == "a/one" {
					once.Do(func() { close(started) })
				} else {
					<-started
				}
				return report(ctx, pass)
			}
			plan.Checks = append(plan.Checks, c)
		}
		plan.Targets = []*Target{target("z", "b", "a"), target("y", "c")}
		result, failures := Run(context.Background(), plan)
		if got := lines(result.Findings); !reflect.DeepEqual(got, want) || failures != nil {
			t.Errorf("%s: got %q, %v\nwant %q", order, got, failures, want)
		}
	}
}

func TestRunLocate(t *testing.T) {
	at := target("t", "a", "b")
	at.Locate = func(o *manifest.Object, path manifest.Path) manifest.Origin {
		if o.Name == "b" {
			return manifest.Origin{} // not known
		}
		return manifest.Origin{Position: manifest.Position{File: "patch.yaml", Line: len(path)}}
	}
	result, _ := Run(context.Background(), Plan{Checks: []*Check{everything("a/one", Object)}, Targets: []*Target{at}})
	want := []string{"t a a/one patch.yaml:2", "t b a/one b.yaml:1"}
	if got := lines(result.Findings); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if f := result.Findings[0]; f.Severity != Error || f.Fix != "f" || f.Message != "bad" || f.Path.String() != "data.a" {
		t.Errorf("got %+v", f)
	}
}

// A run that has been given up looks for no line any more.
func TestReportEndsWithTheRun(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	object, looked := &manifest.Object{ID: manifest.ID{Kind: "Pod", Name: "p"}}, 0
	target := &Target{Path: "a", Objects: []*manifest.Object{object}, Locate: func(*manifest.Object, manifest.Path) manifest.Origin {
		if looked++; looked == 2 {
			end()
		}
		return manifest.Origin{}
	}}
	checks := named("a/one")
	checks[0].Run = func(_ context.Context, pass *Pass) error {
		for i := range 5 {
			pass.Report(target, object, manifest.Path{"spec", i}, "m")
		}
		return nil
	}
	Begin(checks).Judge(ctx, target)
	if looked != 2 {
		t.Errorf("looked for %d lines, want the two until the end", looked)
	}
}

// TestRunMerges holds that what one line does in several targets and objects is one finding, and nothing else is.
func TestRunMerges(t *testing.T) {
	type fault struct{ target, object, path, message, file string }
	for _, test := range []struct {
		name   string
		faults []fault
		want   []string // file, message, and the places of each
	}{
		{"targets", []fault{{"x", "a", "p", "bad", "f:1"}, {"y", "a", "p", "bad", "f:1"}}, []string{"f:1 bad: x a p, y a p"}},
		{"objects of one target", []fault{{"x", "a", "p", "bad", "f:1"}, {"x", "b", "p", "bad", "f:1"}}, []string{"f:1 bad: x a p, x b p"}},
		{"names in messages", []fault{{"x", "dev-a", "p", "dev-a is bad", "f:1"}, {"y", "prod-a", "p", "prod-a is bad", "f:1"}}, []string{"f:1 dev-a is bad: x dev-a p, y prod-a p"}},
		{"a name that is a part of the message", []fault{{"x", "bad", "p", "bad", "f:1"}, {"y", "new-bad", "p", "bad", "f:1"}}, []string{"f:1 bad: x bad p, y new-bad p"}},
		{"names of which one begins as the other, and as what both speak of", []fault{{"x", "web", "p", `"web" needs web-db`, "f:1"}, {"x", "web-canary", "p", `"web-canary" needs web-db`, "f:1"}},
			[]string{`f:1 "web" needs web-db: x web p, x web-canary p`}},
		{"a namespace in the name", []fault{{"x", "ns", "p", "ns is bad", "f:1"}, {"x", "ns-canary", "p", "ns-canary is bad", "f:1"}}, []string{"f:1 ns is bad: x ns p, x ns-canary p"}},
		{"an item that moved", []fault{{"x", "a", "p[0]", "bad", "f:1"}, {"y", "a", "p[1]", "bad", "f:1"}}, []string{"f:1 bad: x a p[0], y a p[1]"}},
		{"twice in one object", []fault{{"x", "a", "p[0]", "bad", "f:1"}, {"x", "a", "p[1]", "bad", "f:1"}, {"y", "a", "p[0]", "bad", "f:1"}, {"y", "a", "p[1]", "bad", "f:1"}},
			[]string{"f:1 bad: x a p[0], y a p[0]", "f:1 bad: x a p[1], y a p[1]"}},
		{"another line", []fault{{"x", "a", "p", "bad", "f:1"}, {"y", "a", "p", "bad", "f:2"}}, []string{"f:1 bad: x a p", "f:2 bad: y a p"}},
		{"another message", []fault{{"x", "a", "p", "bad", "f:1"}, {"y", "a", "p", "worse", "f:1"}}, []string{"f:1 bad: x a p", "f:1 worse: y a p"}},
		{"no line", []fault{{"x", "a", "p", "bad", "f:0"}, {"y", "a", "p", "bad", "f:0"}}, []string{"f bad: x a p", "f bad: y a p"}},
		{"no object", []fault{{"x", "", "", "bad", "f:1"}, {"y", "", "", "bad", "f:1"}}, []string{"f:1 bad: x - , y - "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := named("a/one")[0]
			c.Run = func(_ context.Context, pass *Pass) error {
				for _, f := range test.faults {
					if f.target != pass.Targets[0].Path {
						continue
					}
					file, line, _ := strings.Cut(f.file, ":")
					source := manifest.Position{File: file}
					if _, err := fmt.Sscan(line, &source.Line); err != nil {
						return err
					}
					if f.object == "" {
						pass.ReportTarget(pass.Targets[0], source, f.message)
						continue
					}
					path, err := manifest.ParsePath(f.path)
					if err != nil {
						return err
					}
					o := object("ConfigMap", f.object)
					o.Source = source
					pass.Report(pass.Targets[0], o, path, f.message)
				}
				return nil
			}
			result, _ := Run(context.Background(), Plan{Checks: []*Check{c}, Targets: []*Target{target("x"), target("y")}})
			var got []string
			for _, f := range result.Findings {
				var places []string
				for _, p := range f.Places() {
					name := "-"
					if p.Object != nil {
						name = p.Object.Name
					}
					places = append(places, p.Target+" "+name+" "+p.Path.String())
				}
				got = append(got, fmt.Sprintf("%s %s: %s", f.Source, f.Message, strings.Join(places, ", ")))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestRunScope(t *testing.T) {
	both := []*Target{target("x", "a"), target("y", "b")}
	whole := everything("r/whole", Repository)
	for _, test := range []struct {
		name     string
		targets  []*Target
		all      []string
		findings int
		omitted  []string
	}{
		{"every target", both, []string{"x", "y"}, 2, nil},
		{"more than every target", both, []string{"x"}, 2, nil},
		{"one is left out", both[:1], []string{"x", "y"}, 0, []string{"r/whole"}},
		{"none is known", both, nil, 0, []string{"r/whole"}},
	} {
		result, _ := Run(context.Background(), Plan{Checks: []*Check{whole}, Targets: test.targets, All: test.all})
		if len(result.Findings) != test.findings || !reflect.DeepEqual(result.Omitted, test.omitted) {
			t.Errorf("%s: %d findings, omitted %v", test.name, len(result.Findings), result.Omitted)
		}
	}
}

func TestRunFailures(t *testing.T) {
	broken := func(name, message string) *Check {
		c := named(name)[0]
		c.Run = func(context.Context, *Pass) error { return errors.New(message) }
		return c
	}
	result, failures := Run(context.Background(), Plan{
		Checks:  []*Check{broken("a/one", "engine down"), broken("a/two", "engine down"), broken("a/three", "other"), everything("b/one", Object)},
		Targets: []*Target{target("x", "a"), target("y", "b")},
		Exemptions: []Exemption{
			{Check: "a/one", Expires: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)},
		},
	})
	var got []string
	for _, f := range failures {
		got = append(got, f.Target+" "+f.Err.Error())
	}
	if want := []string{"x engine down", "y engine down", "x other", "y other"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(result.Findings) != 2 {
		t.Errorf("the other checks found %q", lines(result.Findings))
	}
}

func TestEnding(t *testing.T) {
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	exempted := func(line int, last string) Exempted {
		return Exempted{Exemption: Exemption{Check: "a/one", Source: manifest.Position{File: "kgate.yaml", Line: line}, Expires: day(last)}}
	}
	all := []Exempted{exempted(9, "2026-07-15"), exempted(3, "2026-07-16"), exempted(9, "2026-07-15"), exempted(4, "2026-06-15"), exempted(8, "2026-07-15")}
	var got []string
	for _, e := range Ending(all, day("2026-06-15").Add(23*time.Hour)) {
		got = append(got, fmt.Sprintf("%d %s", e.Source.Line, e.Expires.Format(time.DateOnly)))
	}
	if want := []string{"4 2026-06-15", "8 2026-07-15", "9 2026-07-15"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExampleFiles(t *testing.T) {
	for _, test := range []struct {
		text string
		want []ExampleFile
	}{
		{"", nil},
		{"kind: A\n---\nkind: B\n", []ExampleFile{{"example.yaml", "kind: A\n---\nkind: B\n", 1}}},
		{"# file: a.yaml\nkind: A\n---\n# file: b/c.yaml\nkind: B", []ExampleFile{{"a.yaml", "kind: A\n", 2}, {"b/c.yaml", "kind: B\n", 5}}},
		{"# It is nobody's.\n\n# file: b.yaml\nkind: B\n", []ExampleFile{{"b.yaml", "kind: B\n", 4}}},
		{"# file: a.yaml\n# Nothing.\n# file: b.yaml\nkind: B\n", []ExampleFile{{"a.yaml", "# Nothing.\n", 2}, {"b.yaml", "kind: B\n", 4}}},
		{"kind: A # file: no\n# file: b.yaml\nkind: B\n---\n", []ExampleFile{{"example.yaml", "kind: A # file: no\n", 1}, {"b.yaml", "kind: B\n", 3}}},
	} {
		if got := ExampleFiles(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %v, want %v", test.text, got, test.want)
		}
	}
}

// TestExemptionWithoutObject holds that an exemption for an object does not cover a fault of the target.
func TestExemptionWithoutObject(t *testing.T) {
	c := named("a/one")[0]
	c.Run = func(_ context.Context, pass *Pass) error {
		pass.ReportTarget(pass.Targets[0], manifest.Position{File: "kustomization.yaml", Line: 1}, "bad")
		return nil
	}
	for kind, want := range map[string]int{"": 0, "ConfigMap": 1} {
		result, _ := Run(context.Background(), Plan{
			Checks: []*Check{c}, Targets: []*Target{target("x")},
			Exemptions: []Exemption{{Check: "a/one", Object: ObjectPattern{Kind: kind}, Expires: time.Unix(1<<33, 0)}},
		})
		if len(result.Findings) != want {
			t.Errorf("kind %q: %d findings, want %d", kind, len(result.Findings), want)
		}
	}
}

func TestRunYields(t *testing.T) {
	at := func(name string, paths ...string) *Check {
		c := named(name)[0]
		c.Run = func(_ context.Context, pass *Pass) error {
			for _, text := range paths {
				path, err := manifest.ParsePath(text)
				if err != nil {
					return err
				}
				if pass.Report(pass.Targets[0], pass.Targets[0].Objects[0], path, "bad"); name == "b/second" {
					pass.ReportWhole(pass.Targets[0], pass.Targets[0].Objects[0], path, "bad as a whole")
				}
			}
			return nil
		}
		return c
	}
	first, second := at("a/first", "spec.ports[0]", "data"), at("b/second", "spec.ports[0]", "spec.ports[0].name", "spec.ports", "spec.portsmouth", "spec.ports[1]", "data.key")
	second.Yields = []string{"a/first"}
	for _, checks := range [][]*Check{{first, second}, {second}} {
		result, _ := Run(context.Background(), Plan{Checks: checks, Targets: []*Target{target("t", "x"), target("u", "y")}})
		var got []string
		for _, f := range result.Findings {
			if f.Check == "b/second" && f.Target == "t" {
				got = append(got, f.Path.String()+strings.TrimPrefix(f.Message, "bad"))
			}
		}
		want := []string{"spec.portsmouth", "spec.ports[1]"}
		if len(checks) == 1 { // nobody to yield to
			want = []string{"data.key", "spec.ports", "spec.ports[0]", "spec.ports[0].name", "spec.ports[1]", "spec.portsmouth"}
		}
		for _, path := range want {
			want = append(want, path+" as a whole")
		}
		if len(checks) > 1 { // an item that is bad does not make it so that they repeat
			want = append(want, "spec.ports as a whole")
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d checks: got %q, want %q", len(checks), got, want)
		}
	}
}

// What an entry does in one target counts for all, also for those judged before it; where something outside of the run
// reads it, nobody knows. What has no effect anywhere is one finding.
func TestRunEntries(t *testing.T) {
	entry := manifest.Position{File: "c", Line: 3}
	idle := func(path, message, shared string) *Target {
		return &Target{Path: path, Faults: []Fault{{Check: "g/idle", Source: manifest.Position{File: "c", Line: len(message)}, Message: message, Entry: entry, Shared: shared}}}
	}
	works := &Target{Path: "z", Effects: []Entry{{"g/idle", entry}}}
	c := named("g/idle")[0]
	c.Scope = Overlay
	c.Run = func(_ context.Context, pass *Pass) error {
		for _, fault := range pass.Targets[0].Faults {
			pass.ReportFault(pass.Targets[0], fault)
		}
		return nil
	}
	for _, test := range []struct {
		name    string
		targets []*Target
		read    bool
		want    []string
	}{
		{"nowhere", []*Target{idle("x", "no x", "c"), idle("y", "none y", "c")}, false, []string{"c:4 no x [x y]"}},
		{"in another target", []*Target{idle("x", "no x", "c"), idle("y", "none y", "c"), works}, false, nil},
		{"perhaps outside of the run", []*Target{idle("x", "no x", "c")}, true, nil},
		{"an entry that is not shared", []*Target{idle("x", "no x", "")}, true, []string{"c:4 no x [x]"}},
		{"another check of the same entry", []*Target{idle("x", "no x", "c"), {Path: "z", Effects: []Entry{{"g/other", entry}}}}, false, []string{"c:4 no x [x]"}},
	} {
		result, _ := Run(t.Context(), Plan{Checks: []*Check{c}, Targets: test.targets, Elsewhere: func(dir string, _ bool) bool { return test.read && dir == "c" }})
		var got []string
		for _, f := range result.Findings {
			got = append(got, fmt.Sprintf("%s %s %v", f.Source, f.Message, f.Targets()))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
