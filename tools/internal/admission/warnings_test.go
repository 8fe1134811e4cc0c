package admission

import (
	"strings"
	"testing"
)

// What the server warns of is named with the field, in its own words.
func TestWarnings(t *testing.T) {
	const tail = "metadata: {name: a, namespace: shop}\n"
	workload := func(pod string) string {
		return "apiVersion: apps/v1\nkind: Deployment\n" + tail + "spec:\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n" + pod
	}
	for _, c := range []struct{ name, documents, want string }{
		{"a label of nodes that is gone", workload("      nodeSelector: {beta.kubernetes.io/os: linux}\n      containers: [{name: a, image: a}]\n"),
			`spec.template.spec.nodeSelector["beta.kubernetes.io/os"]: the API server warns: deprecated since v1.14; use "kubernetes.io/os" instead`},
		{"a kind that is deprecated", "apiVersion: v1\nkind: Endpoints\n" + tail, `apiVersion: the API server warns: v1 Endpoints is deprecated in v1.33+`},
		{"a finalizer without a domain", "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: a, namespace: shop, finalizers: [mine]}\nspec: {secretName: a, dnsNames: [a.example.com], issuerRef: {name: a}}\n",
			`metadata.finalizers[0]: the API server warns: "mine": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers`},
		{"addresses of a load balancer", "apiVersion: v1\nkind: Service\n" + tail + "spec: {type: LoadBalancer, loadBalancerIP: 10.0.0.1, ports: [{port: 80}]}\n", ``},
		{"an address that is not canonical", "apiVersion: v1\nkind: Service\n" + tail + "spec: {type: LoadBalancer, loadBalancerIP: '2001:DB8::1', ports: [{port: 80}]}\n",
			`spec.loadBalancerIP: the API server warns: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")`},
		{"a field that is deprecated", "apiVersion: v1\nkind: Service\n" + tail + "spec: {externalIPs: [10.0.0.1], ports: [{port: 80}]}\n",
			`spec.externalIPs: the API server warns: spec.externalIPs is deprecated`},
		{"a name with a dot", "apiVersion: v1\nkind: Pod\nmetadata: {name: a.b, namespace: shop}\nspec: {containers: [{name: a, image: a}]}\n",
			`metadata.name: the API server warns: this is used in the Pod's hostname`},
		{"what is refused is no warning", "apiVersion: v1\nkind: Pod\nmetadata: {name: a.b, namespace: shop}\nspec: {containers: []}\n", `spec.containers: spec.containers is empty`},
		{"a certificate that is filled in later", "apiVersion: v1\nkind: Secret\n" + tail + "type: kubernetes.io/tls\nstringData: {tls.crt: x, tls.key: z}\n", ``},
		{"a level that warns", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/warn: baseline}}\n---\n" +
			workload("      hostNetwork: true\n      containers: [{name: a, image: a}]\n"),
			`spec.template.spec: the API server warns: would violate PodSecurity "baseline:latest" of namespace shop: host namespaces (hostNetwork=true)`},
		{"a level that warns below one that is enforced", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/warn: baseline, pod-security.kubernetes.io/enforce: baseline}}\n---\n" +
			workload("      hostNetwork: true\n      containers: [{name: a, image: a}]\n"),
			`spec.template.spec: violates PodSecurity "baseline:latest" of namespace shop`},
		{"a level that is only recorded where another one warns", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/audit: baseline, pod-security.kubernetes.io/warn: privileged}}\n---\n" +
			workload("      hostNetwork: true\n      containers: [{name: a, image: a}]\n"), ``},
		{"a level that is recorded", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {pod-security.kubernetes.io/audit: baseline}}\n---\n" +
			workload("      hostNetwork: true\n      containers: [{name: a, image: a}]\n"),
			`spec.template.spec: is recorded by the API server's audit: would violate PodSecurity "baseline:latest"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := findings(t, c.documents)
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("got %q, want nothing", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one with %s", got, c.want)
			}
		})
	}
}
