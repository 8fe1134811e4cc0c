package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	v2 "helm.sh/helm/v4/pkg/chart/v2"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

var (
	// location is where a template fails: its name, its line and perhaps a column.
	location = regexp.MustCompile(`^(.+?):(\d+)(?::\d+)?$`)
	// failure is what Helm's engine makes of an error that it can place at once.
	failure = regexp.MustCompile(`(?s)^(?:parse|execution) error (?:at|in) \((.+?)\): (.*)$`)
	// raw is what text/template says; an error within an error ends with the innermost.
	raw = regexp.MustCompile(`template: ([^\s:]+:\d+(?::\d+)?): executing "[^"]*" at <(.*?)>: `)
	// calling is what it puts before what a function says.
	calling = regexp.MustCompile(`^(?:error calling \w+: )+`)
	// executing is the expression that fails.
	executing = regexp.MustCompile(`^executing ".*" at <(.*)>:$`)

	nilPointer  = regexp.MustCompile(`^nil pointer evaluating .*\.(\w+)$`)
	noFunction  = regexp.MustCompile(`function "(\w+)" not defined`)
	noTemplate  = regexp.MustCompile(`no template "([^"]*)" associated with template`)
	noSubchart  = regexp.MustCompile(`error unpacking subchart (\S+) in `)
	yamlLine    = regexp.MustCompile(`line (\d+): (.*)$`)
	packageName = regexp.MustCompile(`^error converting YAML to JSON: yaml: `)
)

// describe says where a template fails, and why, in the words of who wrote it.
func (c *Chart) describe(loaded *v2.Chart, err error) error {
	files := c.sources(loaded)
	e := &Error{Message: strings.TrimSpace(err.Error())}
	at := func(where string) {
		match := location.FindStringSubmatch(where)
		if match == nil {
			return
		}
		if file := files[match[1]]; file != "" {
			e.File = file
			e.Line, _ = strconv.Atoi(match[2]) // digits
		}
	}
	if match := failure.FindStringSubmatch(e.Message); match != nil {
		at(match[1])
		e.Message = plainly(match[2], "")
		return e
	}
	if strings.HasPrefix(e.Message, "template: ") {
		if all := raw.FindAllStringSubmatchIndex(e.Message, -1); all != nil {
			last := all[len(all)-1]
			for _, m := range all {
				at(e.Message[m[2]:m[3]])
			}
			e.Message = plainly(e.Message[last[1]:], e.Message[last[4]:last[5]])
			return e
		}
	}
	// A chain: the template, the expression and the message of each, the innermost last.
	expression, last := "", e.Message
	for line := range strings.SplitSeq(e.Message, "\n") {
		text := strings.TrimSpace(line)
		switch match := executing.FindStringSubmatch(text); {
		case match != nil:
			expression = match[1]
		case location.MatchString(text) && !strings.HasPrefix(line, "    "):
			at(text)
		case text != "":
			last = text
		}
	}
	e.Message = plainly(last, expression)
	return e
}

// plainly says what a message of text/template means.
func plainly(text, expression string) string {
	text = calling.ReplaceAllString(text, "")
	switch match := nilPointer.FindStringSubmatch(text); {
	case match != nil && strings.Contains(expression, "."+match[1]):
		parent := expression[:strings.LastIndex(expression, "."+match[1])]
		return fmt.Sprintf("%s has no value, and the template reads %s of it", parent, match[1])
	case match != nil:
		return fmt.Sprintf("what has no value has no %s either", match[1])
	}
	if match := noFunction.FindStringSubmatch(text); match != nil {
		if match[1] == "env" || match[1] == "expandenv" {
			return fmt.Sprintf("the templates of Helm have no %s: what they render does not depend on who renders it", match[1])
		}
		return fmt.Sprintf("Helm %s knows no function %s", HelmRelease, match[1])
	}
	if match := noTemplate.FindStringSubmatch(text); match != nil {
		return fmt.Sprintf("no template of the chart defines %q", match[1])
	}
	if expression != "" {
		return fmt.Sprintf("%s: %s", expression, text)
	}
	return text
}

// describeLoad says which file of a chart cannot be read.
func (c *Chart) describeLoad(err error) error {
	e := &Error{File: "Chart.yaml", Message: err.Error()}
	for _, f := range c.files {
		if strings.Contains(e.Message, "cannot load "+f.Name+":") {
			e.File = f.Name
		}
	}
	if strings.Contains(e.Message, "Chart.yaml file is missing") {
		if match := noSubchart.FindStringSubmatch(e.Message); match != nil {
			return &Error{File: path.Join("charts", match[1]), Message: "it is no chart, and Helm takes what lies in charts/ for charts: a directory with a Chart.yaml, or an archive of one"}
		}
		return &Error{Message: "the directory has no Chart.yaml: it is no chart"}
	}
	if match := yamlLine.FindStringSubmatch(e.Message); match != nil {
		e.Line, _ = strconv.Atoi(match[1]) // digits
		e.Message = match[2]
	}
	return e
}

// unparsable finds the document that is no YAML once it is rendered.
func (c *Chart) unparsable(ctx context.Context, r Release, files, from map[string]string, err error) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		documents := releaseutil.SplitManifests(files[name])
		keys := slices.SortedFunc(maps.Keys(documents), func(a, b string) int {
			if releaseutil.BySplitManifestsOrder([]string{a, b}).Less(0, 1) {
				return -1
			}
			return 1
		})
		for _, key := range keys {
			wrong := parses(documents[key])
			if wrong == nil {
				continue
			}
			e := &Error{File: from[name], Message: "what the template renders is no YAML: " + packageName.ReplaceAllString(wrong.Error(), "")}
			if strings.Contains(wrong.Error(), "cannot unmarshal") {
				first, _, _ := strings.Cut(documents[key], "\n")
				e.Message = fmt.Sprintf("what the template renders is no object, whose kind, apiVersion, name and annotations are texts: it begins with `%s`", strings.TrimSpace(first))
			}
			if match := yamlLine.FindStringSubmatch(wrong.Error()); match != nil {
				line, _ := strconv.Atoi(match[1]) // digits
				lines := strings.Split(documents[key], "\n")
				if line >= 1 && line <= len(lines) {
					e.Message = fmt.Sprintf("what the template renders is no YAML: %s, at or before `%s`", match[2], strings.TrimSpace(lines[line-1]))
					text := &Rendered{Documents: []Document{{Source: name, File: from[name], Text: documents[key]}}}
					if at := c.Lines(ctx, r, text)[0][line-1]; at.File != "" {
						e.File, e.Line = at.File, at.Line
					}
				}
			}
			return e
		}
	}
	return &Error{Message: err.Error()}
}

// Invalid says that values are not what the chart's values.schema.json wants.
type Invalid struct {
	Chart  string // by whose schema
	Faults []Fault
}

// Fault is a value that a schema refuses.
type Fault struct {
	Path    []string // from the top of the release's values
	Message string
}

func (e *Invalid) Error() string {
	texts := []string{}
	for _, f := range e.Faults {
		texts = append(texts, fmt.Sprintf("%s: %s", strings.Join(f.Path, "."), f.Message))
	}
	return fmt.Sprintf("the values do not fit values.schema.json of the chart %s: %s", e.Chart, strings.Join(texts, "; "))
}

// valid validates the values of the chart and of those below, as Helm does, but that it fetches no schema: one that a
// reference has to be fetched for lets everything pass there.
func valid(loaded *v2.Chart, values map[string]any) error {
	var walk func(chart *v2.Chart, values map[string]any, path []string) error
	walk = func(chart *v2.Chart, values map[string]any, path []string) error {
		if chart.Schema != nil {
			if err := validate(chart, values, path); err != nil {
				return err
			}
		}
		for _, below := range chart.Dependencies() {
			raw := values[below.Name()]
			if raw == nil {
				continue
			}
			at := append(slices.Clip(path), below.Name())
			table, ok := raw.(map[string]any)
			if !ok {
				return &Invalid{below.Name(), []Fault{{at, fmt.Sprintf("the values of a chart are a mapping, and this is %v", raw)}}}
			}
			if err := walk(below, table, at); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(loaded, values, nil)
}

// nowhere loads no schema.
type nowhere struct{}

func (nowhere) Load(string) (any, error) { return true, nil }

func validate(chart *v2.Chart, values map[string]any, path []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Message: fmt.Sprintf("values.schema.json of the chart %s cannot be applied: %v", chart.Name(), p)}
		}
	}()
	const name = "file:///values.schema.json"
	unusable := func(err error) error {
		return &Error{Message: fmt.Sprintf("values.schema.json of the chart %s is no schema: %s", chart.Name(), err)}
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(chart.Schema))
	if err != nil {
		return unusable(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nowhere{})
	if err := compiler.AddResource(name, schema); err != nil {
		return unusable(err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return unusable(err)
	}
	err = compiled.Validate(values)
	wrong := (*jsonschema.ValidationError)(nil)
	if !errors.As(err, &wrong) {
		return err
	}
	invalid := &Invalid{Chart: chart.Name()}
	english := message.NewPrinter(language.English)
	var walk func(*jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			invalid.Faults = append(invalid.Faults, Fault{append(slices.Clip(path), e.InstanceLocation...), e.ErrorKind.LocalizedString(english)})
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(wrong)
	return invalid
}
