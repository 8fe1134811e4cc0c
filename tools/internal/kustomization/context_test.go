package kustomization

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// ending is a context that ends once it has been asked a number of times.
type ending struct {
	context.Context
	asked, after int
}

func (c *ending) Err() error {
	if c.asked++; c.after >= 0 && c.asked > c.after {
		return context.Canceled
	}
	return nil
}

// TestContextEndsARender ends a render wherever it looks at its context. What it had begun keeps nobody from rendering the
// same with another one.
func TestContextEndsARender(t *testing.T) {
	files := tree(kustomization("resources: [../base]\nconfigMapGenerator: [{name: g, literals: [a=b]}]\ncomponents: [../c]\nlabels: [{pairs: {a: b}}]\n"+
		"patches:\n- target: {kind: Deployment}\n  patch: '- {op: add, path: /spec/paused, value: true}'\nimages: [{name: example.com/app, newTag: '2'}]", "overlay/") +
		kustomization("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: x-", "c/") + app)
	whole := &ending{t.Context(), 0, -1}
	want := rendered(t, whole, New(files, nil))
	if whole.asked < 15 {
		t.Errorf("a render of three layers and eight entries looked at its context %d times", whole.asked)
	}
	for after := range whole.asked {
		renderer := New(files, nil)
		if _, err := renderer.Render(&ending{t.Context(), 0, after}, "overlay"); !errors.Is(err, context.Canceled) {
			t.Errorf("ended after %d looks: %v", after, err)
		}
		if got := rendered(t, t.Context(), renderer); !bytes.Equal(got, want) {
			t.Errorf("after a render that ended after %d looks:\n%s\nwant\n%s", after, got, want)
		}
	}
	if !strings.Contains(string(want), "x-app") {
		t.Errorf("rendered %s", want)
	}
}

func rendered(t *testing.T, ctx context.Context, renderer *Renderer) []byte {
	t.Helper()
	result, err := renderer.Render(ctx, "overlay")
	if err != nil {
		t.Fatal(err)
	}
	text, err := result.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
