package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// problem is an error as a client sees it: a problem document of RFC 9457. What a client acts on is Code, which stays, and
// Errors; Type is where the code is described.
type problem struct {
	Type    string  `json:"type"`
	Title   string  `json:"title"`
	Status  int     `json:"status"`
	Code    string  `json:"code"`
	Detail  string  `json:"detail,omitempty"`
	Errors  []fault `json:"errors,omitempty"`
	TraceID string  `json:"trace_id,omitempty"` // under which the log has the request

	header http.Header
}

// problemTypes is where docs/problems.md describes each code.
const problemTypes = "https://github.com/kgate-dev/gitops/blob/main/docs/problems.md#"

// problemKind is a type of problem.
type problemKind struct {
	code   string
	status int
	title  string
}

// The codes that are told apart where a status alone does not.
const (
	codeTokenRequired        = "token_required"
	codeTokenInvalid         = "token_invalid"
	codeTokenExpired         = "token_expired"
	codeNoTokens             = "no_tokens"
	codePermissionMissing    = "permission_missing"
	codeOutOfScope           = "out_of_scope"
	codeClaimsNotGranted     = "claims_not_granted"
	codeTooManyFailures      = "too_many_failures"
	codeIssuerUnavailable    = "issuer_unavailable"
	codeIdempotencyKeyReused = "idempotency_key_reused"
	codeDatabaseUnavailable  = "database_unavailable"
	codeShuttingDown         = "shutting_down"
	codeOverloaded           = "overloaded"
)

// problemKinds are the types of problems. Of one status, the first is what a problem is that says no code.
func problemKinds() []problemKind {
	return []problemKind{
		{"malformed_request", http.StatusBadRequest, "The request cannot be read"},
		{codeTokenRequired, http.StatusUnauthorized, "The request needs a token"},
		{codeTokenInvalid, http.StatusUnauthorized, "The token is not accepted"},
		{codeTokenExpired, http.StatusUnauthorized, "The token has expired"},
		{codeNoTokens, http.StatusForbidden, "The service knows no token"},
		{codePermissionMissing, http.StatusForbidden, "The token has not the permission"},
		{codeOutOfScope, http.StatusForbidden, "The token is for other services or environments"},
		{codeClaimsNotGranted, http.StatusForbidden, "Nothing is granted to the claims of the token"},
		{"not_found", http.StatusNotFound, "There is nothing like that"},
		{"method_not_allowed", http.StatusMethodNotAllowed, "The path has no such method"},
		{"body_timeout", http.StatusRequestTimeout, "The body did not arrive in time"},
		{"conflict", http.StatusConflict, "What is recorded contradicts the request"},
		{"body_too_large", http.StatusRequestEntityTooLarge, "The body is too large"},
		{"unsupported_media_type", http.StatusUnsupportedMediaType, "The body is of a kind that is not read here"},
		{"invalid_request", http.StatusUnprocessableEntity, "The request has faults"},
		{codeIdempotencyKeyReused, http.StatusUnprocessableEntity, "The idempotency key belongs to another request"},
		{codeTooManyFailures, http.StatusTooManyRequests, "Too many tokens were not accepted"},
		{"client_closed_request", statusClientClosedRequest, "The client has gone"},
		{"internal_error", http.StatusInternalServerError, "The service failed"},
		{"unavailable", http.StatusServiceUnavailable, "The service cannot answer now"},
		{codeDatabaseUnavailable, http.StatusServiceUnavailable, "The database cannot answer now"},
		{codeIssuerUnavailable, http.StatusServiceUnavailable, "The issuer of the token cannot be asked"},
		{codeOverloaded, http.StatusServiceUnavailable, "The service is at its limit"},
		{codeShuttingDown, http.StatusServiceUnavailable, "The service is shutting down"},
		{"request_timeout", http.StatusGatewayTimeout, "The request took too long"},
	}
}

// fault is one thing wrong with a request. One of Pointer (into the body, RFC 6901 as a URI fragment),
// Parameter (of the query or the path) and Header says where.
type fault struct {
	Pointer   string `json:"pointer,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	Header    string `json:"header,omitempty"`
	Detail    string `json:"detail"`
}

// newProblem is a problem of the first type that has the status.
func newProblem(status int, detail string) *problem {
	return problemOfKind(func(k problemKind) bool { return k.status == status }, detail)
}

// codedProblem is a problem of the type that has the code.
func codedProblem(code, detail string) *problem {
	return problemOfKind(func(k problemKind) bool { return k.code == code }, detail)
}

func problemOfKind(wanted func(problemKind) bool, detail string) *problem {
	all := problemKinds()
	i := slices.IndexFunc(all, wanted)
	if i < 0 {
		i = slices.IndexFunc(all, func(k problemKind) bool { return k.status == http.StatusInternalServerError })
	}
	k := all[i]
	return &problem{Type: problemTypes + k.code, Title: k.title, Status: k.status, Code: k.code, Detail: detail, header: http.Header{}}
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

// traced adds the trace of r, by which the log and the traces are searched.
func (p *problem) traced(r *http.Request) *problem {
	if span := trace.SpanContextFromContext(r.Context()); span.HasTraceID() {
		p.TraceID = span.TraceID().String()
	}
	return p
}

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
	case errors.Is(err, release.ErrKeyReused):
		return codedProblem(codeIdempotencyKeyReused, "the idempotency key was used for another body")
	case errors.Is(err, release.ErrConflict):
		return newProblem(http.StatusConflict, release.ConflictDetail(err))
	case errors.Is(context.Cause(ctx), errDeadline), errors.Is(err, errDeadline):
		return newProblem(http.StatusGatewayTimeout, "the request took longer than it may").with("Retry-After", retryAfter)
	case errors.Is(ctx.Err(), context.Canceled):
		return newProblem(statusClientClosedRequest, "the client closed the connection")
	case errors.Is(err, release.ErrUnavailable):
		return codedProblem(codeDatabaseUnavailable, sayUnavailable(release.CauseOf(err))).with("Retry-After", retryAfter)
	default:
		return newProblem(http.StatusInternalServerError, "the service failed; the log says why under the trace of this request")
	}
}

// sayUnavailable tells a client why the ledger cannot answer now. What was tried on the database stays in the log.
func sayUnavailable(cause release.Cause) string {
	switch cause {
	case release.Unreachable:
		return "the database cannot be reached"
	case release.Starting:
		return "the database is starting or shutting down"
	case release.ReadOnly:
		return "the database is read-only: nothing can be recorded"
	case release.StorageFull:
		return "the database has no space left: nothing can be recorded"
	case release.TooManyConnections:
		return "the database has no connection to spare"
	case release.LockTimeout:
		return "something else holds a lock in the database that this request waited for in vain; nothing was changed"
	case release.Timeout:
		return "the database did not answer in time"
	case release.Unmigrated:
		return "the database has not the schema of this version of the service yet"
	case release.Contended:
		return "other requests changed the same release at the same time, again and again; nothing was changed"
	}
	return "the database fails in a way that may pass"
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
