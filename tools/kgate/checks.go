package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// allChecks lists every check there is: Kustomize, schemas, rules, exemptions.
func allChecks(validator *schema.Validator, library *policy.Library, facts policy.Facts) ([]*check.Check, error) {
	var checks []*check.Check
	checks = append(checks, kustomization.Checks()...)
	checks = append(checks, schema.Checks(validator, admission.Removal)...)
	checks = append(checks, admission.Checks(admission.New())...)
	checks = append(checks, library.Checks(facts)...)
	checks = append(checks, check.Exemptions()...)
	return checks, check.Verify(checks)
}

// loadPolicies reads the built-in rules and those of further directories.
func loadPolicies(dirs []string) (*policy.Library, error) {
	sources := []policy.Source{{Name: "policies", FS: policies.FS, Verified: true}}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("--policies: %w", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("--policies: %w", &fs.PathError{Op: "open", Path: dir, Err: fmt.Errorf("not a directory")})
		}
		sources = append(sources, policy.Source{Name: dir, FS: os.DirFS(dir)})
	}
	return policy.Load(sources...)
}

func listChecks(dirs []string) ([]*check.Check, error) {
	library, err := loadPolicies(dirs)
	if err != nil {
		return nil, err
	}
	return allChecks(nil, library, policy.Facts{})
}

func policiesFlag(cmd *cobra.Command, dirs *[]string) {
	cmd.Flags().StringArrayVar(dirs, "policies", nil, "directory of further Rego rules, <group>/<rule>/<rule>.rego (repeatable)")
	_ = cmd.MarkFlagDirname("policies") // fails only for a flag that does not exist
}

func checksCommand() *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use:   "checks",
		Short: "List every check",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := listChecks(dirs)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(table, "CHECK\tSEVERITY\tORIGIN\tSCOPE\tWHAT HOLDS") // Flush returns a write's error
			for _, c := range checks {
				_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Severity, c.Origin, c.Scope, c.Title)
			}
			return table.Flush()
		},
	}
	policiesFlag(cmd, &dirs)
	return cmd
}

func explainCommand() *cobra.Command {
	var dirs []string
	cmd := &cobra.Command{
		Use:   "explain CHECK",
		Short: "Say what a check wants, why, and how to satisfy it",
		Args:  cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			names, err := completions(dirs, false)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			checks, err := listChecks(dirs)
			if err != nil {
				return err
			}
			selected, err := check.Select(checks, args)
			if err != nil {
				return err
			}
			for i, c := range selected {
				if i > 0 {
					_, _ = fmt.Fprintln(cmd.OutOrStdout())
				}
				if _, err := fmt.Fprint(cmd.OutOrStdout(), describe(c)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	policiesFlag(cmd, &dirs)
	return cmd
}

func describe(c *check.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  (%s, %s, looks at: %s)\n%s\n\n%s\n\nFix: %s\n", c.Name, c.Severity, c.Origin, c.Scope, c.Title, c.Doc, c.Fix)
	for i, reference := range c.References {
		if i == 0 {
			b.WriteString("\nSource:\n")
		}
		fmt.Fprintf(&b, "  %s\n", reference)
	}
	return b.String()
}

// completions offers check names, and groups where patterns are taken.
func completions(dirs []string, groups bool) ([]string, error) {
	checks, err := listChecks(dirs)
	if err != nil {
		return nil, err
	}
	var names []string
	seen := map[string]bool{}
	for _, c := range checks {
		if group := c.Group(); groups && !seen[group] {
			seen[group] = true
			names = append(names, group+"\tevery check of the group")
		}
		names = append(names, c.Name+"\t"+c.Title)
	}
	return names, nil
}
