package telemetry

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var fluentBitSource = flag.String("fluentbit", "", "a git repository of Fluent Bit, with its tags, that -update makes fluentbit.json of")

// fluentBitReleases are those of which it is the union: the last of each minor release.
var fluentBitReleases = []string{
	"v1.9.10", "v2.0.14", "v2.1.10", "v2.2.3", "v3.0.7", "v3.1.10", "v3.2.10", "v4.0.14", "v4.1.2", "v4.2.8", "v5.0.9", "v5.1.1",
}

var (
	pluginStruct = regexp.MustCompile(`(?s)struct flb_(input|output|filter|processor)_plugin\s+\w+\s*=\s*\{(.*?)\n\};`)
	pluginName   = regexp.MustCompile(`\.name\s*=\s*"([^"]+)"`)
	pluginMap    = regexp.MustCompile(`\.config_map\s*=\s*(\w+)`)
	mapArray     = regexp.MustCompile(`(?s)struct flb_config_map\s+(\w+)\[\]\s*=\s*\{(.*?)\n\};`)
	mapEntry     = regexp.MustCompile(`\{\s*(?:/\*[^*]*\*/\s*)*FLB_CONFIG_MAP_(\w+)\s*,\s*("([^"]+)"|\w+)`)
	coreProperty = regexp.MustCompile(`prop_key_check\("([^"]+)"`)
)

// TestFluentBit holds fluentbit.json to what it is for; with -update and -fluentbit it makes it of the source of releases.
func TestFluentBit(t *testing.T) {
	if *fluentBitSource != "" {
		out, err := json.MarshalIndent(readFluentBit(t, *fluentBitSource), "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("fluentbit.json", append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known := fluentBit()
	for _, want := range [][2]string{
		{"input", "tail"}, {"input", "systemd"}, {"input", "forward"}, {"filter", "kubernetes"}, {"filter", "modify"}, {"filter", "rewrite_tag"},
		{"output", "forward"}, {"output", "es"}, {"output", "loki"}, {"output", "opentelemetry"}, {"processor", "content_modifier"},
	} {
		if len(known.Plugins[want[0]][want[1]]) == 0 {
			t.Errorf("the %s %s has no properties", want[0], want[1])
		}
	}
	for _, want := range [][2]string{{"input", "mem_buf_limit"}, {"output", "storage.total_limit_size"}, {"filter", "match_regex"}, {"input", "tls.vhost"}, {"output", "net.keepalive"}} {
		if !slices.Contains(known.Core[want[0]], want[1]) {
			t.Errorf("any %s has no property %s", want[0], want[1])
		}
	}
}

// readFluentBit takes what plugins are called and which properties they have from the C of releases: of each plugin, its table of
// properties. One that has no table, or a table with what is no text, has properties that are not known.
func readFluentBit(t *testing.T, dir string) fluentBitTable {
	table := fluentBitTable{Core: map[string][]string{}, Plugins: map[string]map[string][]string{}}
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
		if err != nil {
			t.Fatalf("git %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	open := map[[2]string]bool{}
	for _, release := range fluentBitReleases {
		sources := map[string]string{}
		for _, name := range strings.Fields(git("ls-tree", "-r", "--name-only", release, "plugins")) {
			if strings.HasSuffix(name, ".c") || strings.HasSuffix(name, ".h") {
				if parts := strings.Split(name, "/"); len(parts) > 2 {
					sources[path.Join(parts[:2]...)] += git("show", release+":"+name) + "\n"
				}
			}
		}
		for _, text := range sources {
			arrays := map[string]string{}
			for _, array := range mapArray.FindAllStringSubmatch(text, -1) {
				arrays[array[1]] = array[2]
			}
			for _, plugin := range pluginStruct.FindAllStringSubmatch(text, -1) {
				role, name := plugin[1], pluginName.FindStringSubmatch(plugin[2])
				if name == nil {
					continue
				}
				if table.Plugins[role] == nil {
					table.Plugins[role] = map[string][]string{}
				}
				properties := table.Plugins[role][name[1]]
				array := pluginMap.FindStringSubmatch(plugin[2])
				if array == nil || arrays[array[1]] == "" {
					open[[2]string{role, name[1]}] = true
				} else {
					for _, entry := range mapEntry.FindAllStringSubmatch(arrays[array[1]], -1) {
						switch {
						case entry[3] == "":
							open[[2]string{role, name[1]}] = true
						case entry[1] == "STR_PREFIX":
							properties = append(properties, strings.ToLower(entry[3])+"*")
						default:
							properties = append(properties, strings.ToLower(entry[3]))
						}
					}
				}
				if properties == nil {
					properties = []string{}
				}
				slices.Sort(properties)
				table.Plugins[role][name[1]] = slices.Compact(properties)
			}
		}
		for role, file := range map[string]string{"input": "src/flb_input.c", "filter": "src/flb_filter.c", "output": "src/flb_output.c"} {
			text := git("show", release+":"+file)
			if role != "filter" {
				text += git("show", release+":src/flb_upstream.c")
			}
			for _, property := range coreProperty.FindAllStringSubmatch(text, -1) {
				table.Core[role] = append(table.Core[role], strings.ToLower(property[1]))
			}
			for _, array := range mapArray.FindAllStringSubmatch(text, -1) {
				for _, entry := range mapEntry.FindAllStringSubmatch(array[2], -1) {
					if entry[3] != "" {
						table.Core[role] = append(table.Core[role], strings.ToLower(entry[3]))
					}
				}
			}
			slices.Sort(table.Core[role])
			table.Core[role] = slices.Compact(table.Core[role])
		}
	}
	for of := range open {
		table.Plugins[of[0]][of[1]] = append(table.Plugins[of[0]][of[1]], "*")
	}
	return table
}

func fluentBitYAML(text string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata:\n  a.yaml: |\n    " + indent(text, 4) + "\n"
}

func TestFluentBitConfiguration(t *testing.T) {
	const (
		name = "telemetry/fluent-bit-configuration"
		file = `data["a.yaml"]`
		pods = "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d, namespace: n}\nspec: {template: {spec: {containers: [{image: 'IMAGE'}], volumes: [{configMap: {name: c}}]}}}\n"
	)
	for _, test := range []struct {
		name, config string
		want         []string
	}{
		{"known words", "pipeline: {inputs: [{Name: tail, TAG: a.*, Parser_1: x, net.new_one: 1}], filters: [{name: modify, match: 'a.b.*', add: [a b, c d]}], outputs: [{name: es, match: '*', Host: x}]}", nil},
		{"a plugin", "pipeline: {inputs: [{name: tial}], outputs: [{name: of_ours, match: '*'}]}", []string{
			file + ".pipeline.inputs[0].name: there is no input tial: Fluent Bit does not start; did you mean `tail`?",
		}},
		{"properties", "pipeline: {inputs: [{name: tail, mem_buf_limt: 1, of_ours: 1}], outputs: [{name: es, match: '*', net.keepalve: on}]}", []string{
			file + ".pipeline.inputs[0].mem_buf_limt: the input tail has no property mem_buf_limt: Fluent Bit does not start; did you mean `mem_buf_limit`?",
			file + `.pipeline.outputs[0]["net.keepalve"]: the output es has no property net.keepalve: Fluent Bit does not start; did you mean ` + "`net.keepalive`?",
		}},
		{"a release that is known", "pipeline: {inputs: [{name: tail, of_ours: 1}]}\n" + "IMAGE=5.0.3", []string{
			file + ".pipeline.inputs[0].of_ours: the input tail has no property of_ours: Fluent Bit does not start",
		}},
		{"an image of one's own registry", "pipeline: {inputs: [{name: tail, of_ours: 1}]}\n" + "IMAGE=x.io:5000/team/fluent-bit:v2.2.3-debug@sha256:00", []string{
			file + ".pipeline.inputs[0].of_ours: the input tail has no property of_ours: Fluent Bit does not start",
		}},
		{"an image that counts its own releases", "pipeline: {inputs: [{name: tail, of_ours: 1}]}\n" + "IMAGE=public.ecr.aws/aws-observability/aws-for-fluent-bit:2.32.4", nil},
		{"an image of a fork", "pipeline: {inputs: [{name: tail, of_ours: 1}]}\n" + "IMAGE=fluent-bit-extra:2.2.3", nil},
		{"a later release", "pipeline: {inputs: [{name: tail, of_ours: 1}]}\n" + "IMAGE=6.0.0", nil},
		{"no release", "pipeline: {inputs: [{name: tail, of_ours: 1}]}\n" + "IMAGE=latest", nil},
		{"processors", "pipeline: {inputs: [{name: tail, processors: {logs: [{name: content_modifer, action: insert}, {name: modify, adds: a b, condition: {op: and}}]}}]}", []string{
			file + ".pipeline.inputs[0].processors.logs[0].name: there is no processor content_modifer: Fluent Bit does not start; did you mean `content_modifier`?",
			file + ".pipeline.inputs[0].processors.logs[1].adds: the processor modify has no property adds: Fluent Bit does not start; did you mean `add`?",
		}},
		{"matches", "pipeline: {inputs: [{name: tail, tag: kube.*}, {name: cpu}, {name: cpu}], filters: [{name: grep, match: 'kubernetes.*'}], outputs: [{name: stdout, match: cpu.1}, {name: stdout, match: cpu.2}]}", []string{
			file + `.pipeline.filters[0].match: no input has a tag that "kubernetes.*" fits: the filter grep does nothing; there is kube.*, cpu.0, cpu.1`,
			file + `.pipeline.outputs[1].match: no input has a tag that "cpu.2" fits: the output stdout gets nothing`,
		}},
		{"tags of who sends", "pipeline: {inputs: [{name: forward}], outputs: [{name: stdout, match: x}]}", nil},
		{"tags that are made", "pipeline: {inputs: [{name: cpu}], filters: [{name: rewrite_tag, match: '*', rule: $a b c}], outputs: [{name: stdout, match: x}]}", nil},
		{"tags from elsewhere", "includes: [b.yaml]\npipeline: {inputs: [{name: cpu}], outputs: [{name: stdout, match: x}]}", nil},
		{"streams", "service: {Streams_File: a}\npipeline: {inputs: [{name: cpu}], outputs: [{name: stdout, match: x}]}", nil},
		{"variables", "pipeline: {inputs: [{name: cpu, tag: '${TAG}'}, {name: '${X}'}], outputs: [{name: stdout, match: x}, {name: stdout, match: '${MATCH}'}]}", nil},
		{"plugins of one's own", "plugins: [/gstdout.so]\npipeline: {inputs: [{name: cpu}], outputs: [{name: gstdout, match: '*'}]}", nil},
		{"another thing", "pipeline: {steps: [a]}", nil},
		{"broken", "pipeline: {inputs: [", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, image, runs := strings.Cut(test.config, "IMAGE=")
			text := fluentBitYAML(config)
			if runs {
				if !strings.Contains(image, ":") {
					image = "fluent/fluent-bit:" + image
				}
				text += strings.Replace(pods, "IMAGE", image, 1)
			}
			hold(t, found(t, name, text), test.want...)
		})
	}
	classic := "[SERVICE]\n  Flush 1\n[INPUT]\n  Name tail\n  Tag  kube.*\n  Mem_Buf_Limt 5MB\n# a comment\n[FILTER]\n  Name kubernets\n  Match kube.*\n[OUTPUT]\n  Name  stdout\n  Match kub.*\n"
	hold(t, found(t, name, fluentBitYAML(classic)),
		file+": the input tail has no property Mem_Buf_Limt: Fluent Bit does not start; did you mean `mem_buf_limit`?",
		file+": there is no filter kubernets: Fluent Bit does not start; did you mean `kubernetes`?")
	hold(t, found(t, name, fluentBitYAML(strings.ReplaceAll(classic, "kubernets", "kubernetes"))),
		file+`: no input has a tag that "kub.*" fits: the output stdout gets nothing; there is kube.*`,
		file+": the input tail has no property Mem_Buf_Limt")
	hold(t, found(t, name, fluentBitYAML("@INCLUDE inputs.conf\n[OUTPUT]\n  Name stdout\n  Match x\n")))
	part := "[INPUT]\n  Name cpu\n[OUTPUT]\n  Name stdout\n  Match x\n"
	hold(t, found(t, name, fluentBitYAML(part)+"  b.conf: |\n    @INCLUDE a.yaml\n    [SERVICE]\n      Plugins_File a.conf\n"))
}

func TestBothFit(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"kube.*", "kube.*", true}, {"*", "a", true}, {"a", "*", true}, {"kube.*.log", "kube.*", true}, {"kub.*", "kube.*", false},
		{"kube.shop.*", "kube.*", true}, {"*.b", "a.*", true}, {"a", "a", true}, {"a", "b", false}, {"", "", true}, {"", "*", true}, {"", "a", false},
		{"a*b", "ab", true}, {"a*b", "a", false}, {"**", "", true}, {"a*c", "*b", false}, {"a*c", "*b*", true},
	} {
		if bothFit(test.a, test.b) != test.want || bothFit(test.b, test.a) != test.want {
			t.Errorf("%q and %q: want %v", test.a, test.b, test.want)
		}
	}
}
