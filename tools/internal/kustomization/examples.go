package kustomization

// The examples of the checks: an overlay with its files.
const (
	exampleBase = `---
# file: base/kustomization.yaml
resources: [deployment.yaml]
---
# file: base/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: go-otlp-app
spec:
  template:
    spec:
      containers:
        - name: app
          image: go-otlp-app
`
	patchTargetBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - target: {kind: Deployment, name: otlp-app} # is called go-otlp-app
    patch: |
      - op: add
        path: /spec/minReadySeconds
        value: 10
` + exampleBase
	patchTargetGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - target: {kind: Deployment, name: go-otlp-app}
    patch: |
      - op: add
        path: /spec/minReadySeconds
        value: 10
` + exampleBase
	rendersObjectsBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base] # which lists nothing any more
---
# file: base/kustomization.yaml
resources: []
`
	rendersObjectsGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
` + exampleBase
	replacementTargetBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
replacements:
  - source: {kind: Deployment, name: go-otlp-app, fieldPath: metadata.name}
    targets:
      - select: {kind: StatefulSet} # there is none
        fieldPaths: [spec.template.metadata.labels.part-of]
        options: {create: true}
` + exampleBase
	replacementTargetGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
replacements:
  - source: {kind: Deployment, name: go-otlp-app, fieldPath: metadata.name}
    targets:
      - select: {kind: Deployment}
        fieldPaths: [spec.template.metadata.labels.part-of]
        options: {create: true}
` + exampleBase
	exampleChart = `---
# file: overlays/prod/charts/door/Chart.yaml
apiVersion: v2
name: door
version: 1.0.0
---
# file: overlays/prod/charts/door/values.yaml
bell: true
---
# file: overlays/prod/charts/door/templates/configmap.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: "{{ .Release.Name }}"
  annotations:
`
	exampleDoor = `# file: overlays/prod/kustomization.yaml
helmCharts:
  - name: door
    releaseName: front-door
`
	chartVariesBad = exampleDoor + exampleChart + `    rendered: "{{ now }}" # another time every time
data:
  bell: "{{ .Values.bell }}"
`
	chartVariesGood = exampleDoor + exampleChart + `    values: "{{ .Values | toYaml | sha256sum }}" # another only when the values are
data:
  bell: "{{ .Values.bell }}"
`
	imageUsedBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
images:
  - name: otlp-app # the image is called go-otlp-app
    newName: ghcr.io/kgate-dev/go-otlp-app
    newTag: 1.1.0
` + exampleBase
	imageUsedGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
images:
  - name: go-otlp-app
    newName: ghcr.io/kgate-dev/go-otlp-app
    newTag: 1.1.0
` + exampleBase
	noEffectBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - target: {kind: Deployment, name: go-otlp-app}
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/name
        value: app # as it is
` + exampleBase
	noEffectGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - target: {kind: Deployment, name: go-otlp-app}
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/name
        value: web
` + exampleBase
	collector = `---
# file: base/kustomization.yaml
resources: [collector.yaml]
---
# file: base/collector.yaml
apiVersion: opentelemetry.io/v1beta1
kind: OpenTelemetryCollector
metadata:
  name: edge
spec:
  env:
    - name: REGION
      value: eu
`
	listReplacedBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - patch: |
      apiVersion: opentelemetry.io/v1beta1
      kind: OpenTelemetryCollector
      metadata:
        name: edge
      spec:
        env: # REGION is lost
          - name: TIER
            value: gold
` + collector
	listReplacedGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - target: {kind: OpenTelemetryCollector, name: edge}
    patch: |
      - op: add
        path: /spec/env/-
        value: {name: TIER, value: gold}
` + collector
	containerAddedBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: go-otlp-app
      spec:
        template:
          spec:
            containers:
              - name: ap # is called app
                env:
                  - name: LOG_LEVEL
                    value: info
` + exampleBase
	containerAddedGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: go-otlp-app
      spec:
        template:
          spec:
            containers:
              - name: app
                env:
                  - name: LOG_LEVEL
                    value: info
` + exampleBase
	policy = `---
# file: base/kustomization.yaml
resources: [network-policy.yaml]
---
# file: base/network-policy.yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: go-otlp-app
spec:
  podSelector:
    matchLabels: {app: go-otlp-app}
  policyTypes: [Ingress]
  ingress:
    - from:
        - namespaceSelector: {}
          podSelector:
            matchLabels: {app: gateway}
`
	selectorReachBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
labels:
  - pairs: {team: checkout}
    includeSelectors: true
` + policy
	selectorReachGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
labels:
  - pairs: {team: checkout}
    includeTemplates: true
` + policy
	deprecatedFieldBad = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
commonLabels: {environment: prod} # in selectors as well
` + exampleBase
	deprecatedFieldGood = `# file: overlays/prod/kustomization.yaml
resources: [../../base]
labels:
  - pairs: {environment: prod}
    includeTemplates: true
` + exampleBase
	differentReleaseBad = `# file: kgate.yaml
apiVersion: kgate/v1
kustomize: v5.8.1
---
# file: overlays/prod/kustomization.yaml
resources: [stateful-set.yaml]
labels:
  - pairs: {team: payments}
    includeTemplates: true # v5.8.1 also labels the volume claims
---
` + exampleStatefulSet
	differentReleaseGood = `# file: kgate.yaml
apiVersion: kgate/v1
kustomize: v5.8.1
---
# file: overlays/prod/kustomization.yaml
resources: [stateful-set.yaml]
labels:
  - pairs: {team: payments}
    fields:
      - {path: spec/template/metadata/labels, kind: StatefulSet, create: true}
---
` + exampleStatefulSet
	rewrittenBad = `# file: overlays/prod/kustomization.yaml
resources: [config-map.yaml]
---
# file: overlays/prod/config-map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: ledger
data:
  since: 2026-01-01 # becomes 2026-01-01T00:00:00Z
`
	rewrittenGood = `# file: overlays/prod/kustomization.yaml
resources: [config-map.yaml]
---
# file: overlays/prod/config-map.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: ledger
data:
  since: "2026-01-01"
`
	exampleStatefulSet = `# file: overlays/prod/stateful-set.yaml
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: ledger
spec:
  template:
    spec:
      containers:
        - name: app
          image: ledger
  volumeClaimTemplates:
    - metadata:
        name: data
`
)
