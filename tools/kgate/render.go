package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func renderCommand() *cobra.Command {
	var limits bounds
	cmd := &cobra.Command{
		Use:   "render TARGET",
		Short: "Print what `kustomize build` prints of a target",
		Long: "Print what a target renders to. For a Kustomize root that is byte for byte what `kustomize build` prints, but\n" +
			"nothing is fetched and no program is run. On a terminal, characters that cannot be seen are shown as escapes. In the\n" +
			"log of a CI job, send it to a file: a manifest may hold what the job's runner takes for a command.",
		Example: "  kgate render overlays/prod\n  kgate render overlays/prod/app | kubectl diff -f -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var text []byte
			err := limits.within(cmd.Context(), func(ctx context.Context) error {
				repository, targets, err := gate.Locate(ctx, args, "")
				if err != nil {
					return err
				}
				text, err = gate.Print(ctx, repository, targets[0], cmd.InOrStdin())
				return err
			})
			if err != nil {
				return err
			}
			stdout := terminal.NewStream(cmd.OutOrStdout())
			if !stdout.IsTerminal() {
				_, err = stdout.Unguarded().Write(text)
				return err
			}
			// Somebody looks at it: what cannot be seen is not sent to a terminal.
			_, err = stdout.Write(text)
			return err
		},
	}
	boundsFlags(cmd, &limits)
	return cmd
}
