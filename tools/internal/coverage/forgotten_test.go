package coverage

import (
	"strings"
	"testing"
)

// TestForgotten names a manifest that no kustomization lists in other files.
func TestForgotten(t *testing.T) {
	const rest = "\n-- app/kustomization.yaml --\nresources: [base/a.yaml]\n-- app/base/a.yaml --\n" + configMap + "-- app/base/left.yaml --\n" + configMap
	for text, want := range map[string]bool{
		"": true,
		// What is written for kgate.
		"-- kgate.yaml --\napiVersion: kgate/v1\n# for app/base/left.yaml:3":                                                true,
		"-- kgate.yaml --\napiVersion: kgate/v1\ntargets: [app] # not app/base":                                             true,
		"-- kgate.yaml --\napiVersion: kgate/v1\nseverities: [{check: coverage/*, severity: warning, targets: [app/base]}]": true,
		"-- kgate-baseline.yaml --\nentries: [{source: app/base/left.yaml}]":                                                true,
		"-- .kgate/vendor.lock.yaml --\ncopies: [{of: app/base/left.yaml}]":                                                 true,
		"-- kgate.yaml --\napiVersion: kgate/v1\nunread: [{path: app/base/left.yaml, reason: a, owner: b}]":                 false,
		"-- kgate.yaml --\napiVersion: kgate/v1\nclusters: app/base/left.yaml":                                              false,
		"-- kgate.yaml --\napiVersion: kgate/v1\ncrds: [app/base/left.yaml]":                                                false,
		// Comments of YAML.
		"-- ci.yaml --\n# app/base/left.yaml is by hand\na: b":                       true,
		"-- ci.yml --\na:\n  ## see left.yaml":                                       true,
		"-- ci.yaml --\n#\n#left.yaml":                                               true,
		"-- ci.yaml --\na: b\n#\n- left.yaml":                                        false,
		"-- ci.yaml --\n- a\n# - left.yaml":                                          false,
		"-- ci.yaml --\nrun: kubectl apply -f left.yaml # now":                       false,
		"-- ci.yaml --\nrun: echo # left.yaml":                                       false,
		"-- ci.sh --\n# left.yaml":                                                   false,
		"-- app/part/kustomization.yaml --\n# left.yaml is for later\nresources: []": false,
		"-- app/part/kustomization.yaml --\nresources: []\n#- ../left.yaml\n":        false,
		"-- ci.yaml --\nrun: kubectl apply -f app/base":                              false,
	} {
		var got []string
		for _, f := range found(t, archive(text+rest)) {
			if strings.Contains(f, ": manifest: ") {
				got = append(got, f)
			}
		}
		if (len(got) == 1) != want || len(got) > 1 {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// TestMisplaced has configurations that kgate does not read, and files that are none.
func TestMisplaced(t *testing.T) {
	const rest = "\n-- app/kustomization.yaml --\nresources: [a.yaml]\n-- app/a.yaml --\n" + configMap
	for text, want := range map[string]string{
		"-- kgate.yml --\ntargets: [x]":                                     "kgate.yml:1",
		"-- kgate.YAML --\ntargets: [x]":                                    "kgate.YAML:1",
		"-- .kgate.yaml --\ntargets: [x]":                                   ".kgate.yaml:1",
		"-- .kgate.yml --\ntargets: [x]":                                    ".kgate.yml:1",
		"-- kgate.json --\n{\"targets\": [\"x\"]}":                          "kgate.json:1",
		"-- kgate.yml --\ntargets: [":                                       "kgate.yml",
		"-- kgate.yml --\n":                                                 "kgate.yml",
		"-- app/kgate.yml --\napiVersion: kgate/v1":                         "app/kgate.yml:1",
		"-- app/kgate.yml --\ntargets: [x]":                                 "", // values of something
		"-- kgate.yml --\n" + configMap:                                     "",
		"-- kgate.yam --\ntargets: [x]":                                     "",
		"-- kgates.yaml --\ntargets: [x]":                                   "",
		"-- kgate.yaml --\napiVersion: kgate/v1":                            "",
		"-- .kgate/kgate.yml --\ntargets: [x]\n-- kgate.yml/a --\ntargets:": "",
	} {
		var got []string
		for _, f := range found(t, archive(text+rest)) {
			if place, _, ok := strings.Cut(f, ": configuration: "); ok {
				got = append(got, place)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %s", text, got, want)
		}
	}
}
