// Package ledgertelemetry tells of the ledger's content: which release a trace is about, and as metrics what runs, how far places are
// behind, and the four DORA measures.
package ledgertelemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/kgate-dev/gitops/service/internal/release"
)

const scope = "github.com/kgate-dev/gitops/service/internal/ledgertelemetry"

// Attributes of releases that have no name in the conventions. Their service is not service.name: that is who tells.
const (
	serviceKey = attribute.Key("release.service")
	trackKey   = attribute.Key("release.track")
	versionKey = attribute.Key("release.version")
)

type traced struct {
	release.Ledger
	tracer trace.Tracer
}

// Traced is a ledger of which every write of a release is a span that names the release: deployment.environment.name,
// deployment.id, deployment.status (the outcome), vcs.ref.head.revision, release.service, release.track and release.version. A
// webhook that tells of several has a span for each.
func Traced(l release.Ledger, spans trace.TracerProvider) release.Ledger {
	return traced{l, spans.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
}

func (t traced) Record(ctx context.Context, d release.Draft, key string) (release.Release, bool, error) {
	ctx, span := t.start(ctx, "record release", draftAttributes(d.Normal())...)
	r, repeated, err := t.Ledger.Record(ctx, d, key)
	end(span, err, r)
	return r, repeated, err
}

func (t traced) Move(ctx context.Context, id string, m release.Move) (release.Release, bool, error) {
	ctx, span := t.start(ctx, "move release", semconv.DeploymentStatusKey.String(string(m.Outcome)))
	r, repeated, err := t.Ledger.Move(ctx, id, m)
	end(span, err, r)
	return r, repeated, err
}

func (t traced) Remove(ctx context.Context, p release.Place, at time.Time, actor string) ([]release.Release, error) {
	ctx, span := t.start(ctx, "remove release", semconv.DeploymentEnvironmentNameKey.String(p.Environment), serviceKey.String(p.Service),
		trackKey.String(string(p.Track)))
	removed, err := t.Ledger.Remove(ctx, p, at, actor)
	// What ran and what had begun are of one place; the last is the newest.
	var last release.Release
	if len(removed) > 0 {
		last = removed[len(removed)-1]
	}
	end(span, err, last)
	return removed, err
}

func (t traced) start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, nil
	}
	return t.tracer.Start(ctx, name, trace.WithAttributes(attributes...))
}

func end(span trace.Span, err error, r release.Release) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	} else if r.ID != "" {
		span.SetAttributes(append(draftAttributes(r.Draft), semconv.DeploymentID(r.ID))...)
	}
	span.End()
}

func draftAttributes(d release.Draft) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.DeploymentEnvironmentNameKey.String(d.Environment), semconv.DeploymentStatusKey.String(string(d.Outcome)),
		semconv.VCSRefHeadRevision(d.Revision), serviceKey.String(d.Service), trackKey.String(string(d.Track)), versionKey.String(d.Version),
	}
}
