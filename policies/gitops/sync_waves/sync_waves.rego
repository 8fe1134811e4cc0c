# METADATA
# scope: package
# title: Sync waves order what depends on each other
# description: |
#   Argo CD waits for a wave to be healthy before it starts the next. A VirtualService that is
#   applied with or before its DestinationRule routes to subsets that Envoy does not know yet: 503.
#   A workload in an earlier wave than its ConfigMap, Secret or ServiceAccount never becomes
#   healthy, so the wave that would bring them never starts and the sync hangs.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
#   - ref: https://istio.io/latest/docs/ops/best-practices/traffic-management/#avoid-503-errors-while-reconfiguring-service-routes
# custom:
#   severity: error
#   scope: overlay
#   fix: Set argocd.argoproj.io/sync-wave so that what is depended on comes first.
package policies.gitops.sync_waves

import data.policies.lib.argo
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.reference
import data.policies.lib.registry

deny contains {"msg": msg, "path": array.concat(["objects", i], argo.wave_path)} if {
	some i, obj in input.objects
	not argo.order(obj)
	msg := sprintf("%s has sync wave %v, which is no whole number, so Argo CD takes it for 0", [obj_lib.title(obj), json.marshal(argo.wave(obj))])
}

deny contains {"msg": msg, "path": array.concat(["objects", need.index], argo.wave_path)} if {
	some i, obj in input.objects
	some need in _needs(obj)
	needed := input.objects[need.index]
	_late(need, argo.order(needed), argo.order(obj))
	msg := sprintf("%s is synced in wave %v and %s, which needs it%s, in wave %v", [
		obj_lib.title(needed),
		argo.wave(needed),
		obj_lib.title(obj),
		{true: " to be there before", false: ""}[need.strictly],
		argo.wave(obj),
	])
	i != need.index
}

# Inside a wave Argo CD applies Namespaces, CRDs, Secrets, ConfigMaps and accounts before workloads.
_late(need, needed, user) if {
	not need.strictly
	needed > user
}

_late(need, needed, user) if {
	need.strictly
	needed >= user
}

_needs(obj) := (_namespace(obj) | _definition(obj)) | (_references(obj) | _rules(obj))

_namespace(obj) := {{"index": index, "strictly": false} |
	namespace := obj.metadata.namespace
	some index in _index.Namespace[""][namespace]
}

_definition(obj) := {{"index": index, "strictly": false} |
	some index in _definitions[obj_lib.group(obj)][obj.kind]
}

_references(obj) := {{"index": index, "strictly": false} |
	some ref in reference.of(obj)
	some index in _index[ref.kind][ref.namespace][ref.name]
}

_rules(obj) := {{"index": index, "strictly": true} |
	mesh.is_virtual_service(obj)
	some destination in mesh.destinations(obj)
	destination.value.subset
	host := registry.mesh_name(destination.value.host, obj_lib.namespace(obj))
	some index in _destination_rules[host]
}

_index.Namespace[""][obj_lib.name(obj)] contains i if {
	some i, obj in input.objects
	obj_lib.is_kind(obj, "", "Namespace")
}

_index[obj.kind][obj_lib.namespace(obj)][obj_lib.name(obj)] contains i if {
	some i, obj in input.objects
	obj.kind in {"ConfigMap", "PersistentVolumeClaim", "Secret", "ServiceAccount"}
	obj_lib.group(obj) == ""
}

_index.PriorityClass[""][obj_lib.name(obj)] contains i if {
	some i, obj in input.objects
	obj_lib.is_kind(obj, "scheduling.k8s.io", "PriorityClass")
}

_definitions[obj.spec.group][obj.spec.names.kind] contains i if {
	some i, obj in input.objects
	obj_lib.is_kind(obj, "apiextensions.k8s.io", "CustomResourceDefinition")
}

_destination_rules[host] contains i if {
	some i, obj in input.objects
	mesh.is_destination_rule(obj)
	some host in registry.known(registry.mesh_name(obj.spec.host, obj_lib.namespace(obj)))
}
