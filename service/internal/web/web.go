// Package web answers HTTP for the ledger: its API, its page for people, its health and the description of them all.
package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/link"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// scope is the name that spans and metrics of this package are filed under.
const scope = "github.com/kgate-dev/gitops/service/internal/web"

// Defaults of Options.
const (
	DefaultMaxConcurrency = 100
	DefaultRequestTimeout = 30 * time.Second
	DefaultMaxBody        = 64 << 10
	// maxEvent is for what others send by their own measure: a sync of an Application with hundreds of workloads.
	maxEvent = 1 << 20
)

// Options is what an API is made of. Ledger is required; everything else has a default.
type Options struct {
	Ledger release.Ledger
	// Access says who may do what. None: it is made of Tokens, which may do everything.
	Access *access.Keeper
	Tokens []string
	// ReadsNeedToken: also what is read needs a token, but for health.
	ReadsNeedToken bool
	// TrustedProxies are believed about whom they forward for.
	TrustedProxies []netip.Prefix
	// MaxConcurrency requests are served at once; the next is told to come back. Health is exempt. A fifth is kept for writes.
	MaxConcurrency int
	// RequestTimeout is the time that a request may take, down to its query.
	RequestTimeout time.Duration
	// MaxBody is the size of the largest body that is read, in bytes. Events may be larger.
	MaxBody int64
	// RetentionDays is what the page says of how long releases are kept; 0 for ever.
	RetentionDays int
	// Promotion is environments, by name or glob, in the order in which versions go through them: by it the page says what is
	// behind. None: it says nothing of it.
	Promotion []string
	// Links is where the page leads to from a release.
	Links link.Templates
	// Now is the clock; default time.Now.
	Now func() time.Time

	// Default: the global ones.
	Logger         *slog.Logger
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Propagator     propagation.TextMapPropagator
}

// API is the handler of the service's port.
type API struct {
	ledger         *sharing
	access         *access.Keeper
	failures       *access.Failures
	readsNeedToken bool
	trustedProxies []netip.Prefix
	maxBody        int64
	retention      int
	promotion      []string
	links          link.Templates
	pages          map[string]bool // the patterns that people ask for
	timeout        time.Duration
	now            func() time.Time
	log            *slog.Logger
	outages        *outages
	slots          chan struct{}
	reads          chan struct{} // of the slots, those that reads may take
	bodies         chan struct{} // that are on their way
	unsigned       chan struct{} // the same of whoever is not known yet
	issuerTrouble  rate.Sometimes
	draining       atomic.Bool
	mux            *http.ServeMux
	patterns       []string // of the routes, in their order
	chain          http.Handler
}

// New makes an API.
func New(o Options) (*API, error) {
	if o.Ledger == nil {
		return nil, errors.New("make the API: no ledger")
	}
	if o.Access == nil {
		k, err := access.New(access.Options{Tokens: o.Tokens, Now: o.Now})
		if err != nil {
			return nil, fmt.Errorf("make the API: %w", err)
		}
		o.Access = k
	}
	if o.MaxConcurrency < 0 || o.RequestTimeout < 0 || o.MaxBody < 0 {
		return nil, errors.New("make the API: a limit is negative")
	}
	if o.MaxConcurrency == 0 {
		o.MaxConcurrency = DefaultMaxConcurrency
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	if o.Propagator == nil {
		o.Propagator = otel.GetTextMapPropagator()
	}
	a := &API{
		ledger:         share(o.Ledger, o.RequestTimeout),
		access:         o.Access,
		failures:       access.NewFailures(),
		readsNeedToken: o.ReadsNeedToken,
		trustedProxies: o.TrustedProxies,
		maxBody:        o.MaxBody,
		retention:      o.RetentionDays,
		promotion:      o.Promotion,
		links:          o.Links,
		pages:          map[string]bool{},
		timeout:        o.RequestTimeout,
		now:            o.Now,
		log:            o.Logger,
		outages:        newOutages(o.Logger, o.Now),
		slots:          make(chan struct{}, o.MaxConcurrency),
		reads:          make(chan struct{}, max(1, o.MaxConcurrency-o.MaxConcurrency/5)),
		bodies:         make(chan struct{}, bodiesASlot*o.MaxConcurrency),
		unsigned:       make(chan struct{}, maxUnsigned),
		issuerTrouble:  rate.Sometimes{First: 1, Interval: issuerTroubleEvery},
		mux:            http.NewServeMux(),
	}
	a.routes()
	count, err := countActive(o.MeterProvider.Meter(scope))
	if err != nil {
		return nil, err
	}
	// From the outside in. The log line and the span see every answer, also those to panics and to shed requests;
	// a panic frees its slot before it is answered.
	trace := otelhttp.NewMiddleware("http.server",
		// Or server.address and server.port are what the Host header says, and every client can make series of its own.
		// The port is one that is not told.
		otelhttp.WithServerName("go-otlp-app:80"),
		otelhttp.WithTracerProvider(o.TracerProvider),
		otelhttp.WithMeterProvider(o.MeterProvider),
		otelhttp.WithPropagators(o.Propagator))
	a.chain = trace(a.nameClient(a.asRegistered(count(a.logRequests(secure(giveTimeToAnswer(a.recoverPanics(http.HandlerFunc(a.dispatch)))))))))
	return a, nil
}

const (
	pathWebhooks  = "/v1/webhooks/"
	patternGitHub = "POST " + pathWebhooks + "github"
)

// routes is the list of all that the API serves.
func (a *API) routes() {
	a.handlePage(patternPage, a.showPage)
	a.handlePage("GET "+pathReleases, a.showReleases)
	a.handlePage("GET /releases/{id}", a.showRelease)
	a.handlePage("GET /services/{service}", a.showService)
	a.handlePage("GET /environments/{environment}", a.showEnvironment)
	a.handlePage("GET /running", a.showRunning)
	a.handle("GET "+pathAssets+"{name}", a.getAsset)
	a.handle("GET /badges/running/{service}/{environment}", a.getRunningBadge)
	a.handle("GET /badges/measures/{measure}", a.getMeasureBadge)
	a.handle("POST /v1/releases", a.recordRelease)
	a.handle("GET /v1/releases", a.listReleases)
	a.handle("GET "+pathReleasesCSV, a.writeReleasesCSV)
	a.handle("GET /v1/releases/{id}", a.getRelease)
	a.handle("PATCH /v1/releases/{id}", a.moveRelease)
	a.handle("GET /v1/environments", a.listEnvironments)
	a.handle("GET /v1/environments.csv", a.writeRunningCSV)
	a.handle("GET /v1/dora", a.measure)
	a.handle("POST "+pathWebhooks+"argocd", a.receiveArgoCD)
	a.handle("POST "+pathWebhooks+"flux", a.receiveFlux)
	a.handle(patternGitHub, a.receiveGitHub)
	a.handle("POST "+pathWebhooks+"cdevents", a.receiveCDEvents)
	a.handle("GET "+pathHealth, a.healthy)
	a.handle("GET "+pathReady, a.ready)
	a.handle("GET /openapi.json", a.describe)
}

// handler answers a request or says why it could not, before it has written anything.
type handler func(w http.ResponseWriter, r *http.Request) error

func (a *API) handle(pattern string, h handler) {
	a.patterns = append(a.patterns, pattern)
	a.mux.Handle(pattern, a.admit(pattern, a.shed(a.limitTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})))))
}

// fail answers err, and logs it where it is the service's own fault.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r, err)
	if p.Status >= http.StatusInternalServerError && p.Code != codeOverloaded && p.Code != codeIssuerUnavailable && !errors.Is(err, errDraining) {
		trace.SpanFromContext(r.Context()).RecordError(err)
		if p.Status == http.StatusServiceUnavailable && release.CauseOf(err) != "" {
			a.outages.failed(r.Context(), err)
			a.tell(w, r, p)
			return
		}
		a.log.ErrorContext(r.Context(), "request failed", slog.Int("status", p.Status), slog.Any("error", err))
	}
	a.tell(w, r, p)
}

// tell answers p to whoever asked: to a person as a page, to a program as a document.
func (a *API) tell(w http.ResponseWriter, r *http.Request, p *problem) {
	p = p.traced(r)
	if a.pages[r.Pattern] || r.Pattern == "" && wantsPage(r) {
		if err := a.writeTrouble(w, p); err == nil {
			return
		}
	}
	p.write(w)
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Looked up here already, so that span, metrics and log of a request that never gets to its handler name the
	// route too.
	_, pattern := a.mux.Handler(r)
	r.Pattern = asRoute(pattern)
	if a.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	a.chain.ServeHTTP(w, r)
}

// asRoute is a pattern as telemetry names it: {$} is how the mux writes that a path ends there, and no part of the path.
func asRoute(pattern string) string { return strings.TrimSuffix(pattern, "{$}") }

// asRegistered gives the handlers below the pattern that telemetry above has by another name.
func (a *API) asRegistered(next http.Handler) http.Handler {
	registered := map[string]string{}
	for _, pattern := range a.patterns {
		if route := asRoute(pattern); route != pattern {
			registered[route] = pattern
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pattern, other := registered[r.Pattern]; other {
			r = r.WithContext(r.Context()) // telemetry reads its own when the answer is written
			r.Pattern = pattern
		}
		next.ServeHTTP(w, r)
	})
}

// nameClient says whose the span is, as far as it can be believed. otelhttp takes the first of X-Forwarded-For, which everybody may
// make up.
func (a *API) nameClient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
			span.SetAttributes(semconv.ClientAddress(access.ClientOf(r, a.trustedProxies).String()))
		}
		next.ServeHTTP(w, r)
	})
}

// dispatch is the mux, except that it says no with a problem.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request) {
	if r.Pattern == "" {
		h, _ := a.mux.Handler(r)
		a.refuse(w, r, h)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// refuse answers a request without a route. Which methods the path has, only the mux's own answer says.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, h http.Handler) {
	own := &discarded{header: http.Header{}}
	h.ServeHTTP(own, r)
	if allow := own.header.Get("Allow"); own.status == http.StatusMethodNotAllowed {
		a.fail(w, r, newProblem(http.StatusMethodNotAllowed, "this path has only "+allow).with("Allow", allow))
		return
	}
	a.fail(w, r, newProblem(http.StatusNotFound, "there is nothing at this path; /openapi.json lists what there is"))
}

// discarded takes an answer whose status and header alone are of interest.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }

// Drain makes the API not ready from now on, so that no new traffic is sent to it. It serves on, and asks clients to
// leave: one that kept its connection would meet the end of it with a request on the way.
func (a *API) Drain() { a.draining.Store(true) }

// answer writes v as JSON.
func answer(w http.ResponseWriter, status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	writeJSON(w, status, body)
	return nil
}

func encode(v any) ([]byte, error) {
	// Encode ends the line itself, without a copy.
	var body bytes.Buffer
	err := json.NewEncoder(&body).Encode(v)
	return body.Bytes(), err
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	// Without a length, what is longer than a buffer goes out in chunks.
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that has gone is no error of the service.
	_, _ = w.Write(body)
}
