package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// hold fails t where err is not an ErrUnavailable of this cause, "" for no error at all.
func hold(t *testing.T, what string, err error, cause release.Cause) {
	t.Helper()
	if cause == "" {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return
	}
	if got := release.CauseOf(err); got != cause || !errors.Is(err, release.ErrUnavailable) {
		t.Errorf("%s: got cause %q of %v, want %q", what, got, err, cause)
	}
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// eventually waits until ping gives this cause. What ALTER SYSTEM changes, backends hear of when they next look.
func eventually(t *testing.T, s *Store, cause release.Cause) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		err := s.Ping(t.Context())
		if release.CauseOf(err) == cause && (err == nil) == (cause == "") {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("ping: %v, want cause %q", err, cause)
		}
	}
}

// A database that answers and takes no writes is not ready, whoever made it so, and is ready again without a restart.
func TestReadOnlyDatabase(t *testing.T) {
	server := postgrestest.Start(t)
	for name, c := range map[string]struct{ on, off []string }{
		"of the server": {
			[]string{"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()"},
			[]string{"SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"},
		},
		"of the role": {
			[]string{"ALTER ROLE ledger SET default_transaction_read_only = on"},
			[]string{"SET default_transaction_read_only = off", "ALTER ROLE ledger RESET default_transaction_read_only"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := server.URL(t)
			s := open(t, Options{URL: url, MaxConns: 2})
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Record(t.Context(), draft("api", 2*time.Hour), ""); err != nil {
				t.Fatal(err)
			}
			execute(t, url, c.on...)
			s.pool.Reset() // what a role has, its next session gets
			eventually(t, s, release.ReadOnly)
			_, _, err := s.Record(t.Context(), draft("api", time.Hour), "")
			hold(t, "write", err, release.ReadOnly)
			_, err = s.RunningAt(t.Context(), release.RunningFilter{})
			hold(t, "read", err, "")
			execute(t, url, c.off...)
			eventually(t, s, "")
			_, _, err = s.Record(t.Context(), draft("api", time.Hour), "")
			hold(t, "write afterwards", err, "")
		})
	}
}

// Each way in which a database does not serve has a name of its own.
func TestCausesOfUnavailability(t *testing.T) {
	server := postgrestest.Start(t)
	url := server.URL(t)
	s := open(t, Options{URL: url, MaxConns: 4, StatementTimeout: 400 * time.Millisecond})
	hold(t, "ping before migrating", s.Ping(t.Context()), release.Unmigrated)
	_, err := s.RunningAt(t.Context(), release.RunningFilter{})
	hold(t, "read before migrating", err, release.Unmigrated)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Record(t.Context(), draft("api", time.Hour), "")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("lock", func(t *testing.T) {
		holder := open(t, Options{URL: url})
		tx, err := holder.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
		if _, err := tx.Exec(t.Context(), "SELECT releases_lock($1, $2)", r.Service, r.Environment); err != nil {
			t.Fatal(err)
		}
		_, _, err = s.Move(t.Context(), r.ID, release.Move{Outcome: release.RolledBack})
		hold(t, "move", err, release.LockTimeout)
		hold(t, "ping", s.Ping(t.Context()), "")
	})
	t.Run("statement", func(t *testing.T) {
		err := try(t.Context(), "sleep", func(ctx context.Context) error {
			_, err := s.pool.Exec(ctx, "SELECT pg_sleep(60)")
			return err
		})
		hold(t, "sleep", err, release.Timeout)
	})
	t.Run("no connection of the pool in time", func(t *testing.T) {
		narrow := open(t, Options{URL: url, MaxConns: 1})
		held, err := narrow.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Release()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err = narrow.RunningAt(ctx, release.RunningFilter{})
		hold(t, "read", err, release.Timeout)
	})
	t.Run("too many connections", func(t *testing.T) {
		execute(t, url, `CREATE ROLE crowd LOGIN CONNECTION LIMIT 0`)
		crowded := open(t, Options{URL: strings.Replace(url, "ledger@", "crowd@", 1)})
		hold(t, "ping", crowded.Ping(t.Context()), release.TooManyConnections)
	})
	t.Run("stopped", func(t *testing.T) {
		server.Kill(t)
		hold(t, "ping", s.Ping(t.Context()), release.Unreachable)
		_, err := s.RunningAt(t.Context(), release.RunningFilter{})
		hold(t, "read", err, release.Unreachable)
		server.Restart(t)
		eventually(t, s, "")
	})
}

// A disk without space is told apart, keeps the service from being ready, and is found to have space again without a write
// of a client.
func TestFullDisk(t *testing.T) {
	server := postgrestest.Start(t)
	admin := server.URL(t)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	var data string
	if err := conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data); err != nil {
		t.Fatal(err)
	}
	disk := smallDisk(t, data)
	execute(t, admin, "CREATE TABLESPACE small LOCATION '"+disk+"'", "CREATE DATABASE small TABLESPACE small")
	url := admin[:strings.LastIndex(admin, "/")] + "/small?sslmode=disable"
	s := open(t, Options{URL: url, MaxConns: 2})
	t.Cleanup(func() { // before the disk is taken away
		s.Close()
		server.Kill(t)
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}

	// All that is left, to the last byte.
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = filler.Close() }()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := filler.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			block = block[:len(block)/2]
		}
	}
	hold(t, "ping before a write has failed", s.Ping(t.Context()), "")
	failed := error(nil)
	for i := 0; failed == nil && i < 2_000; i++ {
		d := draft("api", time.Duration(i+1)*time.Minute)
		d.Version = fmt.Sprintf("1.0.%d", i)
		_, _, failed = s.Record(t.Context(), d, "")
	}
	hold(t, "write", failed, release.StorageFull)
	hold(t, "ping", s.Ping(t.Context()), release.StorageFull)
	_, err = s.RunningAt(t.Context(), release.RunningFilter{})
	hold(t, "read", err, "")
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	hold(t, "ping with space", s.Ping(t.Context()), "")
	_, _, err = s.Record(t.Context(), draft("web", time.Hour), "")
	hold(t, "write with space", err, "")
}

// smallDisk mounts 24 MiB, owned by whoever owns data. It takes root, and the leave to mount.
func smallDisk(t *testing.T, data string) string {
	t.Helper()
	info, err := os.Stat(data)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	dir, err := os.MkdirTemp("", "smalldisk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=24m,mode=0700,uid=%d,gid=%d", owner.Uid, owner.Gid)); err != nil {
		t.Skipf("a disk that is full needs one that is small, and none may be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestCauseOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want release.Cause
	}{
		{&pgconn.PgError{Code: "40001"}, release.Contended},
		{errAgain, release.Contended},
		{&pgconn.PgError{Code: "57P01"}, release.Starting},
		{&pgconn.PgError{Code: "57P03"}, release.Starting},
		{&pgconn.PgError{Code: "53200"}, release.Failing}, // out_of_memory
		{&pgconn.PgError{Code: "58030"}, release.Failing}, // io_error
		{&pgconn.PgError{Code: "08006"}, release.Unreachable},
		{&pgconn.PgError{Code: "23514"}, ""}, // check_violation: it will not pass
		{errors.New("x"), ""},
	} {
		if got := causeOf(c.err); got != c.want {
			t.Errorf("%v: got %q, want %q", c.err, got, c.want)
		}
	}
}
