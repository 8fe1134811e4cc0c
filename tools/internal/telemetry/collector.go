package telemetry

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

func collectorConfiguration() *check.Check {
	return &check.Check{
		Name:  "telemetry/collector-configuration",
		Title: "The Collector starts with its configuration, and uses all of it",
		Doc: "The operator hands the configuration of an OpenTelemetryCollector on as it is. A Collector does not start where a pipeline or `service.extensions` names " +
			"what is not configured, where a pipeline has no receiver or no exporter, where a component has a key that it does not know, or where " +
			"a statement of its transformation language does not parse. What is configured and used nowhere it leaves out without a word, which is a warning. Keys, paths " +
			"and functions are those of the releases 0.165 and 1.4; of keys and functions only what is a typing error away from one is refused, and of paths, " +
			"where the image is of a later release or names none.",
		Fix:      "Configure what is named, use what is configured, or correct the name.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://github.com/open-telemetry/opentelemetry-collector/blob/v0.145.0/otelcol/config.go",
			"https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/v0.145.0/pkg/ottl",
		},
		Bad: collectorBad, Good: collectorGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			for _, target := range pass.Targets {
				for _, object := range target.Applied() {
					if object.Group() != "opentelemetry.io" || object.Kind != "OpenTelemetryCollector" {
						continue
					}
					at := place{pass, target, object, manifest.Path{"spec", "config"}}
					if config := collectorConfig(at); config != nil {
						c := collector{at: at, config: config, newer: isNewerCollector(manifest.TextAt(object.Value, "spec", "image"))}
						c.judge()
					}
				}
			}
			return ctx.Err()
		},
	}
}

// collectorConfig is spec.config; v1alpha1 has it as a text. What another configuration may be merged with is not known.
func collectorConfig(at place) map[string]any {
	if manifest.At(at.object.Value, "spec", "args", "config") != nil || at.hidden() {
		return nil
	}
	switch config := manifest.At(at.object.Value, at.path...).(type) {
	case map[string]any:
		return config
	case string:
		var read map[string]any
		if yaml.Unmarshal([]byte(config), &read) == nil {
			return read
		}
	}
	return nil
}

var collectorTag = regexp.MustCompile(`:v?0\.(\d+)\.\d+(?:[-@].*)?$`)

// isNewerCollector reports an image that may know more paths than are known here.
func isNewerCollector(image string) bool {
	tag := collectorTag.FindStringSubmatch(image)
	if tag == nil {
		return true
	}
	minor, err := strconv.Atoi(tag[1])
	return err != nil || minor > 165
}

type collector struct {
	at     place
	config map[string]any
	newer  bool
}

// roles are the components of a pipeline.
func roles() []string { return []string{"receivers", "processors", "exporters"} }

func (c collector) configured(role string) map[string]any {
	found, _ := c.config[role].(map[string]any)
	return found
}

func (c collector) judge() {
	used := map[string]map[string]bool{"receivers": {}, "processors": {}, "exporters": {}, "extensions": {}}
	pipelines, _ := manifest.At(c.config, "service", "pipelines").(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(pipelines)) {
		c.judgePipeline(c.at.at("service", "pipelines", id), id, pipelines[id], used)
	}
	for i, item := range manifest.ListAt(c.config, "service", "extensions") {
		if id, ok := item.(string); ok {
			used["extensions"][c.judgeName(c.at.at("service", "extensions", i), id, "extension", "service.extensions", c.configured("extensions"))] = true
		}
	}
	if len(pipelines) > 0 {
		c.judgeUse(used)
	}
	for _, role := range append(roles(), "connectors", "extensions") {
		for _, id := range slices.Sorted(maps.Keys(c.configured(role))) {
			kind, _, _ := strings.Cut(id, "/")
			c.judgeKeys(c.at.at(role, id), fmt.Sprintf("%s %s", strings.TrimSuffix(role, "s"), id), c.configured(role)[id], components()[role][kind])
			if role == "processors" {
				c.judgeStatements(c.at.at(role, id), id, kind, c.configured(role)[id])
			}
		}
	}
}

func (c collector) judgePipeline(at place, id string, pipeline any, used map[string]map[string]bool) {
	signal, _, _ := strings.Cut(id, "/")
	if !slices.Contains([]string{"traces", "metrics", "logs", "profiles"}, signal) {
		at.report("pipeline %q is of no signal: a name begins with traces, metrics, logs or profiles%s", id,
			spelling.Meant(signal, []string{"traces", "metrics", "logs", "profiles"}))
	}
	fields, ok := pipeline.(map[string]any)
	if !ok {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(roles(), key) {
			at.at(key).report("pipeline %q has no key %q: it has receivers, processors and exporters%s", id, key, spelling.Meant(key, roles()))
		}
	}
	for _, role := range roles() {
		items, isList := fields[role].([]any)
		if len(items) == 0 && role != "processors" && (isList || fields[role] == nil) {
			at.report("pipeline %q has no %s: the Collector does not start", id, strings.TrimSuffix(role, "s"))
		}
		configured := maps.Clone(c.configured(role))
		if role != "processors" {
			if configured == nil {
				configured = map[string]any{}
			}
			maps.Copy(configured, c.configured("connectors"))
		}
		for i, item := range items {
			if name, ok := item.(string); ok {
				used[role][c.judgeName(at.at(role, i), name, strings.TrimSuffix(role, "s"), fmt.Sprintf("pipeline %q", id), configured)] = true
			}
		}
	}
}

// judgeName reports a component that is named and not configured. It returns the one that is used, or was meant to be.
func (c collector) judgeName(at place, name, role, where string, configured map[string]any) string {
	if _, ok := configured[name]; ok || strings.Contains(name, "$") {
		return name
	}
	meant := spelling.Closest(name, keysOf(configured))
	var mend *check.Mend
	if _, isText := manifest.At(c.at.object.Value, c.at.path...).(string); meant != "" && !isText {
		mend = &check.Mend{Path: at.path, Set: meant}
	}
	at.pass.ReportMisspelt(check.Error, at.target, at.object, at.path,
		fmt.Sprintf("%s names %s %s, which is not configured: the Collector does not start%s", where, role, name, question(meant)), mend)
	return meant
}

// judgeUse reports what is configured and not used, and connectors that connect nothing.
func (c collector) judgeUse(used map[string]map[string]bool) {
	for _, role := range []string{"receivers", "processors", "exporters", "extensions"} {
		for _, id := range slices.Sorted(maps.Keys(c.configured(role))) {
			if used[role][id] {
				continue
			}
			by := "no pipeline uses it"
			if role == "extensions" {
				by = "service.extensions does not name it"
			}
			at := c.at.at(role, id)
			at.pass.ReportAs(check.Warning, at.target, at.object, at.path,
				fmt.Sprintf("%s %s is configured, and %s: the Collector leaves it out", strings.TrimSuffix(role, "s"), id, by))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.configured("connectors"))) {
		at := c.at.at("connectors", id)
		switch in, out := used["exporters"][id], used["receivers"][id]; {
		case !in && !out:
			at.pass.ReportAs(check.Warning, at.target, at.object, at.path, fmt.Sprintf("connector %s is configured, and no pipeline uses it: the Collector leaves it out", id))
		case !in:
			at.report("connector %s is the receiver of a pipeline and the exporter of none: the Collector does not start", id)
		case !out:
			at.report("connector %s is the exporter of a pipeline and the receiver of none: the Collector does not start", id)
		}
	}
}

// judgeKeys reports keys that are nearly one that the component takes.
func (c collector) judgeKeys(at place, title string, value any, known shape) {
	if known == nil {
		return
	}
	if _, open := known["*"]; open {
		return
	}
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			c.judgeKeys(at.at(i), title, item, known)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if below, ok := known[key]; ok {
				c.judgeKeys(at.at(key), title, v[key], below)
			} else if meant := spelling.Slip(key, keysOf(known)); meant != "" {
				at.pass.ReportMisspelt(check.Error, at.target, at.object, at.at(key).path,
					fmt.Sprintf("%s has no key %s: the Collector does not start%s", title, key, question(meant)), c.renamed(at.at(key).path, meant))
			}
		}
	}
}

// renamed is the mend of a key, where the configuration is no text.
func (c collector) renamed(path manifest.Path, meant string) *check.Mend {
	if _, isText := manifest.At(c.at.object.Value, c.at.path...).(string); isText {
		return nil
	}
	return &check.Mend{Path: path, Name: meant}
}

// judgeStatements asks what OTTL is about the statements of transform and the conditions of filter.
func (c collector) judgeStatements(at place, id, kind string, processor any) {
	judge := func(at place, value any, context string, condition bool) {
		text, ok := value.(string)
		if !ok || strings.Contains(text, "${") {
			return
		}
		is := "statement"
		if condition {
			is = "condition"
		}
		if what := ottlFault(strings.ReplaceAll(text, "$$", "$"), context, condition, c.newer); what != "" {
			at.report("a %s of processor %s is refused: %s", is, id, what)
		}
	}
	all := func(at place, values any, context string, condition bool) {
		list, _ := values.([]any)
		for i, value := range list {
			judge(at.at(i), value, context, condition)
		}
	}
	switch kind {
	case "transform":
		for _, field := range []string{"trace_statements", "metric_statements", "log_statements"} {
			texts := 0
			for i, item := range manifest.ListAt(processor, field) {
				group, ok := item.(map[string]any)
				if !ok {
					texts++
					judge(at.at(field, i), item, "", false)
					continue
				}
				if texts > 0 {
					at.at(field, i).report("%s of processor %s has statements and groups of statements side by side: the Collector does not start", field, id)
				}
				context := manifest.TextAt(group, "context")
				all(at.at(field, i, "statements"), group["statements"], context, false)
				all(at.at(field, i, "conditions"), group["conditions"], context, true)
			}
		}
	case "filter":
		for _, signal := range []struct{ field, list, context string }{
			{"traces", "span", "span"}, {"traces", "spanevent", "spanevent"}, {"metrics", "metric", "metric"},
			{"metrics", "datapoint", "datapoint"}, {"logs", "log_record", "log"},
			{"traces", "resource", "resource"}, {"metrics", "resource", "resource"}, {"logs", "resource", "resource"},
		} {
			all(at.at(signal.field, signal.list), manifest.At(processor, signal.field, signal.list), signal.context, true)
		}
		for _, field := range []string{"trace_conditions", "metric_conditions", "log_conditions"} {
			for i, item := range manifest.ListAt(processor, field) {
				group, ok := item.(map[string]any)
				if !ok {
					judge(at.at(field, i), item, "", true)
					continue
				}
				all(at.at(field, i, "conditions"), group["conditions"], manifest.TextAt(group, "context"), true)
			}
		}
	}
}
