package release

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// say builds a release that started before noon by the given time, ran for the given time and ended so. Releases that
// started at the same time are of the same change.
func say(service string, before, ran time.Duration, o Outcome) Release {
	d := good()
	d.Service, d.Outcome, d.Revision = service, o, fmt.Sprintf("%040x", int64(before))
	d.StartedAt, d.CommittedAt, d.FinishedAt = ago(before), ago(before+time.Hour), nil
	if o.Ended() {
		d.FinishedAt = ago(before - ran)
	}
	r := Release{Draft: d}
	if o == Succeeded {
		r.SucceededAt = d.FinishedAt
	}
	return r
}

// rolledBack succeeds a minute after its start and is back after the given time from there.
func rolledBack(service string, before, after time.Duration) Release {
	r := say(service, before, time.Minute+after, RolledBack)
	r.SucceededAt = ago(before - time.Minute)
	return r
}

const day = 24 * time.Hour

func TestMeasure(t *testing.T) {
	from := noon.Add(-7 * day)
	canary := say("api", 2*time.Hour, time.Minute, Succeeded)
	canary.Track = Canary
	again := say("api", time.Hour, 0, Succeeded) // what was committed four hours ago
	again.Revision, again.CommittedAt = say("api", 3*time.Hour, 0, Succeeded).Revision, ago(4*time.Hour)
	unsaid := say("api", 3*time.Hour, time.Minute, Succeeded)
	unsaid.CommittedAt = nil
	old := say("api", time.Hour, 0, Succeeded)
	old.Revision, old.CommittedAt = say("api", 8*day, 0, Succeeded).Revision, ago(9*day)
	uncommitted := say("api", time.Hour, time.Minute, Succeeded)
	uncommitted.CommittedAt = nil
	overlong := rolledBack("api", 3*time.Hour, 20*time.Minute)
	configured := say("api", time.Hour, time.Minute, Succeeded)
	configured.Kind = Configuration
	wobbled := say("api", time.Hour, 10*time.Minute, Succeeded)
	wobbled.FailedAt = ago(time.Hour - 7*time.Minute)
	gone := say("api", time.Hour, 30*time.Minute, Removed)
	gone.SucceededAt = ago(50 * time.Minute)
	begun := say("api", 3*time.Hour, time.Minute, Succeeded)
	begun.ID, begun.Track = "canary", Canary
	promoted := say("api", 2*time.Hour, time.Minute, Succeeded)
	promoted.Continues, promoted.Revision, promoted.Artifact = "canary", "0123456", "x/api:1"
	begun.Artifact = promoted.Artifact
	regretted := promoted
	regretted.Outcome, regretted.FinishedAt = RolledBack, ago(time.Hour)
	for _, tt := range []struct {
		name          string
		releases      []Release
		deployments   int
		rate          float64 // -1: unknown
		lead, restore []time.Duration
	}{
		{"nothing", nil, 0, -1, nil, nil},
		{"started is no deployment", []Release{say("api", time.Hour, 0, Started)}, 0, -1, nil, nil},
		{"success", []Release{say("api", time.Hour, time.Minute, Succeeded)}, 1, 0, []time.Duration{61 * time.Minute}, nil},
		{"both tracks count", []Release{say("api", time.Hour, time.Minute, Succeeded), canary}, 2, 0, []time.Duration{61 * time.Minute, 61 * time.Minute}, nil},
		{"commit unknown", []Release{uncommitted}, 1, 0, nil, nil},
		{"failure unrestored", []Release{say("api", time.Hour, time.Minute, Failed)}, 1, 1, nil, nil},
		{"failure restored by the next success", []Release{
			say("api", 3*time.Hour, 0, Failed), say("api", 2*time.Hour, 0, Succeeded), say("api", time.Hour, 0, Succeeded),
		}, 3, 1.0 / 3, []time.Duration{time.Hour, time.Hour}, []time.Duration{time.Hour}},
		{"two failures before it", []Release{
			say("api", 3*time.Hour, 0, Failed), say("api", 2*time.Hour, 0, Failed), say("api", time.Hour, 0, Succeeded),
		}, 3, 2.0 / 3, []time.Duration{time.Hour}, []time.Duration{time.Hour, 2 * time.Hour}},
		{"an earlier success restores nothing", []Release{say("api", 3*time.Hour, 0, Succeeded), say("api", 2*time.Hour, 0, Failed)}, 2, 0.5, []time.Duration{time.Hour}, nil},
		{"nor one elsewhere", []Release{say("api", 3*time.Hour, 0, Failed), say("web", 2*time.Hour, 0, Succeeded), canary}, 3, 1.0 / 3,
			[]time.Duration{time.Hour, 61 * time.Minute}, nil},
		{"nor one that was rolled back", []Release{say("api", 4*time.Hour, 0, Failed), overlong}, 2, 1,
			[]time.Duration{61 * time.Minute}, []time.Duration{20 * time.Minute}},
		{"rolled back from success", []Release{rolledBack("api", time.Hour, 10*time.Minute)}, 1, 1, []time.Duration{61 * time.Minute}, []time.Duration{10 * time.Minute}},
		{"restored at once", []Release{say("api", 2*time.Hour, time.Hour, Failed), say("api", time.Hour, 0, Succeeded), say("api", 30*time.Minute, 0, Succeeded)}, 3, 1.0 / 3,
			[]time.Duration{time.Hour, time.Hour}, []time.Duration{0}},
		{"rolled back from the start", []Release{say("api", time.Hour, 5*time.Minute, RolledBack)}, 1, 1, nil, []time.Duration{5 * time.Minute}},
		{"a configuration sync is no deployment", []Release{configured}, 0, -1, nil, nil},
		{"recovered", []Release{wobbled}, 1, 1, []time.Duration{70 * time.Minute}, []time.Duration{3 * time.Minute}},
		{"removed later", []Release{gone}, 1, 0, []time.Duration{70 * time.Minute}, nil},
		{"removed before it came to anything", []Release{say("api", time.Hour, time.Minute, Removed)}, 0, -1, nil, nil},
		{"nobody said how it ended", []Release{say("api", time.Hour, time.Minute, TimedOut)}, 0, -1, nil, nil},
		{"a promotion is one delivery", []Release{begun, promoted}, 1, 0, []time.Duration{61 * time.Minute}, nil},
		{"whose rollback is its failure", []Release{regretted, begun}, 1, 1, []time.Duration{61 * time.Minute}, []time.Duration{59 * time.Minute}},
		{"edges", []Release{say("a", 7*day, 0, Succeeded), say("b", 7*day+time.Microsecond, 0, Succeeded), say("c", 0, 0, Succeeded)}, 1, 0, []time.Duration{time.Hour}, nil},
		{"restored after the window", []Release{say("api", time.Hour, 0, Failed), say("api", -time.Hour, 0, Succeeded)}, 1, 1, nil, []time.Duration{2 * time.Hour}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Measure(tt.releases, from, noon)
			if m.Deployments != tt.deployments || m.DeploymentFrequency != float64(tt.deployments)/7 || m.Window != 7*day {
				t.Errorf("%d deployments, %g a day over %s", m.Deployments, m.DeploymentFrequency, m.Window)
			}
			rate := -1.0
			if m.ChangeFailureRate != nil {
				rate = *m.ChangeFailureRate
			}
			if rate != tt.rate {
				t.Errorf("change failure rate %g, want %g", rate, tt.rate)
			}
			if want := quantilesOf(tt.lead); !reflect.DeepEqual(m.LeadTime, want) {
				t.Errorf("lead time %+v, want %+v", m.LeadTime, want)
			}
			if want := quantilesOf(tt.restore); !reflect.DeepEqual(m.TimeToRestore, want) {
				t.Errorf("time to restore %+v, want %+v", m.TimeToRestore, want)
			}
		})
	}
}

func TestMeasureCountsEveryDay(t *testing.T) {
	m := Measure([]Release{
		say("api", time.Hour, 0, Succeeded), say("api", 2*time.Hour, 0, Failed), say("api", day+13*time.Hour, 0, Succeeded),
	}, noon.Add(-2*day), noon)
	hour := quantilesOf([]time.Duration{time.Hour})
	want := []DayCount{
		{Day: time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC), Deployments: 1, LeadTime: hour},
		{Day: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		{Day: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), Deployments: 2, Failures: 1, LeadTime: hour, TimeToRestore: hour},
	}
	if !reflect.DeepEqual(m.Days, want) {
		t.Errorf("got %+v\nwant %+v", m.Days, want)
	}
	if m := Measure(nil, noon, noon); m.Days != nil || m.Window != 0 {
		t.Errorf("empty window: %+v", m)
	}
}

func TestQuantilesAreTimesThatOccurred(t *testing.T) {
	var samples []time.Duration
	for i := range 10 {
		samples = append(samples, time.Duration(10-i))
	}
	if q := quantilesOf(samples); *q.Median != 5 || *q.P90 != 9 || q.Samples != 10 {
		t.Errorf("of 1 to 10: %d, %d, %d", *q.Median, *q.P90, q.Samples)
	}
	if q := quantilesOf([]time.Duration{7}); *q.Median != 7 || *q.P90 != 7 {
		t.Errorf("of one: %d, %d", *q.Median, *q.P90)
	}
}

// TestMeasureProperties holds for any releases: the sums agree, and their order does not matter.
func TestMeasureProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var releases []Release
		for range random.IntN(40) {
			service := string(rune('a' + random.IntN(3)))
			before := time.Duration(random.Int64N(int64(12 * day)))
			ran := time.Duration(random.Int64N(int64(time.Hour)))
			if random.IntN(5) == 0 {
				releases = append(releases, rolledBack(service, before, ran))
			} else {
				releases = append(releases, say(service, before, ran, Outcomes()[random.IntN(len(Outcomes()))]))
			}
		}
		from := noon.Add(-time.Duration(random.Int64N(int64(10*day))) - 1)
		m := Measure(releases, from, noon)
		deployments, failures, delivered, restored := 0, 0, 0, 0
		for _, d := range m.Days {
			delivered += d.LeadTime.Samples
			restored += d.TimeToRestore.Samples
			deployments += d.Deployments
			failures += d.Failures
		}
		if delivered != m.LeadTime.Samples || restored != m.TimeToRestore.Samples {
			t.Fatalf("%d changes delivered and %d failures restored in days: %+v", delivered, restored, m)
		}
		if deployments != m.Deployments || m.LeadTime.Samples > deployments || m.TimeToRestore.Samples > failures {
			t.Fatalf("%d deployments and %d failures in days: %+v", deployments, failures, m)
		}
		if deployments > 0 && *m.ChangeFailureRate != float64(failures)/float64(deployments) {
			t.Fatalf("rate %g of %d in %d", *m.ChangeFailureRate, failures, deployments)
		}
		random.Shuffle(len(releases), func(i, j int) { releases[i], releases[j] = releases[j], releases[i] })
		if again := Measure(releases, from, noon); !reflect.DeepEqual(again, m) {
			t.Fatalf("in another order %+v, before %+v", again, m)
		}
	}
}

// quantilesOf are those of one set, in any order.
func quantilesOf(samples []time.Duration) Quantiles {
	samples = slices.Clone(samples)
	slices.Sort(samples)
	return quantiles([][]time.Duration{samples})
}

// However the samples are spread over sets, their quantiles are those of the one set that they are.
func TestQuantilesOfManySets(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		sets := make([][]time.Duration, 1+random.IntN(6))
		var all []time.Duration
		for range random.IntN(40) {
			v, i := time.Duration(random.Int64N(1+random.Int64N(1e15))), random.IntN(len(sets))
			all, sets[i] = append(all, v), append(sets[i], v)
		}
		for _, set := range sets {
			slices.Sort(set)
		}
		got := quantiles(sets)
		slices.Sort(all)
		want := Quantiles{Samples: len(all)}
		if n := len(all); n > 0 {
			want.Median, want.P90 = &all[(n+1)/2-1], &all[(9*n+9)/10-1]
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("of %v: got %+v", sets, got)
		}
	}
}

// Of sets as of one, whatever their lengths, with many that are alike and some far away.
func TestQuantilesOfSets(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		sets := make([][]time.Duration, 1+random.IntN(40))
		var all []time.Duration
		kinds := time.Duration(1 + random.Int64N(1<<random.IntN(50)))
		for i := range sets {
			for range random.IntN(1 << random.IntN(8)) {
				sets[i] = append(sets[i], time.Duration(random.Int64N(int64(kinds))))
			}
			slices.Sort(sets[i])
			all = append(all, sets[i]...)
		}
		slices.Sort(all)
		got := quantiles(sets)
		if got.Samples != len(all) {
			t.Fatalf("%d samples, want %d", got.Samples, len(all))
		}
		if len(all) == 0 {
			continue
		}
		nearest := func(percent int) time.Duration { return all[(percent*len(all)+99)/100-1] }
		if *got.Median != nearest(50) || *got.P90 != nearest(90) {
			t.Fatalf("of %d in %d sets: %s and %s, want %s and %s", len(all), len(sets), *got.Median, *got.P90, nearest(50), nearest(90))
		}
	}
}
