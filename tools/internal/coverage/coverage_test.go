package coverage

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// found is what a run over the targets of a tree finds, each with its check and place.
func found(t testing.TB, files fs.FS) []string {
	t.Helper()
	config, err := repo.LoadConfig(files)
	if err != nil {
		t.Fatal(err)
	}
	r := &repo.Repo{FS: files, Config: config}
	selection, _, err := Select(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	paths := selection.Targets
	plan := check.Plan{Checks: Checks(r), All: paths}
	if err := check.Verify(plan.Checks); err != nil {
		t.Fatal(err)
	}
	renderer := kustomization.New(files, nil)
	for _, p := range paths {
		result, err := renderer.Render(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		plan.Targets = append(plan.Targets, &check.Target{
			Path: result.Path, Objects: result.Objects,
			Reading: check.Reading{Files: result.Read, Layers: result.Layers(), Unchanged: result.Unchanged()},
		})
	}
	result, failed := check.Run(context.Background(), plan)
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	var said []string
	for _, f := range result.Findings {
		said = append(said, fmt.Sprintf("%s: %s: %s", f.Source, strings.TrimPrefix(f.Check, "coverage/"), f.Message))
	}
	slices.Sort(said)
	return said
}

func archive(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return files
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

// common is the target app, and what could be deployed besides.
const common = `
-- app/kustomization.yaml --
resources: [a.yaml, part]
-- app/a.yaml --
` + configMap + `-- app/part/kustomization.yaml --
resources: [a.yaml]
-- app/part/a.yaml --
` + configMap + `  namespace: part
-- plain/a.yaml --
` + configMap + `-- plain/b/b.json --
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}}
-- plain/values.yaml --
a: b
-- jsonnet/main.jsonnet --
{}
-- template/a.yaml --
{{ broken
`

func taking(source string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source: " + source + "\n"
}

func set(generators, path string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n  generators: " + generators +
		"\n  template: {spec: {source: {repoURL: 'https://here', path: '" + path + "'}}}\n"
}

// TestDeployed deploys one path after the other, by a manifest that no target reads.
func TestDeployed(t *testing.T) {
	files := strings.Replace(common, "  namespace: part\n", "", 1)
	files = strings.Replace(files, "-- app/part/a.yaml --\n"+configMap, "-- app/part/a.yaml --\n"+strings.Replace(configMap, "name: a", "name: part", 1), 1)
	for text, want := range map[string]string{
		taking("{repoURL: https://here, path: app}"):                                  "",
		taking("{repoURL: https://here, path: ./app/part/}"):                          "",
		taking("{repoURL: https://here, path: app/part, directory: {recurse: true}}"): "",
		taking("{repoURL: https://here, path: missing}"):                              "",
		taking("{repoURL: https://here, path: plain/values.yaml}"):                    "",
		taking("{repoURL: https://here, path: ../plain}"):                             "",
		taking("{repoURL: https://here, path: /plain}"):                               "",
		taking("{repoURL: https://here, path: .}"):                                    "",
		taking("{repoURL: https://here, chart: plain, path: plain}"):                  "",
		taking("{repoURL: https://here, path: 1}"):                                    "",
		taking("text"): "",
		taking("{repoURL: https://here, path: plain}"):                                                              "plain with plain/a.yaml, which no target reads",
		taking("{repoURL: https://here, path: app/../plain/}"):                                                      "plain with plain/a.yaml, which no target reads",
		taking("{repoURL: https://here, path: plain, directory: {recurse: true}}"):                                  "plain with plain/a.yaml and 1 more, which no target reads",
		taking("{repoURL: https://here, path: jsonnet}"):                                                            "jsonnet with jsonnet/main.jsonnet, which no target reads: kgate evaluates no Jsonnet",
		taking("{repoURL: https://here, path: template}"):                                                           "template with template/a.yaml, which no target reads",
		strings.Replace(taking("{path: plain}"), "argoproj.io", `"\x61rgoproj.io`, 1):                               "", // no YAML
		strings.Replace(taking("{path: plain}"), "argoproj.io/v1alpha1", `"\x61rgoproj.io/v1alpha1"`, 1):            "plain with plain/a.yaml, which no target reads",
		strings.Replace(taking("{path: plain}"), "argoproj.io", "app.k8s.io", 1):                                    "",
		strings.Replace(taking("{path: app}"), "source", "sourceHydrator: {drySource: {path: plain}}\n  source", 1): "plain with plain/a.yaml, which no target reads",
		"apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(taking("{path: plain}"), "\n", "\n  "):        "plain with plain/a.yaml, which no target reads",

		set("[{git: {repoURL: 'https://here', directories: [{path: 'plai*'}]}}]", "{{path}}"):                                   "", // any repository has such
		set("[{git: {repoURL: 'https://here', directories: [{path: 'plain/*'}]}}]", "{{ .path.path }}"):                         "plain/b with plain/b/b.json, which no target reads",
		set("[{git: {repoURL: 'https://here', directories: [{path: 'plain/*'}, {path: plain/b, exclude: true}]}}]", "{{path}}"): "",
		set("[{git: {repoURL: 'https://here', files: [{path: 'plain/**/values.yaml'}]}}]", "{{path}}"):                          "plain with plain/a.yaml, which no target reads",
		set("[{merge: {generators: [{clusters: {}}, {list: {elements: [{env: b}]}}]}}]", "plain/{{env}}"):                       "plain/b with plain/b/b.json, which no target reads",
		set("[{list: {elements: [{env: c}]}}]", "plain/{{ .env }}"):                                                             "",
		set("[{clusters: {}}]", "plain/{{name}}"):                                                                               "plain/b with plain/b/b.json, which no target reads",
		set("[{clusters: {}}]", "{{name}}"):                                                                                     "",
		set("[{clusters: {template: {spec: {source: {path: plain/b}}}}}]", "{{name}}"):                                          "plain/b with plain/b/b.json, which no target reads",
		set("[]", "plain"):   "",
		set("text", "plain"): "",

		"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: f}\nspec: {path: ./plain, sourceRef: {kind: GitRepository}}\n": "plain with plain/a.yaml and 1 more, which no target reads",
		"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: f}\nspec: {path: ./, sourceRef: {kind: GitRepository}}\n":      "",
		"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: f}\nspec: {path: ./plain, sourceRef: {kind: OCIRepository}}\n": "",
	} {
		got := found(t, archive("-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n"+files+"-- apply.yaml --\n"+text))
		switch {
		case want == "" && got == nil:
		case want != "" && len(got) == 1 && strings.HasPrefix(got[0], "apply.yaml:") && strings.HasSuffix(got[0], " deploys "+want):
		default:
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

// TestNestedRoots holds a deployed directory of roots of which one is called as another one begins.
func TestNestedRoots(t *testing.T) {
	deploys := "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: f}\nspec: {path: ./apps, sourceRef: {kind: GitRepository}}\n"
	got := found(t, archive(`
-- kgate.yaml --
apiVersion: kgate/v1
targets: ["apps/*"]
-- apply.yaml --
`+deploys+`
-- apps/system/kustomization.yaml --
namePrefix: x-
resources: [one/a.yaml]
-- apps/system/one/a.yaml --
`+configMap+`-- apps/system-upgrade/kustomization.yaml --
resources: [b.yaml]
-- apps/system-upgrade/b.yaml --
`+strings.Replace(configMap, "name: a", "name: b", 1)))
	if got != nil {
		t.Errorf("got %q", got)
	}
}

// TestChanged holds what is deployed against targets that read it with changes.
func TestChanged(t *testing.T) {
	got := found(t, archive(`
-- kgate.yaml --
apiVersion: kgate/v1
targets: [top, argocd]
-- top/kustomization.yaml --
namePrefix: x-
resources: [../app, own.yaml]
-- top/own.yaml --
`+configMap+`-- app/kustomization.yaml --
resources: [a.yaml]
-- app/a.yaml --
`+strings.Replace(configMap, "name: a", "name: b", 1)+`-- argocd/apps.yaml --
`+taking("{path: app}")+"---\n"+taking("{path: top}")+"---\n"+taking("{path: top, directory: {exclude: nothing}}")+"---\n"+taking("{path: argocd}")))
	want := []string{
		`argocd/apps.yaml:13: deployed: Application "a" deploys top with top/own.yaml, which no target renders as it is: kustomizations that read it change it`,
		`argocd/apps.yaml:1: deployed: Application "a" deploys app, which no target renders as it is: kustomizations that read it change it`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestRoots finds the first of the roots that nothing reads, whatever their names and kinds.
func TestRoots(t *testing.T) {
	const head = "-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\n-- app/kustomization.yaml --\nresources: [a.yaml]\n-- app/a.yaml --\n" + configMap
	for text, want := range map[string]string{
		"": "",
		"-- x/kustomization.yml --\nresources: [../y]\n-- y/Kustomization --\nresources: [../app]\n":     "x/kustomization.yml:1",
		"-- x/kustomization.yaml --\nresources: [../x]\n":                                                "x/kustomization.yaml:1",
		"-- x/kustomization.yaml --\nresources: [../y]\n-- y/kustomization.yaml --\nresources: [../x]\n": "x/kustomization.yaml:1",
		"-- kustomization.yaml --\nresources: [app, x]\n-- x/kustomization.yaml --\n":                    "kustomization.yaml:1",
		"-- x/kustomization.yaml --\n":                  "x/kustomization.yaml",
		"-- x/kustomization.yaml --\na: [\n":            "x/kustomization.yaml",
		"-- x/kustomization.yaml --\na: b\n---\n{}":     "x/kustomization.yaml:1",
		"-- x/kustomization.yaml --\nkind: Component\n": "",
		"-- x/kustomization.yaml --\nkind: Component\nresources: [../y]\n-- y/kustomization.yaml --\nresources: []\n":             "y/kustomization.yaml:1",
		"-- x/kustomization.yaml --\nkind: Component\nKIND: Kustomization\n":                                                      "x/kustomization.yaml:1",
		"-- x/kustomization.yaml --\nkind: Component\n\u212aind: Kustomization\n":                                                 "x/kustomization.yaml:1",
		"-- x/kustomization.yaml --\nkind: Component\n<<: {a: b}\n":                                                               "x/kustomization.yaml:1",
		"-- .x/kustomization.yaml --\n-- node_modules/x/kustomization.yaml --\n":                                                  "",
		"-- x/kustomization.yaml --\nbases: [../y]\ncomponents: [../z]\n-- y/kustomization.yaml --\n-- z/kustomization.yaml --\n": "x/kustomization.yaml:1",
		"-- x/kustomization.yaml --\nresources: [../../y, /y, 'https://y', {}, [y]]\n-- y/kustomization.yaml --\nresources: []\n": "x/kustomization.yaml:1 y/kustomization.yaml:1",
	} {
		var places []string
		for _, f := range found(t, archive(head+text)) {
			place, rest, _ := strings.Cut(f, ": ")
			if !strings.HasPrefix(rest, "root: no target and no other root reads ") {
				t.Errorf("%s: %s", text, f)
			}
			places = append(places, place)
		}
		if got := strings.Join(places, " "); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestUnread lets pass what is named, and finds entries that name nothing.
func TestUnread(t *testing.T) {
	const rest = "-- app/kustomization.yaml --\nresources: [a.yaml]\n-- app/a.yaml --\n" + configMap +
		"-- examples/web/kustomization.yaml --\nresources: [../../other]\n-- other/kustomization.yaml --\nresources: []\n" +
		"-- plain/a.yaml --\n" + configMap + "-- plain/b.yaml --\n" + configMap
	apply := "-- apply.yaml --\n" + taking("{path: plain}")
	for unread, want := range map[string]string{
		"examples":                        "apply.yaml:5: deployed other/kustomization.yaml:1: root",
		"examples other":                  "apply.yaml:5: deployed",
		"examples other plain/a.yaml":     "apply.yaml:5: deployed",
		"**/kustomization.yaml":           "apply.yaml:5: deployed examples/web/kustomization.yaml:1: root kgate.yaml:4: unread",
		"examples other plain":            "",
		"examples other apply.yaml":       "",
		"examples other plain/*":          "",
		"examples other plain app/a.yaml": "kgate.yaml:7: unread",
		"examples other plain example":    "kgate.yaml:7: unread",
	} {
		config := "-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app]\nunread:\n"
		for p := range strings.FieldsSeq(unread) {
			config += "- {path: '" + p + "', reason: a, owner: b}\n"
		}
		var got []string
		for _, f := range found(t, archive(config+rest+apply)) {
			parts := strings.SplitN(f, ": ", 3)
			got = append(got, parts[0]+": "+parts[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", unread, got, want)
		}
	}
}

// FuzzDeployed looks for manifests that make a survey crash, or take long.
func FuzzDeployed(f *testing.F) {
	f.Add(taking("{repoURL: https://here, path: plain}"))
	f.Add(set("[{matrix: {generators: [{git: {directories: [{path: 'plain/*'}]}}, {list: {elements: [{a: b}]}}]}}]", "plain/{{path}}/{{a}}"))
	f.Add("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nspec: {path: ./plain, sourceRef: {kind: GitRepository}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		files := fstest.MapFS{
			"app/kustomization.yaml": {Data: []byte("resources: [a.yaml]\n")}, "app/a.yaml": {Data: []byte(configMap)},
			"plain/a.yaml": {Data: []byte(configMap)}, "kgate.yaml": {Data: []byte("apiVersion: kgate/v1\ntargets: [app]\n")},
			"x/kustomization.yaml": {Data: []byte(text)}, "apply.yaml": {Data: []byte(text)},
		}
		found(t, files)
	})
}
