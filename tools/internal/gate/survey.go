package gate

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// Survey is how far kgate gets with a repository. Objects are counted in every target that renders them.
type Survey struct {
	Roots    int `json:"roots"`    // targets, as kgate.yaml names them or kgate finds them
	Rendered int `json:"rendered"` // of the roots
	Clean    int `json:"clean"`    // of the rendered: those without an error, of which every check has a verdict
	Objects  int `json:"objects"`

	Catalogue Kinds `json:"catalogue"` // custom kinds that kgate's catalogue defines
	Own       Kinds `json:"own"`       // others that targets of the repository define
	Unknown   Kinds `json:"unknown"`   // others

	Errors       int     `json:"errors"`
	Warnings     int     `json:"warnings"`
	UnknownKinds []Count `json:"unknownKinds"` // the most frequent first
	Refused      []Count `json:"refused"`      // why targets were not rendered or not checked, the most frequent first
	Checks       []Count `json:"checks"`       // errors by check, the most frequent first
}

// Kinds are how many objects of how many kinds there are, a kind in each of its versions.
type Kinds struct {
	Objects int `json:"objects"`
	Kinds   int `json:"kinds"`
}

// Count is how often there is something.
type Count struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

// Look surveys a repository.
func Look(ctx context.Context, repository *repo.Repo) (_ Survey, err error) {
	var mu sync.Mutex
	kinds := map[schema.GroupVersionKind]int{}
	var definitions []*manifest.Object
	g, err := Open(ctx, repository, Options{Rendered: func(t *check.Target) {
		mu.Lock()
		defer mu.Unlock()
		for _, o := range t.Objects {
			kinds[definition.KindOf(o)]++
			if definition.Defines(o).Kind != "" {
				definitions = append(definitions, o)
			}
		}
	}})
	if err != nil {
		return Survey{}, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	out, err := g.Run(ctx)
	if err != nil {
		return Survey{}, err
	}
	tally, err := definition.NewTally()
	if err != nil {
		return Survey{}, err
	}
	for _, d := range definitions {
		tally.Define(d)
	}
	for kind, n := range kinds {
		tally.Add(kind, n)
	}
	s := Survey{
		Roots: len(out.Asked), Rendered: len(out.Targets), Objects: out.Objects(), Errors: out.Count(check.Error), Warnings: out.Count(check.Warning),
		Catalogue: sum(tally.Catalogue), Own: sum(tally.Own), Unknown: sum(tally.Unknown),
	}
	refused, checks, unknown := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range out.Errors {
		refused[name.ReplaceAllString(e.Message, "…")]++
	}
	for _, f := range out.Findings {
		if f.Severity == check.Error {
			checks[f.Check]++
		}
	}
	faulty := faulty(out)
	for _, t := range out.Targets {
		if !faulty[t.Path] {
			s.Clean++
		}
	}
	for kind, n := range tally.Unknown {
		unknown[kind.GroupVersion().String()+" "+kind.Kind] += n
	}
	s.UnknownKinds, s.Refused, s.Checks = counts(unknown), counts(refused), counts(checks)
	return s, nil
}

// faulty are the targets in which an error shows, or what follows from one, and those of which a check has no verdict.
func faulty(out report.Report) map[string]bool {
	targets := map[string]bool{}
	for _, e := range out.Errors {
		targets[e.Target] = true
	}
	for _, f := range out.Findings {
		for _, one := range append([]check.Finding{f}, f.Follows...) {
			if one.Severity == check.Error {
				for _, target := range one.Targets() {
					targets[target] = true
				}
			}
		}
	}
	return targets
}

// name is a path, a URL or something in quotes: what tells apart two targets that are refused for the same reason.
var name = regexp.MustCompile(`"[^"]*"|\S*[/]\S*`)

func sum(of map[schema.GroupVersionKind]int) Kinds {
	k := Kinds{Kinds: len(of)}
	for _, n := range of {
		k.Objects += n
	}
	return k
}

func counts(of map[string]int) []Count {
	all := make([]Count, 0, len(of))
	for _, what := range slices.Sorted(maps.Keys(of)) {
		all = append(all, Count{what, of[what]})
	}
	slices.SortStableFunc(all, func(a, b Count) int { return cmp.Compare(b.Count, a.Count) })
	return all
}
