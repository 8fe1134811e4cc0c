package admission

// The examples of the checks that look at a change.
const (
	updateWas = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: app, namespace: shop}]
`
	updateBad = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: config-reader} # set once
subjects: [{kind: ServiceAccount, name: app, namespace: shop}]
`
	updateGood = `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: config-reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: config-reader}
subjects: [{kind: ServiceAccount, name: app, namespace: shop}]
`
	updatePolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: tier-stays}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [""], apiVersions: [v1], operations: [UPDATE], resources: [configmaps]}
  validations:
    - expression: object.data.tier == oldObject.data.tier
      message: the tier of a ConfigMap stays
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: tier-stays}
spec: {policyName: tier-stays, validationActions: [Deny]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: app, namespace: shop}
`
	updatePolicyWas  = updatePolicy + "data: {tier: gold, port: \"80\"}\n"
	updatePolicyBad  = updatePolicy + "data: {tier: silver, port: \"80\"} # it was gold\n"
	updatePolicyGood = updatePolicy + "data: {tier: gold, port: \"8080\"}\n"

	updateOperator = `apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: db, namespace: shop}
spec:
  instances: 3
  imageName: ghcr.io/cloudnative-pg/postgresql:17.5
`
	updateOperatorWas  = updateOperator + "  storage: {size: 100Gi}\n"
	updateOperatorBad  = updateOperator + "  storage: {size: 10Gi} # it was 100Gi\n"
	updateOperatorGood = updateOperator + "  storage: {size: 200Gi}\n"
)
