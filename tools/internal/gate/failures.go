package gate

import (
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// Failures takes an error apart into those that name a place and those joined with them; if none names a place, it
// stays whole.
func Failures(target string, err error) []report.Failure {
	var out, placeless []report.Failure
	for rest := []error{err}; len(rest) > 0; rest = rest[1:] {
		switch e := rest[0].(type) {
		case *manifest.SyntaxError:
			out = append(out, report.Failure{Target: target, Source: e.Position, Message: e.Message})
		case interface{ Unwrap() []error }:
			rest = append(rest, e.Unwrap()...)
		case interface{ Unwrap() error }:
			if inner := e.Unwrap(); inner != nil {
				rest = append(rest, inner)
			} else {
				placeless = append(placeless, report.Failure{Target: target, Message: rest[0].Error()})
			}
		default:
			placeless = append(placeless, report.Failure{Target: target, Message: rest[0].Error()})
		}
	}
	if out == nil {
		return []report.Failure{{Target: target, Message: err.Error()}}
	}
	return append(out, placeless...)
}
