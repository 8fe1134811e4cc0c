package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kgate-dev/gitops/internal/browsertest"
	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// reviewEdits change the repository as people change one: a text of several lines, and an object that is gone.
var reviewEdits = append([]edit{
	{"base/platform/metrics-adapter/kustomization.yaml", "  - pod-disruption-budget.yaml\n", ""},
	{"base/platform/logging/config/fluent-bit.yaml", "storage.max_chunks_up: 16\n", "storage.max_chunks_up: 32\n"},
}, edits...)

// The page of a change to the real repository, and of names that mean harm, in a real browser.
func TestReviewInABrowser(t *testing.T) {
	folder := t.TempDir()
	own := pages(folder)
	own.Texts, own.Marks = 20, 0
	b := browsertest.Start(t, own)
	r := reviewed(t)
	if len(r.Findings) < len(edits) || len(r.Comparison.Entries) < 5 {
		t.Fatalf("%d findings, %d changes", len(r.Findings), len(r.Comparison.Entries))
	}
	urls := writePages(t, folder, report.Options{Now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}, map[string]report.Report{"review": r, "review-hostile": harmfulChange(r)})
	for _, name := range []string{"review", "review-hostile"} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{360, 768, 1280} {
				if scheme == "dark" && width != 360 && width != 1280 {
					continue // a scheme changes colours, and a width all but colours
				}
				t.Run(fmt.Sprintf("%s %s %d", name, scheme, width), func(t *testing.T) {
					b.Visit(t, urls[name], width, scheme)
					b.Shoot(t, fmt.Sprintf("%s-%s-%d", name, scheme, width))
					b.Fits(t, width)
					unfold(t, b)
					b.Fits(t, width)
					b.Readable(t)
				})
			}
		}
	}
	visible := func(t *testing.T, selector string) int {
		t.Helper()
		return browsertest.Eval[int](t, b, fmt.Sprintf(`[...document.querySelectorAll(%q)].filter(e => e.checkVisibility()).length`, selector))
	}
	// choose takes a choice by what it says.
	choose := func(t *testing.T, said string) {
		t.Helper()
		if !browsertest.Eval[bool](t, b, fmt.Sprintf(`(() => { const l = [...document.querySelectorAll(".choices label")].find(l => l.textContent.trim().startsWith(%q)); l?.click(); return !!l; })()`, said)) {
			t.Fatalf("there is no choice %q", said)
		}
	}
	all := len(r.Comparison.Entries)

	t.Run("filters work without a script", func(t *testing.T) {
		b.Scripts(t, false)
		defer b.Scripts(t, true)
		b.Visit(t, urls["review"], 1280, "light")
		if n := visible(t, ".entry"); n != all {
			t.Errorf("%d of %d changes are shown", n, all)
		}
		if visible(t, "#words") > 0 {
			t.Error("a form that does nothing is shown")
		}
		of := func(fits func(change.Entry) bool) (n int) {
			for _, e := range r.Comparison.Entries {
				if fits(e) {
					n++
				}
			}
			return n
		}
		gone := of(func(e change.Entry) bool { return e.Kind == change.Removed })
		choose(t, "removed")
		if n := visible(t, ".entry"); n != gone || gone == 0 || visible(t, ".group") == 0 || visible(t, ".group") > gone {
			t.Errorf("%d changes and %d groups are of the %d that remove something", n, visible(t, ".group"), gone)
		}
		if n := visible(t, ".tree li"); n == 0 || n >= browsertest.Eval[int](t, b, `document.querySelectorAll(".tree li").length`) {
			t.Errorf("%d links of the tree are left", n)
		}
		b.Visit(t, urls["review"], 1280, "light")
		choose(t, "dev")
		dev := of(func(e change.Entry) bool { return slices.Contains(e.Targets(), "overlays/dev") })
		if n := visible(t, ".entry"); n != dev || n == all {
			t.Errorf("%d of %d changes are shown of %d that reach dev", n, all, dev)
		}
		choose(t, "HorizontalPodAutoscaler")
		if n := visible(t, ".entry"); n != 0 {
			t.Errorf("%d changes are of a HorizontalPodAutoscaler of dev", n)
		}
		choose(t, "prod")
		if n := visible(t, ".entry"); n != 1 {
			t.Errorf("%d changes are of a HorizontalPodAutoscaler of prod", n)
		}
	})

	t.Run("side by side, and in one column", func(t *testing.T) {
		b.Visit(t, urls["review"], 1280, "light")
		const beside = `(() => {
			const rows = [...document.querySelectorAll(".rows")].find(r => r.querySelector(".o") && r.querySelector(".n"));
			const old = rows.querySelector(".o").getBoundingClientRect(), now = rows.querySelector(".n").getBoundingClientRect();
			return [old.top == now.top && old.right <= now.left, old.bottom <= now.top && old.left == now.left];
		})()`
		if got := browsertest.Eval[[]bool](t, b, beside); !slices.Equal(got, []bool{true, false}) {
			t.Errorf("they are not side by side: %v", got)
		}
		choose(t, "in one column")
		if got := browsertest.Eval[[]bool](t, b, beside); !slices.Equal(got, []bool{false, true}) {
			t.Errorf("they are not in one column: %v", got)
		}
		b.Fits(t, 1280)
		b.Visit(t, urls["review"], 360, "light")
		if got := browsertest.Eval[[]bool](t, b, beside); !slices.Equal(got, []bool{false, true}) {
			t.Errorf("they are not in one column on a telephone: %v", got)
		}
		if n := browsertest.Eval[int](t, b, `[...document.querySelectorAll(".rows, .quote")].filter(e => e.scrollWidth > e.clientWidth).length`); n == 0 {
			t.Error("no excerpt scrolls on a telephone: are there none that are wide?")
		}
		if n := browsertest.Eval[int](t, b, `[...document.querySelectorAll(".rows code, .quote code")].filter(e => getComputedStyle(e).whiteSpace != "pre").length`); n > 0 {
			t.Errorf("%d lines do not keep their indentation", n)
		}
	})

	t.Run("words and context", func(t *testing.T) {
		b.Visit(t, urls["review"], 1280, "light")
		if visible(t, ".rows del") == 0 || visible(t, ".rows ins") == 0 {
			t.Error("no word is marked")
		}
		if browsertest.Eval[int](t, b, `document.querySelectorAll(".fold").length`) == 0 || visible(t, ".fold > div") > 0 {
			t.Error("no context is folded")
		}
		browsertest.Eval[bool](t, b, `document.querySelector(".fold > summary").click() ?? true`)
		if visible(t, ".fold > div") == 0 {
			t.Error("the context does not unfold")
		}
	})

	t.Run("find", func(t *testing.T) {
		b.Visit(t, urls["review"], 1280, "light")
		browsertest.Eval[bool](t, b, `document.querySelector("#words input").focus() ?? true`)
		b.Do(t, chromedp.KeyEvent("service-headless"))
		if n := visible(t, ".entry"); n != 1 || visible(t, ".group") != 1 {
			t.Errorf("%d changes speak of it", n)
		}
	})

	t.Run("names, headings and keys", func(t *testing.T) {
		b.Visit(t, urls["review"], 1280, "light")
		for _, s := range b.Spoken(t) {
			if slices.Contains([]string{"link", "radio", "searchbox", "heading", "navigation", "group"}, s.Role) && s.Name == "" && s.Role != "group" {
				t.Errorf("a %s has no name", s.Role)
			}
		}
		if faults := browsertest.Eval[[]string](t, b, `(() => {
			const faults = [];
			let level = 0;
			for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
				const own = +h.tagName[1];
				if (own > level + 1) faults.push("h" + own + " behind h" + level + ": " + h.textContent);
				level = own;
			}
			return faults;
		})()`); len(faults) > 0 {
			t.Errorf("headings: %q", faults)
		}
		browsertest.Eval[bool](t, b, `document.getElementById("beside").focus() ?? true`)
		b.Do(t, chromedp.KeyEvent(kb.ArrowRight))
		if !browsertest.Eval[bool](t, b, `document.getElementById("column").checked`) {
			t.Error("keys do not choose")
		}
		if outline := browsertest.Eval[float64](t, b, `parseFloat(getComputedStyle(document.activeElement).outlineWidth)`); outline < 2 {
			t.Error("what has the focus is not seen")
		}
	})

	t.Run("print", func(t *testing.T) {
		for _, scripts := range []bool{true, false} {
			b.Scripts(t, scripts)
			b.Visit(t, urls["review"], 794, "dark") // A4 in CSS pixels
			b.Emulate(t, "print", "dark")
			if colour := browsertest.Eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`); colour != "rgb(255, 255, 255)" {
				t.Errorf("paper is %s", colour)
			}
			b.Readable(t)
			if visible(t, ".choices") > 0 || visible(t, ".fold > div") == 0 {
				t.Error("paper has controls, or lacks what is folded")
			}
			pdf := browsertest.Call(t, b, cdppage.PrintToPDF, cdppage.PrintToPDFParams{}).Data
			browsertest.Keep(t, fmt.Sprintf("review-print-%v.pdf", scripts), pdf)
			if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
				t.Errorf("printed %.20q", pdf)
			}
		}
		b.Scripts(t, true)
	})
	b.Quiet(t)
}

// reviewed is what kgate says of a change to this repository.
func reviewed(t *testing.T) report.Report {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	_, dir := ownTree(t)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "before"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	editTree(t, dir, reviewEdits)
	t.Chdir(dir)
	before, after, err := repo.Sides(t.Context(), ".", "", "")
	if err != nil {
		t.Fatal(err)
	}
	out, err := gate.Compare(t.Context(), before, after, gate.Options{Version: "v1.0.0", Whole: true})
	if err != nil || len(out.Errors) > 0 {
		t.Fatal(err, out.Errors)
	}
	return out
}

// harmfulChange is a change whose every text would run a script, if it were no text.
func harmfulChange(r report.Report) report.Report {
	const harm = `</title></style></script><script>alert(1)</script><img src="https://evil.invalid/x" onerror=alert(2)>"'><svg onload=alert(3)>javascript:alert(4)` + "`"
	out := harmful(report.Report{Targets: make([]report.Target, 4)})
	id := manifest.ID{APIVersion: harm, Kind: harm, Namespace: harm, Name: harm + strings.Repeat("long", 60)}
	position := manifest.Position{File: harm, Line: 1, Column: 4, EndColumn: 30}
	object := &manifest.Object{ID: id, Value: map[string]any{harm: strings.Repeat(harm, 20)}, Source: position}
	places := []change.Place{{Target: harm, Old: object, New: object}, {Target: strings.Repeat("path", 40), Old: object, New: object}}
	line := change.Line{Source: position, Was: manifest.Position{File: harm, Line: 2}, In: []int{0}}
	path := manifest.Path{harm, strings.Repeat("path", 60)}
	out.Comparison = &report.Comparison{Set: change.Set{
		Before: change.Side{Name: harm, Commit: strings.Repeat("c", 40)}, After: change.Side{Name: harm},
		Targets: []change.Target{{Path: harm, Environment: harm, Kind: change.Changed}, {Path: strings.Repeat("path", 40), Environment: strings.Repeat("env", 40), Kind: change.Changed}},
		Entries: []change.Entry{
			{Kind: change.Changed, Places: places, Fields: []change.Field{
				{Change: difference.Change{Path: path, OldPath: path, Old: harm, New: strings.Repeat(harm, 3)}, In: []int{0, 1}, Lines: []change.Line{line}},
				{Change: difference.Change{Path: path, OldPath: path, Old: harm, New: harm, Lines: difference.Lines(strings.Repeat(harm+"\n", 9)+"a\n", strings.Repeat(harm+"\n", 9)+"b\n")}, In: []int{0}, Lines: []change.Line{line}},
			}},
			{Kind: change.Renamed, Places: places[:1]},
			{Kind: change.Added, Places: []change.Place{{Target: harm, New: object}}, Lines: []change.Line{line}},
		},
		Images:   []change.Image{{Old: harm, New: strings.Repeat("image", 60), Places: places, Line: position}},
		Restarts: []change.Restart{{Places: places, Field: path, Name: path.String(), Of: manifest.ID{Kind: harm, Name: harm}, Line: position, More: 2}},
	}, Mended: out.Findings, Standing: out.Findings}
	out.Comparison.Syncs = []argocd.Sync{{
		Application: id, Fate: argocd.Synced, Source: position, Targets: []string{harm}, Holds: []string{harm}, Notes: []string{harm}, Windows: []argocd.Window{{Schedule: harm, Duration: harm, TimeZone: harm}},
		Steps: []argocd.Step{{Phase: harm, Action: argocd.Action(harm), Object: id, Reason: strings.Repeat(harm, 3), Weighs: true, Source: position}},
	}}
	return out
}
