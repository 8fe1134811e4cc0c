package builtin

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/deprecation"
	genericfeatures "k8s.io/apiserver/pkg/features"
	"k8s.io/kubernetes/pkg/api/job"
	pvutil "k8s.io/kubernetes/pkg/api/persistentvolume"
	pvcutil "k8s.io/kubernetes/pkg/api/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/api/service"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	admissionregistrationvalidation "k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
	"k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/discovery"
	"k8s.io/kubernetes/pkg/apis/resource"
	"k8s.io/kubernetes/pkg/kubeapiserver/admission/exclusion"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// warnings are what the server tells the client of an object that it accepts: in headers that no sync shows anybody.
func warnings(value map[string]any, deprecated string, said []string) []fault.Fault {
	var all []fault.Fault
	if deprecated != "" {
		all = append(all, fault.Fault{Path: []any{"apiVersion"}, Message: deprecated})
	}
	for _, s := range said {
		all = append(all, fault.Warning(value, s))
	}
	return all
}

// deprecated is what the server says of a version of a kind that a later release will not have; "" for any other.
func deprecated(kind schema.GroupVersionKind, versioned runtime.Object) string {
	if !deprecation.IsDeprecated(versioned, 0, 0) { // by the release whose code this is
		return ""
	}
	versioned.GetObjectKind().SetGroupVersionKind(kind)
	return deprecation.WarningMessage(versioned)
}

// WarningsOnCreate says of a kind whose strategy is ours what the server's own says of it.
func (*strategy) WarningsOnCreate(ctx context.Context, object runtime.Object) []string {
	switch o := object.(type) {
	case *apps.ReplicaSet:
		return append(hostname(o.Name, "Pod names and hostnames"), pod.GetWarningsForPodTemplate(ctx, field.NewPath("spec", "template"), &o.Spec.Template, nil)...)
	case *batch.Job:
		return append(hostname(o.Name, "Pod names and hostnames"), job.WarningsForJobSpec(ctx, field.NewPath("spec"), &o.Spec, nil)...)
	case *core.ReplicationController:
		return append(hostname(o.Name, "Pod names and hostnames"), pod.GetWarningsForPodTemplate(ctx, field.NewPath("spec", "template"), o.Spec.Template, nil)...)
	case *core.Pod:
		return append(hostname(o.Name, "the Pod's hostname"), pod.GetWarningsForPod(ctx, o, nil)...)
	case *core.PersistentVolume:
		return pvutil.GetWarningsForPersistentVolume(o)
	case *core.PersistentVolumeClaim:
		return pvcutil.GetWarningsForPersistentVolumeClaim(o)
	case *core.Service:
		return service.GetWarningsForService(o, nil)
	case *core.Secret:
		return keyPair(o)
	case *core.ServiceAccount:
		const mountable = "kubernetes.io/enforce-mountable-secrets"
		if _, ok := o.Annotations[mountable]; ok {
			return []string{fmt.Sprintf("metadata.annotations[%s]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets", mountable)}
		}
	case *core.Endpoints:
		var said []string
		for i, subset := range o.Subsets {
			at := field.NewPath("subsets").Index(i)
			for j, a := range subset.Addresses {
				said = append(said, utilvalidation.GetWarningsForIP(at.Child("addresses").Index(j).Child("ip"), a.IP)...)
			}
			for j, a := range subset.NotReadyAddresses {
				said = append(said, utilvalidation.GetWarningsForIP(at.Child("notReadyAddresses").Index(j).Child("ip"), a.IP)...)
			}
		}
		return said
	case *core.Node:
		var said []string
		if o.Spec.DoNotUseExternalID != "" {
			said = append(said, "spec.externalID: this field is deprecated, and is unused by Kubernetes")
		}
		for i, cidr := range o.Spec.PodCIDRs {
			said = append(said, utilvalidation.GetWarningsForCIDR(field.NewPath("spec", "podCIDRs").Index(i), cidr)...)
		}
		return said
	case *discovery.EndpointSlice:
		if o.AddressType == discovery.AddressTypeFQDN {
			return []string{"addressType: FQDN endpoints are deprecated"}
		}
		var said []string
		for i, e := range o.Endpoints {
			for j, address := range e.Addresses {
				said = append(said, utilvalidation.GetWarningsForIP(field.NewPath("endpoints").Index(i).Child("addresses").Index(j), address)...)
			}
		}
		return said
	case *resource.ResourceSlice:
		if o.Spec.Driver != strings.ToLower(o.Spec.Driver) {
			return []string{fmt.Sprintf("spec.driver: driver names should be lowercase; %q contains uppercase characters", o.Spec.Driver)}
		}
	case *admissionregistration.MutatingAdmissionPolicy:
		return reserved(o.Name)
	case *admissionregistration.MutatingAdmissionPolicyBinding:
		return reserved(o.Name)
	case *admissionregistration.MutatingWebhookConfiguration:
		said := reserved(o.Name)
		if enabled(genericfeatures.ExcludeAdmissionWebhookVirtualResources) {
			said = append(said, admissionregistrationvalidation.WarningsForMutatingWebhookRules(o.Webhooks, exclusion.Excluded())...)
		}
		return said
	case *admissionregistration.ValidatingAdmissionPolicy:
		return reserved(o.Name)
	case *admissionregistration.ValidatingAdmissionPolicyBinding:
		return reserved(o.Name)
	case *admissionregistration.ValidatingWebhookConfiguration:
		said := reserved(o.Name)
		if enabled(genericfeatures.ExcludeAdmissionWebhookVirtualResources) {
			said = append(said, admissionregistrationvalidation.WarningsForValidatingWebhookRules(o.Webhooks, exclusion.Excluded())...)
		}
		return said
	}
	return nil
}

// hostname is said of a name that is no DNS label, where one is made of it.
func hostname(name, used string) []string {
	if msgs := utilvalidation.IsDNS1123Label(name); len(msgs) > 0 {
		return []string{fmt.Sprintf("metadata.name: this is used in %s, which can result in surprising behavior; a DNS label is recommended: %v", used, msgs)}
	}
	return nil
}

// reserved is said of a name that is for policies in the server's own files, where it has none.
func reserved(name string) []string {
	if len(staticSuffix(name)) > 0 {
		return nil // refused
	}
	return admissionregistrationvalidation.WarningsForStaticSuffix(name)
}

// keyPair is said of a certificate whose key is another's. What is no PEM at all is most often filled in later.
func keyPair(o *core.Secret) []string {
	certificate, key := o.Data[core.TLSCertKey], o.Data[core.TLSPrivateKeyKey]
	if o.Type != core.SecretTypeTLS {
		return nil
	}
	for _, text := range [][]byte{certificate, key} {
		if block, _ := pem.Decode(text); block == nil {
			return nil
		}
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		return []string{fmt.Sprintf("data[%s]: %v", core.TLSCertKey, err)}
	}
	return nil
}
