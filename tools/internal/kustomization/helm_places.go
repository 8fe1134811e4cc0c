package kustomization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// charted is a chart that something has rendered: an entry of a kustomization, or a source of an Application.
type charted struct {
	name string            // of the chart
	at   manifest.Position // of what has it rendered
	// value is where the values set a path. Where none does it is the closest parent, with false.
	value    func(path []any) (manifest.Position, bool)
	defaults map[string]any // values of the chart's own, where they are not among the release's

	writes func(file string) // is told the files of the chart that objects come from; nil for nobody to tell
}

// charted are the places of an entry.
func (p *inflate) charted(s *source) charted {
	return charted{name: p.Name, at: p.at(""), value: func(path []any) (manifest.Position, bool) { return p.value(s, path) }}
}

// places finds where what a chart renders is written: in its values, or in its templates. What an object begins with is asked of
// each object; so the lines are found once for all targets that have the release. Values are tried only for what is found fault with.
type places struct {
	charted
	source   *source
	release  chart.Release
	rendered *chart.Rendered
	lines    func() [][]chart.Place // of the documents

	mu     sync.Mutex
	leaves []leaf // of the values, once it is asked for
	loaded bool
	trials map[string]*chart.Rendered // renders with another value, by its path; nil where there is none
	left   time.Duration              // for trials
}

// leaf is a value that the user of a chart gives.
type leaf struct {
	path []any
	text string
}

// documents parses what a chart renders. Each node knows its place in the chart.
func (c charted) documents(s *source, release chart.Release, made released) ([]manifest.Document, error) {
	where := &places{charted: c, source: s, release: release, rendered: made.rendered, lines: made.lines, left: mostTrying}
	var all []manifest.Document
	for i, text := range made.rendered.Documents {
		parsed, err := manifest.ParseDocuments(text.Source, []byte(text.Text))
		if wrong := (*manifest.SyntaxError)(nil); err != nil {
			if errors.As(err, &wrong) {
				return nil, fail(where.line(i, wrong.Line), "what the chart %s, of %s, renders of %s: %s", c.name, c.at, text.Source, wrong.Message)
			}
			return nil, err
		}
		for _, d := range parsed {
			root := d.Node
			d = d.Rendered(func(key, value *kyaml.Node) manifest.Position { return where.find(i, root, key, value) })
			if d.Node.ShortTag() == kyaml.NodeTagNull || d.Node.Kind == kyaml.MappingNode && len(d.Node.Content) == 0 {
				continue
			}
			if err := isObject(d); err != nil {
				return nil, err
			}
			all = append(all, d)
			if c.writes != nil {
				c.writes(s.file(text.File))
			}
		}
	}
	return all, nil
}

// line is where a line of a rendered document is written: in a template, where that is established; else the template as
// such; else, for a template in an archive, the entry that names the chart.
func (w *places) line(document, line int) manifest.Position {
	if of := w.lines()[document]; line >= 1 && line <= len(of) && of[line-1].File != "" {
		return manifest.Position{File: w.source.file(of[line-1].File), Line: of[line-1].Line}
	}
	if file := w.rendered.Documents[document].File; file != "" {
		return manifest.Position{File: w.source.file(file)}
	}
	return w.at
}

// find is where a node of a rendered document is written: in the values, where a change of one of them is seen to change it.
func (w *places) find(document int, root, key, value *kyaml.Node) manifest.Position {
	node := value
	if node == nil {
		node = key
	}
	if value != nil && value.Kind == kyaml.ScalarNode {
		if at, ok := w.decisive(document, root, value); ok {
			return at
		}
	}
	line := node.Line
	if key != nil {
		line = key.Line
	}
	return w.line(document, line)
}

// mostTrials is how many values are tried for one field, mostRenders for all fields of a release, and mostTrying how long these
// may take together: they tell a line, and nobody is to wait for that.
const (
	mostTrials  = 5
	mostRenders = 30
	mostTrying  = 30 * time.Second
)

// decisive is the place of the one value without which a scalar would be another.
func (w *places) decisive(document int, root, scalar *kyaml.Node) (manifest.Position, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	given := w.given()
	if !w.loaded {
		w.loaded = true
		w.leaves = leavesOf(given, nil)
	}
	way, ok := pathTo(root, scalar)
	if !ok || scalar.Value == "" {
		return manifest.Position{}, false
	}
	var found, candidates []leaf
	for _, l := range w.leaves {
		if strings.Contains(scalar.Value, l.text) {
			candidates = append(candidates, l)
		}
	}
	if len(candidates) > mostTrials {
		return manifest.Position{}, false // each could be it: a short text that is everywhere
	}
	for _, l := range candidates {
		if w.decides(document, way, scalar.Value, l, given) {
			found = append(found, l)
		}
	}
	if len(found) > 1 {
		// What the chart fills in beside what it is given is not what anybody set.
		merged, _ := w.release.Merged()
		found = slices.DeleteFunc(found, func(l leaf) bool { return w.defaults != nil && manifest.At(merged, l.path...) == nil })
	}
	if len(found) != 1 {
		return manifest.Position{}, false
	}
	return w.charted.value(found[0].path)
}

// given are the values of the release as one.
func (w *places) given() map[string]any {
	all, err := w.release.Merged()
	if err != nil {
		return map[string]any{}
	}
	return chart.Merge(w.defaults, all)
}

func leavesOf(value any, at []any) []leaf {
	var all []leaf
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			all = append(all, leavesOf(value[key], append(slices.Clip(at), key))...)
		}
	case []any:
		for i, item := range value {
			all = append(all, leavesOf(item, append(slices.Clip(at), i))...)
		}
	case string:
		if value != "" {
			all = append(all, leaf{at, value})
		}
	case bool, float64, int64:
		if text, err := k8syaml.Marshal(value); err == nil {
			all = append(all, leaf{at, strings.TrimSpace(string(text))})
		}
	}
	return all
}

// decides reports whether another value makes the scalar another: that value, in the place of this one.
func (w *places) decides(document int, way []any, was string, l leaf, given map[string]any) bool {
	other, text := different(manifest.At(given, l.path...))
	if text == "" {
		return false
	}
	rendered := w.trial(l, other, given)
	if rendered == nil || len(rendered.Documents) != len(w.rendered.Documents) || rendered.Documents[document].Source != w.rendered.Documents[document].Source {
		return false
	}
	parsed, err := manifest.ParseDocuments("", []byte(rendered.Documents[document].Text))
	if err != nil || len(parsed) != 1 {
		return false
	}
	is := manifest.Lookup(parsed[0].Node, way...)
	return is != nil && is.Kind == kyaml.ScalarNode && is.Value == strings.Replace(was, l.text, text, 1)
}

// trial renders the release with another value, once; nil where it cannot be rendered so, or too many have been.
func (w *places) trial(l leaf, other any, given map[string]any) *chart.Rendered {
	key := fmt.Sprintf("%q", l.path)
	if rendered, ok := w.trials[key]; ok {
		return rendered
	}
	if len(w.trials) >= mostRenders || w.left <= 0 {
		return nil
	}
	if w.trials == nil {
		w.trials = map[string]*chart.Rendered{}
	}
	w.trials[key] = nil
	release := w.release
	release.Given, _ = replaced(given, l.path, other).(map[string]any)
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), w.left) // of no run: others may ask for the same
	defer cancel()
	if rendered, err := w.source.chart.Render(ctx, release); err == nil {
		w.trials[key] = rendered
	}
	w.left -= time.Since(began)
	return w.trials[key]
}

// different is another value of the same type, and how it reads.
func different(value any) (any, string) {
	switch value := value.(type) {
	case string:
		return value + "x7", value + "x7"
	case bool:
		return !value, strconv.FormatBool(!value)
	case float64:
		return value + 1, strings.TrimSpace(fmt.Sprint(value + 1))
	case int64:
		return value + 1, strconv.FormatInt(value+1, 10)
	}
	return nil, ""
}

// replaced is a value with another one at a path.
func replaced(value any, at []any, other any) any {
	if len(at) == 0 {
		return other
	}
	switch value := value.(type) {
	case map[string]any:
		out := maps.Clone(value)
		out[at[0].(string)] = replaced(value[at[0].(string)], at[1:], other)
		return out
	case []any:
		out := slices.Clone(value)
		out[at[0].(int)] = replaced(value[at[0].(int)], at[1:], other)
		return out
	}
	return value
}

// pathTo is the way from a node to one below it.
func pathTo(from, to *kyaml.Node) (way []any, ok bool) {
	if from == to {
		return nil, true
	}
	for i, child := range from.Content {
		if from.Kind == kyaml.MappingNode && i%2 == 0 {
			continue
		}
		if rest, ok := pathTo(child, to); ok {
			step := any(i)
			if from.Kind == kyaml.MappingNode {
				step = from.Content[i-1].Value
			}
			return append([]any{step}, rest...), true
		}
	}
	return nil, false
}

// value is where the values of a chart set a path: in the last of its files that does, or in valuesInline. Where none does
// it is the closest parent, with false.
func (p *inflate) value(s *source, at []any) (manifest.Position, bool) {
	var documents []*manifest.Document
	inline := manifest.Lookup(p.entry, "valuesInline")
	if inline == nil {
		inline = manifest.Lookup(p.entry, "valuesLocal")
	}
	file := func(i int) {
		if i >= len(s.files) {
			return
		}
		if parsed, err := p.engine.files.Documents(s.files[i]); err == nil {
			for n := range slices.Backward(parsed) {
				documents = append(documents, &parsed[n])
			}
		}
	}
	for i := len(s.files) - 1; i > 0; i-- {
		file(i)
	}
	written := func() {
		if inline != nil && p.document != nil {
			d := p.document.Item(inline)
			documents = append(documents, &d)
		}
	}
	switch cmp.Or(p.ValuesMerge, "override") {
	case "override":
		written()
		file(0)
	case "merge":
		file(0)
		written()
	case "replace":
		if len(p.ValuesInline) == 0 {
			file(0)
		}
		written()
	}
	best, deepest := p.at(""), 0
	for _, d := range documents {
		for n := len(at); n > deepest; n-- {
			if key, node := d.Find(at[:n], nil); node != nil {
				best, deepest = d.Position(key, node), n
				break
			}
		}
	}
	return best, deepest == len(at) && len(at) > 0
}
