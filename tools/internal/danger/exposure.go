package danger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var exposed = &check.Check{
	Name:  "danger/exposed",
	Title: "Nothing new is open to the outside",
	Doc: "A Service that becomes a LoadBalancer, a host that an Ingress or a route answers for the first time, a host that loses its TLS, or the login that an annotation asked for: each is one line, " +
		"and from then on the address is found within minutes. A LoadBalancer that says that it is internal is none; a host that moves from one object to another is no new one.",
	Fix:      "Keep the Service inside (ClusterIP) behind what is guarded, keep TLS, and exempt a host that is meant to be public.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
		"https://kubernetes.io/docs/concepts/services-networking/ingress/#tls",
	},
	Was: exposedWas, Bad: exposedBad, Good: exposedGood,
	Run: each(lookForExposure),
}

func lookForExposure(s *scene) {
	for _, p := range s.pairs {
		if p.New != nil {
			s.service(p)
		}
	}
	s.hosts()
	for _, p := range s.changed() {
		s.guards(p)
	}
}

// reach is how far a Service is open.
func reach(o *manifest.Object) string {
	switch kind := manifest.TextAt(o.Value, "spec", "type"); {
	case kind == "LoadBalancer" && isInternal(o):
		return "internal LoadBalancer"
	case kind != "":
		return kind
	}
	return "ClusterIP"
}

// isInternal reports whether a cloud keeps the load balancer within its network.
func isInternal(o *manifest.Object) bool {
	for _, a := range [][2]string{
		{"service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"},
		{"service.beta.kubernetes.io/aws-load-balancer-internal", "true"},
		{"service.beta.kubernetes.io/aws-load-balancer-internal", "0.0.0.0/0"},
		{"service.beta.kubernetes.io/azure-load-balancer-internal", "true"},
		{"networking.gke.io/load-balancer-type", "internal"},
		{"cloud.google.com/load-balancer-type", "internal"},
		{"service.beta.kubernetes.io/openstack-internal-load-balancer", "true"},
		{"service.beta.kubernetes.io/oci-load-balancer-internal", "true"},
		{"load-balancer.hetzner.cloud/disable-public-network", "true"},
		{"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type", "private"},
	} {
		if strings.EqualFold(annotation(o, a[0]), a[1]) {
			return true
		}
	}
	return false
}

func (s *scene) service(p check.Pair) {
	if !is(p.New, "", "Service") || p.New.Hides(fields("spec")) || p.Old != nil && p.Old.Hides(fields("spec")) {
		return
	}
	path := fields("spec", "type")
	old, new := "no such Service", reach(p.New)
	if p.Old != nil {
		old = reach(p.Old)
	}
	outside := func(reach string) bool { return reach == "LoadBalancer" || reach == "NodePort" }
	if outside(new) && old != new && (old != "LoadBalancer" || new != "NodePort") {
		s.at(p.New, path, "exposed: %s is open outside of the cluster: %s → %s", title(p.New), old, new)
	}
	if p.Old == nil {
		return
	}
	had := manifest.ListAt(p.Old.Value, "spec", "externalIPs")
	for i, ip := range manifest.ListAt(p.New.Value, "spec", "externalIPs") {
		if !slices.Contains(had, ip) {
			s.at(p.New, fields("spec", "externalIPs"), "exposed: %s answers on %v: not among spec.externalIPs → entry %d", title(p.New), ip, i+1)
		}
	}
	ranges := fields("spec", "loadBalancerSourceRanges")
	limits, now := manifest.ListAt(p.Old.Value, ranges...), manifest.ListAt(p.New.Value, ranges...)
	everybody := func(list []any) bool { return len(list) == 0 || slices.Contains(list, any("0.0.0.0/0")) }
	if new == "LoadBalancer" && old == new && !everybody(limits) && everybody(now) {
		s.at(p.New, ranges, "exposed: %s is open to every address: %s: %v → %s", title(p.New), ranges, limits, shown(manifest.At(p.New.Value, ranges...)))
	}
}

// host is one that an object answers for.
type host struct {
	name string
	path manifest.Path
	tls  bool // of a kind that says so: it is served with TLS
}

// hostsOf are the hosts of an object; judges reports whether it is one that says how they are served.
func hostsOf(o *manifest.Object) (hosts []host, judges bool) {
	list := func(path manifest.Path, tls bool) {
		for i, name := range manifest.ListAt(o.Value, path...) {
			if text, ok := name.(string); ok {
				hosts = append(hosts, host{text, below(path, i), tls})
			}
		}
	}
	switch {
	case is(o, "networking.k8s.io", "Ingress"):
		secured := func(name string) bool {
			return slices.ContainsFunc(manifest.ListAt(o.Value, "spec", "tls"), func(entry any) bool {
				names := manifest.ListAt(entry, "hosts")
				return len(names) == 0 || slices.ContainsFunc(names, func(have any) bool { return covers(fmt.Sprint(have), name) })
			})
		}
		for i := range manifest.ListAt(o.Value, "spec", "rules") {
			path := below(fields("spec", "rules"), i, "host")
			name := manifest.TextAt(o.Value, path...)
			if name == "" {
				name = "*"
			}
			hosts = append(hosts, host{name, path, secured(name)})
		}
		return hosts, true
	case is(o, "route.openshift.io", "Route"):
		if name := manifest.TextAt(o.Value, "spec", "host"); name != "" {
			hosts = append(hosts, host{name, fields("spec", "host"), manifest.At(o.Value, "spec", "tls") != nil})
		}
		return hosts, true
	case o.Group() == "gateway.networking.k8s.io" && (o.Kind == "HTTPRoute" || o.Kind == "GRPCRoute" || o.Kind == "TLSRoute"):
		list(fields("spec", "hostnames"), false)
	case is(o, "networking.istio.io", "VirtualService"):
		gateways := manifest.ListAt(o.Value, "spec", "gateways")
		if slices.ContainsFunc(gateways, func(g any) bool { return g != "mesh" }) {
			list(fields("spec", "hosts"), false)
		}
	}
	return hosts, false
}

// covers reports whether a host, which may begin with a wildcard, is one that another stands for.
func covers(pattern, name string) bool {
	if pattern == name || pattern == "*" {
		return true
	}
	suffix, wild := strings.CutPrefix(pattern, "*.")
	_, rest, _ := strings.Cut(name, ".")
	return wild && rest == suffix
}

// isPublic tells a host that may be found from outside from the names of a cluster or a home.
func isPublic(name string) bool {
	if name == "*" {
		return true
	}
	last := name[strings.LastIndex(name, ".")+1:]
	return last != name && !slices.Contains([]string{"svc", "local", "localhost", "internal", "lan", "test", "home", "corp"}, last)
}

// hosts looks for hosts that are new to the target, and for those that lose their TLS.
func (s *scene) hosts() {
	served, secured := map[string]bool{}, map[string]bool{}
	for _, o := range s.olds() {
		hosts, _ := hostsOf(o)
		for _, h := range hosts {
			served[h.name] = true
			secured[h.name] = secured[h.name] || h.tls
		}
	}
	now := map[string]bool{} // with TLS
	for _, o := range s.news() {
		hosts, judges := hostsOf(o)
		for _, h := range hosts {
			now[h.name] = now[h.name] || h.tls || !judges // what routes does not say
		}
	}
	for _, o := range s.news() {
		hosts, judges := hostsOf(o)
		for _, h := range hosts {
			name := h.name
			if name == "*" {
				name = "any host"
			}
			switch {
			case o.Hides(h.path), !isPublic(h.name):
			case !served[h.name]:
				served[h.name] = true // said once
				s.at(o, h.path, "exposed: %s answers for %s: not served → served", title(o), name)
			case judges && secured[h.name] && !now[h.name]:
				now[h.name] = true
				s.at(o, h.path, "exposed: %s serves %s in the clear: TLS → none", title(o), name)
			}
		}
	}
}

// asking are annotations by which a controller asks who somebody is, or from where.
func asking() []string {
	var all []string
	for _, name := range []string{"auth-url", "auth-type", "auth-secret", "auth-tls-secret", "whitelist-source-range", "allowlist-source-range"} {
		all = append(all, "nginx.ingress.kubernetes.io/"+name)
	}
	return append(all, "haproxy.org/allow-list", "haproxy.org/auth-type", "traefik.ingress.kubernetes.io/router.middlewares", "alb.ingress.kubernetes.io/auth-type", "alb.ingress.kubernetes.io/inbound-cidrs")
}

// guards looks for what an entrance asked and asks no longer.
func (s *scene) guards(p check.Pair) {
	switch {
	case is(p.New, "networking.k8s.io", "Ingress"):
		for _, key := range asking() {
			path := fields("metadata", "annotations", key)
			if old := annotation(p.Old, key); old != "" && manifest.At(p.New.Value, path...) == nil && known(p, path, path) {
				s.at(p.New, path, "exposed: %s asks no longer what %s asked: %s → not set", title(p.New), key, old)
			}
		}
		path := fields("metadata", "annotations", "alb.ingress.kubernetes.io/scheme")
		if manifest.TextAt(p.New.Value, path...) == "internet-facing" && manifest.TextAt(p.Old.Value, path...) != "internet-facing" && known(p, path, path) {
			s.at(p.New, path, "exposed: %s is open to the internet: %s → internet-facing", title(p.New), shown(manifest.At(p.Old.Value, path...)))
		}
	case is(p.New, "networking.istio.io", "Gateway"):
		s.servers(p)
	case is(p.New, "gateway.networking.k8s.io", "Gateway"):
		s.listeners(p)
	}
}

func (s *scene) servers(p check.Pair) {
	list := fields("spec", "servers")
	for i, server := range manifest.ListAt(p.New.Value, list...) {
		at := below(list, i)
		port := manifest.At(server, "port", "number")
		for j, old := range manifest.ListAt(p.Old.Value, list...) {
			if port == nil || manifest.At(old, "port", "number") != port || !equal(manifest.At(old, "hosts"), manifest.At(server, "hosts")) || !known(p, below(list, j), at) {
				continue
			}
			from, to := manifest.TextAt(old, "port", "protocol"), manifest.TextAt(server, "port", "protocol")
			if (from == "HTTPS" || from == "TLS") && (to == "HTTP" || to == "TCP") {
				s.at(p.New, below(at, "port", "protocol"), "exposed: %s serves port %v in the clear: %s → %s", title(p.New), port, from, to)
			}
			if manifest.At(old, "tls", "httpsRedirect") == true && manifest.At(server, "tls", "httpsRedirect") != true {
				s.at(p.New, below(at, "tls", "httpsRedirect"), "exposed: %s answers in the clear on port %v: httpsRedirect: true → %s", title(p.New), port, shown(manifest.At(server, "tls", "httpsRedirect")))
			}
			if manifest.TextAt(old, "tls", "mode") == "MUTUAL" && to == from && manifest.TextAt(server, "tls", "mode") != "MUTUAL" {
				s.at(p.New, below(at, "tls", "mode"), "exposed: %s asks for no certificate of clients on port %v: MUTUAL → %s", title(p.New), port, shown(manifest.At(server, "tls", "mode")))
			}
		}
	}
}

func (s *scene) listeners(p check.Pair) {
	list := fields("spec", "listeners")
	for _, l := range parts(p.New, list) {
		old, had := counterpart(p.Old, list, l.name)
		if !had || !known(p, old.path, l.path) {
			continue
		}
		from, to := manifest.TextAt(p.Old.Value, below(old.path, "protocol")...), manifest.TextAt(p.New.Value, below(l.path, "protocol")...)
		if (from == "HTTPS" || from == "TLS") && (to == "HTTP" || to == "TCP") {
			s.at(p.New, below(l.path, "protocol"), "exposed: listener %q of %s serves in the clear: %s → %s", l.name, title(p.New), from, to)
		}
		path := below(l.path, "allowedRoutes", "namespaces", "from")
		was := manifest.TextAt(p.Old.Value, below(old.path, "allowedRoutes", "namespaces", "from")...)
		if manifest.TextAt(p.New.Value, path...) == "All" && was != "All" {
			s.at(p.New, path, "exposed: any namespace may put routes on listener %q of %s: %s → All", l.name, title(p.New), shown(manifest.At(p.Old.Value, below(old.path, "allowedRoutes", "namespaces", "from")...)))
		}
	}
}
