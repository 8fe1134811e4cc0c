package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// file is what the access file holds, in YAML or JSON.
type file struct {
	Tokens  []tokenEntry  `yaml:"tokens"`
	Issuers []issuerEntry `yaml:"issuers"`
}

type tokenEntry struct {
	Name         string       `yaml:"name"`
	SHA256       string       `yaml:"sha256"`
	Secret       string       `yaml:"secret"` // in place of sha256, where GitHub signs with it
	Expires      string       `yaml:"expires"`
	Allow        []Permission `yaml:"allow"`
	Environments []Glob       `yaml:"environments"`
	Services     []Glob       `yaml:"services"`
}

type issuerEntry struct {
	Name      string       `yaml:"name"`
	Issuer    string       `yaml:"issuer"`
	Audience  string       `yaml:"audience"`
	Keys      string       `yaml:"keys"`       // the URL of the key set, where discovery does not tell it
	CAFile    string       `yaml:"ca_file"`    // the authorities that the issuer is trusted by, in place of the system's
	TokenFile string       `yaml:"token_file"` // a token to ask the issuer with, as Kubernetes wants one
	Grants    []grantEntry `yaml:"grants"`
}

type grantEntry struct {
	Claims       map[string]Glob `yaml:"claims"`
	Allow        []Permission    `yaml:"allow"`
	Environments []Glob          `yaml:"environments"`
	Services     []Glob          `yaml:"services"`
}

// Invalid is every fault of an access file at once. No secret is in it.
type Invalid struct {
	Name   string
	Faults []string // each begins with its line where that is known
}

func (e *Invalid) Error() string {
	return fmt.Sprintf("access file %s: faults: %d\n  %s", e.Name, len(e.Faults), strings.Join(e.Faults, "\n  "))
}

// policy is what a file says, checked.
type policy struct {
	tokens  []token
	issuers []*issuer
}

type token struct {
	sum     [32]byte
	secret  []byte // nil where the file has the sum alone
	expires time.Time
	as      Identity
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	globForm  = regexp.MustCompile(`^[-a-z0-9*?]{1,63}$`)
	sumForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	yamlLine  = regexp.MustCompile(`^(yaml: )?(line [0-9]+: )?`)
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)
)

// LeastToken is how many characters a token has at least: 96 bits where they are base64 of random bytes, out of reach of guessing over
// a network.
const LeastToken = 16

// ValidToken reports whether an Authorization header can carry s, https://datatracker.ietf.org/doc/html/rfc6750#section-2.1.
func ValidToken(s string) bool { return tokenForm.MatchString(s) }

// unnamed is what the tokens of the variable API_TOKENS are recorded as.
const unnamed = "unnamed"

// parse reads a file. Its error is an *Invalid.
func parse(name string, content []byte) (file, *policy, error) {
	var (
		f  file
		at struct{ Tokens, Issuers []yaml.Node }
	)
	bad := &Invalid{Name: name}
	d := yaml.NewDecoder(bytes.NewReader(content))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		bad.Faults = readable(err)
		return f, nil, bad
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		bad.Faults = []string{"a second document, want one"}
		return f, nil, bad
	}
	// The same again for the lines of the entries.
	_ = yaml.Unmarshal(content, &at)

	p := &policy{}
	names := map[string]bool{unnamed: true}
	sums := map[[32]byte]string{}
	for i, e := range f.Tokens {
		say := func(format string, args ...any) {
			bad.Faults = append(bad.Faults, fmt.Sprintf("line %d: token %s: %s", at.Tokens[i].Line, describeName(e.Name), fmt.Sprintf(format, args...)))
		}
		t := token{as: Identity{Via: "token:" + e.Name, Grants: []Grant{{e.Allow, e.Environments, e.Services}}}}
		checkName(e.Name, names, say)
		switch {
		case (e.SHA256 == "") == (e.Secret == ""):
			say("want sha256, or secret in its place")
		case e.Secret != "" && (len(e.Secret) < LeastToken || !ValidToken(e.Secret)):
			say("want a secret of at least %d letters, digits or -._~+/=", LeastToken)
		case e.Secret != "":
			t.secret = []byte(e.Secret)
			t.sum = sha256.Sum256(t.secret)
		case !sumForm.MatchString(e.SHA256):
			say("sha256 is not 64 lower-case hexadecimal digits: the SHA-256 of the token")
		default:
			_, _ = hex.Decode(t.sum[:], []byte(e.SHA256)) // of a form that has no error
		}
		if other, taken := sums[t.sum]; taken && t.sum != ([32]byte{}) {
			say("is the same token as %s", other)
		}
		sums[t.sum] = e.Name
		switch at, err := time.Parse(time.RFC3339, e.Expires); {
		case e.Expires == "never":
		case err != nil:
			say("expires: want a time of RFC 3339, such as 2027-06-30T00:00:00Z, or never")
		default:
			t.expires = at
		}
		checkGrant(e.Allow, e.Environments, e.Services, say)
		p.tokens = append(p.tokens, t)
	}
	names = map[string]bool{"token": true, "ledger": true}
	for i, e := range f.Issuers {
		say := func(format string, args ...any) {
			bad.Faults = append(bad.Faults, fmt.Sprintf("line %d: issuer %s: %s", at.Issuers[i].Line, describeName(e.Name), fmt.Sprintf(format, args...)))
		}
		checkName(e.Name, names, say)
		if slices.ContainsFunc(f.Issuers[:i], func(other issuerEntry) bool { return other.Issuer == e.Issuer && other.Audience == e.Audience }) {
			say("has the issuer and audience of another entry")
		}
		if !secureURL(e.Issuer) {
			say("issuer: want a URL that begins with https://")
		}
		if e.Keys != "" && !secureURL(e.Keys) {
			say("keys: want a URL that begins with https://")
		}
		if e.Audience == "" {
			say("audience is required: without one, tokens that were made for others would be accepted")
		}
		if len(e.Grants) == 0 {
			say("want grants")
		}
		for j, g := range e.Grants {
			sayGrant := func(format string, args ...any) { say("grant %d: %s", j+1, fmt.Sprintf(format, args...)) }
			if !slices.ContainsFunc(slices.Collect(maps.Values(g.Claims)), func(v Glob) bool { return !v.unbounded() }) {
				sayGrant("want claims: without, every token that the issuer signs would be accepted")
			} else if public, known := publicIssuers()[e.Issuer]; known && !public.ofOneOwner(g.Claims) {
				sayGrant("want one of the claims %s as far as the owner's / without * and ?, or one of %s whole: without, everybody's workflows would be accepted",
					strings.Join(public.owned, ", "), strings.Join(public.owners, ", "))
			}
			checkGrant(g.Allow, g.Environments, g.Services, sayGrant)
		}
	}
	if len(bad.Faults) > 0 {
		return f, nil, bad
	}
	return f, p, nil
}

// publicIssuer is one that signs for everybody with an account there, for any audience.
type publicIssuer struct {
	owned  []string // claims in which the owner of the workflow stands before a slash
	owners []string // claims that are of one owner whole
}

const (
	githubActions = "https://token.actions.githubusercontent.com"
	gitlab        = "https://gitlab.com"
)

// publicIssuers are those that are known, with what their tokens say of whose workflow it is. GitHub's job_workflow_ref does not: it
// names a reusable workflow, which everybody may run.
//
// https://docs.github.com/en/actions/reference/security/oidc, https://docs.gitlab.com/ci/secrets/id_token_authentication/
func publicIssuers() map[string]publicIssuer {
	return map[string]publicIssuer{
		githubActions: {
			owned:  []string{"repository", "sub", "workflow_ref"},
			owners: []string{"repository_id", "repository_owner", "repository_owner_id", "enterprise", "enterprise_id"},
		},
		gitlab: {
			owned:  []string{"project_path", "namespace_path", "sub"},
			owners: []string{"project_id", "namespace_id", "namespace_path"},
		},
	}
}

// ofOneOwner reports whether the claims of a grant are those of workflows of one owner.
func (p publicIssuer) ofOneOwner(claims map[string]Glob) bool {
	fixed := func(claim string) string {
		v := string(claims[claim])
		if i := strings.IndexAny(v, "*?"); i >= 0 {
			return v[:i]
		}
		return v
	}
	return slices.ContainsFunc(p.owned, func(claim string) bool { return strings.IndexByte(fixed(claim), '/') > 0 }) ||
		slices.ContainsFunc(p.owners, func(claim string) bool { v := string(claims[claim]); return v != "" && fixed(claim) == v })
}

// readable are the errors of package yaml, a line each, without the values that stood there: one may be a secret.
func readable(err error) []string {
	lines := []string{err.Error()}
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		lines = e.Errors
	}
	for i, line := range lines {
		head := yamlLine.FindString(line)
		line = strings.ReplaceAll(line[len(head):], " in type access.file", "")
		for _, kind := range []string{"tokenEntry", "issuerEntry", "grantEntry"} {
			line = strings.ReplaceAll(line, " in type access."+kind, "")
		}
		if strings.HasPrefix(line, "cannot unmarshal") {
			line = "a value of the wrong kind"
		}
		lines[i] = strings.TrimPrefix(head, "yaml: ") + line
	}
	return lines
}

func describeName(name string) string {
	if nameForm.MatchString(name) {
		return name
	}
	return "without a name"
}

func checkName(name string, taken map[string]bool, say func(string, ...any)) {
	switch {
	case !nameForm.MatchString(name):
		say("name: want up to 63 of a-z, 0-9 and -")
	case taken[name]:
		say("the name is taken")
	}
	taken[name] = true
}

func checkGrant(allow []Permission, environments, services []Glob, say func(string, ...any)) {
	if len(allow) == 0 {
		say("allow: want some of read, ingest and write")
	}
	for _, p := range allow {
		if !slices.Contains(Permissions(), p) {
			say("allow: want read, ingest or write")
		}
	}
	writes := slices.Contains(allow, Ingest) || slices.Contains(allow, Write)
	for _, n := range []struct {
		key   string
		globs []Glob
	}{{"environments", environments}, {"services", services}} {
		switch {
		case writes && len(n.globs) == 0:
			say(`%s: want names or globs, ["*"] for all`, n.key)
		case !writes && len(n.globs) > 0:
			say("%s: what may be read is not bounded: leave it out", n.key)
		case slices.ContainsFunc(n.globs, func(g Glob) bool { return !globForm.MatchString(string(g)) }):
			say("%s: want names in which * stands for any characters and ? for one, such as prod-*", n.key)
		}
	}
}

// secureURL reports whether what is answered there can be trusted: over TLS, or on this machine.
func secureURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && err == nil && ip.IsLoopback()
}
