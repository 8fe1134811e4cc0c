// Kgate makes a merge into a GitOps repository safe: it renders every overlay in process and holds the objects
// to JSON schemas and to rules, offline, and names the file and line to edit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	debug.SetGCPercent(relaxedPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once, whatever it does
	code := run(confine(ctx), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes. Nothing changes their meaning.
const (
	exitClean    = 0 // nothing found that fails the run
	exitFindings = 1 // a manifest is wrong
	exitUnable   = 2 // something could not be checked
)

// errFindings ends a command whose findings fail the run. They are reported already.
var errFindings = errors.New("findings")

// errReported ends a command whose errors are reported already.
var errReported = errors.New("could not check")

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:   "kgate",
		Short: "Makes a merge into a GitOps repository safe",
		Long: "kgate renders every overlay of a GitOps repository in process and holds the objects to JSON schemas and to\n" +
			"rules, offline. Each finding names the file and line to edit.\n\n" +
			"Exit codes: 0 clean, 1 findings, 2 something could not be checked.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// Before anything of a repository is read.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return enterConfinement(cmd) },
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: see `%s --help`", err, cmd.CommandPath())
	})
	root.AddCommand(validateCommand(), renderCommand(), checksCommand(), explainCommand(), reportSchemaCommand(), policyCommand(), versionCommand())
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errFindings):
		return exitFindings
	case !errors.Is(err, errReported):
		_, _ = fmt.Fprintln(stderr, "kgate:", err)
	}
	return exitUnable
}
