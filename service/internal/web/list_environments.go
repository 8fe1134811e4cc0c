package web

import (
	"net/http"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// runningList is what runs where, by service, environment and track.
type runningList struct {
	Running []release.Running `json:"running"`
}

// listEnvironments answers what runs where.
func (a *API) listEnvironments(w http.ResponseWriter, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	running, err := a.ledger.Environments(r.Context())
	if err != nil {
		return err
	}
	if running == nil {
		running = []release.Running{}
	}
	return answer(w, http.StatusOK, runningList{Running: running})
}
