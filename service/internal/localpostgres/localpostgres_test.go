package localpostgres

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// own is this machine's installation, which the tests put elsewhere.
func own(t *testing.T) string {
	t.Helper()
	bin := places{path: os.Getenv("PATH"), debian: "/usr/lib/postgresql/*/bin/initdb"}.local()
	if bin == "" {
		missing(t, "PostgreSQL (apt-get install postgresql)")
	}
	return bin
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("this test needs " + what)
	}
	t.Skip("this test needs " + what)
}

func TestLocal(t *testing.T) {
	bin := own(t)
	empty, linked, half := t.TempDir(), t.TempDir(), t.TempDir()
	for _, program := range []string{"initdb", "postgres"} {
		if err := os.Symlink(filepath.Join(bin, program), filepath.Join(linked, program)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(half, "initdb"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, major := range []string{"9", "15", "16"} {
		dir := filepath.Join(root, major, "bin")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "initdb"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	debian := filepath.Join(root, "*", "bin", "initdb")
	for name, test := range map[string]struct {
		p    places
		want string
	}{
		"on PATH, by a link":            {places{path: empty + string(os.PathListSeparator) + linked, debian: debian}, bin},
		"initdb alone is none":          {places{path: half, debian: debian}, filepath.Join(root, "16", "bin")},
		"newest by number, not by text": {places{path: empty, debian: debian}, filepath.Join(root, "16", "bin")},
		"nowhere":                       {places{path: empty, debian: filepath.Join(empty, "*")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.p.local(); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// A machine without PostgreSQL gets it from the repository, once, and runs it like its own.
func TestFetch(t *testing.T) {
	jar := archive(t, own(t))
	sum := sha256.Sum256(jar)
	var asked atomic.Int32
	maven := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !strings.HasPrefix(r.URL.Path, "/io/zonky/test/postgres/embedded-postgres-binaries-"+runtime.GOOS) {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
			return
		}
		_, _ = w.Write(jar)
	}))
	t.Cleanup(maven.Close)
	p := places{path: t.TempDir(), debian: filepath.Join(t.TempDir(), "*"), repository: maven.URL + "/", cache: t.TempDir()}
	for range 2 {
		i, err := find(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(i.bin, i.unpacked) || i.unpacked == "" {
			t.Errorf("the programs are at %s, not in %s", i.bin, i.unpacked)
		}
		s, err := i.Start()
		if err != nil {
			t.Fatal(err)
		}
		url, err := s.CreateDatabase()
		if err != nil {
			t.Error(err)
		}
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
		if err := s.Restart(); err != nil {
			t.Error(err)
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Error(err)
		} else if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(i.unpacked); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", i.unpacked, err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the repository was asked %d times, want once for the archive and once for its sum", n)
	}
}

func TestFetchSaysWhatToDo(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }))
	t.Cleanup(wrong.Close)
	t.Cleanup(gone.Close)
	nobody := httptest.NewServer(nil)
	nobody.Close()
	for name, test := range map[string]struct{ repository, want string }{
		"unreachable": {nobody.URL, "unable to connect"},
		"not there":   {gone.URL, "no version found"},
		"wrong sum":   {wrong.URL, "checksums do not match"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := find(places{path: t.TempDir(), debian: filepath.Join(t.TempDir(), "*"), repository: test.repository, cache: t.TempDir()})
			if err == nil {
				t.Fatal("found PostgreSQL where there is none")
			}
			for _, want := range []string{"apt-get install postgresql", test.repository, test.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

// archive is what the repository has: a tar, compressed by xz, in a jar. Its programs are links to those of this machine,
// because the library takes long to unpack real ones.
func archive(t *testing.T, bin string) []byte {
	t.Helper()
	for _, program := range []string{"tar", "xz"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" (apt-get install xz-utils)")
		}
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"initdb", "postgres", "pg_ctl"} {
		if err := os.Symlink(filepath.Join(bin, program), filepath.Join(root, "bin", program)); err != nil {
			t.Fatal(err)
		}
	}
	packed := filepath.Join(t.TempDir(), "postgres.txz")
	cmd := exec.CommandContext(t.Context(), "tar", "-C", root, "-cJf", packed, "bin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	text, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	file, err := w.Create("postgres-" + runtime.GOOS + ".txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

// Whoever names a folder gets the programs of that folder, and never others in their place.
func TestChosen(t *testing.T) {
	bin := own(t)
	linked := t.TempDir()
	for _, program := range []string{"initdb", "postgres"} {
		if err := os.Symlink(filepath.Join(bin, program), filepath.Join(linked, program)); err != nil {
			t.Fatal(err)
		}
	}
	i, err := find(places{chosen: linked, path: os.Getenv("PATH")})
	if err != nil {
		t.Fatal(err)
	}
	if i.bin != linked || i.unpacked != "" {
		t.Errorf("got %+v", i)
	}
	if _, err := find(places{chosen: t.TempDir(), path: os.Getenv("PATH")}); err == nil || !strings.Contains(err.Error(), Variable+"=") {
		t.Errorf("an empty folder: %v", err)
	}
}

// What a connection does is done by a process of its own, which counts while it is there and when it has ended.
func TestCPU(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	i, err := find(places{chosen: own(t)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := i.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if cpu, err := s.CPU(); err == nil {
			t.Errorf("a server that is down has used %s", cpu)
		}
	}()
	used := func() int64 {
		t.Helper()
		cpu, err := s.CPU()
		if err != nil {
			t.Fatal(err)
		}
		return int64(cpu)
	}
	url, err := s.CreateDatabase()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	before := used()
	if _, err := conn.Exec(t.Context(), "SELECT count(*) FROM generate_series(1, 2000000)"); err != nil {
		t.Error(err)
	}
	connected := used()
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	// For a moment it may be of neither: its own process is read before that which waits for it.
	ended := used()
	for range 1000 {
		if ended >= connected {
			break
		}
		ended = used()
	}
	if connected <= before || ended < connected {
		t.Errorf("%d before a statement, %d after it, %d after its connection", before, connected, ended)
	}
}
