package web

import (
	"net/http"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/release"
)

const (
	idempotencyKey = "Idempotency-Key"
	// replayed marks an answer to what was recorded before.
	replayed = "Idempotency-Replayed"
)

// recordRelease records one release. The answer is 201 for something new, and again for the repeat of a request
// with the same Idempotency-Key, which gets the first answer; it is 200 for facts that were known without a key.
func (a *API) recordRelease(w http.ResponseWriter, r *http.Request) error {
	keys := r.Header.Values(idempotencyKey)
	if len(keys) > 1 || len(keys) == 1 && keys[0] == "" {
		return invalid(fault{Header: idempotencyKey, Detail: "must occur once and not be empty"})
	}
	key := r.Header.Get(idempotencyKey)
	if err := release.ValidateKey(key); err != nil {
		return err
	}
	var d release.Draft
	if err := decodeBody(w, r, a.maxBody, &d); err != nil {
		return err
	}
	d = d.Normal()
	if err := d.Validate(a.now()); err != nil {
		return err
	}
	if err := within(r.Context(), access.Write, d.Service, d.Environment); err != nil {
		return err
	}
	recorded, repeated, err := a.ledger.Record(r.Context(), d, key)
	if err != nil {
		return err
	}
	code := http.StatusCreated
	if repeated {
		w.Header().Set(replayed, "true")
		if key == "" {
			code = http.StatusOK
		}
	}
	w.Header().Set("Location", "/v1/releases/"+recorded.ID)
	return answer(w, code, recorded)
}
