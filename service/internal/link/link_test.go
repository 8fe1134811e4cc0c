package link

import (
	"net/url"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	values := map[string]string{
		"service": "shop", "version": "1.0/a&b=c#d?e", "artifact": "registry.example/shop:1.0@sha256:00", "team": "", "from": "1795000000000",
		"environment": "..", "revision": "0123abc", "before": "abc0123",
	}
	for template, want := range map[string]string{
		"https://git.example/{service}/commit/{revision}":                 "https://git.example/shop/commit/0123abc",
		"https://git.example/{service}/compare/{before}...{revision}":     "https://git.example/shop/compare/abc0123...0123abc",
		"https://a.example/{version}?v={version}#{version}":               "https://a.example/1.0%2Fa%26b%3Dc%23d%3Fe?v=1.0%2Fa%26b%3Dc%23d%3Fe#1.0%2Fa%26b%3Dc%23d%3Fe",
		"http://localhost:3000/explore?image={artifact}&from={from}":      "http://localhost:3000/explore?image=registry.example%2Fshop%3A1.0%40sha256%3A00&from=1795000000000",
		"https://a.example/all":                                           "https://a.example/all",
		"https://a.example/{team}":                                        "", // says nothing
		"https://a.example/{environment}/x":                               "", // would lead elsewhere
		"https://a.example/?q=%7B%20span.service%3D%22{service}%22%20%7D": "https://a.example/?q=%7B%20span.service%3D%22shop%22%20%7D",
	} {
		parsed, err := Parse(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		got, ok := parsed.Expand(values)
		if got != want || ok != (want != "") {
			t.Errorf("%s: got %q %v, want %q", template, got, ok, want)
		}
	}
	if got, ok := (Template{}).Expand(values); ok || got != "" {
		t.Errorf("no template makes %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for template, why := range map[string]string{
		"https://a.example/{sha}":              "{sha} is no placeholder",
		"https://a.example/{}":                 "{} is no placeholder",
		"https://a.example/{service":           "a brace",
		"https://a.example/service}":           "a brace",
		"https://a.example/{{service}}":        "a brace",
		"javascript:alert({service})":          "scheme",
		"data:text/html,{service}":             "scheme",
		"//a.example/{service}":                "scheme",
		"/{service}":                           "scheme",
		"":                                     "scheme",
		"{service}":                            "scheme",
		"https://{service}.example/":           "in the host",
		"https://a.example:{service}/":         "not a URL",
		"https://a.example{service}/":          "in the host",
		"https://{service}@a.example/":         "without a user",
		"https://user:pass@a.example/":         "without a user",
		"https:///{service}":                   "with a host",
		"https://a.example/ {service}":         "not a URL",
		"https://a.example/\"onclick=x":        "not a URL",
		"https://a.example/\n":                 "not a URL",
		"https://a.example/<{service}>":        "not a URL",
		"https://ä.example/{service}":          "not a URL",
		`https:\\evil.example\{service}`:       "not a URL",
		"https://a.example\\@b.example/{team}": "not a URL",
	} {
		if _, err := Parse(template); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want %s", template, err, why)
		}
	}
}

// Whatever a template and a value are, the link leads to the host of the template.
func FuzzExpand(f *testing.F) {
	f.Add("https://a.example/{version}", "../..")
	f.Add("http://a.example:80/?q={version}#{version}", "//evil.example\\@")
	f.Add("https://a.example{version}", "@evil.example")
	f.Fuzz(func(t *testing.T, template, value string) {
		parsed, err := Parse(template)
		if err != nil {
			return
		}
		values := map[string]string{}
		for _, name := range Placeholders() {
			values[name] = value
		}
		got, ok := parsed.Expand(values)
		if !ok {
			return
		}
		base, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(template))
		if err != nil {
			t.Fatalf("%q: %v", template, err)
		}
		u, err := url.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || u.User != nil || strings.ContainsAny(got, "\"'<> \\") && !strings.Contains(template, "'") {
			t.Errorf("%q with %q leads to %q: %v", template, value, got, err)
		}
	})
}
