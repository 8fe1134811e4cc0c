package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/builtin"
)

// Removal says when Kubernetes stopped serving a kind in a version and what to use instead, "" where it is still
// served or never was. It is what the types of k8s.io/api say of themselves.
func Removal(apiVersion, kind string) string {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	if told := removedTypes(gvk); told != "" {
		return told
	}
	object, err := builtin.Scheme().New(gvk)
	if err != nil {
		return ""
	}
	removed, ok := object.(interface {
		APILifecycleRemoved() (major, minor int)
	})
	if !ok {
		return ""
	}
	major, minor := removed.APILifecycleRemoved()
	text := fmt.Sprintf("Kubernetes %d.%d removed it", major, minor)
	if replaced, ok := object.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); ok {
		by := replaced.APILifecycleReplacement()
		text += fmt.Sprintf(": use %s", by.GroupVersion())
		if by.Kind != kind {
			text += " " + by.Kind
		}
	}
	return text
}

// removedTypes are those that are gone from the Go packages as well, or never were among those of this process.
// https://kubernetes.io/docs/reference/using-api/deprecation-guide/
func removedTypes(gvk schema.GroupVersionKind) string {
	switch gvk {
	case schema.GroupVersionKind{Group: "policy", Version: "v1beta1", Kind: "PodSecurityPolicy"},
		schema.GroupVersionKind{Group: "extensions", Version: "v1beta1", Kind: "PodSecurityPolicy"}:
		return "Kubernetes 1.25 removed it: label the namespace with a Pod Security level"
	case schema.GroupVersionKind{Group: "autoscaling", Version: "v2beta1", Kind: "HorizontalPodAutoscaler"}:
		return "Kubernetes 1.25 removed it: use autoscaling/v2"
	case schema.GroupVersionKind{Group: "autoscaling", Version: "v2beta2", Kind: "HorizontalPodAutoscaler"}:
		return "Kubernetes 1.26 removed it: use autoscaling/v2"
	case schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1beta1", Kind: "CustomResourceDefinition"}:
		return "Kubernetes 1.22 removed it: use apiextensions.k8s.io/v1"
	case schema.GroupVersionKind{Group: "apiregistration.k8s.io", Version: "v1beta1", Kind: "APIService"}:
		return "Kubernetes 1.22 removed it: use apiregistration.k8s.io/v1"
	}
	return ""
}
