//go:build modules

package admission

// k8s.io/kubernetes requires the modules of its own staging folder at v0.0.0, which nobody has published. What names
// them here, and is never built, keeps them in go.mod at the release of the same day, so that what reads the whole
// module graph (go mod verify, go list -m all) works without replace directives.
import (
	_ "k8s.io/cli-runtime"
	_ "k8s.io/cloud-provider/api"
	_ "k8s.io/cluster-bootstrap"
	_ "k8s.io/cri-api"
	_ "k8s.io/cri-client/pkg/util"
	_ "k8s.io/cri-streaming"
	_ "k8s.io/csi-translation-lib"
	_ "k8s.io/endpointslice/trafficdist"
	_ "k8s.io/externaljwt"
	_ "k8s.io/kube-aggregator/pkg/apis/apiregistration"
	_ "k8s.io/kube-controller-manager"
	_ "k8s.io/kube-proxy"
	_ "k8s.io/kube-scheduler"
	_ "k8s.io/kubectl"
	_ "k8s.io/metrics"
	_ "k8s.io/mount-utils"
	_ "k8s.io/sample-apiserver/pkg/registry"
)
