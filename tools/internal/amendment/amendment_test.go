package amendment

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func at(line, column int) manifest.Position {
	return manifest.Position{File: "f.yaml", Line: line, Column: column}
}

func TestScalar(t *testing.T) {
	tests := map[string]struct {
		text     string
		at       manifest.Position
		old, new string
		want     string // "" for an error
		said     string // of the error
	}{
		"by its key":                 {"a:\n  tag: 1.1.0 # why\n", at(2, 3), "1.1.0", "1.2.0", "a:\n  tag: 1.2.0 # why\n", ""},
		"by itself":                  {"tag:   1.1.0\n", at(1, 8), "1.1.0", "1.2.0", "tag:   1.2.0\n", ""},
		"by its line":                {"tag: 1.1.0\n", at(1, 0), "1.1.0", "1.2.0", "tag: 1.2.0\n", ""},
		"double quotes":              {"tag: \"1.1.0\"\n", at(1, 1), "1.1.0", "1.2.0", "tag: \"1.2.0\"\n", ""},
		"single quotes":              {"tag: '1.1.0'   \n", at(1, 1), "1.1.0", "1.2.0", "tag: '1.2.0'   \n", ""},
		"an escape":                  {"tag: \"1\\x2e1\" # x\n", at(1, 1), "1.1", "1.2.0", "tag: 1.2.0 # x\n", ""},
		"a quote in quotes":          {"tag: 'it''s' # x\n", at(1, 1), "it's", "its", "tag: 'its' # x\n", ""},
		"a text that is a number":    {"tag: 1.9.0\n", at(1, 1), "1.9.0", "1.10", "tag: \"1.10\"\n", ""},
		"a commit that is a number":  {"tag: ab12\n", at(1, 1), "ab12", "12e4", "tag: \"12e4\"\n", ""},
		"a word of YAML 1.1":         {"tag: a\n", at(1, 1), "a", "on", "tag: \"on\"\n", ""},
		"and back":                   {"tag: \"1.10\"\n", at(1, 1), "1.10", "1.9.0", "tag: 1.9.0\n", ""},
		"and back as beside":         {"- tag: \"1.10\"\n- tag: \"1.9.0\"\n", at(1, 3), "1.10", "1.9.0", "- tag: \"1.9.0\"\n- tag: \"1.9.0\"\n", ""},
		"a number":                   {"weight: 10 # percent\n", at(1, 1), "10", "25", "weight: 25 # percent\n", ""},
		"a number that gets a text":  {"weight: 10\n", at(1, 1), "10", "ten", "", "f.yaml:1: \"ten\" is a text"},
		"a number in quotes":         {"weight: \"10\"\n", at(1, 1), "10", "25", "weight: \"25\"\n", ""},
		"CRLF and no end":            {"a: 1\r\ntag: 1.1.0", at(2, 1), "1.1.0", "1.2.0", "a: 1\r\ntag: 1.2.0", ""},
		"behind a byte order mark":   {"\ufefftag: 1.1.0\n", at(1, 1), "1.1.0", "1.2.0", "\ufefftag: 1.2.0\n", ""},
		"flow style":                 {"images: [{name: ä, newTag: 1.1.0}, {name: b}]\n", at(1, 20), "1.1.0", "1.2.0", "images: [{name: ä, newTag: 1.2.0}, {name: b}]\n", ""},
		"a second document":          {"a: 1\n---\n# c\ntag: 1.1.0\n", at(4, 1), "1.1.0", "1.2.0", "a: 1\n---\n# c\ntag: 1.2.0\n", ""},
		"a tag of YAML":              {"tag: !!str 1.1.0\n", at(1, 1), "1.1.0", "1.2.0", "tag: !!str 1.2.0\n", ""},
		"an anchor that nobody uses": {"tag: &t 1.1.0\n", at(1, 1), "1.1.0", "1.2.0", "tag: &t 1.2.0\n", ""},
		"an anchor":                  {"tag: &t 1.1.0\nb: *t\n", at(1, 1), "1.1.0", "1.2.0", "", "f.yaml:1: the value lies in the anchor &t"},
		"an alias":                   {"tag: &t 1.1.0\nb: *t\n", at(2, 1), "1.1.0", "1.2.0", "", "f.yaml:2: the value is the alias *t"},
		"inside of an anchor":        {"a: &a\n  tag: 1.1.0\nb: *a\n", at(2, 3), "1.1.0", "1.2.0", "", "f.yaml:1: the value lies in the anchor &a"},
		"a patch in a text":          {"p:\n- patch: |-\n    - op: replace\n      value: r:5000/a:1.1.0 # c\n- b: 1\n", at(4, 7), "r:5000/a:1.1.0", "r:5000/a:1.2.0", "p:\n- patch: |-\n    - op: replace\n      value: r:5000/a:1.2.0 # c\n- b: 1\n", ""},
		"a text with CRLF, no end":   {"patch: |\r\n\r\n  a: 1\r\n  value: \"a:1.1.0\"", at(4, 3), "a:1.1.0", "a:1.2.0", "patch: |\r\n\r\n  a: 1\r\n  value: \"a:1.2.0\"", ""},
		"JSON in a text":             {"patch: |\n  [{\"value\": \"a:1.1.0\"}]\n", at(2, 0), "a:1.1.0", "a:1.2.0", "patch: |\n  [{\"value\": \"a:1.2.0\"}]\n", ""},
		"behind a text":              {"patch: |\n  a: 1\n\ntag: 1.1.0\n", at(4, 1), "1.1.0", "1.2.0", "patch: |\n  a: 1\n\ntag: 1.2.0\n", ""},
		"twice in a line of a text":  {"patch: |\n  [1.1.0, 1.1.0]\n", at(2, 0), "1.1.0", "1.2.0", "", "f.yaml:2: 1.1.0 does not stand once"},
		"part of a word of a text":   {"patch: |\n  tag: 1.1.0-rc\n", at(2, 0), "1.1.0", "1.2.0", "", "f.yaml:2: 1.1.0 does not stand once"},
		"a number in a text":         {"patch: |\n  tag: 1.1.0\n", at(2, 0), "1.1.0", "1.2", "", "f.yaml:2: \"1.2\" needs quotes here"},
		"a folded text":              {"patch: >\n  tag: 1.1.0\n", at(2, 0), "1.1.0", "1.2.0", "", "f.yaml:2: 1.1.0 stands in a text that is folded"},
		"a text with an alias":       {"patch: &p |\n  tag: 1.1.0\nb: *p\n", at(2, 0), "1.1.0", "1.2.0", "", "f.yaml:1: the value lies in the anchor &p"},
		"another value":              {"tag: 1.1.0\n", at(1, 1), "1.0.0", "1.2.0", "", "f.yaml:1: here stands \"1.1.0\" and no more \"1.0.0\""},
		"another line":               {"tag: 1.1.0\n", at(2, 1), "1.1.0", "1.2.0", "", "f.yaml:2: no value 1.1.0 stands here"},
		"two in a line":              {"[1.1.0, 1.1.0]\n", at(1, 0), "1.1.0", "1.2.0", "", "f.yaml:1: 2 values 1.1.0 stand in this line"},
		"a block":                    {"tag: |-\n  1.1.0\n", at(1, 1), "1.1.0", "1.2.0", "", "f.yaml:1: the value is written over several lines"},
		"over lines":                 {"tag: \"1.1\\\n  .0\"\n", at(1, 1), "1.1.0", "1.2.0", "", "f.yaml:1: the value is written over several lines"},
		"a line in a value":          {"tag: a\n", at(1, 1), "a", "a\nb", "", "more than one line"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Apply("f.yaml", []byte(test.text), Scalar{test.at, test.old, test.new})
			if test.said != "" {
				if err == nil || !strings.Contains(err.Error(), test.said) {
					t.Fatalf("error %v, want %q", err, test.said)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Fatalf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

const digest, other = "sha256:aa", "sha256:bb"

func TestImage(t *testing.T) {
	tests := map[string]struct {
		text  string
		image Image
		want  string
	}{
		"the tag":                   {"images:\n- name: a\n  newTag: 1.1.0 # c\n", Image{at(3, 3), "1.1.0", "", "1.2.0", ""}, "images:\n- name: a\n  newTag: 1.2.0 # c\n"},
		"a digest goes":             {"images:\n- name: a\n  newTag: 1.1.0\n  digest: sha256:aa # pinned\n- name: b\n", Image{at(3, 3), "1.1.0", digest, "1.2.0", ""}, "images:\n- name: a\n  newTag: 1.2.0\n- name: b\n"},
		"the first field goes":      {"images:\n- digest: sha256:aa\n  name: a\n  newTag: 1.1.0\n", Image{at(2, 3), "1.1.0", digest, "1.2.0", ""}, "images:\n- name: a\n  newTag: 1.2.0\n"},
		"a digest comes, sorted":    {"images:\n- name: a\n  newTag: 1.1.0\n", Image{at(3, 3), "1.1.0", "", "1.2.0", digest}, "images:\n- digest: sha256:aa\n  name: a\n  newTag: 1.2.0\n"},
		"behind its fellow":         {"images:\n- newTag: 1.1.0\n  name: a\nb: 1\n", Image{at(2, 3), "1.1.0", "", "1.2.0", digest}, "images:\n- newTag: 1.2.0\n  digest: sha256:aa\n  name: a\nb: 1\n"},
		"another digest":            {"images:\n- name: a\n  newTag: 1.1.0\n  digest: sha256:aa\n", Image{at(4, 3), "1.1.0", digest, "1.2.0", other}, "images:\n- name: a\n  newTag: 1.2.0\n  digest: sha256:bb\n"},
		"a digest for a tag":        {"images:\n- name: a\n  newTag: 1.1.0\n", Image{at(3, 3), "1.1.0", "", "", digest}, "images:\n- name: a\n  digest: sha256:aa\n"},
		"a tag for a digest":        {"images:\n- digest: sha256:aa\n  name: a\n", Image{at(2, 3), "", digest, "1.2.0", ""}, "images:\n- newTag: 1.2.0\n  name: a\n"},
		"flow, a digest goes":       {"images: [{name: a, newTag: 1.1.0, digest: \"sha256:aa\"}]\n", Image{at(1, 20), "1.1.0", digest, "1.2.0", ""}, "images: [{name: a, newTag: 1.2.0}]\n"},
		"flow, a digest comes":      {"images: [{name: a, newTag: 1.1.0}]\n", Image{at(1, 20), "1.1.0", "", "1.2.0", digest}, "images: [{digest: sha256:aa, name: a, newTag: 1.2.0}]\n"},
		"no end of line at the end": {"images:\r\n- name: a\r\n  newTag: 1.1.0\r\n  digest: sha256:aa", Image{at(3, 3), "1.1.0", digest, "1.2.0", ""}, "images:\r\n- name: a\r\n  newTag: 1.2.0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Apply("f.yaml", []byte(test.text), test.image)
			if err != nil || string(got) != test.want {
				t.Fatalf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
	for name, test := range map[string]struct {
		text  string
		image Image
		said  string
	}{
		"an entry that changed": {"images:\n- name: a\n  newTag: 1.1.0\n  digest: sha256:aa\n", Image{at(3, 3), "1.1.0", "", "1.2.0", ""}, "f.yaml:3: digest is \"sha256:aa\" and no more \"\""},
		"nothing":               {"images:\n- name: a\n  newTag: 1.1.0\n", Image{at(3, 3), "1.1.0", "", "", ""}, "an image has a tag or a digest"},
		"an anchor":             {"images:\n- &a\n  name: a\n  newTag: 1.1.0\nx: *a\n", Image{at(4, 3), "1.1.0", "", "1.2.0", ""}, "the anchor &a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := Apply("f.yaml", []byte(test.text), test.image); err == nil || !strings.Contains(err.Error(), test.said) {
				t.Fatalf("got %q, %v; want %q", got, err, test.said)
			}
		})
	}
}

// TestThereAndBack holds every way of writing an entry to giving its bytes back.
func TestThereAndBack(t *testing.T) {
	references := [][2]string{{"1.1.0", ""}, {"1.10", ""}, {"1.1.0", digest}, {"12e4", other}, {"", digest}}
	endings := map[string]string{"": "\n", "CRLF": "\r\n"}
	for _, order := range [][]string{{"name", "newName", "newTag", "digest"}, {"digest", "name", "newName", "newTag"}} {
		for _, style := range []string{"block", "flow", "flush"} {
			for _, from := range references {
				for _, to := range references {
					for _, ending := range endings {
						for _, final := range []bool{true, false} {
							text := entry(order, style, from, ending, final)
							line, column := find(text, from)
							there, err := Apply("f.yaml", []byte(text), Image{at(line, column), from[0], from[1], to[0], to[1]})
							if err != nil {
								t.Fatalf("%q to %v: %v", text, to, err)
							}
							line, column = find(string(there), to)
							back, err := Apply("f.yaml", there, Image{at(line, column), to[0], to[1], from[0], from[1]})
							// A digest that goes leaves nothing of where it stood; it comes to where `kustomize edit` has it.
							moved := order[0] == "name" && from[0] != "" && from[1] != "" && to[1] == ""
							if err != nil || string(back) != text && !moved {
								t.Errorf("%q\nby %q\nto %q, %v", text, there, back, err)
							}
						}
					}
				}
			}
		}
	}
}

func entry(order []string, style string, image [2]string, ending string, final bool) string {
	quoted := func(s string) string {
		if !plain(s) {
			return `"` + s + `"`
		}
		return s
	}
	values := map[string]string{"name": "a", "newName": "reg:5000/a", "newTag": quoted(image[0]), "digest": image[1]}
	var fields []string
	for _, key := range order {
		if v := values[key]; v != "" && v != `""` {
			fields = append(fields, key+": "+v)
		}
	}
	text := "images:" + ending
	switch style {
	case "block":
		text += "  - " + strings.Join(fields, ending+"    ")
	case "flush":
		text += "- " + strings.Join(fields, ending+"  ")
	case "flow":
		text += "- {" + strings.Join(fields, ", ") + "}"
	}
	if final {
		text += ending
	}
	return text
}

func find(text string, image [2]string) (line, column int) {
	key := "newTag:"
	if image[0] == "" {
		key = "digest:"
	}
	for i, l := range strings.Split(text, "\n") {
		if c := strings.Index(l, key); c >= 0 {
			return i + 1, c + 1
		}
	}
	return 0, 0
}

func FuzzScalar(f *testing.F) {
	f.Add("a:\n- tag: '1.1.0' # c\n", "1.2.0")
	f.Add("a: [{tag: \"1.10\"}, &x b, *x]\r\n---\nb: 1", "on")
	f.Fuzz(func(t *testing.T, text, value string) {
		s, err := read("f.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, d := range s.documents {
			s.walk(place{value: d.Node}, func(p place) {
				if p.value.Value == "" || p.value.Column == 0 {
					return
				}
				out, err := Apply("f.yaml", []byte(text), Scalar{at(p.value.Line, p.value.Column), p.value.Value, value})
				if err != nil {
					return // it says why
				}
				if _, err := read("f.yaml", out); err != nil {
					t.Fatalf("%q became %q: %v", text, out, err)
				}
			})
		}
	})
}
