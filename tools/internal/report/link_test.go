package report

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/change"
)

func TestLinks(t *testing.T) {
	read := func(file string) ([]byte, error) {
		if file == "gone.yaml" {
			return nil, fs.ErrNotExist
		}
		return nil, nil
	}
	const forge = "https://forge.example/shop/blob/{commit}/{file}#L{line}"
	compared := &Comparison{Set: change.Set{Before: change.Side{Name: "main", Commit: "b0"}, After: change.Side{Name: "the working tree"}}}
	for _, test := range []struct {
		name, template, commit string
		with                   *Comparison
		place, want            string
	}{
		{"a line", forge, "c1", nil, "base/a.yaml:3:5", "https://forge.example/shop/blob/c1/base/a.yaml#L3"},
		{"without a column", forge, "c1", nil, "base/a.yaml:3", "https://forge.example/shop/blob/c1/base/a.yaml#L3"},
		{"an odd name", forge, "c1", nil, `base/a b%?#"<'>.yaml:3`, "https://forge.example/shop/blob/c1/base/a%20b%25%3F%23%22%3C%27%3E.yaml#L3"},
		{"of the side before", forge, "c1", compared, "base/a.yaml@main:7:1", "https://forge.example/shop/blob/b0/base/a.yaml#L7"},
		{"of the side after", forge, "c1", compared, "base/a.yaml:7:1", "https://forge.example/shop/blob/c1/base/a.yaml#L7"},
		{"no template", "", "c1", nil, "base/a.yaml:3", ""},
		{"no commit", forge, "", nil, "base/a.yaml:3", ""},
		{"that needs none", "https://forge.example/{file}", "", nil, "base/a.yaml:3", "https://forge.example/base/a.yaml"},
		{"no line", forge, "c1", nil, "overlays/prod", ""},
		{"no such file", forge, "c1", nil, "gone.yaml:3", ""},
		{"in a folder of git's repository", forge, "c1", &Comparison{Set: change.Set{Before: change.Side{Name: "main"}, After: change.Side{Commit: "c2"}}}, "base/a.yaml:3", "https://forge.example/shop/blob/c2/deploy/x/base/a.yaml#L3"},
		{"what cannot be seen in a name", forge, "c1", nil, `a\x1b.yaml:3`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			top := ""
			if strings.Contains(test.name, "folder") {
				top = "deploy/x"
			}
			got := string(Report{Commit: test.commit, Comparison: test.with, ReadFile: read, Top: top}.linking(test.template).html(test.place))
			_, rest, linked := strings.Cut(got, `href="`)
			to, _, _ := strings.Cut(rest, `"`)
			if linked != (test.want != "") || strings.ReplaceAll(to, "&#39;", "%27") != test.want {
				t.Errorf("%s leads to %q, want %q", got, to, test.want)
			}
			if strings.Contains(got, "<'") {
				t.Errorf("%s is no text", got)
			}
		})
	}
}

func TestVerifySourceURL(t *testing.T) {
	for text, wrong := range map[string]string{
		"https://forge.example/shop/-/blob/{commit}/{file}#L{line}": "", "http://localhost/{file}": "",
		"javascript:alert({file})": "begins with https", "//forge.example/{file}": "begins with https", "https://forge.example/": "does not say {file}",
		"https://forge.example/{file}/{sha}": "there are {file}",
	} {
		err := VerifySourceURL(text)
		if wrong == "" && err != nil || wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)) {
			t.Errorf("%s: %v, want %q", text, err, wrong)
		}
	}
}
