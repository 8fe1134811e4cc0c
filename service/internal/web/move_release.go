package web

import (
	"net/http"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// moveRelease records what became of a release, by its id alone. What is known already, or implied by what is, changes
// nothing, and is answered like news.
func (a *API) moveRelease(w http.ResponseWriter, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	var m release.Move
	if err := decodeBody(w, r, a.maxBody, &m); err != nil {
		return err
	}
	if !identityOf(r.Context()).Everywhere(access.Write) {
		// Where it is never changes.
		found, err := a.ledger.Release(r.Context(), r.PathValue("id"))
		if err != nil {
			return err
		}
		if err := within(r.Context(), access.Write, found.Service, found.Environment); err != nil {
			return err
		}
	}
	moved, repeated, err := a.ledger.Move(r.Context(), r.PathValue("id"), m)
	if err != nil {
		return err
	}
	if repeated {
		w.Header().Set(replayed, "true")
	}
	return answer(w, http.StatusOK, moved)
}
