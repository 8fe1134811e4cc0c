package repo

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

func TestSeverity(t *testing.T) {
	fact := &check.Check{Name: "service/fact", Severity: check.Error}
	style := &check.Check{Name: "pod/style", Severity: check.Error, Convention: true}
	hint := &check.Check{Name: "pod/hint", Severity: check.Warning, Convention: true}
	locked := &check.Check{Name: "pod/locked", Severity: check.Error, Locked: true, Convention: true}
	for text, want := range map[string]string{ // of fact, style, hint and locked in a, then in b; whether each is off
		"":                  "error warning warning error, error warning warning error, false false false false",
		"profile: standard": "error warning warning error, error warning warning error, false false false false",
		"profile: strict":   "error error warning error, error error warning error, false false false false",
		"profile: facts":    "error - - error, error - - error, false true true false",
		"profile: facts\nseverities: [{check: pod/style, severity: warning, targets: [a]}]":              "error warning - error, error - - error, false false true false",
		"severities: [{check: pod, severity: off}, {check: pod/hint, severity: error, targets: ['b*']}]": "error - - error, error - error error, false true false false",
		"severities: [{check: facts, severity: warning}]":                                                "warning warning warning error, warning warning warning error, false false false false",
		"severities: [{check: conventions, severity: error}]":                                            "error error error error, error error error error, false false false false",
		"severities: [{check: service, severity: off, targets: [a]}]":                                    "- warning warning error, error warning warning error, false false false false",
	} {
		config, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\n"+text))
		if err != nil {
			t.Error(err)
			continue
		}
		var parts []string
		for _, target := range []string{"a", "b"} {
			var said []string
			for _, c := range []*check.Check{fact, style, hint, locked} {
				if severity := config.Severity(c, target); severity == "" {
					said = append(said, "-")
				} else {
					said = append(said, string(severity))
				}
			}
			parts = append(parts, strings.Join(said, " "))
		}
		var off []string
		for _, c := range []*check.Check{fact, style, hint, locked} {
			off = append(off, map[bool]string{true: "true", false: "false"}[config.Off(c)])
		}
		if got := strings.Join(append(parts, strings.Join(off, " ")), ", "); got != want {
			t.Errorf("%q\ngot  %s\nwant %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"profile: lax": `kgate.yaml:2: profile is "lax"; it is facts, standard or strict`,
		"severities: [{check: a, severity: info}]":                         `kgate.yaml:2: severity is "info"; it is error, warning or off`,
		"severities: [{check: a}]":                                         "kgate.yaml:2: an entry of severities needs the key \"severity\"",
		"severities: [{check: a, severity: off, targets: [], because: b}]": "kgate.yaml:2: ",
	} {
		if _, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\n"+text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	checks := []*check.Check{fact, style, locked}
	for text, want := range map[string]string{
		"check: pod/stile, severity: off":      "kgate.yaml:2: no check or group is called \"pod/stile\": `kgate checks` lists them; did you mean `pod/style`?",
		"check: pod/locked, severity: warning": "kgate.yaml:2: pod/locked is locked: it is an error in every repository",
		"check: pod, severity: warning":        "",
	} {
		config, err := ParseConfig(ConfigFile, []byte("apiVersion: kgate/v1\nseverities: [{"+text+"}]"))
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		if err := CheckSeverities(config.Severities, checks); err != nil {
			said = err.Error()
		}
		if said != want {
			t.Errorf("%s: got %q", text, said)
		}
	}
}
