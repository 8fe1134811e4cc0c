package access

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientOf returns the address that r comes from, the zero Addr where it cannot be told. What proxies say of it in
// X-Forwarded-For is read from the right, each word of it as far as who says it is trusted: what stands to the left of the
// first address that is no proxy's, the client may have written itself.
func ClientOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	from, ok := parseAddress(r.RemoteAddr)
	if !ok {
		return netip.Addr{}
	}
	isProxy := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && isProxy(from); i-- {
		said, ok := parseAddress(strings.TrimSpace(hops[i]))
		if !ok {
			break // nobody that can be named: the proxy is the last that is known
		}
		from = said
	}
	return from
}

// parseAddress reads an address, with a port or without.
func parseAddress(s string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(s); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}
