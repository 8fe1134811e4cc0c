package report

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

// Nothing of a step is a command, a mention or more rows than there is room for.
func TestSteps(t *testing.T) {
	at := manifest.Position{File: "overlays/prod/a,b.yaml", Line: 3, Column: 5, EndColumn: 9}
	move := transition.Move{
		Service: "shop\n::error::x", Environment: "prod", Action: transition.Promote,
		Old: promotion.Reference{Tag: "1.0.0"}, New: promotion.Reference{Tag: "1.1.0"}, Changes: []transition.Change{{Source: at}},
		Refusals: []transition.Refusal{{Rule: transition.Soak, Source: manifest.Position{File: "overlays/staging/a.yaml", Line: 7}, Message: "ask @nobody, 100 % | <b>\n::warning::y"}, {Rule: transition.Canary, Source: at, Message: "passed", Allowed: true}},
	}
	steps := Steps{Since: "main", Moves: []transition.Move{move}, Refused: 1}
	var b strings.Builder
	if err := StepsGitHub(&b, steps); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"::error file=overlays/prod/a%2Cb.yaml,line=3,col=5,endColumn=9,title=kgate promote%3A soak::ask @nobody, 100 %25 | <b>%0A::warning::y%0A%0Ashop%0A::error::x in prod: 1.0.0 → 1.1.0%0Aoverlays/staging/a.yaml:7",
		"::notice file=overlays/prod/a%2Cb.yaml,line=3,col=5,endColumn=9,title=kgate promote%3A canary::passed%0A%0Ashop%0A::error::x in prod: 1.0.0 → 1.1.0",
		`shop\n::error::x  prod  1.0.0 → 1.1.0`,
		"kgate promote: 1 step since main, 1 refused", "",
	}
	if got := b.String(); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	for len(steps.Moves) < 200 {
		steps.Moves = append(steps.Moves, move)
	}
	steps.Refused = len(steps.Moves)
	for name, write := range map[string]func(*strings.Builder) error{
		"github":   func(b *strings.Builder) error { return StepsGitHub(b, steps) },
		"markdown": func(b *strings.Builder) error { return StepsMarkdown(b, steps) },
	} {
		b.Reset()
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		switch {
		case name == "github" && (strings.Count(text, "\n::error ") > annotations || !strings.Contains(text, "::group::")):
			t.Errorf("GitHub keeps no more than %d errors:\n%.500s", annotations, text)
		case name == "markdown" && (len(text) > roomForMoves+1000 || !strings.Contains(text, "have no room here: <code>kgate promote --check main</code>") || strings.Contains(text, "| allowed") || strings.Contains(text, "@nobody") || strings.Contains(text, "<b>")):
			t.Errorf("%d bytes:\n%s", len(text), text)
		}
		if strings.Contains(text, "\n::error::x") || strings.Contains(text, "\n::warning::y") {
			t.Errorf("%s: a text is a command", name)
		}
	}
}
