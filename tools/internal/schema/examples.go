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
)
