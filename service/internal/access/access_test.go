package access

import (
	"errors"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, text string
		want       bool
	}{
		{"*", "", true}, {"*", "prod", true}, {"", "", true}, {"", "a", false}, {"prod", "prod", true}, {"prod", "prod-eu", false},
		{"prod-*", "prod-eu", true}, {"prod-*", "prod", false}, {"*-eu", "prod-eu", true}, {"p?od", "prod", true}, {"p?od", "pood-", false},
		{"repo:shop/*:ref:refs/heads/main", "repo:shop/cart:ref:refs/heads/main", true}, {"a*b*c", "aXbXbXc", true}, {"a*b", "abx", false},
		{"[a-z]", "b", false}, {"[a-z]", "[a-z]", true}, {`\*`, `\x`, true}, {"?", "é", true}, {"Prod", "prod", false},
		{strings.Repeat("a*", 50) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := Glob(c.glob).Match(c.text); got != c.want {
			t.Errorf("%q and %q: got %t", c.glob, c.text, got)
		}
	}
}

// Two grants allow what each allows, and not what they would together.
func TestGrantsDoNotAddUp(t *testing.T) {
	who := Identity{Grants: []Grant{
		{[]Permission{Write}, []Glob{"dev"}, []Glob{"*"}},
		{[]Permission{Write, Ingest}, []Glob{"prod"}, []Glob{"shop"}},
		{[]Permission{Read}, nil, nil},
	}}
	for _, c := range []struct {
		p                    Permission
		service, environment string
		want                 bool
	}{
		{Write, "shop", "prod", true}, {Write, "cart", "prod", false}, {Write, "cart", "dev", true}, {Ingest, "cart", "dev", false},
		{Ingest, "shop", "prod", true}, {Read, "shop", "prod", false}, {Write, "", "", false},
	} {
		if got := who.MayIn(c.p, c.service, c.environment); got != c.want {
			t.Errorf("%+v: got %t", c, got)
		}
	}
	if !who.May(Read) || (Identity{}).May(Read) {
		t.Error("read")
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "access.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func reason(err error) string {
	if d, ok := errors.AsType[*Denied](err); ok {
		return d.Reason
	}
	return ""
}

func TestTokens(t *testing.T) {
	name := write(t, `
tokens:
  - name: argocd
    sha256: `+SumOf("argocd-token")+`
    expires: 2026-11-20T12:00:01Z
    allow: [ingest]
    environments: [prod, prod-*]
    services: ["*"]
  - {name: late, sha256: `+SumOf("late-token")+`, expires: 2026-11-20T12:00:00Z, allow: [read]}
  - {name: narrowed, sha256: `+SumOf("everything")+`, expires: never, allow: [read]}
  - {name: github, secret: a-secret-of-github, expires: never, allow: [ingest], environments: [dev], services: [shop]}
`)
	k, err := New(Options{File: name, Tokens: []string{"everything", "the-old-one"}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	who, err := k.Identify(t.Context(), "argocd-token")
	if err != nil || who.Via != "token:argocd" || !who.MayIn(Ingest, "shop", "prod-eu") || who.MayIn(Ingest, "shop", "dev") || who.May(Write) || who.May(Read) {
		t.Errorf("got %+v, %v", who, err)
	}
	// Who names a token that the variable has too means the narrower.
	if who, err := k.Identify(t.Context(), "everything"); err != nil || who.Via != "token:narrowed" || who.May(Write) {
		t.Errorf("got %+v, %v", who, err)
	}
	if who, err := k.Identify(t.Context(), "the-old-one"); err != nil || who.Via != "token:unnamed" || !who.MayIn(Write, "any", "where") || !who.May(Read) {
		t.Errorf("got %+v, %v", who, err)
	}
	for credential, want := range map[string]string{
		"late-token": Expired, "nobody": Unknown, "": Unknown, SumOf("argocd-token"): Unknown, "argocd-token ": Unknown, "a.b.c": Unknown,
	} {
		if _, err := k.Identify(t.Context(), credential); reason(err) != want {
			t.Errorf("%q: got %v, want %s", credential, err, want)
		}
	}
	if !k.Signs() || k.Empty() {
		t.Error("it knows a secret")
	}
}

func TestReload(t *testing.T) {
	entry := "tokens: [{name: one, sha256: " + SumOf("one") + ", expires: never, allow: [read]}]"
	name := write(t, entry)
	k, err := New(Options{File: name})
	if err != nil {
		t.Fatal(err)
	}
	step := func(content string, wantChanged, wantErr, knows bool) {
		t.Helper()
		if content == "" {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		changed, err := k.Reload()
		if changed != wantChanged || (err != nil) != wantErr {
			t.Errorf("%q: got %t, %v", content, changed, err)
		}
		if _, err := k.Identify(t.Context(), "one"); (err == nil) != knows {
			t.Errorf("%q: knows the token: %v", content, err)
		}
	}
	step(entry, false, false, true)
	step("tokens: [{name: on", false, true, true) // what held holds on
	step("tokens: [{name: on", false, false, true)
	step("tokens: []", true, false, false)
	step(entry, true, false, true)
	step("\n", true, false, false)
	step("\n", false, false, false)
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := k.Reload(); changed != want || err != nil {
			t.Errorf("an empty file: got %t, %v, want %t", changed, err, want)
		}
	}
	step(entry, true, false, true)
	step("", true, false, false) // who takes the file away takes back what it gave
	step(entry, true, false, true)
	if _, err := New(Options{File: filepath.Join(t.TempDir(), "absent")}); err != nil {
		t.Error(err)
	}
	if _, err := New(Options{File: write(t, "tokens: 1")}); err == nil {
		t.Error("started with a file that is not valid")
	}
	if _, err := New(Options{Tokens: []string{""}}); err == nil {
		t.Error("took an empty token")
	}
}

func TestFileFaults(t *testing.T) {
	sum := SumOf("x")
	for _, c := range []struct{ name, content, want string }{
		{"no YAML", "tokens: [", "line 1: did not find expected node content"},
		{"unknown key", "tokens:\n- {name: a, hash: x}", "line 2: field hash not found"},
		{"wrong kind", "tokens:\n- {name: [hunter2]}", "line 2: a value of the wrong kind"},
		{"two documents", "tokens: []\n---\ntokens: []", "a second document, want one"},
		{"no name", "tokens:\n- {sha256: " + sum + ", expires: never, allow: [read]}", "line 2: token without a name: name: want up to 63 of a-z, 0-9 and -"},
		{"reserved", "tokens: [{name: unnamed, sha256: " + sum + ", expires: never, allow: [read]}]", "line 1: token unnamed: the name is taken"},
		{"no token", "tokens: [{name: a, expires: never, allow: [read]}]", "line 1: token a: want sha256, or secret in its place"},
		{"token in plain", "tokens: [{name: a, sha256: hunter2, expires: never, allow: [read]}]", "line 1: token a: sha256 is not 64 lower-case hexadecimal digits: the SHA-256 of the token"},
		{"short secret", "tokens: [{name: a, secret: hunter2, expires: never, allow: [read]}]", "line 1: token a: want a secret of at least 16 letters, digits or -._~+/="},
		{"no end", "tokens: [{name: a, sha256: " + sum + ", allow: [read]}]", "line 1: token a: expires: want a time of RFC 3339, such as 2027-06-30T00:00:00Z, or never"},
		{"nothing allowed", "tokens: [{name: a, sha256: " + sum + ", expires: never}]", "line 1: token a: allow: want some of read, ingest and write"},
		{"everywhere by silence", "tokens: [{name: a, sha256: " + sum + `, expires: never, allow: [write], services: ["*"]}]`, `line 1: token a: environments: want names or globs, ["*"] for all`},
		{"bounded reading", "tokens: [{name: a, sha256: " + sum + ", expires: never, allow: [read], services: [a]}]", "line 1: token a: services: what may be read is not bounded: leave it out"},
		{"glob", "tokens: [{name: a, sha256: " + sum + ", expires: never, allow: [write], services: [a], environments: ['[a]']}]", "line 1: token a: environments: want names in which * stands for any characters and ? for one, such as prod-*"},
		{"one token twice", "tokens:\n- {name: a, sha256: " + sum + ", expires: never, allow: [read]}\n- {name: b, sha256: " + sum + ", expires: never, allow: [read]}", "line 3: token b: is the same token as a"},
		{"plain HTTP", "issuers: [{name: a, issuer: 'http://x', audience: l, grants: [{claims: {sub: b}, allow: [read]}]}]", "line 1: issuer a: issuer: want a URL that begins with https://"},
		{"no audience", "issuers: [{name: a, issuer: 'https://x', grants: [{claims: {sub: b}, allow: [read]}]}]", "line 1: issuer a: audience is required: without one, tokens that were made for others would be accepted"},
		{"no claims", "issuers: [{name: a, issuer: 'https://x', audience: l, grants: [{claims: {sub: '*'}, allow: [read]}]}]", "line 1: issuer a: grant 1: want claims: without, every token that the issuer signs would be accepted"},
		{"everybody's workflows", "issuers: [{name: a, issuer: '" + githubActions + "', audience: l, grants: [{claims: {ref: refs/heads/main, repository: '*'}, allow: [read]}]}]",
			"line 1: issuer a: grant 1: want one of the claims repository, sub, workflow_ref as far as the owner's / without * and ?, or one of repository_id, repository_owner, " +
				"repository_owner_id, enterprise, enterprise_id whole: without, everybody's workflows would be accepted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := parse("f", []byte(c.content))
			bad, ok := errors.AsType[*Invalid](err)
			if !ok || !slices.Contains(bad.Faults, c.want) && !strings.HasPrefix(bad.Faults[0], c.want) {
				t.Fatalf("got %v\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a secret shows")
			}
		})
	}
}

// A glob that bounds something need not bound whose workflow it is.
func TestGrantsToWorkflowsAreOfOneOwner(t *testing.T) {
	for claims, want := range map[string]bool{
		"repository: shop/cart":                                   true,
		"repository: 'shop/*'":                                    true,
		"repository: '*/cart'":                                    false,
		"repository: 'sho?/cart'":                                 false,
		"repository: 'shop*'":                                     false,
		"sub: 'repo:shop/cart:ref:refs/heads/main'":               true,
		"sub: 'repo:shop/*'":                                      true,
		"sub: 'repo:*'":                                           false,
		"sub: 'repo:*:environment:prod'":                          false,
		"workflow_ref: 'shop/cart/.github/workflows/*'":           true,
		"job_workflow_ref: shop/cart/.github/workflows/a.yaml@v1": false,
		"job_workflow_ref: shop/cart/.github/workflows/a.yaml@v1, repository_owner: shop": true,
		"repository_owner: shop":     true,
		"repository_owner: 'sh*'":    false,
		"repository_owner_id: '42'":  true,
		"repository_owner_id: '4?'":  false,
		"enterprise: shop":           true,
		"ref: refs/heads/main":       false,
		"repository: '/cart'":        false,
		"repository: ''":             false,
		"repository_owner_id: '4*2'": false,
	} {
		_, _, err := parse("f", []byte("issuers: [{name: a, issuer: '"+githubActions+"', audience: l, grants: [{claims: {"+claims+"}, allow: [read]}]}]"))
		if (err == nil) != want {
			t.Errorf("%s: got %v", claims, err)
		}
	}
	for claims, want := range map[string]bool{
		"project_path: shop/cart":                             true,
		"project_path: '*/cart'":                              false,
		"namespace_path: shop":                                true,
		"namespace_path: 'shop/*'":                            true,
		"namespace_path: 'shop*'":                             false,
		"sub: 'project_path:shop/*:ref_type:branch:ref:main'": true,
		"sub: 'project_path:*'":                               false,
		"project_id: '22'":                                    true,
		"ref: main, ref_protected: 'true'":                    false,
	} {
		_, _, err := parse("f", []byte("issuers: [{name: a, issuer: '"+gitlab+"', audience: l, grants: [{claims: {"+claims+"}, allow: [read]}]}]"))
		if (err == nil) != want {
			t.Errorf("%s: got %v", claims, err)
		}
	}
}

// FuzzParse holds that nothing panics, and that what is accepted opens no door that the file does not name.
func FuzzParse(f *testing.F) {
	f.Add("tokens: [{name: a, sha256: " + SumOf("x") + ", expires: never, allow: [read]}]\nissuers: []")
	f.Add("issuers: [{name: a, issuer: 'https://x', audience: l, grants: [{claims: {sub: b}, allow: [read]}]}]")
	f.Add("tokens: &a [*a]")
	f.Fuzz(func(t *testing.T, content string) {
		_, p, err := parse("f", []byte(content))
		if err != nil {
			if bad, ok := errors.AsType[*Invalid](err); !ok || len(bad.Faults) == 0 {
				t.Fatalf("got %v", err)
			}
			return
		}
		for _, token := range p.tokens {
			if token.sum == ([32]byte{}) || token.as.MayIn(Write, "", "") && len(token.as.Grants[0].Services) == 0 {
				t.Errorf("accepted %+v", token)
			}
		}
	})
}

func TestFailuresAreHeldBack(t *testing.T) {
	f := NewFailures()
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range failuresAtOnce {
		if wait := f.Failed(a, now); wait != 0 {
			t.Fatalf("failure %d is to wait %v", i, wait)
		}
	}
	for range 3 {
		if wait := f.Failed(a, now); wait != failuresEvery {
			t.Errorf("got %v, want %v", wait, failuresEvery)
		}
	}
	if f.Failed(b, now) != 0 || f.Failed(a, now.Add(failuresEvery)) != 0 || f.Failed(netip.Addr{}, now) != 0 {
		t.Error("others wait, or for ever")
	}
	// Neighbours in one network of IPv6 are one.
	for i := range failuresAtOnce + 1 {
		next := netip.MustParseAddr("2001:db8::1")
		for range i {
			next = next.Next()
		}
		if wait := f.Failed(next, now); (wait > 0) != (i == failuresAtOnce) {
			t.Errorf("failure %d: %v", i, wait)
		}
	}
	// However many addresses there are, memory is bounded.
	next := netip.MustParseAddr("10.0.0.0")
	for range 3 * mostAddresses {
		next = next.Next()
		f.Failed(next, now)
	}
	if len(f.at) != mostAddresses || f.recent.Len() != mostAddresses {
		t.Errorf("%d and %d are kept", len(f.at), f.recent.Len())
	}
}

func TestClientOf(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"direct", "192.0.2.1:4711", nil, "192.0.2.1"},
		{"who is no proxy says nothing", "192.0.2.1:4711", []string{"198.51.100.1"}, "192.0.2.1"},
		{"proxy", "10.0.0.1:4711", []string{"192.0.2.1"}, "192.0.2.1"},
		{"made up on the left", "10.0.0.1:4711", []string{"198.51.100.1, 192.0.2.1"}, "192.0.2.1"},
		{"made up to look like a proxy", "10.0.0.1:4711", []string{"198.51.100.1, 10.1.1.1, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies", "10.0.0.1:4711", []string{"198.51.100.1, 192.0.2.1, 10.0.0.2"}, "192.0.2.1"},
		{"two headers", "10.0.0.1:4711", []string{"198.51.100.1", "192.0.2.1"}, "192.0.2.1"},
		{"ports and brackets", "[fd00::1]:4711", []string{"[2001:db8::1]:99, 10.0.0.2:1"}, "2001:db8::1"},
		{"mapped", "[::ffff:10.0.0.1]:4711", []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"no address", "10.0.0.1:4711", []string{"192.0.2.1, unknown"}, "10.0.0.1"},
		{"empty", "10.0.0.1:4711", []string{""}, "10.0.0.1"},
		{"proxies alone", "10.0.0.1:4711", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"no remote", "@", []string{"192.0.2.1"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := ClientOf(r, trusted).String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNewTokens(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a == b || !ValidToken(a) || len(a) != len("ledger_")+43 {
		t.Errorf("got %q and %q", a, b)
	}
}
