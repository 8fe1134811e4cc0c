package argocd

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// made is an object of a short text.
func made(t *testing.T, text string) *manifest.Object {
	t.Helper()
	if text == "" {
		return nil
	}
	var value map[string]any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	o, err := manifest.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func objectText(kind, name, annotations string) string {
	group := map[string]string{"Deployment": "apps/v1", "Job": "batch/v1", "CustomResourceDefinition": "apiextensions.k8s.io/v1", "Widget": "example.com/v1"}[kind]
	if group == "" {
		group = "v1"
	}
	more := ""
	if kind == "CustomResourceDefinition" {
		more = "\nspec: {group: example.com, names: {kind: Widget}}"
	}
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: shop, annotations: {%s}}%s", group, kind, name, annotations, more)
}

func applicationText(policy string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\nspec:\n  destination: {name: prod, namespace: shop}\n" + policy
}

const automatedPrune = "  syncPolicy: {automated: {prune: true}}"

// TestPlan holds the order of a sync and what it does to each object.
func TestPlan(t *testing.T) {
	hook := func(text string) string { return "argocd.argoproj.io/hook: " + text }
	waveOf := func(n int) string { return fmt.Sprintf("argocd.argoproj.io/sync-wave: %q", fmt.Sprint(n)) }
	options := func(text string) string { return fmt.Sprintf("argocd.argoproj.io/sync-options: %q", text) }
	type object struct {
		old, new string
		same     bool
		fields   []Field
		refused  bool
	}
	spec := manifest.Path{"spec", "replicas"}
	replicas := []Field{{Old: spec, New: spec}}
	both := func(text string) object { return object{old: text, new: text} }
	same := func(text string) object { return object{old: text, new: text, same: true} }
	added := func(text string) object { return object{new: text} }
	gone := func(text string) object { return object{old: text} }
	ignoring := "  ignoreDifferences: [{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}]\n"
	for _, test := range []struct {
		name    string
		policy  string
		objects []object
		want    []string // phase/wave action kind/name
		holds   string   // a part of what keeps it back
		reason  string   // a part of the reason of the last step
	}{
		{"phases, waves, kinds, names", automatedPrune, []object{
			added(objectText("Deployment", "web", "")), added(objectText("Service", "web", "")), added(objectText("ConfigMap", "b", "")), added(objectText("ConfigMap", "a", "")),
			added(objectText("Widget", "w", "")), added(objectText("Secret", "late", waveOf(2))), added(objectText("Job", "after", hook("PostSync"))), added(objectText("Job", "first", hook("PreSync"))),
			added(objectText("Job", "failed", hook("SyncFail"))), added(objectText("Job", "skipped", hook("Skip"))),
		}, []string{
			"PreSync/0 hook Job/first", "Sync/0 create ConfigMap/a", "Sync/0 create ConfigMap/b", "Sync/0 create Service/web", "Sync/0 create Deployment/web",
			"Sync/0 create Widget/w", "Sync/2 create Secret/late", "PostSync/0 hook Job/after", "SyncFail/0 hook Job/failed",
		}, "", ""},
		{"helm's hooks and weights", automatedPrune, []object{
			added(objectText("ConfigMap", "a", "")), added(objectText("Job", "up", `helm.sh/hook: "pre-upgrade,post-install", helm.sh/hook-weight: "-5"`)),
		}, []string{"PreSync/-5 hook Job/up", "Sync/0 create ConfigMap/a", "PostSync/-5 hook Job/up"}, "", ""},
		{"a definition before its kind, whatever its wave", automatedPrune, []object{
			added(objectText("Widget", "w", waveOf(-1))), added(objectText("CustomResourceDefinition", "widgets", "")),
		}, []string{"Sync/-1 create CustomResourceDefinition/widgets", "Sync/-1 create Widget/w"}, "", ""},
		{"a namespace before what is in it", automatedPrune, []object{
			same(objectText("ConfigMap", "a", waveOf(-3))), added(strings.Replace(objectText("Namespace", "shop", ""), "namespace: shop, ", "", 1)),
		}, []string{"Sync/-3 create Namespace/shop"}, "", ""},
		{"pruned in the other order, before what is applied", automatedPrune, []object{
			gone(objectText("ConfigMap", "one", waveOf(1))), gone(objectText("ConfigMap", "three", waveOf(3))), both(objectText("Deployment", "web", waveOf(1))),
		}, []string{"Sync/1 prune ConfigMap/three", "Sync/1 apply Deployment/web", "Sync/3 prune ConfigMap/one"}, "", ""},
		{"pruned last", "  syncPolicy: {automated: {prune: true}, syncOptions: [PruneLast=true]}", []object{
			gone(objectText("ConfigMap", "one", "")), same(objectText("Service", "web", waveOf(4))), both(objectText("Deployment", "web", "")),
		}, []string{"Sync/0 apply Deployment/web", "Sync/5 prune ConfigMap/one"}, "", ""},
		{"Prune=false", automatedPrune, []object{gone(objectText("ConfigMap", "one", options("Prune=false"))), both(objectText("Service", "a", ""))},
			[]string{"Sync/0 keep ConfigMap/one", "Sync/0 apply Service/a"}, "", ""},
		{"Prune=confirm of the Application", "  syncPolicy: {automated: {prune: true}, syncOptions: [Prune=confirm]}", []object{gone(objectText("ConfigMap", "one", "")), same(objectText("Service", "a", ""))},
			[]string{"Sync/0 prune ConfigMap/one"}, "", "waits here until somebody confirms"},
		{"pruning is off, and nothing else differs", "  syncPolicy: {automated: {}}", []object{gone(objectText("ConfigMap", "one", "")), same(objectText("Service", "a", ""))},
			[]string{"Sync/0 keep ConfigMap/one"}, "does not sync for this", "pruning is off"},
		{"by hand", "", []object{gone(objectText("ConfigMap", "one", "")), same(objectText("Service", "a", ""))}, []string{"Sync/0 prune ConfigMap/one"}, "", "if whoever syncs asks for pruning"},
		{"everything goes", automatedPrune, []object{gone(objectText("ConfigMap", "one", ""))}, []string{"Sync/0 prune ConfigMap/one"}, "allowEmpty", ""},
		{"everything goes, as is allowed", "  syncPolicy: {automated: {prune: true, allowEmpty: true}}", []object{gone(objectText("ConfigMap", "one", ""))}, []string{"Sync/0 prune ConfigMap/one"}, "", ""},
		{"automation that is switched off", "  syncPolicy: {automated: {enabled: false, prune: true}}", []object{gone(objectText("ConfigMap", "one", ""))}, []string{"Sync/0 prune ConfigMap/one"}, "", "if whoever syncs"},
		{"server-side", "  syncPolicy: {syncOptions: [ServerSideApply=true]}", []object{both(objectText("Service", "a", "")), both(objectText("Service", "b", options("ServerSideApply=false")))},
			[]string{"Sync/0 server-side apply Service/a", "Sync/0 apply Service/b"}, "", ""},
		{"replaced", "  syncPolicy: {syncOptions: [Replace=true]}", []object{both(objectText("Service", "a", "")), both(objectText("CustomResourceDefinition", "b", "")), same(objectText("Service", "c", ""))},
			[]string{"Sync/0 update CustomResourceDefinition/b", "Sync/0 replace Service/a"}, "", ""},
		{"made anew by every sync", automatedPrune, []object{same(objectText("Deployment", "web", options("Replace=true,Force=true"))), both(objectText("Service", "a", ""))},
			[]string{"Sync/0 apply Service/a", "Sync/0 recreate Deployment/web"}, "", "though nothing of it changes"},
		{"made anew where it is refused", automatedPrune, []object{{old: objectText("Deployment", "web", options("Force=true")), new: objectText("Deployment", "web", ""), refused: true}},
			[]string{"Sync/0 recreate Deployment/web"}, "", "Force=true"},
		{"refused", automatedPrune, []object{{old: objectText("Deployment", "web", ""), new: objectText("Deployment", "web", ""), refused: true}}, []string{"Sync/0 apply Deployment/web"}, "", "the sync fails here"},
		{"a hook changes and nothing else", automatedPrune, []object{both(objectText("Job", "first", hook("PreSync"))), same(objectText("Service", "a", ""))}, []string{"PreSync/0 hook Job/first"}, "Argo CD sees no difference", ""},
		{"a hook that goes", automatedPrune, []object{gone(objectText("Job", "first", hook("PreSync"))), same(objectText("Service", "a", ""))}, nil, "", ""},
		{"skipped from now on", automatedPrune, []object{both(objectText("ConfigMap", "a", hook("Skip"))), both(objectText("Service", "a", ""))}, []string{"Sync/0 apply Service/a"}, "", ""},
		{"skipped no longer", automatedPrune, []object{{old: objectText("ConfigMap", "a", hook("Skip")), new: objectText("ConfigMap", "a", "")}}, []string{"Sync/0 create ConfigMap/a"}, "", ""},
		{"one that is skipped now", automatedPrune, []object{{old: objectText("ConfigMap", "a", ""), new: objectText("ConfigMap", "a", hook("Skip"))}, both(objectText("Service", "b", ""))},
			[]string{"Sync/0 keep ConfigMap/a", "Sync/0 apply Service/b"}, "", ""},
		{"one that was skipped goes", automatedPrune, []object{gone(objectText("ConfigMap", "a", hook("Skip"))), both(objectText("Service", "b", ""))}, []string{"Sync/0 apply Service/b"}, "", ""},
		{"nothing changes", automatedPrune, []object{same(objectText("Service", "a", "")), same(objectText("Job", "first", hook("PreSync")))}, nil, "", ""},
		{"in ignored fields", ignoring + automatedPrune, []object{{old: objectText("Deployment", "web", "") + "\nspec: {replicas: 1}", new: objectText("Deployment", "web", "") + "\nspec: {replicas: 2}", fields: replicas}},
			[]string{"Sync/0 apply Deployment/web"}, "Argo CD sees no difference", "among ignoreDifferences"},
		{"in ignored fields that are respected", ignoring + "  syncPolicy: {automated: {prune: true}, syncOptions: [RespectIgnoreDifferences=true]}",
			[]object{{old: objectText("Deployment", "web", ""), new: objectText("Deployment", "web", ""), fields: replicas}, added(objectText("Service", "a", ""))},
			[]string{"Sync/0 create Service/a", "Sync/0 ignore Deployment/web"}, "", "keeps what the cluster has"},
		{"by jq, and in another field", "  ignoreDifferences: [{group: '*', kind: Deploy*, jqPathExpressions: ['.spec.replicas', '.metadata.annotations']}]\n" + automatedPrune,
			[]object{{old: objectText("Deployment", "web", ""), new: objectText("Deployment", "web", ""), fields: append(slices.Clone(replicas), Field{Old: manifest.Path{"spec", "paused"}, New: manifest.Path{"spec", "paused"}})}},
			[]string{"Sync/0 apply Deployment/web"}, "", ""},
		{"by jq", "  ignoreDifferences: [{group: '*', kind: Deploy*, jqPathExpressions: ['.spec | .replicas']}]\n" + automatedPrune,
			[]object{{old: objectText("Deployment", "web", ""), new: objectText("Deployment", "web", ""), fields: replicas}}, []string{"Sync/0 apply Deployment/web"}, "sees no difference", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := made(t, applicationText(test.policy))
			d := Deployed{Old: app, New: app}
			for _, o := range test.objects {
				d.Objects = append(d.Objects, Object{Old: made(t, o.old), New: made(t, o.new), Changed: !o.same, Fields: o.fields, Refused: o.refused})
			}
			s, does := d.Plan()
			if does != (test.want != nil) {
				t.Fatalf("it does something: %t", does)
			}
			var got []string
			for _, step := range s.Steps {
				got = append(got, fmt.Sprintf("%s/%d %s %s/%s", step.Phase, step.Wave, step.Action, step.Object.Kind, step.Object.Name))
			}
			if does && !slices.Equal(got, test.want) {
				t.Errorf("steps\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if holds := strings.Join(s.Holds, "\n"); !strings.Contains(holds, test.holds) || test.holds == "" && holds != "" {
				t.Errorf("held back by %q, want %q", holds, test.holds)
			}
			if n := len(s.Steps); test.reason != "" && (n == 0 || !strings.Contains(s.Steps[n-1].Reason, test.reason)) {
				t.Errorf("of the last of %v no reason %q", s.Steps, test.reason)
			}
		})
	}
}

// TestRemovedApplication holds what becomes of what an Application deployed.
func TestRemovedApplication(t *testing.T) {
	for _, test := range []struct{ finalizer, options, want string }{
		{"", "", "stays in the cluster"},
		{"resources-finalizer.argocd.argoproj.io/background", "", "3 objects, of which Delete=false keeps 1"},
		{"resources-finalizer.argocd.argoproj.io", "  syncPolicy: {syncOptions: [Delete=false]}", "3 objects, of which Delete=false keeps 2"},
	} {
		app := made(t, strings.Replace(applicationText(test.options), "namespace: argocd", "namespace: argocd, finalizers: ["+test.finalizer+"]", 1))
		d := Deployed{Old: app}
		for _, own := range []string{"", `argocd.argoproj.io/sync-options: "Delete=true"`, `argocd.argoproj.io/sync-options: "Delete=false"`, "argocd.argoproj.io/hook: PreSync"} {
			if test.options == "" && own != "" && strings.Contains(own, "Delete=true") {
				own = ""
			}
			d.Objects = append(d.Objects, Object{Old: made(t, objectText("ConfigMap", "a", own))})
		}
		s, does := d.Plan()
		if !does || s.Fate != Removed || len(s.Holds) != 1 || !strings.Contains(s.Holds[0], test.want) {
			t.Errorf("of finalizer %q: %+v, want %q", test.finalizer, s.Holds, test.want)
		}
		d.Heir = "next"
		s, _ = d.Plan()
		told := strings.Contains(strings.Join(append(s.Holds, s.Notes...), "\n"), "Application next")
		if !told || strings.Contains(s.Holds[0], "nobody's") {
			t.Errorf("of finalizer %q with an heir: %+v, %+v", test.finalizer, s.Holds, s.Notes)
		}
	}
}

// TestSkippedApplication holds that Argo CD does nothing with an Application that it is told to pass by, and that the one which is
// no longer told so syncs.
func TestSkippedApplication(t *testing.T) {
	as := func(value string) *manifest.Object {
		return made(t, strings.Replace(applicationText(automatedPrune), "namespace: argocd", "namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io], annotations: {argocd.argoproj.io/skip-reconcile: '"+value+"'}", 1))
	}
	for name, c := range map[string]struct {
		old, new *manifest.Object
		skipped  bool
		steps    int
		holds    string
	}{
		"skipped":     {as("false"), as("true"), true, 0, "nothing of this reaches the cluster"},
		"by a digit":  {as("1"), as("1"), true, 0, "nothing of this reaches the cluster"},
		"no longer":   {as("true"), as("false"), false, 1, ""},
		"no boolean":  {as("yes"), as("yes"), false, 1, ""},
		"removed":     {as("true"), nil, false, 0, "its deletion does not end"},
		"removed too": {as("no"), nil, false, 0, "goes with it when it is deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			s, does := Deployed{Old: c.old, New: c.new, Objects: []Object{{Old: made(t, objectText("ConfigMap", "a", "")), New: made(t, objectText("ConfigMap", "a", "")), Changed: true}}}.Plan()
			if holds := strings.Join(s.Holds, "\n"); !does || s.Skipped != c.skipped || s.Automated == c.skipped || len(s.Steps) != c.steps || !strings.Contains(holds, c.holds) || c.holds == "" && holds != "" {
				t.Errorf("does something: %t, skipped: %t, by itself: %t, steps %v, held back by %q", does, s.Skipped, s.Automated, s.Steps, s.Holds)
			}
		})
	}
}

// TestDeletionHooks holds which hooks run when an Application is deleted: those that git has then, if it has their directory.
func TestDeletionHooks(t *testing.T) {
	hook := func(name, annotation string) *manifest.Object { return made(t, objectText("Job", name, annotation)) }
	before := hook("before", "argocd.argoproj.io/hook: 'PreSync, PreDelete'")
	after := hook("after", "helm.sh/hook: post-delete")
	for name, c := range map[string]struct {
		objects      []Object
		missing      []string
		steps, holds string
		notes        string
	}{
		"both stay in git":   {objects: []Object{{Old: after, New: after}, {Old: before, New: before}}, steps: "PreDelete before, PostDelete after"},
		"one is gone":        {objects: []Object{{Old: after}, {Old: before, New: before}}, steps: "PreDelete before", notes: "PostDelete hook Job after"},
		"the directory is":   {objects: []Object{{Old: after}, {Old: before}}, missing: []string{"overlays/shop"}, holds: "its deletion does not end"},
		"without hooks":      {objects: []Object{{Old: hook("a", "")}}, missing: []string{"overlays/shop"}},
		"a hook of the sync": {objects: []Object{{Old: hook("a", "argocd.argoproj.io/hook: PostSync"), New: hook("a", "argocd.argoproj.io/hook: PostSync")}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, does := Deployed{Old: made(t, applicationText("")), Objects: c.objects, Missing: c.missing}.Plan()
			var steps []string
			for _, step := range s.Steps {
				steps = append(steps, step.Phase+" "+step.Object.Name)
			}
			if got := strings.Join(steps, ", "); !does || got != c.steps {
				t.Errorf("steps %q, want %q", got, c.steps)
			}
			if got := strings.Join(s.Holds[1:], "; "); !strings.HasPrefix(got, c.holds) || (got == "") != (c.holds == "") {
				t.Errorf("holds %q, want %q", got, c.holds)
			}
			if got := strings.Join(s.Notes, "; "); !strings.Contains(got, c.notes) || (got == "") != (c.notes == "") {
				t.Errorf("notes %q, want %q", got, c.notes)
			}
		})
	}
}

// TestWindows holds which windows are for an Application, and when they let it through.
func TestWindows(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	night := "{kind: allow, schedule: '0 22 * * *', duration: 1h, applications: ['sh*']}"
	for _, test := range []struct {
		name, windows, policy, now, opens string // "" where it is not held up, - where it never opens
	}{
		{"before", night, automatedPrune, "2026-11-28 20:00", "2026-11-28 22:00"},
		{"within", night, automatedPrune, "2026-11-28 22:30", ""},
		{"after", night, automatedPrune, "2026-11-28 23:00", "2026-11-29 22:00"},
		{"by hand", strings.Replace(night, "duration", "manualSync: true, duration", 1), "", "2026-11-28 20:00", ""},
		{"by hand, which is not allowed", night, "", "2026-11-28 20:00", "2026-11-28 22:00"},
		{"a zone", strings.Replace(night, "duration", "timeZone: America/New_York, duration", 1), automatedPrune, "2026-11-28 20:00", "2026-11-29 03:00"},
		{"of another Application", strings.Replace(night, "sh*", "other", 1), automatedPrune, "2026-11-28 20:00", ""},
		{"a denial ends", "{kind: deny, schedule: '0 * * * *', duration: 30m, clusters: [prod]}", automatedPrune, "2026-11-28 20:10", "2026-11-28 20:30"},
		{"a denial over all allowed", night + ", {kind: deny, schedule: '0 0 * * *', duration: 24h, namespaces: [shop]}", automatedPrune, "2026-11-28 20:00", "-"},
		{"of both", "{kind: deny, schedule: '0 0 * * *', duration: 24h, namespaces: [shop], applications: [other], andOperator: true}", automatedPrune, "2026-11-28 20:00", ""},
		{"that does not parse", "{kind: deny, schedule: nightly, duration: 1h, namespaces: [shop]}", automatedPrune, "2026-11-28 20:00", "-"},
	} {
		t.Run(test.name, func(t *testing.T) {
			app := made(t, applicationText(test.policy))
			project := made(t, "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: shop}\nspec:\n  syncWindows: ["+test.windows+"]")
			d := Deployed{Old: app, New: app, Project: project, Objects: []Object{{New: made(t, objectText("ConfigMap", "a", "")), Changed: true}}}
			s, _ := d.Plan()
			held, opens := s.Opens(at(test.now))
			got := ""
			if held {
				got = "-"
				if !opens.IsZero() {
					got = opens.UTC().Format("2006-01-02 15:04")
				}
			}
			if got != test.opens {
				t.Errorf("opens %q, want %q", got, test.opens)
			}
		})
	}
}

// TestWindowsOfAnything holds whom a * is for, where an Application does not say its namespace or its cluster.
func TestWindowsOfAnything(t *testing.T) {
	for _, test := range []struct {
		destination, of string
		want            int
	}{
		{"{name: prod}", "namespaces: ['*']", 1},
		{"{name: prod}", "namespaces: ['?*']", 0},
		{"{name: prod}", "clusters: ['*']", 1},
		{"{namespace: shop}", "clusters: ['*']", 0},
	} {
		app := made(t, strings.Replace(applicationText(""), "{name: prod, namespace: shop}", test.destination, 1))
		project := made(t, "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: shop}\nspec: {syncWindows: [{kind: deny, schedule: '0 0 * * *', duration: 1h, "+test.of+"}]}")
		if got := windowsOf(project, app); len(got) != test.want {
			t.Errorf("of %s, %s are for it: %v", test.destination, test.of, got)
		}
	}
}
