package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// problem is an error as a client sees it: a problem document of RFC 9457.
// Its type is about:blank, so the title is the status text; what a client acts on is the status and Errors.
type problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail,omitempty"`
	Errors []fault `json:"errors,omitempty"`

	header http.Header
}

// fault is one thing wrong with a request. One of Pointer (into the body, RFC 6901 as a URI fragment),
// Parameter (of the query or the path) and Header says where.
type fault struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	Header    string `json:"header,omitempty"`
	Detail    string `json:"detail"`
}

func newProblem(status int, detail string) *problem {
	title := http.StatusText(status)
	if status == statusClientClosedRequest {
		title = "Client Closed Request"
	}
	return &problem{Type: "about:blank", Title: title, Status: status, Detail: detail, header: http.Header{}}
}

// invalid is the problem of a request that can be read but not accepted.
func invalid(faults ...fault) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "the request has faults; errors names each")
	p.Errors = faults
	return p
}

// with adds a header field to the answer.
func (p *problem) with(name, value string) *problem {
	p.header.Set(name, value)
	return p
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", "application/problem+json")
	body, err := json.Marshal(p)
	if err != nil {
		// Strings and a number: there is nothing in a problem that JSON lacks.
		panic(err)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

// statusClientClosedRequest is written to a client that has gone. Nobody reads it, but in metrics and alerts it
// must not count as a failure of the service. There is no registered status for it; nginx made this one common.
const statusClientClosedRequest = 499

// retryAfter is how many seconds a client is asked to wait when the service sheds load or lacks its database.
const retryAfter = "1"

// problemOf maps an error to what the client is told. It is the only place where that is decided.
// Details of an error that the service did not foresee stay in the log.
func problemOf(r *http.Request, err error) *problem {
	ctx := r.Context()
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*release.Invalid](err); ok {
		faults := make([]fault, len(e.Faults))
		for i, f := range e.Faults {
			faults[i] = faultOf(r, f)
		}
		return invalid(faults...)
	}
	switch {
	case errors.Is(err, release.ErrNotFound):
		return newProblem(http.StatusNotFound, "there is no such release")
	case errors.Is(err, release.ErrConflict):
		return newProblem(http.StatusConflict, err.Error())
	case errors.Is(context.Cause(ctx), errDeadline):
		return newProblem(http.StatusGatewayTimeout, "the request took longer than it may").with("Retry-After", retryAfter)
	case errors.Is(ctx.Err(), context.Canceled):
		return newProblem(statusClientClosedRequest, "the client closed the connection")
	case errors.Is(err, release.ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, "the database cannot be reached").with("Retry-After", retryAfter)
	default:
		return newProblem(http.StatusInternalServerError, "the service failed; the log says why under the trace of this request")
	}
}

// faultOf says where in r the field of f is: the fields of a write are in its body, those of a search in its query.
func faultOf(r *http.Request, f release.Fault) fault {
	switch {
	case f.Field == idempotencyKey:
		return fault{Header: f.Field, Detail: f.Message}
	case r.Method == http.MethodPost || r.Method == http.MethodPatch:
		return fault{Pointer: "#/" + f.Field, Detail: f.Message}
	default:
		return fault{Parameter: f.Field, Detail: f.Message}
	}
}
