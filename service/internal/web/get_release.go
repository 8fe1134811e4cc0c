package web

import "net/http"

// getRelease answers one release.
func (a *API) getRelease(w http.ResponseWriter, r *http.Request) error {
	if _, err := queryOf(r); err != nil {
		return err
	}
	found, err := a.ledger.Release(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, found)
}
