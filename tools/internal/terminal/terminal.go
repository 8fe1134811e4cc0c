// Package terminal is the one way to standard output and standard error. What a repository holds is read there by people
// and by the machines that read logs: no text of it moves a cursor, hides, turns around, or gives a CI runner a command.
//
// What cannot be seen is written as an escape: \n, \r, \t, \x1b for other control characters and for bytes that are no
// UTF-8, \u202e for what turns text around, has no width or is no character. Text has no escape for the backslash
// itself: it is for reading, and reports for programs hold what was written.
//
// Three things are commands to CI runners, in GitHub Actions, Azure Pipelines and TeamCity: a line that begins, blanks
// aside, with ::, and ##[ or ##word[ anywhere in it. They are written :\x3a and ##\x5b.
package terminal

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Visible reports whether a character is seen for what it is. Of spaces, only the common one is.
func Visible(r rune) bool {
	return strconv.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// escape writes what is not seen. size is that of the encoded character, 1 of a byte that is no UTF-8.
func escape(r rune, size int, first byte) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`\x%02x`, first)
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// commands follows a text and tells where a runner would take it for a command.
type commands struct {
	begun  bool // the line has more than blanks
	colon  bool // all that it has is one colon
	hashes int  // 2 behind ##, and behind letters that follow
}

// next reports whether the character completes what a runner looks for.
func (c *commands) next(r rune) bool {
	if r == '\n' {
		*c = commands{}
		return false
	}
	found := r == ':' && c.colon || r == '[' && c.hashes == 2
	c.colon = r == ':' && !c.begun
	c.begun = c.begun || !unicode.IsSpace(r)
	switch {
	case r == '#':
		c.hashes = min(c.hashes+1, 2)
	case c.hashes != 2 || !unicode.IsLetter(r):
		c.hashes = 0
	}
	return found
}

// written applies a function to every character of a text.
func written(text string, write func(b *strings.Builder, r rune, size int, first byte)) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		write(&b, r, size, text[i])
		i += size
	}
	return b.String()
}

// Line is a text on one line, for wherever it stands in that line.
func Line(text string) string { return shown(text, "") }

// File is the path of a file, or a place in it, as it may begin a line. Of one that begins with an odd character, that is
// ./ and the path.
func File(path string) string {
	path = Line(path)
	if r, _ := utf8.DecodeRuneInString(path); path == "" || path == "-" || unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._/<", r) {
		return path
	}
	return "./" + path
}

// Text is a text with its line breaks and tabs, for formats that give it a place of its own.
func Text(text string) string { return shown(text, "\n\t") }

func shown(text, kept string) string {
	if plain(text) {
		return text
	}
	c := commands{}
	return written(text, func(b *strings.Builder, r rune, size int, first byte) {
		switch command := c.next(r); {
		case command && r == '[':
			b.WriteString(`\x5b`)
		case strings.ContainsRune(kept, r), Visible(r) && (r != utf8.RuneError || size > 1):
			b.WriteRune(r)
		default:
			b.WriteString(escape(r, size, first))
		}
	})
}

// plain reports whether a text is shown as it is: most are.
func plain(text string) bool {
	for i := range len(text) {
		if b := text[i]; b < ' ' || b >= 0x7f || b == '#' {
			return false
		}
	}
	return true
}

// continued begins the second line of a message and those behind it.
const continued = "  | "

// Message is a text of one line or several, as they stand behind a label of ours: no further line begins with what it
// says.
func Message(text string) string { return Continued(text, continued) }

// Continued is Message with another beginning of the further lines.
func Continued(text, prefix string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = Line(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n"+prefix)
}

// Block is a text on lines of its own, each behind the beginning of a continued line. Tabs are as wide as four spaces.
func Block(text string) string {
	text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\t", "    ")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(continued+Line(strings.TrimSuffix(line, "\r")), " ")
	}
	return strings.Join(lines, "\n")
}

// JSON is a JSON text that says the same, in which strings escape what cannot be seen and what is a command.
func JSON(text []byte) []byte {
	return escaped(text, func(r rune) string {
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			return fmt.Sprintf(`\u%04x\u%04x`, high, low)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}

// YAML is JSON for the double-quoted strings of YAML, of which some readers know no surrogates.
func YAML(text []byte) []byte {
	return escaped(text, func(r rune) string {
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}

func escaped(text []byte, escape func(rune) string) []byte {
	if plain(strings.ReplaceAll(string(text), "\n", "")) {
		return text
	}
	c := commands{}
	return []byte(written(string(text), func(b *strings.Builder, r rune, _ int, _ byte) {
		command := c.next(r)
		if r == '\n' || Visible(r) && !(command && r == '[') {
			b.WriteRune(r)
		} else {
			b.WriteString(escape(r))
		}
	}))
}

// Markup is an HTML or XML text in which what cannot be seen is an escape, and commands are character references.
func Markup(text []byte) []byte {
	c := commands{}
	return []byte(written(string(text), func(b *strings.Builder, r rune, size int, first byte) {
		switch command := c.next(r); {
		case command:
			fmt.Fprintf(b, "&#%d;", r)
		case r == '\n', Visible(r) && (r != utf8.RuneError || size > 1):
			b.WriteRune(r)
		default:
			b.WriteString(escape(r, size, first))
		}
	}))
}
