package telemetry

import (
	"context"
	"net"
	"sync"
	"testing"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what a Collector understands
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
)

// receiver is a Collector's OTLP gRPC receiver. It keeps what it is sent.
type receiver struct {
	address string
	hang    chan struct{} // nil, or calls wait until it is closed
	arrived chan struct{} // one for the first call that hangs
	once    sync.Once

	mu          sync.Mutex
	spans       []*traces.Span
	records     []*logs.LogRecord
	metrics     []*metrics.Metric
	resources   []*resource.Resource
	largest     int             // the most spans or records of one call
	compression map[string]bool // seen on the wire
	headers     metadata.MD     // of the last call
}

// receive starts a receiver on a free port of the loopback interface.
func receive(t *testing.T, hang chan struct{}, options ...grpc.ServerOption) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{address: listener.Addr().String(), hang: hang, arrived: make(chan struct{}), compression: map[string]bool{}}
	server := grpc.NewServer(append(options, grpc.StatsHandler(wire{r}))...)
	collectortrace.RegisterTraceServiceServer(server, traceService{r: r})
	collectorlogs.RegisterLogsServiceServer(server, logsService{r: r})
	collectormetrics.RegisterMetricsServiceServer(server, metricsService{r: r})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })
	return r
}

// take waits if the receiver hangs, then keeps.
func (r *receiver) take(ctx context.Context, size int, keep func()) error {
	if r.hang != nil {
		r.once.Do(func() { close(r.arrived) })
		select {
		case <-r.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.largest = max(r.largest, size)
	r.headers, _ = metadata.FromIncomingContext(ctx)
	keep()
	return nil
}

type traceService struct {
	collectortrace.UnimplementedTraceServiceServer
	r *receiver
}

func (s traceService) Export(ctx context.Context, request *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	var spans []*traces.Span
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			spans = append(spans, ss.Spans...)
		}
	}
	err := s.r.take(ctx, len(spans), func() {
		s.r.spans = append(s.r.spans, spans...)
		for _, rs := range request.ResourceSpans {
			s.r.resources = append(s.r.resources, rs.Resource)
		}
	})
	return &collectortrace.ExportTraceServiceResponse{}, err
}

type logsService struct {
	collectorlogs.UnimplementedLogsServiceServer
	r *receiver
}

func (s logsService) Export(ctx context.Context, request *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	var records []*logs.LogRecord
	for _, rl := range request.ResourceLogs {
		for _, sl := range rl.ScopeLogs {
			records = append(records, sl.LogRecords...)
		}
	}
	err := s.r.take(ctx, len(records), func() {
		s.r.records = append(s.r.records, records...)
		for _, rl := range request.ResourceLogs {
			s.r.resources = append(s.r.resources, rl.Resource)
		}
	})
	return &collectorlogs.ExportLogsServiceResponse{}, err
}

type metricsService struct {
	collectormetrics.UnimplementedMetricsServiceServer
	r *receiver
}

func (s metricsService) Export(ctx context.Context, request *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	err := s.r.take(ctx, 0, func() {
		for _, rm := range request.ResourceMetrics {
			s.r.resources = append(s.r.resources, rm.Resource)
			for _, sm := range rm.ScopeMetrics {
				s.r.metrics = append(s.r.metrics, sm.Metrics...)
			}
		}
	})
	return &collectormetrics.ExportMetricsServiceResponse{}, err
}

// wire sees how a call was compressed.
type wire struct{ r *receiver }

func (w wire) HandleRPC(_ context.Context, s stats.RPCStats) {
	if header, ok := s.(*stats.InHeader); ok {
		w.r.mu.Lock()
		w.r.compression[header.Compression] = true
		w.r.mu.Unlock()
	}
}
func (wire) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (wire) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (wire) HandleConn(context.Context, stats.ConnStats)                       {}
