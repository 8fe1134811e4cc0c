# METADATA
# scope: package
# title: The host and port of an endpoint
# description: |
#   Exporters take host:port, a URL, or a gRPC target such as dns:///host:port. What is none of
#   these, or says no port and no scheme that implies one, has no value here (undefined), and a
#   rule that asks for one refuses it.
package policies.lib.endpoint

# METADATA
# description: the {host, port} of an endpoint
parse(text) := {"host": lower(host), "port": _port(scheme, digits)} if {
	is_string(text)
	[[_, scheme, host, digits]] := regex.find_all_string_submatch_n(_pattern, text, 1)
}

_pattern := `^(?:([a-z]+):///?)?([A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?(?:/.*)?$`

_port(_, digits) := to_number(digits) if digits != ""

_port(scheme, "") := {"http": 80, "https": 443}[scheme]
