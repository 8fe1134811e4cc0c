package report

import (
	"fmt"
	"html/template"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// linking makes addresses of places, where a forge shows the lines of a repository's files.
type linking struct {
	report   Report
	template string
	known    map[string]bool // files, and whether there is one
}

func (r Report) linking(template string) *linking {
	return &linking{r, template, map[string]bool{}}
}

// to is the address of a line; "" where there is none to tell. A file of the side before is one of its commit.
func (l *linking) to(file string, line int) string {
	if l == nil || l.template == "" || file == "" || line == 0 || l.report.ReadFile == nil {
		return ""
	}
	has, known := l.known[file]
	if !known {
		_, err := l.report.ReadFile(file)
		has = err == nil
		l.known[file] = has
	}
	if !has {
		return ""
	}
	commit := l.report.Commit
	if c := l.report.Comparison; c != nil {
		if c.After.Commit != "" {
			commit = c.After.Commit
		}
		if name, before := strings.CutSuffix(file, c.revision()); before {
			file, commit = name, c.Before.Commit
		}
	}
	if commit == "" && strings.Contains(l.template, "{commit}") {
		return ""
	}
	var steps []string
	for step := range strings.SplitSeq(path.Join(l.report.Top, file), "/") {
		steps = append(steps, url.PathEscape(step))
	}
	return strings.NewReplacer("{file}", strings.Join(steps, "/"), "{line}", fmt.Sprint(line), "{commit}", commit).Replace(l.template)
}

// placeParts takes a place apart as place writes it.
var placeParts = regexp.MustCompile(`^(.+?):([0-9]+)(?::[0-9]+)?$`)

// html is a place on a page, as a link where there is an address. A name with characters that were escaped is none.
func (l *linking) html(place string) template.HTML { return l.shown(place, "") }

// before is html of a place that is one of the side before.
func (l *linking) before(place string) template.HTML {
	return l.shown(place, l.report.Comparison.revision())
}

func (l *linking) shown(place, revision string) template.HTML {
	shown := template.HTMLEscapeString(place)
	parts := placeParts.FindStringSubmatch(place)
	if parts == nil || strings.Contains(place, `\`) {
		return template.HTML(shown)
	}
	var line int
	if _, err := fmt.Sscan(parts[2], &line); err != nil {
		return template.HTML(shown)
	}
	to := l.to(parts[1]+revision, line)
	if to == "" {
		return template.HTML(shown)
	}
	return template.HTML(fmt.Sprintf(`<a href="%s" rel="noreferrer">%s</a>`, template.HTMLEscapeString(to), shown))
}

// source is a link beside a place that leads elsewhere already; "" where there is no address.
func (l *linking) source(place string) template.HTML {
	linked := string(l.html(place))
	if !strings.HasPrefix(linked, "<a ") {
		return ""
	}
	head, _, _ := strings.Cut(linked, ">")
	return template.HTML(head + ">source</a>")
}

// markdown is a place in a comment.
func (l *linking) markdown(p manifest.Position) string {
	said := asFile(p)
	to := l.to(p.File, p.Line)
	if to == "" || said == "" {
		return said
	}
	return fmt.Sprintf(`<a href="%s">%s</a>`, template.HTMLEscapeString(to), said)
}

// VerifySourceURL refuses a template of addresses that leads nowhere.
func VerifySourceURL(text string) error {
	parsed, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(text))
	switch {
	case err != nil:
		return err
	case parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "":
		return fmt.Errorf("%q is no address that begins with https://", text)
	case !strings.Contains(text, "{file}"):
		return fmt.Errorf("%q does not say {file}: write https://github.com/OWNER/NAME/blob/{commit}/{file}#L{line}, or what your forge has", text)
	}
	if rest := strings.NewReplacer("{file}", "", "{line}", "", "{commit}", "").Replace(text); strings.ContainsAny(rest, "{}") {
		return fmt.Errorf("%q: of {}, there are {file}, {line} and {commit}", text)
	}
	return nil
}
