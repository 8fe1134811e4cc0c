package custom

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

// tools/schemas makes the bundle and describes its format.
var (
	//go:embed bundle/kinds.txt
	bundledKinds string
	//go:embed bundle/definitions.bin
	bundledDefinitions string // not []byte: nobody can change a string
)

var embedded = sync.OnceValues(func() (*Definitions, error) {
	d, err := readBundle(bundledKinds, bundledDefinitions)
	if err != nil {
		return nil, fmt.Errorf("read the embedded CustomResourceDefinitions: %w", err)
	}
	return d, nil
})

// Embedded returns the definitions of the kinds that kgate knows without being given their
// CustomResourceDefinition: those of Istio, the OpenTelemetry Operator, CloudNativePG, Argo CD and the Prometheus
// Operator.
func Embedded() (*Definitions, error) { return embedded() }

func readBundle(index, content string) (*Definitions, error) {
	texts, err := archive.Open(content)
	if err != nil {
		return nil, err
	}
	d := &Definitions{embedded: map[schema.GroupKind]*definition{}}
	for line := range strings.Lines(index) {
		var (
			kind                                    schema.GroupKind
			plural, scope, versions, source, digest string
		)
		if _, err := fmt.Sscanf(line, "%s %s %s %s %s %s %s\n",
			&kind.Group, &kind.Kind, &plural, &scope, &versions, &source, &digest); err != nil {
			return nil, fmt.Errorf("line %q: %w", strings.TrimSpace(line), err)
		}
		key, err := archive.ParseKey(digest)
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", strings.TrimSpace(line), err)
		}
		if _, twice := d.embedded[kind]; twice {
			return nil, fmt.Errorf("%s is there twice", kind)
		}
		served := map[string]bool{}
		for _, v := range strings.Split(versions, ",") {
			served[v] = true
		}
		of := identity{kind: kind, plural: plural, source: source, namespaced: scope == string(apiextensionsv1.NamespaceScoped), served: served}
		d.embedded[kind] = newDefinition(of, func() (*apiextensionsv1.CustomResourceDefinition, error) {
			return decodeEmbedded(texts, key)
		})
	}
	if len(d.embedded) == 0 {
		return nil, errors.New("there are none")
	}
	return d, nil
}

func decodeEmbedded(texts *archive.Archive, key archive.Key) (*apiextensionsv1.CustomResourceDefinition, error) {
	text, err := texts.Read(key)
	if err != nil {
		return nil, err
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(text, crd); err != nil {
		return nil, err
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	return crd, nil
}
