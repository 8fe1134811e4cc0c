package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kgate-dev/gitops/internal/browsertest"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

type edit struct{ file, from, to string }

// edits break the repository in ways that people break one.
var edits = []edit{
	{"base/components/workload/deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
	{"base/components/workload/service-headless.yaml", "targetPort: http\n", "targetPort: htp\n"},
	{"overlays/prod/go-otlp-app/environment.yaml", "max: 10", "max: 40"},
	{"overlays/staging/go-otlp-app/environment.yaml", `ratio: "0.5"`, `ratio: "0.9"`},
	{"overlays/dev/go-otlp-app/kustomization.yaml", "newTag: 1.1.0", "newTag: latest"},
}

// The page of the real repository, of a broken copy of it, and of names that mean harm, in a real browser.
func TestPageInABrowser(t *testing.T) {
	folder := t.TempDir()
	b := browsertest.Start(t, pages(folder))
	root, copied := ownTree(t)
	editTree(t, copied, edits)
	clean, broken := reported(t, root), reported(t, copied)
	if len(clean.Findings) > 0 || len(broken.Findings) < len(edits) {
		t.Fatalf("%d findings in the repository, %d in the broken copy", len(clean.Findings), len(broken.Findings))
	}
	urls := writePages(t, folder, report.Options{}, map[string]report.Report{"clean": clean, "broken": broken, "hostile": harmful(clean)})

	for _, name := range []string{"clean", "broken", "hostile"} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{320, 768, 1280, 1600} {
				if scheme == "dark" && width != 320 && width != 1280 {
					continue // a scheme changes colours, and a width all but colours
				}
				t.Run(fmt.Sprintf("%s %s %d", name, scheme, width), func(t *testing.T) {
					b.Visit(t, urls[name], width, scheme)
					b.Shoot(t, fmt.Sprintf("%s-%s-%d", name, scheme, width))
					b.Fits(t, width)
					unfold(t, b)
					b.Fits(t, width)
					b.Readable(t)
					if wide := browsertest.Eval[[]string](t, b, beyondBoxes); len(wide) > 0 {
						t.Errorf("these do not fit into their boxes: %q", wide)
					}
				})
			}
		}
	}

	t.Run("schemes differ", func(t *testing.T) {
		background := map[string]string{}
		for _, scheme := range []string{"light", "dark"} {
			b.Visit(t, urls["clean"], 1280, scheme)
			background[scheme] = browsertest.Eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`)
		}
		if background["light"] == background["dark"] || !strings.HasPrefix(background["dark"], "rgb(") {
			t.Errorf("got backgrounds %v", background)
		}
	})

	t.Run("what is measured is really measured", func(t *testing.T) {
		b.Visit(t, urls["broken"], 1280, "light")
		browsertest.Eval[string](t, b, `document.querySelector(".lead").style.color = "#999"`)
		browsertest.Eval[string](t, b, `document.querySelector(".graph .kind").style.fill = "#ccc"`)
		browsertest.Eval[string](t, b, `document.querySelector(".graph .name").textContent = "a name that is far too long for the box that it is in"`)
		if found := b.Contrast(t); len(found.Poor) != 2 {
			t.Errorf("grey text was let pass, or other text with it: %v", found.Poor)
		}
		if wide := browsertest.Eval[[]string](t, b, beyondBoxes); len(wide) != 1 {
			t.Errorf("a long name was let pass, or others with it: %v", wide)
		}
	})

	t.Run("content without JavaScript", func(t *testing.T) {
		b.Scripts(t, false)
		defer b.Scripts(t, true)
		b.Visit(t, urls["broken"], 1280, "light")
		text := b.Text(t)
		edited := edits[2]
		content, err := os.ReadFile(edited.file)
		if err != nil {
			t.Fatal(err)
		}
		before, _, _ := strings.Cut(string(content), edited.to)
		for _, want := range []string{
			"This is not to be merged", "readOnlyRootFilesystem: false", "The same by file", "What differs between dev, staging, prod",
			fmt.Sprintf("app/environment.yaml:%d", 1+strings.Count(before, "\n")), "Around Deployment", "Exempted", "platform team",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if browsertest.Eval[bool](t, b, `document.getElementById("filter").checkVisibility()`) {
			t.Error("a form that does nothing is shown")
		}
	})

	t.Run("filter", func(t *testing.T) {
		b.Visit(t, urls["broken"], 1280, "light")
		shown := func() int {
			return browsertest.Eval[int](t, b, `[...document.querySelectorAll(".finding[data-severity]")].filter(e => e.checkVisibility()).length`)
		}
		all := shown()
		browsertest.Eval[bool](t, b, `document.querySelector("#filter input").focus() ?? true`)
		b.Do(t, chromedp.KeyEvent("readonlyrootfilesystem app"))
		if n := shown(); n != 1 {
			t.Errorf("%d findings speak of it", n)
		}
		if said := browsertest.Eval[string](t, b, `document.querySelector("#filter output").textContent`); said != fmt.Sprintf("1 of %d shown", all) {
			t.Errorf("the form says %q", said)
		}
		if left := browsertest.Eval[[]int](t, b, `[".check", ".files > li", "[data-of]"].map(s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).length)`); !slices.Equal(left, []int{1, 1, 1}) {
			t.Errorf("%v checks, files and lines are left", left)
		}
		browsertest.Eval[bool](t, b, `(() => { const f = document.getElementById("filter"); f.reset(); f.elements.target.value = "overlays/staging"; return f.dispatchEvent(new Event("input")); })()`)
		if n := shown(); n < 2 || n >= all {
			t.Errorf("%d of %d findings are of one overlay", n, all)
		}
		of := shown()
		browsertest.Eval[bool](t, b, `(() => { const f = document.getElementById("filter"); f.reset(); f.dispatchEvent(new Event("input")); document.querySelector(".only[data-target='overlays/staging']").click(); return true; })()`)
		if n := shown(); n != of {
			t.Errorf("the card of an overlay shows %d findings of its %d", n, of)
		}
	})

	t.Run("a node lights up what it hangs together with", func(t *testing.T) {
		b.Visit(t, urls["clean"], 1280, "light")
		lit := browsertest.Eval[[]string](t, b, `(() => {
			const node = [...document.querySelectorAll(".graph .node")].find(n => n.querySelector("title").textContent.startsWith("HorizontalPodAutoscaler"));
			node.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
			return [...node.closest("svg").querySelectorAll(".node.lit title")].map(e => e.textContent).sort();
		})()`)
		_, deployment, _ := strings.Cut(strings.Join(lit, ""), "Deployment ")
		deployment, _, _ = strings.Cut(deployment, "HorizontalPodAutoscaler ")
		if deployment == "" || !slices.Equal(lit, []string{"Deployment " + deployment, "HorizontalPodAutoscaler " + deployment}) {
			t.Errorf("lit are %q", lit)
		}
	})

	t.Run("a link into what is closed opens it", func(t *testing.T) {
		b.Visit(t, urls["clean"], 1280, "light")
		browsertest.Eval[string](t, b, `location.hash = "t-4-graph-1-caption"`)
		b.Do(t, chromedp.WaitVisible("#t-4-graph-1-caption"))
	})

	t.Run("names, headings and tables", func(t *testing.T) {
		b.Visit(t, urls["broken"], 1280, "light")
		unfold(t, b)
		pictures := 0
		for _, s := range b.Spoken(t) {
			if s.Picture {
				pictures++
			}
			// Disclosures, figures around an example and articles are named by what is in them.
			named := []string{"link", "button", "textbox", "searchbox", "combobox", "table", "heading", "navigation"}
			if (s.Picture || slices.Contains(named, s.Role)) && s.Name == "" {
				t.Errorf("a %s has no name", s.Role)
			}
		}
		if pictures < 20 {
			t.Errorf("only %d pictures have a name", pictures)
		}
		faults := browsertest.Eval[[]string](t, b, `(() => {
			const faults = [];
			let level = 0;
			for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
				const own = +h.tagName[1];
				if (own > level + 1) faults.push("h" + own + " behind h" + level + ": " + h.textContent);
				level = own;
			}
			if (document.querySelectorAll("h1").length != 1) faults.push("not one h1");
			for (const t of document.querySelectorAll("table")) if (!t.caption) faults.push("a table without a caption");
			for (const th of document.querySelectorAll("th")) if (!th.scope) faults.push("th without scope: " + th.textContent);
			for (const e of document.querySelectorAll(".scroll")) if (e.tabIndex != 0 || !(e.ariaLabel || e.getAttribute("aria-labelledby"))) faults.push("a region that scrolls and cannot be reached");
			if (!document.documentElement.lang) faults.push("no language");
			return faults;
		})()`)
		for _, f := range faults {
			t.Error(f)
		}
	})

	t.Run("every control is reached by tab, and seen", func(t *testing.T) {
		b.Visit(t, urls["broken"], 1280, "light")
		want := browsertest.Eval[[]string](t, b, `(() => {
			const found = [...document.querySelectorAll("a[href], summary, input, select, button, [tabindex]")].filter(e => e.tabIndex >= 0 && e.checkVisibility());
			found.forEach((e, i) => { e.dataset.tab = i; });
			return found.map(e => e.dataset.tab);
		})()`)
		if len(want) < 40 {
			t.Fatalf("only %d controls", len(want))
		}
		var reached []string
		for range want {
			b.Do(t, chromedp.KeyEvent(kb.Tab))
			reached = append(reached, browsertest.Eval[string](t, b, `(() => {
				const e = document.activeElement, box = e.getBoundingClientRect(), style = getComputedStyle(e);
				const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2;
				return (e.dataset.tab ?? e.outerHTML.slice(0, 80)) + (seen ? "" : " is not seen to have the focus: " + e.outerHTML.slice(0, 120));
			})()`))
		}
		if !slices.Equal(reached, want) {
			t.Errorf("reached %q", reached)
		}
	})

	t.Run("the first tab reaches the skip link", func(t *testing.T) {
		b.Visit(t, urls["clean"], 1280, "light")
		b.Do(t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
		if focused := browsertest.Eval[string](t, b, `document.activeElement.id`); focused != "main" {
			t.Errorf("the skip link leads to %q", focused)
		}
	})

	t.Run("print", func(t *testing.T) {
		for _, scripts := range []bool{true, false} {
			b.Scripts(t, scripts)
			b.Visit(t, urls["broken"], 794, "dark") // A4 in CSS pixels
			b.Emulate(t, "print", "dark")
			if colour := browsertest.Eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`); colour != "rgb(255, 255, 255)" {
				t.Errorf("paper is %s", colour)
			}
			b.Readable(t)
			if closed := browsertest.Eval[[]string](t, b, `[...document.querySelectorAll(".picture figcaption, .check .explained p, .exemptions details li")].filter(e => e.getBoundingClientRect().height == 0 || !e.checkVisibility()).map(e => e.textContent)`); len(closed) > 0 {
				t.Errorf("%d parts are not on paper: %.200q", len(closed), closed)
			}
			background, own := false, true
			pdf := browsertest.Call(t, b, cdppage.PrintToPDF, cdppage.PrintToPDFParams{PreferCSSPageSize: &own, PrintBackground: &background}).Data
			browsertest.Keep(t, fmt.Sprintf("print-scripts-%v.pdf", scripts), pdf)
			if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
				t.Errorf("printed %.20q", pdf)
			}
		}
		b.Scripts(t, true)
	})

	b.Quiet(t)
}

// ownTree is this repository, and a copy of what kgate judges of it.
func ownTree(t *testing.T) (root, copied string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	copied = t.TempDir()
	for _, part := range []string{"base", "overlays", "argocd"} {
		if err := os.CopyFS(filepath.Join(copied, part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	config, err := os.ReadFile(filepath.Join(root, "kgate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "kgate.yaml"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	return root, copied
}

// editTree makes edits in a tree, each of which must find what it changes.
func editTree(t *testing.T, dir string, edits []edit) {
	t.Helper()
	for _, e := range edits {
		file := filepath.Join(dir, e.file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), e.from) {
			t.Fatalf("%s does not say %q any more: change something else", e.file, e.from)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), e.from, e.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// writePages writes reports as pages into a folder, and returns where a browser finds each.
func writePages(t *testing.T, folder string, options report.Options, reports map[string]report.Report) map[string]string {
	t.Helper()
	urls := map[string]string{}
	for name, r := range reports {
		var out bytes.Buffer
		if err := report.HTML(&out, r, options); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(folder, name+".html")
		urls[name] = (&url.URL{Scheme: "file", Path: file}).String()
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		browsertest.Keep(t, name+".html", out.Bytes())
	}
	return urls
}

// reported is what kgate says of a repository.
func reported(t *testing.T, dir string) report.Report {
	t.Helper()
	t.Chdir(dir)
	repository, err := repo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(t.Context(), repository, gate.Options{Version: "v1.0.0", Whole: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	out, err := g.Run(t.Context())
	if err != nil || len(out.Errors) > 0 {
		t.Fatal(err, out.Errors)
	}
	return out
}

// harmful is a report whose every text would run a script, if it were no text.
func harmful(clean report.Report) report.Report {
	const harm = `</title></style></script><script>alert(1)</script><img src="https://evil.invalid/x" onerror=alert(2)>"'><svg onload=alert(3)>javascript:alert(4)` + "`"
	id := &manifest.ID{APIVersion: "v1", Kind: "Service", Namespace: harm, Name: harm}
	position := manifest.Position{File: harm, Line: 1, Column: 4, EndColumn: 30}
	service := &manifest.Object{ID: *id, Value: map[string]any{"spec": map[string]any{"selector": map[string]any{"a": harm}}}}
	pod := &manifest.Object{
		ID:    manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: harm, Name: strings.Repeat("long", 60)},
		Value: map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": harm}}, "spec": map[string]any{"serviceAccountName": harm}},
	}
	other := &manifest.Object{ID: *id, Value: map[string]any{"spec": map[string]any{"selector": map[string]any{"a": harm, harm: strings.Repeat("x", 300)}}}}
	explained := &check.Check{
		Name: harm, Title: harm, Doc: harm, Fix: "put it right", Severity: check.Error, Scope: check.Object, Origin: harm, References: []string{"https://" + harm, "javascript:alert(5)"}, Bad: harm, Good: harm,
	}
	finding := check.Finding{
		Check: harm, Severity: check.Error, Place: check.Place{Target: harm, Object: id, Path: manifest.Path{harm, strings.Repeat("path", 60)}}, Message: harm, Fix: harm,
		Source: position, Related: []manifest.Position{position},
	}
	return report.Report{
		Version: harm, Checks: []*check.Check{explained}, Asked: []string{harm},
		Targets: append([]report.Target{
			{Path: harm, Environment: harm, Objects: []*manifest.Object{service, pod}}, {Path: strings.Repeat("path", 40), Environment: strings.Repeat("env", 40), Objects: []*manifest.Object{other}},
		}, clean.Targets[3]),
		Findings: []check.Finding{finding, {Check: harm, Severity: check.Warning, Message: harm, Place: check.Place{Target: harm}}},
		Exempted: []check.Exempted{{Finding: finding, Exemption: check.Exemption{Check: harm, Reason: harm, Owner: harm, Source: position}}},
		Errors:   []report.Failure{{Target: harm, Message: harm, Source: position}},
		Omitted:  []string{harm + "2"},
		ReadFile: func(string) ([]byte, error) { return []byte(harm + "\n" + harm), nil },
	}
}

// pages says what a report is in a browser.
func pages(folder string) browsertest.Page {
	return browsertest.Page{
		Own: func(url string) bool {
			return strings.HasPrefix(url, "file://"+folder+"/") && strings.HasSuffix(url, ".html")
		},
		Within: `!e.parentElement.closest(".scroll, .rows, .quote") && !e.matches(".hidden, caption, option")`,
		Picture: `(e, style, paper) => {
			if (style.opacity != 1) found.Poor.push("see-through " + e.getAttribute("class"));
			if (e.matches("text")) {
				const under = e.closest(".flag") ?? e.closest(".node");
				const shape = under && getComputedStyle(under.querySelector("rect, path")).fill;
				found.Texts++;
				hold(style.fill, shape && opaque(shape) ? parse(shape) : paper, 4.5, JSON.stringify(e.textContent));
			} else if (e.matches(".edge, .marked > .box, .outside > .box, .sign > *")) {
				found.Marks++;
				hold(style.stroke, paper, 3, "line " + e.getAttribute("class"));
			} else if (e.matches(".bar, .flag > path")) {
				found.Marks++;
				hold(style.fill, paper, 3, "area " + e.getAttribute("class"));
			}
		}`,
		Texts: 50, Marks: 20,
	}
}

// unfold opens everything that can be.
func unfold(t *testing.T, b *browsertest.Browser) {
	t.Helper()
	browsertest.Eval[bool](t, b, `document.querySelectorAll("details").forEach(d => { d.open = true; }) ?? true`)
}

// beyondBoxes are the texts of nodes that do not end within their boxes.
const beyondBoxes = `[...document.querySelectorAll(".node > text")].filter(e => e.getBBox().x + e.getBBox().width > e.parentElement.querySelector(".box").width.baseVal.value - 3).map(e => e.textContent)`
