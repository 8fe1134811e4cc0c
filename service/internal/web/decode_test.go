package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		places     []string
	}{
		{"nothing", ``, 400, nil},
		{"white space", " \n", 400, nil},
		{"cut off", `{"app":"a"`, 400, nil},
		{"cut off in a name", `{"ap`, 400, nil},
		{"no JSON", `app=a`, 400, nil},
		{"single quotes", `{'app':'a'}`, 400, nil},
		{"trailing comma", `{"app":"a",}`, 400, nil},
		{"two values", `{}{}`, 400, nil},
		{"something after", `{} x`, 400, nil},
		{"comment after", `{} // done`, 400, nil},
		{"byte order mark", "\ufeff{}", 400, nil},
		{"not UTF-8", "{\"app\":\"\xff\"}", 400, nil},
		{"control character", "{\"app\":\"\x00\"}", 400, nil},
		{"deep", strings.Repeat(`{"app":`, 20) + `1` + strings.Repeat(`}`, 20), 400, nil},
		{"very deep", strings.Repeat(`[`, 30000), 400, nil},
		{"null", `null`, 422, []string{"#"}},
		{"array", `[]`, 422, []string{"#"}},
		{"text", `"app"`, 422, []string{"#"}},
		{"number", `1e999`, 422, []string{"#"}},
		{"unknown field", `{"more":{"app":1}}`, 422, []string{"#/more"}},
		{"other case", `{"App":"a"}`, 422, []string{"#/App"}},
		{"name to escape", `{"a/b~c":1}`, 422, []string{"#/a~1b~0c"}},
		{"twice", `{"app":"a","app":"a"}`, 422, []string{"#/app"}},
		{"twice, escaped", `{"app":"a","\u0061pp":"b"}`, 422, []string{"#/app"}},
		{"twice, unknown", `{"x":1,"x":2}`, 422, []string{"#/x", "#/x", "#/x"}},
		{"twice, inside", `{"deployments":[{"name":"a","name":"b"}]}`, 422, []string{"#/deployments/0/name"}},
		{"half a surrogate pair", `{"app":"\ud800"}`, 422, []string{"#/app"}},
		{"number for text", `{"app":1}`, 422, []string{"#/app"}},
		{"truth for text", `{"app":true}`, 422, []string{"#/app"}},
		{"object for text", `{"app":{"x":[1,{}]}}`, 422, []string{"#/app"}},
		{"null for text", `{"app":null}`, 422, []string{"#/app"}},
		{"text for an array", `{"deployments":"x"}`, 422, []string{"#/deployments"}},
		{"object for an array", `{"deployments":{}}`, 422, []string{"#/deployments"}},
		{"text in an array", `{"deployments":["x"]}`, 422, []string{"#/deployments/0"}},
		{"no time", `{"started_at":"yesterday"}`, 422, []string{"#/started_at"}},
		{"number for a time", `{"started_at":1790000000}`, 422, []string{"#/started_at"}},
		{"all at once", `{"app":1,"more":2,"started_at":"x","deployments":[{"images":[3]}]}`, 422,
			[]string{"#/app", "#/more", "#/started_at", "#/deployments/0/images/0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ok := errors.AsType[*problem](decode([]byte(c.body), new(notification)))
			if !ok {
				t.Fatal("decoded without a problem")
			}
			if p.Status != c.status || !slices.Equal(places(*p), c.places) {
				t.Errorf("got %d %v (%s), want %d %v", p.Status, places(*p), p.Detail, c.status, c.places)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	var n notification
	err := decode([]byte(` {"app":"\u00e9","started_at":"2026-11-01T10:00:00+02:00","finished_at":null,
		"deployments":[{"name":"a","images":["b:1","c"]},{"name":"d","images":[]}]} `), &n)
	if err != nil {
		t.Fatal(err)
	}
	if n.App != "é" || n.StartedAt == nil || n.FinishedAt != nil || len(n.Deployments) != 2 || n.Deployments[0].Images[1] != "c" {
		t.Errorf("got %+v", n)
	}
}

func TestBodyIsHeldToTypeAndSize(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}, MaxBody: 100})
	long := `{"actor":"` + strings.Repeat("x", 100) + `"}`
	for _, c := range []struct {
		name, body string
		header     map[string]string
		status     int
	}{
		{"form", "a=b", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415},
		{"text", "{}", map[string]string{"Content-Type": "text/plain"}, 415},
		{"no type", "{}", map[string]string{"Content-Type": ""}, 415},
		{"broken type", "{}", map[string]string{"Content-Type": "application/json; charset"}, 415},
		{"Latin-1", "{}", map[string]string{"Content-Type": "application/json; charset=iso-8859-1"}, 415},
		{"compressed", "{}", map[string]string{"Content-Encoding": "gzip"}, 415},
		{"UTF-8, said", "{}", map[string]string{"Content-Type": `Application/JSON; charset="UTF-8"`}, 422},
		{"too long", long, nil, 413},
		{"too long, ended before", `{}` + strings.Repeat(" ", 100), nil, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := post("/v1/releases", c.body)
			for name, value := range c.header {
				r.Header.Set(name, value)
			}
			readProblem(t, send(t, a, r), c.status)
		})
	}
}

func TestBodyThatEndsTooEarly(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}})
	r := post("/v1/releases", "")
	r.Body = broken{}
	readProblem(t, send(t, a, r), http.StatusBadRequest)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (broken) Close() error             { return nil }

// FuzzDecode holds that whatever is let pass is JSON, means the same to encoding/json, and is refused with a
// problem otherwise.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"service":"a","started_at":"2026-11-01T10:00:00Z"}`, `{"service":"a","service":"b"}`,
		`{"Service":"a"}`, `{"service":"\ud800"}`, `{"finished_at":null}`, `{} {}`, `[[[`, "\xff", `{"a":{"b":[1,2,{"c":null}]}}`,
		`{"started_at":"2026-11-01t10:00:00z"}`, `{"started_at":"2026-02-30T10:00:00Z"}`, `{"started_at":"2026-11-01T1:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var d release.Draft
		err := decode(body, &d)
		if err != nil {
			p, ok := errors.AsType[*problem](err)
			if !ok {
				t.Fatalf("not a problem: %v", err)
			}
			w := httptest.NewRecorder()
			p.write(w)
			if w.Code != p.Status || !json.Valid(w.Body.Bytes()) || !utf8.Valid(w.Body.Bytes()) {
				t.Fatalf("the problem cannot be read: %s", w.Body)
			}
			if p.Status == http.StatusUnprocessableEntity && !json.Valid(body) {
				t.Fatalf("faults are named in what is no JSON: %q", body)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("let pass what is no JSON: %q", body)
		}
		var plain release.Draft
		if err := json.Unmarshal(body, &plain); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(d)
		if err != nil {
			// A year of RFC 3339 has four digits; whatever was parsed has them too.
			t.Fatal(err)
		}
		var back release.Draft
		if err := decode(again, &back); err != nil {
			t.Fatalf("%s was decoded, and %s is refused: %v", body, again, err)
		}
	})
}
