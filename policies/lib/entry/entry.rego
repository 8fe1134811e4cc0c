# METADATA
# scope: package
# title: Lists that may not be lists
# description: |
#   A string where a list belongs would be walked by nothing and so pass every rule in silence. Here
#   it counts as one entry, in which no rule finds what it asks for.
package policies.lib.entry

# METADATA
# description: |
#   The entries of what should be a list, each as {value, path}, where path leads to the list. A
#   value that is not a list is one entry, at the path of the list itself; null is no entry.
list(value, path) := [{"value": element, "path": array.concat(path, [index])} | some index, element in value] if {
	is_array(value)
} else := [] if {
	is_null(value)
} else := [{"value": value, "path": path}]

# METADATA
# description: the fields of what should be an object, each as {key, value, path}; like list otherwise
fields(value, path) := [{"key": key, "value": field, "path": array.concat(path, [key])} | some key, field in value] if {
	is_object(value)
} else := [] if {
	is_null(value)
} else := [{"key": "", "value": value, "path": path}]

# METADATA
# description: |
#   What is at a path of keys, each {value, path}; nothing where it leads nowhere. A step "*" is every
#   entry of a list or an object; there may be two of them.
places(value, steps) := [{"value": found, "path": steps} | found := _at(value, steps)] if {
	not "*" in steps
} else := [place |
	some entered in _enter(value, steps)
	not "*" in entered.rest
	place := {"value": _at(entered.value, entered.rest), "path": array.concat(entered.path, entered.rest)}
] if {
	count([step | some step in steps; step == "*"]) == 1
} else := [place |
	some entered in _enter(value, steps)
	some further in _enter(entered.value, entered.rest)
	place := {"value": _at(further.value, further.rest), "path": array.concat(array.concat(entered.path, further.path), further.rest)}
]

# The entries that the first "*" of a path leads to, each {value, path, rest}.
_enter(value, steps) := [{"value": entered, "path": array.concat(head, [key]), "rest": rest} |
	head := array.slice(steps, 0, star)
	rest := array.slice(steps, star + 1, count(steps))
	some key, entered in _at(value, head)
] if {
	star := min([i | some i, step in steps; step == "*"])
}

_at(value, []) := value

_at(value, steps) := found if {
	count(steps) > 0
	is_object(value)
	found := object.get(value, steps, null)
	found != null
}
