package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kgate-dev/gitops/internal/browsertest"
	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// The page in a real browser, over a real ledger.
func TestPageInABrowser(t *testing.T) {
	var s *service
	b := browsertest.Start(t, browsertest.Page{
		Own: func(url string) bool {
			rest, own := strings.CutPrefix(url, s.api+"/")
			return own && !strings.HasPrefix(rest, "v1/")
		},
		// The status of an answer is no fault of the page: the test of trouble asks for one.
		Ignore: []log.EntrySource{log.EntrySourceNetwork},
		Within: `!e.closest(".scroll, pre, svg")`,
		Picture: `(e, style, paper) => {
			if (e.matches(".plot text")) {
				found.Texts++;
				hold(style.fill, paper, 4.5, "tick " + e.textContent);
			}
			if (!e.matches(".plot .good, .plot .bad, .sign path, .sign circle")) return;
			found.Marks++;
			hold(style.fill == "none" || style.fill.startsWith("rgba") ? style.stroke : style.fill, paper, 3, "mark " + e.getAttribute("class"));
		}`,
		Texts: 5,
	})
	s = start(t, postgrestest.URL(t))
	s.until("ready", s.ready)

	t.Run("empty", func(t *testing.T) {
		b.Visit(t, s.api+"/", 390, "light")
		if text := b.Text(t); !strings.Contains(text, "Nothing is recorded yet") || !strings.Contains(text, "curl http://127.0.0.1:") {
			t.Errorf("an empty ledger does not say how to begin:\n%s", text)
		}
		b.Fits(t, 390)
		b.Readable(t)
		b.Shoot(t, "empty-390")
	})
	now := time.Now()
	recorded := seed(t, s, now)
	long := recordLongNames(t, s, now)

	t.Run("content without JavaScript", func(t *testing.T) {
		b.Scripts(t, false)
		defer b.Scripts(t, true)
		b.Visit(t, s.api+"/?window=90d", 1280, "light")
		text := b.Text(t)
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
		if current := browsertest.Eval[string](t, b, `document.querySelector(".windows [aria-current]").textContent`); current != "90 days" {
			t.Errorf("the window shown as chosen is %q", current)
		}
	})

	pages := map[string]string{
		"overview": "/", "releases": "/releases", "search": "/releases?service=search&outcome=failed", "choices": "/releases?actor=a",
		"release": "/releases/" + long, "service": "/services/checkout", "environment": "/environments/prod", "then": "/running?at=" + now.AddDate(0, 0, -8).UTC().Format("2006-01-02T15:04"),
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{320, 390, 768, 1024, 1600} {
			t.Run(fmt.Sprintf("%s at %d", scheme, width), func(t *testing.T) {
				for name, path := range pages {
					// The others are made of the same: a phone in both schemes, a screen in one.
					if name != "overview" && width != 390 && (width != 1600 || scheme == "dark") {
						continue
					}
					b.Visit(t, s.api+path, width, scheme)
					b.Fits(t, width)
					b.Readable(t)
					if broken := browsertest.Eval[[]string](t, b, `[...document.querySelectorAll(".where tbody th, .releases tbody th, .env, .label")].filter(e => {
						return e.textContent.length < 30 && (e.querySelector("a") ?? e).getClientRects().length > 1;
					}).map(e => e.textContent)`); len(broken) > 0 {
						t.Errorf("%s: names are broken over lines: %v", name, broken)
					}
					b.Shoot(t, fmt.Sprintf("%s-%s-%d", name, scheme, width))
				}
			})
		}
	}

	t.Run("schemes differ", func(t *testing.T) {
		background := map[string]string{}
		for _, scheme := range []string{"light", "dark"} {
			b.Visit(t, s.api+"/", 1280, scheme)
			background[scheme] = browsertest.Eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`)
		}
		if background["light"] == background["dark"] || !strings.HasPrefix(background["dark"], "rgb(") {
			t.Errorf("got backgrounds %v", background)
		}
	})

	t.Run("contrast is really measured", func(t *testing.T) {
		b.Visit(t, s.api+"/", 1280, "light")
		browsertest.Eval[string](t, b, `document.querySelector(".means").style.color = "#999"`)
		if found := b.Contrast(t); len(found.Poor) != 1 {
			t.Errorf("grey text was let pass, or other text with it: %v", found.Poor)
		}
	})

	t.Run("every picture has a name", func(t *testing.T) {
		b.Visit(t, s.api+"/", 1280, "light")
		var names []string
		for _, s := range b.Spoken(t) {
			if s.Picture {
				names = append(names, s.Name)
			}
		}
		if len(names) != 4 || slices.ContainsFunc(names, func(n string) bool { return len(n) < 20 }) {
			t.Errorf("got pictures %q, want one a measure, each with what it shows", names)
		}
	})

	t.Run("the first tab reaches the skip link", func(t *testing.T) {
		b.Visit(t, s.api+"/", 1280, "light")
		b.Do(t, chromedp.KeyEvent(kb.Tab))
		type place struct {
			Text, Href string
			Top        float64
		}
		reached := browsertest.Eval[place](t, b, `(() => {
			const e = document.activeElement;
			return {Text: e.textContent, Href: e.getAttribute("href"), Top: e.getBoundingClientRect().top};
		})()`)
		if reached.Href != "#main" || !strings.HasPrefix(reached.Text, "Skip") || reached.Top < 0 {
			t.Errorf("got %+v", reached)
		}
		b.Do(t, chromedp.KeyEvent(kb.Enter))
		if focused := browsertest.Eval[string](t, b, `document.activeElement.id`); focused != "main" {
			t.Errorf("the skip link leads to %q", focused)
		}
	})

	t.Run("search by keyboard, without a script", func(t *testing.T) {
		b.Scripts(t, false)
		defer b.Scripts(t, true)
		b.Visit(t, s.api+"/releases", 390, "light")
		// In the order in which they are read.
		b.Do(t, chromedp.Focus(`[name=service]`), chromedp.KeyEvent("check"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("prod"),
			chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("mei"), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(`.chip`))
		at := browsertest.Eval[string](t, b, `location.search`)
		text := b.Text(t)
		if !strings.Contains(text, "Person mei-lin") || !strings.Contains(text, "2.9.1") || strings.Contains(text, "2.9.0") {
			t.Errorf("%s found:\n%s", at, text)
		}
		if _, csv := s.ask(http.MethodGet, s.api+browsertest.Eval[string](t, b, `document.querySelector(".pager a[href*=csv]").getAttribute("href")`), ""); strings.Count(csv, "\r\n") != 2 || !strings.Contains(csv, ",checkout,prod,stable,2.9.1,") {
			t.Errorf("the CSV of the search is\n%s", csv)
		}
	})

	t.Run("refreshing keeps the place", func(t *testing.T) {
		b.Visit(t, s.api+"/", 1280, "light")
		b.Do(t, chromedp.Click(`#lead-definition summary`), chromedp.Focus(`#where a[title="5.3.0"]`))
		browsertest.Eval[float64](t, b, `(scrollTo({top: document.querySelector("#delivery").offsetTop - 50, behavior: "instant"}), scrollY)`)
		top := `document.querySelector("#delivery").getBoundingClientRect().top`
		before := browsertest.Eval[float64](t, b, top)
		// Rows that are new push down what is read.
		for _, service := range []string{"aaa", "bbb", "ccc"} {
			text := fmt.Sprintf(`{"service":%q,"environment":"prod","version":"9.9.9","revision":"0123abc","actor":"ann","outcome":"succeeded","started_at":%q,"finished_at":%q}`,
				service, now.Format(time.RFC3339), now.Format(time.RFC3339))
			if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", text); status != http.StatusCreated {
				t.Fatal(status, body)
			}
		}
		browsertest.Eval[bool](t, b, `document.dispatchEvent(new Event("visibilitychange"))`)
		b.Do(t, chromedp.WaitReady(`#where a[href="/services/ccc"]`))
		if after := browsertest.Eval[float64](t, b, top); after-before > 1 || before-after > 1 {
			t.Errorf("the measures were at %.1f, and are at %.1f", before, after)
		}
		if focused := browsertest.Eval[string](t, b, `document.activeElement.title`); focused != "5.3.0" {
			t.Errorf("the focus went to %q", focused)
		}
		if !browsertest.Eval[bool](t, b, `document.querySelector("#lead-definition").open`) {
			t.Error("what was open is closed")
		}
		b.Do(t, chromedp.Click(`#live-switch`))
		if says := browsertest.Eval[string](t, b, `document.querySelector("#live").textContent`); !strings.Contains(says, "Paused") || !strings.Contains(says, "Go on") {
			t.Errorf("paused, the page says %q", says)
		}
		// Gone on with and paused again before the answer is there.
		browsertest.Eval[bool](t, b, `(() => {
			const send = XMLHttpRequest.prototype.send, button = document.querySelector("#live-switch");
			XMLHttpRequest.prototype.send = function () {
				this.addEventListener("loadend", () => setTimeout(() => document.body.id = "answered"));
				send.call(this);
			};
			button.click();
			button.click();
			return true;
		})()`)
		b.Do(t, chromedp.WaitReady(`#answered`))
		if says := browsertest.Eval[string](t, b, `document.querySelector("#live").textContent`); !strings.Contains(says, "Paused") || !strings.Contains(says, "Go on") {
			t.Errorf("paused while it asks, the page says %q", says)
		}
	})

	t.Run("what is typed stays", func(t *testing.T) {
		b.Visit(t, s.api+"/releases", 1280, "light")
		b.Do(t, chromedp.Focus(`[name=actor]`), chromedp.KeyEvent("Zo"))
		text := fmt.Sprintf(`{"service":"ddd","environment":"prod","version":"9.9.9","revision":"0123abc","actor":"ann","outcome":"succeeded","started_at":%q,"finished_at":%q}`,
			now.Format(time.RFC3339), now.Format(time.RFC3339))
		if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", text); status != http.StatusCreated {
			t.Fatal(status, body)
		}
		browsertest.Eval[bool](t, b, `document.dispatchEvent(new Event("visibilitychange"))`)
		b.Do(t, chromedp.WaitReady(`#found a[href="/services/ddd"]`), chromedp.KeyEvent("ë"))
		if typed := browsertest.Eval[string](t, b, `document.activeElement.name + " " + document.activeElement.value`); typed != "actor Zoë" {
			t.Errorf("the field has %q", typed)
		}
	})

	t.Run("print", func(t *testing.T) {
		b.Visit(t, s.api+"/", 794, "dark") // A4 in CSS pixels
		b.Emulate(t, "print", "dark")
		if colour := browsertest.Eval[string](t, b, `getComputedStyle(document.documentElement).backgroundColor`); colour != "rgb(255, 255, 255)" {
			t.Errorf("paper is %s", colour)
		}
		b.Fits(t, 794)
		b.Readable(t)
		b.Shoot(t, "print")
		background := false
		pdf := browsertest.Call(t, b, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PrintBackground: &background}).Data
		browsertest.Keep(t, "print.pdf", pdf)
		if !bytes.HasPrefix(pdf, []byte("%PDF-")) {
			t.Errorf("printed %.20q", pdf)
		}
	})

	t.Run("trouble", func(t *testing.T) {
		b.Visit(t, s.api+"/?window=1d", 390, "light")
		if text := b.Text(t); !strings.Contains(text, "must be 7d, 30d or 90d") {
			t.Errorf("got %s", text)
		}
		b.Fits(t, 390)
		b.Readable(t)
	})

	b.Quiet(t)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// recordLongNames records a release whose names are as long and as strange as names may be, and returns its id.
func recordLongNames(t *testing.T, s *service, now time.Time) string {
	t.Helper()
	name := strings.Repeat("very-long-name-of-a-service-", 3)[:63]
	text := fmt.Sprintf(`{"service":%q,"environment":"dev","version":%q,"revision":%q,"actor":%q,"artifact":%q,"team":"payments","outcome":"succeeded",
		"committed_at":%q,"started_at":%q,"finished_at":%q}`, name, "1.0.0-"+strings.Repeat("feature.", 15), strings.Repeat("0123456789abcdef", 4)[:40],
		strings.Repeat("مُحَمَّد 🦊 ", 20)+"Ångström", "registry.example/"+strings.Repeat("team/", 60)+name+"@sha256:"+strings.Repeat("0", 64),
		now.Add(-5*time.Hour).Format(time.RFC3339), now.Add(-4*time.Hour).Format(time.RFC3339), now.Add(-4*time.Hour+90*time.Second).Format(time.RFC3339))
	status, body := s.ask(http.MethodPost, s.api+"/v1/releases", text)
	var recorded struct{ ID string }
	if err := json.Unmarshal([]byte(body), &recorded); err != nil || status != http.StatusCreated {
		t.Fatalf("record %s: %d %s %v", text, status, body, err)
	}
	return recorded.ID
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
