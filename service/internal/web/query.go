package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// queryOf reads the query as strictly as a body is read: a parameter that this route does not know, or that occurs
// twice, is a fault. A filter that is misspelt must not select everything.
func queryOf(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "the query cannot be read")
	}
	var faults []fault
	for name, values := range q {
		switch {
		case !slices.Contains(known, name):
			faults = append(faults, fault{Parameter: strings.ToValidUTF8(name, "\uFFFD"), Detail: "is not a parameter of this path"})
		case len(values) > 1:
			faults = append(faults, fault{Parameter: name, Detail: "occurs more than once"})
		case values[0] == "":
			faults = append(faults, fault{Parameter: name, Detail: "must not be empty"})
		case !utf8.ValidString(values[0]):
			faults = append(faults, fault{Parameter: name, Detail: "is not UTF-8"})
		}
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.Parameter, b.Parameter) })
		return nil, invalid(faults...)
	}
	return q, nil
}
