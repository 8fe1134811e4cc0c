package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// syncTitle is what a line about a sync begins with.
func syncTitle(s argocd.Sync) string {
	said := "Application " + syncOf(s)
	if len(s.Targets) > 0 {
		said += " (" + strings.Join(s.Targets, ", ") + ")"
	}
	return said
}

// syncOf is the name of a sync's Application, with what tells it from others of its name.
func syncOf(s argocd.Sync) string {
	if len(s.In) == 0 {
		return s.Application.Name
	}
	return s.Application.Name + " of " + strings.Join(s.In, ", ")
}

// syncMode says how a sync begins, and what it is allowed to do.
func syncMode(s argocd.Sync) string {
	switch {
	case s.Fate == argocd.Removed:
		return "is removed"
	case s.Skipped && s.Fate == argocd.Added:
		return "is new, and is passed by"
	case s.Skipped:
		return "is passed by"
	case !s.Automated && s.Fate == argocd.Added:
		return "is new, and waits for a person"
	case !s.Automated:
		return "waits for a person"
	}
	said := "syncs by itself"
	if s.Fate == argocd.Added {
		said = "is new, and syncs by itself"
	}
	if s.Prunes {
		said += ", prunes"
	} else {
		said += ", does not prune"
	}
	if s.SelfHeals {
		said += ", heals itself"
	}
	return said
}

// actions are how many steps do what, in the order in which a sync comes to them.
func actions(s argocd.Sync) string {
	var order []argocd.Action
	count := map[argocd.Action]int{}
	for _, step := range s.Steps {
		if count[step.Action] == 0 {
			order = append(order, step.Action)
		}
		count[step.Action]++
	}
	var parts []string
	for _, action := range order {
		parts = append(parts, fmt.Sprintf("%d %s", count[action], action))
	}
	return strings.Join(parts, ", ")
}

// stepSaid is a step without its place in the order.
func stepSaid(step argocd.Step) string {
	said := fmt.Sprintf("%s %s %s", step.Action, step.Object.Kind, step.Object.Name)
	if step.Reason != "" {
		said += ": " + step.Reason
	}
	return said
}

// stepsSaid says how many steps are listed.
func stepsSaid(n int) string {
	if n == 1 {
		return "1 step"
	}
	return plural(n, "step") + " in their order"
}

// syncRemarks are what a reader is told of a sync besides, what keeps it from happening first. All are those that a reader may ask
// for.
func syncRemarks(s argocd.Sync, now time.Time, all bool) []string {
	said := slices.Clone(s.Holds)
	var when string
	if !now.IsZero() {
		held, at := s.Opens(now)
		switch {
		case held && at.IsZero():
			when = "; now they hold it up, and open in none of the next weeks"
		case held:
			when = "; now they hold it up, until " + at.UTC().Format("2006-01-02 15:04 UTC")
		case len(s.Windows) > 0:
			when = "; now they let it through"
		}
	}
	if len(s.Windows) > 0 {
		var windows []string
		for _, w := range s.Windows {
			windows = append(windows, w.String())
		}
		said = append(said, "sync windows: "+strings.Join(windows, "; ")+when)
	}
	if all {
		said = append(said, s.Notes...)
	}
	return said
}

// stepGroup are steps of one phase and wave.
type stepGroup struct {
	Name  string
	Steps []argocd.Step
}

func stepGroups(s argocd.Sync) []stepGroup {
	var all []stepGroup
	for i, step := range s.Steps {
		if i == 0 || step.Phase != s.Steps[i-1].Phase || step.Wave != s.Steps[i-1].Wave {
			name := fmt.Sprintf("%s, wave %d", step.Phase, step.Wave)
			if strings.HasSuffix(step.Phase, "Delete") {
				name = step.Phase // all of them at once
			}
			all = append(all, stepGroup{Name: name})
		}
		last := &all[len(all)-1]
		last.Steps = append(last.Steps, step)
	}
	return all
}

// syncs prints what Argo CD does with a change: a line an Application and what weighs, or every step.
func (t *text) syncs(c *Comparison, now time.Time, verbose bool) {
	if len(c.Syncs) > 0 {
		t.changeField("sync", terminal.Line("what Argo CD does, where the cluster is as "+c.Before.Name+" has it:"))
	}
	for _, s := range c.Syncs {
		said := terminal.Line(syncTitle(s) + " " + syncMode(s))
		if what := actions(s); what != "" {
			said += ": " + what
		}
		t.changeField("", said)
		for _, remark := range syncRemarks(s, now, verbose) {
			t.changeField("", "  "+terminal.Line(remark))
		}
		if !verbose {
			for _, step := range s.Steps {
				if step.Weighs {
					t.changeField("", "  "+terminal.Line(stepSaid(step)))
				}
			}
			continue
		}
		for _, g := range stepGroups(s) {
			t.changeField("", "  "+t.Paint(terminal.Dim, g.Name))
			for _, step := range g.Steps {
				t.changeField("", "    "+terminal.Line(stepSaid(step)))
			}
		}
	}
}

// syncs lists the same, with every step folded.
func (m *markdown) syncs(c *Comparison, now time.Time, command string) {
	if len(c.Syncs) == 0 {
		return
	}
	m.line("**What Argo CD does with it**, where the cluster is as %s has it:\n", inCode(clipped(c.Before.Name, 250)))
	m.rows(len(c.Syncs), roomForList, func(i int) string {
		s := c.Syncs[i]
		said := asText(clipped(syncTitle(s), 300)) + " " + syncMode(s)
		if what := actions(s); what != "" {
			said += ": " + what
		}
		for _, remark := range syncRemarks(s, now, false) {
			said += "\n  - " + asText(clipped(remark, 300))
		}
		for _, step := range s.Steps {
			if step.Weighs {
				said += "\n  - **" + asText(clipped(stepSaid(step), 300)) + "**"
			}
		}
		return "- " + said
	}, func(left int) { m.line("- %s: %s lists all", more(left, "Application"), asCommand(command)) })
	m.line("")
	type row struct{ title, said string }
	var rows []row
	for _, s := range c.Syncs {
		for _, g := range stepGroups(s) {
			for _, step := range g.Steps {
				rows = append(rows, row{syncOf(s) + ", " + g.Name, stepSaid(step)})
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	m.fold(stepsSaid(len(rows)))
	m.rows(len(rows), roomForSteps, func(i int) string {
		said := "  - " + asText(clipped(rows[i].said, 300))
		if i == 0 || rows[i].title != rows[i-1].title {
			said = "- " + asText(clipped(rows[i].title, 300)) + "\n" + said
		}
		return said
	}, func(left int) { m.line("- %s: %s lists them", more(left, "step"), asCommand(command+" -v")) })
	m.unfold()
}

type jsonSync struct {
	Application manifest.ID        `json:"application"`
	Change      argocd.Fate        `json:"change"`
	Source      *manifest.Position `json:"source"`
	Targets     []string           `json:"targets"`
	RenderedBy  []string           `json:"renderedBy,omitempty"`
	Automated   bool               `json:"automated"`
	Prune       bool               `json:"prune"`
	SelfHeal    bool               `json:"selfHeal"`
	Holds       []string           `json:"holds"`
	Notes       []string           `json:"notes"`
	Windows     []jsonWindow       `json:"windows"`
	Steps       []jsonStep         `json:"steps"`
}

type jsonWindow struct {
	Kind       string `json:"kind"`
	Schedule   string `json:"schedule"`
	Duration   string `json:"duration"`
	TimeZone   string `json:"timeZone"`
	ManualSync bool   `json:"manualSync"`
}

type jsonStep struct {
	Phase  string             `json:"phase"`
	Wave   int                `json:"wave"`
	Action argocd.Action      `json:"action"`
	Object manifest.ID        `json:"object"`
	Reason string             `json:"reason"`
	Weighs bool               `json:"weighs"`
	Source *manifest.Position `json:"source"`
}

func syncsJSON(syncs []argocd.Sync) []jsonSync {
	all := []jsonSync{}
	for _, s := range syncs {
		out := jsonSync{
			Application: s.Application, Change: s.Fate, Source: position(s.Source), Targets: append([]string{}, s.Targets...), RenderedBy: s.In, Automated: s.Automated,
			Prune: s.Prunes, SelfHeal: s.SelfHeals, Holds: append([]string{}, s.Holds...), Notes: append([]string{}, s.Notes...),
			Windows: []jsonWindow{}, Steps: []jsonStep{},
		}
		for _, w := range s.Windows {
			kind := "deny"
			if w.Allows {
				kind = "allow"
			}
			out.Windows = append(out.Windows, jsonWindow{kind, w.Schedule, w.Duration, w.TimeZone, w.ManualSync})
		}
		for _, step := range s.Steps {
			out.Steps = append(out.Steps, jsonStep{step.Phase, step.Wave, step.Action, step.Object, step.Reason, step.Weighs, position(step.Source)})
		}
		all = append(all, out)
	}
	return all
}

// reviewSync is a sync on the page of a change.
type reviewSync struct {
	Title, Mode, Does string
	Remarks           []string
	Weighs            []string
	Groups            []reviewSteps
	Steps             int
}

type reviewSteps struct {
	Name  string
	Steps []string
}

func reviewSyncs(c *Comparison, now time.Time) []reviewSync {
	var all []reviewSync
	for _, s := range c.Syncs {
		out := reviewSync{Title: syncTitle(s), Mode: syncMode(s), Does: actions(s), Remarks: syncRemarks(s, now, true), Steps: len(s.Steps)}
		for _, step := range s.Steps {
			if step.Weighs {
				out.Weighs = append(out.Weighs, stepSaid(step))
			}
		}
		for _, g := range stepGroups(s) {
			steps := reviewSteps{Name: g.Name}
			for _, step := range g.Steps {
				steps.Steps = append(steps.Steps, stepSaid(step))
			}
			out.Groups = append(out.Groups, steps)
		}
		all = append(all, out)
	}
	return all
}
