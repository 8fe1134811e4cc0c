package access

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// skew is how far the clocks of an issuer and of the service may be apart at the end of a token. At its beginning, go-oidc
// allows five minutes less this.
const skew = 30 * time.Second

// mostSubject bounds what is recorded of a subject.
const mostSubject = 384

// issuer accepts the tokens that one issuer signs for one audience.
type issuer struct {
	entry  issuerEntry
	keys   *keySet
	grants []Grant // of entry.Grants, in their order
	config oidc.Config
}

func newIssuer(e issuerEntry, now func() time.Time, instrument func(http.RoundTripper) http.RoundTripper) (*issuer, error) {
	client, err := clientOf(e.CAFile)
	if err != nil {
		return nil, err
	}
	if instrument != nil {
		client.Transport = instrument(client.Transport)
	}
	i := &issuer{
		entry: e,
		keys:  &keySet{issuer: e.Issuer, url: e.Keys, client: client, tokenFile: e.TokenFile, now: now},
		config: oidc.Config{
			ClientID: e.Audience,
			Now:      func() time.Time { return now().Add(-skew) },
		},
	}
	for _, a := range algorithms() {
		i.config.SupportedSigningAlgs = append(i.config.SupportedSigningAlgs, string(a))
	}
	for _, g := range e.Grants {
		i.grants = append(i.grants, Grant{g.Allow, g.Environments, g.Services})
	}
	return i, nil
}

// told is what an unverified token says of itself. It decides who is asked, and nothing else.
type told struct {
	Issuer   string   `json:"iss"`
	Audience audience `json:"aud"`
}

type audience []string

func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

// toldBy reads what credential says of itself, if it has the form of a signed token.
func toldBy(credential string) (t told, ok bool) {
	parts := strings.Split(credential, ".")
	if len(parts) != 3 {
		return t, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return t, err == nil && json.Unmarshal(payload, &t) == nil && t.Issuer != ""
}

// keptError keeps what a KeySet said: go-oidc hands on its text alone.
type keptError struct {
	*keySet
	err error
}

func (k *keptError) VerifySignature(ctx context.Context, raw string) (payload []byte, err error) {
	payload, k.err = k.keySet.VerifySignature(ctx, raw)
	return payload, k.err
}

// identify returns who a token is of. The error is a *Denied or wraps ErrIssuerUnavailable.
func (i *issuer) identify(ctx context.Context, raw string) (Identity, error) {
	// Before anything is believed of it or anybody asked for it.
	if _, err := jose.ParseSignedCompact(raw, algorithms()); err != nil {
		return Identity{}, denied(Unknown, "the token is not signed by an algorithm with a public key")
	}
	keys := &keptError{keySet: i.keys}
	verified, err := oidc.NewVerifier(i.entry.Issuer, keys, &i.config).Verify(ctx, raw)
	if errors.Is(keys.err, ErrIssuerUnavailable) {
		return Identity{}, keys.err
	}
	if _, expired := errors.AsType[*oidc.TokenExpiredError](err); expired {
		return Identity{}, denied(Expired, "the token has expired")
	}
	if err != nil {
		return Identity{}, denied(Unknown, "the token is not one that issuer %s signed for this service", i.entry.Name)
	}
	claims := map[string]any{}
	if err := verified.Claims(&claims); err != nil {
		return Identity{}, denied(Unknown, "the claims of the token cannot be read")
	}
	if !recordable(verified.Subject) {
		return Identity{}, denied(Claims, "the token has no subject that can be recorded")
	}
	who := Identity{Via: i.entry.Name + ":" + verified.Subject}
	for n, g := range i.entry.Grants {
		if claimed(g.Claims, claims) {
			who.Grants = append(who.Grants, i.grants[n])
		}
	}
	if len(who.Grants) == 0 {
		return Identity{}, denied(Claims, "the claims of the token are those of no grant of issuer %s", i.entry.Name)
	}
	return who, nil
}

func recordable(subject string) bool {
	return subject != "" && utf8.ValidString(subject) && utf8.RuneCountInString(subject) <= mostSubject &&
		strings.TrimSpace(subject) == subject && !strings.ContainsFunc(subject, func(r rune) bool { return !unicode.IsPrint(r) })
}

// claimed reports whether claims are as each of wanted says. A claim of several values is, where one of them is.
func claimed(wanted map[string]Glob, claims map[string]any) bool {
	for name, glob := range wanted {
		values, several := claims[name].([]any)
		if !several {
			values = []any{claims[name]}
		}
		found := false
		for _, v := range values {
			switch v := v.(type) {
			case string:
				found = found || glob.Match(v)
			case bool:
				found = found || glob.Match(strconv.FormatBool(v))
			case float64:
				found = found || v == float64(int64(v)) && glob.Match(strconv.FormatInt(int64(v), 10))
			}
		}
		if !found {
			return false
		}
	}
	return true
}
