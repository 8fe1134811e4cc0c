package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/catalog"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func policiesFlag(cmd *cobra.Command, dirs *[]string) {
	cmd.Flags().StringArrayVar(dirs, "policies", nil, "directory of further Rego rules, <group>/<rule>/<rule>.rego (repeatable)")
	_ = cmd.MarkFlagDirname("policies") // fails only for a flag that does not exist
}

func checksCommand() *cobra.Command {
	var dirs []string
	var output string
	cmd := &cobra.Command{
		Use:   "checks",
		Short: "List every check",
		Long: "List every check, a line each:\n\n" +
			"  SEVERITY    what a finding is where kgate.yaml says nothing else: error or warning\n" +
			"  STATES      fact: a cluster or a tool refuses, ignores or breaks at what is found; convention: a team agrees on it,\n" +
			"              which is an error under `profile: strict`, a warning under standard, and not checked under facts\n" +
			"  ORIGIN      whose verdict it is: the API server's (admission), istiod's (istio), Kustomize's, that of a schema, of a rule in\n" +
			"              Rego (policy), or kgate's own\n" +
			"  SCOPE       what it is shown at once: an object, an overlay (all that a target renders), an update (a target and\n" +
			"              what it was), the repository, or the run\n" +
			"  EXEMPT      may be: an exemption lets its findings pass; kgate.yaml: only one of that file, and no annotation;\n" +
			"              locked: none does\n" +
			"  WHAT HOLDS  what is so where there is no finding\n\n" +
			"As markdown, the list is a page of all that explain says; docs/rules holds the same of the built-in checks, a page a group.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := catalog.Formats()[output]
			if !ok {
				return unknownFormat(output, catalog.Names()...)
			}
			checks, err := checksHere(cmd, dirs)
			if err != nil {
				return err
			}
			return write(cmd.OutOrStdout(), checks)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format, "+strings.Join(catalog.Names(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(catalog.Names(), cobra.ShellCompDirectiveNoFileComp)) // the flag exists
	policiesFlag(cmd, &dirs)
	return cmd
}

func explainCommand() *cobra.Command {
	var dirs []string
	var color color
	cmd := &cobra.Command{
		Use:     "explain CHECK",
		Short:   "Say what a check or a group wants, why, and how to satisfy it",
		Example: "  kgate explain pod/no-host-path\n  kgate explain mesh",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("explain takes the name of one check or group: `kgate checks` lists them")
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			names, err := completions(cmd, dirs)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := color.check(); err != nil {
				return err
			}
			checks, err := checksHere(cmd, dirs)
			if err != nil {
				return err
			}
			selected, err := check.Select(checks, args)
			if err != nil {
				return err
			}
			return catalog.Text(cmd.OutOrStdout(), selected, color.on(cmd.OutOrStdout()))
		},
	}
	colorFlags(cmd, &color)
	policiesFlag(cmd, &dirs)
	return cmd
}

// checksHere are the checks of the repository around the working directory: the built-in ones, those of the rules that its
// kgate.yaml names, and those of further directories. One that cannot be read keeps nobody from reading about the others.
func checksHere(cmd *cobra.Command, dirs []string) ([]*check.Check, error) {
	repository, err := repo.Open(".")
	if err != nil {
		tell(cmd.ErrOrStderr(), fmt.Errorf("without the rules that %s may name: %w", repo.ConfigFile, err))
		return gate.Checks(cmd.Context(), dirs...)
	}
	return gate.ChecksOf(cmd.Context(), repository, dirs...)
}

// completions offers groups and the names of checks.
func completions(cmd *cobra.Command, dirs []string) ([]string, error) {
	checks, err := checksHere(cmd, dirs)
	if err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	for _, c := range checks {
		if group := c.Group(); !seen[group] {
			seen[group] = true
			names = append(names, group+"\tevery check of the group")
		}
		names = append(names, c.Name+"\t"+terminal.Line(c.Title))
	}
	return names, nil
}
