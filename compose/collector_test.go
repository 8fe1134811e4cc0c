package compose

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// otelcol returns the Collector that `make collector` builds, of the pinned release.
func otelcol(t *testing.T) string {
	t.Helper()
	binary, err := filepath.Abs(filepath.Join(root, ".cache/bin/otelcol"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		missing(t, "there is no Collector: make collector")
	}
	return binary
}

// validate passes a configuration to the Collector, which then says what is wrong with it, or nothing.
func validate(t *testing.T, config string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), otelcol(t), "validate", "--config="+file).CombinedOutput()
	return string(out), err
}

type collector struct {
	Kind string
	Spec struct {
		Image  string
		Config yaml.Node
	}
}

// inCluster renders an environment and returns its one Collector.
func inCluster(t *testing.T, environment string) collector {
	t.Helper()
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "overlays", environment, "platform"))
	if err != nil {
		t.Fatal(err)
	}
	var found []collector
	for _, resource := range rendered.Resources() {
		if resource.GetKind() != "OpenTelemetryCollector" {
			continue
		}
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var c collector
		if err := yaml.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		found = append(found, c)
	}
	if len(found) != 1 {
		t.Fatalf("got %d Collectors in %s", len(found), environment)
	}
	return found[0]
}

func configOf(t *testing.T, c collector) string {
	t.Helper()
	text, err := yaml.Marshal(&c.Spec.Config)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var environments = []string{"dev", "staging", "prod"}

func TestCollectorConfigurations(t *testing.T) {
	configs := map[string]string{"compose": read(t, "compose/collector/config.yaml")}
	for _, environment := range environments {
		configs[environment] = configOf(t, inCluster(t, environment))
	}
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			out, err := validate(t, config)
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			// What this release only warns of, a later one refuses.
			if strings.Contains(out, "deprecated") {
				t.Error(out)
			}
			for _, c := range []struct{ from, to, want string }{
				{"send_batch_size: 2048", "send_batch_size: 8192", "send_batch_max_size"},
				{"check_interval:", "check_intervall:", "check_intervall"},
				{"otlp_grpc/", "otlp_grcp/", "otlp_grcp"},
				{"batch:\n", "bach:\n", "bach"},
			} {
				if changed := strings.Replace(config, c.from, c.to, 1); changed == config {
					t.Errorf("the configuration has no %q: does this case still break something?", c.from)
				} else if out, err := validate(t, changed); err == nil || !strings.Contains(out, c.want) {
					t.Errorf("%q for %q: got %v: %s", c.to, c.from, err, out)
				}
			}
		})
	}
	statement := strings.Replace(configs["prod"], "set(log.trace_id.string,", "set(log.trace_id.text,", 1)
	if out, err := validate(t, statement); err == nil || !strings.Contains(out, "log.trace_id.text") {
		t.Errorf("a statement on a field that log records do not have: %v: %s", err, out)
	}
}

// One release checks the configurations, runs in the cluster and runs in the stack.
func TestOneReleaseOfTheCollector(t *testing.T) {
	pin := regexp.MustCompile(`(?m)^\tgo\.opentelemetry\.io/collector/otelcol v(\S+)$`).FindStringSubmatch(read(t, "tools/pinned/collector/go.mod"))
	if pin == nil {
		t.Fatal("tools/pinned/collector/go.mod pins no otelcol")
	}
	want := "ghcr.io/open-telemetry/opentelemetry-collector-releases/opentelemetry-collector-contrib:" + pin[1]
	for _, environment := range environments {
		if got := inCluster(t, environment).Spec.Image; got != want {
			t.Errorf("%s runs %s, want %s", environment, got, want)
		}
	}
	stack, err := load(t, read(t, "compose.yaml"), secrets(t)...)
	if err != nil {
		t.Fatal(err)
	}
	if got := stack.Services["otel-collector"].Image; got != want {
		t.Errorf("compose.yaml runs %s, want %s", got, want)
	}
	// The components of contrib are released with the core, under the same number.
	for _, other := range regexp.MustCompile(`(?m)^\tgithub\.com/open-telemetry/opentelemetry-collector-contrib/\S+ v(\S+)`).FindAllStringSubmatch(read(t, "tools/pinned/collector/go.mod"), -1) {
		if other[1] != pin[1] {
			t.Errorf("%s is not of release %s", fmt.Sprint(other[0]), pin[1])
		}
	}
}
