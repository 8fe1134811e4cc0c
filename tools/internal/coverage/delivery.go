package coverage

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/applicationset"
	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/danger"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// argoDelivery is where an Application brings what a source of it has. spec and source are paths of its fields.
func argoDelivery(object any, spec, source manifest.Path) delivery {
	below := func(path manifest.Path, steps ...any) manifest.Path { return slices.Concat(path, manifest.Path(steps)) }
	d := delivery{field: below(spec, "destination", "namespace")}
	d.namespace = manifest.TextAt(object, d.field...)
	if field := below(source, "kustomize", "namespace"); manifest.TextAt(object, field...) != "" {
		d.namespace, d.field, d.overrides = manifest.TextAt(object, field...), field, true
	}
	server, name := manifest.TextAt(object, below(spec, "destination", "server")...), manifest.TextAt(object, below(spec, "destination", "name")...)
	switch {
	case parameter.MatchString(server + name):
		d.cluster = anyCluster
	case inCluster.MatchString(server), name == "in-cluster":
		d.cluster = argoCluster
	case server != "":
		d.cluster = "server " + strings.TrimRight(server, "/")
	case name != "":
		d.cluster = "name " + name
	}
	return d
}

const (
	anyCluster  = "any"  // nobody here knows which
	argoCluster = "argo" // the one in which Argo CD runs: each Argo CD has one that it calls so; with the tree of its Applications, where there are several
)

// inCluster is how pods call the API server of the cluster that they are in.
var inCluster = regexp.MustCompile(`^https://kubernetes\.default(\.svc(\.cluster\.local)?)?(:443)?/*$`)

// fluxDelivery is where a Flux Kustomization brings what it builds.
func fluxDelivery(object *manifest.Object) delivery {
	d := delivery{field: manifest.Path{"spec", "targetNamespace"}}
	d.namespace = manifest.TextAt(object.Value, d.field...)
	d.overrides = d.namespace != ""
	for _, kind := range []string{"secretRef", "configMapRef"} {
		if name := manifest.TextAt(object.Value, "spec", "kubeConfig", kind, "name"); name != "" {
			d.cluster = "kubeconfig " + name
		}
	}
	return d
}

// Place is a namespace to which a target is brought.
type Place struct {
	Namespace string            // what objects without one get; "" where nobody here knows it
	Overrides bool              // objects get it that have another
	Source    manifest.Position // where that is written
	By        string            // who brings it there, as messages call it: of several the first
	Once      bool              // who makes that one never changes it: where it is, it stays
}

// Deliveries are what objects tell Argo CD and Flux to bring from a repository to where.
type Deliveries struct {
	tree *tree
	all  []deployment
	of   cache.Cache[string, []string] // the clusters that a target, or a file, is for

	argoCDs argoCDs
	kept    cache.Cache[*manifest.Object, *check.Kept] // by what says it
}

// FindDeliveries finds them in targets and in files of which none of the targets is made.
func FindDeliveries(ctx context.Context, r *repo.Repo, targets []*check.Target) (*Deliveries, error) {
	t, err := look(ctx, r)
	if err != nil {
		return nil, err
	}
	all := t.each(ctx, r, t.deployments(targets, read(targets).files))
	return &Deliveries{tree: t, all: all, argoCDs: argoCDsOf(t.telling)}, ctx.Err()
}

// each has of an ApplicationSet of which all Applications can be told one deployment for each of them, with the namespace that
// it has; the rest as it is.
func (t *tree) each(ctx context.Context, r *repo.Repo, all []deployment) []deployment {
	isSet := func(o *manifest.Object) bool {
		return o != nil && o.Kind == "ApplicationSet" && o.Group() == "argoproj.io"
	}
	if !slices.ContainsFunc(all, func(d deployment) bool { return isSet(d.object) }) {
		return all
	}
	f := &finding{tree: t, own: t.ownRepositories(t.claims)}
	var err error
	if f.clusters, err = Clusters(r); err != nil {
		return all // which says so where Applications are looked for
	}
	listed := sync.OnceValues(func() ([]string, error) { return t.listFiles(ctx) })
	type made struct {
		applications []applicationset.Application
		told         bool
	}
	of := map[*manifest.Object]made{}
	var found []deployment
	for _, d := range all {
		if !isSet(d.object) {
			found = append(found, d)
			continue
		}
		m, known := of[d.object]
		if !known {
			applications, left := f.generate(ctx, d.object, listed)
			m = made{applications, len(left) == 0}
			of[d.object] = m
		}
		if !m.told {
			found = append(found, d)
			continue
		}
		for _, a := range m.applications {
			for _, field := range sourceFields(a.Value) {
				dir, isPath := clean(manifest.TextAt(a.Value, append(slices.Clone(field), "path")...))
				if real, here := t.real(dir); !isPath || !here || real != d.dir {
					continue
				}
				from := a.Field(append(slices.Clone(field), "path"))
				if patched := slices.Equal(from, manifest.Path{"spec", "templatePatch"}); !patched && !from.HasPrefix(d.field[:len(d.field)-1]) {
					continue // another template counts
				}
				one := d
				one.made = fmt.Sprintf("Application %q", manifest.TextAt(a.Value, "metadata", "name"))
				to := argoDelivery(a.Value, manifest.Path{"spec"}, field)
				one.namespaces, one.to.namespace, one.to.overrides = []string{to.namespace}, to.namespace, to.overrides
				one.to.field, one.revision = a.Field(to.field), manifest.TextAt(a.Value, append(slices.Clone(field), "targetRevision")...)
				found = append(found, one)
			}
		}
	}
	return found
}

// argoCDs is which targets render an Application, or an ApplicationSet, of which name.
type argoCDs struct {
	renders map[string][]manifest.ID // by target
	trees   map[manifest.ID][]*check.Target
}

func argoCDsOf(telling []teller) argoCDs {
	a := argoCDs{renders: map[string][]manifest.ID{}, trees: map[manifest.ID][]*check.Target{}}
	for _, one := range telling {
		if one.target != nil && one.object.Group() == "argoproj.io" {
			a.renders[one.target.Path] = append(a.renders[one.target.Path], one.object.ID)
			a.trees[one.object.ID] = append(a.trees[one.object.ID], one.target)
		}
	}
	return a
}

// rival reports another target for which fits holds, or any, that renders one of a name as a target does, where neither target is
// made of the other: an Argo CD has one of them, so each target is for one of its own.
func (a argoCDs) rival(target string, fits func(other string) bool) bool {
	isMadeOf := func(a, b *check.Target) bool { return slices.Contains(a.Reading.Layers, b.Path) }
	return slices.ContainsFunc(a.renders[target], func(id manifest.ID) bool {
		trees := a.trees[id]
		own := trees[slices.IndexFunc(trees, func(t *check.Target) bool { return t.Path == target })]
		return slices.ContainsFunc(trees, func(t *check.Target) bool {
			return t.Path != target && fits(t.Path) && !isMadeOf(t, own) && !isMadeOf(own, t)
		})
	})
}

// areRivals reports two targets that render an Application of one name each, for an Argo CD of its own.
func (d *Deliveries) areRivals(a, b string) bool {
	return d.argoCDs.rival(a, func(other string) bool { return other == b })
}

// Rivals reports whether two targets are known to be for different Argo CDs: both render an Application of one name, or they are for
// different clusters.
func (d *Deliveries) Rivals(a, b string) bool {
	if d.areRivals(a, b) {
		return true
	}
	apart, told := d.Apart(a, b)
	return told && apart
}

// isRival reports a target whose Applications are of an Argo CD of its own, beside others.
func (d *Deliveries) isRival(target string) bool {
	return d.argoCDs.rival(target, func(string) bool { return true })
}

// Add has the charts of an Application be a target of that name, which is brought to where the Application says.
func (d *Deliveries) Add(target string, a Application) {
	var field manifest.Path
	for _, s := range a.Sources {
		if s.Type == "helm" && field == nil {
			field = s.Field
		}
	}
	of := a.Object
	c := claim{by: fmt.Sprintf("Application %q", of.Name), field: field, file: a.File, object: of, locate: a.Locate, to: argoDelivery(of.Value, manifest.Path{"spec"}, field)}
	c.where.object = check.Field{Target: a.Target, Object: of, Path: field}
	d.all = append(d.all, deployment{claim: c, called: target, namespaces: []string{c.to.namespace}})
}

// real is a target as it is called without links; "" for one that leads nowhere.
func (d *Deliveries) real(target string) string {
	if slices.ContainsFunc(d.all, func(one deployment) bool { return one.called != "" && one.called == target }) {
		return target
	}
	real, _ := d.tree.real(target)
	return real
}

// namespaceName is what may be the name of a namespace.
var namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Override reports whether any of them gives objects another namespace than they have.
func (d *Deliveries) Override() bool {
	return slices.ContainsFunc(d.all, func(one deployment) bool { return one.to.overrides })
}

// Places are the namespaces that a target is brought to, each once; none where nobody brings it anywhere.
func (d *Deliveries) Places(target string) []Place {
	var places []Place
	real := d.real(target)
	for _, one := range d.all {
		if !d.brings(one, real) {
			continue
		}
		for _, namespace := range one.namespaces {
			var p Place
			if namespaceName.MatchString(namespace) {
				p = Place{Namespace: namespace, Overrides: one.to.overrides, Source: one.locate(one.to.field)}
			}
			p.By = cmp.Or(one.made, one.by)
			if one.object != nil && one.object.Kind == "ApplicationSet" {
				p.Once = !applicationset.PolicyOf(one.object.Value).Updates
			}
			if !slices.ContainsFunc(places, func(q Place) bool { return q.Namespace == p.Namespace && q.Overrides == p.Overrides }) {
				places = append(places, p)
			}
		}
	}
	return places
}

// Deployers are who brings a target to a cluster, each once; none where nobody does, or of one nobody here knows how it syncs.
func (d *Deliveries) Deployers(target string) []check.Deployer {
	return d.DeployersIn(target, "", false)
}

// DeployersIn are those of the Deployers of a target who bring it to a namespace, where it is known who does; "" is any. empty is of a
// target that has nothing to deploy.
func (d *Deliveries) DeployersIn(target, namespace string, empty bool) []check.Deployer {
	var deployers []check.Deployer
	real := d.real(target)
	there := func(one deployment) bool { return namespace == "" || slices.Contains(one.namespaces, namespace) }
	known := slices.ContainsFunc(d.all, func(one deployment) bool { return d.brings(one, real) && there(one) })
	for _, one := range d.all {
		if !d.brings(one, real) || known && !there(one) {
			continue
		}
		prunes, known := one.prunes()
		if !known {
			return nil
		}
		// https://fluxcd.io/flux/components/kustomize/kustomizations/#force
		flux := one.object.Group() == FluxGroup
		forces := flux && manifest.At(one.object.Value, "spec", "force") == true
		deployer := check.Deployer{Name: one.by, Prunes: prunes, Stays: IsFixed(one.revision) || empty && prunes && !one.mayEmpty(), Forces: forces, ServerSide: flux || one.has("ServerSideApply=true"), Argo: !flux}
		if !flux {
			deployer.Keeps, _ = d.kept.Get(one.object, func() (*check.Kept, error) { return argocd.Kept(one.object, one.spec()...), nil })
		}
		if !slices.Contains(deployers, deployer) {
			deployers = append(deployers, deployer)
		}
	}
	return deployers
}

// Outside is what a target tells Argo CD or Flux to bring to a cluster that is not of the repository, or that only Argo CD can render:
// nobody here knows its objects.
type Outside struct {
	By        string            // the object that tells it, as messages name it
	Source    manifest.Position // where it does
	Target    string            // that renders it
	Namespace string            // that it is brought to; "" where it may be to any
	Argo      bool              // Argo CD is told, which brings objects to that namespace that have none

	clusters []string
}

// Outsides are all of them, less charts, which what they are called tells something of, and less Applications that do not say to which
// namespace. What no target renders reaches no cluster, as far as anybody here knows. rendered are the targets that can be.
func (d *Deliveries) Outsides(rendered []string) []Outside {
	t := d.tree
	shown := map[string]bool{}
	for _, target := range rendered {
		shown[d.real(target)] = true
	}
	own := t.ownRepositories(t.claims)
	var all []Outside
	for _, one := range t.telling {
		if one.target == nil {
			continue
		}
		is := Outside{By: fmt.Sprintf("%s %q", one.object.Kind, one.object.Name), Target: one.target.Path}
		value, spec := one.object.Value, manifest.Path{"spec"}
		if one.object.Group() == FluxGroup {
			source, artifact := sourceOf(one.object)
			if url := t.urls[source]; t.ownSources()[source] || url == "" || !artifact && !t.isAnother(url, own) && !t.isElsewhere(source) {
				continue
			}
			to := fluxDelivery(one.object)
			is.By, is.Source, is.Namespace, is.clusters = "Flux "+is.By, one.locate(manifest.Path{"spec", "sourceRef"}), to.namespace, d.reached(to, is.Target)
			all = append(all, is)
			continue
		}
		if one.object.Kind == "ApplicationSet" {
			spec = manifest.Path{"spec", "template", "spec"}
		}
		for _, c := range sources(value, spec) {
			if c.path == "" || strings.Contains(c.repository, "{{") || !d.isOutside(value, c, own, shown) {
				continue
			}
			is.Argo, is.Source, is.Namespace = true, one.locate(c.field), manifest.TextAt(value, append(slices.Clone(spec), "destination", "namespace")...)
			if is.Namespace == "" {
				continue
			}
			if strings.Contains(is.Namespace, "{{") {
				is.Namespace = ""
			}
			is.clusters = d.reached(c.to, is.Target)
			all = append(all, is)
			break
		}
	}
	return all
}

// Unrendered is an Outside of a target that cannot be rendered, for a namespace that its objects come to.
func (d *Deliveries) Unrendered(target, namespace string) Outside {
	return Outside{By: target, Source: manifest.Position{File: target}, Target: target, Namespace: namespace, clusters: d.clustersOf(target)}
}

// isOutside reports a source of an Application of another repository, or one that only a plugin of Argo CD can render and no target shows.
func (d *Deliveries) isOutside(object any, c claim, own, shown map[string]bool) bool {
	if !own[revision.Origin(c.repository)] {
		return d.tree.isAnother(c.repository, own) || strings.HasPrefix(c.repository, "oci://")
	}
	source := manifest.At(object, c.field[:len(c.field)-1]...)
	real, here := d.tree.real(c.path)
	return manifest.At(source, "plugin") != nil && !(here && shown[real])
}

// reached are the clusters that something is brought to which a target tells, as clusters are of a target.
func (d *Deliveries) reached(to delivery, from string) []string {
	switch to.cluster {
	case anyCluster:
		return []string{anyCluster}
	case "", argoCluster:
		own := d.clustersOf(from)
		switch {
		case len(own) > 0 || to.cluster == "":
			return own
		case d.isRival(from):
			return []string{argoCluster + " " + from}
		}
	}
	return []string{to.cluster}
}

// MayReach reports whether something of the outside may be brought to a cluster that a target is for.
func (d *Deliveries) MayReach(o Outside, target string) bool {
	apart, told := d.areApart(o.clusters, d.clustersOf(target))
	return !apart || !told
}

// Namespaces are those that the objects of a target which cannot be rendered come to, as far as its kustomization or who deploys it says;
// none where they may come to any.
func (d *Deliveries) Namespaces(target string) []string {
	if node := d.tree.kustomization(d.real(target)); node != nil {
		if own := manifest.Lookup(node, "namespace"); own != nil && own.Value != "" {
			return []string{own.Value}
		}
	}
	var all []string
	for _, place := range d.Places(target) {
		if place.Namespace == "" {
			return nil
		}
		all = append(all, place.Namespace)
	}
	return all
}

// Created are the namespaces that Argo CD creates for a target, with the labels that it gives them, each as often as it is told to.
// It gives none without CreateNamespace=true: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#namespace-metadata
func (d *Deliveries) Created(target string) []check.CreatedNamespace {
	var all []check.CreatedNamespace
	real := d.real(target)
	for _, one := range d.all {
		if !d.brings(one, real) || one.object == nil || one.object.Group() != "argoproj.io" || !one.has("CreateNamespace=true") {
			continue
		}
		created := check.CreatedNamespace{
			Name: manifest.TextAt(one.object.Value, append(one.spec(), "destination", "namespace")...), Labels: map[string]string{}, By: cmp.Or(one.made, one.by),
		}
		if one.made != "" && !one.to.overrides {
			created.Name = one.to.namespace
		}
		labels, _ := manifest.At(one.object.Value, append(one.spec(), "syncPolicy", "managedNamespaceMetadata", "labels")...).(map[string]any)
		for name, value := range labels {
			if text, ok := value.(string); ok && !parameter.MatchString(name+text) {
				created.Labels[name] = text
			}
		}
		if len(created.Labels) > 0 && namespaceName.MatchString(created.Name) {
			all = append(all, created)
		}
	}
	return all
}

// Stays says why an Application that an ApplicationSet has made stays as it was, whatever the set says now; "" where it does not.
// made is whether the set makes it still.
func (d *Deliveries) Stays(set manifest.ID, made bool) string {
	o := d.told(set)
	if o == nil {
		return ""
	}
	switch policy := applicationset.PolicyOf(o.Value); {
	case made && !policy.Updates:
		return fmt.Sprintf("ApplicationSet %s changes none that is there (applicationsSync: %s): it stays as it was", set.Name, policy.Sync)
	case !made && !policy.Deletes:
		return fmt.Sprintf("ApplicationSet %s makes it no longer, and deletes none (applicationsSync: %s): it stays, and syncs on", set.Name, policy.Sync)
	}
	return ""
}

// told is an object that tells Argo CD or Flux to bring something; nil for none of that name.
func (d *Deliveries) told(id manifest.ID) *manifest.Object {
	for _, one := range d.tree.telling {
		if one.object.ID == id {
			return one.object
		}
	}
	for _, one := range d.all { // Applications that an ApplicationSet makes, of charts
		if one.object != nil && one.object.ID == id {
			return one.object
		}
	}
	return nil
}

// Leaving are who brought a target to a namespace and, as other deliveries have it, is gone or brings it elsewhere: those that
// delete what they had there.
func (d *Deliveries) Leaving(target, namespace string, after *Deliveries) []check.Deployer {
	var all []check.Deployer
	real := d.real(target)
	for _, one := range d.all {
		if d.brings(one, real) && slices.Contains(one.namespaces, namespace) && one.object != nil {
			if leaving, known := d.leaves(one, after, nil); known && leaving.Prunes && !slices.Contains(all, leaving) {
				all = append(all, leaving)
			}
		}
	}
	return all
}

// Left are who brought a target that is no more, and what becomes of what they had: other deliveries are how they are now. Of one of
// whom nobody here knows how it syncs nothing is said, nor of the others.
func (d *Deliveries) Left(target string, after *Deliveries) []check.Deployer {
	return d.left(target, after, nil)
}

// left is Left of a target that renders the last of asked, each of which deploys what renders the one before it.
func (d *Deliveries) left(target string, after *Deliveries, asked []manifest.ID) []check.Deployer {
	var all []check.Deployer
	real := d.real(target)
	for _, one := range d.all {
		if !d.brings(one, real) || one.object == nil {
			continue
		}
		left, known := d.leaves(one, after, asked)
		if is := after.told(one.object.ID); is != nil && one.called == "" && one.stillWants(is) {
			left, known = check.Deployer{Name: one.by, Stays: true}, true
		}
		if !known {
			return nil
		}
		if !slices.Contains(all, left) {
			all = append(all, left)
		}
	}
	return all
}

// leaves is what becomes of what somebody deployed who, as other deliveries have it, is gone or deploys something else; false where
// nobody here knows it.
func (d *Deliveries) leaves(one deployment, after *Deliveries, asked []manifest.ID) (leaving check.Deployer, known bool) {
	leaving.Name = one.by
	switch is := after.told(one.object.ID); {
	case is == nil:
		leaving.Prunes = danger.Cascades(one.object) && d.deleted(one, after, asked)
		if leaving.Prunes && one.object.Kind == "Application" {
			leaving.Name = "the finalizer of " + one.by
		}
	case one.object.Kind != "ApplicationSet":
		one.object = is
		leaving.Prunes, known = one.prunes()
		return leaving, known
	default:
		policy := applicationset.PolicyOf(is.Value)
		leaving.Prunes = policy.Deletes && !policy.Keeps
	}
	leaving.Cascades = leaving.Prunes && one.object.Group() != FluxGroup
	leaving.Stays = !leaving.Prunes
	return leaving, true
}

// deleted reports whether one who is gone is deleted by whoever deployed it, and not left until somebody does that. Who deployed only
// itself is left.
func (d *Deliveries) deleted(one deployment, after *Deliveries, asked []manifest.ID) bool {
	if slices.Contains(asked, one.object.ID) {
		return false
	}
	from := one.from()
	if one.where.object.Target == nil {
		from = path.Dir(from)
	}
	deployers := after.Deployers(from)
	if after.real(from) == "" {
		deployers = d.left(from, after, append(slices.Clip(asked), one.object.ID))
	}
	_, severity, ends := danger.Fate(one.object, deployers)
	return ends && severity == check.Error
}

// stillWants reports whether a directory is still to be deployed, as an object is now: Argo CD and Flux find nothing there, and leave what
// they deployed as it is. An ApplicationSet makes what it made where nothing of it differs, and none of its generators reads git.
func (d deployment) stillWants(is *manifest.Object) bool {
	if d.object.Kind == "ApplicationSet" {
		return reflect.DeepEqual(d.object.Value["spec"], is.Value["spec"]) && !readsGit(manifest.At(is.Value, "spec", "generators"))
	}
	return reflect.DeepEqual(manifest.At(d.object.Value, d.field...), manifest.At(is.Value, d.field...))
}

// readsGit reports a generator of directories or files of git, also within others.
func readsGit(generators any) bool {
	switch v := generators.(type) {
	case map[string]any:
		_, git := v["git"]
		return git || slices.ContainsFunc(slices.Collect(maps.Values(v)), readsGit)
	case []any:
		return slices.ContainsFunc(v, readsGit)
	}
	return false
}

// prunes reports whether what deploys deletes by itself what the repository has no longer.
func (d deployment) prunes() (prunes, known bool) {
	switch {
	case d.object == nil:
		return false, false
	case d.object.Group() == FluxGroup:
		return manifest.At(d.object.Value, "spec", "prune") == true, true
	case d.object.Kind == "ApplicationSet":
		if !d.field.HasPrefix(d.spec()) || manifest.TextAt(d.object.Value, "spec", "templatePatch") != "" {
			return false, false // which may say otherwise
		}
	}
	spec := d.spec()
	if manifest.SkipsReconcile(manifest.At(d.object.Value, spec[:len(spec)-1]...)) {
		return false, true
	}
	policy := manifest.At(d.object.Value, append(spec, "syncPolicy")...)
	automated, is := manifest.At(policy, "automated").(map[string]any)
	return is && automated["enabled"] != false && automated["prune"] == true && !slices.Contains(manifest.ListAt(policy, "syncOptions"), any("Prune=false")), true
}

// mayEmpty reports whether one who prunes does so where its target has nothing any more: an Application that has nothing else refuses
// to, unless it is told otherwise.
func (d deployment) mayEmpty() bool {
	spec := manifest.At(d.object.Value, d.spec()...)
	return d.object.Group() == FluxGroup || manifest.At(spec, "syncPolicy", "automated", "allowEmpty") == true || len(manifest.ListAt(spec, "sources")) > 1
}

// spec is where an Application, or what makes some, says how it syncs.
func (d deployment) spec() manifest.Path {
	if d.object.Kind == "ApplicationSet" {
		return manifest.Path{"spec", "template", "spec"}
	}
	return manifest.Path{"spec"}
}

// has reports whether an Application, or what makes some, has a sync option.
func (d deployment) has(option string) bool {
	return slices.Contains(manifest.ListAt(d.object.Value, append(d.spec(), "syncPolicy", "syncOptions")...), any(option))
}

// brings reports whether a deployment has a target as it is, called without links: of a directory without a kustomization Flux
// takes the roots below it. "" is a target that leads nowhere.
func (d *Deliveries) brings(one deployment, real string) bool {
	switch {
	case real == "":
		return false
	case one.called != "":
		return one.called == real
	case one.dir == real:
		return true
	}
	return one.recursive && !one.plainly && d.tree.roots[one.dir] == "" && below(one.dir, real) && !d.tree.rootBetween(one.dir, path.Dir(real))
}

func below(dir, name string) bool { return dir == "." || strings.HasPrefix(name, dir+"/") }

// Apart reports whether two targets are for different clusters, where what deploys them, or the directory of a cluster that
// this lies in, tells.
func (d *Deliveries) Apart(a, b string) (apart, told bool) {
	return d.areApart(d.clustersOf(a), d.clustersOf(b))
}

// areApart is Apart of the clusters of two.
func (d *Deliveries) areApart(of, with []string) (apart, told bool) {
	if len(of) == 0 || len(with) == 0 {
		return false, false
	}
	for _, one := range of {
		for _, other := range with {
			kind, which, _ := strings.Cut(one, " ")
			also, what, _ := strings.Cut(other, " ")
			switch {
			case one == other && (one == argoCluster || one == anyCluster):
				return false, false // there may be two of them
			case one == other:
				return false, true
			case kind == also && kind == argoCluster && !d.areRivals(which, what):
				return false, false // of one Argo CD, for all that is known
			case kind == also:
			case kind == argoCluster && registered(also), also == argoCluster && registered(kind):
			default:
				return false, false // one cluster may be written in two ways
			}
		}
	}
	return true, true
}

// registered is how Argo CD knows the clusters that it does not run in.
func registered(kind string) bool { return kind == "server" || kind == "name" }

// clustersOf are the clusters of a target or a file. Every pair of targets may be asked about.
func (d *Deliveries) clustersOf(name string) []string {
	found, _ := d.of.Get(name, func() ([]string, error) { return d.clusters(name, nil), nil })
	return found
}

// clusters are those that a target, or a file, is for, each by what tells it from others. seen are those asked about already.
func (d *Deliveries) clusters(name string, seen []string) []string {
	if slices.Contains(seen, name) {
		return nil
	}
	seen = append(seen, name)
	var found []string
	add := func(clusters ...string) {
		for _, c := range clusters {
			if !slices.Contains(found, c) {
				found = append(found, c)
			}
		}
	}
	toArgo, toAny := false, false
	real := d.real(name)
	for _, one := range d.all {
		inIt := one.called == "" && below(one.dir, name) && (one.recursive || real == "" && path.Dir(name) == one.dir)
		if !d.brings(one, real) && !inIt {
			continue
		}
		var own []string // where what deploys it is
		if from := one.from(); from != "" && !below(one.dir, from) && (one.to.cluster == "" || one.to.cluster == argoCluster) {
			own = d.clusters(from, seen)
		}
		switch {
		case one.to.cluster == anyCluster, slices.Contains(own, anyCluster):
			toAny = true
		case one.to.cluster == argoCluster && len(own) == 0:
			if tree := one.from(); d.isRival(tree) {
				add(argoCluster + " " + tree)
			} else {
				toArgo = true
			}
		case one.to.cluster == "" || one.to.cluster == argoCluster:
			add(own...)
		default:
			add(one.to.cluster)
		}
	}
	if len(found) == 0 {
		if dir := d.clusterDirectory(name); dir != "" {
			return []string{"directory " + dir}
		}
	}
	if toArgo {
		add(argoCluster)
	}
	if toAny {
		return []string{anyCluster}
	}
	return found
}

// from is the target that renders what deploys it, or the file of no target that holds it.
func (d deployment) from() string {
	if d.where.object.Target != nil {
		return d.where.object.Target.Path
	}
	return d.file
}

// clusterDirectory is the directory of a cluster that a file or a directory lies in: one of those below a directory called so,
// or what a Flux Kustomization that lies there deploys.
func (d *Deliveries) clusterDirectory(name string) string {
	steps := strings.Split(name, "/")
	for i, step := range steps {
		if step != "clusters" || i+1 >= len(steps) || slices.Contains([]string{"all", "base", "common", "components", "shared"}, steps[i+1]) {
			continue
		}
		if dir := path.Join(steps[:i+2]...); d.tree.walked[dir] {
			return dir
		}
	}
	for _, one := range d.all {
		if from := one.from(); one.recursive && !one.plainly && one.dir != "." && from != "" && below(one.dir, from) && (one.dir == name || below(one.dir, name)) {
			return one.dir
		}
	}
	return ""
}
