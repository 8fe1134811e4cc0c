package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// detailPage is all that is known of a release.
type detailPage struct {
	frame
	releaseView
	Artifact, Track, Team, WholeVersion, WholeRevision string
	Links                                              []linkView
	Lead                                               string // from commit to success, "" where it is not known
	Before                                             *releaseView
	Continues, RolledBackBy                            string
	History                                            []historyView
	Runs                                               bool
}

// historyView is one thing that was said of a release, or that follows from another one.
type historyView struct {
	Outcome, Word string
	At, Recorded  moment
	Actor         string
	Via           string // through whom it was recorded
	Found         bool   // nobody said it
}

// showRelease draws one release.
func (a *API) showRelease(w http.ResponseWriter, r *http.Request) error {
	if _, err := pageQuery(r); err != nil {
		return err
	}
	ctx, now := r.Context(), a.now()
	found, err := a.ledger.Release(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	history, err := a.ledger.History(ctx, found.ID)
	if err != nil {
		return err
	}
	before, err := a.ledger.Before(ctx, found)
	if err != nil && !errors.Is(err, release.ErrNotFound) {
		return err
	}
	running, err := a.ledger.RunningAt(ctx, release.RunningFilter{Service: found.Service, Environment: found.Environment})
	if err != nil {
		return err
	}
	p := detailPage{
		frame: a.frame(found.Service+" "+shortVersion(found.Version)+" in "+found.Environment, ""), releaseView: viewOf(found, now),
		Artifact: found.Artifact, Track: string(found.Track), Team: found.Team, WholeVersion: found.Version, WholeRevision: found.Revision,
		Links: a.linksOf(found, before, now), Continues: found.Continues, RolledBackBy: found.RolledBackBy,
		History: viewHistory(found, history, now),
	}
	for _, run := range running {
		p.Runs = p.Runs || run.ReleaseID == found.ID
	}
	if before.ID != "" {
		v := viewOf(before, now)
		p.Before = &v
	}
	if found.CommittedAt != nil && found.SucceededAt != nil {
		p.Lead = spell(found.SucceededAt.Sub(*found.CommittedAt))
	}
	p.Same = []sameLink{{"This release", "/v1/releases/" + found.ID}, {"API description", "/openapi.json"}}
	return writePage(w, http.StatusOK, "release", p)
}

// viewHistory begins with the commit, and adds what was found out and what was not said.
func viewHistory(r release.Release, history []release.Transition, now time.Time) (views []historyView) {
	begun := false
	for _, h := range history {
		begun = begun || h.Outcome == release.Started
	}
	if r.CommittedAt != nil {
		views = append(views, historyView{Outcome: "committed", Word: "committed", At: momentOf(*r.CommittedAt, now), Found: true})
	}
	if !begun && r.StartedAt != nil {
		views = append(views, historyView{Outcome: string(release.Started), Word: "started", At: momentOf(*r.StartedAt, now), Found: true})
	}
	back := false
	for _, h := range history {
		v := historyView{Outcome: string(h.Outcome), Word: word(h.Outcome), Actor: h.Actor, Via: h.RecordedVia, Recorded: momentOf(h.RecordedAt, now)}
		back = back || h.Outcome == release.RolledBack
		switch {
		case h.FinishedAt != nil:
			v.At = momentOf(*h.FinishedAt, now)
		case r.StartedAt != nil:
			v.At = momentOf(*r.StartedAt, now)
		}
		views = append(views, v)
	}
	if r.RolledBackBy != "" && !back && r.FinishedAt != nil {
		views = append(views, historyView{Outcome: string(release.RolledBack), Word: "rolled back", At: momentOf(*r.FinishedAt, now), Found: true})
	}
	return views
}
