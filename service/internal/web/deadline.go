package web

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// errDeadline tells the request's own deadline from others that a query may run into.
var errDeadline = errors.New("the request's time is up")

// limitTime gives a request its deadline, which the context carries down to the query.
func (a *API) limitTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), a.timeout, errDeadline)
		defer cancel()
		r = r.WithContext(ctx)
		next.ServeHTTP(w, r)
	})
}

// giveTimeToAnswer begins the server's WriteTimeout where the answer begins. The server itself begins it with the
// handler, so that one which used all of its time could not even say so.
func giveTimeToAnswer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
			w = &answerWriter{ResponseWriter: w, timeout: s.WriteTimeout}
		}
		next.ServeHTTP(w, r)
	})
}

// answerWriter sets the deadline of writing when the first byte is written.
type answerWriter struct {
	http.ResponseWriter
	timeout time.Duration
	begun   bool
}

func (w *answerWriter) begin() {
	if !w.begun {
		w.begun = true
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.timeout))
	}
}

func (w *answerWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
