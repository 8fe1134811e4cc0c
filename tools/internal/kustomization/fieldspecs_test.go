package kustomization

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write fieldspecs.json anew from the source of the Kustomize that go.mod requires, and testdata/effects.txt")

// field begins a text of field specs; others are parts of it.
var field = regexp.MustCompile(`^\n[a-zA-Z]+:\n`)

// TestFieldSpecs compares fieldspecs.json with the texts in Kustomize's source that it is taken from.
func TestFieldSpecs(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kustomize/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal", "konfig", "builtinpluginconsts", "*.go"))
	if err != nil || len(files) < 10 {
		t.Fatalf("the source of Kustomize's field specs has %d files, %v", len(files), err)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range files {
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	// Nothing is imported: constants have their values without.
	source, _ := (&types.Config{Error: func(error) {}}).Check("builtinpluginconsts", set, parsed, nil)
	var all []string
	for _, name := range source.Scope().Names() {
		if c, ok := source.Scope().Lookup(name).(*types.Const); ok && c.Val().Kind() == constant.String {
			if text := constant.StringVal(c.Val()); field.MatchString(text) {
				all = append(all, text)
			}
		}
	}
	specs, err := readFieldSpecs([]byte(strings.Join(all, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 11 || len(specs.NameReference) == 0 || len(specs.Replicas) == 0 {
		t.Fatalf("%d texts of field specs were found in Kustomize's source, with %d references", len(all), len(specs.NameReference))
	}
	want, err := json.MarshalIndent(specs, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("fieldspecs.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, builtinFieldSpecs) {
		t.Error("fieldspecs.json is not what Kustomize's source says: run go test ./tools/internal/kustomization -run TestFieldSpecs -update")
	}
}
