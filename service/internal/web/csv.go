package web

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

const pathReleasesCSV = "/v1/releases.csv"

// pathCSV is where the releases of f are as CSV.
func pathCSV(f release.Filter) string {
	q := url.Values{}
	for name, value := range map[string]string{
		"service": f.Service, "environment": f.Environment, "version": f.Version, "actor": f.Actor, "outcome": string(f.Outcome),
		"track": string(f.Track), "kind": string(f.Kind), "from": rfc3339(&f.From), "to": rfc3339(&f.To),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return pathReleasesCSV
	}
	return pathReleasesCSV + "?" + q.Encode()
}

// writeReleasesCSV streams every release that the query selects, the latest start first, page by page of the ledger: neither memory
// nor a transaction grows with them.
func (a *API) writeReleasesCSV(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "service", "environment", "version", "outcome", "actor", "track", "kind", "from", "to")
	if err != nil {
		return err
	}
	f, err := filterOf(q)
	if err != nil {
		return err
	}
	f.Limit = release.MaxLimit
	table := newTable(w, "releases.csv", "id", "service", "environment", "track", "version", "revision", "artifact", "team", "kind", "outcome", "actor",
		"committed_at", "started_at", "succeeded_at", "failed_at", "finished_at", "recorded_at", "continues", "rolled_back_by", "recorded_via")
	return table.stream(func() (more bool, err error) {
		page, err := a.ledger.Releases(r.Context(), f)
		for _, l := range page.Releases {
			table.row(l.ID, l.Service, l.Environment, string(l.Track), l.Version, l.Revision, l.Artifact, l.Team, string(l.Kind), string(l.Outcome), l.Actor,
				rfc3339(l.CommittedAt), rfc3339(l.StartedAt), rfc3339(l.SucceededAt), rfc3339(l.FailedAt), rfc3339(l.FinishedAt), rfc3339(&l.RecordedAt),
				l.Continues, l.RolledBackBy, l.RecordedVia)
		}
		f.Cursor = page.Next
		return page.Next != "", err
	})
}

// writeRunningCSV streams what runs, or what ran at a time.
func (a *API) writeRunningCSV(w http.ResponseWriter, r *http.Request) error {
	q, err := queryOf(r, "at", "service", "environment")
	if err != nil {
		return err
	}
	f, err := runningOf(q)
	if err != nil {
		return err
	}
	if f.At.IsZero() {
		f.At = a.now() // one time for all of it
	}
	table := newTable(w, "environments.csv", "service", "environment", "track", "version", "revision", "since", "release_id")
	return table.stream(func() (more bool, err error) {
		page, err := a.ledger.RunningAt(r.Context(), f)
		for _, l := range page {
			table.row(l.Service, l.Environment, string(l.Track), l.Version, l.Revision, rfc3339(&l.Since), l.ReleaseID)
			f.After = release.Place{Service: l.Service, Environment: l.Environment, Track: l.Track}
		}
		return len(page) == release.MaxRunning, err
	})
}

// rfc3339 is a time in UTC, "" where there is none.
func rfc3339(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// table is a CSV file on its way, by RFC 4180: with a header, lines end with CRLF.
type table struct {
	w       http.ResponseWriter
	csv     *csv.Writer
	name    string
	columns []string
	begun   bool
}

func newTable(w http.ResponseWriter, name string, columns ...string) *table {
	t := &table{w: w, csv: csv.NewWriter(w), name: name, columns: columns}
	t.csv.UseCRLF = true
	return t
}

// stream writes what next adds until there is no more. What goes wrong before the first line is answered; afterwards the
// connection is cut, since half a file must not look like a whole one.
func (t *table) stream(next func() (more bool, err error)) error {
	for more := true; more; {
		var err error
		if more, err = next(); err != nil {
			if !t.begun {
				return err
			}
			panic(http.ErrAbortHandler)
		}
		t.begin()
		t.csv.Flush()
		if t.csv.Error() != nil {
			return nil // the client has gone
		}
	}
	return nil
}

func (t *table) begin() {
	if t.begun {
		return
	}
	t.begun = true
	t.w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	t.w.Header().Set("Content-Disposition", `attachment; filename="`+t.name+`"`)
	t.row(t.columns...)
}

func (t *table) row(fields ...string) {
	t.begin()
	for i, f := range fields {
		fields[i] = harmless(f)
	}
	_ = t.csv.Write(fields) // Flush tells
}

// harmless keeps a spreadsheet from taking text for a formula.
func harmless(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r\n", rune(field[0])) || strings.HasPrefix(field, "＝") || strings.HasPrefix(field, "＋") || strings.HasPrefix(field, "－") || strings.HasPrefix(field, "＠") {
		return "'" + field
	}
	return field
}
