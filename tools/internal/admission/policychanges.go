package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissionpolicy"
	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
)

// policies reports what the ValidatingAdmissionPolicies of a target deny of a change and not of the new object alone.
func (c *changes) policies(ctx context.Context, pass *check.Pass) error {
	var failed []error
	for _, target := range pass.Targets {
		pairs, err := updated(ctx, target)
		if err != nil {
			return err
		}
		if len(pairs) == 0 {
			continue
		}
		here, err := c.server.contents(ctx, target)
		if err != nil {
			return err
		}
		rules, err := here.rules(ctx)
		if err != nil {
			return err
		}
		evaluator := here.evaluator(ctx, rules)
		if evaluator.Empty() {
			continue
		}
		alone, err := here.judged.Get(struct{}{}, func() ([]policyVerdict, error) { return here.judge(ctx) })
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			requests, err := here.changed(ctx, pair)
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", pair.New.ID, err))
				continue
			}
			var before policyVerdict // what is said of the new object alone
			for _, v := range alone {
				if v.object == pair.New && len(v.path) == 0 {
					before = v
				}
			}
			told := map[string]bool{}
			for _, request := range requests {
				verdict, err := evaluator.Evaluate(ctx, request)
				if err != nil {
					return fmt.Errorf("%s: %w", pair.New.ID, err)
				}
				for _, message := range verdict.Denied {
					if !told[message] && !slices.Contains(before.Denied, message) {
						told[message] = true
						pass.Report(target, pair.New, nil, message)
					}
				}
				for _, a := range verdict.Absent {
					if !told[a.Message] && !slices.Contains(before.Absent, a) {
						told[a.Message] = true
						pass.ReportAbsent(check.Field{Target: target, Object: pair.New}, a.Message, check.Reference{Kind: a.Kind, Namespace: a.Namespace, Name: a.Name})
					}
				}
				for _, message := range verdict.Warned {
					if !told[message] && !slices.Contains(before.Warned, message) {
						told[message] = true
						pass.ReportAs(check.Warning, target, pair.New, nil, message)
					}
				}
			}
		}
	}
	return errors.Join(failed...)
}

// changed are what the server has before it when an object takes the place of another, as requests are for one that is created.
func (c *contents) changed(ctx context.Context, pair check.Pair) ([]admissionpolicy.Request, error) {
	resource, namespaced, err := c.resource(ctx, pair.New)
	if err != nil || resource.Empty() {
		return nil, err
	}
	from, to := kindOf(pair.Old), kindOf(pair.New)
	r := admissionpolicy.Request{Kind: to, Resource: resource, User: applicant(), Interfaces: c.server.interfaces()}
	if namespaced {
		r.Namespace = namespaceOf(pair.New)
	}
	switch {
	case to.GroupKind() == definition.Kind:
		was, err := custom.CreateDefinition(pair.Old.Value)
		if err != nil {
			return nil, nil // it is refused before anybody is asked, as below
		}
		is, err := custom.CreateDefinition(pair.New.Value)
		if err != nil {
			return nil, nil
		}
		r.Old, r.Object, r.Interfaces = was, is, custom.DefinitionInterfaces()
		return []admissionpolicy.Request{r}, nil
	case c.server.builtin().Knows(to):
		if served, err := c.server.types.Knows(from); err != nil || !served {
			return nil, err
		}
		if served, err := c.server.types.Knows(to); err != nil || !served {
			return nil, err
		}
		change, _, err := c.server.change(ctx, c.target, pair.Old, pair.New)
		if err != nil {
			return nil, err
		}
		ways, told, err := c.server.ways(ctx, c.target, pair.New)
		if err != nil {
			return nil, err
		}
		if !told {
			ways = ways[:1] // what policies are shown differs in what was filled in, if in anything
		}
		var requests []admissionpolicy.Request
		for _, clientSide := range ways {
			change.ClientSide = clientSide
			u, err := c.server.builtin().Update(ctx, c.server.types, change)
			if err != nil {
				return nil, err
			}
			if u.New != nil {
				one := r
				one.Old, one.Object = u.Old, u.New
				requests = append(requests, one)
			}
		}
		return requests, nil
	}
	if c.target.Before != nil {
		if remade, err := c.server.isRemade(ctx, c.target.Before.Target, pair.Old, c.target, pair.New); err != nil || remade {
			return nil, err
		}
	}
	definitions, err := c.definitions(ctx, to)
	if err != nil {
		return nil, err
	}
	all, err := definitions.Changes(ctx, pair.Old.Value, pair.New.Value)
	var requests []admissionpolicy.Request
	for _, change := range all {
		one := r
		one.Old, one.Object, one.Interfaces = change.Old, change.New, change.Interfaces
		requests = append(requests, one)
	}
	return requests, err
}
