# METADATA
# scope: package
# title: What Argo CD syncs, and in which order
# description: Applications with their sources, and the sync phase and wave of any object.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
package policies.lib.argo

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

# METADATA
# description: whether an object is an Application
is_application(obj) if obj_lib.is_kind(obj, "argoproj.io", "Application")

# METADATA
# description: whether an object is an AppProject
is_project(obj) if obj_lib.is_kind(obj, "argoproj.io", "AppProject")

# METADATA
# description: |
#   The sources of an Application, each {value, path}; one empty source where it has none, in which
#   no rule finds what it asks for. Argo CD ignores one that stands beside a list of them, which
#   gitops/application-spec says: what it was to deploy is no further mistake. Of a sourceHydrator it
#   takes no other source, and the manifests are where the dry one is.
sources(obj) := [{"value": obj_lib.at(obj, _dry, {}), "path": _dry}] if {
	obj_lib.at(obj, ["spec", "sourceHydrator"], null) != null
} else := array.concat(entry.list(obj.spec.sources, ["spec", "sources"]), _beside(obj)) if {
	obj_lib.at(obj, ["spec", "sources"], []) != []
} else := [{"value": obj_lib.at(obj, ["spec", "source"], {}), "path": ["spec", "source"]}]

_dry := ["spec", "sourceHydrator", "drySource"]

_beside(obj) := [{"value": source, "path": ["spec", "source"]} | source := obj_lib.at(obj, ["spec", "source"], {}); source != {}]

# METADATA
# description: a path of a source as the repository spells it, without ./ and trailing slashes
source_path(source) := trim_right(trim_prefix(source.value.path, "./"), "/") if is_string(source.value.path)

# METADATA
# description: |
#   A repository's URL as Argo CD compares it, NormalizeGitURL: without the case, .git at the end, and ssh://, which
#   git@host:path leaves out. Undefined of what is no text.
normal_url(url) := trim_suffix(_without_ssh(lower(trim_space(url))), ".git") if is_string(url)

_without_ssh(url) := trim_prefix(url, "ssh://") if {
	startswith(url, "ssh://")
} else := regex.replace(url, `^([^:]*):`, "$1/") if {
	regex.match(`^[^/:]*@[^@]+$`, url)
} else := url

# METADATA
# description: |
#   When an object is synced, as [phase, wave], which compare as they are applied. Undefined where
#   the wave is no whole number.
order(obj) := _order(object.get(annotations, _hook, ""), object.get(annotations, _wave, "0")) if {
	annotations := obj_lib.annotations(obj)
}

_order(hook, wave) := [_phase(hook), to_number(trim_prefix(wave, "+"))] if {
	is_string(wave)
	regex.match(`^[+-]?[0-9]{1,9}$`, wave)
}

# METADATA
# description: |
#   Whether a successful sync applies an object. It does not apply a hook that is skipped, one for
#   when a sync fails or an Application is deleted, and one of a kind that Argo CD does not know:
#   nothing of them is in the cluster. Rules of an overlay see only what is applied; those of the
#   repository see all, and ask.
is_applied(obj) if _hooks_of(obj) & {"PreSync", "Sync", "PostSync"} != set()

is_applied(obj) if {
	_hooks_of(obj) & {"SyncFail", "Skip"} == set()
	_is_applied_by_helm(obj_lib.annotations(obj))
}

_hooks_of(obj) := _hooks(object.get(obj_lib.annotations(obj), _hook, ""))

# Helm's hooks count where Argo CD's annotation names none that there is.
_is_applied_by_helm(annotations) if {
	_hooks(object.get(annotations, _helm_hook, "")) & {"pre-install", "pre-upgrade", "post-install", "post-upgrade"} != set()
}

_is_applied_by_helm(annotations) if {
	object.get(annotations, _hook, null) == null
	object.get(annotations, _helm_hook, "crd-install") == "crd-install"
}

_helm_hook := "helm.sh/hook"

# METADATA
# description: the wave as it is written, for a message
wave(obj) := object.get(obj_lib.annotations(obj), _wave, "0")

# METADATA
# description: the path of the annotation that sets the wave
wave_path := ["metadata", "annotations", _wave]

_wave := "argocd.argoproj.io/sync-wave"

# METADATA
# description: the phase of a sync that applies an object
phase(obj) := ["PreSync", "Sync", "PostSync"][_phase(object.get(obj_lib.annotations(obj), _hook, ""))]

_phase(text) := 0 if {
	"PreSync" in _hooks(text)
} else := 2 if {
	"PostSync" in _hooks(text)
} else := 1

_hook := "argocd.argoproj.io/hook"

_hooks(text) := {trim_space(hook) | some hook in split(text, ",")} if is_string(text)

else := set()

# METADATA
# description: |
#   The objects that ApplicationSets make, by [target, object]: the index of the set. They are in the cluster, and what
#   deploys the target brings the set alone. For rules whose input is the repository.
generated := _generated

_generated[[i, made.object]] := made.of if {
	some i, target in input.targets
	some made in target.generated
}

# METADATA
# description: |
#   Every Application of the repository with each of its sources: {target, object, of, value, project,
#   repository, origin, path, written_path, chart, ref, revision, fault}, where target and object are indexes,
#   of is that of the ApplicationSet that makes it, null for none, value is the Application, repository and path are null where they are no text, origin is the repository
#   however it is spelt, written_path is the path as it is spelt, revision is as of own_revisions, and
#   fault leads to the source from the input. For rules whose input is the repository.
applications := [application |
	some i, target in input.targets
	some j, obj in target.objects
	is_application(obj)
	is_object(obj.spec) # one without is refused, and says nothing of what it takes
	some source in sources(obj)
	application := {
		"target": i,
		"object": j,
		"of": object.get(generated, [[i, j]], null),
		"value": obj,
		"title": obj_lib.title(obj),
		"project": _project(obj),
		"repository": obj_lib.at(source.value, ["repoURL"], null),
		"origin": _origin(source.value),
		"path": _path(source),
		"written_path": obj_lib.at(source.value, ["path"], null),
		"ref": obj_lib.at(source.value, ["ref"], null),
		"chart": obj_lib.at(source.value, ["chart"], null),
		"revision": _revision(source.value),
		"fault": array.concat(["targets", i, "objects", j], source.path),
	}
]

# METADATA
# description: |
#   Every source of the template of an ApplicationSet whose repository and path are written out: title,
#   target, object, repository, origin, path, written_path, ref, chart, revision and fault as of applications. Parameters of generators, and
#   templates and patches that may change a source, leave nothing established.
templates := [template |
	some i, target in input.targets
	some j, obj in target.objects
	obj_lib.is_kind(obj, "argoproj.io", "ApplicationSet")
	count(obj.spec.generators) > 0
	not _is_changed(obj)
	some source in sources(object.get(obj.spec, "template", {}))
	_is_written_out(source.value)
	template := {
		"target": i,
		"object": j,
		"title": obj_lib.title(obj),
		"repository": source.value.repoURL,
		"origin": _origin(source.value),
		"path": source_path(source),
		"written_path": source.value.path,
		"ref": obj_lib.at(source.value, ["ref"], null),
		"chart": obj_lib.at(source.value, ["chart"], null),
		"revision": _revision(source.value),
		"fault": array.concat(["targets", i, "objects", j, "spec", "template"], source.path),
	}
]

_is_changed(obj) if obj_lib.at(obj, ["spec", "templatePatch"], null) != null

_is_changed(obj) if {
	walk(obj.spec.generators, [path, _])
	"template" in path
}

_is_written_out(source) if {
	every text in [source.repoURL, source.path] {
		is_string(text)
		not contains(text, "{{")
	}
}

# Servers of git take a slash at the end as well.
_origin(source) := normal_url(trim_right(trim_space(source.repoURL), "/")) if is_string(source.repoURL)

else := null

_path(source) := source_path(source) if is_string(source.value.path)

else := null

# METADATA
# description: |
#   The origins that are this repository: those that git calls it by, with those from which more directories that are here are taken, as from
#   a mirror. Where no Application or ApplicationSet has such a name, as in a fork, those from which one takes a root that this
#   repository has, or else a directory. A mistaken path is so told from another repository's.
own_repositories := _called | _shared if {
	count(_called) > 0
} else := _rooted if {
	count(_rooted) > 0
} else := {application.origin |
	some application in array.concat(applications, templates)
	application.written_path in input.directories
}

_called contains application.origin if {
	some application in array.concat(applications, templates)
	is_string(application.origin)
	some remote in object.get(input, "remotes", [])
	_same_name(_name(application.origin), remote)
}

_shared contains origin if {
	some origin, taken in _taken
	count(taken) > max([1, count({path | some own in _called; some path in _taken[own]})])
}

# The directories that are here, by the origin from which they are taken.
_taken[origin] contains application.written_path if {
	some application in array.concat(applications, templates)
	origin := application.origin
	is_string(origin)
	application.written_path in input.directories
	application.written_path != "."
}

# What a repository is called at its forge, whichever way leads there: the path of its URL. Of Azure DevOps a URL of ssh has no _git, and
# what is called as its project is named once. One word is no name.
_name(origin) := concat("/", parts) if {
	not regex.match(`^(file:|oci:|[./])`, origin)
	whole := regex.replace(origin, `^((?:https://)?(?:[^/@]*@)?(?:dev\.azure\.com/[^/]+|[^/]+\.visualstudio\.com(?:/defaultcollection)?)/)_git/([^/]+)$`, "$1$2/$2")
	parts := [part | some part in split(regex.replace(whole, `^([a-z+]+://)?[^/]*/`, ""), "/"); not part in {"_git", "defaultcollection", ""}]
	count(parts) > 1
}

# One way to a repository may begin with what another has not.
_same_name(a, b) if endswith(sprintf("/%s", [a]), sprintf("/%s", [b]))

_same_name(a, b) if endswith(sprintf("/%s", [b]), sprintf("/%s", [a]))

_rooted contains application.origin if {
	some application in array.concat(applications, templates)
	application.path in _roots
}

# METADATA
# description: |
#   The revisions from which an Application or an ApplicationSet takes a path that is here: of another one, a branch of
#   rendered manifests for instance, nobody here knows what it has. HEAD stands for the branch that most call main.
own_revisions contains application.revision if {
	some application in array.concat(applications, templates)
	application.origin in own_repositories
	_is_here(application)
}

_is_here(application) if application.path in _roots

_is_here(application) if application.written_path in input.directories

# "" is default: https://argo-cd.readthedocs.io/en/stable/user-guide/projects/#the-default-project
_project(obj) := "default" if {
	obj.spec.project == ""
} else := obj_lib.at(obj, ["spec", "project"], null)

_revision(source) := "HEAD" if {
	obj_lib.at(source, ["targetRevision"], null) in {null, "", "HEAD", "main", "master"}
} else := source.targetRevision

# METADATA
# description: |
#   Whether one of applications takes the target of a path, or a part of it, from this repository. Another repository, or another
#   branch of this one, may have other objects at the same path.
brings(application, target) if {
	is_at_or_below(application.path, target)
	application.origin in own_repositories
	application.revision in own_revisions
	not is_string(application.chart)
}

# METADATA
# description: whether a path is that of a target or of a part of it, as a target may hold several
is_at_or_below(path, target) if path == target

is_at_or_below(path, target) if {
	is_string(path)
	startswith(path, concat("", [target, "/"]))
}

# METADATA
# description: whether a path begins with a directory in or below which this repository has something to deploy
begins_here(path) if {
	is_string(path)
	first := split(path, "/")[0]
	some root in _roots
	split(root, "/")[0] == first
}

# A target without a kustomization is a directory of manifests, which can be deployed as well.
_roots := {root | some root in input.roots} | {target.path | some target in input.targets}

# METADATA
# description: whether a directory of the repository has a kustomization or is a target
is_root(path) if path in _roots

# METADATA
# description: |
#   Whether one of applications or templates takes a path where this repository has nothing to deploy: one of another repository or
#   revision may have it, and so does a chart.
is_lost(application) if not _leads(application)

_leads(application) if is_root(application.path)

# A Helm chart, manifests, Jsonnet, what a plugin reads.
_leads(application) if application.written_path in input.directories

# What other sources of the Application take their values from.
_leads(application) if {
	is_string(application.ref)
	application.ref != ""
	application.written_path == null
}

_leads(application) if {
	is_string(application.repository)
	_elsewhere(application)
}

# With no Application that takes from here, a path that begins with a directory of this repository tells it from another.
_elsewhere(application) if {
	count(own_repositories) > 0
	not application.origin in own_repositories
}

_elsewhere(application) if {
	count(own_repositories) == 0
	not begins_here(application.path)
}

# What another branch or tag has is not here to see.
_elsewhere(application) if not application.revision in (own_revisions | {"HEAD"})

_elsewhere(application) if is_string(application.chart)

# What a parameter leads to may be what this repository has, and tell it from another one.
_elsewhere(application) if {
	count(own_repositories) == 0
	application in templates
	some target in input.targets
	some obj in target.objects
	obj_lib.is_kind(obj, "argoproj.io", "ApplicationSet")
	some source in sources(object.get(obj.spec, "template", {}))
	contains(source.value.path, "{{")
}
