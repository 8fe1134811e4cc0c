package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// tokenPrefix makes a token that leaks one that scanners of secrets can be told of.
const tokenPrefix = "ledger_"

// NewToken returns a token of 256 random bits, in characters that a header can carry.
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read returns no error; it ends the process instead
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// SumOf is what a file has of a token: its SHA-256 in hexadecimal. Of a token of 128 random bits or more, it tells nothing.
func SumOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Entry is the entry of a token in the access file, on one line, as a sequence item of YAML. expires is zero for never. The
// error says what a file would be refused for.
func Entry(name, token string, g Grant, expires time.Time) (string, error) {
	end := "never"
	if !expires.IsZero() {
		end = expires.UTC().Format(time.RFC3339)
	}
	fields := []string{"name: " + quoted(name), "sha256: " + SumOf(token), "expires: " + end, "allow: " + sequence(g.Allow)}
	if len(g.Environments) > 0 {
		fields = append(fields, "environments: "+sequence(g.Environments))
	}
	if len(g.Services) > 0 {
		fields = append(fields, "services: "+sequence(g.Services))
	}
	entry := "- {" + strings.Join(fields, ", ") + "}"
	if _, _, err := parse("", []byte("tokens:\n"+entry)); err != nil {
		if bad, ok := errors.AsType[*Invalid](err); ok {
			said := make([]string, len(bad.Faults))
			for i, f := range bad.Faults {
				_, said[i], _ = strings.Cut(f, ": ")
			}
			return "", errors.New(strings.Join(said, "; "))
		}
		return "", fmt.Errorf("make an entry: %w", err)
	}
	return entry, nil
}

// quoted is s in double quotes where YAML could read something else in it.
func quoted(s string) string {
	if nameForm.MatchString(s) && strings.Trim(s, "0123456789") != "" {
		switch s {
		case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		default:
			return s
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // there is no string that JSON lacks
	}
	return string(b)
}

func sequence[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = quoted(string(s))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
