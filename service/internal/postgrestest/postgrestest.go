// Package postgrestest gives tests a real PostgreSQL: one server for the tests of a package, a fresh database for
// each, and servers of their own for tests that kill them. Where package localpostgres finds none, a test fails,
// because a store that was tested on nothing is not tested.
package postgrestest

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/kgate-dev/gitops/service/internal/localpostgres"
)

// MaxConnections is what a server accepts.
const MaxConnections = localpostgres.MaxConnections

// shared is what a test binary has between Main's beginning and its end.
var shared struct {
	sync.Mutex
	inMain       bool
	installation *localpostgres.Installation
	server       *Server
}

// Main runs the tests of a package and then stops the server that URL started. Call it from TestMain.
func Main(m *testing.M) {
	shared.Lock()
	shared.inMain = true
	shared.Unlock()

	m.Run() // leaves the exit code with m; the test binary exits with it

	shared.Lock()
	defer shared.Unlock()
	shared.inMain = false
	if shared.server != nil {
		if err := shared.server.local.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		shared.server = nil
	}
	if shared.installation != nil {
		if err := shared.installation.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		shared.installation = nil
	}
}

// URL returns the URL of a new, empty database on the server of this test binary.
func URL(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		shared.server = start(t)
	}
	return shared.server.URL(t)
}

// Start returns a server of the test's own, stopped when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	s := start(t)
	t.Cleanup(func() {
		if err := s.local.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// start is called with shared locked.
func start(t testing.TB) *Server {
	t.Helper()
	if !shared.inMain {
		t.Fatal("postgrestest: TestMain of the package must call postgrestest.Main, which tidies up")
	}
	if shared.installation == nil {
		i, err := localpostgres.Find()
		if err != nil {
			t.Fatal(err)
		}
		shared.installation = i
	}
	local, err := shared.installation.Start()
	if err != nil {
		t.Fatal(err)
	}
	return &Server{local}
}

// Server is one PostgreSQL server on the loopback interface, on the same port through every restart.
type Server struct{ local *localpostgres.Server }

// URL returns the URL of a new, empty database.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	url, err := s.local.CreateDatabase()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Kill ends the server as a crash does: every connection is cut, no transaction is finished, nothing is flushed,
// and the next start has to recover. It returns when the port is closed.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.local.Kill(); err != nil {
		t.Fatal(err)
	}
}

// Restart starts a server that is down, and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	if err := s.local.Restart(); err != nil {
		t.Fatal(err)
	}
}
