package danger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var environmentsTogether = &check.Check{
	Name:  "danger/environments-together",
	Title: "Production does not change together with what comes before it",
	Doc: "An environment before production is there to show a fault before it hurts. A change that reaches both at once, by a line in each or by one line of a base that both have, " +
		"shows it in both. Production is the environment of kgate.yaml called prod, production or live, or so at the end of its name, and so are its regions, those with the same `promotion.from`. What gets its versions from production comes after it. Nothing is said of a repository whose kgate.yaml names no " +
		"environments, and of targets that are new.",
	Fix:      "Make the change in the overlay of the environment that comes first, and move it to the base once it has shown itself. Exempt what is to be everywhere at once.",
	Severity: check.Warning, Scope: check.Repository, Origin: "kgate",
	References: []string{"https://argo-cd.readthedocs.io/en/stable/user-guide/best_practices/"},
	Was:        environmentsTogetherWas, Bad: environmentsTogetherBad, Good: environmentsTogetherGood,
	Sees: func(*manifest.Object) bool { return false },
	Run:  lookForTogether,
}

// isProduction tells the environment that users are in by its name.
func isProduction(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' || r == '/' })
	return len(words) > 0 && slices.Contains([]string{"prod", "production", "live", "prd"}, words[len(words)-1])
}

// order is which environments are production, and where each has its versions from.
type order struct {
	production map[string]bool
	from       map[string]string
}

func orderOf(targets []*check.Target) order {
	o := order{map[string]bool{}, map[string]string{}}
	source := map[string]bool{} // where production has its versions from: its regions have them from there as well
	for _, t := range targets {
		if e := t.Environment; e != nil {
			o.from[e.Name] = e.From
			if isProduction(e.Name) {
				o.production[e.Name], source[e.From] = true, true
			}
		}
	}
	for name, from := range o.from {
		if from != "" && source[from] {
			o.production[name] = true
		}
	}
	return o
}

// isAfter reports an environment whose versions come from production.
func (o order) isAfter(name string) bool {
	for range o.from { // a circle ends
		if name = o.from[name]; o.production[name] {
			return true
		}
	}
	return false
}

func lookForTogether(_ context.Context, pass *check.Pass) error {
	order := orderOf(pass.Targets)
	var before []string // environments that change and come before production
	for _, t := range pass.Targets {
		if e := t.Environment; t.Touched != nil && e != nil && !order.production[e.Name] && !order.isAfter(e.Name) && !slices.Contains(before, e.Name) {
			before = append(before, e.Name)
		}
	}
	if len(before) == 0 {
		return nil
	}
	slices.Sort(before)
	for _, t := range pass.Targets {
		if t.Touched == nil || t.Environment == nil || !order.production[t.Environment.Name] {
			continue
		}
		objects := fmt.Sprintf("%s %q", t.Touched.First.Kind, t.Touched.First.Name)
		if more := t.Touched.Objects - 1; more > 0 {
			objects += fmt.Sprintf(" and %d more", more)
		}
		pass.ReportTarget(t, t.Touched.Source, fmt.Sprintf("environments together: %s changes in one step with %s: %s", t.Environment.Name, strings.Join(before, " and "), objects))
	}
	return nil
}
