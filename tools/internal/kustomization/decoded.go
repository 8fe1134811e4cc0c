package kustomization

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// mostDecoded is how many bytes of JSON the decoded objects may have that are kept for the next target.
const mostDecoded = 4 << 20

// object is a resource decoded, of which nobody may change anything. Most objects of a base leave its overlays as they are:
// what has the same tree is encoded and decoded once.
func (s *Store) object(r *resource.Resource, trace *Trace) (*manifest.Object, error) {
	digest, ok := treeDigest(r.YNode())
	if ok {
		if made, err := s.decoded.Get(digest, func() (*manifest.Object, int, error) {
			made, err := decoded(r, nil)
			if err != nil {
				return nil, 0, err
			}
			return made, len(made.JSON), nil
		}); err == nil {
			return made.Again(), nil
		}
	}
	return decoded(r, trace) // an error is placed by the trace
}

func decoded(r *resource.Resource, trace *Trace) (*manifest.Object, error) {
	text, err := encode(r)
	if err != nil {
		return nil, encodeError(r, trace, err)
	}
	object, err := manifest.Decode(text)
	if list := (*manifest.ListError)(nil); errors.As(err, &list) && trace != nil {
		at := trace.place(manifest.Path{"items"})
		if at.IsZero() {
			at = trace.Source
		}
		return nil, fail(at, "%s", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.CurId(), err)
	}
	return object, nil
}

// treeDigest is a hash of all of a tree that encoding it looks at. It knows no aliases, of which a rendered tree has none.
func treeDigest(node *yaml.Node) (digest [sha256.Size]byte, ok bool) {
	text, ok := appendTree(nil, node)
	return sha256.Sum256(text), ok
}

// appendTree writes a tree so that no other is written the same: texts and lists stand behind their lengths.
func appendTree(to []byte, node *yaml.Node) (text []byte, ok bool) {
	if node == nil || node.Alias != nil {
		return to, false
	}
	to = binary.AppendUvarint(to, uint64(node.Kind))
	to = binary.AppendUvarint(to, uint64(node.Style))
	for _, part := range [...]string{node.Tag, node.Value, node.Anchor, node.HeadComment, node.LineComment, node.FootComment} {
		to = binary.AppendUvarint(to, uint64(len(part)))
		to = append(to, part...)
	}
	to = binary.AppendUvarint(to, uint64(len(node.Content)))
	for _, child := range node.Content {
		if to, ok = appendTree(to, child); !ok {
			return to, false
		}
	}
	return to, true
}
