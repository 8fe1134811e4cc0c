package twin

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// longestUID is of a dashboard: https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/dashboard/
const longestUID = 40

// dashboard gives the copy of a dashboard of Grafana a uid and a title of its own, where those of the original do not name what
// is taken after: of two that share a uid Grafana keeps one. What is no dashboard stays as it is.
func dashboard(original, copied []byte, like renaming.Name) []byte {
	was, ok := topOf(original)
	if !ok || renaming.Names(was["uid"].value, like) {
		return copied
	}
	is, ok := topOf(copied)
	uid, suffix := is["uid"], "-"+like.New
	if !ok || uid.value == "" || len(suffix) > longestUID {
		return copied
	}
	edits := []topValue{{uid.begin, uid.end, uid.value[:min(len(uid.value), longestUID-len(suffix))] + suffix}}
	if title := is["title"]; title.value != "" && !renaming.Names(was["title"].value, like) {
		edits = append(edits, topValue{title.end, title.end, ", " + like.New})
	}
	slices.SortFunc(edits, func(a, b topValue) int { return b.begin - a.begin })
	for _, e := range edits {
		copied = slices.Concat(copied[:e.begin], []byte(e.value), copied[e.end:])
	}
	return copied
}

// topValue is a text at the top of a JSON object, and where it stands between its quotes.
type topValue struct {
	begin, end int
	value      string
}

// topOf are the texts at the top of a dashboard; false for what is none.
func topOf(text []byte) (map[string]topValue, bool) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('{') {
		return nil, false
	}
	values, panels := map[string]topValue{}, false
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		name, _ := key.(string)
		var raw json.RawMessage
		if decoder.Decode(&raw) != nil {
			return nil, false
		}
		var value string
		if json.Unmarshal(raw, &value) == nil && len(raw) > 1 {
			end := int(decoder.InputOffset()) - 1
			values[name] = topValue{end - len(raw) + 2, end, value}
		}
		panels = panels || name == "panels"
	}
	return values, panels
}
