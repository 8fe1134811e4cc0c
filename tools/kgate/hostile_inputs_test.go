package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const (
	// remoteBase makes Kustomize hand `--upload-pack=…` to git fetch, which runs it.
	remoteBase = "file:///x?ref=--upload-pack=touch+$SENTINEL%3B"
	namespace  = "-- app/ns.yaml --\napiVersion: v1\nkind: Namespace\nmetadata: {name: ns, labels: {pod-security.kubernetes.io/enforce: restricted}}\n"
	plainMap   = "-- app/cm.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\ndata: {x: y}\n"
	refused    = 2
	found      = 1
)

// kustomizations are of one directory, app, with what it needs.
func app(kustomization string) string {
	return namespace + plainMap + "-- app/kustomization.yaml --\n" + kustomization
}

// hiddenFields are kustomizations with a field that the YAML as it is written does not show, and a decoder finds: every
// field by which Kustomize reads or runs something, in every disguise.
func hiddenFields() []hostile {
	fields := []struct{ name, value string }{
		{"resources", `["` + remoteBase + `"]`},
		{"bases", `["` + remoteBase + `"]`},
		{"components", `["` + remoteBase + `"]`},
		{"generators", `["` + remoteBase + `"]`},
		{"transformers", `["` + remoteBase + `"]`},
		{"validators", `["` + remoteBase + `"]`},
		{"configurations", `["https://example.com/c.yaml"]`},
		{"crds", `["https://example.com/c.json"]`},
		{"helmCharts", `[{name: a, repo: "https://example.com"}]`},
		{"helmChartInflationGenerator", `[{chartName: a, chartRepoUrl: "https://example.com"}]`},
		{"patches", `[{path: "https://example.com/p.yaml"}]`},
		{"patchesStrategicMerge", `["https://example.com/p.yaml"]`},
		{"patchesJson6902", `[{path: "https://example.com/p.yaml", target: {version: v1, kind: ConfigMap, name: a}}]`},
		{"replacements", `[{path: "https://example.com/r.yaml"}]`},
		{"openapi", `{path: "https://example.com/o.json"}`},
		{"configMapGenerator", `[{name: g, files: ["https://example.com/f"]}]`},
		{"secretGenerator", `[{name: g, envs: ["https://example.com/f"]}]`},
	}
	var inputs []hostile
	for _, f := range fields {
		title := strings.ToUpper(f.name[:1]) + f.name[1:]
		alike := strings.NewReplacer("s", "ſ", "k", "\u212a").Replace(f.name)
		nested := func(depth int) string {
			return strings.Repeat("<<: {", depth) + f.name + ": " + f.value + strings.Repeat("}", depth) + "\nnamePrefix: p-\n"
		}
		for _, d := range []struct{ name, text string }{
			{"merged in another letter case", "<<: {" + title + ": " + f.value + "}\nnamePrefix: p-\n"},
			{"merged in capitals", "resources: [cm.yaml]\n<<: {" + strings.ToUpper(f.name) + ": " + f.value + "}\n"},
			{"letters that look the same", "<<: {" + alike + ": " + f.value + "}\nnamePrefix: p-\n"},
			{"merged from a list", "<<: [{namePrefix: p-}, {" + title + ": " + f.value + "}]\n"},
			{"merged 23 deep", nested(23)},
			{"merged twice", "<<: {namePrefix: p-}\n<<: {" + f.name + ": " + f.value + "}\n"},
			{"a tag for a merge", "!!merge " + f.name + ": " + f.value + "\nnamePrefix: p-\n"},
			{"a key by an alias", "namePrefix: &k " + f.name + "\n*k : " + f.value + "\n"},
			{"a key with an escape", "namePrefix: p-\n\"\\x" + fmt.Sprintf("%x", f.name[0]) + f.name[1:] + "\": " + f.value + "\n"},
			{"a component of a base", "resources: [base]\n-- app/base/kustomization.yaml --\ncomponents: [c]\n-- app/base/c/kustomization.yaml --\n" +
				"apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n<<: {" + title + ": " + f.value + "}\n"},
		} {
			inputs = append(inputs, hostile{name: f.name + ", " + d.name, files: app(d.text), exit: refused, want: []string{"kustomization.yaml:"}})
		}
	}
	return inputs
}

// remoteReferences are all forms of what Kustomize fetches, in every place that takes a path.
func remoteReferences() []hostile {
	forms := []string{
		remoteBase, "https://example.com/a", "HTTP://example.com/a", "ssh://git@example.com/a/b", "git@example.com:a/b", "me@example.com/a/b.git",
		"github.com/a/b", "GitHub.com:a/b", "gİthub.com/a/b", "git::https://example.com/a", "git::me@example.com:a/b", "https:a", "-@example.com:a/b",
		"file:///etc", "ext::sh -c touch% $SENTINEL", "https://user:pass@example.com/a/_git/b?ref=x",
		"https://127.0.0.1:1/{a}",
	}
	places := map[string]string{
		"a resource":     "resources: [cm.yaml, %s]\n",
		"a component":    "resources: [cm.yaml]\ncomponents: [%s]\n",
		"a patch":        "resources: [cm.yaml]\npatches: [{path: %s}]\n",
		"a generator":    "generators: [%s]\n",
		"a patch of old": "resources: [cm.yaml]\npatchesStrategicMerge: [%s]\n",
		"a file of data": "configMapGenerator: [{name: g, files: [k=%s]}]\n",
	}
	var inputs []hostile
	for place, text := range places {
		for _, form := range forms {
			inputs = append(inputs, hostile{name: place + ", " + form, files: app(fmt.Sprintf(text, "'"+form+"'")), exit: refused, want: []string{"app/kustomization.yaml:"}})
		}
	}
	return inputs
}

// programs are plugins, functions and charts.
func programs() []hostile {
	plugin := func(field, text string) string {
		return app("resources: [ns.yaml, cm.yaml]\n"+field+": [p.yaml]\n") + "-- app/p.yaml --\n" + text
	}
	executable := func(t *testing.T, dir string) {
		t.Helper()
		home := filepath.Join(dir, "app", "plugin", "example.com", "v1", "t")
		writeTree(t, home, "-- T --\n#!/bin/sh\n/usr/bin/touch $SENTINEL\n")
		if err := os.Chmod(filepath.Join(home, "T"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var inputs []hostile
	for _, field := range []string{"generators", "transformers", "validators"} {
		inputs = append(inputs,
			hostile{name: field + ", exec plugin", files: plugin(field, "apiVersion: example.com/v1\nkind: T\nmetadata: {name: a}\n"), make: executable, exit: refused, want: []string{"app/p.yaml:1", "runs a program"}},
			hostile{name: field + ", exec function", files: plugin(field, "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: a, annotations: {config.kubernetes.io/function: \"exec: {path: /bin/sh}\"}}\n"), exit: refused, want: []string{"app/p.yaml:3", "runs a program"}},
			hostile{name: field + ", container function", files: plugin(field, "apiVersion: example.com/v1\nkind: T\nmetadata: {name: a, annotations: {config.k8s.io/function: \"container: {image: a}\"}}\n"), exit: refused, want: []string{"app/p.yaml:1"}},
			hostile{name: field + ", function by an alias", files: plugin(field, "apiVersion: builtin\nkind: LabelTransformer\nmetadata:\n  name: &f config.kubernetes.io/function\n  annotations: {*f : \"exec: {path: /bin/sh}\"}\n"), exit: refused, want: []string{"app/p.yaml:", "runs a program"}},
			hostile{name: field + ", Helm", files: plugin(field, "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: a}\nname: a\n"), exit: refused, want: []string{"app/p.yaml:"}},
			hostile{name: field + ", Helm by a merge", files: plugin(field, "<<: {apiVersion: builtin, kind: HelmChartInflationGenerator}\nmetadata: {name: a}\n"), exit: refused, want: []string{"app/p.yaml:1"}},
			hostile{name: field + ", in one line", files: app("resources: [ns.yaml]\n" + field + ": ['{apiVersion: example.com/v1, kind: T, metadata: {name: a}}']\n"), exit: refused, want: []string{"app/kustomization.yaml:2", "runs a program"}},
			hostile{name: field + ", in a block", files: app("resources: [ns.yaml]\n" + field + ":\n- |\n  apiVersion: example.com/v1\n  kind: T\n  metadata: {name: a}\n"), exit: refused, want: []string{"app/kustomization.yaml:4", "runs a program"}},
			hostile{name: field + ", in a list", files: plugin(field, "apiVersion: builtin\nkind: PrefixTransformerList\nmetadata: {name: a}\nitems: [{apiVersion: example.com/v1, kind: T, metadata: {name: a}}]\n"), exit: refused, want: []string{"app/p.yaml:"}},
			hostile{name: field + ", in a directory", files: app("resources: [ns.yaml]\n"+field+": [p]\n") + "-- app/p/kustomization.yaml --\nresources: [t.yaml]\n-- app/p/t.yaml --\napiVersion: example.com/v1\nkind: T\nmetadata: {name: a}\n", exit: refused, want: []string{"app/p/t.yaml:1", "runs a program"}},
		)
	}
	return append(inputs,
		hostile{name: "a chart from elsewhere", files: app("resources: [ns.yaml]\nhelmCharts:\n- name: c\n  repo: oci://example.com\n"), exit: refused, want: []string{"app/kustomization.yaml:4", "renders offline"}},
		hostile{name: "a chart with a flag for a name", files: app("resources: [ns.yaml]\nhelmCharts:\n- {name: c, releaseName: --post-renderer=/bin/sh}\n") + chartOf("a: b"), exit: refused, want: []string{"app/kustomization.yaml:3", "does not begin with -"}},
		hostile{name: "a chart that asks for the environment", files: app(charted) + chartOf("a: {{ env \"HOME\" }}"), exit: refused, want: []string{"app/charts/c/templates/a.yaml:1", "have no env"}},
		hostile{name: "a chart that loops", files: app(charted) + chartOf("{{ range until 2147483647 }}{{ end }}"), exit: refused, want: []string{"app/charts/c/templates/a.yaml:1", "until makes a list"}},
		hostile{name: "a chart within itself", files: app(charted) + chartOf("{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}"), exit: refused, want: []string{"app/charts/c/templates/a.yaml:1"}},
		hostile{name: "a chart that doubles a text", files: app(charted) + chartOf("{{ range until 100 }}{{ repeat 16000000 \"a\" }}{{ end }}"), exit: refused, want: []string{"app/charts/c/templates/a.yaml:1", "make texts of more than 64 MB together"}},
		hostile{name: "a function among resources", files: app("resources: [ns.yaml, f.yaml]\n") + "-- app/f.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: f, namespace: ns, annotations: {config.kubernetes.io/function: \"exec: {path: /bin/sh}\"}}\n", exit: refused, want: []string{"app/f.yaml:3", "runs a program"}},
	)
}

// charted names a chart c, which chartOf makes of a template.
const charted = "resources: [ns.yaml]\nhelmCharts:\n- {name: c, releaseName: c}\n"

func chartOf(template string) string {
	return "-- app/charts/c/Chart.yaml --\napiVersion: v2\nname: c\nversion: 1.0.0\n-- app/charts/c/values.yaml --\na: b\n" +
		"-- app/charts/c/templates/a.yaml --\n" + template + "\n"
}

// readingElsewhere are ways out of the repository, and into git's own files.
func readingElsewhere() []hostile {
	link := func(name, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			at := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(strings.ReplaceAll(to, "$TOP", filepath.Dir(dir)), at); err != nil {
				t.Fatal(err)
			}
		}
	}
	generator := app("resources: [ns.yaml]\nconfigMapGenerator: [{name: g, namespace: ns, files: [f]}]\n")
	inputs := []hostile{
		{name: "a link out, relative", files: generator, make: link("app/f", "../../outside/secret")},
		{name: "a link out, absolute", files: generator, make: link("app/f", "$TOP/outside/secret")},
		{name: "a link to a link out", files: generator, make: func(t *testing.T, dir string) {
			link("app/f", "g")(t, dir)
			link("app/g", "../../outside/secret")(t, dir)
		}},
		{name: "a link of a directory out", files: app("resources: [ns.yaml, d]\n"), make: link("app/d", "../../outside")},
		{name: "a link of a chart's file out", files: app(charted) + chartOf("a: {{ .Files.Get \"f\" }}"), make: link("app/charts/c/f", "../../../../outside/secret")},
		{name: "a link of a chart's templates out", files: app(charted) + chartOf("a: b"), make: link("app/charts/c/templates/more", "../../../../../outside")},
		{name: "a link through /proc", files: generator, make: link("app/f", "/proc/self/environ")},
		{name: "a link to itself", files: generator, make: link("app/f", "f")},
		{name: "links in a circle", files: generator, make: func(t *testing.T, dir string) {
			link("app/f", "g")(t, dir)
			link("app/g", "f")(t, dir)
		}},
		{name: "a path out", files: app("resources: [ns.yaml, ../../outside/secret]\n")},
		{name: "an absolute path", files: app("resources: [ns.yaml, /etc/passwd]\n")},
		{name: "a file above its kustomization", files: app("resources: [ns.yaml]\nconfigMapGenerator: [{name: g, files: [../../outside/secret]}]\n")},
		{name: "a key with a path out", files: app("resources: [ns.yaml]\nconfigMapGenerator: [{name: g, files: [k=../../outside/secret]}]\n")},
		{name: "an env file out", files: app("resources: [ns.yaml]\nsecretGenerator: [{name: g, envs: [../../outside/secret]}]\n")},
		{name: "a patch out", files: app("resources: [ns.yaml]\npatches: [{path: ../../outside/secret}]\n")},
		{name: "a pipe", files: generator, make: func(t *testing.T, dir string) {
			t.Helper()
			if err := syscall.Mkfifo(filepath.Join(dir, "app", "f"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a pipe as a kustomization", files: namespace, make: func(t *testing.T, dir string) {
			t.Helper()
			if err := syscall.Mkfifo(filepath.Join(dir, "app", "kustomization.yaml"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a link to a device", files: generator, make: link("app/f", "/dev/zero")},
	}
	// Git's own files, however they are written.
	git := func(t *testing.T, dir string) {
		t.Helper()
		writeTree(t, filepath.Join(dir, ".git"), "-- config --\nouter-secret\n")
	}
	top := func(reference string) string {
		return namespace + "-- kustomization.yaml --\nresources: [app/ns.yaml]\nconfigMapGenerator: [{name: g, namespace: ns, files: ['" + reference + "']}]\n"
	}
	for name, reference := range map[string]string{
		"git's configuration": ".git/config", "git's configuration, with a key": "k=.git/config", "git's configuration, in capitals": ".GIT/config",
		"git's configuration, around": "app/../.git/config",
	} {
		inputs = append(inputs, hostile{name: name, files: top(reference), args: []string{"."}, make: git, want: []string{"kustomization.yaml:2"}})
	}
	inputs = append(inputs,
		hostile{name: "git's configuration, by a link", files: generator, make: func(t *testing.T, dir string) {
			git(t, dir)
			link("app/f", "../.git/config")(t, dir)
		}},
		hostile{name: "git's folder as a target", files: app("resources: [ns.yaml]\n"), args: []string{".git"}, make: git, want: []string{".git"}},
		hostile{name: "git's configuration as kgate.yaml", files: app("resources: [ns.yaml]\n"), make: func(t *testing.T, dir string) {
			git(t, dir)
			link("kgate.yaml", ".git/config")(t, dir)
		}, want: []string{"kgate.yaml"}},
	)
	for i := range inputs {
		inputs[i].exit = refused
		if inputs[i].args == nil && inputs[i].want == nil {
			inputs[i].want = []string{"app/"}
		}
	}
	return inputs
}

// nothingBadPasses are trees that take something out of the run, or make kgate look away.
func nothingBadPasses() []hostile {
	tree := func(files string) string {
		return namespace + plainMap + "-- app/kustomization.yaml --\nresources: [ns.yaml, cm.yaml]\n" + files
	}
	object := func(text string) string {
		return namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, o.yaml]\n-- app/o.yaml --\n" + text
	}
	own := func(dir, text string) string {
		return namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, cm.yaml]\n-- app/cm.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\n" +
			"data: {db.password: hunter2-real}\n-- rules/" + dir + " --\n" + text
	}
	const meta = "# METADATA\n# scope: package\n# title: T\n# description: D\n# custom:\n#   severity: error\n#   scope: object\n#   fix: F\n"
	const root = "- {check: rbac/no-cluster-admin, reason: r, owner: o, expires: 2027-01-31}"
	binding := func(exemption string) string {
		return "-- app/kustomization.yaml --\nresources: [b.yaml]\n-- app/b.yaml --\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: x, annotations: {kgate.dev/exempt: '" +
			exemption + "'}}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n" +
			"subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: \"system:authenticated\"}]\n"
	}
	definition := func(hook string) string {
		return namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, crd.yaml, x.yaml]\n-- app/crd.yaml --\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n" +
			"metadata: {name: serviceentries.networking.istio.io" + hook + "}\nspec:\n  group: networking.istio.io\n  scope: Namespaced\n" +
			"  names: {kind: ServiceEntry, plural: serviceentries, singular: serviceentry, listKind: ServiceEntryList}\n" +
			"  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]\n" +
			"-- app/x.yaml --\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: s, namespace: ns}\nspec:\n  hosts: [a.example.com]\n" +
			"  ports: [{number: 80, name: http, protocol: HTTP}]\n  resolution: STATIC\n  workloadSelector: {labels: {a: b}}\n  endpoints: [{address: 10.0.0.1}]\n"
	}
	privileged := "securityContext: {privileged: true}"
	inputs := []hostile{
		{name: "a patch hidden by a merge", files: app("resources: [ns.yaml]\n<<: {Patches: [{target: {kind: Deployment, name: gone}, patch: '[{\"op\": \"add\", \"path\": \"/a\", \"value\": \"1\"}]'}]}\n"), exit: refused, want: []string{"app/kustomization.yaml:2"}},
		{name: "a patch that reaches nothing", files: app("resources: [ns.yaml]\npatches: [{target: {kind: Deployment, name: gone}, patch: '[{\"op\": \"add\", \"path\": \"/a\", \"value\": \"1\"}]'}]\n"), exit: found, want: []string{"app/kustomization.yaml:2"}},
		{name: "a built-in package", files: own("lib/credential/x.rego", "package policies.lib.credential\n\n_is_reference(_) if true\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/lib/credential/x.rego:1"}},
		{name: "a built-in rule", files: own("config/no_credentials/x.rego", meta+"package policies.config.no_credentials\n\ndeny contains {\"msg\": \"x\", \"path\": []} if false\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/config/no_credentials/x.rego"}},
		{name: "a built-in package by reference", files: own("team/r/r.rego", meta+"package policies.team.r\n\ndeny contains {\"msg\": \"x\", \"path\": []} if false\n-- rules/lib/x.rego --\npackage policies.lib\n\ncredential._is_reference(_) if true\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/lib/x.rego"}},
		{name: "a rule that conflicts", files: own("a/b/b.rego", meta+"package policies.a.b\n\nf := 1 if input.kind\n\nf := 2 if input.metadata\n\ndeny contains {\"msg\": \"x\", \"path\": []} if f == 1\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/a/b/b.rego:"}},
		{name: "a rule that divides by zero", files: own("a/b/b.rego", meta+"package policies.a.b\n\ndeny contains {\"msg\": \"x\", \"path\": []} if 1 / (count(input.kind) - count(input.kind)) == 1\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/a/b/b.rego:"}},
		{name: "an object's own exemption from cluster-admin", files: binding(root), exit: refused, want: []string{"app/b.yaml:3", "rbac/no-cluster-admin"}},
		{name: "an exemption without an end", files: binding("- {check: rbac/secrets-by-name, reason: r, owner: o, expires: 9999-12-31}"), exit: found, want: []string{"app/b.yaml:3", "exemption/too-long"}},
		{name: "an exemption of the API server's verdict", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns, annotations: {kgate.dev/exempt: '[{check: admission/accepted, reason: r, owner: o, expires: 2027-01-31}]'}}\ndata: {'a b': c}\n"), exit: refused, want: []string{"app/o.yaml:3", "admission/accepted"}},
		{name: "an exemption from a locked check", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\nexemptions: [{check: config/no-secret-data, reason: r, owner: o, expires: 2027-01-31}]\n"), exit: refused, want: []string{"kgate.yaml:3", "locked"}},
		{name: "an exemption under the flag", files: object("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns, annotations: {kgate.dev/exempt: '[{check: pod/spread, reason: r, owner: o, expires: 2027-01-31}]'}}\nspec: {containers: [{name: a, image: \"a:1\"}]}\n"), args: []string{"--no-object-exemptions", "app"}, exit: found, want: []string{"app/o.yaml:3"}},
		{name: "a looser definition", files: definition(""), exit: found, want: []string{"app/x.yaml:"}},
		{name: "a looser definition that is skipped", files: definition(", annotations: {argocd.argoproj.io/hook: Skip}"), exit: found, want: []string{"app/x.yaml:"}},
		{name: "a root that nobody reads", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n-- other/kustomization.yaml --\nresources: [../app]\n"), args: []string{}, exit: found, want: []string{"other/kustomization.yaml"}},
		{name: "a root that nobody reads and that does not parse", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n-- other/kustomization.yaml --\nresources: [\n"), args: []string{}, exit: found, want: []string{"other/kustomization.yaml"}},
		{name: "a glob that names nothing", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app, gone/*]\n"), args: []string{}, exit: refused, want: []string{"gone/*"}},
		{name: "a folder in the place of a kustomization", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\nprofile: strict\ntargets: [app, prod]\n-- prod/pod.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\nspec: {containers: [{name: a, image: a, " + privileged + "}]}\n"), args: []string{}, exit: found, want: []string{"prod/pod.yaml:4"}},
		{name: "a Secret with its contents", files: object("apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: ns}\nstringData: {a: b}\n"), exit: found, want: []string{"config/no-secret-data"}},
		{name: "a Secret in a list", files: object("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: ns}, stringData: {a: b}}]\n"), exit: found, want: []string{"config/no-secret-data"}},
		{name: "a key repeated", files: object("apiVersion: v1\nkind: Secret\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\n"), exit: refused, want: []string{"app/o.yaml:3", "repeats"}},
		{name: "a key repeated by a tag", files: object("apiVersion: v1\nkind: Secret\n!!str kind: ConfigMap\nmetadata: {name: a, namespace: ns}\n"), exit: refused, want: []string{"app/o.yaml:3"}},
		{name: "a key repeated by an alias", files: object("apiVersion: v1\nkind: Secret\nmetadata: {name: &k kind, namespace: ns}\n*k : ConfigMap\n"), exit: refused, want: []string{"app/o.yaml:4", "repeats"}},
		{name: "a key repeated in base64", files: object("apiVersion: v1\nkind: Secret\n!!binary a2luZA==: ConfigMap\nmetadata: {name: a, namespace: ns}\n"), exit: refused, want: []string{"app/o.yaml:3"}},
		{name: "a key repeated by two merges", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\n<<: {data: {a: b}}\n<<: {data: {c: d}}\n"), exit: refused, want: []string{"app/o.yaml:5"}},
		{name: "a number and a text as one key", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\ndata: {1: a, '1': b}\n"), exit: refused, want: []string{"app/o.yaml:4", "repeats"}},
		{name: "an empty target", files: namespace + "-- app/kustomization.yaml --\nresources: []\n", exit: found, want: []string{"app/kustomization.yaml:1", "renders no object"}},
	}
	// Hooks that a sync does not apply, and what a rendered definition might say of a kind that is known.
	for _, hook := range []string{`argocd.argoproj.io/hook: ""`, "argocd.argoproj.io/hook: presync", "argocd.argoproj.io/hook: PostDelete", "argocd.argoproj.io/hook: 'Skip,Never'", "helm.sh/hook: test"} {
		inputs = append(inputs, hostile{name: "a looser definition under " + hook, files: definition(", annotations: {" + hook + "}"), exit: found, want: []string{"app/x.yaml:", "only one of WorkloadSelector or Endpoints"}})
	}
	for name, change := range map[string][3]string{
		"a definition that serves no version": {"served: true", "served: false", "serves no version"},
		"a definition of another scope":       {"scope: Namespaced", "scope: Cluster", "has scope Namespaced"},
		"a definition of another plural":      {"serviceentries", "entries", "calls the resource of ServiceEntry"},
		"a definition of another kind":        {"kind: ServiceEntry, plural", "kind: Door, plural", "of this name defines ServiceEntry"},
	} {
		inputs = append(inputs, hostile{name: name, files: strings.ReplaceAll(definition(""), change[0], change[1]), exit: found, want: []string{change[2]}})
	}
	inputs = append(inputs,
		hostile{name: "a namespace that is skipped", files: strings.Replace(app("resources: [ns.yaml, cm.yaml]\n"), "{name: ns, ", "{name: ns, annotations: {argocd.argoproj.io/hook: Skip}, ", 1), exit: found, want: []string{"neither rendered nor declared external"}},
		hostile{name: "an Application of what no target reads", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n-- prod/pod.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\n-- more/application.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: p, namespace: argocd}\nspec: {project: default, source: {repoURL: 'https://example.com/r.git', path: prod}, destination: {name: prod, namespace: ns}}\n"), args: []string{}, exit: found, want: []string{"more/application.yaml:4", "deploys prod"}},
		hostile{name: "an exemption from what no target reads", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\nexemptions: [{check: coverage/root, reason: r, owner: o, expires: 2027-01-31}]\n-- other/kustomization.yaml --\nresources: [../app]\n"), args: []string{}, exit: refused, want: []string{"kgate.yaml:3", "locked"}},
		hostile{name: "what is not read, without a reason", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\nunread: [{path: other}]\n-- other/kustomization.yaml --\nresources: [../app]\n"), args: []string{}, exit: refused, want: []string{"kgate.yaml:3", "reason"}},
		hostile{name: "what is not read, and is not there", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\nunread: [{path: other, reason: r, owner: o}]\n"), args: []string{}, exit: found, want: []string{"kgate.yaml:3", "coverage/unread"}},
		hostile{name: "a module in a built-in one", files: own("lib/credential/m/m.rego", "package policies.lib.credential.m\n\na if true\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/lib/credential/m/m.rego:1"}},
		hostile{name: "a directory with a dot for a slash", files: own("lib.credential/x/x.rego", meta+"package policies.lib.credential.x\n\ndeny contains {\"msg\": \"x\", \"path\": []} if false\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/lib.credential/x/x.rego"}},
		hostile{name: "a rule that reads a file", files: own("a/b/b.rego", meta+"package policies.a.b\n\ndeny contains {\"msg\": \"x\", \"path\": []} if json.match_schema(1, {\"$ref\": \"file:///etc/passwd\"})[0]\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/a/b/b.rego:", "undefined function"}},
		hostile{name: "a rule that asks the network", files: own("a/b/b.rego", meta+"package policies.a.b\n\ndeny contains {\"msg\": \"x\", \"path\": []} if http.send({\"method\": \"get\", \"url\": \"https://example.com\"}).status_code == 1\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/a/b/b.rego:", "undefined function"}},
		hostile{name: "a path of Flux that leads out and is taken to lead in", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n-- flux/k.yaml --\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: k, namespace: flux-system}\nspec: {interval: 1m, prune: true, sourceRef: {kind: GitRepository, name: r}, path: ../hidden}\n-- hidden/pod.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\n"), args: []string{}, exit: found, want: []string{"flux/k.yaml:4", "deploys hidden"}},
		hostile{name: "a folder that a recursive Application takes and a walk does not", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app, prod]\n-- prod/cm.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: ns}\n-- prod/.x/y/pod.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\n-- more/application.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: p, namespace: argocd}\nspec: {project: default, source: {repoURL: 'https://example.com/r.git', path: prod, directory: {recurse: true}}, destination: {name: prod, namespace: ns}}\n"), args: []string{}, exit: found, want: []string{"more/application.yaml:4", "deploys prod with prod/.x/y/pod.yaml"}},
		hostile{name: "an environment that became a link", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [overlays/*]\nenvironments: [{name: prod, targets: [overlays/prod], sampling: {min: 0.01, max: 0.2}}]\n-- overlays/dev/kustomization.yaml --\nresources: [../../app]\n"), args: []string{}, exit: found, want: []string{"kgate.yaml:3", `the environment "prod"`}, make: func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Symlink("dev", filepath.Join(dir, "overlays", "prod")); err != nil {
				t.Fatal(err)
			}
		}},
		hostile{name: "an environment whose targets another takes first", files: tree("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\nenvironments:\n- {name: dev, targets: ['*'], sampling: {min: 1, max: 1}}\n- {name: prod, targets: [app], sampling: {min: 0.01, max: 0.2}}\n"), args: []string{}, exit: found, want: []string{"kgate.yaml:5", `the environment "prod"`}},
		hostile{name: "a key that is a mapping", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: a, namespace: ns}\n*m : x\n"), exit: refused, want: []string{"app/o.yaml:4", "a key that is no text"}},
		hostile{name: "an exemption of every object without a name", files: object("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-, namespace: ns, annotations: {kgate.dev/exempt: '[{check: pod/image-pinned, reason: r, owner: o, expires: 2027-01-31}]'}}\nspec: {containers: [{name: a, image: a}]}\n"), args: []string{"app/o.yaml"}, exit: refused, want: []string{"app/o.yaml:3", "an object without a name"}},
		hostile{name: "an object behind an empty document", files: object("!!null\n...\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\nstringData: {a: b}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: s, namespace: ns}\n"), exit: refused, want: []string{"app/o.yaml:", "a second document"}},
		hostile{name: "an object between carriage returns", files: object("# c\r---\r---\rapiVersion: v1\rkind: Secret\rmetadata: {name: s, namespace: ns}\rstringData: {a: b}\r---\rapiVersion: v1\rkind: ConfigMap\rmetadata: {name: s, namespace: ns}\r"), exit: refused, want: []string{"app/o.yaml:"}},
		hostile{name: "a revision that is a flag", files: app("resources: [ns.yaml, cm.yaml]\n"), args: []string{"--config-from=--upload-pack=touch $SENTINEL", "app"}, exit: refused, want: []string{"--config-from"}},
	)
	// What only looks as if SOPS had encrypted it.
	const sealed = `ENC[AES256_GCM,data:aGVsbG8=,iv:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]`
	const seal = `mac: "` + sealed + `", version: 3.9.0, age: [{recipient: x, enc: x}]`
	const secretOf = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ns}\n"
	for name, file := range map[string]string{
		"dotenv":                           "PASSWORD=hunter2\nsops_mac=ENC[AES256_GCM,data:\nsops_version=3\n",
		"dotenv with a recipient":          "PASSWORD=hunter2\nsops_mac=" + sealed + "\nsops_version=3\nsops_age__list_0__map_enc=x\n",
		"YAML without an encrypted key":    "sops: {mac: \"" + sealed + "\", age: [x]}\npassword: hunter2\n",
		"YAML":                             "sops: {" + seal + "}\npassword: hunter2\n",
		"YAML with a rule":                 "sops: {" + seal + ", unencrypted_regex: .}\npassword: hunter2\nx: \"" + sealed + "\"\n",
		"YAML with a second document":      "sops: {" + seal + "}\n---\npassword: hunter2\n",
		"YAML with a comment":              "sops: {" + seal + "}\nx: \"" + sealed + "\" # password: hunter2\n",
		"JSON":                             "{\"password\":\"hunter2\",\"sops\":{\"mac\":\"" + sealed + "\",\"version\":\"3\",\"age\":[{\"enc\":\"x\"}]}}",
		"INI":                              "password = hunter2\n[sops]\nmac = ENC[AES256_GCM,data:\n",
		"INI with a recipient":             "password = hunter2\n[sops]\nmac = " + sealed + "\nversion = 3\nage__list_0__map_enc = x\n",
		"INI with a key in SOPS's section": "[sops]\nmac = " + sealed + "\nversion = 3\nage__list_0__map_enc = x\npassword = hunter2\n",
	} {
		inputs = append(inputs, hostile{name: "a file that only looks encrypted: " + name, files: object(secretOf + "stringData: {f: " + strconv.Quote(file) + "}\n"), exit: found, want: []string{"app/o.yaml:4", "config/no-secret-data"}})
	}
	inputs = append(inputs,
		hostile{name: "keys that only look like those of SOPS", files: object(secretOf + "stringData: {sops_mac: '" + sealed + "', sops_version: '3', sops_password: hunter2}\n"), exit: found, want: []string{"config/no-secret-data"}},
		hostile{name: "keys that only look like those of SOPS, with a recipient", files: object(secretOf + "stringData: {sops_mac: '" + sealed + "', sops_version: '3', sops_age__list_0__map_enc: x, sops_password: hunter2}\n"), exit: found, want: []string{"config/no-secret-data"}},
		hostile{name: "a plain value of an encrypted Secret", files: object(secretOf + "stringData: {a: '" + sealed + "', b: hunter2}\nsops: {" + seal + "}\n"), exit: found, want: []string{"config/no-secret-data"}},
		hostile{name: "a ConfigMap's file that only looks encrypted", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\ndata:\n  x: |\n    aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n    sops_mac=ENC[AES256_GCM,data:\n    sops_version=3\n"), exit: found, want: []string{"app/o.yaml:6", "config/no-credentials"}},
		hostile{name: "a ConfigMap's INI that only looks encrypted", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\ndata:\n  x: |\n    password = \"hunter2hunter2\"\n    [sops]\n    mac = ENC[AES256_GCM,data:\n"), exit: found, want: []string{"app/o.yaml:6", "config/no-credentials"}},
		hostile{name: "a ConfigMap's file whose rules leave a credential in plain", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ns}\ndata:\n  x.yaml: " + strconv.Quote("a: \""+sealed+"\"\npassword: hunter2hunter2\nsops: {"+seal+", encrypted_regex: ^a$}\n") + "\n"), exit: found, want: []string{"app/o.yaml:5", "config/no-credentials"}},
		hostile{name: "a plain file that ksops decrypts", files: namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml]\ngenerators: [k.yaml]\n-- app/k.yaml --\napiVersion: viaduct.ai/v1\nkind: ksops\nmetadata: {name: k}\nsecretFrom: [{metadata: {name: z}, files: [a.txt]}]\n-- app/a.txt --\nPASSWORD=hunter2\nsops_mac=ENC[AES256_GCM,data:\nsops_version=3\n", exit: refused, want: []string{"app/a.txt", "is not encrypted"}},
		hostile{name: "a dotenv file of a generator that only looks encrypted", files: namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml]\nsecretGenerator: [{name: s, namespace: ns, envs: [plain.env]}]\n-- app/plain.env --\nsops_mac=" + sealed + "\nsops_version=3\nsops_db_x=1\n", exit: found, want: []string{"config/no-secret-data"}},
	)
	// What stands beside a variable, or is its default, is in the repository, whoever fills it in.
	const flux = "-- kgate.yaml --\napiVersion: kgate/v1\nunknownKinds: ignore\n-- flux/k.yaml --\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: k, namespace: ns}\n" +
		"spec: {interval: 1m, prune: true, sourceRef: {kind: GitRepository, name: r}, path: ./app, postBuild: {substitute: {B: b}, substituteFrom: [{kind: Secret, name: elsewhere}]}}\n-- flux/kustomization.yaml --\nresources: [k.yaml]\n"
	for name, data := range map[string]string{
		"beside a variable": `stringData: {a: "hunter2${A}"}`, "a default": `stringData: {a: "${A:=hunter2}"}`, "a default of a default": `stringData: {a: "${A:-${B:=hunter2}}"}`,
		"data beside a variable": `data: {a: "aHVudGVyMg${A}"}`, "in place of a value": `stringData: {a: "${A/x/hunter2}"}`,
	} {
		inputs = append(inputs,
			hostile{name: "a Secret with " + name, files: object(secretOf + data + "\n"), exit: found, want: []string{"app/o.yaml:4", "config/no-secret-data"}},
			hostile{name: "a Secret that Flux fills in with " + name, files: object(secretOf+data+"\n") + flux, args: []string{}, exit: found, want: []string{"app/o.yaml:4", "config/no-secret-data"}},
		)
	}
	inputs = append(inputs, hostile{name: "a Secret that Flux fills in with a key that is a variable", files: object(secretOf+"stringData: {\"${A}\": hunter2}\n") + flux, args: []string{}, exit: found, want: []string{"app/o.yaml:4", "config/no-secret-data"}})
	const podOf = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\nspec:\n"
	inputs = append(inputs,
		hostile{name: "a path of the node that is a variable", files: object(podOf+"  volumes: [{name: \"${V}\", hostPath: {path: \"/${P}\"}}]\n  containers: [{name: a, image: a:1.0.0}]\n") + flux, args: []string{}, exit: found, want: []string{"app/o.yaml:5", "pod/no-host-path"}},
		hostile{name: "a path of the node that is encrypted", files: object(podOf + "  volumes: [{name: v, hostPath: {path: '" + sealed + "'}}]\n  containers: [{name: a, image: a:1.0.0}]\nsops: {" + seal + "}\n"), exit: found, want: []string{"app/o.yaml:5", "pod/no-host-path"}},
		hostile{name: "a privileged container whose name is a variable", files: object(podOf+"  containers: [{name: \"${A}\", image: a:1.0.0, securityContext: {privileged: true}}]\n") + flux, args: []string{}, exit: found, want: []string{"app/o.yaml:5", "pod/not-privileged"}},
	)
	// Where nobody decrypts, what SOPS encrypted is what a cluster gets.
	const argo = "-- kgate.yaml --\napiVersion: kgate/v1\nunknownKinds: ignore\n-- argo/application.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a, namespace: argocd}\n" +
		"spec: {project: default, destination: {server: 'https://kubernetes.default.svc', namespace: ns}, source: {repoURL: 'https://example.com/r.git', path: app}}\n"
	encryptedPod := object(podOf + "  containers: [{name: a, image: a:1.0.0, securityContext: {privileged: '" + strings.Replace(sealed, "type:str", "type:bool", 1) + "'}}]\nsops: {" + seal + "}\n")
	inputs = append(inputs,
		hostile{name: "an encrypted field that Argo CD applies as it is", files: encryptedPod + argo, args: []string{}, exit: found, want: []string{"app/o.yaml:5", "privileged"}},
		hostile{name: "an encrypted field that Flux applies as it is", files: encryptedPod + flux, args: []string{}, exit: found, want: []string{"app/o.yaml:5", "privileged"}},
		hostile{name: "an encrypted Secret that Flux does not decrypt", files: object(secretOf+"stringData: {a: '"+sealed+"'}\nsops: {"+seal+"}\n") + flux, args: []string{}, exit: found, want: []string{"app/o.yaml:5", "gitops/flux-decryption"}},
	)
	// The pods that operators make of what is written here.
	for name, text := range map[string]string{
		"OpenTelemetryCollector": "apiVersion: opentelemetry.io/v1beta1\nkind: OpenTelemetryCollector\nmetadata: {name: o, namespace: ns}\nspec:\n  mode: daemonset\n  image: a:1.0.0\n  hostNetwork: true\n  securityContext: {privileged: true, runAsUser: 0}\n  volumes: [{name: h, hostPath: {path: /}}]\n  config: {receivers: {otlp: {protocols: {grpc: {}}}}, exporters: {debug: {}}, service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}}\n",
		"Prometheus":             "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: o, namespace: ns}\nspec: {hostNetwork: true, containers: [{name: a, image: \"a:1\", " + privileged + "}], volumes: [{name: h, hostPath: {path: /}}]}\n",
		"Alertmanager":           "apiVersion: monitoring.coreos.com/v1\nkind: Alertmanager\nmetadata: {name: o, namespace: ns}\nspec: {hostNetwork: true, containers: [{name: a, image: \"a:1\", " + privileged + "}], volumes: [{name: h, hostPath: {path: /}}]}\n",
		"ThanosRuler":            "apiVersion: monitoring.coreos.com/v1\nkind: ThanosRuler\nmetadata: {name: o, namespace: ns}\nspec: {queryEndpoints: [a], containers: [{name: a, image: \"a:1\", " + privileged + "}], volumes: [{name: h, hostPath: {path: /}}]}\n",
		"Pooler":                 "apiVersion: postgresql.cnpg.io/v1\nkind: Pooler\nmetadata: {name: o, namespace: ns}\nspec: {cluster: {name: c}, pgbouncer: {poolMode: session}, template: {spec: {hostNetwork: true, containers: [{name: pgbouncer, image: \"a:1\", " + privileged + "}], volumes: [{name: h, hostPath: {path: /}}]}}}\n",
		"PodTemplate":            "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: o, namespace: ns}\ntemplate: {spec: {hostNetwork: true, containers: [{name: a, image: \"a:1\", " + privileged + "}], volumes: [{name: h, hostPath: {path: /}}]}}\n",
		"CronJob":                "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: o, namespace: ns}\nspec: {schedule: '* * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, hostNetwork: true, containers: [{name: a, image: \"a:1\", " + privileged + "}], volumes: [{name: h, hostPath: {path: /}}]}}}}}\n",
	} {
		checks := []string{"pod/no-host-path", "pod/not-privileged"}
		if name != "ThanosRuler" {
			checks = append(checks, "pod/no-host-namespaces")
		}
		inputs = append(inputs, hostile{name: "the pods of a " + name, files: object(text), exit: found, want: append(checks, "app/o.yaml:")})
	}
	return inputs
}

// logLines put what a runner of CI or a terminal obeys into every text that kgate repeats.
func logLines() []hostile {
	// In YAML's double quotes, and in a pattern of file names where both can have it.
	const evil = `x\n::add-mask::ok\n  ::warning file=a::PWN\r::set-output name=a::b\n##[group]c ##vso[task.setvariable]d\e[31mRED\u202Ez\u2028::error::e\u0085section_start:1:f\e[0K`
	object := func(text string) string {
		return namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, o.yaml]\n-- app/o.yaml --\n" + text
	}
	pod := func(name, image string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: \"" + name + "\", namespace: ns}\nspec: {containers: [{name: \"" + name + "\", image: \"" + image + "\"}]}\n"
	}
	config := func(text string) string {
		return namespace + plainMap + "-- app/kustomization.yaml --\nresources: [ns.yaml, cm.yaml]\n-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n" + text
	}
	rule := func(title, message string) string {
		return namespace + plainMap + "-- app/kustomization.yaml --\nresources: [ns.yaml, cm.yaml]\n-- rules/team/r/r.rego --\n# METADATA\n# scope: package\n# title: \"" + title +
			"\"\n# description: D\n# custom:\n#   severity: error\n#   scope: object\n#   fix: F\npackage policies.team.r\n\ndeny contains {\"msg\": " + message + ", \"path\": [\"kind\"]}\n"
	}
	texts := []hostile{
		{name: "a reference", files: app(`resources: ["https://x/` + evil + `"]` + "\n"), exit: refused},
		{name: "a missing file", files: app(`resources: ["` + evil + `"]` + "\n"), exit: refused},
		{name: "a field of a kustomization", files: app(`"` + evil + `": [a]` + "\n"), exit: refused},
		{name: "a key that repeats", files: app(`{"` + evil + `": 1, "` + evil + `": 2}` + "\n"), exit: refused},
		{name: "a name prefix", files: app(`{resources: [ns.yaml, cm.yaml], namePrefix: "` + evil + `"}` + "\n"), exit: found},
		{name: "a label", files: app(`{resources: [ns.yaml, cm.yaml], labels: [{pairs: {"` + evil + `": "` + evil + `"}}]}` + "\n"), exit: refused},
		{name: "an annotation", files: app(`{resources: [ns.yaml, cm.yaml], commonAnnotations: {"` + evil + `": "` + evil + `"}}` + "\n"), exit: refused},
		{name: "a patch's target", files: app(`{resources: [ns.yaml, cm.yaml], patches: [{target: {kind: "` + evil + `"}, patch: '[{"op": "remove", "path": "/data"}]'}]}` + "\n"), exit: refused},
		{name: "an image", files: app(`{resources: [ns.yaml, cm.yaml], images: [{name: "` + evil + `", newTag: "1"}]}` + "\n"), exit: found},
		{name: "a generator's name", files: app(`{resources: [ns.yaml], configMapGenerator: [{name: "` + evil + `", literals: [a=b]}]}` + "\n"), exit: found},
		{name: "a generator's literal", files: app(`{resources: [ns.yaml], configMapGenerator: [{name: a, literals: ["` + evil + `"]}]}` + "\n"), exit: found},
		{name: "a plugin", files: app(`{resources: [ns.yaml], generators: ["{apiVersion: a/v1, kind: K, metadata: {name: \"` + `a\"}}"]}` + "\n"), exit: refused},
		{name: "an object's name", files: object(pod(evil, "a:1")), exit: found},
		{name: "an object's image", files: object(pod("a", evil)), exit: found},
		{name: "an object's kind", files: object("apiVersion: v1\nkind: \"" + evil + "\"\nmetadata: {name: a}\n"), exit: found},
		{name: "an object's group", files: object("apiVersion: \"" + evil + "/v1\"\nkind: A\nmetadata: {name: a}\n"), exit: found},
		{name: "an object's namespace", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: \"" + evil + "\"}\n"), exit: found},
		{name: "an object's field", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\n\"" + evil + "\": 1\n"), exit: refused},
		{name: "an object's value", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\nimmutable: \"" + evil + "\"\n"), exit: found},
		{name: "an exemption's reason", files: object("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns, annotations: {kgate.dev/exempt: '[{check: pod/spread, reason: \"" + evil + "\", owner: \"" + evil + "\", expires: 2027-01-31}]'}}\nspec: {containers: [{name: a, image: \"a:1\"}]}\n"), exit: found},
		{name: "an exemption's check", files: object("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns, annotations: {kgate.dev/exempt: '[{check: \"" + evil + "\", reason: r, owner: o, expires: 2027-01-31}]'}}\nspec: {containers: [{name: a, image: \"a:1\"}]}\n"), exit: refused},
		{name: "a target of kgate.yaml", files: config("environments: [{name: \"" + evil + "\", targets: [app], sampling: {min: 2, max: 1}}]\n"), exit: refused},
		{name: "a key of kgate.yaml", files: config("\"" + evil + "\": 1\n"), exit: refused},
		{name: "a version of kgate.yaml", files: config("kubernetesVersions: [\"" + evil + "\"]\n"), exit: refused},
		{name: "an exemption of kgate.yaml", files: config("exemptions: [{check: pod/spread, reason: \"" + evil + "\", owner: \"" + evil + "\", expires: 2026-01-31}]\n"), exit: found, args: []string{}},
		{name: "a broken file", files: app("resources: [ns.yaml, cm.yaml\n::add-mask::ok\n##[group]a\n"), exit: refused},
		{name: "a rule's message", files: rule("T", `"`+strings.NewReplacer(`\e`, `\u001b`).Replace(evil)+`"`), args: []string{"--policies", "rules", "app"}, exit: found},
		{name: "a rule that does not parse", files: rule("T", "::add-mask::ok\n##[group]a"), args: []string{"--policies", "rules", "app"}, exit: refused},
		{name: "a rule's fields", files: rule("T", `"m", "`+strings.NewReplacer(`\e`, `\u001b`).Replace(evil)+`": 1`), args: []string{"--policies", "rules", "app"}, exit: refused},
		{name: "an argument", files: app("resources: [ns.yaml]\n"), args: []string{"x\n::add-mask::ok\n\x1b[31m##[group]"}, exit: refused},
		{name: "a flag", files: app("resources: [ns.yaml]\n"), args: []string{"--x\n::add-mask::ok\n\x1b[31m##[group]"}, exit: refused},
		{name: "a check's name", files: app("resources: [ns.yaml]\n"), args: []string{"--checks", "x\n::add-mask::ok\n\x1b[31m##[group]", "app"}, exit: refused},
		{name: "a file's name", files: namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, \"o\\n::add-mask::ok\\e[31m##[a].yaml\"]\n", exit: refused, make: func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "app", "o\n::add-mask::ok\x1b[31m##[a].yaml"), []byte("kind: [\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
	}
	var inputs []hostile
	for _, input := range texts {
		args := input.args
		if args == nil {
			args = []string{"app"}
		}
		for _, format := range []string{"text", "github"} {
			more := input
			more.name += ", " + format
			more.args = append([]string{"--output", format}, args...)
			inputs = append(inputs, more)
		}
	}
	return inputs
}

// reportLinks are reports that a link in the repository would lead elsewhere.
func reportLinks() []hostile {
	var inputs []hostile
	files := app("resources: [ns.yaml, cm.yaml]\n")
	for name, make := range map[string]func(dir string) error{
		"a link out":                  func(dir string) error { return os.Symlink("../outside/secret", filepath.Join(dir, "report")) },
		"a link that leads nowhere":   func(dir string) error { return os.Symlink("../outside/new", filepath.Join(dir, "report")) },
		"a link within":               func(dir string) error { return os.Symlink("app/cm.yaml", filepath.Join(dir, "report")) },
		"a pipe":                      func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "report"), 0o644) },
		"a directory":                 func(dir string) error { return os.Mkdir(filepath.Join(dir, "report"), 0o755) },
		"a link to a device":          func(dir string) error { return os.Symlink("/dev/full", filepath.Join(dir, "report")) },
		"a link in a circle":          func(dir string) error { return os.Symlink("report", filepath.Join(dir, "report")) },
		"a link to the tree's origin": func(dir string) error { return os.Symlink(".git/config", filepath.Join(dir, "report")) },
	} {
		inputs = append(inputs, hostile{name: name, files: files, args: []string{"--output", "json=report", "app"}, exit: refused, want: []string{"report"}, make: func(t *testing.T, dir string) {
			t.Helper()
			if err := make(dir); err != nil {
				t.Fatal(err)
			}
		}})
	}
	return append(inputs, hostile{name: "a folder that is a link", files: files, args: []string{"--output", "json=out/report", "app"}, exit: refused, want: []string{"out"}, make: func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Symlink("../outside", filepath.Join(dir, "out")); err != nil {
			t.Fatal(err)
		}
	}})
}

// boundedWork is little to write and much to do.
func boundedWork() []hostile {
	object := func(text string) string {
		return namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, o.yaml]\n-- app/o.yaml --\n" + text
	}
	layers := func(field, kind string) string {
		var b strings.Builder
		b.WriteString(namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml]\n" + field + ": [../l0]\n")
		for i := range 40 {
			fmt.Fprintf(&b, "-- l%d/kustomization.yaml --\n%s%s: [../l%d, ../l%d]\n", i, kind, field, i+1, i+1)
		}
		return b.String() + "-- l40/kustomization.yaml --\n" + kind + "namePrefix: a-\n"
	}
	var bomb strings.Builder
	bomb.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	merges := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\nm0: &m0 {a: b}\n"
	for i := 1; i < 30; i++ {
		merges += fmt.Sprintf("m%d: &m%d {<<: [*m%d, *m%d]}\n", i, i, i-1, i-1)
	}
	var many strings.Builder // many documents, each just within what one may be
	for i := range 200 {
		fmt.Fprintf(&many, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a%d, namespace: ns}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n", i)
		for j := 1; j < 5; j++ {
			fmt.Fprintf(&many, "a%d: &a%d [%s]\n", j, j, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", j-1), 10), ", "))
		}
	}
	config := func(text string) string {
		return app("resources: [ns.yaml, cm.yaml]\n") + "-- kgate.yaml --\napiVersion: kgate/v1\n" + text
	}
	containers := make([]string, 2000)
	for i := range containers {
		containers[i] = fmt.Sprintf("{name: c%d, image: a}", i)
	}
	items := make([]string, 1000)
	for i := range items {
		items[i] = fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: p%d, namespace: ns}, spec: {containers: [{name: a, image: a}]}}", i)
	}
	const meta = "# METADATA\n# scope: package\n# title: T\n# description: D\n# custom:\n#   severity: error\n#   scope: object\n#   fix: F\npackage policies.a.b\n\n"
	own := func(text string) string {
		return app("resources: [ns.yaml, cm.yaml]\n") + "-- rules/a/b/b.rego --\n" + meta + text
	}
	globs := strings.Repeat("{a,a}", 30)
	inputs := []hostile{
		{name: "layers that double, as resources", files: layers("resources", ""), exit: refused, want: []string{"kustomization.yaml:"}},
		{name: "layers that double, as components", files: layers("components", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"), exit: refused, want: []string{"kustomization.yaml:"}},
		{name: "layers that double, as bases", files: layers("bases", ""), exit: refused, want: []string{"kustomization.yaml:"}},
		{name: "a kustomization that reads itself", files: namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, ../app]\n", exit: refused, want: []string{"app/kustomization.yaml:1", "cycle"}},
		{name: "two kustomizations that read each other", files: namespace + "-- app/kustomization.yaml --\nresources: [ns.yaml, ../b]\n-- b/kustomization.yaml --\nresources: [../app]\n", exit: refused, want: []string{"b/kustomization.yaml:1", "cycle"}},
		{name: "aliases that multiply", files: object(bomb.String()), exit: refused, want: []string{"app/o.yaml:"}},
		{name: "merges that multiply", files: object(merges), exit: refused, want: []string{"app/o.yaml:"}},
		{name: "an anchor that holds itself", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: ns}\ndata: &a {b: *a}\n"), exit: refused, want: []string{"app/o.yaml:4"}},
		{name: "aliases of many documents", files: object(many.String()), exit: refused, want: []string{"app/o.yaml"}},
		{name: "lists within lists", files: object("a: " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "\n"), exit: refused, want: []string{"app/o.yaml:1"}},
		{name: "mappings within mappings", files: object("a: " + strings.Repeat("{a: ", 20000) + strings.Repeat("}", 20000) + "\n"), exit: refused, want: []string{"app/o.yaml:1"}},
		{name: "blocks within blocks", files: object(nestedBlocks(3000)), exit: refused, want: []string{"app/o.yaml:"}},
		{name: "a glob of alternatives, of targets", files: config("targets: [\"" + globs + "\"]\n"), args: []string{}, exit: refused, want: []string{"kgate.yaml:2"}},
		{name: "a glob of alternatives, of an environment", files: config("targets: [app]\nenvironments: [{name: a, targets: [\"" + globs + "\"]}]\n"), args: []string{}, exit: refused, want: []string{"kgate.yaml:3"}},
		{name: "a glob of alternatives, of an exemption", files: config("targets: [app]\nexemptions: [{check: pod/spread, target: \"" + globs + "\", reason: r, owner: o, expires: 2027-01-31}]\n"), args: []string{}, exit: refused, want: []string{"kgate.yaml:3"}},
		{name: "a glob of stars", files: config("targets: [\"" + strings.Repeat("**/", 40) + "x\"]\n"), args: []string{}, exit: refused, want: []string{"kgate.yaml"}},
		{name: "a Pod of 2,000 containers on a line", files: object("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\nspec: {containers: [" + strings.Join(containers, ", ") + "]}\n"), exit: found, want: []string{"app/o.yaml:4"}},
		{name: "1,000 Pods on a line", files: object("apiVersion: v1\nkind: List\nitems: [" + strings.Join(items, ", ") + "]\n"), exit: found, want: []string{"app/o.yaml:3"}},
		{name: "too many documents", files: object(strings.Repeat("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", 5001)), exit: refused, want: []string{"app/o.yaml:"}},
		{name: "a rule without an end", files: own("deny contains {\"msg\": \"x\", \"path\": []} if {\n\tsome x in numbers.range(1, 100000)\n\tsome y in numbers.range(1, 100000)\n\tx * y == -1\n}\n"), args: []string{"--timeout", "3s", "--policies", "rules", "app"}, exit: refused, want: []string{"gave up after 3s while evaluating the rules on"}},
		{name: "a rule nested deep", files: own("deny contains {\"msg\": \"x\", \"path\": []} if " + strings.Repeat("(", 50000) + "true" + strings.Repeat(")", 50000) + "\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/a/b/b.rego"}},
		{name: "an OpenAPI schema in a circle", files: app("resources: [ns.yaml, cm.yaml]\nopenapi: {path: o.json}\n") + "-- app/o.json --\n{\"definitions\": {\"a\": {\"$ref\": \"#/definitions/b\", \"x-kubernetes-group-version-kind\": [{\"group\": \"\", \"version\": \"v1\", \"kind\": \"ConfigMap\"}]}, \"b\": {\"$ref\": \"#/definitions/a\"}}}\n", exit: refused, want: []string{"app/o.json:1", "leads back to itself"}},
	}
	copies := strings.TrimSuffix(strings.Repeat(`{"op": "copy", "from": "/data", "path": "/data/x"}, `, 40), ", ")
	for i := 0; strings.Contains(copies, `/data/x"`); i++ {
		copies = strings.Replace(copies, `/data/x"`, fmt.Sprintf(`/data/y%d"`, i), 1)
	}
	inputs = append(inputs,
		hostile{name: "a patch that copies what it copied", files: app("resources: [ns.yaml, cm.yaml]\npatches: [{target: {kind: ConfigMap}, patch: '[" + copies + "]'}]\n"), exit: refused, want: []string{"app/kustomization.yaml:2", "copy"}},
		hostile{name: "lists 501 deep", files: object("a: " + strings.Repeat("[", 501) + strings.Repeat("]", 501) + "\n"), exit: refused, want: []string{"app/o.yaml:1", "nested more than 500 deep"}},
		hostile{name: "aliases of a kustomization", files: app(strings.Replace(strings.Replace(bomb.String(), "apiVersion: v1\nkind: ConfigMap\n", "", 1), "metadata: {name: a, namespace: ns}\n", "namePrefix: a\n", 1)), exit: refused, want: []string{"app/kustomization.yaml:"}},
		hostile{name: "an OpenAPI schema that is its own reference", files: app("resources: [ns.yaml, cm.yaml]\nopenapi: {path: o.json}\n") + "-- app/o.json --\n{\"definitions\": {\"A\": {\"$ref\": \"#/definitions/A\"}}}\n", exit: refused, want: []string{"app/o.json:1", "leads back to itself"}},
		hostile{name: "an OpenAPI schema in a circle, escaped", files: app("resources: [ns.yaml, cm.yaml]\nopenapi: {path: o.json}\npatches: [{patch: \"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: ns}, data: {z: q}}\"}]\n") + "-- app/o.json --\n{\"definitions\": {\"a\": {\"x-kubernetes-group-version-kind\": [{\"group\": \"\", \"version\": \"v1\", \"kind\": \"ConfigMap\"}], \"properties\": {\"data\": {\"$ref\": \"#/definitions/%62\"}}}, \"b\": {\"$ref\": \"#/definitions/%62\"}}}\n", exit: refused, want: []string{"app/o.json:1", "leads back to itself"}},
		hostile{name: "types of crds in a circle", files: app("resources: [ns.yaml, cm.yaml]\ncrds: [c.json]\n") + "-- app/c.json --\n{\"A\": {\"Schema\": {\"properties\": {\"apiVersion\": {}, \"kind\": {}, \"metadata\": {}, \"p\": {\"$ref\": \"A\"}}}}}\n", exit: refused, want: []string{"app/c.json:1", "leads back to itself"}},
		hostile{name: "types of crds in a circle, in other letters", files: app("resources: [ns.yaml, cm.yaml]\ncrds: [c.yaml]\n") + "-- app/c.yaml --\nA: {schema: {Properties: {apiVersion: {}, kind: {}, metadata: {}, p: {$ref: '%42'}}}}\nB: {schema: {properties: {q: {$ref: A}}}}\n", exit: refused, want: []string{"app/c.yaml:", "leads back to itself"}},
		hostile{name: "types of crds that double", files: app("resources: [ns.yaml, cm.yaml]\ncrds: [c.yaml]\n") + "-- app/c.yaml --\n" + doublingTypes(40), exit: refused, want: []string{"app/c.yaml:"}},
		hostile{name: "a prefix without an end", files: app("resources: [ns.yaml, cm.yaml]\nnamePrefix: " + strings.Repeat("a", 10000) + "\n"), exit: refused, want: []string{"app/kustomization.yaml:2"}},
		hostile{name: "a name of a million letters", files: object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + strings.Repeat("a", 1000000) + ", namespace: ns}\n"), exit: found, want: []string{"app/o.yaml:3"}},
		hostile{name: "a kgate.yaml of 2 MB", files: config("targets: [app]\n# " + strings.Repeat("a", 2<<20) + "\n"), exit: refused, want: []string{"kgate.yaml"}},
		hostile{name: "a rule of 1 MB", files: own("# " + strings.Repeat("a", 1<<20) + "\n"), args: []string{"--policies", "rules", "app"}, exit: refused, want: []string{"rules/a/b/b.rego"}},
	)
	pipes := func(name string) hostile {
		return hostile{name: "a pipe for " + name, files: app("resources: [ns.yaml, cm.yaml]\n"), exit: refused, want: []string{name}, make: func(t *testing.T, dir string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(filepath.Join(dir, name))
			if err := syscall.Mkfifo(filepath.Join(dir, name), 0o644); err != nil {
				t.Fatal(err)
			}
		}}
	}
	rules := pipes("rules/a/b/b.rego")
	rules.args = []string{"--policies", "rules", "app"}
	return append(inputs, pipes("kgate.yaml"), pipes("app/ns.yaml"), rules)
}

// doublingTypes are types each of which refers to the next one twice.
func doublingTypes(depth int) string {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "T%d: {Schema: {properties: {apiVersion: {}, kind: {}, metadata: {}, p: {$ref: T%d}, q: {$ref: T%d}}}}\n", i, i+1, i+1)
	}
	return b.String() + fmt.Sprintf("T%d: {Schema: {properties: {apiVersion: {}}}}\n", depth)
}

// nestedBlocks is a mapping in a mapping, one a line.
func nestedBlocks(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
