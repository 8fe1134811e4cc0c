package activity_test

import (
	"context"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/activity"
)

func TestLogNamesWhatIsUnderWay(t *testing.T) {
	log := &activity.Log{}
	ctx := activity.With(context.Background(), log)
	if got := log.String(); got != "" {
		t.Errorf("an idle log says %q", got)
	}
	first := activity.Begin(ctx, "rendering %s", "a")
	second := activity.Begin(ctx, "rendering %s", "b")
	if got, want := log.String(), "rendering a, rendering b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	first()
	for range 3 {
		defer activity.Begin(ctx, "the rules on %s", "c")()
	}
	if got, want := log.String(), "rendering b, the rules on c, the rules on c and 1 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	second()
	second() // once is enough, twice does no harm
	if got, want := log.String(), "the rules on c, the rules on c, the rules on c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWithoutALogNothingIsNoted(t *testing.T) {
	activity.Begin(context.Background(), "nothing")()
}
