package custom

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// with returns the embedded definitions beside those of these texts, rendered at 1.yaml, 2.yaml and so on, and what is
// wrong with them: what the server refuses and what conflicts.
func with(t testing.TB, crds ...string) (*Definitions, []Fault) {
	t.Helper()
	var all []Rendered
	var faults []Fault
	for i, text := range crds {
		r := Rendered{Definition: Define(object(t, text)), At: fmt.Sprintf("%d.yaml", i+1)}
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

// Of whose word it is, as a Note says.
const (
	istio      = " (so says kgate's definition, of istio.io/api@v1.31.1: an object has to pass every definition of its kind)"
	onlyOurs   = " (so says kgate's definition, of istio.io/api@v1.31.1, not the CustomResourceDefinition rendered at 1.yaml: an object has to pass every definition of its kind)"
	onlyTheirs = " (so says the CustomResourceDefinition rendered at 1.yaml, not kgate's definition, of istio.io/api@v1.31.1: an object has to pass every definition of its kind)"
	theirs     = " (so says the CustomResourceDefinition rendered at 1.yaml: an object has to pass every definition of its kind)"
)

// uncheckedRules is what the server adds where it does not come to the CEL rules.
const uncheckedRules = ": Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation" + onlyOurs + " (FieldValueInvalid)\n"

const server = `{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}`

// TestBothJudge shows that a rendered definition tightens a kind that is embedded and never loosens it.
func TestBothJudge(t *testing.T) {
	serviceEntries := func(rest string) string {
		return strings.NewReplacer("gateways", "serviceentries", "Gateway", "ServiceEntry").Replace(gateways(rest))
	}
	alertmanagers := strings.NewReplacer("gateways", "alertmanagers", "Gateway", "Alertmanager", "networking.istio.io", "monitoring.coreos.com").Replace
	const twoSources = `{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: a}, spec: {hosts: [a.example], ports: [{number: 80, name: http}], resolution: STATIC, workloadSelector: {labels: {a: b}}, endpoints: [{address: 10.0.0.1}]}}`
	for _, test := range []struct{ name, crd, object, want string }{
		{"both admit", gateways(open), gateway("{servers: [" + server + "]}"), ""},
		{"an unknown field that is let through", gateways(open), gateway("{colour: red}"), "spec.colour: field not declared in schema" + onlyOurs + " (ApplyError)\n"},
		{"an unknown field that is declared", gateways("{type: object, properties: {colour: {type: string}}}"), gateway("{colour: red}"), "spec.colour: field not declared in schema" + onlyOurs + " (ApplyError)\n"},
		{"a field that is required no more", gateways(open), gateway("{servers: [{port: {number: 80, name: http, protocol: HTTP}}]}"), "spec.servers[0].hosts: Required value" + onlyOurs + " (FieldValueRequired)\n" + uncheckedRules},
		{"an enum that is wider", gateways(open), gateway("{servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: OPEN}}]}"),
			`spec.servers[0].tls.mode: Unsupported value: "OPEN": supported values: "PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"` + onlyOurs + " (FieldValueNotSupported)\n" + uncheckedRules},
		{"a type that is wider", gateways(open), gateway("{servers: [{port: {number: '80', name: http, protocol: HTTP}, hosts: ['*']}]}"),
			"spec.servers[0].port.number: expected numeric (int or float), got string" + onlyOurs + " (ApplyError)\n"},
		{"a CEL rule that is gone", serviceEntries(open), twoSources, "spec: Invalid value: only one of WorkloadSelector or Endpoints can be set" + onlyOurs + " (FieldValueInvalid)\n"},
		{"keys of a list that are gone", alertmanagers(gateways(open)),
			"{apiVersion: monitoring.coreos.com/v1, kind: Alertmanager, metadata: {name: a}, spec: {hostAliases: [{ip: 10.0.0.1, hostnames: [a]}, {ip: 10.0.0.1, hostnames: [b]}]}}",
			`spec.hostAliases: duplicate entries for key [ip="10.0.0.1"]` + strings.Replace(onlyOurs, "istio.io/api@v1.31.1", "github.com/prometheus-operator/prometheus-operator@v0.85.0", 1) + " (ApplyError)\n"},
		{"a version that is served no more", strings.Replace(gateways(open), "name: v1", "name: v9", 1), gateway("{servers: [" + server + "]}"),
			`apiVersion: no matches for kind "Gateway" in version "networking.istio.io/v1"` + onlyTheirs + " (ApplyError)\n"},
		{"a version that is not served", strings.Replace(gateways(open), "served: true", "served: false", 1), gateway("{servers: [" + server + "]}"),
			`apiVersion: no matches for kind "Gateway" in version "networking.istio.io/v1"` + onlyTheirs + " (ApplyError)\n"},
		{"a version that is added", strings.Replace(gateways("{type: object, properties: {colour: {type: string}}}"), "name: v1", "name: v9", 1),
			strings.Replace(gateway("{shade: red}"), "/v1", "/v9", 1), "spec.shade: field not declared in schema (ApplyError)\n"},
		{"another scope", strings.Replace(gateways(open), "scope: Namespaced", "scope: Cluster", 1), gateway("{colour: red}"), "spec.colour: field not declared in schema" + onlyOurs + " (ApplyError)\n"},
		{"another plural", strings.ReplaceAll(gateways(open), "gateways", "doors"), gateway("{colour: red}"), "spec.colour: field not declared in schema" + onlyOurs + " (ApplyError)\n"},
		{"tighter", gateways("{type: object, properties: {servers: {type: array, maxItems: 0, items: " + open + "}}}"), gateway("{servers: [" + server + "]}"),
			"spec.servers: Too many: 1: must have at most 0 items" + onlyTheirs + " (FieldValueTooMany)\n"},
		{"tighter, with a rule", gateways("{type: object, x-kubernetes-preserve-unknown-fields: true, x-kubernetes-validations: [{rule: 'false', message: never}]}"), gateway("{servers: [" + server + "]}"),
			"spec: Invalid value: never" + onlyTheirs + " (FieldValueInvalid)\n"},
		{"the same word of both", gateways("{type: object, properties: {servers: {type: array, items: " + open + "}}}"), gateway("{colour: red}"), "spec.colour: field not declared in schema (ApplyError)\n"},
		{"a word of each", gateways("{type: object, properties: {colour: {type: string}}}"), gateway("{colour: red, servers: [" + server + "]}"),
			"spec.colour: field not declared in schema" + istio + " (ApplyError)\nspec.servers: field not declared in schema" + theirs + " (ApplyError)\n"},
		{"a definition that the server refuses", gateways("{enum: [red]}"), gateway("{colour: red}"), "spec.colour: field not declared in schema (ApplyError)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, _ := with(t, test.crd)
			expect(t, d, test.object, test.want)
		})
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
	const ours = "kgate's definition, of istio.io/api@v1.31.1"
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

// TestWhatKindsAre shows that a rendered definition changes neither the resource nor the scope of an embedded kind.
func TestWhatKindsAre(t *testing.T) {
	d, _ := with(t, strings.NewReplacer("gateways", "doors", "scope: Namespaced", "scope: Cluster").Replace(gateways(open)))
	kind := kindOf(object(t, gateway("{}")))
	if resource, err := d.Resource(kind); err != nil || resource.Resource != "gateways" || !d.Namespaced(kind) {
		t.Errorf("it is %v, in a namespace: %v, %v", resource, d.Namespaced(kind), err)
	}
	if d.Knows(kind.GroupKind().WithVersion("v9")) || !d.Knows(kind.GroupKind().WithVersion("v1beta1")) {
		t.Error("a version counts as served that no definition serves, or one does not that the embedded one serves")
	}
	created, err := d.Create(object(t, gateway("{servers: ["+server+"]}")))
	if err != nil || len(created) != 2 {
		t.Errorf("%d creations, %v; there is one for each definition", len(created), err)
	}
}
