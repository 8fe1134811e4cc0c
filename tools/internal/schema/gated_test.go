package schema

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	_ "k8s.io/kubernetes/pkg/features" // the gates of the API server
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestGatesAreKubernetes holds the minors to the table of the linked release, for the gates that it still has.
func TestGatesAreKubernetes(t *testing.T) {
	// The histories of these begin where the table was made versioned, or are gone with the gate.
	gone := []string{
		"SidecarContainers", "PodLifecycleSleepAction", "PodLifecycleSleepActionAllowZero", "JobBackoffLimitPerIndex", "JobPodReplacementPolicy",
		"JobSuccessPolicy", "ServiceTrafficDistribution",
	}
	all := slices.Concat(ofPods, ofJobs)
	for _, of := range ofKinds {
		all = append(all, of...)
	}
	specs := utilfeature.DefaultMutableFeatureGate.GetAllVersioned()
	for _, g := range all {
		history, ok := specs[featuregate.Feature(g.gate)]
		if !ok {
			if !slices.Contains(gone, g.gate) {
				t.Errorf("%s is no gate of this release: is it on by default now?", g.gate)
			}
			continue
		}
		if slices.Contains(gone, g.gate) {
			t.Errorf("%s is a gate of this release: hold it to the table", g.gate)
		}
		for minor := g.from; minor <= 37; minor++ {
			on, known := false, false
			for _, spec := range history {
				if spec.Version.LessThan(version.MajorMinor(1, uint(minor+1))) {
					on, known = spec.Default, true
				}
			}
			if known && on != (g.on != 0 && minor >= g.on) {
				t.Errorf("%s: on in 1.%d by default: %t", g.gate, minor, on)
			}
		}
	}
}

func TestGatedFields(t *testing.T) {
	pod := func(spec string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: " + spec + "}"
	}
	for _, test := range []struct {
		name, document string
		minors         string
		want           []string // path and a part of the message
	}{
		{"a sidecar", pod("{initContainers: [{name: a}, {name: b, restartPolicy: Always}], containers: [{name: c}]}"), "1.28 1.29 1.37",
			[]string{"spec.initContainers[1].restartPolicy: restartPolicy is dropped without a word by Kubernetes 1.28: the feature gate SidecarContainers is off by default before 1.29, and the pod waits for the container to end"}},
		{"a sidecar where it is on", pod("{initContainers: [{name: b, restartPolicy: Always}], containers: [{name: c}]}"), "1.29 1.37", nil},
		{"a field that the release does not know is for the schema", pod("{containers: [{name: c, lifecycle: {preStop: {sleep: {seconds: 1}}}}]}"), "1.28", nil},
		{"the default", pod("{hostUsers: true, containers: [{name: c, securityContext: {procMount: Default}, volumeMounts: [{recursiveReadOnly: Disabled}]}]}"), "1.28 1.30", nil},
		{"of two versions", pod("{hostUsers: false, containers: [{name: c}]}"), "1.28 1.32 1.33",
			[]string{"spec.hostUsers: hostUsers is dropped without a word by Kubernetes 1.28, 1.32:"}},
		{"never on", pod("{containers: [{name: c, lifecycle: {stopSignal: SIGINT}}]}"), "1.37",
			[]string{"spec.containers[0].lifecycle.stopSignal: stopSignal is dropped without a word by Kubernetes 1.37: the feature gate ContainerStopSignals is off by default"}},
		{"nothing", pod("{hostUsers: null, resources: null, containers: [{name: c, lifecycle: null}]}"), "1.32", nil},
		{"names of variables", pod("{containers: [{name: c, env: [{name: a-b.C_1}, {name: 1a}, {name: 'a b'}]}]}"), "1.31 1.32", []string{
			"spec.containers[0].env[1].name: name: 1a is refused by Kubernetes 1.31: the feature gate RelaxedEnvironmentVariableValidation is off by default before 1.32",
			"spec.containers[0].env[2].name: name: a b is refused"}},
		{"zero seconds", pod("{containers: [{name: c, lifecycle: {preStop: {sleep: {seconds: 0}}}}]}"), "1.32 1.33", []string{"spec.containers[0].lifecycle.preStop.sleep.seconds: seconds: 0 is refused by Kubernetes 1.32:"}},
		{"a term", pod("{containers: [{name: c}], affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {matchLabelKeys: [a]}}]}}}"), "1.30 1.31",
			[]string{"spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.matchLabelKeys: matchLabelKeys is dropped"}},
		{"a Rollout's pods", "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}, spec: {template: {spec: {hostUsers: false}}}}", "1.30", []string{"spec.template.spec.hostUsers: hostUsers is dropped"}},
		{"a CronJob", "{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {spec: {maxFailedIndexes: 1, template: {spec: {hostUsers: false}}}}}}", "1.28", []string{
			"spec.jobTemplate.spec.maxFailedIndexes: maxFailedIndexes is dropped", "spec.jobTemplate.spec.template.spec.hostUsers: hostUsers is dropped"}},
		{"a Job", "{apiVersion: batch/v1, kind: Job, metadata: {name: a}, spec: {successPolicy: {rules: []}}}", "1.30 1.31", []string{"spec.successPolicy: successPolicy is dropped"}},
		{"another kind of the name", "{apiVersion: example.com/v1, kind: Job, metadata: {name: a}, spec: {successPolicy: {rules: []}}}", "1.30", nil},
		{"zero replicas", "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {minReplicas: 0}}", "1.36 1.37", []string{"spec.minReplicas: minReplicas: 0 is refused by Kubernetes 1.36: the feature gate HPAScaleToZero"}},
		{"one replica", "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: a}, spec: {minReplicas: 1}}", "1.36", nil},
		{"near zones", "{apiVersion: v1, kind: Service, metadata: {name: 1a}, spec: {trafficDistribution: PreferSameZone}}", "1.30 1.33 1.35 1.36", []string{
			"spec.trafficDistribution: trafficDistribution is dropped without a word by Kubernetes 1.30:",
			"spec.trafficDistribution: trafficDistribution: PreferSameZone is refused by Kubernetes 1.33:",
			"metadata.name: name: 1a is refused by Kubernetes 1.30, 1.33, 1.35: the feature gate RelaxedServiceNameValidation is off by default before 1.36"}},
		{"a close zone", "{apiVersion: v1, kind: Service, metadata: {name: a1}, spec: {trafficDistribution: PreferClose}}", "1.33", nil},
		{"a definition", "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, spec: {versions: [{selectableFields: []}]}}", "1.30 1.31", []string{"spec.versions[0].selectableFields: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var value map[string]any
			if err := yaml.Unmarshal([]byte(test.document), &value); err != nil {
				t.Fatal(err)
			}
			whole(value)
			object := &manifest.Object{ID: manifest.Identify(value), Value: value}
			j := &judge{validator: open(t, strings.Fields(test.minors)...)}
			target := &check.Target{Path: "app", Objects: []*manifest.Object{object}}
			result, failures := check.Run(t.Context(), check.Plan{
				Checks:  []*check.Check{{Name: "schema/gated-field", Severity: check.Error, Scope: check.Object, Run: j.gated}},
				Targets: []*check.Target{target},
			})
			if len(failures) > 0 {
				t.Fatal(failures)
			}
			var got []string
			for _, f := range result.Findings {
				if errs := strings.Contains(f.Message, " is refused by ") || strings.Contains(f.Message, "the pod waits"); (f.Severity == check.Error) != errs {
					t.Errorf("%s: %s", f.Severity, f.Message)
				}
				got = append(got, f.Path.String()+": "+f.Message)
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for _, want := range test.want {
				if !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, want) }) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

// whole makes of numbers that are whole what manifests have.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			v[key] = whole(item)
		}
	case []any:
		for i, item := range v {
			v[i] = whole(item)
		}
	case float64:
		return int64(v)
	}
	return value
}
