package web

import (
	"context"
	"errors"
	"net/http"
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
