// Package localpostgres runs PostgreSQL servers on the loopback interface, for tests and load runs. It takes the
// programs that the machine has, and fetches some where it has none.
package localpostgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
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

// Server is one PostgreSQL server, on the same port through every restart. It dies with the process that started it.
type Server struct {
	dir     string // holds data and the log
	bin     string
	account *account
	port    int

	mu        sync.Mutex
	process   *process // nil while it is down
	databases int
}

// Start returns a running server with an empty cluster. Stop it.
func (i *Installation) Start() (*Server, error) {
	dir, err := os.MkdirTemp("", "localpostgres")
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s := &Server{dir: dir, bin: i.bin, account: i.account}
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

// CreateDatabase returns the URL of a new, empty database.
func (s *Server) CreateDatabase() (string, error) {
	s.mu.Lock()
	s.databases++
	name := "test_" + strconv.Itoa(s.databases)
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.url(name), nil
}

// Kill ends the server as a crash does: every connection is cut, no transaction is finished, nothing is flushed,
// and the next start has to recover. It returns when the port is closed.
func (s *Server) Kill() error {
	// An immediate shutdown. SIGKILL would leave backends behind that keep the shared memory for a while, so that a
	// start right after it fails.
	return s.down(syscall.SIGQUIT)
}

// Restart starts a server that is down, and returns when it answers.
func (s *Server) Restart() error { return s.up() }

// Stop ends the server and deletes what it held.
func (s *Server) Stop() error {
	return errors.Join(s.down(syscall.SIGQUIT), os.RemoveAll(s.dir))
}

func (s *Server) initialise() error {
	if s.account != nil {
		if err := os.Chown(s.dir, s.account.uid, s.account.gid); err != nil {
			return fmt.Errorf("start PostgreSQL: %w", err)
		}
	}
	// Trust is enough: the server listens on the loopback interface, for as long as a test or a load run, and holds made-up data.
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

// environment is the whole of it: PG* variables of whoever runs the process must not reach the server.
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
