package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
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

// TestREADMESampleConfiguration holds that the sample of kgate.yaml can be pasted: of this tree it says nothing wrong, also with
// what stands in comments, once the files are there that it names.
func TestREADMESampleConfiguration(t *testing.T) {
	_, sample, _ := strings.Cut(readme(t), "### kgate.yaml\n\n```yaml\n")
	sample, _, _ = strings.Cut(sample, "```")
	uncommented := strings.ReplaceAll(regexp.MustCompile(`(?m)^# (policies|crds|loadRestrictionsNone|unread):`).ReplaceAllString(sample, "$1:"), "\n#   ", "\n  ")
	if strings.Count(uncommented, "\n#") != 1 {
		t.Fatalf("comments are not as the test takes them:\n%s", uncommented)
	}
	dir := manifests(t)
	judge := func(config string) {
		t.Helper()
		write(t, dir, "kgate.yaml", config)
		var stdout, stderr bytes.Buffer
		run(t.Context(), []string{"validate", "-o", "json"}, strings.NewReader(""), &stdout, &stderr)
		var out struct {
			Findings []struct {
				Check, Message string
				Source         manifest.Position
			}
			Failures []struct{ Message string }
		}
		if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
			t.Fatalf("%v: %s", err, &stderr)
		}
		for _, f := range out.Failures {
			t.Errorf("it fails: %s", f.Message)
		}
		for _, f := range out.Findings {
			if f.Source.File == "kgate.yaml" {
				t.Errorf("%s: %s: %s", f.Source, f.Check, f.Message)
			}
		}
	}
	judge(sample)
	write(t, dir, "rules/team/named/named.rego", ruled)
	write(t, dir, "crds/widget.yaml", "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.dev}\nspec:\n  group: acme.dev\n"+
		"  scope: Namespaced\n  names: {kind: Widget, plural: widgets}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}]\n")
	write(t, dir, "clusters/home/config.yaml", small["base/config.yaml"])
	write(t, dir, "examples/config/kustomization.yaml", small["base/kustomization.yaml"])
	judge(uncommented)
}

func readme(t *testing.T) string {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
