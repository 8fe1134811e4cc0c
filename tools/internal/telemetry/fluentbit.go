package telemetry

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

//go:embed fluentbit.json
var fluentBitJSON []byte

// fluentBitTable is what plugins of Fluent Bit are called, by input, filter, output and processor, and the properties that they
// have; one that ends with * is a beginning, and * itself says that others are not known. Core are those of any plugin.
type fluentBitTable struct {
	Core    map[string][]string            `json:"core"`
	Plugins map[string]map[string][]string `json:"plugins"`
}

// fluentBit is the union of Fluent Bit 1.9 to 5.1: read once, and by all who ask.
var fluentBit = sync.OnceValue(func() fluentBitTable {
	var table fluentBitTable
	if err := json.Unmarshal(fluentBitJSON, &table); err != nil {
		panic("fluentbit.json: " + err.Error()) // a test reads it
	}
	return table
})

func fluentBitConfiguration() *check.Check {
	return &check.Check{
		Name:  "telemetry/fluent-bit-configuration",
		Title: "Fluent Bit knows its plugins and their properties, and every match finds a tag",
		Doc: "Fluent Bit does not start with a plugin that it does not have, nor with a property that the plugin does not have. An output whose match " +
			"fits the tag of no input gets nothing, a filter none of it does nothing, and neither says so. A configuration is known by its pipeline, in YAML or in the " +
			"classic format, in a ConfigMap. Names are those of Fluent Bit 1.9 to 5.1. What is no typing error away from a known name is refused where the " +
			"image of a pod that mounts the ConfigMap is of one of these releases, and a plugin never: it may be one's own. Nothing is said of a match where " +
			"tags are made by who sends, by rewrite_tag, or in files that are included.",
		Fix:      "Correct the name, the property, or the match.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://github.com/fluent/fluent-bit/blob/v5.1.1/src/flb_config_map.c",
			"https://docs.fluentbit.io/manual/concepts/data-pipeline/router",
		},
		Bad: fluentBitBad, Good: fluentBitGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			for _, target := range pass.Targets {
				for _, object := range target.Applied() {
					if object.APIVersion != "v1" || object.Kind != "ConfigMap" {
						continue
					}
					data, _ := object.Value["data"].(map[string]any)
					for _, key := range slices.Sorted(maps.Keys(data)) {
						at := place{pass, target, object, manifest.Path{"data", key}}
						text, _ := data[key].(string)
						if at.hidden() {
							continue
						}
						pipeline, ok := fluentBitPipeline(at, text)
						if !ok {
							continue
						}
						pipeline.known, pipeline.covered = fluentBit(), isCoveredFluentBit(target, object)
						for other, text := range data {
							if text, _ := text.(string); other != key && including.MatchString(text) {
								pipeline.whole = false // it may be part of that
							}
						}
						pipeline.judge()
						if err := ctx.Err(); err != nil {
							return err
						}
					}
				}
			}
			return ctx.Err()
		},
	}
}

// property is what a plugin is told, and where.
type property struct {
	name, value string
	report      func(format string, args ...any)
}

// plugin is an entry of a pipeline.
type plugin struct {
	role       string
	properties []property
	at         func(format string, args ...any) // the plugin as a whole
}

// value is that of a property; false where it has none.
func (p plugin) value(name string) (property, bool) {
	for _, property := range p.properties {
		if strings.EqualFold(property.name, name) {
			return property, true
		}
	}
	return property{}, false
}

func (p plugin) name() string {
	name, _ := p.value("name")
	return strings.ToLower(name.value)
}

type pipeline struct {
	plugins []plugin
	whole   bool // nothing is included, and no stream makes tags
	more    bool // plugins of one's own are read
	known   fluentBitTable
	covered bool // no release runs that may know more
}

// fluentBitPipeline is the pipeline that a text holds.
func fluentBitPipeline(at place, text string) (pipeline, bool) {
	if strings.Contains(text, "pipeline:") {
		var config map[string]any
		if yaml.Unmarshal([]byte(text), &config) != nil {
			return pipeline{}, false
		}
		return yamlPipeline(at, config)
	}
	if classicPipeline.MatchString(text) {
		return classic(at, text)
	}
	return pipeline{}, false
}

func yamlPipeline(at place, config map[string]any) (pipeline, bool) {
	sections, _ := config["pipeline"].(map[string]any)
	found := pipeline{whole: config["includes"] == nil && config["stream_processor"] == nil}
	found.more = config["plugins"] != nil
	service, _ := config["service"].(map[string]any)
	for key := range service {
		switch strings.ToLower(key) {
		case "streams_file":
			found.whole = false
		case "plugins_file":
			found.more = true
		}
	}
	var entry func(at place, role string, value any)
	entry = func(at place, role string, value any) {
		fields, ok := value.(map[string]any)
		if !ok {
			return
		}
		p := plugin{role: role, at: at.report}
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			switch v := fields[key].(type) {
			case map[string]any:
				if strings.EqualFold(key, "processors") {
					for _, signal := range slices.Sorted(maps.Keys(v)) {
						for i := range manifest.ListAt(v, signal) {
							entry(at.at(key, signal, i), "processor", manifest.At(v, signal, i))
						}
					}
					continue
				}
				p.properties = append(p.properties, property{key, "", at.at(key).report})
			case []any:
				for _, item := range v {
					p.properties = append(p.properties, property{key, fmt.Sprint(item), at.at(key).report})
				}
			default:
				p.properties = append(p.properties, property{key, fmt.Sprint(v), at.at(key).report})
			}
		}
		found.plugins = append(found.plugins, p)
	}
	for _, role := range []string{"input", "filter", "output"} {
		for i, value := range manifest.ListAt(sections, role+"s") {
			entry(at.at("pipeline", role+"s", i), role, value)
		}
	}
	return found, len(found.plugins) > 0
}

var (
	classicPipeline = regexp.MustCompile(`(?im)^\s*\[(?:INPUT|OUTPUT|FILTER)\]\s*$`)
	classicSection  = regexp.MustCompile(`^\s*\[([A-Za-z_]+)\]\s*$`)
	classicProperty = regexp.MustCompile(`^\s+(\S+)\s+(.*?)\s*$`)
	including       = regexp.MustCompile(`(?im)^\s*(?:@INCLUDE\b|Streams_File\b|includes:)`)
	ownPlugins      = regexp.MustCompile(`(?im)^\s*Plugins_File\b`)
)

func classic(at place, text string) (pipeline, bool) {
	found := pipeline{whole: !including.MatchString(text), more: ownPlugins.MatchString(text)}
	var current *plugin
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		report := func(format string, args ...any) {
			at.pass.ReportLine(at.target, at.object, at.path, i+1, fmt.Sprintf(format, args...))
		}
		if section := classicSection.FindStringSubmatch(line); section != nil {
			current = nil
			if role := strings.ToLower(section[1]); slices.Contains([]string{"input", "filter", "output"}, role) {
				found.plugins = append(found.plugins, plugin{role: role, at: report})
				current = &found.plugins[len(found.plugins)-1]
			} else if role != "service" {
				found.whole = false // of another kind, such as a parser: what it does with tags is not known
			}
			continue
		}
		if trimmed := strings.TrimSpace(line); current == nil || trimmed == "" || trimmed[0] == '#' || trimmed[0] == '@' {
			continue
		}
		if words := classicProperty.FindStringSubmatch(line); words != nil {
			current.properties = append(current.properties, property{words[1], words[2], report})
		}
	}
	return found, len(found.plugins) > 0
}

func (p pipeline) judge() {
	for _, plugin := range p.plugins {
		p.judgeWords(plugin)
	}
	p.judgeMatches()
}

// propertiesOf are those of a plugin of a role; false where no plugin is called so. In a processor's place a filter may stand.
func (p pipeline) propertiesOf(role, name string) ([]string, bool) {
	if properties, ok := p.known.Plugins[role][name]; ok {
		return append(slices.Clone(properties), p.known.Core[role]...), true
	}
	if role == "processor" {
		return p.propertiesOf("filter", name)
	}
	return nil, false
}

func (p pipeline) judgeWords(plugin plugin) {
	named, ok := plugin.value("name")
	name := plugin.name()
	if !ok || strings.Contains(name, "$") || strings.Contains(name, "{{") {
		return
	}
	properties, ok := p.propertiesOf(plugin.role, name)
	if !ok {
		all := keysOf(p.known.Plugins[plugin.role])
		if plugin.role == "processor" {
			all = append(all, keysOf(p.known.Plugins["filter"])...)
		}
		if meant := spelling.Slip(name, all); meant != "" && !p.more {
			named.report("there is no %s %s: Fluent Bit does not start%s", plugin.role, named.value, question(meant))
		}
		return
	}
	// What the reader of a configuration takes for itself.
	properties = append(properties, "name", "processors", "routes", "active", "condition", "alias", "log_level", "match", "match_regex", "workers")
	for _, property := range plugin.properties {
		key := strings.ToLower(property.name)
		if hasProperty(properties, key) || strings.HasPrefix(key, "_debug.") || strings.Contains(key, "$") {
			continue
		}
		meant := spelling.Slip(key, properties)
		if meant != "" || p.covered && !slices.Contains(properties, "*") {
			property.report("the %s %s has no property %s: Fluent Bit does not start%s", plugin.role, name, property.name, question(meant))
		}
	}
}

func hasProperty(known []string, key string) bool {
	return slices.ContainsFunc(known, func(property string) bool {
		beginning, isBeginning := strings.CutSuffix(property, "*")
		return property == key || isBeginning && beginning != "" && len(key) > len(beginning) && strings.HasPrefix(key, beginning)
	}) || slices.ContainsFunc([]string{"net.", "tls.", "oauth2", "storage."}, func(beginning string) bool {
		// Families of a core that grows; a slip within them is found by its neighbours.
		return strings.HasPrefix(key, beginning) && spelling.Slip(key, known) == ""
	})
}

// ownTags are inputs whose records bring their tags along, or may.
func ownTags() []string {
	return []string{"forward", "http", "opentelemetry", "splunk", "elasticsearch", "mqtt", "lib", "emitter", "storage_backlog", "prometheus_remote_write", "stream_processor", "unix_socket"}
}

// tags are patterns of the tags that inputs give, of which * is any text; false where others are given.
func (p pipeline) tags() ([]string, bool) {
	var tags []string
	number := map[string]int{}
	for _, plugin := range p.plugins {
		name := plugin.name()
		_, ours := p.known.Plugins[plugin.role][name]
		switch {
		case plugin.role == "filter" && (name == "rewrite_tag" || name == "log_to_metrics" || !ours):
			return nil, false
		case plugin.role != "input":
			continue
		case !ours || slices.Contains(ownTags(), name):
			return nil, false
		}
		tag, ok := plugin.value("tag")
		switch {
		case !ok:
			tags = append(tags, fmt.Sprintf("%s.%d", name, number[name]))
		case strings.ContainsAny(tag.value, "${"):
			return nil, false
		default:
			tags = append(tags, placeholder.ReplaceAllString(tag.value, "*"))
		}
		number[name]++
	}
	return tags, p.whole && len(tags) > 0
}

var placeholder = regexp.MustCompile(`<[^>]*>`)

func (p pipeline) judgeMatches() {
	tags, certain := p.tags()
	if !certain {
		return
	}
	for _, plugin := range p.plugins {
		if plugin.role != "output" && plugin.role != "filter" {
			continue
		}
		match, ok := plugin.value("match")
		_, byExpression := plugin.value("match_regex")
		if !ok || byExpression || strings.ContainsAny(match.value, "${") {
			continue
		}
		if slices.ContainsFunc(tags, func(tag string) bool { return bothFit(match.value, tag) }) {
			continue
		}
		what := "gets nothing"
		if plugin.role == "filter" {
			what = "does nothing"
		}
		match.report("no input has a tag that %q fits: the %s %s %s; there is %s", match.value, plugin.role, plugin.name(), what, strings.Join(tags, ", "))
	}
}

// bothFit reports whether there is a text that two patterns fit, in both of which * is any text.
func bothFit(a, b string) bool {
	// reach[j] says that the patterns fit a text up to where the walk is in a, and j in b.
	reach := make([]bool, len(b)+1)
	reach[0] = true
	for j := 0; j < len(b) && b[j] == '*'; j++ {
		reach[j+1] = true
	}
	for i := range len(a) {
		next := make([]bool, len(b)+1)
		for j := range len(b) + 1 {
			star := a[i] == '*'
			next[j] = star && reach[j] ||
				j > 0 && (star && next[j-1] || b[j-1] == '*' && next[j-1] || b[j-1] == '*' && reach[j] || (a[i] == b[j-1] || star && b[j-1] == '*') && reach[j-1])
		}
		reach = next
	}
	return reach[len(b)]
}

// fluentBitTag is of an image that is called fluent-bit: others, aws-for-fluent-bit for one, count releases of their own.
var fluentBitTag = regexp.MustCompile(`(?:^|/)fluent-bit:v?(\d+)\.(\d+)\.\d+(?:[-@].*)?$`)

// isCoveredFluentBit reports whether pods mount the ConfigMap, all of them with an image of a release that is known.
func isCoveredFluentBit(target *check.Target, config *manifest.Object) bool {
	mounted := false
	for _, o := range target.Objects {
		spec, _ := manifest.At(o.Value, "spec", "template", "spec").(map[string]any)
		if spec == nil || o.Namespace != config.Namespace || !slices.ContainsFunc(manifest.ListAt(spec, "volumes"), func(volume any) bool {
			return manifest.TextAt(volume, "configMap", "name") == config.Name
		}) {
			continue
		}
		images := 0
		for _, container := range manifest.ListAt(spec, "containers") {
			image := manifest.TextAt(container, "image")
			if !strings.Contains(image, "fluent-bit") {
				continue
			}
			images++
			tag := fluentBitTag.FindStringSubmatch(image)
			if tag == nil {
				return false
			}
			major, _ := strconv.Atoi(tag[1])
			minor, _ := strconv.Atoi(tag[2])
			if major > 5 || major == 5 && minor > 1 || major < 1 || major == 1 && minor < 9 {
				return false
			}
		}
		if images == 0 {
			return false
		}
		mounted = true
	}
	return mounted
}
