package manifest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

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
	sealed := false
	if notes, ok := o.Value["sops"].(map[string]any); ok && isSealed(notes) {
		sealed = true
	}
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
			if o.unsealData(field, sealed) {
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
	return encrypted.MatchString(mac) && hasRecipient(notes)
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
// encrypted dotenv file with which SOPS describes it. It reports whether there was any.
func (o *Object) unsealData(field string, sealed bool) bool {
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
	described := encrypted.MatchString(plain(values["sops_mac"])) && values["sops_version"] != nil
	changed := false
	for key, value := range values {
		text, _ := value.(string)
		switch {
		case described && strings.HasPrefix(key, "sops_"):
			delete(values, key)
		case sealed && isEncrypted(text) != "", (sealed || described) && isEncrypted(plain(value)) != "", IsSealedFile(plain(value)):
			o.Unknown = append(o.Unknown, Path{field, key})
			if values[key] = sealedText; encoded {
				values[key] = sealedData
			}
		default:
			continue
		}
		changed = true
	}
	return changed
}

// sealedINI is how SOPS describes an encrypted file of INI.
var sealedINI = regexp.MustCompile(`(?ms)^\[sops\]\s*$.*^mac\s*=\s*ENC\[AES256_GCM,data:`)

// IsSealedFile reports whether a text is a file that SOPS encrypted as a whole: YAML or JSON with a field `sops`, which is
// also what becomes of a file of bytes; a dotenv file; INI.
func IsSealedFile(text string) bool {
	if !strings.Contains(text, "sops") || !strings.Contains(text, "ENC[AES256_GCM,data:") {
		return false
	}
	var file struct {
		SOPS map[string]any `json:"sops"`
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return json.Unmarshal([]byte(text), &file) == nil && isSealed(file.SOPS)
	}
	if sealedINI.MatchString(text) || sealedDotenv.MatchString(text) && strings.Contains(text, "\nsops_version=") {
		return true
	}
	documents, err := ParseDocuments("", []byte(text))
	if err != nil || len(documents) == 0 {
		return false
	}
	written, err := documents[0].JSON()
	return err == nil && json.Unmarshal(written, &file) == nil && isSealed(file.SOPS)
}

// SealedValues are the keys and the encrypted values of an encrypted file with one level of them: dotenv, YAML or JSON. Notes are
// what SOPS says of the file, as an encrypted object has it.
func SealedValues(file string, text []byte) (values map[string]string, notes map[string]any, err error) {
	values = map[string]string{}
	if sealedDotenv.Match(text) {
		notes = map[string]any{"age": []any{map[string]any{"recipient": file}}}
		for line := range strings.Lines(string(text)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			switch {
			case !ok || strings.HasPrefix(key, "#"):
			case key == "sops_mac":
				notes["mac"] = value
			case !strings.HasPrefix(key, "sops_"):
				values[key] = value
			}
		}
		return values, notes, nil
	}
	documents, err := ParseDocuments(file, text)
	if err != nil {
		return nil, nil, err
	}
	var content map[string]any
	if len(documents) > 0 {
		written, err := documents[0].JSON()
		if err == nil {
			err = json.Unmarshal(written, &content)
		}
		if err != nil {
			return nil, nil, &SyntaxError{Position{File: file}, err.Error()}
		}
	}
	notes, _ = content["sops"].(map[string]any)
	for key, value := range content {
		text, isText := value.(string)
		switch {
		case key == "sops":
		case !isText:
			return nil, nil, &SyntaxError{Position{File: file}, fmt.Sprintf("%s is no text: the file has keys and their values, and nothing within them", key)}
		default:
			values[key] = text
		}
	}
	return values, notes, nil
}

// sealedDotenv is how SOPS describes an encrypted dotenv file.
var sealedDotenv = regexp.MustCompile(`(?m)^sops_mac=ENC\[AES256_GCM,data:`)

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

// hasRecipient reports whether somebody could read what is encrypted.
func hasRecipient(notes map[string]any) bool {
	for _, kind := range []string{"age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "key_groups"} {
		if list, _ := notes[kind].([]any); len(list) > 0 {
			return true
		}
	}
	return false
}

// Written is the object's JSON as it stands, with what is encrypted.
func (o *Object) Written() []byte {
	if o.written != nil {
		return o.written
	}
	return o.JSON
}
