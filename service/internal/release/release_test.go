package release

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *time.Time {
	t := noon.Add(-d)
	return &t
}

func good() Draft {
	return Draft{
		Service: "api", Environment: "prod", Track: Stable, Version: "1.2.3-rc.1+build", Revision: "0123abc", Actor: "Åsa Öst",
		Outcome: Succeeded, CommittedAt: ago(3 * time.Hour), StartedAt: ago(2 * time.Hour), FinishedAt: ago(time.Hour),
	}
}

func TestCanBecome(t *testing.T) {
	follow := map[Outcome][]Outcome{
		Started:   {TimedOut, Failed, Succeeded, RolledBack, Removed},
		TimedOut:  {Failed, Succeeded, RolledBack, Removed},
		Failed:    {Succeeded, RolledBack, Removed},
		Succeeded: {RolledBack, Removed},
	}
	for _, from := range append(Outcomes(), "", "lost") {
		for _, to := range append(Outcomes(), "", "lost") {
			if got := from.CanBecome(to); got != slices.Contains(follow[from], to) {
				t.Errorf("%q can become %q: %t", from, to, got)
			}
		}
	}
}

func TestDraftValidate(t *testing.T) {
	long := strings.Repeat("a", 300)
	for _, tt := range []struct {
		name   string
		change func(*Draft)
		want   string // the fields at fault
	}{
		{"good", func(*Draft) {}, ""},
		{"started", func(d *Draft) { d.Outcome, d.FinishedAt = Started, nil }, ""},
		{"commit unknown", func(d *Draft) { d.CommittedAt = nil }, ""},
		{"all at once", func(d *Draft) { d.CommittedAt, d.FinishedAt = d.StartedAt, d.StartedAt }, ""},
		{"clock ahead", func(d *Draft) { d.FinishedAt = ago(-Skew) }, ""},
		{"image digest", func(d *Draft) { d.Version = "sha256:" + strings.Repeat("0", 64) }, ""},
		{"empty", func(d *Draft) { *d = Draft{} }, "service environment track version revision actor outcome started_at"},
		{"upper case", func(d *Draft) { d.Service, d.Environment, d.Revision = "Api", "Prod", "ABCDEF0" }, "service environment revision"},
		{"hyphen at the end", func(d *Draft) { d.Service = "api-" }, "service"},
		{"line break", func(d *Draft) { d.Service, d.Version, d.Revision, d.Actor = "a\n", "1\n", "0123abc\n", "a\n" }, "service version revision actor"},
		{"too long", func(d *Draft) {
			d.Service, d.Environment, d.Version, d.Revision, d.Actor = long, long, long, long, long
		},
			"service environment version revision actor"},
		{"short revision", func(d *Draft) { d.Revision = "012345" }, "revision"},
		{"branch", func(d *Draft) { d.Revision = "main" }, "revision"},
		{"chart", func(d *Draft) { d.Revision = "6.3.5-rc.1+build" }, ""},
		{"digest", func(d *Draft) { d.Revision = "sha256:" + strings.Repeat("0", 64) }, ""},
		{"removed", func(d *Draft) { d.Outcome = Removed }, ""},
		{"what the ledger alone says", func(d *Draft) { d.Outcome = TimedOut }, "outcome"},
		{"artifact and team", func(d *Draft) { d.Artifact, d.Team = "ghcr.io/x/api:1@sha256:0", "pay" }, ""},
		{"no artifact, no team", func(d *Draft) { d.Artifact, d.Team = "a b", "Pay!" }, "artifact team"},
		{"long artifact", func(d *Draft) { d.Artifact = strings.Repeat("a", 513) }, "artifact"},
		{"escape", func(d *Draft) { d.Actor = "a\x1b[31m" }, "actor"},
		{"turned around", func(d *Draft) { d.Actor = "ann\u202egnp" }, "actor"},
		{"marked right to left", func(d *Draft) { d.Actor = "\u200fann" }, "actor"},
		{"isolated", func(d *Draft) { d.Actor = "\u2066ann\u2069" }, "actor"},
		{"line separator", func(d *Draft) { d.Actor = "ann\u2028bo" }, "actor"},
		{"nothing to see", func(d *Draft) { d.Actor = "\u200d\u200c" }, "actor"},
		{"a filler", func(d *Draft) { d.Actor = "\u3164" }, "actor"},
		{"blanks of Braille", func(d *Draft) { d.Actor = "\u2800\u2800" }, "actor"},
		{"a joiner of graphemes", func(d *Draft) { d.Actor = "\u034f" }, "actor"},
		{"soft hyphen", func(d *Draft) { d.Actor = "an\u00adn" }, "actor"},
		{"private use", func(d *Draft) { d.Actor = "ann\ue000" }, "actor"},
		{"NUL", func(d *Draft) { d.Actor = "a\x00" }, "actor"},
		{"not UTF-8", func(d *Draft) { d.Actor = "a\xff" }, "actor"},
		{"space around", func(d *Draft) { d.Actor = " ann" }, "actor"},
		{"other words", func(d *Draft) { d.Track, d.Outcome = "blue", "done" }, "track outcome"},
		{"no end", func(d *Draft) { d.FinishedAt = nil }, "finished_at"},
		{"end of the unended", func(d *Draft) { d.Outcome = Started }, "finished_at"},
		{"end before start", func(d *Draft) { d.FinishedAt = ago(3 * time.Hour) }, "finished_at"},
		{"commit after start", func(d *Draft) { d.CommittedAt = ago(time.Hour) }, "committed_at"},
		{"future", func(d *Draft) { d.FinishedAt = ago(-Skew - time.Microsecond) }, "finished_at"},
		{"zero time", func(d *Draft) { d.CommittedAt = &time.Time{} }, "committed_at"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := good()
			tt.change(&d)
			if got := fields(t, d.Validate(noon)); got != tt.want {
				t.Errorf("faults of %q, want %q", got, tt.want)
			}
		})
	}
}

func fields(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	invalid, ok := errors.AsType[*Invalid](err)
	if !ok || len(invalid.Faults) == 0 {
		t.Fatalf("%#v is no *Invalid with faults", err)
	}
	var names []string
	for _, f := range invalid.Faults {
		names = append(names, f.Field)
		if f.Message == "" || !strings.Contains(err.Error(), f.Field+" "+f.Message) {
			t.Errorf("%q does not say %+v", err, f)
		}
	}
	return strings.Join(names, " ")
}

func TestFilterValidate(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    Filter
		want string
	}{
		{"empty", Filter{}, ""},
		{"full", Filter{Service: "a", Environment: "b", Version: "c", Outcome: Failed, Track: Canary, From: *ago(2), To: *ago(1), Limit: MaxLimit}, ""},
		{"all wrong", Filter{Service: "A", Environment: "B", Version: " ", Outcome: "x", Track: "y", From: noon, To: noon, Limit: -1, Cursor: "z"},
			"service environment version outcome track to limit cursor"},
		{"too many", Filter{Limit: MaxLimit + 1}, "limit"},
		{"years", Filter{From: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "from to"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fields(t, tt.f.Validate()); got != tt.want {
				t.Errorf("faults of %q, want %q", got, tt.want)
			}
		})
	}
}

func TestValidateKeyAndWindow(t *testing.T) {
	for key, ok := range map[string]bool{
		"": true, "x": true, strings.Repeat("x", 255): true, strings.Repeat("x", 256): false, "a b": false, "é": false, "a\n": false,
	} {
		if err := ValidateKey(key); (err == nil) != ok {
			t.Errorf("key %q: %v", key, err)
		}
	}
	for window, ok := range map[time.Duration]bool{
		24 * time.Hour: true, MaxWindow: true, 0: false, -time.Hour: false, time.Hour: false, MaxWindow + 1: false,
	} {
		if err := ValidateWindow(window); (err == nil) != ok {
			t.Errorf("window %s: %v", window, err)
		}
	}
}

func TestNormal(t *testing.T) {
	d := good()
	d.Track = ""
	local := noon.Add(999 * time.Nanosecond).In(time.FixedZone("", 3600))
	d.StartedAt = &local
	n := d.Normal()
	if n.Track != Stable || n.StartedAt.Location() != time.UTC || !n.StartedAt.Equal(noon) {
		t.Errorf("got %s %s", n.Track, n.StartedAt)
	}
	if d.StartedAt != &local || local.Equal(noon) {
		t.Error("the original was changed")
	}
}

func FuzzDraftValidate(f *testing.F) {
	f.Add("api", "prod", "stable", "1.0", "0123abc", "ann", "succeeded", int64(3), int64(2), int64(1))
	f.Add("", "\x00", "x", "\n", "é", "\xff", "", int64(-1), int64(1)<<62, int64(0))
	f.Fuzz(func(t *testing.T, service, environment, track, version, revision, actor, outcome string, c, s, e int64) {
		at := func(n int64) *time.Time {
			if n == 0 {
				return nil
			}
			return ago(time.Duration(n))
		}
		d := Draft{Service: service, Environment: environment, Track: Track(track), Version: version, Revision: revision,
			Actor: actor, Outcome: Outcome(outcome), CommittedAt: at(c), StartedAt: at(s), FinishedAt: at(e)}.Normal()
		if err := d.Validate(noon); err != nil {
			fields(t, err)
			return
		}
		// What the arithmetic and the database rely on.
		if !d.Outcome.Known() || !d.Track.Known() || d.StartedAt == nil || d.Outcome.Ended() != (d.FinishedAt != nil) {
			t.Fatalf("valid: %+v", d)
		}
		if strings.ContainsRune(service+environment+version+revision+actor, 0) || strings.TrimSpace(actor) == "" {
			t.Fatalf("valid: %+v", d)
		}
		if d.CommittedAt != nil && d.CommittedAt.After(*d.StartedAt) || d.FinishedAt != nil && d.FinishedAt.Before(*d.StartedAt) {
			t.Fatalf("valid: %+v", d)
		}
	})
}

func TestCursorBelongsToItsFilter(t *testing.T) {
	f := Filter{Service: "api", Limit: 10}
	cursor, err := f.CursorAt(Position{StartedAt: noon, ID: "0190a5a0-1111-7222-8333-444455556666"})
	if err != nil {
		t.Fatal(err)
	}
	f.Cursor, f.Limit = cursor, 20
	p, err := f.Position()
	if err != nil || !p.StartedAt.Equal(noon) || p.ID != "0190a5a0-1111-7222-8333-444455556666" {
		t.Fatalf("got %+v, %v", p, err)
	}
	for name, other := range map[string]Filter{
		"none":    {},
		"service": {Service: "web"},
		"field":   {Environment: "api"},
		"more":    {Service: "api", Track: Stable},
		"from":    {Service: "api", From: noon},
	} {
		other.Cursor = cursor
		if _, err := other.Position(); !errors.Is(err, errOtherFilter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range cursor {
		f.Cursor = cursor[:i]
		if _, err := f.Position(); i > 0 && err == nil {
			t.Errorf("%q is taken for a cursor", f.Cursor)
		}
	}
	for _, id := range []string{"", "x", strings.ToUpper("0190a5a0-1111-7222-8333-44445555666a"), "0190a5a0-1111-7222-8333-44445555666g"} {
		if _, err := f.CursorAt(Position{StartedAt: noon, ID: id}); err == nil {
			t.Errorf("id %q has a cursor", id)
		}
	}
}

// FuzzCursor holds that a cursor that is accepted is the cursor of the place it names, so that there is one for each.
func FuzzCursor(f *testing.F) {
	filter := Filter{}
	seed, _ := filter.CursorAt(Position{StartedAt: noon, ID: "0190a5a0-1111-7222-8333-444455556666"})
	f.Add(seed, int64(1), []byte("0123456789abcdef"))
	f.Add("not a cursor", int64(-1), []byte{})
	f.Fuzz(func(t *testing.T, cursor string, micros int64, id []byte) {
		filter := Filter{Cursor: cursor}
		if p, err := filter.Position(); err == nil && p != nil {
			if back, err := filter.CursorAt(*p); err != nil || back != cursor {
				t.Fatalf("%q names %+v, whose cursor is %q, %v", cursor, p, back, err)
			}
		}
		at := time.UnixMicro(micros).UTC()
		if len(id) != 16 || at.Before(earliest) || at.Year() > 9999 {
			return
		}
		want := Position{StartedAt: at, ID: formatUUID([16]byte(id))}
		c, err := filter.CursorAt(want)
		if err != nil {
			t.Fatal(err)
		}
		filter.Cursor = c
		if got, err := filter.Position(); err != nil || *got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

// What people are called, and what machines are.
func TestActorsAreNames(t *testing.T) {
	for _, name := range []string{
		"ana", "Zoë O’Brien", "D'Arcy O'Neil", "Nguyễn Thị Minh Khai", "ana@example.com", "山田\u3000太郎", "علی\u200cرضا",
		"Jean-Luc (SRE), on call", "José\u00a0María", "क्\u200dष", "dependabot[bot]", "system:serviceaccount:argocd:ci", "Łukasz Żółć 🚀",
	} {
		var f faults
		if f.actor(name); len(f) > 0 {
			t.Errorf("%q: %v", name, f)
		}
	}
}
