package report

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// sources quotes the files that positions name, each read once.
type sources struct {
	read func(string) ([]byte, error)
	// revision is what names of files of the side before end in; "" for none.
	revision string
	files    map[string][]string
	long     map[manifest.Position][]rune // by file and line
	gists    map[manifest.Position]string // likewise
	secret   map[manifest.Position]bool   // likewise: lines of which a report says that they are of a Secret
	secrets  map[string]map[int]bool      // lines of files that are
	failed   map[string][]int             // lines of files that something cannot be checked for
}

func (r Report) sources() *sources {
	s := &sources{
		read: r.ReadFile, revision: r.Comparison.revision(), files: map[string][]string{},
		long: map[manifest.Position][]rune{}, gists: map[manifest.Position]string{},
		secret: map[manifest.Position]bool{}, secrets: map[string]map[int]bool{}, failed: map[string][]int{},
	}
	s.withhold(r)
	return s
}

// before reads the files of the side before, as its own report would.
func (r Report) before() *sources {
	s := r.sources()
	s.read = func(file string) ([]byte, error) {
		if r.ReadFile == nil {
			return nil, fs.ErrNotExist
		}
		return r.ReadFile(file + r.Comparison.revision())
	}
	return s
}

// lines are the lines of a file; none where its text cannot be had. Then the place has to do.
func (s *sources) lines(file string) []string {
	lines, known := s.files[file]
	if !known && s.read != nil {
		if data, err := s.read(file); err == nil {
			lines = strings.Split(string(data), "\n")
		}
		s.files[file] = lines
	}
	return lines
}

// line is the line that a position names as it is written, without its end.
func (s *sources) line(p manifest.Position) (string, bool) {
	lines := s.lines(p.File)
	if p.Line < 1 || p.Line > len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[p.Line-1], "\r"), true
}

// longLine is how many bytes a line has whose characters are kept: thousands of findings may be on one.
const longLine = 1 << 12

// characters are those of the line that a position names.
func (s *sources) characters(p manifest.Position) ([]rune, bool) {
	at := manifest.Position{File: p.File, Line: p.Line}
	if known, ok := s.long[at]; ok {
		return known, true
	}
	line, ok := s.line(p)
	if !ok {
		return nil, false
	}
	characters := []rune(line)
	if len(line) >= longLine {
		s.long[at] = characters
	}
	return characters, true
}

// marked is which characters of a line a position means: from its column on, or from the first that is no space, to the
// end of what is written there.
func marked(line []rune, p manifest.Position) (begin, end int) {
	if begin = p.Column - 1; begin < 0 || begin >= len(line) {
		for begin = 0; begin < len(line) && (line[begin] == ' ' || line[begin] == '\t'); begin++ {
		}
	}
	if p.EndColumn > begin+1 && p.EndColumn-1 <= len(line) {
		return begin, p.EndColumn - 1
	}
	end = begin
	for at := begin; at < len(line); at++ {
		if line[at] == ' ' && at+1 < len(line) && line[at+1] == '#' {
			break
		}
		if line[at] != ' ' && line[at] != '\t' {
			end = at + 1
		}
	}
	return begin, end
}

const (
	longest = 160 // characters of a line that are quoted
	leading = 60  // of them before the place that is meant, where it is further on
)

// shown is the line that a position names as a terminal shows it, a tab as one space, and the characters of it that the
// position means. Of a long line it is the part that they are in; of one with what a Secret holds it is nothing.
func (s *sources) shown(p manifest.Position) (line string, begin, end int) {
	characters, ok := s.characters(p)
	if !ok || s.withheld(p) {
		return "", 0, 0
	}
	begin, end = marked(characters, p)
	from, to := 0, len(characters)
	if len(characters) > longest {
		if begin > longest-leading {
			from = min(begin-leading, len(characters)-longest)
		}
		to = from + longest
		begin, end = begin-from, min(end, to)-from
	}
	quote := func(part []rune) string { return terminal.Line(strings.ReplaceAll(string(part), "\t", " ")) }
	part := characters[from:to]
	before, mark, after := quote(part[:begin]), quote(part[begin:end]), quote(part[end:])
	if from > 0 {
		before = "…" + before
	}
	if to < len(characters) {
		after += "…"
	}
	begin = utf8.RuneCountInString(before)
	return before + mark + after, begin, begin + utf8.RuneCountInString(mark)
}

// gist is what is written on a line, however it is spaced; of a long one a digest, as it may be the gist of thousands.
func (s *sources) gist(p manifest.Position) string {
	at := manifest.Position{File: p.File, Line: p.Line}
	if known, ok := s.gists[at]; ok {
		return known
	}
	line, _ := s.line(p)
	gist := strings.Join(strings.Fields(line), " ")
	if len(line) >= longLine {
		gist = fmt.Sprintf("%x", sha256.Sum256([]byte(gist)))
		s.gists[at] = gist
	}
	return gist
}

// occurrence is a field of an object, in each target that shows the fault there.
type occurrence struct {
	object  *manifest.ID // nil when the fault is not in an object
	path    string
	targets []string
}

// occurrences says which objects of which targets a finding shows in. A fault of a file that is no target shows in that
// file alone.
func occurrences(f check.Finding) []occurrence {
	type field struct {
		object  manifest.ID
		located bool
		path    string
	}
	var all []occurrence
	known := map[field]int{}
	for _, p := range f.Places() {
		if p.Object == nil && p.Target == f.Source.File {
			continue
		}
		o := occurrence{object: p.Object}
		key := field{}
		if p.Object != nil {
			o.path = p.Path.String()
			key = field{*p.Object, true, o.path}
		}
		i, seen := known[key]
		if !seen {
			i = len(all)
			known[key], all = i, append(all, o)
		}
		all[i].targets = append(all[i].targets, p.Target)
	}
	return all
}
