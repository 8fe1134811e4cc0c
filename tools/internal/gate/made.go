package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
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

// made are what the controllers of Argo CD and Flux make for objects of a target before they bring what these deploy: the
// namespaces that they are told to create. So are the hosts of the mesh and their subsets, which several rules of Istio name.
func made(objects []*manifest.Object) []check.Reference {
	var all []check.Reference
	namespace := func(name string) {
		if name != "" {
			all = append(all, check.Reference{Kind: "Namespace", Name: name})
		}
	}
	for _, o := range objects {
		switch group := o.Group(); {
		case group == "argoproj.io" && o.Kind == "Application" && createsNamespace(o.Value, "spec"):
			namespace(manifest.TextAt(o.Value, "spec", "destination", "namespace"))
		case group == "argoproj.io" && o.Kind == "ApplicationSet" && createsNamespace(o.Value, "spec", "template", "spec"):
			namespace(parameter.ReplaceAllString(manifest.TextAt(o.Value, "spec", "template", "spec", "destination", "namespace"), "*"))
		case group == "helm.toolkit.fluxcd.io" && o.Kind == "HelmRelease" && manifest.At(o.Value, "spec", "install", "createNamespace") == true:
			namespace(manifest.TextAt(o.Value, "spec", "targetNamespace"))
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

// parameter is what an ApplicationSet fills in.
var parameter = regexp.MustCompile(`\{\{.*?\}\}`)

func createsNamespace(value any, spec ...any) bool {
	return slices.Contains(manifest.ListAt(value, append(spec, "syncPolicy", "syncOptions")...), any("CreateNamespace=true"))
}
