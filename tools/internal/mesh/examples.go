package mesh

const (
	acceptedBad = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop]
  http:
    - match:
        - uri: {regex: "^/api/(?!internal).*"} # RE2 looks neither ahead nor behind
      retries: {attempts: 3, retryOn: "5xx,timeout"} # there is no such word
      route:
        - destination: {host: shop}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: shop}
spec:
  host: shop
  trafficPolicy:
    outlierDetection: {maxEjectionPercent: 150} # is no percentage
`
	acceptedGood = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop]
  http:
    - match:
        - uri: {regex: "^/api/public/.*"}
      retries: {attempts: 3, retryOn: "5xx,reset,retriable-4xx,503"}
      route:
        - destination: {host: shop}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop, namespace: shop}
spec:
  host: shop
  trafficPolicy:
    outlierDetection: {maxEjectionPercent: 100}
`
	podAnnotationsBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: |
          holdApplicationUntilProxyStart: true # is called …Starts
        sidecar.istio.io/proxyMemory: 128 Mi
`
	podAnnotationsGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        proxy.istio.io/config: |
          holdApplicationUntilProxyStarts: true
          terminationDrainDuration: 30s
          proxyMetadata: {EXIT_ON_ZERO_ACTIVE_CONNECTIONS: "true"}
        sidecar.istio.io/proxyMemory: 128Mi
        traffic.sidecar.istio.io/includeOutboundIPRanges: "*"
`
)
