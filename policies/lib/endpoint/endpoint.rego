# METADATA
# scope: package
# title: The host and port of an endpoint
# description: |
#   Exporters take host:port, a URL, or a gRPC target such as dns:///host:port. What is none of
#   these, or says no port and no scheme that implies one, has no value here (undefined), and a
#   rule that asks for one refuses it.
package policies.lib.endpoint

# METADATA
# description: |
#   The {host, port} of an endpoint; host without the dot that ends an absolute name, and an address
#   of IPv6 without its brackets.
parse(text) := {"host": _host(host), "port": _port(lower(scheme), digits)} if {
	is_string(text)
	not _has_server(text)
	[[_, scheme, host, digits]] := regex.find_all_string_submatch_n(_pattern, text, 1)
}

# A gRPC target that says which server is asked for the name.
parse(text) := {"host": _host(host), "port": _port("dns", digits)} if {
	is_string(text)
	[[_, host, digits]] := regex.find_all_string_submatch_n(`^(?i:dns)://[^/]+/([A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)\.?(?::([0-9]{1,5}))?$`, text, 1)
}

_has_server(text) if regex.match(`^(?i:dns)://[^/]`, text)

_pattern := `^(?:([A-Za-z]+):///?)?(?:[^/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)\.?(?::([0-9]{1,5}))?(?:[/?#].*)?$`

_host(text) := lower(trim(text, "[]"))

_port(_, digits) := to_number(digits) if digits != ""

_port(scheme, "") := {"http": 80, "https": 443}[scheme]
