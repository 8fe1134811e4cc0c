package custom

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// widgets is a definition with something for each phase of the server.
const widgets = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.test.example}
spec:
  group: test.example
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .spec.selector}
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            x-kubernetes-validations:
            - {rule: "!has(self.max) || self.size <= self.max", message: size is above max, fieldPath: .size}
            properties:
              size: {type: integer, minimum: 1}
              max: {type: integer}
              mode: {type: string, enum: [fast, safe], default: safe}
              note: {type: string, nullable: true, maxLength: 5}
              plain: {type: string}
              needed: {type: string, default: there}
              replicas: {type: integer}
              selector: {type: string}
              when: {type: string, format: date-time}
              either: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: integer}}}
              open: {type: object}
              tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, count: {type: integer, default: 1, minimum: 1}}
              labels: {type: object, additionalProperties: {type: string, pattern: "^[a-z]+$"}}
              template:
                type: object
                x-kubernetes-embedded-resource: true
                x-kubernetes-preserve-unknown-fields: true
              ratio: {type: number}
          status: {type: object, required: [phase], properties: {phase: {type: string}, replicas: {type: integer}}}
  - name: v0
    served: false
    storage: false
    schema: {openAPIV3Schema: {type: object}}
`

func withWidgets(t testing.TB) *Definitions {
	t.Helper()
	d, faults := with(t, widgets)
	if len(faults) > 0 {
		t.Fatalf("the definition is refused:\n%s", lines(faults))
	}
	return d
}

// unchecked is what the server adds where it has not come to the CEL rules.
const unchecked = ": Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation (FieldValueInvalid)\n"

func TestFaults(t *testing.T) {
	d := withWidgets(t)
	long := strings.Repeat("a", 300)
	for _, test := range []struct{ name, spec, want string }{
		{"valid", `{size: 1}`, ``},
		{"status is discarded", `{size: 1}, status: {}`, ``},
		{"null in what is discarded", `{size: 1}, status: {phase: null}`, ``},
		{"null where nullable", `{size: 1, note: null}`, ``},
		{"null where there is a default", `{size: 1, mode: null}`, ``},
		{"fields kept unknown", `{size: 1, free: {known: 1, other: [1, {a: null}]}, open: {a: 1}}`, ``},
		{"an embedded object", `{size: 1, template: {apiVersion: v1, kind: Pod, metadata: {name: a, labels: {b: c}}, spec: {any: thing}}}`, ``},
		{"a whole number for a ratio", `{size: 1, ratio: 2}`, ``},
		{"either form", `{size: 1, either: 5%}`, ``},

		// Server-side apply
		{"unknown fields, all of them", `{size: 1, sice: 2, tags: [], parts: [{name: a, nmae: b}], template: {apiVersion: v1, kind: Pod, metadata: {nmae: a}}}, status: {fase: a}`,
			"spec.parts[0].nmae: field not declared in schema (ApplyError)\n" +
				"spec.sice: field not declared in schema (ApplyError)\n" +
				"spec.template.metadata.nmae: field not declared in schema (ApplyError)\n" +
				"status.fase: field not declared in schema (ApplyError)\n"},
		{"an unknown field at the root", `{size: 1}, spce: {}`, "spce: field not declared in schema (ApplyError)\n"},
		{"a wrong type in what is discarded", `{size: 1}, status: {phase: 1}`, "status.phase: expected string, got &value.valueUnstructured{Value:1} (ApplyError)\n"},
		{"a list map that repeats a key", `{size: 1, parts: [{name: a}, {name: b}, {name: a}]}`, "spec.parts: duplicate entries for key [name=\"a\"] (ApplyError)\n"},
		{"a list map without the key", `{size: 1, parts: [{count: 1}]}`, "spec.parts: element 0: associative list with keys has an element that omits all key fields [\"name\"] (and doesn't have default values for any key fields) (ApplyError)\n"},
		{"a set that repeats", `{size: 1, tags: [a, a]}`, "spec.tags: duplicate entries for key [=\"a\"] (ApplyError)\n"},
		{"null in a set", `{size: 1, tags: [a, null]}`, "spec.tags: element 1: associative list without keys has an element that's an explicit null (ApplyError)\n"},
		{"a wrong type below a list map", `{size: 1, parts: [{name: a}, {name: b, count: x}]}`, "spec.parts[1].count: expected numeric (int or float), got string (ApplyError)\n"},
		{"a wrong type in a map", `{size: 1, labels: {a.b/c: 1}}`, "spec.labels[\"a.b/c\"]: expected string, got &value.valueUnstructured{Value:1} (ApplyError)\n"},
		{"a map for a list", `{size: 1, tags: {}}`, "spec.tags: expected list, got &{map[]} (ApplyError)\n"},
		{"a list for a map", `[]`, "spec: expected map, got &{[]} (ApplyError)\n"},

		// Validation
		{"required", `{}`, "spec.size: Required value (FieldValueRequired)\n" + unchecked},
		{"nothing at all", `null`, "spec: Invalid value: \"null\": spec in body must be of type object: \"null\" (FieldValueTypeInvalid)\n" + unchecked},
		{"null", `{size: 1, plain: null}`, "spec.plain: Invalid value: \"null\": spec.plain in body must be of type string: \"null\" (FieldValueTypeInvalid)\n" + unchecked},
		{"a fraction for an integer", `{size: 1.5}`, "spec.size: Invalid value: \"number\": spec.size in body must be of type integer: \"number\" (FieldValueTypeInvalid)\n: Invalid value: \"\": Checked value must be of type integer (default format) in spec.size (FieldValueInvalid)\n" + unchecked},
		{"an enum", `{size: 1, mode: slow}`, "spec.mode: Unsupported value: \"slow\": supported values: \"fast\", \"safe\" (FieldValueNotSupported)\n" + unchecked},
		{"a minimum", `{size: 0}`, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1 (FieldValueInvalid)\n"},
		{"a length", `{size: 1, note: abcdef}`, "spec.note: Too long: may not be more than 5 bytes (FieldValueTooLong)\n" + unchecked},
		{"a format", `{size: 1, when: today}`, "spec.when: Invalid value: \"today\": spec.when in body must be of type date-time: \"today\" (FieldValueTypeInvalid)\n" + unchecked},
		{"a pattern in a map", `{size: 1, labels: {a.b/c: A}}`, "spec.labels[\"a.b/c\"]: Invalid value: \"A\": spec.labels.a.b/c in body should match '^[a-z]+$' (FieldValueInvalid)\n"},
		{"a minimum in a list", `{size: 1, parts: [{name: a}, {name: b, count: 0}]}`, "spec.parts[1].count: Invalid value: 0: spec.parts[1].count in body should be greater than or equal to 1 (FieldValueInvalid)\n"},
		{"replicas", `{size: 1, replicas: -1}`, "spec.replicas: Invalid value: -1: should be a non-negative integer (FieldValueInvalid)\n"},
		{"replicas above what a Scale holds", `{size: 1, replicas: 3000000000}`, "spec.replicas: Invalid value: 3000000000: should be less than or equal to 2147483647 (FieldValueInvalid)\n"},
		{"an embedded object without kind", `{size: 1, template: {apiVersion: v1}}`, "spec.template.kind: Required value (FieldValueRequired)\n" + unchecked},
		{"metadata of an embedded object", `{size: 1, template: {apiVersion: v1, kind: Pod, metadata: {labels: {"a b": c}}}}`, "spec.template.metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') (FieldValueInvalid)\n"},
		{"a rule", `{size: 3, max: 2}`, "spec.size: Invalid value: size is above max (FieldValueInvalid)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			expect(t, d, "{apiVersion: test.example/v1, kind: Widget, metadata: {name: a}, spec: "+test.spec+"}", test.want)
		})
	}

	for _, test := range []struct{ name, metadata, want string }{
		{"all of it", `{name: a.b, namespace: ns, labels: {a/b: c}, annotations: {a/b: "any thing"}, finalizers: [a.b/c], ownerReferences: [{apiVersion: v1, kind: Pod, name: a, uid: b}]}`, ``},
		{"no name", `{}`, "metadata.name: Required value: name or generateName is required (FieldValueRequired)\n" + unchecked},
		{"a name to be generated", `{generateName: a-}`, ``},
		{"a bad name", `{name: A_b}`, "metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*') (FieldValueInvalid)\n"},
		{"a bad namespace", `{name: a, namespace: a.b}`, "metadata.namespace: Invalid value: \"a.b\": must not contain dots (FieldValueInvalid)\n"},
		{"a label", `{name: a, labels: {a: "b c"}}`, "metadata.labels: Invalid value: \"b c\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?') (FieldValueInvalid)\n"},
		{"a label that is no text", `{name: a, labels: {a: 1}}`, "metadata.labels.a: expected string, got &value.valueUnstructured{Value:1} (ApplyError)\n"},
		{"annotations", `{name: a, annotations: {a: ` + strings.Repeat("x", 262144) + `}}`, "metadata.annotations: Too long: may not be more than 262144 bytes (FieldValueTooLong)\n" + unchecked},
		{"a finalizer", `{name: a, finalizers: [` + long + `/a]}`, "metadata.finalizers: Invalid value: \"" + long + "/a\": prefix part must be no more than 253 bytes (FieldValueInvalid)\n"},
		{"an owner", `{name: a, ownerReferences: [{apiVersion: v1, kind: "", name: a, uid: b}]}`, "metadata.ownerReferences[0].kind: Required value: must not be empty (FieldValueRequired)\n" + unchecked},
		{"unknown metadata", `{name: a, lables: {}}`, "metadata.lables: field not declared in schema (ApplyError)\n"},
		{"managed fields", `{name: a, managedFields: []}`, "metadata.managedFields: metadata.managedFields must be nil (ApplyError)\n"},
		{"managed fields that are none", `{name: a, managedFields: [1]}`, "metadata.managedFields[0]: expected map, got &{1} (ApplyError)\n"},
		{"a resource version", `{name: a, resourceVersion: "12"}`, ""},
		{"a resource version that is no number", `{name: a, resourceVersion: b}`, "metadata.resourceVersion: strconv.ParseUint: parsing \"b\": invalid syntax (ApplyError)\n"},
		{"a uid", `{name: a, uid: b}`, "metadata.uid: uid mismatch: the provided object specified uid b, and no existing object was found (ApplyError)\n"},
	} {
		t.Run("metadata: "+test.name, func(t *testing.T) {
			expect(t, d, "{apiVersion: test.example/v1, kind: Widget, metadata: "+test.metadata+", spec: {size: 1}}", test.want)
		})
	}
}

func expect(t *testing.T, d *Definitions, text, want string) {
	t.Helper()
	o := object(t, text)
	before := asJSON(t, o)
	faults, err := d.Validate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(faults); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if schema, err := d.Structure(t.Context(), o); err != nil || len(faults) == 0 && len(schema) > 0 {
		t.Errorf("the schema alone refuses what the server takes: %v\n%s", err, lines(schema))
	}
	if after := asJSON(t, o); after != before {
		t.Errorf("the object was changed:\n%s\n%s", before, after)
	}
}

func TestUnknownKinds(t *testing.T) {
	d := withWidgets(t)
	for text, known := range map[string]bool{
		"{apiVersion: test.example/v1, kind: Widget}":           true,
		"{apiVersion: test.example/v0, kind: Widget}":           false, // not served
		"{apiVersion: test.example/v2, kind: Widget}":           false,
		"{apiVersion: test.example/v1, kind: Wodget}":           false,
		"{apiVersion: networking.istio.io/v1, kind: Gateway}":   true,
		"{apiVersion: networking.istio.io/v1, kind: Ingress}":   false,
		"{apiVersion: v1, kind: Pod}":                           false,
		"{apiVersion: networking.istio.io/v1/2, kind: Gateway}": false,
		"{apiVersion: 1, kind: {}}":                             false,
		"{}":                                                    false,
	} {
		o := object(t, text)
		if got := d.Knows(kindOf(o)); got != known {
			t.Errorf("%s: known is %v", text, got)
		}
		if _, err := d.Validate(t.Context(), o); errors.Is(err, ErrUnknown) == known {
			t.Errorf("%s: %v", text, err)
		}
		if got := d.Namespaced(kindOf(o)); got != known {
			t.Errorf("%s: namespaced is %v", text, got)
		}
	}
	catalog := object(t, "{apiVersion: postgresql.cnpg.io/v1, kind: ClusterImageCatalog, metadata: {name: a, namespace: ignored}, spec: {images: [{major: 17, image: a}]}}")
	if d.Namespaced(kindOf(catalog)) {
		t.Error("ClusterImageCatalog is not in a namespace")
	}
	if faults, err := d.Validate(t.Context(), catalog); err != nil || len(faults) > 0 {
		t.Errorf("the server clears the namespace of what has none: %v\n%s", err, lines(faults))
	}
}

func TestValidateDefinition(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{"valid", "", "", ""},
		{"a name of another plural", "name: widgets.test.example", "name: wodgets.test.example", "metadata.name: Invalid value: \"wodgets.test.example\": must be spec.names.plural+\".\"+spec.group (FieldValueInvalid)\n"},
		{"an unknown field", "scope: Namespaced", "scope: Namespaced\n  scpoe: a", "spec.scpoe: unknown field \"spec.scpoe\" (StrictDecodingError)\n"},
		{"a wrong type", "served: true", "served: 'yes'", "spec.versions: json: cannot unmarshal string into Go struct field CustomResourceDefinitionVersion.spec.versions.served of type bool (DecodingError)\n"},
		{"not structural", "plain: {type: string}", "plain: {anyOf: [{type: string}]}", "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.plain.anyOf[0].type: Forbidden: must be empty to be structural (FieldValueForbidden)\nspec.versions[0].schema.openAPIV3Schema.properties.spec.properties.plain.type: Required value: must not be empty for specified object fields (FieldValueRequired)\n"},
		{"a rule that does not compile", "self.size <= self.max", "self.sice <= self.max", "?undefined field 'sice'"},
		{"a rule that may cost too much", "max: {type: integer}", "max: {type: integer}\n              all: {type: array, items: {type: object, properties: {a: {type: array, items: {type: string}}}}, x-kubernetes-validations: [{rule: 'self.all(x, self.all(y, x.a.all(z, z in y.a)))'}]}", "?exceeds budget"},
		{"a rule over what is no list", "{rule: \"!has(self.max) ||", "{rule: \"self.all(k, true) ||", "?expression of type 'selfType' cannot be range"},
		{"a bad column", "subresources:", "additionalPrinterColumns: [{name: a, type: text, jsonPath: .a}]\n    subresources:", "?spec.versions[0].additionalPrinterColumns[0].type: "},
		{"a bad path of replicas", "specReplicasPath: .spec.replicas", "specReplicasPath: .replicas", "?spec.versions[0].subresources.scale.specReplicasPath: "},
		{"a webhook without a client", "scope: Namespaced", "scope: Namespaced\n  conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {}}}", "?spec.conversion.webhook.clientConfig: "},
		{"no storage version", "storage: true", "storage: false", "?must have exactly one version marked as storage version"},
		{"a default that does not fit", "default: safe", "default: slow", "?Unsupported value: \"slow\""},
		{"a protected group", "test.example", "test.k8s.io", "?protected groups must have approval annotation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults, err := ValidateDefinition(object(t, strings.ReplaceAll(widgets, test.from, test.to)))
			if err != nil {
				t.Fatal(err)
			}
			got := lines(faults)
			if part, ok := strings.CutPrefix(test.want, "?"); ok && !strings.Contains(got, part) || !ok && got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	if _, err := ValidateDefinition(object(t, "{apiVersion: v1, kind: Pod}")); err == nil {
		t.Error("a Pod was taken for a definition")
	}
}

// TestOwnManifests holds what this repository deploys to the verdict: all of it must be admitted.
func TestOwnManifests(t *testing.T) {
	d := known(t)
	renderer := kustomization.New(os.DirFS("../../../.."), nil)
	for _, target := range []string{"overlays/dev", "overlays/staging", "overlays/prod", "argocd"} {
		result, err := renderer.Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		judged := 0
		for _, o := range result.Objects {
			if !d.Knows(kindOf(o.Value)) {
				continue
			}
			judged++
			faults, err := d.Validate(t.Context(), o.Value)
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) > 0 {
				t.Errorf("%s: %s:\n%s", target, o.ID, lines(faults))
			}
		}
		if judged == 0 {
			t.Errorf("%s has no custom resource", target)
		}
	}
}
