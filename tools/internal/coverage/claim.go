package coverage

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// claim is a path that an object deploys, before anybody asked whether it is one of this repository.
type claim struct {
	by         string        // the object, as messages name it
	where      fault         // of the field
	file       string        // that the object is written in, where no target reads it
	field      manifest.Path // of the object
	repository string        // URL; "" where the object names none
	source     string        // the source of a Flux Kustomization, namespace/name of a GitRepository, with its kind before of another; "" of others
	artifact   bool          // the source is no git repository: what it holds may begin at any directory of this one
	path       string        // as written, with the parameters of an ApplicationSet
	revision   string        // that an Application takes; "" where it says none
	plainly    bool
	recursive  bool
	include    string // glob of the files that Argo CD takes, and of those that it leaves; "" where it is not said
	exclude    string
	to         delivery

	object *manifest.Object
	locate func(manifest.Path) manifest.Position // of the object's fields

	found []pattern             // of directories, that generators of an ApplicationSet find
	lists [][]map[string]string // of elements, that its list generators have
}

// delivery is where an object brings what it deploys.
type delivery struct {
	cluster   string // what tells it from others; "" where the object does not say
	namespace string // as written, with the parameters of an ApplicationSet; "" where the object says none
	overrides bool   // objects get it that have another
	field     manifest.Path
}

// pattern is what a git generator looks for.
type pattern struct {
	repository string
	glob       string
	exclude    []string
	files      bool // the glob names files, and the directory of each counts
}

// claimsOf are the paths that an object deploys.
func claimsOf(object *manifest.Object) []claim {
	var claims []claim
	kind := object.Kind
	switch group := object.Group(); {
	case group == "argoproj.io" && kind == "Application":
		claims = sources(object.Value, manifest.Path{"spec"})
	case group == "argoproj.io" && kind == "ApplicationSet":
		claims = generated(object.Value)
	case group == FluxGroup && kind == "Kustomization":
		kind = "Flux Kustomization"
		if source, artifact := sourceOf(object); source != "" {
			claims = []claim{{
				field: manifest.Path{"spec", "path"}, path: fluxPath(manifest.TextAt(object.Value, "spec", "path")),
				source: source, artifact: artifact,
				recursive: true, // Flux makes a kustomization of all that is below, where there is none
				to:        fluxDelivery(object),
			}}
		}
	}
	for i := range claims {
		claims[i].by = fmt.Sprintf("%s %q", kind, object.Name)
	}
	return slices.DeleteFunc(claims, func(c claim) bool { return c.path == "" })
}

// sourceOf is the source of a Flux Kustomization as claims have it, and whether that is an artifact and no git repository.
func sourceOf(object *manifest.Object) (source string, artifact bool) {
	of := func(name string) string { return manifest.TextAt(object.Value, "spec", "sourceRef", name) }
	source = cmp.Or(of("namespace"), object.Namespace) + "/" + of("name")
	switch kind := of("kind"); kind {
	case "GitRepository":
		return source, false
	case "OCIRepository", "Bucket":
		return kind + " " + source, true
	}
	return "", false
}

// fluxPath is a path as Flux takes it: whatever leads out of the repository is below its top, and "." is that.
func fluxPath(p string) string {
	if p == "" {
		return ""
	}
	return cmp.Or(strings.TrimPrefix(path.Clean("/"+p), "/"), ".")
}

// sources are the claims of an Application's spec.
func sources(object any, spec manifest.Path) []claim {
	below := func(steps ...any) manifest.Path { return slices.Concat(spec, manifest.Path(steps)) }
	places := []manifest.Path{below("source")}
	for i := range manifest.ListAt(object, below("sources")...) {
		places = append(places, below("sources", i)) // a source beside them is ignored, which another check says
	}
	places = append(places, below("sourceHydrator", "drySource"))
	var claims []claim
	for _, p := range places {
		source := manifest.At(object, p...)
		if manifest.TextAt(source, "chart") != "" {
			continue
		}
		directory := manifest.At(source, "directory")
		for _, other := range []string{"kustomize", "helm", "plugin"} {
			if manifest.At(source, other) != nil {
				directory = nil // a source of two types is of neither, which another check says
			}
		}
		recurse, _ := manifest.At(directory, "recurse").(bool)
		options, _ := manifest.At(directory, "jsonnet").(map[string]any)
		claims = append(claims, claim{
			field: append(p, "path"), repository: manifest.TextAt(source, "repoURL"), path: manifest.TextAt(source, "path"), revision: manifest.TextAt(source, "targetRevision"),
			// With any of these Argo CD takes a directory for one of plain manifests, whatever is in it.
			plainly:   recurse || len(options) > 0 || manifest.TextAt(directory, "include") != "" || manifest.TextAt(directory, "exclude") != "",
			recursive: recurse,
			include:   manifest.TextAt(directory, "include"), exclude: manifest.TextAt(directory, "exclude"),
			to: argoDelivery(object, spec, p),
		})
	}
	return claims
}

// generated are the claims of an ApplicationSet: of its template and those of its generators, once for each generator.
func generated(object any) []claim {
	var claims []claim
	for i := range manifest.ListAt(object, "spec", "generators") {
		from := manifest.Path{"spec", "generators", i}
		g := &generator{object: object}
		g.collect(from, 0)
		for _, template := range append([]manifest.Path{{"spec", "template"}}, g.templates...) {
			for _, c := range sources(object, append(slices.Clone(template), "spec")) {
				c.found, c.lists = g.found, g.lists
				claims = append(claims, c)
			}
		}
	}
	return claims
}

type generator struct {
	object    any
	found     []pattern
	lists     [][]map[string]string
	templates []manifest.Path
}

// collect looks through a generator and those that it combines.
func (g *generator) collect(from manifest.Path, depth int) {
	const deepest = 5 // Argo CD combines no more than two levels
	kinds, _ := manifest.At(g.object, from...).(map[string]any)
	for kind, options := range kinds {
		below := append(slices.Clone(from), kind)
		if manifest.At(options, "template") != nil {
			g.templates = append(g.templates, append(slices.Clone(below), "template"))
		}
		switch kind {
		case "git":
			for _, field := range []string{"directories", "files"} {
				var globs, exclude []string
				for _, item := range manifest.ListAt(options, field) {
					if manifest.At(item, "exclude") == true {
						exclude = append(exclude, manifest.TextAt(item, "path"))
					} else {
						globs = append(globs, manifest.TextAt(item, "path"))
					}
				}
				for _, glob := range globs {
					g.found = append(g.found, pattern{manifest.TextAt(options, "repoURL"), glob, exclude, field == "files"})
				}
			}
		case "list":
			var elements []map[string]string
			for _, item := range manifest.ListAt(options, "elements") {
				element := map[string]string{}
				fields, _ := item.(map[string]any)
				for key, value := range fields {
					element[key] = fmt.Sprint(value)
				}
				elements = append(elements, element)
			}
			g.lists = append(g.lists, elements)
		case "matrix", "merge":
			for i := range manifest.ListAt(options, "generators") {
				if depth < deepest {
					g.collect(append(slices.Clone(below), "generators", i), depth+1)
				}
			}
		}
	}
}

// parameter is what Argo CD puts a value in place of, with and without goTemplate.
var parameter = regexp.MustCompile(`\{\{-?\s*([^{}]*?)\s*-?\}\}`)

// most is how many paths one claim may stand for; what is beyond is left to the check of roots.
const most = 1000

// fill replaces parameters by what value says of their names.
func fill(template string, value func(name string) (string, bool)) string {
	return parameter.ReplaceAllStringFunc(template, func(written string) string {
		if v, ok := value(strings.TrimPrefix(parameter.FindStringSubmatch(written)[1], ".")); ok {
			return v
		}
		return written
	})
}

// candidate is a directory that a claim may stand for, with the namespace that its objects then get.
type candidate struct{ dir, namespace string }

// filled is a candidate with what value says of the names of parameters.
func (c candidate) filled(value func(name string) (string, bool)) candidate {
	return candidate{fill(c.dir, value), fill(c.namespace, value)}
}

// candidates are the directories that a claim may stand for.
func (t *tree) candidates(c claim, own map[string]bool) []candidate {
	if !c.artifact && t.isForeign(c.url(t)) {
		return nil
	}
	return t.standsFor(c, own)
}

// standsFor is candidates whatever the claim's repository is.
func (t *tree) standsFor(c claim, own map[string]bool) []candidate {
	some := []candidate{{c.path, c.to.namespace}}
	for _, elements := range c.lists {
		var filled []candidate
		for _, one := range some {
			for _, element := range elements {
				if f := one.filled(func(name string) (string, bool) { v, ok := element[name]; return v, ok }); len(filled) < most && !slices.Contains(filled, f) {
					filled = append(filled, f)
				}
			}
		}
		if filled != nil {
			some = filled
		}
	}
	isPath := func(name string) bool { return name == "path" || name == "path.path" }
	var templates []candidate
	for _, one := range some {
		ask := false
		fill(one.dir, func(name string) (string, bool) { ask = ask || isPath(name); return "", false })
		if !ask {
			templates = append(templates, one)
			continue
		}
		for _, found := range c.found {
			for _, dir := range t.found(found, own) {
				if len(templates) < most {
					templates = append(templates, one.filled(func(name string) (string, bool) { return ofPath(dir, name) }))
				}
			}
		}
	}
	var all []candidate
	for _, template := range templates {
		if c.artifact {
			if dir := t.inArtifact(c, template.dir); dir != "" {
				all = append(all, candidate{dir, template.namespace})
			}
			continue
		}
		if !parameter.MatchString(template.dir) {
			if dir, ok := clean(template.dir); ok && (dir != "." || own[revision.Origin(c.repository)] || t.ownSources()[c.source]) {
				all = append(all, candidate{dir, template.namespace})
			}
			continue
		}
		if !t.ours(parameter.ReplaceAllString(template.dir, "*"), c.repository, own) {
			continue
		}
		if fits := like(fill(template.dir, func(string) (string, bool) { return "*", true })); fits != nil {
			for _, dir := range t.dirs {
				if fits.MatchString(dir) {
					all = append(all, candidate{dir, template.namespace})
				}
			}
		}
	}
	return all
}

// inArtifact is the directory that a path of an artifact is, as far as it is made of this repository: which directory it begins at is one of
// those that the object lies in, as a rule. It is "" where none has the path, and for the top of an artifact, which every one has.
func (t *tree) inArtifact(c claim, name string) string {
	if name == "." || parameter.MatchString(name) || strings.Contains(name, "$") {
		return ""
	}
	file := c.file
	if file == "" {
		file = c.locate(c.field).File
	}
	for above := path.Dir(file); ; above = path.Dir(above) {
		if dir := path.Join(above, name); t.walked[dir] {
			return dir
		}
		if above == "." || above == "/" {
			return ""
		}
	}
}

// ofPath is what a git generator says of a directory that it finds.
func ofPath(dir, name string) (string, bool) {
	switch name {
	case "path", "path.path":
		return dir, true
	case "path.basename", "path.basenameNormalized":
		return path.Base(dir), true
	}
	return "", false
}

// found are the directories that a git generator finds.
func (t *tree) found(p pattern, own map[string]bool) []string {
	if !t.ours(p.glob, p.repository, own) {
		return nil
	}
	return t.fitting(p)
}

// fitting are the directories here that fit what a git generator looks for, whatever its repository is.
func (t *tree) fitting(p pattern) []string {
	match := func(glob string) func(string) bool {
		if fits := like(glob); p.files && fits != nil {
			return fits.MatchString
		}
		return func(name string) bool { ok, err := path.Match(glob, name); return err == nil && ok }
	}
	glob := match(strings.TrimPrefix(p.glob, "./"))
	var exclude []func(string) bool
	for _, e := range p.exclude {
		exclude = append(exclude, match(strings.TrimPrefix(e, "./")))
	}
	taken := func(name string) bool {
		return glob(name) && !slices.ContainsFunc(exclude, func(e func(string) bool) bool { return e(name) })
	}
	var dirs []string
	for _, dir := range t.dirs {
		if !p.files && taken(dir) || p.files && slices.ContainsFunc(t.manifests[dir], taken) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// ours reports whether a pattern is one of this repository: its first directory is there, or other claims tell from the
// URL. Any repository has directories that fit a pattern which begins with a wildcard.
func (t *tree) ours(glob, repository string, own map[string]bool) bool {
	switch {
	case t.isForeign(repository):
		return false
	case own[revision.Origin(repository)]:
		return true
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(glob, "./"), "/")
	if strings.ContainsAny(first, wildcards) {
		return false
	}
	dir, ok := clean(first)
	return ok && dir != "." && t.walked[dir]
}

// wildcards are what a glob has that fits more than itself.
const wildcards = `*?[{\`

// like is a glob as a regular expression, which takes linear time whoever wrote it: * and ? stay in one part of a path, **
// does not. Alternatives and classes fit more than they say.
func like(glob string) *regexp.Regexp {
	const longest = 1000
	if len(glob) > longest {
		return nil
	}
	var b strings.Builder
	for rest := glob; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			rest = rest[3:]
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			rest = rest[2:]
		case rest[0] == '*':
			b.WriteString("[^/]*")
			rest = rest[1:]
		case rest[0] == '?':
			b.WriteString("[^/]")
			rest = rest[1:]
		case rest[0] == '[' && strings.Contains(rest, "]"):
			b.WriteString("[^/]")
			rest = rest[strings.Index(rest, "]")+1:]
		case rest[0] == '{' && strings.Contains(rest, "}"):
			b.WriteString(".*")
			rest = rest[strings.Index(rest, "}")+1:]
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			rest = rest[1:]
		}
	}
	expression, err := regexp.Compile("^" + strings.TrimPrefix(b.String(), `\./`) + "$")
	if err != nil {
		return nil
	}
	return expression
}

// clean is a path of an Application as the repository spells it; false when it is none of its paths.
func clean(p string) (string, bool) {
	p = path.Clean(p)
	if p == ".." || strings.HasPrefix(p, "../") || path.IsAbs(p) {
		return "", false
	}
	return p, true
}

// ownRepositories are the URLs of this repository: those of which an object deploys a path that is here.
func (t *tree) ownRepositories(claims []claim) map[string]bool {
	own := map[string]bool{}
	for _, c := range claims {
		if t.isOurs(c.repository) {
			own[revision.Origin(c.repository)] = true
		}
		if dir, ok := clean(c.path); ok && !t.isForeign(c.repository) && c.repository != "" && dir != "." && !parameter.MatchString(c.path) {
			if _, here := t.real(dir); here {
				own[revision.Origin(c.repository)] = true
			}
		}
	}
	for _, c := range claims {
		for _, p := range c.found {
			if p.repository != "" && (t.isOurs(p.repository) || t.ours(p.glob, p.repository, own)) {
				own[revision.Origin(p.repository)] = true
			}
		}
	}
	return own
}

// resolve are the directories of this repository that a claim is about.
func (t *tree) resolve(c claim, own map[string]bool) []deployment {
	var all []deployment
	seen := map[string]int{}
	for _, candidate := range t.candidates(c, own) {
		dir, ok := t.real(candidate.dir)
		if !ok {
			continue
		}
		i, known := seen[dir]
		if !known {
			i, seen[dir] = len(all), len(all)
			all = append(all, deployment{claim: c, dir: dir})
		}
		if !slices.Contains(all[i].namespaces, candidate.namespace) {
			all[i].namespaces = append(all[i].namespaces, candidate.namespace)
		}
	}
	return all
}
