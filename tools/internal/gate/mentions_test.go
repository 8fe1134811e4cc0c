package gate

import (
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/coverage"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		glob, text string
		want       bool
	}{
		{"*-tls", "shop-tls", true},
		{"*-tls", "https://x/shop-tls/y", true},
		{"*-tls", "shop-tls2", false},
		{"shop-*", "shop-db of this", true},
		{"shop-*", "workshop-db", false},
		{"shop-?", "shop-1", true},
		{"shop-?", "shop-12", false},
		{"shop-[ab]", "shop-a", true},
		{"shop-[ab]", "shop-c", false},
		{"shop-[a-c]", "shop-b", true},
		{"shop-[^a]", "shop-b", true},
		{"shop-[^a]", "shop-a", false},
		{"shop-[^a]", "shop- ", false},
		{`shop-[\]]`, "shop-]", true},
		{"shop.a*", "shop-ab", false},
		{"shop-[0-9]", "anything at all", false},
		{"shop-[9-0]", "it is not read, so nothing is said of it", true},
	} {
		if got := named(c.glob).MatchString(c.text); got != c.want {
			t.Errorf("%s in %q: got %v", c.glob, c.text, got)
		}
	}
	if named("shop") != nil {
		t.Error("a name is no glob")
	}
}

func TestVariable(t *testing.T) {
	for _, c := range []struct {
		text, name string
		want       bool
	}{
		{"${DOMAIN}", "shop-tls", false},
		{"https://${DOMAIN}/a", "shop-tls", false},
		{"{{ .Values.a }}", "shop-tls", false},
		{"shop-${ENV}", "shop-tls", true},
		{"see shop-${ENV} there", "shop-tls", true},
		{"web-${ENV}", "shop-tls", false},
		{"${APP}-tls", "shop-tls", true},
		{"${APP}-tls", "shop-db", false},
		{"${APP}-tls is of ${APP}", "shop-tls", true},
		{"{{ .App }}-tls", "shop-tls", true},
		{"$(hostname)s", "shop-db", false},
		{"${APP}-tls.a", "shop-tls.a", true},
		{"${APP}-db", "shop-*", true},
		{"${APP}-db", "shop-*-tls", false},
		{"shop-${ENV}", "*-tls", true},
		{"web-${ENV}", "shop-*", false},
		{"${APP}-db-${ENV}", "shop-*", true},
		{"${A}${B}-tls", "shop-tls", true},
		{"$(APP)-tls", "shop-tls", true},
		{"${APP}.example.com", "shop-tls", false},
	} {
		if got := variable(c.text, c.name); got != c.want {
			t.Errorf("%q for %s: got %v", c.text, c.name, got)
		}
	}
}

func TestAnyName(t *testing.T) {
	for _, c := range []struct {
		key, text string
		want      bool
	}{
		{"name", "${SECRET}", true},
		{"secretName", "{{ .Secret }}", true},
		{"existingSecret", "${A}${B}", true},
		{"secretRef", "$(SECRET)", true},
		{"value", "${DOMAIN}", false},
		{"app.kubernetes.io/name", "${APP}", false},
		{"name", "${SECRET} and more", false},
	} {
		if got := anyName(c.key, c.text); got != c.want {
			t.Errorf("%s: %s: got %v", c.key, c.text, got)
		}
	}
}

// TestMentions finds what a target speaks of, and what it may speak of once something is filled in that nobody here knows.
func TestMentions(t *testing.T) {
	g := &Gate{
		repository: &repo.Repo{Config: repo.Config{External: []check.External{{Name: "shop-tls"}}}}, all: []string{"a"}, paths: []string{"a"},
		checks: []*check.Check{{Name: coverage.ExternalName, Scope: check.Repository}},
	}
	for name, c := range map[string]struct {
		value map[string]any
		want  bool
	}{
		"its name":             {map[string]any{"spec": map[string]any{"tls": []any{"shop-tls"}}}, true},
		"a key of that name":   {map[string]any{"data": map[string]any{"shop-tls": ""}}, true},
		"any name":             {map[string]any{"spec": map[string]any{"secretName": "${NAME}"}}, true},
		"a stand-in":           {map[string]any{"spec": map[string]any{"secretName": "instead"}}, true},
		"a stand-in elsewhere": {map[string]any{"data": map[string]any{"domain": "instead"}}, false},
		"its own name":         {map[string]any{"metadata": map[string]any{"name": "${NAME}"}}, false},
		"another name":         {map[string]any{"spec": map[string]any{"secretName": "shop"}}, false},
	} {
		target := &check.Target{Objects: []*manifest.Object{{Value: c.value}}, StandIns: check.StandIns{"instead": "${NAME}"}}
		if got := g.mentions(target)["shop-tls"]; got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
