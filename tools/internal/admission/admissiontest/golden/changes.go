package golden

import (
	"errors"
	"io"

	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/mutate"
)

// Changed is an object, and what the server says to changes of it while it, or what was made of it, is there.
type Changed struct {
	Object  map[string]any
	Changes []Change
}

// Change is how an object is made that is there, how another state of it is made, both of the same base, and what the server says
// when the second is applied.
type Change struct {
	Was      []mutate.Mutation `json:"w,omitempty"`
	By       []mutate.Mutation `json:"b,omitempty"`
	Admitted bool              `json:"ok,omitempty"`
	Message  string            `json:"e,omitempty"` // the server's, shortened, if it refuses
}

// Apply makes an object of another by mutations, one after the other.
func Apply(object map[string]any, by []mutate.Mutation) (map[string]any, error) {
	for _, m := range by {
		var err error
		if object, err = m.Apply(object); err != nil {
			return nil, err
		}
	}
	return object, nil
}

type changedLine struct {
	Object map[string]any `json:"o,omitempty"`
	*Change
}

// WriteChanges writes changes, compressed.
func WriteChanges(w io.Writer, all []Changed) error {
	return writeLines(w, func(yield func(changedLine) bool) {
		for _, c := range all {
			if !yield(changedLine{Object: c.Object}) {
				return
			}
			for _, change := range c.Changes {
				if !yield(changedLine{Change: &change}) {
					return
				}
			}
		}
	})
}

// ReadChanges reads what WriteChanges wrote.
func ReadChanges(compressed []byte) ([]Changed, error) {
	var all []Changed
	err := readLines(compressed, func(l changedLine) error {
		switch {
		case l.Object != nil:
			all = append(all, Changed{Object: l.Object})
			return json.ConvertMapNumbers(l.Object, 0)
		case l.Change == nil || len(all) == 0:
			return errors.New("neither an object nor a change of one")
		}
		for _, list := range [][]mutate.Mutation{l.Was, l.By} {
			for i := range list {
				if err := typed(&list[i]); err != nil {
					return err
				}
			}
		}
		c := &all[len(all)-1]
		c.Changes = append(c.Changes, *l.Change)
		return nil
	})
	return all, err
}

// typed gives a mutation that was read the types that it was written with.
func typed(m *mutate.Mutation) error {
	if err := typePath(m.Path); err != nil {
		return err
	}
	held := map[string]any{"": m.Value}
	if err := json.ConvertMapNumbers(held, 0); err != nil {
		return err
	}
	m.Value = held[""]
	return nil
}
