package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// Base is a git revision whose kgate.yaml, rules and exemptions a run goes by. What a change says of itself is not asked.
type Base struct {
	Revision string // as it was asked for
	Commit   string
	FS       fs.FS  // the repository as it was then, from the directory where kgate takes it to begin
	Missing  bool   // it has no kgate.yaml
	File     string // how messages call its kgate.yaml: as it is called, where the working tree has the same text
	Own      Config // what the working tree's kgate.yaml says, and does not apply
	OwnErr   error  // why it cannot be read

	text []byte
	git  string // the directory with .git
	tree *revision.Tree
}

// OpenAt is Open with the configuration of a revision. Where the repository begins is what the revision says too: a change
// cannot move it with a kgate.yaml of its own. objects are folders of git's objects besides those of the repository.
func OpenAt(ctx context.Context, dir, name string, objects ...string) (*Repo, error) {
	found, err := find(dir)
	if err != nil {
		return nil, err
	}
	attempt := func(err error) error { return fmt.Errorf("--config-from %q: %w", name, err) }
	if found.git == "" {
		return nil, attempt(fmt.Errorf("%s lies in no git repository: run kgate in a clone, or leave the flag out", found.dir))
	}
	git, err := revision.Open(found.git, objects...)
	if err != nil {
		return nil, attempt(err)
	}
	tree, top, err := found.treeOf(ctx, git, name)
	if err != nil {
		return nil, attempt(err)
	}
	base := &Base{Revision: name, Commit: tree.Commit, git: found.git, tree: tree}
	if base.FS, err = fs.Sub(base.tree, top); err != nil {
		return nil, attempt(err)
	}
	r, err := open(filepath.Join(found.git, filepath.FromSlash(top)), found)
	if err != nil {
		return nil, err
	}
	if base.text, err = readConfig(base.FS); err != nil {
		return nil, attempt(err)
	}
	base.Missing = base.text == nil
	own, err := readConfig(r.FS)
	if base.OwnErr = err; err == nil && own != nil {
		base.Own, base.OwnErr = ParseConfig(ConfigFile, own)
	}
	base.File = ConfigFile
	if !bytes.Equal(base.text, own) || err != nil {
		base.File += "@" + short(name)
	}
	r.Base = base
	if !base.Missing {
		if r.Config, err = ParseConfig(base.File, base.text); err != nil {
			return nil, attempt(err)
		}
	}
	r.Config.Exemptions = base.placed(r.Config.Exemptions)
	return r, nil
}

// treeOf is the files of a revision of the repository around a directory, and where in them kgate takes it to begin.
func (found surroundings) treeOf(ctx context.Context, git *revision.Repository, name string) (tree *revision.Tree, top string, err error) {
	if tree, err = git.Tree(ctx, name); err != nil {
		return nil, "", err
	}
	within, err := filepath.Rel(found.git, found.dir)
	if err != nil {
		return nil, "", err
	}
	for top = filepath.ToSlash(within); top != "."; top = path.Dir(top) {
		if _, err := fs.Lstat(tree, path.Join(top, ConfigFile)); err == nil {
			break
		}
	}
	return tree, top, nil
}

// short is a name of a revision for messages: of a commit its beginning.
func short(name string) string {
	const enough = 12
	if len(name) == 40 && !strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		return name[:enough]
	}
	return name
}

// Name is the revision as messages call it.
func (b *Base) Name() string { return short(b.Revision) }

// Differs reports whether the working tree's kgate.yaml has another text.
func (b *Base) Differs() bool { return b.File != ConfigFile }

// placed says of each exemption of the revision where the working tree's kgate.yaml has it. One that the working tree
// has no more, or has with other words, is leaving: it still lets pass what it covers, and nobody is told to delete it.
func (b *Base) placed(exemptions []check.Exemption) []check.Exemption {
	if !b.Differs() || b.OwnErr != nil {
		return exemptions
	}
	left := slices.Clone(b.Own.Exemptions)
	for i := range exemptions {
		at := slices.IndexFunc(left, func(own check.Exemption) bool { return same(own, exemptions[i]) })
		if at < 0 {
			exemptions[i].Leaving = true
			continue
		}
		exemptions[i].Source = left[at].Source
		left = slices.Delete(left, at, at+1)
	}
	return exemptions
}

// same reports whether two exemptions say the same, wherever they stand.
func same(a, b check.Exemption) bool {
	return a.Check == b.Check && a.Target == b.Target && a.Object == b.Object && a.Path.String() == b.Path.String() &&
		a.Reason == b.Reason && a.Owner == b.Owner && a.Expires.Equal(b.Expires)
}

// ReadFile is the text that a position in the revision's kgate.yaml is in, or else what read has.
func (b *Base) ReadFile(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	if b == nil || !b.Differs() {
		return read
	}
	return func(file string) ([]byte, error) {
		if file == b.File {
			return b.text, nil
		}
		return read(file)
	}
}

// Rules is a directory of rules as the revision has it; nil for one outside of the git repository. The path is taken as it
// is written: a link that a change puts in its place leads nowhere.
func (b *Base) Rules(dir string) (fs.FS, error) {
	absolute, err := Resolve(".")
	if err != nil {
		return nil, err
	}
	if filepath.IsAbs(dir) {
		absolute = filepath.Clean(dir)
	} else {
		absolute = filepath.Join(absolute, dir)
	}
	within, err := filepath.Rel(b.git, absolute)
	if err != nil || !filepath.IsLocal(within) {
		return nil, nil //nolint:nilnil // it is none of the repository's
	}
	name := filepath.ToSlash(within)
	info, err := fs.Stat(b.tree, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is not in %s: rules hold once they are merged; leave the flag out until then", dir, b.Name())
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s of %s is not a directory", dir, b.Name())
	}
	return fs.Sub(b.tree, name)
}

// hashed is the name of a generated object, with the hash of its content behind it.
var hashed = regexp.MustCompile(`^(.*)-[2456789bcdfghkmt]{10}$`)

// alike reports objects that are one and the same at two times: where the name ends with the hash of the content, another
// content has another name.
func alike(a check.Holder) func(check.Holder) bool {
	stem := func(h check.Holder) check.Holder {
		if h.Object.Kind == "ConfigMap" || h.Object.Kind == "Secret" {
			h.Object.Name = hashed.ReplaceAllString(h.Object.Name, "$1-")
		}
		return h
	}
	return func(b check.Holder) bool {
		if b.Object.Namespace == "" {
			b.Object.Namespace = a.Object.Namespace // which whoever deploys it says
		}
		return stem(a) == stem(b)
	}
}

// Repository is the repository as it was at the revision.
func (b *Base) Repository() *Repo {
	config, _ := ParseConfig(b.File, b.text) // it was read before
	return &Repo{FS: b.FS, Config: config}
}

// Carried parts exemptions that objects of the working tree carry into those that the same objects carried at the revision,
// and those that let nothing pass: the change brought them, or changed them.
// renderer renders the repository as it was then.
func (b *Base) Carried(ctx context.Context, exemptions []check.Exemption, checks []*check.Check, renderer *kustomization.Renderer) (kept, refused []check.Exemption) {
	before := map[string][]check.Exemption{}
	of := func(target string) []check.Exemption {
		carried, known := before[target]
		if !known && target != kustomization.Stdin {
			if result, err := renderer.Render(ctx, target); err == nil { // what could not be rendered exempted nothing
				carried, _ = Carried(Annotations(&check.Target{Path: target, Objects: result.Objects}), checks, renderer.ReadFile)
			}
			before[target] = carried
		}
		return carried
	}
	for _, e := range exemptions {
		if ctx.Err() != nil {
			return nil, nil // nobody asks any more
		}
		was, is := e, e
		was.Holders, is.Holders = nil, nil
		for _, h := range e.Holders {
			if slices.ContainsFunc(of(h.Target), func(o check.Exemption) bool { return same(o, e) && slices.ContainsFunc(o.Holders, alike(h)) }) {
				was.Holders = append(was.Holders, h)
			} else {
				is.Holders = append(is.Holders, h)
			}
		}
		if was.Holders != nil {
			kept = append(kept, was)
		}
		if is.Holders != nil {
			refused = append(refused, is)
		}
	}
	return kept, refused
}
