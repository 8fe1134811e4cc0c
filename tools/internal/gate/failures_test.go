package gate

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// What is joined with an error that has a place must not be lost for having none.
func TestFailuresLoseNothing(t *testing.T) {
	placed := &manifest.SyntaxError{Position: manifest.Position{File: "a.yaml", Line: 3}, Message: "bad"}
	for _, test := range []struct {
		err  error
		want []string
	}{
		{fmt.Errorf("render x: %w", placed), []string{"a.yaml:3: bad"}},
		{fmt.Errorf("render x: %w", errors.Join(placed, errors.New("disk full"))), []string{"a.yaml:3: bad", "x: disk full"}},
		{fmt.Errorf("render x: %w", errors.New("disk full")), []string{"x: render x: disk full"}},
	} {
		var got []string
		for _, f := range Failures("x", test.err) {
			got = append(got, f.String())
		}
		if fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%v:\n got %q\nwant %q", test.err, got, test.want)
		}
	}
}
