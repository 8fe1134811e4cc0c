package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// JUnit writes the report as test results, for Jenkins, GitLab and what else reads JUnit's XML: a suite a target, a case a
// check. Both take a case's class name and name together for its identity, and show one failure a case: all that a
// check finds in a target is in that one.
//
//   - Findings of severity error are a failure; warnings are output of a case that passes, for JUnit has no middle.
//   - What follows from another finding is in the failure of that one. Its own check is skipped where it found nothing else.
//   - What could not be checked is the error of a case of its own. Checks of that target that found nothing are skipped,
//     not passed.
//   - A check whose findings are all exempted is skipped with the reasons, and so is one that needs every target.
//   - Every exemption that let something pass, and everything that the run did not look at, is a skipped case of a suite of
//     its own, so that nobody has to look for them among the others.
//
// Nothing has a time: the same findings are the same bytes.
func JUnit(w io.Writer, r Report, _ Options) error {
	var body bytes.Buffer
	body.WriteString(xml.Header)
	encoder := xml.NewEncoder(&body)
	encoder.Indent("", "  ")
	if err := encoder.Encode(r.junit()); err != nil {
		return fmt.Errorf("write JUnit's XML: %w", err)
	}
	body.WriteByte('\n')
	_, err := w.Write(terminal.Markup(body.Bytes()))
	return err
}

// The order of elements and the attributes are those of the schema that Jenkins publishes; file and line are GitLab's.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Class     string        `xml:"classname,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Line      int           `xml:"line,attr,omitempty"`
		Skipped   *junitVerdict `xml:"skipped"`
		Error     *junitVerdict `xml:"error"`
		Failure   *junitVerdict `xml:"failure"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitVerdict struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// complete is the name of the case that says whether a target could be checked.
const complete = "could be checked"

func (r Report) junit() junitSuites {
	type place struct{ target, check string }
	found := map[place][]check.Finding{}
	exempted := map[place][]check.Exempted{}
	type follower struct{ cause, is check.Finding }
	follows := map[place][]follower{}
	more := map[string][]string{} // what was found in a target, by check
	for _, f := range r.Findings {
		for _, target := range f.Targets() {
			found[place{target, f.Check}] = append(found[place{target, f.Check}], f)
			more[target] = append(more[target], f.Check)
		}
		for _, is := range f.Follows {
			for _, target := range is.Targets() {
				follows[place{target, is.Check}] = append(follows[place{target, is.Check}], follower{f, is})
				more[target] = append(more[target], is.Check)
			}
		}
	}
	for _, e := range r.Exempted {
		for _, target := range e.Finding.Targets() {
			exempted[place{target, e.Finding.Check}] = append(exempted[place{target, e.Finding.Check}], e)
			more[target] = append(more[target], e.Finding.Check)
		}
	}
	sources := r.sources()
	out := junitSuites{Name: "kgate"}
	for _, s := range r.overview() {
		suite := junitSuite{Name: terminal.Line(or(s.Path, "kgate validate"))}
		if s.asked || s.rendered || s.failures > 0 {
			suite.add(r.completed(s, sources))
		}
		var names []string
		if s.rendered {
			for _, c := range r.Checks {
				if c.Scope != check.Itself { // those are about files of their own
					names = append(names, c.Name)
				}
			}
		}
		seen := map[string]bool{}
		for _, name := range append(names, more[s.Path]...) {
			if seen[name] {
				continue
			}
			seen[name] = true
			c := junitCase{Name: terminal.Line(name), Class: suite.Name}
			findings, passed := found[place{s.Path, name}], exempted[place{s.Path, name}]
			c.judge(findings, passed, sources)
			switch {
			case c.Failure != nil || c.Skipped != nil || len(findings) > 0:
			case len(follows[place{s.Path, name}]) > 0:
				below := follows[place{s.Path, name}]
				c.skip(terminal.Line("What it found follows from " + said(below[0].cause)))
				c.Skipped.Text = quoted(sources, func(out *text) {
					for _, f := range below {
						out.Line("%s", terminal.Line("Follows from "+said(f.cause)))
						out.finding(f.is)
					}
				})
			case slices.Contains(r.Omitted, name):
				c.skip("It needs every target of the repository.")
			case s.failures > 0:
				c.skip("The target could not be checked as a whole.")
			}
			suite.add(c)
		}
		out.add(suite)
	}
	out.add(r.noted())
	out.add(r.lenient())
	return out
}

// add takes a suite that has cases.
func (s *junitSuites) add(suite junitSuite) {
	if len(suite.Cases) == 0 {
		return
	}
	s.Suites = append(s.Suites, suite)
	s.Tests += suite.Tests
	s.Failures += suite.Failures
	s.Errors += suite.Errors
}

// noted is what the run did not look at.
func (r Report) noted() junitSuite {
	suite := junitSuite{Name: "what the run left out"}
	for _, n := range r.notes() {
		c := junitCase{Name: suite.free(or(n.About, "note")), Class: suite.Name}
		c.skip(terminal.Line(n.String()))
		if len(n.LeftOut) > 0 {
			c.Skipped.Text = terminal.Line(n.Message + "; left out: " + strings.Join(n.LeftOut, ", "))
		}
		suite.add(c)
	}
	return suite
}

// lenient are the exemptions that let something pass.
func (r Report) lenient() junitSuite {
	suite := junitSuite{Name: "exemptions"}
	for _, e := range r.exemptions() {
		c := junitCase{Name: suite.free(e.Check + " at " + place(e.Source)), Class: suite.Name, File: terminal.Line(e.Source.File), Line: e.Source.Line}
		c.skip(terminal.Line(e.String()))
		suite.add(c)
	}
	return suite
}

// free is a name that no case of the suite has.
func (s *junitSuite) free(name string) string {
	name = terminal.Line(name)
	unique := name
	for n := 2; slices.ContainsFunc(s.Cases, func(c junitCase) bool { return c.Name == unique }); n++ {
		unique = fmt.Sprintf("%s (%d)", name, n)
	}
	return unique
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Error != nil:
		s.Errors++
	case c.Failure != nil:
		s.Failures++
	case c.Skipped != nil:
		s.Skipped++
	}
}

// completed is the case of what could not be checked in a target.
func (r Report) completed(s *status, sources *sources) junitCase {
	c := junitCase{Name: complete, Class: terminal.Line(or(s.Path, "kgate validate"))}
	var messages []string
	text := quoted(sources, func(out *text) {
		for _, e := range r.Errors {
			if e.Target == s.Path {
				messages = append(messages, e.Message)
				out.failure(e)
			}
		}
	})
	for _, e := range r.Errors {
		if e.Target == s.Path && !e.Source.IsZero() {
			c.File, c.Line = terminal.Line(e.Source.File), e.Source.Line
			break
		}
	}
	if len(messages) > 0 {
		c.Error = &junitVerdict{Message: first(messages), Type: "error", Text: text}
	}
	return c
}

// judge says what a check found in a target.
func (c *junitCase) judge(findings []check.Finding, exempted []check.Exempted, sources *sources) {
	var messages []string
	for _, f := range findings {
		if f.Severity != check.Warning {
			messages = append(messages, f.Message)
		}
	}
	if len(findings) > 0 {
		if c.File, c.Line = terminal.Line(findings[0].Source.File), findings[0].Source.Line; sources.revision != "" && strings.HasSuffix(findings[0].Source.File, sources.revision) {
			c.File, c.Line = "", 0 // there is no such file any more
		}
	}
	said := quoted(sources, func(out *text) {
		for _, f := range findings {
			out.finding(f)
		}
	})
	passed := quoted(sources, func(out *text) {
		for _, e := range exempted {
			out.exempted(e)
		}
	})
	switch {
	case len(messages) > 0:
		c.Failure = &junitVerdict{Message: first(messages), Type: string(check.Error), Text: said}
		c.SystemOut = passed
	case len(findings) > 0:
		c.SystemOut = said + passed
	case len(exempted) > 0:
		e := exempted[0].Exemption
		reasons := []string{fmt.Sprintf("exempted by %s until %s: %s", e.Owner, e.Expires.Format(time.DateOnly), e.Reason)}
		for range exempted[1:] {
			reasons = append(reasons, "")
		}
		c.Skipped = &junitVerdict{Message: first(reasons), Text: passed}
	}
}

func (c *junitCase) skip(reason string) { c.Skipped = &junitVerdict{Message: reason, Text: reason} }

// first is the first of several messages, and how many more there are.
func first(messages []string) string {
	message := terminal.Text(strings.ReplaceAll(messages[0], "\r\n", "\n"))
	if n := len(messages) - 1; n > 0 {
		return fmt.Sprintf("%s (and %d more)", message, n)
	}
	return message
}

// quoted is what the text report says, without colour.
func quoted(sources *sources, write func(*text)) string {
	var b strings.Builder
	out := newText(&b, sources, false)
	write(out)
	_ = out.Flush() // a builder takes everything
	return b.String()
}
