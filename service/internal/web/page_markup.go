package web

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
)

// markup is the parts of a page that come many times: to have a template walk through each is half of what a page costs. They are
// made of numbers, times and words of this package, and escape what anybody has named.
func markup() template.FuncMap {
	return template.FuncMap{
		"time": timeMarkup, "sign": signMarkup, "columns": columnsMarkup, "version": versionMarkup, "lag": lagMarkup,
		"places": placesMarkup, "releases": releasesMarkup, "days": daysMarkup,
	}
}

// rows makes the rows of a table.
type rows struct{ strings.Builder }

// add appends markup, in which nothing needs to be escaped.
func (r *rows) add(markup ...template.HTML) {
	for _, m := range markup {
		r.WriteString(string(m))
	}
}

// say appends what somebody has named, as a text or as the value of an attribute.
func (r *rows) say(text string) { template.HTMLEscape(&r.Builder, []byte(text)) }

// link appends a link to the page of a name: of lower-case letters, digits and hyphens, which a path takes as they are.
func (r *rows) link(path template.HTML, name string) {
	r.add(`<a class="plain" href="`, path)
	r.say(name)
	r.add(`">`)
	r.say(name)
	r.add(`</a>`)
}

// placesMarkup is what runs, a row a service.
func placesMarkup(services []serviceRow) template.HTML {
	var r rows
	for _, service := range services {
		r.add("\n", `<tr role="row"><th scope="row" role="rowheader">`)
		r.link("/services/", service.Name)
		r.add(`</th>`)
		for _, c := range service.Cells {
			r.add("\n", `<td role="cell"><span class="label" aria-hidden="true">`)
			r.say(c.Environment)
			r.add(`</span>`)
			for _, v := range c.Running {
				r.add(`<div class="running">`, versionMarkup(v.ID, v.Version, v.Canary), `<span class="soft"><span class="revision">`)
				r.say(v.Revision)
				r.add(`</span> `, timeMarkup(v.Since), `</span>`)
				if v.Lag != nil {
					r.add(`<span title="`)
					r.say(v.Lag.Says)
					r.add(`">`, lagMarkup(v.Lag), `</span>`)
				}
				r.add(`</div>`)
			}
			if len(c.Running) == 0 {
				r.add(`<span class="soft none"><span aria-hidden="true">–</span><span class="hidden">nothing runs</span></span>`)
			}
			r.add(`</td>`)
		}
		r.add(`</tr>`)
	}
	return template.HTML(r.String())
}

// releasesMarkup is a row a release.
func releasesMarkup(releases []releaseView) template.HTML {
	var r rows
	for _, v := range releases {
		r.add("\n", `<tr role="row"><td role="cell" class="outcome `)
		r.say(v.Outcome)
		r.add(`">`, signMarkup(v.Outcome), ` `)
		r.say(v.Word)
		r.add(`</td><th scope="row" role="rowheader">`)
		r.link("/services/", v.Service)
		r.add(`</th><td role="cell" class="what">`, versionMarkup(v.ID, v.Version, v.Canary))
		if v.Configuration {
			r.add(` <span class="canary">configuration</span>`)
		}
		r.add(` <span class="soft revision">`)
		r.say(v.Revision)
		r.add(`</span></td><td role="cell" class="env">`)
		r.link("/environments/", v.Environment)
		r.add(`</td><td role="cell" class="actor"><a class="plain" href="/releases?actor=`)
		r.say(url.QueryEscape(v.Actor))
		r.add(`&amp;kind=all" title="`)
		r.say(v.Actor)
		r.add(`"><bdi>`)
		r.say(v.Actor)
		r.add(`</bdi></a></td><td role="cell" class="began">`, timeMarkup(v.Started), `</td><td role="cell" class="took">`)
		r.say(v.Took)
		r.add(`</td></tr>`)
	}
	return template.HTML(r.String())
}

// daysMarkup is a row a day.
func daysMarkup(days []dayView) template.HTML {
	var r rows
	for _, d := range days {
		date := template.HTML(d.Date)
		r.add("\n", `<tr><th scope="row"><time datetime="`, date, `">`, date, `</time></th><td>`, template.HTML(strconv.Itoa(d.Deployments)), `</td><td>`,
			template.HTML(strconv.Itoa(d.Failures)), `</td><td>`, template.HTML(d.Lead), `</td><td>`, template.HTML(d.Restore), `</td></tr>`)
	}
	return template.HTML(r.String())
}

// versionMarkup leads to a release by its version.
func versionMarkup(id, version string, canary bool) template.HTML {
	id, version = template.HTMLEscapeString(id), template.HTMLEscapeString(version)
	link := `<a class="version" href="/releases/` + id + `" title="` + version + `">` + version + `</a>`
	if canary {
		link += ` <span class="canary">canary</span>`
	}
	return template.HTML(link)
}

// lagMarkup is how far something is behind.
func lagMarkup(l *lagView) template.HTML {
	short := template.HTMLEscapeString(l.Short)
	if !l.Known {
		return template.HTML(`<span class="lag other"><svg class="sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="M3 6h10M3 10h10M10 3L6 13"/></svg>` +
			short + `</span>`)
	}
	if l.Days != "" {
		short += ", " + l.Days
	}
	return template.HTML(`<span class="lag"><svg class="sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="M3 4l5 4 5-4M3 9l5 4 5-4"/></svg>` +
		short + `</span>`)
}

// timeMarkup is a moment as its age, with the time itself behind it.
func timeMarkup(m moment) template.HTML {
	return template.HTML(`<time datetime="` + m.ISO + `" title="` + m.UTC + `">` + m.Age + `</time>`)
}

// signMarkup is the sign of an outcome, or of what is like one.
func signMarkup(outcome string) template.HTML {
	drawing := `<circle cx="8" cy="8" r="5" stroke-dasharray="3 2.2"/>`
	switch outcome {
	case "succeeded":
		drawing = `<path d="M3 8.5l3.5 3.5L13 4.5"/>`
	case "failed":
		drawing = `<path d="M4 4l8 8M12 4l-8 8"/>`
	case "rolled_back":
		drawing = `<path d="M6 3L3 6l3 3M3 6h6a4 4 0 0 1 0 8H7"/>`
	case "waiting":
		drawing = `<path d="M4 3h8M4 13h8M5 3c0 3.5 6 6.5 6 10M11 3c0 3.5-6 6.5-6 10"/>`
	case "removed":
		drawing = `<path d="M3 8h10"/>`
	case "committed":
		drawing = `<path d="M1.5 8h3.5M11 8h3.5"/><circle cx="8" cy="8" r="3"/>`
	case "timed_out":
		drawing = `<circle cx="8" cy="8" r="5.5"/><path d="M8 5v3l2 1.5"/>`
	}
	return template.HTML(`<svg class="sign" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + drawing + `</svg>`)
}

// columnsMarkup draws the columns of a plot, each with what is said when it is pointed at.
func columnsMarkup(columns []column) template.HTML {
	var b strings.Builder
	for _, c := range columns {
		b.WriteString("\n<g><title>")
		b.WriteString(template.HTMLEscapeString(c.Tip))
		b.WriteString(`</title><rect class="reach" x="`)
		b.WriteString(strconv.Itoa(c.X))
		b.WriteString(`" y="0" width="`)
		b.WriteString(strconv.Itoa(c.Width))
		b.WriteString(`" height="100%"/>`)
		for _, m := range c.Marks {
			b.WriteString(`<path class="` + m.Class + `" d="` + m.D + `"/>`)
		}
		b.WriteString("</g>")
	}
	return template.HTML(b.String())
}
