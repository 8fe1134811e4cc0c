package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// A base is an object that mutants are made of.
type base struct {
	*manifest.Object
	from string
	must bool // the server has to admit it: it is of this repository
}

func (b base) kind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(b.APIVersion, b.Kind)
}

// module is a Go module that the embedded definitions were taken from.
type module struct {
	Module, Version string
	Files           []struct{ Path string }
	files           fs.FS
}

func modules(ctx context.Context, root string) ([]module, error) {
	text, err := os.ReadFile(filepath.Join(root, "tools/internal/admission/custom/bundle/sources.json"))
	if err != nil {
		return nil, err
	}
	var all []module
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read sources.json: %w", err)
	}
	for i, m := range all {
		c := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.Module+"@"+m.Version)
		c.Dir = os.TempDir() // outside of any module
		// It fails, with the archive in its answer, for a module that wants a newer Go: none is compiled here.
		out, failed := c.Output()
		var found struct{ Zip string }
		if err := json.Unmarshal(out, &found); err != nil || found.Zip == "" {
			return nil, fmt.Errorf("find %s %s: %w", m.Module, m.Version, errors.Join(failed, err))
		}
		archive, err := os.ReadFile(found.Zip)
		if err != nil {
			return nil, err
		}
		files, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", found.Zip, err)
		}
		if all[i].files, err = fs.Sub(files, m.Module+"@"+m.Version); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// definitions are the CustomResourceDefinitions of the modules as those publish them, by name.
func definitions(all []module) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, m := range all {
		for _, f := range m.Files {
			text, err := fs.ReadFile(m.files, f.Path)
			if err != nil {
				return nil, err
			}
			objects, err := read(f.Path, text)
			if err != nil {
				return nil, err
			}
			for _, o := range objects {
				// Of several releases the first judges.
				if _, later := found[o.Name]; o.Kind == "CustomResourceDefinition" && !later {
					found[o.Name] = o.JSON
				}
			}
		}
	}
	return found, nil
}

func read(file string, text []byte) ([]*manifest.Object, error) {
	documents, err := manifest.ParseDocuments(file, text)
	if err != nil {
		return nil, err
	}
	var all []*manifest.Object
	for _, d := range documents {
		objects, err := d.Objects()
		if err != nil {
			return nil, err
		}
		all = append(all, objects...)
	}
	return all, nil
}

// targets are what kgate renders here.
var targets = [...]string{"overlays/dev", "overlays/staging", "overlays/prod", "argocd"}

// samples are valid objects, of kinds of which there is none elsewhere.
const samples = "tools/conformance/samples"

// own are the objects of this repository, each content once. left says what the fixtures hold beside them.
func own(ctx context.Context, root string) (bases []base, left string, err error) {
	seen := map[string]bool{}
	add := func(from string, o *manifest.Object, must bool) {
		if !seen[string(o.JSON)] {
			seen[string(o.JSON)] = true
			bases = append(bases, base{o, from, must})
		}
	}
	files := os.DirFS(root)
	renderer := kustomization.New(files, nil)
	for _, target := range targets {
		result, err := renderer.Render(ctx, target)
		if err != nil {
			return nil, "", err
		}
		for _, o := range result.Objects {
			add(target, o, true)
		}
	}
	err = walk(files, samples, func(file string, text []byte) error {
		objects, err := read(file, text)
		for _, o := range objects {
			add(file, o, true)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	unreadable, unnamed := 0, 0
	err = fixtures(files, func(file string, text []byte) error {
		objects, err := read(file, text)
		if err != nil {
			unreadable++ // on purpose, or no manifest
			return nil
		}
		for _, o := range objects {
			if o.Name == "" || o.APIVersion == "" || o.Kind == "" {
				unnamed++ // nothing can be applied that has no address
				continue
			}
			if o, err = named(o); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			add(file, o, false)
		}
		return nil
	})
	return bases, fmt.Sprintf("%d that are no manifests, %d objects without a name or kind", unreadable, unnamed), err
}

// fixtures visits every YAML file below a testdata folder, those inside of test scripts too.
func fixtures(files fs.FS, visit func(file string, text []byte) error) error {
	return fs.WalkDir(files, "tools", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(file, "/testdata/") {
			return err
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		switch path.Ext(file) {
		case ".yaml":
			return visit(file, text)
		case ".txtar":
			for _, inner := range txtar.Parse(text).Files {
				if path.Ext(inner.Name) != ".yaml" {
					continue
				}
				if err := visit(file+"/"+inner.Name, inner.Data); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// named gives a fixture that is a template of names a name.
func named(o *manifest.Object) (*manifest.Object, error) {
	if o.Name != "NAME" {
		return o, nil
	}
	o.Value["metadata"].(map[string]any)["name"] = "name"
	text, err := json.Marshal(o.Value)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(text)
}

// published are the samples that the modules of the definitions carry, at most perKind of one kind and version, those
// with the most fields first. Some are written for other versions: what the server refuses is left out later.
func published(all []module, served map[schema.GroupVersionKind]resource, perKind int) ([]base, error) {
	found := map[schema.GroupVersionKind][]base{}
	seen := map[string]bool{}
	for _, m := range all {
		err := walk(m.files, ".", func(file string, text []byte) error {
			if !strings.Contains(file, "sample") && !strings.Contains(file, "example") {
				return nil
			}
			objects, err := read(file, text)
			if err != nil {
				return nil // templates and the like
			}
			for _, o := range objects {
				b := base{Object: o, from: m.Module + "/" + file}
				group := o.Group()
				if _, ok := served[b.kind()]; ok && strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io") && o.Name != "" && !seen[string(o.JSON)] {
					seen[string(o.JSON)] = true
					found[b.kind()] = append(found[b.kind()], b)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	var bases []base
	kinds := slices.SortedFunc(maps.Keys(found), func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) })
	for _, kind := range kinds {
		list := found[kind]
		slices.SortFunc(list, func(a, b base) int {
			return cmp.Or(cmp.Compare(len(b.JSON), len(a.JSON)), bytes.Compare(a.JSON, b.JSON))
		})
		bases = append(bases, list[:min(perKind, len(list))]...)
	}
	return bases, nil
}

// versions are objects of the versions that the server serves and of which there is none: those of another version of the
// kind, said to be of this one. A few fields may differ: what the server refuses is left out later.
func versions(bases []base, served map[schema.GroupVersionKind]resource) ([]base, error) {
	have := map[schema.GroupVersionKind]bool{}
	byKind := map[schema.GroupKind][]base{}
	for _, b := range bases {
		have[b.kind()] = true
		byKind[b.kind().GroupKind()] = append(byKind[b.kind().GroupKind()], b)
	}
	var others []base
	for _, kind := range slices.SortedFunc(maps.Keys(served), func(a, b schema.GroupVersionKind) int { return strings.Compare(a.String(), b.String()) }) {
		if have[kind] {
			continue
		}
		for _, b := range byKind[kind.GroupKind()] {
			value := maps.Clone(b.Value)
			value["apiVersion"] = kind.GroupVersion().String()
			text, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			o, err := manifest.Decode(text)
			if err != nil {
				return nil, err
			}
			others = append(others, base{Object: o, from: b.from + " as " + kind.Version})
		}
	}
	return others, nil
}

func walk(files fs.FS, dir string, visit func(file string, text []byte) error) error {
	return fs.WalkDir(files, dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) != ".yaml" {
			return err
		}
		text, err := fs.ReadFile(files, file)
		if err == nil {
			err = visit(file, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return nil
	})
}
