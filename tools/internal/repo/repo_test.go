package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const full = `apiVersion: kgate/v1
kubernetesVersions: ["1.28", 1.37]
targets: [overlays/*/, argocd]
environments:
  - name: prod
    targets: [overlays/prod, overlays/prod/*]
    sampling: {min: 0.01, max: 0.2}
external:
  - kind: Service
    namespace: istio-system
    name: istiod
    ports: [15012, 443]
    provider: Istio
  - {kind: Namespace, name: kube-system, provider: Kubernetes}
exemptions:
  - check: pod/no-host-path
    target: overlays/*
    object: {apiVersion: apps/v1, kind: DaemonSet, namespace: logging, name: fluent-bit}
    path: spec.template.spec.volumes
    reason: logs are files
    owner: platform team
    expires: 2027-10-31
`

func TestParseConfig(t *testing.T) {
	got, err := ParseConfig(ConfigFile, []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) manifest.Position { return manifest.Position{File: ConfigFile, Line: line} }
	want := Config{
		KubernetesVersions: []Version{{"1.28", at(2)}, {"1.37", at(2)}},
		Targets:            []string{"overlays/*", "argocd"},
		TargetSources:      map[string]manifest.Position{"overlays/*": at(3), "argocd": at(3)},
		Environments: []Environment{{
			Name: "prod", Targets: []string{"overlays/prod", "overlays/prod/*"}, Sampling: &check.Bounds{Min: 0.01, Max: 0.2}, Source: at(5),
		}},
		Patterns: []Pattern{{"environments", "overlays/prod", at(6)}, {"environments", "overlays/prod/*", at(6)}},
		External: []check.External{
			{Kind: "Service", Namespace: "istio-system", Name: "istiod", Provider: "Istio", Ports: []int{15012, 443}, Source: at(9)},
			{Kind: "Namespace", Name: "kube-system", Provider: "Kubernetes", Source: at(14)},
		},
		Exemptions: []check.Exemption{{
			Check: "pod/no-host-path", Target: "overlays/*",
			Object: check.ObjectPattern{APIVersion: "apps/v1", Kind: "DaemonSet", Namespace: "logging", Name: "fluent-bit"},
			Path:   manifest.Path{"spec", "template", "spec", "volumes"},
			Reason: "logs are files", Owner: "platform team", Expires: time.Date(2027, 10, 31, 0, 0, 0, 0, time.UTC), Source: at(16),
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if e := got.Environment("overlays/prod/app"); e == nil || e.Name != "prod" {
		t.Errorf("environment of overlays/prod/app: %v", e)
	}
	if e := got.Environment("overlays/production"); e != nil {
		t.Errorf("environment of overlays/production: %v", e)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"apiVersion: kgate/v1\n", "", `kgate.yaml:1: kgate.yaml needs the key "apiVersion"`},
		{"kgate/v1", "kgate/v2", `kgate.yaml:1: apiVersion is "kgate/v2"; this kgate reads "kgate/v1"`},
		{"targets: [overlays/*/", "target: [overlays/*/", `kgate.yaml:3: kgate.yaml has no key "target"; it has apiVersion, checks, `},
		{"targets: [overlays/*/, argocd]", "targets: overlays/*", "kgate.yaml:3: targets must be a list"},
		{"targets: [overlays/*/, argocd]", "targets: []", "kgate.yaml:3: targets is empty"},
		{"[overlays/*/, argocd]", "['overlays/[', argocd]", `kgate.yaml:3: a target: "overlays/[" is not a valid pattern`},
		{"[overlays/*/, argocd]", "['', argocd]", "kgate.yaml:3: a target must be a text that is not empty"},
		{"[overlays/*/, argocd]", "[[a]]", "kgate.yaml:3: a target must be a text that is not empty"},
		{`["1.28", 1.37]`, "1.37", "kgate.yaml:2: kubernetesVersions must be a list"},
		{`["1.28", 1.37]`, "[null]", "kgate.yaml:2: a Kubernetes version must be a text that is not empty"},
		{"  - name: prod\n    targets", "  - targets", `kgate.yaml:5: an environment needs the key "name"`},
		{"    targets: [overlays/prod, overlays/prod/*]\n", "", `kgate.yaml:5: an environment needs the key "targets"`},
		{"external:\n  - kind: Service", "  - {name: prod, targets: [x]}\nexternal:\n  - kind: Service", `kgate.yaml:8: the environment "prod" is there already, in line 5`},
		{"sampling:", "samples:", `kgate.yaml:7: an environment has no key "samples"; it has name, promotion, sampling, targets`},
		{"max: 0.2", "maximum: 0.2", `kgate.yaml:7: sampling has no key "maximum"; it has max, min`},
		{"max: 0.2", "max: much", "kgate.yaml:7: max must be a number"},
		{"max: 0.2", "max: 1.5", "kgate.yaml:7: sampling bounds are ratios"},
		{"max: 0.2", "max: 0.001", "kgate.yaml:7: sampling bounds are ratios"},
		{"max: 0.2", "max: NaN", "kgate.yaml:7: "},
		{"{min: 0.01, max: 0.2}", "0.1", "kgate.yaml:7: sampling must be a mapping"},
		{"    name: istiod\n", "", `kgate.yaml:9: an external reference needs the key "name"`},
		{"  - kind: Service\n    namespace", "  - namespace", `kgate.yaml:9: an external reference needs the key "kind"`},
		{"    provider: Istio\n", "", `kgate.yaml:9: an external reference needs the key "provider"`},
		{"15012, 443", "0", `kgate.yaml:12: "0" is not a port`},
		{"15012, 443", "http", `kgate.yaml:12: "http" is not a port`},
		{"kind: Service", "kind: Secret", "kgate.yaml:9: ports belong to a Service, not to a Secret"},
		{"check: pod/no-host-path\n    target", "target", `kgate.yaml:16: an exemption needs the key "check"`},
		{"    reason: logs are files\n", "", `kgate.yaml:16: an exemption needs the key "reason"`},
		{"reason: logs are files", "reason: ' '", "kgate.yaml:20: reason must be a text that is not empty"},
		{"    owner: platform team\n", "", `kgate.yaml:16: an exemption needs the key "owner"`},
		{"    expires: 2027-10-31\n", "", `kgate.yaml:16: an exemption needs the key "expires"`},
		{"2027-10-31", "2027-02-30", `kgate.yaml:22: expires: "2027-02-30" is not a day like 2027-03-31`},
		{"kind: DaemonSet", "kinds: DaemonSet", `kgate.yaml:18: object has no key "kinds"; it has apiVersion, kind, name, namespace`},
		{"object: {apiVersion: apps/v1, kind: DaemonSet, namespace: logging, name: fluent-bit}", "object: DaemonSet", "kgate.yaml:18: object must be a mapping"},
		{"object: {apiVersion: apps/v1, kind: DaemonSet, namespace: logging, name: fluent-bit}", "object: {}", "kgate.yaml:18: object is empty"},
		{"spec.template.spec.volumes", "spec..volumes", `kgate.yaml:19: path "spec..volumes": a field name must follow the dot`},
		{"    reason: logs", "    reason: a\n    reason: logs", `kgate.yaml:21: key "reason" repeats the one of line 20`},
		{full, "", "kgate.yaml:1: the file has 0 documents, not one; it begins with `apiVersion: kgate/v1`"},
		{"environments:", "---\nenvironments:", "kgate.yaml:1: the file has 2 documents, not one"},
		{full, "- a\n", "kgate.yaml:1: kgate.yaml must be a mapping"},
		{"[15012, 443]", "[15012", "kgate.yaml:"},
		{"apiVersion: kgate/v1", "apiVersion: kgate/v1\nlongestExemption: 0d", `kgate.yaml:2: longestExemption: "0d" is not a term like 90d, 6m or 1y`},
		{"apiVersion: kgate/v1", "apiVersion: kgate/v1\nlongestExemption: 365", `kgate.yaml:2: longestExemption: "365" is not a term like 90d, 6m or 1y`},
		{"apiVersion: kgate/v1", "apiVersion: kgate/v1\nlongestExemption: -1y", "kgate.yaml:2: longestExemption"},
		{"apiVersion: kgate/v1", "apiVersion: kgate/v1\nlongestExemption: [1y]", "kgate.yaml:2: longestExemption"},
		{"apiVersion: kgate/v1", "apiVersion: kgate/v1\nobjectExemptions: no", "kgate.yaml:2: objectExemptions is true or false"},
	} {
		t.Run(test.want, func(t *testing.T) {
			if !strings.Contains(full, test.old) {
				t.Fatalf("%q is not in the example", test.old)
			}
			_, err := ParseConfig(ConfigFile, []byte(strings.Replace(full, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	_, err := ParseConfig(ConfigFile, []byte("apiVersion: v\ntarget: x\nexternal: y\n"))
	if err == nil || strings.Count(err.Error(), "kgate.yaml:") != 3 {
		t.Errorf("three faults are reported as %v", err)
	}
}

func TestLatestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 27, 23, 30, 0, 0, time.FixedZone("east", 2*60*60))
	for text, want := range map[string]string{
		"": "2027-11-27", "longestExemption: 1y": "2027-11-27", "longestExemption: 90d": "2027-02-25", "longestExemption: 6m": "2027-05-27",
		"longestExemption: 99999y": "11026-11-27",
	} {
		config, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\n"+text))
		if got := config.LatestExpiry(now).Format(time.DateOnly); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]bool{"": false, "objectExemptions: true": false, "objectExemptions: false": true} {
		if config, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\n"+text)); err != nil || config.CarryNone != want {
			t.Errorf("%q: %t, %v", text, config.CarryNone, err)
		}
	}
}

func TestParseConfigAliases(t *testing.T) {
	config, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\nenvironments:\n- name: a\n  targets: &t [x]\n- name: b\n  targets: *t\n"))
	if err != nil || len(config.Environments) != 2 || !reflect.DeepEqual(config.Environments[1].Targets, []string{"x"}) {
		t.Errorf("got %+v, %v", config, err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("apiVersion: kgate/v1\nexemptions: [{<<: {check: a}}]\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := ParseConfig(ConfigFile, data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), ConfigFile) {
				t.Errorf("%v names no file", err)
			}
			return
		}
		config.Environment("overlays/prod")
		for _, e := range config.Exemptions {
			if e.Check == "" || e.Reason == "" || e.Owner == "" || e.Expires.IsZero() || e.Source.Line == 0 {
				t.Errorf("an exemption without what it needs: %+v", e)
			}
		}
		for _, e := range config.External {
			if e.Kind == "" || e.Name == "" || e.Provider == "" {
				t.Errorf("an external reference without what it needs: %+v", e)
			}
		}
	})
}

func TestTargets(t *testing.T) {
	files := fstest.MapFS{}
	for _, dir := range []string{"overlays/prod", "overlays/staging", "overlays/dev", "overlays/zz", "overlays/aa", "overlays/dev/app", "argocd", "base", ".hidden"} {
		files[dir+"/kustomization.yaml"] = &fstest.MapFile{}
	}
	files["overlays/none/README"] = &fstest.MapFile{}
	for name, text := range map[string]string{
		"plain/manifests/below/config.yaml": "apiVersion: v1\nkind: ConfigMap\n",
		"plain/broken/template.yaml":        "{{ if }}",
		"plain/values/values.yaml":          "a: 1\n",
		"plain/values/list.json":            "[]",
		"plain/.hidden/config.yaml":         "apiVersion: v1\nkind: ConfigMap\n",
		"plain/file.yaml":                   "apiVersion: v1\nkind: ConfigMap\n",
		"plain/group/app/kustomization.yml": "",
		"plain/mixed/app/Kustomization":     "",
		"plain/mixed/config.yaml":           "apiVersion: v1\nkind: ConfigMap\n",
		"plain/vendored/node_modules/a.yml": "apiVersion: v1\nkind: ConfigMap\n",
		"top/kgate.yaml":                    "apiVersion: v1\nkind: ConfigMap\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	for _, test := range []struct {
		globs []string
		want  string
		err   string
	}{
		{[]string{"overlays/*", "argocd"}, "overlays/dev overlays/staging overlays/prod overlays/aa overlays/zz argocd", ""},
		{[]string{"overlays/prod", "overlays/*"}, "overlays/prod overlays/dev overlays/staging overlays/aa overlays/zz", ""},
		{[]string{"overlays/**/app"}, "overlays/dev/app", ""},
		{[]string{"overlay/*", "argocd"}, "", "no kustomization and no manifest in overlay/*: "},
		{[]string{"overlays/none"}, "", "no kustomization and no manifest in overlays/none: "},
	} {
		r := &Repo{FS: files, Config: Config{Targets: test.globs}}
		selection, err := r.Select(t.Context())
		got := selection.Targets
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v: got %v, want %s", test.globs, err, test.err)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%v: got %v, %v; want %s", test.globs, got, err, test.want)
		}
	}
	got, err := (&Repo{FS: files, Config: Config{
		Targets: []string{"plain/*", "overlays/*"}, Unread: []Unread{{Path: "overlays/{aa,zz}"}, {Path: "plain/broken"}, {Path: "overlays/none"}},
	}}).Select(t.Context())
	if want := (Selection{
		Targets: []string{"plain/manifests", "plain/mixed", "overlays/dev", "overlays/staging", "overlays/prod"},
		LeftOut: []string{"plain/broken", "overlays/aa", "overlays/zz"},
		Empty:   []string{"plain/values", "plain/vendored", "overlays/none"},
	}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	got, err = (&Repo{FS: files, Config: Config{Targets: []string{"overlays/*"}, NoTargets: []string{"overlays/{aa,zz}", "overlays/none"}}}).Select(t.Context())
	if want := []string{"overlays/dev", "overlays/staging", "overlays/prod"}; err != nil || !slices.Equal(got.Targets, want) || got.LeftOut != nil || got.Empty != nil {
		t.Errorf("got %+v, %v; want %v", got, err, want)
	}
	if _, err := (&Repo{FS: files, Config: Config{Targets: []string{"overlays/*"}, NoTargets: []string{"overlay/a"}}}).Select(t.Context()); err == nil ||
		err.Error() != "!overlay/a leaves out nothing that `targets` in kgate.yaml names: correct or delete it" {
		t.Errorf("got %v", err)
	}
	for excluded, want := range map[string]string{
		"overlays/*":    "!overlays/* leaves nothing of overlays/aa: correct one of them, or delete both; what no run has to check belongs under `unread` in kgate.yaml",
		"{overlays/aa}": "!{overlays/aa} leaves nothing of overlays/aa: correct one of them, or delete both; what no run has to check belongs under `unread` in kgate.yaml",
	} {
		if _, err := (&Repo{FS: files, Config: Config{Targets: []string{"overlays/aa"}, NoTargets: []string{excluded}}}).Select(t.Context()); err == nil || err.Error() != want {
			t.Errorf("without %s: got %v, want %s", excluded, err, want)
		}
	}
	if _, err := (&Repo{FS: files, Config: Config{Targets: []string{"nowhere/*", "overlays/*"}, NoTargets: []string{"overlays/aa"}}}).Select(t.Context()); err == nil ||
		!strings.HasPrefix(err.Error(), "no kustomization and no manifest in nowhere/*: ") {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]string{
		"targets: ['!a']":        "kgate.yaml:2: targets leaves out and names nothing: name what to check too; what no run has to check belongs under `unread`",
		"targets: [a, '!']":      "kgate.yaml:2: a target that is left out must be a text that is not empty",
		"targets: ['*', '!a/b']": "",
	} {
		config, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\n"+text))
		if err == nil && want == "" && slices.Equal(config.Targets, []string{"*"}) && slices.Equal(config.NoTargets, []string{"a/b"}) {
			continue
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %+v, %v", text, config, err)
		}
	}
	if _, err := (&Repo{FS: files, Config: Config{Targets: []string{"argocd"}, Unread: []Unread{{Path: "**"}}}}).Select(t.Context()); err == nil ||
		!strings.Contains(err.Error(), "`unread` and `targets` leave no target to check") {
		t.Errorf("got %v", err)
	}
	roots, err := (&Repo{FS: files}).Roots(t.Context())
	if want := "argocd base overlays/aa overlays/dev overlays/dev/app overlays/prod overlays/staging overlays/zz plain/group/app plain/mixed/app"; err != nil || strings.Join(roots, " ") != want {
		t.Errorf("roots: %v, %v", roots, err)
	}
}

func TestUnreadCovers(t *testing.T) {
	for _, test := range []struct {
		path, name string
		want       bool
	}{
		{"examples", "examples", true},
		{"examples", "examples/web/app", true},
		{"examples", "example", false},
		{"examples/*", "examples", false},
		{"examples/*", "examples/web", true},
		{"examples/**", "examples/web/app.yaml", true},
		{"**/testdata", "a/testdata/b", true},
		{".", "a", true},
		{".", ".", true},
		{"a", ".", false},
	} {
		if got := (Unread{Path: test.path}).Covers(test.name); got != test.want {
			t.Errorf("%s of %s: %v", test.path, test.name, got)
		}
	}
	_, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\nunread:\n  - {path: '[', reason: a, owner: b}\n  - {path: a, why: b}\n  - text\n"))
	for _, want := range []string{
		`kgate.yaml:3: path: "[" is not a valid pattern`, `kgate.yaml:4: an unread path has no key "why"; it has owner, path, reason`,
		`kgate.yaml:4: an unread path needs the key "owner"`, "kgate.yaml:5: an unread path must be a mapping",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "repository", "a", "b")
	if err := errors.Join(os.MkdirAll(below, 0o700), os.Mkdir(filepath.Join(dir, "repository", ".git"), 0o700)); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("repository/kgate.yaml", "apiVersion: kgate/v1\n")
	r, err := Open(below)
	if err != nil || r.Dir != filepath.Join(dir, "repository") {
		t.Fatalf("got %+v, %v", r, err)
	}
	for path, want := range map[string]string{below: "a/b", r.Dir: ".", filepath.Join(below, "..", "x.yaml"): "a/x.yaml"} {
		if got, err := r.Relative(path); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
	if err := os.Symlink(dir, filepath.Join(below, "out")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "repository-2"), filepath.Join(below, "out")} {
		if got, err := r.Relative(path); err == nil || !strings.Contains(err.Error(), "is outside the repository") {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
	write("repository/kgate.yaml", "apiVersion: kgate/v9\n")
	if _, err := Open(below); err == nil || !strings.HasPrefix(err.Error(), "kgate.yaml:1: ") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(filepath.Join(dir, "nowhere")); err == nil || !strings.HasPrefix(err.Error(), "open repository: ") {
		t.Errorf("got %v", err)
	}
}

// TestOpenBegins says where a repository begins, and what above it is passed over.
func TestOpenBegins(t *testing.T) {
	for _, test := range []struct {
		name, files, from, want, ignored string
	}{
		{"a repository", ".git/ kgate.yaml a/b/", "a/b", ".", ""},
		{"without kgate.yaml", ".git/ a/b/", "a/b", ".", ""},
		{"a kgate.yaml of a part", ".git/ kgate.yaml a/kgate.yaml a/b/", "a/b", "a", ""},
		{"a worktree", ".git kgate.yaml a/b/", "a/b", ".", ""},
		{"a repository in a repository", ".git/ kgate.yaml a/.git/ a/b/", "a/b", "a", ""},
		{"an exported tree", "kgate.yaml a/b/", ".", ".", ""},
		{"below the top of an exported tree", "kgate.yaml a/b/", "a/b", "a/b", "kgate.yaml"},
		{"a kgate.yaml above everybody's folders", "kgate.yaml a/kgate.yaml a/b/", "a", "a", "kgate.yaml"},
		{"a kgate.yaml above a repository", "kgate.yaml a/.git/ a/b/", "a/b", "a", ""},
		{"nothing", "a/b/", "a/b", "a/b", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range strings.Fields(test.files) {
				at := filepath.Join(dir, file)
				err := os.MkdirAll(filepath.Dir(at), 0o700)
				if strings.HasSuffix(file, "/") {
					err = errors.Join(err, os.MkdirAll(at, 0o700))
				} else {
					err = errors.Join(err, os.WriteFile(at, []byte("apiVersion: kgate/v1\n"), 0o600))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			r, err := Open(filepath.Join(dir, test.from))
			if err != nil || r.Dir != filepath.Join(dir, test.want) {
				t.Fatalf("it begins at %v, %v; want %s", r, err, test.want)
			}
			var ignored []string
			for _, path := range r.Ignored {
				if name, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(name) {
					ignored = append(ignored, name)
				}
			}
			if strings.Join(ignored, " ") != test.ignored {
				t.Errorf("passed over are %q, want %q", ignored, test.ignored)
			}
		})
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	for name, test := range map[string]struct{ to, want string }{
		"git":     {".git/config", "kgate reads nothing of git's own"},
		"through": {"d/config", "kgate reads nothing of git's own"},
		"out":     {"../x", "leads out of the repository"},
		"nowhere": {"gone", "no such file"},
		"folder":  {"d", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := errors.Join(os.Mkdir(filepath.Join(dir, ".git"), 0o700), os.Symlink(".git", filepath.Join(dir, "d")),
				os.WriteFile(filepath.Join(dir, ".git/config"), []byte("[secret]\n"), 0o600), os.Symlink(test.to, filepath.Join(dir, ConfigFile)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "kgate.yaml: ") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What is gone since its directory was read keeps nothing else from being found.
func TestWalkPassesOverWhatIsGone(t *testing.T) {
	var seen []string
	err := Walk(t.Context(), vanishing{fstest.MapFS{"a/x": {}, "b/y": {}}, "a"}, ".", func(name string, _ fs.DirEntry, err error) error {
		seen = append(seen, name)
		return err
	})
	if err != nil || !slices.Equal(seen, []string{".", "a", "b", "b/y"}) {
		t.Errorf("%v, %v", seen, err)
	}
	err = Walk(t.Context(), vanishing{fstest.MapFS{"a/x": {}}, "a"}, "a", func(_ string, _ fs.DirEntry, err error) error { return err })
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v: what was asked for is not there", err)
	}
}

// vanishing is a file system of which one directory is gone when it is read.
type vanishing struct {
	fstest.MapFS
	gone string
}

func (v vanishing) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == v.gone {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return v.MapFS.ReadDir(name)
}
