package main

import (
	"bytes"
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
	for _, match := range regexp.MustCompile(`inputs\.([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
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
	kgate, err = resolved(kgate)
	if err == nil {
		err = errors.Join(os.Mkdir(filepath.Join(r.temp, "kgate"), 0o755), os.Symlink(kgate, filepath.Join(r.temp, "kgate", "kgate")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// validate runs the action's step with inputs, and returns its exit code, its outputs and what it wrote.
func (r *runner) validate(inputs map[string]string) (code int, outputs map[string]string, text string) {
	r.t.Helper()
	a := loadAction(r.t)
	step := a.step(r.t, "validate")
	env := append(os.Environ(), "RUNNER_TEMP="+r.temp)
	for name, value := range step.Env {
		input := regexp.MustCompile(`^\$\{\{ inputs\.([a-z-]+) \}\}$`).FindStringSubmatch(value)
		if input == nil {
			r.t.Fatalf("%s is %q", name, value)
		}
		value, given := inputs[input[1]]
		if !given {
			value = a.Inputs[input[1]].Default
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
	outputs = map[string]string{}
	for line := range strings.Lines(string(written)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		outputs[name] = value
	}
	return code, outputs, string(out)
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
			Description, Default string
			Options              []string
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
	r := newRunner(t)
	write(t, r.work, "base/config.yaml", faulty)
	bin := t.TempDir()
	// go install is for a network; what it is asked for is looked at.
	write(t, bin, "go", "#!/bin/sh\necho \"go $*\"\n")
	if err := os.Chmod(filepath.Join(bin, "go"), 0o755); err != nil {
		t.Fatal(err)
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
			cmd := exec.Command(shell, "-e", "-c", script)
			cmd.Dir = r.work
			cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "GOBIN="+filepath.Join(r.temp, "kgate"),
				"KGATE_VERSION=v1.2.3", "KGATE_FAIL_ON=error", "KGATE_TARGETS="+test.targets)
			out, err := cmd.CombinedOutput()
			code := 0
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			if code != test.code || !strings.Contains(string(out), test.says) || !strings.Contains(string(out), "go install -trimpath github.com/kgate-dev/gitops/tools/kgate@v1.2.3") {
				t.Errorf("%s, %q: exit code %d, want %d and %q in\n%s", shell, test.targets, code, test.code, test.says, out)
			}
			if _, err := os.Lstat(filepath.Join(r.work, "crafted")); err == nil {
				t.Fatalf("%q is run", test.targets)
			}
			for _, report := range job.Artifacts.Paths {
				if err := os.Remove(filepath.Join(r.work, report)); (err == nil) != (test.code == exitFindings) {
					t.Errorf("%q: %s: %v", test.targets, report, err)
				}
			}
		}
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
