// Package postgrestest gives tests a real PostgreSQL: one server for the tests of a package, a fresh database for
// each, and servers of their own for tests that kill them. It needs initdb and postgres on PATH or in
// /usr/lib/postgresql; without them a test fails, because a store that was tested on nothing is not tested.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxConnections is what a server accepts: a hundred replicas that migrate at once, and the tests beside them.
const MaxConnections = 250

const (
	superuser = "ledger"
	patience  = 30 * time.Second // for a server to come up or to stop
	pause     = 20 * time.Millisecond
)

// shared is the server of a test binary, between Main's beginning and its end.
var shared struct {
	sync.Mutex
	inMain bool
	server *Server
}

// Main runs the tests of a package and then stops the server that URL started. Call it from TestMain.
func Main(m *testing.M) {
	shared.Lock()
	shared.inMain = true
	shared.Unlock()

	m.Run() // leaves the exit code with m; the test binary exits with it

	shared.Lock()
	defer shared.Unlock()
	shared.inMain = false
	if shared.server != nil {
		if err := shared.server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		shared.server = nil
	}
}

// URL returns the URL of a new, empty database on the server of this test binary.
func URL(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.inMain {
		t.Fatal("postgrestest.URL: TestMain of the package must call postgrestest.Main, which stops the server")
	}
	if shared.server == nil {
		s, err := start()
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
	}
	return shared.server.URL(t)
}

// Start returns a server of the test's own, stopped when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Server is one PostgreSQL server on the loopback interface, on the same port through every restart.
type Server struct {
	dir     string // holds data and the log
	bin     string
	account *account
	port    int

	mu        sync.Mutex
	process   *process // nil while it is down
	databases int
}

// URL returns the URL of a new, empty database.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.databases++
	name := "test_" + strconv.Itoa(s.databases)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

// Kill ends the server as a crash does: every connection is cut, no transaction is finished, nothing is flushed,
// and the next start has to recover. It returns when the port is closed.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	// An immediate shutdown. SIGKILL would leave backends behind that keep the shared memory for a while, so that a
	// start right after it fails.
	if err := s.down(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
}

// Restart starts a server that is down, and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.up(); err != nil {
		t.Fatal(err)
	}
}

func start() (*Server, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s := &Server{dir: dir, bin: bin, account: who}
	if err := s.initialise(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// The port is free when it is asked for, and may be taken when the server binds it.
	for range 5 {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.up(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func (s *Server) initialise() error {
	if s.account != nil {
		if err := os.Chown(s.dir, s.account.uid, s.account.gid); err != nil {
			return fmt.Errorf("start PostgreSQL: %w", err)
		}
	}
	// Trust is enough: the server listens on the loopback interface, for as long as a test runs, and holds test data.
	cmd := exec.Command(filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(), "--username="+superuser,
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir = s.dir
	cmd.Env = s.environment()
	cmd.SysProcAttr = s.account.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return errors.New("start PostgreSQL: it runs already")
	}
	logPath := filepath.Join(s.dir, "log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections="+strconv.Itoa(MaxConnections), "-c", "shared_buffers=32MB",
		// What the operating system has been given survives the death of the server, which is all that a test kills;
		// synchronous_commit stays on, because what is still in shared memory does not.
		"-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "log_min_messages=fatal")
	cmd.Dir = s.dir
	cmd.Env = s.environment()
	cmd.SysProcAttr = s.account.attributes()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := run(cmd)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := s.exec(ctx, "SELECT 1")
		if err == nil {
			s.process = p
			return nil
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(logPath)
			return fmt.Errorf("PostgreSQL stopped while starting: %w\n%s", p.err, text)
		case <-ctx.Done():
			_ = p.cmd.Process.Signal(syscall.SIGQUIT)
			<-p.done
			text, _ := os.ReadFile(logPath)
			return fmt.Errorf("PostgreSQL did not answer within %s: %w\n%s", patience, err, text)
		case <-tick.C:
		}
	}
}

// down sends the signal to this server's process and waits for its end. A server that is down stays so.
func (s *Server) down(signal syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("PostgreSQL did not stop within %s", patience), p.cmd.Process.Kill())
	}
}

func (s *Server) stop() error {
	return errors.Join(s.down(syscall.SIGQUIT), os.RemoveAll(s.dir))
}

func (s *Server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}

func (s *Server) url(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.User(superuser),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// environment is the whole of it: PG* variables of whoever runs the tests must not reach the server.
func (s *Server) environment() []string {
	return []string{"PATH=" + s.bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + s.dir, "LC_ALL=C", "TZ=UTC"}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

// findBinaries returns the folder of initdb and postgres: the one on PATH, else the newest of Debian's layout, which
// keeps them off PATH.
func findBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		// A symbolic link leads to the rest of the installation.
		if real, err := filepath.EvalSymlinks(path); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(real), "postgres")); err == nil {
				return filepath.Dir(real), nil
			}
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL for the tests: put initdb and postgres on PATH (Debian and Ubuntu: apt-get install postgresql)")
	}
	major := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })
	return filepath.Dir(newest), nil
}
