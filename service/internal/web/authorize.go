package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// keyring holds the bearer tokens that may write. Only their hashes are kept: they all have one length, so that
// the comparison tells nothing about a token, and they can reach no log.
type keyring [][sha256.Size]byte

func newKeyring(tokens []string) keyring {
	var k keyring
	for _, t := range tokens {
		k = append(k, sha256.Sum256([]byte(t)))
	}
	return k
}

// authorize reports why r may not write, or nil. Every token is compared, whichever matches.
func (k keyring) authorize(r *http.Request) error {
	if len(k) == 0 {
		return newProblem(http.StatusForbidden, "no token is configured, so nothing can be written")
	}
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return newProblem(http.StatusUnauthorized, "writing needs a bearer token").
			with("WWW-Authenticate", `Bearer realm="releases"`)
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return newProblem(http.StatusUnauthorized, "writing needs one Authorization header, with a bearer token").
			with("WWW-Authenticate", `Bearer realm="releases", error="invalid_request"`)
	}
	sum := sha256.Sum256([]byte(strings.TrimLeft(token, " ")))
	match := 0
	for i := range k {
		match |= subtle.ConstantTimeCompare(k[i][:], sum[:])
	}
	if match == 0 {
		return newProblem(http.StatusUnauthorized, "the bearer token is not one that may write").
			with("WWW-Authenticate", `Bearer realm="releases", error="invalid_token"`)
	}
	return nil
}
