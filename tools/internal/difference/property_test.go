package difference

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// absent stands for a field that is gone.
type absent struct{}

// done is what changes make of an object.
func done(o *manifest.Object, changes []Change, whole bool) any {
	return apply(o.Value, slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.Filled }), whole, manifest.Path{}, manifest.Path{})
}

// apply makes of the old value what changes say. What has another path in the new value is found by the items that stay.
// Where all fields of a mapping are removed it may be gone or empty: whole says that it is gone.
func apply(value any, changes []Change, whole bool, oldAt, newAt manifest.Path) any {
	for _, c := range changes {
		if c.Moved || c.Removed || !slices.Equal(c.Path, newAt) || c.OldPath != nil && !slices.Equal(c.OldPath, oldAt) {
			continue
		}
		return written(c.New)
	}
	switch v := value.(type) {
	case map[string]any:
		fields := maps.Clone(v)
		for name, field := range v {
			if fields[name] = apply(field, changes, whole, step(oldAt, name), step(newAt, name)); isAbsent(fields[name]) {
				delete(fields, name)
			}
		}
		emptied := false
		for _, c := range changes {
			switch {
			case c.Removed && isChild(c.OldPath, oldAt):
				delete(fields, c.OldPath[len(oldAt)].(string))
				emptied = len(fields) == 0
			case c.OldPath == nil && c.Path.HasPrefix(newAt) && len(c.Path) > len(newAt):
				add(fields, c.Path[len(newAt):], c.New, v)
			}
		}
		if emptied && whole && len(fields) == 0 {
			return absent{}
		}
		return fields
	case []any:
		gone, arrives, comes := map[int]bool{}, map[int]any{}, map[int]int{}
		for _, c := range changes {
			switch {
			case c.Moved && isChild(c.OldPath, oldAt) && isChild(c.Path, newAt):
				i := c.OldPath[len(oldAt)].(int)
				gone[i], comes[c.Path[len(newAt)].(int)] = true, i
			case c.Removed && isChild(c.OldPath, oldAt):
				gone[c.OldPath[len(oldAt)].(int)] = true
			case c.OldPath == nil && isChild(c.Path, newAt):
				arrives[c.Path[len(newAt)].(int)] = written(c.New)
			}
		}
		items := []any{}
		next := 0
		for j := 0; j < len(v)-len(gone)+len(arrives)+len(comes); j++ {
			if item, ok := arrives[j]; ok {
				items = append(items, item)
				continue
			}
			i, moved := comes[j]
			if !moved {
				for gone[next] {
					next++
				}
				i, next = next, next+1
			}
			items = append(items, apply(v[i], changes, whole, step(oldAt, i), step(newAt, j)))
		}
		return items
	}
	return value
}

func isChild(path, of manifest.Path) bool {
	return path != nil && len(path) == len(of)+1 && path.HasPrefix(of)
}

// add puts a value where no field is; a list that it leads through is one of the old value, and is filled there.
func add(fields map[string]any, path manifest.Path, value any, old map[string]any) {
	name, ok := path[0].(string)
	if !ok {
		return
	}
	if len(path) == 1 {
		fields[name] = written(value)
		return
	}
	if _, there := old[name]; there {
		return // it is filled below
	}
	below, _ := fields[name].(map[string]any)
	if below == nil {
		below = map[string]any{}
	}
	add(below, path[1:], value, nil)
	fields[name] = below
}

func written(value any) any {
	if value == (any)(Null{}) {
		return nil
	}
	return value
}

const corpus = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: {app: a, tier: web}, annotations: {x/y: z}}
spec:
  replicas: 2
  selector: {matchLabels: {app: a}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}
  template:
    metadata: {labels: {app: a}}
    spec:
      serviceAccountName: a
      tolerations: [{key: a, operator: Exists}, {key: b, value: c, effect: NoSchedule}]
      initContainers: [{name: i, image: i:1}, {name: j, image: j:1}]
      containers:
      - name: app
        image: app:1
        args: [run, --a=1, --b=2, --verbose]
        env: [{name: A, value: a}, {name: B, value: b}, {name: C, valueFrom: {configMapKeyRef: {name: c, key: k}}}]
        envFrom: [{configMapRef: {name: x}}, {secretRef: {name: y}}]
        ports: [{containerPort: 80, name: http}, {containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP}]
        resources: {requests: {cpu: 100m, memory: 1Gi}, limits: {memory: 2Gi}}
        volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}]
        securityContext: {capabilities: {drop: [ALL], add: [A, B, C]}}
      - name: side
        image: side:1
      volumes: [{name: v, emptyDir: {}}, {name: w, projected: {sources: [{configMap: {name: x}}, {secret: {name: y}}]}}]
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {selector: {app: a}, ports: [{port: 80, name: http}, {port: 53, protocol: UDP, name: dns}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: a}
rules:
- {apiGroups: [""], resources: [pods, services, secrets], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: [deployments], verbs: ["*"]}
- {nonResourceURLs: [/metrics, /healthz], verbs: [get]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {a: b}}}, {namespaceSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/16]}}]
    ports: [{port: 80}, {port: 443, protocol: TCP}]
  - {}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {a: b, c.yaml: "x: 1\ny: [1, 2]\n", d: ""}
---
apiVersion: acme.dev/v1
kind: Widget
metadata: {name: a}
spec:
  size: 1Gi
  steps: [{do: a, with: b}, {do: c, with: d}, {do: a, with: b}, {do: e}]
  hosts: [a, b, c]
  parts: [{id: a, of: 1}, {id: b, of: 2}]
---
apiVersion: unknown.dev/v1
kind: Thing
metadata: {name: a}
spec: {list: [1, 2, 3, [4, 5], {a: b}], items: [{name: a, x: 1}, {name: b, x: [1, 2]}], nothing: null}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: a}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}, {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 1Gi}}}]
` + "---" + widgets

// everyKind are the objects of the corpus, and those of every kind that a real server has judged.
func everyKind(t testing.TB) []*manifest.Object {
	t.Helper()
	text, err := os.ReadFile("../admission/testdata/verdicts.jsonl.zst")
	if err != nil {
		t.Fatal(err)
	}
	bases, err := golden.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	all := objects(t, corpus)
	for _, base := range bases {
		if base.Refused != "" {
			continue
		}
		o, err := manifest.Encode(base.Object)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// edits makes one change somewhere in a value.
func edits(r *rand.Rand, value any) any {
	switch v := value.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		switch {
		case len(names) == 0 || r.IntN(8) == 0:
			v[fmt.Sprintf("added%d", r.IntN(3))] = []any{"text", int64(1), nil, map[string]any{}, map[string]any{"a": int64(1)}, []any{"x"}}[r.IntN(6)]
		case r.IntN(8) == 0:
			delete(v, names[r.IntN(len(names))])
		default:
			name := names[r.IntN(len(names))]
			v[name] = edits(r, v[name])
		}
		return v
	case []any:
		switch {
		case len(v) == 0 || r.IntN(6) == 0:
			item := any("added")
			if len(v) > 0 {
				item = edits(r, runtime.DeepCopyJSONValue(v[r.IntN(len(v))]))
			}
			return slices.Insert(v, r.IntN(len(v)+1), item)
		case r.IntN(6) == 0:
			i := r.IntN(len(v))
			return slices.Delete(v, i, i+1)
		case r.IntN(4) == 0:
			r.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
			return v
		}
		i := r.IntN(len(v))
		v[i] = edits(r, v[i])
		return v
	case string:
		return v + []string{"x", "\nline\n", "1"}[r.IntN(3)]
	case int64:
		return v + 1
	case bool:
		return !v
	}
	return "text"
}

// changed is an object after some changes; what it is stays.
func changed(t testing.TB, r *rand.Rand, o *manifest.Object) *manifest.Object {
	t.Helper()
	value := runtime.DeepCopyJSON(o.Value)
	for range 1 + r.IntN(6) {
		edits(r, value)
	}
	value["apiVersion"], value["kind"] = o.APIVersion, o.Kind
	made, err := manifest.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// TestApply holds that changes are all that differs: done to the old object they give the new one.
func TestApply(t *testing.T) {
	all := everyKind(t)
	target := &check.Target{Objects: objects(t, widgets)}
	c := comparer()
	rounds := 2000
	if testing.Short() {
		rounds = 400
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 15))
		old := all[seed%len(all)]
		if isSecret(old) {
			continue // whose values no change has
		}
		if r.IntN(2) == 0 {
			old = changed(t, r, old)
		}
		new := changed(t, r, old)
		forth, err := c.Of(context.Background(), target, old, new)
		if err != nil {
			t.Fatal(err)
		}
		got, other := done(old, forth, false), done(old, forth, true)
		if !same(got, any(new.Value)) && !same(other, any(new.Value)) && !c.same(t, target, got, new) && !c.same(t, target, other, new) {
			t.Fatalf("seed %d: changes\n%sof\n%s\ngive\n%s\nwant\n%s", seed, lines(forth), old.JSON, textOf(got), new.JSON)
		}
		back, err := c.Of(context.Background(), target, new, old)
		if err != nil {
			t.Fatal(err)
		}
		if (len(forth) == 0) != (len(back) == 0) || real(forth) == 0 != (real(back) == 0) {
			t.Fatalf("seed %d: forth\n%sback\n%s", seed, lines(forth), lines(back))
		}
	}
}

// same reports whether a value is an object to the server: where it fills in part of a mapping that is removed, an empty one stays.
func (c *Comparer) same(t *testing.T, target *check.Target, value any, o *manifest.Object) bool {
	t.Helper()
	made, err := manifest.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	left, err := c.Of(context.Background(), target, made, o)
	if err != nil {
		t.Fatal(err)
	}
	return real(left) == 0
}

// real counts the changes that are some.
func real(changes []Change) int {
	n := 0
	for _, c := range changes {
		if c.Equal == "" {
			n++
		}
	}
	return n
}

// TestEqual holds that an object is no other one as the server gives it back, with lists in another order where that is free.
func TestEqual(t *testing.T) {
	all := everyKind(t)
	target := &check.Target{Objects: objects(t, widgets)}
	c := comparer()
	for _, o := range all {
		if changes, err := c.Of(context.Background(), target, o, o.Again()); err != nil || len(changes) > 0 {
			t.Errorf("%s: %v\n%s", o.ID, err, lines(changes))
		}
		stored, err := c.server.Stored(context.Background(), o, target)
		if err != nil {
			t.Fatal(err)
		}
		value := stored.Value
		if value == nil {
			value = o.Value
		}
		value = runtime.DeepCopyJSON(value)
		value["apiVersion"], value["kind"] = o.APIVersion, o.Kind
		for seed := range 2 {
			r := rand.New(rand.NewPCG(uint64(seed), 16))
			made, err := manifest.Encode(shuffled(r, value, &walker{builtin: stored.Builtin, group: o.Group(), kind: o.Kind}, nil, stored))
			if err != nil {
				t.Fatal(err)
			}
			for _, pair := range [][2]*manifest.Object{{o, made}, {made, o}} {
				changes, err := c.Of(context.Background(), target, pair[0], pair[1])
				if err != nil {
					t.Fatal(err)
				}
				for _, change := range changes {
					if change.Equal == "" {
						t.Fatalf("%s, seed %d:\n%s", o.ID, seed, lines([]Change{change}))
					}
				}
			}
		}
	}
}

// shuffled is a value with the lists in another order that may be.
func shuffled(r *rand.Rand, value any, w *walker, at manifest.Path, of admission.Stored) any {
	t := of.Type
	for _, s := range at {
		if name, ok := s.(string); ok {
			t = t.Field(name)
		} else {
			t = t.Item()
		}
	}
	switch v := value.(type) {
	case map[string]any:
		fields := map[string]any{}
		for name, field := range v {
			fields[name] = shuffled(r, field, w, step(at, name), of)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = shuffled(r, item, w, step(at, i), of)
		}
		if s := (side{value: v, is: true, path: at}); w.free(s, s, t) {
			r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		}
		return items
	}
	return value
}

// TestServer holds that a change is one where the server keeps something else, and none where it does not, but for fields that
// the kind does not have.
func TestServer(t *testing.T) {
	c := comparer()
	ctx := context.Background()
	var all []*manifest.Object
	for _, o := range everyKind(t) {
		if s, err := c.server.Stored(ctx, o, nil); err != nil {
			t.Fatal(err)
		} else if s.Builtin {
			all = append(all, o)
		}
	}
	rounds := 2000
	if testing.Short() {
		rounds = 400
	}
	none := 0
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 17))
		old := all[seed%len(all)]
		stored, err := c.server.Stored(ctx, old, nil)
		if err != nil {
			t.Fatal(err)
		}
		value := runtime.DeepCopyJSON(old.Value)
		for range 1 + r.IntN(4) {
			value, _ = rewritten(r, value, stored.Value, stored.Type).(map[string]any)
		}
		value["apiVersion"], value["kind"] = old.APIVersion, old.Kind
		new, err := manifest.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		is, err := c.server.Stored(ctx, new, nil)
		if err != nil {
			t.Fatal(err)
		}
		if is.Value == nil {
			continue // the server cannot read it
		}
		changes, err := c.Of(ctx, nil, old, new)
		if err != nil {
			t.Fatal(err)
		}
		if !stored.Status && !is.Status {
			delete(stored.Value, "status")
			delete(is.Value, "status")
		}
		w := &walker{builtin: true, group: old.Group(), kind: old.Kind}
		equal := same(w.sorted(stored.Value, nil, stored.Type), w.sorted(is.Value, nil, is.Type))
		if equal != (real(changes) == 0) {
			t.Fatalf("seed %d: to the server they are equal: %t; changes\n%s%s\n%s\n%s\n%s", seed, equal, lines(changes), old.JSON, new.JSON, textOf(stored.Value), textOf(is.Value))
		}
		if equal && len(changes) > 0 {
			none++
		}
	}
	if none < rounds/20 {
		t.Errorf("only %d of %d pairs were equal and written in two ways", none, rounds)
	}
}

// rewritten is a value in which one field of those that the kind has is filled in, left out, or written in another way.
func rewritten(r *rand.Rand, value, stored any, t admission.Type) any {
	switch v := value.(type) {
	case map[string]any:
		kept, _ := stored.(map[string]any)
		if names := slices.DeleteFunc(slices.Sorted(maps.Keys(kept)), func(name string) bool { _, has := v[name]; return has }); len(names) > 0 && r.IntN(3) == 0 {
			name := names[r.IntN(len(names))]
			v[name] = runtime.DeepCopyJSONValue(kept[name])
			return v
		}
		if names := t.Names(); len(names) > 0 && r.IntN(10) == 0 {
			name := names[r.IntN(len(names))]
			if _, has := v[name]; !has {
				v[name] = []any{nil, map[string]any{}, []any{}, "", int64(0), false}[r.IntN(6)]
				return v
			}
		}
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 {
			return v
		}
		name := names[r.IntN(len(names))]
		if r.IntN(12) == 0 {
			delete(v, name)
			return v
		}
		v[name] = rewritten(r, v[name], kept[name], t.Field(name))
		return v
	case []any:
		kept, _ := stored.([]any)
		switch {
		case len(v) == 0:
			return v
		case r.IntN(4) == 0:
			r.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
			return v
		case len(kept) != len(v):
			return v
		}
		i := r.IntN(len(v))
		v[i] = rewritten(r, v[i], kept[i], t.Item())
		return v
	case string:
		if q, ok := quantityOf(v); ok {
			return q.AsDec().String()
		}
		if r.IntN(3) == 0 {
			return v + "x"
		}
	case int64:
		if r.IntN(3) == 0 {
			return v + 1
		}
		return float64(v)
	}
	return value
}

// sorted is a value with the lists of which the order is free in one order, and quantities in one unit.
func (w *walker) sorted(value any, at manifest.Path, t admission.Type) any {
	if q, ok := quantityOf(value); ok && t.Quantity() {
		return q.AsDec().String()
	}
	switch v := value.(type) {
	case map[string]any:
		fields := map[string]any{}
		for name, field := range v {
			fields[name] = w.sorted(field, step(at, name), t.Field(name))
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = w.sorted(item, step(at, i), t.Item())
		}
		if s := (side{value: v, is: true, path: at}); w.free(s, s, t) {
			slices.SortFunc(items, func(a, b any) int { return strings.Compare(textOf(a), textOf(b)) })
		}
		return items
	}
	return value
}

func isAbsent(value any) bool { _, ok := value.(absent); return ok }
