package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

type deployment struct {
	Spec struct {
		Template struct {
			Metadata struct {
				Labels map[string]string
			}
			Spec struct {
				TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
				Containers                    []struct {
					Name  string
					Ports []struct {
						Name          string
						ContainerPort int `yaml:"containerPort"`
					}
					Env []struct {
						Name      string
						Value     *string
						ValueFrom struct {
							FieldRef struct {
								FieldPath string `yaml:"fieldPath"`
							} `yaml:"fieldRef"`
							SecretKeyRef     struct{ Name, Key string } `yaml:"secretKeyRef"`
							ResourceFieldRef struct{ Resource string }  `yaml:"resourceFieldRef"`
						} `yaml:"valueFrom"`
					}
				}
			}
		}
	}
}

var reference = regexp.MustCompile(`\$\(([A-Z_]+)\)`)

// environment resolves the env of the container as the kubelet would.
func environment(t *testing.T, d deployment) map[string]string {
	t.Helper()
	fields := map[string]string{
		"metadata.name": "go-otlp-app-7d9c", "metadata.namespace": "go-otlp-app", "status.podIP": "10.1.2.3", "spec.nodeName": "node-1",
	}
	for k, v := range d.Spec.Template.Metadata.Labels {
		fields["metadata.labels['"+k+"']"] = v
	}
	env := map[string]string{}
	for _, e := range d.Spec.Template.Spec.Containers[0].Env {
		switch {
		case e.Value != nil:
			env[e.Name] = reference.ReplaceAllStringFunc(*e.Value, func(r string) string { return env[r[2:len(r)-1]] })
		case e.ValueFrom.FieldRef.FieldPath != "":
			v, ok := fields[e.ValueFrom.FieldRef.FieldPath]
			if !ok {
				t.Errorf("%s: no field %s", e.Name, e.ValueFrom.FieldRef.FieldPath)
			}
			env[e.Name] = v
		case e.ValueFrom.ResourceFieldRef.Resource == "limits.memory":
			env[e.Name] = "1073741824" // in bytes, as the kubelet has it
		case e.ValueFrom.SecretKeyRef.Name != "":
			secrets := map[string]string{
				// What CloudNativePG puts into it.
				"go-otlp-app-db-app uri": "postgresql://app:hunter2-hunter2@go-otlp-app-db-rw.go-otlp-app:5432/app",
				"go-otlp-app-api tokens": "the-new-token-of-a-rotation,the-old-token-of-a-rotation",
			}
			v, ok := secrets[e.ValueFrom.SecretKeyRef.Name+" "+e.ValueFrom.SecretKeyRef.Key]
			if !ok {
				t.Errorf("%s: no secret %+v", e.Name, e.ValueFrom.SecretKeyRef)
			}
			env[e.Name] = v
		default:
			t.Errorf("%s: a source that this test does not know", e.Name)
		}
	}
	return env
}

// rendered is a Deployment of an overlay.
func rendered(t *testing.T, overlay, name string) deployment {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects.Resources() {
		if object.GetKind() != "Deployment" || object.GetName() != name {
			continue
		}
		var d deployment
		if err := yaml.Unmarshal([]byte(object.MustYaml()), &d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	t.Fatalf("%s renders no Deployment %s", overlay, name)
	return deployment{}
}

// The manifests and the service cannot drift: what the Deployment sets, the service reads, and it starts with it.
func TestManifests(t *testing.T) {
	d := rendered(t, "../../../overlays/dev/go-otlp-app", "go-otlp-app")
	env := environment(t, d)

	known := map[string]bool{"OTEL_RESOURCE_ATTRIBUTES": true, "OTEL_EXPORTER_OTLP_ENDPOINT": true, "OTEL_TRACES_SAMPLER": true,
		"GOMEMLIMIT": true} // that of the runtime
	for _, s := range newLoader().settings {
		for _, name := range s.variables() {
			known[name] = true
		}
	}
	var environ []string
	for name, value := range env {
		environ = append(environ, name+"="+value)
		if !known[name] {
			t.Errorf("the Deployment sets %s, which the service does not read", name)
		}
	}
	// Systems 4 and 7 of the specification.
	for _, name := range strings.Fields(`OTEL_SERVICE_NAME APP_VERSION APP_ENV OTEL_EXPORTER_OTLP_ENDPOINT OTEL_EXPORTER_OTLP_COMPRESSION
		OTEL_TRACES_SAMPLER OTEL_TRACES_SAMPLER_ARG POD_NAME POD_NAMESPACE POD_IP NODE_NAME MAX_CONCURRENCY REQUEST_TIMEOUT DATABASE_URL DATABASE_MAX_CONNS API_TOKENS API_ACCESS_FILE
		GOMEMLIMIT`) {
		if _, set := env[name]; !set || !known[name] {
			t.Errorf("%s: set by the Deployment: %v, read by the service: %v", name, set, known[name])
		}
	}

	c, err := Load("../../../base/services/go-otlp-app/config/app.yaml", environ)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.App = App{Name: "go-otlp-app", Version: "1.0.0", Environment: "dev"}
	want.Pod = Pod{Name: "go-otlp-app-7d9c", Namespace: "go-otlp-app", IP: "10.1.2.3", Node: "node-1"}
	want.OTLP.Endpoint = "otel-collector.observability:4317"
	want.OTLP.Insecure = true
	want.OTLP.SampleRate = 1
	want.OTLP.ResourceAttributes = map[string]string{
		"service.version": "1.0.0", "deployment.environment.name": "dev", "k8s.namespace.name": "go-otlp-app",
		"k8s.pod.name": "go-otlp-app-7d9c", "k8s.pod.ip": "10.1.2.3", "k8s.node.name": "node-1",
	}
	want.Database.URL = NewSecret(env["DATABASE_URL"])
	want.API.AccessFile = "/app/access/access.yaml"
	for _, token := range strings.Split(env["API_TOKENS"], ",") {
		want.API.Tokens = append(want.API.Tokens, NewSecret(token))
	}
	if !reflect.DeepEqual(*c, want) {
		t.Errorf("got  %+v\nwant %+v", *c, want)
	}

	ports := map[string]int{}
	for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	if want := map[string]int{"http": c.Server.Port, "metrics": c.Server.MetricsPort}; !reflect.DeepEqual(ports, want) {
		t.Errorf("the Deployment has ports %v, the service %v", ports, want)
	}
	grace := time.Duration(d.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	if c.Server.DrainTimeout+c.OTLP.ShutdownTimeout >= grace {
		t.Errorf("draining (%s) and the last flush (%s) do not fit the grace period (%s)", c.Server.DrainTimeout, c.OTLP.ShutdownTimeout, grace)
	}
}
