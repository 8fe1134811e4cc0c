// Package exemption holds exemptions to account: each lets something pass, and none may outlive its reason. An exemption from
// one of these checks would be the hole that they are there to close, so they are locked.
package exemption

import (
	"fmt"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// Checks returns the checks of exemptions. At most one of them finds something in one exemption.
func Checks() []*check.Check { return []*check.Check{expired(), tooLong(), unused(), mended()} }

func expired() *check.Check {
	return &check.Check{
		Name:     "exemption/expired",
		Title:    "Every exemption is within its time",
		Doc:      "An exemption is a decision with an end. One that nobody looks at again turns into a hole that everybody forgot: after its last day it lets nothing pass and fails the run until somebody decides anew.",
		Fix:      "Mend what it exempts and delete it, or have its owner renew it with a new date and reason.",
		Severity: check.Error, Scope: check.Itself, Origin: "kgate", Locked: true,
		Bad: expiredBad, Good: expiredGood,
		Audit: func(u check.Use) string {
			if !u.Expired() {
				return ""
			}
			return fmt.Sprintf("the exemption from %s expired after %s; its owner is %s", u.Check, u.Expires.Format(time.DateOnly), u.Owner)
		},
	}
}

func tooLong() *check.Check {
	return &check.Check{
		Name:     "exemption/too-long",
		Title:    "No exemption is for longer than the longest term",
		Doc:      "An exemption until 9999 is a check that somebody switched off. The longest term is one year from the day of the run, or what `longestExemption` in kgate.yaml says, as 90d, 6m or 2y. One that ends later lets nothing pass.",
		Fix:      "Choose a day on which somebody will look at it again, within the longest term.",
		Severity: check.Error, Scope: check.Itself, Origin: "kgate", Locked: true,
		Bad: tooLongBad, Good: tooLongGood,
		Audit: func(u check.Use) string {
			if u.Expired() || !u.TooLong() {
				return ""
			}
			return fmt.Sprintf("the exemption from %s ends with %s; the last day that one may have today is %s",
				u.Check, u.Expires.Format(time.DateOnly), u.Latest.Format(time.DateOnly))
		},
	}
}

func mended() *check.Check {
	return &check.Check{
		Name:  "exemption/mended",
		Title: "The baseline holds nothing that is mended",
		Doc: "An entry of kgate-baseline.yaml that holds more than there is lets the next fault of its kind pass at the same place. Judged only when " +
			"what it is about was checked.",
		Fix:      "Run `kgate baseline --prune`, which takes out what is mended, or delete the entry.",
		Severity: check.Warning, Scope: check.Itself, Origin: "kgate", Locked: true,
		Bad: mendedBad, Good: mendedGood,
		Review: func(m check.Mended) string {
			if m.Left == 0 {
				return fmt.Sprintf("%s is mended in %s: the baseline need not hold it", m.Fingerprint, strings.Join(m.In, ", "))
			}
			return fmt.Sprintf("of %s, the baseline holds more than there is in %s", m.Fingerprint, strings.Join(m.In, ", "))
		},
	}
}

func unused() *check.Check {
	return &check.Check{
		Name:     "exemption/unused",
		Title:    "Every exemption lets something pass",
		Doc:      "An exemption that matches nothing was mended and left behind, or names the wrong object. Either way it will hide the next real fault that happens to fit it. Judged only when all targets that it covers were checked; one that stands in an annotation, only when every target of the repository was.",
		Fix:      "Delete it, or correct its check, target, object or path.",
		Severity: check.Error, Scope: check.Itself, Origin: "kgate", Locked: true,
		Bad: unusedBad, Good: unusedGood,
		Audit: func(u check.Use) string {
			if u.Expired() || u.TooLong() || !u.Idle {
				return "" // one that is not in force lets nothing pass for another reason
			}
			why := "nothing it covers is at fault"
			switch named := u.Object.String(); {
			case u.Absent && u.Near != "":
				why = fmt.Sprintf("no target that it covers renders %s; did you mean `%s`?", named, u.Near)
			case u.Absent:
				why = fmt.Sprintf("no target that it covers renders %s", named)
			case named != "":
				why = named + " is there, and not at fault"
			}
			return fmt.Sprintf("the exemption from %s lets nothing pass: %s", u.Check, why)
		},
	}
}
