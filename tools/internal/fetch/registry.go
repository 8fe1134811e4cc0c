package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Media types of a chart in a registry.
const (
	chartLayer    = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	oldChartLayer = "application/tar+gzip"
)

// fromRegistry fetches a chart of an OCI registry, with the credentials that docker and helm log in with.
func (r *run) fromRegistry(ctx context.Context, chart vendored.Chart, want string) (archive, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(chart.Repository, "oci://"), "/") + "/" + chart.Name
	repository, err := remote.NewRepository(name)
	if err != nil {
		return archive{}, fmt.Errorf("%s names no repository of a registry: %w", name, err)
	}
	repository.PlainHTTP = loopback(repository.Reference.Registry)
	credential, err := credential()
	if err != nil {
		return archive{}, err
	}
	repository.Client = &auth.Client{Client: r.client, Cache: auth.NewCache(), Credential: credential}
	tag := strings.ReplaceAll(want, "+", "_") // a tag has no plus
	if !exact(want) {
		var versions []string
		if err := repository.Tags(ctx, "", func(tags []string) error {
			for _, tag := range tags {
				versions = append(versions, strings.ReplaceAll(tag, "_", "+"))
			}
			if len(versions) > maxTags {
				return fmt.Errorf("it has more than %d tags: ask for one version", maxTags)
			}
			return nil
		}); err != nil {
			return archive{}, fmt.Errorf("list the versions of %s: %w", name, err)
		}
		version, err := choose(versions, want)
		if err != nil {
			return archive{}, fmt.Errorf("%s: %w", name, err)
		}
		tag = strings.ReplaceAll(version, "+", "_")
	}
	described, err := repository.Resolve(ctx, tag)
	if err != nil {
		return archive{}, fmt.Errorf("find %s:%s: %w", name, tag, err)
	}
	text, err := whole(ctx, repository.Manifests(), described, maxManifest)
	if err != nil {
		return archive{}, fmt.Errorf("read %s:%s: %w", name, tag, err)
	}
	var parts ocispec.Manifest
	if err := json.Unmarshal(text, &parts); err != nil {
		return archive{}, fmt.Errorf("read %s:%s: %w", name, tag, err)
	}
	at := slices.IndexFunc(parts.Layers, func(d ocispec.Descriptor) bool { return d.MediaType == chartLayer || d.MediaType == oldChartLayer })
	if at < 0 {
		return archive{}, fmt.Errorf("%s:%s holds no Helm chart", name, tag)
	}
	packed, err := whole(ctx, repository.Blobs(), parts.Layers[at], maxArchive)
	if err != nil {
		return archive{}, fmt.Errorf("read %s:%s: %w", name, tag, err)
	}
	return archive{strings.ReplaceAll(tag, "_", "+"), packed}, nil
}

const (
	maxTags     = 20_000
	maxManifest = 4 << 20
)

// whole is the content that a descriptor describes, held to its digest.
func whole(ctx context.Context, of content.Fetcher, described ocispec.Descriptor, most int64) ([]byte, error) {
	if described.Size > most {
		return nil, fmt.Errorf("it has %d MB; the limit is %d MB", described.Size>>20, most>>20)
	}
	return content.FetchAll(ctx, of, described)
}

// exact reports whether a version is one and no range.
func exact(version string) bool {
	return version != "" && strings.Count(version, ".") >= 2 && !strings.ContainsAny(version, "<>=~^*xX|, ")
}

// loopback reports a registry on this machine, which is spoken to without TLS, as docker does.
func loopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// credential looks where helm and docker keep theirs, with the helpers that these name. A file that is not there holds none.
func credential() (auth.CredentialFunc, error) {
	var stores []credentials.Store
	for _, file := range []string{helmFile("HELM_REGISTRY_CONFIG", "registry", "config.json"), dockerConfig()} {
		if _, err := os.Stat(file); absent(err) {
			continue
		}
		store, err := credentials.NewStore(file, credentials.StoreOptions{})
		if err != nil {
			return nil, fmt.Errorf("the credentials for registries in %s cannot be read: mend the file or move it away: %w", file, err)
		}
		stores = append(stores, store)
	}
	if len(stores) == 0 {
		return nil, nil
	}
	return credentials.Credential(credentials.NewStoreWithFallbacks(stores[0], stores[1:]...)), nil
}

// dockerConfig is the file that `docker login` writes; "" where the user has no directory for it.
func dockerConfig() string {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".docker")
	}
	return filepath.Join(dir, "config.json")
}
