package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/mutate"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// How many changes of one object there are, and how many objects that are themselves changes of it are changed.
const (
	changesOfOne = 8
	othersOfOne  = 1
)

// updates holds kgate's verdicts on changes to those of a server that has the old object.
type updates struct {
	comparison
	mu      sync.Mutex
	changed []*changed
	left    []string // objects that are not there to be changed
	locks   map[string]*sync.Mutex
}

// changed is one change and what both say of it.
type changed struct {
	kind    string
	base    int
	was     []mutate.Mutation
	object  map[string]any // the base
	change  golden.Change
	kgate   []string
	alone   bool // the new object alone is refused as well
	unknown bool
	reason  string
}

func (o options) compareUpdates(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	u := &updates{comparison: comparison{options: o, admission: admission.New(definition.New())}, locks: map[string]*sync.Mutex{}}
	if err := u.readDisagreements(); err != nil {
		return err
	}
	all, err := o.corpus(ctx)
	if err != nil {
		return err
	}
	version, _, err := pinned(ctx, o.root)
	if err != nil {
		return err
	}
	u.server, err = launch(ctx, o.root, version, stderr)
	defer u.server.stop()
	if err != nil {
		return err
	}
	bases, err := all.install(ctx, u.server)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "judging changes of %d objects\n", len(bases))
	if err := u.judge(ctx, bases); err != nil {
		return err
	}
	u.print(stdout)
	if o.record {
		if err := u.write(filepath.Join(o.root, testdata, "updates.jsonl.zst")); err != nil {
			return err
		}
	}
	return u.verdict()
}

// apart reports kinds that decide about other objects once they are there: each is judged while nothing else is.
func apart(b base) bool {
	switch b.Kind {
	case "ResourceQuota", "LimitRange", "APIService", "CustomResourceDefinition":
		return true
	}
	return b.Group() == "admissionregistration.k8s.io"
}

func (u *updates) judge(ctx context.Context, bases []base) error {
	// Namespaces first, and then without their labels, which other objects would be held to.
	for _, phase := range []struct {
		of         func(base) bool
		concurrent int
	}{
		{func(b base) bool { return b.Kind == "Namespace" }, 1},
		{func(b base) bool { return b.Kind != "Namespace" && !apart(b) }, 4 * runtime.NumCPU()},
		{apart, 1},
	} {
		group, within := errgroup.WithContext(ctx)
		group.SetLimit(phase.concurrent)
		for i, b := range bases {
			if !phase.of(b) || u.only != "" && b.Kind != u.only {
				continue
			}
			if _, ok := u.server.resources[b.kind()]; ok {
				group.Go(func() error { return u.judgeBase(within, i, b) })
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if phase.concurrent == 1 {
			if err := u.server.createNamespaces(ctx, bases); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(u.changed, func(a, b *changed) int { return cmp.Compare(a.base, b.base) })
	for _, c := range u.changed {
		u.explainChange(c)
	}
	return nil
}

// lock keeps those apart that are at the same address, whatever version they are of.
func (u *updates) lock(b base) *sync.Mutex {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := strings.Join([]string{b.Group(), b.Kind, cmp.Or(b.Namespace, "default"), b.Name}, "/")
	if u.locks[key] == nil {
		u.locks[key] = &sync.Mutex{}
	}
	return u.locks[key]
}

func (u *updates) judgeBase(ctx context.Context, index int, b base) error {
	lock := u.lock(b)
	lock.Lock()
	defer lock.Unlock()
	news := u.changes(ctx, b.Value)
	olds := [][]mutate.Mutation{nil}
	for _, n := range news {
		if n.valid && len(olds) <= othersOfOne && len(n.by) == 1 {
			olds = append(olds, n.by)
		}
	}
	for i, was := range olds {
		old, err := golden.Apply(b.Value, was)
		if err != nil {
			return err
		}
		there, err := u.server.establish(ctx, b, old)
		if err != nil {
			return fmt.Errorf("%s %s: %w", b.from, b.ID, err)
		}
		if there != "" {
			u.mu.Lock()
			u.left = append(u.left, fmt.Sprintf("%s %s: %s", b.from, b.ID, there))
			u.mu.Unlock()
			if there != another {
				if err := u.server.remove(ctx, b); err != nil {
					return fmt.Errorf("%s %s: %w", b.from, b.ID, err)
				}
			}
			continue
		}
		of := news
		if i > 0 { // back to the base, and on to a few others
			of = append([]change{{}}, news[:min(len(news), 2)]...)
		}
		for _, n := range of {
			if err := u.ask(ctx, index, b, was, old, n.by); err != nil {
				return fmt.Errorf("%s %s: %w", b.from, b.ID, err)
			}
		}
		if err := u.server.remove(ctx, b); err != nil {
			return fmt.Errorf("%s %s: %w", b.from, b.ID, err)
		}
	}
	return nil
}

// change is how an object is changed, and whether kgate takes what comes of it for an object that a server creates.
type change struct {
	by    []mutate.Mutation
	valid bool
}

// changes are those of an object that are judged: most of them make valid objects, by one or two mutations.
func (u *updates) changes(ctx context.Context, object map[string]any) []change {
	var valid, invalid []change
	for _, by := range mutate.Changes(object, u.seed, 8*changesOfOne) {
		value, err := golden.Apply(object, by)
		if err != nil {
			continue
		}
		o, err := decoded(value)
		if err != nil {
			continue
		}
		faults, _, err := u.admission.Judge(ctx, o, nil)
		if err == nil && len(faults) == 0 {
			valid = append(valid, change{by, true})
		} else {
			invalid = append(invalid, change{by, false})
		}
	}
	return append(valid[:min(len(valid), changesOfOne)], invalid[:min(len(invalid), 2)]...)
}

func decoded(value map[string]any) (*manifest.Object, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(text)
}

func (u *updates) ask(ctx context.Context, index int, b base, was []mutate.Mutation, old map[string]any, by []mutate.Mutation) error {
	value, err := golden.Apply(b.Value, by)
	if err != nil {
		return err
	}
	from, err := decoded(old)
	if err != nil {
		return err
	}
	to, err := decoded(value)
	if err != nil {
		return err
	}
	if to.Name != b.Name || to.Namespace != b.Namespace {
		return nil // another object
	}
	var said answer
	for range 10 { // a controller of the server may be writing the object's status
		if said, err = u.server.judge(ctx, b.kind(), cmp.Or(b.Namespace, "default"), b.Name, to.JSON); err != nil {
			return err
		}
		if said.code != http.StatusConflict {
			break
		}
	}
	c := &changed{kind: b.APIVersion + " " + b.Kind, base: index, was: was, object: b.Value,
		change: golden.Change{Was: was, By: by, Admitted: said.admitted, Message: shorten(said.message)}}
	faults, known, err := u.admission.Update(ctx, nil, from, to)
	if err != nil {
		c.kgate = append(c.kgate, "ERROR "+err.Error())
	}
	c.unknown = !known
	for _, f := range faults {
		c.kgate = append(c.kgate, strings.TrimSpace(f.Path.String()+" "+f.Message))
	}
	alone, _, err := u.admission.Judge(ctx, to, nil)
	c.alone = err == nil && len(alone) > 0
	u.mu.Lock()
	u.changed = append(u.changed, c)
	u.mu.Unlock()
	return nil
}

func (c *changed) agrees() bool { return !c.unknown && c.change.Admitted == (len(c.kgate) == 0) }

func (u *updates) explainChange(c *changed) {
	if c.agrees() {
		return
	}
	message := c.change.Message
	if c.change.Admitted {
		message = strings.Join(c.kgate, "\n")
	}
	for i, d := range u.explained {
		for _, m := range append(slices.Clone(c.change.By), c.change.Was...) {
			if c.reason == "" && d.Explains(c.kind, m, message) {
				u.used[i]++
				c.reason = d.Reason
			}
		}
	}
}

const another = "another one is there"

// establish applies an object and does to it what controllers would; why it is not there, else.
func (c *cluster) establish(ctx context.Context, b base, value map[string]any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	path, err := c.path(b.kind(), cmp.Or(b.Namespace, "default"), b.Name)
	if err != nil {
		return "", err
	}
	code, _, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return "", err
	}
	if code == http.StatusOK {
		return another, nil
	}
	said, err := c.applyAt(ctx, path+"?"+strictly, text)
	if err != nil {
		return "", err
	}
	if !said.admitted {
		return said.message, nil
	}
	if b.Kind == "CustomResourceDefinition" { // only then its names are fixed
		if err := c.established(ctx, path, 5*time.Second); err != nil {
			return err.Error(), nil // others have its names
		}
		return "", nil
	}
	if b.Kind != "PersistentVolumeClaim" {
		return "", nil
	}
	// A claim is bound.
	for _, patch := range []struct {
		at   string
		text map[string]any
	}{
		{path, map[string]any{"spec": map[string]any{"volumeName": cmp.Or(manifest.TextAt(value, "spec", "volumeName"), "pvc-0")}}},
		{path + "/status", map[string]any{"status": map[string]any{"phase": "Bound", "capacity": map[string]any{"storage": manifest.At(value, "spec", "resources", "requests", "storage")}}}},
	} {
		text, err := json.Marshal(patch.text)
		if err != nil {
			return "", err
		}
		code, answer, err := c.do(ctx, http.MethodPatch, patch.at+"?fieldManager=controller", "application/merge-patch+json", text)
		if err != nil {
			return "", err
		}
		if code != http.StatusOK {
			return fmt.Sprintf("bind it: %d %.300s", code, answer), nil
		}
	}
	return "", nil
}

// remove takes an object away, whatever waits for it to be finished. A namespace stays, without labels.
func (c *cluster) remove(ctx context.Context, b base) error {
	path, err := c.path(b.kind(), cmp.Or(b.Namespace, "default"), b.Name)
	if err != nil {
		return err
	}
	if b.Kind == "Namespace" {
		text, err := json.Marshal(map[string]any{"apiVersion": b.APIVersion, "kind": b.Kind, "metadata": map[string]any{"name": b.Name}})
		if err != nil {
			return err
		}
		_, err = c.applyAt(ctx, path+"?"+strictly, text)
		return err
	}
	if _, _, err := c.do(ctx, http.MethodDelete, path+"?gracePeriodSeconds=0&propagationPolicy=Background", "", nil); err != nil {
		return err
	}
	code, answer, err := c.do(ctx, http.MethodPatch, path, "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	if err != nil {
		return err
	}
	if code != http.StatusNotFound && code != http.StatusOK {
		return fmt.Errorf("remove it: %d %.300s", code, answer)
	}
	return nil
}

func (u *updates) print(w io.Writer) {
	type score struct{ pairs, refused, only, caught, admitted, alarms, unknown int }
	kinds, total := map[string]*score{}, &score{}
	for _, c := range u.changed {
		if kinds[c.kind] == nil {
			kinds[c.kind] = &score{}
		}
		for _, s := range []*score{kinds[c.kind], total} {
			s.pairs++
			s.unknown += one(c.unknown)
			s.refused += one(!c.change.Admitted)
			s.only += one(!c.change.Admitted && !c.alone)
			s.caught += one(!c.change.Admitted && len(c.kgate) > 0)
			s.admitted += one(c.change.Admitted)
			s.alarms += one(c.change.Admitted && len(c.kgate) > 0)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "kind\tchanges\trefused\tonly as a change\tkgate\tadmitted\tfalse alarms\tnot judged\t\n")
	row := func(name string, s *score) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%s\t%d\t%d\t%d\t\n", name, s.pairs, s.refused, s.only, share(s.caught, s.refused), s.admitted, s.alarms, s.unknown)
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		row(name, kinds[name])
	}
	row("all", total)
	_ = table.Flush()
	slices.Sort(u.left)
	for _, text := range u.left {
		fmt.Fprintf(w, "not there to be changed: %.300s\n", text)
	}
	for _, c := range u.changed {
		if c.agrees() || c.reason != "" && !u.all {
			continue
		}
		fmt.Fprintf(w, "\n%s, from %v by %v\n", c.kind, c.was, c.change.By)
		fmt.Fprintln(w, "  server:", said(c.change.Admitted, c.change.Message))
		fmt.Fprintln(w, "  kgate: ", said(len(c.kgate) == 0, strings.Join(c.kgate, "; ")))
		if c.unknown {
			fmt.Fprintln(w, "  kgate does not judge it")
		}
		if c.reason != "" {
			fmt.Fprintln(w, "  known: ", c.reason)
		}
	}
	fmt.Fprintf(w, "\nkube-apiserver %s judged %d changes of objects of %d kinds (seed %d): it refuses %d, of which kgate catches %d (%.2f %%), and admits %d, of which kgate refuses %d\n",
		u.server.version, total.pairs, len(kinds), u.seed, total.refused, total.caught, percent(total.caught, total.refused), total.admitted, total.alarms)
}

func (u *updates) verdict() error {
	different, explained := 0, 0
	for _, c := range u.changed {
		different += one(!c.agrees() && c.reason == "")
		explained += one(!c.agrees() && c.reason != "")
	}
	if different > 0 {
		return fmt.Errorf("%w: %d, %d more are explained", errDisagree, different, explained)
	}
	return nil
}

func (u *updates) write(file string) error {
	var bases []golden.Changed
	for i, c := range u.changed {
		if i == 0 || u.changed[i-1].base != c.base {
			bases = append(bases, golden.Changed{Object: c.object})
		}
		b := &bases[len(bases)-1]
		b.Changes = append(b.Changes, c.change)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(golden.WriteChanges(out, bases), out.Close())
}
