package kustomization

import (
	"fmt"
	"strings"
	"testing"
)

func manyObjects(n int) string {
	var b strings.Builder
	b.WriteString("-- app/kustomization.yaml --\nresources: [o.yaml]\n-- app/o.yaml --\n")
	for i := range n {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d, namespace: n}\ndata: {a: b}\n---\n", i)
	}
	return b.String()
}

func BenchmarkObjects(b *testing.B) {
	for _, n := range []int{500, 1000, 2000} {
		files := tree(manyObjects(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := New(files, strings.NewReader("")).Render(b.Context(), "app"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
