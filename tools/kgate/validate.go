package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/provenance"
	"github.com/kgate-dev/gitops/tools/internal/render"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/schema"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

type validateFlags struct {
	outputs  []string
	versions []string
	checks   []string
	failOn   string
	noColor  bool
	verbose  bool
	watch    bool
	policies []string
	bounds   bounds

	configFrom         string
	noObjectExemptions bool
}

func validateCommand() *cobra.Command {
	var flags validateFlags
	cmd := &cobra.Command{
		Use:   "validate [TARGET...]",
		Short: "Render targets and check every object of them",
		Long: "Render targets and judge every object: by the API server's own code, which says what a cluster would answer to a\n" +
			"server-side apply; by the JSON schemas of every targeted Kubernetes version; and by rules.\n\n" +
			"A target is a Kustomize root, a manifest file, a directory of manifests, or - for standard input. Without one,\n" +
			"every overlay and the Argo CD tree are checked, together with what must hold between them.\n\n" +
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
	f := cmd.Flags()
	f.StringArrayVarP(&flags.outputs, "output", "o", []string{"text"}, "report format, "+strings.Join(report.Names(), ", ")+"; FORMAT=FILE writes a file, never through a link of the repository (repeatable)")
	f.StringSliceVar(&flags.versions, "kubernetes-version", nil, "Kubernetes version to check against, as 1.37 (repeatable; default: kgate.yaml's, else the newest)")
	f.StringSliceVar(&flags.checks, "checks", nil, "checks or groups to run; a leading ! leaves out (repeatable)")
	f.StringVar(&flags.failOn, "fail-on", "error", "least severity that fails the run: error or warning")
	f.BoolVar(&flags.noColor, "no-color", false, "never write colour; NO_COLOR in the environment does the same")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "also print every finding that an exemption lets pass")
	f.BoolVarP(&flags.watch, "watch", "w", false, "check again whenever a file changes, until interrupted")
	f.StringVar(&flags.configFrom, "config-from", "", "git revision whose kgate.yaml, policies and exemptions hold, as origin/main (default: the working tree)")
	f.BoolVar(&flags.noObjectExemptions, "no-object-exemptions", false, "let the annotation "+check.ExemptionAnnotation+" exempt nothing")
	policiesFlag(cmd, &flags.policies)
	boundsFlags(cmd, &flags.bounds)
	fixed := func(values ...string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for name, complete := range map[string]func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective){
		"output":             fixed(report.Names()...),
		"fail-on":            fixed("error", "warning"),
		"kubernetes-version": fixed(schema.Versions()...),
		"checks": func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names, err := completions(flags.policies)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails only for a flag that does not exist
	}
	return cmd
}

func validate(cmd *cobra.Command, args []string, flags validateFlags) error {
	ctx := cmd.Context()
	outputs, err := parseOutputs(flags.outputs)
	if err != nil {
		return err
	}
	if flags.failOn != string(check.Error) && flags.failOn != string(check.Warning) {
		return fmt.Errorf("--fail-on %s: it is error or warning", flags.failOn)
	}
	for name, empty := range map[string]string{
		"checks": "name checks or groups, or leave the flag out", "kubernetes-version": "write 1.37",
	} {
		// An unset variable of a CI job must not read as "whatever the default is".
		if list, err := cmd.Flags().GetStringSlice(name); err == nil && cmd.Flags().Changed(name) && len(list) == 0 {
			return fmt.Errorf("--%s is empty: %s", name, empty)
		}
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
		return watchTargets(ctx, args, flags, w)
	}
	var opened atomic.Pointer[session]
	defer func() {
		if s := opened.Load(); s != nil {
			s.close() // also of a run that was given up
		}
	}()
	return flags.bounds.within(ctx, func(ctx context.Context) error {
		s, err := open(ctx, args, flags)
		if err != nil {
			return err
		}
		opened.Store(s)
		if err := keepWithin(w.outputs, s.repository.Dir); err != nil {
			return err
		}
		progress := newProgress(w.stderr, len(s.paths))
		defer progress.clear()
		out, err := s.run(ctx, render.New(s.repository.FS, cmd.InOrStdin()), progress)
		if err != nil {
			return err
		}
		progress.clear()
		return w.write(ctx, out, s.now())
	})
}

// writer writes the reports of a run.
type writer struct {
	outputs        []output
	flags          validateFlags
	stdout, stderr *terminal.Stream
}

// write returns errFindings or errReported for what the report says.
func (w *writer) write(ctx context.Context, out report.Report, now time.Time) error {
	end := activity.Begin(ctx, "writing the report")
	options := report.Options{Color: inColor(w.stdout, w.flags.noColor), Verbose: w.flags.verbose}
	held := w.stdout.Held() // a run that is given up here prints no part of a report
	err := writeReports(w.outputs, out, held.Stream, options)
	if end(); ctx.Err() != nil {
		return ctx.Err()
	}
	if writeErr := held.Release(); writeErr != nil {
		err = errors.Join(err, fmt.Errorf("write the report: %w", writeErr))
	}
	if err != nil {
		return err
	}
	_, _ = io.WriteString(w.stderr, reminders(out.Exempted, now))
	switch {
	case len(out.Errors) > 0:
		if !w.toReader() {
			for _, e := range out.Errors {
				tell(w.stderr, errors.New(e.String()))
			}
		}
		return errReported
	case out.Count(check.Error) > 0, w.flags.failOn == string(check.Warning) && out.Count(check.Warning) > 0:
		return errFindings
	}
	return nil
}

// toReader reports whether somebody reads the report as it is written: then standard error repeats nothing of it.
func (w *writer) toReader() bool {
	return slices.ContainsFunc(w.outputs, func(o output) bool { return o.format == "text" && o.file == "" })
}

// session is one validation, put together and not yet run.
type session struct {
	repository *repo.Repo
	paths      []string // targets to check
	all        []string // targets that the repository has
	empty      []string // directories that are named as targets and hold nothing to check
	facts      policy.Facts
	minors     []string
	known      []*check.Check // every check there is; nil to make them anew
	checks     []*check.Check // those to run
	asked      []string       // what --checks says
	now        func() time.Time
	validator  *schema.Validator
	server     *admission.Server
	library    *policy.Library
	carryNone  bool // annotations exempt from nothing
}

func open(ctx context.Context, args []string, flags validateFlags) (*session, error) {
	defer activity.Begin(ctx, "reading the configuration, the rules and the list of kustomizations")()
	repository, paths, err := flags.locate(args)
	if err != nil {
		return nil, err
	}
	s := &session{repository: repository, paths: paths, now: time.Now, server: admission.New(), carryNone: flags.noObjectExemptions}
	if err := s.survey(len(args) == 0); err != nil {
		return nil, err
	}
	if s.facts.Roots, err = repository.Roots(); err != nil {
		return nil, err
	}
	if s.library, err = loadPoliciesAt(flags.policies, repository.Base); err != nil {
		return nil, err
	}
	if s.minors, err = versions(flags.versions, repository.Config.KubernetesVersions); err != nil {
		return nil, err
	}
	if s.validator, err = schema.New(s.minors); err != nil {
		return nil, err
	}
	if err := s.choose(flags); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// survey finds the targets of the repository, and what is outside of it.
func (s *session) survey(everything bool) (err error) {
	s.facts.External = nil
	for _, e := range s.repository.Config.External {
		s.facts.External = append(s.facts.External, policy.External(e))
	}
	selection, err := s.repository.Select()
	s.all, s.empty = selection.Targets, selection.Empty
	switch {
	case everything:
		s.paths = s.all
		return err
	case err != nil:
		s.all = nil // a repository of another shape: what holds between all targets is not asked
	}
	return nil
}

// choose makes the list of checks to run.
func (s *session) choose(flags validateFlags) error {
	if s.known == nil {
		known, err := allChecks(s.repository, s.validator, s.server, s.library, s.facts)
		if err != nil {
			return err
		}
		s.known = known
	}
	if err := repo.CheckExemptions(s.repository.Config.Exemptions, s.known); err != nil {
		return err
	}
	var err error
	s.asked = flags.checks
	if s.checks, err = check.Select(s.known, flags.checks); err != nil {
		return err
	}
	s.library.Restrict(func(name string) bool {
		return slices.ContainsFunc(s.checks, func(c *check.Check) bool { return c.Name == name })
	})
	return nil
}

func (s *session) close() { _ = s.validator.Close() } // a temporary folder that cannot be removed changes no verdict

// versions lists the minor versions that the command line names, or else kgate.yaml.
func versions(flags []string, configured []repo.Version) ([]string, error) {
	var minors []string
	for _, text := range flags {
		version, err := minor(text)
		if err != nil {
			return nil, err
		}
		minors = append(minors, version)
	}
	if minors != nil {
		return minors, nil
	}
	known := schema.Versions()
	for _, v := range configured {
		version, err := minor(v.Text)
		if err == nil && !slices.Contains(known, version) {
			err = fmt.Errorf("no schemas for Kubernetes %q: there are those of %s", version, strings.Join(known, ", "))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", v.Source, err)
		}
		minors = append(minors, version)
	}
	return minors, nil
}

// minor takes 1.37, v1.37 and 1.37.2 for the minor version 1.37.
func minor(version string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || len(parts) > 3 {
		return "", fmt.Errorf("%q is not a Kubernetes version: write 1.37", version)
	}
	return parts[0] + "." + parts[1], nil
}

// run renders and checks everything.
func (s *session) run(ctx context.Context, renderer *render.Renderer, progress *progress) (report.Report, error) {
	rendered, err := s.render(ctx, renderer, s.paths, progress)
	if err != nil {
		return report.Report{}, err
	}
	progress.checking()
	return s.judge(ctx, rendered, renderer.ReadFile)
}

// rendered is a target to judge, or why it could not be rendered.
type rendered struct {
	path   string
	result *render.Result
	target *check.Target
	err    error
}

// render renders targets, in the order of paths, while the rules are prepared.
func (s *session) render(ctx context.Context, renderer *render.Renderer, paths []string, progress *progress) ([]*rendered, error) {
	out := make([]*rendered, len(paths))
	var group errgroup.Group
	for i, path := range paths {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err() // nobody waits for it any more
			}
			if err := crash.Catch(func() error { out[i] = s.target(ctx, renderer, path); return nil }); err != nil {
				out[i] = &rendered{path: path, err: err}
			}
			progress.rendered(path)
			return nil
		})
	}
	group.Go(func() error {
		defer activity.Begin(ctx, "compiling the rules")()
		return s.library.Prepare(ctx)
	})
	return out, group.Wait()
}

func (s *session) target(ctx context.Context, renderer *render.Renderer, path string) *rendered {
	defer activity.Begin(ctx, "rendering %s", path)()
	result, err := renderer.Render(path)
	if err != nil {
		return &rendered{path: path, err: err}
	}
	target := &check.Target{
		Path: result.Path, Environment: s.repository.Config.Environment(result.Path), Objects: result.Objects,
		Locate:  provenance.New(result).Locate,
		Reading: check.Reading{Files: result.Read, Layers: result.Layers(), Unchanged: result.Unchanged()},
	}
	for _, fault := range result.Faults {
		target.Faults = append(target.Faults, check.Fault(fault))
	}
	return &rendered{path: path, result: result, target: target}
}

// judge checks. What could not be rendered or checked is in the report's errors; the rest is judged.
func (s *session) judge(ctx context.Context, all []*rendered, read func(file string) ([]byte, error)) (report.Report, error) {
	out := report.Report{Version: versionName(), Checks: s.checks, Asked: s.paths, ReadFile: s.repository.Base.ReadFile(read)}
	plan := check.Plan{
		Checks: s.checks, All: s.all, Exemptions: s.repository.Config.Exemptions, Now: s.now(), Latest: s.repository.Config.LatestExpiry(s.now()),
	}
	for _, r := range all {
		if r.err != nil {
			out.Errors = append(out.Errors, failures(r.path, r.err)...)
			continue
		}
		plan.Targets = append(plan.Targets, r.target)
		target := report.Target{Path: r.target.Path, Objects: r.target.Objects, Locate: r.target.Locate}
		if r.target.Environment != nil {
			target.Environment = r.target.Environment.Name
		}
		out.Targets = append(out.Targets, target)
	}
	carried, refused := repo.Carried(plan.Targets, s.known, read)
	carried, out.Notes = s.carry(carried)
	out.Notes = slices.Concat(s.narrowed(), s.notes(), out.Notes)
	out.Errors = append(out.Errors, s.faultsOfOwn(plan)...)
	plan.Exemptions = append(slices.Clone(plan.Exemptions), carried...)
	for _, f := range refused {
		out.Errors = append(out.Errors, failures(f.Target, f.Err)...)
	}
	result, failed := check.Run(ctx, plan)
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	for _, f := range failed {
		out.Errors = append(out.Errors, failures(f.Target, f.Err)...)
	}
	out.Findings, out.Exempted, out.Omitted = result.Findings, result.Exempted, result.Omitted
	if slices.Equal(s.paths, s.all) {
		out.Notes = append(out.Notes, s.leftOut(out.Findings)...)
	}
	return out, nil
}

// leftOut says what a run over every target leaves out. An entry that leaves nothing out is a finding and no note.
func (s *session) leftOut(findings []check.Finding) []report.Note {
	var notes []report.Note
	for _, u := range s.repository.Config.Unread {
		if slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Check == coverage.UnreadName && f.Source == u.Source }) {
			continue
		}
		notes = append(notes, report.Note{About: "unread", Source: u.Source, Message: fmt.Sprintf("%s is not read (%s): %s", u.Path, u.Owner, u.Reason)})
	}
	for _, dir := range s.empty {
		notes = append(notes, report.Note{
			About: "empty", Source: manifest.Position{File: dir}, Message: "targets name this directory, and it holds neither a kustomization nor a manifest",
		})
	}
	return notes
}

// failures takes an error apart into those that name a place and those joined with them; if none names a place, it
// stays whole.
func failures(target string, err error) []report.Failure {
	var out, placeless []report.Failure
	for rest := []error{err}; len(rest) > 0; rest = rest[1:] {
		switch e := rest[0].(type) {
		case *manifest.SyntaxError:
			out = append(out, report.Failure{Target: target, Source: e.Position, Message: e.Message})
		case interface{ Unwrap() []error }:
			rest = append(rest, e.Unwrap()...)
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				rest = append(rest, inner)
			} else {
				placeless = append(placeless, report.Failure{Target: target, Message: rest[0].Error()})
			}
		default:
			placeless = append(placeless, report.Failure{Target: target, Message: rest[0].Error()})
		}
	}
	if out == nil {
		return []report.Failure{{Target: target, Message: err.Error()}}
	}
	return append(out, placeless...)
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

// inColor says whether to write colour: to a terminal, unless it is refused.
func inColor(w io.Writer, refused bool) bool {
	return !refused && os.Getenv("NO_COLOR") == "" && terminal.NewStream(w).IsTerminal()
}

// progress is one line on a terminal's standard error; elsewhere it is silent.
type progress struct {
	w     *terminal.Stream // nil for silence
	total int
	done  chan string
}

func newProgress(w io.Writer, total int) *progress {
	stream := terminal.NewStream(w)
	if !stream.IsTerminal() {
		return &progress{}
	}
	return &progress{w: stream, total: total, done: make(chan string, total)}
}

func (p *progress) say(format string, args ...any) {
	if p.w != nil {
		p.w.Status(fmt.Sprintf(format, args...))
	}
}

func (p *progress) rendered(path string) {
	if p.w != nil {
		p.done <- path
		p.say("rendered %s (%d of %d)", path, len(p.done), p.total)
	}
}

func (p *progress) checking() { p.say("checking %d targets", p.total) }
func (p *progress) clear()    { p.say("") }
