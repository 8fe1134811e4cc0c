package danger

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// condition is what a rule of an AuthorizationPolicy asks of a request: that an attribute has one of the values, or that it has none.
type condition struct {
	field  string // as a source or an operation has it, without not, or the key of a when
	values []string
	not    bool

	templates map[string]*regexp.Regexp // of those values that are some
}

func newCondition(field string, values []string, not bool) condition {
	c := condition{field: field, values: values, not: not}
	for _, value := range values {
		if field == "paths" && isTemplate(value) {
			if c.templates == nil {
				c.templates = map[string]*regexp.Regexp{}
			}
			c.templates[value] = template(value)
		}
	}
	return c
}

func (c condition) negated() condition {
	c.not = !c.not
	return c
}

// String is the field as a rule has it.
func (c condition) String() string {
	switch {
	case !c.not:
		return c.field
	case c.field == "": // a when without a key
		return "notValues"
	case strings.Contains(c.field, "."):
		return "notValues of " + c.field
	}
	return "not" + strings.ToUpper(c.field[:1]) + c.field[1:]
}

// conditions are one way to meet a rule: all of them hold. None is every request.
type conditions []condition

// whenFields are the keys that ask what a source or an operation asks as well.
func whenFields() map[string]string {
	return map[string]string{
		"source.principal":       "principals",
		"source.namespace":       "namespaces",
		"source.serviceAccount":  "serviceAccounts",
		"source.ip":              "ipBlocks",
		"remote.ip":              "remoteIpBlocks",
		"request.auth.principal": "requestPrincipals",
		"destination.port":       "ports",
	}
}

// conditionsOf are the ways to meet a rule of a policy of a namespace.
// https://istio.io/latest/docs/reference/config/security/authorization-policy/
func conditionsOf(rule any, namespace string) []conditions {
	ask := func(to *conditions, field string, values []any, not bool) {
		if len(values) == 0 {
			return
		}
		var texts []string
		for _, value := range values {
			text := shown(value)
			if field == "serviceAccounts" && !strings.Contains(text, "/") {
				text = namespace + "/" + text
			}
			texts = append(texts, text)
		}
		*to = append(*to, newCondition(field, texts, not))
	}
	ways := []conditions{nil}
	for _, part := range [][2]string{{"from", "source"}, {"to", "operation"}} {
		entries := manifest.ListAt(rule, part[0])
		var each []conditions
		for _, entry := range entries {
			var own conditions
			content, _ := manifest.At(entry, part[1]).(map[string]any)
			for _, field := range slices.Sorted(maps.Keys(content)) {
				name, not := strings.CutPrefix(field, "not")
				if not {
					name = strings.ToLower(name[:min(1, len(name))]) + name[min(1, len(name)):]
				}
				ask(&own, name, manifest.ListAt(content, field), not)
			}
			for _, way := range ways {
				each = append(each, slices.Concat(way, own))
			}
		}
		if len(entries) > 0 {
			ways = each
		}
	}
	var own conditions
	for _, when := range manifest.ListAt(rule, "when") {
		field := manifest.TextAt(when, "key")
		if name, alike := whenFields()[field]; alike {
			field = name
		}
		ask(&own, field, manifest.ListAt(when, "values"), false)
		ask(&own, field, manifest.ListAt(when, "notValues"), true)
	}
	for i, way := range ways {
		ways[i] = slices.Concat(way, own)
	}
	return ways
}

// identity is the attribute that several fields ask about: the SPIFFE name of a caller, which says its namespace and its account.
const identity = "identity"

// attribute is what a field asks about.
func attribute(field string) string {
	if slices.Contains([]string{"principals", "namespaces", "serviceAccounts"}, field) {
		return identity
	}
	return field
}

// isOfOperation reports a field that is asked of what is requested, and not of who requests it.
func isOfOperation(field string) bool {
	return slices.Contains([]string{"hosts", "ports", "methods", "paths"}, field)
}

func isOfAddress(field string) bool {
	return slices.Contains([]string{"ipBlocks", "remoteIpBlocks", "destination.ip"}, field)
}

// isOfToken reports a field that is asked of a token that a request brings, or leaves out.
func isOfToken(field string) bool {
	return field == "requestPrincipals" || strings.HasPrefix(field, "request.auth.")
}

// isOptional reports an attribute that a request may be without.
func isOptional(field string) bool { return isOfToken(field) || strings.HasPrefix(field, "request.") }

// spiffe is the name of a caller by its parts, as Istio writes it.
type spiffe struct{ domain, namespace, account string }

var spiffeName = regexp.MustCompile(`^([^/]*)/ns/([^/]*)/sa/([^/]*)$`)

func parseSPIFFE(text string) (spiffe, bool) {
	parts := spiffeName.FindStringSubmatch(text)
	if parts == nil {
		return spiffe{}, false
	}
	return spiffe{parts[1], parts[2], parts[3]}, true
}

func (s spiffe) String() string { return s.domain + "/ns/" + s.namespace + "/sa/" + s.account }

// anyCaller is one of the mesh that no policy names, and anyPath what no policy names either.
const (
	anyCaller = "cluster.local/ns/" + anyOther + "/sa/" + anyOther
	anyPath   = "/" + anyOther
)

// meets reports whether a text of the attribute that the condition is about meets it. Without a text, a request has none.
func (c condition) meets(text string) bool {
	return c.not != slices.ContainsFunc(c.values, func(value string) bool { return c.fits(value, text) })
}

// fits reports whether a text has a value, which may begin or end with *.
func (c condition) fits(value, text string) bool {
	switch {
	case text == "":
		return false
	case isOfAddress(c.field):
		block, ok := parseBlock(value)
		address, err := netip.ParseAddr(text)
		return ok && err == nil && block.Contains(address)
	case c.field == "namespaces":
		of, _ := parseSPIFFE(text)
		text = of.namespace
	case c.field == "serviceAccounts":
		of, _ := parseSPIFFE(text)
		text = of.namespace + "/" + of.account
	case c.field == "hosts":
		value, text = strings.ToLower(value), strings.ToLower(text)
	case c.field == "paths" && isTemplate(value):
		return c.templates[value].MatchString(text)
	}
	return fits(value, text)
}

// fits reports whether a text fits a value that may begin or end with *.
func fits(pattern, text string) bool {
	if end, wild := strings.CutPrefix(pattern, "*"); wild {
		return strings.HasSuffix(text, end)
	}
	if begin, wild := strings.CutSuffix(pattern, "*"); wild {
		return strings.HasPrefix(text, begin)
	}
	return pattern == text
}

// isTemplate reports a path with {*}, a segment, or {**}, any number of them.
func isTemplate(path string) bool { return strings.Contains(path, "{*") }

func template(path string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.NewReplacer(`\{\*\*\}`, ".*", `\{\*\}`, "[^/]+").Replace(regexp.QuoteMeta(path)) + "$")
}

func parseBlock(text string) (netip.Prefix, bool) {
	if block, err := netip.ParsePrefix(text); err == nil {
		return block.Masked(), true
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(address, address.BitLen()), true
}

// isAll reports a condition that every request meets which has the attribute at all.
func (c condition) isAll() bool {
	if c.not {
		return false
	}
	if isOfAddress(c.field) {
		var blocks []netip.Prefix
		for _, value := range c.values {
			if block, ok := parseBlock(value); ok {
				blocks = append(blocks, block)
			}
		}
		return coverAll(blocks)
	}
	return c.meets(c.other())
}

// other is a text of the attribute that no policy names.
func (c condition) other() string {
	switch {
	case attribute(c.field) == identity:
		return anyCaller
	case c.field == "paths":
		return anyPath
	}
	return anyOther
}

// samples are texts of an attribute of which one meets conditions on it, if any does. They are false where that is not so.
func samples(of conditions) (all []string, enough bool) {
	field := of[0].field
	switch {
	case attribute(field) == identity:
		return callers(of)
	case isOfAddress(field):
		return addresses(of), true
	}
	var begins, ends []string
	patterns, templates := 0, false // by two of which texts may be asked for that are samples of neither
	for _, c := range of {
		exact := true
		var texts []string
		for _, value := range c.values {
			end, wild := strings.CutPrefix(value, "*")
			begin, open := strings.CutSuffix(value, "*")
			switch {
			case wild:
				ends = append(ends, end)
			case open:
				begins = append(begins, begin)
			case c.field == "paths" && isTemplate(value):
				exact, templates = false, templates || !c.not
				for _, rest := range []string{"", anyOther, anyOther + "/" + anyOther} {
					all = append(all, strings.NewReplacer("{**}", rest, "{*}", anyOther).Replace(value))
				}
			default:
				texts = append(texts, value)
			}
			exact = exact && !wild && !open
		}
		if exact && !c.not {
			return texts, true
		}
		if all = append(all, texts...); !c.not {
			patterns++
		}
	}
	all = append(all, of[0].other())
	if len(begins)*len(ends) > mostSamples {
		return all, false
	}
	if begins = append(begins, ""); field == "paths" {
		begins = append(begins, "/")
	}
	for _, begin := range begins {
		for _, end := range append(ends, "") {
			all = append(all, begin+end, begin+anyOther+end)
		}
	}
	return slices.DeleteFunc(all, func(text string) bool { return text == "" || field == "paths" && text[0] != '/' }), !templates || patterns < 2
}

// mostSamples bounds how many texts are made of parts of others.
const mostSamples = 4096

// isOfDomains reports a caller of a trust domain that there is for certain: one that conditions name, else the default.
func isOfDomains(text string, all conditions) bool {
	domain, _, _ := strings.Cut(text, "/")
	named := false
	for _, c := range all {
		for _, value := range c.values {
			if of, _, is := strings.Cut(value, "/"); c.field == "principals" && is && !strings.Contains(of, "*") {
				if of == domain {
					return true
				}
				named = true
			}
		}
	}
	return !named && domain == "cluster.local"
}

// callers are samples of the names of callers: those that are named, and all that the parts of names make together.
func callers(of conditions) (all []string, enough bool) {
	domains, namespaces, accounts := []string{"cluster.local", anyOther}, []string{anyOther}, []string{anyOther}
	add := func(to *[]string, text string) {
		if !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	name := func(text string) {
		if parsed, is := parseSPIFFE(text); is {
			add(&domains, parsed.domain)
			add(&namespaces, parsed.namespace)
			add(&accounts, parsed.account)
		}
	}
	edges := []int{0, len(anyCaller)} // of the parts of a name
	for i, r := range anyCaller {
		if r == '/' {
			edges = append(edges, i, i+1)
		}
	}
	// What a * stands for in a part of a name.
	filled := func(value string) []string {
		end, wild := strings.CutPrefix(value, "*")
		if wild {
			return []string{anyOther + end}
		}
		if begin, open := strings.CutSuffix(value, "*"); open {
			return []string{begin, begin + anyOther}
		}
		return []string{value}
	}
	for _, c := range of {
		for _, value := range c.values {
			switch c.field {
			case "namespaces":
				for _, text := range filled(value) {
					add(&namespaces, text)
				}
			case "serviceAccounts":
				namespace, account, _ := strings.Cut(value, "/")
				add(&namespaces, namespace)
				add(&accounts, account)
			default:
				if !strings.Contains(value, "*") {
					name(value)
					add(&all, value)
					continue
				}
				// Whichever part the * ends or begins in, one of these completes the name.
				if end, wild := strings.CutPrefix(value, "*"); wild {
					for _, i := range edges {
						name(anyCaller[:i] + end)
						name(anyCaller[:i] + anyOther + end)
					}
					continue
				}
				begin, _ := strings.CutSuffix(value, "*")
				for _, i := range edges {
					name(begin + anyCaller[i:])
					name(begin + anyOther + anyCaller[i:])
				}
			}
		}
	}
	if len(domains)*len(namespaces)*len(accounts) > mostSamples {
		return all, false
	}
	for _, domain := range domains {
		for _, namespace := range namespaces {
			for _, account := range accounts {
				add(&all, spiffe{domain, namespace, account}.String())
			}
		}
	}
	return all, true
}

// addresses are samples of those of blocks: where each begins, and what comes after it. Of a family that nobody speaks of there are none:
// 0.0.0.0/0 is meant for everybody.
func addresses(of conditions) []string {
	var all []string
	for _, c := range of {
		for _, value := range c.values {
			block, ok := parseBlock(value)
			if !ok {
				continue
			}
			first := netip.IPv4Unspecified()
			if block.Addr().Is6() {
				first = netip.IPv6Unspecified()
			}
			all = append(all, first.String(), block.Addr().String())
			last := block.Addr().AsSlice()
			for bit := block.Bits(); bit < len(last)*8; bit++ {
				last[bit/8] |= 0x80 >> (bit % 8)
			}
			if end, _ := netip.AddrFromSlice(last); end.Next().IsValid() {
				all = append(all, end.Next().String())
			}
		}
	}
	return all
}

// certainty is how far something is known.
type certainty int

const (
	never certainty = iota
	maybe
	surely
)

// mostTries bounds how many values samples are held to by a question, and all of a target; what is beyond may be so.
const mostTries = 1_000_000

// question is one about the requests that there may be.
type question struct {
	plain bool // callers without mutual TLS are taken, who have no name
	gone  bool // the pods may be there no more
	tries *int
}

// isSpent reports that nothing is looked at any more: what may be so is.
func (q question) isSpent() bool { return *q.tries < 0 }

// possible reports whether there are requests that meet conditions. What is asked of the caller by more than one attribute may be of nobody:
// which addresses, names and tokens are of one is not known here.
func (q question) possible(all conditions) certainty {
	result, asked := surely, 0
	var told []string
	for _, c := range all {
		name := attribute(c.field)
		if slices.Contains(told, name) {
			continue
		}
		told = append(told, name)
		of := slices.DeleteFunc(slices.Clone(all), func(o condition) bool { return attribute(o.field) != name })
		found, bound := q.attribute(of)
		if result = min(result, found); result == never {
			return never
		}
		if bound {
			asked++
		}
	}
	if asked > 1 || q.gone {
		return min(result, maybe)
	}
	return result
}

// attribute is possible for one attribute. It is bound where not just anybody meets the conditions.
func (q question) attribute(of conditions) (found certainty, bound bool) {
	field := of[0].field
	for _, c := range of {
		*q.tries -= len(c.values)
	}
	if contradicts(of) {
		return never, false
	}
	meets := func(text string) bool {
		return !slices.ContainsFunc(of, func(c condition) bool { *q.tries -= len(c.values); return !c.meets(text) })
	}
	bound = !isOfOperation(field) && !strings.HasPrefix(field, "request.headers") && slices.ContainsFunc(of, func(c condition) bool { return !c.isAll() })
	if isOptional(field) && meets("") {
		return surely, false
	}
	texts, enough := samples(of)
	switch {
	case q.isSpent():
		return maybe, bound
	case slices.ContainsFunc(texts, meets):
		if attribute(field) == identity && !slices.ContainsFunc(texts, func(text string) bool { return isOfDomains(text, of) && meets(text) }) {
			return maybe, bound // where there is a second trust domain
		}
		return surely, bound
	case !enough, q.plain && attribute(field) == identity && meets(""):
		return maybe, bound
	}
	return never, false
}

// contradicts reports conditions of which one forbids all that another one asks for.
func contradicts(all conditions) bool {
	for _, other := range all {
		if !other.not {
			continue
		}
		forbidden := map[string]bool{}
		for _, value := range other.values {
			forbidden[value] = true
		}
		for _, c := range all {
			if !c.not && c.field == other.field && !slices.ContainsFunc(c.values, func(value string) bool { return !forbidden[value] }) {
				return true
			}
		}
	}
	return false
}

// beyond reports whether there are requests that meet conditions, and none of the other ways.
func (q question) beyond(all conditions, ways []conditions) certainty {
	found := q.possible(all)
	if found == never {
		return never
	}
	for i, way := range ways {
		if q.isSpent() {
			return maybe
		}
		if q.possible(slices.Concat(all, way)) == never {
			continue
		}
		best := never
		for _, c := range way {
			if best = max(best, q.beyond(append(slices.Clip(all), c.negated()), ways[i+1:])); best == surely {
				break
			}
		}
		return best
	}
	return found
}
