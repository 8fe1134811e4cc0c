package fetch

import (
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// site is a web server on this machine with git repositories and files.
type site struct {
	t        *testing.T
	dir      string // of the repositories
	url      string
	password string // that repositories ask for; "" for none

	mu    sync.Mutex
	files map[string]string
	types map[string]string // of files, that are kept in a registry
	asked []string          // paths, in order
}

func newSite(t *testing.T) *site {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git")
	}
	// Nothing of who runs the test comes into it.
	home := t.TempDir()
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_GLOBAL": filepath.Join(home, "gitconfig"), "GIT_CONFIG_SYSTEM": os.DevNull, "DOCKER_CONFIG": home,
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
	} {
		t.Setenv(name, value)
	}
	s := &site{t: t, dir: t.TempDir(), files: map[string]string{}, types: map[string]string{}}
	backend := &cgi.Handler{
		Path: git, Args: []string{"http-backend"}, Root: "/", Env: []string{"GIT_PROJECT_ROOT=" + s.dir, "GIT_HTTP_EXPORT_ALL=1"},
		InheritEnv: []string{"HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		text, ok := s.files[r.URL.Path]
		s.mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/v2/") && s.password != "":
			if _, password, _ := r.BasicAuth(); password != s.password {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fallthrough
		case ok:
			if !ok {
				http.NotFound(w, r)
				return
			}
			if is := s.types[r.URL.Path]; is != "" {
				w.Header().Set("Content-Type", is)
				w.Header().Set("Docker-Content-Digest", digestOf([]byte(text)))
			}
			_, _ = w.Write([]byte(text))
		case strings.Contains(r.URL.Path, ".git/info/") || strings.Contains(r.URL.Path, ".git/git-upload-pack"):
			if _, password, _ := r.BasicAuth(); password != s.password {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			backend.ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *site) git(dir string, args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...) //nolint:gosec // of a test
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit puts files into a repository, in place of what it has, and returns the commit. SITE in them is the server.
func (s *site) commit(name, files string, more ...func(dir string)) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		s.git(dir, "init", "-q", "-b", "main")
	} else {
		s.git(dir, "rm", "-rfq", "--ignore-unmatch", ".")
	}
	s.write(dir, files)
	for _, do := range more {
		do(dir)
	}
	s.git(dir, "add", "-A")
	s.git(dir, "commit", "-qm", "x", "--allow-empty")
	return s.git(dir, "rev-parse", "HEAD")
}

func (s *site) write(dir, files string) {
	s.t.Helper()
	for _, f := range txtar.Parse([]byte(strings.ReplaceAll(files, "SITE", s.url))).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
}

// repository is a directory with files, to be vendored.
func (s *site) repository(files string) string {
	s.t.Helper()
	dir := s.t.TempDir()
	s.write(dir, files)
	return dir
}

func (s *site) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func vendor(t *testing.T, job Job) Outcome {
	t.Helper()
	out, err := Do(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// vendorAll vendors all targets of a directory, which have to be in order.
func vendorAll(t *testing.T, dir string, targets ...string) Outcome {
	t.Helper()
	out := vendor(t, Job{Dir: dir, Targets: targets, Whole: true})
	if len(out.Faults) > 0 {
		t.Fatal(out.Faults)
	}
	return out
}

func rendered(t *testing.T, dir, target string) (string, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	result, err := kustomization.New(root.FS(), strings.NewReader("")).Render(t.Context(), target)
	if err != nil {
		return "", err
	}
	text, err := result.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(text), nil
}

// kustomize is what Kustomize itself renders, with the network.
func kustomize(t *testing.T, dir, target string) string {
	t.Helper()
	built, err := kustomization.Kustomize(filesys.MakeFsOnDisk(), filepath.Join(dir, target))
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// snapshot is what lies in a directory, with when it was written.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	if err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := info.ModTime().String()
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(name) //nolint:gosec // of a test
			if err != nil {
				return err
			}
			text += string(content)
		}
		within, err := filepath.Rel(dir, name)
		found[filepath.ToSlash(within)] = text
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return found
}
