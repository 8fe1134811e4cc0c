package argocd

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestNeededRelease holds the release of Argo CD that README asks for to the fields that the manifests have. An older release
// refuses the first sync, or drops the field: its definitions do not have it.
func TestNeededRelease(t *testing.T) {
	const top = "../../.."
	// since is the first release whose manifests/crds have a field.
	since := []struct {
		kind, field string
		minor       int
		used        func(*manifest.Object) bool
	}{
		{"AppProject", "spec.clusterResourceWhitelist[].name", 3, func(o *manifest.Object) bool {
			for _, item := range manifest.ListAt(o.Value, "spec", "clusterResourceWhitelist") {
				if manifest.At(item, "name") != nil {
					return true
				}
			}
			return false
		}},
		{"Application", "spec.syncPolicy.retry.refresh", 2, func(o *manifest.Object) bool {
			return manifest.At(o.Value, "spec", "syncPolicy", "retry", "refresh") != nil
		}},
	}
	names, err := filepath.Glob(filepath.Join(top, "argocd", "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatal("no manifests", err)
	}
	needed, because := 0, ""
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "apiVersion: argoproj.io/") {
			continue
		}
		o := object(t, string(text))
		for _, s := range since {
			if o.Kind == s.kind && s.minor > needed && s.used(o) {
				needed, because = s.minor, s.field
			}
		}
	}
	readme, err := os.ReadFile(filepath.Join(top, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`Argo CD 3\.([0-9]+) or later`).FindSubmatch(readme)
	if said == nil {
		t.Fatal("README asks for no release of Argo CD")
	}
	if minor, err := strconv.Atoi(string(said[1])); err != nil || minor != needed {
		t.Errorf("README asks for Argo CD 3.%s, and the manifests need 3.%d, for %s", said[1], needed, cmp.Or(because, "nothing"))
	}
}
