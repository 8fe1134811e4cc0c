# METADATA
# scope: package
# title: cert-manager accepts every Certificate and issuer
# description: |
#   The operator's webhook refuses what the schema takes, and no sync applies it: a Certificate for
#   no name, a renewal that is longer than the certificate lives, a size that the key cannot have, an
#   issuer of no type or of two, a solver of both challenges. As in version 1.21.2.
# related_resources:
#   - ref: https://github.com/cert-manager/cert-manager/blob/v1.21.2/internal/apis/certmanager/validation/certificate.go
#   - ref: https://github.com/cert-manager/cert-manager/blob/v1.21.2/internal/apis/certmanager/validation/issuer.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: cert-manager.io
#   fix: Correct the field that the message names, as cert-manager wants it.
package policies.certificate.accepted

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

_is_certificate if {
	input.kind == "Certificate"
	obj_lib.group(input) == "cert-manager.io"
}

_is_issuer if {
	input.kind in {"Issuer", "ClusterIssuer"}
	obj_lib.group(input) == "cert-manager.io"
}

_at(path) := obj_lib.at(input, array.concat(["spec"], path), null)

# What is written and not empty, as the webhook asks for most fields.
_is_set(path) if {
	value := _at(path)
	not value in ["", [], {}, false]
	value != null
}

_names := ["commonName", "dnsNames", "uris", "emailAddresses", "ipAddresses", "otherNames"]

deny contains {"msg": msg, "path": ["spec"]} if {
	_is_certificate
	every field in _names { not _is_set([field]) }
	not _is_set(["literalSubject"])
	msg := sprintf("%s is for no name: one of %s has to be there", [obj_lib.title(input), concat(", ", _names)])
}

deny contains {"msg": msg, "path": ["spec", "commonName"]} if {
	_is_certificate
	name := _at(["commonName"])
	is_string(name)
	not obj_lib.is_filled_in(name)
	count(name) > 64
	msg := sprintf("commonName of %s has %d characters, of which a certificate holds 64: a longer name is one of dnsNames", [obj_lib.title(input), count(name)])
}

deny contains {"msg": msg, "path": ["spec", "literalSubject"], "with": {["spec", field]}} if {
	_is_certificate
	_is_set(["literalSubject"])
	some field in ["commonName", "subject"]
	_says(field)
	msg := sprintf("literalSubject of %s stands beside %s, and says the same: cert-manager takes one of them", [obj_lib.title(input), field])
}

deny contains {"msg": msg, "path": ["spec", "issuerRef", "kind"]} if {
	_is_certificate
	obj_lib.at(input, ["spec", "issuerRef", "group"], "") in {"", "cert-manager.io"}
	kind := _at(["issuerRef", "kind"])
	is_string(kind)
	not kind in {"", "Issuer", "ClusterIssuer"}
	not obj_lib.is_filled_in(kind)
	msg := sprintf("issuerRef.kind of %s is %s, and cert-manager.io has Issuer and ClusterIssuer alone: of another group, name it in issuerRef.group", [obj_lib.title(input), kind])
}

_says("commonName") if _is_set(["commonName"])

_says("subject") if {
	some part, _ in _at(["subject"])
	_is_set(["subject", part])
}

_algorithm := algorithm if {
	algorithm := _at(["privateKey", "algorithm"])
	is_string(algorithm)
	algorithm != ""
} else := "RSA"

_size_fits("RSA", size) if {
	size >= 2048
	size <= 8192
}

_size_fits("ECDSA", size) if size in {256, 384, 521}

_size_fits(algorithm, _) if not algorithm in {"RSA", "ECDSA"}

_sizes := {"RSA": "between 2048 and 8192", "ECDSA": "256, 384 or 521"}

deny contains {"msg": msg, "path": ["spec", "privateKey", "size"], "with": {["spec", "privateKey", "algorithm"]}} if {
	_is_certificate
	size := _at(["privateKey", "size"])
	is_number(size)
	size > 0
	not _size_fits(_algorithm, size)
	msg := sprintf("privateKey.size of %s is %v: a key of the algorithm %s has %s", [obj_lib.title(input), size, _algorithm, _sizes[_algorithm]])
}

_signatures := {
	"RSA": {"SHA256WithRSA", "SHA384WithRSA", "SHA512WithRSA"},
	"ECDSA": {"ECDSAWithSHA256", "ECDSAWithSHA384", "ECDSAWithSHA512"},
	"Ed25519": {"PureEd25519"},
}

deny contains {"msg": msg, "path": ["spec", "signatureAlgorithm"], "with": {["spec", "privateKey", "algorithm"]}} if {
	_is_certificate
	signature := _at(["signatureAlgorithm"])
	is_string(signature)
	signature != ""
	not signature in _signatures[_algorithm]
	msg := sprintf("signatureAlgorithm of %s is %s: with a key of the algorithm %s it is one of %s", [obj_lib.title(input), signature, _algorithm, concat(", ", _signatures[_algorithm])])
}

_duration(path) := _nanoseconds(_at(path))

_nanoseconds(text) := time.parse_duration_ns(text) if {
	is_string(text)
	regex.match(`^[+-]?(0|([0-9]{1,9}(\.[0-9]{1,9})?(ns|us|ms|s|m|h))+)$`, text)
}

_seconds := 1000000000

_hours := 3600 * _seconds

# Without one, a certificate lives for 90 days.
_life := _duration(["duration"])

_life := 2160 * _hours if _at(["duration"]) == null

deny contains {"msg": msg, "path": ["spec", "duration"]} if {
	_is_certificate
	_duration(["duration"]) < _hours
	msg := sprintf("duration of %s is %s, less than an hour", [obj_lib.title(input), _at(["duration"])])
}

deny contains {"msg": msg, "path": ["spec", "renewBefore"]} if {
	_is_certificate
	_duration(["renewBefore"]) < 300 * _seconds
	msg := sprintf("renewBefore of %s is %s, less than five minutes", [obj_lib.title(input), _at(["renewBefore"])])
}

deny contains {"msg": msg, "path": ["spec", "renewBefore"], "with": {["spec", "duration"]}} if {
	_is_certificate
	_duration(["renewBefore"]) >= _life
	msg := sprintf("renewBefore of %s is %s, no less than the %s that the certificate lives", [obj_lib.title(input), _at(["renewBefore"]), obj_lib.at(input, ["spec", "duration"], "2160h")])
}

deny contains {"msg": msg, "path": ["spec", "renewBefore"], "with": {["spec", "renewBeforePercentage"]}} if {
	_is_certificate
	_at(["renewBefore"]) != null
	_at(["renewBeforePercentage"]) != null
	msg := sprintf("renewBefore of %s stands beside renewBeforePercentage: cert-manager takes one of them", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": address.path} if {
	_is_certificate
	some address in entry.list(_at(["ipAddresses"]), ["spec", "ipAddresses"])
	is_string(address.value)
	not obj_lib.is_filled_in(address.value)
	every bits in [32, 128] { not net.cidr_is_valid(sprintf("%s/%d", [address.value, bits])) }
	msg := sprintf("%q is no IP address, of those of %s", [address.value, obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "secretTemplate", "annotations", key]} if {
	_is_certificate
	some key, _ in _at(["secretTemplate", "annotations"])
	startswith(key, "cert-manager.io/")
	key != "cert-manager.io/allow-direct-injection"
	msg := sprintf("the Secret of %s may not be given the annotation %s: cert-manager writes it itself", [obj_lib.title(input), key])
}

deny contains {"msg": msg, "path": ["spec", "nameConstraints"], "with": {["spec", "isCA"]}} if {
	_is_certificate
	_at(["nameConstraints"]) != null
	not _at(["isCA"]) == true
	msg := sprintf("nameConstraints of %s are for an authority, and isCA is not true", [obj_lib.title(input)])
}

_types := ["acme", "ca", "selfSigned", "vault", "venafi"]

deny contains {"msg": msg, "path": ["spec"]} if {
	_is_issuer
	every type in _types { _at([type]) == null }
	msg := sprintf("%s is of no type: one of %s has to be there", [obj_lib.title(input), concat(", ", _types)])
}

deny contains {"msg": msg, "path": ["spec", types[1]], "with": {["spec", types[0]]}} if {
	_is_issuer
	types := [type | some type in _types; _at([type]) != null]
	count(types) > 1
	msg := sprintf("%s is of %d types, %s: cert-manager takes one", [obj_lib.title(input), count(types), concat(" and ", types)])
}

_solvers := entry.list(_at(["acme", "solvers"]), ["spec", "acme", "solvers"])

_of_solver(solver, field) := array.concat(solver.path, [field])

deny contains {"msg": msg, "path": _of_solver(solver, "dns01"), "with": {_of_solver(solver, "http01")}} if {
	_is_issuer
	some solver in _solvers
	every challenge in ["dns01", "http01"] { obj_lib.at(solver.value, [challenge], null) != null }
	msg := sprintf("a solver of %s has http01 and dns01: cert-manager takes one, and as many solvers as there are challenges", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": solver.path} if {
	_is_issuer
	some solver in _solvers
	is_object(solver.value)
	every challenge in ["dns01", "http01"] { obj_lib.at(solver.value, [challenge], null) == null }
	msg := sprintf("a solver of %s has neither http01 nor dns01", [obj_lib.title(input)])
}

# The choices within a challenge, of which there is one each.
_choices := {
	["http01"]: ["ingress", "gatewayHTTPRoute"],
	["dns01"]: ["akamai", "azureDNS", "cloudDNS", "cloudflare", "route53", "acmeDNS", "digitalocean", "rfc2136", "webhook"],
	["dns01", "cloudflare"]: ["apiKeySecretRef", "apiTokenSecretRef"],
}

deny contains {"msg": msg, "path": array.concat(solver.path, within)} if {
	_is_issuer
	some solver in _solvers
	some within, choices in _choices
	choice := obj_lib.at(solver.value, within, null)
	is_object(choice)
	chosen := [field | some field in choices; obj_lib.at(choice, [field], null) != null]
	count(chosen) != 1
	msg := sprintf("%s of a solver of %s has %s: cert-manager takes one of %s", [concat(".", within), obj_lib.title(input), _listed(chosen), concat(", ", choices)])
}

_listed([]) := "nothing that answers the challenge"

_listed(fields) := concat(" and ", fields) if count(fields) > 0

# An empty class is one; an empty name is none.
_ungiven := {"ingressClassName": [null], "class": [null], "name": [null, ""]}

deny contains {"msg": msg, "path": array.concat(solver.path, ["http01", "ingress"])} if {
	_is_issuer
	some solver in _solvers
	ingress := obj_lib.at(solver.value, ["http01", "ingress"], null)
	given := [field | some field in ["ingressClassName", "class", "name"]; not obj_lib.at(ingress, [field], null) in _ungiven[field]]
	count(given) > 1
	msg := sprintf("http01.ingress of a solver of %s has %s: cert-manager takes one", [obj_lib.title(input), concat(" and ", given)])
}

deny contains {"msg": msg, "path": array.concat(solver.path, ["dns01", "cloudflare"])} if {
	_is_issuer
	some solver in _solvers
	obj_lib.at(solver.value, ["dns01", "cloudflare", "apiKeySecretRef"], null) != null
	obj_lib.at(solver.value, ["dns01", "cloudflare", "email"], "") == ""
	msg := sprintf("dns01.cloudflare of a solver of %s has an API key, and no email that it is of", [obj_lib.title(input)])
}

_auths := ["tokenSecretRef", "appRole", "clientCertificate", "kubernetes", "aws"]

deny contains {"msg": msg, "path": ["spec", "vault", "auth"]} if {
	_is_issuer
	is_object(_at(["vault"]))
	every auth in _auths { _at(["vault", "auth", auth]) == null }
	msg := sprintf("vault.auth of %s names no way to log in: one of %s has to be there", [obj_lib.title(input), concat(", ", _auths)])
}

deny contains {"msg": msg, "path": ["spec", "vault", "caBundle"], "with": {["spec", "vault", "caBundleSecretRef"]}} if {
	_is_issuer
	_is_set(["vault", "caBundle"])
	_is_set(["vault", "caBundleSecretRef"])
	msg := sprintf("vault of %s has caBundle and caBundleSecretRef: cert-manager takes one", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "acme", "caBundle"], "with": {["spec", "acme", "skipTLSVerify"]}} if {
	_is_issuer
	_is_set(["acme", "caBundle"])
	_at(["acme", "skipTLSVerify"]) == true
	msg := sprintf("acme of %s has caBundle and skipTLSVerify: cert-manager takes one", [obj_lib.title(input)])
}
