package builtin

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// Decode returns the object that text holds as JSON, with defaults, in the server's internal version.
func (s *Server) Decode(kind schema.GroupVersionKind, text []byte) (runtime.Object, error) {
	decoded, _, err := s.decoder.Decode(text, &kind, nil)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", kind.Kind, err)
	}
	legacyscheme.Scheme.Default(decoded)
	return legacyscheme.Scheme.UnsafeConvertToVersion(decoded, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal})
}
