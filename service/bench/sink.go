package main

import (
	"context"
	"net"
	"sync/atomic"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what the service sends by default
)

// sink receives OTLP over gRPC as a Collector does, and counts.
type sink struct {
	address                string
	server                 *grpc.Server
	spans, records, points atomic.Int64
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{address: l.Addr().String(), server: grpc.NewServer()}
	traces.RegisterTraceServiceServer(s.server, traceSink{sink: s})
	logs.RegisterLogsServiceServer(s.server, logSink{sink: s})
	metrics.RegisterMetricsServiceServer(s.server, metricSink{sink: s})
	go func() { _ = s.server.Serve(l) }() // until Stop
	return s, nil
}

type traceSink struct {
	traces.UnimplementedTraceServiceServer
	*sink
}

func (s traceSink) Export(_ context.Context, r *traces.ExportTraceServiceRequest) (*traces.ExportTraceServiceResponse, error) {
	for _, resource := range r.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			s.spans.Add(int64(len(scope.Spans)))
		}
	}
	return &traces.ExportTraceServiceResponse{}, nil
}

type logSink struct {
	logs.UnimplementedLogsServiceServer
	*sink
}

func (s logSink) Export(_ context.Context, r *logs.ExportLogsServiceRequest) (*logs.ExportLogsServiceResponse, error) {
	for _, resource := range r.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			s.records.Add(int64(len(scope.LogRecords)))
		}
	}
	return &logs.ExportLogsServiceResponse{}, nil
}

type metricSink struct {
	metrics.UnimplementedMetricsServiceServer
	*sink
}

func (s metricSink) Export(_ context.Context, r *metrics.ExportMetricsServiceRequest) (*metrics.ExportMetricsServiceResponse, error) {
	for _, resource := range r.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			s.points.Add(int64(len(scope.Metrics)))
		}
	}
	return &metrics.ExportMetricsServiceResponse{}, nil
}
