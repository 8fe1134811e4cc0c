package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// BaselineFile is the name of the file that records what was wrong when a repository began to be checked. It lies beside
// ConfigFile.
const BaselineFile = "kgate-baseline.yaml"

// Baseline reads BaselineFile, of the revision whose configuration holds; nil where there is none. Entries that the change
// takes out are leaving.
func (r *Repo) Baseline(now time.Time) (*check.Baseline, error) {
	tree, name := r.FS, BaselineFile
	if r.Base != nil {
		tree, name = r.Base.FS, BaselineFile+"@"+r.Base.Name()
	}
	b, err := readBaseline(tree, name)
	if b == nil || err != nil {
		return nil, err
	}
	if latest := r.Config.LatestExpiry(now); b.Expires.After(latest) {
		return nil, fmt.Errorf("%s ends with %s; the last day that it may have today is %s", name, b.Expires.Format(time.DateOnly), latest.Format(time.DateOnly))
	}
	if r.Base != nil {
		own, err := readBaseline(r.FS, BaselineFile)
		for i, e := range b.Entries {
			b.Entries[i].Leaving = err == nil && (own == nil || !slices.ContainsFunc(own.Entries, func(o check.Recorded) bool {
				return o.Fingerprint == e.Fingerprint && o.Count == e.Count && slices.Equal(o.Targets, e.Targets)
			}))
		}
	}
	return b, nil
}

func readBaseline(tree fs.FS, name string) (*check.Baseline, error) {
	info, err := fs.Lstat(tree, BaselineFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	data, err := manifest.ReadFile(tree, BaselineFile, name, manifest.MaxFileSize)
	if syntax := (*manifest.SyntaxError)(nil); err != nil && !errors.As(err, &syntax) && info != nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, &manifest.SyntaxError{Position: manifest.Position{File: name}, Message: "this symbolic link leads to no file of the repository: put the file itself here"}
	}
	if err != nil {
		return nil, err
	}
	return ParseBaseline(name, data)
}

// ParseBaseline decodes the text of a baseline, which messages call file.
func ParseBaseline(file string, data []byte) (*check.Baseline, error) {
	documents, err := manifest.ParseDocuments(file, data)
	if err != nil {
		return nil, err
	}
	if len(documents) != 1 {
		return nil, &manifest.SyntaxError{Position: manifest.Position{File: file, Line: 1}, Message: fmt.Sprintf("the file has %d documents, not one", len(documents))}
	}
	d := &decoder{at: func(line int) manifest.Position { return manifest.Position{File: file, Line: line} }}
	b := &check.Baseline{File: file}
	d.fields(manifest.Expand(documents[0].Node), "a baseline", map[string]func(*yaml.Node){
		"!apiVersion": func(n *yaml.Node) {
			if n.Value != ConfigVersion {
				d.fail(n, "apiVersion is %q; this kgate reads %q", n.Value, ConfigVersion)
			}
		},
		"!expires": func(n *yaml.Node) {
			day, err := time.Parse(time.DateOnly, n.Value)
			if err != nil {
				d.fail(n, "expires: %q is not a day like 2027-03-31", n.Value)
			}
			b.Expires = day
		},
		"!findings": func(n *yaml.Node) {
			d.list(n, "findings", func(n *yaml.Node) { b.Entries = append(b.Entries, d.recorded(n)) })
		},
	})
	return b, errors.Join(d.errs...)
}

func (d *decoder) recorded(node *yaml.Node) check.Recorded {
	e := check.Recorded{Count: 1, Source: d.at(node.Line)}
	d.fields(node, "an entry of a baseline", map[string]func(*yaml.Node){
		"!check": func(n *yaml.Node) { e.Check = d.text(n, "check") },
		"object": func(n *yaml.Node) {
			d.fields(n, "object", map[string]func(*yaml.Node){
				"!kind":     func(n *yaml.Node) { e.Kind = d.text(n, "kind") },
				"namespace": func(n *yaml.Node) { e.Namespace = d.text(n, "namespace") },
				"name":      func(n *yaml.Node) { e.Name = d.text(n, "name") },
			})
		},
		"field":   func(n *yaml.Node) { e.Field = d.text(n, "field") },
		"file":    func(n *yaml.Node) { e.File = d.text(n, "file") },
		"content": func(n *yaml.Node) { e.Content = d.text(n, "content") },
		"!targets": func(n *yaml.Node) {
			d.some(n, "targets", func(n *yaml.Node) { e.Targets = append(e.Targets, d.text(n, "a target")) })
		},
		"count": func(n *yaml.Node) {
			count, err := strconv.Atoi(n.Value)
			if err != nil || count < 1 {
				d.fail(n, "count: %q is no whole number above 0", n.Value)
			}
			e.Count = count
		},
	})
	return e
}

// BaselineText writes a baseline.
func BaselineText(b check.Baseline) string {
	var s strings.Builder
	fmt.Fprintf(&s, `# What was wrong when kgate began to check this repository, written by %[1]skgate baseline%[1]s. It passes until its last day, and is counted;
# anything else fails. An entry with content ends with any change there. What is mended goes with %[1]skgate baseline --prune%[1]s.
apiVersion: %[2]s
expires: %[3]s
findings:
`, "`", ConfigVersion, b.Expires.Format(time.DateOnly))
	if len(b.Entries) == 0 {
		return strings.TrimSuffix(s.String(), "\n") + " []\n"
	}
	for _, e := range b.Entries {
		fmt.Fprintf(&s, "  - check: %s\n", Scalar(e.Check))
		if e.Kind != "" {
			said := "kind: " + Scalar(e.Kind)
			if e.Namespace != "" {
				said += ", namespace: " + Scalar(e.Namespace)
			}
			if e.Name != "" {
				said += ", name: " + Scalar(e.Name)
			}
			fmt.Fprintf(&s, "    object: {%s}\n", said)
		}
		if e.Field != "" {
			fmt.Fprintf(&s, "    field: %s\n", Scalar(e.Field))
		}
		if e.File != "" {
			fmt.Fprintf(&s, "    file: %s\n", Scalar(e.File))
		}
		if e.Content != "" {
			fmt.Fprintf(&s, "    content: %s\n", Scalar(e.Content))
		}
		var targets []string
		for _, target := range e.Targets {
			targets = append(targets, Scalar(target))
		}
		fmt.Fprintf(&s, "    targets: [%s]\n", strings.Join(targets, ", "))
		if e.Count > 1 {
			fmt.Fprintf(&s, "    count: %d\n", e.Count)
		}
	}
	return s.String()
}

// Scalar is a text as YAML has it: without quotes where every reader takes it for the text.
func Scalar(text string) string {
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./*", r))
	})
	first := strings.ToLower(text)
	if plain && first[0] >= 'a' && first[0] <= 'z' && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, first) {
		return text
	}
	return strconv.Quote(text)
}
