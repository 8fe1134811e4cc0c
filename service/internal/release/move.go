package release

import (
	"fmt"
	"time"
)

// Move is what is said of a release that is recorded: that it came to an outcome, and when.
type Move struct {
	Outcome     Outcome    `json:"outcome"`
	FinishedAt  *time.Time `json:"finished_at,omitempty"` // when the outcome came about; now where it is absent
	Actor       string     `json:"actor,omitempty"`       // who brought it about; whoever released, where it is absent
	CommittedAt *time.Time `json:"committed_at,omitempty"`
	Artifact    string     `json:"artifact,omitempty"`
	Team        string     `json:"team,omitempty"`
}

// Move is d without what names its release.
func (d Draft) Move() Move {
	return Move{Outcome: d.Outcome, FinishedAt: d.FinishedAt, Actor: d.Actor, CommittedAt: d.CommittedAt, Artifact: d.Artifact, Team: d.Team}
}

// Normal returns m as it is stored and compared.
func (m Move) Normal() Move {
	m.FinishedAt, m.CommittedAt = normalTime(m.FinishedAt), normalTime(m.CommittedAt)
	return m
}

// Moved returns r after m, which is valid for r. What is implied by the outcome of r changes that no more, and fills in
// what is not known yet: that a release which has recovered had failed, or when one that is rolled back had succeeded. So it
// does not matter in which order news arrives. The error is ErrConflict, with what contradicts what.
func (r Release) Moved(m Move) (Release, error) {
	conflict := func(format string, args ...any) (Release, error) {
		return r, NewConflict("release %s %s", r.ID, fmt.Sprintf(format, args...))
	}
	switch {
	case m.CommittedAt != nil && r.CommittedAt != nil && !m.CommittedAt.Equal(*r.CommittedAt):
		return conflict("is recorded with another committed_at")
	case m.Artifact != "" && r.Artifact != "" && m.Artifact != r.Artifact:
		return conflict("is recorded with another artifact")
	}
	to, at := r, m.FinishedAt
	if to.CommittedAt == nil {
		to.CommittedAt = m.CommittedAt
	}
	if to.Artifact == "" {
		to.Artifact = m.Artifact
	}
	if to.Team == "" {
		to.Team = m.Team
	}
	end := func() {
		to.Outcome, to.FinishedAt = m.Outcome, at
	}
	switch m.Outcome {
	case Started:
	case TimedOut:
		if r.Outcome == Started {
			end()
		}
	case Failed:
		// The failure of a release that has ended otherwise lies before that end.
		last := r.FinishedAt
		if r.SucceededAt != nil {
			last = r.SucceededAt
		}
		switch {
		case r.FailedAt != nil:
		case m.Outcome.rank() > r.Outcome.rank():
			to.FailedAt = at
			end()
		case last != nil && !at.After(*last):
			to.FailedAt = at
		default:
			return conflict("is %s and cannot become %s later", r.Outcome, m.Outcome)
		}
	case Succeeded:
		switch {
		case r.SucceededAt != nil:
		case r.FailedAt != nil && at.Before(*r.FailedAt):
			return conflict("failed later than finished_at")
		case m.Outcome.rank() > r.Outcome.rank():
			to.SucceededAt = at
			end()
		case !at.After(*r.FinishedAt):
			to.SucceededAt = at
		default:
			return conflict("is %s and cannot become %s later", r.Outcome, m.Outcome)
		}
	case RolledBack, Removed:
		inferred := r.RolledBackBy != "" // and yields to what is said
		switch {
		case r.Outcome == m.Outcome && !inferred:
		case m.Outcome.rank() <= r.Outcome.rank() && !inferred:
			return conflict("is %s and cannot become %s", r.Outcome, m.Outcome)
		case r.SucceededAt != nil && at.Before(*r.SucceededAt):
			return conflict("succeeded later than finished_at")
		case r.FailedAt != nil && at.Before(*r.FailedAt):
			return conflict("failed later than finished_at")
		default:
			to.RolledBackBy = ""
			end()
		}
	}
	return to, nil
}
