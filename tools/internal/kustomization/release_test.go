package kustomization

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// TestKustomizeRelease looks up which api and kyaml the release of the kustomize command requires.
func TestKustomizeRelease(t *testing.T) {
	download := exec.Command("go", "mod", "download", "-json", "sigs.k8s.io/kustomize/kustomize/v5@"+KustomizeRelease)
	download.Dir = t.TempDir()
	out, err := download.Output()
	if err != nil {
		t.Fatalf("the release's module cannot be read: %s", out)
	}
	var module struct{ GoMod string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	required := func(file string) map[string]string {
		out, err := exec.Command("go", "mod", "edit", "-json", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		var parsed struct {
			Require []struct{ Path, Version string }
		}
		if err := json.Unmarshal(out, &parsed); err != nil {
			t.Fatal(err)
		}
		versions := map[string]string{}
		for _, r := range parsed.Require {
			versions[r.Path] = r.Version
		}
		return versions
	}
	theirs, ours := required(module.GoMod), required("../../../go.mod")
	for _, path := range []string{"sigs.k8s.io/kustomize/api", "sigs.k8s.io/kustomize/kyaml"} {
		if theirs[path] == "" || theirs[path] != ours[path] {
			t.Errorf("kustomize %s requires %s %s, go.mod %s", KustomizeRelease, path, theirs[path], ours[path])
		}
	}
}
