package promotion

import (
	"fmt"
	"strings"
	"testing"
)

// TestRollout holds the steps that a controller takes, and whose number of pods counts.
func TestRollout(t *testing.T) {
	canary := func(spec string) string {
		return "---\napiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: shop}\nspec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, " + spec + "}\n"
	}
	rollout := func(spec string) string {
		return "---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop-rollout}\nspec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: shop}, " + spec + "}\n"
	}
	for name, c := range map[string]struct{ beside, want string }{
		"nothing":                          {"", "0 none"},
		"up to the most":                   {canary("analysis: {stepWeight: 25, maxWeight: 50}"), "0 canary [25 50]"},
		"the last passes the most":         {canary("analysis: {stepWeight: 20, maxWeight: 50}"), "0 canary [20 40 60]"},
		"none passes everything":           {canary("analysis: {stepWeight: 40, maxWeight: 100}"), "0 canary [40 80 100]"},
		"without a most":                   {canary("analysis: {stepWeight: 50}"), "0 canary [50 100]"},
		"steps of their own":               {canary("analysis: {stepWeights: [1, 5, 50], maxWeight: 80}"), "0 canary [1 5 50]"},
		"steps of their own beside a step": {canary("analysis: {stepWeights: [1, 30], stepWeight: 20, maxWeight: 80}"), "0 canary [20 40]"},
		"no analysis":                      {canary("skipAnalysis: true, analysis: {stepWeight: 20, maxWeight: 50}"), "0 none"},
		"the pods of a Rollout":            {rollout("strategy: {canary: {steps: [{setWeight: 20}]}}"), "1 canary [20]"},
		"the number of a Rollout":          {rollout("replicas: 4, strategy: {blueGreen: {activeService: a}}"), "4 blue-green []"},
	} {
		t.Run(name, func(t *testing.T) {
			table := tableOf(t, filesOf(`-- kgate.yaml --
apiVersion: kgate/v1
targets: [dev]
environments: [{name: dev, targets: [dev]}]
-- dev/kustomization.yaml --
resources: [shop.yaml]
images: [{name: shop, newTag: 1.0.0}]
-- dev/shop.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {replicas: 0, selector: {matchLabels: {app: shop}}, template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop}]}}}
`+c.beside))
			if len(table.Services) != 1 {
				t.Fatalf("services %v", table.Services)
			}
			p := table.Services[0].Places[0]
			var numbers []string
			for _, r := range p.Replicas {
				numbers = append(numbers, r.Min.Text)
			}
			got := strings.Join(numbers, ", ") + " none"
			if p.Rollout != nil {
				got = fmt.Sprintf("%s %s %v", strings.Join(numbers, ", "), p.Rollout.Strategy, p.Rollout.Steps)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
