package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// narrowed are notes of which targets were chosen where nobody named them, and of what the command line keeps the run from
// looking at, for every report: who reads that nothing was found has to know where nobody looked.
func (g *Gate) narrowed() []report.Note {
	var notes []report.Note
	if g.chosen != "" {
		chosen := g.chosen
		switch n := len(g.charts.names()); n {
		case 0:
		case 1:
			chosen += "; and the charts of 1 Application"
		default:
			chosen += fmt.Sprintf("; and the charts of %d Applications", n)
		}
		notes = append(notes, report.Note{About: "targets", Message: chosen})
	}
	if left := without(g.all, g.paths); len(left) > 0 {
		notes = append(notes, report.Note{
			About: "targets", Message: fmt.Sprintf("%d of %d targets of the repository were asked for", len(g.all)-len(left), len(g.all)), LeftOut: left,
		})
	}
	var named []string
	for _, v := range g.repository.Config.KubernetesVersions {
		if version, err := minor(v.Text); err == nil && !slices.Contains(named, version) {
			named = append(named, version)
		}
	}
	if left := without(named, g.engines.minors); len(left) > 0 {
		notes = append(notes, report.Note{
			About: "versions", Message: fmt.Sprintf("checked against Kubernetes %s, and not against all that kgate.yaml names", strings.Join(g.engines.minors, ", ")), LeftOut: left,
		})
	}
	if left := g.passed.take(); len(left) > 0 {
		notes = append(notes, report.Note{About: "kinds", Message: "objects of kinds that nobody defines were passed over, as unknown kinds are to be ignored", LeftOut: left})
	}
	if left := g.unasked(); len(left) > 0 && len(g.options.Checks) > 0 {
		notes = append(notes, report.Note{About: "checks", Message: "only the checks of --checks " + strings.Join(g.options.Checks, ",") + " were made", LeftOut: left})
	}
	if left := g.unwanted(); len(left) > 0 {
		notes = append(notes, report.Note{About: "checks", Message: "kgate.yaml leaves out checks, by its profile, its checks or its severities", LeftOut: left})
	}
	return notes
}

// severity is what a finding means. Conventions that the command line asks for are made with the profile facts too.
func (g *Gate) severity(c *check.Check, target string) check.Severity {
	config := g.repository.Config
	if len(g.options.Checks) > 0 && config.Profile == repo.Facts {
		config.Profile = repo.Standard
	}
	return config.Severity(c, target)
}

// unwanted are the checks that kgate.yaml leaves out everywhere.
func (g *Gate) unwanted() []string {
	if len(g.options.Checks) > 0 {
		return nil
	}
	var left []string
	for _, c := range g.known {
		if g.repository.Config.Off(c) {
			left = append(left, c.Name)
		}
	}
	return left
}

// passed are the kinds of which a run passed over objects.
type passed struct {
	mu    sync.Mutex
	kinds map[string]bool
}

func (p *passed) add(apiVersion, kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kinds == nil {
		p.kinds = map[string]bool{}
	}
	p.kinds[apiVersion+" "+kind] = true
}

// take are those since it was called last, sorted.
func (p *passed) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	kinds := slices.Sorted(maps.Keys(p.kinds))
	p.kinds = nil
	return kinds
}

// unasked are the checks that --checks leaves out, a group of which none is made by its name, as the flag would take it.
func (g *Gate) unasked() []string {
	made := map[string]bool{}
	for _, c := range g.checks {
		made[c.Group()], made[c.Name] = true, true
	}
	var left []string
	for _, c := range g.known {
		name := c.Name
		if !made[c.Group()] {
			name = c.Group()
		}
		if !made[name] && !slices.Contains(left, name) {
			left = append(left, name)
		}
	}
	return left
}

// without are the names that are not among others, in their order.
func without(names, others []string) []string {
	known := map[string]bool{}
	for _, other := range others {
		known[other] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return known[name] })
}
