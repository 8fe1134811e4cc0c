// Package activity knows what a run is doing, so that whoever ends it can say what it was busy with.
package activity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Log is what is under way. It is safe for concurrent use; a nil Log takes everything and knows nothing.
type Log struct {
	mu    sync.Mutex
	steps []*step // in the order in which they began
}

type step struct {
	format string
	args   []any
}

type key struct{}

// With is a context in which Begin writes to a log.
func With(ctx context.Context, log *Log) context.Context { return context.WithValue(ctx, key{}, log) }

// Begin notes that a step begins, such as "rendering overlays/dev". The function that it returns ends the step. Nothing is
// formatted until somebody asks.
func Begin(ctx context.Context, format string, args ...any) (end func()) {
	log, _ := ctx.Value(key{}).(*Log)
	if log == nil {
		return func() {}
	}
	s := &step{format, args}
	log.mu.Lock()
	defer log.mu.Unlock()
	log.steps = append(log.steps, s)
	return func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		log.steps = slices.DeleteFunc(log.steps, func(other *step) bool { return other == s })
	}
}

// most is how many steps are named.
const most = 3

// String names the steps that are under way, the one that has taken longest first; "" when there is none.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var said []string
	for _, s := range l.steps {
		if said = append(said, fmt.Sprintf(s.format, s.args...)); len(said) == most {
			break
		}
	}
	text := strings.Join(said, ", ")
	if n := len(l.steps) - len(said); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
