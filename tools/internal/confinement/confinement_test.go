package confinement

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const child = "KGATE_TEST_CONFINED"

// TestMain runs the attempts in a process of its own: nobody leaves a confinement.
func TestMain(m *testing.M) {
	if dir := os.Getenv(child); dir != "" {
		attempt(dir)
		return
	}
	os.Exit(m.Run())
}

// outcome is what a confined process could do.
type outcome struct {
	Confinement      Confinement
	Found            string            // a program on the PATH
	Did              map[string]string // what succeeded where it should not, or failed where it should succeed
	ThreadsThatDid   int
	Text             string
	ServerWasReached string
}

func attempt(dir string) {
	o := outcome{Did: map[string]string{}}
	allowed := filepath.Join(dir, "allowed")
	before := make(chan func() error)
	done := make(chan error)
	// Threads that are there already are held as well.
	for range 4 {
		go func() {
			runtime.LockOSThread()
			done <- (<-before)()
		}()
	}
	o.Confinement = Enter([]string{allowed, filepath.Join(allowed, "missing")})
	o.Text = o.Confinement.String()
	o.Found, _ = exec.LookPath("true")
	run := func() error { return exec.Command("/bin/sh", "-c", "touch "+filepath.Join(allowed, "mark")).Run() }
	for range 4 {
		before <- run
	}
	for range 4 {
		if <-done == nil {
			o.ThreadsThatDid++
		}
	}
	for name, do := range map[string]func() error{
		"exec":          run,
		"own exec":      func() error { return exec.Command(filepath.Join(allowed, "program")).Run() },
		"write outside": func() error { return os.WriteFile(filepath.Join(dir, "outside"), nil, 0o644) },
		"truncate outside": func() error {
			return os.Truncate(filepath.Join(dir, "there"), 0)
		},
		"link": func() error { return os.Symlink("/etc", filepath.Join(allowed, "link")) },
		"tcp": func() error {
			c, err := net.Dial("tcp", os.Getenv("KGATE_TEST_SERVER"))
			if err == nil {
				err = c.Close()
			}
			return err
		},
		"udp": func() error {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err == nil {
				err = c.Close()
			}
			return err
		},
		"unix": func() error {
			c, err := net.Listen("unix", filepath.Join(allowed, "socket"))
			if err == nil {
				err = c.Close()
			}
			return err
		},
	} {
		if err := do(); err == nil {
			o.Did[name] = "succeeded"
		}
	}
	if _, err := http.Get("http://" + os.Getenv("KGATE_TEST_SERVER")); err == nil {
		o.Did["http"] = "succeeded"
	} else {
		o.ServerWasReached = err.Error()
	}
	for name, do := range map[string]func() error{
		"write and replace inside": func() error {
			if err := os.WriteFile(filepath.Join(allowed, "inside"), []byte("x"), 0o644); err != nil {
				return err
			}
			return os.Rename(filepath.Join(allowed, "inside"), filepath.Join(allowed, "replaced"))
		},
		"read outside":   func() error { _, err := os.ReadFile(filepath.Join(dir, "there")); return err },
		"temporary file": func() error { _, err := os.CreateTemp("", "kgate"); return err },
		"null device":    func() error { return os.WriteFile(os.DevNull, []byte("x"), 0o644) },
	} {
		if err := do(); err != nil {
			o.Did[name] = err.Error()
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(o)
}

func TestEnter(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	dir := t.TempDir()
	for _, name := range []string{"allowed", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "there"), []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "allowed", "program"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+dir, "TMPDIR="+filepath.Join(dir, "tmp"), "XDG_CACHE_HOME="+filepath.Join(dir, "tmp"),
		"KGATE_TEST_SERVER="+strings.TrimPrefix(server.URL, "http://"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var o outcome
	if err := json.Unmarshal(out, &o); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Log(o.Text)
	if o.Found != "" || o.Did["http"] != "" || reached || !strings.Contains(o.ServerWasReached, "kgate works offline") {
		t.Errorf("found %q on the PATH; by HTTP: %s", o.Found, o.ServerWasReached)
	}
	// What the kernel does not have cannot be asked of it; what it says that it has is held to.
	expected := map[string]bool{}
	if o.Confinement.Landlock == 0 {
		for _, name := range []string{"write outside", "truncate outside", "link"} {
			expected[name] = true
		}
	}
	if !o.Confinement.Seccomp {
		for _, name := range []string{"tcp", "udp", "unix"} {
			expected[name] = true
		}
	}
	if o.Confinement.Landlock == 0 && !o.Confinement.Seccomp {
		expected["exec"], expected["own exec"] = true, true
	} else if o.ThreadsThatDid > 0 {
		t.Errorf("%d threads started a program", o.ThreadsThatDid)
	}
	for name, what := range o.Did {
		if !expected[name] {
			t.Errorf("%s: %s", name, what)
		}
	}
	if available := kernelHas(t); available != (o.Confinement.Lacking == "") {
		t.Errorf("the kernel has both: %v; %s", available, o.Text)
	}
}
