# METADATA
# scope: package
# title: Texts that are nearly one another
# description: What somebody may have meant who wrote another text.
package policies.lib.spelling

# METADATA
# description: whether two texts are the same once at most one character is left out of each
is_near(a, b) if count(_shortened(a) & _shortened(b)) > 0

_shortened(text) := {text} | {concat("", [substring(text, 0, i), substring(text, i + 1, -1)]) |
	some i in numbers.range(0, count(text) - 1)
}
