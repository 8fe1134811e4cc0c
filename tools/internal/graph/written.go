package graph

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// Written is an object that a controller makes of another one. A namespace of "*" is for others to say.
type Written struct{ Kind, Namespace, Name string }

// WrittenOf is what controllers make of an object besides pods, as policies/lib/written has it for rules of one target.
func WrittenOf(o *manifest.Object) []Written {
	var all []Written
	add := func(kind, namespace, name string) {
		if name != "" {
			all = append(all, Written{kind, namespace, name})
		}
	}
	made, _ := relation.Known().Writes.Of(o.Group(), o.Kind)
	for _, w := range made {
		namespace := o.Namespace
		if w.Anywhere {
			namespace = "*"
		}
		named := places(o.Value, w.Path)
		for _, found := range named {
			add(w.Kind, namespace, found.name)
		}
		if len(named) == 0 {
			add(w.Kind, namespace, strings.ReplaceAll(w.Name, "{name}", o.Name))
		}
	}
	text := func(path ...any) string { return manifest.TextAt(o.Value, path...) }
	if to := text("spec", "writeConnectionSecretToRef", "name"); to != "" {
		namespace := text("spec", "writeConnectionSecretToRef", "namespace")
		if namespace == "" {
			namespace = o.Namespace
		}
		add("Secret", namespace, to)
	}
	switch group := o.Group(); {
	case group == "networking.k8s.io" && o.Kind == "Ingress" && asksForCertificate(o):
		for _, tls := range manifest.ListAt(o.Value, "spec", "tls") {
			add("Secret", o.Namespace, manifest.TextAt(tls, "secretName"))
		}
	case group == "gateway.networking.k8s.io" && (o.Kind == "Gateway" || o.Kind == "ListenerSet") && asksForCertificate(o):
		for _, listener := range manifest.ListAt(o.Value, "spec", "listeners") {
			for _, ref := range manifest.ListAt(listener, "tls", "certificateRefs") {
				namespace, kind := manifest.TextAt(ref, "namespace"), manifest.TextAt(ref, "kind")
				if (namespace == "" || namespace == o.Namespace) && (kind == "" || kind == "Secret") {
					add("Secret", o.Namespace, manifest.TextAt(ref, "name"))
				}
			}
		}
	case group == "" && o.Kind == "Service":
		for _, stage := range []string{"alpha", "beta"} {
			add("Secret", o.Namespace, text("metadata", "annotations", "service."+stage+".openshift.io/serving-cert-secret-name"))
		}
	case group == "external-secrets.io" && o.Kind == "ExternalSecret" && text("spec", "target", "manifest", "kind") != "":
		name := text("spec", "target", "name")
		if name == "" {
			name = o.Name
		}
		add(text("spec", "target", "manifest", "kind"), o.Namespace, name)
	case group == "acid.zalan.do" && o.Kind == "postgresql":
		users, _ := manifest.At(o.Value, "spec", "users").(map[string]any)
		for _, user := range slices.Sorted(maps.Keys(users)) {
			add("Secret", o.Namespace, fmt.Sprintf("%s.%s.credentials.postgresql.acid.zalan.do", strings.ReplaceAll(user, "_", "-"), o.Name))
		}
	}
	return all
}

// asksForCertificate reports an Ingress or a Gateway of which cert-manager makes the Certificates.
func asksForCertificate(o *manifest.Object) bool {
	annotation := func(name string) string { return manifest.TextAt(o.Value, "metadata", "annotations", name) }
	return annotation("cert-manager.io/cluster-issuer") != "" || annotation("cert-manager.io/issuer") != "" || annotation("kubernetes.io/tls-acme") == "true"
}
