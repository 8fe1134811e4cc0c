# METADATA
# scope: package
# title: Texts that are nearly one another
# description: What somebody may have meant who wrote another text.
package policies.lib.spelling

# METADATA
# description: whether two texts are the same once at most one character is left out of each
is_near(a, b) if count(_shortened(a) & _shortened(b)) > 0

# METADATA
# description: |
#   Whether a text is nearly another one and not the next of a row, as web-2 and web-b are of web-1 and
#   web-a: a character too many or too few, or two that have changed places.
is_misspelt(a, b) if {
	is_near(a, b)
	a != b
	regex.replace(a, `[0-9]+`, "") != regex.replace(b, `[0-9]+`, "")
	not _is_next(a, b)
}

_is_next(a, b) if {
	count(a) == count(b)
	count([i | some i in numbers.range(0, count(a) - 1); substring(a, i, 1) != substring(b, i, 1)]) == 1
}

_shortened(text) := {text} | {concat("", [substring(text, 0, i), substring(text, i + 1, -1)]) |
	some i in numbers.range(0, count(text) - 1)
}
