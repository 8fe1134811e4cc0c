package web

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func TestShedding(t *testing.T) {
	const limit = 3
	a := newAPI(t, Options{MaxConcurrency: limit})
	inside := make(chan struct{}, limit)
	release := make(chan struct{})
	a.handle("GET /test/block", func(w http.ResponseWriter, _ *http.Request) error {
		inside <- struct{}{}
		<-release
		return answer(w, http.StatusOK, status{"ok"})
	})
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/test/block", http.NoBody))
		return w
	}
	var group sync.WaitGroup
	for range limit {
		group.Go(func() {
			if w := ask(); w.Code != http.StatusOK {
				t.Errorf("got %d for a request under the limit", w.Code)
			}
		})
	}
	for range limit {
		<-inside
	}
	w := get(t, a, "/v1/environments")
	readProblem(t, w, http.StatusServiceUnavailable)
	if w.Header().Get("Retry-After") == "" {
		t.Error("shed without Retry-After")
	}
	if w := get(t, a, pathHealth); w.Code != http.StatusOK {
		t.Errorf("a busy service says that it is ill: %d", w.Code)
	}
	close(release)
	group.Wait()
	if w := ask(); w.Code != http.StatusOK {
		t.Errorf("got %d after the slots were free again", w.Code)
	}
}

func TestPanicFreesItsSlot(t *testing.T) {
	a := newAPI(t, Options{MaxConcurrency: 1})
	a.handle("GET /test/boom", func(http.ResponseWriter, *http.Request) error { panic("boom") })
	for range 3 {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/test/boom", http.NoBody))
		readProblem(t, w, http.StatusInternalServerError)
	}
}
