package admission

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// levels evaluates pods against the Pod Security Standards.
type levels struct {
	server    *Server
	evaluator func() (policy.Evaluator, error)
}

func newLevels(s *Server) *levels {
	return &levels{s, sync.OnceValues(func() (policy.Evaluator, error) {
		return policy.NewEvaluator(policy.DefaultChecks(), nil)
	})}
}

// enforced reports the pods below the level that a rendered Namespace enforces. The server looks at pods when their controller
// creates them; the workload itself it only warns about, and nothing ever becomes ready.
func (l *levels) enforced(ctx context.Context, pass *check.Pass) error {
	return l.below(ctx, pass, func(_ map[string]string, p api.Policy) []held { return []held{{p.Enforce, "violates PodSecurity"}} })
}

// warned reports the pods below a level that only warns or is only recorded, where they meet the one that is enforced.
func (l *levels) warned(ctx context.Context, pass *check.Pass) error {
	return l.below(ctx, pass, func(labels map[string]string, p api.Policy) []held {
		levels := []held{{p.Enforce, ""}, {p.Warn, "the API server warns: would violate PodSecurity"}}
		// Whoever says of what to warn means no more than a record by another level.
		if _, says := labels[api.WarnLevelLabel]; !says {
			levels = append(levels, held{p.Audit, "is recorded by the API server's audit: would violate PodSecurity"})
		}
		return levels
	})
}

// held is a level that pods are held to, and what is said of those below it; "" says nothing, and then no other level does.
type held struct {
	api.LevelVersion
	said string
}

// labelled are the namespaces of which a target tells the labels: those that it renders, and those that Argo CD creates for it, which
// it gives the labels of a Namespace that it renders: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#namespace-metadata
func labelled(ctx context.Context, target *check.Target) ([]check.CreatedNamespace, error) {
	var all []check.CreatedNamespace
	for _, o := range target.Applied() {
		if o.Kind == "Namespace" && o.APIVersion == "v1" {
			all = append(all, check.CreatedNamespace{Name: o.Name, Labels: labels(o)})
		}
	}
	if target.Created == nil {
		return all, nil
	}
	created, err := target.Created(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range created {
		if !slices.ContainsFunc(all, func(is check.CreatedNamespace) bool { return is.Name == c.Name }) {
			all = append(all, c)
		}
	}
	return all, nil
}

// below applies levels to the pods of the workloads of labelled namespaces, and reports the first that a workload is below.
func (l *levels) below(ctx context.Context, pass *check.Pass, asked func(map[string]string, api.Policy) []held) error {
	for _, target := range pass.Targets {
		namespaces, err := labelled(ctx, target)
		if err != nil {
			return err
		}
		for _, namespace := range namespaces {
			// Labels that say no level are for admission/accepted to report.
			privileged := api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}
			policies, _ := api.PolicyToEvaluate(namespace.Labels, api.Policy{Enforce: privileged, Warn: privileged, Audit: privileged})
			levels := slices.DeleteFunc(asked(namespace.Labels, policies), func(h held) bool { return h.Level == api.LevelPrivileged })
			if len(levels) == 0 {
				continue
			}
			evaluator, err := l.evaluator()
			if err != nil {
				return err
			}
			d, err := l.server.contents(ctx, target)
			if err != nil {
				return err
			}
			for _, w := range d.workloads[namespace.Name] {
				if d.mutating.refusesPods(w) {
					continue
				}
				pod, err := w.external()
				if err != nil {
					return err
				}
				for _, h := range levels {
					result := policy.AggregateCheckResults(evaluator.EvaluatePod(h.LevelVersion, &pod.ObjectMeta, &pod.Spec))
					if result.Allowed {
						continue
					}
					if h.said == "" {
						break
					}
					by := ""
					if namespace.By != "" {
						by = ", which " + namespace.By + " creates with that level"
					}
					message := fmt.Sprintf("%s %q of namespace %s%s: %s", h.said, h.String(), namespace.Name, by, result.ForbiddenDetail())
					was := w
					was.pod = w.author
					if w.author != nil {
						if pod, err = was.external(); err != nil {
							return err
						}
						if policy.AggregateCheckResults(evaluator.EvaluatePod(h.LevelVersion, &pod.ObjectMeta, &pod.Spec)).Allowed {
							d.blame(pass, w, nil, message)
							break
						}
					}
					pass.Report(target, w.object, w.spec, message)
					break
				}
			}
		}
	}
	return ctx.Err()
}

func labels(o *manifest.Object) map[string]string {
	out := map[string]string{}
	metadata, _ := o.Value["metadata"].(map[string]any)
	all, _ := metadata["labels"].(map[string]any)
	for name, value := range all {
		if text, ok := value.(string); ok {
			out[name] = text
		}
	}
	return out
}
