package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/procfs"

	"github.com/kgate-dev/gitops/service/internal/localpostgres"
	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/release"
)

const (
	token    = "a-token-for-this-load-run"
	poolSize = 25 // of the service, by default, and so of all
	places   = 20 // that something runs in
	history  = 200 * places
	patience = 30 * time.Second
)

// stand is what a load run needs: a folder for the programs, a database server, and who receives the telemetry.
type stand struct {
	dir          string
	installation *localpostgres.Installation
	database     *localpostgres.Server
	sink         *sink
	running      []*program

	selectRunning, insertRelease string // the statements of the service, for the bare handler
}

func newStand() (s *stand, err error) {
	if _, err := os.Stat("service/main.go"); err != nil {
		return nil, errors.New("run it from the root of the repository")
	}
	s = &stand{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return s, err
	}
	if s.installation, err = localpostgres.Find(); err != nil {
		return s, err
	}
	if s.database, err = s.installation.Start(); err != nil {
		return s, err
	}
	s.sink, err = newSink()
	return s, err
}

func (s *stand) close() error {
	all := []error{s.stopPrograms()}
	if s.sink != nil {
		s.sink.server.Stop()
	}
	if s.database != nil {
		all = append(all, s.database.Stop())
	}
	if s.installation != nil {
		all = append(all, s.installation.Close())
	}
	return errors.Join(append(all, os.RemoveAll(s.dir))...)
}

// stopPrograms ends them, and what telemetry they still hold arrives.
func (s *stand) stopPrograms() error {
	var all []error
	for _, p := range s.running {
		all = append(all, p.stop())
	}
	s.running = nil
	return errors.Join(all...)
}

// build compiles a package as the image does, but for its symbols, which a profile needs.
func (s *stand) build(ctx context.Context, name, profile, pkg string) (string, error) {
	to := filepath.Join(s.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-pgo="+profile, "-o", to, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return to, nil
}

// fill makes a database with a history, the same for every program but for the moment.
func (s *stand) fill(ctx context.Context) (string, error) {
	url, err := s.database.CreateDatabase()
	if err != nil {
		return "", err
	}
	heard := &listener{}
	store, err := postgres.Open(ctx, postgres.Options{URL: url, Tracer: heard})
	if err != nil {
		return "", err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return "", err
	}
	// Nothing follows for these, and to find that out for each takes longer than the load.
	if _, err := store.Pool().Exec(ctx, "ALTER TABLE releases DISABLE TRIGGER USER"); err != nil {
		return "", err
	}
	if _, err := store.Pool().Exec(ctx, `INSERT INTO releases
		SELECT md5(i::text)::uuid, 'service-' || i % 10, CASE WHEN i % 20 < 10 THEN 'staging' ELSE 'prod' END, 'stable', '1.0.' || i,
			substr(md5(i::text) || md5(i::text), 1, 40), 'ann@example.org', 'succeeded', at - interval '1 h', at, at, at, at
		FROM generate_series(1, $1::int) i, LATERAL (SELECT now() - ($1::int - i) * interval '20 min' AS at) x`, history); err != nil {
		return "", err
	}
	if _, err := store.Pool().Exec(ctx, "INSERT INTO release_facets SELECT DISTINCT service, environment, track, kind, outcome FROM releases"); err != nil {
		return "", err
	}
	if _, err := store.Pool().Exec(ctx, "ALTER TABLE releases ENABLE TRIGGER USER"); err != nil {
		return "", err
	}
	for _, table := range []string{"releases", "release_transitions", "release_facets"} {
		if _, err := store.Pool().Exec(ctx, "VACUUM ANALYZE "+table); err != nil {
			return "", err
		}
	}
	if s.selectRunning == "" {
		if found, err := store.RunningAt(ctx, release.RunningFilter{Limit: 101}); err != nil || len(found) != places {
			return "", fmt.Errorf("%d places, %w", len(found), err)
		}
		s.selectRunning = heard.last
		at := time.Now().Add(-time.Minute)
		if _, _, err := store.Record(ctx, release.Draft{
			Service: "other", Environment: "dev", Version: "1", Revision: "0123456", Actor: "ann", Outcome: release.Started, StartedAt: &at,
		}, ""); err != nil {
			return "", err
		}
		s.insertRelease = heard.insert
	}
	return url, nil
}

// listener keeps the statements that a store sends, so that the bare handler sends the same.
type listener struct{ last, insert string }

func (l *listener) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	l.last = q.SQL
	return ctx
}

// A release goes out in a batch, with the statement that reads it back.
func (l *listener) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		if strings.Contains(q.SQL, "INSERT INTO releases") {
			l.insert = q.SQL
		}
	}
	return ctx
}
func (l *listener) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (l *listener) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (l *listener) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// program is one server under load.
type program struct {
	name         string
	cmd          *exec.Cmd
	ended        chan error
	api, metrics string // host:port
}

// start runs a program with a database of its own and waits until it answers.
func (s *stand) start(ctx context.Context, name, path string, environ ...string) (*program, error) {
	url, err := s.fill(ctx)
	if err != nil {
		return nil, fmt.Errorf("fill the database of %s: %w", name, err)
	}
	return s.startOn(ctx, name, path, url, environ...)
}

// startOn is start on a database that is there.
func (s *stand) startOn(ctx context.Context, name, path, url string, environ ...string) (*program, error) {
	ports, err := freePorts()
	if err != nil {
		return nil, err
	}
	p := &program{
		name: name, ended: make(chan error, 1), cmd: exec.Command(path),
		api: "127.0.0.1:" + strconv.Itoa(ports[0]), metrics: "127.0.0.1:" + strconv.Itoa(ports[1]),
	}
	p.cmd.Env = append([]string{
		"SERVER_PORT=" + strconv.Itoa(ports[0]), "METRICS_PORT=" + strconv.Itoa(ports[1]),
		// The pool's size is in the URL too, for the program that has no settings, and so is how the service has statements planned: it
		// is the same work for the database that is compared.
		"DATABASE_URL=" + url + "&jit=off&plan_cache_mode=force_generic_plan&pool_max_conns=" + strconv.Itoa(poolSize),
		"DATABASE_MAX_CONNS=" + strconv.Itoa(poolSize),
		"SELECT_RUNNING=" + s.selectRunning, "INSERT_RELEASE=" + s.insertRelease,
		"API_TOKENS=" + token, "APP_VERSION=1.2.3", "APP_ENV=prod",
		"OTLP_ENDPOINT=" + s.sink.address, "OTLP_INSECURE=true", "OTLP_SAMPLE_RATE=0.1",
	}, environ...)
	// Standard output goes to nobody. What goes wrong is seen in the answers, and said on standard error.
	p.cmd.Stderr = os.Stderr
	// Started and waited for on one thread: the signal that ends it with this process is bound to the thread.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		dieWithParent(p.cmd)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.ended <- p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	s.running = append(s.running, p)
	path = "/readyz"
	if name == bare {
		path = "/healthz"
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := get(ctx, "http://"+p.api+path); err == nil && status == http.StatusOK {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s does not answer: %w", name, ctx.Err())
		case err := <-p.ended:
			p.ended <- err
			return nil, fmt.Errorf("%s ended: %w", name, err)
		case <-tick.C:
		}
	}
}

func (p *program) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if p.name == bare {
			return nil // it knows no signal
		}
		return err
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s did not end", p.name), p.cmd.Process.Kill())
	}
}

// cpu is the processor time that the program has used, in seconds, to a hundredth.
func (p *program) cpu() (float64, error) {
	stat, err := p.stat()
	return stat.CPUTime(), err
}

// resident is the program's resident memory in bytes.
func (p *program) resident() (float64, error) {
	stat, err := p.stat()
	return float64(stat.ResidentMemory()), err
}

// stat is known on Linux alone.
func (p *program) stat() (procfs.ProcStat, error) {
	process, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return process.Stat()
}

// client keeps a connection for each of those who ask at once.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}

func get(ctx context.Context, url string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// freePorts holds both until it knows them, so that they differ.
func freePorts() (ports [2]int, err error) {
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
