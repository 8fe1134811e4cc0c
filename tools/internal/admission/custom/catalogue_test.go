package custom

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	externalSecrets = "github.com/external-secrets/external-secrets"
	gatewayAPI      = "sigs.k8s.io/gateway-api"
)

// TestCatalogue holds the order of the index, by which kinds are looked up, and that each module has a release that holds.
func TestCatalogue(t *testing.T) {
	all := known(t).List()
	modules := known(t).Modules()
	if len(modules) < 50 {
		t.Errorf("there are %d modules", len(modules))
	}
	sorted := slices.IsSortedFunc(all, func(a, b Listed) int {
		return strings.Compare(a.Kind.Group+" "+a.Kind.Kind, b.Kind.Group+" "+b.Kind.Kind)
	})
	if !sorted {
		t.Error("the index is not in order")
	}
	for _, module := range modules {
		if releases := known(t).Releases(module); len(releases) == 0 {
			t.Errorf("%s has no release", module)
		}
	}
	if got := known(t).Releases(externalSecrets); !slices.Equal(got, []string{"v1.3.2", "v0.16.2"}) {
		t.Errorf("External Secrets is there in %v", got)
	}
	if got := known(t).Releases("example.com/nothing"); got != nil {
		t.Errorf("a module that is not there has %v", got)
	}
	for _, kind := range []schema.GroupKind{{Group: "cert-manager.io", Kind: "Cert"}, {Group: "", Kind: ""}, {Group: "cert-manager.io", Kind: "Certificate certificates"}, {Group: "manager.io", Kind: "Certificate"}} {
		if known(t).catalogue.releases(kind) != nil {
			t.Errorf("%s is known", kind)
		}
	}
}

// TestReleases shows which release of an operator judges: the newest that serves the version, or the one that is pinned.
func TestReleases(t *testing.T) {
	pin := func(module, release string) *Definitions {
		return known(t).Pinned(func(of string) string {
			if of == module {
				return release
			}
			return ""
		})
	}
	secret := schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "ExternalSecret"}
	old := secret.GroupKind().WithVersion("v1beta1")
	mesh := schema.GroupVersionKind{Group: "gateway.networking.x-k8s.io", Version: "v1alpha1", Kind: "XMesh"}
	for _, test := range []struct {
		name      string
		by        *Definitions
		kind      schema.GroupVersionKind
		knows     bool
		deprecate string
	}{
		{"the newest", known(t), secret, true, ""},
		{"a version of an older release", known(t), old, true, "external-secrets.io/v1beta1 is served by " + externalSecrets + " v0.16.2 and no longer by " + externalSecrets + " v1.3.2, which serves v1"},
		{"that is pinned", pin(externalSecrets, "v0.16.2"), old, true, ""},
		{"the newest, pinned", pin(externalSecrets, "v1.3.2"), old, false, ""},
		{"another operator is pinned", pin(gatewayAPI, "v1.7.0/standard"), secret, true, ""},
		{"a channel", known(t), mesh, true, ""},
		{"the other channel", pin(gatewayAPI, "v1.7.0/standard"), mesh, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.by.Knows(test.kind); got != test.knows {
				t.Errorf("known: %v", got)
			}
			got := test.by.Deprecation(test.kind)
			if (test.deprecate == "") != (got == "") || !strings.Contains(got, test.deprecate) {
				t.Errorf("it says %q, want %q", got, test.deprecate)
			}
		})
	}
	value := object(t, "{apiVersion: external-secrets.io/v1beta1, kind: ExternalSecret, metadata: {name: a, namespace: b}, spec: {secretStoreRef: {name: c}, data: [{secretKey: d, remoteRef: {key: e}}]}}")
	expect(t, known(t), "{apiVersion: external-secrets.io/v1beta1, kind: ExternalSecret, metadata: {name: a}, spec: {colour: red}}",
		"spec.colour: field not declared in schema (so says kgate's definition, of "+externalSecrets+"@v0.16.2) (ApplyError)\n")
	if faults, err := known(t).Validate(t.Context(), value); err != nil || len(faults) > 0 {
		t.Errorf("%v\n%s", err, lines(faults))
	}
}

// TestExtensions holds that kinds are taken which others patch into the enumerations of Flux, and a misspelt one is not.
func TestExtensions(t *testing.T) {
	const alert = "{apiVersion: notification.toolkit.fluxcd.io/v1beta3, kind: Alert, metadata: {name: a}, spec: {providerRef: {name: b}, eventSources: [{kind: %s, name: '*'}]}}"
	const receiver = "{apiVersion: notification.toolkit.fluxcd.io/v1, kind: Receiver, metadata: {name: a}, spec: {type: generic, secretRef: {name: b}, resources: [{kind: %s, name: c}]}}"
	for _, test := range []struct {
		object, kind string
		taken        bool
	}{
		{alert, "Kustomization", true}, {alert, "FluxInstance", true}, {alert, "ResourceSet", true}, {alert, "ResourceSetInputProvider", true},
		{alert, "Terraform", true}, {alert, "Component", true}, {alert, "Fluxinstance", false},
		{receiver, "FluxInstance", true}, {receiver, "ResourceSetInputProvider", true}, {receiver, "Terraform", true}, {receiver, "ResourceSets", false},
	} {
		faults, err := known(t).Validate(t.Context(), object(t, fmt.Sprintf(test.object, test.kind)))
		if err != nil || (len(faults) == 0) != test.taken {
			t.Errorf("%s: %v\n%s", test.kind, err, lines(faults))
		}
	}
}

func TestDeprecation(t *testing.T) {
	d, _ := with(t, strings.Replace(widgets, "served: true", "served: true\n    deprecated: true", 1))
	kind := schema.GroupVersionKind{Group: "test.example", Version: "v1", Kind: "Widget"}
	if got, want := d.Deprecation(kind), "test.example/v1 Widget is deprecated (so says the CustomResourceDefinition rendered at 1.yaml)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := known(t).Deprecation(kind); got != "" {
		t.Errorf("of a kind that is unknown it says %q", got)
	}
}

func TestRenamed(t *testing.T) {
	if got := Renamed("traefik.containo.us"); got != "traefik.io" {
		t.Errorf("got %q", got)
	}
	if got := Renamed("traefik.io"); got != "" {
		t.Errorf("got %q", got)
	}
	for line := range strings.Lines(renamedGroups) {
		f := strings.Fields(line)
		if len(f) != 2 || len(known(t).catalogue.inGroup(f[1])) == 0 || len(known(t).catalogue.inGroup(f[0])) > 0 {
			t.Errorf("renamed.txt: %q is not an old group and one that the catalogue has", line)
		}
	}
}

func TestStated(t *testing.T) {
	for text, want := range map[string]string{
		"{metadata: {labels: {app.kubernetes.io/version: v1.2.3}}}":                            "1.2.3",
		"{metadata: {annotations: {gateway.networking.k8s.io/bundle-version: v1.7.0}}}":        "1.7.0",
		"{metadata: {annotations: {operator.prometheus.io/version: 0.90.0}}}":                  "0.90.0",
		"{metadata: {annotations: {controller-gen.kubebuilder.io/version: v0.19.0}}}":          "",
		"{metadata: {labels: {app.kubernetes.io/version: latest, example.com/other: v1.0.0}}}": "",
		"{metadata: {labels: {app.kubernetes.io/version: {}}}}":                                "",
		"{}": "",
	} {
		if got := Stated(object(t, "{apiVersion: v1, kind: A, "+text[1:])); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
