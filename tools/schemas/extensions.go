package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// extensionsFile has the values that others patch into enumerations of an operator's definitions.
//
//go:embed extensions.txt
var extensionsFile string

// filledFile has the fields that admission plugins fill in.
//
//go:embed filled.txt
var filledFile string

// An extension is what a cluster allows beside what the operator's definition says: more values in the enumeration of a field, or that
// fields which it asks for are not written.
type extension struct {
	group, kind string
	field       string // such as spec.resources[].kind; "" where values are fields that are filled in
	values      []string
}

// extensionsOf reads lines of "group kind field value,… URL".
func extensionsOf(name, text string) ([]extension, error) {
	lines, err := linesOf(name, text, "group kind field value,… URL")
	var all []extension
	for _, fields := range lines {
		all = append(all, extension{fields[0], fields[1], fields[2], strings.Split(fields[3], ",")})
	}
	return all, err
}

// filledOf reads lines of "group kind field,… URL".
func filledOf(name, text string) ([]extension, error) {
	lines, err := linesOf(name, text, "group kind field,… URL")
	var all []extension
	for _, fields := range lines {
		all = append(all, extension{group: fields[0], kind: fields[1], values: strings.Split(fields[2], ",")})
	}
	return all, err
}

// linesOf reads lines of as many words as a shape has, of which the last is a URL.
func linesOf(name, text, shape string) ([][]string, error) {
	var all [][]string
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != len(strings.Fields(shape)) || !strings.HasPrefix(fields[len(fields)-1], "https://") {
			return nil, fmt.Errorf(`%s:%d: the line is not "%s"`, name, number, shape)
		}
		all = append(all, fields)
	}
	return all, nil
}

// extend has definitions allow what extensions say. An extension that finds no enumeration, finds its value there, or a field that is not
// asked for, is an error: the operator's definition has changed, and the line with it.
func extend(definitions []sourced, by []extension) error {
	for _, e := range by {
		found := false
		for _, d := range definitions {
			spec, _ := d.crd["spec"].(object)
			names, _ := spec["names"].(object)
			if spec["group"] != e.group || names["kind"] != e.kind {
				continue
			}
			module, _, _ := strings.Cut(d.source, "@")
			if slices.Contains(schemaModules, module) {
				return fmt.Errorf("extend %s %s: the JSON schemas of %s would not be extended", e.kind, e.field, module)
			}
			for _, v := range list(spec["versions"]) {
				version, _ := v.(object)
				if version["served"] != true {
					continue
				}
				if err := e.apply(version); err != nil {
					return fmt.Errorf("extend %s %s of %s, version %v: %w", e.kind, e.field, d.source, version["name"], err)
				}
				found = true
			}
		}
		if !found {
			return fmt.Errorf("extend %s %s: no definition of %s serves it", e.kind, e.field, e.group)
		}
	}
	return nil
}

func (e extension) apply(version object) error {
	holder, _ := version["schema"].(object)
	at, _ := holder["openAPIV3Schema"].(object)
	if e.field == "" {
		required := list(at["required"])
		for _, value := range e.values {
			if !slices.Contains(required, any(value)) {
				return fmt.Errorf("%s is not asked for by now", value)
			}
		}
		at["required"] = slices.DeleteFunc(required, func(name any) bool { return slices.Contains(e.values, name.(string)) })
		return nil
	}
	for step := range strings.SplitSeq(e.field, ".") {
		name, isList := strings.CutSuffix(step, "[]")
		properties, _ := at["properties"].(object)
		at, _ = properties[name].(object)
		if isList {
			at, _ = at["items"].(object)
		}
	}
	enum := list(at["enum"])
	if len(enum) == 0 {
		return fmt.Errorf("the field has no enumeration")
	}
	for _, value := range e.values {
		if slices.Contains(enum, any(value)) {
			return fmt.Errorf("%q is one of the operator's own values by now", value)
		}
		enum = append(enum, value)
	}
	at["enum"] = enum
	return nil
}
