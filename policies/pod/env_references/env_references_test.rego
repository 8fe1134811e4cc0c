package policies.pod.env_references_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.env_references

_settings := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}, "data": {"REGION": "eu"}}

_empty := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "empty", "namespace": "shop"}}

_container(fields) := {"containers": [object.union({"name": "app"}, fields)]}

_field(name) := {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}

_allowed := {
	"defined above": _container({"env": [_field("POD_IP"), {"name": "A", "value": "$(POD_IP):$(POD_IP)"}]}),
	"anywhere, in args": _container({"args": ["--ip=$(POD_IP)"], "command": ["$(POD_IP)"], "env": [_field("POD_IP")]}),
	"a path": _container({"volumeMounts": [{"mountPath": "/a", "subPathExpr": "a/$(POD_IP)"}, {"mountPath": "/b"}], "env": [_field("POD_IP")]}),
	"from a ConfigMap": _container({"env": [{"name": "A", "value": "$(REGION)"}], "envFrom": [{"configMapRef": {"name": "settings"}}]}),
	"from a ConfigMap with a prefix": _container({"args": ["$(S_REGION)"], "envFrom": [{"prefix": "S_", "configMapRef": {"name": "settings"}}]}),
	"from a ConfigMap of others": _container({"args": ["$(OTHER)"], "envFrom": [{"configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "elsewhere"}}]}),
	"from a Secret": _container({"args": ["$(OTHER)"], "envFrom": [{"secretRef": {"name": "settings"}}]}),
	"from what cannot be read": _container({"args": ["$(OTHER)"], "envFrom": "text"}),
	"escaped": _container({"args": ["$$(OTHER)", "$$$$(OTHER)"], "env": [{"name": "A", "value": "$$(OTHER)"}]}),
	"commands of a shell": _container({"command": ["sh", "-c", "echo $(date) $(hostname -f) $((1 + 2)) $(A; B)"]}),
	"words of a shell": _container({"command": ["/bin/sh", "-c"], "args": ["run $(DATE) $(hostname)"], "env": [_field("HOSTNAME")]}),
	"words of a script": _container({"env": [_field("HOST"), {"name": "A", "value": "h=$(hostname)\n$(CC) $(HOSTS)"}, {"name": "B", "value": "$(whoami)@$(HOST)"}]}),
	"what templates refer to": _container({"args": ["--x=$(params.foo)", "$(date)"], "env": [_field("PARAMS")]}),
	"fields of awk": _container({"args": ["{print $(NF)}"]}),
	"of a Service": _container({"args": ["$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT_HTTPS)", "$(DB_PORT_5432_TCP_ADDR)", "$(DB_PORT)"]}),
	"of a webhook": _container({"args": ["$(AWS_REGION) $(DAPR_HTTP_PORT)"]}),
	"no reference": _container({"args": ["$OTHER ${OTHER} $("], "env": [{"name": "A", "value": "$("}, {"name": "B"}]}),
	"wrong types": _container({"args": "$(OTHER)", "env": "text", "command": [1, null], "volumeMounts": "text"}),
	"wrong types within": _container({"env": [{"name": 1, "value": 1}, "text"], "volumeMounts": ["text", {"subPathExpr": 1}]}),
}

_stays := "and no variable of the container has this name: it stays as it is written"

_stay := "and no variable of the container has these names: they stay as they are written"

_denied := {
	"in a script, nearly one of the container": {
		"pod": _container({"args": ["echo $(POD_IPS) $(CMD)"], "command": ["bash", "-c"], "env": [_field("POD_IP")]}),
		"findings": {[sprintf(`args[0] of container "app" holds $(POD_IPS), %s`, [_stays]), ["containers", 0, "args", 0], set()]},
	},
	"several below": {
		"pod": _container({"env": [{"name": "A", "value": "$(POD_IP)\n$(B)"}, _field("POD_IP"), _field("B")]}),
		"findings": {[`env A of container "app" holds $(B), $(POD_IP), which are defined below it: they stay as they are written`, ["containers", 0, "env", 0, "value"], {["containers", 0, "env", 1, "name"], ["containers", 0, "env", 2, "name"]}]},
	},
	"defined below": {
		"pod": _container({"env": [{"name": "A", "value": "$(POD_IP):9000"}, _field("POD_IP")]}),
		"findings": {[`env A of container "app" holds $(POD_IP), which is defined below it: it stays as it is written`, ["containers", 0, "env", 0, "value"], {["containers", 0, "env", 1, "name"]}]},
	},
	"of itself": {
		"pod": _container({"env": [{"name": "A", "value": "$(A):b"}]}),
		"findings": {[`env A of container "app" holds $(A), which is defined below it: it stays as it is written`, ["containers", 0, "env", 0, "value"], {["containers", 0, "env", 0, "name"]}]},
	},
	"of nothing": {
		"pod": _container({"args": ["a", "--ip=$(POD_ADDR)"], "command": ["$(CMD)"], "env": [_field("POD_IP"), {"name": "B", "value": "$(pod_ip)-$(NOTHING)-$(nothing)"}]}),
		"findings": {
			[sprintf(`args[1] of container "app" holds $(POD_ADDR), %s`, [_stays]), ["containers", 0, "args", 1], set()],
			[sprintf(`command[0] of container "app" holds $(CMD), %s`, [_stays]), ["containers", 0, "command", 0], set()],
			[sprintf(`env B of container "app" holds $(NOTHING), $(pod_ip), %s`, [_stay]), ["containers", 0, "env", 1, "value"], set()],
		},
	},
	"of another container": {
		"pod": {"containers": [{"name": "app", "env": [_field("POD_IP")]}], "initContainers": [{"name": "init", "args": ["$(POD_IP)"]}]},
		"findings": {[sprintf(`args[0] of init container "init" holds $(POD_IP), %s`, [_stays]), ["initContainers", 0, "args", 0], set()]},
	},
	"a path": {
		"pod": _container({"volumeMounts": [{"mountPath": "/a", "subPathExpr": "$(pod)"}]}),
		"findings": {[sprintf(`subPathExpr of the mount /a of container "app" holds $(pod), %s`, [_stays]), ["containers", 0, "volumeMounts", 0, "subPathExpr"], set()]},
	},
	"not in the ConfigMap": {
		"pod": _container({"args": ["$(REGON)"], "envFrom": [{"configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "empty"}}]}),
		"findings": {[sprintf(`args[0] of container "app" holds $(REGON), %s`, [_stays]), ["containers", 0, "args", 0], set()]},
	},
}

_deny(obj) := faults if {
	faults := env_references.deny with input as fixture.overlay([obj, _settings, _empty])
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	_deny(obj) == set()
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	prefix := array.concat(["objects", 0], fixture.spec_paths[kind])
	_deny(obj) == {{"msg": msg, "path": array.concat(prefix, path), "with": with_fields} |
		some [msg, path, others] in want.findings
		with_fields := {array.concat(prefix, other) | some other in others}
	}
}

test_a_job_has_an_index if {
	pod := _container({"args": ["$(JOB_COMPLETION_INDEX)"]})
	_deny(fixture.workload("Job", pod, {})) == set()
	_deny(fixture.workload("CronJob", pod, {})) == set()
	count(_deny(fixture.workload("Deployment", pod, {}))) == 1
}

test_injected_by_the_telemetry_operator if {
	pod := _container({"args": ["$(OTEL_NODE_IP)"]})
	plain := fixture.workload("Deployment", pod, {})
	count(_deny(plain)) == 1
	_deny(object.union(plain, {"spec": {"template": {"metadata": {"annotations": {"instrumentation.opentelemetry.io/inject-java": "true"}}}}})) == set()
}

test_controllers_with_variables_of_their_own if {
	_deny({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "fn", "namespace": "shop"}, "spec": {"template": {"spec": _container({"args": ["$(PORT) $(K_SERVICE)"]})}}}) == set()
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		_deny(obj) == set()
	}
}
