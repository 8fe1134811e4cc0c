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
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// words are those that rules mention.
func (l *Library) words() []string {
	var all []string
	for _, rule := range l.Rules {
		all = append(all, rule.mentions...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Expect says which of some words the manifests hold, as far as that can be told before they are rendered: rules that mention
// others are compiled when an object proves it wrong. It is asked at the first evaluation, or Prepare, of the first call; without
// one, all rules are compiled together.
func (l *Library) Expect(held func(words []string) []string) { l.held.CompareAndSwap(nil, &held) }

// mayDeny reports whether a target has what a rule is about.
func (l *Library) mayDeny(rule *Rule, target *check.Target) bool {
	if len(rule.mentions) == 0 {
		return true
	}
	spoken, _ := l.spoken.Get(target, func() (map[string]bool, error) {
		spoken := map[string]bool{}
		for _, word := range l.words() {
			spoken[word] = slices.ContainsFunc(target.WithGenerated(), func(o *manifest.Object) bool { return bytes.Contains(o.JSON, []byte(word)) })
		}
		return spoken, nil
	})
	return slices.ContainsFunc(rule.mentions, func(word string) bool { return spoken[word] })
}

// guard has a rule find nothing in an input without any of the words that it mentions, as in a run, where it is not even asked:
// a test of what it finds there fails.
func (r *Rule) guard(module *ast.Module) {
	if len(r.mentions) == 0 {
		return
	}
	var words []string
	for _, word := range r.mentions {
		words = append(words, regexp.QuoteMeta(word))
	}
	for _, denial := range module.Rules {
		if denial.Head.Name == "deny" {
			expr := ast.MustParseExpr(fmt.Sprintf("regex.match(%q, json.marshal(input))", strings.Join(words, "|")))
			denial.Body.Append(expr.SetLocation(denial.Location))
		}
	}
}

// lazy is a value that is made once, when somebody first asks for it.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (z *lazy[T]) get(make func() (T, error)) (T, error) {
	z.once.Do(func() { z.value, z.err = make() })
	return z.value, z.err
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
			l.expected = map[string]bool{}
			for _, word := range (*held)(l.words()) {
				l.expected[word] = true
			}
		}
		return l.compile(ctx, slices.DeleteFunc(slices.Clone(l.kept), func(r *Rule) bool { return !l.expects(r) }))
	})
}

// expects reports whether a rule is compiled from the start. Rules of one's own may build on any other: all are.
func (l *Library) expects(rule *Rule) bool {
	return !l.verified || l.expected == nil || len(rule.mentions) == 0 ||
		slices.ContainsFunc(rule.mentions, func(word string) bool { return l.expected[word] })
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
