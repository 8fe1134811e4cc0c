package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestScripts holds the scripts inside the GitHub action and the GitLab component to shellcheck. `make lint` does so with the
// files that are scripts, and actionlint with the workflows; neither looks into these.
func TestScripts(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatal("shellcheck is not installed (Debian and Ubuntu: apt-get install shellcheck)")
	case err != nil:
		t.Skip("shellcheck is not installed")
	}
	check := func(name, shell, script string) string {
		cmd := exec.CommandContext(t.Context(), shellcheck, "--norc", "--format=gcc", "--shell="+shell, "-")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		return string(out)
	}
	if check("a fault", "bash", "rm $1\n") == "" {
		t.Fatal("shellcheck finds nothing in a script with a fault")
	}
	checked := 0
	for _, s := range loadAction(t).Runs.Steps {
		if s.Run == "" {
			continue
		}
		checked++
		if said := check(s.Name, s.Shell, s.Run); said != "" {
			t.Errorf("action.yml: step %q; lines are those of its script:\n%s", s.Name, said)
		}
	}
	if checked == 0 {
		t.Error("action.yml has no script")
	}
	var spec component
	var job yaml.Node
	decode(t, "templates/kgate.yml", &spec, &job)
	script := rawScript(&job)
	if len(script) == 0 {
		t.Fatal("templates/kgate.yml has no script")
	}
	for _, text := range script {
		// Targets are split at the ends of lines on purpose.
		text = strings.Replace(text, `"$kgate" validate`, "# shellcheck disable=SC2086\n\"$kgate\" validate", 1)
		if said := check("script", "sh", text); said != "" {
			t.Errorf("templates/kgate.yml: lines are those of the script:\n%s", said)
		}
	}
}

// TestWorkflowRunsWhatMakeRuns holds the jobs of the workflow to the targets of `make ci`: what passes the one passes the other.
func TestWorkflowRunsWhatMakeRuns(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^CI_TARGETS := (.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile says no CI_TARGETS")
	}
	var workflow struct {
		Jobs map[string]struct {
			Strategy struct {
				Matrix struct{ Target []string }
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(top, ".github/workflows/ci.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &workflow); err != nil {
		t.Fatal(err)
	}
	if local, hosted := strings.Fields(string(line[1])), workflow.Jobs["check"].Strategy.Matrix.Target; !slices.Equal(local, hosted) {
		t.Errorf("`make ci` makes %v, and .github/workflows/ci.yaml %v", local, hosted)
	}
}
