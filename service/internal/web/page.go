package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/link"
	"github.com/kgate-dev/gitops/service/internal/release"
)

//go:embed page
var pageFiles embed.FS

// pageTemplates are the pages, and the one that takes their place when they cannot be drawn.
var pageTemplates = template.Must(template.New("").Funcs(markup()).ParseFS(pageFiles, "page/*.html"))

// pageStyle and pageScript are named for what is in them, so that a browser may keep them for ever.
var (
	pageStyle  = newAsset("page/page.css", "text/css; charset=utf-8")
	pageScript = newAsset("page/page.js", "text/javascript; charset=utf-8")
)

// pagePolicy lets the pages have their own style, script and icon, ask for themselves, and nothing else from anywhere. The script
// makes no markup of text.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " +
	"form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// asset is a file that the pages ask for.
type asset struct {
	name    string // in its path: page.0123456789ab.css
	kind    string
	content []byte
}

const pathAssets = "/assets/"

// Path is where a page asks for the asset.
func (f asset) Path() string { return pathAssets + f.name }

func newAsset(file, kind string) asset {
	content, err := pageFiles.ReadFile(file)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(content)
	stem, ending, _ := strings.Cut(strings.TrimPrefix(file, "page/"), ".")
	return asset{stem + "." + hex.EncodeToString(sum[:6]) + "." + ending, kind, content}
}

// getAsset answers a file of the pages. A page of another build, as while a rollout is under way, gets today's, for now.
func (a *API) getAsset(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	for _, f := range []asset{pageStyle, pageScript} {
		stem, ending := f.name[:len("page.")], f.name[strings.LastIndexByte(f.name, '.'):]
		if !strings.HasPrefix(name, stem) || !strings.HasSuffix(name, ending) {
			continue
		}
		if name == f.name {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		w.Header().Set("Content-Type", f.kind)
		_, _ = w.Write(f.content)
		return nil
	}
	return newProblem(http.StatusNotFound, "there is no such file")
}

// frame is what every page has.
type frame struct {
	Title      string
	Here       string // the entry of the navigation that the page is
	Now        moment
	Style      asset
	Script     asset
	Alive      bool   // what it shows changes: the script draws it anew
	Production string // the environments that the measures are of
	Kept       int    // days that releases are kept, 0 for ever
	Same       []sameLink
}

// sameLink leads to what the page shows in another form.
type sameLink struct{ Text, Path string }

func (a *API) frame(title, here string) frame {
	now := a.now()
	return frame{Title: title, Here: here, Now: momentOf(now, now), Style: pageStyle, Script: pageScript, Kept: a.retention, Alive: true}
}

// moment is a time as a person reads it, with the time itself.
type moment struct{ ISO, UTC, Age string }

func momentOf(t, now time.Time) moment {
	t = t.UTC()
	return moment{ISO: t.Format(time.RFC3339), UTC: t.Format("Mon 2 Jan 2006, 15:04:05") + " UTC", Age: age(now.Sub(t))}
}

// pageQuery is queryOf for a page: a form sends its empty fields too, which mean nothing.
func pageQuery(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return queryOf(r, known...)
	}
	for name, values := range q {
		if len(values) == 1 && strings.TrimSpace(values[0]) == "" {
			q.Del(name)
		}
	}
	filled := *r
	u := *r.URL
	u.RawQuery = q.Encode()
	filled.URL = &u
	return queryOf(&filled, known...)
}

// handlePage is handle for a page of people: what goes wrong is told as a page too.
func (a *API) handlePage(pattern string, h handler) {
	a.pages[pattern] = true
	a.handle(pattern, h)
}

// writePage draws all of it before it writes any, so that no half page is ever sent.
func writePage(w http.ResponseWriter, status int, name string, v any) error {
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, v); err != nil {
		return fmt.Errorf("draw the page: %w", err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

// trouble is a problem as a person sees it.
type trouble struct {
	frame
	Status int
	Trace  string // under which the log has the request
	Errors []fault
	Say    string
	Later  bool
}

// writeTrouble answers p as a page.
func (a *API) writeTrouble(w http.ResponseWriter, p *problem) error {
	for name, values := range p.header {
		w.Header()[name] = values
	}
	t := trouble{frame: a.frame(p.Title, ""), Status: p.Status, Trace: p.TraceID, Errors: p.Errors, Say: upperFirst(p.Detail) + ".", Later: p.header.Get("Retry-After") != ""}
	t.Alive = false
	return writePage(w, p.Status, "trouble", t)
}

// wantsPage reports whether r came from a browser's window.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// mostPlaces is how many places the page knows of at once.
const mostPlaces = 5 * release.MaxRunning

// running is everything that runs, or ran, as far as mostPlaces.
func (a *API) running(ctx context.Context, f release.RunningFilter) (all []release.Running, err error) {
	for len(all) < mostPlaces {
		page, err := a.ledger.RunningAt(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < release.MaxRunning {
			break
		}
		last := page[len(page)-1]
		f.After = release.Place{Service: last.Service, Environment: last.Environment, Track: last.Track}
	}
	return all, nil
}

// linkView is a link to what stands elsewhere.
type linkView struct{ Text, Href string }

// linksOf are the links of r, in their order. before is the release that ran before it, or the zero Release.
func (a *API) linksOf(r, before release.Release, now time.Time) (links []linkView) {
	end := now
	if r.FinishedAt != nil {
		end = *r.FinishedAt
	}
	values := map[string]string{
		"service": r.Service, "environment": r.Environment, "track": string(r.Track), "version": r.Version, "revision": r.Revision,
		"artifact": r.Artifact, "team": r.Team, "id": r.ID, "before": before.Revision,
		"to": fmt.Sprint(end.UnixMilli()),
	}
	if r.StartedAt != nil {
		values["from"] = fmt.Sprint(r.StartedAt.UnixMilli())
	}
	add := func(text string, t link.Template) {
		if href, ok := t.Expand(values); ok {
			links = append(links, linkView{text, href})
		}
	}
	if isCommit(r.Revision) {
		add("Commit "+short(r.Revision), a.links.Commit)
		if isCommit(before.Revision) && before.Revision != r.Revision {
			add("Changes since "+shortVersion(before.Version), a.links.Compare)
		}
	}
	add("Application", a.links.Application)
	add("Trace", a.links.Trace)
	add("Log", a.links.Log)
	return links
}

// isCommit reports whether a revision is a commit, and not the version of a chart or a digest.
func isCommit(revision string) bool {
	return len(revision) >= 7 && strings.Trim(revision, "0123456789abcdef") == ""
}
