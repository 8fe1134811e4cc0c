package applicationset

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"dario.cat/mergo"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// kinds are the kinds of generators, in the order in which Argo CD comes to them.
var kinds = []string{"list", "clusters", "git", "scmProvider", "clusterDecisionResource", "pullRequest", "matrix", "merge", "plugin", "oci"}

// unknown say of kinds what nobody here knows.
var unknown = map[string]string{
	"scmProvider":             "which repositories there are says the API of a forge",
	"clusterDecisionResource": "which clusters are chosen says an object in the cluster",
	"pullRequest":             "which pull requests are open says the API of a forge",
	"plugin":                  "what a plugin answers says its service",
	"oci":                     "what is in an artifact says its registry",
}

// deepest is how deep generators combine others: Argo CD takes two levels.
const deepest = 3

// transform makes the sets of parameters of a generator, for those of the one before it in a matrix.
func (g *generating) transform(generator any, at manifest.Path, template, before map[string]any, depth int) ([]result, error) {
	if err := g.ctx.Err(); err != nil {
		return nil, err
	}
	fields, _ := generator.(map[string]any)
	chosen, err := selectorOf(fields["selector"])
	if err != nil {
		return nil, err
	}
	var results []result
	for _, kind := range kinds {
		options, _ := fields[kind].(map[string]any)
		if options == nil {
			continue
		}
		place := slices.Concat(at, manifest.Path{kind})
		if reason := unknown[kind]; reason != "" {
			return nil, &Unresolved{place, fmt.Sprintf("the generator %s is not resolved offline: %s", kind, reason)}
		}
		if depth >= deepest {
			return nil, errors.New("generators are combined in more than two levels")
		}
		given := options
		if len(before) > 0 {
			if given, err = g.interpolated(options, before); err != nil {
				return nil, err
			}
		}
		var params []map[string]any
		switch kind {
		case "list":
			params, err = g.list(given)
		case "clusters":
			params, err = g.clusters(given, place)
		case "git":
			params, err = g.git(given, place)
		case "matrix":
			params, err = g.matrix(given, place, depth)
		case "merge":
			params, err = g.merged(given, place, depth)
		}
		if err != nil {
			return nil, err
		}
		if g.count += len(params); g.count > 20*most {
			return nil, &Unresolved{place, fmt.Sprintf("its generators make more than %d sets of parameters", 20*most)}
		}
		if chosen != nil {
			params = slices.DeleteFunc(slices.Clone(params), func(p map[string]any) bool { return !chosen.matches(flatten(p)) })
		}
		own, _ := options["template"].(map[string]any)
		results = append(results, result{params, filled(own, template), kind})
	}
	return results, nil
}

// inner makes the sets of parameters of a generator that another one combines.
func (g *generating) inner(generator any, at manifest.Path, before map[string]any, depth int) ([]map[string]any, error) {
	results, err := g.transform(generator, at, nil, before, depth+1)
	switch {
	case err != nil:
		return nil, err
	case len(results) == 0:
		return nil, errors.New("a generator within another one is of no kind")
	case len(results) > 1:
		return nil, errors.New("a generator within another one is of several kinds")
	}
	return results[0].params, nil
}

func (g *generating) list(options map[string]any) ([]map[string]any, error) {
	var all []map[string]any
	for _, item := range manifest.ListAt(options, "elements") {
		element, ok := copied(item).(map[string]any)
		if !ok {
			return nil, errors.New("an element of the list is no mapping")
		}
		if g.goTemplate {
			all = append(all, element)
			continue
		}
		var params map[string]any
		for key, value := range element {
			if params == nil {
				params = map[string]any{}
			}
			values, ok := value.(map[string]any)
			switch text, isText := value.(string); {
			case key == "values" && !ok:
				return nil, errors.New("the values of an element are no mapping")
			case key == "values":
				for name, v := range values {
					text, ok := v.(string)
					if !ok {
						return nil, fmt.Errorf("values.%s of an element is no text", name)
					}
					params["values."+name] = text
				}
			case !isText:
				return nil, fmt.Errorf("%s of an element is no text", key)
			default:
				params[key] = text
			}
		}
		all = append(all, params)
	}
	if text := manifest.TextAt(options, "elementsYaml"); text != "" {
		var elements []map[string]any
		if err := yaml.Unmarshal([]byte(text), &elements); err != nil {
			return nil, fmt.Errorf("elementsYaml: %w", err)
		}
		all = append(all, elements...)
	}
	return all, nil
}

// Of the cluster that Argo CD runs in.
const (
	inClusterName   = "in-cluster"
	inClusterServer = "https://kubernetes.default.svc"
	secretType      = "argocd.argoproj.io/secret-type"
)

// hidden are annotations of clusters that are no parameters.
var hidden = []string{
	"argocd.argoproj.io/refresh", "argocd.argoproj.io/refresh-timestamp", "argocd.argoproj.io/hydrate", "argocd.argoproj.io/hydrate-timestamp",
	"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/installation-id", "kubectl.kubernetes.io/last-applied-configuration",
}

func (g *generating) clusters(options map[string]any, at manifest.Path) ([]map[string]any, error) {
	if g.around.Clusters == nil {
		return nil, &Unresolved{at, "which clusters Argo CD knows is written nowhere: name a file of them under `clusters` in kgate.yaml"}
	}
	chosen, err := selectorOf(options["selector"])
	if err != nil {
		return nil, err
	}
	named := map[string]int{} // of several that have one name the last counts
	for i, c := range g.around.Clusters {
		named[c.Name] = i
	}
	var all []map[string]any
	local := chosen == nil || len(*chosen) == 0
	for i, c := range g.around.Clusters {
		labels := map[string]string{secretType: "cluster"}
		maps.Copy(labels, c.Labels)
		if named[c.Name] != i || chosen != nil && !chosen.matches(labels) {
			continue
		}
		if c.Server == inClusterServer {
			local = false
		}
		params := map[string]any{"name": c.Name, "nameNormalized": normalized(c.Name), "server": c.Server, "project": c.Project}
		annotations := maps.Clone(c.Annotations)
		maps.DeleteFunc(annotations, func(key, _ string) bool { return slices.Contains(hidden, key) })
		if g.goTemplate {
			metadata := map[string]any{"labels": labels}
			if len(c.Annotations) > 0 {
				metadata["annotations"] = annotations
			}
			params["metadata"] = metadata
		} else {
			for key, value := range annotations {
				params["metadata.annotations."+key] = value
			}
			for key, value := range labels {
				params["metadata.labels."+key] = value
			}
		}
		if err := g.values(options, params); err != nil {
			return nil, err
		}
		all = append(all, params)
	}
	if local {
		params := map[string]any{"name": inClusterName, "nameNormalized": inClusterName, "server": inClusterServer, "project": ""}
		if err := g.values(options, params); err != nil {
			return nil, err
		}
		all = append(all, params)
	}
	if flat, _ := options["flatList"].(bool); flat {
		return []map[string]any{{"clusters": all}}, nil
	}
	return all, nil
}

// values adds the values of a generator to its parameters, of which they may be made.
func (g *generating) values(options, params map[string]any) error {
	values, _ := options["values"].(map[string]any)
	added := map[string]any{}
	texts := map[string]string{}
	for key, value := range values {
		text, _ := value.(string)
		made, err := g.replace(text, params, g.options)
		if err != nil {
			return fmt.Errorf("values.%s: %w", key, err)
		}
		texts[key], added["values."+key] = made, made
	}
	switch {
	case len(texts) == 0:
	case g.goTemplate:
		params["values"] = texts
	default:
		maps.Copy(params, added)
	}
	return nil
}

func (g *generating) matrix(options map[string]any, at manifest.Path, depth int) ([]map[string]any, error) {
	generators := manifest.ListAt(options, "generators")
	if len(generators) != 2 {
		return nil, fmt.Errorf("a matrix is of two generators, and this one of %d", len(generators))
	}
	place := func(i int) manifest.Path { return slices.Concat(at, manifest.Path{"generators", i}) }
	first, err := g.inner(generators[0], place(0), nil, depth)
	if err != nil {
		return nil, err
	}
	all := []map[string]any{}
	for _, a := range first {
		second, err := g.inner(generators[1], place(1), a, depth)
		if err != nil {
			return nil, err
		}
		for _, b := range second {
			both, err := g.both(a, b)
			if err != nil {
				return nil, err
			}
			if all = append(all, both); len(all) > 20*most {
				return nil, &Unresolved{at, fmt.Sprintf("its generators make more than %d sets of parameters", 20*most)}
			}
		}
	}
	return all, nil
}

// both are the parameters of the two generators of a matrix: the first counts.
func (g *generating) both(a, b map[string]any) (map[string]any, error) {
	both := map[string]any{}
	if g.goTemplate {
		for _, part := range []map[string]any{b, a} {
			if err := mergo.Merge(&both, duplicate(part), mergo.WithOverride); err != nil {
				return nil, err
			}
		}
		return both, nil
	}
	for key, value := range a {
		both[key] = fmt.Sprint(value)
	}
	for key, value := range b {
		text := fmt.Sprint(value)
		if was, ok := both[key]; ok && was != text {
			return nil, fmt.Errorf("the generators of the matrix both have %s, %q and %q", key, was, text)
		}
		both[key] = text
	}
	return both, nil
}

func (g *generating) merged(options map[string]any, at manifest.Path, depth int) ([]map[string]any, error) {
	generators := manifest.ListAt(options, "generators")
	if len(generators) < 2 {
		return nil, fmt.Errorf("merge is of two generators or more, and this one of %d", len(generators))
	}
	var keys []string
	for _, item := range manifest.ListAt(options, "mergeKeys") {
		if key, ok := item.(string); ok && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("mergeKeys are missing")
	}
	var order []string
	base := map[string]map[string]any{}
	for i, generator := range generators {
		sets, err := g.inner(generator, slices.Concat(at, manifest.Path{"generators", i}), nil, depth)
		if err != nil {
			return nil, err
		}
		seen := map[string]map[string]any{}
		for _, params := range sets {
			of := map[string]any{}
			for _, key := range keys {
				of[key] = params[key]
			}
			text, err := json.Marshal(of)
			if err != nil {
				return nil, err
			}
			key := string(text)
			if seen[key] != nil {
				return nil, fmt.Errorf("a generator of the merge has %s twice", key)
			}
			seen[key] = duplicate(params)
			if i == 0 {
				order = append(order, key)
			}
		}
		if i == 0 {
			base = seen
			continue
		}
		for _, key := range order {
			over := seen[key]
			if over == nil {
				continue
			}
			if !g.goTemplate {
				maps.Copy(base[key], over)
				continue
			}
			into := base[key]
			if err := mergo.Merge(&into, over, mergo.WithOverride); err != nil {
				return nil, err
			}
			base[key] = into
		}
	}
	all := make([]map[string]any, 0, len(order))
	for _, key := range order {
		all = append(all, base[key])
	}
	return all, nil
}

// duplicate copies parameters as deep as they go: what is merged writes into them.
func duplicate(params map[string]any) map[string]any {
	again := make(map[string]any, len(params))
	for key, value := range params {
		again[key] = duplicateValue(value)
	}
	return again
}

func duplicateValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return duplicate(v)
	case map[string]string:
		return maps.Clone(v)
	case []any:
		again := slices.Clone(v)
		for i := range again {
			again[i] = duplicateValue(again[i])
		}
		return again
	case []map[string]any:
		again := slices.Clone(v)
		for i := range again {
			again[i] = duplicate(again[i])
		}
		return again
	case []string:
		return slices.Clone(v)
	}
	return value
}

// filled is a template with what another one has where it has nothing.
func filled(template, other map[string]any) map[string]any {
	if len(template) == 0 {
		return other
	}
	all := maps.Clone(template)
	for key, value := range other {
		have, ok := all[key]
		into, isMapping := have.(map[string]any)
		from, both := value.(map[string]any)
		switch {
		case !ok || isEmpty(have):
			all[key] = value
		case isMapping && both && key != "valuesObject": // which is one value to Argo CD
			all[key] = filled(into, from)
		}
	}
	return all
}

func isEmpty(value any) bool {
	if value == nil {
		return true
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Map, reflect.Slice:
		return v.Len() == 0
	default:
		return v.IsZero()
	}
}
