// Package config reads what the service is told: a YAML file first, then the environment.
package config

import (
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/link"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// Config is the whole configuration, parsed once and passed down. It can be printed: secrets do not show.
type Config struct {
	App      App
	Pod      Pod
	Server   Server
	API      API
	Ledger   Ledger
	Links    link.Templates // where the page leads to from a release
	OTLP     OTLP
	Database Database
	Log      Log
}

// App says which program this is.
type App struct {
	Name        string
	Version     string // "" where nothing says it: the caller knows what was stamped into the binary
	Environment string
}

// Pod is where the process runs, as the downward API tells it; every field is "" outside Kubernetes.
type Pod struct {
	Name, Namespace, IP, Node string
}

// Server is what the two listeners keep to.
type Server struct {
	Port           int           // API, /healthz, /readyz
	MetricsPort    int           // /metrics, and pprof where it is on
	ReadTimeout    time.Duration // a whole request, body included
	WriteTimeout   time.Duration // from the first byte of the answer to its last
	IdleTimeout    time.Duration // a kept connection without a request
	RequestTimeout time.Duration // cancels the handler and its queries
	DrainTimeout   time.Duration // from SIGTERM until requests in flight are cut
	MaxConcurrency int           // requests at once; more are shed
	Profiling      bool          // pprof on MetricsPort
	// TrustedProxies are believed about whom they forward for, in X-Forwarded-For.
	TrustedProxies []netip.Prefix
}

// API is who may do what.
type API struct {
	Tokens []Secret // any of them may do everything
	// AccessFile names tokens and issuers with what each may do, "" for none. Package access reads it, and again whenever
	// it changes.
	AccessFile     string
	ReadsNeedToken bool // what is read needs a token too, but for health
}

// Ledger is how releases are taken.
type Ledger struct {
	Production    []string      // environments, by name or glob, whose deployments the measures measure
	StartTimeout  time.Duration // after which a release that nobody has told the end of is given up
	RetentionDays int           // after which a release is deleted, unless it runs; 0 for never
	// MetricsInterval is how often what runs is read for metrics, and, every fifth time, the measures.
	MetricsInterval time.Duration
	// Promotion is environments, by name or glob, in the order in which versions go through them.
	Promotion []string
}

// OTLP is where telemetry goes, and how.
type OTLP struct {
	Disabled           bool // OTEL_SDK_DISABLED
	Endpoint           string
	Insecure           bool   // no TLS
	Certificate        string // the file of the authorities that Collectors are trusted by; "" for the system's
	ClientCertificate  string // the file of the certificate to show a Collector, "" for none
	ClientKey          string // the file of its key
	Compression        string // "gzip" or "none"
	SampleRate         float64
	Timeout            time.Duration // one export, its retries included
	MetricInterval     time.Duration
	ShutdownTimeout    time.Duration // the last flush
	Batch              Batch
	ResourceAttributes map[string]string // OTEL_RESOURCE_ATTRIBUTES, decoded
}

// Batch bounds what waits for the Collector; spans and log records each have a queue of this size.
type Batch struct {
	MaxSize   int           // in one export
	Timeout   time.Duration // the longest that one waits for company
	QueueSize int           // beyond it, what is new is dropped
}

// Database is the pool.
type Database struct {
	URL             Secret
	MaxConns        int
	MaxIdleConns    int
	ConnMaxLifetime time.Duration
}

// Log is the lowest level that is written.
type Log struct {
	Level slog.Level
}

// Default is the configuration where neither file nor environment says otherwise. It lacks the database's URL.
func Default() Config {
	return Config{
		App: App{Name: "go-otlp-app", Environment: "development"},
		Server: Server{
			Port:           8080,
			MetricsPort:    9090,
			ReadTimeout:    30 * time.Second,
			WriteTimeout:   30 * time.Second,
			IdleTimeout:    120 * time.Second,
			RequestTimeout: 30 * time.Second,
			DrainTimeout:   30 * time.Second,
			MaxConcurrency: 100,
		},
		Ledger: Ledger{
			Production: []string{"prod"}, StartTimeout: 24 * time.Hour, MetricsInterval: time.Minute,
			Promotion: release.DefaultPromotion(),
		},
		OTLP: OTLP{
			Endpoint:    "localhost:4317",
			Compression: "gzip",
			SampleRate:  1,
			// The default of the OTLP exporter specification, https://opentelemetry.io/docs/specs/otel/protocol/exporter/
			Timeout:         10 * time.Second,
			MetricInterval:  60 * time.Second,
			ShutdownTimeout: 10 * time.Second,
			Batch:           Batch{MaxSize: 512, Timeout: 5 * time.Second, QueueSize: 2048},
		},
		Database: Database{MaxConns: 25, MaxIdleConns: 5, ConnMaxLifetime: 5 * time.Minute},
	}
}

// Fault is one thing that keeps the service from starting.
type Fault struct {
	Where   string // "configs/app.yaml:12", or the name of the environment variable, or "default"
	Setting string // the key in the file, such as server.port; "" where the fault is about no setting
	Message string // the value, unless it is secret, and what is allowed
}

func (f Fault) String() string {
	if f.Setting == "" {
		return f.Where + ": " + f.Message
	}
	return f.Where + ": " + f.Setting + ": " + f.Message
}

// Invalid is every fault of a configuration at once.
type Invalid struct{ Faults []Fault }

func (e *Invalid) Error() string {
	lines := make([]string, 0, len(e.Faults)+1)
	lines = append(lines, fmt.Sprintf("configuration: faults: %d", len(e.Faults)))
	for _, f := range e.Faults {
		lines = append(lines, "  "+f.String())
	}
	return strings.Join(lines, "\n")
}

// Load reads the YAML file (none where the name is ""), then environ, which is in the form of os.Environ. Its error
// is an *Invalid that holds every fault.
//
// Who wins, lowest first: defaults, the file, the standard OTEL_* variables, the service's own variables. The own
// names come last because they mean this service alone, while OTEL_* is also written into pods by others: the
// OpenTelemetry Operator injects the endpoint of its own agent, which speaks HTTP on another port. An empty variable
// is one that is not set, as OpenTelemetry has it. Unknown variables are not faults: Kubernetes adds some for every
// Service of the namespace.
//
// OTEL_EXPORTER_OTLP_HEADERS is not read here, but by the OTLP exporters from the process environment: it may hold
// credentials.
func Load(file string, environ []string) (*Config, error) {
	l := newLoader()
	if file != "" {
		l.readFile(file)
	}
	return l.finish(environ)
}

// Parse is Load with the content of the file at hand; name stands for it in faults.
func Parse(name string, content []byte, environ []string) (*Config, error) {
	l := newLoader()
	l.parse(name, content)
	return l.finish(environ)
}

// loader collects a configuration, where each setting came from, and the faults.
type loader struct {
	config     Config
	settings   []*setting
	origin     map[string]string // key → where; absent means the default
	failed     map[string]bool   // settings whose value is unknown: nothing is concluded from them
	tokensFile string
	tokens     string
	faults     []Fault
}

func newLoader() *loader {
	l := &loader{config: Default(), origin: map[string]string{}, failed: map[string]bool{}}
	l.settings = l.table()
	return l
}

func (l *loader) fault(where, key, format string, args ...any) {
	l.faults = append(l.faults, Fault{Where: where, Setting: key, Message: fmt.Sprintf(format, args...)})
}

// set gives one setting a value, from wherever it comes.
func (l *loader) set(s *setting, where, value string) {
	l.origin[s.key] = where
	delete(l.failed, s.key)
	if s.set(value) {
		return
	}
	l.failed[s.key] = true
	if s.secret {
		l.fault(where, s.key, "want %s (the value is secret and not shown)", s.want)
		return
	}
	l.fault(where, s.key, "%s is not allowed, want %s", quote(value), s.want)
}

func (l *loader) setting(key string) *setting {
	i := slices.IndexFunc(l.settings, func(s *setting) bool { return s.key == key })
	return l.settings[i]
}

func (l *loader) where(key string) string {
	if where, ok := l.origin[key]; ok {
		return where
	}
	return "default"
}

func (l *loader) finish(environ []string) (*Config, error) {
	env := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && value != "" {
			env[name] = value
		}
	}
	l.readStandard(env)
	for _, s := range l.settings {
		if value, ok := env[s.env]; ok && s.env != "" {
			l.set(s, s.env, value)
		}
	}
	l.readTokens()
	l.combine()
	if len(l.faults) > 0 {
		return nil, &Invalid{Faults: l.faults}
	}
	return &l.config, nil
}

// combine holds settings to one another.
func (l *loader) combine() {
	c := &l.config
	atMost := func(low, high string, broken bool, a, b any, why string) {
		if broken && !l.failed[low] && !l.failed[high] {
			l.fault(l.where(low), low, "%v is more than %s, which is %v (%s): %s", a, high, b, l.where(high), why)
		}
	}
	atMost("database.max_idle_conns", "database.max_conns", c.Database.MaxIdleConns > c.Database.MaxConns,
		c.Database.MaxIdleConns, c.Database.MaxConns, "the pool never holds that many")
	atMost("otlp.batch.max_size", "otlp.batch.queue_size", c.OTLP.Batch.MaxSize > c.OTLP.Batch.QueueSize,
		c.OTLP.Batch.MaxSize, c.OTLP.Batch.QueueSize, "a full batch never comes together")
	atMost("server.request_timeout", "server.drain_timeout", c.Server.RequestTimeout > c.Server.DrainTimeout,
		c.Server.RequestTimeout, c.Server.DrainTimeout, "a restart cuts requests that are still allowed to run")
	if c.Server.Port == c.Server.MetricsPort && !l.failed["server.port"] && !l.failed["server.metrics_port"] {
		l.fault(l.where("server.metrics_port"), "server.metrics_port", "%d is server.port too (%s): two listeners need two ports",
			c.Server.MetricsPort, l.where("server.port"))
	}
	if (c.OTLP.ClientCertificate == "") != (c.OTLP.ClientKey == "") {
		l.fault("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "otlp.client_certificate", "a certificate needs its key and a key its certificate: set OTEL_EXPORTER_OTLP_CLIENT_KEY too, or neither")
	}
	if c.Database.URL.IsZero() && !l.failed["database.url"] {
		l.fault("DATABASE_URL", "database.url", "not set, want %s", l.setting("database.url").want)
	}
}

// Settings is one line a setting: the key in the file, the variables that override it, and what is allowed.
func Settings() string {
	var b strings.Builder
	for _, s := range newLoader().settings {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", s.key, strings.Join(s.variables(), ", "), s.want)
	}
	return b.String()
}

// quote shows a value on one line, cut where it is long.
func quote(value string) string {
	const most = 80
	if runes := []rune(value); len(runes) > most {
		value = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", value)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
