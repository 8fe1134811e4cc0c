package release

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Measures are the software delivery measures of DORA, https://dora.dev/guides/dora-metrics/, over the releases that
// it is given. DORA means production, and one application at a time; whoever chooses the releases chooses both. DORA
// has a fifth since 2024, the deployment rework rate (deployments that are unplanned and answer an incident), for
// which a ledger of releases lacks the incidents.
//
// A deployment is a change of what runs in a place that has ended, well or badly: it succeeded, failed or was rolled back. A
// configuration sync is none. Releases of one change on both tracks, a canary and its promotion, are one deployment:
// a delivery. It counts at the moment when it first succeeded, or, if it never did, when it ended: a canary is in
// front of users. It has failed if one of its releases failed, recovered or not, or was rolled back, said or found out.
type Measures struct {
	// Environments are those that were looked at, in order.
	Environments []string
	// Window is the length of time that was looked at, Deployments the deployments in it.
	Window      time.Duration
	Deployments int

	// DeploymentFrequency is deployments a day: Deployments over the days of Window. DORA: the number of
	// deployments over a given period. Those that failed are in it, as they are in ChangeFailureRate.
	DeploymentFrequency float64

	// LeadTime is, over the changes that were first deployed in the window and whose time of commit is known, from
	// that commit to the first success, rolled back afterwards or not. A change is an artifact, or a version and
	// revision, of a service in an environment: promoting a canary, or going back to an old version, delivers nothing
	// that was not there before. DORA, as change lead time: the time that a change takes from committed to version
	// control to deployed in production. The ledger knows the last commit of a deployment alone, so that with batches
	// of commits the oldest waited longer than this says.
	LeadTime Quantiles

	// TimeToRestore is, over the deployments that failed, from the failure until service and track had a good
	// version again; those that have none yet are left out. DORA, as failed deployment recovery time: how long
	// it takes to recover from a deployment that fails and requires immediate intervention. For a release that recovered
	// it runs from its failure to its success; for one that was rolled back from its failure, if it had one, or else from
	// its success, when users first met it (from its start, if it never succeeded), to the end of the rollback; for a failed
	// one from its end to the next success in the same place. Of a delivery on both tracks it runs from the first of these
	// failures to the last recovery.
	TimeToRestore Quantiles

	// ChangeFailureRate is failed and rolled back deployments over all, 0 to 1, nil without any. DORA, as change fail
	// rate: the ratio of deployments that require immediate intervention, likely a rollback or a hotfix.
	ChangeFailureRate *float64

	// Days holds every day in UTC that the window touches, the first first, also those without a deployment.
	Days []DayCount
}

// Quantiles describe a set of times; both are nil where Samples is 0. Each is a time that occurred (nearest rank),
// so that no value is made up between two.
type Quantiles struct {
	Median, P90 *time.Duration
	Samples     int
}

// DayCount is what happened on one day.
type DayCount struct {
	Day         time.Time // midnight, UTC
	Deployments int
	Failures    int // of these

	// LeadTime is over the changes that were first deployed on this day, TimeToRestore over its Failures.
	LeadTime, TimeToRestore Quantiles
}

// Tally is what a day comes to, as far as it is within the window.
type Tally struct {
	Deployments, Failures int
	Leads, Restores       []time.Duration // each in order
}

// Sum computes the measures of [from, to) from the tallies of the days in UTC that it touches, the first first. An empty window
// gives the zero Measures.
func Sum(tallies []Tally, from, to time.Time) Measures {
	if !from.Before(to) {
		return Measures{}
	}
	m := Measures{Window: to.Sub(from), Days: days(from, to)}
	leads, restores := make([][]time.Duration, len(tallies)), make([][]time.Duration, len(tallies))
	failures := 0
	for i, t := range tallies {
		m.Deployments += t.Deployments
		failures += t.Failures
		leads[i], restores[i] = t.Leads, t.Restores
		d := &m.Days[i]
		d.Deployments, d.Failures = t.Deployments, t.Failures
		d.LeadTime, d.TimeToRestore = quantiles(leads[i:i+1]), quantiles(restores[i:i+1])
	}
	m.DeploymentFrequency = float64(m.Deployments) / (m.Window.Hours() / 24)
	m.LeadTime, m.TimeToRestore = quantiles(leads), quantiles(restores)
	if m.Deployments > 0 {
		rate := float64(failures) / float64(m.Deployments)
		m.ChangeFailureRate = &rate
	}
	return m
}

// Measure computes the measures of [from, to) from releases at hand: what a ledger measures is held to it. Recoveries are looked for in all
// releases given, also in those before from and from to on, and so is an earlier deployment of the same change; the order of
// releases does not matter. An empty window gives the zero Measures.
func Measure(releases []Release, from, to time.Time) Measures {
	if !from.Before(to) {
		return Measures{}
	}
	all := days(from, to)
	tallies := make([]Tally, len(all))
	of := func(at time.Time) *Tally { return &tallies[int(midnight(at).Sub(all[0].Day)/(24*time.Hour))] }
	successes := successesByPlace(releases)
	for _, d := range deliveries(releases, successes) {
		if d.at.Before(from) || !d.at.Before(to) {
			continue
		}
		t := of(d.at)
		t.Deployments++
		if d.failed {
			t.Failures++
			if !d.unrestored {
				t.Restores = append(t.Restores, max(0, d.until.Sub(d.since)))
			}
		}
	}
	for _, f := range firstSuccesses(releases) {
		if f.committed != nil && !f.at.Before(from) && f.at.Before(to) {
			t := of(f.at)
			t.Leads = append(t.Leads, max(0, f.at.Sub(*f.committed)))
		}
	}
	for _, t := range tallies {
		slices.Sort(t.Leads)
		slices.Sort(t.Restores)
	}
	return Sum(tallies, from, to)
}

// delivery is the releases that brought one change to an environment, on one track or on both.
type delivery struct {
	at                time.Time // when it counts as a deployment
	succeeded, failed bool
	since, until      time.Time // of its failure, where it failed
	unrestored        bool
}

// deliveries are those that have ended.
func deliveries(releases []Release, successes map[Place][]time.Time) map[string]*delivery {
	all := make(map[string]*delivery)
	for i, r := range releases {
		at := r.deployedAt()
		if at == nil {
			continue
		}
		id := r.Delivery()
		if id == "" {
			id = strconv.Itoa(i) // not recorded yet: a delivery by itself
		}
		d := all[id]
		if d == nil {
			d = &delivery{at: *at, succeeded: r.SucceededAt != nil}
			all[id] = d
		}
		// The first success, or else the first end.
		if succeeded := r.SucceededAt != nil; succeeded && !d.succeeded || succeeded == d.succeeded && at.Before(d.at) {
			d.at, d.succeeded = *at, succeeded
		}
		since, until, failed := r.failure(successes[placeOf(r)])
		if !failed {
			continue
		}
		if !d.failed || since.Before(d.since) {
			d.since = since
		}
		d.failed = true
		if until == nil {
			d.unrestored = true
		} else if until.After(d.until) {
			d.until = *until
		}
	}
	return all
}

// firstSuccess is when a change reached its environment, and when it was committed, nil if none of its releases
// says so.
type firstSuccess struct {
	at        time.Time
	committed *time.Time
}

func firstSuccesses(releases []Release) map[[3]string]firstSuccess {
	m := make(map[[3]string]firstSuccess)
	for _, r := range releases {
		if r.SucceededAt == nil || r.Kind == Configuration {
			continue
		}
		c := [3]string{r.Service, r.Environment, r.Change()}
		f, known := m[c]
		if !known || r.SucceededAt.Before(f.at) {
			f.at = *r.SucceededAt
		}
		if r.CommittedAt != nil && (f.committed == nil || r.CommittedAt.Before(*f.committed)) {
			f.committed = r.CommittedAt
		}
		m[c] = f
	}
	return m
}

func placeOf(r Release) Place { return Place{r.Service, r.Environment, r.Track} }

// deployedAt is the moment at which r counts as a deployment, nil while it is none.
func (r Release) deployedAt() *time.Time {
	switch {
	case r.Kind == Configuration:
		return nil
	case r.SucceededAt != nil:
		return r.SucceededAt
	case r.Outcome == Failed || r.Outcome == RolledBack:
		return r.FinishedAt
	}
	return r.FailedAt // of what was removed afterwards
}

// failure is from when until when r was a failure, given the successes of its place in order of time; until is nil
// while it is one.
func (r Release) failure(successes []time.Time) (since time.Time, until *time.Time, failed bool) {
	first := r.FailedAt
	if first == nil && r.Outcome == Failed {
		first = r.FinishedAt
	}
	switch {
	case r.Outcome == RolledBack:
		if first == nil {
			first = r.SucceededAt
		}
		if first == nil {
			first = r.StartedAt
		}
		until = r.FinishedAt
	case first == nil:
		return since, nil, false
	case r.SucceededAt != nil:
		until = r.SucceededAt
	default:
		i, _ := slices.BinarySearchFunc(successes, *first, time.Time.Compare)
		if i < len(successes) {
			until = &successes[i]
		}
	}
	if first == nil {
		return since, nil, true
	}
	return *first, until, true
}

// successesByPlace leaves out what was rolled back: it did not restore anything.
func successesByPlace(releases []Release) map[Place][]time.Time {
	m := make(map[Place][]time.Time)
	for _, r := range releases {
		if (r.Outcome == Succeeded || r.Outcome == Removed) && r.SucceededAt != nil && r.Kind != Configuration {
			m[placeOf(r)] = append(m[placeOf(r)], *r.SucceededAt)
		}
	}
	for _, s := range m {
		slices.SortFunc(s, time.Time.Compare)
	}
	return m
}

func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func days(from, to time.Time) []DayCount {
	var all []DayCount
	for d := midnight(from); d.Before(to); d = d.AddDate(0, 0, 1) {
		all = append(all, DayCount{Day: d})
	}
	return all
}

// quantiles are those of all the sets together, each of which is in order.
func quantiles(sets [][]time.Duration) Quantiles {
	n := 0
	for _, set := range sets {
		n += len(set)
	}
	if n == 0 {
		return Quantiles{}
	}
	at := func(q float64) *time.Duration {
		t := ranked(sets, int(math.Ceil(q*float64(n))))
		return &t
	}
	return Quantiles{Median: at(0.5), P90: at(0.9), Samples: n}
}

// fewEnough are sorted sooner than they are told apart.
const fewEnough = 256

// ranked is the value of which as many as rank, the least being 1, are under or alike. The range in which it lies is halved until few
// are left in it, so that of a year of many samples hardly any is moved.
func ranked(sets [][]time.Duration, rank int) time.Duration {
	if len(sets) == 1 {
		return sets[0][rank-1]
	}
	left := make([][]time.Duration, 0, len(sets))
	n := 0
	low, high := time.Duration(math.MaxInt64), time.Duration(math.MinInt64)
	for _, set := range sets {
		if len(set) > 0 {
			left, n = append(left, set), n+len(set)
			low, high = min(low, set[0]), max(high, set[len(set)-1])
		}
	}
	cuts := make([]int, len(left))
	for n > fewEnough && low < high {
		middle := low + (high-low)/2
		under := 0
		for i, set := range left {
			cuts[i], _ = slices.BinarySearch(set, middle+1)
			under += cuts[i]
		}
		if under >= rank {
			high, n = middle, under
			for i := range left {
				left[i] = left[i][:cuts[i]]
			}
		} else {
			low, n, rank = middle+1, n-under, rank-under
			for i := range left {
				left[i] = left[i][cuts[i]:]
			}
		}
	}
	if low == high {
		return low
	}
	few := slices.Concat(left...)
	slices.Sort(few)
	return few[rank-1]
}
