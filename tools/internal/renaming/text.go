package renaming

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// form is one way to write a name.
type form struct {
	Name
	from, to string
	manner   manner
}

// manner is how a form stands in a text.
type manner int

const (
	plain    manner = iota // between what is no letter or digit, nor a _ that could be one of the name's
	compound               // in Go's manner: at the beginning of a word, before a capital letter or the word's end
	alert                  // compound, after `alert: ` alone: of one part, it may be a word like any other
	prefix                 // the beginning of a path, or all of it
	whole                  // a path as a whole
	link                   // a URL, which may go on
)

// forms are every way to write the names, the longest first: what is part of a longer one is not taken for itself.
func forms(names []Name) []form {
	var all []form
	for _, n := range names {
		switch n.Kind {
		case Service:
			all = append(all, form{n, n.Old, n.New, plain})
			how := compound
			if !strings.Contains(n.Old, "-") {
				how = alert
			}
			all = append(all, form{n, pascal(n.Old), pascal(n.New), how})
			if strings.Contains(n.Old, "-") {
				all = append(all,
					form{n, strings.ReplaceAll(n.Old, "-", "_"), strings.ReplaceAll(n.New, "-", "_"), plain},
					form{n, capital(n.Old), capital(n.New), plain}) // at the beginning of a sentence
			}
		case Module:
			all = append(all, form{n, n.Old, n.New, prefix})
		case Image:
			all = append(all, form{n, n.Old, n.New, whole})
		case Repository:
			p := parsePlace(n.Old)
			to := parsePlace(n.New)
			for _, stem := range []string{"https://" + p.host + "/" + p.path, "http://" + p.host + "/" + p.path, "ssh://git@" + p.host + "/" + p.path, "git@" + p.host + ":" + p.path} {
				all = append(all, form{n, stem, n.New, link})
			}
			if p.host == "github.com" && to.host == "github.com" {
				const raw = "https://raw.githubusercontent.com/"
				all = append(all, form{n, raw + p.path, raw + to.path, link})
			}
		default:
			all = append(all, form{n, n.Old, n.New, plain})
		}
	}
	slices.SortStableFunc(all, func(a, b form) int { return cmp.Compare(len(b.from), len(a.from)) })
	return all
}

func capital(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// names is what a text is searched for.
type names struct {
	forms []form
	any   *regexp.Regexp
}

func compile(all []form) names {
	var quoted []string
	for _, f := range all {
		quoted = append(quoted, regexp.QuoteMeta(f.from))
	}
	return names{all, regexp.MustCompile(strings.Join(quoted, "|"))}
}

// counts is how often names were met.
type counts struct {
	renamed int
	foreign int // in references to other hosts, where they name what is not the repository's
}

// replace writes a text with the other names. only chooses forms, nil is all; met is told those that are renamed, and may be nil.
func (n names) replace(text string, only func(form) bool, met func(form)) (string, counts) {
	var b strings.Builder
	var c counts
	from := 0
	for at := 0; at < len(text); {
		found := n.any.FindStringIndex(text[at:])
		if found == nil {
			break
		}
		start := at + found[0]
		at = start + 1
		for _, f := range n.forms {
			if !strings.HasPrefix(text[start:], f.from) || only != nil && !only(f) {
				continue
			}
			to, end, fits := f.stands(text, start)
			if !fits {
				continue
			}
			if (f.Kind == Service || f.Kind == Environment) && foreign(text, start) {
				c.foreign++
				at = end
				break
			}
			if f.Kind != Environment && becomes(text[end:], to) {
				at = end // OLD=NEW says what it is renamed to, and would be NEW=NEW
				break
			}
			if to == text[start:end] {
				at = end // it keeps its name, and so do names in it
				break
			}
			b.WriteString(text[from:start])
			b.WriteString(to)
			from, at = end, end
			if met != nil {
				met(f)
			}
			c.renamed++
			break
		}
	}
	if c.renamed == 0 {
		return text, c
	}
	b.WriteString(text[from:])
	return b.String(), c
}

func letter(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// becomes reports a text that begins with = and a name.
func becomes(text, name string) bool {
	rest, ok := strings.CutPrefix(text, "="+name)
	return ok && !goesOn(rest, 0, "-./")
}

// begins reports whether a word may begin at a place. The letter of an escape, as in \n, is none of a word.
func begins(text string, at int) bool {
	return at == 0 || !letter(text[at-1]) || at > 1 && text[at-2] == '\\'
}

// goesOn reports whether a path goes on at a place, with a letter or with what joins one to it.
func goesOn(text string, at int, joins string) bool {
	if at >= len(text) {
		return false
	}
	if letter(text[at]) {
		return true
	}
	return strings.IndexByte(joins, text[at]) >= 0 && at+1 < len(text) && letter(text[at+1])
}

// stands reports whether a form that begins at a place stands there for itself, what takes its place, and where it ends.
func (f form) stands(text string, start int) (to string, end int, ok bool) {
	end = start + len(f.from)
	switch f.manner {
	case plain:
		if f.Kind == Environment && apart(text, start, end) {
			return "", end, false
		}
		if strings.Contains(f.Old, "-") && start > 0 && text[start-1] == '_' {
			return f.to, end, !goesOn(text, end, "") || text[end] == '_'
		}
		return f.to, end, begins(text, start) && (!goesOn(text, end, "") || strings.Contains(f.Old, "-") && text[end] == '_')
	case compound, alert:
		ok = begins(text, start) && (!goesOn(text, end, "") || 'A' <= text[end] && text[end] <= 'Z')
		return f.to, end, ok && (f.manner == compound || strings.HasSuffix(text[:start], "alert: "))
	case prefix, whole:
		joins := "-."
		if f.manner == whole {
			joins = "-./"
		}
		ok = begins(text, start) && (start == 0 || strings.IndexByte("./-@", text[start-1]) < 0)
		return f.to, end, ok && !goesOn(text, end, joins)
	case link:
		if strings.HasPrefix(text[end:], ".git") && !goesOn(text, end+len(".git"), "-.") {
			end += len(".git")
		} else if strings.HasPrefix(f.to, "http") {
			f.to = strings.TrimSuffix(f.to, ".git") // as it is written here
		}
		if !begins(text, start) || goesOn(text, end, "-.") {
			return "", end, false
		}
		if end < len(text) && text[end] == '/' && goesOn(text, end, "/") && !strings.HasPrefix(f.to, "https://raw.") {
			return parsePlace(f.to).web(), end, true // a page of it
		}
		return f.to, end, true
	}
	return "", end, false
}

// apart reports whether what reads as an environment's name is part of something else: of a host, as in kgate.dev, or a directory
// of the system's, as /dev/null. The end of a file's name is none of a host.
func apart(text string, start, end int) bool {
	if start > 0 && text[start-1] == '.' && (start == 1 || text[start-2] != '.') {
		return true
	}
	if rest := text[end:]; goesOn(text, end, ".") && !slices.ContainsFunc([]string{".yaml", ".yml", ".json", ".env"}, func(e string) bool { return strings.HasPrefix(rest, e) }) {
		return true
	}
	return start > 0 && text[start-1] == '/' && (start == 1 || strings.IndexByte(" \t\"'=:,[{(", text[start-2]) >= 0)
}

// Replace writes a text with the other names.
func Replace(text string, renamed ...Name) string {
	replaced, _ := compile(forms(renamed)).replace(text, nil, nil)
	return replaced
}

// Names reports whether a text has one of the names.
func Names(text string, names ...Name) bool { return Replace(text, names...) != text }

// foreign reports whether a name stands in the path of a reference to a host, as podinfo in ghcr.io/stefanprodan/podinfo:
// what is called so there is another's.
func foreign(text string, start int) bool {
	begin := start
	for begin > 0 && (letter(text[begin-1]) || strings.IndexByte(".-~/:@%+", text[begin-1]) >= 0) {
		begin--
	}
	before := text[begin:start]
	scheme, rest, ok := strings.Cut(before, "://")
	if ok {
		before = rest
	}
	host, path, inPath := strings.Cut(before, "/")
	if !inPath || strings.HasPrefix(path, "ns/") { // the identity of a workload, TRUSTDOMAIN/ns/NAMESPACE/sa/ACCOUNT
		return false
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	name, port, _ := strings.Cut(host, ":")
	if scheme != "" && ok {
		return name != ""
	}
	dotted := strings.Trim(name, ".") == name && strings.Contains(name, ".")
	return dotted || name == "localhost" && port != "" || port != "" && strings.Trim(port, "0123456789") == ""
}
