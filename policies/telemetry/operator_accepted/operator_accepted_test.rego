package policies.telemetry.operator_accepted_test

import data.policies.lib.fixture_test as fixture
import data.policies.telemetry.operator_accepted

_object(version, kind, spec) := {"apiVersion": sprintf("opentelemetry.io/%s", [version]), "kind": kind, "metadata": {"name": "otel"}, "spec": spec}

_collector(spec) := _object("v1beta1", "OpenTelemetryCollector", spec)

_instrumentation(spec) := _object("v1alpha1", "Instrumentation", spec)

_sampler(type, argument) := _instrumentation({"sampler": {"type": type, "argument": argument}})

_faults(obj) := faults if faults := operator_accepted.deny with input as obj

_messages(obj) := {fault.msg | some fault in _faults(obj)}

_paths(obj) := {fault.path | some fault in _faults(obj)}

_scraping(configs) := {"receivers": {"prometheus": {"config": {"scrape_configs": configs}}}}

test_message if {
	_messages(_collector({"volumeClaimTemplates": [{}]})) == {`volumeClaimTemplates of OpenTelemetryCollector "otel" is for the mode statefulset, and its mode is deployment`}
	_messages(_collector({"mode": "daemonset", "targetAllocator": {"enabled": true}})) == {concat(" ", [
		`targetAllocator.allocationStrategy of OpenTelemetryCollector "otel" is consistent-hashing:`,
		"in the mode daemonset it is per-node",
	])}
	_messages(_collector({"replicas": 5, "autoscaler": {"maxReplicas": 3}})) == {`replicas of OpenTelemetryCollector "otel" is 5, more than the 3 of autoscaler.maxReplicas`}
	_messages(_collector({"ports": [{"port": 80}]})) == {concat(" ", [
		`a port of OpenTelemetryCollector "otel" is called "":`,
		"a name of at most 15 lower-case letters, digits and single hyphens between them, with a letter",
	])}
	_messages(_sampler("jaeger_remote", "endpoint")) == {`sampler.argument of Instrumentation "otel" is refused: endpoint is no key=value`}
}

_fine := {
	"nothing": {},
	"a text": "text",
	"an empty mode": {"mode": "", "deploymentUpdateStrategy": {"type": "RollingUpdate"}},
	"a StatefulSet": {"mode": "statefulset", "volumeClaimTemplates": [{}], "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}},
	"a DaemonSet": {"mode": "daemonset", "daemonSetUpdateStrategy": {"type": "OnDelete"}, "deploymentUpdateStrategy": {}},
	"an allocator": {"mode": "statefulset", "targetAllocator": {"enabled": true}, "config": _scraping([{"job_name": "a"}])},
	"an allocator of a DaemonSet": {
		"mode": "daemonset", "config": _scraping([]),
		"targetAllocator": {"enabled": true, "allocationStrategy": "per-node", "prometheusCR": {"enabled": true}},
	},
	"an allocator that is off": {"targetAllocator": {"enabled": false, "allocationStrategy": "per-node"}, "config": {"receivers": {}}},
	"a configuration in a text": {"mode": "statefulset", "targetAllocator": {"enabled": true}, "config": "receivers: {}"},
	"receivers": {"config": {
		"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:65535"}, "http": null}}, "unused": {"endpoint": ":99999"}},
		"service": {"pipelines": {"traces": {"receivers": ["otlp"]}, "metrics": null}},
	}},
	"ports": {"ports": [{"name": "otlp-grpc", "port": 4317}, {"name": "1a", "port": 65535}, {"name": "${PORT}", "port": 1}, "text"]},
	"an autoscaler": {"replicas": 2, "autoscaler": {
		"minReplicas": 2, "maxReplicas": 2, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 3600}},
		"metrics": [{"type": "Pods", "pods": {"target": {"type": "AverageValue", "averageValue": "10"}}}],
	}},
	"an autoscaler without a most": {"replicas": 5, "autoscaler": {"metrics": [{"type": "Resource"}]}},
	"an Ingress": {"ingress": {"type": "ingress", "ruleType": "subdomain", "hostname": "a.example.com"}},
	# The webhook looks no further once an autoscaler has a most.
	"another mode's strategy": {"autoscaler": {"maxReplicas": 3}, "daemonSetUpdateStrategy": {"type": "OnDelete"}},
}

test_accepts[note] if {
	some note, spec in _fine
	_messages(_collector(spec)) == set()
}

_refused := {
	"a policy of claims": {"spec": {"mode": "sidecar", "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain"}}, "path": ["spec", "persistentVolumeClaimRetentionPolicy"]},
	"a DaemonSet's strategy": {"spec": {"daemonSetUpdateStrategy": {"type": "OnDelete"}}, "path": ["spec", "daemonSetUpdateStrategy", "type"]},
	"a Deployment's strategy": {"spec": {"mode": "statefulset", "deploymentUpdateStrategy": {"type": "Recreate"}}, "path": ["spec", "deploymentUpdateStrategy", "type"]},
	"an Ingress of a sidecar": {"spec": {"mode": "sidecar", "ingress": {"type": "ingress"}}, "path": ["spec", "ingress", "type"]},
	"subdomains of nothing": {"spec": {"ingress": {"ruleType": "subdomain", "hostname": "*"}}, "path": ["spec", "ingress", "ruleType"]},
	"an allocator of a Deployment": {"spec": {"targetAllocator": {"enabled": true}, "config": _scraping([])}, "path": ["spec", "targetAllocator", "enabled"]},
	"a node's allocator": {"spec": {"mode": "statefulset", "targetAllocator": {"enabled": true, "allocationStrategy": "per-node"}}, "path": ["spec", "targetAllocator", "allocationStrategy"]},
	"an allocator without a receiver": {"spec": {"mode": "statefulset", "targetAllocator": {"enabled": true}, "config": {"receivers": {"otlp": {}}}}, "path": ["spec", "config", "receivers"]},
	"an allocator of nothing": {"spec": {"mode": "statefulset", "targetAllocator": {"enabled": true}, "config": _scraping([])}, "path": ["spec", "config", "receivers", "prometheus"]},
	"a port's name": {"spec": {"ports": [{"name": "a", "port": 1}, {"name": "OTLP", "port": 2}]}, "path": ["spec", "ports", 1, "name"]},
	"a long name of a port": {"spec": {"ports": [{"name": "abcdefghijklmnop", "port": 1}]}, "path": ["spec", "ports", 0, "name"]},
	"a name without a letter": {"spec": {"ports": [{"name": "4317", "port": 4317}]}, "path": ["spec", "ports", 0, "name"]},
	"a port's number": {"spec": {"ports": [{"name": "a", "port": 65536}]}, "path": ["spec", "ports", 0, "port"]},
	"a least alone": {"spec": {"autoscaler": {"minReplicas": 2}}, "path": ["spec", "autoscaler", "minReplicas"]},
	"a least above the most": {"spec": {"autoscaler": {"minReplicas": 4, "maxReplicas": 3}}, "path": ["spec", "autoscaler", "minReplicas"]},
	"a window": {
		"spec": {"autoscaler": {"maxReplicas": 3, "behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601}}}},
		"path": ["spec", "autoscaler", "behavior", "scaleUp", "stabilizationWindowSeconds"],
	},
	"a metric": {"spec": {"autoscaler": {"maxReplicas": 3, "metrics": [{"type": "Resource"}]}}, "path": ["spec", "autoscaler", "metrics", 0]},
	"a metric's value": {
		"spec": {"autoscaler": {"maxReplicas": 3, "metrics": [{"type": "Pods", "pods": {"target": {"type": "AverageValue", "averageValue": "500m"}}}]}},
		"path": ["spec", "autoscaler", "metrics", 0, "pods", "target", "averageValue"],
	},
	"a metric's value that is none": {
		"spec": {"autoscaler": {"maxReplicas": 3, "metrics": [{"type": "Pods", "pods": {"target": {"type": "Value", "value": 0}}}]}},
		"path": ["spec", "autoscaler", "metrics", 0, "pods", "target", "value"],
	},
	"a receiver's port": {
		"spec": {"config": {"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:99999"}}}}, "service": {"pipelines": {"traces": {"receivers": ["otlp"]}}}}},
		"path": ["spec", "config", "receivers", "otlp", "protocols", "grpc", "endpoint"],
	},
	"a metric's target": {
		"spec": {"autoscaler": {"maxReplicas": 3, "metrics": [{"type": "Pods", "pods": {"target": {"type": "Utilization"}}}]}},
		"path": ["spec", "autoscaler", "metrics", 0, "pods", "target", "type"],
	},
}

test_refuses[note] if {
	some note, case in _refused
	_paths(_collector(case.spec)) == {case.path}
}

test_instrumentations if {
	every argument in ["", "endpoint=http://a:14250,pollingIntervalMs=5000,initialSamplingRate=0.25", "initialSamplingRate=1e-3", "${ARGUMENT}", "other=1"] {
		_messages(_sampler("parentbased_jaeger_remote", argument)) == set()
	}
	every argument in ["endpoint=", "pollingIntervalMs=5s", "endpoint=a,initialSamplingRate=1.5", "initialSamplingRate=half", "a=b=c"] {
		_paths(_sampler("jaeger_remote", argument)) == {["spec", "sampler", "argument"]}
	}
	_messages(_sampler("traceidratio", "half")) == set()
	_messages(_instrumentation({"java": {"volumeLimitSize": "1Gi"}, "go": {"volumeClaimTemplate": {"spec": {}}}})) == set()
	_paths(_instrumentation({"java": {"volumeLimitSize": "1Gi", "volumeClaimTemplate": {"spec": {}}}})) == {["spec", "java", "volumeLimitSize"]}
}

test_other_kinds if {
	both := {"prometheusCR": {"enabled": true, "allowNamespaces": ["a"], "denyNamespaces": ["b"]}}
	_paths(_object("v1alpha1", "TargetAllocator", both)) == {["spec", "prometheusCR", "denyNamespaces"]}
	_paths(_object("v1alpha1", "OpAMPBridge", {"ports": [{"name": "a_b", "port": 1}]})) == {["spec", "ports", 0, "name"]}
	_messages(object.union(_collector({"volumeClaimTemplates": [{}]}), {"apiVersion": "example.com/v1"})) == set()
	_messages(_object("v1beta1", "Other", {"ports": [{"port": 0}]})) == set()
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable { _faults(obj) == set() }
	every value in [null, "text", ["a"], 1] {
		_messages(_collector({"targetAllocator": value, "autoscaler": value, "ingress": value, "config": value, "ports": value})) == set()
		_messages(_instrumentation({"sampler": value, "java": value})) == set()
	}
}
