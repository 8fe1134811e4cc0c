package manifest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// What SOPS makes of a value: https://github.com/getsops/sops/blob/main/README.rst#encryption-protocol. Anything else in an
// encrypted object is plain.
var encrypted = regexp.MustCompile(`^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]+),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(str|bytes|int|float|bool|time|comment)\]$`)

// What stands for a value that SOPS encrypted: JSON that holds nothing, because some Secrets have to be JSON.
const (
	sealedText = "{}"
	sealedData = "e30="
)

// Sealed is what stands for contents of a Secret that are not in the repository, of the field with encoded ones or the other.
func Sealed(encoded bool) string {
	if encoded {
		return sealedData
	}
	return sealedText
}

// unseal makes an object that SOPS encrypted what it is to a cluster, as far as that can be known: without the field `sops`,
// and with placeholders, which it remembers as unknown, for the values that only the owner of a key can read. The key is never
// asked for. A Secret or a ConfigMap may hold files that are encrypted as a whole, as a generator takes them.
func (o *Object) unseal() error {
	notes, _ := o.Value["sops"].(map[string]any)
	sealed := isSealed(notes)
	core := o.APIVersion == "v1" && (o.Kind == "Secret" || o.Kind == "ConfigMap")
	if !sealed && !(core && bytes.Contains(o.JSON, []byte("sops")) || core && o.Kind == "Secret" && o.Value["data"] != nil) {
		return nil
	}
	changed := false
	if sealed {
		changed = true
		delete(o.Value, "sops")
	}
	if core {
		for _, field := range []string{"data", "stringData", "binaryData"} {
			if o.unsealData(field, sealed, notes) {
				changed = true
			}
		}
	}
	if sealed {
		for key, value := range o.Value {
			if core && (key == "data" || key == "stringData" || key == "binaryData") {
				continue
			}
			o.Value[key] = o.placeholders(value, Path{key})
		}
	}
	if !changed {
		return nil
	}
	o.written = o.JSON
	var err error
	o.JSON, err = utiljson.Marshal(o.Value)
	return err
}

// isSealed reports whether a field or a file `sops` is what SOPS writes: somebody could read what is encrypted.
func isSealed(notes map[string]any) bool {
	mac, _ := notes["mac"].(string)
	_, ok := rulesOf(notes)
	return ok && encrypted.MatchString(mac) && notes["version"] != nil && notes["version"] != "" && hasRecipient(notes)
}

// placeholders are what stands for the encrypted values of a tree, each of the type that it had.
func (o *Object) placeholders(value any, path Path) any {
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			value[key] = o.placeholders(child, append(path[:len(path):len(path)], key))
		}
	case []any:
		for i, child := range value {
			value[i] = o.placeholders(child, append(path[:len(path):len(path)], i))
		}
	case string:
		if typ := isEncrypted(value); typ != "" {
			o.Unknown = append(o.Unknown, path)
			if slices.Contains(identifying, path.String()) {
				return value // until it is decrypted, the object is called so
			}
			switch typ {
			case "int":
				return int64(1)
			case "float":
				return 1.0
			case "bool":
				return true
			}
			return sealedText
		}
	}
	return value
}

// identifying are the fields that say which object it is.
var identifying = []string{"apiVersion", "kind", "metadata.name", "metadata.namespace"}

// unsealData puts placeholders for what is encrypted in the values of a Secret or a ConfigMap, and leaves out the keys of an
// encrypted dotenv file with which SOPS describes it. Beside what is encrypted, a Secret may hold what its rules leave in plain, unless
// that may be a credential. It reports whether there was any.
func (o *Object) unsealData(field string, sealed bool, notes map[string]any) bool {
	values, _ := o.Value[field].(map[string]any)
	encoded := field == "binaryData" || field == "data" && o.Kind == "Secret"
	plain := func(value any) string {
		text, _ := value.(string)
		if encoded {
			decoded, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return text
			}
			return string(decoded)
		}
		return text
	}
	written := map[string]string{}
	for key, value := range values {
		written[key] = plain(value)
	}
	own, described := notesOf(written, "sops_")
	at := []string{field}
	if described {
		notes, at = own, nil
	}
	rules, _ := rulesOf(notes)
	beside := o.Kind == "Secret" && (sealed || described) && hasEncrypted(values, plain)
	changed := false
	for key, value := range values {
		text, _ := value.(string)
		switch {
		case described && isNote(key, "sops_"):
			delete(values, key)
		case sealed && isEncrypted(text) != "", (sealed || described) && isEncrypted(plain(value)) != "",
			beside && text != "" && !rules.encrypts(append(at, key)) && isHarmless(key, plain(value)):
			o.Unknown = append(o.Unknown, Path{field, key})
			values[key] = Sealed(encoded)
		default:
			file, ok := sealedFileOf(plain(value))
			if !ok {
				continue
			}
			rest, ok := file.rest(o.Kind, encoded)
			if !ok {
				continue
			}
			if values[key] = rest; rest == Sealed(encoded) {
				o.Unknown = append(o.Unknown, Path{field, key})
			}
		}
		changed = true
	}
	return changed
}

func hasEncrypted(values map[string]any, plain func(any) string) bool {
	for _, value := range values {
		if text, _ := value.(string); isEncrypted(text) != "" || isEncrypted(plain(value)) != "" {
			return true
		}
	}
	return false
}

// isHarmless reports a value of a Secret that stands there in plain and is no credential: one word or line, and no file.
func isHarmless(key, text string) bool {
	return !isCredential([]string{key}, text) && !tellsCredential(text) && !wholeFile.MatchString(text)
}

// wholeFile is a text that is more than one value: of several lines, of JSON, or a URL with who may use it.
var wholeFile = regexp.MustCompile(`\n.|^\s*[\[{]|://[^/\s]*@`)

// isEncrypted is the type of a value that SOPS may have written, "" of any other: whether there is a cipher text in it is for
// the owner of the key to say.
func isEncrypted(text string) string {
	parts := encrypted.FindStringSubmatch(text)
	if parts == nil {
		return ""
	}
	for i, size := range []int{0, 32, 16} { // of data any; of an initialization vector and a tag
		decoded, err := base64.StdEncoding.DecodeString(parts[i+1])
		if err != nil || size > 0 && len(decoded) != size {
			return ""
		}
	}
	return parts[4]
}

// hasRecipient reports whether somebody could read what is encrypted: the key of it is there, encrypted for them.
func hasRecipient(notes map[string]any) bool {
	for _, kind := range []string{"age", "pgp", "kms", "gcp_kms", "hckms", "azure_kv", "hc_vault"} {
		for _, recipient := range ListAt(notes, kind) {
			if TextAt(recipient, "enc") != "" {
				return true
			}
		}
	}
	return slices.ContainsFunc(ListAt(notes, "key_groups"), func(group any) bool {
		recipients, _ := group.(map[string]any)
		return recipients["key_groups"] == nil && hasRecipient(recipients)
	})
}

// Written is the object's JSON as it stands, with what is encrypted.
func (o *Object) Written() []byte {
	if o.written != nil {
		return o.written
	}
	return o.JSON
}

// IsSealed reports an object that SOPS encrypted, and no one that only holds files which it did.
func (o *Object) IsSealed() bool {
	if o.written == nil {
		return false
	}
	var written struct {
		SOPS map[string]any `json:"sops"`
	}
	return utiljson.Unmarshal(o.written, &written) == nil && isSealed(written.SOPS)
}

// AsWritten is an object that SOPS encrypted as it stands: what a cluster gets where nobody decrypts it.
func (o *Object) AsWritten() (*Object, error) {
	var value map[string]any
	if err := utiljson.Unmarshal(o.Written(), &value); err != nil {
		return nil, fmt.Errorf("decode %s: %w", o.ID, err)
	}
	return &Object{ID: Identify(value), Value: value, JSON: o.Written(), Source: o.Source}, nil
}
