package postgres

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
	"github.com/kgate-dev/gitops/service/internal/seed"
)

// TestSearchesFindWhatThereIs walks over searches of every kind, page by page, and compares with a look at every release.
func TestSearchesFindWhatThereIs(t *testing.T) {
	s := migrated(t)
	if _, err := seed.Fill(t.Context(), s, s.pool, seed.Shape{Releases: 1200, Services: 4, Until: noon, Length: 40 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	all := walk(t, s, release.Filter{}, nil)
	if len(all) != 1200 {
		t.Fatalf("%d releases", len(all))
	}
	random := rand.New(rand.NewPCG(41, 42))
	pick := func(values ...string) string {
		if random.IntN(2) == 0 {
			return ""
		}
		return values[random.IntN(len(values))]
	}
	searches := filters()
	for i := range 60 {
		some := all[random.IntN(len(all))]
		f := release.Filter{
			Service: pick(some.Service, "service-01", "nobody"), Environment: pick(some.Environment, "prod", "nowhere"),
			Version: pick("", "", some.Version, "9.9.9"), Actor: pick(some.Actor, "argocd", "nobody"),
			Outcome: release.Outcome(pick(string(some.Outcome), "rolled_back", "timed_out")), Track: release.Track(pick("stable", "canary")),
			Kind: release.Kind(pick("deployment", "configuration")),
		}
		if random.IntN(3) == 0 {
			f.From, f.To = some.StartedAt.Add(-48*time.Hour), some.StartedAt.Add(time.Hour)
		}
		searches[fmt.Sprint("random ", i)] = f
	}
	nothing, something := 0, 0
	for name, f := range searches {
		f.Limit = 1 + random.IntN(90)
		var want []string
		for _, r := range all {
			if (f.Service == "" || r.Service == f.Service) && (f.Environment == "" || r.Environment == f.Environment) &&
				(f.Version == "" || r.Version == f.Version) && (f.Actor == "" || r.Actor == f.Actor) && (f.Outcome == "" || r.Outcome == f.Outcome) &&
				(f.Track == "" || r.Track == f.Track) && (f.Kind == "" || r.Kind == f.Kind) &&
				(f.From.IsZero() || !r.StartedAt.Before(f.From)) && (f.To.IsZero() || r.StartedAt.Before(f.To)) {
				want = append(want, r.ID)
			}
		}
		var got []string
		for _, r := range walk(t, s, f, nil) {
			got = append(got, r.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s, %+v: %d found, want %d", name, f, len(got), len(want))
		}
		if len(want) == 0 {
			nothing++
		} else {
			something++
		}
	}
	if nothing < 10 || something < 20 {
		t.Errorf("%d searches find something and %d nothing: too little is compared", something, nothing)
	}
}

// A search for what is rare goes to it, past more than it would look through.
func TestSearchGoesPastWhatItLooksThrough(t *testing.T) {
	s := migrated(t)
	old := recorded(t, s, with(draft("api", 20*24*time.Hour), release.Failed, time.Minute))
	if _, err := seed.Fill(t.Context(), s, s.pool, seed.Shape{Releases: 50, Services: 1, Until: noon}); err != nil {
		t.Fatal(err)
	}
	// Thrice what is looked through, of one service, and after it.
	if _, err := s.pool.Exec(t.Context(), `ALTER TABLE releases DISABLE TRIGGER USER;
		INSERT INTO releases SELECT gen_random_uuid(), 'api', 'prod', 'stable', '2.' || i, 'abcdef0', 'ann', 'succeeded',
			NULL, at, at, at, at FROM generate_series(1, 3000) i, LATERAL (SELECT '2026-11-01Z'::timestamptz + i * interval '1 s' AS at) x`); err != nil {
		t.Fatal(err)
	}
	for _, f := range []release.Filter{
		{Service: "api", Outcome: release.Failed}, {Environment: "prod", Service: "api", Outcome: release.Failed, Actor: "ann"},
		{Version: old.Version, Service: "api", Kind: release.Deployment},
	} {
		if p, err := s.Releases(t.Context(), f); err != nil || len(p.Releases) != 1 || p.Releases[0].ID != old.ID {
			t.Errorf("%+v: %d found, %v", f, len(p.Releases), err)
		}
	}
}
