package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

// The bundle is three files.
//
// definitions.bin is an archive that holds every definition once, whatever
// number of kinds and Kubernetes versions use it, by its digest.
//
// kinds.txt has the minor versions in its first line, oldest first, and then
// one line for each kind and each schema that it had: apiVersion, kind, first
// and last minor version, digest of the definition of the whole object.
//
// sources.json says what they were made of.
// pack replaces names by digests of what they name and lays out the files.
func pack(releases []release, records []record) (map[string][]byte, error) {
	slices.SortFunc(releases, func(a, b release) int { return compareMinors(a.minor, b.minor) })
	contents := map[archive.Key][]byte{}
	lines := map[gvk][]schemaLine{}
	for _, r := range releases {
		digests, err := resolve(r, contents)
		if err != nil {
			return nil, fmt.Errorf("release %s of Kubernetes: %w", r.minor, err)
		}
		for k, name := range r.kinds {
			root := digests[name]
			earlier := lines[k]
			if n := len(earlier); n > 0 && earlier[n-1].root == root && follows(releases, earlier[n-1].last, r.minor) {
				earlier[n-1].last = r.minor
				continue
			}
			lines[k] = append(earlier, schemaLine{first: r.minor, last: r.minor, root: root})
		}
	}

	var kinds strings.Builder
	kinds.WriteString("versions")
	for _, r := range releases {
		kinds.WriteString(" " + r.minor)
	}
	kinds.WriteString("\n")
	for _, k := range slices.SortedFunc(maps.Keys(lines), func(a, b gvk) int {
		return cmp.Or(strings.Compare(a.apiVersion, b.apiVersion), strings.Compare(a.kind, b.kind))
	}) {
		for _, line := range lines[k] {
			fmt.Fprintf(&kinds, "%s %s %s %s %s\n", k.apiVersion, k.kind, line.first, line.last, line.root)
		}
	}

	definitions, err := archive.Write(contents)
	if err != nil {
		return nil, err
	}
	origin, err := json.MarshalIndent(records, "", "  ")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"definitions.bin": definitions,
		"kinds.txt":       []byte(kinds.String()),
		"sources.json":    append(origin, '\n'),
	}, nil
}

type schemaLine struct{ first, last, root string }

func follows(releases []release, earlier, later string) bool {
	i := slices.IndexFunc(releases, func(r release) bool { return r.minor == earlier })
	return i >= 0 && i+1 < len(releases) && releases[i+1].minor == later
}

func compareMinors(a, b string) int {
	number := func(minor string) int {
		_, n, _ := strings.Cut(minor, ".")
		i, _ := strconv.Atoi(n)
		return i
	}
	return number(a) - number(b)
}

// resolve puts the content of every definition that a kind reaches under its
// digest, and returns the digest of each name. The digest of a definition
// covers the digests of those that it refers to, so equal digests mean equal
// schemas, all the way down.
func resolve(r release, contents map[archive.Key][]byte) (map[string]string, error) {
	digests := map[string]string{}
	for _, group := range components(r) {
		if len(group) == 1 && !slices.Contains(refs(r.definitions[group[0]]), group[0]) {
			content, err := refer(r.definitions[group[0]], digests)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", group[0], err)
			}
			if err := put(contents, digest(content), content); err != nil {
				return nil, err
			}
			digests[group[0]] = digest(content)
			continue
		}
		// Definitions that refer to each other in a circle have no order to
		// digest them in. Each gets the digest of the whole circle and its name.
		names := maps.Clone(digests)
		for _, name := range group {
			names[name] = "circle " + name
		}
		var whole []byte
		for _, name := range group {
			content, err := refer(r.definitions[name], names)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			whole = append(whole, content...)
		}
		for _, name := range group {
			digests[name] = digest(append(slices.Clone(whole), name...))
		}
		for _, name := range group {
			content, err := refer(r.definitions[name], digests)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if err := put(contents, digests[name], content); err != nil {
				return nil, err
			}
		}
	}
	return digests, nil
}

func put(contents map[archive.Key][]byte, digest string, content []byte) error {
	key, err := archive.ParseKey(digest)
	if err != nil {
		return err
	}
	if other, taken := contents[key]; taken && !bytes.Equal(other, content) {
		return fmt.Errorf("two definitions have digest %s: lengthen it", digest)
	}
	contents[key] = content
	return nil
}

func refs(schema object) []string {
	return slices.Compact(slices.Sorted(references(schema)))
}

// components returns the definitions that kinds reach, those that refer to each
// other in a circle together, each group after what it refers to (Tarjan).
func components(r release) [][]string {
	var (
		groups  [][]string
		stack   []string
		number  = map[string]int{}
		low     = map[string]int{}
		onStack = map[string]bool{}
		visit   func(name string)
	)
	visit = func(name string) {
		number[name] = len(number) + 1
		low[name] = number[name]
		stack = append(stack, name)
		onStack[name] = true
		for _, ref := range refs(r.definitions[name]) {
			if number[ref] == 0 {
				visit(ref)
				low[name] = min(low[name], low[ref])
			} else if onStack[ref] {
				low[name] = min(low[name], number[ref])
			}
		}
		if low[name] == number[name] {
			i := slices.Index(stack, name)
			group := slices.Sorted(slices.Values(stack[i:]))
			stack = stack[:i]
			for _, member := range group {
				onStack[member] = false
			}
			groups = append(groups, group)
		}
	}
	for _, name := range slices.Sorted(maps.Values(r.kinds)) {
		if number[name] == 0 {
			visit(name)
		}
	}
	return groups
}

const refPrefix = "#/definitions/"

// refer writes a definition with its references by digest.
func refer(schema object, digests map[string]string) ([]byte, error) {
	if schema == nil {
		return nil, fmt.Errorf("no such definition")
	}
	var failed error
	var replace func(v any) any
	replace = func(v any) any {
		switch v := v.(type) {
		case object:
			out := make(object, len(v))
			for key, value := range v {
				if name, ok := value.(string); ok && key == "$ref" {
					if digests[name] == "" {
						failed = fmt.Errorf("no definition %s", name)
					}
					out[key] = refPrefix + digests[name]
					continue
				}
				out[key] = replace(value)
			}
			return out
		case []any:
			out := make([]any, len(v))
			for i := range v {
				out[i] = replace(v[i])
			}
			return out
		default:
			return v
		}
	}
	content := canonical(replace(schema))
	return content, failed
}

// canonical is the one JSON text of a value: sorted keys, no spaces.
func canonical(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // only values that were decoded from JSON or YAML get here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// digest is what a definition is called by the others and found by.
func digest(content []byte) string { return archive.KeyOf(content).String() }
