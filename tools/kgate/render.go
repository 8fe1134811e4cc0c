package main

import (
	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/render"
)

func renderCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "render TARGET",
		Short: "Print a target as the cluster would receive it",
		Long: "Print what a target renders to. For a Kustomize root that is byte for byte what `kustomize build` prints, but\n" +
			"nothing is fetched and no program is run.",
		Example: "  kgate render overlays/prod\n  kgate render overlays/prod/app | kubectl diff -f -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			repository, targets, err := locate(args)
			if err != nil {
				return err
			}
			result, err := render.New(repository.FS, cmd.InOrStdin()).Render(targets[0])
			if err != nil {
				return err
			}
			text, err := result.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
