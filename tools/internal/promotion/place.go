package promotion

import (
	"regexp"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// Replicas is how many pods a workload has: as many as Min says, or between the two where an autoscaler chooses.
type Replicas struct {
	Workload manifest.ID
	Canary   bool
	Min, Max Value       // Max is without a text where no autoscaler chooses
	By       manifest.ID // the autoscaler; zero for none
}

// Rate is a share of requests that are traced.
type Rate struct {
	Ratio float64
	Value Value
}

// complete adds what hangs on the workloads of a place.
func (b *builder) complete(in *stage, p *Place) {
	if !p.Exists() {
		return
	}
	pods := map[bool][]labels{}
	for i, workloads := range [][]*manifest.Object{p.Stable.Workloads, p.Canary.Workloads} {
		for _, o := range workloads {
			path, _ := relation.Known().Templates.Of(o.Group(), o.Kind)
			pods[i == 1] = append(pods[i == 1], podLabels(o, manifest.At(o.Value, steps(path)...))...)
			if r, ok := b.replicas(in, o); ok {
				r.Canary = i == 1
				p.Replicas = append(p.Replicas, r)
			}
		}
	}
	if len(p.Canary.Workloads) > 0 {
		p.Weights = b.weights(in, newTraffic(in.objects), pods[false], pods[true])
	}
	p.Rollout = b.rollout(in, p.Stable.Workloads)
	p.Objects = b.objects(in, p)
	p.Sampling = b.sampling(in, p)
}

// replicas are those of a workload, or of the Rollout that runs its pods in its place: Argo Rollouts scales the other one to 0.
// https://argo-rollouts.readthedocs.io/en/stable/migrating/#reference-deployment-from-rollout
func (b *builder) replicas(in *stage, o *manifest.Object) (Replicas, bool) {
	if i := slices.IndexFunc(in.objects, func(r *manifest.Object) bool { return r.Namespace == o.Namespace && runsPodsOf(r, o) }); i >= 0 {
		o = in.objects[i]
	}
	r := Replicas{Workload: o.ID}
	for _, scaler := range in.objects {
		of := func(field string) string { return manifest.TextAt(scaler.Value, "spec", "scaleTargetRef", field) }
		bounds := [2]string{"minReplicas", "maxReplicas"}
		absent := [2]string{"1", ""}
		kind := of("kind")
		switch scaler.Group() + "/" + scaler.Kind {
		case "autoscaling/HorizontalPodAutoscaler":
		case "keda.sh/ScaledObject":
			bounds, absent = [2]string{"minReplicaCount", "maxReplicaCount"}, [2]string{"0", "100"}
			if kind == "" {
				kind = "Deployment"
			}
		default:
			continue
		}
		if scaler.Namespace != o.Namespace || of("name") != o.Name || kind != o.Kind {
			continue
		}
		r.By = scaler.ID
		for i, into := range []*Value{&r.Min, &r.Max} {
			if *into = b.value(in, scaler, manifest.Path{"spec", bounds[i]}); into.Text == "" {
				into.Text = absent[i]
			}
		}
		return r, true
	}
	if !slices.Contains(relation.Known().Scaled[o.Group()], o.Kind) {
		return Replicas{}, false
	}
	if r.Min = b.value(in, o, manifest.Path{"spec", "replicas"}); r.Min.Text == "" {
		r.Min.Text = "1"
	}
	return r, true
}

// objects are the workloads of a place, what is labelled as the service, what acts on the workloads or is needed by them, and all
// of a namespace in which nobody else has workloads.
func (b *builder) objects(in *stage, p *Place) []*manifest.Object {
	workloads := slices.Concat(p.Stable.Workloads, p.Canary.Workloads)
	is := map[manifest.ID]bool{}
	for _, o := range workloads {
		is[o.ID] = true
	}
	hangs := map[manifest.ID]bool{}
	g := in.connected()
	for _, e := range g.Edges {
		from, to := g.Nodes[e.From].ID, g.Nodes[e.To].ID
		if is[from] {
			hangs[to] = true
		}
		if is[to] {
			hangs[from] = true
		}
	}
	namespace := workloads[0].Namespace
	alone := namespace != "" && !slices.ContainsFunc(in.workloads, func(w *workload) bool { return w.object.Namespace == namespace && !is[w.object.ID] })
	name := serviceName(p.Stable.Workloads[0], nil)
	var all []*manifest.Object
	for _, o := range in.objects {
		labelled := name != "" && o.Namespace == namespace && manifest.TextAt(o.Value, "metadata", "labels", nameLabel) == name
		if is[o.ID] || labelled || alone && (o.Namespace == namespace || o.Kind == "Namespace" && o.Name == namespace) || hangs[o.ID] && o.Kind != "Namespace" && !in.isOthers(o, is) {
			all = append(all, o)
		}
	}
	return all
}

// isOthers reports a workload that is not of some.
func (in *stage) isOthers(o *manifest.Object, some map[manifest.ID]bool) bool {
	return !some[o.ID] && slices.ContainsFunc(in.workloads, func(w *workload) bool { return w.object == o })
}

func (in *stage) connected() graph.Graph {
	if in.graph == nil {
		g := graph.Of(in.objects)
		in.graph = &g
	}
	return *in.graph
}

// fixed are the samplers that take no argument.
func fixed(sampler string) (ratio string, ok bool) {
	switch sampler {
	case "always_on", "parentbased_always_on":
		return "1", true
	case "always_off", "parentbased_always_off":
		return "0", true
	}
	return "", false
}

var ratio = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,20})?$`)

// sampling is every rate that a place sets, as the rules of group telemetry find them: in variables, in Istio's Telemetry and
// in the operator's Instrumentation.
func (b *builder) sampling(in *stage, p *Place) []Rate {
	var all []Rate
	add := func(text string, per float64, v Value) {
		if number, ok := numberOf(text); ok && ratio.MatchString(text) {
			all = append(all, Rate{number / per, v})
		}
	}
	for _, o := range slices.Concat(p.Stable.Workloads, p.Canary.Workloads) {
		template, _ := relation.Known().Templates.Of(o.Group(), o.Kind)
		for i, c := range manifest.ListAt(o.Value, append(steps(template), "spec", "containers")...) {
			for j, e := range manifest.ListAt(c, "env") {
				path := append(slices.Clone(manifest.Path(steps(template))), "spec", "containers", i, "env", j, "value")
				text := manifest.TextAt(e, "value")
				switch manifest.TextAt(e, "name") {
				case "OTEL_TRACES_SAMPLER_ARG", "OTLP_SAMPLE_RATE":
					add(text, 1, b.value(in, o, path))
				case "OTEL_TRACES_SAMPLER":
					if rate, ok := fixed(text); ok {
						add(rate, 1, b.value(in, o, path))
					}
				}
			}
		}
	}
	for _, o := range in.objects {
		if o.Namespace != p.Stable.Workloads[0].Namespace {
			continue
		}
		switch o.Group() + "/" + o.Kind {
		case "telemetry.istio.io/Telemetry":
			for i, t := range manifest.ListAt(o.Value, "spec", "tracing") {
				if percent := manifest.At(t, "randomSamplingPercentage"); percent != nil {
					add(plain(percent), 100, b.value(in, o, manifest.Path{"spec", "tracing", i, "randomSamplingPercentage"}))
				}
			}
		case "opentelemetry.io/Instrumentation":
			if rate, ok := fixed(manifest.TextAt(o.Value, "spec", "sampler", "type")); ok {
				add(rate, 1, b.value(in, o, manifest.Path{"spec", "sampler", "type"}))
			} else if text := manifest.TextAt(o.Value, "spec", "sampler", "argument"); text != "" {
				add(text, 1, b.value(in, o, manifest.Path{"spec", "sampler", "argument"}))
			}
		}
	}
	return all
}
