// Package mesh is what istiod's validating webhook would say of Istio's resources: Istio's own code, and the fields that it means.
package mesh

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	extensions "istio.io/api/extensions/v1alpha1"
	networking "istio.io/api/networking/v1alpha3"
	beta "istio.io/api/networking/v1beta1"
	security "istio.io/api/security/v1beta1"
	telemetry "istio.io/api/telemetry/v1alpha1"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/validation"
	"istio.io/istio/pkg/log"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Module is the Go module whose code judges.
const Module = "istio.io/istio"

// kind is how the specs of a kind are read and judged.
type kind struct {
	spec     func() proto.Message
	validate validation.ValidateFunc
}

// kinds are Istio's, by group and kind. EnvoyFilter is left out: what it holds is Envoy's, and linking that is heavy.
func kinds() map[string]map[string]kind {
	return map[string]map[string]kind{
		"extensions.istio.io": {
			"WasmPlugin": {func() proto.Message { return &extensions.WasmPlugin{} }, validation.ValidateWasmPlugin},
		},
		"networking.istio.io": {
			"DestinationRule": {func() proto.Message { return &networking.DestinationRule{} }, validation.ValidateDestinationRule},
			"Gateway":         {func() proto.Message { return &networking.Gateway{} }, validation.ValidateGateway},
			"ProxyConfig":     {func() proto.Message { return &beta.ProxyConfig{} }, validation.ValidateProxyConfig},
			"ServiceEntry":    {func() proto.Message { return &networking.ServiceEntry{} }, validation.ValidateServiceEntry},
			"Sidecar":         {func() proto.Message { return &networking.Sidecar{} }, validation.ValidateSidecar},
			"VirtualService":  {func() proto.Message { return &networking.VirtualService{} }, validation.ValidateVirtualService},
			"WorkloadEntry":   {func() proto.Message { return &networking.WorkloadEntry{} }, validation.ValidateWorkloadEntry},
			"WorkloadGroup":   {func() proto.Message { return &networking.WorkloadGroup{} }, validation.ValidateWorkloadGroup},
		},
		"security.istio.io": {
			"AuthorizationPolicy":   {func() proto.Message { return &security.AuthorizationPolicy{} }, validation.ValidateAuthorizationPolicy},
			"PeerAuthentication":    {func() proto.Message { return &security.PeerAuthentication{} }, validation.ValidatePeerAuthentication},
			"RequestAuthentication": {func() proto.Message { return &security.RequestAuthentication{} }, validation.ValidateRequestAuthentication},
		},
		"telemetry.istio.io": {
			"Telemetry": {func() proto.Message { return &telemetry.Telemetry{} }, validation.ValidateTelemetry},
		},
	}
}

// Fault is one thing that istiod holds against an object, and the field that it means.
type Fault struct {
	Path    manifest.Path
	Message string
}

// validator judges objects. Istio's code writes what it deprecates to standard output, which is the report's.
type validator struct{ kinds map[string]map[string]kind }

func newValidator() *validator {
	log.FindScope("validation").SetOutputLevel(log.NoneLevel)
	return &validator{kinds()}
}

// faults are what istiod holds against an object; none for what is not Istio's, or is no such object at all: that is for the
// API server to say.
func (v *validator) faults(object *manifest.Object) []Fault {
	known, ok := v.kinds[object.Group()][object.Kind]
	if !ok {
		return nil
	}
	t := &trial{kind: known, name: object.Name, namespace: object.Namespace, left: budget}
	whole := map[string]any{}
	if annotations, ok := manifest.At(object.Value, "metadata", "annotations").(map[string]any); ok {
		whole["metadata"] = map[string]any{"annotations": annotations}
	}
	spec, ok := object.Value["spec"].(map[string]any)
	if !ok {
		spec = map[string]any{}
	}
	whole["spec"] = spec
	all, ok := t.judge(whole)
	if !ok || len(all) == 0 {
		return nil
	}
	t.whole, t.all = whole, all
	var found []Fault
	t.locate(nil, whole, all, func(path manifest.Path, messages []string) {
		if len(path) == 0 {
			path = manifest.Path{"spec"}
		}
		found = append(found, Fault{settled(spec, path, messages[0]), strings.Join(messages, "; ")})
	})
	return found
}

// budget is how many bytes of JSON one object's faults may take to find: a fault stands at the whole of what is too large.
const budget = 4 << 20

// trial finds what a message of Istio's is about, which names no field: what it is not said without.
type trial struct {
	kind            kind
	name, namespace string
	whole           map[string]any
	all             map[string]int // every message with how often it is said
	left            int
}

// locate hands on, for each of the messages about a value of the object, the deepest field without which it is not said.
func (t *trial) locate(at manifest.Path, value any, messages map[string]int, found func(manifest.Path, []string)) {
	type child struct {
		key      any
		value    any
		gone     map[string]int // messages that are not said without it
		follows  bool           // others are said in their place
		messages map[string]int
	}
	var children []*child
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			children = append(children, &child{key: key, value: v})
		}
		slices.SortFunc(children, func(a, b *child) int { return strings.Compare(a.key.(string), b.key.(string)) })
	case []any:
		for i, v := range slices.Backward(value) { // of two that clash the second
			children = append(children, &child{key: i, value: v})
		}
	}
	for _, c := range children {
		if t.left <= 0 {
			break
		}
		without, ok := t.judge(remove(t.whole, append(slices.Clone(at), c.key)).(map[string]any))
		if !ok {
			continue
		}
		c.gone = map[string]int{}
		for message, n := range t.all {
			if gone := n - without[message]; gone > 0 && messages[message] > 0 {
				c.gone[message] = gone
			}
		}
		for message := range without {
			c.follows = c.follows || t.all[message] == 0
		}
	}
	rest := map[string]int{}
	for message, n := range messages {
		rest[message] = n
	}
	vague := map[string]int{}  // how many fields the message is not said without, where others are said in its place
	quoted := map[string]int{} // how long the longest of them is that the message quotes
	for _, c := range children {
		for message := range c.gone {
			if c.follows {
				vague[message]++
				quoted[message] = max(quoted[message], quotes(message, c.value))
			}
		}
	}
	for _, follows := range []bool{false, true} {
		for _, c := range children {
			if c.follows != follows {
				continue
			}
			for message, gone := range c.gone {
				if n := min(gone, rest[message]); n > 0 && (!follows || vague[message] == 1 || quoted[message] > 0 && quoted[message] == quotes(message, c.value)) {
					if c.messages == nil {
						c.messages = map[string]int{}
					}
					c.messages[message] = n
					rest[message] -= n
				}
			}
		}
	}
	for _, c := range children {
		if len(c.messages) > 0 {
			t.locate(append(slices.Clone(at), c.key), c.value, c.messages, found)
		}
	}
	var here []string
	for message, n := range rest {
		if n > 0 {
			here = append(here, message)
		}
	}
	if len(here) > 0 {
		slices.Sort(here)
		found(at, here)
	}
}

// quotes is how long a text is that a message holds; 0 for another.
func quotes(message string, value any) int {
	if text, ok := value.(string); ok && strings.Contains(message, text) {
		return len(text)
	}
	return 0
}

// remove is a value without what is at a path, which it has; what is beside the path is shared.
func remove(value any, path manifest.Path) any {
	switch value := value.(type) {
	case map[string]any:
		key := path[0].(string)
		out := make(map[string]any, len(value))
		for k, v := range value {
			if k != key {
				out[k] = v
			} else if len(path) > 1 {
				out[k] = remove(v, path[1:])
			}
		}
		return out
	case []any:
		i := path[0].(int)
		if len(path) == 1 {
			return slices.Delete(slices.Clone(value), i, i+1)
		}
		out := slices.Clone(value)
		out[i] = remove(value[i], path[1:])
		return out
	}
	return value
}

// judge is what Istio says of an object, each message with how often; false for what is no object of the kind.
func (t *trial) judge(whole map[string]any) (map[string]int, bool) {
	spec := whole["spec"]
	if spec == nil {
		spec = map[string]any{}
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, false
	}
	t.left -= len(text) + 1024
	message := t.kind.spec()
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, message); err != nil {
		return nil, false
	}
	bounded(message)
	annotations := map[string]string{}
	if all, ok := manifest.At(whole, "metadata", "annotations").(map[string]any); ok {
		for key, value := range all {
			if text, ok := value.(string); ok {
				annotations[key] = text
			}
		}
	}
	namespace := t.namespace
	if namespace == "" {
		namespace = "default"
	}
	_, err = t.kind.validate(config.Config{Meta: config.Meta{Name: t.name, Namespace: namespace, Annotations: annotations}, Spec: message})
	said := map[string]int{}
	for _, leaf := range leaves(err) {
		t.left -= 256
		if leaf = policy.ReplaceAllString(leaf, ""); !strings.HasSuffix(leaf, " has errors") { // which follow
			said[leaf]++
		}
	}
	return said, true
}

// policy is what Istio puts before the messages about a policy of authorization, which it gives without as well.
var policy = regexp.MustCompile(`^invalid policy [^ ]+: `)

// mostHosts is how many hosts of one object are held against each other.
const mostHosts = 256

// bounded takes from a spec what Istio's code would look at in time that grows with the square. The prefixes are for its
// warnings alone, which mesh/routes-reached has of its own.
func bounded(message proto.Message) {
	service, ok := message.(*networking.VirtualService)
	if !ok {
		return
	}
	service.Hosts = service.Hosts[:min(len(service.Hosts), mostHosts)]
	for _, route := range service.Http {
		for _, match := range route.GetMatch() {
			if prefix, ok := match.GetUri().GetMatchType().(*networking.StringMatch_Prefix); ok {
				prefix.Prefix = ""
			}
		}
	}
}

// leaves are the messages that an error joins.
func leaves(err error) []string {
	var inside []error
	switch joined := err.(type) {
	case nil:
		return nil
	case interface{ WrappedErrors() []error }:
		inside = joined.WrappedErrors()
	case interface{ Unwrap() []error }:
		inside = joined.Unwrap()
	case validation.Validation:
		return leaves(joined.Err)
	default:
		return []string{err.Error()}
	}
	var all []string
	for _, e := range inside {
		all = append(all, leaves(e)...)
	}
	return all
}

// meant are the fields that a message is about where others go with it as well.
var meant = []struct{ message, field string }{
	{"http retry policy configured when attempts are set to 0", "attempts"},
	{"but split external local origin errors is set to false", "consecutiveLocalOriginFailures"},
}

// settled is the path of a message, or that of a field beside it or in it which is to be edited.
func settled(spec map[string]any, path manifest.Path, message string) manifest.Path {
	for _, m := range meant {
		if !strings.Contains(message, m.message) {
			continue
		}
		for _, parent := range []manifest.Path{path, path[:len(path)-1]} {
			field := append(slices.Clone(parent), m.field)
			if _, ok := field.Lookup(map[string]any{"spec": spec}); ok {
				return field
			}
		}
	}
	return path
}

var notRE2 = regexp.MustCompile(`^"[^"]*": error parsing regexp: (.*); Istio uses RE2`)

// worded is a message as findings have it.
func worded(path manifest.Path, message string) string {
	if match := notRE2.FindStringSubmatch(message); match != nil {
		return fmt.Sprintf("%s is no RE2: %s", path, match[1])
	}
	return fmt.Sprintf("%s: %s", path, message)
}
