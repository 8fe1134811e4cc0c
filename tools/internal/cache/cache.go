// Package cache computes a value once for each key, whoever asks and however many ask at the same time.
package cache

import (
	"maps"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/crash"
)

// Cache keeps values, and the errors of making them, by what they are made from. The zero value is empty and
// ready; it must not be copied.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*entry[V]
}

type entry[V any] struct {
	once  sync.Once
	value V
	err   error
	asked bool // since the last Sweep
}

// Get returns the value of a key, making it if nobody has. Those who ask meanwhile wait for the one who makes it.
func (c *Cache[K, V]) Get(key K, make func() (V, error)) (V, error) {
	c.mu.Lock()
	if c.entries == nil {
		c.entries = map[K]*entry[V]{}
	}
	e := c.entries[key]
	if e == nil {
		e = &entry[V]{}
		c.entries[key] = e
	}
	e.asked = true
	c.mu.Unlock()
	// After a panic, those who wait would take the zero value for the result.
	e.once.Do(func() {
		e.err = crash.Catch(func() (err error) {
			e.value, err = make()
			return err
		})
	})
	return e.value, e.err
}

// Forget drops the values of keys. It must not be called while one of them is made.
func (c *Cache[K, V]) Forget(keys ...K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		delete(c.entries, key)
	}
}

// ForgetFunc drops the values of all keys for which drop is true.
func (c *Cache[K, V]) ForgetFunc(drop func(K) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.entries, func(key K, _ *entry[V]) bool { return drop(key) })
}

// Sweep forgets what nobody has asked for since the last Sweep, and every error, so that a cache that lives through many
// runs holds what the last one needed. It must not be called while a value is made.
func (c *Cache[K, V]) Sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, e := range c.entries {
		if !e.asked || e.err != nil {
			delete(c.entries, key)
		}
		e.asked = false
	}
}
