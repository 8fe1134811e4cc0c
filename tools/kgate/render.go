package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

func renderCommand() *cobra.Command {
	var limits bounds
	var restrictor loadRestrictor
	var application string
	cmd := &cobra.Command{
		Use:   "render TARGET | --app NAME",
		Short: "Print what `kustomize build` prints of a target",
		Long: "Print what a target renders to. For a Kustomize root that is byte for byte what `kustomize build` prints, but\n" +
			"nothing is fetched and no program is run. On a terminal, characters that cannot be seen are shown as escapes. In the\n" +
			"log of a CI job, send it to a file: a manifest may hold what the job's runner takes for a command.\n\n" +
			"With --app it is what Argo CD takes from this repository for an Application, as kgate apps lists them: all its sources, with\n" +
			"the images, patches and whatever else the Application writes into their kustomizations. What Argo CD adds when it applies\n" +
			"is not added: the tracking label or annotation, and the namespace of the destination. A chart is as `helm template` prints it.\n" +
			"Where several Applications have the name, put before it the target that renders the one, or the file that holds it.",
		Example: "  kgate render overlays/prod\n  kgate render overlays/prod/go-otlp-app | kubectl diff -f -\n  kgate render --app prod-podinfo\n  kgate render --app clusters/prod:podinfo",
		Args: func(cmd *cobra.Command, args []string) error {
			if application == "" {
				if len(args) != 1 {
					return errors.New("render takes one target, as `kgate render overlays/prod`, or --app NAME: without arguments, `kgate validate` says what targets there are")
				}
				return nil
			}
			if len(args) > 0 {
				return fmt.Errorf("--app %s and the target %s: render prints one of them: leave out the other, as `kgate render --app %s`", application, args[0], application)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var text []byte
			err := limits.within(cmd.Context(), func(ctx context.Context) error {
				repository, targets, err := gate.Locate(ctx, args, "")
				if err != nil {
					return err
				}
				if application != "" {
					g, err := gate.Open(ctx, repository, gate.Options{Bare: true, LoadRestrictionsNone: restrictor.none})
					if err != nil {
						return err
					}
					text, err = g.PrintApplication(ctx, application)
					return errors.Join(err, g.Close())
				}
				text, err = gate.Print(ctx, repository, targets[0], cmd.InOrStdin(), restrictor.none)
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
	cmd.Flags().StringVar(&application, "app", "", "print what this Application of Argo CD deploys from the repository: NAME, NAMESPACE/NAME or TARGET:NAME")
	boundsFlags(cmd, &limits)
	restrictor.flag(cmd)
	return cmd
}

// loadRestrictor is what kustomizations may read: Kustomize's flag of that name.
type loadRestrictor struct{ none bool }

// The values that Kustomize's flag takes.
const (
	restrictionsNone = "LoadRestrictionsNone"
	restrictionsRoot = "LoadRestrictionsRootOnly"
)

func (l *loadRestrictor) flag(cmd *cobra.Command) {
	cmd.Flags().Var(l, "load-restrictor", restrictionsNone+" lets kustomizations read files of the whole repository; "+restrictionsRoot+
		" (the default) of their directories, unless kgate.yaml or Flux says otherwise")
	_ = cmd.RegisterFlagCompletionFunc("load-restrictor", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{restrictionsNone, restrictionsRoot}, cobra.ShellCompDirectiveNoFileComp
	})
}

func (l *loadRestrictor) Type() string { return "string" }

func (l *loadRestrictor) String() string {
	if l.none {
		return restrictionsNone
	}
	return ""
}

// Set takes the name in any letter case, as Kustomize does.
func (l *loadRestrictor) Set(value string) error {
	switch {
	case strings.EqualFold(value, restrictionsNone):
		l.none = true
	case strings.EqualFold(value, restrictionsRoot):
		l.none = false
	default:
		return fmt.Errorf("it is %s or %s", restrictionsNone, restrictionsRoot)
	}
	return nil
}
