package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Baseline is what was wrong with a repository when it began to be checked. It passes until a last day, and is counted.
type Baseline struct {
	Expires time.Time // the last day on which it lets something pass
	Entries []Recorded
	File    string
}

// Expired reports whether the last day is over.
func (b *Baseline) Expired(now time.Time) bool { return !now.Before(b.Expires.AddDate(0, 0, 1)) }

// Recorded is findings that a baseline holds: those of a check, at a field of an object, in targets. Lines, figures of lists
// and messages are not in it, so that edits elsewhere and another release of kgate leave it as it is.
type Recorded struct {
	Fingerprint
	Targets []string
	Count   int // in each of the targets
	Source  manifest.Position
	Leaving bool // the change that is judged deletes it
}

// Fingerprint is what findings are known by in a baseline, besides their target. Nothing exempts from a locked check, so what
// is recorded of one passes as it was and no other way.
type Fingerprint struct {
	Check                 string
	Kind, Namespace, Name string // of the object; empty where there is none
	Field                 string // without the figures of lists
	File                  string // where there is no object
	Content               string // of a locked check: a digest of what is wrong there; "" of any other
}

// digest is a text by which contents are told apart.
func digest(content any) string {
	text, _ := json.Marshal(content) // it was decoded from JSON
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// hashed is the name of a generated object, with the hash of its content behind it.
var hashed = regexp.MustCompile(`^(.*)-[2456789bcdfghkmt]{10}$`)

// FingerprintOf is what a finding is known by.
func FingerprintOf(f Finding) Fingerprint {
	p := Fingerprint{Check: f.Check, Content: f.content}
	if f.Object == nil {
		p.File = f.Source.File
		return p
	}
	p.Kind, p.Namespace, p.Name = f.Object.Kind, f.Object.Namespace, f.Object.Name
	if p.Kind == "ConfigMap" || p.Kind == "Secret" {
		p.Name = hashed.ReplaceAllString(p.Name, "$1") // another content has another hash
	}
	var keys manifest.Path
	for _, step := range f.Path {
		if key, ok := step.(string); ok {
			keys = append(keys, key)
		}
	}
	p.Field = keys.String()
	return p
}

// String names the findings: pod/probes of Deployment shop/app.
func (p Fingerprint) String() string {
	switch {
	case p.Kind == "":
		return p.Check + " in " + p.File
	case p.Namespace == "":
		return strings.TrimSpace(p.Check + " of " + p.Kind + " " + p.Name)
	}
	return p.Check + " of " + p.Kind + " " + p.Namespace + "/" + p.Name
}

// Record makes the entries of a baseline from the findings of a run, in a steady order.
func Record(findings []Finding) []Recorded {
	counts := map[place]int{}
	var order []place
	for _, top := range findings {
		for _, f := range append([]Finding{top}, top.Follows...) {
			for _, at := range f.Places() {
				each := f
				each.Place = at
				p := place{FingerprintOf(each), at.Target}
				if counts[p] == 0 {
					order = append(order, p)
				}
				counts[p]++
			}
		}
	}
	return entries(order, counts)
}

// Without are the entries without what is mended.
func (b *Baseline) Without(mended []Mended) []Recorded {
	counts := map[place]int{}
	var order []place
	for _, e := range b.Entries {
		for _, target := range e.Targets {
			count := e.Count
			for _, m := range mended {
				if m.Source == e.Source && m.Fingerprint == e.Fingerprint {
					count -= m.Spare[target]
				}
			}
			if p := (place{e.Fingerprint, target}); count > 0 {
				if counts[p] == 0 {
					order = append(order, p)
				}
				counts[p] += count
			}
		}
	}
	return entries(order, counts)
}

// place is findings that are known by the same, in a target.
type place struct {
	Fingerprint
	target string
}

// entries puts together what is the same in several targets.
func entries(order []place, counts map[place]int) []Recorded {
	type entry struct {
		Fingerprint
		count int
	}
	index := map[entry]int{}
	var all []Recorded
	for _, p := range order {
		e := entry{p.Fingerprint, counts[p]}
		i, known := index[e]
		if !known {
			i = len(all)
			index[e] = i
			all = append(all, Recorded{Fingerprint: p.Fingerprint, Count: e.count})
		}
		all[i].Targets = append(all[i].Targets, p.target)
	}
	for i := range all {
		slices.Sort(all[i].Targets)
	}
	slices.SortStableFunc(all, func(a, b Recorded) int {
		for _, pair := range [][2]string{
			{a.Check, b.Check}, {a.Namespace, b.Namespace}, {a.Kind, b.Kind}, {a.Name, b.Name}, {a.File, b.File}, {a.Field, b.Field}, {a.Content, b.Content},
		} {
			if c := strings.Compare(pair[0], pair[1]); c != 0 {
				return c
			}
		}
		return a.Count - b.Count
	})
	return all
}

// Mended is an entry of a baseline that holds more than there is.
type Mended struct {
	Recorded
	In    []string       // the targets in which fewer findings are left than it says
	Left  int            // the most that are left in one of these
	Spare map[string]int // by target of In, how many it holds too many
}

// baselined parts findings into those that stand and those that the baseline lets pass, and lists the entries that hold more
// than there is. judged reports whether a check was made in a target, so that nothing found is something.
func baselined(findings []Finding, plan Plan, judged func(check, target string) bool) (kept, passed []Finding, mended []Mended) {
	if plan.Baseline == nil || plan.Baseline.Expired(plan.Now) {
		return findings, nil, nil
	}
	left := leftOf(plan.Baseline.Entries)
	kept, passed = left.part(findings)
	return kept, passed, left.mended(plan.Baseline.Entries, judged)
}

// leavings are how many findings records have left to account for.
type leavings map[place]int

func leftOf(records []Recorded) leavings {
	left := leavings{}
	for _, e := range records {
		for _, target := range e.Targets {
			left[place{e.Fingerprint, target}] += e.Count
		}
	}
	return left
}

// part parts findings into those that no record accounts for and the others.
func (l leavings) part(findings []Finding) (kept, passed []Finding) {
	for _, f := range findings {
		at := place{FingerprintOf(f), f.Target}
		if l[at] == 0 {
			kept = append(kept, f)
			continue
		}
		l[at]--
		passed = append(passed, f)
	}
	return kept, passed
}

// mended are the records that account for more than there is.
func (l leavings) mended(records []Recorded, judged func(check, target string) bool) (mended []Mended) {
	for _, e := range records {
		m := Mended{Recorded: e}
		for _, target := range e.Targets {
			spare := min(l[place{e.Fingerprint, target}], e.Count)
			if spare > 0 && judged(e.Check, target) {
				m.In, m.Left = append(m.In, target), max(m.Left, e.Count-spare)
				if m.Spare == nil {
					m.Spare = map[string]int{}
				}
				m.Spare[target] = spare
				l[place{e.Fingerprint, target}] -= spare
			}
		}
		if m.In != nil {
			mended = append(mended, m)
		}
	}
	return mended
}

// review asks the checks of scope Itself about entries of the baseline that hold more than there is.
func review(plan Plan, mended []Mended) []Finding {
	var findings []Finding
	for _, m := range mended {
		if m.Leaving {
			continue
		}
		for _, c := range plan.Checks {
			if c.Review == nil {
				continue
			}
			if message := c.Review(m); message != "" {
				findings = append(findings, Finding{
					Check: c.Name, Severity: c.Severity, Fix: c.Fix, Place: Place{Target: m.Source.File}, Source: m.Source, Message: message,
				})
			}
		}
	}
	return findings
}
