package coverage

// The examples: repositories with the target overlays/prod.
const (
	target = `# file: overlays/prod/kustomization.yaml
resources: [config-map.yaml]
---
# file: overlays/prod/config-map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: app
  namespace: go-otlp-app
`
	application = `---
# file: argocd/kustomization.yaml
resources: [prod.yaml]
---
# file: argocd/prod.yaml
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: prod, namespace: argocd}
spec:
  project: go-otlp-app
  source:
    repoURL: https://github.com/kgate-dev/gitops
`
	destination = `  destination: {name: prod, namespace: go-otlp-app}
`
	deployedBad = `# file: deploy/prod/config-map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: app
  namespace: go-otlp-app
` + application + `    path: deploy/prod # is no target: nobody looks at it
` + destination
	deployedGood = target + application + `    path: overlays/prod
` + destination
	fluxPathBad = target + fluxKustomizations + `  path: ./overlays/staging # is called overlays/stage
` + fluxSource + stage
	fluxPathGood = target + fluxKustomizations + `  path: ./overlays/stage
` + fluxSource + stage
	fluxKustomizations = `---
# file: clusters/main/prod.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: prod, namespace: flux-system}
spec:
  path: ./overlays/prod
` + fluxSource + `---
# file: clusters/main/stage.yaml
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: stage, namespace: flux-system}
spec:
`
	fluxSource = `  interval: 10m
  prune: true
  sourceRef: {kind: GitRepository, name: main}
`
	stage = `---
# file: overlays/stage/kustomization.yaml
configMapGenerator:
  - name: app
    literals: [stage=true]
`
	rootBad = target + `---
# file: overlays/prod/eu/kustomization.yaml
# is no target: those are overlays/* and argocd
configMapGenerator:
  - name: eu
    literals: [region=eu]
`
	rootGood = target + `---
# file: overlays/prod-eu/kustomization.yaml
configMapGenerator:
  - name: eu
    literals: [region=eu]
`
	unreadBad = `# file: kgate.yaml
apiVersion: kgate/v1
unread:
  - path: example/** # is called examples
    reason: Shown in the manual and deployed by nobody
    owner: platform team
---
# file: examples/web/kustomization.yaml
resources: [deployment.yaml]
---
` + target
	unreadGood = `# file: kgate.yaml
apiVersion: kgate/v1
unread:
  - path: examples/**
    reason: Shown in the manual and deployed by nobody
    owner: platform team
---
# file: examples/web/kustomization.yaml
resources: [deployment.yaml]
---
` + target
	environmentBad = `# file: kgate.yaml
apiVersion: kgate/v1
environments:
  - name: prod
    targets: [overlays/production] # is called prod
    sampling: {min: 0.01, max: 0.2}
---
` + target
	environmentGood = `# file: kgate.yaml
apiVersion: kgate/v1
environments:
  - name: prod
    targets: [overlays/prod]
    sampling: {min: 0.01, max: 0.2}
---
` + target
	patternBad = `# file: kgate.yaml
apiVersion: kgate/v1
severities:
  - check: pod/spread
    severity: off
    targets: [overlays/production] # is called prod
---
` + target
	patternGood = `# file: kgate.yaml
apiVersion: kgate/v1
severities:
  - check: pod/spread
    severity: off
    targets: [overlays/prod]
---
` + target
	externalBad = `# file: kgate.yaml
apiVersion: kgate/v1
external:
  - kind: Namespace
    name: go-otlp # is called go-otlp-app
    provider: the platform team
---
` + target
	externalGood = `# file: kgate.yaml
apiVersion: kgate/v1
external:
  - kind: Namespace
    name: go-otlp-app
    provider: the platform team
---
` + target
	misplacedBad = `# file: kgate.yml
apiVersion: kgate/v1
profile: strict
---
` + target
	misplacedGood = `# file: kgate.yaml
apiVersion: kgate/v1
profile: strict
---
` + target
	forgottenPolicy = `---
# file: overlays/prod/network-policy.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: app
  namespace: go-otlp-app
spec:
  podSelector: {}
`
	manifestBad  = target + forgottenPolicy
	manifestGood = `# file: overlays/prod/kustomization.yaml
resources: [config-map.yaml, network-policy.yaml]
---
# file: overlays/prod/config-map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: app
  namespace: go-otlp-app
` + forgottenPolicy
)
