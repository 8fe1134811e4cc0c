// Package twin makes of an environment or a service that a repository has another one: its folders, and its entry wherever the
// first one has one. So it knows no layout but the one that it finds.
package twin

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// Wish is what is to be made.
type Wish struct {
	Like renaming.Name // the environment or the service to take after, and the name of the new one

	// Thin has the folders of an environment build on those that it takes after, instead of being copies of them.
	Thin bool

	// Without are environments that a service is not made for.
	Without []string
}

// Made is what comes of a wish.
type Made struct {
	Set    changeset.Set
	Copied map[string]string // by new path, the file that it takes after; "" for one that builds on it
	Wired  []string          // files that got an entry

	// Mentions are the places, as file:line of before, of further values that name the one that is taken after: a selector, or what
	// stands for itself. Whether they mean the new one too, somebody has to say.
	Mentions []string

	others []string // `images` entries that name an image of a component, by file and name
}

// Files are those of a repository.
type Files struct {
	FS     fs.FS
	Listed []string               // the paths of all that may be read and copied, sorted
	Root   func(name string) bool // whether a file, by its name without directories, is a kustomization
	Wired  []string               // further files that have entries, beside those below kustomizations
	Skip   func(name string) bool // files that are none of the manifests
	dirs   map[string]bool        // directories with a kustomization
}

// Make works a wish out.
func Make(files Files, wish Wish) (*Made, error) {
	if err := wish.Like.Check(); err != nil {
		return nil, err
	}
	files.dirs = map[string]bool{}
	for _, name := range files.Listed {
		if files.Root(path.Base(name)) {
			files.dirs[path.Dir(name)] = true
		}
	}
	m := &making{Files: files, Wish: wish, made: &Made{Copied: map[string]string{}}}
	folders := m.folders()
	if len(folders) == 0 {
		return nil, fmt.Errorf("there is no folder %s with a kustomization: --like names one that is there", wish.Like.Old)
	}
	for _, folder := range folders {
		if err := m.folder(folder); err != nil {
			return nil, err
		}
	}
	if len(m.made.Copied) == 0 {
		return nil, errors.New("nothing would be made: every environment is left out")
	}
	for _, name := range m.beside(folders) {
		if err := m.wire(name); err != nil {
			return nil, err
		}
	}
	return m.made, nil
}

type making struct {
	Files
	Wish
	made *Made
}

// folders are the directories that are called as what is taken after and hold a kustomization, the outermost of each.
func (m *making) folders() []string {
	var found []string
	for _, name := range m.Listed {
		if m.skipped(name) || !m.Root(path.Base(name)) {
			continue
		}
		parts := strings.Split(path.Dir(name), "/")
		if i := slices.Index(parts, m.Like.Old); i >= 0 {
			found = append(found, strings.Join(parts[:i+1], "/"))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func (m *making) skipped(name string) bool {
	return m.Skip != nil && m.Skip(name) || slices.Contains(strings.Split(name, "/"), "testdata")
}

// left reports whether a path is of an environment that is left out.
func (m *making) left(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return slices.Contains(m.Without, part) })
}

// folder makes a folder.
func (m *making) folder(dir string) error {
	to := path.Join(path.Dir(dir), m.Like.New)
	if m.left(dir) {
		return nil
	}
	if _, err := fs.Lstat(m.FS, to); err == nil {
		return fmt.Errorf("%s is there already: choose another name", to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parts := m.parts(dir)
	for _, name := range m.Listed {
		inside, ok := strings.CutPrefix(name, dir+"/")
		if !ok || m.Thin && (len(parts) == 0 || strings.Contains(inside, "/")) {
			continue // what builds on it has nothing of its own
		}
		names := strings.Split(inside, "/")
		for i := range names {
			names[i] = renaming.Replace(names[i], m.Like)
		}
		if err := m.copy(name, path.Join(append([]string{to}, names...)...)); err != nil {
			return err
		}
	}
	if m.Thin {
		m.onTop(to, parts)
	}
	return nil
}

// parts are the folders of an environment that are kustomizations.
func (m *making) parts(dir string) []string {
	var parts []string
	for below := range m.dirs {
		if inside, ok := strings.CutPrefix(below, dir+"/"); ok && !strings.Contains(inside, "/") {
			parts = append(parts, inside)
		}
	}
	slices.Sort(parts)
	return parts
}

// copy makes a file of another one.
func (m *making) copy(name, to string) error {
	file, err := changeset.Read(m.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is deleted, and not yet committed
	}
	if err != nil {
		return err
	}
	if !changeset.Binary(file.Text) {
		file.Text = []byte(renaming.Replace(string(file.Text), m.Like))
	}
	m.made.Set.Write(to, file)
	m.made.Copied[to] = name
	return nil
}

// onTop makes a folder for each part of an environment that builds on it. An environment without parts is one itself.
func (m *making) onTop(to string, parts []string) {
	up := "../../"
	if len(parts) == 0 {
		parts, up = []string{"."}, "../"
	}
	for _, part := range parts {
		name := path.Join(to, part, "kustomization.yaml")
		text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- " + path.Join(up, m.Like.Old, part) + "\n"
		m.made.Set.Write(name, changeset.File{Text: []byte(text)})
		m.made.Copied[name] = ""
	}
}

// beside are the files that may have an entry: manifests of the directories of kustomizations, outside of what is copied, and the
// further ones.
func (m *making) beside(folders []string) []string {
	var names []string
	for _, name := range m.Listed {
		extension := path.Ext(name)
		manifest := extension == ".yaml" || extension == ".yml"
		inFolder := slices.ContainsFunc(folders, func(dir string) bool { return strings.HasPrefix(name, dir+"/") })
		switch {
		case slices.Contains(m.Wired, name):
			names = append(names, name)
		case !manifest || inFolder || m.skipped(name) || m.left(path.Dir(name)):
		case m.governed(path.Dir(name)):
			names = append(names, name)
		}
	}
	return names
}

// governed reports whether a directory is at or below one with a kustomization.
func (m *making) governed(dir string) bool {
	for at := dir; ; at = path.Dir(at) {
		if m.dirs[at] {
			return true
		}
		if at == "." {
			return false
		}
	}
}

// wire gives a file the entries that it lacks. A file that is called as what is taken after gets a twin of its own.
func (m *making) wire(name string) error {
	file, err := changeset.Read(m.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if base := renaming.Replace(path.Base(name), m.Like); base != path.Base(name) && !slices.Contains(m.Wired, name) {
		if m.leftName(path.Base(name)) {
			return nil
		}
		to := path.Join(path.Dir(name), base)
		if _, err := fs.Lstat(m.FS, to); err == nil {
			return fmt.Errorf("%s is there already: choose another name", to)
		}
		return m.copy(name, to)
	}
	text, n, mentions, err := entries(name, string(file.Text), m.Like, m.leftName)
	if err != nil {
		return err
	}
	for _, line := range mentions {
		m.made.Mentions = append(m.made.Mentions, fmt.Sprintf("%s:%d", name, line))
	}
	if n == 0 {
		return nil
	}
	m.made.Set.Write(name, changeset.File{Text: []byte(text), Mode: file.Mode})
	m.made.Wired = append(m.made.Wired, name)
	return nil
}

// leftName reports whether a name or path has an environment that is left out.
func (m *making) leftName(text string) bool {
	return slices.ContainsFunc(m.Without, func(environment string) bool {
		return renaming.Names(text, renaming.Name{Kind: renaming.Environment, Old: environment, New: "x-" + environment})
	})
}
