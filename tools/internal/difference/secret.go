package difference

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Secret stands for a value that nobody is to read: of two, one can tell whether they are the same.
type Secret struct {
	Digest string // the first twelve hexadecimal digits of the SHA-256 of the value, as a container gets it
	Bytes  int    // its length
	Sealed bool   // it is encrypted, and both are of the cipher text
}

// String is "sha256:0123456789ab, 12 bytes".
func (s Secret) String() string {
	unit := "bytes"
	if s.Bytes == 1 {
		unit = "byte"
	}
	if s.Sealed {
		unit += " encrypted"
	}
	return fmt.Sprintf("sha256:%s, %d %s", s.Digest, s.Bytes, unit)
}

// MarshalJSON writes String.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

func digestOf(text []byte, sealed bool) Secret {
	sum := sha256.Sum256(text)
	return Secret{Digest: hex.EncodeToString(sum[:6]), Bytes: len(text), Sealed: sealed}
}

// isSecret reports a Secret, also one whose apiVersion is wrong or of somebody's own: what it holds is none the less secret.
func isSecret(o *manifest.Object) bool { return o.Kind == "Secret" }

// keyed are the fields of a Secret in which the server looks for its keys.
var keyed = []string{"data", "stringData"}

// hasKeys reports a Secret of which the server would read the keys.
func hasKeys(o *manifest.Object) bool {
	return o.APIVersion == "v1" && isSecret(o) && !slices.ContainsFunc(keyed, func(field string) bool {
		_, ok := o.Value[field].(map[string]any)
		return !ok && o.Value[field] != nil
	})
}

// lastApplied is where kubectl writes an object down as it was applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// sealedOf are the texts of an object that are encrypted, by the paths of the fields that hold them.
func sealedOf(o *manifest.Object) (map[string]string, error) {
	if len(o.Unknown) == 0 {
		return nil, nil
	}
	written, err := o.AsWritten()
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, path := range o.Unknown {
		if value, ok := path.Lookup(written.Value); ok && !identical(value, manifest.At(o.Value, path...)) {
			text, isText := value.(string)
			if !isText {
				plain, err := json.Marshal(value)
				if err != nil {
					return nil, err
				}
				text = string(plain)
			}
			texts[path.String()] = text
		}
	}
	return texts, nil
}

// hidden is what stands for a value that is encrypted.
func (w *walker) hidden(s side, o *manifest.Object, texts map[string]string) (Secret, bool) {
	if !s.is || len(texts) == 0 || !o.Hides(s.path) {
		return Secret{}, false
	}
	text, ok := texts[s.path.String()]
	return digestOf([]byte(text), true), ok
}

// content is one key of a Secret: what a container gets, and the field that it is written in.
type content struct {
	path   manifest.Path
	secret Secret
	// invalid reports data that is no base64: the digest is of the text.
	invalid bool
}

// contents are the keys of a Secret as the server has them: stringData is written over data.
func contents(o *manifest.Object, sealed map[string]string) map[string]content {
	all := map[string]content{}
	for _, field := range keyed {
		values, _ := o.Value[field].(map[string]any)
		for key, value := range values {
			c := content{path: manifest.Path{field, key}}
			text, isText := value.(string)
			cipher, isSealed := sealed[c.path.String()]
			switch {
			case isSealed:
				c.secret = digestOf([]byte(cipher), true)
			case !isText && value != nil:
				written, _ := json.Marshal(value) // decoded content always can be
				c.secret, c.invalid = digestOf(written, false), true
			case field == "data":
				decoded, err := base64.StdEncoding.DecodeString(text)
				if c.invalid = err != nil; c.invalid {
					decoded = []byte(text)
				}
				c.secret = digestOf(decoded, false)
			default:
				c.secret = digestOf([]byte(text), false)
			}
			all[key] = c
		}
	}
	return all
}

// secret compares the keys of two Secrets.
func (w *walker) secret() {
	was, is := contents(w.old, w.oldSealed), contents(w.new, w.newSealed)
	keys := map[string]bool{}
	for _, side := range []map[string]content{was, is} {
		for key := range side {
			keys[key] = true
		}
	}
	var found []Change
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		a, had := was[key]
		b, has := is[key]
		switch {
		case !had:
			found = append(found, Change{Path: b.path, New: b.secret})
		case !has:
			found = append(found, Change{Path: a.path, OldPath: a.path, Old: a.secret, Removed: true})
		case a.secret != b.secret || a.invalid != b.invalid:
			found = append(found, Change{Path: b.path, OldPath: a.path, Old: a.secret, New: b.secret})
		case !slices.Equal(a.path, b.path) || !identical(manifest.At(w.old.Value, a.path...), manifest.At(w.new.Value, b.path...)):
			found = append(found, Change{Path: b.path, OldPath: a.path, Old: a.secret, New: b.secret, Equal: Format})
		}
	}
	// Where the field would have come among the others.
	at := slices.IndexFunc(w.changes, func(c Change) bool {
		name, _ := c.Path[0].(string)
		return !slices.Contains(first, name) && cmp.Compare(name, "data") > 0
	})
	if at < 0 {
		at = len(w.changes)
	}
	w.changes = slices.Insert(w.changes, at, found...)
}

// hide keeps what nobody is to read of a Secret out of the changes that follow from one on.
func (w *walker) hide(from int) {
	for i := range w.changes[from:] {
		c := &w.changes[from+i]
		old, new := c.Old, c.New
		c.Old, c.New, c.Default = masked(c.Old, c.Path), masked(c.New, c.Path), masked(c.Default, c.Path)
		if c.Lines != nil && (c.Old != old || c.New != new) { // two texts
			c.Lines = nil
		}
	}
}

// open are the fields of a Secret that are for anybody to read, as far as each holds what it should.
var open = map[string]func(value any) bool{
	"apiVersion": isText, "kind": isText, "type": isText,
	"immutable": func(value any) bool { _, ok := value.(bool); return ok },
}

func isText(value any) bool { _, ok := value.(string); return ok }

// masked is a value at a place in a Secret with digests for what nobody is to read. Of the metadata that is what kubectl wrote down.
// A field that a Secret does not have may be a misspelt one: it is hidden like the others.
func masked(value any, at manifest.Path) any {
	if len(at) == 1 {
		if name, _ := at[0].(string); open[name] != nil && open[name](value) {
			return value
		}
	}
	switch v := value.(type) {
	case nil, Null, Secret:
		return value
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = masked(field, step(at, name))
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = masked(item, step(at, i))
		}
		return items
	case string:
		if !isOpen(at) {
			return digestOf([]byte(v), false)
		}
	default:
		if !isOpen(at) {
			written, _ := json.Marshal(v) // decoded content always can be
			return digestOf(written, false)
		}
	}
	return value
}

// isOpen reports a place in the metadata of a Secret, but for what kubectl wrote down.
func isOpen(at manifest.Path) bool {
	return len(at) > 0 && at[0] == "metadata" && !(len(at) >= 3 && at[1] == "annotations" && at[2] == lastApplied)
}

// Shown is what an object says as a Change would: without what nobody is to read. It shares what it does not change.
func Shown(o *manifest.Object) (map[string]any, error) {
	sealed, err := sealedOf(o)
	if err != nil {
		return nil, err
	}
	if !isSecret(o) && len(sealed) == 0 {
		return o.Value, nil
	}
	value, _ := veiled(o.Value, nil, sealed).(map[string]any)
	if isSecret(o) {
		keys := hasKeys(o)
		for field := range value {
			if !keys || !slices.Contains(keyed, field) {
				value[field] = masked(value[field], manifest.Path{field})
			}
		}
		if !keys {
			return value, nil
		}
		all := contents(o, sealed)
		for _, field := range keyed {
			if _, ok := value[field].(map[string]any); !ok {
				continue
			}
			fields := map[string]any{}
			for key, c := range all {
				if c.path[0] == field {
					fields[key] = c.secret
				}
			}
			value[field] = fields
		}
	}
	return value, nil
}

// veiled is a copy of a value with digests of what is encrypted.
func veiled(value any, at manifest.Path, sealed map[string]string) any {
	if text, ok := sealed[at.String()]; ok {
		return digestOf([]byte(text), true)
	}
	switch v := value.(type) {
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = veiled(field, step(at, name), sealed)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = veiled(item, step(at, i), sealed)
		}
		return items
	}
	return value
}
