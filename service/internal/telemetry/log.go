package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/trace"
)

// traceHandler adds trace_id and span_id to every record of a span, beside time and level whatever groups are open:
// Fluent Bit and Grafana look for them there.
type traceHandler struct {
	root  slog.Handler                      // without attributes and groups
	next  slog.Handler                      // root with all of steps
	steps []func(slog.Handler) slog.Handler // from the first open group on, and empty before it
}

func withTrace(h slog.Handler) slog.Handler { return &traceHandler{root: h, next: h} }

func (h *traceHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h *traceHandler) Handle(ctx context.Context, r slog.Record) error {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return h.next.Handle(ctx, r)
	}
	attributes := []slog.Attr{slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String())}
	if len(h.steps) == 0 {
		r = r.Clone()
		r.AddAttrs(attributes...)
		return h.next.Handle(ctx, r)
	}
	next := h.root.WithAttrs(attributes)
	for _, step := range h.steps {
		next = step(next)
	}
	return next.Handle(ctx, r)
}

func (h *traceHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	if len(attributes) == 0 {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attributes) }, false)
}

func (h *traceHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) }, true)
}

func (h *traceHandler) with(step func(slog.Handler) slog.Handler, group bool) slog.Handler {
	if !group && len(h.steps) == 0 {
		next := step(h.root)
		return &traceHandler{root: next, next: next}
	}
	return &traceHandler{root: h.root, next: step(h.next), steps: append(h.steps[:len(h.steps):len(h.steps)], step)}
}

// levelHandler keeps records below level from a handler that has no level of its own.
type levelHandler struct {
	slog.Handler
	level slog.Leveler
}

func atLeast(level slog.Leveler, h slog.Handler) slog.Handler { return levelHandler{h, level} }

func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level.Level() && h.Handler.Enabled(ctx, level)
}

func (h levelHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	return levelHandler{h.Handler.WithAttrs(attributes), h.level}
}

func (h levelHandler) WithGroup(name string) slog.Handler {
	return levelHandler{h.Handler.WithGroup(name), h.level}
}

// errorLog writes one complaint of the SDK in a while, and how many it kept back since the last.
type errorLog struct {
	logger *slog.Logger
	every  time.Duration
	now    func() time.Time

	mu   sync.Mutex
	last time.Time
	kept int
}

// Handle implements otel.ErrorHandler.
func (l *errorLog) Handle(err error) {
	if err != nil {
		l.write("error", err.Error())
	}
}

func (l *errorLog) write(details ...any) {
	l.mu.Lock()
	now := l.now()
	if !l.last.IsZero() && now.Sub(l.last) < l.every {
		l.kept++
		l.mu.Unlock()
		return
	}
	kept := l.kept
	l.last, l.kept = now, 0
	l.mu.Unlock()
	l.logger.Warn("telemetry is incomplete", append(details, "kept_back_since_last_line", kept)...)
}

// The SDK's levels, https://pkg.go.dev/go.opentelemetry.io/otel#SetLogger: 1 is a warning, such as of dropped
// records; 4 and 8 tell what it does.
const sdkWarning = 1

// Init, Enabled, Info, Error, WithValues and WithName implement logr.LogSink, for what the SDK logs.
func (l *errorLog) Init(logr.RuntimeInfo) {}

func (l *errorLog) Enabled(level int) bool { return level <= sdkWarning }

func (l *errorLog) Info(_ int, message string, details ...any) {
	l.write(append([]any{"error", message}, details...)...)
}

func (l *errorLog) Error(err error, message string, details ...any) {
	l.write(append([]any{"error", fmt.Sprintf("%s: %v", message, err)}, details...)...)
}

func (l *errorLog) WithValues(...any) logr.LogSink { return l }
func (l *errorLog) WithName(string) logr.LogSink   { return l }
