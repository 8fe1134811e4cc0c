package repo

import (
	"fmt"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Profile is how much of what a team may agree on a repository is held to. What a cluster refuses, ignores or breaks at is
// checked with each.
type Profile string

const (
	Facts    Profile = "facts"    // conventions are not checked
	Standard Profile = "standard" // conventions are warnings: the profile of a repository that names none
	Strict   Profile = "strict"   // every check has the severity that it says
)

var profiles = []Profile{Facts, Standard, Strict}

// Severity is what findings of a check mean in a repository.
type Severity struct {
	Check    string         // name or group, facts and conventions among these
	Severity check.Severity // "" for no findings at all
	Targets  []string       // globs; none is every target
	Source   manifest.Position
}

// off is how kgate.yaml writes that findings are left out.
const off = "off"

func (d *decoder) severity(node *yaml.Node) Severity {
	s := Severity{Source: d.at(node.Line)}
	d.fields(node, "an entry of severities", map[string]func(*yaml.Node){
		"!check": func(n *yaml.Node) { s.Check = d.text(n, "check") },
		"!severity": func(n *yaml.Node) {
			switch n.Value {
			case string(check.Error), string(check.Warning):
				s.Severity = check.Severity(n.Value)
			case off:
			default:
				d.fail(n, "severity is %q; it is error, warning or off", n.Value)
			}
		},
		"targets": func(n *yaml.Node) {
			d.some(n, "targets", func(n *yaml.Node) { s.Targets = append(s.Targets, d.glob(n, "a target")) })
		},
	})
	return s
}

// Severity is what a finding of a check means in a target; "" leaves it out.
func (c Config) Severity(of *check.Check, target string) check.Severity {
	severity := of.Severity
	if of.Convention && !of.Locked {
		switch c.Profile {
		case Facts:
			severity = ""
		case Strict:
		default:
			severity = check.Warning
		}
	}
	for _, s := range c.Severities {
		if of.Fits(s.Check) && !of.Locked && (s.Targets == nil || slices.ContainsFunc(s.Targets, func(glob string) bool { return matches(glob, target) })) {
			severity = s.Severity
		}
	}
	return severity
}

// Off reports whether no target has findings of a check.
func (c Config) Off(of *check.Check) bool {
	here := c
	here.Severities = slices.DeleteFunc(slices.Clone(c.Severities), func(s Severity) bool { return s.Targets != nil })
	if here.Severity(of, "") != "" {
		return false
	}
	return !slices.ContainsFunc(c.Severities, func(s Severity) bool { return s.Targets != nil && s.Severity != "" && of.Fits(s.Check) })
}

// CheckSeverities refuses severities of checks that are not there, and of those that are locked.
func CheckSeverities(severities []Severity, checks []*check.Check) error {
	for _, s := range severities {
		known := false
		for _, c := range checks {
			if !c.Fits(s.Check) {
				continue
			}
			known = true
			if c.Locked && c.Name == s.Check {
				return fmt.Errorf("%s: %s is locked: it is an error in every repository", s.Source, s.Check)
			}
		}
		if !known {
			return fmt.Errorf("%s: no check or group is called %q: `kgate checks` lists them%s", s.Source, s.Check, check.Meant(s.Check, checks))
		}
	}
	return nil
}
