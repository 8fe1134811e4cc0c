package telemetry

import (
	"context"
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// newResource says whose telemetry this is. Later ones win: the SDK, the build, OTEL_RESOURCE_ATTRIBUTES, and the
// settings, into which package config has already taken what that variable says of name, version and environment.
func newResource(ctx context.Context, o Options) (*resource.Resource, error) {
	var given []attribute.KeyValue
	for key, value := range o.OTLP.ResourceAttributes {
		given = append(given, attribute.String(key, value))
	}
	var own []attribute.KeyValue
	add := func(key attribute.Key, value string) {
		if value != "" {
			own = append(own, key.String(value))
		}
	}
	add(semconv.ServiceNameKey, o.App.Name)
	add(semconv.DeploymentEnvironmentNameKey, o.App.Environment)
	add(semconv.ServiceVersionKey, o.App.Version)
	add(semconv.K8SPodNameKey, o.Pod.Name)
	add(semconv.K8SNamespaceNameKey, o.Pod.Namespace)
	add(semconv.K8SPodIPKey, o.Pod.IP)
	add(semconv.K8SNodeNameKey, o.Pod.Node)
	if o.Pod.Name != "" && o.Pod.Namespace != "" && o.OTLP.ResourceAttributes["service.instance.id"] == "" {
		// A pod runs one. Where there is no pod, WithService has drawn a random one.
		add(semconv.ServiceInstanceIDKey, o.Pod.Namespace+"."+o.Pod.Name)
	}

	r, err := resource.New(ctx,
		resource.WithService(),
		resource.WithTelemetrySDK(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithAttributes(build(o)...),
		resource.WithAttributes(given...),
		resource.WithAttributes(own...),
	)
	if err != nil {
		return nil, fmt.Errorf("describe the service: %w", err)
	}
	return r, nil
}

// build is what the binary knows of itself.
func build(o Options) []attribute.KeyValue {
	var known []attribute.KeyValue
	if o.Version != "" {
		known = append(known, semconv.ServiceVersion(o.Version))
	}
	revision := o.Revision
	if info, ok := debug.ReadBuildInfo(); ok && revision == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	if revision != "" {
		known = append(known, semconv.VCSRefHeadRevision(revision))
	}
	return known
}
