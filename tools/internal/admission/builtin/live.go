package builtin

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	serviceapi "k8s.io/kubernetes/pkg/api/service"
	"k8s.io/kubernetes/pkg/apis/batch"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/utils/net"
	"k8s.io/utils/ptr"
)

// given takes what a cluster gives an object, and a change writes down, for what the cluster gave: an address, the volume
// of a claim. Whether it is that nobody knows here, and nothing is said of what nobody knows.
func given(c *Change) {
	var fields []string
	switch c.NewKind.Kind + "." + c.NewKind.Group {
	case "Service.":
		fields = []string{"clusterIP", "clusterIPs", "ipFamilies", "healthCheckNodePort"}
	case "PersistentVolumeClaim.":
		fields = []string{"volumeName", "storageClassName"}
	case "Pod.":
		fields = []string{"nodeName", "serviceAccountName", "serviceAccount", "priority", "preemptionPolicy"}
	}
	was, _ := c.Old["spec"].(map[string]any)
	is, _ := c.New["spec"].(map[string]any)
	if was == nil || is == nil || was["type"] == string(core.ServiceTypeExternalName) {
		return
	}
	if was["clusterIP"] != nil || is["clusterIP"] == core.ClusterIPNone {
		fields = slices.DeleteFunc(fields, func(name string) bool { return name == "clusterIP" || name == "clusterIPs" })
	}
	with := maps.Clone(was)
	for _, name := range fields {
		if value := is[name]; value != nil && was[name] == nil {
			with[name] = value
		}
	}
	c.Old = maps.Clone(c.Old)
	c.Old["spec"] = with
}

// Addresses that documentation is free to use stand for those that a cluster gives.
const (
	someIPv4 = "192.0.2.1"
	someIPv6 = "2001:db8::1"
)

// established adds to a created object what the controllers of every cluster add, as far as validation asks for it.
func established(object runtime.Object) {
	switch o := object.(type) {
	case *core.Service:
		allocate(o)
	case *core.PersistentVolumeClaim:
		// A claim that is used is bound, to a volume that holds at least what it asks for.
		if o.Spec.VolumeName == "" {
			o.Spec.VolumeName = "pvc-" + uid
		}
		o.Status = core.PersistentVolumeClaimStatus{
			Phase: core.ClaimBound, AccessModes: o.Spec.AccessModes, Capacity: core.ResourceList{core.ResourceStorage: o.Spec.Resources.Requests[core.ResourceStorage]},
		}
	case *core.Pod:
		if o.Spec.ServiceAccountName == "" {
			o.Spec.ServiceAccountName = "default"
		}
	case *batch.Job:
		if !ptr.Deref(o.Spec.Suspend, false) {
			o.Status.StartTime = &metav1.Time{Time: o.CreationTimestamp.Time}
		}
	}
}

// allocate gives a service what the server's storage of services gives it: families, addresses and the port of health checks.
// https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/registry/core/service/storage/alloc.go
func allocate(o *core.Service) {
	if o.Spec.Type == core.ServiceTypeExternalName {
		return
	}
	headless := o.Spec.ClusterIP == core.ClusterIPNone
	if o.Spec.IPFamilyPolicy == nil {
		o.Spec.IPFamilyPolicy = ptr.To(core.IPFamilyPolicySingleStack)
		if headless && len(o.Spec.Selector) == 0 {
			o.Spec.IPFamilyPolicy = ptr.To(core.IPFamilyPolicyRequireDualStack)
		}
	}
	if len(o.Spec.IPFamilies) == 0 && !headless {
		for _, address := range o.Spec.ClusterIPs {
			o.Spec.IPFamilies = append(o.Spec.IPFamilies, familyOf(address))
		}
	}
	if len(o.Spec.IPFamilies) == 0 {
		o.Spec.IPFamilies = []core.IPFamily{core.IPv4Protocol}
	}
	if len(o.Spec.IPFamilies) == 1 && *o.Spec.IPFamilyPolicy == core.IPFamilyPolicyRequireDualStack {
		o.Spec.IPFamilies = append(o.Spec.IPFamilies, otherFamily(o.Spec.IPFamilies[0]))
	}
	if headless {
		o.Spec.ClusterIPs = []string{core.ClusterIPNone}
		return
	}
	for _, family := range o.Spec.IPFamilies[min(len(o.Spec.ClusterIPs), len(o.Spec.IPFamilies)):] {
		address := someIPv4
		if family == core.IPv6Protocol {
			address = someIPv6
		}
		o.Spec.ClusterIPs = append(o.Spec.ClusterIPs, address)
	}
	o.Spec.ClusterIP = o.Spec.ClusterIPs[0]
}

func familyOf(address string) core.IPFamily {
	if net.IsIPv6String(address) {
		return core.IPv6Protocol
	}
	return core.IPv4Protocol
}

func otherFamily(family core.IPFamily) core.IPFamily {
	if family == core.IPv4Protocol {
		return core.IPv6Protocol
	}
	return core.IPv4Protocol
}

// beforeUpdate is what the storage of a kind does to a new object before its strategy sees it: a service keeps what the cluster
// gave it, where the new one says nothing else.
// https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/registry/core/service/storage/storage.go
func beforeUpdate(object, live runtime.Object) {
	o, ok := object.(*core.Service)
	old, also := live.(*core.Service)
	if !ok || !also {
		return
	}
	addressed := o.Spec.Type != core.ServiceTypeExternalName
	if addressed && old.Spec.Type != core.ServiceTypeExternalName {
		if o.Spec.ClusterIP == "" {
			o.Spec.ClusterIP = old.Spec.ClusterIP
		}
		if len(o.Spec.ClusterIPs) == 0 {
			o.Spec.ClusterIPs = slices.Clone(old.Spec.ClusterIPs)
		}
	}
	if checksHealth(old) && checksHealth(o) && o.Spec.HealthCheckNodePort == 0 {
		o.Spec.HealthCheckNodePort = old.Spec.HealthCheckNodePort
	}
	// Whoever knows the singular field only means both.
	if o.Spec.ClusterIP != old.Spec.ClusterIP && slices.Equal(o.Spec.ClusterIPs, old.Spec.ClusterIPs) {
		o.Spec.ClusterIPs = nil
		if o.Spec.ClusterIP != "" {
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
	}
	if !addressed {
		return
	}
	if o.Spec.IPFamilyPolicy == nil {
		o.Spec.IPFamilyPolicy = ptr.To(core.IPFamilyPolicySingleStack)
		if old.Spec.IPFamilyPolicy != nil {
			o.Spec.IPFamilyPolicy = ptr.To(*old.Spec.IPFamilyPolicy)
		} else if o.Spec.ClusterIP == core.ClusterIPNone && len(o.Spec.Selector) == 0 {
			o.Spec.IPFamilyPolicy = ptr.To(core.IPFamilyPolicyRequireDualStack)
		}
	}
	if *o.Spec.IPFamilyPolicy == core.IPFamilyPolicySingleStack {
		if slices.Equal(o.Spec.ClusterIPs, old.Spec.ClusterIPs) && len(o.Spec.ClusterIPs) > 1 {
			o.Spec.ClusterIPs = o.Spec.ClusterIPs[:1]
		}
		if slices.Equal(o.Spec.IPFamilies, old.Spec.IPFamilies) && len(o.Spec.IPFamilies) > 1 {
			o.Spec.IPFamilies = o.Spec.IPFamilies[:1]
		}
	}
	if len(o.Spec.IPFamilies) == 0 {
		for _, address := range o.Spec.ClusterIPs {
			if address == core.ClusterIPNone {
				o.Spec.IPFamilies = slices.Clone(old.Spec.IPFamilies)
				break
			}
			o.Spec.IPFamilies = append(o.Spec.IPFamilies, familyOf(address))
		}
	}
	if checksHealth(o) && o.Spec.HealthCheckNodePort == 0 {
		o.Spec.HealthCheckNodePort = firstNodePort
	}
}

func checksHealth(o *core.Service) bool {
	return o.Spec.Type == core.ServiceTypeLoadBalancer && o.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal
}

func hasNodePorts(o *core.Service) bool {
	return o.Spec.Type == core.ServiceTypeNodePort || o.Spec.Type == core.ServiceTypeLoadBalancer
}

// dropTypeDependent takes from a service whose type changes what was given for the old type and the change leaves as it is.
// https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/registry/core/service/strategy.go
func dropTypeDependent(o, old *core.Service) {
	external := o.Spec.Type == core.ServiceTypeExternalName
	if external && old.Spec.Type != core.ServiceTypeExternalName {
		if o.Spec.ClusterIP == old.Spec.ClusterIP && slices.Equal(o.Spec.ClusterIPs, old.Spec.ClusterIPs) {
			o.Spec.ClusterIP, o.Spec.ClusterIPs = "", nil
		}
		if slices.Equal(o.Spec.IPFamilies, old.Spec.IPFamilies) {
			o.Spec.IPFamilies = nil
		}
		if ptr.Deref(o.Spec.IPFamilyPolicy, "") == ptr.Deref(old.Spec.IPFamilyPolicy, "") {
			o.Spec.IPFamilyPolicy = nil
		}
	}
	if hasNodePorts(old) && !hasNodePorts(o) {
		was := map[int32]bool{0: true}
		for _, p := range old.Spec.Ports {
			was[p.NodePort] = true
		}
		if !slices.ContainsFunc(o.Spec.Ports, func(p core.ServicePort) bool { return !was[p.NodePort] }) {
			for i := range o.Spec.Ports {
				o.Spec.Ports[i].NodePort = 0
			}
		}
	}
	if checksHealth(old) && !checksHealth(o) && o.Spec.HealthCheckNodePort == old.Spec.HealthCheckNodePort {
		o.Spec.HealthCheckNodePort = 0
	}
	if old.Spec.Type == core.ServiceTypeLoadBalancer && o.Spec.Type != core.ServiceTypeLoadBalancer {
		if now, was := o.Spec.AllocateLoadBalancerNodePorts, old.Spec.AllocateLoadBalancerNodePorts; now != nil && was != nil && *now == *was {
			o.Spec.AllocateLoadBalancerNodePorts = nil
		}
		if now, was := o.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass; ptr.Equal(now, was) {
			o.Spec.LoadBalancerClass = nil
		}
	}
	if serviceapi.ExternallyAccessible(old) && !serviceapi.ExternallyAccessible(o) && o.Spec.ExternalTrafficPolicy == old.Spec.ExternalTrafficPolicy {
		o.Spec.ExternalTrafficPolicy = ""
	}
	if o.Spec.Type != core.ServiceTypeLoadBalancer {
		o.Status.LoadBalancer = core.LoadBalancerStatus{}
	}
}
