package revision

import (
	"regexp"
	"strings"
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
