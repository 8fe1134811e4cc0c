package main

import (
	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

func configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config-schema",
		Short: "Print the JSON Schema of " + repo.ConfigFile,
		Long: "Print the JSON Schema of " + repo.ConfigFile + ", by which editors complete it, check it and say what each key means. One that\n" +
			"reads the comment\n\n  # yaml-language-server: $schema=" + repo.SchemaURL + "\n\n" +
			"at the head of the file needs nothing else. docs/configuration.md says the same as a page.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := repo.ConfigSchema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}
