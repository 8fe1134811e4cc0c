package kustomization

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// mentions is what is known of the files that targets may read as resources.
type mentions struct {
	entries cache.Cache[string, entries]         // by directory
	files   cache.Cache[mentionedIn, bool]       // whether a file holds a word
	targets cache.Cache[targetMention, []string] // the files of a target that hold a word
}

type (
	mentionedIn   struct{ file, word string }
	targetMention struct{ target, word string }
)

// entries are the files and directories that a kustomization takes resources from.
type entries struct{ files, dirs []string }

// Mentions reports whether a file from which a target may take resources holds all of some words, such as an object's kind. It
// renders nothing: a target without the words has no such object, one with them may have it. Files are searched for the first
// word once.
func (r *Renderer) Mentions(target, word string, more ...string) bool {
	return slices.ContainsFunc(r.mentioning(target, word), func(file string) bool {
		return !slices.ContainsFunc(more, func(word string) bool { return !r.holds(file, word) })
	})
}

// Mentioned are those of some words that a file holds from which one of some targets may take resources.
func (r *Renderer) Mentioned(ctx context.Context, targets, words []string) []string {
	missing, read := slices.Clone(words), map[string]bool{}
	for _, target := range targets {
		for _, file := range r.Sources(target) {
			if ctx.Err() != nil || len(missing) == 0 {
				return without(words, missing)
			}
			if read[file] {
				continue
			}
			read[file] = true
			if text, err := r.store.read(file); err == nil {
				missing = slices.DeleteFunc(missing, func(word string) bool { return bytes.Contains(text, []byte(word)) })
			}
		}
	}
	return without(words, missing)
}

func without(words, others []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(word string) bool { return slices.Contains(others, word) })
}

// Searched reports whether Mentions would find a word in a file of a target.
func (r *Renderer) Searched(target, word, file string) bool {
	return slices.Contains(r.mentioning(target, word), file)
}

// mentioning are the files of a target that hold a word.
func (r *Renderer) mentioning(target, word string) []string {
	files, _ := r.mentions.targets.Get(targetMention{target, word}, func() ([]string, error) {
		return slices.DeleteFunc(r.Sources(target), func(file string) bool { return !r.holds(file, word) }), nil
	})
	return files
}

func (r *Renderer) holds(file, word string) bool {
	found, _ := r.mentions.files.Get(mentionedIn{file, word}, func() (bool, error) {
		text, err := r.store.read(file)
		return err == nil && bytes.Contains(text, []byte(word)), nil
	})
	return found
}

// Sources are the files that a target may take resources from, as far as they can be had: rendering says what is wrong.
func (r *Renderer) Sources(target string) []string {
	if releases := r.releases(target); releases != nil {
		return r.sourcesOf(releases)
	}
	files := NewFiles(r.store)
	name, err := files.resolve(clean(target))
	if err != nil {
		return nil
	}
	if info, err := files.stat(name); err != nil || !info.IsDir() {
		return []string{name}
	}
	if files.Kustomization(name) == "" {
		names, _, _ := manifestFiles(files, name, r.directory(name))
		return names
	}
	var found []string
	seen := map[string]bool{}
	for todo := []string{name}; len(todo) > 0 && len(seen) < maxLayers; {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		below, _ := r.mentions.entries.Get(dir, func() (entries, error) { return entriesOf(files, dir), nil })
		found, todo = append(found, below.files...), append(todo, below.dirs...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func entriesOf(files *Files, dir string) entries {
	var found entries
	kustomization := files.Kustomization(dir)
	documents, err := files.Documents(kustomization)
	if _, unread := files.ReadFile(kustomization); unread != nil {
		return found
	}
	found.files = append(found.files, kustomization) // of which generators are, and patches
	if err != nil || len(documents) == 0 {
		return found
	}
	var names []string
	for i, content := 0, manifest.Plain(documents[0].Node).Content; i+1 < len(content); i += 2 {
		if slices.ContainsFunc([]string{"resources", "bases", "components"}, func(field string) bool { return strings.EqualFold(field, content[i].Value) }) {
			for _, entry := range content[i+1].Content {
				names = append(names, entry.Value)
			}
		}
	}
	for _, entry := range names {
		name, err := files.resolve(clean(path.Join(dir, entry)))
		if err != nil {
			continue // it is remote, or nowhere
		}
		if files.IsDir(name) {
			found.dirs = append(found.dirs, name)
		} else {
			found.files = append(found.files, name)
		}
	}
	return found
}
