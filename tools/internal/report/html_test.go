package report

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// rendered is the page of a report, and its tree as a browser would build it.
func rendered(t testing.TB, r Report) (string, *html.Node) {
	t.Helper()
	var out bytes.Buffer
	if err := HTML(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	tree, err := html.Parse(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), tree
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// elements are those with a tag and a class, "" for any.
func elements(tree *html.Node, tag, class string) []*html.Node {
	var found []*html.Node
	for n := range tree.Descendants() {
		if n.Type == html.ElementNode && (tag == "" || n.Data == tag) && (class == "" || slices.Contains(strings.Fields(attribute(n, "class")), class)) {
			found = append(found, n)
		}
	}
	return found
}

// words is the text of an element with single spaces, also between its parts; a <wbr> takes words apart for the eye only.
func words(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
			if c.NextSibling == nil || c.NextSibling.Data != "wbr" {
				b.WriteString(" ")
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func all(nodes []*html.Node) []string {
	var texts []string
	for _, n := range nodes {
		texts = append(texts, words(n))
	}
	return texts
}

func within(t testing.TB, tree *html.Node, id string) *html.Node {
	t.Helper()
	for n := range tree.Descendants() {
		if attribute(n, "id") == id {
			return n
		}
	}
	t.Fatalf("the page has no #%s", id)
	return nil
}

func decoded(t testing.TB, text string) []*manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var objects []*manifest.Object
	for _, d := range documents {
		of, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, of...)
	}
	return objects
}

func environment(t testing.TB, name, image string, replicas int) Target {
	t.Helper()
	return Target{
		Path: "overlays/" + name, Environment: name,
		Objects: decoded(t, fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: ns}
spec:
  replicas: %d
  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: app, image: %q}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: app, namespace: ns}, spec: {selector: {app: a}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: alone, namespace: ns}}
`, replicas, image)),
		Locate: func(o *manifest.Object, path manifest.Path) manifest.Origin {
			return manifest.Origin{Position: manifest.Position{File: "overlays/" + name + "/environment.yaml", Line: len(path)}}
		},
	}
}

func TestHTMLSaysEverything(t *testing.T) {
	r := busy()
	r.Version = "v1.2.3"
	r.Checks = []*check.Check{
		{Name: "pod/probes", Title: "Probes `readinessProbe`", Doc: "One.\n\nTwo.", Fix: "Add one.", Severity: check.Error, Origin: "policy", Scope: check.Object, References: []string{"https://a.example/b", "javascript:x"}, Bad: "kind: Bad", Good: "kind: Good"},
		{Name: "pod/unheard", Title: "Nothing of it", Doc: "Why.", Fix: "Fix.", Severity: check.Error, Origin: "policy", Scope: check.Object},
		{Name: "gitops/application-paths", Title: "Paths", Doc: "Why.", Fix: "Fix.", Severity: check.Error, Origin: "policy", Scope: check.Repository},
	}
	page, tree := rendered(t, r)
	text := words(tree)
	for _, want := range []string{
		"v1.2.3", "Not checked", "5 errors", "1 warning", "13 objects", "2 checks",
		"two lines", "Do this, then that.", // a message and a fix of two lines
		"Deployment ns/app spec.containers[0] overlays/dev overlays/prod", "Deployment ns/app-canary spec.containers[1] overlays/prod", // every place
		"base/a.yaml:2 spec:", "base/gone.yaml:8", // what it overrides
		"it is odd", "base/b.yaml:3", "no place", "overlays/broken", // what could not be checked
		"logs are files", "platform, until the end of 2027-10-31 , by kgate.yaml:4", "a path of the host", // what is exempted
		"Left out", "gitops/application-paths", "1 check found nothing", "pod/unheard",
		"One.", "Two.", "kind: Bad", "kind: Good", "kgate explain pod/probes",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := all(elements(within(t, tree, "check:pod/probes"), "code", "")); !slices.Contains(got, "readinessProbe") {
		t.Errorf("what stands between backquotes is no code: %q", got)
	}
	var links []string
	for _, a := range elements(within(t, tree, "check:pod/probes"), "a", "") {
		links = append(links, attribute(a, "href"))
	}
	if slices.Contains(links, "javascript:x") || !slices.Contains(links, "https://a.example/b") {
		t.Errorf("the references lead to %q", links)
	}
	if got := all(elements(tree, "mark", "")); !slices.Contains(got, "- check: é") || !slices.Contains(got, ": <a> &") {
		t.Errorf("the marked words are %q", got)
	}
	if strings.ContainsAny(page, "\x1b\x00") {
		t.Error("control characters get through")
	}
}

// Every finding is once under its check and once under its file, and everything that leads to it does.
func TestHTMLAnchors(t *testing.T) {
	_, tree := rendered(t, busy())
	ids := map[string]int{}
	for n := range tree.Descendants() {
		if id := attribute(n, "id"); id != "" {
			ids[id]++
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("#%s is there %d times", id, n)
		}
	}
	for _, a := range elements(tree, "a", "") {
		if to, ok := strings.CutPrefix(attribute(a, "href"), "#"); ok && ids[to] == 0 {
			t.Errorf("%q leads to #%s, which is nowhere", words(a), to)
		}
	}
	for _, n := range elements(tree, "", "") {
		for _, name := range []string{"aria-labelledby", "aria-describedby", "for"} {
			for _, id := range strings.Fields(attribute(n, name)) {
				if ids[id] == 0 {
					t.Errorf("%s of <%s> is #%s, which is nowhere", name, n.Data, id)
				}
			}
		}
	}
	if n := len(elements(tree, "article", "finding")); n != 6+2 { // and what could not be checked
		t.Errorf("%d findings are shown", n)
	}
	var listed []string
	for _, li := range elements(tree, "li", "") {
		if of := attribute(li, "data-of"); of != "" {
			listed = append(listed, of)
		}
	}
	slices.Sort(listed)
	if want := []string{"f-1", "f-2", "f-3", "f-4", "f-5", "f-6"}; !slices.Equal(listed, want) {
		t.Errorf("by file there are %v", listed)
	}
	var files []string
	for _, li := range elements(elements(tree, "ul", "files")[0], "h3", "") {
		files = append(files, strings.Fields(words(li))[0])
	}
	if want := []string{"base/a.yaml", "kgate.yaml", "overlays/prod", "overlays/prod/kustomization.yaml"}; !slices.Equal(files, want) {
		t.Errorf("the files are %v", files)
	}
}

func TestHTMLComparesEnvironments(t *testing.T) {
	r := Report{Targets: []Target{environment(t, "dev", "i:1", 1), {Path: "argocd", Objects: some(1)}, environment(t, "prod", "i:2", 3)}}
	r.Targets[2].Objects = r.Targets[2].Objects[:2]
	_, tree := rendered(t, r)
	tables := elements(tree, "table", "compare")
	if len(tables) != 2 {
		t.Fatalf("%d tables", len(tables))
	}
	var rows []string
	for _, tr := range elements(tables[0], "tr", "") {
		rows = append(rows, words(tr))
	}
	want := []string{
		"Field dev overlays/dev prod overlays/prod",
		"Versions",
		"spec.template.spec.containers[app].image Deployment ns/app dev i:1 environment.yaml:6 prod i:2 environment.yaml:6",
		"Replicas",
		"spec.replicas Deployment ns/app dev 1 environment.yaml:2 prod 3 environment.yaml:2",
	}
	if !slices.Equal(rows, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(rows, "\n  "), strings.Join(want, "\n  "))
	}
	if got := all(elements(tables[1], "tr", "")); !slices.Equal(got, []string{"Object dev prod", "ConfigMap ns/alone yes no"}) {
		t.Errorf("not in all of them: %q", got)
	}

	r.Targets = r.Targets[:2]
	if _, tree := rendered(t, r); len(elements(tree, "table", "compare")) != 0 || strings.Contains(words(tree), "What differs") {
		t.Error("one environment is compared with nothing")
	}
	r.Targets = []Target{environment(t, "dev", "i:1", 1), environment(t, "prod", "i:1", 1)}
	if _, tree := rendered(t, r); !strings.Contains(words(tree), "the same everywhere") || !strings.Contains(words(tree), "Nothing: every object that they share is the same in all of them.") {
		t.Error("that nothing differs is not said")
	}
}

func TestHTMLPictures(t *testing.T) {
	r := Report{Targets: []Target{environment(t, "dev", "i:1", 1), {Path: "argocd", Objects: decoded(t, `
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: dev, namespace: argocd}, spec: {source: {path: overlays/dev/app}}}
`)}}}
	service := r.Targets[0].Objects[1].ID
	r.Findings = []check.Finding{
		{Check: "a/b", Severity: check.Warning, Place: check.Place{Target: "overlays/dev", Object: &service}, Message: "m"},
		{Check: "a/b", Severity: check.Warning, Place: check.Place{Target: "elsewhere", Object: &service}, Message: "m"},
	}
	_, tree := rendered(t, r)
	pictures := elements(tree, "svg", "graph")
	if len(pictures) != 2 {
		t.Fatalf("%d pictures", len(pictures))
	}
	first := pictures[0]
	if attribute(first, "role") != "img" || words(elements(first, "title", "")[0]) != "Around Deployment ns/app" || !strings.HasPrefix(words(elements(first, "desc", "")[0]), "2 nodes and 1 relation ") {
		t.Errorf("the picture is %q", words(first))
	}
	marked := elements(first, "g", "marked")
	if len(marked) != 1 || words(elements(marked[0], "title", "")[0]) != "Service ns/app: 1 finding" || attribute(marked[0].Parent, "href") != "#f-1" || len(elements(marked[0], "g", "warned")) != 1 {
		t.Errorf("%d nodes are marked", len(marked))
	}
	box := elements(first, "rect", "box")[0]
	if attribute(box, "width") != fmt.Sprint(boxWidth) || attribute(box, "height") != fmt.Sprint(boxHeight) {
		t.Error("the boxes are not of the size that the layout leaves for them")
	}
	graph := within(t, tree, "t-1-graph")
	if got := all(elements(elements(graph, "table", "")[0], "tr", "")); !slices.Equal(got, []string{"Object Does Object", "Service ns/app has findings sends to Deployment ns/app"}) {
		t.Errorf("the table says %q", got)
	}
	if got := all(elements(graph, "dl", "alone")); !slices.Equal(got, []string{"ConfigMap ns/alone"}) {
		t.Errorf("on their own are %q", got)
	}
	argocd := elements(within(t, tree, "t-2-graph"), "table", "")[0]
	if links := elements(argocd, "a", ""); len(links) != 1 || attribute(links[0], "href") != "#t-1" || words(argocd) == "" || strings.Contains(words(argocd), "not rendered") {
		t.Errorf("the folder of an Application does not lead to its target: %q", words(argocd))
	}
	if open := elements(tree, "details", "picture"); attribute(open[0], "id") != "t-1-graph" || len(open[0].Attr) != len(open[1].Attr)+1 {
		t.Error("the picture of what has findings is not the one that is open")
	}
}

// A knot is not drawn, and what is too long is cut: both are said.
func TestHTMLLargeGraphs(t *testing.T) {
	var text strings.Builder
	text.WriteString("{apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n")
	for i := range mostRelations + 10 {
		fmt.Fprintf(&text, "---\n{apiVersion: v1, kind: LimitRange, metadata: {name: l%d, namespace: ns}}\n", i)
	}
	_, tree := rendered(t, Report{Targets: []Target{{Path: "a", Objects: decoded(t, text.String())}}})
	said := words(tree)
	if len(elements(tree, "svg", "graph")) != 0 || !strings.Contains(said, "2011 nodes and 2010 relations") || !strings.Contains(said, "too much for a picture") || !strings.Contains(said, "10 further relations left off.") {
		t.Errorf("got %.600q", said)
	}
}

// hostile is text that does harm wherever it is not escaped.
const hostile = `</title></style></script><script>alert(1)</script><img src=x onerror=alert(2)>"'><svg onload=alert(3)>{{.}}` + "`<b>`javascript:alert(4)//\x00\x1b[31m&lt;\u202e"

func hostileReport() Report {
	id := &manifest.ID{APIVersion: hostile, Kind: hostile, Namespace: hostile, Name: hostile}
	position := manifest.Position{File: hostile, Line: 1, Column: 3, EndColumn: 9}
	path := manifest.Path{hostile, 0}
	object := func(value any) *manifest.Object {
		return &manifest.Object{ID: *id, Value: map[string]any{hostile: value, "image": hostile}, Source: position}
	}
	service := &manifest.Object{
		ID:    manifest.ID{APIVersion: "v1", Kind: "Service", Namespace: hostile, Name: hostile},
		Value: map[string]any{"spec": map[string]any{"selector": map[string]any{hostile: hostile}}},
	}
	pod := &manifest.Object{
		ID:    manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: hostile, Name: hostile},
		Value: map[string]any{"metadata": map[string]any{"labels": map[string]any{hostile: hostile}}, "spec": map[string]any{"serviceAccountName": hostile}},
	}
	locate := func(*manifest.Object, manifest.Path) manifest.Origin { return manifest.Origin{Position: position} }
	finding := check.Finding{
		Check: hostile, Severity: check.Severity(hostile), Place: check.Place{Target: hostile, Object: &service.ID, Path: path}, Message: hostile, Fix: hostile, Source: position,
		Also: []check.Place{{Target: hostile + "2", Object: id, Path: path}}, Related: []manifest.Position{position},
		With: []check.Part{{Object: service.ID, Path: path, Source: position}},
	}
	explained := &check.Check{
		Name: hostile, Title: hostile, Doc: hostile, Fix: "other", Severity: check.Severity(hostile), Scope: check.Scope(hostile), Origin: hostile,
		References: []string{hostile, "https://" + hostile, "javascript:alert(5)"}, Bad: hostile, Good: hostile,
	}
	passed := *explained
	passed.Name += "passed"
	return Report{
		Version: hostile, Checks: []*check.Check{explained, &passed}, Asked: []string{hostile},
		Targets: []Target{
			{Path: hostile, Environment: hostile, Objects: []*manifest.Object{object(hostile), service, pod}, Locate: locate},
			{Path: hostile + "2", Environment: hostile + "2", Objects: []*manifest.Object{object(hostile + "2"), service}, Locate: locate},
		},
		Findings: []check.Finding{finding, {Check: hostile, Message: hostile, Place: check.Place{Target: hostile}}},
		Exempted: []check.Exempted{{Finding: finding, Exemption: check.Exemption{Check: hostile, Reason: hostile, Owner: hostile, Source: position}}},
		Errors:   []Failure{{Target: hostile, Message: hostile, Source: position}, {Message: hostile}},
		Omitted:  []string{hostile + "3"},
		Notes:    []Note{{Source: manifest.Position{File: hostile}, Message: hostile + "4"}},
		ReadFile: func(string) ([]byte, error) { return []byte(strings.Repeat(hostile+"\n", 3)), nil },
	}
}

func TestHTMLIsNoWayIn(t *testing.T) {
	text, _ := rendered(t, hostileReport())
	harmless(t, text)
	// That it is there at all, and not left out, is what makes that say something.
	if n := strings.Count(text, "alert(1)"); n < 30 {
		t.Errorf("the hostile text is there only %d times", n)
	}
}

// reviewRules are the styles that a filter of changes adds.
var reviewRules = regexp.MustCompile(`^(:root:has\(#by-[a-z]\d+:checked\) :is\(\.filed:not\(\.[a-z]\d+\), \.group:not\(:has\(\.[a-z]\d+\)\)\) { display: none; }\n)*$`)

// harmless fails t where a page has what the template does not write: an element, a way to run a script, a way out, or a
// character that shows something as something else.
func harmless(t *testing.T, text string) {
	t.Helper()
	tree, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]int{"script": 1, "style": 1, "link": 1, "img": 0, "b": 0, "iframe": 0, "object": 0} {
		if n := len(elements(tree, tag, "")); n != want {
			t.Errorf("there are %d <%s>, want %d", n, tag, want)
		}
	}
	if got := elements(tree, "script", "")[0].FirstChild.Data; got != pageJS {
		t.Error("the script is not ours alone")
	}
	if got := elements(tree, "style", "")[0].FirstChild.Data; got != pageCSS && !reviewRules.MatchString(strings.TrimPrefix(got, pageCSS+reviewCSS)) {
		t.Error("the style is not ours alone")
	}
	for _, n := range elements(tree, "", "") {
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "srcdoc":
				t.Errorf("<%s> has %s", n.Data, a.Key)
			case (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "data:image/svg+xml,"):
				t.Errorf("<%s> leads to %q", n.Data, a.Val)
			}
		}
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !terminal.Visible(r) }); i >= 0 {
		t.Errorf("what nobody sees: %q", text[i:min(i+40, len(text))])
	}
}

// A policy that does not fit its own page would turn the style off; one that is loose would turn nothing off.
func TestHTMLPolicy(t *testing.T) {
	_, tree := rendered(t, busy())
	for _, meta := range elements(tree, "meta", "") {
		if attribute(meta, "http-equiv") != "Content-Security-Policy" {
			continue
		}
		want := "default-src 'none'; style-src " + digest(elements(tree, "style", "")[0].FirstChild.Data) + "; script-src " +
			digest(elements(tree, "script", "")[0].FirstChild.Data) + "; img-src data:; base-uri 'none'; form-action 'none'"
		if got := attribute(meta, "content"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		return
	}
	t.Error("there is none")
}

func TestHTMLIsTheSameEveryTime(t *testing.T) {
	for name, r := range map[string]Report{"busy": busy(), "hostile": hostileReport(), "empty": {}} {
		first, _ := rendered(t, r)
		for range 5 {
			if again, _ := rendered(t, r); again != first {
				t.Errorf("%s: the same report makes another page", name)
			}
		}
	}
}

func TestHTMLBeginsWithTheLinesToEdit(t *testing.T) {
	r := many(t, 100)
	r.Dir, r.Branch, r.Commit = "/srv/shop", "main", strings.Repeat("c", 40)
	_, tree := rendered(t, r)
	lists := elements(tree, "ol", "first")
	if len(lists) != 1 {
		t.Fatalf("there are %d lists", len(lists))
	}
	links := elements(lists[0], "a", "")
	if lines := elements(lists[0], "span", "file"); len(lines) != 7 || len(links) != 100 {
		t.Errorf("%d lines with %d findings of 100", len(lines), len(links))
	}
	if !strings.Contains(words(elements(tree, "header", "")[0]), "Repository shop Checked out main "+r.Commit) {
		t.Error("the page does not name its commit")
	}
	if _, tree := rendered(t, many(t, 2)); len(elements(tree, "ol", "first")) > 0 {
		t.Error("two findings need no list")
	}
	// More lines than the list has are counted.
	for i := range r.Findings {
		r.Findings[i].Source.Line = i + 1
	}
	_, tree = rendered(t, r)
	if said := words(elements(tree, "ol", "first")[0]); !strings.Contains(said, fmt.Sprintf("%d findings at other lines: below.", 100-mostFirst)) {
		t.Errorf("got %.200q", said)
	}
}

func TestHTMLVerdicts(t *testing.T) {
	warning := check.Finding{Check: "a/b", Severity: check.Warning}
	wrong := check.Finding{Check: "a/b", Severity: check.Error}
	for _, test := range []struct {
		report Report
		want   string
	}{
		{Report{}, "Clean"},
		{Report{Findings: []check.Finding{warning}}, "1 warning"},
		{Report{Findings: []check.Finding{warning, wrong, wrong}}, "2 errors"},
		{Report{Findings: []check.Finding{wrong}, Errors: []Failure{{Message: "m"}}}, "Not checked"},
	} {
		_, tree := rendered(t, test.report)
		if got := words(elements(tree, "h1", "")[0]); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
		if got := words(elements(tree, "title", "")[0]); got != test.want+" – kgate" {
			t.Errorf("the title is %q", got)
		}
	}
}

// many is a run that found the same fault in n lines.
func many(t testing.TB, n int) Report {
	t.Helper()
	r := busy()
	r.Targets = []Target{environment(t, "dev", "i:1", 1), environment(t, "staging", "i:2", 2), environment(t, "prod", "i:3", 3)}
	one := r.Findings[4]
	r.Findings = nil
	for i := range n {
		f := one
		f.Check = fmt.Sprintf("pod/rule-%d", i%25)
		f.Source.Line = 1 + i%7
		r.Findings = append(r.Findings, f)
	}
	return r
}

// A page that cannot be mailed or opened helps nobody.
func TestHTMLStaysSmall(t *testing.T) {
	few, _ := rendered(t, many(t, 0))
	lots, _ := rendered(t, many(t, 400))
	if each := (len(lots) - len(few)) / 400; each > 3000 {
		t.Errorf("a finding takes %d bytes", each)
	}
}

func BenchmarkHTML(b *testing.B) {
	r := many(b, 400)
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if err := HTML(&out, r, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len()), "bytes")
}
