package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// tale tells releases of one service in prod, minutes after a morning, and reads what became of them.
type tale struct {
	t     *testing.T
	s     *Store
	began time.Time
	ids   map[string]string // by what the tale calls them
}

func newTale(t *testing.T) *tale {
	t.Helper()
	return &tale{t: t, s: migrated(t), began: noon.Add(-10 * time.Hour), ids: map[string]string{}}
}

func (ta *tale) at(minute int) *time.Time {
	return ptr(ta.began.Add(time.Duration(minute) * time.Minute))
}

// draft is a release like "stable 1.1", which begins at a minute. Its revision is that of a configuration, and so another
// each time.
func (ta *tale) draft(what string, minute int, outcome release.Outcome, end int) release.Draft {
	track, version, _ := strings.Cut(what, " ")
	d := release.Draft{
		Service: "api", Environment: "prod", Track: release.Track(track), Version: version, Revision: fmt.Sprintf("%040x", minute),
		Actor: "ann", Outcome: outcome, CommittedAt: ta.at(minute - 60), StartedAt: ta.at(minute), Artifact: "x/api:" + version,
	}
	if outcome.Ended() {
		d.FinishedAt = ta.at(end)
	}
	return d
}

func (ta *tale) tell(name, what string, minute int, outcome release.Outcome, end int) {
	ta.t.Helper()
	ta.ids[name] = recorded(ta.t, ta.s, ta.draft(what, minute, outcome, end)).ID
}

// ran tells of a release that succeeded, five minutes after it began, as most do.
func (ta *tale) ran(name, what string, minute int) {
	ta.t.Helper()
	ta.tell(name, what, minute, release.Succeeded, minute+5)
}

// state is a release in short: what it is, how it ended when, and which others it has to do with.
func (ta *tale) state(name string) string {
	ta.t.Helper()
	r, err := ta.s.Release(ta.t.Context(), ta.ids[name])
	if err != nil {
		ta.t.Fatal(err)
	}
	called := func(id string) string {
		for n, i := range ta.ids {
			if i == id {
				return n
			}
		}
		return "nobody"
	}
	text := fmt.Sprintf("%s %s", r.Kind, r.Outcome)
	if r.FinishedAt != nil {
		text += fmt.Sprintf(" at %d", int(r.FinishedAt.Sub(ta.began).Minutes()))
	}
	if r.FailedAt != nil {
		text += fmt.Sprintf(" failed at %d", int(r.FailedAt.Sub(ta.began).Minutes()))
	}
	if r.Continues != "" {
		text += " continues " + called(r.Continues)
	}
	if r.RolledBackBy != "" {
		text += " by " + called(r.RolledBackBy)
	}
	return text
}

// running is what runs where.
func (ta *tale) running() string {
	ta.t.Helper()
	all, err := ta.s.RunningAt(ta.t.Context(), release.RunningFilter{})
	if err != nil {
		ta.t.Fatal(err)
	}
	var places []string
	for _, r := range all {
		places = append(places, fmt.Sprintf("%s %s since %d", r.Track, r.Version, int(r.Since.Sub(ta.began).Minutes())))
	}
	return strings.Join(places, ", ")
}

// measured is deployments, failures, changes first deployed and failures restored, with the longest time to restore.
func (ta *tale) measured() string {
	ta.t.Helper()
	m, err := ta.s.Measures(ta.t.Context(), release.Scope{}, 2*24*time.Hour, noon)
	if err != nil {
		ta.t.Fatal(err)
	}
	failures := 0
	for _, d := range m.Days {
		failures += d.Failures
	}
	text := fmt.Sprintf("%d deployed, %d failed, %d delivered, %d restored", m.Deployments, failures, m.LeadTime.Samples, m.TimeToRestore.Samples)
	if m.TimeToRestore.P90 != nil {
		text += " within " + m.TimeToRestore.P90.String()
	}
	return text
}

func (ta *tale) hold(what, got, want string) {
	ta.t.Helper()
	if got != want {
		ta.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestConfigurationSyncs(t *testing.T) {
	ta := newTale(t)
	ta.ran("a", "stable 1.0", 0)
	ta.tell("b", "stable 1.0", 10, release.Started, 0)
	ta.tell("b", "stable 1.0", 10, release.Succeeded, 11)
	ta.tell("c", "stable 1.0", 20, release.Failed, 25)
	ta.ran("d", "stable 1.1", 30)
	ta.hold("the same again", ta.state("b"), "configuration succeeded at 11")
	ta.hold("the same badly", ta.state("c"), "configuration failed at 25 failed at 25")
	ta.hold("another", ta.state("d"), "deployment succeeded at 35")
	ta.hold("running", ta.running(), "stable 1.1 since 35")
	ta.hold("measured", ta.measured(), "2 deployed, 0 failed, 2 delivered, 0 restored")
	// What has not come to run is no configuration when it is tried again, nor is a return from it.
	ta.tell("e", "stable 1.2", 40, release.Failed, 45)
	ta.tell("f", "stable 1.2", 50, release.Failed, 55)
	ta.ran("g", "stable 1.1", 60)
	ta.hold("tried again", ta.state("f"), "deployment failed at 55 failed at 55")
	ta.hold("returned", ta.state("g"), "deployment succeeded at 65")
	ta.hold("measured", ta.measured(), "5 deployed, 2 failed, 2 delivered, 2 restored within 20m0s")
}

func TestWobble(t *testing.T) {
	ta := newTale(t)
	ta.ran("a", "stable 1.0", 0)
	ta.tell("b", "stable 1.1", 10, release.Failed, 12)
	ta.hold("running", ta.running(), "stable 1.0 since 5")
	ta.ran("b", "stable 1.1", 10)
	ta.hold("recovered", ta.state("b"), "deployment succeeded at 15 failed at 12")
	ta.hold("running", ta.running(), "stable 1.1 since 15")
	ta.hold("measured", ta.measured(), "2 deployed, 1 failed, 2 delivered, 1 restored within 3m0s")
}

func TestRollbackByGit(t *testing.T) {
	ta := newTale(t)
	ta.ran("a", "stable 1.0", 0)
	ta.ran("b", "stable 1.1", 10)
	ta.ran("c", "stable 1.0", 40)
	ta.hold("taken back", ta.state("b"), "deployment rolled_back at 45 by c")
	ta.hold("returned to", ta.state("c"), "deployment succeeded at 45")
	ta.hold("running", ta.running(), "stable 1.0 since 45")
	ta.hold("measured", ta.measured(), "3 deployed, 1 failed, 2 delivered, 1 restored within 30m0s")
	// Forward again is no rollback.
	ta.ran("d", "stable 1.1", 60)
	ta.hold("forward again", ta.state("c"), "deployment succeeded at 45")
	// And what lies between is found when it is told late: it was that which was taken back.
	ta.ran("late", "stable 1.2", 20)
	ta.hold("not taken back", ta.state("b"), "deployment succeeded at 15")
	ta.hold("taken back instead", ta.state("late"), "deployment rolled_back at 45 by c")
	ta.hold("a return now", ta.state("c"), "deployment rolled_back at 65 by d")
}

func TestCanaryToStable(t *testing.T) {
	ta := newTale(t)
	ta.ran("a", "stable 1.0", 0)
	ta.ran("b", "canary 1.1", 10)
	ta.hold("running", ta.running(), "canary 1.1 since 15, stable 1.0 since 5")
	ta.ran("c", "stable 1.1", 40)
	ta.hold("promoted", ta.state("c"), "deployment succeeded at 45 continues b")
	ta.hold("measured", ta.measured(), "2 deployed, 0 failed, 2 delivered, 0 restored")
	ta.ran("d", "canary 1.2", 50)
	ta.ran("e", "canary 1.1", 60)
	ta.hold("ended badly", ta.state("d"), "deployment rolled_back at 65 by e")
	ta.hold("back at stable's", ta.state("e"), "deployment succeeded at 65 continues b")
	ta.hold("measured", ta.measured(), "3 deployed, 1 failed, 3 delivered, 1 restored within 10m0s")
	// The whole delivery, on both tracks, is one failure.
	ta.ran("f", "stable 1.0", 70)
	ta.tell("g", "canary 1.0", 70, release.Succeeded, 80)
	ta.hold("taken back", ta.state("c"), "deployment rolled_back at 75 continues b by f")
	ta.hold("one sync to both tracks", ta.state("f")+", "+ta.state("g"), "deployment succeeded at 75 continues g, deployment succeeded at 80")
	ta.hold("measured", ta.measured(), "4 deployed, 2 failed, 3 delivered, 2 restored within 30m0s")
	// Also where one half of a sync fails at once.
	ta.tell("h", "canary 1.3", 100, release.Failed, 100)
	ta.ran("i", "stable 1.3", 100)
	ta.hold("the other half", ta.state("i"), "deployment succeeded at 105 continues h")
}

func TestRemove(t *testing.T) {
	ta := newTale(t)
	place := release.Place{Service: "api", Environment: "prod", Track: release.Canary}
	remove := func(minute int) []release.Release {
		t.Helper()
		removed, err := ta.s.Remove(t.Context(), place, *ta.at(minute), "bob")
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	ta.ran("a", "stable 1.0", 0)
	ta.ran("b", "canary 1.1", 10)
	ta.tell("c", "canary 1.2", 20, release.Started, 0)
	if got := remove(12); len(got) != 0 {
		t.Errorf("removed what came later: %v", got)
	}
	if got := remove(30); len(got) != 2 {
		t.Errorf("removed %v", got)
	}
	ta.hold("what ran", ta.state("b"), "deployment removed at 30")
	ta.hold("what was on its way", ta.state("c"), "deployment removed at 30")
	ta.hold("running", ta.running(), "stable 1.0 since 5")
	ta.hold("measured", ta.measured(), "2 deployed, 0 failed, 2 delivered, 0 restored")
	if got := remove(30); len(got) != 0 {
		t.Errorf("removed again: %v", got)
	}
	ta.ran("d", "canary 1.1", 40)
	ta.hold("back", ta.running(), "canary 1.1 since 45, stable 1.0 since 5")
	ta.hold("after nothing", ta.state("d"), "deployment succeeded at 45")
}

func TestTimeOut(t *testing.T) {
	ta := newTale(t)
	ta.tell("a", "stable 1.0", 0, release.Started, 0)
	ta.tell("b", "stable 1.1", 10, release.Started, 0)
	if n, err := ta.s.TimeOut(t.Context(), *ta.at(5)); n != 1 || err != nil {
		t.Fatalf("%d timed out, %v", n, err)
	}
	ta.hold("old", ta.state("a"), "deployment timed_out at 600")
	ta.hold("young", ta.state("b"), "deployment started")
	ta.hold("measured", ta.measured(), "0 deployed, 0 failed, 0 delivered, 0 restored")
	ta.tell("a", "stable 1.0", 0, release.Succeeded, 8)
	ta.hold("told late", ta.state("a"), "deployment succeeded at 8")
	if n := count(t, ta.s, "SELECT count(*) FROM release_transitions WHERE outcome = 'timed_out' AND actor = 'ledger'"); n != 1 {
		t.Errorf("%d time-outs in the history", n)
	}
}

func TestForget(t *testing.T) {
	ta := newTale(t)
	ta.ran("old", "stable 1.0", 0)
	ta.ran("runs", "stable 1.1", 10)
	ta.ran("configured", "stable 1.1", 20)
	ta.ran("gone", "canary 1.2", 30)
	ta.tell("gone", "canary 1.2", 30, release.Removed, 40)
	if n, err := ta.s.Forget(t.Context(), *ta.at(10)); n != 0 || err != nil {
		t.Errorf("forgot %d of which nothing newer is old, %v", n, err)
	}
	if n, err := ta.s.Forget(t.Context(), *ta.at(100)); n != 3 || err != nil {
		t.Errorf("forgot %d, want 3, %v", n, err)
	}
	ta.hold("running", ta.running(), "stable 1.1 since 15")
	if n := count(t, ta.s, "SELECT count(*) FROM release_transitions"); n != 1 {
		t.Errorf("%d transitions are left", n)
	}
	ta.ran("again", "stable 1.1", 110)
	ta.hold("compared with what runs", ta.state("again"), "configuration succeeded at 115")
}

// A ledger that is told only after years how long to keep what, forgets more than one transaction may: here each release on a day
// of its own.
func TestForgetMuch(t *testing.T) {
	s := migrated(t)
	const n = 2*forgetAtOnce + 500
	if err := pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		// Nothing follows from one of these for another.
		if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `WITH facet AS (INSERT INTO release_facets VALUES ('api', 'prod', 'stable', 'deployment', 'succeeded'))
			INSERT INTO releases (id, service, environment, track, version, revision, actor, outcome, started_at, succeeded_at, finished_at, recorded_at)
			SELECT gen_random_uuid(), 'api', 'prod', 'stable', i::text, '0123abc', 'ana', 'succeeded', at, at, at, at
			FROM generate_series(1, $1::int) i, LATERAL (SELECT $2::timestamptz - i * interval '1 day' AS at) began`, n, noon)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if forgot, err := s.Forget(t.Context(), noon); forgot != n-1 || err != nil {
		t.Errorf("forgot %d, want all of %d but the one that runs, %v", forgot, n, err)
	}
	if running, err := s.RunningAt(t.Context(), release.RunningFilter{}); err != nil || len(running) != 1 || running[0].Version != "1" {
		t.Errorf("%v runs, %v", running, err)
	}
}

func TestProductionIsConfigured(t *testing.T) {
	url := migrated(t).pool.Config().ConnString()
	s := open(t, Options{URL: url, Production: []string{"prod-*", "live"}})
	for i, environment := range []string{"prod-eu", "prod-us", "live", "prod", "dev"} {
		d := draft("api", time.Duration(i+1)*time.Hour)
		d.Environment = environment
		if i%2 == 0 {
			d.Service, d.Team = "web", "shop"
		}
		recorded(t, s, d)
	}
	for _, c := range []struct {
		scope        release.Scope
		environments string
		deployments  int
	}{
		{release.Scope{}, "live prod-eu prod-us", 3},
		{release.Scope{Environment: "dev"}, "dev", 1},
		{release.Scope{Environment: "none"}, "none", 0},
		{release.Scope{Service: "web"}, "live prod-eu prod-us", 2},
		{release.Scope{Team: "shop"}, "live prod-eu prod-us", 2},
		{release.Scope{Environment: "prod-us", Team: "shop"}, "prod-us", 0},
	} {
		m, err := s.Measures(t.Context(), c.scope, 24*time.Hour, noon)
		if got := strings.Join(m.Environments, " "); err != nil || got != c.environments || m.Deployments != c.deployments {
			t.Errorf("%+v: %d deployments in %q, %v", c.scope, m.Deployments, got, err)
		}
	}
	twice := open(t, Options{URL: url, Production: []string{"live", "live"}})
	if m, err := twice.Measures(t.Context(), release.Scope{}, 24*time.Hour, noon); err != nil || len(m.Environments) != 1 || m.Deployments != 1 {
		t.Errorf("named twice: %d deployments in %q, %v", m.Deployments, m.Environments, err)
	}
	if _, err := Open(t.Context(), Options{URL: url, Production: []string{"prod-["}}); err == nil {
		t.Error("a broken glob is taken")
	}
}

// fact is one thing that was said of a release.
type fact struct {
	what        string
	minute, end int
	outcome     release.Outcome
}

// history invents what befell a service: on both tracks, with the same versions again, failures that recover, and
// rollbacks that somebody says. All of it in steps of five minutes, so that much happens at once.
func history(random *rand.Rand) (facts []fact) {
	succeeded := map[string]bool{} // no two at once in one place, of which neither would be the earlier
	for minute := 0; minute < 400; minute += 5 * (1 + random.IntN(5)) {
		tracks := []string{"stable"}
		switch random.IntN(4) {
		case 0:
			tracks = []string{"canary"}
		case 1:
			tracks = []string{"stable", "canary"}
		}
		for _, track := range tracks {
			what := fmt.Sprintf("%s 1.%d", track, random.IntN(3))
			facts = append(facts, fact{what, minute, 0, release.Started})
			success := func(after int) fact {
				for succeeded[fmt.Sprint(track, minute+after)] {
					after += 5
				}
				succeeded[fmt.Sprint(track, minute+after)] = true
				return fact{what, minute, minute + after, release.Succeeded}
			}
			switch random.IntN(8) {
			case 0:
				facts = append(facts, fact{what, minute, minute + 5*random.IntN(3), release.Failed})
			case 1:
				facts = append(facts, fact{what, minute, minute + 5, release.Failed}, success(5*(1+random.IntN(2))))
			case 2:
				done := success(5)
				facts = append(facts, done, fact{what, minute, done.end + 5*random.IntN(5), release.RolledBack})
			case 3:
			default:
				facts = append(facts, success(5*(1+random.IntN(3))))
			}
		}
	}
	return facts
}

func shuffled(random *rand.Rand, facts []fact) []fact {
	told := slices.Clone(facts)
	random.Shuffle(len(told), func(i, j int) { told[i], told[j] = told[j], told[i] })
	return told
}

// tellAll calls each release by what it is and when it began.
func (ta *tale) tellAll(facts []fact) {
	ta.t.Helper()
	for _, f := range facts {
		ta.tell(fmt.Sprint(f.what, " of ", f.minute), f.what, f.minute, f.outcome, f.end)
	}
}

// TestOrderOfNewsDoesNotMatter tells histories in the order in which they happened and in others, some of it twice: state
// and measures come out the same.
func TestOrderOfNewsDoesNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for round := range 8 {
		facts := history(random)
		var want []string
		for try := range 3 {
			ta := newTale(t)
			told := facts
			if try > 0 {
				told = shuffled(random, facts)
				told = append(told, told[:len(told)/4]...)
			}
			ta.tellAll(told)
			var got []string
			for name := range ta.ids {
				got = append(got, name+": "+ta.state(name))
			}
			slices.Sort(got)
			got = append(got, ta.running(), ta.measured())
			if try == 0 {
				want = got
				continue
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("round %d, told in another order: got %s, want %s", round, got[i], want[i])
				}
			}
		}
	}
}

// TestRemovalHeardLate: in whatever order a removal is heard after what it ends, the same is known in the end.
func TestRemovalHeardLate(t *testing.T) {
	const hour = time.Hour
	var want string
	for _, order := range []string{"first second removal again", "first second again removal", "again first second removal", "second first again removal removal", "second removal first again"} {
		s := migrated(t)
		for word := range strings.FieldsSeq(order) {
			put := func(version string, ago time.Duration) {
				d := draft("shop", ago)
				d.Version = version
				recorded(t, s, d)
			}
			switch word {
			case "first":
				put("1.0.0", 10*hour)
			case "second":
				put("1.1.0", 9*hour)
			case "again":
				put("1.0.0", 7*hour)
			case "removal":
				if _, err := s.Remove(t.Context(), release.Place{Service: "shop", Environment: "prod", Track: release.Stable}, noon.Add(-8*hour), "ann"); err != nil {
					t.Fatal(err)
				}
			}
		}
		page, err := s.Releases(t.Context(), release.Filter{Service: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		for _, r := range page.Releases {
			fmt.Fprintln(&said, r.Version, r.StartedAt.Format(time.TimeOnly), r.Kind, r.Outcome, r.FinishedAt.Format(time.TimeOnly), r.RolledBackBy != "")
		}
		for _, ago := range []time.Duration{0, 7*hour + 30*time.Minute, 8*hour + 30*time.Minute} {
			running, err := s.RunningAt(t.Context(), release.RunningFilter{At: noon.Add(-ago)})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range running {
				fmt.Fprintln(&said, "runs", ago, r.Version)
			}
		}
		m, err := s.Measures(t.Context(), release.Scope{}, 7*24*hour, noon)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&said, m.Deployments, *m.ChangeFailureRate, m.TimeToRestore.Samples)
		if want == "" {
			want = said.String()
		}
		if said.String() != want {
			t.Errorf("%s:\n%swant\n%s", order, said.String(), want)
		}
	}
	const known = "1.1.0 03:00:00 deployment removed 04:00:00 false\n"
	if !strings.Contains(want, known) || strings.Contains(want, "7h30m") || !strings.Contains(want, "runs 8h30m0s 1.1.0") || !strings.Contains(want, "runs 0s 1.0.0") {
		t.Errorf("got\n%s", want)
	}
	// What failed last in a place that is gone waits for nothing better.
	s := migrated(t)
	recorded(t, s, draft("shop", 12*hour))
	next := with(draft("shop", 11*hour), release.Failed, time.Minute)
	next.Version = "1.1.0"
	failed := recorded(t, s, next)
	removed, err := s.Remove(t.Context(), release.Place{Service: "shop", Environment: "prod", Track: release.Stable}, noon.Add(-8*hour), "ann")
	if err != nil || len(removed) != 2 {
		t.Fatal(removed, err)
	}
	if r, err := s.Release(t.Context(), failed.ID); err != nil || r.Outcome != release.Removed || r.FailedAt == nil {
		t.Errorf("got %+v, %v", r, err)
	}
	if m, err := s.Measures(t.Context(), release.Scope{}, 7*24*hour, noon); err != nil || m.Deployments != 2 || *m.ChangeFailureRate != 0.5 {
		t.Errorf("got %+v, %v", m, err)
	}
	// What somebody said stays.
	r := recorded(t, s, draft("shop", 10*hour))
	end := noon.Add(-9 * hour)
	if _, _, err := s.Move(t.Context(), r.ID, release.Move{Outcome: release.RolledBack, FinishedAt: &end}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Move(t.Context(), r.ID, release.Move{Outcome: release.Removed, FinishedAt: &end}); !errors.Is(err, release.ErrConflict) {
		t.Errorf("a said rollback became a removal: %v", err)
	}
}
