package web

import (
	"fmt"
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// countActive measures http.server.active_requests, which otelhttp does not.
func countActive(m metric.Meter) (func(http.Handler) http.Handler, error) {
	active, err := httpconv.NewServerActiveRequests(m)
	if err != nil {
		return nil, fmt.Errorf("measure active requests: %w", err)
	}
	// Every request would otherwise make its set anew, twice.
	type kind struct {
		method httpconv.RequestMethodAttr
		tls    bool
	}
	sets := map[kind]attribute.Set{}
	for _, method := range append(knownMethods(), httpconv.RequestMethodOther) {
		for tls, scheme := range map[bool]string{false: "http", true: "https"} {
			sets[kind{method, tls}] = attribute.NewSet(semconv.HTTPRequestMethodKey.String(string(method)), semconv.URLScheme(scheme))
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			set := sets[kind{knownMethod(r.Method), r.TLS != nil}]
			active.AddSet(r.Context(), 1, set)
			defer active.AddSet(r.Context(), -1, set)
			next.ServeHTTP(w, r)
		})
	}, nil
}

// knownMethod bounds the values of an attribute that the client chooses.
func knownMethod(m string) httpconv.RequestMethodAttr {
	if method := httpconv.RequestMethodAttr(m); slices.Contains(knownMethods(), method) {
		return method
	}
	return httpconv.RequestMethodOther
}

func knownMethods() []httpconv.RequestMethodAttr {
	return []httpconv.RequestMethodAttr{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace,
	}
}
