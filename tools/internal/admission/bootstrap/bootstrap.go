// Package bootstrap has what a cluster is born with, in the API server's own words.
package bootstrap

import (
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// ClusterRoles are those that the API server makes where they are missing, with the rules that it gives them.
func ClusterRoles() []rbacv1.ClusterRole { return bootstrappolicy.ClusterRoles() }

// ControllerAccounts are the ServiceAccounts of kube-system that the API server binds roles of controllers to, sorted by name:
// kube-controller-manager makes them.
func ControllerAccounts() []string {
	names := map[string]bool{}
	add := func(role string, subjects []rbacv1.Subject) {
		for _, s := range subjects {
			if strings.HasPrefix(role, "system:controller:") && s.Kind == rbacv1.ServiceAccountKind && s.Namespace == metav1.NamespaceSystem {
				names[s.Name] = true
			}
		}
	}
	for _, b := range bootstrappolicy.ControllerRoleBindings() {
		add(b.RoleRef.Name, b.Subjects)
	}
	for _, bindings := range bootstrappolicy.NamespaceRoleBindings() {
		for _, b := range bindings {
			add(b.RoleRef.Name, b.Subjects)
		}
	}
	return slices.Sorted(maps.Keys(names))
}
