package argocd

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/Masterminds/sprig/v3"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// applicationSet is about the templates of ApplicationSets.
var applicationSet = &check.Check{
	Name:  "gitops/application-set",
	Title: "The template of every ApplicationSet can be filled in",
	Doc: "Argo CD fills in each text of a template by itself. One that does not parse keeps the ApplicationSet from making any Application, and " +
		"those that there are stay as they were; an unknown option of goTemplateOptions makes the controller crash, over and over, for all " +
		"ApplicationSets. A key that no generator provides is an error with missingkey=error, becomes `<no value>` without it, and stays as it " +
		"is written without goTemplate. Keys are looked up where all generators say what they provide: list, clusters, and the directories of git " +
		"and oci, alone or in matrix and merge.",
	Fix:      "Correct the template, or let the generators provide the key.",
	Severity: check.Error,
	Scope:    check.Object,
	Origin:   "kgate",
	References: []string{
		"https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/GoTemplate/",
		source("applicationset/utils/utils.go"),
		"https://github.com/argoproj/argo-cd/issues/20935",
	},
	Bad:  applicationSetBad,
	Good: applicationSetGood,
	Run:  each(judgeApplicationSet),
}

func judgeApplicationSet(object *manifest.Object) faults {
	if !is(object, "ApplicationSet") {
		return nil
	}
	var found faults
	goTemplate, _ := manifest.At(object.Value, "spec", "goTemplate").(bool)
	strict := false
	if goTemplate {
		known := []string{"missingkey=default", "missingkey=error", "missingkey=invalid", "missingkey=zero"}
		for i, item := range manifest.ListAt(object.Value, "spec", "goTemplateOptions") {
			option, ok := item.(string)
			strict = strict || option == "missingkey=error"
			if ok && !slices.Contains(known, option) {
				found.add(manifest.Path{"spec", "goTemplateOptions", i}, "%q is no option of Go templates, at which the controller of ApplicationSets crashes%s", option, among(option, known))
			}
		}
	}
	generators := manifest.ListAt(object.Value, "spec", "generators")
	judgeGenerators(&found, generators, manifest.Path{"spec", "generators"})
	if overridden(generators) {
		return found // which texts are filled in is for the generators to say
	}
	provided := provides(generators, goTemplate)
	if !goTemplate {
		judgeElements(&found, generators, manifest.Path{"spec", "generators"})
	}
	name := manifest.TextAt(object.Value, "spec", "template", "metadata", "name")
	elements := manifest.ListAt(generators[:min(len(generators), 1)], 0, "list", "elements")
	patched := manifest.TextAt(object.Value, "spec", "templatePatch") != ""
	if name != "" && !isTemplated(name) && !patched && manifest.At(generators[:min(len(generators), 1)], 0, "selector") == nil && len(elements) > 1 {
		found.add(manifest.Path{"spec", "template", "metadata", "name"}, "the name %q has no parameter, so all %d elements make an Application of one name: Argo CD refuses them", name, len(elements))
	}
	judge := func(at manifest.Path, text string) {
		if !isTemplated(text) {
			return
		}
		if !goTemplate {
			if keepsNoBraces(at) {
				judgeTags(&found, at, text, provided)
			}
			return
		}
		tree, err := parsed(text)
		if err != nil {
			found.add(at, "the template does not parse, so the ApplicationSet makes no Application: %v", err)
			return
		}
		if !provided.open {
			judgeKeys(&found, at, tree, provided, strict)
		}
	}
	texts(manifest.At(object.Value, "spec", "template"), manifest.Path{"spec", "template"}, judge)
	if patch := manifest.TextAt(object.Value, "spec", "templatePatch"); patch != "" && goTemplate {
		judge(manifest.Path{"spec", "templatePatch"}, patch)
	}
	return found
}

// judgeGenerators is what MatrixGenerator, MergeGenerator and GitGenerator refuse.
func judgeGenerators(found *faults, generators []any, at manifest.Path) {
	for i, g := range generators {
		for _, kind := range []string{"matrix", "merge"} {
			if manifest.At(g, kind) == nil {
				continue
			}
			inner, place := manifest.ListAt(g, kind, "generators"), below(at, i, kind, "generators")
			switch {
			case kind == "matrix" && len(inner) != 2:
				found.add(place, "a matrix is of two generators, and this one of %d: the ApplicationSet makes no Application", len(inner))
			case kind == "merge" && len(inner) < 2:
				found.add(place, "merge is of two generators or more, and this one of %d: the ApplicationSet makes no Application", len(inner))
			case kind == "merge" && len(manifest.ListAt(g, kind, "mergeKeys")) == 0:
				found.add(below(at, i, kind), "mergeKeys are missing: the ApplicationSet makes no Application")
			}
			judgeGenerators(found, inner, place)
		}
	}
}

// texts gives every text of a value to a function, keys of mappings aside: Argo CD fills those in as well, and a fault there
// has no place of its own.
func texts(value any, at manifest.Path, take func(manifest.Path, string)) {
	switch v := value.(type) {
	case string:
		take(at, v)
	case []any:
		for i, item := range v {
			texts(item, below(at, i), take)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			texts(v[key], below(at, key), take)
		}
	}
}

// overridden reports whether a generator has a template of its own.
func overridden(generators []any) bool {
	for _, g := range generators {
		kinds, _ := g.(map[string]any)
		for _, kind := range kinds {
			if manifest.At(kind, "template") != nil || overridden(manifest.ListAt(kind, "generators")) {
				return true
			}
		}
	}
	return false
}

// keepsNoBraces reports whether nothing but a parameter can be meant by braces in a field of a template. In the values of a
// chart they may be the chart's.
func keepsNoBraces(at manifest.Path) bool {
	field := strings.TrimPrefix(at.String(), "spec.template.")
	switch field {
	case "metadata.name", "spec.project", "spec.destination.name", "spec.destination.server", "spec.destination.namespace":
		return true
	}
	matched, err := regexp.MatchString(`^spec\.sources?(\[\d+\])?\.(repoURL|path|targetRevision|chart)$`, field)
	return err == nil && matched
}

// judgeElements is ListGenerator.GenerateParams without goTemplate, which takes texts alone.
func judgeElements(found *faults, generators []any, at manifest.Path) {
	goTemplate := manifest.Path{"spec", "goTemplate"}
	for i, g := range generators {
		for j, item := range manifest.ListAt(g, "list", "elements") {
			element, _ := item.(map[string]any)
			for _, key := range slices.Sorted(maps.Keys(element)) {
				place := below(at, i, "list", "elements", j, key)
				if values, ok := element[key].(map[string]any); ok && key == "values" {
					for _, name := range slices.Sorted(maps.Keys(values)) {
						if _, ok := values[name].(string); !ok {
							found.addWith(goTemplate, below(place, name), "%s is no text, which is all that Argo CD takes without goTemplate: quote it", name)
						}
					}
				} else if _, ok := element[key].(string); !ok {
					found.addWith(goTemplate, place, "%s is no text, which is all that Argo CD takes without goTemplate: quote it", key)
				}
			}
		}
		for _, kind := range []string{"matrix", "merge"} {
			judgeElements(found, manifest.ListAt(g, kind, "generators"), below(at, i, kind, "generators"))
		}
	}
}

// keys are what generators provide: names with the keys below them, nil for whatever.
type keys struct {
	names map[string]*keys
	open  bool // nobody knows all of them
}

func unknown() *keys { return &keys{open: true} }

func named(names ...string) *keys {
	k := &keys{names: map[string]*keys{}}
	for _, name := range names {
		k.names[name] = unknown()
	}
	return k
}

// with adds the keys of another one.
func (k *keys) with(other *keys) {
	k.open = k.open || other.open
	for name, inner := range other.names {
		if k.names == nil {
			k.names = map[string]*keys{}
		}
		if have := k.names[name]; have != nil {
			have.with(inner)
		} else {
			k.names[name] = inner
		}
	}
}

// provides are the keys of all generators together. A key that some elements have and others lack is not missing.
func provides(generators []any, goTemplate bool) *keys {
	all := &keys{}
	if len(generators) == 0 {
		all.open = true
	}
	for _, g := range generators {
		all.with(providesOne(g, goTemplate))
	}
	return all
}

func providesOne(generator any, goTemplate bool) *keys {
	kinds, _ := generator.(map[string]any)
	all := &keys{}
	known := false
	for kind, value := range kinds {
		var one *keys
		switch kind {
		case "selector":
			continue
		case "list":
			if manifest.TextAt(value, "elementsYaml") != "" {
				return unknown()
			}
			one = &keys{}
			for _, element := range manifest.ListAt(value, "elements") {
				one.with(keysOf(element))
			}
		case "clusters":
			if flat, _ := manifest.At(value, "flatList").(bool); flat {
				one = named("clusters")
			} else {
				one = named("metadata", "name", "nameNormalized", "project", "server")
				one.with(valuesOf(value))
			}
		case "git", "oci":
			if len(manifest.ListAt(value, "directories")) == 0 {
				return unknown() // what is in files
			}
			path := named("basename", "basenameNormalized", "path", "segments")
			if !goTemplate {
				path = unknown()
			}
			one = &keys{names: map[string]*keys{"path": path}}
			if prefix := manifest.TextAt(value, "pathParamPrefix"); prefix != "" {
				one = &keys{names: map[string]*keys{prefix: {names: map[string]*keys{"path": path}}}}
			}
			one.with(valuesOf(value))
		case "matrix", "merge":
			one = provides(manifest.ListAt(value, "generators"), goTemplate)
		default:
			return unknown()
		}
		all.with(one)
		known = true
	}
	if !known {
		return unknown()
	}
	return all
}

// keysOf are those of an element of a list.
func keysOf(value any) *keys {
	fields, ok := value.(map[string]any)
	if !ok {
		return unknown()
	}
	k := &keys{names: map[string]*keys{}}
	for key, inner := range fields {
		if isTemplated(key) {
			k.open = true
		}
		k.names[key] = keysOf(inner)
	}
	return k
}

func valuesOf(generator any) *keys {
	values, ok := manifest.At(generator, "values").(map[string]any)
	if !ok {
		return &keys{}
	}
	return &keys{names: map[string]*keys{"values": keysOf(values)}}
}

// missing is the first of the names of a chain that is not provided, and what there is beside it.
func (k *keys) missing(chain []string) (name string, known []string, is bool) {
	for _, name := range chain {
		if k.open {
			return "", nil, false
		}
		inner := k.names[name]
		if inner == nil {
			return name, slices.Sorted(maps.Keys(k.names)), true
		}
		k = inner
	}
	return "", nil, false
}

// judgeTags is Render.Replace without goTemplate: a tag that is no parameter stays as it is written.
func judgeTags(found *faults, at manifest.Path, text string, provided *keys) {
	for rest := text; ; {
		_, after, ok := strings.Cut(rest, "{{")
		if !ok {
			return
		}
		tag, end, closed := strings.Cut(after, "}}")
		if !closed {
			found.add(at, "{{ has no }} behind it, so nothing is filled in")
			return
		}
		rest = end
		tag = strings.TrimSpace(tag)
		if bare, dotted := strings.CutPrefix(tag, "."); dotted && bare != "" {
			found.add(at, "{{%s}} is a Go template, and stays as it is written without goTemplate: true: write {{%s}}, or set that", tag, bare)
			continue
		}
		if provided.open || provided.names[tag] != nil {
			continue
		}
		path, _, _ := strings.Cut(tag, "[") // path[0] is a part of path
		if name, known, is := provided.missing(strings.Split(path, ".")); is {
			found.add(at, "no generator provides %s, so {{%s}} stays as it is written%s", name, tag, amongKeys(name, known))
		}
	}
}

func amongKeys(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return among(name, known)
}

// parsed is a text as Render.Replace parses it with goTemplate.
func parsed(text string) (*parse.Tree, error) {
	functions := sprig.GenericFuncMap()
	for _, name := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, name)
	}
	for _, name := range []string{"fromYaml", "fromYamlArray", "normalize", "slugify", "toYaml", "tpl"} {
		functions[name] = func() string { return "" } // it is parsed, and never run
	}
	t, err := template.New("base").Funcs(functions).Parse(text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: base:1: "))
	}
	return t.Tree, nil
}

// judgeKeys looks at what is written whatever else holds: the actions that stand by themselves. What is in the branches of a
// condition, the arguments of a function among it, may be meant for keys that are not there.
func judgeKeys(found *faults, at manifest.Path, tree *parse.Tree, provided *keys, strict bool) {
	if tree == nil || tree.Root == nil {
		return
	}
	seen := map[string]bool{}
	for _, node := range tree.Root.Nodes {
		action, ok := node.(*parse.ActionNode)
		if !ok || len(action.Pipe.Decl) > 0 || len(action.Pipe.Cmds) == 0 {
			continue
		}
		first := action.Pipe.Cmds[0]
		if len(first.Args) != 1 || len(action.Pipe.Cmds) > 1 && !strict {
			continue
		}
		chain := chainOf(first.Args[0])
		name, known, is := provided.missing(chain)
		if !is || seen[name] {
			continue
		}
		seen[name] = true
		becomes := "<no value> is written in its place"
		if strict {
			becomes = "the ApplicationSet makes no Application"
		}
		found.add(at, "no generator provides %s, so %s%s", name, becomes, amongKeys(name, known))
	}
}

// chainOf are the names of .a.b and $.a.b.
func chainOf(node parse.Node) []string {
	switch n := node.(type) {
	case *parse.FieldNode:
		return n.Ident
	case *parse.VariableNode:
		if len(n.Ident) > 0 && n.Ident[0] == "$" {
			return n.Ident[1:]
		}
	}
	return nil
}

const (
	applicationSetBad = `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: shop, namespace: argocd}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=eror] # the controller crashes
  generators:
    - list:
        elements: [{env: dev, replicas: 1}]
  template:
    metadata: {name: 'shop-{{env}}'} # a function that there is none of
    spec:
      project: default
      source:
        repoURL: https://github.com/kgate-dev/gitops
        path: overlays/{{.envv}} # no such key
      destination: {name: in-cluster, namespace: 'shop-{{.env}'} # not closed
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: plain, namespace: argocd}
spec:
  generators:
    - list:
        elements: [{env: dev, replicas: 1}] # a number
  template:
    metadata: {name: 'plain-{{.env}}'} # of goTemplate
    spec:
      project: default
      source:
        repoURL: https://github.com/kgate-dev/gitops
        path: overlays/{{envv}} # no such key
      destination: {name: in-cluster, namespace: plain}
`
	applicationSetGood = `apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: shop, namespace: argocd}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
    - matrix:
        generators:
          - clusters:
              selector: {matchLabels: {stage: prod}}
              values: {region: eu}
          - git:
              repoURL: https://github.com/kgate-dev/gitops
              directories: [{path: apps/*}]
  template:
    metadata:
      name: '{{ .path.basename | normalize }}-{{index .metadata.labels "zone"}}-{{.values.region}}'
    spec:
      project: '{{if hasKey . "team"}}{{.team}}{{else}}default{{end}}'
      source: {repoURL: https://github.com/kgate-dev/gitops, path: '{{$.path.path}}'}
      destination: {server: '{{.server}}', namespace: '{{default "shop" .nameNormalized}}'}
  templatePatch: |
    {{- with .values }}
    metadata: {annotations: {region: {{ .region | quote }}}}
    {{- end }}
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: plain, namespace: argocd}
spec:
  generators:
    - list:
        elements: [{env: dev, values: {replicas: '1'}}]
    - pullRequest: {github: {owner: kgate-dev, repo: gitops}}
  template:
    metadata: {name: 'plain-{{ env }}'}
    spec:
      project: default
      source:
        repoURL: https://github.com/kgate-dev/gitops
        path: overlays/{{env}}
        helm: {values: 'host: "{{ .Release.Name }}.example.com"'} # of the chart
      destination: {name: in-cluster, namespace: plain}
`
)
