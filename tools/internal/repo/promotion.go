package repo

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// Promotion is how a version gets into an environment: the key `promotion` of one.
type Promotion struct {
	From    string        // the environment that a version comes from; "" for the first one
	Soak    time.Duration // how long a version runs there before it is taken
	Ladder  []int         // the canary's shares of traffic in percent, ascending
	Freezes []Freeze
	Source  manifest.Position
}

// Freeze is a time in which nothing is promoted into an environment.
type Freeze struct {
	From, To time.Time // the first moment, and the first one after it
	Reason   string
	Source   manifest.Position
}

// Holds reports whether a moment is in the freeze.
func (f Freeze) Holds(at time.Time) bool { return !at.Before(f.From) && at.Before(f.To) }

// Promoting is what promotions of all environments go by: the key `promotion` at the top.
type Promoting struct {
	Versions Given  // the file of a service's versions, with {service} for its name; zero for none
	Ledger   string // the URL of the release ledger; "" for none
	Compare  string // the URL of what lies between two versions, with {service}, {from} and {to}; "" for none
}

// VersionsOf is the file of the versions of a service, from the repository's top; "" where kgate.yaml names none.
func (p Promoting) VersionsOf(service string) string {
	return strings.ReplaceAll(p.Versions.Path, "{service}", service)
}

// CompareLink is the URL of what lies between two versions of a service; "" where kgate.yaml has none.
func (p Promoting) CompareLink(service, from, to string) string {
	escape := url.PathEscape
	return strings.NewReplacer("{service}", escape(service), "{from}", escape(from), "{to}", escape(to)).Replace(p.Compare)
}

// soak is how kgate.yaml writes a duration: days, hours and minutes.
var soak = regexp.MustCompile(`^([0-9]{1,4}d)?([0-9]{1,4}h)?([0-9]{1,5}m)?$`)

func (d *decoder) promotion(node *yaml.Node) *Promotion {
	p := &Promotion{Source: d.at(node.Line)}
	d.fields(node, "promotion", map[string]func(*yaml.Node){
		"from": func(n *yaml.Node) { p.From, p.Source = d.text(n, "from"), d.at(n.Line) },
		"soak": func(n *yaml.Node) {
			parts := soak.FindStringSubmatch(n.Value)
			if n.Kind != yaml.ScalarNode || parts == nil || n.Value == "" {
				d.fail(n, "soak: %q is not a duration like 24h, 30m or 2d", n.Value)
				return
			}
			for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
				count, _ := strconv.Atoi(strings.TrimRight(parts[i+1], "dhm")) // digits, or nothing
				p.Soak += time.Duration(count) * unit
			}
		},
		"ladder": func(n *yaml.Node) {
			d.some(n, "ladder", func(n *yaml.Node) {
				share, err := strconv.Atoi(n.Value)
				switch {
				case n.Kind != yaml.ScalarNode || err != nil || share < 1 || share > 99:
					d.fail(n, "a step of the ladder is the canary's share of traffic in percent, a whole number from 1 to 99")
				case len(p.Ladder) > 0 && share <= p.Ladder[len(p.Ladder)-1]:
					d.fail(n, "the ladder goes up: %d comes behind %d", share, p.Ladder[len(p.Ladder)-1])
				}
				p.Ladder = append(p.Ladder, share)
			})
		},
		"freezes": func(n *yaml.Node) {
			d.list(n, "freezes", func(n *yaml.Node) { p.Freezes = append(p.Freezes, d.freeze(n)) })
		},
	})
	return p
}

func (d *decoder) freeze(node *yaml.Node) Freeze {
	f := Freeze{Source: d.at(node.Line)}
	d.fields(node, "a freeze", map[string]func(*yaml.Node){
		"!from":   func(n *yaml.Node) { f.From, _ = d.moment(n, "from") },
		"!reason": func(n *yaml.Node) { f.Reason = d.text(n, "reason") },
		"!to": func(n *yaml.Node) {
			at, whole := d.moment(n, "to")
			if whole {
				at = at.AddDate(0, 0, 1) // the day belongs to it
			}
			f.To = at
		},
	})
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		d.fail(node, "a freeze ends before it begins")
	}
	return f
}

// moment reads a day, which begins at midnight UTC, or a time of RFC 3339.
func (d *decoder) moment(node *yaml.Node, what string) (at time.Time, whole bool) {
	if at, err := time.Parse(time.DateOnly, node.Value); err == nil {
		return at, true
	}
	at, err := time.Parse(time.RFC3339, node.Value)
	if err != nil {
		d.fail(node, "%s: %q is not a day like 2027-03-31, nor a time like 2027-03-31T17:00:00Z", what, node.Value)
	}
	return at, false
}

func (d *decoder) promoting(node *yaml.Node) Promoting {
	var p Promoting
	d.fields(node, "promotion", map[string]func(*yaml.Node){
		"versions": func(n *yaml.Node) {
			p.Versions = Given{Path: path.Clean(d.text(n, "versions")), Source: d.at(n.Line)}
			if !filepath.IsLocal(filepath.FromSlash(p.Versions.Path)) {
				d.fail(n, "versions: %s is outside of the repository: name a file that lies in it", p.Versions.Path)
			}
		},
		"ledger": func(n *yaml.Node) { p.Ledger = d.url(n, "ledger") },
		"compare": func(n *yaml.Node) {
			p.Compare = d.url(n, "compare")
			for _, name := range []string{"{from}", "{to}"} {
				if !strings.Contains(p.Compare, name) {
					d.fail(n, "compare needs %s, as in https://github.com/ORG/{service}/compare/v{from}...v{to}", name)
				}
			}
		},
	})
	return p
}

func (d *decoder) url(node *yaml.Node, what string) string {
	text := d.text(node, what)
	at, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(text))
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil {
		d.fail(node, "%s: %q is no URL of http or https without a user", what, text)
	}
	return text
}

// promotions holds what environments say of each other together: a version comes from one that there is, and never round in
// a circle.
func (d *decoder) promotions(environments []Environment) {
	fail := func(at manifest.Position, format string, args ...any) {
		d.errs = append(d.errs, &manifest.SyntaxError{Position: at, Message: fmt.Sprintf(format, args...)})
	}
	from := map[string]string{}
	var names []string
	for _, e := range environments {
		names = append(names, e.Name)
		if e.Promotion != nil {
			from[e.Name] = e.Promotion.From
		}
	}
	for _, e := range environments {
		if e.Promotion == nil || e.Promotion.From == "" {
			continue
		}
		if !slices.Contains(names, e.Promotion.From) {
			fail(e.Promotion.Source, "promotion: there is no environment %q; there are %s%s", e.Promotion.From, strings.Join(names, ", "),
				spelling.Meant(e.Promotion.From, names))
			continue
		}
		seen := []string{e.Name}
		for at := e.Promotion.From; at != ""; at = from[at] {
			if at == e.Name {
				fail(e.Promotion.Source, "promotion: %s gets its versions from itself, by way of %s", e.Name, strings.Join(append(seen, at)[1:], " and "))
			}
			if slices.Contains(seen, at) {
				break // a circle that this one is not in is told of those that are
			}
			seen = append(seen, at)
		}
	}
}

// Stages is the order in which versions travel: every environment behind the one that its versions come from, those without
// one in the order of kgate.yaml.
func (c Config) Stages() []Environment {
	depth := func(e Environment) int {
		n := 0
		for e.Promotion != nil && e.Promotion.From != "" && n <= len(c.Environments) {
			i := slices.IndexFunc(c.Environments, func(other Environment) bool { return other.Name == e.Promotion.From })
			if i < 0 {
				break
			}
			e, n = c.Environments[i], n+1
		}
		return n
	}
	ordered := slices.Clone(c.Environments)
	slices.SortStableFunc(ordered, func(a, b Environment) int { return depth(a) - depth(b) })
	return ordered
}
