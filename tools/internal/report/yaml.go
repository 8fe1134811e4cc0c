package report

import (
	"bytes"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

// YAML writes the JSON report as YAML: the same keys, with the same promise.
func YAML(w io.Writer, r Report, options Options) error {
	var text bytes.Buffer
	if err := JSON(&text, r, options); err != nil {
		return err
	}
	document, err := yaml.JSONToYAML(escaped(text.Bytes()))
	if err != nil {
		return fmt.Errorf("turn JSON into YAML: %w", err)
	}
	_, err = w.Write(document)
	return err
}

// escaped is JSON in which the characters that JSON may hold as they are, and YAML may not, are escaped.
func escaped(text []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(text) {
		if 0x7f <= r && r < 0xa0 || 0xfdd0 <= r && r <= 0xfdef || r == 0xfeff || r == 0xfffe || r == 0xffff {
			_, _ = fmt.Fprintf(&out, `\u%04x`, r) // a buffer takes everything
		} else {
			out.WriteRune(r)
		}
	}
	return out.Bytes()
}
