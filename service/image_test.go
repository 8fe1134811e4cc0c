//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The arguments of the image that the test builds.
const (
	imageTag       = "go-otlp-app:image-test"
	imageVersion   = "1.2.3-image.test"
	imageRevision  = "0123456789abcdef0123456789abcdef01234567"
	imageBuildTime = "2026-11-01T10:00:00Z"
	imageMaxSize   = 30 << 20
)

// TestImage builds the image with a real Docker daemon and holds it to what the Deployment and the README promise.
func TestImage(t *testing.T) {
	if testing.Short() {
		t.Skip("building the image takes minutes")
	}
	d := findDocker(t)
	base := d.baseImage()
	proxy := serveModules(t)
	arguments := []string{
		"BUILD_IMAGE=" + base, "GOPROXY=" + proxy.URL,
		"VERSION=" + imageVersion, "REVISION=" + imageRevision, "BUILD_TIME=" + imageBuildTime,
	}
	build := []string{"build", "--progress=plain"}
	for _, argument := range arguments {
		build = append(build, "--build-arg", argument)
	}
	if _, err := d.try("network", "inspect", "bridge"); err != nil {
		build = append(build, "--network", "host")
	}
	d.run(slices.Concat(build, []string{"--tag", imageTag, repository(t)})...)
	t.Cleanup(func() { _, _ = d.try("image", "rm", "--force", imageTag) })

	files := d.files(imageTag)
	t.Run("fetches what the service needs", func(t *testing.T) { fetchesItsOwn(t, proxy) })
	t.Run("holds one program and its data", func(t *testing.T) { holdsOneProgram(t, files) })
	t.Run("is configured as specified", func(t *testing.T) { isConfigured(t, d) })
	t.Run("is reproducible", func(t *testing.T) { isReproducible(t, d, files["app/app"]) })
	t.Run("knows what it is", func(t *testing.T) {
		got := strings.TrimSpace(d.run("run", "--rm", "--network", "none", imageTag, "version"))
		for _, want := range []string{imageVersion, imageRevision, imageBuildTime} {
			if !strings.Contains(got, want) {
				t.Errorf("version prints %q, without %q", got, want)
			}
		}
	})
	t.Run("has no shell", func(t *testing.T) {
		out, err := d.try("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", imageTag, "-c", "true")
		// 127 is Docker's exit code for a program that is not there.
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 127 {
			t.Errorf("/bin/sh: %v\n%s", err, out)
		}
	})
	t.Run("runs without a right", func(t *testing.T) { runsWithoutRights(t, d) })
	t.Run("is built for another architecture", func(t *testing.T) { isBuiltFor(t, d, build) })
}

func holdsOneProgram(t *testing.T, files map[string][]byte) {
	want := []string{"app/app", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo.zip"}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("the image holds\n%q, want\n%q", got, want)
	}
	size := 0
	for _, text := range files {
		size += len(text)
	}
	if size >= imageMaxSize {
		t.Errorf("the image has %d bytes, want less than %d", size, imageMaxSize)
	}
	t.Logf("%.1f MB", float64(size)/1e6)
}

// fetchesItsOwn compares the modules that the build downloaded with those of the service's packages: go.mod is kgate's
// too, which needs several times as many.
func fetchesItsOwn(t *testing.T, proxy *moduleProxy) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./service")
	cmd.Dir = repository(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{}
	for _, name := range strings.Fields(string(out)) {
		needed[strings.ToLower(name)] = true
	}
	fetched := proxy.downloads()
	if len(fetched) == 0 {
		t.Log("nothing: the daemon's cache has the modules of an earlier build")
	}
	for _, name := range fetched {
		if !needed[name] {
			t.Errorf("the build downloads %s, of which the service has no package", name)
		}
	}
	t.Logf("%d of %d modules downloaded", len(fetched), len(needed))
}

// isBuiltFor builds the image for an architecture that is not this machine's and that nothing here could run.
func isBuiltFor(t *testing.T, d *docker, build []string) {
	architecture, machine := "arm64", elf.EM_AARCH64
	if runtime.GOARCH == architecture {
		architecture, machine = "amd64", elf.EM_X86_64
	}
	tag := imageTag + "-" + architecture
	d.run(slices.Concat(build, []string{"--tag", tag, "--platform", "linux/" + architecture, repository(t)})...)
	t.Cleanup(func() { _, _ = d.try("image", "rm", "--force", tag) })
	if got := strings.TrimSpace(d.run("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", tag)); got != "linux/"+architecture {
		t.Errorf("the image says it is for %s", got)
	}
	program, err := elf.NewFile(bytes.NewReader(d.files(tag)["app/app"]))
	if err != nil {
		t.Fatal(err)
	}
	if program.Machine != machine {
		t.Errorf("its program is for %s, want %s", program.Machine, machine)
	}
}

func isConfigured(t *testing.T, d *docker) {
	var images []struct {
		Config struct {
			User, WorkingDir     string
			Env, Entrypoint, Cmd []string
			ExposedPorts         map[string]any
			Volumes              map[string]any
			Labels               map[string]string
			Healthcheck          struct {
				Test                           []string
				Interval, Timeout, StartPeriod time.Duration
				Retries                        int
			}
		}
	}
	if err := json.Unmarshal([]byte(d.run("image", "inspect", imageTag)), &images); err != nil || len(images) != 1 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	c := images[0].Config
	// Kubernetes holds runAsNonRoot against a number; a name it cannot look up.
	if c.User != "65532:65532" {
		t.Errorf("user %q", c.User)
	}
	if !slices.Equal(c.Entrypoint, []string{"/app/app"}) || !slices.Equal(c.Cmd, []string{"serve"}) || c.WorkingDir != "/app" {
		t.Errorf("entrypoint %q, command %q in %q", c.Entrypoint, c.Cmd, c.WorkingDir)
	}
	if ports := slices.Sorted(maps.Keys(c.ExposedPorts)); !slices.Equal(ports, []string{"8080/tcp", "9090/tcp"}) {
		t.Errorf("ports %q", ports)
	}
	if len(c.Volumes) > 0 {
		t.Errorf("volumes %v", c.Volumes)
	}
	h := c.Healthcheck
	if !slices.Equal(h.Test, []string{"CMD", "/app/app", "healthcheck"}) || h.Interval != 30*time.Second ||
		h.Timeout != 3*time.Second || h.StartPeriod != 5*time.Second || h.Retries != 3 {
		t.Errorf("health check %+v", h)
	}
	if !slices.Contains(c.Env, "TZ=UTC") || !slices.Contains(c.Env, "ZONEINFO=/usr/share/zoneinfo.zip") {
		t.Errorf("environment %q", c.Env)
	}
	for name, want := range map[string]string{
		"title": "go-otlp-app", "version": imageVersion, "revision": imageRevision, "created": imageBuildTime,
		"source": "https://github.com/kgate-dev/gitops", "url": "https://github.com/kgate-dev/gitops", "documentation": "",
		"vendor": "", "licenses": "Apache-2.0", "description": "",
	} {
		if got, ok := c.Labels["org.opencontainers.image."+name]; !ok || got == "" || want != "" && got != want {
			t.Errorf("label %s is %q, want %q", name, got, want)
		}
	}
	// What the build was told of the machine it ran on is nobody's business.
	if history := d.run("history", "--no-trunc", imageTag); strings.Contains(history+strings.Join(c.Env, " "), "GOPROXY") {
		t.Errorf("the image tells where its modules came from:\n%s", history)
	}
}

var (
	buildEnvironment = regexp.MustCompile(`(?m)^ENV (CGO_ENABLED=.*)$`)
	buildCommand     = regexp.MustCompile(`(?s)go build .*? \./service\b`)
)

// isReproducible builds the same source on this machine, in another folder, with another module cache, by the
// command that the Dockerfile has, and compares.
func isReproducible(t *testing.T, d *docker, want []byte) {
	text, err := os.ReadFile(filepath.Join(repository(t), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	environment := buildEnvironment.FindSubmatch(text)
	command := string(buildCommand.Find(text))
	if environment == nil || strings.Count(command, "-o /out/app/app") != 1 {
		t.Fatalf("the Dockerfile's environment is %q and its command %q", environment, command)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "elsewhere", "service"), os.DirFS(filepath.Join(repository(t), "service"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(repository(t), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "elsewhere", name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	environ := slices.Concat(os.Environ(), strings.Fields(string(environment[1])), []string{
		"VERSION=" + imageVersion, "REVISION=" + imageRevision, "BUILD_TIME=" + imageBuildTime, "BINARY=" + filepath.Join(dir, "app"),
		"GOMODCACHE=" + filepath.Join(dir, "modules"),
		"GOPROXY=file://" + filepath.ToSlash(filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download")) + "," + goEnv(t, "GOPROXY"),
		// The image may have been built by another patch release of Go than this test.
		"GOTOOLCHAIN=" + d.compiler(),
		"GOWORK=off",
	})
	build := func(flags, script string) {
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
		cmd.Dir = filepath.Join(dir, "elsewhere")
		cmd.Env = append(environ, flags)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
	}
	// Writable, so that the folder can be deleted.
	build("GOFLAGS=-buildvcs=false -modcacherw", "go list -deps ./service >/dev/null")
	build("", strings.Replace(command, "-o /out/app/app", `-o "$BINARY"`, 1))
	got, err := os.ReadFile(filepath.Join(dir, "app"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		first := 0
		for first < min(len(got), len(want)) && got[first] == want[first] {
			first++
		}
		t.Errorf("another build gives another binary: %d bytes instead of %d, different from byte %d on", len(got), len(want), first)
	}
}

// runsWithoutRights runs the service as strictly as the Deployment does, without even a network, and ends it.
func runsWithoutRights(t *testing.T, d *docker) {
	id := strings.TrimSpace(d.run("run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--network", "none", "--memory", "256m", "--health-interval", "1s", "--health-start-period", "0s",
		// Nobody is there: it lives without its database, and is not ready.
		"--env", "DATABASE_URL=postgres://ledger@127.0.0.1:5432/ledger", imageTag))
	t.Cleanup(func() {
		out, err := d.try("logs", id)
		if t.Failed() {
			t.Logf("the container said (%v):\n%s", err, out)
		}
		if out, err := d.try("rm", "--force", id); err != nil {
			t.Errorf("remove the container: %v\n%s", err, out)
		}
	})
	inspect := func(format string) string { return strings.TrimSpace(d.run("inspect", "--format", format, id)) }
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		status := inspect("{{.State.Status}} {{.State.Health.Status}}")
		if status == "running healthy" {
			break
		}
		if strings.HasPrefix(status, "exited") || strings.HasSuffix(status, "unhealthy") {
			t.Fatalf("the container is %s: %s", status, inspect("{{json .State.Health.Log}}"))
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not healthy within a minute, but %s", status)
		}
	}
	d.run("stop", "--time", "45", id)
	if state := inspect("{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}"); state != "exited 0 false" {
		t.Errorf("after SIGTERM: %s, want exited 0 false", state)
	}
}

// docker is a client with a daemon that answers it.
type docker struct {
	t       *testing.T
	client  string
	environ []string
}

// findDocker returns a client that can build, and its daemon: the one that is configured, else one that is started for
// this test.
func findDocker(t *testing.T) *docker {
	t.Helper()
	d := &docker{t: t, environ: append(os.Environ(), "DOCKER_BUILDKIT=1", "BUILDKIT_PROGRESS=plain")}
	var found []string
	if client, err := exec.LookPath("docker"); err == nil {
		found = append(found, client)
	}
	found = append(found, "/usr/bin/docker")
	for _, client := range found {
		d.client = client
		if d.builds() {
			if _, err := d.try("info"); err == nil {
				return d
			}
			d.startDaemon()
			return d
		}
	}
	d.missing("a Docker client that can build with BuildKit (apt-get install docker.io, or docker with its buildx plugin)")
	return nil
}

// builds reports whether the client is there and has BuildKit: clients from 23 on need a plugin for it.
func (d *docker) builds() bool {
	out, err := d.try("--version")
	if err != nil {
		return false
	}
	if _, err := d.try("buildx", "version"); err == nil {
		return true
	}
	_, after, _ := strings.Cut(out, "version ")
	major, _, _ := strings.Cut(after, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 19 && n < 23
}

func (d *docker) missing(what string) {
	d.t.Helper()
	if os.Getenv("CI") == "true" {
		d.t.Fatal("the test of the image needs " + what)
	}
	d.t.Skip("the test of the image needs " + what)
}

// startDaemon starts a daemon that shares nothing with another one and changes no network of this machine.
func (d *docker) startDaemon() {
	d.t.Helper()
	program, err := exec.LookPath("dockerd")
	if err != nil {
		program = "/usr/sbin/dockerd"
	}
	if _, err := os.Stat(program); err != nil || os.Geteuid() != 0 {
		d.missing("a Docker daemon that answers, or dockerd and root to start one (apt-get install docker.io iptables)")
	}
	// Not t.TempDir, whose long name would not fit into the address of a socket.
	dir, err := os.MkdirTemp("", "dockerd")
	if err != nil {
		d.t.Fatal(err)
	}
	log := &lines{}
	address := "unix://" + filepath.Join(dir, "socket")
	cmd := exec.Command(program, "--host", address, "--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--config-file", filepath.Join(dir, "daemon.json"),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--log-level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := os.WriteFile(filepath.Join(dir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d.t.Cleanup(func() {
		if d.t.Failed() {
			d.t.Logf("dockerd said:\n%s", log)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			d.t.Error("dockerd did not end within a minute")
			_ = cmd.Process.Kill()
			<-ended
		}
		if err := os.RemoveAll(dir); err != nil {
			d.t.Error(err)
		}
	})
	d.environ = append(d.environ, "DOCKER_HOST="+address, "DOCKER_CONTEXT=default")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		if _, err := d.try("info"); err == nil {
			return
		}
		select {
		case <-tick.C:
		case err := <-ended:
			ended <- err
			d.missing(fmt.Sprintf("a Docker daemon; the one it started ended: %v\n%s", err, log))
		case <-deadline:
			d.t.Fatal("dockerd does not answer")
		}
	}
}

// try returns what the client printed, on both streams.
func (d *docker) try(args ...string) (string, error) { return d.feed(nil, args...) }

func (d *docker) feed(stdin io.Reader, args ...string) (string, error) {
	// Cleanups run after the test's own context has ended.
	cmd := exec.CommandContext(context.WithoutCancel(d.t.Context()), d.client, args...)
	cmd.Env, cmd.Stdin = d.environ, stdin
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (d *docker) run(args ...string) string {
	d.t.Helper()
	out, err := d.try(args...)
	if err != nil {
		d.t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

var buildImage = regexp.MustCompile(`(?m)^ARG BUILD_IMAGE=(\S+)$`)

// baseImage is what the Dockerfile builds in by default, or, where no registry can be reached, a stand-in with the same
// compiler: this machine's.
func (d *docker) baseImage() string {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(d.t), "Dockerfile"))
	if err != nil {
		d.t.Fatal(err)
	}
	name := buildImage.FindSubmatch(text)
	if name == nil {
		d.t.Fatal("the Dockerfile names no BUILD_IMAGE")
	}
	out, err := d.try("pull", "--quiet", string(name[1]))
	if err == nil {
		return string(name[1])
	}
	d.t.Logf("a stand-in for %s, which cannot be pulled: %s", name[1], strings.TrimSpace(out))
	const tag = "go-otlp-app-build:stand-in"
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(writeStandIn(writer, goEnv(d.t, "GOROOT"))) }()
	out, err = d.feed(reader, "import", "--change", "ENV PATH=/usr/local/go/bin:/bin", "--change", "ENV GOPATH=/go", "-", tag)
	// A client that gave up early must not leave the writer waiting.
	_ = reader.Close()
	if err != nil {
		d.t.Fatalf("import the stand-in: %v\n%s", err, out)
	}
	d.t.Cleanup(func() { _, _ = d.try("image", "rm", "--force", tag) })
	return tag
}

// compiler is the release of Go that built the image, which its program prints.
func (d *docker) compiler() string {
	out := d.run("run", "--rm", "--network", "none", imageTag, "version")
	release := regexp.MustCompile(`\bgo1\.[0-9.]+\b`).FindString(out)
	if release == "" {
		d.t.Fatalf("no release of Go in %q", out)
	}
	return release
}

// files returns the regular files of the image, as its layers have them; a running container would show Docker's own
// too. Anything that is neither a folder nor a regular file is given as empty.
func (d *docker) files(image string) map[string][]byte {
	d.t.Helper()
	archive := filepath.Join(d.t.TempDir(), "image.tar")
	d.run("save", "--output", archive, image)
	var manifest []struct{ Layers []string }
	blobs := map[string][]byte{}
	file, err := os.Open(archive)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	walkTar(d.t, file, func(h *tar.Header, text []byte) { blobs[h.Name] = text })
	if err := json.Unmarshal(blobs["manifest.json"], &manifest); err != nil || len(manifest) != 1 {
		d.t.Fatalf("%d images, %v", len(manifest), err)
	}
	files := map[string][]byte{}
	for _, layer := range manifest[0].Layers {
		var in io.Reader = bytes.NewReader(blobs[layer])
		if bytes.HasPrefix(blobs[layer], []byte{0x1f, 0x8b}) {
			if in, err = gzip.NewReader(in); err != nil {
				d.t.Fatal(err)
			}
		}
		walkTar(d.t, in, func(h *tar.Header, text []byte) {
			if h.Typeflag != tar.TypeDir {
				files[path.Clean(strings.TrimPrefix(h.Name, "/"))] = text
			}
		})
	}
	return files
}

func walkTar(t *testing.T, in io.Reader, visit func(*tar.Header, []byte)) {
	t.Helper()
	for r := tar.NewReader(in); ; {
		header, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		visit(header, text)
	}
}

// writeStandIn writes the file system of an image that can build: the Go distribution at root, certificates, and the
// three programs that the Dockerfile runs, with the libraries that they load.
func writeStandIn(to io.Writer, root string) error {
	w := tar.NewWriter(to)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return err
	}
	needed := map[string]string{} // path in the image → path here
	for _, program := range []string{"sh", "mkdir", "cp"} {
		here, err := exec.LookPath(program)
		if err != nil {
			return err
		}
		needed["bin/"+program] = here
		out, err := exec.Command("ldd", here).Output()
		if err != nil {
			return fmt.Errorf("ldd %s: %w", here, err)
		}
		// "libc.so.6 => /lib/libc.so.6 (0x…)" and, for the loader, "/lib64/ld.so (0x…)".
		for _, word := range strings.Fields(string(out)) {
			if strings.HasPrefix(word, "/") {
				needed[strings.TrimPrefix(word, "/")] = word
			}
		}
	}
	certificates := "/etc/ssl/certs/ca-certificates.crt"
	if own := os.Getenv("SSL_CERT_FILE"); own != "" {
		certificates = own
	}
	needed["etc/ssl/certs/ca-certificates.crt"] = certificates
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		if err := addFile(w, name, needed[name]); err != nil {
			return err
		}
	}
	for _, part := range []string{"VERSION", "go.env", "bin", "lib", "pkg", "src"} {
		if err := filepath.WalkDir(filepath.Join(root, part), func(p string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if e.IsDir() && e.Name() == "testdata" {
				return filepath.SkipDir
			}
			if e.IsDir() || strings.HasSuffix(p, "_test.go") {
				return nil
			}
			name, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			return addFile(w, path.Join("usr/local/go", filepath.ToSlash(name)), p)
		}); err != nil {
			return err
		}
	}
	return w.Close()
}

// addFile adds what the path leads to, links followed.
func addFile(w *tar.Writer, name, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// The folders are those that the daemon makes by itself.
	if err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime(),
	}); err != nil {
		return err
	}
	_, err = io.Copy(w, file)
	return err
}

// moduleProxy serves this machine's module cache, and remembers what was downloaded from it.
type moduleProxy struct {
	URL string

	mu    sync.Mutex
	names map[string]bool
}

// serveModules starts a proxy of the modules here; what it lacks comes from where this machine has its modules from.
func serveModules(t *testing.T) *moduleProxy {
	t.Helper()
	p := &moduleProxy{names: map[string]bool{}}
	cache := http.FileServer(http.Dir(filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download")))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, version, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/@v/"); ok && strings.HasSuffix(version, ".zip") {
			p.mu.Lock()
			// The protocol writes A as !a.
			p.names[strings.ReplaceAll(name, "!", "")] = true
			p.mu.Unlock()
		}
		cache.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p.URL = s.URL + "|" + goEnv(t, "GOPROXY")
	return p
}

// downloads are the paths, in small letters, of the modules whose source was asked for.
func (p *moduleProxy) downloads() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.names))
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Errorf("go env %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// repository is the folder of the Dockerfile.
func repository(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
