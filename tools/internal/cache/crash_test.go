package cache

import "testing"

// Whoever asks after a panic must not take the zero value for the result.
func TestGetAfterAPanic(t *testing.T) {
	var c Cache[string, int]
	for range 2 {
		if value, err := c.Get("a", func() (int, error) { panic("broke") }); err == nil {
			t.Errorf("got %d and no error", value)
		}
	}
}
