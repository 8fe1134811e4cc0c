package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kgate-dev/gitops/tools/internal/gate"
)

// TestREADMECountsRules holds the numbers of rules to those that there are.
func TestREADMECountsRules(t *testing.T) {
	checks, err := gate.Checks(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rules, conventions := 0, 0
	for _, c := range checks {
		if c.Origin != "policy" {
			continue
		}
		rules++
		if c.Convention {
			conventions++
		}
	}
	text := readme(t)
	for _, want := range []string{
		fmt.Sprintf("- **Rules**: %d in Rego,", rules),
		fmt.Sprintf("\n  %d state a fact: a cluster or a tool refuses, ignores or breaks at what they deny. %d state a convention,", rules-conventions, conventions),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}

// TestREADMENamesFlags holds the table of flags to those of validate.
func TestREADMENamesFlags(t *testing.T) {
	_, table, _ := strings.Cut(readme(t), "\n| flag | means |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	named := map[string]bool{}
	for row := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), " | ")
		for _, flag := range regexp.MustCompile("`--?([a-z-]+)").FindAllStringSubmatch(cell, -1) {
			named[flag[1]] = true
		}
	}
	validateCommand().Flags().VisitAll(func(flag *pflag.Flag) {
		if !named[flag.Name] && !named[flag.Shorthand] && !flag.Hidden && flag.Deprecated == "" {
			t.Errorf("README.md does not name --%s", flag.Name)
		}
		delete(named, flag.Name)
		delete(named, flag.Shorthand)
	})
	for name := range named {
		t.Errorf("README.md names the flag %s, which validate does not have", name)
	}
}

func readme(t *testing.T) string {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
