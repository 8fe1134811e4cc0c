# METADATA
# scope: package
# title: Facts of any object
# description: |
#   A manifest may hold any JSON anywhere, so every function here answers for every value: what is
#   missing or of the wrong type reads as absent, and no builtin is handed a value that it refuses.
package policies.lib.object

# METADATA
# description: the API group of an object; "" is the core group
group(obj) := _group_of(obj.apiVersion)

_group_of(version) := "" if {
	is_string(version)
	not contains(version, "/")
} else := split(version, "/")[0] if {
	is_string(version)
}

# METADATA
# description: |
#   Whether an object is of a kind, in whatever version of its group. A rule of one object compares
#   input.kind itself first: OPA then finds the rules of a kind by its index and tries no others.
is_kind(obj, api_group, kind) if {
	obj.kind == kind
	group(obj) == api_group
}

# METADATA
# description: metadata.name, "" where there is none (generateName)
name(obj) := obj.metadata.name if is_string(obj.metadata.name)

else := ""

# METADATA
# description: whether an object is of a kind that is known to be in no namespace, whatever its metadata says
is_of_cluster(obj) if obj.kind in data.relations.cluster[group(obj)]

# METADATA
# description: |
#   The namespace of a namespaced object. "" where nobody here knows it: whoever deploys the object
#   says it, and all objects of a target without one get the same. Two of them that are equal are one.
namespace(obj) := obj.metadata.namespace if is_string(obj.metadata.namespace)

else := ""

# METADATA
# description: |
#   Whether two namespaces may be one, for rules that say that something is missing: one that nobody
#   here knows may be any.
may_be_one(a, b) if a == b

may_be_one("", b) if b != ""

may_be_one(a, "") if a != ""

# METADATA
# description: what a message says of a namespace, such as " in namespace shop"; nothing of one that nobody here knows
within(before, namespace) := sprintf(" %s namespace %s", [before, namespace]) if {
	is_string(namespace)
	namespace != ""
} else := ""

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
	is_object(obj)
	value := object.get(obj, path, null)
	value != null
} else := fallback

# METADATA
# description: |
#   The objects of an overlay by API group, kind and index in input.objects, for rules of an overlay.
#   A table without keys in its head, as all tables here are: OPA computes one once an evaluation,
#   and one with keys anew for each key that is asked for.
of_kind := _of_kind

_of_kind[group(obj)][obj.kind][index] := obj if {
	some index, obj in input.objects
	is_string(obj.kind)
}

# METADATA
# description: the objects of an overlay that have a kind and a name, by their index in input.objects
called(kind, of_name) := object.get(_by_name, [[kind, of_name]], set())

_by_name := _by_kind_and_name

_by_kind_and_name[[obj.kind, name(obj)]] contains index if {
	some index, obj in input.objects
}

# METADATA
# description: whether a text is filled in later, by a substitution or a template, and so is none yet
is_filled_in(text) if {
	is_string(text)
	some mark in ["${", "$(", "{{"]
	contains(text, mark)
}
