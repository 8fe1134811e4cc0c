package manifest

import (
	"bytes"
	"strings"
	"sync"
)

// lines finds the lines of a text without going through all that is before them, and the characters of a long one without
// counting them anew for every field that is on it. It is safe for concurrent use.
type lines struct {
	text []byte

	mu     sync.Mutex
	begins []int              // of each line in text; made when first asked for
	long   map[int]characters // by index
}

// longLine is how many bytes a line has that is kept as characters. Those of a file are never more than the file is.
const longLine = 1 << 12

// line is the line with an index from 0; nil where there is none.
func (l *lines) line(index int) characters {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begins == nil {
		l.begins = []int{0}
		for at, c := range l.text {
			if c == '\n' {
				l.begins = append(l.begins, at+1)
			}
		}
		l.long = map[int]characters{}
	}
	if index < 0 || index >= len(l.begins) {
		return nil
	}
	if known, ok := l.long[index]; ok {
		return known
	}
	text := l.text[l.begins[index]:]
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	line := characters(strings.TrimSuffix(string(text), "\r"))
	if len(text) >= longLine {
		l.long[index] = line
	}
	return line
}

// characters are those of a line.
type characters []rune

// starts reports whether a text stands at an index.
func (c characters) starts(at int, text string) (end int, ok bool) {
	for _, r := range text {
		if at >= len(c) || c[at] != r {
			return 0, false
		}
		at++
	}
	return at, true
}

// written is the end of the line without the spaces there.
func (c characters) written() int {
	end := len(c)
	for end > 0 && (c[end-1] == ' ' || c[end-1] == '\t') {
		end--
	}
	return end
}

// uncommented is the end of what stands before a comment, without the spaces there. A comment of a line is looked for
// from an index on.
func (c characters) uncommented(from int) int {
	for at := from; at+1 < len(c); at++ {
		if c[at] == ' ' && c[at+1] == '#' {
			return c[:at].written()
		}
	}
	return c.written()
}
