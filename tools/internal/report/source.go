package report

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// sources quotes the files that positions name, each read once.
type sources struct {
	read  func(string) ([]byte, error)
	files map[string][]string
}

func (r Report) sources() *sources { return &sources{read: r.ReadFile, files: map[string][]string{}} }

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

// marked is which characters of a line a position means: from its column on, or from the first that is no space, to the
// end of what is written there.
func marked(line string, p manifest.Position) (begin, end int) {
	characters := []rune(line)
	if begin = p.Column - 1; begin < 0 || begin >= len(characters) {
		begin = utf8.RuneCountInString(line) - utf8.RuneCountInString(strings.TrimLeft(line, " \t"))
	}
	written, _, _ := strings.Cut(string(characters[begin:]), " #")
	end = begin + utf8.RuneCountInString(strings.TrimRight(written, " \t"))
	if p.EndColumn > begin+1 && p.EndColumn-1 <= len(characters) {
		end = p.EndColumn - 1
	}
	return begin, end
}

// longest is how many characters of a line are quoted.
const longest = 160

// shown is the line that a position names as a terminal shows it, a tab as one space, and the characters of it that the
// position means.
func (s *sources) shown(p manifest.Position) (line string, begin, end int) {
	written, ok := s.line(p)
	if !ok {
		return "", 0, 0
	}
	begin, end = marked(written, p)
	characters, more := []rune(strings.ReplaceAll(written, "\t", " ")), ""
	if len(characters) > longest {
		characters, more = characters[:longest], "…"
		begin, end = min(begin, longest), min(end, longest)
	}
	before, mark, after := terminal.Line(string(characters[:begin])), terminal.Line(string(characters[begin:end])), terminal.Line(string(characters[end:]))
	begin = utf8.RuneCountInString(before)
	return before + mark + after + more, begin, begin + utf8.RuneCountInString(mark)
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
	var all []occurrence
	for _, p := range f.Places() {
		if p.Object == nil && p.Target == f.Source.File {
			continue
		}
		o := occurrence{object: p.Object}
		if p.Object != nil {
			o.path = p.Path.String()
		}
		i := slices.IndexFunc(all, func(other occurrence) bool {
			return other.path == o.path && (other.object == nil) == (o.object == nil) && (o.object == nil || *o.object == *other.object)
		})
		if i < 0 {
			i, all = len(all), append(all, o)
		}
		all[i].targets = append(all[i].targets, p.Target)
	}
	return all
}
