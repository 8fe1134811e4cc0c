package web

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// logRequests writes one line a request. It holds nothing that the client chose but the method, of a known set:
// paths, queries and headers can carry secrets.
func (a *API) logRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		sw := &statusWriter{ResponseWriter: w}
		// Deferred, so that an aborted request is logged too.
		defer func() {
			a.log.LogAttrs(r.Context(), requestLevel(r, sw.status), "request",
				slog.String("method", string(knownMethod(r.Method))),
				slog.String("route", route(r)),
				slog.Int("status", sw.status),
				slog.Duration("duration", time.Since(start)))
		}()
		next.ServeHTTP(sw, r)
	})
}

// requestLevel keeps probes, which come every few seconds, out of the log: that the ledger is unavailable is said once, for
// requests and probes alike.
func requestLevel(r *http.Request, status int) slog.Level {
	switch {
	case exempt(r) && status == http.StatusServiceUnavailable:
		return slog.LevelDebug
	case status >= http.StatusInternalServerError || status == 0:
		return slog.LevelWarn
	case exempt(r):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// route is the path of the pattern that r matched, "" where it matched none.
func route(r *http.Request) string {
	_, path, _ := strings.Cut(asRoute(r.Pattern), " ")
	return path
}

// statusWriter remembers the status of an answer; 0 means that none was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	// 1xx announce the answer; 101 is one.
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
