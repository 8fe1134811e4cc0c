package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// shots names a folder to put pictures of the pages into, for whoever wants to look at them.
const shots = "PAGE_SHOTS"

type edit struct{ file, from, to string }

// edits break the repository in ways that people break one.
var edits = []edit{
	{"base/app/workload/each-track/deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
	{"base/app/workload/service-headless.yaml", "  selector:\n    app.kubernetes.io/name: go-otlp-app\n", "  selector:\n    app.kubernetes.io/name: go-otlp-ap\n"},
	{"overlays/prod/app/environment.yaml", "max: 10", "max: 40"},
	{"overlays/staging/app/environment.yaml", `ratio: "0.5"`, `ratio: "0.9"`},
	{"overlays/dev/app/kustomization.yaml", "newTag: 1.1.0", "newTag: latest"},
}

// The page of the real repository, of a broken copy of it, and of names that mean harm, in a real browser.
func TestPageInABrowser(t *testing.T) {
	chromium := findChromium(t)
	folder := t.TempDir()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	for _, part := range []string{"base", "overlays", "argocd"} {
		if err := os.CopyFS(filepath.Join(copied, part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range append([]edit{{"kgate.yaml", "", ""}}, edits...) {
		text, err := os.ReadFile(filepath.Join(root, e.file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), e.from) {
			t.Fatalf("%s does not say %q any more: break something else", e.file, e.from)
		}
		if err := os.WriteFile(filepath.Join(copied, e.file), []byte(strings.Replace(string(text), e.from, e.to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	clean, broken := reported(t, root), reported(t, copied)
	if len(clean.Findings) > 0 || len(broken.Findings) < len(edits) {
		t.Fatalf("%d findings in the repository, %d in the broken copy", len(clean.Findings), len(broken.Findings))
	}
	pages := map[string]string{}
	for name, r := range map[string]report.Report{"clean": clean, "broken": broken, "hostile": harmful(clean)} {
		pages[name] = filepath.Join(folder, name+".html")
		var out bytes.Buffer
		if err := report.HTML(&out, r, report.Options{}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(pages[name], out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		keep(t, name+".html", out.Bytes())
	}
	b := startBrowser(t, chromium)

	for _, name := range []string{"clean", "broken", "hostile"} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{320, 768, 1280, 1600} {
				if scheme == "dark" && width != 320 && width != 1280 {
					continue // a scheme changes colours, and a width all but colours
				}
				t.Run(fmt.Sprintf("%s %s %d", name, scheme, width), func(t *testing.T) {
					b.visit(t, pages[name], width, scheme)
					b.shoot(t, fmt.Sprintf("%s-%s-%d", name, scheme, width))
					b.fits(t, width)
					b.open(t)
					b.fits(t, width)
					b.readable(t)
					b.insideTheirBoxes(t)
				})
			}
		}
	}

	t.Run("schemes differ", func(t *testing.T) {
		background := map[string]string{}
		for _, scheme := range []string{"light", "dark"} {
			b.visit(t, pages["clean"], 1280, scheme)
			background[scheme] = eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`)
		}
		if background["light"] == background["dark"] || !strings.HasPrefix(background["dark"], "rgb(") {
			t.Errorf("got backgrounds %v", background)
		}
	})

	t.Run("what is measured is really measured", func(t *testing.T) {
		b.visit(t, pages["broken"], 1280, "light")
		eval[string](t, b, `document.querySelector(".lead").style.color = "#999"`)
		eval[string](t, b, `document.querySelector(".graph .kind").style.fill = "#ccc"`)
		eval[string](t, b, `document.querySelector(".graph .name").textContent = "a name that is far too long for the box that it is in"`)
		if found := b.contrast(t); len(found.Poor) != 2 {
			t.Errorf("grey text was let pass, or other text with it: %v", found.Poor)
		}
		if wide := eval[[]string](t, b, beyondBoxes); len(wide) != 1 {
			t.Errorf("a long name was let pass, or others with it: %v", wide)
		}
	})

	t.Run("content without JavaScript", func(t *testing.T) {
		call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		defer call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
		b.visit(t, pages["broken"], 1280, "light")
		text := eval[string](t, b, `document.body.innerText`)
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
		if eval[bool](t, b, `document.getElementById("filter").checkVisibility()`) {
			t.Error("a form that does nothing is shown")
		}
	})

	t.Run("filter", func(t *testing.T) {
		b.visit(t, pages["broken"], 1280, "light")
		shown := func() int {
			return eval[int](t, b, `[...document.querySelectorAll(".finding[data-severity]")].filter(e => e.checkVisibility()).length`)
		}
		all := shown()
		eval[bool](t, b, `document.querySelector("#filter input").focus() ?? true`)
		b.do(t, chromedp.KeyEvent("readonlyrootfilesystem app"))
		if n := shown(); n != 1 {
			t.Errorf("%d findings speak of it", n)
		}
		if said := eval[string](t, b, `document.querySelector("#filter output").textContent`); said != fmt.Sprintf("1 of %d shown", all) {
			t.Errorf("the form says %q", said)
		}
		if left := eval[[]int](t, b, `[".check", ".files > li", "[data-of]"].map(s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).length)`); !slices.Equal(left, []int{1, 1, 1}) {
			t.Errorf("%v checks, files and lines are left", left)
		}
		eval[bool](t, b, `(() => { const f = document.getElementById("filter"); f.reset(); f.elements.target.value = "overlays/staging"; return f.dispatchEvent(new Event("input")); })()`)
		if n := shown(); n < 2 || n >= all {
			t.Errorf("%d of %d findings are of one overlay", n, all)
		}
	})

	t.Run("a node lights up what it hangs together with", func(t *testing.T) {
		b.visit(t, pages["clean"], 1280, "light")
		lit := eval[[]string](t, b, `(() => {
			const node = [...document.querySelectorAll(".graph .node")].find(n => n.querySelector("title").textContent.startsWith("HorizontalPodAutoscaler"));
			node.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
			return [...node.closest("svg").querySelectorAll(".node.lit title")].map(e => e.textContent).sort();
		})()`)
		if !slices.Equal(lit, []string{"Deployment go-otlp-app/go-otlp-app", "HorizontalPodAutoscaler go-otlp-app/go-otlp-app"}) {
			t.Errorf("lit are %q", lit)
		}
	})

	t.Run("a link into what is closed opens it", func(t *testing.T) {
		b.visit(t, pages["clean"], 1280, "light")
		eval[string](t, b, `location.hash = "t-4-graph-1-caption"`)
		b.do(t, chromedp.WaitVisible("#t-4-graph-1-caption"))
	})

	t.Run("names, headings and tables", func(t *testing.T) {
		b.visit(t, pages["broken"], 1280, "light")
		b.open(t)
		pictures := 0
		for _, n := range call(t, b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
			role, name := axText(n.Role), axText(n.Name)
			switch {
			case n.Ignored:
			case role == "image" || role == "img" || strings.HasPrefix(role, "SvgRoot") || strings.HasPrefix(role, "Graphics"):
				pictures++
				fallthrough
			case slices.Contains([]string{"link", "button", "textbox", "searchbox", "combobox", "table", "figure", "group", "heading", "navigation", "article"}, role):
				// Disclosures, figures around an example and articles are named by what is in them.
				if name == "" && !slices.Contains([]string{"group", "figure", "article"}, role) {
					t.Errorf("a %s has no name", role)
				}
			}
		}
		if pictures < 20 {
			t.Errorf("only %d pictures have a name", pictures)
		}
		faults := eval[[]string](t, b, `(() => {
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
		b.visit(t, pages["broken"], 1280, "light")
		want := eval[[]string](t, b, `(() => {
			const found = [...document.querySelectorAll("a[href], summary, input, select, button, [tabindex]")].filter(e => e.tabIndex >= 0 && e.checkVisibility());
			found.forEach((e, i) => { e.dataset.tab = i; });
			return found.map(e => e.dataset.tab);
		})()`)
		if len(want) < 40 {
			t.Fatalf("only %d controls", len(want))
		}
		var reached []string
		for range want {
			b.do(t, chromedp.KeyEvent(kb.Tab))
			reached = append(reached, eval[string](t, b, `(() => {
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
		b.visit(t, pages["clean"], 1280, "light")
		b.do(t, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
		if focused := eval[string](t, b, `document.activeElement.id`); focused != "main" {
			t.Errorf("the skip link leads to %q", focused)
		}
	})

	t.Run("print", func(t *testing.T) {
		for _, scripts := range []bool{true, false} {
			call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
			b.visit(t, pages["broken"], 794, "dark") // A4 in CSS pixels
			b.emulate(t, "print", "dark")
			if colour := eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`); colour != "rgb(255, 255, 255)" {
				t.Errorf("paper is %s", colour)
			}
			b.readable(t)
			if closed := eval[[]string](t, b, `[...document.querySelectorAll(".picture figcaption, .check .explained p, .exemptions details li")].filter(e => e.getBoundingClientRect().height == 0 || !e.checkVisibility()).map(e => e.textContent)`); len(closed) > 0 {
				t.Errorf("%d parts are not on paper: %.200q", len(closed), closed)
			}
			background, own := false, true
			pdf := call(t, b, cdppage.PrintToPDF, cdppage.PrintToPDFParams{PreferCSSPageSize: &own, PrintBackground: &background}).Data
			keep(t, fmt.Sprintf("print-scripts-%v.pdf", scripts), pdf)
			if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
				t.Errorf("printed %.20q", pdf)
			}
		}
		call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
	})

	b.quiet(t, folder)
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

// findChromium returns the browser of this machine.
func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no Chromium to look at the page with: install it (Debian and Ubuntu: apt-get install chromium)"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// browser is one tab, and what it complained about and asked for.
type browser struct {
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	requests   []string
}

func startBrowser(t *testing.T, chromium string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("no-proxy-server", true), chromedp.WSURLReadTimeout(2*time.Minute))
	// Chromium refuses its sandbox to root, and Ubuntu from 23.10 on to a browser that AppArmor has no profile of. The page is our own.
	restricted, _ := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	if os.Geteuid() == 0 || strings.TrimSpace(string(restricted)) == "1" {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b := &browser{ctx: ctx}
	// Not with a time limit: the browser lives as long as the context of the call that starts it.
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	call(t, b, network.Enable, network.EnableParams{})
	call(t, b, log.Enable, cdp.Empty{})
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console: "+string(e.Type))
	case *cdppage.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "a script ran: "+e.Message)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// quiet fails t where the browser complained, or asked for anything but the pages themselves.
func (b *browser) quiet(t *testing.T, folder string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Errorf("the browser complains: %s", c)
	}
	asked := 0
	for _, r := range b.requests {
		switch {
		case strings.HasPrefix(r, "file://"+folder+"/") && strings.HasSuffix(r, ".html"):
			asked++
		case !strings.HasPrefix(r, "data:image/svg+xml,"):
			t.Errorf("the page asks for %s", r)
		}
	}
	if asked < 10 {
		t.Errorf("only %d requests were seen: this test looks away", asked)
	}
}

// patience is for one step of a browser on a busy machine.
const patience = 2 * time.Minute

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// call sends one command of the DevTools protocol.
func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval is the value of an expression in the page.
func eval[T any](t *testing.T, b *browser, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (b *browser) emulate(t *testing.T, media, scheme string) {
	t.Helper()
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

func (b *browser) visit(t *testing.T, file string, width int64, scheme string) {
	t.Helper()
	b.emulate(t, "screen", scheme)
	call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	b.do(t, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
}

// open opens everything that can be.
func (b *browser) open(t *testing.T) {
	t.Helper()
	eval[bool](t, b, `document.querySelectorAll("details").forEach(d => { d.open = true; }) ?? true`)
}

// fits fails t where the page is wider than its window.
func (b *browser) fits(t *testing.T, width int64) {
	t.Helper()
	type widths struct {
		Page, Window int64
		Wide         []string
	}
	got := eval[widths](t, b, `({
		Page: document.documentElement.scrollWidth, Window: window.innerWidth,
		Wide: [...document.querySelectorAll("body *")].filter(e => (e.matches(".scroll") || !e.closest(".scroll")) && !e.matches(".hidden, caption, option") && e.getBoundingClientRect().right > innerWidth + .5)
			.map(e => e.tagName + "." + e.className),
	})`)
	if got.Window != width || got.Page > width || len(got.Wide) > 0 {
		t.Errorf("the page is %d wide in a window of %d, want %d; beyond it: %v", got.Page, got.Window, width, got.Wide)
	}
}

// beyondBoxes are the texts of nodes that do not end within their boxes.
const beyondBoxes = `[...document.querySelectorAll(".node > text")].filter(e => e.getBBox().x + e.getBBox().width > e.parentElement.querySelector(".box").width.baseVal.value - 3).map(e => e.textContent)`

func (b *browser) insideTheirBoxes(t *testing.T) {
	t.Helper()
	if wide := eval[[]string](t, b, beyondBoxes); len(wide) > 0 {
		t.Errorf("these do not fit into their boxes: %q", wide)
	}
}

// contrasts is what a page has of contrast to what is behind it.
type contrasts struct {
	Texts, Marks int
	Least        float64
	Poor         []string
}

// contrast measures every visible text, and the marks of the pictures, by the formula of WCAG 2.
func (b *browser) contrast(t *testing.T) contrasts {
	t.Helper()
	return eval[contrasts](t, b, `(() => {
		const parse = c => c.match(/[\d.]+/g).map(Number);
		const part = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
		const light = c => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
		const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
		const opaque = c => c != "none" && (parse(c).length == 3 || parse(c)[3] == 1);
		const behind = e => {
			for (; e; e = e.parentElement) {
				const c = getComputedStyle(e).backgroundColor;
				if (opaque(c)) return parse(c);
			}
			return [255, 255, 255];
		};
		const found = {Texts: 0, Marks: 0, Least: 21, Poor: []};
		const hold = (colour, back, want, what) => {
			const r = ratio(parse(colour), back);
			found.Least = Math.min(found.Least, r);
			if (r < want) found.Poor.push(what + " " + r.toFixed(2) + " of " + want);
		};
		for (const e of document.querySelectorAll("body *")) {
			const style = getComputedStyle(e), box = e.getBoundingClientRect(), svg = e.closest("svg");
			if (!e.checkVisibility() || box.width < 2 && box.height < 2 || style.clipPath.startsWith("inset")) continue;
			if (svg) {
				if (style.opacity != 1) found.Poor.push("see-through " + e.getAttribute("class"));
				const paper = behind(svg.parentElement);
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
				continue;
			}
			const own = [...e.childNodes].filter(n => n.nodeType == 3).map(n => n.data.trim()).join("");
			if (!own || e.matches("option")) continue;
			found.Texts++;
			const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
			hold(style.color, behind(e), large ? 3 : 4.5, JSON.stringify(own.slice(0, 30)));
		}
		return found;
	})()`)
}

// readable fails t where something is too pale: 4.5 to 1 for text, 3 to 1 where it is large or a mark (WCAG 2, level AA).
func (b *browser) readable(t *testing.T) {
	t.Helper()
	found := b.contrast(t)
	if found.Texts < 50 || found.Marks < 20 {
		t.Errorf("only %d texts and %d marks were measured", found.Texts, found.Marks)
	}
	for _, p := range found.Poor {
		t.Errorf("too little contrast: %s", p)
	}
	t.Logf("%d texts and %d marks, the least contrast is %.2f", found.Texts, found.Marks, found.Least)
}

// shoot takes a picture of the whole page, if somebody wants to look at it.
func (b *browser) shoot(t *testing.T, name string) {
	t.Helper()
	if os.Getenv(shots) == "" {
		return
	}
	beyond := true
	keep(t, name+".png", call(t, b, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{CaptureBeyondViewport: &beyond}).Data)
}

func keep(t *testing.T, name string, content []byte) {
	t.Helper()
	folder := os.Getenv(shots)
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	if err := json.Unmarshal(v.Value, &text); err != nil {
		return ""
	}
	return text
}
