package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// sarifStandard is the JSON Schema of SARIF 2.1.0 as OASIS publishes it (errata 01). go-sarif carries it as a constant
// of its source, so go.sum holds it to what it was.
func sarifStandard(t testing.TB) *jsonschema.Schema {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(out)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING { // there is but one
			text, err = strconv.Unquote(literal.Value)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	var head struct{ ID string }
	if err := json.Unmarshal([]byte(text), &head); err != nil || head.ID != sarifSchema {
		t.Fatalf("the schema is %q, %v; want %s", head.ID, err, sarifSchema)
	}
	return compile(t, []byte(text))
}

// sarifLog is what the tests look at.
type sarifLog struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Version, SemanticVersion string
				Rules                    []struct {
					ID                                      string
					ShortDescription, FullDescription, Help struct{ Text, Markdown string }
					HelpURI                                 string
					DefaultConfiguration                    struct{ Level string }
					Properties                              struct{ Tags []string }
				}
			}
		}
		Invocations []struct {
			ExecutionSuccessful                                        bool
			ToolExecutionNotifications, ToolConfigurationNotifications []struct{ Message struct{ Text string } }
		}
		Results []sarifResult
	}
}

type sarifResult struct {
	RuleID              string
	RuleIndex           int
	Level               string
	Message             struct{ Text string }
	Locations           []sarifLocation
	RelatedLocations    []sarifLocation
	PartialFingerprints map[string]string
	Suppressions        []struct{ Kind, Status, Justification string }
}

type sarifLocation struct {
	ID               int
	PhysicalLocation struct {
		ArtifactLocation struct{ URI, URIBaseID string }
		Region           struct {
			StartLine, StartColumn, EndLine, EndColumn int
			Snippet                                    struct{ Text string }
		}
		ContextRegion struct{ Snippet struct{ Text string } }
	}
	LogicalLocations []struct{ FullyQualifiedName, Kind string }
}

func sarifOf(t testing.TB, r Report) (sarifLog, []byte) {
	t.Helper()
	var out bytes.Buffer
	if err := SARIF(&out, r, Options{}); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	return log, out.Bytes()
}

// fitForCodeScanning holds a log to what GitHub requires beyond the standard: "SARIF support for code scanning",
// https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
func fitForCodeScanning(t testing.TB, log sarifLog) {
	t.Helper()
	wrong := func(format string, args ...any) { t.Helper(); t.Errorf("code scanning: "+format, args...) }
	if len(log.Runs) != 1 {
		t.Fatalf("%d runs", len(log.Runs))
	}
	rules := log.Runs[0].Tool.Driver.Rules
	for _, rule := range rules {
		for _, text := range []string{rule.ID, rule.ShortDescription.Text, rule.FullDescription.Text, rule.Help.Text, rule.Help.Markdown} {
			if text == "" {
				wrong("rule %q has an empty text", rule.ID)
			}
		}
		for _, text := range []string{rule.ShortDescription.Text, rule.FullDescription.Text} {
			if n := utf8.RuneCountInString(text); n > 1024 {
				wrong("rule %q has a description of %d characters", rule.ID, n)
			}
		}
		if len(rule.Properties.Tags) > 10 {
			wrong("rule %q has %d tags", rule.ID, len(rule.Properties.Tags))
		}
	}
	for i, result := range log.Runs[0].Results {
		if result.RuleIndex < 0 || result.RuleIndex >= len(rules) || rules[result.RuleIndex].ID != result.RuleID {
			wrong("result %d: the rule %q is not at %d", i, result.RuleID, result.RuleIndex)
		}
		if result.Message.Text == "" || result.PartialFingerprints["primaryLocationLineHash"] == "" {
			wrong("result %d has no message or no fingerprint", i)
		}
		if len(result.Locations) != 1 {
			wrong("result %d has %d locations", i, len(result.Locations))
			continue
		}
		place := result.Locations[0].PhysicalLocation
		if place.ArtifactLocation.URI == "" {
			wrong("result %d is in no file", i)
		}
		if r := place.Region; r.StartLine < 1 || r.StartColumn < 1 || r.EndLine < r.StartLine || r.EndColumn < r.StartColumn {
			wrong("result %d has the region %+v", i, r)
		}
	}
}

func TestSARIFIsValid(t *testing.T) {
	standard := sarifStandard(t)
	for name, r := range map[string]Report{"busy": busy(), "nothing": {}, "clean": {Version: "v1.2.3-rc.1", Asked: []string{"a"}}} {
		t.Run(name, func(t *testing.T) {
			log, text := sarifOf(t, r)
			validate(t, standard, text)
			fitForCodeScanning(t, log)
		})
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "helpUri": 1}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if standard.Validate(document) == nil {
		t.Error("the standard takes anything")
	}
}

func TestSARIF(t *testing.T) {
	log, _ := sarifOf(t, busy())
	run := log.Runs[0]
	if driver := run.Tool.Driver; driver.Version != "1.2.3" || driver.SemanticVersion != "1.2.3" || len(driver.Rules) != len(busy().Checks) {
		t.Errorf("version %q, semantic version %q, %d rules", driver.Version, driver.SemanticVersion, len(driver.Rules))
	}
	pinned := run.Tool.Driver.Rules[1]
	if want := "### Why\n\nWhat \\<latest\\> means changes. So does what runs.\n\n### Bad\n\n```yaml\nimage: app\n```\n\n" +
		"### Good\n\n````yaml\nimage: app:1\n# ```\n````\n\n### Fix\n\nPin it.\n\n### Source\n\n- the `team` handbook\n- <https://example.com/a_b>\n- <https://example.com/c>"; pinned.Help.Markdown != want {
		t.Errorf("got  %q\nwant %q", pinned.Help.Markdown, want)
	}
	if pinned.HelpURI != "https://example.com/a_b" || run.Tool.Driver.Rules[2].HelpURI != homepage {
		t.Errorf("help at %s and %s", pinned.HelpURI, run.Tool.Driver.Rules[2].HelpURI)
	}
	if level := run.Tool.Driver.Rules[3].DefaultConfiguration.Level; level != "warning" {
		t.Errorf("a warning has the level %s", level)
	}
	if full := run.Tool.Driver.Rules[5]; !strings.HasSuffix(full.FullDescription.Text, "A long …") || len(full.Help.Text) < 1300 {
		t.Errorf("a long description ends in %q; its help has %d bytes", full.FullDescription.Text[1000:], len(full.Help.Text))
	}

	image := run.Results[1]
	if r := image.Locations[0].PhysicalLocation.Region; r.StartLine != 7 || r.StartColumn != 12 || r.EndColumn != 19 || r.Snippet.Text != ": <a> &" {
		t.Errorf("the region of a column and an end is %+v", r)
	}
	probes := run.Results[4]
	if r := probes.Locations[0].PhysicalLocation.Region; r.StartColumn != 3 || r.EndColumn != 14 || r.Snippet.Text != "containers:" {
		t.Errorf("the region of a line is %+v", r)
	}
	if text := probes.Locations[0].PhysicalLocation.ContextRegion.Snippet.Text; text != "  containers: # all of them" {
		t.Errorf("its context is %q", text)
	}
	var shows []string
	for _, l := range probes.Locations[0].LogicalLocations {
		shows = append(shows, l.Kind+" "+l.FullyQualifiedName)
	}
	if got, want := strings.Join(shows, ", "), "resource overlays/dev/Deployment/ns/app, resource overlays/prod/Deployment/ns/app, resource overlays/prod/Deployment/ns/app-canary"; got != want {
		t.Errorf("it shows in %s, want %s", got, want)
	}
	if want := "no probe\nIt overrides [base/a.yaml:2](1).\nIt overrides [base/gone.yaml:8](2).\nHeld against [base/a.yaml:4](3).\nHeld against [base/gone.yaml:1](4)." +
		"\nFrom it follows [base/a.yaml:7](5): no <b>\nlimits (pod/resources-set)\nFrom it follows [overlays/dev](6): no probe there (pod/probes)"; probes.Message.Text != want {
		t.Errorf("got  %q\nwant %q", probes.Message.Text, want)
	}
	for i, related := range probes.RelatedLocations {
		if related.ID != i+1 || related.PhysicalLocation.Region.StartLine != []int{2, 8, 4, 1, 7, 1}[i] {
			t.Errorf("related location %d is %+v", i, related)
		}
	}

	last := run.Results[len(run.Results)-1]
	if len(run.Results) != 7 || len(last.Suppressions) != 1 || last.Suppressions[0].Kind != "external" || last.Suppressions[0].Status != "accepted" ||
		last.Suppressions[0].Justification != "logs are files (platform, until 2027-10-31)" {
		t.Errorf("%d results; the exempted one is %+v", len(run.Results), last)
	}
	for _, result := range run.Results[:6] {
		if result.Suppressions != nil {
			t.Errorf("%s is suppressed", result.RuleID)
		}
	}
	told := run.Invocations[0]
	if told.ExecutionSuccessful || len(told.ToolExecutionNotifications) != 2 || len(told.ToolConfigurationNotifications) != 4 {
		t.Errorf("the run is told as %+v", told)
	}
	if clean, _ := sarifOf(t, Report{}); !clean.Runs[0].Invocations[0].ExecutionSuccessful {
		t.Error("a clean run did not succeed")
	}
}

func TestSARIFVersion(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": "1.2.3", "v1.2.3": "1.2.3", "v1.2.3-rc.1+5": "1.2.3-rc.1+5", "development build": "", "1.2": "", "": "",
	} {
		log, _ := sarifOf(t, Report{Version: version})
		if driver := log.Runs[0].Tool.Driver; driver.SemanticVersion != want || driver.Version != version {
			t.Errorf("%q: version %q, semantic version %q, want %q", version, driver.Version, driver.SemanticVersion, want)
		}
	}
}

// TestSARIFColumns holds that columns count characters, whatever bytes they take.
func TestSARIFColumns(t *testing.T) {
	r := Report{ReadFile: func(string) ([]byte, error) { return []byte("é: \U0001f600é # c\n"), nil }}
	for _, test := range []struct {
		at         manifest.Position
		begin, end int
		snippet    string
	}{
		{manifest.Position{File: "a", Line: 1, Column: 4}, 4, 6, "\U0001f600é"},
		{manifest.Position{File: "a", Line: 1, Column: 4, EndColumn: 5}, 4, 5, "\U0001f600"},
		{manifest.Position{File: "a", Line: 1}, 1, 6, "é: \U0001f600é"},
		{manifest.Position{File: "a", Line: 1, Column: 99, EndColumn: 100}, 1, 6, "é: \U0001f600é"},
		{manifest.Position{File: "a", Line: 2}, 1, 1, ""},
		{manifest.Position{File: "a", Line: 9, Column: 3, EndColumn: 7}, 3, 7, ""},
		{manifest.Position{File: "a"}, 1, 1, ""},
	} {
		r.Findings = []check.Finding{{Check: "a/b", Message: "m", Source: test.at}}
		log, _ := sarifOf(t, r)
		got := log.Runs[0].Results[0].Locations[0].PhysicalLocation.Region
		if got.StartColumn != test.begin || got.EndColumn != test.end || got.Snippet.Text != test.snippet {
			t.Errorf("%+v: got %+v, want %d to %d, %q", test.at, got, test.begin, test.end, test.snippet)
		}
	}
}

func TestSARIFURI(t *testing.T) {
	for file, want := range map[string]string{
		"base/a.yaml":   "base/a.yaml",
		"a b/ü#?%.yaml": "a%20b/%C3%BC%23%3F%25.yaml",
		"c:/d\\e":       "c%3A/d%5Ce",
		"\xff[x]":       "%FF%5Bx%5D",
		"<stdin>":       "%3Cstdin%3E",
		"/tmp/a b":      "file:///tmp/a%20b",
		"//host/a":      "file:////host/a",
	} {
		got := artifact(file)
		parsed, err := url.Parse(*got.URI)
		if *got.URI != want || err != nil || parsed.Path != file {
			t.Errorf("%q: got %s, which is %v, %v; want %s", file, *got.URI, parsed, err, want)
		}
		if relative := got.URIBaseID != nil; relative == strings.HasPrefix(file, "/") {
			t.Errorf("%q: relative %t", file, relative)
		}
	}
}

// TestSARIFMessageLinks holds that a message cannot hold a link that kgate did not write.
func TestSARIFMessageLinks(t *testing.T) {
	log, _ := sarifOf(t, Report{Findings: []check.Finding{{Check: "a/b", Message: "see [this](https://example.com)", Source: at("a", 1), Related: []manifest.Position{at("a](9) [b", 2)}}}})
	if got, want := log.Runs[0].Results[0].Message.Text, `see [this]\(https://example.com)`+"\n"+`It overrides [a%5D(9) %5Bb:2](1).`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestSARIFFingerprints holds that results say what github/codeql-action would, and what it cannot.
func TestSARIFFingerprints(t *testing.T) {
	text, findings := containers("a", "a")
	findings = append(findings, findings[0])
	findings[2].Source = at("gone.yaml", 3)
	log, _ := sarifOf(t, Report{Findings: findings, ReadFile: func(file string) ([]byte, error) {
		if file != "a.yaml" {
			return nil, fmt.Errorf("no %s", file)
		}
		return []byte(text), nil
	}})
	hashes := lineHashes(text)
	results := log.Runs[0].Results
	for i, want := range []string{hashes[3], hashes[4], results[2].PartialFingerprints["kgate/v1"]} {
		if got := results[i].PartialFingerprints["primaryLocationLineHash"]; got != want {
			t.Errorf("result %d: got %s, want %s", i, got, want)
		}
	}
	own := map[string]bool{}
	for _, result := range results {
		own[result.PartialFingerprints["kgate/v1"]] = true
	}
	if len(own) != 3 {
		t.Errorf("three results have %d fingerprints of their own", len(own))
	}
}
