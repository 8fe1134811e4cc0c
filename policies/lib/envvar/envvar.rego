# METADATA
# scope: package
# title: The environment that containers see
# description: |
#   Environment variables with the values that the overlay gives them: written in place, or taken
#   from a ConfigMap of the overlay by key or as a whole. A value from anywhere else (a Secret, a
#   field of the pod, a ConfigMap that is not rendered) is null: it is set, and cannot be read here.
#   For rules whose input is an overlay.
package policies.lib.envvar

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

# METADATA
# description: |
#   The variables of a workload, each {name, value, title, path}; path leads from the object to what
#   sets it, title is the container's.
of(obj) := array.concat(
	[variable |
		some container in workload.containers(obj)
		some index, declared in container.value.env
		is_string(declared.name)
		variable := {
			"name": declared.name,
			"value": _value(declared, obj_lib.namespace(obj)),
			"title": container.title,
			"path": array.concat(container.path, ["env", index, _field(declared)]),
		}
	],
	[variable |
		some container in workload.containers(obj)
		some index, source in container.value.envFrom
		some settings in _config_maps[obj_lib.namespace(obj)][source.configMapRef.name]
		some key, value in settings
		variable := {
			"name": concat("", [_prefix(source), key]),
			"value": value,
			"title": container.title,
			"path": array.concat(container.path, ["envFrom", index]),
		}
	],
)

# METADATA
# description: whether a variable or a flag is called as one with an address for others is, of who may call or where a browser is sent to
is_of_others(name) if {
	is_string(name)
	regex.match(`(^|[_-])(ADVERTISED|ALLOW|ALLOWED|CALLBACK|CORS|CSRF|EXTERNAL|ORIGIN|ORIGINS|PUBLIC|REDIRECT|REFERER|REFERRER|TRUSTED)([_-]|$)`, upper(name))
}

_field(declared) := "valueFrom" if {
	obj_lib.at(declared, ["valueFrom"], null) != null
} else := "value"

_value(declared, namespace) := value if {
	obj_lib.at(declared, ["valueFrom"], null) != null
	ref := declared.valueFrom.configMapKeyRef
	some settings in _config_maps[namespace][ref.name]
	value := settings[ref.key]
} else := null if {
	obj_lib.at(declared, ["valueFrom"], null) != null
} else := obj_lib.at(declared, ["value"], "")

_prefix(source) := source.prefix if is_string(source.prefix)

else := ""

_config_maps := _config_maps_by_name

_config_maps_by_name[obj_lib.namespace(obj)][obj_lib.name(obj)] contains obj.data if {
	some obj in obj_lib.of_kind[""].ConfigMap
}
