package web

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// mostBadgeText is how many characters one half of a badge shows, so that no name makes it wider than a page.
const mostBadgeText = 40

// Colours of badges, each at least 4.5 to 1 against the white of their text.
const (
	badgeGood  = "#1a6e5e"
	badgeBad   = "#b23a1d"
	badgePlain = "#5b636b"
	badgeLabel = "#3a4046"
)

// getRunningBadge answers which version of a service runs in an environment, as a picture.
func (a *API) getRunningBadge(w http.ResponseWriter, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	f := release.RunningFilter{Service: r.PathValue("service"), Environment: strings.TrimSuffix(r.PathValue("environment"), ".svg")}
	if f.Service == "" || f.Environment == "" || f.Validate() != nil {
		return newProblem(http.StatusNotFound, "no service or environment can have this name")
	}
	running, err := a.ledger.RunningAt(r.Context(), f)
	if err != nil {
		return err
	}
	says, colour := "nothing runs", badgePlain
	for i, run := range running {
		if i > 0 {
			says += " + " + run.Version
			continue
		}
		says, colour = run.Version, badgeGood
	}
	return a.writeBadge(w, f.Service+" in "+f.Environment, says, colour)
}

// getMeasureBadge answers one of the measures as a picture.
func (a *API) getMeasureBadge(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "window", "environment", "service", "team")
	if err != nil {
		return err
	}
	scope := release.Scope{Environment: q.Get("environment"), Service: q.Get("service"), Team: q.Get("team")}
	text := defaultWindow
	if q.Has("window") {
		text = q.Get("window")
	}
	window, ok := parseWindow(text)
	if !ok || window < 24*time.Hour || window > release.MaxWindow {
		return invalid(fault{Parameter: "window", Detail: "must be a number of days between 1d and 366d, such as 30d"})
	}
	measure, _ := strings.CutSuffix(r.PathValue("measure"), ".svg")
	labels := map[string]string{
		"deployment-frequency": "deployments", "lead-time": "lead time", "change-failure-rate": "change failure rate", "time-to-restore": "time to restore",
	}
	label, known := labels[measure]
	if !known {
		return newProblem(http.StatusNotFound, "there is no such measure; there are deployment-frequency, lead-time, change-failure-rate and time-to-restore")
	}
	m, err := a.ledger.Measures(r.Context(), scope, window, a.now())
	if err != nil {
		return err
	}
	says, colour := "no data", badgePlain
	switch {
	case measure == "deployment-frequency" && m.Deployments > 0:
		figure, unit := perTime(m.DeploymentFrequency)
		says, colour = figure+" "+unit, badgeGood
	case measure == "lead-time" && m.LeadTime.Samples > 0:
		says, colour = spell(*m.LeadTime.Median), badgeGood
	case measure == "change-failure-rate" && m.ChangeFailureRate != nil:
		says, colour = percent(*m.ChangeFailureRate)+" %", badgeGood
	case measure == "time-to-restore" && m.TimeToRestore.Samples > 0:
		says, colour = spell(*m.TimeToRestore.Median), badgeGood
	}
	return a.writeBadge(w, label, says, colour)
}

// writeBadge answers a picture of a label and what it says. It has no script and no style, and asks for nothing.
func (a *API) writeBadge(w http.ResponseWriter, label, says, colour string) error {
	label, says = cut(label), cut(says)
	// Verdana's digits at 11 px are 7 wide; textLength holds other fonts to that.
	width := func(s string) int { return 7*utf8.RuneCountInString(s) + 12 }
	left, right := width(label), width(says)
	var b bytes.Buffer
	text := func(x, length int, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`, x, length-12, escaped(s))
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="20" role="img" aria-label="%s"><title>%s</title>`,
		left+right, escaped(label+": "+says), escaped(label+": "+says))
	fmt.Fprintf(&b, `<rect width="%d" height="20" rx="3" fill="%s"/><path d="M%d 0h%da3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%dz" fill="%s"/>`,
		left+right, badgeLabel, left, right-3, right-3, colour)
	b.WriteString(`<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`)
	text(6, left, label)
	text(left+6, right, says)
	b.WriteString("</g></svg>\n")
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	// A cache that several share may keep what is public, also of a request with a token, and answers whoever asks.
	caches := "public"
	if a.readsNeedToken {
		caches = "private"
	}
	h.Set("Cache-Control", caches+", max-age=60")
	// Pages of other origins are what badges are for.
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write(b.Bytes())
	return nil
}

func cut(s string) string {
	if utf8.RuneCountInString(s) <= mostBadgeText {
		return s
	}
	return string([]rune(s)[:mostBadgeText-1]) + "…"
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // into memory, which does not fail
	return b.String()
}
