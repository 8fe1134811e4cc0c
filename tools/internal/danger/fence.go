package danger

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// direction is one way of requests, and how NetworkPolicies speak of it.
type direction struct{ name, rules, peers, whom string }

func directions() []direction {
	return []direction{{"Ingress", "ingress", "from", "is open to"}, {"Egress", "egress", "to", "may send to"}}
}

// block is a range of addresses that a NetworkPolicy opens, without some.
type block struct {
	cidr   netip.Prefix
	except []netip.Prefix
}

func blockOf(peer any) (block, bool) {
	cidr, err := netip.ParsePrefix(manifest.TextAt(peer, "ipBlock", "cidr"))
	if err != nil {
		return block{}, false
	}
	b := block{cidr: cidr.Masked()}
	for _, text := range manifest.ListAt(peer, "ipBlock", "except") {
		if except, err := netip.ParsePrefix(shown(text)); err == nil {
			b.except = append(b.except, except.Masked())
		}
	}
	return b, true
}

// opens are the addresses of a narrower range that a block has.
func (b block) opens(of netip.Prefix) []netip.Prefix {
	if b.cidr.Bits() >= of.Bits() || !b.cidr.Overlaps(of) {
		return nil
	}
	return without(of, b.except)
}

func (b block) has(all netip.Prefix) bool {
	return b.cidr.Bits() <= all.Bits() && b.cidr.Overlaps(all) && !slices.ContainsFunc(b.except, all.Overlaps)
}

// fenceRule is a rule of a NetworkPolicy that was over pods.
type fenceRule struct {
	peers []any
	ports []portRange
	every bool // port
}

func (r fenceRule) isFor(peer any) bool {
	return len(r.peers) == 0 || slices.ContainsFunc(r.peers, func(own any) bool { return equal(own, peer) })
}

// fenceRules are those of policies, in a direction.
func fenceRules(all []policy, d direction, w *manifest.Object) []fenceRule {
	var rules []fenceRule
	for _, p := range all {
		for _, rule := range manifest.ListAt(p.object.Value, "spec", d.rules) {
			ports := manifest.ListAt(rule, "ports")
			rules = append(rules, fenceRule{manifest.ListAt(rule, d.peers), portsOf(w, manifest.At(rule, "ports")), len(ports) == 0})
		}
	}
	return rules
}

// morePorts are the ranges of ports that a rule opens to peers which had fewer; a single one more is what a change of a rule is for. had
// is what they had.
func morePorts(rule any, d direction, w *manifest.Object, was []fenceRule) (more, had []string) {
	peers := manifest.ListAt(rule, d.peers)
	if len(peers) == 0 {
		peers = []any{nil} // everybody
	}
	words := func(ranges []portRange) []string {
		var all []string
		for _, r := range ranges {
			text := r.String()
			if r.isNowhere() {
				text = r.name
			}
			if !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
		return all
	}
	for _, peer := range peers {
		var own []portRange
		there, every := false, false
		for _, r := range was {
			if r.isFor(peer) {
				own = append(own, r.ports...)
				there, every = true, every || r.every
			}
		}
		if !there || every {
			continue
		}
		if len(manifest.ListAt(rule, "ports")) == 0 {
			return []string{"every port"}, words(own)
		}
		fresh := slices.DeleteFunc(portsOf(w, manifest.At(rule, "ports")), func(r portRange) bool { return r.first >= r.last || covered(r, own) })
		if len(fresh) > 0 {
			return words(fresh), words(own)
		}
	}
	return nil, nil
}

// excepted are the ranges of addresses that rules left out, and that a block of a rule opens.
func excepted(rule any, d direction, was []fenceRule) []string {
	var left, open []netip.Prefix
	var blocks []block
	for _, r := range was {
		if len(r.peers) == 0 {
			return nil
		}
		for _, peer := range r.peers {
			if b, is := blockOf(peer); is {
				blocks = append(blocks, b)
				left = append(left, b.except...)
			}
		}
	}
	for _, of := range left {
		for _, peer := range manifest.ListAt(rule, d.peers) {
			b, _ := blockOf(peer)
			for _, fresh := range b.opens(of) {
				had := slices.ContainsFunc(blocks, func(b block) bool { return b.has(fresh) })
				if !had && !slices.Contains(open, fresh) {
					open = append(open, fresh)
				}
			}
		}
	}
	var words []string
	for _, all := range open {
		words = append(words, all.String())
	}
	return words
}

// loosenedFences looks for rules that open more ports to those that they let through, or addresses that were left out.
func (s *scene) loosenedFences() {
	olds := slices.DeleteFunc(s.olds(), func(o *manifest.Object) bool { return !isNetworkPolicy(o) })
	before, known := policies(olds, isNetworkPolicy, fields("spec", "podSelector"))
	if !known {
		return
	}
	for _, p := range s.pairs {
		if p.New == nil || !isNetworkPolicy(p.New) || p.New.Hides(fields("spec")) || p.Old != nil && equal(manifest.At(p.Old.Value, "spec"), manifest.At(p.New.Value, "spec")) {
			continue
		}
		selector, ok := labelSelector(p.New, fields("spec", "podSelector"))
		if !ok {
			continue
		}
		for _, d := range directions() {
			if !directs(p.New, d.name) {
				continue
			}
			for i, rule := range manifest.ListAt(p.New.Value, "spec", d.rules) {
				wide := width(rule, d.peers)
				if d.name == "Ingress" && wide > 0 || wide == 2 && len(manifest.ListAt(rule, "ports")) == 0 {
					continue // open to all, which is told
				}
				at := below(fields("spec", d.rules), i)
				type loss struct{ open, from, to string }
				lost := map[loss][]*manifest.Object{}
				var losses []loss
				add := func(l loss, w *manifest.Object) {
					if len(lost[l]) == 0 {
						losses = append(losses, l)
					}
					lost[l] = append(lost[l], w)
				}
				for _, w := range selected(workloads(s.news()), p.New.Namespace, selector) {
					old := find(s.olds(), w)
					if old == nil || len(workloads([]*manifest.Object{old})) == 0 {
						continue
					}
					was := slices.DeleteFunc(over(before, old), func(have policy) bool { return !directs(have.object, d.name) })
					rules := fenceRules(was, d, old)
					if open := excepted(rule, d, rules); len(open) > 0 {
						add(loss{open: listed(open)}, w)
					}
					if more, had := morePorts(rule, d, w, rules); len(more) > 0 {
						add(loss{from: listed(had), to: strings.Join(more, ", ")}, w)
					}
				}
				for _, l := range losses {
					if l.open != "" {
						s.at(p.New, at, "protection lost: %s %s %s, by rule %d of %s: excepted → open", titles(lost[l]), d.whom, l.open, i+1, title(p.New))
						continue
					}
					s.at(p.New, at, "protection lost: %s %s those of rule %d of %s on more ports: %s → %s", titles(lost[l]), d.whom, i+1, title(p.New), l.from, l.to)
				}
			}
		}
	}
}
