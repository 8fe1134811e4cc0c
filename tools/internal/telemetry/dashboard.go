package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// dashboardLabel is what Grafana's sidecar looks for unless it is told otherwise.
const dashboardLabel = "grafana_dashboard"

func dashboards() *check.Check {
	return &check.Check{
		Name:  "telemetry/dashboards-parse",
		Title: "Dashboards are JSON, and what they ask Prometheus is PromQL",
		Doc: "Grafana leaves a file out that is no JSON, and says so in its log alone; the dashboard of the release before is gone with the ConfigMap. " +
			"Of two with one uid it keeps neither up to date. " +
			"A panel whose expression does not parse shows an error. Dashboards are files .json of ConfigMaps with the label grafana_dashboard, and " +
			"`spec.json` of a GrafanaDashboard. Expressions are judged where their data source is Prometheus, with a duration in the place of Grafana's own variables; " +
			"those with a variable anywhere else are not.",
		Fix:      "Correct the JSON, or the expression: Grafana shows a dashboard's JSON to be copied.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://grafana.com/docs/grafana/latest/administration/provisioning/#dashboards",
			"https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/#global-variables",
			"https://github.com/grafana/grafana/blob/v12.3.0/pkg/services/provisioning/dashboards/validator.go",
		},
		Bad: dashboardsBad, Good: dashboardsGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			p := promQL()
			for _, target := range pass.Targets {
				quiet := hasVictoriaMetrics(target)
				known := map[string]string{} // what has a uid, by the sidecar that may find it and the uid
				for _, object := range target.Applied() {
					for _, at := range dashboardsOf(place{pass: pass, target: target, object: object}) {
						if err := ctx.Err(); err != nil {
							return err
						}
						if dashboard := judgeDashboard(p, at, quiet); dashboard != nil {
							judgeUID(at, manifest.TextAt(dashboard, "uid"), known)
						}
					}
				}
			}
			return ctx.Err()
		},
	}
}

// dashboardsOf are the fields of an object that hold dashboards as texts.
func dashboardsOf(at place) []place {
	o := at.object
	switch {
	case o.APIVersion == "v1" && o.Kind == "ConfigMap" && manifest.At(o.Value, "metadata", "labels", dashboardLabel) != nil:
		data, _ := o.Value["data"].(map[string]any)
		var found []place
		for _, key := range slices.Sorted(maps.Keys(data)) {
			if strings.HasSuffix(key, ".json") {
				found = append(found, at.at("data", key))
			}
		}
		return found
	case o.Group() == "grafana.integreatly.org" && o.Kind == "GrafanaDashboard":
		return []place{at.at("spec", "json")}
	}
	return nil
}

// judgeDashboard reads one and returns it; nil for what is none.
func judgeDashboard(p parser.Parser, at place, quiet bool) map[string]any {
	text, ok := at.value().(string)
	if !ok || at.hidden() {
		return nil
	}
	var dashboard map[string]any
	if f, wrong := jsonFault(text, &dashboard); wrong {
		at.reportWithin(f, "%v of %s is no JSON", at.path[len(at.path)-1], at.object.ID)
		return nil
	}
	if !quiet {
		panels, _ := dashboard["panels"].([]any)
		judgePanels(p, at.at("panels"), panels, typesOf(dashboard), at.path[len(at.path)-1])
	}
	return dashboard
}

// judgeUID reports a dashboard with the uid of another one for the same Grafana, as far as anything tells: beside it, with the same label.
func judgeUID(at place, uid string, known map[string]string) {
	if at.object.Kind != "ConfigMap" || uid == "" {
		return
	}
	label := manifest.TextAt(at.object.Value, "metadata", "labels", dashboardLabel)
	key := strings.Join([]string{at.object.Namespace, label, uid}, "\n")
	name := fmt.Sprintf("%v of ConfigMap %s", at.path[len(at.path)-1], at.object.Name)
	other, taken := known[key]
	if !taken {
		known[key] = name
		return
	}
	line := 1
	text, _ := at.value().(string)
	for number, content := range strings.Split(text, "\n") {
		if strings.Contains(content, `"uid"`) && strings.Contains(content, strconv.Quote(uid)) {
			line = number + 1
		}
	}
	at.pass.ReportLine(at.target, at.object, at.path, line, fmt.Sprintf("%s has the uid %q of %s: Grafana writes neither, nor any other of the same provider, as long as both are there", name, uid, other))
}

// jsonFault reads JSON and says at which line it breaks off.
func jsonFault(text string, into any) (fault, bool) {
	decoder := json.NewDecoder(strings.NewReader(text))
	err := decoder.Decode(into)
	if err == nil {
		if rest := strings.TrimSpace(text[decoder.InputOffset():]); rest != "" {
			return faultAt(text, len(text)-len(strings.TrimLeft(text[decoder.InputOffset():], " \t\r\n")), "something follows after its end"), true
		}
		return fault{}, false
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		offset := int(syntax.Offset) - 1
		what := syntax.Error()
		// What is missing is missing where the value before it ends.
		if strings.Contains(what, "after object key:value pair") || strings.Contains(what, "after array element") {
			end := len(strings.TrimRight(text[:max(offset, 0)], " \t\r\n"))
			return faultAt(text, max(end-1, 0), "a comma is missing, or there is a bracket too many"), true
		}
		return faultAt(text, offset, what), true
	}
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return fault{what: "it is a JSON " + mistyped.Value + " and not an object", line: 1, column: 1}, true
	}
	return faultAt(text, max(len(strings.TrimRight(text, " \t\r\n"))-1, 0), "it ends before its last bracket"), true
}

func faultAt(text string, offset int, what string) fault {
	before := text[:min(max(offset, 0), len(text))]
	return fault{what: what, line: strings.Count(before, "\n") + 1, column: len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1}
}

// typesOf are the kinds of data sources that a dashboard's variables stand for.
func typesOf(dashboard map[string]any) map[string]string {
	types := map[string]string{}
	for _, variable := range manifest.ListAt(dashboard, "templating", "list") {
		if manifest.TextAt(variable, "type") == "datasource" {
			types[manifest.TextAt(variable, "name")] = manifest.TextAt(variable, "query")
		}
	}
	return types
}

// sourceOf is the kind of the data source that a panel or a query names; "" where it is not known.
func sourceOf(of any, types map[string]string) string {
	switch source := manifest.At(of, "datasource").(type) {
	case string:
		return types[strings.Trim(source, "${}")]
	case map[string]any:
		return manifest.TextAt(source, "type")
	}
	return ""
}

func judgePanels(p parser.Parser, at place, panels []any, types map[string]string, file any) {
	eachQuery(at, panels, types, func(at place, panel, source, expression string) {
		if source != "prometheus" {
			return
		}
		filled, certain := filledIn(expression)
		if !certain || isOther(expression) {
			return
		}
		if f, wrong := unparsed(p, filled); wrong {
			at.report("the query of panel %q of %v of %s is no PromQL: %s", panel, file, at.object.ID, f.what)
		}
	})
}

// eachQuery calls query for what panels ask, with the title of the panel and the kind of the data source.
func eachQuery(at place, panels []any, types map[string]string, query func(at place, panel, source, expression string)) {
	for i, panel := range panels {
		if inner := manifest.ListAt(panel, "panels"); inner != nil {
			eachQuery(at.at(i, "panels"), inner, types, query)
		}
		for j, of := range manifest.ListAt(panel, "targets") {
			source := sourceOf(of, types)
			if source == "" {
				source = sourceOf(panel, types)
			}
			if expression := manifest.TextAt(of, "expr"); strings.TrimSpace(expression) != "" {
				query(at.at(i, "targets", j, "expr"), manifest.TextAt(panel, "title"), source, expression)
			}
		}
	}
}

// Variables of Grafana's own, by what they stand for, and of any dashboard.
var (
	ownDuration = regexp.MustCompile(`\$(?:__interval|__rate_interval|__range)\b|\$\{(?:__interval|__rate_interval|__range)\}`)
	ownNumber   = regexp.MustCompile(`\$(?:__interval_ms|__range_s|__range_ms|__from|__to)\b|\$\{(?:__interval_ms|__range_s|__range_ms|__from|__to)\}`)
	bracketed   = regexp.MustCompile(`\[\s*(?:\$\w+|\$\{\w+(?::\w+)?\})\s*(:?)[^\]]*\]`)
	anyVariable = regexp.MustCompile(`\$\w+|\$\{[^}]*\}|\[\[\w+(?::\w+)?\]\]`)
)

// filledIn is an expression with a value in the place of each variable of which the kind is known; certain where that is all
// of them. A variable in a text is part of the text.
func filledIn(expression string) (filled string, certain bool) {
	filled = ownNumber.ReplaceAllString(ownDuration.ReplaceAllString(expression, "5m"), "300")
	filled = bracketed.ReplaceAllStringFunc(filled, func(window string) string {
		if strings.Contains(window, ":") {
			return "[1h:5m]"
		}
		return "[5m]"
	})
	return filled, !anyVariable.MatchString(quoted.ReplaceAllString(filled, `""`))
}
