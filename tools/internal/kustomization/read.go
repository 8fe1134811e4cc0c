package kustomization

import (
	"encoding/json"
	"maps"
	"slices"

	"sigs.k8s.io/kustomize/api/types"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Layers are the directories of all kustomizations that the result is made of, sorted, each as it is called without
// links, but for those of copies, of which nothing is there that is not needed.
func (r *Result) Layers() []string {
	dirs := map[string]bool{}
	var walk func(*Layer)
	walk = func(l *Layer) {
		if l.copied.Root != "" {
			return
		}
		dirs[r.real(l.Dir)] = true
		for _, below := range l.below() {
			walk(below)
		}
	}
	if r.Root != nil {
		walk(r.Root)
	}
	return slices.Sorted(maps.Keys(dirs))
}

// Unchanged are the directories of kustomizations and the files of manifests whose objects are in the result as they are
// rendered alone: nothing above them but lists of resources. Sorted, each as it is called without links.
func (r *Result) Unchanged() []string {
	if r.Root == nil {
		return slices.Clone(r.Read)
	}
	names := map[string]bool{}
	var walk func(*Layer)
	walk = func(l *Layer) {
		names[r.real(l.Dir)] = true
		if !l.lists() {
			return
		}
		for _, resource := range l.Resources {
			if resource.Layer != nil {
				walk(resource.Layer)
			}
			for _, d := range resource.Documents {
				names[d.File] = true
			}
		}
	}
	walk(r.Root)
	return slices.Sorted(maps.Keys(names))
}

// Through are the directories of kustomizations that an object of the result came through, without the target itself; false where that
// is not known.
func (r *Result) Through(object *manifest.Object) ([]string, bool) {
	t := r.traces[object]
	if t == nil {
		return nil, false
	}
	dirs := make([]string, len(t.dirs))
	for i, dir := range t.dirs {
		dirs[i] = r.real(dir)
	}
	return dirs, true
}

func (r *Result) real(dir string) string {
	if real, err := r.files.resolve(clean(dir)); err == nil {
		return real
	}
	return dir
}

// lists reports whether the kustomization leaves what is below it as it is. What is not known to do so does not.
func (l *Layer) lists() bool {
	c := l.Config
	c.TypeMeta, c.MetaData = types.TypeMeta{}, nil
	//lint:ignore SA1019 Kustomize still reads the field
	c.Resources, c.Bases = nil, nil
	c.GeneratorOptions, c.BuildMetadata, c.SortOptions, c.Validators = nil, nil, nil, nil
	adds := func(behavior string) bool { return behavior == "" || behavior == "create" }
	c.ConfigMapGenerator = slices.DeleteFunc(slices.Clone(c.ConfigMapGenerator), func(g types.ConfigMapArgs) bool { return adds(g.Behavior) })
	c.SecretGenerator = slices.DeleteFunc(slices.Clone(c.SecretGenerator), func(g types.SecretArgs) bool { return adds(g.Behavior) })
	left, err := json.Marshal(c)
	return err == nil && string(left) == "{}"
}
