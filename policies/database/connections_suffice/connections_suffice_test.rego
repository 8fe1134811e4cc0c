package policies.database.connections_suffice_test

import data.policies.database.connections_suffice

_cluster(parameters) := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop"}, "spec": {"postgresql": {"parameters": parameters}}}

_deployment(name, replicas, env) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": name, "namespace": "shop"},
	"spec": {"replicas": replicas, "strategy": {"rollingUpdate": {"maxSurge": 1}}, "template": {"spec": {"containers": [{"name": "app", "env": env}]}}},
}

_url := {"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db-app", "key": "uri"}}}

_pool(name, value) := {"name": name, "value": value}

_deny(objects) := faults if faults := connections_suffice.deny with input as {"objects": objects, "external": []}

test_suffices if {
	_deny([_cluster({"max_connections": "203"}), _deployment("a", 9, [_url, _pool("DATABASE_MAX_CONNS", "20")])]) == set()
	_deny([_cluster({}), _deployment("a", 9, [_url])]) == set()
	_deny([_cluster({}), _deployment("a", 99, [_pool("DATABASE_MAX_CONNS", "20")])]) == set()
	_deny([_cluster({}), _deployment("a", 99, [_url, _pool("HTTP_MAX_CONNS", "20")])]) == set()
	_deny([_cluster({"max_connections": "many"}), _deployment("a", 99, [_url, _pool("DB_POOL_SIZE", "20")])]) == set()
	_deny([_cluster({}), _deployment("a", 99, [_url, _pool("DB_POOL_SIZE", "many")])]) == set()
	_deny([_cluster({}), _deployment("a", 9, [_url, _pool("DB_POOL_SIZE", "20")]), {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Pooler", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"cluster": {"name": "db"}}}]) == set()
}

test_too_many if {
	_deny([_cluster({"max_connections": "202"}), _deployment("a", 9, [_url, _pool("DATABASE_MAX_CONNS", "20")])]) == {{
		"path": ["objects", 1, "spec", "replicas"],
		"with": {["objects", 0, "spec", "postgresql", "parameters", "max_connections"], ["objects", 1, "spec", "template", "spec", "containers", 0, "env", 1, "value"]},
		"msg": `10 pods of Deployment "a" with 20 each open up to 200 connections to Cluster "db", which has 199 for its clients`,
	}}
	every name in ["DB_POOL_SIZE", "APP_PG_MAX_CONNECTIONS", "POSTGRES_POOL_MAX", "database_max_open_conns", "SQL_POOL_MAX_CONNS"] {
		{fault.path | some fault in _deny([_cluster({}), _deployment("a", 1, [_url, _pool(name, "20")]), _deployment("b", 4, [_url, _pool(name, "20")])])} == {["objects", 2, "spec", "replicas"]}
	}
}

test_all_of_the_secret if {
	deployment := _deployment("a", 9, [_pool("DATABASE_MAX_CONNS", "20")])
	container := deployment.spec.template.spec.containers[0]
	changed := object.union(deployment, {"spec": {"template": {"spec": {"containers": [object.union(container, {"envFrom": [{"secretRef": {"name": "db-app"}}]})]}}}})
	count(_deny([_cluster({}), changed])) == 1
}
