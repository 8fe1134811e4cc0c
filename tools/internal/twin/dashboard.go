package twin

import (
	"bytes"
	"encoding/json"

	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// dashboard gives a copied dashboard of Grafana a uid and a title of its own, where neither names what is taken after: of two that
// share a uid Grafana keeps one. What is no dashboard stays as it is.
func dashboard(text []byte, like renaming.Name) []byte {
	ends := map[string]int64{} // of the values at the top, before their closing quote
	values := map[string]string{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return text
	}
	panels := false
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return text
		}
		name, _ := key.(string)
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return text
		}
		var value string
		if json.Unmarshal(raw, &value) == nil && value != "" {
			ends[name], values[name] = decoder.InputOffset()-1, value
		}
		panels = panels || name == "panels"
	}
	uid, title := values["uid"], values["title"]
	const longest = 40 // of a uid: https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/dashboard/
	if !panels || uid == "" || renaming.Names(uid, like) || len(uid)+1+len(like.New) > longest {
		return text
	}
	added := map[int64]string{ends["uid"]: "-" + like.New}
	if title != "" && !renaming.Names(title, like) {
		added[ends["title"]] = ", " + like.New
	}
	var b bytes.Buffer
	for i, c := range text {
		b.WriteString(added[int64(i)])
		b.WriteByte(c)
	}
	return b.Bytes()
}
