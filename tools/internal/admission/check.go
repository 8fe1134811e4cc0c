package admission

import (
	"context"
	"fmt"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
)

// Checks returns the checks that a Server makes. Without one they can be listed, not run.
func Checks(s *Server) []*check.Check {
	j := &judge{server: s}
	return []*check.Check{
		{
			Name:  "admission/accepted",
			Title: "The API server accepts every object",
			Doc: "A schema says what shape an object has. The API server says more: names, labels and quantities, selectors that match " +
				"their template, ports and keys that repeat, probes with two handlers, bounds, CEL rules of custom resources. What it " +
				"refuses, no sync can apply. The object is passed through the server's own code, as a server-side apply with strict " +
				"field validation would; `kgate version` names the release. An object without a namespace is taken to be in default.",
			Fix:      "The message is the API server's own: correct the field that it names.",
			Severity: check.Error,
			Scope:    check.Object,
			Origin:   "admission",
			References: []string{
				"https://kubernetes.io/docs/reference/using-api/server-side-apply/",
				"https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
			},
			Run: j.run,
		},
	}
}

// judge asks once about each text: overlays render the same object many times.
type judge struct {
	server   *Server
	verdicts cache.Cache[string, []Violation]
}

func (j *judge) run(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		rendered, key := definitions(target)
		for _, object := range target.Objects {
			violations, err := j.verdicts.Get(key+string(object.JSON), func() ([]Violation, error) {
				v, _, err := j.server.Judge(ctx, object, rendered)
				return v, err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", object.ID, err)
			}
			for _, v := range violations {
				pass.Report(target, object, v.Path, v.Message)
			}
		}
	}
	return nil
}

// definitions are the CustomResourceDefinitions of a target, and a key of what they say.
func definitions(target *check.Target) (rendered []map[string]any, key string) {
	for _, object := range target.Objects {
		if object.Kind == definitionKind.Kind && object.Group() == definitionKind.Group {
			rendered = append(rendered, object.Value)
			key += string(object.JSON)
		}
	}
	return rendered, key
}
