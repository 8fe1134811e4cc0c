package policy

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// wordSet are words of a library, a bit for each: the first of Library.words is the lowest.
type wordSet uint64

const everything = ^wordSet(0)

// setOf are words as the library counts them. There may be 64 in all.
func (l *Library) setOf(words []string) (wordSet, error) {
	var set wordSet
	for _, word := range words {
		i := slices.Index(l.words, word)
		if i < 0 {
			i = len(l.words)
			l.words = append(l.words, word)
		}
		if i >= 64 {
			return 0, fmt.Errorf("the rules mention more than 64 words: %s is one too many", word)
		}
		set |= 1 << i
	}
	return set, nil
}

// Expect says which of some words the manifests hold, as far as that can be told before they are rendered: rules that mention
// others are compiled when an object proves it wrong. It is asked at the first evaluation, or Prepare, of the first call; without
// one, all rules are compiled together.
func (l *Library) Expect(held func(words []string) []string) { l.held.CompareAndSwap(nil, &held) }

// mayDeny reports whether a target has what a rule is about.
func (l *Library) mayDeny(rule *Rule, target *check.Target) bool {
	return rule.words == 0 || rule.words&l.wordsOf(target) != 0
}

// wordsOf are those of the words that the objects of a target hold.
func (l *Library) wordsOf(target *check.Target) wordSet {
	set, _ := l.spoken.Get(target, func() (wordSet, error) {
		var set wordSet
		for _, object := range target.WithGenerated() {
			for i, word := range l.words {
				if set&(1<<i) == 0 && bytes.Contains(object.JSON, []byte(word)) {
					set |= 1 << i
				}
			}
		}
		return set, nil
	})
	return set
}

// guard has a rule find nothing in an input without any of the words that it mentions, as in a run, where it is not even asked:
// a test of what it finds there fails.
func (l *Library) guard(rule *Rule, module *ast.Module) {
	if rule.words == 0 {
		return
	}
	var words []string
	for i, word := range l.words {
		if rule.words&(1<<i) != 0 {
			words = append(words, regexp.QuoteMeta(word))
		}
	}
	for _, denial := range module.Rules {
		if denial.Head.Name == "deny" {
			expr := ast.MustParseExpr(fmt.Sprintf("regex.match(%q, json.marshal(input))", strings.Join(words, "|")))
			ast.WalkTerms(expr, func(t *ast.Term) bool {
				t.Location = denial.Location
				return false
			})
			denial.Body.Append(expr.SetLocation(denial.Location))
		}
	}
}

// lazy is a value that is made once, when somebody first asks for it.
type lazy[T any] struct {
	once  sync.Once
	mu    sync.Mutex
	value T
	err   error
}

func (z *lazy[T]) get(make func() (T, error)) (T, error) {
	z.once.Do(func() {
		value, err := make()
		z.mu.Lock()
		defer z.mu.Unlock()
		z.value, z.err = value, err
	})
	return z.value, z.err
}

// made is the value, or its zero where nobody has asked for it.
func (z *lazy[T]) made() T {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.value
}

// part is rules that are compiled together, with what they build on.
type part struct {
	compiler *ast.Compiler
	units    map[*Rule]*unit
}

// Prepare compiles the rules that something is expected of, strictly unless they are known to compile so, and makes the
// queries. It fails with the file and line of what does not compile. There is no partial evaluation: with one query a scope it
// made nothing faster, and preparing it cost a quarter of a second for object rules and over a minute for others.
func (l *Library) Prepare(ctx context.Context) error {
	_, err := l.firstPart(ctx)
	return err
}

func (l *Library) firstPart(ctx context.Context) (*part, error) {
	return l.first.get(func() (*part, error) {
		if held := l.held.Load(); held != nil {
			var err error
			if l.expected, err = l.setOf((*held)(l.words)); err != nil {
				return nil, err
			}
		}
		return l.compile(ctx, slices.DeleteFunc(slices.Clone(l.kept), func(r *Rule) bool { return !l.expects(r) }))
	})
}

// expects reports whether a rule is compiled from the start. Rules of one's own may build on any other: all are.
func (l *Library) expects(rule *Rule) bool {
	return !l.verified || rule.words == 0 || rule.words&l.expected != 0
}

// unitOf is what to ask for a rule's verdict.
func (l *Library) unitOf(ctx context.Context, rule *Rule) (*unit, error) {
	p, err := l.firstPart(ctx)
	if err != nil {
		return nil, err
	}
	if !l.expects(rule) {
		if p, err = l.rest.get(func() (*part, error) {
			return l.compile(ctx, slices.DeleteFunc(slices.Clone(l.kept), l.expects))
		}); err != nil {
			return nil, err
		}
	}
	return p.units[rule], nil
}

// read parses the modules of rules, and those that they build on, however far down.
func (l *Library) read(ctx context.Context, rules []*Rule) (map[string]*ast.Module, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	modules := map[string]*ast.Module{}
	var todo []string
	for _, rule := range rules {
		todo = append(todo, rule.Package)
	}
	for seen := map[string]bool{}; len(todo) > 0; {
		var files, fresh []*parsed
		for _, name := range todo {
			if seen[name] {
				continue
			}
			seen[name] = true
			files = append(files, l.unread[name]...)
		}
		for _, f := range files {
			if !f.whole {
				fresh = append(fresh, f)
			}
		}
		l.parse(ctx, fresh, false)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		todo = nil
		for _, f := range files {
			if f.err != nil {
				return nil, describe(f.err)
			}
			f.whole = true
			modules[f.file] = f.module
			todo = append(todo, uses(f.module)...)
		}
	}
	return modules, nil
}

// uses are the packages below root that a module may refer to: those of a directory of two steps.
func uses(module *ast.Module) []string {
	var found []string
	ast.WalkRefs(module, func(ref ast.Ref) bool {
		if len(ref) >= 4 && ref.HasPrefix(ast.Ref{ast.DefaultRootDocument, ast.StringTerm(root)}) {
			found = append(found, strings.TrimPrefix(ref[:4].String(), "data."))
		}
		return false
	})
	return found
}

func (l *Library) compile(ctx context.Context, rules []*Rule) (*part, error) {
	if l.verified && len(rules) == 0 {
		return &part{}, nil // nothing will be asked, and what is there is known to compile
	}
	together := map[check.Scope][]*Rule{}
	for _, rule := range rules {
		if !rule.own {
			together[rule.Scope] = append(together[rule.Scope], rule)
		}
	}
	maps.DeleteFunc(together, func(_ check.Scope, rules []*Rule) bool { return len(rules) == 1 })
	var entry strings.Builder
	entry.WriteString("package kgate.entry\n\n")
	for _, scope := range slices.Sorted(maps.Keys(together)) {
		fmt.Fprintf(&entry, "%s := {", scope)
		for _, rule := range together[scope] {
			fmt.Fprintf(&entry, "%q: data.%s.deny, ", rule.Package, rule.Package)
		}
		entry.WriteString("}\n")
	}
	module, err := ast.ParseModuleWithOpts("entry.rego", entry.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	modules := maps.Clone(l.modules)
	if l.verified {
		if modules, err = l.read(ctx, rules); err != nil {
			return nil, err
		}
	}
	modules[""] = module // no file has this name
	compiler := ast.NewCompiler().WithStrict(!l.verified).WithCapabilities(l.capabilities()).WithDefaultRegoVersion(ast.RegoV1)
	if l.verified {
		compiler = compiler.WithSkipStages(checkingStages...)
	}
	bounded, stop := limited(ctx, l.patience, maxMemory)
	defer stop()
	if _, err := contain(bounded, func() (struct{}, error) {
		compiler.Compile(modules)
		return struct{}{}, nil
	}); err != nil {
		return nil, fmt.Errorf("compile the rules: %w: fewer rules that build on each other compile faster", err)
	}
	if compiler.Failed() {
		return nil, describe(compiler.Errors)
	}
	p := &part{compiler: compiler, units: map[*Rule]*unit{}}
	for scope, rules := range together {
		u, err := p.unit("data.kgate.entry."+string(scope), rules...)
		if err != nil {
			return nil, err
		}
		for _, rule := range rules {
			p.units[rule] = u
		}
	}
	for _, rule := range rules {
		if p.units[rule] == nil {
			if p.units[rule], err = l.single(p, rule); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

func (p *part) unit(ref string, rules ...*Rule) (*unit, error) {
	parsed, err := ast.ParseRef(ref)
	if err != nil {
		return nil, err
	}
	u := &unit{part: p, rules: rules, compiler: p.compiler.QueryCompiler()}
	u.query, err = u.compiler.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(parsed), ast.NewTerm(answer))))
	return u, err
}

// single is a rule of a part by itself.
func (l *Library) single(p *part, rule *Rule) (*unit, error) {
	return l.singles.Get(rule, func() (*unit, error) { return p.unit("data."+rule.Package+".deny", rule) })
}
