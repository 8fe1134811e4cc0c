# METADATA
# scope: package
# title: Facts of any object
# description: |
#   A manifest may hold any JSON anywhere, so every function here answers for every value: what is
#   missing or of the wrong type reads as absent, and no builtin is handed a value that it refuses.
package policies.lib.object

# METADATA
# description: the API group of an object; "" is the core group
group(obj) := "" if {
	is_string(obj.apiVersion)
	not contains(obj.apiVersion, "/")
} else := split(obj.apiVersion, "/")[0] if {
	is_string(obj.apiVersion)
}

# METADATA
# description: whether an object is of a kind, in whatever version of its group
is_kind(obj, api_group, kind) if {
	obj.kind == kind
	group(obj) == api_group
}

# METADATA
# description: metadata.name, "" where there is none (generateName)
name(obj) := obj.metadata.name if is_string(obj.metadata.name)

else := ""

# METADATA
# description: the namespace of a namespaced object as the API server reads it
namespace(obj) := obj.metadata.namespace if {
	is_string(obj.metadata.namespace)
	obj.metadata.namespace != ""
} else := "default"

# METADATA
# description: metadata.labels, empty where there are none
labels(obj) := obj.metadata.labels if is_object(obj.metadata.labels)

else := {}

# METADATA
# description: metadata.annotations, empty where there are none
annotations(obj) := obj.metadata.annotations if is_object(obj.metadata.annotations)

else := {}

# METADATA
# description: what a message calls an object, such as Deployment "web"
title(obj) := sprintf("%v %q", [obj.kind, name(obj)])

# METADATA
# description: |
#   The value at a path of keys, or the fallback where the path leads nowhere. Null counts as
#   nowhere: the API server reads it as a field that is not set.
at(obj, path, fallback) := value if {
	value := _find(obj, path)
	value != null
} else := fallback

_find(obj, path) := object.get(obj, path, null) if is_object(obj)
