package gate

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/activity"
)

// stuck is work that heeds nothing, as a library that knows no context.
func stuck(t *testing.T, began chan<- struct{}) func(context.Context) error {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return func(ctx context.Context) error {
		defer activity.Begin(ctx, "rendering %s", "app")()
		if began != nil {
			close(began)
		}
		<-release
		return nil
	}
}

func TestARunIsGivenUp(t *testing.T) {
	t.Run("timeout", func(t *testing.T) {
		err := Limits{Timeout: time.Millisecond}.Within(context.Background(), stuck(t, nil))
		if err == nil || !strings.HasPrefix(err.Error(), "gave up after 1ms") || !strings.HasSuffix(err.Error(), ": --timeout raises the limit") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("memory", func(t *testing.T) {
		began := make(chan struct{})
		err := Limits{Memory: 1}.Within(context.Background(), stuck(t, began))
		if want := "gave up at 1 of memory while rendering app: --memory raises the limit"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("interrupt", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(context.Background())
		began := make(chan struct{})
		go func() { <-began; interrupt() }()
		err := Limits{}.Within(ctx, stuck(t, began))
		if want := "interrupted while rendering app"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("work that heeds the end says what was under way as well", func(t *testing.T) {
		ctx, interrupt := context.WithCancel(context.Background())
		err := Limits{}.Within(ctx, func(ctx context.Context) error {
			defer activity.Begin(ctx, "checking")()
			interrupt()
			<-ctx.Done()
			return ctx.Err()
		})
		if want := "interrupted while checking"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("work that ends is left alone", func(t *testing.T) {
		if err := (Limits{Timeout: time.Hour, Memory: 4 << 30}).Within(context.Background(), func(context.Context) error { return io.EOF }); err != io.EOF {
			t.Errorf("got %v", err)
		}
	})
}

// A small run leaves its garbage, a large one does not double itself.
func TestGarbage(t *testing.T) {
	const mb = 1 << 20
	for live, want := range map[uint64]int{0: 200, 4 * mb: 200, 40 * mb: 200, 48 * mb: 150, 60 * mb: 100, 80 * mb: 50, 150 * mb: 50, 4096 * mb: 50} {
		if got := garbage(live); got != want {
			t.Errorf("%d MB live: got %d %%, want %d", live/mb, got, want)
		}
	}
}
