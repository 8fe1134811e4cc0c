// Package bootstrap has what a cluster is born with, in the API server's own words.
package bootstrap

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// ClusterRoles are those that the API server makes where they are missing, with the rules that it gives them.
func ClusterRoles() []rbacv1.ClusterRole { return bootstrappolicy.ClusterRoles() }
