package builtin

import (
	"context"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
	apiregistrationvalidation "k8s.io/kube-aggregator/pkg/apis/apiregistration/validation"
	"k8s.io/kubernetes/pkg/api/job"
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
	coordinationvalidation "k8s.io/kubernetes/pkg/apis/coordination/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/discovery"
	discoveryvalidation "k8s.io/kubernetes/pkg/apis/discovery/validation"
	"k8s.io/kubernetes/pkg/apis/resource"
	resourcevalidation "k8s.io/kubernetes/pkg/apis/resource/validation"
	"k8s.io/kubernetes/pkg/features"
	volumevalidation "k8s.io/kubernetes/pkg/volume/validation"
)

// update is what an update strategy of ours is made of.
type update struct {
	prepare  func(ctx context.Context, object, old runtime.Object)
	validate func(ctx context.Context, object, old runtime.Object) field.ErrorList
}

// updating makes an update of functions that know the kind.
func updating[P runtime.Object](prepare func(context.Context, P, P), validate func(context.Context, P, P) field.ErrorList) update {
	u := update{validate: func(ctx context.Context, object, old runtime.Object) field.ErrorList {
		return validate(ctx, object.(P), old.(P))
	}}
	if prepare != nil {
		u.prepare = func(ctx context.Context, object, old runtime.Object) { prepare(ctx, object.(P), old.(P)) }
	}
	return u
}

// plain is updating by a function that asks for no context.
func plain[P runtime.Object](prepare func(object, old P), validate func(object, old P) field.ErrorList) update {
	var prepared func(context.Context, P, P)
	if prepare != nil {
		prepared = func(_ context.Context, object, old P) { prepare(object, old) }
	}
	return updating(prepared, func(_ context.Context, object, old P) field.ErrorList { return validate(object, old) })
}

// counting is updating what counts generations of its content, and is prepared in no other way.
func counting[P runtime.Object](content func(P) any, validate func(object, old P) field.ErrorList) update {
	return plain(func(object, old P) { count(object, old, content(object), content(old)) }, validate)
}

// updates are of the kinds whose create strategy is ours, and call what the server's own strategies call:
// PrepareForUpdate and ValidateUpdate in k8s.io/kubernetes/pkg/registry/GROUP/RESOURCE/strategy.go.
func updates() map[schema.GroupKind]update {
	return map[schema.GroupKind]update{
		{Group: "apps", Kind: "ReplicaSet"}: plain(func(o, old *apps.ReplicaSet) {
			o.Status = old.Status
			pod.DropDisabledTemplateFields(&o.Spec.Template, &old.Spec.Template)
			count(o, old, o.Spec, old.Spec)
		}, func(o, old *apps.ReplicaSet) field.ErrorList {
			return appsvalidation.ValidateReplicaSetUpdate(o, old, pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, &old.Spec.Template))
		}),
		{Group: "batch", Kind: "Job"}: plain(func(o, old *batch.Job) {
			o.Status = old.Status
			job.DropDisabledFields(&o.Spec, &old.Spec)
			pod.DropDisabledTemplateFields(&o.Spec.Template, &old.Spec.Template)
			count(o, old, o.Spec, old.Spec)
		}, func(o, old *batch.Job) field.ErrorList {
			return batchvalidation.ValidateJobUpdate(o, old, jobOptions(o, old))
		}),
		{Group: "certificates.k8s.io", Kind: "CertificateSigningRequest"}: plain(func(o, old *certificates.CertificateSigningRequest) {
			o.Spec, o.Status = old.Spec, old.Status
		}, certificatesvalidation.ValidateCertificateSigningRequestUpdate),
		{Group: "coordination.k8s.io", Kind: "LeaseCandidate"}: plain(nil, coordinationvalidation.ValidateLeaseCandidateUpdate),

		{Kind: "ConfigMap"}: plain(nil, validation.ValidateConfigMapUpdate),
		{Kind: "Endpoints"}: plain(nil, validation.ValidateEndpointsUpdate),
		{Kind: "Event"}:     updating(nil, validateEventUpdate),
		{Kind: "Namespace"}: plain(func(o, old *core.Namespace) {
			o.Spec.Finalizers, o.Status = old.Spec.Finalizers, old.Status
		}, func(o, old *core.Namespace) field.ErrorList {
			return append(validation.ValidateNamespace(o), validation.ValidateNamespaceUpdate(o, old)...)
		}),
		{Kind: "Node"}: plain(func(o, old *core.Node) {
			o.Status = old.Status
			//lint:ignore SA1019 the server drops it too
			o.Spec.ConfigSource = nil
		}, func(o, old *core.Node) field.ErrorList {
			return append(validation.ValidateNode(o), validation.ValidateNodeUpdate(o, old)...)
		}),
		{Kind: "PersistentVolume"}: plain(func(o, old *core.PersistentVolume) {
			o.Status = old.Status
			pvutil.DropDisabledSpecFields(&o.Spec, &old.Spec)
		}, func(o, old *core.PersistentVolume) field.ErrorList {
			options := validation.ValidationOptionsForPersistentVolume(o, old)
			errs := append(validation.ValidatePersistentVolume(o, options), volumevalidation.ValidatePersistentVolume(o)...)
			return append(errs, validation.ValidatePersistentVolumeUpdate(o, old, options)...)
		}),
		{Kind: "PersistentVolumeClaim"}: plain(func(o, old *core.PersistentVolumeClaim) {
			o.Status = old.Status
			pvcutil.DropDisabledFields(&o.Spec, &old.Spec)
			pvcutil.EnforceDataSourceBackwardsCompatibility(&o.Spec, &old.Spec)
			pvcutil.NormalizeDataSources(&o.Spec)
			pvcutil.NormalizeDataSources(&old.Spec)
		}, func(o, old *core.PersistentVolumeClaim) field.ErrorList {
			return validation.ValidatePersistentVolumeClaimUpdate(o, old, validation.ValidationOptionsForPersistentVolumeClaim(o, old))
		}),
		{Kind: "Pod"}: plain(func(o, old *core.Pod) {
			o.Status = old.Status
			if enabled(features.PodLevelResourcesFixDefaulting) && o.Spec.Resources == nil && old.Spec.Resources != nil {
				o.Spec.Resources = old.Spec.Resources.DeepCopy()
			}
			pod.DropDisabledPodFields(o, old)
			count(o, old, o.Spec, old.Spec)
		}, func(o, old *core.Pod) field.ErrorList {
			options := pod.GetValidationOptionsFromPodSpecAndMeta(&o.Spec, &old.Spec, &o.ObjectMeta, &old.ObjectMeta)
			options.ResourceIsPod = true
			return validation.ValidatePodUpdate(o, old, options)
		}),
		{Kind: "ReplicationController"}: plain(func(o, old *core.ReplicationController) {
			o.Status = old.Status
			pod.DropDisabledTemplateFields(o.Spec.Template, old.Spec.Template)
			count(o, old, o.Spec, old.Spec)
		}, func(o, old *core.ReplicationController) field.ErrorList {
			return validation.ValidateReplicationControllerUpdate(o, old, pod.GetValidationOptionsFromPodTemplate(o.Spec.Template, old.Spec.Template))
		}),
		{Kind: "Secret"}: plain(func(o, old *core.Secret) {
			if o.Type == "" {
				o.Type = old.Type
			}
		}, validation.ValidateSecretUpdate),
		{Kind: "Service"}: plain(func(o, old *core.Service) {
			o.Status = old.Status
			dropTypeDependent(o, old)
		}, validation.ValidateServiceUpdate),
		{Kind: "ServiceAccount"}: plain(func(o, _ *core.ServiceAccount) {
			for i, secret := range o.Secrets {
				o.Secrets[i] = core.ObjectReference{Name: secret.Name}
			}
		}, validation.ValidateServiceAccountUpdate),

		{Group: "discovery.k8s.io", Kind: "EndpointSlice"}: updating(prepareEndpointSliceUpdate, func(_ context.Context, o, old *discovery.EndpointSlice) field.ErrorList {
			return discoveryvalidation.ValidateEndpointSliceUpdate(o, old)
		}),
		{Group: "events.k8s.io", Kind: "Event"}: updating(nil, validateEventUpdate),

		{Group: "resource.k8s.io", Kind: "ResourceClaim"}: plain(func(o, old *resource.ResourceClaim) {
			o.Status = old.Status
		}, resourcevalidation.ValidateResourceClaimUpdate),
		{Group: "resource.k8s.io", Kind: "ResourceClaimTemplate"}: plain(nil, func(o, old *resource.ResourceClaimTemplate) field.ErrorList {
			return append(resourcevalidation.ValidateResourceClaimTemplate(o), resourcevalidation.ValidateResourceClaimTemplateUpdate(o, old)...)
		}),
		{Group: "resource.k8s.io", Kind: "ResourceSlice"}: counting(func(o *resource.ResourceSlice) any { return o.Spec },
			resourcevalidation.ValidateResourceSliceUpdate),

		{Group: "apiregistration.k8s.io", Kind: "APIService"}: updating(func(_ context.Context, o, old *apiregistration.APIService) {
			o.Status = old.Status
		}, apiregistrationvalidation.ValidateAPIServiceUpdate),

		{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicy"}: counting(func(o *admissionregistration.MutatingAdmissionPolicy) any { return o.Spec },
			admissionregistrationvalidation.ValidateMutatingAdmissionPolicyUpdate),
		{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicyBinding"}: counting(func(o *admissionregistration.MutatingAdmissionPolicyBinding) any { return o.Spec },
			admissionregistrationvalidation.ValidateMutatingAdmissionPolicyBindingUpdate),
		{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}: counting(func(o *admissionregistration.MutatingWebhookConfiguration) any { return o.Webhooks },
			admissionregistrationvalidation.ValidateMutatingWebhookConfigurationUpdate),
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}: plain(func(o, old *admissionregistration.ValidatingAdmissionPolicy) {
			o.Status = old.Status
			count(o, old, o.Spec, old.Spec)
		}, admissionregistrationvalidation.ValidateValidatingAdmissionPolicyUpdate),
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicyBinding"}: counting(func(o *admissionregistration.ValidatingAdmissionPolicyBinding) any { return o.Spec },
			admissionregistrationvalidation.ValidateValidatingAdmissionPolicyBindingUpdate),
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}: counting(func(o *admissionregistration.ValidatingWebhookConfiguration) any { return o.Webhooks },
			admissionregistrationvalidation.ValidateValidatingWebhookConfigurationUpdate),
	}
}

// count gives an object whose content differs the next generation.
func count[T any](object, old runtime.Object, content, was T) {
	if apiequality.Semantic.DeepEqual(content, was) {
		return
	}
	now, err := meta.Accessor(object)
	before, also := meta.Accessor(old)
	if err == nil && also == nil {
		now.SetGeneration(before.GetGeneration() + 1)
	}
}

func validateEventUpdate(ctx context.Context, o, old *core.Event) field.ErrorList {
	info, _ := genericapirequest.RequestInfoFrom(ctx)
	return validation.ValidateEventUpdate(o, old, schema.GroupVersion{Group: info.APIGroup, Version: info.APIVersion})
}

// jobOptions are validationOptionsForJob of the strategy of jobs.
func jobOptions(o, old *batch.Job) batchvalidation.JobValidationOptions {
	suspended := old.Spec.Suspend != nil && *old.Spec.Suspend
	started := old.Status.StartTime != nil
	mutable := suspended && (!started || batchvalidation.IsConditionTrue(old.Status.Conditions, batch.JobSuspended)) && old.Status.Active == 0
	_, named := old.Spec.Template.Labels[batch.JobNameLabel]
	_, controlled := old.Spec.Template.Labels[batch.ControllerUidLabel]
	options := batchvalidation.JobValidationOptions{
		PodValidationOptions:             pod.GetValidationOptionsFromPodTemplate(&o.Spec.Template, &old.Spec.Template),
		AllowMutableSchedulingDirectives: suspended && !started,
		RequirePrefixedLabels:            named && controlled,
	}
	options.AllowInvalidLabelValueInSelector = options.AllowInvalidLabelValueInSelector || metav1validation.LabelSelectorHasInvalidLabelValue(old.Spec.Selector)
	if enabled(features.MutablePodResourcesForSuspendedJobs) {
		options.AllowMutablePodResources = mutable
	}
	if enabled(features.MutableSchedulingDirectivesForSuspendedJobs) {
		options.AllowMutableSchedulingDirectives = mutable
	}
	return options
}

func prepareEndpointSliceUpdate(ctx context.Context, o, old *discovery.EndpointSlice) {
	type content struct {
		Type      discovery.AddressType
		Endpoints []discovery.Endpoint
		Ports     []discovery.EndpointPort
		Labels    map[string]string
	}
	count(o, old, content{o.AddressType, o.Endpoints, o.Ports, o.Labels}, content{old.AddressType, old.Endpoints, old.Ports, old.Labels})
	// Nothing that is created here has the topology of the beta version.
	if info, ok := genericapirequest.RequestInfoFrom(ctx); ok && info.APIVersion == "v1" && !apiequality.Semantic.DeepEqual(o.Endpoints, old.Endpoints) {
		for i := range o.Endpoints {
			o.Endpoints[i].DeprecatedTopology = nil
		}
	}
}

// The methods that make a strategy of ours one of updates.

func (s *strategy) PrepareForUpdate(ctx context.Context, o, old runtime.Object) {
	if s.update.prepare != nil {
		s.update.prepare(ctx, o, old)
	}
}

func (s *strategy) ValidateUpdate(ctx context.Context, o, old runtime.Object) field.ErrorList {
	return s.update.validate(ctx, o, old)
}

// WarningsOnUpdate has nothing to say that is not said of the new object alone.
func (*strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

func (*strategy) AllowCreateOnUpdate(context.Context) bool { return false }

func (*strategy) AllowUnconditionalUpdate(context.Context) bool { return true }
