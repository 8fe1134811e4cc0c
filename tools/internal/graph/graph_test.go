package graph

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func parse(t testing.TB, text string) []*manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var objects []*manifest.Object
	for _, d := range documents {
		of, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, of...)
	}
	return objects
}

// said is an edge as a sentence: "Service a/b sends to Deployment a/b", with "(outside)" behind what is not rendered.
func said(g Graph, e Edge) string {
	name := func(i int) string {
		n := g.Nodes[i]
		s := n.ID.String()
		if n.Part != "" {
			s += "#" + n.Part
		}
		if n.Outside {
			s += " (outside)"
		}
		return s
	}
	s := name(e.From) + " " + strings.Join(e.Verbs, "+") + " " + name(e.To)
	if e.Detail != "" {
		s += " [" + e.Detail + "]"
	}
	return s
}

const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: ns}
spec:
  template:
    metadata: {labels: {app: a, track: stable}}
    spec:
      serviceAccountName: runner
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: canary, namespace: ns}
spec:
  template:
    metadata: {labels: {app: a, track: canary}}
---
apiVersion: v1
kind: Service
metadata: {name: app, namespace: ns, labels: {scrape: "yes"}}
spec: {selector: {app: a}}
`

func TestRelations(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string // those of the objects that workload does not have
	}{
		{"pods are selected by their labels, in one namespace", `
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: ns}, spec: {selector: {track: canary}}}
---
{apiVersion: v1, kind: Service, metadata: {name: elsewhere, namespace: other}, spec: {selector: {track: canary}}}
---
{apiVersion: v1, kind: Service, metadata: {name: nothing, namespace: ns}, spec: {selector: {}}}
`, []string{"Service ns/s sends to Deployment ns/canary"}},
		{"expressions", `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: p, namespace: ns}
spec: {selector: {matchExpressions: [{key: track, operator: NotIn, values: [canary]}, {key: app, operator: Exists}]}}
`, []string{"PodDisruptionBudget ns/p keeps up Deployment ns/app"}},
		{"every pod is the namespace", `
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: ns}, spec: {podSelector: {}}}
---
{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: default, namespace: ns}, spec: {mtls: {mode: STRICT}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: ns}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: q, namespace: ns}}
`, []string{"NetworkPolicy ns/deny fences Namespace ns", "PeerAuthentication ns/default applies to Namespace ns", "ResourceQuota ns/q limits Namespace ns"}},
		{"scaling", `
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h, namespace: ns}, spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}}}
---
{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: k, namespace: ns}, spec: {scaleTargetRef: {name: canary}}}
---
{apiVersion: autoscaling.k8s.io/v1, kind: VerticalPodAutoscaler, metadata: {name: v, namespace: ns}, spec: {targetRef: {apiVersion: apps/v1, kind: StatefulSet, name: gone}}}
`, []string{
			"HorizontalPodAutoscaler ns/h scales Deployment ns/app", "ScaledObject ns/k scales Deployment ns/canary",
			"VerticalPodAutoscaler ns/v sizes StatefulSet ns/gone (outside)",
		}},
		{"a mesh", `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: ns}
spec:
  gateways: [mesh, gates/public]
  hosts: [app, app.ns.svc.cluster.local, www.example.com, "*"]
  http:
    - match: [{headers: {x: {exact: canary}}}]
      route: [{destination: {host: app, subset: canary}}]
    - route:
        - {destination: {host: app, subset: stable}, weight: 90}
        - {destination: {host: app.ns.svc.cluster.local, subset: canary}, weight: 10}
    - route: [{destination: {host: app, subset: nowhere}}, {destination: {host: old}, weight: 5}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: d, namespace: ns}
spec: {host: app, subsets: [{name: stable, labels: {track: stable}}, {name: canary, labels: {track: canary}}, {labels: {a: b}}]}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: whole, namespace: ns}, spec: {host: app}}
---
{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: t, namespace: ns}, spec: {selector: {matchLabels: {track: canary}}}}
`, []string{
			"Gateway gates/public (outside) admits to VirtualService ns/v",
			"VirtualService ns/v speaks for Service ns/app", "VirtualService ns/v speaks for host www.example.com (outside)",
			"VirtualService ns/v routes to DestinationRule ns/d#canary [on match, 10 %]", "VirtualService ns/v routes to DestinationRule ns/d#stable [90 %]",
			"VirtualService ns/v routes to DestinationRule ns/app#nowhere (outside)", "VirtualService ns/v routes to Service ns/old (outside) [5 %]",
			"DestinationRule ns/d defines DestinationRule ns/d#canary", "DestinationRule ns/d defines DestinationRule ns/d#stable",
			"DestinationRule ns/d#canary picks Deployment ns/canary", "DestinationRule ns/d#stable picks Deployment ns/app",
			"DestinationRule ns/whole shapes Service ns/app", "Telemetry ns/t applies to Deployment ns/canary",
		}},
		{"what pods need", `
apiVersion: batch/v1
kind: CronJob
metadata: {name: c, namespace: ns}
spec:
  jobTemplate:
    spec:
      template:
        spec:
          priorityClassName: high
          imagePullSecrets: [{name: pull}]
          initContainers: [{name: i, envFrom: [{configMapRef: {name: settings}}]}]
          containers:
            - name: c
              env:
                - {name: A, valueFrom: {secretKeyRef: {name: both, key: a}}}
                - {name: B, valueFrom: {configMapKeyRef: {name: maybe, key: a, optional: true}}}
                - {name: C, valueFrom: {configMapKeyRef: {name: here, key: a, optional: true}}}
          volumes:
            - {name: a, secret: {secretName: both}}
            - {name: b, persistentVolumeClaim: {claimName: data}}
            - {name: c, projected: {sources: [{configMap: {name: settings}}, {serviceAccountToken: {path: t}}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: here, namespace: ns}}
`, []string{
			"CronJob ns/c mounts PersistentVolumeClaim ns/data (outside)", "CronJob ns/c mounts+reads ConfigMap ns/settings (outside)",
			"CronJob ns/c mounts+reads Secret ns/both (outside)", "CronJob ns/c pulls with Secret ns/pull (outside)",
			"CronJob ns/c ranks as PriorityClass high (outside)", "CronJob ns/c reads ConfigMap ns/here",
		}},
		{"access", `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: kube-system}
roleRef: {kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: runner, namespace: ns}, {kind: ServiceAccount, name: near}, {kind: User, name: eve}]
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: runner, namespace: ns}}
`, []string{
			"RoleBinding kube-system/b grants ClusterRole reader (outside)", "RoleBinding kube-system/b to ServiceAccount kube-system/near (outside)",
			"RoleBinding kube-system/b to ServiceAccount ns/runner",
		}},
		{"operators", `
{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: db, namespace: ns}, spec: {superuserSecret: {name: root}}}
---
{apiVersion: postgresql.cnpg.io/v1, kind: ScheduledBackup, metadata: {name: nightly, namespace: ns}, spec: {cluster: {name: db}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: client, namespace: ns}, spec: {containers: [{envFrom: [{secretRef: {name: db-app}}]}]}}
---
{apiVersion: monitoring.coreos.com/v1, kind: PodMonitor, metadata: {name: m, namespace: watch}, spec: {namespaceSelector: {matchNames: [ns]}, selector: {matchLabels: {cnpg.io/cluster: db}}}}
---
{apiVersion: opentelemetry.io/v1beta1, kind: OpenTelemetryCollector, metadata: {name: o, namespace: ns}, spec: {serviceAccount: collector}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: policy, namespace: ns}, spec: {podSelector: {matchLabels: {app.kubernetes.io/instance: ns.o}}}}
`, []string{
			"Cluster ns/db reads Secret ns/root (outside)", "Cluster ns/db writes Secret ns/db-app (outside)", "NetworkPolicy ns/policy fences OpenTelemetryCollector ns/o",
			"OpenTelemetryCollector ns/o runs as ServiceAccount ns/collector (outside)", "Pod ns/client reads Secret ns/db-app (outside)",
			"PodMonitor watch/m scrapes Cluster ns/db", "ScheduledBackup ns/nightly backs up Cluster ns/db",
		}},
		{"what the fields of custom resources name", `
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: m, namespace: ns}
spec:
  endpoints:
    - authorization: {credentials: {name: token, key: t}}
      proxyConnectHeader: {X-A: [{name: header, key: k}]}
      tlsConfig: {ca: {configMap: {name: ca, key: c}}, keySecret: {name: maybe, key: k, optional: true}}
---
apiVersion: opentelemetry.io/v1beta1
kind: OpenTelemetryCollector
metadata: {name: o, namespace: ns}
spec:
  env: [{name: A, valueFrom: {secretKeyRef: {name: token, key: t}}}]
  volumes: [{name: v, configMap: {name: files}}]
---
{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: g, namespace: ns}, spec: {servers: [{tls: {credentialName: cert}}, {tls: {credentialNames: [gone]}}]}}
---
{apiVersion: v1, kind: Secret, metadata: {name: cert, namespace: ingress}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: ns}, imagePullSecrets: [{name: pull}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: w}
webhooks: [{name: a.b.c, clientConfig: {service: {name: app, namespace: ns}}}]
---
{apiVersion: v1, kind: Service, metadata: {name: app, namespace: elsewhere}}
---
{apiVersion: monitoring.coreos.com/v1, kind: Alertmanager, metadata: {name: al, namespace: ns}, spec: {secrets: [tls], configMaps: [templates]}}
---
{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: token, namespace: ns}}
---
{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: unread, namespace: ns}}
---
{apiVersion: external-secrets.io/v1, kind: ExternalSecret, metadata: {name: e, namespace: ns}, spec: {target: {name: named}}}
`, []string{
			"ServiceMonitor ns/m reads Secret ns/token (outside)", "ServiceMonitor ns/m reads Secret ns/header (outside)", "ServiceMonitor ns/m reads ConfigMap ns/ca (outside)",
			"OpenTelemetryCollector ns/o reads Secret ns/token (outside)", "OpenTelemetryCollector ns/o mounts ConfigMap ns/files (outside)",
			"Gateway ns/g reads Secret ingress/cert", "ServiceAccount ns/a pulls with Secret ns/pull (outside)",
			"ValidatingWebhookConfiguration w calls Service ns/app",
			"Alertmanager ns/al mounts Secret ns/tls (outside)", "Alertmanager ns/al mounts ConfigMap ns/templates (outside)",
			"ExternalSecret ns/token writes Secret ns/token (outside)", "ExternalSecret ns/e writes Secret ns/named (outside)",
		}},
		{"services that are watched and called", `
{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: m, namespace: watch}, spec: {namespaceSelector: {any: true}, selector: {matchLabels: {scrape: "yes"}}}}
---
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.x}, spec: {service: {name: app, namespace: ns}}}
---
{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s, namespace: ns}, spec: {serviceName: app, template: {metadata: {labels: {app: a}}}}}
`, []string{
			"APIService v1.x is served by Service ns/app", "Service ns/app sends to StatefulSet ns/s", "ServiceMonitor watch/m scrapes Service ns/app",
			"StatefulSet ns/s has names from Service ns/app",
		}},
		{"edges of the cluster", `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: ns}
spec: {tls: [{secretName: cert}], rules: [{http: {paths: [{backend: {service: {name: app}}}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: ns}
spec: {parentRefs: [{name: g, namespace: gates}], rules: [{backendRefs: [{name: app, weight: 3}, {kind: Bucket, name: b}]}]}
---
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: c, namespace: ns}, spec: {secretName: cert}}
`, []string{
			"Certificate ns/c writes Secret ns/cert (outside)", "Gateway gates/g (outside) admits to HTTPRoute ns/r", "HTTPRoute ns/r routes to Service ns/app [weight 3]",
			"Ingress ns/i reads Secret ns/cert (outside)", "Ingress ns/i routes to Service ns/app",
		}},
		{"Argo CD", `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: a, namespace: argocd}
spec: {project: p, source: {path: /overlays/dev/}, sources: [{path: more}, {chart: redis}]}
---
{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: p, namespace: argocd}}
`, []string{
			"Application argocd/a belongs to AppProject argocd/p", "Application argocd/a deploys chart redis (outside)",
			"Application argocd/a deploys folder more (outside)", "Application argocd/a deploys folder overlays/dev (outside)",
		}},
		{"what is malformed refers to nothing", `
{apiVersion: v1, kind: Service, metadata: {name: s, namespace: ns}, spec: [selector]}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: p, namespace: ns}, spec: {selector: {matchLabels: 3}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: policy, namespace: ns}, spec: {podSelector: {matchExpressions: [{key: a, operator: Odd}]}}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: ns}, spec: {hosts: [1, {a: b}], http: {a: b}, gateways: [2]}}
---
{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: 7, spec: null}
`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := Of(parse(t, workload))
			known := map[string]bool{}
			for _, e := range base.Edges {
				known[strings.ReplaceAll(said(base, e), " (outside)", "")] = true
			}
			if len(known) != 3 {
				t.Fatalf("the workload alone has %v", known)
			}
			g := Of(append(parse(t, workload), parse(t, test.text)...))
			var got []string
			for _, e := range g.Edges {
				if s := said(g, e); !known[strings.ReplaceAll(s, " (outside)", "")] {
					got = append(got, s)
				}
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(test.want, "\n  "))
			}
		})
	}
}

func TestParts(t *testing.T) {
	g := Graph{Nodes: make([]Node, 7), Edges: []Edge{{From: 5, To: 1}, {From: 2, To: 3}, {From: 4, To: 3}}}
	connected, alone := g.Parts()
	if fmt.Sprint(connected, alone) != "[[2 3 4] [1 5]] [0 6]" {
		t.Errorf("got %v and %v", connected, alone)
	}
}

func TestConcerns(t *testing.T) {
	for _, c := range concernsOfGroups {
		if !slices.Contains(Concerns(), c) {
			t.Errorf("%s has no place in the order", c)
		}
	}
	for id, want := range map[manifest.ID]Concern{
		{APIVersion: "v1", Kind: "Service"}: Traffic, {APIVersion: "apps/v1", Kind: "DaemonSet"}: Workload,
		{APIVersion: "postgresql.cnpg.io/v1", Kind: "ScheduledBackup"}: Config, {APIVersion: "a/b/c", Kind: "X"}: Other, {}: Other,
	} {
		if got := ConcernOf(id); got != want {
			t.Errorf("%v is %s, want %s", id, got, want)
		}
	}
}

// The files of this repository, as they are written, are a large graph that nobody made for this test.
func written(t testing.TB) []*manifest.Object {
	t.Helper()
	var objects []*manifest.Object
	root := filepath.Join("..", "..", "..")
	for _, folder := range []string{"base", "argocd"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			documents, err := manifest.ParseDocuments(path, text)
			if err != nil {
				return err
			}
			for _, d := range documents {
				if manifest.Text(d.Node, "kind") == "" {
					continue
				}
				of, err := d.Objects()
				if err != nil {
					return err
				}
				objects = append(objects, of...)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return objects
}
