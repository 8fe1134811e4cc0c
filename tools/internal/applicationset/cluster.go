package applicationset

import (
	"encoding/base64"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// ParseClusters reads clusters that Argo CD knows: a list of some, or the Secrets that Argo CD keeps of them.
func ParseClusters(file string, data []byte) ([]Cluster, error) {
	documents, err := manifest.ParseDocuments(file, data)
	if err != nil {
		return nil, err
	}
	all := []Cluster{}
	for _, d := range documents {
		if manifest.Lookup(d.Node, "kind") == nil {
			text, err := d.JSON()
			if err != nil {
				return nil, err
			}
			var some []Cluster
			if err := yaml.UnmarshalStrict(text, &some); err != nil {
				return nil, &manifest.SyntaxError{Position: d.Position(nil, d.Node), Message: "this is a list of clusters, each with name, server, project, labels and annotations, or Argo CD's Secrets of clusters"}
			}
			all = append(all, some...)
			continue
		}
		objects, err := d.Objects()
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			if object.Kind != "Secret" || manifest.TextAt(object.Value, "metadata", "labels", secretType) != "cluster" {
				continue
			}
			c := Cluster{Labels: texts(object.Value, "labels"), Annotations: texts(object.Value, "annotations")}
			for field, into := range map[string]*string{"name": &c.Name, "server": &c.Server, "project": &c.Project} {
				if *into = manifest.TextAt(object.Value, "stringData", field); *into != "" {
					continue
				}
				written, err := base64.StdEncoding.DecodeString(manifest.TextAt(object.Value, "data", field))
				if err != nil {
					return nil, &manifest.SyntaxError{Position: object.Source, Message: fmt.Sprintf("data.%s of Secret %s is no base64", field, object.Name)}
				}
				*into = string(written)
			}
			all = append(all, c)
		}
	}
	for _, c := range all {
		if c.Name == "" || c.Server == "" {
			return nil, &manifest.SyntaxError{Position: manifest.Position{File: file, Line: 1}, Message: "a cluster here has no name or no server"}
		}
	}
	return all, nil
}

func texts(value any, field string) map[string]string {
	pairs, _ := manifest.At(value, "metadata", field).(map[string]any)
	all := map[string]string{}
	for key, v := range pairs {
		if text, ok := v.(string); ok {
			all[key] = text
		}
	}
	return all
}
