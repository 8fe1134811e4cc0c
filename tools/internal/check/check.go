// Package check is what every engine of kgate shares: checks, the findings they make, and the run that applies
// checks to targets. It knows no check by name.
package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// Severity says what a finding means for a merge.
type Severity string

const (
	Error   Severity = "error"   // must not be merged
	Warning Severity = "warning" // works today, will cost somebody later
)

// Scope says what one run of a check looks at.
type Scope string

const (
	Object     Scope = "object"     // one object at a time
	Overlay    Scope = "overlay"    // all objects of a target together
	Repository Scope = "repository" // all targets together; needs a run that covers every one
	Itself     Scope = "run"        // the exemptions, by what the run made of them
	Update     Scope = "update"     // a target beside what it was before a change; made where a run has both
)

// Check is one thing that must be true. kgate's code and the API server's, JSON schemas and Rego rules are all Checks, so
// that one list names, explains, selects and exempts them.
type Check struct {
	Name       string // group/rule
	Title      string // what holds when the check passes, one line
	Doc        string // why, in sentences
	Fix        string // what to do about a finding
	Severity   Severity
	Scope      Scope
	Origin     string   // the engine: kustomize, schema, admission, policy, kgate
	References []string // where the rule comes from
	Bad, Good  string   // YAML documents: one that the check finds something in, and the same put right
	Was        string   // of a check of scope Update, or of one that looks at what a change touches in all targets: what both change
	Locked     bool     // no exemption lets its findings pass
	Central    bool     // kgate.yaml alone may exempt from it: no object exempts itself
	Firm       bool     // a convention that keeps its severity where others are warnings: it keeps a pod from its node
	Convention bool     // it states what a team agrees on; else what a cluster or a tool refuses, ignores or breaks at
	// Yields names checks that say the same with more: a finding of this check is left out where one of theirs is
	// about the same field of the same object, the field that holds it, or, unless it is of the whole of a field, one inside it.
	Yields []string
	// Causes says that what other checks find inside the field that a finding of this one is about follows from it.
	Causes bool

	// Sees says, of a check of repository scope, at the fields of which objects it looks. It knows of every other object
	// the apiVersion, kind, namespace and name, and a run need not keep more. nil is every object.
	Sees func(*manifest.Object) bool

	// Run reports findings to the pass. An error means that the check could not be made.
	Run func(context.Context, *Pass) error
	// Audit is what a check of scope Itself has in place of Run: it says what is wrong with an exemption, or nothing.
	Audit func(Use) string
	// Review is what one of entries of the baseline has: it says what is wrong with one that holds more than there is.
	Review func(Mended) string
}

// Group is the part of the name before the slash.
func (c *Check) Group() string {
	group, _, _ := strings.Cut(c.Name, "/")
	return group
}

var checkName = regexp.MustCompile(`^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$`)

// Verify refuses a list that holds an unnamed, undocumented or repeated check.
func Verify(checks []*Check) error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range checks {
		fail := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("check %q: %s", c.Name, fmt.Sprintf(format, args...)))
		}
		if !checkName.MatchString(c.Name) {
			fail("the name is not of the form group/rule")
		}
		if group := c.Group(); group == facts || group == conventions {
			fail("the group %s is the name of all that states it", group)
		}
		if seen[c.Name] {
			fail("the name is taken twice")
		}
		seen[c.Name] = true
		for _, field := range []struct{ name, value string }{{"Title", c.Title}, {"Doc", c.Doc}, {"Fix", c.Fix}, {"Origin", c.Origin}} {
			if strings.TrimSpace(field.value) == "" {
				fail("%s is empty", field.name)
			}
		}
		if (strings.TrimSpace(c.Bad) == "") != (strings.TrimSpace(c.Good) == "") {
			fail("of Bad and Good one is empty: an example shows both")
		}
		if c.Severity != Error && c.Severity != Warning {
			fail("severity %q is not error or warning", c.Severity)
		}
		switch c.Scope {
		case Object, Overlay, Repository, Update:
			if c.Run == nil {
				fail("nothing to run")
			}
			if was := strings.TrimSpace(c.Was) != ""; was && c.Scope != Repository && c.Scope != Update || !was && c.Scope == Update && c.Bad != "" {
				fail("an example shows what was before a change, where the check looks at one, and nowhere else")
			}
		case Itself:
			if c.Audit == nil && c.Review == nil {
				fail("nothing to run")
			}
		default:
			fail("scope %q is not object, overlay, repository, update or run", c.Scope)
		}
	}
	return errors.Join(errs...)
}

// Select picks checks by names and groups, facts and conventions among them, in the order of checks. A leading "!" leaves
// out; with only such patterns everything else is kept. A pattern that fits no check is an error: a typing error must not
// turn a check off.
func Select(checks []*Check, patterns []string) ([]*Check, error) {
	var include, exclude []string
	for _, pattern := range patterns {
		name, negative := strings.CutPrefix(pattern, "!")
		if !slices.ContainsFunc(checks, func(c *Check) bool { return c.Fits(name) }) {
			return nil, fmt.Errorf("no check or group is called %q: `kgate checks` lists them%s", name, Meant(name, checks))
		}
		if negative {
			exclude = append(exclude, name)
		} else {
			include = append(include, name)
		}
	}
	var selected []*Check
	for _, c := range checks {
		if (len(include) == 0 || slices.ContainsFunc(include, c.Fits)) && !slices.ContainsFunc(exclude, c.Fits) {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("--checks %s leaves no check to run", strings.Join(patterns, ","))
	}
	return selected, nil
}

// Meant asks for the check or the group whose name is nearly one that none has; empty where there is none.
func Meant(name string, checks []*Check) string {
	known := []string{facts, conventions}
	for _, c := range checks {
		known = append(known, c.Name, c.Group())
	}
	return spelling.Meant(name, known)
}

// The names that select checks by what they state, as those of groups do.
const (
	facts       = "facts"
	conventions = "conventions"
)

// Fits reports whether a name is that of the check or of a group that it is in, or a glob of names.
func (c *Check) Fits(pattern string) bool {
	if strings.ContainsAny(pattern, "*?[") {
		ok, err := path.Match(pattern, c.Name)
		return err == nil && ok
	}
	return c.Name == pattern || c.Group() == pattern || pattern == conventions && c.Convention || pattern == facts && !c.Convention
}

// Target is one rendered unit: an overlay, a directory of manifests, a file.
type Target struct {
	Path        string       // relative to the repository, with slashes; "-" for standard input
	Environment *Environment // what kgate.yaml says of it, or nil
	Objects     []*manifest.Object
	Faults      []Fault // what rendering noticed
	Effects     []Entry // what does something in this target, of entries that may do nothing in another one
	Reading     Reading
	Namespace   string                    // that it is brought to, where that is known
	Lent        map[*manifest.Object]bool // of a target in several namespaces, for checks of the repository: those that have theirs of who brings them there
	Variants    []*Target                 // the same in other namespaces: what is found in any that is known is found
	Makes       []Reference               // what its objects have made in the cluster, beside themselves; * in a name is any text
	Pods        []Pods                    // that its objects have; * in a namespace or a label is any text
	StandIns    StandIns
	Mentions    map[string]bool // of objects that kgate.yaml declares, the names that it speaks of

	// Definitions are the CustomResourceDefinitions that stand outside of the target. nil is none.
	Definitions Definitions

	// Generated are the Applications that ApplicationSets among the objects make, where that can be told. Checks of the repository
	// are given them. Told are the ApplicationSets of which these are all that they make.
	Generated []Generated
	Told      []*manifest.Object

	// Deployers are who brings the target to a cluster, found when somebody asks; none, or nil, where nobody here knows.
	Deployers func(context.Context) ([]Deployer, error)

	// Created are the namespaces with labels that those have created who bring the target to a cluster; found as Deployers are.
	Created func(context.Context) ([]CreatedNamespace, error)

	Before *Before // what the target was, where a run compares; nil for one that was not there

	Touched *Touched // what a change does to the target, where a run compares; nil for one that it leaves as it is

	// Locate finds the line to edit for a field of one of the objects. nil means the object's own source.
	Locate func(*manifest.Object, manifest.Path) manifest.Origin
}

// Generated is an object that a controller makes of one of a target's.
type Generated struct {
	Object *manifest.Object
	Of     *manifest.Object                        // what makes it
	Field  func(field manifest.Path) manifest.Path // the field of Of that makes one of Object
}

// WithGenerated are the objects of a target, and behind them those that are generated.
func (t *Target) WithGenerated() []*manifest.Object {
	if len(t.Generated) == 0 {
		return t.Objects
	}
	all := slices.Clone(t.Objects)
	for _, g := range t.Generated {
		all = append(all, g.Object)
	}
	return all
}

// written is the field to edit for one of an object: of a generated one, the field of what makes it.
func (t *Target) written(object *manifest.Object, path manifest.Path) (*manifest.Object, manifest.Path) {
	for _, g := range t.Generated {
		if g.Object == object {
			return g.Of, g.Field(path)
		}
	}
	return object, path
}

// Deployer is who brings a target to a cluster, as messages call it.
type Deployer struct {
	Name     string
	Prunes   bool // it deletes, without being asked, what the target has no longer
	Cascades bool // it is deleted itself, by Argo CD, with what it deployed
	Forces   bool // it deletes and makes anew what no update may change
	Stays    bool // nothing that it deployed goes, whether it prunes or not

	ServerSide bool // it applies server-side what does not tell it otherwise
	Argo       bool // objects tell it otherwise in the annotations of Argo CD

	Keeps *Kept // what of objects stays as the cluster has it, whatever is deployed; nil for nothing
}

// Kept are fields of objects that a deployer leaves alone once an object is there.
type Kept struct {
	Of func(*manifest.Object) []manifest.Path
}

// Has reports whether a field of an object is among them, or lies in one that is.
func (k *Kept) Has(o *manifest.Object, field manifest.Path) bool {
	return k != nil && slices.ContainsFunc(k.Of(o), func(p manifest.Path) bool {
		return len(p) > 0 && field.HasPrefix(p)
	})
}

// CreatedNamespace is a namespace that Argo CD creates for what it brings there (managedNamespaceMetadata).
type CreatedNamespace struct {
	Name   string
	Labels map[string]string
	By     string // who says so, as messages call it
}

// Before is a target as a change found it.
type Before struct {
	*Target
	Revision string // as messages call it
	Pairs    []Pair // every object of both, those of the target first, in its order

	// Generated are the Applications that ApplicationSets make which both have, where all of them can be told on both sides.
	Generated []GeneratedPair

	// Moved is the directory that a target of the side after was before; "" of one that is where it was, or is new. nil moves none.
	Moved func(path string) string
}

// GeneratedPair is an Application that an ApplicationSet makes, before a change and after it: Old is nil of one that is new, New of
// one that it makes no longer.
type GeneratedPair struct {
	Set      *manifest.Object // as it is after the change
	Old, New *manifest.Object
}

// Touched is what a change does to a target, in short.
type Touched struct {
	Objects int               // that it adds, changes or removes
	First   manifest.ID       // of them
	Source  manifest.Position // the line of the first difference
}

// Pair is one object before a change and after it: Old is nil of one that it adds, New of one that it removes.
type Pair struct{ Old, New *manifest.Object }

// Definitions finds CustomResourceDefinitions of a kind that a target does not render itself. It is asked for kinds that the
// target has objects of, and reads no more than these take.
type Definitions interface {
	// Elsewhere are those that other targets of the repository render, but for targets of another environment or cluster.
	Elsewhere(ctx context.Context, target *Target, group, kind string) ([]*manifest.Object, error)
	// Given are those that kgate.yaml and the command line name.
	Given(group, kind string) ([]*manifest.Object, error)
	// Foreign are those that targets of another environment render, which may be of the same cluster.
	Foreign(ctx context.Context, target *Target, group, kind string) ([]*manifest.Object, error)
	// Apart are those that targets of another cluster render: they define nothing for the target.
	Apart(ctx context.Context, target *Target, group, kind string) ([]*manifest.Object, error)
	// Release is the release of an operator, named by its Go module, that kgate.yaml says the cluster runs; "" for none.
	Release(module string) string
}

// Reading is what of the repository a target was made of, named without links.
type Reading struct {
	Unlisted bool // kgate.yaml does not name the target: a comparison alone looks at it

	Files     []string // every file
	Layers    []string // directories of kustomizations
	Unchanged []string // of both, those whose objects the target has as they are rendered alone
	Charts    []string // directories of charts that are rendered without a kustomization
}

// Applied are the objects that a sync applies, in order. A hook that is skipped is in no cluster: it is judged alone, by
// checks of one object, and gives nothing to others.
func (t *Target) Applied() []*manifest.Object {
	if !slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool { return !o.Applied() }) {
		return t.Objects
	}
	return slices.DeleteFunc(slices.Clone(t.Objects), func(o *manifest.Object) bool { return !o.Applied() })
}

// Environment is what a target's environment is held to.
type Environment struct {
	Name     string
	From     string // the environment that its versions come from; "" where nobody says
	Sampling *Bounds
}

// Bounds is an inclusive range.
type Bounds struct{ Min, Max float64 }

// External is an object that manifests refer to and the repository does not render.
type External struct {
	Kind, Namespace, Name string
	Provider              string // who makes it
	Ports                 []int  // of a Service
	Source                manifest.Position
}

// IsPattern reports whether the name or the namespace is a glob, for objects of which each has a name of its own.
func (e External) IsPattern() bool { return strings.ContainsAny(e.Name+e.Namespace, `*?[`) }

// Provides reports whether an object that is missing is declared. Of a reference that says no namespace any will do, and of AnyName any
// object of the kind.
func (e External) Provides(missing Reference) bool {
	fits := func(pattern, name string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	}
	return e.Kind == missing.Kind && (missing.Name == AnyName || fits(e.Name, missing.Name)) && (missing.Namespace == "" || fits(e.Namespace, missing.Namespace))
}

// Fault is something wrong with how a target is put together, found before any object was looked at.
type Fault struct {
	Check   string // the check that reports it
	Source  manifest.Position
	Message string
	Of      manifest.Position // what it was meant for, where that is written

	// Entry is what does nothing in this target, for a fault that says so. Where the same does something in another target
	// of the run, there is no fault.
	Entry  manifest.Position
	Shared string // the directory that the entry is of, where other targets may read it with other objects
	Above  bool   // those too that read what reads the directory

	// Bare says that nothing brings an object to the target. That an entry of it does nothing follows.
	Bare bool

	In *Place // where it shows, of a fault that shows in an object

	Warns bool // it is a warning, whatever else the check finds
}

// Entry is something in a file that a target is made of, as a check looks at it.
type Entry struct {
	Check string
	At    manifest.Position
}

// Finding is one thing that is wrong, with what a reader needs to mend it.
type Finding struct {
	Check    string
	Severity Severity
	Place            // where it shows, the first of all
	Also     []Place // where else the same line does the same
	Message  string  // as it reads for Place
	Fix      string
	Source   manifest.Position   // the line to edit
	Related  []manifest.Position // what that line overrides, the closest first
	With     []Part              // what the field was held against: another one could give way instead
	Missing  *Reference          // what would mend it, also where another target of the same cluster renders it; nil for nothing
	Fact     string              // what it states, as a check writes it: findings of a check that state the same of a target are one mistake; "" for none
	Follows  []Finding           // what follows from it and is mended with it, as listed; nothing has any below itself

	mend  *Mend      // what was plainly meant; nil where nobody knows
	rests []identity // the findings that it follows from
	whole bool       // as of ReportWhole
	// undeclared is as of ReportAbsent.
	undeclared bool
	removed    *Reference // the object that the change removes from the target, of a finding of it as a whole
	scalar     bool       // of one value, which misses something
	entry      Entry      // what does nothing, of a finding that says so
	// brought is which of the namespaces that its target is brought to it was found in.
	brought int
	shared  string // as of Fault
	above   bool
	bare    bool
}

// Reference is an object as others refer to it: of a kind that is in no namespace, or wherever nobody says one, without one.
type Reference struct{ Kind, Namespace, Name string }

// Pods are pods of one workload, with the labels that they have.
type Pods struct {
	Namespace string
	Labels    map[string]string
}

// What a Reference may name besides objects.
const (
	// AnyName is the name of any object of a kind.
	AnyName = "*"
	// AnyKind is the kind of what is made of a name that an object has, whatever it is: any kind but Namespace, which few make.
	AnyKind = "*"
	// PodsKind is any pod with some labels: the name is a JSON object of them, or a LabelSelector.
	PodsKind = "pods"
	// PoliciesKind is any object that says what pods of a namespace may send or get; the name is for what it is missed.
	PoliciesKind = "policies"
)

// Selection is which pods a Reference to pods is about.
type Selection struct {
	MatchLabels      map[string]string
	MatchExpressions []Expression
}

// Expression is a condition of a LabelSelector.
type Expression struct {
	Key, Operator string
	Values        []string
}

// Selection reads the name of a Reference to pods; false where it selects none. An empty LabelSelector selects every pod; other
// fields beside it tell apart for what pods are missed.
func (r Reference) Selection() (Selection, bool) {
	var s Selection
	if json.Unmarshal([]byte(r.Name), &s.MatchLabels) == nil {
		return s, len(s.MatchLabels) > 0
	}
	s.MatchLabels = nil
	err := json.Unmarshal([]byte(r.Name), &s)
	return s, err == nil
}

// holds reports whether labels, which may be patterns, are as an expression says.
func (e Expression) holds(labels map[string]string) bool {
	have, has := labels[e.Key]
	among := has && slices.ContainsFunc(e.Values, func(value string) bool { return have == value || like(have, value) })
	switch e.Operator {
	case "In":
		return among
	case "NotIn":
		return !among || strings.Contains(have, "*")
	case "Exists":
		return has
	case "DoesNotExist":
		return !has
	}
	return false
}

// Part is a field that a finding weighs beside its own.
type Part struct {
	Object manifest.ID
	Path   manifest.Path
	Source manifest.Position // the line that sets it
}

// Field is a field of an object of a target, as a check names it.
type Field struct {
	Target *Target
	Object *manifest.Object
	Path   manifest.Path
}

// Place is a field of an object of a target.
type Place struct {
	Target string
	Object *manifest.ID // nil when the fault is not in an object
	Path   manifest.Path

	content string // of a locked check: a digest of what is wrong there
}

// Places are all places that the finding shows in.
func (f Finding) Places() []Place { return append([]Place{f.Place}, f.Also...) }

// Targets are the targets that the finding shows in, each once.
func (f Finding) Targets() []string {
	var targets []string
	for _, p := range f.Places() {
		if !slices.Contains(targets, p.Target) {
			targets = append(targets, p.Target)
		}
	}
	return targets
}

// Pass is one application of a check to one target, or to all targets for a check of repository scope.
type Pass struct {
	Check   *Check
	Targets []*Target

	ended    func() bool            // whether the run has been given up
	apart    func(a, b string) bool // whether two targets are for different clusters
	findings []Finding
}

// Apart reports whether two targets of the run are for different clusters, as far as anything tells: kgate.yaml, what deploys them,
// or what both render. Only a check of repository scope can ask.
func (p *Pass) Apart(a, b *Target) bool { return a.Path != b.Path && p.apart(a.Path, b.Path) }

// Report records a fault of an object's field. with are the fields that it was held against. Once the run has been given up
// it does nothing: to look for the lines of thousands of faults takes long.
func (p *Pass) Report(target *Target, object *manifest.Object, path manifest.Path, message string, with ...Field) {
	p.report(target, object, path, message, with...)
}

// report is Report; nil for what is not recorded.
func (p *Pass) report(target *Target, object *manifest.Object, path manifest.Path, message string, with ...Field) *Finding {
	if p.ended() {
		return nil
	}
	for _, w := range with {
		if w.Object.Hides(w.Path) {
			return nil
		}
	}
	made := object
	object, path = target.written(object, path)
	message, said := p.sayable(target, object, path, message)
	if !said {
		return nil
	}
	id := target.StandIns.identity(object.ID)
	origin := target.Origin(object, path)
	f := Finding{Place: Place{Target: target.Path, Object: &id, Path: path}, Message: message, Source: origin.Position, Related: origin.Overrode}
	if made != object {
		f.Fact = fmt.Sprintf("%s of %s", path, object.ID) // one line, whatever many are made of it
	}
	if p.Check.Locked {
		held, _ := path.Lookup(object.Value)
		f.content = digest(held)
	}
	for _, w := range with {
		object, path := w.Target.written(w.Object, w.Path)
		f.weigh(Part{w.Target.StandIns.identity(object.ID), path, w.Target.Origin(object, path).Position})
	}
	return p.add(f)
}

// ReportMissing is Report of a field that refers to what the target does not render.
func (p *Pass) ReportMissing(at Field, message string, missing Reference, with ...Field) {
	if f := p.report(at.Target, at.Object, at.Path, message, with...); f != nil {
		f.Missing = &missing
		switch value, held := at.Path.Lookup(at.Object.Value); value.(type) {
		case map[string]any, []any:
		default:
			f.scalar = held
		}
	}
}

// ReportAbsent is ReportMissing by a check that does not look at what kgate.yaml declares.
func (p *Pass) ReportAbsent(at Field, message string, missing Reference, with ...Field) {
	if f := p.report(at.Target, at.Object, at.Path, message, with...); f != nil {
		f.Missing, f.undeclared = &missing, true
	}
}

// ReportFact is Report of what is the same mistake as what else states the fact.
func (p *Pass) ReportFact(at Field, message, fact string, with ...Field) {
	if f := p.report(at.Target, at.Object, at.Path, message, with...); f != nil {
		f.Fact = fact
	}
}

// ReportWhole is Report of what is wrong with a field as a whole, such as items that repeat, whatever is wrong inside it.
func (p *Pass) ReportWhole(target *Target, object *manifest.Object, path manifest.Path, message string) {
	if f := p.report(target, object, path, message); f != nil {
		f.whole = true
	}
}

// ReportLine is Report of a line, from 1, of the text that a field holds.
func (p *Pass) ReportLine(target *Target, object *manifest.Object, path manifest.Path, line int, message string) {
	f := p.report(target, object, path, message)
	if f == nil {
		return
	}
	object, path = target.written(object, path)
	at := append(slices.Clone(path), manifest.Line(line))
	if origin := target.Origin(object, at); !origin.IsZero() {
		f.Source, f.Related = origin.Position, origin.Overrode
	}
}

// ReportAs is Report for what weighs less than the check's other findings.
func (p *Pass) ReportAs(severity Severity, target *Target, object *manifest.Object, path manifest.Path, message string, with ...Field) {
	if f := p.report(target, object, path, message, with...); f != nil {
		f.Severity = severity
	}
}

// ReportMisspelt is ReportAs of a field that is plainly meant to be as a mend makes it: what that mends besides follows from it.
func (p *Pass) ReportMisspelt(severity Severity, target *Target, object *manifest.Object, path manifest.Path, message string, mend *Mend, with ...Field) {
	if f := p.report(target, object, path, message, with...); f != nil {
		f.Severity, f.mend = severity, mend
	}
}

// weigh adds a part, unless its line is named already.
func (f *Finding) weigh(p Part) {
	if !p.Source.IsZero() && p.Source != f.Source && !slices.ContainsFunc(f.With, func(have Part) bool { return have.Source == p.Source }) {
		f.With = append(f.With, p)
	}
}

// ReportTarget records a fault of a target as a whole, or of a file that makes it up, with what it is about besides.
func (p *Pass) ReportTarget(target *Target, source manifest.Position, message string, related ...manifest.Position) {
	related = slices.DeleteFunc(slices.Clone(related), manifest.Position.IsZero)
	f := Finding{Place: Place{Target: target.Path}, Message: message, Source: source, Related: related}
	if p.Check.Locked {
		f.content = digest(message)
	}
	p.add(f)
}

// ReportTargetAs is ReportTarget for what weighs less than the check's other findings.
func (p *Pass) ReportTargetAs(severity Severity, target *Target, source manifest.Position, message string) {
	p.ReportTarget(target, source, message)
	p.findings[len(p.findings)-1].Severity = severity
}

// ReportFault records a fault of how a target is put together.
func (p *Pass) ReportFault(target *Target, fault Fault) {
	p.ReportTarget(target, fault.Source, fault.Message, fault.Of)
	f := &p.findings[len(p.findings)-1] // nothing keeps it from being recorded
	f.shared, f.above, f.bare = fault.Shared, fault.Above, fault.Bare
	if fault.Warns {
		f.Severity = Warning
	}
	if fault.In != nil {
		content := f.content
		f.Place = *fault.In
		f.content = content
	}
	if !fault.Entry.IsZero() {
		f.entry = Entry{fault.Check, fault.Entry}
	}
}

// ReportRemoved is Report of a field, or of the whole of an object, that the change removes: there is no line to edit any more
// but the one that was there, which is that of a file at the revision. An object is not removed where another target of the same
// cluster renders it after the change.
func (p *Pass) ReportRemoved(target *Target, object *manifest.Object, path manifest.Path, message string) {
	p.ReportRemovedAs(p.Check.Severity, target, object, path, message)
}

// ReportRemovedAs is ReportRemoved for what weighs less than the check's other findings.
func (p *Pass) ReportRemovedAs(severity Severity, target *Target, object *manifest.Object, path manifest.Path, message string) {
	f := p.report(target.Before.Target, object, path, message)
	if f == nil {
		return
	}
	f.Target, f.Severity = target.Path, severity
	if len(path) == 0 {
		f.removed = &Reference{object.Kind, object.Namespace, object.Name}
	}
	f.Source, f.Related = target.Before.At(f.Source), nil
}

// At is a place in a file of the revision as messages call it.
func (b *Before) At(position manifest.Position) manifest.Position {
	if position.File != "" {
		position.File += "@" + b.Revision
	}
	return position
}

func (p *Pass) add(f Finding) *Finding {
	f.Check, f.Severity, f.Fix = p.Check.Name, p.Check.Severity, p.Check.Fix
	p.findings = append(p.findings, f)
	return &p.findings[len(p.findings)-1]
}

// Origin is the line to edit for a field of one of the target's objects, or else where the object begins.
func (t *Target) Origin(object *manifest.Object, path manifest.Path) manifest.Origin {
	if t.Locate != nil {
		if origin := t.Locate(object, path); !origin.IsZero() {
			return origin
		}
	}
	return manifest.Origin{Position: object.Source}
}
