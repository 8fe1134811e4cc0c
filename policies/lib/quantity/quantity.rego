# METADATA
# scope: package
# title: Kubernetes quantities as numbers
# description: |
#   CPU, memory and storage are written as "500m", "1Gi", "1.5", 2 or "1e3". Text that is no
#   quantity has no value here (undefined), so a rule that reads `not _good(x)` refuses it.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
package policies.lib.quantity

# METADATA
# description: the quantity in its own unit (cores, bytes, pieces); 1500m is 1.5
value(q) := f.numerator / f.denominator if f := _fraction(q)

# METADATA
# description: |
#   The quantity in thousandths, rounded up as the API server does with what is finer. Whole
#   numbers, so that sums and comparisons of CPU carry no rounding error.
millis(q) := ceil((f.numerator * 1000) / f.denominator) if f := _fraction(q)

_fraction(q) := {"numerator": q * 1000000000, "denominator": 1000000000} if is_number(q)

_fraction(q) := {
	"numerator": (_sign[sign] * to_number(concat("", [whole, decimals]))) * scale.numerator,
	"denominator": _power(count(decimals)) * scale.denominator,
} if {
	is_string(q)
	[[_, sign, whole, decimals, suffix]] := _split(q)
	concat("", [whole, decimals]) != ""
	scale := _scale(suffix)
}

# Forty digits are more than any quantity holds, and few enough for a number never to overflow.
_split(q) := regex.find_all_string_submatch_n(`^([+-]?)([0-9]{0,20})(?:\.([0-9]{0,20}))?([a-zA-Z]*|[eE][+-]?[0-9]{1,2})$`, q, 1)

_sign := {"": 1, "+": 1, "-": -1}

_scale(suffix) := _scales[suffix]

_scale(suffix) := {"numerator": _power(to_number(exponent)), "denominator": 1} if {
	[[_, exponent]] := regex.find_all_string_submatch_n(`^[eE]\+?([0-9]{1,2})$`, suffix, 1)
}

_scale(suffix) := {"numerator": 1, "denominator": _power(to_number(exponent))} if {
	[[_, exponent]] := regex.find_all_string_submatch_n(`^[eE]-([0-9]{1,2})$`, suffix, 1)
}

# Powers of ten by their zeros: exact at any size, where 1eN would be a float.
_power(n) := to_number(concat("", ["1", substring(_zeros, 0, n)]))

_zeros := "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

_scales := {
	"n": {"numerator": 1, "denominator": 1000000000},
	"u": {"numerator": 1, "denominator": 1000000},
	"m": {"numerator": 1, "denominator": 1000},
	"": {"numerator": 1, "denominator": 1},
	"k": {"numerator": 1000, "denominator": 1},
	"M": {"numerator": 1000000, "denominator": 1},
	"G": {"numerator": 1000000000, "denominator": 1},
	"T": {"numerator": 1000000000000, "denominator": 1},
	"P": {"numerator": 1000000000000000, "denominator": 1},
	"E": {"numerator": 1000000000000000000, "denominator": 1},
	"Ki": {"numerator": 1024, "denominator": 1},
	"Mi": {"numerator": 1048576, "denominator": 1},
	"Gi": {"numerator": 1073741824, "denominator": 1},
	"Ti": {"numerator": 1099511627776, "denominator": 1},
	"Pi": {"numerator": 1125899906842624, "denominator": 1},
	"Ei": {"numerator": 1152921504606846976, "denominator": 1},
}
