package danger

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/applicationset"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

var deliveryMoved = &check.Check{
	Name:  "danger/delivery-moved",
	Title: "Nothing that deploys is removed, sent elsewhere or set free",
	Doc: "An Application with Argo CD's finalizer takes with it all that it deployed, and so does a Flux Kustomization that prunes, or a HelmRelease. Renamed, it " +
		"takes it away and brings it back, without its data. A destination, a project or a source that changes leaves what was deployed where it is, prunes it, or moves it into the hands of others. " +
		"A sync that becomes automatic, or that prunes from now on, does at once what waited for a person. Not told is what deletes and moves nothing: a sync that becomes manual or is disabled, another revision, be it fixed in place of a branch, and a finalizer that goes.",
	Fix:      "Take the finalizer away in a change before (or set deletionPolicy: Orphan), keep names, and move a destination by deploying to both. Exempt a removal that is meant.",
	Severity: check.Error, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/",
		"https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Application-Deletion/",
		"https://fluxcd.io/flux/components/kustomize/kustomizations/#deletion-policy",
	},
	Was: deliveryMovedWas, Bad: deliveryMovedBad, Good: deliveryMovedGood,
	Run: each(lookForDeliveries),
}

const (
	argoGroup = "argoproj.io"
	fluxGroup = "kustomize.toolkit.fluxcd.io"
	helmGroup = "helm.toolkit.fluxcd.io"
)

func isDelivery(o *manifest.Object) bool {
	return is(o, argoGroup, "Application") || is(o, argoGroup, "ApplicationSet") || is(o, fluxGroup, "Kustomization") || is(o, helmGroup, "HelmRelease")
}

// Cascades reports whether what a delivery deployed goes with it: an Application, an ApplicationSet, a Kustomization of Flux or a
// HelmRelease.
func Cascades(o *manifest.Object) bool {
	switch o.Kind {
	case "Application":
		keeps := slices.Contains(manifest.ListAt(o.Value, "spec", "syncPolicy", "syncOptions"), any("Delete=false"))
		return !keeps && !manifest.SkipsReconcile(o.Value) && slices.ContainsFunc(manifest.ListAt(o.Value, "metadata", "finalizers"), manifest.IsResourcesFinalizer)
	case "ApplicationSet": // which owns its Applications, and gives them the finalizer
		return !applicationset.PolicyOf(o.Value).Keeps
	case "Kustomization":
		policy := manifest.TextAt(o.Value, "spec", "deletionPolicy")
		return manifest.At(o.Value, "spec", "prune") == true && policy != "Orphan" || policy == "Delete"
	}
	return true // a HelmRelease, which is uninstalled
}

func lookForDeliveries(s *scene) {
	for _, o := range s.removed() {
		how, severity, ends := s.fate(o)
		switch {
		case !isDelivery(o) || !ends:
		case Cascades(o):
			s.gone(severity, o, nil, "everything that it deploys is deleted: %s %s: %s, with what it deployed", title(o), s.becomes(o), how)
		case s.successor(o) == nil:
			s.gone(check.Warning, o, nil, "nobody deploys it any more: %s %s: what it deployed stays, and nobody keeps it", title(o), s.becomes(o))
		}
	}
	for _, g := range s.before.Generated {
		s.generated(g)
	}
	for _, p := range s.changed() {
		if !isDelivery(p.New) || !known(p, fields("spec"), fields("spec")) {
			continue
		}
		spec := fields("spec")
		if p.New.Kind == "ApplicationSet" {
			spec = fields("spec", "template", "spec")
		}
		if p.New.Group() == argoGroup {
			s.application(p, spec)
		} else {
			s.flux(p)
		}
	}
}

// generated looks for Applications that an ApplicationSet, which stays, makes otherwise or no longer: for another name, another element or
// a file that its generators read. What becomes of those its policy says.
func (s *scene) generated(p check.GeneratedPair) {
	switch {
	case p.Old == nil:
		return
	case p.New != nil:
		s.generatedMoved(p)
		return
	}
	spec := func(o *manifest.Object) []any {
		return []any{manifest.At(o.Value, "spec", "source"), manifest.At(o.Value, "spec", "sources"), manifest.At(o.Value, "spec", "destination")}
	}
	path, becomes := fields("spec", "generators"), "is made no longer"
	for _, other := range s.before.Generated {
		if other.Set == p.Set && other.Old == nil && equal(spec(other.New), spec(p.Old)) {
			path, becomes = fields("spec", "template", "metadata", "name"), fmt.Sprintf("is renamed: %s → %s", p.Old.Name, other.New.Name)
		}
	}
	what := fmt.Sprintf("%s of %s", title(p.Old), title(p.Set))
	switch policy := applicationset.PolicyOf(p.Set.Value); {
	case !policy.Deletes:
		s.as(check.Warning, p.Set, path, "nobody makes it any more: %s %s, and none is deleted (applicationsSync: %s): it stays, and syncs on", what, becomes, policy.Sync)
	case Cascades(p.Old):
		s.at(p.Set, path, "everything that it deploys is deleted: %s %s: it is deleted, with what it deployed", what, becomes)
	default:
		s.as(check.Warning, p.Set, path, "nobody deploys it any more: %s %s: it is deleted, what it deployed stays, and nobody keeps it", what, becomes)
	}
}

// generatedMoved looks for fields of an Application that have another value by what a generator says of it, or a templatePatch. What the
// template itself says otherwise is told there, once for all Applications.
func (s *scene) generatedMoved(p check.GeneratedPair) {
	if !applicationset.PolicyOf(p.Set.Value).Updates {
		return // it stays as it was
	}
	at, spec := fields("spec", "generators"), fields("spec")
	template := func(manifest.Path) bool { return false } // whether it says a field otherwise than before
	for _, set := range s.changed() {
		if !same(set.New, p.Set) {
			continue
		}
		differs := func(path manifest.Path) bool {
			return !equal(manifest.At(set.Old.Value, path...), manifest.At(set.New.Value, path...))
		}
		template = func(path manifest.Path) bool { return differs(below(fields("spec", "template"), path...)) }
		if patch := fields("spec", "templatePatch"); differs(patch) && !differs(at) {
			at = patch
		}
	}
	what := fmt.Sprintf("%s of %s", title(p.New), title(p.Set))
	for _, field := range applicationFields(p.New, spec) {
		if old, new, moved := s.moved(p.Old, p.New, field); moved && !template(field.path) {
			s.as(check.Warning, p.Set, at, "%s: %s has %s: %s → %s", field.what, what, field.path, shown(old), shown(new))
		}
	}
	path := below(spec, "syncPolicy", "automated")
	if freed, _ := freedom(automated(p.Old, path), automated(p.New, path)); freed != "" && !template(path) {
		s.as(check.Warning, p.Set, at, "no person is waited for: %s %s", what, freed)
	}
}

// moves reports a path of a source that follows the directory to where the same change moves it: it deploys what it deployed, and
// what of that changes is told of the directory.
func (s *scene) moves(field manifest.Path, old, new string) bool {
	clean := func(dir string) string { return strings.TrimPrefix(folder(dir), "/") }
	return s.before.Moved != nil && len(field) > 0 && field[len(field)-1] == "path" && s.before.Moved(clean(new)) == clean(old)
}

// applicationField is a field that says what an Application deploys, and to where.
type applicationField struct {
	path manifest.Path
	what string              // another value means
	as   func(string) string // gives one spelling to texts that say one thing
}

func plain(text string) string { return text }

// applicationFields are those of an Application, or of the template of some, whose spec is at a path.
func applicationFields(o *manifest.Object, spec manifest.Path) []applicationField {
	const elsewhere, other = "deployed elsewhere, and what was deployed is left or pruned", "deploys something else"
	repository := repository
	if manifest.At(o.Value, below(spec, "source", "chart")...) != nil {
		repository = func(url string) string { return strings.TrimRight(url, "/") } // of charts, which a server tells by case
	}
	return []applicationField{
		{below(spec, "destination", "server"), elsewhere, plain},
		{below(spec, "destination", "name"), elsewhere, plain},
		{below(spec, "destination", "namespace"), elsewhere, plain},
		{below(spec, "project"), "in the hands of another project", func(name string) string { return cmp.Or(name, "default") }},
		{below(spec, "source", "chart"), other, plain},
		{below(spec, "source", "path"), other, folder},
		{below(spec, "source", "repoURL"), other, repository},
	}
}

// moved is what a field was and is; false where it says the same. What is set for the first time, or no longer, may say the same in
// other words, as a server does for a name.
func (s *scene) moved(before, after *manifest.Object, field applicationField) (old, new any, moved bool) {
	old, new = manifest.At(before.Value, field.path...), manifest.At(after.Value, field.path...)
	was, isText := old.(string)
	is, areTexts := new.(string)
	alike := isText && areTexts && (field.as(was) == field.as(is) || s.moves(field.path, was, is))
	return old, new, old != nil && new != nil && !equal(old, new) && !alike
}

// fieldMoved reports a field that has another value.
func (s *scene) fieldMoved(p check.Pair, field applicationField) {
	if old, new, moved := s.moved(p.Old, p.New, field); moved {
		s.as(check.Warning, p.New, field.path, "%s: %s has %s: %s → %s", field.what, title(p.New), field.path, shown(old), shown(new))
	}
}

func (s *scene) application(p check.Pair, spec manifest.Path) {
	made, told := s.made(p.New)
	// A template may say in other words what comes to the same Applications, and of a set that changes none they stay as they were.
	stay := p.New.Kind == "ApplicationSet" && !applicationset.PolicyOf(p.New.Value).Updates
	comes := func(of func(check.GeneratedPair) bool) bool { return !stay && (!told || slices.ContainsFunc(made, of)) }
	for i, field := range applicationFields(p.New, spec) {
		moves := func(g check.GeneratedPair) bool {
			_, _, moved := s.moved(g.Old, g.New, applicationFields(g.New, fields("spec"))[i])
			return moved
		}
		if comes(moves) {
			s.fieldMoved(p, field)
		}
	}
	path, at := below(spec, "syncPolicy", "automated"), fields("spec", "syncPolicy", "automated")
	frees := func(g check.GeneratedPair) bool {
		freed, _ := freedom(automated(g.Old, at), automated(g.New, at))
		return freed != ""
	}
	if freed, field := freedom(automated(p.Old, path), automated(p.New, path)); freed != "" && comes(frees) {
		s.as(check.Warning, p.New, below(path, field...), "no person is waited for: %s %s", title(p.New), freed)
	}
	s.atStake(p)
}

// made are the Applications that an ApplicationSet makes before a change and after it; false where nobody here can tell all of them.
func (s *scene) made(set *manifest.Object) (both []check.GeneratedPair, told bool) {
	for _, g := range s.before.Generated {
		if same(g.Set, set) {
			if told = true; g.Old != nil && g.New != nil {
				both = append(both, g)
			}
		}
	}
	return both, told
}

// atStake reports an Application that from now on takes along what it deployed, or an ApplicationSet whose Applications do.
func (s *scene) atStake(p check.Pair) {
	set := p.New.Kind == "ApplicationSet"
	finalizers, preserve := fields("metadata", "finalizers"), fields("spec", "syncPolicy", "preserveResourcesOnDeletion")
	if set {
		finalizers = fields("spec", "template", "metadata", "finalizers")
	}
	has := func(o *manifest.Object) bool {
		return slices.ContainsFunc(manifest.ListAt(o.Value, finalizers...), manifest.IsResourcesFinalizer)
	}
	switch {
	case !set && (p.New.Kind != "Application" || has(p.Old) || !has(p.New)), set && (Cascades(p.Old) || !Cascades(p.New)):
	case !set:
		s.as(check.Warning, p.New, finalizers, "more at stake: what %s deployed goes with it from now on: no finalizer → %s", title(p.New), manifest.ResourcesFinalizer)
	case has(p.New):
		s.as(check.Warning, p.New, finalizers, "more at stake: what Applications of %s deployed goes with them from now on: no finalizer → %s", title(p.New), manifest.ResourcesFinalizer)
	case manifest.At(p.Old.Value, preserve...) == true:
		s.as(check.Warning, p.New, preserve, "more at stake: what Applications of %s deployed goes with them from now on: %s: true → %s", title(p.New), preserve, shown(manifest.At(p.New.Value, preserve...)))
	default:
		s.as(check.Warning, p.New, finalizers, "more at stake: what Applications of %s deployed goes with them from now on: its template names no finalizer any more, and the controller gives them %s", title(p.New), manifest.ResourcesFinalizer)
	}
}

// repository is a repository of git, whichever way leads there.
func repository(url string) string {
	at := revision.Origin(url)
	if _, rest, found := strings.Cut(at, "://"); found {
		at = rest
	}
	if user, rest, found := strings.Cut(at, "@"); found && !strings.Contains(user, "/") {
		at = rest
	}
	return at
}

// folder is a path in a repository: ./a is a.
func folder(name string) string { return path.Clean("/" + name) }

// automation is how an Application syncs.
type automation struct{ on, prunes bool }

func automated(o *manifest.Object, path manifest.Path) automation {
	content, on := manifest.At(o.Value, path...).(map[string]any)
	on = on && content["enabled"] != false
	return automation{on, on && content["prune"] == true}
}

// freedom is what an Application does by itself that waited for a person before, and the field below its automation that says so; ""
// for nothing.
func freedom(old, new automation) (freed string, field manifest.Path) {
	switch {
	case new.on && !old.on:
		return "syncs by itself: manual → automated", nil
	case new.prunes && !old.prunes:
		return "deletes by itself what the repository has no longer: prune: false → true", fields("prune")
	}
	return "", nil
}

func (s *scene) flux(p check.Pair) {
	const elsewhere, other = "deployed elsewhere, and what was deployed is left or pruned", "deploys something else"
	for _, field := range []applicationField{
		{fields("spec", "targetNamespace"), elsewhere, plain},
		{fields("spec", "kubeConfig", "secretRef", "name"), elsewhere, plain},
		{fields("spec", "storageNamespace"), elsewhere, plain},
		{fields("spec", "releaseName"), elsewhere, plain},
		{fields("spec", "path"), other, folder},
		{fields("spec", "sourceRef", "name"), other, plain},
		{fields("spec", "chart", "spec", "chart"), other, plain},
	} {
		s.fieldMoved(p, field)
	}
	on := func(o *manifest.Object, field string) bool { return manifest.At(o.Value, "spec", field) == true }
	if on(p.Old, "suspend") && !on(p.New, "suspend") {
		s.as(check.Warning, p.New, fields("spec", "suspend"), "no person is waited for: %s syncs by itself: spec.suspend: true → %s", title(p.New), shown(manifest.At(p.New.Value, "spec", "suspend")))
	}
	if p.New.Kind == "Kustomization" && on(p.New, "prune") && !on(p.Old, "prune") {
		s.as(check.Warning, p.New, fields("spec", "prune"), "no person is waited for: %s deletes by itself what the repository has no longer: spec.prune: false → true", title(p.New))
	}
}
