package policies.lib.image_test

import data.policies.lib.image

_digest := "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

test_tag[reference] if {
	some reference, want in {
		"app:1.0.0": "1.0.0",
		"r.example:5000/team/app:v1": "v1",
		concat("@", ["r.example:5000/team/app:1.0.0", _digest]): "1.0.0",
	}
	image.tag(reference) == want
}

test_no_tag if {
	every reference in ["app", "r.example:5000/app", concat("@", ["app", _digest]), "app:1.0.0@sha256:0123", "app:", "app: 1", ":1.0", "", 7, null, ["app:1"]] {
		not image.tag(reference)
	}
}
