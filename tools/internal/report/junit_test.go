package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// element is an element of JUnit's XML as it was read.
type element struct {
	name       string
	attributes map[string]string
	children   []*element
	text       string
}

func (e *element) child(name string) *element {
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// junitSchema is jenkins-junit.xsd, as far as it is used: attributes that must and may be, children in their order. Those
// that it lacks are marked: GitLab reads file, and line is what others write beside it; Jenkins reads the message of
// skipped although its schema has none.
var junitSchema = map[string]struct{ required, optional, children []string }{
	"testsuites": {nil, []string{"name", "time", "tests", "failures", "disabled", "errors"}, []string{"testsuite"}},
	"testsuite": {[]string{"name", "tests"}, []string{"failures", "errors", "time", "disabled", "skipped", "timestamp", "hostname", "id", "package"},
		[]string{"properties", "testcase", "system-out", "system-err"}},
	"testcase": {[]string{"name"}, []string{"assertions", "time", "classname", "status", "file" /* GitLab */, "line" /* GitLab */},
		[]string{"skipped", "error", "failure", "system-out", "system-err"}},
	"skipped":    {nil, []string{"message" /* Jenkins */}, nil},
	"error":      {nil, []string{"type", "message"}, nil},
	"failure":    {nil, []string{"type", "message"}, nil},
	"system-out": {},
}

// readJUnit reads a report and holds it to the schema and to what Jenkins and GitLab make of it.
func readJUnit(t testing.TB, text []byte) *element {
	t.Helper()
	top := &element{}
	open := []*element{top}
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("no XML: %v\n%s", err, text)
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			last.children = append(last.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(token)
		}
	}
	if len(top.children) != 1 || top.children[0].name != "testsuites" {
		t.Fatalf("the root is not testsuites\n%s", text)
	}
	var hold func(*element)
	hold = func(e *element) {
		rule, ok := junitSchema[e.name]
		if !ok {
			t.Fatalf("there is no element %s", e.name)
		}
		for _, name := range rule.required {
			if e.attributes[name] == "" {
				t.Errorf("%s without %s", e.name, name)
			}
		}
		for name := range e.attributes {
			if !slices.Contains(rule.required, name) && !slices.Contains(rule.optional, name) {
				t.Errorf("%s has the attribute %s", e.name, name)
			}
		}
		order := -1
		for _, c := range e.children {
			at := slices.Index(rule.children, c.name)
			if at < 0 || at < order || at == order && c.name != "testsuite" && c.name != "testcase" {
				t.Errorf("%s: %s is out of place", e.name, c.name)
			}
			order = at
			hold(c)
		}
	}
	root := top.children[0]
	hold(root)

	number := func(e *element, name string) int {
		n, err := strconv.Atoi(e.attributes[name])
		if err != nil {
			t.Errorf("%s of %s: %v", name, e.name, err)
		}
		return n
	}
	all := map[string]int{}
	seen := map[string]bool{}
	for _, suite := range root.children {
		count := map[string]int{}
		for _, c := range suite.children {
			// GitLab shows one of those that share these three.
			key := strings.Join([]string{suite.attributes["name"], c.attributes["classname"], c.attributes["name"]}, "\x00")
			if seen[key] {
				t.Errorf("two cases are called %q", key)
			}
			seen[key] = true
			count["tests"]++
			verdicts := 0
			for verdict, attribute := range map[string]string{"failure": "failures", "error": "errors", "skipped": "skipped"} {
				if v := c.child(verdict); v != nil {
					verdicts++
					count[attribute]++
					if v.attributes["message"] == "" || v.text == "" { // Jenkins shows the one, GitLab the other
						t.Errorf("%s of %q says nothing", verdict, key)
					}
				}
			}
			if verdicts > 1 {
				t.Errorf("%q has %d verdicts", key, verdicts)
			}
		}
		for _, name := range []string{"tests", "failures", "errors", "skipped"} {
			if got := number(suite, name); got != count[name] {
				t.Errorf("%s says %s=%d, has %d", suite.attributes["name"], name, got, count[name])
			}
			all[name] += count[name]
		}
	}
	for _, name := range []string{"tests", "failures", "errors"} {
		if got := number(root, name); got != all[name] {
			t.Errorf("the report says %s=%d, has %d", name, got, all[name])
		}
	}
	return root
}

func junitOf(t testing.TB, r Report) *element {
	t.Helper()
	var out bytes.Buffer
	if err := JUnit(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return readJUnit(t, out.Bytes())
}

// verdicts is a line a case: what became of it, and its message.
func verdicts(root *element) []string {
	var lines []string
	for _, suite := range root.children {
		for _, c := range suite.children {
			line := fmt.Sprintf("%s %s:", c.attributes["classname"], c.attributes["name"])
			switch {
			case len(c.children) == 0:
				line += " passed"
			default:
				for _, inner := range c.children {
					line += " " + inner.name
					if message := inner.attributes["message"]; message != "" {
						line += " " + message
					}
				}
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func TestJUnit(t *testing.T) {
	root := junitOf(t, busy())
	want := []string{
		"overlays/dev could be checked: passed",
		"overlays/dev kustomize/patch-target: passed",
		"overlays/dev pod/image-pinned: passed",
		"overlays/dev pod/probes: failure no probe",
		"overlays/dev pod/spread: passed",
		"overlays/dev pod/no-host-path: passed",
		"overlays/dev schema/valid: passed",
		"overlays/dev gitops/application-paths: skipped It needs every target of the repository.",
		"overlays/broken could be checked: error invalid YAML: it\nis odd (and 1 more)",
		"overlays/prod could be checked: passed",
		"overlays/prod kustomize/patch-target: failure the patch changes nothing",
		"overlays/prod pod/image-pinned: failure image <a> & \"b\"",
		"overlays/prod pod/probes: failure no probe",
		"overlays/prod pod/spread: system-out",
		"overlays/prod pod/no-host-path: skipped exempted by platform until 2027-10-31: logs are files",
		"overlays/prod schema/valid: failure no name",
		"overlays/prod gitops/application-paths: skipped It needs every target of the repository.",
		"overlays/prod pod/resources-set: skipped What it found follows from base/a.yaml:3: no probe (pod/probes)",
		"overlays/staging pod/resources-set: skipped What it found follows from base/a.yaml:3: no probe (pod/probes)",
		"kgate.yaml exemption/unused: failure lets nothing pass",
		"what the run left out targets: skipped 2 of 3 targets were asked for; left out: overlays/staging",
		"what the run left out unread: skipped kgate.yaml:20: examples/** is not read (docs team): shown in the manual",
		"what the run left out repository: skipped 1 check did not run, because not every target of the repository was checked; left out: gitops/application-paths",
		"exemptions pod/no-host-path at kgate.yaml:4: skipped pod/no-host-path lets 1 finding pass until 2027-10-31 (platform): logs are files",
	}
	if got := verdicts(root); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	probes := root.children[0].children[3]
	if probes.attributes["file"] != "base/a.yaml" || probes.attributes["line"] != "3" {
		t.Errorf("a failure is at %v", probes.attributes)
	}
	var text bytes.Buffer
	if err := Text(&text, Report{Findings: busy().Findings[4:5], ReadFile: busy().ReadFile}, Options{}); err != nil {
		t.Fatal(err)
	}
	if said := probes.child("failure").text; !strings.Contains(text.String(), said) || !strings.HasPrefix(said, "base/a.yaml:3: error: no probe\n") {
		t.Errorf("a failure says %q, the text report %q", said, text.String())
	}
}

// TestJUnitCases holds what becomes of a check that several things happened to.
func TestJUnitCases(t *testing.T) {
	one := check.Finding{Check: "a/one", Severity: check.Error, Message: "first", Place: check.Place{Target: "t"}, Source: at("f", 1)}
	two := one
	two.Message, two.Source = "second", at("f", 2)
	warning := one
	warning.Severity, warning.Message = check.Warning, "careful"
	exempted := check.Exempted{Finding: one, Exemption: check.Exemption{Owner: "o", Reason: "because"}}
	broken := []Failure{{Target: "t", Message: "engine down"}}
	for _, test := range []struct {
		name string
		r    Report
		want string
	}{
		{"nothing", Report{}, "passed"},
		{"two findings", Report{Findings: []check.Finding{one, two}}, "failure first (and 1 more)"},
		{"a warning", Report{Findings: []check.Finding{warning}}, "system-out"},
		{"a warning and a finding", Report{Findings: []check.Finding{warning, one}}, "failure first"},
		{"a finding, and one exempted", Report{Findings: []check.Finding{one}, Exempted: []check.Exempted{exempted}}, "failure first system-out"},
		{"a warning, and one exempted", Report{Findings: []check.Finding{warning}, Exempted: []check.Exempted{exempted}}, "system-out"},
		{"two exempted", Report{Exempted: []check.Exempted{exempted, exempted}}, "skipped exempted by o until 0001-01-01: because (and 1 more)"},
		{"not checked as a whole", Report{Errors: broken}, "skipped The target could not be checked as a whole."},
		{"a finding all the same", Report{Errors: broken, Findings: []check.Finding{one}}, "failure first"},
		{"a warning all the same", Report{Errors: broken, Findings: []check.Finding{warning}}, "system-out"},
		{"omitted", Report{Omitted: []string{"a/one"}}, "skipped It needs every target of the repository."},
	} {
		test.r.Asked, test.r.Targets = []string{"t"}, []Target{{Path: "t"}}
		test.r.Checks = []*check.Check{{Name: "a/one", Scope: check.Object}, {Name: "exemption/unused", Scope: check.Itself}}
		root := junitOf(t, test.r)
		if got := verdicts(root); len(got) < 2 || len(root.children[0].children) != 2 || got[1] != "t a/one: "+test.want {
			t.Errorf("%s: got %q, want %s", test.name, got, test.want)
		}
		for _, finding := range test.r.Findings {
			if text := root.children[0].children[1]; !strings.Contains(fmt.Sprint(text.children[0].text), finding.Message) {
				t.Errorf("%s: %s is not told", test.name, finding.Message)
			}
		}
	}
}

func TestJUnitIllegalCharacters(t *testing.T) {
	r := busy()
	r.Findings[1].Message = "a\x00b\x1bc\ufffed\xffe\r\n]]>"
	root := junitOf(t, r)
	got := root.children[2].children[2].child("failure").attributes["message"]
	if want := `a\x00b\x1bc\ufffed\xffe` + "\n]]>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
