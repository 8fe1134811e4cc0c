package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

func TestMain(m *testing.M) {
	if address := os.Getenv(holdVariable); address != "" {
		if err := holdConnections(address); err != nil {
			fmt.Fprintln(os.Stderr, "hold connections:", err)
			os.Exit(1)
		}
		return
	}
	postgrestest.Main(m)
}

const token = "a-token-for-this-test-alone"

// service is a running `app serve`.
type service struct {
	t                *testing.T
	api, metrics     string // addresses
	environ          []string
	stop             context.CancelFunc
	done             chan int
	stdout, problems *lines
}

// lines is a writer that several goroutines use.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// freePorts holds all of its ports until it knows them, so that they differ.
func freePorts(t *testing.T) (ports [3]int) {
	t.Helper()
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports
}

func start(t *testing.T, database string, more ...string) *service {
	t.Helper()
	return startWith(t, database, "", more...)
}

// startWith is start with more lines in the configuration file.
func startWith(t *testing.T, database, settings string, more ...string) *service {
	t.Helper()
	ports := freePorts(t)
	port, metrics, nobody := ports[0], ports[1], ports[2]
	ctx, stop := context.WithCancel(t.Context())
	s := &service{
		t: t, stop: stop, done: make(chan int, 1), stdout: &lines{}, problems: &lines{},
		api: fmt.Sprintf("http://127.0.0.1:%d", port), metrics: fmt.Sprintf("http://127.0.0.1:%d", metrics),
		environ: append([]string{
			fmt.Sprintf("SERVER_PORT=%d", port), fmt.Sprintf("METRICS_PORT=%d", metrics), "DATABASE_URL=" + database,
			"API_TOKENS=" + token, "APP_VERSION=1.2.3", "APP_ENV=dev",
			// Nobody listens there: a Collector that is down must cost nothing.
			fmt.Sprintf("OTLP_ENDPOINT=127.0.0.1:%d", nobody), "OTLP_INSECURE=true",
		}, more...),
	}
	// The last flush waits for the Collector that is not there.
	file := filepath.Join(t.TempDir(), "app.yaml")
	if err := os.WriteFile(file, []byte("otlp:\n  shutdown_timeout: 200ms\n"+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- run(ctx, []string{"serve", "-config", file}, s.environ, s.stdout, s.problems) }()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", s.stdout, s.problems)
		}
	})
	return s
}

// ask sends a request and returns the status and the body.
func (s *service) ask(method, url, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// until polls a condition of a process that is coming up or going down.
func (s *service) until(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("not %s within 30 s", what)
		}
	}
}

func (s *service) ready() bool {
	status, _ := s.ask(http.MethodGet, s.api+"/readyz", "")
	return status == http.StatusOK
}

func (s *service) end() int {
	s.t.Helper()
	s.stop()
	select {
	case code := <-s.done:
		return code
	case <-time.After(60 * time.Second):
		s.t.Fatal("the service did not end")
		return -1
	}
}

func draft(version, outcome string) string {
	return fmt.Sprintf(`{"service": "shop", "environment": "prod", "version": %q, "revision": "0123456789abcdef0123456789abcdef01234567",
		"actor": "ann", "track": "stable", "outcome": %q, "started_at": "2026-11-01T10:00:00Z", "finished_at": "2026-11-01T10:05:00Z"}`, version, outcome)
}

func TestServe(t *testing.T) {
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)

	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft("1.0.0", "succeeded")); status != http.StatusCreated {
		t.Fatalf("record: %d %s", status, body)
	}
	// The same again is the same release, and is not counted twice.
	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft("1.0.0", "succeeded")); status != http.StatusOK {
		t.Errorf("record again: %d %s", status, body)
	}
	// That it had failed before is heard of late, and counted as that.
	failed := strings.Replace(draft("1.0.0", "failed"), "10:05", "10:03", 1)
	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", failed); status != http.StatusCreated || !strings.Contains(body, `"outcome":"succeeded"`) {
		t.Errorf("record late: %d %s", status, body)
	}
	if status, body := s.ask(http.MethodGet, s.api+"/v1/environments", ""); status != http.StatusOK || !strings.Contains(body, `"1.0.0"`) {
		t.Errorf("environments: %d %s", status, body)
	}
	if code := run(t.Context(), []string{"healthcheck"}, s.environ, io.Discard, s.problems); code != 0 {
		t.Errorf("healthcheck of a live service: exit %d: %s", code, s.problems)
	}

	_, metrics := s.ask(http.MethodGet, s.metrics+"/metrics", "")
	for _, want := range []string{
		`releases_recorded_total{`, `environment="prod"`, `outcome="succeeded"`, `outcome="failed"`, "http_server_request_duration_seconds_count{", "go_goroutine_count",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "releases_recorded_total{") && !strings.HasSuffix(line, " 1\n") {
			t.Errorf("an outcome was counted twice: %s", line)
		}
	}
	if status, _ := s.ask(http.MethodGet, s.metrics+"/debug/pprof/", ""); status != http.StatusNotFound {
		t.Errorf("pprof is served without being configured: %d", status)
	}

	if code := s.end(); code != 0 {
		t.Fatalf("exit %d", code)
	}
	if _, body := s.ask(http.MethodGet, s.api+"/healthz", ""); !strings.Contains(body, "refused") {
		t.Errorf("it still answers after its end: %s", body)
	}
	for line := range strings.Lines(s.stdout.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line is no JSON: %s", line)
		}
	}
	if text := s.stdout.String() + s.problems.String(); strings.Contains(text, token) {
		t.Error("a token was logged")
	}
	if code := run(context.WithoutCancel(t.Context()), []string{"healthcheck"}, s.environ, io.Discard, io.Discard); code != 1 {
		t.Errorf("healthcheck of a dead service: exit %d", code)
	}
}

// Without a database it lives, is not ready, and becomes ready when there is one.
func TestServeWithoutDatabase(t *testing.T) {
	database := postgrestest.Start(t)
	url := database.URL(t)
	database.Kill(t)
	s := start(t, url)
	s.until("alive", func() bool { status, _ := s.ask(http.MethodGet, s.api+"/healthz", ""); return status == http.StatusOK })
	if status, body := s.ask(http.MethodGet, s.api+"/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("ready without a database: %d %s", status, body)
	}
	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft("1.0.0", "succeeded")); status != http.StatusServiceUnavailable {
		t.Errorf("record without a database: %d %s", status, body)
	}
	database.Restart(t)
	s.until("ready", s.ready)
	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft("1.0.0", "succeeded")); status != http.StatusCreated {
		t.Errorf("record: %d %s", status, body)
	}
	if code := s.end(); code != 0 {
		t.Fatalf("exit %d", code)
	}
}

// Nothing that was answered may be lost, and nothing that was sent may go unanswered, while the service ends.
func TestEndingDropsNoRequest(t *testing.T) {
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)
	var group sync.WaitGroup
	var mu sync.Mutex
	answered := 0
	begun := make(chan struct{}, 1000)
	for worker := range 8 {
		group.Go(func() {
			for i := 0; ; i++ {
				status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft(fmt.Sprintf("1.%d.%d", worker, i), "succeeded"))
				if status == 0 {
					// A connection that was idle is closed; what its client was about to send has not been taken.
					if !strings.Contains(body, "refused") && !strings.Contains(body, "reset") && !strings.Contains(body, "EOF") &&
						!strings.Contains(body, "server closed idle connection") {
						t.Errorf("neither answered nor refused: %s", body)
					}
					return
				}
				if status != http.StatusCreated {
					t.Errorf("%d %s", status, body)
					return
				}
				mu.Lock()
				answered++
				mu.Unlock()
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 50 {
		<-begun
	}
	code := s.end()
	group.Wait()
	if code != 0 || answered < 50 {
		t.Errorf("exit %d after %d answers", code, answered)
	}
}

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args    []string
		environ []string
		code    int
		want    string // in stdout or stderr
	}{
		{[]string{"version"}, nil, 0, "go-otlp-app development"},
		{[]string{"server"}, nil, 2, `there is no command "server"`},
		{[]string{"version", "now"}, nil, 2, `there is no command "version now"`},
		{[]string{"serve", "-h"}, nil, 0, "DATABASE_URL"},
		{[]string{"-config", "no-such-file.yaml"}, nil, 2, "no-such-file.yaml"},
		{[]string{"migrate", "prod"}, nil, 2, "takes no arguments, but got prod"},
		{[]string{"serve"}, []string{"SERVER_PORT=80000", "OTLP_SAMPLE_RATE=2"}, 2, "SERVER_PORT"},
		{[]string{"migrate"}, []string{"DATABASE_URL=postgres://a:hunter2@127.0.0.1:1/x"}, 1, "migrate: "},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			var out lines
			code := run(t.Context(), test.args, test.environ, &out, &out)
			if code != test.code || !strings.Contains(out.String(), test.want) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, test.code, test.want, &out)
			}
			if strings.Contains(out.String(), "hunter2") {
				t.Errorf("a password was printed:\n%s", &out)
			}
		})
	}
}

func TestMigrateThenServe(t *testing.T) {
	database := postgrestest.URL(t)
	for range 2 {
		var out lines
		if code := run(t.Context(), []string{"migrate"}, []string{"DATABASE_URL=" + database}, &out, &out); code != 0 {
			t.Fatalf("exit %d: %s", code, &out)
		}
	}
	s := start(t, database)
	s.until("ready", s.ready)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// What is tried every few seconds says why it fails once a minute, and at once when that changes.
func TestRepeatedErrorsAreALineAMinute(t *testing.T) {
	var said repeats
	var lines []string
	for second := range 140 {
		err := errors.New("connection refused")
		if second >= 70 && second < 75 {
			err = errors.New("the password is wrong")
		}
		if said.worthALine(err, time.Unix(int64(second), 0)) {
			lines = append(lines, fmt.Sprint(second, " ", err))
		}
	}
	want := []string{"0 connection refused", "60 connection refused", "70 the password is wrong", "75 connection refused", "135 connection refused"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}
