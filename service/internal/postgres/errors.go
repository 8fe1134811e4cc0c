package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// Retries: of what PostgreSQL itself asks to be tried again, and of connections that broke. A server that cannot be
// reached at all is not tried again; the client is told to come back, and the pool is left to others.
const (
	maxAttempts  = 6
	firstBackoff = 10 * time.Millisecond
	lastBackoff  = 200 * time.Millisecond
)

// errAgain is a race that the next attempt finds decided.
var errAgain = errors.New("lost a race")

// try runs op until it succeeds, fails for good, or has failed maxAttempts times, with a jittered wait in between that
// ends with ctx. Every op must be safe to run again after an attempt whose end is unknown. what names it in the error.
func try(ctx context.Context, what string, op func(context.Context) error) error {
	backoff := firstBackoff
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		if err == nil {
			return nil
		}
		if attempt == maxAttempts || ctx.Err() != nil || !passing(err) {
			return describe(what, err)
		}
		// Half of it is chance, so that those who collided do not meet again.
		wait := time.NewTimer(backoff/2 + rand.N(backoff/2))
		select {
		case <-ctx.Done():
			wait.Stop()
			return describe(what, errors.Join(ctx.Err(), err))
		case <-wait.C:
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// read is try for what only reads, which waits while others read on all connections that are not kept for writes.
func (s *Store) read(ctx context.Context, what string, op func(context.Context) error) error {
	select {
	case s.reads <- struct{}{}:
		defer func() { <-s.reads }()
		return try(ctx, what, op)
	case <-ctx.Done():
		return describe(what, context.Cause(ctx))
	}
}

// passing reports whether the same op may well succeed at once.
func passing(err error) bool {
	if errors.Is(err, errAgain) {
		return true
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code {
		case "40001", // serialization_failure
			"40P01", // deadlock_detected
			"57P01", // admin_shutdown: this connection is gone, and the next may be to the server that took over
			"57P02": // crash_shutdown
			return true
		}
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return false
	}
	return broken(err)
}

// describe names the attempt and says in terms of package release what kind of error it is.
func describe(what string, err error) error {
	switch {
	case errors.Is(err, release.ErrConflict), errors.Is(err, release.ErrKeyReused), errors.Is(err, release.ErrNotFound), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, release.ErrUnavailable):
		return fmt.Errorf("%s: %w", what, err) // said already
	}
	if cause := causeOf(err); cause != "" {
		return fmt.Errorf("%s: %w", what, &release.Unavailable{Cause: cause, Err: err})
	}
	return fmt.Errorf("%s: %w", what, err)
}

// causeOf tells why err may pass, "" where it will not.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func causeOf(err error) release.Cause {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pgErr.Code {
		case "40001", // serialization_failure
			"40P01": // deadlock_detected
			return release.Contended
		case "57014": // query_canceled: the statement timeout
			return release.Timeout
		case "55P03": // lock_not_available: the lock timeout
			return release.LockTimeout
		case "25006": // read_only_sql_transaction: a primary that is one no more, or an administrator's will
			return release.ReadOnly
		case "53100": // disk_full
			return release.StorageFull
		case "53300": // too_many_connections
			return release.TooManyConnections
		case "57P01", // admin_shutdown
			"57P02", // crash_shutdown
			"57P03": // cannot_connect_now
			return release.Starting
		case "42P01": // undefined_table: nobody has migrated yet
			return release.Unmigrated
		case "57P05", // idle_session_timeout
			"25P03": // idle_in_transaction_session_timeout
			return release.Failing
		}
		switch pgErr.Code[:min(2, len(pgErr.Code))] {
		case "08": // connection exception
			return release.Unreachable
		case "53", // insufficient resources
			"58": // system error
			return release.Failing
		}
		return ""
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case errors.Is(err, errAgain):
		return release.Contended
	case connecting:
		return release.Unreachable
	case errors.Is(err, context.DeadlineExceeded):
		return release.Timeout // that of the caller, spent in waiting for a connection perhaps
	case broken(err):
		return release.Unreachable
	}
	return ""
}

// broken reports an error of the connection, not of what was asked over it.
func broken(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
