// Package fault is what the API server holds against an object: what it says, and the field that it means. The server writes
// a field as text, in which keys may hold the dots and brackets that lead from one to the next: the object decides.
package fault

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Fault is one thing that the API server holds against an object.
type Fault struct {
	Path    manifest.Path   // as deep as the server says; empty for the whole object
	With    manifest.Path   // the field that it does not fit, of a sentence that names two; empty for none
	Message string          // the server's own, without the path
	Detail  string          // the message without the kind of error and the value, where it has both
	Note    string          // to follow the message: whose it is, where not every definition of the kind says it
	Inputs  []manifest.Path // the fields that decide it, beside that of Path; empty where nothing inside of that does
	Whole   bool            // it holds against the field as a whole, whatever is wrong inside
	Type    string          // the server's type of error, as FieldValueInvalid, or another word for a stage; empty where nobody asks
}

// Certain leaves out what nobody can say where the values of some fields are not known: a CEL rule holds against a whole object,
// and asks for what is inside.
func Certain(faults []Fault, unknown []manifest.Path) []Fault {
	if len(unknown) == 0 {
		return faults
	}
	return slices.DeleteFunc(slices.Clone(faults), func(f Fault) bool {
		return slices.ContainsFunc(f.Inputs, func(on manifest.Path) bool {
			return slices.ContainsFunc(unknown, func(field manifest.Path) bool { return field.HasPrefix(on) || on.HasPrefix(field) })
		})
	})
}

// Warning is what the API server tells a client beside its verdict: "spec.ports[0]: duplicate …", or a sentence about no field.
func Warning(content any, said string) Fault {
	if at, message, ok := strings.Cut(said, ": "); ok && !strings.ContainsAny(at, " \t\"") {
		path := Path(content, at)
		if _, there := path[:min(1, len(path))].Lookup(content); there {
			return Fault{Path: path, Message: message}
		}
	}
	// A sentence may begin with the field: "spec.externalIPs is deprecated".
	if word, _, _ := strings.Cut(said, " "); strings.Contains(word, ".") {
		if path := Path(content, word); len(path) > 0 {
			if _, there := path.Lookup(content); there {
				return Fault{Path: path, Message: said}
			}
		}
	}
	// "ResourceQuota requests.cpu (50) should be less than limits.cpu (20)": at the limit.
	if sentence, ok := strings.CutPrefix(said, "ResourceQuota requests."); ok {
		if before, after, ok := strings.Cut(sentence, " should be less than "); ok {
			request, _, _ := strings.Cut(before, " ")
			limit, _, _ := strings.Cut(after, " ")
			path := manifest.Path{"spec", "hard", limit}
			if _, there := path.Lookup(content); there {
				return Fault{Path: path, With: manifest.Path{"spec", "hard", "requests." + request}, Message: said}
			}
		}
	}
	return Fault{Message: said}
}

// Path turns a field as the server's validation and its decoders write it (spec.list[2].map[a.b/c].field) into steps. What
// content does not have, a missing field, is read as plain names.
func Path(content any, text string) manifest.Path {
	var path manifest.Path
	rest := strings.TrimPrefix(text, ".")
	if rest == "<nil>" {
		return nil
	}
	for rest != "" {
		var step any
		var after string
		switch c := content.(type) {
		case map[string]any:
			if key, tail, ok := longestKey(c, rest); ok {
				step, after, content = key, tail, c[key]
			}
		case []any:
			if i, tail, ok := index(rest); ok && i < len(c) {
				step, after, content = i, tail, c[i]
			}
		}
		if step == nil {
			return append(path, plain(rest)...)
		}
		path, rest = append(path, step), strings.TrimPrefix(after, ".")
	}
	return path
}

// longestKey returns the longest key of m that text begins with, and what follows it.
func longestKey(m map[string]any, text string) (longest, after string, ok bool) {
	for key := range m {
		if ok && len(key) <= len(longest) {
			continue
		}
		if tail, found := strings.CutPrefix(text, "["+key+"]"); found && ended(tail) {
			longest, after, ok = key, tail, true
		} else if tail, found := strings.CutPrefix(text, key); found && ended(tail) {
			longest, after, ok = key, tail, true
		}
	}
	return longest, after, ok
}

func ended(tail string) bool { return tail == "" || tail[0] == '.' || tail[0] == '[' }

// index reads "[2]" at the start of text.
func index(text string) (i int, after string, ok bool) {
	digits, found := strings.CutPrefix(text, "[")
	if digits, after, ok = strings.Cut(digits, "]"); !found || !ok || digits == "" || len(digits) > 6 {
		return 0, "", false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, "", false
		}
		i = 10*i + int(c-'0')
	}
	return i, after, true
}

// plain reads a path of which no object is left.
func plain(text string) manifest.Path {
	var path manifest.Path
	for text != "" {
		if i, after, ok := index(text); ok {
			path, text = append(path, i), strings.TrimPrefix(after, ".")
			continue
		}
		if inner, after, ok := bracketed(text); ok {
			path, text = append(path, inner), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(text[1:], ".[") + 1
		if end == 0 {
			return append(path, text)
		}
		path, text = append(path, text[:end]), strings.TrimPrefix(text[end:], ".")
	}
	return path
}

// bracketed reads "[a.b/c]" at the start of text. The key may hold brackets itself: it ends at the first that is followed by
// a dot, a bracket or nothing.
func bracketed(text string) (key, after string, ok bool) {
	if text[0] != '[' {
		return "", "", false
	}
	for end := 1; end < len(text); end++ {
		if text[end] == ']' && ended(text[end+1:]) {
			return text[1:end], text[end+1:], true
		}
	}
	return "", "", false
}
