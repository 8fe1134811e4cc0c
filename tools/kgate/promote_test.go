package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestPromotionSchema holds docs/promotion.schema.json to what is printed: the same keys, and those that may be missing.
func TestPromotionSchema(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "docs", "promotion.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	type schema struct {
		Required   []string
		Properties map[string]*schema
		Items      *schema
		Ref        string             `json:"$ref"`
		Defs       map[string]*schema `json:"$defs"`
	}
	var root schema
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	compared := 0
	var compare func(at string, s *schema, of reflect.Type)
	compare = func(at string, s *schema, of reflect.Type) {
		if s.Ref != "" {
			s = root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		}
		if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
			s, of = s.Items, of.Elem()
		}
		if s == nil || of.Kind() != reflect.Struct || len(s.Properties) == 0 {
			return
		}
		var keys []string
		for i := range of.NumField() {
			key, options, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			keys = append(keys, key)
			property := s.Properties[key]
			if property == nil {
				t.Errorf("%s.%s is not in the schema", at, key)
				continue
			}
			if required := slices.Contains(s.Required, key); required == (options == "omitempty") {
				t.Errorf("%s.%s: required %t, and printed with %q", at, key, required, options)
			}
			compare(at+"."+key, property, of.Field(i).Type)
		}
		for key := range s.Properties {
			if !slices.Contains(keys, key) {
				t.Errorf("%s.%s is in the schema alone", at, key)
			}
		}
		compared++
	}
	compare("", &root, reflect.TypeFor[promotionJSON]())
	if compared != 7 { // the document, moves, changes, what changes with them and what does not, and refusals twice
		t.Errorf("%d mappings were compared", compared)
	}
}
