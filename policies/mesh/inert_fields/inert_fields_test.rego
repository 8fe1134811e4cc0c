package policies.mesh.inert_fields_test

import data.policies.mesh.inert_fields

_deny(kind, spec) := faults if {
	faults := inert_fields.deny with input as {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}
}

_paths(faults) := {concat(".", [sprintf("%v", [key]) | some key in fault.path]) | some fault in faults}

_policies := {
	"outlierDetection.consecutiveErrors": {"outlierDetection": {"consecutiveErrors": 5}},
	"outlierDetection.consecutiveLocalOriginFailures": {"outlierDetection": {"consecutiveLocalOriginFailures": 5}},
	"outlierDetection.consecutiveGatewayErrors": {"outlierDetection": {"consecutiveGatewayErrors": 5, "consecutive5xxErrors": 5}},
	"loadBalancer.warmupDurationSecs": {"loadBalancer": {"warmupDurationSecs": "30s"}},
	"loadBalancer.consistentHash.minimumRingSize": {"loadBalancer": {"consistentHash": {"minimumRingSize": 1024}}},
	"loadBalancer.simple": {"loadBalancer": {"simple": "LEAST_CONN"}},
	"loadBalancer.localityLbSetting.failover": {"loadBalancer": {"localityLbSetting": {"failover": [{"from": "a", "to": "b"}]}}},
	"loadBalancer.localityLbSetting.failoverPriority": {"loadBalancer": {"localityLbSetting": {"failoverPriority": ["a"]}}},
}

test_inert_in_a_traffic_policy[field] if {
	some field, policy in _policies
	faults := _deny("DestinationRule", {
		"trafficPolicy": object.union(policy, {"portLevelSettings": [policy]}),
		"subsets": [{"trafficPolicy": policy}],
	})
	_paths(faults) == {
		concat(".", ["spec.trafficPolicy", field]),
		concat(".", ["spec.trafficPolicy.portLevelSettings.0", field]),
		concat(".", ["spec.subsets.0.trafficPolicy", field]),
	}
}

test_inert_in_a_route[field] if {
	some field, rule in {
		"mirrorPercent": {"mirrorPercent": 10},
		"mirror_percent": {"mirror_percent": 10},
		"corsPolicy.allowOrigin": {"corsPolicy": {"allowOrigin": ["*"]}},
		"fault.delay.percent": {"fault": {"delay": {"percent": 10}}},
	}
	_paths(_deny("VirtualService", {"http": [{}, rule]})) == {concat(".", ["spec.http.1", field])}
}

test_fields_that_work if {
	every policy in [
		{"outlierDetection": {"consecutive5xxErrors": 5, "consecutiveErrors": null}},
		{"outlierDetection": {"consecutiveGatewayErrors": 3}},
		{"outlierDetection": {"consecutiveGatewayErrors": 9, "consecutive5xxErrors": 0}},
		{"outlierDetection": {"consecutiveLocalOriginFailures": 5, "splitExternalLocalOriginErrors": true}},
		{"loadBalancer": {"simple": "LEAST_REQUEST", "warmup": {"duration": "30s"}}},
		{"loadBalancer": {"localityLbSetting": {"failoverPriority": ["a"]}}, "outlierDetection": {"interval": "30s"}},
	] {
		_deny("DestinationRule", {"trafficPolicy": policy, "subsets": [{"trafficPolicy": policy}]}) == set()
	}
	_deny("VirtualService", {"http": [{"mirrorPercentage": {"value": 10}}]}) == set()
}

test_wrong_shapes_raise_nothing if {
	every spec in ["text", {"trafficPolicy": "text"}, {"subsets": "text"}, {"trafficPolicy": {"outlierDetection": "text", "loadBalancer": ["text"], "portLevelSettings": "text"}}] {
		_deny("DestinationRule", spec) == set()
	}
	every spec in ["text", {"http": "text"}, {"http": [{"fault": "text"}]}] {
		_deny("VirtualService", spec) == set()
	}
	_deny("Sidecar", {"trafficPolicy": {"outlierDetection": {"consecutiveErrors": 5}}}) == set()
}

test_message if {
	_deny("DestinationRule", {"trafficPolicy": {"outlierDetection": {"consecutiveErrors": 5}}}) == {{
		"path": ["spec", "trafficPolicy", "outlierDetection", "consecutiveErrors"],
		"msg": `DestinationRule "web" sets outlierDetection.consecutiveErrors to 5; it is read by nothing: use consecutive5xxErrors`,
	}}
}

_timeouts(timeout, each) := faults if {
	faults := {fault.path | some fault in inert_fields.deny} with input as {
		"apiVersion": "networking.istio.io/v1",
		"kind": "VirtualService",
		"metadata": {"name": "web", "namespace": "shop"},
		"spec": {"http": [{"timeout": timeout, "retries": {"attempts": 2, "perTryTimeout": each}}]},
	}
}

test_a_try_within_the_timeout if {
	every pair in [["2s", "1s"], ["2s", "2s"], ["0s", "5s"], [null, "5s"], ["1m", "59.5s"], ["text", "5s"], [5, "5s"]] {
		_timeouts(pair[0], pair[1]) == set()
	}
}

test_a_try_beyond_the_timeout if {
	every pair in [["2s", "5s"], ["900ms", "1s"], ["1m", "1m1s"]] {
		_timeouts(pair[0], pair[1]) == {["spec", "http", 0, "retries", "perTryTimeout"]}
	}
}
