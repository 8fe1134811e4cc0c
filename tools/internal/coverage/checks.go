package coverage

import "github.com/kgate-dev/gitops/tools/internal/check"

var deployed = &check.Check{
	Name:  "coverage/deployed",
	Title: "What an Application deploys is checked",
	Doc: "Argo CD and Flux deploy a path whether kgate reads it or not. Delete an overlay's kustomization, narrow `targets`, or put plain manifests in " +
		"its place, and production is out of the run without a word. What an Application, an ApplicationSet or a Flux Kustomization takes from this " +
		"repository has to be in a target as it is deployed: rendered by itself, or through kustomizations that only list it. One that patches it " +
		"shows objects that no cluster receives. A Helm chart that an Application deploys is a target by itself; one that kgate cannot render offline, and Jsonnet, is a warning, " +
		"until `unread` says that somebody else looks at them. So is a directory that is here and that something deploys from a repository of another name than " +
		"git's remotes have for this one.",
	Fix:        "Add the path to `targets` in kgate.yaml, or name it under `unread` there, with a reason; of a Helm chart or Jsonnet, the latter.",
	References: []string{"https://argo-cd.readthedocs.io/en/stable/user-guide/application_sources/"},
	Bad:        deployedBad, Good: deployedGood,
}

var fluxPathCheck = &check.Check{
	Name:  "coverage/flux-path",
	Title: "What a Flux Kustomization builds is there",
	Doc: "A Flux Kustomization whose path its source does not have is not ready, and so is everything that depends on it: what it deployed before " +
		"stays as it is, and no change arrives any more. It happens when a folder is renamed. Of which repository a source is, kgate takes from " +
		"git's remotes, and without their word from the other Kustomizations that it has: this one, where their paths are here. It is so too where a file that the path is made of does not get to Flux, " +
		"because `.sourceignore`, the GitRepository's `ignore` or the defaults of both (`*.png`, `*.zip`) leave it out.",
	Fix: "Correct the path or what leaves it out, or name it under `unread` in kgate.yaml, with a reason, where something else writes it.",
	References: []string{
		"https://fluxcd.io/flux/components/kustomize/kustomizations/#path",
		"https://fluxcd.io/flux/components/source/gitrepositories/#excluding-files",
	},
	Bad: fluxPathBad, Good: fluxPathGood,
}

var root = &check.Check{
	Name:  "coverage/root",
	Title: "Every root is checked",
	Doc: "A root that no target and no other root reads is there to be deployed, by whom kgate need not know, and its objects are in no run. " +
		"It happens when a folder is renamed or added and the globs of `targets` do not fit it. Components are parts of roots and no roots.",
	Fix:        "Add it to `targets` in kgate.yaml, list it in the `resources` of a root, or name it under `unread` in kgate.yaml, with a reason.",
	References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/glossary/#kustomization-root"},
	Bad:        rootBad, Good: rootGood,
}

var unread = &check.Check{
	Name:  UnreadName,
	Title: "Every entry of unread leaves something out",
	Doc: "An entry of `unread` that leaves nothing out was written for what is gone since, or misspells it. It would take the next thing that is put " +
		"there out of every run.",
	Fix: "Delete the entry, or correct its path.",
	Bad: unreadBad, Good: unreadGood,
}

var environment = &check.Check{
	Name:  "coverage/environment",
	Title: "Every environment has a target",
	Doc: "An environment of kgate.yaml holds targets to bounds, by their paths. When prod is renamed, or becomes a link to dev, its globs fit nothing, " +
		"and prod is held to nothing. So it is when an environment before it has its targets: the first whose globs fit counts.",
	Fix: "Correct the environment's `targets` in kgate.yaml, or delete it.",
	Bad: environmentBad, Good: environmentGood,
}

var manifestNamed = &check.Check{
	Name:  "coverage/manifest",
	Title: "Every manifest below a kustomization is named by something",
	Doc: "Kustomize renders what a kustomization lists and nothing else. A NetworkPolicy that lies beside the others and is not listed looks " +
		"like a rule of the cluster, and is in none. A file whose name stands in any other file of the repository, a script or a workflow, is " +
		"taken to be used there; what comments of YAML and kgate's own files say of it is no use.",
	Fix:      "List the file under `resources`, or delete it.",
	Severity: check.Warning, Scope: check.Overlay, Origin: "kgate",
	References: []string{"https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/"},
	Bad:        manifestBad, Good: manifestGood,
}
