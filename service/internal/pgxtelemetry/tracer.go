package pgxtelemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/trace"
)

const scope = "github.com/kgate-dev/gitops/service/internal/pgxtelemetry"

// worthASpan is how long a request has waited for a connection when its trace shows the wait.
const worthASpan = time.Millisecond

// mostStatements bounds what is remembered of statements. The service has some dozens.
const mostStatements = 512

// Tracer makes spans of statements and batches, and the metrics db.client.operation.duration and db.client.connection.*.
//
// A span is named by the summary of its statement and has its text, which holds no values: the service passes those as
// parameters. A batch is one span. Waiting for a connection is a span where it takes a millisecond or more; making one is
// always. There are spans only below another that is recorded, so that what runs beside the requests makes no traces.
type Tracer struct {
	tracer   trace.Tracer
	meter    metric.Meter
	database []attribute.KeyValue // whose statements they are
	pool     attribute.KeyValue
	poolSet  attribute.Set

	duration dbconv.ClientOperationDuration
	create   dbconv.ClientConnectionCreateTime
	wait     dbconv.ClientConnectionWaitTime
	use      dbconv.ClientConnectionUseTime
	waiting  atomic.Int64

	mu         sync.RWMutex
	statements map[string]*described
}

var (
	_ pgx.QueryTracer       = (*Tracer)(nil)
	_ pgx.BatchTracer       = (*Tracer)(nil)
	_ pgx.ConnectTracer     = (*Tracer)(nil)
	_ pgxpool.AcquireTracer = (*Tracer)(nil)
	_ pgxpool.ReleaseTracer = (*Tracer)(nil)
)

// described is what is said of every run of a statement.
type described struct {
	name string
	span trace.SpanStartEventOption
	set  attribute.Set // of a run that succeeds
	attr []attribute.KeyValue
}

// The buckets that the conventions advise, in seconds.
func seconds() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
}

// New returns a tracer for the database of a URL, of which host, port and database name are told, and nothing else.
func New(spans trace.TracerProvider, metrics metric.MeterProvider, url string) (*Tracer, error) {
	to, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("trace the database: %w", err)
	}
	t := &Tracer{
		tracer: spans.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		meter:  metrics.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)),
		database: []attribute.KeyValue{
			semconv.DBSystemNamePostgreSQL, semconv.DBNamespace(to.Database), semconv.ServerAddress(to.Host),
		},
		statements: map[string]*described{},
	}
	if to.Port != 5432 {
		t.database = append(t.database, semconv.ServerPort(int(to.Port)))
	}
	// As the conventions name a pool that has no name.
	t.pool = semconv.DBClientConnectionPoolName(fmt.Sprintf("%s:%d/%s", to.Host, to.Port, to.Database))
	t.poolSet = attribute.NewSet(t.pool)
	var errs [4]error
	t.duration, errs[0] = dbconv.NewClientOperationDuration(t.meter, seconds())
	t.create, errs[1] = dbconv.NewClientConnectionCreateTime(t.meter, seconds())
	t.wait, errs[2] = dbconv.NewClientConnectionWaitTime(t.meter, seconds())
	t.use, errs[3] = dbconv.NewClientConnectionUseTime(t.meter, seconds())
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("measure the database: %w", err)
	}
	return t, nil
}

// Observe measures the pool: db.client.connection.count, max, idle.min, pending_requests and timeouts. A connection that is
// being made counts as used: somebody waits for it, or will take it. It returns what ends that.
func (t *Tracer) Observe(pool *pgxpool.Pool) (metric.Registration, error) {
	var errs [5]error
	count, err := dbconv.NewClientConnectionCountObservable(t.meter)
	errs[0] = err
	most, err := dbconv.NewClientConnectionMaxObservable(t.meter)
	errs[1] = err
	least, err := dbconv.NewClientConnectionIdleMinObservable(t.meter)
	errs[2] = err
	pending, err := dbconv.NewClientConnectionPendingRequestsObservable(t.meter)
	errs[3] = err
	timeouts, err := dbconv.NewClientConnectionTimeoutsObservable(t.meter)
	errs[4] = err
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("measure the pool: %w", err)
	}
	state := func(s dbconv.ClientConnectionStateAttr) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(t.pool, count.AttrClientConnectionState(s)))
	}
	idle, used, all := state(dbconv.ClientConnectionStateIdle), state(dbconv.ClientConnectionStateUsed), metric.WithAttributeSet(t.poolSet)
	minIdle := int64(pool.Config().MinIdleConns)
	return t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		now := pool.Stat()
		o.ObserveInt64(count.Inst(), int64(now.IdleConns()), idle)
		o.ObserveInt64(count.Inst(), int64(now.AcquiredConns()+now.ConstructingConns()), used)
		o.ObserveInt64(most.Inst(), int64(now.MaxConns()), all)
		o.ObserveInt64(least.Inst(), minIdle, all)
		o.ObserveInt64(pending.Inst(), t.waiting.Load(), all)
		o.ObserveInt64(timeouts.Inst(), now.CanceledAcquireCount(), all)
		return nil
	}, count.Inst(), most.Inst(), least.Inst(), pending.Inst(), timeouts.Inst())
}

// describe works out what is said of a text once.
func (t *Tracer) describe(key string, make func() (statement, []attribute.KeyValue)) *described {
	t.mu.RLock()
	known := t.statements[key]
	t.mu.RUnlock()
	if known != nil {
		return known
	}
	s, more := make()
	attr := slices.Concat(t.database, []attribute.KeyValue{semconv.DBQuerySummary(s.summary), semconv.DBOperationName(s.operation)})
	if s.collection != "" {
		attr = append(attr, semconv.DBCollectionName(s.collection))
	}
	attr = slices.Clip(attr)
	d := &described{name: s.summary, set: attribute.NewSet(attr...), attr: attr, span: trace.WithAttributes(append(attr, more...)...)}
	if d.name == "" {
		d.name = "postgresql" // an empty text
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.statements) < mostStatements {
		t.statements[key] = d
	}
	return d
}

// run is what End needs to know of Start.
type run struct {
	began time.Time
	what  *described
	span  trace.Span // nil for none
}

type runKey struct{}

func (t *Tracer) start(ctx context.Context, what *described, more ...trace.SpanStartOption) context.Context {
	r := &run{began: time.Now(), what: what}
	if trace.SpanFromContext(ctx).IsRecording() {
		ctx, r.span = t.tracer.Start(ctx, what.name, append(more, trace.WithSpanKind(trace.SpanKindClient), what.span)...)
	}
	return context.WithValue(ctx, runKey{}, r)
}

func (t *Tracer) end(ctx context.Context, err error) {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return
	}
	set := r.what.set
	if failed(err) {
		set = attribute.NewSet(append(r.what.attr, faults(err)...)...)
	}
	t.duration.RecordSet(ctx, time.Since(r.began).Seconds(), set)
	finish(r.span, err)
}

func finish(span trace.Span, err error) {
	if span == nil {
		return
	}
	if failed(err) {
		span.SetAttributes(faults(err)...)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// TraceQueryStart implements pgx.QueryTracer.
func (t *Tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.start(ctx, t.describe(data.SQL, func() (statement, []attribute.KeyValue) {
		return summarize(data.SQL), []attribute.KeyValue{semconv.DBQueryText(data.SQL)}
	}))
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t *Tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.end(ctx, data.Err)
}

// TraceBatchStart implements pgx.BatchTracer.
func (t *Tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	texts := make([]string, len(data.Batch.QueuedQueries))
	for i, q := range data.Batch.QueuedQueries {
		texts[i] = q.SQL
	}
	text := strings.Join(texts, "; ")
	return t.start(ctx, t.describe("batch\x00"+text, func() (statement, []attribute.KeyValue) {
		if len(texts) == 1 {
			return summarize(text), []attribute.KeyValue{semconv.DBQueryText(text)}
		}
		return summarizeBatch(texts), []attribute.KeyValue{semconv.DBQueryText(text), semconv.DBOperationBatchSize(len(texts))}
	}))
}

// TraceBatchQuery implements pgx.BatchTracer. That one failed, the end of the batch says too.
func (t *Tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (t *Tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.end(ctx, data.Err)
}

// summarizeBatch says what several texts have in common. Where they differ, BATCH alone would tell little: it is followed by
// each, as far as they fit.
func summarizeBatch(texts []string) statement {
	out := statement{summary: "BATCH", operation: "BATCH"}
	var summaries, operations, collections []string
	add := func(to *[]string, s string) {
		if !slices.Contains(*to, s) {
			*to = append(*to, s)
		}
	}
	for _, text := range texts {
		s := summarize(text)
		add(&summaries, s.summary)
		add(&operations, s.operation)
		if s.collection != "" {
			add(&collections, s.collection)
		}
	}
	for i, s := range summaries {
		separator := " "
		if i > 0 {
			separator = "; "
		}
		if len(out.summary)+len(separator)+len(s) > maxSummary {
			break
		}
		out.summary += separator + s
	}
	if len(operations) == 1 {
		out.operation += " " + operations[0]
	}
	if len(collections) == 1 {
		out.collection = collections[0]
	}
	return out
}

// TraceConnectStart implements pgx.ConnectTracer.
func (t *Tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	r := &run{began: time.Now()}
	if trace.SpanFromContext(ctx).IsRecording() {
		ctx, r.span = t.tracer.Start(ctx, "connect", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(t.database...))
	}
	return context.WithValue(ctx, runKey{}, r)
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (t *Tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return
	}
	if data.Err == nil {
		t.create.RecordSet(ctx, time.Since(r.began).Seconds(), t.poolSet)
	}
	finish(r.span, data.Err)
}

type waitKey struct{}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (t *Tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	t.waiting.Add(1)
	return context.WithValue(ctx, waitKey{}, time.Now())
}

// acquired is where a connection keeps since when it is in use.
const acquired = scope + ".acquired"

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (t *Tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	t.waiting.Add(-1)
	began, ok := ctx.Value(waitKey{}).(time.Time)
	if !ok {
		return
	}
	now := time.Now()
	if data.Err == nil {
		t.wait.RecordSet(ctx, now.Sub(began).Seconds(), t.poolSet)
		data.Conn.PgConn().CustomData()[acquired] = now
	}
	if now.Sub(began) < worthASpan && data.Err == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := t.tracer.Start(ctx, "wait for a connection", trace.WithTimestamp(began), trace.WithAttributes(t.pool))
	finish(span, data.Err)
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (t *Tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if began, ok := data.Conn.PgConn().CustomData()[acquired].(time.Time); ok {
		t.use.RecordSet(context.Background(), time.Since(began).Seconds(), t.poolSet)
	}
}

// failed reports an error that is one of the database or of the way to it: that there is no row is an answer.
func failed(err error) bool { return err != nil && !errors.Is(err, pgx.ErrNoRows) }

// faults are error.type and, where the server has said one, db.response.status_code: its SQLSTATE.
func faults(err error) []attribute.KeyValue {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return []attribute.KeyValue{semconv.ErrorTypeKey.String(pgErr.Code), semconv.DBResponseStatusCode(pgErr.Code)}
	}
	return []attribute.KeyValue{semconv.ErrorTypeKey.String(kind(err))}
}

// kind names an error by one of a few words.
func kind(err error) string {
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), isNetwork && network.Timeout():
		return "timeout"
	case isNetwork, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "connection"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "connection"
	}
	return string(dbconv.ErrorTypeOther)
}
