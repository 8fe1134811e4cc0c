package policies.mesh.providers_declared_test

import data.policies.mesh.providers_declared

_telemetry(field, name) := {
	"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "metadata": {"name": "t", "namespace": "n"},
	"spec": {field: [{"providers": [{"name": name}]}]},
}

_authorization(name) := {
	"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": {"name": "a", "namespace": "n"},
	"spec": {"action": "CUSTOM", "provider": {"name": name}},
}

_external := [{"kind": "ExtensionProvider", "namespace": "", "name": "otel"}]

_deny(objects, external) := faults if {
	faults := providers_declared.deny with input as {"objects": objects, "external": external}
}

test_declared if {
	every field in ["tracing", "metrics", "accessLogging"] {
		_deny([_telemetry(field, "otel")], _external) == set()
		_deny([_telemetry(field, "envoy")], _external) == set()
		{fault.path | some fault in _deny([_telemetry(field, "otl")], _external)} == {["objects", 0, "spec", field, 0, "providers", 0, "name"]}
	}
	_deny([_authorization("otel")], _external) == set()
	{fault.path | some fault in _deny([_authorization("other")], _external)} == {["objects", 0, "spec", "provider", "name"]}
}

test_nothing_is_known if {
	_deny([_telemetry("tracing", "otl"), _authorization("x")], []) == set()
	_deny([_telemetry("tracing", "otl"), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": "text"}}], []) == set()
	_deny([_telemetry("tracing", "otl"), {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "metadata": {"name": "i"}, "spec": {"meshConfig": {}}}], []) == set()
	_deny([_telemetry("tracing", 1), _telemetry("tracing", null)], _external) == set()
}

_mesh := {"extensionProviders": [{"name": "otel"}, {}, {"name": 1}]}

test_rendered[obj.kind] if {
	some obj in [
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio-canary", "namespace": "istio-system"}, "data": {"mesh": yaml.marshal(_mesh)}},
		{"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "metadata": {"name": "i"}, "spec": {"meshConfig": _mesh}},
		{"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"}, "spec": {"values": {"meshConfig": _mesh}}},
	]
	_deny([obj, _telemetry("tracing", "otel")], []) == set()
	count(_deny([obj, _telemetry("tracing", "otl")], [])) == 1
}

test_a_mesh_that_declares_none if {
	obj := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"mesh": "enableTracing: true"}}
	_deny([obj, _telemetry("tracing", "envoy")], []) == set()
	{fault.msg | some fault in _deny([obj, _telemetry("tracing", "otl")], [])} == {`Telemetry "t" names the provider "otl", which is not declared: there is none`}
}

test_message if {
	_deny([_telemetry("tracing", "otl")], _external) == {{
		"msg": `Telemetry "t" names the provider "otl", which is not declared: there is otel`,
		"path": ["objects", 0, "spec", "tracing", 0, "providers", 0, "name"],
		"missing": {"kind": "ExtensionProvider", "namespace": "", "name": "otl"},
	}}
}
