//go:build race

package admission

// part says that the race detector sees one of so many recorded verdicts of an object, of every kind: it makes them ten times as
// slow, and `make test` compares all of them without it.
const part = 8
