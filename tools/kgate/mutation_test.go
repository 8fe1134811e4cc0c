package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

var mutations = flag.Int("mutations", 200, "edits with a finding that TestMutations looks for; 0 makes every edit that it knows")

// enough is how many edits a run looks for: fewer under the race detector, which is there for other faults. `make test` makes
// all of them once more without it.
func enough(edits int) int {
	if underRace {
		return max(30, edits/5)
	}
	return edits
}

// mutation is one edit of one line of one file.
type mutation struct {
	kind, file string
	line       int    // the line that is edited or removed
	text       string // what it says then
	removed    bool
	parent     int // for a removed line: the line of what held it, in the file without it
}

func (m mutation) String() string {
	if m.removed {
		return fmt.Sprintf("%s:%d: %s", m.file, m.line, m.kind)
	}
	return fmt.Sprintf("%s:%d: %s: %s", m.file, m.line, m.kind, strings.TrimSpace(m.text))
}

// want is the line that a finding must name.
func (m mutation) want() int {
	if m.removed {
		return m.parent
	}
	return m.line
}

// apply is the file with the edit.
func (m mutation) apply(text []byte) []byte {
	lines := strings.Split(string(text), "\n")
	if m.removed {
		lines = slices.Delete(lines, m.line-1, m.line)
	} else {
		lines[m.line-1] = m.text
	}
	return []byte(strings.Join(lines, "\n"))
}

// order is by what the edit does, and not by where in the file.
func (m mutation) order(text []byte) uint64 {
	sum := sha256.Sum256([]byte(m.kind + m.file + strings.Split(string(text), "\n")[m.line-1] + m.text))
	return binary.BigEndian.Uint64(sum[:])
}

// mutator makes every edit that it knows of a file.
type mutator struct {
	file   string
	lines  []string
	object bool // the document is an object or a patch of one, or content of one, not part of a kustomization
	opaque bool // it is content that has no schema: a field with another name is one that is not there
	made   []mutation
}

func (m *mutator) edit(kind string, line int, text string) {
	if text != m.lines[line-1] {
		m.made = append(m.made, mutation{kind: kind, file: m.file, line: line, text: text})
	}
}

// splice is the line with another text between two columns.
func (m *mutator) splice(at manifest.Position, text string) string {
	line := []rune(m.lines[at.Line-1])
	return string(line[:at.Column-1]) + text + string(line[at.EndColumn-1:])
}

// free are mappings whose keys are names that somebody chose: no key of them is misspelt in itself.
var free = []string{"labels", "annotations", "matchLabels", "selector", "data", "nodeSelector", "parameters", "pairs"}

func (m *mutator) walk(d *manifest.Document, key, node *yaml.Node) {
	here := d.Position(key, node)
	switch node.Kind {
	case yaml.ScalarNode:
		if key != nil && key.Value == "patch" {
			if documents, err := d.ParseInline(node); err == nil {
				for i := range documents {
					m.document(&documents[i])
				}
			}
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			k, v := node.Content[i], node.Content[i+1]
			if v.Kind == yaml.ScalarNode && v.Line == k.Line && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && v.Value != "" {
				m.field(d, key, k, v, here, len(node.Content)/2)
			}
			m.walk(d, k, v)
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			if key != nil && key.Value == "literals" {
				m.edit("credential", item.Line, m.splice(d.Position(nil, item), credential))
				continue
			}
			if item.Kind == yaml.ScalarNode && item.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
				at := d.Position(nil, item)
				m.value(at, item, "", false)
				if strings.TrimSpace(string([]rune(m.lines[at.Line-1])[:at.Column-1])) == "-" && len(node.Content) > 1 {
					m.remove(at.Line, here.Line)
				}
			}
			m.walk(d, nil, item)
		}
	}
}

func (m *mutator) field(d *manifest.Document, parentKey, k, v *yaml.Node, parent manifest.Position, siblings int) {
	chosen := parentKey != nil && slices.Contains(free, parentKey.Value)
	identity := m.object && (parentKey == nil || parentKey.Value == "metadata") && (k.Value == "name" || k.Value == "namespace")
	if !chosen && !m.opaque {
		m.edit("misspelt field", k.Line, m.splice(d.Position(k, nil), k.Value+"x"))
	}
	m.value(d.Position(nil, v), v, k.Value, identity)
	alone := strings.TrimSpace(string([]rune(m.lines[k.Line-1])[:k.Column-1])) == ""
	if alone && !chosen && !identity && siblings > 1 {
		m.remove(k.Line, parent.Line)
	}
}

func (m *mutator) remove(line, parent int) {
	if !m.object {
		return
	}
	if parent == line { // the first field of a document: the next one is the first then
		for parent++; parent < len(m.lines) && strings.HasPrefix(strings.TrimSpace(m.lines[parent-1]), "#"); parent++ {
		}
		parent--
	}
	m.made = append(m.made, mutation{kind: "removed line", file: m.file, line: line, removed: true, parent: parent})
}

// value replaces a value by others: of another type, out of its range, of the wrong form. What an object or an item of a
// list is called by is not renamed: that makes another one, and the fault is where the old name is still meant.
func (m *mutator) value(at manifest.Position, v *yaml.Node, key string, identity bool) {
	set := func(kind, text string) { m.edit(kind, at.Line, m.splice(at, text)) }
	set("wrong type", "{wrong: type}")
	if identity {
		return
	}
	switch v.ShortTag() {
	case "!!int":
		set("bad value", "-5")
		if strings.Contains(strings.ToLower(key), "port") {
			set("bad value", "70000")
		}
		set("wrong type", "many")
	case "!!bool":
		flipped := map[bool]string{true: "false", false: "true"}[v.Value == "true"]
		set("bad value", flipped)
		set("wrong type", "maybe")
	default:
		set("bad value", `"Not/Valid!"`)
		set("wrong type", "5")
	}
	switch key {
	case "image":
		name, _, _ := strings.Cut(v.Value, ":")
		set("image without tag", name)
		set("latest tag", name+":latest")
	case "newTag":
		set("latest tag", "latest")
	case "path", "name", "kind", "fieldPath", "apiVersion":
		set("wrong reference", v.Value+"x")
	}
}

const credential = "DB_PASSWORD=Tr0ub4dor-and-3"

// document makes the edits of a document.
func (m *mutator) document(d *manifest.Document) {
	kind := manifest.Text(d.Node, "kind")
	was := *m
	m.opaque = kind == "" && class(m.file, nil) == "generator input"
	m.object = !slices.Contains([]string{"", "Kustomization", "Component", "ReplacementTransformer"}, kind) || m.opaque
	m.walk(d, nil, d.Node)
	if kind == "Kustomization" || kind == "Component" {
		m.misname(d)
	}
	m.object, m.opaque = was.object, was.opaque
}

// misnamed is the kind of an edit after which an entry of a kustomization reaches nothing.
const misnamed = "misnamed entry"

// misname gives entries of a kustomization names that no object has.
func (m *mutator) misname(d *manifest.Document) {
	for _, entry := range []struct {
		list string
		path []any
	}{
		{"images", []any{"name"}}, {"replicas", []any{"name"}}, {"patches", []any{"target", "name"}}, {"patches", []any{"target", "kind"}},
		{"replacements", []any{"source", "name"}}, {"replacements", []any{"targets", 0, "select", "name"}}, {"replacements", []any{"targets", 0, "select", "kind"}},
	} {
		list := manifest.Lookup(d.Node, entry.list)
		if list == nil {
			continue
		}
		for _, item := range list.Content {
			if v := manifest.Lookup(item, entry.path...); v != nil && v.Kind == yaml.ScalarNode {
				at := d.Position(nil, v)
				m.edit(misnamed, at.Line, m.splice(at, v.Value+"y"))
			}
		}
	}
}

// bench judges edits of a tree.
type bench struct {
	tree     fstest.MapFS
	config   repo.Config
	engines  *gate.Engines
	baseline map[string]*baseline
}

// baseline is a target before any edit.
type baseline struct {
	read  []string        // files
	known map[string]bool // its findings
}

func newBench(t *testing.T, tree fstest.MapFS, targets []string) *bench {
	t.Helper()
	b := &bench{tree: tree, baseline: map[string]*baseline{}}
	var err error
	if b.config, err = repo.LoadConfig(tree); err != nil {
		t.Fatal(err)
	}
	minors, err := gate.Minors(b.config)
	if err != nil {
		t.Fatal(err)
	}
	if b.engines, err = gate.NewEngines(t.Context(), minors[max(len(minors)-1, 0):]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.engines.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, target := range targets {
		rendered, findings, err := b.judge(tree, target)
		if err != nil {
			t.Fatal(err)
		}
		base := &baseline{read: rendered.Reading.Files, known: map[string]bool{}}
		for _, f := range findings {
			base.known[say(f)] = true
		}
		b.baseline[target] = base
	}
	return b
}

var hash = regexp.MustCompile(`-[bcdfghkmt2456789]{10}\b`)

// say is what a finding says, without its line and without what a generator puts behind a name: another content gives
// the object of a generator another hash.
func say(f check.Finding) string {
	return hash.ReplaceAllString(fmt.Sprint(f.Check, f.Target, f.Object, f.Path, f.Message), "")
}

// judge renders a target of a tree and makes every check of objects and targets. What is the same as before an edit, the
// engines know.
func (b *bench) judge(tree fs.FS, target string) (*gate.Target, []check.Finding, error) {
	ctx := context.Background()
	g, err := gate.Open(ctx, &repo.Repo{FS: tree, Config: b.config}, gate.Options{
		Targets: []string{target}, Engines: b.engines, Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		return nil, nil, err
	}
	rendered, err := g.Render(ctx, target)
	if err != nil {
		return nil, nil, err
	}
	findings, failed := g.Judge(ctx, rendered)
	for _, f := range failed {
		return rendered, nil, f.Err
	}
	return rendered, findings, nil
}

// verdict is how close the findings of an edit came to it.
type verdict int

const (
	silent  verdict = iota // no finding: the edit is none that counts
	exactly                // a finding names the line
	related                // a finding names it beside its own
	near                   // a finding is in the same object
	elsewhere
)

func (v verdict) String() string {
	return [...]string{"nothing", "exact", "related", "in the same object", "elsewhere"}[v]
}

// try makes an edit and says how close kgate's findings come.
func (b *bench) try(m mutation, target string) (verdict, []check.Finding) {
	tree := fstest.MapFS{}
	for name, file := range b.tree {
		tree[name] = file
	}
	tree[m.file] = &fstest.MapFile{Data: m.apply(b.tree[m.file].Data)}
	rendered, findings, err := b.judge(tree, target)
	if err != nil {
		return m.closest(stopping(target, err), rendered)
	}
	known := b.baseline[target].known
	return m.closest(slices.DeleteFunc(findings, func(f check.Finding) bool { return known[say(f)] }), rendered)
}

// stopping are what keeps kgate from checking, as findings of no check.
func stopping(target string, err error) []check.Finding {
	var findings []check.Finding
	for _, f := range gate.Failures(target, err) {
		findings = append(findings, check.Finding{Source: f.Source, Message: f.Message})
	}
	return findings
}

func (m mutation) closest(findings []check.Finding, target *gate.Target) (verdict, []check.Finding) {
	if len(findings) == 0 {
		return silent, nil
	}
	here := func(p manifest.Position) bool { return p.File == m.file && p.Line == m.want() }
	best := elsewhere
	for _, f := range findings {
		switch {
		case here(f.Source):
			return exactly, findings
		case slices.ContainsFunc(f.Related, here):
			best = min(best, related)
		case slices.ContainsFunc(f.With, func(p check.Part) bool { return here(p.Source) }):
			best = min(best, related)
		case f.Source.File == m.file, slices.ContainsFunc(f.With, func(p check.Part) bool { return p.Source.File == m.file }), target != nil && m.touches(f, target.Result):
			best = min(best, near)
		}
	}
	return best, findings
}

// touches reports a finding of an object that the edited file writes to.
func (m mutation) touches(f check.Finding, result *kustomization.Result) bool {
	for _, object := range result.Objects {
		if trace := result.Trace(object); f.Object != nil && *f.Object == object.ID && trace != nil {
			return trace.Document != nil && trace.Document.File == m.file || slices.ContainsFunc(trace.Steps, func(s kustomization.Step) bool {
				return s.Patch != nil && s.Patch.Documents[0].File == m.file ||
					s.Replacement != nil && s.Replacement.Document != nil && s.Replacement.Document.File == m.file
			})
		}
	}
	return false
}

// TestMutations edits one line of one file of this repository's own tree at a time, renders a target that the file is
// part of and makes kgate's checks of objects and overlays. What is new against the tree without the edit must name that
// file and that line: for a removed line, the line of the mapping or the item that held it.
//
// How it is counted. An edit counts when it causes a finding, and when it leaves an entry of a kustomization without anything
// that it reaches: not to find that is a miss. It is exact when the line of a finding is that of the
// edit; when the edit is one of those that a finding names beside its own, it is counted apart and as exact: where two
// lines make a value together, as a replacement's path and what it copies, or do not fit each other, as two weights of a
// split, either may be wrong. Edits whose fault is elsewhere by nature are not made: what an object or an item is called
// by is not renamed, nor is a label, an annotation or another entry with a name of somebody's choice; and nothing is
// removed from a kustomization, which holds instructions and not fields, or from a parent that would hold nothing without
// it: that is another edit, of the parent to null. What makes kgate stop instead of finding something, as a patch that
// Kustomize refuses, is counted for itself.
func TestMutations(t *testing.T) {
	tree := realTree(t)
	var roots []string
	for name := range tree { // the parts of the overlays
		if dir := path.Dir(name); path.Base(name) == "kustomization.yaml" && strings.Count(dir, "/") == 2 && strings.HasPrefix(dir, "overlays/") {
			roots = append(roots, dir)
		}
	}
	// The parts of the base by themselves are faster to render: half of the edits of their files are tried there.
	for name := range tree {
		if dir := path.Dir(name); path.Base(name) == "kustomization.yaml" && strings.Count(dir, "/") == 2 && strings.HasPrefix(dir, "base/") {
			if documents, err := manifest.ParseDocuments(name, tree[name].Data); err == nil && manifest.Text(documents[0].Node, "kind") == "Kustomization" {
				roots = append(roots, dir)
			}
		}
	}
	roots = append(roots, "argocd")
	slices.Sort(roots)
	newBench(t, tree, roots).run(t, roots, enough(*mutations))
}

// TestMutationsOfEveryKind does the same to a small tree of everything else that Kustomize has: prefixes, plugins, JSON
// patches, generators that merge, anchors and merge keys, lists, several documents, and plain files.
func TestMutationsOfEveryKind(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/mutations.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, file := range archive.Files {
		tree[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	roots := []string{"overlay", "plain"}
	newBench(t, tree, roots).run(t, roots, enough(*mutations/2))
}

// class is the part that a file plays in its target.
func class(name string, data []byte) string {
	switch base := path.Base(name); {
	case base == "kustomization.yaml":
		return "kustomization"
	case path.Base(path.Dir(name)) == "config" || path.Ext(name) == ".env":
		return "generator input"
	case bytes.HasPrefix(bytes.TrimLeft(regexp.MustCompile(`(?m)^#.*\n`).ReplaceAll(data, nil), "\n"), []byte("- ")),
		bytes.Contains(data, []byte("kind: ReplacementTransformer")):
		return "replacement"
	case bytes.Contains(data, []byte("local-config")):
		return "replacement source"
	case bytes.Contains(data, []byte("kind: Application")):
		return "argocd"
	case strings.HasPrefix(name, "overlays/") || bytes.Contains(data, []byte("name: any")):
		return "patch"
	}
	return "resource"
}

// attempt is an edit with what came of it.
type attempt struct {
	mutation
	class    string
	order    uint64
	target   string
	verdict  verdict
	findings []check.Finding
}

// attempts are the edits to make, in an order that each edit has for itself, so that a line more elsewhere chooses no others: of
// every class of files and every kind as many.
func (b *bench) attempts(t *testing.T, roots []string) []*attempt {
	t.Helper()
	groups := map[string][]*attempt{}
	for _, name := range slices.Sorted(maps.Keys(b.tree)) {
		var targets []string
		for _, root := range roots {
			if slices.Contains(b.baseline[root].read, name) {
				targets = append(targets, root)
			}
			if root == path.Dir(name) {
				targets = append(targets, root, root, root) // the least to render
			}
		}
		if len(targets) == 0 || !slices.Contains([]string{".yaml", ".env"}, path.Ext(name)) {
			continue
		}
		for _, m := range mutate(t, name, b.tree[name].Data) {
			a := &attempt{mutation: m, class: class(name, b.tree[name].Data), order: m.order(b.tree[name].Data)}
			a.target = targets[a.order%uint64(len(targets))]
			groups[a.class+a.kind] = append(groups[a.class+a.kind], a)
		}
	}
	var ordered []*attempt
	keys := slices.Sorted(maps.Keys(groups))
	for _, key := range keys {
		slices.SortStableFunc(groups[key], func(a, b *attempt) int { return cmp.Compare(a.order, b.order) })
	}
	for len(groups) > 0 {
		for _, key := range keys {
			// Of objects there is more to find than of instructions, many of which stop kgate.
			n := 1
			if strings.HasPrefix(key, "patch") || strings.HasPrefix(key, "resource") {
				n = 6
			}
			n = min(n, len(groups[key]))
			ordered = append(ordered, groups[key][:n]...)
			if groups[key] = groups[key][n:]; len(groups[key]) == 0 {
				delete(groups, key)
			}
		}
	}
	return ordered
}

// run makes edits and holds the findings to them.
func (b *bench) run(t *testing.T, roots []string, most int) {
	t.Helper()
	attempts := b.attempts(t, roots)
	var found, stopped tally
	classes := map[string]*tally{}
	made := 0
	for made < len(attempts) && (most == 0 || found.all() < most) {
		batch := attempts[made:min(made+40, len(attempts))]
		made += len(batch)
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for _, a := range batch {
			group.Go(func() error {
				a.verdict, a.findings = b.try(a.mutation, a.target)
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		b.count(t, batch, &found, &stopped, classes)
	}
	t.Logf("%d of %d edits, %d with findings: %s; %d that stop kgate: %s", made, len(attempts), found.all(), &found, stopped.all(), &stopped)
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		t.Logf("    %-18s %4d: %s", name, classes[name].all(), classes[name])
	}
	if found.all() < max(most, 30) {
		t.Errorf("only %d of %d edits cause a finding", found.all(), made)
	}
	// Of the few that the race detector sees, one alone is 2 %: `make test` holds the whole to the higher bound after them.
	least := 98.0
	if underRace {
		least = 90
	}
	if share := 100 * float64(found[exactly]+found[related]) / float64(max(found.all(), 1)); share < least {
		t.Errorf("%.1f %% of the findings name the line of the edit; at least %.0f %% must", share, least)
	}
	if found[elsewhere] > 0 {
		t.Errorf("%d edits have no finding in the object that they are in", found[elsewhere])
	}
}

func (b *bench) count(t *testing.T, attempts []*attempt, found, stopped *tally, classes map[string]*tally) {
	t.Helper()
	for _, a := range attempts {
		if a.verdict == silent && a.kind == misnamed {
			a.verdict = elsewhere
		}
		if a.verdict == silent {
			continue
		}
		if len(a.findings) > 0 && a.findings[0].Check == "" {
			stopped.count(a.verdict)
			continue
		}
		found.count(a.verdict)
		if classes[a.class] == nil {
			classes[a.class] = &tally{}
		}
		classes[a.class].count(a.verdict)
		if a.verdict > related {
			t.Logf("%s, line %d wanted, in %s: %s", a.mutation, a.want(), a.target, a.verdict)
			for _, f := range a.findings[:min(len(a.findings), 3)] {
				t.Logf("    %s [%s] %v %s: %s", f.Source, f.Check, f.Object, f.Path, f.Message)
			}
		}
	}
}

// tally counts verdicts.
type tally [elsewhere + 1]int

func (t *tally) count(v verdict) { t[v]++ }

func (t *tally) all() int { return t[exactly] + t[related] + t[near] + t[elsewhere] }

func (t *tally) String() string {
	return fmt.Sprintf("%d exact (%.1f %%), %d of them as related; %d in the same object, %d elsewhere", t[exactly]+t[related],
		100*float64(t[exactly]+t[related])/float64(max(t.all(), 1)), t[related], t[near], t[elsewhere])
}

func mutate(t *testing.T, name string, data []byte) []mutation {
	t.Helper()
	m := &mutator{file: name, lines: strings.Split(string(data), "\n")}
	if path.Ext(name) == ".env" {
		for i, line := range m.lines {
			if strings.Contains(line, "=") {
				m.edit("credential", i+1, credential)
			}
		}
		return m.made
	}
	documents, err := manifest.ParseDocuments(name, data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range documents {
		m.document(&documents[i])
	}
	return m.made
}

// realTree is this repository's, in memory.
func realTree(t *testing.T) fstest.MapFS {
	t.Helper()
	repository, err := repo.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, dir := range []string{"base", "overlays", "argocd", repo.ConfigFile} {
		err := fs.WalkDir(repository.FS, dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := fs.ReadFile(repository.FS, name)
			tree[name] = &fstest.MapFile{Data: data}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tree
}
