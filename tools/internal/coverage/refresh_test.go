package coverage

import (
	"slices"
	"testing"
)

// TestRefreshes holds which changed files have Argo CD look at an Application again, as its own tests of AppFilesHaveChanged do.
func TestRefreshes(t *testing.T) {
	for _, test := range []struct {
		annotation, source, file string
		want                     bool
	}{
		{"", "apps/a", "other", true},
		{" ; ", "apps/a", "other", true},
		{".", "apps/a", "apps/a/b.yaml", true},
		{".", "apps/a", "apps/a/deep/b.yaml", true},
		{".", "apps/a", "apps/ab/b.yaml", false},
		{".", "apps/a", "apps/b.yaml", false},
		{"../shared", "apps/a", "apps/shared/b.yaml", true},
		{"shared", "apps/a", "shared/b.yaml", false},
		{"/shared", "apps/a", "shared/b.yaml", true},
		{"/shared/b.yaml", "apps/a", "shared/b.yaml", true},
		{"/shared/b.yaml", "apps/a", "shared/c.yaml", false},
		{".;/base ; /more", "apps/a", "base/c.yaml", true},
		{".;/base ; /more", "apps/a", "more/c.yaml", true},
		{"/shared/*.yaml", "apps/a", "shared/c.yaml", true},
		{"/shared/*.yaml", "apps/a", "shared/deep/c.yaml", false},
		{"/*/c.yaml", "apps/a", "shared/c.yaml", true},
		{"*.yaml", "apps/a", "apps/a/c.yaml", true},
		{"/", "apps/a", "anything", true},
		{"../../..", "apps/a", "anything", true},
	} {
		if got := refreshes(refreshPaths(test.annotation, test.source), test.file); got != test.want {
			t.Errorf("%q of %s and %s: %t", test.annotation, test.source, test.file, got)
		}
	}
}

func TestFilesSaid(t *testing.T) {
	for _, test := range []struct {
		files []string
		want  string
	}{
		{[]string{"base/a.yaml"}, "base/a.yaml"},
		{[]string{"base/deep/b.yaml", "base/a.yaml", "more/c.yaml"}, "3 files in /base, /more"},
		{[]string{"kustomization.yaml", "base/a.yaml"}, "2 files in /"},
		{[]string{"a/1", "b/1", "c/1", "d/1", "e/1"}, "5 files in /a, /b, /c, /d, /e"},
		{[]string{"a/1", "b/1", "c/1", "d/1", "e/1", "f/1"}, "6 files in /a, /b, /c, /d and 2 more directories"},
	} {
		if got := filesSaid(slices.Clone(test.files)); got != test.want {
			t.Errorf("%v are %q, want %q", test.files, got, test.want)
		}
	}
}
