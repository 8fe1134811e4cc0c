package gate

import (
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestMade(t *testing.T) {
	for text, want := range map[string]string{
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":{"destination":{"namespace":"shop"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}`:                                "shop",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":{"destination":{"namespace":"shop"},"syncPolicy":{"syncOptions":["CreateNamespace=false"]}}}`:                               "",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":{"destination":{"namespace":"{{a}}"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}`:                               "{{a}}", // nobody fills it in
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet","spec":{"template":{"spec":{"destination":{"namespace":"w-{{.env}}"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}}}`: "w-*",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","spec":{"targetNamespace":"shop","install":{"createNamespace":true}}}`:                                                        "shop",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","spec":{"targetNamespace":"shop"}}`:                                                                                           "",
		`{"apiVersion":"example.com/v1","kind":"Application","spec":{"destination":{"namespace":"shop"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}`:                                      "",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":"text"}`:                                                                                                                    "",
	} {
		object, err := manifest.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, is := range made([]*manifest.Object{object}) {
			if is.Kind == "Namespace" {
				got += is.Name
			}
		}
		if got != want {
			t.Errorf("%s: made %q, want %q", text, got, want)
		}
	}
}

// TestReleased names what charts may make: any pods of a namespace, and objects called as the release is, or as it is told to call them.
func TestReleased(t *testing.T) {
	for text, want := range map[string]string{
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"a","namespace":"mon"}}`:                                                                             "pods mon/*, Secret mon/a, Secret mon/a-*",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"a"},"spec":{"releaseName":"b"}}`:                                                                    "pods */*, Secret */b, Secret */b-*",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"a","namespace":"mon"},"spec":{"targetNamespace":"shop"}}`:                                           "pods shop/*, Secret shop/shop-a, Secret shop/shop-a-*",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"a","namespace":"mon"},"spec":{"kubeConfig":{"secretRef":{"name":"c"}}}}`:                            "",
		`{"apiVersion":"helm.cattle.io/v1","kind":"HelmChart","metadata":{"name":"a","namespace":"kube-system"},"spec":{"targetNamespace":"shop"}}`:                                             "pods shop/*, Secret shop/a, Secret shop/a-*",
		`{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"HelmChart","metadata":{"name":"a","namespace":"mon"}}`:                                                                             "",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"a"},"spec":{"source":{"chart":"c"},"destination":{"namespace":"shop"}}}`:                                 "pods shop/*, Secret shop/a, Secret shop/a-*",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"a"},"spec":{"sources":[{"path":"x"},{"chart":"c","helm":{"releaseName":"r"}}]}}`:                         "pods */*, Secret */r, Secret */r-*",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"a"},"spec":{"source":{"path":"x"},"destination":{"namespace":"shop"}}}`:                                  "",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet","spec":{"template":{"metadata":{"name":"{{n}}-a"},"spec":{"source":{"chart":"c"},"destination":{"namespace":"{{n}}"}}}}}`: "pods */*, Secret */*-a, Secret */*-a-*",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":"text"}`:                                                                                                              "",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"a","namespace":"mon"},"spec":{"values":{"sub":{"fullnameOverride":"b"}}}}`:                          "pods mon/*, Secret mon/a, Secret mon/a-*, Secret mon/b, Secret mon/b-*",
	} {
		object, err := manifest.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, is := range made([]*manifest.Object{object}) {
			if is.Kind == check.PodsKind || is.Kind == "Secret" {
				got = append(got, is.Kind+" "+is.Namespace+"/"+is.Name)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: made %v, want %q", text, got, want)
		}
	}
}

// TestNamedInValues has the names that values give what a chart makes, in the release's namespace: any kind may be called so.
func TestNamedInValues(t *testing.T) {
	release := func(spec string) string {
		return `{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"name":"a","namespace":"mon"},"spec":` + spec + `}`
	}
	application := func(helm string) string {
		return `{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"name":"a"},"spec":{"source":{"chart":"c","helm":` + helm + `},"destination":{"namespace":"mon"}}}`
	}
	for text, want := range map[string]string{
		release(`{"values":{"serviceAccount":{"name":"sa"},"replicas":2,"Not A Name":"Nor this","list":["x"]}}`): "list mon/, name mon/, replicas mon/, sa mon/, x mon/",
		release(`{"values":"text"}`): "text mon/",
		release(`{"values":{"name":"{{ .Release.Name }}-x","other":"{{ .y }}"}}`):         "*-x mon/, name mon/, other mon/",
		release(`{"valuesFrom":[{"kind":"ConfigMap","name":"values"}]}`):                  "k mon/, v mon/",
		release(`{"valuesFrom":[{"kind":"ConfigMap","name":"values","valuesKey":"no"}]}`): "",
		release(`{"valuesFrom":[{"kind":"Secret","name":"values"}]}`):                     "",
		application(`{"values":"k: v"}`):                                                  "k mon/, v mon/",
		application(`{"values":"{{ k"}`):                                                  "",
		application(`{"valuesObject":{"k":"v"}}`):                                         "k mon/, v mon/",
		application(`{"parameters":[{"name":"n.m","value":"v"}]}`):                        "m mon/, n mon/, v mon/",
		`{"apiVersion":"helm.cattle.io/v1","kind":"HelmChart","metadata":{"name":"a","namespace":"mon"},"spec":{"valuesContent":"k: v","set":{"s":1}}}`: "k mon/, s mon/, v mon/",
	} {
		object, err := manifest.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		values, err := manifest.Decode([]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"values","namespace":"mon"},"data":{"values.yaml":"k: v"}}`))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, is := range made([]*manifest.Object{object, values}) {
			if is.Kind == check.AnyKind {
				got = append(got, is.Name+" "+is.Namespace+"/")
			}
		}
		slices.Sort(got)
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: named %v, want %q", text, got, want)
		}
	}
}

// TestMadeInTheMesh names what rules of Istio may refer to.
func TestMadeInTheMesh(t *testing.T) {
	for text, want := range map[string]string{
		`{"apiVersion":"networking.istio.io/v1","kind":"ServiceEntry","spec":{"hosts":["api.example.com"]}}`:                                                          "host api.example.com",
		`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"namespace":"shop"},"spec":{"host":"web","subsets":[{"name":"a"}]}}`:             "subset a of web.shop.svc.cluster.local",
		`{"apiVersion":"networking.istio.io/v1","kind":"DestinationRule","metadata":{"namespace":"shop"},"spec":{"host":"api.example.com","subsets":[{"name":"a"}]}}`: "subset a of api.example.com",
	} {
		object, err := manifest.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := made([]*manifest.Object{object})
		if len(got) != 1 || got[0].Kind+" "+got[0].Name != want {
			t.Errorf("%s: made %v, want %s", text, got, want)
		}
	}
}

// TestPods has the labels of the pods of templates and operators.
func TestPods(t *testing.T) {
	for text, want := range map[string]int{
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"shop"},"spec":{"template":{"metadata":{"labels":{"app":"web"}}}}}`: 1,
		`{"apiVersion":"postgresql.cnpg.io/v1","kind":"Cluster","metadata":{"namespace":"shop","name":"db","labels":{"app":"web"}}}`:             2,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"shop"}}`:                                                                 0,
	} {
		object, err := manifest.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := pods([]*manifest.Object{object})
		if len(got) != want {
			t.Errorf("%s: got %v", text, got)
		}
		for _, p := range got {
			if p.Namespace != "shop" || p.Labels["app"] != "web" {
				t.Errorf("%s: got %v", text, p)
			}
		}
	}
}
