package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestWritesNeedAToken(t *testing.T) {
	with := newAPI(t, Options{Tokens: []string{"the-old-one", goodToken}})
	without := newAPI(t, Options{})
	// An empty body is a faulty release, and an event that tells nothing.
	for path, accepted := range map[string]int{
		"/v1/releases": 422, "/v1/webhooks/argocd": 200, "/v1/webhooks/flux": 200, "/v1/webhooks/github": 200, "/v1/webhooks/cdevents": 200,
	} {
		for _, c := range []struct {
			name   string
			api    *API
			values []string
			status int
		}{
			{"none configured", without, []string{"Bearer " + goodToken}, 403},
			{"none configured, none sent", without, nil, 403},
			{"none sent", with, nil, 401},
			{"wrong", with, []string{"Bearer wrong"}, 401},
			{"empty", with, []string{"Bearer "}, 401},
			{"beginning of a good one", with, []string{"Bearer " + goodToken[:5]}, 401},
			{"good one and more", with, []string{"Bearer " + goodToken + "x"}, 401},
			{"other scheme", with, []string{"Basic " + goodToken}, 401},
			{"no scheme", with, []string{goodToken}, 401},
			{"two headers", with, []string{"Bearer " + goodToken, "Bearer wrong"}, 401},
			{"good", with, []string{"Bearer " + goodToken}, accepted},
			{"good, other case", with, []string{"bearer " + goodToken}, accepted},
			{"good, the old one", with, []string{"Bearer the-old-one"}, accepted},
		} {
			t.Run(path+" "+c.name, func(t *testing.T) {
				r := post(path, `{}`)
				r.Header.Del("Authorization")
				for _, v := range c.values {
					r.Header.Add("Authorization", v)
				}
				w := send(t, c.api, r)
				if c.status == http.StatusOK && w.Code == http.StatusOK {
					return
				}
				readProblem(t, w, c.status)
				if got := w.Header().Get("WWW-Authenticate"); strings.HasPrefix(got, "Bearer ") != (c.status == 401) {
					t.Errorf("got WWW-Authenticate %q", got)
				}
				if strings.Contains(w.Body.String(), goodToken) {
					t.Error("the answer holds a token")
				}
			})
		}
	}
}

// Whoever may not write is told so before the body is read.
func TestRefusedBodyIsNotRead(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}})
	r := post("/v1/releases", "")
	r.Header.Del("Authorization")
	r.Body = unreadable{t}
	if w := send(t, a, r); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d", w.Code)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, http.ErrBodyReadAfterClose
}
func (u unreadable) Close() error { return nil }

func TestKeyringKeepsNoToken(t *testing.T) {
	for _, sum := range newKeyring([]string{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
		if slices.Equal(sum[:], []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")) {
			t.Error("the token itself is kept")
		}
	}
}
