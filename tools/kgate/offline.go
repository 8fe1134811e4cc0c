package main

import (
	"fmt"
	"net/http"
)

// offline refuses every request. Whatever could reach the network is refused before Kustomize sees it; this is the
// wall behind that, because Kustomize fetches any file name that looks like a URL.
type offline struct{}

func (offline) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s: kgate works offline", r.URL)
}
