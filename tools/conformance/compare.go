package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/golden"
	"github.com/kgate-dev/gitops/tools/internal/admission/mutate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

var errDisagree = errors.New("kgate and the server disagree without an explanation")

// comparison asks the server, kgate's admission check and kgate's schema check about the same objects.
type comparison struct {
	options
	server    *cluster
	admission *admission.Server
	schemas   *schema.Validator
	explained []golden.Disagreement
	used      []int

	mu      sync.Mutex
	results []*result
	left    []string // samples of others that the server refuses
	missing []string // kinds that are served, of which there is no sample
}

// result is what all say of one object.
type result struct {
	kind     string
	base     int
	object   map[string]any // of a base
	mutation mutate.Mutation
	server   answer
	kgate    []string
	schema   []string
	unknown  bool
	reason   string // why the two may differ
}

func newComparison(o options, server *cluster, explained []golden.Disagreement) (*comparison, error) {
	schemas, err := schema.New([]string{"1.37"})
	if err != nil {
		return nil, err
	}
	return &comparison{options: o, server: server, admission: admission.New(), schemas: schemas, explained: explained, used: make([]int, len(explained))}, nil
}

func (c *comparison) judge(ctx context.Context, bases []base, concurrent int) error {
	sampled := map[string]bool{}
	// Namespaces are judged before they are made: an object that is there is changed, not created.
	for _, namespaces := range []bool{true, false} {
		if err := c.judgeSome(ctx, bases, concurrent, namespaces, sampled); err != nil {
			return err
		}
		if namespaces {
			if err := c.server.createNamespaces(ctx, bases); err != nil {
				return err
			}
		}
	}
	for kind := range c.server.resources {
		if !sampled[kind.String()] {
			c.missing = append(c.missing, kind.String())
		}
	}
	slices.Sort(c.missing)
	slices.Sort(c.left)
	slices.SortFunc(c.results, func(a, b *result) int {
		return cmp.Or(cmp.Compare(a.base, b.base), strings.Compare(a.mutation.Name, b.mutation.Name), strings.Compare(a.mutation.String(), b.mutation.String()))
	})
	return nil
}

func (c *comparison) judgeSome(ctx context.Context, bases []base, concurrent int, namespaces bool, sampled map[string]bool) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrent)
	for i, b := range bases {
		if c.only != "" && b.Kind != c.only || namespaces != (b.Kind == "Namespace" && b.APIVersion == "v1") {
			continue
		}
		if _, ok := c.server.resources[b.kind()]; !ok {
			if b.must {
				return fmt.Errorf("%s: the server does not serve %s", b.from, b.kind())
			}
			continue
		}
		sampled[b.kind().String()] = true
		group.Go(func() error { return c.judgeBase(ctx, i, b) })
	}
	return group.Wait()
}

// judgeBase judges an object, and if the server admits it, its mutants.
func (c *comparison) judgeBase(ctx context.Context, index int, b base) error {
	first, err := c.ask(ctx, b, b.Value)
	if err != nil {
		return err
	}
	if !first.server.admitted && !b.must {
		c.mu.Lock()
		c.left = append(c.left, fmt.Sprintf("%s %s: %.200s", b.from, b.ID, first.server.message))
		c.mu.Unlock()
	}
	first.base, first.object = index, b.Value
	all := []*result{first}
	if first.server.admitted {
		for _, m := range mutate.Of(b.Value, c.seed, c.mutants) {
			changed, err := m.Apply(b.Value)
			if err != nil {
				continue // it strikes what this object does not have
			}
			r, err := c.ask(ctx, b, changed)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", b.ID, m, err)
			}
			r.base, r.mutation = index, m
			all = append(all, r)
		}
	}
	c.mu.Lock()
	c.results = append(c.results, all...)
	c.mu.Unlock()
	return nil
}

func (c *comparison) ask(ctx context.Context, b base, value map[string]any) (*result, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	object, err := manifest.Decode(text)
	if err != nil {
		return nil, err
	}
	// What an object has no name or namespace for, is asked at the address of the one it was made of, or in default.
	name, namespace := cmp.Or(object.Name, b.Name), cmp.Or(object.Namespace, "default")
	r := &result{kind: b.APIVersion + " " + b.Kind}
	if r.server, err = c.server.judge(ctx, b.kind(), namespace, name, text); err != nil {
		return nil, err
	}
	violations, known, err := c.admission.Judge(ctx, object, nil)
	if err != nil {
		r.kgate = append(r.kgate, "ERROR "+err.Error())
	}
	r.unknown = !known
	for _, v := range violations {
		r.kgate = append(r.kgate, strings.TrimSpace(v.Path.String()+" "+v.Message))
	}
	faults, err := c.schemas.Validate(ctx, object.APIVersion, object.Kind, object.JSON)
	if err != nil {
		return nil, fmt.Errorf("validate by schema: %w", err)
	}
	for _, f := range faults {
		r.schema = append(r.schema, manifest.Path(f.Path).String()+" "+f.Message)
	}
	return r, nil
}

func (r *result) agrees() bool { return r.server.admitted == (len(r.kgate) == 0) && !r.unknown }

// score counts what one judge caught and what it refused without need.
type score struct{ judged, refused, kgate, schema, admitted, alarms, schemaAlarms int }

func (s *score) add(r *result) {
	s.judged++
	if r.server.admitted {
		s.admitted++
		s.alarms += one(len(r.kgate) > 0)
		s.schemaAlarms += one(len(r.schema) > 0)
	} else {
		s.refused++
		s.kgate += one(len(r.kgate) > 0)
		s.schema += one(len(r.schema) > 0)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (c *comparison) print(w io.Writer) {
	kinds, mutations, total := map[string]*score{}, map[string]*score{}, &score{}
	for _, r := range c.results {
		name := cmp.Or(r.mutation.Name, "none")
		for _, at := range []struct {
			scores map[string]*score
			key    string
		}{{kinds, r.kind}, {mutations, name}} {
			if at.scores[at.key] == nil {
				at.scores[at.key] = &score{}
			}
			at.scores[at.key].add(r)
		}
		total.add(r)
	}
	for _, t := range []struct {
		title  string
		scores map[string]*score
	}{{"kind", kinds}, {"mutation", mutations}} {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintf(table, "%s\tjudged\tserver refuses\tkgate catches\tschemas catch\tserver admits\tkgate refuses\tschemas refuse\t\n", t.title)
		row := func(name string, s *score) {
			fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%d\t%d\t%d\t\n", name, s.judged, s.refused, share(s.kgate, s.refused), share(s.schema, s.refused), s.admitted, s.alarms, s.schemaAlarms)
		}
		for _, name := range slices.Sorted(maps.Keys(t.scores)) {
			row(name, t.scores[name])
		}
		row("all", total)
		_ = table.Flush()
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "of %d that the server refuses kgate catches %d (%.2f %%), its JSON schemas alone %d (%.2f %%)\n", total.refused,
		total.kgate, percent(total.kgate, total.refused), total.schema, percent(total.schema, total.refused))
	fmt.Fprintf(w, "of %d that the server admits kgate refuses %d (%.2f %%), its JSON schemas alone %d (%.2f %%)\n\n", total.admitted,
		total.alarms, percent(total.alarms, total.admitted), total.schemaAlarms, percent(total.schemaAlarms, total.admitted))
	for _, text := range c.left {
		fmt.Fprintln(w, "left out, for the server refuses it:", text)
	}
	for _, text := range c.missing {
		fmt.Fprintln(w, "no sample of", text)
	}
	for _, r := range c.results {
		if r.agrees() {
			continue
		}
		c.explain(r)
		if r.reason != "" && !c.all {
			continue
		}
		fmt.Fprintf(w, "\n%s, %s\n  server: %s\n  kgate:  %s\n", r.kind, cmp.Or(r.mutation.String(), "as it is"), said(r.server.admitted, r.server.message), said(len(r.kgate) == 0, strings.Join(r.kgate, "; ")))
		if r.unknown {
			fmt.Fprintln(w, "  kgate does not know the kind")
		}
		if r.reason != "" {
			fmt.Fprintln(w, "  known:", r.reason)
		}
	}
	for i, d := range c.explained {
		if c.used[i] > 0 {
			fmt.Fprintf(w, "explained %d times: %s %s %s: %s\n", c.used[i], d.Kind, d.Path, d.Message, d.Reason)
		}
	}
}

func (c *comparison) explain(r *result) {
	if r.unknown {
		return
	}
	message := r.server.message
	if r.server.admitted {
		message = strings.Join(r.kgate, "\n")
	}
	for i, d := range c.explained {
		if d.Explains(r.kind, r.mutation, message) {
			c.used[i]++
			r.reason = d.Reason
			return
		}
	}
}

// verdict says whether all that differs is explained.
func (c *comparison) verdict() error {
	n, explained := 0, 0
	for _, r := range c.results {
		if r.agrees() {
			continue
		}
		if r.reason == "" {
			n++
		} else {
			explained++
		}
	}
	if n > 0 {
		return fmt.Errorf("%w: %d, %d more are explained", errDisagree, n, explained)
	}
	return nil
}

// write records the verdicts of the server on mutants, with the objects that they are made of.
func (c *comparison) write(file string) error {
	var bases []golden.Base
	for _, r := range c.results {
		if r.mutation.Name == "" {
			if r.server.admitted {
				bases = append(bases, golden.Base{Object: r.object})
			}
			continue
		}
		b := &bases[len(bases)-1]
		b.Verdicts = append(b.Verdicts, golden.Verdict{Mutation: r.mutation, Admitted: r.server.admitted, Message: shorten(r.server.message)})
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(golden.Write(out, bases), out.Close())
}

const shortened = 200

func shorten(message string) string {
	if len(message) > shortened {
		return strings.ToValidUTF8(message[:shortened], "") + "…"
	}
	return message
}

func said(admitted bool, message string) string {
	if admitted {
		return "admits it"
	}
	if len(message) > 600 {
		message = message[:600] + "…"
	}
	return "refuses it: " + message
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d (%.1f %%)", n, percent(n, of))
}

func percent(n, of int) float64 {
	if of == 0 {
		return 100
	}
	return 100 * float64(n) / float64(of)
}
