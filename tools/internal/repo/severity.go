package repo

import (
	"fmt"
	"slices"
	"strings"

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
			d.some(n, "targets", func(n *yaml.Node) { s.Targets = append(s.Targets, d.pattern(n, "severities")) })
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
			if !of.Firm {
				severity = check.Warning
			}
		}
	}
	for _, s := range c.Severities {
		if of.Fits(s.Check) && !of.Locked && (s.Targets == nil || slices.ContainsFunc(s.Targets, func(glob string) bool { return Matches(glob, target) })) {
			severity = s.Severity
		}
	}
	return severity
}

// CheckPattern is an entry of `checks`: a name, a group or a glob of names; a leading ! leaves out.
type CheckPattern struct {
	Text   string
	Source manifest.Position
}

// Makes reports whether a run makes a check, as far as `checks` says. One that is locked is made in every repository.
func (c Config) Makes(of *check.Check) bool {
	named, some := false, false
	for _, p := range c.Checks {
		name, out := strings.CutPrefix(p.Text, "!")
		switch fits := of.Fits(name); {
		case out && fits && !of.Locked:
			return false
		case !out:
			some, named = true, named || fits
		}
	}
	return named || !some || of.Locked
}

// Off reports whether no target has findings of a check.
func (c Config) Off(of *check.Check) bool {
	if !c.Makes(of) {
		return true
	}
	here := c
	here.Severities = slices.DeleteFunc(slices.Clone(c.Severities), func(s Severity) bool { return s.Targets != nil })
	if here.Severity(of, "") != "" {
		return false
	}
	return !slices.ContainsFunc(c.Severities, func(s Severity) bool { return s.Targets != nil && s.Severity != "" && of.Fits(s.Check) })
}

// CheckPatterns refuses entries of `checks` that fit nothing, and those that leave out what is locked.
func CheckPatterns(patterns []CheckPattern, checks []*check.Check) error {
	for _, p := range patterns {
		name, out := strings.CutPrefix(p.Text, "!")
		switch i := slices.IndexFunc(checks, func(c *check.Check) bool { return c.Fits(name) }); {
		case i < 0:
			return fmt.Errorf("%s: no check or group is called %q: `kgate checks` lists them%s", p.Source, name, check.Meant(name, checks))
		case out && checks[i].Locked && checks[i].Name == name:
			return fmt.Errorf("%s: %s is locked: it is made in every repository", p.Source, name)
		}
	}
	return nil
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
