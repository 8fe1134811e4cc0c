package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal opens a pseudo-terminal. What is written to tty can be read from the other end, once tty is closed.
func pseudoTerminal(t *testing.T) (tty *os.File, read func() string) {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	go func() {
		data, _ := io.ReadAll(control) // ends with EIO when the last writer is gone
		text <- string(data)
	}()
	return tty, func() string {
		_ = tty.Close()
		return <-text
	}
}

func TestTerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"kgate.yaml": "apiVersion: kgate/v1\n",
		"a.yaml":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndate: {}\n",
	} {
		if err := os.WriteFile(filepath.Join(".", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name            string
		args            []string
		env             string
		color, progress bool
		piped           bool
		term            string
	}{
		{name: "terminal", color: true, progress: true},
		{name: "--no-color", args: []string{"--no-color"}, progress: true},
		{name: "NO_COLOR", env: "1", progress: true},
		{name: "--color never", args: []string{"--color", "never"}, progress: true},
		{name: "--color always, NO_COLOR", args: []string{"--color", "always"}, env: "1", color: true, progress: true},
		{name: "TERM=dumb", term: "dumb"},
		{name: "TERM=dumb, --color always", args: []string{"--color=always"}, term: "dumb", color: true},
		{name: "pipe", piped: true},
		{name: "pipe, --color always", args: []string{"--color=always"}, piped: true, color: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", test.env)
			t.Setenv("TERM", test.term)
			stdout, readOut := pseudoTerminal(t)
			stderr, readErr := pseudoTerminal(t)
			var out, notes strings.Builder
			args := append([]string{"validate", "--checks", "schema", "a.yaml"}, test.args...)
			var code int
			if test.piped {
				code = run(context.Background(), args, strings.NewReader(""), &out, &notes)
			} else {
				code = run(context.Background(), args, strings.NewReader(""), stdout, stderr)
			}
			out.WriteString(readOut())
			notes.WriteString(readErr())
			if code != exitFindings {
				t.Errorf("exit code %d, want %d", code, exitFindings)
			}
			if got := strings.Contains(out.String(), "\x1b["); got != test.color {
				t.Errorf("colour: %t, want %t in %q", got, test.color, out.String())
			}
			if got := strings.Contains(notes.String(), "checked a.yaml (1 of 1)"); got != test.progress {
				t.Errorf("progress: %t, want %t in %q", got, test.progress, notes.String())
			}
			if test.progress && !strings.HasSuffix(notes.String(), "\r\x1b[K") {
				t.Errorf("the progress line stays behind: %q", notes.String())
			}
		})
	}
}

func TestExplainOnATerminal(t *testing.T) {
	for _, test := range []struct {
		name  string
		args  []string
		env   string
		color bool
	}{
		{name: "terminal", color: true},
		{name: "--no-color", args: []string{"--no-color"}},
		{name: "NO_COLOR", env: "1"},
		{name: "--color always", args: []string{"--color", "always"}, env: "1", color: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", test.env)
			stdout, read := pseudoTerminal(t)
			args := append([]string{"explain", "pod/no-host-path"}, test.args...)
			code := run(context.Background(), args, strings.NewReader(""), stdout, io.Discard)
			out := read()
			if code != exitClean || !strings.Contains(out, "pod/no-host-path") {
				t.Errorf("exit code %d, %q", code, out)
			}
			if got := strings.Contains(out, "\x1b["); got != test.color {
				t.Errorf("colour: %t, want %t in %q", got, test.color, out)
			}
		})
	}
}
