package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// External is an object that manifests refer to and nobody renders.
type External struct {
	Kind, Namespace, Name, Provider string
	Ports                           []int
}

// Facts are what rules may know besides objects.
type Facts struct {
	External []External
	Roots    []string // every directory of the repository with a kustomization
}

// engine evaluates all rules of a scope at once and hands each check its share: one evaluation of an object for
// forty rules costs little more than one for a single rule.
type engine struct {
	library *Library
	facts   Facts
}

// What an evaluation depends on: an object's text alone; a target and the facts; all targets of one run, told by the
// list that its passes share, and the facts.
type (
	overlayInput struct {
		target *check.Target
		facts  *Facts
	}
	repositoryInput struct {
		targets **check.Target
		facts   *Facts
	}
)

// denials are what each rule, by package, denies in one input.
type denials map[string][]denial

type denial struct {
	Message string
	Path    manifest.Path
	With    []manifest.Path // the fields that it was held against, each a path like Path
}

// Checks makes a check of every rule. Compilation is put off until the first of them runs, or Prepare.
func (l *Library) Checks(facts Facts) []*check.Check {
	e := &engine{library: l, facts: facts}
	var checks []*check.Check
	for _, rule := range l.Rules {
		c := rule.Check
		c.Run = func(ctx context.Context, pass *check.Pass) error { return e.run(ctx, rule, pass) }
		checks = append(checks, &c)
	}
	return checks
}

// Sweep forgets what rules said of objects and targets that no run since the last Sweep had. It must not be called during
// a run.
func (l *Library) Sweep() {
	l.values.Sweep()
	l.results.Sweep()
}

// Restrict leaves rules out of evaluation. It must be called before the first evaluation.
func (l *Library) Restrict(keep func(name string) bool) {
	l.kept = slices.DeleteFunc(slices.Clone(l.Rules), func(r *Rule) bool { return !keep(r.Name) })
}

// checkingStages are the stages of OPA's compiler that refuse a module and change none.
var checkingStages = []ast.StageID{
	ast.StageCheckTypes, ast.StageCheckUnusedImports, ast.StageCheckKeywordOverrides, ast.StageCheckDuplicateImports,
	ast.StageCheckVoidCalls, ast.StageCheckRuleConflicts, ast.StageCheckUndefinedFuncs, ast.StageCheckRecursion,
	ast.StageCheckUnsafeBuiltins, ast.StageCheckDeprecatedBuiltins, ast.StageBuildRequiredCapabilities,
}

// Prepare compiles all modules together, strictly unless they are known to compile so, and makes one query a scope.
// It fails with the file and line of what does not compile. There is no partial evaluation: with one query a scope it
// made nothing faster, and preparing it cost a quarter of a second for object rules and over a minute for others.
func (l *Library) Prepare(ctx context.Context) error {
	l.once.Do(func() { l.queries, l.err = l.prepare(ctx) })
	return l.err
}

func (l *Library) prepare(ctx context.Context) (map[check.Scope]*rego.PreparedEvalQuery, error) {
	if l.verified && len(l.kept) == 0 {
		return nil, nil // nothing will be asked, and what is there is known to compile
	}
	denies := map[check.Scope][]string{}
	for _, rule := range l.kept {
		denies[rule.Scope] = append(denies[rule.Scope], fmt.Sprintf("%q: data.%s.deny", rule.Package, rule.Package))
	}
	var entry strings.Builder
	entry.WriteString("package kgate.entry\n\n")
	for _, scope := range slices.Sorted(maps.Keys(denies)) {
		fmt.Fprintf(&entry, "%s := {%s}\n", scope, strings.Join(denies[scope], ", "))
	}
	module, err := ast.ParseModuleWithOpts("entry.rego", entry.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	modules := map[string]*ast.Module{"entry.rego": module}
	maps.Copy(modules, l.modules)
	compiler := ast.NewCompiler().WithStrict(!l.verified).WithCapabilities(l.capabilities()).WithDefaultRegoVersion(ast.RegoV1)
	if l.verified {
		compiler = compiler.WithSkipStages(checkingStages...)
	}
	if compiler.Compile(modules); compiler.Failed() {
		return nil, describe(compiler.Errors)
	}
	var group errgroup.Group
	queries := map[check.Scope]*rego.PreparedEvalQuery{}
	for scope := range denies {
		query := &rego.PreparedEvalQuery{}
		queries[scope] = query
		group.Go(func() (err error) {
			*query, err = rego.New(
				rego.Query("data.kgate.entry."+string(scope)),
				rego.Compiler(compiler),
				rego.StrictBuiltinErrors(true),
				rego.SetRegoVersion(ast.RegoV1),
			).PrepareForEval(ctx)
			return err
		})
	}
	return queries, group.Wait()
}

func (e *engine) run(ctx context.Context, rule *Rule, pass *check.Pass) error {
	switch rule.Scope {
	case check.Object:
		target := pass.Targets[0]
		for _, object := range target.Objects {
			// Overlays share most of their objects: what is the same text is judged once.
			found, err := e.library.results.Get(string(object.JSON), func() (denials, error) {
				input, err := e.value(object)
				if err != nil {
					return nil, err
				}
				return e.evaluate(ctx, check.Object, input.Value)
			})
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			if err := deal(pass, rule, found[rule.Package], "", func(path manifest.Path) (check.Field, bool) {
				return check.Field{Target: target, Object: object, Path: path}, true
			}); err != nil {
				return err
			}
		}
	case check.Overlay:
		target := pass.Targets[0]
		applied := target.Applied()
		found, err := e.library.results.Get(overlayInput{target, &e.facts}, func() (denials, error) {
			input, err := e.overlay(target, applied)
			if err != nil {
				return nil, err
			}
			input = append(input, ast.Item(ast.StringTerm("external"), e.external()))
			return e.evaluate(ctx, check.Overlay, ast.NewObject(input...))
		})
		if err != nil {
			return err
		}
		return deal(pass, rule, found[rule.Package], "objects, an index", func(path manifest.Path) (check.Field, bool) {
			return field(target, applied, path)
		})
	case check.Repository:
		found, err := e.library.results.Get(repositoryInput{&pass.Targets[0], &e.facts}, func() (denials, error) {
			input, err := e.repository(pass.Targets)
			if err != nil {
				return nil, err
			}
			return e.evaluate(ctx, check.Repository, input)
		})
		if err != nil {
			return err
		}
		return deal(pass, rule, found[rule.Package], "targets, an index, objects, an index", func(path manifest.Path) (check.Field, bool) {
			i, ok := index(path, "targets", len(pass.Targets))
			if !ok {
				return check.Field{}, false
			}
			return field(pass.Targets[i], pass.Targets[i].Objects, path[2:])
		})
	}
	return nil
}

// deal reports denials. find is the field that a path names, which has to begin as said.
func deal(pass *check.Pass, rule *Rule, found []denial, begin string, find func(manifest.Path) (check.Field, bool)) error {
	for _, d := range found {
		var fields []check.Field
		for _, path := range append([]manifest.Path{d.Path}, d.With...) {
			field, ok := find(path)
			if !ok {
				return fmt.Errorf("deny of %s has the path %s, which names no object: it must begin with %s", rule.Package, path, begin)
			}
			fields = append(fields, field)
		}
		pass.Report(fields[0].Target, fields[0].Object, fields[0].Path, d.Message, fields[1:]...)
	}
	return nil
}

// field is the field that a path names, which leads to an object of a target, one of those that the rules saw, and on
// into it.
func field(target *check.Target, objects []*manifest.Object, path manifest.Path) (check.Field, bool) {
	i, ok := index(path, "objects", len(objects))
	if !ok {
		return check.Field{}, false
	}
	return check.Field{Target: target, Object: objects[i], Path: path[2:]}, true
}

func index(path manifest.Path, list string, length int) (int, bool) {
	if len(path) < 2 || path[0] != list {
		return 0, false
	}
	i, ok := path[1].(int)
	return i, ok && i >= 0 && i < length
}

// evaluate runs all rules of a scope on an input.
func (e *engine) evaluate(ctx context.Context, scope check.Scope, input ast.Value) (denials, error) {
	if err := e.library.Prepare(ctx); err != nil {
		return nil, err
	}
	prepared := e.library.queries[scope]
	set, err := prepared.Eval(ctx, rego.EvalParsedInput(input))
	if err != nil {
		return nil, err
	}
	if len(set) != 1 || len(set[0].Expressions) != 1 {
		return nil, fmt.Errorf("the rules of scope %s are undefined", scope)
	}
	byPackage, ok := set[0].Expressions[0].Value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the rules of scope %s evaluate to %T", scope, set[0].Expressions[0].Value)
	}
	result := denials{}
	for _, rule := range e.library.kept {
		if rule.Scope != scope {
			continue
		}
		value, ok := byPackage[rule.Package]
		if !ok {
			return nil, fmt.Errorf("%s: deny is undefined", rule.File)
		}
		found, err := read(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rule.File, err)
		}
		result[rule.Package] = found
	}
	return result, nil
}

// read takes a deny set apart, strictly.
func read(value any) ([]denial, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("deny is %T, not a set", value)
	}
	var found []denial
	for _, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("deny holds %v; each element is an object with msg and path", item)
		}
		weighed, weighs := fields["with"]
		delete(fields, "with")
		if extra := slices.Sorted(maps.Keys(fields)); !slices.Equal(extra, []string{"msg", "path"}) {
			return nil, fmt.Errorf("deny holds an element with the keys %s; they are msg and path, and may be with", strings.Join(extra, ", "))
		}
		message, ok := fields["msg"].(string)
		if !ok || message == "" {
			return nil, fmt.Errorf("msg is %v; it must be a text", fields["msg"])
		}
		d := denial{Message: message}
		var err error
		if d.Path, err = steps("path", fields["path"]); err != nil {
			return nil, err
		}
		list, ok := weighed.([]any)
		if weighs && !ok {
			return nil, fmt.Errorf("with is %v; it must be a set or an array of paths", weighed)
		}
		for _, value := range list {
			with, err := steps("with", value)
			if err != nil {
				return nil, err
			}
			d.With = append(d.With, with)
		}
		found = append(found, d)
	}
	return found, nil
}

// steps takes a path of a deny apart.
func steps(name string, value any) (manifest.Path, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is %v; it must be an array of keys and indexes", name, value)
	}
	var path manifest.Path
	for _, step := range list {
		switch step := step.(type) {
		case string:
			path = append(path, step)
		case json.Number:
			n, err := step.Int64()
			if err != nil || n < 0 || n > math.MaxInt32 {
				return nil, fmt.Errorf("%s holds %s, which is no index", name, step)
			}
			path = append(path, int(n))
		default:
			return nil, fmt.Errorf("%s holds %v; it must hold keys and indexes", name, step)
		}
	}
	return path, nil
}

// value converts an object for OPA, once.
func (e *engine) value(object *manifest.Object) (*ast.Term, error) {
	return e.library.values.Get(object, func() (*ast.Term, error) {
		value, err := ast.InterfaceToValue(object.Value)
		return ast.NewTerm(value), err
	})
}

// overlay is the input of a target. Rules of an overlay see what a sync applies; those of the repository see all, for an
// Application that is skipped goes on deploying where it is there already.
func (e *engine) overlay(target *check.Target, seen []*manifest.Object) ([][2]*ast.Term, error) {
	objects := make([]*ast.Term, len(seen))
	for i, object := range seen {
		value, err := e.value(object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", object.ID, err)
		}
		objects[i] = value
	}
	environment := ast.NullTerm()
	if target.Environment != nil {
		fields := map[string]any{"name": target.Environment.Name}
		if s := target.Environment.Sampling; s != nil {
			fields["sampling"] = map[string]any{"min": s.Min, "max": s.Max}
		}
		environment = ast.NewTerm(ast.MustInterfaceToValue(fields))
	}
	return [][2]*ast.Term{
		ast.Item(ast.StringTerm("target"), ast.ObjectTerm(
			ast.Item(ast.StringTerm("path"), ast.StringTerm(target.Path)),
			ast.Item(ast.StringTerm("environment"), environment))),
		ast.Item(ast.StringTerm("objects"), ast.ArrayTerm(objects...)),
	}, nil
}

func (e *engine) repository(targets []*check.Target) (ast.Value, error) {
	terms := make([]*ast.Term, len(targets))
	for i, target := range targets {
		overlay, err := e.overlay(target, target.Objects)
		if err != nil {
			return nil, err
		}
		meta := overlay[0][1].Value.(ast.Object)
		terms[i] = ast.ObjectTerm(
			ast.Item(ast.StringTerm("path"), meta.Get(ast.StringTerm("path"))),
			ast.Item(ast.StringTerm("environment"), meta.Get(ast.StringTerm("environment"))),
			overlay[1])
	}
	roots := make([]*ast.Term, len(e.facts.Roots))
	for i, dir := range e.facts.Roots {
		roots[i] = ast.StringTerm(dir)
	}
	return ast.NewObject(
		ast.Item(ast.StringTerm("targets"), ast.ArrayTerm(terms...)),
		ast.Item(ast.StringTerm("roots"), ast.ArrayTerm(roots...)),
		ast.Item(ast.StringTerm("external"), e.external()),
	), nil
}

func (e *engine) external() *ast.Term {
	terms := make([]*ast.Term, len(e.facts.External))
	for i, x := range e.facts.External {
		ports := make([]any, len(x.Ports))
		for j, port := range x.Ports {
			ports[j] = port
		}
		terms[i] = ast.NewTerm(ast.MustInterfaceToValue(map[string]any{
			"kind": x.Kind, "namespace": x.Namespace, "name": x.Name, "provider": x.Provider, "ports": ports,
		}))
	}
	return ast.ArrayTerm(terms...)
}
