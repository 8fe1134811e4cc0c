package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// readStandard takes the OTEL_* variables. One that the service would not follow is a fault rather than ignored:
// whoever set it expects something of it.
func (l *loader) readStandard(env map[string]string) {
	l.readResourceAttributes(env)
	for _, s := range l.settings {
		value, ok := env[s.otel]
		if !ok || s.otel == "" {
			continue
		}
		if s.millis {
			ms, err := strconv.ParseUint(value, 10, 32)
			if err != nil {
				l.failed[s.key] = true
				l.fault(s.otel, s.key, "%s is not allowed, want a whole number of milliseconds", quote(value))
				continue
			}
			value = fmt.Sprintf("%dms", ms)
		}
		l.set(s, s.otel, value)
	}
	// The service's own endpoint sets the standard one aside, its scheme included.
	if _, own := env["OTLP_ENDPOINT"]; !own {
		l.readEndpoint(env["OTEL_EXPORTER_OTLP_ENDPOINT"])
	}
	l.refuse(env)
}

// readEndpoint takes a URL, whose scheme says whether there is TLS whatever OTEL_EXPORTER_OTLP_INSECURE says, or
// host:port. https://opentelemetry.io/docs/specs/otel/protocol/exporter/#configuration-options
func (l *loader) readEndpoint(value string) {
	const name, key = "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp.endpoint"
	if value == "" {
		return
	}
	target := value
	if u, err := url.Parse(value); err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.Trim(u.Path, "/") == "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		target = u.Host
		l.set(l.setting("otlp.insecure"), name, strconv.FormatBool(u.Scheme == "http"))
	}
	if !hostPort(target) {
		l.failed[key] = true
		l.fault(name, key, "%s is not allowed, want http://host:port, https://host:port or host:port", quote(redactURL(value)))
		return
	}
	l.set(l.setting(key), name, target)
}

func redactURL(value string) string {
	if i := strings.LastIndex(value, "@"); i >= 0 {
		return redacted + value[i:]
	}
	return value
}

// readResourceAttributes decodes key=value pairs in the form of W3C baggage, as
// https://opentelemetry.io/docs/specs/otel/resource/sdk/ has it. What it says of name, version and environment is
// taken as the setting, so that telemetry and service never differ about them.
func (l *loader) readResourceAttributes(env map[string]string) {
	const name, key = "OTEL_RESOURCE_ATTRIBUTES", "otlp.resource_attributes"
	value := env[name]
	if value == "" {
		return
	}
	attributes := map[string]string{}
	for pair := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		k, v, ok := strings.Cut(pair, "=")
		k = strings.TrimSpace(k)
		v, err := url.PathUnescape(strings.TrimSpace(v))
		if !ok || k == "" || err != nil {
			l.fault(name, key, "%s is not allowed, want key=value, with , and = in a value percent-encoded", quote(pair))
			continue
		}
		attributes[k] = v
	}
	l.config.OTLP.ResourceAttributes = attributes
	for _, known := range []struct{ attribute, key string }{
		{"service.name", "app.name"},
		{"service.version", "app.version"},
		{"deployment.environment.name", "app.environment"},
	} {
		if v := attributes[known.attribute]; v != "" {
			l.set(l.setting(known.key), name, v)
		}
	}
}

func (l *loader) refuse(env map[string]string) {
	for _, fixed := range []struct {
		name    string
		allowed []string
		why     string
	}{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", []string{"grpc"}, "telemetry leaves over gRPC"},
		{"OTEL_TRACES_EXPORTER", []string{"otlp"}, "traces leave over OTLP"},
		{"OTEL_METRICS_EXPORTER", []string{"otlp"}, "metrics leave over OTLP, beside /metrics"},
		{"OTEL_LOGS_EXPORTER", []string{"otlp"}, "log records leave over OTLP, beside standard output"},
		{"OTEL_TRACES_SAMPLER", []string{"parentbased_traceidratio"}, "the rate is otlp.sample_rate"},
		{"OTEL_PROPAGATORS", []string{"tracecontext,baggage", "baggage,tracecontext"}, "the propagators are those of W3C"},
	} {
		if value, ok := env[fixed.name]; ok && !slices.Contains(fixed.allowed, value) {
			l.fault(fixed.name, "", "%s is not supported, want %s: %s", quote(value), strings.Join(fixed.allowed, " or "), fixed.why)
		}
	}
	for _, name := range sortedKeys(env) {
		if key, ok := instead(name); ok {
			l.fault(name, "", "is not supported, set %s", key)
		}
	}
}

// instead names the setting that a standard variable would compete with.
func instead(name string) (string, bool) {
	for _, processor := range []string{"OTEL_BSP_", "OTEL_BLRP_"} {
		switch rest, _ := strings.CutPrefix(name, processor); rest {
		case "MAX_EXPORT_BATCH_SIZE":
			return "otlp.batch.max_size, which spans and log records share", true
		case "MAX_QUEUE_SIZE":
			return "otlp.batch.queue_size, which spans and log records share", true
		case "SCHEDULE_DELAY":
			return "otlp.batch.timeout, which spans and log records share", true
		case "EXPORT_TIMEOUT":
			return "otlp.timeout, which every signal shares", true
		}
	}
	for _, signal := range []string{"TRACES_", "METRICS_", "LOGS_"} {
		if rest, ok := strings.CutPrefix(name, "OTEL_EXPORTER_OTLP_"+signal); ok {
			return "OTEL_EXPORTER_OTLP_" + rest + ", which every signal shares", true
		}
	}
	return "", false
}
