// Kgate makes a merge into a GitOps repository safe: it renders every overlay in process and judges the objects offline, by
// the API server's own code, by JSON schemas and by rules, and names the file and line to edit.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func main() {
	gate.RelaxCollector()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once, whatever it does
	stdout, stderr := terminal.NewStream(os.Stdout), terminal.NewStream(os.Stderr)
	slog.SetLogLoggerLevel(slog.LevelError) // Helm's packages tell the default logger what they do
	release, err := terminal.Capture(stderr, "kgate: ")
	if err != nil {
		tell(stderr, err)
		os.Exit(exitUnable)
	}
	code := run(confine(ctx), os.Args[1:], os.Stdin, stdout, stderr)
	release()
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

// run executes one command line and returns its exit code. Nothing reaches stdout and stderr but through the streams that
// it wraps them in.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out, notes := terminal.NewStream(stdout), terminal.NewStream(stderr)
	err := crash.Catch(func() error { return execute(ctx, args, stdin, out, notes) })
	err = errors.Join(err, out.Flush())
	code := exitUnable
	switch {
	case err == nil:
		code = exitClean
	case errors.Is(err, errFindings):
		code = exitFindings
	case !errors.Is(err, errReported):
		tell(notes, err)
	}
	_ = notes.Flush() // there is nowhere left to say that it fails
	return code
}

// tell writes an error, a line for each of several that are joined, to standard error.
func tell(w io.Writer, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		for _, e := range joined.Unwrap() {
			tell(w, e)
		}
		return
	}
	_, _ = fmt.Fprintf(w, "kgate: %s\n", terminal.Message(err.Error())) // there is nowhere left to say that it fails
}

func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr *terminal.Stream) error {
	asked := false
	root := &cobra.Command{
		Use:   "kgate",
		Short: "Makes a merge into a GitOps repository safe",
		Long: "kgate renders every overlay of a GitOps repository in process and judges the objects offline: by the API server's own\n" +
			"code, which says what a cluster would answer; by the JSON schemas of every targeted Kubernetes version; and by rules.\n" +
			"Each finding names the file and line to edit.\n\n" +
			"Exit codes: 0 clean, 1 findings, 2 something could not be checked.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asked {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "kgate", versionName())
				return err
			}
			return cmd.Help()
		},
		// Before anything of a repository is read.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return enterConfinement(cmd) },
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetFlagErrorFunc(flagError)
	root.Flags().BoolVar(&asked, "version", false, "print the version; the command version also prints what is inside")
	root.AddCommand(validateCommand(), diffCommand(), affectedCommand(), promoteCommand(), rollbackCommand(), renderCommand(), checksCommand(), explainCommand(), appsCommand(), statusCommand(), crdsCommand(), surveyCommand(), reportSchemaCommand(), configSchemaCommand(), initCommand(), newCommand(), renameCommand(), baselineCommand(), policyCommand(), vendorCommand(), versionCommand())
	explainArguments(root)
	refuseShells(root)
	return root.ExecuteContext(ctx)
}
