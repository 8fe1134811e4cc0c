# METADATA
# scope: package
# title: What monitors scrape
# description: Endpoints of PodMonitors and ServiceMonitors, and the numbers of the pods' ports behind them.
# related_resources:
#   - ref: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint
package policies.lib.monitor

import data.policies.lib.object as obj_lib
import data.policies.lib.pods

# METADATA
# description: whether an endpoint scrapes all pods of its monitor, where they say, for all that its relabelings tell
is_as_said(endpoint) if {
	every relabeling in obj_lib.at(endpoint, ["relabelings"], []) {
		not _chooses(relabeling)
	}
}

# It may leave out pods, or go elsewhere than they say.
_chooses(relabeling) if startswith(obj_lib.at(relabeling, ["targetLabel"], ""), "__")

_chooses(relabeling) if not lower(obj_lib.at(relabeling, ["action"], "replace")) in {"hashmod", "labeldrop", "labelkeep", "lowercase", "replace", "uppercase"}

# METADATA
# description: whether one of some fields of an endpoint, the first that is set, names an opened port
names(endpoint, opened, fields) if {
	value := [endpoint[field] | some field in fields; obj_lib.at(endpoint, [field], "") != ""][0]
	value in {opened.name, opened.number}
}

# METADATA
# description: the ports of pods that an endpoint of a ServiceMonitor scrapes behind a Service
behind(endpoint, service, group) := {number |
	some port in service.spec.ports
	port.name == obj_lib.at(endpoint, ["port"], "")
	number := pods.own(port, group)
} if {
	obj_lib.at(endpoint, ["port"], "") != ""
} else := {opened.number |
	some opened in group.ports
	names(endpoint, opened, ["targetPort"])
}
