package renaming

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/changeset"
)

// Upstream are the files and folders of kgate itself, in a repository that is a copy of kgate's own. They stay what they are:
// their examples are about nobody's service, and what they name is where kgate comes from. In their Go files alone the module is
// renamed in imports, without which nothing would compile, and a path of what moves, which tests of the repository read.
func Upstream() []string {
	return []string{
		".pre-commit-hooks.yaml", "CHANGELOG.md", "LICENSE", "NOTICE", "action.yml", "comment", "docs", "internal", "policies", "templates", "tools",
	}
}

// upstreamMark is the file by which a copy of kgate's own repository is known.
const upstreamMark = "tools/kgate/main.go"

// IsCopy reports whether files are those of a copy of kgate's own repository.
func IsCopy(listed []string) bool { return slices.Contains(listed, upstreamMark) }

// Change is a file that a renaming changes.
type Change struct {
	Path  string
	To    string // where it is afterwards; Path where it stays
	Names int    // how many were renamed in its text
}

// Left is a file in which names stay as they are.
type Left struct {
	Path     string
	Names    int
	Upstream bool // it is kgate's own; else they stand in references to other hosts
}

// Plan is a renaming that is worked out.
type Plan struct {
	Set     changeset.Set
	Changes []Change // by path
	Left    []Left   // by path
	Skipped []string // what is no text that can be renamed in: binary files and links that hold or are called one of the names
}

// Names is how many names are renamed in all texts.
func (p Plan) Names() int {
	n := 0
	for _, c := range p.Changes {
		n += c.Names
	}
	return n
}

// Moved are the changes that give a file another place.
func (p Plan) Moved() []Change {
	return slices.DeleteFunc(slices.Clone(p.Changes), func(c Change) bool { return c.To == c.Path })
}

// Make works out what giving files other names comes to. listed are the files to rename in, by their path.
func Make(files fs.FS, listed []string, renamed []Name) (Plan, error) {
	var plan Plan
	old := map[string]Name{}
	for _, n := range renamed {
		if err := n.Check(); err != nil {
			return plan, err
		}
		if twice, ok := old[n.Old]; ok {
			return plan, fmt.Errorf("--%s and --%s both rename %s", twice.Kind, n.Kind, n.Old)
		}
		old[n.Old] = n
	}
	if len(renamed) == 0 {
		return plan, errors.New("nothing to rename")
	}
	wanted := renamed
	if !slices.ContainsFunc(renamed, func(n Name) bool { return n.Kind == Module }) {
		// The organisation in the module's path stays as long as the module does.
		if own := ownModule(files); own != "" {
			wanted = append(slices.Clone(renamed), Name{Module, own, own})
		}
	}
	m := &making{files: files, all: compile(forms(wanted)), copy: IsCopy(listed)}
	for _, n := range renamed {
		if n.Kind == Module {
			m.module = append(m.module, n)
		}
		if n.Kind == Service {
			m.taken = append(m.taken, regexp.MustCompile(`(?m)^[ \t-]*(name|namespace): ["']?`+regexp.QuoteMeta(n.New)+`["']?[ \t\r]*$`))
		}
	}
	met := map[string]bool{}
	names := slices.Compact(slices.Sorted(slices.Values(listed)))
	m.moves = m.movesOf(names)
	for _, name := range names {
		if err := m.file(&plan, name, met); err != nil {
			return plan, err
		}
	}
	for _, c := range plan.Moved() {
		if slices.Contains(names, c.To) && !slices.Contains(plan.Set.Removed(), c.To) {
			return plan, fmt.Errorf("%s would become %s, which is there already: choose another name", c.Path, c.To)
		}
	}
	for _, n := range renamed {
		if !met[string(n.Kind)+" "+n.Old] {
			return plan, fmt.Errorf("--%s: %s is not written anywhere here, as a word of its own", n.Kind, n.Old)
		}
	}
	return plan, nil
}

// ownModule is the Go module at the top of a tree; "" for none.
func ownModule(files fs.FS) string {
	text, err := fs.ReadFile(files, "go.mod")
	if err != nil {
		return ""
	}
	found := moduleLine.FindSubmatch(text)
	if found == nil {
		return ""
	}
	return string(found[1])
}

var moduleLine = regexp.MustCompile(`(?m)^module\s+"?([^\s"]+)`)

// OwnModule is the Go module at the top of a tree.
func OwnModule(files fs.FS) (string, error) {
	if own := ownModule(files); own != "" {
		return own, nil
	}
	return "", errors.New("there is no go.mod at the top that names a module")
}

type making struct {
	files  fs.FS
	all    names
	module []Name
	taken  []*regexp.Regexp
	copy   bool   // the repository is one of kgate's own
	moves  []move // the longest path first
}

// move is a path that becomes another one, with all that is below.
type move struct{ from, to string }

// movesOf are the moves of files, each up to the last part of its path that gets another name.
func (m *making) movesOf(listed []string) []move {
	found := map[string]string{}
	for _, name := range listed {
		to := m.moved(name)
		if to == name {
			continue
		}
		from, into := strings.Split(name, "/"), strings.Split(to, "/")
		last := len(from)
		for last > 0 && from[last-1] == into[last-1] {
			last--
		}
		found[path.Join(from[:last]...)] = path.Join(into[:last]...)
	}
	var all []move
	for from, to := range found {
		all = append(all, move{from, to})
	}
	slices.SortFunc(all, func(a, b move) int { return cmp.Or(len(b.from)-len(a.from), strings.Compare(a.from, b.from)) })
	return all
}

// moved is where a file is afterwards.
func (m *making) moved(name string) string {
	if m.upstream(name) {
		return name
	}
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i], _ = m.all.replace(parts[i], func(f form) bool { return f.manner == plain }, nil)
	}
	return path.Join(parts...)
}

// follow writes a text with the paths of what moves.
func (m *making) follow(text string) (string, int) {
	n := 0
	for _, move := range m.moves {
		for at := 0; ; {
			found := strings.Index(text[at:], move.from)
			if found < 0 {
				break
			}
			start, end := at+found, at+found+len(move.from)
			at = end
			if start > 0 && (letter(text[start-1]) || strings.IndexByte("-.", text[start-1]) >= 0) || goesOn(text, end, "-.") {
				continue
			}
			text = text[:start] + move.to + text[end:]
			at = start + len(move.to)
			n++
		}
	}
	return text, n
}

// upstream reports whether a file is kgate's own.
func (m *making) upstream(name string) bool {
	return m.copy && slices.ContainsFunc(Upstream(), func(top string) bool { return name == top || strings.HasPrefix(name, top+"/") })
}

func (m *making) file(plan *Plan, name string, met map[string]bool) error {
	info, err := fs.Lstat(m.files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it is deleted, and not yet committed
	}
	if err != nil {
		return err
	}
	upstream := m.upstream(name)
	to := m.moved(name)
	if !info.Mode().IsRegular() {
		if to != name {
			plan.Skipped = append(plan.Skipped, name)
		}
		return nil
	}
	file, err := changeset.Read(m.files, name)
	if err != nil {
		return err
	}
	if changeset.Binary(file.Text) {
		if to != name || m.all.any.Match(file.Text) {
			plan.Skipped = append(plan.Skipped, name)
		}
		return nil
	}
	text := string(file.Text)
	if m.all.any.FindStringIndex(text) == nil && to == name && len(m.taken) == 0 {
		return nil
	}
	meet := func(f form) { met[string(f.Kind)+" "+f.Old] = true }
	if extension := path.Ext(name); !upstream && (extension == ".yaml" || extension == ".yml") {
		for _, taken := range m.taken {
			if at := taken.FindStringIndex(text); at != nil {
				line := 1 + strings.Count(text[:at[1]], "\n")
				return fmt.Errorf("%s:%d: %s: something is called so already: choose another name", name, line, strings.TrimSpace(text[at[0]:at[1]]))
			}
		}
	}
	var renamed string
	var c counts
	switch {
	case path.Ext(name) == ".go":
		renamed, c, err = m.goFile(name, text, upstream, meet)
	case upstream && path.Base(name) == "go.mod":
		renamed, c = m.all.replace(text, func(f form) bool { return f.Kind == Module }, meet)
	case upstream:
		renamed = text
	default:
		renamed, c = m.all.replace(text, nil, meet)
	}
	if err != nil {
		return err
	}
	if _, rest := m.all.replace(renamed, nil, nil); upstream && rest.renamed > 0 {
		plan.Left = append(plan.Left, Left{Path: name, Names: rest.renamed, Upstream: true})
	} else if c.foreign > 0 {
		plan.Left = append(plan.Left, Left{Path: name, Names: c.foreign})
	}
	if to == name && renamed == text {
		return nil
	}
	plan.Changes = append(plan.Changes, Change{Path: name, To: to, Names: c.renamed})
	if to != name {
		plan.Set.Remove(name)
	}
	plan.Set.Write(to, changeset.File{Text: []byte(renamed), Mode: file.Mode})
	return nil
}

// goFile renames in Go's own terms: imports by their path, and else the texts and comments, never an identifier. Of kgate's own
// files the imports alone.
func (m *making) goFile(name, text string, upstream bool, meet func(form)) (string, counts, error) {
	var c counts
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return "", c, fmt.Errorf("read the imports of %w", err)
	}
	edits := map[int]edit{} // by offset
	imports := map[int]bool{}
	for _, spec := range parsed.Imports {
		at := set.Position(spec.Path.Pos()).Offset
		imports[at] = true
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return "", c, fmt.Errorf("%s: %w", set.Position(spec.Path.Pos()), err)
		}
		for _, n := range m.module {
			if rest, ok := strings.CutPrefix(imported, n.Old); ok && (rest == "" || rest[0] == '/') {
				meet(form{Name: n})
				edits[at] = edit{len(spec.Path.Value), strconv.Quote(n.New + rest)}
				c.renamed++
			}
		}
	}
	var s scanner.Scanner
	scanned := token.NewFileSet()
	s.Init(scanned.AddFile(name, -1, len(text)), []byte(text), nil, scanner.ScanComments)
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			break
		}
		at := scanned.Position(pos).Offset
		if kind != token.STRING && kind != token.COMMENT || imports[at] || !strings.HasPrefix(text[at:], literal) {
			continue
		}
		var renamed string
		var n counts
		if upstream {
			renamed, n.renamed = m.follow(literal)
		} else {
			renamed, n = m.all.replace(literal, nil, meet)
		}
		c.renamed, c.foreign = c.renamed+n.renamed, c.foreign+n.foreign
		if n.renamed > 0 {
			edits[at] = edit{len(literal), renamed}
		}
	}
	if len(edits) == 0 {
		return text, c, nil
	}
	var b strings.Builder
	from := 0
	for _, at := range slices.Sorted(maps.Keys(edits)) {
		b.WriteString(text[from:at])
		b.WriteString(edits[at].to)
		from = at + edits[at].length
	}
	b.WriteString(text[from:])
	renamed := []byte(b.String())
	// Names of other lengths move what gofmt aligns, and imports that it sorts.
	if was, err := format.Source([]byte(text)); err == nil && bytes.Equal(was, []byte(text)) {
		if renamed, err = format.Source(renamed); err != nil {
			return "", c, fmt.Errorf("format %s: %w", name, err)
		}
	}
	return string(renamed), c, nil
}

type edit struct {
	length int
	to     string
}
