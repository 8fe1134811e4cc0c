package custom

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// Types of faults that are no field.Error of the server.
const (
	typeStrict = "StrictDecodingError" // a field that the server does not know
	typeDecode = "DecodingError"       // a value of another type than the field's
	typeApply  = "ApplyError"          // what server-side apply refuses before validation
)

// Undeclared reports a field that the schema does not have.
func Undeclared(f Fault) bool { return f.Type == typeApply && f.Message == fault.Undeclared }

// numberedType is how the server's CEL compiler calls the type of self: with a random number, and a report must not
// change from run to run.
var numberedType = regexp.MustCompile(`selfType[0-9]+`)

func fieldFaults(content map[string]any, errs field.ErrorList) []Fault {
	var faults []Fault
	for _, e := range errs {
		faults = append(faults, Fault{Path: fault.Path(content, e.Field), Message: numberedType.ReplaceAllString(e.ErrorBody(), "selfType"), Type: string(e.Type), Detail: numberedType.ReplaceAllString(e.Detail, "selfType")})
	}
	return sorted(faults)
}

// sorted puts faults in the order of their paths, those of the whole object last, and drops repetitions: the
// server goes through maps, so that its own order changes from run to run.
func sorted(faults []Fault) []Fault {
	key := func(f Fault) string {
		var b strings.Builder
		for _, step := range f.Path {
			switch step := step.(type) {
			case int:
				fmt.Fprintf(&b, "\x00%09d", step)
			default:
				fmt.Fprintf(&b, "\x00%v", step)
			}
		}
		return b.String()
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		if (len(a.Path) == 0) != (len(b.Path) == 0) {
			return len(b.Path) - len(a.Path)
		}
		return cmp.Or(strings.Compare(key(a), key(b)), strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(faults, func(a, b Fault) bool {
		return a.Message == b.Message && a.Type == b.Type && slices.Equal(a.Path, b.Path)
	})
}
