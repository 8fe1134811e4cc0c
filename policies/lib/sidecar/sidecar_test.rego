package policies.lib.sidecar_test

import data.policies.lib.fixture_test as fixture
import data.policies.lib.sidecar

_web(metadata, pod) := object.union(fixture.workload("Deployment", {}, {}), {"spec": {"template": {"metadata": metadata, "spec": pod}}})

_namespace(labels) := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}

_is_injected(metadata, pod, labels) if {
	web := _web(metadata, pod)
	sidecar.is_injected(web) with input as fixture.overlay([web, _namespace(labels)])
}

test_of_a_namespace if {
	every labels in [{"istio-injection": "enabled"}, {"istio.io/rev": "1-27"}, {"istio-injection": "enabled", "istio.io/rev": "1-27"}] {
		_is_injected({}, {}, labels)
		not _is_injected({"labels": {"sidecar.istio.io/inject": "false"}}, {}, labels)
		not _is_injected({"annotations": {"sidecar.istio.io/inject": "false"}}, {}, labels)
		not _is_injected({}, {"hostNetwork": true}, labels)
		sidecar.asks("shop") with input as fixture.overlay([_namespace(labels)])
	}
	every labels in [{}, {"istio-injection": "disabled"}, {"istio-injection": "disabled", "istio.io/rev": "1-27"}, {"istio.io/dataplane-mode": "ambient"}] {
		not _is_injected({}, {}, labels)
	}
}

test_of_a_pod if {
	asking := {"labels": {"sidecar.istio.io/inject": "true"}}
	_is_injected(asking, {}, {})
	not _is_injected(asking, {}, {"istio-injection": "disabled"})
	not _is_injected(asking, {"hostNetwork": true}, {})
	_is_injected(object.union(asking, {"annotations": {"sidecar.istio.io/inject": "false"}}), {}, {})

	# Nobody asks the webhook for the sake of an annotation.
	not _is_injected({"annotations": {"sidecar.istio.io/inject": "true"}}, {}, {})
}

test_of_a_namespace_that_is_not_rendered if {
	web := _web({}, {})
	not sidecar.is_injected(web) with input as fixture.overlay([web])
	not sidecar.asks("shop") with input as fixture.overlay([web])
}
