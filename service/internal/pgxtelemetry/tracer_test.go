package pgxtelemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// observed is a pool of one connection with what its tracer told.
type observed struct {
	t      *testing.T
	pool   *pgxpool.Pool
	spans  *tracetest.SpanRecorder
	traces *sdktrace.TracerProvider
	reader *sdkmetric.ManualReader
}

func observe(t *testing.T) *observed {
	t.Helper()
	o := &observed{t: t, spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	o.traces = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.spans))
	url := postgrestest.URL(t)
	tracer, err := New(o.traces, sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.reader)), url)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 1
	config.ConnConfig.Tracer = tracer
	if o.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.pool.Close)
	if _, err := tracer.Observe(o.pool); err != nil {
		t.Fatal(err)
	}
	return o
}

// request runs do below a span, as a request does.
func (o *observed) request(do func(ctx context.Context)) {
	ctx, span := o.traces.Tracer("test").Start(o.t.Context(), "request")
	do(ctx)
	span.End()
}

// told is the attributes of the spans of this name.
func (o *observed) told(name string) (all []map[string]string, spans []sdktrace.ReadOnlySpan) {
	for _, s := range o.spans.Ended() {
		if s.Name() == name {
			all, spans = append(all, texts(s.Attributes())), append(spans, s)
		}
	}
	return all, spans
}

func texts(from []attribute.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range from {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

// metrics is the data of all instruments by name, with their units.
func (o *observed) metrics() (map[string]metricdata.Aggregation, map[string]string) {
	o.t.Helper()
	var all metricdata.ResourceMetrics
	if err := o.reader.Collect(o.t.Context(), &all); err != nil {
		o.t.Fatal(err)
	}
	data, units := map[string]metricdata.Aggregation{}, map[string]string{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			data[m.Name], units[m.Name] = m.Data, m.Unit
		}
	}
	return data, units
}

func TestSpansOfStatements(t *testing.T) {
	o := observe(t)
	o.request(func(ctx context.Context) {
		if _, err := o.pool.Exec(ctx, "CREATE TABLE releases (id int PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.pool.Exec(ctx, "WITH r AS (INSERT INTO releases VALUES ($1) RETURNING id) SELECT * FROM r", 1); err != nil {
			t.Fatal(err)
		}
		if _, err := o.pool.Exec(ctx, "INSERT INTO releases VALUES ($1)", 1); err == nil {
			t.Fatal("a second of one key")
		}
		var id int
		if err := o.pool.QueryRow(ctx, "SELECT id FROM releases WHERE id = 2").Scan(&id); !errors.Is(err, pgx.ErrNoRows) {
			t.Fatalf("got %v", err)
		}
		var b pgx.Batch
		b.Queue("SELECT id FROM releases WHERE id = $1", 1)
		b.Queue("DELETE FROM releases WHERE id = $1", 1)
		if err := o.pool.SendBatch(ctx, &b).Close(); err != nil {
			t.Fatal(err)
		}
		var failing pgx.Batch
		failing.Queue("SELECT nothing FROM releases")
		if err := o.pool.SendBatch(ctx, &failing).Close(); err == nil {
			t.Fatal("a column that is not there")
		}
	})

	all, spans := o.told("INSERT releases")
	if len(all) != 2 || spans[0].SpanKind() != trace.SpanKindClient || spans[0].Parent().SpanID() != spans[1].Parent().SpanID() {
		t.Fatalf("got %v", all)
	}
	for key, want := range map[string]string{
		"db.system.name": "postgresql", "db.query.summary": "INSERT releases", "db.operation.name": "INSERT", "db.collection.name": "releases",
		"db.query.text":  "WITH r AS (INSERT INTO releases VALUES ($1) RETURNING id) SELECT * FROM r",
		"server.address": "127.0.0.1", "db.namespace": o.pool.Config().ConnConfig.Database, "server.port": fmt.Sprint(o.pool.Config().ConnConfig.Port),
	} {
		if all[0][key] != want {
			t.Errorf("%s is %q, want %q", key, all[0][key], want)
		}
	}
	if all[1]["error.type"] != "23505" || all[1]["db.response.status_code"] != "23505" || spans[1].Status().Code != codes.Error {
		t.Errorf("the failed one says %v, %v", all[1], spans[1].Status())
	}
	if all, spans := o.told("SELECT releases"); len(all) != 2 || spans[0].Status().Code == codes.Error || all[0]["error.type"] != "" ||
		all[1]["error.type"] != "42703" || all[1]["db.operation.batch.size"] != "" {
		t.Errorf("one that finds no row, and a batch of one that fails: %v", all)
	}
	batch, _ := o.told("BATCH SELECT releases; DELETE releases")
	if len(batch) != 1 || batch[0]["db.operation.name"] != "BATCH" || batch[0]["db.collection.name"] != "releases" || batch[0]["db.operation.batch.size"] != "2" ||
		batch[0]["db.query.text"] != "SELECT id FROM releases WHERE id = $1; DELETE FROM releases WHERE id = $1" {
		t.Errorf("the batch says %v", batch)
	}
	if all, _ := o.told("connect"); len(all) != 1 {
		t.Errorf("got %d spans of connecting, want one", len(all))
	}

	// What runs beside the requests makes no traces.
	before := len(o.spans.Ended())
	if _, err := o.pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if got := len(o.spans.Ended()); got != before {
		t.Errorf("%d spans without a parent", got-before)
	}
}

func TestMetricsOfStatements(t *testing.T) {
	o := observe(t)
	for range 3 {
		if _, err := o.pool.Exec(t.Context(), "SELECT 1 FROM pg_class"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.pool.Exec(t.Context(), "SELECT nothing FROM pg_class"); err == nil {
		t.Fatal("a column that is not there")
	}
	data, units := o.metrics()
	got := map[string]uint64{}
	for _, p := range data["db.client.operation.duration"].(metricdata.Histogram[float64]).DataPoints {
		a := texts(p.Attributes.ToSlice())
		got[a["db.query.summary"]+"|"+a["db.collection.name"]+"|"+a["error.type"]] = p.Count
		if a["db.query.text"] != "" || a["db.system.name"] != "postgresql" || a["server.address"] != "127.0.0.1" {
			t.Errorf("got attributes %v", a)
		}
	}
	if len(got) != 2 || got["SELECT pg_class|pg_class|"] != 3 || got["SELECT pg_class|pg_class|42703"] != 1 {
		t.Errorf("got %v", got)
	}
	if units["db.client.operation.duration"] != "s" {
		t.Errorf("in %q", units["db.client.operation.duration"])
	}
}

func TestMetricsOfThePool(t *testing.T) {
	o := observe(t)
	held, err := o.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 1)
	go func() { _, err := o.pool.Acquire(ctx); waited <- err }()
	sum := func(data metricdata.Aggregation, state string) int64 {
		for _, p := range data.(metricdata.Sum[int64]).DataPoints {
			a := texts(p.Attributes.ToSlice())
			c := o.pool.Config().ConnConfig
			if a["db.client.connection.pool.name"] != fmt.Sprintf("127.0.0.1:%d/%s", c.Port, c.Database) {
				t.Errorf("got pool %v", a)
			}
			if a["db.client.connection.state"] == state {
				return p.Value
			}
		}
		return -1
	}
	data, units := o.metrics()
	for deadline := time.Now().Add(time.Minute); sum(data["db.client.connection.pending_requests"], "") != 1 && time.Now().Before(deadline); data, _ = o.metrics() {
		time.Sleep(time.Millisecond)
	}
	for name, want := range map[string]int64{"max": 1, "idle.min": 0, "pending_requests": 1, "timeouts": 0} {
		if got := sum(data["db.client.connection."+name], ""); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	count := data["db.client.connection.count"]
	if used, idle := sum(count, "used"), sum(count, "idle"); used != 1 || idle != 0 {
		t.Errorf("%d used and %d idle", used, idle)
	}
	cancel()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	held.Release()
	data, _ = o.metrics()
	if got := sum(data["db.client.connection.timeouts"], ""); got != 1 {
		t.Errorf("%d timeouts, want 1", got)
	}
	if got := sum(data["db.client.connection.pending_requests"], ""); got != 0 {
		t.Errorf("%d wait", got)
	}
	for name, want := range map[string]uint64{"create_time": 1, "wait_time": 1, "use_time": 1} {
		h := data["db.client.connection."+name].(metricdata.Histogram[float64])
		if len(h.DataPoints) != 1 || h.DataPoints[0].Count != want || units["db.client.connection."+name] != "s" && name != "use_time" {
			t.Errorf("%s: %v in %q", name, h.DataPoints, units["db.client.connection."+name])
		}
	}
}

// A trace shows where a request has waited for a connection, and says nothing of one that did not.
func TestSpanOfTheWait(t *testing.T) {
	o := observe(t)
	held, err := o.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o.request(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		if _, err := o.pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
	})
	held.Release()
	all, spans := o.told("wait for a connection")
	if len(all) != 1 || all[0]["error.type"] != "timeout" || spans[0].EndTime().Sub(spans[0].StartTime()) < 10*time.Millisecond {
		t.Fatalf("got %v", all)
	}
}

func TestKind(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("x: %w", context.Canceled), "canceled"},
		{context.DeadlineExceeded, "timeout"},
		{os.ErrDeadlineExceeded, "timeout"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "connection"},
		{io.ErrUnexpectedEOF, "connection"},
		{errors.New("x"), "_OTHER"},
	} {
		if got := kind(c.err); got != c.want {
			t.Errorf("%v: got %s, want %s", c.err, got, c.want)
		}
	}
}

// What is remembered of statements is bounded.
func TestStatementsAreBounded(t *testing.T) {
	o := observe(t)
	tracer, err := New(o.traces, sdkmetric.NewMeterProvider(), o.pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * mostStatements {
		sql := fmt.Sprintf("SELECT %d FROM releases", i)
		d := tracer.describe(sql, func() (statement, []attribute.KeyValue) { return summarize(sql), nil })
		if d.name != "SELECT releases" {
			t.Fatalf("got %q", d.name)
		}
	}
	if len(tracer.statements) != mostStatements {
		t.Errorf("%d are remembered", len(tracer.statements))
	}
}

func TestSummarizeBatch(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  statement
	}{
		{[]string{"DELETE FROM a", "DELETE FROM a"}, statement{"BATCH DELETE a", "BATCH DELETE", "a"}},
		{[]string{"SELECT f()", "SELECT x FROM a FOR UPDATE"}, statement{"BATCH SELECT; SELECT a", "BATCH SELECT", "a"}},
		{[]string{"INSERT INTO a VALUES (1)", "SELECT x FROM b"}, statement{"BATCH INSERT a; SELECT b", "BATCH", ""}},
	} {
		if got := summarizeBatch(c.texts); got != c.want {
			t.Errorf("%v: got %+v, want %+v", c.texts, got, c.want)
		}
	}
	many := slices.Repeat([]string{"SELECT x FROM " + strings.Repeat("a", 60)}, 1)
	for i := range 20 {
		many = append(many, fmt.Sprintf("SELECT x FROM %s%d", strings.Repeat("a", 60), i))
	}
	if got := summarizeBatch(many).summary; len(got) > maxSummary || len(got) < 150 {
		t.Errorf("got %d bytes", len(got))
	}
}

// What a statement costs where nothing is sampled: the metrics alone.
func BenchmarkQuery(b *testing.B) {
	tracer, err := New(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), "postgres://127.0.0.1/a")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		ctx := tracer.TraceQueryStart(b.Context(), nil, pgx.TraceQueryStartData{SQL: "SELECT id FROM releases WHERE id = $1"})
		tracer.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{})
	}
}
