package danger

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/schema"
)

const rbacVersion = "rbac.authorization.k8s.io/v1"

func TestAccountGains(t *testing.T) {
	w := func(spec string) string { return pods("w", "app: w", spec) }
	account := func(name, rest string) string { return called("v1", "ServiceAccount", name, rest) }
	bind := func(name, role string) string {
		return called(rbacVersion, "RoleBinding", name+"-"+role, "roleRef: {kind: ClusterRole, name: "+role+"}\nsubjects: [{kind: ServiceAccount, name: "+name+", namespace: shop}]")
	}
	role := func(verb string) string {
		return called(rbacVersion, "ClusterRole", "reader", `rules: [{apiGroups: [""], resources: [secrets], verbs: [`+verb+`]}]`)
	}
	everywhere := func(name, role string) string {
		return strings.Replace(strings.Replace(bind(name, role), "kind: RoleBinding", "kind: ClusterRoleBinding", 1), ", namespace: shop}\n", "}\n", 1)
	}
	group := called(rbacVersion, "RoleBinding", "all", "roleRef: {kind: ClusterRole, name: edit}\nsubjects: [{kind: Group, name: 'system:serviceaccounts:shop'}]")
	both := account("w", "") + account("admin", "") + bind("admin", "cluster-admin")
	const at = "warning now.yaml spec.template.spec.serviceAccountName: privilege gained: "
	run(t, []step{
		{"an account with more", privilegeGained, w("serviceAccountName: w") + both, w("serviceAccountName: admin") + both, []string{at + `Deployment "w" runs as account "admin", which has ClusterRole cluster-admin in namespace shop: serviceAccountName: w → admin`}},
		{"an account with a role that is rendered", privilegeGained, w("") + account("r", "") + bind("r", "reader") + role("get"), w("serviceAccountName: r") + account("r", "") + bind("r", "reader") + role("get"),
			[]string{at + `Deployment "w" runs as account "r", which has ClusterRole reader in namespace shop: serviceAccountName: default → r`}},
		{"an account with a role that leads nowhere", privilegeGained, w("") + account("r", "") + bind("r", "reader") + role("delete"), w("serviceAccountName: r") + account("r", "") + bind("r", "reader") + role("delete"), nil},
		{"an account with as much", privilegeGained, w("serviceAccountName: w") + both + bind("w", "cluster-admin"), w("serviceAccountName: admin") + both + bind("w", "cluster-admin"), nil},
		{"an account with less by another role", privilegeGained, w("serviceAccountName: w") + account("r", "") + bind("w", "admin") + bind("r", "reader") + role("get"), w("serviceAccountName: r") + account("r", "") + bind("w", "admin") + bind("r", "reader") + role("get"), nil},
		{"an account with the same role everywhere", privilegeGained, w("serviceAccountName: w") + account("r", "") + bind("w", "reader") + everywhere("r", "reader") + role("get"), w("serviceAccountName: r") + account("r", "") + bind("w", "reader") + everywhere("r", "reader") + role("get"),
			[]string{at + `Deployment "w" runs as account "r", which has ClusterRole reader in the whole cluster: serviceAccountName: w → r`}},
		{"an account with the rights of its group", privilegeGained, w("serviceAccountName: w") + group + bind("r", "reader") + role("get"), w("serviceAccountName: r") + group + bind("r", "reader") + role("get"), nil},
		{"a role for a namespace alone", privilegeGained, account("w", "") + everywhere("w", "edit"), account("w", "") + bind("w", "edit"), nil},
		{"a role for an account that has everything", privilegeGained, account("w", "") + everywhere("w", "cluster-admin"), account("w", "") + everywhere("w", "cluster-admin") + bind("w", "of-elsewhere"), nil},
		{"a role of which nobody knows more", privilegeGained, account("w", "") + everywhere("w", "edit"), account("w", "") + everywhere("w", "edit") + bind("w", "of-elsewhere"),
			[]string{`warning now.yaml subjects[0]: privilege gained: ServiceAccount "w" has ClusterRole of-elsewhere in namespace shop: not bound → bound`}},
		{"an account by the name of its user", privilegeGained, account("w", "") + bind("w", "edit"), account("w", "") + strings.Replace(bind("w", "edit"), "kind: ServiceAccount, name: w, namespace: shop", "kind: User, name: 'system:serviceaccount:shop:w'", 1), nil},
		{"an account renamed", privilegeGained, account("w", "") + strings.Replace(bind("w", "edit"), "name: w-edit", "name: all", 1), account("r", "") + strings.Replace(bind("r", "edit"), "name: r-edit", "name: all", 1), nil},
		{"a role in the place of one with more", privilegeGained, account("w", "") + bind("w", "edit"), account("w", "") + bind("w", "view"), nil},
		{"a role in the place of one with less", privilegeGained, account("w", "") + bind("w", "view"), account("w", "") + bind("w", "edit"),
			[]string{`warning now.yaml subjects[0]: privilege gained: ServiceAccount "w" has ClusterRole edit in namespace shop: not bound → bound`}},
		{"an account whose token nobody gets", privilegeGained, w("serviceAccountName: w, automountServiceAccountToken: false") + both, w("serviceAccountName: admin, automountServiceAccountToken: false") + both, nil},

		{"a token of an account", privilegeGained, w("serviceAccountName: admin") + account("admin", "automountServiceAccountToken: false") + bind("admin", "edit"), w("serviceAccountName: admin") + account("admin", "") + bind("admin", "edit"),
			[]string{`warning now.yaml : privilege gained: the pods of Deployment "w" get the token of ServiceAccount "admin", which has ClusterRole edit in namespace shop: automountServiceAccountToken: false → not set`}},
		{"a token of an account with nothing", privilegeGained, w("serviceAccountName: admin") + account("admin", "automountServiceAccountToken: false"), w("serviceAccountName: admin") + account("admin", ""), nil},
		{"a token that pods refuse", privilegeGained, w("serviceAccountName: admin, automountServiceAccountToken: false") + account("admin", "automountServiceAccountToken: false") + bind("admin", "edit"),
			w("serviceAccountName: admin, automountServiceAccountToken: false") + account("admin", "") + bind("admin", "edit"), nil},

		{"a token in a volume", privilegeGained, w("automountServiceAccountToken: false, volumes: [{name: t, emptyDir: {}}]"), w("automountServiceAccountToken: false, volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: token}}]}}]"),
			[]string{`warning now.yaml spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken: privilege gained: Deployment "w" has the token of its account "default", in a volume: no token → a token`}},
		{"a token for another audience", privilegeGained, w("automountServiceAccountToken: false"), w("automountServiceAccountToken: false, volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: token, audience: vault}}]}}]"), nil},
		{"a token that was mounted", privilegeGained, w(""), w("volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: token}}]}}]"), nil},
	})
}

func TestHostMounts(t *testing.T) {
	w := func(mount string) string {
		return pods("w", "app: w", "volumes: [{name: etc, hostPath: {path: /etc}}, {name: d, emptyDir: {}}], "+container(", volumeMounts: ["+mount+"]"))
	}
	run(t, []step{
		{"written", privilegeGained, w("{name: etc, mountPath: /host, readOnly: true}"), w("{name: etc, mountPath: /host}"),
			[]string{`warning now.yaml spec.template.spec.containers[0].volumeMounts[0]: privilege gained: container "c" of Deployment "w" may write the host's /etc: readOnly: true → not set`}},
		{"written before", privilegeGained, w("{name: etc, mountPath: /host}"), w("{name: etc, mountPath: /host, readOnly: false}"), nil},
		{"written elsewhere before", privilegeGained, w("{name: etc, mountPath: /a}, {name: etc, mountPath: /host, readOnly: true}"), w("{name: etc, mountPath: /host}"), nil},
		{"a directory in it, which is written", privilegeGained, w("{name: etc, mountPath: /host, readOnly: true}"), strings.Replace(w("{name: etc, mountPath: /host}"), "path: /etc", "path: /etc/ssl/", 1),
			[]string{`warning now.yaml spec.template.spec.containers[0].volumeMounts[0]: privilege gained: container "c" of Deployment "w" may write the host's /etc/ssl/: readOnly: true → not set`}},
		{"a directory beside it", privilegeGained, w(""), strings.Replace(w(""), "path: /etc", "path: /etcd", 1),
			[]string{`warning now.yaml spec.template.spec.volumes[0].hostPath.path: privilege gained: Deployment "w" has the host's /etcd: volume "etc" was not there, or of another path`}},
		{"its own", privilegeGained, w("{name: d, mountPath: /d, readOnly: true}"), w("{name: d, mountPath: /d}"), nil},
	})
}

func TestSecurityVersion(t *testing.T) {
	level := func(text string) string {
		return strings.Replace(of("v1", "Namespace"), "namespace: shop", "labels: {"+text+"}", 1)
	}
	const enforce = "pod-security.kubernetes.io/enforce: restricted, pod-security.kubernetes.io/enforce-version: "
	const at = `warning now.yaml metadata.labels["pod-security.kubernetes.io/enforce-version"]: privilege gained: Namespace "a" has pod-security.kubernetes.io/enforce-version: `
	run(t, []step{
		{"older", privilegeGained, level(enforce + "v1.30"), level(enforce + "v1.20"), []string{at + "v1.30 → v1.20"}},
		{"the latest no more", privilegeGained, level("pod-security.kubernetes.io/enforce: restricted"), level(enforce + "v1.20"), []string{at + "not set → v1.20"}},
		{"newer", privilegeGained, level(enforce + "v1.9"), level(enforce + "v1.30"), nil},
		{"older, with the same checks", privilegeGained, level(enforce + "v1.30"), level(enforce + "v1.29"), nil},
		{"older and stricter", privilegeGained, strings.Replace(level(enforce+"v1.30"), "restricted", "baseline", 1), level(enforce + "v1.20"), nil},
		{"a release that the latest may be", privilegeGained, level("pod-security.kubernetes.io/enforce: restricted"), level(enforce + "v1.30"), nil},
		{"of nothing", privilegeGained, level("pod-security.kubernetes.io/enforce-version: v1.30"), level("pod-security.kubernetes.io/enforce-version: v1.20"), nil},
	})
}

func TestAggregates(t *testing.T) {
	role := func(labels, rest string) string {
		return "---\napiVersion: " + rbacVersion + "\nkind: ClusterRole\nmetadata: {name: a, labels: {" + labels + "}}\n" + rest + "\n"
	}
	const secrets, configs = `rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]`, `rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]`
	taker := called(rbacVersion, "ClusterRole", "taker", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: c}}]}")
	const toView = `rbac.authorization.k8s.io/aggregate-to-view: "true"`
	run(t, []step{
		{"to view", privilegeGained, role("a: b", secrets), role(toView, secrets), []string{
			`warning now.yaml metadata.labels["rbac.authorization.k8s.io/aggregate-to-view"]: privilege gained: whoever has ClusterRole view may get secrets, by the labels of ClusterRole "a": not aggregated → aggregated`}},
		{"to view, of what leads nowhere", privilegeGained, role("a: b", configs), role(toView, configs), nil},
		{"to view before", privilegeGained, role(toView, secrets), role(toView, secrets), nil},
		{"to edit, which has it", privilegeGained, role("a: b", secrets), role(`rbac.authorization.k8s.io/aggregate-to-edit: "true"`, secrets), nil},
		{"by a label of its own", privilegeGained, taker + role("a: b", secrets), taker + role("a: c", secrets), []string{
			`warning now.yaml metadata.labels.a: privilege gained: whoever has ClusterRole taker may get secrets, by the labels of ClusterRole "a": not aggregated → aggregated`}},
		{"by a label of its own, of a new role", privilegeGained, taker, taker + role("a: c", secrets), []string{
			`warning now.yaml metadata.labels.a: privilege gained: whoever has ClusterRole taker may get secrets, by the labels of ClusterRole "a": not aggregated → aggregated`}},
		{"of a new role, to view", privilegeGained, "", role(toView, secrets), []string{
			`warning now.yaml metadata.labels["rbac.authorization.k8s.io/aggregate-to-view"]: privilege gained: whoever has ClusterRole view may get secrets, by the labels of ClusterRole "a": not aggregated → aggregated`}},
		{"of a new role, to edit, which has it", privilegeGained, "", role(`rbac.authorization.k8s.io/aggregate-to-edit: "true"`, secrets), nil},
		{"of a new role, of what leads nowhere", privilegeGained, "", role(toView, configs), nil},
		{"of a new role, of a kind", privilegeGained, "", role(`rbac.authorization.k8s.io/aggregate-to-admin: "true"`, `rules: [{apiGroups: [example.com], resources: [shops], verbs: ["*"]}]`), []string{
			`warning now.yaml metadata.labels["rbac.authorization.k8s.io/aggregate-to-admin"]: privilege gained: whoever has ClusterRole admin may * shops.example.com, by the labels of ClusterRole "a": not aggregated → aggregated`}},
		{"of a new role, of a kind that is new too", privilegeGained, "", role(`rbac.authorization.k8s.io/aggregate-to-admin: "true"`, `rules: [{apiGroups: [example.com], resources: [shops, shops/status], verbs: ["*"]}]`) +
			of("apiextensions.k8s.io/v1", "CustomResourceDefinition", "spec: {group: example.com, names: {plural: shops, kind: Shop}}"), nil},
		{"of a new role, to a role that is new", privilegeGained, "", taker + role("a: c", secrets), nil},
		{"of roles that take each other", privilegeGained, taker + role("a: c", "aggregationRule: {clusterRoleSelectors: [{}]}"), taker + role("a: c", "aggregationRule: {clusterRoleSelectors: [{}]}") + strings.Replace(role("a: c", secrets), "name: a,", "name: b,", 1), nil},
		{"by another selector", privilegeGained, taker + role("a: d", secrets), strings.Replace(taker, "a: c", "a: d", 1) + role("a: d", secrets), []string{
			`warning now.yaml aggregationRule.clusterRoleSelectors: privilege gained: ClusterRole "taker" may get secrets, by the ClusterRoles that it takes in, which it might not before`}},
		{"by another selector, of nothing more", privilegeGained, taker + role("a: c, b: c", secrets), strings.Replace(taker, "a: c", "b: c", 1) + role("a: c, b: c", secrets), nil},
		{"of every role", privilegeGained, role("", "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}"), role("", "aggregationRule: {clusterRoleSelectors: [{}]}"), []string{
			`warning now.yaml aggregationRule.clusterRoleSelectors: privilege gained: ClusterRole "a" takes in what every ClusterRole grants: a selector that is empty`}},
		{"of all URLs", privilegeGained, role("", `rules: [{nonResourceURLs: [/healthz], verbs: [get]}]`), role("", `rules: [{nonResourceURLs: ["*"], verbs: ["*"]}]`), []string{
			`warning now.yaml rules[0]: privilege gained: ClusterRole "a" may * *, which it might not before`}},
		{"of another URL", privilegeGained, role("", `rules: [{nonResourceURLs: [/healthz], verbs: [get]}]`), role("", `rules: [{nonResourceURLs: [/metrics], verbs: [get]}]`), nil},
		{"that makes pods", privilegeGained, role("", `rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]`), role("", `rules: [{apiGroups: ["", apps], resources: [pods, deployments], verbs: [get, create]}]`), []string{
			`warning now.yaml rules[0]: privilege gained: ClusterRole "a" may create pods, create deployments.apps, which it might not before`}},
	})
}

func TestProjectGains(t *testing.T) {
	project := func(spec string) string { return of("argoproj.io/v1alpha1", "AppProject", "spec: {"+spec+"}") }
	local := func(namespaces ...string) string {
		return "destinations: [{server: 'https://kubernetes.default.svc', namespace: '" + strings.Join(namespaces, "'}, {server: 'https://kubernetes.default.svc', namespace: '") + "'}]"
	}
	const shop = "destinations: [{server: 'https://kubernetes.default.svc', namespace: 'shop-*'}]"
	run(t, []step{
		{"a destination", privilegeGained, project(shop), project("destinations: [{server: 'https://kubernetes.default.svc', namespace: 'shop-*'}, {server: 'https://prod', namespace: kube-system}]"), []string{
			`warning now.yaml spec.destinations[1]: privilege gained: Applications of AppProject "a" may deploy to server https://prod, namespace kube-system, which they might not before`}},
		{"a narrower destination", privilegeGained, project(shop), project("destinations: [{name: in-cluster, namespace: shop-eu}, {server: '!https://prod', namespace: '*'}]"), nil},
		{"a repository", privilegeGained, project("sourceRepos: ['https://a/b']"), project("sourceRepos: ['*', '!https://a/c']"), []string{`warning now.yaml spec.sourceRepos[0]: privilege gained: Applications of AppProject "a" may deploy from *, which they might not before`}},
		{"a cluster of all", privilegeGained, project("destinations: [{server: '*', namespace: shop}]"), project("destinations: [{name: prod, namespace: shop}]"), nil},
		{"the cluster of Argo CD, of all", privilegeGained, project("destinations: [{name: '*', namespace: shop}]"), project("destinations: [{server: 'https://kubernetes.default.svc', namespace: shop}]"), nil},
		{"a cluster that may be the same", privilegeGained, project("destinations: [{server: 'https://10.0.0.1', namespace: shop}]"), project("destinations: [{name: prod, namespace: shop}]"), nil},
		{"a cluster by a URL with a slash", privilegeGained, project(shop), project("destinations: [{server: 'https://kubernetes.default.svc/', namespace: shop-eu}]"), nil},
		{"a cluster that is another one", privilegeGained, project(shop), project("destinations: [{name: prod, namespace: shop}]"), []string{
			`warning now.yaml spec.destinations[0]: privilege gained: Applications of AppProject "a" may deploy to name prod, namespace shop, which they might not before`}},
		{"a destination that is denied", privilegeGained, project(local("shop", "!x")), project(local("shop", "x", "!x")), nil},
		{"a destination that is denied no more", privilegeGained, project(local("*", "!kube-*")), project(local("*", "!kube-system")), []string{
			`warning now.yaml spec.destinations: privilege gained: Applications of AppProject "a" may deploy to server https://kubernetes.default.svc, namespace kube-*, which they might not before`}},
		{"a destination of many that were denied", privilegeGained, project(local("shop-a", "!shop-*")), project(local("shop-a", "!shop-b")), []string{
			`warning now.yaml spec.destinations[0]: privilege gained: Applications of AppProject "a" may deploy to server https://kubernetes.default.svc, namespace shop-a, which they might not before`}},
		{"a repository by another URL", privilegeGained, project("sourceRepos: ['https://a/b.git', 'git@a:c.git']"), project("sourceRepos: ['https://A/b', 'ssh://git@a/c']"), nil},
		{"a repository that is denied no more", privilegeGained, project("sourceRepos: ['*', '!https://a/*']"), project("sourceRepos: ['*']"), []string{
			`warning now.yaml spec.sourceRepos: privilege gained: Applications of AppProject "a" may deploy from https://a/*, which they might not before`}},
		{"repositories below", privilegeGained, project("sourceRepos: ['https://a/*']"), project("sourceRepos: ['https://a/**']"), []string{
			`warning now.yaml spec.sourceRepos[0]: privilege gained: Applications of AppProject "a" may deploy from https://a/**, which they might not before`}},
		{"repositories by a set", privilegeGained, project("sourceRepos: ['https://a/b']"), project("sourceRepos: ['https://a/[b]']"), nil},
		{"repositories by another set", privilegeGained, project("sourceRepos: ['https://a/b']"), project("sourceRepos: ['https://a/[cd]']"), []string{
			`warning now.yaml spec.sourceRepos[0]: privilege gained: Applications of AppProject "a" may deploy from https://a/[cd], which they might not before`}},
		{"a destination beside alternatives", privilegeGained, project("destinations: [{name: 'prod-{a,b}', namespace: shop}]"), project("destinations: [{name: 'prod-{a,b}', namespace: shop}, {server: '*', namespace: '*'}]"), []string{
			`warning now.yaml spec.destinations[1]: privilege gained: Applications of AppProject "a" may deploy to server *, namespace *, which they might not before`}},
		{"a namespace more by alternatives", privilegeGained, project("destinations: [{server: 'https://a', namespace: shop}]"), project("destinations: [{server: 'https://a', namespace: '{shop,kube-system}'}]"), []string{
			`warning now.yaml spec.destinations[0]: privilege gained: Applications of AppProject "a" may deploy to server https://a, namespace {shop,kube-system}, which they might not before`}},
		{"alternatives that were two", privilegeGained, project("destinations: [{server: 'https://a', namespace: shop}, {server: 'https://a', namespace: store}]"), project("destinations: [{server: 'https://a', namespace: '{store,shop}'}]"), nil},
		{"alternatives of repositories, which Argo CD takes for letters", privilegeGained, project("sourceRepos: ['https://a/b']"), project("sourceRepos: ['https://a/{b,c}']"), nil},
		{"clusters of others", privilegeGained, project("destinations: [{server: '*', namespace: shop}], permitOnlyProjectScopedClusters: true"), project("destinations: [{server: '*', namespace: shop}]"), []string{
			`warning now.yaml spec: privilege gained: Applications of AppProject "a" may deploy to clusters that are not of the project: spec.permitOnlyProjectScopedClusters: true → not set`}},
		{"what nobody signed", privilegeGained, project("signatureKeys: [{keyID: AAAAAAAAAAAAAAAA}]"), project("signatureKeys: []"), []string{
			`warning now.yaml spec.signatureKeys: privilege gained: Applications of AppProject "a" may deploy what none of its keys signed: spec.signatureKeys: 1 → none`}},
		{"what another one signed", privilegeGained, project("signatureKeys: [{keyID: AAAAAAAAAAAAAAAA}]"), project("signatureKeys: [{keyID: BBBBBBBBBBBBBBBB}]"), nil},
		{"Applications of namespaces by an expression", privilegeGained, project("sourceNamespaces: ['team-*'], " + shop), project("sourceNamespaces: ['/^team-.*$/'], " + shop), nil},
		{"Applications of another namespace", privilegeGained, project(shop), project("sourceNamespaces: [shop, 'team-*'], " + shop), []string{
			`warning now.yaml spec.sourceNamespaces[1]: privilege gained: Applications of AppProject "a" may stand in the namespace team-*, which they might not before`}},
		{"kinds of the cluster that are denied no more", privilegeGained, project("clusterResourceWhitelist: [{group: '*', kind: '*'}], clusterResourceBlacklist: [{group: '', kind: Namespace}]"), project("clusterResourceWhitelist: [{group: '*', kind: '*'}]"), []string{
			`warning now.yaml spec.clusterResourceWhitelist: privilege gained: Applications of AppProject "a" may make objects of the cluster: kind Namespace, which they might not before`}},
		{"kinds that are denied no more", privilegeGained, project("namespaceResourceBlacklist: [{group: '', kind: Secret}]"), project(""), []string{
			`warning now.yaml spec: privilege gained: Applications of AppProject "a" may make objects of namespaces: kind Secret, which they might not before`}},
		{"kinds without a list", privilegeGained, project("namespaceResourceWhitelist: [{group: apps, kind: '*'}]"), project(""), []string{
			`warning now.yaml spec: privilege gained: Applications of AppProject "a" may make objects of namespaces: group *, kind *, which they might not before`}},
		{"objects of the cluster", privilegeGained, project("clusterResourceWhitelist: [{group: '', kind: Namespace}]"), project("clusterResourceWhitelist: [{group: '', kind: Namespace, name: shop}, {group: rbac.authorization.k8s.io, kind: ClusterRoleBinding}]"), []string{
			`warning now.yaml spec.clusterResourceWhitelist[1]: privilege gained: Applications of AppProject "a" may make objects of the cluster: group rbac.authorization.k8s.io, kind ClusterRoleBinding, which they might not before`}},
	})
}

func TestProjectRoles(t *testing.T) {
	role := func(name, groups string, policies ...string) string {
		text := "{name: " + name + ", groups: [" + groups + "], policies: ["
		for _, p := range policies {
			text += "'p, proj:a:" + name + ", " + p + "', "
		}
		return text + "]}"
	}
	project := func(roles ...string) string {
		return of("argoproj.io/v1alpha1", "AppProject", "spec: {roles: ["+strings.Join(roles, ", ")+"]}")
	}
	const at = "warning now.yaml spec.roles[0]."
	run(t, []step{
		{"every action", privilegeGained, project(role("dev", "", "applications, sync, a/*, allow")), project(role("dev", "", "applications, *, a/*, allow")), []string{
			at + `policies[0]: privilege gained: role "dev" of AppProject "a" may * applications a/*, which it might not before`}},
		{"one of every action", privilegeGained, project(role("dev", "", "applications, *, a/*, allow")), project(role("dev", "", "applications, sync, a/*, allow")), nil},
		{"more Applications", privilegeGained, project(role("dev", "", "applications, sync, a/web-*, allow")), project(role("dev", "", "applications, sync, a/web-*, allow", "applications, sync, a/w*, allow")), []string{
			at + `policies[1]: privilege gained: role "dev" of AppProject "a" may sync applications a/w*, which it might not before`}},
		{"denied no more", privilegeGained, project(role("dev", "", "applications, *, a/*, allow", "applications, delete, a/*, deny")), project(role("dev", "", "applications, *, a/*, allow")), []string{
			at + `policies: privilege gained: role "dev" of AppProject "a" may delete applications a/*, which it might not before`}},
		{"denied still", privilegeGained, project(role("dev", "", "applications, sync, a/*, allow", "applications, delete, a/*, deny")), project(role("dev", "", "applications, sync, a/*, allow", "applications, delete, a/*, allow", "applications, delete, a/*, deny")), nil},
		{"in another order and spelling", privilegeGained, project(role("dev", "", "applications, sync, a/*, allow", "exec, create, a/*, allow")), project(role("dev", "", "exec,create,a/*,allow", "applications,  sync, a/*, allow")), nil},
		{"to see", privilegeGained, project(role("dev", "")), project(role("dev", "", "applications, get, a/*, allow")), nil},
		{"of another project", privilegeGained, project(role("dev", "")), project(strings.Replace(role("dev", "", "applications, *, a/*, allow"), "proj:a:", "proj:b:", 1)), nil},
		{"another resource", privilegeGained, project(role("dev", "", "applications, sync, a/*, allow")), project(role("dev", "", "applications, sync, a/*, allow", "exec, create, a/*, allow")), []string{
			at + `policies[1]: privilege gained: role "dev" of AppProject "a" may create exec a/*, which it might not before`}},
		{"a group", privilegeGained, project(role("dev", "g", "applications, sync, a/*, allow")), project(role("dev", "g, h", "applications, sync, a/*, allow")), []string{
			at + `groups[1]: privilege gained: group "h" has role "dev" of AppProject "a": not bound → bound`}},
		{"a group that may as much", privilegeGained, project(role("dev", "g", "applications, sync, a/*, allow"), role("all", "h", "applications, *, a/*, allow")), project(role("dev", "g, h", "applications, sync, a/*, allow"), role("all", "h", "applications, *, a/*, allow")), nil},
		{"a new role of a group", privilegeGained, project(), project(role("dev", "g", "applications, sync, a/*, allow")), []string{
			at + `groups[0]: privilege gained: group "g" has role "dev" of AppProject "a": not bound → bound`}},
		{"a new role of nobody", privilegeGained, project(), project(role("dev", "", "applications, sync, a/*, allow")), nil},
		{"a role renamed", privilegeGained, project(role("dev", "g", "applications, sync, a/*, allow")), project(role("ops", "g", "applications, sync, a/*, allow")), nil},
	})
}

func TestGuards(t *testing.T) {
	hookOf := func(rules, rest string) string {
		return of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks: [{name: w.example.com, rules: ["+rules+"]"+rest+"}]")
	}
	hook := func(rules string) string { return hookOf(rules, "") }
	policy := func(spec string) string {
		return of("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "spec: {"+spec+"}")
	}
	project := func(windows string) string {
		return of("argoproj.io/v1alpha1", "AppProject", "spec: {syncWindows: ["+windows+"]}")
	}
	binding := func(name, rest string) string {
		return called("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", name, "spec: {policyName: a, validationActions: [Deny]"+rest+"}")
	}
	hooks := func(name string, entries ...string) string {
		return called("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", name, "webhooks: ["+strings.Join(entries, ", ")+"]")
	}
	entry := func(name, resources string) string {
		return "{name: " + name + ", failurePolicy: Fail, clientConfig: {service: {name: s, namespace: shop}}, rules: [{operations: [CREATE], apiGroups: [''], resources: [" + resources + "]}]}"
	}
	half := func(name string, expressions ...string) string {
		var list []string
		for _, expression := range expressions {
			list = append(list, "{expression: "+expression+"}")
		}
		return called("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", name, "spec: {validations: ["+strings.Join(list, ", ")+"]}")
	}
	tie := func(policy, rest string) string {
		return called("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", policy, "spec: {policyName: "+policy+", validationActions: [Deny]"+rest+"}")
	}
	constraint := func(spec string) string {
		return of("constraints.gatekeeper.sh/v1beta1", "K8sNoHost", "spec: {"+spec+"}")
	}
	windowFor := func(applications string) string {
		return `{kind: deny, schedule: "0 22 * * *", duration: 8h, applications: [` + applications + `]}`
	}
	ofPods := policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], resources: [pods]}]}`)
	const create = `{operations: [CREATE], apiGroups: [apps], resources: [deployments]}`
	budget := func(spec string) string {
		return of("policy/v1", "PodDisruptionBudget", "spec: {selector: {matchLabels: {app: w}}, "+spec+"}")
	}
	w := pods("w", "app: w", container(""))
	const night, noon = `{kind: deny, schedule: "0 22 * * *", duration: 8h}`, `{kind: allow, schedule: "0 12 * * *", duration: 1h}`
	run(t, []step{
		{"a webhook that is asked of less", protectionLost, hook(`{operations: [CREATE, UPDATE], apiGroups: [apps], resources: [deployments]}`), hook(`{operations: [CREATE], apiGroups: [apps], resources: ["*"]}`), []string{
			`warning now.yaml webhooks[0].rules: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is no longer asked of UPDATE apps/deployments`}},
		{"a webhook that is asked of more", protectionLost, hook(`{operations: [CREATE], apiGroups: [apps], resources: [deployments]}`), hook(`{operations: ["*"], apiGroups: ["*"], resources: ["*/*"]}`), nil},
		{"a webhook that says every verb by name", protectionLost, hook(`{operations: ["*"], apiGroups: [apps], resources: [deployments, deployments/scale]}`), hook(`{operations: [CREATE, UPDATE, DELETE, CONNECT], apiGroups: ["*"], resources: ["*", "deployments/*"]}`), nil},
		{"a webhook that is asked of nothing below a resource", protectionLost, hook(`{operations: [CREATE], apiGroups: [""], resources: ["pods/exec"]}`), hook(`{operations: [CREATE], apiGroups: [""], resources: ["*"]}`), []string{
			`warning now.yaml webhooks[0].rules: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is no longer asked of CREATE pods/exec`}},
		{"a webhook in two", protectionLost, hooks("a", entry("x", "pods, services")), hooks("a", entry("x", "pods"), entry("z", "services")), nil},
		{"a webhook in two, and less of it", protectionLost, hooks("a", entry("x", "pods, services, secrets")), hooks("a", entry("x", "pods"), entry("z", "services")), []string{
			`warning now.yaml webhooks[0].rules: protection lost: webhook "x" of ValidatingWebhookConfiguration "a" is no longer asked of CREATE secrets`}},
		{"two webhooks in one", protectionLost, hooks("a", entry("x", "pods"), entry("z", "services")), hooks("a", entry("x", "pods, services")), nil},
		{"two webhooks in one that is passed over", protectionLost, hooks("a", entry("x", "pods"), entry("z", "services")), hooks("a", strings.Replace(entry("x", "pods, services"), "Fail", "Ignore", 1)), []string{
			`warning now.yaml webhooks: protection lost: ValidatingWebhookConfiguration "a" has "z" no longer: what it refused is let in`,
			`warning now.yaml webhooks[0].failurePolicy: protection lost: ValidatingWebhookConfiguration "a" refuses no longer: webhooks[0].failurePolicy: Fail → Ignore`}},
		{"two webhooks of which one goes", protectionLost, hooks("a", entry("x", "pods"), entry("z", "services")), hooks("a", entry("x", "pods")), []string{
			`warning now.yaml webhooks: protection lost: ValidatingWebhookConfiguration "a" has "z" no longer: what it refused is let in`}},
		{"a webhook in another configuration", protectionLost, hooks("a", entry("x", "pods"), entry("z", "services")), hooks("a", entry("x", "pods")) + hooks("b", entry("z", "services")), nil},
		{"the webhooks of a configuration in two others", protectionLost, hooks("a", entry("x", "pods"), entry("z", "services")), hooks("b", entry("x", "pods")) + hooks("c", entry("z", "services")), nil},
		{"a policy in two", protectionLost, half("a", "b", "c") + tie("a", ""), half("a", "b") + tie("a", "") + half("d", "c") + tie("d", ""), nil},
		{"a policy in two of which one is bound", protectionLost, half("a", "b", "c") + tie("a", ""), half("a", "b") + tie("a", "") + half("d", "c"), []string{
			`warning now.yaml spec.validations: protection lost: ValidatingAdmissionPolicy "a" no longer holds to "c"`}},
		{"a policy in two of which one is bound for less", protectionLost, half("a", "b", "c") + tie("a", ""), half("a", "b") + tie("a", "") + half("d", "c") + tie("d", ", matchResources: {objectSelector: {matchLabels: {a: b}}}"), []string{
			`warning now.yaml spec.validations: protection lost: ValidatingAdmissionPolicy "a" no longer holds to "c"`}},
		{"a constraint that denies everywhere", protectionLost, constraint("enforcementAction: deny"), constraint("enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: '*'}]}]"), nil},
		{"a constraint that denies elsewhere", protectionLost, constraint("enforcementAction: deny"), constraint("enforcementAction: scoped, scopedEnforcementActions: [{action: deny, enforcementPoints: [{name: gator.gatekeeper.sh}]}, {action: warn, enforcementPoints: [{name: '*'}]}]"), []string{
			`warning now.yaml spec.enforcementAction: protection lost: K8sNoHost "a" refuses no longer: spec.enforcementAction: deny → scoped`}},
		{"a policy that holds to less", protectionLost, policy(`validations: [{expression: "a > 1"}, {expression: "b"}]`), policy(`validations: [{expression: "b"}]`), []string{
			`warning now.yaml spec.validations: protection lost: ValidatingAdmissionPolicy "a" no longer holds to "a > 1"`}},
		{"a policy that is written anew", protectionLost, policy(`validations: [{expression: "a > 1"}]`), policy(`validations: [{expression: "a > 2"}]`), nil},
		{"a policy that is asked of less", protectionLost, policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], resources: [pods, services]}]}`), policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], resources: [pods]}]}`), []string{
			`warning now.yaml spec.matchConstraints.resourceRules: protection lost: ValidatingAdmissionPolicy "a" is no longer asked of CREATE services`}},
		{"a rule that is written as two", protectionLost, hook(`{operations: [CREATE], apiGroups: ["", apps], resources: [pods, deployments]}`), hook(`{operations: [CREATE], apiGroups: [""], resources: [pods]}, {operations: [CREATE], apiGroups: [apps], resources: [deployments]}`), nil},
		{"a group that is served no more", protectionLost, hook(`{operations: [CREATE], apiGroups: [apps, extensions], resources: [deployments]}`), hook(create), nil},
		{"a rule that is written as two, of kinds of elsewhere", protectionLost, hook(`{operations: [CREATE], apiGroups: [a.example.com, b.example.com], resources: [as, bs]}`), hook(`{operations: [CREATE], apiGroups: [a.example.com], resources: [as]}, {operations: [CREATE], apiGroups: [b.example.com], resources: [bs]}`), []string{
			`warning now.yaml webhooks[0].rules: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is no longer asked of CREATE a.example.com/bs, CREATE b.example.com/as`}},
		{"a webhook for the scope of another kind", protectionLost, hook(`{operations: [CREATE], apiGroups: [""], resources: [pods]}`), hook(`{operations: [CREATE], apiGroups: [""], resources: [pods], scope: Cluster}`), []string{
			`warning now.yaml webhooks[0].rules: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is no longer asked of CREATE pods`}},
		{"a webhook for the scope of its kind", protectionLost, hook(`{operations: [CREATE], apiGroups: [""], resources: [pods]}`), hook(`{operations: [CREATE], apiGroups: [""], resources: [pods], scope: Namespaced}`), nil},
		{"a webhook for one scope", protectionLost, hook(`{operations: [CREATE], apiGroups: ["*"], resources: ["*"]}`), hook(`{operations: [CREATE], apiGroups: ["*"], resources: ["*"], scope: Namespaced}`), []string{
			`warning now.yaml webhooks[0].rules: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is no longer asked of CREATE */* of scope Cluster`}},
		{"a webhook for some objects", protectionLost, hook(create), hookOf(create, `, objectSelector: {matchLabels: {a: b}}, matchConditions: [{expression: 'request.userInfo.username != "eve"'}]`), []string{
			`warning now.yaml webhooks[0].matchConditions: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is asked only where request.userInfo.username != "eve" from now on`,
			`warning now.yaml webhooks[0].objectSelector: protection lost: webhook "w.example.com" of ValidatingWebhookConfiguration "a" is asked only of objects with a=b from now on`}},
		{"a webhook for every object of every namespace", protectionLost, hook(create), hookOf(create, `, objectSelector: {}, namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}]}, matchConditions: [{expression: 'true'}]`), nil},
		{"a webhook for other objects", protectionLost, hookOf(create, `, objectSelector: {matchLabels: {a: b}}`), hookOf(create, `, objectSelector: {matchLabels: {a: c}}`), nil},
		{"a webhook for kinds of the cluster", protectionLost, hook(`{operations: [CREATE], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles]}`), hookOf(`{operations: [CREATE], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles]}`, `, namespaceSelector: {matchLabels: {a: b}}`), nil},
		{"a policy for a name", protectionLost, policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], resources: [pods]}]}`), policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], resources: [pods], resourceNames: [w]}]}`), []string{
			`warning now.yaml spec.matchConstraints.resourceRules: protection lost: ValidatingAdmissionPolicy "a" is no longer asked of CREATE pods`}},
		{"a policy with what it excludes", protectionLost, policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: ["*"], resources: ["*"]}]}`), policy(`matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: ["*"], resources: ["*"]}], excludeResourceRules: [{operations: ["*"], apiGroups: [apps], resources: [deployments]}]}`), []string{
			`warning now.yaml spec.matchConstraints.excludeResourceRules: protection lost: ValidatingAdmissionPolicy "a" is no longer asked of CREATE apps/deployments`}},
		{"validations that are one", protectionLost, policy(`validations: [{expression: "a  > 1"}, {expression: "b.all(c, c.d) || e"}]`), policy(`validations: [{expression: "a > 1 && (b.all(c, c.d) || e)"}]`), nil},
		{"a part of a validation", protectionLost, policy(`validations: [{expression: "a > 1 && b"}]`), policy(`validations: [{expression: "a > 1"}]`), []string{
			`warning now.yaml spec.validations: protection lost: ValidatingAdmissionPolicy "a" no longer holds to "b"`}},
		{"a validation of nothing", protectionLost, policy(`validations: [{expression: "a > 1"}]`), policy(`validations: [{expression: "true"}]`), []string{
			`warning now.yaml spec.validations: protection lost: ValidatingAdmissionPolicy "a" no longer holds to "a > 1"`}},
		{"one binding of two", protectionLost, binding("a", "") + binding("b", `, matchResources: {objectSelector: {matchLabels: {a: b}}}`), binding("a", ""), nil},
		{"the wider binding of two", protectionLost, binding("a", "") + binding("b", `, matchResources: {objectSelector: {matchLabels: {a: b}}}`), binding("b", `, matchResources: {objectSelector: {matchLabels: {a: b}}}`), []string{
			`warning was.yaml@main : protection lost: ValidatingAdmissionPolicyBinding "a" is removed: what it refused is let in`}},
		{"a binding for some namespaces", protectionLost, ofPods + binding("a", ""), ofPods + binding("a", `, matchResources: {namespaceSelector: {matchLabels: {a: b}}}`), []string{
			`warning now.yaml spec.matchResources.namespaceSelector: protection lost: ValidatingAdmissionPolicyBinding "a" is asked only in namespaces with a=b from now on`}},
		{"a shorter window", protectionLost, project(night), project(strings.Replace(night, "8h", "1h", 1)), []string{
			`warning now.yaml spec.syncWindows[0].duration: protection lost: sync window deny "0 22 * * *" of AppProject "a" denies less: duration: 8h → 1h`}},
		{"windows that are one", protectionLost, project(windowFor("a") + ", " + windowFor("b")), project(windowFor("a, b")), nil},
		{"one window of two for others", protectionLost, project(windowFor("a") + ", " + windowFor("b")), project(windowFor("a")), []string{
			`warning now.yaml spec.syncWindows: protection lost: AppProject "a" has no longer the sync window deny "0 22 * * *" for 8h`}},
		{"a longer window", protectionLost, project(night), project(strings.Replace(night, "8h", "9h", 1)), nil},
		{"a window for fewer", protectionLost, project(windowFor("'*'")), project(windowFor("a")), []string{
			`warning now.yaml spec.syncWindows[0].applications: protection lost: sync window deny "0 22 * * *" of AppProject "a" denies less: applications: [*] → [a]`}},
		{"a window for as many", protectionLost, project(windowFor("a, 'a*'")), project(windowFor("'a*'")), nil},
		{"a window for others", protectionLost, project(windowFor("a")), project(windowFor("b")), nil},
		{"a window", protectionLost, project(night + ", " + noon), project(noon), []string{`warning now.yaml spec.syncWindows: protection lost: AppProject "a" has no longer the sync window deny "0 22 * * *" for 8h`}},
		{"a window that allows, beside others", protectionLost, project(noon + ", " + strings.Replace(noon, "12", "18", 1)), project(noon), nil},
		{"the only window that allows", protectionLost, project(noon), project(""), []string{`warning now.yaml spec.syncWindows: protection lost: AppProject "a" has no longer the sync window allow "0 12 * * *" for 1h`}},
		{"another window", protectionLost, project(night), project(noon), nil},
		{"a share of the pods", protectionLost, budget("maxUnavailable: 1") + w, budget("maxUnavailable: 80%") + w, []string{
			`warning now.yaml spec.maxUnavailable: protection lost: PodDisruptionBudget "a" lets more pods go at once: spec.maxUnavailable: 1 → 80%`}},
		{"a share that is as much", protectionLost, budget("maxUnavailable: 1") + w, budget("maxUnavailable: 25%") + w, nil},
	})
}

func TestStepsOfBase(t *testing.T) {
	route := func(ladder string, canary string, stable string) string {
		return annotated(of("networking.istio.io/v1", "VirtualService", "spec: {http: [{name: a, route: [{destination: {host: w, subset: stable}, weight: "+stable+"}, {destination: {host: w, subset: canary}, weight: "+canary+"}]}]}"),
			`kgate.dev/canary-steps: "`+ladder+`"`)
	}
	rollout := func(steps string) string {
		return of("argoproj.io/v1alpha1", "Rollout", "spec: {strategy: {canary: {steps: ["+steps+"]}}}")
	}
	green := func(spec string) string {
		return of("argoproj.io/v1alpha1", "Rollout", "spec: {strategy: {blueGreen: {"+spec+"}}}")
	}
	run(t, []step{
		{"a ladder that is bent", canaryStep, route("5,20,50,100", "0", "100"), route("20,50,100", "20", "80"), []string{
			`warning now.yaml spec.http[0].route[1].weight: canary step: VirtualService "a" sends w (canary) 0 % → 20 % of route a: the next step is 5 % (5,20,50,100)`}},
		{"a Rollout without steps", canaryStep, rollout("{setWeight: 10}, {pause: {}}"), rollout(""), []string{
			`warning now.yaml spec.strategy.canary.steps: canary step: Rollout "a" waits for nothing any more, so that the next version takes everything at once`}},
		{"a Rollout without pauses", canaryStep, rollout("{setWeight: 10}, {pause: {}}"), rollout("{setWeight: 10}, {setWeight: 50}"), []string{
			`warning now.yaml spec.strategy.canary.steps: canary step: Rollout "a" waits for nothing any more, so that the next version takes everything at once`}},
		{"a Rollout with fewer pauses", canaryStep, rollout("{setWeight: 10}, {pause: {}}, {setWeight: 50}, {pause: {}}"), rollout("{setWeight: 50}, {analysis: {}}"), nil},
		{"a Rollout that never waited", canaryStep, rollout("{setWeight: 10}"), rollout(""), nil},
		{"promoted by itself", canaryStep, green("autoPromotionEnabled: false"), green("activeService: a"), []string{
			`warning now.yaml spec.strategy.blueGreen: canary step: Rollout "a" waits for nothing any more, so that the next version takes everything at once`}},
		{"promoted after a time", canaryStep, green("autoPromotionEnabled: false"), green("autoPromotionSeconds: 600"), nil},
		{"a canary promoted by hand", canaryStep, rollout("{setWeight: 10}, {pause: {}}"), green("autoPromotionEnabled: false"), nil},
		{"steps that cannot be read", canaryStep, route("5;20;50", "5", "95"), route("5;20;50", "45", "55"), []string{
			`warning now.yaml metadata.annotations["kgate.dev/canary-steps"]: canary step: VirtualService "a" has steps that cannot be read: kgate.dev/canary-steps: "5;20;50" is no list of percentages such as "5,20,50,100"`}},
		{"steps that could not be read", canaryStep, route("5;20;50", "5", "95"), route("5,20,50", "20", "80"), nil},
	})
}

func TestSubsets(t *testing.T) {
	subsets := func(stable, canary string) string {
		return of("networking.istio.io/v1", "DestinationRule", "spec: {host: w, subsets: [{name: stable, labels: {track: "+stable+"}}, {name: canary, labels: {track: "+canary+"}}]}")
	}
	routed := func(stable, canary string) string {
		return of("networking.istio.io/v1", "VirtualService", "spec: {http: [{route: [{destination: {host: w.shop.svc.cluster.local, subset: stable}, weight: "+stable+"}, {destination: {host: w, subset: canary}, weight: "+canary+"}]}]}")
	}
	both := pods("a", "app: w, track: stable", "") + pods("b", "app: w, track: canary", "")
	run(t, []step{
		{"swapped", trafficMoved, subsets("stable", "canary") + both, subsets("canary", "stable") + both, []string{
			`warning now.yaml spec.subsets[0].labels: traffic moved: subset "stable" of DestinationRule "a" is Deployment "a" → Deployment "b"`,
			`warning now.yaml spec.subsets[1].labels: traffic moved: subset "canary" of DestinationRule "a" is Deployment "b" → Deployment "a"`,
		}},
		{"with the pods", trafficMoved, subsets("stable", "canary") + both, subsets("blue", "canary") + strings.Replace(both, "track: stable", "track: blue", 1), nil},
		{"swapped, of pods that are elsewhere", trafficMoved, subsets("stable", "canary"), subsets("canary", "stable"), []string{
			`warning now.yaml spec.subsets[0].labels: traffic moved: subset "stable" of DestinationRule "a" has the labels that "canary" had`,
			`warning now.yaml spec.subsets[1].labels: traffic moved: subset "canary" of DestinationRule "a" has the labels that "stable" had`,
		}},
		{"swapped with the weights", trafficMoved, subsets("stable", "canary") + both + routed("90", "10"), subsets("canary", "stable") + both + routed("10", "90"), nil},
		{"swapped with the weights is no step", canaryStep, subsets("stable", "canary") + both + routed("90", "10"), subsets("canary", "stable") + both + routed("10", "90"), nil},
		{"renamed in the route too", canaryStep, subsets("stable", "canary") + both + routed("90", "10"), strings.NewReplacer("name: stable", "name: one", "subset: stable", "subset: one").Replace(subsets("stable", "canary") + both + routed("90", "10")), nil},
		{"swapped beside the weights", trafficMoved, subsets("stable", "canary") + both + routed("90", "10"), subsets("canary", "stable") + both + routed("90", "10"), []string{
			`warning now.yaml spec.subsets[0].labels: traffic moved: subset "stable" of DestinationRule "a" is Deployment "a" → Deployment "b"`,
			`warning now.yaml spec.subsets[1].labels: traffic moved: subset "canary" of DestinationRule "a" is Deployment "b" → Deployment "a"`,
		}},
		{"without a share", trafficMoved, subsets("stable", "canary") + both + routed("100", "0"), subsets("stable", "stable") + both + routed("100", "0"), nil},
		{"of no route", trafficMoved, strings.ReplaceAll(subsets("stable", "canary")+both, "name: canary", "name: spare") + routed("100", "0"), strings.ReplaceAll(subsets("stable", "stable")+both, "name: canary", "name: spare") + routed("100", "0"), nil},
		{"others, of pods that are elsewhere", trafficMoved, subsets("stable", "canary"), subsets("blue", "canary"), nil},
	})
}

func TestOldestVersion(t *testing.T) {
	if got, want := oldestVersion().String(), "v"+schema.Versions()[0]; got != want {
		t.Errorf("the oldest version is %s, and the schemas begin with %s", got, want)
	}
}
