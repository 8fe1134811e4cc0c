// Package browsertest has a real browser look at a page that a test makes: whether it fits its window, whether it can be
// read, what it asks for and what the browser complains about.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
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
)

// shots names a folder to put pictures of the pages into, for whoever wants to look at them.
const shots = "PAGE_SHOTS"

// patience is for one step of a browser on a busy machine.
const patience = 2 * time.Minute

// Page is what a test knows of the pages that it looks at.
type Page struct {
	Own     func(url string) bool // whether a request is for a page itself
	Ignore  []log.EntrySource     // whose complaints are about what a test does
	Within  string                // JavaScript: whether an element e has to end within the window
	Picture string                // JavaScript: a function of an element in an svg and its style that measures its colours with hold
	Texts   int                   // the least number of texts that Readable has to find
	Marks   int                   // the same of marks in pictures
}

// Browser is one tab, and what it complained about and asked for.
type Browser struct {
	ctx  context.Context
	page Page

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// Start starts the browser of this machine, until the end of the test. Without one the test is skipped, and fails in CI.
func Start(t *testing.T, p Page) *Browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(find(t)), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("no-proxy-server", true), chromedp.WSURLReadTimeout(patience))
	// Chromium refuses its sandbox to root, and Ubuntu from 23.10 on to a browser that AppArmor has no profile of. The page is our own.
	restricted, _ := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	if os.Geteuid() == 0 || strings.TrimSpace(string(restricted)) == "1" {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	b := &Browser{ctx: ctx, page: p}
	// Not with a time limit: the browser lives as long as the context of the call that starts it.
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatal(err)
	}
	Call(t, b, network.Enable, network.EnableParams{})
	Call(t, b, log.Enable, cdp.Empty{})
	Call(t, b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	return b
}

func find(t *testing.T) string {
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

func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if !slices.Contains(b.page.Ignore, e.Entry.Source) {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console: "+string(e.Type))
	case *page.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "a script ran: "+e.Message)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// Quiet fails t where the browser complained, or asked for anything but the pages themselves.
func (b *Browser) Quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		t.Errorf("the browser complains: %s", c)
	}
	asked := 0
	for _, r := range b.requests {
		switch {
		case b.page.Own(r):
			asked++
		case !strings.HasPrefix(r, "data:image/svg+xml,") && !strings.HasPrefix(r, "data:image/svg+xml;base64,"): // an icon, of the page or of a field
			t.Errorf("the page asks for %s", r)
		}
	}
	if asked < 10 {
		t.Errorf("only %d requests were seen: this test looks away", asked)
	}
}

// Do takes steps in the page.
func (b *Browser) Do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// Call sends one command of the DevTools protocol.
func Call[P, R any](t *testing.T, b *Browser, command cdp.Command[P, R], params P) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// Eval is the value of an expression in the page.
func Eval[T any](t *testing.T, b *Browser, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// Emulate is for a medium, screen or print, and a scheme of colours, light or dark.
func (b *Browser) Emulate(t *testing.T, media, scheme string) {
	t.Helper()
	Call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// Scripts lets pages run scripts, or does not.
func (b *Browser) Scripts(t *testing.T, run bool) {
	t.Helper()
	Call(t, b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run})
}

// Visit opens a page in a window of a width, in CSS pixels.
func (b *Browser) Visit(t *testing.T, url string, width int64, scheme string) {
	t.Helper()
	b.Emulate(t, "screen", scheme)
	Call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 2})
	b.Do(t, chromedp.Navigate(url))
}

// Text is what the page says.
func (b *Browser) Text(t *testing.T) string {
	t.Helper()
	return Eval[string](t, b, `document.body.innerText`)
}

// Fits fails t where the page is wider than its window.
func (b *Browser) Fits(t *testing.T, width int64) {
	t.Helper()
	type widths struct {
		Page, Window int64
		Wide         []string
	}
	got := Eval[widths](t, b, fmt.Sprintf(`({
		Page: document.documentElement.scrollWidth, Window: window.innerWidth,
		Wide: [...document.querySelectorAll("body *")].filter(e => (%s) && e.getBoundingClientRect().right > innerWidth + .5)
			.map(e => e.tagName + "." + e.className),
	})`, b.page.Within))
	if got.Window != width || got.Page > width || len(got.Wide) > 0 {
		t.Errorf("the page is %d wide in a window of %d, want %d; beyond it: %v", got.Page, got.Window, width, got.Wide)
	}
}

// Contrasts is what a page has of contrast to what is behind it.
type Contrasts struct {
	Texts, Marks int
	Least        float64
	Poor         []string
}

// Contrast measures every visible text, and the marks of the pictures, by the formula of WCAG 2.
func (b *Browser) Contrast(t *testing.T) Contrasts {
	t.Helper()
	return Eval[Contrasts](t, b, fmt.Sprintf(`(() => {
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
		const picture = %s;
		for (const e of document.querySelectorAll("body *")) {
			const style = getComputedStyle(e), box = e.getBoundingClientRect(), svg = e.closest("svg");
			if (!e.checkVisibility() || box.width < 2 && box.height < 2 || style.clipPath.startsWith("inset")) continue;
			if (svg) {
				picture(e, style, behind(svg.parentElement));
				continue;
			}
			const own = [...e.childNodes].filter(n => n.nodeType == 3).map(n => n.data.trim()).join("");
			if (!own || e.matches("option")) continue;
			found.Texts++;
			const size = parseFloat(style.fontSize), large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
			hold(style.color, behind(e), large ? 3 : 4.5, JSON.stringify(own.slice(0, 30)));
		}
		return found;
	})()`, b.page.Picture))
}

// Readable fails t where something is too pale: 4.5 to 1 for text, 3 to 1 where it is large or a mark (WCAG 2, level AA).
func (b *Browser) Readable(t *testing.T) {
	t.Helper()
	found := b.Contrast(t)
	if found.Texts < b.page.Texts || found.Marks < b.page.Marks {
		t.Errorf("only %d texts and %d marks were measured", found.Texts, found.Marks)
	}
	for _, p := range found.Poor {
		t.Errorf("too little contrast: %s", p)
	}
	t.Logf("%d texts and %d marks, the least contrast is %.2f", found.Texts, found.Marks, found.Least)
}

// Shoot takes a picture of the whole page, if somebody wants to look at it.
func (b *Browser) Shoot(t *testing.T, name string) {
	t.Helper()
	if os.Getenv(shots) == "" {
		return
	}
	beyond := true
	picture := Call(t, b, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond}).Data
	if len(picture) < 10_000 {
		t.Errorf("a picture of %d bytes shows nothing", len(picture))
	}
	Keep(t, name+".png", picture)
}

// Keep keeps a file, if somebody wants to look at it.
func Keep(t *testing.T, name string, content []byte) {
	t.Helper()
	folder := os.Getenv(shots)
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Spoken is a part of the page as it is told to who does not see it.
type Spoken struct {
	Role, Name string
	Picture    bool
}

// Spoken are the parts of the page in their order.
func (b *Browser) Spoken(t *testing.T) []Spoken {
	t.Helper()
	var all []Spoken
	for _, n := range Call(t, b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Ignored {
			continue
		}
		s := Spoken{Role: text(n.Role), Name: text(n.Name)}
		s.Picture = s.Role == "image" || s.Role == "img" || strings.HasPrefix(s.Role, "SvgRoot") || strings.HasPrefix(s.Role, "Graphics")
		all = append(all, s)
	}
	return all
}

func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var text string
	if err := json.Unmarshal(v.Value, &text); err != nil {
		return ""
	}
	return text
}
