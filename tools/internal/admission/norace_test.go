//go:build !race

package admission

// part is that of a run without the race detector: all that is recorded.
const part = 1
