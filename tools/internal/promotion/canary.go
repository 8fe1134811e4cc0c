package promotion

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Weight is the share of traffic that a route gives to the canary.
type Weight struct {
	Percent float64
	Canary  Value   // the canary's own number
	Stable  []Value // those of the others, which make it a share with the first. One that no environment has to itself follows it.
	Route   string  // which of the routes of its object it is, by what requests have to meet
	Alone   bool    // the route sends everything to the canary, and has no number
}

const canary = "canary"

// canaryStem is a name without what makes it that of a canary.
func canaryStem(name string) (stem string, is bool) { return strings.CutSuffix(name, "-"+canary) }

// canaryLabelled reports pods whose labels say that they are a canary's.
func canaryLabelled(template any) bool {
	for _, key := range []string{"track", "app.kubernetes.io/track", "version", "release", "role"} {
		if manifest.TextAt(template, "metadata", "labels", key) == canary {
			return true
		}
	}
	return false
}

// subset is one of a DestinationRule.
type subset struct {
	namespace, host, name string
	labels                labels
}

func (s subset) selects(pods []labels) bool { return len(s.labels) > 0 && selects(s.labels, pods) }

func selects(selector labels, pods []labels) bool {
	return slices.ContainsFunc(pods, func(of labels) bool {
		for key, value := range selector {
			if of[key] != value {
				return false
			}
		}
		return true
	})
}

func textsOf(value any) labels {
	of := labels{}
	written, _ := value.(map[string]any)
	for key, value := range written {
		of[key] = fmt.Sprint(value)
	}
	return of
}

const istio = "networking.istio.io"

func subsetsOf(objects []*manifest.Object) []subset {
	var all []subset
	for _, o := range objects {
		if o.Group() != istio || o.Kind != "DestinationRule" {
			continue
		}
		namespace, host := hostOf(manifest.TextAt(o.Value, "spec", "host"), o.Namespace)
		for _, s := range manifest.ListAt(o.Value, "spec", "subsets") {
			all = append(all, subset{namespace, host, manifest.TextAt(s, "name"), textsOf(manifest.At(s, "labels"))})
		}
	}
	return all
}

func canarySubsets(objects []*manifest.Object) []subset {
	return slices.DeleteFunc(subsetsOf(objects), func(s subset) bool { return s.name != canary })
}

// hostOf is the Service that a host of Istio means.
func hostOf(host, namespace string) (in, name string) {
	parts := strings.Split(host, ".")
	if len(parts) > 1 {
		namespace = parts[1]
	}
	return namespace, parts[0]
}

// traffic knows the Services and subsets of an environment.
type traffic struct {
	objects  []*manifest.Object
	subsets  []subset
	services map[[2]string]labels
}

func newTraffic(objects []*manifest.Object) *traffic {
	t := &traffic{objects: objects, subsets: subsetsOf(objects), services: map[[2]string]labels{}}
	for _, o := range objects {
		if o.Group() == "" && o.Kind == "Service" {
			t.services[[2]string{o.Namespace, o.Name}] = textsOf(manifest.At(o.Value, "spec", "selector"))
		}
	}
	return t
}

// to is the labels that a destination selects pods by; nil where that is not known.
func (t *traffic) to(namespace, host, of string) labels {
	selector := t.services[[2]string{namespace, host}]
	if len(selector) == 0 {
		return nil
	}
	if of == "" {
		return selector
	}
	i := slices.IndexFunc(t.subsets, func(s subset) bool { return s.namespace == namespace && s.host == host && s.name == of })
	if i < 0 {
		return nil
	}
	both := labels{}
	for _, from := range []labels{selector, t.subsets[i].labels} {
		for key, value := range from {
			both[key] = value
		}
	}
	return both
}

// share is one destination of a route that has several.
type share struct {
	selector labels
	weight   float64
	path     manifest.Path // of the number
	said     bool
}

// weigh is what a route gives to the canary; false where it does not send to both.
func (b *builder) weigh(in *stage, o *manifest.Object, shares []share, stable, canaries []labels) (Weight, bool) {
	var w Weight
	sum, of := 0.0, 0.0
	both := [2]bool{}
	for _, s := range shares {
		toCanary, toStable := s.selector != nil && selects(s.selector, canaries), s.selector != nil && selects(s.selector, stable)
		if toCanary == toStable {
			return Weight{}, false // to something else, or to whatever comes
		}
		sum += s.weight
		value := Value{Text: strconv.FormatFloat(s.weight, 'f', -1, 64), Object: o, Path: s.path}
		if s.said {
			value = b.value(in, o, s.path)
		}
		if toCanary {
			if both[0] {
				return Weight{}, false
			}
			w.Canary, of, both[0] = value, s.weight, true
		} else {
			w.Stable, both[1] = append(w.Stable, value), true
		}
	}
	if !both[0] || !both[1] || sum <= 0 {
		return Weight{}, false
	}
	w.Percent = of * 100 / sum
	return w, true
}

// weights are what the routes of an environment give to a canary, each number once.
func (b *builder) weights(in *stage, t *traffic, stable, canaries []labels) []Weight {
	var all []Weight
	add := func(o *manifest.Object, r route) {
		w, ok := b.weigh(in, o, r.shares, stable, canaries)
		if w.Route = r.asks; ok && r.chosen && (w.Percent == 0 || w.Percent == 100) {
			return // those who ask for the canary, or for the stable version, get it
		}
		if ok && !slices.ContainsFunc(all, func(other Weight) bool {
			return other.Percent == w.Percent && other.Canary.Scalar.Position == w.Canary.Scalar.Position && !w.Canary.Scalar.IsZero()
		}) {
			all = append(all, w)
		}
	}
	toStable := func(s share) bool { return s.selector != nil && selects(s.selector, stable) }
	toCanary := func(s share) bool { return s.selector != nil && selects(s.selector, canaries) && !toStable(s) }
	// judge takes in the routes of an object. One that sends everything to the canary alone counts where it stands before others that
	// reach the stable version, or where the object is for the service's own hosts: it may be an address to try the canary at.
	judge := func(o *manifest.Object, routes []route, own bool) {
		own = own || slices.ContainsFunc(routes, func(r route) bool { return slices.ContainsFunc(r.shares, toStable) })
		for _, r := range routes {
			if len(r.shares) > 1 {
				add(o, r)
			} else if len(r.shares) == 1 && own && r.takesAll && toCanary(r.shares[0]) {
				all = append(all, Weight{Percent: 100, Canary: Value{Text: "100", Object: o, Path: r.shares[0].path}, Route: r.asks, Alone: true})
			}
		}
	}
	for _, o := range t.objects {
		switch o.Group() + "/" + o.Kind {
		case istio + "/VirtualService":
			var routes []route
			for _, protocol := range []string{"http", "tls", "tcp"} {
				for i, written := range manifest.ListAt(o.Value, "spec", protocol) {
					r := routeOf(manifest.ListAt(written, "match"), "uri", "prefix")
					for j, to := range manifest.ListAt(written, "route") {
						namespace, host := hostOf(manifest.TextAt(to, "destination", "host"), o.Namespace)
						r.shares = append(r.shares, shareOf(to, 0, t.to(namespace, host, manifest.TextAt(to, "destination", "subset")), "spec", protocol, i, "route", j, "weight"))
					}
					routes = append(routes, r)
				}
			}
			judge(o, routes, slices.ContainsFunc(manifest.ListAt(o.Value, "spec", "hosts"), func(host any) bool {
				namespace, name := hostOf(fmt.Sprint(host), o.Namespace)
				return toStable(share{selector: t.to(namespace, name, "")})
			}))
		case "gateway.networking.k8s.io/HTTPRoute", "gateway.networking.k8s.io/GRPCRoute":
			var routes []route
			for i, rule := range manifest.ListAt(o.Value, "spec", "rules") {
				r := routeOf(manifest.ListAt(rule, "matches"), "path", "value")
				for j, to := range manifest.ListAt(rule, "backendRefs") {
					namespace := o.Namespace
					if other := manifest.TextAt(to, "namespace"); other != "" {
						namespace = other
					}
					r.shares = append(r.shares, shareOf(to, 1, t.to(namespace, manifest.TextAt(to, "name"), ""), "spec", "rules", i, "backendRefs", j, "weight"))
				}
				routes = append(routes, r)
			}
			judge(o, routes, false)
		case "networking.k8s.io/Ingress":
			b.ofIngress(in, o, t, canaries, &all)
		}
	}
	return all
}

// route is one of an object's, with where it sends to.
type route struct {
	asks     string // what requests have to meet, as JSON
	takesAll bool   // nothing
	chosen   bool   // more than a path, in every case: a header, say
	shares   []share
}

// routeOf is a route with conditions: of a path by the field and its key.
func routeOf(matches []any, field, key string) route {
	r := route{takesAll: len(matches) == 0, chosen: len(matches) > 0}
	if asks, err := json.Marshal(matches); err == nil {
		r.asks = string(asks)
	}
	for _, match := range matches {
		asked, _ := match.(map[string]any)
		further := slices.DeleteFunc(slices.Collect(maps.Keys(asked)), func(name string) bool { return name == field || name == "name" })
		path, _ := asked[field].(map[string]any)
		anywhere := asked[field] == nil || path[key] == "/" && (path["type"] == nil || path["type"] == "PathPrefix")
		r.takesAll = r.takesAll || len(further) == 0 && anywhere
		r.chosen = r.chosen && slices.ContainsFunc(further, func(name string) bool { return !slices.Contains([]string{"method", "port", "gateways"}, name) })
	}
	return r
}

func shareOf(to any, absent float64, selector labels, path ...any) share {
	s := share{selector: selector, weight: absent, path: path}
	if number, ok := numberOf(manifest.At(to, "weight")); ok {
		s.weight, s.said = number, true
	}
	return s
}

func numberOf(value any) (float64, bool) {
	switch value := value.(type) {
	case int64:
		return float64(value), true
	case float64:
		return value, true
	case string:
		number, err := strconv.ParseFloat(value, 64)
		return number, err == nil && number == number
	}
	return 0, false
}

// ofIngress is the weight that annotations of ingress-nginx give to a canary.
func (b *builder) ofIngress(in *stage, o *manifest.Object, t *traffic, canaries []labels, all *[]Weight) {
	const annotation = "nginx.ingress.kubernetes.io/canary"
	path := manifest.Path{"metadata", "annotations", annotation + "-weight"}
	written, _ := path.Lookup(o.Value)
	percent, ok := numberOf(written)
	if !ok || manifest.TextAt(o.Value, "metadata", "annotations", annotation) != "true" {
		return
	}
	for _, rule := range manifest.ListAt(o.Value, "spec", "rules") {
		for _, at := range manifest.ListAt(rule, "http", "paths") {
			to := t.to(o.Namespace, manifest.TextAt(at, "backend", "service", "name"), "")
			if to == nil || !selects(to, canaries) {
				continue
			}
			if total, ok := numberOf(manifest.At(o.Value, "metadata", "annotations", annotation+"-weight-total")); ok && total > 0 {
				percent = percent * 100 / total
			}
			*all = append(*all, Weight{Percent: percent, Canary: b.value(in, o, path)})
			return
		}
	}
}

// value is a field with the scalar that says it.
func (b *builder) value(in *stage, o *manifest.Object, path manifest.Path) Value {
	v := Value{Object: o, Path: path}
	found, ok := path.Lookup(o.Value)
	if !ok {
		return v
	}
	v.Text = plain(found)
	v.Scalar = b.scalar(in.targets[o], o, path, v.Text)
	return v
}

func plain(value any) string {
	if number, ok := value.(float64); ok {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// scalar is the one that says a field; zero where it cannot be told.
func (b *builder) scalar(target *check.Target, o *manifest.Object, path manifest.Path, text string) Scalar {
	at := target.Origin(o, path)
	documents, err := b.documents(at.File)
	if err != nil {
		return Scalar{}
	}
	found, ok := scalarAt(documents, at.Position)
	if !ok || !says(found.Text, text) {
		return Scalar{}
	}
	found.Environments = b.readers(found.File)
	return found
}

// says reports whether a scalar says a value: as a text, or as the same number.
func says(scalar, value string) bool {
	if scalar == value {
		return true
	}
	a, errA := strconv.ParseFloat(scalar, 64)
	b, errB := strconv.ParseFloat(value, 64)
	return errA == nil && errB == nil && a == b
}
