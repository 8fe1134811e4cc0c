package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// recoverPanics turns a panic into a 500, with the stack in the log and not in the answer.
func (a *API) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sw := &statusWriter{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			// The value itself is the signal of net/http to drop the connection without a word.
			if v == http.ErrAbortHandler {
				panic(v)
			}
			err := panicked(v)
			span := trace.SpanFromContext(r.Context())
			span.RecordError(err, trace.WithStackTrace(true))
			span.SetStatus(codes.Error, "panic")
			a.log.ErrorContext(r.Context(), "request panicked", slog.Any("error", err), slog.String("stack", string(debug.Stack())))
			if sw.status != 0 {
				// Half an answer must not look like a whole one.
				panic(http.ErrAbortHandler)
			}
			a.tell(w, r, newProblem(http.StatusInternalServerError, "the service failed; the log says why under the trace of this request"))
		}()
		next.ServeHTTP(sw, r)
	})
}

// panicked is the error that a panic with v comes to.
func panicked(v any) error {
	if err, ok := v.(error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic: %v", v)
}
