# METADATA
# scope: package
# title: Which labels a selector selects
# description: |
#   Two grammars with opposite ideas of emptiness: an empty LabelSelector selects everything and an
#   absent one nothing, while an empty map selector (Service, ReplicationController) selects nothing.
#   A selector that is malformed selects nothing.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/
package policies.lib.selector

# METADATA
# description: whether a LabelSelector (matchLabels, matchExpressions) selects labels
matches(selector, labels) if {
	is_object(selector)
	_contains(_field(selector, "matchLabels", {}), labels)
	_holds_all(_field(selector, "matchExpressions", []), labels)
}

# METADATA
# description: whether a map selector (Service, ReplicationController) selects labels
matches_map(selector, labels) if {
	is_object(selector)
	count(selector) > 0
	_contains(selector, labels)
}

# Null is how YAML writes a field that is not set.
_field(selector, name, fallback) := fallback if {
	object.get(selector, name, null) == null
} else := selector[name]

_contains(wanted, labels) if {
	is_object(wanted)
	every key, value in wanted {
		labels[key] == value
	}
}

_holds_all(expressions, labels) if {
	is_array(expressions)
	every expression in expressions {
		_holds(expression, labels)
	}
}

_holds(e, labels) if {
	e.operator == "In"
	_is_one_of(labels, e)
}

_holds(e, labels) if {
	e.operator == "NotIn"
	is_string(e.key)
	is_array(e.values)
	not _is_one_of(labels, e)
}

_holds(e, labels) if {
	e.operator == "Exists"
	labels[e.key]
}

_holds(e, labels) if {
	e.operator == "DoesNotExist"
	is_string(e.key)
	not labels[e.key]
}

_is_one_of(labels, e) if labels[e.key] in e.values
