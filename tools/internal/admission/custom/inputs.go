package custom

import (
	"regexp"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// inputs are the fields that a CEL rule which is broken asks for. The server says which rule it is by its message and the field that
// it means, which may be inside of what the rule is about. Where two could be meant, it is either.
func (k *kind) inputs(f Fault) []manifest.Path {
	var on []manifest.Path
	for depth := 0; depth <= len(f.Path); depth++ {
		at := k.schemaAt(f.Path[:depth])
		if at == nil {
			break
		}
		for _, rule := range at.XValidations {
			if says(rule, f.Detail) {
				on = append(on, asked(f.Path[:depth:depth], at, rule)...)
			}
		}
	}
	if len(on) == 0 {
		return []manifest.Path{f.Path} // of a rule that stands between others
	}
	return on
}

// says reports whether a message may be that of a rule.
func says(rule apiextensionsv1.ValidationRule, message string) bool {
	switch {
	case rule.MessageExpression != "":
		return true
	case rule.Message != "":
		return strings.Contains(message, strings.TrimSpace(rule.Message))
	}
	return strings.Contains(message, strings.TrimSpace(rule.Rule))
}

// self is where a rule names what it is about, with the field of it that it asks for, if it is one.
var self = regexp.MustCompile(`\b(?:self|oldSelf)\b(?:\s*\.\s*\??\s*([A-Za-z_][A-Za-z0-9_]*))?`)

// asked are the fields that a rule asks for, of what is at a path.
func asked(path manifest.Path, at *structural.Structural, rule apiextensionsv1.ValidationRule) []manifest.Path {
	var on []manifest.Path
	for _, match := range self.FindAllStringSubmatch(rule.Rule, -1) {
		name := unescaped(match[1])
		if _, ok := at.Properties[name]; !ok {
			return []manifest.Path{path} // the whole, or a method of it
		}
		on = append(on, append(slices.Clone(path), name))
	}
	return on
}

// unescaped is the name of a property as the object has it: CEL has no names with dots and dashes, or that are its own words.
func unescaped(name string) string {
	name = strings.NewReplacer("__dot__", ".", "__dash__", "-", "__slash__", "/", "__underscores__", "__").Replace(name)
	if word, ok := strings.CutPrefix(name, "__"); ok {
		if word, ok := strings.CutSuffix(word, "__"); ok {
			return word
		}
	}
	return name
}

// schemaAt is the schema of a field; nil where it has none of its own.
func (k *kind) schemaAt(path manifest.Path) *structural.Structural {
	at := k.structural
	for _, step := range path {
		var next *structural.Structural
		switch step := step.(type) {
		case int:
			next = at.Items
		case string:
			if property, ok := at.Properties[step]; ok {
				next = &property
			} else if at.AdditionalProperties != nil {
				next = at.AdditionalProperties.Structural
			}
		}
		if next == nil {
			return nil
		}
		at = next
	}
	return at
}
