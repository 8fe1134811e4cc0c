package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
)

// A source is one module version and the files of it that are read.
type source struct {
	Module  string
	Version string
	// Files are path.Match patterns below the module root. Each must match.
	Files []string
}

const kubernetes = "k8s.io/kubernetes"

// sources is what the bundle is made of. Modules are read, never built, so
// their own Go version and requirements do not matter.
//
// The versions stand here and not as requirements of go.mod because a go.mod
// selects one version of a module, and the bundle needs ten of
// k8s.io/kubernetes. What go.mod and go.sum would give is kept: the go command
// downloads (and asks the checksum database where it has one), and every zip
// must have the h1 sum recorded in sources.sum, which has the format of go.sum.
//
// For each Kubernetes minor version this is the newest patch that both the
// public proxy and the checksum database serve.
var sources = []source{
	{kubernetes, "v1.28.15", swagger},
	{kubernetes, "v1.29.15", swagger},
	{kubernetes, "v1.30.14", swagger},
	{kubernetes, "v1.31.14", swagger},
	{kubernetes, "v1.32.13", swagger},
	{kubernetes, "v1.33.13", swagger},
	{kubernetes, "v1.34.10", swagger},
	{kubernetes, "v1.35.6", swagger},
	{kubernetes, "v1.36.4", swagger},
	{kubernetes, "v1.37.2", swagger},
	{"istio.io/api", "v1.31.1", []string{"kubernetes/customresourcedefinitions.gen.yaml"}},
	{"github.com/open-telemetry/opentelemetry-operator", "v0.140.0", []string{"config/crd/bases/*.yaml"}},
	{"github.com/cloudnative-pg/cloudnative-pg", "v1.27.0", []string{"config/crd/bases/*.yaml"}},
	{"github.com/argoproj/argo-cd/v3", "v3.6.1", []string{"manifests/crds/*-crd.yaml"}},
	{"github.com/prometheus-operator/prometheus-operator", "v0.85.0", []string{"example/prometheus-operator-crd/*.yaml"}},
}

var swagger = []string{"api/openapi-spec/swagger.json"}

//go:embed sources.sum
var recordedSums string

// A file is one source file, as the verified zip of its module holds it.
type file struct {
	Path    string
	Content []byte
}

// A record is what the bundle says about a source, so that a reader can tell
// where every schema came from and check it.
type record struct {
	Module  string       `json:"module"`
	Version string       `json:"version"`
	Sum     string       `json:"sum"`
	Files   []fileRecord `json:"files"`
}

type fileRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// sums reads lines of "module version h1:…".
func sums(text string) (map[string]string, error) {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "h1:") {
			return nil, fmt.Errorf("line %q is not \"module version h1:sum\"", strings.TrimSpace(line))
		}
		key := fields[0] + "@" + fields[1]
		if _, twice := found[key]; twice {
			return nil, fmt.Errorf("%s is recorded twice", key)
		}
		found[key] = fields[2]
	}
	return found, nil
}

// download asks the go command for the zip of every source. It runs outside
// any module, so that no go.mod takes part, and does not switch toolchains: a
// module that needs a newer Go to build can still be read.
func download(ctx context.Context, of []source) (map[string]string, error) {
	dir, err := os.MkdirTemp("", "kgate-schemas-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)

	args := []string{"mod", "download", "-json"}
	for _, s := range of {
		args = append(args, s.Module+"@"+s.Version)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off", "GOFLAGS=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()

	zips := map[string]string{}
	for decoder := json.NewDecoder(&stdout); ; {
		var m struct{ Path, Version, Zip, Error string }
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go mod download: %w: %s", errors.Join(err, runErr), stderr.String())
		}
		if m.Zip == "" {
			return nil, fmt.Errorf("go mod download %s@%s: %s", m.Path, m.Version, m.Error)
		}
		zips[m.Path+"@"+m.Version] = m.Zip
	}
	if len(zips) != len(of) {
		return nil, fmt.Errorf("go mod download: %d of %d modules: %w: %s", len(zips), len(of), runErr, stderr.String())
	}
	return zips, nil
}

// read returns the source files of s from its zip, sorted by path, and the
// record of them. The sum is computed here, over the bytes that are read: the
// module cache is not trusted to be what was once downloaded.
func read(s source, zipFile, wantSum string) ([]file, record, error) {
	fail := func(err error) ([]file, record, error) {
		return nil, record{}, fmt.Errorf("%s@%s: %w", s.Module, s.Version, err)
	}
	sum, err := dirhash.HashZip(zipFile, dirhash.Hash1)
	if err != nil {
		return fail(err)
	}
	if sum != wantSum {
		return fail(fmt.Errorf("the module has sum %s, sources.sum says %q", sum, wantSum))
	}
	archive, err := zip.OpenReader(zipFile)
	if err != nil {
		return fail(err)
	}
	defer archive.Close()

	var files []file
	matched := make([]bool, len(s.Files))
	for _, entry := range archive.File {
		name, ok := strings.CutPrefix(entry.Name, s.Module+"@"+s.Version+"/")
		if !ok {
			return fail(fmt.Errorf("entry %q is outside the module", entry.Name))
		}
		wanted := false
		for i, pattern := range s.Files {
			if hit, err := path.Match(pattern, name); err != nil {
				return fail(err)
			} else if hit {
				matched[i], wanted = true, true
			}
		}
		if !wanted {
			continue
		}
		content, err := readEntry(entry)
		if err != nil {
			return fail(err)
		}
		files = append(files, file{name, content})
	}
	if i := slices.Index(matched, false); i >= 0 {
		return fail(fmt.Errorf("no file matches %s", s.Files[i]))
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.Path, b.Path) })

	r := record{Module: s.Module, Version: s.Version, Sum: sum}
	for _, f := range files {
		digest := sha256.Sum256(f.Content)
		r.Files = append(r.Files, fileRecord{f.Path, hex.EncodeToString(digest[:])})
	}
	return files, r, nil
}

func readEntry(entry *zip.File) ([]byte, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// minor is "1.37" for "v1.37.2".
func minor(version string) string {
	return strings.TrimPrefix(semver.MajorMinor(version), "v")
}
