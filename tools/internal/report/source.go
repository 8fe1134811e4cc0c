package report

import (
	"strings"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
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
