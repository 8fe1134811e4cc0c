package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestLineHashes holds the hashes to those of github/codeql-action, src/fingerprints.test.ts.
func TestLineHashes(t *testing.T) {
	ended := "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 b3edc88f2938467e:1 c8e28b0b4002a3a0:1 c129715d7a2bc9a3:1"
	for text, want := range map[string]string{
		"":                   "c129715d7a2bc9a3:1",
		" a\nb\n  \t\tc\n d": "271789c17abda88f:1 54703d4cd895b18:1 180aee12dab6264:1 a23a3dc5e078b07b:1",
		" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End":               "8b7cf3e952e7aeb2:1 b1ae1287ec4718d9:1 bff680108adb0fcc:1 c6805c5e1288b612:1 b86d3392aea1be30:1 e6ceba753e1a442:1",
		" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n":             ended,
		" hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r":             ended,
		" hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n": ended,
		" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n":         ended,
		strings.Repeat("Lorem ipsum dolor sit amet.\n", 10): "a7f2ff13bc495cf2:1 a7f2ff13bc495cf2:2 a7f2ff13bc495cf2:3 a7f2ff13bc495cf2:4 a7f2ff13bc495cf2:5 " +
			"a7f2ff13bc495cf2:6 a7f2ff1481e87703:1 a9cf91f7bbf1862b:1 55ec222b86bcae53:1 cc97dc7b1d7d8f7b:1 c129715d7a2bc9a3:1",
		"x = 2\nx = 1\nprint(x)\nx = 3\nprint(x)\nx = 4\nprint(x)\n": "e54938cc54b302f1:1 bb609acbe9138d60:1 1131fd5871777f34:1 5c482a0f8b35ea28:1 " +
			"54517377da7028d2:1 2c644846cb18d53e:1 f1b89f20de0d133:1 c129715d7a2bc9a3:1",
	} {
		if got := strings.Join(lineHashes(text), " "); got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

// containers is a Deployment with containers of the images, each with the same fault at its image.
func containers(images ...string) (string, []check.Finding) {
	text := "kind: Deployment\nspec:\n  containers:\n"
	var findings []check.Finding
	for i, image := range images {
		text += fmt.Sprintf("    - image: %s\n", image)
		findings = append(findings, check.Finding{
			Check: "pod/image-pinned", Message: fmt.Sprintf("container %d has an image without a version", i),
			Place: check.Place{
				Target: "overlays/dev", Object: &manifest.ID{APIVersion: "apps/v1", Kind: "Deployment", Name: "app"},
				Path: manifest.Path{"spec", "containers", i, "image"},
			},
			Source: manifest.Position{File: "a.yaml", Line: 4 + i, Column: 14},
		})
	}
	return text, findings
}

func prints(text string, findings []check.Finding) []string {
	r := Report{ReadFile: func(string) ([]byte, error) { return []byte(text), nil }}
	return r.sources().fingerprints(findings)
}

func TestFingerprintsSurvive(t *testing.T) {
	text, findings := containers("b", "a", "a")
	before := prints(text, findings)
	if sorted := slices.Sorted(slices.Values(before)); len(slices.Compact(sorted)) != 3 {
		t.Fatalf("three findings have the fingerprints %q", before)
	}
	hold := func(edit string, want []string, text string, findings []check.Finding) {
		t.Helper()
		if got := prints(text, findings); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", edit, got, want)
		}
	}

	moved := slices.Clone(findings)
	for i := range moved {
		moved[i].Source.Line += 2
	}
	hold("lines above", before, "# one\n# two\n"+text, moved)

	indented := strings.ReplaceAll(text, "    -", "  -")
	shifted := slices.Clone(findings)
	for i := range shifted {
		shifted[i].Source.Column -= 2
	}
	hold("another indentation", before, indented, shifted)

	more, found := containers("new", "b", "a", "a")
	hold("a container before them", before, more, found[1:])
	if got := prints(more, found); !slices.Equal(got[1:], before) || slices.Contains(before, got[0]) {
		t.Errorf("a container before them that is at fault too: got %q, were %q", got, before)
	}

	unrelated := findings[0]
	unrelated.Check, unrelated.Message = "pod/probes", "no probe"
	hold("an unrelated finding", before, text, findings)
	if got := prints(text, append([]check.Finding{unrelated}, findings...)); !slices.Equal(got[1:], before) || slices.Contains(before, got[0]) {
		t.Errorf("an unrelated finding: got %q, were %q", got, before)
	}

	elsewhere := slices.Clone(findings)
	for i := range elsewhere {
		elsewhere[i].Also = append(elsewhere[i].Also, check.Place{Target: "overlays/new", Object: findings[0].Object})
	}
	hold("a further overlay", before, text, elsewhere)

	backwards := slices.Clone(findings)
	slices.Reverse(backwards)
	want := slices.Clone(before)
	slices.Reverse(want)
	hold("another order", want, text, backwards)

	mended, left := containers("b", "a@sha256:1", "a")
	hold("one of two equals mended", before[:2], mended, []check.Finding{left[0], left[2]})
	if got := prints(strings.Replace(text, ": b", ": c", 1), findings); got[0] == before[0] || !slices.Equal(got[1:], before[1:]) {
		t.Errorf("the line itself: got %q, were %q", got, before)
	}
}

// TestFingerprintsWithoutLine holds that faults without a line are told apart by target: they are not merged.
func TestFingerprintsWithoutLine(t *testing.T) {
	a := check.Finding{Check: "a/b", Message: "bad", Place: check.Place{Target: "overlays/dev"}}
	b := a
	b.Target = "overlays/prod"
	both := Report{}.sources().fingerprints([]check.Finding{a, b})
	alone := Report{}.sources().fingerprints([]check.Finding{b})
	if both[0] == both[1] || both[1] != alone[0] {
		t.Errorf("together %q, alone %q", both, alone)
	}
}
