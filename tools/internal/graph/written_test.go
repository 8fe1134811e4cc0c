package graph

import (
	"fmt"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestWrittenOf(t *testing.T) {
	const head = "metadata: {name: a, namespace: shop}\n"
	for name, test := range map[string]struct {
		document string
		want     []string
	}{
		"by its name":               {"apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n" + head, []string{"Secret shop/a"}},
		"by a field":                {"apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n" + head + "spec: {target: {name: b}}", []string{"Secret shop/b"}},
		"another kind":              {"apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n" + head + "spec: {target: {manifest: {kind: ConfigMap}}}", []string{"Secret shop/a", "ConfigMap shop/a"}},
		"by a field that is needed": {"apiVersion: cert-manager.io/v1\nkind: Certificate\n" + head + "spec: {dnsNames: [a]}", nil},
		"anywhere":                  {"apiVersion: trust.cert-manager.io/v1alpha1\nkind: Bundle\nmetadata: {name: ca}", []string{"ConfigMap */ca", "Secret */ca"}},
		"several":                   {"apiVersion: isindir.github.com/v1alpha3\nkind: SopsSecret\n" + head + "spec: {secretTemplates: [{name: b}, {name: c}]}", []string{"Secret shop/b", "Secret shop/c"}},
		"a connection":              {"apiVersion: example.com/v1\nkind: Database\n" + head + "spec: {writeConnectionSecretToRef: {name: b}}", []string{"Secret shop/b"}},
		"a connection elsewhere":    {"apiVersion: example.com/v1\nkind: Database\n" + head + "spec: {writeConnectionSecretToRef: {name: b, namespace: infra}}", []string{"Secret infra/b"}},
		"an Ingress":                {"apiVersion: networking.k8s.io/v1\nkind: Ingress\n" + head + "spec: {tls: [{secretName: b}]}", nil},
		"a Gateway that asks": {
			"apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a, namespace: shop, annotations: {cert-manager.io/issuer: i}}\n" +
				"spec: {listeners: [{name: a}, {name: b, tls: {certificateRefs: [{name: b}, {name: c, namespace: other}, {name: d, kind: ConfigMap}]}}]}",
			[]string{"Secret shop/b"},
		},
		"an Ingress that asks": {
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a, namespace: shop, annotations: {kubernetes.io/tls-acme: 'true'}}\nspec: {tls: [{secretName: b}, {hosts: [a]}]}",
			[]string{"Secret shop/b"},
		},
		"a Service": {"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop, annotations: {service.beta.openshift.io/serving-cert-secret-name: b}}", []string{"Secret shop/b"}},
		"a database": {"apiVersion: acid.zalan.do/v1\nkind: postgresql\n" + head + "spec: {users: {my_app: []}}", []string{
			"Secret shop/postgres.a.credentials.postgresql.acid.zalan.do", "Secret shop/standby.a.credentials.postgresql.acid.zalan.do",
			"Service shop/a", "Service shop/a-pooler", "Service shop/a-repl", "Secret shop/my-app.a.credentials.postgresql.acid.zalan.do",
		}},
		"nothing": {"apiVersion: v1\nkind: ConfigMap\n" + head, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var value map[string]any
			if err := yaml.Unmarshal([]byte(test.document), &value); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range WrittenOf(&manifest.Object{ID: manifest.Identify(value), Value: value}) {
				got = append(got, fmt.Sprintf("%s %s/%s", w.Kind, w.Namespace, w.Name))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
