package builtin

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericfeatures "k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
	apiregistrationvalidation "k8s.io/kube-aggregator/pkg/apis/apiregistration/validation"
	"k8s.io/kubernetes/pkg/api/job"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	pvutil "k8s.io/kubernetes/pkg/api/persistentvolume"
	pvcutil "k8s.io/kubernetes/pkg/api/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/admissionregistration"
	admissionregistrationvalidation "k8s.io/kubernetes/pkg/apis/admissionregistration/validation"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/certificates"
	certificatesvalidation "k8s.io/kubernetes/pkg/apis/certificates/validation"
	"k8s.io/kubernetes/pkg/apis/coordination"
	coordinationvalidation "k8s.io/kubernetes/pkg/apis/coordination/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/helper/qos"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/discovery"
	discoveryvalidation "k8s.io/kubernetes/pkg/apis/discovery/validation"
	"k8s.io/kubernetes/pkg/apis/resource"
	resourcevalidation "k8s.io/kubernetes/pkg/apis/resource/validation"
	"k8s.io/kubernetes/pkg/features"
	volumevalidation "k8s.io/kubernetes/pkg/volume/validation"
	podsecurity "k8s.io/pod-security-admission/api"

	// What a decoder of every kind needs.
	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	_ "k8s.io/kubernetes/pkg/apis/apiserverinternal/install"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/certificates/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	_ "k8s.io/kubernetes/pkg/apis/events/install"
	_ "k8s.io/kubernetes/pkg/apis/extensions/install"
	_ "k8s.io/kubernetes/pkg/apis/flowcontrol/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/node/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/resource/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	_ "k8s.io/kubernetes/pkg/apis/storagemigration/install"

	"k8s.io/kubernetes/pkg/registry/apiserverinternal/storageversion"
	"k8s.io/kubernetes/pkg/registry/apps/controllerrevision"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/certificates/clustertrustbundle"
	"k8s.io/kubernetes/pkg/registry/certificates/podcertificaterequest"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/core/limitrange"
	"k8s.io/kubernetes/pkg/registry/core/podtemplate"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/flowschema"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/prioritylevelconfiguration"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/ingressclass"
	"k8s.io/kubernetes/pkg/registry/networking/ipaddress"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/networking/servicecidr"
	"k8s.io/kubernetes/pkg/registry/node/runtimeclass"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/resource/deviceclass"
	"k8s.io/kubernetes/pkg/registry/resource/devicetaintrule"
	"k8s.io/kubernetes/pkg/registry/resource/resourcepoolstatusrequest"
	"k8s.io/kubernetes/pkg/registry/scheduling/podgroup"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/scheduling/workload"
	"k8s.io/kubernetes/pkg/registry/storage/csidriver"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	"k8s.io/kubernetes/pkg/registry/storage/csistoragecapacity"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattachment"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattributesclass"
	"k8s.io/kubernetes/pkg/registry/storagemigration/storagemigration"
)

// strategies are the server's own where importing them is cheap. The packages of the others bring etcd, the kubelet
// or informers along; for their kinds a strategy of ours calls the functions that theirs calls.
func strategies() map[schema.GroupKind]rest.RESTCreateStrategy {
	return map[schema.GroupKind]rest.RESTCreateStrategy{
		{Group: "apps", Kind: "ControllerRevision"}: controllerrevision.Strategy,
		{Group: "apps", Kind: "DaemonSet"}:          daemonset.Strategy,
		{Group: "apps", Kind: "Deployment"}:         deployment.Strategy,
		{Group: "apps", Kind: "ReplicaSet"}: namespaced(func(_ context.Context, o *apps.ReplicaSet) {
			o.Status, o.Generation = apps.ReplicaSetStatus{}, 1
			pod.DropDisabledTemplateFields(&o.Spec.Template, nil)
		}, func(_ context.Context, o *apps.ReplicaSet) field.ErrorList {
			return appsvalidation.ValidateReplicaSet(o, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil))
		}),
		{Group: "apps", Kind: "StatefulSet"}: statefulset.Strategy,

		{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}: horizontalpodautoscaler.Strategy,

		{Group: "batch", Kind: "CronJob"}: cronjob.Strategy,
		{Group: "batch", Kind: "Job"}: withOptions(namespaced(prepareJob, func(_ context.Context, o *batch.Job) field.ErrorList {
			return batchvalidation.ValidateJobCreate(o, batchvalidation.JobValidationOptions{
				PodValidationOptions: pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, nil), RequirePrefixedLabels: true,
			})
		}), features.WorkloadWithJob),

		{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}: cluster(func(_ context.Context, o *certificates.CertificateSigningRequest) {
			o.Spec.Username, o.Spec.UID, o.Spec.Groups, o.Spec.Extra = "", "", nil, nil
			o.Status = certificates.CertificateSigningRequestStatus{Conditions: []certificates.CertificateSigningRequestCondition{}}
		}, func(_ context.Context, o *certificates.CertificateSigningRequest) field.ErrorList {
			return certificatesvalidation.ValidateCertificateSigningRequestCreate(o)
		}),
		{Group: "certificates.k8s.io", Kind: "ClusterTrustBundle"}:    clustertrustbundle.Strategy,
		{Group: "certificates.k8s.io", Kind: "PodCertificateRequest"}: podcertificaterequest.NewStrategy(),

		{Group: "coordination.k8s.io", Kind: "Lease"}: lease.Strategy,
		{Group: "coordination.k8s.io", Kind: "LeaseCandidate"}: namespaced(nil, func(_ context.Context, o *coordination.LeaseCandidate) field.ErrorList {
			return coordinationvalidation.ValidateLeaseCandidate(o)
		}),

		{Kind: "ConfigMap"}: namespaced(nil, func(_ context.Context, o *core.ConfigMap) field.ErrorList { return validation.ValidateConfigMap(o) }),
		{Kind: "Endpoints"}: namespaced(nil, func(_ context.Context, o *core.Endpoints) field.ErrorList {
			return validation.ValidateEndpointsCreate(o)
		}),
		{Kind: "Event"}:      namespaced(nil, validateEvent),
		{Kind: "LimitRange"}: limitrange.Strategy,
		{Kind: "Namespace"}: cluster(prepareNamespace, func(_ context.Context, o *core.Namespace) field.ErrorList {
			return validation.ValidateNamespace(o)
		}),
		{Kind: "Node"}: withOptions(cluster(func(_ context.Context, o *core.Node) {
			//lint:ignore SA1019 the server drops it too
			o.Spec.ConfigSource, o.Status.Config = nil, nil
		}, func(_ context.Context, o *core.Node) field.ErrorList { return validation.ValidateNode(o) }),
			features.InPlacePodVerticalScalingSchedulerPreemption),
		{Kind: "PersistentVolume"}: cluster(func(_ context.Context, o *core.PersistentVolume) {
			o.Status = core.PersistentVolumeStatus{Phase: core.VolumePending}
			pvutil.DropDisabledSpecFields(&o.Spec, nil)
		}, validatePersistentVolume),
		{Kind: "PersistentVolumeClaim"}: namespaced(func(_ context.Context, o *core.PersistentVolumeClaim) {
			o.Status = core.PersistentVolumeClaimStatus{}
			pvcutil.DropDisabledFields(&o.Spec, nil)
			pvcutil.EnforceDataSourceBackwardsCompatibility(&o.Spec, nil)
			pvcutil.NormalizeDataSources(&o.Spec)
		}, func(_ context.Context, o *core.PersistentVolumeClaim) field.ErrorList {
			return validation.ValidatePersistentVolumeClaim(o, validation.ValidationOptionsForPersistentVolumeClaim(o, nil))
		}),
		{Kind: "Pod"}: namespaced(preparePod, func(_ context.Context, o *core.Pod) field.ErrorList {
			options := pod.GetValidationOptionsFromPodSpecAndMeta(&o.Spec, nil, &o.ObjectMeta, nil)
			options.ResourceIsPod = true
			return validation.ValidatePodCreate(o, options)
		}),
		{Kind: "PodTemplate"}: podtemplate.Strategy,
		{Kind: "ReplicationController"}: namespaced(func(_ context.Context, o *core.ReplicationController) {
			o.Status, o.Generation = core.ReplicationControllerStatus{}, 1
			pod.DropDisabledTemplateFields(o.Spec.Template, nil)
		}, func(_ context.Context, o *core.ReplicationController) field.ErrorList {
			return validation.ValidateReplicationController(o, pod.GetValidationOptionsFromPodTemplate(o.Spec.Template, nil))
		}),
		{Kind: "ResourceQuota"}: resourcequota.Strategy,
		{Kind: "Secret"}:        namespaced(nil, func(_ context.Context, o *core.Secret) field.ErrorList { return validation.ValidateSecret(o) }),
		{Kind: "Service"}: namespaced(func(_ context.Context, o *core.Service) {
			o.Status = core.ServiceStatus{}
		}, func(_ context.Context, o *core.Service) field.ErrorList { return validation.ValidateServiceCreate(o) }),
		{Kind: "ServiceAccount"}: namespaced(func(_ context.Context, o *core.ServiceAccount) {
			for i, secret := range o.Secrets {
				o.Secrets[i] = core.ObjectReference{Name: secret.Name}
			}
		}, func(_ context.Context, o *core.ServiceAccount) field.ErrorList {
			return validation.ValidateServiceAccount(o)
		}),

		{Group: "discovery.k8s.io", Kind: "EndpointSlice"}: namespaced(prepareEndpointSlice, func(_ context.Context, o *discovery.EndpointSlice) field.ErrorList {
			return discoveryvalidation.ValidateEndpointSliceCreate(o)
		}),
		{Group: "events.k8s.io", Kind: "Event"}: namespaced(nil, validateEvent),

		{Group: "flowcontrol.apiserver.k8s.io", Kind: "FlowSchema"}:                 flowschema.Strategy,
		{Group: "flowcontrol.apiserver.k8s.io", Kind: "PriorityLevelConfiguration"}: prioritylevelconfiguration.Strategy,

		{Group: "internal.apiserver.k8s.io", Kind: "StorageVersion"}: storageversion.Strategy,

		{Group: "networking.k8s.io", Kind: "Ingress"}:       ingress.Strategy,
		{Group: "networking.k8s.io", Kind: "IngressClass"}:  ingressclass.Strategy,
		{Group: "networking.k8s.io", Kind: "IPAddress"}:     ipaddress.Strategy,
		{Group: "networking.k8s.io", Kind: "NetworkPolicy"}: networkpolicy.Strategy,
		{Group: "networking.k8s.io", Kind: "ServiceCIDR"}:   servicecidr.Strategy,

		{Group: "node.k8s.io", Kind: "RuntimeClass"}: runtimeclass.Strategy,

		{Group: "policy", Kind: "PodDisruptionBudget"}: poddisruptionbudget.Strategy,

		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:        clusterrole.Strategy,
		{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: clusterrolebinding.Strategy,
		{Group: "rbac.authorization.k8s.io", Kind: "Role"}:               role.Strategy,
		{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        rolebinding.Strategy,

		{Group: "resource.k8s.io", Kind: "DeviceClass"}:     deviceclass.Strategy,
		{Group: "resource.k8s.io", Kind: "DeviceTaintRule"}: devicetaintrule.Strategy,
		{Group: "resource.k8s.io", Kind: "ResourceClaim"}: namespaced(func(_ context.Context, o *resource.ResourceClaim) {
			o.Status = resource.ResourceClaimStatus{}
		}, func(_ context.Context, o *resource.ResourceClaim) field.ErrorList {
			return resourcevalidation.ValidateResourceClaim(o)
		}),
		{Group: "resource.k8s.io", Kind: "ResourceClaimTemplate"}: namespaced(nil, func(_ context.Context, o *resource.ResourceClaimTemplate) field.ErrorList {
			return resourcevalidation.ValidateResourceClaimTemplate(o)
		}),
		{Group: "resource.k8s.io", Kind: "ResourcePoolStatusRequest"}: resourcepoolstatusrequest.Strategy,
		{Group: "resource.k8s.io", Kind: "ResourceSlice"}: withOptions(cluster(func(_ context.Context, o *resource.ResourceSlice) {
			o.Generation = 1
		}, func(_ context.Context, o *resource.ResourceSlice) field.ErrorList {
			return resourcevalidation.ValidateResourceSlice(o)
		}), features.DRAPartitionableDevicesType),

		{Group: "scheduling.k8s.io", Kind: "PodGroup"}:      podgroup.NewStrategy(),
		{Group: "scheduling.k8s.io", Kind: "PriorityClass"}: priorityclass.Strategy,
		{Group: "scheduling.k8s.io", Kind: "Workload"}:      workload.Strategy,

		{Group: "storage.k8s.io", Kind: "CSIDriver"}:             csidriver.Strategy,
		{Group: "storage.k8s.io", Kind: "CSINode"}:               csinode.Strategy,
		{Group: "storage.k8s.io", Kind: "CSIStorageCapacity"}:    csistoragecapacity.Strategy,
		{Group: "storage.k8s.io", Kind: "StorageClass"}:          storageclass.Strategy,
		{Group: "storage.k8s.io", Kind: "VolumeAttachment"}:      volumeattachment.Strategy,
		{Group: "storage.k8s.io", Kind: "VolumeAttributesClass"}: volumeattributesclass.Strategy,

		{Group: "storagemigration.k8s.io", Kind: "StorageVersionMigration"}: storagemigration.Strategy,

		{Group: "apiregistration.k8s.io", Kind: "APIService"}: cluster(func(_ context.Context, o *apiregistration.APIService) {
			o.Status = apiregistration.APIServiceStatus{}
			if o.Spec.Service == nil { // what needs no server is there at once
				apiregistration.SetAPIServiceCondition(o, apiregistration.NewLocalAvailableAPIServiceCondition())
			}
		}, func(ctx context.Context, o *apiregistration.APIService) field.ErrorList {
			return apiregistrationvalidation.ValidateAPIService(ctx, o)
		}),

		// Whether the caller may use what a policy refers to is for the cluster to say.
		{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicy"}: cluster(func(_ context.Context, o *admissionregistration.MutatingAdmissionPolicy) {
			o.Generation = 1
		}, func(_ context.Context, o *admissionregistration.MutatingAdmissionPolicy) field.ErrorList {
			return append(admissionregistrationvalidation.ValidateMutatingAdmissionPolicy(o), staticSuffix(o.Name)...)
		}),
		{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicyBinding"}: cluster(func(_ context.Context, o *admissionregistration.MutatingAdmissionPolicyBinding) {
			o.Generation = 1
		}, func(_ context.Context, o *admissionregistration.MutatingAdmissionPolicyBinding) field.ErrorList {
			return append(admissionregistrationvalidation.ValidateMutatingAdmissionPolicyBinding(o), staticSuffix(o.Name)...)
		}),
		{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}: cluster(func(_ context.Context, o *admissionregistration.MutatingWebhookConfiguration) {
			o.Generation = 1
		}, func(_ context.Context, o *admissionregistration.MutatingWebhookConfiguration) field.ErrorList {
			return append(admissionregistrationvalidation.ValidateMutatingWebhookConfiguration(o), staticSuffix(o.Name)...)
		}),
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}: cluster(func(_ context.Context, o *admissionregistration.ValidatingAdmissionPolicy) {
			o.Status, o.Generation = admissionregistration.ValidatingAdmissionPolicyStatus{}, 1
		}, func(_ context.Context, o *admissionregistration.ValidatingAdmissionPolicy) field.ErrorList {
			return append(admissionregistrationvalidation.ValidateValidatingAdmissionPolicy(o), staticSuffix(o.Name)...)
		}),
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicyBinding"}: cluster(func(_ context.Context, o *admissionregistration.ValidatingAdmissionPolicyBinding) {
			o.Generation = 1
		}, func(_ context.Context, o *admissionregistration.ValidatingAdmissionPolicyBinding) field.ErrorList {
			return append(admissionregistrationvalidation.ValidateValidatingAdmissionPolicyBinding(o), staticSuffix(o.Name)...)
		}),
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}: cluster(func(_ context.Context, o *admissionregistration.ValidatingWebhookConfiguration) {
			o.Generation = 1
		}, func(_ context.Context, o *admissionregistration.ValidatingWebhookConfiguration) field.ErrorList {
			return append(admissionregistrationvalidation.ValidateValidatingWebhookConfiguration(o), staticSuffix(o.Name)...)
		}),
	}
}

// strategy is a create strategy made of functions.
type strategy struct {
	rest.DeclarativeValidation
	names.NameGenerator
	runtime.ObjectTyper
	inNamespace bool
	options     map[string]bool
	prepare     func(context.Context, runtime.Object)
	validate    func(context.Context, runtime.Object) field.ErrorList
	update      update
}

func (s *strategy) NamespaceScoped() bool { return s.inNamespace }

func (s *strategy) PrepareForCreate(ctx context.Context, o runtime.Object) {
	if s.prepare != nil {
		s.prepare(ctx, o)
	}
}

func (s *strategy) Validate(ctx context.Context, o runtime.Object) field.ErrorList {
	return s.validate(ctx, o)
}

func (s *strategy) DeclarativeValidationConfig(context.Context, runtime.Object, runtime.Object) rest.DeclarativeValidationConfig {
	return rest.DeclarativeValidationConfig{Options: s.options}
}

func (*strategy) Canonicalize(runtime.Object) {}

func cluster[T any, P interface {
	*T
	runtime.Object
}](prepare func(context.Context, P), validate func(context.Context, P) field.ErrorList) *strategy {
	s := &strategy{
		DeclarativeValidation: rest.DeclarativeValidation{Scheme: legacyscheme.Scheme},
		NameGenerator:         names.SimpleNameGenerator, ObjectTyper: legacyscheme.Scheme,
		validate: func(ctx context.Context, o runtime.Object) field.ErrorList { return validate(ctx, o.(P)) },
	}
	if prepare != nil {
		s.prepare = func(ctx context.Context, o runtime.Object) { prepare(ctx, o.(P)) }
	}
	return s
}

func namespaced[T any, P interface {
	*T
	runtime.Object
}](prepare func(context.Context, P), validate func(context.Context, P) field.ErrorList) *strategy {
	s := cluster(prepare, validate)
	s.inNamespace = true
	return s
}

// withOptions names the feature gates that the declarative validation of the kind depends on.
func withOptions(s *strategy, gates ...featuregate.Feature) *strategy {
	s.options = map[string]bool{}
	for _, gate := range gates {
		s.options[string(gate)] = enabled(gate)
	}
	return s
}

func staticSuffix(name string) field.ErrorList {
	if !enabled(genericfeatures.ManifestBasedAdmissionControlConfig) {
		return nil
	}
	return admissionregistrationvalidation.ValidateStaticSuffix(name, field.NewPath("metadata", "name"))
}

func validateEvent(ctx context.Context, o *core.Event) field.ErrorList {
	info, _ := genericapirequest.RequestInfoFrom(ctx)
	return validation.ValidateEventCreate(o, schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion})
}

func validatePersistentVolume(_ context.Context, o *core.PersistentVolume) field.ErrorList {
	errs := validation.ValidatePersistentVolume(o, validation.ValidationOptionsForPersistentVolume(o, nil))
	return append(errs, volumevalidation.ValidatePersistentVolume(o)...)
}

// prepareNamespace adds the finalizer that every namespace is born with.
func prepareNamespace(_ context.Context, o *core.Namespace) {
	o.Status = core.NamespaceStatus{Phase: core.NamespaceActive}
	for _, f := range o.Spec.Finalizers {
		if f == core.FinalizerKubernetes {
			return
		}
	}
	o.Spec.Finalizers = append(o.Spec.Finalizers, core.FinalizerKubernetes)
}

func preparePod(_ context.Context, o *core.Pod) {
	o.Generation = 1
	o.Status = core.PodStatus{Phase: core.PodPending}
	pod.DropDisabledPodFields(o, nil)
	mergeLabelKeys(o)
	pod.DefaultPodLevelResources(o)
	o.Status.QOSClass = qos.GetPodQOS(o)
}

// mergeLabelKeys adds to the selectors of a pod what its keys of labels stand for; the pod's own labels have the values.
func mergeLabelKeys(o *core.Pod) {
	merge := func(selector *metav1.LabelSelector, keys []string, operator metav1.LabelSelectorOperator) {
		for _, key := range keys {
			if value, set := o.Labels[key]; set && selector != nil { // a selector that is absent matches nothing
				selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}})
			}
		}
	}
	if affinity := o.Spec.Affinity; affinity != nil && enabled(features.MatchLabelKeysInPodAffinity) {
		var terms []*core.PodAffinityTerm
		add := func(required []core.PodAffinityTerm, preferred []core.WeightedPodAffinityTerm) {
			for i := range required {
				terms = append(terms, &required[i])
			}
			for i := range preferred {
				terms = append(terms, &preferred[i].PodAffinityTerm)
			}
		}
		if a := affinity.PodAffinity; a != nil {
			add(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
		}
		if a := affinity.PodAntiAffinity; a != nil {
			add(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
		}
		for _, t := range terms {
			merge(t.LabelSelector, t.MatchLabelKeys, metav1.LabelSelectorOpIn)
			merge(t.LabelSelector, t.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
		}
	}
	if enabled(features.MatchLabelKeysInPodTopologySpread) && enabled(features.MatchLabelKeysInPodTopologySpreadSelectorMerge) {
		for i := range o.Spec.TopologySpreadConstraints {
			c := &o.Spec.TopologySpreadConstraints[i]
			merge(c.LabelSelector, c.MatchLabelKeys, metav1.LabelSelectorOpIn)
		}
	}
}

// prepareJob gives a job the selector of its own pods, unless it brings one.
func prepareJob(_ context.Context, o *batch.Job) {
	if o.Spec.ManualSelector == nil || !*o.Spec.ManualSelector {
		labels := o.Spec.Template.Labels
		if labels == nil {
			labels = map[string]string{}
			o.Spec.Template.Labels = labels
		}
		for name, value := range map[string]string{
			batch.LegacyJobNameLabel: o.Name, batch.JobNameLabel: o.Name,
			batch.LegacyControllerUidLabel: string(o.UID), batch.ControllerUidLabel: string(o.UID),
		} {
			if _, set := labels[name]; !set {
				labels[name] = value
			}
		}
		if o.Spec.Selector == nil {
			o.Spec.Selector = &metav1.LabelSelector{}
		}
		if o.Spec.Selector.MatchLabels == nil {
			o.Spec.Selector.MatchLabels = map[string]string{}
		}
		if _, set := o.Spec.Selector.MatchLabels[batch.ControllerUidLabel]; !set {
			o.Spec.Selector.MatchLabels[batch.ControllerUidLabel] = string(o.UID)
		}
	}
	o.Status, o.Generation = batch.JobStatus{}, 1
	job.DropDisabledFields(&o.Spec, nil)
	pod.DropDisabledTemplateFields(&o.Spec.Template, nil)
}

func prepareEndpointSlice(ctx context.Context, o *discovery.EndpointSlice) {
	o.Generation = 1
	if info, ok := genericapirequest.RequestInfoFrom(ctx); ok && info.APIVersion == "v1" {
		for i := range o.Endpoints {
			o.Endpoints[i].DeprecatedTopology = nil
		}
	}
}

// beforeValidation is what the storage of a kind does to a new object before it is validated: addresses and ports that
// it would allocate are not asked for.
func beforeValidation(o runtime.Object) {
	service, ok := o.(*core.Service)
	if !ok || service.Spec.Type == core.ServiceTypeExternalName {
		return
	}
	if service.Spec.ClusterIP != "" && len(service.Spec.ClusterIPs) == 0 {
		service.Spec.ClusterIPs = []string{service.Spec.ClusterIP}
	}
	if service.Spec.Type == core.ServiceTypeLoadBalancer && service.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal &&
		service.Spec.HealthCheckNodePort == 0 {
		service.Spec.HealthCheckNodePort = firstNodePort
	}
}

// The ports that the server gives out unless it is started with others.
const (
	firstNodePort = 30000
	lastNodePort  = 32767
)

// afterValidation is what the storage of a kind, or an admission plugin that is on by default, refuses besides.
func afterValidation(o runtime.Object) field.ErrorList {
	var errs field.ErrorList
	switch o := o.(type) {
	case *core.Service:
		outside := func(at *field.Path, port int32) {
			if port != 0 && (port < firstNodePort || port > lastNodePort) {
				errs = append(errs, field.Invalid(at, port, fmt.Sprintf(
					"provided port is not in the valid range. The range of valid ports is %d-%d", firstNodePort, lastNodePort)))
			}
		}
		for i, p := range o.Spec.Ports {
			outside(field.NewPath("spec", "ports").Index(i).Child("nodePort"), p.NodePort)
		}
		outside(field.NewPath("spec", "healthCheckNodePort"), o.Spec.HealthCheckNodePort)
	case *core.Namespace:
		_, errs = podsecurity.PolicyToEvaluate(o.Labels, podsecurity.Policy{})
	}
	return errs
}

func enabled(gate featuregate.Feature) bool { return utilfeature.DefaultFeatureGate.Enabled(gate) }
