package provenance

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// charted is a tree with a chart, in which a comment <- word marks the line that a field comes from.
const charted = `
-- kustomization.yaml --
namePrefix: pre-
helmCharts:
  - name: web # <- entry
    releaseName: web
    valuesFile: values.yaml
    additionalValuesFiles: [more.yaml]
    valuesInline:
      replicas: 7 # <- inline replicas
      image: {tag: inline} # <- tag
patches:
  - target: {kind: Deployment}
    patch: |
      - op: add
        path: /spec/paused
        value: true # <- patched
-- values.yaml --
replicas: 5
image:
  repository: ghcr.io/example/web # <- repository
  tag: old
security:
  readOnlyRootFilesystem: false # <- read only
  runAsUser: 1000
env:
  - {name: A, value: same}
  - {name: B, value: same} # <- env B
port: 8080 # <- port
other: 8080
-- more.yaml --
security:
  runAsUser: 0 # <- user
-- charts/web/Chart.yaml --
apiVersion: v2
name: web
version: 1.0.0
dependencies: [{name: below, version: 1.0.0}]
-- charts/web/values.yaml --
unused: true
-- charts/web/templates/_helpers.tpl --
{{- define "labels" -}}
app: web # <- label
release: {{ .Release.Name }} # <- release label
{{- end -}}
-- charts/web/templates/deployment.yaml --
{{- if .Values.replicas }}
# A comment at the top.
apiVersion: apps/v1 # <- apiVersion
kind: Deployment
metadata:
  name: {{ .Release.Name }} # <- name
  labels:
    {{- include "labels" . | nindent 4 }}
    {{- with .Values.extraLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec: # <- spec
  {{- if gt (int .Values.replicas) 3 }}
  replicas: {{ .Values.replicas }}
  {{- end }}
  minReadySeconds: 5 # <- literal
  template:
    spec:
      containers:
        - name: app # <- container
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}" # <- image
          ports: [{containerPort: {{ .Values.port }}}]
          securityContext:
            {{- toYaml .Values.security | nindent 12 }}
          env:
            {{- range .Values.env }}
            - name: {{ .name }}
              value: {{ .value | upper }}
            {{- end }}
          args: # <- args
            {{- range until 2 }}
            - --verbose # <- loop
            {{- end }}
          resources:
            {{- dict "limits" (dict "cpu" "1") | toYaml | nindent 12 }} # <- made here
{{- end }}
-- charts/web/charts/below/Chart.yaml --
apiVersion: v2
name: below
version: 1.0.0
-- charts/web/charts/below/values.yaml --
text: default
-- charts/web/charts/below/templates/configmap.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: below}
data:
  text: {{ .Values.text }} # <- text below
  kept: |
    one # <- block
    two
`

// A field of what a chart renders is where its value is given, or else where the template has it.
func TestChartLines(t *testing.T) {
	tree := fstest.MapFS{}
	marks := map[string]string{}
	for _, f := range txtar.Parse([]byte(charted)).Files {
		tree[f.Name] = &fstest.MapFile{Data: f.Data}
		for i, line := range strings.Split(string(f.Data), "\n") {
			if _, word, ok := strings.Cut(line, "# <- "); ok {
				marks[word] = fmt.Sprintf("%s:%d", f.Name, i+1)
			}
		}
	}
	result, err := kustomization.New(tree, nil).Render(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	locator := New(result, nil)
	const container = "spec.template.spec.containers[0]"
	for _, test := range []struct{ kind, path, want string }{
		{"Deployment", "apiVersion", "apiVersion"},
		{"Deployment", "metadata.name", "name"},
		{"Deployment", "metadata.labels.app", "label"},
		{"Deployment", "metadata.labels.release", "release label"},
		{"Deployment", "spec.replicas", "inline replicas"},
		{"Deployment", "spec.minReadySeconds", "literal"},
		{"Deployment", "spec.paused", "patched"},
		{"Deployment", "spec.strategy", "spec"},
		{"Deployment", container + ".name", "container"},
		{"Deployment", container + ".image", "image"}, // two values make it
		{"Deployment", container + ".ports[0].containerPort", "port"},
		{"Deployment", container + ".securityContext.readOnlyRootFilesystem", "read only"},
		{"Deployment", container + ".securityContext.runAsUser", "user"},
		{"Deployment", container + ".env[1].name", "env B"},
		{"Deployment", container + ".args", "args"},
		{"Deployment", container + ".args[1]", "loop"},
		{"Deployment", container + ".resources.limits.cpu", "made here"},
		{"ConfigMap", "data.text", "text below"},
		{"ConfigMap", "metadata.name", "charts/web/charts/below/templates/configmap.yaml:3"},
	} {
		t.Run(test.path, func(t *testing.T) {
			path, err := manifest.ParsePath(test.path)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range result.Objects {
				if object.Kind != test.kind {
					continue
				}
				at := locator.Locate(object, path).Position
				want := test.want
				if marks[want] != "" {
					want = marks[want]
				}
				if got := fmt.Sprintf("%s:%d", at.File, at.Line); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}
