// Package access says who may do what with the ledger: tokens that a file names, tokens that issuers of OpenID Connect
// sign, what each of them may do, and how failed attempts are held back.
package access

import (
	"errors"
	"fmt"
	"slices"
)

// Permission is a kind of request.
type Permission string

// The permissions. None implies another.
const (
	Read   Permission = "read"   // every GET, where reads need a token
	Ingest Permission = "ingest" // POST /v1/webhooks/…
	Write  Permission = "write"  // POST and PATCH /v1/releases
)

// Permissions returns all of them.
func Permissions() []Permission { return []Permission{Read, Ingest, Write} }

// Grant is what an identity may do. Environments and Services bound what is written, both at once; what may be read is not
// bounded.
type Grant struct {
	Allow        []Permission
	Environments []Glob
	Services     []Glob
}

// Identity is who a credential belongs to.
type Identity struct {
	// Via is what the ledger records of it: "token:" and the name of a token, or the name of an issuer, ":" and the subject.
	Via    string
	Grants []Grant
}

// May reports whether some grant allows p, wherever.
func (i Identity) May(p Permission) bool {
	return slices.ContainsFunc(i.Grants, func(g Grant) bool { return slices.Contains(g.Allow, p) })
}

// Everywhere reports whether one grant allows p for every service in every environment.
func (i Identity) Everywhere(p Permission) bool {
	all := func(globs []Glob) bool { return slices.Contains(globs, "*") }
	return slices.ContainsFunc(i.Grants, func(g Grant) bool { return slices.Contains(g.Allow, p) && all(g.Environments) && all(g.Services) })
}

// MayIn reports whether one grant allows p for the service in the environment. Grants do not add up: one for a service
// and another for an environment allow neither more than it says.
func (i Identity) MayIn(p Permission, service, environment string) bool {
	return slices.ContainsFunc(i.Grants, func(g Grant) bool {
		return slices.Contains(g.Allow, p) && matchAny(g.Environments, environment) && matchAny(g.Services, service)
	})
}

// Glob is a text in which * stands for any characters, also none, and ? for one. Nothing else is special.
type Glob string

func matchAny(globs []Glob, s string) bool {
	return slices.ContainsFunc(globs, func(g Glob) bool { return g.Match(s) })
}

// Match reports whether g means s. It takes time in proportion to both lengths, whatever g is.
func (g Glob) Match(s string) bool {
	pattern, text := []rune(string(g)), []rune(s)
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			// The star takes one more.
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// unbounded reports whether g means whatever there is.
func (g Glob) unbounded() bool {
	for _, r := range g {
		if r != '*' && r != '?' {
			return false
		}
	}
	return true
}

// The reasons of a Denied.
const (
	Unknown = "unknown" // nobody's token, or a signature by nobody's key
	Expired = "expired"
	Claims  = "claims" // signed by an issuer that is known, for somebody who may do nothing
)

// Denied is the error of a credential that is not accepted. Detail may be told to whoever sent it.
type Denied struct {
	Reason string
	Detail string
}

func (d *Denied) Error() string { return "denied: " + d.Detail }

func denied(reason, format string, args ...any) error {
	return &Denied{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// ErrIssuerUnavailable: an issuer cannot be asked for its keys, so that nothing is known of a credential. It may be
// accepted later.
var ErrIssuerUnavailable = errors.New("the issuer's keys cannot be had")
