package policies.pod.image_pinned_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.image_pinned

_digest := "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

_pinned := [
	"app:1.0.0",
	"app:v1",
	"ghcr.io/kgate-dev/app:1.0.0-rc.1",
	"registry.local:5000/app:1.0.0",
	"localhost:5000/team/app:2024-05-01",
	"app:sha-1f2e3d4",
	concat("@", ["app", _digest]),
	concat("@", ["registry.local:5000/app:1.0.0", _digest]),
]

_unpinned := [
	"app",
	"app:latest",
	"app:1-latest",
	"app:latest-1.2",
	"app:stable",
	"registry.local:5000/app",
	"registry.local:5000/app:latest",
	"app1",
	"app:",
	":1.0",
	"app@sha256:0123",
	"app: 1.0.0",
	"app:1.0.0 ",
]

_allowed := {image: {"containers": [{"name": "app", "image": image}], "volumes": [{"name": "data", "image": {"reference": image}}]} | some image in _pinned}

_runs(fault) := {[sprintf(`container "app" runs %s`, [fault]), ["containers", 0, "image"]]}

_moving(image) := sprintf("the image %v, which names no fixed version", [image])

_denied := object.union(
	{image: {"pod": {"containers": [{"name": "app", "image": image}]}, "findings": _runs(_moving(image))} | some image in _unpinned},
	{
		"no image": {"pod": {"containers": [{"name": "app"}]}, "findings": _runs("no image of its own choice: none is named")},
		"an image that is a number": {"pod": {"containers": [{"name": "app", "image": 1}]}, "findings": _runs(_moving(1))},
		"an image that is a list": {"pod": {"containers": [{"name": "app", "image": ["app:1"]}]}, "findings": _runs(_moving(["app:1"]))},
		"an init container": {
			"pod": {"containers": [{"name": "app", "image": "app:1"}], "initContainers": [{"name": "init", "image": "init"}]},
			"findings": {[`init container "init" runs the image init, which names no fixed version`, ["initContainers", 0, "image"]]},
		},
		"a volume": {
			"pod": {"containers": [{"name": "app", "image": "app:1"}], "volumes": [{"name": "data", "image": {"reference": "data"}}]},
			"findings": {["volume data mounts the image data, which names no fixed version", ["volumes", 0, "image", "reference"]]},
		},
	},
)

_cluster(spec) := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}, "spec": spec}

_collector(spec) := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel"}, "spec": spec}

_instrumentation(spec) := {"apiVersion": "opentelemetry.io/v1alpha1", "kind": "Instrumentation", "metadata": {"name": "go"}, "spec": spec}

_custom_allowed := {
	"a database version": _cluster({"imageName": "ghcr.io/cloudnative-pg/postgresql:17.2"}),
	"a catalog of database versions": _cluster({"imageCatalogRef": {"kind": "ClusterImageCatalog", "name": "postgresql", "major": 17}}),
	"a collector version": _collector({"image": "otel/opentelemetry-collector-contrib:0.140.0"}),
	"an agent version": _instrumentation({"go": {"image": "ghcr.io/open-telemetry/autoinstrumentation-go:v0.23.0"}}),
	"no agent": _instrumentation({}),
}

_custom_denied := {
	"a database of the operator's choice": [_cluster({}), `Cluster "db" runs no image of its own choice: none is named`, ["spec", "imageName"]],
	"a database that moves": [_cluster({"imageName": "postgresql:latest"}), `Cluster "db" runs the image postgresql:latest, which names no fixed version`, ["spec", "imageName"]],
	"a database that is text": [_cluster("text"), `Cluster "db" runs no image of its own choice: none is named`, ["spec", "imageName"]],
	"a collector of the operator's choice": [_collector({}), `OpenTelemetryCollector "otel" runs no image of its own choice: none is named`, ["spec", "image"]],
	"an agent of the operator's choice": [_instrumentation({"go": {}}), `Instrumentation "go" injects no image of its own choice: none is named into go`, ["spec", "go", "image"]],
	"an agent that is text": [_instrumentation({"java": "text"}), `Instrumentation "go" injects no image of its own choice: none is named into java`, ["spec", "java", "image"]],
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	image_pinned.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	image_pinned.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(image_pinned.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		image_pinned.deny == set() with input as obj
	}
}

test_allows_custom_resources[note] if {
	some note, obj in _custom_allowed
	image_pinned.deny == set() with input as obj
}

test_denies_custom_resources[note] if {
	some note, [obj, msg, path] in _custom_denied
	image_pinned.deny == {{"msg": msg, "path": path}} with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"image": "evil/app:latest"})
	path := array.concat(fixture.operated_container[label], ["image"])
	{finding.path | some finding in image_pinned.deny; endswith(finding.msg, `runs the image evil/app:latest, which names no fixed version`)} == {path} with input as obj
}

test_denies_what_operators_are_told_of_pods[label] if {
	some label, obj in fixture.operated({"volumes": [{"name": "v", "image": {"reference": "evil/model"}}]}, {})
	path := array.concat(fixture.operated_pod(label, "volumes"), [0, "image", "reference"])
	{finding.path | some finding in image_pinned.deny; endswith(finding.msg, `volume v mounts the image evil/model, which names no fixed version`)} == {path} with input as obj
}

test_asks_operators_for_no_image[label] if {
	some label, obj in object.remove(fixture.operated({}, {}), ["Collector", "Collector of old"]) # they have to name their own
	image_pinned.deny == set() with input as obj
}

_custom(group, kind, spec) := {"apiVersion": concat("/", [group, "v1"]), "kind": kind, "metadata": {"name": "x"}, "spec": spec}

test_other_images_of_operators[note] if {
	some note, [obj, msg, path] in {
		"the Thanos sidecar": [_custom("monitoring.coreos.com", "Prometheus", {"thanos": {"image": "thanos"}}), `the Thanos sidecar of Prometheus "x" runs the image thanos, which names no fixed version`, ["spec", "thanos", "image"]],
		"a Prometheus": [_custom("monitoring.coreos.com", "Prometheus", {"image": "prometheus:latest"}), `Prometheus "x" runs the image prometheus:latest, which names no fixed version`, ["spec", "image"]],
		"an extension of Java's agent": [_custom("opentelemetry.io", "Instrumentation", {"java": {"image": "agent:1.0.0", "extensions": [{"image": "more", "dir": "/"}]}}), `Instrumentation "x" injects the image more, which names no fixed version into java`, ["spec", "java", "extensions", 0, "image"]],
		"an extension of a database": [_custom("postgresql.cnpg.io", "Cluster", {"imageName": "pg:17.2", "postgresql": {"extensions": [{"name": "gis", "image": {"reference": "gis"}}]}}), `extension gis mounts the image gis, which names no fixed version`, ["spec", "postgresql", "extensions", 0, "image", "reference"]],
		"a catalogue": [_custom("postgresql.cnpg.io", "ImageCatalog", {"images": [{"major": 17, "image": "pg:17.2"}, {"major": 18, "image": "pg:latest"}]}), `ImageCatalog "x" holds the image pg:latest, which names no fixed version`, ["spec", "images", 1, "image"]],
		"a catalogue of the cluster": [_custom("postgresql.cnpg.io", "ClusterImageCatalog", {"images": [{"major": 17}]}), `ClusterImageCatalog "x" holds no image of its own choice: none is named`, ["spec", "images", 0, "image"]],
	}
	image_pinned.deny == {{"msg": msg, "path": path}} with input as obj
}
