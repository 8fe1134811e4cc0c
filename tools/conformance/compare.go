package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/mutate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// What a run fails for.
var (
	errDisagree = errors.New("kgate and the server disagree without an explanation")
	errRefused  = errors.New("the server refuses objects that this repository deploys or calls valid")
	errWarnings = errors.New("kgate does not warn of what the server warns of")
	errMissing  = errors.New("there is no valid sample of kinds that the server serves")
)

// comparison asks the server, kgate's two checks and kubeconform about the same objects.
type comparison struct {
	options
	server      *cluster
	admission   *admission.Server
	schemas     *schema.Validator
	kubeconform *kubeconform
	explained   []golden.Disagreement
	used        []int

	mu       sync.Mutex
	results  []*result
	unserved []string // objects of kinds that the server does not serve
	missing  []string // kinds that are served, of which there is no valid sample
}

// result is what all say of one object. A judge that admits it has nothing to say.
type result struct {
	kind        string
	base        int
	from        string         // of a base
	must        bool           // of a base
	object      map[string]any // of a base
	mutation    mutate.Mutation
	server      answer
	admission   []string
	warnings    []string // kgate's, of what both admit
	schemas     []string
	kubeconform string
	unknown     bool   // to kgate
	reason      string // why the two may differ
}

func (c *comparison) judge(ctx context.Context, bases []base, concurrent int) error {
	// Namespaces are judged before they are made: an object that is there is changed, not created.
	for _, namespaces := range []bool{true, false} {
		if err := c.judgeSome(ctx, bases, concurrent, namespaces); err != nil {
			return err
		}
		if namespaces {
			if err := c.server.createNamespaces(ctx, bases); err != nil {
				return err
			}
		}
	}
	admitted := map[string]bool{}
	for _, r := range c.results {
		if r.mutation.Name == "" && r.server.admitted {
			admitted[r.kind] = true
		}
	}
	for kind := range c.server.resources {
		if name := kind.GroupVersion().String() + " " + kind.Kind; !admitted[name] {
			c.missing = append(c.missing, name)
		}
	}
	slices.Sort(c.missing)
	slices.Sort(c.unserved)
	slices.SortFunc(c.results, func(a, b *result) int {
		return cmp.Or(cmp.Compare(a.base, b.base), strings.Compare(a.mutation.Name, b.mutation.Name), strings.Compare(a.mutation.String(), b.mutation.String()))
	})
	for _, r := range c.results {
		c.explain(r)
	}
	return nil
}

func (c *comparison) judgeSome(ctx context.Context, bases []base, concurrent int, namespaces bool) error {
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
			c.unserved = append(c.unserved, b.from+" "+b.ID.String())
			continue
		}
		group.Go(func() error { return c.judgeBase(ctx, i, b) })
	}
	return group.Wait()
}

// judgeBase judges an object, and if the server admits it, its mutants.
func (c *comparison) judgeBase(ctx context.Context, index int, b base) error {
	first, err := c.ask(ctx, b, b.Value)
	if err != nil {
		return fmt.Errorf("%s %s: %w", b.from, b.ID, err)
	}
	first.base, first.from, first.must, first.object = index, b.from, b.must, b.Value
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
		r.admission = append(r.admission, "ERROR "+err.Error())
	}
	r.unknown = !known
	for _, v := range violations {
		r.admission = append(r.admission, strings.TrimSpace(v.Path.String()+" "+v.Message))
	}
	warnings, err := c.admission.Warnings(ctx, nil, object)
	if err == nil {
		for _, w := range warnings {
			r.warnings = append(r.warnings, w.Message)
		}
	}
	faults, err := c.schemas.Validate(ctx, object.APIVersion, object.Kind, object.JSON)
	if err != nil {
		return nil, fmt.Errorf("validate by schema: %w", err)
	}
	for _, f := range faults {
		r.schemas = append(r.schemas, manifest.Path(f.Path).String()+" "+f.Message)
	}
	if r.kubeconform, err = c.kubeconform.judge(b.kind(), text); err != nil {
		return nil, err
	}
	return r, nil
}

// kgate is what kgate reports, which runs both checks.
func (r *result) kgate() []string { return slices.Concat(r.admission, r.schemas) }

// unwarned are the warnings that one of the two has and the other has not. kgate names the field beside its message.
func (r *result) unwarned() []string {
	if !r.server.admitted || len(r.admission) > 0 {
		return nil
	}
	var only []string
	left := slices.Clone(r.warnings)
	for _, said := range r.server.warnings {
		// What other checks of kgate are for: Pod Security, and versions of custom kinds. Formats in definitions kgate leaves out.
		if strings.HasPrefix(said, "would violate PodSecurity") || golden.LeftOut(r.kind, said) {
			continue
		}
		i := slices.IndexFunc(left, func(message string) bool { return strings.HasSuffix(said, message) })
		if i < 0 {
			only = append(only, "the server alone: "+said)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, message := range left {
		only = append(only, "kgate alone: "+message)
	}
	return only
}

// agrees tells whether kgate's verdict is the server's. The admission check has to find alone what the server refuses; a
// schema has to admit what the server admits.
func (r *result) agrees() bool {
	return r.server.admitted == (len(r.admission) == 0) && !(r.server.admitted && len(r.schemas) > 0) && !r.unknown
}

func (c *comparison) explain(r *result) {
	if r.unknown || r.agrees() {
		return
	}
	message := r.server.message
	if r.server.admitted {
		message = strings.Join(r.kgate(), "\n")
	}
	for i, d := range c.explained {
		if d.Explains(r.kind, r.mutation, message) {
			c.used[i]++
			r.reason = d.Reason
			return
		}
	}
}

// verdict says whether all that differs is explained, whether the server admits what it has to, and whether all kinds were
// judged.
func (c *comparison) verdict() error {
	different, explained, refused, unwarned := 0, 0, 0, 0
	for _, r := range c.results {
		unwarned += len(r.unwarned())
		refused += one(r.must && !r.server.admitted)
		different += one(!r.agrees() && r.reason == "")
		explained += one(!r.agrees() && r.reason != "")
	}
	var errs []error
	if refused > 0 {
		errs = append(errs, fmt.Errorf("%w: %d", errRefused, refused))
	}
	if len(c.missing) > 0 && c.only == "" {
		errs = append(errs, fmt.Errorf("%w: %s", errMissing, strings.Join(c.missing, ", ")))
	}
	if unwarned > 0 {
		errs = append(errs, fmt.Errorf("%w, or the other way: %d", errWarnings, unwarned))
	}
	if different > 0 {
		errs = append(errs, fmt.Errorf("%w: %d, %d more are explained", errDisagree, different, explained))
	}
	return errors.Join(errs...)
}

// write records the verdicts of the server on objects and on mutants of those that it admits.
func (c *comparison) write(file string) error {
	var bases []golden.Base
	for _, r := range c.results {
		if r.mutation.Name == "" {
			bases = append(bases, golden.Base{Object: r.object, Refused: shorten(r.server.message), Warnings: r.server.warnings})
			continue
		}
		b := &bases[len(bases)-1]
		b.Verdicts = append(b.Verdicts, golden.Verdict{Mutation: r.mutation, Admitted: r.server.admitted, Message: shorten(r.server.message), Warnings: r.server.warnings})
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
