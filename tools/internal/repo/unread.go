package repo

import (
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Unread is a part of the repository that no run reads, by decision of its owner: examples, fixtures, another team's
// folder.
type Unread struct {
	Path   string // glob of directories and files
	Reason string
	Owner  string
	Source manifest.Position
}

// Covers reports whether a directory or a file is, or lies below, what the path names.
func (u Unread) Covers(name string) bool {
	for ; ; name = path.Dir(name) {
		if Matches(u.Path, name) {
			return true
		}
		if name == "." || name == "/" {
			return false
		}
	}
}

func (d *decoder) unread(node *yaml.Node) Unread {
	u := Unread{Source: d.at(node.Line)}
	d.fields(node, "an unread path", map[string]func(*yaml.Node){
		"!path":   func(n *yaml.Node) { u.Path = strings.TrimPrefix(d.glob(n, "path"), "./") },
		"!reason": func(n *yaml.Node) { u.Reason = d.text(n, "reason") },
		"!owner":  func(n *yaml.Node) { u.Owner = d.text(n, "owner") },
	})
	return u
}
