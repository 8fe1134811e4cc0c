package admission

import (
	"context"
	"fmt"
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

// run applies the level that a rendered Namespace enforces to the pods of its workloads. The server looks at pods when
// their controller creates them; the workload itself it only warns about, and nothing ever becomes ready.
func (l *levels) run(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		for _, namespace := range target.Applied() {
			if namespace.Kind != "Namespace" || namespace.APIVersion != "v1" {
				continue
			}
			// Labels that say no level are for admission/accepted to report.
			asked, _ := api.PolicyToEvaluate(labels(namespace), api.Policy{
				Enforce: api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()},
			})
			if asked.Enforce.Level == api.LevelPrivileged {
				continue
			}
			evaluator, err := l.evaluator()
			if err != nil {
				return err
			}
			d, err := l.server.contents(target)
			if err != nil {
				return err
			}
			for _, w := range d.workloads[namespace.Name] {
				pod, err := w.external()
				if err != nil {
					return err
				}
				result := policy.AggregateCheckResults(evaluator.EvaluatePod(asked.Enforce, &pod.ObjectMeta, &pod.Spec))
				if !result.Allowed {
					pass.Report(target, w.object, w.spec, fmt.Sprintf("violates PodSecurity %q of namespace %s: %s",
						asked.Enforce.String(), namespace.Name, result.ForbiddenDetail()))
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
