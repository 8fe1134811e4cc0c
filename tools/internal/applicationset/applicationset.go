// Package applicationset makes the Applications of an ApplicationSet as the controller of Argo CD makes them, of what is known
// without a cluster and a network: the elements of lists, the directories and files of the repository, and clusters that are
// written down. What only the outside knows it names, and makes nothing of.
package applicationset

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Surroundings are what generators ask for.
type Surroundings struct {
	// Own reports why a repository at a revision is not the one whose files are here; nil where it is.
	Own func(repository, revision string) error
	// Files are the paths of all files of the repository, sorted.
	Files func() ([]string, error)
	// Read reads one of them.
	Read func(name string) ([]byte, error)
	// Clusters are those that Argo CD knows; nil where nobody here does.
	Clusters []Cluster
}

// Cluster is a cluster that Argo CD knows.
type Cluster struct {
	Name        string            `json:"name"`
	Server      string            `json:"server"`
	Project     string            `json:"project,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Application is one that an ApplicationSet makes.
type Application struct {
	Value map[string]any // as the API server gets it
	set   any
	from  manifest.Path // of the generator
	kind  string        // of the generator, whose template counts before that of the set
}

// Field is the path in the ApplicationSet of what makes a field of the Application: of a template, or of the patch.
func (a Application) Field(path manifest.Path) manifest.Path {
	for length := len(path); length > 0; length-- {
		part := path[:length]
		for _, template := range []manifest.Path{slices.Concat(a.from, manifest.Path{a.kind, "template"}), {"spec", "template"}} {
			if at := slices.Concat(template, part); manifest.At(a.set, at...) != nil {
				return at
			}
		}
		if length == len(path) && manifest.TextAt(a.set, "spec", "templatePatch") != "" {
			return manifest.Path{"spec", "templatePatch"}
		}
	}
	return manifest.Path{"spec", "template"}
}

// Unresolved is why there are Applications that nobody here can tell: a generator asks for what is not known here, or Argo CD
// itself makes nothing of it.
type Unresolved struct {
	Path   manifest.Path // in the ApplicationSet
	Reason string
}

func (u *Unresolved) Error() string { return u.Reason }

// refused is how the reason begins where Argo CD itself makes nothing of a set: the Applications that there are stay as they are.
const refused = "Argo CD makes no Application of it"

// most is how many Applications, and sets of parameters, one ApplicationSet may make.
const most = 5000

// Generate makes the Applications of an ApplicationSet. Generators that ask for what nobody here knows are in the second value,
// and others are made all the same; one that Argo CD refuses keeps the set from making any.
func Generate(ctx context.Context, set map[string]any, surroundings Surroundings) (made []Application, left []*Unresolved) {
	g := &generating{ctx: ctx, set: set, around: surroundings}
	g.goTemplate, _ = manifest.At(set, "spec", "goTemplate").(bool)
	for _, option := range manifest.ListAt(set, "spec", "goTemplateOptions") {
		if text, ok := option.(string); ok {
			g.options = append(g.options, text)
		}
	}
	refuse := func(path manifest.Path, err error) ([]Application, []*Unresolved) {
		return nil, append(left, &Unresolved{path, fmt.Sprintf("%s: %s", refused, err)})
	}
	template, _ := manifest.At(set, "spec", "template").(map[string]any)
	for i, item := range manifest.ListAt(set, "spec", "generators") {
		at := manifest.Path{"spec", "generators", i}
		results, err := g.transform(item, at, template, nil, 0)
		if unknown := (*Unresolved)(nil); errors.As(err, &unknown) {
			left = append(left, unknown)
			continue
		}
		if err != nil {
			return refuse(at, err)
		}
		for _, result := range results {
			for _, params := range result.params {
				if len(made) == most {
					return made, append(left, &Unresolved{at, fmt.Sprintf("it makes more than %d Applications, of which kgate looks at the first", most)})
				}
				value, err := g.application(result.template, params)
				if err != nil {
					return refuse(manifest.Path{"spec", "template"}, err)
				}
				if patch := manifest.TextAt(set, "spec", "templatePatch"); patch != "" {
					if value, err = g.patched(value, patch, params); err != nil {
						return refuse(manifest.Path{"spec", "templatePatch"}, err)
					}
				}
				made = append(made, Application{Value: value, set: set, from: at, kind: result.kind})
			}
		}
	}
	names := map[string]bool{}
	for _, a := range made {
		name := manifest.TextAt(a.Value, "metadata", "name")
		if names[name] {
			return refuse(manifest.Path{"spec", "template", "metadata", "name"}, fmt.Errorf("several Applications are called %q", name))
		}
		names[name] = true
	}
	return made, left
}

// generating is the making of one set's Applications.
type generating struct {
	ctx        context.Context
	set        map[string]any
	around     Surroundings
	goTemplate bool
	options    []string
	count      int                // of sets of parameters, those of combined generators too
	empty      *template.Template // with the functions that there are; nil until one is filled in
}

// result is what a generator comes to.
type result struct {
	params   []map[string]any
	template map[string]any
	kind     string
}

// application fills in a template.
func (g *generating) application(template, params map[string]any) (map[string]any, error) {
	metadata, _ := template["metadata"].(map[string]any)
	value := map[string]any{
		"metadata": maps.Clone(metadata),
		"spec":     template["spec"],
	}
	if len(params) > 0 {
		filled, err := g.deeply(value, params, g.options)
		if err != nil {
			return nil, err
		}
		value, _ = filled.(map[string]any)
		if !PolicyOf(g.set).Keeps && len(manifest.ListAt(value, "metadata", "finalizers")) == 0 {
			meta, _ := value["metadata"].(map[string]any)
			if meta == nil {
				meta = map[string]any{}
			}
			meta["finalizers"] = []any{manifest.ResourcesFinalizer}
			value["metadata"] = meta
		}
	}
	return g.identified(value), nil
}

// identified puts an Application where its set is.
func (g *generating) identified(value map[string]any) map[string]any {
	meta, _ := value["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	if meta == nil {
		meta = map[string]any{}
	}
	delete(meta, "namespace")
	if namespace := manifest.TextAt(g.set, "metadata", "namespace"); namespace != "" {
		meta["namespace"] = namespace
	}
	value["apiVersion"] = cmp.Or(manifest.TextAt(g.set, "apiVersion"), "argoproj.io/v1alpha1")
	value["kind"], value["metadata"] = "Application", meta
	return value
}

// patched applies the set's patch to an Application. The lists of Applications have no keys, so that of a strategic merge patch
// nothing is left but a merge patch; the project stays.
func (g *generating) patched(value map[string]any, patch string, params map[string]any) (map[string]any, error) {
	text, err := g.replace(patch, params, g.options)
	if err != nil {
		return nil, err
	}
	var change map[string]any
	if err := yaml.Unmarshal([]byte(text), &change); err != nil {
		return nil, fmt.Errorf("templatePatch: %w", err)
	}
	if directive := directiveIn(change); directive != "" {
		return nil, fmt.Errorf("templatePatch has %s, which kgate does not follow", directive)
	}
	merged, _ := Merge(value, change).(map[string]any)
	spec, _ := merged["spec"].(map[string]any)
	if project := manifest.At(value, "spec", "project"); project != nil && spec != nil {
		spec["project"] = project
	} else {
		delete(spec, "project")
	}
	return g.identified(merged), nil
}

// directiveIn is a key of a strategic merge patch that is an instruction.
func directiveIn(value any) string {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if strings.HasPrefix(key, "$") {
				return key
			}
			if found := directiveIn(v[key]); found != "" {
				return found
			}
		}
	case []any:
		for _, item := range v {
			if found := directiveIn(item); found != "" {
				return found
			}
		}
	}
	return ""
}

// Merge is what a merge patch makes of a value. What it changes it copies.
func Merge(value, patch any) any {
	change, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	was, _ := value.(map[string]any)
	merged := maps.Clone(was)
	if merged == nil {
		merged = map[string]any{}
	}
	for key, item := range change {
		if item == nil {
			delete(merged, key)
		} else {
			merged[key] = Merge(merged[key], item)
		}
	}
	return merged
}

// copied is a value with numbers as Argo CD has them, which reads all of them as those of JSON.
func copied(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return value
	}
	var again any
	if json.Unmarshal(text, &again) != nil {
		return value
	}
	return again
}
