package schema

// The examples of the checks.
const (
	knownKindBad = `apiVersion: autoscaling/v2beta2 # Kubernetes 1.26 removed it
kind: HorizontalPodAutoscaler
metadata: {name: go-otlp-app}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: go-otlp-app}
  minReplicas: 3
  maxReplicas: 10
`
	knownKindGood = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: go-otlp-app}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: go-otlp-app}
  minReplicas: 3
  maxReplicas: 10
`
	validBad = `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: tracing}
spec:
  tracing:
    - randomSamplingPercent: 10 # is called randomSamplingPercentage
`
	validGood = `apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: tracing}
spec:
  tracing:
    - randomSamplingPercentage: 10
`
	currentVersionBad = `apiVersion: external-secrets.io/v1beta1 # External Secrets 1.0 no longer serves it
kind: ExternalSecret
metadata: {name: go-otlp-app-api}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: platform}
  dataFrom: [{extract: {key: go-otlp-app}}]
`
	currentVersionGood = `apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: go-otlp-app-api}
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: platform}
  dataFrom: [{extract: {key: go-otlp-app}}]
`
	gatedFieldBad = `apiVersion: v1
kind: Pod
metadata: {name: go-otlp-app}
spec:
  containers:
    - name: app
      image: ghcr.io/kgate-dev/go-otlp-app:1.0.0
      lifecycle: {stopSignal: SIGINT} # alpha: no release has it on
`
	gatedFieldGood = `apiVersion: v1
kind: Pod
metadata: {name: go-otlp-app}
spec:
  containers:
    - name: app
      image: ghcr.io/kgate-dev/go-otlp-app:1.0.0 # its Dockerfile says STOPSIGNAL SIGINT
      lifecycle: {preStop: {sleep: {seconds: 5}}}
`
	definitionStrictBad = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: sealedsecrets.bitnami.com}
spec:
  group: bitnami.com
  scope: Namespaced
  names: {kind: SealedSecret, plural: sealedsecrets}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: # everything passes
        openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: go-otlp-app-api}
spec:
  encrypted: {tokens: AgBy3i4OJSWK} # is called encryptedData
`
	definitionAgreesBad = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: sealedsecrets.bitnami.com
  labels: {app.kubernetes.io/version: 0.1.0} # long before encryptedData
spec:
  group: bitnami.com
  scope: Namespaced
  names: {kind: SealedSecret, plural: sealedsecrets}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                data: {type: string}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: go-otlp-app-api}
spec:
  data: AgBy3i4OJSWK
`
	definitionAgreesGood = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: sealedsecrets.bitnami.com}
spec:
  group: bitnami.com
  scope: Namespaced
  names: {kind: SealedSecret, plural: sealedsecrets}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [encryptedData]
              properties:
                encryptedData: {type: object, additionalProperties: {type: string}}
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: {name: go-otlp-app-api}
spec:
  encryptedData: {tokens: AgBy3i4OJSWK}
`
)
