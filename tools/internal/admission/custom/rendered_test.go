package custom

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// with returns the embedded definitions beside those of these texts, rendered at 1.yaml, 2.yaml and so on, and what is
// wrong with them: what the server refuses and what conflicts.
func with(t testing.TB, crds ...string) (*Definitions, []Fault) {
	t.Helper()
	var all []Rendered
	var faults []Fault
	for i, text := range crds {
		value := object(t, text)
		r := Rendered{Definition: Define(value), At: fmt.Sprintf("%d.yaml", i+1), Stated: Stated(value), Source: manifest.Position{File: fmt.Sprintf("%d.yaml", i+1)}}
		found, err := r.Faults()
		if err != nil {
			t.Fatal(err)
		}
		all, faults = append(all, r), append(faults, found...)
	}
	d := known(t).With(all)
	for _, r := range all {
		faults = append(faults, d.Conflicts(r)...)
	}
	return d, faults
}

// gateways is a definition of Istio's Gateway in one version, whose spec has this schema.
func gateways(spec string) string {
	return `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gateways.networking.istio.io}
spec:
  group: networking.istio.io
  scope: Namespaced
  names: {kind: Gateway, plural: gateways}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema: {type: object, properties: {spec: ` + spec + `}}
`
}

const open = "{type: object, x-kubernetes-preserve-unknown-fields: true}"

func gateway(spec string) string {
	return "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a, namespace: b}, spec: " + spec + "}"
}

// istio is the release that the catalogue has of Istio.
const istio = "istio.io/api@v1.32.0"

const server = `{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}`

// TestRenderedJudges shows that a rendered definition judges in place of an embedded one, and what the catalogue then says of it.
func TestRenderedJudges(t *testing.T) {
	serviceEntries := func(rest string) string {
		return strings.NewReplacer("gateways", "serviceentries", "Gateway", "ServiceEntry").Replace(gateways(rest))
	}
	alertmanagers := strings.NewReplacer("gateways", "alertmanagers", "Gateway", "Alertmanager", "networking.istio.io", "monitoring.coreos.com").Replace
	of := func(version, crd string) string {
		return strings.Replace(crd, "metadata: {", `metadata: {labels: {app.kubernetes.io/version: "`+version+`"}, `, 1)
	}
	const twoSources = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: [a.example], ports: [{number: 80, name: http}], resolution: STATIC, workloadSelector: {labels: {a: b}}, endpoints: [{address: 10.0.0.1}]}}`
	const coloured = "{type: object, properties: {colour: {type: string}}}"
	const unknown = "spec.colour: field not declared in schema (ApplyError)\n"
	const unchecked = ": Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation (FieldValueInvalid)\n"
	for _, test := range []struct{ name, crd, object, want, catalogue string }{
		{"both admit", gateways(open), gateway("{servers: [" + server + "]}"), "", ""},
		{"an unknown field that is let through", gateways(open), gateway("{colour: red}"), "", unknown},
		{"an unknown field that is declared", gateways(coloured), gateway("{colour: red}"), "", unknown},
		{"one that a newer release declares", of("v1.33.0", gateways(coloured)), gateway("{colour: red}"), "", ""},
		{"one that an older release declares", of("v1.31.0", gateways(coloured)), gateway("{colour: red}"), "", unknown},
		{"one that the same release declares", of("v1.32.0", gateways(coloured)), gateway("{colour: red}"), "", unknown},
		{"one that a stub lets through, whatever it says it is", of("v1.33.0", gateways(open)), gateway("{colour: red}"), "", unknown},
		{"a field that is required no more", gateways(open), gateway("{servers: [{port: {number: 80, name: http, protocol: HTTP}}]}"), "", "spec.servers[0].hosts: Required value (FieldValueRequired)\n" + unchecked},
		{"an enum that is wider", gateways(open), gateway("{servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: OPEN}}]}"), "",
			`spec.servers[0].tls.mode: Unsupported value: "OPEN": supported values: "PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"` + " (FieldValueNotSupported)\n" + unchecked},
		{"a type that is wider", gateways(open), gateway("{servers: [{port: {number: '80', name: http, protocol: HTTP}, hosts: ['*']}]}"), "",
			"spec.servers[0].port.number: expected numeric (int or float), got string (ApplyError)\n"},
		{"a CEL rule that is gone", serviceEntries(open), twoSources, "", "spec: Invalid value: only one of WorkloadSelector or Endpoints can be set (FieldValueInvalid)\n"},
		{"keys of a list that are gone", alertmanagers(gateways(open)),
			"{apiVersion: monitoring.coreos.com/v1, kind: Alertmanager, metadata: {name: a}, spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [a]}, {ip: 10.0.0.1, hostnames: [b]}]}}",
			"", `spec.hostAliases: duplicate entries for key [ip="10.0.0.1"]` + " (ApplyError)\n"},
		{"a version that is added", strings.Replace(gateways(coloured), "name: v1", "name: v9", 1), strings.Replace(gateway("{colour: red}"), "/v1", "/v9", 1), "", ""},
		{"a version that is added, tighter", strings.Replace(gateways(coloured), "name: v1", "name: v9", 1),
			strings.Replace(gateway("{shade: red}"), "/v1", "/v9", 1), "spec.shade: field not declared in schema (ApplyError)\n", ""},
		{"tighter", gateways("{type: object, properties: {servers: {type: array, maxItems: 0, items: " + open + "}}}"), gateway("{servers: [" + server + "]}"),
			"spec.servers: Too many: 1: must have at most 0 items (FieldValueTooMany)\n", ""},
		{"tighter, with a rule", gateways("{type: object, x-kubernetes-preserve-unknown-fields: true, x-kubernetes-validations: [{rule: 'false', message: never}]}"), gateway("{servers: [" + server + "]}"),
			"spec: Invalid value: never (FieldValueInvalid)\n", ""},
		{"refused by both", gateways("{type: object, properties: {servers: {type: array, items: " + open + "}}}"), gateway("{colour: red}"), unknown, ""},
		{"a definition that the server refuses", gateways("{enum: [red]}"), gateway("{colour: red}"),
			"spec.colour: field not declared in schema (so says kgate's definition, of " + istio + ") (ApplyError)\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, _ := with(t, test.crd)
			expect(t, d, test.object, test.want)
			all, err := d.Disagreements(t.Context(), object(t, test.object))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, said := range all {
				if got += lines(said.Faults); said.Definition.File != "1.yaml" || said.Release != istio && !strings.Contains(test.crd, "alertmanagers") {
					t.Errorf("it is said of %s, against %s", said.Definition, said.Release)
				}
			}
			if got != test.catalogue {
				t.Errorf("the catalogue says\n%s\nwant\n%s", got, test.catalogue)
			}
		})
	}
}

// TestVersionsOfRendered shows that a kind has the versions that the rendered definition serves, and no others.
func TestVersionsOfRendered(t *testing.T) {
	for _, crd := range []string{
		strings.Replace(gateways(open), "name: v1", "name: v9", 1),
		strings.Replace(gateways(open), "served: true", "served: false", 1),
	} {
		d, _ := with(t, crd)
		if _, err := d.Validate(t.Context(), object(t, gateway("{}"))); !errors.Is(err, ErrUnknown) {
			t.Errorf("of a version that is not served: %v", err)
		}
	}
}

// TestTwoRendered shows that of two definitions of a kind that nobody else knows both judge.
func TestTwoRendered(t *testing.T) {
	const loose = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
`
	const note = " (so says the CustomResourceDefinition rendered at %s, not the CustomResourceDefinition rendered at %s: an object has to pass every definition of its kind)"
	const small = "{apiVersion: test.example/v1, kind: Widget, metadata: {name: a}, spec: {size: 0}}"
	const fault = "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"
	for _, order := range [][]string{{widgets, loose}, {loose, widgets}} {
		d, faults := with(t, order...)
		if len(faults) > 0 {
			t.Errorf("two of a name:\n%s", lines(faults))
		}
		tight := slices.Index(order, widgets) + 1
		expect(t, d, small, fault+fmt.Sprintf(note, fmt.Sprintf("%d.yaml", tight), fmt.Sprintf("%d.yaml", 3-tight))+" (FieldValueInvalid)\n")
	}
	d, faults := with(t, loose, strings.NewReplacer("widgets", "gadgets").Replace(widgets))
	if want := "spec.names.kind: Invalid value: \"Widget\": the CustomResourceDefinition rendered at 1.yaml defines it already, and a server takes no second definition of a kind (FieldValueInvalid)\n"; lines(faults) != want {
		t.Errorf("got  %swant %s", lines(faults), want)
	}
	expect(t, d, small, fault+fmt.Sprintf(note, "2.yaml", "1.yaml")+" (FieldValueInvalid)\n")
}

func TestConflicts(t *testing.T) {
	const ours = "kgate's definition, of " + istio
	for _, test := range []struct{ name, from, to, want string }{
		{"none", "", "", ""},
		{"a group of one's own", "networking.istio.io", "example.com", ""},
		{"another scope", "scope: Namespaced", "scope: Cluster", `spec.scope: Invalid value: "Cluster": ` + ours + " has scope Namespaced, and a server changes no scope"},
		{"another plural", "gateways", "doors", `spec.names.plural: Invalid value: "doors": ` + ours + ` calls the resource of Gateway "gateways", and a server takes no second definition of a kind`},
		{"another kind", "kind: Gateway", "kind: Door", `spec.names.kind: Invalid value: "Door": ` + ours + " of this name defines Gateway, and a server changes no kind"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := with(t, strings.ReplaceAll(gateways(open), test.from, test.to))
			want := test.want
			if want != "" {
				want += " (FieldValueInvalid)\n"
			}
			if got := lines(faults); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestWhatKindsAre shows that a rendered definition changes neither the resource nor the scope of an embedded kind, and says which
// versions it has.
func TestWhatKindsAre(t *testing.T) {
	d, _ := with(t, strings.NewReplacer("gateways", "doors", "scope: Namespaced", "scope: Cluster").Replace(gateways(open)))
	kind := kindOf(object(t, gateway("{}")))
	if resource, err := d.Resource(kind); err != nil || resource.Resource != "gateways" || !d.Namespaced(kind) {
		t.Errorf("it is %v, in a namespace: %v, %v", resource, d.Namespaced(kind), err)
	}
	if d.Knows(kind.GroupKind().WithVersion("v1beta1")) || !known(t).Knows(kind.GroupKind().WithVersion("v1beta1")) {
		t.Error("a version counts as served that the rendered definition does not serve")
	}
	created, err := d.Create(object(t, gateway("{servers: ["+server+"]}")))
	if err != nil || len(created) != 1 {
		t.Errorf("%d creations, %v", len(created), err)
	}
}
