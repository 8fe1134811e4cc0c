package vendored

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Git is what a kustomization's reference to a git repository comes to.
type Git struct {
	Clone      string        // what git is given
	Path       string        // of the directory, from the repository's top; "." for the top
	Ref        string        // a branch, a tag or a commit; "" for the default branch
	Submodules bool          // Kustomize would fetch them; it does unless the reference says no
	Timeout    time.Duration // that the reference asks for; zero where it asks for none
}

// errNotGit says that Kustomize takes a reference for no repository.
var errNotGit = errors.New("this names no git repository, as Kustomize reads it")

// ParseGit reads a reference to a git repository as Kustomize does, and refuses what is not to be fetched. The error is
// one that IsNotGit knows where Kustomize would take the reference for a path.
func ParseGit(reference string) (Git, error) {
	git, err := parseGit(reference)
	if err != nil {
		return git, err
	}
	return git, git.refuse()
}

// IsNotGit reports whether an error of ParseGit is of a reference that is none to a repository.
func IsNotGit(err error) bool { return errors.Is(err, errNotGit) }

// Schemes of git, in the order in which Kustomize tries them.
const (
	sshScheme   = "ssh://"
	httpsScheme = "https://"
	httpScheme  = "http://"
	fileScheme  = "file://"
)

var user = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

func parseGit(reference string) (Git, error) {
	if path.IsAbs(reference) {
		return Git{}, errNotGit
	}
	rest, query, _ := strings.Cut(reference, "?")
	git := Git{Submodules: true}
	git.options(query)

	rest, _ = withoutPrefix(rest, "git::")
	scheme := ""
	for _, candidate := range []string{sshScheme, httpsScheme, httpScheme, fileScheme} {
		if after, ok := withoutPrefix(rest, candidate); ok {
			scheme, rest = candidate, after
			break
		}
	}
	who := user.FindString(rest)
	rest = rest[len(who):]
	lower := strings.ToLower(rest)
	github := strings.HasPrefix(lower, "github.com/") || strings.HasPrefix(lower, "github.com:")
	scp := scheme == "" && (who != "" || github) // user@host:path
	if scheme == "" && !scp {
		return Git{}, errNotGit
	}
	host := ""
	if scheme == fileScheme {
		rest = who + rest
	} else {
		end := strings.Index(rest, "/")
		if colon := strings.Index(rest, ":"); scp && (end == -1 || colon > 0 && colon < end) {
			end = colon
		}
		if end < 0 {
			host, rest = rest, ""
		} else {
			host, rest = rest[:end+1], rest[end+1:]
		}
		if github { // Kustomize writes these anew
			if scheme == sshScheme || who != "" {
				scheme, host = "", "github.com:"
			} else {
				scheme, host = httpsScheme, "github.com/"
			}
		}
		if host == "" {
			return Git{}, errNotGit
		}
	}
	repository, dir, ok := splitPath(rest, scheme == fileScheme)
	if !ok || repository == "" {
		return Git{}, errNotGit
	}
	if up := path.Clean(strings.TrimPrefix(dir, "/")); up == ".." || strings.HasPrefix(up, "../") {
		return Git{}, errNotGit
	}
	git.Clone = scheme + who + host + repository
	if scheme == fileScheme {
		git.Clone = scheme + repository
	}
	// Below the clone, whatever it begins with.
	git.Path = path.Clean(strings.TrimLeft(strings.TrimPrefix(dir, "/"), "/"))
	return git, nil
}

// splitPath parts a repository's path from that of a directory in it: at a mark, or where every repository of GitHub ends.
func splitPath(text string, whole bool) (repository, dir string, ok bool) {
	const azure = "_git/" // the repository is the one segment behind it
	if at := strings.Index(text, azure); at >= 0 {
		at += len(azure)
		name, dir, _ := strings.Cut(text[at:], "/")
		return text[:at] + name, dir, true
	}
	if repository, dir, ok := strings.Cut(text, "//"); ok {
		return repository, dir, true
	}
	if at := strings.Index(text, ".git"); at >= 0 {
		return text[:at+len(".git")], text[at+len(".git"):], true
	}
	if whole {
		return text, "", true
	}
	segments := strings.SplitN(text, "/", 3)
	switch len(segments) {
	case 2:
		return text, "", true
	case 3:
		return segments[0] + "/" + segments[1], segments[2], true
	}
	return "", "", false
}

// options reads the query of a reference. What cannot be read is the default.
func (g *Git) options(query string) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return
	}
	if g.Ref = values.Get("ref"); g.Ref == "" {
		g.Ref = values.Get("version")
	}
	if text := values.Get("timeout"); text != "" {
		if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
			g.Timeout = time.Duration(seconds) * time.Second
		} else if d, err := time.ParseDuration(text); err == nil && d > 0 {
			g.Timeout = d
		}
	}
	if asked, err := strconv.ParseBool(values.Get("submodules")); err == nil {
		g.Submodules = asked
	}
}

// withoutPrefix cuts a prefix off in any letter case.
func withoutPrefix(text, prefix string) (string, bool) {
	if len(prefix) <= len(text) && strings.ToLower(text[:len(prefix)]) == prefix {
		return text[len(prefix):], true
	}
	return text, false
}

// refuse turns down what git should not be given: other protocols than https, http and ssh, secrets, and what git would
// take for an option or for more than one name.
func (g Git) refuse() error {
	odd := func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }
	switch {
	case strings.HasPrefix(g.Clone, fileScheme):
		return errors.New("file:// is a path of one machine: name the directory by a relative path")
	case strings.ContainsFunc(g.Clone, odd) || strings.ContainsFunc(g.Path, odd):
		return errors.New("the URL has blanks or characters that cannot be seen")
	case strings.HasPrefix(g.Clone, "-"), strings.Contains(g.Clone, "::"):
		return fmt.Errorf("git would take %s for more than the URL of a repository", g.Clone)
	case g.Ref != "" && !revision(g.Ref):
		return fmt.Errorf("ref=%s is no branch, tag or commit", g.Ref)
	}
	// A host of ssh that begins with a dash is an option of ssh.
	host := g.Clone
	for _, scheme := range []string{sshScheme, httpsScheme, httpScheme} {
		host = strings.TrimPrefix(host, scheme)
	}
	host = host[:strings.IndexAny(host+"/", "/")]
	if at := strings.LastIndex(host, "@"); at >= 0 {
		if strings.Contains(host[:at], ":") && strings.HasPrefix(g.Clone, "http") {
			return errors.New("the URL holds a password: take it out, and give git a credential helper")
		}
		host = host[at+1:]
	}
	if strings.HasPrefix(host, "-") {
		return fmt.Errorf("%s is no name of a host", host)
	}
	return nil
}

// revision reports whether a text can name a branch, a tag or a commit, by the rules of git check-ref-format.
func revision(name string) bool {
	if len(name) > 250 || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "+") || strings.HasSuffix(name, ".") || strings.HasSuffix(name, "/") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.Contains(name, "//") ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(" ~^:?*[\\\uFFFD", r) }) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}
