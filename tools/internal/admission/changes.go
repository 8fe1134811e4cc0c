package admission

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// changes are the checks of what the server says to a change of an object that the cluster has.
type changes struct{ server *Server }

// updated are the pairs of a target in which one object takes the place of another, and whoever deploys them updates it.
func updated(ctx context.Context, target *check.Target) ([]check.Pair, error) {
	if target.Before == nil {
		return nil, nil
	}
	pairs := slices.DeleteFunc(slices.Clone(target.Before.Pairs), func(p check.Pair) bool {
		return p.Old == nil || p.New == nil || !p.New.Applied() || !p.Old.Applied() || p.Old.Digest() == p.New.Digest() || madeAnew(p.New) || forced(p.Old)
	})
	if len(pairs) == 0 || target.Deployers == nil {
		return pairs, nil
	}
	deployers, err := target.Deployers(ctx)
	if err != nil || slices.ContainsFunc(deployers, func(d check.Deployer) bool { return d.Forces }) {
		return nil, err
	}
	return pairs, nil
}

// forced reports an object that tells Argo CD to delete it where it cannot be changed.
func forced(o *manifest.Object) bool { return slices.Contains(o.SyncOptions(), "Force=true") }

// madeAnew reports an object that Argo CD or Flux deletes and creates, or leaves alone, where it differs from what is there.
// https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#force-sync
// https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
func madeAnew(o *manifest.Object) bool {
	annotation := func(name string) string { return manifest.TextAt(o.Value, "metadata", "annotations", name) }
	switch {
	case forced(o):
		return true
	// A hook is deleted before it is created, unless it says when else.
	case annotation("argocd.argoproj.io/hook") != "", annotation("helm.sh/hook") != "" && annotation("helm.sh/hook") != "crd-install":
		return true
	case strings.EqualFold(annotation("kustomize.toolkit.fluxcd.io/force"), "enabled"), annotation("kustomize.toolkit.fluxcd.io/force") == "true":
		return true
	case strings.EqualFold(annotation("kustomize.toolkit.fluxcd.io/reconcile"), "disabled"):
		return true
	}
	apply := annotation("kustomize.toolkit.fluxcd.io/ssa")
	return strings.EqualFold(apply, "IfNotPresent") || strings.EqualFold(apply, "Ignore")
}

// run reports what the server refuses of a change and takes of the new object alone.
func (c *changes) run(ctx context.Context, pass *check.Pass) error {
	var failed []error
	for _, target := range pass.Targets {
		pairs, err := updated(ctx, target)
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.refused(ctx, pass, target, pair); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", pair.New.ID, err))
			}
			c.grown(pass, target, pair)
		}
	}
	return errors.Join(failed...)
}

func (c *changes) refused(ctx context.Context, pass *check.Pass, target *check.Target, pair check.Pair) error {
	changed, err := c.server.changed(ctx, target, pair.Old, pair.New)
	faults := changed.faults
	if err != nil || len(faults) == 0 {
		return err
	}
	alone, err := c.server.told(ctx, target, pair.New)
	if err != nil {
		return err
	}
	// What the server holds against the old object when it is applied again, the change does not bring: of a pod whose selectors
	// it has completed, it refuses any, and a client that sees nothing changed sends none.
	again, _, err := c.server.Update(ctx, target, pair.Old, pair.Old)
	if err != nil {
		return err
	}
	alone = slices.Concat(alone, again)
	seen := map[string]bool{}
	for _, f := range faults {
		if slices.ContainsFunc(alone, func(a fault.Fault) bool {
			return (a.Message == f.Message || said(a) == said(f)) && slices.Equal(a.Path, f.Path)
		}) {
			continue // admission/accepted says it, or nobody
		}
		if emptied(f) {
			continue
		}
		for _, path := range c.culprits(ctx, target, pair, f) {
			at, theirs, err := c.server.theirs(ctx, target, changed.steps, path)
			if err != nil {
				return err
			}
			if theirs {
				if text := path.String(); !seen[text] {
					seen[text] = true
					pass.Report(target, at.Object, at.Path, fmt.Sprintf("the API server refuses the update that it makes of the %s: %s: %s%s", pair.New.ID, text, said(f), f.Note),
						check.Field{Target: target, Object: pair.New, Path: path})
				}
				continue
			}
			// Two of the server's rules may forbid the same.
			if text := path.String(); !seen[text] && !pair.Old.Hides(path) {
				seen[text] = true
				pass.Report(target, pair.New, path, refusal(pair, path, f))
			}
		}
	}
	return nil
}

// emptied reports a fault of a field that a server-side apply leaves null, where what it held is gone or the manifest says null, and
// the sentence that follows one. A client-side apply, Argo CD's unless it is told otherwise, takes the field away, and is not refused.
func emptied(f fault.Fault) bool {
	return strings.HasSuffix(f.Message, `: "null"`) || strings.Contains(f.Message, "some validation rules were not checked because the object was invalid")
}

// mostTried is how many fields of a change are put to the server one by one.
const mostTried = 32

// culprits are the fields for which a change is refused. The server may name the field that they are in: each that differs there
// is put to it alone.
func (c *changes) culprits(ctx context.Context, target *check.Target, pair check.Pair, f fault.Fault) []manifest.Path {
	at := pinpoint(pair.New.Value, f)
	was, _ := at.Lookup(pair.Old.Value)
	is, _ := at.Lookup(pair.New.Value)
	differ := differing(was, is, at)
	if len(differ) < 2 || len(differ) > mostTried {
		return []manifest.Path{common(differ, at)}
	}
	var guilty []manifest.Path
	for _, path := range differ {
		one, err := pair.Old.Edit(func(value map[string]any) bool { return transplant(value, pair.New.Value, path) })
		if err != nil || one == nil {
			return []manifest.Path{at}
		}
		faults, _, err := c.server.Update(ctx, target, pair.Old, one)
		if err == nil && slices.ContainsFunc(faults, func(g fault.Fault) bool { return slices.Equal(g.Path, f.Path) && said(g) == said(f) }) {
			guilty = append(guilty, path)
		}
	}
	if len(guilty) > 0 && len(guilty) < 4 {
		return guilty
	}
	return []manifest.Path{common(guilty, at)}
}

// common is the path of what holds all of these, at itself where there are none.
func common(paths []manifest.Path, at manifest.Path) manifest.Path {
	if len(paths) == 0 {
		return at
	}
	shared := paths[0]
	for _, path := range paths[1:] {
		n := 0
		for n < len(shared) && n < len(path) && shared[n] == path[n] {
			n++
		}
		shared = shared[:n]
	}
	return shared
}

// differing are the fields below a path that two values have in different ways: as deep as both are alike in form.
func differing(was, is any, at manifest.Path) (paths []manifest.Path) {
	switch was := was.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		if !ok || len(is) == 0 || len(was) == 0 {
			break
		}
		all := maps.Clone(was)
		maps.Copy(all, is)
		for _, key := range slices.Sorted(maps.Keys(all)) {
			paths = append(paths, differing(was[key], is[key], append(slices.Clip(at), key))...)
		}
		return paths
	case []any:
		is, ok := is.([]any)
		if !ok || len(is) != len(was) {
			break
		}
		for i := range was {
			paths = append(paths, differing(was[i], is[i], append(slices.Clip(at), i))...)
		}
		return paths
	}
	if reflect.DeepEqual(was, is) {
		return nil
	}
	return []manifest.Path{at}
}

// transplant gives an object the field that another has at a path, or takes its own away where the other has none.
func transplant(into, from map[string]any, path manifest.Path) bool {
	value, there := path.Lookup(from)
	holder, ok := manifest.Path(path[:len(path)-1]).Lookup(into)
	if len(path) == 0 || !ok {
		return false
	}
	switch step := path[len(path)-1].(type) {
	case string:
		fields, ok := holder.(map[string]any)
		if !ok {
			return false
		}
		if !there {
			delete(fields, step)
			return true
		}
		fields[step] = value
	case int:
		items, ok := holder.([]any)
		if !ok || step >= len(items) || !there {
			return false
		}
		items[step] = value
	}
	return true
}

// said is what the server says of a change, in one line: what follows is a difference that it prints in its own form.
func said(f fault.Fault) string {
	text := f.Detail
	if text == "" {
		text = f.Message
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(line)
}

// refusal says which field cannot change, from what to what, why, and the way out.
func refusal(pair check.Pair, path manifest.Path, f fault.Fault) string {
	was, had := path.Lookup(pair.Old.Value)
	is, has := path.Lookup(pair.New.Value)
	what := path.Tail().String()
	if what == "" {
		what = "the object"
	}
	from, to := short(pair.New, path, was), short(pair.New, path, is)
	verb := "change"
	switch {
	case had && !has && from != "":
		verb = "be removed, where it was " + from
	case had && !has:
		verb = "be removed"
	case !had && has && to != "":
		verb = "become " + to + ", where it was not set"
	case !had && has:
		verb = "be set, where it was not"
	case had && has && from != "" && to != "":
		verb = "change from " + from + " to " + to
	}
	return fmt.Sprintf("%s cannot %s: the API server refuses the update: %s%s; %s", what, verb, said(f), f.Note, wayOut(pair.New, path))
}

// short is a value in a message; "" for one that is long, or that nobody is to read.
func short(o *manifest.Object, path manifest.Path, value any) string {
	if o.Kind == "Secret" && len(path) > 0 && path[0] != "type" && path[0] != "metadata" && path[0] != "immutable" {
		return ""
	}
	var written strings.Builder
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	text := strings.TrimSuffix(written.String(), "\n")
	if err != nil || len(text) > 80 {
		return ""
	}
	return text
}

// recreated is how Argo CD is told to delete an object and make it anew.
const recreated = "argocd.argoproj.io/sync-options: Force=true,Replace=true"

// wayOut is what can be done instead, and what is lost by it.
func wayOut(o *manifest.Object, path manifest.Path) string {
	switch o.Group() + "/" + o.Kind {
	case "apps/StatefulSet":
		return "delete it with `kubectl delete --cascade=orphan` and sync again, which keeps its pods and claims as they are; claims keep their size and class"
	case "apps/Deployment", "apps/DaemonSet", "apps/ReplicaSet", "/ReplicationController", "/Pod":
		return "give it another name, or have it made anew (" + recreated + "): its pods are gone meanwhile"
	case "batch/Job":
		return "give it another name, or have it made anew (" + recreated + "): it runs again from the start"
	case "/PersistentVolumeClaim":
		return "make a claim of another name and copy the data: a claim that is deleted takes its volume along where the reclaim policy is Delete"
	case "/PersistentVolume", "storage.k8s.io/StorageClass", "storage.k8s.io/CSIDriver", "storage.k8s.io/VolumeAttributesClass":
		return "give it another name, or have it made anew (" + recreated + "): volumes that are there keep what they were made with"
	case "/Service":
		return "give it another name, or have it made anew (" + recreated + "): its address changes, and connections to it end"
	case "rbac.authorization.k8s.io/RoleBinding", "rbac.authorization.k8s.io/ClusterRoleBinding":
		return "give it another name, or have it made anew (" + recreated + "): its subjects have no rights meanwhile"
	case "/ConfigMap", "/Secret":
		return "give it another name, as a generator's hash does, and let what reads it follow"
	case definition.Kind.Group + "/" + definition.Kind.Kind:
		if path.HasPrefix(manifest.Path{"spec", "versions"}) {
			return "keep it until no object is stored or applied that way"
		}
		return "define another kind and move the objects: a definition that is deleted takes all objects of its kind along"
	}
	if strings.Contains(o.Group(), ".") && !strings.HasSuffix(o.Group(), ".k8s.io") {
		return "leave it as it was, or give the object another name: what its controller keeps for it is lost where it is made anew"
	}
	return "leave it as it was, or have the object made anew (" + recreated + ")"
}

// grown reports a claim that asks for more where its rendered class lets no claim grow: what an admission plugin that is on by
// default refuses. Of a class that is not rendered nobody knows.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
func (c *changes) grown(pass *check.Pass, target *check.Target, pair check.Pair) {
	if pair.New.APIVersion != "v1" || pair.New.Kind != "PersistentVolumeClaim" {
		return
	}
	at := manifest.Path{"spec", "resources", "requests", "storage"}
	was, now := quantityAt(pair.Old, at), quantityAt(pair.New, at)
	class := manifest.TextAt(pair.New.Value, "spec", "storageClassName")
	if was == nil || now == nil || now.Cmp(*was) <= 0 || class == "" || class != manifest.TextAt(pair.Old.Value, "spec", "storageClassName") {
		return
	}
	for _, o := range target.Applied() {
		if o.Group() != "storage.k8s.io" || o.Kind != "StorageClass" || o.Name != class || manifest.At(o.Value, "allowVolumeExpansion") == true {
			continue
		}
		pass.Report(target, pair.New, at, fmt.Sprintf("requests.storage cannot grow from %s to %s: the API server refuses the update: StorageClass %s does not say allowVolumeExpansion: true; "+
			"let the class say it, if its provisioner can, or %s", was, now, class, wayOut(pair.New, at)), check.Field{Target: target, Object: o, Path: manifest.Path{"allowVolumeExpansion"}})
	}
}

// quantityAt is a quantity of an object; nil where there is none.
func quantityAt(o *manifest.Object, path manifest.Path) *resource.Quantity {
	value, ok := path.Lookup(o.Value)
	if !ok || o.Hides(path) {
		return nil
	}
	q, err := manifest.ParseQuantity(fmt.Sprint(value))
	if err != nil {
		return nil
	}
	return &q
}
