// Package golden keeps the verdicts that a real API server gave, and the reasons for which kgate's may differ.
package golden

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/mutate"
)

// A Base is an object, and what the server says to it or, if it admits it, to mutations of it.
type Base struct {
	Object   map[string]any
	Refused  string   // the message, shortened; empty if it admits the object
	Warnings []string // what it says of one that it admits
	Verdicts []Verdict
}

// A Verdict is the server's on a mutated object.
type Verdict struct {
	mutate.Mutation
	Admitted bool     `json:"ok,omitempty"`
	Message  string   `json:"e,omitempty"` // the server's, shortened, if it refuses
	Warnings []string `json:"w,omitempty"`
}

// LeftOut reports a warning of the server that is not admission/warning's to give: schema/current-version says which versions
// of custom kinds are deprecated, and formats in definitions are not looked at.
func LeftOut(kind, said string) bool {
	group, _, _ := strings.Cut(kind, "/")
	custom := strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
	return custom && strings.HasSuffix(said, "is deprecated") || strings.HasPrefix(said, "unrecognized format") ||
		strings.HasSuffix(kind, " CustomResourceDefinition")
}

type line struct {
	Object  map[string]any `json:"o,omitempty"`
	Refused string         `json:"r,omitempty"`
	Warned  []string       `json:"x,omitempty"`
	*Verdict
}

// Write writes bases, compressed.
func Write(w io.Writer, bases []Base) error {
	return writeLines(w, func(yield func(line) bool) {
		for _, b := range bases {
			if !yield(line{Object: b.Object, Refused: b.Refused, Warned: b.Warnings}) {
				return
			}
			for _, v := range b.Verdicts {
				if !yield(line{Verdict: &v}) {
					return
				}
			}
		}
	})
}

// Read reads what Write wrote.
func Read(compressed []byte) ([]Base, error) {
	var bases []Base
	err := readLines(compressed, func(l line) error {
		switch {
		case l.Object != nil:
			bases = append(bases, Base{Object: l.Object, Refused: l.Refused, Warnings: l.Warned})
			return json.ConvertMapNumbers(l.Object, 0)
		case l.Verdict == nil || len(bases) == 0:
			return errors.New("neither an object nor a verdict on one")
		}
		b := &bases[len(bases)-1]
		b.Verdicts = append(b.Verdicts, *l.Verdict)
		return typePath(l.Path)
	})
	return bases, err
}

// writeLines writes values, each as a line of JSON, compressed.
func writeLines[T any](w io.Writer, lines iter.Seq[T]) error {
	encoder, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return err
	}
	for l := range lines {
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		if _, err := encoder.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return encoder.Close()
}

// readLines gives what writeLines wrote, one after the other.
func readLines[T any](compressed []byte, take func(T) error) error {
	decoder, err := zstd.NewReader(bytes.NewReader(compressed), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decoder.Close()
	lines := bufio.NewScanner(decoder)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		var l T
		err := json.Unmarshal(lines.Bytes(), &l)
		if err == nil {
			err = take(l)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

// typePath makes indexes of the numbers that JSON gives.
func typePath(steps []any) error {
	for i, step := range steps {
		switch step := step.(type) {
		case string:
		case float64:
			steps[i] = int(step)
		case int64:
			steps[i] = int(step)
		default:
			return fmt.Errorf("a step of a path is a %T", step)
		}
	}
	return nil
}

// A Disagreement is a known difference between the server's verdict and kgate's. Patterns are those of path.Match
// with * for anything; an empty one is *.
type Disagreement struct {
	Kind     string `json:"kind"`     // as "apps/v1 Deployment"
	Mutation string `json:"mutation"` // name of the mutation
	Path     string `json:"path"`     // of the field, as spec.list[0].field
	Message  string `json:"message"`  // a part of the message of the side that refuses
	Reason   string `json:"reason"`
}

// ReadDisagreements reads disagreements.yaml. Each has a reason.
func ReadDisagreements(text []byte) ([]Disagreement, error) {
	var list []Disagreement
	if err := yaml.UnmarshalStrict(text, &list); err != nil {
		return nil, err
	}
	for i, d := range list {
		if d.Reason == "" || d.Kind == "" {
			return nil, fmt.Errorf("entry %d: a kind and a reason are needed", i+1)
		}
		for _, pattern := range []string{d.Kind, d.Mutation, escape(d.Path)} {
			if _, err := path.Match(pattern, ""); err != nil {
				return nil, fmt.Errorf("entry %d: %q: %w", i+1, pattern, err)
			}
		}
	}
	return list, nil
}

// Explains tells whether the difference is this one.
func (d Disagreement) Explains(kind string, m mutate.Mutation, message string) bool {
	match := func(pattern, text string) bool {
		if pattern == "" {
			return true
		}
		// A slash is nothing special here.
		ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(text, "/", "\x00"))
		return ok && err == nil
	}
	return match(d.Kind, kind) && match(d.Mutation, m.Name) && match(escape(d.Path), mutate.Text(m.Path)) && strings.Contains(message, d.Message)
}

// escape takes the brackets of indexes literally.
func escape(pattern string) string { return strings.ReplaceAll(pattern, "[", `\[`) }
