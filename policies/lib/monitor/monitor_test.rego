package policies.lib.monitor_test

import data.policies.lib.monitor

test_as_said if {
	every relabelings in [null, [], [{"targetLabel": "pod"}], [{"action": "LabelDrop", "regex": "a"}]] {
		monitor.is_as_said({"relabelings": relabelings})
	}
	every relabeling in [{"action": "keep"}, {"action": "Drop"}, {"targetLabel": "__address__"}] {
		not monitor.is_as_said({"relabelings": [relabeling]})
	}
}

_opened := {"name": "http", "number": 8080}

test_names if {
	monitor.names({"port": "http"}, _opened, ["port", "targetPort"])
	monitor.names({"port": "", "targetPort": 8080}, _opened, ["port", "targetPort"])
	not monitor.names({"port": "web", "targetPort": 8080}, _opened, ["port", "targetPort"])
	not monitor.names({}, _opened, ["port"])
}

test_behind if {
	service := {"spec": {"ports": [{"name": "web", "port": 80, "targetPort": "http"}, {"name": "more", "port": 81, "targetPort": 8081}]}}
	group := {"ports": [_opened]}
	monitor.behind({"port": "web", "targetPort": 1}, service, group) == {8080}
	monitor.behind({"port": "more"}, service, group) == {8081}
	monitor.behind({"port": "other"}, service, group) == set()
	monitor.behind({"targetPort": "http"}, service, group) == {8080}
	monitor.behind({"targetPort": 8081}, service, group) == set()
}
