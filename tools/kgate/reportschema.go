package main

import (
	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/report"
)

func reportSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "report-schema [status]",
		Short: "Print the JSON Schema of the JSON report",
		Long: "Print the JSON Schema of what `kgate validate --output json` writes, and in YAML --output yaml; with `status`, of what\n" +
			"`kgate status --output json` writes.\n\n" +
			"Within a version of the report, keys are added and never removed, renamed or given another type or meaning.",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"status"},
		RunE: func(cmd *cobra.Command, args []string) error {
			schema := report.Schema()
			if len(args) > 0 {
				schema = report.StatusSchema()
			}
			_, err := cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
