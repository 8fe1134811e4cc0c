package fetch

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// archive is a chart as a repository publishes it.
type archive struct {
	version string
	content []byte
}

func (a archive) digest() string { return digestOf(a.content) }

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// chart fetches the archive of a chart, of a version where one is locked already.
func (r *run) chart(ctx context.Context, chart vendored.Chart, locked string) (archive, error) {
	want := cmp.Or(locked, chart.Version)
	if strings.HasPrefix(chart.Repository, "oci://") {
		return r.fromRegistry(ctx, chart, want)
	}
	return r.fromIndex(ctx, chart, want)
}

// release is an entry of a repository's index.
type release struct {
	Version string   `yaml:"version"`
	URLs    []string `yaml:"urls"`
	Digest  string   `yaml:"digest"`
}

// fromIndex fetches a chart of a repository that is a folder of a web server with an index.yaml, with the
// credentials that helm has for it.
func (r *run) fromIndex(ctx context.Context, chart vendored.Chart, want string) (archive, error) {
	base, err := url.Parse(chart.Repository)
	if err != nil {
		return archive{}, errors.New("the repository is no URL")
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	as, err := loginOf(base)
	if err != nil {
		return archive{}, err
	}
	index := base.JoinPath("index.yaml").String()
	entries, err := r.index(ctx, index, as)
	if errors.Is(err, errUnauthorized) && as == nil {
		return archive{}, fmt.Errorf("read %s: %w: give helm the credentials, by `helm repo add --username … --password-stdin … %s`", index, err, chart.Repository)
	}
	if err != nil {
		return archive{}, fmt.Errorf("read %s: %w", index, err)
	}
	entry, ok := entries[chart.Name]
	if !ok {
		return archive{}, fmt.Errorf("%s has no chart %q", index, chart.Name)
	}
	var releases []release
	if err := entry.Decode(&releases); err != nil {
		return archive{}, fmt.Errorf("read %s: %w", index, err)
	}
	var versions []string
	for _, one := range releases {
		versions = append(versions, one.Version)
	}
	version, err := choose(versions, want)
	if err != nil {
		return archive{}, fmt.Errorf("%s: %w", index, err)
	}
	found := releases[slices.IndexFunc(releases, func(one release) bool { return one.Version == version })]
	if len(found.URLs) == 0 {
		return archive{}, fmt.Errorf("%s names no archive of %s %s", index, chart.Name, version)
	}
	at, err := base.Parse(found.URLs[0])
	if err != nil {
		return archive{}, fmt.Errorf("%s: the archive of %s %s is at no URL", index, chart.Name, version)
	}
	if at.Scheme == "oci" {
		repository, name := path.Split(strings.TrimSuffix(at.String(), ":"+version))
		return r.fromRegistry(ctx, vendored.Chart{Repository: repository, Name: name}, version)
	}
	if base.Scheme == "https" && at.Scheme == "http" {
		return archive{}, fmt.Errorf("%s, which is read by https, names an archive at %s", index, at)
	}
	content, err := r.get(ctx, at.String(), maxArchive, as.elsewhere(base, at))
	if err != nil {
		return archive{}, fmt.Errorf("read %s: %w", at, err)
	}
	a := archive{version, content}
	if found.Digest != "" && "sha256:"+strings.TrimPrefix(found.Digest, "sha256:") != a.digest() {
		return archive{}, fmt.Errorf("%s is not what the index says: its digest is %s, and not %s", at, a.digest(), found.Digest)
	}
	return a, nil
}

// index are the charts of a repository, by their names. It is read once for all of them.
func (r *run) index(ctx context.Context, at string, as *login) (map[string]yaml.Node, error) {
	if entries, ok := r.indexes[at]; ok {
		return entries, nil
	}
	text, err := r.get(ctx, at, maxArchive, as)
	if err != nil {
		return nil, err
	}
	var all struct {
		Entries map[string]yaml.Node `yaml:"entries"`
	}
	if err := yaml.Unmarshal(text, &all); err != nil {
		return nil, err
	}
	r.indexes[at] = all.Entries
	return all.Entries, nil
}

// choose finds the version that is asked for, as Helm does: that very one, else the newest that a range takes, without
// versions before a release where the range does not speak of them.
func choose(versions []string, want string) (string, error) {
	if want != "" && slices.Contains(versions, want) {
		return want, nil
	}
	constraint, err := semver.NewConstraint(cmp.Or(want, "*"))
	if err != nil {
		return "", fmt.Errorf("there is no version %s", want)
	}
	var newest *semver.Version
	for _, text := range versions {
		version, err := semver.NewVersion(text)
		if err == nil && constraint.Check(version) && (newest == nil || version.GreaterThan(newest)) {
			newest = version
		}
	}
	if newest == nil {
		return "", fmt.Errorf("there is no version %s", cmp.Or(want, "that is no prerelease"))
	}
	return newest.Original(), nil
}

// unpack is the content of a chart's archive, without the one directory that everything in it lies in.
func unpack(packed []byte) (vendored.Content, error) {
	content := vendored.Content{Files: map[string][]byte{}, Links: map[string]string{}}
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return content, fmt.Errorf("the archive of a chart is packed with gzip, and this is not: %w", err)
	}
	all := int64(0)
	top := ""
	for files := tar.NewReader(zipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return content, fmt.Errorf("the archive cannot be read: %w", err)
		}
		switch header.Typeflag {
		case tar.TypeDir, tar.TypeXGlobalHeader, tar.TypeXHeader:
			continue
		case tar.TypeReg:
		default:
			return content, fmt.Errorf("%s in the archive is neither a file nor a directory: a chart has no links", header.Name)
		}
		dir, name, ok := strings.Cut(strings.TrimPrefix(header.Name, "./"), "/")
		if !ok || top != "" && dir != top {
			return content, fmt.Errorf("%s does not lie in the one directory of the chart", header.Name)
		}
		top = dir
		if header.Size > manifest.MaxFileSize {
			return content, fmt.Errorf("%s has %d MB; the limit is %d MB", header.Name, header.Size>>20, manifest.MaxFileSize>>20)
		}
		if all += header.Size; all > vendored.MaxBytes || len(content.Files) >= vendored.MaxFiles {
			return content, fmt.Errorf("the chart has more than %d files or %d MB", vendored.MaxFiles, vendored.MaxBytes>>20)
		}
		text, err := io.ReadAll(io.LimitReader(files, header.Size+1))
		if err != nil {
			return content, fmt.Errorf("the archive cannot be read: %w", err)
		}
		content.Files[name] = text
	}
	if content.Files["Chart.yaml"] == nil {
		return content, errors.New("the archive holds no Chart.yaml")
	}
	return content, content.Check()
}
