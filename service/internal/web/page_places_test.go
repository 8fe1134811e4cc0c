package web

import (
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/link"
	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// ledgerOfATeam is what a small team recorded, with everything that the pages tell apart.
func ledgerOfATeam(t *testing.T) (*API, map[string]release.Release) {
	t.Helper()
	a := newLedgerAPI(t, postgrestest.URL(t))
	for name, to := range map[string]*link.Template{
		"https://git.example/{service}/commit/{revision}":             &a.links.Commit,
		"https://git.example/{service}/compare/{before}...{revision}": &a.links.Compare,
		"https://argocd.example/applications/{service}-{environment}": &a.links.Application,
		"https://logs.example/?from={from}&to={to}&q={version}":       &a.links.Log,
	} {
		parsed, err := link.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		*to = parsed
	}
	all := map[string]release.Release{}
	put := func(name, text string) {
		all[name] = read[release.Release](t, send(t, a, post("/v1/releases", text)), http.StatusCreated)
	}
	in := func(environment, text string) string {
		return strings.Replace(text, `"prod"`, strconv.Quote(environment), 1)
	}
	revision := func(r, text string) string { return strings.Replace(text, "0123abc", r, 1) }
	by := func(actor, text string) string {
		return strings.Replace(text, `"ana"`, strconv.Quote(actor), 1)
	}
	put("old", revision("aaaaaaa", body("1.0.0", 8)))
	put("staging old", revision("aaaaaaa", in("staging", body("1.0.0", 7))))
	put("staging 1.1", revision("bbbbbbb", in("staging", body("1.1.0", 9))))
	put("new", by("Zoë Q", revision("bbbbbbb", body("1.1.0", 10))))
	put("staging 1.2", by("Zoë Q", in("staging", body("1.2.0+build/7", 17))))
	put("staging 1.3", by("Ana", in("staging", body("1.3.0", 18))))
	put("failed", strings.Replace(body("1.2.0", 15), "succeeded", "failed", 1))
	put("under way", strings.Replace(strings.Replace(body("1.4.0", 20), `"succeeded"`, `"started"`, 1), `,"finished_at":"2026-11-20T10:05:00Z"`, "", 1))
	put("cart", strings.Replace(strings.Replace(body("v2.0.0", 19), "shop", "cart", 1), "0123abc", "2.0.0", 1))
	put("formula", by(`=HYPERLINK("https://evil.example")`, strings.Replace(body("3.0.0", 13), "shop", "cart", 1)))
	return a, all
}

func TestOverviewShowsWhatIsBehind(t *testing.T) {
	a, all := ledgerOfATeam(t)
	d := draw(t, a, "/", http.StatusOK)
	d.says(t, "2 behind staging, 3 days")
	boards := map[string]string{}
	for _, section := range (drawn{d.class("boards")[0]}).all("section") {
		boards[attr(section, "aria-labelledby")] = text(section)
	}
	for board, want := range map[string]string{
		"under-way": "shop 1.4.0 in prod for 2 h", "failed": "shop 1.2.0 in prod 1.1.0 runs on, 5 days ago, ana",
		"waiting": "shop 1.3.0 for prod 2 releases in staging, for 3 days, Ana",
	} {
		if !strings.Contains(spaced(boards[board]), spaced(want)) {
			t.Errorf("%s: got %q, want %q", board, boards[board], want)
		}
	}
	// It is good again as soon as something better has come.
	send(t, a, post("/v1/releases", body("1.2.1", 16)))
	draw(t, a, "/", http.StatusOK).says(t, "good again with 1.2.1")
	if _, ok := all["under way"]; !ok {
		t.Fatal("nothing is under way")
	}
}

func TestReleasesPage(t *testing.T) {
	a, _ := ledgerOfATeam(t)
	for query, want := range map[string]string{
		"":                                 "cart v2.0.0|shop 1.4.0|shop 1.3.0|shop 1.2.0+build/7|shop 1.2.0|cart 3.0.0|shop 1.1.0|shop 1.1.0|shop 1.0.0|shop 1.0.0",
		"service=car":                      "cart v2.0.0|cart 3.0.0",
		"service=SHOP&outcome=":            "shop 1.4.0|shop 1.3.0|shop 1.2.0+build/7|shop 1.2.0|shop 1.1.0|shop 1.1.0|shop 1.0.0|shop 1.0.0",
		"actor=zo%C3%AB":                   "shop 1.2.0+build/7|shop 1.1.0",
		"outcome=failed":                   "shop 1.2.0",
		"outcome=started":                  "shop 1.4.0",
		"environment=stag&from=2026-11-18": "shop 1.3.0",
		"version=1.1.0":                    "shop 1.1.0|shop 1.1.0",
		"from=2026-11-13T10:00&to=2026-11-17T10:00": "shop 1.2.0|cart 3.0.0",
		"kind=configuration":                        "",
		"service=shop&outcome=removed":              "",
	} {
		d := draw(t, a, "/releases?"+query, http.StatusOK)
		var found []string
		if tables := d.class("releases"); len(tables) > 0 {
			for _, tr := range (drawn{tables[0]}).all("tr")[1:] {
				found = append(found, text((drawn{tr}).all("th")[0])+" "+text((drawn{tr}).class("version")[0]))
			}
		}
		slices.Sort(found)
		expected := strings.FieldsFunc(want, func(r rune) bool { return r == '|' })
		slices.Sort(expected)
		if !slices.Equal(found, expected) {
			t.Errorf("%s: got %v, want %v", query, found, expected)
		}
	}
	// A part of a name that means several is a question, and one that means none is said to.
	d := draw(t, a, "/releases?actor=an&outcome=succeeded", http.StatusOK)
	if links := hrefs(drawn{d.class("choices")[0]}); !slices.Equal(links, []string{"/releases?actor=Ana&outcome=succeeded", "/releases?actor=ana&outcome=succeeded"}) &&
		!slices.Equal(links, []string{"/releases?actor=ana&outcome=succeeded", "/releases?actor=Ana&outcome=succeeded"}) {
		t.Errorf("the choices lead to %v", links)
	}
	draw(t, a, "/releases?service=nothing", http.StatusOK).says(t, "No service is called “nothing”")
	// The form holds what was asked.
	d = draw(t, a, "/releases?actor=Zo%C3%AB&outcome=failed&from=2026-11-13T10:00:00Z", http.StatusOK)
	fields := map[string]string{}
	for _, n := range d.all("input") {
		fields[attr(n, "name")] = attr(n, "value")
	}
	if fields["actor"] != "Zoë" || fields["from"] != "2026-11-13T10:00" || fields["to"] != "" {
		t.Errorf("the form holds %v", fields)
	}
	for query, want := range map[string]string{
		"from=yesterday": "must be a time in UTC", "outcome=done": "must be started", "kind=x": "must be deployment or configuration", "cursor=x": "must be the next cursor",
		"service=a&service=b": "occurs more than once", "servce=a": "is not a parameter",
	} {
		draw(t, a, "/releases?"+query, http.StatusUnprocessableEntity).says(t, want)
	}
	draw(t, a, "/releases?actor=%00", http.StatusUnprocessableEntity).says(t, "must be text without control characters")
}

func hrefs(d drawn) (all []string) {
	for _, n := range d.all("a") {
		all = append(all, attr(n, "href"))
	}
	return all
}

func TestReleasesPageByPage(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	for i := range pageSize + 2 {
		at := now.Add(-time.Duration(i+1) * time.Hour).Format(time.RFC3339)
		text := `{"service":"shop","environment":"prod","version":"1.` + strconv.Itoa(i) + `.0","revision":"0123abc","actor":"ana","outcome":"succeeded","started_at":"` + at + `","finished_at":"` + at + `"}`
		read[release.Release](t, send(t, a, post("/v1/releases", text)), http.StatusCreated)
	}
	d := draw(t, a, "/releases?service=shop", http.StatusOK)
	var older string
	for _, n := range d.all("a") {
		if attr(n, "rel") == "next" {
			older = attr(n, "href")
		}
	}
	u, err := url.Parse(older)
	if err != nil || u.Query().Get("service") != "shop" || u.Query().Get("cursor") == "" {
		t.Fatalf("the next page is %q", older)
	}
	d = draw(t, a, older, http.StatusOK)
	if n := len((drawn{d.class("releases")[0]}).all("tr")); n != 3 {
		t.Errorf("%d rows on the second page, want a head and 2", n)
	}
	if !slices.Contains(hrefs(d), "/releases?service=shop") || len(d.all("script")) != 0 {
		t.Error("no way back to the newest, or a script on a page that stays as it is")
	}
}

func TestReleasePage(t *testing.T) {
	a, all := ledgerOfATeam(t)
	d := draw(t, a, "/releases/"+all["new"].ID, http.StatusOK)
	for _, want := range []string{"succeeded, and runs", "shop 1.1.0 in prod", "2 h 5 min from commit to success", "Zoë Q, 10 days ago; recorded", "Tue 10 Nov 2026, 10:05:00 UTC"} {
		d.says(t, want)
	}
	links := hrefs(d)
	for _, want := range []string{
		"https://git.example/shop/commit/bbbbbbb", "https://git.example/shop/compare/aaaaaaa...bbbbbbb", "https://argocd.example/applications/shop-prod",
		"/releases/" + all["old"].ID, "/services/shop", "/environments/prod", "/releases?actor=Zo%c3%ab%20Q&kind=all",
	} {
		if !slices.Contains(links, want) {
			t.Errorf("no link to %s: %v", want, links)
		}
	}
	if links := hrefs(draw(t, a, "/releases/"+all["staging 1.2"].ID, http.StatusOK)); !slices.ContainsFunc(links, func(l string) bool {
		return strings.HasPrefix(l, "https://logs.example/?from=1794") && strings.HasSuffix(l, "&q=1.2.0%2Bbuild%2F7")
	}) {
		t.Errorf("the log is not linked rightly: %v", links)
	}
	// The version of a chart is no commit.
	if links := hrefs(draw(t, a, "/releases/"+all["cart"].ID, http.StatusOK)); slices.ContainsFunc(links, func(l string) bool { return strings.Contains(l, "/commit/") }) {
		t.Errorf("a chart leads to a commit: %v", links)
	}
	// Rolled back because what ran before came again.
	send(t, a, post("/v1/releases", strings.Replace(body("1.0.0", 19), "0123abc", "aaaaaaa", 1)))
	d = draw(t, a, "/releases/"+all["new"].ID, http.StatusOK)
	d.says(t, "found out, since what ran before came back")
	d.says(t, "Rolled back by")
	draw(t, a, "/releases/00000000-0000-7000-8000-000000000000", http.StatusNotFound).says(t, "There is no such release.")
	draw(t, a, "/releases/x", http.StatusNotFound)
	draw(t, a, "/releases/"+all["new"].ID+"?x=1", http.StatusUnprocessableEntity)
}

func TestPlacePages(t *testing.T) {
	a, _ := ledgerOfATeam(t)
	d := draw(t, a, "/services/shop?window=90d", http.StatusOK)
	d.says(t, "Staging runs 1.3.0: 2 releases since, the first 3 days ago.")
	d.says(t, "Delivery to production")
	d = draw(t, a, "/environments/staging", http.StatusOK)
	d.says(t, "Delivery to staging")
	if n := len((drawn{d.class("place")[0]}).all("tr")); n != 2 {
		t.Errorf("%d rows, want a head and shop", n)
	}
	draw(t, a, "/environments/prod", http.StatusOK).says(t, "2 behind staging")
	for _, target := range []string{"/services/none", "/services/%3Cscript%3E", "/environments/none", "/environments/A"} {
		draw(t, a, target, http.StatusNotFound)
	}
	draw(t, a, "/services/shop?window=1d", http.StatusUnprocessableEntity)
}

func TestWhatRanThen(t *testing.T) {
	a, _ := ledgerOfATeam(t)
	for query, want := range map[string]string{
		"": "cart v2.0.0|shop 1.1.0|shop 1.3.0", "at=2026-11-09T12:00": "shop 1.0.0|shop 1.1.0", "at=2026-11-09T12:00&environment=prod": "shop 1.0.0",
		"at=2026-11-13T12:00:00Z&service=cart": "cart 3.0.0", "at=2026-11-01T00:00": "",
	} {
		d := draw(t, a, "/running?"+query, http.StatusOK)
		var found []string
		for _, table := range d.class("where") {
			for _, tr := range (drawn{table}).all("tr")[1:] {
				for _, v := range (drawn{tr}).class("version") {
					found = append(found, text((drawn{tr}).all("th")[0])+" "+text(v))
				}
			}
		}
		slices.Sort(found)
		if got := strings.Join(found, "|"); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	draw(t, a, "/running?at=2026-11-09T12:00", http.StatusOK).says(t, "25 h before")
	draw(t, a, "/running?at=noon", http.StatusUnprocessableEntity).says(t, "must be a time in UTC")
	if w := get(t, a, "/running?at=2026-11-09T12:00:00.25Z"); !strings.Contains(w.Body.String(), `"/v1/environments.csv?at=2026-11-09T12%3A00%3A00.25Z"`) {
		t.Error("the CSV is of another time")
	}
	draw(t, a, "/running?service=A", http.StatusUnprocessableEntity).says(t, "lower-case letters")
}

func TestCSV(t *testing.T) {
	a, all := ledgerOfATeam(t)
	rows := func(target string) [][]string {
		t.Helper()
		w := get(t, a, target)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/csv; charset=utf-8; header=present" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment; filename=") {
			t.Fatalf("%s: %d %v", target, w.Code, w.Header())
		}
		if text := w.Body.String(); strings.Count(text, "\n") != strings.Count(text, "\r\n") {
			t.Errorf("%s: a line does not end with CRLF", target)
		}
		found, err := csv.NewReader(w.Body).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := rows("/v1/releases.csv")
	if len(found) != len(all)+1 || found[0][0] != "id" || found[1][4] != "1.4.0" {
		t.Errorf("got %d rows: %v", len(found), found)
	}
	for _, row := range found[1:] {
		if row[1] == "cart" && row[4] == "3.0.0" && row[10] != `'=HYPERLINK("https://evil.example")` {
			t.Errorf("a formula: %q", row[10])
		}
	}
	if found := rows("/v1/releases.csv?actor=" + url.QueryEscape("Zoë Q") + "&environment=prod"); len(found) != 2 || found[1][12] != "2026-11-10T10:00:00Z" {
		t.Errorf("of a person: %v", found)
	}
	if found := rows("/v1/releases.csv?service=none"); len(found) != 1 {
		t.Errorf("of nothing: %v", found)
	}
	if found := rows("/v1/environments.csv?at=2026-11-09T12:00"); len(found) != 3 || strings.Join(found[1][:4], " ") != "shop prod stable 1.0.0" {
		t.Errorf("what ran: %v", found)
	}
	read[release.Release](t, send(t, a, post("/v1/releases", strings.Replace(body("9.9.9", 19), "shop", "posted", 1))), http.StatusCreated)
	if found := rows("/v1/releases.csv?service=posted"); len(found) != 2 || len(found[1]) != len(found[0]) || found[0][19] != "recorded_via" || found[1][19] != "token:unnamed" {
		t.Errorf("through whom it was recorded: %v", found)
	}
	readProblem(t, get(t, a, "/v1/releases.csv?limit=3"), http.StatusUnprocessableEntity)
	readProblem(t, get(t, a, "/v1/environments.csv?at=noon"), http.StatusUnprocessableEntity)
	for text, want := range map[string]string{"": "", "a=1": "a=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "＝1": "'＝1", "Zoë": "Zoë"} {
		if got := harmless(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// flaky is a ledger whose second page cannot be read.
type flaky struct{ release.Ledger }

func (f flaky) Releases(_ context.Context, filter release.Filter) (release.Page, error) {
	if filter.Cursor == "" {
		return release.Page{Releases: make([]release.Release, release.MaxLimit), Next: "x"}, nil
	}
	return release.Page{}, errors.New("gone")
}

// Half a file must not look like a whole one.
func TestCSVIsCutShort(t *testing.T) {
	s := httptest.NewServer(newAPI(t, Options{Ledger: flaky{}}))
	defer s.Close()
	answer, err := s.Client().Get(s.URL + "/v1/releases.csv")
	if err == nil {
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
	}
	if err == nil {
		t.Error("the client takes half a file for a whole one")
	}
}

func TestBadges(t *testing.T) {
	a, _ := ledgerOfATeam(t)
	badge := func(target string) string {
		t.Helper()
		w := get(t, a, target)
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != "image/svg+xml" || h.Get("Cache-Control") != "public, max-age=60" || h.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
			!strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", target, w.Code, h)
		}
		var picture struct {
			XMLName xml.Name
			Width   int    `xml:"width,attr"`
			Title   string `xml:"title"`
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &picture); err != nil || picture.XMLName.Local != "svg" || picture.Width < 40 || picture.Width > 600 {
			t.Errorf("%s: %+v %v", target, picture, err)
		}
		for _, not := range []string{"<script", "<style", "style=", "href", "<foreignObject"} {
			if strings.Contains(w.Body.String(), not) {
				t.Errorf("%s has %s", target, not)
			}
		}
		return picture.Title
	}
	for target, want := range map[string]string{
		"/badges/running/shop/prod.svg": "shop in prod: 1.1.0", "/badges/running/shop/staging": "shop in staging: 1.3.0", "/badges/running/none/prod": "none in prod: nothing runs",
		"/badges/measures/deployment-frequency.svg": "deployments: 1.2 a week", "/badges/measures/change-failure-rate?service=shop": "change failure rate: 33 %",
		"/badges/measures/time-to-restore": "time to restore: no data", "/badges/measures/lead-time?environment=staging&window=90d": "lead time: 2 h 5 min",
	} {
		if got := badge(target); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	for _, target := range []string{"/badges/running/A/prod", "/badges/measures/speed", "/badges/running/shop/.svg"} {
		readProblem(t, get(t, a, target), http.StatusNotFound)
	}
	readProblem(t, get(t, a, "/badges/measures/lead-time?window=0d"), http.StatusUnprocessableEntity)
	w := httptest.NewRecorder()
	if err := a.writeBadge(w, strings.Repeat("🦊", 100), `<script>"&'`, badgePlain); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(w.Body.String(), "&lt;script&gt;") || strings.Count(w.Body.String(), "🦊") != 3*(mostBadgeText-1) {
		t.Errorf("got %s", w.Body)
	}
}

func TestAssets(t *testing.T) {
	a := newAPI(t, Options{MaxConcurrency: 1})
	a.slots <- struct{}{} // trouble is drawn too
	for _, f := range []asset{pageStyle, pageScript} {
		w := get(t, a, f.Path())
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != f.kind || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Body.Len() != len(f.content) {
			t.Errorf("%s: %d %v", f.Path(), w.Code, w.Header())
		}
	}
	if w := get(t, a, "/assets/page.000000000000.css"); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the style of another build: %d %v", w.Code, w.Header())
	}
	for _, name := range []string{"x.css", "page.html", "page."} {
		readProblem(t, get(t, a, "/assets/"+name), http.StatusNotFound)
	}
}

func TestUpstreamOfAnEnvironment(t *testing.T) {
	var running []release.Running
	for _, environment := range []string{"dev", "staging-eu", "staging-us", "prod-eu", "prod-us", "prod-asia", "preview-7"} {
		running = append(running, release.Running{Service: "shop", Environment: environment, Track: release.Stable})
	}
	running = append(running, release.Running{Service: "cart", Environment: "prod-eu", Track: release.Stable}, release.Running{Service: "cart", Environment: "dev", Track: release.Stable},
		release.Running{Service: "cart", Environment: "staging-eu", Track: release.Canary})
	var got []string
	for _, p := range release.Steps(running, []string{"dev*", "staging*", "prod*"}) {
		got = append(got, p.Service+" "+p.Upstream+">"+p.Environment)
	}
	want := []string{"shop dev>staging-eu", "shop dev>staging-us", "shop staging-eu>prod-eu", "shop staging-us>prod-us", "shop staging-eu>prod-asia", "cart dev>prod-eu"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if steps := release.Steps(running, nil); steps != nil {
		t.Errorf("without an order: %v", steps)
	}
}

func TestMeasuresBesideThoseBefore(t *testing.T) {
	at := func(days, hours float64) *time.Time {
		t := now.Add(-time.Duration((24*days + hours) * float64(time.Hour)))
		return &t
	}
	deploy := func(version string, days, lead float64, outcome release.Outcome) release.Release {
		r := release.Release{Draft: release.Draft{Service: "s", Environment: "prod", Version: version, Revision: "0123abc", Outcome: outcome, StartedAt: at(days, 0), FinishedAt: at(days, 0), CommittedAt: at(days, lead)}}
		if outcome == release.Succeeded {
			r.SucceededAt = r.FinishedAt
		} else {
			r.FailedAt = r.FinishedAt
		}
		return r
	}
	all := []release.Release{
		deploy("1", 12, 4, release.Succeeded), deploy("2", 11, 4, release.Failed), deploy("3", 10, 4, release.Succeeded),
		deploy("4", 6, 1, release.Succeeded), deploy("5", 5, 1, release.Succeeded), deploy("6", 4, 1, release.Succeeded), deploy("7", 3, 1, release.Succeeded),
	}
	m, before := release.Measure(all, now.AddDate(0, 0, -7), now), release.Measure(all, now.AddDate(0, 0, -14), now.AddDate(0, 0, -7))
	var got []string
	for _, v := range viewMeasures(m, before, 7, "production") {
		if v.Versus == nil {
			got = append(got, "-")
			continue
		}
		got = append(got, v.Versus.Word+" "+v.Versus.Than+": "+v.Versus.Says+" "+strconv.FormatBool(v.Versus.Better)+strconv.FormatBool(v.Versus.Worse))
	}
	want := []string{
		"More often than in the 7 days before: 3 a week truefalse", "Faster than in the 7 days before: 4 h truefalse",
		"Lower than in the 7 days before: 33 %, 1 of 3 truefalse", "-",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if v := viewMeasures(m, m, 7, "production")[1].Versus; v.Word != "As fast" || v.Than != "as in the 7 days before" || v.Up || v.Down || v.Better || v.Worse {
		t.Errorf("the same beside itself: %+v", v)
	}
	if v := viewMeasures(m, release.Measures{}, 7, "production")[0].Versus; v.Word != "Nothing to compare with" {
		t.Errorf("beside nothing: %+v", v)
	}
}

// One day that took two weeks leaves the others apart.
func TestAnOutlierFlattensNothing(t *testing.T) {
	var all []release.Release
	for i, lead := range []time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 14 * 24 * time.Hour} {
		end := now.Add(-time.Duration(i+1) * 24 * time.Hour)
		commit := end.Add(-lead)
		all = append(all, release.Release{SucceededAt: &end, Draft: release.Draft{Service: "s", Version: strconv.Itoa(i), Outcome: release.Succeeded, CommittedAt: &commit, StartedAt: &end, FinishedAt: &end}})
	}
	p := viewMeasures(release.Measure(all, now.AddDate(0, 0, -7), now), release.Measures{}, 7, "production")[1].Plot
	var heights []float64
	for _, c := range p.Columns {
		heights = append(heights, number(t, coordinate.FindAllString(c.Marks[0].D, -1)[1]))
	}
	slices.Sort(heights)
	for i := 1; i < len(heights); i++ {
		if heights[i]-heights[i-1] < 6 {
			t.Errorf("two days are as good as one: %v", heights)
		}
	}
	if !strings.Contains(p.Top, "logarithmic") || !strings.Contains(p.Description, "logarithmic") || len(p.Lines) < 2 {
		t.Errorf("the scale is not said: %q %q %v", p.Top, p.Description, p.Lines)
	}
}

// Where reads need a token, a person is asked for it on every page, and what the page is drawn with needs none.
func TestPagesThatNeedAToken(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}, ReadsNeedToken: true}) // its ledger panics
	for _, target := range []string{"/", "/releases", "/releases/x", "/services/shop", "/environments/prod", "/running"} {
		draw(t, a, target, http.StatusUnauthorized)
		if w := get(t, a, target); !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: a browser is challenged by %q", target, w.Header().Get("WWW-Authenticate"))
		}
	}
	for _, target := range []string{"/badges/running/shop/prod.svg", "/badges/measures/lead-time", pathReleasesCSV, "/v1/environments.csv"} {
		readProblem(t, get(t, a, target), http.StatusUnauthorized)
	}
	if w := get(t, a, pageStyle.Path()); w.Code != http.StatusOK {
		t.Errorf("the style is refused: %d", w.Code)
	}
	// What needs a token, no cache may answer to those who have none.
	w := httptest.NewRecorder()
	if err := a.writeBadge(w, "shop in prod", "1.1.0", badgeGood); err != nil || w.Header().Get("Cache-Control") != "private, max-age=60" {
		t.Errorf("a badge may be kept as %q, %v", w.Header().Get("Cache-Control"), err)
	}
}
