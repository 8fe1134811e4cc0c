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
)
