package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/service/internal/access"
)

// What is printed is what the service takes.
func TestMadeTokenIsTaken(t *testing.T) {
	for _, args := range [][]string{
		{"-name", "argocd", "-allow", "ingest", "-environments", "prod,prod-*", "-services", "*"},
		{"-name", "reader", "-allow", "read", "-days", "0"},
		{"-name", "no", "-allow", "read, write", "-environments", "1", "-services", "on"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append([]string{"token"}, args...), nil, &stdout, &stderr); code != 0 {
			t.Fatalf("%q: %d, %s", args, code, &stderr)
		}
		token := strings.TrimSpace(stdout.String())
		if strings.Contains(stderr.String(), token) {
			t.Error("the token is in its entry")
		}
		file := filepath.Join(t.TempDir(), "access.yaml")
		if err := os.WriteFile(file, []byte("tokens:\n"+stderr.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := access.New(access.Options{File: file})
		if err != nil {
			t.Fatal(err)
		}
		who, err := k.Identify(t.Context(), token)
		if err != nil || who.Via != "token:"+args[1] {
			t.Errorf("%q: got %+v, %v", args, who, err)
		}
	}
	file := filepath.Join(t.TempDir(), "access.yaml")
	for want, args := range map[string][]string{"": {"-file", file}, "exists: leave out -file": {"-file", file}, "no such file": {"-file", filepath.Join(file+".d", "a")}} {
		var stdout, stderr bytes.Buffer
		if want != "" { // a map has no order
			if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		code := run(t.Context(), slices.Concat([]string{"token", "-name", "argocd", "-allow", "read"}, args), nil, &stdout, &stderr)
		if ok := want == ""; ok != (code == 0) || ok != (stdout.Len() > 0) || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: got %d, %q, %q", args, code, &stdout, &stderr)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want != "" {
			if string(content) != "kept" {
				t.Errorf("%q: the file is now %q", args, content)
			}
			continue
		}
		k, err := access.New(access.Options{File: file})
		if err != nil {
			t.Fatal(err)
		}
		if who, err := k.Identify(t.Context(), strings.TrimSpace(stdout.String())); err != nil || who.Via != "token:argocd" {
			t.Errorf("got %+v, %v", who, err)
		}
	}
	for want, args := range map[string][]string{
		"name: want up to 63":   {"-allow", "read"},
		"allow: want some":      {"-name", "a"},
		"allow: want read":      {"-name", "a", "-allow", "all"},
		"environments: want":    {"-name", "a", "-allow", "write", "-services", "*"},
		"services: what may be": {"-name", "a", "-allow", "read", "-services", "*"},
		"takes flags alone":     {"a"},
		"flag provided but not": {"-scope", "a"},
		"environments: want na": {"-name", "a", "-allow", "write", "-services", "*", "-environments", "[a]"},
		"days from 0 on":        {"-name", "a", "-allow", "read", "-days", "-1"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append([]string{"token"}, args...), nil, &stdout, &stderr); code != 2 || stdout.Len() > 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%q: got %d, %q, %q", args, code, &stdout, &stderr)
		}
	}
}
