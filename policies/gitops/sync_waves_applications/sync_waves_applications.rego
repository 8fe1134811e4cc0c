# METADATA
# scope: package
# title: The platform is synced before the app
# description: |
#   The app's part needs what the platform's part brings: the Collector, the metrics adapter, CRDs.
#   Synced together, a new cluster starts the app against namespaces and APIs that are not there,
#   and the first sync fails until a retry comes late enough.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/operator-manual/cluster-bootstrapping/
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
# custom:
#   severity: error
#   states: fact
#   scope: repository
#   mentions: argoproj.io
#   sees: argoproj.io
#   fix: Give the Application of the platform part a lower argocd.argoproj.io/sync-wave.
package policies.gitops.sync_waves_applications

import data.policies.lib.argo

deny contains {"msg": msg, "path": array.concat(["targets", first.target, "objects", first.object], argo.wave_path)} if {
	some overlay, first in _platforms
	some other in _others[overlay]
	other.origin == first.origin # another repository has an overlay of its own by the name
	not _before(first, other)
	msg := sprintf("%s in wave %v is not before %s in wave %v", [first.title, argo.wave(first.value), other.title, argo.wave(other.value)])
}

_before(first, other) if argo.order(first.value) < argo.order(other.value)

_platforms[overlay] := found[0] if {
	some overlay, _ in _others
	found := [application | some application in argo.applications; application.path == sprintf("overlays/%s/platform", [overlay])]
	count(found) > 0
}

_others[overlay] contains application if {
	some application in argo.applications
	is_string(application.path)
	[[_, overlay, part]] := regex.find_all_string_submatch_n(`^overlays/([^/]+)/([^/]+)$`, application.path, 1)
	part != "platform"
}
