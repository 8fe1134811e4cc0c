package change

import (
	"fmt"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// rolling are the kinds whose controller replaces pods when their template changes. The pods of a ReplicaSet or a
// ReplicationController stay, a Job's template cannot change, and a CronJob's is that of its next Job.
var rolling = map[string][]string{
	"apps":              {"Deployment", "StatefulSet", "DaemonSet"},
	"apps.kruise.io":    {"CloneSet", "StatefulSet", "DaemonSet"},
	"apps.openshift.io": {"DeploymentConfig"},
	"argoproj.io":       {"Rollout"},
}

// template is where an object that replaces its pods has their template.
func template(o *manifest.Object) (manifest.Path, bool) {
	if o == nil || !slices.Contains(rolling[o.Group()], o.Kind) {
		return nil, false
	}
	for _, field := range []string{"updateStrategy", "strategy"} {
		if manifest.TextAt(o.Value, "spec", field, "type") == "OnDelete" {
			return nil, false // whoever deletes the pods replaces them
		}
	}
	steps, ok := relation.Known().Templates.Of(o.Group(), o.Kind)
	var path manifest.Path
	for _, step := range steps {
		path = append(path, step)
	}
	return path, ok
}

// restarts are the workloads whose pods are replaced, those by one line together.
func restarts(targets []Rendered) []Restart {
	var all []Restart
	for _, t := range targets {
		for _, o := range t.Objects {
			at, ok := template(o.New)
			if !ok || o.Kind != Changed {
				continue
			}
			var why *Restart
			for _, c := range causes(o, at) {
				if why != nil {
					why.More++
					continue
				}
				why = &Restart{}
				why.because(o, c)
				if c.Equal == difference.Suffix {
					why.follow(t, c)
				}
			}
			if why == nil {
				continue
			}
			why.Places = []Place{{Target: t.Path, Old: o.Old, New: o.New}}
			same := slices.IndexFunc(all, func(r Restart) bool {
				return r.Line == why.Line && r.Of.Kind == why.Of.Kind && r.Of.Name == why.Of.Name && r.More == why.More && r.Field.String() == why.Field.String()
			})
			if same >= 0 {
				all[same].Places = append(all[same].Places, why.Places...)
				continue
			}
			all = append(all, *why)
		}
	}
	return all
}

// causes are the changes of a workload for which its pods are replaced, those first that mean something else to a reader.
func causes(o Object, template manifest.Path) []difference.Change {
	var all, same []difference.Change
	for _, c := range o.Changes {
		switch {
		case !c.Path.HasPrefix(template) && !c.OldPath.HasPrefix(template):
		case c.Equal == "" || c.Equal == difference.Suffix:
			all = append(all, c)
		case c.Equal == difference.Order && c.Kept, c.Equal == difference.Quantity && c.Kept && byText(o.New):
			same = append(same, c)
		}
	}
	return append(all, same...)
}

// byText reports a workload whose controller compares templates as they are written down, with the units of amounts. The others
// compare amounts.
func byText(o *manifest.Object) bool {
	return o.Group() == "apps" && (o.Kind == "StatefulSet" || o.Kind == "DaemonSet")
}

// follow leads from the new name of a generated object to what differs in it.
func (r *Restart) follow(t Rendered, c difference.Change) {
	for _, o := range t.Objects {
		if o.New == nil || o.New.Name != fmt.Sprint(c.New) {
			continue
		}
		first := slices.IndexFunc(o.Changes, func(c difference.Change) bool { return c.Equal == "" })
		if first < 0 {
			continue
		}
		r.because(o, o.Changes[first])
		return
	}
}

// because takes a change of an object for the reason.
func (r *Restart) because(o Object, c difference.Change) {
	r.Field, r.Name, r.Of = c.Path, c.Name(o.Old, o.New), o.New.ID
	after, before := o.Locate(c)
	if r.Line = after; after.IsZero() {
		r.Line = before
	}
}

// images are the images that workloads run in another version, each change once.
func images(entries []Entry) []Image {
	var all []Image
	for _, e := range entries {
		for _, f := range e.Fields {
			if !isImage(f.Path) && !isImage(f.OldPath) {
				continue
			}
			was, _ := f.Old.(string)
			is, _ := f.New.(string)
			if was == is || was == "" && f.Old != nil || is == "" && f.New != nil {
				continue
			}
			image := Image{Old: was, New: is, Line: f.Lines[0].Source}
			for _, at := range f.In {
				image.Places = append(image.Places, e.Places[at])
			}
			same := slices.IndexFunc(all, func(i Image) bool { return i.Old == image.Old && i.New == image.New })
			if same < 0 {
				all = append(all, image)
				continue
			}
			for _, place := range image.Places {
				if !slices.Contains(all[same].Places, place) {
					all[same].Places = append(all[same].Places, place)
				}
			}
		}
	}
	return all
}

// isImage reports a field that names the image of a container, or the image that an operator runs.
func isImage(path manifest.Path) bool {
	if len(path) == 2 && path[0] == "spec" {
		return path[1] == "image" || path[1] == "imageName"
	}
	if len(path) < 3 || path[len(path)-1] != "image" {
		return false
	}
	list, _ := path[len(path)-3].(string)
	return slices.Contains([]string{"containers", "initContainers", "ephemeralContainers"}, list)
}
