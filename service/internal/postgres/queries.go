package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

const selectReleases = selectFrom + "releases "

const selectFrom = `SELECT id, service, environment, track, version, revision, actor, outcome,
	committed_at, started_at, succeeded_at, finished_at, recorded_at,
	coalesce(artifact, ''), coalesce(team, ''), failed_at, kind, coalesce(continues::text, ''), coalesce(rolled_back_by::text, ''),
	coalesce(recorded_via, '') FROM `

func scanRelease(row pgx.CollectableRow) (r release.Release, err error) {
	err = row.Scan(&r.ID, &r.Service, &r.Environment, &r.Track, &r.Version, &r.Revision, &r.Actor, &r.Outcome,
		&r.CommittedAt, &r.StartedAt, &r.SucceededAt, &r.FinishedAt, &r.RecordedAt,
		&r.Artifact, &r.Team, &r.FailedAt, &r.Kind, &r.Continues, &r.RolledBackBy, &r.RecordedVia)
	// pgx gives times in the zone of this process.
	r.Draft = r.Normal()
	r.SucceededAt, r.FailedAt = utc(r.SucceededAt), utc(r.FailedAt)
	if r.FailedAt == nil && r.Outcome == release.Failed {
		r.FailedAt = r.FinishedAt // written by a build that knew no failed_at
	}
	r.RecordedAt = r.RecordedAt.UTC()
	return r, err
}

// one returns the release that where names, or release.ErrNotFound.
func one(ctx context.Context, q querier, where string, args ...any) (release.Release, error) {
	rows, err := q.Query(ctx, selectReleases+where, args...)
	if err != nil {
		return release.Release{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRelease)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, release.ErrNotFound
	}
	return r, err
}

// Release implements release.Ledger.
func (s *Store) Release(ctx context.Context, id string) (r release.Release, err error) {
	if !release.ValidID(id) {
		return r, fmt.Errorf("read a release: %w", release.ErrNotFound)
	}
	err = s.read(ctx, "read a release", func(ctx context.Context) (err error) {
		r, err = one(ctx, s.pool, "WHERE id = $1", id)
		return err
	})
	return r, err
}

// environments are those that scope means, in order: the one that it names, or those that are production.
func (s *Store) environments(ctx context.Context, scope release.Scope) ([]string, error) {
	if scope.Environment != "" {
		return []string{scope.Environment}, nil
	}
	if !slices.ContainsFunc(s.production, isPattern) {
		return slices.Compact(slices.Sorted(slices.Values(s.production))), nil
	}
	rows, err := s.pool.Query(ctx, selectDistinct("environment"))
	if err != nil {
		return nil, err
	}
	known, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(known, func(environment string) bool { return release.IndexEnvironment(s.production, environment) < 0 }), nil
}

func isPattern(s string) bool { return strings.ContainsAny(s, "*?[") }
