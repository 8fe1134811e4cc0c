package coverage

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

var (
	kindLine = regexp.MustCompile(`(?m)\bkind['"]?:[ \t]*['"]?([A-Za-z]+)`)
	nameLine = regexp.MustCompile(`(?m)\bname['"]?:[ \t]*['"]?([a-z0-9][-a-z0-9.]*)`)
	pairLine = regexp.MustCompile(`(?m)(?:^|[\s{,'"])([A-Za-z0-9][-A-Za-z0-9_./]*)['"]?:[ \t]*['"]?([A-Za-z0-9][-A-Za-z0-9_.]*)`)
	madeLine = regexp.MustCompile(`(?m)\b(?:targetN|n)amespace['"]?:[ \t]*['"]?([a-z0-9][-a-z0-9]*)`)
	toldTo   = regexp.MustCompile(`(?i)createNamespace(=|['"]?:[ \t]*)true`)
)

// Mentions is what a file of the repository may hold that no target of a run reads. That it does is not said: it takes any kind
// and any name in the file together.
type Mentions struct {
	File                     string
	kinds, names, namespaces map[string]bool
	pairs                    map[string]bool // of keys and values that may be labels
	beside                   bool            // others of its directory are read: it is left out, and not another target's
}

// Has reports whether the file may hold an object, or, of any name, one of its kind.
func (m Mentions) Has(is check.Reference) bool {
	switch is.Kind {
	case check.PodsKind:
		wanted, ok := is.Selection()
		if !ok || len(wanted.MatchLabels)+len(wanted.MatchExpressions) == 0 {
			return false
		}
		for key, value := range wanted.MatchLabels {
			if !m.pairs[key+": "+value] {
				return false
			}
		}
		for _, e := range wanted.MatchExpressions {
			if e.Operator == "In" && !slices.ContainsFunc(e.Values, func(value string) bool { return m.pairs[e.Key+": "+value] }) {
				return false
			}
		}
		return true
	case check.PoliciesKind:
		for kind := range m.kinds {
			if strings.HasSuffix(kind, "NetworkPolicy") && !m.beside {
				return true
			}
		}
		return false
	}
	return m.kinds[is.Kind] && (is.Name == check.AnyName || m.names[is.Name]) || is.Kind == "Namespace" && m.namespaces[is.Name]
}

// Mentioned are the files of the repository that no target of a run reads, with what they may hold.
func Mentioned(ctx context.Context, r *repo.Repo, read func(file string) bool) ([]Mentions, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	var all []Mentions
	words := func(pattern *regexp.Regexp, text []byte) map[string]bool {
		found := map[string]bool{}
		for _, match := range pattern.FindAllSubmatch(text, -1) {
			found[string(match[1])] = true
		}
		return found
	}
	open := map[string]bool{}
	for _, dir := range t.dirs {
		for _, file := range t.manifests[dir] {
			open[dir] = open[dir] || read(file)
		}
	}
	note := func(file string, generated ...string) {
		if read(file) {
			return
		}
		text, err := t.files.ReadFile(file)
		if err != nil {
			return
		}
		m := Mentions{File: file, kinds: words(kindLine, text), names: words(nameLine, text), pairs: map[string]bool{}, beside: open[path.Dir(file)]}
		for _, pair := range pairLine.FindAllSubmatch(text, -1) {
			m.pairs[string(pair[1])+": "+string(pair[2])] = true
		}
		for _, kind := range generated {
			m.kinds[kind] = true
		}
		if toldTo.Match(text) {
			m.namespaces = words(madeLine, text)
		}
		all = append(all, m)
	}
	for _, dir := range t.dirs {
		for _, file := range t.manifests[dir] {
			note(file)
		}
		if t.roots[dir] != "" {
			note(t.roots[dir], "ConfigMap", "Secret")
		}
	}
	return all, nil
}
