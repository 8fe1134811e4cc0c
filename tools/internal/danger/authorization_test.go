package danger

import (
	"fmt"
	"strings"
	"testing"
)

func TestAuthorization(t *testing.T) {
	policy := func(name, action, rules string, rest ...string) string {
		return called("security.istio.io/v1", "AuthorizationPolicy", name, "spec: {action: "+action+", rules: ["+rules+"]"+strings.Join(rest, "")+"}")
	}
	allow := func(rules string) string { return policy("a", "ALLOW", rules) }
	deny := func(rules string) string { return policy("d", "DENY", rules) }
	from := func(source string) string { return "{from: [{source: {" + source + "}}]}" }
	to := func(operation string) string { return "{to: [{operation: {" + operation + "}}]}" }
	rooted := func(object string) string {
		return strings.Replace(object, "namespace: shop", "namespace: istio-system", 1)
	}
	dry := func(object string) string { return annotated(object, "istio.io/dry-run: 'true'") }
	const of = ", selector: {matchLabels: {app: w}}"
	w := pods("w", "app: w", "")
	till := from("principals: [cluster.local/ns/shop/sa/till]")
	let := []string{`warning was.yaml@main : protection lost: AuthorizationPolicy "a" is removed: no policy allows, so that every request is let through to the pods of Deployment "w"`}
	besides := []string{strings.Replace(let[0], "every request", "every request that none refuses", 1)}
	every := []string{`warning now.yaml spec.rules[0]: protection lost: rule 1 of AuthorizationPolicy "a" allows every request`}
	caller := func(what string) []string {
		return []string{`warning now.yaml spec.rules[0]: protection lost: rule 1 of AuthorizationPolicy "a" ` + what}
	}
	left := func(what string) []string { return caller("lets through what was left out: " + what) }
	mesh := caller("takes every caller of the mesh")
	account := called("v1", "ServiceAccount", "w")
	strict := called("security.istio.io/v1", "PeerAuthentication", "p", "spec: {mtls: {mode: STRICT}}")
	lost := func(what string) []string {
		return []string{`warning was.yaml@main : protection lost: AuthorizationPolicy "d" is removed: some of what it refused (DENY) ` + what + ` let through to the pods of Deployment "w"`}
	}
	all := func(format string) string {
		var values []string
		for i := range 40 {
			values = append(values, fmt.Sprintf(format, i))
		}
		return "[" + strings.Join(values, ", ") + "]"
	}
	many := "{from: [{source: {principals: " + all("cluster.local/ns/eve/sa/x%d") + "}}], to: [{operation: {hosts: " + all("h%d") + ", paths: " + all("/p%d") + ", ports: " + all("'%d'") + "}}]}"
	run(t, []step{
		{"removed", protectionLost, allow(till) + w, w, let},
		{"removed, and all is refused", protectionLost, allow(till) + deny("{}") + w, deny("{}") + w, nil},
		{"removed, and all but some is refused", protectionLost, allow(till) + w, deny(from("notPrincipals: [cluster.local/ns/shop/sa/till]")) + w, nil},
		{"removed, and some is refused", protectionLost, allow(till) + deny(to("paths: [/admin]")) + w, deny(to("paths: [/admin]")) + w, besides},
		{"removed, of pods that are elsewhere", protectionLost, allow(till) + account, account, []string{`warning was.yaml@main : protection lost: AuthorizationPolicy "a" is removed: no policy allows, so that requests may be let through to what it selects`}},
		{"removed where all is allowed", protectionLost, allow("{}") + w, w, nil},
		{"removed from a namespace for the mesh", protectionLost, allow(till) + w, rooted(allow(till)) + w, nil},
		{"removed beside one that is not enforced", protectionLost, allow(till) + dry(policy("b", "ALLOW", till)) + w, dry(policy("b", "ALLOW", till)) + w, let},
		{"removed beside one for others", protectionLost, allow(till) + policy("b", "ALLOW", till, ", selector: {matchLabels: {app: v}}") + w, policy("b", "ALLOW", till, ", selector: {matchLabels: {app: v}}") + w, let},
		{"refuses all in place of allowing all", protectionLost, policy("a", "ALLOW", "{}", of) + w, policy("a", "DENY", "{}", of) + w, nil},
		{"refuses some in place of allowing some", protectionLost, policy("a", "ALLOW", till, of) + w, policy("a", "DENY", to("paths: [/admin]"), of) + w, []string{
			`warning now.yaml spec.action: protection lost: AuthorizationPolicy "a" has spec.action: ALLOW → DENY: no policy allows, so that every request that none refuses is let through to the pods of Deployment "w"`}},
		{"not enforced any more", protectionLost, allow(till) + w, dry(allow(till)) + w, []string{
			`warning now.yaml metadata.annotations["istio.io/dry-run"]: protection lost: AuthorizationPolicy "a" is logged and no longer enforced: istio.io/dry-run: no policy allows, so that every request is let through to the pods of Deployment "w"`}},
		{"selects others", protectionLost, policy("a", "ALLOW", till, of) + w, policy("a", "ALLOW", till, ", selector: {matchLabels: {app: v}}") + w, []string{
			`warning now.yaml spec.selector: protection lost: AuthorizationPolicy "a" is no longer over the pods of Deployment "w": no policy allows, so that every request is let through to them`}},

		{"every request", protectionLost, allow(till) + w, allow("{}") + w, every},
		{"every request, of pods that are elsewhere", protectionLost, allow(till), allow("{}"), every},
		{"every request of a gateway", protectionLost, policy("a", "ALLOW", till, ", targetRefs: [{kind: Gateway, name: g}]") + w, policy("a", "ALLOW", "{}", ", targetRefs: [{kind: Gateway, name: g}]") + w, every},
		{"gateways in another order", protectionLost, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}, {group: gateway.networking.k8s.io, kind: Gateway, name: h}]") + w, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: h}, {group: gateway.networking.k8s.io, kind: Gateway, name: g}]") + w, nil},
		{"gateways by a policy each", protectionLost, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}, {group: gateway.networking.k8s.io, kind: Gateway, name: h}]") + w, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]") + policy("b", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: h}]") + w, nil},
		{"a gateway more", protectionLost, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]") + w, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}, {group: gateway.networking.k8s.io, kind: Gateway, name: h}]") + w, nil},
		{"a gateway in a list of its own", protectionLost, policy("a", "ALLOW", till, ", targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: g}") + w, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]") + w, nil},
		{"a gateway less", protectionLost, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}, {group: gateway.networking.k8s.io, kind: Gateway, name: h}]") + w, policy("a", "ALLOW", till, ", targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]") + w, []string{
			`warning now.yaml spec: protection lost: AuthorizationPolicy "a" is no longer over all that it selected: no policy allows, so that requests may be let through to it`}},
		{"every request, whatever its path", protectionLost, allow(till) + w, allow(to("paths: ['*']")) + w, every},
		{"every address", protectionLost, allow(till) + w, allow(from("ipBlocks: [0.0.0.0/0]")) + w, caller("takes every caller")},
		{"every request by another", protectionLost, policy("b", "ALLOW", till) + w, policy("b", "ALLOW", till) + allow("{}") + w, every},
		{"every request where another allowed it", protectionLost, allow(till) + policy("b", "ALLOW", "{}") + w, allow("{}") + policy("b", "ALLOW", "{}") + w, nil},
		{"every request where nothing is let through", protectionLost, allow(till) + deny("{}") + w, allow("{}") + deny("{}") + w, nil},
		{"every request where it is not enforced", protectionLost, dry(allow(till)) + policy("b", "ALLOW", till) + w, dry(allow("{}")) + policy("b", "ALLOW", till) + w, nil},
		{"every request at last to others", protectionLost, policy("b", "ALLOW", till, of) + w, policy("b", "ALLOW", till, of) + policy("a", "ALLOW", "{}", ", selector: {matchLabels: {app: v}}") + w, nil},
		{"every caller", protectionLost, allow(till), allow(from("principals: ['*']")), mesh},
		{"every caller before", protectionLost, allow(from("principals: ['*']")), allow(from("namespaces: ['*']")), nil},
		{"every caller, no longer everybody", protectionLost, allow("{}"), allow(from("principals: ['*']")), nil},
		{"every caller of a path", protectionLost, allow(till), allow(to("paths: [/a]")), []string{`warning now.yaml spec.rules[0]: protection lost: rule 1 of AuthorizationPolicy "a" asks nothing of its caller`}},
		{"every caller of another path", protectionLost, allow(to("paths: [/a]")), allow(to("paths: [/b]")), nil},
		{"every caller of a namespace", protectionLost, allow(till), allow(from("principals: ['*'], namespaces: [shop]")), nil},
		{"every caller of some addresses", protectionLost, allow(till), allow(from("principals: ['*'], ipBlocks: [10.1.2.3]")), nil},
		{"every caller with a token", protectionLost, allow(till), allow(from("requestPrincipals: ['*']")), caller("takes every caller with a token")},
		{"every caller with a token, of one", protectionLost, allow(from("requestPrincipals: [issuer/a]")), allow(from("requestPrincipals: ['*']")), caller("takes every caller with a token")},
		{"every caller with a token of an issuer", protectionLost, allow(from("requestPrincipals: [issuer/a]")), allow(from("requestPrincipals: ['issuer/*']")), caller("takes every caller with a token of its issuer")},
		{"every caller with a token, where more is asked", protectionLost, allow(till), allow(from("requestPrincipals: ['*'], namespaces: [shop]")), nil},
		{"every caller but one", protectionLost, allow(till), allow(from("notPrincipals: [cluster.local/ns/eve/sa/x]")), caller("takes every caller but for those that it leaves out")},
		{"every caller but one, of a namespace", protectionLost, allow(from("namespaces: [shop]")), allow(from("namespaces: [shop], notPrincipals: [cluster.local/ns/shop/sa/x]")), nil},
		{"every caller but one of all", protectionLost, allow("{}"), allow(from("notPrincipals: [cluster.local/ns/eve/sa/x]")), nil},
		{"every caller by a pattern", protectionLost, allow(till), allow(from("principals: ['cluster.local/ns/*']")), mesh},
		{"every caller without mutual TLS", protectionLost, allow(from("principals: ['*']")) + w, allow("{}") + w, every},
		{"every caller where mutual TLS is strict", protectionLost, allow(from("principals: ['*']")) + strict + w, allow("{}") + strict + w, nil},
		{"every caller where all else is refused", protectionLost, allow(till) + deny(from("notPrincipals: [cluster.local/ns/shop/sa/till]")) + w, allow(from("principals: ['*']")) + deny(from("notPrincipals: [cluster.local/ns/shop/sa/till]")) + w, nil},
		{"every request beside a denial of some", protectionLost, allow(till) + deny(to("notPaths: [/public]")) + w, allow("{}") + deny(to("notPaths: [/public]")) + w, every},

		{"what was left out, of paths", protectionLost, allow("{from: [{source: {namespaces: [shop]}}], to: [{operation: {notPaths: [/admin, /debug]}}]}"), allow("{from: [{source: {namespaces: [shop]}}], to: [{operation: {notPaths: [/debug]}}]}"), left("notPaths /admin")},
		{"what was left out, of any", protectionLost, allow("{from: [{source: {namespaces: [shop]}}], to: [{operation: {notPaths: [/admin*]}}]}"), allow(from("namespaces: [shop]")), left("notPaths /admin*")},
		{"what was left out, of callers", protectionLost, allow(from("namespaces: [shop], notPrincipals: [cluster.local/ns/shop/sa/x]")), allow(from("namespaces: [shop]")), left("notPrincipals cluster.local/ns/shop/sa/x")},
		{"what was left out, by a key", protectionLost, allow("{when: [{key: source.namespace, values: ['sh*'], notValues: [shut]}]}"), allow("{when: [{key: source.namespace, values: ['sh*']}]}"), left("notNamespaces shut")},
		{"what was left out, of others too", protectionLost, allow(from("namespaces: [shop], notPrincipals: [cluster.local/ns/eve/sa/x]")), allow(from("namespaces: [shop]")), nil},
		{"what was left out, for a caller by name", protectionLost, allow(to("notPaths: [/admin]")), allow(to("notPaths: [/admin]") + ", {from: [{source: {namespaces: [shop]}}], to: [{operation: {paths: [/admin]}}]}"), nil},
		{"what was left out and is refused", protectionLost, allow("{from: [{source: {namespaces: [shop]}}], to: [{operation: {notPaths: [/admin]}}]}") + w, allow(from("namespaces: [shop]")) + deny(to("paths: [/admin]")) + w, nil},
		{"what was left out by one of two", protectionLost, allow(to("notPaths: [/admin]") + ", " + to("paths: [/a*]")), allow(to("paths: ['*']")), nil},
		{"every caller, where one more is asked of", protectionLost, allow(till), allow("{from: [{source: {principals: ['*']}}], when: [{key: source.namespace, values: [shop]}]}"), nil},

		{"denial removed", protectionLost, deny("{}") + w, w, []string{`warning was.yaml@main : protection lost: AuthorizationPolicy "d" is removed: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial removed, of pods that are elsewhere", protectionLost, deny(to("paths: [/admin]")) + account, account, []string{`warning was.yaml@main : protection lost: AuthorizationPolicy "d" is removed: some of what it refused (DENY) may be let through to what it selects`}},
		{"denial of others, of pods that are elsewhere", protectionLost, deny(to("paths: [/admin]")) + account, policy("d", "DENY", to("paths: [/admin]"), of) + account, []string{`warning now.yaml spec.selector: protection lost: AuthorizationPolicy "d" is no longer over all that it selected: some of what it refused (DENY) may be let through to it`}},
		{"denial renamed, of pods that are elsewhere", protectionLost, deny(to("paths: [/admin]")) + account, policy("e", "DENY", to("paths: [/admin]")) + account, nil},
		{"denial removed with its namespace", protectionLost, deny(to("paths: [/admin]")), "", nil},
		{"denial removed beside another", protectionLost, deny(to("paths: [/admin]")) + policy("e", "DENY", to("paths: [/admin*]")) + w, policy("e", "DENY", to("paths: [/admin*]")) + w, nil},
		{"denial in two", protectionLost, deny(to("paths: [/a, /b]")) + w, deny(to("paths: [/a]")) + policy("e", "DENY", to("paths: [/b]")) + w, nil},
		{"denial of what nobody is allowed", protectionLost, allow("") + deny("{}") + w, allow("") + w, nil},
		{"denial of a caller who may not be allowed", protectionLost, allow(till) + deny(from("namespaces: [eve]")) + w, allow(till) + w, nil},
		{"denial by another name of the caller", protectionLost, deny(from("principals: [cluster.local/ns/eve/sa/x]")) + w, deny(from("namespaces: [eve]")) + w, nil},
		{"denial of an account by its name in a trust domain", protectionLost, deny(from("serviceAccounts: [eve/x]")) + w, deny(from("principals: [cluster.local/ns/eve/sa/x]")) + w, []string{`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) may be let through to the pods of Deployment "w"`}},
		{"denial of a namespace by its name in a trust domain", protectionLost, deny(from("namespaces: [eve]")) + w, deny(from("principals: [cluster.local/ns/eve/*]")) + w, []string{`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) may be let through to the pods of Deployment "w"`}},
		{"denial of a namespace by its name in another trust domain", protectionLost, deny(from("namespaces: [eve]")) + w, deny(from("principals: [example.com/ns/eve/*]")) + w, []string{`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) may be let through to the pods of Deployment "w"`}},
		{"denial in a trust domain of two", protectionLost, deny(from("principals: [cluster.local/ns/eve/sa/x, example.com/ns/eve/sa/x]")) + w, deny(from("principals: [cluster.local/ns/eve/sa/x]")) + w, []string{
			`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial to audit", protectionLost, deny("{}") + w, policy("d", "AUDIT", "{}") + w, []string{`warning now.yaml spec.action: protection lost: AuthorizationPolicy "d" has spec.action: DENY → AUDIT: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial to audit, of pods that are elsewhere", protectionLost, deny("{}"), policy("d", "AUDIT", "{}"), []string{`warning now.yaml spec.action: protection lost: AuthorizationPolicy "d" has spec.action: DENY → AUDIT: some of what it refused (DENY) is let through to what it selects`}},
		{"denial of less", protectionLost, allow(till) + deny(from("namespaces: [eve]")+", "+to("paths: [/admin*]")) + w, allow(till) + deny(from("namespaces: [eve]")) + w, []string{
			`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial of a path less", protectionLost, deny(to("paths: [/a, /b]")) + w, deny(to("paths: [/a]")) + w, []string{
			`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial of a path below", protectionLost, deny(to("paths: [/admin*]")) + w, deny(to("paths: [/admin/public]")) + w, []string{
			`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial that ends as its pods come", protectionLost, deny("{}"), policy("d", "AUDIT", "{}") + w, []string{
			`warning now.yaml spec.action: protection lost: AuthorizationPolicy "d" has spec.action: DENY → AUDIT: some of what it refused (DENY) is let through to what it selects`}},
		{"denial of more ways than are looked at one by one", protectionLost, deny(many) + w, deny(many) + policy("e", "ALLOW", "{}") + w, nil},
		{"denial of fewer of them", protectionLost, deny(many) + w, w, []string{
			`warning was.yaml@main : protection lost: AuthorizationPolicy "d" is removed: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial of a name in a namespace", protectionLost, allow(from("namespaces: [eve]")) + deny(from("principals: [cluster.local/ns/eve/sa/x]")) + w, allow(from("namespaces: [eve]")) + w, lost("is")},
		{"denial of a namespace of a name", protectionLost, allow(till) + deny(from("namespaces: [shop]")) + w, allow(till) + w, lost("is")},
		{"denial of all but a name", protectionLost, allow(from("namespaces: [shop]")) + deny(from("notPrincipals: [cluster.local/ns/shop/sa/till]")) + w, allow(from("namespaces: [shop]")) + w, lost("is")},
		{"denial of all but what is allowed", protectionLost, allow(till) + deny(from("notNamespaces: [shop]")) + w, allow(till) + w, nil},
		{"denial of all but a path", protectionLost, allow(till) + deny(to("notPaths: [/public]")) + w, allow(till) + w, lost("is")},
		{"denial of all but a path that alone is allowed", protectionLost, allow(to("paths: [/public]")) + deny(to("notPaths: ['/public*']")) + w, allow(to("paths: [/public]")) + w, nil},
		{"denial of addresses to a name", protectionLost, allow(till) + deny(from("ipBlocks: [10.0.0.0/8]")) + w, allow(till) + w, lost("may be")},
		{"denial of addresses to all but a part", protectionLost, deny(from("ipBlocks: [10.0.0.0/8]")) + w, deny(from("ipBlocks: [10.0.0.0/8], notIpBlocks: [10.1.0.0/16]")) + w, []string{
			`warning now.yaml spec.rules: protection lost: AuthorizationPolicy "d" refuses less: some of what it refused (DENY) is let through to the pods of Deployment "w"`}},
		{"denial of a block by its halves", protectionLost, deny(from("ipBlocks: [10.0.0.0/8]")) + w, deny(from("ipBlocks: [10.0.0.0/9]")+", "+from("ipBlocks: [10.128.0.0/9]")) + w, nil},
		{"denial of requests without a token", protectionLost, allow(till) + deny(from("notRequestPrincipals: ['*']")) + w, allow(till) + w, lost("is")},
		{"denial of callers without mutual TLS", protectionLost, deny(from("notPrincipals: ['*']")) + w, w, lost("may be")},
		{"denial of callers without mutual TLS, which is strict", protectionLost, deny(from("notPrincipals: ['*']")) + strict + w, strict + w, nil},
		{"denial beside one of all but some", protectionLost, deny(from("namespaces: [eve]")) + policy("e", "DENY", to("notPaths: [/public]")) + w, policy("e", "DENY", to("notPaths: [/public]")) + w, lost("is")},
		{"denial of what one of all but some refuses", protectionLost, deny(to("paths: [/admin]")) + policy("e", "DENY", to("notPaths: [/public]")) + w, policy("e", "DENY", to("notPaths: [/public]")) + w, nil},
		{"denial beside somebody else who is asked", protectionLost, deny(to("paths: [/admin]")) + policy("e", "CUSTOM", "{}") + w, policy("e", "CUSTOM", "{}") + w, lost("may be")},
		{"denial by two conditions on one attribute", protectionLost, deny("{from: [{source: {principals: ['cluster.local/ns/eve/*']}}], when: [{key: source.principal, values: ['*/sa/x']}]}") + w, deny(from("principals: [cluster.local/ns/eve/sa/x]")) + w, nil},
		{"what was left out by a condition without a key", protectionLost, allow("{when: [{notValues: [b]}]}") + w, allow("{when: [{values: [a, b]}]}") + w, left("notValues b")},
		{"denial by two templates", protectionLost, deny("{to: [{operation: {paths: ['/a/{*}']}}], when: [{key: 'request.headers[x]', values: [y]}]}") + w, deny(to("paths: ['/a/{*}']")) + w, nil},
		{"denial of a host in another case", protectionLost, deny(to("hosts: [A.example.com]")) + w, deny(to("hosts: ['*.Example.com']")) + w, nil},
		{"denial of an account", protectionLost, deny(from("serviceAccounts: [till]")) + w, deny(from("principals: ['*/ns/shop/sa/till']")) + w, nil},
		{"denial by a wider block", protectionLost, deny(from("ipBlocks: [10.1.2.3]")) + w, deny(from("ipBlocks: [10.0.0.0/8]")) + w, nil},
		{"denial by a template", protectionLost, deny(to("paths: [/a/b/c]")) + w, deny(to("paths: ['/a/{*}/c']")) + w, nil},
		{"denial by a wider rule", protectionLost, deny(to("paths: [/a/b], methods: [GET]")) + w, deny(to("paths: [/a*]")) + w, nil},
	})
}
