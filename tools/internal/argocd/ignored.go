package argocd

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/glob"
	"github.com/itchyny/gojq"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// ignores are the fields in which an Application has Argo CD see no difference: spec.ignoreDifferences, as NewIgnoreNormalizer in
// util/argo/normalizers/diff_normalizer.go reads them. What argocd-cm says besides is not known here, nor whose fields managers'
// are.
type ignores []ignored

type ignored struct {
	group, kind, namespace, name string
	pointers                     []manifest.Path
	queries                      []*gojq.Code
}

func ignoresOf(application *manifest.Object, spec ...any) ignores {
	var all ignores
	for _, item := range manifest.ListAt(application.Value, append(slices.Clip(spec), "ignoreDifferences")...) {
		text := func(field string) string { return manifest.TextAt(item, field) }
		i := ignored{group: text("group"), kind: text("kind"), namespace: text("namespace"), name: text("name")}
		for _, pointer := range manifest.ListAt(item, "jsonPointers") {
			if text, _ := pointer.(string); strings.HasPrefix(text, "/") {
				i.pointers = append(i.pointers, pointed(text))
			}
		}
		for _, expression := range manifest.ListAt(item, "jqPathExpressions") {
			text, _ := expression.(string)
			if query, err := gojq.Parse("path(" + text + ")"); err == nil && text != "" {
				if code, err := gojq.Compile(query); err == nil {
					i.queries = append(i.queries, code)
				}
			}
		}
		all = append(all, i)
	}
	return all
}

// Kept are the fields that a sync of an Application leaves as the cluster has them: those of its ignoreDifferences, where it has
// RespectIgnoreDifferences=true; nil for none. spec is where what Argo CD reads of them stands, of an ApplicationSet in its template.
// Fields of lists are left out: their items are merged by what each kind says.
func Kept(application *manifest.Object, spec ...any) *check.Kept {
	options := manifest.ListAt(application.Value, append(slices.Clip(spec), "syncPolicy", "syncOptions")...)
	all := ignoresOf(application, spec...)
	if optionValue(options, "RespectIgnoreDifferences") != "true" || len(all) == 0 {
		return nil
	}
	return &check.Kept{Of: func(o *manifest.Object) []manifest.Path {
		return slices.DeleteFunc(all.paths(o), func(p manifest.Path) bool {
			return slices.ContainsFunc(p, func(step any) bool { _, is := step.(int); return is })
		})
	}}
}

// pointed is the path of a JSON pointer.
func pointed(pointer string) manifest.Path {
	var path manifest.Path
	for step := range strings.SplitSeq(pointer[1:], "/") {
		step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
		if n, err := strconv.Atoi(step); err == nil {
			path = append(path, n)
			continue
		}
		path = append(path, step)
	}
	return path
}

// of says of an object that changes whether Argo CD sees it, and whether a sync keeps what the cluster has. Of lists nobody here
// says so: their items are merged by what each kind says.
func (all ignores) of(o Object, respected bool) (seen, kept bool) {
	was, is := all.paths(o.Old), all.paths(o.New)
	if len(was) == 0 && len(is) == 0 || len(o.Fields) == 0 {
		return true, false
	}
	among := func(field manifest.Path, paths []manifest.Path) bool {
		return field != nil && slices.ContainsFunc(paths, func(p manifest.Path) bool { return sameSteps(p, field) })
	}
	kept = respected
	for _, f := range o.Fields {
		old, new := among(f.Old, was), among(f.New, is)
		if f.Old != nil && !old || f.New != nil && !new {
			return true, false
		}
		inList := slices.ContainsFunc(append(slices.Clone(f.Old), f.New...), func(step any) bool { _, is := step.(int); return is })
		kept = kept && old && f.New != nil && !inList
	}
	return false, kept
}

// sameSteps reports whether a path begins with another one. A number in a JSON pointer may be a key as well.
func sameSteps(prefix, path manifest.Path) bool {
	if len(prefix) > len(path) {
		return false
	}
	for i, step := range prefix {
		n, isNumber := step.(int)
		if step != path[i] && !(isNumber && path[i] == strconv.Itoa(n)) {
			return false
		}
	}
	return true
}

// longestQuery is Argo CD's own bound of an expression.
const longestQuery = time.Second

// paths are the fields of an object that are left out.
func (all ignores) paths(o *manifest.Object) []manifest.Path {
	var paths []manifest.Path
	for _, i := range all {
		switch {
		case !matches(i.group, o.Group()), !matches(i.kind, o.Kind), i.name != "" && i.name != o.Name, i.namespace != "" && i.namespace != o.Namespace:
			continue
		}
		paths = append(paths, i.pointers...)
		if len(i.queries) == 0 || len(o.Unknown) > 0 {
			continue
		}
		var value any
		if json.Unmarshal(o.JSON, &value) != nil {
			continue
		}
		for _, code := range i.queries {
			paths = append(paths, asked(code, value)...)
		}
	}
	return paths
}

// asked are the paths that an expression finds; none where it fails, since Argo CD then leaves nothing out.
func asked(code *gojq.Code, value any) []manifest.Path {
	ctx, cancel := context.WithTimeout(context.Background(), longestQuery)
	defer cancel()
	var all []manifest.Path
	for found := code.RunWithContext(ctx, value); ; {
		next, more := found.Next()
		if !more {
			return all
		}
		steps, is := next.([]any)
		if !is {
			return nil
		}
		all = append(all, manifest.Path(steps))
	}
}

// matches is Argo CD's glob.Match without separators: a * is any text.
func matches(pattern, text string) bool {
	compiled, err := glob.Compile(pattern)
	return err == nil && compiled.Match(text)
}
