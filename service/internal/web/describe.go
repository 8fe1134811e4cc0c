package web

import (
	_ "embed"
	"net/http"
)

// description is the OpenAPI 3.1 description of this API. Tests hold requests and answers to it.
//
//go:embed openapi.json
var description []byte

// describe answers the description.
func (a *API) describe(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(description)
	return nil
}
