package exemption

// The examples of the checks. A date is far enough from another that the test can stand between them.
const (
	exemptedDaemonSet = `---
# file: fluent-bit.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: fluent-bit
  namespace: logging
spec:
  selector: {matchLabels: {app.kubernetes.io/name: fluent-bit}}
  template:
    metadata: {labels: {app.kubernetes.io/name: fluent-bit}}
    spec:
      containers: [{name: fluent-bit, image: "fluent/fluent-bit:4.0.3"}]
      volumes: [{name: logs, hostPath: {path: /var/log}}]
`
	expiredBad = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 2025-10-31 # is over
` + exemptedDaemonSet
	expiredGood = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node, looked at again in October 2025
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
	tooLongBad = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 9999-12-31 # is never
` + exemptedDaemonSet
	tooLongGood = `# file: kgate.yaml
apiVersion: kgate/v1
longestExemption: 1y # as without the key
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
	unusedBad = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluentbit} # is called fluent-bit
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
	mendedBad = `# file: kgate-baseline.yaml
apiVersion: kgate/v1
expires: 2027-10-31
findings:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: node-exporter} # is gone
    field: spec.template.spec.volumes.hostPath
    targets: [fluent-bit.yaml]
` + exemptedDaemonSet
	mendedGood = `# file: kgate-baseline.yaml
apiVersion: kgate/v1
expires: 2027-10-31
findings:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    field: spec.template.spec.volumes.hostPath
    targets: [fluent-bit.yaml]
` + exemptedDaemonSet
	unusedGood = `# file: kgate.yaml
apiVersion: kgate/v1
exemptions:
  - check: pod/no-host-path
    object: {kind: DaemonSet, namespace: logging, name: fluent-bit}
    reason: Container logs are files of the node
    owner: platform team
    expires: 2027-10-31
` + exemptedDaemonSet
)
