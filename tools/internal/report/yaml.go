package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// YAML writes the JSON report as YAML: the same keys, sorted, with the same promise. Every text stands on one line between
// double quotes, so that readers of YAML 1.1 and 1.2 agree about it, and none of its lines is one of the document.
func YAML(w io.Writer, r Report, _ Options) error {
	written, err := r.json()
	if err != nil {
		return err
	}
	text, err := encode(written)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var report any
	if err := decoder.Decode(&report); err != nil {
		return fmt.Errorf("turn JSON into YAML: %w", err)
	}
	var out bytes.Buffer
	if err := block(&out, report, ""); err != nil {
		return fmt.Errorf("turn JSON into YAML: %w", err)
	}
	_, err = w.Write(terminal.YAML(out.Bytes()))
	return err
}

// block writes a value below a key, or at the beginning of a document. What stands in the same line has been written.
func block(out *bytes.Buffer, value any, indent string) error {
	switch value := value.(type) {
	case map[string]any:
		for i, key := range slices.Sorted(maps.Keys(value)) {
			if i > 0 {
				out.WriteString(indent)
			}
			if err := name(out, key, indent); err != nil {
				return err
			}
			if err := inner(out, value[key], indent, indent+"  "); err != nil {
				return err
			}
		}
	case []any:
		for i, item := range value {
			if i > 0 {
				out.WriteString(indent)
			}
			out.WriteByte('-')
			if _, isMap := item.(map[string]any); isMap {
				out.WriteByte(' ')
				if err := block(out, item, indent+"  "); err != nil {
					return err
				}
			} else if err := inner(out, item, indent+"  ", indent+"  "); err != nil {
				return err
			}
		}
	}
	return nil
}

var (
	// plain are keys that no reader of YAML takes for anything but a text.
	plain = regexp.MustCompile(`^[a-z][a-zA-Z]+$`)
	// other are those that readers of YAML 1.1 take for a truth or for nothing.
	other = []string{"on", "off", "yes", "no", "true", "false", "null"}
)

// longestKey is how long a key may be that stands on the line of its value, of 1024 characters that YAML lets it have.
const longestKey = 500

// name writes a key. Those of objects are written by whoever wrote the manifests.
func name(out *bytes.Buffer, key, indent string) error {
	if plain.MatchString(key) && !slices.Contains(other, key) && len(key) < longestKey {
		out.WriteString(key + ":")
		return nil
	}
	text, err := encode(key)
	if err != nil {
		return err
	}
	quoted := strings.TrimSpace(string(text))
	if len(quoted) < longestKey {
		out.WriteString(quoted + ":")
		return nil
	}
	out.WriteString("? " + quoted + "\n" + indent + ":")
	return nil
}

// inner writes what a key or a dash has: below it, or behind it on the same line. A list is as far in as its key.
func inner(out *bytes.Buffer, value any, list, fields string) error {
	switch value := value.(type) {
	case map[string]any:
		if len(value) > 0 {
			out.WriteString("\n" + fields)
			return block(out, value, fields)
		}
	case []any:
		if len(value) > 0 {
			out.WriteString("\n" + list)
			return block(out, value, list)
		}
	}
	text, err := encode(value)
	if err != nil {
		return err
	}
	out.WriteString(" " + strings.TrimSpace(string(text)) + "\n")
	return nil
}
