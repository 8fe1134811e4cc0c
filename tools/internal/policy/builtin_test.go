package policy_test

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/policy"
)

// The built-in rules are loaded as verified, which leaves out the compiler's checks. This is where they are made.
func TestBuiltinRulesCompileStrictly(t *testing.T) {
	library, err := policy.Load(policy.Source{Name: "policies", FS: policies.FS})
	if err != nil {
		t.Fatal(err)
	}
	if err := library.Prepare(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := check.Verify(library.Checks(policy.Facts{})); err != nil {
		t.Fatal(err)
	}
}

func TestEveryBuiltinModuleHasATest(t *testing.T) {
	modules := 0
	err := fs.WalkDir(policies.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.rego") {
			return err
		}
		modules++
		if base := path.Base(path.Dir(name)) + ".rego"; path.Base(name) != base {
			t.Errorf("%s: the file of this directory is called %s", name, base)
		}
		if _, err := fs.Stat(policies.FS, strings.TrimSuffix(name, ".rego")+"_test.rego"); err != nil {
			t.Errorf("%s has no test beside it", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if modules < 60 {
		t.Fatalf("only %d modules are embedded", modules)
	}
}
