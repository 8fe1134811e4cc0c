# METADATA
# scope: package
# title: Long-running containers have all three probes
# description: |
#   Without a readiness probe a rollout counts a pod as available before it can answer, and its
#   callers see the errors; without a liveness probe a hung process stays in service for ever;
#   without a startup probe one slow start (a migration, a cold cache) is killed by the liveness
#   probe over and over. Jobs end by themselves and need none; a sidecar runs as long as the pod.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Give the container livenessProbe, readinessProbe and startupProbe, each with a handler (httpGet, grpc, tcpSocket or exec).
package policies.pod.probes

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some container in workload.input_containers
	workload.is_long_running(input)
	obj_lib.group(input) != "serving.knative.dev" # Knative probes its pods itself, and starts them as requests come
	container.kind in {"container", "sidecar"}
	some field in ["livenessProbe", "readinessProbe", "startupProbe"]
	not _has_handler(container.value, field)
	msg := sprintf("%s has no %s", [container.title, field])
	path := array.concat(container.path, [field])
}

_has_handler(container, field) if {
	some handler in ["exec", "grpc", "httpGet", "tcpSocket"]
	is_object(container[field][handler])
}
