package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const (
	homepage    = "https://github.com/kgate-dev/gitops"
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	root        = "%SRCROOT%"
)

// SARIF writes the report in the Static Analysis Results Interchange Format 2.1.0, for code scanning and editors.
//
// It holds to what GitHub's "SARIF support for code scanning" asks beyond the standard: descriptions of a rule have at
// most 1,024 characters and a rule at most 10 tags, no required text is empty, and every result has one location with a
// file and all four ends of a region, and the fingerprint primaryLocationLineHash. A run there has at most 25,000 results
// and 1,000 locations a result, of which 5,000 and 100 are shown; nothing is cut to that here.
func SARIF(w io.Writer, r Report, _ Options) error {
	log := sarif.NewReport()
	log.Schema = sarifSchema
	s := &sarifRun{Run: sarif.NewRunWithInformationURI("kgate", homepage), sources: r.sources(), hashes: map[string][]string{}}
	log.AddRun(s.Run)
	s.WithColumnKind("unicodeCodePoints")
	s.OriginalUriBaseIds = map[string]sarif.ArtifactLocation{
		root: *sarif.NewArtifactLocation().WithDescription(sarif.NewTextMessage("The root of the repository.")),
	}
	if r.Version != "" {
		s.Tool.Driver.WithVersion(r.Version)
	}
	if version, err := semver.StrictNewVersion(strings.TrimPrefix(r.Version, "v")); err == nil {
		s.Tool.Driver.WithSemanticVersion(version.String())
	}
	for _, c := range r.Checks {
		s.rule(c)
	}
	fingerprints := s.sources.fingerprints(r.all())
	for i, f := range r.Findings {
		s.result(f, fingerprints[i])
	}
	for i, e := range r.Exempted {
		s.result(e.Finding, fingerprints[len(r.Findings)+i]).AddSuppression(s.suppression(e.Exemption))
	}
	s.invocation(r)
	var text bytes.Buffer
	if err := log.Write(&text); err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	var spare map[string]any
	if err := json.Unmarshal(text.Bytes(), &spare); err != nil {
		return fmt.Errorf("write SARIF: %w", err)
	}
	leaveOutDefaults(spare)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(spare)
}

// leaveOutDefaults takes out what the library writes and the standard takes for granted: indexes and offsets of -1, and
// empty lists. They are a third of the file, and some readers take an offset of -1 for a place.
func leaveOutDefaults(value any) {
	switch value := value.(type) {
	case map[string]any:
		maps.DeleteFunc(value, func(key string, inner any) bool {
			list, isList := inner.([]any)
			return inner == -1.0 || isList && len(list) == 0 && key != "results" && key != "rules" // their being empty says something
		})
		for _, inner := range value {
			leaveOutDefaults(inner)
		}
	case []any:
		for _, inner := range value {
			leaveOutDefaults(inner)
		}
	}
}

type sarifRun struct {
	*sarif.Run
	sources *sources
	hashes  map[string][]string // lineHashes of files
}

func (s *sarifRun) rule(c *check.Check) {
	text, markdown := help(c)
	properties := sarif.NewPropertyBag().
		Add("precision", "very-high"). // a rule decides, it does not guess
		Add("problem.severity", string(c.Severity))
	for _, tag := range []string{c.Group(), c.Origin, string(c.Scope)} {
		if tag != "" && !slices.Contains(properties.Tags, tag) { // a set, says the schema
			properties.AddTag(tag)
		}
	}
	rule := s.AddRule(c.Name).
		WithShortDescription(multiformat(cut(or(c.Title, c.Name)))).
		WithFullDescription(multiformat(cut(or(c.Doc, c.Title, c.Name)))).
		WithHelp(multiformat(text).WithMarkdown(markdown)).
		WithHelpURI(homepage).
		WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(level(c.Severity))).
		WithProperties(properties)
	for _, reference := range c.References {
		if link(reference) {
			rule.WithHelpURI(reference)
			break
		}
	}
}

func (s *sarifRun) result(f check.Finding, fingerprint string) *sarif.Result {
	if s.GetRuleIndex(f.Check) < 0 {
		s.rule(&check.Check{Name: f.Check, Fix: f.Fix, Severity: f.Severity})
	}
	location := s.location(f.Source, f.Target)
	seen := map[string]bool{}
	for _, p := range f.Places() {
		if logical := logicalLocation(p); logical != nil && !seen[*logical.FullyQualifiedName+" "+p.Path.String()] {
			seen[*logical.FullyQualifiedName+" "+p.Path.String()] = true // a set, says the schema
			location.AddLogicalLocation(logical)
		}
	}
	result := s.CreateResultForRule(f.Check).
		WithLevel(level(f.Severity)).
		AddLocation(location).
		WithPartialFingerprints(map[string]string{"kgate/v1": fingerprint, "primaryLocationLineHash": s.hash(f.Source, fingerprint)})
	// A link in a message is [text](target); what only looks like one is none.
	message := strings.ReplaceAll(or(f.Message, f.Check), "](", `\](`)
	for i, related := range f.Related {
		result.AddRelatedLocation(s.location(related, f.Target).WithID(i + 1).WithMessage(sarif.NewTextMessage("This value is overridden.")))
		message += fmt.Sprintf("\nIt overrides [%s](%d).", linkText(related), i+1)
	}
	for i, w := range f.With {
		id := len(f.Related) + i + 1
		result.AddRelatedLocation(s.location(w.Source, f.Target).WithID(id).WithMessage(sarif.NewTextMessage("Held against: " + weighed(w) + ".")))
		message += fmt.Sprintf("\nHeld against [%s](%d).", linkText(w.Source), id)
	}
	return result.WithMessage(sarif.NewTextMessage(message))
}

// linkText is a position as the text of a link.
func linkText(p manifest.Position) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`).Replace(p.String())
}

func (s *sarifRun) suppression(e check.Exemption) *sarif.Suppression {
	return sarif.NewSuppression().WithKind("external").WithStatus("accepted").
		WithJustification(fmt.Sprintf("%s (%s, until %s)", e.Reason, e.Owner, e.Expires.Format(time.DateOnly))).
		WithLocation(s.location(e.Source, "kgate.yaml"))
}

// invocation says how far the run came.
func (s *sarifRun) invocation(r Report) {
	invocation := sarif.NewInvocation().WithExecutionSuccessful(len(r.Errors) == 0)
	for _, e := range r.Errors {
		note := sarif.NewNotification().WithLevel(sarif.LevelError).WithMessage(sarif.NewTextMessage(or(e.Message, "could not be checked")))
		if !e.Source.IsZero() || e.Target != "" {
			location := s.location(e.Source, e.Target)
			if logical := logicalLocation(check.Place{Target: e.Target}); logical != nil {
				location.AddLogicalLocation(logical)
			}
			note.AddLocation(location)
		}
		invocation.AddToolExecutionNotification(note)
	}
	for _, n := range r.Notes {
		invocation.AddToolExecutionNotification(sarif.NewNotification().WithLevel(sarif.LevelNote).
			WithMessage(sarif.NewTextMessage(or(n.Message, "to know"))).AddLocation(s.location(n.Source, "")))
	}
	for _, name := range r.Omitted {
		note := sarif.NewNotification().WithLevel(sarif.LevelNote).
			WithMessage(sarif.NewTextMessage(name + " was left out, because it needs every target of the repository."))
		if index := s.GetRuleIndex(name); index >= 0 {
			note.WithAssociatedRule(sarif.NewReportingDescriptorReference().WithID(name).WithIndex(index))
		}
		invocation.AddToolConfigurationNotification(note)
	}
	s.AddInvocation(invocation)
}

// location is a position with what is written there, or the file when no more is known.
func (s *sarifRun) location(p manifest.Position, otherwise string) *sarif.Location {
	if p.IsZero() {
		p = manifest.Position{File: otherwise}
	}
	region := sarif.NewRegion().WithStartLine(max(p.Line, 1)).WithEndLine(max(p.Line, 1)).WithStartColumn(max(p.Column, 1)).
		WithEndColumn(max(p.Column, p.EndColumn, 1))
	place := sarif.NewPhysicalLocation().WithArtifactLocation(artifact(p.File)).WithRegion(region)
	if characters, _, ok := s.sources.characters(p); ok {
		begin, end := marked(characters, p)
		region.WithStartColumn(begin + 1).WithEndColumn(end + 1)
		if len(characters) <= longestSnippet {
			region.WithSnippet(sarif.NewArtifactContent().WithText(string(characters[begin:end])))
			place.WithContextRegion(sarif.NewRegion().WithStartLine(p.Line).WithEndLine(p.Line).WithStartColumn(1).
				WithEndColumn(len(characters) + 1).WithSnippet(sarif.NewArtifactContent().WithText(string(characters))))
		}
	}
	return sarif.NewLocationWithPhysicalLocation(place)
}

// longestSnippet is how many characters a line may have to be quoted.
const longestSnippet = 1000

func artifact(file string) *sarif.ArtifactLocation {
	if strings.HasPrefix(file, "/") {
		return sarif.NewSimpleArtifactLocation((&url.URL{Scheme: "file", Path: file}).String())
	}
	segments := strings.Split(file, "/")
	for i, segment := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(segment), ":", "%3A") // the first would be a scheme
	}
	return sarif.NewSimpleArtifactLocation(strings.Join(segments, "/")).WithURIBaseID(root)
}

// logicalLocation is an object of a target, or else the target.
func logicalLocation(p check.Place) *sarif.LogicalLocation {
	if p.Target == "" && p.Object == nil {
		return nil
	}
	if p.Object == nil {
		return sarif.NewLogicalLocation().WithName(p.Target).WithFullyQualifiedName(p.Target).WithKind("module")
	}
	names := []string{p.Target, p.Object.Kind}
	if p.Object.Namespace != "" {
		names = append(names, p.Object.Namespace)
	}
	names = append(names, or(p.Object.Name, "(no name)"))
	properties := sarif.NewPropertyBag().Add("target", p.Target).Add("apiVersion", p.Object.APIVersion).Add("kind", p.Object.Kind).
		Add("namespace", p.Object.Namespace).Add("path", p.Path.String())
	return sarif.NewLogicalLocation().WithName(or(p.Object.Name, "(no name)")).WithFullyQualifiedName(strings.Join(names, "/")).
		WithKind("resource").WithProperties(properties)
}

// hash is what github/codeql-action would say of a position; where it could not say anything, the finding's own
// fingerprint.
func (s *sarifRun) hash(p manifest.Position, fingerprint string) string {
	hashes, known := s.hashes[p.File]
	if !known {
		if lines := s.sources.lines(p.File); lines != nil {
			hashes = lineHashes(strings.Join(lines, "\n"))
		}
		s.hashes[p.File] = hashes
	}
	if line := max(p.Line, 1); line <= len(hashes) {
		return hashes[line-1]
	}
	return fingerprint
}

func level(severity check.Severity) string {
	if severity == check.Warning {
		return sarif.LevelWarning
	}
	return sarif.LevelError
}

func multiformat(text string) *sarif.MultiformatMessageString {
	return sarif.NewMultiformatMessageString().WithText(text)
}

// or is the first of the texts that is not empty.
func or(texts ...string) string {
	for _, text := range texts {
		if strings.TrimSpace(text) != "" {
			return text
		}
	}
	return "-"
}

// longestDescription is what code scanning takes.
const longestDescription = 1024

// cut shortens a description at a word; the rule's help has it all.
func cut(text string) string {
	if utf8.RuneCountInString(text) <= longestDescription {
		return text
	}
	text = string([]rune(text)[:longestDescription-2])
	if space := strings.LastIndexAny(text, " \n"); space > 0 {
		text = text[:space]
	}
	return text + " …"
}

// help is what `kgate explain` says of a check.
func help(c *check.Check) (text, markdown string) {
	var t, m strings.Builder
	section := func(title, body, code string) {
		if body = strings.TrimSpace(body); body == "" {
			return
		}
		_, _ = fmt.Fprintf(&t, "%s:\n%s\n\n", title, body) // builders take everything
		if code != "" {
			fence := "```"
			for strings.Contains(body, fence) {
				fence += "`"
			}
			body = fence + code + "\n" + body + "\n" + fence
		}
		_, _ = fmt.Fprintf(&m, "### %s\n\n%s\n\n", title, body)
	}
	section("Why", or(c.Doc, c.Title, c.Name), "")
	section("Bad", c.Bad, "yaml")
	section("Good", c.Good, "yaml")
	section("Fix", c.Fix, "")
	var list []string
	for _, reference := range c.References {
		if link(reference) {
			reference = "<" + reference + ">"
		}
		list = append(list, "- "+reference)
	}
	if len(list) > 0 {
		_, _ = fmt.Fprintf(&t, "Source:\n%s\n\n", strings.Join(c.References, "\n"))
		_, _ = fmt.Fprintf(&m, "### Source\n\n%s\n\n", strings.Join(list, "\n"))
	}
	return strings.TrimSpace(t.String()), strings.TrimSpace(m.String())
}

func link(reference string) bool {
	u, err := url.Parse(reference)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(reference, "<> ")
}
