package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

// The bundle of CustomResourceDefinitions, for what judges custom resources with the API server's own code, is three
// files.
//
// definitions.bin is an archive of CustomResourceDefinitions as canonical JSON, by their digests.
//
// kinds.txt has one line a kind and release, in order of group and kind, and those of a kind in the order of the sources:
// group, kind, plural, scope, the served versions with commas between them (a deprecated one with a ! after it), the module
// it comes from with its version and channel, and the digest of the definition.
//
// sources.json says what they were made of.

// parseDefinitions returns the CustomResourceDefinitions of a file whole, and leaves out what else is in it.
func parseDefinitions(text []byte) ([]object, error) {
	var found []object
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var definition object
		if err := decoder.Decode(&definition); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, err
		}
		if definition["kind"] == "CustomResourceDefinition" {
			found = append(found, definition)
		}
	}
}

// A sourced is a CustomResourceDefinition and what it comes from, such as
// istio.io/api@v1.31.1.
type sourced struct {
	crd    object
	source string
}

// A definition is what the index says about a CustomResourceDefinition, and its
// content.
type definition struct {
	group, kind, plural, scope string
	versions                   []string // a deprecated one with a ! after it
	source                     string
	content                    []byte
}

func (d definition) of() string { return d.group + "/" + d.kind }

// packDefinitions lays out the bundle of CustomResourceDefinitions.
func packDefinitions(crds []sourced, records []record) (map[string][]byte, error) {
	var definitions []definition
	for _, s := range crds {
		d, err := lean(s.crd)
		if errors.Is(err, errUnserved) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.source, err)
		}
		if d.source = s.source; d.source == "" || strings.ContainsAny(d.source, " \n") {
			return nil, fmt.Errorf("%s/%s: source %q has no place in the index", d.group, d.kind, d.source)
		}
		definitions = append(definitions, d)
	}
	slices.SortStableFunc(definitions, func(a, b definition) int {
		return cmp.Or(strings.Compare(a.group, b.group), strings.Compare(a.kind, b.kind))
	})

	var index bytes.Buffer
	contents := map[archive.Key][]byte{}
	defined := map[string]string{} // by kind and source; and by kind, the module that defines it
	for _, d := range definitions {
		module, _, _ := strings.Cut(d.source, "@")
		if _, twice := defined[d.of()+" "+d.source]; twice {
			return nil, fmt.Errorf("%s: %s is defined twice: leave files out with patterns such as !%s", d.source, d.of(), "FILE")
		}
		if other := defined[d.of()]; other != "" && other != module {
			return nil, fmt.Errorf("%s defines %s, and so does %s: leave one of them out", module, d.of(), other)
		}
		defined[d.of()+" "+d.source], defined[d.of()] = module, module
		name := digest(d.content)
		if err := put(contents, name, d.content); err != nil {
			return nil, err
		}
		fmt.Fprintf(&index, "%s %s %s %s %s %s %s\n", d.group, d.kind, d.plural, d.scope, strings.Join(d.versions, ","), d.source, name)
	}
	content, err := archive.Write(contents)
	if err != nil {
		return nil, err
	}
	origin, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"definitions.bin": content,
		"kinds.txt":       index.Bytes(),
		"sources.json":    append(origin, '\n'),
	}, nil
}

// errUnserved says of a CustomResourceDefinition that it serves no version: no object is of its kind.
var errUnserved = errors.New("no version is served")

// lean leaves out of a CustomResourceDefinition what has no say in whether an
// object is valid: descriptions, columns to print, how versions are converted, versions that are not served.
// All else stays as it is, for the API server's code reads it.
func lean(crd object) (definition, error) {
	metadata, _ := crd["metadata"].(object)
	spec, _ := crd["spec"].(object)
	names, _ := spec["names"].(object)
	var d definition
	d.group, _ = spec["group"].(string)
	d.kind, _ = names["kind"].(string)
	d.plural, _ = names["plural"].(string)
	d.scope, _ = spec["scope"].(string)
	fail := func(format string, args ...any) (definition, error) {
		return definition{}, fmt.Errorf("%s/%s: %w", d.group, d.kind, fmt.Errorf(format, args...))
	}
	if d.group == "" || d.kind == "" || d.plural == "" || d.scope == "" {
		return fail("no group, kind, plural or scope")
	}
	if crd["apiVersion"] != "apiextensions.k8s.io/v1" {
		return fail("apiVersion is %v", crd["apiVersion"])
	}

	var versions []any
	for _, v := range list(spec["versions"]) {
		version, ok := v.(object)
		if !ok {
			return fail("a version is not an object")
		}
		version = maps.Clone(version)
		delete(version, "additionalPrinterColumns")
		delete(version, "selectableFields")
		if version["served"] != true {
			continue
		}
		if schema, ok := version["schema"].(object); ok {
			raw, ok := schema["openAPIV3Schema"].(object)
			if !ok {
				return fail("no schema")
			}
			bare, err := undescribed(raw)
			if err != nil {
				return fail("%w", err)
			}
			version["schema"] = object{"openAPIV3Schema": bare}
		}
		name, _ := version["name"].(string)
		if name == "" || strings.ContainsAny(name, ",! \n") {
			return fail("version %q has no place in the index", name)
		}
		if version["deprecated"] == true {
			name += "!"
		}
		d.versions = append(d.versions, name)
		versions = append(versions, version)
	}
	if len(d.versions) == 0 {
		return d, errUnserved
	}
	// Of the versions one is stored, for a server to take the definition. Where that was one that is not served, it is the last.
	if !slices.ContainsFunc(versions, func(v any) bool { return v.(object)["storage"] == true }) {
		versions[len(versions)-1].(object)["storage"] = true
	}

	keptNames := object{}
	for _, key := range []string{"kind", "listKind", "plural", "singular"} {
		if names[key] != nil {
			keptNames[key] = names[key]
		}
	}
	kept := object{"group": d.group, "scope": d.scope, "names": keptNames, "versions": versions}
	if spec["preserveUnknownFields"] == true {
		return fail("spec.preserveUnknownFields is set")
	}
	keptMetadata := object{"name": metadata["name"]}
	if annotations, ok := metadata["annotations"].(object); ok && annotations["api-approved.kubernetes.io"] != nil {
		keptMetadata["annotations"] = object{"api-approved.kubernetes.io": annotations["api-approved.kubernetes.io"]}
	}
	d.content = canonical(object{
		"apiVersion": crd["apiVersion"],
		"kind":       crd["kind"],
		"metadata":   keptMetadata,
		"spec":       kept,
	})
	return d, nil
}

// undescribed removes what describes a schema from it and from those below it.
// It knows where schemas stand: a field may be called description, and a default
// may hold one.
func undescribed(schema object) (object, error) {
	out := object{}
	for key, value := range schema {
		var err error
		switch key {
		case "description", "title", "example", "externalDocs":
			continue
		case "properties", "patternProperties", "definitions", "dependencies":
			fields, ok := value.(object)
			if !ok {
				return nil, fmt.Errorf("%s is not an object", key)
			}
			bare := object{}
			for name, field := range fields {
				child, ok := field.(object)
				if !ok {
					return nil, fmt.Errorf("%s is not a schema", name)
				}
				if bare[name], err = undescribed(child); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
			value = bare
		case "items", "additionalProperties", "not":
			if child, ok := value.(object); ok {
				if value, err = undescribed(child); err != nil {
					return nil, fmt.Errorf("%s: %w", key, err)
				}
			}
		case "allOf", "anyOf", "oneOf":
			children := list(value)
			bare := make([]any, len(children))
			for i := range children {
				child, ok := children[i].(object)
				if !ok {
					return nil, fmt.Errorf("%s[%d] is not a schema", key, i)
				}
				if bare[i], err = undescribed(child); err != nil {
					return nil, fmt.Errorf("%s[%d]: %w", key, i, err)
				}
			}
			value = bare
		}
		out[key] = value
	}
	return out, nil
}
