package postgres

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// attempt is a release as this file works it out: from the facts alone, all at once, by the definitions and with none of
// the code that it is compared with.
type attempt struct {
	track, version            string
	start                     int
	failed, succeeded, undone int // the minutes that were said, -1 for none
	configuration             bool
	delivery                  *attempt // with which its delivery began
	takenBack                 int      // the minute, -1 for never
}

// over reports whether a was said to have ended without running on, by a minute.
func (a *attempt) over(minute int) bool {
	return a.undone >= 0 && a.undone <= minute || a.undone < 0 && a.succeeded < 0 && a.failed >= 0 && a.failed <= minute
}

// workedOut are the releases of the facts, with what follows.
func workedOut(facts []fact) []*attempt {
	byName := map[string]*attempt{}
	var all []*attempt
	for _, f := range facts {
		name := fmt.Sprint(f.what, f.minute)
		a := byName[name]
		if a == nil {
			track, version, _ := strings.Cut(f.what, " ")
			a = &attempt{track: track, version: version, start: f.minute, failed: -1, succeeded: -1, undone: -1, takenBack: -1}
			byName[name] = a
			all = append(all, a)
		}
		switch f.outcome {
		case release.Failed:
			a.failed = f.end
		case release.Succeeded:
			a.succeeded = f.end
		case release.RolledBack:
			a.undone = f.end
		}
	}
	slices.SortFunc(all, func(a, b *attempt) int { return cmp.Or(a.start-b.start, strings.Compare(a.track, b.track)) })
	latest := map[string]*attempt{} // deployment of each track
	for _, a := range all {
		a.delivery = a
		last, beside := latest[a.track], latest[map[string]string{"stable": "canary", "canary": "stable"}[a.track]]
		ran := last != nil && last.succeeded >= 0 && last.succeeded <= a.start && !last.over(a.start)
		if a.configuration = ran && last.version == a.version; a.configuration {
			continue
		}
		latest[a.track] = a
		if beside != nil && beside.version == a.version && (beside.start == a.start || !beside.over(a.start)) {
			a.delivery = beside.delivery
		}
	}
	var successes []*attempt
	for _, a := range all {
		if a.succeeded >= 0 && !a.configuration {
			successes = append(successes, a)
		}
	}
	slices.SortFunc(successes, func(a, b *attempt) int { return a.succeeded - b.succeeded })
	for _, r := range successes {
		gone := func(a *attempt) bool {
			return a.undone >= 0 && a.undone <= r.succeeded || a.takenBack >= 0 && a.takenBack < r.succeeded
		}
		var ran *attempt
		for _, a := range successes {
			if a.track == r.track && a.succeeded < r.succeeded && !gone(a) {
				ran = a
			}
		}
		if ran == nil || ran.version == r.version || ran.undone >= 0 {
			continue
		}
		var stable *attempt
		back := false
		for _, a := range successes {
			if a.succeeded >= ran.succeeded {
				break
			}
			if a.track == "stable" {
				stable = a
			}
			back = back || a.track == r.track && a.version == r.version && a.undone < 0 && !gone(a)
		}
		if back || r.track == "canary" && stable != nil && stable.version == r.version {
			ran.takenBack = r.succeeded
		}
	}
	return all
}

// measuresInSQL are the measures over production in plain SQL: all deployments, grouped, and no window of rows.
const measuresInSQL = `WITH d AS (
	SELECT r.*, coalesce(continues, id) AS delivery,
		CASE WHEN succeeded_at IS NOT NULL THEN succeeded_at WHEN outcome IN ('failed', 'rolled_back') THEN finished_at ELSE failed_at END AS at,
		outcome = 'rolled_back' OR failed_at IS NOT NULL AS bad,
		CASE WHEN failed_at IS NOT NULL THEN failed_at WHEN outcome = 'rolled_back' THEN coalesce(succeeded_at, started_at) END AS since,
		CASE WHEN outcome = 'rolled_back' THEN finished_at WHEN succeeded_at IS NOT NULL THEN succeeded_at
			ELSE (SELECT min(n.succeeded_at) FROM releases n WHERE n.kind = 'deployment' AND n.outcome IN ('succeeded', 'removed')
				AND n.service = r.service AND n.environment = r.environment AND n.track = r.track AND n.succeeded_at >= r.failed_at)
		END AS until
	FROM releases r WHERE environment = 'prod' AND kind = 'deployment'
), g AS (
	SELECT coalesce(min(at) FILTER (WHERE succeeded_at IS NOT NULL), min(at)) AS at, bool_or(bad) AS bad,
		CASE WHEN bool_or(bad) AND bool_and(NOT bad OR until IS NOT NULL)
			THEN max(until) FILTER (WHERE bad) - min(since) FILTER (WHERE bad) END AS restore
	FROM d WHERE at IS NOT NULL GROUP BY delivery
), l AS (
	SELECT min(succeeded_at) AS at, min(succeeded_at) - min(committed_at) AS lead
	FROM d WHERE succeeded_at IS NOT NULL GROUP BY service, change
)
SELECT (SELECT count(*) FROM g WHERE at >= $1 AND at < $2),
	(SELECT count(*) FROM g WHERE at >= $1 AND at < $2 AND bad),
	(SELECT array[count(restore)::text, extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY restore))::text, extract(epoch FROM percentile_disc(0.9) WITHIN GROUP (ORDER BY restore))::text]
		FROM g WHERE at >= $1 AND at < $2),
	(SELECT array[count(lead)::text, extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY lead))::text, extract(epoch FROM percentile_disc(0.9) WITHIN GROUP (ORDER BY lead))::text]
		FROM l WHERE at >= $1 AND at < $2)`

// TestIndependently tells random histories in random order and compares what the ledger makes of them with what is worked
// out here: kinds, deliveries and rollbacks in one pass over the facts, the measures in plain SQL, over windows that cut the
// history, many of them at the very moment of something.
func TestIndependently(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 22))
	kinds, continued, takenBack, compared := 0, 0, 0, 0
	for range 8 {
		ta := newTale(t)
		facts := history(random)
		ta.tellAll(shuffled(random, facts))
		id := func(a *attempt) string { return ta.ids[fmt.Sprint(a.track, " ", a.version, " of ", a.start)] }
		for _, a := range workedOut(facts) {
			r, err := ta.s.Release(t.Context(), id(a))
			if err != nil {
				t.Fatal(err)
			}
			back := -1
			if r.RolledBackBy != "" {
				back = int(r.FinishedAt.Sub(ta.began).Minutes())
				takenBack++
			}
			if r.Kind == release.Configuration {
				kinds++
			}
			if r.Continues != "" {
				continued++
			}
			if (r.Kind == release.Configuration) != a.configuration || r.Delivery() != id(a.delivery) || back != a.takenBack {
				t.Errorf("%s %s of %d is %s, goes on with %q, taken back at %d; worked out: %+v", a.track, a.version, a.start, r.Kind, r.Continues, back, *a)
			}
		}
		for range 12 {
			f := facts[random.IntN(len(facts))]
			now := *ta.at(max(f.minute, f.end) + random.IntN(2))
			if random.IntN(2) == 0 {
				now = now.Add(24 * time.Hour) // the window begins amid the history, else it ends there
			}
			compared += ta.compare(24*time.Hour, now)
		}
	}
	if kinds < 5 || continued < 20 || takenBack < 20 || compared < 200 {
		t.Errorf("the histories hold %d configuration syncs, %d promotions, %d rollbacks and %d deployments: too little is compared", kinds, continued, takenBack, compared)
	}
}

// compare holds the measures of a window to those in SQL, and each of its days to what release.Measure makes of the releases, and
// returns how many deployments were in it.
func (ta *tale) compare(window time.Duration, now time.Time) int {
	ta.t.Helper()
	m, before, err := ta.s.MeasuresAndBefore(ta.t.Context(), release.Scope{}, window, now)
	if err != nil {
		ta.t.Fatal(err)
	}
	var deployments, failures int
	var restore, lead []*string
	if err := ta.s.pool.QueryRow(ta.t.Context(), measuresInSQL, now.Add(-window), now).Scan(&deployments, &failures, &restore, &lead); err != nil {
		ta.t.Fatal(err)
	}
	failed := 0
	for _, d := range m.Days {
		failed += d.Failures
	}
	got := fmt.Sprint(m.Deployments, " ", failed, "; ", said(m.TimeToRestore), "; ", said(m.LeadTime))
	if want := fmt.Sprint(deployments, " ", failures, "; ", read(restore), "; ", read(lead)); got != want {
		ta.t.Errorf("the %s until %s: measured %s, in SQL %s", window, now.Sub(ta.began), got, want)
	}
	var all []release.Release
	for f := (release.Filter{Environment: "prod", Limit: release.MaxLimit}); ; {
		page, err := ta.s.Releases(ta.t.Context(), f)
		if err != nil {
			ta.t.Fatal(err)
		}
		all = append(all, page.Releases...)
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	alone, err := ta.s.Measures(ta.t.Context(), release.Scope{}, window, now)
	if err != nil {
		ta.t.Fatal(err)
	}
	for _, c := range []struct {
		end time.Time
		got release.Measures
	}{{now, m}, {now, alone}, {now.Add(-window), before}} {
		want := release.Measure(all, c.end.Add(-window), c.end)
		want.Environments = []string{"prod"}
		if !reflect.DeepEqual(c.got, want) {
			ta.t.Errorf("the %s until %s:\nmeasured %+v\nat hand  %+v", window, c.end.Sub(ta.began), c.got, want)
		}
	}
	return deployments
}

// TestMeasuredDaysFollow measures days again and again while histories of two weeks come in, late and in any order, while what
// runs is removed and while old releases are forgotten: what is asked of measured days is what plain SQL says of the releases. So it
// is with the hours of today, and histories of one.
func TestMeasuredDaysFollow(t *testing.T) {
	for _, c := range []struct {
		name    string
		began   time.Time
		stretch int // of a history of 400 minutes
		forget  time.Duration
	}{
		{"days", noon.Add(-15 * 24 * time.Hour), 47, 7 * 24 * time.Hour},
		{"hours", noon.Add(-10 * time.Hour), 1, 3 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(31, 32))
			compared, closed, hours := 0, int64(0), 0
			for range 4 {
				ta := newTale(t)
				ta.began = c.began
				facts := history(random)
				for i := range facts {
					facts[i].minute *= c.stretch
					if facts[i].end > 0 {
						facts[i].end *= c.stretch
					}
				}
				remeasure := func() {
					n, err := ta.s.CloseDays(t.Context(), noon.Add(-time.Duration(random.IntN(6))*time.Hour))
					if err != nil {
						t.Fatal(err)
					}
					closed += n
					hours += count(t, ta.s, "SELECT count(*) FROM measured_hours WHERE service = '' AND deployments > 0")
				}
				look := func() {
					compared += ta.compare(20*24*time.Hour, noon)
					f := facts[random.IntN(len(facts))]
					compared += ta.compare(time.Duration(1+random.IntN(5))*24*time.Hour, *ta.at(max(f.minute, f.end) + random.IntN(2)))
				}
				for _, f := range shuffled(random, facts) {
					ta.tellAll([]fact{f})
					if random.IntN(3) == 0 {
						remeasure()
					}
					if random.IntN(3) == 0 {
						look()
					}
				}
				remeasure()
				look()
				for _, track := range []release.Track{release.Stable, release.Canary} {
					if _, err := ta.s.Remove(t.Context(), release.Place{Service: "api", Environment: "prod", Track: track}, noon.Add(-time.Hour), "ann"); err != nil {
						t.Fatal(err)
					}
					look()
				}
				remeasure()
				if _, err := ta.s.Forget(t.Context(), ta.began.Add(c.forget)); err != nil {
					t.Fatal(err)
				}
				look()
				remeasure()
				look()
			}
			if c.name == "hours" {
				closed = int64(hours)
			}
			if compared < 500 || closed < 100 {
				t.Errorf("%d days or hours were measured and %d deployments compared: too little", closed, compared)
			}
		})
	}
}

func said(q release.Quantiles) string {
	if q.Samples == 0 {
		return "0"
	}
	return fmt.Sprint(q.Samples, " ", *q.Median, " ", *q.P90)
}

// read is said for seconds as PostgreSQL writes them.
func read(all []*string) string {
	if *all[0] == "0" {
		return "0"
	}
	text := *all[0]
	for _, s := range all[1:] {
		d, err := time.ParseDuration(*s + "s")
		if err != nil {
			return *s
		}
		text = fmt.Sprint(text, " ", d)
	}
	return text
}
