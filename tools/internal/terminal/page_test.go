package terminal

import (
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	for color, want := range map[bool]string{
		true:  "\x1b[1mhead\x1b[0m of \\x1b[31ma\\x1b[2J\n:\\x3a\n",
		false: "head of \\x1b[31ma\\x1b[2J\n:\\x3a\n",
	} {
		var out strings.Builder
		p := NewPage(&out, color)
		p.Line("%s of %s", p.Paint(Bold, "head"), Line("\x1b[31ma\x1b[2J"))
		p.Line(":%s:", p.Paint(Red, "")) // nothing has no colour, and what is left is a command
		if err := p.Flush(); err != nil || out.String() != want {
			t.Errorf("colour %t: got %q, %v\nwant %q", color, out.String(), err, want)
		}
	}
	p := NewPage(broken{}, false)
	p.Line("%s", strings.Repeat("a", 1<<16))
	if err := p.Flush(); err == nil {
		t.Error("that nothing could be written is not said")
	}
}
