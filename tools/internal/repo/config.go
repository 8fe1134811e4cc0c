package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// ConfigFile is the name of the file that tells kgate about a repository.
const ConfigFile = "kgate.yaml"

// ConfigVersion is the apiVersion that ConfigFile must state.
const ConfigVersion = "kgate/v1"

// Config is what kgate.yaml says. The zero value is that of a repository without one.
type Config struct {
	KubernetesVersions []Version
	Kustomize          Version                      // the release that deploys; zero for the one that kgate renders as
	CompareWith        Version                      // the revision that a change is compared with; zero for what Trunks names
	Unrestricted       []string                     // globs of targets that are built with LoadRestrictionsNone
	Targets            []string                     // globs of directories
	NoTargets          []string                     // directories that Targets does not mean, as globs, without their leading !
	TargetSources      map[string]manifest.Position // where each of both is written, those with their leading !
	Unread             []Unread
	Environments       []Environment
	Promoting          Promoting
	External           []check.External
	Profile            Profile
	Severities         []Severity // the last one that fits counts
	CRDs               []Given
	Releases           map[string]Version // of operators, by Go module, where the cluster runs another than the newest that kgate has
	UnknownKinds       string             // error, warning or ignore; "" for error
	Vendor             string             // the directory of copies; "" for the usual one
	Clusters           Given              // the file of the clusters that Argo CD knows; zero for none
	Policies           []Given            // directories of rules
	Checks             []CheckPattern     // those to make; none is all
	FailOn             check.Severity     // the least that fails a run; "" for an error
	Patterns           []Pattern          // of targets, wherever they stand but under targets
	Exemptions         []check.Exemption
	LongestExemption   Term // zero for one year
	CarryNone          bool // objects exempt themselves from nothing
}

// Pattern is a glob of targets, and the key that it stands under.
type Pattern struct {
	Key, Glob string
	Source    manifest.Position
}

// Term is a length of time in calendar units.
type Term struct{ Years, Months, Days int }

// UnknownKinds are what a configuration can say of kinds that nobody defines.
func UnknownKinds() []string { return []string{"error", "warning", "ignore"} }

// LatestExpiry is the last day that an exemption may have on a day.
func (c Config) LatestExpiry(now time.Time) time.Time {
	term := c.LongestExemption
	if term == (Term{}) {
		term = Term{Years: 1}
	}
	year, month, day := now.UTC().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).AddDate(term.Years, term.Months, term.Days)
}

// Version is a version of Kubernetes to check against, of Kustomize, or of the repository, as kgate.yaml writes it.
type Version struct {
	Text   string
	Source manifest.Position
}

// Environment is a set of targets and what they are held to.
type Environment struct {
	Name      string
	Targets   []string // globs
	Sampling  *check.Bounds
	Promotion *Promotion // nil where kgate.yaml says nothing of it
	Source    manifest.Position
}

// Environment finds what the configuration says of a target; nil when it says nothing.
func (c Config) Environment(target string) *check.Environment {
	for _, e := range c.Environments {
		if slices.ContainsFunc(e.Targets, func(glob string) bool { return Matches(glob, target) }) {
			environment := &check.Environment{Name: e.Name, Sampling: e.Sampling}
			if e.Promotion != nil {
				environment.From = e.Promotion.From
			}
			return environment
		}
	}
	if tree := TreeOf(target); tree != "" {
		return c.Environment(tree)
	}
	return nil
}

// TreeOf is the target or the file with the Application whose charts a target is: argocd of argocd:web. It is "" for a target that
// is a path.
func TreeOf(target string) string {
	if i := strings.LastIndexByte(target, ':'); i > 0 {
		return target[:i]
	}
	return ""
}

// LoadRestrictionsNone reports whether a target is built with the load restrictor of that name.
func (c Config) LoadRestrictionsNone(target string) bool {
	return slices.ContainsFunc(c.Unrestricted, func(glob string) bool { return Matches(glob, target) })
}

// Matches reports whether a path fits a glob of kgate.yaml.
func Matches(glob, name string) bool {
	ok, err := doublestar.Match(glob, name)
	return err == nil && ok
}

// LoadConfig reads kgate.yaml from the root of a repository. A missing file is an empty configuration; anything
// else that is not understood is an error with its line, for every fault at once.
func LoadConfig(root fs.FS) (Config, error) {
	data, err := readConfig(root)
	if data == nil || err != nil {
		return Config{}, err
	}
	return ParseConfig(ConfigFile, data)
}

// readConfig is the text of kgate.yaml; nil when there is none. A link that leads nowhere, out of the repository or to
// git's own files is an error.
func readConfig(root fs.FS) ([]byte, error) {
	if _, err := fs.Lstat(root, ConfigFile); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	data, err := kustomization.NewFiles(kustomization.NewStore(root)).ReadFile(ConfigFile)
	if syntax := (*manifest.SyntaxError)(nil); errors.As(err, &syntax) {
		return nil, err // it names the file
	} else if err != nil {
		return nil, fmt.Errorf("read %s: %w", ConfigFile, err)
	}
	if len(data) > manifest.MaxTextSize {
		return nil, &manifest.SyntaxError{Position: manifest.Position{File: ConfigFile}, Message: fmt.Sprintf(
			"the file has %d kB; the limit is %d kB", len(data)>>10, manifest.MaxTextSize>>10)}
	}
	return data, nil
}

// ParseConfig decodes the text of kgate.yaml, which messages call file.
func ParseConfig(file string, data []byte) (Config, error) {
	documents, err := manifest.ParseDocuments(file, data)
	if err != nil {
		return Config{}, err
	}
	if len(documents) != 1 {
		return Config{}, &manifest.SyntaxError{
			Position: manifest.Position{File: file, Line: 1},
			Message:  fmt.Sprintf("the file has %d documents, not one; it begins with `apiVersion: %s`", len(documents), ConfigVersion),
		}
	}
	d := &decoder{at: func(line int) manifest.Position { return manifest.Position{File: file, Line: line} }}
	config := d.config(manifest.Expand(documents[0].Node))
	config.Patterns = d.patterns
	return config, errors.Join(d.errs...)
}

// decoder walks the YAML tree by hand, because every message must name its line and the keys that would fit.
type decoder struct {
	at       func(line int) manifest.Position // of a line of the text
	errs     []error
	patterns []Pattern
}

func (d *decoder) fail(node *yaml.Node, format string, args ...any) {
	d.errs = append(d.errs, &manifest.SyntaxError{Position: d.at(node.Line), Message: fmt.Sprintf(format, args...)})
}

// fields hands every entry of a mapping to the function of its key, and fails on keys that have none and on
// required keys (those with a leading "!") that are missing.
func (d *decoder) fields(node *yaml.Node, what string, known map[string]func(*yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		d.fail(node, "%s must be a mapping", what)
		return
	}
	var names []string
	functions := map[string]func(*yaml.Node){}
	missing := map[string]bool{}
	for key, f := range known {
		name, required := strings.CutPrefix(key, "!")
		names = append(names, name)
		functions[name] = f
		missing[name] = required
	}
	slices.Sort(names)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		delete(missing, key.Value)
		if f := functions[key.Value]; f != nil {
			f(value)
		} else {
			d.fail(key, "%s has no key %q; it has %s%s", what, key.Value, strings.Join(names, ", "), spelling.Meant(key.Value, names))
		}
	}
	for _, name := range names {
		if missing[name] {
			d.fail(node, "%s needs the key %q", what, name)
		}
	}
}

func (d *decoder) list(node *yaml.Node, what string, each func(*yaml.Node)) {
	if node.Kind != yaml.SequenceNode {
		d.fail(node, "%s must be a list", what)
		return
	}
	for _, item := range node.Content {
		each(item)
	}
}

// some is list for what an empty list would turn into its default, or into nothing at all.
func (d *decoder) some(node *yaml.Node, what string, each func(*yaml.Node)) {
	if node.Kind == yaml.SequenceNode && len(node.Content) == 0 {
		d.fail(node, "%s is empty", what)
	}
	d.list(node, what, each)
}

func (d *decoder) text(node *yaml.Node, what string) string {
	if node.Kind != yaml.ScalarNode || strings.TrimSpace(node.Value) == "" || node.Tag == "!!null" {
		d.fail(node, "%s must be a text that is not empty", what)
		return ""
	}
	return node.Value
}

func (d *decoder) number(node *yaml.Node, what string) float64 {
	number, err := strconv.ParseFloat(node.Value, 64)
	if err != nil || node.Kind != yaml.ScalarNode || math.IsNaN(number) || math.IsInf(number, 0) {
		d.fail(node, "%s must be a number", what)
	}
	return number
}

func (d *decoder) glob(node *yaml.Node, what string) string {
	glob := d.text(node, what)
	if !doublestar.ValidatePattern(glob) {
		d.fail(node, "%s: %q is not a valid pattern", what, glob)
	} else if reason := costly(glob); reason != "" {
		d.fail(node, "%s: the pattern %s: write several patterns, or a shorter one", what, reason)
	}
	return strings.TrimSuffix(glob, "/")
}

// inside is a glob of directories of the repository.
func (d *decoder) inside(node *yaml.Node, what string) string {
	glob := d.glob(node, what)
	if clean := path.Clean(glob); path.IsAbs(glob) || clean == ".." || strings.HasPrefix(clean, "../") {
		d.fail(node, "%s is a directory of the repository, as seen from its top: %q leads out of it", what, glob)
	}
	return glob
}

// pattern is the glob of a target that a run may or may not have.
func (d *decoder) pattern(node *yaml.Node, key string) string {
	glob := d.glob(node, "a target")
	d.patterns = append(d.patterns, Pattern{Key: key, Glob: glob, Source: d.at(node.Line)})
	return glob
}

func (d *decoder) config(root *yaml.Node) Config {
	c := Config{TargetSources: map[string]manifest.Position{}}
	d.fields(root, ConfigFile, map[string]func(*yaml.Node){
		"!apiVersion": func(n *yaml.Node) {
			if n.Value != ConfigVersion {
				d.fail(n, "apiVersion is %q; this kgate reads %q", n.Value, ConfigVersion)
			}
		},
		"kubernetesVersions": func(n *yaml.Node) {
			d.some(n, "kubernetesVersions", func(n *yaml.Node) {
				c.KubernetesVersions = append(c.KubernetesVersions, Version{
					Text: d.text(n, "a Kubernetes version"), Source: d.at(n.Line),
				})
			})
		},
		"compareWith": func(n *yaml.Node) { c.CompareWith = Version{Text: d.text(n, "compareWith"), Source: d.at(n.Line)} },
		"kustomize":   func(n *yaml.Node) { c.Kustomize = Version{Text: d.text(n, "kustomize"), Source: d.at(n.Line)} },
		"loadRestrictionsNone": func(n *yaml.Node) {
			d.some(n, "loadRestrictionsNone", func(n *yaml.Node) { c.Unrestricted = append(c.Unrestricted, d.pattern(n, "loadRestrictionsNone")) })
		},
		"targets": func(n *yaml.Node) {
			d.some(n, "targets", func(n *yaml.Node) {
				if excluded, ok := strings.CutPrefix(n.Value, "!"); ok && n.Kind == yaml.ScalarNode {
					exclusion := *n
					exclusion.Value = excluded
					glob := d.inside(&exclusion, "a target that is left out")
					c.NoTargets, c.TargetSources["!"+glob] = append(c.NoTargets, glob), d.at(n.Line)
					return
				}
				glob := d.inside(n, "a target")
				c.Targets, c.TargetSources[glob] = append(c.Targets, glob), d.at(n.Line)
			})
			if c.Targets == nil && c.NoTargets != nil {
				d.fail(n, "targets leaves out and names nothing: name what to check too; what no run has to check belongs under `unread`")
			}
		},
		"profile": func(n *yaml.Node) {
			if c.Profile = Profile(d.text(n, "profile")); !slices.Contains(profiles, c.Profile) {
				d.fail(n, "profile is %q; it is facts, standard or strict%s", n.Value, spelling.Meant(n.Value, texts(profiles)))
			}
		},
		"severities": func(n *yaml.Node) {
			d.list(n, "severities", func(n *yaml.Node) { c.Severities = append(c.Severities, d.severity(n)) })
		},
		"unread": func(n *yaml.Node) {
			d.list(n, "unread", func(n *yaml.Node) { c.Unread = append(c.Unread, d.unread(n)) })
		},
		"environments": func(n *yaml.Node) {
			d.list(n, "environments", func(n *yaml.Node) {
				e := d.environment(n)
				if i := slices.IndexFunc(c.Environments, func(other Environment) bool { return other.Name == e.Name }); i >= 0 {
					d.fail(n, "the environment %q is there already, in line %d: write one with the targets of both", e.Name, c.Environments[i].Source.Line)
				}
				c.Environments = append(c.Environments, e)
			})
			d.promotions(c.Environments)
		},
		"promotion": func(n *yaml.Node) { c.Promoting = d.promoting(n) },
		"external": func(n *yaml.Node) {
			d.list(n, "external", func(n *yaml.Node) { c.External = append(c.External, d.external(n)) })
		},
		"crds": func(n *yaml.Node) {
			d.some(n, "crds", func(n *yaml.Node) {
				given := Given{Path: strings.TrimPrefix(d.glob(n, "an entry of crds"), "./"), Source: d.at(n.Line)}
				if given.Path != "" && !filepath.IsLocal(filepath.FromSlash(given.Path)) {
					d.fail(n, "crds: %s is outside of the repository: name definitions that lie in it, and others by --crds", given.Path)
				}
				c.CRDs = append(c.CRDs, given)
			})
		},
		"releases": func(n *yaml.Node) {
			c.Releases = map[string]Version{}
			d.some(n, "releases", func(n *yaml.Node) {
				var module string
				release := Version{Source: d.at(n.Line)}
				d.fields(n, "a release", map[string]func(*yaml.Node){
					"!module":  func(n *yaml.Node) { module = d.text(n, "module") },
					"!version": func(n *yaml.Node) { release.Text = d.text(n, "version") },
				})
				if other, twice := c.Releases[module]; twice {
					d.fail(n, "the release of %s is there already, in line %d", module, other.Source.Line)
				}
				c.Releases[module] = release
			})
		},
		"policies": func(n *yaml.Node) {
			d.some(n, "policies", func(n *yaml.Node) {
				dir := Given{Path: path.Clean(d.text(n, "an entry of policies")), Source: d.at(n.Line)}
				if !filepath.IsLocal(filepath.FromSlash(dir.Path)) {
					d.fail(n, "policies: %s is outside of the repository: name directories of rules that lie in it, and others by --policies", dir.Path)
				}
				c.Policies = append(c.Policies, dir)
			})
		},
		"checks": func(n *yaml.Node) {
			d.some(n, "checks", func(n *yaml.Node) {
				c.Checks = append(c.Checks, CheckPattern{Text: d.text(n, "an entry of checks"), Source: d.at(n.Line)})
			})
		},
		"failOn": func(n *yaml.Node) {
			if c.FailOn = check.Severity(n.Value); n.Kind != yaml.ScalarNode || c.FailOn != check.Error && c.FailOn != check.Warning {
				d.fail(n, "failOn is %q; it is error or warning%s", n.Value, spelling.Meant(n.Value, []string{string(check.Error), string(check.Warning)}))
			}
		},
		"unknownKinds": func(n *yaml.Node) {
			if c.UnknownKinds = n.Value; n.Kind != yaml.ScalarNode || !slices.Contains(UnknownKinds(), n.Value) {
				d.fail(n, "unknownKinds is one of %s%s", strings.Join(UnknownKinds(), ", "), spelling.Meant(n.Value, UnknownKinds()))
			}
		},
		"vendor": func(n *yaml.Node) {
			c.Vendor = strings.TrimSuffix(strings.TrimPrefix(d.text(n, "vendor"), "./"), "/")
			if err := vendored.CheckDirectory(c.Vendor); err != nil && c.Vendor != "" {
				d.fail(n, "vendor: %s", err)
			}
		},
		"clusters": func(n *yaml.Node) {
			c.Clusters = Given{Path: path.Clean(d.text(n, "clusters")), Source: d.at(n.Line)}
			if !filepath.IsLocal(filepath.FromSlash(c.Clusters.Path)) {
				d.fail(n, "clusters: %s is outside of the repository: name a file that lies in it", c.Clusters.Path)
			}
		},
		"longestExemption": func(n *yaml.Node) { c.LongestExemption = d.term(n) },
		"objectExemptions": func(n *yaml.Node) {
			if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
				d.fail(n, "objectExemptions is true or false")
			}
			c.CarryNone = n.Value == "false"
		},
		"exemptions": func(n *yaml.Node) {
			d.list(n, "exemptions", func(n *yaml.Node) { c.Exemptions = append(c.Exemptions, d.exemption(n)) })
		},
	})
	return c
}

var term = regexp.MustCompile(`^([1-9][0-9]{0,4})([dmy])$`)

func (d *decoder) term(node *yaml.Node) Term {
	parts := term.FindStringSubmatch(node.Value)
	if parts == nil || node.Kind != yaml.ScalarNode {
		d.fail(node, "longestExemption: %q is not a term like 90d, 6m or 1y", node.Value)
		return Term{}
	}
	count, _ := strconv.Atoi(parts[1]) // digits, as few as fit
	switch parts[2] {
	case "d":
		return Term{Days: count}
	case "m":
		return Term{Months: count}
	}
	return Term{Years: min(count, 9000)}
}

func (d *decoder) environment(node *yaml.Node) Environment {
	e := Environment{Source: d.at(node.Line)}
	d.fields(node, "an environment", map[string]func(*yaml.Node){
		"!name": func(n *yaml.Node) { e.Name = d.text(n, "name") },
		"!targets": func(n *yaml.Node) {
			d.some(n, "targets", func(n *yaml.Node) { e.Targets = append(e.Targets, d.pattern(n, "environments")) })
		},
		"sampling": func(n *yaml.Node) {
			bounds := &check.Bounds{}
			d.fields(n, "sampling", map[string]func(*yaml.Node){
				"!min": func(n *yaml.Node) { bounds.Min = d.number(n, "min") },
				"!max": func(n *yaml.Node) { bounds.Max = d.number(n, "max") },
			})
			if ok := bounds.Min >= 0 && bounds.Min <= bounds.Max && bounds.Max <= 1; !ok { // NaN is within no bounds
				d.fail(n, "sampling bounds are ratios: 0 ≤ min ≤ max ≤ 1")
			}
			e.Sampling = bounds
		},
		"promotion": func(n *yaml.Node) { e.Promotion = d.promotion(n) },
	})
	return e
}

func (d *decoder) external(node *yaml.Node) check.External {
	e := check.External{Source: d.at(node.Line)}
	d.fields(node, "an external reference", map[string]func(*yaml.Node){
		"!kind":     func(n *yaml.Node) { e.Kind = d.text(n, "kind") },
		"namespace": func(n *yaml.Node) { e.Namespace = d.text(n, "namespace") },
		"!name":     func(n *yaml.Node) { e.Name = d.text(n, "name") },
		"!provider": func(n *yaml.Node) { e.Provider = d.text(n, "provider") },
		"ports": func(n *yaml.Node) {
			d.list(n, "ports", func(n *yaml.Node) {
				port, err := strconv.Atoi(n.Value)
				if err != nil || port < 1 || port > 65535 {
					d.fail(n, "%q is not a port", n.Value)
				}
				e.Ports = append(e.Ports, port)
			})
		},
	})
	for _, name := range []string{e.Namespace, e.Name} {
		if _, err := path.Match(name, ""); err != nil {
			d.fail(node, "external: %q is not a valid pattern", name)
		}
	}
	if e.Kind == "Service" && e.IsPattern() {
		d.fail(node, "a Service is named in full: rules look at its name, its namespace and its ports")
	}
	if e.Kind != "Service" && e.Ports != nil {
		d.fail(node, "ports belong to a Service, not to a %s", e.Kind)
	}
	return e
}

func (d *decoder) exemption(node *yaml.Node) check.Exemption {
	e := check.Exemption{Source: d.at(node.Line)}
	keys := d.decision(&e)
	keys["target"] = func(n *yaml.Node) { e.Target = d.glob(n, "target") }
	keys["object"] = func(n *yaml.Node) {
		if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
			d.fail(n, "object is empty: name what is exempt, or leave the key out for every object")
		}
		d.fields(n, "object", map[string]func(*yaml.Node){
			"apiVersion": func(n *yaml.Node) { e.Object.APIVersion = d.text(n, "apiVersion") },
			"kind":       func(n *yaml.Node) { e.Object.Kind = d.text(n, "kind") },
			"namespace":  func(n *yaml.Node) { e.Object.Namespace = d.text(n, "namespace") },
			"name":       func(n *yaml.Node) { e.Object.Name = d.text(n, "name") },
		})
	}
	d.fields(node, "an exemption", keys)
	return e
}

// decision reads what every exemption has, wherever it stands: from what, why, whose, and until when.
func (d *decoder) decision(e *check.Exemption) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"!check": func(n *yaml.Node) { e.Check = d.text(n, "check") },
		"path": func(n *yaml.Node) {
			field, err := manifest.ParsePath(d.text(n, "path"))
			if err != nil {
				d.fail(n, "%s", err)
			}
			e.Path = field
		},
		"!reason": func(n *yaml.Node) { e.Reason = d.text(n, "reason") },
		"!owner":  func(n *yaml.Node) { e.Owner = d.text(n, "owner") },
		"!expires": func(n *yaml.Node) {
			day, err := time.Parse(time.DateOnly, n.Value)
			if err != nil {
				d.fail(n, "expires: %q is not a day like 2027-03-31", n.Value)
			}
			e.Expires = day
		},
	}
}
