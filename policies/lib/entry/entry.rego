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
