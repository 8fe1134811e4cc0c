package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/repo"
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

// TestCodeowners holds CODEOWNERS to its syntax, which GitHub passes over line by line where it is broken, and to what is here.
func TestCodeowners(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, ".github/CODEOWNERS"))
	if err != nil {
		t.Fatal(err)
	}
	owner := regexp.MustCompile(`^@[A-Za-z0-9][A-Za-z0-9-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$|^[^@\s]+@[^@\s]+\.[^@\s]+$`)
	first := true
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if (fields[0] == "*") != first {
			t.Errorf("%q: the owners of everything stand first, because the last pattern that fits counts", fields[0])
		}
		first = false
		if len(fields) < 2 {
			t.Errorf("%q has no owner", fields[0])
		}
		for _, o := range fields[1:] {
			if !owner.MatchString(o) {
				t.Errorf("%q is no @user, @organisation/team or address", o)
			}
		}
		if fields[0] == "*" {
			continue
		}
		info, err := os.Stat(filepath.Join(top, filepath.FromSlash(fields[0])))
		if fields[0] == "/"+repo.BaselineFile && os.IsNotExist(err) {
			continue // it has owners before somebody makes it
		}
		if err != nil || !strings.HasPrefix(fields[0], "/") || info.IsDir() != strings.HasSuffix(fields[0], "/") {
			t.Errorf("%q is no file or folder from the top of the repository, as /kgate.yaml and /base/: %v", fields[0], err)
		}
	}
	if first {
		t.Error("CODEOWNERS names nobody")
	}
}

// TestDocumentedTargets holds that what pages tell to make can be made.
func TestDocumentedTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("(?m)(?:^\\s*\\$ |`)make (?:-C \\S+ )?([a-z][a-z-]*)")
	pages := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/pull_request_template.md"}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(top, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range command.FindAllStringSubmatch(string(text), -1) {
			found++
			if !regexp.MustCompile(`(?m)^` + match[1] + `:`).Match(makefile) {
				t.Errorf("%s: the Makefile has no target %s", page, match[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
}

// TestSampledTestsRunWhole holds the tests that the Makefile runs again without the race detector to those of which it sees a part.
func TestSampledTestsRunWhole(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^SAMPLED := (.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile says no SAMPLED")
	}
	var sampled []string
	for _, sources := range []struct {
		dir  string
		asks []string
	}{{".", []string{"underRace", "enough"}}, {"../internal/admission", []string{"part"}}} {
		files, err := filepath.Glob(filepath.Join(sources.dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range parsed.Decls {
				function, ok := declared.(*ast.FuncDecl)
				if !ok || !strings.HasPrefix(function.Name.Name, "Test") {
					continue
				}
				ast.Inspect(function, func(node ast.Node) bool {
					if name, ok := node.(*ast.Ident); ok && slices.Contains(sources.asks, name.Name) && !slices.Contains(sampled, function.Name.Name) {
						sampled = append(sampled, function.Name.Name)
					}
					return true
				})
			}
		}
	}
	named := strings.Split(string(line[1]), "|")
	slices.Sort(named)
	slices.Sort(sampled)
	if len(sampled) == 0 || !slices.Equal(named, sampled) {
		t.Errorf("the Makefile runs %q whole; sampled are %q", named, sampled)
	}
}

// TestReleasedImage holds the image that a tag releases to the one that overlays run, whatever both are called.
func TestReleasedImage(t *testing.T) {
	top := filepath.Join("..", "..")
	_, service := ownServices(t, top)
	workflow, err := os.ReadFile(filepath.Join(top, ".github/workflows/release.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	image := regexp.MustCompile(`(?m)^ +image=(\S+/\S+)$`).FindSubmatch(workflow)
	if image == nil {
		t.Fatal("release.yaml says of no image where it goes")
	}
	overlays, err := filepath.Glob(filepath.Join(top, "overlays/*", service, "kustomization.yaml"))
	if err != nil || len(overlays) == 0 {
		t.Fatalf("no overlay of %s: %v", service, err)
	}
	for _, name := range overlays {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "newName: "+string(image[1])+"\n") {
			t.Errorf("%s does not run %s, which is what a tag releases", name, image[1])
		}
	}
}
