package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// loopback is an issuer of OpenID Connect on this machine.
type loopback struct {
	*httptest.Server
	mu        sync.Mutex
	keys      []jose.JSONWebKey // public halves
	down      bool
	wantToken string // without which nothing is answered
	elsewhere string // the issuer that discovery names, "" for itself
	asked     int    // for keys
}

func newLoopback(t *testing.T, keys ...jose.JSONWebKey) *loopback {
	t.Helper()
	l := &loopback{}
	l.rotate(keys...)
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.down || l.wantToken != "" && r.Header.Get("Authorization") != "Bearer "+l.wantToken {
			http.Error(w, "no", http.StatusServiceUnavailable)
			return
		}
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			issuer := l.URL
			if l.elsewhere != "" {
				issuer = l.elsewhere
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": issuer, "jwks_uri": l.URL + "/keys"})
		case "/keys":
			l.asked++
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: l.keys})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *loopback) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *loopback) rotate(keys ...jose.JSONWebKey) {
	l.set(func() {
		l.keys = nil
		for _, k := range keys {
			l.keys = append(l.keys, k.Public())
		}
	})
}

func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: id, Algorithm: "RS256", Use: "sig"}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(s).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const audienceOfTest = "https://ledger.example.com"

// workflow are the claims of a workflow of GitHub Actions, with some that differ.
func workflow(l *loopback, differ map[string]any) map[string]any {
	claims := map[string]any{
		"iss": l.URL, "aud": audienceOfTest, "sub": "repo:shop/cart:ref:refs/heads/main",
		"repository": "shop/cart", "repository_owner_id": "42", "ref": "refs/heads/main", "runner_environment": "github-hosted",
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	for k, v := range differ {
		if v == nil {
			delete(claims, k)
			continue
		}
		claims[k] = v
	}
	return claims
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newKeeper(t *testing.T, l *loopback, more string) (*Keeper, *clock) {
	t.Helper()
	c := &clock{at: now}
	k, err := New(Options{Now: c.now, File: write(t, fmt.Sprintf(`
issuers:
  - name: github
    issuer: %s
    audience: %s%s
    grants:
      - claims: {repository: "shop/*", ref: refs/heads/main}
        allow: [write]
        environments: [prod]
        services: ["cart", "shop-*"]
      - claims: {repository: shop/cart}
        allow: [write]
        environments: [dev, dev-*]
        services: ["*"]
      - claims: {sub: "system:serviceaccount:argocd:*"}
        allow: [ingest]
        environments: ["*"]
        services: ["*"]
`, l.URL, audienceOfTest, more))})
	if err != nil {
		t.Fatal(err)
	}
	return k, c
}

func TestTokensOfAnIssuer(t *testing.T) {
	key := newKey(t, "one")
	l := newLoopback(t, key)
	k, _ := newKeeper(t, l, "")
	who, err := k.Identify(t.Context(), sign(t, jose.RS256, key, workflow(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if who.Via != "github:repo:shop/cart:ref:refs/heads/main" || !who.MayIn(Write, "cart", "prod") || !who.MayIn(Write, "any", "dev-7") ||
		who.MayIn(Write, "any", "prod") || who.May(Ingest) || who.May(Read) {
		t.Errorf("got %+v", who)
	}
	if who, err := k.Identify(t.Context(), sign(t, jose.RS256, key, workflow(l, map[string]any{"ref": "refs/heads/feature"}))); err != nil || who.MayIn(Write, "cart", "prod") || !who.MayIn(Write, "cart", "dev") {
		t.Errorf("a branch got %+v, %v", who, err)
	}
	account := workflow(l, map[string]any{"sub": "system:serviceaccount:argocd:notifications", "repository": nil, "ref": nil, "aud": []string{"other", audienceOfTest}})
	if who, err := k.Identify(t.Context(), sign(t, jose.RS256, key, account)); err != nil || who.Via != "github:system:serviceaccount:argocd:notifications" || !who.MayIn(Ingest, "x", "y") {
		t.Errorf("a service account got %+v, %v", who, err)
	}
	if l.asked != 1 {
		t.Errorf("keys were asked for %d times", l.asked)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	key, other := newKey(t, "one"), newKey(t, "one")
	l := newLoopback(t, key)
	k, _ := newKeeper(t, l, "")
	public, err := json.Marshal(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, jose.RS256, key, workflow(l, nil))
	parts := strings.Split(good, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	payload, err := json.Marshal(workflow(l, nil))
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: other.Key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	signedByItself, err := embedded.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	itself, err := signedByItself.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	with := func(differ map[string]any) string { return sign(t, jose.RS256, key, workflow(l, differ)) }
	for name, c := range map[string]struct{ raw, reason string }{
		"none":                      {encode(`{"alg":"none","kid":"one"}`) + "." + encode(string(payload)) + ".", Unknown},
		"none, with a signature":    {encode(`{"alg":"none","kid":"one"}`) + "." + parts[1] + "." + parts[2], Unknown},
		"None":                      {encode(`{"alg":"None"}`) + "." + parts[1] + ".", Unknown},
		"HS256 by the public key":   {sign(t, jose.HS256, public, workflow(l, nil)), Unknown},
		"another key":               {sign(t, jose.RS256, other, workflow(l, nil)), Unknown},
		"a key that it brings":      {itself, Unknown},
		"other payload":             {parts[0] + "." + encode(strings.Replace(string(payload), "shop/cart", "shop/evil", 1)) + "." + parts[2], Unknown},
		"no signature":              {parts[0] + "." + parts[1] + ".", Unknown},
		"algorithm of no key there": {sign(t, jose.PS256, key.Key, workflow(l, nil)), Unknown},
		"another issuer":            {with(map[string]any{"iss": "https://evil.example"}), Unknown},
		"another audience":          {with(map[string]any{"aud": "https://other.example"}), Unknown},
		"no audience":               {with(map[string]any{"aud": nil}), Unknown},
		"ended":                     {with(map[string]any{"exp": now.Add(-31 * time.Second).Unix()}), Expired},
		"without an end":            {with(map[string]any{"exp": nil}), Expired},
		"not yet":                   {with(map[string]any{"nbf": now.Add(6 * time.Minute).Unix()}), Unknown},
		"another repository":        {with(map[string]any{"repository": "evil/cart"}), Claims},
		"a repository in a list":    {with(map[string]any{"repository": map[string]any{"x": "shop/cart"}}), Claims},
		"no subject":                {with(map[string]any{"sub": nil}), Claims},
		"a subject with a line":     {with(map[string]any{"sub": "repo:shop/cart\nx"}), Claims},
		"a long subject":            {with(map[string]any{"sub": strings.Repeat("x", mostSubject+1)}), Claims},
	} {
		if who, err := k.Identify(t.Context(), c.raw); reason(err) != c.reason {
			t.Errorf("%s: got %+v, %v, want %s", name, who, err, c.reason)
		}
	}
	// Clocks differ a little.
	for name, raw := range map[string]string{
		"ended just now": with(map[string]any{"exp": now.Add(-29 * time.Second).Unix()}),
		"begins soon":    with(map[string]any{"nbf": now.Add(time.Minute).Unix()}),
	} {
		if _, err := k.Identify(t.Context(), raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherAlgorithms(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: "ec", Use: "sig"}
	l := newLoopback(t, jwk)
	k, _ := newKeeper(t, l, "")
	if _, err := k.Identify(t.Context(), sign(t, jose.ES256, jwk, workflow(l, nil))); err != nil {
		t.Error(err)
	}
	// An issuer that says no id of its key is understood too.
	if _, err := k.Identify(t.Context(), sign(t, jose.ES256, key, workflow(l, nil))); err != nil {
		t.Error(err)
	}
}

func TestRotationOfKeys(t *testing.T) {
	first, second, forged := newKey(t, "first"), newKey(t, "second"), newKey(t, "forged")
	l := newLoopback(t, first)
	k, c := newKeeper(t, l, "")
	accepted := func(key jose.JSONWebKey) bool {
		t.Helper()
		claims := workflow(l, map[string]any{"exp": c.now().Add(time.Minute).Unix(), "nbf": nil})
		_, err := k.Identify(t.Context(), sign(t, jose.RS256, key, claims))
		if err != nil && reason(err) == "" {
			t.Fatal(err)
		}
		return err == nil
	}
	if !accepted(first) || accepted(second) {
		t.Error("at first")
	}
	l.rotate(first, second)
	c.pass(keysPause)
	if !accepted(second) || !accepted(first) || l.asked != 2 {
		t.Errorf("the new key is not known, or was asked for %d times", l.asked)
	}
	// Tokens with made-up keys do not make the service ask at their pace.
	for range 20 {
		if accepted(forged) {
			t.Fatal("a forged key")
		}
	}
	c.pass(keysPause)
	for range 20 {
		accepted(forged)
	}
	if l.asked != 3 {
		t.Errorf("keys were asked for %d times", l.asked)
	}
	// A key that is taken back is not believed for ever.
	l.rotate(second)
	c.pass(keysFresh)
	if accepted(first) || !accepted(second) {
		t.Error("a key that was taken back is believed")
	}
}

func TestIssuerThatIsUnreachable(t *testing.T) {
	key := newKey(t, "one")
	l := newLoopback(t, key)
	l.set(func() { l.down = true })
	k, c := newKeeper(t, l, "")
	identify := func() error {
		claims := workflow(l, map[string]any{"exp": c.now().Add(time.Minute).Unix(), "nbf": nil})
		_, err := k.Identify(t.Context(), sign(t, jose.RS256, key, claims))
		return err
	}
	if err := identify(); !errors.Is(err, ErrIssuerUnavailable) {
		t.Errorf("got %v", err)
	}
	l.set(func() { l.down = false })
	if err := identify(); !errors.Is(err, ErrIssuerUnavailable) {
		t.Errorf("asked again at once: %v", err)
	}
	c.pass(keysPause)
	if err := identify(); err != nil {
		t.Error(err)
	}
	// What is known is believed for a while without it, and not longer.
	l.set(func() { l.down = true })
	c.pass(keysFresh - time.Second)
	if err := identify(); err != nil {
		t.Error(err)
	}
	c.pass(time.Second)
	if err := identify(); !errors.Is(err, ErrIssuerUnavailable) {
		t.Errorf("got %v", err)
	}
	// That a client goes is no failure of the issuer, for whoever comes next.
	l.set(func() { l.down = false })
	c.pass(keysPause)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = k.Identify(gone, sign(t, jose.RS256, key, workflow(l, map[string]any{"exp": c.now().Add(time.Minute).Unix()})))
	if err := identify(); err != nil {
		t.Error(err)
	}
	// Discovery that answers for another.
	l.set(func() { l.elsewhere = "https://evil.example" })
	c.pass(keysFresh)
	if err := identify(); !errors.Is(err, ErrIssuerUnavailable) {
		t.Errorf("got %v", err)
	}
}

// As the API server of Kubernetes has it: its keys are for whoever has a token.
func TestIssuerThatWantsAToken(t *testing.T) {
	key := newKey(t, "one")
	l := newLoopback(t, key)
	l.set(func() { l.wantToken = "of-the-pod" })
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("of-the-pod\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, _ := newKeeper(t, l, "\n    token_file: "+file)
	if _, err := k.Identify(t.Context(), sign(t, jose.RS256, key, workflow(l, nil))); err != nil {
		t.Error(err)
	}
	direct, _ := newKeeper(t, l, "\n    token_file: "+file+"\n    keys: "+l.URL+"/keys")
	if _, err := direct.Identify(t.Context(), sign(t, jose.RS256, key, workflow(l, nil))); err != nil {
		t.Error(err)
	}
	// It is not for a host that an answer names.
	var leaked string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked = r.Header.Get("Authorization") }))
	t.Cleanup(thief.Close)
	set := &keySet{issuer: l.URL, client: thief.Client(), tokenFile: file, now: time.Now}
	_ = set.read(t.Context(), thief.URL, &struct{}{})
	if leaked != "" {
		t.Error("the token went to another host")
	}
}
