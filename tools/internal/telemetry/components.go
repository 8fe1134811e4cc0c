package telemetry

import (
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed components.json
var componentsJSON []byte

// components are the keys that components of a Collector take, by role and type: read once, and by all who ask.
var components = sync.OnceValue(func() map[string]map[string]shape {
	var known map[string]map[string]shape
	if err := json.Unmarshal(componentsJSON, &known); err != nil {
		panic("components.json: " + err.Error()) // a test reads it
	}
	return known
})
