package repo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// SchemaURL is where the JSON Schema of kgate.yaml is published, for a comment at the head of the file:
// # yaml-language-server: $schema=URL
const SchemaURL = "https://raw.githubusercontent.com/kgate-dev/gitops/main/docs/kgate.schema.json"

// document is a JSON Schema. It is of draft 7, the newest that every editor reads.
type document struct {
	Schema      string     `json:"$schema,omitempty"`
	ID          string     `json:"$id,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        any        `json:"type,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	Format      string     `json:"format,omitempty"`
	MinLength   int        `json:"minLength,omitempty"`
	Minimum     *float64   `json:"minimum,omitempty"`
	Maximum     *float64   `json:"maximum,omitempty"`
	MinItems    int        `json:"minItems,omitempty"`
	Items       *document  `json:"items,omitempty"`
	Required    []string   `json:"required,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Additional  *bool      `json:"additionalProperties,omitempty"`
}

// properties are written in their order, which is that of the page and of editors.
type properties []property

type property struct {
	name string
	is   *document
}

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, each := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(each.name)
		if err != nil {
			return nil, err
		}
		value, err := unescaped(each.is)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// ConfigSchema is the JSON Schema of kgate.yaml.
func ConfigSchema() ([]byte, error) {
	whole := schemaOf(Value{Mapping: Keys()})
	whole.Schema, whole.ID = "http://json-schema.org/draft-07/schema#", SchemaURL
	whole.Title = ConfigFile + " of " + ConfigVersion
	whole.Description = "What kgate is told of a repository: " + strings.TrimSuffix(SchemaURL, "kgate.schema.json") + "configuration.md"
	text, err := unescaped(whole)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	return append(bytes.TrimSpace(b.Bytes()), '\n'), nil
}

// unescaped is JSON with <, > and & as they are written.
func unescaped(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

func schemaOf(v Value) *document {
	no := false
	switch {
	case v.Mapping != nil:
		s := &document{Type: "object", Additional: &no}
		for _, key := range v.Mapping {
			is := schemaOf(key.Value)
			is.Description = plainText(key.Doc)
			s.Properties = append(s.Properties, property{key.Name, is})
			if key.Required {
				s.Required = append(s.Required, key.Name)
			}
		}
		return s
	case v.List != nil:
		s := &document{Type: "array", Items: schemaOf(*v.List)}
		if v.NotEmpty {
			s.MinItems = 1
		}
		return s
	case v.Boolean:
		return &document{Type: "boolean"}
	case v.Number != nil:
		return &document{Type: "number", Minimum: &v.Number.Min, Maximum: &v.Number.Max}
	case v.Whole != nil:
		return &document{Type: "integer", Minimum: &v.Whole.Min, Maximum: &v.Whole.Max}
	case v.Enum != nil:
		return &document{Type: "string", Enum: v.Enum}
	}
	s := &document{Type: "string", Pattern: v.Pattern, Format: v.Format, MinLength: 1}
	if v.Figure {
		s.Type = []string{"string", "number"}
	}
	return s
}

// plainText is a text of Markdown as editors show it.
func plainText(doc string) string { return strings.ReplaceAll(doc, "`", "") }

// ConfigPage is docs/configuration.md.
func ConfigPage() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", ConfigFile)
	fmt.Fprintf(&b, `What kgate is told of a repository stands in %[1]s at its top, and a run in any folder of it goes by that. Without the
file, kgate finds what there is to check, and every key has its default. A key that kgate does not know is an error with its
line; so is a value that it does not understand. Flags of the command line go before the file, for one run.

Editors complete and check the file by its JSON Schema ([kgate.schema.json](kgate.schema.json), the same as %[2]s
prints), with a comment in its first line:

%[3]s
# yaml-language-server: $schema=%[4]s
apiVersion: %[5]s
%[6]s

A repository that has none begins with %[8]s, which writes one; %[9]s records what is wrong today in
kgate-baseline.yaml beside it, until a last day, so that only what is new fails. Neither that nor an exemption is for what could
not be rendered: nobody knows what is wrong with it. A root that is not to be rendered, by design, is named under %[10]s,
and the verdict on the others is whole; until then they are judged, the summary counts what was not checked, and the run ends with 2.

This page and the schema are written by %[7]s from one list, which a test holds to what kgate takes.
`, "`"+ConfigFile+"`", "`kgate config-schema`", "```yaml", SchemaURL, ConfigVersion, "```", "`make configuration`", "`kgate init`", "`kgate baseline`", "`unread`")
	b.WriteString("\n| key | is |\n|---|---|\n")
	for _, key := range Keys() {
		first, _, _ := strings.Cut(key.Doc, ". ")
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", key.Name, strings.ToLower(key.Name), strings.TrimSuffix(first, "."))
	}
	for _, key := range Keys() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", key.Name, key.Doc)
		if said := takes(key.Value); said != "" {
			fmt.Fprintf(&b, "%s\n\n", said)
		}
		fmt.Fprintf(&b, "```yaml\n%s```\n", key.Example)
		inner := key.Value
		for inner.List != nil {
			inner = *inner.List
		}
		if inner.Mapping != nil {
			b.WriteString("\n| key | takes | is |\n|---|---|---|\n")
			rows(&b, "", inner.Mapping)
		}
	}
	return b.String()
}

func rows(b *strings.Builder, above string, keys []Key) {
	for _, key := range keys {
		said := strings.TrimSuffix(takes(key.Value), ".")
		if key.Required {
			said += ", required"
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", above, key.Name, strings.TrimPrefix(said, "Takes "), key.Doc)
		inner, step := key.Value, "."
		for inner.List != nil {
			inner, step = *inner.List, "[]."
		}
		rows(b, above+key.Name+step, inner.Mapping)
	}
}

// takes says what a value is, in a sentence.
func takes(v Value) string {
	is := "a text"
	switch {
	case v.Mapping != nil:
		is = "a mapping"
	case v.List != nil:
		is = "a list"
		if v.NotEmpty {
			is += " that is not empty"
		}
		if of := takes(*v.List); v.List.Mapping != nil {
			is += " of mappings"
		} else if of != "" {
			is += ", each entry " + strings.TrimSuffix(strings.TrimPrefix(of, "Takes "), ".")
		}
	case v.Boolean:
		is = "`true` or `false`"
	case v.Number != nil:
		is = fmt.Sprintf("a number from %g to %g", v.Number.Min, v.Number.Max)
	case v.Whole != nil:
		is = fmt.Sprintf("a whole number from %.0f to %.0f", v.Whole.Min, v.Whole.Max)
	case len(v.Enum) == 1:
		is = "`" + v.Enum[0] + "`"
	case v.Enum != nil:
		is = "one of `" + strings.Join(v.Enum, "`, `") + "`"
	case v.Format == "date":
		is = "a day, as `2027-10-31`"
	}
	return "Takes " + is + "."
}
