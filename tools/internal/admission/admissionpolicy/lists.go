package admissionpolicy

import (
	"errors"
	"fmt"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// namespaces is a lister of namespaces without a server behind it.
type namespaces struct{ cluster Cluster }

func (n namespaces) Get(name string) (*corev1.Namespace, error) {
	return n.cluster.Namespace(name), nil
}

func (namespaces) List(labels.Selector) ([]*corev1.Namespace, error) {
	return nil, errors.New("namespaces are known by name only")
}

var _ corelisters.NamespaceLister = namespaces{}

// params is an informer that knows all its objects from the beginning.
type params struct{ lister cache.GenericLister }

func newParams(kind schema.GroupVersionKind, objects []runtime.Object) params {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	for _, object := range objects {
		_ = indexer.Add(object) // the key function fails for what has no metadata only
	}
	return params{cache.NewGenericLister(indexer, schema.GroupResource{Group: kind.Group, Resource: kind.Kind})}
}

func (p params) Lister() cache.GenericLister       { return p.lister }
func (params) Informer() cache.SharedIndexInformer { return synced{} }

// parameters are what the objects of a kind are found by; an error where no server would find the kind.
func parameters(kind *admissionregistration.ParamKind, cluster Cluster) (informers.GenericInformer, meta.RESTScope, error) {
	if kind == nil {
		return nil, nil, nil
	}
	gvk := schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind)
	objects, namespaced, known := cluster.Params(gvk)
	switch {
	case !known:
		return nil, nil, fmt.Errorf("failed to find resource referenced by paramKind: '%v'", gvk)
	case namespaced:
		return newParams(gvk, objects), meta.RESTScopeNamespace, nil
	}
	return newParams(gvk, objects), meta.RESTScopeRoot, nil
}

// synced is an informer that is only ever asked whether it is ready.
type synced struct{ cache.SharedIndexInformer }

func (synced) HasSynced() bool { return true }
