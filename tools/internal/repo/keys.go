package repo

import (
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// Key is a key of kgate.yaml, or of a mapping within it, as the JSON Schema and docs/configuration.md describe it. A test
// holds the list to what the decoder takes.
type Key struct {
	Name     string
	Required bool
	Doc      string // sentences, in Markdown
	Example  string // of a key at the top: its lines in a kgate.yaml. Those of all keys together are one.
	Value    Value
}

// Value is what stands behind a key: a text, but for what its fields say.
type Value struct {
	Enum     []string // the texts that it may be
	Pattern  string   // a regular expression that the text fits
	Format   string   // of the text, as JSON Schema names it
	Figure   bool     // a text that may be written as a number
	Boolean  bool
	Number   *Range
	Whole    *Range
	List     *Value
	NotEmpty bool  // of the list
	Mapping  []Key // of a mapping, what it has
}

// Range is the least and the largest that a number may be.
type Range struct{ Min, Max float64 }

// Keys are the keys of kgate.yaml, in the order in which they are best written.
func Keys() []Key {
	globs := Value{List: &Value{}, NotEmpty: true}
	return []Key{
		{
			Name: "apiVersion", Required: true, Value: Value{Enum: []string{ConfigVersion}},
			Doc:     "The version of this format.",
			Example: "apiVersion: kgate/v1\n",
		},
		{
			Name: "kubernetesVersions", Value: Value{List: &Value{Figure: true, Pattern: `^v?[0-9]+\.[0-9]+(\.[0-9]+)?$`}, NotEmpty: true},
			Doc: "The versions of Kubernetes that the clusters run, as `\"1.30\"`; every object is held to the schemas of each. Without the key, and " +
				"without `--kubernetes-version`, which goes before it: the newest that kgate knows.",
			Example: "kubernetesVersions: [\"1.28\", \"1.37\"]\n",
		},
		{
			Name: "kustomize", Value: Value{Enum: kustomization.Releases()},
			Doc:     "The release of Kustomize that deploys. kgate renders as " + kustomization.KustomizeRelease + " and warns where the two are known to differ.",
			Example: "kustomize: v5.8.1\n",
		},
		{
			Name: "compareWith",
			Doc: "The revision that `kgate diff`, `kgate affected` and `kgate validate --against` compare with where the command line names none: a branch, " +
				"a tag or a commit. Without the key it is the first of `main`, `master`, `origin/main` and `origin/master` that there is.",
			Example: "compareWith: origin/main\n",
		},
		{
			Name: "profile", Value: Value{Enum: texts(profiles)},
			Doc: "What conventions are, on which a team agrees: errors with `strict`, warnings with `standard`, which is the default, and not checked " +
				"with `facts`. Those that keep a pod from its node (pod/not-privileged, pod/no-host-path, pod/no-host-namespaces) are errors with " +
				"`standard` too. What a cluster or a tool refuses, ignores or breaks at is checked with each.",
			Example: "profile: standard\n",
		},
		{
			Name: "targets", Value: globs,
			Doc: "Globs of the directories that a run without arguments checks: Kustomize roots, or directories of manifests. A leading `!` leaves out. " +
				"A glob that names or leaves out nothing is an error. Without the key, kgate finds the roots that no other one uses, and what Argo CD " +
				"and Flux deploy from the repository.",
			Example: "targets: [overlays/*, argocd, \"!overlays/sandbox\"]\n",
		},
		{
			Name: "loadRestrictionsNone", Value: globs,
			Doc: "Globs of targets that are built with Kustomize's `LoadRestrictionsNone`, as Flux always does: their kustomizations may read files " +
				"beside and above them, and still nothing outside of the repository. A glob that nothing fits is a finding.",
			Example: "loadRestrictionsNone: [clusters/*]\n",
		},
		{
			Name: "unread", Value: Value{List: &Value{Mapping: []Key{
				{Name: "path", Required: true, Doc: "Glob of directories and files; what lies below counts too."},
				{Name: "reason", Required: true, Doc: "Why nobody has to check it."},
				{Name: "owner", Required: true, Doc: "Who says so."},
			}}},
			Doc: "What no run has to check: examples, fixtures, another team's folder. It is printed at every run, and an entry that leaves nothing out " +
				"is a finding.",
			Example: "unread:\n  - path: examples/**\n    reason: Shown in the manual, deployed by nobody\n    owner: docs team\n",
		},
		{
			Name: "environments", Value: Value{List: &Value{Mapping: []Key{
				{Name: "name", Required: true, Doc: "The name, as reports have it."},
				{Name: "targets", Required: true, Value: globs, Doc: "Globs of the targets that are of it. A target is of the first environment that has it."},
				{Name: "sampling", Doc: "The share of requests that may be traced.", Value: Value{Mapping: []Key{
					{Name: "min", Required: true, Doc: "The least share.", Value: Value{Number: &Range{0, 1}}},
					{Name: "max", Required: true, Doc: "The largest share, at least `min`.", Value: Value{Number: &Range{0, 1}}},
				}}},
				{Name: "promotion", Doc: "How a version gets into it, for `kgate status` and `kgate promote`.", Value: Value{Mapping: []Key{
					{Name: "from", Doc: "The environment that versions come from; without the key, they come from outside. Several may have the same."},
					{Name: "soak", Value: Value{Pattern: soak.String()}, Doc: "How long a version runs there before it is taken, in days, hours and minutes: `24h`, `2d`."},
					{Name: "ladder", Doc: "The canary's shares of traffic in percent, one step after the other.", Value: Value{List: &Value{Whole: &Range{1, 99}}, NotEmpty: true}},
					{Name: "freezes", Doc: "When nothing is promoted.", Value: Value{List: &Value{Mapping: []Key{
						{Name: "from", Required: true, Doc: "The first day, in UTC, or a time as `2027-03-31T17:00:00Z`."},
						{Name: "to", Required: true, Doc: "The last day, or the time at which it ends."},
						{Name: "reason", Required: true, Doc: "Why nothing is promoted."},
					}}}},
				}}},
			}}},
			Doc: "What is one cluster or one stage, and what rules hold its targets to. What a target of another environment renders is not there.",
			Example: "environments:\n  - name: prod\n    targets: [overlays/prod, overlays/prod/*]\n    sampling: {min: 0.01, max: 0.2}\n" +
				"    promotion:\n      from: staging\n      soak: 24h\n      ladder: [10, 25, 50]\n      freezes:\n        - from: 2027-12-20\n" +
				"          to: 2028-01-02\n          reason: Nobody is there to look\n  - name: staging\n    targets: [overlays/staging]\n",
		},
		{
			Name: "promotion", Value: Value{Mapping: []Key{
				{Name: "versions", Doc: "The file, from the top, with the versions that the registry has, one a line; `{service}` in it is the name of the service."},
				{Name: "ledger", Doc: "The URL of the release ledger, which knows what was deployed, when, and how it ended.", Value: Value{Format: "uri"}},
				{Name: "compare", Doc: "The URL of what lies between two versions, with `{from}`, `{to}`, and `{service}` for the name of the service."},
			}},
			Doc: "What is known of versions besides what the environments say.",
			Example: "promotion:\n  versions: versions/{service}.txt\n  ledger: https://ledger.example.com\n" +
				"  compare: https://github.com/example/{service}/compare/v{from}...v{to}\n",
		},
		{
			Name: "external", Value: Value{List: &Value{Mapping: []Key{
				{Name: "kind", Required: true, Doc: "The kind of the object."},
				{Name: "namespace", Doc: "Its namespace, or a glob; without the key, that of an object that is in none."},
				{Name: "name", Required: true, Doc: "Its name, or a glob for names of which each object has one, as `*-tls`. A Service is named in full."},
				{Name: "provider", Required: true, Doc: "Who makes it."},
				{Name: "ports", Doc: "Of a Service, the ports that it has; without the key, any may be right.", Value: Value{List: &Value{Whole: &Range{1, 65535}}}},
			}}},
			Doc: "Objects that manifests refer to and the repository does not render. A reference to anything else is a finding.",
			Example: "external:\n  - kind: Service\n    namespace: monitoring\n    name: prometheus-operated\n    ports: [9090]\n" +
				"    provider: the Prometheus operator makes it for its Prometheus\n",
		},
		{
			Name: "policies", Value: globs,
			Doc: "Directories of Rego rules of your own, as `--policies` takes them, which names more; `kgate checks`, `kgate explain` and " +
				"`kgate policy test` know them too.",
			Example: "policies: [rules]\n",
		},
		{
			Name: "checks", Value: globs,
			Doc: "Which checks are made: names, groups, globs as `pod/no-*`, `facts` or `conventions`. A leading `!` leaves out; with only such entries " +
				"everything else is made. What is locked is made in every repository. `--checks` goes before it. An entry that fits no check is an error.",
			Example: "checks: [\"!mesh\", \"!pod/spread\"]\n",
		},
		{
			Name: "failOn", Value: Value{Enum: []string{string(check.Error), string(check.Warning)}},
			Doc:     "The least severity that fails a run, `error` without the key; `--fail-on` goes before it.",
			Example: "failOn: error\n",
		},
		{
			Name: "crds", Value: globs,
			Doc:     "CustomResourceDefinitions that no target renders: files, directories and globs of the repository. `--crds` names more.",
			Example: "crds: [crds]\n",
		},
		{
			Name: "releases", Value: Value{List: &Value{Mapping: []Key{
				{Name: "module", Required: true, Doc: "The operator, by its Go module, as `kgate crds` names it."},
				{Name: "version", Required: true, Doc: "The release, one of those that `kgate crds` names, with its channel where there are several: `v1.7.0/standard`."},
			}}, NotEmpty: true},
			Doc: "Releases of operators that the clusters run, where kgate's catalogue of definitions has several. Without an entry the newest one that " +
				"serves an object's version judges it, and a version that the newest no longer serves is a warning.",
			Example: "releases:\n  - module: github.com/external-secrets/external-secrets\n    version: v0.16.2\n",
		},
		{
			Name: "unknownKinds", Value: Value{Enum: UnknownKinds()},
			Doc:     "What becomes of objects of kinds that nobody defines: `error`, the default, `warning`, or `ignore`. `--unknown-kinds` goes before it.",
			Example: "unknownKinds: error\n",
		},
		{
			Name: "vendor",
			Doc: "The directory, from the top, in which `kgate vendor` keeps copies of the bases, files and charts that kustomizations name by URL. " +
				"Without the key: `.kgate/vendor`.",
			Example: "vendor: third_party/kustomize\n",
		},
		{
			Name: "clusters",
			Doc: "The file, from the top, with the clusters that Argo CD knows, of which generators of ApplicationSets make Applications: a list, each with " +
				"`name`, `server`, and where it has them `project`, `labels` and `annotations`, or Argo CD's Secrets of clusters without their credentials. " +
				"Without the key kgate says of such an ApplicationSet that it is not resolved.",
			Example: "clusters: argocd/clusters.yaml\n",
		},
		{
			Name: "severities", Value: Value{List: &Value{Mapping: []Key{
				{Name: "check", Required: true, Doc: "A check, a group or a glob of names, as `kgate checks` has them, `facts` or `conventions`."},
				{Name: "severity", Required: true, Value: Value{Enum: []string{"error", "warning", off}}, Doc: "What its findings are; `off` leaves them out."},
				{Name: "targets", Value: globs, Doc: "Globs of the targets for which it holds; without the key, for all."},
			}}},
			Doc:     "What findings of a check mean here. The last entry that fits counts. Checks that are locked keep their severity.",
			Example: "severities:\n  - check: pod/spread\n    severity: off\n    targets: [overlays/dev]\n",
		},
		{
			Name: "longestExemption", Value: Value{Pattern: term.String()},
			Doc:     "How long an exemption may be for, in days, months or years: `90d`, `6m`, `1y`. Without the key, one year.",
			Example: "longestExemption: 1y\n",
		},
		{
			Name: "objectExemptions", Value: Value{Boolean: true},
			Doc:     "Whether an object may exempt itself, by its annotation `kgate.dev/exempt`; without the key, it may.",
			Example: "objectExemptions: true\n",
		},
		{
			Name: "exemptions", Value: Value{List: &Value{Mapping: []Key{
				{Name: "check", Required: true, Doc: "The check, as `kgate checks` names it; not one that is locked."},
				{Name: "target", Doc: "Glob of targets; without the key, every target."},
				{Name: "object", Doc: "The object; a key that is left out fits any value. Without it, every object.", Value: Value{Mapping: []Key{
					{Name: "apiVersion", Doc: "Its apiVersion."}, {Name: "kind", Doc: "Its kind."},
					{Name: "namespace", Doc: "Its namespace."}, {Name: "name", Doc: "Its name."},
				}}},
				{Name: "path", Doc: "The field; findings at it and below it pass. Without the key, at every field."},
				{Name: "reason", Required: true, Doc: "Why it does not hold here."},
				{Name: "owner", Required: true, Doc: "Who decided so, and is asked when it ends."},
				{Name: "expires", Required: true, Value: Value{Format: "date"}, Doc: "The last day on which it lets something pass, as `2027-10-31`."},
			}}},
			Doc: "Which check does not hold for what, and why, until when. One that has expired, or lets nothing pass, fails the run; what others let pass is " +
				"counted in every report.",
			Example: "exemptions:\n  - check: pod/no-host-path\n    target: overlays/*\n    object: {apiVersion: apps/v1, kind: DaemonSet, namespace: logging, name: fluent-bit}\n" +
				"    path: spec.template.spec.volumes\n    reason: Container logs are files of the node\n    owner: platform team\n    expires: 2027-10-31\n",
		},
	}
}

func texts[T ~string](values []T) []string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}
