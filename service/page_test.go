package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
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
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// shots names a folder to put pictures of the page into, for whoever wants to look at it.
const shots = "PAGE_SHOTS"

// The page in a real browser, over a real ledger.
func TestPageInABrowser(t *testing.T) {
	chromium := findChromium(t)
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)
	b := open(t, chromium)

	t.Run("empty", func(t *testing.T) {
		b.visit(t, s.api+"/", 390, "light")
		if text := b.text(t); !strings.Contains(text, "Nothing is recorded yet") || !strings.Contains(text, "curl http://127.0.0.1:") {
			t.Errorf("an empty ledger does not say how to begin:\n%s", text)
		}
		b.fits(t, 390)
		b.readable(t)
		b.shoot(t, "empty-390")
	})
	recorded := seed(t, s, time.Now())

	t.Run("content without JavaScript", func(t *testing.T) {
		call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		defer call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})
		b.visit(t, s.api+"/?window=90d", 1280, "light")
		text := b.text(t)
		for _, want := range []string{
			"What runs where", "checkout", "catalog", "canary", "staging", "Deployment frequency", "Change lead time",
			"Change failure rate", "Time to restore", "Last releases", "rolled back", "Zoë Quintero", "ago", "so far",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if strings.Contains(text, "No data") {
			t.Errorf("a measure has no data over %d releases:\n%s", recorded, text)
		}
		if current := eval[string](t, b, `document.querySelector(".windows [aria-current]").textContent`); current != "90 days" {
			t.Errorf("the window shown as chosen is %q", current)
		}
	})

	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{320, 390, 768, 1280} {
			t.Run(fmt.Sprintf("%s at %d", scheme, width), func(t *testing.T) {
				b.visit(t, s.api+"/", width, scheme)
				b.fits(t, width)
				b.readable(t)
				if broken := eval[[]string](t, b, `[...document.querySelectorAll(".where tbody th, .releases tbody th, .env, .label")].filter(e => {
					const text = document.createRange();
					text.selectNodeContents(e);
					return text.getClientRects().length > 1;
				}).map(e => e.textContent)`); len(broken) > 0 {
					t.Errorf("names are broken over lines: %v", broken)
				}
				b.shoot(t, fmt.Sprintf("%s-%d", scheme, width))
			})
		}
	}

	t.Run("schemes differ", func(t *testing.T) {
		background := map[string]string{}
		for _, scheme := range []string{"light", "dark"} {
			b.visit(t, s.api+"/", 1280, scheme)
			background[scheme] = eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`)
		}
		if background["light"] == background["dark"] || !strings.HasPrefix(background["dark"], "rgb(") {
			t.Errorf("got backgrounds %v", background)
		}
	})

	t.Run("contrast is really measured", func(t *testing.T) {
		b.visit(t, s.api+"/", 1280, "light")
		eval[string](t, b, `document.querySelector(".means").style.color = "#999"`)
		if found := b.contrast(t); len(found.Poor) != 1 {
			t.Errorf("grey text was let pass, or other text with it: %v", found.Poor)
		}
	})

	t.Run("every picture has a name", func(t *testing.T) {
		b.visit(t, s.api+"/", 1280, "light")
		var names []string
		for _, n := range call(t, b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
			if role := axText(n.Role); !n.Ignored && (role == "image" || role == "img" || strings.HasPrefix(role, "SvgRoot") || strings.HasPrefix(role, "Graphics")) {
				names = append(names, axText(n.Name))
			}
		}
		if len(names) != 4 || slices.ContainsFunc(names, func(n string) bool { return len(n) < 20 }) {
			t.Errorf("got pictures %q, want one a measure, each with what it shows", names)
		}
	})

	t.Run("the first tab reaches the skip link", func(t *testing.T) {
		b.visit(t, s.api+"/", 1280, "light")
		b.do(t, chromedp.KeyEvent(kb.Tab))
		type place struct {
			Text, Href string
			Top        float64
		}
		reached := eval[place](t, b, `(() => {
			const e = document.activeElement;
			return {Text: e.textContent, Href: e.getAttribute("href"), Top: e.getBoundingClientRect().top};
		})()`)
		if reached.Href != "#main" || !strings.HasPrefix(reached.Text, "Skip") || reached.Top < 0 {
			t.Errorf("got %+v", reached)
		}
		b.do(t, chromedp.KeyEvent(kb.Enter))
		if focused := eval[string](t, b, `document.activeElement.id`); focused != "main" {
			t.Errorf("the skip link leads to %q", focused)
		}
	})

	t.Run("print", func(t *testing.T) {
		b.visit(t, s.api+"/", 794, "dark") // A4 in CSS pixels
		b.emulate(t, "print", "dark")
		if colour := eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`); colour != "rgb(255, 255, 255)" {
			t.Errorf("paper is %s", colour)
		}
		b.fits(t, 794)
		b.readable(t)
		b.shoot(t, "print")
		background := false
		pdf := call(t, b, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PrintBackground: &background}).Data
		b.keep(t, "print.pdf", pdf)
		if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
			t.Errorf("printed %.20q", pdf)
		}
	})

	t.Run("trouble", func(t *testing.T) {
		b.visit(t, s.api+"/?window=1d", 390, "light")
		if text := b.text(t); !strings.Contains(text, "must be 7d, 30d or 90d") {
			t.Errorf("got %s", text)
		}
		b.fits(t, 390)
		b.readable(t)
	})

	b.quiet(t, s.api)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// seed records releases of five services over three months, as a small team would, and returns how many.
func seed(t *testing.T, s *service, now time.Time) int {
	t.Helper()
	type step struct {
		service, version, environment, track, outcome, actor string
		ago                                                  float64 // days
		minutes                                              float64 // until success or failure
		lead                                                 float64 // hours from the commit to the start, 0 for unknown
		back                                                 float64 // minutes from success to the end of the rollback
	}
	var steps []step
	actors := []string{"Ana Lopes", "Zoë Quintero", "argocd", "Jonas Weiß", "mei-lin"}
	add := func(i int, service, version string, ago float64) {
		lead := 0.6 + 1.7*float64(i%7)
		actor := actors[i%len(actors)]
		steps = append(steps,
			step{service, version, "dev", "stable", "succeeded", "argocd", ago + 0.30, 1.2, lead, 0},
			step{service, version, "staging", "stable", "succeeded", actor, ago + 0.15, 2.5, lead + 3.6, 0},
			step{service, version, "prod", "stable", "succeeded", actor, ago, 4 + float64(i%4)*1.5, lead + 7.2, 0})
	}
	for i, v := range []struct {
		service, version string
		ago              float64
	}{
		{"checkout", "2.8.0", 71}, {"catalog", "5.1.0", 54}, {"payments", "1.18.2", 41}, {"search", "0.31.0", 27}, {"mailer", "3.0.4", 25},
		{"checkout", "2.9.0", 22}, {"catalog", "5.2.0", 19}, {"search", "0.32.0", 12.4}, {"payments", "1.19.0", 9}, {"checkout", "2.9.1", 6.2}, {"catalog", "5.3.0", 2.1},
	} {
		add(i, v.service, v.version, v.ago)
	}
	steps = append(steps,
		step{"search", "0.31.1", "prod", "stable", "failed", "mei-lin", 20.5, 9, 5, 0},
		step{"search", "0.31.2", "prod", "stable", "succeeded", "mei-lin", 20.4, 4, 1.5, 0},
		step{"payments", "1.19.1", "prod", "stable", "rolled_back", "Jonas Weiß", 5.1, 5, 26, 22},
		step{"catalog", "5.2.1", "prod", "stable", "failed", "Ana Lopes", 12.1, 14, 3, 0},
		step{"catalog", "5.2.2", "prod", "stable", "succeeded", "Ana Lopes", 12.0, 6, 0.8, 0},
		step{"checkout", "2.10.0", "dev", "stable", "succeeded", "argocd", 0.4, 1, 0.4, 0},
		step{"checkout", "2.10.0", "staging", "stable", "succeeded", "Zoë Quintero", 0.2, 2, 5, 0},
		step{"checkout", "2.10.0", "prod", "canary", "succeeded", "Zoë Quintero", 0.08, 3, 8, 0},
		step{"mailer", "3.1.0-rc.2", "dev", "stable", "succeeded", "argocd", 0.05, 1, 0, 0},
		step{"search", "0.33.0", "staging", "stable", "failed", "mei-lin", 0.03, 12, 2, 0},
		step{"payments", "1.20.0", "staging", "stable", "started", "Jonas Weiß", 0.002, 0, 4, 0},
	)
	for _, p := range steps {
		revision := sha1.Sum([]byte(p.service + p.version))
		began := now.Add(-time.Duration(p.ago * 24 * float64(time.Hour)))
		after := func(minutes float64) string {
			return began.Add(time.Duration(minutes * float64(time.Minute))).Format(time.RFC3339)
		}
		d := map[string]any{
			"service": p.service, "environment": p.environment, "track": p.track, "version": p.version, "actor": p.actor,
			"revision": hex.EncodeToString(revision[:]), "started_at": after(0), "outcome": p.outcome,
		}
		if p.lead > 0 {
			d["committed_at"] = after(-60 * p.lead)
		}
		if p.outcome != "started" {
			d["finished_at"] = after(p.minutes)
		}
		say := func() {
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", string(text)); status != http.StatusCreated {
				t.Fatalf("record %s: %d %s", text, status, body)
			}
		}
		if p.outcome == "rolled_back" {
			d["outcome"] = "succeeded"
			say()
			d["outcome"], d["finished_at"] = p.outcome, after(p.minutes+p.back)
		}
		say()
	}
	return len(steps)
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

func open(t *testing.T, chromium string) *browser {
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
	call(t, b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// The status of an answer is no fault of the page: the test of trouble asks for one.
		if e.Entry.Source != log.EntrySourceNetwork {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console: "+string(e.Type))
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// quiet fails t where the browser complained, or asked for anything but the page itself.
func (b *browser) quiet(t *testing.T, origin string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Errorf("the browser complains: %s", c)
	}
	asked := 0
	for _, r := range b.requests {
		rest, own := strings.CutPrefix(r, origin+"/")
		switch {
		case own && (rest == "" || strings.HasPrefix(rest, "?window=")):
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

func (b *browser) visit(t *testing.T, url string, width int64, scheme string) {
	t.Helper()
	b.emulate(t, "screen", scheme)
	call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 2})
	b.do(t, chromedp.Navigate(url))
}

func (b *browser) text(t *testing.T) string {
	t.Helper()
	return eval[string](t, b, `document.body.innerText`)
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
		Wide: [...document.querySelectorAll("body *")].filter(e => !e.closest(".scroll, pre, svg") && e.getBoundingClientRect().right > innerWidth + .5)
			.map(e => e.tagName + "." + e.className),
	})`)
	if got.Window != width || got.Page > width || len(got.Wide) > 0 {
		t.Errorf("the page is %d wide in a window of %d, want %d; beyond it: %v", got.Page, got.Window, width, got.Wide)
	}
}

// contrasts is what the text of a page has of contrast to what is behind it.
type contrasts struct {
	Texts, Marks int
	Least        float64
	Poor         []string
}

// contrast measures every visible text, and the marks of the plots, by the formula of WCAG 2.
func (b *browser) contrast(t *testing.T) contrasts {
	t.Helper()
	return eval[contrasts](t, b, `(() => {
		const parse = c => c.match(/[\d.]+/g).map(Number);
		const part = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
		const light = c => .2126 * part(c[0]) + .7152 * part(c[1]) + .0722 * part(c[2]);
		const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
		const behind = e => {
			for (; e; e = e.parentElement) {
				const c = parse(getComputedStyle(e).backgroundColor);
				if (c.length == 3 || c[3] == 1) return c;
			}
			return [255, 255, 255];
		};
		const found = {Texts: 0, Marks: 0, Least: 21, Poor: []};
		const hold = (e, colour, want, what) => {
			const r = ratio(parse(colour), behind(e));
			found.Least = Math.min(found.Least, r);
			if (r < want) found.Poor.push(what + " " + r.toFixed(2) + " of " + want);
		};
		for (const e of document.querySelectorAll("body *")) {
			const style = getComputedStyle(e), box = e.getBoundingClientRect();
			if (e.closest("svg")) {
				if (e.matches(".plot .good, .plot .bad, .sign path, .sign circle")) {
					found.Marks++;
					hold(e.closest("svg").parentElement, style.fill == "none" || style.fill.startsWith("rgba") ? style.stroke : style.fill, 3, "mark " + e.getAttribute("class"));
				}
				continue;
			}
			const own = [...e.childNodes].filter(n => n.nodeType == 3).map(n => n.data.trim()).join("");
			if (!own || box.width < 2 || box.height < 2 || style.visibility == "hidden" || style.clipPath != "none") continue;
			found.Texts++;
			const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
			hold(e, style.color, large ? 3 : 4.5, JSON.stringify(own.slice(0, 30)));
		}
		return found;
	})()`)
}

// readable fails t where text is too pale: 4.5 to 1, and 3 to 1 where it is large or a mark (WCAG 2, level AA).
func (b *browser) readable(t *testing.T) {
	t.Helper()
	found := b.contrast(t)
	if found.Texts < 5 {
		t.Errorf("only %d texts were measured", found.Texts)
	}
	for _, p := range found.Poor {
		t.Errorf("too little contrast: %s", p)
	}
	t.Logf("%d texts and %d marks, the least contrast is %.2f", found.Texts, found.Marks, found.Least)
}

// shoot takes a picture of the whole page.
func (b *browser) shoot(t *testing.T, name string) {
	t.Helper()
	beyond := true
	picture := call(t, b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond}).Data
	if len(picture) < 10_000 {
		t.Errorf("a picture of %d bytes shows nothing", len(picture))
	}
	b.keep(t, name+".png", picture)
}

func (b *browser) keep(t *testing.T, name string, content []byte) {
	t.Helper()
	folder := os.Getenv(shots)
	if folder == "" {
		folder = t.TempDir()
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
