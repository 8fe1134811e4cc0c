package danger

import (
	"cmp"
	"path"
	"slices"
	"strings"

	podsecurity "k8s.io/pod-security-admission/api"
	podpolicy "k8s.io/pod-security-admission/policy"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// hostPaths are the paths of the host that pods have, by their volumes.
func hostPaths(o *manifest.Object, spec manifest.Path) map[string]string {
	all := map[string]string{}
	for _, v := range parts(o, below(spec, "volumes")) {
		if host := manifest.TextAt(o.Value, below(v.path, "hostPath", "path")...); host != "" {
			all[v.name] = host
		}
	}
	return all
}

// holds reports whether a directory is another one or has it in it.
func holds(dir, other string) bool {
	dir, other = path.Clean(dir), path.Clean(other)
	return dir == other || strings.HasPrefix(other, strings.TrimSuffix(dir, "/")+"/")
}

// hostMounts looks for containers that may write a path of the host which they could read.
func (s *scene) hostMounts(p check.Pair, all []containerPair) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	if !had || !has {
		return
	}
	was, is := hostPaths(p.Old, before), hostPaths(p.New, after)
	for _, c := range all {
		if !c.had || !known(p, below(c.old.path, "volumeMounts"), below(c.new.path, "volumeMounts")) {
			continue
		}
		for i, mount := range manifest.ListAt(p.New.Value, below(c.new.path, "volumeMounts")...) {
			host := is[manifest.TextAt(mount, "name")]
			if host == "" || manifest.At(mount, "readOnly") == true {
				continue
			}
			read, written := false, false
			for _, old := range manifest.ListAt(p.Old.Value, below(c.old.path, "volumeMounts")...) {
				if on := was[manifest.TextAt(old, "name")]; on != "" && holds(on, host) {
					reads := manifest.At(old, "readOnly") == true
					read, written = read || reads, written || !reads
				}
			}
			if read && !written {
				s.at(p.New, below(c.new.path, "volumeMounts", i), "privilege gained: container %q of %s may write the host's %s: readOnly: true → %s", c.new.name, title(p.New), host, shown(manifest.At(mount, "readOnly")))
			}
		}
	}
}

// accountOf is the account of pods.
func accountOf(o *manifest.Object, spec manifest.Path) string {
	if name := manifest.TextAt(o.Value, below(spec, "serviceAccountName")...); name != "" {
		return name
	}
	return "default"
}

// getsToken reports whether pods get the token of their account by themselves, as objects have it.
func getsToken(objects []*manifest.Object, o *manifest.Object, spec manifest.Path) bool {
	const field = "automountServiceAccountToken"
	switch manifest.At(o.Value, below(spec, field)...) {
	case true:
		return true
	case false:
		return false
	}
	account := accountOf(o, spec)
	return !slices.ContainsFunc(objects, func(a *manifest.Object) bool {
		return is(a, "", "ServiceAccount") && a.Name == account && a.Namespace == o.Namespace && manifest.At(a.Value, field) == false
	})
}

// accountGains looks for pods that run as another account, which has a role that leads to more rights.
func (s *scene) accountGains(p check.Pair, before, after authority) {
	old, had := podPath(p.Old)
	new, has := podPath(p.New)
	at := below(new, "serviceAccountName")
	if !had || !has || !known(p, below(old, "serviceAccountName"), at) || !getsToken(s.news(), p.New, new) {
		return
	}
	was, is := accountOf(p.Old, old), accountOf(p.New, new)
	if was == is {
		return
	}
	gained := after.leading(account(p.New.Namespace, is), before.of(account(p.Old.Namespace, was)))
	if len(gained) > 0 {
		s.at(p.New, at, "privilege gained: %s runs as account %q, which has %s: serviceAccountName: %s → %s", title(p.New), is, listed(gained), was, is)
	}
}

// accountToken looks for an account that no longer keeps its token from pods, where it has a role that leads to more rights.
func (s *scene) accountToken(p check.Pair, after authority) {
	path := fields("automountServiceAccountToken")
	if !is(p.New, "", "ServiceAccount") || manifest.At(p.Old.Value, path...) != false || manifest.At(p.New.Value, path...) == false || !known(p, path, path) {
		return
	}
	roles := after.leading(account(p.New.Namespace, p.New.Name), authority{})
	var users []*manifest.Object
	for _, w := range workloads(s.news()) {
		spec, ok := podPath(w)
		if ok && w.Namespace == p.New.Namespace && accountOf(w, spec) == p.New.Name && getsToken(s.news(), w, spec) {
			users = append(users, w)
		}
	}
	if len(roles) > 0 && len(users) > 0 {
		s.at(p.New, path, "privilege gained: the pods of %s get the token of %s, which has %s: %s: false → %s", titles(users), title(p.New), listed(roles), path, shown(manifest.At(p.New.Value, path...)))
	}
}

// projectedGains looks for a token for the API server that a volume brings to pods which had none.
func (s *scene) projectedGains(p check.Pair, before, after manifest.Path) {
	token := func(o *manifest.Object, spec manifest.Path) manifest.Path {
		for _, v := range parts(o, below(spec, "volumes")) {
			for i, source := range manifest.ListAt(o.Value, below(v.path, "projected", "sources")...) {
				// Of another audience it is for somebody else, and the API server takes it for none of its own.
				if given := manifest.At(source, "serviceAccountToken"); given != nil && manifest.TextAt(given, "audience") == "" {
					return below(v.path, "projected", "sources", i, "serviceAccountToken")
				}
			}
		}
		return nil
	}
	at := token(p.New, after)
	if at == nil || token(p.Old, before) != nil || getsToken(s.olds(), p.Old, before) || !known(p, below(before, "volumes"), below(after, "volumes")) {
		return
	}
	s.at(p.New, at, "privilege gained: %s has the token of its account %q, in a volume: no token → a token", title(p.New), accountOf(p.New, after))
}

// oldestVersion is the oldest one of Kubernetes that kgate judges by.
func oldestVersion() podsecurity.Version { return podsecurity.MajorMinorVersion(1, 28) }

// securityVersion looks for an older release whose Pod Security standard a Namespace is held to, where a later one has a check more.
// Checks that are written anew ask for more or for less: nothing is said of them.
func (s *scene) securityVersion(p check.Pair) {
	at := fields("metadata", "labels", podsecurity.EnforceVersionLabel)
	if !is(p.New, "", "Namespace") || !known(p, fields("metadata", "labels"), at) {
		return
	}
	read := func(o *manifest.Object, unset podsecurity.Version) (podsecurity.Level, podsecurity.Version, bool) {
		level, err := podsecurity.ParseLevel(manifest.TextAt(o.Value, "metadata", "labels", podsecurity.EnforceLevelLabel))
		version, wrong := podsecurity.ParseVersion(cmp.Or(manifest.TextAt(o.Value, at...), podsecurity.VersionLatest))
		if version.Latest() {
			version = unset
		}
		return level, version, err == nil && wrong == nil
	}
	// The latest standard is that of the cluster: the oldest one that kgate knows, or a later one.
	old, was, knew := read(p.Old, oldestVersion())
	new, is, knows := read(p.New, podsecurity.LatestVersion())
	if !knew || !knows {
		return
	}
	lost := slices.ContainsFunc(podpolicy.DefaultChecks(), func(c podpolicy.Check) bool {
		asked := func(by podsecurity.Level) bool { return by == podsecurity.LevelRestricted || by == c.Level }
		first := c.Versions[0]
		return asked(old) && asked(new) && len(first.OverrideCheckIDs) == 0 && is.Older(first.MinimumVersion) && !was.Older(first.MinimumVersion)
	})
	if lost {
		s.gains(p, at, title(p.New), at[len(at)-1].(string), shown(manifest.At(p.Old.Value, at...)), shown(manifest.At(p.New.Value, at...)))
	}
}
