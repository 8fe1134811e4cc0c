package argocd

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/robfig/cron/v3"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// projectSpec is about what is in one AppProject.
var projectSpec = &check.Check{
	Name:  "gitops/project-spec",
	Title: "Argo CD takes the spec of every AppProject",
	Doc: "The API server takes any AppProject that fits its schema. A sync window whose schedule or duration does not parse is found by Argo CD at " +
		"the next sync of each Application that the window is for: it is refused as long as the window stands. A window of another kind than " +
		"allow and deny holds nobody back, and one with a time zone that there is none counts in UTC. What is given twice, and policies, names and " +
		"groups of roles that are malformed, Argo CD's API refuses, so that nobody can change the project there; a role does not get such a policy.",
	Fix:      "Correct the value as the message says.",
	Severity: check.Error,
	Scope:    check.Object,
	Origin:   "kgate",
	References: []string{
		source("pkg/apis/application/v1alpha1/app_project_types.go"),
		source("pkg/apis/application/v1alpha1/types.go"),
	},
	Bad:  projectSpecBad,
	Good: projectSpecGood,
	Run:  each(judgeProject),
}

// judgeProject is AppProject.ValidateProject.
func judgeProject(object *manifest.Object) faults {
	if !is(object, "AppProject") {
		return nil
	}
	var found faults
	spec := manifest.Path{"spec"}
	once := func(list manifest.Path, key func(item any) string, what string) {
		seen := map[string]bool{}
		for i, item := range manifest.ListAt(object.Value, list...) {
			k := key(item)
			if seen[k] {
				found.add(below(list, i), "%s %q is given twice", what, k)
			}
			seen[k] = true
		}
	}
	text := func(item any) string { t, _ := item.(string); return t }
	once(below(spec, "destinations"), func(item any) string {
		cluster := manifest.TextAt(item, "server")
		if cluster == "" {
			cluster = manifest.TextAt(item, "name")
		}
		return cluster + "/" + manifest.TextAt(item, "namespace")
	}, "destination")
	once(below(spec, "sourceNamespaces"), text, "source namespace")
	once(below(spec, "sourceRepos"), text, "source repository")
	for i, item := range manifest.ListAt(object.Value, "spec", "destinations") {
		for _, field := range []string{"name", "server", "namespace"} {
			if manifest.TextAt(item, field) == "!*" {
				found.add(below(spec, "destinations", i, field), "%s is !*, which denies everything: Argo CD refuses it", field)
			}
		}
	}
	for i, item := range manifest.ListAt(object.Value, "spec", "sourceRepos") {
		if text(item) == "!*" {
			found.add(below(spec, "sourceRepos", i), "the source repository is !*, which denies everything: Argo CD refuses it")
		}
	}
	judgeRoles(&found, object)
	judgeWindows(&found, object)
	judgeAccounts(&found, object)
	return found
}

func judgeRoles(found *faults, object *manifest.Object) {
	names := map[string]bool{}
	for i, role := range manifest.ListAt(object.Value, "spec", "roles") {
		place := manifest.Path{"spec", "roles", i}
		name := manifest.TextAt(role, "name")
		switch {
		case names[name]:
			found.add(below(place, "name"), "role %q is given twice", name)
		case !isRoleName(name):
			found.add(below(place, "name"), "role name %q is not made of letters, digits, - and _, with a letter or a digit at both ends", name)
		}
		names[name] = true
		seen := map[string]bool{}
		for j, item := range manifest.ListAt(role, "policies") {
			policy, ok := item.(string)
			if !ok {
				continue
			}
			if seen[policy] {
				found.add(below(place, "policies", j), "policy %q is given twice in role %q", policy, name)
			} else if fault := policyFault(object.Name, name, policy); fault != "" {
				found.add(below(place, "policies", j), "policy %q: %s", policy, fault)
			}
			seen[policy] = true
		}
		seen = map[string]bool{}
		for j, item := range manifest.ListAt(role, "groups") {
			group, ok := item.(string)
			if !ok {
				continue
			}
			if seen[group] {
				found.add(below(place, "groups", j), "group %q is given twice in role %q", group, name)
			} else if fault := groupFault(group); fault != "" {
				found.add(below(place, "groups", j), "group %q %s", group, fault)
			}
			seen[group] = true
		}
	}
}

func isRoleName(name string) bool {
	matched, err := regexp.MatchString(`^[a-zA-Z0-9]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$`, name)
	return err == nil && matched
}

// policyFault is validatePolicy.
func policyFault(project, role, policy string) string {
	parts := strings.Split(policy, ",")
	for i := range parts {
		parts[i] = strings.Trim(parts[i], " ")
	}
	if len(parts) != 6 || parts[0] != "p" {
		return "it is not of the form p, SUBJECT, RESOURCE, ACTION, OBJECT, EFFECT"
	}
	if subject := "proj:" + project + ":" + role; parts[1] != subject {
		return fmt.Sprintf("the subject is %q, and that of this role is %q", parts[1], subject)
	}
	resources := []string{"applications", "applicationsets", "clusters", "exec", "logs", "repositories"}
	if !slices.Contains(resources, parts[2]) {
		return fmt.Sprintf("a project has no resource %q%s", parts[2], among(parts[2], resources))
	}
	actions := []string{"get", "create", "update", "delete", "sync", "override", "rollback"}
	if action := parts[3]; action != "*" && !slices.Contains(actions, action) && !strings.Contains(action, "action/") &&
		!strings.Contains(action, "update/") && !strings.Contains(action, "delete/") {
		return fmt.Sprintf("there is no action %q%s", action, among(action, actions))
	}
	if ok, err := regexp.MatchString(`^`+regexp.QuoteMeta(project)+`(/[*\w-.]+)?/[*\w-.]+$`, parts[4]); err != nil || !ok {
		return fmt.Sprintf("the object is %q, and not of the form %s/APPLICATION", parts[4], project)
	}
	if effects := []string{"allow", "deny"}; !slices.Contains(effects, parts[5]) {
		return fmt.Sprintf("the effect is %q%s", parts[5], among(parts[5], effects))
	}
	return ""
}

// groupFault is validateGroupName.
func groupFault(group string) string {
	name := strings.TrimSpace(group)
	if len(name) > 1 && strings.HasPrefix(name, `"`) && strings.HasSuffix(name, `"`) {
		name = name[1 : len(name)-1]
	} else if strings.Contains(name, ",") {
		return `has a comma, and has to be in quotes of its own: '"a,b"'`
	}
	switch letters := []rune(group); {
	case name == "":
		return "is empty"
	case strings.ContainsAny(name, "\"\n\r\t"):
		return "has a quote, a tab or the end of a line in it"
	case len(letters) > 1 && (unicode.IsSpace(letters[0]) || unicode.IsSpace(letters[len(letters)-1])):
		return "has a space at an end"
	}
	return ""
}

// judgeWindows is SyncWindow.Validate.
func judgeWindows(found *faults, object *manifest.Object) {
	for i, window := range manifest.ListAt(object.Value, "spec", "syncWindows") {
		if _, ok := window.(map[string]any); !ok {
			continue
		}
		place := manifest.Path{"spec", "syncWindows", i}
		kinds := []string{"allow", "deny"}
		if kind := manifest.TextAt(window, "kind"); !slices.Contains(kinds, kind) {
			found.add(below(place, "kind"), "kind %q is neither allow nor deny, so the window holds nobody back", kind)
		}
		if schedule := manifest.TextAt(window, "schedule"); scheduleFault(schedule) != nil {
			found.add(below(place, "schedule"), "schedule %q does not parse, so Argo CD refuses every sync that the window is for: %v", schedule, scheduleFault(schedule))
		}
		if duration := manifest.TextAt(window, "duration"); !isDuration(duration) {
			found.add(below(place, "duration"), "duration %q does not parse, so Argo CD refuses every sync that the window is for: write one such as 8h or 1h30m", duration)
		}
		// Without the data of a time zone that is always there, nobody can tell.
		if zone := manifest.TextAt(window, "timeZone"); zone != "" && !isZone(zone) && isZone("Europe/London") {
			found.add(below(place, "timeZone"), "there is no time zone %q, so Argo CD takes UTC", zone)
		}
		if len(manifest.ListAt(window, "applications")) == 0 && len(manifest.ListAt(window, "namespaces")) == 0 && len(manifest.ListAt(window, "clusters")) == 0 {
			found.add(place, "the window names no applications, namespaces or clusters, so it is for nothing")
		}
	}
}

// scheduleFault asks the parser that Argo CD asks.
func scheduleFault(schedule string) error {
	if strings.HasPrefix(schedule, "TZ=") || strings.HasPrefix(schedule, "CRON_TZ=") {
		return nil // it parses, whatever becomes of it
	}
	return crash.Catch(func() error {
		_, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(schedule)
		return err
	})
}

func isDuration(text string) bool {
	_, err := time.ParseDuration(text)
	return err == nil
}

func isZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil
}

func judgeAccounts(found *faults, object *manifest.Object) {
	seen := map[string]bool{}
	for i, item := range manifest.ListAt(object.Value, "spec", "destinationServiceAccounts") {
		place := manifest.Path{"spec", "destinationServiceAccounts", i}
		server, namespace := manifest.TextAt(item, "server"), manifest.TextAt(item, "namespace")
		for _, field := range []string{"server", "namespace"} {
			if text := manifest.TextAt(item, field); strings.Contains(text, "!") {
				found.add(below(place, field), "%s %q has a ! in it, which Argo CD refuses here", field, text)
			}
		}
		if account := manifest.TextAt(item, "defaultServiceAccount"); strings.Trim(account, " ") == "" || strings.ContainsAny(account, `!*[]{}\/`) {
			found.add(below(place, "defaultServiceAccount"), "%q is no name of a ServiceAccount", account)
		}
		key := server + "/" + namespace
		if seen[key] {
			found.add(place, "the ServiceAccount of %q is given twice", key)
		}
		seen[key] = true
	}
}

// windowApplications is about the Applications that a window is for.
var windowApplications = &check.Check{
	Name:  "gitops/window-applications",
	Title: "Every sync window is for Applications that there are",
	Doc: "A window holds the Applications of its project that it lists by their names, or by the clusters or namespaces that they deploy to. One that " +
		"lists what no Application has holds nobody back: what was to be synced by a person in working hours is synced at any time. It happens when " +
		"an Application is renamed. Nothing is said where the repository has no Application of the project, or an ApplicationSet that may make one which nobody here can tell.",
	Fix:        "Write what the Application has, or take it out of the window.",
	Severity:   check.Error,
	Scope:      check.Repository,
	Origin:     "kgate",
	References: []string{"https://argo-cd.readthedocs.io/en/stable/user-guide/sync_windows/", source("pkg/apis/application/v1alpha1/types.go")},
	Sees: func(o *manifest.Object) bool {
		return is(o, "AppProject") || is(o, "Application") || is(o, "ApplicationSet")
	},
	Bad:  windowApplicationsExample("prod-shop"),
	Good: windowApplicationsExample("shop"),
	Run: func(_ context.Context, pass *check.Pass) error {
		projects := ProjectsOf(pass.Targets)
		for _, target := range pass.Targets {
			for _, object := range target.Applied() {
				if !is(object, "AppProject") {
					continue
				}
				// Where each cluster has an Argo CD of its own, another target has another project of the name.
				found, open := members(slices.DeleteFunc(slices.Clone(pass.Targets), func(t *check.Target) bool {
					return t != target && projects.owns(object.Name, t.Path)
				}))
				if !open[object.Name] && !open[""] && len(found[object.Name]) > 0 {
					judgeWindowApplications(pass, target, object, found[object.Name])
				}
			}
		}
		return nil
	},
}

// members are the Applications of each project. Open are the projects for which something makes more of them; "" where it may
// be any.
func members(targets []*check.Target) (found map[string][]*manifest.Object, open map[string]bool) {
	found, open = map[string][]*manifest.Object{}, map[string]bool{}
	for _, target := range targets {
		for _, object := range target.WithGenerated() {
			switch {
			case !object.Applied():
			case is(object, "Application"):
				project := projectOf(object.Value, "spec")
				found[project] = append(found[project], object)
			case is(object, "ApplicationSet") && !slices.Contains(target.Told, object):
				project := projectOf(object.Value, "spec", "template", "spec")
				if isTemplated(project) || manifest.TextAt(object.Value, "spec", "templatePatch") != "" || overridden(manifest.ListAt(object.Value, "spec", "generators")) {
					project = ""
				}
				open[project] = true
			}
		}
	}
	return found, open
}

func projectOf(object any, spec ...any) string {
	if project := manifest.TextAt(object, below(spec, "project")...); project != "" {
		return project
	}
	return "default"
}

func judgeWindowApplications(pass *check.Pass, target *check.Target, project *manifest.Object, members []*manifest.Object) {
	for _, by := range []struct {
		field, is string
		of        func(*manifest.Object) []string
	}{
		{"applications", "is called", func(o *manifest.Object) []string { return []string{o.Name} }},
		{"clusters", "deploys to cluster", func(o *manifest.Object) []string {
			return []string{manifest.TextAt(o.Value, "spec", "destination", "name"), manifest.TextAt(o.Value, "spec", "destination", "server")}
		}},
		{"namespaces", "deploys to namespace", func(o *manifest.Object) []string {
			return []string{manifest.TextAt(o.Value, "spec", "destination", "namespace")}
		}},
	} {
		var known []string
		for _, member := range members {
			known = append(known, slices.DeleteFunc(by.of(member), func(name string) bool { return name == "" })...)
		}
		slices.Sort(known)
		known = slices.Compact(known)
		for i, window := range manifest.ListAt(project.Value, "spec", "syncWindows") {
			for j, item := range manifest.ListAt(window, by.field) {
				pattern, ok := item.(string)
				if !ok || strings.ContainsAny(pattern, "!{[") || slices.ContainsFunc(known, func(name string) bool { return fits(pattern, name) }) {
					continue
				}
				question := meant(pattern, known)
				if question == "" && len(known) > 0 {
					question = ": there are " + strings.Join(known, ", ")
				}
				pass.Report(target, project, manifest.Path{"spec", "syncWindows", i, by.field, j}, fmt.Sprintf(
					"no Application of AppProject %q %s %q, so the window holds none of that%s", project.Name, by.is, pattern, question))
			}
		}
	}
}

// fits reports whether a name is what a glob of Argo CD is for, in which a * is any text.
func fits(pattern, name string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
	return ok || err != nil
}

func windowApplicationsExample(name string) string {
	return `# file: argocd/kustomization.yaml
resources: [shop.yaml]
---
# file: argocd/shop.yaml
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  destinations: [{name: prod, namespace: shop}]
  sourceRepos: [https://github.com/kgate-dev/gitops]
  syncWindows:
    - kind: allow
      schedule: 0 8 * * 1-4
      duration: 8h
      applications: [` + name + `, '*']
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop, namespace: argocd}
spec:
  project: shop
  source: {repoURL: https://github.com/kgate-dev/gitops, path: overlays/prod}
  destination: {name: prod, namespace: shop}
---
# file: overlays/prod/kustomization.yaml
configMapGenerator:
  - name: shop
    literals: [mode=plain]
`
}

const (
	projectSpecBad = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  destinations:
    - {name: prod, namespace: shop}
    - {name: prod, namespace: shop} # a second time
  sourceRepos: ['!*'] # denies everything
  roles:
    - name: release managers # a space
      policies:
        - p, proj:shop:releases, applications, sync, shop/*, allow # of another role
  syncWindows:
    - kind: allowed # neither allow nor deny
      schedule: 0 8 * * 1-8 # there is no eighth day
      duration: 8hours
      timeZone: Europe/Londn
`
	projectSpecGood = `apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  destinations:
    - {name: prod, namespace: shop}
    - {name: prod, namespace: '!kube-system'}
    - {server: https://10.0.0.1:6443, namespace: shop}
  sourceRepos: ['*', '!https://github.com/example/*']
  roles:
    - name: release-managers
      policies:
        - p, proj:shop:release-managers, applications, sync, shop/*, allow
        - 'p, proj:shop:release-managers, applications, action/apps/*, shop/argocd/web, allow'
        - p, proj:shop:release-managers, logs, get, shop/web, deny
      groups: ['team:shop', '"cn=shop,ou=teams"']
  syncWindows:
    - kind: allow
      schedule: '*/30 0-6 1,15 JAN-jun *'
      duration: 1h30m
      timeZone: Europe/London
      applications: ['*-web']
    - kind: deny
      schedule: '0 22 * * MON-FRI'
      duration: 8h
      clusters: [prod]
`
)
