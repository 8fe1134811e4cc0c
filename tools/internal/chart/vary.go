package chart

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

// varying are functions of the templates whose result another call does not repeat.
var varying = regexp.MustCompile(`\b(now|ago|rand(?:AlphaNum|Alpha|Ascii|Numeric|Int|Bytes)|uuidv4|shuffle|bcrypt|htpasswd|encryptAES|` +
	`gen(?:PrivateKey|CA|CAWithKey|SelfSignedCert|SelfSignedCertWithKey|SignedCert|SignedCertWithKey))\b`)

// Variation is what another render of the same release makes otherwise.
type Variation struct {
	Document  int      // of the first render
	Line      int      // of the document's template, that makes the difference; 0 where several may
	Functions []string // that the chart or its values mention and that make something else every time
}

// later is when the second render believes to be.
const later = 400 * 24 * time.Hour

// Variation renders a release again, at another time, where its chart mentions a function that makes something else every
// time. It is nil where both renders are the same.
func (c *Chart) Variation(ctx context.Context, r Release, first *Rendered) (*Variation, error) {
	var mentioned []string
	mention := func(text []byte) {
		for _, name := range varying.FindAll(text, -1) {
			if !slices.Contains(mentioned, string(name)) {
				mentioned = append(mentioned, string(name))
			}
		}
	}
	for _, f := range c.files {
		if strings.HasPrefix(f.Name, "templates/") || strings.Contains(f.Name, "/templates/") || strings.HasSuffix(f.Name, ".tgz") {
			mention(f.Data)
		}
	}
	for _, v := range r.Values {
		mention(v.Text)
	}
	for _, s := range r.Sets {
		mention([]byte(s.Value))
	}
	if len(mentioned) == 0 {
		return nil, nil
	}
	second, err := c.render(ctx, r, template.FuncMap{"now": func() time.Time { return time.Now().Add(later) }})
	if err != nil {
		return nil, err
	}
	for i, d := range first.Documents {
		if i >= len(second.Documents) || second.Documents[i].Source != d.Source {
			return c.variation(i, d.File, mentioned, nil), nil
		}
		if again := second.Documents[i].Text; again != d.Text {
			return c.variation(i, d.File, mentioned, changed(d.Text, again)), nil
		}
	}
	if last := len(first.Documents) - 1; len(second.Documents) > last+1 {
		return c.variation(max(last, 0), "", mentioned, nil), nil
	}
	return nil, nil
}

// changed are the lines of a text that another one, of as many lines, has otherwise.
func changed(text, again string) []string {
	lines, others := strings.Split(text, "\n"), strings.Split(again, "\n")
	if len(lines) != len(others) {
		return nil
	}
	var all []string
	for i, line := range lines {
		if line != others[i] {
			all = append(all, line)
		}
	}
	return all
}

// variation is that of a document of a template, of which these lines change.
func (c *Chart) variation(document int, file string, mentioned, changed []string) *Variation {
	v := &Variation{Document: document}
	var template []string
	lines := 0
	for _, f := range c.files {
		if f.Name != file {
			continue
		}
		template = strings.Split(string(f.Data), "\n")
		for n, line := range template {
			if names := varying.FindAllString(line, -1); names != nil {
				lines++
				v.Line, v.Functions = n+1, append(v.Functions, names...)
			}
		}
	}
	if lines != 1 {
		v.Line = written(template, changed)
	}
	if lines == 0 {
		v.Functions = mentioned
	}
	slices.Sort(v.Functions)
	v.Functions = slices.Compact(v.Functions)
	return v
}

// written is the line of a template that writes one of these lines: the only one that has the same key before an action. It is 0
// where there is none.
func written(template, lines []string) int {
	for _, line := range lines {
		var found []int
		for n, text := range template {
			key, _, acts := strings.Cut(text, "{{")
			if key = strings.TrimSpace(key); acts && strings.Contains(key, ":") && strings.HasPrefix(strings.TrimSpace(line), key) {
				found = append(found, n+1)
			}
		}
		if len(found) == 1 {
			return found[0]
		}
	}
	return 0
}
