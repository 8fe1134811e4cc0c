# METADATA
# scope: package
# title: Every part of an overlay has one Application
# description: |
#   A part without an Application is validated with every change and never deployed. With two, both
#   claim the same objects, report them OutOfSync in turn and prune each other's.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#applications
# custom:
#   severity: error
#   states: convention
#   scope: repository
#   sees: argoproj.io
#   fix: Add an Application whose path is the part, or remove all but one.
package policies.gitops.part_has_application

import data.policies.lib.argo

deny contains {"msg": msg, "path": _place(part)} if {
	some part in _parts
	not _synced[part]
	not _is_misspelt(part)
	not _may_have(part)
	msg := sprintf("%s has no Application", [part])
}

deny contains {"msg": msg, "path": array.concat(second.fault, ["path"])} if {
	some part in _parts
	first := _synced[part][0]
	some index, second in _synced[part]
	index > 0
	second.origin == first.origin # of another repository it is another part
	msg := sprintf("%s and %s both sync %s", [first.title, second.title, part])
}

_parts contains root if {
	some root in input.roots
	is_string(root)
	regex.match(`^overlays/[^/]+/[^/]+$`, root)
}

_synced[part] := found if {
	some part in _parts
	found := [application |
		some application in argo.applications
		application.path == part
		argo.is_applied(application.value)
	]
	count(found) > 0
}

# What is missing has no place: the Application of the same part elsewhere is where to look, or that which brings the others,
# or else any Application, or else any object.
_place(part) := places[0] if {
	alike := [array.concat(application.fault, ["path"]) |
		some application in argo.applications
		is_string(application.path)
		_last(application.path) == _last(part)
		regex.match(`^overlays/[^/]+/[^/]+$`, application.path)
	]
	places := array.concat(alike, _others)
}

# As many Applications of the same overlay take paths that are not here, which gitops/application-paths says.
_is_misspelt(part) if {
	[_, overlay, _] := split(part, "/")
	lost := {application.path |
		some application in argo.applications
		is_string(application.path)
		regex.match(`^overlays/[^/]+/[^/]+$`, application.path)
		split(application.path, "/")[1] == overlay
		argo.is_lost(application)
	}
	missing := {other |
		some other in _parts
		not _synced[other]
		split(other, "/")[1] == overlay
	}
	count(missing) <= count(lost)
}

# What an ApplicationSet makes of what only the cluster knows may be the Application of the part.
_may_have(part) if {
	some target in input.targets
	some i in target.untold
	some source in argo.sources(object.get(target.objects[i].spec, "template", {}))
	startswith(part, split(source.value.path, "{{")[0])
	endswith(part, array.reverse(split(source.value.path, "}}"))[0])
}

_last(path) := array.reverse(split(path, "/"))[0]

_others := places if {
	brought := [application.fault |
		some application in argo.applications
		application.path == input.targets[application.target].path
	]
	others := [application.fault | some application in argo.applications]
	objects := [["targets", i, "objects", 0] | some i, target in input.targets; count(target.objects) > 0]
	places := array.concat(brought, array.concat(others, objects))
}
