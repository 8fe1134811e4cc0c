package custom

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	d := &Definitions{embedded: map[schema.GroupKind]*definition{}}
	for line := range strings.Lines(index) {
		var (
			kind                            schema.GroupKind
			plural, scope, versions, source string
			at, compressed, whole           int
		)
		if _, err := fmt.Sscanf(line, "%s %s %s %s %s %s %d %d %d\n",
			&kind.Group, &kind.Kind, &plural, &scope, &versions, &source, &at, &compressed, &whole); err != nil {
			return nil, fmt.Errorf("line %q: %w", strings.TrimSpace(line), err)
		}
		if at < 0 || compressed < 0 || at > len(content)-compressed {
			return nil, fmt.Errorf("line %q: outside the file of %d bytes", strings.TrimSpace(line), len(content))
		}
		if _, twice := d.embedded[kind]; twice {
			return nil, fmt.Errorf("%s is there twice", kind)
		}
		served := map[string]bool{}
		for _, v := range strings.Split(versions, ",") {
			served[v] = true
		}
		text := content[at : at+compressed]
		of := identity{kind: kind, plural: plural, source: source, namespaced: scope == string(apiextensionsv1.NamespaceScoped), served: served}
		d.embedded[kind] = newDefinition(of, func() (*apiextensionsv1.CustomResourceDefinition, error) {
			return inflate(text, whole)
		})
	}
	if len(d.embedded) == 0 {
		return nil, errors.New("there are none")
	}
	return d, nil
}

func inflate(text string, size int) (*apiextensionsv1.CustomResourceDefinition, error) {
	var b bytes.Buffer
	b.Grow(size)
	if _, err := io.Copy(&b, flate.NewReader(strings.NewReader(text))); err != nil {
		return nil, err
	}
	if b.Len() != size {
		return nil, fmt.Errorf("it has %d bytes; the index says %d", b.Len(), size)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(b.Bytes(), crd); err != nil {
		return nil, err
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	return crd, nil
}
