package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestFigures(t *testing.T) {
	for _, test := range []struct {
		all           []float64
		median, slope float64
	}{
		{[]float64{7, 7, 7}, 7, 0},
		{[]float64{1, 2, 3, 4}, 2.5, 1},
		{[]float64{9, 1, 5}, 5, -2},
	} {
		if got := median(test.all, func(i int) float64 { return test.all[i] }); got != test.median {
			t.Errorf("median of %v: %v, want %v", test.all, got, test.median)
		}
		if got := slope(test.all); got != test.slope {
			t.Errorf("slope of %v: %v, want %v", test.all, got, test.slope)
		}
	}
}

// Every release of a run is another one, and one that the service takes.
func TestMadeReleases(t *testing.T) {
	m := &maker{}
	seen := map[string]bool{}
	for range 1000 {
		var d release.Draft
		if err := json.Unmarshal(m.body(), &d); err != nil {
			t.Fatal(err)
		}
		d = d.Normal()
		if err := d.Validate(time.Now()); err != nil {
			t.Fatal(err)
		}
		name := d.Service + " " + d.Version
		if seen[name] {
			t.Fatalf("%s comes twice", name)
		}
		seen[name] = true
	}
	if first, second := m.notification(), m.notification(); !bytes.Equal(first, second) && !bytes.Equal(second, m.notification()) {
		t.Error("no delivery of a notification is repeated")
	}
}

// The mix has the shares that its comment speaks of: most requests read.
func TestEveryday(t *testing.T) {
	next := everyday(&program{api: "127.0.0.1:1"}, &maker{})
	shares := map[string]int{}
	for range 40 {
		var target vegeta.Target
		if err := next(&target); err != nil {
			t.Fatal(err)
		}
		path, _, _ := strings.Cut(strings.TrimPrefix(target.URL, "http://127.0.0.1:1"), "?")
		shares[target.Method+" "+path]++
		if (target.Method == http.MethodPost) != (len(target.Body) > 0) {
			t.Errorf("%s %s with a body of %d bytes", target.Method, target.URL, len(target.Body))
		}
	}
	want := map[string]int{environments: 17, "GET /v1/releases": 8, record: 8, "POST /v1/webhooks/argocd": 6, "GET /v1/dora": 1}
	for name, n := range want {
		if shares[name] != n {
			t.Errorf("%s: %d of 40, want %d", name, shares[name], n)
		}
	}
	if len(shares) != len(want) {
		t.Errorf("got %v", shares)
	}
}
