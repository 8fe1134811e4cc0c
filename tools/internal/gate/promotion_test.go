package gate

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestPromotionOfTree holds that this repository's own service is promoted by scalars of its environments: what each place says
// is written where the table says that it is.
func TestPromotionOfTree(t *testing.T) {
	repository, err := repo.Open("../../..")
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), repository, Options{Unjudged: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	table, err := g.Promotion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	service, ok := table.Service("go-otlp-app")
	if !ok {
		t.Fatalf("the service is not in %+v", table.Services)
	}
	written := func(what string, s promotion.Scalar, environment string) {
		t.Helper()
		if s.IsZero() || !table.Own(s) {
			t.Errorf("%s: %s of %s is not the environment's own: %v", environment, what, s.Position, s.Environments)
			return
		}
		text, err := repository.ReadFile(s.File)
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Split(string(text), "\n")[s.Line-1]
		if got := strings.Trim(line[s.Column-1:s.EndColumn-1], `"'`); got != s.Text {
			t.Errorf("%s: %s at %s is %q, not %q", environment, what, s.Position, got, s.Text)
		}
	}
	for _, p := range service.Places {
		if !p.Exists() || len(p.Canary.Workloads) == 0 || len(p.Weights) == 0 || len(p.Replicas) == 0 || len(p.Sampling) == 0 {
			t.Errorf("%s has no stable or canary track, weight, number of pods or sampling rate", p.Environment)
			continue
		}
		written("the tag", p.Stable.Image.Said.Version(), p.Environment)
		written("the canary's tag", p.Canary.Image.Said.Version(), p.Environment)
		written("the canary's weight", p.Weights[0].Canary.Scalar, p.Environment)
		written("the least of pods", p.Replicas[0].Min.Scalar, p.Environment)
		written("the rate", p.Sampling[0].Value.Scalar, p.Environment)
	}
}
