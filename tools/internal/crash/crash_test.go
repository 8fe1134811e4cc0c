package crash

import (
	"errors"
	"strings"
	"testing"
)

func boom() { panic("it broke") }

func TestCatch(t *testing.T) {
	err := Catch(func() error { boom(); return nil })
	caught := (*Error)(nil)
	if !errors.As(err, &caught) || caught.Value != "it broke" {
		t.Fatalf("got %v", err)
	}
	if len(caught.Stack) == 0 || !strings.Contains(caught.Stack[0], "crash.boom crash_test.go:") {
		t.Errorf("it does not say where: %q", caught.Stack)
	}
	for _, word := range []string{"it broke", "crash_test.go:"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	var nowhere []int
	if err := Catch(func() error { nowhere[0]++; return nil }); err == nil || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("a fault of the runtime: %v", err)
	}
	want := errors.New("plain")
	if err := Catch(func() error { return want }); err != want {
		t.Errorf("got %v, want the function's own error", err)
	}
	if err := Catch(func() error { return nil }); err != nil {
		t.Errorf("got %v for nothing", err)
	}
}
