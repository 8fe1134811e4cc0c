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
			// A release that nobody has spoken of, the commonest, needs no transaction but that of its one trip to the
			// server: two fewer.
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
	if s.written(err) != nil {
		return release.Release{}, false, err
	}
	return r, repeated, nil
}

// Move implements release.Ledger.
func (s *Store) Move(ctx context.Context, id string, m release.Move) (r release.Release, repeated bool, err error) {
	if !release.ValidID(id) {
		return r, false, fmt.Errorf("move a release: %w", release.ErrNotFound)
	}
	now := s.now()
	m = m.Normal()
	err = try(ctx, "move a release", func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) (err error) {
			if r, err = one(ctx, tx, "WHERE id = $1", id); err != nil {
				return err
			}
			if r, err = locked(ctx, tx, r.Service, r.Environment, "WHERE id = $1", id); err != nil {
				return err
			}
			r, repeated, err = tell(ctx, tx, r, m, now)
			return err
		})
	})
	return r, repeated, s.written(err)
}

// Remove implements release.Ledger.
func (s *Store) Remove(ctx context.Context, p release.Place, at time.Time, actor string) (removed []release.Release, err error) {
	now := s.now()
	at = at.UTC().Truncate(time.Microsecond)
	err = try(ctx, "remove what runs", func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			removed = nil
			if _, err := tx.Exec(ctx, "SELECT releases_lock($1, $2)", p.Service, p.Environment); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, selectReleases+`WHERE service = $1 AND environment = $2 AND track = $3 AND kind = 'deployment'
				AND id IN (SELECT id FROM (SELECT id, outcome FROM releases
					WHERE service = $1 AND environment = $2 AND track = $3 AND kind = 'deployment'
						AND succeeded_at IS NOT NULL AND succeeded_at <= $4
						AND (outcome IN ('succeeded', 'removed') OR rolled_back_by IS NOT NULL AND finished_at > $4)
					ORDER BY succeeded_at DESC, id DESC LIMIT 1) latest WHERE outcome <> 'removed'
					UNION ALL SELECT id FROM releases WHERE service = $1 AND environment = $2 AND track = $3 AND outcome = 'started'
					UNION ALL SELECT id FROM (SELECT id, outcome FROM releases
						WHERE service = $1 AND environment = $2 AND track = $3 AND kind = 'deployment' AND started_at <= $4
						ORDER BY started_at DESC, id DESC LIMIT 1) tried WHERE outcome = 'failed')
				ORDER BY started_at, id FOR UPDATE`, p.Service, p.Environment, p.Track, at)
			if err != nil {
				return err
			}
			found, err := pgx.CollectRows(rows, scanRelease)
			if err != nil {
				return err
			}
			for _, r := range found {
				m := release.Move{Outcome: release.Removed, FinishedAt: &at, Actor: actor}
				// What has begun, succeeded or failed since then came after the removal.
				if r.StartedAt.After(at) || r.SucceededAt != nil && r.SucceededAt.After(at) || r.Outcome == release.Failed && r.FinishedAt.After(at) {
					continue
				}
				r, repeated, err := tell(ctx, tx, r, m, now)
				if err != nil {
					return err
				}
				if !repeated {
					removed = append(removed, r)
				}
			}
			return nil
		})
	})
	return removed, s.written(err)
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
		return r, false, release.ErrKeyReused
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

const insertRelease = `WITH r AS (
		INSERT INTO releases (id, service, environment, track, version, revision, actor, outcome,
			committed_at, started_at, succeeded_at, finished_at, recorded_at, artifact, team, failed_at, recorded_via)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT ON CONSTRAINT releases_said_once DO NOTHING
		RETURNING id, outcome, actor, committed_at, finished_at, recorded_at, recorded_via
	)
	INSERT INTO release_transitions (release_id, outcome, actor, committed_at, finished_at, recorded_at, recorded_via)
	SELECT * FROM r`

// insert writes d unless what it names is recorded already. fresh tells whether it was not; only then is r what is
// recorded, with what follows for it.
func insert(ctx context.Context, to interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}, d release.Draft, now time.Time) (r release.Release, fresh bool, err error) {
	r = release.Release{ID: newID(now), Draft: d, RecordedAt: now}
	switch d.Outcome {
	case release.Succeeded:
		r.SucceededAt = d.FinishedAt
	case release.Failed:
		r.FailedAt = d.FinishedAt
	}
	var b pgx.Batch
	b.Queue(insertRelease,
		r.ID, d.Service, d.Environment, d.Track, d.Version, d.Revision, d.Actor, d.Outcome,
		d.CommittedAt, d.StartedAt, r.SucceededAt, d.FinishedAt, now, optional(d.Artifact), optional(d.Team), r.FailedAt, optional(release.Via(ctx)))
	// What follows is worked out when the statement has ended, and so is read by another.
	b.Queue(selectReleases+"WHERE id = $1", r.ID)
	results := to.SendBatch(ctx, &b)
	defer func() { err = ended(err, results) }()
	tag, err := results.Exec()
	if err != nil || tag.RowsAffected() == 0 {
		return r, false, err
	}
	rows, err := results.Query()
	if err != nil {
		return r, false, err
	}
	r, err = pgx.CollectExactlyOneRow(rows, scanRelease)
	return r, err == nil, err
}

// change is record for a release that is there.
func change(ctx context.Context, tx pgx.Tx, d release.Draft, now time.Time) (release.Release, bool, error) {
	r, err := locked(ctx, tx, d.Service, d.Environment, `WHERE service = $1 AND environment = $2 AND track = $3 AND version = $4
		AND revision = $5 AND started_at = $6`, d.Service, d.Environment, d.Track, d.Version, d.Revision, d.StartedAt)
	if err != nil {
		return r, false, err
	}
	return tell(ctx, tx, r, d.Move(), now)
}

// locked is one, for what is about to be changed. The lock of the service in its environment comes first, as it does
// wherever neighbours are changed, so that concurrent moves follow each other.
func locked(ctx context.Context, tx pgx.Tx, service, environment, where string, args ...any) (r release.Release, err error) {
	var b pgx.Batch
	b.Queue("SELECT releases_lock($1, $2)", service, environment)
	b.Queue(selectReleases+where+" FOR UPDATE", args...)
	results := tx.SendBatch(ctx, &b)
	defer func() { err = ended(err, results) }()
	if _, err := results.Exec(); err != nil {
		return r, err
	}
	rows, err := results.Query()
	if err != nil {
		return r, err
	}
	r, err = pgx.CollectExactlyOneRow(rows, scanRelease)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, release.ErrNotFound
	}
	return r, err
}

// ended closes the results of a batch. Where something went wrong, Close would say the same again.
func ended(err error, results pgx.BatchResults) error {
	if closed := results.Close(); err == nil {
		return closed
	}
	return err
}

// tell records what is said of r, which is locked. repeated tells whether it was known, or implied.
func tell(ctx context.Context, tx pgx.Tx, r release.Release, m release.Move, now time.Time) (release.Release, bool, error) {
	said, err := saidBefore(ctx, tx, r, &m)
	if err != nil {
		return r, false, err
	}
	if m.FinishedAt == nil && m.Outcome != release.Started {
		m.FinishedAt = &now
	}
	if m.Actor == "" {
		m.Actor = r.Actor
	}
	if err := m.Validate(r, now); err != nil {
		return r, false, err
	}
	to, err := r.Moved(m)
	if err != nil {
		return r, false, err
	}
	// The outcome is news although nothing came of it: somebody says what had been found out, or a start that was implied.
	if to == r && (said || m.Outcome == release.Started) {
		return r, true, nil
	}
	if _, err := tx.Exec(ctx, `UPDATE releases SET outcome = $2, committed_at = $3, succeeded_at = $4, finished_at = $5,
			failed_at = $6, artifact = $7, team = $8, rolled_back_by = $9 WHERE id = $1`,
		r.ID, to.Outcome, to.CommittedAt, to.SucceededAt, to.FinishedAt, to.FailedAt, optional(to.Artifact), optional(to.Team),
		optional(to.RolledBackBy)); err != nil {
		return r, false, err
	}
	if !said {
		if _, err := tx.Exec(ctx, `INSERT INTO release_transitions (release_id, outcome, actor, committed_at, finished_at, recorded_at, recorded_via)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, r.ID, m.Outcome, m.Actor, m.CommittedAt, m.FinishedAt, now, optional(release.Via(ctx))); err != nil {
			return r, false, err
		}
	}
	repeated := said || m.Outcome == release.Started
	r, err = one(ctx, tx, "WHERE id = $1", r.ID)
	return r, repeated, err
}

// saidBefore reports whether the outcome of m is recorded already, whatever came after it, and leaves to m what is not.
// A claim that contradicts the recorded one is a conflict; one that lacks a field agrees with it.
func saidBefore(ctx context.Context, tx pgx.Tx, r release.Release, m *release.Move) (bool, error) {
	var (
		actor               string
		committed, finished *time.Time
	)
	err := tx.QueryRow(ctx, `SELECT actor, committed_at, finished_at FROM release_transitions
		WHERE release_id = $1 AND outcome = $2`, r.ID, m.Outcome).Scan(&actor, &committed, &finished)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case m.Actor != "" && actor != m.Actor:
		return false, contradiction(r, *m, "actor")
	case contradicts(committed, m.CommittedAt):
		return false, contradiction(r, *m, "committed_at")
	case contradicts(finished, m.FinishedAt):
		return false, contradiction(r, *m, "finished_at")
	}
	m.Actor, m.FinishedAt = actor, utc(finished)
	return true, nil
}

func contradiction(r release.Release, m release.Move, field string) error {
	return release.NewConflict("release %s is recorded as %s with another %s", r.ID, m.Outcome, field)
}

// contradicts reports two times that are known and differ.
func contradicts(recorded, said *time.Time) bool {
	return recorded != nil && said != nil && !recorded.Equal(*said)
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// optional is NULL for nothing.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
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
