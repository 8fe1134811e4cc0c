package kustomization

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/confinement"
)

const confinedChild = "KGATE_TEST_CONFINED_RENDER"

// TestKustomizeIsConfined gives Kustomize itself, past every check of kgate, a remote base, with a git on the PATH that
// leaves a mark. Unconfined it runs that git, which shows that the mark would be seen; confined it runs nothing.
func TestKustomizeIsConfined(t *testing.T) {
	if how := os.Getenv(confinedChild); how != "" {
		if how == "confined" {
			confinement.Enter(nil)
		}
		files := NewFiles(NewStore(fstest.MapFS{"kustomization.yaml": {Data: []byte("resources: ['file:///x?ref=a']\n")}}))
		_, err := Kustomize(files, ".")
		fmt.Println(err)
		return
	}
	for how, executed := range map[string]bool{"unconfined": true, "confined": false} {
		dir := t.TempDir()
		mark := filepath.Join(dir, "mark")
		if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\necho >"+mark+"\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0], "-test.run", "^TestKustomizeIsConfined$")
		child.Env = append(os.Environ(), confinedChild+"="+how, "PATH="+dir, "TMPDIR="+dir)
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", how, err, out)
		}
		if _, err := os.Stat(mark); (err == nil) != executed {
			t.Errorf("%s: git was executed: %v\n%s", how, err == nil, out)
		}
	}
}
