// Package crash turns a panic into an error: a library that fails on hostile input ends one target or one check, and the
// Go runtime, which prints raw what a panic says, has nothing to print.
package crash

import (
	"fmt"
	"runtime"
	"strings"
)

// Error is a panic that was caught.
type Error struct {
	Value any
	Stack []string // the functions that were running, the innermost first, as pkg.Func file:line
}

func (e *Error) Error() string {
	return fmt.Sprintf("kgate failed on this input, which is a fault of kgate: %v\nat %s", e.Value, strings.Join(e.Stack, "\nat "))
}

// depth is how many functions an error names.
const depth = 8

// Catch runs a function, and returns what it panics with as an *Error.
func Catch(run func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &Error{value, stack()}
		}
	}()
	return run()
}

// stack are the functions that led to the panic that is being caught.
func stack() []string {
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters)])
	var names []string
	for more := true; more && len(names) < depth; {
		var f runtime.Frame
		f, more = frames.Next()
		if strings.HasPrefix(f.Function, "runtime.") {
			continue // how the panic came up
		}
		file := f.File[strings.LastIndexByte(f.File, '/')+1:]
		names = append(names, fmt.Sprintf("%s %s:%d", f.Function, file, f.Line))
	}
	return names
}
