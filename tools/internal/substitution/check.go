package substitution

import (
	"context"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// CheckName is the check that reports what keeps Flux from filling in variables.
const CheckName = "gitops/flux-variables"

// Checks lists the checks of this package. Filling in finds the faults.
func Checks() []*check.Check {
	return []*check.Check{{
		Name:  CheckName,
		Title: "Flux can fill in every variable",
		Doc: "A Flux Kustomization with `postBuild` replaces ${VAR} in everything that it builds. From kustomize-controller 1.9 (Flux 2.9) " +
			"on, a variable without a value and without a default fails the whole Kustomization, unless the feature gate " +
			"StrictPostBuildSubstitutions is off; before that it became an empty text without a word. Shell in a script that is no variable " +
			"to Flux, such as ${A[@]}, fails it in any release. Nothing is said where a ConfigMap or a Secret that Flux takes values from is not in " +
			"the repository, or is encrypted.",
		Fix:        "Give the variable a value under `postBuild`, or a default, ${VAR:=default}; write $${ for a ${ that is to stay, or give the object the annotation " + Key + ": " + Disabled + ".",
		Severity:   check.Error,
		Scope:      check.Overlay,
		Origin:     "kgate",
		References: []string{"https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution"},
		Bad:        "# file: clusters/prod/web.yaml\n" + exampleBuilder + "  postBuild: {substitute: {doman: example.com}}\n" + exampleOverlay,
		Good:       "# file: clusters/prod/web.yaml\n" + exampleBuilder + "  postBuild: {substitute: {domain: example.com}}\n" + exampleOverlay,
		Run: func(_ context.Context, pass *check.Pass) error {
			for _, target := range pass.Targets {
				for _, fault := range target.Faults {
					if fault.Check == CheckName {
						pass.ReportFault(target, fault)
					}
				}
			}
			return nil
		},
	}}
}

const (
	exampleBuilder = `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec:
  interval: 10m
  path: ./overlays/prod
  prune: true
  sourceRef: {kind: GitRepository, name: flux-system}
`
	exampleOverlay = `---
# file: overlays/prod/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/prod/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: web}
data:
  host: web.${domain}
`
)
