package config

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/link"
)

// setting is one value: where it can be written, what is allowed there, and how it is taken.
type setting struct {
	key    string // in the file, and in faults
	noFile bool   // the environment alone
	env    string // the service's own variable, "" for none
	otel   string // the standard variable, "" for none
	millis bool   // the standard variable counts milliseconds, as OpenTelemetry has it
	want   string
	secret bool
	list   bool // in the file, a list too
	set    func(value string) bool
}

func (s *setting) variables() []string {
	var names []string
	for _, name := range []string{s.env, s.otel} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

var (
	nameForm    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}$`)
	podForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$`)
)

const (
	nameWant    = "up to 63 of a-z, 0-9 and -, such as go-otlp-app"
	versionWant = "up to 128 letters, digits, dots, + or -, such as 1.4.0"
	podWant     = "a name of Kubernetes: up to 253 letters, digits, dots or -"
	urlWant     = "postgres://user:password@host:port/database"
)

// table is every setting there is; faults and documentation are in its order.
func (l *loader) table() []*setting {
	c := &l.config
	return []*setting{
		text(&c.App.Name, "app.name", "APP_NAME", nameForm, nameWant).standard("OTEL_SERVICE_NAME"),
		text(&c.App.Version, "app.version", "APP_VERSION", versionForm, versionWant),
		text(&c.App.Environment, "app.environment", "APP_ENV", nameForm, nameWant),
		text(&c.Pod.Name, "pod.name", "POD_NAME", podForm, podWant).only(),
		text(&c.Pod.Namespace, "pod.namespace", "POD_NAMESPACE", podForm, podWant).only(),
		address(&c.Pod.IP, "pod.ip", "POD_IP").only(),
		text(&c.Pod.Node, "pod.node", "NODE_NAME", podForm, podWant).only(),

		count(&c.Server.Port, "server.port", "SERVER_PORT", 1, 65535),
		count(&c.Server.MetricsPort, "server.metrics_port", "METRICS_PORT", 1, 65535),
		duration(&c.Server.ReadTimeout, "server.read_timeout", "", time.Second, time.Hour),
		duration(&c.Server.WriteTimeout, "server.write_timeout", "", time.Second, time.Hour),
		duration(&c.Server.IdleTimeout, "server.idle_timeout", "", time.Second, time.Hour),
		duration(&c.Server.RequestTimeout, "server.request_timeout", "REQUEST_TIMEOUT", 100*time.Millisecond, time.Hour),
		duration(&c.Server.DrainTimeout, "server.drain_timeout", "", time.Second, time.Hour),
		count(&c.Server.MaxConcurrency, "server.max_concurrency", "MAX_CONCURRENCY", 1, 100_000),
		boolean(&c.Server.Profiling, "server.profiling", "PROFILING"),
		networks(&c.Server.TrustedProxies, "server.trusted_proxies", "TRUSTED_PROXIES"),

		{key: "api.tokens", noFile: true, env: "API_TOKENS", secret: true, want: tokensWant,
			set: func(v string) bool { l.tokens = v; return true }},
		{key: "api.tokens_file", env: "API_TOKENS_FILE", want: "the path of a file with one token a line",
			set: func(v string) bool { l.tokensFile = v; return true }},
		{key: "api.access_file", env: "API_ACCESS_FILE", want: "the path of a YAML file that names tokens and issuers, docs/access.md",
			set: func(v string) bool { c.API.AccessFile = v; return true }},
		boolean(&c.API.ReadsNeedToken, "api.reads_need_token", "API_READS_NEED_TOKEN"),

		globs(&c.Ledger.Production, "ledger.production", "PRODUCTION_ENVIRONMENTS"),
		duration(&c.Ledger.StartTimeout, "ledger.start_timeout", "", time.Minute, 90*24*time.Hour),
		count(&c.Ledger.RetentionDays, "ledger.retention_days", "RETENTION_DAYS", 0, 36_500),
		duration(&c.Ledger.MetricsInterval, "ledger.metrics_interval", "LEDGER_METRICS_INTERVAL", 100*time.Millisecond, time.Hour),
		globs(&c.Ledger.Promotion, "ledger.promotion", "PROMOTION_ENVIRONMENTS"),

		template(&c.Links.Commit, "links.commit", "LINK_COMMIT"),
		template(&c.Links.Compare, "links.compare", "LINK_COMPARE"),
		template(&c.Links.Application, "links.application", "LINK_APPLICATION"),
		template(&c.Links.Trace, "links.trace", "LINK_TRACE"),
		template(&c.Links.Log, "links.log", "LINK_LOG"),

		boolean(&c.OTLP.Disabled, "otlp.disabled", "").standard("OTEL_SDK_DISABLED").only(),
		endpoint(&c.OTLP.Endpoint, "otlp.endpoint", "OTLP_ENDPOINT"),
		boolean(&c.OTLP.Insecure, "otlp.insecure", "OTLP_INSECURE").standard("OTEL_EXPORTER_OTLP_INSECURE"),
		path(&c.OTLP.Certificate, "otlp.certificate").standard("OTEL_EXPORTER_OTLP_CERTIFICATE").only(),
		path(&c.OTLP.ClientCertificate, "otlp.client_certificate").standard("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE").only(),
		path(&c.OTLP.ClientKey, "otlp.client_key").standard("OTEL_EXPORTER_OTLP_CLIENT_KEY").only(),
		choice(&c.OTLP.Compression, "otlp.compression", "OTLP_COMPRESSION", "gzip", "none").standard("OTEL_EXPORTER_OTLP_COMPRESSION"),
		ratio(&c.OTLP.SampleRate, "otlp.sample_rate", "OTLP_SAMPLE_RATE").standard("OTEL_TRACES_SAMPLER_ARG"),
		duration(&c.OTLP.Timeout, "otlp.timeout", "", 100*time.Millisecond, 10*time.Minute).standardMillis("OTEL_EXPORTER_OTLP_TIMEOUT"),
		duration(&c.OTLP.MetricInterval, "otlp.metric_interval", "", time.Second, time.Hour).standardMillis("OTEL_METRIC_EXPORT_INTERVAL"),
		duration(&c.OTLP.ShutdownTimeout, "otlp.shutdown_timeout", "", 100*time.Millisecond, time.Hour),
		count(&c.OTLP.Batch.MaxSize, "otlp.batch.max_size", "", 1, 100_000),
		duration(&c.OTLP.Batch.Timeout, "otlp.batch.timeout", "", 10*time.Millisecond, time.Hour),
		count(&c.OTLP.Batch.QueueSize, "otlp.batch.queue_size", "", 1, 1_000_000),

		{key: "database.url", env: "DATABASE_URL", secret: true, want: urlWant,
			set: func(v string) bool { c.Database.URL = NewSecret(v); return databaseURL(v) }},
		count(&c.Database.MaxConns, "database.max_conns", "DATABASE_MAX_CONNS", 1, 10_000),
		count(&c.Database.MaxIdleConns, "database.max_idle_conns", "", 0, 10_000),
		duration(&c.Database.ConnMaxLifetime, "database.conn_max_lifetime", "", time.Second, 24*time.Hour),

		level(&c.Log.Level, "log.level", "LOG_LEVEL"),
	}
}

func (s *setting) standard(name string) *setting       { s.otel = name; return s }
func (s *setting) standardMillis(name string) *setting { s.otel, s.millis = name, true; return s }
func (s *setting) only() *setting                      { s.noFile = true; return s }

func text(to *string, key, env string, form *regexp.Regexp, want string) *setting {
	return &setting{key: key, env: env, want: want, set: func(v string) bool {
		if !form.MatchString(v) {
			return false
		}
		*to = v
		return true
	}}
}

// path takes any: who opens the file says what is wrong with it.
func path(to *string, key string) *setting {
	return &setting{key: key, want: "the path of a PEM file", set: func(v string) bool { *to = v; return true }}
}

func address(to *string, key, env string) *setting {
	return &setting{key: key, env: env, want: "an IP address", set: func(v string) bool {
		if _, err := netip.ParseAddr(v); err != nil {
			return false
		}
		*to = v
		return true
	}}
}

// globForm is a name of an environment in which * stands for any characters and ? for one.
var globForm = regexp.MustCompile(`^[a-z0-9*?]([a-z0-9*?-]{0,61}[a-z0-9*?])?$`)

func globs(to *[]string, key, env string) *setting {
	return &setting{key: key, env: env, list: true, want: "names of environments with commas between, * and ? allowed, such as prod,prod-*", set: func(v string) bool {
		var all []string
		for glob := range strings.SplitSeq(v, ",") {
			glob = strings.TrimSpace(glob)
			if !globForm.MatchString(glob) {
				return false
			}
			all = append(all, glob)
		}
		*to = all
		return true
	}}
}

func networks(to *[]netip.Prefix, key, env string) *setting {
	return &setting{key: key, env: env, want: "addresses and networks with commas between, such as 10.0.0.0/8,192.0.2.7", set: func(v string) bool {
		var all []netip.Prefix
		for text := range strings.SplitSeq(v, ",") {
			text = strings.TrimSpace(text)
			if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
				a = a.Unmap()
				all = append(all, netip.PrefixFrom(a, a.BitLen()))
				continue
			}
			p, err := netip.ParsePrefix(text)
			if err != nil || p.Addr().Is4In6() {
				return false
			}
			all = append(all, p.Masked())
		}
		*to = all
		return true
	}}
}

func template(to *link.Template, key, env string) *setting {
	return &setting{key: key, env: env, want: "an https or http URL with any of {" + strings.Join(link.Placeholders(), "}, {") + "} after its host", set: func(v string) bool {
		parsed, err := link.Parse(v)
		if err == nil {
			*to = parsed
		}
		return err == nil
	}}
}

func endpoint(to *string, key, env string) *setting {
	return &setting{key: key, env: env, want: "host:port without a scheme, such as otel-collector:4317", set: func(v string) bool {
		if !hostPort(v) {
			return false
		}
		*to = v
		return true
	}}
}

func count(to *int, key, env string, low, high int) *setting {
	return &setting{key: key, env: env, want: fmt.Sprintf("a whole number from %d to %d", low, high), set: func(v string) bool {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return false
		}
		*to = n
		return true
	}}
}

func duration(to *time.Duration, key, env string, low, high time.Duration) *setting {
	want := fmt.Sprintf("a duration with its unit from %s to %s, such as 1m30s", low, high)
	return &setting{key: key, env: env, want: want, set: func(v string) bool {
		d, err := time.ParseDuration(v)
		if err != nil || d < low || d > high {
			return false
		}
		*to = d
		return true
	}}
}

func ratio(to *float64, key, env string) *setting {
	return &setting{key: key, env: env, want: "a number from 0 to 1", set: func(v string) bool {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > 1 {
			return false
		}
		*to = f
		return true
	}}
}

// boolean takes two words: strconv.ParseBool would take "T" and "1", and YAML 1.1 "no".
func boolean(to *bool, key, env string) *setting {
	return &setting{key: key, env: env, want: "true or false", set: func(v string) bool {
		switch strings.ToLower(v) {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			return false
		}
		return true
	}}
}

func choice(to *string, key, env string, allowed ...string) *setting {
	return &setting{key: key, env: env, want: strings.Join(allowed, " or "), set: func(v string) bool {
		for _, a := range allowed {
			if v == a {
				*to = v
				return true
			}
		}
		return false
	}}
}

func level(to *slog.Level, key, env string) *setting {
	return &setting{key: key, env: env, want: "debug, info, warn or error", set: func(v string) bool {
		switch strings.ToLower(v) {
		case "debug", "info", "warn", "error":
			return to.UnmarshalText([]byte(v)) == nil
		}
		return false
	}}
}

func hostPort(v string) bool {
	host, port, err := net.SplitHostPort(v)
	if err != nil || host == "" || strings.ContainsAny(host, "/@ \t\r\n%?#") {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// databaseURL says yes or no and nothing else: the errors of package url repeat the URL, password and all.
func databaseURL(v string) bool {
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") && u.Opaque == "" && u.Fragment == "" &&
		(u.Hostname() != "" || u.Query().Get("host") != "")
}

// hasPassword reports a URL that would put a password into a file that is no Secret.
func hasPassword(v string) bool {
	u, err := url.Parse(v)
	if err != nil {
		return false
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password") || u.Query().Has("sslpassword")
}
