package kustomization

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestNeedsIsWhatRenderingReads holds the list of what a target is read from to what rendering it reads, on this repository.
func TestNeedsIsWhatRenderingReads(t *testing.T) {
	root := os.DirFS("../../..")
	for _, target := range []string{"overlays/dev", "overlays/staging", "overlays/prod", "argocd"} {
		renderer := New(root, strings.NewReader(""))
		result, err := renderer.Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		needs, err := renderer.Needs(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range result.Read {
			if !slices.Contains(needs, file) {
				t.Errorf("%s reads %s, which its needs do not name", target, file)
			}
		}
	}
}
