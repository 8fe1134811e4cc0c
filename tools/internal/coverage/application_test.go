package coverage

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// closed is a file system with a directory that nobody may read.
type closed struct {
	fstest.MapFS
	dir string
}

func (c closed) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == c.dir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("permission denied")}
	}
	return c.MapFS.ReadDir(name)
}

// TestApplicationsOfUnlistedFiles has two sets that ask for files where not all can be listed: neither is made of a part of them.
func TestApplicationsOfUnlistedFiles(t *testing.T) {
	const set = `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: NAME}
spec:
  generators: [{git: {repoURL: https://git.example.com/a, revision: HEAD, directories: [{path: apps/*}]}}]
  template: {metadata: {name: 'NAME-{{path.basename}}'}, spec: {source: {repoURL: https://git.example.com/a, path: apps/web}}}
`
	files := closed{fstest.MapFS{
		"apps/web/a.yaml": {Data: []byte("a: b\n")},
		".later/a.yaml":   {Data: []byte("a: b\n")},
		".first.yaml":     {Data: []byte("a: b\n")},
		"argocd/one.yaml": {Data: []byte(strings.ReplaceAll(set, "NAME", "one"))},
		"argocd/two.yaml": {Data: []byte(strings.ReplaceAll(set, "NAME", "two"))},
	}, ""}
	find := func() (made []Application, unresolved []Unresolved) {
		t.Helper()
		made, unresolved, err := Applications(t.Context(), &repo.Repo{FS: files}, kustomization.NewFiles(kustomization.NewStore(files)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return made, unresolved
	}
	if made, unresolved := find(); len(made) != 2 || len(unresolved) != 0 {
		t.Fatalf("of what can be listed %d Applications are made, and %v; want 2", len(made), unresolved)
	}
	files.dir = ".later"
	made, unresolved := find()
	if len(made) != 0 || len(unresolved) != 2 {
		t.Fatalf("%d Applications are made, and not of %v; want none, of neither set", len(made), unresolved)
	}
	for _, u := range unresolved {
		if !strings.Contains(u.Reason, "permission denied") {
			t.Errorf("%s: it says %q", u.Position, u.Reason)
		}
	}
}
