package terminal

import (
	"bufio"
	"fmt"
	"io"
)

// Page is text for a person, in colour or without, line by line. It goes through a guard wherever it goes to: a file is
// printed in the log of a job as well.
type Page struct {
	buffer *bufio.Writer
	guard  *Guard
	color  bool
}

// NewPage begins a page.
func NewPage(w io.Writer, color bool) *Page {
	guard := NewGuard(w, color)
	return &Page{buffer: bufio.NewWriter(guard), guard: guard, color: color}
}

// Line writes one line. Flush returns the first error of all of them.
func (p *Page) Line(format string, args ...any) { _, _ = fmt.Fprintf(p.buffer, format+"\n", args...) }

// Paint is a text in a colour, where the page has any.
func (p *Page) Paint(color, text string) string {
	if !p.color || text == "" {
		return text
	}
	return paint(color, text)
}

// Flush ends the page. It returns the first error of all that was written.
func (p *Page) Flush() error {
	if err := p.buffer.Flush(); err != nil {
		return err
	}
	return p.guard.Flush()
}
