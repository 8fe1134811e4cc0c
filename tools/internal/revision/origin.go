package revision

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/config"
)

// scpForm is a URL of SSH without its scheme, git@host:path.
var scpForm = regexp.MustCompile(`^[^/:]*@[^@]+$`)

// Origin is a repository's URL as far as spellings of one repository agree: NormalizeGitURL of Argo CD, and without the slash
// at the end that servers of git take as well.
func Origin(url string) string {
	url = strings.TrimRight(strings.ToLower(strings.TrimSpace(url)), "/")
	if rest, ok := strings.CutPrefix(url, "ssh://"); ok {
		url = rest
	} else if scpForm.MatchString(url) {
		url = strings.Replace(url, ":", "/", 1)
	}
	return strings.TrimSuffix(url, ".git")
}

var (
	forge = regexp.MustCompile(`^([a-z+]+://)?[^/]*/`)
	local = regexp.MustCompile(`^(file:|oci:|[./])`)
	// Azure DevOps names once what is called as its project.
	once = regexp.MustCompile(`^((?:https://)?(?:[^/@]*@)?(?:dev\.azure\.com/[^/]+|[^/]+\.visualstudio\.com(?:/defaultcollection)?)/)_git/([^/]+)$`)
)

// Name is what a repository is called at its forge, such as shop/deploy: the path of its URL. It is "" for a path of the file system, for
// artifacts of a registry, and where one word is all, which many repositories may have.
func Name(url string) string {
	origin := Origin(url)
	if local.MatchString(origin) {
		return ""
	}
	origin = once.ReplaceAllString(origin, "$1$2/$2")
	parts := strings.FieldsFunc(forge.ReplaceAllString(origin, ""), func(r rune) bool { return r == '/' })
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "_git" || part == "defaultcollection" }) // of Azure DevOps, where ssh has none
	if len(parts) < 2 {
		return ""
	}
	return strings.Join(parts, "/")
}

// SameName reports two names of one repository: one way to it may begin with what another has not, such as the folder of a server.
func SameName(a, b string) bool {
	return a != "" && b != "" && (strings.HasSuffix("/"+a, "/"+b) || strings.HasSuffix("/"+b, "/"+a))
}

// Remotes are the names of the repositories that the one whose .git lies in dir was cloned from, or is pushed to; none where that cannot be
// read.
func Remotes(dir string) []string {
	own, err := gitDirectory(dir)
	if err != nil {
		return nil
	}
	text, err := pointerOf(filepath.Join(commonOf(own), "config"), maxConfig)
	if err != nil {
		return nil
	}
	c := config.NewConfig()
	if c.Unmarshal([]byte(text)) != nil {
		return nil
	}
	var names []string
	for _, remote := range c.Remotes {
		for _, url := range remote.URLs {
			if name := Name(url); name != "" {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
