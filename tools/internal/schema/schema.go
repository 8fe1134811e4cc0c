// Package schema holds objects to the JSON schemas of every targeted Kubernetes version.
//
// The schemas are embedded; kubeconform applies them. It reads a schema from a
// file only, so each that a run needs passes through a private temporary folder,
// which Close removes. A lasting cache folder would save nothing: putting a
// schema together takes less time than reading one back and checking that
// nobody changed it, and a private folder cannot be truncated or raced for.
package schema

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/cache"
)

// A Violation is one thing in an object that a schema does not allow.
type Violation struct {
	Path     []any    // keys (string) and indexes (int) into the object, as deep as is known
	Message  string   // one sentence, lower case, no full stop
	Missing  bool     // there is no schema for this apiVersion and kind
	Unknown  bool     // and that may be kgate's fault: it is a custom kind that the embedded catalogue lacks
	Versions []string // the minor versions in which this is so ("1.37"), oldest first
	Meant    string   // what an unknown field, or an unknown kind, is nearly called; "" for nothing, or for more than one thing
	Note     string   // whose word it is, in the words that follow the message, where a definition says so

	holder string // the schema that does not know the field, as a URL
}

// A Validator holds objects to the schemas of some Kubernetes versions. It is
// safe for concurrent use.
type Validator struct {
	bundle *bundle
	minors []string
	dir    string

	mu      sync.Mutex
	schemas map[string]*kindSchema // by digest of the root
	files   []*os.File             // in dir, one for each schema that is compiled at a time
	free    []*os.File             // those that no one uses

	verdicts  cache.Cache[subject, []Violation]
	disagreed cache.Cache[subject, []custom.Disagreement]
}

// Sweep forgets the verdicts on objects that no run since the last Sweep had. It must not be called during a run.
func (v *Validator) Sweep() {
	v.verdicts.Sweep()
	v.disagreed.Sweep()
}

// New returns a Validator for minor versions ("1.37"). None, or an empty one,
// means the newest.
func New(minors []string) (*Validator, error) {
	b, err := embedded()
	if err != nil {
		return nil, err
	}
	return newValidator(b, minors)
}

func newValidator(b *bundle, minors []string) (*Validator, error) {
	v := &Validator{bundle: b, schemas: map[string]*kindSchema{}}
	if len(minors) == 0 {
		minors = []string{""}
	}
	wanted := map[string]bool{}
	for _, m := range minors {
		if m == "" {
			m = b.minors[len(b.minors)-1]
		}
		if !slices.Contains(b.minors, m) {
			return nil, fmt.Errorf("no schemas for Kubernetes %q: there are those of %s", m, strings.Join(b.minors, ", "))
		}
		wanted[m] = true
	}
	for _, m := range b.minors {
		if wanted[m] {
			v.minors = append(v.minors, m)
		}
	}
	var err error
	v.dir, err = workDir(os.TempDir(), os.UserCacheDir)
	return v, err
}

// workDir makes a folder that only this process uses, in the first place that
// can be written to.
func workDir(temp string, cache func() (string, error)) (string, error) {
	dir, err := makeDir(temp)
	if err == nil {
		return dir, nil
	}
	parent, cacheErr := cache()
	if cacheErr == nil {
		cacheErr = os.MkdirAll(parent, 0o700)
	}
	if cacheErr == nil {
		dir, cacheErr = makeDir(parent)
	}
	if cacheErr != nil {
		return "", fmt.Errorf("no folder to unpack schemas to: %w", errors.Join(err, cacheErr))
	}
	return dir, nil
}

func makeDir(parent string) (string, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", err
	}
	// kubeconform takes the path of a schema for a template and for a URL.
	if i := strings.IndexAny(parent, "{}#?%"); i >= 0 {
		return "", fmt.Errorf("%s: a %q in the path would be misread", parent, parent[i])
	}
	return os.MkdirTemp(parent, "kgate-schemas-")
}

// Close removes what was unpacked.
func (v *Validator) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, file := range v.files {
		errs = append(errs, file.Close())
	}
	v.files, v.free = nil, nil
	return errors.Join(append(errs, os.RemoveAll(v.dir))...)
}

// Validate returns what the schemas of its apiVersion and kind do not allow in
// doc, which is one YAML or JSON document. The same violation in several
// versions is one. An error means that the object could not be checked.
func (v *Validator) Validate(ctx context.Context, apiVersion, kind string, doc []byte) ([]Violation, error) {
	if err := oneDocument(doc); err != nil {
		return nil, err
	}
	var (
		absent []string
		roots  []string
		minors = map[string][]string{} // by root
	)
	for _, minor := range v.minors {
		root, ok := v.bundle.root(apiVersion, kind, minor)
		if !ok {
			absent = append(absent, minor)
			continue
		}
		if minors[root] == nil {
			roots = append(roots, root)
		}
		minors[root] = append(minors[root], minor)
	}
	found := merger{order: v.bundle.minors}
	if absent != nil {
		at := []any{"apiVersion"}
		if len(v.bundle.known(kind, groupOf(apiVersion))) == 0 {
			at = []any{"kind"} // with any apiVersion
		}
		message, unknown := v.missing(apiVersion, kind)
		meant := ""
		if at[0] == "kind" {
			meant = nearest(kind, v.bundle.kindsOf(apiVersion))
		}
		found.add(Violation{Path: at, Message: message, Missing: true, Unknown: unknown, Meant: meant}, absent)
	}
	for _, root := range roots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		violations, err := v.hold(root, apiVersion, kind, doc)
		if err != nil {
			return nil, fmt.Errorf("hold %s %s to the schema of Kubernetes %s: %w", apiVersion, kind, strings.Join(minors[root], ", "), err)
		}
		for _, violation := range violations {
			found.add(violation, minors[root])
		}
	}
	return found.sorted(), nil
}

// missing says that there is no schema, and whether that is because kgate has not been given one. A kind of the same name in
// another group is another kind, unless it is of the groups of Kubernetes: there nobody else defines any.
func (v *Validator) missing(apiVersion, kind string) (message string, unknown bool) {
	group := groupOf(apiVersion)
	known := v.bundle.known(kind, group)
	switch {
	case v.bundle.customGroup(group):
		if len(known) > 0 {
			return fmt.Sprintf("kgate has no definition of %s %s, only of %s", apiVersion, kind, strings.Join(known, ", ")), true
		}
		return fmt.Sprintf("kgate has no definition of %s %s", apiVersion, kind), true
	case len(known) == 0:
		return fmt.Sprintf("no schema for %s %s: no apiVersion has a kind of this name", apiVersion, kind), false
	}
	return fmt.Sprintf("no schema for %s %s: this kind is in %s", apiVersion, kind, strings.Join(known, ", ")), false
}

func groupOf(apiVersion string) string {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return ""
	}
	return group
}

// hold checks doc against one schema.
func (v *Validator) hold(root, apiVersion, kind string, doc []byte) ([]Violation, error) {
	v.mu.Lock()
	s := v.schemas[root]
	if s == nil {
		s = &kindSchema{root: root, apiVersion: apiVersion, kind: kind}
		v.schemas[root] = s
	}
	v.mu.Unlock()

	c, err := s.forDocument(v, doc)
	if err != nil {
		return nil, err
	}
	result := c.kubeconform.ValidateResource(resource.Resource{Bytes: doc})
	switch result.Status {
	case validator.Valid:
		return nil, nil
	case validator.Invalid:
		violations, err := c.explain(doc, result)
		if err == nil {
			err = s.suggest(v.bundle, doc, violations)
		}
		return violations, err
	case validator.Empty:
		return nil, errors.New("the document is empty")
	default:
		return nil, fmt.Errorf("kubeconform: %w", orNoVerdict(result.Err))
	}
}

func orNoVerdict(err error) error {
	if err == nil {
		return errors.New("no verdict")
	}
	return err
}

// A kindSchema is what a run has compiled of one schema so far: the fields that
// the documents until now have, or all of them.
type kindSchema struct {
	root, apiVersion, kind string

	mu       sync.Mutex
	words    map[string]bool // of every document until now
	leftOut  map[string]bool // fields that current does without
	rebuilds int
	current  *compiled
	whole    any // the schema with all that documents do not have; nil until somebody asks
}

// maxRebuilds is how often a schema is put together anew because a document has
// a field that none had before. After that the whole of it is: thousands of
// objects of a kind must not be thousands of schemas.
const maxRebuilds = 6

func (s *kindSchema) forDocument(v *Validator, doc []byte) (*compiled, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && len(s.leftOut) == 0 {
		return s.current, nil
	}
	have, exact := words(doc)
	if s.words == nil {
		s.words = map[string]bool{}
	}
	maps.Copy(s.words, have)
	// What the documents before had is not left out.
	if exact && s.current != nil && !anyAmong(have, s.leftOut) {
		return s.current, nil
	}
	leftOut := map[string]bool{}
	keep := func(field string) bool {
		if among(s.words, field) {
			return true
		}
		leftOut[field] = true
		return false
	}
	if !exact || s.rebuilds == maxRebuilds {
		keep = nil
	}
	text, err := v.bundle.assemble(s.root, keep)
	if err != nil {
		return nil, err
	}
	c, err := v.compile(text, s.apiVersion, s.kind)
	if err != nil {
		return nil, err
	}
	s.current, s.leftOut = c, leftOut
	s.rebuilds++
	return c, nil
}

func anyAmong(words, fields map[string]bool) bool {
	for field := range fields {
		if among(words, field) {
			return true
		}
	}
	return false
}

// A compiled schema is one that kubeconform has compiled.
type compiled struct {
	text        []byte
	kubeconform validator.Validator
	detail      func() (*detail, error)
}

// compile lets kubeconform compile a schema. It does so when it first meets an
// object of a kind, and then says no more of a schema that does not compile
// than of one that is not there; so it is given a first object here. After that
// it never reads the file again, so that the next schema may take its place: to
// make a file costs more than to fill one.
func (v *Validator) compile(text []byte, apiVersion, kind string) (*compiled, error) {
	file, err := v.file()
	if err != nil {
		return nil, fmt.Errorf("unpack a schema: %w", err)
	}
	defer v.release(file)
	if err := errors.Join(file.Truncate(0), writeAt(file, text)); err != nil {
		return nil, fmt.Errorf("unpack a schema: %w", err)
	}
	k, err := validator.New([]string{file.Name()}, validator.Opts{Strict: true})
	if err != nil {
		return nil, fmt.Errorf("kubeconform: %w", err)
	}
	first, err := json.Marshal(map[string]string{"apiVersion": apiVersion, "kind": kind})
	if err != nil {
		return nil, err
	}
	c := &compiled{text: text, kubeconform: k, detail: sync.OnceValues(func() (*detail, error) { return newDetail(text) })}
	if result := k.ValidateResource(resource.Resource{Bytes: first}); result.Status != validator.Valid && result.Status != validator.Invalid {
		_, cause := c.detail()
		return nil, fmt.Errorf("the schema does not compile: %w", errors.Join(orNoVerdict(result.Err), cause))
	}
	return c, nil
}

func writeAt(file *os.File, text []byte) error {
	_, err := file.WriteAt(text, 0)
	return err
}

// file returns a file that nothing else uses until it is released.
func (v *Validator) file() (*os.File, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.free); n > 0 {
		file := v.free[n-1]
		v.free = v.free[:n-1]
		return file, nil
	}
	file, err := os.OpenFile(filepath.Join(v.dir, fmt.Sprintf("%d.json", len(v.files))), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	v.files = append(v.files, file)
	return file, nil
}

func (v *Validator) release(file *os.File) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.free = append(v.free, file)
}

// oneDocument refuses a second document: kubeconform would read the first alone
// and say nothing of the rest.
func oneDocument(doc []byte) error {
	content, ended := false, false
	for line := range bytes.Lines(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf"))) {
		text := bytes.TrimSpace(line)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		switch {
		case marker(line, "---"):
			if content {
				return errors.New("more than one document")
			}
			rest := bytes.TrimSpace(line[3:])
			content = len(rest) > 0 && rest[0] != '#'
		case marker(line, "..."):
			ended = content
		case line[0] == '%' && !content:
		case ended:
			return errors.New("more than one document")
		default:
			content = true
		}
	}
	return nil
}

// marker reports whether a line begins with a document marker, which ends even
// a block scalar.
func marker(line []byte, text string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(text))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// merger makes one of the same violations in several versions.
type merger struct {
	order []string // minors, oldest first
	found map[string]*Violation
}

func (m *merger) add(v Violation, minors []string) {
	key := fmt.Sprintf("%q %t %s", v.Path, v.Missing, v.Message)
	if m.found == nil {
		m.found = map[string]*Violation{}
	}
	if m.found[key] == nil {
		v.Versions = nil
		m.found[key] = &v
	}
	have := m.found[key]
	if have.Meant != v.Meant {
		have.Meant = "" // versions have other fields
	}
	for _, minor := range minors {
		if !slices.Contains(have.Versions, minor) {
			have.Versions = append(have.Versions, minor)
		}
	}
}

func (m *merger) sorted() []Violation {
	var out []Violation
	for _, v := range m.found {
		slices.SortFunc(v.Versions, func(a, b string) int {
			return slices.Index(m.order, a) - slices.Index(m.order, b)
		})
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b Violation) int {
		if c := comparePaths(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
	return out
}

func comparePaths(a, b []any) int {
	return slices.CompareFunc(a, b, func(x, y any) int {
		i, xIndex := x.(int)
		j, yIndex := y.(int)
		if xIndex && yIndex {
			return i - j
		}
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
}
