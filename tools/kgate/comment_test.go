package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// The action that comments hands on what the run before wrote, to the pull request that the event names.
func TestCommentAction(t *testing.T) {
	var a struct {
		Name, Description string
		Branding          struct{ Icon, Color string }
		Inputs            map[string]struct {
			Description, Default string
			Required             bool
		}
		Runs struct {
			Using string
			Steps []actionStep
		}
	}
	decode(t, "comment/action.yml", &a)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 1 || strings.Contains(a.Runs.Steps[0].Run, "${{") || a.Runs.Steps[0].Shell != "bash" {
		t.Fatalf("%+v", a)
	}
	script := a.Runs.Steps[0].Run
	if shellcheck, err := exec.LookPath("shellcheck"); err == nil {
		cmd := exec.Command(shellcheck, "--norc", "--format=gcc", "--shell=bash", "-")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	const sha = "0123456789012345678901234567890123456789"
	report := "<!-- kgate diff -->\n### kgate diff: nothing found\n"
	for _, test := range []struct {
		name, text, head, pulls, comments string
		code                              int
		says                              string // what gh is asked for last
	}{
		{"a first comment", report, sha, "7 " + sha, "", 0, "POST repos/o/r/issues/7/comments"},
		{"one that is kept up to date", report, sha, "7 " + sha, "42\n43", 0, "PATCH repos/o/r/issues/comments/42"},
		{"another commit since", report, sha, "7 " + strings.Repeat("a", 40), "", 0, "pulls"},
		{"no pull request", report, sha, "", "", 0, "pulls"},
		{"of two branches the one", report, sha, "6 " + strings.Repeat("b", 40) + "\n8 " + sha, "", 0, "POST repos/o/r/issues/8/comments"},
		{"no report", "hello\n", sha, "7 " + sha, "", exitUnable, ""},
		{"a report that is too long", report + strings.Repeat("x", 65536), sha, "7 " + sha, "", exitUnable, ""},
		{"no commit", report, "$(touch crafted)", "7 " + sha, "", exitUnable, ""},
		{"no event", report, "", "7 " + sha, "", exitUnable, ""},
	} {
		dir, bin := t.TempDir(), t.TempDir()
		write(t, dir, "kgate.md", test.text)
		write(t, bin, "gh", `#!/bin/bash
method=GET
for a in "$@"; do
  case $previous in --method) method=$a ;; esac
  case $a in repos/*) what=$a ;; body=@*) cp "${a#body=@}" "$FAKE/body" ;; esac
  previous=$a
done
echo "$method $what" >>"$FAKE/asked"
case $what in */pulls) printf '%s\n' "$PULLS" ;; *per_page*) printf '%s' "$COMMENTS" ;; esac
`)
		if err := os.Chmod(filepath.Join(bin, "gh"), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "FAKE="+bin, "PULLS="+test.pulls, "COMMENTS="+test.comments,
			"KGATE_FILE=kgate.md", "KGATE_SHA="+test.head, "KGATE_HEAD=someone:branch", "GITHUB_REPOSITORY=o/r", "GH_TOKEN=secret")
		out, err := cmd.CombinedOutput()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		asked, _ := os.ReadFile(filepath.Join(bin, "asked"))
		lines := strings.Split(strings.TrimSpace(string(asked)), "\n")
		last := lines[len(lines)-1]
		if code != test.code || test.says == "pulls" && !strings.HasSuffix(last, "/pulls") || test.says != "pulls" && last != test.says || strings.Contains(string(out), "secret") {
			t.Errorf("%s: exit code %d, last asked for %q, want %d and %q in\n%s", test.name, code, last, test.code, test.says, out)
		}
		if strings.Contains(test.says, "comments") {
			if body, err := os.ReadFile(filepath.Join(bin, "body")); err != nil || string(body) != test.text {
				t.Errorf("%s: the comment is %q, %v", test.name, body, err)
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, "crafted")); err == nil {
			t.Errorf("%s: something ran", test.name)
		}
	}
}

// The action compares a pull request with its base, where the checkout has it.
func TestActionCompares(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := newRunner(t)
	git := func(args ...string) string { return git(t, r.work, args...) }
	git("init", "-q", "-b", "main", ".")
	git("add", "-A")
	git("commit", "-qm", "base")
	base := git("rev-parse", "HEAD")
	write(t, r.work, "base/config.yaml", faulty)
	git("commit", "-qam", "a fault")
	expression := strings.TrimSuffix(strings.TrimPrefix(event, "${{ "), " }}")
	summary := filepath.Join(r.temp, "summary")
	for _, test := range []struct {
		base string
		code int
		says string
	}{
		{base, exitFindings, "base/config.yaml:4"},
		{"", exitClean, "has no base to compare with"},
		{"--help", exitUnable, "names no commit"},
		{strings.Repeat("0", 40), exitUnable, ""},
	} {
		write(t, r.temp, "summary", "")
		code, outputs, text := r.step("compare", map[string]string{expression: test.base, "inputs.checks": "schema"}, "GITHUB_STEP_SUMMARY="+summary, "GITHUB_SERVER_URL=https://forge.example", "GITHUB_REPOSITORY=o/r")
		if code != test.code || !strings.Contains(text, test.says) {
			t.Errorf("%q: exit code %d, want %d and %q in\n%s", test.base, code, test.code, test.says, text)
		}
		said, err := os.ReadFile(summary)
		if written := strings.HasPrefix(string(said), "<!-- kgate diff -->\n"); err != nil || written != (test.code == exitFindings) || (outputs["markdown"] == filepath.Join(r.temp, "kgate.md")) != written {
			t.Errorf("%q: the summary is %q, outputs %v, %v", test.base, said, outputs, err)
		}
		if link := `<a href="https://forge.example/o/r/blob/` + git("rev-parse", "HEAD") + `/base/config.yaml#L4">`; test.code == exitFindings && !strings.Contains(string(said), link) {
			t.Errorf("no link %s in\n%s", link, said)
		}
	}
}

// The action holds what a pull request does to versions to the rules of its base, and says it below what it compares.
func TestActionHoldsPromotions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := newRunner(t)
	r.work = t.TempDir()
	page, err := txtar.ParseFile("testdata/script/promote.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range page.Files {
		if name, ok := strings.CutPrefix(f.Name, "repo/"); ok {
			write(t, r.work, name, string(f.Data))
		}
	}
	git := func(args ...string) string { return git(t, r.work, args...) }
	git("init", "-q", "-b", "main", ".")
	git("add", "-A")
	git("commit", "-qm", "base")
	base := git("rev-parse", "HEAD")
	const overlay = "overlays/prod/kustomization.yaml"
	text, err := os.ReadFile(filepath.Join(r.work, overlay))
	if err != nil {
		t.Fatal(err)
	}
	write(t, r.work, overlay, strings.Replace(string(text), "newTag: 1.1.0", "newTag: 1.2.0", 1))
	git("commit", "-qam", "all at once")
	expression := strings.TrimSuffix(strings.TrimPrefix(event, "${{ "), " }}")
	summary, markdown := filepath.Join(r.temp, "summary"), filepath.Join(r.temp, "kgate.md")
	for _, test := range []struct {
		base, allow string
		code        int
		says        string
		summary     string // how it begins
	}{
		{base, "", exitFindings, "\n::error file=" + overlay + ",line=", "<!-- kgate promote -->\n### kgate promote: 1 step, 2 refused\n"},
		{base, "canary,source", exitClean, "\n::notice file=" + overlay + ",line=", "<!-- kgate promote -->\n### kgate promote: 1 step, nothing refused\n"},
		{base, "--output", exitUnable, "there is no such rule", ""},
		{"", "", exitClean, "has no base to compare with", ""},
		{"--help", "", exitUnable, "names no commit", ""},
		{strings.Repeat("0", 40), "", exitUnable, "", ""},
	} {
		write(t, r.temp, "summary", "")
		write(t, r.temp, "kgate.md", "<!-- kgate diff -->\n")
		values := map[string]string{expression: test.base, "inputs.allow": test.allow, "steps.compare.outputs.markdown": markdown}
		code, _, text := r.step("promotions", values, "GITHUB_STEP_SUMMARY="+summary)
		if code != test.code || !strings.Contains(text, test.says) {
			t.Errorf("%+v: exit code %d, want %d and %q in\n%s", test, code, test.code, test.says, text)
		}
		said, err := os.ReadFile(summary)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(said), test.summary) || (len(said) > 0) != (test.summary != "") {
			t.Errorf("%+v: the summary is %q", test, said)
		}
		comment, err := os.ReadFile(markdown)
		if want := "<!-- kgate diff -->\n" + string(said); err != nil || string(comment) != want {
			t.Errorf("%+v: the comment is %q, want %q, %v", test, comment, want, err)
		}
	}
}
