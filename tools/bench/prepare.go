package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/relation"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// plan is what both sides are held to.
type plan struct {
	Minors     []string // Kubernetes versions
	Rules      int      // of object and overlay scope: three overlays are not the whole repository
	Namespaces []string // packages of the object rules
	Overlays   []expectation
}

// expectation is what a side that really did the work says of an overlay.
type expectation struct {
	Objects int
	Denials []string // of object rules, before exemptions, sorted
}

// What prepare writes, in the directory that it is given.
const (
	planFile       = "plan.json"
	schemasDir     = "schemas"
	schemaTemplate = "{{ .ResourceKind }}_{{ .Group }}_{{ .ResourceAPIVersion }}.json"
	rulesDir       = "rules"
	relationsFile  = "relations.yaml"
)

// prepare writes the schemas of every kind that the overlays have, as kgate carries them; the object rules with
// what they share; and the plan.
func prepare(ctx context.Context, args []string) (err error) {
	if len(args) != 1 {
		return errors.New("prepare takes one directory")
	}
	dir := args[0]
	repository, err := repo.Open(".")
	if err != nil {
		return err
	}
	var p plan
	for _, v := range repository.Config.KubernetesVersions {
		p.Minors = append(p.Minors, v.Text)
	}
	if len(p.Minors) == 0 {
		all := schema.Versions()
		p.Minors = all[len(all)-1:]
	}
	library, err := policy.Load(ctx, gate.BuiltinRules())
	if err != nil {
		return err
	}
	if p.Namespaces, err = writeRules(filepath.Join(dir, rulesDir), library); err != nil {
		return err
	}
	if err := write(filepath.Join(dir, relationsFile), relation.YAML()); err != nil {
		return err
	}
	packages := map[string]string{} // of the object rules, by name
	for _, rule := range library.Rules {
		if rule.Scope != check.Repository {
			p.Rules++
		}
		if rule.Scope == check.Object {
			packages[rule.Name] = rule.Package
		}
	}
	g, err := gate.Open(ctx, repository, gate.Options{Targets: overlays, Checks: slices.Sorted(maps.Keys(packages))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	for _, overlay := range overlays {
		target, err := g.Render(ctx, overlay)
		if err != nil {
			return err
		}
		objects := target.Objects
		findings, failed := g.Judge(ctx, target)
		if len(failed) > 0 {
			return failed[0].Err
		}
		want := expectation{Objects: len(objects), Denials: []string{}}
		for _, f := range findings {
			want.Denials = append(want.Denials, denial(packages[f.Check], f.Message))
		}
		slices.Sort(want.Denials)
		p.Overlays = append(p.Overlays, want)
		if err := writeSchemas(filepath.Join(dir, schemasDir), p.Minors, objects); err != nil {
			return err
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, planFile), text, 0o600)
}

// writeRules leaves out the tests and the rules that conftest cannot give an input to.
func writeRules(dir string, library *policy.Library) ([]string, error) {
	var namespaces []string
	files := map[string]bool{} // of rules: whether it is wanted
	for _, rule := range library.Rules {
		name := strings.TrimPrefix(rule.File, "policies/")
		files[name] = rule.Scope == check.Object
		if files[name] {
			namespaces = append(namespaces, rule.Package)
		}
	}
	return namespaces, fs.WalkDir(policies.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		wanted, rule := files[name]
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".rego" || strings.HasSuffix(name, "_test.rego") || rule && !wanted {
			return err
		}
		text, err := fs.ReadFile(policies.FS, name)
		if err != nil {
			return err
		}
		return write(filepath.Join(dir, name), text)
	})
}

func writeSchemas(dir string, minors []string, objects []*manifest.Object) error {
	for _, minor := range minors {
		for _, object := range objects {
			group, version, ok := strings.Cut(object.APIVersion, "/")
			if !ok {
				version = group // as kubeconform fills in its template
			}
			name := filepath.Join(dir, minor, fmt.Sprintf("%s_%s_%s.json", strings.ToLower(object.Kind), group, version))
			if _, err := os.Stat(name); err == nil {
				continue
			}
			text, err := schema.Document(object.APIVersion, object.Kind, minor)
			if err != nil {
				return err
			}
			if err := write(name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}
