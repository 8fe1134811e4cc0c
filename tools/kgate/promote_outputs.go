package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

func percentText(share float64) string { return strconv.FormatFloat(share, 'f', -1, 64) }

// place is a position as an editor follows it.
func place(at manifest.Position) string {
	text := at.String()
	if at.Line > 0 && at.Column > 0 {
		text += ":" + strconv.Itoa(at.Column)
	}
	return terminal.File(text)
}

// print tells what was done, or why nothing was, in each format that is asked for.
func (r *rehearsed) print(ctx context.Context, w *terminal.Stream, flags promoteFlags, outputs []output) error {
	for i, o := range outputs {
		outputs[i].write = func(w io.Writer, _ report.Report, _ report.Options) error {
			switch o.format {
			case "json":
				return r.json(w, flags)
			case "markdown":
				return report.StepsMarkdown(w, r.steps(flags))
			case "github":
				return report.StepsGitHub(w, r.steps(flags))
			}
			return r.text(w, flags)
		}
	}
	return writeReports(ctx, outputs, report.Report{}, w, report.Options{})
}

// steps are those of a check.
func (r *rehearsed) steps(flags promoteFlags) report.Steps {
	return report.Steps{Since: flags.check, Moves: r.moves, Refused: r.refused()}
}

func (r *rehearsed) text(w io.Writer, flags promoteFlags) error {
	var b strings.Builder
	checking := flags.check != ""
	for _, m := range r.moves {
		if len(m.Changes) == 0 {
			nothing := transition.Shown(m.New) + " runs there already"
			switch {
			case m.Action == transition.Shift:
				nothing = "the canary has " + percentText(m.WeightWas) + " % already"
			case m.Canary:
				nothing = "the canary runs " + transition.Shown(m.New) + " already"
			}
			fmt.Fprintf(&b, "%s  %s  %s\n", terminal.Line(m.Service), terminal.Line(m.Environment), terminal.Line(nothing))
			if waits := m.Waits; waits != (promotion.Reference{}) {
				fmt.Fprintf(&b, "  %s is the canary of %s, and comes from there once it is the stable version\n", terminal.Line(transition.Shown(waits)), terminal.Line(m.From))
			}
			continue
		}
		fmt.Fprintf(&b, "%s  %s  %s\n", terminal.Line(m.Service), terminal.Line(m.Environment), terminal.Line(m.String()))
		for _, c := range m.Changes {
			fmt.Fprintf(&b, "  %s: %s: %s\n", place(c.Source), terminal.Line(c.Field), terminal.Line(c.String()))
		}
		if also := m.AlsoText(); also != "" {
			fmt.Fprintf(&b, "  %s\n", terminal.Line(also))
		}
		if m.Action == transition.Promote && m.Canary && m.Weighted && m.WeightIs == 0 && len(m.Refused()) == 0 && !checking {
			fmt.Fprintf(&b, "  no request gets there yet: `kgate promote %s --to %s --weight 25` gives the canary a share\n", terminal.Line(m.Service), terminal.Line(m.Environment))
		}
		for _, h := range m.Holders {
			fmt.Fprintf(&b, "  %s\n", terminal.Line(h.Text(m.Old)))
		}
		for _, one := range m.Refusals {
			b.WriteString(refusal(one))
		}
	}
	for _, one := range r.refusals {
		b.WriteString(refusal(one))
	}
	if r.report != nil && (flags.dry || len(r.report.Errors) > 0) {
		var text bytes.Buffer
		if err := report.Text(&text, *r.report, report.Options{Now: time.Now()}); err != nil {
			return err
		}
		b.WriteString("\n" + text.String())
	}
	switch count := r.refused(); {
	case checking:
		fmt.Fprintf(&b, "%s since %s, %s refused\n", plural(len(r.moves), "step"), terminal.Line(flags.check), strconv.Itoa(count))
	case r.report != nil && len(r.report.Errors) > 0:
		b.WriteString("nothing was written: the result cannot be checked\n")
	case count > 0:
		fmt.Fprintf(&b, "nothing was written: %s; --allow RULE lets it pass\n", broken(count))
	case len(r.files) == 0:
		b.WriteString("nothing to do" + flags.notMade() + "\n")
	case flags.dry:
		b.WriteString("nothing was written: --dry-run\n")
	case r.commit != "":
		on := ""
		if r.branch != "" {
			on = " on " + r.branch
		}
		fmt.Fprintf(&b, "committed %s%s: %s\n", r.commit[:min(12, len(r.commit))], terminal.Line(on), terminal.Line(strings.Join(r.written, ", ")))
	default:
		fmt.Fprintf(&b, "wrote %s\n", terminal.Line(strings.Join(r.written, ", ")))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func refusal(one transition.Refusal) string {
	word := "error"
	if one.Allowed {
		word = "allowed"
	}
	at := ""
	if !one.Source.IsZero() {
		at = place(one.Source) + ": "
	}
	return fmt.Sprintf("%s%s: %s [%s]\n", at, word, terminal.Line(one.Message), one.Rule)
}

// The document of --output json, of which docs/promotion.schema.json tells.
type (
	promotionJSON struct {
		Version  string          `json:"version"`
		Refused  bool            `json:"refused"`
		DryRun   bool            `json:"dryRun"`
		Moves    []moveJSON      `json:"moves"`
		Refusals []refusalJSON   `json:"refusals"`
		Written  []string        `json:"written"`
		Commit   string          `json:"commit,omitempty"`
		Branch   string          `json:"branch,omitempty"`
		Report   json.RawMessage `json:"report,omitempty"`
	}
	moveJSON struct {
		Service     string        `json:"service"`
		Environment string        `json:"environment"`
		Action      string        `json:"action"`
		Track       string        `json:"track"`
		From        string        `json:"from,omitempty"`
		VersionWas  string        `json:"versionWas"`
		Version     string        `json:"version"`
		WeightWas   *float64      `json:"weightWas,omitempty"`
		Weight      *float64      `json:"weight,omitempty"`
		Since       *time.Time    `json:"since,omitempty"`
		SinceBy     string        `json:"sinceBy,omitempty"`
		Changes     []changeJSON  `json:"changes"`
		Also        []alsoJSON    `json:"also,omitempty"`
		StillRuns   []holderJSON  `json:"stillRuns,omitempty"`
		Waits       string        `json:"waits,omitempty"`
		Refusals    []refusalJSON `json:"refusals"`
	}
	changeJSON struct {
		File   string `json:"file"`
		Line   int    `json:"line"`
		Column int    `json:"column,omitempty"`
		Field  string `json:"field"`
		Was    string `json:"was"`
		Is     string `json:"is"`
	}
	alsoJSON struct {
		Environment string `json:"environment"`
		BuildsOn    bool   `json:"buildsOn"`
	}
	holderJSON struct {
		Environment string `json:"environment"`
		Track       string `json:"track"`
		Command     string `json:"command"`
	}
	refusalJSON struct {
		Rule    string `json:"rule"`
		File    string `json:"file,omitempty"`
		Line    int    `json:"line,omitempty"`
		Column  int    `json:"column,omitempty"`
		Message string `json:"message"`
		Allowed bool   `json:"allowed"`
	}
)

func refusalsJSON(all []transition.Refusal) []refusalJSON {
	list := []refusalJSON{}
	for _, one := range all {
		list = append(list, refusalJSON{string(one.Rule), one.Source.File, one.Source.Line, one.Source.Column, one.Message, one.Allowed})
	}
	return list
}

func (r *rehearsed) json(w io.Writer, flags promoteFlags) error {
	document := promotionJSON{Version: "v1", Refused: r.refused() > 0, DryRun: flags.dry, Moves: []moveJSON{}, Refusals: refusalsJSON(r.refusals), Written: append([]string{}, r.written...), Commit: r.commit, Branch: r.branch}
	for _, m := range r.moves {
		one := moveJSON{
			Service: m.Service, Environment: m.Environment, Action: string(m.Action), Track: "stable", From: m.From,
			VersionWas: transition.Shown(m.Old), Version: transition.Shown(m.New), SinceBy: m.SinceBy, Changes: []changeJSON{}, Refusals: refusalsJSON(m.Refusals),
		}
		if m.Canary {
			one.Track = "canary"
		}
		if m.Weighted {
			one.WeightWas, one.Weight = &m.WeightWas, &m.WeightIs
		}
		if !m.Since.IsZero() {
			since := m.Since.UTC()
			one.Since = &since
		}
		for _, c := range m.Changes {
			one.Changes = append(one.Changes, changeJSON{c.Source.File, c.Source.Line, c.Source.Column, c.Field, c.Old, c.New})
		}
		for _, c := range m.Also {
			one.Also = append(one.Also, alsoJSON(c))
		}
		for _, h := range m.Holders {
			track := "stable"
			if h.Canary {
				track = "canary"
			}
			one.StillRuns = append(one.StillRuns, holderJSON{h.Environment, track, h.Command})
		}
		if m.Waits != (promotion.Reference{}) {
			one.Waits = transition.Shown(m.Waits)
		}
		document.Moves = append(document.Moves, one)
	}
	if r.report != nil && (flags.dry || len(r.report.Errors) > 0) {
		var text bytes.Buffer
		if err := report.JSON(&text, *r.report, report.Options{Now: time.Now()}); err != nil {
			return err
		}
		document.Report = text.Bytes()
	}
	return printJSON(w, document)
}

// title is what a change is called in the log.
func title(moves []transition.Move) string {
	var parts []string
	for _, m := range moves {
		if len(m.Changes) > 0 {
			parts = append(parts, fmt.Sprintf("%s in %s: %s", m.Service, strings.Join(m.Environments(), " and "), m))
		}
	}
	const enough = 3
	if more := len(parts) - enough; more > 0 {
		parts = append(parts[:enough], fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, "; ")
}

// message is that of the commit, with trailers for each service in each environment that it changes in.
func message(moves []transition.Move) string {
	var b strings.Builder
	b.WriteString(title(moves) + "\n\n")
	for _, m := range moves {
		if len(m.Changes) == 0 {
			continue
		}
		for _, environment := range m.Environments() {
			fmt.Fprintf(&b, "Service: %s\nEnvironment: %s\nFrom: %s\nTo: %s\n", m.Service, environment, transition.Shown(m.Old), transition.Shown(m.New))
		}
	}
	return b.String()
}

// notMade says of nothing to do which of the things that are asked for are not there either; "" for none.
func (f *promoteFlags) notMade() string {
	var things []string
	if f.commit && f.branch == "" {
		things = append(things, "no commit is made")
	}
	if f.branch != "" {
		things = append(things, "the branch "+terminal.Line(f.branch)+" is not made")
	}
	if f.body != "" {
		things = append(things, terminal.File(f.body)+" is not written")
	}
	if len(things) == 0 {
		return ""
	}
	return ": " + strings.Join(things, ", ")
}

// bodyFormat is the output of --pr-body.
const bodyFormat = "pr-body"

// body writes the description of a pull request. undo takes it back: what the file held is there again.
func (r *rehearsed) body(ctx context.Context, file string, now time.Time) (undo func() error, err error) {
	undo = func() error { return nil }
	if file == "" || len(r.files) == 0 {
		return undo, nil // of nothing to do there is nothing to describe
	}
	var rendered bytes.Buffer
	if r.report != nil {
		if err := report.Markdown(&rendered, *r.report, report.Options{Now: now}); err != nil {
			return undo, err
		}
	}
	text := r.description(rendered.String())
	write := func(ctx context.Context, text string) error {
		outputs := []output{{format: bodyFormat, file: file, write: func(w io.Writer, _ report.Report, _ report.Options) error {
			_, err := io.WriteString(w, text)
			return err
		}}}
		if err := keepWithin(outputs, r.repository.Dir); err != nil {
			return err
		}
		if err := outputs[0].toFile(ctx, report.Report{}, report.Options{Now: now}); err != nil {
			return fmt.Errorf("--pr-body: %w", err)
		}
		return nil
	}
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		undo = func() error { return os.Remove(file) }
	case err == nil && info.Mode().IsRegular():
		before, err := os.ReadFile(file) //nolint:gosec // whoever names it has it replaced
		if err != nil {
			return undo, fmt.Errorf("--pr-body: %w", err)
		}
		undo = func() error { return write(context.WithoutCancel(ctx), string(before)) }
	}
	return undo, write(ctx, text)
}

// cell is a text in a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "`", "'").Replace(terminal.Line(text))
}

func (r *rehearsed) description(rendered string) string {
	var b strings.Builder
	b.WriteString("| Service | Environment | Change | Runs before it | Compare |\n| --- | --- | --- | --- | --- |\n")
	for _, m := range r.moves {
		if len(m.Changes) == 0 {
			continue
		}
		since := ""
		if !m.Since.IsZero() {
			by := m.SinceBy[:min(12, len(m.SinceBy))]
			if strings.Contains(m.SinceBy, " ") {
				by = m.SinceBy
			}
			since = fmt.Sprintf("in %s since %s (%s)", m.From, m.Since.UTC().Format("2006-01-02 15:04 MST"), by)
		}
		where := m.Environment
		if also := m.AlsoText(); also != "" {
			where += "; " + also
		}
		link := ""
		if to := r.repository.Config.Promoting.CompareLink(m.Service, m.Old.Version(), m.New.Version()); to != "" && m.Action != transition.Shift {
			link = fmt.Sprintf("[%s...%s](%s)", cell(m.Old.Version()), cell(m.New.Version()), to)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(m.Service), cell(where), cell(m.String()), cell(since), link)
	}
	var refusals []transition.Refusal
	for _, m := range r.moves {
		refusals = append(refusals, m.Refusals...)
	}
	for _, one := range append(refusals, r.refusals...) {
		word := "refused" // of a dry run
		if one.Allowed {
			word = "allowed by hand"
		}
		fmt.Fprintf(&b, "\n- %s: %s [%s]", word, cell(one.Message), one.Rule)
	}
	held := 0
	for _, m := range r.moves {
		for _, h := range m.Holders {
			fmt.Fprintf(&b, "\n- %s: %s", cell(m.Service), cell(h.Text(m.Old)))
			held++
		}
	}
	if len(refusals)+len(r.refusals)+held > 0 {
		b.WriteString("\n") // the list ends
	}
	b.WriteString("\nTo take it back:\n\n```console\n")
	for _, m := range r.moves {
		if len(m.Changes) > 0 {
			b.WriteString("$ " + takeBack(m) + "\n")
		}
	}
	b.WriteString("```\n")
	if rendered != "" {
		b.WriteString("\n" + rendered)
	}
	return b.String()
}

// takeBack is the command that takes a move back.
func takeBack(m transition.Move) string {
	switch {
	case m.Action == transition.Shift && m.WeightWas < m.WeightIs:
		return fmt.Sprintf("kgate promote %s --to %s --weight %s", m.Service, m.Environment, percentText(m.WeightWas))
	case m.Action == transition.Abort:
		return fmt.Sprintf("kgate promote %s --to %s --version %s", m.Service, m.Environment, transition.Shown(m.Old))
	case m.Canary:
		return fmt.Sprintf("kgate promote %s --to %s --abort", m.Service, m.Environment)
	}
	return fmt.Sprintf("kgate rollback %s --env %s --to %s", m.Service, m.Environment, transition.Shown(m.Old))
}

func broken(count int) string {
	if count == 1 {
		return "1 rule is broken"
	}
	return fmt.Sprintf("%d rules are broken", count)
}
