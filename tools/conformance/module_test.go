package main

import (
	"os"
	"testing"

	"golang.org/x/mod/modfile"
)

// What is judged here is what kgate judges: a go.mod does not take over what another one replaces.
func TestModuleReplacesAsKgate(t *testing.T) {
	read := func(name string) *modfile.File {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := modfile.Parse(name, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	replaced := map[string]modfile.Replace{}
	own := read("go.mod")
	for _, r := range own.Replace {
		replaced[r.Old.Path] = *r
	}
	required := map[string]bool{}
	for _, r := range own.Require {
		required[r.Mod.Path] = true
	}
	for _, r := range read("../../go.mod").Replace {
		if have := replaced[r.Old.Path]; required[r.Old.Path] && (have.Old != r.Old || have.New != r.New) {
			t.Errorf("go.mod: replace %s => %s %s, as the go.mod of kgate does", r.Old.Path, r.New.Path, r.New.Version)
		}
	}
}
