package difference

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func secret(rest string) string { return "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n" + rest }

// What SOPS writes, of the text that the data is.
func sealed(data string) string {
	return "ENC[AES256_GCM,data:" + data + ",iv:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]"
}

var sops = "sops: {age: [{recipient: age1, enc: x}], mac: '" + sealed("bWFj") + "', lastmodified: '2026-01-01T00:00:00Z', version: 3.9.0, encrypted_regex: ^(data|stringData)$}\n"

func TestSecrets(t *testing.T) {
	const hunter2 = "sha256:f52fbd32b2b3, 7 bytes" // printf hunter2 | sha256sum
	const hunter3 = "sha256:fb8c2e2b85ca, 7 bytes"
	applied := func(text string) string {
		return "metadata: {name: a, annotations: {kubectl.kubernetes.io/last-applied-configuration: '" + text + "', other: x}}\n"
	}
	for _, test := range []struct{ name, old, new, want string }{
		{"changed", secret("data: {p: aHVudGVyMg==}"), secret("data: {p: aHVudGVyMw==}"), "data.p: " + hunter2 + " -> " + hunter3 + "\n"},
		{"added and removed", secret("data: {p: aHVudGVyMg==}"), secret("data: {q: aHVudGVyMw==}"), "data.p: " + hunter2 + " -> none\ndata.q: none -> " + hunter3 + "\n"},
		{"the same as a text", secret("data: {p: aHVudGVyMg==}"), secret("stringData: {p: hunter2}"), "data.p > stringData.p: " + hunter2 + " -> " + hunter2 + " (format)\n"},
		{"text over data", secret("data: {p: aHVudGVyMg==}"), secret("data: {p: aHVudGVyMg==}\nstringData: {p: hunter3}"), "data.p > stringData.p: " + hunter2 + " -> " + hunter3 + "\n"},
		{"folded", secret("data: {p: aHVudGVyMg==}"), secret("data: {p: \"aHVu\\ndGVyMg==\"}"), "data.p: " + hunter2 + " -> " + hunter2 + " (format)\n"},
		{"no base64", secret("data: {p: hunter2}"), secret("stringData: {p: hunter2}"), "data.p > stringData.p: " + hunter2 + " -> " + hunter2 + "\n"},
		{"among other fields", secret("data: {p: aHVudGVyMg==}\ntype: a\nimmutable: false"), secret("data: {p: aHVudGVyMw==}\ntype: b\n"),
			"data.p: " + hunter2 + " -> " + hunter3 + "\nimmutable: false -> none\ntype: \"a\" -> \"b\"\n"},
		{"what kubectl wrote down", "apiVersion: v1\nkind: Secret\n" + applied("hunter2"), "apiVersion: v1\nkind: Secret\n" + applied("hunter3"),
			"metadata.annotations[\"kubectl.kubernetes.io/last-applied-configuration\"]: " + hunter2 + " -> " + hunter3 + "\n"},
		{"what kubectl wrote down, added", secret(""), "apiVersion: v1\nkind: Secret\n" + applied("hunter2"),
			"metadata.annotations: none -> {\"kubectl.kubernetes.io/last-applied-configuration\":\"" + hunter2 + "\",\"other\":\"x\"}\n"},
		{"misspelt fields", secret("stringdata: {p: hunter2}\nbinaryData: {p: [aHVudGVyMg==]}\nvalue: hunter2\npin: 1"), secret("stringdata: {p: \"hunter3\\nhunter2\"}\nbinaryData: {p: [aHVudGVyMw==]}\nother: {v: hunter3}\npin: 2"),
			"binaryData.p[0]: sha256:b073aefd7c92, 12 bytes -> sha256:f0c09a34442d, 12 bytes\nother: none -> {\"v\":\"" + hunter3 + "\"}\npin: sha256:6b86b273ff34, 1 byte -> sha256:d4735e3a265e, 1 byte\nstringdata.p: " + hunter2 + " -> sha256:9dbd468fdc38, 15 bytes\nvalue: " + hunter2 + " -> none\n"},
		{"fields that hold something else", secret("data: hunter2\ntype: {p: hunter2}"), secret("data: hunter3\ntype: [hunter3]"),
			"data: " + hunter2 + " -> " + hunter3 + "\ntype: {\"p\":\"" + hunter2 + "\"} -> [\"" + hunter3 + "\"]\n"},
		{"wrong apiVersion", "apiVersion: core/v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: hunter2}", "apiVersion: core/v1\nkind: Secret\nmetadata: {name: a, labels: {a: b}}\nstringData: {p: hunter3}",
			"metadata.labels: none -> {\"a\":\"b\"}\nstringData.p: " + hunter2 + " -> " + hunter3 + "\n"},
		{"apiVersion that was wrong", "apiVersion: core/v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: hunter2}", secret("stringData: {p: hunter3}"),
			"apiVersion: \"core/v1\" -> \"v1\"\nstringData.p: " + hunter2 + " -> " + hunter3 + "\n"},
		{"encrypted", secret("stringData: {p: '" + sealed("aHVudGVyMg==") + "', q: '" + sealed("aHVudGVyMg==") + "'}\n" + sops), secret("stringData: {p: '" + sealed("aHVudGVyMw==") + "', q: '" + sealed("aHVudGVyMg==") + "'}\n" + sops),
			"stringData.p: sha256:78ea420d887d, 119 bytes encrypted -> sha256:4d953693d0a6, 119 bytes encrypted\n"},
		{"encrypted elsewhere", "apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a}\ndata: [{x: '" + sealed("aHVudGVyMg==") + "'}]\n" + sops,
			"apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a}\ndata: [{x: '" + sealed("aHVudGVyMw==") + "'}]\n" + sops,
			"data[0].x: sha256:78ea420d887d, 119 bytes encrypted -> sha256:4d953693d0a6, 119 bytes encrypted\n"},
		{"encrypted, added", "apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a}", "apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a}\ndata: [{x: '" + sealed("aHVudGVyMw==") + "'}]\n" + sops,
			"data: none -> [{\"x\":\"sha256:4d953693d0a6, 119 bytes encrypted\"}]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			old, new := object(t, test.old), object(t, test.new)
			changes, err := comparer().Of(context.Background(), nil, old, new)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(changes); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			for _, o := range []*manifest.Object{old, new} {
				shown, err := Shown(o)
				if err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(shown)
				if err != nil {
					t.Fatal(err)
				}
				tells(t, string(text))
			}
			tells(t, fmt.Sprintf("%+v", changes))
		})
	}
}

// tells fails where a text has one of the values that nobody is to read.
func tells(t *testing.T, text string) {
	t.Helper()
	for _, value := range []string{"hunter", "aHVu"} {
		if strings.Contains(text, value) {
			t.Errorf("%s is in %s", value, text)
		}
	}
}

func TestSuffix(t *testing.T) {
	old := pod("{containers: [{name: a, envFrom: [{configMapRef: {name: a-hash1}}, {configMapRef: {name: b-hash1}}]}], volumes: [{name: v, configMap: {name: a-hash1}}]}")
	new := pod("{containers: [{name: a, envFrom: [{configMapRef: {name: a-hash2}}, {configMapRef: {name: c-hash2}}]}], volumes: [{name: v, configMap: {name: a-hash2}}]}")
	c := comparer()
	c.SameName = func(path manifest.Path, old, new string) bool {
		return path[len(path)-1] == "name" && old == "a-hash1" && new == "a-hash2"
	}
	changes, err := c.Of(context.Background(), nil, object(t, old), object(t, new))
	if err != nil {
		t.Fatal(err)
	}
	want := inPod + "containers[0].envFrom[0].configMapRef.name: \"a-hash1\" -> \"a-hash2\" (suffix)\n" +
		inPod + "containers[0].envFrom[1].configMapRef.name: \"b-hash1\" -> \"c-hash2\"\n" +
		inPod + "volumes[0].configMap.name: \"a-hash1\" -> \"a-hash2\" (suffix)\n"
	if got := lines(changes); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
