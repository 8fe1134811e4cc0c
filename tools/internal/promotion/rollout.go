package promotion

import (
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Rollout is how a controller brings a version to the pods of a service. On which step it is, nothing in git says.
type Rollout struct {
	By       manifest.ID
	Strategy string    // canary or blue-green
	Steps    []float64 // the shares of traffic that a canary gets one after the other, in percent
	Values   []Value   // the numbers that say the steps, where each is said
}

// The strategies.
const (
	canaryStrategy    = "canary"
	blueGreenStrategy = "blue-green"
)

// mostSteps is as many steps as are read: a step of 1 % up to 100 %.
const mostSteps = 100

// runsPodsOf reports a Rollout that runs pods of the template of a workload.
func runsPodsOf(rollout, w *manifest.Object) bool {
	return rollout.Group() == "argoproj.io" && rollout.Kind == "Rollout" &&
		manifest.TextAt(rollout.Value, "spec", "workloadRef", "kind") == w.Kind && manifest.TextAt(rollout.Value, "spec", "workloadRef", "name") == w.Name
}

// rollout is that of the first of the workloads that has one; nil where no controller has steps in git.
func (b *builder) rollout(in *stage, workloads []*manifest.Object) *Rollout {
	for _, w := range workloads {
		for _, o := range in.objects {
			if o.Namespace != w.Namespace {
				continue
			}
			switch o.Group() + "/" + o.Kind {
			case "argoproj.io/Rollout":
				if o.ID == w.ID || runsPodsOf(o, w) {
					if r := b.ofArgo(in, o); r != nil {
						return r
					}
				}
			case "flagger.app/Canary":
				if manifest.TextAt(o.Value, "spec", "targetRef", "kind") == w.Kind && manifest.TextAt(o.Value, "spec", "targetRef", "name") == w.Name {
					if r := b.ofFlagger(in, o); r != nil {
						return r
					}
				}
			}
		}
	}
	return nil
}

func (b *builder) ofArgo(in *stage, o *manifest.Object) *Rollout {
	r := &Rollout{By: o.ID, Strategy: canaryStrategy}
	if manifest.At(o.Value, "spec", "strategy", "blueGreen") != nil {
		r.Strategy = blueGreenStrategy
		return r
	}
	total := 100.0
	if most, ok := numberOf(manifest.At(o.Value, "spec", "strategy", "canary", "trafficRouting", "maxTrafficWeight")); ok && most > 0 {
		total = most
	}
	for i, step := range manifest.ListAt(o.Value, "spec", "strategy", "canary", "steps") {
		if weight, ok := numberOf(manifest.At(step, "setWeight")); ok && len(r.Steps) < mostSteps {
			r.Steps = append(r.Steps, weight*100/total)
			r.Values = append(r.Values, b.value(in, o, manifest.Path{"spec", "strategy", "canary", "steps", i, "setWeight"}))
		}
	}
	if len(r.Steps) == 0 {
		return nil // it replaces pods as a Deployment does
	}
	return r
}

func (b *builder) ofFlagger(in *stage, o *manifest.Object) *Rollout {
	if manifest.At(o.Value, "spec", "skipAnalysis") == true {
		return nil // it gets everything at once
	}
	analysis := "analysis"
	if manifest.At(o.Value, "spec", analysis) == nil {
		analysis = "canaryAnalysis" // what it was called before v1beta1
	}
	r := &Rollout{By: o.ID, Strategy: canaryStrategy}
	at := func(field ...any) manifest.Path { return append(manifest.Path{"spec", analysis}, field...) }
	for i, weight := range manifest.ListAt(o.Value, "spec", analysis, "stepWeights") {
		if share, ok := numberOf(weight); ok && len(r.Steps) < mostSteps {
			r.Steps = append(r.Steps, share)
			r.Values = append(r.Values, b.value(in, o, at("stepWeights", i)))
		}
	}
	if step, ok := numberOf(manifest.At(o.Value, "spec", analysis, "stepWeight")); ok && step > 0 {
		r.Values = append(r.Values, b.value(in, o, at("stepWeight")))
		most := 100.0
		if n := len(r.Steps); n > 0 {
			most = r.Steps[n-1] // beside stepWeight it is the last of stepWeights alone that counts
		} else if said, ok := numberOf(manifest.At(o.Value, "spec", analysis, "maxWeight")); ok && said > 0 {
			most = said
			r.Values = append(r.Values, b.value(in, o, at("maxWeight")))
		}
		r.Steps = flaggerSteps(step, most)
	}
	_, iterations := numberOf(manifest.At(o.Value, "spec", analysis, "iterations"))
	switch {
	case len(r.Steps) > 0:
		return r
	case iterations && len(manifest.ListAt(o.Value, "spec", analysis, "match")) == 0:
		r.Strategy = blueGreenStrategy
		return r
	}
	return nil // requests are chosen by their headers
}

// flaggerSteps are the shares that Flagger gives to a canary: a step more while it has less than the most, which the last may pass.
// https://github.com/fluxcd/flagger/blob/v1.36.1/pkg/controller/scheduler.go
func flaggerSteps(step, most float64) []float64 {
	var all []float64
	for share := 0.0; share < min(most, 100) && len(all) < mostSteps; {
		share = min(share+step, 100)
		all = append(all, share)
	}
	return all
}

// said reports whether a field is one that says a step.
func (r *Rollout) said(is func(Value) bool) bool {
	return r != nil && slices.ContainsFunc(r.Values, is)
}
