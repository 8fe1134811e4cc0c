package fetch

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRedirects(t *testing.T) {
	serve := func(w http.ResponseWriter, r *http.Request) {
		to := r.URL.Query().Get("to")
		if r.URL.Path == "/again" {
			to = "/again"
		}
		if to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = w.Write([]byte("content"))
	}
	plain, secure := httptest.NewServer(http.HandlerFunc(serve)), httptest.NewTLSServer(http.HandlerFunc(serve))
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	client := newClient()
	client.Transport = secure.Client().Transport // it trusts the server
	for name, c := range map[string]struct {
		url  string
		want string // of the error; "" for none
	}{
		"within https":        {secure.URL + "?to=/there", ""},
		"within http":         {plain.URL + "?to=/there", ""},
		"from http to https":  {plain.URL + "?to=" + secure.URL, ""},
		"from https to http":  {secure.URL + "?to=" + plain.URL, "leads from https to http: name a URL that stays on https"},
		"by https to http":    {plain.URL + "?to=" + secure.URL + "?to=" + plain.URL, "leads from https to http"},
		"to itself, for ever": {plain.URL + "/again", "leads elsewhere more than 10 times"},
	} {
		content, err := (&run{client: client}).get(t.Context(), c.url, 100, nil)
		if c.want == "" && (err != nil || string(content) != "content") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %q, %v, not %q", name, content, err, c.want)
		}
	}
}
