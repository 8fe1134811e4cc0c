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
#   states: fact
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
	not _orders[i]
	msg := sprintf("%s has sync wave %v, which is no whole number, so Argo CD takes it for 0", [obj_lib.title(obj), json.marshal(argo.wave(obj))])
}

deny contains {"msg": msg, "path": array.concat(["objects", need.index], argo.wave_path)} if {
	some need in _unmet
	need.user != need.index
	needed := input.objects[need.index]
	obj := input.objects[need.user]
	msg := sprintf("%s is synced in wave %v and %s, which needs it%s, in wave %v", [
		obj_lib.title(needed),
		argo.wave(needed),
		obj_lib.title(obj),
		{true: " to be there before", false: ""}[need.strictly],
		argo.wave(obj),
	])
}

_orders := {i: argo.order(obj) | some i, obj in input.objects}

# Which object (user) needs which that comes too late (index), both as indexes in input.objects. Inside
# a wave Argo CD applies Namespaces, CRDs, Secrets, ConfigMaps and accounts before workloads.
_unmet contains {"user": user, "index": index, "strictly": false} if {
	some user, obj in input.objects
	not obj_lib.is_of_cluster(obj)
	some index in _index.Namespace[""][obj.metadata.namespace]
	_orders[index] > _orders[user]
}

_unmet contains {"user": user, "index": index, "strictly": false} if {
	some user, obj in input.objects
	some index in _definitions[obj_lib.group(obj)][obj.kind]
	_orders[index] > _orders[user]
}

_unmet contains {"user": user, "index": index, "strictly": false} if {
	some user, refs in reference.input_references
	some ref in refs
	some index in _index[ref.kind][ref.namespace][ref.name]
	_orders[index] > _orders[user]
}

_unmet contains {"user": user, "index": index, "strictly": true} if {
	some user, obj in mesh.input_virtual_services
	some destination in mesh.destinations(obj)
	destination.value.subset
	host := registry.mesh_name(destination.value.host, obj_lib.namespace(obj))
	some index in _destination_rules[host]
	_orders[index] >= _orders[user]
}

_index := _index_by_kind

_index_by_kind.Namespace[""][obj_lib.name(obj)] contains i if some i, obj in obj_lib.of_kind[""].Namespace

_index_by_kind[kind][obj_lib.namespace(obj)][obj_lib.name(obj)] contains i if {
	some kind in ["ConfigMap", "PersistentVolumeClaim", "Secret", "ServiceAccount"]
	some i, obj in obj_lib.of_kind[""][kind]
}

_index_by_kind.PriorityClass[""][obj_lib.name(obj)] contains i if {
	some i, obj in obj_lib.of_kind["scheduling.k8s.io"].PriorityClass
}

_definitions := _definitions_by_group

_definitions_by_group[obj.spec.group][obj.spec.names.kind] contains i if {
	some i, obj in obj_lib.of_kind["apiextensions.k8s.io"].CustomResourceDefinition
}

_destination_rules := _destination_rules_by_host

_destination_rules_by_host[host] contains i if {
	some i, obj in mesh.input_destination_rules
	some host in registry.known(registry.mesh_name(obj.spec.host, obj_lib.namespace(obj)))
}
