package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func affectedCommand() *cobra.Command {
	var output string
	var verbose bool
	var restrictor loadRestrictor
	var limits bounds
	cmd := &cobra.Command{
		Use:   "affected [BASE [HEAD]]",
		Short: "List the targets that a change touches, and why",
		Long: "List the targets of which a change touches a file that they are made of: a kustomization, a base, a patch, a value that a\n" +
			"generator reads. Nothing is rendered. BASE and HEAD are as of `kgate diff`. A change of kgate.yaml, of kgate-baseline.yaml or\n" +
			"of what kgate.yaml names under policies and crds touches every target.\n\n" +
			"With --output paths the list is one path a line, for a shell; targets that the change removes are not in it.",
		Example: "  kgate affected\n  kgate affected origin/main --output paths | xargs -r kgate validate\n  kgate affected v1.4.0 v1.5.0 --output json",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch output {
			case "text", "json", "paths":
			default:
				return unknownFormat(output, "text", "json", "paths")
			}
			base, head, err := sidesOf(args)
			if err != nil {
				return err
			}
			stdout := terminal.NewStream(cmd.OutOrStdout())
			return limits.within(cmd.Context(), func(ctx context.Context) error {
				before, after, err := repo.Sides(ctx, ".", base, head, borrowed()...)
				if err != nil {
					return err
				}
				all, err := gate.FindAffected(ctx, before, after, gate.Options{LoadRestrictionsNone: restrictor.none})
				if err != nil {
					return err
				}
				return writeAffected(stdout, output, verbose, all)
			})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "format, text, json or paths")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name every file that touches a target")
	restrictor.flag(cmd)
	boundsFlags(cmd, &limits)
	return cmd
}

func writeAffected(w io.Writer, output string, verbose bool, all []gate.Affected) error {
	switch output {
	case "json":
		type target struct {
			Path        string   `json:"path"`
			Environment string   `json:"environment"`
			Change      string   `json:"change"` // added, removed or changed
			Files       []string `json:"files"`
		}
		list := []target{}
		for _, a := range all {
			list = append(list, target{a.Path, a.Environment, string(a.Kind), append([]string{}, a.Files...)})
		}
		return printJSON(w, map[string]any{"version": "v1", "targets": list})
	case "paths":
		for _, a := range all {
			if a.Kind != change.Removed {
				if _, err := fmt.Fprintln(w, terminal.File(a.Path)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, a := range all {
		const most = 3
		files := a.Files
		if !verbose {
			files = files[:min(len(files), most)]
		}
		said := terminal.Line(strings.Join(files, ", "))
		if more := len(a.Files) - len(files); more > 0 {
			said += fmt.Sprintf(" and %d more (--verbose names them)", more)
		}
		if a.Kind != change.Changed {
			said = strings.TrimSpace(string(a.Kind) + "  " + said)
		}
		if _, err := fmt.Fprintf(w, "%s  %s\n", terminal.File(a.Path), said); err != nil {
			return err
		}
	}
	files := map[string]bool{} // a file that no target reads touches nothing, and is not counted
	for _, a := range all {
		for _, file := range a.Files {
			files[file] = true
		}
	}
	are := "are"
	if len(all) == 1 {
		are = "is"
	}
	_, err := fmt.Fprintf(w, "%s %s touched by %s\n", plural(len(all), "target"), are, plural(len(files), "changed file"))
	return err
}
