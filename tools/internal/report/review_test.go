package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// reviewed is a run that compares: a field that two targets share, a text of several lines, an object more and one less.
func reviewed(t testing.TB) Report {
	t.Helper()
	object := func(text string) *manifest.Object { return decoded(t, text)[0] }
	deployment := object("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: n}\nspec: {replicas: 2}\n")
	before := object("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, namespace: n}\nspec: {replicas: 1}\n")
	config := object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: n}\ndata: {a: b}\n")
	claim := object("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: n}\n")
	secret := object("apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: n}\nstringData: {password: open sesame}\n")
	at := func(file string, line int) manifest.Position {
		return manifest.Position{File: file, Line: line, Column: 3}
	}
	var old, new strings.Builder
	for i := range 20 {
		fmt.Fprintf(&old, "line %d\n", i)
		fmt.Fprintf(&new, "line %d\n", map[bool]int{true: 100, false: i}[i == 10])
	}
	lost := check.Finding{
		Check: "danger/data-lost", Severity: check.Warning, Message: "the claim is removed", Place: check.Place{Target: "overlays/prod", Object: &claim.ID},
		Source: manifest.Position{File: "claim.yaml@main", Line: 1, Column: 1},
	}
	wrong := check.Finding{
		Check: "pod/wrong", Severity: check.Error, Message: "this is wrong", Place: check.Place{Target: "overlays/prod", Object: &deployment.ID}, Source: at("base/deployment.yaml", 2),
	}
	set := change.Set{
		Before: change.Side{Name: "main", Commit: "0123456789abcdef0123456789abcdef01234567"}, After: change.Side{Name: "the working tree"},
		Targets: []change.Target{
			{Path: "overlays/dev", Environment: "dev", Kind: change.Changed, Changed: 1},
			{Path: "overlays/prod", Environment: "prod", Kind: change.Changed, Added: 1, Changed: 2, Removed: 1},
			{Path: "overlays/same", Kind: change.Equal},
		},
		Entries: []change.Entry{
			{
				Kind:   change.Changed,
				Places: []change.Place{{Target: "overlays/dev", Old: before, New: deployment}, {Target: "overlays/prod", Old: before, New: deployment}},
				Fields: []change.Field{{
					Change: difference.Change{Path: manifest.Path{"spec", "replicas"}, OldPath: manifest.Path{"spec", "replicas"}, Old: 1, New: 2}, In: []int{0, 1},
					Lines: []change.Line{{Source: at("base/deployment.yaml", 2), Was: at("base/deployment.yaml", 3), In: []int{0, 1}}},
				}},
			},
			{
				Kind: change.Changed, Places: []change.Place{{Target: "overlays/prod", Old: config, New: config}},
				Fields: []change.Field{{
					Change: difference.Change{Path: manifest.Path{"data", "a"}, OldPath: manifest.Path{"data", "a"}, Old: old.String(), New: new.String(), Lines: difference.Lines(old.String(), new.String())},
					In:     []int{0}, Lines: []change.Line{{Source: at("a.properties", 1), In: []int{0}}},
				}},
			},
			{Kind: change.Removed, Places: []change.Place{{Target: "overlays/prod", Old: claim}}, Lines: []change.Line{{Source: at("claim.yaml", 1), Gone: true, In: []int{0}}}},
			{Kind: change.Added, Places: []change.Place{{Target: "overlays/prod", New: secret}}, Lines: []change.Line{{Source: at("secret.yaml", 1), In: []int{0}}}},
		},
		Hidden: []change.Hidden{{Reason: difference.Default, Count: 3}},
	}
	set.Images = []change.Image{{Old: "app:1.0", New: "app:1.1", Places: set.Entries[0].Places, Line: at("base/deployment.yaml", 2)}}
	set.Restarts = []change.Restart{{Places: set.Entries[0].Places, Field: manifest.Path{"spec", "template"}, Name: "spec.template", Of: deployment.ID, Line: at("base/deployment.yaml", 2)}}
	return Report{
		Version: "v1.0.0", Dir: "/srv/shop", Asked: []string{"overlays/dev", "overlays/prod", "overlays/same"},
		Targets:    []Target{{Path: "overlays/dev"}, {Path: "overlays/prod"}, {Path: "overlays/same"}},
		Checks:     []*check.Check{{Name: "danger/data-lost", Severity: check.Warning, Scope: check.Update}, {Name: "pod/wrong", Severity: check.Error, Scope: check.Object}},
		Findings:   []check.Finding{lost, wrong},
		Comparison: &Comparison{Set: set, Mended: []check.Finding{{Check: "pod/old", Severity: check.Error, Message: "was wrong before"}}, Standing: []check.Finding{{Check: "pod/stays", Message: "is wrong still"}}},
		ReadFile:   func(string) ([]byte, error) { return []byte("first: line\nreplicas: 2\n"), nil },
	}
}

// whole is the text of a page with single spaces, also where words are marked.
func whole(tree *html.Node) string { return words(elements(tree, "body", "")[0]) }

func TestReviewSaysEverything(t *testing.T) {
	r := reviewed(t)
	text, tree := rendered(t, r)
	said := whole(tree)
	for _, want := range []string{
		"kgate diff v1.0.0", "1 error", "Repository shop", "main 0123456789abcdef0123456789abcdef01234567", "After the working tree", "1 added", "2 changed", "1 removed", "1 mended", "1 as before",
		"1 target as before.", "3 fields differ in the text and mean the same", "Deployment app overlays/dev overlays/prod", "base/deployment.yaml:2:3 replicas: 2 was base/deployment.yaml:3:3",
		"What speaks against it base/deployment.yaml:2 replicas: 2", "this is wrong pod/wrong claim.yaml@main:1", "7 lines as before", "11 − line 10 11 + line 100",
		"claim.yaml:1:3 before", "was wrong before pod/old", "is wrong still pod/stays", "sha256:", "app:1. 0 → becomes app:1. 1",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	told := r
	told.ReadFile = func(string) ([]byte, error) { return []byte("password: open sesame\npassword: open sesame\n"), nil }
	told.Findings, told.Comparison = nil, &Comparison{Set: r.Comparison.Set}
	told.Comparison.Entries = r.Comparison.Entries[3:]
	told.Comparison.Restarts = []change.Restart{{Places: r.Comparison.Entries[0].Places, Of: r.Comparison.Entries[3].Places[0].New.ID, Line: manifest.Position{File: "secret.env", Line: 1}}}
	told.Comparison.Images = nil
	if page, _ := rendered(t, told); strings.Contains(page, "open sesame") || !strings.Contains(page, "secret.env:1") {
		t.Error("the page quotes the line that a Secret is from")
	}
	if strings.Contains(text, "open sesame") {
		t.Error("the page tells what a Secret holds")
	}
	r.Branch, r.Commit = "feature", strings.Repeat("f", 40)
	if _, tree := rendered(t, r); !strings.Contains(whole(tree), "After the working tree, on feature "+r.Commit) {
		t.Error("the page does not say what the working tree is of")
	}
	if strings.Contains(said, "Compared 2") {
		t.Error("the page says a time that nobody gave it")
	}
	var out bytes.Buffer
	if err := HTML(&out, r, Options{Now: time.Date(2026, 11, 27, 12, 30, 0, 0, time.UTC)}); err != nil || !strings.Contains(out.String(), "2026-11-27 12:30 UTC") {
		t.Error("the page does not say when it was made", err)
	}
	if n := len(elements(tree, "article", "entry")); n != len(r.Comparison.Entries) {
		t.Errorf("%d changes of %d", n, len(r.Comparison.Entries))
	}
	for class, want := range map[string]string{"o": "1 − 1", "n": "1 + 2"} {
		if got := words(elements(elements(tree, "article", "entry")[0], "div", class)[0]); got != want {
			t.Errorf("%s is %q", class, got)
		}
	}
}

// Every choice has a rule of the style that hides what is not of it, and everything that it is about has its class.
func TestReviewFilters(t *testing.T) {
	text, tree := rendered(t, reviewed(t))
	inputs, ruled := 0, 0
	for _, input := range elements(tree, "input", "") {
		if attribute(input, "type") != "radio" {
			continue
		}
		inputs++
		class, ok := strings.CutPrefix(attribute(input, "id"), "by-")
		if !ok || strings.HasSuffix(class, "0") {
			continue
		}
		ruled++
		if !strings.Contains(text, "#by-"+class+":checked) :is(.filed:not(."+class+")") {
			t.Errorf("%s hides nothing", class)
		}
		of := words(input.Parent)
		if n := len(elements(tree, "article", class)); !strings.HasSuffix(of, fmt.Sprint(" ", n)) || n == 0 {
			t.Errorf("%q is the choice of %d changes", of, n)
		}
	}
	// Two layouts; what becomes of objects, environments and kinds, each with "any".
	if inputs != 2+5+3+5 || ruled != 4+2+4 {
		t.Errorf("there are %d choices, of which %d hide something", inputs, ruled)
	}
	ids := map[string]bool{}
	for _, n := range elements(tree, "", "") {
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("%s is there twice", id)
			}
			ids[id] = true
		}
	}
	for _, a := range elements(tree, "a", "") {
		if to, ok := strings.CutPrefix(attribute(a, "href"), "#"); ok && !ids[to] {
			t.Errorf("a link leads to %s, which is not there", to)
		}
	}
}

// A page that cannot be opened helps nobody, and one that keeps silent about what it leaves out does harm.
func TestReviewStaysSmall(t *testing.T) {
	r := reviewed(t)
	one := r.Comparison.Entries[1]
	for i := range 6000 {
		e := one
		was := one.Places[0].New
		o := &manifest.Object{ID: was.ID, Value: was.Value, Source: was.Source}
		o.Name = fmt.Sprintf("config-%d", i)
		e.Places = []change.Place{{Target: "overlays/prod", Old: o, New: o}}
		r.Comparison.Entries = append(r.Comparison.Entries, e)
	}
	text, tree := rendered(t, r)
	if n := len(elements(tree, "article", "entry")); n != len(r.Comparison.Entries) {
		t.Errorf("%d of %d changes are on the page", n, len(r.Comparison.Entries))
	}
	if len(text) > 16<<20 {
		t.Errorf("the page has %d bytes", len(text))
	}
	said := whole(tree)
	for _, want := range []string{"not every line is on this page", "lines left out here", "more changes, which the list of changes has"} {
		if !strings.Contains(said, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestRows(t *testing.T) {
	classes := func(rows []row) string {
		var all []string
		for _, r := range rows {
			all = append(all, r.Class)
		}
		return strings.Join(all, ",")
	}
	for _, test := range []struct{ old, new, want string }{
		{"a\n", "b\n", "o,n"},
		{"", "b\nc\n", "n,n"},
		{"b\n", "", "o"},
		{"a\nb\n", "a\nc\nd\n", "both,o,n,n,o e"},
		{"a\nb\nc\n", "a\nd\n", "both,o,o,n,n e"},
		{strings.Repeat("a\n", 9) + "b\n", strings.Repeat("a\n", 9) + "c\n", "fold,both,both,both,o,n"},
	} {
		if got := classes(rows(difference.Lines(test.old, test.new))); got != test.want {
			t.Errorf("%q to %q: got %s, want %s", test.old, test.new, got, test.want)
		}
	}
	long := worded(difference.Line{New: 1, Words: []difference.Word{{Text: strings.Repeat("é", widestRow-1)}, {Text: "xyz", Changed: true}, {Text: "more"}}})
	if n := len(long); n != 3 || long[1].Text != "x" || long[2].Text != " … and 6 characters" {
		t.Errorf("got %v", long[1:])
	}
}

func hostileReview() Report {
	r := hostileReport()
	id := manifest.ID{APIVersion: hostile, Kind: hostile, Namespace: hostile, Name: hostile}
	position := manifest.Position{File: hostile, Line: 1, Column: 3, EndColumn: 9}
	object := &manifest.Object{ID: id, Value: map[string]any{hostile: hostile}, Source: position}
	other := &manifest.Object{ID: manifest.ID{APIVersion: hostile, Kind: hostile + "2", Name: hostile}, Value: map[string]any{hostile: hostile}, Source: position}
	line := change.Line{Source: position, Was: manifest.Position{File: hostile, Line: 2}, In: []int{0}}
	places := []change.Place{{Target: hostile, Old: object, New: object}}
	path := manifest.Path{hostile, 0, hostile}
	r.Comparison = &Comparison{
		Set: change.Set{
			Before: change.Side{Name: hostile, Commit: hostile}, After: change.Side{Name: hostile + "2"},
			Targets: []change.Target{{Path: hostile, Environment: hostile, Kind: change.Kind(hostile)}, {Path: hostile + "2", Environment: hostile + "2", Kind: change.Unknown}},
			Entries: []change.Entry{
				{Kind: change.Changed, Places: places, Fields: []change.Field{
					{Change: difference.Change{Path: path, OldPath: path, Old: hostile, New: hostile + "2"}, In: []int{0}, Lines: []change.Line{line}},
					{Change: difference.Change{Path: path, OldPath: path, Old: hostile, New: hostile, Lines: difference.Lines(hostile+"\n"+hostile, hostile+"\nx")}, In: []int{0}, Lines: []change.Line{line}},
					{Change: difference.Change{Path: path, OldPath: path, Moved: true}, In: []int{0}},
				}},
				{Kind: change.Renamed, Places: places},
				{Kind: change.Added, Places: []change.Place{{Target: hostile, New: other}}, Lines: []change.Line{line}},
				{Kind: change.Removed, Places: []change.Place{{Target: hostile, Old: other}}, Lines: []change.Line{line}},
			},
			Images:   []change.Image{{Old: hostile, New: hostile + "2", Places: places, Line: position}},
			Restarts: []change.Restart{{Places: places, Field: path, Name: path.String(), Of: other.ID, Line: position, More: 2}},
			Hidden:   []change.Hidden{{Reason: hostile, Count: 2}},
		},
		Mended: r.Findings, Standing: r.Findings,
	}
	return r
}

func TestReviewIsNoWayIn(t *testing.T) {
	r := hostileReview()
	text, _ := rendered(t, r)
	harmless(t, text)
	if n := strings.Count(text, "alert(1)"); n < 60 {
		t.Errorf("the hostile text is there only %d times", n)
	}
	if again, _ := rendered(t, r); again != text {
		t.Error("the same report makes another page")
	}
}

func TestReviewVerdicts(t *testing.T) {
	set := func(f func(*Report)) Report {
		r := Report{Comparison: &Comparison{}}
		f(&r)
		return r
	}
	entry := change.Entry{Kind: change.Removed, Places: []change.Place{{Target: "a", Old: &manifest.Object{ID: manifest.ID{Kind: "A"}}}}}
	for _, test := range []struct {
		report Report
		want   string
	}{
		{set(func(*Report) {}), "No change"},
		{set(func(r *Report) {
			r.Comparison.Targets, r.Comparison.Entries = []change.Target{{Path: "a", Kind: change.Changed}}, []change.Entry{entry}
		}), "Nothing found against it"},
		{set(func(r *Report) { r.Findings = []check.Finding{{Check: "a", Severity: check.Warning}} }), "1 warning"},
		{set(func(r *Report) { r.Findings = []check.Finding{{Check: "a", Severity: check.Error}} }), "1 error"},
		{set(func(r *Report) { r.Errors = []Failure{{Message: "m"}} }), "Not compared"},
	} {
		_, tree := rendered(t, test.report)
		if got := words(elements(tree, "h1", "")[0]); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
