package web

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/release"
)

const (
	signatureHeader = "X-Hub-Signature-256"
	// bodiesASlot is how many bodies may be on their way for each request that is served: they hold no slot, and yet memory.
	bodiesASlot = 4
	// maxUnsigned bounds the bodies of whoever is known only when all is there, which is how GitHub signs.
	maxUnsigned = 16
)

// needOf is what a request by a method to a path needs. A route that writes cannot be without.
func needOf(method, path string) access.Permission {
	switch {
	case method == http.MethodGet:
		return access.Read
	case strings.HasPrefix(path, pathWebhooks):
		return access.Ingest
	default:
		return access.Write
	}
}

// admit lets a request through to next when it may come in and all of it is there. Only then it counts as one that is being
// served: a client that is slow, or nobody's, keeps no one out.
func (a *API) admit(pattern string, next http.Handler) http.Handler {
	method, path, _ := strings.Cut(pattern, " ")
	need := needOf(method, path)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bodies := a.bodies
		switch {
		case need == access.Read && (!a.readsNeedToken || exempt(r)):
			next.ServeHTTP(w, r)
			return
		case pattern == patternGitHub && r.Header.Get(signatureHeader) != "" && a.access.Signs():
			// The body tells who it is, see signed.
			bodies = a.unsigned
		default:
			who, err := a.authorize(r, need)
			if err != nil {
				a.fail(w, r, err)
				return
			}
			r = r.WithContext(withIdentity(r.Context(), who))
		}
		if need != access.Read {
			body, err := a.takeBody(w, r, path, bodies)
			if err != nil {
				a.fail(w, r, err)
				return
			}
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

// takeBody reads the whole body of a request. What is wrong with its type is said by whoever reads it then.
func (a *API) takeBody(w http.ResponseWriter, r *http.Request, path string, bodies chan struct{}) (io.ReadCloser, error) {
	select {
	case bodies <- struct{}{}:
		defer func() { <-bodies }()
	default:
		return nil, codedProblem(codeOverloaded, "too many bodies are on their way at once").with("Retry-After", retryAfter)
	}
	limit := a.maxBody
	if strings.HasPrefix(path, pathWebhooks) {
		limit = maxEvent
	}
	data, err := readAll(w, r, limit)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

type identityKey struct{}

// withIdentity makes who the one that a request comes from, and that the ledger records it through.
func withIdentity(ctx context.Context, who access.Identity) context.Context {
	return release.WithVia(context.WithValue(ctx, identityKey{}, who), who.Via)
}

// identityOf is whose request it is. The zero Identity may do nothing.
func identityOf(ctx context.Context) access.Identity {
	who, _ := ctx.Value(identityKey{}).(access.Identity)
	return who
}

// authorize returns whose request r is, if it may do what it needs.
func (a *API) authorize(r *http.Request, need access.Permission) (access.Identity, error) {
	if a.access.Empty() {
		return access.Identity{}, codedProblem(codeNoTokens, "no token is configured, so nothing that needs one can be done")
	}
	credential, err := credentialOf(r, need)
	if err != nil {
		return access.Identity{}, err
	}
	who, err := a.access.Identify(r.Context(), credential)
	if err != nil {
		return access.Identity{}, a.refused(r, need, err)
	}
	if !who.May(need) {
		return access.Identity{}, codedProblem(codePermissionMissing, who.Via+" has not the permission "+string(need))
	}
	return who, nil
}

// credentialOf is the token that r brings: as a bearer, or, to read, as the password of Basic, which is what a browser asks a
// person for. Basic does not write: a browser adds it by itself, whichever page makes it ask.
func credentialOf(r *http.Request, need access.Permission) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", challenge(r, need, codedProblem(codeTokenRequired, "the request needs a token"), "")
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	if len(values) == 1 && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimLeft(credential, " "), nil
	}
	if _, password, ok := r.BasicAuth(); ok && len(values) == 1 && need == access.Read {
		return password, nil
	}
	return "", challenge(r, need, codedProblem(codeTokenInvalid, "the request needs one Authorization header, with a bearer token"), "invalid_request")
}

// challenge says how a token is sent: to a browser, so that it asks for one.
func challenge(r *http.Request, need access.Permission, p *problem, why string) *problem {
	if need == access.Read && !strings.HasPrefix(r.URL.Path, "/v1/") {
		return p.with("WWW-Authenticate", `Basic realm="releases", charset="UTF-8"`)
	}
	value := `Bearer realm="releases"`
	if why != "" {
		value += `, error="` + why + `"`
	}
	return p.with("WWW-Authenticate", value)
}

// refused is the problem of a credential that was not accepted. Who fails often is told to wait, and is logged no more than
// it is told otherwise. A credential that is good is accepted whatever its address did: others may share it.
func (a *API) refused(r *http.Request, need access.Permission, err error) error {
	d, ok := errors.AsType[*access.Denied](err)
	if !ok {
		if errors.Is(err, access.ErrIssuerUnavailable) {
			// Not by request: anybody can make a token that only the issuer could refuse.
			a.issuerTrouble.Do(func() {
				a.log.ErrorContext(r.Context(), "tokens of an issuer cannot be judged", slog.Any("error", err))
			})
			return codedProblem(codeIssuerUnavailable, "the issuer of the token cannot be asked for its keys").with("Retry-After", issuerRetryAfter)
		}
		return err
	}
	from := access.ClientOf(r, a.trustedProxies)
	if wait := a.failures.Failed(from, a.now()); wait > 0 {
		return codedProblem(codeTooManyFailures, "too many requests from this address had no token that is known").
			with("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	a.log.WarnContext(r.Context(), "credential refused", slog.String("client.address", from.String()), slog.String("route", route(r)),
		slog.String("reason", d.Reason), slog.String("detail", d.Detail))
	switch d.Reason {
	case access.Claims:
		return codedProblem(codeClaimsNotGranted, d.Detail)
	case access.Expired:
		return challenge(r, need, codedProblem(codeTokenExpired, d.Detail), "invalid_token")
	default:
		return challenge(r, need, codedProblem(codeTokenInvalid, d.Detail), "invalid_token")
	}
}

const (
	// issuerRetryAfter is in seconds: an issuer is not asked more often than that.
	issuerRetryAfter = "10"
	// issuerTroubleEvery is how often the log says that an issuer cannot be asked.
	issuerTroubleEvery = 10 * time.Second
)

// signed returns ctx with whoever signed the body of r, for a request that admit let in without a token.
func (a *API) signed(r *http.Request, data []byte) (context.Context, error) {
	sum, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get(signatureHeader), "sha256="))
	if err != nil {
		sum = nil
	}
	who, err := a.access.Signer(data, sum)
	if err != nil {
		return nil, a.refused(r, access.Ingest, err)
	}
	if !who.May(access.Ingest) {
		return nil, codedProblem(codePermissionMissing, who.Via+" has not the permission "+string(access.Ingest))
	}
	return withIdentity(r.Context(), who), nil
}

// within reports that the identity of ctx may not do that with the service in the environment, or nil.
func within(ctx context.Context, p access.Permission, service, environment string) error {
	who := identityOf(ctx)
	if who.MayIn(p, service, environment) {
		return nil
	}
	return codedProblem(codeOutOfScope, who.Via+" may not "+string(p)+" releases of "+strconv.Quote(service)+" in "+strconv.Quote(environment))
}
