package policies.mesh.ports_declared_test

import data.policies.lib.fixture_test as fixture
import data.policies.mesh.ports_declared

_auth(port) := {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "portLevelMtls": {port: {"mode": "PERMISSIVE"}}}}

_pod(ports) := {"containers": [{"name": "app", "ports": ports}]}

_deny(port, ports, kind) := faults if {
	faults := ports_declared.deny with input as fixture.overlay([_auth(port), fixture.workload(kind, _pod(ports), {})])
}

test_allows[port] if {
	some port in ["8080", "15090", "15020", "15000", "4191"]
	every kind, _ in fixture.spec_paths {
		_deny(port, [{"containerPort": 8080}], kind) == set()
	}
}

# Dapr's port is one of pods that ask for Dapr.
test_dapr if {
	web := fixture.workload("Deployment", _pod([{"containerPort": 8080}]), {})
	asking := object.union(web, {"spec": {"template": {"metadata": {"annotations": {"dapr.io/enabled": "true"}}}}})
	count(ports_declared.deny) == 1 with input as fixture.overlay([_auth("9090"), web])
	ports_declared.deny == set() with input as fixture.overlay([_auth("9090"), asking])
}

test_denies_another_port if {
	every kind, _ in fixture.spec_paths {
		_deny("8081", [{"name": "http", "containerPort": 8080}], kind) == {{
			"msg": sprintf(`port 8081 of PeerAuthentication "web" is none that the pods of %s "web" declare; they declare http (8080/TCP)`, [kind]),
			"path": ["objects", 0, "spec", "portLevelMtls", "8081"],
			"missing": {"kind": "pods", "namespace": "shop", "name": `{"matchExpressions":[],"matchLabels":{"app":"web"},"port":"8081"}`},
		}}
	}
}

test_pods_without_ports_say_nothing if {
	_deny("8081", [], "Deployment") == set()
	ports_declared.deny == set() with input as fixture.overlay([_auth("8081")])
	ports_declared.deny == set() with input as fixture.overlay([object.union(_auth("8081"), {"spec": {"portLevelMtls": "text"}}), fixture.workload("Deployment", _pod([{"containerPort": 1}]), {})])
}
