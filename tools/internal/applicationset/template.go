package applicationset

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/crash"
)

// deeply fills in every text of a value, keys of mappings among them.
func (g *generating) deeply(value any, params map[string]any, options []string) (any, error) {
	switch v := value.(type) {
	case string:
		return g.replace(v, params, options)
	case []any:
		all := make([]any, len(v))
		for i, item := range v {
			var err error
			if all[i], err = g.deeply(item, params, options); err != nil {
				return nil, err
			}
		}
		return all, nil
	case map[string]any:
		all := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			inner, err := g.deeply(v[key], params, options)
			if err != nil {
				return nil, err
			}
			name, err := g.replace(key, params, options)
			if err != nil {
				return nil, err
			}
			all[name] = inner
		}
		return all, nil
	}
	return value, nil
}

// interpolated fills a generator in with the parameters of the one before it. A value that asks for parameters of its own waits
// for them.
func (g *generating) interpolated(options, params map[string]any) (map[string]any, error) {
	rest := maps.Clone(options)
	values, _ := rest["values"].(map[string]any)
	delete(rest, "values")
	made, err := g.deeply(copied(rest), params, g.options)
	if err != nil {
		return nil, err
	}
	all, _ := made.(map[string]any)
	if len(values) == 0 {
		return all, nil
	}
	strict := append(slices.DeleteFunc(slices.Clone(g.options), func(o string) bool { return strings.HasPrefix(o, "missingkey=") }), "missingkey=error")
	now := map[string]any{}
	for key, value := range values {
		text, _ := value.(string)
		made, err := g.replace(text, params, strict)
		switch {
		case err == nil:
			now[key] = made
		case strings.Contains(err.Error(), "map has no entry for key"), strings.Contains(err.Error(), "can't evaluate field"):
			now[key] = text
		default:
			return nil, fmt.Errorf("values.%s: %w", key, err)
		}
	}
	all["values"] = now
	return all, nil
}

// tagged is a text that has a parameter, on one line.
var tagged = regexp.MustCompile(`.*{{.*}}.*`)

// replace fills in one text.
func (g *generating) replace(text string, params map[string]any, options []string) (string, error) {
	if err := g.ctx.Err(); err != nil {
		return "", err
	}
	if g.goTemplate {
		if !strings.Contains(text, "{{") {
			return text, nil
		}
		return g.execute(text, params, options)
	}
	if !tagged.MatchString(text) {
		return text, nil
	}
	var b strings.Builder
	for rest := text; ; {
		before, after, ok := strings.Cut(rest, "{{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		tag, end, closed := strings.Cut(after, "}}")
		if !closed {
			return "", fmt.Errorf("{{ has no }} behind it in %q", shortened(text))
		}
		name := strings.TrimSpace(tag)
		if value, ok := params[name].(string); ok && name != "" {
			b.WriteString(value)
		} else {
			b.WriteString("{{" + tag + "}}")
		}
		if b.Len() > longest {
			return "", errLong
		}
		rest = end
	}
}

// longest is how long a text may become.
const longest = 4 << 20

var errLong = fmt.Errorf("a template writes more than %d MB", longest>>20)

// bounded is what a template writes, up to what is too much.
type bounded struct {
	strings.Builder
	g *generating
}

func (b *bounded) Write(text []byte) (int, error) {
	if err := b.g.ctx.Err(); err != nil {
		return 0, err
	}
	if b.Len()+len(text) > longest {
		return 0, errLong
	}
	return b.Builder.Write(text)
}

func (g *generating) execute(text string, params map[string]any, options []string) (made string, err error) {
	err = crash.Catch(func() error { // an unknown option is a panic, and so is what some functions are given
		if g.empty == nil {
			g.empty = template.New("base").Funcs(g.functions()) // hundreds, each of which is looked at
		}
		t, err := g.empty.Clone()
		if err != nil {
			return err
		}
		for _, option := range options {
			t = t.Option(option)
		}
		t = t.Funcs(template.FuncMap{"tpl": g.tpl(t)})
		parsed, err := t.Parse(text)
		if err != nil {
			return err
		}
		out := &bounded{g: g}
		if err := parsed.Execute(out, params); err != nil {
			return err
		}
		made = out.String()
		return nil
	})
	if err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "template: base:"))
	}
	return made, nil
}

// tpl fills in a text that a template has made.
func (g *generating) tpl(parent *template.Template) func(string, any) (string, error) {
	const deepest = 100
	depth := 0
	return func(text string, values any) (string, error) {
		depth++
		defer func() { depth-- }()
		if depth > deepest {
			return "", fmt.Errorf("tpl calls itself more than %d times", deepest)
		}
		t, err := parent.Clone()
		if err != nil {
			return "", err
		}
		if t, err = t.New(parent.Name()).Parse(text); err != nil {
			return "", err
		}
		out := &bounded{g: g}
		if err := t.Execute(out, values); err != nil {
			return "", err
		}
		return strings.ReplaceAll(out.String(), "<no value>", ""), nil
	}
}

// functions are those of Argo CD's templates: sprig's, without what asks for the surroundings, and some of its own.
func (g *generating) functions() template.FuncMap {
	all := chart.Functions(g.ctx)
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(all, name)
	}
	all["tpl"] = func(string, any) (string, error) { return "", nil } // until the options are known
	all["normalize"], all["slugify"] = normalized, slugified
	all["toYaml"] = func(value any) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	all["fromYaml"] = func(text string) (map[string]any, error) {
		value := map[string]any{}
		err := yaml.Unmarshal([]byte(text), &value)
		return value, err
	}
	all["fromYamlArray"] = func(text string) ([]any, error) {
		value := []any{}
		err := yaml.Unmarshal([]byte(text), &value)
		return value, err
	}
	return all
}

var (
	notOfName  = regexp.MustCompile(`[^-a-z0-9.]`)
	notOfSlug  = regexp.MustCompile(`[^a-zA-Z0-9\-_]`)
	manyDashes = regexp.MustCompile(`-+`)
)

// normalized is a text made a name of a host: lower case, of no other characters than letters, digits, - and ., and not too long.
func normalized(name string) string {
	const longest = 253
	name = notOfName.ReplaceAllString(strings.ToLower(name), "-")
	if len(name) > longest {
		name = name[:longest]
	}
	return strings.Trim(name, "-.")
}

// slugified is a text made a part of a name, at most so long, and cut at a dash: slugify [LENGTH [WORDS]] NAME.
func slugified(args ...any) (string, error) {
	length, words, name := 50, true, ""
	for i, arg := range args {
		ok := true
		switch i {
		case len(args) - 1:
			name, ok = arg.(string)
		case 0:
			length, ok = arg.(int)
		case 1:
			words, ok = arg.(bool)
		}
		if !ok {
			return "", fmt.Errorf("slugify: argument %d is of the wrong type", i+1)
		}
	}
	slug := normalized(name)
	if !words && length >= 0 && len(slug) >= length {
		slug = slug[:length]
	}
	slug = strings.Trim(manyDashes.ReplaceAllString(notOfSlug.ReplaceAllString(slug, "-"), "-"), "-_")
	if !words || length <= 0 || len(slug) <= length {
		return slug, nil
	}
	for i := length; i >= 0; i-- {
		if slug[i] == '-' {
			return slug[:i], nil
		}
	}
	return slug[:length], nil
}

func shortened(text string) string {
	const most = 80
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
