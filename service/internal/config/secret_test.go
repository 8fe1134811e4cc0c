package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestSecretNeverShows(t *testing.T) {
	const text = "hunter2-hunter2"
	type hidden struct{ inner Config }
	c := Default()
	c.Database.URL = NewSecret(text)
	c.API.Tokens = []Secret{NewSecret(text)}

	var out bytes.Buffer
	for _, v := range []any{c, &c, hidden{c}, &hidden{c}, c.Database.URL, &c.Database.URL, c.API.Tokens, map[Secret]Secret{c.Database.URL: c.Database.URL}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		if encoded, err := json.Marshal(v); err == nil {
			out.Write(encoded)
		}
		if _, isHidden := v.(hidden); !isHidden {
			if encoded, err := yaml.Marshal(v); err == nil {
				out.Write(encoded)
			}
		}
	}
	fmt.Fprintln(&out, fmt.Errorf("x: %w", errors.New(c.Database.URL.String())))
	for _, form := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q shows in\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), redacted) {
		t.Error("nothing says that something is kept")
	}
	if c.Database.URL.Reveal() != text {
		t.Error("Reveal does not")
	}
}

func TestSecretEqual(t *testing.T) {
	s := NewSecret("abc")
	for other, want := range map[string]bool{"abc": true, "abd": false, "ab": false, "abcd": false, "": false} {
		if s.Equal(other) != want {
			t.Errorf("Equal(%q) is not %v", other, want)
		}
	}
	var zero Secret
	if zero.Equal("") || !zero.IsZero() || zero.String() != "" || NewSecret("") != zero {
		t.Error("the zero Secret equals something, or is not empty")
	}
}
