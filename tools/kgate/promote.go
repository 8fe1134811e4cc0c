package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/amendment"
	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/commit"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/ledger"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

// promoteFlags are those of promote and of rollback.
type promoteFlags struct {
	request                     transition.Request
	weight                      int
	next, finish, abort         bool
	allow                       []string
	dry, commit                 bool
	branch, body, check, ledger string
	outputs                     []string
	color                       color
	bounds                      bounds
}

func promoteCommand() *cobra.Command {
	flags := promoteFlags{request: transition.Request{Action: transition.Promote}}
	cmd := &cobra.Command{
		Use:   "promote SERVICE... --to ENVIRONMENT",
		Short: "Bring a version to the next environment, its canary first, or refuse to",
		Long: "Write the version that runs in one environment into the lines that say it for the next one, and change no other byte. Where\n" +
			"the service has a canary there, the version comes to the canary, with the first share of traffic of the ladder that kgate.yaml\n" +
			"names; --next goes one step up, --finish makes the canary's version the stable one, and --abort gives the canary the stable\n" +
			"version again. With both, the share is again what it was before.\n\n" +
			"Nothing is written unless the result renders, says what it is meant to, and brings no finding that fails a run; several\n" +
			"files are written together or not at all. With --commit, the git program commits them, and nothing else that is changed,\n" +
			"with its hooks and as who runs kgate; the message has the trailers Service, Environment, From and To.\n\n" +
			"A step is refused that breaks one of these rules; --allow RULE lets it pass:\n" + ruleList() + "\n" +
			"The order of environments, soak, ladder and freezes stand in kgate.yaml under `environments`, the list of versions and the\n" +
			"release ledger under `promotion`. A ledger that wants a token gets the one in " + ledger.TokenVariable + ".\n\n" +
			"With --check BASE nothing is written: what the working tree or a commit on it changes of versions and weights since it left\n" +
			"BASE is held to the same rules, whoever wrote it, by the kgate.yaml of BASE. Of a ledger only --ledger counts then.\n\n" +
			"Exit codes: 0 done, or nothing to do, 1 refused, 2 something could not be done.",
		Example: "  kgate promote shop --to staging --version 1.2.0\n  kgate promote shop --from staging --to prod --commit --branch promote/shop-1.2.0\n" +
			"  kgate promote shop --to prod --next\n  kgate promote shop --to prod --finish --commit\n  kgate promote --all --to staging --dry-run\n  kgate promote --check origin/main",
		Annotations: map[string]string{writesHere: "."},
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.request.Services = args
			outputs, err := flags.read(cmd)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("check") {
				return checkPromotion(cmd, flags, outputs)
			}
			return move(cmd, flags, outputs)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.request.From, "from", "", "environment that the version comes from (default: the one that kgate.yaml names)")
	f.StringVar(&flags.request.To, "to", "", "environment that it goes to")
	f.StringVar(&flags.request.Version, "version", "", "the version, as 1.2.0 or 1.2.0@sha256:…, or sha256:… of what --from runs (default: what runs there)")
	f.BoolVar(&flags.request.All, "all", false, "every service that both environments have, and no chart")
	f.IntVar(&flags.weight, "weight", 0, "give the canary that share of traffic, in percent")
	f.BoolVar(&flags.next, "next", false, "give the canary the share of the ladder's next step")
	f.BoolVar(&flags.finish, "finish", false, "make the canary's version the stable one")
	f.BoolVar(&flags.abort, "abort", false, "give the canary the stable version again")
	f.StringVar(&flags.check, "check", "", "git revision; write nothing, and hold what changed since to the rules")
	f.StringVar(&flags.ledger, "ledger", "", "URL of the release ledger that is asked about the soak (default: the one that kgate.yaml names)")
	flags.register(cmd, "format, text or json, and of --check markdown and github as well")
	return cmd
}

func rollbackCommand() *cobra.Command {
	flags := promoteFlags{request: transition.Request{Action: transition.Rollback}}
	cmd := &cobra.Command{
		Use:   "rollback SERVICE... --env ENVIRONMENT",
		Short: "Bring an earlier version back, as git's history has it",
		Long: "Write the version that ran in an environment before the present one, or the earlier one that --to names, into the lines that say\n" +
			"it. One that was gone back from comes back only where --to names it. What ran is read from the history of those lines in git. A canary that runs the stable version gets the same one.\n\n" +
			"Nothing is written unless the result validates. Soak, freezes and the order of versions hold no rollback; of the rules of\n" +
			"`kgate promote`, canary, dirty, findings, shared and versions do, and --allow RULE lets a step pass.\n\n" +
			"Exit codes: 0 done, or nothing to do, 1 refused, 2 something could not be done.",
		Example:     "  kgate rollback shop --env prod\n  kgate rollback shop --env prod --to 1.1.0 --commit",
		Args:        cobra.MinimumNArgs(1),
		Annotations: map[string]string{writesHere: "."},
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.request.Services = args
			outputs, err := flags.read(cmd)
			if err != nil {
				return err
			}
			return move(cmd, flags, outputs)
		},
	}
	cmd.Flags().StringVar(&flags.request.To, "env", "", "environment in which the version is taken back")
	cmd.Flags().StringVar(&flags.request.Version, "to", "", "version to go back to (default: the one before)")
	flags.register(cmd, "format, text or json")
	return cmd
}

// ruleNames are what --allow takes.
func ruleNames() []string {
	var names []string
	for _, r := range transition.Rules() {
		names = append(names, string(r.Rule))
	}
	return names
}

func ruleList() string {
	var b strings.Builder
	for _, r := range transition.Rules() {
		fmt.Fprintf(&b, "  %-10s %s\n", r.Rule, r.Doc)
	}
	return b.String()
}

func (f *promoteFlags) register(cmd *cobra.Command, formats string) {
	s := cmd.Flags()
	s.StringSliceVar(&f.allow, "allow", nil, "rules to let pass, as findings (repeatable)")
	s.BoolVar(&f.dry, "dry-run", false, "say what would change, as kgate diff does, and write nothing")
	s.BoolVar(&f.commit, "commit", false, "commit what is written, and nothing else")
	s.StringVar(&f.branch, "branch", "", "make that branch of HEAD, and commit there")
	s.StringVar(&f.body, "pr-body", "", "write the description of a pull request to that file")
	s.StringArrayVarP(&f.outputs, "output", "o", []string{"text"}, formats+"; FORMAT=FILE writes a file, never through a link of the repository (repeatable)")
	colorFlags(cmd, &f.color)
	boundsFlags(cmd, &f.bounds)
	_ = cmd.RegisterFlagCompletionFunc("allow", cobra.FixedCompletions(ruleNames(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
}

// read refuses flags that say nothing, or two things, and says where what is told goes.
func (f *promoteFlags) read(cmd *cobra.Command) ([]output, error) {
	formats := []string{"text", "json"}
	if f.check != "" {
		formats = append(formats, "markdown", "github")
	}
	for _, text := range f.outputs {
		format, _, _ := strings.Cut(text, "=")
		switch {
		case slices.Contains(formats, format):
		case format == "markdown" || format == "github":
			return nil, fmt.Errorf("--output %s goes with `kgate promote --check BASE`; of a step, --pr-body FILE writes Markdown, and --output %s", format, strings.Join(formats, " or "))
		default:
			return nil, unknownFormat(text, formats...)
		}
	}
	outputs, err := parseOutputs(f.outputs)
	if err != nil {
		return nil, err
	}
	return outputs, f.consistent(cmd)
}

// consistent refuses flags that do not go together.
func (f *promoteFlags) consistent(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if err := f.color.check(); err != nil {
		return err
	}
	rules := ruleNames()
	for _, name := range f.allow {
		if !slices.Contains(rules, name) {
			return fmt.Errorf("--allow %s: there is no such rule; there are %s%s", name, strings.Join(rules, ", "), spelling.Meant(name, rules))
		}
	}
	for _, name := range []string{"allow", "branch", "check", "from", "ledger", "pr-body", "version", "to", "env"} {
		// An unset variable of a CI job must not read as "whatever the default is".
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed && (flag.Value.String() == "" || flag.Value.String() == "[]") {
			return fmt.Errorf("--%s is empty: write what it is, or leave the flag out", name)
		}
	}
	if changed("check") {
		for _, name := range []string{"from", "to", "version", "all", "weight", "next", "finish", "abort", "dry-run", "commit", "branch", "pr-body"} {
			if changed(name) {
				return fmt.Errorf("--check and --%s do not go together: a check writes nothing; leave one out", name)
			}
		}
		if len(f.request.Services) > 0 {
			return errors.New("--check holds every service to the rules: leave the names out")
		}
		return nil
	}
	if f.dry && (f.commit || f.branch != "") {
		return errors.New("--dry-run and --commit do not go together: a dry run writes nothing; leave one out")
	}
	f.commit = f.commit || f.branch != ""
	if f.request.Action == transition.Rollback {
		if f.request.To == "" {
			return errors.New("name the environment, as --env prod")
		}
		return nil
	}
	if f.request.To == "" {
		return errors.New("name the environment that the version goes to, as --to prod")
	}
	if f.request.All == (len(f.request.Services) > 0) {
		return errors.New("name services, or write --all for every one, and not both")
	}
	steps := 0
	for name, action := range map[string]transition.Action{"weight": transition.Shift, "next": transition.Shift, "finish": transition.Finish, "abort": transition.Abort} {
		if changed(name) {
			steps++
			f.request.Action = action
		}
	}
	if steps > 1 {
		return errors.New("--weight, --next, --finish and --abort do not go together: each is a step by itself")
	}
	if steps > 0 && changed("version") {
		return errors.New("--version is of a version that comes to the canary: a step of a canary that is there takes none")
	}
	if f.request.Weight = f.weight; f.next {
		f.request.Weight = transition.Next
	}
	if changed("weight") && (f.weight < 0 || f.weight > 100) {
		return fmt.Errorf("--weight %d: it is a share in percent, from 0 to 100", f.weight)
	}
	return nil
}

func (f *promoteFlags) allowed() []transition.Rule {
	var all []transition.Rule
	for _, name := range f.allow {
		all = append(all, transition.Rule(name))
	}
	return all
}

// rehearsed is what a command found out before anything is written.
type rehearsed struct {
	repository *repo.Repo
	moves      []transition.Move
	refusals   []transition.Refusal // of all moves together
	files      []amendment.File
	report     *report.Report // nil where nothing changes

	written []string
	commit  string
	branch  string
}

// refused reports whether something stands against it that nobody lets pass.
func (r *rehearsed) refused() int {
	count := 0
	for _, m := range r.moves {
		count += len(m.Refused())
	}
	for _, one := range r.refusals {
		if !one.Allowed {
			count++
		}
	}
	return count
}

func (f *promoteFlags) options(progress *progress) gate.Options {
	return gate.Options{Version: versionName(), Progress: progress.judged}
}

// move makes the steps that are asked for.
func move(cmd *cobra.Command, flags promoteFlags, outputs []output) error {
	stdout, stderr := terminal.NewStream(cmd.OutOrStdout()), terminal.NewStream(cmd.ErrOrStderr())
	progress := &progress{w: stderr}
	defer progress.clear()
	var r *rehearsed
	if err := flags.bounds.within(cmd.Context(), func(ctx context.Context) (err error) {
		r, err = rehearse(ctx, flags, progress)
		return err
	}); err != nil {
		return err
	}
	progress.clear()
	if err := keepWithin(outputs, r.repository.Dir); err != nil {
		return err
	}
	// Writing is not bounded: what has begun ends. A description that nobody can write is found out while nothing is committed yet.
	undescribe := func() error { return nil }
	if r.refused() == 0 || flags.dry {
		var err error
		if undescribe, err = r.body(cmd.Context(), flags.body, time.Now()); err != nil {
			return err
		}
	}
	if r.refused() == 0 && len(r.files) > 0 && !flags.dry {
		if err := r.write(cmd.Context(), flags); err != nil {
			return errors.Join(err, undescribe()) // nothing is described that is not there
		}
	}
	if err := r.print(cmd.Context(), stdout, flags, outputs); err != nil {
		return err
	}
	if r.report != nil && len(r.report.Errors) > 0 {
		return errReported
	}
	if r.refused() > 0 {
		return errFindings
	}
	return nil
}

// imageBackwards is the danger of an older version; there is no other way to go back.
const imageBackwards = "danger/image-backwards"

// rehearse finds out what the steps change, what stands against them, and what they lead to.
func rehearse(ctx context.Context, flags promoteFlags, progress *progress) (r *rehearsed, err error) {
	repository, err := repo.Open(".")
	if err != nil {
		return nil, err
	}
	g, err := gate.Rendering(ctx, repository)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	planner := &transition.Planner{Config: repository.Config, ReadFile: repository.ReadFile, Now: time.Now(), Allow: flags.allowed(), Ledger: ledgerOf(repository.Config.Promoting.Ledger, flags)}
	if planner.Table, err = g.Promotion(ctx); err != nil {
		return nil, err
	}
	if planner.Past, err = g.Past(ctx, "", borrowed()...); err != nil {
		return nil, err
	}
	r = &rehearsed{repository: repository}
	if r.moves, err = planner.Plan(ctx, flags.request); err != nil {
		return nil, err
	}
	if r.files, err = planner.Texts(r.moves); err != nil || len(r.files) == 0 {
		return r, err
	}
	out, err := gate.Rehearse(ctx, repository, r.moves, r.files, flags.options(progress))
	if err != nil {
		return nil, err
	}
	r.report = &out
	least := out.FailOn
	older := flags.request.Action == transition.Rollback || flags.request.Action == transition.Abort || slices.Contains(planner.Allow, transition.Backwards)
	for _, finding := range out.Findings {
		if older && finding.Check == imageBackwards {
			continue // to go back is what was asked for
		}
		if finding.Severity == check.Error || least == check.Warning {
			r.refusals = append(r.refusals, transition.Refusal{
				Rule: transition.Findings, Source: finding.Source, Message: fmt.Sprintf("%s (%s)", finding.Message, finding.Check), Allowed: slices.Contains(planner.Allow, transition.Findings),
			})
		}
	}
	return r, nil
}

// ledgerOf is the ledger that is asked; nil for none.
func ledgerOf(named string, flags promoteFlags) *ledger.Client {
	if flags.ledger != "" {
		named = flags.ledger
	}
	if named == "" {
		return nil
	}
	return &ledger.Client{URL: named, Token: os.Getenv(ledger.TokenVariable)}
}

// write writes the files, and commits them where that is asked for. What fails leaves everything as it was.
func (r *rehearsed) write(ctx context.Context, flags promoteFlags) (err error) {
	dir := r.repository.Dir
	var git *commit.Repository
	if flags.commit {
		if git, err = commit.Open(dir); err != nil {
			return err
		}
	}
	undo := []func() error{}
	defer func() {
		if err == nil {
			return
		}
		for _, step := range slices.Backward(undo) {
			err = errors.Join(err, step())
		}
	}()
	if flags.branch != "" {
		back, err := git.Begin(ctx, flags.branch)
		if err != nil {
			return err
		}
		undo = append(undo, back)
	}
	if err := r.apply(false); err != nil {
		return err
	}
	undo = append(undo, func() error { return r.apply(true) })
	var names []string
	for _, f := range r.files {
		names = append(names, f.Name)
	}
	if flags.commit {
		if r.commit, err = git.Files(ctx, message(r.moves), names...); err != nil {
			return err
		}
	}
	r.written, r.branch = names, flags.branch
	return nil
}

// apply gives the files their new text, or the old one again. One that holds neither was changed by somebody else.
func (r *rehearsed) apply(back bool) error {
	var set changeset.Set
	for _, f := range r.files {
		from, to := f.Old, f.New
		if back {
			from, to = f.New, f.Old
		}
		is, err := r.repository.ReadFile(f.Name)
		if err != nil {
			return err
		}
		if !bytes.Equal(is, from) {
			return fmt.Errorf("%s: somebody changed the file meanwhile: run again", f.Name)
		}
		set.Write(f.Name, changeset.File{Text: to})
	}
	return set.Apply(r.repository.Dir)
}

// checkPromotion holds a change that is there to the rules.
func checkPromotion(cmd *cobra.Command, flags promoteFlags, outputs []output) error {
	stdout := terminal.NewStream(cmd.OutOrStdout())
	r := &rehearsed{}
	if err := flags.bounds.within(cmd.Context(), func(ctx context.Context) (err error) {
		before, after, err := repo.Sides(ctx, ".", flags.check, "", borrowed()...)
		if err != nil {
			return err
		}
		if err := keepWithin(outputs, after.Dir); err != nil {
			return err
		}
		was, err := gate.TableOf(ctx, before.Repo)
		if err != nil {
			return fmt.Errorf("%s: %w", before.Name, err)
		}
		// What a change says of itself is not asked.
		held, err := gate.HeldTo(ctx, before.Repo, after.Repo, was)
		if err != nil {
			return err
		}
		g, err := gate.Rendering(ctx, held)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.Close()) }()
		planner := &transition.Planner{Config: before.Config, ReadFile: before.ReadFile, Now: time.Now(), Allow: flags.allowed(), Ledger: ledgerOf("", flags)}
		if planner.Table, err = g.Promotion(ctx); err != nil {
			return err
		}
		if planner.Past, err = g.Past(ctx, before.Commit, borrowed()...); err != nil {
			return err
		}
		r.moves, err = planner.Check(ctx, was, before.Commit)
		return err
	}); err != nil {
		return err
	}
	if err := r.print(cmd.Context(), stdout, flags, outputs); err != nil {
		return err
	}
	if r.refused() > 0 {
		return errFindings
	}
	return nil
}
