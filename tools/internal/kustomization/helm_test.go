package kustomization

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

var helmFlag = flag.String("helm", "", "a helm program, of the release "+HelmRelease+", that TestEqualToHelm has Kustomize run; with -update, to record what it prints")

// chartTree writes the files of testdata/helm.txtar to a directory, and packs what is to be an archive.
func chartTree(t *testing.T) (dir string, archive *txtar.Archive) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/helm.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	tape := tar.NewWriter(zipped)
	write := func(name string, text []byte) {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range archive.Files {
		name, pack := strings.CutPrefix(f.Name, "packed/")
		if !pack {
			if !strings.HasPrefix(f.Name, "expected/") {
				write(f.Name, f.Data)
			}
			continue
		}
		if err := tape.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(f.Data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tape.Write(f.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := tape.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	write("charts/app/charts/packed-2.0.0.tgz", packed.Bytes())
	return dir, archive
}

// withHelm is what `kustomize build --enable-helm` prints, with the program of -helm.
func withHelm(t *testing.T, dir string) []byte {
	t.Helper()
	plugins := types.DisabledPluginConfig()
	plugins.HelmConfig.Enabled, plugins.HelmConfig.Command = true, *helmFlag
	rendered, err := krusty.MakeKustomizer(&krusty.Options{Reorder: krusty.ReorderOptionUnspecified, LoadRestrictions: types.LoadRestrictionsRootOnly, PluginConfig: plugins}).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	text, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// What kgate renders of charts is what Kustomize prints with the helm program: it is recorded, and with -helm asked again.
func TestEqualToHelm(t *testing.T) {
	dir, archive := chartTree(t)
	tree, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	expected := map[string][]byte{}
	for _, f := range archive.Files {
		if name, ok := strings.CutPrefix(f.Name, "expected/"); ok {
			expected[name] = f.Data
		}
	}
	renderer := New(tree.FS(), nil)
	names := roots(t, dir)
	if len(names) < 10 {
		t.Fatalf("%d roots", len(names))
	}
	for _, root := range names {
		if strings.HasPrefix(root, "roots/overlay/") {
			continue // below another
		}
		t.Run(root, func(t *testing.T) {
			name := filepath.Base(root) + ".yaml"
			if *helmFlag != "" {
				theirs := withHelm(t, filepath.Join(dir, root))
				if *update {
					expected[name] = theirs
				} else if !bytes.Equal(theirs, expected[name]) {
					t.Errorf("Kustomize with helm prints something else than is recorded: %s", firstDifference(theirs, expected[name]))
				}
			}
			result, err := renderer.Render(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			got, err := result.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, expected[name]) {
				t.Errorf("differs from Kustomize with helm: %s", firstDifference(got, expected[name]))
			}
			if err := sameObjects(result); err != nil {
				t.Error(err)
			}
		})
	}
	if *update && *helmFlag != "" {
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "expected/") })
		for _, root := range names {
			if text, ok := expected[filepath.Base(root)+".yaml"]; ok {
				archive.Files = append(archive.Files, txtar.File{Name: "expected/" + filepath.Base(root) + ".yaml", Data: text})
				delete(expected, filepath.Base(root)+".yaml")
			}
		}
		if err := os.WriteFile("testdata/helm.txtar", txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// smallChart is a chart with a template.
func smallChart(template string, more ...string) string {
	return "-- charts/small/Chart.yaml --\napiVersion: v2\nname: small\nversion: 1.0.0\n" +
		"-- charts/small/values.yaml --\nsize: 1\nenabled: true\n-- charts/small/templates/_help.tpl --\n" +
		"{{- define \"small.deep\" -}}\n\n{{ .Values.deep.below.text }}\n{{- end }}\n" +
		"-- charts/small/templates/a.yaml --\n" + template + strings.Join(more, "")
}

const (
	ofSmall    = "-- kustomization.yaml --\nhelmCharts:\n- name: small\n  releaseName: small\n"
	smallThing = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: small}\n"
)

// A chart that cannot be rendered is refused with the line of the file to mend.
func TestChartRefused(t *testing.T) {
	for name, test := range map[string]struct{ tree, want string }{
		"no releaseName is no fault":         {"-- kustomization.yaml --\nhelmCharts:\n- name: small\n" + smallChart(smallThing), ""},
		"a remote chart":                     {"-- kustomization.yaml --\nhelmCharts:\n- name: far\n  repo: https://charts.example.com\n  version: 1.0.0\n", "kustomization.yaml:3: the chart far 1.0.0 of https://charts.example.com is remote: kgate renders offline, and "},
		"a chart that is a file":             {ofSmall + "-- charts/small --\nx\n", "kustomization.yaml:2: charts/small is no directory"},
		"a chart out of the repository":      {"-- kustomization.yaml --\nhelmGlobals: {chartHome: ../../charts}\nhelmCharts: [{name: small}]\n", "kustomization.yaml:1: the chart would be at ../../charts/small, out of the repository"},
		"an absolute home":                   {"-- kustomization.yaml --\nhelmGlobals: {chartHome: /charts}\nhelmCharts: [{name: small}]\n", "kustomization.yaml:1: chartHome /charts is absolute"},
		"a directory without a Chart.yaml":   {ofSmall + "-- charts/small/values.yaml --\na: b\n", "kustomization.yaml:2: the chart small cannot be rendered: the directory has no Chart.yaml: it is no chart"},
		"no values.yaml":                     {ofSmall + "-- charts/small/Chart.yaml --\napiVersion: v2\nname: small\nversion: 1.0.0\n", "kustomization.yaml:2: the chart small has no values.yaml, and Kustomize wants one"},
		"a name like a flag":                 {"-- kustomization.yaml --\nhelmCharts: [{name: --post-renderer=x}]\n", "kustomization.yaml:1: a chart's name does not begin with -"},
		"a release like a flag":              {"-- kustomization.yaml --\nhelmCharts: [{name: small, releaseName: --x}]\n" + smallChart(smallThing), "kustomization.yaml:1: a release's name does not begin with -"},
		"a release that no release is named": {"-- kustomization.yaml --\nhelmCharts: [{name: small, releaseName: A_B}]\n" + smallChart(smallThing), "kustomization.yaml:1: the chart small cannot be rendered: the release name \"A_B\": "},
		"an unknown way to merge":            {"-- kustomization.yaml --\nhelmCharts: [{name: small, valuesMerge: some}]\n" + smallChart(smallThing), "kustomization.yaml:1: valuesMerge is some; it is merge, override or replace"},
		"a remote values file":               {"-- kustomization.yaml --\nhelmCharts:\n- name: small\n  valuesFile: https://example.com/values.yaml\n" + smallChart(smallThing), "kustomization.yaml:3: https://example.com/values.yaml is remote: kgate renders offline, and "},
		"a values file that is not there":    {"-- kustomization.yaml --\nhelmCharts:\n- name: small\n  additionalValuesFiles:\n  - more.yaml\n" + smallChart(smallThing), "kustomization.yaml:4: more.yaml does not exist"},
		"a name and a template for it":       {"-- kustomization.yaml --\nhelmCharts: [{name: small, releaseName: a, nameTemplate: b}]\n" + smallChart(smallThing), "releaseName and nameTemplate exclude each other"},
		"a name of the environment":          {"-- kustomization.yaml --\nhelmCharts: [{name: small, nameTemplate: '{{ env \"HOME\" }}'}]\n" + smallChart(smallThing), "nameTemplate: template: nameTemplate:1: function \"env\" not defined"},
		"a version of Kubernetes":            {"-- kustomization.yaml --\nhelmCharts: [{name: small, kubeVersion: new}]\n" + smallChart(smallThing), "kubeVersion \"new\": "},

		"a value of nothing":        {ofSmall + smallChart(smallThing+"data:\n  a: {{ .Values.image.tag }}\n"), "charts/small/templates/a.yaml:5: the chart small, of kustomization.yaml:2: .Values.image has no value, and the template reads tag of it"},
		"a value in a helper":       {ofSmall + smallChart(smallThing+"data:\n  a: {{ include \"small.deep\" . }}\n"), "charts/small/templates/_help.tpl:3: the chart small, of kustomization.yaml:2: .Values.deep has no value, and the template reads below of it"},
		"a value that is needed":    {ofSmall + smallChart(smallThing+"data:\n  a: {{ required \"image.tag is what to deploy\" .Values.tag }}\n"), "charts/small/templates/a.yaml:5: the chart small, of kustomization.yaml:2: image.tag is what to deploy"},
		"a chart that gives up":     {ofSmall + smallChart("\n{{ fail \"not like this\" }}\n"), "charts/small/templates/a.yaml:2: the chart small, of kustomization.yaml:2: not like this"},
		"no such function":          {ofSmall + smallChart("\n\n{{ lookUp }}\n"), "charts/small/templates/a.yaml:3: the chart small, of kustomization.yaml:2: Helm v4.3.1 knows no function lookUp"},
		"the environment":           {ofSmall + smallChart("{{ env \"HOME\" }}\n"), "charts/small/templates/a.yaml:1: the chart small, of kustomization.yaml:2: the templates of Helm have no env"},
		"no such template":          {ofSmall + smallChart("{{ include \"small.name\" . }}\n"), "charts/small/templates/a.yaml:1: the chart small, of kustomization.yaml:2: no template of the chart defines \"small.name\""},
		"a template without end":    {ofSmall + smallChart("a: b\n{{ if .Values.x }}\n"), "charts/small/templates/a.yaml:3: the chart small, of kustomization.yaml:2: unexpected EOF"},
		"no YAML":                   {ofSmall + smallChart(smallThing+"data:\n  a: {{ .Values.size }}\n bad: indent\n"), "charts/small/templates/a.yaml:5: the chart small, of kustomization.yaml:2: what the template renders is no YAML: did not find expected key, at or before `a: 1`"},
		"no name":                   {ofSmall + smallChart("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {a: b}\n"), "charts/small/templates/a.yaml:3: the ConfigMap has no metadata.name"},
		"a key twice":               {ofSmall + smallChart(smallThing+"data:\n  a: b\n  c: {{ .Values.size | quote }}\n  a: d\n"), "charts/small/templates/a.yaml:7: what the chart small, of kustomization.yaml:2, renders of small/templates/a.yaml: key \"a\" repeats"},
		"broken values":             {"-- kustomization.yaml --\nhelmCharts: [{name: small, valuesFile: v.yaml}]\n-- v.yaml --\na: [\n" + smallChart(smallThing), "v.yaml"},
		"a library":                 {ofSmall + "-- charts/small/Chart.yaml --\napiVersion: v2\nname: small\ntype: library\nversion: 1.0.0\n-- charts/small/values.yaml --\n", "charts/small/Chart.yaml:3: the chart small, of kustomization.yaml:2: the chart's type is library"},
		"a chart of another kind":   {ofSmall + "-- charts/small/Chart.yaml --\nname: small\napiVersion: v3\nversion: 1.0.0\n-- charts/small/values.yaml --\n", "charts/small/Chart.yaml:2: the chart small, of kustomization.yaml:2: the chart's apiVersion is v3"},
		"no object at all":          {ofSmall + smallChart("\nno object\n"), "charts/small/templates/a.yaml: the chart small, of kustomization.yaml:2: what the template renders is no object, whose kind, apiVersion, name and annotations are texts: it begins with `no object`"},
		"a value that is not there": {ofSmall + smallChart(smallThing, "-- charts/small/values.schema.json --\n", `{"required": ["policy"]}`, "\n"), "kustomization.yaml:2: the values do not fit values.schema.json of the chart small: missing property 'policy'"},
		"another Kubernetes":        {ofSmall + "-- charts/small/Chart.yaml --\napiVersion: v2\nname: small\nkubeVersion: '<1.20'\nversion: 1.0.0\n-- charts/small/values.yaml --\n", "charts/small/Chart.yaml:3: the chart small, of kustomization.yaml:2: the chart wants Kubernetes <1.20, and Helm is told v1.37.0"},
		"a missing dependency":      {ofSmall + "-- charts/small/Chart.yaml --\napiVersion: v2\nname: small\nversion: 1.0.0\ndependencies:\n- name: redis\n  version: 1.0.0\n  repository: https://charts.example.com\n-- charts/small/values.yaml --\n", "charts/small/Chart.yaml:5: the chart small, of kustomization.yaml:2: the chart depends on redis, which is not in its charts/"},
		"a broken Chart.yaml":       {ofSmall + "-- charts/small/Chart.yaml --\napiVersion: v2\nname: [\n-- charts/small/values.yaml --\n", "charts/small/Chart.yaml:"},

		"a value that the schema refuses": {"-- kustomization.yaml --\nhelmCharts:\n- name: small\n  valuesFile: v.yaml\n-- v.yaml --\n\nsize: large\n" + smallChart(smallThing, "-- charts/small/values.schema.json --\n", `{"properties": {"size": {"type": "integer"}}}`, "\n"),
			"v.yaml:2: the value size does not fit values.schema.json of the chart small: got string, want integer"},
		"a value in line that the schema refuses": {"-- kustomization.yaml --\nhelmCharts:\n- name: small\n  valuesInline:\n    enabled: true\n    size: large\n" + smallChart(smallThing, "-- charts/small/values.schema.json --\n", `{"properties": {"size": {"type": "integer"}}}`, "\n"),
			"kustomization.yaml:5: the value size does not fit values.schema.json"},
		"a schema that is a file elsewhere": {ofSmall + smallChart(smallThing, "-- charts/small/values.schema.json --\n", `{"properties": {"size": {"$ref": "file:///etc/hostname"}, "enabled": {"$ref": "https://example.com/x.json"}}}`, "\n"), ""},
		"no schema":                         {ofSmall + smallChart(smallThing, "-- charts/small/values.schema.json --\n{\n"), "values.schema.json of the chart small is no schema"},

		"a list without end":       {ofSmall + smallChart("{{ range until 100000000 }}{{ end }}\n"), "charts/small/templates/a.yaml:1: the chart small, of kustomization.yaml:2: until 100000000: until makes a list of more than 1048576 items"},
		"steps without end":        {ofSmall + smallChart("{{ range untilStep 0 1000000000 1 }}{{ end }}\n"), "untilStep makes a list of more than"},
		"a sequence without end":   {ofSmall + smallChart("{{ seq 1 1000000000 }}\n"), "seq makes a list of more than"},
		"a text without end":       {ofSmall + smallChart("a: {{ repeat 1000000000 \"abc\" }}\n"), "repeat makes a text of more than 16 MB"},
		"an indent without end":    {ofSmall + smallChart("a: {{ \"abc\" | nindent 1000000000 }}\n"), "nindent makes a text of more than 16 MB"},
		"much text":                {ofSmall + smallChart("{{ range until 3000 }}{{ range until 3000 }}0123456789{{ end }}{{ end }}\n"), "kustomization.yaml:2: the chart small cannot be rendered: the templates of the chart write more than 64 MB"},
		"texts of texts":           {ofSmall + smallChart("{{ range until 1000 }}{{ repeat 100 \"0123456789\" | repeat 100 }}{{ end }}\n"), "charts/small/templates/a.yaml:1: the chart small, of kustomization.yaml:2: "},
		"a template within itself": {ofSmall + smallChart("{{ define \"me\" }}{{ include \"me\" . }}{{ end }}{{ include \"me\" . }}\n"), "charts/small/templates/a.yaml:1: the chart small, of kustomization.yaml:2: "},
	} {
		t.Run(name, func(t *testing.T) { renders(t, tree(test.tree), ".", test.want) })
	}
}

// Where a chart says the same each time, nothing is said of it; else the line that makes the difference is.
func TestChartVaries(t *testing.T) {
	for name, test := range map[string]struct{ tree, want string }{
		"nothing of the kind":      {smallChart(smallThing), ""},
		"a random text":            {smallChart(smallThing + "data:\n  a: {{ randAlphaNum 8 }}\n"), "charts/small/templates/a.yaml:5: the chart small renders to something else every time, by randAlphaNum"},
		"the time":                 {smallChart(smallThing + "data:\n  a: {{ now | date \"2006\" | quote }}\n"), "charts/small/templates/a.yaml:5: the chart small renders to something else every time, by now"},
		"two of a kind":            {smallChart(smallThing + "data:\n  a: {{ uuidv4 }}\n  b: {{ now }}\n"), "charts/small/templates/a.yaml:5: the chart small renders to something else every time, by now, uuidv4"},
		"one for two":              {smallChart(smallThing + "{{ $a := genPrivateKey \"ed25519\" }}\n{{ $_ := uuidv4 }}\ndata:\n  a: {{ sha256sum $a }}\n"), "charts/small/templates/a.yaml:7: the chart small renders to something else every time, by genPrivateKey, uuidv4"},
		"one in another template":  {smallChart(smallThing+"data:\n  a: {{ include \"key\" . }}\n", "-- charts/small/templates/_key.tpl --\n", "{{ define \"key\" }}{{ genPrivateKey \"ed25519\" | sha256sum }}{{ end }}\n"), "charts/small/templates/a.yaml:5: the chart small renders to something else every time, by genPrivateKey"},
		"two with one key":         {smallChart(smallThing + "data: {\n  a: {{ uuidv4 }},\n  b: {{ now | quote }}}\nstringData: {\n  a: {{ uuidv4 }},\n  b: {{ now | quote }}}\n"), "charts/small/templates/a.yaml: the chart small renders to something else every time, by now, uuidv4"},
		"one that is not rendered": {smallChart(smallThing + "{{ if not .Values.enabled }}{{ uuidv4 }}{{ end }}\n"), ""},
		"one that is thrown away":  {smallChart(smallThing + "{{ $_ := genPrivateKey \"ed25519\" }}\n"), ""},
		"one in a text of values":  {smallChart(smallThing+"data: {a: {{ tpl .Values.text . | quote }}}\n", "-- values.yaml --\ntext: '{{ randNumeric 9 }}'\n"), "charts/small/templates/a.yaml:4: the chart small renders to something else every time, by randNumeric"},
	} {
		t.Run(name, func(t *testing.T) {
			of := ofSmall
			if strings.Contains(test.tree, "-- values.yaml") {
				of += "  valuesFile: values.yaml\n"
			}
			result, err := New(tree(of+test.tree), nil).Render(t.Context(), ".")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range result.Faults {
				got += f.Source.String() + ": " + f.Message
			}
			if want := test.want; got != want && (want == "" || !strings.HasPrefix(got, want+":")) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// copiedChart has a copy of one chart, and of one file of values.
type copiedChart struct{ vendored.Source }

func (copiedChart) Chart(_ context.Context, chart vendored.Chart) (vendored.Tree, error) {
	if chart != (vendored.Chart{Repository: "oci://example.com/charts", Name: "far", Version: "^1"}) {
		return vendored.Tree{}, errors.New("no copy")
	}
	return vendored.Tree{Root: "copies/far", Dir: "copies/far"}, nil
}

func (copiedChart) File(context.Context, string, func([]byte) error) (string, error) {
	return "copies/values.yaml", nil
}

// A chart that is not in the repository is rendered from its copy, and one that is there from there.
func TestCopiedChart(t *testing.T) {
	const far = "helmCharts:\n- name: far\n  repo: oci://example.com/charts\n  version: ^1\n  releaseName: far\n"
	chartAt := func(dir, text string) string {
		return "-- " + dir + "/Chart.yaml --\napiVersion: v2\nname: far\nversion: 1.0.0\n-- " + dir + "/values.yaml --\ntext: " + text +
			"\n-- " + dir + "/templates/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\ndata: {text: {{ .Values.text }}}\n"
	}
	copies := chartAt("copies/far", "copy") + "-- copies/values.yaml --\ntext: of a URL\n"
	generator := "generators: [far.yaml]\n-- far.yaml --\napiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: far}\n" +
		"name: far\nrepo: oci://example.com/charts\nversion: ^1\nreleaseName: far\n"
	for name, test := range map[string]struct{ tree, want, at string }{
		"a copy":             {far, "copy", "copies/far/values.yaml:1"},
		"by a generator":     {generator, "copy", "copies/far/values.yaml:1"},
		"values of a URL":    {far + "  valuesFile: https://example.com/values.yaml\n", "of a URL", "copies/values.yaml:1"},
		"values beside them": {far + "  valuesInline: {text: inline}\n", "inline", "kustomization.yaml:6"},
		"a chart of its own": {far + chartAt("charts/far-^1/far", "own"), "own", "charts/far-^1/far/values.yaml:1"},
	} {
		t.Run(name, func(t *testing.T) {
			renderer := New(tree("-- kustomization.yaml --\n"+test.tree+copies), nil)
			renderer.Remote = copiedChart{}
			result, err := renderer.Render(t.Context(), ".")
			if err != nil {
				t.Fatal(err)
			}
			object := result.Objects[0]
			if got := manifest.TextAt(object.Value, "data", "text"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			at, _ := result.Trace(object).Document.Locate(manifest.Path{"data", "text"}, nil)
			if at.Column = 0; at.String() != test.at {
				t.Errorf("at %s, want %s", at, test.at)
			}
		})
	}
	renderer := New(tree("-- kustomization.yaml --\n"+strings.Replace(far, "^1", "^2", 1)), nil)
	renderer.Remote = copiedChart{}
	if _, err := renderer.Render(t.Context(), "."); err == nil || !strings.Contains(err.Error(), "kustomization.yaml:3: the chart far ^2 of oci://example.com/charts is remote: no copy") {
		t.Error(err)
	}
}
