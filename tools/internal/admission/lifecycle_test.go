package admission

import "testing"

func TestRemoval(t *testing.T) {
	for _, test := range []struct{ apiVersion, kind, want string }{
		{"apps/v1", "Deployment", ""},
		{"example.com/v1", "Thing", ""},
		{"extensions/v1beta1", "Deployment", "Kubernetes 1.16 removed it: use apps/v1"},
		{"extensions/v1beta1", "Ingress", "Kubernetes 1.22 removed it: use networking.k8s.io/v1"},
		{"networking.k8s.io/v1beta1", "Ingress", "Kubernetes 1.22 removed it: use networking.k8s.io/v1"},
		{"batch/v1beta1", "CronJob", "Kubernetes 1.25 removed it: use batch/v1"},
		{"policy/v1beta1", "PodDisruptionBudget", "Kubernetes 1.25 removed it: use policy/v1"},
		{"policy/v1beta1", "PodSecurityPolicy", "Kubernetes 1.25 removed it: label the namespace with a Pod Security level"},
		{"autoscaling/v2beta2", "HorizontalPodAutoscaler", "Kubernetes 1.26 removed it: use autoscaling/v2"},
		{"flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "Kubernetes 1.32 removed it: use flowcontrol.apiserver.k8s.io/v1"},
		{"apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "Kubernetes 1.22 removed it: use apiextensions.k8s.io/v1"},
		{"rbac.authorization.k8s.io/v1beta1", "Role", "Kubernetes 1.22 removed it: use rbac.authorization.k8s.io/v1"},
	} {
		if got := Removal(test.apiVersion, test.kind); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.apiVersion, test.kind, got, test.want)
		}
	}
}
