package kustomization_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// TestDifferences holds each known difference to its line. What v5.8.1 does was seen by building these trees with both
// releases of the kustomize command.
func TestDifferences(t *testing.T) {
	written := map[string]string{
		"base/kustomization.yaml": "resources: [secret.yaml]\n",
		"base/secret.yaml":        "apiVersion: v1\nkind: Secret\nmetadata: {name: creds}\nstringData: {a: '1'}\n",
		"set.yaml": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: ledger}\nspec:\n  template: {spec: {containers: [{name: app, image: 'app@sha512:abc'}]}}\n" +
			"  volumeClaimTemplates: [{metadata: {name: data}}]\n",
		"policy.yaml": "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\n",
		"cron.yaml": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: app, image: 'app:1'}], " +
			"volumes: [{name: v, image: {reference: 'app:1'}}]}}}}}\n",
		"map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: env}\ndata:\n  host: api\n  plain: a/b\n  app.yaml: |\n    upstream: http://shop/orders\n",
	}
	for name, c := range map[string]struct {
		layer string
		want  string // the line and the message; empty for none
	}{
		"a namespace for a policy":      {"resources: [policy.yaml]\nnamespace: shop\n", "kustomization.yaml:2: takes the ValidatingAdmissionPolicy p for namespaced: it gives it the namespace shop"},
		"a policy alone":                {"resources: [policy.yaml]\n", ""},
		"a namespace for others":        {"resources: [map.yaml]\nnamespace: shop\n", ""},
		"labels of claims":              {"resources: [set.yaml]\nlabels:\n- pairs: {a: b}\n  includeTemplates: true\n", "kustomization.yaml:3: also writes these labels into the volumeClaimTemplates of the StatefulSet ledger, which cannot be changed once it runs"},
		"labels of no claims":           {"resources: [cron.yaml]\nlabels:\n- pairs: {a: b}\n  includeTemplates: true\n", ""},
		"labels of selectors":           {"resources: [set.yaml]\nlabels:\n- pairs: {a: b}\n  includeSelectors: true\n", ""},
		"labels":                        {"resources: [set.yaml]\nlabels:\n- pairs: {a: b}\n", ""},
		"labels of claims, asked for":   {"resources: [set.yaml]\nlabels:\n- pairs: {a: b}\n  includeVolumeClaimTemplates: true\n", "kustomization.yaml:3: has no `includeVolumeClaimTemplates` and does not build this: list the field under `fields`"},
		"a digest of another algorithm": {"resources: [set.yaml]\nimages:\n- name: other\n- {name: app, newTag: '2'}\n", "kustomization.yaml:4: leaves the image app@sha512:abc of the StatefulSet ledger as it is: it knows digests of sha256 alone"},
		"a tag":                         {"resources: [cron.yaml]\nimages: [{name: nothing, newTag: '2'}]\n", ""},
		"a volume of a CronJob":         {"resources: [cron.yaml]\nimages: [{name: app, newTag: '2'}]\n", "kustomization.yaml:2: leaves the image app:1 of a volume of the CronJob nightly as it is"},
		"a name that is no expression":  {"resources: [cron.yaml]\nimages: [{name: '[', newTag: '2'}]\n", "kustomization.yaml:2: crashes on the name \"[\", which is no regular expression: write the name of an image"},
		"merged into stringData":        {"resources: [base]\nsecretGenerator:\n- {name: creds, behavior: merge, literals: [b=2]}\n", "kustomization.yaml:3: loses the stringData of the Secret creds when it merges this into it: write it as data"},
		"in place of stringData":        {"resources: [base]\nsecretGenerator:\n- {name: creds, behavior: replace, literals: [b=2]}\n", ""},
		"text in text": {"resources: [map.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: env, fieldPath: data.host}\n  targets:\n  - select: {kind: ConfigMap, name: env}\n" +
			"    fieldPaths:\n    - 'data.[app.yaml].upstream'\n    options: {delimiter: /, index: 2}\n",
			"kustomization.yaml:7: replaces the whole field in the text of the ConfigMap env: it passes `options.delimiter` over there"},
		"text in text, whole": {"resources: [map.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: env, fieldPath: data.host}\n  targets:\n  - select: {kind: ConfigMap, name: env}\n" +
			"    fieldPaths: ['data.[app.yaml].upstream']\n", ""},
		"a delimiter elsewhere": {"resources: [map.yaml]\nreplacements:\n- source: {kind: ConfigMap, name: env, fieldPath: data.host}\n  targets:\n  - select: {kind: ConfigMap, name: env}\n" +
			"    fieldPaths: [data.plain]\n    options: {delimiter: /, index: 0}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"kustomization.yaml": {Data: []byte(c.layer)}}
			for name, text := range written {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			result, err := kustomization.New(files, strings.NewReader("")).Render(t.Context(), ".")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, fault := range result.Differences("v5.8.1") {
				got = append(got, fault.Source.String()+": "+strings.TrimPrefix(fault.Message, "Kustomize v5.8.1 "))
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n"), c.want)
			}
			if none := result.Differences(kustomization.KustomizeRelease); none != nil {
				t.Errorf("%v differs from itself", none)
			}
		})
	}
	// Another release would be one whose differences nobody has listed.
	if got := kustomization.Releases(); len(got) != 2 || got[1] != kustomization.KustomizeRelease {
		t.Errorf("got %v", got)
	}
}
