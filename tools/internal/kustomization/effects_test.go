package kustomization

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEffects renders the overlays of testdata/effects.txt: each says after => what is found of it, and nothing else may be. What
// Kustomize refuses is refused.
func TestEffects(t *testing.T) {
	data, err := os.ReadFile("testdata/effects.txt")
	if err != nil {
		t.Fatal(err)
	}
	base, cases, _ := strings.Cut(string(data), "=====\n")
	var anew bytes.Buffer
	anew.WriteString(base)
	count := 0
	for text := range strings.SplitSeq(cases, "=====\n") {
		name, body, _ := strings.Cut(text, "\n")
		body, want, _ := strings.Cut(body, "=>\n")
		count++
		t.Run(name, func(t *testing.T) {
			target := "overlay"
			if strings.Contains(body, "-- top/") {
				target = "top"
			}
			files := tree(kustomization("resources: [objects.yaml]", "base/") + base + "-- overlay/kustomization.yaml --\nresources: [../base]\n" + body)
			theirs, refused := asKustomize(NewFiles(NewStore(files)), target)
			result, err := New(files, nil).Render(t.Context(), target)
			var got []string
			switch {
			case (err == nil) != (refused == nil):
				t.Fatalf("Kustomize says %v, kgate %v", refused, err)
			case err != nil:
				got = strings.Split(strings.TrimPrefix(err.Error(), "render "+target+": "), "\n")
			default:
				if ours, err := result.YAML(); err != nil || !bytes.Equal(ours, theirs) {
					t.Errorf("%v: it differs: %s", err, firstDifference(ours, theirs))
				}
				for _, f := range result.Faults {
					got = append(got, f.Check+" "+f.Source.String()+" "+f.Message)
				}
				slices.Sort(got)
			}
			found := strings.Join(append(got, ""), "\n")
			if len(got) == 0 {
				found = ""
			}
			if found != want {
				t.Errorf("got\n%swant\n%s", found, want)
			}
			anew.WriteString("=====\n" + name + "\n" + body + "=>\n" + found)
		})
	}
	if count < 70 {
		t.Errorf("there are %d overlays alone", count)
	}
	if *update {
		if err := os.WriteFile("testdata/effects.txt", anew.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
