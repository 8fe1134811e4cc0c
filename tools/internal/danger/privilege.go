package danger

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	podsecurity "k8s.io/pod-security-admission/api"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var privilegeGained = &check.Check{
	Name:  "danger/privilege-gained",
	Title: "No workload, account or namespace may do more than before",
	Doc: "What a rule says of every tree, that a container is privileged, is often an exemption of long ago; what matters in review is that it was not so before. " +
		"Stated are the differences alone: in an object that was there, a capability, root, the host's network, processes, ports and paths, a sandbox that is dropped, a token that is mounted; " +
		"a path of the host that may be written, an account with a role that leads to more; a Namespace whose Pod Security level or version is lowered; a role that gains what leads to more rights (wildcards, " +
		"Secrets, exec, tokens, workloads, escalate, bind, impersonate, roles, webhooks, nodes/proxy), or that is added to others; a subject that gains a role; an AppProject that lets through what it kept out, and a role of one that may do more than see, or that a group gains. Of a new workload with an account of its own the rules of pods and roles say what there is to say.",
	Fix:      "Grant what is needed and no more: a single capability, a verb on a named object. Exempt what is meant, with who decided it.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://kubernetes.io/docs/concepts/security/pod-security-standards/",
		"https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks",
		"https://argo-cd.readthedocs.io/en/stable/user-guide/projects/",
	},
	Was: privilegeGainedWas, Bad: privilegeGainedBad, Good: privilegeGainedGood,
	Run: each(lookForPrivilege),
}

func lookForPrivilege(s *scene) {
	before, after := authorityOf(s.olds()), authorityOf(s.news())
	for _, p := range s.changed() {
		s.podGains(p)
		all, gone := containerPairs(p)
		for _, c := range all {
			s.containerGains(p, c, gone)
		}
		s.hostMounts(p, all)
		s.accountGains(p, before, after)
		s.accountToken(p, after)
		s.securityLevel(p)
		s.securityVersion(p)
		s.roleGains(p, before, after)
		s.projectGains(p)
		s.projectRoleGains(p)
	}
	s.aggregates(before, after)
	s.bindings(before, after)
}

// gains reports a field that gives more than it gave.
func (s *scene) gains(p check.Pair, path manifest.Path, who, field, old, new string) {
	s.at(p.New, path, "privilege gained: %s has %s: %s → %s", who, field, old, new)
}

func (s *scene) podGains(p check.Pair) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	if !had || !has {
		return
	}
	for _, field := range []string{"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} {
		old, new := manifest.At(p.Old.Value, below(before, field)...), manifest.At(p.New.Value, below(after, field)...)
		if known(p, below(before, field), below(after, field)) && new == true && old != true {
			s.gains(p, below(after, field), title(p.New), field, shown(old), shown(new))
		}
	}
	if path := below(after, "hostUsers"); manifest.At(p.Old.Value, below(before, "hostUsers")...) == false && manifest.At(p.New.Value, path...) != false && known(p, path, path) {
		s.gains(p, path, title(p.New), "hostUsers", "false", shown(manifest.At(p.New.Value, path...)))
	}
	s.tokenGains(p, before, after)
	s.projectedGains(p, before, after)
	olds := slices.Collect(maps.Values(hostPaths(p.Old, before)))
	for _, v := range parts(p.New, below(after, "volumes")) {
		at := below(v.path, "hostPath", "path")
		host := manifest.TextAt(p.New.Value, at...)
		had := slices.ContainsFunc(olds, func(old string) bool { return holds(old, host) })
		if host != "" && !had && known(p, below(before, "volumes"), at) {
			s.at(p.New, at, "privilege gained: %s has the host's %s: volume %q was not there, or of another path", title(p.New), host, v.name)
		}
	}
}

// tokenGains looks for pods that get the token of their account.
func (s *scene) tokenGains(p check.Pair, before, after manifest.Path) {
	const field = "automountServiceAccountToken"
	path := below(after, field)
	new := manifest.At(p.New.Value, path...)
	if manifest.At(p.Old.Value, below(before, field)...) != false || new == false || !known(p, below(before, field), path) {
		return
	}
	account := manifest.TextAt(p.New.Value, below(after, "serviceAccountName")...)
	for _, o := range s.news() {
		if new == nil && is(o, "", "ServiceAccount") && o.Name == account && o.Namespace == p.New.Namespace && manifest.At(o.Value, field) == false {
			return // the account keeps it from them
		}
	}
	s.gains(p, path, title(p.New), field, "false", shown(new))
}

// setting is what a container or its pod says of a field of the security context, the container's before the pod's.
func setting(o *manifest.Object, container manifest.Path, steps ...any) (any, manifest.Path) {
	own := below(below(container, "securityContext"), steps...)
	if value, found := own.Lookup(o.Value); found {
		return value, own
	}
	pod := below(below(container[:len(container)-2], "securityContext"), steps...)
	if value, found := pod.Lookup(o.Value); found {
		return value, pod
	}
	return nil, own
}

// containerGains looks at a container. What one that is gone might do, the pod might do already: what comes in its place gains nothing.
func (s *scene) containerGains(p check.Pair, c containerPair, gone []part) {
	old, new, had := c.old, c.new, c.had
	who := fmt.Sprintf("container %q of %s", new.name, title(p.New))
	compare := func(worse func(old, new any) bool, steps ...any) {
		is, at := setting(p.New, new.path, steps...)
		if p.New.Hides(at) {
			return
		}
		before := "no such container"
		from := gone
		if had {
			was, _ := setting(p.Old, old.path, steps...)
			before, from = shown(was), []part{old}
		} else if !worse(nil, is) {
			return
		}
		for _, c := range from {
			if was, at := setting(p.Old, c.path, steps...); !worse(was, is) || p.Old.Hides(at) {
				return
			}
		}
		s.gains(p, at, who, fmt.Sprint(steps[0]), before, shown(is))
	}
	turned := func(to any) func(old, new any) bool {
		return func(old, new any) bool { return new == to && old != to }
	}
	lost := func(good any) func(old, new any) bool {
		return func(old, new any) bool { return had && old == good && new != good }
	}
	compare(turned(true), "privileged")
	compare(turned("Unmasked"), "procMount")
	compare(turned(int64(0)), "runAsUser")
	compare(lost(false), "allowPrivilegeEscalation")
	compare(lost(true), "readOnlyRootFilesystem")
	compare(lost(true), "runAsNonRoot")
	for _, field := range []string{"seccompProfile", "appArmorProfile"} {
		compare(func(old, new any) bool {
			return had && (old == "RuntimeDefault" || old == "Localhost") && (new == nil || new == "Unconfined")
		}, field, "type")
	}
	s.capabilityGains(p, c, gone, who)
	// The ports of a node are those of the pod, whichever container listens.
	var hostPorts []any
	spec, _ := podPath(p.Old)
	for _, list := range containerLists() {
		for _, c := range parts(p.Old, below(spec, list)) {
			if p.Old.Hides(below(c.path, "ports")) {
				return
			}
			for _, port := range manifest.ListAt(p.Old.Value, below(c.path, "ports")...) {
				hostPorts = append(hostPorts, manifest.At(port, "hostPort"))
			}
		}
	}
	if p.New.Hides(below(new.path, "ports")) {
		return
	}
	for i, port := range manifest.ListAt(p.New.Value, below(new.path, "ports")...) {
		if number := manifest.At(port, "hostPort"); number != nil && number != int64(0) && !slices.Contains(hostPorts, number) {
			s.at(p.New, below(new.path, "ports", i, "hostPort"), "privilege gained: %s listens on port %v of its node: hostPort: not set → %v", who, number, number)
		}
	}
}

func (s *scene) capabilityGains(p check.Pair, c containerPair, gone []part, who string) {
	new := c.new
	names := func(o *manifest.Object, container part, field string) []string {
		var all []string
		for _, entry := range manifest.ListAt(o.Value, below(container.path, "securityContext", "capabilities", field)...) {
			all = append(all, strings.TrimPrefix(strings.ToUpper(fmt.Sprint(entry)), "CAP_"))
		}
		return all
	}
	from := gone
	if c.had {
		from = []part{c.old}
	}
	var added, dropped []string
	for _, was := range from {
		if !known(p, below(was.path, "securityContext"), below(new.path, "securityContext")) {
			return
		}
		if manifest.At(p.Old.Value, below(was.path, "securityContext", "privileged")...) == true {
			return // it had them all
		}
		added = append(added, names(p.Old, was, "add")...)
	}
	if c.had {
		dropped = names(p.Old, c.old, "drop")
	}
	for i, name := range names(p.New, new, "add") {
		if !slices.Contains(added, name) && !slices.Contains(added, "ALL") {
			s.at(p.New, below(new.path, "securityContext", "capabilities", "add", i), "privilege gained: %s has the capability %s: not added → added", who, name)
		}
	}
	now := names(p.New, new, "drop")
	for _, name := range dropped {
		if !slices.Contains(now, name) && !slices.Contains(now, "ALL") {
			s.at(p.New, below(new.path, "securityContext", "capabilities", "drop"), "privilege gained: %s keeps the capability %s: dropped → not dropped", who, name)
		}
	}
}

func (s *scene) securityLevel(p check.Pair) {
	path := fields("metadata", "labels", podsecurity.EnforceLevelLabel)
	if !is(p.New, "", "Namespace") || !known(p, path, path) {
		return
	}
	levels := []string{"restricted", "baseline", "privileged"}
	old, new := manifest.TextAt(p.Old.Value, path...), manifest.TextAt(p.New.Value, path...)
	from, to := slices.Index(levels, old), slices.Index(levels, new)
	switch {
	case new == "" && from >= 0 && old != "privileged":
		s.at(p.New, path, "privilege gained: %s has %s: %s → not set, so that what the cluster says holds, which is privileged unless it is told otherwise", title(p.New), podsecurity.EnforceLevelLabel, old)
	case from >= 0 && to > from:
		s.gains(p, path, title(p.New), podsecurity.EnforceLevelLabel, old, new)
	}
}
