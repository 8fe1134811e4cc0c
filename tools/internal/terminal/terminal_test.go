package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile is what a URL of a kustomization once brought into a job's log.
const hostile = "https://x/\n::add-mask::ok\n::warning file=a::PWN\n##[set-output name=a]b\n\x1b[31mRED\u202ez"

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 漢 🙂 ":             "plain é 漢 🙂 ",
		hostile:                    `https://x/\n::add-mask::ok\n::warning file=a::PWN\n##\x5bset-output name=a]b\n\x1b[31mRED\u202ez`,
		"\x00\t\r\x7f\u0085\u009b": `\x00\t\r\x7f\u0085\u009b`,
		"\u200b\u200e\u061c\u2028\u2066\ufeff\U000e0041": `\u200b\u200e\u061c\u2028\u2066\ufeff\U000e0041`,
		"a\u00a0b\u3000c\u00add\ufe0f\u115f":             `a\u00a0b\u3000c\u00add\ufe0f\u115f`,
		"\xff\xc3(\ufffd":                                "\\xff\\xc3(\ufffd",
		"##vso[task] ###[a ##teamcity[b #[c ## [d":       `##vso\x5btask] ###\x5ba ##teamcity\x5bb #[c ## [d`,
	} {
		if got := Line(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestMessage(t *testing.T) {
	want := `https://x/` + "\n" + `  | ::add-mask::ok` + "\n" + `  | ::warning file=a::PWN` + "\n" + `  | ##\x5bset-output name=a]b` + "\n" + `  | \x1b[31mRED\u202ez`
	if got := Message(hostile); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := Message("a\r\n\rb\r\n\n"), "a\n  | \\rb"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Block("a\n\n\tb\n"), "  | a\n  |\n  |     b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFile(t *testing.T) {
	for path, want := range map[string]string{
		"": "", "-": "-", "base/a.yaml:3": "base/a.yaml:3", ".github/x": ".github/x", "/abs": "/abs", "<stdin>": "<stdin>", "été": "été", "_a": "_a",
		"::error::x": "./::error::x", "--- a": "./--- a", " ::a": "./ ::a", "##[a": `./##\x5ba`, "\n::a": `./\n::a`,
	} {
		if got := File(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestGuard(t *testing.T) {
	for text, want := range map[string]string{
		"a\n\tb\n":                             "a\n\tb\n",
		hostile:                                "https://x/\n:\\x3aadd-mask::ok\n:\\x3awarning file=a::PWN\n##\\x5bset-output name=a]b\n\\x1b[31mRED\\u202ez",
		" \t::a\nb ::c\n: :d\n::":              " \t:\\x3aa\nb ::c\n: :d\n:\\x3a",
		"\u3000::a":                            "\\u3000:\\x3aa",
		"a\r\n::b":                             "a\\r\n:\\x3ab",
		"a\r::b\u2028::c":                      "a\\r::b\\u2028::c",
		"\x1b[31mred\x1b[0m\x1b[32;1mno\x1b]0": "\\x1b[31mred\\x1b[0m\\x1b[32;1mno\\x1b]0",
	} {
		// However a text is cut into writes, the same comes out.
		for size := 1; size <= len(text); size++ {
			var out strings.Builder
			g := NewGuard(&out, false)
			for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
				if n, err := g.Write([]byte(rest[:min(size, len(rest))])); err != nil || n != min(size, len(rest)) {
					t.Fatalf("%d bytes, %v", n, err)
				}
			}
			if err := g.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != want {
				t.Errorf("%q in writes of %d: got %q, want %q", text, size, out.String(), want)
			}
		}
	}
}

func TestGuardInColor(t *testing.T) {
	text := paint(Red, "a") + "\x1b[5mb\x1b[3" // another sequence, and one that ends nowhere
	for size := 1; size <= len(text); size++ {
		var out strings.Builder
		g := NewGuard(&out, true)
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			_, _ = g.Write([]byte(rest[:min(size, len(rest))]))
		}
		_ = g.Flush()
		if want := "\x1b[31ma\x1b[0m\\x1b[5mb\\x1b[3"; out.String() != want {
			t.Errorf("in writes of %d: got %q, want %q", size, out.String(), want)
		}
	}
}

// broken fails every write.
type broken struct{}

var errGone = errors.New("gone")

func (broken) Write([]byte) (int, error) { return 0, errGone }

func TestGuardError(t *testing.T) {
	g := NewGuard(broken{}, false)
	if _, err := g.Write([]byte("a")); !errors.Is(err, errGone) {
		t.Errorf("got %v", err)
	}
}

func TestStreamOfNoTerminal(t *testing.T) {
	var out strings.Builder
	s := NewStream(&out)
	if NewStream(s) != s {
		t.Error("a stream is wrapped again")
	}
	s.Status("rendered a")
	s.Clear()
	_, _ = fmt.Fprint(s, "\x1b[31m::a\n")
	_, _ = fmt.Fprint(s.Unguarded(), "::error::b\n")
	if want := "\\x1b[31m::a\n::error::b\n"; out.String() != want || s.IsTerminal() {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCapture(t *testing.T) {
	var out bytes.Buffer
	release, err := Capture(NewStream(&out), "kgate: ")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(os.Stderr, "# Warning: %s\n", hostile)
	_, _ = fmt.Fprintln(os.Stdout, strings.Repeat("a", longestLine)+"::b")
	release()
	log.SetOutput(&out)
	log.SetFlags(0)
	release, err = Capture(NewStream(&out), "kgate: ")
	if err != nil {
		t.Fatal(err)
	}
	log.Printf("unused: %s", hostile)
	release()
	if log.Writer() != &out {
		t.Error("the logger is not what it was")
	}
	quiet(t, out.String())
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "kgate: ") && !strings.HasPrefix(line, "  | ") {
			t.Errorf("a line of somebody else: %q", line)
		}
	}
	for _, want := range []string{"kgate: # Warning: https://x/\n", "kgate: unused: https://x/\n  | ::add-mask::ok\n", strings.Repeat("a", longestLine)} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is lost in %q", want, out.String())
		}
	}
}

var anywhere = regexp.MustCompile(`##\pL*\[`)

// quiet holds that nothing in a text is more than text.
func quiet(t *testing.T, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !Visible(r) }); i >= 0 || !utf8.ValidString(text) {
		t.Errorf("what nobody sees: %q", text)
	}
	if anywhere.MatchString(text) {
		t.Errorf("a command: %q", text)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a command: %q", line)
		}
	}
}

// FuzzText holds that no text commands, and that what passes a guard once passes it again as it is.
func FuzzText(f *testing.F) {
	f.Add(hostile, uint8(3))
	f.Add("\x1b[31m\xff##\u00ad[::", uint8(1))
	f.Add(" ::a\n##[b]\r\n##vso[c]\t::d", uint8(7))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		quiet(t, "kgate: "+Message(text))
		quiet(t, "x "+Line(text))
		if strings.ContainsAny(Line(text), "\n\t") {
			t.Errorf("more than a line: %q", Line(text))
		}
		quiet(t, Block(text))
		quiet(t, File(text))
		quiet(t, string(Markup([]byte(text))))
		var out, again strings.Builder
		g := NewGuard(&out, false)
		for rest := text; rest != ""; {
			n := min(int(size)+1, len(rest))
			_, _ = g.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		_ = g.Flush()
		quiet(t, out.String())
		g = NewGuard(&again, true)
		_, _ = g.Write([]byte(out.String()))
		_ = g.Flush()
		if again.String() != out.String() {
			t.Errorf("%q is not %q the second time", out.String(), again.String())
		}
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		escaped := JSON(encoded)
		quiet(t, string(escaped))
		if err := errors.Join(json.Unmarshal(encoded, &want), json.Unmarshal(escaped, &got)); err != nil || got != want {
			t.Errorf("%q says %q, not %q, %v", escaped, got, want, err)
		}
		quiet(t, string(YAML(encoded)))
	})
}
