package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// top is the folder of this repository.
const top = "../.."

// decode reads a YAML file of the repository, one document into each value, and refuses keys that the values lack.
func decode(t *testing.T, name string, values ...any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	for _, value := range values {
		if err := decoder.Decode(value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// The keys that https://pre-commit.com/#new-hooks documents.
type preCommitHook struct {
	ID, Name, Entry, Language string
	Description               string
	AlwaysRun                 bool   `yaml:"always_run"`
	PassFilenames             *bool  `yaml:"pass_filenames"`
	RequireSerial             bool   `yaml:"require_serial"`
	Minimum                   string `yaml:"minimum_pre_commit_version"`
}

func TestPreCommitHooks(t *testing.T) {
	var hooks []preCommitHook
	decode(t, ".pre-commit-hooks.yaml", &hooks)
	languages := map[string]string{}
	for _, h := range hooks {
		languages[h.ID] = h.Language
		if h.Name == "" || h.Description == "" || h.Entry != "kgate validate" || h.Minimum == "" || !h.RequireSerial {
			t.Errorf("%s: %+v", h.ID, h)
		}
		// File names are no targets; and a commit that only deletes names none.
		if !h.AlwaysRun || h.PassFilenames == nil || *h.PassFilenames {
			t.Errorf("%s runs for some commits only, or takes file names for targets", h.ID)
		}
	}
	if fmt.Sprint(languages) != "map[kgate:golang kgate-system:system]" {
		t.Errorf("the hooks are %v", languages)
	}
}

// TestPreCommit runs the hook by pre-commit itself, where it is installed.
func TestPreCommit(t *testing.T) {
	program, err := exec.LookPath("pre-commit")
	switch {
	case err != nil && os.Getenv("CI") != "":
		t.Fatal(err)
	case err != nil:
		t.Skip("pre-commit is not installed")
	}
	home, hooks, work := t.TempDir(), t.TempDir(), repository(t)
	in := func(dir, name string, args ...string) (string, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+home, "PRE_COMMIT_HOME="+home, "GIT_CONFIG_GLOBAL=/dev/null", "NO_COLOR=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	git := func(dir string, args ...string) string {
		out, err := in(dir, "git", args...)
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(out)
	}
	definition, err := os.ReadFile(filepath.Join(top, ".pre-commit-hooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, hooks, ".pre-commit-hooks.yaml", string(definition))
	for _, dir := range []string{hooks, work} {
		git(dir, "init", "-q")
	}
	git(hooks, "add", "-A")
	git(hooks, "commit", "-qm", "hooks")
	write(t, work, ".pre-commit-config.yaml", fmt.Sprintf("repos: [{repo: %q, rev: %s, hooks: [{id: kgate-system, args: [--checks, 'schema,kustomize']}]}]\n", hooks, git(hooks, "rev-parse", "HEAD")))
	if out, err := in(work, program, "install"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	git(work, "add", "-A")
	git(work, "commit", "-qm", "clean")
	write(t, work, "base/config.yaml", faulty)
	out, err := in(work, "git", "commit", "-qam", "a fault")
	if err == nil || !strings.Contains(out, "base/config.yaml:4") {
		t.Errorf("a fault is committed: %v\n%s", err, out)
	}
	git(work, "checkout", "-q", "base/config.yaml")
	git(work, "rm", "-q", "base/config.yaml")
	if out, err := in(work, "git", "commit", "-qm", "only a deletion"); err == nil || !strings.Contains(out, "base/kustomization.yaml:1") {
		t.Errorf("a deletion that breaks both overlays is committed: %v\n%s", err, out)
	}
}

// The keys of https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax that are used.
type action struct {
	Name, Description string
	Branding          struct{ Icon, Color string }
	Inputs            map[string]struct{ Description, Default string }
	Outputs           map[string]struct{ Description, Value string }
	Runs              struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	ID, Name, If, Uses, Shell, Run string
	WorkingDirectory               string `yaml:"working-directory"`
	Env, With                      map[string]string
}

func loadAction(t *testing.T) action {
	t.Helper()
	var a action
	decode(t, "action.yml", &a)
	return a
}

func (a action) step(t *testing.T, id string) actionStep {
	t.Helper()
	i := slices.IndexFunc(a.Runs.Steps, func(s actionStep) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("action.yml has no step %s", id)
	}
	return a.Runs.Steps[i]
}

func TestActionShape(t *testing.T) {
	a := loadAction(t)
	if a.Name == "" || a.Description == "" || a.Runs.Using != "composite" {
		t.Errorf("%+v", a)
	}
	text, err := os.ReadFile(filepath.Join(top, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, input := range a.Inputs {
		if input.Description == "" || !strings.Contains(string(text), "inputs."+name) {
			t.Errorf("the input %s is not described, or not used", name)
		}
	}
	for _, match := range regexp.MustCompile(`inputs\.([a-z0-9-]+)`).FindAllStringSubmatch(string(text), -1) {
		if _, ok := a.Inputs[match[1]]; !ok {
			t.Errorf("there is no input %s", match[1])
		}
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w/-]+@[0-9a-f]{40}$`)
	for _, s := range a.Runs.Steps {
		switch {
		case s.Uses != "" && !pinned.MatchString(s.Uses):
			t.Errorf("%s is not pinned to a commit", s.Uses)
		case strings.Contains(s.Run, "${{"):
			t.Errorf("step %s: an expression in a script is code that a caller writes", s.ID)
		case s.Run != "" && s.Shell != "bash":
			t.Errorf("step %s has no shell", s.ID)
		}
	}
}

// runner is a runner of actions as far as a script can tell.
type runner struct {
	t    *testing.T
	temp string
	work string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the scripts are for bash")
	}
	r := &runner{t: t, temp: t.TempDir(), work: repository(t)}
	kgate, err := exec.LookPath("kgate")
	if err != nil {
		t.Fatal(err)
	}
	kgate, err = repo.Resolve(kgate)
	if err == nil {
		err = errors.Join(os.Mkdir(filepath.Join(r.temp, "kgate"), 0o755), os.Symlink(kgate, filepath.Join(r.temp, "kgate", "kgate")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// event is the expression of the base in action.yml.
const event = "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha }}"

// git runs git in a directory, as somebody, without a configuration of the machine's owner. It returns what git prints.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// step runs a step of the action. values are what its expressions yield; inputs that are not given have their default.
func (r *runner) step(id string, values map[string]string, env ...string) (code int, outputs map[string]string, text string) {
	r.t.Helper()
	a := loadAction(r.t)
	step := a.step(r.t, id)
	env = append(append(os.Environ(), "RUNNER_TEMP="+r.temp), env...)
	for name, value := range step.Env {
		if strings.Contains(value, "${{") {
			expression := strings.TrimSuffix(strings.TrimPrefix(value, "${{ "), " }}")
			given, ok := values[expression]
			if input, is := strings.CutPrefix(expression, "inputs."); is && !ok {
				given, ok = a.Inputs[input].Default, true
				if strings.Contains(given, "${{") {
					given = ""
				}
			}
			if !ok && value != event && !strings.HasPrefix(expression, "steps.") {
				r.t.Fatalf("%s is %q", name, value)
			}
			value = given
		}
		env = append(env, name+"="+value)
	}
	file := filepath.Join(r.t.TempDir(), "output")
	write(r.t, filepath.Dir(file), "output", "")
	script := filepath.Join(r.t.TempDir(), "step.sh")
	write(r.t, filepath.Dir(script), "step.sh", step.Run)
	// As a runner calls `shell: bash`.
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", script)
	cmd.Dir = r.work
	cmd.Env = append(env, "GITHUB_OUTPUT="+file)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		r.t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	return code, readOutputs(r.t, string(written)), string(out)
}

// readOutputs reads what a step writes to GITHUB_OUTPUT as a runner does: name=value, or name<<delimiter and lines up to it.
func readOutputs(t *testing.T, text string) map[string]string {
	t.Helper()
	outputs := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines) && text != ""; i++ {
		if name, delimiter, ok := strings.Cut(lines[i], "<<"); ok {
			if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(delimiter) {
				t.Errorf("%s has the delimiter %q", name, delimiter)
			}
			end := slices.Index(lines[i+1:], delimiter)
			if end < 0 {
				t.Fatalf("%s has no end in\n%s", name, text)
			}
			outputs[name] = strings.Join(lines[i+1:i+1+end], "\n")
			i += 1 + end
			continue
		}
		name, value, _ := strings.Cut(lines[i], "=")
		outputs[name] = value
	}
	return outputs
}

// validate runs the action's step with inputs, and returns its exit code, its outputs and what it wrote.
func (r *runner) validate(inputs map[string]string) (code int, outputs map[string]string, text string) {
	r.t.Helper()
	values := map[string]string{}
	for name, value := range inputs {
		if !strings.Contains(name, ".") {
			name = "inputs." + name
		}
		values[name] = value
	}
	return r.step("validate", values)
}

func TestActionRuns(t *testing.T) {
	r := newRunner(t)
	check := func(what string, inputs map[string]string, code int, says string) map[string]string {
		t.Helper()
		if inputs["checks"] == "" {
			inputs["checks"] = "schema,kustomize"
		}
		got, outputs, text := r.validate(inputs)
		if got != code || outputs["exit-code"] != fmt.Sprint(code) || !strings.Contains(text, says) {
			t.Errorf("%s: exit code %d, outputs %v, want %d and %q in\n%s", what, got, outputs, code, says, text)
		}
		return outputs
	}
	outputs := check("clean", map[string]string{}, exitClean, "")
	if outputs["sarif"] != filepath.Join(r.temp, "kgate.sarif") {
		t.Errorf("the SARIF report is %q", outputs["sarif"])
	}
	write(t, r.work, "base/config.yaml", faulty)
	check("findings", map[string]string{"sarif": "own.sarif", "targets": "\n  overlays/dev\n\n"}, exitFindings, "::error file=base/config.yaml,line=4")
	report, err := os.ReadFile(filepath.Join(r.work, "own.sarif"))
	if err != nil || !json.Valid(report) || !strings.Contains(string(report), "base/config.yaml") {
		t.Errorf("own.sarif: %v\n%s", err, report)
	}
	check("a rule", map[string]string{"policies": "rules", "checks": "team"}, exitUnable, "--policies")
	write(t, r.work, "rules/team/named/named.rego", ruled)
	check("a rule", map[string]string{"policies": "\nrules\n", "checks": "team"}, exitFindings, "this name says nothing")
	check("a version", map[string]string{"kubernetes-versions": "1.28,1.37"}, exitFindings, "base/config.yaml")
	// What a caller hands in is never run, and is no flag.
	for _, inputs := range []map[string]string{
		{"targets": "$(touch crafted)"}, {"targets": "`touch crafted`; touch crafted"}, {"targets": "--help"},
		{"checks": "$(touch crafted)"}, {"fail-on": "error; touch crafted"}, {"policies": "\"$(touch crafted)\""},
	} {
		outputs := check(fmt.Sprint(inputs), inputs, exitUnable, "kgate: ")
		if _, err := os.Lstat(filepath.Join(r.work, "crafted")); err == nil {
			t.Fatalf("%v is run", inputs)
		}
		if outputs["sarif"] != "" {
			t.Errorf("%v: the report of another run is handed on", inputs)
		}
	}
}

// TestActionOutputs hands in what would end a line of the outputs, or begin one of the log.
func TestActionOutputs(t *testing.T) {
	r := newRunner(t)
	_, outputs, text := r.validate(map[string]string{"checks": "schema", "sarif": "a.sarif\nexit-code=0\nsarif<<x"})
	if len(outputs) != 2 || outputs["exit-code"] != "0" || outputs["sarif"] != filepath.Join(r.work, "a.sarif\nexit-code=0\nsarif<<x") {
		t.Errorf("outputs are %q in\n%s", outputs, text)
	}
	for _, inputs := range []map[string]string{
		{"fail-on": "error\n::error::crafted"}, {"targets": "over\r::error::crafted"}, {"no-object-exemptions": "yes\n::error::crafted"},
		{"steps.base.outputs.revision": "main\n::error::crafted"},
	} {
		code, outputs, text := r.validate(inputs)
		if code != exitUnable || outputs["sarif"] != "" {
			t.Errorf("%q: exit code %d, outputs %q in\n%s", inputs, code, outputs, text)
		}
		stopped := ""
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			switch token, ok := strings.CutPrefix(line, "::stop-commands::"); {
			case ok:
				stopped = token
			case stopped != "" && line == "::"+stopped+"::":
				stopped = ""
			case stopped == "" && strings.HasPrefix(line, "::") && strings.Contains(line, "crafted"):
				t.Errorf("%q: the runner obeys %q", inputs, line)
			}
		}
		if stopped != "" {
			t.Errorf("%q: commands stay off in\n%s", inputs, text)
		}
	}
	// A report that stands there as a link is none of this run's.
	write(t, r.work, "elsewhere", "{}")
	if err := os.Symlink("elsewhere", filepath.Join(r.work, "linked.sarif")); err != nil {
		t.Fatal(err)
	}
	if _, outputs, _ := r.validate(map[string]string{"checks": "schema", "sarif": "linked.sarif", "targets": "nowhere"}); outputs["sarif"] != "" {
		t.Errorf("outputs are %q", outputs)
	}
	if text, err := os.ReadFile(filepath.Join(r.work, "elsewhere")); err != nil || string(text) != "{}" {
		t.Errorf("the link's file is %q, %v", text, err)
	}
}

// TestActionOnPullRequest runs the steps of a pull request in a shallow checkout that its author filled.
func TestActionOnPullRequest(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := newRunner(t)
	home := t.TempDir()
	git := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+home, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	origin := r.work
	git(origin, "init", "-q", "-b", "main")
	git(origin, "add", "-A")
	git(origin, "commit", "-qm", "base")
	base := git(origin, "rev-parse", "HEAD")
	git(origin, "checkout", "-qb", "change")
	write(t, origin, "base/config.yaml", faulty)
	write(t, origin, "kgate.yaml", small["kgate.yaml"]+"exemptions: [{check: schema/valid, reason: r, owner: o, expires: 2999-01-01}]\nlongestExemption: 1000y\n")
	git(origin, "add", "-A")
	git(origin, "commit", "-qm", "a fault, and an exemption from it")
	r.work = filepath.Join(t.TempDir(), "checkout")
	git(home, "clone", "-q", "--depth=1", "--branch=change", "file://"+origin, r.work)
	// What a step before may have left: none of it runs.
	mark := filepath.Join(home, "mark")
	write(t, r.work, ".git/run", "#!/bin/sh\ntouch "+mark+"\n")
	if err := os.Chmod(filepath.Join(r.work, ".git/run"), 0o755); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(r.work, ".git/run")
	for key, value := range map[string]string{
		"core.sshCommand": run, "core.fsmonitor": run, "core.hooksPath": filepath.Dir(run), "remote.origin.url": "ext::" + run, "protocol.ext.allow": "always",
		"url.ext::" + run + " .insteadOf": "file://", "credential.helper": "!" + run, "uploadpack.packObjectsHook": run, "core.alternateRefsCommand": run,
	} {
		git(r.work, "config", key, value)
	}
	server := []string{"GITHUB_SERVER_URL=file://" + filepath.Dir(origin), "GITHUB_REPOSITORY=" + filepath.Base(origin), "HOME=" + home}
	expression := strings.TrimSuffix(strings.TrimPrefix(event, "${{ "), " }}")
	both := func(values map[string]string) (int, string) {
		t.Helper()
		code, outputs, text := r.step("base", values, server...)
		if code != 0 {
			return code, text
		}
		for name, value := range outputs {
			values["steps.base.outputs."+name] = value
		}
		values["inputs.checks"] = "schema,exemption"
		code, _, more := r.step("validate", values)
		return code, text + more
	}
	for _, test := range []struct {
		name   string
		values map[string]string
		code   int
		says   string
	}{
		{"a pull request", map[string]string{expression: base}, exitFindings, "::error file=base/config.yaml,line=4"},
		{"a pull request without the gate", map[string]string{expression: base, "inputs.config-from": ""}, exitClean, ""},
		{"a push", map[string]string{}, exitClean, ""},
		{"a revision", map[string]string{"inputs.config-from": "HEAD"}, exitClean, ""},
		{"a revision that is none", map[string]string{"inputs.config-from": "--help"}, exitUnable, "is not a revision"},
		{"code for a revision", map[string]string{"inputs.config-from": "$(touch " + mark + ")"}, exitUnable, "is not a revision"},
		{"code for a base", map[string]string{expression: "$(touch " + mark + ")"}, exitUnable, "names no commit"},
		{"an option for a base", map[string]string{expression: "--upload-pack=" + run}, exitUnable, "names no commit"},
		{"a base that is not there", map[string]string{expression: strings.Repeat("0", 40)}, exitUnable, "cannot be fetched: check out with fetch-depth: 0"},
		{"a token", map[string]string{expression: base, "inputs.token": "secret\n::error::x"}, exitFindings, "::error file=base/config.yaml,line=4"},
	} {
		code, text := both(test.values)
		if code != test.code || !strings.Contains(text, test.says) || strings.Contains(text, "secret") {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", test.name, code, test.code, test.says, text)
		}
		if _, err := os.Lstat(mark); err == nil {
			t.Fatalf("%s: something ran", test.name)
		}
	}
	// With the whole history nothing is fetched.
	r.work = origin
	server = []string{"GITHUB_SERVER_URL=file:///nowhere", "GITHUB_REPOSITORY=x", "HOME=" + home}
	if code, text := both(map[string]string{expression: base}); code != exitFindings {
		t.Errorf("exit code %d in\n%s", code, text)
	}
}

// TestActionVerifies puts binaries into the cache that somebody else may have written.
func TestActionVerifies(t *testing.T) {
	r := newRunner(t)
	good := "#!/bin/sh\necho good\n"
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(good)))
	for _, test := range []struct {
		name, sha256 string
		cached       func(at string) error
		want         string
	}{
		{"the one", digest, func(at string) error { return os.WriteFile(at, []byte(good), 0o600) }, "true"},
		{"another", digest, func(at string) error { return os.WriteFile(at, []byte("#!/bin/sh\necho poisoned\n"), 0o755) }, "false"},
		{"without a digest", "", func(at string) error { return os.WriteFile(at, []byte(good), 0o755) }, "false"},
		{"a folder", digest, func(at string) error { return os.Mkdir(at, 0o755) }, "false"},
		{"a link to another", digest, func(at string) error { return os.Symlink("/bin/sh", at) }, "false"},
		{"nothing", digest, func(string) error { return nil }, "false"},
		{"a part of a digest", digest[:8], func(at string) error { return os.WriteFile(at, []byte(good), 0o755) }, "false"},
	} {
		cache := filepath.Join(r.temp, "kgate-cache")
		if err := errors.Join(os.RemoveAll(cache), os.Mkdir(cache, 0o755), test.cached(filepath.Join(cache, "kgate"))); err != nil {
			t.Fatal(err)
		}
		code, outputs, text := r.step("restore", map[string]string{"inputs.sha256": test.sha256})
		if code != 0 || outputs["verified"] != test.want {
			t.Errorf("%s: exit code %d, outputs %v in\n%s", test.name, code, outputs, text)
		}
		info, err := os.Lstat(filepath.Join(r.temp, "kgate", "kgate"))
		if (err == nil) != (test.want == "true") || err == nil && (!info.Mode().IsRegular() || info.Mode()&0o100 == 0) {
			t.Errorf("%s: what would run is %v, %v", test.name, info, err)
		}
	}
}

// TestActionBuilds compiles a module beside settings that would compile another one.
func TestActionBuilds(t *testing.T) {
	r := newRunner(t)
	source := t.TempDir()
	write(t, source, "action/go.mod", "module example.com/kgate\n\ngo 1.26\n")
	write(t, source, "action/tools/kgate/main.go", "package main\n\nfunc main() { println(\"good\") }\n")
	write(t, source, "other/go.mod", "module example.com/kgate\n\ngo 1.26\n")
	write(t, source, "other/tools/kgate/main.go", "package main\n\nfunc main() { println(\"poisoned\") }\n")
	write(t, source, "action/tools/kgate/extra.go", "//go:build poisoned\n\npackage main\n\nfunc init() { println(\"poisoned\") }\n")
	write(t, source, "action/vendor/modules.txt", "poisoned\n")
	write(t, source, "go.work", "go 1.26\n\nuse ./other\n\nreplace example.com/kgate => ./other\n")
	write(t, source, "goenv", "GOFLAGS=-tags=poisoned\n")
	step := loadAction(t).step(t, "build")
	if strings.Contains(step.Run, "GOPATH") || step.Env["GOFLAGS"] == "" {
		t.Fatalf("%+v", step)
	}
	job := []string{
		"GITHUB_ACTION_PATH=" + filepath.Join(source, "action"), "GOFLAGS=-tags=poisoned", "GOWORK=" + filepath.Join(source, "go.work"),
		"GOENV=" + filepath.Join(source, "goenv"), "GOCACHEPROG=" + filepath.Join(source, "nothing"),
	}
	r.work = source
	runs := func(says string) {
		t.Helper()
		out, err := exec.Command(filepath.Join(r.temp, "kgate", "kgate")).CombinedOutput() //nolint:gosec // as it was built
		if err != nil || strings.TrimSpace(string(out)) != says {
			t.Errorf("what was built says %q, %v", out, err)
		}
	}
	if err := os.Remove(filepath.Join(r.temp, "kgate", "kgate")); err != nil {
		t.Fatal(err)
	}
	code, _, text := r.step("build", nil, job...)
	digest := regexp.MustCompile(`SHA-256 ([0-9a-f]{64})`).FindStringSubmatch(text)
	if code != 0 || digest == nil {
		t.Fatalf("exit code %d in\n%s", code, text)
	}
	runs("good")
	// The same source is the same binary, by which the next run knows it, and another digest is another binary.
	code, _, text = r.step("build", map[string]string{"inputs.sha256": strings.Repeat("0", 64)}, job...)
	if code != exitUnable || !strings.Contains(text, digest[1]) || !strings.Contains(text, "names another binary") {
		t.Errorf("exit code %d, want %d and %s in\n%s", code, exitUnable, digest[1], text)
	}
}

// TestPinned holds that everything that runs elsewhere is named by its commit, in the documentation as well.
func TestPinned(t *testing.T) {
	files := []string{"action.yml", "README.md", "docs/use.md", "docs/reports.md"}
	workflows, err := filepath.Glob(filepath.Join(top, ".github/workflows/*"))
	if err != nil || len(workflows) == 0 {
		t.Fatal(workflows, err)
	}
	for _, w := range workflows {
		files = append(files, filepath.Join(".github/workflows", filepath.Base(w)))
	}
	uses := regexp.MustCompile(`(?m)^[ -]*(?:uses|component|rev): *(\S+)(.*)$`)
	pinned := regexp.MustCompile(`^[\w.$-]+(/[\w.-]+)+@([0-9a-f]{40}|<commit>)$|^\./$|^<commit>$|^[0-9a-f]{40}$`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range uses.FindAllStringSubmatch(string(text), -1) {
			found++
			if !pinned.MatchString(match[1]) {
				t.Errorf("%s: %s is named by no commit", file, match[1])
			}
			if regexp.MustCompile(`@[0-9a-f]{40}$`).MatchString(match[1]) && !regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`).MatchString(match[2]) {
				t.Errorf("%s: %s says no version behind it", file, match[1])
			}
		}
		if strings.HasPrefix(file, ".github/") {
			if strings.Count(string(text), "actions/checkout@") != strings.Count(string(text), "persist-credentials: false") {
				t.Errorf("%s: a checkout keeps its token", file)
			}
			if !regexp.MustCompile(`(?m)^permissions:\n  contents: read\n\n`).MatchString(string(text)) {
				t.Errorf("%s: the token may more than read", file)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d were looked at", found)
	}
}

func TestActionKnowsItsSource(t *testing.T) {
	r := newRunner(t)
	script := loadAction(t).step(t, "source").Run
	sum := func() string {
		file := filepath.Join(t.TempDir(), "output")
		cmd := exec.Command("bash", "-c", script)
		cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+r.work, "GITHUB_OUTPUT="+file)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(file)
		if err != nil || !regexp.MustCompile(`^sum=[0-9a-f]{64}\n$`).Match(text) {
			t.Fatalf("%q, %v", text, err)
		}
		return string(text)
	}
	for _, name := range []string{"go.mod", "go.sum", "policies/a b.rego", "tools/kgate/main.go"} {
		write(t, r.work, name, name)
	}
	before := sum()
	if sum() != before {
		t.Error("the same source has two sums")
	}
	write(t, r.work, "tools/kgate/main.go", "changed")
	if sum() == before {
		t.Error("another source has the same sum")
	}
}

// component is the shape of a GitLab CI/CD component, https://docs.gitlab.com/ci/components.
type component struct {
	Spec struct {
		Inputs map[string]struct {
			Description, Default, Regex string
			Options                     []string
		}
	}
}

type gitlabJob struct {
	Stage, Image string
	Variables    map[string]any
	Cache        struct {
		Key   string
		Paths []string
	}
	Script    []string
	Artifacts struct {
		When    string
		Reports map[string]string
		Paths   []string
	}
}

func TestGitLabComponent(t *testing.T) {
	var spec component
	var raw yaml.Node
	decode(t, "templates/kgate.yml", &spec, &raw)
	text, err := yaml.Marshal(&raw)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	filled := regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`).ReplaceAllStringFunc(string(text), func(match string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(match, "$[[ inputs."), " ]]")
		if _, ok := spec.Spec.Inputs[name]; !ok {
			t.Errorf("there is no input %s", name)
		}
		used[name] = true
		return spec.Spec.Inputs[name].Default
	})
	for name, input := range spec.Spec.Inputs {
		if !used[name] || input.Description == "" {
			t.Errorf("the input %s is not used, or not described", name)
		}
	}
	var jobs map[string]gitlabJob
	if err := yaml.Unmarshal([]byte(filled), &jobs); err != nil {
		t.Fatal(err)
	}
	job, ok := jobs["kgate"]
	if !ok || len(jobs) != 1 || job.Stage != "test" || job.Image == "" || job.Artifacts.When != "always" ||
		!slices.Contains(job.Artifacts.Paths, job.Artifacts.Reports["junit"]) {
		t.Fatalf("%+v", jobs)
	}
	script := strings.Join(job.Script, "\n")
	if strings.Contains(strings.ReplaceAll(strings.Join(rawScript(&raw), "\n"), "$CI_", ""), "$[[") {
		t.Error("an input is written into the script")
	}
	version := spec.Spec.Inputs["version"]
	if version.Default != "" || !regexp.MustCompile(version.Regex).MatchString(strings.Repeat("0a", 20)) || regexp.MustCompile(version.Regex).MatchString("latest") {
		t.Errorf("the version is %+v: it is a commit, which the caller names", version)
	}
	if job.Cache.Paths != nil || strings.Contains(string(text), "CI_PROJECT_DIR") {
		t.Error("something of the build lies in the checkout, where a merge request can put it")
	}
	for name, want := range map[string]string{"GOENV": "off", "GOWORK": "off", "GOSUMDB": "sum.golang.org", "GOTOOLCHAIN": "local", "GOPRIVATE": "", "GONOSUMDB": "", "GOINSECURE": ""} {
		if got, ok := job.Variables[name]; !ok || got != want {
			t.Errorf("%s is %v", name, got)
		}
	}
	r := newRunner(t)
	write(t, r.work, "base/config.yaml", faulty)
	bin := t.TempDir()
	// Downloading is for a network; what go is asked for is looked at, and where it would put what it makes.
	write(t, bin, "go", "#!/bin/sh\necho \"go $*\" >&2\ncase $GOBIN$GOMODCACHE$GOCACHE$PWD in *"+r.work+"*) exit 9 ;; esac\n"+
		"if [ \"$1\" = mod ]; then printf '{\\n\\t\"Path\": \"x\",\\n\\t\"Dir\": \"%s\",\\n}\\n' \"$PWD\"; exit; fi\n"+
		"mkdir -p \"$GOBIN\"\nln -s "+filepath.Join(r.temp, "kgate", "kgate")+" \"$GOBIN/kgate\"\n")
	if err := os.Chmod(filepath.Join(bin, "go"), 0o755); err != nil {
		t.Fatal(err)
	}
	const commit = "0123456789012345678901234567890123456789"
	run := func(shell string, env ...string) (int, string) {
		cmd := exec.Command(shell, "-e", "-c", script)
		cmd.Dir = r.work
		cmd.Env = append(append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "TMPDIR="+r.temp,
			"KGATE_VERSION="+commit, "KGATE_BINARY=", "KGATE_FAIL_ON=error", "KGATE_CONFIG_FROM=base", "KGATE_NO_OBJECT_EXEMPTIONS=false"), env...)
		out, err := cmd.CombinedOutput()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		return code, string(out)
	}
	for _, shell := range []string{"sh", "bash"} {
		for _, test := range []struct {
			targets string
			code    int
			says    string
		}{
			{"", exitFindings, "2 targets, "},
			{"overlays/dev\n", exitFindings, "1 target, "},
			{"overlays/dev\noverlays/prod", exitFindings, "2 targets, "},
			{"over*", exitUnable, "over*: no such file"},
			{"a b", exitUnable, "a b: no such file"},
			{"$(touch crafted)", exitUnable, "$(touch crafted): no such file"},
			{"--help", exitUnable, "--help: no such file"},
		} {
			code, out := run(shell, "KGATE_TARGETS="+test.targets)
			if code != test.code || !strings.Contains(out, test.says) || !strings.Contains(out, "go mod download -json github.com/kgate-dev/gitops@"+commit+"\n") || !strings.Contains(out, "go install -trimpath ./tools/kgate\n") {
				t.Errorf("%s, %q: exit code %d, want %d and %q in\n%s", shell, test.targets, code, test.code, test.says, out)
			}
			if _, err := os.Lstat(filepath.Join(r.work, "crafted")); err == nil {
				t.Fatalf("%q is run", test.targets)
			}
			for _, report := range job.Artifacts.Paths {
				if report == "kgate.md" {
					continue // of a merge request that is compared
				}
				if err := os.Remove(filepath.Join(r.work, report)); (err == nil) != (test.code == exitFindings) {
					t.Errorf("%q: %s: %v", test.targets, report, err)
				}
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(r.temp, "tmp.*")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	// A report that the checkout has as a link is not written through it.
	write(t, r.work, "elsewhere", "mine")
	if err := os.Symlink("elsewhere", filepath.Join(r.work, "kgate.sarif")); err != nil {
		t.Fatal(err)
	}
	if code, out := run("sh", "KGATE_TARGETS=overlays/dev", "KGATE_BINARY="+filepath.Join(r.temp, "kgate", "kgate")); code != exitFindings || strings.Contains(out, "go install") {
		t.Errorf("exit code %d in\n%s", code, out)
	}
	if text, err := os.ReadFile(filepath.Join(r.work, "elsewhere")); err != nil || string(text) != "mine" {
		t.Errorf("the link's file is %.40q, %v", text, err)
	}
	// In a merge request, kgate.yaml is that of the target branch.
	if _, err := exec.LookPath("git"); err != nil {
		return
	}
	origin := r.work
	git := func(dir string, args ...string) string { return git(t, dir, args...) }
	git(origin, "init", "-q", "-b", "main", ".")
	git(origin, "add", "-A")
	git(origin, "commit", "-qm", "base")
	git(origin, "branch", "held")
	held := git(origin, "rev-parse", "HEAD")
	write(t, origin, "kgate.yaml", small["kgate.yaml"]+"longestExemption: 1000y\nexemptions: [{check: schema/valid, reason: r, owner: o, expires: 2999-01-01}]\n")
	git(origin, "commit", "-qam", "an exemption for itself")
	if err := os.Rename(origin, origin+".git"); err != nil {
		t.Fatal(err)
	}
	r.work = filepath.Join(t.TempDir(), "checkout")
	git(t.TempDir(), "clone", "-q", "--depth=1", "file://"+origin+".git", r.work)
	mark := filepath.Join(r.temp, "mark")
	git(r.work, "config", "remote.origin.url", "ext::touch "+mark)
	git(r.work, "config", "protocol.ext.allow", "always")
	project := []string{"CI_SERVER_URL=file://", "CI_JOB_TOKEN=secret", "CI_MERGE_REQUEST_PROJECT_URL=file://" + origin, "KGATE_TARGETS="}
	for _, test := range []struct {
		env  string
		code int
		says string
	}{
		{"CI_MERGE_REQUEST_DIFF_BASE_SHA=" + held, exitFindings, "base/config.yaml:4"},
		{"CI_MERGE_REQUEST_TARGET_BRANCH_SHA=" + held, exitFindings, "base/config.yaml:4"},
		{"KGATE_CONFIG_FROM=", exitFindings, "2 exempted"},
		{"CI_COMMIT_SHA=" + held, exitFindings, "2 exempted"},
		{"CI_MERGE_REQUEST_DIFF_BASE_SHA=$(touch " + mark + ")", 128, ""},
	} {
		code, out := run("sh", append(project, test.env)...)
		if code != test.code || !strings.Contains(out, test.says) || strings.Contains(out, "secret") {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", test.env, code, test.code, test.says, out)
		}
		if _, err := os.Lstat(mark); err == nil {
			t.Fatalf("%s: something ran", test.env)
		}
	}
	// What the merge request changes is compared where the clone has it.
	r.work = filepath.Join(t.TempDir(), "whole")
	git(t.TempDir(), "clone", "-q", "file://"+origin+".git", r.work)
	if code, out := run("sh", append(project, "KGATE_COMPARE=true", "CI_PROJECT_URL=https://forge.example/o/r", "CI_MERGE_REQUEST_DIFF_BASE_SHA="+held)...); code != exitFindings || !strings.Contains(out, "from "+held[:12]) {
		t.Errorf("exit code %d in\n%s", code, out)
	}
	if text, err := os.ReadFile(filepath.Join(r.work, "kgate.md")); err != nil || !strings.HasPrefix(string(text), "<!-- kgate diff -->\n") {
		t.Errorf("%.80q, %v", text, err)
	}
	// What it does to versions is said below that.
	if code, out := run("sh", append(project, "KGATE_COMPARE=true", "KGATE_PROMOTIONS=true", "KGATE_ALLOW=soak", "CI_PROJECT_URL=https://forge.example/o/r", "CI_MERGE_REQUEST_DIFF_BASE_SHA="+held)...); code != exitFindings || !strings.Contains(out, "0 steps since "+held) {
		t.Errorf("exit code %d in\n%s", code, out)
	}
	if text, err := os.ReadFile(filepath.Join(r.work, "kgate.md")); err != nil || !strings.HasPrefix(string(text), "<!-- kgate diff -->\n") || !strings.Contains(string(text), "\n<!-- kgate promote -->\n") {
		t.Errorf("%.80q, %v", text, err)
	}
}

// rawScript is the script of the component's job before its inputs are filled in.
func rawScript(document *yaml.Node) []string {
	var jobs map[string]gitlabJob
	if err := document.Decode(&jobs); err != nil {
		return nil
	}
	for _, job := range jobs {
		return job.Script
	}
	return nil
}

// The tasks.json of the documentation finds what kgate writes.
func TestProblemMatcher(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "docs/use.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```json\n")
	block, _, _ = strings.Cut(block, "```")
	var tasks struct {
		Tasks []struct {
			Label          string
			Args           []string
			ProblemMatcher struct {
				Pattern struct {
					Regexp                                string
					File, Line, Column, Severity, Message int
				}
				Background struct{ BeginsPattern, EndsPattern string }
			}
		}
	}
	if err := json.Unmarshal([]byte(block), &tasks); err != nil || len(tasks.Tasks) != 2 {
		t.Fatalf("%v in\n%s", err, block)
	}
	dir := repository(t)
	write(t, dir, "base/config.yaml", faulty)
	write(t, dir, "overlays/broken/kustomization.yaml", "resources: [\n")
	write(t, dir, "overlays/prod/kustomization.yaml", small["overlays/prod/kustomization.yaml"]+"images: [{name: nobody, newTag: v1}]\n")
	cmd := exec.Command("kgate", append(tasks.Tasks[0].Args, "--checks", "schema,kustomize")...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitUnable {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, task := range tasks.Tasks {
		p := task.ProblemMatcher.Pattern
		expression := regexp.MustCompile(p.Regexp)
		var found []string
		for line := range strings.Lines(string(out)) {
			if m := expression.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
				if m[p.Message] == "" {
					t.Errorf("%s: %q", task.Label, m)
				}
				found = append(found, m[p.File]+":"+m[p.Line]+" "+m[p.Severity])
			}
		}
		want := []string{"overlays/broken/kustomization.yaml:2 cannot check", "base/config.yaml:4 error", "overlays/prod/kustomization.yaml:3 error"}
		slices.Sort(found)
		slices.Sort(want)
		if !slices.Equal(found, want) {
			t.Errorf("%s finds %q, want %q in\n%s", task.Label, found, want, out)
		}
	}
	if err := os.RemoveAll(filepath.Join(dir, "overlays/broken")); err != nil {
		t.Fatal(err)
	}
	background := tasks.Tasks[1].ProblemMatcher.Background
	t.Chdir(dir)
	w := begin(t, dir, validateFlags{checks: []string{"schema"}})
	w.next()
	_, notes := w.edit("base/config.yaml", small["base/config.yaml"])
	lines := strings.Split(strings.TrimSpace(notes), "\n")
	if len(lines) != 2 || !regexp.MustCompile(background.BeginsPattern).MatchString(lines[0]) || !regexp.MustCompile(background.EndsPattern).MatchString(lines[1]) {
		t.Errorf("the notes %q do not begin with %s and end with %s", lines, background.BeginsPattern, background.EndsPattern)
	}
}
