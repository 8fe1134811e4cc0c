package difference

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// FuzzSameContent holds that a text is the same as itself, where anything is said of it, and that none panics.
func FuzzSameContent(f *testing.F) {
	for _, text := range []string{"a: 1\n", "a: !!str\n", "- &a [*a]\n", "? [a]\n: b\n", "{a: {b: [c, 1.0, ~]}}", "%YAML 1.1\n---\na: <<\n"} {
		f.Add(text, "a: 1\n")
	}
	f.Fuzz(func(t *testing.T, old, new string) {
		at := manifest.Path{"data", "a.yaml"}
		if sameContent(at, old, new) != sameContent(at, new, old) {
			t.Error("it depends on which comes first")
		}
		if sameContent(at, old, new) && !sameContent(at, old, old) {
			t.Error("a text is not the same as itself")
		}
	})
}

func TestSameContent(t *testing.T) {
	bomb := "a: &a [x, x]\n"
	for _, next := range "bcdefghijklmnopqrstuvw" {
		bomb += string(next) + ": &" + string(next) + " [*" + string(next-1) + ", *" + string(next-1) + "]\n"
	}
	for _, test := range []struct {
		name, file, old, new string
		want                 bool
	}{
		{"comment", "a.yaml", "a: 1 # one\n", "# one\na: 1\n", true},
		{"order of keys", "a.yaml", "a: 1\nb: 2\n", "b: 2\na: 1\n", true},
		{"order of items", "a.yaml", "[1, 2]", "[2, 1]", false},
		{"flow and block", "a.yml", "a: {b: [c, d]}", "a:\n  b:\n  - c\n  - d\n", true},
		{"quotes", "a.yaml", "a: b", "a: \"b\"", true},
		{"quotes of what may be a boolean", "a.yaml", "a: yes", "a: 'yes'", false},
		{"quotes of what may be a number", "a.yaml", "a: 12:30:45", "a: '12:30:45'", false},
		{"quotes of a number", "a.yaml", "a: 1", "a: '1'", false},
		{"null and an empty text", "a.yaml", "a:", "a: ''", false},
		{"another number of the same value", "a.yaml", "a: 8", "a: 010", false},
		{"block of text", "a.yaml", "a: \"b\\nc\\n\"", "a: |\n  b\n  c\n", true},
		{"end of a block of text", "a.yaml", "a: |-\n  b\n", "a: |\n  b\n", false},
		{"tag", "a.yaml", "a: b", "a: !c b", false},
		{"tag of nothing", "a.yaml", "a: !!str\n", "a: !!str # x\n", true},
		{"alias", "a.yaml", "a: &a {b: c}\nd: *a\n", "a: {b: c}\nd: {b: c}\n", true},
		{"a key twice", "a.yaml", "a: 1\na: 2\n", "a: 1\na: 2 #\n", false},
		{"several documents", "a.yaml", "a: 1\n---\nb: 2\n", "# x\na: 1\n---\nb: 2 # y\n", true},
		{"fewer documents", "a.yaml", "a: 1\n---\nb: 2\n", "a: 1\n", false},
		{"a text alone", "a.yaml", "a b", "a\n b", false},
		{"no YAML", "a.yaml", "a: [", "a: [ ", false},
		{"aliases without end", "a.yaml", bomb, bomb + "# x\n", false},
		{"a script", "run.sh", "a: 1 # one\n", "a: 1\n", false},
		{"JSON by any name", "run", `{"a": 1}`, `{"a":1}`, true},
		{"JSON and what follows", "run", `{"a": 1}`, `{"a":1} x`, false},
		{"a long number in JSON", "run", `{"a": 12345678901234567890}`, `{"a":12345678901234567891}`, false},
		{"too long", "a.yaml", "a: 1 #" + strings.Repeat("x", largest), "a: 1", false},
	} {
		at := manifest.Path{"data", test.file}
		if got := sameContent(at, test.old, test.new); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
		if got := sameContent(at, test.new, test.old); got != test.want {
			t.Errorf("%s, the other way: %t", test.name, got)
		}
	}
}
