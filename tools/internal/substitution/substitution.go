// Package substitution is what Flux does to objects after Kustomize: it puts values in place of the variables in their text, as
// `postBuild` of the Flux Kustomization says.
package substitution

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/fluxcd/pkg/envsubst"
	"github.com/fluxcd/pkg/envsubst/parse"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Variables are what is known of those that objects are filled in with.
type Variables struct {
	Values map[string]Value
	Open   bool // there may be others, of which nobody here knows
	Always bool // objects are filled in although no variable is known
	Maybe  bool // nobody here knows whether they are: text that looks like a variable may be one
}

// Value is that of a variable.
type Value struct {
	Text    string
	Unknown bool                     // it has one, and nobody here knows which
	Source  func() manifest.Position // where it is written
}

// Fault is what keeps Flux from filling an object in.
type Fault struct {
	Path    manifest.Path
	Message string
}

// Filled is an object with its variables filled in. Where a value is not known something stands in for it, and the field is
// one of the object's Unknown.
type Filled struct {
	Object   *manifest.Object // the object itself where there is nothing to fill in
	StandIns map[string]string
	Faults   []Fault
}

// Mentions reports whether there may be something to fill in.
func Mentions(object *manifest.Object) bool {
	return bytes.Contains(object.JSON, []byte("${")) || bytes.Contains(object.JSON, []byte("$$"))
}

// Key is the label or annotation with which an object keeps Flux from filling it in, with the value Disabled.
const (
	Key      = "kustomize.toolkit.fluxcd.io/substitute"
	Disabled = "disabled"
)

func disabled(object *manifest.Object) bool {
	return manifest.TextAt(object.Value, "metadata", "labels", Key) == Disabled || manifest.TextAt(object.Value, "metadata", "annotations", Key) == Disabled
}

// name is what Flux takes for the name of a variable.
var name = regexp.MustCompile(`^[_[:alpha:]][_[:alpha:][:digit:]]*$`)

// Fill fills an object in, as Flux does: in its text. Who tells of which target it is makes what stands in for a variable there
// another than in any other target.
func (v Variables) Fill(object *manifest.Object, target string) (Filled, error) {
	switch {
	case !Mentions(object), disabled(object):
		return Filled{Object: object}, nil
	case v.Maybe:
		return guess(object, target)
	case len(v.Values) == 0 && !v.Open && !v.Always:
		return Filled{Object: object}, nil
	}
	for _, variable := range slices.Sorted(maps.Keys(v.Values)) {
		if !name.MatchString(variable) {
			return whole(object, target, Fault{nil, fmt.Sprintf("Flux takes %q for no name of a variable, and fills nothing in: a name has letters, digits and _", variable)})
		}
	}
	text, err := k8syaml.JSONToYAML(object.JSON)
	if err != nil {
		return whole(object, target) // it holds what YAML does not have
	}
	tree, err := parse.Parse(string(text))
	if err != nil {
		return whole(object, target, unparsed(object, err))
	}
	bare := map[string]bool{} // by variable, whether it is used where there is no default for it
	uses(tree.Root, bare)
	unknown := map[string]bool{}
	var faults []Fault
	used := sync.OnceValue(func() map[string][]manifest.Path { return usedBare(object) })
	for _, variable := range slices.Sorted(maps.Keys(bare)) {
		value, known := v.Values[variable]
		switch {
		case known:
			unknown[variable] = value.Unknown
		case v.Open:
			unknown[variable] = true
		case bare[variable]:
			unknown[variable] = true
			faults = append(faults, undefined(variable, used()[variable])...)
		}
	}
	filled := make([]*manifest.Object, 2) // with one value of what is unknown, and with another
	for i, standIn := range []func(string) string{func(variable string) string { return standIn(target, variable) }, other} {
		out, err := envsubst.Eval(string(text), func(variable string) (string, bool) {
			if unknown[variable] {
				return standIn(variable), true
			}
			return strings.ReplaceAll(v.Values[variable].Text, "\n", ""), true
		})
		if err == nil {
			filled[i], err = decode(object, []byte(out))
		}
		if err != nil {
			for variable := range bare {
				if unknown[variable] {
					return whole(object, target) // what comes of it depends on what nobody knows
				}
			}
			return whole(object, target, Fault{nil, "what comes of it with the variables filled in is no object: " + decoderSays.ReplaceAllString(err.Error(), "")})
		}
	}
	done := Filled{Object: filled[0], Faults: faults, StandIns: map[string]string{}}
	for variable, is := range unknown {
		if is {
			done.StandIns[standIn(target, variable)] = "${" + variable + "}"
		}
	}
	done.Object.Unknown = append(slices.Clone(object.Unknown), different(filled[0].Value, filled[1].Value, nil)...)
	return done, nil
}

// decoderSays is what a decoder of YAML begins with, with a line that is of no file.
var decoderSays = regexp.MustCompile(`^(error converting YAML to JSON: )?(yaml: )?(line \d+: )?`)

// decode is an object of text.
func decode(object *manifest.Object, text []byte) (*manifest.Object, error) {
	encoded, err := k8syaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	made, err := manifest.Decode(encoded)
	if err != nil {
		return nil, err
	}
	if made.APIVersion == "" || made.Kind == "" {
		return nil, errors.New("it has no apiVersion and kind")
	}
	made.Source = object.Source
	return made, nil
}

// uses notes the variables of a tree, and those that are used where no default stands in for them.
func uses(node parse.Node, bare map[string]bool) {
	switch node := node.(type) {
	case *parse.ListNode:
		for _, child := range node.Nodes {
			uses(child, bare)
		}
	case *parse.FuncNode:
		switch node.Name {
		case "-", "+", "=", "?", ":-", ":+", ":=", ":?":
			bare[node.Param] = bare[node.Param] || false
		default:
			bare[node.Param] = true
		}
		for _, child := range node.Args {
			uses(child, bare)
		}
	}
}

// usedBare are the texts of an object that use a variable where no default stands in for it, by variable.
func usedBare(object *manifest.Object) map[string][]manifest.Path {
	used := map[string][]manifest.Path{}
	texts(object.Value, nil, func(path manifest.Path, text string) {
		tree, err := parse.Parse(text)
		if err != nil {
			return
		}
		bare := map[string]bool{}
		uses(tree.Root, bare)
		for variable, is := range bare {
			if is {
				used[variable] = append(used[variable], path)
			}
		}
	})
	return used
}

// undefined are the faults of a variable that has no value, one for each text that uses it; one of the object where it is in none.
func undefined(variable string, used []manifest.Path) []Fault {
	if used == nil {
		used = []manifest.Path{nil}
	}
	faults := make([]Fault, len(used))
	for i, path := range used {
		faults[i] = Fault{path, fmt.Sprintf("${%s} has no value and no default", variable)}
	}
	return faults
}

// unparsed is the fault of an object in which Flux cannot tell what is a variable.
func unparsed(object *manifest.Object, err error) Fault {
	fault := Fault{Message: explain(err)}
	texts(object.Value, nil, func(path manifest.Path, text string) {
		if _, err := parse.Parse(text); err != nil && fault.Path == nil {
			fault = Fault{path, explain(err)}
		}
	})
	return fault
}

func explain(err error) string {
	return fmt.Sprintf("Flux cannot fill in the variables here: %s; write $${ for a ${ that is to stay", err)
}

// guess marks what may be a variable, in texts of one line: what a file or a script has in several lines is judged as it stands.
func guess(object *manifest.Object, target string) (Filled, error) {
	return mark(object, target, func(text string) bool { return !strings.Contains(strings.TrimSpace(text), "\n") })
}

// whole marks every text of an object that Flux would have to fill in.
func whole(object *manifest.Object, target string, faults ...Fault) (Filled, error) {
	filled, err := mark(object, target, func(string) bool { return true })
	filled.Faults = faults
	return filled, err
}

// variable is what looks like one.
var variable = regexp.MustCompile(`(^|[^$])\$\{([_[:alpha:]][_[:alpha:][:digit:]]*)(?:(?::?[-=?+]|[,^/%#])[^{}]*)?\}`)

// mark puts what stands in for variables in the texts of an object that are to be marked, and remembers these as unknown.
func mark(object *manifest.Object, target string, marks func(text string) bool) (Filled, error) {
	filled := Filled{StandIns: map[string]string{}}
	var unknown []manifest.Path
	value := replaced(object.Value, nil, func(path manifest.Path, text string) string {
		if !marks(text) || !variable.MatchString(text) {
			return text
		}
		unknown = append(unknown, path)
		return variable.ReplaceAllStringFunc(text, func(found string) string {
			match := variable.FindStringSubmatch(found)
			instead := standIn(target, match[2])
			filled.StandIns[instead] = "${" + match[2] + "}"
			return match[1] + instead
		})
	})
	if unknown == nil {
		filled.Object = object
		return filled, nil
	}
	made, err := manifest.Encode(value)
	if err != nil {
		return Filled{}, fmt.Errorf("encode %s: %w", object.ID, err)
	}
	made.Source, made.Unknown = object.Source, append(slices.Clone(object.Unknown), unknown...)
	filled.Object = made
	return filled, nil
}

// standIn is what stands for a variable: a word that may stand in a name, in a host and in most texts.
func standIn(target, variable string) string {
	const most = 16
	word := strings.Trim(strings.ReplaceAll(strings.ToLower(variable), "_", "-"), "-")
	sum := sha256.Sum256([]byte(target + "\x00" + variable))
	return "x" + word[:min(len(word), most)] + "-" + hex.EncodeToString(sum[:4])
}

// other is another one, of which nothing is the same: what comes of both alike does not depend on the variable.
func other(variable string) string {
	sum := sha256.Sum256([]byte(variable))
	return "q" + strings.Repeat("z", 30) + hex.EncodeToString(sum[:4]) + "k"
}

// Name finds the variable that a text is, and is nothing beside.
func Name(text string) (string, bool) {
	match := variable.FindStringSubmatch(text)
	if match == nil || match[0] != text || match[1] != "" {
		return "", false
	}
	return match[2], true
}

// Literal reports whether a text says something that is no variable's value: letters or digits beside the variables, or where
// one has none.
func Literal(text string) bool {
	tree, err := parse.Parse(text)
	return err != nil || literal(tree.Root)
}

func literal(node parse.Node) bool {
	switch node := node.(type) {
	case *parse.TextNode:
		return strings.ContainsFunc(node.Value, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	case *parse.ListNode:
		return slices.ContainsFunc(node.Nodes, literal)
	case *parse.FuncNode:
		switch node.Name {
		case "-", "+", "=", "?", ":-", ":+", ":=", ":?": // Flux takes what follows any of them for a default
			return slices.ContainsFunc(node.Args, literal)
		case "/", "//", "/#", "/%":
			return len(node.Args) > 1 && literal(node.Args[1])
		}
	}
	return false
}

// texts shows the texts of a value.
func texts(value any, path manifest.Path, show func(path manifest.Path, text string)) {
	replaced(value, path, func(path manifest.Path, text string) string {
		show(path, text)
		return text
	})
}

// replaced is a copy of a value with other texts.
func replaced(value any, path manifest.Path, with func(path manifest.Path, text string) string) any {
	switch value := value.(type) {
	case map[string]any:
		made := make(map[string]any, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			made[key] = replaced(value[key], append(path[:len(path):len(path)], key), with)
		}
		return made
	case []any:
		made := make([]any, len(value))
		for i, child := range value {
			made[i] = replaced(child, append(path[:len(path):len(path)], i), with)
		}
		return made
	case string:
		return with(path, value)
	}
	return value
}

// different are the fields in which two values differ. Where keys or lengths differ, that is the mapping or the list.
func different(a, b any, path manifest.Path) []manifest.Path {
	var paths []manifest.Path
	switch left := a.(type) {
	case map[string]any:
		right, ok := b.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(left)), slices.Sorted(maps.Keys(right))) {
			return []manifest.Path{path}
		}
		for _, key := range slices.Sorted(maps.Keys(left)) {
			paths = append(paths, different(left[key], right[key], append(path[:len(path):len(path)], key))...)
		}
		return paths
	case []any:
		right, ok := b.([]any)
		if !ok || len(left) != len(right) {
			return []manifest.Path{path}
		}
		for i := range left {
			paths = append(paths, different(left[i], right[i], append(path[:len(path):len(path)], i))...)
		}
		return paths
	}
	if !reflect.DeepEqual(a, b) {
		return []manifest.Path{path}
	}
	return nil
}
