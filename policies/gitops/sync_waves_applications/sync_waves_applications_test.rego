package policies.gitops.sync_waves_applications_test

import data.policies.gitops.sync_waves_applications

_application(path, annotations) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": path, "annotations": annotations}, "spec": {"source": {"path": path}}}

_wave(value) := {"argocd.argoproj.io/sync-wave": value}

_deny(platform, app) := faults if {
	faults := sync_waves_applications.deny with input as {"roots": [], "targets": [{"path": "argocd", "objects": [
		"text",
		_application("overlays/dev/platform", platform),
		_application("overlays/dev/app", app),
		_application("overlays/prod/app", _wave("-9")),
		_application(1, {}),
	]}]}
}

test_platform_before_app if {
	every waves in [[_wave("0"), _wave("1")], [_wave("-1"), {}], [_wave("2"), _wave("10")]] {
		_deny(waves[0], waves[1]) == set()
	}
}

test_platform_not_before_app if {
	every waves in [[{}, {}], [_wave("1"), _wave("1")], [_wave("2"), _wave("1")], [_wave("first"), _wave("1")], [_wave("0"), _wave("later")], [null, "text"]] {
		{fault.path | some fault in _deny(waves[0], waves[1])} == {["targets", 0, "objects", 1, "metadata", "annotations", "argocd.argoproj.io/sync-wave"]}
	}
}

test_message if {
	some fault in _deny(_wave("2"), _wave("1"))
	fault.msg == `Application "overlays/dev/platform" in wave 2 is not before Application "overlays/dev/app" in wave 1`
}

test_another_repository if {
	there := object.union(_application("overlays/dev/app", {}), {"spec": {"source": {"repoURL": "https://there"}}})
	faults := sync_waves_applications.deny with input as {"roots": [], "targets": [{"path": "argocd", "objects": [_application("overlays/dev/platform", {}), there]}]}
	faults == set()
}
