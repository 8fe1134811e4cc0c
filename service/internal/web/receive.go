package web

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// news is what an event of another system tells, in the ledger's own terms.
type news struct {
	told    []told
	removed []removal
	skipped []skip
}

// told is one release that an event tells of.
type told struct {
	about string // what the event calls it
	draft release.Draft
	// again: the sender tells of every try of one release, with a time of its own. A try is then not another release.
	again bool
}

// removal is a place of which an event tells that what ran there is gone.
type removal struct {
	about string
	place release.Place
	at    time.Time
	actor string
}

// skip is a part of an event that was not recorded, and why.
type skip struct {
	What   string `json:"what"`
	Detail string `json:"detail"`
}

func (n *news) skip(about, detail string) {
	n.skipped = append(n.skipped, skip{What: about, Detail: detail})
}

// received is the answer to an event.
type received struct {
	Releases []release.Release `json:"releases"`
	Skipped  []skip            `json:"skipped,omitempty"`
}

// readEvent reads the body of an event into v. Fields that are not known are passed over: what sends them may be newer
// than the ledger.
func readEvent(w http.ResponseWriter, r *http.Request, v any, further ...string) error {
	data, err := readBody(w, r, maxEvent, further...)
	if err != nil {
		return err
	}
	return decodeEvent(data, v)
}

func decodeEvent(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return newProblem(http.StatusBadRequest, "the body is no event that is known here: "+sayUnreadable(err))
	}
	return nil
}

// take records news. Its sender has a template, or is a program, and sends again what is refused, for ever. So whatever
// would be refused again is named in the answer and in the log, and the rest is recorded; only what passes is an error.
func (a *API) take(w http.ResponseWriter, r *http.Request, n news) error {
	out := received{Releases: []release.Release{}, Skipped: n.skipped}
	leave := func(about string, err error) error {
		if invalid, ok := errors.AsType[*release.Invalid](err); ok {
			for _, f := range invalid.Faults {
				out.Skipped = append(out.Skipped, skip{What: about, Detail: f.Field + " " + f.Message})
			}
			return nil
		}
		if errors.Is(err, release.ErrConflict) || errors.Is(err, release.ErrNotFound) {
			out.Skipped = append(out.Skipped, skip{What: about, Detail: problemOf(r, err).Detail})
			return nil
		}
		if p, ok := errors.AsType[*problem](err); ok && p.Code == codeOutOfScope {
			out.Skipped = append(out.Skipped, skip{What: about, Detail: p.Detail})
			return nil
		}
		return err
	}
	for _, t := range n.told {
		d := believable(t.draft.Normal())
		err := within(r.Context(), access.Ingest, d.Service, d.Environment)
		var recorded release.Release
		if err == nil {
			recorded, err = a.record(r, d, t.again)
		}
		if err != nil {
			if err := leave(t.about, err); err != nil {
				return err
			}
			continue
		}
		out.Releases = append(out.Releases, recorded)
	}
	for _, m := range n.removed {
		err := within(r.Context(), access.Ingest, m.place.Service, m.place.Environment)
		var removed []release.Release
		if err == nil {
			removed, err = a.ledger.Remove(r.Context(), m.place, m.at, m.actor)
		}
		if err != nil {
			if err := leave(m.about, err); err != nil {
				return err
			}
			continue
		}
		out.Releases = append(out.Releases, removed...)
	}
	for _, s := range out.Skipped {
		a.log.WarnContext(r.Context(), "part of an event was not recorded", slog.String("what", s.What), slog.String("detail", s.Detail))
	}
	return answer(w, http.StatusOK, out)
}

// record is Ledger.Record, but for another try of the last release of its place, which is that release.
func (a *API) record(r *http.Request, d release.Draft, again bool) (release.Release, error) {
	if again {
		if err := d.Validate(a.now()); err != nil {
			return release.Release{}, err
		}
		last, err := a.ledger.Releases(r.Context(), release.Filter{Service: d.Service, Environment: d.Environment, Track: d.Track, Kind: release.Deployment, Limit: 1})
		if err != nil {
			return release.Release{}, err
		}
		if len(last.Releases) == 1 {
			l := last.Releases[0]
			same := l.Version == d.Version && l.Revision == d.Revision
			if same && l.SucceededAt != nil && !d.StartedAt.Before(*l.StartedAt) && !d.StartedAt.After(*l.SucceededAt) {
				return l, nil // a try of it, told late or once more
			}
			unended := l.Outcome == release.Started || l.Outcome == release.TimedOut || l.Outcome == release.Failed
			if unended && same && l.StartedAt.Before(*d.StartedAt) {
				if l.Outcome == d.Outcome {
					return l, nil
				}
				moved, _, err := a.ledger.Move(r.Context(), l.ID, d.Move())
				return moved, err
			}
		}
	}
	recorded, _, err := a.ledger.Record(r.Context(), d, "")
	return recorded, err
}

// believable leaves out a time of commit that cannot be: git lets everyone say any, and the release is true without it.
func believable(d release.Draft) release.Draft {
	if d.CommittedAt != nil && (d.CommittedAt.Year() < 2000 || d.StartedAt != nil && d.CommittedAt.After(*d.StartedAt)) {
		d.CommittedAt = nil
	}
	return d
}

var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// nameOf makes a name of the ledger from one of another system, "" where nothing is left of it.
func nameOf(s string) string {
	s = strings.Trim(notInName.ReplaceAllString(strings.ToLower(s), "-"), "-")
	return strings.Trim(s[:min(len(s), release.MaxName)], "-")
}
