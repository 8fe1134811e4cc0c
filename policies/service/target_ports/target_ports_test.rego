package policies.service.target_ports_test

import data.policies.lib.fixture_test as fixture
import data.policies.service.target_ports

_service(ports) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}, "ports": ports}}

_pod := {"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]}]}

_allowed := {
	"by name": {"port": 80, "targetPort": "http"},
	"by number": {"port": 80, "targetPort": 8080, "protocol": "TCP"},
	"by a number that no container declares": {"port": 80, "targetPort": 9090},
	"by its own number": {"port": 8080},
	"by its own number, which no container declares": {"port": 80},
	"by the zero of a number": {"port": 8080, "targetPort": 0},
	"by no name": {"port": 8080, "targetPort": ""},
	"of another protocol": {"port": 53, "targetPort": "dns", "protocol": "UDP"},
	"no port at all": {},
	"a port that is text": "8080",
}

_denied := {
	"an unknown name": [{"port": 80, "targetPort": "web"}, "web/TCP"],
	"a number in text, which is a name": [{"port": 80, "targetPort": "8080"}, "8080/TCP"],
	"the wrong protocol": [{"port": 53, "targetPort": "dns"}, "dns/TCP"],
	"a target of the wrong type": [{"port": 8080, "targetPort": ["http"]}, `["http"]/TCP`],
}

_finding(kind, entry, target) := {
	"msg": sprintf(`Service "web" sends to a port that %s "web" does not have: %s`, [kind, target]),
	"path": ["objects", 0, "spec", "ports", entry, "targetPort"],
}

# Without what else could give way.
_deny(objects) := faults if {
	faults := {object.remove(fault, ["with", "fact"]) | some fault in target_ports.deny} with input as fixture.overlay(objects)
}

test_allows[note][kind] if {
	some note, port in _allowed
	some kind, obj in fixture.workloads(_pod)
	target_ports.deny == set() with input as fixture.overlay([_service([port]), obj])
}

test_denies[note][kind] if {
	some note, [port, target] in _denied
	some kind, obj in fixture.workloads(_pod)
	_deny([_service([{"port": 8080}, port]), obj]) == {_finding(kind, 1, target)}
}

test_a_sidecar_may_open_the_port[kind] if {
	some kind, obj in fixture.workloads(object.union(_pod, {"initContainers": [{"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "stats", "containerPort": 15090}]}]}))
	target_ports.deny == set() with input as fixture.overlay([_service([{"port": 80, "targetPort": "stats"}]), obj])
}

test_an_init_container_may_not[kind] if {
	some kind, obj in fixture.workloads(object.union(_pod, {"initContainers": [{"name": "init", "ports": [{"name": "stats", "containerPort": 15090}]}]}))
	_deny([_service([{"port": 80, "targetPort": "stats"}]), obj]) == {_finding(kind, 0, "stats/TCP")}
}

# What does not is left out of the endpoints, as it may be meant to be.
test_one_selected_workload_has_to_open_it if {
	other := object.union(fixture.workload("Deployment", {"containers": [{"name": "app"}]}, {}), {"metadata": {"name": "test"}})
	target_ports.deny == set() with input as fixture.overlay([_service([{"port": 80, "targetPort": "http"}]), fixture.workload("Deployment", _pod, {}), other])
}

# One port that several Services send to is one mistake.
test_the_same_port_is_the_same_fact if {
	pods := fixture.workload("Deployment", {"containers": [{"name": "app"}]}, {})
	other := object.union(_service([{"port": 80, "targetPort": "http"}]), {"metadata": {"name": "other"}})
	faults := target_ports.deny with input as fixture.overlay([_service([{"port": 80, "targetPort": "http"}, {"port": 90, "targetPort": "web"}]), other, pods])
	count(faults) == 3
	count({fault.fact | some fault in faults}) == 2
}

test_pods_that_lack_it_together if {
	lacking := fixture.workload("Deployment", {"containers": [{"name": "app"}]}, {})
	canary := object.union(lacking, {"metadata": {"name": "canary"}})
	{fault.msg | some fault in _deny([_service([{"port": 80, "targetPort": "http"}]), lacking, canary])} == {`Service "web" sends to a port that Deployment "canary" and Deployment "web" do not have: http/TCP`}
}

test_denies_ports_that_cannot_be_read[note] if {
	some note, ports in {"text": "8080", "a list of text": ["8080"], "null": null, "a number": 8080}
	obj := fixture.workload("Deployment", {"containers": [{"name": "app", "ports": ports}]}, {})
	_deny([_service([{"port": 80, "targetPort": "http"}]), obj]) == {_finding("Deployment", 0, "http/TCP")}
}

test_pods_that_are_not_selected_do_not_matter[note] if {
	some note, fields in {"another namespace": {"metadata": {"namespace": "other"}}, "other labels": {"spec": {"template": {"metadata": {"labels": {"app": "other"}}}}}}
	obj := object.union(fixture.workload("Deployment", {}, {}), fields)
	target_ports.deny == set() with input as fixture.overlay([_service([{"port": 80, "targetPort": "http"}]), obj])
}

test_services_of_the_wrong_type_are_no_error if {
	every spec in ["text", null, {"selector": "web", "ports": [{"port": 80, "targetPort": "x"}]}, {"selector": {"app": "web"}, "ports": "text"}, {"selector": {"app": "web"}}] {
		target_ports.deny == set() with input as fixture.overlay([object.union(_service([]), {"spec": spec}), fixture.workload("Deployment", _pod, {})])
	}
}

test_names_what_the_pods_open if {
	obj := fixture.workload(
		"Deployment", object.union(_pod, {"initContainers": [
			{"name": "init", "ports": [{"containerPort": 1}]},
			{"name": "proxy", "restartPolicy": "Always", "ports": [{"containerPort": 15090}, {"name": "stats", "containerPort": 15020}]},
		]}),
		{},
	)
	[fault.with | some fault in target_ports.deny] == [{
		["objects", 1, "spec", "template", "spec", "containers", 0, "ports", 0, "name"],
		["objects", 1, "spec", "template", "spec", "containers", 0, "ports", 1, "name"],
		["objects", 1, "spec", "template", "spec", "initContainers", 1, "ports", 1, "name"],
	}] with input as fixture.overlay([_service([{"port": 80, "targetPort": "web"}]), obj])
}
