// Package policy holds objects, overlays and repositories to rules written in Rego. Each rule becomes a check;
// what it evaluates to is read strictly, and it can reach neither network, clock, environment nor chance.
package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Source is a tree of rules: <group>/<rule>/<rule>.rego, package policies.<group>.<rule>, with the rule's examples beside
// it, and lib beside the groups.
type Source struct {
	Name string // shown in messages, in front of the file's path
	FS   fs.FS
	// Verified says that the rules have compiled strictly before, as the tests see to for the built-in ones. A
	// library of such sources alone is compiled without the stages that only check, a third of the time.
	Verified bool
}

// Rule is one directory of Rego with what its METADATA says.
type Rule struct {
	check.Check
	Package string // policies.group.rule
	File    string
	line    int  // of its package
	own     bool // of a source beside the first
	// Words of which every input that it denies holds one; none where it may deny any.
	mentions []string
	pair     [2]exampleFile // where its examples stand
}

// Library is a set of rules and of the modules that they share.
type Library struct {
	Rules   []*Rule
	modules map[string]*ast.Module // of a library that is not verified
	unread  map[string][]*parsed   // the files of a package, of one that is

	claims   claims
	verified bool
	allowed  *ast.Capabilities
	kept     []*Rule // the rules that are evaluated
	patience time.Duration
	held     atomic.Pointer[func(words []string) []string]
	expected map[string]bool // words; nil where every one is
	first    lazy[*part]     // the rules that something is expected of
	rest     lazy[*part]     // the others
	reading  sync.Mutex
	store    storage.Store
	slots    chan struct{} // for evaluations of rules of one's own

	spoken  cache.Cache[*check.Target, map[string]bool] // the words that objects hold
	singles cache.Cache[*Rule, *unit]
	values  cache.Cache[*manifest.Object, *ast.Term]
	results cache.Cache[question, verdicts] // on single objects
	wholes  cache.Cache[question, verdicts] // on targets, and on all of them together
}

// maxFiles is how many files of rules and examples one directory may hold; kgate itself has two hundred.
const maxFiles = 2000

// root is the package that all rules and the modules they share live in.
const root = "policies"

// capabilities are OPA's builtins less those whose result depends on something else than their arguments: the
// network, the clock, the environment, chance; and those that are withheld for another reason.
// What custom.states says of a rule.
const (
	fact       = "fact"
	convention = "convention"
)

func (l *Library) capabilities() *ast.Capabilities {
	if l.allowed != nil {
		return l.allowed
	}
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return b.IsNondeterministic() || isWithheld(b.Name) })
	c.AllowNet = []string{}
	l.allowed = c
	return c
}

// Load parses the rules of every source. All faults come back at once, each with its file and line.
func Load(ctx context.Context, sources ...Source) (*Library, error) {
	library := &Library{
		modules: map[string]*ast.Module{}, unread: map[string][]*parsed{}, verified: true, patience: longest,
		store: newStore(), slots: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	var files []*parsed
	examples := map[string]exampleFile{}
	var errs []error
	for i, source := range sources {
		library.verified = library.verified && source.Verified
		found, rules, size := 0, 0, 0
		err := fs.WalkDir(source.FS, ".", func(name string, entry fs.DirEntry, err error) error {
			if err := cmp.Or(err, ctx.Err()); err != nil {
				return err
			}
			isExample := isExample(name)
			if entry.IsDir() || !isExample && (path.Ext(name) != ".rego" || strings.HasSuffix(name, "_test.rego")) {
				return nil
			}
			if found++; found > maxFiles {
				return fmt.Errorf("there are more than %d files of rules", maxFiles)
			}
			text, err := readRule(source, name)
			if err != nil {
				return err
			}
			if size += len(text); size > maxSize {
				return fmt.Errorf("the rules and their examples have more than %d MB together", maxSize>>20)
			}
			if isExample {
				file := path.Join(source.Name, name)
				examples[file] = exampleFile{file, 1, text}
				return nil
			}
			rules++
			files = append(files, &parsed{source: i, file: path.Join(source.Name, name), name: name, text: text})
			return nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("read policies %s: %w", source.Name, err))
		} else if rules == 0 {
			errs = append(errs, fmt.Errorf("read policies %s: no .rego file in it: a run without rules would pass everything", source.Name))
		}
	}
	files, twice := once(files)
	errs = append(errs, twice...)
	library.parse(ctx, files, library.verified)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := library.add(f, examples); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	slices.SortFunc(library.Rules, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	library.kept = library.Rules
	return library, library.verify()
}

// parsed is one file of a source.
type parsed struct {
	source           int    // its index
	file, name, text string // file as messages name it, name within its source
	module           *ast.Module
	whole            bool // the module is that of the whole file
	err              error
}

// once is every file once, and one error for each source that gives files which an earlier one has.
func once(files []*parsed) ([]*parsed, []error) {
	first, given := map[string]*parsed{}, map[int][]*parsed{}
	var kept []*parsed
	for _, f := range files {
		if first[f.file] != nil {
			given[f.source] = append(given[f.source], f)
			continue
		}
		first[f.file] = f
		kept = append(kept, f)
	}
	var errs []error
	for _, source := range slices.Sorted(maps.Keys(given)) {
		again := given[source]
		what := again[0].file
		if n := len(again) - 1; n > 0 {
			what = fmt.Sprintf("%s, with %d more of its directory,", what, n)
		}
		if first[again[0].file].source == 0 {
			errs = append(errs, fmt.Errorf("%s is built in: leave the directory of the built-in rules out, and give a file of your own another name", what))
		} else {
			errs = append(errs, fmt.Errorf("%s is given twice: name its directory once", what))
		}
	}
	return kept, errs
}

// parse reads every file, or its head alone, as many at a time as there are processors.
func (l *Library) parse(ctx context.Context, files []*parsed, heads bool) {
	allowed := l.capabilities()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, f := range files {
		group.Go(func() error {
			if f.err = ctx.Err(); f.err != nil {
				return nil
			}
			f.module, f.err = recovered(func() (*ast.Module, error) {
				text := f.text
				if heads {
					text = head(text)
				}
				return ast.ParseModuleWithOpts(f.file, text, ast.ParserOptions{
					ProcessAnnotation: !strings.HasPrefix(f.name, "lib/"), RegoVersion: ast.RegoV1, Capabilities: allowed,
				})
			})
			if f.err == nil && f.source > 0 {
				f.err = verifyNesting(f.file, f.module)
			}
			return nil
		})
	}
	_ = group.Wait() // each file has its own error
}

// head is what a file says of itself: what stands before its package, and that.
func head(text string) string {
	if begin := strings.Index("\n"+text, "\npackage "); begin >= 0 {
		line, _, _ := strings.Cut(text[begin:], "\n")
		return text[:begin+len(line)]
	}
	return text
}

func (l *Library) add(f *parsed, examples map[string]exampleFile) error {
	if f.err != nil {
		return describe(f.err)
	}
	file, module := f.file, f.module
	dir := path.Dir(f.name)
	if err := verifyDirectory(file, dir); err != nil {
		return err
	}
	group, rule, ok := strings.Cut(dir, "/")
	want := strings.ReplaceAll(path.Join(root, dir), "/", ".")
	if got := packageName(module); got != want {
		return fmt.Errorf("%s:%d: the package is %s; in this directory it must be %s", file, module.Package.Location.Row, got, want)
	}
	if err := l.claims.add(f.source, file, module); err != nil {
		return err
	}
	if l.verified {
		l.unread[want] = append(l.unread[want], f)
	} else {
		l.modules[file] = module
	}
	if group == "lib" {
		return nil
	}
	if !ok || strings.Contains(rule, "/") {
		return fmt.Errorf("%s: a rule lies in <group>/<rule>/", file)
	}
	if slices.ContainsFunc(l.Rules, func(r *Rule) bool { return r.Package == want }) {
		return fmt.Errorf("%s: the rule %s is defined twice: a rule is one file beside its test", file, want)
	}
	r, err := newRule(file, want, module, f.source > 0)
	if err == nil {
		err = r.exemplify(examples)
	}
	if err == nil && !l.verified && !canDeny(module) {
		err = fmt.Errorf("%s:%d: the rule has no `deny contains …`: it could find nothing", file, r.line)
	}
	if err != nil {
		return err
	}
	r.Name = strings.ReplaceAll(group+"/"+rule, "_", "-")
	l.Rules = append(l.Rules, r)
	return nil
}

func packageName(module *ast.Module) string {
	return strings.TrimPrefix(module.Package.Path.String(), "data.")
}

func newRule(file, pkg string, module *ast.Module, own bool) (*Rule, error) {
	line := module.Package.Location.Row
	var meta *ast.Annotations
	for _, a := range module.Annotations {
		if a.Scope == "package" && meta != nil {
			return nil, fmt.Errorf("%s:%d: the rule has METADATA of scope package twice", file, a.Location.Row)
		}
		if a.Scope == "package" {
			meta = a
		}
	}
	if meta == nil {
		return nil, fmt.Errorf("%s:%d: the rule has no METADATA of scope package above its package line", file, line)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: METADATA: %s", file, meta.Location.Row, fmt.Sprintf(format, args...))
	}
	custom := []string{"bad", "fix", "good", "locked", "scope", "sees", "severity", "standard", "states"}
	if !own {
		custom = append(custom, "mentions")
	}
	for _, key := range slices.Sorted(maps.Keys(meta.Custom)) {
		_, isText := meta.Custom[key].(string)
		_, isBool := meta.Custom[key].(bool)
		self := meta.Custom[key] == "self"
		switch {
		case !slices.Contains(custom, key):
			return nil, fail("custom has no key %q; it has %s", key, strings.Join(custom, ", "))
		case key == "locked" && !isBool && !self:
			return nil, fail("custom.locked is %v; it is true, self or false", meta.Custom[key])
		case key != "locked" && !isText:
			return nil, fail("custom.%s is %v; it must be a text", key, meta.Custom[key])
		}
	}
	text := func(key string) string {
		s, _ := meta.Custom[key].(string)
		return strings.TrimSpace(s)
	}
	locked, _ := meta.Custom["locked"].(bool)
	r := &Rule{Package: pkg, File: file, line: line, own: own, mentions: strings.Fields(text("mentions")), Check: check.Check{
		Title: strings.TrimSpace(meta.Title), Doc: strings.TrimSpace(meta.Description), Fix: text("fix"),
		Severity: check.Severity(text("severity")), Scope: check.Scope(text("scope")), Origin: "policy",
		Bad: text(badName), Good: text(goodName), Locked: locked, Central: meta.Custom["locked"] == "self",
		Convention: text("states") == convention, Firm: text("standard") == string(check.Error),
	}}
	if groups := strings.Fields(text("sees")); len(groups) > 0 {
		r.Sees = func(object *manifest.Object) bool { return slices.Contains(groups, object.Group()) }
	}
	for _, resource := range meta.RelatedResources {
		r.References = append(r.References, resource.Ref.String())
	}
	switch {
	case r.Title == "" || r.Doc == "":
		return nil, fail("title and description must say what holds and why")
	case r.Fix == "":
		return nil, fail("custom.fix must say what to do about a finding")
	case r.Severity != check.Error && r.Severity != check.Warning:
		return nil, fail("custom.severity is %q; it is error or warning", r.Severity)
	case (r.Bad == "") != (r.Good == ""):
		return nil, fail("custom.bad and custom.good belong together: a fragment that the rule denies, and the same put right")
	case r.Scope != check.Object && r.Scope != check.Overlay && r.Scope != check.Repository:
		return nil, fail("custom.scope is %q; it is object, overlay or repository", r.Scope)
	}
	if states := text("states"); meta.Custom["states"] != nil && states != fact && states != convention {
		return nil, fail("custom.states is %q; it is %s, or %s for what a team agrees on", states, fact, convention)
	}
	if meta.Custom["standard"] != nil && (!r.Firm || !r.Convention) {
		return nil, fail("custom.standard is %q; it is error, of a convention that is no warning with the profile standard either", text("standard"))
	}
	if meta.Custom["sees"] != nil && (r.Sees == nil || r.Scope != check.Repository) {
		return nil, fail("custom.sees is %q; a rule of scope repository names the API groups of the objects that it looks into, as argoproj.io", text("sees"))
	}
	return r, nil
}

// canDeny reports whether a module can find something.
func canDeny(module *ast.Module) bool {
	return slices.ContainsFunc(module.Rules, func(rule *ast.Rule) bool {
		return rule.Head.Name.String() == "deny" && rule.Head.RuleKind() == ast.MultiValue
	})
}

// verify refuses two rules with one name.
func (l *Library) verify() error {
	for i := 1; i < len(l.Rules); i++ {
		if a, b := l.Rules[i-1], l.Rules[i]; a.Name == b.Name {
			return fmt.Errorf("%s and %s both define %s", a.File, b.File, a.Name)
		}
	}
	return nil
}

// describe joins OPA's errors, each as file:line: message.
func describe(err error) error {
	var list ast.Errors
	if !errors.As(err, &list) {
		return err
	}
	var errs []error
	for _, e := range list {
		if e.Location == nil {
			errs = append(errs, errors.New(e.Message))
			continue
		}
		errs = append(errs, fmt.Errorf("%s:%d: %s", e.Location.File, e.Location.Row, e.Message))
	}
	return errors.Join(errs...)
}
