package policies.lib.quantity_test

import data.policies.lib.quantity

_values := {
	"0": 0,
	"2": 2,
	"+2": 2,
	"-2": -2,
	"0.5": 0.5,
	".5": 0.5,
	"5.": 5,
	"500m": 0.5,
	"1500000u": 1.5,
	"250000000n": 0.25,
	"1k": 1000,
	"1M": 1000000,
	"1.5G": 1500000000,
	"1T": 1000000000000,
	"1P": 1000000000000000,
	"1E": 1000000000000000000,
	"1Ki": 1024,
	"512Mi": 536870912,
	"1.5Gi": 1610612736,
	"1Ti": 1099511627776,
	"1Pi": 1125899906842624,
	"1Ei": 1152921504606846976,
	"1e3": 1000,
	"1E3": 1000,
	"1e+3": 1000,
	"5e-1": 0.5,
}

test_every_suffix_has_its_value if {
	every text, want in _values {
		quantity.value(text) == want
	}
}

test_a_number_is_its_own_value if {
	quantity.value(2) == 2
	quantity.value(0.5) == 0.5
	quantity.millis(0.1) == 100
}

test_millis_are_whole_and_round_up if {
	every text, want in {"1": 1000, "0.1": 100, "100m": 100, "1.0005": 1001, "1u": 1, "2Gi": 2147483648000} {
		quantity.millis(text) == want
	}
}

test_what_is_no_quantity_has_no_value if {
	every bad in ["", "+", ".", "m", "1 Gi", "1gi", "1KI", "1Mb", "text", "1e", "1e999", "1.2.3", "--1", "0x10", "1_000", "123456789012345678901", null, true, [], {}, ["1"]] {
		not quantity.value(bad)
		not quantity.millis(bad)
	}
}
