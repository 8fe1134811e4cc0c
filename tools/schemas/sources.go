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
	// Channel tells sets of files of one version apart of which a cluster has one; "" where there is one set.
	Channel string
	// Sum is the h1 of the zip, as in a go.sum.
	Sum string
	// Licence is the SPDX name of what the module is under.
	Licence string
	// Files are path.Match patterns below the module root. Each must match. A leading ! leaves out.
	Files []string
}

// key is the module and its version, as the go command has them.
func (s source) key() string { return s.Module + "@" + s.Version }

// release is key with the channel: how the bundle of CustomResourceDefinitions calls the source.
func (s source) release() string {
	if s.Channel == "" {
		return s.key()
	}
	return s.key() + "/" + s.Channel
}

const kubernetes = "k8s.io/kubernetes"

// schemaModules are operators whose kinds the bundle of JSON schemas has as well. Those of the others are held to their
// CustomResourceDefinitions alone.
var schemaModules = []string{
	"istio.io/api",
	"github.com/open-telemetry/opentelemetry-operator",
	"github.com/cloudnative-pg/cloudnative-pg",
	"github.com/argoproj/argo-cd/v3",
	"github.com/prometheus-operator/prometheus-operator",
}

var (
	// kubernetesFile has the releases of Kubernetes and their sums: for each minor version the newest patch that both the public
	// proxy and the checksum database serve.
	//
	//go:embed kubernetes.txt
	kubernetesFile string
	// operatorsFile has the operators whose CustomResourceDefinitions are embedded, with several releases of some, the one
	// that holds where nobody says otherwise first.
	//
	//go:embed operators.txt
	operatorsFile string
)

// sourcesOf reads lines of "module version[/channel] h1:… licence pattern…".
//
// The versions stand there and not as requirements of go.mod because a go.mod selects one version of a module, and the
// bundles need several of some. Modules are read, never built, so their own Go version and requirements do not matter. What
// go.mod and go.sum would give is kept: the go command downloads (and asks the checksum database where it has one), and
// every zip must have the sum that is recorded.
func sourcesOf(name, text string) ([]source, error) {
	var all []source
	sums, seen := map[string]string{}, map[string]bool{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		fail := func(format string, args ...any) ([]source, error) {
			return nil, fmt.Errorf("%s:%d: %s", name, number, fmt.Sprintf(format, args...))
		}
		if len(fields) < 5 || !strings.HasPrefix(fields[2], "h1:") {
			return fail(`the line is not "module version h1:sum licence pattern…"`)
		}
		version, channel, _ := strings.Cut(fields[1], "/")
		s := source{fields[0], version, channel, fields[2], fields[3], fields[4:]}
		if !semver.IsValid(s.Version) {
			return fail("%q is no version", s.Version)
		}
		if !slices.Contains(licences, s.Licence) {
			return fail("%s is under %s, which is none of %s: ask whether what is made of it may be embedded", s.Module, s.Licence, strings.Join(licences, ", "))
		}
		if seen[s.release()] {
			return fail("%s is there twice", s.release())
		}
		if sum := sums[s.key()]; sum != "" && sum != s.Sum {
			return fail("%s has another sum than above", s.key())
		}
		sums[s.key()], seen[s.release()] = s.Sum, true
		all = append(all, s)
	}
	return all, nil
}

// sources are Kubernetes' releases, and then the operators.
func sources() ([]source, error) {
	all, err := sourcesOf("kubernetes.txt", kubernetesFile)
	if err != nil {
		return nil, err
	}
	operators, err := sourcesOf("operators.txt", operatorsFile)
	return append(all, operators...), err
}

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
	Channel string       `json:"channel,omitempty"`
	Licence string       `json:"licence"`
	Sum     string       `json:"sum"`
	Files   []fileRecord `json:"files"`
}

type fileRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
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
		if !slices.Contains(args, s.key()) {
			args = append(args, s.key())
		}
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
	if want := len(args) - 3; len(zips) != want {
		return nil, fmt.Errorf("go mod download: %d of %d modules: %w: %s", len(zips), want, runErr, stderr.String())
	}
	return zips, nil
}

// read returns the source files of s from its zip, sorted by path, and the
// record of them. The sum is computed here, over the bytes that are read: the
// module cache is not trusted to be what was once downloaded.
func read(s source, zipFile string) ([]file, record, error) {
	fail := func(err error) ([]file, record, error) {
		return nil, record{}, fmt.Errorf("%s@%s: %w", s.Module, s.Version, err)
	}
	sum, err := dirhash.HashZip(zipFile, dirhash.Hash1)
	if err != nil {
		return fail(err)
	}
	if sum != s.Sum {
		return fail(fmt.Errorf("the module has sum %s, recorded is %q", sum, s.Sum))
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
			pattern, leave := strings.CutPrefix(pattern, "!")
			if hit, err := path.Match(pattern, name); err != nil {
				return fail(err)
			} else if hit {
				matched[i], wanted = true, !leave
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

	r := record{Module: s.Module, Version: s.Version, Channel: s.Channel, Licence: s.Licence, Sum: sum}
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
