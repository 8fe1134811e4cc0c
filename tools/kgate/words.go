package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// noArguments refuses what is no command of one that has some.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	names := commandNames(cmd)
	return fmt.Errorf("unknown command %q for %q: see `%s --help`%s", args[0], cmd.CommandPath(), cmd.CommandPath(), spelling.Meant(args[0], names))
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

// flagError says what is wrong with a flag, with the one that was meant.
func flagError(cmd *cobra.Command, err error) error {
	meant := ""
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		note := func(f *pflag.Flag) { names = append(names, "--"+f.Name) }
		cmd.Flags().VisitAll(note)
		cmd.InheritedFlags().VisitAll(note)
		meant = spelling.Meant("--"+unknown.GetSpecifiedName(), names)
	}
	return fmt.Errorf("%w: see `%s --help`%s", err, cmd.CommandPath(), meant)
}

// unknownFormat refuses a value of --output.
func unknownFormat(value string, formats ...string) error {
	format, _, _ := strings.Cut(value, "=")
	return fmt.Errorf("--output %s: the formats are %s%s", value, strings.Join(formats, ", "), spelling.Meant(format, formats))
}

// explainArguments has every command say how it is called where it is called otherwise, and does not say so itself.
func explainArguments(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		explainArguments(c)
	}
	takes := cmd.Args
	if takes == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := takes(cmd, args)
		switch {
		case err == nil || strings.Contains(err.Error(), "`"):
			return err
		case len(cmd.ValidArgs) > 0:
			return fmt.Errorf("%w: it takes %s, or nothing", err, strings.Join(cmd.ValidArgs, ", "))
		}
		return fmt.Errorf("%w: it is called as `%s`", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
	}
}

// refuseShells has the command for completion, which cobra makes, refuse a shell that it knows nothing of.
func refuseShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		return // there is none
	}
	completion.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		shells := commandNames(cmd)
		// There are more shells than these, all of which end alike: tcsh is no misspelt bash.
		alike := slices.DeleteFunc(slices.Clone(shells), func(s string) bool { return args[0] == "" || s[0] != args[0][0] })
		return fmt.Errorf("completion %s: the shells are %s%s", args[0], strings.Join(shells, ", "), spelling.Meant(args[0], alike))
	}
	completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}
