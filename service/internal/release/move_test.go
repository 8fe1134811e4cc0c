package release

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// after builds what is recorded of a release that began at noon once each was said: "failed 2" is a failure two minutes
// later. refused are those that contradict what was said before.
func after(t *testing.T, said ...string) (r Release, refused []string) {
	t.Helper()
	d := good()
	d.StartedAt, d.CommittedAt, d.FinishedAt, d.Outcome = &noon, nil, nil, Started
	r = Release{ID: "r", Draft: d}
	for _, s := range said {
		var outcome string
		var minute int
		if _, err := fmt.Sscanf(s, "%s %d", &outcome, &minute); err != nil {
			t.Fatal(s, err)
		}
		at := noon.Add(time.Duration(minute) * time.Minute)
		to, err := r.Moved(Move{Outcome: Outcome(outcome), FinishedAt: &at})
		if err != nil {
			if !errors.Is(err, ErrConflict) {
				t.Fatal(err)
			}
			refused = append(refused, s)
		}
		r = to
	}
	return r, refused
}

// state is a release in short: its outcome, and the minutes of success, failure and end.
func state(r Release) string {
	minute := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return fmt.Sprint(int(at.Sub(noon).Minutes()))
	}
	return fmt.Sprintf("%s s%s f%s e%s", r.Outcome, minute(r.SucceededAt), minute(r.FailedAt), minute(r.FinishedAt))
}

func TestMoved(t *testing.T) {
	for _, tt := range []struct {
		said    []string
		want    string
		refused int
	}{
		{[]string{"succeeded 2"}, "succeeded s2 f- e2", 0},
		{[]string{"failed 2"}, "failed s- f2 e2", 0},
		{[]string{"failed 2", "succeeded 5"}, "succeeded s5 f2 e5", 0}, // a wobble
		{[]string{"succeeded 5", "failed 2"}, "succeeded s5 f2 e5", 0}, // the same, told late
		{[]string{"succeeded 2", "failed 5"}, "succeeded s2 f- e2", 1},
		{[]string{"failed 5", "succeeded 2"}, "failed s- f5 e5", 1},
		{[]string{"succeeded 2", "succeeded 5"}, "succeeded s2 f- e2", 0},
		{[]string{"succeeded 2", "started 0"}, "succeeded s2 f- e2", 0},
		{[]string{"succeeded 2", "rolled_back 9"}, "rolled_back s2 f- e9", 0},
		{[]string{"rolled_back 9", "succeeded 2"}, "rolled_back s2 f- e9", 0},
		{[]string{"rolled_back 9", "failed 2"}, "rolled_back s- f2 e9", 0},
		{[]string{"rolled_back 9", "succeeded 10"}, "rolled_back s- f- e9", 1},
		{[]string{"rolled_back 9", "failed 10"}, "rolled_back s- f- e9", 1},
		{[]string{"failed 2", "rolled_back 9"}, "rolled_back s- f2 e9", 0},
		{[]string{"succeeded 2", "rolled_back 1"}, "succeeded s2 f- e2", 1},
		{[]string{"timed_out 60", "succeeded 2"}, "succeeded s2 f- e2", 0},
		{[]string{"timed_out 60", "failed 2"}, "failed s- f2 e2", 0},
		{[]string{"succeeded 2", "timed_out 60"}, "succeeded s2 f- e2", 0},
		{[]string{"succeeded 2", "removed 9"}, "removed s2 f- e9", 0},
		{[]string{"removed 9", "succeeded 2", "removed 12"}, "removed s2 f- e9", 0},
		{[]string{"removed 9", "rolled_back 9"}, "removed s- f- e9", 1},
		{[]string{"rolled_back 9", "removed 9"}, "rolled_back s- f- e9", 1},
	} {
		r, refused := after(t, tt.said...)
		if got := state(r); got != tt.want || len(refused) != tt.refused {
			t.Errorf("%v: got %s, refused %v, want %s", tt.said, got, refused, tt.want)
		}
	}
}

// Said again, or with less, a release stays as it is; what it lacked is filled in, and nothing is overwritten.
func TestMovedKeepsWhatIsKnown(t *testing.T) {
	r := Release{ID: "r", Draft: good()}
	r.SucceededAt, r.Artifact, r.Team = r.FinishedAt, "x/api:1", "pay"
	if got, err := r.Moved(Move{Outcome: Succeeded, FinishedAt: r.FinishedAt, Team: "shop"}); err != nil || got != r {
		t.Errorf("got %+v, %v", got, err)
	}
	later := r.CommittedAt.Add(time.Minute)
	for name, m := range map[string]Move{"commit": {CommittedAt: &later}, "artifact": {Artifact: "x/api:2"}} {
		m.Outcome, m.FinishedAt = Succeeded, r.FinishedAt
		if got, err := r.Moved(m); !errors.Is(err, ErrConflict) || got != r {
			t.Errorf("another %s: %+v, %v", name, got, err)
		}
	}
	r.Artifact, r.CommittedAt = "", nil
	if got, err := r.Moved(Move{Outcome: Started, Artifact: "x/api:2", CommittedAt: &later}); err != nil || got.Artifact != "x/api:2" || got.CommittedAt != &later || got.Outcome != Succeeded {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A rollback that was found out may still be said, with the time that somebody knows better.
func TestMovedSaysWhatWasFoundOut(t *testing.T) {
	r, _ := after(t, "succeeded 2")
	end := noon.Add(10 * time.Minute)
	r.Outcome, r.FinishedAt, r.RolledBackBy = RolledBack, &end, "other"
	said := noon.Add(9 * time.Minute)
	got, err := r.Moved(Move{Outcome: RolledBack, FinishedAt: &said})
	if err != nil || got.RolledBackBy != "" || state(got) != "rolled_back s2 f- e9" {
		t.Errorf("got %+v, %v", got, err)
	}
}
