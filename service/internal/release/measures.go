package release

import (
	"math"
	"slices"
	"time"
)

// Measures are the software delivery measures of DORA, https://dora.dev/guides/dora-metrics/, over the releases that
// it is given. DORA means production, and one application at a time; whoever chooses the releases chooses both. DORA
// has a fifth since 2024, the deployment rework rate (deployments that are unplanned and answer an incident), for
// which a ledger of releases lacks the incidents.
//
// A deployment is a release that has ended: succeeded, failed or rolled back. It counts at the moment when it
// succeeded, or, if it never did, when it ended. Both tracks count: a canary is in front of users.
type Measures struct {
	// Window is the length of time that was looked at, Deployments the deployments in it.
	Window      time.Duration
	Deployments int

	// DeploymentFrequency is deployments a day: Deployments over the days of Window. DORA: the number of
	// deployments over a given period. Those that failed are in it, as they are in ChangeFailureRate.
	DeploymentFrequency float64

	// LeadTime is, over the changes that were first deployed in the window and whose time of commit is known, from
	// that commit to the first success, rolled back afterwards or not. A change is a revision of a service in an
	// environment: promoting a canary, or going back to an old version, delivers nothing that was not there before.
	// DORA, as change lead time: the time that a change takes from committed to version control to deployed in
	// production. The ledger knows the last commit of a deployment alone, so that with batches of commits the oldest
	// waited longer than this says.
	LeadTime Quantiles

	// TimeToRestore is, over the deployments that failed, from the failure until service and track had a good
	// version again; those that have none yet are left out. DORA, as failed deployment recovery time: how long
	// it takes to recover from a deployment that fails and requires immediate intervention. For a deployment that was
	// rolled back it runs from its success, when users first met it (from its start, if it never succeeded), to the
	// end of the rollback; for a failed one from its end to the next success in the same place.
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

// Measure computes the measures of [from, to). Recoveries are looked for in all releases given, also in those
// before from and from to on, and so is an earlier deployment of the same change; the order of releases does not
// matter. An empty window gives the zero Measures.
func Measure(releases []Release, from, to time.Time) Measures {
	if !from.Before(to) {
		return Measures{}
	}
	m := Measures{Window: to.Sub(from), Days: days(from, to)}
	dayOf := func(at time.Time) int { return int(midnight(at).Sub(m.Days[0].Day) / (24 * time.Hour)) }
	lead := make([][]time.Duration, len(m.Days))
	restore := make([][]time.Duration, len(m.Days))

	successes := successesByPlace(releases)
	failures := 0
	for _, r := range releases {
		at := r.deployedAt()
		if at == nil || at.Before(from) || !at.Before(to) {
			continue
		}
		m.Deployments++
		i := dayOf(*at)
		m.Days[i].Deployments++
		if r.Outcome != Succeeded {
			failures++
			m.Days[i].Failures++
			if t, ok := r.restoredIn(successes[placeOf(r)]); ok {
				restore[i] = append(restore[i], t)
			}
		}
	}
	for _, d := range deliveries(releases) {
		if d.committed != nil && !d.first.Before(from) && d.first.Before(to) {
			i := dayOf(d.first)
			lead[i] = append(lead[i], max(0, d.first.Sub(*d.committed)))
		}
	}
	for i := range m.Days {
		m.Days[i].LeadTime = quantiles(lead[i])
		m.Days[i].TimeToRestore = quantiles(restore[i])
	}

	m.DeploymentFrequency = float64(m.Deployments) / (m.Window.Hours() / 24)
	m.LeadTime = quantiles(slices.Concat(lead...))
	m.TimeToRestore = quantiles(slices.Concat(restore...))
	if m.Deployments > 0 {
		rate := float64(failures) / float64(m.Deployments)
		m.ChangeFailureRate = &rate
	}
	return m
}

// change is what lead time is about.
type change struct{ service, environment, revision string }

// delivery is how a change reached its environment: its first success, and when it was committed, nil if none of
// its releases says so.
type delivery struct {
	first     time.Time
	committed *time.Time
}

func deliveries(releases []Release) map[change]delivery {
	m := make(map[change]delivery)
	for _, r := range releases {
		if r.SucceededAt == nil {
			continue
		}
		c := change{r.Service, r.Environment, r.Revision}
		d, known := m[c]
		if !known || r.SucceededAt.Before(d.first) {
			d.first = *r.SucceededAt
		}
		if r.CommittedAt != nil && (d.committed == nil || r.CommittedAt.Before(*d.committed)) {
			d.committed = r.CommittedAt
		}
		m[c] = d
	}
	return m
}

// place is where one release replaces another.
type place struct {
	service, environment string
	track                Track
}

func placeOf(r Release) place { return place{r.Service, r.Environment, r.Track} }

// deployedAt is the moment at which r counts as a deployment, nil while it is none.
func (r Release) deployedAt() *time.Time {
	switch {
	case !r.Outcome.Ended():
		return nil
	case r.SucceededAt != nil:
		return r.SucceededAt
	}
	return r.FinishedAt
}

// restoredIn is how long it took to recover from r, given the successes of its place in order of time.
func (r Release) restoredIn(successes []time.Time) (time.Duration, bool) {
	if r.FinishedAt == nil {
		return 0, false
	}
	if r.Outcome == RolledBack {
		since := r.SucceededAt
		if since == nil {
			since = r.StartedAt
		}
		if since == nil {
			return 0, false
		}
		return max(0, r.FinishedAt.Sub(*since)), true
	}
	i, _ := slices.BinarySearchFunc(successes, *r.FinishedAt, time.Time.Compare)
	if i == len(successes) {
		return 0, false
	}
	return successes[i].Sub(*r.FinishedAt), true
}

// successesByPlace leaves out what was rolled back: it did not restore anything.
func successesByPlace(releases []Release) map[place][]time.Time {
	m := make(map[place][]time.Time)
	for _, r := range releases {
		if r.Outcome == Succeeded && r.SucceededAt != nil {
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

func quantiles(samples []time.Duration) Quantiles {
	if len(samples) == 0 {
		return Quantiles{}
	}
	slices.Sort(samples)
	rank := func(q float64) *time.Duration {
		v := samples[int(math.Ceil(q*float64(len(samples))))-1]
		return &v
	}
	return Quantiles{Median: rank(0.5), P90: rank(0.9), Samples: len(samples)}
}
