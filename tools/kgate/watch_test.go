package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
	"github.com/kgate-dev/gitops/tools/internal/watch"
)

// tooLong only ends a test that would otherwise hang.
const tooLong = 10 * time.Minute

// small is a repository of two overlays over one base.
var small = map[string]string{
	"kgate.yaml":                       "apiVersion: kgate/v1\ntargets: [overlays/*]\n",
	"base/kustomization.yaml":          "resources: [config.yaml]\n",
	"base/config.yaml":                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n",
	"overlays/dev/kustomization.yaml":  "namespace: dev\nresources: [../../base]\n",
	"overlays/prod/kustomization.yaml": "namespace: prod\nresources: [../../base]\n",
}

const (
	faulty = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndate: {a: b}\n"
	ruled  = `# METADATA
# scope: package
# title: Nothing is called config
# description: It could be anything.
# custom:
#   severity: error
#   scope: object
#   fix: Say what it is for.
package policies.team.named

deny contains {"msg": "this name says nothing", "path": ["metadata", "name"]} if input.metadata.name == "config"
`
)

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// watching is a watch whose changes the test tells, and whose reports it takes.
type watching struct {
	t       testing.TB
	dir     string
	batches chan watch.Batch
	reports chan report.Report
	notes   chan string
	end     chan error
	stop    context.CancelFunc
}

type sink chan string

func (s sink) Write(text []byte) (int, error) {
	s <- string(text)
	return len(text), nil
}

// begin watches dir, which must be the working directory.
func begin(t testing.TB, dir string, flags validateFlags, args ...string) *watching {
	t.Helper()
	dir, err := repo.Resolve(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{t: t, dir: dir, batches: make(chan watch.Batch), reports: make(chan report.Report), notes: make(chan string), end: make(chan error, 1)}
	ctx, stop := context.WithTimeout(context.Background(), tooLong)
	w.stop = stop
	t.Cleanup(stop)
	take := output{format: "test", write: func(_ io.Writer, r report.Report, _ report.Options) error {
		select {
		case w.reports <- r:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	if flags.failOn == "" {
		flags.failOn = "error"
	}
	go func() {
		w.end <- watchTargets(ctx, gate.Watch{Args: args, Changes: w.batches}, flags, &writer{outputs: []output{take}, flags: flags, stdout: terminal.NewStream(io.Discard), stderr: terminal.NewStream(sink(w.notes))})
	}()
	return w
}

// next is the next report with what standard error said of it.
func (w *watching) next() (report.Report, string) {
	w.t.Helper()
	var r report.Report
	said := ""
	for !strings.Contains(said, "watching for changes") {
		select {
		case r = <-w.reports:
		case note := <-w.notes:
			said += note
		case err := <-w.end:
			w.t.Fatalf("watching ended: %v", err)
		case <-time.After(tooLong):
			w.t.Fatal("no report")
		}
	}
	return r, said
}

// tell says that paths changed.
func (w *watching) tell(names ...string) {
	batch := watch.Batch{}
	for _, name := range names {
		batch.Paths = append(batch.Paths, filepath.Join(w.dir, name))
	}
	w.batches <- batch
}

// edit writes a file, tells of it and returns the report.
func (w *watching) edit(name, text string) (report.Report, string) {
	w.t.Helper()
	write(w.t, w.dir, name, text)
	w.tell(name)
	return w.next()
}

func repository(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range small {
		write(t, dir, name, text)
	}
	return dir
}

// What a change touches is rendered, the rest is kept; every kind of change is noticed.
func TestWatchRendersWhatChanged(t *testing.T) {
	dir := repository(t)
	t.Chdir(dir)
	w := begin(t, dir, validateFlags{checks: []string{"schema", "kustomize", "exemption", "team"}, policies: []string{"rules"}})
	if err := <-w.end; err == nil || !strings.Contains(err.Error(), "rules") {
		t.Fatalf("without its rules, a watch begins: %v", err)
	}
	write(t, dir, "rules/team/named/named.rego", strings.Replace(ruled, `== "config"`, `== "other"`, 1))
	w = begin(t, dir, validateFlags{checks: []string{"schema", "kustomize", "exemption", "team"}, policies: []string{"rules"}})

	type want struct {
		rendered string   // "1 of 2"
		findings []string // check and targets
		errors   []string
	}
	step := func(name string, r report.Report, note string, want want) {
		t.Helper()
		var findings, errs []string
		for _, f := range r.Findings {
			findings = append(findings, f.Check+" in "+strings.Join(f.Targets(), " and "))
		}
		for _, e := range r.Errors {
			errs = append(errs, e.String())
		}
		if !strings.Contains(note, "kgate: "+want.rendered+" targets rendered") {
			t.Errorf("%s: want %s targets rendered, got %q", name, want.rendered, note)
		}
		if !slices.Equal(findings, want.findings) {
			t.Errorf("%s: findings %q, want %q", name, findings, want.findings)
		}
		if !slices.EqualFunc(errs, want.errors, strings.Contains) {
			t.Errorf("%s: errors %q, want %q", name, errs, want.errors)
		}
	}
	r, note := w.next()
	step("first", r, note, want{rendered: "2 of 2"})

	r, note = w.edit("base/config.yaml", faulty)
	step("base", r, note, want{rendered: "2 of 2", findings: []string{"schema/valid in overlays/dev and overlays/prod"}})
	r, note = w.edit("overlays/prod/kustomization.yaml", small["overlays/prod/kustomization.yaml"]+"images: [{name: nobody, newTag: v1}]\n")
	step("overlay", r, note, want{rendered: "1 of 2", findings: []string{"schema/valid in overlays/dev and overlays/prod", "kustomize/image-used in overlays/prod"}})
	r, note = w.edit("overlays/prod/kustomization.yaml", small["overlays/prod/kustomization.yaml"])
	step("overlay again", r, note, want{rendered: "1 of 2", findings: []string{"schema/valid in overlays/dev and overlays/prod"}})

	// Neither a file that nobody reads nor one in a place of its own makes a run.
	w.tell("README.md", "base/unread.yaml", "../elsewhere")
	r, note = w.edit("base/config.yaml", small["base/config.yaml"])
	step("base again", r, note, want{rendered: "2 of 2"})

	// In the middle of an edit a file is broken.
	r, note = w.edit("overlays/dev/kustomization.yaml", "namespace: dev\nresources: [../../base\n")
	step("broken", r, note, want{rendered: "1 of 2", errors: []string{"overlays/dev/kustomization.yaml:"}})
	w.tell("README.md")
	r, note = w.edit("overlays/dev/kustomization.yaml", small["overlays/dev/kustomization.yaml"])
	step("mended", r, note, want{rendered: "1 of 2"})
	if err := os.Remove(filepath.Join(dir, "base/config.yaml")); err != nil {
		t.Fatal(err)
	}
	w.tell("base/config.yaml")
	r, note = w.next()
	step("gone", r, note, want{rendered: "2 of 2", errors: []string{"base/kustomization.yaml:1", "base/kustomization.yaml:1"}})
	r, note = w.edit("base/config.yaml", small["base/config.yaml"])
	step("back", r, note, want{rendered: "2 of 2"})

	// A second kustomization file beside the first, where there was nothing.
	write(t, dir, "base/kustomization.yml", "")
	w.tell("base/kustomization.yml")
	r, note = w.next()
	step("ambiguous", r, note, want{rendered: "2 of 2", errors: []string{"2 kustomization files", "2 kustomization files"}})
	if err := os.Remove(filepath.Join(dir, "base/kustomization.yml")); err != nil {
		t.Fatal(err)
	}
	w.tell("base/kustomization.yml")
	r, note = w.next()
	step("unambiguous", r, note, want{rendered: "2 of 2"})

	// kgate.yaml
	r, note = w.edit("kgate.yaml", "apiVersion: kgate/v1\ntargts: []\n")
	step("config broken", r, note, want{rendered: "0 of 2", errors: []string{`kgate.yaml:2: kgate.yaml has no key "targts"`}})
	r, note = w.edit("kgate.yaml", small["kgate.yaml"]+"longestExemption: 1000y\nexemptions: [{check: schema/valid, reason: r, owner: o, expires: 2999-01-01}]\n")
	step("config", r, note, want{rendered: "0 of 2", findings: []string{"exemption/unused in kgate.yaml"}})
	r, note = w.edit("kgate.yaml", small["kgate.yaml"]+"longestExemption: 1000y\nexemptions: [{check: schema/vaild, reason: r, owner: o, expires: 2999-01-01}]\n")
	step("exemption of nothing", r, note, want{rendered: "0 of 2", errors: []string{`no check is called "schema/vaild"`}})
	r, note = w.edit("kgate.yaml", small["kgate.yaml"]+"kubernetesVersions: ['1.28']\nexternal: [{kind: Secret, name: s, provider: p}]\n")
	step("versions", r, note, want{rendered: "0 of 2"})

	// Rules
	r, note = w.edit("rules/team/named/named.rego", ruled)
	step("rule", r, note, want{rendered: "0 of 2", findings: []string{"team/named in overlays/dev and overlays/prod"}})
	r, note = w.edit("rules/team/named/named.rego", ruled+"\nx if y\n")
	step("rule broken", r, note, want{rendered: "0 of 2", errors: []string{"rules/team/named/named.rego:13: "}})
	r, note = w.edit("rules/team/named/named.rego", strings.Replace(ruled, `== "config"`, `== "other"`, 1))
	step("rule mended", r, note, want{rendered: "0 of 2"})

	// Targets come and go.
	r, note = w.edit("overlays/test/kustomization.yaml", "namespace: test\nresources: [../../base]\n")
	step("target", r, note, want{rendered: "1 of 3"})
	if err := os.RemoveAll(filepath.Join(dir, "overlays/test")); err != nil {
		t.Fatal(err)
	}
	w.tell("overlays/test")
	r, note = w.next()
	step("no target", r, note, want{rendered: "0 of 2"})

	// Whatever was missed is looked at.
	write(t, dir, "base/config.yaml", faulty)
	w.batches <- watch.Batch{All: true}
	r, note = w.next()
	step("all", r, note, want{rendered: "2 of 2", findings: []string{"schema/valid in overlays/dev and overlays/prod"}})

	// The end has the code of the last report.
	w.stop()
	close(w.batches)
	if err := <-w.end; !errors.Is(err, errFindings) {
		t.Errorf("the end: %v", err)
	}
}

// A directory of manifests is rendered again when a file joins it, and a link when it leads elsewhere.
func TestWatchManifestsAndLinks(t *testing.T) {
	dir := repository(t)
	t.Chdir(dir)
	write(t, dir, "plain/a.yaml", small["base/config.yaml"])
	write(t, dir, "one.yaml", small["base/config.yaml"])
	write(t, dir, "two.yaml", faulty)
	if err := os.Symlink("../one.yaml", filepath.Join(dir, "plain/link.yaml")); err != nil {
		t.Fatal(err)
	}
	w := begin(t, dir, validateFlags{checks: []string{"schema"}}, "plain", "overlays/dev")
	expect := func(want int, wantNote string) func(report.Report, string) {
		return func(r report.Report, note string) {
			t.Helper()
			if len(r.Findings) != want || len(r.Errors) > 0 || !strings.Contains(note, wantNote) {
				t.Errorf("got %d findings, errors %v, %q; want %d and %s", len(r.Findings), r.Errors, note, want, wantNote)
			}
		}
	}
	expect(0, "2 of 2")(w.next())
	write(t, dir, "plain/deep/b.yaml", faulty)
	w.tell("plain/deep", "plain/deep/b.yaml")
	expect(1, "1 of 2")(w.next())
	if err := errors.Join(os.Remove("plain/link.yaml"), os.Symlink("../two.yaml", "plain/link.yaml")); err != nil {
		t.Fatal(err)
	}
	w.tell("plain/link.yaml")
	expect(2, "1 of 2")(w.next())
	expect(1, "1 of 2")(w.edit("two.yaml", small["base/config.yaml"]))
	w.tell("one.yaml") // nobody reads it any more
	expect(0, "1 of 2")(w.edit("plain/deep/b.yaml", small["base/config.yaml"]))
}

// What no target reads comes and goes with files that no target read.
func TestWatchFindsWhatIsNotRead(t *testing.T) {
	dir := repository(t)
	t.Chdir(dir)
	w := begin(t, dir, validateFlags{checks: []string{"coverage"}})
	step := func(name string, r report.Report, want ...string) {
		t.Helper()
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Check+" at "+f.Source.File)
		}
		if !slices.Equal(got, want) || len(r.Errors) > 0 {
			t.Errorf("%s: got %q, %v; want %q", name, got, r.Errors, want)
		}
	}
	r, _ := w.next()
	step("first", r)
	r, _ = w.edit("more/kustomization.yaml", "resources: [config.yaml]\n")
	step("a root", r, "coverage/root at more/kustomization.yaml")
	r, _ = w.edit("more/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n")
	step("a component", r)
	write(t, dir, "plain/config.yaml", small["base/config.yaml"])
	r, _ = w.edit("apply.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {source: {path: plain}}\n")
	step("an Application", r, "coverage/deployed at apply.yaml")
	r, _ = w.edit("kgate.yaml", small["kgate.yaml"]+"unread: [{path: plain, reason: a, owner: b}]\n")
	step("a decision", r)
	if !slices.ContainsFunc(r.Notes, func(n report.Note) bool { return n.About == "unread" }) {
		t.Errorf("notes: %v", r.Notes)
	}
	if err := os.RemoveAll(filepath.Join(dir, "plain")); err != nil {
		t.Fatal(err)
	}
	w.tell("plain")
	r, _ = w.next()
	step("nothing deployed", r, "coverage/unread at kgate.yaml")
	r, _ = w.edit("kgate.yaml", small["kgate.yaml"])
	step("no decision", r)
	r, _ = w.edit("overlays/test/config.yaml", small["base/config.yaml"])
	step("a target", r)
	if len(r.Targets) != 3 {
		t.Errorf("%d targets", len(r.Targets))
	}
	write(t, dir, "README.md", "text")
	w.tell("README.md")
	r, note := w.edit("kgate.yaml", "apiVersion: kgate/v1\ntargets: [overlays/dev]\n")
	step("a narrowed glob", r, "coverage/root at overlays/prod/kustomization.yaml")
	if strings.Contains(note, "README") {
		t.Errorf("woken by a file that nobody reads: %s", note)
	}
}

// What ApplicationSets make is what the directories and files of now tell.
func TestWatchMakesApplicationsAnew(t *testing.T) {
	dir := t.TempDir()
	for name, text := range small {
		write(t, dir, name, text)
	}
	write(t, dir, "kgate.yaml", "apiVersion: kgate/v1\ntargets: [argocd, overlays/*]\n")
	write(t, dir, "apps/dev.json", `{"name": "dev", "project": "shop"}`)
	write(t, dir, "argocd/sets.yaml", `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: sets, namespace: argocd}
spec:
  goTemplate: true
  generators: [{git: {repoURL: https://git.example.com/shop, revision: HEAD, files: [{path: apps/*.json}]}}]
  template:
    metadata: {name: '{{ .name }}'}
    spec:
      project: '{{ .project }}'
      source: {repoURL: https://git.example.com/shop, path: 'overlays/{{ .name }}', targetRevision: HEAD}
      destination: {name: in-cluster, namespace: '{{ .name }}'}
---
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  sourceRepos: ['https://git.example.com/shop']
  destinations: [{name: in-cluster, namespace: dev}]
  namespaceResourceWhitelist: [{group: '', kind: ConfigMap}]
`)
	t.Chdir(dir)
	w := begin(t, dir, validateFlags{checks: []string{"gitops/project-allows"}})
	step := func(name string, r report.Report, want ...string) {
		t.Helper()
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Message)
		}
		if !slices.Equal(got, want) || len(r.Errors) > 0 {
			t.Errorf("%s: got %q, %v; want %q", name, got, r.Errors, want)
		}
	}
	r, _ := w.next()
	step("first", r)
	r, _ = w.edit("apps/dev.json", `{"name": "dev", "project": "other"}`)
	step("a file says otherwise", r, `Application "dev" belongs to AppProject "other", which is not in this repository`)
	r, _ = w.edit("apps/dev.json", `{"name": "dev", "project": "shop"}`)
	step("and back", r)
	r, _ = w.edit("apps/prod.json", `{"name": "prod", "project": "shop"}`)
	step("a file is new", r, `AppProject "shop" does not allow Application "prod" to deploy to namespace "prod" of cluster "in-cluster"`)
}

// What Flux fills in may come from a file that is no manifest.
func TestWatchFillsInWhatChanged(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"kgate.yaml":                       "apiVersion: kgate/v1\n",
		"clusters/home/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: settings, namespace: default, envs: [cluster.env], options: {disableNameSuffixHash: true}}]\n",
		"clusters/home/cluster.env":        "REPLICAS=3\n",
		"clusters/home/web.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: web, namespace: default}\nspec:\n" +
			"  path: ./apps/web\n  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild: {substituteFrom: [{kind: ConfigMap, name: settings}]}\n  interval: 1h\n  prune: true\n",
		"apps/web/kustomization.yaml": "resources: [all.yaml]\n",
		"apps/web/all.yaml":           "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: web, namespace: default}\nspec:\n  replicas: ${REPLICAS}\n",
	} {
		write(t, dir, name, text)
	}
	t.Chdir(dir)
	w := begin(t, dir, validateFlags{checks: []string{"schema"}})
	r, _ := w.next()
	if len(r.Findings)+len(r.Errors) > 0 {
		t.Fatalf("first: got %v, %v", r.Findings, r.Errors)
	}
	for _, c := range []struct {
		value string
		found int
	}{{"many", 1}, {"4", 0}, {"several", 1}} {
		r, note := w.edit("clusters/home/cluster.env", "REPLICAS="+c.value+"\n")
		if len(r.Findings) != c.found || len(r.Errors) > 0 || !strings.Contains(note, " 2 of 2 targets rendered") {
			t.Errorf("%s: got %v, %v: %s", c.value, r.Findings, r.Errors, note)
		}
	}
	// What gives the same values leaves the target as it is, and what moves them does not: a finding names their line.
	r, note := w.edit("clusters/home/cluster.env", "REPLICAS=several\nOTHER=1\n")
	if len(r.Findings) != 1 || !strings.Contains(note, " 2 of 2 targets rendered") {
		t.Errorf("another value: got %v: %s", r.Findings, note)
	}
	settings := small["base/config.yaml"]
	r, note = w.edit("apps/other/config.yaml", settings)
	if len(r.Findings) != 1 || !strings.Contains(note, " 0 of 2 targets rendered") {
		t.Errorf("a manifest beside: got %v: %s", r.Findings, note)
	}
	r, note = w.edit("clusters/home/cluster.env", "OTHER=1\nREPLICAS=several\n")
	if len(r.Findings) != 1 || r.Findings[0].Source.String() != "clusters/home/cluster.env:2" || !strings.Contains(note, " 2 of 2 targets rendered") {
		t.Errorf("the same values in other lines: got %v at %s: %s", r.Findings, r.Findings[0].Source, note)
	}
}

// In a tree with texts that could be variables, a file of one target has that one rendered.
func TestWatchRendersOneOfTheRealTree(t *testing.T) {
	dir := manifests(t)
	w := begin(t, dir, validateFlags{checks: []string{"schema", "kustomize"}})
	w.next()
	const name = "overlays/prod/go-otlp-app/environment.yaml"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, note := w.edit(name, string(text)+"# end\n"); !strings.Contains(note, " 1 of 4 targets rendered") {
		t.Errorf("a file of one target: %s", note)
	}
}

// What the baseline lets pass is judged by the one that is there.
func TestWatchGoesByTheBaseline(t *testing.T) {
	dir := repository(t)
	t.Chdir(dir)
	write(t, dir, "base/config.yaml", faulty)
	flags := validateFlags{checks: []string{"schema", "exemption"}}
	w := begin(t, dir, flags)
	step := func(name string, r report.Report, findings, passed, errors int) {
		t.Helper()
		if len(r.Findings) != findings || len(r.Passed) != passed || len(r.Errors) != errors {
			t.Errorf("%s: findings %v, passed %v, errors %v", name, r.Findings, r.Passed, r.Errors)
		}
	}
	r, _ := w.next()
	step("without one", r, 1, 0, 0)
	var said bytes.Buffer
	if code := run(context.Background(), []string{"baseline"}, strings.NewReader(""), &said, &said); code != exitClean {
		t.Fatalf("kgate baseline: %s", &said)
	}
	recorded, err := os.ReadFile(filepath.Join(dir, repo.BaselineFile))
	if err != nil {
		t.Fatal(err)
	}
	w.tell(repo.BaselineFile)
	r, _ = w.next()
	step("recorded", r, 0, 2, 0)
	r, _ = w.edit("base/config.yaml", strings.Replace(faulty, "date:", "other: 1\ndate:", 1))
	step("something new", r, 1, 2, 0)
	r, _ = w.edit("base/config.yaml", small["base/config.yaml"])
	step("mended", r, 2, 0, 0)
	r, _ = w.edit("base/config.yaml", faulty)
	step("again", r, 0, 2, 0)
	r, _ = w.edit(repo.BaselineFile, "apiVersion: kgate/v1\nexpire: 2999-12-31\n")
	step("not understood", r, 1, 0, 3)
	r, _ = w.edit(repo.BaselineFile, string(recorded))
	step("understood", r, 0, 2, 0)
	if err := os.Remove(filepath.Join(dir, repo.BaselineFile)); err != nil {
		t.Fatal(err)
	}
	w.tell(repo.BaselineFile)
	r, _ = w.next()
	step("gone", r, 1, 0, 0)
}

// A copy of what a kustomization names by URL is read as the files of the repository are, and held against the lock file.
func TestWatchReadsVendoredCopies(t *testing.T) {
	const (
		copied = ".kgate/vendor/git/github.com/org/base@v1/config"
		lock   = ".kgate/vendor.lock.yaml"
		text   = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n"
	)
	dir := t.TempDir()
	write(t, dir, "kgate.yaml", "apiVersion: kgate/v1\ntargets: [app]\n")
	write(t, dir, "app/kustomization.yaml", "resources: ['https://github.com/org/base//config?ref=v1']\n")
	t.Chdir(dir)
	w := begin(t, dir, validateFlags{checks: []string{"schema"}})
	step := func(name string, r report.Report, findings int, problem string) {
		t.Helper()
		if len(r.Findings) != findings || (len(r.Errors) > 0) != (problem != "") || problem != "" && !strings.Contains(r.Errors[0].String(), problem) {
			t.Errorf("%s: findings %v, errors %v", name, r.Findings, r.Errors)
		}
	}
	locked := func() string {
		t.Helper()
		digest, err := vendored.Digest(os.DirFS(dir), strings.TrimSuffix(copied, "/config"))
		if err != nil {
			t.Fatal(err)
		}
		return "apiVersion: kgate/v1\ndirectory: .kgate/vendor\nrepositories:\n  - url: https://github.com/org/base\n    ref: v1\n" +
			"    commit: 0123456789abcdef0123456789abcdef01234567\n    paths:\n      - config\n    digest: " + digest + "\n"
	}
	r, _ := w.next()
	step("no copy", r, 0, "has no copy of it")
	write(t, dir, copied+"/kustomization.yaml", "resources: [config.yaml]\n")
	write(t, dir, copied+"/config.yaml", text)
	write(t, dir, lock, locked())
	w.tell(lock, copied+"/kustomization.yaml", copied+"/config.yaml")
	r, _ = w.next()
	step("fetched", r, 0, "")
	r, _ = w.edit(copied+"/config.yaml", faulty)
	step("edited", r, 0, "is not what")
	r, _ = w.edit(lock, locked())
	step("fetched again", r, 1, "")
	write(t, dir, copied+"/config.yaml", text)
	write(t, dir, lock, locked())
	w.tell(copied+"/config.yaml", lock)
	r, _ = w.next()
	step("mended", r, 0, "")
	r, _ = w.edit(copied+"/more.yaml", text)
	step("with a file more", r, 0, "is not what")
	if err := os.Remove(filepath.Join(dir, copied, "more.yaml")); err != nil {
		t.Fatal(err)
	}
	w.tell(copied + "/more.yaml")
	r, _ = w.next()
	step("without it", r, 0, "")
	if err := os.RemoveAll(filepath.Join(dir, ".kgate")); err != nil {
		t.Fatal(err)
	}
	w.tell(".kgate")
	r, _ = w.next()
	step("gone", r, 0, "has no copy of it")
}

// The reports that kgate writes beside the manifests make no run, not even while something is broken.
func TestWatchIsNotWokenByItself(t *testing.T) {
	dir, err := repo.Resolve(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	o := output{format: "json", file: "out.json"}
	for path, want := range map[string]bool{"out.json": true, ".out.json-123": true, "out.json.bak": false, "base/out.json": false} {
		if got := o.writes(filepath.Join(dir, path)); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
	if (output{format: "text"}).writes(filepath.Join(dir, "x")) {
		t.Error("standard output is no file")
	}
}

// manifests copies the manifests of this repository, which the test may then change.
func manifests(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"base", "overlays", "argocd"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("../..", name))); err != nil {
			t.Fatal(err)
		}
	}
	config, err := os.ReadFile("../../kgate.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "kgate.yaml", string(config))
	t.Chdir(dir)
	return dir
}

// After any edit, a watch says byte for byte what a run that begins afresh says.
func TestWatchSaysWhatAFreshRunSays(t *testing.T) {
	dir := manifests(t)
	w := begin(t, dir, validateFlags{})
	w.next()
	var files []string
	for _, name := range []string{"base", "overlays", "argocd"} {
		if err := filepath.WalkDir(name, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, path)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(5, 11))
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		name := files[random.IntN(len(files))]
		before, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(before), "\n")
		i := random.IntN(len(lines))
		what := fmt.Sprintf("round %d: line %d of %s", round, i+1, name)
		switch random.IntN(3) {
		case 0:
			lines = slices.Delete(lines, i, i+1)
		case 1:
			lines[i] = strings.Replace(lines[i], ": ", ": x", 1)
		case 2:
			lines[i] += "x"
		}
		write(t, dir, name, strings.Join(lines, "\n"))
		// A file that nothing reads makes no run of its own: telling of kgate.yaml beside it does.
		w.tell(name, "kgate.yaml")
		r, _ := w.next()
		var kept bytes.Buffer
		if err := report.JSON(&kept, r, report.Options{}); err != nil {
			t.Fatal(err)
		}
		var fresh, notes bytes.Buffer
		if code := run(context.Background(), []string{"validate", "-o", "json"}, strings.NewReader(""), &fresh, &notes); fresh.Len() == 0 {
			t.Fatalf("%s: exit code %d, %s", what, code, &notes)
		}
		if !bytes.Equal(kept.Bytes(), fresh.Bytes()) {
			t.Errorf("%s:\nthe watch says\n%s\na fresh run says\n%s", what, &kept, &fresh)
		}
		if random.IntN(2) == 0 { // else the next edit comes on top
			write(t, dir, name, string(before))
			w.tell(name, "kgate.yaml")
			w.next()
		}
	}
}

// What a run leaves behind does not add up.
func TestWatchMemory(t *testing.T) {
	dir := repository(t)
	t.Chdir(dir)
	// Every engine, but few rules: some read a long text slowly.
	w := begin(t, dir, validateFlags{checks: []string{"schema", "admission", "kustomize", "pod", "workload"}})
	w.next()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const runs, size = 40, 40 << 10
	filler := strings.Repeat("x", size)
	edit := func(i int) {
		w.edit("base/config.yaml", fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: %q, b: %s}\n", fmt.Sprint(i), filler))
	}
	for i := range 10 {
		edit(i)
	}
	before := heap()
	for i := range runs {
		edit(10 + i)
	}
	// Each run makes two objects, each of which is text, a tree, a term and keys of verdicts: fifteen times its size, were
	// it kept.
	if grown := int64(heap()) - int64(before); grown > 2*runs*size {
		t.Errorf("after %d runs there are %d kB more, %d kB a run", runs, grown>>10, grown>>10/runs)
	}
}

// The whole, with real files and the real program.
func TestWatchProgram(t *testing.T) {
	dir := repository(t)
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kgate", "validate", "--watch", "--checks", "schema,kustomize,exemption", "-o", "text=report.txt", "-o", "json")
	cmd.Dir = dir
	var notes bytes.Buffer
	cmd.Stderr = &notes
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type findings struct {
		Summary  struct{ Targets, Errors int }
		Failures []struct {
			Message string
			Source  *manifest.Position
		}
	}
	decoder := json.NewDecoder(stdout)
	// One edit may be told in two batches: what counts is what the watch says in the end.
	until := func(what string, fits func(findings) bool) {
		t.Helper()
		for {
			var r findings
			if err := decoder.Decode(&r); err != nil {
				t.Fatalf("%s is never reported: %v\n%s", what, err, &notes)
			}
			if fits(r) {
				return
			}
		}
	}
	faults := func(targets, errors int) func(findings) bool {
		return func(r findings) bool {
			return r.Summary.Targets == targets && r.Summary.Errors == errors && len(r.Failures) == 0
		}
	}
	until("the beginning", faults(2, 0))
	write(t, dir, "base/config.yaml", faulty)
	until("a fault", faults(2, 1))
	text, err := os.ReadFile(filepath.Join(dir, "report.txt"))
	if err != nil || !strings.Contains(string(text), "base/config.yaml:4") {
		t.Errorf("report.txt: %v\n%s", err, text)
	}
	write(t, dir, "base/config.yaml~", small["base/config.yaml"])
	if err := os.Rename(filepath.Join(dir, "base/config.yaml~"), filepath.Join(dir, "base/config.yaml")); err != nil {
		t.Fatal(err)
	}
	until("a file in the place of another", faults(2, 0))
	write(t, dir, "kgate.yaml", "apiVersion: kgate/v2\n")
	until("a broken kgate.yaml", func(r findings) bool {
		return len(r.Failures) == 1 && r.Failures[0].Source != nil && r.Failures[0].Source.File == "kgate.yaml"
	})
	write(t, dir, "kgate.yaml", small["kgate.yaml"])
	until("a mended kgate.yaml", faults(2, 0))
	write(t, dir, "overlays/new/deep/config.yaml", faulty)
	write(t, dir, "overlays/new/kustomization.yaml", "namespace: new\nresources: [deep/config.yaml]\n")
	until("a new target", faults(3, 1))
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(decoder.Buffered()); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("after the interrupt: %v %s", err, rest)
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitFindings {
		t.Errorf("the end: %v\n%s", err, &notes)
	}
}

// BenchmarkWatch edits one line of the real tree and checks again. cold is what the same process needs for a run that
// begins afresh; a process of its own needs longer.
func BenchmarkWatch(b *testing.B) {
	for _, edit := range []struct{ name, file, old, format string }{
		{"base", "base/components/workload/deployment.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 4%d"},
		{"overlay", "overlays/prod/go-otlp-app/environment.yaml", "max: 10", "max: 1%d"},
	} {
		b.Run(edit.name, func(b *testing.B) {
			dir := manifests(b)
			const colds = 5
			began := time.Now()
			for range colds {
				if code := run(context.Background(), []string{"validate"}, strings.NewReader(""), io.Discard, io.Discard); code == exitUnable {
					b.Fatalf("exit code %d", code)
				}
			}
			cold := time.Since(began) / colds
			text, err := os.ReadFile(edit.file)
			if err != nil || !strings.Contains(string(text), edit.old) {
				b.Fatalf("%s has no %q: %v", edit.file, edit.old, err)
			}
			w := begin(b, dir, validateFlags{})
			w.next()
			n := 0
			for b.Loop() {
				n++
				r, _ := w.edit(edit.file, strings.Replace(string(text), edit.old, fmt.Sprintf(edit.format, n%10), 1))
				if len(r.Errors) > 0 {
					b.Fatal(r.Errors)
				}
			}
			each := b.Elapsed() / time.Duration(n)
			b.ReportMetric(float64(cold.Milliseconds()), "cold-ms")
			b.ReportMetric(float64(each.Milliseconds()), "edit-ms")
			b.ReportMetric(float64(cold)/float64(each), "cold/edit")
			w.stop()
			close(w.batches)
			<-w.end
		})
	}
}
