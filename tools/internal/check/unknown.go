package check

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// StandIns are texts that objects of a target have in place of others that nobody here knows, with how these are written.
type StandIns map[string]string

// In reports whether a text holds one of them.
func (s StandIns) In(text string) bool {
	for standIn := range s {
		if strings.Contains(text, standIn) {
			return true
		}
	}
	return false
}

// Written is a text as it reads where it is written.
func (s StandIns) Written(text string) string {
	for standIn, written := range s {
		text = strings.ReplaceAll(text, standIn, written)
	}
	return text
}

func (s StandIns) identity(id manifest.ID) manifest.ID {
	if len(s) > 0 {
		id.Namespace, id.Name = s.Written(id.Namespace), s.Written(id.Name)
	}
	return id
}

// sayable is what may be said of a field, and whether anything may: nothing is established about a value that nobody here knows,
// nor by comparison with one.
func (p *Pass) sayable(target *Target, object *manifest.Object, path manifest.Path, message string) (string, bool) {
	// Whether a kind has a field at all, its value does not decide.
	if object.Hides(path) && !(p.Check.Origin == "schema" && strings.HasPrefix(message, "unknown field ")) {
		return "", false
	}
	// What cannot be read as an object of its kind is refused as a whole, whichever field it is for.
	if len(path) == 0 && len(object.Unknown) > 0 && (p.Check.Origin == "admission" || p.Check.Origin == "schema") {
		return "", false
	}
	if len(target.StandIns) == 0 {
		return message, true
	}
	// Objects are called by their names, whatever these are. Anything else that is unknown may be what the finding rests on.
	if object.Name != "" && target.StandIns.In(strings.ReplaceAll(message, object.Name, "")) {
		return "", false
	}
	if p.Check.Scope != Object && p.Check.Origin == "policy" && target.unselected() {
		return "", false
	}
	return target.StandIns.Written(message), true
}

// unselected reports whether labels or selectors of objects are unknown, so that nobody can say what selects what.
func (t *Target) unselected() bool {
	return slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool {
		return slices.ContainsFunc(o.Unknown, func(path manifest.Path) bool {
			return slices.ContainsFunc(path, func(step any) bool { return step == "labels" || step == "selector" || step == "matchLabels" })
		})
	})
}
