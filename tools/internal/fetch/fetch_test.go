package fetch

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {a: b}\n"
}

// base is a repository with what a remote base can be made of.
const base = `
-- README.md --
Not part of any base.
-- config/default/kustomization.yaml --
namePrefix: web-
resources: [../app, ../linked, "SITE/org/other.git//deep/base?ref=main", SITE/files/extra.yaml]
components: [../component]
configMapGenerator:
- name: settings
  files: [settings.txt, remote=SITE/files/remote.txt]
- name: environment
  envs: [settings.env]
patches:
- path: patch.yaml
replacements:
- path: replacement.yaml
-- config/default/settings.txt --
text
-- config/default/settings.env --
A=1
-- config/default/patch.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {replicas: 3}
-- config/default/replacement.yaml --
source: {kind: ConfigMap, name: other, fieldPath: data.a}
targets:
- select: {kind: Deployment}
  fieldPaths: [metadata.annotations.from]
  options: {create: true}
-- config/app/kustomization.yaml --
resources: [deployment.yaml]
-- config/app/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: app:1}]}
-- config/real/kustomization.yaml --
resources: [configmap.yaml]
-- config/real/configmap.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: linked}
data: {envs: settings}
-- config/component/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
labels: [{pairs: {team: a}}]
configurations: [fields.yaml]
-- config/component/fields.yaml --
nameReference:
- kind: ConfigMap
  fieldSpecs: [{kind: Thing, path: spec/settings}]
-- config/unused/kustomization.yaml --
resources: [../../nowhere]
`

const other = `
-- deep/base/kustomization.yml --
resources: [../configmap]
-- deep/configmap/Kustomization --
resources: [configmap.yaml]
-- deep/configmap/configmap.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
data: {a: value}
`

const overlays = `
-- app/kustomization.yaml --
resources:
- SITE/org/base.git//config/default?ref=v1
- SITE/files/install.yaml
- thing.yaml
components: ["SITE/org/base.git/config/component?ref=v1"]
namespace: app
patches:
- path: SITE/files/patch.yaml
  target: {kind: Deployment}
configMapGenerator:
- name: own
  files: [SITE/files/remote.txt]
transformers: [SITE/files/transformer.yaml]
crds: [SITE/files/crd.json]
buildMetadata: [originAnnotations, transformerAnnotations]
-- app/thing.yaml --
apiVersion: example.com/v1
kind: Thing
metadata: {name: thing}
spec: {settings: own}
-- again/kustomization.yaml --
resources: [../app, SITE/org/other.git//deep/configmap]
nameSuffix: -again
`

// origin is a site with everything that overlays name, and a repository that has these.
func origin(t *testing.T) (*site, string) {
	t.Helper()
	s := newSite(t)
	s.commit("org/other.git", other)
	s.commit("org/base.git", base, func(dir string) {
		if err := os.Symlink("real", filepath.Join(dir, "config", "linked")); err != nil {
			t.Fatal(err)
		}
	})
	s.git(filepath.Join(s.dir, "org/base.git"), "tag", "-a", "v1", "-m", "x")
	maps.Copy(s.files, map[string]string{
		"/files/install.yaml":     configMap("installed") + "---\n" + configMap("second"),
		"/files/extra.yaml":       configMap("extra"),
		"/files/remote.txt":       "remote\n",
		"/files/patch.yaml":       "- {op: add, path: /metadata/labels/patched, value: 'yes'}\n",
		"/files/transformer.yaml": "apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: a}\nannotations: {by: remote}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n",
		"/files/crd.json":         `{"example.com/v1.Thing":{"Schema":{"properties":{"apiVersion":{},"kind":{},"metadata":{},"spec":{"properties":{"settings":{"x-kubernetes-object-ref-api-version":"v1","x-kubernetes-object-ref-kind":"ConfigMap"}}}}}}}`,
	})
	return s, s.repository(overlays)
}

func TestCopiesRenderWhatKustomizeRendersWithTheNetwork(t *testing.T) {
	s, dir := origin(t)
	want := "app/kustomization.yaml:14: " + s.url + "/files/crd.json is remote: kgate renders offline, and .kgate/vendor.lock.yaml has no copy of it: run `kgate vendor`"
	if _, err := rendered(t, dir, "app"); err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("before there is a copy: %v", err)
	}
	out := vendorAll(t, dir, "app", "again")
	if out.Copies != 9 || len(out.Changes) != 9 {
		t.Errorf("%d copies: %+v", out.Copies, out.Changes)
	}
	for _, target := range []string{"app", "again"} {
		before := s.requests()
		is, err := rendered(t, dir, target)
		if err != nil {
			t.Fatal(err)
		}
		if s.requests() != before {
			t.Fatalf("rendering asked for %q", s.asked[before:])
		}
		if want := kustomize(t, dir, target); is != want {
			t.Errorf("%s renders to\n%s\nand with the network to\n%s", target, is, want)
		}
	}
	text := strings.Join(slices.Sorted(maps.Keys(snapshot(t, filepath.Join(dir, ".kgate")))), "\n")
	for _, unread := range []string{"README.md", "unused", "/.git/"} {
		if strings.Contains(text, unread) {
			t.Errorf("the copies have %s:\n%s", unread, text)
		}
	}
	if !strings.Contains(text, "config/linked") || !strings.Contains(text, "config/real/configmap.yaml") {
		t.Errorf("the copies have no link:\n%s", text)
	}
}

func TestASecondRunDoesNothing(t *testing.T) {
	s, dir := origin(t)
	vendorAll(t, dir, "app", "again")
	before, asked := snapshot(t, dir), s.requests()
	out := vendorAll(t, dir, "app", "again")
	if len(out.Changes) > 0 || s.requests() != asked {
		t.Errorf("it changes %+v and asks for %q", out.Changes, s.asked[asked:])
	}
	if after := snapshot(t, dir); !maps.Equal(before, after) {
		t.Error("it writes")
	}
	// Also where everything is asked for anew and is as it was.
	if out := vendor(t, Job{Dir: dir, Targets: []string{"app", "again"}, Whole: true, Update: true}); len(out.Changes) > 0 || len(out.Faults) > 0 || s.requests() == asked {
		t.Errorf("%+v", out)
	}
	if after := snapshot(t, dir); !maps.Equal(before, after) {
		t.Error("an update without a change writes")
	}
}

const single = `
-- app/kustomization.yaml --
resources: ['SITE/org/base.git//app?ref=main']
`

func app(name string) string {
	return "-- app/kustomization.yaml --\nresources: [cm.yaml]\n-- app/cm.yaml --\n" + configMap(name)
}

func TestABranchIsFollowedOnlyWhenAsked(t *testing.T) {
	s := newSite(t)
	first := s.commit("org/base.git", app("first"))
	dir := s.repository(single)
	vendorAll(t, dir, "app")
	second := s.commit("org/base.git", app("second"))
	holds := func(name, commit string) {
		t.Helper()
		text, err := rendered(t, dir, "app")
		lock, _ := os.ReadFile(filepath.Join(dir, vendored.LockFile))
		if err != nil || !strings.Contains(text, "name: "+name) || !strings.Contains(string(lock), "commit: "+commit) {
			t.Errorf("%v\n%s\n%s", err, text, lock)
		}
	}
	if out := vendorAll(t, dir, "app"); len(out.Changes) > 0 {
		t.Errorf("%+v", out.Changes)
	}
	holds("first", first)
	// A copy that is lost, or edited, is fetched as the lock has it.
	if err := os.RemoveAll(filepath.Join(dir, ".kgate", "vendor")); err != nil {
		t.Fatal(err)
	}
	vendorAll(t, dir, "app")
	holds("first", first)
	if err := filepath.WalkDir(filepath.Join(dir, ".kgate", "vendor", "git"), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "cm.yaml" {
			err = os.WriteFile(name, []byte(configMap("edited")), 0o644)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := rendered(t, dir, "app"); err == nil || !strings.Contains(err.Error(), "app/kustomization.yaml:1: ") || !strings.Contains(err.Error(), "is not what .kgate/vendor.lock.yaml says was fetched") {
		t.Errorf("an edited copy: %v", err)
	}
	if out := vendor(t, Job{Dir: dir, Targets: []string{"app"}, Whole: true, Check: true}); len(out.Faults) != 1 {
		t.Errorf("an edited copy: %+v", out)
	}
	vendorAll(t, dir, "app")
	holds("first", first)
	if out := vendor(t, Job{Dir: dir, Targets: []string{"app"}, Whole: true, Update: true}); len(out.Changes) != 1 || out.Changes[0].What != Updated {
		t.Errorf("%+v", out)
	}
	holds("second", second)
}

func TestALockedCommitThatIsGone(t *testing.T) {
	s := newSite(t)
	s.commit("org/base.git", app("first"))
	dir := s.repository(single)
	vendorAll(t, dir, "app")
	if err := os.RemoveAll(filepath.Join(s.dir, "org/base.git")); err != nil {
		t.Fatal(err)
	}
	s.commit("org/base.git", app("rewritten"))
	if err := os.RemoveAll(filepath.Join(dir, ".kgate", "vendor")); err != nil {
		t.Fatal(err)
	}
	out := vendor(t, Job{Dir: dir, Targets: []string{"app"}, Whole: true})
	if len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "which the server gives no more: `kgate vendor --update` takes main") {
		t.Errorf("%+v", out)
	}
	if lock, err := vendored.ReadLock(os.DirFS(dir)); err != nil || len(lock.Repositories) != 1 {
		t.Errorf("the lock is lost: %+v, %v", lock, err)
	}
}

func TestCopiesThatNobodyNeedsGo(t *testing.T) {
	s, dir := origin(t)
	vendorAll(t, dir, "app", "again")
	s.write(dir, "-- app/kustomization.yaml --\nresources: [thing.yaml, 'SITE/org/base.git//config/app?ref=v1']\n")
	out := vendorAll(t, dir, "app", "again")
	removed := 0
	for _, c := range out.Changes {
		if c.What == Removed {
			removed++
			if _, err := os.Lstat(filepath.Join(dir, c.Place)); err == nil {
				t.Errorf("%s is still there", c.Place)
			}
		}
	}
	if out.Copies != 2 || removed != 7 { // the base with less in it, and the other's default branch
		t.Errorf("%d copies, %d removed: %+v", out.Copies, removed, out.Changes)
	}
	for name := range snapshot(t, filepath.Join(dir, ".kgate")) {
		if strings.Contains(name, "config/default") || strings.Contains(name, "/files") {
			t.Errorf("%s is still there", name)
		}
	}
	s.write(dir, "-- app/kustomization.yaml --\nresources: [thing.yaml]\n-- again/kustomization.yaml --\nresources: [../app]\n")
	vendorAll(t, dir, "app", "again")
	if _, err := os.Lstat(filepath.Join(dir, ".kgate")); err == nil {
		t.Errorf("there is left %q", slices.Sorted(maps.Keys(snapshot(t, filepath.Join(dir, ".kgate")))))
	}
}

func TestAFailureKeepsWhatIsThere(t *testing.T) {
	s, dir := origin(t)
	vendorAll(t, dir, "app", "again")
	before := snapshot(t, filepath.Join(dir, ".kgate"))
	s.write(dir, "-- app/kustomization.yaml --\nresources: [nowhere.yaml]\n")
	out := vendor(t, Job{Dir: dir, Targets: []string{"app", "again"}, Whole: true})
	if len(out.Faults) == 0 || !strings.Contains(out.Faults[0].Error(), "nowhere.yaml does not exist") {
		t.Errorf("%+v", out)
	}
	if after := snapshot(t, filepath.Join(dir, ".kgate")); !maps.Equal(before, after) {
		t.Errorf("%q became %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
}

func TestOneTargetOfSeveral(t *testing.T) {
	s := newSite(t)
	s.commit("org/a.git", app("a"))
	s.commit("org/b.git", app("b"))
	dir := s.repository("-- a/kustomization.yaml --\nresources: [SITE/org/a.git//app]\n-- b/kustomization.yaml --\nresources: [SITE/org/b.git//app]\n")
	if out := vendor(t, Job{Dir: dir, Targets: []string{"a"}, Others: []string{"b"}}); out.Copies != 1 || len(out.Faults) > 0 {
		t.Fatalf("%+v", out)
	}
	if _, err := rendered(t, dir, "a"); err != nil {
		t.Error(err)
	}
	if _, err := rendered(t, dir, "b"); err == nil {
		t.Error("nobody asked for b")
	}
	vendor(t, Job{Dir: dir, Targets: []string{"b"}, Others: []string{"a"}})
	for _, target := range []string{"a", "b"} {
		if _, err := rendered(t, dir, target); err != nil {
			t.Error(err)
		}
	}
}

func TestCheckFetchesAndWritesNothing(t *testing.T) {
	s, dir := origin(t)
	check := Job{Dir: dir, Targets: []string{"app", "again"}, Whole: true, Check: true}
	before := snapshot(t, dir)
	if out := vendor(t, check); len(out.Faults) != 2 || s.requests() != 0 || !maps.Equal(before, snapshot(t, dir)) {
		t.Errorf("%+v, %d requests", out, s.requests())
	}
	vendorAll(t, dir, "app", "again")
	if out := vendor(t, check); len(out.Faults) > 0 || len(out.Changes) > 0 || out.Copies != 9 {
		t.Errorf("%+v", out)
	}
	s.write(dir, "-- again/kustomization.yaml --\nresources: [../app]\n")
	before = snapshot(t, dir)
	if out := vendor(t, check); len(out.Changes) != 1 || out.Changes[0].What != Removed {
		t.Errorf("%+v", out)
	}
	if !maps.Equal(before, snapshot(t, dir)) {
		t.Error("a check writes")
	}
}

func TestAnotherDirectory(t *testing.T) {
	s, dir := origin(t)
	vendorAll(t, dir, "app")
	want, err := rendered(t, dir, "app")
	if err != nil {
		t.Fatal(err)
	}
	job := Job{Dir: dir, Directory: "third_party/kustomize", Targets: []string{"app"}, Whole: true}
	if out := vendor(t, job); len(out.Faults) > 0 {
		t.Fatal(out.Faults)
	}
	if is, err := rendered(t, dir, "app"); err != nil || is != want {
		t.Errorf("%v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, ".kgate/vendor")); err == nil {
		t.Errorf("the copies lie in both places: %q", slices.Sorted(maps.Keys(snapshot(t, filepath.Join(dir, ".kgate/vendor")))))
	}
	asked := s.requests()
	if out := vendor(t, job); len(out.Changes) > 0 || s.requests() != asked {
		t.Errorf("%+v", out)
	}
}

// The copies move only where every target was read: those of the others would be lost.
func TestAnotherDirectoryForSomeTargets(t *testing.T) {
	s := newSite(t)
	s.commit("org/a.git", app("a"))
	s.commit("org/b.git", app("b"))
	dir := s.repository("-- a/kustomization.yaml --\nresources: [SITE/org/a.git//app]\n-- b/kustomization.yaml --\nresources: [SITE/org/b.git//app]\n")
	// The first copies may lie in another directory than the usual one.
	if out := vendor(t, Job{Dir: dir, Directory: "first", Targets: []string{"a"}, Others: []string{"b"}}); out.Copies != 1 || len(out.Faults) > 0 {
		t.Fatalf("%+v", out)
	}
	if out := vendor(t, Job{Dir: dir, Directory: "first", Targets: []string{"a", "b"}, Whole: true}); out.Copies != 2 || len(out.Faults) > 0 {
		t.Fatalf("%+v", out)
	}
	before := snapshot(t, dir)
	job := Job{Dir: dir, Directory: "second", Targets: []string{"a"}, Others: []string{"b"}}
	out, err := Do(t.Context(), job)
	if err == nil || err.Error() != "the copies move from first to second: run `kgate vendor` for all targets once every target can be read" || len(out.Changes) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
	job.Check = true
	out = vendor(t, job)
	if len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "does not lie where kgate.yaml says") {
		t.Errorf("a check: %+v", out)
	}
	for _, c := range out.Changes {
		t.Errorf("a check: %s is %s", c.Place, c.What)
	}
	if after := snapshot(t, dir); !maps.Equal(before, after) {
		t.Errorf("%q became %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
}

func TestAnotherDirectoryAndATargetThatCannotBeRead(t *testing.T) {
	s, dir := origin(t)
	vendorAll(t, dir, "app", "again")
	s.write(dir, "-- app/kustomization.yaml --\nresources: [nowhere.yaml]\n-- other/kustomization.yaml --\nresources: [SITE/files/install.yaml]\n")
	before := snapshot(t, dir)
	out, err := Do(t.Context(), Job{Dir: dir, Directory: "third_party", Targets: []string{"app", "again", "other"}, Whole: true})
	if err == nil || !strings.Contains(err.Error(), "the copies move from .kgate/vendor to third_party: ") || len(out.Changes) > 0 {
		t.Errorf("%+v, %v", out, err)
	}
	if len(out.Faults) == 0 || !strings.Contains(out.Faults[0].Error(), "nowhere.yaml does not exist") {
		t.Errorf("%+v", out.Faults)
	}
	if after := snapshot(t, dir); !maps.Equal(before, after) {
		t.Errorf("%q became %q", slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(after)))
	}
}

func TestWhatIsRefused(t *testing.T) {
	submodule := func(dir string, s *site) {
		s.commit("org/module.git", app("module"))
		s.git(dir, "-c", "protocol.allow=always", "submodule", "--quiet", "add", s.url+"/org/module.git", "module")
	}
	link := func(to string, at ...string) func(dir string, s *site) {
		return func(dir string, s *site) {
			if err := os.Symlink(to, filepath.Join(append([]string{dir}, at...)...)); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	const entry = "SITE/org/base.git//app"
	for name, c := range map[string]struct {
		files string
		more  func(dir string, s *site)
		entry string
		want  string
	}{
		"no such path":                           {app("a"), nil, "SITE/org/base.git//nowhere", "the repository has no nowhere at its commit"},
		"no such branch":                         {app("a"), nil, entry + "?ref=v9", "git says: fatal: couldn't find remote ref v9"},
		"no such repository":                     {app("a"), nil, "SITE/org/none.git//app", "git says: fatal: repository"},
		"a file in place of a directory":         {app("a"), nil, entry + "/cm.yaml", "is a file; a directory belongs here"},
		"a submodule":                            {app("a"), submodule, "SITE/org/base.git//module/app?submodules=true", "lies in the submodule module, and kgate fetches no submodules: name the submodule's own repository"},
		"a base in a submodule":                  {"-- app/kustomization.yaml --\nresources: [../module/app]\n", submodule, entry, "base.git is a submodule, and kgate fetches no submodules: name the submodule's own repository"},
		"a link out of the repository":           {"-- x --\n", link("../../../../../../app", "app"), entry, "the repository has no app"},
		"a file by a link out of the repository": {"-- app/kustomization.yaml --\nresources: [cm.yaml]\n", link("../../../../../../../../app/own.yaml", "app", "cm.yaml"), entry, "a symbolic link leads out of"},
		"a base outside of the repository":       {"-- app/kustomization.yaml --\nresources: [../../../../../../../app]\n", nil, entry, "leads out of the repository that"},
		"a file outside of the repository":       {"-- app/kustomization.yaml --\nresources: [../../../../../../../app/own.yaml]\n", nil, entry, "leads out of the repository that"},
		"a file above the directory":             {"-- app/kustomization.yaml --\nresources: [../cm.yaml]\n-- cm.yaml --\n" + configMap("a"), nil, entry, "is outside this kustomization's directory"},
		"a base that leads to itself":            {"-- app/kustomization.yaml --\nresources: [" + entry + "]\n", nil, entry, "cycle: "},
		"a file of Git LFS":                      {"-- app/kustomization.yaml --\nconfigMapGenerator: [{name: a, files: [a.bin]}]\n-- app/a.bin --\nversion https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", nil, entry, "is kept in Git LFS"},
		"a file that is too large":               {"-- app/kustomization.yaml --\nconfigMapGenerator: [{name: a, files: [a.bin]}]\n-- app/a.bin --\n" + strings.Repeat("x", 11<<20), nil, entry, "the limit is"},
		"names that differ in case":              {"-- app/kustomization.yaml --\nconfigMapGenerator: [{name: a, files: [a, A]}]\n-- app/a --\nx\n-- app/A --\ny\n", nil, entry, "one file where letter case does not count"},
		"a program":                              {"-- app/kustomization.yaml --\ngenerators: [g.yaml]\n-- app/g.yaml --\napiVersion: x/v1\nkind: G\nmetadata: {name: g}\n", nil, entry, "is a plugin that runs a program"},
		"a file that is not there":               {app("a"), nil, "SITE/missing.yaml", "the server answers 404"},
		"a page in place of a manifest":          {app("a"), func(_ string, s *site) { s.files["/page.yaml"] = "<html>\n<p>: x</p>\n" }, "SITE/page.yaml", "holds no objects"},
		"a path of this machine":                 {app("a"), nil, "file:///org/base.git//app", "is a path of one machine"},
		"a password":                             {app("a"), nil, "http://user:secret@127.0.0.1/org/base.git//app", "holds a password"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.commit("org/base.git", c.files, func(dir string) {
				if c.more != nil {
					c.more(dir, s)
				}
			})
			dir := s.repository("-- app/kustomization.yaml --\nresources: ['" + c.entry + "']\n-- app/own.yaml --\n" + configMap("own"))
			before := snapshot(t, dir)
			out := vendor(t, Job{Dir: dir, Targets: []string{"app"}, Whole: true})
			if len(out.Faults) == 0 || !strings.Contains(out.Faults[len(out.Faults)-1].Error(), c.want) {
				t.Errorf("%v, not %q", out.Faults, c.want)
			}
			if after := snapshot(t, dir); !maps.Equal(before, after) {
				t.Errorf("it wrote %q", slices.Sorted(maps.Keys(after)))
			}
		})
	}
}

// What a repository or the user's own configuration of git could run is not run.
func TestGitRunsNothing(t *testing.T) {
	s := newSite(t)
	s.commit("org/base.git", app("a")+"-- .gitattributes --\n*.yaml filter=evil\n")
	home := os.Getenv("HOME")
	mark := filepath.Join(home, "mark")
	hooks := filepath.Join(home, "hooks")
	if err := os.Mkdir(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"reference-transaction", "post-checkout", "fsmonitor-watchman"} {
		if err := os.WriteFile(filepath.Join(hooks, hook), []byte("#!/bin/sh\ntouch '"+mark+"'\n"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	config := "[core]\n\thooksPath = " + hooks + "\n\tfsmonitor = " + hooks + "/fsmonitor-watchman\n[filter \"evil\"]\n\tsmudge = touch '" + mark + "'\n\trequired = true\n[init]\n\ttemplateDir = " + hooks + "\n"
	if err := os.WriteFile(os.Getenv("GIT_CONFIG_GLOBAL"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	// As a hook of git runs it, which leads git elsewhere.
	elsewhere := t.TempDir()
	dir := s.repository(single)
	t.Setenv("GIT_DIR", filepath.Join(elsewhere, ".git"))
	t.Setenv("GIT_INDEX_FILE", filepath.Join(elsewhere, "index"))
	vendorAll(t, dir, "app")
	if _, err := os.Stat(mark); err == nil {
		t.Error("something was run")
	}
	if entries, err := os.ReadDir(elsewhere); err != nil || len(entries) > 0 {
		t.Errorf("git wrote to another repository: %v", entries)
	}
}

func TestGitHasTheCredentialsOfTheUser(t *testing.T) {
	s := newSite(t)
	s.commit("org/base.git", app("a"))
	s.password = "secret"
	dir := s.repository(single)
	if out := vendor(t, Job{Dir: dir, Targets: []string{"app"}, Whole: true}); len(out.Faults) != 1 || !strings.Contains(out.Faults[0].Error(), "git says: ") {
		t.Fatalf("without credentials: %+v", out)
	}
	config := "[credential]\n\thelper = \"!f() { echo username=u; echo password=secret; }; f\"\n"
	if err := os.WriteFile(os.Getenv("GIT_CONFIG_GLOBAL"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	vendorAll(t, dir, "app")
	for name, text := range snapshot(t, dir) {
		if strings.Contains(text, "secret") {
			t.Errorf("%s holds the password", name)
		}
	}
}

// What is written goes through no link: one of a stranger's commit could lead to git's own files.
func TestNothingIsWrittenThroughALink(t *testing.T) {
	for _, link := range []string{".kgate", ".kgate/vendor", ".kgate/vendor/git"} {
		s := newSite(t)
		s.commit("org/base.git", app("a"))
		dir := s.repository(single + "-- .git/hooks/x --\n")
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(dir, ".git", "hooks"), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
		_, err := Do(t.Context(), Job{Dir: dir, Targets: []string{"app"}, Whole: true})
		if err == nil || !strings.Contains(err.Error(), "symbolic link") {
			t.Errorf("%s: %v", link, err)
		}
		if entries, err := os.ReadDir(filepath.Join(dir, ".git", "hooks")); err != nil || len(entries) != 1 {
			t.Errorf("%s: it wrote %v, %v", link, entries, err)
		}
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	s := newSite(t)
	s.commit("org/base.git", app("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Do(ctx, Job{Dir: s.repository(single), Targets: []string{"app"}, Whole: true}); err == nil {
		t.Error("no error")
	}
}
