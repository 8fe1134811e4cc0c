package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// A service takes each component or leaves it: without any one, the repository is as clean as with it.
func TestComponentsLeft(t *testing.T) {
	all := []struct{ component, also string }{
		{"network", ""},
		{"autoscaling", `  - ../../components/autoscaling/resources\n`},
		{"limits", ""},
		{"mesh", ""},
		{"monitoring", ""},
	}
	if underRace {
		all = all[:1]
	}
	for _, left := range all {
		t.Run(left.component, func(t *testing.T) {
			_, copied := ownTree(t)
			plain, _ := ownServices(t, copied)
			file := filepath.Join(copied, "base/services", plain, "kustomization.yaml")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, pattern := range []string{`  - ../../components/` + left.component + `\n`, left.also} {
				without := regexp.MustCompile("(?m)"+pattern).ReplaceAll(text, nil)
				if pattern != "" && len(without) == len(text) {
					t.Fatalf("the service has no %s", pattern)
				}
				text = without
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, f := range reported(t, copied).Findings {
				t.Errorf("%s %s: %s", f.Check, f.Source, f.Message)
			}
		})
	}
}
