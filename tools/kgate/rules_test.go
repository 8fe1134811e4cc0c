package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/catalog"
	"github.com/kgate-dev/gitops/tools/internal/gate"
)

// TestPagesOfRules holds that the pages say what the checks say: -update, of `make rules`, writes them anew.
func TestPagesOfRules(t *testing.T) {
	const dir = "../../docs/rules"
	checks, err := gate.Checks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pages := catalog.Pages(checks)
	known := map[string]bool{}
	for _, page := range pages {
		known[page.File] = true
		file := filepath.Join(dir, page.File)
		if *update {
			if err := os.WriteFile(file, []byte(page.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if have, err := os.ReadFile(file); err != nil || string(have) != page.Text {
			t.Errorf("docs/rules/%s is not what the rules say: make rules (%v)", page.File, err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !known[file.Name()] {
			t.Errorf("docs/rules/%s is of no group: delete it", file.Name())
		}
	}
	for _, c := range checks {
		page := c.Group() + ".md"
		i := slices.IndexFunc(pages, func(p catalog.Page) bool { return p.File == page })
		if n := addresses(pages[max(i, 0)].Text)[catalog.Anchor(c.Name)]; n != 1 {
			t.Errorf("%s: %d headings have the address #%s", page, n, catalog.Anchor(c.Name))
		}
		if !strings.Contains(pages[0].Text, "["+c.Name+"]("+page+"#"+catalog.Anchor(c.Name)+")") {
			t.Errorf("the contents do not lead to %s", c.Name)
		}
	}
}

// TestOnePageOfRules holds that the contents of the page of all rules lead somewhere, and each heading has an address of its
// own.
func TestOnePageOfRules(t *testing.T) {
	var got strings.Builder
	if code := run(context.Background(), []string{"checks", "--output", "markdown"}, strings.NewReader(""), &got, &got); code != exitClean {
		t.Fatalf("exit code %d: %s", code, got.String())
	}
	headings := addresses(got.String())
	checks, err := gate.Checks(t.Context())
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

// addresses counts the headings of a page by their addresses.
func addresses(page string) map[string]int {
	headings := map[string]int{}
	for line := range strings.Lines(page) {
		if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
			headings[strings.ToLower(catalog.Anchor(strings.TrimSpace(heading)))]++
		}
	}
	return headings
}
