package release

import "time"

// MaxRunning is the most that Ledger.RunningAt returns at once.
const MaxRunning = 500

// RunningFilter says of which places it is asked what runs, or what ran. An empty field wants all.
type RunningFilter struct {
	Service     string
	Environment string
	// At is the time that is asked about; the zero time is now.
	At time.Time
	// After is the last place of what was returned before, so that the rest follows; the zero Place is the start.
	After Place
	// Limit 0 is MaxRunning.
	Limit int
}

// Validate returns nil or an *Invalid with every fault of f.
func (f RunningFilter) Validate() error {
	var faults faults
	if f.Service != "" {
		faults.name("service", f.Service)
	}
	if f.Environment != "" {
		faults.name("environment", f.Environment)
	}
	faults.bound("at", f.At)
	if f.Limit < 0 || f.Limit > MaxRunning {
		faults.add("limit", "must be between 1 and %d", MaxRunning)
	}
	return faults.err()
}

// Step is one step of a promotion: a service goes to an environment from the one before it.
type Step struct {
	Service     string
	Environment string
	Upstream    string // the environment that versions come from
}

// MostBehind is how far Lag.Releases counts.
const MostBehind = 100

// Lag is how the stable half of a service in an environment stands behind that of Step.Upstream, where they differ.
type Lag struct {
	Step
	Version   string // the one that waits: what runs upstream
	ReleaseID string // the release that brought it there
	Actor     string // whose release that is
	// Known tells whether what runs in Environment ran in Upstream before. Without it, Releases and Since are zero: it
	// came another way.
	Known bool
	// Releases is how many succeeded upstream since, at most MostBehind, and Since when the first of them did.
	Releases int
	Since    time.Time
}

// Transition is one thing that was said of a release.
type Transition struct {
	Outcome     Outcome
	Actor       string
	CommittedAt *time.Time
	FinishedAt  *time.Time // when the outcome came about; nil for Started
	RecordedAt  time.Time
	RecordedVia string // as in Release, also "" for what the ledger said itself
}

// MaxNames is how many of each Ledger.Names returns.
const MaxNames = 500

// Names are those that the ledger has releases of, in order, at most MaxNames of each.
type Names struct {
	Services, Environments, Actors []string
}
