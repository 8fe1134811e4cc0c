package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Selection is what the globs of targets come to.
type Selection struct {
	Targets []string // in the order of the globs, and of promotion below each
	LeftOut []string // that globs name and `unread` takes out
	Empty   []string // directories that globs name and that hold nothing to check
}

// Select finds the targets that kgate.yaml names: the directories that its globs name and that hold a
// kustomization or manifests. A directory of which nobody can say what it holds is a target too, whose rendering says
// why. A glob that names none, or leaves out none, is an error, so that a renamed folder is not skipped in silence.
func (r *Repo) Select(ctx context.Context) (Selection, error) {
	selection, idle, err := r.choose(ctx)
	if err == nil {
		err = errors.Join(idle...)
	}
	if err == nil && len(selection.Targets) == 0 {
		err = fmt.Errorf("%s: `unread` and `targets` leave no target to check", ConfigFile)
	}
	if err != nil {
		return Selection{}, err
	}
	return selection, nil
}

// SelectLeft is Select where targets may be gone, as in a commit behind that of the configuration.
func (r *Repo) SelectLeft(ctx context.Context) (Selection, error) {
	selection, _, err := r.choose(ctx)
	return selection, err
}

// choose finds the targets; idle are the errors of globs that name none, or leave out none.
func (r *Repo) choose(ctx context.Context) (selection Selection, idle []error, err error) {
	var errs []error
	excluding := make([]bool, len(r.Config.NoTargets))
	excluded := func(dir string) (is bool) {
		for i, glob := range r.Config.NoTargets {
			if Matches(glob, dir) {
				excluding[i], is = true, true
			}
		}
		return is
	}
	for _, glob := range r.Config.Targets {
		found, err := Directories(ctx, r.FS, glob)
		if err != nil {
			errs = append(errs, fmt.Errorf("find targets %s: %w", glob, err))
			continue
		}
		slices.SortFunc(found, ByPromotion)
		named := false
		var out []string // what there is and an exclusion leaves out
		for _, dir := range found {
			if excluded(dir) {
				out = append(out, dir)
				continue
			}
			what, err := r.holds(ctx, dir)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("find targets %s: %w", glob, err))
			case what == nothing && !hidden(dir):
				selection.Empty = appendNew(selection.Empty, dir)
			case what != something || hidden(dir) && !hidden(glob):
			case slices.ContainsFunc(r.Config.Unread, func(u Unread) bool { return u.Covers(dir) }):
				named, selection.LeftOut = true, appendNew(selection.LeftOut, dir)
			default:
				named, selection.Targets = true, appendNew(selection.Targets, r.real(dir))
			}
		}
		if err := ctx.Err(); err != nil {
			return Selection{}, nil, err
		}
		if !named && err == nil {
			why := r.nothingLeft(ctx, glob, out)
			if why == nil {
				why = r.nowhere(ctx, glob)
			}
			idle = append(idle, r.Config.atTarget(glob, why))
		}
	}
	for i, glob := range r.Config.NoTargets {
		if !excluding[i] {
			idle = append(idle, r.Config.atTarget("!"+glob, fmt.Errorf("!%s leaves out nothing that `targets` in %s names: correct or delete it", glob, ConfigFile)))
		}
	}
	return selection, idle, errors.Join(errs...)
}

// atTarget is an error of an entry of `targets`, with its line where that is known.
func (c *Config) atTarget(entry string, err error) error {
	if at, ok := c.TargetSources[entry]; ok {
		return &manifest.SyntaxError{Position: at, Message: err.Error()}
	}
	return err
}

// nothingLeft is the error of a glob of whose targets exclusions leave none; nil where it has none without them either.
func (r *Repo) nothingLeft(ctx context.Context, glob string, out []string) error {
	var by []string
	for _, dir := range out {
		what, err := r.holds(ctx, dir)
		if err != nil || what != something {
			continue
		}
		for _, exclusion := range r.Config.NoTargets {
			if Matches(exclusion, dir) {
				by = appendNew(by, "!"+exclusion)
			}
		}
	}
	if by == nil {
		return nil
	}
	return fmt.Errorf("%s leaves nothing of %s: correct one of them, or delete both; what no run has to check belongs under `unread` in %s", strings.Join(by, ", "), glob, ConfigFile)
}

// nowhere is the error of a glob that names no target, with a way out.
func (r *Repo) nowhere(ctx context.Context, glob string) error {
	const most = 5
	way := "name targets on the command line, or correct `targets` in " + ConfigFile + ", or leave them out: then kgate finds them"
	if roots, err := r.Roots(ctx); err == nil && len(roots) > 0 {
		said := strings.Join(roots[:min(len(roots), most)], ", ")
		if more := len(roots) - most; more > 0 {
			said += fmt.Sprintf(" and %d more", more)
		}
		way += "; there are kustomizations in " + said
	}
	return fmt.Errorf("no kustomization and no manifest in %s: %s", glob, way)
}

// real is a directory as it is called without links, which is how everything else speaks of it. One that leads nowhere,
// or out, keeps its name: rendering says what is wrong with it.
func (r *Repo) real(dir string) string {
	if r.Dir == "" {
		return dir
	}
	at, err := filepath.EvalSymlinks(filepath.Join(r.Dir, filepath.FromSlash(dir)))
	if err != nil {
		return dir
	}
	name, err := filepath.Rel(r.Dir, at)
	if err != nil || !filepath.IsLocal(name) {
		return dir
	}
	return filepath.ToSlash(name)
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func hidden(name string) bool {
	base := path.Base(name)
	return base != "." && strings.HasPrefix(base, ".")
}

// PassedOver reports whether a walk through the repository leaves a directory out, with everything below it.
func PassedOver(dir string) bool { return hidden(dir) || path.Base(dir) == "node_modules" }

// IsKustomizationFile reports whether Kustomize takes a file of this name for a kustomization.
func IsKustomizationFile(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), name)
}

// IsManifestFile reports whether a file of this name may hold manifests.
func IsManifestFile(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) && !IsKustomizationFile(path.Base(name)) && name != ConfigFile && name != BaselineFile
}

// holding is what there is to check in a directory.
type holding int

const (
	nothing   holding = iota // and in none below it
	elsewhere                // it is no directory, or only groups roots
	something
)

// holds looks into a path that a glob of targets names.
func (r *Repo) holds(ctx context.Context, dir string) (holding, error) {
	info, err := fs.Stat(r.FS, dir)
	if err != nil {
		return something, nil // a link that leads nowhere, or out: rendering says so
	}
	if !info.IsDir() {
		return elsewhere, nil
	}
	entries, err := fs.ReadDir(r.FS, dir)
	if err != nil {
		return something, nil
	}
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return IsKustomizationFile(e.Name()) }) {
		return something, nil
	}
	what := nothing
	err = Walk(ctx, r.FS, dir, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if p == dir {
				return nil
			}
			if PassedOver(p) || r.HoldsCopies(p) {
				return fs.SkipDir
			}
			below, err := fs.ReadDir(r.FS, p)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(below, func(e fs.DirEntry) bool { return IsKustomizationFile(e.Name()) }) {
				what = max(what, elsewhere)
				return fs.SkipDir
			}
			return nil
		}
		if IsManifestFile(p) && r.holdsObject(p) {
			what = something
			return fs.SkipAll
		}
		return nil
	})
	return what, err
}

// holdsObject reports whether a file has a Kubernetes object, or cannot be read so that somebody could tell.
func (r *Repo) holdsObject(name string) bool {
	info, err := fs.Stat(r.FS, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > manifest.MaxFileSize {
		return true
	}
	data, err := fs.ReadFile(r.FS, name)
	if err != nil {
		return true
	}
	documents, err := manifest.ParseDocuments(name, data)
	return err != nil || slices.ContainsFunc(documents, func(d manifest.Document) bool { return IsObject(d) })
}

// IsObject reports whether a document says of itself that it is a Kubernetes object, or a list of some. It goes by the
// decoder that kubectl and Argo CD have.
func IsObject(d manifest.Document) bool {
	text, err := d.JSON()
	if err != nil {
		return true
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return false
	}
	return object["apiVersion"] != nil && object["kind"] != nil
}
