package applicationset

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// surroundings are those of a case: its files, and its clusters where it has some.
func surroundings(t *testing.T, archive *txtar.Archive) (set map[string]any, around Surroundings) {
	t.Helper()
	files := map[string][]byte{}
	for _, f := range archive.Files {
		switch f.Name {
		case "set.yaml":
			documents, err := manifest.ParseDocuments(f.Name, f.Data)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := documents[0].Objects()
			if err != nil {
				t.Fatal(err)
			}
			set = objects[0].Value
		case "clusters.yaml":
			if err := yaml.UnmarshalStrict(f.Data, &around.Clusters); err != nil {
				t.Fatal(err)
			}
		case "applications.json":
		default:
			files[f.Name] = f.Data
		}
	}
	around.Own = func(repository, revision string) error {
		if repository != "https://git.example.com/shop" || revision != "HEAD" {
			return errors.New("another repository")
		}
		return nil
	}
	around.Files = func() ([]string, error) { return slices.Sorted(maps.Keys(files)), nil }
	around.Read = func(name string) ([]byte, error) { return files[name], nil }
	return set, around
}

// TestUnresolved has what nobody here can tell: what else the set makes is there.
func TestUnresolved(t *testing.T) {
	const (
		list     = "{list: {elements: [{name: dev}]}}"
		template = "template: {metadata: {name: 'a-{{name}}'}, spec: {source: {repoURL: https://git.example.com/shop, path: x}}}"
	)
	for name, c := range map[string]struct {
		generators, reason, path string
		made                     int
	}{
		"open pull requests":      {"[" + list + ", {pullRequest: {github: {owner: a}}}]", "the generator pullRequest is not resolved offline", "spec.generators[1].pullRequest", 1},
		"clusters":                {"[{clusters: {selector: {}}}]", "which clusters Argo CD knows is written nowhere", "spec.generators[0].clusters", 0},
		"within a matrix":         {"[{matrix: {generators: [" + list + ", {scmProvider: {github: {}}}]}}]", "scmProvider", "spec.generators[0].matrix.generators[1].scmProvider", 0},
		"another repository":      {"[{git: {repoURL: https://git.example.com/other, revision: HEAD, directories: [{path: '*'}]}}]", "another repository", "spec.generators[0].git", 0},
		"magic":                   {"[{git: {repoURL: https://git.example.com/shop, revision: HEAD, files: [{path: ':(glob)*'}]}}]", "magic of git", "spec.generators[0].git.files[0].path", 0},
		"two of one name":         {"[" + list + ", " + list + "]", `several Applications are called "a-dev"`, "spec.template.metadata.name", 0},
		"too many levels":         {"[{matrix: {generators: [" + list + ", {matrix: {generators: [" + list + ", {matrix: {generators: [" + list + "," + list + "]}}]}}]}}]", "more than two levels", "spec.generators[0]", 0},
		"a selector that is none": {"[{list: {elements: [{name: dev}]}, selector: {matchExpressions: [{key: name, operator: Is}]}}]", `"Is" is no operator`, "spec.generators[0]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			text := "kind: ApplicationSet\nmetadata: {name: a}\nspec: {generators: " + c.generators + ", " + template + "}\n"
			set, around := surroundings(t, &txtar.Archive{Files: []txtar.File{{Name: "set.yaml", Data: []byte("apiVersion: argoproj.io/v1alpha1\n" + text)}}})
			made, left := Generate(context.Background(), set, around)
			if len(made) != c.made {
				t.Errorf("it makes %d Applications, want %d", len(made), c.made)
			}
			switch {
			case c.reason == "" && len(left) > 0:
				t.Errorf("it says %v", left[0])
			case c.reason != "" && (len(left) != 1 || !strings.Contains(left[0].Reason, c.reason) || left[0].Path.String() != c.path):
				t.Errorf("it says %v, want %s: %s", left, c.path, c.reason)
			}
		})
	}
}

// TestEndless has templates without an end: they end with the context, or at a limit.
func TestEndless(t *testing.T) {
	for _, text := range []string{
		`{{define "a"}}{{range until 1000}}{{range until 1000}}{{range until 1000}}{{add 1 2}}{{end}}{{end}}{{end}}{{end}}{{template "a"}}`,
		`{{repeat 1000000000 "a"}}`, `{{until 1000000000}}`, `{{define "t"}}{{tpl "{{template \"t\" .}}" .}}{{end}}{{template "t" .}}`,
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		set := map[string]any{"spec": map[string]any{
			"goTemplate": true,
			"generators": []any{map[string]any{"list": map[string]any{"elements": []any{map[string]any{"a": "b"}}}}},
			"template":   map[string]any{"metadata": map[string]any{"name": text}},
		}}
		if made, left := Generate(ctx, set, Surroundings{}); len(made) > 0 || len(left) == 0 {
			t.Errorf("%s makes %v", text, made)
		}
		cancel()
	}
}

func TestField(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/own_template.txtar")
	if err != nil {
		t.Fatal(err)
	}
	set, around := surroundings(t, archive)
	made, _ := Generate(context.Background(), set, around)
	for _, c := range []struct {
		app        int
		path, want string
	}{
		{0, "spec.source.path", "spec.generators[0].list.template.spec.source.path"},
		{0, "spec.source.targetRevision", "spec.template.spec.source.targetRevision"},
		{1, "spec.source.path", "spec.template.spec.source.path"},
		{1, "spec.source.kustomize.namePrefix", "spec.template.spec.source"},
	} {
		path := manifest.Path{}
		for _, step := range strings.Split(c.path, ".") {
			path = append(path, step)
		}
		if got := made[c.app].Field(path).String(); got != c.want {
			t.Errorf("%s of Application %d is at %s, want %s", c.path, c.app, got, c.want)
		}
	}
}

func TestParseClusters(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Cluster
		err  string
	}{
		"a list": {"- {name: a, server: https://a, labels: {x: b}}\n", []Cluster{{Name: "a", Server: "https://a", Labels: map[string]string{"x": "b"}}}, ""},
		"Secrets": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {argocd.argoproj.io/secret-type: cluster, x: b}}\nstringData: {name: a, server: https://a}\ndata: {project: cA==}\n---\n" +
				"apiVersion: v1\nkind: Secret\nmetadata: {name: repo, labels: {argocd.argoproj.io/secret-type: repository}}\n",
			[]Cluster{{Name: "a", Server: "https://a", Project: "p", Labels: map[string]string{secretType: "cluster", "x": "b"}, Annotations: map[string]string{}}}, "",
		},
		"an unknown key": {"- {name: a, server: https://a, label: {x: y}}\n", nil, "clusters.yaml:1: this is a list of clusters"},
		"no server":      {"- {name: a}\n", nil, "no name or no server"},
		"no base64":      {"apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {argocd.argoproj.io/secret-type: cluster}}\ndata: {name: '%'}\n", nil, "of Secret s is no base64"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseClusters("clusters.yaml", []byte(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("it says %v, want %s", err, c.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("it reads %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

// FuzzGenerate looks for what ends the process, or makes an Application without a name's field.
func FuzzGenerate(f *testing.F) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		documents, err := manifest.ParseDocuments("set.yaml", text)
		if err != nil || len(documents) != 1 {
			return
		}
		objects, err := documents[0].Objects()
		if err != nil || len(objects) != 1 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		around := Surroundings{
			Own:      func(string, string) error { return nil },
			Files:    func() ([]string, error) { return []string{"apps/a/x.yaml", "apps/b/y.yaml"}, nil },
			Read:     func(string) ([]byte, error) { return []byte("a: {b: 1}\n"), nil },
			Clusters: []Cluster{{Name: "a", Server: "https://a"}},
		}
		made, _ := Generate(ctx, objects[0].Value, around)
		for _, a := range made {
			if a.Value["kind"] != "Application" {
				t.Errorf("it makes a %v", a.Value["kind"])
			}
			a.Field(manifest.Path{"spec", "source", "path"})
		}
	})
}
