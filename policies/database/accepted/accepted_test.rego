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

# One test, not one a case: of each case of those a trace is made.
test_allows if {
	every spec in [
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
		{"bootstrap": {"recovery": {"source": "a"}}, "externalClusters": [_connected("a")]},
		{"bootstrap": {"recovery": {"backup": {"name": "a"}}}},
		{"bootstrap": {"pg_basebackup": {"source": "a"}}, "externalClusters": [_connected("a"), _connected("b")]},
		{"storage": {"size": "1.5Ti"}, "walStorage": {"size": "100Mi"}},
		{"storage": {"size": "", "pvcTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}},
		{"env": [{"name": "TZ", "value": "UTC"}]},
		{"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}},
		{"resources": {"requests": {"memory": "1Gi", "hugepages-2Mi": "4Gi"}, "limits": {"hugepages-2Mi": "4Gi"}}},
		{"certificates": {"serverTLSSecret": "a", "serverCASecret": "b"}},
		{"postgresql": {"syncReplicaElectionConstraint": {"enabled": true, "nodeLabelsAntiAffinity": ["zone"]}}},
		{"imagePullPolicy": "", "affinity": {"podAntiAffinityType": "required", "tolerations": [{"operator": "Exists"}, {"key": "a", "value": "b"}, {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]}},
		{"imagePullPolicy": "${POLICY}", "affinity": {"podAntiAffinityType": "${TYPE}"}},
		{"instances": 2, "primaryUpdateStrategy": "supervised"},
		{"postgresql": {"ldap": {"server": "a", "bindAsAuth": {}}}},
		{"ephemeralVolumesSizeLimit": {"temporaryData": "1Gi", "shm": "1Gi"}},
		{"ephemeralVolumeSource": {}, "ephemeralVolumesSizeLimit": {"shm": "1Gi"}},
		{"bootstrap": {"initdb": {"walSegmentSize": 32, "owner": "a"}}},
		{"bootstrap": {"initdb": {"import": {"type": "microservice", "databases": ["a"], "roles": []}}}},
		{"bootstrap": {"initdb": {"import": {"type": "monolith", "databases": ["*"], "roles": ["a", "b"]}}}},
		{"bootstrap": {"recovery": {"backup": {"name": "a"}, "recoveryTarget": {"targetTime": "2020-11-26 15:22:00.00000+00", "targetTLI": "latest"}}}},
		{"bootstrap": {"recovery": {"backup": {"name": "a"}, "recoveryTarget": {"targetTime": "2020-11-26T15:22:00Z"}}}},
		{"bootstrap": {"recovery": {"backup": {"name": "a"}, "recoveryTarget": {"backupID": "b", "targetName": "c", "targetTLI": "3"}}}},
		{"bootstrap": {"recovery": {"backup": {"name": "a"}, "recoveryTarget": {"targetLSN": "3BB/A9FFFBE8"}}}},
		{"bootstrap": {"recovery": {"volumeSnapshots": {"storage": _snapshot}, "recoveryTarget": {"targetImmediate": true, "backupID": ""}}}},
		{"bootstrap": {"recovery": {"volumeSnapshots": {"storage": {"kind": "PersistentVolumeClaim", "name": "a", "apiGroup": ""}, "walStorage": _snapshot}}}, "walStorage": {"size": "1Gi"}},
		{"replica": {"enabled": false, "source": "a", "primary": "", "promotionToken": ""}, "externalClusters": [_connected("a")]},
		{"replica": {"source": "b", "self": "a", "primary": "b", "minApplyDelay": "8h"}, "externalClusters": [_connected("a"), _connected("b")]},
		{"replica": {"enabled": false, "source": "a", "promotionToken": "e30="}, "externalClusters": [_connected("a")]},
		{"tablespaces": [{"name": "a$_1", "storage": {"size": "1Gi"}}, {"name": "_b", "storage": {"size": "1Gi"}}], "backup": {"volumeSnapshot": {"tablespaceClassName": {"a$_1": "fast"}}}},
		{"managed": {"roles": [{"name": "app", "connectionLimit": -1, "disablePassword": true}, {"name": "pgbouncer", "passwordSecret": {"name": "a"}}]}},
		{"managed": {"services": {"disabledDefaultServices": ["ro", "r"], "additional": [_service("lb", {}), _service("db", {"type": "LoadBalancer"})]}}},
		{"backup": {"barmanObjectStore": {"s3Credentials": {"accessKeyId": {}, "secretAccessKey": {}, "region": {}, "inheritFromIAMRole": false}}}},
		{"backup": {"barmanObjectStore": {"s3Credentials": {"inheritFromIAMRole": true}}}},
		{"backup": {"barmanObjectStore": {"azureCredentials": {"storageAccount": {}, "storageSasToken": {}}}}},
		{"backup": {"barmanObjectStore": {"azureCredentials": {"connectionString": {}}}}},
		{"backup": {"barmanObjectStore": {"googleCredentials": {"gkeEnvironment": true}}}},
		{"replicationSlots": {"synchronizeReplicas": {"excludePatterns": ["^foo", "${PATTERN}("]}}},
		{"replicationSlots": {"highAvailability": {"enabled": false}, "synchronizeReplicas": {"enabled": false, "excludePatterns": ["("]}}},
		{"plugins": [{"name": "a", "isWALArchiver": true}, {"name": "b", "isWALArchiver": true, "enabled": false}, {"name": "c"}]},
		{"postgresql": {"extensions": [{"name": "a", "extension_control_path": ["x", "y"]}, {"name": "b", "dynamic_library_path": ["x"]}]}},
	] {
		_paths(spec) == set()
	}
}

test_denies if {
	every case in [
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
		{"spec": {"externalClusters": [_connected("a"), _connected("a")]}, "path": ["spec", "externalClusters", 1, "name"]},
		{"spec": {"externalClusters": [{"name": "a"}]}, "path": ["spec", "externalClusters", 0]},
		{"spec": {"storage": {"size": ""}}, "path": ["spec", "storage", "size"]},
		{"spec": {"storage": {"size": "ten"}}, "path": ["spec", "storage", "size"]},
		{"spec": {"walStorage": {}}, "path": ["spec", "walStorage", "size"]},
		{"spec": {"env": [{"name": "PGDATA"}]}, "path": ["spec", "env", 0, "name"]},
		{"spec": {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}, "path": ["spec", "resources", "requests", "cpu"]},
		{"spec": {"resources": {"requests": {"hugepages-2Mi": "2Gi"}, "limits": {"hugepages-2Mi": "4Gi"}}}, "path": ["spec", "resources", "requests", "hugepages-2Mi"]},
		{"spec": {"certificates": {"replicationTLSSecret": "a"}}, "path": ["spec", "certificates", "replicationTLSSecret"]},
		{"spec": {"postgresql": {"syncReplicaElectionConstraint": {"enabled": true}}}, "path": ["spec", "postgresql", "syncReplicaElectionConstraint", "enabled"]},
		{"spec": {"certificates": {"serverTLSSecret": "a", "serverCASecret": "b", "serverAltDNSNames": ["c"]}}, "path": ["spec", "certificates", "serverAltDNSNames"]},
		{"spec": {"imagePullPolicy": "ifNotPresent"}, "path": ["spec", "imagePullPolicy"]},
		{"spec": {"affinity": {"podAntiAffinityType": "needed"}}, "path": ["spec", "affinity", "podAntiAffinityType"]},
		{"spec": {"primaryUpdateStrategy": "supervised"}, "path": ["spec", "primaryUpdateStrategy"]},
		{"spec": {"postgresql": {"ldap": {"server": "a", "bindAsAuth": {}, "bindSearchAuth": {}}}}, "path": ["spec", "postgresql", "ldap", "bindSearchAuth"]},
		{"spec": {"postgresql": {"ldap": {"bindAsAuth": {}}}}, "path": ["spec", "postgresql", "ldap"]},
		{"spec": {"ephemeralVolumeSource": {}, "ephemeralVolumesSizeLimit": {"temporaryData": "1Gi"}}, "path": ["spec", "ephemeralVolumeSource"]},
		{"spec": {"bootstrap": {"initdb": {"walSegmentSize": 24}}}, "path": ["spec", "bootstrap", "initdb", "walSegmentSize"]},
		{"spec": _imports({"type": "microservice", "databases": ["a", "b"]}), "path": _import(["databases"])},
		{"spec": _imports({"type": "microservice", "databases": ["a*"]}), "path": _import(["databases", 0])},
		{"spec": _imports({"type": "microservice", "databases": ["a"], "roles": ["b"]}), "path": _import(["roles"])},
		{"spec": _imports({"type": "monolith", "databases": []}), "path": _import(["databases"])},
		{"spec": _imports({"type": "monolith", "databases": ["*", "a"]}), "path": _import(["databases"])},
		{"spec": _imports({"type": "monolith", "databases": ["a"], "roles": ["a", "*"]}), "path": _import(["roles"])},
		{"spec": _imports({"type": "monolith", "databases": ["a"], "postImportApplicationSQL": ["a"]}), "path": _import(["postImportApplicationSQL"])},
		{"spec": _recovers({"targetTime": "2020-11-26", "targetLSN": "1/1"}), "path": _target([])},
		{"spec": _recovers({"targetTime": "nonsense"}), "path": _target(["targetTime"])},
		{"spec": _recovers({"targetLSN": "x"}), "path": _target(["targetLSN"])},
		{"spec": _recovers({"targetTLI": "0"}), "path": _target(["targetTLI"])},
		{"spec": _recovers({"targetXID": "7"}), "path": _target(["backupID"])},
		{"spec": {"bootstrap": {"recovery": {"backup": {"name": "a"}, "volumeSnapshots": {"storage": _snapshot}}}}, "path": ["spec", "bootstrap", "recovery", "backup"]},
		{"spec": {"bootstrap": {"recovery": {"recoveryTarget": {"backupID": "a"}, "volumeSnapshots": {"storage": _snapshot}}}}, "path": _target(["backupID"])},
		{"spec": {"bootstrap": {"recovery": {"volumeSnapshots": {"storage": {"kind": "VolumeSnapshot", "name": "a"}}}}}, "path": ["spec", "bootstrap", "recovery", "volumeSnapshots", "storage"]},
		{"spec": {"bootstrap": {"recovery": {"volumeSnapshots": {"storage": _snapshot, "walStorage": _snapshot}}}}, "path": ["spec", "bootstrap", "recovery", "volumeSnapshots", "walStorage"]},
		{"spec": {"replica": {"enabled": true, "source": "nope"}}, "path": ["spec", "replica", "source"]},
		{"spec": {"replica": {"source": "a", "primary": "b"}, "externalClusters": [_connected("a")]}, "path": ["spec", "replica", "primary"]},
		{"spec": {"replica": {"source": "a", "self": "b"}, "externalClusters": [_connected("a")]}, "path": ["spec", "replica", "self"]},
		{"spec": {"replica": {"enabled": false, "source": "a", "primary": "a"}, "externalClusters": [_connected("a")]}, "path": ["spec", "replica", "enabled"]},
		{"spec": {"replica": {"enabled": true, "source": "a", "promotionToken": "e30="}, "externalClusters": [_connected("a")]}, "path": ["spec", "replica", "promotionToken"]},
		{"spec": {"replica": {"enabled": false, "source": "a", "promotionToken": "e30=", "minApplyDelay": "1h"}, "externalClusters": [_connected("a")]}, "path": ["spec", "replica", "minApplyDelay"]},
		{"spec": {"tablespaces": [{"name": "pg_x", "storage": {"size": "1Gi"}}]}, "path": ["spec", "tablespaces", 0, "name"]},
		{"spec": {"tablespaces": [{"name": "1a", "storage": {"size": "1Gi"}}]}, "path": ["spec", "tablespaces", 0, "name"]},
		{"spec": {"tablespaces": [{"name": "a", "storage": {"size": "1Gi"}}, {"name": "A", "storage": {"size": "1Gi"}}]}, "path": ["spec", "tablespaces", 1, "name"]},
		{"spec": {"tablespaces": [{"name": "a", "storage": {}}]}, "path": ["spec", "tablespaces", 0, "storage", "size"]},
		{"spec": {"backup": {"volumeSnapshot": {"tablespaceClassName": {"a": "fast"}}}}, "path": ["spec", "backup", "volumeSnapshot", "tablespaceClassName", "a"]},
		{"spec": {"managed": {"roles": [{"name": "postgres"}]}}, "path": ["spec", "managed", "roles", 0, "name"]},
		{"spec": {"managed": {"roles": [{"name": "streaming_replica"}]}}, "path": ["spec", "managed", "roles", 0, "name"]},
		{"spec": {"managed": {"roles": [{"name": "pg_monitor"}]}}, "path": ["spec", "managed", "roles", 0, "name"]},
		{"spec": {"managed": {"roles": [{"name": "a"}, {"name": "a"}]}}, "path": ["spec", "managed", "roles", 1, "name"]},
		{"spec": {"managed": {"roles": [{"name": "a", "connectionLimit": -2}]}}, "path": ["spec", "managed", "roles", 0, "connectionLimit"]},
		{"spec": {"managed": {"roles": [{"name": "a", "disablePassword": true, "passwordSecret": {"name": "a"}}]}}, "path": ["spec", "managed", "roles", 0, "disablePassword"]},
		{"spec": {"managed": {"services": {"disabledDefaultServices": ["r", "rw"]}}}, "path": ["spec", "managed", "services", "disabledDefaultServices", 1]},
		{"spec": {"managed": {"services": {"additional": [_service("db-rw", {})]}}}, "path": _additional(0, ["metadata", "name"])},
		{"spec": {"managed": {"services": {"additional": [{"serviceTemplate": {}}]}}}, "path": _additional(0, ["metadata", "name"])},
		{"spec": {"managed": {"services": {"additional": [_service("a", {}), _service("a", {})]}}}, "path": _additional(1, ["metadata", "name"])},
		{"spec": {"managed": {"services": {"additional": [_service("a", {"selector": {"a": "b"}})]}}}, "path": _additional(0, ["spec", "selector"])},
		{"spec": {"backup": {"barmanObjectStore": {}}}, "path": _store([])},
		{"spec": {"backup": {"barmanObjectStore": {"s3Credentials": {"inheritFromIAMRole": true}, "googleCredentials": {"gkeEnvironment": true}}}}, "path": _store([])},
		{"spec": {"backup": {"barmanObjectStore": {"s3Credentials": {"accessKeyId": {}}}}}, "path": _store(["s3Credentials"])},
		{"spec": {"backup": {"barmanObjectStore": {"s3Credentials": {}}}}, "path": _store(["s3Credentials"])},
		{"spec": {"backup": {"barmanObjectStore": {"azureCredentials": {"connectionString": {}, "storageKey": {}}}}}, "path": _store(["azureCredentials"])},
		{"spec": {"backup": {"barmanObjectStore": {"googleCredentials": {}}}}, "path": _store(["googleCredentials"])},
		{"spec": {"replicationSlots": {"synchronizeReplicas": {"excludePatterns": ["^a", "("]}}}, "path": ["spec", "replicationSlots", "synchronizeReplicas", "excludePatterns", 1]},
		{"spec": {"replicationSlots": {"highAvailability": {"enabled": false}, "synchronizeReplicas": {"excludePatterns": ["("]}}}, "path": ["spec", "replicationSlots", "synchronizeReplicas", "excludePatterns", 0]},
		{"spec": {"replicationSlots": {"synchronizeReplicas": {"enabled": false, "excludePatterns": ["("]}}}, "path": ["spec", "replicationSlots", "synchronizeReplicas", "excludePatterns", 0]},
		{"spec": {"plugins": [{"name": "a", "isWALArchiver": true}, {"name": "b", "isWALArchiver": true}]}, "path": ["spec", "plugins", 1, "isWALArchiver"]},
		{"spec": {"plugins": [{"name": "a", "isWALArchiver": true}], "backup": {"barmanObjectStore": {"s3Credentials": {"inheritFromIAMRole": true}}}}, "path": ["spec", "plugins", 0, "isWALArchiver"]},
		{"spec": {"postgresql": {"extensions": [{"name": "a"}, {"name": "a"}]}}, "path": ["spec", "postgresql", "extensions", 1, "name"]},
		{"spec": {"postgresql": {"extensions": [{"name": "a", "extension_control_path": [""]}]}}, "path": ["spec", "postgresql", "extensions", 0, "extension_control_path", 0]},
		{"spec": {"postgresql": {"extensions": [{"name": "a", "dynamic_library_path": ["b", "b"]}]}}, "path": ["spec", "postgresql", "extensions", 0, "dynamic_library_path", 1]},
		{"spec": _tolerates({"value": "a"}), "path": ["spec", "affinity", "tolerations", 0, "operator"]},
		{"spec": _tolerates({"key": "a", "operator": "exists"}), "path": ["spec", "affinity", "tolerations", 0, "operator"]},
		{"spec": _tolerates({"key": "a", "operator": "Exists", "value": "b"}), "path": ["spec", "affinity", "tolerations", 0, "value"]},
		{"spec": _tolerates({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}), "path": ["spec", "affinity", "tolerations", 0, "effect"]},
		{"spec": _tolerates({"key": "a", "effect": "Never"}), "path": ["spec", "affinity", "tolerations", 0, "effect"]},
	] {
		_paths(case.spec) == {case.path}
	}
}

_connected(name) := {"name": name, "connectionParameters": {"host": name}}

_snapshot := {"kind": "VolumeSnapshot", "name": "a", "apiGroup": "snapshot.storage.k8s.io"}

_service(name, spec) := {"selectorType": "rw", "serviceTemplate": {"metadata": {"name": name}, "spec": spec}}

_additional(index, path) := array.concat(["spec", "managed", "services", "additional", index, "serviceTemplate"], path)

_imports(spec) := {"bootstrap": {"initdb": {"import": spec}}}

_import(path) := array.concat(["spec", "bootstrap", "initdb", "import"], path)

_recovers(target) := {"bootstrap": {"recovery": {"backup": {"name": "a"}, "recoveryTarget": target}}}

_target(path) := array.concat(["spec", "bootstrap", "recovery", "recoveryTarget"], path)

_store(path) := array.concat(["spec", "backup", "barmanObjectStore"], path)

_tolerates(toleration) := {"affinity": {"tolerations": [toleration]}}

_annotated(spec, annotations) := {fault.path | some fault in _faults(object.union(_cluster(spec), {"metadata": {"annotations": annotations}}))}

_synchronous(number, names) := {"instances": 3, "postgresql": {"synchronous": {"number": number, "standbyNamesPre": names}}}

test_annotations if {
	quorum := "alpha.cnpg.io/failoverQuorum"
	every case in [
		[{}, {"cnpg.io/hibernation": "on"}, set()],
		[{}, {"cnpg.io/hibernation": "yes"}, {["metadata", "annotations", "cnpg.io/hibernation"]}],
		[{}, {"cnpg.io/podPatch": "[]", "alpha.cnpg.io/livenessPinger": `{"enabled": false}`}, set()],
		[{}, {"cnpg.io/podPatch": "{}"}, {["metadata", "annotations", "cnpg.io/podPatch"]}],
		[{}, {"cnpg.io/podPatch": "- op"}, {["metadata", "annotations", "cnpg.io/podPatch"]}],
		[{}, {"alpha.cnpg.io/livenessPinger": "{}"}, {["metadata", "annotations", "alpha.cnpg.io/livenessPinger"]}],
		[{}, {quorum: "false"}, set()],
		[{}, {quorum: ""}, set()],
		[{}, {quorum: "yes"}, {["metadata", "annotations", quorum]}],
		[{}, {quorum: "true"}, {["spec", "postgresql", "synchronous"]}],
		[_synchronous(1, []), {quorum: "true"}, set()],
		[_synchronous(1, ["a"]), {quorum: "true"}, {["spec", "postgresql", "synchronous", "number"]}],
		[object.union(_synchronous(1, []), {"instances": 2}), {quorum: "true"}, set()],
	] {
		_annotated(case[0], case[1]) == case[2]
	}
}

_other(kind, spec) := {"apiVersion": "postgresql.cnpg.io/v1", "kind": kind, "metadata": {"name": "p"}, "spec": spec}

_pooler(cluster, pgbouncer) := {fault.path | some fault in _faults(_other("Pooler", {"cluster": {"name": cluster}, "pgbouncer": pgbouncer}))}

test_poolers if {
	_pooler("a", {"parameters": {"max_client_conn": "100", "server_tls_sslmode": "verify-full"}}) == set()
	_pooler("a", {"authQuery": "SELECT", "authQuerySecret": {"name": "a"}}) == set()
	_pooler("a", {"authQuery": "", "authQuerySecret": null}) == set()
	_pooler("a", {"authQuery": "SELECT", "serverTLSSecret": {"name": "a"}}) == set()
	_pooler("a", {"serverTLSSecret": {"name": "a"}}) == set()
	_pooler("a", {"parameters": {parameter: "x" | some parameter in ["auth_user", "auth_type", "client_tls_ciphers", "client_tls13_ciphers", "server_tls13_ciphers"]}}) == set()
	_pooler("p", {}) == {["spec", "cluster", "name"]}
	_pooler("a", {"parameters": {"auth_file": "x"}}) == {["spec", "pgbouncer", "parameters", "auth_file"]}
	_pooler("a", {"authQuery": "SELECT"}) == {["spec", "pgbouncer", "authQuery"]}
	_pooler("a", {"authQuery": "SELECT", "serverTLSSecret": {"name": ""}}) == {["spec", "pgbouncer", "authQuery"]}
	_pooler("a", {"authQuerySecret": {"name": "a"}}) == {["spec", "pgbouncer", "authQuerySecret"]}
	_faults(_other("Pooler", "text")) == set()
}

test_databases if {
	_faults(_other("Database", {"extensions": [{"name": "a"}, {"name": "b"}], "schemas": [{"name": "a"}]})) == set()
	{fault.path | some fault in _faults(_other("Database", {"extensions": [{"name": "a"}, {"name": "a"}]}))} == {["spec", "extensions", 1, "name"]}
	{fault.msg | some fault in _faults(_other("Database", {"schemas": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}))} == {`schemas of Database "p" has "a" twice`}
}

test_what_cannot_be_read_is_no_error if {
	every spec in [{"bootstrap": "text"}, {"managed": {"roles": "text", "services": {"additional": [1]}}}, {"tablespaces": {"a": 1}}, {"plugins": ["a"]}, {"affinity": {"tolerations": ["a"]}}, {"postgresql": {"extensions": [1], "ldap": "a"}}] {
		_paths(spec) == set()
	}
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
