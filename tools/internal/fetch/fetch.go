// Package fetch makes the copies of what kustomizations name by URL, and the lock file that lists them. It is the one
// package that runs a program, git, and reaches the network, and `kgate vendor` is the one command that uses it.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Job is what is to be done to the copies of a repository.
type Job struct {
	Dir       string // the repository's top
	Directory string // where copies lie, from the top; "" for vendored.DefaultDirectory
	Targets   []string
	Others    []string // targets that keep what they have, and for which nothing is fetched
	Whole     bool     // no other target has copies: those that none needs go
	Update    bool     // what references lead to now, in place of what the lock file says
	Check     bool     // nothing is fetched or written

	Releases map[string][]kustomization.Release // targets that are charts of Applications

	LoadRestrictionsNone func(target string) bool
	Progress             func(doing string) // nil for nobody
}

// Outcome is what a job came to.
type Outcome struct {
	Changes []Change
	Copies  int     // that there are now
	Faults  []error // of targets, with their lines
}

// Change is a copy that is new, another, or gone. Of a check it is one that there has to be.
type Change struct {
	Of    string // what it is a copy of
	What  What
	Place string
	Note  string // of what there is now
}

// What happened to a copy.
type What string

// What happens to copies.
const (
	Added   What = "added"
	Updated What = "updated"
	Removed What = "removed"
)

// run is a job that is being done.
type run struct {
	job       Job
	root      fs.FS
	directory string
	old       *vendored.Lock
	copies    *vendored.Copies
	client    *http.Client
	temporary string

	mounts       map[string]fs.FS
	repositories map[string]*repository
	files        map[string]*file
	charts       map[vendored.Chart]*chart
	indexes      map[string]map[string]yaml.Node // charts of repositories, by the URL of their index
}

// repository is a git repository at a reference, as far as targets need it.
type repository struct {
	vendored.LockedRepository
	tree *revision.Tree // nil for one whose copy is as it has to be
	err  error

	paths map[string]bool // that targets name
	used  map[string]bool // what they look at, from the repository's top
}

type file struct {
	vendored.LockedFile
	content []byte // nil for one whose copy is as it has to be
	err     error
	used    bool
}

type chart struct {
	vendored.LockedChart
	content *vendored.Content // nil for one whose copy is as it has to be
	err     error
	used    bool
}

// Do does a job. The error is one of writing or of a context that ends; what is wrong with targets is in the outcome.
func Do(ctx context.Context, job Job) (Outcome, error) {
	r, done, err := begin(job)
	if err != nil {
		return Outcome{}, err
	}
	defer done()
	var out Outcome
	complete := job.Whole
	for i, targets := range [][]string{job.Targets, job.Others} {
		for _, target := range targets {
			if err := r.target(ctx, target, i == 0); err != nil {
				if ctx.Err() != nil {
					return out, context.Cause(ctx)
				}
				complete = false
				if i == 0 {
					out.Faults = append(out.Faults, err)
				}
			}
		}
	}
	return out, r.finish(&out, complete)
}

// begin reads what there is. The function that it returns is for the end of the job.
func begin(job Job) (r *run, done func(), err error) {
	root, err := os.OpenRoot(job.Dir)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = root.Close() // nothing was written through it
		}
	}()
	r = &run{
		job: job, root: root.FS(), directory: job.Directory, client: newClient(), mounts: map[string]fs.FS{},
		repositories: map[string]*repository{}, files: map[string]*file{}, charts: map[vendored.Chart]*chart{}, indexes: map[string]map[string]yaml.Node{},
	}
	if r.directory == "" {
		r.directory = vendored.DefaultDirectory
	}
	if err := vendored.CheckDirectory(r.directory); err != nil {
		return nil, nil, fmt.Errorf("vendor: %w", err)
	}
	if r.old, err = vendored.ReadLock(r.root); err != nil {
		return nil, nil, err // deleting it is for who knows what it held
	}
	r.copies = vendored.Open(r.root)
	if r.temporary, err = os.MkdirTemp("", "kgate-vendor-"); err != nil {
		return nil, nil, err
	}
	return r, func() {
		_ = os.RemoveAll(r.temporary) // what is left there is in nobody's way
		_ = root.Close()
	}, nil
}

func (r *run) say(format string, args ...any) {
	if r.job.Progress != nil {
		r.job.Progress(fmt.Sprintf(format, args...))
	}
}

// target reads everything that a target is made of, and fetches what of it is missing. What was fetched takes the place of
// the copies that are there, so what was read before is read again.
func (r *run) target(ctx context.Context, target string, fetching bool) error {
	for {
		s := &session{run: r, fetching: fetching && !r.job.Check, paths: map[*repository][]string{}}
		renderer := kustomization.New(overlay{r.root, r.mounts}, strings.NewReader(""))
		renderer.LoadRestrictionsNone, renderer.Remote = r.job.LoadRestrictionsNone, s
		renderer.Releases = r.job.Releases
		looked, err := renderer.Needs(ctx, target)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.fetched {
			continue
		}
		if err != nil {
			return s.explain(looked, err) // of what it names nothing is kept: it is not all
		}
		for _, f := range s.files {
			f.used = true
		}
		for _, c := range s.charts {
			c.used = true
		}
		for repository, paths := range s.paths {
			for _, dir := range paths {
				repository.paths[dir] = true
			}
			for _, name := range looked {
				if within, ok := strings.CutPrefix(name, r.place(&repository.LockedRepository)+"/"); ok {
					repository.used[within] = true
				}
			}
		}
		return nil
	}
}

// explain says of an error which submodule holds what is missing: in its place the repository has a directory without a file.
func (s *session) explain(looked []string, err error) error {
	for of := range s.paths {
		if of.tree == nil {
			continue
		}
		for _, name := range looked {
			if within, ok := strings.CutPrefix(name, s.place(&of.LockedRepository)+"/"); ok {
				if module, is := of.tree.Submodule(within); is {
					return fmt.Errorf("%w; %s of %s is a submodule, and kgate fetches no submodules: name the submodule's own repository", err, module, of.URL)
				}
			}
		}
	}
	return err
}

// place is where the copy of an entry belongs.
func (r *run) place(entry vendored.Locked) string {
	return (&vendored.Lock{Directory: r.directory}).Place(entry)
}

// here reports whether the copies that there are lie where they belong.
func (r *run) here() bool { return r.old.Directory == r.directory }

// session is a source of copies for one reading of a target.
type session struct {
	*run
	fetching bool
	fetched  bool // something took the place of a copy, or of nothing

	paths  map[*repository][]string // that the target names
	files  []*file
	charts []*chart
}

var _ vendored.Source = (*session)(nil)

// wants reports whether something is to be fetched, by what is wrong with its copy. Where nothing may be, that is the error.
func (s *session) wants(missing error) (bool, error) {
	switch {
	case missing == nil && s.here() && !(s.job.Update && s.fetching):
		return false, nil
	case s.fetching:
		return true, nil
	case missing == nil:
		return false, errElsewhere
	}
	return false, missing
}

// Git is the directory of a repository, from its copy or fetched.
func (s *session) Git(ctx context.Context, reference string) (vendored.Tree, error) {
	git, err := vendored.ParseGit(reference)
	if err != nil {
		return vendored.Tree{}, err
	}
	key := git.Clone + " " + git.Ref
	r := s.repositories[key]
	if r == nil {
		r = &repository{LockedRepository: vendored.LockedRepository{URL: git.Clone, Ref: git.Ref}, paths: map[string]bool{}, used: map[string]bool{}}
		if locked := s.old.Repository(git); locked != nil {
			r.Commit, r.Digest = locked.Commit, locked.Digest
		}
		s.repositories[key] = r
	}
	place := s.place(&r.LockedRepository)
	if r.tree == nil && r.err == nil {
		_, missing := s.copies.Git(ctx, reference)
		fetch, err := s.wants(missing)
		if err != nil {
			return vendored.Tree{}, err
		}
		if fetch {
			s.fetched = true
			s.say("fetching %s", vendored.Describe(&r.LockedRepository))
			s.clone(ctx, git, r)
		}
	}
	if r.err != nil {
		return vendored.Tree{}, r.err
	}
	if r.tree != nil {
		if err := r.has(git.Path); err != nil {
			return vendored.Tree{}, err
		}
	}
	s.paths[r] = append(s.paths[r], git.Path)
	return vendored.Tree{Root: place, Dir: path.Join(place, git.Path)}, nil
}

// clone fetches a repository: the commit that is locked, unless references are to be followed anew.
func (s *session) clone(ctx context.Context, git vendored.Git, r *repository) {
	dir, err := os.MkdirTemp(s.temporary, "git-")
	if err != nil {
		r.err = err
		return
	}
	commit := r.Commit
	if s.job.Update {
		commit = ""
	}
	if r.tree, r.err = gitFetch(ctx, dir, git, commit); r.err != nil {
		r.err = fmt.Errorf("it cannot be fetched: %w", r.err)
		return
	}
	r.Commit = r.tree.Commit
	s.mounts[s.place(&r.LockedRepository)] = r.tree
}

// has reports what is wrong with a path of the repository that is asked for.
func (r *repository) has(dir string) error {
	if module, ok := r.tree.Submodule(dir); ok {
		return fmt.Errorf("%s lies in the submodule %s, and kgate fetches no submodules: name the submodule's own repository", dir, module)
	}
	if _, err := fs.Stat(r.tree, dir); err != nil {
		return fmt.Errorf("the repository has no %s at its commit %s", dir, r.tree.Commit[:12])
	}
	return nil
}

// File is a file, from its copy or fetched.
func (s *session) File(ctx context.Context, reference string, accept func([]byte) error) (string, error) {
	if secret(reference) {
		return "", errSecret
	}
	f := s.run.files[reference]
	if f == nil {
		f = &file{LockedFile: vendored.LockedFile{URL: reference}}
		if locked := s.old.File(reference); locked != nil {
			f.Digest = locked.Digest
		}
		s.run.files[reference] = f
	}
	if f.content == nil && f.err == nil {
		_, missing := s.copies.File(ctx, reference, nil)
		git, notGit := vendored.ParseGit(reference)
		if errors.Is(missing, vendored.ErrNoFile) && notGit == nil && !s.job.Update && s.old.Repository(git) != nil && accept != nil {
			return "", missing // it was seen to be a repository
		}
		fetch, err := s.wants(missing)
		if err != nil {
			return "", err
		}
		if fetch {
			s.say("fetching %s", reference)
			s.download(ctx, f, accept)
		}
	}
	if f.err != nil {
		return "", f.err
	}
	s.files = append(s.files, f)
	return path.Join(s.place(&f.LockedFile), f.Name()), nil
}

// download gets a file.
func (s *session) download(ctx context.Context, f *file, accept func([]byte) error) {
	content, err := s.get(ctx, f.URL, manifest.MaxFileSize, nil)
	if err == nil && accept != nil {
		if err = accept(content); err != nil {
			err = fmt.Errorf("what the server gives holds no objects: %w", err)
		}
	}
	if err != nil {
		f.err = vendored.NoFile("it cannot be fetched: " + err.Error())
		return
	}
	copied := vendored.Content{Files: map[string][]byte{f.Name(): content}}
	if is := copied.Digest(); f.Digest != "" && f.Digest != is && !s.job.Update {
		f.err = fmt.Errorf("the server gives other content than %s says: `%s --update` takes it", vendored.LockFile, vendored.Run)
		return
	}
	f.content, f.Digest = content, copied.Digest()
	s.fetched = true
	s.mounts[s.place(&f.LockedFile)], f.err = memory(copied)
}

// Chart is a chart, from its copy or fetched.
func (s *session) Chart(ctx context.Context, asked vendored.Chart) (vendored.Tree, error) {
	if secret(asked.Repository) {
		return vendored.Tree{}, errSecret
	}
	c := s.run.charts[asked]
	if c == nil {
		c = &chart{LockedChart: vendored.LockedChart{Chart: asked}}
		if locked := s.old.Chart(asked); locked != nil {
			c.LockedChart = *locked
		}
		s.run.charts[asked] = c
	}
	if c.content == nil && c.err == nil {
		_, missing := s.copies.Chart(ctx, asked)
		fetch, err := s.wants(missing)
		if err != nil {
			return vendored.Tree{}, err
		}
		if fetch {
			s.say("fetching the chart %s", asked)
			if c.err = s.pull(ctx, c); c.err != nil {
				c.err = fmt.Errorf("it cannot be fetched: %w", c.err)
			}
		}
	}
	if c.err != nil {
		return vendored.Tree{}, c.err
	}
	s.charts = append(s.charts, c)
	place := s.place(&c.LockedChart)
	return vendored.Tree{Root: place, Dir: place}, nil
}

// pull gets a chart: the version that is locked, unless the version is to be chosen anew.
func (s *session) pull(ctx context.Context, c *chart) error {
	locked := c.Resolved
	if s.job.Update {
		locked = ""
	}
	a, err := s.run.chart(ctx, c.Chart, locked)
	if err != nil {
		return err
	}
	if locked != "" && a.digest() != c.Archive {
		return fmt.Errorf("the archive of %s is %s, and %s says %s: `%s --update` takes it", a.version, a.digest(), vendored.LockFile, c.Archive, vendored.Run)
	}
	content, err := unpack(a.content)
	if err != nil {
		return err
	}
	c.content, c.Resolved, c.Archive, c.Digest = &content, a.version, a.digest(), content.Digest()
	s.fetched = true
	s.mounts[s.place(&c.LockedChart)], err = memory(content)
	return err
}

// memory is a content as a file system.
func memory(content vendored.Content) (fs.FS, error) {
	archive := &txtar.Archive{}
	for name, text := range content.Files {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: text})
	}
	return txtar.FS(archive)
}

// desired is a copy as it has to be.
type desired struct {
	entry   vendored.Locked
	content *vendored.Content // nil for one that is so already
	note    string
}

// finish compares what targets need with what there is, and writes what differs.
func (r *run) finish(out *Outcome, complete bool) error {
	lock := &vendored.Lock{Directory: r.directory}
	var all []desired
	for _, key := range slices.Sorted(maps.Keys(r.repositories)) {
		repository := r.repositories[key]
		if repository.err != nil || len(repository.paths) == 0 {
			continue
		}
		content, err := r.gather(repository, complete)
		if err != nil {
			out.Faults = append(out.Faults, fmt.Errorf("%s: %w", vendored.Describe(&repository.LockedRepository), err))
			complete = false
			continue
		}
		repository.Digest = content.Digest()
		repository.Paths = slices.Sorted(maps.Keys(repository.paths))
		lock.Repositories = append(lock.Repositories, repository.LockedRepository)
		all = append(all, desired{&repository.LockedRepository, &content, "commit " + repository.Commit[:12]})
	}
	for _, key := range slices.Sorted(maps.Keys(r.files)) {
		if f := r.files[key]; f.used && f.err == nil {
			d := desired{entry: &f.LockedFile, note: vendored.Short(f.Digest)}
			if f.content != nil {
				d.content = &vendored.Content{Files: map[string][]byte{f.Name(): f.content}}
			}
			lock.Files = append(lock.Files, f.LockedFile)
			all = append(all, d)
		}
	}
	for _, c := range r.charts {
		if c.used && c.err == nil {
			lock.Charts = append(lock.Charts, c.LockedChart)
			all = append(all, desired{&c.LockedChart, c.content, c.Resolved + ", " + vendored.Short(c.Archive)})
		}
	}
	if !r.here() && !complete && len(r.old.Entries()) > 0 && !r.job.Check {
		// What the targets that were not read have would be lost: a lock file knows one directory.
		return fmt.Errorf("the copies move from %s to %s: run `%s` for all targets once every target can be read", r.old.Directory, r.directory, vendored.Run)
	}
	slices.SortFunc(all, func(a, b desired) int { return strings.Compare(r.place(a.entry), r.place(b.entry)) })
	there := map[string]bool{}
	for _, d := range all {
		there[r.place(d.entry)] = true
	}
	var gone []vendored.Locked
	for _, entry := range r.old.Entries() {
		switch {
		case r.here() && there[r.place(entry)]:
		case complete:
			gone = append(gone, entry)
		default:
			lock.Add(entry)
		}
	}
	out.Copies = len(lock.Entries())
	write := writer{r.job.Dir}
	for _, d := range all {
		place := r.place(d.entry)
		change := Change{Of: vendored.Describe(d.entry), What: Added, Place: place, Note: d.note}
		if r.here() && r.old.Has(d.entry) {
			change.What = Updated
		}
		is, err := vendored.Digest(r.root, place)
		same := err == nil && is == vendored.Held(d.entry)
		if !same || !r.old.Equal(d.entry) {
			out.Changes = append(out.Changes, change)
		}
		if same || r.job.Check {
			continue
		}
		if d.content == nil {
			return fmt.Errorf("%s: its copy changed meanwhile: run `%s` again", place, vendored.Run)
		}
		if err := write.tree(place, *d.content); err != nil {
			return fmt.Errorf("write %s: %w", place, err)
		}
	}
	for _, entry := range gone {
		out.Changes = append(out.Changes, Change{Of: vendored.Describe(entry), What: Removed, Place: r.old.Place(entry)})
	}
	if r.job.Check {
		return nil
	}
	if err := r.writeLock(write, lock); err != nil {
		return err
	}
	for _, entry := range gone {
		if err := write.remove(r.old.Place(entry)); err != nil {
			return fmt.Errorf("remove %s: %w", r.old.Place(entry), err)
		}
	}
	return nil
}

// attributes keep git from changing the ends of lines in copies, and so their digests.
const attributes = "* -text linguist-vendored\n"

// writeLock writes the lock file behind the copies that it lists; without any there is none.
func (r *run) writeLock(write writer, lock *vendored.Lock) error {
	attributed := path.Join(r.directory, ".gitattributes")
	if len(lock.Entries()) == 0 {
		if _, err := fs.Lstat(r.root, vendored.LockFile); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, place := range []string{attributed, path.Join(r.old.Directory, ".gitattributes"), vendored.LockFile} {
			if err := write.remove(place); err != nil {
				return fmt.Errorf("remove %s: %w", place, err)
			}
		}
		return nil
	}
	text, err := lock.Text()
	if err != nil {
		return err
	}
	if err := write.file(attributed, []byte(attributes)); err != nil {
		return fmt.Errorf("write %s: %w", attributed, err)
	}
	if err := write.file(vendored.LockFile, text); err != nil {
		return fmt.Errorf("write %s: %w", vendored.LockFile, err)
	}
	if !r.here() {
		if err := write.remove(path.Join(r.old.Directory, ".gitattributes")); err != nil {
			return err
		}
	}
	return nil
}

// gather is the content that the copy of a repository has to have: what targets look at. Where not every target was read, what
// the copy has stays, as the repository has it now.
func (r *run) gather(of *repository, complete bool) (vendored.Content, error) {
	content := vendored.Content{Files: map[string][]byte{}, Links: map[string]string{}}
	place := r.place(&of.LockedRepository)
	var from fs.FS = of.tree
	if of.tree == nil {
		var err error
		if from, err = fs.Sub(r.root, place); err != nil {
			return content, err
		}
	}
	locked := r.old.Repository(vendored.Git{Clone: of.URL, Ref: of.Ref})
	names := maps.Clone(of.used)
	if !complete && locked != nil && r.here() {
		if before, err := vendored.Read(r.root, place); err == nil {
			for name := range before.Files {
				names[name] = true
			}
			for name := range before.Links {
				names[name] = true
			}
		}
		for _, dir := range locked.Paths {
			if of.tree == nil || of.has(dir) == nil {
				of.paths[dir] = true
			}
		}
	}
	for name := range names {
		info, err := fs.Lstat(from, name)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && info.IsDir():
		case err != nil:
			return content, err
		case info.Mode()&fs.ModeSymlink != 0:
			if content.Links[name], err = fs.ReadLink(from, name); err != nil {
				return content, err
			}
		default:
			text, err := manifest.ReadFile(from, name, name, manifest.MaxFileSize)
			if err != nil {
				return content, err
			}
			if strings.HasPrefix(string(text[:min(len(text), len(pointer))]), pointer) {
				return content, fmt.Errorf("%s is kept in Git LFS, and kgate runs no filters of git: keep it in git itself", name)
			}
			content.Files[name] = text
		}
	}
	return content, content.Check()
}

// errElsewhere says that kgate.yaml names another directory than the lock file.
var errElsewhere = vendored.NoCopy("its copy does not lie where kgate.yaml says: run `" + vendored.Run + "`")

// pointer begins what git has in place of a file of Git LFS.
const pointer = "version https://git-lfs.github.com/spec/"
