package kustomization

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// oneByOne applies the operations of a JSON patch to an object, with the library that Kustomize applies patches with, and
// shows what each did: err is why it cannot be applied, which ends it. It reports false where that cannot be told.
func oneByOne(operations []*yaml.Node, object *resource.Resource, show func(i int, before, after []byte, err error)) bool {
	before, err := object.MarshalJSON()
	if err != nil {
		return false
	}
	for i, operation := range operations {
		text, err := manifest.PlainJSON(manifest.Plain(operation), manifest.YAML11)
		if err != nil {
			return false
		}
		var after []byte
		one, err := jsonpatch.DecodePatch(slices.Concat([]byte("["), text, []byte("]")))
		if err == nil {
			after, err = one.Apply(before)
		}
		if show(i, before, after, err); err != nil {
			return true
		}
		before = after
	}
	return true
}

// operationFailure is the error of the operation of a JSON patch that cannot be applied: Kustomize names the patch alone.
func operationFailure(document *manifest.Document, effects []effect, err error) error {
	if document.Node.Kind != yaml.SequenceNode || strings.Contains(err.Error(), "accumulated size") {
		return nil // too much is copied by all of them together
	}
	var failure error
	for _, f := range effects {
		oneByOne(document.Node.Content, f.had, func(i int, before, _ []byte, err error) {
			if err == nil {
				return
			}
			operation := document.Node.Content[i]
			at, why := reason(operation, before, err)
			id := f.had.CurId()
			failure = fail(document.Position(nil, at), "the operation cannot be applied to the %s %s: %s", id.Kind, id.Name, why)
		})
		if failure != nil {
			return failure
		}
	}
	return nil
}

// operationNames are the operations of a JSON patch.
var operationNames = []string{"add", "remove", "replace", "move", "copy", "test"}

// reason says why an operation cannot be applied to an object, and which part of the operation it is.
func reason(operation *yaml.Node, object []byte, err error) (at *yaml.Node, why string) {
	var value any
	if json.Unmarshal(object, &value) != nil {
		return operation, err.Error()
	}
	if op := manifest.Text(operation, "op"); !slices.Contains(operationNames, op) {
		if at = manifest.Lookup(operation, "op"); at == nil {
			return operation, "it has no `op`, which is one of " + strings.Join(operationNames, ", ")
		}
		return at, fmt.Sprintf("there is no operation %q: it is one of %s", op, strings.Join(operationNames, ", "))
	}
	for _, part := range []string{"from", "path"} { // what is copied or moved has to be there first
		at := manifest.Lookup(operation, part)
		if at == nil {
			continue
		}
		found, missing := walkPointer(value, manifest.Pointer(at.Value)[1:])
		if missing != "" {
			return at, missing
		}
		if text, encodeErr := json.Marshal(found); encodeErr == nil && manifest.Text(operation, "op") == "test" {
			return at, fmt.Sprintf("the test of %s fails, what is there is %s", at.Value, text)
		}
	}
	return operation, err.Error()
}

// walkPointer follows the steps of a pointer, and says what is missing on the way.
func walkPointer(value any, steps []string) (found any, missing string) {
	for i, step := range steps {
		next, ok := child(value, step)
		if ok {
			value = next
			continue
		}
		missing := "it has no /" + strings.Join(steps[:i+1], "/")
		keys, ok := value.(map[string]any)
		if !ok {
			return nil, missing
		}
		// A key with slashes: what stands here begins like it.
		rest := strings.Join(steps[i:], "/")
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			if strings.Contains(key, "/") && (key == rest || strings.HasPrefix(rest, key+"/")) {
				return nil, fmt.Sprintf("%s; a / in a key is written ~1: /%s", missing, strings.Join(append(steps[:i:i], strings.ReplaceAll(key, "/", "~1")), "/"))
			}
		}
		if i == len(steps)-2 && strings.Contains(step, ".") {
			return nil, missing + "; a / in a key is written ~1"
		}
		if near := closest(step, keys); near != "" {
			return nil, missing + "; it has " + near
		}
		return nil, missing
	}
	return value, ""
}

func child(value any, step string) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		found, ok := value[step]
		return found, ok
	case []any:
		if n, err := strconv.Atoi(step); err == nil && n >= 0 && n < len(value) {
			return value[n], true
		}
	}
	return nil, false
}

// replicasFailure is the error of an entry of `replicas` that names no workload.
func replicasFailure(at manifest.Position, replica types.Replica, specs types.FsSlice, a *accumulation) error {
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
	for _, t := range a.tracesOf() {
		if id := t.current(); id.Name == replica.Name && manifest.Lookup(t.live.YNode(), "spec", "replicas") != nil {
			has = fmt.Sprintf("; it has the %s %s, for whose kind a file of `configurations` has to say under `replicas` where the number is", id.Kind, id.Name)
		}
	}
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
	plain := manifest.Plain(documents[0].Node)
	if err := unknownField(&documents[0], plain, "a configuration", reflect.TypeFor[fieldSpecs]()); err != nil {
		return err
	}
	return misfit(&documents[0], plain, "a configuration", reflect.TypeFor[fieldSpecs](), false)
}

// definition is where a file says that it is a CustomResourceDefinition; zero where it does not.
func (e *engine) definition(file string) manifest.Position {
	documents, err := e.files.Documents(file)
	if err != nil || len(documents) == 0 || manifest.Text(documents[0].Node, "kind") != "CustomResourceDefinition" {
		return manifest.Position{}
	}
	at, _ := documents[0].Locate(manifest.Path{"kind"}, nil)
	return at
}
