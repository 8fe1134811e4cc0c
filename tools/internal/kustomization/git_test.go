package kustomization

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGitIsHidden lets nothing that Kustomize can name lead to git's own files, where a checkout keeps its token.
func TestGitIsHidden(t *testing.T) {
	const secret = "AUTHORIZATION"
	for _, test := range []struct{ name, file, text string }{
		{"a resource", "app/kustomization.yaml", "resources: [../.git/config]\n"},
		{"a folder", "app/kustomization.yaml", "resources: [../.git]\n"},
		{"a component", "app/kustomization.yaml", "resources: [cm.yaml]\ncomponents: [../.git]\n"},
		{"a generator", "kustomization.yaml", "configMapGenerator: [{name: a, files: [.git/config]}]\n"},
		{"a key", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=.git/config]}]\n"},
		{"a secret", "kustomization.yaml", "secretGenerator: [{name: a, files: [x=.git/config]}]\n"},
		{"an env file", "kustomization.yaml", "configMapGenerator: [{name: a, envs: [.git/config]}]\n"},
		{"other letters", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=.GIT/config]}]\n"},
		{"a short name", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=git~1/config]}]\n"},
		{"round about", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=app/../.git/config]}]\n"},
		{"a link to a file", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=file]}]\n"},
		{"a link to the folder", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=folder/config]}]\n"},
		{"a worktree's file", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=sub/.git]}]\n"},
		{"a submodule's", "kustomization.yaml", "configMapGenerator: [{name: a, files: [x=deep/.git/config]}]\n"},
		{"a patch", "kustomization.yaml", "resources: [app/cm.yaml]\npatches: [{path: .git/config, target: {kind: ConfigMap}}]\n"},
		{"a replacement", "kustomization.yaml", "resources: [app/cm.yaml]\nreplacements: [{path: .git/config}]\n"},
		{"a transformer", "kustomization.yaml", "resources: [app/cm.yaml]\ntransformers: [.git/config]\n"},
		{"configurations", "kustomization.yaml", "resources: [app/cm.yaml]\nconfigurations: [.git/config]\n"},
		{"openapi", "kustomization.yaml", "resources: [app/cm.yaml]\nopenapi: {path: .git/config}\n"},
		{"a crd", "kustomization.yaml", "resources: [app/cm.yaml]\ncrds: [.git/config]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				".git/config": "# " + secret + "\n" + secret + "=1\n", "sub/.git": "gitdir: " + secret + "\n", "deep/.git/config": secret,
				".GIT/config": secret, "git~1/config": secret,
				"app/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", test.file: test.text,
			} {
				at := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for link, to := range map[string]string{"file": ".git/config", "folder": ".git"} {
				if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
					t.Fatal(err)
				}
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = root.Close() }()
			result, err := New(root.FS(), strings.NewReader("")).Render(t.Context(), filepath.Dir(test.file))
			if err == nil {
				text, _ := result.YAML()
				t.Fatalf("it renders\n%s", text)
			}
			if !strings.Contains(err.Error(), errGit.Error()) || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "kustomization.yaml:") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestGitAsATarget(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"repo/.git/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: secret}\n",
		"repo/cm.yaml":      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
	} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(".git", filepath.Join(dir, "repo/linked")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "repo"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	renderer := New(root.FS(), strings.NewReader(""))
	for _, target := range []string{".git", ".git/cm.yaml", "linked", "linked/cm.yaml", ".Git"} {
		if _, err := renderer.Render(t.Context(), target); err == nil || !strings.Contains(err.Error(), errGit.Error()) {
			t.Errorf("%s: got %v", target, err)
		}
	}
}
