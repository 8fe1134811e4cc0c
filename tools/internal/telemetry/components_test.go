package telemetry

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write components.json anew from the modules that components.txt names, which are downloaded")

const componentsFile = "components.json"

// TestComponents holds components.json to what components.txt names; with -update it makes it of the modules' schemas.
func TestComponents(t *testing.T) {
	made := map[string]map[string]shape{}
	source := modules{t: t}
	text, err := os.ReadFile("components.txt")
	if err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		line := scanner.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 4 {
			t.Fatalf("components.txt: %q has not four fields", line)
		}
		if made[fields[0]] == nil {
			made[fields[0]] = map[string]shape{}
		}
		for _, name := range strings.Split(fields[1], ",") {
			made[fields[0]][name] = shape{}
			if *update {
				made[fields[0]][name] = source.component(fields[2], fields[3])
			}
		}
	}
	if *update {
		out, err := json.MarshalIndent(made, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(componentsFile, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	known := components()
	for role, types := range made {
		for name := range types {
			if len(known[role][name]) == 0 {
				t.Errorf("%s %s stands in components.txt and not in %s: run this test with -update", role, name, componentsFile)
			}
		}
		if len(known[role]) != len(types) {
			t.Errorf("%s has %d %s, and components.txt %d", componentsFile, len(known[role]), role, len(types))
		}
	}
	if _, ok := known["exporters"]["otlp"]["sending_queue"]["batch"]["min_size"]; !ok {
		t.Errorf("the exporter otlp has no sending_queue.batch.min_size: the reading of schemas has broken")
	}
}

// modules reads schemas of modules, each once.
type modules struct {
	t    *testing.T
	dirs map[string]string
}

var required = regexp.MustCompile(`(?m)^\s*(?:require\s+)?(\S+) (v\S+)`)

// dir is where a module lies; "" where there is none.
func (m *modules) dir(module, version string) string {
	at := module + "@" + version
	if dir, ok := m.dirs[at]; ok {
		return dir
	}
	command := exec.Command("go", "mod", "download", "-json", at)
	command.Dir, command.Env = m.t.TempDir(), append(os.Environ(), "GOFLAGS=-mod=mod")
	out, _ := command.Output()
	var downloaded struct{ Dir string }
	_ = json.Unmarshal(out, &downloaded)
	if m.dirs == nil {
		m.dirs = map[string]string{}
	}
	m.dirs[at] = downloaded.Dir
	return downloaded.Dir
}

func (m *modules) component(module, version string) shape {
	dir := m.dir(module, version)
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		m.t.Fatal(err)
	}
	versions := map[string]string{module: version}
	for _, line := range required.FindAllStringSubmatch(string(text), -1) {
		versions[line[1]] = line[2]
	}
	s := schemas{modules: m, versions: versions, read: map[string]map[string]any{}}
	document := s.document(module)
	if document == nil {
		m.t.Fatalf("%s has no config.schema.yaml", module)
	}
	return s.shape(document, module, 0)
}

// schemas are those that one component's schema refers to.
type schemas struct {
	*modules
	versions map[string]string
	read     map[string]map[string]any // by package
}

// document is the schema of a package; nil where it is not to be had.
func (s schemas) document(pkg string) map[string]any {
	if known, ok := s.read[pkg]; ok {
		return known
	}
	var found map[string]any
	for module := pkg; strings.Contains(module, "/"); module = path.Dir(module) {
		version := s.versions[module]
		if version == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(s.dir(module, version), strings.TrimPrefix(pkg, module), "config.schema.yaml"))
		if err == nil {
			if err := yaml.Unmarshal(text, &found); err != nil {
				s.t.Fatalf("%s: %v", pkg, err)
			}
		}
		break
	}
	s.read[pkg] = found
	return found
}

// repository is the path that references with a leading slash begin from.
func repository(pkg string) string {
	for _, root := range []string{"github.com/open-telemetry/opentelemetry-collector-contrib", "go.opentelemetry.io/collector"} {
		if strings.HasPrefix(pkg, root) {
			return root
		}
	}
	return pkg
}

// shape is what a schema of a package takes; nil for what has no keys, or is not known.
func (s schemas) shape(schema map[string]any, pkg string, depth int) shape {
	if schema == nil || depth > 12 {
		return nil
	}
	if ref, ok := schema["$ref"].(string); ok {
		return s.referred(ref, pkg, depth)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		return s.shape(items, pkg, depth+1)
	}
	properties, _ := schema["properties"].(map[string]any)
	all, _ := schema["allOf"].([]any)
	more, open := schema["additionalProperties"]
	if len(properties)+len(all) == 0 && !open {
		return nil
	}
	out := shape{}
	for key, value := range properties {
		below, _ := value.(map[string]any)
		out[key] = s.shape(below, pkg, depth+1)
	}
	if open && more != false {
		below, _ := more.(map[string]any)
		out["*"] = s.shape(below, pkg, depth+1)
	}
	for _, part := range all {
		below, _ := part.(map[string]any)
		inherited := s.shape(below, pkg, depth+1)
		if inherited == nil {
			return nil // what else it takes is not known
		}
		for key, value := range inherited {
			out[key] = value
		}
	}
	return out
}

func (s schemas) referred(ref, pkg string, depth int) shape {
	name := ref
	if at := strings.LastIndexByte(ref, '.'); strings.Contains(ref, "/") && at > strings.LastIndexByte(ref, '/') {
		name = ref[at+1:]
		switch from := ref[:at]; {
		case strings.HasPrefix(from, "./"):
			pkg = path.Join(pkg, from)
		case strings.HasPrefix(from, "/"):
			pkg = repository(pkg) + from
		default:
			pkg = from
		}
	}
	document := s.document(pkg)
	definitions, _ := document["$defs"].(map[string]any)
	definition, _ := definitions[name].(map[string]any)
	if definition == nil && name == "config" && document["properties"] != nil {
		definition = document
	}
	return s.shape(definition, pkg, depth+1)
}

func TestTablesAreReadOnce(t *testing.T) {
	for name, read := range map[string]func(){
		"components":    func() { components() },
		"fluentBit":     func() { fluentBit() },
		"ottlFields":    func() { ottlFields() },
		"ottlFunctions": func() { ottlFunctions() },
	} {
		if allocations := testing.AllocsPerRun(10, read); allocations > 0 {
			t.Errorf("%s is built anew each time it is asked: %v allocations", name, allocations)
		}
	}
}
