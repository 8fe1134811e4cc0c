package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

type dataSource struct {
	Name      string
	UID       string
	Type      string
	URL       string
	IsDefault bool `yaml:"isDefault"`
	Editable  bool
	JSONData  yaml.Node `yaml:"jsonData"`
}

const provisioning = "compose/grafana/provisioning/"

func dataSources(t *testing.T) map[string]dataSource {
	t.Helper()
	var file struct {
		APIVersion  int `yaml:"apiVersion"`
		Prune       bool
		DataSources []dataSource `yaml:"datasources"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, provisioning+"datasources/datasources.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	all := map[string]dataSource{}
	for _, s := range file.DataSources {
		if _, twice := all[s.UID]; twice || s.UID == "" {
			t.Errorf("%s: uid %q is missing or not its own", s.Name, s.UID)
		}
		all[s.UID] = s
	}
	return all
}

// every calls visit with each scalar below node and the keys that lead to it.
func every(node *yaml.Node, path string, visit func(path, value string)) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			every(node.Content[i+1], path+"."+node.Content[i].Value, visit)
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			every(item, path, visit)
		}
	case yaml.ScalarNode:
		visit(path, node.Value)
	}
}

// Every way from one signal to the next leads to a data source that is there, of the type that understands it.
func TestDataSources(t *testing.T) {
	stack, err := load(t, read(t, "compose.yaml"), secrets(t)...)
	if err != nil {
		t.Fatal(err)
	}
	all := dataSources(t)
	links := map[string]string{}
	for uid, s := range all {
		host := regexp.MustCompile(`^http://([a-z-]+):[0-9]+$`).FindStringSubmatch(s.URL)
		if host == nil || stack.Services[host[1]].Name == "" {
			t.Errorf("%s: no service of the stack is at %s", uid, s.URL)
		}
		every(&s.JSONData, uid, func(path, value string) {
			if strings.HasSuffix(path, ".datasourceUid") {
				links[path] = all[value].Type
				if all[value].UID == "" {
					t.Errorf("%s leads to %q, which is not there", path, value)
				}
			}
			if strings.HasSuffix(path, ".queries.query") {
				if _, err := parser.NewParser(parser.Options{}).ParseExpr(value); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		})
	}
	for path, want := range map[string]string{
		"prometheus.exemplarTraceIdDestinations.datasourceUid": "jaeger",
		"jaeger.tracesToLogsV2.datasourceUid":                  "loki",
		"jaeger.tracesToMetrics.datasourceUid":                 "prometheus",
		"loki.derivedFields.datasourceUid":                     "jaeger",
	} {
		if links[path] != want {
			t.Errorf("%s leads to a data source of type %q, want %q", path, links[path], want)
		}
	}
	// Grafana replaces $NAME in these files by what the environment has, so one that is meant for later is doubled.
	text := read(t, provisioning+"datasources/datasources.yaml")
	for _, found := range regexp.MustCompile(`\$+\{`).FindAllString(text, -1) {
		if found != "$${" {
			t.Errorf("%s stands in the file: Grafana would replace it when it starts", found)
		}
	}
}

type panel struct {
	ID          int
	Title       string
	Description string
	Type        string
	DataSource  struct{ Type, UID string }
	GridPos     struct{ X, Y, W, H int }
	FieldConfig json.RawMessage
	Options     json.RawMessage
	Targets     []struct {
		RefID        string
		DataSource   struct{ Type, UID string }
		Expr         string
		LegendFormat string
		Exemplar     bool
		QueryType    string
		Instant      bool
		Format       string
	}
}

type dashboard struct {
	UID, Title, Timezone, Refresh string
	Tags                          []string
	Editable                      bool
	GraphTooltip                  int
	SchemaVersion                 int
	Time                          struct{ From, To string }
	Templating                    struct {
		List []struct {
			Name, Label, Type, Query string
			DataSource               struct{ Type, UID string }
			Hide, Refresh, Sort      int
		}
	}
	Links  []json.RawMessage
	Panels []panel
}

// The dashboards: what is special of the service and what its ledger tells, which the stack has too, and what every service has in a cluster.
const (
	ownDashboard    = "base/services/go-otlp-app/dashboards/go-otlp-app.json"
	ledgerDashboard = "base/services/go-otlp-app/dashboards/releases.json"
	commonDashboard = "base/platform/dashboards/service.json"
)

func readDashboard(t *testing.T, file string) dashboard {
	t.Helper()
	var d dashboard
	decoder := json.NewDecoder(bytes.NewReader([]byte(read(t, file))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

// faultsOf lists what is wrong with a dashboard, given the types of the data sources that there are.
func faultsOf(d dashboard, kinds map[string]bool) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		if v.Type == "datasource" {
			variables["${"+v.Name+"}"] = v.Query
			if !kinds[v.Query] {
				fault("variable %s: there is no data source of type %q", v.Name, v.Query)
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" && variables[v.DataSource.UID] != v.DataSource.Type {
			fault("variable %s: %s is no variable of type %s", v.Name, v.DataSource.UID, v.DataSource.Type)
		}
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			fault("%s: id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Title == "" || p.Description == "" {
			fault("panel %d lacks title or description", p.ID)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					fault("%s lies over %q or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if len(p.Targets) == 0 {
			fault("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			if target.DataSource != p.DataSource || variables[target.DataSource.UID] != target.DataSource.Type {
				fault("%s: %s is no variable of type %s", p.Title, target.DataSource.UID, target.DataSource.Type)
			}
			if err := parse(target.Expr); err != nil {
				fault("%s: %v", p.Title, err)
			}
		}
	}
	return faults
}

// parse takes PromQL as Grafana sends it; what the logs panel asks Loki is a selector, in which the two are alike.
func parse(expression string) error {
	_, err := parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(expression, "$__rate_interval", "1m"))
	return err
}

// The dashboard is where Grafana is told to look for it, and it is the one of the cluster.
func TestDashboardIsProvisioned(t *testing.T) {
	stack, err := load(t, read(t, "compose.yaml"), secrets(t)...)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type     string
			AllowUIUpdates bool `yaml:"allowUiUpdates"`
			Options        struct{ Path string }
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, provisioning+"dashboards/dashboards.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil || len(file.Providers) != 1 {
		t.Fatalf("got %v, %v", file, err)
	}
	grafana := stack.Services["grafana"]
	mounts := map[string]string{}
	for _, v := range grafana.Volumes {
		if v.Type == types.VolumeTypeBind {
			mounts[v.Target], _ = filepath.Rel(stack.WorkingDir, v.Source)
		}
	}
	path := file.Providers[0].Options.Path
	for target, want := range map[string]string{
		path:                                    "base/services/go-otlp-app/dashboards",
		"/etc/grafana/provisioning/dashboards":  provisioning + "dashboards",
		"/etc/grafana/provisioning/datasources": provisioning + "datasources",
	} {
		if mounts[target] != want {
			t.Errorf("%s is %q, want %s", target, mounts[target], want)
		}
	}
	if home := grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]; home == nil || filepath.Dir(*home) != path {
		t.Errorf("the first page is not of %s", path)
	} else if _, err := os.Stat(filepath.Join(root, mounts[path], filepath.Base(*home))); err != nil {
		t.Error(err)
	}
}

func TestDashboard(t *testing.T) {
	kinds := map[string]bool{}
	for _, s := range dataSources(t) {
		kinds[s.Type] = true
	}
	uids := map[string]bool{}
	for _, file := range []string{ownDashboard, ledgerDashboard, commonDashboard} {
		d := readDashboard(t, file)
		for _, fault := range faultsOf(d, kinds) {
			t.Errorf("%s: %s", file, fault)
		}
		if uids[d.UID] || d.UID == "" {
			t.Errorf("%s: uid %q is not its own", file, d.UID)
		}
		uids[d.UID] = true
		exemplars, logs := false, false
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				exemplars = exemplars || target.Exemplar
				logs = logs || target.DataSource.Type == "loki" && p.Type == "logs"
			}
		}
		// A sidecar's metrics have no exemplars, and the ledger's content is of no request.
		if file != ledgerDashboard && !logs || !exemplars && file == ownDashboard {
			t.Errorf("%s: exemplars %v, logs %v: a trace can be reached from both", file, exemplars, logs)
		}
	}

	for want, change := range map[string]func(*dashboard){
		"is no variable":         func(d *dashboard) { d.Panels[0].Targets[0].DataSource.UID = "${prometheus2}" },
		"parse error":            func(d *dashboard) { d.Panels[0].Targets[0].Expr += ")" },
		"is not its own":         func(d *dashboard) { d.Panels[1].ID = d.Panels[0].ID },
		"beyond the edge":        func(d *dashboard) { d.Panels[0].GridPos.W = 25 },
		"no data source of type": func(d *dashboard) { d.Templating.List[0].Query = "influxdb" },
		"lacks title or":         func(d *dashboard) { d.Panels[0].Description = "" },
		"Requests by route\"":    func(d *dashboard) { d.Panels[1].GridPos.X = 0 },
		"shows nothing":          func(d *dashboard) { d.Panels[2].Targets = nil },
	} {
		d := readDashboard(t, ownDashboard)
		change(&d)
		if got := strings.Join(faultsOf(d, kinds), "\n"); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
