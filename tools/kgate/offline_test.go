package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOffline(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a request went out")
	}))
	defer server.Close()
	client := http.Client{Transport: offline{}}
	response, err := client.Get(server.URL)
	if err == nil {
		_ = response.Body.Close()
		t.Fatal("a request was answered")
	}
	if !strings.Contains(err.Error(), "kgate works offline") {
		t.Errorf("got %v", err)
	}
}
