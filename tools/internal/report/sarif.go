package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
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
	at := 0
	for _, f := range r.Findings {
		s.result(r.standing(f), fingerprints[at])
		at += 1 + len(f.Follows)
	}
	for i, e := range r.Exempted {
		s.result(r.standing(e.Finding), fingerprints[at+i]).AddSuppression(s.suppression(e.Exemption))
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
	document, err := encode(spare)
	if err != nil {
		return err
	}
	_, err = w.Write(terminal.JSON(document))
	return err
}

// placeholder is where a message takes an argument, {0}.
var placeholder = regexp.MustCompile(`\{(\d+)\}`)

// prose is a text as a message of SARIF says it. Readers show [text](target) as a link and {0} as an argument, and some
// do so whatever is before the brackets: what only looks like a link has a backslash within, and a placeholder is
// doubled, as section 3.11.5 of the standard has it.
func prose(text string) string {
	text = terminal.Text(strings.ReplaceAll(text, "\r\n", "\n"))
	return placeholder.ReplaceAllString(strings.ReplaceAll(text, "](", `]\(`), "{{$1}}")
}

func message(text string) *sarif.Message { return sarif.NewTextMessage(prose(text)) }

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
		WithShortDescription(multiformat(cut(prose(or(c.Title, c.Name))))).
		WithFullDescription(multiformat(cut(prose(or(c.Doc, c.Title, c.Name))))).
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
	logicalLocations(location, f)
	result := s.CreateResultForRule(f.Check).
		WithLevel(level(f.Severity)).
		AddLocation(location).
		WithPartialFingerprints(map[string]string{"kgate/v1": fingerprint, "primaryLocationLineHash": s.hash(f.Source, fingerprint)})
	said := prose(or(f.Message, f.Check))
	for i, related := range f.Related {
		result.AddRelatedLocation(s.location(related, f.Target).WithID(i + 1).WithMessage(sarif.NewTextMessage("This value is overridden.")))
		said += fmt.Sprintf("\nIt overrides [%s](%d).", linkText(related), i+1)
	}
	for i, w := range f.With {
		id := len(f.Related) + i + 1
		result.AddRelatedLocation(s.location(w.Source, f.Target).WithID(id).WithMessage(message("Held against: " + weighed(w) + ".")))
		said += fmt.Sprintf("\nHeld against [%s](%d).", linkText(w.Source), id)
	}
	for i, follower := range f.Follows {
		id := len(f.Related) + len(f.With) + i + 1
		location := s.location(follower.Source, follower.Target).WithID(id).WithMessage(message(fmt.Sprintf("Follows from it: %s (%s)", follower.Message, follower.Check)))
		logicalLocations(location, follower)
		result.AddRelatedLocation(location)
		said += fmt.Sprintf("\nFrom it follows [%s](%d): %s", linkText(cmp.Or(follower.Source, manifest.Position{File: follower.Target})), id, prose(fmt.Sprintf("%s (%s)", follower.Message, follower.Check)))
	}
	return result.WithMessage(sarif.NewTextMessage(said))
}

// logicalLocations names the objects that a finding shows in.
func logicalLocations(location *sarif.Location, f check.Finding) {
	seen := map[string]bool{}
	for _, p := range f.Places() {
		if logical := logicalLocation(p); logical != nil && !seen[*logical.FullyQualifiedName+" "+p.Path.String()] {
			seen[*logical.FullyQualifiedName+" "+p.Path.String()] = true // a set, says the schema
			location.AddLogicalLocation(logical)
		}
	}
}

// linkText is a position as the text of a link, which some readers end at the first bracket, escaped or not.
func linkText(p manifest.Position) string {
	return placeholder.ReplaceAllString(strings.NewReplacer("[", "%5B", "]", "%5D").Replace(terminal.Line(p.String())), "{{$1}}")
}

// suppression is an exemption. GitHub takes either kind for a dismissal; kgate.yaml and an annotation alike are decisions
// beside what they exempt, so all are external, and a property tells them apart.
func (s *sarifRun) suppression(e check.Exemption) *sarif.Suppression {
	by := e.Owner
	if e.OnObject() {
		by += ", on the object itself"
	}
	suppression := sarif.NewSuppression().WithKind("external").WithStatus("accepted").
		WithJustification(terminal.Text(fmt.Sprintf("%s (%s, until %s)", e.Reason, by, e.Expires.Format(time.DateOnly)))).
		WithLocation(s.location(e.Source, "kgate.yaml"))
	suppression.Properties = decided(e)
	return suppression
}

func decided(e check.Exemption) *sarif.PropertyBag {
	return sarif.NewPropertyBag().Add("check", e.Check).Add("path", e.Path.String()).Add("owner", e.Owner).Add("reason", e.Reason).
		Add("expires", e.Expires.Format(time.DateOnly)).Add("onObject", e.OnObject())
}

// invocation says how far the run came.
func (s *sarifRun) invocation(r Report) {
	invocation := sarif.NewInvocation().WithExecutionSuccessful(len(r.Errors) == 0)
	for _, e := range r.Errors {
		note := sarif.NewNotification().WithLevel(sarif.LevelError).WithMessage(message(or(e.Message, "could not be checked")))
		if !e.Source.IsZero() || e.Target != "" {
			location := s.location(e.Source, e.Target)
			if logical := logicalLocation(check.Place{Target: e.Target}); logical != nil {
				location.AddLogicalLocation(logical)
			}
			note.AddLocation(location)
		}
		invocation.AddToolExecutionNotification(note)
	}
	note := func(said, check string) *sarif.Notification {
		note := sarif.NewNotification().WithLevel(sarif.LevelNote).WithMessage(message(said))
		if index := s.GetRuleIndex(check); index >= 0 {
			note.WithAssociatedRule(sarif.NewReportingDescriptorReference().WithID(check).WithIndex(index))
		}
		return note
	}
	for _, n := range r.Notes {
		invocation.AddToolConfigurationNotification(note(n.String(), "").
			WithProperties(sarif.NewPropertyBag().Add("about", n.About).Add("leftOut", n.LeftOut)))
	}
	for _, name := range r.Omitted {
		invocation.AddToolConfigurationNotification(note(name+" was left out, because it needs every target of the repository.", name))
	}
	for _, e := range r.exemptions() {
		invocation.AddToolConfigurationNotification(note(e.String(), e.Check).AddLocation(s.location(e.Source, "kgate.yaml")).
			WithProperties(decided(e.Exemption).Add("findings", e.passed)))
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
	if characters, ok := s.sources.characters(p); ok && !s.sources.withheld(p) {
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

// help is what `kgate explain` says of a check, as a message of SARIF and in Markdown.
func help(c *check.Check) (text, markdown string) {
	var t, m strings.Builder
	section := func(title, body, markdown string) {
		if strings.TrimSpace(body) == "" {
			return
		}
		_, _ = fmt.Fprintf(&t, "%s:\n%s\n\n", title, prose(strings.TrimSpace(body))) // builders take everything
		_, _ = fmt.Fprintf(&m, "### %s\n\n%s\n\n", title, markdown)
	}
	why := or(c.Doc, c.Title, c.Name)
	section("Why", why, inMarkdown(why))
	section("Bad", c.Bad, fenced(c.Bad))
	section("Good", c.Good, fenced(c.Good))
	section("Fix", c.Fix, inMarkdown(c.Fix))
	var list []string
	for _, reference := range c.References {
		if link(reference) {
			reference = "<" + reference + ">"
		} else {
			reference = inMarkdown(reference)
		}
		list = append(list, "- "+reference)
	}
	section("Source", strings.Join(c.References, "\n"), strings.Join(list, "\n"))
	return strings.TrimSpace(t.String()), strings.TrimSpace(m.String())
}

// fenced is an example, behind a fence that is in none of its lines.
func fenced(text string) string {
	text = terminal.Text(strings.TrimSpace(text))
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "yaml\n" + text + "\n" + fence
}

// inMarkdown is prose in Markdown, of which nothing but code between single backquotes is more than text: no link, no picture,
// no tag. Rules of one's own come from the repository that is checked.
func inMarkdown(text string) string {
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"), "\n\n") {
		paragraph = terminal.Line(strings.Join(strings.Fields(paragraph), " "))
		if paragraph == "" {
			continue
		}
		parts := strings.Split(paragraph, "`")
		if len(parts)%2 == 0 || strings.Contains(paragraph, "``") {
			parts = []string{strings.ReplaceAll(punctuation.Replace(paragraph), "`", "\\`")} // no code in it, or no telling which
		} else {
			for i := 0; i < len(parts); i += 2 {
				parts[i] = punctuation.Replace(parts[i])
			}
		}
		paragraph = strings.Join(parts, "`")
		if strings.ContainsRune("-+=", rune(paragraph[0])) {
			paragraph = `\` + paragraph // a list, or a line
		}
		paragraphs = append(paragraphs, paragraph)
	}
	return strings.Join(paragraphs, "\n\n")
}

// punctuation escapes what Markdown reads as its own signs within a paragraph, or at its beginning.
var punctuation = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "&", `\&`, "#", `\#`, "~", `\~`, "|", `\|`, "!", `\!`)

func link(reference string) bool {
	u, err := url.Parse(reference)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(reference, "<> ") &&
		terminal.Line(reference) == reference
}
