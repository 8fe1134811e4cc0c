package schema

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

func open(t testing.TB, minors ...string) *Validator {
	t.Helper()
	v, err := New(minors)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// validate names the kind as the document does.
func validate(t testing.TB, v *Validator, doc string) []Violation {
	t.Helper()
	var id struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal([]byte(doc), &id); err != nil {
		t.Fatal(err)
	}
	found, err := v.Validate(t.Context(), id.APIVersion, id.Kind, []byte(doc))
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return found
}

func lines(found []Violation) string {
	var b strings.Builder
	for _, v := range found {
		for i, p := range v.Path {
			if i > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, p)
		}
		b.WriteString(": " + v.Message + "\n")
	}
	return b.String()
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  creationTimestamp: null
spec:
  selector:
    matchLabels: {app: app}
  template:
    metadata:
      labels: {app: app}
    spec:
      containers:
      - name: app
        image: app:1.0.0
        %s
`

func TestValidate(t *testing.T) {
	v := open(t)
	const virtualService = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  hosts: [a]\n  http:\n  - "
	const cluster = "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: a}\nspec:\n  instances: 3\n  storage: {size: 1Gi}\n  "
	container := func(text string) string { return fmt.Sprintf(deployment, text) }
	service := func(text string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - port: 80\n    " + text + "\n"
	}
	for _, test := range []struct{ name, doc, want string }{
		{"a whole object", container("resources: {requests: {cpu: 500m, memory: 512Mi}}"), ""},

		{"unknown field at the top", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatas: {}\n", "datas: unknown field \"datas\"\n"},
		{"unknown field at depth", container("securityContext: {runAsNonRoots: true}"), "spec.template.spec.containers.0.securityContext.runAsNonRoots: unknown field \"runAsNonRoots\"\n"},
		{"field of another kind", container("containers: []"), "spec.template.spec.containers.0.containers: unknown field \"containers\"\n"},
		{"field in another case", container("ImagePullPolicy: Always"), "spec.template.spec.containers.0.ImagePullPolicy: unknown field \"ImagePullPolicy\"\n"},
		{"unknown field in metadata", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, label: {}}\n", "metadata.label: unknown field \"label\"\n"},
		{"two faults", container("ports: [{containerPorts: 80}]"), "spec.template.spec.containers.0.ports.0.containerPort: required field ports[0].containerPort is missing\nspec.template.spec.containers.0.ports.0.containerPorts: unknown field \"containerPorts\"\n"},
		{"escaped field name", container(`"\x69mages": a`), "spec.template.spec.containers.0.images: unknown field \"images\"\n"},
		{"escaped known field name", container(`"\x74ty": 1`), "spec.template.spec.containers.0.tty: 1 is a number, must be a boolean\n"},
		{"field of another empty struct", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec:\n  group: a\n  scope: Cluster\n  names: {kind: A, plural: as}\n  versions: [{name: v1, served: true, storage: true, subresources: {status: {a: 1}}}]\n", "spec.versions.0.subresources.status.a: unknown field \"a\"\n"},

		{"missing field", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  template: {spec: {containers: [{name: a}]}}\n", "spec.selector: required field \"selector\" is missing\n"},
		{"missing field in a list", container("env: [{value: a}]"), "spec.template.spec.containers.0.env.0.name: required field env[0].name is missing\n"},
		{"a list of the kind", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- metadata: {name: a}\n  datas: {}\n", "items.0.datas: unknown field \"datas\"\n"},
		{"required in the document alone", "apiVersion: v1\nkind: LimitRange\nmetadata: {name: a}\nspec: {}\n", ""},
		{"header without value", container("livenessProbe: {httpGet: {port: http, httpHeaders: [{name: a}]}}"), ""},
		{"role reference without group", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a}\nroleRef: {kind: Role, name: a}\n", ""},

		{"wrong type", container("tty: \"yes\""), "spec.template.spec.containers.0.tty: \"yes\" is a string, must be a boolean\n"},
		{"number for a string", container("env: [{name: a, value: 8080}]"), "spec.template.spec.containers.0.env.0.value: 8080 is a number, must be a string: quote it\n"},
		{"number that is rounded", container("env: [{name: a, value: 9007199254740993}]"), "spec.template.spec.containers.0.env.0.value: the value is a number, must be a string: quote it\n"},
		{"the largest that is not", container("env: [{name: a, value: -9007199254740991}]"), "spec.template.spec.containers.0.env.0.value: -9007199254740991 is a number, must be a string: quote it\n"},
		{"list for an object", container("resources: []"), "spec.template.spec.containers.0.resources: is a list, must be an object\n"},
		{"label that is a number", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {version: 1.0}}\n", "metadata.labels.version: 1 is a number, must be a string: quote it\n"},
		{"fraction for an integer", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: 1.5, selector: {}, template: {spec: {containers: [{name: a}]}}}\n", "spec.replicas: 1.5 is a number, must be an integer\n"},
		{"too large for int32", service("nodePort: 3000000000"), "spec.ports.0.nodePort: 3000000000 is more than 2147483647, the most allowed\n"},
		{"bad time", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, creationTimestamp: yesterday}\n", "metadata.creationTimestamp: \"yesterday\" is not a date-time\n"},

		{"int-or-string as integer", service("targetPort: 8080"), ""},
		{"int-or-string as string", service("targetPort: http"), ""},
		{"int-or-string as boolean", service("targetPort: true"), "spec.ports.0.targetPort: true is a boolean, must be a string or an integer\n"},
		{"int-or-string as fraction", service("targetPort: 80.5"), "spec.ports.0.targetPort: 80.5 is a number, must be a string or an integer\n"},
		{"quantity as integer", container("resources: {limits: {cpu: 2}}"), ""},
		{"quantity as fraction", container("resources: {limits: {cpu: 0.5}}"), ""},
		{"quantity as string", container("resources: {limits: {cpu: 2e3, memory: 1.5Gi, a: 100m}}"), ""},
		{"quantity with a wrong unit", container("resources: {limits: {memory: 512MB}}"), "spec.template.spec.containers.0.resources.limits.memory: \"512MB\" is not a quantity such as 500m, 2 or 1Gi\n"},
		{"quantity in a custom resource", strings.Replace(cluster, "1Gi}", "1Gi}\n  resources: {limits: {memory: 1Gx}}", 1), "spec.resources.limits.memory: \"1Gx\" is not a quantity such as 500m, 2 or 1Gi\n"},
		{"quantity as integer in a custom resource", cluster + "resources: {limits: {cpu: 2}}\n", ""},

		{"null for an optional field", container("resources: null"), ""},
		{"null for an optional list", container("env: null"), ""},
		{"null for an optional int-or-string", service("targetPort: null"), ""},
		{"null for a quantity", container("resources: {limits: {cpu: null}}"), ""},
		{"null in a list of strings", container("args: [null]"), ""},
		{"null in a list of objects without required fields", container("envFrom: [null]"), ""},
		{"null in a list of objects with required fields", container("env: [null]"), "spec.template.spec.containers.0.env.0: is null, must be an object\n"},
		{"null for a required field", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: null, template: {spec: {containers: [{name: a}]}}}\n", "spec.selector: is null, must be an object\n"},
		{"null for a required string", container("volumeMounts: [{name: a, mountPath: null}]"), "spec.template.spec.containers.0.volumeMounts.0.mountPath: is null, must be a string\n"},

		{"null that a custom resource drops", cluster + "description: null\n", ""},
		{"null for a required field of a custom resource", strings.Replace(cluster, "instances: 3", "bootstrap: {recovery: {volumeSnapshots: {storage: null}}}", 1), "spec.bootstrap.recovery.volumeSnapshots.storage: is null, must be an object\n"},
		{"required with a default", strings.Replace(cluster, "instances: 3", "instances: null", 1), ""},
		{"null in a list of a custom resource", virtualService + "null\n", "spec.http.0: is null, must be an object\n"},
		{"null where alternatives are", virtualService + "route: null\n    fault: {abort: null}\n", ""},
		{"conditional field is null", virtualService + "corsPolicy: {allowOrigins: [{exact: a}]}\n    match: [{uri: null}]\n", ""},

		{"custom resource with an unknown field", virtualService + "route: [{destination: {host: a, ports: 1}}]\n", "spec.http.0.route.0.destination.ports: unknown field \"ports\"\n"},
		{"custom resource with unknown metadata", "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, nam: b}\n", "metadata.nam: unknown field \"nam\"\n"},
		{"custom resource without what it needs", virtualService + "route: [{destination: {subset: a}}]\n", "spec.http.0.route.0.destination.host: required field route[0].destination.host is missing\n"},
		{"custom resource with a wrong enum", "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtls: {mode: STRCT}}\n", "spec.mtls.mode: \"STRCT\" must be one of \"UNSET\", \"DISABLE\", \"PERMISSIVE\", \"STRICT\"\n"},
		{"custom resource with two of one", virtualService + "match: [{uri: {exact: a, prefix: b}}]\n", "spec.http.0.match.0.uri: \"exact\" and \"prefix\" are set together, only one of them is allowed\n"},
		{"fields that are preserved", "apiVersion: opentelemetry.io/v1beta1\nkind: OpenTelemetryCollector\nmetadata: {name: a}\nspec:\n  config:\n    receivers: {otlp: {protocols: {grpc: {}}}}\n    exporters: {debug: null}\n    service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}\n    anything: {at: all}\n", ""},
		{"a field beside those that are preserved", "apiVersion: opentelemetry.io/v1beta1\nkind: OpenTelemetryCollector\nmetadata: {name: a}\nspec:\n  configs: {}\n  config: {receivers: {}, exporters: {}, service: {pipelines: {}}}\n", "spec.configs: unknown field \"configs\"\n"},
		{"values of a chart", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  project: a\n  destination: {name: a}\n  source: {repoURL: a, helm: {valuesObject: {any: [1, {b: null}]}}}\n", ""},
		{"status that will be discarded", cluster + "\nstatus: {instances: many}\n", ""},
		{"unknown field in a status that will be discarded", cluster + "\nstatus: {instance: 1}\n", "status.instance: unknown field \"instance\"\n"},
		{"status of a built-in kind", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec:\n  group: a\n  scope: Cluster\n  names: {kind: A, plural: as}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {a: {items: {type: string}}}}}}]\nstatus: {acceptedNames: {kind: \"\", plural: \"\"}, conditions: [{}], storedVersions: null}\n", ""},
		{"recursive schema", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec:\n  group: a\n  scope: Cluster\n  names: {kind: A, plural: as}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {properties: {a: {properties: {b: {typ: string}}}}}}}]\n", "spec.versions.0.schema.openAPIV3Schema.properties.a.properties.b.typ: unknown field \"typ\"\n"},

		{"base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: c2VjcmV0, b: \"\", c: c2VjcmU=}\n", ""},
		{"not base64", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: secret!}\n", "data.a: the value is not base64\n"},
		{"a secret is not shown", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {pin: 4711}\n", "stringData.pin: the value is a number, must be a string: quote it\n"},
		{"JSON", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "\u0064atas": {}}`, "datas: unknown field \"datas\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := lines(validate(t, v, test.doc)); got != test.want {
				t.Errorf("got:\n%swant:\n%s%s", got, test.want, test.doc)
			}
		})
	}
}

// The place must be usable as it is: keys as strings, indexes as numbers, and
// keys that look like indexes or hold a slash as what they are.
func TestPath(t *testing.T) {
	v := open(t)
	for _, test := range []struct {
		doc  string
		want []any
	}{
		{fmt.Sprintf(deployment, "tty: 1"), []any{"spec", "template", "spec", "containers", 0, "tty"}},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {\"0\": 1}\n", []any{"data", "0"}},
		{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {a/b~c: 1}}\n", []any{"metadata", "annotations", "a/b~c"}},
	} {
		found := validate(t, v, test.doc)
		if len(found) != 1 || !reflect.DeepEqual(found[0].Path, test.want) {
			t.Errorf("got %#v, want %#v", found, test.want)
		}
	}
}

func TestMissing(t *testing.T) {
	for _, test := range []struct{ apiVersion, kind, want, meant string }{
		{"policy/v1beta1", "PodDisruptionBudget", "no schema for policy/v1beta1 PodDisruptionBudget: this kind is in policy/v1 (1.28 to 1.37)", ""},
		{"flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema", "no schema for flowcontrol.apiserver.k8s.io/v1beta2 FlowSchema: this kind is in flowcontrol.apiserver.k8s.io/v1 (1.29 to 1.37), flowcontrol.apiserver.k8s.io/v1beta2 (1.28), flowcontrol.apiserver.k8s.io/v1beta3 (1.28 to 1.31)", ""},
		{"example.com/v1", "Example", "kgate has no definition of example.com/v1 Example", ""},
		{"gateway.networking.k8s.io/v1", "Gateway", "kgate has no definition of gateway.networking.k8s.io/v1 Gateway", ""}, // Istio's is another kind
		{"networking.istio.io/v2", "Gateway", "kgate has no definition of networking.istio.io/v2 Gateway, only of networking.istio.io/v1 (1.28 to 1.37), networking.istio.io/v1alpha3 (1.28 to 1.37), networking.istio.io/v1beta1 (1.28 to 1.37)", ""},
		{"v1", "VirtualService", "no schema for v1 VirtualService: this kind is in networking.istio.io/v1 (1.28 to 1.37), networking.istio.io/v1alpha3 (1.28 to 1.37), networking.istio.io/v1beta1 (1.28 to 1.37)", ""},
		{"apps/v1", "deployment", "no schema for apps/v1 deployment: no apiVersion has a kind of this name", "Deployment"},
		{"", "Deployment", "no schema for  Deployment: this kind is in apps/v1 (1.28 to 1.37)", ""},
		{"autoscaling/v1", "Scale", "no schema for autoscaling/v1 Scale: no apiVersion has a kind of this name", ""}, // only a subresource
	} {
		found, err := open(t).Validate(t.Context(), test.apiVersion, test.kind, []byte("a: 1\n"))
		if err != nil {
			t.Fatal(err)
		}
		at := "apiVersion"
		if strings.HasSuffix(test.want, "of this name") || strings.HasSuffix(test.want, test.apiVersion+" "+test.kind) {
			at = "kind"
		}
		want := []Violation{{Path: []any{at}, Message: test.want, Missing: true, Unknown: strings.HasPrefix(test.want, "kgate has"), Versions: []string{"1.37"}}}
		want[0].Meant = test.meant
		if !reflect.DeepEqual(found, want) {
			t.Errorf("got %+v, want %+v", found, want)
		}
	}
}

func TestVersions(t *testing.T) {
	want := []string{"1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"}
	if got := Versions(); !slices.Equal(got, want) {
		t.Errorf("Versions() = %v, want %v", got, want)
	}
	if _, err := New([]string{"1.27"}); err == nil || !strings.Contains(err.Error(), strings.Join(want, ", ")) {
		t.Errorf("New of an unknown version: %v", err)
	}

	// The same fault in every version is one; a fault in some names them.
	v := open(t, append([]string{"", "1.37"}, want...)...)
	sleep := fmt.Sprintf(deployment, "lifecycle: {preStop: {sleep: {seconds: 5}}}\n        tty: 1")
	found := validate(t, v, sleep)
	if len(found) != 2 || !slices.Equal(found[0].Versions, []string{"1.28"}) || !slices.Equal(found[1].Versions, want) {
		t.Errorf("got %+v", found)
	}
	// 1.28 did not know the sleep action: nothing else may be said of it.
	if got := lines(found[:1]); got != "spec.template.spec.containers.0.lifecycle.preStop.sleep: unknown field \"sleep\"\n" {
		t.Error(got)
	}
	// A kind that some versions have is missing in the others.
	found, err := v.Validate(t.Context(), "flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", []byte("apiVersion: flowcontrol.apiserver.k8s.io/v1beta3\nkind: FlowSchema\nmetadata: {name: a}\nspec: {priorityLevelConfiguration: {name: a}}\n"))
	if err != nil || len(found) != 1 || !found[0].Missing || !slices.Equal(found[0].Versions, want[4:]) {
		t.Errorf("got %+v, %v", found, err)
	}
	// One schema serves every version that it is the same in.
	before := len(v.schemas)
	validate(t, v, "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: a}\nspec: {controller: a}\n")
	if got := len(v.schemas) - before; got >= len(want) {
		t.Errorf("%d schemas were compiled for %d versions of a kind that hardly changed", got, len(want))
	}
}

// The caller says which kind it is; a document that says otherwise is wrong.
func TestOtherKind(t *testing.T) {
	found, err := open(t).Validate(t.Context(), "v1", "ConfigMap", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"))
	if want := "kind: the value must be \"ConfigMap\"\n"; err != nil || lines(found) != want {
		t.Errorf("got %v, %v", lines(found), err)
	}
}

func TestErrors(t *testing.T) {
	v := open(t)
	const good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	for _, test := range []struct{ name, doc, want string }{
		{"empty", "", "empty"},
		{"only a comment", "# nothing\n", "empty"},
		{"broken", good + "data: {", "unmarshal"},
		{"duplicate key", good + "data: {a: b, a: c}\n", "already set"},
		{"not an object", "- a\n", "unmarshal"},
		{"no kind", "apiVersion: v1\n", "kind"},
		{"two documents", good + "---\n" + good, "more than one document"},
		{"two documents, the first empty after its marker", "---\n" + good + "--- # next\nkind: Wrong\n", "more than one document"},
		{"a document after an end", good + "...\nkind: Wrong\n", "more than one document"},
		{"a document in a block scalar's place", good + "data:\n  a: |\n    b\n---\nkind: Wrong\n", "more than one document"},
		{"a document on the marker's line", "--- {a: b}\n---\n" + good, "more than one document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := v.Validate(t.Context(), "v1", "ConfigMap", []byte(test.doc))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
	for _, doc := range []string{"---\n" + good, "%YAML 1.1\n---\n" + good, "# a\n---\n" + good + "...\n", "\xef\xbb\xbf---\n" + good, good + "data:\n  a: |\n    ---\n    b\n", "--- # first\n" + good} {
		if found, err := v.Validate(t.Context(), "v1", "ConfigMap", []byte(doc)); err != nil || found != nil {
			t.Errorf("one document was refused: %v, %v\n%s", found, err, doc)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Validate(ctx, "v1", "ConfigMap", []byte(good)); err != context.Canceled {
		t.Errorf("a cancelled run: %v", err)
	}
}

// A schema that does not compile reads as missing in kubeconform. It must be an
// error here, which says why.
func TestSchemaThatDoesNotCompile(t *testing.T) {
	v := open(t)
	_, err := v.compile([]byte(`{"properties": {"a": {"pattern": "("}}}`), "v1", "A")
	if err == nil || !strings.Contains(err.Error(), "does not compile") || !strings.Contains(err.Error(), "missing closing )") {
		t.Errorf("got %v", err)
	}
	for _, text := range []string{`null`, ``, `{"type": "object"`, `{"$ref": "#/definitions/a"}`} {
		if _, err := v.compile([]byte(text), "v1", "A"); err == nil {
			t.Errorf("schema %q was taken", text)
		}
	}
	// The file that held a faulty schema holds the next one whole.
	if got := lines(validate(t, v, fmt.Sprintf(deployment, "tty: 1"))); strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
}

// A file that disappears or is cut short before it is read must not read as a
// kind without a schema, nor pass.
func TestFilesRemoved(t *testing.T) {
	const doc = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	for name, prepare := range map[string]func(*Validator){
		"before the first schema": func(v *Validator) {},
		"after the first schema":  func(v *Validator) { validate(t, v, fmt.Sprintf(deployment, "tty: true")) },
	} {
		t.Run(name, func(t *testing.T) {
			v := open(t)
			prepare(v)
			if err := os.RemoveAll(v.dir); err != nil {
				t.Fatal(err)
			}
			if found, err := v.Validate(t.Context(), "v1", "ConfigMap", []byte(doc)); err == nil {
				t.Errorf("got %+v", found)
			}
		})
	}
	t.Run("file that cannot be written", func(t *testing.T) {
		v := open(t)
		file, err := v.file()
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		v.files = nil
		v.release(file)
		if found, err := v.Validate(t.Context(), "v1", "ConfigMap", []byte(doc)); err == nil {
			t.Errorf("got %+v", found)
		}
	})
}

func TestWorkDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := t.TempDir()
	for _, test := range []struct {
		name, temp, cache string
		want              string // where the folder is; none: an error
	}{
		{"the temporary folder", good, file, good},
		{"no temporary folder", filepath.Join(good, "none"), filepath.Join(good, "made"), filepath.Join(good, "made")},
		{"a temporary folder with a name that kubeconform misreads", mkdir(t, good, "a#b"), good, good},
		{"and one that looks like a template", mkdir(t, good, "{{.}}"), good, good},
		{"nowhere", file, file, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, err := workDir(test.temp, func() (string, error) { return test.cache, nil })
			if test.want == "" {
				if err == nil {
					t.Errorf("made %s", dir)
				}
				return
			}
			if err != nil || filepath.Dir(dir) != test.want {
				t.Errorf("got %q, %v", dir, err)
			}
			info, err := os.Stat(dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("others can write to it: %v, %v", info, err)
			}
		})
	}
}

func mkdir(t *testing.T, parent, name string) string {
	dir := filepath.Join(parent, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The names of a path must not matter: a home of "my files" is one.
func TestOddTempDir(t *testing.T) {
	t.Setenv("TMPDIR", mkdir(t, t.TempDir(), "my files, ünd más"))
	if got := lines(validate(t, open(t), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndatas: {}\n")); got != "datas: unknown field \"datas\"\n" {
		t.Error(got)
	}
}

func TestClose(t *testing.T) {
	v, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	validate(t, v, fmt.Sprintf(deployment, "tty: true"))
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(v.dir); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
}

func TestConcurrent(t *testing.T) {
	v := open(t, "1.28", "1.37")
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			for j := range 8 {
				name := fmt.Sprintf("field%d", (i*8+j)%40)
				doc := fmt.Sprintf(deployment, name+": 1\n        tty: true")
				found, err := v.Validate(t.Context(), "apps/v1", "Deployment", []byte(doc))
				if want := fmt.Sprintf("spec.template.spec.containers.0.%s: unknown field %q\n", name, name); err != nil || lines(found) != want {
					t.Errorf("got %v, %v", lines(found), err)
				}
			}
		})
	}
	group.Wait()
}

// However many different documents of a kind there are, the schema is put
// together a few times only, and no verdict depends on what came before.
func TestManyDocuments(t *testing.T) {
	v := open(t)
	fields := []string{"tty", "stdin", "args", "command", "env", "workingDir", "ports", "lifecycle", "resources", "volumeMounts", "imagePullPolicy"}
	for range 2 {
		for _, field := range fields {
			want := "spec.template.spec.containers.0." + field + ": "
			if got := lines(validate(t, v, fmt.Sprintf(deployment, field+": 1.5"))); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
				t.Errorf("%s: got %q", field, got)
			}
			if got := lines(validate(t, v, fmt.Sprintf(deployment, field+": null"))); got != "" {
				t.Errorf("%s: got %q", field, got)
			}
		}
	}
	for _, s := range v.schemas {
		if len(s.leftOut) > 0 || s.rebuilds > maxRebuilds+1 {
			t.Errorf("put together %d times, %d fields left out", s.rebuilds, len(s.leftOut))
		}
	}
}

// The verdict on the fields that a document has must be that of the whole
// schema. Every kind is asked, with a document that has a wrong value for each
// field of its upper levels.
func TestPruningChangesNoVerdict(t *testing.T) {
	b, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	for line := range b.all() {
		if line.last != "1.37" {
			continue
		}
		doc := map[string]any{"apiVersion": line.apiVersion, "kind": line.kind, "metadata": map[string]any{"name": "a", "labels": 1}, "spec": map[string]any{"a": 1, "template": map[string]any{"spec": nil}, "replicas": "x"}}
		text, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		have, _ := words(text)
		pruned := judged(t, b, line, text, func(field string) bool { return among(have, field) })
		if whole := judged(t, b, line, text, nil); !reflect.DeepEqual(pruned, whole) {
			t.Errorf("%s %s:\npruned %v\nwhole  %v", line.apiVersion, line.kind, pruned, whole)
		}
	}
}

func judged(t *testing.T, b *bundle, line kindLine, doc []byte, keep func(string) bool) []Violation {
	text, err := b.assemble(line.root, keep)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDetail(text)
	if err != nil {
		t.Fatalf("%s %s: %v", line.apiVersion, line.kind, err)
	}
	c := &compiled{detail: func() (*detail, error) { return d, nil }}
	var m merger
	var object map[string]any
	if err := yaml.Unmarshal(doc, &object); err != nil {
		t.Fatal(err)
	}
	if d.schema.Validate(object) == nil {
		return nil
	}
	found, err := c.explain(doc, noResult)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range found {
		m.add(v, nil)
	}
	return m.sorted()
}

// Every schema in the bundle compiles, whole, in kubeconform's hands.
func TestEverySchemaCompiles(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a thousand schemas")
	}
	b, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	var todo []kindLine
	done := map[string]bool{}
	for line := range b.all() {
		if !done[line.root] {
			done[line.root] = true
			todo = append(todo, line)
		}
	}
	if len(todo) < 900 {
		t.Fatalf("only %d schemas", len(todo))
	}
	v := open(t)
	work := make(chan kindLine)
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for line := range work {
				text, err := b.assemble(line.root, nil)
				if err == nil {
					_, err = v.compile(text, line.apiVersion, line.kind)
				}
				if err != nil {
					t.Errorf("%s %s of %s: %v", line.apiVersion, line.kind, line.first, err)
				}
				if strings.Contains(string(text), `"description":"`) {
					t.Errorf("%s %s: has a description", line.apiVersion, line.kind)
				}
			}
		})
	}
	for _, line := range todo {
		work <- line
	}
	close(work)
	group.Wait()
}

func TestBundle(t *testing.T) {
	sources, err := Sources()
	if err != nil {
		t.Fatal(err)
	}
	var kubernetes []string
	for _, s := range sources {
		if !strings.HasPrefix(s.Sum, "h1:") || len(s.Files) == 0 {
			t.Errorf("%s@%s: no digest or no file: %+v", s.Module, s.Version, s)
		}
		for _, f := range s.Files {
			if len(f.SHA256) != 64 {
				t.Errorf("%s: digest %q", f.Path, f.SHA256)
			}
		}
		if s.Module == "k8s.io/kubernetes" {
			kubernetes = append(kubernetes, strings.Join(strings.Split(strings.TrimPrefix(s.Version, "v"), ".")[:2], "."))
		}
	}
	if !slices.Equal(kubernetes, Versions()) {
		t.Errorf("sources of %v, schemas of %v", kubernetes, Versions())
	}
	size := len(bundledKinds) + len(bundledDefinitions) + len(bundledSources)
	if size > 5<<20 {
		t.Errorf("the bundle has %d bytes, more than 5 MB", size)
	}
}

// A bundle that is cut short, or says what is not so, is an error and not
// another schema.
func TestBrokenBundle(t *testing.T) {
	whole, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	root, ok := whole.root("v1", "ConfigMap", "1.37")
	if !ok {
		t.Fatal("no ConfigMap")
	}
	for name, content := range map[string]string{
		"cut short":    bundledDefinitions[:len(bundledDefinitions)/2],
		"empty":        "",
		"other format": "k" + bundledDefinitions,
	} {
		t.Run(name, func(t *testing.T) {
			b, err := openBundle("versions 1.37\nv1 ConfigMap 1.37 1.37 "+root+"\n", content)
			if err != nil {
				return
			}
			v, err := newValidator(b, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			found, err := v.Validate(t.Context(), "v1", "ConfigMap", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"))
			if err == nil {
				t.Errorf("got %+v", found)
			}
		})
	}
}

func FuzzBundle(f *testing.F) {
	one, err := archive.Write(map[archive.Key][]byte{{1, 2, 3, 4, 5, 6, 7, 8}: []byte("{}")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("versions 1.37\nv1 A 1.37 1.37 0102030405060708\n", string(one), "v1", "A")
	f.Add("versions 1.37\n \n a  b\nv1 A 1.37 1.38 x\n", "", "v1", "A")
	f.Fuzz(func(t *testing.T, kinds, definitions string, apiVersion, kind string) {
		b, err := openBundle(kinds, definitions)
		if err != nil {
			return
		}
		b.known(kind, "")
		for _, minor := range b.minors {
			if root, ok := b.root(apiVersion, kind, minor); ok {
				if text, err := b.read(root); err == nil && len(text) > len(definitions)*1100+1100 {
					t.Errorf("%d bytes out of %d", len(text), len(definitions))
				}
			}
		}
	})
}

// Every field name of a document is among its words, or it is said that this
// cannot be known.
func FuzzWords(f *testing.F) {
	f.Add([]byte("a: {b-c: 1, \"d\": [{'e': 2}], $ref: 3, ? f\n : 4}\n\"\\x67\": 1\n"))
	f.Add([]byte("\"a\\\n  b\": 1\n"))
	f.Add([]byte("&a b: c\n*a : d\n"))
	f.Add([]byte("\"\\\\x\": 1\n"))
	f.Add([]byte(`{"\u0061\u003c": "\u003c", "\/a": "\\u0061"}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		have, exact := words(doc)
		if !exact {
			return
		}
		var v any
		if yaml.Unmarshal(doc, &v) != nil {
			return
		}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for key, value := range v {
					if fieldName(key) && !among(have, key) {
						t.Errorf("field %q is not among the words of %q", key, doc)
					}
					walk(value)
				}
			case []any:
				for _, value := range v {
					walk(value)
				}
			}
		}
		walk(v)
	})
}

// fieldName reports whether a schema could have a field of this name. Keys that
// YAML makes of numbers and the like (0x10 is "16") are none.
func fieldName(key string) bool {
	return key != "" && strings.IndexFunc(key[:1], func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }) < 0 &&
		!slices.Contains([]string{"true", "false", "null"}, key)
}

func FuzzOneDocument(f *testing.F) {
	f.Add([]byte("a: 1\n---\nb: 2\n"))
	f.Add([]byte("--- |\n a\n...\n# b\n"))
	f.Fuzz(func(t *testing.T, doc []byte) { _ = oneDocument(doc) })
}

// BenchmarkCold is what a run of the program pays: sixty objects of thirty
// kinds, nothing decoded or compiled before.
func BenchmarkCold(b *testing.B) {
	docs := workload(b)
	whole, err := embedded()
	if err != nil {
		b.Fatal(err)
	}
	for _, minors := range [][]string{{"1.37"}, {"1.28", "1.37"}, Versions()} {
		b.Run(fmt.Sprintf("versions=%d", len(minors)), func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				fresh := &bundle{minors: whole.minors, kinds: whole.kinds, definitions: whole.definitions}
				v, err := newValidator(fresh, minors)
				if err != nil {
					b.Fatal(err)
				}
				for _, doc := range docs {
					if _, err := v.Validate(b.Context(), doc.apiVersion, doc.kind, doc.text); err != nil {
						b.Fatal(err)
					}
				}
				if err := v.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// processorTime is what the process has used so far: unlike the time on the
// clock, other work on the machine does not change it much.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkWhole is what BenchmarkCold would pay to compile alone, if schemas
// were not cut down to what documents have.
func BenchmarkWhole(b *testing.B) {
	docs := workload(b)
	whole, err := embedded()
	if err != nil {
		b.Fatal(err)
	}
	v := open(b)
	before := processorTime(b)
	for b.Loop() {
		fresh := &bundle{minors: whole.minors, kinds: whole.kinds, definitions: whole.definitions}
		done := map[string]bool{}
		for _, doc := range docs {
			root, _ := fresh.root(doc.apiVersion, doc.kind, "1.37")
			if done[root] {
				continue
			}
			done[root] = true
			text, err := fresh.assemble(root, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := v.compile(text, doc.apiVersion, doc.kind); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// BenchmarkWarm is one more object of a kind that the run has met.
func BenchmarkWarm(b *testing.B) {
	v := open(b)
	doc := []byte(fmt.Sprintf(deployment, "tty: true"))
	for b.Loop() {
		if _, err := v.Validate(b.Context(), "apps/v1", "Deployment", doc); err != nil {
			b.Fatal(err)
		}
	}
}

type workloadDoc struct {
	apiVersion, kind string
	text             []byte
}

// workload is sixty objects: each document of testdata/workload.yaml as it is
// and under another name.
func workload(t testing.TB) []workloadDoc {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "workload.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var docs []workloadDoc
	for doc := range strings.SplitSeq(string(text), "\n---\n") {
		var id struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(doc), &id); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"one", "another"} {
			docs = append(docs, workloadDoc{id.APIVersion, id.Kind, []byte(strings.ReplaceAll(doc, "NAME", name))})
		}
	}
	return docs
}

// all yields every line.
func (b *bundle) all() func(yield func(kindLine) bool) {
	return func(yield func(kindLine) bool) {
		for text := range strings.Lines(b.kinds) {
			if line, ok := parseKindLine(text); ok && !yield(line) {
				return
			}
		}
	}
}

var noResult = validator.Result{}
