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

func isSecret(o *manifest.Object) bool { return o.APIVersion == "v1" && o.Kind == "Secret" }

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
	for _, field := range []string{"data", "stringData"} {
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

// hideApplied keeps what kubectl wrote down of a Secret from the changes that follow from one on.
func (w *walker) hideApplied(from int) {
	for i := range w.changes[from:] {
		c := &w.changes[from+i]
		c.Old, c.New = masked(c.Old, c.Path), masked(c.New, c.Path)
		if len(c.Path) > 2 && c.Path[2] == lastApplied {
			c.Lines = nil
		}
	}
}

// masked is a value of the metadata of a Secret without what kubectl wrote down.
func masked(value any, at manifest.Path) any {
	switch v := value.(type) {
	case string:
		if len(at) == 3 && at[1] == "annotations" && at[2] == lastApplied {
			return digestOf([]byte(v), false)
		}
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = masked(field, step(at, name))
		}
		return fields
	}
	return value
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
		value["metadata"] = masked(value["metadata"], manifest.Path{"metadata"})
		all := contents(o, sealed)
		for _, field := range []string{"data", "stringData"} {
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
