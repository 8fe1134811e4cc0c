package admission

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestWorded(t *testing.T) {
	object := &manifest.Object{ID: manifest.ID{Kind: "CronJob"}, Value: map[string]any{"spec": map[string]any{
		"schedule": "",
		"jobTemplate": map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"restartPolicy": "Always",
			"volumes":       []any{map[string]any{"name": "v"}},
		}}}},
	}}}
	secret := &manifest.Object{ID: manifest.ID{Kind: "Secret"}, Value: map[string]any{"data": "hidden"}}
	pod := "spec.jobTemplate.spec.template.spec."
	for _, test := range []struct {
		object               *manifest.Object
		path, message, aside string // aside is the server's detail
		want                 string
	}{
		{object, pod + "restartPolicy", `Required value: valid values: "OnFailure", "Never"`, "", `template.spec.restartPolicy "Always": valid values: "OnFailure", "Never"`},
		{object, pod + "dnsPolicy", `Required value: say one`, "", `template.spec.dnsPolicy is missing: say one`},
		{object, "spec.schedule", "Required value", "", "spec.schedule is empty"},
		{object, pod + "volumes[0]", "Required value: must specify a volume type", "", "volumes[0]: must specify a volume type"},
		{object, pod + "containers[0].volumeMounts[1].name", `Not found: "w"`, "", `volumeMounts[1].name "w" is no volume of the pod`},
		{object, pod + "tolerations[0].key", `Not found: "w"`, "", `tolerations[0].key "w" is not found`},
		{object, pod + "containers[0].ports[0].name", `Invalid value: "P: Q": must be small: a`, "must be small: a", `ports[0].name "P: Q" is invalid: must be small: a`},
		{object, "spec.replicas", `Invalid value: -1: must be more`, "must be more", `spec.replicas -1 is invalid: must be more`},
		{object, `metadata.labels["a b"]`, `Invalid value: "a b": must be a name`, "must be a name", `labels["a b"] is invalid: must be a name`},
		{object, "spec", `Invalid value: low is above high`, "low is above high", `spec is invalid: low is above high`},
		{object, "spec.strategy", `Unsupported value: {"Type":"Gradual"}: supported values: "A"`, `supported values: "A"`, `spec.strategy is not supported: supported values: "A"`},
		{object, "spec.volumes[1].name", `Duplicate value: "v"`, "", `volumes[1].name "v" is a duplicate`},
		{object, "spec.hostUsers", `Forbidden: not here`, "not here", `spec.hostUsers is forbidden: not here`},
		{object, "", `Invalid value: Names are lower case`, "Names are lower case", `Invalid value: Names are lower case`},
		{object, "spec.a", "field not declared in schema", "", "field not declared in schema"},
		{secret, "data", "Required value: must be a mapping", "", "data: must be a mapping"},
	} {
		path, err := manifest.ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := worded(test.object, path, fault.Fault{Message: test.message, Detail: test.aside}); got != test.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", test.path, test.message, got, test.want)
		}
	}
	typed := fault.Fault{Message: `Invalid value: "string": spec.a in body must be of type integer: "string"`, Detail: `spec.a in body must be of type integer: "string"`, Type: "FieldValueTypeInvalid"}
	if got := worded(object, manifest.Path{"spec", "a"}, typed); !strings.HasPrefix(got, "spec.a is invalid: ") {
		t.Error(got)
	}
}
