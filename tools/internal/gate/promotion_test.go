package gate

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestPromotionOfTree holds that this repository's own services are promoted by scalars of its environments: what each place says
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
	written := func(what string, s promotion.Scalar, in string) {
		t.Helper()
		if s.IsZero() || !table.Own(s) {
			t.Errorf("%s: %s of %s is not the environment's own: %v", in, what, s.Position, s.Environments)
			return
		}
		text, err := repository.ReadFile(s.File)
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Split(string(text), "\n")[s.Line-1]
		if got := strings.Trim(line[s.Column-1:s.EndColumn-1], `"'`); got != s.Text {
			t.Errorf("%s: %s at %s is %q, not %q", in, what, s.Position, got, s.Text)
		}
	}
	canaries := 0
	for _, service := range table.Services {
		for _, p := range service.Places {
			if !p.Exists() || len(p.Replicas) == 0 {
				t.Errorf("%s in %s has no stable track, or no number of pods", service.Name, p.Environment)
				continue
			}
			at := service.Name + " in " + p.Environment
			written("the tag", p.Stable.Image.Said.Version(), at)
			written("the least of pods", p.Replicas[0].Min.Scalar, at)
			if len(p.Canary.Workloads) == 0 {
				continue
			}
			if canaries++; len(p.Weights) == 0 || len(p.Sampling) == 0 {
				t.Errorf("%s has a canary without a weight, or no sampling rate", at)
				continue
			}
			written("the canary's tag", p.Canary.Image.Said.Version(), at)
			written("the canary's weight", p.Weights[0].Canary.Scalar, at)
			written("the rate", p.Sampling[0].Value.Scalar, at)
		}
	}
	if canaries == 0 {
		t.Errorf("no service has a canary: %+v", table.Services)
	}
}
