package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

var errShed = errors.New("too many requests at once")

// shed refuses what exceeds the concurrency limit at once: a queue would only make everyone slow.
func (a *API) shed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if exempt(r) {
			next.ServeHTTP(w, r)
			return
		}
		slots := []chan struct{}{a.slots}
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			slots = []chan struct{}{a.reads, a.slots}
		}
		for _, slot := range slots {
			select {
			case slot <- struct{}{}:
				defer func() { <-slot }()
			default:
				a.fail(w, r, fmt.Errorf("%w: %w", errShed,
					codedProblem(codeOverloaded, "the service is at its limit of concurrent requests").with("Retry-After", retryAfter)))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// exempt reports whether r is a probe, since a busy process is not a broken one; or asks for a file of the page, which costs
// nothing and lets trouble be read.
func exempt(r *http.Request) bool {
	return r.URL.Path == pathHealth || r.URL.Path == pathReady || strings.HasPrefix(r.URL.Path, pathAssets)
}
