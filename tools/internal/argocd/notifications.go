package argocd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/expr-lang/expr"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// notificationsName is the ConfigMap that Argo CD's notifications are configured in.
const notificationsName = "argocd-notifications-cm"

// notifications is about what triggers, templates, services and subscriptions are to each other.
var notifications = &check.Check{
	Name:  "gitops/notifications",
	Title: "Argo CD can send its notifications",
	Doc: "Argo CD reads " + notificationsName + " when something happens. A trigger whose condition does not parse, and a template that does not, keep " +
		"it from sending any notification, of other triggers too. A trigger that sends a template that there is none of, and a subscription to a " +
		"trigger or a service that there is none of, send nothing and say so in the controller's log alone. Names are looked up where the " +
		"ConfigMap of the target has any of their kind.",
	Fix:      "Correct the expression or the template, or write the name that the ConfigMap has.",
	Severity: check.Error,
	Scope:    check.Overlay,
	Origin:   "kgate",
	References: []string{
		"https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/",
		"https://github.com/argoproj/notifications-engine/blob/0cff13b8a717/pkg/api/config.go",
		"https://github.com/argoproj/notifications-engine/blob/0cff13b8a717/pkg/triggers/service.go",
	},
	Bad:  notificationsExample("on-sink", "releas", "app.status.operationState.phase == 'Succeeded' and"),
	Good: notificationsExample("on-sync", "release", "any(app.status.resources ?? [], .kind == 'Job') and app.status?.health != nil"),
	Run: func(_ context.Context, pass *check.Pass) error {
		for _, target := range pass.Targets {
			for _, object := range target.Applied() {
				if object.APIVersion == "v1" && object.Kind == "ConfigMap" && object.Name == notificationsName {
					judgeNotifications(pass, target, object)
				}
			}
		}
		return nil
	},
}

// configuration is what a ConfigMap has of notifications, by name.
type configuration struct{ triggers, templates, services []string }

// report is where faults of an object go, of a field or of a line of its text.
type report func(object *manifest.Object, path manifest.Path, format string, args ...any)

func judgeNotifications(pass *check.Pass, target *check.Target, object *manifest.Object) {
	data, _ := manifest.At(object.Value, "data").(map[string]any)
	var c configuration
	for _, key := range slices.Sorted(maps.Keys(data)) {
		kind, name, _ := strings.Cut(key, ".")
		switch kind {
		case "trigger":
			c.triggers = append(c.triggers, name)
		case "template":
			c.templates = append(c.templates, name)
		case "service":
			if of, own, ok := strings.Cut(name, "."); ok {
				c.services = append(c.services, own)
			} else {
				c.services = append(c.services, of)
			}
		}
	}
	var add report = func(at *manifest.Object, path manifest.Path, format string, args ...any) {
		if line, ok := path[len(path)-1].(manifest.Line); ok {
			pass.ReportLine(target, at, path[:len(path)-1], int(line), fmt.Sprintf(format, args...))
			return
		}
		pass.Report(target, at, path, fmt.Sprintf(format, args...))
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		text, ok := data[key].(string)
		path := manifest.Path{"data", key}
		kind, name, _ := strings.Cut(key, ".")
		if !ok || object.Hides(path) || !slices.Contains([]string{"trigger", "template", "service", "defaultTriggers"}, kind) {
			continue
		}
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			add(object, path, "%s is no YAML, so Argo CD sends no notification: %s", key, firstLine(err))
			continue
		}
		switch kind {
		case "trigger":
			judgeTrigger(add, object, path, value, c)
		case "template":
			judgeTemplate(add, object, path, value, c)
		case "service":
			if strings.Count(name, ".") > 1 {
				add(object, path, "%s is not of the form service.TYPE or service.TYPE.NAME, so Argo CD sends no notification", key)
			}
		case "defaultTriggers":
			for i, item := range manifest.ListAt(value) {
				judgeName(add, object, below(path, i), item, "trigger", c.triggers)
			}
		}
	}
	for _, subscriber := range target.Applied() {
		if subscriber.Namespace != object.Namespace && subscriber.Namespace != "" && object.Namespace != "" {
			continue // it may have a configuration of its own
		}
		at := manifest.Path{"metadata", "annotations"}
		switch {
		case is(subscriber, "ApplicationSet"):
			at = manifest.Path{"spec", "template", "metadata", "annotations"}
		case !is(subscriber, "Application") && !is(subscriber, "AppProject"):
			continue
		}
		annotations, _ := manifest.At(subscriber.Value, at...).(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(annotations)) {
			if to, ok := strings.CutPrefix(key, "notifications.argoproj.io/subscribe."); ok && !isTemplated(to) {
				trigger, service, both := strings.Cut(to, ".")
				if !both {
					trigger, service = "", trigger
				}
				service, _, _ = strings.Cut(service, ".")
				if both {
					judgeName(add, subscriber, below(at, key), trigger, "trigger", c.triggers)
				}
				judgeName(add, subscriber, below(at, key), service, "service", c.services)
			}
		}
	}
}

// judgeName looks for what is named, where there is any of its kind.
func judgeName(add report, object *manifest.Object, path manifest.Path, named any, kind string, known []string) {
	name, ok := named.(string)
	if ok && len(known) > 0 && !slices.Contains(known, name) {
		add(object, path, "%s has no %s %s, so nothing is sent%s", notificationsName, kind, name, among(name, known))
	}
}

func judgeTrigger(add report, object *manifest.Object, path manifest.Path, value any, c configuration) {
	if _, ok := value.([]any); !ok && value != nil {
		add(object, path, "the trigger is no list of conditions, so Argo CD sends no notification")
	}
	for i, condition := range manifest.ListAt(value) {
		for _, field := range []string{"when", "oncePer"} {
			if text := manifest.TextAt(condition, field); text != "" {
				if err := expressionFault(text); err != nil {
					add(object, below(path, i, field), "the expression does not parse, so Argo CD sends no notification: %s", firstLine(err))
				}
			}
		}
		for j, item := range manifest.ListAt(condition, "send") {
			judgeName(add, object, below(path, i, "send", j), item, "template", c.templates)
		}
	}
}

func expressionFault(text string) error {
	return crash.Catch(func() error {
		_, err := expr.Compile(text)
		return err
	})
}

func judgeTemplate(add report, object *manifest.Object, path manifest.Path, value any, c configuration) {
	if _, ok := value.(map[string]any); !ok && value != nil {
		add(object, path, "the template is no mapping, so Argo CD sends no notification")
		return
	}
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	texts(value, nil, func(at manifest.Path, text string) {
		if !isTemplated(text) {
			return
		}
		if _, err := template.New("text").Funcs(functions).Parse(text); err != nil {
			number, message, _ := strings.Cut(strings.TrimPrefix(err.Error(), "template: text:"), ": ")
			place := slices.Concat(path, at)
			if line, err := strconv.Atoi(number); err == nil {
				place = append(place, manifest.Line(line))
			}
			add(object, place, "the template does not parse, so Argo CD sends no notification: %s", message)
		}
	})
	webhooks, _ := manifest.At(value, "webhook").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(webhooks)) {
		judgeName(add, object, below(path, "webhook", name), name, "service", c.services)
	}
}

// firstLine is what an error says, without the picture of it that follows.
func firstLine(err error) string {
	var panicked *crash.Error
	if errors.As(err, &panicked) {
		return "it keeps the parser from its work"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func notificationsExample(trigger, sent, when string) string {
	return `# file: argocd/kustomization.yaml
namespace: argocd
resources: [notifications.yaml, shop.yaml]
---
# file: argocd/notifications.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-notifications-cm}
data:
  service.webhook.ledger: |
    url: https://ledger.example.com
  template.release: |
    webhook:
      ledger: {method: POST, body: '{{ .app.metadata.name | quote }}'}
  trigger.on-sync: |
    - when: ` + when + `
      send: [` + sent + `]
---
# file: argocd/shop.yaml
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
  annotations:
    notifications.argoproj.io/subscribe.` + trigger + `.ledger: ""
`
}
