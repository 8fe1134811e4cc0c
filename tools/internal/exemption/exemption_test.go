package exemption

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestChecks(t *testing.T) {
	if err := check.Verify(Checks()); err != nil {
		t.Error(err)
	}
}

func object(kind, name string) *manifest.Object {
	return &manifest.Object{
		ID:     manifest.ID{APIVersion: "v1", Kind: kind, Namespace: "ns", Name: name},
		Source: manifest.Position{File: name + ".yaml", Line: 1},
	}
}

func target(path string, names ...string) *check.Target {
	t := &check.Target{Path: path}
	for _, name := range names {
		t.Objects = append(t.Objects, object("ConfigMap", name))
	}
	return t
}

// quiet finds nothing, everything reports each object.
func quiet(name string) *check.Check {
	return &check.Check{Name: name, Severity: check.Error, Scope: check.Object, Run: func(context.Context, *check.Pass) error { return nil }}
}

func everything(name string) *check.Check {
	c := quiet(name)
	c.Run = func(_ context.Context, pass *check.Pass) error {
		for _, target := range pass.Targets {
			for _, object := range target.Objects {
				pass.Report(target, object, manifest.Path{"data", "a"}, "bad")
			}
		}
		return nil
	}
	return c
}

func lines(findings []check.Finding) []string {
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

func TestExemptions(t *testing.T) {
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	now := day("2026-06-15").Add(23 * time.Hour)
	expired, unused := "kgate.yaml - exemption/expired kgate.yaml:7", "kgate.yaml - exemption/unused kgate.yaml:7"
	long := "kgate.yaml - exemption/too-long kgate.yaml:7"
	x, y := "x a a/one a.yaml:1", "y b a/one b.yaml:1"
	for _, test := range []struct {
		name      string
		exemption check.Exemption
		checks    string // besides a/one
		targets   int
		want      []string
	}{
		{"everything", check.Exemption{}, "exemption", 2, nil},
		{"last day", check.Exemption{Expires: day("2026-06-15")}, "exemption", 2, nil},
		{"day after", check.Exemption{Expires: day("2026-06-14")}, "exemption", 2, []string{x, y, expired}},
		{"expired, and nobody asks", check.Exemption{Expires: day("2026-06-14")}, "", 2, []string{x, y}},
		{"longest term", check.Exemption{Expires: day("2027-06-15")}, "exemption", 2, nil},
		{"a day more", check.Exemption{Expires: day("2027-06-16")}, "exemption", 2, []string{x, y, long}},
		{"a day more, and nobody asks", check.Exemption{Expires: day("2027-06-16")}, "", 2, []string{x, y}},
		{"for ever", check.Exemption{Expires: day("9999-12-31")}, "exemption", 1, []string{x, long}},
		{"leaving", check.Exemption{Leaving: true}, "exemption", 2, nil},
		{"leaving and idle", check.Exemption{Leaving: true, Target: "z"}, "exemption", 2, []string{x, y}},
		{"leaving and over", check.Exemption{Leaving: true, Expires: day("2026-06-14")}, "exemption", 2, []string{x, y}},
		{"leaving and long", check.Exemption{Leaving: true, Expires: day("9999-12-31")}, "exemption", 2, []string{x, y}},
		{"target", check.Exemption{Target: "x"}, "exemption", 2, []string{y}},
		{"glob", check.Exemption{Target: "*"}, "exemption", 2, nil},
		{"another target", check.Exemption{Target: "x/*"}, "exemption", 2, []string{x, y, unused}},
		{"kind", check.Exemption{Object: check.ObjectPattern{Kind: "ConfigMap"}}, "exemption", 2, nil},
		{"apiVersion", check.Exemption{Object: check.ObjectPattern{APIVersion: "v2"}}, "exemption", 2, []string{x, y, unused}},
		{"namespace", check.Exemption{Object: check.ObjectPattern{Namespace: "other"}}, "exemption", 2, []string{x, y, unused}},
		{"name", check.Exemption{Object: check.ObjectPattern{Kind: "ConfigMap", Namespace: "ns", Name: "b"}}, "exemption", 2, []string{x}},
		{"path above", check.Exemption{Path: manifest.Path{"data"}}, "exemption", 2, nil},
		{"path itself", check.Exemption{Path: manifest.Path{"data", "a"}}, "exemption", 2, nil},
		{"path below", check.Exemption{Path: manifest.Path{"data", "a", "b"}}, "exemption", 2, []string{x, y, unused}},
		{"another check", check.Exemption{Check: "a/two"}, "exemption", 2, []string{x, y, unused}},
		{"a check that did not run", check.Exemption{Check: "b/one"}, "exemption", 2, []string{x, y}},
		{"idle, but y was not checked", check.Exemption{Target: "y"}, "exemption", 1, []string{x}},
		{"idle for x, and x was checked", check.Exemption{Target: "x", Object: check.ObjectPattern{Name: "b"}}, "exemption", 1, []string{x, unused}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := test.exemption
			e.Source = manifest.Position{File: "kgate.yaml", Line: 7}
			if e.Check == "" {
				e.Check = "a/one"
			}
			if e.Expires.IsZero() {
				e.Expires = day("2027-01-01")
			}
			checks := []*check.Check{everything("a/one"), quiet("a/two")}
			if test.checks != "" {
				checks = append(checks, Checks()...)
			}
			result, _ := check.Run(context.Background(), check.Plan{
				Checks: checks, All: []string{"x", "y"}, Now: now, Latest: day("2027-06-15"), Exemptions: []check.Exemption{e},
				Targets: []*check.Target{target("x", "a"), target("y", "b")}[:test.targets],
			})
			if got := lines(result.Findings); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestCarriedExemption holds that an exemption in an annotation covers the objects that hold it and no other, and is
// judged as idle only by a run over everything.
func TestCarriedExemption(t *testing.T) {
	held := manifest.Position{File: "a.yaml", Line: 5}
	holder := func(target, name string) check.Holder {
		return check.Holder{Target: target, Object: object("ConfigMap", name).ID}
	}
	dx, dy, ey := "x a a/one a.yaml:1", "y a a/one a.yaml:1", "y b a/one b.yaml:1"
	idleX, idleY := "x a exemption/unused a.yaml:5", "y a exemption/unused a.yaml:5"
	for _, test := range []struct {
		name    string
		holders []check.Holder
		path    manifest.Path
		targets int
		want    []string
	}{
		{"in both targets", []check.Holder{holder("x", "a"), holder("y", "a")}, nil, 2, []string{ey}},
		{"in one", []check.Holder{holder("x", "a")}, nil, 2, []string{dy, ey}},
		{"used in one of two", []check.Holder{holder("x", "another"), holder("y", "a")}, nil, 2, []string{dx, ey}},
		{"idle", []check.Holder{holder("x", "a"), holder("y", "a")}, manifest.Path{"spec"}, 2, []string{dx, dy, ey, idleX, idleY}},
		{"idle, and y was not checked", []check.Holder{holder("x", "a")}, manifest.Path{"spec"}, 1, []string{dx}},
		{"used, and y was not checked", []check.Holder{holder("x", "a")}, nil, 1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, _ := check.Run(context.Background(), check.Plan{
				Checks: append([]*check.Check{everything("a/one")}, Checks()...), All: []string{"x", "y"},
				Exemptions: []check.Exemption{{Check: "a/one", Path: test.path, Holders: test.holders, Source: held, Expires: time.Unix(1<<33, 0)}},
				Targets:    []*check.Target{target("x", "a"), target("y", "a", "b")}[:test.targets],
			})
			var got []string
			for _, f := range result.Findings {
				for _, p := range f.Places() {
					f.Place = p
					got = append(got, lines([]check.Finding{f})...)
					if f.Check == "exemption/unused" && p.Path.String() != `metadata.annotations["kgate.dev/exempt"]` {
						t.Errorf("an idle exemption at %q", p.Path)
					}
				}
			}
			want := slices.Sorted(slices.Values(test.want))
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// TestTwoExemptionsOfOneLine holds that one that lets nothing pass is found beside one that does, wherever it stands.
func TestTwoExemptionsOfOneLine(t *testing.T) {
	e := check.Exemption{Check: "a/one", Source: manifest.Position{File: "kgate.yaml", Line: 7}, Expires: time.Unix(1<<33, 0)}
	result, _ := check.Run(context.Background(), check.Plan{
		Checks: append([]*check.Check{everything("a/one")}, Checks()...), Targets: []*check.Target{target("x", "a")}, Exemptions: []check.Exemption{e, e},
	})
	if got := lines(result.Findings); !slices.Equal(got, []string{"kgate.yaml - exemption/unused kgate.yaml:7"}) {
		t.Errorf("got %q", got)
	}
}
