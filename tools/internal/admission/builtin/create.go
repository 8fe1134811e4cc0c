package builtin

import (
	"context"
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/kubernetes/pkg/api/legacyscheme"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// Create returns the object as the server hands it to validating admission when it is applied: with defaults, the
// metadata that the server sets and what the create strategy does to it, in the internal version. An error means that
// the server refuses the object before it comes that far; Validate says why. Whether it is valid is not asked.
func (s *Server) Create(ctx context.Context, kind schema.GroupVersionKind, value map[string]any) (object runtime.Object, err error) {
	strategy := s.strategies[kind.GroupKind()]
	if strategy == nil {
		return nil, fmt.Errorf("%s is not a kind of Kubernetes", kind)
	}
	defer recovered("create", kind, &err)
	c, refused, err := begin(ctx, strategy, kind, value)
	if err == nil && refused != nil {
		err = fmt.Errorf("create %s: %s", kind.Kind, refused.Message)
	}
	if err != nil {
		return nil, err
	}
	strategy.Canonicalize(c.object)
	return c.object, nil
}

// Receive returns an object as the server hands it to mutating admission when it is applied: with defaults, in its namespace, in the
// internal version. An error means that the server refuses it before it comes that far; Validate says why.
func (s *Server) Receive(kind schema.GroupVersionKind, value map[string]any) (object runtime.Object, err error) {
	strategy := s.strategies[kind.GroupKind()]
	if strategy == nil {
		return nil, fmt.Errorf("%s is not a kind of Kubernetes", kind)
	}
	defer recovered("receive", kind, &err)
	_, object, refused, err := receive(kind, runtime.DeepCopyJSON(value))
	if err == nil && refused != nil {
		err = fmt.Errorf("receive %s: %s", kind.Kind, refused.Message)
	}
	if err != nil {
		return nil, err
	}
	accessor, err := meta.Accessor(object)
	if err == nil && strategy.NamespaceScoped() && accessor.GetNamespace() == "" {
		accessor.SetNamespace(metav1.NamespaceDefault)
	}
	return object, err
}

// Write is an object of the internal version as a manifest of the kind has it.
func (s *Server) Write(kind schema.GroupVersionKind, object runtime.Object) (value map[string]any, err error) {
	defer recovered("write", kind, &err)
	versioned, err := legacyscheme.Scheme.ConvertToVersion(object, kind.GroupVersion())
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", kind.Kind, err)
	}
	if value, err = runtime.DefaultUnstructuredConverter.ToUnstructured(versioned); err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind.Kind, err)
	}
	return value, nil
}

// Complete is Create for an object that a controller makes, which is defaulted and in the internal version. It changes
// the object.
func (s *Server) Complete(ctx context.Context, kind schema.GroupVersionKind, object runtime.Object) (err error) {
	strategy := s.strategies[kind.GroupKind()]
	if strategy == nil {
		return fmt.Errorf("%s is not a kind of Kubernetes", kind)
	}
	defer recovered("create", kind, &err)
	c, refused, err := prepare(ctx, strategy, kind, object)
	if err == nil && refused != nil {
		err = fmt.Errorf("create %s: %s", kind.Kind, refused.Message)
	}
	if err != nil {
		return err
	}
	strategy.Canonicalize(c.object)
	return nil
}

// Refuses returns why the server would not create an object that a controller makes, which is defaulted and in the internal
// version: Validate for what nobody wrote. The object stays as it is.
func (s *Server) Refuses(ctx context.Context, kind schema.GroupVersionKind, object runtime.Object) (faults []fault.Fault, err error) {
	strategy := s.strategies[kind.GroupKind()]
	if strategy == nil {
		return nil, fmt.Errorf("%s is not a kind of Kubernetes", kind)
	}
	value, err := s.Write(kind, object)
	if err != nil {
		return nil, err
	}
	defer recovered("create", kind, &err)
	c, refused, err := prepare(ctx, strategy, kind, object.DeepCopyObject())
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return []fault.Fault{*refused}, nil
	}
	return c.refusals(strategy, value), nil
}

func recovered(doing string, kind schema.GroupVersionKind, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s %s: the API server's own code panics: %v", doing, kind.Kind, r)
	}
}

// Interfaces are what admission asks of the scheme: conversion, and which resources are the same in other versions.
func (s *Server) Interfaces() admission.ObjectInterfaces {
	return interfaces{admission.NewObjectInterfacesFromScheme(legacyscheme.Scheme), s.equivalents()}
}

type interfaces struct {
	admission.ObjectInterfaces
	mapper runtime.EquivalentResourceMapper
}

func (i interfaces) GetEquivalentResourceMapper() runtime.EquivalentResourceMapper { return i.mapper }

// Resource is the resource of a kind, in the paths of the API and in the rules of policies.
func (s *Server) Resource(kind schema.GroupVersionKind) schema.GroupVersionResource {
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural
}

// stable is a version that a server serves without being told to.
var stable = regexp.MustCompile(`^v[0-9]+$`)

// Serves reports whether a server serves the kind unless it is started with other versions than the stable ones.
func (s *Server) Serves(kind schema.GroupVersionKind) bool {
	return s.Knows(kind) && stable.MatchString(kind.Version)
}

func (s *Server) equivalents() runtime.EquivalentResourceMapper {
	registry := runtime.NewEquivalentResourceRegistry()
	for _, version := range legacyscheme.Scheme.PrioritizedVersionsAllGroups() {
		for name := range legacyscheme.Scheme.KnownTypes(version) {
			if kind := version.WithKind(name); s.Serves(kind) {
				registry.RegisterKindFor(s.Resource(kind), "", kind)
			}
		}
	}
	return registry
}
