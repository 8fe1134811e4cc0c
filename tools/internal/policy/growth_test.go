package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/check"
)

// each is a workload with what is commonly beside it.
const each = `
{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web-%[1]d"}},
  "template": {"metadata": {"labels": {"app": "web-%[1]d", "part-of": "shop"}}, "spec": {"serviceAccountName": "web-%[1]d", "containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}],
    "env": [{"name": "NEXT_URL", "value": "http://web-%[2]d:80"}, {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "web-%[1]d", "key": "colour"}}}]}]}}}},
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web-%[1]d", "namespace": "shop", "labels": {"app": "web-%[1]d"}}, "spec": {"selector": {"app": "web-%[1]d"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}},
{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web-%[1]d", "namespace": "shop"}},
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "data": {"colour": "red"}},
{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"podSelector": {"matchLabels": {"app": "web-%[1]d"}}, "policyTypes": ["Ingress", "Egress"],
  "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web-%[3]d"}}}], "ports": [{"port": 8080}]}],
  "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "web-%[2]d"}}}], "ports": [{"port": 8080}]}, {"ports": [{"port": 53, "protocol": "UDP"}]}]}},
{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"hosts": ["web-%[1]d"],
  "http": [{"route": [{"destination": {"host": "web-%[1]d", "subset": "all", "port": {"number": 80}}}]}]}},
{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"host": "web-%[1]d", "subsets": [{"name": "all", "labels": {"part-of": "shop"}}]}},
{"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web-%[1]d"}}, "endpoints": [{"port": "http"}]}},
{"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web-%[1]d"}}, "podMetricsEndpoints": [{"port": "http"}]}},
{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web-%[1]d"}}, "maxUnavailable": 1}},
{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web-%[1]d"}, "minReplicas": 2, "maxReplicas": 5}},
{"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web-%[1]d", "namespace": "shop"}, "spec": {"rules": [{"host": "web-%[1]d.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web-%[1]d", "port": {"number": 80}}}}]}}]}}`

// effort counts what an evaluation does, which unlike its time is the same on every machine.
type effort int

func (s *effort) Enabled() bool               { return true }
func (s *effort) TraceEvent(topdown.Event)    { *s++ }
func (s *effort) Config() topdown.TraceConfig { return topdown.TraceConfig{} }
func (s *effort) of(t *testing.T, l *Library, u *unit, n int) effort {
	t.Helper()
	objects := make([]string, n)
	for i := range objects {
		objects[i] = fmt.Sprintf(each, i, (i+1)%n, (i+n-1)%n)
	}
	var value any
	if err := json.Unmarshal([]byte(`{"objects": [`+strings.Join(objects, ",")+`], "external": []}`), &value); err != nil {
		t.Fatal(err)
	}
	input, err := ast.InterfaceToValue(value)
	if err != nil {
		t.Fatal(err)
	}
	txn, err := l.store.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.store.Abort(t.Context(), txn)
	*s = 0
	if err := topdown.NewQuery(u.query).WithQueryCompiler(u.compiler).WithCompiler(u.part.compiler).WithStore(l.store).WithTransaction(txn).
		WithInput(ast.NewTerm(input)).WithQueryTracer(s).Iter(t.Context(), func(topdown.QueryResult) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return *s
}

// What a rule says of an overlay takes time by the number of its objects, not by a product of kinds.
func TestGrowth(t *testing.T) {
	library, err := Load(t.Context(), Source{Name: "policies", FS: policies.FS, Verified: true})
	if err != nil {
		t.Fatal(err)
	}
	all, err := library.firstPart(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const few, times = 10, 4
	for _, rule := range library.Rules {
		if rule.Scope != check.Overlay {
			continue
		}
		u, err := library.single(all, rule)
		if err != nil {
			t.Fatal(err)
		}
		var s effort
		before, after := s.of(t, library, u, few), s.of(t, library, u, few*times)
		if float64(after) > 1.5*times*float64(before) {
			t.Errorf("%s takes %d steps for %d objects of each kind, and %d for %d: look up by name, namespace or label what it walks",
				rule.Name, before, few, after, few*times)
		}
	}
}
