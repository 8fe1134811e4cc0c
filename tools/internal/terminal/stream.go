package terminal

import (
	"bytes"
	"io"
	"os"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// The colours of a terminal that kgate writes in; a guard lets no others pass.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
)

// paint is a text in a colour.
func paint(color, text string) string { return "\x1b[" + color + "m" + text + "\x1b[0m" }

// Guard is a writer that lets nothing through but visible characters, line breaks and tabs. The rest, and what a runner
// would take for a command, comes out as an escape.
type Guard struct {
	mu       sync.Mutex
	w        io.Writer
	paints   [][]byte // the sequences that colour
	commands commands
	rest     []byte // the beginning of a character, or of a sequence, whose end is still to come
}

// NewGuard guards a writer. With colour, the sequences of a Page pass.
func NewGuard(w io.Writer, color bool) *Guard {
	g := &Guard{w: w}
	if color {
		for _, code := range []string{"0", Bold, Dim, Red, Green, Yellow} {
			g.paints = append(g.paints, []byte("\x1b["+code+"m"))
		}
	}
	return g
}

// Write may be called by several at once. The error is that of the writer.
func (g *Guard) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(p), g.write(p, false)
}

// Flush writes what is left of a text that ends within a character.
func (g *Guard) Flush() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.write(nil, true)
}

func (g *Guard) write(p []byte, last bool) error {
	text := append(g.rest, p...)
	g.rest = nil
	var out bytes.Buffer
	for len(text) > 0 {
		if paint, partial := g.paint(text); paint > 0 {
			out.Write(text[:paint])
			text = text[paint:]
			continue
		} else if partial && !last || !last && !utf8.FullRune(text) {
			g.rest = bytes.Clone(text)
			break
		}
		r, size := utf8.DecodeRune(text)
		command := g.commands.next(r)
		switch {
		case command && r == ':':
			out.WriteString(`\x3a`)
		case command:
			out.WriteString(`\x5b`)
		case r == '\n', r == '\t', Visible(r) && (r != utf8.RuneError || size > 1):
			out.Write(text[:size])
		default:
			out.WriteString(escape(r, size, text[0]))
		}
		text = text[size:]
	}
	if out.Len() == 0 {
		return nil
	}
	_, err := g.w.Write(out.Bytes())
	return err
}

// paint is the length of the sequence that the text begins with, and whether the text may become one.
func (g *Guard) paint(text []byte) (length int, partial bool) {
	for _, p := range g.paints {
		if bytes.HasPrefix(text, p) {
			return len(p), false
		}
		partial = partial || bytes.HasPrefix(p, text)
	}
	return 0, partial
}

// Stream is standard output or standard error, or what takes its place in a test. It is a guard.
type Stream struct {
	*Guard
	to       io.Writer
	terminal bool
	dumb     bool // it takes no sequences
	color    bool // colour passes
}

// NewStream wraps a writer once, however often it is called.
func NewStream(w io.Writer) *Stream {
	if s, ok := w.(*Stream); ok {
		return s
	}
	file, ok := w.(*os.File)
	terminal := ok && term.IsTerminal(int(file.Fd()))
	dumb := os.Getenv("TERM") == "dumb"
	return &Stream{Guard: NewGuard(w, terminal && !dumb), to: w, terminal: terminal, dumb: dumb, color: terminal && !dumb}
}

// IsTerminal reports whether a person reads along.
func (s *Stream) IsTerminal() bool { return s.terminal }

// Moves reports whether it is a terminal that takes sequences: for colour, and to write a line anew.
func (s *Stream) Moves() bool { return s.terminal && !s.dumb }

// AllowColor has colour pass where it is asked for, whatever the stream leads to.
func (s *Stream) AllowColor() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paints, s.color = NewGuard(s.w, true).paints, true
}

// Unguarded is for what has rules of its own: workflow commands that kgate itself gives, and manifests that are to come
// out byte for byte.
func (s *Stream) Unguarded() io.Writer { return s.to }

// Held is a stream like this one whose text comes out when it is released, all of it or nothing.
func (s *Stream) Held() *Held {
	text := &bytes.Buffer{}
	return &Held{Stream: &Stream{Guard: NewGuard(text, s.color), to: text, terminal: s.terminal, dumb: s.dumb, color: s.color}, text: text, to: s.to}
}

// Held is a stream that waits.
type Held struct {
	*Stream
	text *bytes.Buffer
	to   io.Writer
}

// Release writes what has been written.
func (h *Held) Release() error {
	if err := h.Flush(); err != nil {
		return err
	}
	_, err := h.text.WriteTo(h.to)
	return err
}

// Status takes the place of the line that the cursor is in, on a terminal; elsewhere it is silent. An empty text clears
// the line.
func (s *Stream) Status(text string) {
	s.control("\r\x1b[K" + Line(text))
}

// Clear empties a terminal's screen.
func (s *Stream) Clear() { s.control("\x1b[H\x1b[2J") }

func (s *Stream) control(sequence string) {
	if !s.Moves() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.to, sequence) // a terminal that is gone has no reader
}
