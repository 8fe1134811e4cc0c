package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// Record implements release.Ledger. It is one transaction, and safe to repeat after any failure: a release is found
// again by what names it, so that a first attempt whose commit was not heard of is not recorded twice. The second then
// reports it as repeated.
func (s *Store) Record(ctx context.Context, d release.Draft, key string) (release.Release, bool, error) {
	now := s.now()
	d = d.Normal()
	if err := d.Validate(now); err != nil {
		return release.Release{}, false, err
	}
	if err := release.ValidateKey(key); err != nil {
		return release.Release{}, false, err
	}
	var (
		r        release.Release
		repeated bool
	)
	err := try(ctx, "record a release", func(ctx context.Context) (err error) {
		if key == "" {
			// A release that nobody has spoken of, the commonest, is one statement, which is whole by itself: two trips
			// to the server fewer than a transaction.
			var fresh bool
			if r, fresh, err = insert(ctx, s.pool, d, now); err != nil || fresh {
				repeated = false
				return err
			}
		}
		// What a conflict found must be visible to the next statement, whatever the database's default is.
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) (err error) {
			if key == "" {
				r, repeated, err = change(ctx, tx, d, now)
			} else {
				r, repeated, err = recordOnce(ctx, tx, d, key, now)
			}
			return err
		})
	})
	if err != nil {
		return release.Release{}, false, err
	}
	return r, repeated, nil
}

// recordOnce is record under a key. The key goes in last, with the answer. Whoever finds that another has put it in
// meanwhile takes everything back and starts again, to find that answer.
func recordOnce(ctx context.Context, tx pgx.Tx, d release.Draft, key string, now time.Time) (r release.Release, repeated bool, err error) {
	body, err := json.Marshal(d)
	if err != nil {
		return r, false, err
	}
	digest := sha256.Sum256(body)

	var earlier, answer []byte
	err = tx.QueryRow(ctx, "SELECT digest, answer FROM idempotency_keys WHERE key = $1", key).Scan(&earlier, &answer)
	switch {
	case err == nil && !bytes.Equal(earlier, digest[:]):
		return r, false, fmt.Errorf("%w: the idempotency key was used for another release", release.ErrConflict)
	case err == nil:
		return r, true, json.Unmarshal(answer, &r)
	case !errors.Is(err, pgx.ErrNoRows):
		return r, false, err
	}

	r, repeated, err = record(ctx, tx, d, now)
	if err != nil {
		return r, false, err
	}
	if answer, err = json.Marshal(r); err != nil {
		return r, false, err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO idempotency_keys (key, digest, release_id, answer, recorded_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, key, digest[:], r.ID, answer, now)
	if err == nil && tag.RowsAffected() == 0 {
		err = errAgain
	}
	return r, repeated, err
}

func record(ctx context.Context, tx pgx.Tx, d release.Draft, now time.Time) (release.Release, bool, error) {
	if r, fresh, err := insert(ctx, tx, d, now); err != nil || fresh {
		return r, false, err
	}
	return change(ctx, tx, d, now)
}

// insert writes d unless what it names is recorded already. fresh tells whether it was not.
func insert(ctx context.Context, to interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}, d release.Draft, now time.Time) (r release.Release, fresh bool, err error) {
	r = release.Release{ID: newID(now), Draft: d, RecordedAt: now}
	if d.Outcome == release.Succeeded {
		r.SucceededAt = d.FinishedAt
	}
	tag, err := to.Exec(ctx, `WITH r AS (
			INSERT INTO releases (id, service, environment, track, version, revision, actor, outcome,
				committed_at, started_at, succeeded_at, finished_at, recorded_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT ON CONSTRAINT releases_said_once DO NOTHING
			RETURNING id, outcome, actor, committed_at, finished_at, recorded_at
		)
		INSERT INTO release_transitions (release_id, outcome, actor, committed_at, finished_at, recorded_at)
		SELECT * FROM r`,
		r.ID, d.Service, d.Environment, d.Track, d.Version, d.Revision, d.Actor, d.Outcome,
		d.CommittedAt, d.StartedAt, r.SucceededAt, d.FinishedAt, now)
	return r, err == nil && tag.RowsAffected() == 1, err
}

// change is record for a release that is there. The lock makes concurrent moves of one release follow each other.
func change(ctx context.Context, tx pgx.Tx, d release.Draft, now time.Time) (release.Release, bool, error) {
	r, err := one(ctx, tx, `WHERE service = $1 AND environment = $2 AND track = $3 AND version = $4 AND revision = $5
		AND started_at = $6 FOR UPDATE`, d.Service, d.Environment, d.Track, d.Version, d.Revision, d.StartedAt)
	if err != nil {
		return r, false, err
	}
	said, err := saidBefore(ctx, tx, r, d)
	if err != nil || said {
		return r, said, err
	}
	r, err = move(ctx, tx, r, d, now)
	return r, false, err
}

// saidBefore reports whether d is recorded already, whatever came after it. A claim that contradicts the recorded one
// is a conflict.
func saidBefore(ctx context.Context, tx pgx.Tx, r release.Release, d release.Draft) (bool, error) {
	var (
		actor               string
		committed, finished *time.Time
	)
	err := tx.QueryRow(ctx, `SELECT actor, committed_at, finished_at FROM release_transitions
		WHERE release_id = $1 AND outcome = $2`, r.ID, d.Outcome).Scan(&actor, &committed, &finished)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case actor != d.Actor:
		return false, contradiction(r, d, "actor")
	case !same(committed, d.CommittedAt):
		return false, contradiction(r, d, "committed_at")
	case !same(finished, d.FinishedAt):
		return false, contradiction(r, d, "finished_at")
	}
	return true, nil
}

func contradiction(r release.Release, d release.Draft, field string) error {
	return fmt.Errorf("%w: release %s is recorded as %s with another %s", release.ErrConflict, r.ID, d.Outcome, field)
}

// move gives r, which is locked, the outcome of d.
func move(ctx context.Context, tx pgx.Tx, r release.Release, d release.Draft, now time.Time) (release.Release, error) {
	switch {
	case !r.Outcome.CanBecome(d.Outcome):
		return r, fmt.Errorf("%w: release %s is %s and cannot become %s", release.ErrConflict, r.ID, r.Outcome, d.Outcome)
	case r.CommittedAt != nil && d.CommittedAt != nil && !r.CommittedAt.Equal(*d.CommittedAt):
		return r, fmt.Errorf("%w: release %s is recorded with another committed_at", release.ErrConflict, r.ID)
	case r.FinishedAt != nil && d.FinishedAt.Before(*r.FinishedAt):
		return r, fmt.Errorf("%w: release %s %s later than finished_at", release.ErrConflict, r.ID, r.Outcome)
	}
	r.Outcome, r.FinishedAt = d.Outcome, d.FinishedAt
	if d.Outcome == release.Succeeded {
		r.SucceededAt = d.FinishedAt
	}
	if r.CommittedAt == nil {
		r.CommittedAt = d.CommittedAt
	}
	if _, err := tx.Exec(ctx, `WITH r AS (
			UPDATE releases SET outcome = $2, committed_at = $3, succeeded_at = $4, finished_at = $5 WHERE id = $1
		)
		INSERT INTO release_transitions (release_id, outcome, actor, committed_at, finished_at, recorded_at)
		VALUES ($1, $2, $6, $7, $5, $8)`,
		r.ID, r.Outcome, r.CommittedAt, r.SucceededAt, r.FinishedAt, d.Actor, d.CommittedAt, now); err != nil {
		return r, err
	}
	return r, nil
}

func same(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// ForgetKeys deletes the idempotency keys that were first used before then, and returns how many. The releases stay.
func (s *Store) ForgetKeys(ctx context.Context, then time.Time) (int64, error) {
	var n int64
	err := try(ctx, "forget idempotency keys", func(ctx context.Context) error {
		tag, err := s.pool.Exec(ctx, "DELETE FROM idempotency_keys WHERE recorded_at < $1", then)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// newID returns a UUIDv7 (RFC 9562, section 5.7): ids made later sort later, so that the index grows at one end.
func newID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // crypto/rand.Read returns no error; it ends the process instead
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
