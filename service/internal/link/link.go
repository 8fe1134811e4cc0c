// Package link makes links to what stands elsewhere about a release: its commit, its Application, its trace, its log.
package link

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Placeholders are what a Template may hold between braces. Times are milliseconds since 1970, as Grafana has them.
func Placeholders() []string {
	return []string{
		"service", "environment", "track", "version", "revision", "artifact", "team", "id",
		"before", // the revision that ran before
		"from",   // when the release began
		"to",     // when it ended, or now
	}
}

// Template is the URL of a page about a release, with placeholders such as {service} in its path, query or fragment.
// The zero Template makes no links.
type Template struct {
	literals []string // one more than names
	names    []string
}

// Templates are the links of a release. Those that are not set lead nowhere.
type Templates struct {
	Commit      Template // the revision, where it is a commit
	Compare     Template // what came between the revision that ran before and this one
	Application Template // of Argo CD, or what else deploys
	Trace       Template
	Log         Template
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// Parse reads a template. It refuses what is no absolute http or https URL, and a placeholder that it does not know, or
// that would say which host is meant.
func Parse(s string) (Template, error) {
	var t Template
	last := 0
	for _, at := range placeholder.FindAllStringIndex(s, -1) {
		name := s[at[0]+1 : at[1]-1]
		if !slices.Contains(Placeholders(), name) {
			return Template{}, fmt.Errorf("{%s} is no placeholder, want one of {%s}", name, strings.Join(Placeholders(), "}, {"))
		}
		t.literals, t.names = append(t.literals, s[last:at[0]]), append(t.names, name)
		last = at[1]
	}
	t.literals = append(t.literals, s[last:])
	if strings.ContainsAny(strings.Join(t.literals, ""), "{}") {
		return Template{}, fmt.Errorf("a brace without its other half")
	}
	u, err := url.Parse(placeholder.ReplaceAllString(s, "x"))
	switch {
	case err != nil || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"<>\^`+"`|", r) }):
		return Template{}, fmt.Errorf("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return Template{}, fmt.Errorf("want a URL of the scheme https or http")
	case u.Hostname() == "" || u.User != nil:
		return Template{}, fmt.Errorf("want a URL with a host and without a user")
	}
	// The scheme and the host end before the first placeholder.
	_, rest, _ := strings.Cut(t.literals[0], "://")
	if len(t.names) > 0 && !strings.ContainsAny(rest, "/?#") {
		return Template{}, fmt.Errorf("a placeholder stands in the host")
	}
	return t, nil
}

// IsZero reports whether t makes no links.
func (t Template) IsZero() bool { return len(t.literals) == 0 }

// Expand puts values in the place of the placeholders, each byte escaped that could mean anything in a URL. ok is false
// where a value is missing or empty: half a link leads nowhere.
func (t Template) Expand(values map[string]string) (link string, ok bool) {
	if t.IsZero() {
		return "", false
	}
	var b strings.Builder
	for i, name := range t.names {
		v := values[name]
		// A browser takes a path segment of dots for a way up, however it is escaped.
		if strings.Trim(v, ".") == "" {
			return "", false
		}
		b.WriteString(t.literals[i])
		b.WriteString(escape(v))
	}
	b.WriteString(t.literals[len(t.names)])
	return b.String(), true
}

// escape is for a path segment, a query and a fragment alike.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
