package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestDescriptionNamesEveryRoute(t *testing.T) {
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(description, &document); err != nil {
		t.Fatal(err)
	}
	if document.OpenAPI != "3.1.0" {
		t.Errorf("got OpenAPI %q", document.OpenAPI)
	}
	described := map[string]bool{}
	for path, item := range document.Paths {
		for method := range item {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, pattern := range newAPI(t, Options{}).patterns {
		// {$} says that a pattern means its own path alone, which OpenAPI has as a matter of course.
		pattern = strings.TrimSuffix(pattern, "{$}")
		if !described[pattern] {
			t.Errorf("%s is served and not described", pattern)
		}
		delete(described, pattern)
	}
	for pattern := range described {
		t.Errorf("%s is described and not served", pattern)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	w := get(t, newAPI(t, Options{}), "/openapi.json")
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), description) {
		t.Errorf("got %d with %d bytes", w.Code, w.Body.Len())
	}
}
