package admission

// The examples of the checks of policies.
const (
	replicasPolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments]
  validations:
    - expression: object.spec.replicas <= 5
      message: at most five replicas
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicas}
spec:
  policyName: replicas
  validationActions: `
	replicatedDeployment = `
---
apiVersion: apps/v1
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
        - name: app
          image: ghcr.io/kgate-dev/go-otlp-app:1.0.0
  replicas: `

	replicatingPolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: replicas}
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [apps]
        apiVersions: [v1]
        operations: [CREATE, UPDATE]
        resources: [deployments]
  reinvocationPolicy: Never
  failurePolicy: Fail
  mutations:
    - patchType: ApplyConfiguration
      applyConfiguration:
        expression: >-
          Object{spec: Object.spec{replicas: `
	replicatingBinding = `}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: replicas}
spec: {policyName: replicas}`

	mutatingPolicyBad    = replicatingPolicy + "object.spec.replicas - 3" + replicatingBinding + replicatedDeployment + "2 # the policy makes -1 of it\n"
	mutatingPolicyGood   = replicatingPolicy + "object.spec.replicas + 1" + replicatingBinding + replicatedDeployment + "2\n"
	validatingPolicyBad  = replicasPolicy + "[Deny]" + replicatedDeployment + "6 # the policy denies it\n"
	validatingPolicyGood = replicasPolicy + "[Deny]" + replicatedDeployment + "5\n"
	policyWarningBad     = replicasPolicy + "[Warn]" + replicatedDeployment + "6 # the policy warns of it\n"
	policyWarningGood    = replicasPolicy + "[Warn]" + replicatedDeployment + "5\n"
)
