package schema

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

const refPrefix = "#/definitions/"

// assemble puts the schema of an object together from its definitions, leaving
// out every field that keep does not want. A nil keep wants them all.
//
// Leaving out a field that no document has changes no verdict: "properties"
// says nothing of a field that is absent, and a field that is present and not
// kept would have been kept. Time to compile is why it is done: it grows with
// the fields that a schema has, of which a manifest uses few. BenchmarkWhole
// and BenchmarkCold measure the difference.
func (b *bundle) assemble(root string, keep func(field string) bool) ([]byte, error) {
	definitions := map[string]any{}
	for todo := []string{root}; len(todo) > 0; {
		digest := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if _, done := definitions[digest]; done {
			continue
		}
		definition, err := b.definition(digest)
		if err != nil {
			return nil, err
		}
		definitions[digest] = prune(definition, keep, func(ref string) {
			todo = append(todo, strings.TrimPrefix(ref, refPrefix))
		})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(map[string]any{"$ref": refPrefix + root, "definitions": definitions})
	return text.Bytes(), err
}

// prune copies a schema without the fields that are not wanted and without
// what only Kubernetes reads. It calls ref with each reference in the copy.
func prune(schema map[string]any, keep func(string) bool, ref func(string)) map[string]any {
	out := make(map[string]any, len(schema))
	child := func(v any) any {
		if s, ok := v.(map[string]any); ok {
			return prune(s, keep, ref)
		}
		return v
	}
	for key, value := range schema {
		switch key {
		case "$ref":
			ref(value.(string))
			out[key] = value
		case "properties":
			fields := map[string]any{}
			for name, field := range value.(map[string]any) {
				if keep == nil || keep(name) {
					fields[name] = child(field)
				}
			}
			out[key] = fields
		case "items", "additionalProperties", "not":
			out[key] = child(value)
		case "allOf", "anyOf", "oneOf":
			var branches []any
			for _, branch := range value.([]any) {
				branches = append(branches, child(branch))
			}
			out[key] = branches
		default:
			if !strings.HasPrefix(key, "x-kubernetes-") {
				out[key] = value
			}
		}
	}
	return out
}

// largest is the size up to which a document's words are collected.
const largest = 1 << 20

// words returns every run of letters, digits, _, $ and - in a document. The
// name of each of its fields is among them, or made of several of them. It
// reports false where that cannot be said: where a field name may be written
// with escapes, or in another encoding than UTF-8.
func words(doc []byte) (map[string]bool, bool) {
	if len(doc) > largest || bytes.IndexByte(doc, 0) >= 0 || bytes.HasPrefix(doc, []byte{0xfe, 0xff}) || bytes.HasPrefix(doc, []byte{0xff, 0xfe}) {
		return nil, false
	}
	for rest := doc; ; {
		i := bytes.IndexByte(rest, '\\')
		if i < 0 {
			break
		}
		if i+1 == len(rest) || strings.IndexByte("xU\r\n", rest[i+1]) >= 0 {
			return nil, false
		}
		if rest[i+1] == 'u' {
			// Encoders of JSON write < > and & like this, so it is common.
			if i+6 > len(rest) {
				return nil, false
			}
			c, err := strconv.ParseUint(string(rest[i+2:i+6]), 16, 16)
			if err != nil || c < 0x80 && inWord(byte(c)) {
				return nil, false
			}
		}
		// Past both, so that the second of two backslashes begins nothing.
		rest = rest[i+2:]
	}
	found := map[string]bool{}
	for begin := 0; begin < len(doc); {
		if !inWord(doc[begin]) {
			begin++
			continue
		}
		end := begin
		for end < len(doc) && inWord(doc[end]) {
			end++
		}
		if w := doc[begin:end]; !found[string(w)] {
			found[string(w)] = true
		}
		begin = end
	}
	return found, true
}

func inWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c == '-'
}

// among reports whether a field of this name can be in a document that has
// these words.
func among(words map[string]bool, field string) bool {
	if words[field] {
		return true
	}
	for word := range strings.FieldsFuncSeq(field, func(r rune) bool { return r > 0x7f || !inWord(byte(r)) }) {
		if !words[word] {
			return false
		}
	}
	return true
}
