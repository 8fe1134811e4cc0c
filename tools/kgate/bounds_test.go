package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hostile writes a repository of one target with a rule.
func hostileRule(t *testing.T, rule string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"kgate.yaml":             "apiVersion: kgate/v1\n",
		"app/kustomization.yaml": "resources: [o.yaml]\n",
		"app/o.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n",
		"rules/a/b/b.rego": "# METADATA\n# scope: package\n# title: t\n# description: d\n# custom:\n#   severity: error\n#   scope: object\n#   fix: f\n" +
			"package policies.a.b\n\ndeny contains {\"msg\": \"m\", \"path\": []} if {\n" + rule + "\n}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestARuleWithoutEndEndsWithTheRun(t *testing.T) {
	dir := hostileRule(t, "some x in numbers.range(1, 10000)\nsome y in numbers.range(1, 10000)\nx * y == -1")
	t.Chdir(dir)
	// A slow machine still compiles the rules where a fast one evaluates them.
	for limit := 4 * time.Second; ; limit *= 2 {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"validate", "app", "--policies", "rules", "--checks", "a", "--timeout", limit.String()}, strings.NewReader(""), &stdout, &stderr)
		if limit < time.Minute && strings.Contains(stderr.String(), "while compiling the rules") {
			continue
		}
		if want := fmt.Sprintf("kgate: gave up after %s while evaluating the rules on the ConfigMap b/a of app: --timeout raises the limit\n", limit); code != exitUnable || stderr.String() != want || stdout.Len() > 0 {
			t.Errorf("exit code %d, %s%s; want %s", code, stdout.String(), stderr.String(), want)
		}
		return
	}
}

func TestBoundsThatAreNone(t *testing.T) {
	for _, c := range []struct{ flag, value, want string }{
		{"--timeout", "-1s", "--timeout -1s: it is a time like 90s or 10m"},
		{"--timeout", "soon", `invalid argument "soon" for "--timeout" flag`},
		{"--memory", "1Mi", "it is a quantity like 512Mi or 4Gi, at least 256Mi"},
		{"--memory", "", "it is a quantity like 512Mi or 4Gi, at least 256Mi"},
		{"--memory", "-2Gi", "it is a quantity like 512Mi or 4Gi, at least 256Mi"},
	} {
		for _, command := range [][]string{{"validate"}, {"render", "."}, {"policy", "test"}} {
			var stderr bytes.Buffer
			if code := run(context.Background(), append(command, c.flag, c.value), strings.NewReader(""), &stderr, &stderr); code != exitUnable || !strings.Contains(stderr.String(), c.want) {
				t.Errorf("%s %s %q: exit code %d, %s", command[0], c.flag, c.value, code, stderr.String())
			}
		}
	}
}
