package manifest

import (
	"encoding/base64"
	"regexp"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// What SOPS makes of a value: https://github.com/getsops/sops/blob/main/README.rst#encryption-protocol. Anything else in an
// encrypted object is plain.
var encrypted = regexp.MustCompile(`^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]+),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(?:str|bytes)\]$`)

// What stands for a value that SOPS encrypted: JSON that holds nothing, because some Secrets have to be JSON.
const (
	sealedText = "{}"
	sealedData = "e30="
)

// unseal makes a Secret or a ConfigMap that SOPS encrypted what it is to a cluster, as far as that can be known: without the
// field `sops`, and with placeholders for the values that only the owner of a key can read. The key is never asked for. Of
// other kinds nothing is taken on trust: what is encrypted there, an account or a switch, might be what a rule keeps out.
func (o *Object) unseal() error {
	core := o.APIVersion == "v1" && (o.Kind == "Secret" || o.Kind == "ConfigMap")
	notes, ok := o.Value["sops"].(map[string]any)
	if mac, _ := notes["mac"].(string); !core || !ok || !encrypted.MatchString(mac) || !hasRecipient(notes) {
		return nil
	}
	o.written = o.JSON
	delete(o.Value, "sops")
	for _, field := range []string{"data", "stringData", "binaryData"} {
		placeholder := sealedText
		if field == "binaryData" || field == "data" && o.Kind == "Secret" {
			placeholder = sealedData
		}
		values, _ := o.Value[field].(map[string]any)
		for key, value := range values {
			if text, _ := value.(string); isEncrypted(text) {
				values[key] = placeholder
			}
		}
	}
	var err error
	o.JSON, err = utiljson.Marshal(o.Value)
	return err
}

// isEncrypted reports a value that SOPS may have written: whether there is a cipher text in it is for the owner of the key to
// say.
func isEncrypted(text string) bool {
	parts := encrypted.FindStringSubmatch(text)
	if parts == nil {
		return false
	}
	for i, size := range []int{0, 32, 16} { // of data any; of an initialization vector and a tag
		decoded, err := base64.StdEncoding.DecodeString(parts[i+1])
		if err != nil || size > 0 && len(decoded) != size {
			return false
		}
	}
	return true
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
