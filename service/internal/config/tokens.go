package config

import (
	"fmt"
	"strings"

	"github.com/kgate-dev/gitops/service/internal/access"
)

const tokensWant = "tokens of at least 16 letters, digits or -._~+/=, separated by commas"

// readTokens takes those of the variable and those of the file together: in a rotation the new one may be in the
// one and the old one still in the other. Tokens are named by their position, never shown.
func (l *loader) readTokens() {
	seen := map[string]bool{}
	add := func(where, key, token string) {
		switch {
		case len(token) < access.LeastToken:
			l.fault(where, key, "a token of %d characters, want at least %d", len(token), access.LeastToken)
		case !access.ValidToken(token):
			l.fault(where, key, "a token with characters that a header cannot carry, want letters, digits and -._~+/=")
		case !seen[token]:
			seen[token] = true
			l.config.API.Tokens = append(l.config.API.Tokens, NewSecret(token))
		}
	}
	if l.tokens != "" {
		for i, token := range strings.Split(l.tokens, ",") {
			add(fmt.Sprintf("API_TOKENS, token %d", i+1), "api.tokens", strings.TrimSpace(token))
		}
	}
	if l.tokensFile == "" {
		return
	}
	content, err := read(l.tokensFile)
	if err != nil {
		l.fault(l.where("api.tokens_file"), "api.tokens_file", "%s cannot be read: %v", quote(l.tokensFile), cause(err))
		return
	}
	found := false
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		found = true
		add(fmt.Sprintf("%s:%d", l.tokensFile, i+1), "api.tokens_file", line)
	}
	if !found {
		l.fault(l.where("api.tokens_file"), "api.tokens_file", "%s holds no token, want one a line", quote(l.tokensFile))
	}
}
