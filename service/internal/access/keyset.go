package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysFresh is how long keys are believed: one that an issuer takes back is refused after that.
	keysFresh = time.Hour
	// keysPause is the least time between two questions, whatever is sent: tokens with made-up keys cannot make the service
	// ask an issuer at their pace. A key that an issuer signs with at once is known after that.
	keysPause = 10 * time.Second
	// askTimeout is how long an issuer may take to answer.
	askTimeout = 5 * time.Second
	mostAnswer = 1 << 20
)

// algorithms are those by which a signature is believed: those with a public key. None and those with a shared key are not
// among them.
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512, jose.PS256, jose.PS384, jose.PS512, jose.EdDSA}
}

// keySet is the keys of one issuer. It is an oidc.KeySet. That of go-oidc asks at every key that it does not know, and
// believes the keys that it knows for ever.
type keySet struct {
	issuer    string
	url       string // "" where discovery tells it
	client    *http.Client
	tokenFile string
	now       func() time.Time

	asking sync.Mutex // held by the one who asks

	mu    sync.Mutex // of what follows, never for long
	keys  []jose.JSONWebKey
	had   time.Time // when keys were had
	asked time.Time
	err   error // of the last question
}

// VerifySignature implements oidc.KeySet. The error wraps ErrIssuerUnavailable where the keys cannot be had.
func (k *keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(raw, algorithms())
	if err != nil {
		return nil, errors.New("the token is not signed by an algorithm with a public key")
	}
	id := signed.Signatures[0].Header.KeyID
	keys, err := k.get(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Use != "" && key.Use != "sig" || !key.IsPublic() {
			continue
		}
		if id != "" && key.KeyID != id || key.Algorithm != "" && key.Algorithm != signed.Signatures[0].Header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(&key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("the token is not signed by a key of its issuer")
}

// get returns the keys, fresh, and asked for anew where none has the id.
func (k *keySet) get(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	if keys, ok := k.known(id); ok {
		return keys, nil
	}
	// Who asks is waited for: what it learns is what the others need. Tokens with keys that are known do not wait.
	k.asking.Lock()
	defer k.asking.Unlock()
	if keys, ok := k.known(id); ok {
		return keys, nil
	}
	now := k.now()
	k.mu.Lock()
	due := k.asked.IsZero() || now.Sub(k.asked) >= keysPause
	k.mu.Unlock()
	if due {
		// Not within the request's own time: that its client goes would be told to all who come within the pause.
		ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		keys, err := k.ask(ask)
		cancel()
		k.mu.Lock()
		if k.asked, k.err = now, err; err == nil {
			k.keys, k.had = keys, now
		}
		k.mu.Unlock()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrIssuerUnavailable, k.issuer, k.err)
	}
	// Asked within the pause, and the answer has not the key.
	return k.keys, nil
}

// known returns the keys if they are fresh and one has the id; of a token without one, any may be meant.
func (k *keySet) known(id string) ([]jose.JSONWebKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.had.IsZero() || k.now().Sub(k.had) >= keysFresh {
		return nil, false
	}
	return k.keys, id == "" || slices.ContainsFunc(k.keys, func(key jose.JSONWebKey) bool { return key.KeyID == id })
}

func (k *keySet) ask(ctx context.Context) ([]jose.JSONWebKey, error) {
	at := k.url
	if at == "" {
		var found struct {
			Issuer string `json:"issuer"`
			Keys   string `json:"jwks_uri"`
		}
		if err := k.read(ctx, strings.TrimSuffix(k.issuer, "/")+"/.well-known/openid-configuration", &found); err != nil {
			return nil, err
		}
		if found.Issuer != k.issuer {
			return nil, fmt.Errorf("discovery answers for another issuer, %q", found.Issuer)
		}
		if !secureURL(found.Keys) {
			return nil, errors.New("discovery names keys that do not come over https")
		}
		at = found.Keys
	}
	var set jose.JSONWebKeySet
	if err := k.read(ctx, at, &set); err != nil {
		return nil, err
	}
	if len(set.Keys) == 0 {
		return nil, errors.New("the key set is empty")
	}
	return set.Keys, nil
}

func (k *keySet) read(ctx context.Context, from string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	// The token is for the hosts that the file names, and not for one that an answer names.
	if k.tokenFile != "" && (sameHost(from, k.issuer) || sameHost(from, k.url)) {
		content, err := os.ReadFile(k.tokenFile)
		if err != nil {
			return fmt.Errorf("read the token to ask the issuer with: %w", err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(content)))
	}
	answer, err := k.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", from, answer.Status)
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, v); err != nil {
		return fmt.Errorf("GET %s: the answer is not JSON of the kind that is expected", from)
	}
	return nil
}

func sameHost(a, b string) bool {
	x, errX := url.Parse(a)
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && x.Host == y.Host
}

// clientOf makes the client that asks an issuer. It follows nowhere: an issuer answers itself.
func clientOf(caFile string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if caFile != "" {
		content, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read ca_file: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("read ca_file: %s holds no certificate", caFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}, nil
}
