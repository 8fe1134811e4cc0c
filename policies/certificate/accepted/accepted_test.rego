package policies.certificate.accepted_test

import data.policies.certificate.accepted
import data.policies.lib.fixture_test as fixture

_object(kind, spec) := {"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}

_certificate(spec) := _object("Certificate", object.union({"dnsNames": ["a.example.com"], "secretName": "web", "issuerRef": {"name": "ca"}}, spec))

_solver(solver) := _object("ClusterIssuer", {"acme": {"server": "https://acme", "privateKeySecretRef": {"name": "a"}, "solvers": [solver]}})

_faults(obj) := faults if faults := accepted.deny with input as obj

_messages(obj) := {fault.msg | some fault in _faults(obj)}

_paths(obj) := {fault.path | some fault in _faults(obj)}

test_message if {
	_messages(_certificate({"duration": "24h", "renewBefore": "48h"})) == {`renewBefore of Certificate "web" is 48h, no less than the 24h that the certificate lives`}
	_messages(_certificate({"renewBefore": "2160h"})) == {`renewBefore of Certificate "web" is 2160h, no less than the 2160h that the certificate lives`}
	_messages(_certificate({"privateKey": {"algorithm": "ECDSA", "size": 2048}})) == {`privateKey.size of Certificate "web" is 2048: a key of the algorithm ECDSA has 256, 384 or 521`}
	_messages(_certificate({"signatureAlgorithm": "ECDSAWithSHA256"})) == {concat(" ", [
		`signatureAlgorithm of Certificate "web" is ECDSAWithSHA256: with a key of the algorithm RSA it is one of`,
		"SHA256WithRSA, SHA384WithRSA, SHA512WithRSA",
	])}
	_messages(_object("Issuer", {"ca": {}, "selfSigned": {}})) == {`Issuer "web" is of 2 types, ca and selfSigned: cert-manager takes one`}
	_messages(_solver({"http01": {}})) == {`http01 of a solver of ClusterIssuer "web" has nothing that answers the challenge: cert-manager takes one of ingress, gatewayHTTPRoute`}
}

_fine := {
	"a name": {},
	"every name": {"commonName": "a", "dnsNames": ["${DOMAIN}"], "uris": ["a:b"], "ipAddresses": ["10.0.0.1", "::1", "$(IP)"], "emailAddresses": ["a@example.com"]},
	"a name of 64 characters": {"commonName": concat("", [c | some _ in numbers.range(1, 64); c := "a"])},
	"an address alone": {"dnsNames": [], "ipAddresses": ["fe80::1"]},
	"a subject alone": {"dnsNames": null, "literalSubject": "CN=a"},
	"a subject beside an empty one": {"literalSubject": "CN=a", "commonName": "", "subject": {"countries": [], "serialNumber": ""}},
	"another group's issuer": {"issuerRef": {"group": "awspca.cert-manager.io", "kind": "AWSPCAClusterIssuer"}},
	"cert-manager's issuer": {"issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer"}},
	"keys": {"privateKey": {"size": 4096}},
	"a key of another algorithm": {"privateKey": {"algorithm": "ECDSA", "size": 521}, "signatureAlgorithm": "ECDSAWithSHA512"},
	"a key without a size": {"privateKey": {"algorithm": "Ed25519", "size": 0}, "signatureAlgorithm": "PureEd25519"},
	"an algorithm that the schema refuses": {"privateKey": {"algorithm": "DSA", "size": 1}, "signatureAlgorithm": "SHA256WithRSA"},
	"the shortest": {"duration": "1h", "renewBefore": "5m"},
	"a duration in parts": {"duration": "1h30m", "renewBefore": "1h29m59.5s"},
	"a share": {"duration": "2160h", "renewBeforePercentage": 25},
	"no duration": {"duration": "a day", "renewBefore": "12"},
	"an annotation of the Secret": {"secretTemplate": {"annotations": {"cert-manager.io/allow-direct-injection": "true", "example.com/a": "b"}}},
	"an authority": {"isCA": true, "nameConstraints": {"permitted": {"dnsDomains": ["example.com"]}}},
	"nothing": {"privateKey": null, "duration": null, "renewBefore": null, "secretTemplate": null, "nameConstraints": null, "ipAddresses": null},
}

test_accepts[note] if {
	some note, spec in _fine
	_messages(_certificate(spec)) == set()
}

_refused := {
	"no name": {"spec": {"dnsNames": [], "commonName": ""}, "path": ["spec"]},
	"a long name": {"spec": {"commonName": concat("", [c | some _ in numbers.range(1, 65); c := "a"])}, "path": ["spec", "commonName"]},
	"two subjects": {"spec": {"literalSubject": "CN=a", "commonName": "a"}, "path": ["spec", "literalSubject"]},
	"two subjects in parts": {"spec": {"literalSubject": "CN=a", "subject": {"countries": ["CH"]}}, "path": ["spec", "literalSubject"]},
	"an issuer without its group": {"spec": {"issuerRef": {"kind": "VenafiIssuer"}}, "path": ["spec", "issuerRef", "kind"]},
	"a small key": {"spec": {"privateKey": {"size": 1024}}, "path": ["spec", "privateKey", "size"]},
	"a large key": {"spec": {"privateKey": {"algorithm": "RSA", "size": 16384}}, "path": ["spec", "privateKey", "size"]},
	"a short life": {"spec": {"duration": "30m", "renewBefore": "10m"}, "path": ["spec", "duration"]},
	"a short renewal": {"spec": {"renewBefore": "1m"}, "path": ["spec", "renewBefore"]},
	"two renewals": {"spec": {"renewBefore": "1h", "renewBeforePercentage": 50}, "path": ["spec", "renewBefore"]},
	"no address": {"spec": {"ipAddresses": ["10.0.0.1", "10.0.0.0/8"]}, "path": ["spec", "ipAddresses", 1]},
	"an annotation of its own": {"spec": {"secretTemplate": {"annotations": {"cert-manager.io/issuer-name": "a"}}}, "path": ["spec", "secretTemplate", "annotations", "cert-manager.io/issuer-name"]},
	"constraints of no authority": {"spec": {"nameConstraints": {}}, "path": ["spec", "nameConstraints"]},
}

test_refuses[note] if {
	some note, case in _refused
	_paths(_certificate(case.spec)) == {case.path}
}

_issuers := {
	"itself": _object("Issuer", {"selfSigned": {}}),
	"an authority": _object("ClusterIssuer", {"ca": {"secretName": "a"}}),
	"an ingress": _solver({"http01": {"ingress": {"ingressClassName": "nginx"}}}),
	"an ingress of no name": _solver({"http01": {"ingress": {"class": "nginx", "name": ""}}}),
	"any ingress": _solver({"http01": {"ingress": {}}, "dns01": null}),
	"a gateway": _solver({"http01": {"gatewayHTTPRoute": {"parentRefs": []}}}),
	"a provider": _solver({"selector": {"dnsZones": ["a"]}, "dns01": {"cnameStrategy": "Follow", "route53": {"region": "a"}}}),
	"a token": _solver({"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "a", "key": "b"}}}}),
	"a key": _solver({"dns01": {"cloudflare": {"email": "a@example.com", "apiKeySecretRef": {"name": "a", "key": "b"}}}}),
	"no solver": _object("Issuer", {"acme": {"solvers": []}}),
	"a vault": _object("Issuer", {"vault": {"server": "a", "caBundle": "", "caBundleSecretRef": {"name": "a"}, "auth": {"kubernetes": {"role": "a"}, "tokenSecretRef": {"name": "a"}}}}),
	"another group": object.union(_object("Issuer", {}), {"apiVersion": "ca.example.com/v1"}),
	"another certificate": object.union(_object("Certificate", {}), {"apiVersion": "networking.internal.knative.dev/v1alpha1"}),
}

test_accepts_issuers[note] if {
	some note, obj in _issuers
	_messages(obj) == set()
}

_solver_at(steps) := array.concat(["spec", "acme", "solvers", 0], steps)

_wrong_issuers := {
	"no type": {"object": _object("Issuer", {}), "path": ["spec"]},
	"three types": {"object": _object("Issuer", {"acme": {}, "ca": {}, "selfSigned": {}}), "path": ["spec", "ca"]},
	"both challenges": {"object": _solver({"http01": {"ingress": {}}, "dns01": {"route53": {}}}), "path": _solver_at(["dns01"])},
	"no challenge": {"object": _solver({"selector": {}}), "path": _solver_at([])},
	"no provider": {"object": _solver({"dns01": {"cnameStrategy": "None"}}), "path": _solver_at(["dns01"])},
	"two providers": {"object": _solver({"dns01": {"route53": {}, "webhook": {}}}), "path": _solver_at(["dns01"])},
	"an ingress and a gateway": {"object": _solver({"http01": {"ingress": {}, "gatewayHTTPRoute": {}}}), "path": _solver_at(["http01"])},
	"two classes": {"object": _solver({"http01": {"ingress": {"class": "a", "ingressClassName": "a"}}}), "path": _solver_at(["http01", "ingress"])},
	"a class and an empty one": {"object": _solver({"http01": {"ingress": {"class": "", "ingressClassName": "a"}}}), "path": _solver_at(["http01", "ingress"])},
	"a key of nobody": {"object": _solver({"dns01": {"cloudflare": {"apiKeySecretRef": {}}}}), "path": _solver_at(["dns01", "cloudflare"])},
	"a key and a token": {"object": _solver({"dns01": {"cloudflare": {"email": "a", "apiKeySecretRef": {}, "apiTokenSecretRef": {}}}}), "path": _solver_at(["dns01", "cloudflare"])},
	"no login": {"object": _object("Issuer", {"vault": {"auth": {}}}), "path": ["spec", "vault", "auth"]},
	"two bundles": {"object": _object("Issuer", {"vault": {"auth": {"aws": {}}, "caBundle": "a", "caBundleSecretRef": {"name": "a"}}}), "path": ["spec", "vault", "caBundle"]},
	"a bundle that nobody asks": {"object": _object("Issuer", {"acme": {"caBundle": "a", "skipTLSVerify": true}}), "path": ["spec", "acme", "caBundle"]},
}

test_refuses_issuers[note] if {
	some note, case in _wrong_issuers
	_paths(case.object) == {case.path}
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable { _faults(obj) == set() }
	every spec in [null, "text", ["a"], 1] { _messages(_object("Certificate", {"dnsNames": ["a"], "secretTemplate": spec, "privateKey": spec})) == set() }
	_messages({"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "spec": {"acme": {"solvers": "text"}}}) == set()
}
