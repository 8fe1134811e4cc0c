// Package ledger asks the release ledger of service/ when a version was deployed, and how that ended.
package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// TokenVariable is the variable of the environment that holds the bearer token, for a ledger whose readers need one.
const TokenVariable = "KGATE_LEDGER_TOKEN"

// Limits of a question.
const (
	timeout   = 15 * time.Second
	maxAnswer = 1 << 20 // bytes
)

// Client asks one ledger.
type Client struct {
	URL   string // https://ledger.example.com
	Token string // "" for none

	HTTP *http.Client // nil for one with timeouts
}

// Release is the last deployment of a version in an environment.
type Release struct {
	Outcome string    // started, succeeded, failed, rolled_back, removed or timed_out
	At      time.Time // when it succeeded, or when it came to its outcome
}

// Succeeded reports a release that runs.
func (r Release) Succeeded() bool { return r.Outcome == "succeeded" }

// answer is a page of GET /v1/releases, of which the ledger's openapi.json tells.
type answer struct {
	Releases []struct {
		Service     string     `json:"service"`
		Environment string     `json:"environment"`
		Version     string     `json:"version"`
		Outcome     string     `json:"outcome"`
		StartedAt   *time.Time `json:"started_at"`
		FinishedAt  *time.Time `json:"finished_at"`
		SucceededAt *time.Time `json:"succeeded_at"`
		RecordedAt  time.Time  `json:"recorded_at"`
	} `json:"releases"`
}

// Last is the last deployment of a version of a service to the stable track of an environment; false where the ledger knows none.
func (c Client) Last(ctx context.Context, service, environment, version string) (Release, bool, error) {
	fail := func(err error) (Release, bool, error) {
		return Release{}, false, fmt.Errorf("ask the release ledger %s: %w", c.URL, err)
	}
	at, err := url.Parse(c.URL)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" || at.User != nil {
		return fail(errors.New("it is no URL of http or https without a user"))
	}
	if c.Token != "" && at.Scheme != "https" && !local(at.Hostname()) {
		return fail(fmt.Errorf("%s is set and would be readable on the way: name a URL of https", TokenVariable))
	}
	at = at.JoinPath("v1", "releases")
	// Not of a sync that changed the configuration alone: one that failed says nothing of the version.
	at.RawQuery = url.Values{"service": {service}, "environment": {environment}, "version": {version}, "track": {"stable"}, "kind": {"deployment"}, "limit": {"1"}}.Encode()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it takes longer than %s", timeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return fail(err)
	}
	request.Header.Set("Accept", "application/json")
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := c.HTTP
	if client == nil {
		client = newClient()
	}
	response, err := client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return fail(context.Cause(ctx))
		}
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err // the URL is said already
		}
		return fail(err)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if response.StatusCode != http.StatusOK {
		return fail(fmt.Errorf("it answers %s", response.Status))
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return fail(err)
	}
	if len(text) > maxAnswer {
		return fail(fmt.Errorf("the answer is longer than %d MB", maxAnswer>>20))
	}
	var page answer
	if err := json.Unmarshal(text, &page); err != nil {
		return fail(fmt.Errorf("the answer is no list of releases: %w", err))
	}
	if page.Releases == nil {
		return fail(errors.New("the answer is no list of releases"))
	}
	if len(page.Releases) == 0 {
		return Release{}, false, nil
	}
	r := page.Releases[0]
	if r.Service != service || r.Environment != environment || r.Version != version {
		return fail(fmt.Errorf("it was asked for %s %s in %s, and answers with %s %s in %s", service, version, environment, r.Service, r.Version, r.Environment))
	}
	when := cmp.Or(r.SucceededAt, r.FinishedAt, r.StartedAt, &r.RecordedAt)
	if r.Outcome != "succeeded" {
		when = cmp.Or(r.FinishedAt, r.StartedAt, &r.RecordedAt)
	}
	return Release{Outcome: strings.ToLower(r.Outcome), At: when.UTC()}, true, nil
}

func local(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

// newClient follows nobody elsewhere: a token is for the host that was named.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
		},
		CheckRedirect: func(to *http.Request, _ []*http.Request) error {
			return fmt.Errorf("it leads to %s: name that URL in kgate.yaml", to.URL.Host)
		},
	}
}
