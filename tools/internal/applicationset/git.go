package applicationset

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// git makes parameters of directories, or of files, of the repository.
func (g *generating) git(options map[string]any, at manifest.Path) ([]map[string]any, error) {
	if err := g.around.Own(manifest.TextAt(options, "repoURL"), manifest.TextAt(options, "revision")); err != nil {
		return nil, &Unresolved{at, "the generator git is not resolved offline: " + err.Error()}
	}
	files, err := g.around.Files()
	if err != nil {
		return nil, &Unresolved{at, "the generator git is not resolved: " + err.Error()}
	}
	prefix := manifest.TextAt(options, "pathParamPrefix")
	var all []map[string]any
	if directories := patternsOf(options["directories"]); len(directories) > 0 {
		for _, dir := range directoriesOf(files) {
			if !directories.take(func(pattern string) (bool, error) { return path.Match(pattern, dir) }) {
				continue
			}
			params := g.pathParameters(map[string]any{}, dir, "", prefix)
			if err := g.values(options, params); err != nil {
				return nil, err
			}
			all = append(all, params)
		}
		return all, nil
	}
	patterns := patternsOf(options["files"])
	if len(patterns) == 0 {
		return nil, errors.New("the generator git has neither directories nor files")
	}
	for i, p := range patterns {
		if strings.HasPrefix(p.path, ":") {
			return nil, &Unresolved{slices.Concat(at, manifest.Path{"files", i, "path"}), "it has a pattern with magic of git, which kgate does not follow"}
		}
	}
	for _, name := range files {
		if !patterns.take(func(pattern string) (bool, error) { return pathspec(pattern, name) }) {
			continue
		}
		text, err := g.around.Read(name)
		if err != nil {
			return nil, &Unresolved{at, "the generator git is not resolved: " + err.Error()}
		}
		sets, err := g.fileParameters(name, text, prefix)
		if err != nil {
			return nil, err
		}
		for _, params := range sets {
			if err := g.values(options, params); err != nil {
				return nil, err
			}
		}
		all = append(all, sets...)
	}
	return all, nil
}

// pattern is what a git generator looks for.
type pattern struct {
	path    string
	exclude bool
}

type patterns []pattern

func patternsOf(list any) patterns {
	var all patterns
	for _, item := range manifest.ListAt(list) {
		exclude, _ := manifest.At(item, "exclude").(bool)
		all = append(all, pattern{manifest.TextAt(item, "path"), exclude})
	}
	return all
}

// take reports whether one of the patterns fits and none that excludes. One that cannot be read fits nothing.
func (p patterns) take(fits func(pattern string) (bool, error)) bool {
	taken := false
	for _, one := range p {
		if ok, err := fits(one.path); err != nil || !ok {
			continue
		}
		if one.exclude {
			return false
		}
		taken = true
	}
	return taken
}

// directoriesOf are the directories that files lie in, in the order of a walk, without those of a hidden name and what is below.
func directoriesOf(files []string) []string {
	seen := map[string]bool{}
	var all []string
	for _, file := range files {
		for dir := path.Dir(file); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			all = append(all, dir)
		}
	}
	all = slices.DeleteFunc(all, func(dir string) bool {
		return slices.ContainsFunc(strings.Split(dir, "/"), func(part string) bool { return strings.HasPrefix(part, ".") })
	})
	slices.SortFunc(all, func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) })
	return all
}

// pathspec is how `git ls-files` takes a path: it names a file, or a directory with all below, or it is a pattern whose stars
// do not stop at a slash.
func pathspec(spec, name string) (bool, error) {
	spec = strings.TrimSuffix(path.Clean(spec), "/")
	if spec == "." || spec == name || strings.HasPrefix(name, spec+"/") {
		return true, nil
	}
	if !strings.ContainsAny(spec, `*?[\`) {
		return false, nil
	}
	const longest = 1000
	if len(spec) > longest {
		return false, path.ErrBadPattern
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for rest := spec; rest != ""; {
		size := 1
		switch end := closing(rest); {
		case rest[0] == '*':
			b.WriteString(".*")
		case rest[0] == '?':
			b.WriteString(".")
		case rest[0] == '[' && end > 0:
			class := rest[1:end]
			if strings.HasPrefix(class, "!") || strings.HasPrefix(class, "^") {
				class = "^" + escapeClass(class[1:])
			} else {
				class = escapeClass(class)
			}
			b.WriteString("[" + class + "]")
			size = end + 1
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(regexp.QuoteMeta(rest[1:2]))
			size = 2
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[size:]
	}
	expression, err := regexp.Compile(b.String() + "$")
	if err != nil {
		return false, path.ErrBadPattern
	}
	return expression.MatchString(name), nil
}

// closing is where a class of characters ends; 0 where none begins.
func closing(rest string) int {
	if rest[0] != '[' || len(rest) < 3 {
		return 0
	}
	if end := strings.Index(rest[2:], "]"); end >= 0 {
		return end + 2
	}
	return 0
}

func escapeClass(class string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "^", `\^`, "&", `\&`).Replace(class)
}

// pathParameters adds those of a directory, and of a file in it where there is one.
func (g *generating) pathParameters(params map[string]any, dir, file, prefix string) map[string]any {
	base := path.Base(dir)
	segments := strings.Split(dir, "/")
	if g.goTemplate {
		of := map[string]any{"path": dir, "basename": base, "basenameNormalized": normalized(base), "segments": segments}
		if file != "" {
			of["filename"], of["filenameNormalized"] = file, normalized(file)
		}
		if prefix != "" {
			params[prefix] = map[string]any{"path": of}
		} else {
			params["path"] = of
		}
		return params
	}
	name := "path"
	if prefix != "" {
		name = prefix + ".path"
	}
	params[name], params[name+".basename"], params[name+".basenameNormalized"] = dir, base, normalized(base)
	if file != "" {
		params[name+".filename"], params[name+".filenameNormalized"] = file, normalized(file)
	}
	for i, segment := range segments {
		if segment != "" {
			params[name+"["+strconv.Itoa(i)+"]"] = segment
		}
	}
	return params
}

// fileParameters are what is in a file: a mapping, or a list of some.
func (g *generating) fileParameters(name string, text []byte, prefix string) ([]map[string]any, error) {
	single := map[string]any{}
	objects := []map[string]any{}
	if err := yaml.Unmarshal(text, &single); err == nil {
		objects = append(objects, single)
	} else if err := yaml.Unmarshal(text, &objects); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var all []map[string]any
	for _, object := range objects {
		params := map[string]any{}
		if g.goTemplate {
			maps.Copy(params, object)
		} else {
			for key, value := range flatten(object) {
				params[key] = value
			}
		}
		all = append(all, g.pathParameters(params, path.Dir(name), path.Base(name), prefix))
	}
	return all, nil
}
