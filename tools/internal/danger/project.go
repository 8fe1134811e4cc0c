package danger

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gobwas/glob"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// permission is what an AppProject lets through by a list, and by another one that takes away of it, where there is one.
type permission struct {
	list, except string
	keys         []string // of an entry; none where it is a text
	what         string   // Applications may do with what an entry says
	permits      func(entries, except []any, words []string) bool
}

// permissions are decided as Argo CD does.
// https://github.com/argoproj/argo-cd/blob/v3.3.0/pkg/apis/application/v1alpha1/app_project_types.go
func permissions() []permission {
	listed := func(entries, except []any, words []string) bool {
		return slices.ContainsFunc(entries, lists(words)) && !slices.ContainsFunc(except, lists(words))
	}
	return []permission{
		{"destinations", "", []string{"server", "name", "namespace"}, "deploy to", permitsDestination},
		{"sourceRepos", "", nil, "deploy from", permitsSource},
		{"sourceNamespaces", "", nil, "stand in the namespace", permitsNamespace},
		{"clusterResourceWhitelist", "clusterResourceBlacklist", []string{"group", "kind", "name"}, "make objects of the cluster:", listed},
		{"namespaceResourceWhitelist", "namespaceResourceBlacklist", []string{"group", "kind"}, "make objects of namespaces:", listed},
	}
}

// entries are those of a list. Without a list of kinds in namespaces, each is let through.
func (a permission) entries(o *manifest.Object, list string) []any {
	if list == "namespaceResourceWhitelist" && manifest.At(o.Value, "spec", list) == nil {
		return []any{map[string]any{"group": "*", "kind": "*"}}
	}
	return manifest.ListAt(o.Value, "spec", list)
}

// words are what an entry says, by key.
func (a permission) words(entry any) []string {
	if a.keys == nil {
		text, _ := entry.(string)
		return []string{text}
	}
	var words []string
	for _, key := range a.keys {
		words = append(words, manifest.TextAt(entry, key))
	}
	return words
}

// shown is an entry as messages write it, without the ! of what is denied.
func (a permission) shown(words []string) string {
	if a.keys == nil {
		return words[0]
	}
	var all []string
	for i, key := range a.keys {
		if words[i] != "" {
			all = append(all, key+" "+words[i])
		}
	}
	return strings.Join(all, ", ")
}

// globs reports whether a text fits a pattern.
func globs(pattern, text string, separators ...rune) bool {
	if pattern == "*" || !strings.ContainsAny(pattern, `*?[{\`) {
		return pattern == "*" || pattern == text
	}
	compiled, err := glob.Compile(pattern, separators...)
	return err == nil && compiled.Match(text)
}

func denies(pattern string) bool { return strings.HasPrefix(pattern, "!") }

// permits is globs for a pattern that may deny: it fits what it does not deny.
func permits(pattern, text string, separators ...rune) bool {
	if denies(pattern) {
		return !globs(pattern[1:], text, separators...)
	}
	return globs(pattern, text, separators...)
}

func permitsDestination(entries, _ []any, words []string) bool {
	permitted := false
	for _, entry := range entries {
		server, name, namespace := manifest.TextAt(entry, "server"), manifest.TextAt(entry, "name"), manifest.TextAt(entry, "namespace")
		ofServer, ofName, in := permits(server, words[0]), permits(name, words[1]), permits(namespace, words[2])
		switch {
		case (ofServer || ofName) && in:
			permitted = true
		case (!ofName && denies(name) || !ofServer && denies(server)) && in, !in && denies(namespace) && ofServer:
			return false
		}
	}
	return permitted
}

func permitsSource(entries, _ []any, words []string) bool {
	permitted := false
	for _, entry := range entries {
		pattern, _ := entry.(string)
		denied := denies(pattern)
		pattern = normalURL(strings.TrimPrefix(pattern, "!"))
		matches := globs(pattern, normalURL(words[0]), '/')
		if denied && matches {
			return false
		}
		permitted = permitted || matches != denied
	}
	return permitted
}

var sshURL = regexp.MustCompile(`^(ssh://)?[^/:]*@[^@]+$`)

// normalURL is what Argo CD compares of the URL of a repository.
// https://github.com/argoproj/argo-cd/blob/v3.3.0/util/git/git.go
func normalURL(repository string) string {
	repository = strings.ToLower(strings.TrimSpace(repository))
	if sshURL.MatchString(repository) && !strings.HasPrefix(repository, "ssh://") {
		repository = "ssh://" + strings.Replace(repository, ":", "/", 1)
	}
	parsed, err := url.Parse(strings.TrimSuffix(repository, ".git"))
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(parsed.String(), "ssh://")
}

func permitsNamespace(entries, _ []any, words []string) bool {
	return slices.ContainsFunc(entries, func(entry any) bool {
		pattern, _ := entry.(string)
		if inner, is := strings.CutPrefix(pattern, "/"); is && strings.HasSuffix(inner, "/") {
			expression, err := regexp.Compile(strings.TrimSuffix(inner, "/"))
			return err == nil && expression.MatchString(words[0])
		}
		return globs(pattern, words[0])
	})
}

// lists reports an entry that is about the group, the kind and the name of an object.
func lists(words []string) func(entry any) bool {
	return func(entry any) bool {
		for i, key := range []string{"group", "kind", "name"}[:len(words)] {
			pattern := manifest.TextAt(entry, key)
			if is, err := path.Match(pattern, words[i]); (!is || err != nil) && (key != "name" || pattern != "") {
				return false
			}
		}
		return true
	}
}

// anyOther is a word that no manifest has.
const anyOther = "any-other"

// sample is a text that fits a pattern without alternatives, and others of its form as little as can be: of a set its first character. It is false
// for regular expressions, which stand between slashes, and for sets of all but some.
func sample(pattern string) (string, bool) {
	if isExpression(pattern) {
		return "", false
	}
	pattern = set.ReplaceAllString(pattern, "$1")
	return strings.NewReplacer("**", anyOther+"/"+anyOther, "*", anyOther, "?", "~").Replace(pattern), !strings.ContainsAny(pattern, `[{\`)
}

func isExpression(pattern string) bool {
	return len(pattern) > 1 && strings.HasPrefix(pattern, "/") && strings.HasSuffix(pattern, "/")
}

var (
	set          = regexp.MustCompile(`\[([^]!^\\])[^]\\]*\]`)
	alternatives = regexp.MustCompile(`\{([^{}\\]*)\}`)
)

// mostAlternatives bounds what is made of the alternatives of words.
const mostAlternatives = 256

// alternativesOf are the patterns that one is short for.
func alternativesOf(pattern string) []string {
	all, done := []string{pattern}, []string(nil)
	for len(all) > 0 && len(all)+len(done) < mostAlternatives {
		one := all[0]
		all = all[1:]
		at := alternatives.FindStringSubmatchIndex(one)
		if at == nil || isExpression(one) {
			done = append(done, one)
			continue
		}
		for _, text := range strings.Split(one[at[2]:at[3]], ",") {
			all = append(all, one[:at[0]]+text+one[at[1]:])
		}
	}
	return append(done, all...)
}

// eachOf are what words are short for, together.
func eachOf(words []string) [][]string {
	all := [][]string{nil}
	for _, word := range words {
		var further [][]string
		for _, one := range all {
			for _, text := range alternativesOf(word) {
				further = append(further, append(slices.Clip(one), text))
			}
		}
		all = further[:min(len(further), mostAlternatives)]
	}
	return all
}

// samples are what words may stand for: each word a text that fits it, and of a cluster that is told by its name or its server alone
// every other half that the projects speak of.
func (a permission) samples(words []string, among []any) [][]string {
	request := make([]string, len(words))
	for i, word := range words {
		if a.list == "clusterResourceWhitelist" && a.keys[i] == "name" && word == "" {
			word = "*"
		}
		text, ok := sample(word)
		if !ok {
			return nil
		}
		request[i] = text
	}
	if a.list != "destinations" {
		return [][]string{request}
	}
	const server, name, local = "https://kubernetes.default.svc", "in-cluster", 2
	request[0] = strings.TrimRight(request[0], "/") // as Argo CD keeps them
	switch {
	case request[0] == server, request[1] == name && request[0] == "":
		return [][]string{{server, name, request[local]}}
	case request[0] != "" && request[1] != "":
		return [][]string{request}
	}
	half := slices.Index(request[:local], "")
	var all [][]string
	for _, entry := range append(among, map[string]any{a.keys[half]: anyOther}) {
		for _, pattern := range alternativesOf(strings.TrimPrefix(manifest.TextAt(entry, a.keys[half]), "!")) {
			text, ok := sample(pattern)
			if !ok {
				continue // any other one stands for what it fits
			}
			other := slices.Clone(request)
			other[half] = text
			if text != "" && text != []string{server, name}[half] && !slices.ContainsFunc(all, func(o []string) bool { return slices.Equal(o, other) }) {
				all = append(all, other)
			}
		}
	}
	return all
}

// projectGains looks at what an AppProject lets through that it kept out: for what each entry says, and each that kept out, it asks
// as Argo CD would before and after.
func (s *scene) projectGains(p check.Pair) {
	if !is(p.New, argoGroup, "AppProject") || !known(p, fields("spec"), fields("spec")) {
		return
	}
	if path := fields("spec", "permitOnlyProjectScopedClusters"); manifest.At(p.Old.Value, path...) == true && manifest.At(p.New.Value, path...) != true {
		s.at(p.New, path, "privilege gained: Applications of %s may deploy to clusters that are not of the project: %s: true → %s", title(p.New), path, shown(manifest.At(p.New.Value, path...)))
	}
	if path := fields("spec", "signatureKeys"); len(manifest.ListAt(p.Old.Value, path...)) > 0 && len(manifest.ListAt(p.New.Value, path...)) == 0 {
		s.at(p.New, path, "privilege gained: Applications of %s may deploy what none of its keys signed: %s: %d → none", title(p.New), path, len(manifest.ListAt(p.Old.Value, path...)))
	}
	for _, a := range permissions() {
		if a.list == "destinations" && manifest.At(p.New.Value, "spec", "permitOnlyProjectScopedClusters") == true {
			continue // the clusters of the project are known to Argo CD alone
		}
		old, new := a.entries(p.Old, a.list), a.entries(p.New, a.list)
		oldExcept, newExcept := a.entries(p.Old, a.except), a.entries(p.New, a.except)
		among := func(entries []any, words []string) bool {
			return slices.ContainsFunc(entries, func(entry any) bool { return slices.Equal(a.words(entry), words) })
		}
		without := func(entries, others []any) []any {
			return slices.DeleteFunc(slices.Clone(entries), func(entry any) bool { return among(others, a.words(entry)) })
		}
		dropped := slices.Concat(without(old, new), without(oldExcept, newExcept))
		gainedOne := func(words []string) bool {
			samples := a.samples(words, slices.Concat(old, new))
			if a.list == "sourceNamespaces" && words[0] == p.New.Namespace {
				return false // where Argo CD itself is, each is let through
			}
			return len(samples) > 0 && !slices.ContainsFunc(samples, func(request []string) bool {
				return a.permits(old, oldExcept, request) || !a.permits(new, newExcept, request)
			})
		}
		gained := func(words []string) bool { return slices.ContainsFunc(eachOf(words), gainedOne) }
		told := false
		tell := func(at manifest.Path, words []string) {
			told = true
			s.at(p.New, at, "privilege gained: Applications of %s may %s %s, which they might not before", title(p.New), a.what, a.shown(words))
		}
		for i, entry := range new {
			if words := a.words(entry); (len(dropped) > 0 || !among(old, words)) && !slices.ContainsFunc(words, denies) && gained(words) {
				tell(manifest.Path{"spec", a.list, i}, words)
			}
		}
		if told {
			continue
		}
		for _, entry := range dropped {
			words := a.words(entry)
			for i := range words {
				words[i] = strings.TrimPrefix(words[i], "!")
			}
			if gained(words) {
				tell(manifest.Path{"spec", a.list}, words)
			}
		}
	}
}
