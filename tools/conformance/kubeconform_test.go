package main

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

const swagger = `{"definitions": {
	"io.k8s.api.core.v1.Thing": {
		"type": "object", "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Thing"}],
		"properties": {
			"apiVersion": {"type": "string"}, "kind": {"type": "string"},
			"spec": {"$ref": "#/definitions/spec"}
		}
	},
	"spec": {
		"type": "object", "required": ["name", "template"],
		"properties": {
			"name": {"type": "string"},
			"size": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"},
			"port": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString"},
			"labels": {"type": "object", "additionalProperties": {"type": "string"}},
			"template": {"$ref": "#/definitions/template"},
			"then": {"type": "array", "items": {"$ref": "#/definitions/spec"}}
		}
	},
	"template": {"type": "object", "properties": {"$ref": {"type": "string"}}},
	"io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
	"io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": "string", "format": "int-or-string"}
}}`

const crd = `{"spec": {"group": "example.com", "names": {"kind": "Gadget"}, "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {
	"type": "object",
	"properties": {
		"spec": {"type": "object", "properties": {
			"port": {"format": "int-or-string", "type": "string"},
			"open": {"type": "object", "properties": {"a": {"type": "string"}}, "x-kubernetes-preserve-unknown-fields": true},
			"free": {"type": "object", "additionalProperties": {"type": "integer"}}
		}}
	}
}}}]}}`

func TestKubeconform(t *testing.T) {
	k, err := newKubeconform([]byte(swagger), map[string][]byte{"gadgets": []byte(crd)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	thing, gadget := schema.GroupVersionKind{Version: "v1", Kind: "Thing"}, schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Gadget"}
	for _, test := range []struct {
		kind   schema.GroupVersionKind
		fields string
		want   string // a part of why it is refused; empty: it is admitted
	}{
		{thing, `"spec": {"name": "a", "template": {}}`, ""},
		{thing, `"spec": {"name": "a", "template": {"$ref": "x"}, "size": 1, "port": 1, "labels": {"a": "b"}, "then": []}`, ""},
		{thing, `"spec": {"name": "a", "template": {}, "labels": {"a": null}, "then": null}`, ""},
		{thing, `"spec": null`, ""},
		{thing, `"spec": {"name": null, "template": {}}`, "name"},
		{thing, `"spec": {"name": "a", "template": null}`, "template"},
		{thing, `"spec": {"name": "a"}`, "template"},
		{thing, `"spec": {"name": "a", "template": {"x": 1}}`, "template"},
		{thing, `"spec": {"name": "a", "template": {}, "port": null}`, "port"}, // both of its types admit null, and one only may
		{thing, `"spec": {"name": "a", "template": {}, "size": null}`, "size"},
		{thing, `"spec": {"name": "a", "template": {}, "port": 1.5}`, "port"},
		{thing, `"spec": {"name": "a", "template": {}, "then": [{"name": "b"}]}`, "then"},
		{thing, `"other": 1`, "other"},
		{gadget, `"spec": {"port": 1, "free": {"a": 1}}, "other": 1`, ""},
		{gadget, `"spec": {"port": "a", "open": {"a": "b"}}`, ""},
		{gadget, `"spec": {"port": true}`, "port"},
		{gadget, `"spec": {"x": 1}`, "spec"},
		{gadget, `"spec": {"open": {"x": 1}}`, "open"}, // the extension is not JSON Schema
		{gadget, `"spec": {"free": {"a": "b"}}`, "free"},
		{gadget, `"spec": null`, "spec"},
	} {
		text := `{"apiVersion": "` + test.kind.GroupVersion().String() + `", "kind": "` + test.kind.Kind + `", ` + test.fields + "}"
		got, err := k.judge(test.kind, []byte(text))
		if err != nil || (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
	if got, err := k.judge(schema.GroupVersionKind{Version: "v1", Kind: "Other"}, []byte(`{"apiVersion": "v1", "kind": "Other"}`)); err == nil {
		t.Errorf("without a schema: got %q", got)
	}
	if got, err := k.judge(thing, nil); err == nil {
		t.Errorf("without a verdict: got %q", got)
	}
}
