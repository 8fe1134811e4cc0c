// Package release is what the ledger speaks of: releases, what may be said of one, what runs where, and the four
// DORA measures. It needs the standard library only, so that storage and web both depend on it and not on each other.
package release

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Outcome is how far a release came.
type Outcome string

// The outcomes. A release is started before it is anything else, unless it is first heard of at its end.
const (
	Started    Outcome = "started"
	TimedOut   Outcome = "timed_out" // nobody said how it ended; the ledger alone says so
	Failed     Outcome = "failed"
	Succeeded  Outcome = "succeeded" // also after it had failed: it has recovered
	RolledBack Outcome = "rolled_back"
	Removed    Outcome = "removed" // what it brought is gone from its place, and nothing came instead
)

// Outcomes returns every outcome in the order in which a release may pass through them.
func Outcomes() []Outcome {
	return []Outcome{Started, TimedOut, Failed, Succeeded, RolledBack, Removed}
}

// Known reports whether o is one of the outcomes.
func (o Outcome) Known() bool { return o.rank() >= 0 }

// Ended reports whether the deployment is over, well or badly.
func (o Outcome) Ended() bool { return o.Known() && o != Started }

// rank is how far along the way an outcome is. Of the last two, neither follows the other.
func (o Outcome) rank() int {
	switch o {
	case Started:
		return 0
	case TimedOut:
		return 1
	case Failed:
		return 2
	case Succeeded:
		return 3
	case RolledBack, Removed:
		return 4
	}
	return -1
}

// CanBecome reports whether a release of outcome o may later be recorded with outcome next: what has started can end
// in any way, what has failed can recover, what has failed or succeeded can be rolled back or removed, and what is rolled
// back or removed stays so.
func (o Outcome) CanBecome(next Outcome) bool {
	return o.Known() && next.rank() > o.rank() && (next != TimedOut || o == Started)
}

// Kind says whether a release changed what runs in its place.
type Kind string

// The kinds. The ledger finds them out; nobody says them.
const (
	Deployment    Kind = "deployment"
	Configuration Kind = "configuration" // it brought what ran there already
)

// Known reports whether k is one of the kinds.
func (k Kind) Known() bool { return k == Deployment || k == Configuration }

// Track is the half of a service that a release goes to.
type Track string

// The tracks, as the manifests label them.
const (
	Stable Track = "stable"
	Canary Track = "canary"
)

// Known reports whether t is one of the tracks.
func (t Track) Known() bool { return t == Stable || t == Canary }

// Draft is what a client says of a release. Service, environment, track, version, revision and start say which
// release is meant; the rest says how it went.
type Draft struct {
	Service     string  `json:"service"`
	Environment string  `json:"environment"`
	Track       Track   `json:"track"`
	Version     string  `json:"version"`
	Revision    string  `json:"revision"` // commit, in hexadecimal; or the version of a chart, or a digest
	Actor       string  `json:"actor"`
	Outcome     Outcome `json:"outcome"`

	CommittedAt *time.Time `json:"committed_at,omitempty"` // when the revision was committed: lead time begins here
	StartedAt   *time.Time `json:"started_at,omitempty"`
	FinishedAt  *time.Time `json:"finished_at,omitempty"` // when the outcome came about; none while started

	// Artifact is what runs, such as an image with tag and digest, where the revision is not that of what runs but of
	// what configures it. Two releases deliver the same if their artifact is the same; without one, version and revision.
	Artifact string `json:"artifact,omitempty"`
	Team     string `json:"team,omitempty"` // whose service it is
}

// Normal returns d as it is stored and compared: times in UTC and whole microseconds, which is what PostgreSQL
// keeps, and the stable track where none is named.
func (d Draft) Normal() Draft {
	if d.Track == "" {
		d.Track = Stable
	}
	d.CommittedAt = normalTime(d.CommittedAt)
	d.StartedAt = normalTime(d.StartedAt)
	d.FinishedAt = normalTime(d.FinishedAt)
	return d
}

func normalTime(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	n := t.UTC().Truncate(time.Microsecond)
	return &n
}

// Release is a recorded Draft. Its outcome and FinishedAt are the latest ones; its actor is who was named first.
type Release struct {
	ID string `json:"id"` // UUIDv7
	Draft
	// SucceededAt is when the release was deployed. A later rollback moves FinishedAt and leaves this.
	SucceededAt *time.Time `json:"succeeded_at,omitempty"`
	// FailedAt is when it failed, also where it has recovered since.
	FailedAt   *time.Time `json:"failed_at,omitempty"`
	RecordedAt time.Time  `json:"recorded_at"` // first heard of
	// RecordedVia is through whom it was first heard of: "token:" and the name of a token, or the name of an issuer, ":" and
	// the subject. "" for what was recorded before the ledger kept it. Actor is who is said to have released.
	RecordedVia string `json:"recorded_via,omitempty"`

	Kind Kind `json:"kind"`
	// Continues is the release whose delivery this one goes on with: the same artifact on the other track, as when a
	// canary becomes the stable version. "" for one that is a delivery by itself.
	Continues string `json:"continues,omitempty"`
	// RolledBackBy is the release that took this one back, by bringing again what ran before it. "" where it is not
	// rolled back, or somebody said that it is.
	RolledBackBy string `json:"rolled_back_by,omitempty"`
}

// Change is what r delivers: releases of one change to one environment are one delivery.
func (r Release) Change() string {
	if r.Artifact != "" {
		return r.Artifact
	}
	return r.Version + "@" + r.Revision
}

// Delivery is the release with which the delivery of r began, r itself for most.
func (r Release) Delivery() string {
	if r.Continues != "" {
		return r.Continues
	}
	return r.ID
}

// Page sizes of Ledger.Releases.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// MaxWindow is the longest time that Ledger.Measures looks back.
const MaxWindow = 366 * 24 * time.Hour

// Filter says which releases are wanted; an empty field wants all. From (inclusive) and To (exclusive) bound
// StartedAt. Limit 0 is DefaultLimit.
type Filter struct {
	Service     string
	Environment string
	Version     string
	Actor       string
	Outcome     Outcome
	Track       Track
	Kind        Kind
	From, To    time.Time
	Cursor      string
	Limit       int
}

// Page is one page of releases, the latest start first. Next is the cursor of the following page, "" on the last.
type Page struct {
	Releases []Release
	Next     string
}

// Place is where one release replaces another.
type Place struct {
	Service     string
	Environment string
	Track       Track
}

// Scope says whose releases are measured; an empty field wants all. Without an environment, production is.
type Scope struct {
	Service     string
	Environment string
	Team        string
}

// Running is the release that runs in one place: the last deployment that succeeded there and is not rolled back.
// Nothing runs where that was removed.
type Running struct {
	Service     string    `json:"service"`
	Environment string    `json:"environment"`
	Track       Track     `json:"track"`
	Version     string    `json:"version"`
	Revision    string    `json:"revision"`
	Since       time.Time `json:"since"`
	ReleaseID   string    `json:"release_id"`
}

// What a Ledger's errors are about. Callers branch on them with errors.Is; a *Invalid is found with errors.As.
var (
	// ErrNotFound: there is no such release.
	ErrNotFound = errors.New("not found")
	// ErrConflict: what is recorded already contradicts what is said now. ConflictDetail says how.
	ErrConflict = errors.New("conflict")
	// ErrKeyReused: an idempotency key comes with another body than before.
	ErrKeyReused = errors.New("the idempotency key was used for another release")
	// ErrUnavailable: the ledger cannot answer now, and the same request may succeed later. A *Unavailable, which is
	// found with errors.As, says why.
	ErrUnavailable = errors.New("unavailable")
)

type viaKey struct{}

// WithVia returns ctx for what is recorded through somebody.
func WithVia(ctx context.Context, via string) context.Context {
	return context.WithValue(ctx, viaKey{}, via)
}

// Via is through whom something is recorded, "" where nobody says it.
func Via(ctx context.Context) string {
	via, _ := ctx.Value(viaKey{}).(string)
	return via
}

// conflict is an ErrConflict whose text may be shown to the client.
type conflict struct{ detail string }

func (c *conflict) Error() string        { return "conflict: " + c.detail }
func (c *conflict) Is(target error) bool { return target == ErrConflict }

// NewConflict returns an ErrConflict. The detail may be shown to the client.
func NewConflict(format string, args ...any) error {
	return &conflict{detail: fmt.Sprintf(format, args...)}
}

// ConflictDetail is what a client may be told of an ErrConflict, whatever is around it.
func ConflictDetail(err error) string {
	if c, ok := errors.AsType[*conflict](err); ok {
		return c.detail
	}
	return "what is recorded contradicts the request"
}

// Cause is why a ledger is unavailable.
type Cause string

// Causes. They are stable: the log names them.
const (
	Unreachable        Cause = "unreachable"          // nothing answers, or the connection broke
	Starting           Cause = "starting"             // it is starting up, shutting down or recovering
	ReadOnly           Cause = "read_only"            // it answers and takes no writes
	StorageFull        Cause = "storage_full"         // there is no space left to write to
	TooManyConnections Cause = "too_many_connections" // it answers others
	LockTimeout        Cause = "lock_timeout"         // somebody else holds what is needed
	Timeout            Cause = "timeout"              // it took longer than it may
	Unmigrated         Cause = "unmigrated"           // it has not the schema of this build yet
	Contended          Cause = "contended"            // others won every race for the same release
	Failing            Cause = "failing"              // something else that may pass
)

// Unavailable is an ErrUnavailable with its cause.
type Unavailable struct {
	Cause Cause
	Err   error
}

func (u *Unavailable) Error() string {
	return ErrUnavailable.Error() + " (" + string(u.Cause) + "): " + u.Err.Error()
}

// Unwrap makes errors.Is find ErrUnavailable and what was wrong.
func (u *Unavailable) Unwrap() []error { return []error{ErrUnavailable, u.Err} }

// CauseOf is the cause of an ErrUnavailable, Failing where none was said, and "" for another error.
func CauseOf(err error) Cause {
	if u, ok := errors.AsType[*Unavailable](err); ok {
		return u.Cause
	}
	if errors.Is(err, ErrUnavailable) {
		return Failing
	}
	return ""
}

// Ledger is what the web layer needs of the storage.
type Ledger interface {
	// Record writes d, or moves the release that d names to d's outcome. Facts that are recorded already, or that what
	// is recorded implies, change nothing: repeated is then true and r is the release as it is now. A key, if not "",
	// makes a repeat with the same body return the first answer, and with another body ErrKeyReused.
	Record(ctx context.Context, d Draft, key string) (r Release, repeated bool, err error)
	// Move is Record for the release that id names, or ErrNotFound.
	Move(ctx context.Context, id string, m Move) (r Release, repeated bool, err error)
	// Remove says that what ran in a place then is gone, and returns the releases that it changed: what ran, and what
	// had begun and not ended, or had failed last. What came to the place since is left alone.
	Remove(ctx context.Context, p Place, at time.Time, actor string) ([]Release, error)
	// Release returns one release or ErrNotFound, also for an id that no release can have.
	Release(ctx context.Context, id string) (Release, error)
	// Releases returns one page. A walk over the cursors gives every release that was there when it began exactly
	// once, whatever is recorded meanwhile.
	Releases(ctx context.Context, f Filter) (Page, error)
	// RunningAt returns what runs, or what ran at a time, by service, environment and track.
	RunningAt(ctx context.Context, f RunningFilter) ([]Running, error)
	// Lags returns the steps whose two environments run different changes, in the order of steps.
	Lags(ctx context.Context, steps []Step) ([]Lag, error)
	// Before returns the release that ran in the place of r when r began, or ErrNotFound.
	Before(ctx context.Context, r Release) (Release, error)
	// History returns what was said of a release, in the order in which it was heard.
	History(ctx context.Context, id string) ([]Transition, error)
	// Names returns what there is to choose from in a search.
	Names(ctx context.Context) (Names, error)
	// Measures returns the DORA measures of the window that ends now.
	Measures(ctx context.Context, s Scope, window time.Duration, now time.Time) (Measures, error)
	// MeasuresAndBefore returns Measures, and those of the window that ends where this one begins.
	MeasuresAndBefore(ctx context.Context, s Scope, window time.Duration, now time.Time) (m, before Measures, err error)
	// Ping reports whether the ledger can serve: reachable, of the schema that it needs, and able to take writes.
	Ping(ctx context.Context) error
}
