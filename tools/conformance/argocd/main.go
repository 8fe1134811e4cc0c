// Command argocd says what Argo CD's own code makes of the ApplicationSets of a corpus: its generators, its templates and its
// patches, with git's own `ls-files` for the patterns of files. What it makes is written into the corpus, where a test of kgate
// compares.
//
// It is a module of its own that nothing else builds: Argo CD v3.6.1 wants Go 1.27, and the rest of this repository an older one.
// What is in the corpus is told by its last run, which somebody starts by hand: make argocd-conformance.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/services"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/rogpeppe/go-internal/txtar"
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"
)

func main() {
	log.SetOutput(io.Discard)
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: argocd CASE.txtar...")
		os.Exit(2)
	}
	for _, name := range os.Args[1:] {
		if err := record(name); err != nil {
			fmt.Fprintf(os.Stderr, "argocd: %s: %s\n", name, err)
			os.Exit(1)
		}
	}
}

// recorded is the file of a case that holds what Argo CD makes.
const recorded = "applications.json"

// record writes what Argo CD makes of a case into it.
func record(name string) error {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		return err
	}
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == recorded })
	made, err := generate(archive)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(made, "", "  ")
	if err != nil {
		return err
	}
	archive.Files = append(archive.Files, txtar.File{Name: recorded, Data: append(text, '\n')})
	return os.WriteFile(name, txtar.Format(archive), 0o644)
}

// outcome is what becomes of an ApplicationSet.
type outcome struct {
	Refused      bool  `json:"refused,omitempty"`
	Applications []any `json:"applications,omitempty"`
}

func generate(archive *txtar.Archive) (outcome, error) {
	tree, err := os.MkdirTemp("", "argocd")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(tree)
	var set v1alpha1.ApplicationSet
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return outcome{}, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return outcome{}, err
	}
	objects := []client.Object{&v1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "argocd"}}}
	for _, f := range archive.Files {
		switch f.Name {
		case "set.yaml":
			if err := yaml.UnmarshalStrict(f.Data, &set); err != nil {
				return outcome{}, err
			}
		case "clusters.yaml":
			clusters, err := secrets(f.Data)
			if err != nil {
				return outcome{}, err
			}
			objects = append(objects, clusters...)
		default:
			to := filepath.Join(tree, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return outcome{}, err
			}
			if err := os.WriteFile(to, f.Data, 0o644); err != nil {
				return outcome{}, err
			}
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}} {
		if out, err := git(tree, args...); err != nil {
			return outcome{}, fmt.Errorf("git %s: %w: %s", args[0], err, out)
		}
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	terminal := map[string]generators.Generator{
		"List": generators.NewListGenerator(), "Clusters": generators.NewClusterGenerator(c, "argocd"),
		"Git": generators.NewGitGenerator(repository{dir: tree}, "argocd"),
	}
	combined := func(inner map[string]generators.Generator) map[string]generators.Generator {
		all := map[string]generators.Generator{"Matrix": generators.NewMatrixGenerator(inner), "Merge": generators.NewMergeGenerator(inner)}
		for kind, g := range terminal {
			all[kind] = g
		}
		return all
	}
	made, _, err := template.GenerateApplications(log.NewEntry(log.StandardLogger()), set, combined(combined(terminal)), &utils.Render{}, c)
	if err != nil {
		return outcome{Refused: true}, nil
	}
	var result outcome
	for _, app := range made {
		app.APIVersion, app.Kind = "argoproj.io/v1alpha1", "Application"
		text, err := json.Marshal(app)
		if err != nil {
			return outcome{}, err
		}
		var value map[string]any
		if err := json.Unmarshal(text, &value); err != nil {
			return outcome{}, err
		}
		delete(value, "status")
		result.Applications = append(result.Applications, value)
	}
	slices.SortStableFunc(result.Applications, func(a, b any) int { return strings.Compare(called(a), called(b)) })
	return result, nil
}

func called(app any) string {
	metadata, _ := app.(map[string]any)["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}

// secrets are clusters as Argo CD keeps them.
func secrets(text []byte) ([]client.Object, error) {
	var clusters []struct {
		Name, Server, Project string
		Labels, Annotations   map[string]string
	}
	if err := yaml.Unmarshal(text, &clusters); err != nil {
		return nil, err
	}
	var all []client.Object
	for i, c := range clusters {
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("cluster-%d", i), Namespace: "argocd", Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"}, Annotations: c.Annotations},
			Data:       map[string][]byte{"name": []byte(c.Name), "server": []byte(c.Server)},
		}
		if c.Project != "" {
			secret.Data["project"] = []byte(c.Project)
		}
		for key, value := range c.Labels {
			secret.Labels[key] = value
		}
		all = append(all, secret)
	}
	return all, nil
}

// repository answers as the repo-server does, for one tree.
type repository struct {
	services.Repos // of artifacts, which nothing here asks for
	dir            string
}

func (r repository) GetFiles(_ context.Context, _, _, _, pattern string, _ bool, _ *v1alpha1.SourceIntegrity) (map[string][]byte, error) {
	out, err := git(r.dir, "ls-files", "--full-name", "-z", "--", pattern)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		if files[name], err = os.ReadFile(filepath.Join(r.dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (r repository) GetDirectories(context.Context, string, string, string, bool, *v1alpha1.SourceIntegrity) ([]string, error) {
	var all []string
	err := filepath.WalkDir(r.dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || !entry.IsDir() || name == r.dir:
			return err
		case strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		}
		below, err := filepath.Rel(r.dir, name)
		all = append(all, below)
		return err
	})
	return all, err
}

func git(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	if err := cmd.Run(); err != nil {
		return failure.Bytes(), err
	}
	return out.Bytes(), nil
}
