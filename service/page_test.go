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
			return own && (rest == "" || strings.HasPrefix(rest, "?window="))
		},
		// The status of an answer is no fault of the page: the test of trouble asks for one.
		Ignore: []log.EntrySource{log.EntrySourceNetwork},
		Within: `!e.closest(".scroll, pre, svg")`,
		Picture: `(e, style, paper) => {
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
	recorded := seed(t, s, time.Now())

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

	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{320, 390, 768, 1280} {
			t.Run(fmt.Sprintf("%s at %d", scheme, width), func(t *testing.T) {
				b.Visit(t, s.api+"/", width, scheme)
				b.Fits(t, width)
				b.Readable(t)
				if broken := browsertest.Eval[[]string](t, b, `[...document.querySelectorAll(".where tbody th, .releases tbody th, .env, .label")].filter(e => {
					const text = document.createRange();
					text.selectNodeContents(e);
					return text.getClientRects().length > 1;
				}).map(e => e.textContent)`); len(broken) > 0 {
					t.Errorf("names are broken over lines: %v", broken)
				}
				b.Shoot(t, fmt.Sprintf("%s-%d", scheme, width))
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
