package web

import (
	"context"
	"net/http"
	"time"
)

const (
	pathReady = "/readyz"
	// pingTimeout is under the 3 s that the probe waits.
	pingTimeout = 2 * time.Second
)

// ready says whether traffic should be sent here: not without a database, and not during shutdown.
func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	if a.draining.Load() {
		return codedProblem(codeShuttingDown, "the service is shutting down").with("Retry-After", retryAfter)
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	if err := a.ledger.Ping(ctx); err != nil {
		a.log.WarnContext(r.Context(), "not ready", "error", err)
		return codedProblem(codeDatabaseUnavailable, "the database cannot be reached").with("Retry-After", retryAfter)
	}
	return answer(w, http.StatusOK, status{"ready"})
}
