// Package transition is how versions get from one environment to the next, step by step: which scalars a promotion, a step of a
// canary or a rollback changes, and which rules hold it.
package transition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/amendment"
	"github.com/kgate-dev/gitops/tools/internal/ledger"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// Action is what is done with a service in an environment.
type Action string

// The actions.
const (
	Promote  Action = "promote"  // another version comes, to the canary where there is one
	Shift    Action = "shift"    // the canary gets another share of traffic
	Finish   Action = "finish"   // the canary's version becomes the stable one
	Abort    Action = "abort"    // the canary goes back to the stable version
	Rollback Action = "rollback" // an earlier version comes back
)

// Rule is one that a step is held to, and that --allow lets pass.
type Rule string

// The rules.
const (
	Backwards Rule = "backwards"
	Canary    Rule = "canary"
	Dirty     Rule = "dirty"
	Findings  Rule = "findings"
	Freeze    Rule = "freeze"
	Ladder    Rule = "ladder"
	OneChange Rule = "one-change"
	Shared    Rule = "shared"
	Skipped   Rule = "skipped"
	Soak      Rule = "soak"
	Source    Rule = "source"
	Versions  Rule = "versions"
)

// Described is a rule and what it asks.
type Described struct {
	Rule Rule
	Doc  string
}

// Rules are all of them, by name.
func Rules() []Described {
	return []Described{
		{Backwards, "the version is not older than what runs; `kgate rollback` goes back"},
		{Canary, "where there is a canary, a version comes to it first, and only when none is under way"},
		{Dirty, "the files that are edited have no uncommitted change"},
		{Findings, "the change brings no finding that fails a run"},
		{Freeze, "no freeze of the environment holds now"},
		{Ladder, "the canary's share of traffic goes up one step of the ladder at a time, and is on the last before it becomes stable; without a ladder, it had requests"},
		{OneChange, "the environment that the version comes from has it already where the branch is for: one change does not edit both"},
		{Shared, "the line says the version of no other environment, and of no service that is not named"},
		{Skipped, "the version comes from the environment that kgate.yaml names"},
		{Soak, "it runs there for as long as kgate.yaml says, and the release ledger says that it succeeded"},
		{Source, "it is what runs there"},
		{Versions, "the list of versions that kgate.yaml names has it"},
	}
}

// Refusal is why a step is not made.
type Refusal struct {
	Rule    Rule
	Source  manifest.Position // the line that it is about; zero for none
	Message string
	Allowed bool // somebody lets it pass
}

// Change is one scalar that says something else.
type Change struct {
	Source   manifest.Position
	Field    string
	Old, New string // "" for one that is not there

	edit amendment.Edit
}

// Move is a step of one service in one environment.
type Move struct {
	Service, Environment string
	Action               Action
	From                 string // the environment that the version comes from; "" for none

	Canary     bool // the version is the canary's
	Old, New   promotion.Reference
	Weighted   bool // there is a share of traffic to speak of
	WeightWas  float64
	WeightIs   float64
	Since      time.Time // when the version came to From; zero where nobody knows
	SinceBy    string    // the commit, or the release ledger
	Changes    []Change
	Also       []Companion         // what changes with it
	Holders    []Holder            // what keeps running what it takes back
	Waits      promotion.Reference // what is From's canary and not yet its stable version, of nothing to do; zero for none
	Refusals   []Refusal
	before     promotion.Place
	lines      promotion.Place // that says where its values stand now
	renamed    bool            // it is another image, and not another version alone
	nameWas    string          // of the image, of a move that a check found
	wantStable promotion.Reference
	wantCanary promotion.Reference
}

// Companion is an environment that a line says the version or the share of as well, so that it changes with the move.
type Companion struct {
	Environment string
	BuildsOn    bool // it builds on the environment of the move, as a region; else both read a file that is neither's
}

// Holder is an environment behind that of a move which runs what the move takes back.
type Holder struct {
	Environment string
	Canary      bool   // its canary does; else all of it
	Command     string // that takes it back there
}

// Text says it of a version.
func (h Holder) Text(version promotion.Reference) string {
	if h.Canary {
		return fmt.Sprintf("the canary of %s still runs %s: `%s` ends it", h.Environment, shown(version), h.Command)
	}
	return fmt.Sprintf("%s still runs %s: `%s` takes it back there", h.Environment, shown(version), h.Command)
}

// Environments are all those that the move changes, the one that it is for first.
func (m Move) Environments() []string {
	names := []string{m.Environment}
	for _, c := range m.Also {
		names = append(names, c.Environment)
	}
	return names
}

// AlsoText says which environments change with the move, and why; "" where none does.
func (m Move) AlsoText() string {
	var building, reading []string
	for _, c := range m.Also {
		if c.BuildsOn {
			building = append(building, c.Environment)
		} else {
			reading = append(reading, c.Environment)
		}
	}
	var parts []string
	for _, of := range []struct {
		names     []string
		one, more string
	}{{building, "which builds on it", "which build on it"}, {reading, "which has the same line", "which have the same line"}} {
		if len(of.names) == 1 {
			parts = append(parts, of.names[0]+", "+of.one)
		} else if len(of.names) > 1 {
			parts = append(parts, strings.Join(of.names, " and ")+", "+of.more)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "also " + strings.Join(parts, ", and ")
}

// command is the step as it is asked for in another environment.
func (m Move) command(environment string) string {
	switch m.Action {
	case Rollback:
		return fmt.Sprintf("kgate rollback %s --env %s --to %s", m.Service, environment, shown(m.New))
	case Shift:
		return fmt.Sprintf("kgate promote %s --to %s --weight %s", m.Service, environment, number(m.WeightIs))
	case Finish, Abort:
		return fmt.Sprintf("kgate promote %s --to %s --%s", m.Service, environment, m.Action)
	}
	return fmt.Sprintf("kgate promote %s --to %s --version %s", m.Service, environment, shown(m.New))
}

// called is a version of the move as messages call it, with the image's name where that changes.
func (m Move) called(r promotion.Reference) string {
	if m.renamed {
		return r.String()
	}
	return shown(r)
}

// String says in a line what the move does: the track, the version, the share.
func (m Move) String() string {
	var parts []string
	old, now := m.called(m.Old), m.called(m.New)
	switch m.Action {
	case Shift:
		parts = append(parts, "canary "+now)
	case Abort:
		parts = append(parts, "canary "+old+" → "+now+", aborted")
	default:
		track := ""
		if m.Canary {
			track = "canary "
		}
		if old == "" { // it was not there
			parts = append(parts, track+"+ "+now)
		} else {
			parts = append(parts, track+old+" → "+now)
		}
	}
	if m.Action == Rollback {
		parts = append(parts, "rolled back")
	}
	if m.Weighted && m.WeightIs != m.WeightWas {
		parts = append(parts, fmt.Sprintf("%s %% → %s %%", number(m.WeightWas), number(m.WeightIs)))
	} else if m.Weighted && m.Canary && m.Action != Abort {
		parts = append(parts, fmt.Sprintf("at %s %%", number(m.WeightIs)))
	}
	return strings.Join(parts, ", ")
}

// String says what the scalar said and says.
func (c Change) String() string {
	switch {
	case c.Old == "":
		return "+ " + c.New
	case c.New == "":
		return c.Old + " goes"
	}
	return c.Old + " → " + c.New
}

// Refused are the refusals that nobody lets pass.
func (m Move) Refused() []Refusal {
	return slices.DeleteFunc(slices.Clone(m.Refusals), func(r Refusal) bool { return r.Allowed })
}

// Past is what git knows of the working tree and of the branch that is checked out.
type Past interface {
	// Versions are what the lines of an image said.
	Versions(ctx context.Context, image promotion.Image) (promotion.Trail, error)
	// References are what the lines of an image said, with the image's name where they say it.
	References(ctx context.Context, image promotion.Image) (promotion.Trail, error)
	// Image is what the lines of an image said in a commit, and what they say now; zero where they said nothing.
	Image(ctx context.Context, revision string, image promotion.Image) (was, is promotion.Reference, err error)
	// Was is what a scalar said in a commit; false where it was not there.
	Was(ctx context.Context, revision string, s promotion.Scalar) (string, bool, error)
	// Base is the commit that the change of the working tree begins at: where its branch leaves the one that it is for.
	Base(ctx context.Context) (string, error)
	// Dirty reports a file that is not as HEAD has it.
	Dirty(ctx context.Context, file string) (bool, error)
}

// Planner knows what a plan needs to know.
type Planner struct {
	Table    promotion.Table
	Config   repo.Config
	Past     Past                              // nil outside of git
	Ledger   *ledger.Client                    // nil for none
	ReadFile func(name string) ([]byte, error) // of the repository
	Now      time.Time
	Allow    []Rule

	base string          // the commit of Past.Base, once it is known
	then promotion.Table // as base has it, of a check
}

// refuse notes that a rule does not hold.
func (p *Planner) refuse(m *Move, rule Rule, at manifest.Position, message string) {
	m.Refusals = append(m.Refusals, Refusal{rule, at, message, slices.Contains(p.Allow, rule)})
}

// Texts are the files as the moves leave them, by name.
func (p *Planner) Texts(moves []Move) ([]amendment.File, error) {
	edits := map[string][]amendment.Edit{}
	var names []string
	seen := map[manifest.Position]string{}
	for _, m := range moves {
		for _, c := range m.Changes {
			if is, twice := seen[c.Source]; twice {
				if is != c.New {
					return nil, &manifest.SyntaxError{Position: c.Source, Message: "two services have their version in this line: promote one of them, or write a line for each"}
				}
				continue
			}
			seen[c.Source] = c.New
			if !slices.Contains(names, c.Source.File) {
				names = append(names, c.Source.File)
			}
			if c.edit != nil {
				edits[c.Source.File] = append(edits[c.Source.File], c.edit)
			}
		}
	}
	slices.Sort(names)
	var files []amendment.File
	for _, name := range names {
		old, err := p.ReadFile(name)
		if err != nil {
			return nil, err
		}
		text, err := amendment.Apply(name, old, edits[name]...)
		if err != nil {
			return nil, err
		}
		files = append(files, amendment.File{Name: name, Old: old, New: text})
	}
	return files, nil
}

// Shown is a version as messages call it.
func Shown(r promotion.Reference) string { return shown(r) }

// Arrived reports why a table of what the moves lead to is not what they want; nil where it is.
func Arrived(table promotion.Table, moves []Move) error {
	var errs []error
	for _, m := range moves {
		if len(m.Changes) == 0 {
			continue
		}
		s, _ := table.Service(m.Service)
		place, ok := s.Place(m.Environment)
		fail := func(what, is, want string) {
			errs = append(errs, &manifest.SyntaxError{Position: m.Changes[0].Source, Message: fmt.Sprintf(
				"the edit does not do what it is for: %s of %s in %s would be %s, and not %s; another line says it too", what, m.Service, m.Environment, cmp.Or(is, "nothing"), want)})
		}
		if !ok || !same(place.Stable.Image.Reference, m.wantStable) {
			fail("the stable version", shown(place.Stable.Image.Reference), shown(m.wantStable))
		}
		if hasCanary(m.before) && !same(place.Canary.Image.Reference, m.wantCanary) {
			fail("the canary", shown(place.Canary.Image.Reference), shown(m.wantCanary))
		}
		if share, _ := percent(place); m.Weighted && share != m.WeightIs {
			fail("the canary's share", number(share), number(m.WeightIs))
		}
	}
	return errors.Join(errs...)
}
