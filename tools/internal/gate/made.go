package gate

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// pods are those of a target's objects.
func pods(objects []*manifest.Object) []check.Pods {
	var all []check.Pods
	for _, o := range objects {
		for _, labels := range graph.Pods(o) {
			all = append(all, check.Pods{Namespace: o.Namespace, Labels: labels})
		}
	}
	return all
}

// made are what controllers make of objects of a target, such as the Secret of a Certificate, and the namespaces that Argo CD and Flux
// are told to create. So are the hosts of the mesh and their subsets, which several rules of Istio name.
func made(objects []*manifest.Object) []check.Reference {
	var all []check.Reference
	namespace := func(name string) {
		if name != "" {
			all = append(all, check.Reference{Kind: "Namespace", Name: name})
		}
	}
	for _, o := range objects {
		all = append(all, released(o, objects)...)
		for _, w := range graph.WrittenOf(o) {
			all = append(all, check.Reference(w))
		}
		switch group := o.Group(); {
		case group == "argoproj.io" && o.Kind == "Application" && createsNamespace(o.Value, "spec"):
			namespace(manifest.TextAt(o.Value, "spec", "destination", "namespace"))
		case group == "argoproj.io" && o.Kind == "ApplicationSet" && createsNamespace(o.Value, "spec", "template", "spec"):
			namespace(parameter.ReplaceAllString(manifest.TextAt(o.Value, "spec", "template", "spec", "destination", "namespace"), "*"))
		case group == "project.openshift.io" && (o.Kind == "Project" || o.Kind == "ProjectRequest"):
			namespace(o.Name)
		case group == "helm.toolkit.fluxcd.io" && o.Kind == "HelmRelease" && manifest.At(o.Value, "spec", "install", "createNamespace") == true:
			namespace(manifest.TextAt(o.Value, "spec", "targetNamespace"))
		case group == "rbac.authorization.k8s.io" && (o.Kind == "ClusterRoleBinding" || o.Kind == "RoleBinding"):
			all = append(all, bound(o)...)
		case group == "" && o.Kind == "PersistentVolume":
			// A class that a volume has by hand need not be there.
			if class := manifest.TextAt(o.Value, "spec", "storageClassName"); class != "" {
				all = append(all, check.Reference{Kind: "StorageClass", Name: class})
			}
		case group == "networking.istio.io" && o.Kind == "ServiceEntry":
			for _, host := range manifest.ListAt(o.Value, "spec", "hosts") {
				all = append(all, check.Reference{Kind: "host", Name: fmt.Sprint(host)})
			}
		case group == "networking.istio.io" && o.Kind == "DestinationRule":
			host := manifest.TextAt(o.Value, "spec", "host")
			if !strings.Contains(host, ".") && o.Namespace != "" {
				host = fmt.Sprintf("%s.%s.svc.cluster.local", host, o.Namespace)
			}
			for _, subset := range manifest.ListAt(o.Value, "spec", "subsets") {
				all = append(all, check.Reference{Kind: "subset", Name: fmt.Sprintf("%s of %s", manifest.TextAt(subset, "name"), host)})
			}
		}
	}
	return all
}

// bound says whom a binding gives its role, as rules ask for it.
func bound(o *manifest.Object) []check.Reference {
	var all []check.Reference
	for _, subject := range manifest.ListAt(o.Value, "subjects") {
		if manifest.TextAt(subject, "kind") == "ServiceAccount" {
			namespace := cmp.Or(manifest.TextAt(subject, "namespace"), o.Namespace)
			all = append(all, check.Reference{Kind: "binding", Name: fmt.Sprintf("%s to %s/%s", manifest.TextAt(o.Value, "roleRef", "name"), namespace, manifest.TextAt(subject, "name"))})
		}
	}
	return all
}

// released is what a Helm chart may make that others render: any pods, for charts label theirs as they like, objects called
// as its release is or as its values have it, and classes for the cluster. Of charts nobody here knows more. Values may be in
// ConfigMaps among the objects.
func released(o *manifest.Object, objects []*manifest.Object) []check.Reference {
	text := func(steps ...any) string { return manifest.TextAt(o.Value, steps...) }
	switch group := o.Group(); {
	case group == "helm.toolkit.fluxcd.io" && o.Kind == "HelmRelease":
		if manifest.At(o.Value, "spec", "kubeConfig") != nil {
			return nil // into another cluster
		}
		name, target := o.Name, text("spec", "targetNamespace")
		if target != "" {
			name = target + "-" + name
		}
		values := []any{manifest.At(o.Value, "spec", "values")}
		for _, from := range manifest.ListAt(o.Value, "spec", "valuesFrom") {
			for _, other := range objects {
				if other.Kind == "ConfigMap" && manifest.TextAt(from, "kind") == "ConfigMap" && other.Namespace == o.Namespace && other.Name == manifest.TextAt(from, "name") {
					values = append(values, valuesIn(manifest.TextAt(other.Value, "data", cmp.Or(manifest.TextAt(from, "valuesKey"), "values.yaml"))))
				}
			}
		}
		chart := cmp.Or(text("spec", "chart", "spec", "chart"), text("spec", "chartRef", "name"))
		return release(cmp.Or(target, o.Namespace), cmp.Or(text("spec", "releaseName"), name), chart, values)
	case group == "helm.cattle.io" && o.Kind == "HelmChart":
		values := []any{manifest.At(o.Value, "spec", "set"), valuesIn(text("spec", "valuesContent")), manifest.At(o.Value, "spec", "values")}
		return release(cmp.Or(text("spec", "targetNamespace"), o.Namespace), o.Name, text("spec", "chart"), values)
	case group == "argoproj.io" && o.Kind == "Application":
		return chartsOf(o.Value, o.Name, "spec")
	case group == "argoproj.io" && o.Kind == "ApplicationSet":
		return chartsOf(o.Value, text("spec", "template", "metadata", "name"), "spec", "template", "spec")
	}
	return nil
}

// chartsOf are what may be made of the sources of an Application that are charts.
func chartsOf(value any, name string, spec ...any) []check.Reference {
	fill := func(text string) string { return text }
	if len(spec) > 1 {
		fill = func(text string) string { return parameter.ReplaceAllString(text, "*") }
	}
	at := func(steps ...any) []any { return append(slices.Clone(spec), steps...) }
	sources := manifest.ListAt(value, at("sources")...)
	if len(sources) == 0 {
		sources = []any{manifest.At(value, at("source")...)}
	}
	var all []check.Reference
	for _, source := range sources {
		if chart := manifest.TextAt(source, "chart"); chart != "" {
			called := cmp.Or(manifest.TextAt(source, "helm", "releaseName"), name)
			all = append(all, release(fill(manifest.TextAt(value, at("destination", "namespace")...)), fill(called), fill(chart), valuesOf(source))...)
		}
	}
	return all
}

// valuesOf are those that stand in a source of an Application.
func valuesOf(source any) []any {
	values := []any{manifest.At(source, "helm", "valuesObject"), valuesIn(manifest.TextAt(source, "helm", "values"))}
	for _, set := range manifest.ListAt(source, "helm", "parameters") {
		// secrets.sec.enabled=true is values within values.
		var value any = manifest.TextAt(set, "value")
		for _, key := range slices.Backward(strings.Split(manifest.TextAt(set, "name"), ".")) {
			value = map[string]any{key: value}
		}
		values = append(values, value)
	}
	return values
}

// valuesIn are the values in a text; nil where they cannot be read, as where a template fills them in.
func valuesIn(text string) any {
	var values any
	if yaml.Unmarshal([]byte(text), &values) != nil {
		return nil
	}
	return values
}

func release(namespace, name, chart string, values []any) []check.Reference {
	namespace = cmp.Or(namespace, "*") // whoever deploys the release says it
	all := []check.Reference{{Kind: check.PodsKind, Namespace: namespace, Name: "*"}}
	for _, kind := range relation.Known().Provided() {
		all = append(all, check.Reference{Kind: kind, Name: "*"})
	}
	// Roles for others to bind are called as the chart's author likes: flux-web-admin is one of flux-operator.
	for _, word := range words(name, chart) {
		all = append(all, check.Reference{Kind: "ClusterRole", Name: "*" + word + "*"}, check.Reference{Kind: "Role", Namespace: namespace, Name: "*" + word + "*"})
	}
	all = append(all, namesakes(namespace, name)...)
	seen := map[string]bool{}
	manifest.EachText(values, func(key, text string) {
		text = parameter.ReplaceAllString(text, "*")
		if seen[text] && key != "fullnameOverride" || !objectName.MatchString(text) {
			return
		}
		seen[text] = true
		all = append(all, check.Reference{Kind: check.AnyKind, Namespace: namespace, Name: text})
		if key == "fullnameOverride" {
			all = append(all, namesakes(namespace, text)...)
		}
	})
	return all
}

// objectName is what an object may be called that values name, also where a template fills in a part of it.
var objectName = regexp.MustCompile(`^[-.a-z0-9*]*[a-z0-9][-.a-z0-9*]*$`)

// namesakes are objects that are called as what they are made of, or begin so.
func namesakes(namespace, name string) []check.Reference {
	if name == "" {
		return nil
	}
	var all []check.Reference
	for _, kind := range []string{"ConfigMap", "Deployment", "Gateway", "Ingress", "Middleware", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount", "StatefulSet"} {
		all = append(all, check.Reference{Kind: kind, Namespace: namespace, Name: name}, check.Reference{Kind: kind, Namespace: namespace, Name: name + "-*"})
	}
	return all
}

// words are those of names that tell one release or chart from others. Of a chart's reference the last part is its name.
func words(names ...string) []string {
	var all []string
	for _, name := range names {
		name = strings.ToLower(path.Base(name))
		for _, word := range strings.FieldsFunc(name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
			if len(word) > 2 && !commonWord(word) && !slices.Contains(all, word) {
				all = append(all, word)
			}
		}
	}
	return all
}

// commonWord reports what releases of anything are called.
func commonWord(word string) bool {
	switch word {
	case "admin", "api", "app", "chart", "charts", "cluster", "controller", "default", "dev", "helm", "kube", "kubernetes", "main", "manager",
		"operator", "prod", "production", "release", "server", "service", "stack", "staging", "system", "test", "web":
		return true
	}
	return false
}

// untold are any pods, in the namespaces of objects of custom kinds that nobody defines, and what is called as these are: nobody
// here knows what becomes of them.
func (g *Gate) untold(ctx context.Context, t *Target) ([]check.Reference, error) {
	var all []check.Reference
	for _, o := range t.Objects {
		kind := definition.KindOf(o).GroupKind()
		if builtin := !strings.Contains(kind.Group, ".") || strings.HasSuffix(kind.Group, ".k8s.io"); builtin || !o.Applied() || relation.Known().MakesPods(kind.Group, kind.Kind) {
			continue
		}
		known, err := g.engines.kinds.Of(&t.Target)
		if err != nil {
			return nil, err
		}
		found, err := known.For(ctx, kind)
		if err != nil {
			return nil, err
		}
		pods := check.Reference{Kind: check.PodsKind, Namespace: cmp.Or(o.Namespace, "*"), Name: "*"}
		if len(found.Serving(kind)) > 0 {
			continue
		}
		if !slices.Contains(all, pods) {
			all = append(all, pods)
		}
		all = append(all, namesakes(pods.Namespace, o.Name)...)
	}
	return all, nil
}

// parameter is what an ApplicationSet fills in.
var parameter = regexp.MustCompile(`\{\{.*?\}\}`)

func createsNamespace(value any, spec ...any) bool {
	return slices.Contains(manifest.ListAt(value, append(spec, "syncPolicy", "syncOptions")...), any("CreateNamespace=true"))
}
