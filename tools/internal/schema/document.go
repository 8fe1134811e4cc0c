package schema

import "fmt"

// Document returns the whole schema of a kind in a minor version ("1.37") as one JSON document, for tools that
// read schemas from files.
func Document(apiVersion, kind, minor string) ([]byte, error) {
	b, err := embedded()
	if err != nil {
		return nil, err
	}
	root, ok := b.root(apiVersion, kind, minor)
	if !ok {
		return nil, fmt.Errorf("no schema for %s %s in Kubernetes %s", apiVersion, kind, minor)
	}
	return b.assemble(root, nil)
}
