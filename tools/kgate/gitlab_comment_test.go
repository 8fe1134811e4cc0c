package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// gitlab answers as the API of a GitLab with one project does, two entries a page.
type gitlab struct {
	t        *testing.T
	lists    map[string][]map[string]any
	reports  map[string]string // by path of the artifact
	wrote    []string          // method, path and body
	refusing string            // part of a path that is answered with 403
}

func (g *gitlab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/api/v4")
	switch {
	case r.Header.Get("PRIVATE-TOKEN") != "secret", g.refusing != "" && strings.Contains(name, g.refusing):
		w.WriteHeader(http.StatusForbidden)
	case r.Method != http.MethodGet:
		if err := r.ParseForm(); err != nil {
			g.t.Error(err)
		}
		g.wrote = append(g.wrote, r.Method+" "+name+" "+r.PostForm.Get("body"))
	case name == "/user":
		_, _ = io.WriteString(w, `{"id":9}`)
	case strings.HasSuffix(name, "/artifacts/kgate.md"):
		text, ok := g.reports[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, text)
	default:
		list, ok := g.lists[name]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		page := 1
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		pages := slices.Collect(slices.Chunk(list, 2))
		if page < len(pages) {
			w.Header().Set("X-Next-Page", fmt.Sprint(page+1))
		}
		here := []map[string]any{}
		if page <= len(pages) {
			here = pages[page-1]
		}
		_ = json.NewEncoder(w).Encode(here)
	}
}

// A scheduled pipeline writes what the pipelines of merge requests say as a comment of each, once.
func TestGitLabComment(t *testing.T) {
	for _, name := range []string{"curl", "jq", "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	text, err := os.ReadFile("../../templates/comment.yml")
	if err != nil {
		t.Fatal(err)
	}
	documents := yaml.NewDecoder(strings.NewReader(string(text)))
	var spec component
	var jobs map[string]struct {
		gitlabJob `yaml:",inline"`
		Rules     []map[string]string
	}
	if err := errors.Join(documents.Decode(&spec), documents.Decode(&jobs)); err != nil {
		t.Fatal(err)
	}
	for name, input := range spec.Spec.Inputs {
		if input.Description == "" || !strings.Contains(string(text), "inputs."+name+" ") {
			t.Errorf("the input %s is not used, or not described", name)
		}
	}
	job := jobs["$[[ inputs.job-name ]]"]
	script := strings.Join(job.Script, "\n")
	if len(job.Rules) != 1 || !strings.Contains(job.Rules[0]["if"], `$CI_COMMIT_REF_PROTECTED == "true"`) || strings.Contains(script, "$[[") || job.Variables["GIT_STRATEGY"] != "none" {
		t.Fatalf("%+v", job)
	}
	if shellcheck, err := exec.LookPath("shellcheck"); err == nil {
		cmd := exec.Command(shellcheck, "--norc", "--format=gcc", "--shell=sh", "-")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
	const report = "<!-- kgate diff -->\n### 1 target\n"
	begin := func() *gitlab {
		return &gitlab{t: t, reports: map[string]string{"/projects/5/jobs/70/artifacts/kgate.md": report}, lists: map[string][]map[string]any{
			"/projects/5/merge_requests":             {{"iid": 3, "sha": "a1"}},
			"/projects/5/merge_requests/3/pipelines": {{"id": 20, "sha": "b2", "project_id": 5}, {"id": 21, "sha": "b3", "project_id": 5}, {"id": 22, "sha": "of a merged result", "project_id": 5}},
			"/projects/5/pipelines/22/jobs":          {{"id": 69, "name": "lint"}, {"id": 68, "name": "test"}, {"id": 70, "name": "kgate"}},
			"/projects/5/merge_requests/3/notes":     {},
		}}
	}
	note := func(id, author int, body string) map[string]any {
		return map[string]any{"id": id, "author": map[string]any{"id": author}, "body": body}
	}
	const to = "/projects/5/merge_requests/3/notes"
	for _, test := range []struct {
		name  string
		shape func(*gitlab)
		token string
		code  int
		wrote []string
	}{
		{"a first comment", func(*gitlab) {}, "secret", 0, []string{"POST " + to + " " + report}},
		{"one that is up to date", func(g *gitlab) {
			g.lists[to] = []map[string]any{note(1, 8, report), note(2, 9, "hello"), note(3, 9, strings.TrimSpace(report))}
		}, "secret", 0, nil},
		{"one that is not", func(g *gitlab) {
			g.lists[to] = []map[string]any{note(1, 8, report), note(2, 9, "<!-- kgate diff -->\nold")}
		}, "secret", 0,
			[]string{"PUT " + to + "/2 " + report}},
		{"of a fork", func(g *gitlab) {
			g.lists["/projects/5/merge_requests/3/pipelines"] = []map[string]any{{"id": 22, "sha": "a1", "project_id": 6}}
			g.lists["/projects/6/pipelines/22/jobs"] = []map[string]any{{"id": 70, "name": "kgate"}}
			g.reports = map[string]string{"/projects/6/jobs/70/artifacts/kgate.md": report}
		}, "secret", 0, []string{"POST " + to + " " + report}},
		{"commands", func(g *gitlab) {
			g.reports["/projects/5/jobs/70/artifacts/kgate.md"] = report + "/merge\n  /close\na/b\n"
		}, "secret", 0,
			[]string{"POST " + to + " " + report + "&#47;merge\n  &#47;close\na/b\n"}},
		{"no report", func(g *gitlab) { g.reports = nil }, "secret", 0, nil},
		{"no pipeline yet", func(g *gitlab) { g.lists["/projects/5/merge_requests/3/pipelines"] = nil }, "secret", 0, nil},
		{"something else", func(g *gitlab) { g.reports["/projects/5/jobs/70/artifacts/kgate.md"] = "hello\n" }, "secret", 1, nil},
		{"a report that is too long", func(g *gitlab) {
			g.reports["/projects/5/jobs/70/artifacts/kgate.md"] = report + strings.Repeat("x", 65536)
		}, "secret", 1, nil},
		{"one that fails, and another", func(g *gitlab) {
			g.lists["/projects/5/merge_requests"] = []map[string]any{{"iid": 4, "sha": "c1"}, {"iid": 5, "sha": "c2"}, {"iid": 3, "sha": "a1"}}
			g.refusing = "/merge_requests/4"
		}, "secret", 1, []string{"POST " + to + " " + report}},
		{"no token", func(*gitlab) {}, "", 2, nil},
		{"another's token", func(*gitlab) {}, "guess", 2, nil},
	} {
		g := begin()
		test.shape(g)
		server := httptest.NewServer(g)
		cmd := exec.Command("sh", "-e", "-c", script)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir(), "CI_API_V4_URL=" + server.URL + "/api/v4", "CI_PROJECT_ID=5",
			"KGATE_REPORT_JOB=kgate", "KGATE_COMMENT_TOKEN=" + test.token}
		out, err := cmd.CombinedOutput()
		server.Close()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		if code != test.code || !slices.Equal(g.wrote, test.wrote) || strings.Contains(string(out), "secret") {
			t.Errorf("%s: exit code %d and %q, want %d and %q\n%s", test.name, code, g.wrote, test.code, test.wrote, out)
		}
		if left, _ := filepath.Glob(filepath.Join(cmd.Dir, "*")); len(left) > 0 {
			t.Errorf("%s leaves %s", test.name, left)
		}
	}
}
