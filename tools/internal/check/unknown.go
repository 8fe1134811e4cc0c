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
	// Objects are called by their names, whatever these are, and so are containers and volumes. Anything else that is unknown
	// may be what the finding rests on.
	without := message
	for _, name := range p.names(object, path) {
		without = strings.ReplaceAll(without, name, "")
	}
	if object.Name != "" && target.StandIns.In(without) {
		return "", false
	}
	if p.Check.Scope != Object && p.Check.Origin == "policy" && target.unselected() {
		return "", false
	}
	return target.StandIns.Written(message), true
}

// names are what an object is called, and the containers and volumes that a path leads through. Rules of one object are about what
// these are, and by no name of them.
func (p *Pass) names(object *manifest.Object, path manifest.Path) []string {
	all := []string{object.Name}
	for i, step := range path {
		if _, ok := step.(int); !ok || i == 0 || p.Check.Origin != "policy" || p.Check.Scope != Object {
			continue
		}
		if list, _ := path[i-1].(string); list == "volumes" || strings.HasSuffix(strings.ToLower(list), "containers") {
			all = append(all, manifest.TextAt(object.Value, append(path[:i+1:i+1], "name")...))
		}
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// unselected reports whether labels or selectors of objects are unknown, so that nobody can say what selects what.
func (t *Target) unselected() bool {
	return slices.ContainsFunc(t.Objects, func(o *manifest.Object) bool {
		return slices.ContainsFunc(o.Unknown, func(path manifest.Path) bool {
			return slices.ContainsFunc(path, func(step any) bool { return step == "labels" || step == "selector" || step == "matchLabels" })
		})
	})
}
