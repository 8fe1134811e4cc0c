package twin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	dockerref "github.com/distribution/reference"
	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
)

// Image is a reference to one, in parts.
type Image struct{ Name, Tag, Digest string }

// ParseImage takes a reference apart. The port of a registry is none of a tag.
func ParseImage(reference string) (Image, error) {
	var i Image
	i.Name, i.Digest, _ = strings.Cut(reference, "@")
	if colon := strings.LastIndexByte(i.Name, ':'); colon > strings.LastIndexByte(i.Name, '/') {
		i.Name, i.Tag = i.Name[:colon], i.Name[colon+1:]
	}
	_, err := dockerref.ParseNormalizedNamed(reference)
	switch {
	case err != nil:
		return i, fmt.Errorf("%q is no image: %w: write it as registry.example.com/team/app:1.0.0", reference, err)
	case i.Tag == "":
		return i, fmt.Errorf("%s has no tag, by which a version is known: write it as %s:1.0.0", reference, i.Name)
	}
	return i, nil
}

// SetImage has every `images` entry of the copied kustomizations name an image, but for those of components that have their own.
// within, if it is not nil, chooses kustomizations.
func (m *Made) SetImage(files Files, image Image, within func(name string) bool) error {
	set := 0
	for _, name := range m.Set.Written() {
		if m.Copied[name] == "" || !files.Root(path.Base(name)) || within != nil && !within(name) {
			continue
		}
		n, err := m.edit(name, func(e *entering, document *yaml.Node) ([]change, error) {
			images := at(document, "images")
			if images == nil || images.Kind != yaml.SequenceNode {
				return nil, nil
			}
			if images.Style&yaml.FlowStyle != 0 {
				return nil, fmt.Errorf("%s:%d: images stand in brackets: write them a line a value, as `kustomize edit` does", m.Copied[name], images.Line)
			}
			var changes []change
			for _, item := range images.Content {
				begin, end, column, err := e.extent(images, item)
				if err != nil {
					return nil, fmt.Errorf("%s:%w", m.Copied[name], err)
				}
				var called string
				if n := at(item, "name"); n != nil {
					called = n.Value
				}
				if slices.Contains(m.others, name+"\n"+called) {
					continue
				}
				lines := []string{"name: " + scalar(called), "newName: " + scalar(image.Name)}
				if image.Tag != "" {
					lines = append(lines, "newTag: "+scalar(image.Tag))
				}
				if image.Digest != "" {
					lines = slices.Insert(lines, 0, "digest: "+scalar(image.Digest))
				}
				indent := strings.Repeat(" ", column)
				changes = append(changes, change{begin, end, indent + "- " + strings.Join(lines, "\n"+indent+"  ") + "\n"})
			}
			return changes, nil
		})
		if err != nil {
			return err
		}
		set += n
	}
	if set == 0 {
		return errors.New("no copied kustomization has an `images` entry that could name the image: --like a service whose overlays have one")
	}
	return nil
}

// SetPort has the object of the service say a port, by its name; was is the one that it said, 0 where that is no number.
func (m *Made) SetPort(group, name string, port int) (was int, err error) {
	set := 0
	for _, file := range m.Set.Written() {
		extension := path.Ext(file)
		if m.Copied[file] == "" || extension != ".yaml" && extension != ".yml" {
			continue
		}
		n, err := m.edit(file, func(e *entering, document *yaml.Node) ([]change, error) {
			kind, version := at(document, "kind"), at(document, "apiVersion")
			ports := at(at(document, "spec"), "ports")
			if kind == nil || version == nil || kind.Value != "Service" || !strings.HasPrefix(version.Value, group+"/") || at(ports, name) == nil {
				return nil, nil
			}
			value := at(ports, name)
			begin, err := e.offset(value)
			if err != nil {
				return nil, err
			}
			was, _ = strconv.Atoi(value.Value)
			return []change{{begin, begin + len(value.Value), strconv.Itoa(port)}}, nil
		})
		if err != nil {
			return 0, err
		}
		set += n
	}
	if set == 0 {
		return 0, fmt.Errorf("no object %s/… Service of what is copied has a port %s under spec.ports: leave the port out, or --like a service that has one", group, name)
	}
	return was, nil
}

// SetLocal has the copied objects of a group and kind, which are local to overlays, say a value where they say one.
func (m *Made) SetLocal(group, kind string, value string, keys ...string) error {
	for _, file := range m.Set.Written() {
		if m.Copied[file] == "" || !isManifest(file) {
			continue
		}
		if _, err := m.edit(file, func(e *entering, document *yaml.Node) ([]change, error) {
			if text(at(document, "kind")) != kind || !strings.HasPrefix(text(at(document, "apiVersion")), group+"/") {
				return nil, nil
			}
			of := document
			for _, key := range keys {
				of = at(of, key)
			}
			if of == nil || of.Kind != yaml.ScalarNode || of.Value == value || of.Style != 0 {
				return nil, nil
			}
			begin, err := e.offset(of)
			if err != nil {
				return nil, err
			}
			return []change{{begin, begin + len(of.Value), value}}, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// change is a part of a text that becomes another one.
type change struct {
	begin, end int
	text       string
}

// edit changes a file of the set.
func (m *Made) edit(name string, find func(*entering, *yaml.Node) ([]change, error)) (int, error) {
	raw, _ := m.Set.Text(name)
	e := newEntering(string(raw))
	var changes []change
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(document.Content) == 0 {
			return 0, nil //nolint:nilerr // patches of the JSON kind and texts of templates are none of it
		}
		more, err := find(e, document.Content[0])
		if err != nil {
			return 0, err
		}
		changes = append(changes, more...)
	}
	if len(changes) == 0 {
		return 0, nil
	}
	text := e.text
	for _, c := range slices.Backward(changes) {
		text = text[:c.begin] + c.text + text[c.end:]
	}
	m.Set.Write(name, changeset.File{Text: []byte(text)})
	return len(changes), nil
}

// at is the value of a key; nil for none.
func at(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// scalar is a text as YAML writes it.
func scalar(text string) string {
	var n yaml.Node
	n.SetString(text)
	out, err := yaml.Marshal(&n)
	if err != nil {
		return strconv.Quote(text)
	}
	return strings.TrimSuffix(string(out), "\n")
}
