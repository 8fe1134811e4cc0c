package danger

// The examples of checks: what was, what is in danger, and the same change without.
const (
	dataLostWas = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: orders, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 10Gi}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: shop}
data: {currency: EUR}
`

	dataLostBad = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shop-orders, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 10Gi}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: shop}
data: {currency: EUR}
`

	dataLostGood = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: orders, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests: {storage: 10Gi}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: shop, namespace: shop}
data: {currency: CHF}
`

	recreatedWas = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {argocd.argoproj.io/sync-options: "Force=true,Replace=true"}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web, tier: front}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	recreatedBad = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {argocd.argoproj.io/sync-options: "Force=true,Replace=true"}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, tier: front}
  template:
    metadata:
      labels: {app: web, tier: front}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	recreatedGood = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  annotations: {argocd.argoproj.io/sync-options: "Force=true,Replace=true"}
spec:
  replicas: 4
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web, tier: front}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	deliveryMovedWas = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop-prod
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: shop
  source: {repoURL: https://git.example.com/shop.git, path: overlays/prod, targetRevision: main}
  destination: {name: prod, namespace: shop}
`

	deliveryMovedBad = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: shop
  source: {repoURL: https://git.example.com/shop.git, path: overlays/prod, targetRevision: main}
  destination: {name: prod, namespace: shop}
`

	deliveryMovedGood = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop-prod
  namespace: argocd
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: shop
  source: {repoURL: https://git.example.com/shop.git, path: overlays/prod, targetRevision: v2}
  destination: {name: prod, namespace: shop}
`

	trafficMovedWas = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web, track: blue}
  ports:
    - port: 80
      targetPort: 8080
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: blue, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: blue}
  template:
    metadata:
      labels: {app: web, track: blue}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: green, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: green}
  template:
    metadata:
      labels: {app: web, track: green}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	trafficMovedBad = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web, track: green}
  ports:
    - port: 80
      targetPort: 8080
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: blue, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: blue}
  template:
    metadata:
      labels: {app: web, track: blue}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: green, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: green}
  template:
    metadata:
      labels: {app: web, track: green}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	trafficMovedGood = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
    - port: 80
      targetPort: 8080
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: blue, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: blue}
  template:
    metadata:
      labels: {app: web, track: blue}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: green, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: green}
  template:
    metadata:
      labels: {app: web, track: green}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	privilegeGainedWas = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	privilegeGainedBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
          securityContext:
            capabilities:
              add: [NET_ADMIN]
`

	privilegeGainedGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
          securityContext:
            capabilities:
              drop: [ALL]
`

	protectionLostWas = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector:
    matchLabels: {app: web}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels: {app: gateway}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	protectionLostBad = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector:
    matchLabels: {app: webserver}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels: {app: gateway}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	protectionLostGood = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector:
    matchLabels: {app: web}
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector:
            matchLabels: {app: gateway}
        - podSelector:
            matchLabels: {app: monitoring}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	exposedWas = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
    - port: 80
      targetPort: 8080
`

	exposedBad = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
    - port: 80
      targetPort: 8080
  type: LoadBalancer
`

	exposedGood = `apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
    - port: 80
      targetPort: 8081
`

	capacityCutWas = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 4
  maxReplicas: 12
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: 70}
`

	capacityCutBad = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 3
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: 70}
`

	capacityCutGood = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 4
  maxReplicas: 16
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: 70}
`

	imageBackwardsWas = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	imageBackwardsBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.3.9
`

	imageBackwardsGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.3
`

	imageSourceWas = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	imageSourceBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: docker.io/somebody/web:1.4.3
`

	imageSourceGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.3
`

	majorStepWas = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
`

	majorStepBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:2.0.0
`

	majorStepGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web, track: web}
  template:
    metadata:
      labels: {app: web, track: web}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.5.0
`

	canaryStepWas = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web
  namespace: shop
  annotations:
    kgate.dev/canary-steps: "5,20,50,100"
spec:
  hosts: [web]
  http:
    - route:
        - destination: {host: web, subset: stable}
          weight: 95
        - destination: {host: web, subset: canary}
          weight: 5
`

	canaryStepBad = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web
  namespace: shop
  annotations:
    kgate.dev/canary-steps: "5,20,50,100"
spec:
  hosts: [web]
  http:
    - route:
        - destination: {host: web, subset: stable}
          weight: 50
        - destination: {host: web, subset: canary}
          weight: 50
`

	canaryStepGood = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: web
  namespace: shop
  annotations:
    kgate.dev/canary-steps: "5,20,50,100"
spec:
  hosts: [web]
  http:
    - route:
        - destination: {host: web, subset: stable}
          weight: 80
        - destination: {host: web, subset: canary}
          weight: 20
`

	environmentsTogetherWas = `# file: kgate.yaml
apiVersion: kgate/v1
targets: [overlays/*]
environments:
  - {name: staging, targets: [overlays/staging]}
  - {name: prod, targets: [overlays/prod]}
---
# file: overlays/staging/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/staging/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {timeout: 5s}
---
# file: overlays/prod/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/prod/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {timeout: 5s}
`

	environmentsTogetherBad = `# file: kgate.yaml
apiVersion: kgate/v1
targets: [overlays/*]
environments:
  - {name: staging, targets: [overlays/staging]}
  - {name: prod, targets: [overlays/prod]}
---
# file: overlays/staging/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/staging/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {timeout: 9s}
---
# file: overlays/prod/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/prod/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {timeout: 9s}
`

	environmentsTogetherGood = `# file: kgate.yaml
apiVersion: kgate/v1
targets: [overlays/*]
environments:
  - {name: staging, targets: [overlays/staging]}
  - {name: prod, targets: [overlays/prod]}
---
# file: overlays/staging/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/staging/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {timeout: 9s}
---
# file: overlays/prod/kustomization.yaml
resources: [settings.yaml]
---
# file: overlays/prod/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {timeout: 5s}
`
)
