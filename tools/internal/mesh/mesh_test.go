package mesh

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func parsed(t *testing.T, text string) *manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := documents[0].Objects()
	if err != nil {
		t.Fatal(err)
	}
	return objects[0]
}

func said(t *testing.T, text string) []string {
	t.Helper()
	var got []string
	for _, fault := range newValidator().faults(parsed(t, text)) {
		got = append(got, worded(fault.Path, fault.Message))
	}
	return got
}

// What Istio refuses, each with the field that it stands at.
func TestFaults(t *testing.T) {
	for name, test := range map[string]struct{ kind, spec, want string }{
		"ejection":        {"networking.istio.io/v1 DestinationRule", `{host: a, trafficPolicy: {outlierDetection: {maxEjectionPercent: 150}}}`, "spec.trafficPolicy.outlierDetection.maxEjectionPercent: percentage 150 is not in range 0..100"},
		"ejection twice":  {"networking.istio.io/v1 DestinationRule", `{host: a, trafficPolicy: {outlierDetection: {maxEjectionPercent: 150}}, subsets: [{name: b}, {name: v, trafficPolicy: {outlierDetection: {maxEjectionPercent: 150}}}]}`, "spec.subsets[1].trafficPolicy.outlierDetection.maxEjectionPercent: percentage 150 is not in range 0..100\nspec.trafficPolicy.outlierDetection.maxEjectionPercent: percentage 150 is not in range 0..100"},
		"empty pool":      {"networking.istio.io/v1 DestinationRule", `{host: a, trafficPolicy: {connectionPool: {}}}`, "spec.trafficPolicy.connectionPool: connection pool must have at least one field"},
		"negative pool":   {"networking.istio.io/v1 DestinationRule", `{host: a, trafficPolicy: {connectionPool: {tcp: {maxConnections: -1}}}}`, "spec.trafficPolicy.connectionPool.tcp.maxConnections: max connections must be non-negative"},
		"no certificate":  {"networking.istio.io/v1 DestinationRule", `{host: a, trafficPolicy: {tls: {mode: MUTUAL, privateKey: /k}}}`, "spec.trafficPolicy.tls.mode: client certificate required for mutual tls"},
		"RE2":             {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{match: [{uri: {prefix: /}}, {headers: {x: {regex: "a(?=b)"}}}], route: [{destination: {host: a}}]}]}`, "spec.http[0].match[1].headers.x.regex is no RE2: invalid or unsupported Perl syntax: `(?=`"},
		"CORS":            {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{corsPolicy: {allowOrigins: [{regex: "("}]}, route: [{destination: {host: a}}]}]}`, "spec.http[0].corsPolicy.allowOrigins[0].regex is no RE2: missing closing ): `(`"},
		"rewrite":         {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{rewrite: {uriRegexRewrite: {match: "(?<!a)b", rewrite: /}}, route: [{destination: {host: a}}]}]}`, "spec.http[0].rewrite.uriRegexRewrite.match is no RE2: invalid named capture: `(?<!a)b`"},
		"retryOn":         {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{retries: {attempts: 1, retryOn: "5xx,503,oops"}, route: [{destination: {host: a}}]}]}`, `spec.http[0].retries.retryOn: "oops" is not a valid retryOn policy`},
		"no attempts":     {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{retries: {attempts: 0, retryOn: 5xx, perTryTimeout: 2s}, route: [{destination: {host: a}}]}]}`, "spec.http[0].retries.attempts: http retry policy configured when attempts are set to 0 (disabled)"},
		"two ends":        {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{redirect: {uri: /a}, route: [{destination: {host: a}}]}]}`, "spec.http[0].redirect: HTTP route cannot contain both route and redirect"},
		"no end":          {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{route: [{destination: {host: a}}]}, {match: [{uri: {exact: /}}]}]}`, "spec.http[1]: HTTP route, redirect or direct_response is required"},
		"twice the host":  {"networking.istio.io/v1 VirtualService", `{hosts: [a, b, a], http: [{route: [{destination: {host: a}}]}]}`, "spec.hosts[2]: duplicate hosts in virtual service: a & a"},
		"everything":      {"networking.istio.io/v1 VirtualService", `{hosts: ["*"], http: [{route: [{destination: {host: a}}]}]}`, "spec.hosts[0]: wildcard host * is not allowed for virtual services bound to the mesh gateway"},
		"abort":           {"networking.istio.io/v1 VirtualService", `{hosts: [a], http: [{fault: {abort: {httpStatus: 50, percentage: {value: 10}}}, route: [{destination: {host: a}}]}]}`, "spec.http[0].fault.abort.httpStatus: HTTP status 50 is not in range 200-599"},
		"annotation":      {"networking.istio.io/v1 VirtualService", "{hosts: [a], http: [{route: [{destination: {host: a}}]}]}", ""},
		"gateway":         {"networking.istio.io/v1 Gateway", `{selector: {a: b}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com]}]}`, "spec.servers[0].port.protocol: server must have TLS settings for HTTPS/TLS protocols"},
		"redirect no TLS": {"networking.istio.io/v1 Gateway", `{selector: {a: b}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], tls: {mode: SIMPLE}}]}`, "spec.servers[0].tls.mode: SIMPLE TLS requires a private key; SIMPLE TLS requires a server certificate"},
		"mTLS of a port":  {"security.istio.io/v1 PeerAuthentication", `{portLevelMtls: {8080: {mode: STRICT}}}`, `spec.portLevelMtls["8080"]: mesh/namespace peer authentication cannot have port level mTLS`},
		"rule":            {"security.istio.io/v1 AuthorizationPolicy", `{action: DENY}`, "spec.action: DENY action without `rules` is meaningless as it will never be triggered, add an empty rule `{}` if you want it be triggered for every request"},
		"condition":       {"security.istio.io/v1 AuthorizationPolicy", `{rules: [{when: [{key: request.header, values: [a]}]}]}`, "spec.rules[0].when[0].key: invalid `notValue` for `key` request.header: unknown attribute: request.header; invalid `value` for `key` request.header: unknown attribute: request.header"},
		"issuer":          {"security.istio.io/v1 RequestAuthentication", `{jwtRules: [{issuer: a, jwksUri: "a b"}]}`, `spec.jwtRules[0].jwksUri: URI scheme "" is not supported`},
		"sampling":        {"telemetry.istio.io/v1 Telemetry", `{tracing: [{randomSamplingPercentage: 120}]}`, "spec.tracing[0].randomSamplingPercentage: randomSamplingPercentage must be in range [0.0, 100.0]"},
		"entry":           {"networking.istio.io/v1 ServiceEntry", `{hosts: [a.example.com], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: b.example.com}]}`, `spec.endpoints[0].address: endpoint address "b.example.com" is not a valid IP address`},
		"not Istio's":     {"example.com/v1 VirtualService", `{http: 1}`, ""},
		"another shape":   {"networking.istio.io/v1 VirtualService", `{http: 1}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			version, kind, _ := strings.Cut(test.kind, " ")
			got := strings.Join(said(t, fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: a, namespace: n}\nspec: %s\n", version, kind, test.spec)), "\n")
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// What a stranger can write takes neither the time nor the memory of a run.
func TestLargeObjects(t *testing.T) {
	repeat := func(n int, format string) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, format, i)
		}
		return all.String()
	}
	for name, test := range map[string]struct {
		spec  string
		found bool
	}{
		"one host":  {`{http: [{route: [{destination: {host: a}}]}], hosts: [` + strings.Repeat("a,", 50_000) + `]}`, true},
		"hosts":     {`{http: [{route: [{destination: {host: a}}]}], hosts: [` + repeat(20_000, "h%d,") + `]}`, false},
		"prefixes":  {`{hosts: [a], http: [{route: [{destination: {host: a}}], match: [` + strings.Repeat(`{uri: {prefix: /}},{uri: {prefix: /a}},`, 10_000) + `]}]}`, false},
		"chain":     {`{hosts: [a], http: [{route: [{destination: {host: a}}], match: [` + chain(1000) + `]}]}`, false},
		"faults":    {`{hosts: [a], http: [` + strings.Repeat(`{route: [{destination: {host: a}}], mirrorPercentage: {value: 200}},`, 5_000) + `]}`, true},
		"weights":   {`{hosts: [a], http: [{route: [` + strings.Repeat(`{destination: {host: a}, weight: -1},`, 10_000) + `]}]}`, true},
		"a pattern": {`{hosts: [a], http: [{route: [{destination: {host: a}}], match: [{uri: {regex: "` + strings.Repeat("(a{1000}){1000}", 20_000) + `"}}]}]}`, true},
		"null":      {`{hosts: [null], http: [null, {route: [null], match: [null]}], tls: [null], tcp: [null]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := said(t, "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a, namespace: n}\nspec: "+test.spec+"\n")
			if len(got) > 0 != test.found {
				t.Errorf("got %d faults", len(got))
			}
		})
	}
}

// chain are matches each of which has the one before as a prefix.
func chain(n int) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, "{uri: {prefix: /%s}},", strings.Repeat("a", i+1))
	}
	return all.String()
}

func TestProxyConfigFaults(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"holdApplicationUntilProxyStarts: true\nproxyMetadata: {ANY: 'true'}\nconcurrency: 0\n", ""},
		{"hold_application_until_proxy_starts: true\nterminationDrainDuration: 5.5s\ntracing: {zipkin: {address: a:1}, sampling: 10.5, customTags: {any: {literal: {value: a}}}}\n", ""},
		{"proxyStatsMatcher: {inclusionRegexps: ['.*a']}\nimage: {imageType: distroless}\ninterceptionMode: TPROXY\n", ""},
		{`{"concurrency": 2}`, ""},
		{"", ""},
		{"# nothing", ""},
		{"concurrency: 2\nholdApplicationUntilProxyStart: true", "2 Istio knows no field holdApplicationUntilProxyStart and passes over it; did you mean `holdApplicationUntilProxyStarts`?"},
		{"tracing:\n  zipkin:\n    adress: a", "3 Istio knows no field tracing.zipkin.adress and passes over it; did you mean `address`?"},
		{"anything: 1", "1 Istio knows no field anything and passes over it"},
		{"concurrency: many", "1 the webhook cannot read it and refuses the pods: invalid value for int32 field value: \"many\""},
		{"interceptionMode: any", "1 interceptionMode has no value any: the webhook refuses the pods"},
		{"text", "1 it is no mapping with fields of a ProxyConfig"},
		{"a: [", "1 it is no YAML: line 1: did not find expected node content"},
	} {
		var got []string
		for _, fault := range proxyConfigFaults(test.text) {
			got = append(got, fmt.Sprintf("%d %s", fault.line, fault.what))
		}
		if strings.Join(got, "\n") != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.text, strings.Join(got, "\n"), test.want)
		}
	}
}

func TestReaders(t *testing.T) {
	for name, values := range map[string][2]string{
		"sidecar.istio.io/proxyCPU":                        {"100m", "100 m"},
		"sidecar.istio.io/interceptionMode":                {"TPROXY", "tproxy"},
		"sidecar.istio.io/userVolume":                      {`[{"name": "a", "emptyDir": {}}]`, "[{name: a}]"},
		"prometheus.istio.io/merge-metrics":                {"false", "no"},
		"status.sidecar.istio.io/port":                     {"0", "http"},
		"traffic.sidecar.istio.io/excludeOutboundPorts":    {"5432, 6379", "5432;6379"},
		"traffic.sidecar.istio.io/includeInboundPorts":     {"*", "**"},
		"traffic.sidecar.istio.io/includeOutboundIPRanges": {"10.0.0.0/8,fd00::/8", "10.0.0.0"},
	} {
		read := readers()[name]
		if read == nil {
			t.Errorf("%s is not read", name)
			continue
		}
		if err := read(values[0]); err != nil {
			t.Errorf("%s: %s: %v", name, values[0], err)
		}
		if read(values[1]) == nil {
			t.Errorf("%s: %s is taken", name, values[1])
		}
	}
}
