package golden

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
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
	encoder, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return err
	}
	put := func(l changedLine) error {
		text, err := json.Marshal(l)
		if err == nil {
			_, err = encoder.Write(append(text, '\n'))
		}
		return err
	}
	for _, c := range all {
		if err := put(changedLine{Object: c.Object}); err != nil {
			return err
		}
		for _, change := range c.Changes {
			if err := put(changedLine{Change: &change}); err != nil {
				return err
			}
		}
	}
	return encoder.Close()
}

// ReadChanges reads what WriteChanges wrote.
func ReadChanges(compressed []byte) ([]Changed, error) {
	decoder, err := zstd.NewReader(bytes.NewReader(compressed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	var all []Changed
	lines := bufio.NewScanner(decoder)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var l changedLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case l.Object != nil:
			if err := json.ConvertMapNumbers(l.Object, 0); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			all = append(all, Changed{Object: l.Object})
		case l.Change == nil || len(all) == 0:
			return nil, fmt.Errorf("line %d: neither an object nor a change of one", n)
		default:
			for _, list := range [][]mutate.Mutation{l.Was, l.By} {
				for i := range list {
					if err := typed(&list[i]); err != nil {
						return nil, fmt.Errorf("line %d: %w", n, err)
					}
				}
			}
			c := &all[len(all)-1]
			c.Changes = append(c.Changes, *l.Change)
		}
	}
	return all, lines.Err()
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
