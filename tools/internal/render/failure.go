package render

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// operationFailure is the error of the operation of a JSON patch that cannot be applied: Kustomize names the patch alone.
// It is found with the library that Kustomize applies patches with.
func operationFailure(document *manifest.Document, effects []effect, err error) error {
	if document.Node.Kind != yaml.SequenceNode || strings.Contains(err.Error(), "accumulated size") {
		return nil // too much is copied by all of them together
	}
	for _, f := range effects {
		object, err := f.had.MarshalJSON()
		if err != nil {
			return nil
		}
		for _, operation := range document.Node.Content {
			text, err := manifest.PlainJSON(manifest.Plain(operation), manifest.YAML11)
			if err != nil {
				return nil
			}
			one, err := jsonpatch.DecodePatch([]byte("[" + string(text) + "]"))
			if err != nil {
				return fail(document.Position(nil, operation), "the operation: %s", err)
			}
			after, err := one.Apply(object)
			if err != nil {
				id := f.had.CurId()
				at := operation
				if path := manifest.Lookup(operation, "path"); path != nil {
					at = path
				}
				return fail(document.Position(nil, at), "the operation cannot be applied to the %s %s: %s", id.Kind, id.Name, reason(operation, object, err))
			}
			object = after
		}
	}
	return nil
}

// reason says why an operation cannot be applied to an object.
func reason(operation *yaml.Node, object []byte, err error) string {
	var value any
	if json.Unmarshal(object, &value) != nil {
		return err.Error()
	}
	pointer := manifest.Text(operation, "path")
	steps := manifest.Pointer(pointer)[1:]
	for i, step := range steps {
		next, ok := child(value, step)
		if ok {
			value = next
			continue
		}
		missing := "/" + strings.Join(steps[:i+1], "/")
		// A key with slashes: what stands here begins like it.
		if keys, ok := value.(map[string]any); ok {
			rest := strings.Join(steps[i:], "/")
			for key := range keys {
				if key == rest || strings.HasPrefix(rest, key+"/") && strings.Contains(key, "/") {
					return fmt.Sprintf("it has no %s; a / in a key is written ~1: /%s", missing,
						strings.Join(append(steps[:i:i], strings.ReplaceAll(key, "/", "~1")), "/"))
				}
			}
			if i == len(steps)-2 && strings.Contains(step, ".") {
				return fmt.Sprintf("it has no %s; a / in a key is written ~1", missing)
			}
			if near := closest(step, keys); near != "" {
				return fmt.Sprintf("it has no %s; it has %s", missing, near)
			}
		}
		return "it has no " + missing
	}
	if manifest.Text(operation, "op") == "test" {
		if text, err := json.Marshal(value); err == nil {
			return fmt.Sprintf("the test of %s fails, what is there is %s", pointer, text)
		}
	}
	return err.Error()
}

func child(value any, step string) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		found, ok := value[step]
		return found, ok
	case []any:
		var n int
		if _, err := fmt.Sscanf(step, "%d", &n); err != nil || n < 0 || n >= len(value) {
			return nil, false
		}
		return value[n], true
	}
	return nil, false
}

// replicasFailure is the error of an entry of `replicas` that names no workload.
func (e *engine) replicasFailure(at manifest.Position, replica types.Replica, specs types.FsSlice, a *accumulation) error {
	kinds := map[string]bool{}
	for _, spec := range specs {
		kinds[spec.Kind] = true
	}
	names := map[string]*Trace{}
	for _, t := range a.tracesOf() {
		if id := t.current(); kinds[id.Kind] {
			names[id.Name] = t
		}
	}
	has := ""
	if near := closest(replica.Name, names); near != "" {
		has = fmt.Sprintf("; it has the %s %s", names[near].current().Kind, near)
	}
	return fail(at, "no object here with replicas is called %q%s", replica.Name, has)
}

// unknownSpec finds the field of a file of configurations that Kustomize does not know.
func (e *engine) unknownSpec(field, file string) error {
	documents, err := e.files.Documents(file)
	if err != nil || len(documents) == 0 || field != "configurations" {
		return nil
	}
	return unknownField(&documents[0], manifest.Plain(documents[0].Node), "a configuration", reflect.TypeFor[fieldSpecs]())
}
