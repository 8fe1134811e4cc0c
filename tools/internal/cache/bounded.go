package cache

import (
	"container/list"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/crash"
)

// Bounded is a Cache that holds a limited amount: of what is too much, that goes which nobody has asked for the longest.
// It is safe for concurrent use.
type Bounded[K comparable, V any] struct {
	most int

	mu      sync.Mutex
	entries map[K]*list.Element
	order   list.List // of *sized[K, V], the one asked for last in front
	size    int
}

type sized[K comparable, V any] struct {
	key   K
	once  sync.Once
	value V
	err   error
	size  int // once it is made
}

// NewBounded is an empty cache of values that may have so much of a size together.
func NewBounded[K comparable, V any](most int) *Bounded[K, V] {
	return &Bounded[K, V]{most: most, entries: map[K]*list.Element{}}
}

// Get returns the value of a key, making it, and its size, if it is not there. Those who ask meanwhile wait for the one who
// makes it. An error is kept too.
func (b *Bounded[K, V]) Get(key K, make func() (value V, size int, err error)) (V, error) {
	e := b.entry(key)
	e.once.Do(func() {
		var size int
		e.err = crash.Catch(func() (err error) {
			e.value, size, err = make()
			return err
		})
		b.keep(e, size+1) // what is empty takes room too
	})
	return e.value, e.err
}

func (b *Bounded[K, V]) entry(key K) *sized[K, V] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := b.entries[key]; at != nil {
		b.order.MoveToFront(at)
		return at.Value.(*sized[K, V])
	}
	e := &sized[K, V]{key: key}
	b.entries[key] = b.order.PushFront(e)
	return e
}

// keep counts what was made, and forgets others until the rest is not too much.
func (b *Bounded[K, V]) keep(made *sized[K, V], size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := b.entries[made.key]; at == nil || at.Value != any(made) {
		return // forgotten meanwhile
	}
	made.size = size
	b.size += size
	for b.size > b.most {
		last := b.order.Remove(b.order.Back()).(*sized[K, V])
		delete(b.entries, last.key)
		b.size -= last.size
	}
}
