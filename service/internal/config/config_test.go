package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const goodURL = "postgres://app:hunter2-hunter2@db:5432/ledger"

// faults loads what must not be accepted and returns its faults as text.
func faults(t *testing.T, yaml string, environ ...string) []string {
	t.Helper()
	c, err := Parse("app.yaml", []byte(yaml), environ)
	invalid, ok := errors.AsType[*Invalid](err)
	if !ok {
		t.Fatalf("got configuration %v and error %v, want faults", c, err)
	}
	if c != nil {
		t.Error("a configuration beside its faults")
	}
	var found []string
	for _, f := range invalid.Faults {
		found = append(found, f.String())
	}
	return found
}

func load(t *testing.T, yaml string, environ ...string) *Config {
	t.Helper()
	c, err := Parse("app.yaml", []byte(yaml), append([]string{"DATABASE_URL=" + goodURL}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsAreThoseOfTheSpecification(t *testing.T) {
	c := load(t, "# nothing\n")
	want := Default()
	want.Database.URL = NewSecret(goodURL)
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got %+v, want %+v", *c, want)
	}
	if c.Server.Port != 8080 || c.Server.MetricsPort != 9090 || c.Server.ReadTimeout != 30*time.Second ||
		c.Server.WriteTimeout != 30*time.Second || c.Server.IdleTimeout != 2*time.Minute || c.Server.MaxConcurrency != 100 ||
		c.Server.RequestTimeout != 30*time.Second || c.OTLP.Batch != (Batch{512, 5 * time.Second, 2048}) ||
		c.Database.MaxConns != 25 || c.Database.MaxIdleConns != 5 || c.Database.ConnMaxLifetime != 5*time.Minute {
		t.Errorf("not the specification's: %+v", *c)
	}
}

func TestWhoWins(t *testing.T) {
	const file = "app: {name: from-file, version: 1.0.0, environment: dev}\notlp: {endpoint: file:4317, insecure: true, sample_rate: 0.5, compression: none, timeout: 3s}\n"
	for _, tc := range []struct {
		name    string
		environ []string
		got     func(*Config) any
		want    any
	}{
		{"file over default", nil, func(c *Config) any { return c.App.Name }, "from-file"},
		{"attributes over file", []string{"OTEL_RESOURCE_ATTRIBUTES=service.name=attr"}, func(c *Config) any { return c.App.Name }, "attr"},
		{"OTEL_SERVICE_NAME over attributes", []string{"OTEL_RESOURCE_ATTRIBUTES=service.name=attr", "OTEL_SERVICE_NAME=std"}, func(c *Config) any { return c.App.Name }, "std"},
		{"own over standard", []string{"OTEL_SERVICE_NAME=std", "APP_NAME=own"}, func(c *Config) any { return c.App.Name }, "own"},
		{"empty is not set", []string{"APP_NAME="}, func(c *Config) any { return c.App.Name }, "from-file"},
		{"version of the attributes", []string{"OTEL_RESOURCE_ATTRIBUTES=service.version=2.0.0"}, func(c *Config) any { return c.App.Version }, "2.0.0"},
		{"https of the standard endpoint", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:443"}, func(c *Config) any { return []any{c.OTLP.Endpoint, c.OTLP.Insecure} }, []any{"c:443", false}},
		{"scheme over OTEL insecure", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:443/", "OTEL_EXPORTER_OTLP_INSECURE=true"}, func(c *Config) any { return c.OTLP.Insecure }, false},
		{"own insecure over scheme", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:443", "OTLP_INSECURE=true"}, func(c *Config) any { return c.OTLP.Insecure }, true},
		{"own endpoint sets the standard one aside", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:443", "OTLP_ENDPOINT=own:4317"}, func(c *Config) any { return []any{c.OTLP.Endpoint, c.OTLP.Insecure} }, []any{"own:4317", true}},
		{"standard rate", []string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.25"}, func(c *Config) any { return c.OTLP.SampleRate }, 0.25},
		{"own rate", []string{"OTEL_TRACES_SAMPLER_ARG=0.25", "OTLP_SAMPLE_RATE=0"}, func(c *Config) any { return c.OTLP.SampleRate }, 0.0},
		{"standard timeout in milliseconds", []string{"OTEL_EXPORTER_OTLP_TIMEOUT=1500"}, func(c *Config) any { return c.OTLP.Timeout }, 1500 * time.Millisecond},
		{"standard switch", []string{"OTEL_SDK_DISABLED=TRUE"}, func(c *Config) any { return c.OTLP.Disabled }, true},
		{"promotion", []string{"PROMOTION_ENVIRONMENTS=int,acc-*,prod-*"}, func(c *Config) any { return c.Ledger.Promotion }, []string{"int", "acc-*", "prod-*"}},
		{"a link", []string{"LINK_COMMIT=https://git.example/{service}/commit/{revision}"}, func(c *Config) any {
			l, _ := c.Links.Commit.Expand(map[string]string{"service": "shop", "revision": "0123abc"})
			return l
		}, "https://git.example/shop/commit/0123abc"},
		{"production by globs", []string{"PRODUCTION_ENVIRONMENTS=prod, prod-*,live-?"}, func(c *Config) any { return c.Ledger.Production }, []string{"prod", "prod-*", "live-?"}},
		{"metrics of the ledger", []string{"LEDGER_METRICS_INTERVAL=5m"}, func(c *Config) any { return c.Ledger.MetricsInterval }, 5 * time.Minute},
		{"releases are kept for ever", nil, func(c *Config) any { return c.Ledger.RetentionDays }, 0},
		{"unknown variables", []string{"GO_OTLP_APP_PORT=tcp://10.0.0.1:80"}, func(c *Config) any { return c.Server.Port }, 8080},
		{"attributes decoded", []string{"OTEL_RESOURCE_ATTRIBUTES=a=x%2Cy, b = z"}, func(c *Config) any { return c.OTLP.ResourceAttributes }, map[string]string{"a": "x,y", "b": "z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.got(load(t, file, tc.environ...)); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	got := strings.Join(faults(t, `app:
  name: Not A Name
server:
  port: 70000
  prot: s3cret-in-the-wrong-place
  read_timeout: 30
otlp:
  sample_rate: 1.5
  batch:
    max_size: 4096
  endpoint: http://c:4317
database:
  url: postgres://app:s3cret-in-the-file@db/ledger
  max_idle_conns: 30
  max_conns:
`, "MAX_CONCURRENCY=-1", "OTLP_INSECURE=yes", "REQUEST_TIMEOUT=1m", "DATABASE_MAX_CONNS=20", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_BSP_MAX_QUEUE_SIZE=9", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=x", "OTEL_SDK_DISABLED=1"), "\n")
	want := `app.yaml:2: app.name: "Not A Name" is not allowed, want up to 63 of a-z, 0-9 and -, such as go-otlp-app
app.yaml:4: server.port: "70000" is not allowed, want a whole number from 1 to 65535
app.yaml:5: unknown key "server.prot", want one of: server.drain_timeout, server.idle_timeout, server.max_concurrency, server.metrics_port, server.port, server.profiling, server.read_timeout, server.request_timeout, server.trusted_proxies, server.write_timeout
app.yaml:6: server.read_timeout: "30" is not allowed, want a duration with its unit from 1s to 1h0m0s, such as 1m30s
app.yaml:8: otlp.sample_rate: "1.5" is not allowed, want a number from 0 to 1
app.yaml:11: otlp.endpoint: "http://c:4317" is not allowed, want host:port without a scheme, such as otel-collector:4317
app.yaml:13: database.url: has a password in it, which belongs in a Secret: set DATABASE_URL
app.yaml:15: database.max_conns: has no value, want a whole number from 1 to 10000
OTEL_SDK_DISABLED: otlp.disabled: "1" is not allowed, want true or false
OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" is not supported, want grpc: telemetry leaves over gRPC
OTEL_BSP_MAX_QUEUE_SIZE: is not supported, set otlp.batch.queue_size, which spans and log records share
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: is not supported, set OTEL_EXPORTER_OTLP_ENDPOINT, which every signal shares
MAX_CONCURRENCY: server.max_concurrency: "-1" is not allowed, want a whole number from 1 to 100000
OTLP_INSECURE: otlp.insecure: "yes" is not allowed, want true or false
app.yaml:14: database.max_idle_conns: 30 is more than database.max_conns, which is 20 (DATABASE_MAX_CONNS): the pool never holds that many
app.yaml:10: otlp.batch.max_size: 4096 is more than otlp.batch.queue_size, which is 2048 (default): a full batch never comes together
REQUEST_TIMEOUT: server.request_timeout: 1m0s is more than server.drain_timeout, which is 30s (default): a restart cuts requests that are still allowed to run`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOneFault(t *testing.T) {
	db := "DATABASE_URL=" + goodURL
	for _, tc := range []struct {
		name, yaml string
		environ    []string
		want       string
	}{
		{"no database", "", nil, "DATABASE_URL: database.url: not set, want postgres://user:password@host:port/database"},
		{"secret URL", "", []string{"DATABASE_URL=mysql://app:hunter2@db/x"}, "DATABASE_URL: database.url: want postgres://user:password@host:port/database (the value is secret and not shown)"},
		{"unparsable URL", "", []string{"DATABASE_URL=postgres://app:hun%zzter2@db/x"}, "DATABASE_URL: database.url: want postgres://user:password@host:port/database (the value is secret and not shown)"},
		{"same ports", "server: {port: 9090}", []string{db}, "default: server.metrics_port: 9090 is server.port too (app.yaml:1): two listeners need two ports"},
		{"twice", "app:\n  name: a\n  name: b\n", []string{db}, `app.yaml:3: key "app.name" a second time, the first is on line 2`},
		{"list", "app: [a]", []string{db}, "app.yaml:1: app: is a list, want keys with values"},
		{"alias", "app: &a {name: x}\nserver: *a\n", []string{db}, "app.yaml:2: server: is an alias, which is not supported, want keys with values"},
		{"scalar document", "hello", []string{db}, "app.yaml:1: is one value, want keys with values"},
		{"two documents", "app: {name: a}\n---\napp: {name: b}\n", []string{db}, "app.yaml:2: a second document, want one"},
		{"not YAML", "app:\n  name: 'x\n", []string{db}, "app.yaml:2: is not YAML: found unexpected end of stream"},
		{"tokens in the file", "api: {tokens: abc}", []string{db}, "app.yaml:1: api.tokens: is not read from the file, set API_TOKENS"},
		{"short token", "", []string{db, "API_TOKENS=0123456789abcdef,hunter2"}, "API_TOKENS, token 2: api.tokens: a token of 7 characters, want at least 16"},
		{"token with a blank", "", []string{db, "API_TOKENS=0123456789 abcdef"}, "API_TOKENS, token 1: api.tokens: a token with characters that a header cannot carry, want letters, digits and -._~+/="},
		{"proxies", "server: {trusted_proxies: '10.0.0.0/8,proxy'}", []string{db}, `app.yaml:1: server.trusted_proxies: "10.0.0.0/8,proxy" is not allowed, want addresses and networks with commas between, such as 10.0.0.0/8,192.0.2.7`},
		{"reads", "", []string{db, "API_READS_NEED_TOKEN=yes"}, `API_READS_NEED_TOKEN: api.reads_need_token: "yes" is not allowed, want true or false`},
		{"token file absent", "", []string{db, "API_TOKENS_FILE=/nowhere"}, `API_TOKENS_FILE: api.tokens_file: "/nowhere" cannot be read: no such file or directory`},
		{"production", "ledger: {production: 'prod,Live'}", []string{db}, `app.yaml:1: ledger.production: "prod,Live" is not allowed, want names of environments with commas between, * and ? allowed, such as prod,prod-*`},
		{"production in a list", "ledger:\n  production:\n  - prod\n  - Live", []string{db}, `app.yaml:3: ledger.production: "prod,Live" is not allowed, want names of environments with commas between, * and ? allowed, such as prod,prod-*`},
		{"production in a list of lists", "ledger: {production: [[prod]]}", []string{db}, `app.yaml:1: ledger.production: is a list, want names of environments with commas between, * and ? allowed, such as prod,prod-*`},
		{"production of nothing", "", []string{db, "PRODUCTION_ENVIRONMENTS=prod,"}, `PRODUCTION_ENVIRONMENTS: ledger.production: "prod," is not allowed, want names of environments with commas between, * and ? allowed, such as prod,prod-*`},
		{"given up at once", "ledger: {start_timeout: 1s}", []string{db}, `app.yaml:1: ledger.start_timeout: "1s" is not allowed, want a duration with its unit from 1m0s to 2160h0m0s, such as 1m30s`},
		{"a link with an unknown placeholder", "links: {log: 'https://logs.example/{pod}'}", []string{db}, `app.yaml:1: links.log: "https://logs.example/{pod}" is not allowed, want an https or http URL with any of {service}, {environment}, {track}, {version}, {revision}, {artifact}, {team}, {id}, {before}, {from}, {to} after its host`},
		{"a link that is a script", "", []string{db, "LINK_TRACE=javascript:alert(1)"}, `LINK_TRACE: links.trace: "javascript:alert(1)" is not allowed, want an https or http URL with any of {service}, {environment}, {track}, {version}, {revision}, {artifact}, {team}, {id}, {before}, {from}, {to} after its host`},
		{"kept for less than nothing", "", []string{db, "RETENTION_DAYS=-1"}, `RETENTION_DAYS: ledger.retention_days: "-1" is not allowed, want a whole number from 0 to 36500`},
		{"sampler", "", []string{db, "OTEL_TRACES_SAMPLER=always_on"}, `OTEL_TRACES_SAMPLER: "always_on" is not supported, want parentbased_traceidratio: the rate is otlp.sample_rate`},
		{"standard endpoint", "", []string{db, "OTEL_EXPORTER_OTLP_ENDPOINT=http://u:hunter2@c:4317"}, `OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint: "[redacted]@c:4317" is not allowed, want http://host:port, https://host:port or host:port`},
		{"resource attribute", "", []string{db, "OTEL_RESOURCE_ATTRIBUTES=a=b,c"}, `OTEL_RESOURCE_ATTRIBUTES: otlp.resource_attributes: "c" is not allowed, want key=value, with , and = in a value percent-encoded`},
		{"NaN", "otlp: {sample_rate: .nan}", []string{db, "OTLP_SAMPLE_RATE=NaN"}, ""},
		{"milliseconds", "", []string{db, "OTEL_EXPORTER_OTLP_TIMEOUT=5s"}, `OTEL_EXPORTER_OTLP_TIMEOUT: otlp.timeout: "5s" is not allowed, want a whole number of milliseconds`},
		{"certificate without key", "", []string{db, "OTEL_EXPORTER_OTLP_CLIENT_KEY=/k"}, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: otlp.client_certificate: a certificate needs its key and a key its certificate: set OTEL_EXPORTER_OTLP_CLIENT_KEY too, or neither"},
		{"batch over queue", "otlp: {batch: {queue_size: 100}}", []string{db}, "default: otlp.batch.max_size: 512 is more than otlp.batch.queue_size, which is 100 (app.yaml:1): a full batch never comes together"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := faults(t, tc.yaml, tc.environ...)
			if tc.want == "" {
				if len(got) != 2 {
					t.Errorf("got %q, want two", got)
				}
				return
			}
			if len(got) != 1 || got[0] != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
			if strings.Contains(strings.Join(got, ""), "hunter2") {
				t.Error("a secret shows")
			}
		})
	}
}

func TestTokens(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte("# the next one\nnew-token-0123456789\n\nold-token-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := load(t, "api: {tokens_file: "+file+"}", "API_TOKENS=old-token-0123456789, third-token-0123456")
	var got []string
	for _, s := range c.API.Tokens {
		got = append(got, s.Reveal())
	}
	if want := []string{"old-token-0123456789", "third-token-0123456", "new-token-0123456789"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.WriteFile(file, []byte("# none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := faults(t, "api: {tokens_file: "+file+"}", "DATABASE_URL="+goodURL); len(got) != 1 || !strings.Contains(got[0], "holds no token") {
		t.Errorf("got %q", got)
	}
}

func TestTrustedProxies(t *testing.T) {
	c := load(t, "server: {trusted_proxies: '10.1.2.3/8, 192.0.2.7,fd00::/8,::ffff:192.0.2.8'}", "API_READS_NEED_TOKEN=true", "API_ACCESS_FILE=/access.yaml")
	if got := fmt.Sprint(c.Server.TrustedProxies); got != "[10.0.0.0/8 192.0.2.7/32 fd00::/8 192.0.2.8/32]" || !c.API.ReadsNeedToken || c.API.AccessFile != "/access.yaml" {
		t.Errorf("got %s, %+v", got, c.API)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(filepath.Join(dir, "absent.yaml"), []string{"DATABASE_URL=" + goodURL})
	if err == nil || !strings.Contains(err.Error(), "absent.yaml: cannot be read: no such file or directory") {
		t.Errorf("got %v", err)
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#\n", mostBytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(large, nil); err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestSettingsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range newLoader().settings {
		for _, name := range append(s.variables(), s.key) {
			if seen[name] {
				t.Errorf("%s twice", name)
			}
			seen[name] = true
		}
		if s.want == "" || s.noFile && len(s.variables()) == 0 {
			t.Errorf("%s cannot be set, or nothing says to what", s.key)
		}
		if !strings.Contains(Settings(), s.key+"\t") {
			t.Errorf("Settings lacks %s", s.key)
		}
	}
}

// FuzzParse holds that nothing panics, that a configuration or faults come back, that every fault is on one line and
// says where, and that what is accepted is within its bounds.
func FuzzParse(f *testing.F) {
	shipped, err := os.ReadFile("../../../base/services/go-otlp-app/config/app.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(shipped), "OTLP_SAMPLE_RATE=0.1\nOTEL_RESOURCE_ATTRIBUTES=a=b")
	f.Add("app: &a [*a]", "OTEL_EXPORTER_OTLP_ENDPOINT=https://x:1")
	f.Add("? [a]\n: b\n--- 1\n--- {", "REQUEST_TIMEOUT=1h")
	f.Add("app: {name: a, name: b}\nserver:\n  <<: {port: 1}\n", "OTEL_BSP_SCHEDULE_DELAY=1")
	f.Fuzz(func(t *testing.T, yaml, environ string) {
		const password = "pa55word-never-shown"
		lines := []string{"DATABASE_URL=postgres://u:" + password + "@h/d"}
		for line := range strings.SplitSeq(environ, "\n") {
			if !strings.HasPrefix(line, "API_TOKENS_FILE=") {
				lines = append(lines, line)
			}
		}
		if strings.Contains(yaml, "tokens_file") {
			t.Skip("would read any file")
		}
		c, err := Parse("f.yaml", []byte(yaml), lines)
		if err != nil {
			invalid, ok := errors.AsType[*Invalid](err)
			if !ok || len(invalid.Faults) == 0 || c != nil {
				t.Fatalf("got %v", err)
			}
			for _, fault := range invalid.Faults {
				if fault.Where == "" || fault.Message == "" || strings.ContainsAny(fault.String(), "\n\r") {
					t.Errorf("fault %q", fault)
				}
			}
			if strings.Contains(err.Error(), password) {
				t.Error("the password shows")
			}
			return
		}
		if c.Server.RequestTimeout > c.Server.DrainTimeout || c.OTLP.SampleRate < 0 || c.OTLP.SampleRate > 1 ||
			c.Database.MaxIdleConns > c.Database.MaxConns || c.OTLP.Batch.MaxSize > c.OTLP.Batch.QueueSize || c.Database.URL.IsZero() {
			t.Errorf("accepted %+v", c)
		}
	})
}
