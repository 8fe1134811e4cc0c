package argocd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// object is one document of YAML.
func object(t *testing.T, text string) *manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := documents[0].Objects()
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func of(t *testing.T, kind, spec string) *manifest.Object {
	t.Helper()
	return object(t, "apiVersion: argoproj.io/v1alpha1\nkind: "+kind+"\nmetadata: {name: shop}\nspec: "+spec+"\n")
}

// equal compares the paths of faults, each once.
func equal(t *testing.T, found faults, want string) {
	t.Helper()
	var paths []string
	for _, f := range found {
		paths = append(paths, f.path.String())
	}
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("found at %q, want %q: %v", got, want, found)
	}
}

const here = "project: p, destination: {name: prod, namespace: shop}"

func TestApplicationSpec(t *testing.T) {
	for name, c := range map[string]struct{ spec, want string }{
		"plain":                          {here + ", source: {repoURL: a, path: b}", ""},
		"one type":                       {here + ", source: {repoURL: a, path: b, helm: {releaseName: c}, directory: null}", ""},
		"of no protocol":                 {here + ", source: {repoURL: 'htps://a', path: b}", "spec.source.repoURL"},
		"of another protocol":            {here + ", source: {repoURL: 'ssh://git@a/b', path: b}", ""},
		"of a helper":                    {here + ", sources: [{repoURL: 's3://a', path: b}, {repoURL: 'git+ssh://a', path: b}]", ""},
		"as SSH has it":                  {here + ", source: {repoURL: 'git@a:b', path: b}", ""},
		"three types":                    {here + ", source: {repoURL: a, path: b, plugin: {}, helm: {}, kustomize: {}}", "spec.source.kustomize"},
		"two types of one of several":    {here + ", sources: [{repoURL: a, path: b}, {repoURL: a, path: b, helm: {}, directory: {}}]", "spec.sources[1].helm"},
		"both":                           {here + ", source: {repoURL: a, path: b}, sources: [{repoURL: a, path: c}]", "spec.sources"},
		"no sources beside one":          {here + ", source: {repoURL: a, path: b}, sources: []", ""},
		"no path":                        {here + ", source: {repoURL: a}", "spec.source"},
		"no repository":                  {here + ", source: {path: a}", "spec.source"},
		"ref alone, of one":              {here + ", source: {repoURL: a, ref: b}", "spec.source"},
		"ref alone, of several":          {here + ", sources: [{repoURL: a, ref: b}, {repoURL: a, chart: c, targetRevision: '1'}]", ""},
		"a chart without its version":    {here + ", source: {repoURL: a, chart: b}", "spec.source.chart"},
		"value files":                    {here + ", sources: [{repoURL: a, ref: v}, {repoURL: a, path: b, helm: {valueFiles: [$v/a.yaml, $w/a.yaml, $ARGOCD_APP_NAME/a.yaml, a.yaml]}}]", "spec.sources[1].helm.valueFiles[1]"},
		"refs":                           {here + ", sources: [{repoURL: a, ref: v}, {repoURL: b, ref: v}, {repoURL: b, ref: v.w}]", "spec.sources[1].ref spec.sources[2].ref"},
		"metadata of a namespace":        {here + ", source: {repoURL: a, path: b}, syncPolicy: {managedNamespaceMetadata: {labels: {a: b}}}", "spec.syncPolicy.managedNamespaceMetadata"},
		"metadata of one that it makes":  {here + ", source: {repoURL: a, path: b}, syncPolicy: {syncOptions: [CreateNamespace=true], managedNamespaceMetadata: {}}", ""},
		"a hydrator":                     {here + ", sourceHydrator: {drySource: {repoURL: a, path: b, targetRevision: c}}", ""},
		"two clusters":                   {"destination: {name: a, server: b}", "spec.destination.server"},
		"no cluster":                     {"destination: {namespace: a}", "spec.destination"},
		"seconds":                        {here + ", syncPolicy: {retry: {backoff: {duration: '10', maxDuration: 3m}}}", ""},
		"durations":                      {here + ", syncPolicy: {retry: {backoff: {duration: 10sec, maxDuration: 1 h}}}", "spec.syncPolicy.retry.backoff.duration spec.syncPolicy.retry.backoff.maxDuration"},
		"pointers":                       {here + ", ignoreDifferences: [{kind: A, jsonPointers: [/a, b/c]}]", "spec.ignoreDifferences[0].jsonPointers[1]"},
		"jq":                             {here + `, ignoreDifferences: [{kind: A, jqPathExpressions: ['.a | select(.b?)', '.a[', 'nosuch(.a)', '.["a"] // .b', '']}]`, "spec.ignoreDifferences[0].jqPathExpressions[1] spec.ignoreDifferences[0].jqPathExpressions[2] spec.ignoreDifferences[0].jqPathExpressions[4]"},
		"what is of other types already": {"[a]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(c.spec, "[") {
				c.spec = "{" + c.spec + "}"
			}
			equal(t, judgeSpec(of(t, "Application", c.spec).Value, manifest.Path{"spec"}, true), c.want)
		})
	}
}

func TestFinalizers(t *testing.T) {
	for finalizer, wrong := range map[string]bool{
		"resources-finalizer.argocd.argoproj.io":           false,
		"post-delete-finalizer.argocd.argoproj.io/cleanup": false,
		"example.com/own":                                  false,
		"cleanup.argocd-addons.example.com/dns":            false,
		"argocd.example.com/dns":                           false,
		"'{{finalizer}}.argocd.argoproj.io'":               false,
		"resource-finalizer.argocd.argoproj.io":            true,
		"resources-finalizer.argocd.argoproj.io/backgrond": true,
		"resources-finalizer.argocd.argoproj.oi":           true,
		"resources-finalizer.argcd.argoproj.io":            true,
		"foregroundDeletion.argocd.argoproj.io":            true,
		"of-the-environment.argocd.argoproj.io/of-my-shop": true,
	} {
		t.Run(finalizer, func(t *testing.T) {
			want := ""
			if wrong {
				want = "metadata.finalizers[0]"
			}
			text := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  finalizers: [" + finalizer + "]\n"
			equal(t, judgeFinalizers(object(t, text).Value, manifest.Path{"metadata"}), want)
		})
	}
}

// TestTemplateSpec: what a template does not say, or says with parameters, is nobody's mistake.
func TestTemplateSpec(t *testing.T) {
	spec := manifest.Path{"spec", "template", "spec"}
	for name, c := range map[string]struct{ spec, want string }{
		"nothing":    {"{destination: {}, source: {}}", ""},
		"parameters": {"{destination: {name: '{{name}}', server: '{{server}}'}, syncPolicy: {retry: {backoff: {duration: '{{d}}'}}}}", ""},
		"none":       {"{destination: {name: a, server: b}, source: {helm: {}, plugin: {}}}", "spec.template.spec.source.helm spec.template.spec.destination.server"},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, judgeSpec(of(t, "ApplicationSet", "{template: {spec: "+c.spec+"}}").Value, spec, false), c.want)
		})
	}
}

func TestSyncOptions(t *testing.T) {
	const at = `metadata.annotations["argocd.argoproj.io/`
	for name, c := range map[string]struct{ annotations, want string }{
		"right":                      {"sync-options: 'Prune=false, Delete=confirm,,Replace=true'", ""},
		"a value":                    {"sync-options: Prune=fales", "sync-options"},
		"a letter":                   {"sync-options: prune=false", "sync-options"},
		"a value's letter":           {"sync-options: Prune=False", "sync-options"},
		"two":                        {"sync-options: 'Prun=false,Validate'", "sync-options sync-options"},
		"of an Application":          {"sync-options: CreateNamespace=true", "sync-options"},
		"a hook":                     {"hook: PreSynk", "hook"},
		"one of two hooks":           {"hook: 'PreSync,PostSynk'", "hook"},
		"a hook that is empty":       {"hook: ''", "hook"},
		"hooks":                      {"hook: 'PreSync, PostDelete'", ""},
		"delete policies":            {"hook-delete-policy: 'HookSucceeded,BeforeHookCreated'", "hook-delete-policy"},
		"compare options":            {"compare-options: IgnoreExtraneous", ""},
		"a compare option":           {"compare-options: IgnoreExtranous", "compare-options"},
		"of an Application, compare": {"compare-options: ServerSideDiff=true", "compare-options"},
		"the name of an annotation":  {"sync-waves: '1'", "sync-waves"},
		"another one":                {"owner-of-this: shop", ""},
		"a parameter":                {"sync-options: '{{a}}'", ""},
		"no text":                    {"sync-options: 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    argocd.argoproj.io/" + c.annotations + "\n"
			var want []string
			for field := range strings.FieldsSeq(c.want) {
				want = append(want, at+field+`"]`)
			}
			equal(t, judgeOptions(object(t, text)), strings.Join(want, " "))
		})
	}
	for name, c := range map[string]struct{ options, want string }{
		"right":           {"[CreateNamespace=true, PrunePropagationPolicy=orphan, Force=false]", ""},
		"of objects":      {"[Force=true]", "spec.syncPolicy.syncOptions[0]"},
		"a name, a value": {"[CreateNamespaces=true, PrunePropagationPolicy=back, 'Validate = false', ' PruneLast=true']", "spec.syncPolicy.syncOptions[0] spec.syncPolicy.syncOptions[1] spec.syncPolicy.syncOptions[2] spec.syncPolicy.syncOptions[3]"},
	} {
		t.Run(name, func(t *testing.T) {
			equal(t, judgeOptions(of(t, "Application", "{syncPolicy: {syncOptions: "+c.options+"}}")), c.want)
		})
	}
	// Argo CD takes Helm's hooks where its own annotation names none.
	helm := "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {argocd.argoproj.io/hook: Never, helm.sh/hook: post-install}}\n"
	if found := judgeOptions(object(t, helm)); len(found) != 1 || strings.Contains(found[0].message, "no phase") {
		t.Errorf("found %v", found)
	}
}

func TestProject(t *testing.T) {
	const window = "kind: allow, schedule: 0 8 * * 1-4, duration: 8h, applications: [a]"
	for name, c := range map[string]struct{ spec, want string }{
		"a window":               {"syncWindows: [{" + window + "}]", ""},
		"of no kind":             {"syncWindows: [{kind: allowed, schedule: '* * * * *', duration: 1h, clusters: [a]}]", "spec.syncWindows[0].kind"},
		"an eighth day":          {"syncWindows: [{kind: deny, schedule: 0 8 * * 1-8, duration: 1h, clusters: [a]}]", "spec.syncWindows[0].schedule"},
		"a word for a schedule":  {"syncWindows: [{kind: deny, schedule: '@daily', duration: 1h, clusters: [a]}]", "spec.syncWindows[0].schedule"},
		"no schedule":            {"syncWindows: [{kind: deny, duration: 1h, clusters: [a]}]", "spec.syncWindows[0].schedule"},
		"what a parser fails at": {"syncWindows: [{kind: deny, schedule: TZ=0, duration: 1h, clusters: [a]}]", ""},
		"no unit":                {"syncWindows: [{kind: deny, schedule: 0 8 * * *, duration: '8', clusters: [a]}]", "spec.syncWindows[0].duration"},
		"a zone":                 {"syncWindows: [{timeZone: Europe/Londn, " + window + "}, {timeZone: Europe/Paris, " + window + "}]", "spec.syncWindows[0].timeZone"},
		"for nothing":            {"syncWindows: [{kind: deny, schedule: 0 8 * * *, duration: 8h}]", "spec.syncWindows[0]"},
		"destinations": {"destinations: [{name: a, namespace: b}, {server: a, namespace: b}, {name: a, namespace: c}, {name: '!*', namespace: d}]",
			"spec.destinations[1] spec.destinations[3].name"},
		"sources":       {"sourceRepos: ['*', '!*', '*'], sourceNamespaces: [a, b, a]", "spec.sourceNamespaces[2] spec.sourceRepos[2] spec.sourceRepos[1]"},
		"accounts":      {"destinationServiceAccounts: [{server: a, namespace: '!b', defaultServiceAccount: ' '}]", "spec.destinationServiceAccounts[0].namespace spec.destinationServiceAccounts[0].defaultServiceAccount"},
		"names":         {"roles: [{name: a}, {name: a b}, {name: a}]", "spec.roles[1].name spec.roles[2].name"},
		"groups":        {`roles: [{name: a, groups: [b, 'c,d', '"c,d"', ' e', '', b]}]`, "spec.roles[0].groups[1] spec.roles[0].groups[3] spec.roles[0].groups[4] spec.roles[0].groups[5]"},
		"no mapping":    {"syncWindows: [a], roles: [b]", "spec.roles[0].name"},
		"nothing there": {"description: a", ""},
	} {
		t.Run(name, func(t *testing.T) { equal(t, judgeProject(of(t, "AppProject", "{"+c.spec+"}")), c.want) })
	}
}

func TestPolicyFault(t *testing.T) {
	for policy, want := range map[string]string{
		"p, proj:shop:r, applications, sync, shop/*, allow":              "",
		"p,proj:shop:r,applications,action/apps/*,shop/argocd/web,deny":  "",
		"p, proj:shop:r, applications, *, shop/*-web, allow":             "",
		"p, proj:shop:r, applications, sync, shop/*":                     "form",
		"g, proj:shop:r, applications, sync, shop/*, allow":              "form",
		"p, proj:shop:other, applications, sync, shop/*, allow":          "subject",
		"p, proj:shop:r, application, sync, shop/*, allow":               "did you mean `applications`",
		"p, proj:shop:r, applications, synch, shop/*, allow":             "did you mean `sync`",
		"p, proj:shop:r, applications, sync, other/*, allow":             "object",
		"p, proj:shop:r, applications, sync, shop/*, allowed":            "effect",
		"p, proj:shop:r, applications, update/*/Pod/*/*, shop/*, allow ": "",
	} {
		got := policyFault("shop", "r", policy)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", policy, got, want)
		}
	}
}

func TestApplicationSet(t *testing.T) {
	const (
		list = "generators: [{list: {elements: [{env: dev, 'a.b': c, values: {x: z}}]}}]"
		git  = "generators: [{git: {repoURL: a, directories: [{path: a/*}], values: {x: z}}}]"
		path = "spec.template.spec.source.path"
	)
	for name, c := range map[string]struct{ spec, path, want string }{
		"a tag":                     {list, "{{env}}/{{ values.x }}/{{a.b}}", ""},
		"no such tag":               {list, "{{envv}}", path},
		"no such value":             {list, "{{values.y}}", path},
		"a Go template":             {list, "{{.env}}", path},
		"an end that is not there":  {list, "{{env}", path},
		"of directories":            {git, "{{path}}/{{path.basename}}/{{path[0]}}/{{values.x}}", ""},
		"of files":                  {"generators: [{git: {repoURL: a, files: [{path: a/*}]}}]", "{{whatever}}", ""},
		"of clusters":               {"generators: [{clusters: {}}]", "{{metadata.labels.example.com/a}}/{{name}}", ""},
		"not of clusters":           {"generators: [{clusters: {}}]", "{{cluster}}", path},
		"of one of two":             {"generators: [{clusters: {}}, {list: {elements: [{env: a}]}}]", "{{env}}", ""},
		"of a plugin":               {"generators: [{plugin: {}}]", "{{env}}", ""},
		"a template of a generator": {"generators: [{list: {elements: [], template: {spec: {}}}}]", "{{env}}", ""},
		"a number":                  {"generators: [{list: {elements: [{env: 1}]}}]", "{{env}}", "spec.generators[0].list.elements[0].env"},
		"a number below":            {"generators: [{matrix: {generators: [{list: {elements: [{values: {a: 1}}]}}, {clusters: {}}]}}]", "a", "spec.generators[0].matrix.generators[0].list.elements[0].values.a"},

		"a matrix of one":    {"generators: [{matrix: {generators: [{clusters: {}}]}}]", "a", "spec.generators[0].matrix.generators"},
		"merge without keys": {"generators: [{merge: {generators: [{clusters: {}}, {clusters: {}}]}}]", "a", "spec.generators[0].merge"},
		"merge":              {"generators: [{merge: {mergeKeys: [name], generators: [{clusters: {}}, {merge: {generators: []}}]}}]", "a", "spec.generators[0].merge.generators[1].merge.generators"},

		"go":                    {"goTemplate: true, " + list, "{{.env}}/{{$.values.x}}", ""},
		"go, a number":          {"goTemplate: true, generators: [{list: {elements: [{env: 1}]}}]", "{{.env}}", ""},
		"go, no such key":       {"goTemplate: true, " + list, "{{.envv}}", path},
		"go, no such value":     {"goTemplate: true, " + list, "{{.values.y}}", path},
		"go, a default":         {"goTemplate: true, " + list, "{{.envv | default \"a\"}}{{default \"a\" .envv}}{{if .envv}}{{.envv}}{{end}}", ""},
		"go, a strict default":  {"goTemplate: true, goTemplateOptions: [missingkey=error], " + list, "{{.envv | default \"a\"}}", path},
		"go, an option":         {"goTemplate: true, goTemplateOptions: [missingkey=eror], " + list, "a", "spec.goTemplateOptions[0]"},
		"go, a function":        {"goTemplate: true, " + list, "{{env}}", path},
		"go, Argo CD's own":     {"goTemplate: true, " + list, "{{.env | normalize}}{{slugify .env}}{{toYaml .values}}", ""},
		"go, of the host":       {"goTemplate: true, " + list, "{{env \"HOME\"}}", path},
		"go, an end":            {"goTemplate: true, " + list, "{{.env}", path},
		"go, of directories":    {"goTemplate: true, " + git, "{{.path.path}}{{index .path.segments 1}}{{.values.x}}", ""},
		"go, not of them":       {"goTemplate: true, " + git, "{{.path.filename}}", path},
		"go, with a prefix":     {"goTemplate: true, generators: [{git: {pathParamPrefix: a, directories: [{path: b}]}}]", "{{.a.path.path}}", ""},
		"go, without it":        {"goTemplate: true, generators: [{git: {pathParamPrefix: a, directories: [{path: b}]}}]", "{{.path.path}}", path},
		"go, what is set there": {"goTemplate: true, " + list, "{{$x := .env}}{{$x}}{{range .values}}{{.}}{{end}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(c.path)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{"+c.spec+", template: {spec: {source: {path: "+string(text)+"}}}}")), c.want)
		})
	}
	// The values of a chart may be meant for Helm, and what is no template at all may be anything.
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{"+list+", template: {spec: {source: {helm: {values: '{{ .Values.a }}'}}}}}")), "")
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{goTemplate: true, "+list+", templatePatch: 'a: {{.env'}")), "spec.templatePatch")
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "[a]")), "")
	// Two Applications of one name are refused, and one of them is not.
	const named = "template: {metadata: {name: shop}}}"
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{generators: [{list: {elements: [{a: b}, {a: c}]}}], "+named)), "spec.template.metadata.name")
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{generators: [{list: {elements: [{a: b}]}}], "+named)), "")
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{generators: [{selector: {}, list: {elements: [{a: b}, {a: c}]}}], "+named)), "")
	equal(t, judgeApplicationSet(of(t, "ApplicationSet", "{generators: [], "+named)), "")
}

func run(t *testing.T, c *check.Check, targets ...*check.Target) []string {
	t.Helper()
	plan := check.Plan{Checks: []*check.Check{c}, Targets: targets}
	for _, target := range targets {
		plan.All = append(plan.All, target.Path)
	}
	result, failures := check.Run(t.Context(), plan)
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	var found []string
	for _, f := range result.Findings {
		found = append(found, fmt.Sprintf("%s %s %s %s", f.Severity, f.Target, f.Object.Name, f.Path))
	}
	slices.Sort(found)
	return found
}

func deployed(t *testing.T, name, path, more string) *manifest.Object {
	t.Helper()
	return object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: "+name+"}\nspec:\n  project: p\n"+
		"  source: {repoURL: a, path: "+path+"}\n"+more)
}

const prod = "  destination: {name: prod, namespace: shop}\n"

func TestWindowApplications(t *testing.T) {
	window := func(of string) *manifest.Object {
		return object(t, "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: p}\nspec: {syncWindows: [{"+of+"}]}\n")
	}
	project := func(names string) *manifest.Object { return window("applications: [" + names + "]") }
	set := func(project string) *manifest.Object {
		return of(t, "ApplicationSet", "{template: {spec: {project: '"+project+"'}}}")
	}
	app := deployed(t, "prod-shop", "a", prod)
	for name, c := range map[string]struct {
		objects []*manifest.Object
		found   int
	}{
		"the name":                       {[]*manifest.Object{project("prod-shop"), app}, 0},
		"a glob":                         {[]*manifest.Object{project("'*', prod-*"), app}, 0},
		"what is denied":                 {[]*manifest.Object{project("'!prod'"), app}, 0},
		"another name":                   {[]*manifest.Object{project("prod-shop, prod-web, staging-*"), app}, 2},
		"no Application of the project":  {[]*manifest.Object{project("prod-web")}, 0},
		"a set of the project":           {[]*manifest.Object{project("prod-web"), app, set("p")}, 0},
		"a set of whichever":             {[]*manifest.Object{project("prod-web"), app, set("{{a}}")}, 0},
		"a set of another":               {[]*manifest.Object{project("prod-web"), app, set("q")}, 1},
		"a cluster and a namespace":      {[]*manifest.Object{window("clusters: [prod, prd], namespaces: [shop, web, 's*']"), app}, 2},
		"a server":                       {[]*manifest.Object{window("clusters: ['https://*']"), object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {project: p, destination: {server: 'https://a/b'}}\n")}, 0},
		"Applications of others besides": {[]*manifest.Object{project("a"), app, object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {project: q}\n")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if found := run(t, windowApplications, &check.Target{Path: "argocd", Objects: c.objects}); len(found) != c.found {
				t.Errorf("found %v, want %d", found, c.found)
			}
		})
	}
}

// Where each cluster has an Argo CD of its own, each has a project of the name: a window is for the Applications beside it, and for those
// that have no project of the name beside them.
func TestWindowApplicationsOfSeveral(t *testing.T) {
	project := func(name string) *manifest.Object {
		return object(t, "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: p}\nspec: {syncWindows: [{applications: ["+name+"]}]}\n")
	}
	application := func(name string) *manifest.Object {
		return object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: "+name+"}\nspec: {project: p}\n")
	}
	for name, c := range map[string]struct {
		dev, prod, more []*manifest.Object
		found           int
	}{
		"each its own":      {[]*manifest.Object{project("dev"), application("dev")}, []*manifest.Object{project("prod"), application("prod")}, nil, 0},
		"of the other":      {[]*manifest.Object{project("prod"), application("dev")}, []*manifest.Object{project("prod"), application("prod")}, nil, 1},
		"beside no project": {[]*manifest.Object{project("more"), application("dev")}, []*manifest.Object{project("prod"), application("prod")}, []*manifest.Object{application("more")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			found := run(t, windowApplications, &check.Target{Path: "dev", Objects: c.dev}, &check.Target{Path: "prod", Objects: c.prod}, &check.Target{Path: "more", Objects: c.more})
			if len(found) != c.found {
				t.Errorf("found %v, want %d", found, c.found)
			}
		})
	}
}

func TestApplySize(t *testing.T) {
	large := func(annotation string) *manifest.Object {
		return object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large, annotations: {argocd.argoproj.io/sync-options: '"+annotation+"'}}\ndata: {a: "+strings.Repeat("a", annotationLimit)+"}\n")
	}
	const serverSide = prod + "  syncPolicy: {syncOptions: [ServerSideApply=true]}\n"
	for name, c := range map[string]struct {
		apps  []*manifest.Object
		large *manifest.Object
		found int
	}{
		"client-side":                  {[]*manifest.Object{deployed(t, "a", "overlays/prod", prod)}, large(""), 1},
		"server-side":                  {[]*manifest.Object{deployed(t, "a", "overlays/prod", serverSide)}, large(""), 0},
		"the object server-side":       {[]*manifest.Object{deployed(t, "a", "overlays/prod", prod)}, large("Prune=false, ServerSideApply=true"), 0},
		"replaced":                     {[]*manifest.Object{deployed(t, "a", "overlays/prod", prod)}, large("Replace=true"), 0},
		"a part":                       {[]*manifest.Object{deployed(t, "a", "./overlays/prod/app/", prod)}, large(""), 1},
		"one of two parts server-side": {[]*manifest.Object{deployed(t, "a", "overlays/prod/app", prod), deployed(t, "b", "overlays/prod/db", serverSide)}, large(""), 0},
		"another target":               {[]*manifest.Object{deployed(t, "a", "overlays/production", prod)}, large(""), 0},
		"small":                        {[]*manifest.Object{deployed(t, "a", "overlays/prod", prod)}, object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: small}\n"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			found := run(t, applySize, &check.Target{Path: "argocd", Objects: c.apps}, &check.Target{Path: "overlays/prod", Objects: []*manifest.Object{c.large}})
			if len(found) != c.found {
				t.Errorf("found %v, want %d", found, c.found)
			}
		})
	}
}

func TestObjectOwner(t *testing.T) {
	account := func(name, namespace string) *manifest.Object {
		return object(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: "+name+", namespace: '"+namespace+"'}\n")
	}
	namespace := object(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
	one, two := deployed(t, "one", "one", prod), deployed(t, "two", "two", prod)
	for name, c := range map[string]struct {
		apps, one, two []*manifest.Object
		want           string
	}{
		"the same":                {[]*manifest.Object{one, two}, []*manifest.Object{account("a", "shop")}, []*manifest.Object{account("a", "shop")}, "warning two a metadata.name"},
		"of the destination":      {[]*manifest.Object{one, two}, []*manifest.Object{account("a", "")}, []*manifest.Object{account("a", "shop")}, "warning two a metadata.name"},
		"another namespace":       {[]*manifest.Object{one, two}, []*manifest.Object{account("a", "")}, []*manifest.Object{account("a", "other")}, ""},
		"of the cluster":          {[]*manifest.Object{one, two}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, "warning two shop metadata.name"},
		"a sync that fails":       {[]*manifest.Object{one, deployed(t, "two", "two", prod+"  syncPolicy: {syncOptions: [FailOnSharedResource=true]}\n")}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, "error two shop metadata.name"},
		"another cluster":         {[]*manifest.Object{one, deployed(t, "two", "two", "  destination: {name: dev}\n")}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, ""},
		"the same by two names":   {[]*manifest.Object{deployed(t, "one", "one", "  destination: {name: in-cluster}\n"), deployed(t, "two", "two", "  destination: {server: 'https://kubernetes.default.svc/'}\n")}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, "warning two shop metadata.name"},
		"with a prefix":           {[]*manifest.Object{one, object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: two}\nspec:\n  source: {repoURL: a, path: two, kustomize: {namePrefix: b-}}\n"+prod)}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, ""},
		"a target for both":       {[]*manifest.Object{one, deployed(t, "again", "one", prod)}, []*manifest.Object{account("a", ""), namespace}, nil, "error argocd again spec.source.path"},
		"to two namespaces":       {[]*manifest.Object{one, deployed(t, "again", "one", "  destination: {name: prod, namespace: other}\n")}, []*manifest.Object{account("a", "")}, nil, ""},
		"of another repository":   {[]*manifest.Object{one, object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: two}\nspec:\n  source: {repoURL: b, path: two}\n"+prod)}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, ""},
		"of another spelling":     {[]*manifest.Object{one, object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: two}\nspec:\n  source: {repoURL: A.git/, path: two}\n"+prod)}, []*manifest.Object{namespace}, []*manifest.Object{namespace.Again()}, "warning two shop metadata.name"},
		"a hook without its name": {[]*manifest.Object{one, two}, []*manifest.Object{object(t, "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n")}, []*manifest.Object{object(t, "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := run(t, objectOwner, &check.Target{Path: "argocd", Objects: c.apps}, &check.Target{Path: "one", Objects: c.one}, &check.Target{Path: "two", Objects: c.two})
			if got := strings.Join(found, "; "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestObjectOwnerInPlaces has a target that two Applications bring to namespaces of their own: what has none of its own is another
// object in each of them.
func TestObjectOwnerInPlaces(t *testing.T) {
	account := func(namespace string) *manifest.Object {
		return object(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: "+namespace+"}\n")
	}
	namespace := object(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: more}\n")
	for name, c := range map[string]struct {
		objects []*manifest.Object
		lent    bool // the first has its namespace of who brings it
		want    string
	}{
		"of who brings it":   {[]*manifest.Object{account("shop")}, true, ""},
		"written":            {[]*manifest.Object{account("shop")}, false, "error argocd again spec.source.path"},
		"one of the cluster": {[]*manifest.Object{account("shop"), namespace}, true, "error argocd again spec.source.path"},
	} {
		t.Run(name, func(t *testing.T) {
			apps := []*manifest.Object{deployed(t, "one", "one", prod), deployed(t, "again", "one", "  destination: {name: prod, namespace: other}\n")}
			one := &check.Target{Path: "one", Namespace: "shop", Objects: c.objects, Lent: map[*manifest.Object]bool{c.objects[0]: c.lent}}
			if got := strings.Join(run(t, objectOwner, &check.Target{Path: "argocd", Objects: apps}, one), "; "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestObjectOwnerOfSeveral has an Argo CD for each of two clusters: each calls its own in-cluster, and names others as it likes.
func TestObjectOwnerOfSeveral(t *testing.T) {
	account := object(t, "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: shop}\n")
	root := object(t, "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: shop, namespace: argocd}\n")
	dev, prod := &check.Environment{Name: "dev"}, &check.Environment{Name: "prod"}
	for name, c := range map[string]struct {
		destination string
		dev, prod   *check.Target // that the Applications are of
		want        string
	}{
		"in-cluster of environments":   {"name: in-cluster", &check.Target{Environment: dev}, &check.Target{Environment: prod}, ""},
		"its URL":                      {"server: 'https://kubernetes.default.svc'", &check.Target{Environment: dev}, &check.Target{Environment: prod}, ""},
		"a name":                       {"name: main", &check.Target{Environment: dev}, &check.Target{Environment: prod}, ""},
		"a URL":                        {"server: 'https://10.0.0.1'", &check.Target{Environment: dev}, &check.Target{Environment: prod}, "warning two a metadata.name"},
		"both have one project":        {"name: in-cluster", &check.Target{Objects: []*manifest.Object{root}}, &check.Target{Objects: []*manifest.Object{root.Again()}}, ""},
		"two trees of one":             {"name: in-cluster", &check.Target{Objects: []*manifest.Object{root}}, &check.Target{}, "warning two a metadata.name"},
		"two trees of one environment": {"name: in-cluster", &check.Target{Environment: dev, Objects: []*manifest.Object{root}}, &check.Target{Environment: dev, Objects: []*manifest.Object{root.Again()}}, "warning two a metadata.name"},
	} {
		t.Run(name, func(t *testing.T) {
			destination := "  destination: {" + c.destination + ", namespace: shop}\n"
			c.dev.Path, c.prod.Path = "argocd/dev", "argocd/prod"
			c.dev.Objects, c.prod.Objects = append(c.dev.Objects, deployed(t, "one", "one", destination)), append(c.prod.Objects, deployed(t, "two", "two", destination))
			found := run(t, objectOwner, c.dev, c.prod, &check.Target{Path: "one", Objects: []*manifest.Object{account}}, &check.Target{Path: "two", Objects: []*manifest.Object{account.Again()}})
			if got := strings.Join(found, "; "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

func TestNotifications(t *testing.T) {
	const subscribe = `metadata.annotations["notifications.argoproj.io/subscribe.`
	for name, c := range map[string]struct {
		data, subscription string
		want               []string
	}{
		"right":                         {"{service.webhook.ledger: 'url: a', template.a: 'message: \"{{.app.metadata.name | upper}}\"', trigger.t: '[{when: app.a == 1, send: [a]}]', defaultTriggers: '[t]'}", "t.ledger", nil},
		"a template that is not there":  {"{template.a: 'message: b', trigger.t: '[{when: \"true\", send: [a, b]}]'}", "t.mail", []string{`error argocd argocd-notifications-cm data["trigger.t"][0].send[1]`}},
		"no templates at all":           {"{trigger.t: '[{when: \"true\", send: [a]}]'}", "t.mail", nil},
		"a condition":                   {"{trigger.t: '[{when: \"a ==\", oncePer: \"any(a, )\"}]'}", "t.mail", []string{`error argocd argocd-notifications-cm data["trigger.t"][0].oncePer`, `error argocd argocd-notifications-cm data["trigger.t"][0].when`}},
		"a template":                    {"{template.a: 'email: {subject: \"{{nosuch}}\", body: \"{{.app\"}'}", "t.mail", []string{`error argocd argocd-notifications-cm data["template.a"].email.body`, `error argocd argocd-notifications-cm data["template.a"].email.subject`}},
		"a webhook":                     {"{service.webhook.ledger: 'url: a', template.a: 'webhook: {leger: {}}'}", "ledger", []string{`error argocd argocd-notifications-cm data["template.a"].webhook.leger`}},
		"a trigger that is not there":   {"{trigger.t: '[]'}", "u.mail", []string{"error argocd shop " + subscribe + `u.mail"]`}},
		"a service that is not there":   {"{service.slack: 'token: $a'}", "t.mail", []string{"error argocd shop " + subscribe + `t.mail"]`}},
		"a service with a name":         {"{service.webhook.ledger: 'url: a'}", "ledger", nil},
		"no YAML":                       {"{trigger.t: '[', service.a.b.c: 'a: b'}", "t.c", []string{`error argocd argocd-notifications-cm data["service.a.b.c"]`, `error argocd argocd-notifications-cm data["trigger.t"]`, "error argocd shop " + subscribe + `t.c"]`}},
		"a default that is not there":   {"{trigger.t: '[]', defaultTriggers.slack: '[u]'}", "t.c", []string{`error argocd argocd-notifications-cm data["defaultTriggers.slack"][0]`}},
		"other keys, and of other kind": {"{context: 'a', trigger.t: 'a'}", "t.c", []string{`error argocd argocd-notifications-cm data["trigger.t"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			config := object(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-notifications-cm, namespace: argocd}\ndata: "+c.data+"\n")
			app := object(t, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd, annotations: {notifications.argoproj.io/subscribe."+c.subscription+": ''}}\n")
			if found := run(t, notifications, &check.Target{Path: "argocd", Objects: []*manifest.Object{config, app}}); !slices.Equal(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
		})
	}
}
