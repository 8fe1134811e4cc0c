package revision

import "testing"

func TestOrigin(t *testing.T) {
	for want, spellings := range map[string][]string{
		"https://example.com/a/b":          {"https://example.com/a/b", "https://example.com/a/b.git", "https://Example.com/a/b/", " https://example.com/a/b.git/ "},
		"git@example.com/a/b":              {"git@example.com:a/b.git", "git@example.com:A/b", "ssh://git@example.com/a/b", "ssh://git@example.com/a/b.git"},
		"git@example.com:22/a/b":           {"ssh://git@example.com:22/a/b"},
		"https://user@example.com:443/a/b": {"https://user@example.com:443/a/b"},
		"":                                 {"", " "},
	} {
		for _, url := range spellings {
			if got := Origin(url); got != want {
				t.Errorf("Origin(%q) = %q, want %q", url, got, want)
			}
		}
	}
}
