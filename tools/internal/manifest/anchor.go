package manifest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"sort"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxSearched is how long a text may be in which an alias is looked for: it is parsed anew for each step of the search.
const maxSearched = 1 << 20

var unknownAnchor = regexp.MustCompile(`unknown anchor '([0-9A-Za-z_-]+)' referenced$`)

// describeAlias says of an alias without an anchor where it stands in the text of a document, from 1, and where the anchor
// was meant to be: the library has no line for it. before are the documents above it in the file, line is the text's first.
func describeAlias(message string, text []byte, line int, before []Document) (at int, reason string, ok bool) {
	match := unknownAnchor.FindStringSubmatch(message)
	if match == nil || len(text) > maxSearched {
		return 0, "", false
	}
	name := match[1]
	found := findAlias(text, name)
	if found < 0 {
		return 0, "", false
	}
	at = 1 + bytes.Count(text[:found], []byte("\n"))
	for _, d := range slices.Backward(before) {
		if node := lastAnchor(d.Node, name); node != nil {
			return at, fmt.Sprintf("the alias %q has no anchor in this document: an anchor ends with its document, and that of line %d is in one before", name, node.Line), true
		}
	}
	if below := anchorIn(text, name); below > 0 {
		return at, fmt.Sprintf("the alias %q stands before its anchor, which is defined in line %d", name, line+below-1), true
	}
	return at, fmt.Sprintf("the alias %q has no anchor: nothing before it in the document is marked &%s", name, name), true
}

// aliases are the places where an alias of a name could stand. What is in a comment or in quotes looks the same.
func aliases(text []byte, name string) []int {
	var places []int
	for _, match := range regexp.MustCompile(`\*`+regexp.QuoteMeta(name)+`(?:[^0-9A-Za-z_-]|$)`).FindAllIndex(text, -1) {
		places = append(places, match[0])
	}
	return places
}

// findAlias is where the first alias stands that has no anchor. With a plain text for every place behind it, and at it not,
// the text is still refused.
func findAlias(text []byte, name string) int {
	places := aliases(text, name)
	i := sort.Search(len(places), func(i int) bool {
		_, unknown := plainFrom(text, places[i+1:])
		return unknown
	})
	if i == len(places) {
		return -1
	}
	return places[i]
}

// plainFrom parses the text with no aliases at the given places.
func plainFrom(text []byte, places []int) (content *yaml.Node, unknown bool) {
	changed := bytes.Clone(text)
	for _, at := range places {
		changed[at] = '_'
	}
	var root yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(changed)).Decode(&root)
	return &root, err != nil && unknownAnchor.MatchString(err.Error())
}

// anchorIn is the line of an anchor in a text that an alias keeps from being read; 0 if it has none.
func anchorIn(text []byte, name string) int {
	content, _ := plainFrom(text, aliases(text, name))
	if node := lastAnchor(content, name); node != nil {
		return node.Line
	}
	return 0
}

// lastAnchor is the last node below a node that is marked with a name.
func lastAnchor(node *yaml.Node, name string) *yaml.Node {
	for _, child := range slices.Backward(node.Content) {
		if found := lastAnchor(child, name); found != nil {
			return found
		}
	}
	if node.Anchor == name {
		return node
	}
	return nil
}
