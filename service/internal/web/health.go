package web

import "net/http"

const pathHealth = "/healthz"

// status is the answer of a probe.
type status struct {
	Status string `json:"status"`
}

// healthy says that the process answers. It does not ask the database: a restart would not mend that.
func (a *API) healthy(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, status{"ok"})
}
