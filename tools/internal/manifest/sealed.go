package manifest

import (
	"regexp"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// What SOPS makes of a value: https://github.com/getsops/sops/blob/main/README.rst#encryption-protocol. Anything else in an
// encrypted object is plain.
var sealed = regexp.MustCompile(`^ENC\[AES256_GCM,data:[A-Za-z0-9+/=]*,iv:[A-Za-z0-9+/=]+,tag:[A-Za-z0-9+/=]+,type:(str|int|float|bool|bytes|comment)\]$`)

// What stands for a text that SOPS encrypted: in a Secret JSON that holds nothing, because some Secrets have to be JSON, and
// elsewhere a text that is a name, a quantity and a number in one. Numbers are 0, and booleans true.
const (
	sealedText       = "1"
	sealedData       = "e30="
	sealedStringData = "{}"
)

// unseal makes an object that SOPS encrypted what it is to a cluster, as far as that can be known: without the field `sops`,
// and with placeholders for what only the owner of a key can read. The key is never asked for.
func (o *Object) unseal() error {
	notes, ok := o.Value["sops"].(map[string]any)
	if mac, _ := notes["mac"].(string); !ok || !sealed.MatchString(mac) {
		return nil
	}
	o.written, o.sealed = o.JSON, map[string]bool{}
	delete(o.Value, "sops")
	secret := o.Kind == "Secret" && o.APIVersion == "v1"
	for key, value := range o.Value {
		text := sealedText
		switch {
		case secret && key == "data":
			text = sealedData
		case secret && key == "stringData":
			text = sealedStringData
		}
		o.Value[key] = o.placeholder(Path{key}, value, text)
	}
	o.ID = Identify(o.Value)
	var err error
	o.JSON, err = utiljson.Marshal(o.Value)
	return err
}

func (o *Object) placeholder(at Path, value any, text string) any {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			value[key] = o.placeholder(append(slices.Clip(at), key), field, text)
		}
	case []any:
		for i, item := range value {
			value[i] = o.placeholder(append(slices.Clip(at), i), item, text)
		}
	case string:
		if parts := sealed.FindStringSubmatch(value); parts != nil {
			o.sealed[at.String()] = true
			switch parts[1] {
			case "int":
				return int64(0)
			case "float":
				return float64(0)
			case "bool":
				return true
			}
			return text
		}
	}
	return value
}

// IsSealed reports a field whose value is a placeholder: what it is nobody knows here.
func (o *Object) IsSealed(path Path) bool { return o.sealed[path.String()] }

// Written is the object's JSON as it stands, with what is encrypted.
func (o *Object) Written() []byte {
	if o.written != nil {
		return o.written
	}
	return o.JSON
}
