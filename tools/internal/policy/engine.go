package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/kgate-dev/gitops/tools/internal/activity"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// Facts are what rules may know besides objects.
type Facts struct {
	External []check.External
	Roots    []string // every directory of the repository with a kustomization
	Files    fs.FS    // the repository; nil for none
	Remotes  []string // the repository's names at a forge, as revision.Name has them
}

// holds are the directories that Applications and the templates of ApplicationSets name as paths and that hold files, as these
// spell them.
func (f Facts) holds(targets []*check.Target) []string {
	if f.Files == nil {
		return nil
	}
	var held []string
	for _, target := range targets {
		for _, object := range target.WithGenerated() {
			spec := manifest.At(object.Value, "spec")
			switch {
			case object.Group() != "argoproj.io":
				continue
			case object.Kind == "ApplicationSet":
				spec = manifest.At(spec, "template", "spec")
			case object.Kind != "Application":
				continue
			}
			for _, source := range append(slices.Clone(manifest.ListAt(spec, "sources")), manifest.At(spec, "source")) {
				recurse := manifest.At(source, "directory", "recurse") == true
				if name, ok := manifest.At(source, "path").(string); ok && f.hasFile(name, recurse) {
					held = append(held, name)
				}
			}
		}
	}
	slices.Sort(held)
	return slices.Compact(held)
}

// hasFile reports a directory with a file in it, or anywhere below it.
func (f Facts) hasFile(name string, below bool) bool {
	dir := path.Clean(name)
	if !fs.ValidPath(dir) {
		return false
	}
	entries, err := fs.ReadDir(f.Files, dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return !e.IsDir() || below && f.hasFile(path.Join(dir, e.Name()), true)
	})
}

// engine evaluates all built-in rules of a scope at once and hands each check its share: one evaluation of an object for
// forty rules costs little more than one for a single rule. Rules of one's own are evaluated each by itself.
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

type denial struct {
	Message string
	Path    manifest.Path
	With    []manifest.Path // the fields that it was held against, each a path like Path
	Missing *check.Reference
	Fact    string
	Line    int // of the text at Path, from 1; 0 for the field
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
	l.wholes.Sweep()
	l.spoken.Sweep()
	if p := l.first.value; p != nil { // where all rules of one's own are
		for _, u := range p.units {
			u.spent.Store(nil)
		}
	}
}

// Forget drops what is known of a target and its objects, but for what rules say of an object's text. It must not be called
// while the target is judged.
func (l *Library) Forget(target *check.Target) {
	l.values.Forget(target.Objects...)
	l.spoken.Forget(target)
	l.wholes.ForgetFunc(func(q question) bool {
		input, ok := q.input.(overlayInput)
		return ok && input.target == target
	})
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

// newStore holds what rules know besides their input. Modules lie below data.policies alone, so that none adds to it.
func newStore() storage.Store {
	return inmem.NewFromObjectWithOpts(relation.Data(), inmem.OptRoundTripOnWrite(true), inmem.OptReturnASTValuesOnRead(true))
}

// unit is what one evaluation answers: all built-in rules of a scope, or one rule. What those of one's own take is
// bounded, and they are told apart when one of them fails.
type unit struct {
	part     *part
	rules    []*Rule
	query    ast.Body
	compiler ast.QueryCompiler
	spent    atomic.Pointer[exceeded] // set when it took more than it may: it is not asked again
}

// answer is the variable of a unit's query.
const answer = ast.Var("answer")

// question is a unit and what it is asked of: the manifest.Digest of an object, an overlayInput or a repositoryInput.
type question struct {
	unit  *unit
	input any
}

// verdicts are what the rules of a unit say of one input; of most they say nothing.
type verdicts map[*Rule]verdict

type verdict struct {
	found []denial
	err   error
}

// err is any error among verdicts: they are not to be remembered then.
func (v verdicts) err() error {
	for _, one := range v {
		if one.err != nil {
			return one.err
		}
	}
	return nil
}

// ask gives a rule's verdict. input is made when no other rule was asked of the same.
// doing says what the run is busy with meanwhile.
func (e *engine) ask(ctx context.Context, rule *Rule, key any, doing string, input func() (ast.Value, error)) ([]denial, error) {
	l := e.library
	u, err := l.unitOf(ctx, rule)
	if err != nil {
		return nil, err
	}
	kept := &l.wholes
	if _, ok := key.(manifest.Digest); ok {
		kept = &l.results
	}
	said, err := kept.Get(question{u, key}, func() (verdicts, error) {
		defer activity.Begin(ctx, "evaluating the rules on %s", doing)()
		value, err := input()
		if err != nil {
			return nil, err
		}
		said := l.judge(ctx, u, value)
		return said, said.err()
	})
	if said == nil {
		return nil, err
	}
	return said[rule].found, said[rule].err
}

// judge evaluates a unit. When that fails, each of its rules is evaluated by itself: the others have their say.
func (l *Library) judge(ctx context.Context, u *unit, input ast.Value) verdicts {
	if len(u.rules) == 1 {
		found, err := l.alone(ctx, u, input)
		return verdicts{u.rules[0]: {found, u.rules[0].describe(err)}}
	}
	value, err := recovered(func() (ast.Value, error) { return l.query(ctx, u, input) })
	said := verdicts{}
	byPackage, ok := value.(ast.Object)
	for _, rule := range u.rules {
		if err == nil && ok {
			if term := byPackage.Get(ast.StringTerm(rule.Package)); term != nil {
				if found, err := read(term.Value, math.MaxInt); len(found) > 0 || err != nil {
					said[rule] = verdict{found, rule.describe(err)}
				}
				continue
			}
		}
		if ctx.Err() != nil {
			said[rule] = verdict{err: ctx.Err()}
			continue
		}
		alone, err := l.single(u.part, rule)
		if err != nil {
			said[rule] = verdict{err: rule.describe(err)}
			continue
		}
		said[rule] = l.judge(ctx, alone, input)[rule]
	}
	return said
}

// alone evaluates a unit of one rule.
func (l *Library) alone(ctx context.Context, u *unit, input ast.Value) ([]denial, error) {
	ask := func(ctx context.Context, most int) ([]denial, error) {
		value, err := l.query(ctx, u, input)
		if err != nil {
			return nil, err
		}
		return read(value, most)
	}
	if !u.rules[0].own {
		return recovered(func() ([]denial, error) { return ask(ctx, math.MaxInt) })
	}
	// A few at a time, so that a rule without an end is found out before all targets wait for it.
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if spent := u.spent.Load(); spent != nil {
		return nil, *spent
	}
	bounded, stop := limited(ctx, l.patience, maxMemory)
	defer stop()
	found, err := contain(bounded, func() ([]denial, error) { return ask(bounded, maxDenials) })
	if over, ok := errors.AsType[exceeded](err); ok {
		u.spent.Store(&over)
	}
	return found, err
}

func (l *Library) query(ctx context.Context, u *unit, input ast.Value) (ast.Value, error) {
	txn, err := l.store.NewTransaction(ctx)
	if err != nil {
		return nil, err
	}
	defer l.store.Abort(ctx, txn)
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	var value ast.Value
	err = topdown.NewQuery(u.query).
		WithQueryCompiler(u.compiler).WithCompiler(u.part.compiler).WithStore(l.store).WithTransaction(txn).
		WithInput(ast.NewTerm(input)).WithCancel(cancel).WithStrictBuiltinErrors(true).
		Iter(ctx, func(result topdown.QueryResult) error {
			if term := result[answer]; term != nil {
				value = term.Value
			}
			return nil
		})
	if err == nil && value == nil {
		err = errors.New("deny is undefined")
	}
	return value, err
}

// describe says of an error of evaluation which rule it is and where.
func (r *Rule) describe(err error) error {
	if err == nil {
		return nil
	}
	file, line, message := r.File, r.line, err.Error()
	if e, ok := errors.AsType[*topdown.Error](err); ok {
		if e.Location != nil && e.Location.File != "" {
			file, line = e.Location.File, e.Location.Row
		}
		message = fmt.Sprintf("%s: %s", e.Code, strings.Join(strings.Fields(cut(e.Message)), " ")) // of several lines
	}
	return fmt.Errorf("%s:%d: the rule %s fails: %s", file, line, r.Name, message)
}

func (e *engine) run(ctx context.Context, rule *Rule, pass *check.Pass) error {
	if !slices.ContainsFunc(pass.Targets, func(target *check.Target) bool { return e.library.mayDeny(rule, target) }) {
		return nil
	}
	switch rule.Scope {
	case check.Object:
		target := pass.Targets[0]
		for _, object := range target.Objects {
			// How a team wants its pods to be, it does not ask of the test of a chart that nobody runs. Secrets in git it does.
			if rule.Convention && !strings.HasPrefix(rule.Name, "config/") && object.IsHelmTest() {
				continue
			}
			// Overlays share most of their objects: what is the same text is judged once.
			found, err := e.ask(ctx, rule, object.Digest(), fmt.Sprintf("the %s of %s", object.ID, target.Path), func() (ast.Value, error) {
				input, err := e.value(object)
				if err != nil {
					return nil, err
				}
				return input.Value, nil
			})
			if err != nil {
				return fmt.Errorf("%w (it was held against %s)", err, object.ID)
			}
			if err := deal(pass, rule, found, "", func(path manifest.Path) (check.Field, bool) {
				return check.Field{Target: target, Object: object, Path: path}, true
			}); err != nil {
				return err
			}
		}
	case check.Overlay:
		target := pass.Targets[0]
		applied := target.Applied()
		found, err := e.ask(ctx, rule, overlayInput{target, &e.facts}, target.Path+" as a whole", func() (ast.Value, error) {
			input, err := e.overlay(target, applied)
			if err != nil {
				return nil, err
			}
			input = append(input, ast.Item(ast.StringTerm("external"), e.external()))
			return ast.NewObject(input...), nil
		})
		if err != nil {
			return err
		}
		return deal(pass, rule, found, "objects, an index", func(path manifest.Path) (check.Field, bool) {
			return field(target, applied, path)
		})
	case check.Repository:
		found, err := e.ask(ctx, rule, repositoryInput{&pass.Targets[0], &e.facts}, "all targets together", func() (ast.Value, error) {
			return e.repository(pass.Targets)
		})
		if err != nil {
			return err
		}
		return deal(pass, rule, found, "targets, an index, objects, an index", func(path manifest.Path) (check.Field, bool) {
			i, ok := index(path, "targets", len(pass.Targets))
			if !ok {
				return check.Field{}, false
			}
			return field(pass.Targets[i], pass.Targets[i].WithGenerated(), path[2:])
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
				return rule.describe(fmt.Errorf("deny has the path %s, which names no object: it must begin with %s", cut(path.String()), begin))
			}
			fields = append(fields, field)
		}
		switch {
		case d.Missing != nil:
			pass.ReportMissing(fields[0], d.Message, *d.Missing, fields[1:]...)
			continue
		case d.Fact != "":
			pass.ReportFact(fields[0], d.Message, d.Fact, fields[1:]...)
			continue
		case d.Line > 0:
			pass.ReportLine(fields[0].Target, fields[0].Object, fields[0].Path, d.Line, d.Message)
			continue
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

// besides are the keys of a denial that may be left out.
var besides = []string{"with", "missing", "fact", "line"}

// read takes a deny set apart, strictly. It may hold so many denials at most.
func read(value ast.Value, most int) ([]denial, error) {
	list, err := elements("deny", value, most)
	if err != nil {
		return nil, err
	}
	var found []denial
	for i := range list.Len() {
		fields, ok := list.Elem(i).Value.(ast.Object)
		if !ok {
			return nil, fmt.Errorf("deny holds %s; each element is an object with msg and path", brief(list.Elem(i).Value))
		}
		var extra []string
		for _, key := range fields.Keys() {
			if name := brief(key.Value); !slices.Contains(besides, name) {
				extra = append(extra, name)
			}
		}
		if slices.Sort(extra); !slices.Equal(extra, []string{"msg", "path"}) {
			return nil, fmt.Errorf("deny holds an element with the keys %s; they are msg and path, and may be with, missing and fact, or line", cut(strings.Join(extra, ", ")))
		}
		message, ok := fields.Get(ast.StringTerm("msg")).Value.(ast.String)
		if !ok || message == "" {
			return nil, fmt.Errorf("msg is %s; it must be a text", brief(fields.Get(ast.StringTerm("msg")).Value))
		}
		d := denial{Message: cut(string(message))}
		if d.Path, err = steps("path", fields.Get(ast.StringTerm("path")).Value); err != nil {
			return nil, err
		}
		if with := fields.Get(ast.StringTerm("with")); with != nil {
			list, err := elements("with", with.Value, maxWith)
			if err != nil {
				return nil, err
			}
			for i := range list.Len() {
				path, err := steps("with", list.Elem(i).Value)
				if err != nil {
					return nil, err
				}
				d.With = append(d.With, path)
			}
		}
		if missing := fields.Get(ast.StringTerm("missing")); missing != nil {
			if d.Missing, err = reference(missing.Value); err != nil {
				return nil, err
			}
		}
		if fact := fields.Get(ast.StringTerm("fact")); fact != nil {
			text, ok := fact.Value.(ast.String)
			if !ok || text == "" {
				return nil, fmt.Errorf("fact is %s; it must be a text", brief(fact.Value))
			}
			d.Fact = cut(string(text))
		}
		if line := fields.Get(ast.StringTerm("line")); line != nil {
			number, _ := line.Value.(ast.Number)
			n, ok := number.Int64()
			if !ok || n < 1 || n > math.MaxInt32 || fields.Len() > 3 {
				return nil, fmt.Errorf("line is %s; it is a line of the text at path, from 1, and stands beside msg and path alone", brief(line.Value))
			}
			d.Line = int(n)
		}
		found = append(found, d)
	}
	return found, nil
}

// reference is what a denial says is missing; nil for one whose name is no text, which nothing can have.
func reference(value ast.Value) (*check.Reference, error) {
	object, ok := value.(ast.Object)
	if !ok || object.Len() != 3 {
		return nil, fmt.Errorf("missing is %s; it is an object with kind, namespace and name", brief(value))
	}
	var texts []string
	for _, key := range []string{"kind", "namespace", "name"} {
		term := object.Get(ast.StringTerm(key))
		if term == nil {
			return nil, fmt.Errorf("missing has no %s; it is an object with kind, namespace and name", key)
		}
		text, ok := term.Value.(ast.String)
		if !ok {
			return nil, nil
		}
		texts = append(texts, string(text))
	}
	return &check.Reference{Kind: texts[0], Namespace: texts[1], Name: texts[2]}, nil
}

// elements are those of a set, in order, or of an array.
func elements(name string, value ast.Value, most int) (*ast.Array, error) {
	set, isSet := value.(ast.Set)
	list, isArray := value.(*ast.Array)
	var length int
	switch {
	case isSet:
		length = set.Len()
	case isArray:
		length = list.Len()
	default:
		return nil, fmt.Errorf("%s is %s; it must be a set or an array", name, brief(value))
	}
	if length > most {
		return nil, fmt.Errorf("%s holds %d elements; it may hold %d", name, length, most)
	}
	if isSet {
		list = set.Sorted()
	}
	return list, nil
}

// steps takes a path of a deny apart.
func steps(name string, value ast.Value) (manifest.Path, error) {
	list, ok := value.(*ast.Array)
	if !ok {
		return nil, fmt.Errorf("%s is %s; it must be an array of keys and indexes", name, brief(value))
	}
	if list.Len() > maxSteps {
		return nil, fmt.Errorf("%s has %d steps; it may have %d", name, list.Len(), maxSteps)
	}
	var path manifest.Path
	for i := range list.Len() {
		switch step := list.Elem(i).Value.(type) {
		case ast.String:
			path = append(path, string(step))
		case ast.Number:
			n, ok := step.Int64()
			if !ok || n < 0 || n > math.MaxInt32 {
				return nil, fmt.Errorf("%s holds %s, which is no index", name, brief(step))
			}
			path = append(path, int(n))
		default:
			return nil, fmt.Errorf("%s holds %s; it must hold keys and indexes", name, brief(step))
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
		overlay, err := e.overlay(target, target.WithGenerated())
		if err != nil {
			return nil, err
		}
		meta := overlay[0][1].Value.(ast.Object)
		terms[i] = ast.ObjectTerm(
			ast.Item(ast.StringTerm("path"), meta.Get(ast.StringTerm("path"))),
			ast.Item(ast.StringTerm("environment"), meta.Get(ast.StringTerm("environment"))),
			overlay[1],
			ast.Item(ast.StringTerm("generated"), generated(target)),
			ast.Item(ast.StringTerm("untold"), untold(target)))
	}
	texts := func(all []string) *ast.Term {
		terms := make([]*ast.Term, len(all))
		for i, text := range all {
			terms[i] = ast.StringTerm(text)
		}
		return ast.ArrayTerm(terms...)
	}
	return ast.NewObject(
		ast.Item(ast.StringTerm("targets"), ast.ArrayTerm(terms...)),
		ast.Item(ast.StringTerm("roots"), texts(e.facts.Roots)),
		ast.Item(ast.StringTerm("directories"), texts(e.facts.holds(targets))),
		ast.Item(ast.StringTerm("remotes"), texts(e.facts.Remotes)),
		ast.Item(ast.StringTerm("external"), e.external()),
	), nil
}

// generated says of the objects that are made of others which these are, by their indexes.
func generated(target *check.Target) *ast.Term {
	terms := make([]*ast.Term, len(target.Generated))
	for i, g := range target.Generated {
		terms[i] = ast.ObjectTerm(
			ast.Item(ast.StringTerm("object"), ast.IntNumberTerm(len(target.Objects)+i)),
			ast.Item(ast.StringTerm("of"), ast.IntNumberTerm(slices.Index(target.Objects, g.Of))))
	}
	return ast.ArrayTerm(terms...)
}

// untold are the indexes of the ApplicationSets that may make more than can be told.
func untold(target *check.Target) *ast.Term {
	var terms []*ast.Term
	for i, object := range target.Objects {
		if object.Kind == "ApplicationSet" && object.Group() == "argoproj.io" && !slices.Contains(target.Told, object) {
			terms = append(terms, ast.IntNumberTerm(i))
		}
	}
	return ast.ArrayTerm(terms...)
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
