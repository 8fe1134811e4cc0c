package policies.lib.spelling_test

import data.policies.lib.spelling

test_near if {
	every pair in [["8080", "8080"], ["8080", "808"], ["808", "8080"], ["8080", "8090"], ["8080", "8800"], ["LOG_LEVEL", "LGO_LEVEL"]] {
		spelling.is_near(pair[0], pair[1])
	}
}

test_far if {
	every pair in [["8080", "9090"], ["8080", "80"], ["LOG_LEVEL", "LOGGLEVELS"], ["abcd", "dbca"]] {
		not spelling.is_near(pair[0], pair[1])
	}
}

test_misspelt if {
	every pair in [["shp", "shop"], ["shpo", "shop"], ["shopp", "shop"], ["ingresgateway", "ingressgateway"]] {
		spelling.is_misspelt(pair[0], pair[1])
	}
	every pair in [["shop", "shop"], ["web-1", "web-2"], ["web-a", "web-b"], ["web-1", "web-10"], ["web", "web2"], ["shop", "cart"]] {
		not spelling.is_misspelt(pair[0], pair[1])
	}
}
