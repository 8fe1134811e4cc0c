package difference

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// unified writes lines as `diff -u` does, with what is marked in brackets and a + before a line that is folded.
func unified(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		switch {
		case l.Old == 0:
			b.WriteString("+")
		case l.New == 0:
			b.WriteString("-")
		case l.Folded:
			b.WriteString("~")
		default:
			b.WriteString(" ")
		}
		for _, w := range l.Words {
			if w.Changed {
				fmt.Fprintf(&b, "[%s]", w.Text)
			} else {
				b.WriteString(w.Text)
			}
		}
		if l.Open {
			b.WriteString("\\")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestLines(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"changed", "a\nretries: 3 of 9\nb\n", "a\nretries: 5 of 9\nb\n", " a\n-retries: [3] of 9\n+retries: [5] of 9\n b\n"},
		{"added", "a\nb\n", "a\nx\nb\n", " a\n+x\n b\n"},
		{"removed", "a\nx\nb\n", "a\nb\n", " a\n-x\n b\n"},
		{"end of the last line", "a\nb", "a\nb\n", " a\n-b\\\n+b\n"},
		{"indented", "if\nfoo\n", "if\n  foo\n", " if\n-foo\n+[  ]foo\n"},
		{"carriage return", "a\r\nb\n", "a\nb\n", "-a[\r]\n+a\n b\n"},
		{"words side by side", "a\nthe quick brown fox\n", "a\nthe slow grey fox\n", " a\n-the [quick brown] fox\n+the [slow grey] fox\n"},
		{"nothing in common", "a\nfoo bar\nz\n", "a\nqwertz uiop\nz\n", " a\n-foo bar\n+qwertz uiop\n z\n"},
		{"far away", "1\n2\n3\n4\n5\n6\nx\n6\n5\n4\n3\n2\n1\n", "1\n2\n3\n4\n5\n6\nyy\n6\n5\n4\n3\n2\n1\n", "~1\n~2\n~3\n 4\n 5\n 6\n-x\n+yy\n 6\n 5\n 4\n~3\n~2\n~1\n"},
		{"from nothing", "", "a\n", "+a\n"},
		{"to nothing", "a\n", "", "-a\n"},
	} {
		if got := unified(Lines(test.old, test.new)); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
	}
}

func TestTextOfObject(t *testing.T) {
	files := func(text string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: " + text + "}"
	}
	for _, test := range []struct {
		name, old, new, want string
	}{
		{"lines", files(`"a\nb\n"`), files(`"a\nc\n"`), " a\n-b\n+c\n"},
		{"one line", files(`a`), files(`b`), ""},
		{"of a Secret", secret(`stringData: {a: "a\nb\n"}`), secret(`stringData: {a: "a\nc\n"}`), ""},
	} {
		changes, err := comparer().Of(context.Background(), nil, object(t, test.old), object(t, test.new))
		if err != nil || len(changes) != 1 {
			t.Fatal(changes, err)
		}
		if got := unified(changes[0].Lines); got != test.want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
	}
}
