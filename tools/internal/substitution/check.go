package substitution

import (
	"context"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// CheckName is the check that reports what keeps Flux from filling in variables.
const CheckName = "gitops/flux-variables"

// DecryptionName is the check that reports what Flux would have to decrypt and does not.
const DecryptionName = "gitops/flux-decryption"

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
		Run:        reportOf(CheckName),
	}, {
		Name:  DecryptionName,
		Title: "Flux decrypts what SOPS encrypted",
		Doc: "A Flux Kustomization without `spec.decryption` applies nothing of its directory as long as a Secret in it is encrypted with SOPS. " +
			"Nothing is said where another Kustomization patches a decryption into it, or of a Secret that says that it is to stay encrypted.",
		Fix:        "Give the Flux Kustomization spec.decryption with `provider: sops` and the Secret that holds the key.",
		Severity:   check.Error,
		Scope:      check.Overlay,
		Origin:     "kgate",
		References: []string{"https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption"},
		Bad:        "# file: clusters/prod/web.yaml\n" + exampleBuilder + exampleSealed,
		Good:       "# file: clusters/prod/web.yaml\n" + exampleBuilder + "  decryption: {provider: sops, secretRef: {name: sops-age}}\n" + exampleSealed,
		Run:        reportOf(DecryptionName),
	}}
}

// reportOf reports the faults of a check.
func reportOf(name string) func(context.Context, *check.Pass) error {
	return func(_ context.Context, pass *check.Pass) error {
		for _, target := range pass.Targets {
			for _, fault := range target.Faults {
				if fault.Check == name {
					pass.ReportFault(target, fault)
				}
			}
		}
		return nil
	}
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
	exampleSealed = `---
# file: overlays/prod/kustomization.yaml
resources: [secret.yaml]
---
# file: overlays/prod/secret.yaml
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: web}
stringData:
  token: "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=,\
    tag:YmJiYmJiYmJiYmJiYmJiYg==,type:str]"
sops:
  mac: "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=,\
    tag:YmJiYmJiYmJiYmJiYmJiYg==,type:str]"
  version: 3.9.0
  age: [{recipient: age1a, enc: a}]
`
)
