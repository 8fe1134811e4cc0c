package argocd

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// application is one source of an Application that is a target of the run, or a part of one.
type application struct {
	target  *check.Target // that it is rendered in
	object  *manifest.Object
	at      manifest.Path // of the source
	deploys *check.Target
	whole   bool // the target, and not a part of it

	repository string // its revision.Origin
}

func (a application) text(steps ...any) string { return manifest.TextAt(a.object.Value, steps...) }

func (a application) title() string { return fmt.Sprintf("Application %q", a.object.Name) }

// has reports whether the Application has a sync option.
func (a application) has(option string) bool {
	return slices.Contains(manifest.ListAt(a.object.Value, "spec", "syncPolicy", "syncOptions"), any(option))
}

// changes reports whether the Application changes what it deploys, or deploys what kgate does not render.
func (a application) changes() bool {
	source, _ := manifest.At(a.object.Value, a.at...).(map[string]any)
	for _, name := range []string{"kustomize", "helm", "plugin", "directory", "chart"} {
		if source[name] != nil {
			return true
		}
	}
	return false
}

// cluster is what tells the cluster of the Application from others; "" where it does not say.
func (a application) cluster() string {
	name, server := a.text("spec", "destination", "name"), strings.TrimRight(a.text("spec", "destination", "server"), "/")
	if server == "https://kubernetes.default.svc" {
		return inCluster
	}
	return cmp.Or(name, server)
}

// inCluster is what Argo CD calls the cluster that it runs in.
const inCluster = "in-cluster"

// deploys reports an Application, or what makes some.
func deploys(o *manifest.Object) bool { return is(o, "Application") || is(o, "ApplicationSet") }

// applications are those whose paths are targets of the run, or parts of one. Where they are of several repositories, nobody
// knows which of these the targets are of.
func applications(targets []*check.Target) []application {
	var found []application
	for _, target := range targets {
		for _, object := range target.WithGenerated() {
			if !is(object, "Application") || !object.Applied() {
				continue
			}
			places := []manifest.Path{{"spec", "source"}}
			if several := manifest.ListAt(object.Value, "spec", "sources"); len(several) > 0 {
				places = nil
				for i := range several {
					places = append(places, manifest.Path{"spec", "sources", i})
				}
			}
			for _, place := range places {
				text := manifest.TextAt(object.Value, below(place, "path")...)
				if text == "" {
					continue
				}
				repository := revision.Origin(manifest.TextAt(object.Value, below(place, "repoURL")...))
				dir := path.Clean(text)
				for _, deployed := range targets {
					if dir == deployed.Path || strings.HasPrefix(dir, deployed.Path+"/") {
						found = append(found, application{target, object, place, deployed, dir == deployed.Path, repository})
					}
				}
			}
		}
	}
	if slices.ContainsFunc(found, func(a application) bool { return a.repository != found[0].repository }) {
		return nil
	}
	return found
}

// annotationLimit is what the API server takes of annotations together, names and values: TotalAnnotationSizeLimitB of
// k8s.io/apimachinery/pkg/api/validation.
const annotationLimit = 256 * 1024

// applySize is about objects that are too large to be applied as Argo CD does it unless it is told to do it server-side.
var applySize = &check.Check{
	Name:  "gitops/apply-size",
	Title: "What is too large for an annotation is applied server-side",
	Doc: "Without ServerSideApply=true Argo CD applies as `kubectl apply` does: it writes the whole object into its annotation " +
		"kubectl.kubernetes.io/last-applied-configuration. The API server takes 262144 bytes of annotations, and refuses the object otherwise: " +
		"metadata.annotations: Too long. The sync fails, and with it that of all other objects of its wave. It happens with dashboards in a " +
		"ConfigMap and with large definitions.",
	Fix:        "Add ServerSideApply=true to spec.syncPolicy.syncOptions of the Application or to the object's annotation argocd.argoproj.io/sync-options, or make the object smaller.",
	Severity:   check.Error,
	Scope:      check.Repository,
	Origin:     "kgate",
	References: []string{"https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#server-side-apply", source("gitops-engine/pkg/sync/sync_context.go")},
	Sees:       func(o *manifest.Object) bool { return deploys(o) || len(o.JSON) > annotationLimit/2 },
	Bad:        applySizeExample("[Prune=false]"),
	Good:       applySizeExample("[ServerSideApply=true]"),
	Run:        runApplySize,
}

func runApplySize(_ context.Context, pass *check.Pass) error {
	deploying := map[*check.Target][]application{}
	for _, a := range applications(pass.Targets) {
		deploying[a.deploys] = append(deploying[a.deploys], a)
	}
	for _, target := range pass.Targets {
		of := deploying[target]
		if len(of) == 0 || slices.ContainsFunc(of, func(a application) bool { return a.has("ServerSideApply=true") || a.has("Replace=true") }) {
			continue
		}
		var with []check.Field
		for _, a := range of {
			with = append(with, check.Field{Target: a.target, Object: a.object, Path: manifest.Path{"spec", "syncPolicy", "syncOptions"}})
		}
		for _, object := range target.Applied() {
			size := len(object.JSON)
			annotations, _ := manifest.At(object.Value, "metadata", "annotations").(map[string]any)
			for key, value := range annotations {
				text, _ := value.(string)
				size += len(key) + len(text)
			}
			own, _ := annotations[syncOptionsKey].(string)
			list := manifest.Listed(own)
			if size <= annotationLimit || object.Name == "" || len(object.Unknown) > 0 || slices.Contains(list, "ServerSideApply=true") || slices.Contains(list, "Replace=true") {
				continue
			}
			pass.Report(target, object, manifest.Path{"metadata", "name"}, fmt.Sprintf(
				"%s %q is of %d bytes, and its Application has no ServerSideApply=true: Argo CD writes all of it into an annotation, and the API server takes %d bytes of annotations",
				object.Kind, object.Name, len(object.JSON), annotationLimit), with...)
		}
	}
	return nil
}

// objectOwner is about objects that two Applications claim.
var objectOwner = &check.Check{
	Name:  "gitops/object-owner",
	Title: "No object is of two Applications",
	Doc: "An object knows one Application that it is of. Where two of them bring the same object to the same cluster, each sync takes it from the " +
		"other, one of them is OutOfSync at any time, and the one that drops it deletes it for both. With FailOnSharedResource=true the sync of the " +
		"second one fails instead.",
	Fix:        "Take the object out of one of the two.",
	Severity:   check.Error,
	Scope:      check.Repository,
	Origin:     "kgate",
	References: []string{"https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#fail-the-sync-if-a-shared-resource-is-found", source("controller/sync.go")},
	Sees:       func(o *manifest.Object) bool { return deploys(o) || !o.Applied() },
	Bad:        objectOwnerExample("one"),
	Good:       objectOwnerExample("two"),
	Run:        runObjectOwner,
}

// owned is an object in a cluster.
type owned struct{ cluster, group, kind, namespace, name string }

// apart reports whether two Applications that call their cluster alike mean different ones: each Argo CD has one that it calls
// in-cluster, and names for the others. A URL is the same to all.
func (a application) apart(pass *check.Pass, from application) bool {
	if cluster := a.cluster(); cluster != inCluster && a.text("spec", "destination", "name") == "" {
		return false
	}
	return pass.Apart(a.target, from.target)
}

func runObjectOwner(_ context.Context, pass *check.Pass) error {
	owners := map[owned][]application{}     // the first one of each cluster
	twice := map[[2]*manifest.Object]bool{} // of these, the first object tells of all
	for _, a := range applications(pass.Targets) {
		cluster := a.cluster()
		if !a.whole || a.changes() || cluster == "" {
			continue
		}
		for _, object := range a.deploys.Applied() {
			if object.Name == "" {
				continue
			}
			key := owned{cluster, object.Group(), object.Kind, object.Namespace, object.Name}
			switch {
			case relation.Known().IsOfCluster(key.group, key.kind):
				key.namespace = ""
			case key.namespace == "" || a.deploys.Lent[object]:
				key.namespace = a.text("spec", "destination", "namespace")
			}
			i := slices.IndexFunc(owners[key], func(other application) bool { return !a.apart(pass, other) })
			if i < 0 {
				owners[key] = append(owners[key], a)
				continue
			}
			other := owners[key][i]
			pair := [2]*manifest.Object{other.object, a.object}
			switch {
			case other.object == a.object && other.deploys == a.deploys, twice[pair]:
				continue
			case other.deploys == a.deploys:
				twice[pair] = true
				what := "its objects"
				if len(a.deploys.Lent) > 0 {
					what = object.ID.String()
				}
				pass.Report(a.target, a.object, below(a.at, "path"), fmt.Sprintf(
					"%s and %s both deploy %s to cluster %q: each sync takes %s from the other", other.title(), a.title(), a.deploys.Path, cluster, what))
				continue
			case other.object == a.object:
				continue // two sources of one Application: the last one counts
			}
			severity := check.Warning
			if a.has("FailOnSharedResource=true") || other.has("FailOnSharedResource=true") {
				severity = check.Error
			}
			pass.ReportAs(severity, a.deploys, object, manifest.Path{"metadata", "name"}, fmt.Sprintf(
				"%s is of %s, and %s brings it to cluster %q as well, from %s", object.ID, a.title(), other.title(), cluster, other.deploys.Path))
		}
	}
	return nil
}

// applySizeExample has 16 rows of 16 panels of 16 queries of 80 letters.
func applySizeExample(options string) string {
	sixteen := func(name string) string {
		return "[" + strings.TrimSuffix(strings.Repeat("*"+name+", ", 16), ", ") + "]"
	}
	return exampleApplication("shop", "overlays/prod", options) + `---
# file: argocd/kustomization.yaml
resources: [shop.yaml]
---
# file: overlays/prod/kustomization.yaml
resources: [dashboard.yaml]
---
# file: overlays/prod/dashboard.yaml
apiVersion: example.com/v1
kind: Dashboard # of 400 kB
metadata: {name: shop}
spec:
  query: &q sum by (job) (rate(http_server_request_duration_seconds_count{service="shop"}[5m]))
  panel: &p
    ` + sixteen("q") + `
  row: &r
    ` + sixteen("p") + `
  rows:
    ` + sixteen("r") + `
`
}

func objectOwnerExample(second string) string {
	return exampleApplication("one", "overlays/one", "[ServerSideApply=true]") +
		"---\n" + exampleApplication("two", "overlays/two", "[FailOnSharedResource=true]") + `---
# file: argocd/kustomization.yaml
resources: [one.yaml, two.yaml]
---
# file: overlays/one/kustomization.yaml
resources: [account.yaml]
---
# file: overlays/one/account.yaml
apiVersion: v1
kind: ServiceAccount
metadata: {name: one, namespace: shop}
---
# file: overlays/two/kustomization.yaml
resources: [account.yaml]
---
# file: overlays/two/account.yaml
apiVersion: v1
kind: ServiceAccount
metadata: {name: ` + second + `} # goes to the namespace of the destination
`
}

func exampleApplication(name, path, options string) string {
	return `# file: argocd/` + name + `.yaml
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: ` + name + `, namespace: argocd}
spec:
  project: default
  source: {repoURL: https://github.com/kgate-dev/gitops, path: ` + path + `}
  destination: {name: prod, namespace: shop}
  syncPolicy: {syncOptions: ` + options + `}
`
}
