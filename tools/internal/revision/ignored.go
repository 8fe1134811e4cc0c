package revision

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// ignored are the paths of a working tree that git ignores: what .gitignore files of the tree and .git/info/exclude say, of paths that
// git does not know. What a user ignores in every repository is not asked: it is of no repository.
type ignored struct {
	top      string // the working tree's
	exclude  string // the file .git/info/exclude
	known    map[string]bool
	patterns map[string][]gitignore.Pattern // by directory: those that hold in it, the weakest first
}

// ignored are the paths that git ignores where the tree's repository is checked out.
func (t *Tree) ignored() *ignored {
	i := &ignored{top: t.repository.dir, exclude: filepath.Join(t.repository.common, "info", "exclude"), known: map[string]bool{}, patterns: map[string][]gitignore.Pattern{}}
	if t.stamps != nil {
		for name := range t.stamps.entries {
			for ; !i.known[name]; name = path.Dir(name) {
				i.known[name] = true
			}
		}
	}
	return i
}

// has reports whether git ignores a path, relative to the top of the working tree.
func (i *ignored) has(name string, isDir bool) bool {
	if i.known[name] {
		return false
	}
	// What is in a directory that is ignored is ignored, whatever patterns say of it.
	steps := strings.Split(name, "/")
	for n := range steps {
		last := n == len(steps)-1
		holding := gitignore.NewMatcher(i.in(path.Join(steps[:n]...)))
		if holding.Match(steps[:n+1], isDir || !last) {
			return true
		}
	}
	return false
}

// in are the patterns that hold in a directory, "" for the top.
func (i *ignored) in(dir string) []gitignore.Pattern {
	if found, ok := i.patterns[dir]; ok {
		return found
	}
	var all []gitignore.Pattern
	var domain []string
	if dir == "" {
		all = read(i.exclude, nil)
	} else {
		all = i.in(strings.TrimPrefix(path.Dir(dir), "."))
		domain = strings.Split(dir, "/")
	}
	all = append(all[:len(all):len(all)], read(filepath.Join(i.top, filepath.FromSlash(dir), ".gitignore"), domain)...)
	i.patterns[dir] = all
	return all
}

// read are the patterns of a file. git does not follow a link there, and one that cannot be read ignores nothing.
func read(file string, domain []string) []gitignore.Pattern {
	const most = 256 << 10
	if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	text, err := pointerOf(file, most)
	if err != nil {
		return nil
	}
	var patterns []gitignore.Pattern
	for _, line := range IgnoreLines(text, domain) {
		patterns = append(patterns, line.pattern)
	}
	return patterns
}

// IgnoreLine is a line of a file that is written as .gitignore is.
type IgnoreLine struct {
	Number int // from 1
	Text   string

	pattern gitignore.Pattern
}

// IgnoreLines are those of a text that say something of paths, for the directory that the text is of, by its parts.
func IgnoreLines(text string, domain []string) []IgnoreLine {
	var all []IgnoreLine
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSuffix(line, "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		all = append(all, IgnoreLine{number, strings.TrimSpace(line), gitignore.ParsePattern(line, domain)})
	}
	return all
}

// Says reports whether the line is about a file, by the parts of its path, and whether the line ignores it or takes it in again.
func (l IgnoreLine) Says(file []string) (about, ignores bool) {
	said := l.pattern.Match(file, false)
	return said != gitignore.NoMatch, said == gitignore.Exclude
}
