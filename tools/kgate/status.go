package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// statusFlags are what `kgate status` is asked for.
type statusFlags struct {
	output     string
	drift      bool
	shared     bool
	failOn     []string
	restrictor loadRestrictor
	color      color
	limits     bounds
}

func statusCommand() *cobra.Command {
	var flags statusFlags
	cmd := &cobra.Command{
		Use:   "status [SERVICE...]",
		Short: "Say which version of which service runs in which environment, since when, and how far behind",
		Long: "Render the targets of the environments of kgate.yaml, and put services against environments: the version of each, the canary's\n" +
			"with its share of traffic, the number of pods, the sampling rate, since when, and how far an environment is behind the one\n" +
			"that its versions come from (`promotion: {from: staging}` in kgate.yaml): which versions lie between, and how many days.\n\n" +
			"A service is a workload whose image's tag or digest a file of the environment's own says: an entry of `images`, a patch. It is the\n" +
			"same in all environments by its label app.kubernetes.io/name, or else its name. What every environment reads is not promoted, and\n" +
			"counted. So are the fields of a service that differ from that environment besides those of the table, and of environment\n" +
			"objects (local-config, which replacements read).\n\n" +
			"A Helm chart is a row of its own, with the version that helmCharts, an Application or a HelmRelease names. The steps that Argo\n" +
			"Rollouts or Flagger take by themselves are shown; on which of them a version is, git does not say.\n\n" +
			"Since when is the time at which the branch that is checked out got the version: that of a merge, where one brought it. A clone\n" +
			"whose history ends before that is told.\n\n" +
			"Exit codes: 0 told, 1 something of --fail-on, 2 something could not be told.",
		Example: "  kgate status\n  kgate status shop --drift\n  kgate status --output markdown >> \"$GITHUB_STEP_SUMMARY\"\n  kgate status --fail-on drift",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"text", "json", "markdown"}, flags.output) {
				return unknownFormat(flags.output, "text", "json", "markdown")
			}
			for _, on := range flags.failOn {
				if on != "behind" && on != "drift" {
					return fmt.Errorf("--fail-on %s: it is behind or drift", on)
				}
			}
			if err := flags.color.check(); err != nil {
				return err
			}
			stdout, stderr := terminal.NewStream(cmd.OutOrStdout()), terminal.NewStream(cmd.ErrOrStderr())
			return flags.limits.within(cmd.Context(), func(ctx context.Context) error {
				return showStatus(ctx, args, flags, stdout, stderr)
			})
		},
	}
	cmd.Flags().StringVarP(&flags.output, "output", "o", "text", "format, text, json or markdown")
	cmd.Flags().BoolVar(&flags.drift, "drift", false, "name each field that drifts, with its lines")
	cmd.Flags().BoolVar(&flags.shared, "shared", false, "name the workloads that are the same in all environments")
	cmd.Flags().StringSliceVar(&flags.failOn, "fail-on", nil, "exit with 1 where an environment is `behind`, or where there is drift (behind, drift; repeatable)")
	flags.restrictor.flag(cmd)
	colorFlags(cmd, &flags.color)
	boundsFlags(cmd, &flags.limits)
	return cmd
}

func showStatus(ctx context.Context, services []string, flags statusFlags, stdout, stderr *terminal.Stream) (err error) {
	repository, _, err := gate.Locate(ctx, nil, "")
	if err != nil {
		return err
	}
	if len(repository.Config.Environments) == 0 {
		return errors.New("kgate status compares environments, and kgate.yaml names none: `kgate init` proposes them, or write\n" +
			"environments:\n  - name: staging\n    targets: [overlays/staging]\n  - name: prod\n    targets: [overlays/prod]\n    promotion: {from: staging}")
	}
	g, err := gate.Open(ctx, repository, gate.Options{Unjudged: true, LoadRestrictionsNone: flags.restrictor.none})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	table, failed := g.Promotion(ctx)
	if failed != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		tell(stderr, failed)
	}
	for _, name := range services {
		if _, ok := table.Service(name); !ok {
			return unknownService(table, name)
		}
	}
	history, untold := g.History(ctx, borrowed()...) // without its past the present is told all the same
	status, err := promotion.StatusOf(ctx, table, services, history)
	if err != nil {
		return err
	}
	if untold != nil {
		status.Past = untold.Error()
	}
	options := report.StatusOptions{Color: flags.color.on(stdout), Drift: flags.drift, Shared: flags.shared, Now: time.Now()}
	switch flags.output {
	case "json":
		err = report.StatusJSON(stdout, status)
	case "markdown":
		err = report.StatusMarkdown(stdout, status, options)
	default:
		err = report.StatusText(stdout, status, options)
	}
	switch {
	case err != nil:
		return err
	case failed != nil:
		return errReported
	case fails(status, flags.failOn):
		return errFindings
	}
	return nil
}

// unknownService says that there is no such service, and why where that is known.
func unknownService(table promotion.Table, name string) error {
	var names []string
	for _, s := range table.Services {
		names = append(names, s.Name)
	}
	if slices.ContainsFunc(table.Shared, func(w promotion.Workload) bool { return w.Service == name }) {
		return fmt.Errorf("%s is not promoted: no line that only some environments read says a version of its image", name)
	}
	return fmt.Errorf("there is no service %s; there are %s%s", name, strings.Join(names, ", "), spelling.Meant(name, names))
}

func fails(s promotion.Status, on []string) bool {
	return slices.ContainsFunc(s.Rows, func(r promotion.Row) bool {
		return slices.Contains(on, "drift") && len(r.Drift) > 0 ||
			slices.Contains(on, "behind") && r.Behind.From != "" && r.Behind.State != promotion.Same
	})
}
