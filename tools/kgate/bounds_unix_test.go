//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe in place of a file that every run reads would keep it waiting for a writer that never comes.
func TestPipesAreNotOpened(t *testing.T) {
	const refused = "this is not a regular file: kgate opens no pipe, socket or device"
	for _, c := range []struct{ name, want string }{
		{"kgate.yaml", "kgate.yaml: "},
		{"app/kustomization.yaml", "app/kustomization.yaml: cannot check: "},
		{"app/o.yaml", "app/o.yaml: cannot check: "},
		{"rules/a/b/b.rego", "rules/a/b/b.rego: "},
		{"rules/a/b/b_test.rego", "rules/a/b/b_test.rego: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(hostileRule(t, "false"))
			if err := os.Remove(c.name); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(filepath.FromSlash(c.name), 0o644); err != nil {
				t.Fatal(err)
			}
			args := []string{"validate", "app", "--policies", "rules"}
			if strings.HasSuffix(c.name, "_test.rego") {
				args = []string{"policy", "test", "rules"}
			}
			var out bytes.Buffer
			if code := run(context.Background(), args, strings.NewReader(""), &out, &out); code != exitUnable || !strings.Contains(out.String(), c.want+refused) {
				t.Errorf("exit code %d, %s", code, out.String())
			}
		})
	}
}
