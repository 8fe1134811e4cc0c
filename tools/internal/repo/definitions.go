package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Given is an entry of `crds`: files, directories or globs of CustomResourceDefinitions that hold although no target renders
// them.
type Given struct {
	Path   string
	Source manifest.Position
}

// DefinitionFile is a file that an entry of `crds` or of --crds names.
type DefinitionFile struct {
	FS     fs.FS
	Path   string // in FS
	Name   string // as messages call it
	By     string // the entry, as messages call it
	Within bool   // the repository has it, under Name
}

// DefinitionFiles are the files that `crds` names, and then those of more paths, as the operating system names them. Inside the
// repository they are those of the revision whose configuration holds: what a change adds there says nothing of a cluster
// until it is merged.
func (r *Repo) DefinitionFiles(more []string) ([]DefinitionFile, error) {
	var all []DefinitionFile
	take := func(root fs.FS, name, by, under string, within bool) {
		shown := name
		if under != "" {
			shown = path.Join(filepath.ToSlash(under), name)
		}
		if !slices.ContainsFunc(all, func(f DefinitionFile) bool { return f.Name == shown }) {
			all = append(all, DefinitionFile{root, name, shown, by, within})
		}
	}
	tree, in := r.FS, ""
	if r.Base != nil {
		tree, in = r.Base.FS, " of "+r.Base.Name()
	}
	inside := func(pattern, by string) error {
		names, err := definitionFiles(tree, pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if InGit(name) || InGit(r.real(name)) {
				return errors.New("leads into .git, which holds no definitions: write files, directories or globs beside it")
			}
			take(tree, name, by, "", true)
		}
		return nil
	}
	for _, entry := range r.Config.CRDs {
		if err := inside(path.Clean(entry.Path), "`crds` in "+entry.Source.String()); err != nil {
			return nil, &manifest.SyntaxError{Position: entry.Source, Message: fmt.Sprintf("crds: %s%s %s", entry.Path, in, err)}
		}
	}
	// within is a path of the operating system as the repository has it.
	within := func(name string) (string, bool) {
		relative, err := filepath.Rel(r.Dir, name)
		return filepath.ToSlash(relative), r.Dir != "" && err == nil && filepath.IsLocal(relative)
	}
	for _, given := range more {
		by := "--crds " + given
		base, pattern, err := splitGiven(given)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", by, err)
		}
		if relative, ok := within(filepath.Join(base, filepath.FromSlash(pattern))); ok {
			if err := inside(relative, by); err != nil {
				return nil, fmt.Errorf("%s%s %w", by, in, err)
			}
			continue
		}
		names, err := definitionFiles(os.DirFS(base), pattern)
		if err != nil {
			return nil, fmt.Errorf("%s %w", by, err)
		}
		for _, name := range names {
			// A pattern that begins above the repository may lead into it.
			relative, ok := within(filepath.Join(base, filepath.FromSlash(name)))
			if !ok {
				take(os.DirFS(base), name, by, base, false)
			} else if _, err := fs.Stat(tree, relative); err == nil && !InGit(relative) {
				take(tree, relative, by, "", true)
			}
		}
	}
	return all, nil
}

// InGit reports a path in git's own folder, on whatever file system.
func InGit(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.EqualFold(part, ".git") })
}

// splitGiven parts a path of the command line into a directory that is there and a pattern below it.
func splitGiven(given string) (base, pattern string, err error) {
	slashed := filepath.ToSlash(given)
	if strings.ContainsAny(slashed, `*?[{`) {
		if !doublestar.ValidatePattern(slashed) {
			return "", "", fmt.Errorf("it is no valid pattern")
		}
		if reason := costly(slashed); reason != "" {
			return "", "", fmt.Errorf("the pattern %s: write several patterns, or a shorter one", reason)
		}
		base, pattern = doublestar.SplitPattern(slashed)
	} else {
		base, pattern = path.Split(path.Clean(slashed))
		base = path.Clean(base)
	}
	if base, err = Resolve(filepath.FromSlash(base)); err != nil {
		return "", "", err
	}
	if pattern == ".." || pattern == "." || pattern == "" {
		if base, err = Resolve(given); err != nil {
			return "", "", err
		}
		pattern = "."
	}
	return base, pattern, nil
}

// definitionFiles lists the files that a pattern names, and the manifests of directories that it names, sorted. A link is
// followed where a pattern without wildcards names it, and nowhere else.
func definitionFiles(root fs.FS, pattern string) ([]string, error) {
	var found []string
	visits := 0
	walk := func(top string, all func(name string, dir bool) bool) error {
		var taken []string // directories of which everything counts
		err := fs.WalkDir(root, top, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if visits++; visits > maxGlobVisits {
				return fmt.Errorf("looks at more than %d files: write a pattern that begins with the name of a directory", maxGlobVisits)
			}
			if entry.IsDir() && name != top && PassedOver(name) {
				return fs.SkipDir
			}
			inside := slices.ContainsFunc(taken, func(dir string) bool { return dir == "." || strings.HasPrefix(name, dir+"/") })
			switch named := inside || all(name, entry.IsDir()); {
			case !named:
			case entry.IsDir():
				taken = append(taken, name)
			case IsManifestFile(name) && entry.Type().IsRegular():
				found = append(found, name)
			}
			return nil
		})
		return err
	}
	var err error
	if !strings.ContainsAny(pattern, `*?[{\`) {
		info, statErr := fs.Stat(root, pattern)
		switch {
		case statErr != nil:
		case info.IsDir():
			err = walk(pattern, func(string, bool) bool { return true })
		default:
			found = []string{pattern}
		}
	} else {
		base, _ := doublestar.SplitPattern(pattern)
		if _, statErr := fs.Stat(root, base); statErr == nil {
			err = walk(base, func(name string, _ bool) bool { return doublestar.MatchUnvalidated(pattern, name) })
		}
	}
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("names no file: write files, directories or globs of CustomResourceDefinitions, or take it out")
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}
