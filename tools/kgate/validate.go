package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

type validateFlags struct {
	outputs    []string
	versions   []string
	checks     []string
	failOn     string
	color      color
	verbose    bool
	watch      bool
	policies   []string
	crds       []string
	restrictor loadRestrictor
	unknown    string
	bounds     bounds

	configFrom         string
	against            string
	noObjectExemptions bool
	sourceURL          string
}

func validateCommand() *cobra.Command {
	var flags validateFlags
	cmd := &cobra.Command{
		Use:   "validate [TARGET...]",
		Short: "Render targets and check every object of them",
		Long: "Render targets and judge every object: by the API server's own code, which says what a cluster would answer to a\n" +
			"server-side apply; by the JSON schemas of every targeted Kubernetes version; and by rules.\n\n" +
			"A target is a Kustomize root, a manifest file, a directory of manifests, or - for standard input. A directory without\n" +
			"a kustomization stands for its manifests and for the roots below it. Without a target, those that kgate.yaml names\n" +
			"are checked, together with what must hold between them; where it names none, the roots that no other root uses, and\n" +
			"what Argo CD and Flux deploy from the repository. The top of a repository without a kustomization stands for the same.\n\n" +
			"With --policies, rules of your own join the built-in ones. Each is a file DIR/<group>/<rule>/<rule>.rego that begins\n" +
			"with METADATA; `kgate policy --help` shows one, and `kgate policy test DIR` runs its tests.\n\n" +
			"With --watch, kgate goes on until it is interrupted: after a change, what the change touches is rendered and checked\n" +
			"again, and the report is written anew. What lies in .git and node_modules is not watched.\n\n" +
			"A run that takes longer than --timeout or more than --memory, of a watch any run, ends with exit code 2 and says what\n" +
			"it was busy with.\n\n" +
			"With --config-from, kgate.yaml, the rules of --policies DIR inside the repository and what annotations exempt are those\n" +
			"of a git revision, such as the branch that a pull request is for: a change decides nothing about itself.\n\n" +
			"Exit codes: 0 clean, 1 findings, 2 something could not be checked; with --watch, that of the last report.",
		Example: "  kgate validate\n  kgate validate overlays/prod --kubernetes-version 1.30 --kubernetes-version 1.37\n" +
			"  helm template chart | kgate validate -\n  kgate validate --checks pod,'!pod/spread' --output json\n" +
			"  kgate validate --policies rules\n  kgate validate --watch overlays/dev\n" +
			"  kgate validate --config-from origin/main",
		RunE: func(cmd *cobra.Command, args []string) error { return validate(cmd, args, flags) },
	}
	flags.register(cmd)
	f := cmd.Flags()
	f.BoolVarP(&flags.watch, "watch", "w", false, "check again whenever a file changes, until interrupted")
	f.StringVar(&flags.configFrom, "config-from", "", "git revision whose kgate.yaml, policies and exemptions hold, as origin/main (default: the working tree)")
	f.StringVar(&flags.against, "against", "", "git revision to compare with, as origin/main: what it has as well is left out, and what only an update shows is told")
	return cmd
}

// register registers the flags of every command that judges targets.
func (v *validateFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVarP(&v.outputs, "output", "o", []string{"text"}, "report format, "+strings.Join(report.Names(), ", ")+"; FORMAT=FILE writes a file, never through a link of the repository (repeatable)")
	f.StringSliceVar(&v.versions, "kubernetes-version", nil, "Kubernetes version to check against, as 1.37 (repeatable; default: kgate.yaml's, else the newest)")
	f.StringSliceVar(&v.checks, "checks", nil, "checks or groups to run; a leading ! leaves out (repeatable)")
	f.StringVar(&v.failOn, "fail-on", "", "least severity that fails the run: error or warning (default: kgate.yaml's, else error)")
	f.StringVar(&v.sourceURL, "source-url", "", "address of a line on a forge, for links in html and markdown, as https://github.com/OWNER/NAME/blob/{commit}/{file}#L{line}")
	colorFlags(cmd, &v.color)
	f.BoolVarP(&v.verbose, "verbose", "v", false, "also print every finding that an exemption lets pass")
	f.BoolVar(&v.noObjectExemptions, "no-object-exemptions", false, "let the annotation "+check.ExemptionAnnotation+" exempt nothing")
	f.StringVar(&v.unknown, "unknown-kinds", "", "what becomes of objects of kinds that nobody defines: "+strings.Join(repo.UnknownKinds(), ", ")+" (default: kgate.yaml's, else error)")
	policiesFlag(cmd, &v.policies)
	crdsFlag(cmd, &v.crds)
	v.restrictor.flag(cmd)
	boundsFlags(cmd, &v.bounds)
	fixed := func(values ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, complete := range map[string]func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective){
		"output":             fixed(report.Names()...),
		"fail-on":            fixed("error", "warning"),
		"unknown-kinds":      fixed(repo.UnknownKinds()...),
		"kubernetes-version": fixed(schema.Versions()...),
		"checks": func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			names, err := completions(cmd, v.policies)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails only for a flag that does not exist
	}
}

// check refuses flags that say nothing.
func (v *validateFlags) check(cmd *cobra.Command) ([]output, error) {
	outputs, err := parseOutputs(v.outputs)
	if err != nil {
		return nil, err
	}
	if err := v.color.check(); err != nil {
		return nil, err
	}
	if cmd.Flags().Changed("source-url") {
		if err := report.VerifySourceURL(v.sourceURL); err != nil {
			return nil, fmt.Errorf("--source-url: %w", err)
		}
	}
	if cmd.Flags().Changed("fail-on") && v.failOn != string(check.Error) && v.failOn != string(check.Warning) {
		return nil, fmt.Errorf("--fail-on %s: it is error or warning%s", v.failOn, spelling.Meant(v.failOn, []string{string(check.Error), string(check.Warning)}))
	}
	if cmd.Flags().Changed("unknown-kinds") && !slices.Contains(repo.UnknownKinds(), v.unknown) {
		return nil, fmt.Errorf("--unknown-kinds %s: it is one of %s%s", v.unknown, strings.Join(repo.UnknownKinds(), ", "), spelling.Meant(v.unknown, repo.UnknownKinds()))
	}
	for name, empty := range map[string]string{
		"checks": "name checks or groups, or leave the flag out", "kubernetes-version": "write 1.37",
	} {
		// An unset variable of a CI job must not read as "whatever the default is".
		if list, err := cmd.Flags().GetStringSlice(name); err == nil && cmd.Flags().Changed(name) && len(list) == 0 {
			return nil, fmt.Errorf("--%s is empty: %s", name, empty)
		}
	}
	return outputs, nil
}

func validate(cmd *cobra.Command, args []string, flags validateFlags) error {
	ctx := cmd.Context()
	outputs, err := flags.check(cmd)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("against") {
		switch {
		case flags.against == "":
			return errors.New("--against is empty: name a revision, as origin/main, or leave the flag out")
		case flags.watch:
			return errors.New("--against and --watch do not go together: leave one out")
		case flags.configFrom != "":
			return errors.New("--against and --config-from do not go together: each side is judged by its own kgate.yaml; leave one out")
		}
		return compare(cmd, comparison{base: flags.against, targets: args, alone: true}, flags, outputs)
	}
	if cmd.Flags().Changed("config-from") {
		switch {
		case flags.configFrom == "":
			return errors.New("--config-from is empty: name a revision, as origin/main, or leave the flag out")
		case flags.watch:
			return errors.New("--config-from and --watch do not go together: a watch is of the working tree; leave one out")
		}
	}
	w := &writer{outputs: outputs, flags: flags, stdout: terminal.NewStream(cmd.OutOrStdout()), stderr: terminal.NewStream(cmd.ErrOrStderr())}
	if flags.watch {
		return watchTargets(ctx, gate.Watch{Args: args}, flags, w)
	}
	var opened atomic.Pointer[gate.Gate]
	defer func() {
		if g := opened.Load(); g != nil {
			_ = g.Close() // also of a run that was given up; a temporary folder that cannot be removed changes no verdict
		}
	}()
	return flags.bounds.within(ctx, func(ctx context.Context) error {
		repository, targets, err := gate.Locate(ctx, args, flags.configFrom, borrowed()...)
		if err != nil {
			return err
		}
		progress := &progress{w: w.stderr}
		defer progress.clear()
		options := flags.options(outputs, progress)
		options.Targets, options.Stdin = targets, cmd.InOrStdin()
		g, err := gate.Open(ctx, repository, options)
		if err != nil {
			return err
		}
		opened.Store(g)
		if err := keepWithin(w.outputs, repository.Dir); err != nil {
			return err
		}
		progress.total = len(g.Targets())
		out, err := g.Run(ctx)
		if err != nil {
			return err
		}
		progress.clear()
		return w.write(ctx, out)
	})
}

// options are what the flags ask for.
func (f validateFlags) options(outputs []output, progress *progress) gate.Options {
	return gate.Options{
		Versions: f.versions, Checks: f.checks, Policies: f.policies, CRDs: f.crds, UnknownKinds: f.unknown, LoadRestrictionsNone: f.restrictor.none, NoObjectExemptions: f.noObjectExemptions,
		Version: versionName(), Progress: progress.judged,
		Whole: slices.ContainsFunc(outputs, func(o output) bool { return o.format == "html" }), // it draws them
	}
}

// borrowed are further folders of git's objects, as git takes them: a pipeline can fetch the base beside a checkout whose .git it
// does not trust.
func borrowed() []string { return filepath.SplitList(os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES")) }

// writer writes the reports of a run.
type writer struct {
	outputs        []output
	flags          validateFlags
	stdout, stderr *terminal.Stream
}

// write returns errFindings or errReported for what the report says.
func (w *writer) write(ctx context.Context, out report.Report) error {
	end := activity.Begin(ctx, "writing the report")
	options := report.Options{Color: w.flags.color.on(w.stdout), Verbose: w.flags.verbose, Now: time.Now(), SourceURL: w.flags.sourceURL}
	if here, err := os.Getwd(); err == nil {
		if options.From, err = filepath.EvalSymlinks(here); err != nil {
			options.From = ""
		}
	}
	held := w.stdout.Held() // a run that is given up here prints no part of a report
	err := writeReports(ctx, w.outputs, out, held.Stream, options)
	if end(); ctx.Err() != nil {
		return ctx.Err()
	}
	if writeErr := held.Release(); writeErr != nil {
		err = errors.Join(err, fmt.Errorf("write the report: %w", writeErr))
	}
	if err != nil {
		return err
	}
	_, _ = io.WriteString(w.stderr, reminders(out.Exempted, time.Now()))
	if !w.toReader() {
		for _, e := range out.Errors {
			tell(w.stderr, errors.New(e.String()))
		}
	}
	return w.verdict(out)
}

// verdict is what a run comes to.
func (w *writer) verdict(out report.Report) error {
	switch {
	case len(out.Errors) > 0:
		return errReported
	case out.Count(check.Error) > 0, cmp.Or(w.flags.failOn, string(out.FailOn)) == string(check.Warning) && out.Count(check.Warning) > 0:
		return errFindings
	}
	return nil
}

// toReader reports whether somebody reads the report as it is written: then standard error repeats nothing of it.
func (w *writer) toReader() bool {
	return slices.ContainsFunc(w.outputs, func(o output) bool { return o.format == "text" && o.file == "" })
}

// reminders are a line for each exemption whose last day is near. They are notes and no part of a report, which says
// the same on every day.
func reminders(exempted []check.Exempted, now time.Time) string {
	var b strings.Builder
	for _, e := range check.Ending(exempted, now) {
		fmt.Fprintf(&b, "%s: the exemption from %s ends with %s, and the run fails from then on: its owner is %s\n",
			terminal.File(e.Source.String()), terminal.Line(e.Check), e.Expires.Format(time.DateOnly), terminal.Line(e.Owner))
	}
	return b.String()
}

// progress is one line on a terminal's standard error; elsewhere it is silent.
type progress struct {
	w     *terminal.Stream
	total int
}

func (p *progress) say(format string, args ...any) {
	if p.w.IsTerminal() {
		p.w.Status(fmt.Sprintf(format, args...))
	}
}

func (p *progress) judged(target string, n int) {
	if p.total == 0 { // of a comparison nobody knows before it has begun
		p.say("compared %s (%d)", target, n)
		return
	}
	p.say("checked %s (%d of %d)", target, n, p.total)
}

func (p *progress) clear() { p.say("") }
