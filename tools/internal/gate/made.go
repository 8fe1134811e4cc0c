package gate

import (
	"regexp"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// made are what the controllers of Argo CD and Flux make for objects of a target before they bring what these deploy: the
// namespaces that they are told to create.
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
		}
	}
	return all
}

// parameter is what an ApplicationSet fills in.
var parameter = regexp.MustCompile(`\{\{.*?\}\}`)

func createsNamespace(value any, spec ...any) bool {
	return slices.Contains(manifest.ListAt(value, append(spec, "syncPolicy", "syncOptions")...), any("CreateNamespace=true"))
}
