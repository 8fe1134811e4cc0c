package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// errReadOnly is what Ping finds without a write that fails.
var errReadOnly = errors.New("transactions are read-only")

// Ping returns nil when the database answers, has at least the schema of this build and takes writes; else a
// *release.Unavailable. It reads. Only where a write found no space left, it writes too, until that succeeds.
func (s *Store) Ping(ctx context.Context) error {
	all, err := migrations(migrationFiles)
	if err != nil {
		return err
	}
	want := all[len(all)-1].version
	err = try(ctx, "ping", func(ctx context.Context) error {
		var readOnly bool
		if err := s.pool.QueryRow(ctx, `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean`).Scan(&readOnly); err != nil {
			return err
		}
		if readOnly {
			return &release.Unavailable{Cause: release.ReadOnly, Err: errReadOnly}
		}
		var have int
		err := s.pool.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM schema_migrations").Scan(&have)
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "42P01" {
			err = nil // no table of migrations: version 0
		}
		if err != nil {
			return err
		}
		if have < want {
			return &release.Unavailable{Cause: release.Unmigrated, Err: fmt.Errorf("the schema is at version %d of %d", have, want)}
		}
		if s.full.Load() {
			return s.takeSpace(ctx)
		}
		return nil
	})
	switch release.CauseOf(err) {
	case "":
		s.full.Store(false)
	case release.ReadOnly:
		// A primary that has become a standby keeps its connections; new ones may lead to the one that took over.
		s.pool.Reset()
	}
	return err
}

// takeSpace fails where half a megabyte more does not fit beside the ledger's tables, and gives it back at once. Pages of a
// temporary table are taken from the disk like others, and are no load on replicas and archives.
func (s *Store) takeSpace(ctx context.Context) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL temp_tablespaces = ''"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE ledger_space ON COMMIT DROP AS
			SELECT repeat('x', 1000) FROM generate_series(1, 500)`)
		return err
	})
}

// written remembers that a write found no space left, or found some, and returns its error.
func (s *Store) written(err error) error {
	switch {
	case err == nil:
		if s.full.Load() {
			s.full.Store(false)
		}
	case release.CauseOf(err) == release.StorageFull:
		s.full.Store(true)
	}
	return err
}
