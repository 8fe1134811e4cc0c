package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// What lies in the repository is read as the revision has it whose configuration holds, whatever leads there.
func TestDefinitionFilesOfARevision(t *testing.T) {
	above, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(above, "repository")
	for _, name := range []string{"repository/crds/foo.yaml", "repository/crds/added.yaml", "beside/crds/bar.yaml", "repository/.git/x.yaml"} {
		name = filepath.Join(above, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("of the working tree"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &Repo{Dir: dir, FS: os.DirFS(dir), Base: &Base{Revision: "main", FS: fstest.MapFS{"crds/foo.yaml": {Data: []byte("of the revision")}}}}
	if _, err := r.DefinitionFiles([]string{filepath.Join(above, "*", ".git", "*.yaml")}); err == nil || !strings.Contains(err.Error(), "names no file") {
		t.Errorf(".git: got %v", err)
	}
	for given, want := range map[string]string{
		filepath.Join(dir, "crds"):                   "crds/foo.yaml of the revision",
		filepath.Join(above, "*", "crds"):            filepath.Join(above, "beside/crds/bar.yaml") + " of the working tree, crds/foo.yaml of the revision",
		filepath.Join(above, "reposito[r]y", "crds"): "crds/foo.yaml of the revision",
	} {
		files, err := r.DefinitionFiles([]string{given})
		if err != nil {
			t.Errorf("%s: %v", given, err)
			continue
		}
		var got []string
		for _, file := range files {
			root, err := file.FS.Open(file.Path)
			if err != nil {
				t.Fatal(err)
			}
			text := make([]byte, 100)
			n, _ := root.Read(text)
			got = append(got, file.Name+" "+string(text[:n]))
			_ = root.Close()
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s, want %s", given, strings.Join(got, ", "), want)
		}
	}
}
