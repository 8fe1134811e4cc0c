package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// Suite is rules with the _test.rego files beside them.
type Suite struct {
	Rules []*Rule // those under test

	library *Library
	modules map[string]*ast.Module // by file: those under test, their tests, and what they build on
	tested  map[string]*ast.Module // those under test
	tests   map[string]*ast.Module
}

// Tests is what a suite found. Everything is sorted by file and line.
type Tests struct {
	Passed   []Test
	Failed   []Test
	Errors   []Test // could not be decided
	Skipped  []Test // switched off by their names
	Untested []*Rule
	Coverage []Coverage // of each file under test
}

// Test is one test, or one case of it.
type Test struct {
	Name   string
	Case   []string // the keys that name a case, of a test that has cases
	Source manifest.Position
	At     manifest.Position // the expression that was not true; zero when it is not known
	Detail string            // that expression with the values in it, or the error
	Output string            // what print wrote
}

// Coverage says which lines of a file no test reached.
type Coverage struct {
	File              string
	Covered, Possible int // lines
	Missed            []int
}

// Percent is the share of lines that tests reached.
func Percent(files []Coverage) float64 {
	covered, possible := 0, 0
	for _, f := range files {
		covered, possible = covered+f.Covered, possible+f.Possible
	}
	if possible == 0 {
		return 0
	}
	return 100 * float64(covered) / float64(possible)
}

// LoadSuite parses the rules of sources with their tests. They build on what builtin has in lib, its fixtures included;
// without sources, the tests are those of builtin itself. The rules have to be such that a run would take them, and
// they and their tests have to compile strictly.
func LoadSuite(ctx context.Context, builtin Source, sources ...Source) (*Suite, error) {
	builtin.Verified = len(sources) > 0
	library, err := Load(ctx, append([]Source{builtin}, sources...)...)
	if err != nil {
		return nil, err
	}
	if err := library.Prepare(ctx); err != nil {
		return nil, err
	}
	s := &Suite{library: library, modules: map[string]*ast.Module{}, tested: map[string]*ast.Module{}, tests: map[string]*ast.Module{}}
	var errs []error
	packages := slices.Clone(library.claims)
	for i, source := range append([]Source{builtin}, sources...) {
		under, size := i > 0 || len(sources) == 0, 0
		errs = append(errs, fs.WalkDir(source.FS, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || path.Ext(name) != ".rego" || !under && !strings.HasPrefix(name, "lib/") {
				return err
			}
			file := path.Join(source.Name, name)
			if !strings.HasSuffix(name, "_test.rego") {
				s.modules[file] = library.modules[file]
				if under {
					s.tested[file] = library.modules[file]
				}
				return nil
			}
			text, err := readRule(source, name)
			if err != nil {
				return err
			}
			if size += len(text); size > maxSize {
				return fmt.Errorf("read policies %s: the _test.rego files in it have more than %d MB together", source.Name, maxSize>>20)
			}
			module, err := recovered(func() (*ast.Module, error) {
				return ast.ParseModuleWithOpts(file, text, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: library.capabilities()})
			})
			if err == nil && i > 0 {
				err = verifyNesting(file, module)
			}
			if err == nil {
				err = packages.add(i, file, module)
			}
			if err != nil {
				errs = append(errs, describe(err))
				return nil
			}
			s.modules[file] = module
			if under {
				s.tests[file] = module
			}
			return nil
		}))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, rule := range library.Rules {
		if s.tested[rule.File] != nil {
			s.Rules = append(s.Rules, rule)
			rule.guard(s.modules[rule.File])
		}
	}
	if !slices.ContainsFunc(s.Rules, s.hasTest) && !slices.ContainsFunc(s.all(), isTest) {
		return nil, errors.New("there is no test: a rule in x.rego is tested by rules named test_… in x_test.rego beside it")
	}
	return s, nil
}

// all are the rules of the test files.
func (s *Suite) all() []*ast.Rule {
	var rules []*ast.Rule
	for _, module := range s.tests {
		rules = append(rules, module.Rules...)
	}
	return rules
}

func isTest(rule *ast.Rule) bool {
	return strings.HasPrefix(strings.TrimPrefix(string(rule.Head.Ref()[0].Value.(ast.Var)), "todo_"), tester.TestPrefix)
}

func (s *Suite) hasTest(rule *Rule) bool {
	for file, module := range s.tests {
		if path.Dir(file) == path.Dir(rule.File) && slices.ContainsFunc(module.Rules, isTest) {
			return true
		}
	}
	return false
}

// Of is what the tests of a rule under test are called.
func (s *Suite) Of(name string) (*regexp.Regexp, error) {
	var names []string
	for _, rule := range s.Rules {
		if rule.Name == name {
			return regexp.Compile("^" + regexp.QuoteMeta("data."+rule.Package+"_test") + `\.`)
		}
		names = append(names, rule.Name)
	}
	return nil, fmt.Errorf("no rule here is called %s%s", name, spelling.Meant(name, names))
}

// Run runs the tests whose full name, such as data.policies.pod.probes_test.test_denies, fits filter.
func (s *Suite) Run(ctx context.Context, filter *regexp.Regexp) (Tests, error) {
	var out Tests
	coverage := cover.New()
	var packages []ast.Ref
	for _, module := range s.tests {
		packages = append(packages, module.Package.Path)
	}
	results, err := s.run(ctx, packages, filter, func(r *tester.Runner) {
		r.SetCoverageQueryTracer(coverage).SetCoverageRuns(nil)
	})
	if err != nil {
		return out, err
	}
	if len(results) == 0 {
		return out, fmt.Errorf("no test has a name that fits %s", filter)
	}
	// A trace costs more than the test, so only what failed is run with one.
	traces := map[string]*tester.Result{}
	packages = nil
	for _, r := range results {
		if r.Fail {
			packages = append(packages, ast.MustParseRef(r.Package))
		}
	}
	if len(packages) > 0 {
		again, err := s.run(ctx, packages, filter, func(r *tester.Runner) { r.EnableTracing(true) })
		if err != nil {
			return out, err
		}
		for _, r := range again {
			traces[r.Package+r.Name] = r
		}
	}
	for _, r := range results {
		out.add(r, traces[r.Package+r.Name])
	}
	for _, list := range []*[]Test{&out.Passed, &out.Failed, &out.Errors, &out.Skipped} {
		slices.SortFunc(*list, func(a, b Test) int {
			return cmp.Or(cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Line, b.Source.Line),
				cmp.Compare(a.Name, b.Name), slices.Compare(a.Case, b.Case))
		})
	}
	for _, rule := range s.Rules {
		if !s.hasTest(rule) {
			out.Untested = append(out.Untested, rule)
		}
	}
	found := coverage.Report(s.tested)
	for file := range s.tested {
		f := found.Files[file]
		c := Coverage{File: file, Covered: f.CoveredLines, Possible: f.CoveredLines + f.NotCoveredLines}
		for _, missed := range f.NotCovered {
			for line := missed.Start.Row; line <= missed.End.Row; line++ {
				c.Missed = append(c.Missed, line)
			}
		}
		slices.Sort(c.Missed)
		c.Missed = slices.Compact(c.Missed)
		out.Coverage = append(out.Coverage, c)
	}
	slices.SortFunc(out.Coverage, func(a, b Coverage) int { return strings.Compare(a.File, b.File) })
	return out, nil
}

// run runs the tests of packages.
func (s *Suite) run(ctx context.Context, packages []ast.Ref, filter *regexp.Regexp, set func(*tester.Runner)) ([]*tester.Result, error) {
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(s.library.capabilities()).
		WithDefaultRegoVersion(ast.RegoV1).WithEnablePrintStatements(true)
	runner := tester.NewRunner().SetCompiler(compiler).SetStore(newStore()).SetModules(s.modules).SetDefaultRegoVersion(ast.RegoV1).
		RaiseBuiltinErrors(true).CapturePrintOutput(true).SetTimeout(longest).SetPrefixMatchers(packages...)
	if filter != nil {
		runner.Filter(filter.String())
	}
	set(runner)
	// Each test has its own time; together they have one memory.
	ctx, stop := limited(ctx, math.MaxInt64, testMemory)
	defer stop()
	running, err := runner.RunTests(ctx, nil)
	if err != nil {
		return nil, describe(err)
	}
	var results []*tester.Result
	for r := range running {
		results = append(results, r)
	}
	return results, context.Cause(ctx)
}

// add takes a result apart into its cases. traced is the same result with a trace, where there is one.
func (t *Tests) add(r, traced *tester.Result) {
	test := Test{
		Name:   strings.TrimPrefix(r.Package, "data.") + "." + r.Name,
		Source: manifest.Position{File: r.Location.File, Line: r.Location.Row},
		Output: string(r.Output),
	}
	switch {
	case r.Skip:
		t.Skipped = append(t.Skipped, test)
		return
	case r.Error != nil:
		test.Detail = r.Error.Error()
		t.Errors = append(t.Errors, test)
		return
	}
	cases := false
	for name, sub := range r.SubResults.Iter {
		if len(sub.SubResults) > 0 {
			continue
		}
		cases = true
		one := test
		one.Case = name
		if !sub.Fail {
			t.Passed = append(t.Passed, one)
			continue
		}
		if traced != nil {
			one.explain(traceOf(traced.SubResults, name))
		}
		t.Failed = append(t.Failed, one)
	}
	switch {
	case r.Fail && (!cases || !slices.ContainsFunc(t.Failed, func(f Test) bool { return f.Name == test.Name })):
		if traced != nil {
			test.explain(traced.Trace)
		}
		t.Failed = append(t.Failed, test)
	case !r.Fail && !cases:
		t.Passed = append(t.Passed, test)
	}
}

// traceOf is the trace of a case. It goes down by itself: the iterator of OPA goes on after the loop that it is for has
// ended, as soon as cases are nested.
func traceOf(results tester.SubResultMap, name []string) []*topdown.Event {
	sub := results[name[0]]
	switch {
	case sub == nil:
		return nil
	case len(name) > 1:
		return traceOf(sub.SubResults, name[1:])
	}
	return sub.Trace
}

// explain finds the expression at which a test ended: the last one that failed, and of an every the one in its body.
func (t *Test) explain(trace []*topdown.Event) {
	for _, e := range slices.Backward(trace) {
		if e.Op != topdown.FailOp || e.Location == nil || e.QueryID == 0 {
			continue
		}
		expr, ok := e.Node.(*ast.Expr)
		if !ok {
			continue
		}
		if _, every := expr.Terms.(*ast.Every); every {
			continue
		}
		var text strings.Builder
		if err := topdown.PrettyEvent(&text, e, topdown.PrettyEventOpts{PrettyVars: true}); err != nil {
			return // a builder takes everything
		}
		t.At = manifest.Position{File: e.Location.File, Line: e.Location.Row}
		t.Detail = outdent(text.String())
		return
	}
}

// outdent takes away the white space that every line begins with: an expression comes at the column that it has in its
// file.
func outdent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	margin := lines[0][:len(lines[0])-len(strings.TrimLeft(lines[0], " \t"))]
	for _, line := range lines {
		for line != "" && !strings.HasPrefix(line, margin) {
			margin = margin[:len(margin)-1]
		}
	}
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], margin)
	}
	return strings.Join(lines, "\n")
}
