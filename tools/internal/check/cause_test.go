package check

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// tree is findings as a report shows them: what follows from one is in brackets behind it.
func tree(findings []Finding) []string {
	var out []string
	for _, f := range findings {
		said := f.Check + " " + f.Message
		if below := tree(f.Follows); len(below) > 0 {
			said += " [" + strings.Join(below, ", ") + "]"
		}
		out = append(out, said)
	}
	return out
}

// says is a check of the name that reports with a function.
func says(name string, report func(pass *Pass, target *Target)) *Check {
	c := named(name)[0]
	c.Run = func(_ context.Context, pass *Pass) error {
		report(pass, pass.Targets[0])
		return nil
	}
	return c
}

// What is found inside a field whose finding is the cause of it stands below that one; what is found around it does not, and
// nothing does where the cause is exempt or switched off.
func TestRunCauses(t *testing.T) {
	at := func(name, path string, causes bool) *Check {
		c := says(name, func(pass *Pass, target *Target) {
			path, err := manifest.ParsePath(path)
			if err != nil {
				t.Error(err)
			}
			pass.Report(target, target.Objects[0], path, "x")
		})
		c.Causes = causes
		return c
	}
	checks := []*Check{at("g/cause", "spec.containers[1]", true), at("g/same", "spec.containers[1]", false), at("g/inside", "spec.containers[1].image", false),
		at("g/beside", "spec.containers[0].image", false), at("g/around", "spec", false), at("g/tenth", "spec.containers[10]", false)}
	if err := Verify(checks); err != nil {
		t.Fatal(err)
	}
	alone := []string{"g/around x", "g/beside x", "g/inside x", "g/same x", "g/tenth x"}
	for _, test := range []struct {
		name   string
		change func(*Plan)
		want   []string
	}{
		{"as it is", func(*Plan) {}, []string{"g/around x", "g/beside x", "g/cause x [g/inside x, g/same x]", "g/tenth x"}},
		{"an exempt cause", func(p *Plan) { p.Exemptions = []Exemption{{Check: "g/cause", Expires: p.Now.AddDate(0, 1, 0)}} }, alone},
		{"a cause that is off", func(p *Plan) {
			p.Severity = func(c *Check, _ string) Severity {
				if c.Name == "g/cause" {
					return ""
				}
				return c.Severity
			}
		}, alone},
		{"a cause that weighs less", func(p *Plan) {
			p.Severity = func(c *Check, _ string) Severity {
				if c.Name == "g/cause" || c.Name == "g/same" {
					return Warning
				}
				return c.Severity
			}
		}, []string{"g/around x", "g/beside x", "g/cause x [g/same x]", "g/inside x", "g/tenth x"}},
		{"an exempt follower", func(p *Plan) { p.Exemptions = []Exemption{{Check: "g/same", Expires: p.Now.AddDate(0, 1, 0)}} },
			[]string{"g/around x", "g/beside x", "g/cause x [g/inside x]", "g/tenth x"}},
	} {
		plan := Plan{Checks: checks, Targets: []*Target{target("x", "a")}}
		test.change(&plan)
		result, failed := Run(t.Context(), plan)
		got := tree(result.Findings)
		slices.Sort(got)
		if len(failed) > 0 || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q; failed %v", test.name, got, test.want, failed)
		}
	}
}

// What misses the same object is one mistake, in whatever checks, objects and targets it shows.
func TestRunMissingTogether(t *testing.T) {
	missing := func(kind, name string) Reference { return Reference{kind, "ns", name} }
	refers := says("g/refers", func(pass *Pass, target *Target) {
		for i, object := range target.Objects {
			if name := []string{"one", "two", "one"}[i]; name != "" {
				pass.ReportMissing(Field{target, object, manifest.Path{"a"}}, object.Name+" needs "+name, missing("Secret", name))
			}
		}
	})
	also := says("g/also", func(pass *Pass, target *Target) {
		pass.ReportMissing(Field{target, target.Objects[2], manifest.Path{"b"}}, "needs one", missing("Secret", "one"))
	})
	also.Severity = Warning
	result, _ := Run(t.Context(), Plan{Checks: []*Check{also, refers}, Targets: []*Target{target("x", "a", "b", "c")}})
	if got, want := tree(result.Findings), []string{"g/refers a needs one [g/also needs one, g/refers c needs one]", "g/refers b needs two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// An error is never hidden below a warning.
	also.Severity, refers.Severity = Error, Warning
	result, _ = Run(t.Context(), Plan{Checks: []*Check{also, refers}, Targets: []*Target{target("x", "a", "b", "c")}})
	if got, want := tree(result.Findings), []string{"g/refers b needs two", "g/also needs one [g/refers a needs one, g/refers c needs one]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What two checks miss for one value is one mistake; not what they miss for a list or a mapping, nor what one check misses twice.
func TestRunMissingForOneValue(t *testing.T) {
	misses := func(name, path string, missing ...string) *Check {
		return says(name, func(pass *Pass, target *Target) {
			path, err := manifest.ParsePath(path)
			if err != nil {
				t.Error(err)
			}
			for _, m := range missing {
				pass.ReportMissing(Field{target, target.Objects[0], path}, m, Reference{"Secret", "ns", m})
			}
		})
	}
	for _, test := range []struct {
		name   string
		checks []*Check
		want   []string
	}{
		{"a value", []*Check{misses("g/a", "spec.peer", "a"), misses("g/b", "spec.peer", "b", "c")}, []string{"g/a a [g/b b, g/b c]"}},
		{"one check", []*Check{misses("g/a", "spec.peer", "a", "b")}, []string{"g/a a", "g/a b"}},
		{"another value", []*Check{misses("g/a", "spec.peer", "a"), misses("g/b", "spec.list[0]", "b")}, []string{"g/a a", "g/b b"}},
		{"a list", []*Check{misses("g/a", "spec.list", "a"), misses("g/b", "spec.list", "b")}, []string{"g/a a", "g/b b"}},
		{"a field that is not there", []*Check{misses("g/a", "spec.gone", "a"), misses("g/b", "spec.gone", "b")}, []string{"g/a a", "g/b b"}},
	} {
		subject := &Target{Path: "x", Objects: []*manifest.Object{deployment(map[string]any{"metadata": map[string]any{"name": "a"},
			"spec": map[string]any{"peer": "other", "list": []any{"b"}}})}}
		result, _ := Run(t.Context(), Plan{Checks: test.checks, Targets: []*Target{subject}})
		if got := tree(result.Findings); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	// An error is never hidden below a warning.
	light, heavy := misses("g/a", "spec.peer", "a"), misses("g/b", "spec.peer", "b")
	light.Severity = Warning
	result, _ := Run(t.Context(), Plan{Checks: []*Check{light, heavy}, Targets: []*Target{{Path: "x", Objects: []*manifest.Object{
		deployment(map[string]any{"spec": map[string]any{"peer": "other"}})}}}})
	if got, want := tree(result.Findings), []string{"g/b b [g/a a]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func deployment(value map[string]any) *manifest.Object {
	value["apiVersion"], value["kind"] = "apps/v1", "Deployment"
	return &manifest.Object{ID: manifest.Identify(value), Value: value, Source: manifest.Position{File: "a.yaml", Line: 1}}
}

// What is gone once a misspelt field is called as it is meant follows from it, and only that.
func TestRunMisspelt(t *testing.T) {
	misspelt := says("g/unknown", func(pass *Pass, target *Target) {
		for _, object := range target.Objects {
			for _, key := range []string{"replcas", "strtegy"} {
				if manifest.At(object.Value, "spec", key) != nil {
					mend := map[string]*Mend{"replcas": {Path: manifest.Path{"spec", key}, Name: "replicas"}, "strtegy": {Path: manifest.Path{"spec", key}, Name: "strategy"}}[key]
					pass.ReportMisspelt(Error, target, object, manifest.Path{"spec", key}, "unknown "+key, mend)
				}
			}
		}
	})
	absent := says("g/absent", func(pass *Pass, target *Target) {
		for _, object := range target.Objects {
			for _, key := range []string{"replicas", "strategy", "paused"} {
				if manifest.At(object.Value, "spec", key) == nil {
					pass.Report(target, object, manifest.Path{"spec", key}, "no "+key)
				}
			}
		}
	})
	elsewhere := says("g/elsewhere", func(pass *Pass, target *Target) {
		n := 0
		for _, object := range target.Objects {
			if count, ok := manifest.At(object.Value, "spec", "replicas").(int64); ok {
				n += int(count)
			}
		}
		if n < 3 {
			pass.Report(target, target.Objects[len(target.Objects)-1], manifest.Path{"metadata"}, fmt.Sprintf("%d replicas", n))
		}
	})
	object := func(name string, spec map[string]any) *manifest.Object {
		return deployment(map[string]any{"metadata": map[string]any{"name": name}, "spec": spec})
	}
	checks := []*Check{misspelt, absent, elsewhere}
	for _, test := range []struct {
		name    string
		objects []*manifest.Object
		want    []string
	}{
		{"one", []*manifest.Object{object("a", map[string]any{"replcas": int64(3), "strategy": "x"})},
			[]string{"g/absent no paused", "g/unknown unknown replcas [g/elsewhere 0 replicas, g/absent no replicas]"}},
		{"two, each with its own", []*manifest.Object{object("a", map[string]any{"replcas": int64(1), "strtegy": "x", "paused": true})},
			[]string{"g/elsewhere 0 replicas", "g/unknown unknown replcas [g/absent no replicas]", "g/unknown unknown strtegy [g/absent no strategy]"}},
		{"no mend: the field is there", []*manifest.Object{object("a", map[string]any{"replcas": int64(3), "replicas": int64(1), "strategy": "x", "paused": true})},
			[]string{"g/elsewhere 1 replicas", "g/unknown unknown replcas"}},
		{"alone", []*manifest.Object{object("a", map[string]any{"replcas": int64(3), "replicas": int64(3), "strategy": "x", "paused": true})},
			[]string{"g/unknown unknown replcas"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			round := Begin(checks)
			forgotten := 0
			round.Forget = func(*Target) { forgotten++ }
			x := &Target{Path: "x", Objects: test.objects, Locate: func(o *manifest.Object, path manifest.Path) manifest.Origin {
				return manifest.Origin{Position: manifest.Position{File: o.Name + ".yaml", Line: 1 + len(path.String())}}
			}}
			round.Judge(t.Context(), x)
			result, failed := round.End(t.Context(), Plan{Checks: checks, Targets: []*Target{x}})
			got := tree(result.Findings)
			slices.Sort(got)
			if len(failed) > 0 || !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q; failed %v", got, test.want, failed)
			}
			if raw, _ := round.Findings(); forgotten > len(raw) {
				t.Errorf("%d targets made of it", forgotten)
			}
		})
	}
}

// Where a name is a letter away from what is missing, all that is gone with the right one follows; where others call the
// object as it is, nothing does.
func TestRunNearlyMissing(t *testing.T) {
	refer := func(check, object string, path manifest.Path) *Check {
		return says(check, func(pass *Pass, target *Target) {
			if !slices.ContainsFunc(target.Objects, func(o *manifest.Object) bool { return o.Name == object }) {
				pass.ReportMissing(Field{target, target.Objects[0], path}, "no "+object, Reference{"Deployment", "ns", object})
			}
		})
	}
	subset := says("g/subset", func(pass *Pass, target *Target) {
		if !slices.ContainsFunc(target.Objects, func(o *manifest.Object) bool { return o.Name == "backend" }) {
			pass.Report(target, target.Objects[0], manifest.Path{"subset"}, "no subset")
		}
	})
	other := says("g/other", func(pass *Pass, target *Target) {
		pass.Report(target, target.Objects[0], manifest.Path{"other"}, "other")
	})
	object := func(name string) *manifest.Object {
		return deployment(map[string]any{"metadata": map[string]any{"name": name, "namespace": "ns"}})
	}
	for _, test := range []struct {
		name   string
		names  []string
		checks []*Check
		want   []string
	}{
		{"renamed", []string{"bakend", "front"}, nil, []string{"g/host no backend [g/subset no subset]", "g/other other"}},
		{"two of that kind", []string{"bakend", "backends"}, nil, []string{"g/host no backend", "g/other other", "g/subset no subset"}},
		{"another name", []string{"store", "front"}, nil, []string{"g/host no backend", "g/other other", "g/subset no subset"}},
		{"called so by others", []string{"bakend", "front"}, []*Check{refer("g/another", "bakend", manifest.Path{"z"})}, []string{"g/host no backend", "g/other other", "g/subset no subset"}},
	} {
		x := &Target{Path: "x"}
		for _, name := range test.names {
			x.Objects = append(x.Objects, object(name))
		}
		result, _ := Run(t.Context(), Plan{Checks: append([]*Check{refer("g/host", "backend", manifest.Path{"host"}), subset, other}, test.checks...), Targets: []*Target{x}})
		got := tree(result.Findings)
		slices.Sort(got)
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// Whatever follows from what: every finding stands once, none below one that stands below another, no error below a warning.
func TestFoldLosesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	severities := []Severity{Error, Warning}
	folded := 0
	for range 5000 {
		var parts []Finding
		for i := range 1 + random.IntN(8) {
			f := Finding{Check: "g/c", Message: fmt.Sprint(i), Severity: severities[random.IntN(2)], Place: Place{Target: "x"}}
			if random.IntN(3) == 0 {
				f.Missing = &Reference{"Secret", "ns", fmt.Sprint(random.IntN(2))}
			}
			parts = append(parts, f)
		}
		for i := range parts {
			for range random.IntN(3) {
				parts[i].rests = append(parts[i].rests, parts[random.IntN(len(parts))].identity())
			}
		}
		// Some are put together, as merge would.
		of := make([]int, len(parts))
		var merged []Finding
		for i, p := range parts {
			of[i] = len(merged)
			if len(merged) > 0 && random.IntN(4) == 0 {
				of[i] = random.IntN(len(merged))
				if p.Severity == Error {
					merged[of[i]].Severity = Error
				}
				continue
			}
			merged = append(merged, p)
		}
		var want, got []string
		for _, f := range merged {
			want = append(want, f.Message)
		}
		tops := fold(parts, merged, of)
		for _, f := range tops {
			got = append(got, f.Message)
			for _, below := range f.Follows {
				folded++
				got = append(got, below.Message)
				if len(below.Follows) > 0 || below.Severity == Error && f.Severity != Error {
					t.Fatalf("%+v stands below %+v", below, f)
				}
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if len(tops) == 0 || !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if folded < 1000 {
		t.Errorf("only %d stand below another", folded)
	}
}
