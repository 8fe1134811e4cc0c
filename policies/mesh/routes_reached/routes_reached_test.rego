package policies.mesh.routes_reached_test

import data.policies.mesh.routes_reached

_deny(protocol, routes) := faults if {
	faults := routes_reached.deny with input as {
		"apiVersion": "networking.istio.io/v1",
		"kind": "VirtualService",
		"metadata": {"name": "web", "namespace": "shop"},
		"spec": {protocol: routes},
	}
}

_of(matches) := [{"name": sprintf("r%d", [i]), "match": match} | some i, match in matches]

_paths(matches) := {fault.path | some fault in _deny("http", _of(matches))}

test_reached[sprintf("%v", [matches])] if {
	some matches in [
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/"}}]],
		[[{"uri": {"prefix": "/a"}}], []],
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/b"}}]],
		[[{"uri": {"prefix": "/a"}, "method": {"exact": "GET"}}], [{"uri": {"prefix": "/a"}}]],
		[[{"uri": {"exact": "/a"}}], [{"uri": {"prefix": "/a"}}]],
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"regex": "/a.*"}}]],
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/a/b"}, "ignoreUriCase": true}]],
		[[{"headers": {"x": {"exact": "1"}}}], [{"headers": {"y": {"exact": "1"}}}]],
		[[{"headers": {"x": {"exact": "1"}}}], [{"headers": {"x": {}}}]],
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/a/b"}}, {"uri": {"prefix": "/b"}}]],
		[[{"gateways": ["mesh"]}], [{"gateways": ["shop/web"]}]],
		[[{"port": 80}], [{"port": 81}]],
	]
	_paths(matches) == set()
}

test_never_reached[sprintf("%v", [matches])] if {
	some matches in [
		[[{"uri": {"prefix": "/"}}], [{"uri": {"prefix": "/a"}}]],
		[[{"uri": {"prefix": "/"}}], [{"method": {"exact": "GET"}}]],
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"prefix": "/a/b"}}]],
		[[{"uri": {"prefix": "/a"}}], [{"uri": {"exact": "/ab"}, "headers": {"x": {}}}]],
		[[{"uri": {"regex": "/a.*"}}], [{"uri": {"regex": "/a.*"}, "port": 80}]],
		[[{"headers": {"x": {}}}], [{"headers": {"x": {"exact": "1"}}}]],
		[[{"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}], [{"uri": {"prefix": "/b/c"}}, {"uri": {"prefix": "/a/c"}}]],
		[[{"name": "n"}], [{"port": 80}]],
		[[], [{"port": 80}]],
		[[{"uri": {"prefix": "/a"}, "ignoreUriCase": true}], [{"uri": {"prefix": "/a"}, "ignoreUriCase": true}]],
	]
	_paths(matches) == {["spec", "http", 1]}
}

test_two_for_everything if {
	_deny("http", [{"name": "a"}, {"match": [{"port": 80}]}, {"name": "c", "match": null}]) == {{
		"path": ["spec", "http", 0],
		"with": {["spec", "http", 1]},
		"msg": `http route "a" takes every request of VirtualService "web": route http[1], http route "c" is never reached`,
	}}
}

test_every_path if {
	every uri in [{"prefix": "/"}, {"regex": ".*"}, {"regex": "/.*"}] {
		{fault.path | some fault in _deny("http", [{"match": [{"uri": uri}]}, {}])} == {["spec", "http", 0]}
		_deny("http", [{"match": [{"uri": uri, "headers": {"x": {}}}]}, {}]) == set()
		_deny("http", [{"match": [{"port": 80}]}, {"match": [{"uri": uri}]}]) == set()
	}
}

test_a_delegate_takes_its_own if {
	_deny("http", [{"delegate": {"name": "a"}}, {"match": [{"port": 80}]}, {"route": []}]) == set()
}

test_tcp if {
	{fault.path | some fault in _deny("tcp", [{"route": []}, {"match": [{"port": 80}]}])} == {["spec", "tcp", 1]}
	{fault.msg | some fault in _deny("tcp", [{"match": [{"port": 80}]}, {"match": [{"port": 80}]}])} == {`route tcp[1] of VirtualService "web" is never reached: route tcp[0] takes all that it would`}
}

test_tls_of_subnets if {
	_deny("tls", [{"match": [{"port": 443, "sniHosts": ["a.example.com"]}]}, {"match": [{"port": 443, "sniHosts": ["a.example.com"], "destinationSubnets": ["10.1.0.0/16"]}]}]) == set()
	count(_deny("tls", [{"match": [{"sniHosts": ["a.example.com"]}]}, {"match": [{"port": 443, "sniHosts": ["a.example.com"]}]}])) == 1
}

test_unreadable if {
	every routes in ["text", [null, null], ["a", "b"], [{"match": "text"}, {"match": "text2"}]] {
		_deny("http", routes) == set()
	}
}
