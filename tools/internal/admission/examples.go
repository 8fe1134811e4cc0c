package admission

// The examples of the checks.
const (
	acceptedBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app}
spec:
  selector:
    matchLabels: {app: go-otlp-app} # its own template does not match
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	acceptedGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	warningBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      nodeSelector:
        beta.kubernetes.io/os: linux # the kubelet sets another one
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	warningGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      nodeSelector:
        kubernetes.io/os: linux
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	podSecurityBad = `apiVersion: v1
kind: Namespace
metadata:
  name: go-otlp-app
  labels: {pod-security.kubernetes.io/enforce: baseline}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app, namespace: go-otlp-app}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      hostNetwork: true # below baseline: no pod is ever made
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	podSecurityWarningBad = `apiVersion: v1
kind: Namespace
metadata:
  name: go-otlp-app
  labels: {pod-security.kubernetes.io/warn: baseline}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app, namespace: go-otlp-app}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      hostNetwork: true # below baseline: only a header says so
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	podSecurityGood = `apiVersion: v1
kind: Namespace
metadata:
  name: go-otlp-app
  labels: {pod-security.kubernetes.io/enforce: baseline}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app, namespace: go-otlp-app}
spec:
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      containers:
        - {name: app, image: "ghcr.io/kgate-dev/go-otlp-app:1.0.0"}
`
	limitRangeBad = `apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec:
  limits:
    - type: Container
      max: {cpu: "4"}
---
apiVersion: v1
kind: Pod
metadata: {name: once}
spec:
  containers:
    - name: once
      image: ghcr.io/kgate-dev/go-otlp-app:1.0.0
      resources:
        limits: {cpu: "8"} # above the maximum
`
	limitRangeGood = `apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec:
  limits:
    - type: Container
      max: {cpu: "4"}
---
apiVersion: v1
kind: Pod
metadata: {name: once}
spec:
  containers:
    - name: once
      image: ghcr.io/kgate-dev/go-otlp-app:1.0.0
      resources:
        limits: {cpu: "4"}
`
	resourceQuotaBad = `apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec:
  hard: {requests.cpu: "2"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app}
spec:
  replicas: 5 # five times 500m is more than 2
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      containers:
        - name: app
          image: ghcr.io/kgate-dev/go-otlp-app:1.0.0
          resources:
            requests: {cpu: 500m}
`
	resourceQuotaGood = `apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec:
  hard: {requests.cpu: "2"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: go-otlp-app}
spec:
  replicas: 4
  selector:
    matchLabels: {app.kubernetes.io/name: go-otlp-app}
  template:
    metadata:
      labels: {app.kubernetes.io/name: go-otlp-app}
    spec:
      containers:
        - name: app
          image: ghcr.io/kgate-dev/go-otlp-app:1.0.0
          resources:
            requests: {cpu: 500m}
`
)
