package policies.database.accepted_test

import data.policies.database.accepted

_cluster(spec) := {
	"apiVersion": "postgresql.cnpg.io/v1",
	"kind": "Cluster",
	"metadata": {"name": "db", "namespace": "shop"},
	"spec": object.union({"storage": {"size": "1Gi"}}, spec),
}

_paths(spec) := {fault.path | some fault in _faults(_cluster(spec))}

_faults(cluster) := faults if faults := accepted.deny with input as cluster

test_allows[sprintf("%v", [spec])] if {
	some spec in [
		{},
		{"imageName": "ghcr.io/cloudnative-pg/postgresql:17.9-202602261636-system-bookworm"},
		{"imageName": "postgres:17@sha256:ab"},
		{"imageName": "registry:5000/postgres:16.1"},
		{"imageName": "${IMAGE}"},
		{"instances": 3, "postgresql": {"synchronous": {"number": 2}}},
		{"instances": 1, "postgresql": {"synchronous": {"number": 1, "standbyNamesPre": ["a"]}}},
		{"instances": 3, "minSyncReplicas": 1, "maxSyncReplicas": 2},
		{"instances": 3, "minSyncReplicas": 0, "maxSyncReplicas": 0, "postgresql": {"synchronous": {"number": 1}}},
		{"bootstrap": {"recovery": {"source": "a"}}, "externalClusters": [{"name": "a", "barmanObjectStore": {}}]},
		{"bootstrap": {"recovery": {"backup": {"name": "a"}}}},
		{"bootstrap": {"pg_basebackup": {"source": "a"}}, "externalClusters": [{"name": "a"}, {"name": "b"}]},
		{"storage": {"size": "1.5Ti"}, "walStorage": {"size": "100Mi"}},
		{"storage": {"size": "", "pvcTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}},
		{"env": [{"name": "TZ", "value": "UTC"}]},
		{"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}, "postgresql": {"parameters": {"shared_buffers": "1GB"}}},
		{"resources": {"requests": {"memory": "1Gi", "hugepages-2Mi": "4Gi"}, "limits": {"hugepages-2Mi": "4Gi"}}, "postgresql": {"parameters": {"shared_buffers": "4GB"}}},
		{"certificates": {"serverTLSSecret": "a", "serverCASecret": "b"}},
		{"postgresql": {"syncReplicaElectionConstraint": {"enabled": true, "nodeLabelsAntiAffinity": ["zone"]}}},
	]
	_paths(spec) == set()
}

test_denies[sprintf("%v", [case])] if {
	some case in [
		{"spec": {"imageName": "postgres"}, "path": ["spec", "imageName"]},
		{"spec": {"imageName": "registry:5000/postgres"}, "path": ["spec", "imageName"]},
		{"spec": {"imageName": "postgres:latest"}, "path": ["spec", "imageName"]},
		{"spec": {"imageName": "postgres@sha256:ab12"}, "path": ["spec", "imageName"]},
		{"spec": {"imageName": "postgres:bookworm-17"}, "path": ["spec", "imageName"]},
		{"spec": {"postgresql": {"synchronous": {"number": 1}}}, "path": ["spec", "postgresql", "synchronous", "number"]},
		{"spec": {"instances": 3, "postgresql": {"synchronous": {"number": 3}}}, "path": ["spec", "postgresql", "synchronous", "number"]},
		{"spec": {"instances": 2, "maxSyncReplicas": 2}, "path": ["spec", "maxSyncReplicas"]},
		{"spec": {"instances": 3, "minSyncReplicas": 1}, "path": ["spec", "minSyncReplicas"]},
		{"spec": {"instances": 3, "maxSyncReplicas": 1, "postgresql": {"synchronous": {"number": 1}}}, "path": ["spec", "maxSyncReplicas"]},
		{"spec": {"bootstrap": {"initdb": {}, "recovery": {}}}, "path": ["spec", "bootstrap"]},
		{"spec": {"bootstrap": {"pg_basebackup": {"source": "a"}}}, "path": ["spec", "bootstrap", "pg_basebackup", "source"]},
		{"spec": {"bootstrap": {"recovery": {"source": "a"}}, "externalClusters": [{"name": "a"}]}, "path": ["spec", "bootstrap", "recovery", "source"]},
		{"spec": {"externalClusters": [{"name": "a"}, {"name": "a"}]}, "path": ["spec", "externalClusters", 1, "name"]},
		{"spec": {"storage": {"size": ""}}, "path": ["spec", "storage", "size"]},
		{"spec": {"storage": {"size": "ten"}}, "path": ["spec", "storage", "size"]},
		{"spec": {"walStorage": {}}, "path": ["spec", "walStorage", "size"]},
		{"spec": {"env": [{"name": "PGDATA"}]}, "path": ["spec", "env", 0, "name"]},
		{"spec": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}, "path": ["spec", "resources", "requests", "cpu"]},
		{"spec": {"resources": {"requests": {"memory": "1Gi"}}, "postgresql": {"parameters": {"shared_buffers": "2GB"}}}, "path": ["spec", "postgresql", "parameters", "shared_buffers"]},
		{"spec": {"certificates": {"replicationTLSSecret": "a"}}, "path": ["spec", "certificates", "replicationTLSSecret"]},
		{"spec": {"postgresql": {"syncReplicaElectionConstraint": {"enabled": true}}}, "path": ["spec", "postgresql", "syncReplicaElectionConstraint", "enabled"]},
	]
	_paths(case.spec) == {case.path}
}

test_names if {
	every name in ["Db", "1db", "a123456789a123456789a123456789a123456789a1234567890"] {
		{fault.path | some fault in accepted.deny} == {["metadata", "name"]} with input as object.union(_cluster({}), {"metadata": {"name": name}})
	}
}

test_another_kind if {
	accepted.deny == set() with input as object.union(_cluster({"storage": {"size": ""}}), {"apiVersion": "cluster.x-k8s.io/v1beta1"})
}

test_validation_that_is_disabled if {
	cluster := _cluster({"imageName": "postgres:latest"})
	count(_faults(cluster)) == 1
	_faults(object.union(cluster, {"metadata": {"annotations": {"cnpg.io/validation": "disabled"}}})) == set()
	count(_faults(object.union(cluster, {"metadata": {"annotations": {"cnpg.io/validation": "enabled"}}}))) == 1
}

test_a_misspelt_request_is_named_beside if {
	faults := _faults(_cluster({"resources": {"requests": {"memory": "2Gi", "memoryx": "1Gi", "cpu": "1"}, "limits": {"memory": "1Gi"}}}))
	{fault["with"] | some fault in faults} == {{["spec", "resources", "limits", "memory"], ["spec", "resources", "requests", "memoryx"]}}
}
