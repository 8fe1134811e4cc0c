package web

import (
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// countActive measures http.server.active_requests, which otelhttp does not.
func countActive(m metric.Meter) (func(http.Handler) http.Handler, error) {
	active, err := httpconv.NewServerActiveRequests(m)
	if err != nil {
		return nil, fmt.Errorf("measure active requests: %w", err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			scheme := "http"
			if r.TLS != nil {
				scheme = "https"
			}
			method := knownMethod(r.Method)
			active.Add(r.Context(), 1, method, scheme)
			defer active.Add(r.Context(), -1, method, scheme)
			next.ServeHTTP(w, r)
		})
	}, nil
}

// knownMethod bounds the values of an attribute that the client chooses.
func knownMethod(m string) httpconv.RequestMethodAttr {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return httpconv.RequestMethodAttr(m)
	}
	return httpconv.RequestMethodOther
}
