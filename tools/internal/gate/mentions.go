package gate

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// mentions are the names of declared objects that a target speaks of, by whatever field: nobody knows all the fields in which
// objects refer to others. nil is for a run that does not ask. What rules look for by its name counts as spoken of.
func (g *Gate) mentions(target *check.Target) map[string]bool {
	external := g.repository.Config.External
	if len(external) == 0 || !g.acrossTargets() || !slices.ContainsFunc(g.checks, func(c *check.Check) bool { return c.Name == coverage.ExternalName }) {
		return nil
	}
	found, wanted := map[string]bool{}, map[string]*regexp.Regexp{}
	for _, e := range external {
		wanted[e.Name] = named(e.Name)
	}
	for _, object := range target.Objects {
		manifest.EachText(object.Value, func(text string) {
			for name, as := range wanted {
				if as == nil && hasWord(text, name) || as != nil && as.MatchString(text) || variable(text, name) {
					found[name] = true
					delete(wanted, name)
				}
			}
		})
		if len(wanted) == 0 {
			break
		}
	}
	return found
}

// named is how a glob stands in a text; nil for a name, which is looked for as it is.
func named(glob string) *regexp.Regexp {
	if !strings.ContainsAny(glob, `*?[`) {
		return nil
	}
	pattern := regexp.QuoteMeta(glob)
	pattern = strings.NewReplacer(`\*`, `[^/\s]*`, `\?`, `.`).Replace(pattern)
	if strings.Contains(glob, "[") {
		pattern = `[^/\s]*` // a class: any name may fit
	}
	return regexp.MustCompile(pattern)
}

// hasWord reports whether a text has a name in it that is no part of a longer one.
func hasWord(text, name string) bool {
	part := func(b byte) bool {
		return b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
	}
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return false
		}
		at += from
		end := at + len(name)
		if (at == 0 || !part(text[at-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = at + 1
	}
}

// variable reports whether a text may become a name once something fills in what stands in ${…} or {{…}}: it begins in the
// same way. In a script or a sentence a variable alone tells nothing.
func variable(text, name string) bool {
	for _, opening := range []string{"${", "{{", "$("} {
		for rest := text; ; {
			before, after, ok := strings.Cut(rest, opening)
			if !ok {
				break
			}
			word := before[strings.LastIndexAny(before, " \t\n\"'/.:,=}")+1:]
			if strings.HasPrefix(name, word) && (word != "" || !strings.ContainsAny(text, " \t\n")) {
				return true
			}
			rest = after
		}
	}
	return false
}
