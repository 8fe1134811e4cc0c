package vendored

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// LockFile lists the copies of a repository.
const LockFile = ".kgate/vendor.lock.yaml"

// DefaultDirectory is where copies lie unless kgate.yaml names another directory.
const DefaultDirectory = ".kgate/vendor"

// lockVersion is the apiVersion of LockFile.
const lockVersion = "kgate/v1"

// Lock says which copies there are, of what, and what they hold.
type Lock struct {
	Directory    string
	Repositories []LockedRepository
	Files        []LockedFile
	Charts       []LockedChart
}

// LockedRepository is the copy of a git repository at a reference: of the files that kustomizations in it need.
type LockedRepository struct {
	URL    string
	Ref    string // "" for the default branch
	Commit string
	Paths  []string // of the directories that are asked for
	Digest string
}

// LockedFile is the copy of a file.
type LockedFile struct {
	URL    string
	Digest string
}

// LockedChart is the copy of a chart.
type LockedChart struct {
	Chart
	Resolved string // the version that Version came to
	Archive  string // the digest of the archive, as the repository publishes it
	Digest   string
}

// Locked is an entry of a lock.
type Locked interface {
	kind() string
	// named are the parts of a place that a person reads, and all that tells the entry from others.
	named() (parts []string, whole string)
}

// Repository finds the entry of a git reference; nil without one.
func (l *Lock) Repository(git Git) *LockedRepository {
	for i := range l.Repositories {
		if r := &l.Repositories[i]; r.URL == git.Clone && r.Ref == git.Ref {
			return r
		}
	}
	return nil
}

// File finds the entry of a file; nil without one.
func (l *Lock) File(url string) *LockedFile {
	for i := range l.Files {
		if l.Files[i].URL == url {
			return &l.Files[i]
		}
	}
	return nil
}

// Chart finds the entry of a chart; nil without one.
func (l *Lock) Chart(chart Chart) *LockedChart {
	for i := range l.Charts {
		if l.Charts[i].Chart == chart {
			return &l.Charts[i]
		}
	}
	return nil
}

func (r *LockedRepository) kind() string { return "git" }
func (r *LockedRepository) named() (parts []string, whole string) {
	at := cmp.Or(r.Ref, "HEAD")
	short, plain := strings.CutPrefix(r.URL, httpsScheme)
	whole = r.URL + " " + r.Ref
	if !plain {
		short = readable(r.URL)
		whole = "other " + whole
	}
	parts = strings.Split(short, "/")
	parts[len(parts)-1] += "@" + at
	return parts, whole
}

func (f *LockedFile) kind() string { return "files" }
func (f *LockedFile) named() (parts []string, whole string) {
	host := "other"
	if u, err := url.Parse(f.URL); err == nil && u.Host != "" {
		host = u.Hostname()
	}
	return []string{host}, "file " + f.URL
}

// name is that of the file in its directory.
func (f *LockedFile) name() string {
	name := "file"
	if u, err := url.Parse(f.URL); err == nil {
		name = path.Base(u.Path)
	}
	if fits.MatchString(name) && !IsGit(name) {
		return name
	}
	return "file"
}

// Name is that of the one file in the directory of the copy.
func (f *LockedFile) Name() string { return f.name() }

func (c *LockedChart) kind() string { return "charts" }
func (c *LockedChart) named() (parts []string, whole string) {
	parts = append(strings.Split(strings.Trim(readable(c.Repository), "/"), "/"), c.Name+"@"+cmp.Or(c.Version, "newest"))
	whole = c.Repository + " " + c.Name + " " + c.Version
	if !strings.HasPrefix(c.Repository, httpsScheme) {
		whole = "other " + whole
	}
	return parts, whole
}

// readable is a URL without its scheme and user, with nothing but slashes between its parts.
func readable(text string) string {
	if _, after, ok := strings.Cut(text, "://"); ok {
		text = after
	}
	host, rest, _ := strings.Cut(text, "/")
	host = host[strings.LastIndex(host, "@")+1:]
	return strings.ReplaceAll(path.Join(host, rest), ":", "/")
}

var fits = regexp.MustCompile(`^[a-z0-9_][a-zA-Z0-9_.-]{0,99}$`)

// segment is a name that every file system takes, and tells from those that differ in letter case.
var segment = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]{0,99}(@(HEAD|[a-z0-9_][a-z0-9_.+-]{0,99}))?$`)

// Place is the directory of an entry's copy. It follows from the entry, so that no lock can name another: from what a
// person reads, where that tells it from every other entry, and a hash. No copy lies in another: an '@' is in the last name
// alone, and a file's directory is the second below its kind.
func (l *Lock) Place(entry Locked) string {
	parts, whole := entry.named()
	_, isFile := entry.(*LockedFile)
	places := []string{l.Directory, entry.kind()}
	clear := !strings.HasPrefix(whole, "other ") && !isFile
	for i, part := range parts {
		last := i == len(parts)-1
		if segment.MatchString(part) && (last || !strings.Contains(part, "@")) && !strings.HasSuffix(part, ".") {
			places = append(places, part)
			continue
		}
		clear = false
		part = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '@' && last {
				return r
			}
			if r >= 'A' && r <= 'Z' {
				return r - 'A' + 'a'
			}
			return '-'
		}, part)
		if part = strings.Trim(part[:min(len(part), 100)], ".-@"); part == "" && last {
			part = "other"
		}
		if part != "" {
			places = append(places, part)
		}
	}
	if !clear {
		sum := sha256.Sum256([]byte(whole))
		hash := hex.EncodeToString(sum[:6])
		switch last := len(places) - 1; {
		case isFile:
			places = append(places, hash) // the file has a directory of its own
		case strings.Contains(places[last], "@"):
			places[last] += "-" + hash
		default: // nothing is left of the reference
			places[last] += "@" + hash
		}
	}
	return path.Join(places...)
}

// Entries are those of a lock, in its order.
func (l *Lock) Entries() []Locked {
	var all []Locked
	for i := range l.Repositories {
		all = append(all, &l.Repositories[i])
	}
	for i := range l.Files {
		all = append(all, &l.Files[i])
	}
	for i := range l.Charts {
		all = append(all, &l.Charts[i])
	}
	return all
}

// Held is the digest that an entry holds its copy to.
func Held(entry Locked) string {
	switch e := entry.(type) {
	case *LockedRepository:
		return e.Digest
	case *LockedFile:
		return e.Digest
	case *LockedChart:
		return e.Digest
	}
	return ""
}

// Describe says of what an entry is a copy.
func Describe(entry Locked) string {
	switch e := entry.(type) {
	case *LockedRepository:
		return e.URL + " at " + cmp.Or(e.Ref, "its default branch")
	case *LockedFile:
		return e.URL
	case *LockedChart:
		return "the chart " + e.Chart.String()
	}
	return ""
}

// ReadLock reads a tree's lock file. Without one it is empty.
func ReadLock(root fs.FS) (*Lock, error) {
	for _, name := range []string{path.Dir(LockFile), LockFile} {
		info, err := fs.Lstat(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			return &Lock{Directory: DefaultDirectory}, nil
		}
		if err != nil {
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, &manifest.SyntaxError{Position: manifest.Position{File: name}, Message: "a symbolic link stands in place of what `" + Run + "` writes: delete it"}
		}
	}
	data, err := manifest.ReadFile(root, LockFile, LockFile, manifest.MaxTextSize)
	if err != nil {
		return nil, err
	}
	return ParseLock(LockFile, data)
}

var (
	commit = regexp.MustCompile(`^[0-9a-f]{40}$`)
	digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// ParseLock decodes a lock file, which messages call file.
func ParseLock(file string, data []byte) (*Lock, error) {
	documents, err := manifest.ParseDocuments(file, data)
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		line := 1
		if len(documents) > 1 {
			line = documents[1].Line
		}
		return nil, &manifest.SyntaxError{Position: manifest.Position{File: file, Line: line}, Message: "a lock file is one YAML document: restore it, or delete it and run `" + Run + "`"}
	}
	d := &lockDecoder{file: file}
	l := &Lock{}
	version := ""
	root := manifest.Plain(documents[0].Node)
	d.fields(root, map[string]func(*yaml.Node){
		"apiVersion":   d.text(&version),
		"directory":    d.text(&l.Directory),
		"repositories": d.each(func(n *yaml.Node) { l.Repositories = append(l.Repositories, d.repository(n)) }),
		"files":        d.each(func(n *yaml.Node) { l.Files = append(l.Files, d.lockedFile(n)) }),
		"charts":       d.each(func(n *yaml.Node) { l.Charts = append(l.Charts, d.chart(n)) }),
	})
	switch {
	case d.err != nil:
		return nil, d.err
	case version != lockVersion:
		return nil, d.fault(cmp.Or(manifest.Lookup(root, "apiVersion"), root), "apiVersion is %q; this kgate reads %q", version, lockVersion)
	}
	if err := CheckDirectory(l.Directory); err != nil {
		return nil, d.fault(cmp.Or(manifest.Lookup(root, "directory"), root), "directory: %s", err)
	}
	return l, nil
}

// CheckDirectory refuses a directory in which copies cannot lie.
func CheckDirectory(dir string) error {
	if dir == "" || dir == "." || path.Clean(dir) != dir || !fs.ValidPath(dir) {
		return fmt.Errorf("%q is no directory below the repository's top", dir)
	}
	if err := checkPath(dir); err != nil {
		return err
	}
	if Within(dir, LockFile) {
		return fmt.Errorf("%s holds the lock file: name a directory for the copies alone", dir)
	}
	return nil
}

type lockDecoder struct {
	file string
	err  error
}

func (d *lockDecoder) fault(node *yaml.Node, format string, args ...any) error {
	return &manifest.SyntaxError{Position: manifest.Position{File: d.file, Line: node.Line}, Message: fmt.Sprintf(format, args...) + ": restore it, or delete it and run `" + Run + "`"}
}

func (d *lockDecoder) fail(node *yaml.Node, format string, args ...any) {
	if d.err == nil {
		d.err = d.fault(node, format, args...)
	}
}

func (d *lockDecoder) fields(node *yaml.Node, known map[string]func(*yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		d.fail(node, "a mapping belongs here")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if read := known[node.Content[i].Value]; read != nil {
			read(node.Content[i+1])
		} else {
			d.fail(node.Content[i], "there is no key %q", node.Content[i].Value)
		}
	}
}

func (d *lockDecoder) each(read func(*yaml.Node)) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.SequenceNode {
			d.fail(node, "a list belongs here")
			return
		}
		for _, item := range node.Content {
			read(item)
		}
	}
}

func (d *lockDecoder) text(to *string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.ScalarNode {
			d.fail(node, "a text belongs here")
		}
		*to = node.Value
	}
}

func (d *lockDecoder) hash(to *string, form *regexp.Regexp) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if *to = node.Value; !form.MatchString(node.Value) {
			d.fail(node, "%q is no hash", node.Value)
		}
	}
}

func (d *lockDecoder) repository(node *yaml.Node) LockedRepository {
	var r LockedRepository
	d.fields(node, map[string]func(*yaml.Node){
		"url": d.text(&r.URL), "ref": d.text(&r.Ref), "commit": d.hash(&r.Commit, commit), "digest": d.hash(&r.Digest, digest),
		"paths": d.each(func(n *yaml.Node) { r.Paths = append(r.Paths, n.Value) }),
	})
	if r.URL == "" || r.Commit == "" || r.Digest == "" || len(r.Paths) == 0 {
		d.fail(node, "a repository has url, commit, paths and digest")
	}
	return r
}

func (d *lockDecoder) lockedFile(node *yaml.Node) LockedFile {
	var f LockedFile
	d.fields(node, map[string]func(*yaml.Node){"url": d.text(&f.URL), "digest": d.hash(&f.Digest, digest)})
	if f.URL == "" || f.Digest == "" {
		d.fail(node, "a file has url and digest")
	}
	return f
}

func (d *lockDecoder) chart(node *yaml.Node) LockedChart {
	var c LockedChart
	d.fields(node, map[string]func(*yaml.Node){
		"repository": d.text(&c.Repository), "name": d.text(&c.Name), "version": d.text(&c.Version), "resolved": d.text(&c.Resolved),
		"archive": d.hash(&c.Archive, digest), "digest": d.hash(&c.Digest, digest),
	})
	if c.Repository == "" || c.Name == "" || c.Resolved == "" || c.Archive == "" || c.Digest == "" {
		d.fail(node, "a chart has repository, name, resolved, archive and digest")
	}
	return c
}

// Sort gives a lock its one order.
func (l *Lock) Sort() {
	slices.SortFunc(l.Repositories, func(a, b LockedRepository) int {
		return cmp.Or(strings.Compare(a.URL, b.URL), strings.Compare(a.Ref, b.Ref))
	})
	for i := range l.Repositories {
		slices.Sort(l.Repositories[i].Paths)
	}
	slices.SortFunc(l.Files, func(a, b LockedFile) int { return strings.Compare(a.URL, b.URL) })
	slices.SortFunc(l.Charts, func(a, b LockedChart) int {
		return cmp.Or(strings.Compare(a.Repository, b.Repository), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
}

// Text is the lock as its file has it.
func (l *Lock) Text() ([]byte, error) {
	l.Sort()
	mapping := func(pairs ...string) *yaml.Node {
		node := &yaml.Node{Kind: yaml.MappingNode}
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i+1] != "" {
				node.Content = append(node.Content, yaml.NewStringRNode(pairs[i]).YNode(), yaml.NewStringRNode(pairs[i+1]).YNode())
			}
		}
		return node
	}
	put := func(node *yaml.Node, key string, list []*yaml.Node) {
		if len(list) > 0 {
			node.Content = append(node.Content, yaml.NewStringRNode(key).YNode(), &yaml.Node{Kind: yaml.SequenceNode, Content: list})
		}
	}
	root := mapping("apiVersion", lockVersion, "directory", l.Directory)
	var repositories, files, charts []*yaml.Node
	for _, r := range l.Repositories {
		node := mapping("url", r.URL, "ref", r.Ref, "commit", r.Commit)
		var paths []*yaml.Node
		for _, p := range r.Paths {
			paths = append(paths, yaml.NewStringRNode(p).YNode())
		}
		put(node, "paths", paths)
		node.Content = append(node.Content, mapping("digest", r.Digest).Content...)
		repositories = append(repositories, node)
	}
	for _, f := range l.Files {
		files = append(files, mapping("url", f.URL, "digest", f.Digest))
	}
	for _, c := range l.Charts {
		charts = append(charts, mapping("repository", c.Repository, "name", c.Name, "version", c.Version, "resolved", c.Resolved, "archive", c.Archive, "digest", c.Digest))
	}
	put(root, "repositories", repositories)
	put(root, "files", files)
	put(root, "charts", charts)
	var out bytes.Buffer
	out.WriteString("# What kustomizations name by URL, as `" + Run + "` fetched it. Commit this file; a change of it is one to review.\n")
	encoder := yaml.NewEncoder(&out)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("write %s: %w", LockFile, err)
	}
	return out.Bytes(), encoder.Close()
}

// Add puts an entry of another lock into this one.
func (l *Lock) Add(entry Locked) {
	switch e := entry.(type) {
	case *LockedRepository:
		l.Repositories = append(l.Repositories, *e)
	case *LockedFile:
		l.Files = append(l.Files, *e)
	case *LockedChart:
		l.Charts = append(l.Charts, *e)
	}
}

// counterpart is the entry of the lock that is of the same thing; nil without one.
func (l *Lock) counterpart(entry Locked) Locked {
	for _, own := range l.Entries() {
		if l.Place(own) == l.Place(entry) {
			return own
		}
	}
	return nil
}

// Has reports whether the lock has an entry of the same thing.
func (l *Lock) Has(entry Locked) bool { return l.counterpart(entry) != nil }

// Equal reports whether the lock has the same entry.
func (l *Lock) Equal(entry Locked) bool { return reflect.DeepEqual(l.counterpart(entry), entry) }
