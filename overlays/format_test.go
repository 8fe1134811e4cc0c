package overlays

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// TestFormat holds the kustomizations to the format of `kustomize edit`, which moves comments and writes lists anew:
// whatever else stood here would be part of the diff of a promotion.
func TestFormat(t *testing.T) {
	found := 0
	for _, pattern := range []string{"*/kustomization.yaml", "*/*/kustomization.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			found++
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			node, err := yaml.Parse(string(content))
			if err != nil {
				t.Fatalf("overlays/%s: %v", name, err)
			}
			uncommented(node.YNode())
			written, err := yaml.MarshalWithOptions(node.YNode(), &yaml.EncoderOptions{SeqIndent: yaml.CompactSequenceStyle})
			if err != nil {
				t.Fatalf("overlays/%s: %v", name, err)
			}
			if !bytes.Equal(written, content) {
				t.Errorf("overlays/%s: `kustomize edit` would write it so, and a promotion change more than a version:\n%s", name, written)
			}
		}
	}
	if found < 3 {
		t.Errorf("%d kustomizations: this test looks elsewhere", found)
	}
}

func uncommented(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	for _, child := range node.Content {
		uncommented(child)
	}
}
