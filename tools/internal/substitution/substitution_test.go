package substitution_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/substitution"
)

func decode(t *testing.T, text string) *manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := documents[0].Objects()
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func known(pairs ...string) map[string]substitution.Value {
	values := map[string]substitution.Value{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = substitution.Value{Text: pairs[i+1]}
	}
	return values
}

// TestFill holds what comes of one field. Unknown is written ? in place of what stands in for it.
func TestFill(t *testing.T) {
	values := known("NAME", "web", "PORT", "8080", "ON", "true", "LINES", "a\nb", "EMPTY", "")
	values["HIDDEN"] = substitution.Value{Unknown: true}
	closed := substitution.Variables{Values: values}
	open := substitution.Variables{Values: values, Open: true}
	for name, c := range map[string]struct {
		variables substitution.Variables
		field     string // YAML
		want      any
		unknown   bool
		faults    []string
	}{
		"text":                          {closed, "${NAME}-1", "web-1", false, nil},
		"a number":                      {closed, "${PORT}", int64(8080), false, nil},
		"a number in quotes":            {closed, "'${PORT}'", int64(8080), false, nil}, // Kustomize takes the quotes away
		"a truth":                       {closed, "${ON}", true, false, nil},
		"lines":                         {closed, "${LINES}", "ab", false, nil},
		"a default that is not needed":  {closed, "${NAME:=x}", "web", false, nil},
		"a default":                     {closed, "${NONE:=x}", "x", false, nil},
		"another form of default":       {closed, "${NONE:-x}", "x", false, nil},
		"a default of what is empty":    {closed, "${EMPTY:=x}", "x", false, nil},
		"upper case":                    {closed, "${NAME^^}", "WEB", false, nil},
		"a part":                        {closed, "${NAME:1}", "eb", false, nil},
		"an escape":                     {closed, "$${NAME} ${NAME}", "${NAME} web", false, nil},
		"no braces":                     {closed, "$NAME $(NAME) ${NAME}", "$NAME $(NAME) web", false, nil},
		"what is hidden":                {closed, "a ${HIDDEN} b", "a ? b", true, nil},
		"what is hidden, in a function": {closed, "${#HIDDEN}", nil, true, nil},
		"what may have a value":         {open, "${NONE:=x}", "?", true, nil},
		"what has none":                 {closed, "a${NONE}", "a?", true, []string{"data.a: ${NONE} has no value and no default"}},
		"what has none, changed":        {closed, "${NONE^^}", nil, true, []string{"data.a: ${NONE} has no value and no default"}},
		"shell":                         {closed, "${A[@]}", "${A[@]}", false, []string{"data.a: Flux cannot fill in the variables here: missing closing brace; write $${ for a ${ that is to stay"}},
		"nothing to fill in with":       {substitution.Variables{}, "${NAME:=x}", "${NAME:=x}", false, nil},
		"nothing but defaults":          {substitution.Variables{Always: true}, "${NAME:=x}", "x", false, nil},
		"a name that is none":           {substitution.Variables{Values: known("a-b", "c")}, "$$x", "$$x", false, []string{`: Flux takes "a-b" for no name of a variable, and fills nothing in: a name has letters, digits and _`}},
		"YAML that is none":             {substitution.Variables{Values: known("A", "b: [")}, "x ${A}", "x ?", true, []string{": what comes of it with the variables filled in is no object: mapping values are not allowed in this context"}},
		"maybe":                         {substitution.Variables{Maybe: true}, "a ${NAME} $${NAME} ${env:X}", "a ? $${NAME} ${env:X}", true, nil},
		"maybe, in a script":            {substitution.Variables{Maybe: true}, "|\n    a ${NAME}\n    b", "a ${NAME}\nb\n", false, nil},
	} {
		object := decode(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: "+c.field+"\n  b: c\n")
		filled, err := c.variables.Fill(object, "target")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := manifest.At(filled.Object.Value, "data", "a")
		text, isText := got.(string)
		for standIn := range filled.StandIns {
			text = strings.ReplaceAll(text, standIn, "?")
		}
		if isText {
			got = text
		}
		if c.want != nil && got != c.want || filled.Object.Hides(manifest.Path{"data", "a"}) != c.unknown || filled.Object.Hides(manifest.Path{"data", "b"}) || filled.Object.Hides(nil) {
			t.Errorf("%s: got %v, unknown %v; want %v, %t", name, got, filled.Object.Unknown, c.want, c.unknown)
		}
		var faults []string
		for _, f := range filled.Faults {
			faults = append(faults, f.Path.String()+": "+f.Message)
		}
		if !slices.Equal(faults, c.faults) {
			t.Errorf("%s: got %q, want %q", name, faults, c.faults)
		}
	}
}

func TestFillLeavesWhatSaysSo(t *testing.T) {
	for _, where := range []string{"labels", "annotations"} {
		object := decode(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, "+where+": {"+substitution.Key+": disabled}}\ndata: {a: '${A}'}\n")
		filled, err := substitution.Variables{Values: known("A", "b")}.Fill(object, "target")
		if err != nil || filled.Object != object || len(filled.Faults) > 0 {
			t.Errorf("%s: got %s, %v", where, filled.Object.JSON, err)
		}
	}
}

// What stands in for a variable is the same in a target, so that what belongs together stays together, and another elsewhere.
func TestStandIns(t *testing.T) {
	object := decode(t, "apiVersion: v1\nkind: Service\nmetadata: {name: '${APP}'}\nspec: {selector: {app: '${APP}', '${APP}': b}}\n")
	variables := substitution.Variables{Open: true}
	one, err := variables.Fill(object, "one")
	if err != nil {
		t.Fatal(err)
	}
	if manifest.TextAt(one.Object.Value, "spec", "selector", "app") != one.Object.Name || one.StandIns[one.Object.Name] != "${APP}" {
		t.Errorf("got %s, %v", one.Object.JSON, one.StandIns)
	}
	if !one.Object.Hides(manifest.Path{"metadata", "name"}) || !one.Object.Hides(manifest.Path{"spec", "selector", "app"}) || one.Object.Hides(manifest.Path{"spec"}) {
		t.Errorf("unknown are %v", one.Object.Unknown)
	}
	if other, err := variables.Fill(object, "other"); err != nil || other.Object.Name == one.Object.Name {
		t.Errorf("got %s, %v", other.Object.JSON, err)
	}
}

func TestName(t *testing.T) {
	for text, want := range map[string]string{"${A}": "A", "${A:=b}": "A", "x${A}": "", "$${A}": "", "${A}${B}": "", "A": ""} {
		if got, ok := substitution.Name(text); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t", text, got, ok)
		}
	}
}

func FuzzFill(f *testing.F) {
	for _, text := range []string{"${A}", "$${A}", "${A:=b}", "${A/b/c}", "${A:1:2}", "${", "${A[@]}", "a\n${B}"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, maybe bool) {
		object, err := manifest.Encode(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"a": text}})
		if err != nil {
			return
		}
		variables := substitution.Variables{Values: known("A", "b"), Maybe: maybe}
		variables.Values["B"] = substitution.Value{Unknown: true}
		filled, err := variables.Fill(object, "target")
		if err != nil || filled.Object == nil || filled.Object.Kind != "ConfigMap" {
			t.Errorf("%q: got %v, %v", text, filled.Object, err)
		}
	})
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "${A}": false, " ${A}:${B}\n": false, "${A:-}": false, "${A:=${B}}": false, "${A:2:3}": false, "${A^^}": false, "${A%.x}": false, "${A/x}": true,
		"a": true, "${A}a": true, "1${A}": true, "${A:=a}": true, "${A:-${B:=a}}": true, "${A=a}": true, "${A:+a}": true, "${A:?a}": true, "${A/x/a}": true, "${A/x/}": false,
		"$${A}": true, "$A": true, "${A": true,
	} {
		if got := substitution.Literal(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
