package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// object is an object as YAML writes it.
func object(t testing.TB, text string) *manifest.Object {
	t.Helper()
	o, err := manifest.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// changed is a comparison in which everything happened that one can report.
func changed(t testing.TB) Report {
	was := object(t, `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}}`)
	is := object(t, `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": {}}`)
	before := object(t, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a-1"}}`)
	after := object(t, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a-2"}}`)
	secret := object(t, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hush-applied"}}, "data": {"key": "aHVzaC1kYXRh"}, "stringData": {"other": "hush-text"}}`)
	gone := object(t, `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "old"}, "stringData": {"on": "hush-gone", "`+strings.Repeat("k", 2000)+`": "hush"}}`)
	dev, prod := change.Place{Target: "overlays/dev", Old: was, New: is}, change.Place{Target: "overlays/prod", Old: was, New: is}
	line := func(file string, now, then int, in ...int) change.Line {
		l := change.Line{Source: at(file, now), In: in}
		if then > 0 {
			l.Was = at(file, then)
		}
		return l
	}
	path := manifest.Path{"spec", "replicas"}
	named := manifest.Path{"spec", "template", "spec", "containers", 0, "image"}
	r := busy()
	r.Comparison = &Comparison{
		Set: change.Set{
			Before: change.Side{Name: "main", Commit: "0123456789abcdef0123456789abcdef01234567"}, After: change.Side{Name: "the working tree"},
			Targets: []change.Target{
				{Path: "overlays/dev", Environment: "dev", Kind: change.Changed, Changed: 2, Added: 1}, {Path: "overlays/prod", Environment: "prod", Kind: change.Changed, Changed: 1, Removed: 1},
				{Path: "overlays/staging", Kind: change.Equal}, {Path: "overlays/broken", Kind: change.Unknown}, {Path: "overlays/new", Kind: change.Added}, {Path: "overlays/old", Kind: change.Removed},
			},
			Entries: []change.Entry{
				{Kind: change.Changed, Places: []change.Place{dev, prod}, Fields: []change.Field{
					{Change: difference.Change{Path: path, OldPath: path, Old: int64(1), New: int64(2)}, In: []int{0, 1}, Lines: []change.Line{line("base/a.yaml", 7, 6, 0, 1)}},
					{Change: difference.Change{Path: named, OldPath: named, Old: "app:1", New: "app:2"}, In: []int{1}, Lines: []change.Line{line("overlays/prod/kustomization.yaml", 3, 0, 1)}},
					{Change: difference.Change{Path: manifest.Path{"spec", "ports", 1}, New: map[string]any{"on": int64(1), "1e3": []any{nil, 1.5, "x"}, "a b": map[string]any{}}}, In: []int{0, 1}},
					{Change: difference.Change{Path: manifest.Path{"spec", "paused"}, OldPath: manifest.Path{"spec", "paused"}, Old: difference.Null{}, Removed: true, Default: false, Equal: difference.Default}, In: []int{0, 1}, Lines: []change.Line{{Source: at("base/a.yaml", 9), Was: at("base/a.yaml", 9), Gone: true, In: []int{0, 1}}}},
					{Change: difference.Change{Path: manifest.Path{"spec", "list", 0}, OldPath: manifest.Path{"spec", "list", 2}, Moved: true}, In: []int{0, 1}},
				}},
				{Kind: change.Renamed, Places: []change.Place{{Target: "overlays/dev", Old: before, New: after}}, Fields: []change.Field{
					{Change: difference.Change{Path: manifest.Path{"data", "text"}, OldPath: manifest.Path{"data", "text"}, Old: "a\nb\n", New: "a\nc ```\n</details>", Lines: difference.Lines("a\nb\n", "a\nc ```\n</details>")}, In: []int{0}, Lines: []change.Line{line("base/text", 2, 2, 0)}},
				}},
				{Kind: change.Added, Places: []change.Place{{Target: "overlays/dev", New: secret}}, Lines: []change.Line{line("base/secret.yaml", 1, 0, 0)}},
				{Kind: change.Removed, Places: []change.Place{{Target: "overlays/prod", Old: gone}}, Lines: []change.Line{{Source: at("base/old.yaml", 1), Was: at("base/old.yaml", 1), Gone: true, In: []int{0}}}},
			},
			Images:   []change.Image{{Old: "app:1", New: "app:2", Places: []change.Place{prod}, Line: at("overlays/prod/kustomization.yaml", 3)}, {New: "side:1", Places: []change.Place{dev}}},
			Restarts: []change.Restart{{Places: []change.Place{dev, prod}, Field: path, Name: path.String(), Of: after.ID, Line: at("base/text", 2), More: 2}},
			Hidden:   []change.Hidden{{Reason: difference.Order, Count: 3}},
		},
		Standing: r.Findings[:2],
		Mended:   []check.Finding{r.Findings[4]},
		Syncs: []argocd.Sync{
			{
				Application: manifest.ID{APIVersion: "argoproj.io/v1alpha1", Kind: "Application", Namespace: "argocd", Name: "prod"}, Fate: argocd.Synced, Source: at("apps/prod.yaml", 1),
				Targets: []string{"overlays/prod"}, Windows: []argocd.Window{{Allows: true, Schedule: "0 22 * * *", Duration: "1h", TimeZone: "Europe/London"}},
				Steps: []argocd.Step{
					{Phase: "PreSync", Action: argocd.RunHook, Object: manifest.ID{APIVersion: "batch/v1", Kind: "Job", Name: "migrate"}, Reason: "runs with every sync, HookSucceeded", Source: at("base/job.yaml", 1)},
					{Phase: "Sync", Wave: -1, Action: argocd.Prune, Object: gone.ID, Reason: "if whoever syncs asks for pruning", Weighs: true, Source: at("base/old.yaml@main", 1)},
					{Phase: "Sync", Wave: 2, Action: argocd.Apply, Object: after.ID},
				},
				Notes: []string{"it has sources besides"},
			},
			{Application: manifest.ID{Kind: "Application", Name: "dev"}, Fate: argocd.Added, Automated: true, Prunes: true, SelfHeals: true},
			{Application: manifest.ID{Kind: "Application", Name: "old"}, Fate: argocd.Removed, Holds: []string{"what it deployed goes with it when it is deleted"}},
		},
	}
	object := gone.ID
	r.Findings = append(r.Findings, check.Finding{
		Check: "danger/data-lost", Severity: check.Error, Message: "what it holds is deleted", Fix: "Keep it.", Source: at("base/old.yaml@main", 3),
		Place: check.Place{Target: "overlays/prod", Object: &object, Path: manifest.Path{"stringData"}},
	})
	read := r.ReadFile
	r.ReadFile = func(file string) ([]byte, error) {
		switch file {
		case "base/old.yaml@main":
			return []byte("kind: Secret\nmetadata: {}\nstringData: {}\n"), nil
		case "base/secret.yaml":
			return []byte("stringData: {other: hush-text}\n"), nil
		case "base/a.yaml@main":
			return []byte("before:\n"), nil
		case "overlays/prod/kustomization.yaml":
			return []byte("resources:\n- ../../base\nimages: []\n"), nil
		case "overlays/old/kustomization.yaml":
			return nil, fs.ErrNotExist
		}
		return read(file)
	}
	return r
}

// No format says what a Secret holds.
func TestSecretsOfAComparisonAreDigests(t *testing.T) {
	for name, format := range Formats() {
		var out bytes.Buffer
		if err := format(&out, changed(t), Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		for _, hush := range []string{"hush", "aHVzaC1kYXRh"} {
			if strings.Contains(out.String(), hush) {
				t.Errorf("%s tells %s", name, hush)
			}
		}
	}
	var out bytes.Buffer
	if err := JSON(&out, changed(t), Options{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), `": "sha256:`); n != 5 {
		t.Errorf("%d digests in\n%s", n, out.String())
	}
}

// The fingerprint of a finding in a file of the side before is the same whatever that side is called.
func TestFingerprintOfTheSideBefore(t *testing.T) {
	print := func(name string) string {
		r := changed(t)
		r.Comparison.Before.Name = name
		f := r.Findings[len(r.Findings)-1]
		f.Source.File = "base/old.yaml@" + name
		r.ReadFile = func(file string) ([]byte, error) { return []byte("a\nb\nc\n"), nil }
		return r.sources().fingerprints([]check.Finding{f})[0]
	}
	if a, b := print("main"), print("0123456"); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

// A finding that is mended has the fingerprint that the report of the side before gave it.
func TestFingerprintOfWhatIsMended(t *testing.T) {
	r := changed(t)
	var out bytes.Buffer
	if err := JSON(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Comparison struct {
			Mended []struct{ Fingerprint string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	read := r.ReadFile
	alone := Report{ReadFile: func(file string) ([]byte, error) { return read(file + "@main") }}
	if want := alone.sources().fingerprints(r.Comparison.Mended)[0]; got.Comparison.Mended[0].Fingerprint != want {
		t.Errorf("%+v, want %s", got, want)
	}
}

// SARIF and workflow commands name files that there are: what is removed is told at the kustomization of its target.
func TestWhatIsRemovedStandsAtItsTarget(t *testing.T) {
	r := changed(t)
	last := r.Findings[len(r.Findings)-1]
	for target, want := range map[string]string{"overlays/prod": "overlays/prod/kustomization.yaml", "overlays/old": "kgate.yaml"} {
		last.Target = target
		if got := r.standing(last); got.Source != at(want, 0) || got.Message != "what it holds is deleted; it was at base/old.yaml:3 of main" {
			t.Errorf("%+v", got)
		}
	}
	if got := r.standing(r.Findings[0]); got.Source != r.Findings[0].Source || got.Message != r.Findings[0].Message {
		t.Errorf("%+v", got)
	}
	var sarif, github bytes.Buffer
	if err := SARIF(&sarif, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := GitHub(&github, r, Options{}); err != nil {
		t.Fatal(err)
	}
	validate(t, sarifStandard(t), sarif.Bytes())
	for name, out := range map[string]string{"sarif": sarif.String(), "github": github.String()} {
		if strings.Contains(out, "base/old.yaml@main") || strings.Contains(out, "base/old.yaml%40main") || !strings.Contains(out, "it was at base/old.yaml:3 of main") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
	if !strings.Contains(github.String(), "::error file=overlays/prod/kustomization.yaml,title=danger/data-lost::") {
		t.Errorf("%s", github.String())
	}
}

// TestHiddenSaid holds that one hidden field is said as one, and several as several.
func TestHiddenSaid(t *testing.T) {
	for _, test := range []struct {
		hidden []change.Hidden
		want   string
	}{
		{[]change.Hidden{{Reason: difference.Suffix, Count: 1}}, "1 field differs in the text and means the same: 1 name that follows a generated object's content; --all shows them"},
		{[]change.Hidden{{Reason: difference.Default, Count: 1}, {Reason: difference.Order, Count: 2}}, "3 fields differ in the text and mean the same: 1 default that the server fills in, 2 items at another place of lists whose order means nothing; --all shows them"},
		{[]change.Hidden{{Reason: "other", Count: 2}}, "2 fields differ in the text and mean the same: 2 other; --all shows them"},
		{nil, ""},
	} {
		if got := (&Comparison{Set: change.Set{Hidden: test.hidden}}).hidden(); got != test.want {
			t.Errorf("%v is %q, want %q", test.hidden, got, test.want)
		}
	}
}

// What is added as one thing here and another there is shown as both.
func TestContentsByTarget(t *testing.T) {
	in := func(target, says string) change.Place {
		return change.Place{Target: target, New: object(t, `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "`+says+`"}}`)}
	}
	r := Report{Comparison: &Comparison{Set: change.Set{
		Targets: []change.Target{{Path: "dev", Kind: change.Changed, Added: 1}, {Path: "prod", Kind: change.Changed, Added: 1}, {Path: "test", Kind: change.Changed, Added: 1}},
		Entries: []change.Entry{{Kind: change.Added, Places: []change.Place{in("dev", "walnut"), in("prod", "acorn"), in("test", "walnut")}, Lines: []change.Line{{Source: at("a.yaml", 1), In: []int{0, 1, 2}}}}},
	}}}
	for _, name := range []string{"text", "json", "markdown", "html"} {
		var out bytes.Buffer
		if err := Formats()[name](&out, r, Options{Verbose: true}); err != nil {
			t.Fatal(err)
		}
		for _, says := range []string{"walnut", "acorn"} {
			if n := strings.Count(out.String(), says); n != 1 {
				t.Errorf("%s says %s %d times:\n%s", name, says, n, out.String())
			}
		}
	}
}

// TestLongValuesAreBounded holds that a value fills no terminal unasked, and that what is left out is counted.
func TestLongValuesAreBounded(t *testing.T) {
	long := strings.Repeat("x", mostCharacters+12)
	var old, new strings.Builder
	for i := range 300 {
		fmt.Fprintf(&old, "%d\n", i)
		fmt.Fprintf(&new, "n%d\n", i)
	}
	path := func(key string) manifest.Path { return manifest.Path{"data", key} }
	changes := []difference.Change{
		{Path: path("added"), New: long},
		{Path: path("line"), OldPath: path("line"), Old: long, New: "short"},
		{Path: path("text"), OldPath: path("text"), Old: old.String(), New: new.String(), Lines: difference.Lines(old.String(), new.String())},
	}
	r := changed(t)
	entry := &r.Comparison.Entries[0]
	entry.Fields = nil
	for _, c := range changes {
		entry.Fields = append(entry.Fields, change.Field{Change: c, In: []int{0}})
	}
	var short, whole bytes.Buffer
	if err := Text(&short, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&whole, r, Options{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"data.added: + " + long[:mostCharacters] + "… 12 more characters: --verbose shows them\n",
		"- " + long[:mostCharacters] + "… 12 more characters: --verbose shows them\n",
		"… 400 more lines: --verbose shows them\n",
	} {
		if !strings.Contains(short.String(), want) {
			t.Errorf("it has no %q:\n%s", want, &short)
		}
	}
	if strings.Contains(short.String(), long) || strings.Contains(whole.String(), "--verbose shows them") {
		t.Error("what is shown unasked is whole, or what was asked for is not")
	}
	for _, want := range []string{"data.added: + " + long + "\n", "- " + long + "\n", "+ n299\n", "- 299\n"} {
		if !strings.Contains(whole.String(), want) {
			t.Errorf("all of it has no %.40q", want)
		}
	}
}
