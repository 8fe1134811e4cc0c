package release

import (
	"path"
	"slices"
	"strings"
)

// DefaultPromotion is environments, by glob, in the order in which versions usually go through them.
func DefaultPromotion() []string {
	return []string{"dev*", "test*", "qa*", "staging*", "uat*", "preprod*", "prod*"}
}

// IndexEnvironment is the index of the first name or glob, by path.Match, that means environment, -1 for none. What is no glob means
// nothing.
func IndexEnvironment(globs []string, environment string) int {
	return slices.IndexFunc(globs, func(glob string) bool {
		ok, err := path.Match(glob, environment)
		return err == nil && ok
	})
}

// Steps are the promotions that what runs could take: of each service to each environment from the nearest before it in which
// the service runs, of the same region where there is one (prod-eu is of the region eu). promotion is environments, by name or
// glob, in their order; those that it does not name have no steps.
func Steps(running []Running, promotion []string) (steps []Step) {
	region := func(environment string) string {
		_, after, _ := strings.Cut(environment, "-")
		return after
	}
	of := map[string][]string{}
	for _, r := range running {
		if r.Track == Stable {
			of[r.Service] = append(of[r.Service], r.Environment)
		}
	}
	for _, r := range running {
		here := IndexEnvironment(promotion, r.Environment)
		if r.Track != Stable || here < 0 {
			continue
		}
		upstream, nearest := "", -1
		for _, e := range of[r.Service] {
			n := IndexEnvironment(promotion, e)
			switch {
			case n < 0 || n >= here || n < nearest:
			case n > nearest, region(e) == region(r.Environment) && region(upstream) != region(r.Environment):
				upstream, nearest = e, n
			}
		}
		if upstream != "" {
			steps = append(steps, Step{Service: r.Service, Environment: r.Environment, Upstream: upstream})
		}
	}
	return steps
}
