package argocd

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Action is what a sync does to an object.
type Action string

// What a sync does. Keep is an object that the repository has no longer and the sync leaves, Ignore a change that it does not write.
const (
	Create          Action = "create"
	Apply           Action = "apply"
	ServerSideApply Action = "server-side apply"
	Update          Action = "update"   // Replace=true of a Namespace or a definition, which Argo CD never replaces
	Replace         Action = "replace"  // Replace=true
	Recreate        Action = "recreate" // deleted and made anew
	RunHook         Action = "hook"
	Prune           Action = "prune"
	Keep            Action = "keep"
	Ignore          Action = "ignore"
)

// Step is one object of a sync.
type Step struct {
	Phase  string // PreSync, Sync, PostSync, SyncFail; of an Application that is removed PreDelete and PostDelete, which have no waves
	Wave   int
	Action Action
	Object manifest.ID
	Reason string // what a reader would otherwise ask, or fear; "" for nothing
	Weighs bool   // somebody has to look at it: something is deleted, fails, or stays behind
	Source manifest.Position
}

// Fate is what becomes of an Application itself.
type Fate string

// What becomes of one. Synced is one that stays.
const (
	Synced  Fate = "changed"
	Added   Fate = "added"
	Removed Fate = "removed"
)

// Sync is what Argo CD does with a change to what an Application deploys, as far as the repository tells, where the cluster is as
// the side before has it.
type Sync struct {
	Application manifest.ID
	Fate        Fate
	Source      manifest.Position // of the Application
	Targets     []string          // that it deploys, of those that were compared
	In          []string          // where there are several of its name, as where each cluster has an Argo CD of its own: the targets that render this one, or files of no target
	Automated   bool              // it syncs by itself; else it waits for a person
	Prunes      bool              // by itself
	SelfHeals   bool
	Skipped     bool     // Argo CD passes it by, whoever asks
	Holds       []string // why the change does not arrive by itself, a person aside
	Windows     []Window // of its project, that are for it
	Steps       []Step   // in their order
	Notes       []string
}

// Deployed is an Application on both sides of a change, with what it deploys.
type Deployed struct {
	Old, New *manifest.Object // nil where the side does not have it
	Project  *manifest.Object // of the new side; nil where the repository has it not
	Source   manifest.Position
	Targets  []string
	Objects  []Object
	Missing  []string // of one that is gone, directories that it deployed and that are not there any more
	Heir     string   // of one that is gone, the Application that deploys the same to the same place instead; "" for none
	Holds    []string // what else keeps the change from it
	Notes    []string
}

// Object is what an Application deploys on both sides of a change.
type Object struct {
	Old, New  *manifest.Object // nil where the side does not have it; of one that does not change, Outline will do
	Changed   bool             // to the server
	Fields    []Field          // that differ, where both sides have it
	Refused   bool             // the API server refuses the update
	Succeeded bool             // of one that is gone, that another generated object takes its place
	Source    manifest.Position
}

// Field is one that differs; a path is nil where the side does not have it.
type Field struct{ Old, New manifest.Path }

// Outline is of an object what the order of a sync rests on.
func Outline(o *manifest.Object) *manifest.Object {
	if o == nil {
		return nil
	}
	meta := map[string]any{}
	if annotations := manifest.At(o.Value, "metadata", "annotations"); annotations != nil {
		meta["annotations"] = annotations
	}
	value := map[string]any{"metadata": meta}
	if isDefinition(o) {
		value["spec"] = map[string]any{"group": manifest.At(o.Value, "spec", "group"), "names": map[string]any{"kind": manifest.At(o.Value, "spec", "names", "kind")}}
	}
	return &manifest.Object{ID: o.ID, Value: value, Source: o.Source}
}

func isDefinition(o *manifest.Object) bool {
	return o.Kind == "CustomResourceDefinition" && o.Group() == "apiextensions.k8s.io"
}

func isNamespace(o *manifest.Object) bool { return o.Kind == "Namespace" && o.Group() == "" }

// Plan says what a sync does; false where it has nothing to do. The order is that of syncTasks.Less, adjustDeps, getSyncTasks and
// runTasks in Argo CD's gitops-engine/pkg/sync.
func (d Deployed) Plan() (Sync, bool) {
	if d.New == nil {
		return d.removal(), true
	}
	s := Sync{Application: d.New.ID, Fate: Synced, Source: d.Source, Targets: d.Targets, Holds: slices.Clone(d.Holds), Notes: slices.Clone(d.Notes)}
	if d.Old == nil {
		s.Fate = Added
	}
	s.policy(d.New)
	s.Windows = windowsOf(d.Project, d.New)
	p := &plan{Deployed: d, sync: &s, ignores: ignoresOf(d.New, "spec")}
	tasks, seen := p.tasks()
	if !seen && s.Fate == Synced && len(s.Holds) == 0 {
		return s, false
	}
	if s.Skipped = manifest.SkipsReconcile(d.New.Value); s.Skipped {
		s.Automated, s.Prunes, s.SelfHeals = false, false, false
		s.Holds = append(s.Holds, skipReconcile+" is true: nothing of this reaches the cluster until that is gone")
		return s, true
	}
	for _, t := range tasks {
		if t.silent {
			continue
		}
		s.Steps = append(s.Steps, t.Step)
	}
	p.conclude()
	return s, true
}

const skipReconcile = prefix + "skip-reconcile"

// policy reads how an Application syncs.
func (s *Sync) policy(application *manifest.Object) {
	policy := manifest.At(application.Value, "spec", "syncPolicy")
	automated, is := manifest.At(policy, "automated").(map[string]any)
	s.Automated = is && automated["enabled"] != false
	s.Prunes = s.Automated && automated["prune"] == true
	s.SelfHeals = s.Automated && automated["selfHeal"] == true
}

// removal says what becomes of what an Application deployed that the repository has no longer: finalizeApplicationDeletion in
// controller/appcontroller.go.
func (d Deployed) removal() Sync {
	s := Sync{Application: d.Old.ID, Fate: Removed, Source: d.Source, Targets: d.Targets, Notes: slices.Clone(d.Notes)}
	s.policy(d.Old)
	cascade := ""
	for _, item := range manifest.ListAt(d.Old.Value, "metadata", "finalizers") {
		if manifest.IsResourcesFinalizer(item) {
			cascade, _ = item.(string)
		}
	}
	count, kept := 0, 0
	otherwise := optionValue(manifest.ListAt(d.Old.Value, "spec", "syncPolicy", "syncOptions"), "Delete")
	for _, o := range d.Objects {
		if o.Old == nil || hookOf(o.Old) != nil {
			continue
		}
		count++
		own := optionValue(annotated(o.Old, syncOptionsKey), "Delete")
		if own == "" {
			own = otherwise
		}
		if own == "false" {
			kept++
		}
	}
	if d.Heir != "" && cascade != "" {
		s.Notes = append(s.Notes, fmt.Sprintf("Application %s deploys the same to the same cluster: it makes anew what goes", d.Heir))
	}
	switch {
	case cascade != "" && manifest.SkipsReconcile(d.Old.Value):
		s.Holds = append(s.Holds, fmt.Sprintf("its deletion does not end (finalizer %s) while %s is true: what it deployed stays in the cluster", cascade, skipReconcile))
	case cascade == "" && d.Heir != "":
		s.Holds = append(s.Holds, fmt.Sprintf("it has no finalizer, so what it deployed stays in the cluster when it is deleted, and is Application %s's", d.Heir))
	case cascade == "":
		s.Holds = append(s.Holds, "it has no finalizer, so what it deployed stays in the cluster when it is deleted, and is nobody's")
	case count == 0:
		s.Holds = append(s.Holds, fmt.Sprintf("what it deployed goes with it when it is deleted (finalizer %s)", cascade))
	case kept > 0:
		s.Holds = append(s.Holds, fmt.Sprintf("what it deployed goes with it when it is deleted (finalizer %s): %s, of which Delete=false keeps %d", cascade, counted(count, "object"), kept))
	default:
		s.Holds = append(s.Holds, fmt.Sprintf("what it deployed goes with it when it is deleted (finalizer %s): %s", cascade, counted(count, "object")))
	}
	d.deletionHooks(&s)
	return s
}

// deletionHooks adds the hooks that run when an Application is deleted, whatever finalizers it says itself: the controller adds those
// of the hooks. It takes the hooks from git as that is then, all of a phase at once: executeHooks in controller/hook.go.
func (d Deployed) deletionHooks(s *Sync) {
	var had, left []string
	for _, phase := range []string{"PreDelete", "PostDelete"} {
		for _, o := range d.Objects {
			was := o.Old != nil && deletesAs(o.Old, phase)
			if was {
				had = append(had, o.Old.Kind+" "+o.Old.Name)
			}
			switch {
			case o.New != nil && deletesAs(o.New, phase):
				s.Steps = append(s.Steps, Step{Phase: phase, Action: RunHook, Object: o.New.ID, Source: o.Source, Reason: "runs when the Application is deleted"})
			case was:
				left = append(left, phase+" hook "+o.Old.Kind+" "+o.Old.Name)
			}
		}
	}
	switch {
	case len(had) == 0:
	case len(d.Missing) > 0:
		s.Holds = append(s.Holds, fmt.Sprintf("its deletion does not end: Argo CD takes its hooks (%s) from %s then, which is gone. Remove the Application first, and the files once it is deleted",
			strings.Join(had, ", "), strings.Join(d.Missing, ", ")))
	case len(left) > 0:
		s.Notes = append(s.Notes, fmt.Sprintf("not run when it is deleted, for they are not in git any more then: %s", strings.Join(left, ", ")))
	}
}

// deletesAs reports an object that is a hook of a phase of deletion.
func deletesAs(o *manifest.Object, phase string) bool {
	helm := map[string]string{"PreDelete": "pre-delete", "PostDelete": "post-delete"}[phase]
	return slices.Contains(annotated(o, prefix+"hook"), any(phase)) || slices.Contains(annotated(o, "helm.sh/hook"), any(helm))
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// plan is a sync that is being laid out.
type plan struct {
	Deployed
	sync    *Sync
	ignores ignores
	outside bool // Argo CD sees that the cluster is not as the repository has it
	pruning bool // and that by something that is gone
	other   bool // and by something else
	noticed bool // something differs, whoever sees it
}

// task is an object in a phase.
type task struct {
	Step
	of     *manifest.Object // the new one, or the old one of what is pruned
	gone   bool
	silent bool // it is there for the order alone
}

// tasks are those of all objects, in their order; false where the change is in none.
func (p *plan) tasks() ([]*task, bool) {
	var all []*task
	for _, o := range p.Objects {
		all = append(all, p.of(o)...)
	}
	if !p.noticed {
		return nil, false
	}
	pruneOrder(all, p.option("PruneLast"))
	sort.SliceStable(all, func(i, j int) bool { return before(all[i], all[j]) })
	p.adjust(all)
	// Within a wave everything is pruned before anything is applied.
	slices.SortStableFunc(all, func(a, b *task) int {
		if phases[a.Phase] != phases[b.Phase] {
			return phases[a.Phase] - phases[b.Phase]
		}
		if a.Wave != b.Wave {
			return a.Wave - b.Wave
		}
		switch {
		case a.gone && !b.gone:
			return -1
		case b.gone && !a.gone:
			return 1
		}
		return 0
	})
	return all, true
}

// option reports whether the Application has a sync option that is true.
func (p *plan) option(name string) bool {
	return slices.Contains(manifest.ListAt(p.New.Value, "spec", "syncPolicy", "syncOptions"), any(name+"=true"))
}

// of are the tasks of an object.
func (p *plan) of(o Object) []*task {
	var all []*task
	was, is := o.Old, o.New
	if was != nil && (hookOf(was) != nil || was.IsSkipped()) {
		was = nil // what is left of a hook the next one deletes, as its policy says; what was skipped was never applied
	}
	hook := []string(nil)
	if is != nil {
		hook = hookOf(is)
	}
	if hook == nil && is != nil && !is.IsSkipped() {
		all = append(all, p.applied(o, was, is))
	}
	for _, phase := range hook {
		t := &task{of: is, Step: Step{Phase: phase, Wave: wave(is), Action: RunHook, Object: is.ID, Source: o.Source, Reason: "runs with every sync, " + strings.Join(deletePolicies(is), " and ")}}
		all = append(all, t)
	}
	p.noticed = p.noticed || len(hook) > 0 && o.Changed
	if was != nil && is != nil && is.IsSkipped() { // syncPhases has none for it: it is neither applied nor pruned
		all = append(all, &task{of: is, Step: Step{Phase: "Sync", Wave: wave(is), Action: Keep, Object: is.ID, Source: o.Source, Reason: prefix + "hook: Skip: no sync applies or prunes it"}})
	}
	if was != nil && (is == nil || hook != nil) {
		p.noticed = true
		all = append(all, p.pruned(o, was))
	}
	return all
}

// applied is what applyObject does with an object.
func (p *plan) applied(o Object, was, is *manifest.Object) *task {
	t := &task{of: is, Step: Step{Phase: "Sync", Wave: wave(is), Object: is.ID, Source: o.Source}}
	says := func(name string) bool { return has(is, name) || was != nil && has(was, name) } // what is in the cluster counts as well
	replaces, forces := p.option("Replace") || says("Replace"), says("Force")
	serverSide := (p.option("ServerSideApply") || has(is, "ServerSideApply")) && !slices.Contains(is.SyncOptions(), "ServerSideApply=false")
	neverReplaced := isDefinition(is) || is.Kind == "Namespace"
	if !o.Changed {
		t.silent = true
		if replaces && forces && !neverReplaced && !p.option("ApplyOutOfSyncOnly") {
			t.silent, t.Action, t.Weighs = false, Recreate, is.Kind != "Job"
			t.Reason = "Replace=true and Force=true: deleted and made anew by every sync, though nothing of it changes"
		}
		return t
	}
	p.noticed = true
	if was == nil {
		p.outside, p.other = true, true
		t.Action = Create
		return t
	}
	seen, kept := p.ignores.of(o, p.option("RespectIgnoreDifferences"))
	if seen {
		p.outside, p.other = true, true
	}
	switch {
	case kept:
		t.Action, t.Reason = Ignore, "the fields that change are among ignoreDifferences, and RespectIgnoreDifferences=true keeps what the cluster has"
		return t
	case replaces && neverReplaced:
		t.Action = Update
	case replaces && forces:
		t.Action, t.Weighs, t.Reason = Recreate, is.Kind != "Job", "Replace=true and Force=true: deleted and made anew"
		return t
	case replaces:
		t.Action = Replace
	case serverSide:
		t.Action = ServerSideApply
	default:
		t.Action = Apply
	}
	switch {
	case o.Refused && forces && t.Action == Apply:
		t.Action, t.Weighs, t.Reason = Recreate, true, "the cluster refuses the update, and Force=true has it deleted and made anew"
	case o.Refused:
		t.Weighs, t.Reason = true, "the cluster refuses it: the sync fails here, and does not get to later waves"
	case forces && t.Action == Apply:
		t.Reason = "Force=true: deleted and made anew if the cluster refuses it"
	case !seen:
		t.Reason = "its fields are among ignoreDifferences: written by a sync that something else begins"
	}
	return t
}

// pruned is what pruneObject does with an object.
func (p *plan) pruned(o Object, was *manifest.Object) *task {
	t := &task{of: was, gone: true, Step: Step{Phase: "Sync", Wave: wave(was), Object: was.ID, Source: o.Source, Weighs: !o.Succeeded}}
	extraneous := slices.Contains(annotated(was, prefix+"compare-options"), any("IgnoreExtraneous"))
	if !extraneous {
		p.outside, p.pruning = true, true
	}
	prune := optionValue(annotated(was, syncOptionsKey), "Prune")
	if prune == "" {
		prune = optionValue(manifest.ListAt(p.New.Value, "spec", "syncPolicy", "syncOptions"), "Prune")
	}
	out := "the Application is out of sync"
	if extraneous {
		out = "no difference to Argo CD (IgnoreExtraneous)"
	}
	switch {
	case prune == "false":
		t.Action, t.Reason = Keep, "Prune=false: it stays, "+out
	case p.sync.Automated && !p.sync.Prunes:
		t.Action, t.Reason = Keep, "pruning is off: it stays, "+out
	case prune == "confirm":
		t.Action, t.Reason = Prune, "Prune=confirm: the sync waits here until somebody confirms it"
	case !p.sync.Automated:
		t.Action, t.Reason = Prune, "if whoever syncs asks for pruning; else it stays, "+out
	default:
		t.Action = Prune
	}
	return t
}

// conclude says what keeps the whole from happening by itself.
func (p *plan) conclude() {
	s := p.sync
	empty := !slices.ContainsFunc(p.Objects, func(o Object) bool { return o.New != nil && !o.New.IsSkipped() })
	hold := func(text string) { s.Holds = append(s.Holds, text) }
	allows := manifest.At(p.New.Value, "spec", "syncPolicy", "automated", "allowEmpty") == true
	switch {
	case len(s.Steps) == 0:
	case !p.outside && s.Fate == Synced:
		hold("Argo CD sees no difference: what changes are hooks, fields of ignoreDifferences or what it leaves out, which come with the next sync")
	case s.Automated && !s.Prunes && p.pruning && !p.other && s.Fate == Synced:
		hold("it does not sync for this: there is nothing but what would be pruned, and pruning is off")
	case s.Prunes && empty && p.pruning && !allows:
		hold("Argo CD does not sync by itself: all objects go, and allowEmpty is not true")
	}
	namespace := manifest.TextAt(p.New.Value, "spec", "destination", "namespace")
	renders := slices.ContainsFunc(p.Objects, func(o Object) bool { return o.New != nil && isNamespace(o.New) && o.New.Name == namespace })
	moved := p.Old == nil || manifest.TextAt(p.Old.Value, "spec", "destination", "namespace") != namespace
	if p.option("CreateNamespace") && namespace != "" && !renders && moved {
		s.Notes = append(s.Notes, fmt.Sprintf("CreateNamespace=true: the namespace %s is made before everything else, if it is not there", namespace))
	}
}

// phases are those of a sync, in their order.
var phases = map[string]int{"PreSync": -1, "Sync": 0, "PostSync": 1, "SyncFail": 2}

// kindOrder is that of gitops-engine/pkg/sync/sync_tasks.go: kinds that it does not name come last.
var kindOrder = []string{
	"Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy", "PodDisruptionBudget", "ServiceAccount", "Secret",
	"SecretList", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "ClusterRole",
	"ClusterRoleList", "ClusterRoleBinding", "ClusterRoleBindingList", "Role", "RoleList", "RoleBinding", "RoleBindingList", "Service",
	"DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob",
	"IngressClass", "Ingress", "APIService",
}

func before(a, b *task) bool {
	kind := func(t *task) int {
		if i := slices.Index(kindOrder, t.Object.Kind); i >= 0 {
			return i
		}
		return len(kindOrder)
	}
	switch {
	case a.Phase != b.Phase:
		return phases[a.Phase] < phases[b.Phase]
	case a.Wave != b.Wave:
		return a.Wave < b.Wave
	case kind(a) != kind(b):
		return kind(a) < kind(b)
	}
	return a.Object.Name < b.Object.Name
}

// pruneOrder turns the waves of what is pruned around, and puts what is pruned last behind them all.
func pruneOrder(all []*task, last bool) {
	var waves []int
	for _, t := range all {
		if t.gone && !slices.Contains(waves, t.Wave) {
			waves = append(waves, t.Wave)
		}
	}
	slices.Sort(waves)
	for _, t := range all {
		if t.gone {
			t.Wave = waves[len(waves)-1-slices.Index(waves, t.Wave)]
		}
	}
	end := 0
	for _, t := range all {
		if t.Phase == "Sync" {
			end = max(end, t.Wave)
		}
	}
	for _, t := range all {
		if t.gone && (last || has(t.of, "PruneLast")) {
			t.Wave = end + 1
		}
	}
}

// adjust is adjustDeps: a Namespace comes before the first object in it, and a definition before the first object of its kind.
func (p *plan) adjust(all []*task) {
	// An object without a namespace gets the destination's, of whatever kind it is.
	destination := manifest.TextAt(p.New.Value, "spec", "destination", "namespace")
	bubble(all, func(o *manifest.Object) (string, bool) { return o.Name, isNamespace(o) }, func(o *manifest.Object) (string, bool) {
		if o.Namespace != "" {
			return o.Namespace, true
		}
		return destination, destination != ""
	})
	bubble(all, func(o *manifest.Object) (string, bool) {
		group, kind := manifest.TextAt(o.Value, "spec", "group"), manifest.TextAt(o.Value, "spec", "names", "kind")
		return group + "/" + kind, isDefinition(o) && group != "" && kind != ""
	}, func(o *manifest.Object) (string, bool) { return o.Group() + "/" + o.Kind, true })
}

func bubble(all []*task, provides, needs func(*manifest.Object) (string, bool)) {
	first := map[string]int{}
	for i, t := range all {
		if t.gone {
			continue
		}
		if key, is := provides(t.of); is {
			at, wanted := first[key]
			if !wanted {
				continue
			}
			t.Wave, t.Phase = all[at].Wave, all[at].Phase
			copy(all[at+1:i+1], all[at:i])
			all[at] = t
			for key, index := range first {
				if index >= at {
					first[key] = index + 1
				}
			}
			continue
		}
		if key, is := needs(t.of); is {
			if _, known := first[key]; !known {
				first[key] = i
			}
		}
	}
}

// annotated are the words of an annotation.
func annotated(o *manifest.Object, key string) []any {
	var all []any
	for _, item := range manifest.Listed(manifest.TextAt(o.Value, "metadata", "annotations", key)) {
		all = append(all, item)
	}
	return all
}

// has reports whether an object says that an option is true.
func has(o *manifest.Object, option string) bool {
	return slices.Contains(o.SyncOptions(), option+"=true")
}

// optionValue is the value of an option, the first of a list; "" for none.
func optionValue(list []any, name string) string {
	for _, item := range list {
		text, _ := item.(string)
		if value, is := strings.CutPrefix(text, name+"="); is {
			return value
		}
	}
	return ""
}

// hookOf are the phases in which an object is applied as a hook; nil for one that is none. One that is a hook and of no phase is in none.
func hookOf(o *manifest.Object) []string {
	annotations, _ := manifest.At(o.Value, "metadata", "annotations").(map[string]any)
	_, argo := annotations[prefix+"hook"]
	helm, isText := annotations["helm.sh/hook"].(string)
	if !argo && (!isText || helm == "crd-install") || o.IsSkipped() {
		return nil
	}
	found := []string{}
	var kinds []string
	for _, kind := range annotated(o, prefix+"hook") {
		if slices.Contains([]any{"PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"}, kind) {
			kinds = append(kinds, kind.(string))
		}
	}
	if kinds == nil {
		of := map[any]string{"pre-install": "PreSync", "pre-upgrade": "PreSync", "post-install": "PostSync", "post-upgrade": "PostSync"}
		for _, kind := range annotated(o, "helm.sh/hook") {
			if phase := of[kind]; phase != "" {
				kinds = append(kinds, phase)
			}
		}
	}
	for _, kind := range kinds {
		if _, is := phases[kind]; is && !slices.Contains(found, kind) {
			found = append(found, kind)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return phases[a] - phases[b] })
	return found
}

// deletePolicies are when a hook is deleted, in Argo CD's words.
func deletePolicies(o *manifest.Object) []string {
	var all []string
	for _, policy := range annotated(o, prefix+"hook-delete-policy") {
		if text := fmt.Sprint(policy); slices.Contains([]string{"HookSucceeded", "HookFailed", "BeforeHookCreation"}, text) {
			all = append(all, text)
		}
	}
	of := map[any]string{"before-hook-creation": "BeforeHookCreation", "hook-succeeded": "HookSucceeded", "hook-failed": "HookFailed"}
	for _, policy := range annotated(o, "helm.sh/hook-delete-policy") {
		if text := of[policy]; text != "" {
			all = append(all, text)
		}
	}
	if all == nil {
		return []string{"BeforeHookCreation"}
	}
	return all
}

// wave is the wave that an object says it is in; Helm's weight counts where it says none.
func wave(o *manifest.Object) int {
	for _, key := range []string{prefix + "sync-wave", "helm.sh/hook-weight"} {
		if n, err := strconv.Atoi(manifest.TextAt(o.Value, "metadata", "annotations", key)); err == nil {
			return n
		}
	}
	return 0
}

// Projects are the AppProjects of targets, by the targets' paths.
type Projects map[string][]*manifest.Object

// ProjectsOf finds those of targets.
func ProjectsOf(targets []*check.Target) Projects {
	all := Projects{}
	for _, t := range targets {
		for _, o := range t.Objects {
			if is(o, "AppProject") {
				all[t.Path] = append(all[t.Path], o)
			}
		}
	}
	return all
}

// owns reports whether a target renders an AppProject of a name: its Applications belong to that one.
func (p Projects) owns(name, target string) bool {
	return slices.ContainsFunc(p[target], func(o *manifest.Object) bool { return o.Name == name })
}

// Named is the AppProject that an Application of a target belongs to: that of the target, where it renders one of the name, or the
// only one that there is; nil for none, and where nobody here can tell.
func (p Projects) Named(name, target string) *manifest.Object {
	isCalled := func(o *manifest.Object) bool { return o.Name == name }
	if i := slices.IndexFunc(p[target], isCalled); i >= 0 {
		return p[target][i]
	}
	var found []*manifest.Object
	for _, objects := range p {
		for _, o := range objects {
			if isCalled(o) {
				found = append(found, o)
			}
		}
	}
	if len(found) != 1 {
		return nil
	}
	return found[0]
}
