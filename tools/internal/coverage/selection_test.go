package coverage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestSelect finds the targets of repositories of several shapes, of which kgate.yaml names none.
func TestSelect(t *testing.T) {
	const (
		object      = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
		application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {source: {repoURL: https://git.example.com/a, path: PATH}}\n"
		flux        = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\nspec: {path: ./PATH, sourceRef: {kind: GitRepository, name: a}}\n"
	)
	for name, c := range map[string]struct {
		files string // name: content, one a line
		want  string
		says  string
	}{
		"overlays of a base": {
			"base/kustomization.yaml: resources: [a.yaml]\nbase/a.yaml: OBJECT\noverlays/prod/kustomization.yaml: resources: [../../base]\noverlays/dev/kustomization.yaml: resources: [../../base]",
			"overlays/dev overlays/prod", "there is no kgate.yaml, so kgate chose 2 targets: 2 that no other kustomization uses",
		},
		"components are none": {
			"parts/tls/kustomization.yaml: kind: Component\napp/kustomization.yaml: components: [../parts/tls]", "app",
			"there is no kgate.yaml, so kgate chose 1 target: 1 that no other kustomization uses",
		},
		"a base that is deployed itself": {
			"base/kustomization.yaml: resources: [a.yaml]\nprod/kustomization.yaml: resources: [../base]\nargocd/a.yaml: APPLICATION base",
			"prod argocd base", "there is no kgate.yaml, so kgate chose 3 targets: 1 that no other kustomization uses, 1 that Argo CD or Flux deploys, 1 with objects of Argo CD or Flux",
		},
		"manifests that Flux deploys, with a root below": {
			"clusters/home/flux.yaml: FLUX apps\napps/web/a.yaml: OBJECT\napps/db/kustomization.yaml: resources: [a.yaml]\napps/db/a.yaml: OBJECT\nother/a.yaml: OBJECT",
			"apps apps/db clusters/home", "there is no kgate.yaml, so kgate chose 3 targets: 1 that no other kustomization uses, 1 that Argo CD or Flux deploys, 1 with objects of Argo CD or Flux",
		},
		"the top, of a source with other paths here": {
			"a.yaml: OBJECT\nclusters/home/flux.yaml: FLUX apps\nclusters/home/top.yaml: FLUX \napps/kustomization.yaml: resources: [a.yaml]\napps/a.yaml: OBJECT",
			". apps", "there is no kgate.yaml, so kgate chose 2 targets: 1 that no other kustomization uses, 1 that Argo CD or Flux deploys",
		},
		"the top of a source with nothing here": {
			"a.yaml: OBJECT\nclusters/home/top.yaml: FLUX \nclusters/home/flux.yaml: FLUX elsewhere",
			"clusters/home", "there is no kgate.yaml, so kgate chose 1 target: 1 with objects of Argo CD or Flux; a manifest is in none of them: a.yaml",
		},
		"the top of a repository of which another path is here": {
			"a.yaml: OBJECT\nargocd/a.yaml: APPLICATION deploy\nargocd/b.yaml: APPLICATION .\ndeploy/a.yaml: OBJECT",
			". argocd deploy", "there is no kgate.yaml, so kgate chose 3 targets: 2 that Argo CD or Flux deploys, 1 with objects of Argo CD or Flux",
		},
		"an application in a root": {
			"apps/kustomization.yaml: resources: [a.yaml]\napps/a.yaml: APPLICATION deploy\ndeploy/a.yaml: OBJECT", "apps deploy",
			"there is no kgate.yaml, so kgate chose 2 targets: 1 that no other kustomization uses, 1 that Argo CD or Flux deploys",
		},
		"another repository, and charts": {
			"argocd/a.yaml: APPLICATION charts/web\nargocd/b.yaml: APPLICATION nowhere\ncharts/web/Chart.yaml: name: web\ncharts/web/templates/a.yaml: OBJECT", "argocd",
			"there is no kgate.yaml, so kgate chose 1 target: 1 with objects of Argo CD or Flux",
		},
		"suites of tests": {
			"argocd/a.yaml: APPLICATION deploy\ndeploy/a.yaml: OBJECT\ne2e/one/00-install.yaml: APPLICATION suite\ne2e/one/00-assert.yaml: APPLICATION suite\ne2e/two/install.yaml: APPLICATION suite\n" +
				"e2e/two/1-errors.yml: OBJECT\ne2e/three/chainsaw-test.yaml: OBJECT\ne2e/three/apps/a.yaml: APPLICATION suite\nkuttl/kuttl-test.yaml: OBJECT\nkuttl/four/a.yaml: APPLICATION suite\n" +
				"kuttl-test.yaml: OBJECT\nsuite/a.yaml: OBJECT",
			"argocd deploy", "there is no kgate.yaml, so kgate chose 2 targets: 1 that Argo CD or Flux deploys, 1 with objects of Argo CD or Flux",
		},
		"no suites of tests": {
			"argocd/a.yaml: APPLICATION deploy\nargocd/assert.yaml: OBJECT\nargocd/00-assertions.yaml: OBJECT\nkuttl-test.yaml: OBJECT\n00-assert.yaml: OBJECT", "argocd",
			"there is no kgate.yaml, so kgate chose 1 target: 1 with objects of Argo CD or Flux",
		},
		"a suite of tests that is named": {
			"kgate.yaml: {apiVersion: kgate/v1, targets: [e2e/one]}\ne2e/one/00-install.yaml: APPLICATION suite\ne2e/one/00-assert.yaml: APPLICATION suite", "e2e/one", "",
		},
		"left out": {
			"kgate.yaml: {apiVersion: kgate/v1, unread: [{path: examples/**, reason: shown, owner: docs}]}\nexamples/a/kustomization.yaml: resources: []\napp/kustomization.yaml: resources: []", "app",
			"kgate.yaml names no targets, so kgate chose 1 target: 1 that no other kustomization uses",
		},
		"named":           {"kgate.yaml: {apiVersion: kgate/v1, targets: [a]}\na/kustomization.yaml: resources: []\nb/kustomization.yaml: resources: []", "a", ""},
		"manifests alone": {"k8s/a.yaml: OBJECT", "", "name directories or files on the command line, or in a kgate.yaml with the lines `apiVersion: kgate/v1` and `targets: [DIRECTORY, …]`; there are manifests in k8s"},
		"nothing":         {"README: nothing", "", "there is no kustomization here, and nothing that Argo CD or Flux deploys: "},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for _, line := range strings.Split(c.files, "\n") {
				name, text, _ := strings.Cut(line, ": ")
				kind, path, _ := strings.Cut(text, " ")
				switch kind {
				case "OBJECT":
					text = object
				case "APPLICATION":
					text = strings.ReplaceAll(application, "PATH", path)
				case "FLUX":
					text = strings.ReplaceAll(flux, "PATH", path)
				}
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			config, err := repo.LoadConfig(files)
			if err != nil {
				t.Fatal(err)
			}
			selection, says, err := Select(t.Context(), &repo.Repo{FS: files, Config: config})
			if err != nil {
				says = err.Error()
			}
			if got := strings.Join(selection.Targets, " "); got != c.want || (says == "") != (c.says == "") || !strings.Contains(says, c.says) {
				t.Errorf("got  %s: %s\nwant %s: %s", got, says, c.want, c.says)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"mixed/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "mixed/web/kustomization.yaml": "resources: []\n",
		"roots/prod/kustomization.yaml": "resources: [../base]\n", "roots/dev/kustomization.yaml": "resources: [../base]\n", "roots/base/kustomization.yaml": "resources: []\n",
		"roots/values.yaml": "a: 1\n", "root/kustomization.yaml": "resources: [below]\n", "root/below/kustomization.yaml": "resources: []\n", "empty/README": "",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	const object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	add := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	add("clusters/a/x.yaml", object)
	add("clusters/a/root/kustomization.yaml", "resources: []")
	add("clusters/b/x.yaml", object)
	add("stray/a/x.yaml", object)
	add("stray/x.yaml", object)
	for _, c := range []struct{ dir, selected, want string }{
		{"mixed", "", "mixed mixed/web"},
		{"roots", "", "roots/dev roots/prod"},
		{"root", "roots/dev", "root"},
		{"empty", "roots/dev", "empty"},
		{"mixed/a.yaml", "", "mixed/a.yaml"},
		{"nowhere", "", "nowhere"},
		// What is selected stands for itself, and what lies beside it is not lost.
		{"clusters", "clusters/a clusters/b roots/dev", "clusters/a clusters/a/root clusters/b"},
		{"clusters/a", "clusters/a clusters/b", "clusters/a clusters/a/root"},
		{"stray", "stray/a", "stray stray/a"},
		{"roots", "roots/dev roots/prod mixed", "roots/dev roots/prod"},
		// The repository's own directory is all that is selected.
		{".", "roots/dev clusters/a", "roots/dev clusters/a"},
		{".", "", ". clusters/a/root roots/dev roots/prod mixed/web root"},
	} {
		got, err := Expand(t.Context(), &repo.Repo{FS: files}, c.dir, func() []string { return strings.Fields(c.selected) })
		slices.Sort(got)
		want := strings.Fields(c.want)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s of %s: got %v, %v; want %s", c.dir, c.selected, got, err, c.want)
		}
	}
}

// TestNothing tells a repository in which there is nothing to choose from one that cannot be looked through.
func TestNothing(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  bool
	}{
		"no kustomization":    {fstest.MapFS{"a.txt": {}}, true},
		"all of it is unread": {fstest.MapFS{"a/kustomization.yaml": {}}, true},
		"who knows":           {nil, false},
	} {
		r := &repo.Repo{FS: c.files, Config: repo.Config{Unread: []repo.Unread{{Path: "a"}}}}
		ctx, end := context.WithCancel(t.Context())
		if c.files == nil {
			end()
		}
		if _, _, err := Select(ctx, r); err == nil || errors.Is(err, ErrNothing) != c.want {
			t.Errorf("%s: got %v", name, err)
		}
		end()
	}
}
