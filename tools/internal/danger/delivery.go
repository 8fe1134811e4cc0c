package danger

import (
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
		"A sync that becomes automatic, or that prunes from now on, does at once what waited for a person.",
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
		return !manifest.SkipsReconcile(o.Value) && slices.ContainsFunc(manifest.ListAt(o.Value, "metadata", "finalizers"), manifest.IsResourcesFinalizer)
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

// generated looks for Applications that an ApplicationSet, which stays, makes no longer: for another name, another element or a file
// that its generators read. What becomes of them its policy says.
func (s *scene) generated(p check.GeneratedPair) {
	if p.New != nil || p.Old == nil {
		if p.New != nil && p.Old != nil {
			s.generatedMoved(p)
		}
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

// generatedMoved looks for fields of an Application that have another value by what a generator says of it. What the template says
// otherwise is told there, once for all Applications.
func (s *scene) generatedMoved(p check.GeneratedPair) {
	if !applicationset.PolicyOf(p.Set.Value).Updates {
		return // it stays as it was
	}
	var set *check.Pair
	for _, pair := range s.changed() {
		if same(pair.New, p.Set) {
			set = &pair
		}
	}
	template := func(path manifest.Path) bool { // it says the field otherwise than before
		return set != nil && !equal(manifest.At(set.Old.Value, below(fields("spec", "template"), path...)...), manifest.At(set.New.Value, below(fields("spec", "template"), path...)...))
	}
	what, at := fmt.Sprintf("%s of %s", title(p.New), title(p.Set)), fields("spec", "generators")
	for _, field := range applicationFields() {
		old, new := manifest.TextAt(p.Old.Value, field.path...), manifest.TextAt(p.New.Value, field.path...)
		if old != "" && new != "" && field.as(old) != field.as(new) && !template(field.path) && !s.moves(field.path, old, new) {
			s.as(check.Warning, p.Set, at, "%s: %s has %s: %s → %s", field.what, what, field.path, old, new)
		}
	}
	path := fields("spec", "syncPolicy", "automated")
	if old, new := automated(p.Old, path), automated(p.New, path); !template(path) {
		switch {
		case new.on && !old.on:
			s.as(check.Warning, p.Set, at, "no person is waited for: %s syncs by itself: manual → automated", what)
		case new.prunes && !old.prunes:
			s.as(check.Warning, p.Set, at, "no person is waited for: %s deletes by itself what the repository has no longer: prune: false → true", what)
		}
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

func applicationFields() []applicationField {
	const elsewhere, other = "deployed elsewhere, and what was deployed is left or pruned", "deploys something else"
	plain := func(text string) string { return text }
	return []applicationField{
		{fields("spec", "destination", "server"), elsewhere, plain},
		{fields("spec", "destination", "name"), elsewhere, plain},
		{fields("spec", "destination", "namespace"), elsewhere, plain},
		{fields("spec", "project"), "in the hands of another project", plain},
		{fields("spec", "source", "chart"), other, plain},
		{fields("spec", "source", "path"), other, folder},
		{fields("spec", "source", "repoURL"), other, repository},
	}
}

// fieldMoved reports a field that has another value. What is set for the first time, or no longer, may say the same in other words,
// as a server does for a name.
func (s *scene) fieldMoved(p check.Pair, path manifest.Path, what string) {
	s.spelt(p, path, what, func(text string) string { return text })
}

// spelt is the same of texts that say one thing in several spellings: as gives them one.
func (s *scene) spelt(p check.Pair, path manifest.Path, what string, as func(string) string) {
	old, new := manifest.At(p.Old.Value, path...), manifest.At(p.New.Value, path...)
	was, isText := old.(string)
	is, areTexts := new.(string)
	if old != nil && new != nil && !equal(old, new) && !(isText && areTexts && (as(was) == as(is) || s.moves(path, was, is))) {
		s.as(check.Warning, p.New, path, "%s: %s has %s: %s → %s", what, title(p.New), path, shown(old), shown(new))
	}
}

func (s *scene) application(p check.Pair, spec manifest.Path) {
	for _, field := range []string{"server", "name", "namespace"} {
		s.fieldMoved(p, below(spec, "destination", field), "deployed elsewhere, and what was deployed is left or pruned")
	}
	s.fieldMoved(p, below(spec, "project"), "in the hands of another project")
	const what = "deploys something else"
	s.fieldMoved(p, below(spec, "source", "chart"), what)
	s.spelt(p, below(spec, "source", "path"), what, folder)
	repository := repository
	if manifest.At(p.New.Value, below(spec, "source", "chart")...) != nil {
		repository = func(url string) string { return strings.TrimRight(url, "/") } // of charts, which a server tells by case
	}
	s.spelt(p, below(spec, "source", "repoURL"), what, repository)
	path := below(spec, "syncPolicy", "automated")
	old, new := automated(p.Old, path), automated(p.New, path)
	switch {
	case new.on && !old.on:
		s.as(check.Warning, p.New, path, "no person is waited for: %s syncs by itself: manual → automated", title(p.New))
	case new.prunes && !old.prunes:
		s.as(check.Warning, p.New, below(path, "prune"), "no person is waited for: %s deletes by itself what the repository has no longer: prune: false → true", title(p.New))
	}
	s.atStake(p)
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

func (s *scene) flux(p check.Pair) {
	for _, path := range []manifest.Path{fields("spec", "targetNamespace"), fields("spec", "kubeConfig", "secretRef", "name"), fields("spec", "storageNamespace"), fields("spec", "releaseName")} {
		s.fieldMoved(p, path, "deployed elsewhere, and what was deployed is left or pruned")
	}
	s.spelt(p, fields("spec", "path"), "deploys something else", folder)
	for _, path := range []manifest.Path{fields("spec", "sourceRef", "name"), fields("spec", "chart", "spec", "chart")} {
		s.fieldMoved(p, path, "deploys something else")
	}
	on := func(o *manifest.Object, field string) bool { return manifest.At(o.Value, "spec", field) == true }
	if on(p.Old, "suspend") && !on(p.New, "suspend") {
		s.as(check.Warning, p.New, fields("spec", "suspend"), "no person is waited for: %s syncs by itself: spec.suspend: true → %s", title(p.New), shown(manifest.At(p.New.Value, "spec", "suspend")))
	}
	if p.New.Kind == "Kustomization" && on(p.New, "prune") && !on(p.Old, "prune") {
		s.as(check.Warning, p.New, fields("spec", "prune"), "no person is waited for: %s deletes by itself what the repository has no longer: spec.prune: false → true", title(p.New))
	}
}
