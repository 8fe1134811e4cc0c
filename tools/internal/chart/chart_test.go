package chart

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// The release that is named is the one that go.mod requires, and Kubernetes is that of the client-go that it is built with.
func TestReleases(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-json", "helm.sh/helm/v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ Version, GoMod string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	if module.Version != HelmRelease {
		t.Errorf("go.mod has helm %s, the constant says %s", module.Version, HelmRelease)
	}
	out, err = exec.Command("go", "mod", "edit", "-json", module.GoMod).Output()
	if err != nil {
		t.Fatal(err)
	}
	var required struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &required); err != nil {
		t.Fatal(err)
	}
	for _, r := range required.Require {
		if r.Path != "k8s.io/client-go" {
			continue
		}
		minor := strings.Split(r.Version, ".")[1]
		if want := "v1." + minor + ".0"; KubeVersion != want {
			t.Errorf("helm is built with client-go %s: it tells charts %s, the constant says %s", r.Version, want, KubeVersion)
		}
		return
	}
	t.Error("helm requires no client-go")
}

func loaded(t *testing.T, template string) *Chart {
	t.Helper()
	c, err := Load([]File{{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n")}, {Name: "templates/a.yaml", Data: []byte(template)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A render whose context ends is given up, also where its template calls no function.
func TestRenderIsGivenUp(t *testing.T) {
	for name, template := range map[string]string{
		"a loop of nothing": "{{ range 3000000000 }}{{ end }}", "a loop of functions": "{{ range 1000000000 }}{{ $x := add 1 2 }}{{ end }}",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := loaded(t, template).Render(ctx, Release{})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTextsThatGrow(t *testing.T) {
	const grow = `{{ $x := "aaaaaaaa" }}{{ range until 40 }}{{ $x = %s }}{{ end }}`
	for call, want := range map[string]string{
		`print $x $x`:                                             "print makes a text of more than 16 MB",
		`println $x $x`:                                           "println makes a text of more than 16 MB",
		`printf "%s%s" $x $x`:                                     "printf makes a text of more than 16 MB",
		`printf (repeat 100 "%[1]999999d") 1`:                     "printf makes a text of more than 16 MB",
		`printf (repeat 100 "%*d") 999999 1`:                      "printf makes a text of more than 16 MB",
		`printf (repeat 20000 "%[1]s") (repeat 2000 "a")`:         "printf makes a text of more than 16 MB",
		`printf (repeat 100 "%*d") (semver "999999.0.0").Major 1`: "printf makes a text of more than 16 MB",
		`printf "%[2]s %[1]s" $x "b"`:                             "",
		`cat $x $x`:                                               "cat makes a text of more than 16 MB",
		`join "" (list $x $x)`:                                    "join makes a text of more than 16 MB",
		`join $x (list 1 2 3)`:                                    "join makes a text of more than 16 MB",
		`replace "a" "aa" $x`:                                     "replace makes a text of more than 16 MB",
		`quote $x`:                                                "quote makes a text of more than 16 MB",
		`b64enc (print $x $x)`:                                    " MB",
		`print (repeat 3000000 "a")`:                              "make texts of more than 64 MB together",
		`print $x`:                                                "",
		`printf "%*d %5.1f %%" 5 3 1.5`:                           "",
		`join "," (list 1 2 nil)`:                                 "",
		`replace "a" "" $x`:                                       "",
	} {
		_, err := loaded(t, strings.Replace(grow, "%s", call, 1)).Render(t.Context(), Release{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, not %q", call, err, want)
		}
	}
	// What is nested deeper than fmt can print it.
	for _, call := range []string{"print $d", `printf "%v" $d`, "cat $d", "quote $d", "toString $d", `set (dict) "a" $d`, `merge $d (dict "b" 1)`} {
		_, err := loaded(t, `{{ $d := dict }}{{ range until 2000 }}{{ $d = dict "a" $d }}{{ end }}{{ $_ := `+call+` }}`).Render(t.Context(), Release{})
		if err == nil || !strings.Contains(err.Error(), "nested more than 1000 deep") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// A value that holds itself would be printed until Go ends the program.
func TestValuesThatHoldThemselves(t *testing.T) {
	for call, want := range map[string]string{
		`set $d "a" $d`:                                   "set puts a value into itself",
		`set $d "a" (list 1 (dict "b" $d))`:               "set puts a value into itself",
		`merge $d (dict "a" (dict "b" $d))`:               "merge puts a value into itself",
		`mergeOverwrite $d (dict "a" (list $d))`:          "mergeOverwrite puts a value into itself",
		`merge $d (dict "in" (dict "b" (index $d "in")))`: "merge puts a value into itself",
		`set $d "a" (dict "b" 1)`:                         "",
		`set $d "b" (index $d "in")`:                      "",
		`merge $d (dict "a" (list $l $l))`:                "",
		`merge $d $d`:                                     "",
		`set $d "a" nil`:                                  "",
	} {
		_, err := loaded(t, `{{ $l := list 1 }}{{ range until 60 }}{{ $l = list $l $l }}{{ end }}{{ $d := dict "in" (dict "c" 1) }}{{ $_ := `+call+` }}`).Render(t.Context(), Release{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, not %q", call, err, want)
		}
	}
}

// What is limited prints what it does without a limit.
func TestLimitedFunctionsPrintTheSame(t *testing.T) {
	const text = `a: {{ print 1 2 "a" "b" 3 nil }}|{{ println "a" 1 }}|{{ printf "%s-%05d-%v %!" "a" 3 (list 1 "b") }}|{{ cat "a" 1 nil "b" }}|{{ join "-" (list "a" 1 nil) }}|{{ join "-" "a" }}|{{ replace "a" "bb" "banana" }}|{{ replace "" "-" "ab" }}|{{ quote "a\"" 1 nil }}|{{ squote "b" true }}|{{ toString 1.5 }}|{{ b64enc "a" }}|{{ b32enc "a" }}|{{ set (dict "a" 1) "b" (list 2) }}|{{ merge (dict "a" 1) (dict "a" 2 "b" 3) }}|{{ mergeOverwrite (dict "a" 1) (dict "a" 2) (dict "b" 3) }}`
	var is, want strings.Builder
	for out, functions := range map[*strings.Builder]template.FuncMap{&is: bounds(), &want: nil} {
		if err := template.Must(template.New("").Funcs(sprig.TxtFuncMap()).Funcs(functions).Parse(text)).Execute(out, nil); err != nil {
			t.Fatal(err)
		}
	}
	if is.String() != want.String() {
		t.Errorf("%q, not %q", is.String(), want.String())
	}
}

// A render leaves the chart as it was: the next one comes to the same.
func TestRenderAgain(t *testing.T) {
	c := loaded(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {{ .Values | toJson }}\n")
	r := Release{Name: "a", Values: []Values{{Name: "v", Text: []byte("a: b\n")}}}
	first, err := c.Render(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Render(t.Context(), Release{Name: "b", Values: []Values{{Name: "v", Text: []byte("a: c\nd: e\n")}}}); err != nil {
		t.Fatal(err)
	}
	second, err := c.Render(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.Text) != string(second.Text) || !strings.Contains(string(first.Text), `data: {"a":"b"}`) {
		t.Errorf("%s\n%s", first.Text, second.Text)
	}
}

// A template that writes what looks like a mark, always or only where marks are, has no lines that it did not write.
func TestMarksThatATemplateWrites(t *testing.T) {
	const define = "{{- define \"x\"}}\nabc\n{{end}}"
	for name, c := range map[string]struct {
		template string
		want     Place // of the first line
	}{
		"with marks":      {define + "{{if gt (len (include \"x\" .)) 6}}{{printf \"%c\" 1048573}}{{end}}a: b\n", Place{}},
		"always":          {define + "{{printf \"%c\" 1048573}}a: b\n", Place{}},
		"after line four": {define + "\na: {{printf \"%c\" 1048573}}\n", Place{"templates/a.yaml", 4}},
	} {
		chart := loaded(t, c.template)
		first, err := chart.Render(t.Context(), Release{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if lines := chart.Lines(t.Context(), Release{}, first); len(lines) != 1 || len(lines[0]) == 0 || lines[0][0] != c.want {
			t.Errorf("%s: %v, not %v", name, lines, c.want)
		}
	}
}

// Marks leave a template as it is, but for themselves, and none stands within an action.
func FuzzMark(f *testing.F) {
	for _, text := range []string{
		"", "a: b\n  c: {{ .d }}\n", "{{- if `}}` }}\n x\n{{ end -}}\n  y", "{{/* a\n}} b */}}\nc", "{{ \"}}\\\"\n", "{{ '}' }}", "---\na\n{{- /* x */ -}}\n", "{{", "{{ `", "\r\n\t{{- $x := 1 }}\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsFunc(text, isMark) {
			return
		}
		marked, places, _ := mark(File{Name: "a", Data: []byte(text)}, nil)
		if got := strings.Map(func(r rune) rune {
			if isMark(r) {
				return -1
			}
			return r
		}, string(marked)); got != strings.Map(func(r rune) rune { return r }, text) {
			t.Fatalf("%q became %q", text, got)
		}
		for rest := string(marked); ; {
			at := strings.Index(rest, "{{")
			if at < 0 {
				break
			}
			rest = rest[at:]
			size := action(rest)
			if strings.ContainsFunc(rest[:size], isMark) {
				t.Fatalf("a mark in the action %q", rest[:size])
			}
			rest = rest[size:]
		}
		for i, p := range places {
			if p.Line < 1 || p.Line > strings.Count(text, "\n")+1 || i > 0 && p.Line <= places[i-1].Line {
				t.Fatalf("places %v", places)
			}
		}
	})
}

// Templates read numbers as Helm's own build does: go.mod holds the module that does so where other modules ask for a later one.
func TestNumbersAreHelms(t *testing.T) {
	_, err := loaded(t, `{{ if ne (int "1.5") 0 }}{{ fail "a later cast" }}{{ end }}`).Render(t.Context(), Release{})
	if err != nil {
		t.Error(err)
	}
}
