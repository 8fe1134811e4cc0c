package argocd

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

// applicationSpec is about what is in one Application, or in the template of an ApplicationSet.
var applicationSpec = &check.Check{
	Name:  "gitops/application-spec",
	Title: "Argo CD takes the spec of every Application",
	Doc: "The API server takes any Application that fits its schema. What does not hold together, Argo CD finds later: the Application gets the " +
		"condition InvalidSpecError or ComparisonError, its status becomes Unknown, and nothing is synced until somebody mends it. That is so for " +
		"a source of two types, a destination with both name and server, a duration that is none, and a jq expression that does not parse. " +
		"`source` beside `sources` is ignored without a word, and so are a JSON pointer that does not begin with a slash and " +
		"managedNamespaceMetadata without CreateNamespace=true. A finalizer that Argo CD does not know it never takes away: the Application cannot " +
		"be deleted. The template of an ApplicationSet is held to the same where it has no parameters.",
	Fix:      "Keep one of the two that exclude each other, or correct the value.",
	Severity: check.Error,
	Scope:    check.Object,
	Origin:   "kgate",
	References: []string{
		source("pkg/apis/application/v1alpha1/types.go"),
		source("util/argo/argo.go"),
		source("util/argo/normalizers/diff_normalizer.go"),
	},
	Bad:    applicationSpecBad,
	Good:   applicationSpecGood,
	Causes: true, // what is said of a source that is not meant to be one
	Run: each(func(object *manifest.Object) faults {
		switch {
		case is(object, "Application"):
			return append(judgeSpec(object.Value, manifest.Path{"spec"}, true), judgeFinalizers(object.Value, manifest.Path{"metadata"})...)
		case is(object, "ApplicationSet"):
			template := manifest.Path{"spec", "template"}
			return append(judgeSpec(object.Value, below(template, "spec"), false), judgeFinalizers(object.Value, below(template, "metadata"))...)
		}
		return nil
	}),
}

// judgeSpec judges the spec of an Application. What a template does not say, generators and patches may.
func judgeSpec(object any, spec manifest.Path, whole bool) faults {
	var found faults
	judgeSources(&found, object, spec, whole)
	judgeDestination(&found, object, spec, whole)
	backoff := below(spec, "syncPolicy", "retry", "backoff")
	for _, name := range []string{"duration", "maxDuration"} {
		text := manifest.TextAt(object, below(backoff, name)...)
		if text != "" && !isTemplated(text) && !isRetryDuration(text) {
			found.add(below(backoff, name), "%s %q is no duration, so Argo CD retries no sync that fails: write one such as 10s or 3m", name, text)
		}
	}
	if metadata := below(spec, "syncPolicy", "managedNamespaceMetadata"); whole && manifest.At(object, metadata...) != nil &&
		!slices.Contains(manifest.ListAt(object, below(spec, "syncPolicy", "syncOptions")...), any("CreateNamespace=true")) {
		found.add(metadata, "managedNamespaceMetadata is given without the sync option CreateNamespace=true, and Argo CD ignores it")
	}
	for i := range manifest.ListAt(object, below(spec, "ignoreDifferences")...) {
		judgeIgnored(&found, object, below(spec, "ignoreDifferences", i))
	}
	return found
}

// judgeFinalizers looks for those that are plainly meant to be Argo CD's, pkg/apis/application/v1alpha1/application_defaults.go:
// those of its domain, and those that are a slip away from one of them. Others may be other people's.
func judgeFinalizers(object any, metadata manifest.Path) faults {
	var found faults
	const ours = ".argocd.argoproj.io"
	known := []string{
		"resources-finalizer" + ours, "resources-finalizer" + ours + "/foreground", "resources-finalizer" + ours + "/background",
		"pre-delete-finalizer" + ours, "pre-delete-finalizer" + ours + "/cleanup", "post-delete-finalizer" + ours, "post-delete-finalizer" + ours + "/cleanup",
	}
	for i, item := range manifest.ListAt(object, below(metadata, "finalizers")...) {
		finalizer, _ := item.(string)
		if isTemplated(finalizer) || slices.Contains(known, finalizer) {
			continue
		}
		if domain, _, _ := strings.Cut(finalizer, "/"); strings.HasSuffix(domain, ours) || spelling.Slip(finalizer, known) != "" {
			found.add(below(metadata, "finalizers", i), "Argo CD has no finalizer %s, and never takes it away: the Application cannot be deleted%s", finalizer, meant(finalizer, known))
		}
	}
	return found
}

// judgeSources is ApplicationSource.ExplicitType and validateSourcePermissions.
func judgeSources(found *faults, object any, spec manifest.Path, whole bool) {
	_, single := manifest.At(object, below(spec, "source")...).(map[string]any)
	several := manifest.ListAt(object, below(spec, "sources")...)
	if single && len(several) > 0 {
		found.add(below(spec, "sources"), "sources and source are both given, and Argo CD ignores source: keep one of them")
	}
	places := []manifest.Path{below(spec, "source")}
	if len(several) > 0 {
		places = nil
		for i := range several {
			places = append(places, below(spec, "sources", i))
		}
	}
	refs := map[string]bool{}
	for i, item := range several {
		ref := manifest.TextAt(item, "ref")
		switch {
		case ref == "" || isTemplated(ref):
			continue
		case strings.Trim(ref, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
			found.add(below(spec, "sources", i, "ref"), "ref %q has other characters than letters, digits, _ and -: Argo CD refuses it", ref)
		case refs[ref]:
			found.add(below(spec, "sources", i, "ref"), "ref %q is given twice: Argo CD refuses sources with one ref", ref)
		}
		refs[ref] = true
	}
	for _, place := range places {
		value, ok := manifest.At(object, place...).(map[string]any)
		if !ok {
			continue
		}
		if whole {
			judgeValueFiles(found, value, place, refs)
		}
		if types := typesOf(value); len(types) > 1 {
			found.add(below(place, types[0]), "%s are given together, and Argo CD takes a source of one type: multiple application sources defined", strings.Join(types, " and "))
		}
		text := func(name string) string { return manifest.TextAt(value, name) }
		schemes := []string{"file", "git", "http", "https", "oci", "ssh"}
		// Of other schemes that are nothing like these, git's own helpers may know.
		scheme, _, ok := strings.Cut(text("repoURL"), "://")
		if question := meant(scheme, schemes); ok && question != "" && !isTemplated(scheme) && !slices.Contains(schemes, strings.ToLower(scheme)) {
			found.add(below(place, "repoURL"), "there is no scheme %s, so Argo CD reads no repository%s", scheme, question)
		}
		switch {
		case !whole:
		case text("repoURL") == "":
			found.add(place, "repoURL is missing: Argo CD refuses the source")
		case text("path") == "" && text("chart") == "" && (len(several) == 0 || text("ref") == ""):
			found.add(place, "path or chart is missing: Argo CD refuses the source")
		case text("chart") != "" && text("targetRevision") == "":
			found.add(below(place, "chart"), "targetRevision is missing: Argo CD refuses a chart without its version")
		}
	}
}

// judgeValueFiles looks for files of another source that none is called as. What begins with ARGOCD_ is of the environment of a build.
func judgeValueFiles(found *faults, source map[string]any, place manifest.Path, refs map[string]bool) {
	for i, item := range manifest.ListAt(source, "helm", "valueFiles") {
		file, _ := item.(string)
		rest, ok := strings.CutPrefix(file, "$")
		ref, _, inside := strings.Cut(rest, "/")
		if ok && inside && !refs[ref] && !strings.HasPrefix(ref, "ARGOCD_") && !strings.ContainsAny(ref, "{}") {
			found.add(below(place, "helm", "valueFiles", i), "no source has ref %s, so Argo CD finds no file %s%s", ref, file, meant(ref, slices.Collect(maps.Keys(refs))))
		}
	}
}

// typesOf are the types that a source is given, in the order that Argo CD names them in.
func typesOf(source map[string]any) []string {
	return slices.DeleteFunc([]string{"kustomize", "helm", "directory", "plugin"}, func(name string) bool { return source[name] == nil })
}

// judgeDestination is GetDestinationServer.
func judgeDestination(found *faults, object any, spec manifest.Path, whole bool) {
	place := below(spec, "destination")
	destination, ok := manifest.At(object, place...).(map[string]any)
	if !ok {
		return // the schema says so
	}
	name, server := manifest.TextAt(destination, "name"), manifest.TextAt(destination, "server")
	switch {
	case isTemplated(name) || isTemplated(server): // one of them may be empty
	case name != "" && server != "":
		found.add(below(place, "server"), "server and name are both given: Argo CD refuses a destination that has both, %q and %q", server, name)
	case whole && name == "" && server == "":
		found.add(place, "name or server is missing: Argo CD refuses a destination without a cluster")
	}
}

// isRetryDuration is parseStringToDuration: a number without a unit is of seconds.
func isRetryDuration(text string) bool {
	if _, err := strconv.Atoi(text); err == nil {
		return true
	}
	_, err := time.ParseDuration(text)
	return err == nil
}

// judgeIgnored is NewIgnoreNormalizer.
func judgeIgnored(found *faults, object any, place manifest.Path) {
	for i, item := range manifest.ListAt(object, below(place, "jsonPointers")...) {
		if pointer, ok := item.(string); ok && !strings.HasPrefix(pointer, "/") && !isTemplated(pointer) {
			found.add(below(place, "jsonPointers", i), "%q does not begin with a slash, so it points at nothing and Argo CD ignores no difference: write %q",
				pointer, "/"+strings.ReplaceAll(pointer, ".", "/"))
		}
	}
	for i, item := range manifest.ListAt(object, below(place, "jqPathExpressions")...) {
		expression, ok := item.(string)
		if !ok || isTemplated(expression) {
			continue
		}
		if err := jqFault(expression); err != nil {
			found.add(below(place, "jqPathExpressions", i), "%q is no jq expression, so Argo CD compares nothing of the Application: %v", expression, err)
		}
	}
}

// jqFault is what is wrong with an expression that Argo CD deletes by.
func jqFault(expression string) error {
	query, err := gojq.Parse("del(" + expression + ")")
	if err != nil {
		return err
	}
	_, err = gojq.Compile(query)
	return err
}

const (
	applicationSpecBad = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  project: default
  source:
    repoURL: https://github.com/kgate-dev/gitops
    path: overlays/prod
    directory: {recurse: true}
    kustomize: {namePrefix: shop-} # a second type
  destination:
    name: prod
    server: https://10.0.0.1:6443 # a second cluster
    namespace: shop
  syncPolicy:
    retry:
      backoff: {duration: 10sec} # no unit of Go
  ignoreDifferences:
    - kind: Service
      jsonPointers: [spec/clusterIP] # points at nothing
    - group: apps
      kind: Deployment
      jqPathExpressions: ['.spec.containers[] | select(.name == "web"'] # no closing bracket
`
	applicationSpecGood = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  project: default
  sources:
    - repoURL: https://github.com/kgate-dev/gitops
      targetRevision: main
      ref: values # a source that others take files from has no path
    - repoURL: https://charts.example.com
      chart: shop
      targetRevision: 1.2.3
      helm: {valueFiles: [$values/shop.yaml]}
      kustomize: null # is not set
  destination: {name: prod, namespace: shop}
  syncPolicy:
    retry:
      limit: -1
      backoff: {duration: "10", maxDuration: 1h30m} # seconds, without a unit
  ignoreDifferences:
    - kind: Service
      jsonPointers: [/spec/clusterIP, /metadata/annotations/example.com~1owner]
    - group: apps
      kind: Deployment
      jqPathExpressions:
        - .spec.template.spec.containers[].env[]? | select(.name | test("^AWS_"))
        - .spec.template.metadata.annotations."example.com/restarted-at"
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: shop, namespace: argocd}
spec:
  generators:
    - clusters: {}
  template:
    metadata: {name: 'shop-{{name}}'}
    spec:
      project: default
      source: {repoURL: https://github.com/kgate-dev/gitops, path: 'overlays/{{name}}'}
      destination: {server: '{{server}}', namespace: shop}
`
)
