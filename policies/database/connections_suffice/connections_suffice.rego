# METADATA
# scope: package
# title: A database takes the connections of all its clients
# description: |
#   PostgreSQL refuses what is beyond max_connections: at the peak of a day, or while a rollout has
#   old and new pods, some pods get none. What a workload opens is the most pods that it runs at once
#   by the size of its pool, which a variable such as DATABASE_MAX_CONNS says. A Pooler shares its own.
# related_resources:
#   - ref: https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-MAX-CONNECTIONS
#   - ref: https://cloudnative-pg.io/documentation/current/postgresql_conf/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: postgresql.cnpg.io
#   fix: Run fewer pods, give each a smaller pool, raise max_connections, or put a Pooler before the database.
package policies.database.connections_suffice

import data.policies.lib.capacity
import data.policies.lib.envvar
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": path, "with": beside} if {
	some i, cluster in object.get(obj_lib.of_kind, ["postgresql.cnpg.io", "Cluster"], {})
	not _is_pooled(cluster)
	clients := _clients(cluster)
	count(clients) > 0
	opened := sum([client.total | some client in clients])
	left := _connections(cluster) - _reserved(cluster)
	opened > left
	most := max([client.total | some client in clients])
	largest := [client | some client in clients; client.total == most][0]
	path := [field | some field in capacity.pods_fields(largest.index, input.objects[largest.index])][0]
	beside := {["objects", i, "spec", "postgresql", "parameters", "max_connections"]} | {client.path | some client in clients}
	msg := sprintf("%s open up to %v connections to %s, which has %v for its clients", [
		concat(" and ", [sprintf("%v pods of %s with %v each", [client.pods, obj_lib.title(input.objects[client.index]), client.pool]) | some client in clients]),
		opened,
		obj_lib.title(cluster),
		left,
	])
}

_is_pooled(cluster) if {
	some pooler in obj_lib.of_kind["postgresql.cnpg.io"].Pooler
	pooler.spec.cluster.name == obj_lib.name(cluster)
}

_connections(cluster) := _number(obj_lib.at(cluster, ["spec", "postgresql", "parameters", "max_connections"], "100"))

_reserved(cluster) := _number(obj_lib.at(cluster, ["spec", "postgresql", "parameters", "superuser_reserved_connections"], "3"))

_number(text) := to_number(text) if {
	is_string(text)
	regex.match(`^[0-9]{1,9}$`, text)
}

# Those that read the Secret of the database's owner, in the order of the overlay.
_clients(cluster) := [client |
	some index, obj in input.objects
	workload.input_workloads[index]
	obj_lib.namespace(obj) == obj_lib.namespace(cluster)
	some container in workload.containers(obj)
	_reads(container.value, sprintf("%s-app", [obj_lib.name(cluster)]))
	pools := [variable |
		some variable in envvar.of(obj)
		variable.title == container.title
		_is_of_pool(variable.name)
		_number(variable.value) > 0
	]
	count(pools) == 1
	pods := capacity.pods(obj)
	pool := _number(pools[0].value)
	client := {"index": index, "pods": pods, "pool": pool, "total": pods * pool, "path": array.concat(["objects", index], pools[0].path)}
]

_reads(container, secret) if {
	some variable in container.env
	variable.valueFrom.secretKeyRef.name == secret
}

_reads(container, secret) if {
	some source in container.envFrom
	source.secretRef.name == secret
}

_is_of_pool(name) if regex.match(`^(.*_)?(DATABASE|DB|PG|POSTGRES|POSTGRESQL|SQL)_((MAX_)?POOL_)?(MAX_(OPEN_)?CONN(ECTION)?S|POOL_SIZE|POOL_MAX|MAX_POOL_SIZE)$`, upper(name))
