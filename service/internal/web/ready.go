package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	pathReady = "/readyz"
	// pingTimeout is under the 3 s that the probe waits.
	pingTimeout = 2 * time.Second
)

// errDraining is why a probe is told no at the end, which is as it should be.
var errDraining = errors.New("the service is shutting down")

// ready says whether traffic should be sent here: not without a database that takes writes, and not during shutdown.
func (a *API) ready(w http.ResponseWriter, r *http.Request) error {
	if a.draining.Load() {
		return fmt.Errorf("%w: %w", errDraining, codedProblem(codeShuttingDown, "the service is shutting down").with("Retry-After", retryAfter))
	}
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	if err := a.ledger.Ping(ctx); err != nil {
		return err
	}
	a.outages.over(r.Context())
	return answer(w, http.StatusOK, status{"ready"})
}
