package release

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Fault is one thing that is wrong with what a client said.
type Fault struct {
	Field   string `json:"field"` // as in JSON and in the query string
	Message string `json:"message"`
}

// Invalid is the error of a client that said something impossible. It holds every fault, not only the first.
type Invalid struct {
	Faults []Fault
}

func (e *Invalid) Error() string {
	var b strings.Builder
	b.WriteString("invalid")
	for i, f := range e.Faults {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(f.Field + " " + f.Message)
	}
	return b.String()
}

type faults []Fault

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, Fault{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Invalid{Faults: f}
}

// MaxName is the length of a DNS label, which names of services and environments become.
const MaxName = 63

// Bounds of a Draft. The constraints of the database say the same.
const (
	maxVersion = 128 // an OCI tag
	maxActor   = 256
	maxCommit  = 128 // as long as a version, which a chart's is
	maxBrought = 512
	maxKey     = 255
)

// Skew is how far into the future a client's clock may be.
const Skew = 5 * time.Minute

// earliest is older than any release worth a measure, and keeps zero values and seconds taken for years out.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	namePattern     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	versionPattern  = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9._+:@/]*$`)
	revisionPattern = regexp.MustCompile(`^([0-9a-f]{7,64}|v?[0-9]+[.][0-9][-0-9A-Za-z.+]*|sha(1:[0-9a-f]{40}|256:[0-9a-f]{64}))$`)
	keyPattern      = regexp.MustCompile(`^[!-~]+$`)
)

// Validate returns nil or an *Invalid with every fault of d. A time may be ahead of now by Skew.
func (d Draft) Validate(now time.Time) error {
	var f faults
	f.name("service", d.Service)
	f.name("environment", d.Environment)
	f.track(d.Track)
	f.version(d.Version)
	if len(d.Revision) > maxCommit || !revisionPattern.MatchString(d.Revision) {
		f.add("revision", "must be a commit, 7 to 64 lower-case hexadecimal digits; or the version of a chart, such as 1.2.3; or a digest")
	}
	f.actor(d.Actor)
	f.said(d.Outcome)
	f.artifact(d.Artifact)
	if d.Team != "" {
		f.name("team", d.Team)
	}

	f.moment("committed_at", d.CommittedAt, now)
	if d.StartedAt == nil {
		f.add("started_at", "is required")
	}
	f.moment("started_at", d.StartedAt, now)
	f.moment("finished_at", d.FinishedAt, now)
	switch {
	case d.Outcome == Started && d.FinishedAt != nil:
		f.add("finished_at", "must be absent while the outcome is started")
	case d.Outcome.Ended() && d.FinishedAt == nil:
		f.add("finished_at", "is required when the outcome is %s", d.Outcome)
	}
	if d.StartedAt != nil {
		if d.FinishedAt != nil && d.FinishedAt.Before(*d.StartedAt) {
			f.add("finished_at", "must not be before started_at")
		}
		if d.CommittedAt != nil && d.CommittedAt.After(*d.StartedAt) {
			f.add("committed_at", "must not be after started_at")
		}
	}
	return f.err()
}

// Validate returns nil or an *Invalid with every fault of m as news of r.
func (m Move) Validate(r Release, now time.Time) error {
	d := r.Draft
	d.Outcome, d.FinishedAt, d.Artifact, d.Team = m.Outcome, m.FinishedAt, m.Artifact, m.Team
	if m.CommittedAt != nil {
		d.CommittedAt = m.CommittedAt
	}
	if m.Actor != "" {
		d.Actor = m.Actor
	}
	return d.Validate(now)
}

// Validate returns nil or an *Invalid with every fault of s.
func (s Scope) Validate() error {
	var f faults
	for _, n := range []struct{ field, name string }{{"environment", s.Environment}, {"service", s.Service}, {"team", s.Team}} {
		if n.name != "" {
			f.name(n.field, n.name)
		}
	}
	return f.err()
}

// Validate returns nil or an *Invalid with every fault of f, a cursor that belongs to another filter among them.
func (f Filter) Validate() error {
	var faults faults
	if f.Service != "" {
		faults.name("service", f.Service)
	}
	if f.Environment != "" {
		faults.name("environment", f.Environment)
	}
	if f.Version != "" {
		faults.version(f.Version)
	}
	if f.Actor != "" {
		faults.actor(f.Actor)
	}
	if f.Outcome != "" {
		faults.outcome(f.Outcome)
	}
	if f.Track != "" {
		faults.track(f.Track)
	}
	if f.Kind != "" && !f.Kind.Known() {
		faults.add("kind", "must be deployment or configuration")
	}
	faults.bound("from", f.From)
	faults.bound("to", f.To)
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		faults.add("to", "must be after from")
	}
	if f.Limit < 0 || f.Limit > MaxLimit {
		faults.add("limit", "must be between 1 and %d", MaxLimit)
	}
	if _, err := f.Position(); err != nil {
		faults.add("cursor", "%s", err)
	}
	return faults.err()
}

// ValidateKey returns nil or an *Invalid about an idempotency key. "" is no key, and valid.
func ValidateKey(key string) error {
	var f faults
	if key != "" && (len(key) > maxKey || !keyPattern.MatchString(key)) {
		f.add("Idempotency-Key", "must be 1 to %d visible ASCII characters", maxKey)
	}
	return f.err()
}

// ValidateWindow returns nil or an *Invalid about the window of the measures.
func ValidateWindow(window time.Duration) error {
	var f faults
	if window < 24*time.Hour || window > MaxWindow {
		f.add("window", "must be between 1 and %d days", MaxWindow/(24*time.Hour))
	}
	return f.err()
}

// ValidName reports whether a service, an environment or a team can be called s.
func ValidName(s string) bool { return len(s) <= MaxName && namePattern.MatchString(s) }

func (f *faults) name(field, s string) {
	switch {
	case s == "":
		f.add(field, "is required")
	case !ValidName(s):
		f.add(field, "must be at most %d lower-case letters, digits and hyphens, with a letter or digit at both ends", MaxName)
	}
}

func (f *faults) version(s string) {
	switch {
	case s == "":
		f.add("version", "is required")
	case len(s) > maxVersion || !versionPattern.MatchString(s):
		f.add("version", "must be at most %d letters, digits and ._+:@/- that begin with a letter or digit", maxVersion)
	}
}

func (f *faults) actor(s string) {
	switch {
	case s == "":
		f.add("actor", "is required")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !InName(r) }):
		f.add("actor", NameWant)
	case !strings.ContainsFunc(s, isSeen):
		f.add("actor", "must have something to see")
	case utf8.RuneCountInString(s) > maxActor:
		f.add("actor", "must be at most %d characters", maxActor)
	case strings.TrimSpace(s) != s:
		f.add("actor", "must not begin or end with a space")
	}
}

// isSeen reports whether r shows anything: Unicode counts fillers and blanks among letters and symbols, and joiners among marks.
func isSeen(r rune) bool {
	const hangulFiller, halfwidthFiller, choseong, jungseong, brailleBlank = '\u3164', '\uffa0', '\u115f', '\u1160', '\u2800'
	switch r {
	case hangulFiller, halfwidthFiller, choseong, jungseong, brailleBlank:
		return false
	}
	return unicode.IsPrint(r) && !unicode.Is(unicode.M, r)
}

// NameWant is what InName asks for, as messages say it.
const NameWant = "must be text without control characters, and without those that turn its direction"

// InName reports whether people's names may have r: whatever is printed, spaces of every width, and the joiners without which
// some scripts cannot be written. What is not seen, or changes the direction of what follows it, may not be.
func InName(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.IsGraphic(r) || r == nonJoiner || r == joiner
}

func (f *faults) track(t Track) {
	if !t.Known() {
		f.add("track", "must be stable or canary")
	}
}

func (f *faults) outcome(o Outcome) {
	if !o.Known() {
		f.add("outcome", "must be started, succeeded, failed, rolled_back, removed or timed_out")
	}
}

// said is outcome for what a client may say.
func (f *faults) said(o Outcome) {
	if !o.Known() || o == TimedOut {
		f.add("outcome", "must be started, succeeded, failed, rolled_back or removed")
	}
}

func (f *faults) artifact(s string) {
	switch {
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		f.add("artifact", "must be the name of what runs, such as an image with tag and digest, without spaces")
	case utf8.RuneCountInString(s) > maxBrought:
		f.add("artifact", "must be at most %d characters", maxBrought)
	}
}

func (f *faults) moment(field string, t *time.Time, now time.Time) {
	switch {
	case t == nil:
	case t.Before(earliest):
		f.add(field, "must not be before the year %d", earliest.Year())
	case t.After(now.Add(Skew)):
		f.add(field, "must not be in the future")
	}
}

// bound holds a bound of a search to years that PostgreSQL and RFC 3339 can both write.
func (f *faults) bound(field string, t time.Time) {
	if !t.IsZero() && (t.UTC().Year() < 1 || t.UTC().Year() > 9999) {
		f.add(field, "must be between the years 1 and 9999")
	}
}
