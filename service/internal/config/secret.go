package config

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that no print, log or encoding shows. Reveal is the only way to it.
//
// The text is behind a pointer: fmt ignores the methods of values that it reaches through an unexported field, and
// prints a pointer there as an address.
type Secret struct{ text *string }

// NewSecret keeps text; an empty one is the zero Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is nothing to keep.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares in a time that depends neither on the texts nor on where they differ. The zero Secret equals
// nothing: what is not configured can not be guessed by sending nothing.
func (s Secret) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(s.Reveal())), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && !s.IsZero()
}

func (s Secret) shown() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

func (s Secret) String() string               { return s.shown() }
func (s Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, s.shown()) }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(s.shown()) }
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.shown() + `"`), nil }
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }
func (s Secret) MarshalYAML() (any, error)    { return s.shown(), nil }
