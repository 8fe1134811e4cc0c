package difference

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestMatch(t *testing.T) {
	deployment := func(namespace, name, rest string) string {
		return fmt.Sprintf("{apiVersion: apps/v1, kind: Deployment, metadata: {name: %[1]s, namespace: %[2]s, labels: {app: %[1]s}}, spec: {replicas: 2, selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: %[1]s, %[3]s}]}}}}", name, namespace, rest)
	}
	files := func(name, text string) string {
		return fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}, data: {a: %q}}", name, text)
	}
	for _, test := range []struct {
		name           string
		removed, added []string
		want           string
	}{
		{"renamed", []string{deployment("x", "shop", "image: 'r/shop:1', args: [a, b]")}, []string{deployment("x", "store", "image: 'r/store:1', args: [a, b]")}, "x/shop > x/store 1.00\n"},
		{"moved", []string{deployment("here", "shop", "image: a")}, []string{deployment("there", "shop", "image: a")}, "here/shop > there/shop 1.00\n"},
		{"renamed and changed", []string{deployment("x", "shop", "image: 'r/a:1', args: [a, b]")}, []string{deployment("x", "store", "image: 'r/a:2', args: [a, b, c]")}, "x/shop > x/store 0.82\n"},
		{"another one", []string{deployment("x", "shop", "image: a, args: [a, b, c, d, e, f]")}, []string{deployment("x", "mail", "image: b, args: [g, h, i, j, k, l, m]")}, ""},
		{"another kind", []string{deployment("x", "shop", "image: a")}, []string{strings.Replace(deployment("x", "store", "image: a"), "Deployment", "StatefulSet", 1)}, ""},
		{"another version", []string{deployment("x", "shop", "image: a")}, []string{strings.Replace(deployment("x", "store", "image: a"), "apps/v1", "apps/v1beta1", 1)}, "x/shop > x/store 1.00\n"},
		{"the best first", []string{deployment("x", "one", "image: a, args: [a, b, c]"), deployment("x", "two", "image: a, args: [a, b, d]")}, []string{deployment("x", "three", "image: a, args: [a, b, d]"), deployment("x", "four", "image: a, args: [a, b, c, e]")},
			"x/two > x/three 1.00\nx/one > x/four 0.95\n"},
		{"the name rather than another", []string{deployment("a", "one", "image: a"), deployment("b", "two", "image: a")}, []string{deployment("c", "two", "image: a"), deployment("d", "one", "image: a")}, "a/one > d/one 1.00\nb/two > c/two 1.00\n"},
		{"of few words", []string{files("one", "x")}, []string{files("two", "x")}, ""},
		{"of few words, moved", []string{"{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: x}}"}, []string{"{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: z}}", "{apiVersion: v1, kind: ServiceAccount, metadata: {name: b, namespace: z}}"}, "x/a > z/a 1.00\n"},
		{"a file by its lines", []string{files("one", "a\nb\nc\nd\ne\n")}, []string{files("two", "a\nb\nx\nd\ne\n")}, "/one > /two 0.80\n"},
		{"what is encrypted says nothing", []string{secret("stringData: {p: '" + sealed("aHVudGVyMg==") + "', q: '" + sealed("aHVudGVyMg==") + "'}\n" + sops)}, []string{strings.Replace(secret("stringData: {p: '"+sealed("aHVudGVyMw==")+"'}\n"+sops), "name: a", "name: b", 1)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			read := func(texts []string) (all []*manifest.Object) {
				for _, text := range texts {
					all = append(all, object(t, text))
				}
				return all
			}
			removed, added := read(test.removed), read(test.added)
			for range 3 { // in any order
				var got strings.Builder
				for _, r := range Match(removed, added) {
					fmt.Fprintf(&got, "%s/%s > %s/%s %.2f\n", r.Old.Namespace, r.Old.Name, r.New.Namespace, r.New.Name, r.Score)
				}
				if got.String() != test.want {
					t.Errorf("got\n%swant\n%s", got.String(), test.want)
				}
				r := rand.New(rand.NewPCG(1, 2))
				r.Shuffle(len(removed), func(i, j int) { removed[i], removed[j] = removed[j], removed[i] })
				slices.Reverse(added)
			}
		})
	}
}

// BenchmarkMatch renames every one of 3000 objects that are alike.
func BenchmarkMatch(b *testing.B) {
	var removed, added []*manifest.Object
	for i := range 3000 {
		for _, side := range []struct {
			list *[]*manifest.Object
			name string
		}{{&removed, "old"}, {&added, "new"}} {
			value := object(b, pod(fmt.Sprintf("{containers: [{name: a, image: 'r/app:%d', env: [{name: A, value: b}, {name: C, value: d}], resources: {limits: {cpu: 1, memory: 1Gi}}}]}", i))).Value
			value["metadata"] = map[string]any{"name": fmt.Sprintf("%s-%d", side.name, i)}
			o, err := manifest.Encode(value)
			if err != nil {
				b.Fatal(err)
			}
			*side.list = append(*side.list, o)
		}
	}
	for b.Loop() {
		if got := len(Match(removed, added)); got != 3000 {
			b.Fatal(got)
		}
	}
}
