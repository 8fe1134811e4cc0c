package kustomization

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const (
	cipher    = "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=,tag:YmJiYmJiYmJiYmJiYmJiYg==,type:str]"
	sopsBlock = "sops: {mac: '" + cipher + "', version: 3.9.0, age: [{recipient: a, enc: b}]}\n"
)

// TestSealedGenerators holds what generators that decrypt files come to: without a key, and without running them.
func TestSealedGenerators(t *testing.T) {
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: tokens}\nstringData: {token: '" + cipher + "'}\n" + sopsBlock
	const pod = "-- pod.yaml --\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: a, envFrom: [{secretRef: {name: tokens}}]}]}\n"
	ksops := func(fields string) string {
		return "-- generator.yaml --\napiVersion: viaduct.ai/v1\nkind: ksops\nmetadata:\n  name: g\n  annotations: {config.kubernetes.io/function: 'exec: {path: ksops}'}\n" + fields
	}
	root := kustomization("namespace: shop\ngenerators: [generator.yaml]")
	for name, c := range map[string]struct {
		tree string
		want string // the objects, and what nobody knows of them; or the error
	}{
		"files": {
			root + ksops("files: [./secret.enc.yaml]\n") + "-- secret.enc.yaml --\n" + secret,
			"Secret shop/tokens {token} [stringData.token] secret.enc.yaml:1",
		},
		"a hash": {
			kustomization("generators: [generator.yaml]\nresources: [pod.yaml]") + pod + ksops("files: [secret.enc.yaml]\n") + "-- secret.enc.yaml --\n" +
				strings.Replace(secret, "{name: tokens}", "{name: tokens, annotations: {kustomize.config.k8s.io/needs-hash: 'true'}}", 1),
			"Secret tokens-HASH {token} [stringData.token] secret.enc.yaml:1\nPod a {} [] pod.yaml:1 tokens-HASH",
		},
		"a Secret of files": {
			root + ksops("secretFrom:\n- metadata: {name: own, labels: {a: b}}\n  type: Opaque\n  files: [a.yaml, b=c.json]\n  binaryFiles: [d.bin]\n  envs: [e.env]\n") +
				"-- a.yaml --\na: '" + cipher + "'\n" + sopsBlock + "-- c.json --\n{\"a\": \"" + cipher + "\", \"sops\": {\"mac\": \"" + cipher + "\", \"version\": \"3.9.0\", \"age\": [{\"enc\": \"b\"}]}}\n" +
				"-- d.bin --\n{\"data\": \"" + cipher + "\", \"sops\": {\"mac\": \"" + cipher + "\", \"version\": \"3.9.0\", \"age\": [{\"enc\": \"b\"}]}}\n" +
				"-- e.env --\nUSER=" + cipher + "\nsops_mac=" + cipher + "\nsops_version=3.9.0\nsops_age__list_0__map_enc=b\n",
			"Secret shop/own {USER a.yaml b d.bin} [data[\"d.bin\"] stringData.USER stringData.b stringData[\"a.yaml\"]] generator.yaml:1",
		},
		"SopsSecretGenerator": {
			root + "-- generator.yaml --\napiVersion: goabout.com/v1beta1\nkind: SopsSecretGenerator\nmetadata: {name: own}\nenvs: [e.env]\nfiles: [f=a.yaml]\n" +
				"-- a.yaml --\na: '" + cipher + "'\n" + sopsBlock + "-- e.env --\nUSER=" + cipher + "\nsops_mac=" + cipher + "\nsops_version=3.9.0\nsops_age__list_0__map_enc=b\n",
			"Secret shop/own-HASH {USER f} [data.USER data.f] generator.yaml:1",
		},
		"a merge": {
			kustomization("resources: [base.yaml]\ngenerators: [generator.yaml]") + "-- base.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: tokens}\ndata: {other: e30=}\n" +
				ksops("files: [secret.enc.yaml]\n") + "-- secret.enc.yaml --\n" +
				strings.Replace(secret, "{name: tokens}", "{name: tokens, annotations: {kustomize.config.k8s.io/behavior: merge}}", 1),
			"Secret tokens {other token} [stringData.token] base.yaml:1",
		},
		"a file that is plain": {
			root + ksops("files: [secret.yaml]\n") + "-- secret.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: b}\n",
			"render .: secret.yaml: ksops decrypts this file, and it is not encrypted: `sops encrypt --in-place` does that",
		},
		"a dotenv file of which a value is plain": {
			root + ksops("secretFrom:\n- metadata: {name: own}\n  envs: [e.env]\n") + "-- e.env --\nA=" + cipher + "\nB=b\nsops_mac=" + cipher + "\nsops_version=3.9.0\nsops_age__list_0__map_enc=b\n",
			"render .: e.env: ksops decrypts this file, and not all of it is encrypted that its rules say: `sops encrypt --in-place` does that",
		},
		"a file that only says so": {
			root + ksops("secretFrom:\n- metadata: {name: own}\n  files: [a.txt]\n") + "-- a.txt --\nPASSWORD=hunter2\nsops_mac=ENC[AES256_GCM,data:\nsops_version=3\n",
			"render .: a.txt: ksops decrypts this file, and it is not encrypted: `sops encrypt --in-place` does that",
		},
		"a file that is missing": {root + ksops("files:\n- secret.yaml\n"), "render .: generator.yaml:7: secret.yaml does not exist"},
		"a field that is not known": {
			root + ksops("secretFromTemplate: []\n"),
			`render .: generator.yaml:1: kgate cannot tell what ksops makes of this (unknown field "secretFromTemplate"): render its output into the repository`,
		},
		"as a transformer": {
			kustomization("resources: [pod.yaml]\ntransformers: [generator.yaml]") + pod + ksops("files: []\n"),
			"generator.yaml:1: transformers: viaduct.ai/v1 ksops is a plugin that runs a program",
		},
	} {
		result, err := New(tree(c.tree), strings.NewReader("")).Render(t.Context(), ".")
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v\nwant %s", name, err, c.want)
			}
			continue
		}
		var got []string
		for _, o := range result.Objects {
			got = append(got, summary(o))
		}
		if text := strings.Join(got, "\n"); text != c.want {
			t.Errorf("%s: got  %s\nwant %s", name, text, c.want)
		}
	}
}

// summary names an object, its keys, what is unknown, where it stands, and the Secret that a pod takes its environment from.
func summary(o *manifest.Object) string {
	var keys, unknown []string
	for _, field := range []string{"data", "stringData"} {
		values, _ := o.Value[field].(map[string]any)
		keys = append(keys, slices.Collect(maps.Keys(values))...)
	}
	slices.Sort(keys)
	for _, path := range o.Unknown {
		unknown = append(unknown, path.String())
	}
	slices.Sort(unknown)
	text := fmt.Sprintf("%s {%s} [%s] %s", o.ID, strings.Join(keys, " "), strings.Join(unknown, " "), o.Source)
	if o.Kind == "Pod" {
		text += " " + manifest.TextAt(o.Value, "spec", "containers", 0, "envFrom", 0, "secretRef", "name")
	}
	return hashed.ReplaceAllString(text, "-HASH")
}

var hashed = regexp.MustCompile(`-[2456789bcdfghkmt]{10}\b`)
