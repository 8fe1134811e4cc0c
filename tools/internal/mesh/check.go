package mesh

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/crash"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Checks returns the checks of Istio's resources, and of what pods tell their sidecars.
func Checks() []*check.Check {
	j := &judge{validator: sync.OnceValue(newValidator)}
	return []*check.Check{{
		Name:  "mesh/accepted",
		Title: "istiod accepts every resource of Istio",
		Doc: "Istio's validating webhook refuses what no schema can: regular expressions that are not of RE2, percentages and weights " +
			"out of their range, words of retryOn that there are not, retries that are configured and off, routes with two ends or " +
			"none, hosts that repeat, TLS without its certificates, rules of authorization that cannot be. Where the webhook is not " +
			"asked, or fails open while istiod is away, Envoy refuses the whole table of routes and keeps the old one, or what is wrong " +
			"is ignored. Each resource is passed through Istio's own code, whose version `kgate version` names. What an EnvoyFilter " +
			"holds is not looked at, and what else Istio warns of is for other checks.",
		Fix:        "The message is Istio's own: correct the field that it stands at.",
		Severity:   check.Error,
		Scope:      check.Object,
		Origin:     "istio",
		Yields:     []string{"admission/accepted", "schema/valid", "mesh/weights-sum", "mesh/inert-fields"},
		References: []string{"https://istio.io/latest/docs/ops/configuration/mesh/validation/", "https://github.com/istio/istio/blob/master/pkg/config/validation/validation.go"},
		Bad:        acceptedBad,
		Good:       acceptedGood,
		Run:        j.run,
	}, podAnnotations()}
}

type judge struct{ validator func() *validator }

func (j *judge) run(ctx context.Context, pass *check.Pass) error {
	var failed []error // what cannot be judged does not keep the others from it
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			faults, err := j.faults(object)
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", object.ID, err))
			}
			for _, fault := range faults {
				pass.Report(target, object, fault.Path, worded(fault.Path, fault.Message))
			}
		}
	}
	return errors.Join(failed...)
}

func (j *judge) faults(object *manifest.Object) (faults []Fault, err error) {
	err = crash.Catch(func() error {
		faults = j.validator().faults(object)
		return nil
	})
	return faults, err
}
