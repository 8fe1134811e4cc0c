// Package architecture holds what the packages of this repository may do to each other: which imports which, where tests may
// import what they like, and that checks leave what they look at as it is.
package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	top    = "../../.."
	module = "github.com/kgate-dev/gitops/"
)

// A layer is packages that know those of the layers before it, and not each other.
type layer struct {
	is       string
	packages []string
}

var layers = map[string][]layer{
	"kgate": {
		{"what a process needs, and nothing of Kubernetes", []string{
			"tools/internal/activity", "tools/internal/archive", "tools/internal/changeset", "tools/internal/chart", "tools/internal/commit", "tools/internal/confinement", "tools/internal/crash",
			"tools/internal/ledger", "tools/internal/relation", "tools/internal/revision", "tools/internal/spelling", "tools/internal/terminal", "tools/internal/watch",
		}},
		{"what an object is, and what a repository is called", []string{"tools/internal/cache", "tools/internal/manifest", "tools/internal/renaming"}},
		{"what is made after what there is", []string{"tools/internal/twin"}},
		{"what was fetched from elsewhere, and what is edited", []string{"tools/internal/amendment", "tools/internal/vendored"}},
		{"what the API server holds against an object", []string{"tools/internal/admission/fault"}},
		{"the API server's own code", []string{
			"tools/internal/admission/admissionpolicy", "tools/internal/admission/bootstrap", "tools/internal/admission/builtin", "tools/internal/admission/custom",
			"tools/internal/admission/typed",
		}},
		{"what a check is", []string{"tools/internal/check", "tools/internal/comparison", "tools/internal/graph"}},
		{"what is rendered, and what defines its kinds", []string{"tools/internal/applicationset", "tools/internal/kustomization", "tools/internal/definition", "tools/internal/substitution"}},
		{"the stages: the engines that judge, where a repository and a field are found", []string{
			"tools/internal/admission", "tools/internal/argocd", "tools/internal/catalog", "tools/internal/danger", "tools/internal/exemption", "tools/internal/fetch", "tools/internal/mesh",
			"tools/internal/policy", "tools/internal/provenance", "tools/internal/repo",
			"tools/internal/schema", "tools/internal/telemetry", "policies",
		}},
		{"what needs several stages", []string{"tools/internal/coverage", "tools/internal/difference", "tools/internal/example", "tools/internal/promotion"}},
		{"what a change comes to, and what it is held to", []string{"tools/internal/change", "tools/internal/transition"}},
		{"what is written", []string{"tools/internal/report"}},
		{"the whole run", []string{"tools/internal/gate"}},
		{"what is made of runs", []string{"tools/internal/proposal"}},
		{"commands", []string{"tools/bench", "tools/internal/admission/typed/generate", "tools/kgate"}},
	},
	"the service": {
		{"what the service is about, and who may do what", []string{
			"service/internal/access", "service/internal/link", "service/internal/localpostgres", "service/internal/pgxtelemetry",
			"service/internal/release",
		}},
		{"how it is configured, and what is filled in", []string{"service/internal/config", "service/internal/seed"}},
		{"the way in and out", []string{
			"service/internal/ledgertelemetry", "service/internal/postgres", "service/internal/telemetry", "service/internal/web",
		}},
		{"commands", []string{"service", "service/bench", "service/bench/bare"}},
	},
}

// forTests reports a package that no program links: tests, and the module that compares with a real API server, import it.
// Its place says so, as net/http/httptest does.
func forTests(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasSuffix(part, "test") })
}

// homes are imports that one part of the tree has to itself, by their prefix, and why. Packages below a home are in it.
var homes = map[string]struct {
	in  []string
	why string
}{
	"github.com/open-policy-agent/opa":           {[]string{"tools/internal/policy"}, "rules reach neither network nor clock, and that is where it is seen to"},
	"github.com/yannh/kubeconform":               {[]string{"tools/internal/schema"}, "the others ask for a verdict, not for a schema"},
	"k8s.io/kubernetes":                          {[]string{"tools/internal/admission"}, "the API server's code judges in one place"},
	"k8s.io/kubernetes/pkg/api/legacyscheme":     {[]string{"tools/internal/admission/builtin"}, "it is filled at the first use: the others take builtin.Scheme, which is complete"},
	"k8s.io/apiserver":                           {[]string{"tools/internal/admission"}, "the API server's code judges in one place"},
	"sigs.k8s.io/structured-merge-diff":          {[]string{"tools/internal/admission"}, "the API server's code judges in one place"},
	"github.com/prometheus/prometheus":           {[]string{"tools/internal/telemetry"}, "what Prometheus says of a text is asked in one place"},
	"istio.io/istio/":                            {[]string{"tools/internal/mesh"}, "Istio's code judges in one place, and is kept from standard output there"},
	"helm.sh/helm/":                              {[]string{"tools/internal/chart"}, "what it could fetch, look up and run is seen to there"},
	"github.com/go-git/":                         {[]string{"tools/internal/revision"}, "git's objects are read there, and of git's configuration what the repository is called and how its objects lie"},
	"github.com/sergi/go-diff/":                  {[]string{"tools/internal/difference"}, "the others are told what differs"},
	"github.com/fsnotify/fsnotify":               {[]string{"tools/internal/watch"}, "the others are told of batches"},
	"github.com/owenrumney/go-sarif":             {[]string{"tools/internal/report"}, "a format is one file there"},
	"github.com/spf13/":                          {[]string{"tools/kgate"}, "flags are the command's"},
	"github.com/landlock-lsm/":                   {[]string{"tools/internal/confinement"}, "one package says what confines a process"},
	"github.com/elastic/go-seccomp-bpf":          {[]string{"tools/internal/confinement"}, "one package says what confines a process"},
	"github.com/jackc/pgx/":                      {[]string{"service/internal/pgxtelemetry", "service/internal/postgres", "service/internal/localpostgres", "service/internal/seed", "service/bench"}, "SQL is the store's, and of what tells of it or fills it"},
	"go.opentelemetry.io/otel/sdk":               {[]string{"service/internal/telemetry"}, "the others use the API, and know no exporter"},
	"os/exec":                                    {[]string{"internal/browsertest", "service/bench", "service/internal/localpostgres", "tools/bench", "tools/internal/admission/typed/generate", "tools/internal/commit", "tools/internal/fetch"}, "SECURITY.md promises that kgate starts no program, but for git in kgate vendor and in promote --commit"},
	"net/http":                                   {[]string{"service", "tools/internal/confinement", "tools/internal/fetch", "tools/internal/ledger"}, "SECURITY.md promises that kgate opens no socket, but for kgate vendor and the release ledger"},
	"net":                                        {[]string{"service", "tools/internal/fetch"}, "SECURITY.md promises that kgate opens no socket, but for kgate vendor"},
	"github.com/chromedp/":                       {[]string{"internal/browsertest"}, "a browser is for tests"},
	"github.com/rogpeppe/go-internal":            {nil, "testscript is for tests"},
	"github.com/google/licensecheck":             {nil, "licences are read by a test"},
	"github.com/fergusstrange/embedded-postgres": {[]string{"service/internal/localpostgres"}, "servers of a test are started there"},
}

// imports are the imports of each package of the root module, tests left out, whatever system a file is for.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, root := range []string{"internal", "policies", "service", "tools"} {
		err := filepath.WalkDir(filepath.Join(top, root), func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir():
				_, err := os.Stat(filepath.Join(name, "go.mod"))
				if entry.Name() == "testdata" || err == nil {
					return filepath.SkipDir // no package of this module
				}
				return nil
			case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			dir, err := filepath.Rel(top, filepath.Dir(name))
			if err != nil {
				return err
			}
			dir = filepath.ToSlash(dir)
			found[dir] = append(found[dir], "")
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				found[dir] = append(found[dir], imported)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for dir, list := range found {
		slices.Sort(list)
		found[dir] = slices.Compact(list)[1:] // without the mark of a package that imports nothing
	}
	return found
}

// above names the layers of a program that may import a package of one of them.
func above(program string, from int) string {
	var names []string
	for _, l := range layers[program][from+1:] {
		names = append(names, strconv.Quote(l.is))
	}
	return strings.Join(names, ", ")
}

func TestLayers(t *testing.T) {
	type place struct {
		program string
		layer   int
	}
	places := map[string]place{}
	for program, list := range layers {
		for i, l := range list {
			for _, p := range l.packages {
				if _, twice := places[p]; twice {
					t.Errorf("%s stands in two layers", p)
				}
				places[p] = place{program, i}
			}
		}
	}
	packages := imports(t)
	for p := range places {
		if _, ok := packages[p]; !ok {
			t.Errorf("layers has %s, which is no package any more: delete it there", p)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(packages)) {
		at, known := places[p]
		if !known && !forTests(p) {
			t.Errorf("%s stands in no layer: add it to the lowest above all that it imports", p)
			continue
		}
		for _, imported := range packages[p] {
			name, ours := strings.CutPrefix(imported, module)
			if !ours {
				continue
			}
			to, found := places[name]
			switch {
			case forTests(name) && !forTests(p):
				t.Errorf("%s imports %s, which is for tests: let a test import it, or move it to where its name does not say so", p, name)
			case !known || !found: // for tests, or told of by itself
			case to.program != at.program:
				t.Errorf("%s imports %s: %s and %s know nothing of each other, and the image of the service is built without the other", p, name, at.program, to.program)
			case to.layer == at.layer:
				t.Errorf("%s imports %s, of the same layer, %q: let a package above hand in what it needs (%s), or move what both need below",
					p, name, layers[at.program][at.layer].is, above(at.program, at.layer))
			case to.layer > at.layer:
				t.Errorf("%s imports %s, which stands above it, in %q: let that one call this one, take a function or a value as an argument, or move what is needed to a layer before %q",
					p, name, layers[to.program][to.layer].is, layers[at.program][at.layer].is)
			}
		}
	}
}

func TestHomes(t *testing.T) {
	packages := imports(t)
	used := map[string]bool{}
	for _, p := range slices.Sorted(maps.Keys(packages)) {
		for _, imported := range packages[p] {
			for prefix, home := range homes {
				if imported != prefix && !strings.HasPrefix(imported, strings.TrimSuffix(prefix, "/")+"/") || prefix == "net" && imported != "net" {
					continue
				}
				used[prefix] = true
				if !slices.ContainsFunc(home.in, func(dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }) {
					where := strings.Join(home.in, ", ")
					if where == "" {
						where = "tests"
					}
					t.Errorf("%s imports %s, which is left to %s: %s. Ask for what you need there, or say in homes why it is needed here too",
						p, imported, where, home.why)
				}
			}
		}
	}
	for prefix, home := range homes {
		if len(home.in) > 0 && !used[prefix] {
			t.Errorf("homes has %s, which nothing imports any more: delete it there", prefix)
		}
	}
}

// TestCheckNamesNoCheck holds that the package that every engine shares treats no check in a way of its own.
func TestCheckNamesNoCheck(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(top, "tools/internal/check/*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	name := regexp.MustCompile(`^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			ast.Inspect(declaration, func(n ast.Node) bool {
				if imported, ok := n.(*ast.GenDecl); ok && imported.Tok == token.IMPORT {
					return false
				}
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil && name.MatchString(text) {
						t.Errorf("%s: %q reads as the name of a check: let the check say what is special about it in a field of check.Check",
							set.Position(literal.Pos()), text)
					}
				}
				return true
			})
		}
	}
}

// TestPage holds docs/architecture.md to naming each package of kgate.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers["kgate"] {
		for _, p := range l.packages {
			name, internal := strings.CutPrefix(p, "tools/internal/")
			if internal && !strings.HasSuffix(name, "/generate") && !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/architecture.md does not name %s: add a line that says what it is for", name)
			}
		}
	}
}
