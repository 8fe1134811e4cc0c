package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// undone is a line of the renamed tree that says what it said before.
type undone struct {
	file string // of the renamed tree
	line int
	text string
}

func (u undone) String() string {
	return fmt.Sprintf("%s:%d: %s", u.file, u.line, strings.TrimSpace(u.text))
}

// harmless are undone lines that change what is rendered and break nothing, by the last part of the file's path and the line, with why.
var harmless = map[string]string{
	`: app\.kubernetes\.io/part-of:`:               "nothing selects by it",
	`^alerts\.yaml: - (alert|name): `:              "an alert and a group of rules may be called anything",
	`\.json: "(title|uid)": `:                      "a dashboard may be called anything",
	`\.json: "[^"]*",?$`:                           "a tag of a dashboard",
	`^kustomization\.yaml: - name: \S+-dashboard$`: "the ConfigMap of a dashboard may be called anything: its label is what is looked for",
	`^app\.yaml: name: `:                           "the pod's OTEL_SERVICE_NAME goes before it, and is written from the service's name",
	`^deployment\.yaml: - \./\S+$`:                 "a program of the image, which no renaming changes",
}

// unfound are undone lines that break something and are not found, in the same way: nothing in the repository tells.
var unfound = map[string]string{
	`^clients\.yaml: \S+/client: `:            "namespaces of other repositories have the label that lets them in",
	`^deployment\.yaml: name: \S+-api$`:       "a Secret that may be missing is of no check, for it may be missing",
	`^deployment\.yaml: - --config-path=/etc`: "an image may have a file where an argument names one",
	`^deployment\.yaml: mountPath: /etc`:      "an image may have a file where an argument names one",
}

// TestUndoneRenames gives the services of this repository's own tree other names, and puts one line back at a time: the commonest way to
// break a system whose parts all parse. The whole repository is judged each time, with what holds between its targets. A line that
// renders to the same in every target breaks nothing. Of the others at least 95 of 100 have to be found, and each that is not
// has to stand in harmless or unfound, with why.
func TestUndoneRenames(t *testing.T) {
	if underRace {
		t.Skip("each line judges the whole repository: `make test` runs it without the race detector, as all that is SAMPLED")
	}
	tree := realTree(t)
	renamed, lines := renamedTree(t, tree)
	b := newUndoing(t, renamed)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	if *mutations > 0 {
		lines = lines[:min(len(lines), *mutations/16)]
	}
	found, missed, same, passed := 0, 0, 0, 0
	for _, u := range lines {
		said, differs := b.try(t, u)
		switch {
		case len(said) > 0:
			found++
		case !differs:
			same++
		case u.isOf(harmless):
			passed++
		default:
			missed++
			t.Logf("not found: %s", u)
			if !u.isOf(unfound) {
				t.Errorf("nobody says why it is not found: %s", u)
			}
		}
	}
	t.Logf("%d lines put back: %d found, %d missed, %d that change nothing that is rendered, %d that break nothing", len(lines), found, missed, same, passed)
	if share := 100 * float64(found) / float64(max(found+missed, 1)); *mutations == 0 && share < 95 { // of a few lines one alone is more
		t.Errorf("%.1f %% of those that break something are found; at least 95 %% must", share)
	}
	if found == 0 {
		t.Error("nothing is found")
	}
}

// renamedTree is a tree with other names for its services, with the lines that it has for others of before.
func renamedTree(t *testing.T, tree fstest.MapFS) (fstest.MapFS, []undone) {
	t.Helper()
	services, err := fs.ReadDir(tree, "base/services")
	if err != nil {
		t.Fatal(err)
	}
	var names []renaming.Name
	for i, s := range services {
		names = append(names, renaming.Name{Kind: renaming.Service, Old: s.Name(), New: fmt.Sprintf("renamed-%c", 'a'+i)})
	}
	plan, err := renaming.Make(tree, slices.Sorted(maps.Keys(tree)), names)
	if err != nil {
		t.Fatal(err)
	}
	over, err := plan.Set.Over(tree)
	if err != nil {
		t.Fatal(err)
	}
	renamed := fstest.MapFS{}
	if err := fs.WalkDir(over, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(over, name)
		renamed[name] = &fstest.MapFile{Data: data}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var lines []undone
	for _, change := range plan.Changes {
		was, is := strings.Split(string(tree[change.Path].Data), "\n"), strings.Split(string(renamed[change.To].Data), "\n")
		if len(was) != len(is) {
			t.Fatalf("%s has %d lines, and had %d", change.To, len(is), len(was))
		}
		for i := range was {
			if was[i] != is[i] && !strings.HasPrefix(strings.TrimSpace(was[i]), "#") {
				lines = append(lines, undone{change.To, i + 1, was[i]})
			}
		}
	}
	if len(lines) < 30 {
		t.Fatalf("only %d lines are renamed", len(lines))
	}
	return renamed, lines
}

// undoing judges a whole tree over and over.
type undoing struct {
	tree     fstest.MapFS
	engines  *gate.Engines
	known    map[string]bool                       // the findings of the tree
	rendered map[string]map[manifest.Digest]string // by target
}

func newUndoing(t *testing.T, tree fstest.MapFS) *undoing {
	t.Helper()
	config, err := repo.LoadConfig(tree)
	if err != nil {
		t.Fatal(err)
	}
	minors, err := gate.Minors(config)
	if err != nil {
		t.Fatal(err)
	}
	b := &undoing{tree: tree, known: map[string]bool{}}
	if b.engines, err = gate.NewEngines(t.Context(), minors[max(len(minors)-1, 0):]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.engines.Close(); err != nil {
			t.Error(err)
		}
	})
	findings, rendered, err := b.judge(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		b.known[say(f)] = true
	}
	b.rendered = rendered
	return b
}

// judge makes every check of a tree, and tells the objects of its targets by what they say.
func (b *undoing) judge(ctx context.Context, tree fs.FS) ([]check.Finding, map[string]map[manifest.Digest]string, error) {
	config, err := repo.LoadConfig(tree)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	rendered := map[string]map[manifest.Digest]string{}
	g, err := gate.Open(ctx, &repo.Repo{FS: tree, Config: config}, gate.Options{
		Engines: b.engines, Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
		Rendered: func(target *check.Target) {
			objects := map[manifest.Digest]string{}
			for _, o := range target.Objects {
				objects[o.Digest()] = o.ID.String()
			}
			mu.Lock()
			defer mu.Unlock()
			rendered[target.Path] = objects
		},
	})
	if err != nil {
		return nil, nil, err
	}
	out, err := g.Run(ctx)
	if err != nil {
		return nil, nil, err
	}
	findings := slices.Clone(out.Findings)
	for _, f := range out.Findings {
		findings = append(findings, f.Follows...)
	}
	for _, e := range out.Errors {
		findings = append(findings, check.Finding{Source: e.Source, Message: e.Message})
	}
	return findings, rendered, nil
}

// try puts a line back: what is found then, and whether anything else is rendered.
func (b *undoing) try(t *testing.T, u undone) (said []string, differs bool) {
	t.Helper()
	tree := maps.Clone(b.tree)
	lines := strings.Split(string(tree[u.file].Data), "\n")
	lines[u.line-1] = u.text
	tree[u.file] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	findings, rendered, err := b.judge(t.Context(), tree)
	if err != nil {
		return []string{err.Error()}, true
	}
	for _, f := range findings {
		if !b.known[say(f)] {
			said = append(said, f.Message)
		}
	}
	return said, !maps.EqualFunc(rendered, b.rendered, func(is, was map[manifest.Digest]string) bool { return maps.Equal(is, was) })
}

// isOf reports a line that one of the patterns means.
func (u undone) isOf(patterns map[string]string) bool {
	for pattern := range patterns {
		if regexp.MustCompile(pattern).MatchString(path.Base(u.file) + ": " + strings.TrimSpace(u.text)) {
			return true
		}
	}
	return false
}
