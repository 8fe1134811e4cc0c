package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"github.com/valyala/fasthttp"
)

const (
	environments = "GET /v1/environments"
	record       = "POST /v1/releases"
)

// maker numbers the releases of this run, so that each is another one.
type maker struct{ made atomic.Int64 }

// body is a release in the past: it changes nothing of what runs, so that GET /v1/environments stays as it is.
func (m *maker) body() []byte {
	n := m.made.Add(1)
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	return fmt.Appendf(nil, `{"service":"service-%d","environment":"prod","track":"stable","version":"0.%d.0",`+
		`"revision":"0123456789abcdef0123456789abcdef01234567","actor":"ann@example.org","outcome":"succeeded",`+
		`"committed_at":%q,"started_at":%q,"finished_at":%q}`, n%10, n,
		at.Add(-time.Hour).Format(time.RFC3339), at.Format(time.RFC3339), at.Add(2*time.Minute).Format(time.RFC3339))
}

// today is a release that begins and ends now, of a service and version that the ledger has not heard of: its place moves on.
func (m *maker) today() []byte {
	n := m.made.Add(1)
	at := time.Now().UTC()
	return fmt.Appendf(nil, `{"service":"service-%02d","environment":"prod","track":"stable","version":"8.%d.0",`+
		`"revision":"0123456789abcdef0123456789abcdef01234567","actor":"ann@example.org","outcome":"succeeded",`+
		`"committed_at":%q,"started_at":%q,"finished_at":%q}`, 1+n%40, n,
		at.Add(-time.Hour).Format(time.RFC3339), at.Add(-time.Second).Format(time.RFC3339Nano), at.Format(time.RFC3339Nano))
}

// notification is what Argo CD sends of a sync, for a new release and then once more: deliveries repeat.
func (m *maker) notification() []byte {
	n := m.made.Add(1) / 2
	at := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	return fmt.Appendf(nil, `{"app":"prod-app","environment":"prod","phase":"Succeeded","health":"Healthy",`+
		`"revision":"0123456789abcdef0123456789abcdef01234567","actor":"","committed_at":%q,"started_at":%q,"finished_at":%q,`+
		`"deployments":[{"name":"service-1","images":["docker.io/istio/proxyv2:1.27.0","registry.example.org/service-1:0.%d.1"]}]}`,
		at.Add(-time.Hour).Format(time.RFC3339), at.Format(time.RFC3339), at.Add(2*time.Minute).Format(time.RFC3339), n)
}

// outcome is what one turn gave.
type outcome struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
	cpu      float64 // microseconds of the program's processor time a request
	database float64 // the same of the database
}

// saturate asks one thing of p, as often as clients that each wait for their answer can, and measures. With two
// processors for client, program and database, what the client costs hides differences between programs:
// fasthttp's client costs less than net/http's, which vegeta drives.
func (s *stand) saturate(ctx context.Context, p *program, what string, m *maker, clients int, turn time.Duration) (o outcome, err error) {
	client := &fasthttp.HostClient{Addr: p.api, MaxConns: clients, ReadTimeout: patience, WriteTimeout: patience}
	defer client.CloseIdleConnections()
	// The connections, the pool's too, and the caches of both.
	if _, err := loop(ctx, client, what, m, clients, turn/4); err != nil {
		return o, err
	}
	before, err1 := p.cpu()
	databaseBefore, err2 := s.database.CPU()
	if err := errors.Join(err1, err2); err != nil {
		return o, err
	}
	begin := time.Now()
	took, err := loop(ctx, client, what, m, clients, turn)
	if err != nil {
		return o, err
	}
	lasted := time.Since(begin)
	after, err1 := p.cpu()
	databaseAfter, err2 := s.database.CPU()
	if err := errors.Join(err1, err2); err != nil {
		return o, err
	}
	if len(took) == 0 {
		return o, errors.New("no request was answered")
	}
	slices.Sort(took)
	n := float64(len(took))
	return outcome{
		rate: n / lasted.Seconds(), p50: took[len(took)/2], p99: took[len(took)*99/100],
		cpu: (after - before) * 1e6 / n, database: (databaseAfter - databaseBefore).Seconds() * 1e6 / n,
	}, nil
}

// loop returns how long each request took. Any answer but the expected one is an error.
func loop(ctx context.Context, client *fasthttp.HostClient, what string, m *maker, clients int, turn time.Duration) ([]time.Duration, error) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		took  []time.Duration
		all   error
	)
	end := time.Now().Add(turn)
	for range clients {
		group.Go(func() {
			request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			defer fasthttp.ReleaseRequest(request)
			defer fasthttp.ReleaseResponse(response)
			want := http.StatusOK
			request.SetRequestURI("http://" + client.Addr + "/v1/environments")
			if what == record {
				want = http.StatusCreated
				request.SetRequestURI("http://" + client.Addr + "/v1/releases")
				request.Header.SetMethod(http.MethodPost)
				request.Header.SetContentType("application/json")
				request.Header.Set("Authorization", "Bearer "+token)
			}
			var own []time.Duration
			var err error
			for err == nil && ctx.Err() == nil {
				if what == record {
					request.SetBodyRaw(m.body())
				}
				begin := time.Now()
				if begin.After(end) {
					break
				}
				if err = client.Do(request, response); err != nil {
					break
				}
				own = append(own, time.Since(begin))
				if response.StatusCode() != want {
					err = fmt.Errorf("%s: %d %s", what, response.StatusCode(), response.Body())
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
			all = errors.Join(all, err)
		})
	}
	group.Wait()
	return took, errors.Join(all, ctx.Err())
}

// post records one release.
func post(ctx context.Context, p *program, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.api+"/v1/releases", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %d %s", record, response.StatusCode, text)
	}
	return err
}

// everyday is the mix of a day, in forty requests: pages and dashboards read what runs and what was released, pipelines
// and Argo CD write, and now and then somebody looks at the measures.
func everyday(p *program, m *maker) vegeta.Targeter {
	var n atomic.Int64
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	return func(t *vegeta.Target) error {
		i := n.Add(1)
		t.Header = header
		switch i % 40 {
		case 0, 3, 5, 8, 10, 13, 15, 18, 19, 20, 23, 25, 28, 30, 33, 35, 38:
			t.Method, t.URL = http.MethodGet, "/v1/environments"
		case 1, 11, 21, 31:
			t.Method, t.URL = http.MethodGet, "/v1/releases"
		case 6, 16, 26, 36:
			t.Method, t.URL = http.MethodGet, "/v1/releases?environment=prod&limit=20&service=service-"+strconv.Itoa(int(i/40%10))
		case 2, 7, 12, 17, 22, 27, 32, 37:
			t.Method, t.URL, t.Body = http.MethodPost, "/v1/releases", m.body()
		case 4, 9, 14, 24, 29, 34:
			t.Method, t.URL, t.Body = http.MethodPost, "/v1/webhooks/argocd", m.notification()
		default:
			t.Method, t.URL = http.MethodGet, "/v1/dora"
		}
		t.URL = "http://" + p.api + t.URL
		return nil
	}
}

// attack loads p with the mix of a day and returns when length is over. Rate 0 is as fast as clients go.
func attack(ctx context.Context, p *program, m *maker, rate, clients int, length time.Duration) (*vegeta.Metrics, error) {
	attacker := vegeta.NewAttacker(vegeta.Workers(uint64(clients)), vegeta.MaxWorkers(uint64(clients)), vegeta.Connections(clients))
	defer context.AfterFunc(ctx, func() { attacker.Stop() })()
	var metrics vegeta.Metrics
	for result := range attacker.Attack(everyday(p, m), vegeta.Rate{Freq: rate, Per: time.Second}, length, p.name) {
		metrics.Add(result)
	}
	metrics.Close()
	if metrics.Requests == 0 || metrics.Success < 1 {
		return &metrics, fmt.Errorf("%.3f of %d requests succeeded: %v, %q", metrics.Success, metrics.Requests, metrics.StatusCodes, metrics.Errors)
	}
	return &metrics, ctx.Err()
}
