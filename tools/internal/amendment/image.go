package amendment

import (
	"bytes"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Image is an entry of `images` of a kustomization that is to name another tag and digest: what `kustomize edit set image` makes
// of it, where one of both that is not named goes.
type Image struct {
	At                manifest.Position // of newTag or digest
	OldTag, OldDigest string
	Tag, Digest       string
}

func (e Image) apply(s *source) ([]splice, error) {
	old := e.OldTag
	if old == "" {
		old = e.OldDigest
	}
	p, err := s.find(e.At, old)
	if err != nil {
		return nil, err
	}
	if len(p.above) == 0 || p.above[len(p.above)-1].Kind != yaml.MappingNode {
		return nil, s.fail(p.value.Line, "here stands no entry of `images`")
	}
	entry := p.above[len(p.above)-1]
	var all []splice
	fields := []field{{"newTag", e.OldTag, e.Tag}, {"digest", e.OldDigest, e.Digest}}
	for _, f := range fields {
		if is := manifest.Text(entry, f.name); is != f.old {
			return nil, s.fail(p.value.Line, "%s is %q and no more %q: somebody changed the file meanwhile", f.name, is, f.old)
		}
	}
	if e.Tag == "" && e.Digest == "" {
		return nil, s.fail(p.value.Line, "an image has a tag or a digest")
	}
	if (e.OldTag == "") == (e.Tag != "") && (e.OldDigest == "") == (e.Digest != "") {
		return s.exchange(p, entry, fields[0], fields[1])
	}
	for _, f := range fields {
		var one splice
		switch at := index(entry, f.name); {
		case f.old == f.new:
			continue
		case f.old != "" && f.new != "":
			within := place{key: entry.Content[at], value: entry.Content[at+1], above: p.above}
			if err = s.shared(within); err == nil {
				one, err = s.replace(within, f.new)
			}
		case f.new == "":
			if err = s.shared(place{value: entry.Content[at+1], above: p.above}); err == nil {
				one, err = s.remove(entry, at)
			}
		default:
			if err = s.shared(place{value: entry, above: p.above}); err == nil {
				one, err = s.insert(entry, f.name, f.new)
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	// The tree is changed when nothing reads its places any more.
	for _, f := range fields {
		at := index(entry, f.name)
		switch {
		case f.old == f.new:
		case f.new == "":
			entry.Content = slices.Delete(slices.Clone(entry.Content), at, at+2)
		case f.old == "":
			entry.Content = append(slices.Clone(entry.Content), text(f.name), text(f.new))
		default:
			entry.Content[at+1].Value = f.new
		}
	}
	return all, nil
}

// field is one of an entry, what it says and is to say.
type field struct{ name, old, new string }

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

// exchange puts the one field of both in the place of the other.
func (s *source) exchange(p place, entry *yaml.Node, a, b field) ([]splice, error) {
	if a.old == "" {
		a, b = b, a
	}
	at := index(entry, a.name)
	key, value := entry.Content[at], entry.Content[at+1]
	if err := s.shared(place{value: value, above: p.above}); err != nil {
		return nil, err
	}
	first, err := s.replace(place{key: key, value: key, above: p.above}, b.name)
	if err != nil {
		return nil, err
	}
	second, err := s.replace(place{key: key, value: value, above: p.above}, b.new)
	key.Value, value.Value = b.name, b.new
	return []splice{first, second}, err
}

// index is where the key of a mapping stands; -1 for none.
func index(mapping *yaml.Node, key string) int {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// remove takes a field out of a mapping that has others.
func (s *source) remove(mapping *yaml.Node, at int) (splice, error) {
	from, err := s.offset(mapping.Content[at])
	if err != nil {
		return splice{}, err
	}
	_, end, err := s.span(mapping.Content[at+1])
	if err != nil {
		return splice{}, err
	}
	last := at+2 == len(mapping.Content)
	if mapping.Style&yaml.FlowStyle != 0 {
		if !last {
			to, err := s.offset(mapping.Content[at+2])
			return splice{from, to, ""}, err
		}
		_, from, err = s.span(mapping.Content[at-1]) // an entry has a name beside it
		return splice{from, end, ""}, err
	}
	begins := s.lines[mapping.Content[at].Line-1]
	if len(bytes.TrimSpace(s.text[begins:from])) == 0 { // a line of its own goes whole, with its comment
		to := s.nextLine(end)
		if to == len(s.text) && s.text[to-1] != '\n' && begins > 0 { // the file has no line end at its end, and gets none
			begins = len(bytes.TrimSuffix(s.text[:begins-1], []byte("\r")))
		}
		return splice{begins, to, ""}, nil
	}
	if last {
		return splice{}, s.fail(mapping.Content[at].Line, "%s stands in a line with what is around it: write it in a line of its own, and run again", mapping.Content[at].Value)
	}
	// The first of an item: the next field takes its place behind the dash.
	to, err := s.offset(mapping.Content[at+2])
	if err == nil && bytes.Count(s.text[from:to], []byte("\n")) > 1 {
		return splice{}, s.fail(mapping.Content[at].Line, "a comment stands between %s and the next field: move it, and run again", mapping.Content[at].Value)
	}
	return splice{from, to, ""}, err
}

// nextLine is where the line after a byte begins.
func (s *source) nextLine(at int) int {
	if end := bytes.IndexByte(s.text[at:], '\n'); end >= 0 {
		return at + end + 1
	}
	return len(s.text)
}

// insert puts a field into a mapping: where its name sorts in one that is sorted, as `kustomize edit` writes them, else behind its
// fellow.
func (s *source) insert(mapping *yaml.Node, name, value string) (splice, error) {
	text := name + ": " + value
	if !plain(value) {
		text = name + `: "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
	var names []string
	for i := 0; i < len(mapping.Content); i += 2 {
		names = append(names, mapping.Content[i].Value)
	}
	at := len(names)
	if slices.IsSorted(names) {
		at, _ = slices.BinarySearch(names, name)
	} else {
		for _, fellow := range []string{"name", "newName", "newTag"} {
			if i := slices.Index(names, fellow); i >= 0 && fellow != name {
				at = i + 1
			}
		}
	}
	flow := mapping.Style&yaml.FlowStyle != 0
	ending := "\n"
	if end := bytes.IndexByte(s.text, '\n'); end > 0 && s.text[end-1] == '\r' {
		ending = "\r\n"
	}
	if at < len(names) {
		next := mapping.Content[2*at]
		before, err := s.offset(next)
		if err != nil {
			return splice{}, err
		}
		if flow {
			return splice{before, before, text + ", "}, nil
		}
		return splice{before, before, text + ending + strings.Repeat(" ", next.Column-1)}, nil
	}
	behind := mapping.Content[2*at-1]
	_, end, err := s.span(behind)
	if err != nil {
		return splice{}, err
	}
	if flow {
		return splice{end, end, ", " + text}, nil
	}
	line := strings.Repeat(" ", mapping.Content[0].Column-1) + text
	after := s.nextLine(end)
	if after == len(s.text) && !bytes.HasSuffix(s.text, []byte("\n")) {
		return splice{after, after, ending + line}, nil
	}
	return splice{after, after, line + ending}, nil
}
