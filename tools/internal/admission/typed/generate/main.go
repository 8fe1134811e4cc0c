// Command generate writes types.bin from the OpenAPI v3 files of the k8s.io/kubernetes that go.mod requires.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	kindschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kgate-dev/gitops/tools/internal/admission/typed"
)

const name = "types.bin"

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the file differs from what would be written")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes").Output()
	if err != nil {
		return fmt.Errorf("find the module k8s.io/kubernetes: %w", err)
	}
	content, err := Generate(strings.TrimSpace(string(out)))
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(name, content, 0o644)
	}
	have, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, content) {
		return fmt.Errorf("%s differs from what k8s.io/kubernetes gives; run `make schemas` and commit", name)
	}
	return nil
}

// Generate makes the document of a folder that holds k8s.io/kubernetes.
func Generate(dir string) ([]byte, error) {
	files, err := filepath.Glob(filepath.Join(dir, "api", "openapi-spec", "v3", "*_openapi.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no OpenAPI files below %s: %w", dir, err)
	}
	models := map[string]*spec.Schema{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var description struct {
			Components struct {
				Schemas map[string]*spec.Schema `json:"schemas"`
			} `json:"components"`
		}
		if err := json.Unmarshal(text, &description); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for name, model := range description.Components.Schemas {
			models[name] = model
		}
	}
	converted, err := schemaconv.ToSchemaFromOpenAPI(models, false)
	if err != nil {
		return nil, err
	}
	document := typed.Document{Kinds: map[string]string{}, Types: map[string]json.RawMessage{}}
	for name, model := range models {
		kinds, _ := model.Extensions["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // DeleteOptions and the like
			continue
		}
		id, _ := kinds[0].(map[string]any)
		text := func(key string) string { s, _ := id[key].(string); return s }
		document.Kinds[typed.KindName(kindschema.GroupVersionKind{Group: text("group"), Version: text("version"), Kind: text("kind")})] = name
	}
	for _, t := range converted.Types {
		text, err := json.Marshal(typed.Encode(t.Atom))
		if err != nil {
			return nil, err
		}
		document.Types[t.Name] = text
	}
	return typed.Write(document)
}
