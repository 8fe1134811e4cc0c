package gate

import (
	"fmt"
	"path"
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
	places := map[string]*regexp.Regexp{} // globs of namespaces that nothing is in so far
	for _, e := range external {
		wanted[e.Name] = named(e.Name)
		if as := named(e.Namespace); as != nil {
			places[e.Namespace] = as
		}
	}
	in := func(key, text string) {
		for glob, as := range places {
			if text == "" || as.MatchString(text) || variable(text, glob) || strings.HasSuffix(strings.ToLower(key), "namespace") && onlyVariables.MatchString(text) {
				found[coverage.NamespaceMention(glob)] = true
				delete(places, glob)
			}
		}
	}
	for _, variant := range target.Variants {
		for _, object := range variant.Objects {
			in("namespace", object.Namespace)
		}
	}
	for _, object := range target.Objects {
		// What lies in no namespace, or is Istio's, refers to objects of namespaces that it does not name.
		anywhere := object.Namespace == "" && object.Kind != "Namespace" || strings.HasSuffix(object.Group(), "istio.io")
		if !anywhere {
			in("namespace", object.Namespace)
		}
		for field, value := range object.Value {
			manifest.EachText(value, func(key, text string) {
				if target.StandIns.In(text) {
					text = target.StandIns.Written(text)
				}
				if key != "" && text != "" { // a field is called as it is, whatever namespaces there are
					in(key, text)
				}
				any := field != "metadata" && anyName(key, text) // what an object is called itself refers to none
				for name, as := range wanted {
					if any || as == nil && hasWord(text, name) || as != nil && as.MatchString(text) || variable(text, name) {
						found[name] = true
						if anywhere {
							in("", "") // any
						}
						if len(places) == 0 {
							delete(wanted, name)
						}
					}
				}
			})
		}
		if len(wanted) == 0 {
			break
		}
	}
	return found
}

// named is how a glob stands in a text, as path.Match reads one; nil for a name, which is looked for as it is.
func named(glob string) *regexp.Regexp {
	if !strings.ContainsAny(glob, `*?[`) {
		return nil
	}
	if _, err := path.Match(glob, ""); err != nil {
		return regexp.MustCompile("") // nothing is said of what cannot be read
	}
	const border = `[^-0-9A-Za-z]`
	var pattern strings.Builder
	literal := func(r rune) { fmt.Fprintf(&pattern, `\x{%x}`, r) }
	inClass, begins := false, false
	for escaped, rest := false, []rune(glob); len(rest) > 0; rest = rest[1:] {
		r := rest[0]
		switch {
		case escaped:
			literal(r)
			escaped, begins = false, false
		case r == '\\':
			escaped = true
		case inClass && r == '^' && begins:
			pattern.WriteString(`^/\s`)
			begins = false
		case inClass && r == ']':
			pattern.WriteByte(']')
			inClass = false
		case inClass && r == '-':
			pattern.WriteByte('-')
		case inClass:
			literal(r)
			begins = false
		case r == '[':
			pattern.WriteByte('[')
			inClass, begins = true, true
		case r == '*':
			pattern.WriteString(`[^/\s]*`)
		case r == '?':
			pattern.WriteString(`[^/\s]`)
		default:
			literal(r)
		}
	}
	as, err := regexp.Compile(`(?:^|` + border + `)` + pattern.String() + `(?:$|` + border + `)`)
	if err != nil {
		return regexp.MustCompile("") // a range from z to a has nothing in it
	}
	return as
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
// same way, or goes on as the name ends. Of a variable alone, anyName tells.
func variable(text, name string) bool {
	const ends = " \t\n\"'/:,=}"
	first, last, isGlob := name, name, false // what a glob begins with, and what it ends with
	if at := strings.IndexAny(name, `*?[\`); at >= 0 {
		first, last, isGlob = name[:at], name[strings.LastIndexAny(name, `*?]\`)+1:], true
	}
	for opening, closing := range map[string]string{"${": "}", "{{": "}}", "$(": ")"} {
		for rest := text; ; {
			before, after, ok := strings.Cut(rest, opening)
			if !ok {
				break
			}
			if word := before[strings.LastIndexAny(before, ends+".")+1:]; word != "" && (strings.HasPrefix(first, word) || isGlob && strings.HasPrefix(word, first)) {
				return true
			}
			if _, on, closed := strings.Cut(after, closing); closed {
				further := false // more of the name may follow
				if end := strings.IndexAny(on, ends+"${."); end >= 0 {
					further, on = strings.ContainsRune("${.", rune(on[end])), on[:end]
				}
				switch {
				case on == "":
				case further && (isGlob || strings.Contains(name, on)), strings.HasSuffix(last, on), isGlob && strings.HasSuffix(on, last):
					return true
				}
			}
			rest = after
		}
	}
	return false
}

var (
	onlyVariables = regexp.MustCompile(`^(\$\{[^{}]*\}|\{\{[^{}]*\}\}|\$\([^()]*\))+$`)
	holdsName     = regexp.MustCompile(`^[A-Za-z]*([nN]ame|[sS]ecret|[cC]onfigMap|[rR]ef)s?$`)
)

// anyName reports a text of variables alone in a field that may hold the name of another object: it may become any.
func anyName(key, text string) bool {
	return holdsName.MatchString(key) && onlyVariables.MatchString(text)
}
