package main

import (
	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/report"
)

func reportSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report-schema",
		Short: "Print the JSON Schema of the JSON report",
		Long: "Print the JSON Schema of what `kgate validate --output json` writes, and in YAML --output yaml.\n\n" +
			"Within a version of the report, keys are added and never removed, renamed or given another type or meaning.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(report.Schema())
			return err
		},
	}
}
