package chart

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

// Place is a line of a file of the chart.
type Place struct {
	File string
	Line int
}

// The runes that mark lines: private ones, that no chart has a use for.
const (
	firstMark = 0xF0000
	lastMark  = 0xFFFFD
)

func isMark(r rune) bool { return r >= firstMark && r <= lastMark }

// Lines tells of each line of each document of a render which line of the chart's files it is written in; the zero Place
// where that is not established. It renders the chart again with a mark in each line of its templates that has text of its own,
// and believes the marks of a document that without them is the same.
func (c *Chart) Lines(ctx context.Context, r Release, first *Rendered) [][]Place {
	found := make([][]Place, len(first.Documents))
	for i, d := range first.Documents {
		found[i] = make([]Place, strings.Count(d.Text, "\n")+1)
		for n := range found[i] {
			if d.whole && d.File != "" {
				found[i][n] = Place{d.File, n + 1}
			}
		}
	}
	marked := &Chart{files: slices.Clone(c.files)}
	var places []Place // by mark
	templates := map[string]writing{}
	for i, f := range marked.files {
		if bytes.ContainsFunc(f.Data, isMark) {
			return found
		}
		if strings.HasPrefix(f.Name, "templates/") || strings.Contains(f.Name, "/templates/") {
			f.Data, places, templates[f.Name] = mark(f, places)
			marked.files[i] = f
		}
	}
	if len(places) > lastMark-firstMark {
		return found
	}
	output, err := marked.execute(ctx, r, nil)
	if err != nil {
		return found
	}
	// The parts of a template, by their text without marks. A text that is there twice tells nothing.
	type key struct{ source, text string }
	parts := map[key][]string{}
	for name, text := range output.files {
		for _, part := range releaseutil.SplitManifests(text) {
			k := key{name, unmarked(part, places)}
			parts[k] = append(parts[k], part)
		}
	}
	for i, d := range first.Documents {
		if same := parts[key{d.Source, d.Text}]; len(same) == 1 && !d.whole {
			attribute(found[i], d.File, strings.Split(same[0], "\n"), places, templates[d.File])
		}
	}
	return found
}

// marks reports a rune that marks a line: a template can write others that look so.
func marks(r rune, places []Place) bool { return isMark(r) && int(r-firstMark) < len(places) }

func unmarked(text string, places []Place) string {
	return strings.Map(func(r rune) rune {
		if marks(r, places) {
			return -1
		}
		return r
	}, text)
}

// writing is what the lines of a template write.
type writing struct {
	alone map[int]bool // by an action, without a mark
	both  map[int]bool // by an action, beside text with a mark
}

// attribute reads the marks of a document's lines.
func attribute(found []Place, file string, lines []string, places []Place, of writing) {
	for n, line := range lines {
		for _, r := range line {
			if marks(r, places) {
				found[n] = places[r-firstMark]
				break
			}
		}
	}
	// What has no mark is written by an action: the one between the lines around it, where there is one.
	for n := 0; n < len(found); n++ {
		if found[n] != (Place{}) {
			continue
		}
		end := n
		for end < len(found) && found[end] == (Place{}) {
			end++
		}
		if n > 0 && found[n-1].File == file && (end == len(found) || found[end].File == file) {
			last := 0
			if end < len(found) {
				last = found[end].Line
			}
			if at := of.only(found[n-1].Line, last); at != 0 {
				for i := n; i < end; i++ {
					found[i] = Place{file, at}
				}
			}
		}
		n = end
	}
}

// only is the one line that may write between what two lines write; 0 where there is none, or several. last is 0 for the end
// of the document.
func (w writing) only(first, last int) int {
	found := 0
	if w.both[first] {
		found = first
	}
	if last != 0 && last <= first {
		return 0 // of another turn of a loop
	}
	for line := range w.alone {
		if line <= first || last != 0 && line >= last {
			continue
		}
		if found != 0 {
			return 0
		}
		found = line
	}
	return found
}

// mark puts a mark before the first text of each line of a template.
func mark(f File, places []Place) ([]byte, []Place, writing) {
	var out bytes.Buffer
	of := writing{map[int]bool{}, map[int]bool{}}
	text := string(f.Data)
	line, start, marked := 1, true, false
	for len(text) > 0 {
		isAction := strings.HasPrefix(text, "{{")
		if start && !isAction && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r') {
			out.WriteByte(text[0])
			text = text[1:]
			continue
		}
		if start && text[0] != '\n' {
			start, marked = false, !strings.HasPrefix(text, "{{-") && !strings.HasPrefix(text, "---")
			if marked {
				out.WriteRune(rune(firstMark + len(places)))
				places = append(places, Place{f.Name, line})
			}
		}
		size := 1
		switch {
		case isAction:
			size = action(text)
			if writes(text[:size]) && marked {
				of.both[line] = true
			} else if writes(text[:size]) {
				of.alone[line] = true
			}
		case text[0] != '\n':
			_, size = utf8.DecodeRuneInString(text)
		}
		out.WriteString(text[:size])
		if newlines := strings.Count(text[:size], "\n"); newlines > 0 {
			line += newlines
			start, marked = !isAction, false
		}
		text = text[size:]
	}
	return out.Bytes(), places, of
}

// action is how long the action is that a text begins with.
func action(text string) int {
	body := strings.TrimLeft(strings.TrimPrefix(text[2:], "-"), " \t\r\n")
	at := len(text) - len(body)
	if strings.HasPrefix(body, "/*") {
		if end := strings.Index(body, "*/"); end >= 0 {
			at += end + 2
		}
	}
	for at < len(text) {
		switch c := text[at]; {
		case strings.HasPrefix(text[at:], "}}"):
			return at + 2
		case c == '`':
			end := strings.IndexByte(text[at+1:], '`')
			if end < 0 {
				return len(text)
			}
			at += end + 2
		case c == '"' || c == '\'':
			for at++; at < len(text) && text[at] != c; at++ {
				if text[at] == '\\' {
					at++
				}
			}
			at++
		default:
			at++
		}
	}
	return len(text)
}

// silent are actions that write nothing themselves.
var silent = regexp.MustCompile(`^\{\{-?\s*(?:(?:if|else|end|range|with|define|break|continue)\b|/\*|\$\w*(?:\s*,\s*\$\w+)?\s*:?=)`)

func writes(action string) bool { return !silent.MatchString(action) }
