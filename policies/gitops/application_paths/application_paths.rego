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
#   mentions: argoproj.io
#   sees: argoproj.io
#   fix: >-
#     Point the source's path at a directory of this repository that has a kustomization, a Helm chart
#     or manifests.
package policies.gitops.application_paths

import data.policies.lib.argo

deny contains {"msg": msg, "path": array.concat(application.fault, ["path"])} if {
	some application in array.concat(argo.applications, argo.templates)
	not _is_of_template(application)
	argo.is_lost(application)
	msg := sprintf("%s takes path %v, where this repository has nothing to deploy", [application.title, json.marshal(application.path)])
}

# What the template of a set writes out is said of the set, once.
_is_of_template(application) if {
	some template in argo.templates
	template.target == application.target
	template.object == application.of
}
