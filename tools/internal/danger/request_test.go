package danger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// request is one by the texts of its attributes.
type request map[string]string

func (r request) meets(all conditions) bool {
	return !slices.ContainsFunc(all, func(c condition) bool { return !c.meets(r[attribute(c.field)]) })
}

func dump(all conditions) (words []string) {
	for _, c := range all {
		words = append(words, c.String()+" "+strings.Join(c.values, ", "))
	}
	return words
}

// TestBeyond holds the question whether there are requests to those of a small world.
func TestBeyond(t *testing.T) {
	values := map[string][]string{
		"principals":        {"*", "cluster.local/ns/shop/sa/till", "cluster.local/ns/eve/sa/x", "cluster.local/ns/shop/*", "*/sa/x", "cluster.local/*"},
		"namespaces":        {"shop", "eve", "sh*", "*"},
		"serviceAccounts":   {"shop/till", "eve/x"},
		"paths":             {"/a", "/a/b", "/a*", "*b", "*", "/a/{*}", "/{**}"},
		"methods":           {"GET", "POST"},
		"requestPrincipals": {"*", "issuer/a", "issuer/*"},
		"ipBlocks":          {"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0"},
	}
	attributes := map[string][]string{
		identity: {"", "cluster.local/ns/shop/sa/till", "cluster.local/ns/shop/sa/x", "cluster.local/ns/eve/sa/x", "cluster.local/ns/eve/sa/till", "cluster.local/ns/shut/sa/x", "cluster.local/ns/shut/sa/y", "else/ns/shop/sa/till",
			"else/ns/shop/sa/x", "else/ns/eve/sa/x", "else/ns/shut/sa/x", "else/ns/shut/sa/y", "cluster.local/ns/shop/sa/y", "cluster.local/ns/eve/sa/y", "else/ns/eve/sa/y", "else/ns/shop/sa/y",
			"cluster.local/ns/else/sa/y", "cluster.local/ns/else/sa/x", "else/ns/else/sa/x", "else/ns/else/sa/y"},
		"paths":             {"/a", "/a/b", "/a/c", "/ac", "/b", "/c", "/c/b", "/acb", "/a/c/d", "/a/c/b"},
		"methods":           {"GET", "POST", "PUT"},
		"requestPrincipals": {"", "issuer/a", "issuer/c", "other/c"},
		"ipBlocks":          {"10.0.0.0", "10.1.0.0", "10.1.2.3", "11.0.0.0"},
	}
	requests := []request{{}}
	for name, texts := range attributes {
		var each []request
		for _, r := range requests {
			for _, text := range texts {
				with := request{name: text}
				for other, own := range r {
					with[other] = own
				}
				each = append(each, with)
			}
		}
		requests = each
	}
	fields := []string{"principals", "namespaces", "serviceAccounts", "paths", "methods", "requestPrincipals", "ipBlocks"}
	random := rand.New(rand.NewPCG(1, 2))
	way := func() conditions {
		var all conditions
		for range 1 + random.IntN(3) {
			field := fields[random.IntN(len(fields))]
			var some []string
			for range 1 + random.IntN(2) {
				some = append(some, values[field][random.IntN(len(values[field]))])
			}
			all = append(all, newCondition(field, some, random.IntN(3) == 0))
		}
		return all
	}
	for range 120 {
		all, ways := way(), []conditions{way(), way()}
		tries := mostTries
		plain := random.IntN(2) == 0
		got := question{plain: plain, tries: &tries}.beyond(all, ways)
		want := slices.ContainsFunc(requests, func(r request) bool {
			return (plain || r[identity] != "") && r.meets(all) && !slices.ContainsFunc(ways, r.meets)
		})
		if want && got == never || !want && got == surely {
			t.Fatalf("requests that meet %+v and none of %+v, plain %v: got %v, want some: %v", dump(all), []any{dump(ways[0]), dump(ways[1])}, plain, got, want)
		}
	}
}

// TestBeyondIsBounded holds that a question of any size is answered: what would take too long to know may be.
func TestBeyondIsBounded(t *testing.T) {
	const headers = 12
	field := func(i int) string { return fmt.Sprintf("request.headers[%d]", i) }
	var all conditions
	for i := range headers {
		all = append(all, newCondition(field(i), []string{"a", "b"}, false))
	}
	var ways []conditions
	for bits := range 1 << headers {
		var way conditions
		for i := range headers {
			way = append(way, newCondition(field(i), []string{"ab"[bits>>i&1 : bits>>i&1+1]}, false))
		}
		ways = append(ways, way)
	}
	tries := mostTries / 10
	if got := (question{tries: &tries}).beyond(all, ways); got != maybe {
		t.Errorf("got %v", got)
	}
}
