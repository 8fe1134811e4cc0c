package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is the key of the advisory lock under which one caller migrates and the others wait: "ledger" in
// ASCII, a number that nothing else in this database takes.
const migrationLock int64 = 0x6c6564676572

type migration struct {
	version int
	name    string
	sql     string
	sum     [sha256.Size]byte
}

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// migrations returns what files holds, in order: 0001_…, 0002_…, without a gap.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*")
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	var all []migration
	for i, name := range names {
		m := migrationName.FindStringSubmatch(path.Base(name))
		if m == nil {
			return nil, fmt.Errorf("migration %s: the name must be like 0001_what.sql", name)
		}
		version, err := strconv.Atoi(m[1])
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s: the number must be %04d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read the migrations: %w", err)
		}
		all = append(all, migration{version, path.Base(name), string(text), sha256.Sum256(text)})
	}
	if len(all) == 0 {
		return nil, errors.New("read the migrations: there are none")
	}
	return all, nil
}

// Migrate brings the database to the schema of this build, in one transaction, so that it happens wholly or not at
// all. Any number of callers may migrate at once: one does, the others wait for it and find nothing to do. A database
// that is ahead is left as it is, so that an older build can be rolled back to; one whose past differs is an error.
func (s *Store) Migrate(ctx context.Context) error { return s.migrate(ctx, migrationFiles) }

func (s *Store) migrate(ctx context.Context, files fs.FS) error {
	all, err := migrations(files)
	if err != nil {
		return err
	}
	return try(ctx, "migrate", func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			// Waiting for others, and building an index, may take longer than any request may; ctx bounds it.
			for _, setting := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
				if _, err := tx.Exec(ctx, "SET LOCAL "+setting+" = 0"); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
				return err
			}
			return apply(ctx, tx, all)
		})
	})
}

func apply(ctx context.Context, tx pgx.Tx, all []migration) error {
	if _, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS schema_migrations (
		version    integer     PRIMARY KEY,
		name       text        NOT NULL,
		sum        bytea       NOT NULL,
		applied_at timestamptz NOT NULL DEFAULT now()
	)`); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT version, sum FROM schema_migrations")
	if err != nil {
		return err
	}
	done := make(map[int][]byte)
	var version int
	var sum []byte
	if _, err := pgx.ForEachRow(rows, []any{&version, &sum}, func() error {
		done[version] = bytes.Clone(sum)
		return nil
	}); err != nil {
		return err
	}
	for _, m := range all {
		if sum, ok := done[m.version]; ok {
			if !bytes.Equal(sum, m.sum[:]) {
				return fmt.Errorf("%s was applied with other contents: a migration is never edited, only followed by another", m.name)
			}
			continue
		}
		if _, err := tx.Exec(ctx, m.sql); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO schema_migrations (version, name, sum) VALUES ($1, $2, $3)",
			m.version, m.name, m.sum[:]); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
