package twin

import (
	"bytes"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// findDeployers notes the files with an object that has a controller deploy what is taken after: an Application or ApplicationSet of
// Argo CD, a Kustomization or HelmRelease of Flux. They have an entry for it wherever they are, below a kustomization or not.
func (m *making) findDeployers() {
	m.deployers = map[string]bool{}
	for _, name := range m.Listed {
		if !isManifest(name) || m.skipped(name) || m.Root(path.Base(name)) {
			continue
		}
		file, err := changeset.Read(m.FS, name)
		if err != nil || !bytes.Contains(file.Text, []byte("argoproj.io/")) && !bytes.Contains(file.Text, []byte(".toolkit.fluxcd.io/")) {
			continue // it is a link, gone, or nobody's who deploys
		}
		documents, err := parse(name, file.Text)
		if err != nil {
			continue // a template, which is no YAML yet
		}
		for _, document := range documents {
			if deploys(document) && namesAny(document, m.Like) {
				m.deployers[name] = true
			}
		}
	}
}

func deploys(document *yaml.Node) bool {
	group, _, _ := strings.Cut(text(at(document, "apiVersion")), "/")
	switch text(at(document, "kind")) {
	case "Application", "ApplicationSet":
		return group == "argoproj.io"
	case "Kustomization":
		return group == "kustomize.toolkit.fluxcd.io"
	case "HelmRelease":
		return group == "helm.toolkit.fluxcd.io"
	}
	return false
}

// namesAny reports whether a value in a document names what is taken after.
func namesAny(document *yaml.Node, like renaming.Name) bool {
	found := false
	visit(document, func(n *yaml.Node) {
		found = found || n.Kind == yaml.ScalarNode && renaming.Names(n.Value, like)
	})
	return found
}

// deploysIn reports whether a file of a directory has a controller deploy what is taken after.
func (m *making) deploysIn(dir string) bool {
	for name := range m.deployers {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}
