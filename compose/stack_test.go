// Package compose holds compose.yaml and what it mounts to their promises, and the Collector configurations, the alerts
// and the dashboard of the cluster with them.
package compose

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// root is the repository's, from here.
const root = ".."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// load reads the text of a compose.yaml as docker compose does: strictly, with these variables and no others.
func load(t *testing.T, text string, environ ...string) (*types.Project, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(absolute), cli.WithEnv(environ), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// secrets makes an .env as `make up` does, and returns its lines.
func secrets(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), ".env")
	if out, err := exec.CommandContext(t.Context(), "sh", "env.sh", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(func(yield func(string) bool) {
		for line := range strings.Lines(string(content)) {
			if !yield(strings.TrimSpace(line)) {
				return
			}
		}
	})
}

// wanted is what the specification says of ports: service, then port of this machine and of the container.
var wanted = map[string]map[string]uint32{
	"app":            {"8080": 8080, "9090": 9090},
	"otel-collector": {"4317": 4317, "4318": 4318, "8888": 8888, "13133": 13133},
	"jaeger":         {"16686": 16686},
	"prometheus":     {"9091": 9090},
	"grafana":        {"3000": 3000},
	"postgres":       {},
	"loki":           {},
}

// environment is what the specification has the service be told.
var environment = []string{
	"APP_NAME", "APP_VERSION", "APP_ENV", "OTLP_ENDPOINT", "OTLP_INSECURE", "OTLP_COMPRESSION", "OTLP_SAMPLE_RATE", "MAX_CONCURRENCY",
	"REQUEST_TIMEOUT", "DATABASE_URL", "DATABASE_MAX_CONNS", "API_TOKENS",
}

var versioned = regexp.MustCompile(`:v?[0-9]+\.[0-9]+[0-9a-z.-]*(@sha256:[0-9a-f]{64})?$`)

var grafanaMajor = regexp.MustCompile(`:v?([0-9]+)\.`)

// broken lists the promises that a stack does not keep.
func broken(p *types.Project) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }

	if got, want := slices.Sorted(maps.Keys(p.Services)), slices.Sorted(maps.Keys(wanted)); !slices.Equal(got, want) {
		fault("the services are %v, want %v", got, want)
	}
	mounted := map[string]bool{}
	for name, s := range p.Services {
		if s.Build == nil && !versioned.MatchString(s.Image) {
			fault("%s: image %s is not pinned to a version", name, s.Image)
		}
		published := map[string]uint32{}
		for _, port := range s.Ports {
			published[port.Published] = port.Target
			if port.HostIP != "127.0.0.1" {
				fault("%s: port %s is open on %q and not on 127.0.0.1 alone", name, port.Published, port.HostIP)
			}
		}
		if want := wanted[name]; !maps.Equal(published, want) {
			fault("%s: publishes %v, want %v", name, published, want)
		}
		if s.Restart != types.RestartPolicyUnlessStopped {
			fault("%s: restart is %q", name, s.Restart)
		}
		if !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) {
			fault("%s: security_opt is %v", name, s.SecurityOpt)
		}
		if !slices.Equal(s.CapDrop, []string{"ALL"}) {
			fault("%s: cap_drop is %v", name, s.CapDrop)
		}
		if s.Privileged || s.NetworkMode != "" || s.Pid != "" {
			fault("%s: shares more than it needs with the machine", name)
		}
		if got := slices.Collect(maps.Keys(s.Networks)); !slices.Equal(got, []string{"stack"}) {
			fault("%s: is in the networks %v", name, got)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 {
			fault("%s: has no limit of memory", name)
		}
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if _, err := os.Stat(v.Source); err != nil {
					fault("%s: mounts what is not there: %v", name, err)
				}
				if !v.ReadOnly {
					fault("%s: may write to %s", name, v.Source)
				}
			case types.VolumeTypeVolume:
				mounted[v.Source] = true
				if _, declared := p.Volumes[v.Source]; !declared {
					fault("%s: volume %q has no name", name, v.Source)
				}
			}
		}
		for on, how := range s.DependsOn {
			// The service's own image brings its health check.
			if checked := p.Services[on].HealthCheck != nil || on == "app"; checked != (how.Condition == types.ServiceConditionHealthy) {
				fault("%s: waits for %s to be %s", name, on, how.Condition)
			}
		}
	}
	for name := range p.Volumes {
		if !mounted[name] {
			fault("volume %s is not used", name)
		}
	}
	if len(p.Networks) != 1 {
		fault("there are %d networks", len(p.Networks))
	}

	app := p.Services["app"]
	if !app.ReadOnly || len(app.CapAdd) > 0 {
		fault("app: read_only is %v, cap_add %v", app.ReadOnly, app.CapAdd)
	}
	if app.Build == nil || app.Build.Context != p.WorkingDir {
		fault("app: is not built from the Dockerfile")
	}
	for _, name := range environment {
		if value := app.Environment[name]; value == nil || *value == "" {
			fault("app: %s is not set", name)
		}
	}
	if app.Deploy != nil && app.Deploy.Resources.Limits != nil && app.Deploy.Resources.Reservations != nil {
		most, least := app.Deploy.Resources.Limits, app.Deploy.Resources.Reservations
		if most.NanoCPUs != 2 || most.MemoryBytes != 1<<30 || least.NanoCPUs != 0.5 || least.MemoryBytes != 512<<20 {
			fault("app: resources are %v to %v", least, most)
		}
		if value := app.Environment["GOMEMLIMIT"]; value == nil || *value != "1GiB" {
			fault("app: GOMEMLIMIT is not the limit of memory")
		}
	} else {
		fault("app: resources are not limited and reserved")
	}
	if app.DependsOn["postgres"].Condition != types.ServiceConditionHealthy {
		fault("app: does not wait for a healthy postgres")
	}
	if !slices.ContainsFunc(p.Services["postgres"].Volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeVolume && v.Target == "/var/lib/postgresql/data"
	}) {
		fault("postgres: its data is in no named volume")
	}
	for _, name := range []string{"postgres", "prometheus", "grafana"} {
		if check := p.Services[name].HealthCheck; check == nil || len(check.Test) == 0 || check.Disable {
			fault("%s: has no health check", name)
		}
	}
	// From 13 on the image downloads the plugins of its data sources when it starts.
	grafana := p.Services["grafana"]
	if major := grafanaMajor.FindStringSubmatch(grafana.Image); major != nil {
		if n, err := strconv.Atoi(major[1]); err != nil || n > 12 {
			fault("grafana: %s cannot start without the internet", grafana.Image)
		}
	}
	if value := grafana.Environment["GF_PLUGINS_PREINSTALL_DISABLED"]; value == nil || *value != "true" {
		fault("grafana: downloads plugins when it starts")
	}
	slices.Sort(faults)
	return faults
}

func TestStack(t *testing.T) {
	p, err := load(t, read(t, "compose.yaml"), secrets(t)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range broken(p) {
		t.Error(fault)
	}
}

// Each promise, broken in a copy, is seen to be broken.
func TestStackPromises(t *testing.T) {
	text, environ := read(t, "compose.yaml"), secrets(t)
	for _, c := range []struct{ from, to, want string }{
		{"grafana/grafana:12.3.0", "grafana/grafana:latest", "grafana: image grafana/grafana:latest is not pinned"},
		{"grafana/grafana:12.3.0", "grafana/grafana:13.0.0", "grafana: grafana/grafana:13.0.0 cannot start"},
		{"GF_PLUGINS_PREINSTALL_DISABLED: \"true\"", "GF_PLUGINS_PREINSTALL_DISABLED: \"false\"", "grafana: downloads plugins"},
		{"prom/prometheus:v3.14.0", "prom/prometheus", "prometheus: image prom/prometheus is not pinned"},
		{"127.0.0.1:3000:3000", "3000:3000", `grafana: port 3000 is open on ""`},
		{"      - 127.0.0.1:8888:8888\n", "", "otel-collector: publishes"},
		{"restart: unless-stopped", "restart: always", "jaeger: restart is"},
		{`"no-new-privileges:true"`, `"no-new-privileges:false"`, "loki: security_opt is"},
		{"    read_only: true\n    cap_drop: [ALL]\n    # The health", "    cap_drop: [ALL]\n    # The health", "app: read_only is false"},
		{"    cap_drop: [ALL]\n    # The health", "    # The health", "app: cap_drop is []"},
		{`cpus: "2", memory: 1G`, `cpus: "2", memory: 2G`, "app: resources are"},
		{"GOMEMLIMIT: 1GiB", "GOMEMLIMIT: 2GiB", "app: GOMEMLIMIT is not"},
		{"compose/collector/config.yaml:/etc", "compose/collector.yaml:/etc", "otel-collector: mounts what is not there"},
		{"/etc/otelcol/config.yaml:ro", "/etc/otelcol/config.yaml", "otel-collector: may write to"},
		{"postgres:/var/lib/postgresql/data", "postgres:/data", "postgres: its data is in no named volume"},
		{"      postgres:\n        condition: service_healthy", "      postgres:\n        condition: service_started", "app: does not wait for a healthy postgres"},
		{"      jaeger:\n        condition: service_started", "      jaeger:\n        condition: service_healthy", "waits for jaeger to be service_healthy"},
		{"      REQUEST_TIMEOUT: 30s\n", "", "app: REQUEST_TIMEOUT is not set"},
		{"volumes:\n  grafana:", "volumes:\n  spare:\n  grafana:", "volume spare is not used"},
		{"    cap_drop: [ALL]\n    deploy:\n      resources:\n        limits: {memory: 1G}\n\n  loki:", "    privileged: true\n    cap_drop: [ALL]\n    deploy:\n      resources:\n        limits: {memory: 1G}\n\n  loki:", "jaeger: shares more"},
	} {
		t.Run(c.want, func(t *testing.T) {
			changed := strings.Replace(text, c.from, c.to, 1)
			if changed == text {
				t.Fatalf("compose.yaml has no %q: does this case still break something?", c.from)
			}
			p, err := load(t, changed, environ...)
			if err != nil {
				t.Fatal(err)
			}
			if faults := strings.Join(broken(p), "\n"); !strings.Contains(faults, c.want) {
				t.Errorf("got faults %q", faults)
			}
		})
	}
	if _, err := load(t, strings.Replace(text, "    read_only: true", "    readonly: true", 1), environ...); err == nil {
		t.Error("a key that compose does not know is taken")
	}
}

// What names a secret.
var secretName = regexp.MustCompile(`PASSWORD|TOKEN|SECRET|KEY|DATABASE_URL`)

// With other secrets, every value that is or holds one is another: none is written into the file.
func TestNoSecretInTheFile(t *testing.T) {
	text := read(t, "compose.yaml")
	values := func(text string) map[string]string {
		p, err := load(t, text, secrets(t)...)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for name, s := range p.Services {
			for key, value := range s.Environment {
				if !secretName.MatchString(key) || strings.HasSuffix(key, "_FILE") {
					continue
				}
				all[name+" "+key] = *value
				if u, err := url.Parse(*value); err == nil && u.User != nil {
					all[name+" "+key], _ = u.User.Password()
				}
			}
		}
		return all
	}
	same := func(text string) (names []string) {
		first, second := values(text), values(text)
		if len(first) < 4 {
			t.Fatalf("got %d secrets, want four at least", len(first))
		}
		for name, value := range first {
			if value == second[name] {
				names = append(names, name)
			}
		}
		return names
	}
	if names := same(text); len(names) > 0 {
		t.Errorf("written into compose.yaml: %v", names)
	}
	literal := regexp.MustCompile(`app:\$\{POSTGRES_PASSWORD:[^}]*\}@`).ReplaceAllString(text, "app:hunter2@")
	if names := same(literal); !slices.Equal(names, []string{"app DATABASE_URL"}) {
		t.Errorf("a password in the URL: got %v", names)
	}
}

func TestMissingSecrets(t *testing.T) {
	text, environ := read(t, "compose.yaml"), secrets(t)
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		for _, without := range []string{"", name + "="} {
			others := slices.DeleteFunc(slices.Clone(environ), func(v string) bool { return v == variable })
			if without != "" {
				others = append(others, without)
			}
			_, err := load(t, text, others...)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "make up") {
				t.Errorf("without %s: got %v, want what to do", name, err)
			}
		}
	}
}

// .env.example names what env.sh writes, and both what compose.yaml asks for.
func TestExampleIsComplete(t *testing.T) {
	asked := map[string]bool{}
	for _, found := range regexp.MustCompile(`\$\{([A-Z_]+):\?`).FindAllStringSubmatch(read(t, "compose.yaml"), -1) {
		asked[found[1]] = true
	}
	want := slices.Sorted(maps.Keys(asked))
	var example, made []string
	for line := range strings.Lines(read(t, ".env.example")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			example = append(example, name)
			if value != "" {
				t.Errorf(".env.example has a value for %s, which someone would keep", name)
			}
		}
	}
	seen := map[string]bool{}
	for _, line := range secrets(t) {
		name, value, _ := strings.Cut(line, "=")
		made = append(made, name)
		if seen[value] || !regexp.MustCompile(`^[0-9a-f]{48}$`).MatchString(value) {
			t.Errorf("%s is %q", name, value)
		}
		seen[value] = true
	}
	slices.Sort(example)
	slices.Sort(made)
	if !slices.Equal(example, want) || !slices.Equal(made, want) || len(want) == 0 {
		t.Errorf("compose.yaml asks for %v, .env.example has %v, env.sh makes %v", want, example, made)
	}
	if ignored := exec.CommandContext(t.Context(), "git", "-C", root, "check-ignore", "-q", ".env").Run(); ignored != nil {
		t.Errorf("git does not ignore .env: %v", ignored)
	}
}

// Secrets that are there are kept, or a database would no longer open.
func TestSecretsAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	for _, content := range []string{"POSTGRES_PASSWORD=mine\n", ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "env.sh", file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s", err, out)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != content {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "env.sh", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info.Mode(), err)
	}
}
