package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// version is stamped by -ldflags "-X main.version=…"; a build without it is a development build.
var version = ""

// engines are the libraries whose verdicts kgate gives.
var engines = []string{
	"sigs.k8s.io/kustomize/api", "sigs.k8s.io/kustomize/kyaml", "github.com/yannh/kubeconform",
	"helm.sh/helm/v4", "github.com/open-policy-agent/opa", "k8s.io/apimachinery", "k8s.io/kubernetes",
	"istio.io/istio",
}

func versionName() string {
	if version == "" {
		return "development build"
	}
	return version
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the engines and the schemas inside",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sources, err := schema.Sources()
			if err != nil {
				return err
			}
			catalogue, err := custom.Embedded()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			line := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) } // Flush returns the error
			line("kgate\t%s\t%s %s/%s", versionName(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, engine := range engines {
					for _, module := range info.Deps {
						if module.Path == engine {
							line("engine\t%s\t%s", module.Path, module.Version)
						}
					}
				}
			}
			line("engine\tkustomize\t%s, the release that has this api", kustomization.KustomizeRelease)
			line("confinement\t%s\t", confinementOf(cmd.Context()))
			line("admission\tKubernetes\t%s, the release whose code judges", strings.TrimPrefix(admission.Version(), "v"))
			line("schemas\tKubernetes\t%s", strings.Join(schema.Versions(), ", "))
			for _, source := range sources {
				what := ""
				if source.Module != "k8s.io/kubernetes" {
					what = ", schemas beside its definitions"
				}
				line("schemas\t%s\t%s%s", source.Module, source.Version, what)
			}
			operators, kinds := catalogue.Modules(), catalogue.Kinds()
			line("definitions\tcustom kinds\t%d of %d operators: `kgate crds` lists them", kinds, len(operators))
			return table.Flush()
		},
	}
}
