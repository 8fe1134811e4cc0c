package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/catalog"
	"github.com/kgate-dev/gitops/tools/internal/gate"
)

// TestPageOfRules holds that the page says what the checks say: -update writes it anew.
func TestPageOfRules(t *testing.T) {
	const file = "../../policies/README.md"
	var got strings.Builder
	if code := run(context.Background(), []string{"checks", "--output", "markdown"}, strings.NewReader(""), &got, &got); code != exitClean {
		t.Fatalf("exit code %d: %s", code, got.String())
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Error("policies/README.md is not what the rules say: go test ./tools/kgate -run TestPageOfRules -update")
	}
	// The contents lead somewhere, and each heading has an address of its own.
	headings := map[string]int{}
	for line := range strings.Lines(got.String()) {
		if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
			headings[strings.ToLower(catalog.Anchor(strings.TrimSpace(heading)))]++
		}
	}
	checks, err := gate.Checks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		for _, name := range []string{c.Name, c.Group()} {
			if n := headings[catalog.Anchor(name)]; n != 1 {
				t.Errorf("%d headings have the address #%s", n, catalog.Anchor(name))
			}
			if !strings.Contains(got.String(), "["+name+"](#"+catalog.Anchor(name)+")") {
				t.Errorf("the contents do not lead to %s", name)
			}
		}
	}
}
