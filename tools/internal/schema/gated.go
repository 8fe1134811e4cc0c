package schema

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// gated is what releases know of and, by default, do not take: a field that they drop without a word, or a value that they refuse,
// because its feature gate is off.
type gated struct {
	gate     string
	from, on int // the minors that know the gate first, and have it on by default; 0 where none does yet
	paths    [][]string

	// only says which values of the field it is about; nil for all.
	only    func(value any) bool
	refused bool // the value is refused; a field is dropped else
	stops   bool // without the field no pod starts
}

// Gates and minors are those of pkg/features/kube_features.go of k8s.io/kubernetes, in the releases that tools/schemas/kubernetes.txt
// names; what becomes of a field that is off, of dropDisabledFields in pkg/api/pod/util.go and of the strategies in pkg/registry.
// What no schema of a release has, schema/valid reports.
var (
	ofPods = []gated{
		{gate: "SidecarContainers", from: 28, on: 29, paths: paths("initContainers.*.restartPolicy"), only: is("Always"), stops: true},
		{gate: "UserNamespacesSupport", from: 28, on: 33, paths: paths("hostUsers"), only: isNot(true)},
		{gate: "DynamicResourceAllocation", from: 28, on: 34, paths: paths("resourceClaims")},
		{gate: "InPlacePodVerticalScaling", from: 28, on: 33, paths: ofContainers("resizePolicy")},
		{gate: "ProcMountType", from: 28, on: 33, paths: ofContainers("securityContext.procMount"), only: isNot("Default")},
		{gate: "MatchLabelKeysInPodAffinity", from: 29, on: 31, paths: ofTerms("matchLabelKeys", "mismatchLabelKeys")},
		{gate: "PodLifecycleSleepAction", from: 29, on: 30, paths: ofContainers("lifecycle.postStart.sleep", "lifecycle.preStop.sleep")},
		{gate: "RecursiveReadOnlyMounts", from: 30, on: 31, paths: ofContainers("volumeMounts.*.recursiveReadOnly"), only: isNot("Disabled")},
		{gate: "ImageVolume", from: 31, on: 35, paths: paths("volumes.*.image")},
		{gate: "SupplementalGroupsPolicy", from: 31, on: 33, paths: paths("securityContext.supplementalGroupsPolicy"), only: isNot("Merge")},
		{gate: "SELinuxChangePolicy", from: 32, on: 33, paths: paths("securityContext.seLinuxChangePolicy")},
		{gate: "PodLevelResources", from: 32, on: 34, paths: paths("resources")},
		{gate: "ClusterTrustBundleProjection", from: 29, on: 37, paths: paths("volumes.*.projected.sources.*.clusterTrustBundle")},
		{gate: "PodCertificateRequest", from: 34, on: 37, paths: paths("volumes.*.projected.sources.*.podCertificate")},
		{gate: "ContainerRestartRules", from: 34, on: 35, paths: ofContainers("restartPolicyRules")},
		{gate: "HostnameOverride", from: 34, on: 35, paths: paths("hostnameOverride")},
		{gate: "EnvFiles", from: 34, on: 35, paths: ofContainers("env.*.valueFrom.fileKeyRef")},
		{gate: "ContainerStopSignals", from: 33, paths: ofContainers("lifecycle.stopSignal")},
		{gate: "EmptyDirVolumeMode", from: 37, paths: paths("volumes.*.emptyDir.mode")},
		{gate: "VolumeBindMountOptions", from: 37, paths: ofContainers("volumeMounts.*.bindMountOptions")},
		{gate: "VolumeAttributesClass", from: 29, on: 34, paths: paths("volumes.*.ephemeral.volumeClaimTemplate.spec.volumeAttributesClassName")},
		{gate: "RelaxedEnvironmentVariableValidation", from: 28, on: 32, paths: ofContainers("env.*.name"), only: isRelaxedVariable, refused: true},
		{gate: "PodLifecycleSleepActionAllowZero", from: 30, on: 33, paths: ofContainers("lifecycle.postStart.sleep.seconds", "lifecycle.preStop.sleep.seconds"), only: is(int64(0)), refused: true},
	}
	ofJobs = []gated{
		{gate: "JobBackoffLimitPerIndex", from: 28, on: 29, paths: paths("backoffLimitPerIndex", "maxFailedIndexes")},
		{gate: "JobPodReplacementPolicy", from: 28, on: 29, paths: paths("podReplacementPolicy")},
		{gate: "JobManagedBy", from: 30, on: 32, paths: paths("managedBy")},
		{gate: "JobSuccessPolicy", from: 30, on: 31, paths: paths("successPolicy")},
	}
	ofKinds = map[string][]gated{
		"StatefulSet.apps": {
			{gate: "MaxUnavailableStatefulSet", from: 28, on: 37, paths: paths("spec.updateStrategy.rollingUpdate.maxUnavailable")},
			{gate: "VolumeAttributesClass", from: 29, on: 34, paths: paths("spec.volumeClaimTemplates.*.spec.volumeAttributesClassName")},
		},
		"PersistentVolumeClaim.": {
			{gate: "VolumeAttributesClass", from: 29, on: 34, paths: paths("spec.volumeAttributesClassName")},
			{gate: "CrossNamespaceVolumeDataSource", from: 28, paths: paths("spec.dataSourceRef.namespace")},
		},
		"PersistentVolume.": {{gate: "VolumeAttributesClass", from: 29, on: 34, paths: paths("spec.volumeAttributesClassName")}},
		"HorizontalPodAutoscaler.autoscaling": {
			{gate: "HPAConfigurableTolerance", from: 33, on: 35, paths: paths("spec.behavior.scaleUp.tolerance", "spec.behavior.scaleDown.tolerance")},
			{gate: "HPAScaleToZero", from: 28, on: 37, paths: paths("spec.minReplicas"), only: is(int64(0)), refused: true},
		},
		"Service.": {
			{gate: "ServiceTrafficDistribution", from: 30, on: 31, paths: paths("spec.trafficDistribution")},
			{gate: "PreferSameTrafficDistribution", from: 31, on: 34, paths: paths("spec.trafficDistribution"), only: func(value any) bool {
				return value == "PreferSameZone" || value == "PreferSameNode"
			}, refused: true},
			{gate: "RelaxedServiceNameValidation", from: 28, on: 36, paths: paths("metadata.name"), only: isRelaxedService, refused: true},
		},
		"CustomResourceDefinition.apiextensions.k8s.io": {
			{gate: "CustomResourceFieldSelectors", from: 30, on: 31, paths: paths("spec.versions.*.selectableFields")},
		},
		"CSIDriver.storage.k8s.io": {
			{gate: "MutableCSINodeAllocatableCount", from: 33, on: 35, paths: paths("spec.nodeAllocatableUpdatePeriodSeconds")},
		},
	}
)

func paths(dotted ...string) (all [][]string) {
	for _, path := range dotted {
		all = append(all, strings.Split(path, "."))
	}
	return all
}

func ofContainers(dotted ...string) (all [][]string) {
	for _, list := range []string{"containers", "initContainers"} {
		for _, path := range dotted {
			all = append(all, paths(list+".*."+path)...)
		}
	}
	return all
}

func ofTerms(fields ...string) (all [][]string) {
	for _, affinity := range []string{"podAffinity", "podAntiAffinity"} {
		for _, field := range fields {
			all = append(all, paths(
				"affinity."+affinity+".requiredDuringSchedulingIgnoredDuringExecution.*."+field,
				"affinity."+affinity+".preferredDuringSchedulingIgnoredDuringExecution.*.podAffinityTerm."+field)...)
		}
	}
	return all
}

func is(wanted any) func(any) bool   { return func(value any) bool { return value == wanted } }
func isNot(usual any) func(any) bool { return func(value any) bool { return value != usual } }

// strictVariable is what names of variables were held to before they were relaxed: IsEnvVarName of
// k8s.io/apimachinery/pkg/util/validation.
var strictVariable = regexp.MustCompile(`^[-._a-zA-Z][-._a-zA-Z0-9]*$`)

func isRelaxedVariable(value any) bool {
	name, ok := value.(string)
	return ok && name != "" && !strictVariable.MatchString(name)
}

func isRelaxedService(value any) bool {
	name, ok := value.(string)
	return ok && len(validation.IsDNS1123Label(name)) == 0 && len(validation.IsDNS1035Label(name)) > 0
}

// gated reports what a targeted version does not take although it knows of it.
func (j *judge) gated(_ context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			j.reportGated(pass, target, object, ofKinds[object.Kind+"."+object.Group()], nil)
			if object.Group() == "batch" {
				switch object.Kind {
				case "Job":
					j.reportGated(pass, target, object, ofJobs, []string{"spec"})
				case "CronJob":
					j.reportGated(pass, target, object, ofJobs, []string{"spec", "jobTemplate", "spec"})
				}
			}
			if template, ok := relation.Known().Templates.Of(object.Group(), object.Kind); ok {
				j.reportGated(pass, target, object, ofPods, append(slices.Clone(template), "spec"))
			}
		}
	}
	return nil
}

func (j *judge) reportGated(pass *check.Pass, target *check.Target, object *manifest.Object, all []gated, below []string) {
	for _, g := range all {
		minors := g.without(j.validator.minors)
		if len(minors) == 0 {
			continue
		}
		for _, steps := range g.paths {
			spread(object.Value, append(slices.Clone(below), steps...), nil, func(path manifest.Path, value any) {
				if value == nil || g.only != nil && !g.only(value) || object.Hides(path) {
					return
				}
				severity := check.Warning
				if g.refused || g.stops {
					severity = check.Error
				}
				pass.ReportAs(severity, target, object, path, g.message(path, value, minors))
			})
		}
	}
}

// without are the minors that have the gate off by default.
func (g gated) without(minors []string) (off []string) {
	for _, minor := range minors {
		number, err := strconv.Atoi(strings.TrimPrefix(minor, "1."))
		if err == nil && number >= g.from && (g.on == 0 || number < g.on) {
			off = append(off, minor)
		}
	}
	return off
}

func (g gated) message(path manifest.Path, value any, minors []string) string {
	on := "the feature gate " + g.gate + " is off by default"
	if g.on != 0 {
		on += fmt.Sprintf(" before 1.%d", g.on)
	}
	releases := "Kubernetes " + strings.Join(minors, ", ")
	if g.refused {
		return fmt.Sprintf("%s: %v is refused by %s: %s", last(path), value, releases, on)
	}
	message := fmt.Sprintf("%s is dropped without a word by %s: %s", last(path), releases, on)
	if g.stops {
		message += ", and the pod waits for the container to end"
	}
	return message
}

func last(path manifest.Path) string { return fmt.Sprint(path[len(path)-1]) }

// spread visits what is at a path of which steps may be every entry of a list.
func spread(value any, steps []string, path manifest.Path, visit func(manifest.Path, any)) {
	if len(steps) == 0 {
		visit(slices.Clone(path), value)
		return
	}
	if steps[0] == relation.Every {
		list, _ := value.([]any)
		for i, item := range list {
			spread(item, steps[1:], append(path, i), visit)
		}
		return
	}
	mapping, _ := value.(map[string]any)
	if below, ok := mapping[steps[0]]; ok {
		spread(below, steps[1:], append(path, steps[0]), visit)
	}
}
