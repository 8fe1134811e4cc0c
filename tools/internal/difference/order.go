package difference

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// free reports whether the order of a list means nothing.
func (w *walker) free(a, b side, t admission.Type) bool {
	names := fieldsOf(b.path)
	keyed := len(t.Keys()) > 0 || t.Set()
	for _, o := range orders {
		if o.of != nil && !slices.Contains(o.of, w.group+"/"+w.kind) || o.of == nil && !w.builtin || !ends(names, o.field) {
			continue
		}
		switch {
		case o.counts == nil:
			return true
		case o.counts(a.value) || o.counts(b.value):
			return false
		}
	}
	return keyed
}

// fieldsOf are the names in a path.
func fieldsOf(path manifest.Path) []string {
	var names []string
	for _, step := range path {
		if name, ok := step.(string); ok {
			names = append(names, name)
		}
	}
	return names
}

// ends reports whether the names of a path end with those of a field.
func ends(names []string, field string) bool {
	tail := strings.Split(field, ".")
	return len(tail) <= len(names) && slices.Equal(names[len(names)-len(tail):], tail)
}

// order says of a list whether its order counts, where the schema does not say it: by server-side apply a list is atomic
// unless somebody said otherwise, and one with keys may have an order all the same.
type order struct {
	of     []string            // group/Kind; nil is every kind of Kubernetes' own
	field  string              // the names that its path ends with
	counts func(list any) bool // whether it does; nil is never
	why    string
}

var (
	rbac            = []string{"rbac.authorization.k8s.io/Role", "rbac.authorization.k8s.io/ClusterRole"}
	bindings        = []string{"rbac.authorization.k8s.io/RoleBinding", "rbac.authorization.k8s.io/ClusterRoleBinding"}
	networkPolicy   = []string{"networking.k8s.io/NetworkPolicy"}
	autoscaler      = []string{"autoscaling/HorizontalPodAutoscaler"}
	definitions     = []string{"apiextensions.k8s.io/CustomResourceDefinition"}
	authorization   = []string{"security.istio.io/AuthorizationPolicy"}
	serviceMonitors = []string{"monitoring.coreos.com/ServiceMonitor", "monitoring.coreos.com/PodMonitor"}
	admissions      = []string{
		"admissionregistration.k8s.io/ValidatingWebhookConfiguration", "admissionregistration.k8s.io/MutatingWebhookConfiguration",
		"admissionregistration.k8s.io/ValidatingAdmissionPolicy", "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
		"admissionregistration.k8s.io/MutatingAdmissionPolicy", "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding",
	}
	storageClass = []string{"storage.k8s.io/StorageClass"}
	flowSchema   = []string{"flowcontrol.apiserver.k8s.io/FlowSchema"}
)

func always(any) bool { return true }

// orders are looked through from the first on.
var orders = []order{
	{nil, "initContainers", always, "they run one after the other"},
	{nil, "env", refers, "$(NAME) is a variable that stands before"},
	{[]string{"admissionregistration.k8s.io/MutatingWebhookConfiguration"}, "webhooks", always, "each gets what the one before made of the object"},
	{admissions, "spec.variables", always, "each may be made of those before it"},

	{rbac, "rules", nil, "they are added up: https://kubernetes.io/docs/reference/access-authn-authz/rbac"},
	{rbac, "rules.apiGroups", nil, "any of them"},
	{rbac, "rules.resources", nil, "any of them"},
	{rbac, "rules.resourceNames", nil, "any of them"},
	{rbac, "rules.verbs", nil, "any of them"},
	{rbac, "rules.nonResourceURLs", nil, "any of them"},
	{rbac, "aggregationRule.clusterRoleSelectors", nil, "any of them"},
	{bindings, "subjects", nil, "each of them"},

	{networkPolicy, "spec.ingress", nil, "what any of them allows is: https://kubernetes.io/docs/concepts/services-networking/network-policies"},
	{networkPolicy, "spec.egress", nil, "what any of them allows is"},
	{networkPolicy, "ingress.from", nil, "any of them"},
	{networkPolicy, "egress.to", nil, "any of them"},
	{networkPolicy, "ingress.ports", nil, "any of them"},
	{networkPolicy, "egress.ports", nil, "any of them"},
	{networkPolicy, "ipBlock.except", nil, "all of them"},
	{networkPolicy, "spec.policyTypes", nil, "both of them"},

	{autoscaler, "spec.metrics", nil, "the largest of what they ask for"},
	{autoscaler, "scaleUp.policies", nil, "selectPolicy chooses by size"},
	{autoscaler, "scaleDown.policies", nil, "selectPolicy chooses by size"},

	{nil, "tolerations", nil, "any of them"},
	{nil, "capabilities.add", nil, "a set"},
	{nil, "capabilities.drop", nil, "a set"},
	{nil, "metadata.finalizers", nil, "all of them"},
	{nil, "spec.accessModes", nil, "a set"},
	{nil, "matchExpressions", nil, "all of them"},
	{nil, "matchExpressions.values", nil, "any of them"},
	{nil, "matchFields", nil, "all of them"},
	{nil, "matchFields.values", nil, "any of them"},
	{nil, "nodeSelectorTerms", nil, "any of them"},
	{nil, "requiredDuringSchedulingIgnoredDuringExecution", nil, "all of them"},
	{nil, "preferredDuringSchedulingIgnoredDuringExecution", nil, "their weights are added up"},
	{nil, "podAffinityTerm.namespaces", nil, "any of them"},
	{nil, "matchLabelKeys", nil, "all of them"},
	{nil, "mismatchLabelKeys", nil, "all of them"},
	{nil, "readinessGates", nil, "all of them"},
	{nil, "securityContext.sysctls", nil, "each has a name of its own"},
	{nil, "securityContext.supplementalGroups", nil, "a set"},
	{nil, "schedulingGates", nil, "all of them"},
	{nil, "downwardAPI.items", nil, "each is a file of its own"},
	{nil, "configMap.items", nil, "each is a file of its own"},
	{nil, "secret.items", nil, "each is a file of its own"},
	{nil, "spec.scopes", nil, "all of them"},
	{nil, "scopeSelector.matchExpressions.values", nil, "any of them"},
	{nil, "spec.loadBalancerSourceRanges", nil, "any of them"},
	{nil, "spec.externalIPs", nil, "any of them"},
	{nil, "tls.hosts", nil, "any of them"},
	{nil, "ownerReferences", nil, "each has a uid of its own"},
	{nil, "requiredDuringSchedulingIgnoredDuringExecution.namespaces", nil, "any of them"},
	{nil, "resizePolicy", nil, "each is for a resource of its own"},
	{nil, "onPodConditions", nil, "any of them"},
	{nil, "dnsConfig.options", nil, "each has a name of its own"},
	{[]string{"/ServiceAccount"}, "imagePullSecrets", nil, "all of them are tried"},
	{[]string{"/LimitRange"}, "spec.limits", nil, "all of them"},
	{[]string{"/Namespace"}, "spec.finalizers", nil, "all of them"},
	{[]string{"/Node"}, "spec.taints", nil, "all of them"},
	{[]string{"/Endpoints"}, "subsets", nil, "the server sorts them"},
	{[]string{"/Endpoints"}, "subsets.addresses", nil, "the server sorts them"},
	{[]string{"/Endpoints"}, "subsets.notReadyAddresses", nil, "the server sorts them"},
	{[]string{"/Endpoints"}, "subsets.ports", nil, "the server sorts them"},
	{[]string{"discovery.k8s.io/EndpointSlice"}, "endpoints", nil, "any of them"},
	{[]string{"discovery.k8s.io/EndpointSlice"}, "ports", nil, "each of them"},

	{storageClass, "allowedTopologies", nil, "any of them"},
	{storageClass, "matchLabelExpressions", nil, "all of them"},
	{storageClass, "matchLabelExpressions.values", nil, "any of them"},

	{flowSchema, "spec.rules", nil, "any of them"},
	{flowSchema, "rules.subjects", nil, "any of them"},
	{flowSchema, "rules.resourceRules", nil, "any of them"},
	{flowSchema, "rules.nonResourceRules", nil, "any of them"},

	{admissions, "rules", nil, "any of them"},
	{admissions, "resourceRules", nil, "any of them"},
	{admissions, "excludeResourceRules", nil, "any of them"},
	{admissions, "operations", nil, "any of them"},
	{admissions, "apiGroups", nil, "any of them"},
	{admissions, "apiVersions", nil, "any of them"},
	{admissions, "resources", nil, "any of them"},
	{admissions, "resourceNames", nil, "any of them"},
	{admissions, "validationActions", nil, "a set"},
	{admissions, "spec.auditAnnotations", nil, "each has a key of its own"},

	{definitions, "required", nil, "all of them"},
	{definitions, "enum", nil, "any of them"},
	{definitions, "names.shortNames", nil, "each is a name"},
	{definitions, "names.categories", nil, "each is a name"},
	{definitions, "spec.versions", nil, "each has a name, and clients rank them by it"},

	{authorization, "spec.rules", nil, "any of them: https://istio.io/latest/docs/reference/config/security/authorization-policy"},
	{authorization, "rules.from", nil, "any of them"},
	{authorization, "rules.to", nil, "any of them"},
	{authorization, "rules.when", nil, "all of them"},
	{authorization, "when.values", nil, "any of them"},
	{authorization, "when.notValues", nil, "none of them"},
	{authorization, "source.principals", nil, "any of them"},
	{authorization, "source.namespaces", nil, "any of them"},
	{authorization, "source.ipBlocks", nil, "any of them"},
	{authorization, "source.requestPrincipals", nil, "any of them"},
	{authorization, "source.serviceAccounts", nil, "any of them"},
	{authorization, "operation.hosts", nil, "any of them"},
	{authorization, "operation.methods", nil, "any of them"},
	{authorization, "operation.paths", nil, "any of them"},
	{authorization, "operation.ports", nil, "any of them"},

	{serviceMonitors, "namespaceSelector.matchNames", nil, "any of them"},
	{serviceMonitors, "matchExpressions", nil, "all of them"},
	{serviceMonitors, "matchExpressions.values", nil, "any of them"},
}

// refers reports variables of which one may be made of others.
func refers(list any) bool {
	items, _ := list.([]any)
	return slices.ContainsFunc(items, func(item any) bool { return strings.Contains(manifest.TextAt(item, "value"), "$(") })
}
