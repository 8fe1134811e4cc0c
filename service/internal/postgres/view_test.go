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

// What is said to have run at a time is what ran when it was that time: a history is recorded step by step, what runs is
// read after each, and asked for again at the end.
func TestRunningAtIsWhatRanThen(t *testing.T) {
	s := migrated(t)
	seeded := rand.New(rand.NewPCG(17, 3))
	pick := func(from ...string) string { return from[seeded.IntN(len(from))] }
	type moment struct {
		at      time.Time
		running string
	}
	var moments []moment
	at := noon.Add(-1000 * time.Hour)
	for range 150 {
		at = at.Add(time.Hour)
		d := draft(pick("api", "web", "api-worker"), 0)
		start := at
		d.Environment, d.Track, d.Version = pick("dev", "prod"), release.Track(pick("stable", "stable", "canary")), pick("1.0.0", "1.1.0", "1.2.0", "2.0.0")
		d.StartedAt, d.CommittedAt = &start, nil
		d = with(d, release.Outcome(pick("succeeded", "succeeded", "succeeded", "failed", "started")), time.Minute)
		r := recorded(t, s, d)
		if r.Outcome == release.Succeeded && r.Kind == release.Deployment && seeded.IntN(4) == 0 {
			end := at.Add(2 * time.Minute)
			if _, _, err := s.Move(t.Context(), r.ID, release.Move{Outcome: release.Outcome(pick("rolled_back", "removed")), FinishedAt: &end}); err != nil {
				t.Fatal(err)
			}
		}
		running, err := s.RunningAt(t.Context(), release.RunningFilter{})
		if err != nil {
			t.Fatal(err)
		}
		moments = append(moments, moment{at.Add(30 * time.Minute), fmt.Sprint(running)})
	}
	places := 0
	for _, m := range moments {
		running, err := s.RunningAt(t.Context(), release.RunningFilter{At: m.at})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(running); got != m.running {
			t.Errorf("at %s\ngot  %s\nwant %s", m.at, got, m.running)
		}
		places = max(places, len(running))
	}
	if places < 9 {
		t.Errorf("at most %d places: the history is too thin", places)
	}

	whole, err := s.RunningAt(t.Context(), release.RunningFilter{})
	if err != nil || fmt.Sprint(whole) != moments[len(moments)-1].running {
		t.Errorf("without a time: %v %v", whole, err)
	}
	var walked, ofAPI, inDev []release.Running
	for after := (release.Place{}); ; {
		page, err := s.RunningAt(t.Context(), release.RunningFilter{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		walked = append(walked, page...)
		if len(page) < 2 {
			break
		}
		last := page[1]
		after = release.Place{Service: last.Service, Environment: last.Environment, Track: last.Track}
	}
	if !slices.Equal(walked, whole) {
		t.Errorf("page by page: %v, want %v", walked, whole)
	}
	for _, r := range whole {
		if r.Service == "api" {
			ofAPI = append(ofAPI, r)
		}
		if r.Environment == "dev" {
			inDev = append(inDev, r)
		}
	}
	for want, f := range map[*[]release.Running]release.RunningFilter{&ofAPI: {Service: "api"}, &inDev: {Environment: "dev"}} {
		if got, err := s.RunningAt(t.Context(), f); err != nil || !slices.Equal(got, *want) || len(got) < 2 {
			t.Errorf("%+v: got %v %v, want %v", f, got, err, *want)
		}
	}
	if got, err := s.RunningAt(t.Context(), release.RunningFilter{At: noon.AddDate(-1, 0, 0)}); err != nil || len(got) > 0 {
		t.Errorf("before anything: %v %v", got, err)
	}
	for _, f := range []release.RunningFilter{{Service: "A"}, {Environment: "-"}, {Limit: -1}, {Limit: release.MaxRunning + 1}} {
		if _, err := s.RunningAt(t.Context(), f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
}

func TestLags(t *testing.T) {
	s := migrated(t)
	put := func(service, environment, version string, ago time.Duration, change func(*release.Draft)) release.Release {
		d := draft(service, ago)
		d.Environment, d.Version, d.CommittedAt = environment, version, nil
		if change != nil {
			change(&d)
		}
		return recorded(t, s, d)
	}
	const day = 24 * time.Hour
	// Two behind, with a failed one and a rolled back one between.
	put("api", "staging", "1.0.0", 10*day, nil)
	put("api", "prod", "1.0.0", 9*day, nil)
	first := put("api", "staging", "1.1.0", 8*day, nil)
	put("api", "staging", "1.2.0", 7*day, func(d *release.Draft) { *d = with(*d, release.Failed, time.Minute) })
	bad := put("api", "staging", "1.3.0", 6*day, nil)
	end := noon.Add(-6*day + time.Hour)
	if _, _, err := s.Move(t.Context(), bad.ID, release.Move{Outcome: release.RolledBack, FinishedAt: &end}); err != nil {
		t.Fatal(err)
	}
	last := put("api", "staging", "1.4.0", 5*day, func(d *release.Draft) { d.Actor = "Zoë" })
	// The same, by version alone where one names no artifact.
	put("web", "staging", "1.0.0", 3*day, func(d *release.Draft) { d.Artifact = "registry.example/web:1.0.0" })
	put("web", "prod", "1.0.0", 2*day, nil)
	// The same in the past, by version alone.
	put("cart", "staging", "1.0.0", 9*day, nil)
	put("cart", "staging", "1.1.0", 8*day, nil)
	put("cart", "prod", "1.0.0", 7*day, func(d *release.Draft) { d.Artifact = "registry.example/cart:1.0.0" })
	// Never upstream.
	put("job", "staging", "1.0.0", 3*day, nil)
	hotfix := put("job", "prod", "1.0.1-hotfix", 2*day, nil)
	// Nowhere upstream, and removed upstream.
	put("alone", "prod", "1.0.0", 2*day, nil)
	put("gone", "staging", "1.0.0", 3*day, nil)
	put("gone", "prod", "0.9.0", 2*day, nil)
	if _, err := s.Remove(t.Context(), release.Place{Service: "gone", Environment: "staging", Track: release.Stable}, noon, "ann"); err != nil {
		t.Fatal(err)
	}
	var steps []release.Step
	for _, service := range []string{"job", "web", "api", "alone", "gone", "nobody", "cart"} {
		steps = append(steps, release.Step{Service: service, Environment: "prod", Upstream: "staging"})
	}
	lags, err := s.Lags(t.Context(), steps)
	if err != nil || len(lags) != 3 {
		t.Fatal(lags, err)
	}
	if l := lags[2]; l.Step != steps[6] || !l.Known || l.Releases != 1 || l.Version != "1.1.0" {
		t.Errorf("one behind, by version: %+v", l)
	}
	if l := lags[0]; l.Step != steps[0] || l.Known || l.Releases != 0 || l.Version != "1.0.0" || hotfix.Version == l.Version || !l.Since.IsZero() {
		t.Errorf("a hotfix: %+v", l)
	}
	if l := lags[1]; l.Step != steps[2] || !l.Known || l.Releases != 2 || l.Version != "1.4.0" || l.ReleaseID != last.ID || l.Actor != "Zoë" || !l.Since.Equal(*first.SucceededAt) {
		t.Errorf("two behind: %+v", l)
	}
	if lags, err := s.Lags(t.Context(), nil); err != nil || lags != nil {
		t.Errorf("nothing asked: %v %v", lags, err)
	}
	for i := range release.MostBehind + 5 {
		put("api", "staging", fmt.Sprintf("2.%d.0", i), 4*day-time.Duration(i)*time.Minute, nil)
	}
	if lags, err := s.Lags(t.Context(), steps[2:3]); err != nil || lags[0].Releases != release.MostBehind {
		t.Errorf("far behind: %+v %v", lags, err)
	}
}

func TestBefore(t *testing.T) {
	s := migrated(t)
	put := func(version string, ago time.Duration, track release.Track) release.Release {
		d := draft("api", ago)
		d.Version, d.Track = version, track
		return recorded(t, s, d)
	}
	first := put("1.0.0", 5*time.Hour, release.Stable)
	put("2.0.0", 4*time.Hour, release.Canary)
	second := put("1.1.0", 3*time.Hour, release.Stable)
	if got, err := s.Before(t.Context(), second); err != nil || got.ID != first.ID {
		t.Errorf("got %v %v", got.Version, err)
	}
	if _, err := s.Before(t.Context(), first); !errors.Is(err, release.ErrNotFound) {
		t.Errorf("before the first: %v", err)
	}
	// Back to 1.0.0: what ran when it came is 1.1.0, although that is rolled back by now.
	third := put("1.0.0", time.Hour, release.Stable)
	if got, err := s.Before(t.Context(), third); err != nil || got.ID != second.ID || got.Outcome != release.RolledBack {
		t.Errorf("got %v %v", got, err)
	}
}

func TestHistory(t *testing.T) {
	s := migrated(t)
	r := recorded(t, s, with(draft("api", time.Hour), release.Started, 0))
	for i, m := range []release.Move{{Outcome: release.Failed, Actor: "argocd"}, {Outcome: release.Succeeded, Actor: "Zoë"}, {Outcome: release.Succeeded, Actor: "Zoë"}} {
		at := r.StartedAt.Add(time.Duration(i+1) * time.Minute)
		if i == 2 {
			at = r.StartedAt.Add(2 * time.Minute)
		}
		m.FinishedAt = &at
		if _, _, err := s.Move(t.Context(), r.ID, m); err != nil {
			t.Fatal(err)
		}
	}
	history, err := s.History(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, h := range history {
		said = append(said, fmt.Sprint(h.Outcome, " ", h.Actor, " ", h.FinishedAt != nil, " ", h.RecordedAt.Equal(noon)))
	}
	if got := strings.Join(said, ", "); got != "started ann false true, failed argocd true true, succeeded Zoë true true" {
		t.Errorf("got %s", got)
	}
	if _, err := s.History(t.Context(), "nothing"); !errors.Is(err, release.ErrNotFound) {
		t.Error(err)
	}
}

func TestNamesAndTheReleasesOfAPerson(t *testing.T) {
	s := migrated(t)
	if n, err := s.Names(t.Context()); err != nil || len(n.Services)+len(n.Environments)+len(n.Actors) > 0 {
		t.Errorf("of an empty ledger: %+v %v", n, err)
	}
	for i, actor := range []string{"Zoë", "ann", "Zoë", "محمد", "🦊"} {
		d := draft([]string{"api", "web"}[i%2], time.Duration(i+1)*time.Hour)
		d.Actor, d.Environment = actor, []string{"dev", "prod"}[i%2]
		recorded(t, s, d)
	}
	n, err := s.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(n.Actors) // their order is the database's
	if fmt.Sprint(n) != "{[api web] [dev prod] [Zoë ann محمد 🦊]}" {
		t.Errorf("got %v", n)
	}
	f := release.Filter{Actor: "Zoë", Limit: 1}
	first, err := s.Releases(t.Context(), f)
	if err != nil || len(first.Releases) != 1 || first.Next == "" {
		t.Fatal(first, err)
	}
	f.Cursor = first.Next
	if second, err := s.Releases(t.Context(), f); err != nil || len(second.Releases) != 1 || second.Next != "" || second.Releases[0].Actor != "Zoë" {
		t.Errorf("the second page: %+v %v", second, err)
	}
	f.Actor = "ann"
	if _, err := s.Releases(t.Context(), f); err == nil {
		t.Error("a cursor of another person's releases is accepted")
	}
	if _, err := s.Releases(t.Context(), release.Filter{Actor: "a\nb"}); err == nil {
		t.Error("an actor that cannot be is accepted")
	}
}

// What the page asks reads no table through, however long the history is.
func TestViewPlans(t *testing.T) {
	s := migrated(t)
	ctx := t.Context()
	if _, err := s.pool.Exec(ctx, `ALTER TABLE releases DISABLE TRIGGER USER`); err != nil {
		t.Fatal(err)
	}
	for first := 1; first < 20_000; first += 2000 {
		if _, err := s.pool.Exec(ctx, `INSERT INTO releases
			SELECT gen_random_uuid(), 'svc-' || i % 5, CASE WHEN i % 2 = 0 THEN 'dev' ELSE 'prod' END, 'stable', '1.' || i, 'abcdef0', 'person ' || i % 40,
				CASE WHEN i % 50 = 0 THEN 'failed' ELSE 'succeeded' END, NULL, at, CASE WHEN i % 50 = 0 THEN NULL ELSE at END, at, at, NULL, NULL,
				CASE WHEN i % 50 = 0 THEN at END
			FROM generate_series($1::int, $1 + 1999) i, LATERAL (SELECT '2020-01-01Z'::timestamptz + i * interval '1 h' AS at) x`, first); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.pool.Exec(ctx, "ANALYZE releases"); err != nil {
		t.Fatal(err)
	}
	runs := func(of, service, environment string) string {
		return strings.NewReplacer("$1", service, "$2", environment, "$3", "''", "$4", "''", "$5", "''", "$6", "'2021-06-01'::timestamptz", "$7", "500").
			Replace(fmt.Sprintf(selectRunningAt, of))
	}
	for name, sql := range map[string]string{
		"running at":                runs("('' = '')", "''", "''"),
		"running of a service":      runs("f.service = 'svc-1'", "'svc-1'", "''"),
		"running in an environment": runs("('' = '')", "''", "'dev'"),
		"lags":                      strings.NewReplacer("$1", "'{svc-1,svc-3}'", "$2", "'{prod,prod}'", "$3", "'{dev,dev}'").Replace(selectLags),
		"before": selectReleases + strings.NewReplacer("$1", "'svc-1'", "$2", "'prod'", "$3", "'stable'", "$4", "'2021-06-01'::timestamptz",
			"$5", "'0190a5a0-0000-7000-8000-000000000000'").Replace(whereBefore),
		"of a person":  selectReleases + "WHERE actor = 'person 7' ORDER BY started_at DESC, id DESC LIMIT 51",
		"failed":       selectReleases + "WHERE outcome = 'failed' ORDER BY started_at DESC, id DESC LIMIT 6",
		"rolled back":  selectReleases + "WHERE outcome = 'rolled_back' ORDER BY started_at DESC, id DESC LIMIT 6",
		"services":     selectDistinct("service") + " LIMIT 500",
		"environments": selectDistinct("environment") + " LIMIT 500",
		"open days":    strings.NewReplacer("$1", "'2021-01-01'", "$2", "'2021-06-01'").Replace(overDay.open),
		"actors":       selectDistinct("actor") + " LIMIT 500",
	} {
		rows, err := s.pool.Query(ctx, "EXPLAIN "+sql)
		if err != nil {
			t.Fatal(name, err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(name, err)
		}
		if slices.ContainsFunc(plan, func(l string) bool {
			return strings.Contains(l, "Seq Scan on releases") || strings.Contains(l, "Sort Key: started_at")
		}) {
			t.Errorf("%s reads the whole table or sorts the history:\n%s", name, strings.Join(plan, "\n"))
		}
	}
}
