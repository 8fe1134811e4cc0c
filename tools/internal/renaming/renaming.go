// Package renaming gives what a repository is called other names, as far as the repository is its owner's: the service and
// its image, the Go module, the repository's URL, the organisation.
package renaming

import (
	"fmt"
	"regexp"
	"strings"
)

// Kind is what a name is the name of.
type Kind string

// The kinds. A service's name stands in those of its objects too, as in NAME-db, and in Go's manner in those of its alerts.
const (
	Service      Kind = "service"
	Image        Kind = "image"      // registry and repository, without tag and digest
	Module       Kind = "module"     // of Go, the path before that of a package
	Repository   Kind = "repository" // the URL that it is cloned from
	Organisation Kind = "organisation"
	Word         Kind = "word"
	Environment  Kind = "environment"
)

// Name is what something is called, and what it is to be called.
type Name struct {
	Kind     Kind
	Old, New string
}

var (
	// label is a name that every kind of object may have, a Service too: RFC 1035.
	label        = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)
	image        = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`)
	module       = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+(/[A-Za-z0-9._~-]+)+$`)
	repository   = regexp.MustCompile(`^(https?|ssh)://([^/\s@]+@)?[^/\s@]+(/[^/\s]+)+$|^[^/\s@:]+@[^/\s:]+:[^\s]+$`)
	organisation = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*$`)
	word         = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)
)

// Label reports whether a name is one that every kind of object may have, and that YAML reads as a text wherever it stands.
func Label(name string) bool {
	switch name {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return label.MatchString(name)
}

// Check refuses a name that cannot be one.
func (n Name) Check() error {
	for _, text := range []string{n.Old, n.New} {
		fits, is := true, ""
		switch n.Kind {
		case Service, Environment:
			fits, is = Label(text), "a DNS label that begins with a letter, as payments-api"
		case Image:
			fits, is = image.MatchString(text), "a registry and a repository without tag and digest, as registry.example.com:5000/team/app"
		case Module:
			fits, is = module.MatchString(text), "a module path, as github.com/team/gitops"
		case Repository:
			fits, is = repository.MatchString(text), "a URL that git clones, as https://git.example.com/team/gitops.git"
		case Organisation:
			fits, is = organisation.MatchString(text), "letters, digits and -"
		case Word:
			fits, is = word.MatchString(text), "letters, digits, . _ and -, the first and the last a letter or a digit"
		}
		if !fits {
			return fmt.Errorf("--%s: %q is no %s: it is %s", n.Kind, text, n.Kind, is)
		}
	}
	if n.Old == n.New {
		return fmt.Errorf("--%s: %s is what it is called already", n.Kind, n.Old)
	}
	return nil
}

// pascal is a name in Go's manner, as GoOtlpApp of go-otlp-app.
func pascal(name string) string {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '.' || r == '_' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// place is a repository's URL in parts; the last one without .git.
type place struct{ scheme, user, host, path string }

func parsePlace(url string) place {
	var p place
	rest := url
	if scheme, after, ok := strings.Cut(url, "://"); ok {
		p.scheme, rest = scheme, after
	} else {
		p.scheme, rest = "scp", strings.Replace(url, ":", "/", 1)
	}
	authority, path, _ := strings.Cut(rest, "/")
	if user, host, ok := strings.Cut(authority, "@"); ok {
		p.user, authority = user, host
	}
	p.host, p.path = authority, strings.TrimSuffix(strings.TrimRight(path, "/"), ".git")
	return p
}

// web is where a browser finds it.
func (p place) web() string {
	host := p.host
	if p.scheme != "http" && p.scheme != "https" {
		host, _, _ = strings.Cut(host, ":") // the port is that of SSH
	}
	if p.scheme == "http" {
		return "http://" + host + "/" + p.path
	}
	return "https://" + host + "/" + p.path
}
