package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// command is a workflow command as the runner understands it.
type command struct {
	name       string
	properties map[string]string
	message    string
}

// run reads the log of a step as actions/runner does (ActionCommand.cs): a command begins a line, spaces aside, or else
// follows ##[ anywhere in it.
func runLog(t testing.TB, log string) (commands []command, lines []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\n")
		if strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line ends within %q", line)
		}
		trimmed := strings.TrimSpace(line)
		head, message, ok := strings.Cut(strings.TrimPrefix(trimmed, "::"), "::")
		if !strings.HasPrefix(trimmed, "::") || !ok {
			if strings.HasPrefix(trimmed, "::") || strings.Contains(line, "##[") {
				t.Errorf("a line that may be taken for a command: %q", line)
			}
			lines = append(lines, line)
			continue
		}
		name, list, _ := strings.Cut(head, " ")
		c := command{name: name, properties: map[string]string{}, message: strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(message)}
		for _, property := range strings.Split(list, ",") {
			if key, value, ok := strings.Cut(property, "="); ok {
				c.properties[key] = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(value)
			}
		}
		if !slices.Contains([]string{"error", "warning", "notice", "group", "endgroup"}, name) {
			t.Errorf("a command that kgate has no use for: %q", line)
		}
		commands = append(commands, c)
	}
	return commands, lines
}

func github(t testing.TB, r Report, options Options) ([]command, []string) {
	t.Helper()
	var out bytes.Buffer
	if err := GitHub(&out, r, options); err != nil {
		t.Fatal(err)
	}
	return runLog(t, out.String())
}

func named(commands []command, name string) []command {
	return slices.DeleteFunc(slices.Clone(commands), func(c command) bool { return c.name != name })
}

func TestGitHubEscapes(t *testing.T) {
	odd := "100%, a:b::c\r\n::set-env name=x::y%0A##[error]"
	commands, _ := github(t, Report{Findings: []check.Finding{
		{Check: "a/b", Severity: check.Error, Message: odd, Source: manifest.Position{File: odd, Line: 3, Column: 4, EndColumn: 9}},
	}}, Options{})
	if len(commands) != 1 {
		t.Fatalf("got %+v", commands)
	}
	got := commands[0]
	// What the runner decodes comes back; what it takes for a command of its older form, and what nobody sees, does not.
	if message, _, _ := strings.Cut(got.message, "\n\n"); message != "100%, a:b::c\n::set-env name=x::y%0A##\\x5berror]" {
		t.Errorf("the message is %q", got.message)
	}
	for key, want := range map[string]string{"file": `100%, a:b::c\r\n::set-env name=x::y%0A##\x5berror]`, "line": "3", "col": "4", "endColumn": "9", "title": "a/b"} {
		if got.properties[key] != want {
			t.Errorf("%s is %q, want %q", key, got.properties[key], want)
		}
	}
}

// TestGitHubLimits holds that what GitHub does not keep is in the log, and what is worst is kept.
func TestGitHubLimits(t *testing.T) {
	var r Report
	for i := range 14 {
		r.Findings = append(r.Findings, check.Finding{Check: "w/w", Severity: check.Warning, Message: fmt.Sprintf("warning <%d>", i), Source: at("::f\n##[error]", 1)})
		r.Findings = append(r.Findings, check.Finding{Check: "e/e", Severity: check.Error, Message: fmt.Sprintf("error <%d>\n::error::x", i), Place: check.Place{Target: "t"}})
	}
	r.Findings[len(r.Findings)-1].Also = []check.Place{{Target: "u"}}
	r.Errors = []Failure{{Target: "t", Message: "engine down"}, {Message: "no disk"}}
	commands, lines := github(t, r, Options{})
	if e, w, n := len(named(commands, "error")), len(named(commands, "warning")), len(named(commands, "notice")); e != 10 || w != 10 || n != 1 {
		t.Errorf("%d errors, %d warnings, %d notices; want 10, 10 and 1", e, w, n)
	}
	for i, want := range []string{"t: engine down", "no disk", "error <13>\n::error::x", "error <0>\n::error::x"} {
		if got, _, _ := strings.Cut(commands[i].message, "\n\n"); got != want {
			t.Errorf("command %d: got %q, want %q", i, got, want)
		}
	}
	if notice := named(commands, "notice")[0].message; !strings.Contains(notice, "10 more in the log") || !strings.Contains(notice, "14 errors, 14 warnings, 0 exempted, 2 not checked") {
		t.Errorf("the notice says %q", notice)
	}
	told := strings.Join(lines, "\n")
	for _, c := range commands {
		told += "\n" + c.message
	}
	for i := range 14 {
		for _, message := range []string{fmt.Sprintf("warning <%d>", i), fmt.Sprintf("error <%d>", i)} {
			if strings.Count(told, message) != 1 {
				t.Errorf("%s is told %d times", message, strings.Count(told, message))
			}
		}
	}
}

func TestGitHubLongMessage(t *testing.T) {
	long := strings.Repeat("é", longestAnnotation+1)
	commands, lines := github(t, Report{Findings: []check.Finding{{Check: "a/b", Severity: check.Error, Message: long}}}, Options{})
	if message := named(commands, "error")[0].message; utf8.RuneCountInString(message) != longestAnnotation || !strings.HasSuffix(message, "é…") {
		t.Errorf("the message has %d characters", utf8.RuneCountInString(message))
	}
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, long) }) || len(named(commands, "notice")) != 1 {
		t.Error("the whole of it is nowhere")
	}
}
