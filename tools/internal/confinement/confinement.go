// Package confinement takes from the process what a tool that reads untrusted files has no use for: starting programs,
// opening sockets, and writing anywhere but where it was told to. It is a wall behind the checks of the packages that
// render and judge, and holds whatever these let through.
package confinement

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// Confinement is what holds the process.
type Confinement struct {
	Landlock int    // the version of Landlock's interface by which files are executed and written nowhere else; 0 without it
	Seccomp  bool   // no program is executed and no socket opened, by a filter of system calls
	Lacking  string // why one of them is missing; empty where both hold
}

// Enter confines the process until it ends; it cannot be undone, and holds every thread. On every system, programs are
// not found and requests by HTTP's default transport fail. On Linux the kernel refuses both, as far as it can, and
// refuses writing outside of the writable directories, of those of temporary files and caches, and of devices. What the
// kernel does not have is no error; it is in Lacking.
func Enter(writable []string) Confinement {
	http.DefaultTransport = offline{}
	// Kustomize clones with the git that it finds, and a git that it found all the same may use no protocol.
	lacking := errors.Join(os.Unsetenv("PATH"), os.Setenv("GIT_ALLOW_PROTOCOL", "none"))
	c := enter(writable)
	if lacking != nil {
		c.Lacking = strings.TrimPrefix(c.Lacking+"; "+lacking.Error(), "; ")
	}
	return c
}

// String says it in a line.
func (c Confinement) String() string {
	holds := []string{"no program on the PATH, no HTTP"}
	if c.Landlock > 0 {
		holds = append(holds, fmt.Sprintf("Landlock %d", c.Landlock))
	}
	if c.Seccomp {
		holds = append(holds, "seccomp")
	}
	text := strings.Join(holds, ", ")
	if c.Lacking != "" {
		text += " (" + c.Lacking + ")"
	}
	return text
}

// offline refuses every request. Whatever could reach the network is refused before Kustomize sees it; this is the
// wall behind that, because Kustomize fetches any file name that looks like a URL.
type offline struct{}

func (offline) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s: kgate works offline", r.URL)
}
