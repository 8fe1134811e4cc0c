package twin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// Component is a Kustomize Component that services take, with those in folders below it.
type Component struct {
	Name  string   // its folder's
	Dir   string   // where it is
	Takes []string // the services that take it, in the order of those that were asked about
}

// Components are those that kustomizations of services take, by name.
func Components(files Files, services []string) ([]Component, error) {
	dirs := map[string]bool{}
	skipped := func(name string) bool { return !files.Root(path.Base(name)) || files.Skip != nil && files.Skip(name) }
	for _, name := range files.Listed {
		if skipped(name) {
			continue
		}
		documents, _, err := read(files, name)
		if err != nil {
			return nil, err
		}
		for _, document := range documents {
			if text(at(document, "kind")) == "Component" {
				dirs[path.Dir(name)] = true
			}
		}
	}
	top := func(dir string) string {
		found := ""
		for ; dir != "."; dir = path.Dir(dir) {
			if dirs[dir] {
				found = dir
			}
		}
		return found
	}
	byDir := map[string]*Component{}
	for _, service := range services {
		for _, name := range files.Listed {
			if skipped(name) || !slices.Contains(strings.Split(path.Dir(name), "/"), service) {
				continue
			}
			documents, _, err := read(files, name)
			if err != nil {
				return nil, err
			}
			for _, document := range documents {
				for _, taken := range items(at(document, "components")) {
					dir := top(path.Join(path.Dir(name), taken.Value))
					if dir == "" {
						continue
					}
					if byDir[dir] == nil {
						byDir[dir] = &Component{Name: path.Base(dir), Dir: dir}
					}
					if of := byDir[dir]; !slices.Contains(of.Takes, service) {
						of.Takes = append(of.Takes, service)
					}
				}
			}
		}
	}
	var all []Component
	for _, c := range byDir {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Component) int { return strings.Compare(a.Name+"\n"+a.Dir, b.Name+"\n"+b.Dir) })
	return all, nil
}

// Take gives the service that is made a component, as another service has it: its entries, in the places that they have there; the
// images that it names; the values that it reads from objects local to an overlay; the patches of what only it brings; and,
// in the further files, what it refers to and nobody renders.
func (m *Made) Take(files Files, component Component, as renaming.Name) error {
	t := &taking{Made: m, files: files, component: component, as: as, kinds: map[string]bool{}, reads: map[string][]string{}}
	if err := t.learn(); err != nil {
		return err
	}
	taken := 0
	for _, name := range files.Listed {
		to, ok := t.twinOf(name)
		if !ok || !files.Root(path.Base(name)) {
			continue
		}
		n, err := t.kustomization(name, to)
		if err != nil {
			return err
		}
		taken += n
	}
	if m.further {
		return nil // the rest is there
	}
	if taken == 0 {
		return fmt.Errorf("%s takes it where the new service has no kustomization", as.Old)
	}
	for _, name := range files.Wired {
		if err := t.referred(name); err != nil {
			return err
		}
	}
	return nil
}

// taking is a component being taken as a service has it.
type taking struct {
	*Made
	files     Files
	component Component
	as        renaming.Name // the service that has it, and the new one

	kinds   map[string]bool     // kinds of what it brings, as group and kind
	values  []string            // texts of its files
	reads   map[string][]string // by kind of a local object, the keys below spec that it reads
	brought map[string]bool     // kinds that the new service has without it
}

// learn reads the component's own files.
func (t *taking) learn() error {
	for _, name := range t.files.Listed {
		if !strings.HasPrefix(name, t.component.Dir+"/") || !isManifest(name) {
			continue
		}
		documents, _, err := read(t.files, name)
		if err != nil {
			return err
		}
		for _, document := range documents {
			if kind := kindOf(document); kind != "" && !t.files.Root(path.Base(name)) {
				t.kinds[kind] = true
			}
			visit(document, func(n *yaml.Node) {
				if n.Kind == yaml.ScalarNode {
					t.values = append(t.values, n.Value)
				}
				source := at(n, "source")
				if key, ok := strings.CutPrefix(text(at(source, "fieldPath")), "spec."); ok && at(source, "kind") != nil {
					key, _, _ = strings.Cut(key, ".")
					kind := text(at(source, "kind"))
					if !slices.Contains(t.reads[kind], key) {
						t.reads[kind] = append(t.reads[kind], key)
					}
				}
			})
		}
	}
	t.brought = map[string]bool{}
	dirs := map[string]bool{}
	note := func(name string, documents []*yaml.Node) {
		for _, document := range documents {
			for _, taken := range items(at(document, "components")) {
				if dir := path.Join(path.Dir(name), taken.Value); !strings.HasPrefix(dir+"/", t.component.Dir+"/") {
					dirs[dir] = true
				}
			}
		}
	}
	for _, name := range t.Set.Written() {
		if t.Copied[name] == "" || !isManifest(name) {
			continue
		}
		documents, err := t.documents(name)
		if err != nil {
			return err
		}
		note(name, documents)
	}
	for _, name := range t.files.Listed {
		if !t.further || !t.files.Root(path.Base(name)) || !slices.Contains(strings.Split(path.Dir(name), "/"), t.as.New) {
			continue // it is the new one alone
		}
		documents, _, err := read(t.files, name)
		if err != nil {
			return err
		}
		note(name, documents)
	}
	for _, name := range t.files.Listed {
		if !dirs[path.Dir(name)] || !isManifest(name) {
			continue
		}
		documents, _, err := read(t.files, name)
		if err != nil {
			return err
		}
		for _, document := range documents {
			t.brought[kindOf(document)] = true
		}
	}
	return nil
}

// twinOf is the file of the new service in the place of one of the service that has the component.
func (t *taking) twinOf(name string) (string, bool) {
	parts := strings.Split(name, "/")
	i := slices.Index(parts[:len(parts)-1], t.as.Old)
	if i < 0 || strings.HasPrefix(name, t.component.Dir+"/") {
		return "", false
	}
	for j := range parts {
		parts[j] = renaming.Replace(parts[j], t.as)
	}
	to := strings.Join(parts, "/")
	if t.files.Root(path.Base(name)) {
		_, ok := t.Set.Text(to)
		return to, ok
	}
	return to, true
}

func (t *taking) documents(name string) ([]*yaml.Node, error) {
	raw, _ := t.Set.Text(name)
	return parse(name, raw)
}

// kustomization gives one of the new service what that of another has of the component.
func (t *taking) kustomization(name, to string) (entries int, err error) {
	documents, raw, err := read(t.files, name)
	if err != nil || len(documents) == 0 {
		return 0, err
	}
	from := newEntering(string(raw))
	document := documents[0]

	components := at(document, "components")
	for i, item := range items(components) {
		dir := path.Join(path.Dir(name), item.Value)
		if dir != t.component.Dir && !strings.HasPrefix(dir, t.component.Dir+"/") {
			continue
		}
		var before []string
		for _, other := range components.Content[:i] {
			before = append(before, other.Value)
		}
		if err := t.add(to, "components", []string{item.Value}, func(n *yaml.Node) bool { return slices.Contains(before, n.Value) }); err != nil {
			return 0, err
		}
		entries++
	}
	if entries == 0 {
		return 0, nil
	}
	for _, item := range items(at(document, "images")) {
		if called := text(at(item, "name")); called != "" && slices.Contains(t.values, called) && !t.has(to, "images", called) {
			lines, err := from.entry(at(document, "images"), item)
			if err != nil {
				return 0, fmt.Errorf("%s:%w", name, err)
			}
			// What both have names the service's own image; another one is the component's.
			if own := items(at(document, "images")); !slices.ContainsFunc(own, func(n *yaml.Node) bool {
				return t.has(to, "images", text(at(n, "name"))) && text(at(n, "newName")) == text(at(item, "newName"))
			}) {
				t.others = append(t.others, to+"\n"+called)
			}
			if err := t.add(to, "images", lines, nil); err != nil {
				return 0, err
			}
		}
	}
	for _, item := range items(at(document, "patches")) {
		file := text(at(item, "path"))
		mine, err := t.patches(path.Join(path.Dir(name), file), item)
		if err != nil {
			return 0, err
		}
		if !mine {
			continue
		}
		lines, err := from.entry(at(document, "patches"), item)
		if err != nil {
			return 0, fmt.Errorf("%s:%w", name, err)
		}
		if err := t.add(to, "patches", lines, nil); err != nil {
			return 0, err
		}
		if file != "" {
			if err := t.file(path.Join(path.Dir(name), file)); err != nil {
				return 0, err
			}
		}
	}
	return entries, t.local(path.Dir(name), path.Dir(to))
}

// has reports whether a list of a file of the set has an entry of that name.
func (t *taking) has(name, list, called string) bool {
	documents, err := t.documents(name)
	return err == nil && len(documents) > 0 && slices.ContainsFunc(items(at(documents[0], list)), func(n *yaml.Node) bool { return text(at(n, "name")) == called })
}

// patches reports whether a patch is about what only the component brings.
func (t *taking) patches(file string, item *yaml.Node) (bool, error) {
	mine := func(group, kind string) bool {
		for brought := range t.kinds {
			ofGroup, ofKind, _ := strings.Cut(brought, " ")
			if ofKind == kind && (group == "" || group == ofGroup) {
				return !t.brought[brought]
			}
		}
		return false
	}
	if target := at(item, "target"); target != nil {
		return mine(text(at(target, "group")), text(at(target, "kind"))), nil
	}
	raw := []byte(text(at(item, "patch")))
	if at(item, "path") != nil {
		read, err := changeset.Read(t.files.FS, file)
		if err != nil {
			return false, err
		}
		raw = read.Text
	}
	documents, err := parse(file, raw)
	if err != nil {
		return false, err
	}
	for _, document := range documents {
		if group, kind, ok := strings.Cut(kindOf(document), " "); ok && mine(group, kind) {
			return true, nil
		}
	}
	return false, nil
}

// file copies a file of the other service to the new one, unless that has it.
func (t *taking) file(name string) error {
	to, ok := t.twinOf(name)
	if !ok {
		return fmt.Errorf("%s is no file of %s: what it says of the component has to be written by hand", name, t.as.Old)
	}
	if _, there := t.Set.Text(to); there {
		return nil
	}
	file, err := changeset.Read(t.files.FS, name)
	if err != nil {
		return err
	}
	file.Text = []byte(renaming.Replace(string(file.Text), t.as))
	t.Set.Write(to, file)
	t.Copied[to] = name
	return nil
}

// local gives the new service's objects of a folder the values that the component reads from them.
func (t *taking) local(from, to string) error {
	for _, name := range t.files.Listed {
		if path.Dir(name) != from || !isManifest(name) {
			continue
		}
		documents, raw, err := read(t.files, name)
		if err != nil {
			return err
		}
		e := newEntering(string(raw))
		for _, document := range documents {
			kind := text(at(document, "kind"))
			spec := at(document, "spec")
			for _, key := range t.reads[kind] {
				value := at(spec, key)
				if value == nil || value.Kind != yaml.MappingNode {
					continue
				}
				lines, err := e.pair(spec, key)
				if err != nil {
					return fmt.Errorf("%s:%w", name, err)
				}
				if err := t.value(to, kind, key, lines); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// value adds a pair to the spec of the object of a kind in a folder, unless it has that key.
func (t *taking) value(dir, kind, key string, lines []string) error {
	for _, name := range t.Set.Written() {
		if path.Dir(name) != dir || !isManifest(name) {
			continue
		}
		n, err := t.edit(name, func(e *entering, document *yaml.Node) ([]change, error) {
			spec := at(document, "spec")
			if text(at(document, "kind")) != kind || spec == nil || spec.Kind != yaml.MappingNode || spec.Style&yaml.FlowStyle != 0 || len(spec.Content) == 0 {
				return nil, nil
			}
			if at(spec, key) != nil {
				return []change{{}}, nil // it has it
			}
			last := spec.Content[len(spec.Content)-2]
			end := e.after(last.Line-1, last.Column-1)
			return []change{{end, end, newline(e.text[:end]) + renaming.Replace(indented(lines, last.Column-1), t.as)}}, nil
		})
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("the component reads spec.%s of a %s, and %s has none", key, kind, dir)
}

// referred gives a further file the entries that it has for the other service and that the component refers to: what is left of
// the name without the service's is the end of a text of the component.
func (t *taking) referred(name string) error {
	raw, ok := t.Set.Text(name)
	if !ok {
		file, err := changeset.Read(t.files.FS, name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		raw = file.Text
	}
	text, given, _, pushed, err := entriesOf(name, string(raw), t.as, func(string) bool { return false }, func(item *yaml.Node) bool {
		found := false
		visit(item, func(n *yaml.Node) {
			suffix, ok := strings.CutPrefix(n.Value, t.as.Old)
			found = found || n.Kind == yaml.ScalarNode && ok && strings.HasPrefix(suffix, "-") &&
				slices.ContainsFunc(t.values, func(v string) bool { return strings.HasSuffix(v, suffix) && token.MatchString(v) })
		})
		return found
	})
	if err != nil || len(given) == 0 {
		return err
	}
	t.Set.Write(name, changeset.File{Text: []byte(text)})
	for i, line := range t.Given[name] {
		t.Given[name][i] = pushed(line)
	}
	t.Given[name] = append(t.Given[name], given...)
	slices.Sort(t.Given[name])
	for i, mention := range t.Mentions {
		if mention.File == name {
			t.Mentions[i].Is = pushed(mention.Is)
		}
	}
	if !slices.Contains(t.Wired, name) {
		t.Wired = append(t.Wired, name)
		slices.Sort(t.Wired)
	}
	return nil
}

// add puts an entry into a list of a kustomization of the set: behind the last entry that after is true of, at the beginning where it
// is true of none, and at the end where it is nil. A list that is not there begins at the end of the file, or, as Kustomize has
// it, components behind resources.
func (t *taking) add(name, list string, lines []string, after func(*yaml.Node) bool) error {
	for i := range lines {
		lines[i] = renaming.Replace(lines[i], t.as)
	}
	_, err := t.edit(name, func(e *entering, document *yaml.Node) ([]change, error) {
		of := at(document, list)
		if of == nil {
			end := len(e.text)
			if resources := at(document, "resources"); list == "components" && resources != nil && len(resources.Content) > 0 {
				_, last, _, err := e.extent(resources, resources.Content[len(resources.Content)-1])
				if err != nil {
					return nil, fmt.Errorf("%s:%w", name, err)
				}
				end = last
			}
			return []change{{end, end, newline(e.text[:end]) + list + ":\n" + dashed(lines, 0)}}, nil
		}
		if of.Kind != yaml.SequenceNode || of.Style&yaml.FlowStyle != 0 || len(of.Content) == 0 {
			return nil, fmt.Errorf("%s:%d: %s stand in brackets: write them a line an entry, as `kustomize edit` does", name, of.Line, list)
		}
		for _, item := range of.Content {
			if len(lines) == 1 && item.Value == lines[0] {
				return []change{{}}, nil // it has it
			}
		}
		place := -1
		for i, item := range of.Content {
			if after == nil || after(item) {
				place = i
			}
		}
		begin, end, column, err := e.extent(of, of.Content[max(place, 0)])
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		if place < 0 {
			end = begin
		}
		// What is below a component belongs to it.
		for place >= 0 && place+1 < len(of.Content) && strings.HasPrefix(of.Content[place+1].Value, of.Content[place].Value+"/") && after != nil {
			if _, end, _, err = e.extent(of, of.Content[place+1]); err != nil {
				return nil, fmt.Errorf("%s:%w", name, err)
			}
			place++
		}
		return []change{{end, end, newline(e.text[:end]) + dashed(lines, column)}}, nil
	})
	return err
}

// entry are the lines of an entry of a list, without the dash and what stands before it.
func (e *entering) entry(list, item *yaml.Node) ([]string, error) {
	begin, end, column, err := e.extent(list, item)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(e.text[begin:end]) {
		lines = append(lines, cutColumns(line, column+2))
	}
	return lines, nil
}

// pair are the lines of a key of a mapping and its value, with the comments right above, without what stands before the key.
func (e *entering) pair(mapping *yaml.Node, key string) ([]string, error) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		of := mapping.Content[i]
		if of.Value != key {
			continue
		}
		begin := of.Line - 1
		for begin > 0 && strings.HasPrefix(strings.TrimLeft(e.line(begin-1), " "), "#") {
			begin--
		}
		if mapping.Style&yaml.FlowStyle != 0 {
			return nil, fmt.Errorf("%d: %s stands in brackets: write it a line a value", of.Line, key)
		}
		var lines []string
		for line := range strings.Lines(e.text[e.lines[begin]:e.after(of.Line-1, of.Column-1)]) {
			lines = append(lines, cutColumns(line, of.Column-1))
		}
		return lines, nil
	}
	return nil, nil
}

// after is where the lines end that belong to a key at a line and a column.
func (e *entering) after(line, column int) int {
	last := line
	for next := line + 1; next < len(e.lines); next++ {
		text := strings.TrimRight(e.line(next), "\r\n")
		trimmed := strings.TrimLeft(text, " ")
		if trimmed == "" {
			continue
		}
		if indent := len(text) - len(trimmed); indent < column || indent == column && trimmed[0] != '-' {
			break
		}
		last = next
	}
	if last+1 < len(e.lines) {
		return e.lines[last+1]
	}
	return len(e.text)
}

func cutColumns(line string, n int) string {
	line = strings.TrimRight(line, "\r\n")
	if len(line) < n {
		return strings.TrimLeft(line, " ")
	}
	return line[n:]
}

func dashed(lines []string, column int) string {
	return strings.Repeat(" ", column) + "- " + lines[0] + "\n" + indented(lines[1:], column+2)
}

func indented(lines []string, column int) string {
	var b strings.Builder
	for _, line := range lines {
		if line != "" {
			b.WriteString(strings.Repeat(" ", column) + line)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// newline ends a text that does not end with a line.
func newline(before string) string {
	if before == "" || strings.HasSuffix(before, "\n") {
		return ""
	}
	return "\n"
}

func isManifest(name string) bool {
	extension := path.Ext(name)
	return extension == ".yaml" || extension == ".yml"
}

// read parses a file of the repository; one that is gone, or no YAML of mappings, has no documents.
func read(files Files, name string) ([]*yaml.Node, []byte, error) {
	file, err := changeset.Read(files.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	documents, err := parse(name, file.Text)
	return documents, file.Text, err
}

func parse(name string, raw []byte) (documents []*yaml.Node, _ error) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if len(document.Content) > 0 {
			documents = append(documents, document.Content[0])
		}
	}
}

// kindOf is the group and the kind of an object; "" for what is none.
func kindOf(document *yaml.Node) string {
	kind := text(at(document, "kind"))
	group, _, versioned := strings.Cut(text(at(document, "apiVersion")), "/")
	if kind == "" {
		return ""
	}
	if !versioned {
		group = ""
	}
	return group + " " + kind
}

func items(list *yaml.Node) []*yaml.Node {
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	return list.Content
}

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func visit(n *yaml.Node, each func(*yaml.Node)) {
	each(n)
	for _, child := range n.Content {
		visit(child, each)
	}
}
