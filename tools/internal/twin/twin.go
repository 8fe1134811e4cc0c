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

	"go.yaml.in/yaml/v3"

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

	// Further has the new service, which is there already, come to the environments that are not left out: what is of no environment
	// stays as it is.
	Further bool
}

// Made is what comes of a wish.
type Made struct {
	Set    changeset.Set
	Copied map[string]string // by new path, the file that it takes after; "" for one that builds on it
	Wired  []string          // files that got an entry
	Given  map[string][]int  // of such a file, the lines on which its new entries begin

	// Mentions are the places of further values that name the one that is taken after: a selector, or what stands for itself. Whether
	// they mean the new one too, somebody has to say.
	Mentions []Mention

	others  []string // `images` entries that name an image of a component, by file and name
	further bool     // as the wish has it
}

// Mention is a line of a file, as it is and as it is once everything is written.
type Mention struct {
	File    string
	Was, Is int
}

// Files are those of a repository.
type Files struct {
	FS     fs.FS
	Listed []string               // the paths of all that may be read and copied, sorted
	Root   func(name string) bool // whether a file, by its name without directories, is a kustomization
	Wired  []string               // further files that have entries, beside those below kustomizations
	Skip   func(name string) bool // files that are none of the manifests

	// Environment is the one that a directory is a target of, or ""; nil where no environments are known. Manifests of such a
	// directory are the environment's without a kustomization too.
	Environment func(dir string) string

	// Environments are the names of all, so that prod-eu is not taken for prod.
	Environments []string

	dirs map[string]bool // directories with a kustomization
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
	m := &making{Files: files, Wish: wish, made: &Made{Copied: map[string]string{}, Given: map[string][]int{}, further: wish.Further}}
	m.findDeployers()
	folders := m.folders()
	if len(folders) == 0 {
		return nil, m.noFolder()
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
	made      *Made
	deployers map[string]bool // files
}

// noFolder says that nothing is called as what is to be taken after.
func (m *making) noFolder() error {
	if m.Like.Kind == renaming.Service {
		return fmt.Errorf("there is no folder %s with a kustomization: a service is made after the folders that are called as it, as base/%s and overlays/prod/%s", m.Like.Old, m.Like.Old, m.Like.Old)
	}
	return fmt.Errorf("there is no folder %s with a kustomization, or with manifests that are a target of the environment: one is made after the folders that are called as it, as overlays/%s", m.Like.Old, m.Like.Old)
}

// folders are the directories that are called as what is taken after and hold a kustomization, or manifests that are a target of
// it, the outermost of each.
func (m *making) folders() []string {
	var found []string
	for _, name := range m.Listed {
		if m.skipped(name) || !m.Root(path.Base(name)) && !m.plain(name) {
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

// plain reports a manifest of a directory that is a target of the environment that is taken after.
func (m *making) plain(name string) bool {
	return m.Like.Kind == renaming.Environment && m.Environment != nil && isManifest(name) && m.Environment(path.Dir(name)) == m.Like.Old
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
	if _, err := fs.Lstat(m.FS, to); err == nil && !m.Further {
		return fmt.Errorf("%s is there already: choose another name", to)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parts := m.parts(dir)
	// What has a controller deploy the environment names its folders, so a region has one of its own.
	copied := func(inside string) bool {
		part, _, below := strings.Cut(inside, "/")
		switch {
		case !m.Thin:
			return true
		case len(parts) == 0:
			return m.deploysIn(dir)
		}
		return !below || m.deploysIn(path.Join(dir, part))
	}
	if m.Thin && len(parts) == 0 && !m.dirs[dir] && !m.deploysIn(dir) {
		return fmt.Errorf("%s has no kustomization that a region could build on: write one, or make an environment", dir)
	}
	for _, name := range m.Listed {
		inside, ok := strings.CutPrefix(name, dir+"/")
		if !ok || !copied(inside) || m.left(path.Dir(name)) || m.Further && !m.concerned(name) {
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
	if m.Thin && (len(parts) > 0 || !m.deploysIn(dir)) {
		m.onTop(to, slices.DeleteFunc(slices.Clone(parts), func(part string) bool { return m.deploysIn(path.Join(dir, part)) }), len(parts) == 0)
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
		text := []byte(renaming.Replace(string(file.Text), m.Like))
		if m.Like.Kind == renaming.Service && path.Ext(name) == ".json" {
			text = dashboard(file.Text, text, m.Like)
		}
		file.Text = text
	}
	m.made.Set.Write(to, file)
	m.made.Copied[to] = name
	return nil
}

// onTop makes a folder for each part of an environment that builds on it. An environment without parts is one itself.
func (m *making) onTop(to string, parts []string, whole bool) {
	up := "../../"
	if whole {
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
		case m.governed(path.Dir(name)), m.deployers[name]:
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
		if m.leftName(path.Base(name)) || m.Further && !m.concerned(name) {
			return nil
		}
		to := path.Join(path.Dir(name), base)
		if _, err := fs.Lstat(m.FS, to); err == nil {
			return fmt.Errorf("%s is there already: choose another name", to)
		}
		return m.copy(name, to)
	}
	var upon []int // lines by which another environment builds on the one that is taken after
	text, given, mentions, pushed, err := entriesOf(name, string(file.Text), m.Like, m.leftName, func(entry *yaml.Node) bool {
		if m.buildsOn(name, entry) {
			upon = append(upon, entry.Line)
			return false
		}
		return !m.Further || m.concerned(name) || m.concernedEntry(entry)
	})
	if err != nil {
		return err
	}
	for _, line := range mentions {
		if slices.Contains(upon, line) || m.Further && !m.concerned(name) {
			continue
		}
		m.made.Mentions = append(m.made.Mentions, Mention{name, line, pushed(line)})
	}
	if len(given) == 0 {
		return nil
	}
	m.made.Set.Write(name, changeset.File{Text: []byte(text), Mode: file.Mode})
	m.made.Wired = append(m.made.Wired, name)
	m.made.Given[name] = given
	return nil
}

// buildsOn reports an entry by which a kustomization of another environment, a region, builds on the one that is taken after.
func (m *making) buildsOn(name string, entry *yaml.Node) bool {
	if m.Like.Kind != renaming.Environment || m.Environment == nil || entry.Kind != yaml.ScalarNode || !m.Root(path.Base(name)) {
		return false
	}
	of := m.Environment(path.Dir(name))
	return of != "" && of != m.Like.Old && m.dirs[path.Join(path.Dir(name), entry.Value)]
}

// longer reports a text that names what is taken after only as a part of the name of another environment, as prod-eu has prod.
func (m *making) longer(text string) bool {
	rest := text
	for _, name := range m.Environments {
		if name != m.Like.Old && renaming.Names(name, m.Like) {
			rest = strings.ReplaceAll(rest, name, "")
		}
	}
	return rest != text && !renaming.Names(rest, m.Like)
}

// leftName reports whether a name or path has an environment that is left out.
func (m *making) leftName(text string) bool {
	if m.Like.Kind == renaming.Environment && m.longer(text) {
		return true
	}
	return slices.ContainsFunc(m.Without, func(environment string) bool { return m.names(text, environment) })
}

// names reports whether a text names an environment, and not another one whose name is longer.
func (m *making) names(text, environment string) bool {
	is := renaming.Name{Kind: renaming.Environment, Old: environment, New: "x-" + environment}
	for _, other := range m.Environments {
		if other != environment && renaming.Names(other, is) {
			text = strings.ReplaceAll(text, other, "")
		}
	}
	return renaming.Names(text, is)
}

// concerned reports whether a file is one of an environment that is not left out.
func (m *making) concerned(name string) bool {
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), m.wanted) || m.Environment != nil && m.wanted(m.Environment(path.Dir(name))) ||
		slices.ContainsFunc(m.Environments, func(e string) bool { return m.wanted(e) && m.names(path.Base(name), e) })
}

// concernedEntry reports whether an entry names an environment that is not left out.
func (m *making) concernedEntry(entry *yaml.Node) bool {
	found := false
	visit(entry, func(n *yaml.Node) {
		found = found || n.Kind == yaml.ScalarNode && slices.ContainsFunc(m.Environments, func(e string) bool { return m.wanted(e) && m.names(n.Value, e) })
	})
	return found
}

func (m *making) wanted(environment string) bool {
	return slices.Contains(m.Environments, environment) && !slices.Contains(m.Without, environment)
}
