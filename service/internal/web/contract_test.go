package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
)

// contract validates requests and answers against the description. Built once: it compiles every schema.
var contract = sync.OnceValues(func() (validator.Validator, error) {
	document, err := libopenapi.NewDocument(description)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

func mustContract(t *testing.T) validator.Validator {
	t.Helper()
	v, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// validRequest reports whether the description allows r, whose body is body.
func validRequest(t *testing.T, r *http.Request, body string) (bool, string) {
	t.Helper()
	r = r.Clone(t.Context())
	r.Body = io.NopCloser(strings.NewReader(body))
	ok, faults := mustContract(t).ValidateHttpRequestSync(r)
	var why strings.Builder
	for _, f := range faults {
		why.WriteString(f.Error() + "\n")
	}
	return ok, why.String()
}

// holdAnswer fails t where the description does not allow this answer to r.
func holdAnswer(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	r = r.Clone(t.Context())
	r.Body = http.NoBody
	answer := w.Result()
	answer.Body = io.NopCloser(bytes.NewReader(w.Body.Bytes()))
	if ok, faults := mustContract(t).ValidateHttpResponse(r, answer); !ok {
		for _, f := range faults {
			t.Errorf("%s %s: the answer %d is not what the description says: %s\n%s", r.Method, r.URL, w.Code, f.Error(), w.Body)
		}
	}
}

func TestDescriptionIsValidOpenAPI(t *testing.T) {
	if ok, faults := mustContract(t).ValidateDocument(); !ok {
		for _, f := range faults {
			t.Error(f.Error())
		}
	}
}

// What holds the handlers to the description must itself be able to say no.
func TestContractRefuses(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody)
	for name, body := range map[string]string{"unknown field": `{"status":"ok","more":1}`, "wrong value": `{"status":"fine"}`, "no object": `[]`} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.WriteString(body)
		if ok, _ := mustContract(t).ValidateHttpResponse(r, w.Result()); ok {
			t.Errorf("%s: %s was let pass", name, body)
		}
	}
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTeapot)
	_, _ = w.WriteString(`{"status":"ok"}`)
	if ok, _ := mustContract(t).ValidateHttpResponse(r, w.Result()); ok {
		t.Error("a status that is not described was let pass")
	}
	if ok, _ := validRequest(t, post("/v1/releases", ""), `{"service":"shop"}`); ok {
		t.Error("a release without a version was let pass")
	}
}
