package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/example"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

const ruleExample = `A rule is a file DIR/<group>/<rule>/<rule>.rego. For example rules/team/labelled/labelled.rego:

  # METADATA
  # scope: package
  # title: Every Deployment says whose it is
  # description: At night, somebody has to find out whom to wake.
  # custom:
  #   severity: error
  #   scope: object
  #   fix: Set the label team.
  package policies.team.labelled

  import data.policies.lib.object as obj_lib

  deny contains {"msg": "the Deployment has no label team", "path": ["metadata", "labels"]} if {
    input.kind == "Deployment"
    not _owner
  }

  _owner if obj_lib.at(input, ["metadata", "labels", "team"], "") != ""

and its test beside it, labelled_test.rego:

  package policies.team.labelled_test

  import data.policies.team.labelled

  test_allows if labelled.deny == set() with input as {"kind": "Deployment", "metadata": {"labels": {"team": "a"}}}

  test_denies if count(labelled.deny) == 1 with input as {"kind": "Deployment", "metadata": {}}

Two files beside them may give an example, which ` + "`kgate explain`" + ` prints and ` + "`kgate policy test`" + ` runs: bad.yaml, which the rule
denies, and good.yaml, the same put right. A comment "# file: NAME" begins a further file of the example. They may also stand
in METADATA, as texts custom.bad and custom.good.

The scope is object (input is one object), overlay (input.objects are those of a target that a sync applies: a hook that
Argo CD skips is not among them) or repository (input.targets, with all objects, and behind them the Applications that their
ApplicationSets make, as far as that can be told: generated of a target has {"object", "of"}, the indexes of one and of its set, and
untold the indexes of sets that may make more).
A rule of scope repository may say in custom.sees into which API groups it looks, as "argoproj.io": of every other object its
input has the apiVersion, kind, namespace and name, and a run takes less memory.
A deny's path leads to the field: for an overlay it begins with objects and an index, for the repository with targets and
an index before that. It may also have "with", a set of paths of the same form: fields that this one was held against and that
could give way instead, such as the maximum of the autoscaler that a quota is too small for. And it may have "missing", an
object with kind, namespace ("" for none) and name, of what would mend it: where another target for the same cluster renders
that, there is no finding. Findings of a target that miss the same object are one; so are those of a rule with the same "fact",
a text that says what is wrong, such as the port that several Services send to in vain. What lies in lib is for rules to share.

Rules reach neither network nor clock. They may use what is built in and add nothing to a built-in package; a rule in a
built-in group and a module in lib/<name> need names of their own. A file has at most 256 kB. A rule that fails, or takes
longer than 30 s or more than 1 GB for one input, is an error that names it.
`

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Work on rules of your own",
		Long:  "Work on rules of your own, which `kgate validate --policies DIR` applies beside the built-in ones.\n\n" + strings.TrimSpace(ruleExample),
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(policyTestCommand())
	return cmd
}

type policyTestFlags struct {
	coverage float64
	run      string
	verbose  bool
	bounds   bounds
}

func policyTestCommand() *cobra.Command {
	var flags policyTestFlags
	cmd := &cobra.Command{
		Use:   "test [DIR...]",
		Short: "Run the tests of rules",
		Long: "Run the _test.rego files beside the rules of directories, of those that kgate.yaml names under `policies`, or else\n" +
			"beside the built-in rules. Rules and tests are compiled strictly, as `kgate validate` would take them, and may use what\n" +
			"is in the built-in lib.\n\n" +
			"A failing test is printed with the expression that was not true and the values in it. A rule without a test, a test\n" +
			"that is switched off by the name todo_test_…, and a rule that finds nothing in its bad example or a fault in its\n" +
			"good one fail as well. A test without a verdict is one that could not be decided, because an expression of it fails:\n" +
			"two values of one rule, or a builtin's error.\n\n" +
			"Exit codes: 0 all tests pass, 1 some do not or cover too little, 2 no verdict: no test, or one that does not compile.",
		Example: "  kgate policy test\n  kgate policy test rules --coverage 95\n  kgate policy test rules --run 'labelled_test\\.test_denies'",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var text bytes.Buffer
			verdict := flags.bounds.within(cmd.Context(), func(ctx context.Context) error {
				defer activity.Begin(ctx, "testing rules")()
				return policyTest(ctx, args, flags, cmd.Flags().Changed("coverage"), &text)
			})
			if verdict != nil && !errors.Is(verdict, errReported) && !errors.Is(verdict, errFindings) {
				return verdict
			}
			if _, err := cmd.OutOrStdout().Write(text.Bytes()); err != nil {
				return err
			}
			return verdict
		},
	}
	f := cmd.Flags()
	f.Float64Var(&flags.coverage, "coverage", 0, "least part of the rules' lines that tests must reach, in percent")
	f.StringVar(&flags.run, "run", "", "run only tests whose full name fits this regular expression, or those of a rule, as pod/no-host-path")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "also print the tests that pass, and the coverage of every file")
	boundsFlags(cmd, &flags.bounds)
	for name, complete := range map[string]cobra.CompletionFunc{"coverage": cobra.NoFileCompletions, "run": cobra.NoFileCompletions} {
		_ = cmd.RegisterFlagCompletionFunc(name, complete) // fails only for a flag that does not exist
	}
	return cmd
}

var ruleName = regexp.MustCompile(`^[a-z0-9_-]+/[a-z0-9_-]+$`)

func policyTest(ctx context.Context, dirs []string, flags policyTestFlags, held bool, stdout io.Writer) error {
	if ok := flags.coverage >= 0 && flags.coverage <= 100; !ok { // NaN is neither
		return fmt.Errorf("--coverage %g: it is a percentage, 0 to 100", flags.coverage)
	}
	var filter *regexp.Regexp
	if flags.run != "" {
		var err error
		if filter, err = regexp.Compile(flags.run); err != nil {
			return fmt.Errorf("--run: %w", err)
		}
		if held {
			return fmt.Errorf("--run and --coverage: what a part of the tests covers says nothing of the rules: leave one out")
		}
	}
	sources, err := rulesToTest(dirs)
	if err != nil {
		return err
	}
	suite, err := policy.LoadSuite(ctx, policy.Source{Name: "policies", FS: policies.FS}, sources...)
	if err != nil {
		return err
	}
	if ruleName.MatchString(flags.run) {
		// No test has a slash in its name.
		if filter, err = suite.Of(flags.run); err != nil {
			return fmt.Errorf("--run: %w", err)
		}
	}
	tests, err := suite.Run(ctx, filter)
	if err != nil {
		return err
	}
	var examples []policy.Example
	if filter == nil {
		if examples, err = suite.Examples(ctx, example.Scene); err != nil {
			return err
		}
	}
	var b strings.Builder
	for _, t := range tests.Errors {
		fmt.Fprintf(&b, "%s: error: %s cannot be decided\n%s\n\n", terminal.File(t.Source.String()), terminal.Line(t.Name), terminal.Block(t.Detail))
	}
	for _, t := range tests.Failed {
		fmt.Fprintf(&b, "%s: error: %s fails%s\n", terminal.File(t.Source.String()), terminal.Line(t.Name), inCase(t))
		if t.Detail != "" {
			fmt.Fprintf(&b, "  at %s\n%s\n", terminal.File(t.At.String()), terminal.Block(t.Detail))
		}
		if t.Output != "" {
			fmt.Fprintf(&b, "  printed\n%s\n", terminal.Block(t.Output))
		}
		b.WriteByte('\n')
	}
	for _, t := range tests.Skipped {
		fmt.Fprintf(&b, "%s: error: %s is switched off by its name\n\n", terminal.File(t.Source.String()), terminal.Line(t.Name))
	}
	if flags.verbose {
		for _, t := range tests.Passed {
			fmt.Fprintf(&b, "%s: ok: %s%s\n", terminal.File(t.Source.String()), terminal.Line(t.Name), inCase(t))
		}
	}
	failed := len(tests.Failed) + len(tests.Skipped)
	amiss := 0
	for _, e := range examples {
		switch {
		case e.Fault != "":
			amiss++
			fmt.Fprintf(&b, "%s: error: the rule %s %s\n\n", terminal.File(e.Source.String()), e.Rule.Name, terminal.Line(e.Fault))
		case flags.verbose:
			fmt.Fprintf(&b, "%s: ok: an example of %s\n", terminal.File(e.Source.String()), e.Rule.Name)
		}
	}
	failed += amiss
	if filter == nil {
		for _, rule := range tests.Untested {
			fmt.Fprintf(&b, "%s:1: error: the rule %s has no test: write rules named test_… in %s beside it\n\n", terminal.File(rule.File), rule.Name,
				terminal.Line(strings.TrimSuffix(path.Base(rule.File), ".rego")+"_test.rego"))
		}
		failed += len(tests.Untested)
		for _, c := range tests.Coverage {
			if len(c.Missed) > 0 || flags.verbose {
				fmt.Fprintf(&b, "%s: %.1f %% covered%s\n", terminal.File(c.File), policy.Percent([]policy.Coverage{c}), missed(c.Missed))
			}
		}
	}
	b.WriteString(plural(len(tests.Passed)+len(tests.Failed)+len(tests.Errors)+len(tests.Skipped), "test"))
	if filter == nil {
		b.WriteString(" of " + plural(len(suite.Rules), "rule"))
	}
	fmt.Fprintf(&b, ": %d passed, %d failed", len(tests.Passed), len(tests.Failed))
	if n := len(tests.Errors); n > 0 {
		fmt.Fprintf(&b, ", %d without a verdict", n)
	}
	if n := len(tests.Skipped); n > 0 {
		fmt.Fprintf(&b, ", %d switched off", n)
	}
	if filter == nil {
		if n := len(tests.Untested); n > 0 {
			fmt.Fprintf(&b, ", %s without a test", plural(n, "rule"))
		}
		if amiss > 0 {
			fmt.Fprintf(&b, ", %s amiss", plural(amiss, "example"))
		}
		covered := policy.Percent(tests.Coverage)
		fmt.Fprintf(&b, "; %.1f %% of the lines covered", covered)
		if covered < flags.coverage {
			fmt.Fprintf(&b, ", less than the %g %% asked for", flags.coverage)
			failed++
		}
	}
	b.WriteByte('\n')
	if _, err := io.WriteString(stdout, b.String()); err != nil {
		return err
	}
	switch {
	case len(tests.Errors) > 0:
		return errReported
	case failed > 0:
		return errFindings
	}
	return nil
}

// rulesToTest are the rules of directories, else those that kgate.yaml names; none for the built-in ones.
func rulesToTest(dirs []string) ([]policy.Source, error) {
	if len(dirs) > 0 {
		return gate.Rules(dirs...)
	}
	repository, err := repo.Open(".")
	if err != nil {
		return nil, err
	}
	return gate.RulesOf(repository)
}

func inCase(t policy.Test) string {
	if len(t.Case) == 0 {
		return ""
	}
	return terminal.Line(` in the case "` + strings.Join(t.Case, `" "`) + `"`)
}

// missed writes sorted lines as ranges: `, not 3, 7-9`.
func missed(lines []int) string {
	var b strings.Builder
	for i := 0; i < len(lines); i++ {
		first := lines[i]
		for i+1 < len(lines) && lines[i+1] == lines[i]+1 {
			i++
		}
		b.WriteString(map[bool]string{true: ", not ", false: ", "}[b.Len() == 0])
		fmt.Fprint(&b, first)
		if lines[i] > first {
			fmt.Fprintf(&b, "-%d", lines[i])
		}
	}
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
