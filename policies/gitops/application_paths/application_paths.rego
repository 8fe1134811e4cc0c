# METADATA
# scope: package
# title: Application paths exist
# description: |
#   Argo CD reports a path that is not in the repository as a comparison error of that Application
#   alone: nothing is synced, nothing fails, and the environment stays where it was. It happens when
#   a directory is renamed. Of an ApplicationSet the paths count that its template writes out.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#applications
# custom:
#   severity: error
#   states: fact
#   scope: repository
#   sees: argoproj.io
#   fix: >-
#     Point the source's path at a directory of this repository that has a kustomization, a Helm chart
#     or manifests.
package policies.gitops.application_paths

import data.policies.lib.argo
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(application.fault, ["path"])} if {
	some application in array.concat(argo.applications, argo.templates)
	not _is_of_template(application)
	not _good(application)
	msg := sprintf("%s takes path %v, where this repository has nothing to deploy", [application.title, json.marshal(application.path)])
}

# What the template of a set writes out is said of the set, once.
_is_of_template(application) if {
	some template in argo.templates
	template.target == application.target
	template.object == application.of
}

_good(application) if argo.is_root(application.path)

# A Helm chart, manifests, Jsonnet, what a plugin reads.
_good(application) if application.written_path in input.directories

# What other sources of the Application take their values from.
_good(application) if {
	is_string(application.ref)
	application.ref != ""
	application.written_path == null
}

_good(application) if {
	is_string(application.repository)
	_elsewhere(application)
}

# With no Application that takes from here, a path that begins with a directory of this repository tells it from another.
_elsewhere(application) if {
	count(argo.own_repositories) > 0
	not application.origin in argo.own_repositories
}

_elsewhere(application) if {
	count(argo.own_repositories) == 0
	not argo.begins_here(application.path)
}

# What another branch or tag has is not here to see.
_elsewhere(application) if not application.revision in (argo.own_revisions | {"HEAD"})

_elsewhere(application) if is_string(application.chart)

# What a parameter leads to may be what this repository has, and tell it from another one.
_elsewhere(application) if {
	count(argo.own_repositories) == 0
	application in argo.templates
	some target in input.targets
	some obj in target.objects
	obj_lib.is_kind(obj, "argoproj.io", "ApplicationSet")
	some source in argo.sources(object.get(obj.spec, "template", {}))
	contains(source.value.path, "{{")
}
